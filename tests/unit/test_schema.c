// SPDX-License-Identifier: GPL-2.0-only
/* The schema is whole: views, columns and commands have their lines in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "opts.h"
#include "schema.h"
#include "topview.h"

static const struct line_type *find_line(const char *type)
{
	for (size_t i = 0; i < nr_line_types; i++)
		if (!strcmp(line_types[i].type, type))
			return &line_types[i];
	return NULL;
}

static void every_view_has_its_line(void **state)
{
	for (int v = 0; v < VIEWS; v++) {
		const struct line_type *line = find_line(views[v].type);
		struct column c[MAX_LINE_COLUMNS];
		const struct column *want;
		size_t n;

		assert_non_null(line);
		want = view_columns(v, &n);
		assert_true(n <= MAX_LINE_COLUMNS);
		assert_int_equal(line->columns(c, line->arg), n);
		for (size_t i = 0; i < n; i++)
			assert_string_equal(c[i].name, want[i].name);
	}
}

static void every_command_has_lines_of_its_own(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		size_t n = 0;

		for (size_t k = 0; k < nr_line_types; k++)
			n += line_types[k].commands && line_is_of(&line_types[k], commands[i]->name);
		if (!!n != !!(commands[i]->takes & OPT_JSON))
			fail_msg("%s: %zu types of lines", commands[i]->name, n);
	}
}

/* What has no help leaves a hole in the man page. */
static void every_member_is_described(void **state)
{
	for (size_t i = 0; i < nr_line_types; i++) {
		const struct line_type *line = &line_types[i];
		struct column c[MAX_LINE_COLUMNS];
		size_t n = line->columns ? line->columns(c, line->arg) : 0;

		assert_true(*line->help);
		for (const struct field *f = line->fields; f && f->name; f++)
			if (!f->help || !*f->help)
				fail_msg("%s: no help for %s", line->type, f->name);
		for (size_t k = 0; k < n; k++)
			if (*c[k].name && (!c[k].help || !*c[k].help))
				fail_msg("%s: no help for column %s", line->type, c[k].name);
	}
}

static json_t *load(const char *const *types, size_t n)
{
	struct text t = { 0 };
	json_error_t error;
	json_t *json;

	assert_int_equal(schema_text(&t, types, n), 0);
	json = json_loads(t.s, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("line %d: %s", error.line, error.text);
	text_free(&t);
	return json;
}

static void it_is_json_without_repetition(void **state)
{
	json_t *json = load(NULL, 0);

	assert_int_equal(json_object_size(json_object_get(json, "$defs")), nr_line_types);
	assert_int_equal(json_array_size(json_object_get(json, "oneOf")), nr_line_types);
	json_decref(json);
}

static void only_what_is_asked_for(void **state)
{
	const char *const two[] = { "window", "shares" }, *const bad[] = { "end", "nonsense" };
	struct text t = { 0 };
	json_t *json = load(two, 2);

	assert_int_equal(json_object_size(json_object_get(json, "$defs")), 2);
	json_decref(json);
	assert_int_equal(schema_text(&t, bad, 2), 2);
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_view_has_its_line),
		cmocka_unit_test(every_command_has_lines_of_its_own),
		cmocka_unit_test(every_member_is_described),
		cmocka_unit_test(it_is_json_without_repetition),
		cmocka_unit_test(only_what_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
