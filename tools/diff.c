// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "error.h"
#include "hist.h"
#include "names.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIND_BIT(k)	(1U << (k))
#define ALL_KINDS	(KIND_BIT(FI_BEGIN) | KIND_BIT(FI_END) | KIND_BIT(FI_IOEND))

/* ---- metrics of one operation -------------------------------------------- */

static bool share(double part, double of, double *v)
{
	*v = of ? part / of : 0;
	return of;
}

static bool get_count(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	*v = c->done;
	return true;
}

static bool get_mean(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	return share(c->lat.sum, c->lat.n, v);
}

static bool get_pct(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	*v = hist_percentile(&c->lat, arg / 100);
	return c->lat.n;
}

static bool get_phase(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	return share(c->phase_ns[(int)arg], c->split, v);
}

static bool get_sent(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	return share(c->sent, c->done, v);
}

static bool get_errors(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	return share(c->errors, c->done, v);
}

static bool get_short(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	return share(c->shorts, c->done, v);
}

static bool get_missing(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	*v = c->missing;
	return c->done;
}

static bool get_type(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	__u64 sum = 0;

	for (int i = 0; i < FI_TYPES; i++)
		sum += c->used_type[i];
	return share(c->used_type[(int)arg], sum, v);
}

/* ---- metrics of a run ---------------------------------------------------- */

/* All operations of one kind, or of all kinds (FI_KINDS). */
static void add_up(struct fi_cell *sum, const struct result *r, int kind)
{
	memset(sum, 0, sizeof(*sum));
	for (int k = 0; k < FI_KINDS; k++)
		for (int op = 0; (k == kind || kind == FI_KINDS) && op < FI_OPS; op++)
			cell_merge(sum, &r->op[k][op]);
}

static bool total_duration(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	*v = r->duration_ns;
	return true;
}

/*
 * Bytes that were read and written, by what their ENDs say: a BEGIN asks for more
 * than its mapping has. Unknown where only some ENDs are seen. Writeback and
 * zeroing move nothing on behalf of the caller.
 */
static bool total_moved(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	static const enum fi_op ops[] = {
		FI_READ, FI_READ_DIRECT, FI_WRITE, FI_WRITE_DIRECT, FI_APPEND,
		FI_APPEND_DIRECT, FI_FAULT,
	};

	*v = 0;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		*v += r->op[FI_END][ops[i]].written;
	return !r->upstream;
}

static bool total_speed(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	double moved;

	return total_moved(r, c, arg, &moved) && share(moved, r->duration_ns / 1e9, v);
}

static bool total_upcalls(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	struct fi_cell sum;

	add_up(&sum, r, FI_KINDS);
	*v = sum.sent;
	return true;
}

static bool total_upcalls_per_mib(const struct result *r, const struct fi_cell *c, double arg,
				  double *v)
{
	double moved, upcalls;

	total_upcalls(r, c, arg, &upcalls);
	return total_moved(r, c, arg, &moved) && share(upcalls, moved / (1 << 20), v);
}

static bool total_short(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	struct fi_cell sum;

	add_up(&sum, r, FI_END);
	return get_short(r, &sum, arg, v) && !r->upstream;
}

static bool total_errors(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	struct fi_cell sum;

	add_up(&sum, r, FI_KINDS);
	return get_errors(r, &sum, arg, v);
}

static bool total_type(const struct result *r, const struct fi_cell *c, double arg, double *v)
{
	struct fi_cell sum;

	add_up(&sum, r, FI_BEGIN);
	return get_type(r, &sum, arg, v);
}

/* ---- the table ----------------------------------------------------------- */

/* In place of one line each: a line per percentile, phase, type. */
enum each { ONE, EACH_PCT, EACH_PHASE, EACH_TYPE };

