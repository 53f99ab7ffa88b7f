// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "error.h"

/* Not all of the text: this runs for every field of every operation. */
static void value_clear(struct value *v)
{
	v->none = false;
	v->u = 0;
	v->d = 0;
	v->s[0] = '\0';
}

void value_str(struct value *v, const char *s)
{
	put_str(BOUNDED(v->s, sizeof(v->s)), s);
}

void value_strn(struct value *v, const char *s, size_t most)
{
	put_mem(BOUNDED(v->s, sizeof(v->s)), s, strnlen(s, most));
}

/* A number, in buf. */
static void number_text(char *buf, size_t size, enum unit unit, const struct value *v,
			double seconds)
{
	struct bounded *b = BOUNDED(buf, size);
	int64_t number = v->u;

	switch (unit) {
	case U_RATE:
		if (seconds > 0) {
			fmt_count(buf, size, v->u / seconds);
			break;
		}
		/* fall through */
	case U_COUNT:
		put_u64(b, v->u, 1);
		break;
	case U_NS:
		fmt_ns(buf, size, v->u);
		break;
	case U_BYTE_RATE:
		fmt_bytes(buf, size, seconds > 0 ? v->u / seconds : v->u);
		break;
	case U_BYTES:
		fmt_bytes(buf, size, v->u);
		break;
	case U_OFFSET:
		put_hex(b, v->u);
		break;
	case U_PERMILLE:
		put_u64(b, (unsigned int)((v->u + 5) / 10), 1);
		put_str(b, "%");
		break;
	case U_SIGNED:
		put_str(b, number < 0 ? "-" : "");
		put_u64(b, number < 0 ? -v->u : v->u, 1);
		break;
	case U_BOOL:
		put_str(b, v->u ? "yes" : "no");
		break;
	case U_REAL:
		snprintf(buf, size, "%.4g", v->d);
		break;
	case U_TEXT:
		break;
	}
}

int column_width(const struct column *c)
{
	int least = c->unit == U_NS ? fmt_ns_width() : 0;

	if (!c->width || abs(c->width) >= least)
		return c->width;
	return c->width < 0 ? -least : least;
}

/* `whole`: text, too, may be wider than its column. */
static void put_value(struct text *t, const struct column *c, const void *row, double seconds,
		      bool whole)
{
	struct value v;
	char number[FMT_LEN];
	const char *s = number;
	int width = column_width(c);

	value_clear(&v);
	c->get(row, c->arg, &v);
	if (v.none)
		s = "-";
	else if (c->unit == U_TEXT)
		s = v.s;
	else
		number_text(number, sizeof(number), c->unit, &v, seconds);
	/* A cut number would be another number; rather let the column be wider. */
	if (c->unit != U_TEXT && (int)strlen(s) > abs(width))
		text_str(t, s);
	else if (whole)
		text_safe(t, s);
	else if (width < 0 && strchr(s, '/'))
		text_cell_end(t, s, -width);
	else
		text_cell(t, s, width);
}

void column_text(struct text *t, const struct column *c, const void *row, double seconds)
{
	put_value(t, c, row, seconds, false);
}

void column_json(struct json *j, const struct column *c, const void *row)
{
	struct value v;

	value_clear(&v);
	c->get(row, c->arg, &v);
	if (v.none)
		return;
	if (c->unit == U_TEXT)
		json_str(j, c->name, v.s);
	else if (c->unit == U_SIGNED)
		json_s64(j, c->name, v.u);
	else if (c->unit == U_BOOL)
		json_bool(j, c->name, v.u);
	else if (c->unit == U_REAL)
		json_double(j, c->name, v.d);
	else
		json_u64(j, c->name, v.u);
}

/* ---- whole tables -------------------------------------------------------- */

/* The last column may be text to the left: its blanks are of no use. */
static void trim(struct text *t)
{
	while (t->len && t->s[t->len - 1] == ' ')
		t->s[--t->len] = '\0';
}

void columns_text_head(struct text *t, const struct column *c, size_t n)
{
	const char *sep = "";

	text_style(t, STYLE_TITLE);
	for (size_t i = 0; i < n; i++) {
		if (!c[i].width)
			continue;
		text_str(t, sep);
		text_cell(t, c[i].head, column_width(&c[i]));
		sep = " ";
	}
	trim(t);
	text_style(t, STYLE_NONE);
	text_add(t, "\n", 1);
}

void columns_text(struct text *t, const struct column *c, size_t n, const void *row,
		  double seconds)
{
	const char *sep = "";

	while (n && !c[n - 1].width)
		n--;
	for (size_t i = 0; i < n; i++) {
		if (!c[i].width)
			continue;
		text_str(t, sep);
		/* Nothing is behind the last one that would have to stay in its place. */
		put_value(t, &c[i], row, seconds, i + 1 == n && c[i].width < 0);
		sep = " ";
	}
	trim(t);
	text_add(t, "\n", 1);
}

