// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "hist.h"
#include "histview.h"
#include "names.h"

#define MAX_LINES	12	/* of one histogram; then bins are joined */
#define MIN_GAP		3	/* empty lines in a row that are left out */
#define BAR_LEN		40
#define MAX_BARS	8	/* histograms that are drawn */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

typedef char *(*fmt_fn)(char *buf, size_t size, uint64_t v);

/* ---- what there is to show ----------------------------------------------- */

enum what { LATENCY, PHASE, LENGTH, MISSING, SHARE, WHATS };

static const struct {
	const char *name;	/* in JSON and CSV */
	const char *title;
	const char *unit;
	fmt_fn fmt;
} whats[WHATS] = {
	[LATENCY] = { "latency", "latency of", "ns", fmt_ns },
	[PHASE] = { "phase", "phase of", "ns", fmt_ns },
	[LENGTH] = { "mapping_length", "length of mappings,", "bytes", fmt_bytes },
	[MISSING] = { "missing", "bytes missing in short ends,", "bytes", fmt_bytes },
	[SHARE] = { "share", "written of count,", "percent" },	/* no histogram; CSV only */
};

/* One histogram and what it is of. */
struct item {
	const struct histview *v;
	const struct window *w;
	enum what what;
	unsigned int by;		/* parts of the key that mean something */
	struct fi_cell_key key;
	int phase;			/* of PHASE */
	const struct fi_cell *cell;	/* LATENCY: all that was counted */
	const struct fi_hist *h;
};

struct items {
	struct item *item;
	size_t n;
	size_t size;
	struct rows rows[1 + FI_PHASES];	/* what items point into */
	struct fi_hist *hists;
};

static struct item *item_add(struct items *list, const struct histview *v,
			     const struct window *w, enum what what)
{
	struct item *it;

	if (list->n == list->size) {
		list->size = list->size ? list->size * 2 : 64;
		list->item = xrealloc(list->item, list->size * sizeof(*list->item));
	}
	it = &list->item[list->n++];
	*it = (struct item){ .v = v, .w = w, .what = what };
	return it;
}

/*
 * Differences of the histograms beside the cells. Where operations are not told
 * apart, the phases of all of them are in the first one's place.
 */
static void make_hists(struct items *list, const struct histview *v, const struct window *w)
{
	static const struct fi_hist none;

	if (!w->now->hists)
		return;
	list->hists = xcalloc(FI_HISTS, sizeof(*list->hists));
	for (int i = 0; i < FI_HISTS; i++)
		hist_diff(&list->hists[i], &w->now->hists[i],
			  w->before->hists ? &w->before->hists[i] : &none);
	if (v->by & BY_OP)
		return;
	for (int k = 0; k < FI_KINDS; k++)
		for (int op = 1; op < FI_OPS; op++)
			for (int ph = 0; ph < FI_PHASES; ph++)
				hist_merge(&list->hists[FI_H_PHASE(k, 0, ph)],
					   &list->hists[FI_H_PHASE(k, op, ph)]);
}

/* The key is a row's first member. */
static int row_cmp(const void *key, const void *row)
{
	return cell_key_cmp(key, row);
}

static const struct fi_hist *find_phase(const struct items *list, const struct window *w,
					const struct fi_cell_key *key, int kind, int phase)
{
	const struct rows *rows = &list->rows[1 + phase];
	const struct row *r;

	if (!w->phase_now)
		return list->hists ? &list->hists[FI_H_PHASE(kind, key->op, phase)] : NULL;
	r = rows->n ? bsearch(key, rows->row, rows->n, sizeof(*r), row_cmp) : NULL;
	return r ? &r->kind[kind]->v.lat : NULL;
}

/* Without a table for it there are still the sums, in the cell. */
static bool has_phases(const struct histview *v)
{
	return v->by_phase || !(v->by & ~BY_OP);
}

static void add_phases(struct items *list, const struct histview *v, const struct window *w,
		       const struct fi_cell_key *key, int kind)
{
	for (int ph = 0; has_phases(v) && ph < FI_PHASES; ph++) {
		const struct fi_hist *h = find_phase(list, w, key, kind, ph);
		struct item *it;

		if (!h || !h->n)
			continue;
		it = item_add(list, v, w, PHASE);
		it->by = v->by | BY_KIND;
		it->key = *key;
		it->key.kind = kind;
		it->phase = ph;
		it->h = h;
	}
}

static void add_latencies(struct items *list, const struct histview *v, const struct window *w)
{
	for (int k = 0; k < FI_KINDS; k++)
		for (size_t i = 0; i < list->rows[0].n; i++) {
			const struct row *r = &list->rows[0].row[i];
			struct item *it;

			if (!r->kind[k]->v.done)
				continue;
			it = item_add(list, v, w, LATENCY);
			it->by = v->by | BY_KIND;
			it->key = r->key;
			it->key.kind = k;
			it->cell = &r->kind[k]->v;
			it->h = &r->kind[k]->v.lat;
			add_phases(list, v, w, &r->key, k);
		}
}

