// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "column.h"

struct thing {
	const char *name;	/* NULL: none */
	uint64_t n;
};

static void get_name(const void *row, int arg, struct value *v)
{
	const struct thing *th = row;

	v->none = !th->name;
	if (th->name)
		snprintf(v->s, sizeof(v->s), "%s", th->name);
}

static void get_n(const void *row, int arg, struct value *v)
{
	v->u = ((const struct thing *)row)->n;
	v->none = v->u == 404;
}

#define ALL(unit_, width) { #unit_, #unit_, width, 0, unit_, get_n, 0, "" }

static const struct column name_and[] = {
	{ "name", "NAME", -6, 0, U_TEXT, get_name, 0, "" },
	{ "hidden", "HIDDEN", 0, 0, U_COUNT, get_n, 0, "" },
	{ "ns", "TIME", 7, 0, U_NS, get_n, 0, "" },
	{ "last", "LAST", -6, 0, U_TEXT, get_name, 0, "" },
};

static const struct column every_unit[] = {
	ALL(U_COUNT, 8), ALL(U_RATE, 8), ALL(U_BYTE_RATE, 8), ALL(U_NS, 8), ALL(U_BYTES, 8),
	ALL(U_OFFSET, 8), ALL(U_PERMILLE, 8), ALL(U_SIGNED, 8), ALL(U_BOOL, 8),
};

static struct text text;

static int setup(void **state)
{
	text_setup();
	return 0;
}

static int teardown(void **state)
{
	text_free(&text);
	fmt_set_unit(0);
	style_set(false);
	return 0;
}

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static const char *line(const struct thing *th, double seconds)
{
	text_clear(&text);
	columns_text(&text, name_and, NR(name_and), th, seconds);
	return text.s;
}

static const char *csv(const char *name, uint64_t n)
{
	struct thing th = { name, n };

	text_clear(&text);
	columns_csv(&text, name_and, NR(name_and), &th);
	return text.s;
}

static void head_and_lines_align(void **state)
{
	text_clear(&text);
	columns_text_head(&text, name_and, NR(name_and));
	assert_string_equal(text.s, "NAME      TIME LAST\n");
	assert_string_equal(line(&(struct thing){ "abc", 1500 }, 0), "abc     1.50us abc\n");
	assert_string_equal(line(&(struct thing){ NULL, 404 }, 0), "-            - -\n");
}

static void names_are_utf8(void **state)
{
	/* two columns for one character, a combining accent, and what is no UTF-8 */
	assert_string_equal(line(&(struct thing){ "\xe6\x97\xa5\xe6\x9c\xac", 1 }, 0),
			    "\xe6\x97\xa5\xe6\x9c\xac       1ns \xe6\x97\xa5\xe6\x9c\xac\n");
	assert_string_equal(line(&(struct thing){ "e\xcc\x81x", 1 }, 0),
			    "e\xcc\x81x         1ns e\xcc\x81x\n");
	assert_string_equal(line(&(struct thing){ "a\xff\x1b[", 1 }, 0),
			    "a??[       1ns a??[\n");
	/* right-to-left override */
	assert_string_equal(line(&(struct thing){ "a\xe2\x80\xae" "b", 1 }, 0),
			    "a?b        1ns a?b\n");
}

/* Never half of a wide character. */
static void names_are_cut_between_characters(void **state)
{
	text_clear(&text);
	text_cell(&text, "\xe6\x97\xa5\xe6\x9c\xac", -3);
	assert_string_equal(text.s, "\xe6\x97\xa5 ");
	text_clear(&text);
	text_cell(&text, "\xc3\xbc\xc3\xbc\xc3\xbc", 2);
	assert_string_equal(text.s, "\xc3\xbc\xc3\xbc");
	text_clear(&text);
	text_cell(&text, "\xc3\xbc", 3);
	assert_string_equal(text.s, "  \xc3\xbc");
	assert_int_equal(text_width("\xe6\x97\xa5\xc3\xbc\x1b"), 4);
}

