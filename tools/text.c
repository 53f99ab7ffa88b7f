// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "text.h"

static void no_memory(void)
{
	fputs("fuseiomap: out of memory\n", stderr);
	exit(1);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		no_memory();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		no_memory();
	return p;
}

static void text_reserve(struct text *t, size_t more)
{
	if (t->len + more + 1 <= t->size)
		return;
	t->size = (t->len + more + 1) * 2;
	t->s = xrealloc(t->s, t->size);
}

void text_add(struct text *t, const char *s, size_t len)
{
	text_reserve(t, len);
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	text_reserve(t, n);
	va_start(ap, fmt);
	vsnprintf(t->s + t->len, n + 1, fmt, ap);
	va_end(ap);
	t->len += n;
}

/* The digits of v end where `end` is; returns where they start. */
static char *digits_before(char *end, uint64_t v, unsigned int base)
{
	do
		*--end = "0123456789abcdef"[v % base];
	while (v /= base);
	return end;
}

void text_u64(struct text *t, uint64_t v)
{
	char buf[20], *end = buf + sizeof(buf), *p = digits_before(end, v, 10);

	text_add(t, p, end - p);
}

void text_clear(struct text *t)
{
	t->len = 0;
	if (t->s)
		t->s[0] = '\0';
}

void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

/* ---- text that does not grow --------------------------------------------- */

void put_mem(struct bounded *b, const char *s, size_t len)
{
	size_t room = b->end - b->at;

	b->at = mempcpy(b->at, s, len < room ? len : room);
	*b->at = '\0';
}

void put_str(struct bounded *b, const char *s)
{
	put_mem(b, s, strlen(s));
}

void put_u64(struct bounded *b, uint64_t v, int digits)
{
	char buf[20], *end = buf + sizeof(buf), *p = digits_before(end, v, 10);

	while (end - p < digits)
		*--p = '0';
	put_mem(b, p, end - p);
}

void put_hex(struct bounded *b, uint64_t v)
{
	char buf[16], *end = buf + sizeof(buf), *p = digits_before(end, v, 16);

	put_mem(b, "0x", v ? 2 : 0);	/* as %#x does */
	put_mem(b, p, end - p);
}

/* ---- characters ---------------------------------------------------------- */