/* By type or by operation only, whatever else is told apart. */
static void add_sizes(struct items *list, const struct histview *v, const struct window *w)
{
	struct item *it;

	for (int type = 0; list->hists && type < FI_TYPES; type++) {
		if (!list->hists[FI_H_MAPLEN(type)].n)
			continue;
		it = item_add(list, v, w, LENGTH);
		it->by = BY_TYPE;
		it->key.type = type;
		it->h = &list->hists[FI_H_MAPLEN(type)];
	}
	for (int op = 0; list->hists && op < FI_OPS; op++) {
		if (!list->hists[FI_H_MISSING(op)].n)
			continue;
		it = item_add(list, v, w, MISSING);
		it->by = BY_OP;
		it->key.op = op;
		it->h = &list->hists[FI_H_MISSING(op)];
	}
}

static void items_make(struct items *list, const struct histview *v, const struct window *w)
{
	*list = (struct items){ 0 };
	make_hists(list, v, w);
	rows_make(&list->rows[0], v->by, NULL, w->now, w->before, false);
	for (int ph = 0; w->phase_now && ph < FI_PHASES; ph++)
		rows_make(&list->rows[1 + ph], v->by, NULL, &w->phase_now[ph],
			  &w->phase_before[ph], false);
	add_latencies(list, v, w);
	add_sizes(list, v, w);
}

static void items_free(struct items *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(list->rows); i++)
		rows_free(&list->rows[i]);
	free(list->hists);
	free(list->item);
}

/* written / count of one operation; false if it had none. */
static bool get_shares(__u64 n[FI_SHARES], const struct window *w, int op, __u64 *sum)
{
	*sum = 0;
	for (int i = 0; i < FI_SHARES; i++) {
		n[i] = w->now->shares[op].n[i] - w->before->shares[op].n[i];
		*sum += n[i];
	}
	return *sum;
}

/* Bounds of a bin of fi_share(), in percent. */
static void share_bounds(int share, unsigned int *lo, unsigned int *hi)
{
	*lo = share ? (share - 1) * 10 : 0;
	*hi = !share ? 0 : share == FI_SHARES - 1 ? 100 : share * 10;
}

/* ---- columns ------------------------------------------------------------- */

static void get_what(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	value_str(v, arg ? whats[it->what].unit : whats[it->what].name);
}

static void get_window(const void *row, int arg, struct value *v)
{
	v->u = ((const struct item *)row)->w->nr;
}

/* `arg` is the BY_* of the part; the name of a row made by just that. */
static void get_name(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = !(it->by & arg);
	if (!v->none)
		row_name(v->s, sizeof(v->s), it->v->catalog, arg, &it->key);
}

static void get_kind(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = !(it->by & BY_KIND);
	if (!v->none)
		value_str(v, kind_name[it->key.kind]);
}

static void get_type(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = !(it->by & BY_TYPE);
	if (!v->none)
		value_str(v, it->key.type < FI_TYPES ? type_name[it->key.type] : "none");
}

static void get_id(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = !(it->by & arg);
	v->u = arg == BY_MOUNT ? it->key.dev : arg == BY_FILE ? it->key.ino :
	       arg == BY_PROCESS ? it->key.pid : it->key.tid;
}

static void get_phase(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = it->what != PHASE;
	if (!v->none)
		value_str(v, phase_name[it->phase]);
}

/* Counters of the cell, by their place in it; for some kinds only. */
#define KIND_BIT(k)	(1 << (k))
#define COUNTER(member, kinds)	(int)(offsetof(struct fi_cell, member) << 4 | (kinds))
#define ALL_KINDS	(KIND_BIT(FI_BEGIN) | KIND_BIT(FI_END) | KIND_BIT(FI_IOEND))

static void get_counter(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = !it->cell || !(KIND_BIT(it->key.kind) & arg);
	if (!v->none)
		v->u = *(const __u64 *)((const char *)it->cell + (arg >> 4));
}

/* What the summary counts: operations, or what the phase is known of. */
static void get_count(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->u = it->cell ? it->cell->done : it->h->n;
}

enum hist_stat { ST_N, ST_SUM, ST_MIN, ST_MAX, ST_MEAN };

static void get_stat(const void *row, int arg, struct value *v)
{
	const struct fi_hist *h = ((const struct item *)row)->h;
	const __u64 stats[] = {
		[ST_N] = h->n, [ST_SUM] = h->sum, [ST_MIN] = hist_min(h),
		[ST_MAX] = h->max, [ST_MEAN] = hist_mean(h),
	};

	v->none = !h->n && arg != ST_N && arg != ST_SUM;
	v->u = stats[arg];
}

static void get_pct(const void *row, int arg, struct value *v)
{
	const struct item *it = row;

	v->none = !it->h->n;
	v->u = hist_percentile(it->h, it->v->pct[arg] / 100);
}

/* Beside the BY_* of rows. */
#define BY_PHASE	(1U << 31)

