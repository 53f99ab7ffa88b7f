// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap short: writes that fell short, and why. */
#include <string.h>

#include "commands.h"
#include "error.h"
#include "fold.h"
#include "fuseiomap_count.h"
#include "session.h"
#include "shortview.h"

/* What a short write is made of; the rest need not come from the kernel. */
#define WRITE_OPS (1U << FI_WRITE | 1U << FI_WRITE_DIRECT | 1U << FI_APPEND | \
		   1U << FI_APPEND_DIRECT | 1U << FI_ZERO | 1U << FI_FAULT | \
		   1U << FI_UNSHARE | 1U << FI_WRITEBACK)

struct inspector {
	struct session s;
	const struct opts *o;		/* as given: filters on findings */
	struct shorts *shorts;
	struct columns columns;
	struct columns signature_columns;
	struct signatures signatures;
	struct fold *fold;		/* NULL: findings, not stacks */
};

static struct clock_view clock_of(const struct session *s)
{
	return (struct clock_view){ s->o->timestamps, s->start_ns, s->info->start_wall_ns };
}

static bool wants_op(const struct opts *o, __u32 op)
{
	return !o->ops || (o->ops & (1U << op));
}

/* The filters on the outcome, which the analysis itself has to do without. */
static bool wanted(const struct opts *o, const struct finding *f)
{
	struct fi_done d = { .opflags = f->begin.opflags };

	if (!wants_op(o, f->end.op))
		return false;
	if (o->errors && !f->error && !f->end.error)
		return false;
	if (o->min_lat_ns && f->begin.lat_ns < o->min_lat_ns && f->end.lat_ns < o->min_lat_ns)
		return false;
	if (!o->types)
		return true;
	fi_done_maps(&d, &f->begin.read, &f->begin.write);
	return f->begin.time_ns && d.used_type < FI_TYPES && (o->types & (1U << d.used_type));
}

static void put_finding(struct inspector *in, const struct finding *f)
{
	struct session *s = &in->s;
	struct short_row row = { f, s->catalog, clock_of(s) };

	if (s->o->json) {
		short_json(&s->json, &in->columns, &row);
		json_put(&s->json);
		return;
	}
	if (s->o->csv) {
		columns_csv(&s->json.text, in->columns.c, in->columns.n, &row);
	} else {
		columns_text(&s->json.text, in->columns.c, in->columns.n, &row, 0);
		short_details(&s->json.text, &row);
	}
	session_put_text(s);
}

static void on_finding(void *ctx, const struct finding *f)
{
	struct inspector *in = ctx;
	char comm[FI_COMM_LEN + 1];

	if (!wanted(in->o, f))
		return;
	signatures_add(&in->signatures, f, in->s.catalog);
	if (!in->fold) {
		put_finding(in, f);
		return;
	}
	snprintf(comm, sizeof(comm), "%.*s", FI_COMM_LEN, f->end.comm);
	fold_add(in->fold, in->s.catalog, comm, f->end.user_stack, f->end.kernel_stack);
}

static void on_record(void *ctx, const struct fi_record *r)
{
	struct inspector *in = ctx;

	shorts_add(in->shorts, r);
}

/* ---- output -------------------------------------------------------------- */

static void put_head(struct inspector *in)
{
	struct session *s = &in->s;

	if (s->o->json || in->fold)
		return;
	if (s->o->csv)
		columns_csv_head(&s->json.text, in->columns.c, in->columns.n);
	else
		columns_text_head(&s->json.text, in->columns.c, in->columns.n);
	session_put_text(s);
}

/* Where a signature's first one came from, in one line: innermost first. */
static void put_stack(struct text *t, const struct catalog *c, const char *name, __s32 id)
{
	const struct stack *stack = id > 0 ? catalog_stack(c, id) : NULL;
	const char *sep = "";

	if (!stack)
		return;
	text_style(t, STYLE_DIM);
	text_printf(t, "            %-7s", name);
	for (const char *s = stack->frames; *s; ) {
		size_t len = strcspn(s, "\n");

		text_printf(t, "%s%.*s", sep, (int)strcspn(s, "+\n"), s);
		sep = " < ";
		s += len + (s[len] == '\n');
	}
	text_style(t, STYLE_NONE);
	text_add(t, "\n", 1);
}

static void get_counts(const struct inspector *in, struct short_count counts[FI_OPS])
{
	for (__u32 op = 0; op < FI_OPS; op++)
		counts[op] = wants_op(in->o, op) ? shorts_counts(in->shorts)[op] :
			     (struct short_count){ 0 };
}

static void put_signatures_text(struct inspector *in)
{
	struct short_count counts[FI_OPS];
	struct session *s = &in->s;
	struct text *t = &s->json.text;
	struct signature_row row = { NULL, s->catalog, clock_of(s) };

	if (in->signatures.n) {
		text_add(t, "\n", 1);
		columns_text_head(t, in->signature_columns.c, in->signature_columns.n);
	}
	for (size_t i = 0; i < in->signatures.n; i++) {
		row.sig = &in->signatures.sig[i];
		columns_text(t, in->signature_columns.c, in->signature_columns.n, &row, 0);
		put_stack(t, s->catalog, "kernel", row.sig->kernel_stack);
		put_stack(t, s->catalog, "user", row.sig->user_stack);
	}
	text_add(t, "\n", 1);
	get_counts(in, counts);
	short_counts_text(t, counts, s->info->upstream);
	session_put_text(s);
}

