// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Single operations come by the ten thousand, with many numbers each. */
void text_u64(struct text *t, uint64_t v)
{
	char buf[20], *p = buf + sizeof(buf);

	do
		*--p = '0' + v % 10;
	while (v /= 10);
	text_add(t, p, buf + sizeof(buf) - p);
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

/* Names come from file systems and may hold anything, escape sequences too. */
static char printable(char c)
{
	return c >= ' ' && c <= '~' ? c : '?';
}

void text_cell(struct text *t, const char *s, int width)
{
	size_t w = width < 0 ? -width : width;
	size_t len = strlen(s), pad;

	if (len > w)
		len = w;
	pad = w - len;
	text_reserve(t, w);
	if (width > 0)
		for (; pad; pad--)
			text_add(t, " ", 1);
	for (size_t i = 0; i < len; i++)
		text_add(t, &(char){ printable(s[i]) }, 1);
	for (; pad; pad--)
		text_add(t, " ", 1);
}

/* Three significant digits, rounded down so that 999.9 does not become 1000. */
static char *scaled(char *buf, size_t size, double v, const char *unit)
{
	if (v == (unsigned int)v)
		snprintf(buf, size, "%u%s", (unsigned int)v, unit);
	else if (v < 10)
		snprintf(buf, size, "%.2f%s", (long)(v * 100) / 100.0, unit);
	else if (v < 100)
		snprintf(buf, size, "%.1f%s", (long)(v * 10) / 10.0, unit);
	else
		snprintf(buf, size, "%.0f%s", (double)(uint64_t)v, unit);
	return buf;
}

char *fmt_ns(char *buf, size_t size, uint64_t ns)
{
	if (ns < 1000) {
		snprintf(buf, size, "%uns", (unsigned int)ns);
		return buf;
	}
	if (ns < 1000000)
		return scaled(buf, size, ns / 1e3, "us");
	if (ns < 1000000000)
		return scaled(buf, size, ns / 1e6, "ms");
	return scaled(buf, size, ns / 1e9, "s");
}

char *fmt_bytes(char *buf, size_t size, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double v = bytes;
	int i;

	if (bytes < 1024) {
		snprintf(buf, size, "%u", (unsigned int)bytes);
		return buf;
	}
	for (i = -1; v >= 1024 && i < 5; i++)
		v /= 1024;
	return scaled(buf, size, v, (char[]){ units[i], 0 });
}

char *fmt_count(char *buf, size_t size, double count)
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E" };
	int i;

	if (count < 1000) {
		if (count == (unsigned int)count || count >= 100)
			snprintf(buf, size, "%u", (unsigned int)count);
		else
			snprintf(buf, size, "%.1f", (long)(count * 10) / 10.0);
		return buf;
	}
	for (i = -1; count >= 1000 && i < 5; i++)
		count /= 1000;
	return scaled(buf, size, count, units[i]);
}
