// SPDX-License-Identifier: GPL-2.0-only
/* `top` without a screen: the same views as text, CSV and JSON lines. */
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "trace.h"

struct tables {
	const struct top_input *in;
	const struct top_state *st;
	const struct batch *b;
	struct table_input shown;
	struct table table;
};

static void tables_init(struct tables *t, const struct top_input *in,
			const struct top_state *st, const struct batch *b)
{
	*t = (struct tables){ .in = in, .st = st, .b = b,
			      .shown = { .iv = in->iv, .catalog = in->catalog } };
}

/* Counts, not rates, so that the intervals add up. */
static void make(struct tables *t, int view)
{
	static const struct row_match all;

	table_make(&t->table, view, &all, &t->shown, &t->b->filter[view],
		   &t->st->order[view], 0);
}

static bool wants(const struct batch *b, int view)
{
	return b->shown & (1U << view);
}

/* Of text: what has a place on a large screen, or what was asked for. */
static size_t text_columns(const struct tables *t, int view, struct column *out)
{
	size_t n, kept = 0;
	const struct column *c = view_columns(view, &n);

	for (size_t i = 0; i < n; i++) {
		enum choice choice = t->st->choice[view][i];

		if (choice == CHOICE_HIDDEN || (choice == CHOICE_AUTO && c[i].prio >= PRIO_ASKED))
			continue;
		out[kept++] = c[i];
	}
	return kept;
}

/* Of JSON and CSV: all, or those that were asked for. */
static size_t data_columns(const struct tables *t, int view, struct column *out)
{
	size_t n, kept = 0;
	const struct column *c = view_columns(view, &n);

	for (size_t i = 0; i < n; i++)
		if (t->st->choice[view][i] != CHOICE_HIDDEN)
			out[kept++] = c[i];
	return kept;
}

/* ---- text ---------------------------------------------------------------- */

#define NAME_MIN	24
#define NAME_MAX	60

static void text_table(struct text *t, struct tables *tables, int view)
{
	struct column c[TOP_COLUMNS];
	char heads[TOP_COLUMNS][32], name[256];
	size_t n = text_columns(tables, view, c);
	int widest = NAME_MIN;

	make(tables, view);
	if (!tables->table.n && view != VIEW_MOUNTS)
		return;
	for (size_t i = 0; i < tables->table.n; i++) {
		int width = text_width(top_row_name(&tables->table.row[i], name, sizeof(name)));

		widest = width > widest ? width : widest;
	}
	c[0].width = -(widest < NAME_MAX ? widest : NAME_MAX);
	for (size_t i = 0; i < n; i++) {
		/* Counts of the interval, not rates. */
		strncpy(heads[i], c[i].head, sizeof(heads[i]) - 1);
		heads[i][sizeof(heads[i]) - 1] = '\0';
		heads[i][strcspn(heads[i], "/")] = '\0';
		c[i].head = heads[i];
	}
	columns_text_head(t, c, n);
	for (size_t i = 0; i < tables->table.n; i++)
		columns_text(t, c, n, &tables->table.row[i], 0);
}

void batch_text(struct text *t, const struct top_input *in, const struct top_state *st,
		const struct batch *b)
{
	const struct clock_view clock = {
		b->timestamps, in->start_ns, in->info ? in->info->start_wall_ns : 0,
	};
	struct tables tables;
	char buf[32];

	tables_init(&tables, in, st, b);
	text_printf(t, "--- %lu: %.3f s, from ", b->n,
		    (in->iv->d.time_ns - in->iv->from_ns) / 1e9);
	if (clock.how == TIME_RELATIVE)
		text_printf(t, "%.3f s on\n", (in->iv->from_ns - in->start_ns) / 1e9);
	else
		text_printf(t, "%s on\n", clock_text(buf, sizeof(buf), &clock, in->iv->from_ns));
	for (int view = 0; view < VIEWS; view++)
		if (wants(b, view))
			text_table(t, &tables, view);
	table_free(&tables.table);
}

/* ---- CSV and JSON -------------------------------------------------------- */

/* What a row of CSV has in front. */
struct csv_row {
	const struct top_row *row;
	__u64 number[3];
};

static void get_number(const void *row, int arg, struct value *v)
{
	v->u = ((const struct csv_row *)row)->number[arg];
}

static const struct column csv_front[] = {
	{ .name = "interval", .unit = U_COUNT, .get = get_number, .arg = 0 },
	{ .name = "from_ns", .unit = U_COUNT, .get = get_number, .arg = 1 },
	{ .name = "to_ns", .unit = U_COUNT, .get = get_number, .arg = 2 },
};

#define FRONT	(sizeof(csv_front) / sizeof(csv_front[0]))

/* Two tables in one line: the ends of line of the first become commas. */
static void csv_join(struct text *t)
{
	while (t->len && (t->s[t->len - 1] == '\n' || t->s[t->len - 1] == '\r'))
		t->len--;
	text_add(t, ",", 1);
}

void batch_csv(struct text *t, const struct top_input *in, const struct top_state *st,
	       const struct batch *b)
{
	struct column c[TOP_COLUMNS];
	struct tables tables;

	tables_init(&tables, in, st, b);
	for (int view = 0; view < VIEWS; view++) {
		size_t n = data_columns(&tables, view, c);

		if (!wants(b, view))
			continue;
		if (b->csv_head) {
			columns_csv_head(t, csv_front, FRONT);
			csv_join(t);
			columns_csv_head(t, c, n);
		}
		make(&tables, view);
		for (size_t i = 0; i < tables.table.n; i++) {
			struct csv_row row = { &tables.table.row[i],
					       { b->n, in->iv->from_ns, in->iv->d.time_ns } };

			columns_csv(t, csv_front, FRONT, &row);
			csv_join(t);
			columns_csv(t, c, n, row.row);
		}
	}
	table_free(&tables.table);
}

void batch_json(struct json *j, const struct top_input *in, const struct top_state *st,
		const struct batch *b)
{
	struct column c[TOP_COLUMNS];
	struct tables tables;

	tables_init(&tables, in, st, b);
	json_line(j, "interval");
	json_u64(j, "interval", b->n);
	json_u64(j, "from_ns", in->iv->from_ns);
	json_u64(j, "to_ns", in->iv->d.time_ns);
	json_put(j);
	for (int view = 0; view < VIEWS; view++) {
		size_t n = data_columns(&tables, view, c);

		if (!wants(b, view))
			continue;
		make(&tables, view);
		for (size_t i = 0; i < tables.table.n; i++) {
			json_line(j, views[view].type);
			json_u64(j, "interval", b->n);
			columns_json(j, c, n, &tables.table.row[i]);
			json_put(j);
		}
	}
	table_free(&tables.table);
}