/* Where a column is used: in the summary, in CSV, in which lines of JSON. */
#define IN_TEXT		(1U << 0)
#define IN_CSV		(1U << 1)
#define IN_COUNTS	(1U << 2)
#define IN_HIST		(1U << 3)
#define IN_BINS		(1U << 4)
#define IN_KEY		(IN_CSV | IN_COUNTS | IN_HIST | IN_BINS)

static const struct {
	struct column c;
	unsigned int in;
	unsigned int by;	/* only if told apart by this; 0: always */
} columns[] = {
	{ { "window", "", 0, 0, U_COUNT, get_window, 0, "number of the window, from 1" },
	  IN_CSV | IN_BINS, 0 },
	{ { "what", "", 0, 0, U_TEXT, get_what, 0,
	    "latency, phase, mapping_length, missing; share: written of count" }, IN_CSV | IN_HIST | IN_BINS, 0 },
	{ { "kind", "EVENT", -6, 0, U_TEXT, get_kind, 0, "begin, end or ioend" },
	  IN_TEXT | IN_KEY, 0 },
	{ { "connection", "", 0, 0, U_COUNT, get_id, BY_MOUNT, "dev of the mount" },
	  IN_KEY, BY_MOUNT },
	{ { "mount", "MOUNT", -20, 0, U_TEXT, get_name, BY_MOUNT, "mount point" },
	  IN_TEXT | IN_KEY, BY_MOUNT },
	{ { "ino", "", 0, 0, U_COUNT, get_id, BY_FILE, "inode" }, IN_KEY, BY_FILE },
	{ { "file", "FILE", -24, 0, U_TEXT, get_name, BY_FILE, "path below the mount point" },
	  IN_TEXT | IN_KEY, BY_FILE },
	{ { "pid", "PID", 8, 0, U_COUNT, get_id, BY_PROCESS, "process" },
	  IN_TEXT | IN_KEY, BY_PROCESS },
	{ { "process", "PROCESS", -16, 0, U_TEXT, get_name, BY_PROCESS, "its name" },
	  IN_TEXT | IN_KEY, BY_PROCESS },
	{ { "tid", "TID", 8, 0, U_COUNT, get_id, BY_THREAD, "thread" },
	  IN_TEXT | IN_KEY, BY_THREAD },
	{ { "thread", "THREAD", -16, 0, U_TEXT, get_name, BY_THREAD, "its name" },
	  IN_TEXT | IN_KEY, BY_THREAD },
	{ { "op", "OP", -13, 0, U_TEXT, get_name, BY_OP, "operation" },
	  IN_TEXT | IN_KEY, BY_OP },
	{ { "map_type", "TYPE", -9, 0, U_TEXT, get_type, 0, "type of the mapping used" },
	  IN_TEXT | IN_KEY, BY_TYPE },
	{ { "phase", "PHASE", -7, 0, U_TEXT, get_phase, 0, "kernel, queue, server or wakeup" },
	  IN_CSV | IN_HIST | IN_BINS, 0 },
	{ { "phase", "PHASE", -7, 0, U_TEXT, get_phase, 0, "" }, IN_TEXT, BY_PHASE },
	{ { "unit", "", 0, 0, U_TEXT, get_what, 1, "of the values: ns, bytes, percent" },
	  IN_CSV | IN_HIST | IN_BINS, 0 },
	{ { "", "COUNT", 9, 0, U_COUNT, get_count, 0, "" }, IN_TEXT, 0 },
	{ { "done", "", 0, 0, U_COUNT, get_counter, COUNTER(done, ALL_KINDS),
	    "operations that finished" }, IN_CSV | IN_COUNTS, 0 },
	{ { "sent", "SENT", 9, 4, U_COUNT, get_counter, COUNTER(sent, ALL_KINDS),
	    "... with an upcall to the server" }, IN_TEXT | IN_CSV | IN_COUNTS, 0 },
	{ { "errors", "ERRORS", 6, 2, U_COUNT, get_counter, COUNTER(errors, ALL_KINDS),
	    "... with an error" }, IN_TEXT | IN_CSV | IN_COUNTS, 0 },
	{ { "bytes", "BYTES", 6, 5, U_BYTES, get_counter, COUNTER(bytes, ALL_KINDS),
	    "bytes asked for" }, IN_TEXT | IN_CSV | IN_COUNTS, 0 },
	{ { "written", "", 0, 0, U_BYTES, get_counter,
	    COUNTER(written, KIND_BIT(FI_END) | KIND_BIT(FI_IOEND)), "bytes written" },
	  IN_CSV | IN_COUNTS, 0 },
	{ { "short", "SHORT", 6, 3, U_COUNT, get_counter, COUNTER(shorts, KIND_BIT(FI_END)),
	    "ends with less written than asked for" }, IN_TEXT | IN_CSV | IN_COUNTS, 0 },
	{ { "missing", "MISSING", 7, 7, U_BYTES, get_counter,
	    COUNTER(missing, KIND_BIT(FI_END)), "bytes that they lack" },
	  IN_TEXT | IN_CSV | IN_COUNTS, 0 },
	{ { "split", "", 0, 0, U_COUNT, get_counter, COUNTER(split, ALL_KINDS),
	    "upcalls whose phases are known" }, IN_COUNTS, 0 },
	{ { "n", "", 0, 0, U_COUNT, get_stat, ST_N, "values" }, IN_CSV | IN_HIST, 0 },
	{ { "sum", "", 0, 0, U_COUNT, get_stat, ST_SUM, "their sum" }, IN_CSV | IN_HIST, 0 },
	{ { "min", "", 0, 0, U_COUNT, get_stat, ST_MIN, "the smallest" },
	  IN_CSV | IN_HIST, 0 },
	{ { "max", "", 0, 0, U_COUNT, get_stat, ST_MAX, "the largest" }, IN_CSV | IN_HIST, 0 },
	{ { "mean", "MEAN", 7, 6, U_NS, get_stat, ST_MEAN, "sum / n" },
	  IN_TEXT | IN_CSV | IN_HIST, 0 },
};