static void put_signatures_json(struct inspector *in)
{
	struct short_count counts[FI_OPS];
	struct session *s = &in->s;
	struct json *j = &s->json;
	struct signature_row row = { NULL, s->catalog, clock_of(s) };

	for (size_t i = 0; i < in->signatures.n; i++) {
		row.sig = &in->signatures.sig[i];
		json_line(j, "signature");
		columns_json(j, signature_columns, nr_signature_columns, &row);
		stack_json(j, "kernel_stack", s->catalog, row.sig->kernel_stack);
		stack_json(j, "user_stack", s->catalog, row.sig->user_stack);
		json_put(j);
	}
	get_counts(in, counts);
	for (__u32 op = 0; op < FI_OPS; op++) {
		struct short_count_row count = { op, &counts[op] };

		if (!counts[op].ends && !counts[op].findings)
			continue;
		json_line(j, "short");
		columns_json(j, short_count_columns, nr_short_count_columns, &count);
		json_put(j);
	}
}

static void put_summary(struct inspector *in)
{
	struct session *s = &in->s;

	signatures_sort(&in->signatures);
	if (in->fold) {
		fold_text(in->fold, &s->json.text);
		session_put_text(s);
	} else if (s->o->json) {
		put_signatures_json(in);
	} else if (!s->o->csv) {
		put_signatures_text(in);
	}
	signatures_free(&in->signatures);
	shorts_reset_counts(in->shorts);
}

/* ---- the command --------------------------------------------------------- */

/* Time passes without records, too; what a recording sees of it is the same. */
static void on_time(struct inspector *in, enum happening what)
{
	struct snapshot now = { 0 };

	if (!session_read(&in->s, &now, what))
		shorts_time(in->shorts, now.time_ns);
	snapshot_free(&now);
}

static void wait_for_end(struct inspector *in)
{
	enum happening what;

	while ((what = session_wait(&in->s)) != ON_STOP) {
		if (what == ON_TICK || what == ON_REPORT)
			on_time(in, what);
		if (what == ON_REPORT)
			put_summary(in);
	}
}

/* All of a write has to be seen, whatever the filters say of its outcome. */
static struct opts opts_for_source(const struct opts *o)
{
	struct opts all = *o;

	all.ops = WRITE_OPS;
	all.kinds = all.types = 0;
	all.min_lat_ns = 0;
	all.errors = all.shorts = false;
	return all;
}

static int inspect(struct inspector *in, const struct opts *o)
{
	struct source_config config = {
		.settings = {
			.records = 1,
			.kernel_stacks = 1,
			.user_stacks = o->user_stacks,
		},
		.sink = on_record,
		.ctx = in,
	};
	struct snapshot last = { 0 };
	int err;

	err = session_open(&in->s, "short", o, &config);
	if (err)
		return err;
	session_set_interval(&in->s, 1000000000);
	put_head(in);
	wait_for_end(in);
	err = session_stop(&in->s, &last);
	shorts_flush(in->shorts);
	put_summary(in);
	if (!err)
		err = session_close(&in->s, &last);
	snapshot_free(&last);
	return err;
}

static int run(const struct opts *o)
{
	const struct opts all = opts_for_source(o);
	struct inspector in = { .o = o };
	int err;

	if (o->kinds)
		return complain(FI_USAGE, "short: --kind: a short write is made of all kinds; leave it out");
	err = columns_choose(&in.columns, short_columns, nr_short_columns, o->columns,
			     o->csv || o->json);
	if (err)
		return err;
	columns_choose(&in.signature_columns, signature_columns, nr_signature_columns, NULL,
		       false);
	clock_columns(&in.columns, o->timestamps);
	clock_columns(&in.signature_columns, o->timestamps);
	in.shorts = shorts_new(on_finding, &in);
	if (o->stacks && !o->json)
		in.fold = fold_new();
	err = inspect(&in, &all);
	fold_free(in.fold);
	signatures_free(&in.signatures);
	shorts_free(in.shorts);
	columns_free(&in.columns);
	columns_free(&in.signature_columns);
	return err;
}

const struct command cmd_short = {
	.name = "short",
	.summary = "writes that fell short, and why",
	.doc = "Finds each write-like operation that wrote less than it was asked for, names the "
	       "cause, and shows the begin and the mapping that led to it, what the server was "
	       "told and answered, and what had happened to that file before. At the end (and "
	       "on SIGUSR1) the findings are grouped, always with the number of ends they are "
	       "among.\v"
	       "Causes: fault (the data could not be read from memory), next-mapping (it was "
	       "refused with an error such as ENOSPC), refused (the kernel did not accept the next "
	       "mapping), io-error, signal, mapping-ended (the next mapping was not asked for), "
	       "server-error (the server answered END with an error); and the benign ones, where "
	       "nothing is missing in the end: stale (the mapping had changed, the kernel does it "
	       "again) and resumed.\n"
	       "With --stacks it prints no findings but, at the end, where they came from: one "
	       "line per stack, folded for flame graphs, with the number of findings. With --json "
	       "each finding has its stacks.",
	.takes = OPT_FILTER | OPT_SOURCE | OPT_JSON | OPT_CSV | OPT_OUTPUT | OPT_DURATION |
		 OPT_COLUMNS | OPT_COMMAND | OPT_QUIET | OPT_STACKS | OPT_SAVE | OPT_UNITS | OPT_TIMES |
		 OPT_COLOR,
	.run = run,
};