static const struct {
	struct metric m;
	enum each each;
} table[] = {
	{ { "duration", M_NS, 0, 0, false, total_duration }, ONE },
	{ { "bytes", M_BYTES, 0, 0, false, total_moved }, ONE },
	{ { "bytes_per_s", M_BYTES, -1, 0, false, total_speed }, ONE },
	{ { "upcalls", M_COUNT, 0, 0, false, total_upcalls }, ONE },
	{ { "upcalls_per_mib", M_REAL, 1, 0, false, total_upcalls_per_mib }, ONE },
	{ { "short", M_SHARE, 1, 0, false, total_short }, ONE },
	{ { "errors", M_SHARE, 1, 0, false, total_errors }, ONE },
	{ { "", M_SHARE, 0, 0, false, total_type }, EACH_TYPE },

	{ { "count", M_COUNT, 0, ALL_KINDS, false, get_count }, ONE },
	{ { "mean", M_NS, 1, ALL_KINDS, false, get_mean }, ONE },
	{ { "", M_NS, 1, ALL_KINDS, true, get_pct }, EACH_PCT },
	{ { "max", M_NS, 1, ALL_KINDS, true, get_pct, 100 }, ONE },
	{ { "", M_NS, 1, ALL_KINDS, false, get_phase }, EACH_PHASE },
	{ { "sent", M_SHARE, 1, ALL_KINDS, false, get_sent }, ONE },
	{ { "errors", M_SHARE, 1, ALL_KINDS, false, get_errors }, ONE },
	{ { "short", M_SHARE, 1, KIND_BIT(FI_END), false, get_short }, ONE },
	{ { "missing", M_BYTES, 1, KIND_BIT(FI_END), false, get_missing }, ONE },
	{ { "", M_SHARE, 0, KIND_BIT(FI_BEGIN), false, get_type }, EACH_TYPE },
};

static void metric_add(struct diff *d, const struct metric *m, const char *name, double arg)
{
	struct metric *to;

	d->metric = xrealloc(d->metric, (d->nr_metrics + 1) * sizeof(*d->metric));
	to = &d->metric[d->nr_metrics++];
	*to = *m;
	snprintf(to->name, sizeof(to->name), "%s", name);
	to->arg = arg;
}

static void metric_add_pcts(struct diff *d, const struct metric *m, const struct opts *o)
{
	char name[sizeof(m->name)];

	for (unsigned int i = 0; i < o->nr_pct; i++) {
		snprintf(name, sizeof(name), "p%.10g", o->pct[i]);
		metric_add(d, m, name, o->pct[i]);
	}
	for (int i = 0; !o->nr_pct && i < PERCENTILES; i++)
		metric_add(d, m, percentiles[i].name, percentiles[i].share * 100);
}

static void metrics_make(struct diff *d, const struct opts *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct metric *m = &table[i].m;

		if (table[i].each == ONE)
			metric_add(d, m, m->name, m->arg);
		if (table[i].each == EACH_PCT)
			metric_add_pcts(d, m, o);
		for (int k = 0; table[i].each == EACH_PHASE && k < FI_PHASES; k++)
			metric_add(d, m, phase_name[k], k);
		for (int k = 0; table[i].each == EACH_TYPE && k < FI_TYPES; k++)
			metric_add(d, m, type_name[k], k);
	}
}

/* ---- noise --------------------------------------------------------------- */

static void spread_make(struct spread *s, const struct results *runs, const struct metric *m,
			int kind, int op)
{
	double *v = xcalloc(runs->n, sizeof(*v)), sum = 0;

	*s = (struct spread){ 0 };
	for (size_t i = 0; i < runs->n; i++) {
		const struct result *r = runs->run[i];

		if (!m->get(r, kind == KIND_TOTAL ? NULL : &r->op[kind][op], m->arg, &v[s->n]))
			continue;
		s->min = s->n && s->min < v[s->n] ? s->min : v[s->n];
		s->max = s->n && s->max > v[s->n] ? s->max : v[s->n];
		sum += v[s->n++];
	}
	s->mean = s->n ? sum / s->n : 0;
	sum = 0;
	for (size_t i = 0; i < s->n; i++)
		sum += (v[i] - s->mean) * (v[i] - s->mean);
	s->sd = s->n > 1 ? sqrt(sum / (s->n - 1)) : 0;
	free(v);
}

/* Of Student's distribution: 99 % of values are not farther from 0. */
static double t_99(double df)
{
	static const double t[] = {
		63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169,
		3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861, 2.845,
	};
	double z = 2.576;
	int i = df < 1 ? 0 : (int)df - 1;

	/* Rounded down: rather too careful. */
	return i < (int)ARRAY_SIZE(t) ? t[i] : z + (z * z * z + z) / (4 * (i + 1));
}