#define MAX_COLUMNS (ARRAY_SIZE(columns) + PCT_MAX + 1)

/* Lengths of mappings are by type and missing bytes by operation in any case. */
static bool is_picked(size_t i, const struct histview *v, unsigned int in)
{
	unsigned int by = v->by | (v->by_phase ? BY_PHASE : 0);

	if (!(in & IN_TEXT))
		by |= BY_OP | BY_TYPE;
	return (columns[i].in & in) && (!columns[i].by || (columns[i].by & by));
}

/* The columns for one use; returns how many. */
static size_t pick_columns(struct column *out, const struct histview *v, unsigned int in)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (is_picked(i, v, in))
			out[n++] = columns[i].c;
	for (unsigned int i = 0; in & (IN_TEXT | IN_CSV | IN_HIST) && i < v->nr_pct; i++)
		out[n++] = (struct column){ v->pct_name[i], v->pct_head[i], 7, 0, U_NS,
					    get_pct, i };
	if (in & IN_TEXT)
		out[n++] = (struct column){ "max", "MAX", 7, 0, U_NS, get_stat, ST_MAX };
	return n;
}

/* ---- what is asked for --------------------------------------------------- */

void histview_init(struct histview *v, const struct opts *o, const struct catalog *catalog)
{
	*v = (struct histview){ .catalog = catalog, .by = o->by & ~BY_KIND,
				.by_phase = o->by_phase, .bins = o->bins };
	if (!o->by && !o->by_phase)
		v->by = BY_OP;
	if (v->by & BY_FILE)
		v->by |= BY_MOUNT;
	v->nr_pct = o->nr_pct ? o->nr_pct : PERCENTILES;
	for (unsigned int i = 0; i < v->nr_pct; i++) {
		v->pct[i] = o->nr_pct ? o->pct[i] : percentiles[i].share * 100;
		snprintf(v->pct_name[i], sizeof(v->pct_name[i]), "p%.10g", v->pct[i]);
		snprintf(v->pct_head[i], sizeof(v->pct_head[i]), "P%.10g", v->pct[i]);
	}
}

bool histview_wants_records(const struct histview *v)
{
	return v->by_phase && (v->by & ~BY_OP);
}

__u8 histview_fineness(const struct histview *v)
{
	return (v->by & BY_FILE ? FI_BY_FILE : 0) |
	       (v->by & (BY_PROCESS | BY_THREAD) ? FI_BY_TASK : 0) |
	       (v->by & BY_TYPE ? FI_BY_TYPE : 0);
}

/* ---- text ---------------------------------------------------------------- */

static void text_bar(struct text *t, __u64 n, __u64 most)
{
	static const char full[] = "########################################";
	int len = most ? (int)((double)n / most * BAR_LEN + 0.5) : 0;

	/* What is there shall be seen. */
	if (n && !len)
		len = 1;
	text_add(t, "|", 1);
	text_style(t, STYLE_BAR);
	text_printf(t, "%-*.*s", BAR_LEN, len, full);
	text_style(t, STYLE_NONE);
	text_add(t, "|\n", 2);
}

/* How many bins make a line, so that the histogram fits: 1, 2, 4, 8, ... */
static int join_bins(const struct fi_hist *h, int *first, int *last)
{
	int join = 1;

	*first = -1;
	for (int i = 0; i < (int)FI_BINS; i++) {
		if (!h->slot[i])
			continue;
		*last = i;
		if (*first < 0)
			*first = i;
	}
	while (*first >= 0 && *last / join - *first / join >= MAX_LINES)
		join *= 2;
	return join;
}

static __u64 joined(const struct fi_hist *h, int line, int join)
{
	__u64 n = 0;

	for (int i = line * join; i < (line + 1) * join && i < (int)FI_BINS; i++)
		n += h->slot[i];
	return n;
}

