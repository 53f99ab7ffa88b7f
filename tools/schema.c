// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "json.h"
#include "schema.h"
#include "version.h"

/* ---- one member ---------------------------------------------------------- */

static void put_type(struct json *j, const char *type, const char *help)
{
	json_str(j, "type", type);
	if (help && *help)
		json_str(j, "description", help);
}

static void put_uint(struct json *j, const char *help)
{
	put_type(j, "integer", help);
	json_u64(j, "minimum", 0);
}

static void put_members(struct json *j, const struct field *f);

static void put_enum(struct json *j, const struct field *f)
{
	json_open(j, "enum", '[');
	for (size_t i = 0; i < f->nr_words; i++)
		json_str(j, NULL, f->words[i]);
	json_close(j, ']');
}

/* What a list or a map holds. */
static void put_element(struct json *j, const char *key, const struct field *f)
{
	json_open(j, key, '{');
	if (f->members) {
		json_str(j, "type", "object");
		put_members(j, f->members);
	} else if (f->type == F_LIST) {
		json_str(j, "type", "string");
		if (f->words)
			put_enum(j, f);
	} else {
		put_uint(j, NULL);
	}
	json_close(j, '}');
}

static void put_map(struct json *j, const struct field *f)
{
	json_open(j, "properties", '{');
	for (size_t i = 0; i < f->nr_words; i++)
		put_element(j, f->words[i], f);
	json_close(j, '}');
	json_bool(j, "additionalProperties", false);
}

static void put_field(struct json *j, const struct field *f)
{
	static const char *const types[] = {
		[F_STRING] = "string", [F_INT] = "integer", [F_NUMBER] = "number",
		[F_BOOL] = "boolean", [F_OBJECT] = "object", [F_LIST] = "array",
		[F_MAP] = "object",
	};

	json_open(j, f->name, '{');
	if (f->type == F_UINT)
		put_uint(j, f->help);
	else
		put_type(j, types[f->type], f->help);
	if (f->type == F_STRING && f->words)
		put_enum(j, f);
	else if (f->type == F_OBJECT)
		put_members(j, f->members);
	else if (f->type == F_LIST)
		put_element(j, "items", f);
	else if (f->type == F_MAP)
		put_map(j, f);
	json_close(j, '}');
}

static void put_required(struct json *j, const struct field *f, const char *first)
{
	json_open(j, "required", '[');
	if (first)
		json_str(j, NULL, first);
	for (; f && f->name; f++)
		if (!f->optional)
			json_str(j, NULL, f->name);
	json_close(j, ']');
}

static void put_members(struct json *j, const struct field *fields)
{
	json_open(j, "properties", '{');
	for (const struct field *f = fields; f->name; f++)
		put_field(j, f);
	json_close(j, '}');
	put_required(j, fields, NULL);
	json_bool(j, "additionalProperties", false);
}

/* ---- one type of line ---------------------------------------------------- */

static void put_column(struct json *j, const struct column *c)
{
	json_open(j, c->name, '{');
	switch (c->unit) {
	case U_TEXT:
		put_type(j, "string", c->help);
		break;
	case U_SIGNED:
		put_type(j, "integer", c->help);
		break;
	case U_BOOL:
		put_type(j, "boolean", c->help);
		break;
	case U_REAL:
		put_type(j, "number", c->help);
		break;
	default:
		put_uint(j, c->help);
	}
	json_close(j, '}');
}

/* Two columns may share a name: the text of one view, the JSON of another. */
static bool is_repeated(const struct column *c, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(c[k].name, c[i].name))
			return true;
	return false;
}

static const char *def_name(const struct line_type *line)
{
	return line->def ? line->def : line->type;
}

