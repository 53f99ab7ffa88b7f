/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lines of JSON there are: as far as they come from tables of columns, from
 * these. Strict: a member that is not described here fails the tests.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <stdbool.h>

#include "column.h"

enum field_type {
	F_STRING,
	F_UINT,
	F_INT,
	F_NUMBER,
	F_BOOL,
	F_OBJECT,	/* of `members` */
	F_LIST,		/* of objects with `members`, else of strings */
	F_MAP,		/* keys are `words`; values objects with `members`, else F_UINT */
};

struct field {
	const char *name;	/* NULL ends a list of fields */
	enum field_type type;
	const char *help;
	bool optional;
	const struct field *members;
	const char *const *words;	/* F_STRING: one of these */
	size_t nr_words;
};

#define MAX_LINE_COLUMNS	128

struct line_type {
	const char *type;
	const char *commands;	/* that write it, separated by blanks; NULL: all */
	const char *help;
	const struct field *fields;	/* beside "type"; or NULL */
	/* Fills `to`, returns how many. What is not there is left out, so all are optional. */
	size_t (*columns)(struct column *to, int arg);
	int arg;
	bool choice;		/* these are the columns that --columns and --sort choose from */
	bool percentiles;	/* any number of "p50", "p99.9" */
	const char *def;	/* what the definition is called, if another has the same type */
};

extern const struct line_type line_types[];
extern const size_t nr_line_types;

bool line_is_of(const struct line_type *line, const char *command);

/*
 * A JSON Schema (draft 2020-12), indented, of the lines with these types; n = 0:
 * of all. Returns 0, or the index + 1 of a type that is not known.
 */
size_t schema_text(struct text *t, const char *const *types, size_t n);

#endif