static void text_bins(struct text *t, const struct fi_hist *h, fmt_fn fmt)
{
	int first, last = 0, join = join_bins(h, &first, &last);
	int width = fmt == fmt_ns && fmt_ns_width() > 8 ? fmt_ns_width() : 8;
	char lo[FMT_LEN], hi[FMT_LEN];
	__u64 most = 0;

	if (first < 0)
		return;
	for (int i = first / join; i <= last / join; i++)
		if (joined(h, i, join) > most)
			most = joined(h, i, join);
	for (int i = first / join; i <= last / join; i++) {
		int end = (i + 1) * join - 1, gap;

		if (end >= (int)FI_BINS)
			end = FI_BINS - 1;
		for (gap = 0; !joined(h, i + gap, join); gap++)
			;
		if (gap >= MIN_GAP) {
			text_printf(t, "  %*s\n", width, "...");
			i += gap - 1;
			continue;
		}
		text_printf(t, "  %*s .. %-*s %10" PRIu64 " ", width,
			    fmt(lo, sizeof(lo), fi_bin_lo(i * join)), width,
			    fmt(hi, sizeof(hi), fi_bin_hi(end)), (uint64_t)joined(h, i, join));
		text_bar(t, joined(h, i, join), most);
	}
}

/* "  min 80us  p50 ...  max 5.2ms  mean 123us" */
static void text_percentiles(struct text *t, const struct histview *v,
			     const struct fi_hist *h, fmt_fn fmt)
{
	char buf[FMT_LEN];

	text_printf(t, "  min %s", fmt(buf, sizeof(buf), hist_min(h)));
	for (unsigned int i = 0; i < v->nr_pct; i++)
		text_printf(t, "  %s %s", v->pct_name[i],
			    fmt(buf, sizeof(buf), hist_percentile(h, v->pct[i] / 100)));
	text_printf(t, "  max %s", fmt(buf, sizeof(buf), h->max));
	text_printf(t, "  mean %s\n", fmt(buf, sizeof(buf), hist_mean(h)));
}

/* What it is of, in words: "begin, read, fio[1234]"; the parts in their order. */
static void text_title(struct text *t, const struct item *it)
{
	const char *sep = " ";
	struct value v;

	text_str(t, whats[it->what].title);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		const struct column *c = &columns[i].c;

		if (!(columns[i].in & IN_HIST) || c->get == get_what || c->unit != U_TEXT)
			continue;
		v = (struct value){ 0 };
		c->get(it, c->arg, &v);
		if (v.none)
			continue;
		text_printf(t, "%s", sep);
		text_safe(t, v.s);
		/* Many have the same name. */
		if (c->get == get_name && (c->arg == BY_PROCESS || c->arg == BY_THREAD))
			text_printf(t, "[%u]", c->arg == BY_PROCESS ? it->key.pid : it->key.tid);
		sep = ", ";
	}
}

/* Where the time of an upcall went, as far as the cell knows: sums. */
static void text_phase_sums(struct text *t, const struct fi_cell *c)
{
	char buf[FMT_LEN];
	__u64 sum = 0;

	for (int i = 0; i < FI_PHASES; i++)
		sum += c->phase_ns[i];
	if (!c->split || !sum)
		return;
	text_printf(t, "  %-8s %6s %8s\n", "OF THIS", "SHARE", "MEAN");
	for (int i = 0; i < FI_PHASES; i++)
		text_printf(t, "  %-8s %5.1f%% %8s\n", phase_name[i],
			    100.0 * c->phase_ns[i] / sum,
			    fmt_ns(buf, sizeof(buf), c->phase_ns[i] / c->split));
}

/* The same with percentiles: from the phases that follow their operation. */
static void text_phases(struct text *t, const struct item *it, const struct item *end)
{
	struct column c[MAX_COLUMNS];
	size_t n = 0, all = pick_columns(c, it->v, IN_TEXT);
	__u64 sum = 0;

	for (size_t i = 0; i < all; i++)
		if (c[i].get == get_stat || c[i].get == get_pct)
			c[n++] = c[i];
	for (const struct item *p = it + 1; p < end && p->what == PHASE; p++)
		sum += p->h->sum;
	if (!sum)
		return;
	text_printf(t, "  %-8s %6s ", "OF THIS", "SHARE");
	for (size_t i = 0; i < n; i++)
		c[i].width = column_width(&c[i]) > 8 ? c[i].width : 8;
	columns_text_head(t, c, n);
	for (const struct item *p = it + 1; p < end && p->what == PHASE; p++) {
		text_printf(t, "  %-8s %5.1f%% ", phase_name[p->phase],
			    100.0 * p->h->sum / sum);
		columns_text(t, c, n, p, 0);
	}
}

static void text_item(struct text *t, const struct item *it, const struct item *end)
{
	text_add(t, "\n", 1);
	text_style(t, STYLE_TITLE);
	text_title(t, it);
	text_style(t, STYLE_NONE);
	text_printf(t, ": %" PRIu64 "\n", (uint64_t)it->h->n);
	text_percentiles(t, it->v, it->h, whats[it->what].fmt);
	text_bins(t, it->h, whats[it->what].fmt);
	if (it->what != LATENCY || it->v->by_phase)
		return;
	if (has_phases(it->v))
		text_phases(t, it, end);
	else
		text_phase_sums(t, it->cell);
}

