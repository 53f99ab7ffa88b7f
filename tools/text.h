/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that grows, and numbers as people read them. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Always terminated once something was added; a zeroed one is empty. */
struct text {
	char  *s;
	size_t len;
	size_t size;
};

/* Running out of memory ends the program: there is nothing to save. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);

void text_add(struct text *t, const char *s, size_t len);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_u64(struct text *t, uint64_t v);	/* decimal */
void text_clear(struct text *t);
void text_free(struct text *t);

/*
 * Adds s in a column of `width` characters (negative: to the left), cut if it
 * is longer, with what a terminal must not see replaced by '?'.
 */
void text_cell(struct text *t, const char *s, int width);

/* All return buf. Three significant digits: 1.23us, 45.6ms, 789s; 1.5K, 32M. */
char *fmt_ns(char *buf, size_t size, uint64_t ns);
char *fmt_bytes(char *buf, size_t size, uint64_t bytes);
char *fmt_count(char *buf, size_t size, double count);

#define FMT_LEN	16

#endif
