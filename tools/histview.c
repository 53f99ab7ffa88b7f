// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "histview.h"
#include "names.h"

#define MAX_LINES	20	/* of one histogram; then bins are joined */
#define MIN_GAP		3	/* empty lines in a row that are left out */
#define BAR_LEN		40

typedef char *(*fmt_fn)(char *buf, size_t size, uint64_t v);

/* ---- one histogram ------------------------------------------------------- */

static void text_bar(struct text *t, __u64 n, __u64 most)
{
	static const char full[] = "########################################";
	int len = most ? (int)((double)n / most * BAR_LEN + 0.5) : 0;

	/* What is there shall be seen. */
	if (n && !len)
		len = 1;
	text_printf(t, "|%-*.*s|\n", BAR_LEN, len, full);
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
			text_printf(t, "  %8s\n", "...");
			i += gap - 1;
			continue;
		}
		text_printf(t, "  %8s .. %-8s %10" PRIu64 " ",
			    fmt(lo, sizeof(lo), fi_bin_lo(i * join)),
			    fmt(hi, sizeof(hi), fi_bin_hi(end)), (uint64_t)joined(h, i, join));
		text_bar(t, joined(h, i, join), most);
	}
}

/* "  min 80us  p50 ...  max 5.2ms  mean 123us" */
static void text_percentiles(struct text *t, const struct fi_hist *h, fmt_fn fmt)
{
	char buf[FMT_LEN];

	text_printf(t, "  min %s", fmt(buf, sizeof(buf), hist_min(h)));
	for (int i = 0; i < PERCENTILES; i++)
		text_printf(t, "  %s %s", percentiles[i].name,
			    fmt(buf, sizeof(buf), hist_percentile(h, percentiles[i].share)));
	text_printf(t, "  max %s", fmt(buf, sizeof(buf), h->max));
	text_printf(t, "  mean %s\n", fmt(buf, sizeof(buf), hist_mean(h)));
}

