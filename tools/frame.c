// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "hist.h"
#include "ledger.h"
#include "names.h"

/* ---- columns ------------------------------------------------------------- */

static const struct fi_cell *cell_of(const void *row, int kind)
{
	return &((const struct row *)row)->kind[kind];
}

static void get_name(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%s", ((const struct row *)row)->name);
}

static void get_dev(const void *row, int arg, struct value *v)
{
	v->u = ((const struct row *)row)->dev;
	v->none = !v->u;
}

static void get_ino(const void *row, int arg, struct value *v)
{
	v->u = ((const struct row *)row)->ino;
	v->none = !v->u;
}

static void get_nodeid(const void *row, int arg, struct value *v)
{
	v->u = ((const struct row *)row)->nodeid;
	v->none = !v->u;
}

static void get_done(const void *row, int kind, struct value *v)
{
	v->u = cell_of(row, kind)->done;
}

static void get_sent(const void *row, int kind, struct value *v)
{
	v->u = cell_of(row, kind)->sent;
}

static void get_bytes(const void *row, int arg, struct value *v)
{
	v->u = cell_of(row, FI_END)->written;
}

static void get_short(const void *row, int arg, struct value *v)
{
	v->u = cell_of(row, FI_END)->shorts;
}

static void get_missing(const void *row, int arg, struct value *v)
{
	v->u = cell_of(row, FI_END)->missing;
}

static void get_errors(const void *row, int arg, struct value *v)
{
	for (int k = 0; k < FI_KINDS; k++)
		v->u += cell_of(row, k)->errors;
}

static void get_flight(const void *row, int arg, struct value *v)
{
	v->u = ((const struct row *)row)->in_flight;
}

enum { P50, P99, MAX, MEAN };
#define LAT(kind, what)	((kind) * 4 + (what))

static void get_latency(const void *row, int arg, struct value *v)
{
	const struct fi_hist *h = &cell_of(row, arg / 4)->lat;

	v->none = !h->n;
	switch (arg % 4) {
	case P50:
		v->u = hist_percentile(h, 0.5);
		break;
	case P99:
		v->u = hist_percentile(h, 0.99);
		break;
	case MAX:
		v->u = h->max;
		break;
	default:
		v->u = hist_mean(h);
	}
}

/* Share of a phase in the waits of all kinds. */
static void get_phase(const void *row, int phase, struct value *v)
{
	__u64 sum = 0, part = 0;

	for (int k = 0; k < FI_KINDS; k++) {
		part += cell_of(row, k)->phase_ns[phase];
		for (int p = 0; p < FI_PHASES; p++)
			sum += cell_of(row, k)->phase_ns[p];
	}
	v->none = !sum;
	v->u = sum ? part * 1000.0 / sum + 0.5 : 0;
}

static void get_phase_ns(const void *row, int phase, struct value *v)
{
	for (int k = 0; k < FI_KINDS; k++)
		v->u += cell_of(row, k)->phase_ns[phase];
}

/* Share of a type in the mappings used; -1: all types without a column. */
static void get_type(const void *row, int type, struct value *v)
{
	const __u64 *n = cell_of(row, FI_BEGIN)->used_type;
	__u64 sum = 0, part = 0;

	for (int t = 0; t < FI_TYPES; t++) {
		bool other = t != FUSE_IOMAP_TYPE_MAPPED && t != FUSE_IOMAP_TYPE_UNWRITTEN &&
			     t != FUSE_IOMAP_TYPE_HOLE;

		sum += n[t];
		if (t == type || (type < 0 && other))
			part += n[t];
	}
	v->none = !sum;
	v->u = sum ? part * 1000.0 / sum + 0.5 : 0;
}

static void get_type_count(const void *row, int type, struct value *v)
{
	v->u = cell_of(row, FI_BEGIN)->used_type[type];
}