static void text_shares(struct text *t, const struct window *w)
{
	__u64 n[FI_SHARES], sum, most;
	unsigned int lo, hi;
	char name[16];

	for (int op = 0; op < FI_OPS; op++) {
		if (!get_shares(n, w, op, &sum))
			continue;
		most = 0;
		for (int i = 0; i < FI_SHARES; i++)
			most = n[i] > most ? n[i] : most;
		text_add(t, "\n", 1);
		text_style(t, STYLE_TITLE);
		text_printf(t, "written of count, %s", op_name[op]);
		text_style(t, STYLE_NONE);
		text_printf(t, ": %" PRIu64 " ends, %" PRIu64 " short\n", (uint64_t)sum,
			    (uint64_t)(sum - n[FI_SHARES - 1]));
		for (int i = 0; i < FI_SHARES; i++) {
			if (!n[i])
				continue;
			share_bounds(i, &lo, &hi);
			if (lo == hi)
				snprintf(name, sizeof(name), "%u%%", hi);
			else
				snprintf(name, sizeof(name), "%u..%u%%", lo, hi);
			text_printf(t, "  %20s %10" PRIu64 " ", name, (uint64_t)n[i]);
			text_bar(t, n[i], most);
		}
	}
}

/* Smallest count that is among the largest MAX_BARS of those that may be drawn. */
static __u64 least_drawn(const struct items *list, size_t *left_out)
{
	__u64 top[MAX_BARS] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct item *it = &list->item[i];
		__u64 v = it->h->n;

		if (!v || it->what > PHASE || (it->what == PHASE && !it->v->by_phase))
			continue;
		n++;
		for (int k = 0; k < MAX_BARS; k++)
			if (v > top[k]) {
				__u64 less = top[k];

				top[k] = v;
				v = less;
			}
	}
	*left_out = n > MAX_BARS ? n - MAX_BARS : 0;
	return top[MAX_BARS - 1];
}

static void text_items(struct text *t, const struct items *list, const struct histview *v)
{
	size_t left_out, drawn = 0;
	__u64 least = least_drawn(list, &left_out);

	for (size_t i = 0; i < list->n; i++) {
		const struct item *it = &list->item[i];

		if (!it->h->n || (it->what == PHASE && !v->by_phase))
			continue;
		if (it->what <= PHASE && (it->h->n < least || drawn++ >= MAX_BARS))
			continue;
		text_item(t, it, list->item + list->n);
	}
	if (left_out)
		text_printf(t, "\n%zu histograms with less in them are not drawn; -j and --csv have all\n",
			    left_out);
}

/* Leaves out what matters least until the rest fits; returns how many are left. */
static size_t fit_columns(struct column *c, size_t n, int width)
{
	for (;;) {
		size_t least = 0;
		int sum = -1;

		for (size_t i = 0; i < n; i++) {
			sum += abs(column_width(&c[i])) + 1;
			if (c[i].prio > c[least].prio)
				least = i;
		}
		if (!width || sum <= width || !c[least].prio)
			return n;
		memmove(&c[least], &c[least + 1], (--n - least) * sizeof(*c));
	}
}

static void text_summary(struct text *t, const struct items *list, const struct histview *v)
{
	struct column c[MAX_COLUMNS];
	size_t n = fit_columns(c, pick_columns(c, v, IN_TEXT), v->width);

	columns_text_head(t, c, n);
	for (size_t i = 0; i < list->n; i++)
		if (list->item[i].what == LATENCY ||
		    (list->item[i].what == PHASE && v->by_phase))
			columns_text(t, c, n, &list->item[i], 0);
}

void histview_text(struct text *t, const struct histview *v, const struct window *w)
{
	struct items list;

	items_make(&list, v, w);
	if (w->more || w->nr > 1)
		text_printf(t, "%s== window %u: %.3f s\n", w->nr > 1 ? "\n" : "", w->nr,
			    (w->now->time_ns - w->before->time_ns) / 1e9);
	if (!list.n) {
		text_printf(t, "no fuse-iomap operations in %.3f s\n",
			    (w->now->time_ns - w->before->time_ns) / 1e9);
	} else {
		text_summary(t, &list, v);
		if (w->now->upstream)
			text_printf(t, "end: only those that were sent; this kernel does not show the others\n");
		text_items(t, &list, v);
		text_shares(t, w);
	}
	items_free(&list);
}

/* ---- JSON ---------------------------------------------------------------- */

static size_t all_columns(struct column *to, unsigned int in)
{
	const struct histview any = { .by = ~0U };

	return pick_columns(to, &any, in);
}

size_t histview_counts_columns(struct column *to)
{
	return all_columns(to, IN_COUNTS);
}

size_t histview_hist_columns(struct column *to)
{
	return all_columns(to, IN_HIST);
}

static void json_types(struct json *j, const char *key, const __u64 *n)
{
	json_open(j, key, '{');
	for (int i = 0; i < FI_TYPES; i++)
		if (n[i])
			json_u64(j, type_name[i], n[i]);
	json_close(j, '}');
}