void columns_json(struct json *j, const struct column *c, size_t n, const void *row)
{
	for (size_t i = 0; i < n; i++)
		column_json(j, &c[i], row);
}

/* A name may hold anything: what a terminal must not see is '?', but lines stay. */
static void add_safe_lines(struct text *t, const char *s)
{
	text_add(t, "", 0);
	for (;; s++) {
		size_t len = strcspn(s, "\n");
		char *line = strndup(s, len);

		if (line)
			text_safe(t, line);
		free(line);
		s += len;
		if (!*s)
			return;
		text_add(t, "\n", 1);
	}
}

/* Quoted only where it must be, so that a table of numbers stays one. */
static void csv_text(struct text *t, const char *s)
{
	struct text safe = { 0 };
	bool quote;

	add_safe_lines(&safe, s);
	quote = safe.s[strcspn(safe.s, ",\"\n")];
	if (quote)
		text_add(t, "\"", 1);
	for (s = safe.s; *s; s++)
		text_add(t, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	if (quote)
		text_add(t, "\"", 1);
	text_free(&safe);
}

static void csv_value(struct text *t, enum unit unit, const struct value *v)
{
	if (unit == U_TEXT)
		csv_text(t, v->s);
	else if (unit == U_SIGNED)
		text_printf(t, "%" PRId64, (int64_t)v->u);
	else if (unit == U_BOOL)
		text_printf(t, "%s", v->u ? "true" : "false");
	else if (unit == U_REAL)
		text_printf(t, "%.10g", v->d);
	else
		text_u64(t, v->u);
}

void columns_csv_head(struct text *t, const struct column *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			text_add(t, ",", 1);
		csv_text(t, c[i].name);
	}
	text_add(t, "\n", 1);
}

void columns_csv(struct text *t, const struct column *c, size_t n, const void *row)
{
	struct value v;

	for (size_t i = 0; i < n; i++) {
		if (i)
			text_add(t, ",", 1);
		value_clear(&v);
		c[i].get(row, c[i].arg, &v);
		if (!v.none)
			csv_value(t, c[i].unit, &v);
	}
	text_add(t, "\n", 1);
}

/* ---- choosing columns ---------------------------------------------------- */

static size_t find_name(const struct column *c, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(c[i].name) == len && !strncasecmp(c[i].name, name, len))
			return i;
	return n;
}

static void remove_column(struct columns *to, const struct column *c)
{
	size_t at = find_name(to->c, to->n, c->name, strlen(c->name));

	if (at == to->n)
		return;
	to->n--;
	memmove(to->c + at, to->c + at + 1, (to->n - at) * sizeof(*to->c));
}

/* One that is not in text unless asked for has no head and no width of its own. */
static void append_column(struct columns *to, const struct column *c)
{
	struct column *last;

	remove_column(to, c);
	last = &to->c[to->n++];
	*last = *c;
	if (c->width)
		return;
	last->head = c->name;
	last->width = strlen(c->name) < 8 ? 8 : strlen(c->name);
	if (c->unit == U_TEXT)
		last->width = -last->width;
}

static int no_column(const struct column *c, size_t n, const char *name, size_t len)
{
	struct text t = { 0 };
	int err;

	for (size_t i = 0; i < n; i++)
		text_printf(&t, "%s%s", i ? ", " : "", c[i].name);
	err = complain(FI_USAGE, "--columns: no column '%.*s'; there are: %s", (int)len, name,
		       t.s);
	text_free(&t);
	return err;
}

int columns_choose(struct columns *to, const struct column *c, size_t n, const char *spec,
		   bool all)
{
	bool change = !spec || *spec == '+' || *spec == '-';

	to->c = xcalloc(n, sizeof(*c));
	to->n = 0;
	for (size_t i = 0; change && i < n; i++)
		if (all || c[i].width)
			append_column(to, &c[i]);
	while (spec && *spec) {
		size_t len = strcspn(spec, ","), at;
		bool sign = len && (*spec == '+' || *spec == '-');

		at = find_name(c, n, spec + sign, len - sign);
		if (at == n) {
			columns_free(to);
			return no_column(c, n, spec, len);
		}
		if (*spec == '-')
			remove_column(to, &c[at]);
		else
			append_column(to, &c[at]);
		spec += len;
		spec += *spec == ',';
	}
	return 0;
}

void columns_free(struct columns *c)
{
	free(c->c);
	*c = (struct columns){ 0 };
}
