/* SPDX-License-Identifier: GPL-2.0-only */
/* A small streaming writer of JSON lines: one object per line. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "text.h"

struct json {
	struct text text;	/* the line so far */
	bool comma;		/* the next member needs one */
	FILE *out;		/* where finished lines go */
	int error;		/* errno of the first write that failed */
};

/* `key` is NULL inside arrays. Strings that are not UTF-8 come out as latin-1. */
void json_str(struct json *j, const char *key, const char *s);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_s64(struct json *j, const char *key, int64_t v);
void json_double(struct json *j, const char *key, double v);	/* finite */
void json_bool(struct json *j, const char *key, bool v);
void json_open(struct json *j, const char *key, char bracket);	/* '{' or '[' */
void json_close(struct json *j, char bracket);			/* '}' or ']' */

/* Starts a line with its "type"; json_put() completes it and writes it. */
void json_line(struct json *j, const char *type);
void json_put(struct json *j);

/* Writes what `text` holds as it is, and empties it. */
void json_flush_text(struct json *j);

/* Starts the first line of all output: schema, its version, the command. */
void json_header(struct json *j, const char *command);

#endif