const struct column top_columns[] = {
	{ "name", "NAME", -12, 0, U_TEXT, get_name, 0, "mount point, file, operation" },
	{ "connection", "", 0, 0, U_COUNT, get_dev },
	{ "ino", "", 0, 0, U_COUNT, get_ino },
	{ "nodeid", "", 0, 0, U_COUNT, get_nodeid },
	{ "begins", "BEGIN/s", 7, 1, U_RATE, get_done, FI_BEGIN, "begins finished" },
	{ "ends", "END/s", 7, 1, U_RATE, get_done, FI_END, "ends, with and without upcall" },
	{ "ends_sent", "SENT/s", 7, 7, U_RATE, get_sent, FI_END, "ends with upcall" },
	{ "ioends", "IOEND/s", 7, 1, U_RATE, get_done, FI_IOEND,
	  "ioends, with and without upcall" },
	{ "ioends_sent", "", 0, 0, U_RATE, get_sent, FI_IOEND },
	{ "bytes", "BYTES/s", 7, 4, U_BYTE_RATE, get_bytes, 0, "bytes read and written" },
	{ "begin_p50_ns", "P50", 6, 2, U_NS, get_latency, LAT(FI_BEGIN, P50),
	  "latency of begin" },
	{ "begin_p99_ns", "P99", 6, 2, U_NS, get_latency, LAT(FI_BEGIN, P99) },
	{ "begin_max_ns", "MAX", 6, 2, U_NS, get_latency, LAT(FI_BEGIN, MAX) },
	{ "end_p50_ns", "", 0, 0, U_NS, get_latency, LAT(FI_END, P50) },
	{ "end_p99_ns", "ENDP99", 6, 8, U_NS, get_latency, LAT(FI_END, P99),
	  "99th percentile of end with upcall" },
	{ "end_max_ns", "", 0, 0, U_NS, get_latency, LAT(FI_END, MAX) },
	{ "ioend_p50_ns", "", 0, 0, U_NS, get_latency, LAT(FI_IOEND, P50) },
	{ "ioend_p99_ns", "IOEP99", 6, 8, U_NS, get_latency, LAT(FI_IOEND, P99),
	  "99th percentile of ioend" },
	{ "ioend_max_ns", "", 0, 0, U_NS, get_latency, LAT(FI_IOEND, MAX) },
	{ "kernel_share", "KERN", 4, 5, U_PERMILLE, get_phase, FI_PH_KERNEL,
	  "share of the wait: in the kernel before the upcall" },
	{ "queue_share", "QUEU", 4, 5, U_PERMILLE, get_phase, FI_PH_QUEUE,
	  "until a server thread took it" },
	{ "server_share", "SERV", 4, 5, U_PERMILLE, get_phase, FI_PH_SERVER,
	  "until the server answered" },
	{ "wakeup_share", "WAKE", 4, 5, U_PERMILLE, get_phase, FI_PH_WAKEUP,
	  "until the caller went on" },
	{ "kernel_ns", "", 0, 0, U_COUNT, get_phase_ns, FI_PH_KERNEL },
	{ "queue_ns", "", 0, 0, U_COUNT, get_phase_ns, FI_PH_QUEUE },
	{ "server_ns", "", 0, 0, U_COUNT, get_phase_ns, FI_PH_SERVER },
	{ "wakeup_ns", "", 0, 0, U_COUNT, get_phase_ns, FI_PH_WAKEUP },
	{ "mapped_share", "MAPD", 4, 6, U_PERMILLE, get_type, FUSE_IOMAP_TYPE_MAPPED,
	  "share of the mappings used: mapped" },
	{ "unwritten_share", "UNWR", 4, 6, U_PERMILLE, get_type, FUSE_IOMAP_TYPE_UNWRITTEN,
	  "unwritten" },
	{ "hole_share", "HOLE", 4, 6, U_PERMILLE, get_type, FUSE_IOMAP_TYPE_HOLE, "hole" },
	{ "other_share", "OTHR", 4, 6, U_PERMILLE, get_type, -1,
	  "delalloc, inline and the rest" },
	{ "mapped", "", 0, 0, U_COUNT, get_type_count, FUSE_IOMAP_TYPE_MAPPED },
	{ "unwritten", "", 0, 0, U_COUNT, get_type_count, FUSE_IOMAP_TYPE_UNWRITTEN },
	{ "hole", "", 0, 0, U_COUNT, get_type_count, FUSE_IOMAP_TYPE_HOLE },
	{ "delalloc", "", 0, 0, U_COUNT, get_type_count, FUSE_IOMAP_TYPE_DELALLOC },
	{ "inline", "", 0, 0, U_COUNT, get_type_count, FUSE_IOMAP_TYPE_INLINE },
	{ "shorts", "SHORT", 5, 3, U_COUNT, get_short, 0,
	  "ends of writes with less written than asked for" },
	{ "missing", "", 0, 0, U_BYTES, get_missing },
	{ "errors", "ERROR", 5, 3, U_COUNT, get_errors, 0, "begins, ends, ioends with an error" },
	{ "in_flight", "FLY", 3, 3, U_COUNT, get_flight, 0, "in flight now" },
};