/* Welch's test: the sides need not scatter alike. */
static bool welch_differs(const struct spread *a, const struct spread *b)
{
	double va = a->sd * a->sd / a->n, vb = b->sd * b->sd / b->n;
	double df;

	if (va + vb == 0)
		return a->mean != b->mean;
	df = (va + vb) * (va + vb) / (va * va / (a->n - 1) + vb * vb / (b->n - 1));
	return fabs(a->mean - b->mean) > t_99(df) * sqrt(va + vb);
}

/* Values of neighbouring bins may be next to each other. */
static bool bins_touch(double a, double b)
{
	return abs((int)fi_bin(a) - (int)fi_bin(b)) <= 1;
}

static enum verdict judge(const struct metric *m, const struct spread *a,
			  const struct spread *b)
{
	if (!a->n || !b->n)
		return a->n ? V_ONLY_A : V_ONLY_B;
	if (a->mean == b->mean)
		return V_SAME;
	if (m->binned && bins_touch(a->mean, b->mean))
		return V_NOISE;
	if (a->n < 2 || b->n < 2)
		return V_UNKNOWN;
	if (a->min <= b->max && b->min <= a->max)
		return V_NOISE;
	return welch_differs(a, b) ? V_BEYOND : V_NOISE;
}

/* ---- rows ---------------------------------------------------------------- */

static void row_add(struct diff *d, const struct metric *m, const struct results *a,
		    const struct results *b, int kind, int op)
{
	struct diff_row r = { .m = m, .kind = kind, .op = op };

	spread_make(&r.a, a, m, kind, op);
	spread_make(&r.b, b, m, kind, op);
	if (!r.a.n && !r.b.n)
		return;
	r.hidden = !r.a.max && !r.b.max;
	r.verdict = judge(m, &r.a, &r.b);
	d->row = xrealloc(d->row, (d->n + 1) * sizeof(*d->row));
	d->row[d->n++] = r;
}

void diff_make(struct diff *d, const struct results *a, const struct results *b,
	       const struct opts *o)
{
	*d = (struct diff){ 0 };
	metrics_make(d, o);
	for (size_t i = 0; i < d->nr_metrics; i++)
		if (!d->metric[i].kinds)
			row_add(d, &d->metric[i], a, b, KIND_TOTAL, 0);
	for (int k = 0; k < FI_KINDS; k++)
		for (int op = 0; op < FI_OPS; op++)
			for (size_t i = 0; i < d->nr_metrics; i++)
				if (d->metric[i].kinds & KIND_BIT(k))
					row_add(d, &d->metric[i], a, b, k, op);
}

void diff_free(struct diff *d)
{
	free(d->metric);
	free(d->row);
	*d = (struct diff){ 0 };
}

size_t diff_shown(const struct diff *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += !d->row[i].hidden;
	return n;
}

size_t diff_count(const struct diff *d, enum verdict v)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += !d->row[i].hidden && d->row[i].verdict == v;
	return n;
}

const char *diff_word(const struct diff_row *r)
{
	static const char *const words[] = {
		[V_SAME] = "same", [V_NOISE] = "noise", [V_UNKNOWN] = "unknown",
		[V_ONLY_A] = "only A", [V_ONLY_B] = "only B",
	};
	bool more = r->b.mean > r->a.mean, worse = more == (r->m->worse > 0);

	if (r->verdict != V_BEYOND)
		return words[r->verdict];
	if (!r->m->worse)
		return more ? "more" : "less";
	if (r->m->unit == M_NS)
		return worse ? "slower" : "faster";
	return worse ? "worse" : "better";
}

static const char *kind_word(int kind)
{
	return kind == KIND_TOTAL ? "total" : kind_name[kind];
}

char *diff_name(char *buf, size_t size, const struct diff_row *r)
{
	if (r->kind == KIND_TOTAL)
		snprintf(buf, size, "%s.%s", kind_word(r->kind), r->m->name);
	else
		snprintf(buf, size, "%s.%s.%s", kind_word(r->kind), op_name[r->op], r->m->name);
	return buf;
}

/* ---- columns ------------------------------------------------------------- */

static const char *const unit_name[METRIC_UNITS] = {
	[M_COUNT] = "count", [M_NS] = "ns", [M_BYTES] = "bytes", [M_SHARE] = "share",
	[M_REAL] = "number",
};

