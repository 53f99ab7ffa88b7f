/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The views of `top` as tables of data: what their rows are, their columns, and
 * how one gets from a row to what is under it. The screen, batch mode, JSON and
 * CSV all show what table_make() makes.
 */
#ifndef TOPVIEW_H
#define TOPVIEW_H

#include "column.h"
#include "history.h"
#include "json.h"
#include "model.h"

enum view_id {
	VIEW_MOUNTS,
	VIEW_FILES,
	VIEW_PROCESSES,
	VIEW_THREADS,
	VIEW_SERVERS,
	VIEW_OPS,
	VIEW_TYPES,
	VIEWS,
};

struct view {
	const char *name;	/* of --view */
	const char *title;	/* of its tab */
	const char *head;	/* of the column of names */
	const char *type;	/* JSON record */
	unsigned int by;	/* enum row_by; 0: the server threads */
	const char *sort;	/* column that it starts with */
	const char *help;
};

extern const struct view views[VIEWS];

/* Index, by name or the beginning of one; -1 if there is none. */
int view_find(const char *name);

/* What all rows of one table have in common. */
struct table_input {
	const struct interval *iv;
	const struct catalog *catalog;
	/* Mounts that shall have a row even if nothing happens there; may be NULL. */
	const __u32 *dev;
	size_t nr_dev;
};

/* What columns get to see. */
struct top_row {
	const struct table_input *in;
	struct fi_cell_key key;		/* parts that it is not made by are 0 */
	unsigned int by;
	struct cell *const *kind;	/* FI_KINDS of them */
	__u64 in_flight;
	const struct server *server;	/* NULL: not of that view */
};

#define TOP_COLUMNS	64	/* no view has more */

/* The columns of a view; the first is the name. Of those that are on no screen
 * unless one asks for them, the priority is PRIO_ASKED. */
const struct column *view_columns(int view, size_t *n);
#define PRIO_ASKED	20

/* Index in the view's columns, by JSON name or by head; -1 if there is none. */
int view_column(int view, const char *name);

/*
 * Which columns are shown: as chosen by the user, the others by priority as long
 * as there is room.
 */
enum choice { CHOICE_AUTO, CHOICE_SHOWN, CHOICE_HIDDEN };

/* "a,b" shows only these, "+a,-b" changes what is. Returns the first name that is no
 * column of the view, with its length in *len, or NULL. */
const char *view_choose(int view, const char *list, enum choice choice[TOP_COLUMNS],
			size_t *len);

/* ---- filters ------------------------------------------------------------- */

/*
 * Terms with spaces between them, which all have to be met: "column>number" with
 * > >= < <= = !=, "column~text" or "column!~text" (contains), or a word that the
 * name contains. Numbers may have units: 5ms, 4K, 10%. Rates are per second, or
 * counts where the table shows counts.
 */
#define FILTER_TERMS	8
#define FILTER_LEN	120

struct filter_term {
	int column;
	int cmp;
	double number;
	char text[FILTER_LEN];
};

struct filter {
	size_t n;
	struct filter_term term[FILTER_TERMS];
};

/* Returns 0, or -EINVAL with what is wrong in `why`. */
int filter_parse(struct filter *f, int view, const char *s, char *why, size_t size);

/* ---- tables -------------------------------------------------------------- */

struct table_order {
	int column;
	bool reverse;
};

struct table {
	struct rows rows;	/* what the rows point to */
	struct top_row *row;
	size_t n;
	size_t before_filter;
};

/*
 * The rows of an interval, sorted: most first, names from A to Z, what has no
 * value last. `filter` may be NULL; seconds are what its rates are per, 0: counts.
 */
void table_make(struct table *t, int view, const struct row_match *match,
		const struct table_input *in, const struct filter *filter,
		const struct table_order *order, double seconds);
void table_free(struct table *t);

/* What its rows are called; returns buf. */
char *top_row_name(const struct top_row *r, char *buf, size_t size);

/* The same where no column beside it tells threads of one name apart. */
char *top_row_title(const struct top_row *r, char *buf, size_t size);

#endif
