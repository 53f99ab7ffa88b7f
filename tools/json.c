// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "json.h"

/* Length of the UTF-8 sequence at s, 0 if it is not one (overlong, cut, surrogate). */
static int utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		int len;
		uint32_t min;
	} forms[] = {
		{ 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t c = s[0] & ~forms[i].mask;

		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (int k = 1; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[k] & 0x3f);
		}
		if (c < forms[i].min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return 0;
		return forms[i].len;
	}
	return 0;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_escaped(struct text *t, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
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
		} else if (*p >= 0x80 && (len = utf8_len(p))) {
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
	fwrite(j->text.s, 1, j->text.len, j->out);
}