static void fmt_metric(char *buf, size_t size, enum metric_unit unit, double v)
{
	switch (unit) {
	case M_NS:
		fmt_ns(buf, size, v + 0.5);
		break;
	case M_BYTES:
		fmt_bytes(buf, size, v + 0.5);
		break;
	case M_SHARE:
		snprintf(buf, size, v && v < 0.01 ? "%.2g%%" : "%.4g%%", 100 * v);
		break;
	default:
		if (v == floor(v) && v < 1e15)
			snprintf(buf, size, "%.0f", v);
		else
			snprintf(buf, size, "%.4g", v);
	}
}

/* "+12.3%"; shares change by points. */
static void fmt_change(char *buf, size_t size, const struct diff_row *r)
{
	double by = r->b.mean - r->a.mean;

	if (r->m->unit == M_SHARE)
		snprintf(buf, size, "%+.3g pp", 100 * by);
	else if (!r->a.mean)
		snprintf(buf, size, "from 0");
	else if (fabs(by / r->a.mean) < 9.995)
		snprintf(buf, size, "%+.1f%%", 100 * by / r->a.mean);
	else
		snprintf(buf, size, "x%.1f", r->b.mean / r->a.mean);
}

#define SIDE_A	0
#define SIDE_B	1

static const struct spread *side(const struct diff_row *r, int which)
{
	return which == SIDE_A ? &r->a : &r->b;
}

static void get_kind(const void *row, int arg, struct value *v)
{
	value_str(v, kind_word(((const struct diff_row *)row)->kind));
}

static void get_op(const void *row, int arg, struct value *v)
{
	const struct diff_row *r = row;

	v->none = r->kind == KIND_TOTAL;
	if (!v->none)
		value_str(v, op_name[r->op]);
}

static void get_metric(const void *row, int arg, struct value *v)
{
	value_str(v, ((const struct diff_row *)row)->m->name);
}

static void get_unit(const void *row, int arg, struct value *v)
{
	value_str(v, unit_name[((const struct diff_row *)row)->m->unit]);
}

static void get_mean_text(const void *row, int arg, struct value *v)
{
	const struct diff_row *r = row;

	v->none = !side(r, arg)->n;
	if (!v->none)
		fmt_metric(v->s, sizeof(v->s), r->m->unit, side(r, arg)->mean);
}

static void get_change_text(const void *row, int arg, struct value *v)
{
	const struct diff_row *r = row;

	v->none = !r->a.n || !r->b.n;
	if (!v->none && r->a.mean == r->b.mean)
		value_str(v, "=");
	else if (!v->none)
		fmt_change(v->s, sizeof(v->s), r);
}

/* How far the runs of a side lie apart, in percent of their mean. */
static void get_spread_text(const void *row, int arg, struct value *v)
{
	const struct spread *s = side(row, arg);

	v->none = s->n < 2 || !s->mean;
	if (!v->none)
		snprintf(v->s, sizeof(v->s), "%.1f%%", 100 * (s->max - s->min) / s->mean);
}

static void get_word(const void *row, int arg, struct value *v)
{
	const struct diff_row *r = row;

	v->none = arg && (r->verdict == V_SAME || r->verdict == V_UNKNOWN);
	value_str(v, diff_word(r));
}

enum number { NR_RUNS, NR_MEAN, NR_SD, NR_MIN, NR_MAX };

#define NUMBER(which, n)	((which) << 4 | (n))

static void get_number(const void *row, int arg, struct value *v)
{
	const struct spread *s = side(row, arg >> 4);
	const double numbers[] = {
		[NR_MEAN] = s->mean, [NR_SD] = s->sd, [NR_MIN] = s->min, [NR_MAX] = s->max,
	};

	arg &= 15;
	v->none = arg == NR_SD ? s->n < 2 : arg != NR_RUNS && !s->n;
	v->u = s->n;
	if (arg != NR_RUNS)
		v->d = numbers[arg];
}

static void get_change(const void *row, int arg, struct value *v)
{
	const struct diff_row *r = row;

	v->none = !r->a.n || !r->b.n || (arg && !r->a.mean);
	if (v->none)
		return;
	v->d = r->b.mean - r->a.mean;
	if (arg)
		v->d *= 100 / r->a.mean;
}

