// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"

/* Not all of the text: this runs for every field of every operation. */
static void value_clear(struct value *v)
{
	v->none = false;
	v->u = 0;
	v->s[0] = '\0';
}

static void value_text(char *buf, size_t size, enum unit unit, const struct value *v,
		       double seconds)
{
	switch (unit) {
	case U_TEXT:
		snprintf(buf, size, "%s", v->s);
		break;
	case U_RATE:
		if (seconds > 0) {
			fmt_count(buf, size, v->u / seconds);
			break;
		}
		/* fall through */
	case U_COUNT:
		snprintf(buf, size, "%" PRIu64, v->u);
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
		snprintf(buf, size, "%#" PRIx64, v->u);
		break;
	case U_PERMILLE:
		snprintf(buf, size, "%u%%", (unsigned int)((v->u + 5) / 10));
		break;
	case U_SIGNED:
		snprintf(buf, size, "%" PRId64, (int64_t)v->u);
		break;
	case U_BOOL:
		snprintf(buf, size, "%s", v->u ? "yes" : "no");
		break;
	}
}

void column_text(struct text *t, const struct column *c, const void *row, double seconds)
{
	struct value v;
	char buf[sizeof(v.s)];

	value_clear(&v);
	strcpy(buf, "-");
	c->get(row, c->arg, &v);
	if (!v.none)
		value_text(buf, sizeof(buf), c->unit, &v, seconds);
	/* A cut number would be another number; rather let the column be wider. */
	if (c->unit != U_TEXT && (int)strlen(buf) > abs(c->width))
		text_add(t, buf, strlen(buf));
	else
		text_cell(t, buf, c->width);
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
	else
		json_u64(j, c->name, v.u);
}
