// SPDX-License-Identifier: GPL-2.0-only
/*
 * The detail pane of `top`: histograms and a heat map over the same latencies,
 * how the wait is split, mapping types and lengths, of the chosen row and over
 * what is kept of the past.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "hist.h"
#include "names.h"

/* ---- bars ---------------------------------------------------------------- */

/* In eighths of a column. What is there shall be seen. */
static void put_bar(struct line *l, enum look look, double share, int width)
{
	static const char *const part[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int eighths = share * width * 8 + 0.5, col = text_width(l->text.s), used;

	if (share > 0 && !eighths)
		eighths = 1;
	if (eighths > width * 8)
		eighths = width * 8;
	for (int i = 0; i < eighths / 8; i++)
		text_str(&l->text, "█");
	text_str(&l->text, part[eighths % 8]);
	used = eighths / 8 + !!(eighths % 8);
	if (used)
		line_span(l, col, used, look);
	text_printf(&l->text, "%*s", width - used, "");
}

struct share {
	const char *name;
	double n;
};

/* One bar in parts, and what they are; parts that are not there are left out. */
static void put_shares(struct line *l, const char *what, const struct share *shares, int n,
		       int width)
{
	static const enum look looks[] = { LOOK_PART0, LOOK_PART1, LOOK_PART2, LOOK_PART3 };
	/* For terminals without colours. */
	static const char *const fill[] = { "░", "▒", "█", "▓" };
	double sum = 0, seen = 0;
	int done = 0;

	for (int i = 0; i < n; i++)
		sum += shares[i].n;
	line_add(l, LOOK_DIM, " %-7s ", what);
	for (int i = 0; sum > 0 && i < n; i++) {
		int to, col = text_width(l->text.s);

		seen += shares[i].n;
		to = seen / sum * width + 0.5;
		for (int k = done; k < to; k++)
			text_str(&l->text, fill[i % 4]);
		if (to > done)
			line_span(l, col, to - done, looks[i % 4]);
		done = to;
	}
	line_add(l, LOOK_PLAIN, " ");
	for (int i = 0; i < n; i++)
		if (shares[i].n > 0) {
			line_add(l, looks[i % 4], " %s", shares[i].name);
			line_add(l, LOOK_PLAIN, " %.3g%%", 100.0 * shares[i].n / sum);
		}
	if (!(sum > 0))
		line_add(l, LOOK_DIM, "nothing known");
}

static void wait_line(struct frame *f, const struct fi_cell *kind, int width)
{
	struct share shares[FI_PHASES] = { 0 };

	for (int p = 0; p < FI_PHASES; p++) {
		shares[p].name = phase_name[p];
		for (int k = 0; k < FI_KINDS; k++)
			shares[p].n += kind[k].phase_ns[p];
	}
	put_shares(frame_line(f, LOOK_PLAIN), "wait", shares, FI_PHASES, width);
}

static void types_line(struct frame *f, const struct fi_cell *kind, int width)
{
	struct share shares[FI_TYPES];

	for (int t = 0; t < FI_TYPES; t++)
		shares[t] = (struct share){ type_name[t], kind[FI_BEGIN].used_type[t] };
	put_shares(frame_line(f, LOOK_PLAIN), "types", shares, FI_TYPES, width);
}

/* ---- lengths of mappings ------------------------------------------------- */

static const struct fi_hist *lengths_of(const struct interval *iv, int type)
{
	const struct fi_hist *h = iv->d.hists ? &iv->d.hists[FI_H_MAPLEN(type)] : NULL;

	return h && h->n ? h : NULL;
}

/* A doubling of the length is one character. */
static void put_spark(struct line *l, const struct fi_hist *h, int first, int last)
{
	static const char *const step[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	__u64 n[64] = { 0 }, most = 0;
	int col = text_width(l->text.s);

	for (int i = 0; i < (int)FI_BINS; i++) {
		int at = fi_log2(fi_bin_lo(i));

		n[at] += h->slot[i];
		most = n[at] > most ? n[at] : most;
	}
	for (int i = first; i <= last; i++) {
		int high = n[i] * 7 / most;

		text_str(&l->text, n[i] ? step[high] : " ");
	}
	line_span(l, col, last - first + 1, LOOK_BEGIN);
}

/* By type, of all mounts: lengths are not kept by row. */
static void lengths_lines(struct frame *f, const struct interval *iv, int room)
{
	char a[FMT_LEN], b[FMT_LEN], c[FMT_LEN];
	int first = 63, last = 0, types = 0;
	struct line *l;

	for (int t = 0; t < FI_TYPES; t++) {
		const struct fi_hist *h = lengths_of(iv, t);
		int lo = h ? fi_log2(hist_min(h)) : 63, hi = h ? fi_log2(h->max) : 0;

		types += h != NULL;
		first = lo < first ? lo : first;
		last = hi > last ? hi : last;
	}
	if (!types || room < 2)
		return;
	line_add(frame_line(f, LOOK_PLAIN), LOOK_DIM,
		 " lengths of the mappings of all mounts in this interval");
	for (int t = 0; t < FI_TYPES && --room > 0; t++) {
		const struct fi_hist *h = lengths_of(iv, t);

		if (!h) {
			room++;
			continue;
		}
		l = frame_line(f, LOOK_PLAIN);
		line_add(l, LOOK_PLAIN, " %-10s ", type_name[t]);
		put_spark(l, h, first, last);
		line_add(l, LOOK_PLAIN, "  %s .. %s  p50 %s", fmt_bytes(a, sizeof(a), hist_min(h)),
			 fmt_bytes(b, sizeof(b), h->max),
			 fmt_bytes(c, sizeof(c), hist_percentile(h, 0.5)));
	}
}

static int lengths_height(const struct interval *iv)
{
	int lines = 1;

	for (int t = 0; t < FI_TYPES; t++)
		lines += lengths_of(iv, t) != NULL;
	return lines > 1 ? lines : 0;
}

/* ---- the past ------------------------------------------------------------ */

/* Bytes to unpack for one frame; what is left over comes with the next ones. */
#define HEAT_BUDGET	(32 << 20)

static bool same_match(const struct row_match *a, const struct row_match *b)
{
	return a->by == b->by && !cell_key_cmp(&a->key, &b->key);
}

/* Sums of intervals first..last, the newest first. */
static void heat_update(struct heat *h, struct history *past, const struct row_match *match,
			__u64 first, __u64 last)
{
	size_t budget = HEAT_BUDGET;

	if (!h->sum)
		h->sum = xcalloc(HEAT_COLUMNS, sizeof(*h->sum));
	if (!h->valid || !same_match(&h->match, match)) {
		memset(h->seq, 0, sizeof(h->seq));
		h->match = *match;
		h->valid = true;
	}
	for (__u64 seq = last; seq >= first && seq; seq--) {
		size_t cost = history_raw_bytes(past, seq);
		int at = seq % HEAT_COLUMNS;

		if (h->seq[at] == seq)
			continue;
		if (cost > budget && seq != last)
			break;
		budget -= cost < budget ? cost : budget;
		if (history_sum(past, seq, match, h->sum[at]))
			h->seq[at] = seq;
	}
}

static const struct fi_cell *heat_at(const struct heat *h, __u64 seq)
{
	int at = seq % HEAT_COLUMNS;

	return seq && h->seq[at] == seq ? h->sum[at] : NULL;
}

/* ---- latencies ----------------------------------------------------------- */

/* Lines of latencies, each of `join` bins, the longest on top. None: last < first. */
struct axis {
	int join;
	int first;		/* in units of `join` */
	int last;
};

static void axis_make(struct axis *a, const struct fi_cell *kind, int lines)
{
	int first = FI_BINS, last = -1;

	for (int k = 0; k < FI_KINDS; k++)
		for (int i = 0; i < (int)FI_BINS; i++) {
			if (!kind[k].lat.slot[i])
				continue;
			first = i < first ? i : first;
			last = i > last ? i : last;
		}
	*a = (struct axis){ .join = 1, .last = -1 };
	if (last < 0)
		return;
	while (last / a->join - first / a->join >= lines)
		a->join++;
	a->first = first / a->join;
	a->last = last / a->join;
}

static __u64 slots(const struct fi_hist *h, const struct axis *a, int at)
{
	__u64 n = 0;

	for (int i = at * a->join; i < (at + 1) * a->join && i < (int)FI_BINS; i++)
		n += h->slot[i];
	return n;
}

/* Time × latency: intervals, joined so that the map is as wide as its place. */
struct map {
	__u64 last;		/* interval of the rightmost column */
	int join;		/* intervals in a column */
	int columns;
	int kind;		/* -1: all */
	__u64 most;
};

static __u64 heat_cell(const struct heat *h, const struct map *m, const struct axis *a, int at,
		       int column)
{
	__s64 last = m->last - (__s64)(m->columns - 1 - column) * m->join;
	__u64 n = 0;

	for (__s64 seq = last; seq > last - m->join && seq > 0; seq--) {
		const struct fi_cell *c = heat_at(h, seq);

		for (int k = 0; c && k < FI_KINDS; k++)
			if (m->kind < 0 || m->kind == k)
				n += slots(&c[k].lat, a, at);
	}
	return n;
}

static void map_most(struct map *m, const struct heat *h, const struct axis *a)
{
	m->most = 0;
	for (int at = a->first; at <= a->last; at++)
		for (int c = 0; c < m->columns; c++) {
			__u64 n = heat_cell(h, m, a, at, c);

			m->most = n > m->most ? n : m->most;
		}
}

/* Five steps of a logarithmic scale. */
static void put_heat(struct line *l, const struct heat *h, const struct map *m,
		     const struct axis *a, int at)
{
	static const char *const shade[] = { " ", "·", "░", "▒", "▓", "█" };
	int col = text_width(l->text.s);

	for (int c = 0; c < m->columns; c++) {
		__u64 n = heat_cell(h, m, a, at, c);
		int step = !n ? 0 : m->most < 2 ? 3 : 1 + (int)(4 * log(n) / log(m->most) + 0.5);

		text_str(&l->text, shade[step]);
		if (step)
			line_span(l, col + c, 1, LOOK_HEAT1 + step - 1);
	}
}

static const enum look kind_look[FI_KINDS] = { LOOK_BEGIN, LOOK_END, LOOK_IOEND };

#define LABEL	9

static void latency_head(struct frame *f, const struct fi_cell *kind, int bar, int bars,
			 const struct map *m)
{
	struct line *l = frame_line(f, LOOK_PLAIN);
	char p50[FMT_LEN], p99[FMT_LEN], buf[64];

	line_add(l, LOOK_DIM, "%-*s", LABEL, " latency");
	for (int k = 0; k < bars; k++) {
		const struct fi_hist *h = &kind[k].lat;

		if (!h->n)
			snprintf(buf, sizeof(buf), "%s", kind_name[k]);
		else if (bar >= 28)
			snprintf(buf, sizeof(buf), "%s p50 %s p99 %s", kind_name[k],
				 fmt_ns(p50, sizeof(p50), hist_percentile(h, 0.5)),
				 fmt_ns(p99, sizeof(p99), hist_percentile(h, 0.99)));
		else
			snprintf(buf, sizeof(buf), "%s p99 %s", kind_name[k],
				 fmt_ns(p99, sizeof(p99), hist_percentile(h, 0.99)));
		line_add(l, kind_look[k], "%-*.*s ", bar, bar, buf);
	}
	if (m->columns)
		line_add(l, LOOK_DIM, "%s over time%s%s",
			 m->kind < 0 ? "all" : kind_name[m->kind],
			 m->columns > 28 ? ", newest right" : "",
			 m->columns > 50 ? " (v: begins, ends, ioends)" : "");
}

static void latency_lines(struct frame *f, const struct fi_cell *kind, const struct axis *a,
			  int bar, int bars, const struct heat *h, const struct map *m)
{
	__u64 most[FI_KINDS] = { 0 };
	char lo[FMT_LEN];

	for (int k = 0; k < bars; k++)
		for (int at = a->first; at <= a->last; at++) {
			__u64 n = slots(&kind[k].lat, a, at);

			most[k] = n > most[k] ? n : most[k];
		}
	for (int at = a->last; at >= a->first; at--) {
		struct line *l = frame_line(f, LOOK_PLAIN);

		line_add(l, LOOK_DIM, "%*s ", LABEL - 1,
			 fmt_ns(lo, sizeof(lo), fi_bin_lo(at * a->join)));
		for (int k = 0; k < bars; k++) {
			__u64 n = slots(&kind[k].lat, a, at);

			put_bar(l, kind_look[k], most[k] ? (double)n / most[k] : 0, bar);
			text_add(&l->text, " ", 1);
		}
		put_heat(l, h, m, a, at);
	}
}

/* "-2m10s                    -1m5s                    now" below the map */
static void time_line(struct frame *f, const struct top_input *in, const struct map *m, int col)
{
	struct line *l = frame_line(f, LOOK_PLAIN);
	__s64 first = m->last - (__s64)m->columns * m->join + 1;
	char ago[FMT_LEN];
	__u64 from;
	int at;

	if (first < (__s64)history_first(in->history))
		first = history_first(in->history);
	from = history_from_ns(in->history, first);
	fmt_ns(ago, sizeof(ago), history_to_ns(in->history, m->last) - from);
	at = m->columns - 1 - (int)((m->last - first) / m->join);
	/* Where there is not much of a past yet, it still has to fit. */
	if (at > m->columns - 1 - (int)strlen(ago))
		at = m->columns - 1 - (int)strlen(ago);
	line_add(l, LOOK_PLAIN, "%*s", col + at, "");
	line_add(l, LOOK_DIM, "-%s", ago);
}

/* ---- the pane ------------------------------------------------------------ */

static void detail_title(struct frame *f, const struct top_row *row, int view,
			 const struct fi_cell *kind, __u64 span_ns)
{
	struct line *l = frame_line(f, LOOK_HEAD);
	char name[256], a[FMT_LEN], b[FMT_LEN], c[FMT_LEN], d[FMT_LEN], m[FMT_LEN];
	__u64 errors = 0;

	for (int k = 0; k < FI_KINDS; k++)
		errors += kind[k].errors;
	if (row->server)
		line_add(l, LOOK_HEAD, "mount %s, all its threads",
			 catalog_mount_name(row->in->catalog, row->key.dev, name, sizeof(name)));
	else
		line_add(l, LOOK_HEAD, "%s %s", views[view].type,
			 top_row_title(row, name, sizeof(name)));
	line_add(l, LOOK_HEAD, "  last %s: %s begins  %s ends  %s ioends  %" PRIu64 " errors",
		 fmt_ns(d, sizeof(d), span_ns), fmt_count(a, sizeof(a), kind[FI_BEGIN].done),
		 fmt_count(b, sizeof(b), kind[FI_END].done),
		 fmt_count(c, sizeof(c), kind[FI_IOEND].done), (uint64_t)errors);
	line_add(l, LOOK_HEAD, "  %" PRIu64 " short", (uint64_t)kind[FI_END].shorts);
	if (kind[FI_END].shorts)
		line_add(l, LOOK_HEAD, ", %s missing", fmt_bytes(m, sizeof(m),
							 kind[FI_END].missing));
}

/* What the row stands for, within what was drilled down to. */
static struct row_match match_of(const struct top_state *st, const struct top_row *row)
{
	const struct level *l = &st->level[st->depth];
	struct row_match m = { row->server ? BY_MOUNT : row->by, row->key };

	if (row->server) {
		m.key = (struct fi_cell_key){ .dev = row->key.dev };
		return m;
	}
	m.by |= l->match.by;
	if (!(row->by & BY_MOUNT))
		m.key.dev = l->match.key.dev;
	if (!(row->by & BY_FILE))
		m.key.ino = l->match.key.ino;
	if (!(row->by & (BY_PROCESS | BY_THREAD)))
		m.key.pid = l->match.key.pid;
	if (!(row->by & BY_THREAD))
		m.key.tid = l->match.key.tid;
	if (!(row->by & BY_OP))
		m.key.op = l->match.key.op;
	if (!(row->by & BY_TYPE))
		m.key.type = l->match.key.type;
	m.key.flags |= l->match.key.flags;
	return m;
}

static void sum_all(struct fi_cell total[FI_KINDS], const struct heat *h, __u64 first,
		    __u64 last, __u64 *oldest)
{
	memset(total, 0, FI_KINDS * sizeof(*total));
	*oldest = last;
	for (__u64 seq = last; seq >= first && seq; seq--) {
		const struct fi_cell *c = heat_at(h, seq);

		if (!c)
			continue;
		*oldest = seq;
		for (int k = 0; k < FI_KINDS; k++)
			cell_merge(&total[k], &c[k]);
	}
}

/* From so many lines on there is room for the lengths of mappings. */
#define DETAIL_LINES	16

void detail_make(struct frame *f, const struct top_input *in, struct top_state *st,
		 const struct top_row *row, int width, int height)
{
	struct fi_cell total[FI_KINDS];
	struct row_match match = match_of(st, row);
	__u64 last = st->seq ? st->seq : history_last(in->history);
	__u64 first = history_first(in->history), oldest;
	int bars = width >= 60 ? FI_KINDS : 1;
	int bar = width >= 180 ? 28 : width >= 110 ? 20 : width >= 60 ? 16 : width / 2;
	int room = width - LABEL - bars * (bar + 1), start = f->n;
	int share = width >= 100 ? 40 : width / 3, lengths, lines;
	struct map map = { .last = last, .kind = st->heat_kind };
	struct axis axis;

	if (last + 1 > HEAT_COLUMNS && first < last + 1 - HEAT_COLUMNS)
		first = last + 1 - HEAT_COLUMNS;
	heat_update(&st->heat, in->history, &match, first, last);
	sum_all(total, &st->heat, first, last, &oldest);
	if (room >= 16) {
		map.columns = room;
		map.join = (last - first) / room + 1;
	}
	detail_title(f, row, top_level(st)->view, total,
		     history_to_ns(in->history, last) - history_from_ns(in->history, oldest));
	wait_line(f, total, share);
	types_line(f, total, share);
	lengths = lengths_height(row->in->iv);
	if (height - lengths < DETAIL_LINES)
		lengths = 0;
	/* Between a head and the line with the time. */
	lines = height - lengths - ((int)f->n - start) - 2;
	if (lines < 1)
		return;
	latency_head(f, total, bar, bars, &map);
	axis_make(&axis, total, lines);
	map_most(&map, &st->heat, &axis);
	latency_lines(f, total, &axis, bar, bars, &st->heat, &map);
	if (map.columns && axis.last >= axis.first)
		time_line(f, in, &map, LABEL + bars * (bar + 1));
	else if (axis.last < axis.first)
		line_add(frame_line(f, LOOK_DIM), LOOK_DIM, " no upcall with a known latency");
	lengths_lines(f, row->in->iv, height - ((int)f->n - start));
}