static const struct column text_columns[] = {
	{ "kind", "EVENT", -6, 0, U_TEXT, get_kind, 0, "" },
	{ "op", "OP", -13, 0, U_TEXT, get_op, 0, "" },
	{ "metric", "METRIC", -15, 0, U_TEXT, get_metric, 0, "" },
	{ "a", "A", 11, 0, U_TEXT, get_mean_text, SIDE_A, "" },
	{ "b", "B", 11, 0, U_TEXT, get_mean_text, SIDE_B, "" },
	{ "change", "CHANGE", 9, 0, U_TEXT, get_change_text, 0, "" },
	{ "a_spread", "A-RUNS", 7, 0, U_TEXT, get_spread_text, SIDE_A, "" },
	{ "b_spread", "B-RUNS", 7, 0, U_TEXT, get_spread_text, SIDE_B, "" },
	{ "verdict", "VERDICT", -8, 0, U_TEXT, get_word, 1, "" },
};

const struct column diff_columns[] = {
	{ "kind", "", 0, 0, U_TEXT, get_kind, 0, "begin, end, ioend; total: the whole run" },
	{ "op", "", 0, 0, U_TEXT, get_op, 0, "operation" },
	{ "metric", "", 0, 0, U_TEXT, get_metric, 0, "what is compared" },
	{ "unit", "", 0, 0, U_TEXT, get_unit, 0, "count, ns, bytes, share (0 to 1) or number" },
	{ "a", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_A, NR_MEAN), "mean of A's runs" },
	{ "b", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_B, NR_MEAN), "mean of B's runs" },
	{ "change", "", 0, 0, U_REAL, get_change, 0, "what B has more than A" },
	{ "change_percent", "", 0, 0, U_REAL, get_change, 1, "the same in percent of A" },
	{ "a_runs", "", 0, 0, U_COUNT, get_number, NUMBER(SIDE_A, NR_RUNS),
	  "runs of A that have it" },
	{ "b_runs", "", 0, 0, U_COUNT, get_number, NUMBER(SIDE_B, NR_RUNS),
	  "runs of B that have it" },
	{ "a_min", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_A, NR_MIN), "least of A's runs" },
	{ "a_max", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_A, NR_MAX), "most of A's runs" },
	{ "a_sd", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_A, NR_SD),
	  "standard deviation of A's runs" },
	{ "b_min", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_B, NR_MIN), "least of B's runs" },
	{ "b_max", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_B, NR_MAX), "most of B's runs" },
	{ "b_sd", "", 0, 0, U_REAL, get_number, NUMBER(SIDE_B, NR_SD),
	  "standard deviation of B's runs" },
	{ "verdict", "", 0, 0, U_TEXT, get_word, 0,
	  "same, noise (differs, but not more than the runs), unknown (too few runs), only A, only B; else slower, faster, worse, better, more, less" },
};

const size_t nr_diff_columns = ARRAY_SIZE(diff_columns);

static bool is_bad(const struct diff_row *r)
{
	return r->m->worse && (r->b.mean > r->a.mean) == (r->m->worse > 0);
}

void diff_text(struct text *t, const struct diff *d)
{
	const struct diff_row *last = NULL;

	columns_text_head(t, text_columns, ARRAY_SIZE(text_columns));
	for (size_t i = 0; i < d->n; i++) {
		const struct diff_row *r = &d->row[i];
		bool named = r->verdict == V_BEYOND && r->m->worse;

		if (r->hidden)
			continue;
		if (last && (r->kind != last->kind || r->op != last->op))
			text_add(t, "\n", 1);
		last = r;
		if (named)
			text_style(t, is_bad(r) ? STYLE_BAD : STYLE_GOOD);
		columns_text(t, text_columns, ARRAY_SIZE(text_columns), r, 0);
		if (named)
			text_style(t, STYLE_NONE);
	}
}

void diff_json(struct json *j, const struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->row[i].hidden)
			continue;
		json_line(j, "diff");
		columns_json(j, diff_columns, nr_diff_columns, &d->row[i]);
		json_put(j);
	}
}

void diff_csv(struct text *t, const struct diff *d)
{
	columns_csv_head(t, diff_columns, nr_diff_columns);
	for (size_t i = 0; i < d->n; i++)
		if (!d->row[i].hidden)
			columns_csv(t, diff_columns, nr_diff_columns, &d->row[i]);
}

/* ---- --fail-if ----------------------------------------------------------- */

/* "begin.", or nothing: the index of a name in front of a dot, and what follows. */
static int take_name(const char **s, const char *end, const char *const *names, size_t n)
{
	const char *dot = memchr(*s, '.', end - *s);
	int i = dot ? name_index(names, n, *s, dot - *s) : -1;

	if (i >= 0)
		*s = dot + 1;
	return i;
}

