/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that grows, and numbers as people read them. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
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
void text_str(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_u64(struct text *t, uint64_t v);	/* decimal */
void text_clear(struct text *t);
void text_free(struct text *t);

/*
 * Text in a buffer that somebody else has; what does not fit is cut. It is terminated once
 * something was put there. A line of an operation has thirty numbers and names, of which
 * printf() took most of the time.
 */
struct bounded {
	char *at;
	char *end;		/* where the terminator goes at last */
};

#define BOUNDED(buf, size)	(&(struct bounded){ (buf), (buf) + (size) - 1 })

void put_mem(struct bounded *b, const char *s, size_t len);
void put_str(struct bounded *b, const char *s);
void put_u64(struct bounded *b, uint64_t v, int digits);	/* at least so many digits */
void put_hex(struct bounded *b, uint64_t v);

/*
 * Names are UTF-8 and take as many columns as they do on a terminal. What a
 * terminal must not see (escape sequences, what is no UTF-8) becomes '?'.
 * text_setup() makes that work whatever the locale is; call it first.
 */
void text_setup(void);
void text_cell(struct text *t, const char *s, int width);	/* cut; negative: to the left */
/* To the left, cut at its beginning: the end of a path says more. */
void text_cell_end(struct text *t, const char *s, int width);
void text_safe(struct text *t, const char *s);			/* as long as it is */
int text_width(const char *s);

/* Length of the UTF-8 sequence at s, and the character; 0 if it is none. */
int utf8_decode(const char *s, uint32_t *c);

/* Escape sequences; nothing is added unless colours are on (they are off at first). */
enum style { STYLE_NONE, STYLE_TITLE, STYLE_DIM, STYLE_GOOD, STYLE_BAD, STYLE_BAR, STYLE_WARN };

void style_set(bool on);
void text_style(struct text *t, enum style style);	/* STYLE_NONE: back to normal */

/* All return buf. Three significant digits: 1.23us, 45.6ms, 789s; 1.5K, 32M. */
char *fmt_ns(char *buf, size_t size, uint64_t ns);
char *fmt_bytes(char *buf, size_t size, uint64_t bytes);
char *fmt_count(char *buf, size_t size, double count);

#define FMT_LEN	24

/*
 * Times in one unit of so many ns (1, 1000, 1000000, 1000000000) from now on, so that they
 * compare by eye and sort; 0: as above. fmt_ns_width() is what they need at least.
 */
void fmt_set_unit(uint64_t unit_ns);
int fmt_ns_width(void);

#endif