/* Everything counted beside the latency. */
static void json_counts(struct json *j, const struct item *it)
{
	struct column c[MAX_COLUMNS];
	size_t n = pick_columns(c, it->v, IN_COUNTS);

	json_line(j, "counts");
	columns_json(j, c, n, it);
	json_open(j, "phase_ns", '{');
	for (int i = 0; i < FI_PHASES; i++)
		json_u64(j, phase_name[i], it->cell->phase_ns[i]);
	json_close(j, '}');
	if (it->key.kind == FI_BEGIN) {
		json_types(j, "read_types", it->cell->read_type);
		json_types(j, "write_types", it->cell->write_type);
		json_types(j, "used_types", it->cell->used_type);
	}
	json_put(j);
}

static void json_hist(struct json *j, const struct item *it)
{
	struct column c[MAX_COLUMNS];
	size_t n = pick_columns(c, it->v, IN_HIST);

	json_line(j, "hist");
	columns_json(j, c, n, it);
	json_open(j, "buckets", '[');
	for (__u32 i = 0; i < FI_BINS; i++) {
		if (!it->h->slot[i])
			continue;
		json_open(j, NULL, '{');
		json_u64(j, "lo", fi_bin_lo(i));
		json_u64(j, "hi", fi_bin_hi(i));
		json_u64(j, "n", it->h->slot[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_put(j);
}

static void json_shares(struct json *j, const struct window *w)
{
	__u64 n[FI_SHARES], sum;
	unsigned int lo, hi;

	for (int op = 0; op < FI_OPS; op++) {
		if (!get_shares(n, w, op, &sum))
			continue;
		json_line(j, "shares");
		json_str(j, "op", op_name[op]);
		json_u64(j, "n", sum);
		json_open(j, "buckets", '[');
		for (int i = 0; i < FI_SHARES; i++) {
			if (!n[i])
				continue;
			share_bounds(i, &lo, &hi);
			json_open(j, NULL, '{');
			json_u64(j, "percent_lo", lo);
			json_u64(j, "percent_hi", hi);
			json_u64(j, "n", n[i]);
			json_close(j, '}');
		}
		json_close(j, ']');
		json_put(j);
	}
}

static const struct {
	unsigned int by;
	const char *name;	/* as in --by */
} by_names[] = {
	{ BY_MOUNT, "mount" }, { BY_FILE, "file" }, { BY_PROCESS, "process" },
	{ BY_THREAD, "thread" }, { BY_OP, "op" }, { BY_TYPE, "type" },
};

static void json_window(struct json *j, const struct histview *v, const struct window *w)
{
	json_line(j, "window");
	json_u64(j, "window", w->nr);
	json_u64(j, "from_ns", w->before->time_ns);
	json_u64(j, "to_ns", w->now->time_ns);
	json_open(j, "by", '[');
	for (size_t i = 0; i < ARRAY_SIZE(by_names); i++)
		if (v->by & by_names[i].by)
			json_str(j, NULL, by_names[i].name);
	if (v->by_phase)
		json_str(j, NULL, "phase");
	json_close(j, ']');
	/* ENDs are those that were sent, no more. */
	json_bool(j, "upcalls_only", w->now->upstream);
	json_put(j);
}

void histview_json(struct json *j, const struct histview *v, const struct window *w)
{
	struct items list;

	items_make(&list, v, w);
	json_window(j, v, w);
	for (size_t i = 0; i < list.n; i++) {
		if (list.item[i].cell)
			json_counts(j, &list.item[i]);
		if (list.item[i].h->n)
			json_hist(j, &list.item[i]);
	}
	json_shares(j, w);
	items_free(&list);
}

/* ---- CSV ----------------------------------------------------------------- */

void histview_csv_head(struct text *t, const struct histview *v)
{
	struct column c[MAX_COLUMNS];
	size_t n = pick_columns(c, v, v->bins ? IN_BINS : IN_CSV);

	columns_csv_head(t, c, n);
	if (!v->bins)
		return;
	t->s[--t->len] = '\0';
	text_printf(t, ",lo,hi,n\n");
}

static void csv_bin(struct text *t, const struct column *c, size_t nr, const struct item *it,
		    __u64 lo, __u64 hi, __u64 n)
{
	columns_csv(t, c, nr, it);
	t->s[--t->len] = '\0';
	text_printf(t, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", (uint64_t)lo, (uint64_t)hi,
		    (uint64_t)n);
}

static void csv_bins(struct text *t, const struct column *c, size_t nr, const struct item *it)
{
	for (__u32 i = 0; i < FI_BINS; i++)
		if (it->h->slot[i])
			csv_bin(t, c, nr, it, fi_bin_lo(i), fi_bin_hi(i), it->h->slot[i]);
}

static void csv_shares(struct text *t, const struct column *c, size_t nr,
		       const struct histview *v, const struct window *w)
{
	struct item it = { .v = v, .w = w, .what = SHARE, .by = BY_OP };
	__u64 n[FI_SHARES], sum;
	unsigned int lo, hi;

	for (int op = 0; op < FI_OPS; op++) {
		it.key.op = op;
		if (!get_shares(n, w, op, &sum))
			continue;
		for (int i = 0; i < FI_SHARES; i++) {
			share_bounds(i, &lo, &hi);
			if (n[i])
				csv_bin(t, c, nr, &it, lo, hi, n[i]);
		}
	}
}

void histview_csv(struct text *t, const struct histview *v, const struct window *w)
{
	struct column c[MAX_COLUMNS];
	size_t n = pick_columns(c, v, v->bins ? IN_BINS : IN_CSV);
	struct items list;

	items_make(&list, v, w);
	for (size_t i = 0; i < list.n; i++)
		if (v->bins)
			csv_bins(t, c, n, &list.item[i]);
		else
			columns_csv(t, c, n, &list.item[i]);
	if (v->bins)
		csv_shares(t, c, n, v, w);
	items_free(&list);
}

/* ---- HdrHistogram -------------------------------------------------------- */

#define TICKS_PER_HALF	5

static double hist_stddev(const struct fi_hist *h, double mean)
{
	double sum = 0;

	for (__u32 i = 0; i < FI_BINS; i++) {
		double mid = fi_bin_lo(i) / 2.0 + (fi_bin_hi(i) - 1) / 2.0;

		sum += h->slot[i] * (mid - mean) * (mid - mean);
	}
	return h->n ? sqrt(sum / h->n) : 0;
}

static void hgrm_line(struct text *t, double value, double percentile, __u64 seen)
{
	text_printf(t, "%12.3f %2.12f %10" PRIu64, value, percentile / 100, (uint64_t)seen);
	if (percentile < 100)
		text_printf(t, " %14.2f", 1 / (1 - percentile / 100));
	text_add(t, "\n", 1);
}

/* As HdrHistogram iterates: five steps for each halving of what is left to 100 %. */
void hgrm_write(struct text *t, const struct fi_hist *h, double scale)
{
	double level = 0, mean = h->n ? (double)h->sum / h->n : 0;
	__u64 seen = 0, top = 0;

	text_printf(t, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		    "1/(1-Percentile)");
	for (__u32 i = 0; i < FI_BINS && seen < h->n; i++) {
		if (!h->slot[i])
			continue;
		seen += h->slot[i];
		top = fi_bin_hi(i) - 1 < h->max ? fi_bin_hi(i) - 1 : h->max;
		while (100.0 * seen / h->n >= level && level < 100) {
			hgrm_line(t, top / scale, level, seen);
			if (seen == h->n)
				break;
			level += 100 / (TICKS_PER_HALF *
					exp2(floor(log2(100 / (100 - level))) + 1));
		}
	}
	if (h->n)
		hgrm_line(t, top / scale, 100, seen);
	text_printf(t, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean / scale,
		    hist_stddev(h, mean) / scale);
	text_printf(t, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
		    h->max / scale, (uint64_t)h->n);
	text_printf(t, "#[Buckets = %12d, SubBuckets     = %12d]\n", FI_BINS / FI_SUB,
		    FI_SUB);
}

/* The title, with what a file name should not have replaced. */
static void hgrm_name(struct text *t, const char *dir, const struct item *it)
{
	struct text title = { 0 };
	char last = '-';

	text_printf(t, "%s/", dir);
	if (it->w->nr > 1)
		text_printf(t, "%u-", it->w->nr);
	text_title(&title, it);
	for (const char *s = title.s; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9') || *s == '.' || *s == '_';
		char c = plain ? *s : '-';

		if (c != '-' || last != '-')
			text_add(t, &c, 1);
		last = c;
	}
	text_free(&title);
	/* Different names can have become the same. */
	if (it->by & BY_MOUNT)
		text_printf(t, "-%u", it->key.dev);
	if (it->by & BY_FILE)
		text_printf(t, "-%" PRIu64, (uint64_t)it->key.ino);
	text_printf(t, ".hgrm");
}

static int hgrm_file(const char *dir, const struct item *it)
{
	bool bytes = it->what == LENGTH || it->what == MISSING;
	struct text name = { 0 }, body = { 0 };
	FILE *f;
	int err = 0;

	hgrm_name(&name, dir, it);
	hgrm_write(&body, it->h, bytes ? 1 : 1e6);
	f = fopen(name.s, "we");
	if (!f || fwrite(body.s, 1, body.len, f) != body.len || fflush(f))
		err = complain(FI_FAILED, "cannot write '%s': %s", name.s, strerror(errno));
	if (f && fclose(f) && !err)
		err = complain(FI_FAILED, "cannot write '%s': %s", name.s, strerror(errno));
	text_free(&name);
	text_free(&body);
	return err;
}

int histview_hgrm(const char *dir, const struct histview *v, const struct window *w)
{
	struct items list;
	int err = 0;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return complain(FI_FAILED, "cannot make the directory '%s': %s", dir,
				strerror(errno));
	items_make(&list, v, w);
	for (size_t i = 0; i < list.n && !err; i++)
		if (list.item[i].h->n)
			err = hgrm_file(dir, &list.item[i]);
	items_free(&list);
	return err;
}