/* What is behind would move; the last column has nothing behind it. */
static void text_keeps_to_its_column_but_in_the_last(void **state)
{
	assert_string_equal(line(&(struct thing){ "abcdefgh", 1 }, 0), "abcdef     1ns abcdefgh\n");
	/* Of a path the end. */
	assert_string_equal(line(&(struct thing){ "ab/cdefgh", 1 }, 0),
			    "…defgh     1ns ab/cdefgh\n");
	assert_string_equal(line(&(struct thing){ "a/\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5", 1 }, 0),
			    "…\xe6\x9c\xac\xe6\x97\xa5      1ns a/\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\n");
	assert_string_equal(line(&(struct thing){ "a/bcde", 1 }, 0), "a/bcde     1ns a/bcde\n");
}

static void numbers_are_never_cut(void **state)
{
	static const struct column c = { "n", "N", 3, 0, U_COUNT, get_n, 0, "" };

	text_clear(&text);
	column_text(&text, &c, &(struct thing){ "", 123456 }, 0);
	assert_string_equal(text.s, "123456");
}

static void units_in_text(void **state)
{
	text_clear(&text);
	columns_text(&text, every_unit, NR(every_unit), &(struct thing){ "", 2048 }, 2);
	assert_string_equal(text.s, "    2048    1.02k       1K   2.04us       2K    0x800     205%     2048      yes\n");
}

static void one_unit_for_times(void **state)
{
	static const struct {
		uint64_t unit, ns;
		const char *want;
	} cases[] = {
		{ 1, 1500, "abc         1500ns abc\n" },
		{ 1000, 1500, "abc          1.5us abc\n" },
		{ 1000000, 1500, "abc        0.002ms abc\n" },
		{ 1000000000, 1500000, "abc      0.001500s abc\n" },
		{ 1000, 12345678901, "abc    12345678.9us abc\n" },
	};

	for (size_t i = 0; i < NR(cases); i++) {
		fmt_set_unit(cases[i].unit);
		assert_string_equal(line(&(struct thing){ "abc", cases[i].ns }, 0), cases[i].want);
	}
	text_clear(&text);
	columns_text_head(&text, name_and, NR(name_and));
	assert_string_equal(text.s, "NAME          TIME LAST\n");
}

static void csv_has_the_names_and_exact_numbers(void **state)
{
	text_clear(&text);
	columns_csv_head(&text, name_and, NR(name_and));
	assert_string_equal(text.s, "name,hidden,ns,last\n");
	assert_string_equal(csv("abc", 1234567), "abc,1234567,1234567,abc\n");
	assert_string_equal(csv(NULL, 404), ",,,\n");
	text_clear(&text);
	columns_csv(&text, every_unit, NR(every_unit), &(struct thing){ "", -1 });
	assert_string_equal(text.s,
		"18446744073709551615,18446744073709551615,18446744073709551615,"
		"18446744073709551615,18446744073709551615,18446744073709551615,"
		"18446744073709551615,-1,true\n");
}

static void csv_quotes_what_it_must(void **state)
{
	assert_string_equal(csv("a,b", 1), "\"a,b\",1,1,\"a,b\"\n");
	assert_string_equal(csv("a\"b", 1), "\"a\"\"b\",1,1,\"a\"\"b\"\n");
	assert_string_equal(csv("a\nb", 1), "\"a\nb\",1,1,\"a\nb\"\n");
	assert_string_equal(csv("a b'", 1), "a b',1,1,a b'\n");
	assert_string_equal(csv("a\x1b[\xff\rb", 1), "a?[??b,1,1,a?[??b\n");
}

static void json_has_the_same(void **state)
{
	struct json j = { 0 };

	json_line(&j, "t");
	columns_json(&j, name_and, NR(name_and), &(struct thing){ NULL, 7 });
	assert_string_equal(j.text.s, "{\"type\":\"t\",\"hidden\":7,\"ns\":7");
	text_free(&j.text);
}

static void colours_only_when_on(void **state)
{
	text_clear(&text);
	columns_text_head(&text, name_and, 1);
	assert_string_equal(text.s, "NAME\n");
	style_set(true);
	text_clear(&text);
	columns_text_head(&text, name_and, 1);
	assert_string_equal(text.s, "\033[1mNAME\033[0m\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(head_and_lines_align),
		TEST(names_are_utf8),
		TEST(names_are_cut_between_characters),
		TEST(text_keeps_to_its_column_but_in_the_last),
		TEST(numbers_are_never_cut),
		TEST(units_in_text),
		TEST(one_unit_for_times),
		TEST(csv_has_the_names_and_exact_numbers),
		TEST(csv_quotes_what_it_must),
		TEST(json_has_the_same),
		TEST(colours_only_when_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