static void json_hist(struct json *j, const struct fi_hist *h)
{
	json_u64(j, "n", h->n);
	json_u64(j, "sum", h->sum);
	json_u64(j, "min", hist_min(h));
	json_u64(j, "max", h->max);
	for (int i = 0; i < PERCENTILES; i++)
		json_u64(j, percentiles[i].name, hist_percentile(h, percentiles[i].share));
	json_open(j, "buckets", '[');
	for (__u32 i = 0; i < FI_BINS; i++) {
		if (!h->slot[i])
			continue;
		json_open(j, NULL, '{');
		json_u64(j, "lo", fi_bin_lo(i));
		json_u64(j, "hi", fi_bin_hi(i));
		json_u64(j, "n", h->slot[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* ---- the window ---------------------------------------------------------- */

/* One of the histograms beside the cells; false if it is empty. */
static bool get_hist(struct fi_hist *h, const struct window *w, int index)
{
	static const struct fi_hist none;

	if (!w->now->hists)
		return false;
	hist_diff(h, &w->now->hists[index],
		  w->before->hists ? &w->before->hists[index] : &none);
	return h->n;
}

static __u64 get_shares(__u64 n[FI_SHARES], const struct window *w, int op)
{
	__u64 sum = 0;

	for (int i = 0; i < FI_SHARES; i++) {
		n[i] = w->now->shares[op].n[i] - w->before->shares[op].n[i];
		sum += n[i];
	}
	return sum;
}

/* "0%", "<10%", ... "<100%", "100%": the bounds of a bin of fi_share() */
static char *share_name(char *buf, size_t size, int share)
{
	if (!share)
		snprintf(buf, size, "0%%");
	else if (share == FI_SHARES - 1)
		snprintf(buf, size, "100%%");
	else
		snprintf(buf, size, "%d..%d%%", (share - 1) * 10, share * 10);
	return buf;
}

/* ---- text ---------------------------------------------------------------- */

static void text_summary(struct text *t, const struct rows *rows)
{
	char buf[5][FMT_LEN];

	text_printf(t, "%-6s %-12s %9s %9s %7s %8s %7s %8s %7s %7s %7s %7s\n", "EVENT", "OP",
		    "COUNT", "SENT", "ERRORS", "BYTES", "SHORT", "MISSING", "P50", "P99",
		    "P99.9", "MAX");
	for (int k = 0; k < FI_KINDS; k++)
		for (size_t i = 0; i < rows->n; i++) {
			const struct fi_cell *c = &rows->row[i].kind[k];
			const struct fi_hist *h = &c->lat;

			if (!c->done)
				continue;
			text_printf(t, "%-6s %-12s %9" PRIu64 " %9" PRIu64 " %7" PRIu64
				    " %8s %7" PRIu64 " %8s", kind_name[k], rows->row[i].name,
				    (uint64_t)c->done, (uint64_t)c->sent, (uint64_t)c->errors,
				    fmt_bytes(buf[0], FMT_LEN, c->bytes), (uint64_t)c->shorts,
				    fmt_bytes(buf[1], FMT_LEN, c->missing));
			if (h->n)
				text_printf(t, " %7s %7s %7s %7s\n",
					    fmt_ns(buf[0], FMT_LEN, hist_percentile(h, 0.5)),
					    fmt_ns(buf[1], FMT_LEN, hist_percentile(h, 0.99)),
					    fmt_ns(buf[2], FMT_LEN, hist_percentile(h, 0.999)),
					    fmt_ns(buf[3], FMT_LEN, h->max));
			else
				text_printf(t, " %7s %7s %7s %7s\n", "-", "-", "-", "-");
		}
}

/* Where the time of an upcall went: a line for each phase. */
static void text_phases(struct text *t, const struct window *w, int kind, int op)
{
	struct fi_hist ph[FI_PHASES];
	char buf[5][FMT_LEN];
	__u64 sum = 0;

	for (int i = 0; i < FI_PHASES; i++) {
		if (!get_hist(&ph[i], w, FI_H_PHASE(kind, op, i)))
			return;
		sum += ph[i].sum;
	}
	text_printf(t, "  %-8s %6s %8s %8s %8s %8s %8s\n", "of this", "share", "mean", "p50",
		    "p99", "p99.9", "max");
	for (int i = 0; i < FI_PHASES; i++)
		text_printf(t, "  %-8s %5.1f%% %8s %8s %8s %8s %8s\n", phase_name[i],
			    sum ? 100.0 * ph[i].sum / sum : 0.0,
			    fmt_ns(buf[0], FMT_LEN, hist_mean(&ph[i])),
			    fmt_ns(buf[1], FMT_LEN, hist_percentile(&ph[i], 0.5)),
			    fmt_ns(buf[2], FMT_LEN, hist_percentile(&ph[i], 0.99)),
			    fmt_ns(buf[3], FMT_LEN, hist_percentile(&ph[i], 0.999)),
			    fmt_ns(buf[4], FMT_LEN, ph[i].max));
}

static void text_latencies(struct text *t, const struct window *w, const struct rows *rows)
{
	for (int k = 0; k < FI_KINDS; k++)
		for (size_t i = 0; i < rows->n; i++) {
			const struct row *r = &rows->row[i];
			const struct fi_hist *h = &r->kind[k].lat;

			if (!h->n)
				continue;
			text_printf(t, "\nlatency of %s, %s: %" PRIu64 "\n", kind_name[k],
				    r->name, (uint64_t)h->n);
			text_percentiles(t, h, fmt_ns);
			text_bins(t, h, fmt_ns);
			text_phases(t, w, k, r->op);
		}
}

static void text_lengths(struct text *t, const struct window *w)
{
	struct fi_hist h;

	for (int type = 0; type < FI_TYPES; type++) {
		if (!get_hist(&h, w, FI_H_MAPLEN(type)))
			continue;
		text_printf(t, "\nlength of mappings, %s: %" PRIu64 "\n", type_name[type],
			    (uint64_t)h.n);
		text_percentiles(t, &h, fmt_bytes);
		text_bins(t, &h, fmt_bytes);
	}
}

static void text_shares(struct text *t, const struct window *w)
{
	__u64 n[FI_SHARES], sum, most;
	struct fi_hist missing;
	char name[16];

	for (int op = 0; op < FI_OPS; op++) {
		sum = get_shares(n, w, op);
		if (!sum)
			continue;
		most = 0;
		for (int i = 0; i < FI_SHARES; i++)
			most = n[i] > most ? n[i] : most;
		text_printf(t, "\nwritten of count, %s: %" PRIu64 " ends, %" PRIu64 " short\n",
			    op_name[op], (uint64_t)sum, (uint64_t)(sum - n[FI_SHARES - 1]));
		for (int i = 0; i < FI_SHARES; i++) {
			if (!n[i])
				continue;
			text_printf(t, "  %20s %10" PRIu64 " ",
				    share_name(name, sizeof(name), i), (uint64_t)n[i]);
			text_bar(t, n[i], most);
		}
		if (!get_hist(&missing, w, FI_H_MISSING(op)))
			continue;
		text_printf(t, " bytes missing:\n");
		text_percentiles(t, &missing, fmt_bytes);
		text_bins(t, &missing, fmt_bytes);
	}
}

void histview_text(struct text *t, const struct window *w)
{
	struct rows rows = { 0 };

	rows_make(&rows, ROWS_BY_OP, &w->now->mounts, &w->before->mounts, false);
	if (!rows.n) {
		text_printf(t, "no fuse-iomap operations in %.3f s\n",
			    (w->now->time_ns - w->before->time_ns) / 1e9);
	} else {
		text_summary(t, &rows);
		text_latencies(t, w, &rows);
		text_lengths(t, w);
		text_shares(t, w);
	}
	rows_free(&rows);
}

/* ---- JSON ---------------------------------------------------------------- */

static void json_types(struct json *j, const char *key, const __u64 *n)
{
	json_open(j, key, '{');
	for (int i = 0; i < FI_TYPES; i++)
		if (n[i])
			json_u64(j, type_name[i], n[i]);
	json_close(j, '}');
}

/* Everything counted for one connection, kind and operation. */
static void json_counts(struct json *j, const struct window *w, const struct cell *c)
{
	const struct fi_cell *v = &c->v;
	char buf[256];

	json_line(j, "counts");
	json_u64(j, "connection", c->key.dev);
	json_str(j, "mount", mounts_name(w->mounts, c->key.dev, buf, sizeof(buf)));
	json_str(j, "kind", kind_name[c->key.kind]);
	json_str(j, "op", op_name[c->key.op]);
	json_u64(j, "begun", v->begun);
	json_u64(j, "done", v->done);
	json_u64(j, "sent", v->sent);
	json_u64(j, "errors", v->errors);
	json_u64(j, "bytes", v->bytes);
	if (c->key.kind != FI_BEGIN)
		json_u64(j, "written", v->written);
	if (c->key.kind == FI_END) {
		json_u64(j, "short", v->shorts);
		json_u64(j, "missing", v->missing);
	}
	if (c->key.kind == FI_BEGIN) {
		json_types(j, "read_types", v->read_type);
		json_types(j, "write_types", v->write_type);
		json_types(j, "used_types", v->used_type);
	}
	json_put(j);
	if (!v->lat.n)
		return;
	json_line(j, "hist");
	json_str(j, "what", "latency");
	json_u64(j, "connection", c->key.dev);
	json_str(j, "kind", kind_name[c->key.kind]);
	json_str(j, "op", op_name[c->key.op]);
	json_str(j, "unit", "ns");
	json_hist(j, &v->lat);
	json_put(j);
}

static void json_phases(struct json *j, const struct window *w)
{
	struct fi_hist h;

	for (int k = 0; k < FI_KINDS; k++)
		for (int op = 0; op < FI_OPS; op++)
			for (int i = 0; i < FI_PHASES; i++) {
				if (!get_hist(&h, w, FI_H_PHASE(k, op, i)))
					continue;
				json_line(j, "hist");
				json_str(j, "what", "phase");
				json_str(j, "kind", kind_name[k]);
				json_str(j, "op", op_name[op]);
				json_str(j, "phase", phase_name[i]);
				json_str(j, "unit", "ns");
				json_hist(j, &h);
				json_put(j);
			}
}

static void json_sizes(struct json *j, const struct window *w, const char *what,
		       const char *key, const char *const *names, int n, int index)
{
	struct fi_hist h;

	for (int i = 0; i < n; i++) {
		if (!get_hist(&h, w, index + i))
			continue;
		json_line(j, "hist");
		json_str(j, "what", what);
		json_str(j, key, names[i]);
		json_str(j, "unit", "bytes");
		json_hist(j, &h);
		json_put(j);
	}
}

static void json_shares(struct json *j, const struct window *w)
{
	__u64 n[FI_SHARES], sum;

	for (int op = 0; op < FI_OPS; op++) {
		sum = get_shares(n, w, op);
		if (!sum)
			continue;
		json_line(j, "shares");
		json_str(j, "op", op_name[op]);
		json_u64(j, "n", sum);
		json_open(j, "buckets", '[');
		for (int i = 0; i < FI_SHARES; i++) {
			if (!n[i])
				continue;
			json_open(j, NULL, '{');
			json_u64(j, "percent_lo", i ? (i - 1) * 10 : 0);
			json_u64(j, "percent_hi", i ? (i == FI_SHARES - 1 ? 100 : i * 10) : 0);
			json_u64(j, "n", n[i]);
			json_close(j, '}');
		}
		json_close(j, ']');
		json_put(j);
	}
}

void histview_json(struct json *j, const struct window *w)
{
	struct cells diff = { 0 };

	json_line(j, "window");
	json_u64(j, "from_ns", w->before->time_ns);
	json_u64(j, "to_ns", w->now->time_ns);
	json_put(j);
	cells_diff(&diff, &w->now->mounts, &w->before->mounts);
	for (size_t i = 0; i < diff.n; i++)
		if (diff.cell[i].v.begun || diff.cell[i].v.done)
			json_counts(j, w, &diff.cell[i]);
	free(diff.cell);
	json_phases(j, w);
	json_sizes(j, w, "mapping_length", "map_type", type_name, FI_TYPES, FI_H_MAPLEN(0));
	json_sizes(j, w, "missing", "op", op_name, FI_OPS, FI_H_MISSING(0));
	json_shares(j, w);
}
