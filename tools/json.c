// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "json.h"
#include "version.h"

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_escaped(struct text *t, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c;
	int len;

	text_add(t, "\"", 1);
	for (; *p; p++) {
		for (len = 0; is_plain(p[len]); len++)
			;
		text_add(t, (const char *)p, len);
		p += len;
		if (!*p)
			break;
		if (*p == '"' || *p == '\\') {
			text_printf(t, "\\%c", *p);
		} else if (*p >= 0x80 && (len = utf8_decode((const char *)p, &c))) {
			/* U+0080 to 9f: control characters, which terminals obey. */
			if (c < 0xa0)
				text_printf(t, "\\u%04x", c);
			else
				text_add(t, (const char *)p, len);
			p += len - 1;
		} else {
			text_printf(t, "\\u%04x", *p);
		}
	}
	text_add(t, "\"", 1);
}

static void add_key(struct json *j, const char *key)
{
	if (j->comma)
		text_add(&j->text, ",", 1);
	j->comma = true;
	if (key) {
		add_escaped(&j->text, key);
		text_add(&j->text, ":", 1);
	}
}

void json_str(struct json *j, const char *key, const char *s)
{
	add_key(j, key);
	add_escaped(&j->text, s);
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
	add_key(j, key);
	text_u64(&j->text, v);
}

void json_s64(struct json *j, const char *key, int64_t v)
{
	add_key(j, key);
	if (v < 0)
		text_add(&j->text, "-", 1);
	text_u64(&j->text, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_double(struct json *j, const char *key, double v)
{
	add_key(j, key);
	text_printf(&j->text, "%.10g", v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	add_key(j, key);
	text_add(&j->text, v ? "true" : "false", v ? 4 : 5);
}

void json_open(struct json *j, const char *key, char bracket)
{
	add_key(j, key);
	text_add(&j->text, &bracket, 1);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	text_add(&j->text, &bracket, 1);
	j->comma = true;
}

void json_line(struct json *j, const char *type)
{
	text_clear(&j->text);
	j->comma = false;
	json_open(j, NULL, '{');
	json_str(j, "type", type);
}

void json_put(struct json *j)
{
	json_close(j, '}');
	text_add(&j->text, "\n", 1);
	json_flush_text(j);
}

/* The buffer of `out` may have been written for this, and its error is told only here. */
void json_flush_text(struct json *j)
{
	if (j->text.len && fwrite(j->text.s, 1, j->text.len, j->out) < j->text.len && !j->error)
		j->error = errno;
	text_clear(&j->text);
}

void json_header(struct json *j, const char *command)
{
	json_line(j, "header");
	json_str(j, "schema", "fuseiomap");
	json_u64(j, "version", FUSEIOMAP_SCHEMA);
	json_str(j, "command", command);
}
