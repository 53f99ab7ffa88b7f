/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables as data: one table of columns gives the text, the JSON and the help
 * of a view.
 */
#ifndef COLUMN_H
#define COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "text.h"

enum unit {
	U_TEXT,
	U_COUNT,	/* plain number */
	U_RATE,		/* counted in the interval; per second on the screen */
	U_BYTE_RATE,	/* the same, in bytes */
	U_NS,
	U_BYTES,
	U_OFFSET,	/* bytes, exact: hexadecimal in text */
	U_PERMILLE,	/* text shows percent */
	U_SIGNED,
	U_BOOL,
	U_REAL,		/* not a whole number: in `d` */
};

struct value {
	bool none;	/* nothing to show: "-" in text, left out in JSON */
	uint64_t u;	/* all other numbers; U_SIGNED as two's complement */
	double d;	/* U_REAL, finite */
	char s[1024];	/* U_TEXT; a path fits */
};

/* The text, cut at the room that there is; of the second at `most` bytes, too. */
void value_str(struct value *v, const char *s);
void value_strn(struct value *v, const char *s, size_t most);

struct column {
	const char *name;	/* JSON key */
	const char *head;
	int width;		/* negative: left-aligned; 0: not in text */
	int prio;		/* narrow screens drop the highest numbers first */
	enum unit unit;
	/* `arg` tells columns apart that share a function. */
	void (*get)(const void *row, int arg, struct value *v);
	int arg;
	const char *help;
};

/* As in the table, but wide enough for times in a fixed unit. */
int column_width(const struct column *c);

/* seconds: what rates are per; 0 shows the plain count. */
void column_text(struct text *t, const struct column *c, const void *row, double seconds);
void column_json(struct json *j, const struct column *c, const void *row);

/*
 * Whole tables: CSV (RFC 4180; the columns and names of JSON, exact numbers,
 * nothing for "none") and text with a head. They add to `t`, lines ended.
 */
void columns_csv_head(struct text *t, const struct column *c, size_t n);
void columns_csv(struct text *t, const struct column *c, size_t n, const void *row);
void columns_text_head(struct text *t, const struct column *c, size_t n);
void columns_text(struct text *t, const struct column *c, size_t n, const void *row,
		  double seconds);
void columns_json(struct json *j, const struct column *c, size_t n, const void *row);

/* A choice of columns, made of a table's. */
struct columns {
	struct column *c;
	size_t n;
};

/*
 * As --columns says: "a,b" are these in this order; "+a,-b" changes what is shown
 * without it (NULL): all that text has room for, or with `all` every column. Names
 * are those of JSON, in any case. Reports unknown ones; returns 0 or an exit code.
 */
int columns_choose(struct columns *to, const struct column *c, size_t n, const char *spec,
		   bool all);
void columns_free(struct columns *c);

#endif