const int nr_top_columns = sizeof(top_columns) / sizeof(top_columns[0]);

int top_column_find(const char *name)
{
	for (int i = 0; i < nr_top_columns; i++) {
		const char *head = top_columns[i].head;

		if (!top_columns[i].width)
			continue;
		if (!strcmp(name, top_columns[i].name) ||
		    (!strncasecmp(name, head, strlen(name)) &&
		     (!head[strlen(name)] || !strcmp(head + strlen(name), "/s"))))
			return i;
	}
	return -1;
}

/* ---- rows ---------------------------------------------------------------- */

struct order {
	const struct column *column;
	bool reverse;
};

/* Most first, names from A to Z; what has no value last. */
static int cmp_rows(const void *a, const void *b, void *ctx)
{
	const struct order *o = ctx;
	struct value va = { 0 }, vb = { 0 };
	int cmp;

	o->column->get(a, o->column->arg, &va);
	o->column->get(b, o->column->arg, &vb);
	if (va.none != vb.none)
		return va.none ? 1 : -1;
	if (o->column->unit == U_TEXT)
		cmp = strcmp(va.s, vb.s);
	else
		cmp = va.u == vb.u ? 0 : va.u > vb.u ? -1 : 1;
	return o->reverse ? -cmp : cmp;
}

static void sort_rows(struct rows *rows, const struct top_view *view)
{
	struct order o = { &top_columns[view->sort], view->reverse };

	if (rows->n)
		qsort_r(rows->row, rows->n, sizeof(*rows->row), cmp_rows, &o);
}

static void mount_rows(struct rows *rows, const struct top_input *in,
		       const struct top_view *view, bool idle)
{
	size_t kept = 0;

	rows_make(rows, ROWS_BY_DEV, &in->now->mounts, &in->before->mounts, idle);
	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->row[i];

		mounts_name(in->mounts, r->dev, r->name, sizeof(r->name));
		/* The cells of "other mounts" are there before anything happens. */
		if (r->dev || r->in_flight || r->kind[FI_BEGIN].done ||
		    r->kind[FI_END].done || r->kind[FI_IOEND].done)
			rows->row[kept++] = *r;
	}
	rows->n = kept;
	sort_rows(rows, view);
}

static void lower_rows(struct rows *rows, const struct top_input *in,
		       const struct top_view *view)
{
	size_t kept = 0;

	if (view->table == TOP_OPS)
		rows_make(rows, ROWS_BY_OP, &in->now->mounts, &in->before->mounts, false);
	else
		rows_make(rows, ROWS_BY_FILE, &in->now->files, &in->before->files, false);
	for (size_t i = 0; i < rows->n; i++)
		if (view->table == TOP_OPS || !view->dev || rows->row[i].dev == view->dev)
			rows->row[kept++] = rows->row[i];
	rows->n = kept;
	sort_rows(rows, view);
}

