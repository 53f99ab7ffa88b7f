/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said about the commands: help, man pages and completion, made from the
 * tables of commands, options, columns and keys; only prose is written by hand.
 */
#ifndef DOCS_H
#define DOCS_H

#include <stdbool.h>
#include <stdio.h>

#include "opts.h"
#include "text.h"

struct example {
	const char *line;	/* as typed, without "fuseiomap"; in a man page after "# fuseiomap" */
	const char *what;
};

/* What a man page has beside what comes from tables. In pages.c. */
struct page {
	const char *command;
	const char *more;		/* paragraphs, separated by "\n\n"; or NULL */
	const struct example *examples;	/* the last has no line */
};

const struct page *page_find(const char *command);

/* What the names in names.h mean, in the same order. */
extern const char *const kind_what[FI_RECORD_KINDS];
extern const char *const op_what[FI_OPS];
extern const char *const type_what[FI_TYPES];
extern const char *const phase_what[FI_PHASES];

/* The text of `fuseiomap COMMAND --help`, in lines of at most `width`. */
void help_text(struct text *t, const struct command *c, int width);

/*
 * What the value of an option may be with this command: the option's own words,
 * or names of columns or views. Sets *n; the words are valid until the next call.
 */
const char *const *option_words(const struct command *c, const struct opt *opt, size_t *n);

/* mdoc(7) source of fuseiomap-COMMAND(1), or with NULL of fuseiomap(1). */
void man_page(struct text *t, const struct command *c);

/* What completion/bash.in, zsh.in or fish.in need to know; false if it is none of them. */
bool completion_tables(struct text *t, const char *shell);

#endif
