/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `top` shows, as text: a pure function of two snapshots and of what the
 * user has chosen. Drawing it, or printing it, is for others.
 */
#ifndef FRAME_H
#define FRAME_H

#include "column.h"
#include "model.h"
#include "mounts.h"

enum line_look {
	LOOK_PLAIN,
	LOOK_TITLE,
	LOOK_HEAD,	/* of a table */
	LOOK_CHOSEN,	/* row */
	LOOK_WARN,
	LOOK_KEYS,
};

struct line {
	struct text text;
	enum line_look look;
	int mark;		/* a part to point out: the sorted column's head */
	int mark_len;
};

struct frame {
	struct line *line;
	size_t n;
	size_t size;
};

/* The table below that of the mounts. */
enum top_table {
	TOP_FILES,
	TOP_OPS,
	TOP_TABLES,
};

/* What the user has chosen. */
struct top_view {
	enum top_table table;
	int sort;		/* index in top_columns */
	bool reverse;
	bool help;
	bool paused;
	int chosen;		/* row of the lower table */
	int first;		/* first row of it that is shown; frame_make() moves it */
	__u32 dev;		/* only files of this connection; 0: all */
};

struct top_input {
	const struct snapshot *now;
	const struct snapshot *before;
	const struct mounts *mounts;
	const char *kernel;
	__u64 start_ns;
	__u64 interval_ns;	/* as set; rates use the real one */
};

extern const struct column top_columns[];
extern const int nr_top_columns;

/* Index of a column by its JSON name or its head, or -1. */
int top_column_find(const char *name);

/* For a screen of this size. `view` may be corrected to what is there. */
void frame_make(struct frame *f, const struct top_input *in, struct top_view *view,
		int width, int height);

/* For batch mode: all rows and columns, counts instead of rates. */
void frame_batch(struct text *t, const struct top_input *in, const struct top_view *view,
		 unsigned long n);
void frame_json(struct json *j, const struct top_input *in, const struct top_view *view,
		unsigned long n);

void frame_free(struct frame *f);

#endif