/* ---- a table on the screen ----------------------------------------------- */

struct layout {
	int width[64];		/* by column, 0: not shown */
};

_Static_assert(sizeof(top_columns) / sizeof(top_columns[0]) <= 64, "layout");

/* From this priority on, columns stand for each other's rest: all of them or none. */
#define PRIO_GROUPS	4
#define PRIO_MAX	9

static int group_width(int prio)
{
	int width = 0;

	for (int i = 1; i < nr_top_columns; i++)
		if (top_columns[i].width && top_columns[i].prio == prio)
			width += top_columns[i].width + 1;
	return width;
}

/* Columns by priority as long as there is room; the name gets the rest. */
static void layout_make(struct layout *l, int width)
{
	int left = width - abs(top_columns[0].width);

	memset(l, 0, sizeof(*l));
	for (int prio = 0; prio <= PRIO_MAX; prio++) {
		if (prio >= PRIO_GROUPS && group_width(prio) > left)
			continue;
		for (int i = 1; i < nr_top_columns; i++) {
			const struct column *c = &top_columns[i];

			if (!c->width || c->prio != prio || left < c->width + 1)
				continue;
			l->width[i] = c->width;
			left -= c->width + 1;
		}
	}
	l->width[0] = top_columns[0].width - (left > 28 ? 28 : left > 0 ? left : 0);
}

static struct line *line_add(struct frame *f, enum line_look look)
{
	struct line *l;

	if (f->n == f->size) {
		size_t size = f->size ? f->size * 2 : 32;

		f->line = xrealloc(f->line, size * sizeof(*f->line));
		memset(f->line + f->size, 0, (size - f->size) * sizeof(*f->line));
		f->size = size;
	}
	l = &f->line[f->n++];
	text_clear(&l->text);
	text_add(&l->text, "", 0);
	l->look = look;
	l->mark_len = 0;
	return l;
}

static void table_head(struct frame *f, const struct layout *lay, const char *name, int sort)
{
	struct line *l = line_add(f, LOOK_HEAD);

	for (int i = 0; i < nr_top_columns; i++) {
		if (!lay->width[i])
			continue;
		if (i)
			text_add(&l->text, " ", 1);
		if (i == sort) {
			l->mark = l->text.len;
			l->mark_len = abs(lay->width[i]);
		}
		text_cell(&l->text, i ? top_columns[i].head : name, lay->width[i]);
	}
}

static void table_row(struct frame *f, const struct layout *lay, const struct row *r,
		      double seconds, enum line_look look)
{
	struct line *l = line_add(f, look);

	for (int i = 0; i < nr_top_columns; i++) {
		struct column c = top_columns[i];

		if (!lay->width[i])
			continue;
		if (i)
			text_add(&l->text, " ", 1);
		c.width = lay->width[i];
		column_text(&l->text, &c, r, seconds);
	}
}

/* ---- the frame ----------------------------------------------------------- */

static double interval_s(const struct top_input *in)
{
	double s = (in->now->time_ns - in->before->time_ns) / 1e9;

	return s > 0 ? s : 1;
}

static void title(struct frame *f, const struct top_input *in, const struct top_view *view)
{
	__u64 up = (in->now->time_ns - in->start_ns) / 1000000000;

	text_printf(&line_add(f, LOOK_TITLE)->text,
		    "fuseiomap-top  Linux %s  up %u:%02u:%02u  every %gs%s", in->kernel,
		    (unsigned int)(up / 3600), (unsigned int)(up / 60 % 60),
		    (unsigned int)(up % 60), in->interval_ns / 1e9,
		    view->paused ? "  PAUSED" : "");
}

