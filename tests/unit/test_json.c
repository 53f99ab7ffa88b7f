// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

static struct json j;
static char *out;
static size_t out_len;

static int setup(void **state)
{
	j.out = open_memstream(&out, &out_len);
	return 0;
}

static int teardown(void **state)
{
	fclose(j.out);
	free(out);
	text_free(&j.text);
	return 0;
}

static const char *line(void)
{
	json_put(&j);
	fflush(j.out);
	return out;
}

static const char *escaped(const char *s)
{
	json_line(&j, "t");
	json_str(&j, "s", s);
	rewind(j.out);
	return line();
}

static void members_and_commas(void **state)
{
	json_line(&j, "x");
	json_u64(&j, "big", UINT64_MAX);
	json_s64(&j, "small", INT64_MIN);
	json_open(&j, "list", '[');
	json_u64(&j, NULL, 1);
	json_open(&j, NULL, '{');
	json_bool(&j, "yes", true);
	json_close(&j, '}');
	json_close(&j, ']');
	json_open(&j, "empty", '{');
	json_close(&j, '}');
	json_bool(&j, "no", false);
	assert_string_equal(line(),
		"{\"type\":\"x\",\"big\":18446744073709551615,\"small\":-9223372036854775808,"
		"\"list\":[1,{\"yes\":true}],\"empty\":{},\"no\":false}\n");
}

static void names_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "a\"b\\c/d", "a\\\"b\\\\c/d" },
		{ "a\xc2\x9b" "31m", "a\\u009b31m" },
		{ "\n\t\r\x01\x1b[31m", "\\u000a\\u0009\\u000d\\u0001\\u001b[31m" },
		{ "\x7f", "\\u007f" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		/* no UTF-8: alone, cut, overlong, surrogate, beyond the last */
		{ "\xff", "\\u00ff" },
		{ "\xbf", "\\u00bf" },
		{ "x\xc3", "x\\u00c3" },
		{ "\xe2\x82", "\\u00e2\\u0082" },
		{ "\xc0\xaf", "\\u00c0\\u00af" },
		{ "\xe0\x80\xaf", "\\u00e0\\u0080\\u00af" },
		{ "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080" },
		{ "\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080" },
	};
	char want[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = escaped(cases[i].in);

		snprintf(want, sizeof(want), "{\"type\":\"t\",\"s\":\"%s\"}\n", cases[i].out);
		assert_memory_equal(got, want, strlen(want));
	}
}

static void keys_are_escaped(void **state)
{
	json_line(&j, "t");
	json_u64(&j, "a\"b", 1);
	assert_string_equal(line(), "{\"type\":\"t\",\"a\\\"b\":1}\n");
}

static void lines_start_anew(void **state)
{
	json_line(&j, "a");
	json_put(&j);
	json_line(&j, "b");
	assert_string_equal(line(), "{\"type\":\"a\"}\n{\"type\":\"b\"}\n");
}

/* ---- text ---------------------------------------------------------------- */

static void cells_have_a_width(void **state)
{
	struct text t = { 0 };

	text_cell(&t, "ab", 4);
	text_add(&t, "|", 1);
	text_cell(&t, "ab", -4);
	text_add(&t, "|", 1);
	text_cell(&t, "abcdef", 4);
	text_cell(&t, "", 2);
	assert_string_equal(t.s, "  ab|ab  |abcd  ");
	text_clear(&t);
	text_cell(&t, "a\x1b[2J\nb\xff", -9);
	assert_string_equal(t.s, "a?[2J?b? ");
	text_free(&t);
}

static void numbers_are_short(void **state)
{
	static const struct {
		uint64_t v;
		const char *ns, *bytes;
	} cases[] = {
		{ 0, "0ns", "0" },
		{ 999, "999ns", "999" },
		{ 1000, "1us", "1000" },
		{ 1023, "1.02us", "1023" },
		{ 1024, "1.02us", "1K" },
		{ 1536, "1.53us", "1.50K" },
		{ 99999, "99.9us", "97.6K" },
		{ 999999, "999us", "976K" },
		{ 1048576, "1.04ms", "1M" },
		{ 59999999999, "59.9s", "55.8G" },
		/* No binary fraction is a hundredth. */
		{ 1150, "1.15us", "1.12K" },
		{ 4060, "4.06us", "3.96K" },
		{ INT64_MAX, "9223372036s", "7.99E" },
		{ UINT64_MAX, "18446744073s", "15.9E" },
	};
	char buf[FMT_LEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(fmt_ns(buf, sizeof(buf), cases[i].v), cases[i].ns);
		assert_string_equal(fmt_bytes(buf, sizeof(buf), cases[i].v), cases[i].bytes);
	}
	assert_string_equal(fmt_count(buf, sizeof(buf), 0.25), "0.2");
	assert_string_equal(fmt_count(buf, sizeof(buf), 999), "999");
	assert_string_equal(fmt_count(buf, sizeof(buf), 1234), "1.23k");
	assert_string_equal(fmt_count(buf, sizeof(buf), 45.67), "45.6");
	assert_string_equal(fmt_count(buf, sizeof(buf), 2e6), "2M");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_and_commas, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_start_anew, setup, teardown),
		cmocka_unit_test(cells_have_a_width),
		cmocka_unit_test(numbers_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