/* The C locale of a script or a bare console says nothing of its terminal. */
void text_setup(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8"))
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* Not overlong, not cut, no surrogate. */
int utf8_decode(const char *s, uint32_t *c)
{
	static const struct {
		unsigned char mask, lead;
		int len;
		uint32_t min;
	} forms[] = {
		{ 0x80, 0x00, 1, 0x00 },
		{ 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};
	const unsigned char *u = (const unsigned char *)s;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if ((u[0] & forms[i].mask) != forms[i].lead)
			continue;
		*c = u[0] & ~forms[i].mask;
		for (int k = 1; k < forms[i].len; k++) {
			if ((u[k] & 0xc0) != 0x80)
				return 0;
			*c = *c << 6 | (u[k] & 0x3f);
		}
		if (*c < forms[i].min || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
			return 0;
		return forms[i].len;
	}
	return 0;
}

/* These make a terminal show other text out of order. */
static bool is_bidi(uint32_t c)
{
	return c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Nearly all of what there is, and wcwidth() takes its time. */
static bool is_plain(char c)
{
	return c >= ' ' && c <= '~';
}

/*
 * One character: its bytes and the columns that it takes. Names come from file
 * systems and may hold anything; *show is false for what is shown as '?'.
 */
static int next_char(const char *s, int *width, bool *show)
{
	uint32_t c;
	int len, w;

	if (is_plain(*s)) {
		*show = true;
		return *width = 1;
	}
	len = utf8_decode(s, &c);
	w = len ? wcwidth(c) : -1;
	*show = w >= 0 && !is_bidi(c);
	*width = *show ? w : 1;
	return len ? len : 1;
}

int text_width(const char *s)
{
	int sum = 0, width;
	bool show;

	while (*s) {
		s += next_char(s, &width, &show);
		sum += width;
	}
	return sum;
}

/* As much as fits into `room` columns; returns the columns used. */
static int add_chars(struct text *t, const char *s, int room)
{
	int used = 0, width, len;
	bool show;

	for (; *s; s += len, used += width) {
		for (len = 0; is_plain(s[len]) && used + len < room; len++)
			;
		width = len;
		show = true;
		if (!len)
			len = next_char(s, &width, &show);
		if (used + width > room)
			break;
		text_add(t, show ? s : "?", show ? len : 1);
	}
	return used;
}

void text_safe(struct text *t, const char *s)
{
	add_chars(t, s, 1 << 30);
}

static void add_spaces(struct text *t, int n)
{
	static const char spaces[] = "                                ";
	const int most = sizeof(spaces) - 1;

	for (; n > 0; n -= most)
		text_add(t, spaces, n < most ? n : most);
}

void text_cell(struct text *t, const char *s, int width)
{
	int room = abs(width);

	if (width < 0) {
		add_spaces(t, room - add_chars(t, s, room));
		return;
	}
	add_spaces(t, room - text_width(s));
	add_chars(t, s, room);
}

void text_cell_end(struct text *t, const char *s, int width)
{
	bool show;

	if (text_width(s) <= width || width < 4) {
		text_cell(t, s, -width);
		return;
	}
	for (int left = text_width(s), w; left > width - 1; left -= w)
		s += next_char(s, &w, &show);
	text_str(t, "…");
	text_cell(t, s, 1 - width);
}

/* ---- colours ------------------------------------------------------------- */

static bool styles;

void style_set(bool on)
{
	styles = on;
}

void text_style(struct text *t, enum style style)
{
	static const char *const sequence[] = {
		[STYLE_NONE] = "\033[0m", [STYLE_TITLE] = "\033[1m", [STYLE_DIM] = "\033[2m",
		[STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[31m", [STYLE_BAR] = "\033[36m",
		[STYLE_WARN] = "\033[33m",
	};

	if (styles)
		text_str(t, sequence[style]);
}

/* ---- numbers ------------------------------------------------------------- */

/*
 * n / per in three significant digits, rounded down so that 999.9 does not become 1000; none
 * behind the point if nothing is.
 */
static char *scaled(char *buf, size_t size, uint64_t n, uint64_t per, const char *unit)
{
	uint64_t whole = n / per, rest = n % per;
	int digits = !rest || whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
	struct bounded *b = BOUNDED(buf, size);

	put_u64(b, whole, 1);
	if (digits) {
		put_str(b, ".");
		put_u64(b, (unsigned __int128)rest * (digits == 1 ? 10 : 100) / per, digits);
	}
	put_str(b, unit);
	return buf;
}

/* Set once, from the options. */
static uint64_t time_unit;

void fmt_set_unit(uint64_t unit_ns)
{
	time_unit = unit_ns;
}

int fmt_ns_width(void)
{
	return time_unit ? 11 : 0;
}

static char *fixed_ns(char *buf, size_t size, uint64_t ns)
{
	if (time_unit == 1)
		snprintf(buf, size, "%" PRIu64 "ns", ns);
	else if (time_unit == 1000)
		snprintf(buf, size, "%.1fus", ns / 1e3);
	else if (time_unit == 1000000)
		snprintf(buf, size, "%.3fms", ns / 1e6);
	else
		snprintf(buf, size, "%.6fs", ns / 1e9);
	return buf;
}

char *fmt_ns(char *buf, size_t size, uint64_t ns)
{
	if (time_unit)
		return fixed_ns(buf, size, ns);
	if (ns < 1000)
		return scaled(buf, size, ns, 1, "ns");
	if (ns < 1000000)
		return scaled(buf, size, ns, 1000, "us");
	if (ns < 1000000000)
		return scaled(buf, size, ns, 1000000, "ms");
	return scaled(buf, size, ns, 1000000000, "s");
}

char *fmt_bytes(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "", "K", "M", "G", "T", "P", "E" };
	int i;

	for (i = 0; bytes >> 10 * i >= 1024; i++)
		;
	return scaled(buf, size, bytes, 1ULL << 10 * i, units[i]);
}

char *fmt_count(char *buf, size_t size, double count)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
	uint64_t per = 1;
	int i;

	if (count < 100 && count != (unsigned int)count) {
		snprintf(buf, size, "%.1f", (long)(count * 10) / 10.0);
		return buf;
	}
	for (i = 0; count / per >= 1000 && i < 6; i++)
		per *= 1000;
	return scaled(buf, size, count, per, units[i]);
}