/* What was seen since the start, and what was not. */
static void totals(struct frame *f, const struct top_input *in)
{
	const struct fi_ledger *l = &in->now->ledger;
	struct loss losses[LOSSES];
	__u64 lost = 0, open = 0, errors = 0;

	ledger_losses(losses, in->now);
	for (int i = 0; i < LOSSES; i++)
		lost += losses[i].n;
	for (int k = 0; k < FI_KINDS; k++) {
		open += l->in_flight[k];
		errors += l->errors[k];
	}
	text_printf(&line_add(f, LOOK_PLAIN)->text,
		    "since start: %" PRIu64 " begins, %" PRIu64 " ends (%" PRIu64 " sent), %"
		    PRIu64 " ioends (%" PRIu64 " sent)", (uint64_t)l->begun[FI_BEGIN],
		    (uint64_t)(l->sent[FI_END] + l->unsent[FI_END]), (uint64_t)l->sent[FI_END],
		    (uint64_t)l->begun[FI_IOEND], (uint64_t)l->sent[FI_IOEND]);
	text_printf(&line_add(f, lost ? LOOK_WARN : LOOK_PLAIN)->text,
		    "%" PRIu64 " errors, %" PRIu64 " answers refused, %" PRIu64 " in flight, %"
		    PRIu64 " lost", (uint64_t)errors, (uint64_t)l->bad_data, (uint64_t)open,
		    (uint64_t)lost);
}

/* Keeps the chosen row on the screen. */
static void scroll(struct top_view *view, int rows, int room)
{
	if (view->chosen >= rows)
		view->chosen = rows - 1;
	if (view->chosen < 0)
		view->chosen = 0;
	if (view->first > view->chosen)
		view->first = view->chosen;
	if (view->first < view->chosen - room + 1)
		view->first = view->chosen - room + 1;
	if (view->first > rows - room)
		view->first = rows > room ? rows - room : 0;
}

static void upper_table(struct frame *f, const struct top_input *in,
			const struct top_view *view, const struct layout *lay, int room)
{
	struct rows rows = { 0 };

	mount_rows(&rows, in, view, true);
	table_head(f, lay, "MOUNT", view->sort);
	for (size_t i = 0; i < rows.n && (int)i < room; i++)
		table_row(f, lay, &rows.row[i], interval_s(in),
			  view->dev && rows.row[i].dev == view->dev ? LOOK_CHOSEN : LOOK_PLAIN);
	if (!rows.n)
		text_printf(&line_add(f, LOOK_PLAIN)->text,
			    "(no fuse-iomap operation seen yet)");
	rows_free(&rows);
}

static void lower_table(struct frame *f, const struct top_input *in, struct top_view *view,
			const struct layout *lay, int room)
{
	struct rows rows = { 0 };

	lower_rows(&rows, in, view);
	scroll(view, rows.n, room);
	table_head(f, lay, view->table == TOP_OPS ? "OPERATION" : "FILE", view->sort);
	for (int i = view->first; i < (int)rows.n && i < view->first + room; i++)
		table_row(f, lay, &rows.row[i], interval_s(in),
			  i == view->chosen ? LOOK_CHOSEN : LOOK_PLAIN);
	rows_free(&rows);
}