static const struct metric *find_metric(const struct diff *d, const char *name)
{
	for (size_t i = 0; i < d->nr_metrics; i++)
		if (!strcmp(d->metric[i].name, name))
			return &d->metric[i];
	return NULL;
}

/* In the unit of the metric; times and sizes with their own. */
static int parse_limit(const char *s, const struct metric *m, struct rule *rule)
{
	__u64 v;
	char *end;
	int err;

	rule->limit = strtod(s, &end);
	if (*s < '0' || *s > '9' || end == s)
		return -EINVAL;
	if (!strcmp(end, "%") && strchr("+-", rule->sign)) {
		rule->percent = true;
		rule->limit /= 100;
		return 0;
	}
	switch (m->unit) {
	case M_NS:
		err = *end ? parse_duration(s, &v) : -EINVAL;
		rule->limit = v;
		return err;
	case M_BYTES:
		err = parse_size(s, &v);
		rule->limit = v;
		return err;
	case M_SHARE:
		rule->limit /= 100;
		return strcmp(end, strchr("+-", rule->sign) ? "pp" : "%") ? -EINVAL : 0;
	default:
		return *end ? -EINVAL : 0;
	}
}

static int bad_rule(const char *text, const char *what)
{
	return complain(FI_USAGE, "--fail-if '%s': %s (like p99+20%%, begin.read.mean+50us, total.short>1%%)",
			text, what);
}

/* Where the condition starts: the last sign that a number follows. */
static const char *find_sign(const char *text)
{
	for (const char *p = text + strlen(text); p-- > text; )
		if (strchr("+-<>", *p) && p[1] >= '0' && p[1] <= '9')
			return p;
	return NULL;
}

int rule_parse(struct rule *rule, const char *text, const struct diff *d)
{
	const char *sign = find_sign(text), *s = text;
	const char *kinds[FI_KINDS + 1];
	const struct metric *m;

	for (int k = 0; k <= FI_KINDS; k++)
		kinds[k] = kind_word(k);
	if (!sign)
		return bad_rule(text, "no change or limit");
	*rule = (struct rule){ .text = text, .sign = *sign };
	rule->kind = take_name(&s, sign, kinds, ARRAY_SIZE(kinds));
	rule->op = take_name(&s, sign, op_name, FI_OPS);
	if ((size_t)(sign - s) >= sizeof(rule->metric))
		return bad_rule(text, "no such metric");
	memcpy(rule->metric, s, sign - s);
	m = find_metric(d, rule->metric);
	if (!m)
		return bad_rule(text, "no such metric");
	if (parse_limit(sign + 1, m, rule))
		return bad_rule(text, "not a change or limit for this metric");
	return 0;
}

static bool is_meant(const struct rule *rule, const struct diff_row *r)
{
	return (rule->kind < 0 || rule->kind == r->kind) &&
	       (rule->op < 0 || (r->kind != KIND_TOTAL && rule->op == r->op)) &&
	       !strcmp(rule->metric, r->m->name);
}

enum rule_result rule_check(const struct rule *rule, const struct diff_row *r)
{
	double by = r->b.mean - r->a.mean;

	if (!is_meant(rule, r) || !r->b.n)
		return RULE_NOT_MEANT;
	if (rule->sign == '>')
		return r->b.mean > rule->limit ? RULE_FAILS : RULE_HOLDS;
	if (rule->sign == '<')
		return r->b.mean < rule->limit ? RULE_FAILS : RULE_HOLDS;
	if (!r->a.n)
		return RULE_NOT_MEANT;
	if (rule->sign == '-')
		by = -by;
	/* From nothing, any rise is more than any percentage. */
	if (by <= (rule->percent ? rule->limit * r->a.mean : rule->limit))
		return RULE_HOLDS;
	return r->verdict == V_NOISE ? RULE_NOISE : RULE_FAILS;
}

void rule_reason(struct text *t, const struct diff_row *r)
{
	char a[32], b[32], change[32], name[64];

	fmt_metric(a, sizeof(a), r->m->unit, r->a.mean);
	fmt_metric(b, sizeof(b), r->m->unit, r->b.mean);
	fmt_change(change, sizeof(change), r);
	diff_name(name, sizeof(name), r);
	if (r->a.n)
		text_printf(t, "%s went from %s to %s (%s)", name, a, b, change);
	else
		text_printf(t, "%s is %s", name, b);
}
