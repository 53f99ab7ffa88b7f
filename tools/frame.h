/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The screen of `top` as text: a pure function of an interval and of what the
 * user has chosen. Drawing it, and reading keys, is for others.
 */
#ifndef FRAME_H
#define FRAME_H

#include "opts.h"
#include "source.h"
#include "topview.h"

/* ---- lines --------------------------------------------------------------- */

enum look {
	LOOK_PLAIN,
	LOOK_TITLE,
	LOOK_DIM,
	LOOK_HEAD,	/* of a table */
	LOOK_SORTED,	/* head of the column that is sorted by */
	LOOK_CHOSEN,	/* row */
	LOOK_TAB,	/* of the view that is shown */
	LOOK_KEY,	/* a key in the last line */
	LOOK_WARN,
	LOOK_STATE,	/* paused, in the past */
	LOOK_BEGIN,	/* bars by kind */
	LOOK_END,
	LOOK_IOEND,
	LOOK_PART0,	/* parts of a bar */
	LOOK_PART1,
	LOOK_PART2,
	LOOK_PART3,
	LOOK_HEAT1,	/* few ... many */
	LOOK_HEAT2,
	LOOK_HEAT3,
	LOOK_HEAT4,
	LOOK_HEAT5,
	LOOKS,
};

/* A part of a line that looks different; in columns of the terminal. */
struct span {
	int col;
	int len;
	enum look look;
};

struct line {
	struct text text;
	enum look look;
	struct span *span;
	size_t nr_spans;
	size_t size;
};

struct frame {
	struct line *line;
	size_t n;
	size_t size;
};

struct line *frame_line(struct frame *f, enum look look);
void line_add(struct line *l, enum look look, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void line_span(struct line *l, int col, int len, enum look look);
void frame_free(struct frame *f);

/* ---- what the user has chosen -------------------------------------------- */

enum mode {
	MODE_TABLE,
	MODE_HELP,
	MODE_SORT,	/* menu of columns */
	MODE_COLUMNS,	/* which are shown */
	MODE_SEARCH,	/* typing */
	MODE_FILTER,
};

#define LEVELS		8
#define HEAT_COLUMNS	256

/* One step of a drill-down: only what matches, in this view. */
struct level {
	int view;
	struct row_match match;
	unsigned int by;	/* what the last step added to the match; 0: nothing */
	int chosen;		/* row */
	int first;		/* first row that is shown */
	bool follow;		/* the chosen row is this one, wherever it goes */
	struct fi_cell_key key;
};

/* What the detail pane has added up of the past, by interval. */
struct heat {
	bool valid;
	struct row_match match;
	__u64 seq[HEAT_COLUMNS];	/* 0: none; the place is seq modulo the size */
	struct fi_cell (*sum)[FI_KINDS];
};

struct top_state {
	struct level level[LEVELS];
	int depth;			/* the level shown */
	struct table_order order[VIEWS];
	enum choice choice[VIEWS][TOP_COLUMNS];
	int name_width[VIEWS];		/* the widest so far */
	enum mode mode;
	int menu;			/* line of a menu; first line of the help */
	char prompt[FILTER_LEN];	/* what is typed */
	char search[FILTER_LEN];
	int find;			/* 1: go to the next row that has it, -1: before, 0: no */
	bool find_here;			/* the chosen row will do */
	char filter[FILTER_LEN];
	char message[160];		/* until the next key */
	enum choice detail;		/* pane; auto: where there is room */
	bool detail_shown;
	int heat_kind;			/* -1: all */
	struct heat heat;
	__u64 seq;			/* interval that is shown; 0: the newest */
	bool paused;			/* `seq` is the newest of when it was pressed */
	__u64 interval_ns;
	bool quit;
	/* Of the last frame. */
	bool stale;			/* the table has to be made anew */
	struct table table;
	struct rows total;		/* one row, the sum of the interval */
	struct table_input shown;	/* what the rows look at */
	struct interval past;		/* the interval that is shown, if not the newest */
	int page;			/* rows that fit */
};

void top_state_init(struct top_state *st, int view);
void top_state_free(struct top_state *st);
struct level *top_level(struct top_state *st);

/* ---- what there is to show ----------------------------------------------- */

struct top_input {
	const struct interval *iv;	/* the newest */
	struct history *history;	/* NULL: nothing is kept */
	const struct catalog *catalog;
	const struct source_info *info;
	const char *input;		/* file that is replayed, or NULL */
	bool over;			/* the replay has come to its end */
	__u64 start_ns;
	const __u32 *dev;		/* connections seen so far */
	size_t nr_dev;
};

/* Brings the table up to what has been chosen, before a key acts on its rows. */
void top_refresh(const struct top_input *in, struct top_state *st);

/* For a screen of this size. Corrects the state to what is there. */
void frame_make(struct frame *f, const struct top_input *in, struct top_state *st,
		int width, int height);

/* The detail pane: `height` lines on the chosen row. */
void detail_make(struct frame *f, const struct top_input *in, struct top_state *st,
		 const struct top_row *row, int width, int height);

/* "1:23:45" */
char *fmt_clock(char *buf, size_t size, __u64 ns);

/* ---- batch mode ---------------------------------------------------------- */

/* All rows, and the counts of the interval; `shown` has a bit for each view. */
struct batch {
	unsigned int shown;
	unsigned long n;		/* number of the interval, from 1 */
	const struct filter *filter;	/* by view */
	bool csv_head;			/* the first lines are the names */
	enum timestamps timestamps;	/* of text */
};

void batch_text(struct text *t, const struct top_input *in, const struct top_state *st,
		const struct batch *b);
void batch_csv(struct text *t, const struct top_input *in, const struct top_state *st,
	       const struct batch *b);
void batch_json(struct json *j, const struct top_input *in, const struct top_state *st,
		const struct batch *b);

#endif