static void put_line(struct json *j, const struct line_type *line)
{
	struct column c[MAX_LINE_COLUMNS];
	size_t n = line->columns ? line->columns(c, line->arg) : 0;

	json_open(j, def_name(line), '{');
	put_type(j, "object", line->help);
	json_open(j, "properties", '{');
	json_open(j, "type", '{');
	json_str(j, "const", line->type);
	json_close(j, '}');
	for (const struct field *f = line->fields; f && f->name; f++)
		put_field(j, f);
	for (size_t i = 0; i < n; i++)
		if (*c[i].name && !is_repeated(c, i))
			put_column(j, &c[i]);
	json_close(j, '}');
	if (line->percentiles) {
		json_open(j, "patternProperties", '{');
		json_open(j, "^p[0-9]+([.][0-9]+)?$", '{');
		put_uint(j, "this percentile: an upper bound");
		json_close(j, '}');
		json_close(j, '}');
	}
	put_required(j, line->fields, "type");
	json_bool(j, "additionalProperties", false);
	json_close(j, '}');
}

/* ---- all of it ----------------------------------------------------------- */

/* JSON on one line, over several lines; empty brackets stay together. */
static void indent(struct text *t, const char *s)
{
	bool in_string = false;
	int depth = 0;

	for (; *s; s++) {
		if (!in_string && strchr("}]", *s) && !strchr("{[", s[-1]))
			text_printf(t, "\n%*s", 2 * --depth, "");
		else if (!in_string && strchr("}]", *s))
			depth--;
		text_add(t, s, 1);
		if (*s == '"' && s[-1] != '\\')
			in_string = !in_string;
		if (in_string)
			continue;
		if (*s == ':')
			text_add(t, " ", 1);
		if (strchr("{[", *s))
			depth++;
		if ((strchr("{[", *s) && !strchr("}]", s[1])) || *s == ',')
			text_printf(t, "\n%*s", 2 * depth, "");
	}
	text_add(t, "\n", 1);
}

static bool is_chosen(const struct line_type *line, const char *const *types, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(line->type, types[i]))
			return true;
	return !n;
}

static bool is_known(const char *type)
{
	for (size_t i = 0; i < nr_line_types; i++)
		if (!strcmp(line_types[i].type, type))
			return true;
	return false;
}

size_t schema_text(struct text *t, const char *const *types, size_t n)
{
	struct json j = { 0 };

	for (size_t i = 0; i < n; i++)
		if (!is_known(types[i]))
			return i + 1;
	json_open(&j, NULL, '{');
	json_str(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_str(&j, "title", "fuseiomap JSON lines");
	json_str(&j, "description",
		 "One line of the output with --json. The first has the type header, the last "
		 "the type end. Times are nanoseconds, sizes bytes. Members that are not "
		 "required are left out where there is nothing to say.");
	json_u64(&j, "version", FUSEIOMAP_SCHEMA);
	json_open(&j, "oneOf", '[');
	for (size_t i = 0; i < nr_line_types; i++) {
		struct text ref = { 0 };

		if (!is_chosen(&line_types[i], types, n))
			continue;
		text_printf(&ref, "#/$defs/%s", def_name(&line_types[i]));
		json_open(&j, NULL, '{');
		json_str(&j, "$ref", ref.s);
		json_close(&j, '}');
		text_free(&ref);
	}
	json_close(&j, ']');
	json_open(&j, "$defs", '{');
	for (size_t i = 0; i < nr_line_types; i++)
		if (is_chosen(&line_types[i], types, n))
			put_line(&j, &line_types[i]);
	json_close(&j, '}');
	json_close(&j, '}');
	indent(t, j.text.s);
	text_free(&j.text);
	return 0;
}

static bool names(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *s = words; s && *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (n == len && !memcmp(s, word, n))
			return true;
		s += n;
	}
	return false;
}

bool line_is_of(const struct line_type *line, const char *command)
{
	if (line->commands)
		return names(line->commands, command);
	/* Some have a header and an end of their own. */
	for (size_t i = 0; i < nr_line_types; i++)
		if (!strcmp(line_types[i].type, line->type) && names(line_types[i].commands, command))
			return false;
	return true;
}