static void help_lines(struct frame *f)
{
	static const char *const keys[] = {
		"Keys",
		"  up, down, PgUp, PgDn   choose a row          < > F6   sort by another column",
		"  Tab                    files, operations     r        reverse the order",
		"  Enter, m               only the files of the next mount, then all again",
		"  p, space               pause                 + -      longer, shorter interval",
		"  h, ?                   this help             q        quit",
		"Columns",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		text_printf(&line_add(f, LOOK_PLAIN)->text, "%s", keys[i]);
	for (int i = 0; i < nr_top_columns; i++)
		if (top_columns[i].help)
			text_printf(&line_add(f, LOOK_PLAIN)->text, "  %-8s %s",
				    top_columns[i].head, top_columns[i].help);
}

static void key_line(struct frame *f, int height)
{
	struct line *l;

	while ((int)f->n < height - 1)
		line_add(f, LOOK_PLAIN);
	f->n = height - 1;
	l = line_add(f, LOOK_KEYS);
	text_printf(&l->text,
		    "q quit  h help  Tab files/operations  < > sort  r reverse  p pause  + - interval");
}

void frame_make(struct frame *f, const struct top_input *in, struct top_view *view,
		int width, int height)
{
	struct layout lay;
	int upper = height / 3 > 3 ? height / 3 - 2 : 1;

	f->n = 0;
	layout_make(&lay, width);
	title(f, in, view);
	totals(f, in);
	if (view->help) {
		help_lines(f);
	} else {
		line_add(f, LOOK_PLAIN);
		upper_table(f, in, view, &lay, upper);
		line_add(f, LOOK_PLAIN);
		if (height - (int)f->n > 2)
			lower_table(f, in, view, &lay, height - (int)f->n - 2);
	}
	if (height > 0)
		key_line(f, height);
}

void frame_free(struct frame *f)
{
	for (size_t i = 0; i < f->size; i++)
		text_free(&f->line[i].text);
	free(f->line);
	*f = (struct frame){ 0 };
}

/* ---- batch --------------------------------------------------------------- */

static void batch_table(struct text *t, const struct rows *rows, const char *name)
{
	for (int i = 0; i < nr_top_columns; i++) {
		const struct column *c = &top_columns[i];
		char head[16];

		if (!c->width)
			continue;
		snprintf(head, sizeof(head), "%s", i ? c->head : name);
		/* Counts of the interval, not rates. */
		head[strcspn(head, "/")] = '\0';
		text_cell(t, head, i ? c->width : -24);
		text_add(t, " ", 1);
	}
	t->s[t->len - 1] = '\n';
	for (size_t r = 0; r < rows->n; r++) {
		for (int i = 0; i < nr_top_columns; i++) {
			struct column c = top_columns[i];

			if (!c.width)
				continue;
			if (!i)
				c.width = -24;
			column_text(t, &c, &rows->row[r], 0);
			text_add(t, " ", 1);
		}
		t->s[t->len - 1] = '\n';
	}
}

void frame_batch(struct text *t, const struct top_input *in, const struct top_view *view,
		 unsigned long n)
{
	struct rows rows = { 0 };
	struct top_view v = *view;

	text_printf(t, "--- %lu: %.3f s, from %.3f s on\n", n, interval_s(in),
		    (in->before->time_ns - in->start_ns) / 1e9);
	mount_rows(&rows, in, &v, false);
	batch_table(t, &rows, "MOUNT");
	for (v.table = 0; v.table < TOP_TABLES; v.table++) {
		lower_rows(&rows, in, &v);
		if (rows.n)
			batch_table(t, &rows, v.table == TOP_OPS ? "OPERATION" : "FILE");
	}
	rows_free(&rows);
}

static void json_rows(struct json *j, const struct rows *rows, const char *type,
		      unsigned long n)
{
	for (size_t r = 0; r < rows->n; r++) {
		json_line(j, type);
		json_u64(j, "interval", n);
		for (int i = 0; i < nr_top_columns; i++)
			column_json(j, &top_columns[i], &rows->row[r]);
		json_put(j);
	}
}

void frame_json(struct json *j, const struct top_input *in, const struct top_view *view,
		unsigned long n)
{
	static const char *const types[TOP_TABLES] = { "file", "operation" };
	struct rows rows = { 0 };
	struct top_view v = *view;

	json_line(j, "interval");
	json_u64(j, "interval", n);
	json_u64(j, "from_ns", in->before->time_ns);
	json_u64(j, "to_ns", in->now->time_ns);
	json_put(j);
	mount_rows(&rows, in, &v, false);
	json_rows(j, &rows, "mount", n);
	for (v.table = 0; v.table < TOP_TABLES; v.table++) {
		lower_rows(&rows, in, &v);
		json_rows(j, &rows, types[v.table], n);
	}
	rows_free(&rows);
}
