// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap trace: one line per finished operation. */
#include <stdlib.h>

#include "commands.h"
#include "fold.h"
#include "session.h"
#include "trace.h"

struct trace {
	struct session s;
	struct columns columns;
	struct fold *fold;	/* NULL: lines, not stacks */
};

static struct trace_row row_of(const struct session *s, const struct fi_record *r)
{
	return (struct trace_row){
		.r = r,
		.catalog = s->catalog,
		.clock = { s->o->timestamps, s->start_ns, s->info->start_wall_ns },
	};
}

static void put_row(struct trace *t, const struct trace_row *row)
{
	struct session *s = &t->s;

	if (s->o->json) {
		trace_json(&s->json, &t->columns, row);
		json_put(&s->json);
		return;
	}
	if (s->o->csv)
		columns_csv(&s->json.text, t->columns.c, t->columns.n, row);
	else
		columns_text(&s->json.text, t->columns.c, t->columns.n, row, 0);
	session_put_text(s);
}

static void on_record(void *ctx, const struct fi_record *r)
{
	struct trace *t = ctx;
	struct trace_row row = row_of(&t->s, r);
	char comm[FI_COMM_LEN + 1];

	if (!t->fold) {
		put_row(t, &row);
		return;
	}
	snprintf(comm, sizeof(comm), "%.*s", FI_COMM_LEN, r->comm);
	fold_add(t->fold, t->s.catalog, comm, r->user_stack, r->kernel_stack);
}

static void put_head(struct trace *t)
{
	struct session *s = &t->s;

	if (s->o->json || t->fold)
		return;
	if (s->o->csv)
		columns_csv_head(&s->json.text, t->columns.c, t->columns.n);
	else
		columns_text_head(&s->json.text, t->columns.c, t->columns.n);
	session_put_text(s);
}

static int trace(struct trace *t, const struct opts *o)
{
	struct source_config config = {
		.settings = {
			.records = 1,
			.kernel_stacks = o->stacks,
			.user_stacks = o->user_stacks,
		},
		.sink = on_record,
		.ctx = t,
	};
	struct snapshot last = { 0 };
	int err;

	err = session_open(&t->s, "trace", o, &config);
	if (err)
		return err;
	put_head(t);
	while (session_wait(&t->s) != ON_STOP)
		;
	err = session_stop(&t->s, &last);
	if (t->fold) {
		fold_text(t->fold, &t->s.json.text);
		session_put_text(&t->s);
	}
	if (!err)
		err = session_close(&t->s, &last);
	snapshot_free(&last);
	return err;
}

static int run(const struct opts *o)
{
	struct trace t = { 0 };
	int err;

	err = columns_choose(&t.columns, trace_columns, nr_trace_columns, o->columns,
			     o->csv || o->json);
	if (err)
		return err;
	clock_columns(&t.columns, o->timestamps);
	if ((o->stacks || o->user_stacks) && !o->json)
		t.fold = fold_new();
	err = trace(&t, o);
	fold_free(t.fold);
	columns_free(&t.columns);
	return err;
}

const struct command cmd_trace = {
	.name = "trace",
	.summary = "one line per finished operation",
	.doc = "Prints each begin, end and ioend when it is finished: who waited for it, how "
	       "long and for what, and which mapping it was; and each answer of the server that "
	       "the kernel refused.\v"
	       "With --stacks or --user-stacks it prints no operations but, at the end, where "
	       "they came from: one line per stack, folded for flame graphs, with the number of "
	       "operations. With --json each operation has its stacks.",
	.takes = OPT_FILTER | OPT_SOURCE | OPT_JSON | OPT_CSV | OPT_OUTPUT | OPT_DURATION |
		 OPT_COLUMNS | OPT_COMMAND | OPT_QUIET | OPT_STACKS | OPT_SAVE | OPT_UNITS | OPT_TIMES |
		 OPT_COLOR,
	.run = run,
};
