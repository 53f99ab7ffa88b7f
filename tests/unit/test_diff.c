// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "diff.h"
#include "error.h"

static struct results a, b;
static struct opts opts;
static struct diff d;
static struct text text;

/* A run with 100 reads of about `lat_ns`. */
static struct fi_cell *run(struct results *side, __u64 lat_ns)
{
	struct result *r = calloc(1, sizeof(*r));
	struct fi_cell *c = &r->op[FI_BEGIN][FI_READ];

	r->file = strdup("x.json");
	r->complete = true;
	side->run = realloc(side->run, (side->n + 1) * sizeof(*side->run));
	side->run[side->n++] = r;
	c->done = c->sent = 100;
	for (int i = 0; i < 100; i++)
		fi_hist_add(&c->lat, lat_ns);
	return c;
}

static struct result *last(struct results *side)
{
	return side->run[side->n - 1];
}

static int setup(void **state)
{
	opts_init(&opts);
	return 0;
}

static int teardown(void **state)
{
	results_free(&a);
	results_free(&b);
	diff_free(&d);
	text_free(&text);
	return 0;
}

static void compare(void)
{
	diff_free(&d);
	diff_make(&d, &a, &b, &opts);
}

static const struct diff_row *row(const char *name)
{
	char buf[64];

	for (size_t i = 0; i < d.n; i++)
		if (!strcmp(diff_name(buf, sizeof(buf), &d.row[i]), name))
			return &d.row[i];
	fail_msg("no row %s", name);
	return NULL;
}

static bool has_row(const char *name)
{
	char buf[64];

	for (size_t i = 0; i < d.n; i++)
		if (!strcmp(diff_name(buf, sizeof(buf), &d.row[i]), name))
			return !d.row[i].hidden;
	return false;
}

static void one_run_each_tells_no_noise(void **state)
{
	run(&a, 1000);
	run(&b, 2000);
	compare();
	assert_int_equal(row("begin.read.mean")->verdict, V_UNKNOWN);
	assert_int_equal(row("begin.read.p99")->verdict, V_UNKNOWN);
	assert_int_equal(row("begin.read.count")->verdict, V_SAME);
	assert_true(row("begin.read.mean")->a.mean == 1000);
	assert_true(row("begin.read.mean")->b.mean == 2000);
	assert_false(has_row("begin.write.count"));
	assert_false(has_row("begin.read.errors"));
	assert_int_equal(diff_count(&d, V_BEYOND), 0);
}

static void a_clear_difference_is_named(void **state)
{
	for (int i = 0; i < 3; i++) {
		run(&a, 1000 + 5 * i);
		run(&b, 2000 + 5 * i);
	}
	compare();
	assert_int_equal(row("begin.read.mean")->verdict, V_BEYOND);
	assert_string_equal(diff_word(row("begin.read.mean")), "slower");
	assert_string_equal(diff_word(row("begin.read.p50")), "slower");
	diff_free(&d);
	diff_make(&d, &b, &a, &opts);
	assert_string_equal(diff_word(row("begin.read.mean")), "faster");
}

/* Overlapping ranges; and ranges that do not overlap but scatter too much. */
static void noise_is_noise(void **state)
{
	run(&a, 1000);
	run(&a, 1400);
	run(&b, 1300);
	run(&b, 1700);
	compare();
	assert_int_equal(row("begin.read.mean")->verdict, V_NOISE);
	assert_string_equal(diff_word(row("begin.read.mean")), "noise");
	results_free(&b);
	run(&b, 1500);
	run(&b, 1700);
	compare();
	assert_int_equal(row("begin.read.mean")->verdict, V_NOISE);
}

/* 99 ns and 104 ns are in neighbouring bins, and may be 1 ns apart. */
static void neighbouring_bins_are_no_difference(void **state)
{
	for (int i = 0; i < 2; i++) {
		run(&a, 103);
		run(&b, 104);
	}
	compare();
	assert_true(row("begin.read.p50")->a.mean != row("begin.read.p50")->b.mean);
	assert_int_equal(row("begin.read.p50")->verdict, V_NOISE);
	/* The mean is exact, and the same in all runs of a side. */
	assert_int_equal(row("begin.read.mean")->verdict, V_BEYOND);
}

static void what_only_one_side_has(void **state)
{
	run(&a, 1000);
	run(&b, 1000);
	last(&b)->op[FI_END][FI_ZERO].done = 4;
	last(&b)->op[FI_END][FI_ZERO].shorts = 1;
	compare();
	assert_int_equal(row("end.zero.count")->verdict, V_UNKNOWN);
	assert_int_equal(row("end.zero.short")->verdict, V_ONLY_B);
	assert_true(row("end.zero.short")->b.mean == 0.25);
}

static void totals(void **state)
{
	struct fi_cell *c = run(&a, 1000);

	c->used_type[FUSE_IOMAP_TYPE_MAPPED] = 75;
	c->used_type[FUSE_IOMAP_TYPE_HOLE] = 25;
	c->errors = 1;
	last(&a)->duration_ns = 2000000000;
	last(&a)->op[FI_END][FI_READ].done = 100;
	last(&a)->op[FI_END][FI_READ].sent = 12;
	last(&a)->op[FI_END][FI_READ].written = 4 << 20;
	last(&a)->op[FI_END][FI_ZERO].written = 4 << 20;
	last(&a)->op[FI_END][FI_WRITEBACK].written = 4 << 20;
	run(&b, 1000);
	last(&b)->upstream = true;
	compare();
	assert_true(row("total.upcalls")->a.mean == 112);
	assert_true(row("total.upcalls_per_mib")->a.mean == 28);
	assert_true(row("total.bytes_per_s")->a.mean == 2 << 20);
	assert_true(row("total.hole")->a.mean == 0.25);
	assert_true(row("begin.read.mapped")->a.mean == 0.75);
	assert_true(row("begin.read.errors")->a.mean == 0.01);
	assert_true(fabs(row("total.errors")->a.mean - 0.005) < 1e-12);
	/* Only some ENDs were seen. */
	assert_int_equal(row("total.upcalls_per_mib")->verdict, V_ONLY_A);
}

static void percentiles_as_asked(void **state)
{
	run(&a, 1000);
	run(&b, 1000);
	opts.nr_pct = 1;
	opts.pct[0] = 99.99;
	compare();
	assert_true(has_row("begin.read.p99.99"));
	assert_false(has_row("begin.read.p99"));
}

/* ---- rules --------------------------------------------------------------- */

static enum rule_result check(const char *rule_text, const char *name)
{
	struct rule rule;

	assert_int_equal(rule_parse(&rule, rule_text, &d), 0);
	return rule_check(&rule, row(name));
}

static void rules_are_understood(void **state)
{
	run(&a, 1000);
	run(&b, 1300);
	compare();
	assert_int_equal(check("mean+20%", "begin.read.mean"), RULE_FAILS);
	assert_int_equal(check("mean+30%", "begin.read.mean"), RULE_HOLDS);
	assert_int_equal(check("begin.read.mean+200ns", "begin.read.mean"), RULE_FAILS);
	assert_int_equal(check("begin.mean+0.3us", "begin.read.mean"), RULE_HOLDS);
	assert_int_equal(check("read.mean-1%", "begin.read.mean"), RULE_HOLDS);
	assert_int_equal(check("mean>1.2us", "begin.read.mean"), RULE_FAILS);
	assert_int_equal(check("mean>1.3us", "begin.read.mean"), RULE_HOLDS);
	assert_int_equal(check("mean<2ms", "begin.read.mean"), RULE_FAILS);
	assert_int_equal(check("p99.9+5%", "begin.read.p99.9"), RULE_FAILS);
	assert_int_equal(check("end.mean+1%", "begin.read.mean"), RULE_NOT_MEANT);
	assert_int_equal(check("read-direct.mean+1%", "begin.read.mean"), RULE_NOT_MEANT);
	assert_int_equal(check("p50+1%", "begin.read.mean"), RULE_NOT_MEANT);
	assert_int_equal(check("count+0", "begin.read.count"), RULE_HOLDS);
	assert_int_equal(check("total.upcalls-1", "total.upcalls"), RULE_HOLDS);
}

static void rules_for_shares(void **state)
{
	run(&a, 1000);
	run(&b, 1000)->errors = 3;
	compare();
	assert_int_equal(check("errors+20%", "begin.read.errors"), RULE_FAILS);
	assert_int_equal(check("errors+3pp", "begin.read.errors"), RULE_HOLDS);
	assert_int_equal(check("errors+2.5pp", "begin.read.errors"), RULE_FAILS);
	assert_int_equal(check("errors>2%", "begin.read.errors"), RULE_FAILS);
	assert_int_equal(check("errors-1pp", "begin.read.errors"), RULE_HOLDS);
}

/* Not shown, but a rule about it holds: it is not that there were nothing to compare. */
static void rules_about_nothing(void **state)
{
	run(&a, 1000);
	run(&b, 1000);
	compare();
	assert_false(has_row("begin.read.errors"));
	assert_int_equal(check("errors>0%", "begin.read.errors"), RULE_HOLDS);
	assert_int_equal(check("errors+0%", "begin.read.errors"), RULE_HOLDS);
}

static void noise_does_not_fail(void **state)
{
	run(&a, 1000);
	run(&a, 1400);
	run(&b, 1300);
	run(&b, 1900);
	compare();
	assert_int_equal(check("mean+20%", "begin.read.mean"), RULE_NOISE);
	assert_int_equal(check("mean>1us", "begin.read.mean"), RULE_FAILS);
}

/* What complain() says goes to a file meanwhile. */
static int quietly(const char *rule_text)
{
	struct rule rule;
	int old = dup(2), code;

	assert_non_null(freopen("/dev/null", "w", stderr));
	code = rule_parse(&rule, rule_text, &d);
	fflush(stderr);
	dup2(old, 2);
	close(old);
	return code;
}

static void bad_rules_are_refused(void **state)
{
	static const char *const rules[] = {
		"", "p99", "p99+", "+20%", "p99+20", "p99+20%x", "p98+20%", "begin.p99>20%",
		"begin.reed.p99+20%", "errors+3", "errors>3pp", "count+3ms", "p99+-3%",
		"a_metric_with_a_very_long_name_indeed+1%",
	};

	run(&a, 1000);
	run(&b, 1000);
	compare();
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (quietly(rules[i]) != FI_USAGE)
			fail_msg("'%s' was taken", rules[i]);
}

static void reasons(void **state)
{
	run(&a, 1000);
	run(&b, 2000);
	compare();
	rule_reason(&text, row("begin.read.mean"));
	assert_string_equal(text.s, "begin.read.mean went from 1us to 2us (+100.0%)");
	last(&b)->op[FI_BEGIN][FI_READ].errors = 100;
	compare();
	text_clear(&text);
	rule_reason(&text, row("begin.read.errors"));
	assert_string_equal(text.s, "begin.read.errors went from 0% to 100% (+100 pp)");
}

/* ---- output -------------------------------------------------------------- */

static void text_and_csv_and_json(void **state)
{
	struct json j = { 0 };
	char *out;
	size_t len;

	for (int i = 0; i < 2; i++) {
		run(&a, 1000);
		run(&b, 2000);
	}
	compare();
	diff_text(&text, &d);
	assert_non_null(strstr(text.s, "begin  read          mean                    1us         2us   +100.0%    0.0%    0.0% slower\n"));
	text_clear(&text);
	diff_csv(&text, &d);
	assert_non_null(strstr(text.s, "begin,read,mean,ns,1000,2000,1000,100,2,2,1000,1000,0,2000,2000,0,slower\n"));
	j.out = open_memstream(&out, &len);
	diff_json(&j, &d);
	fclose(j.out);
	assert_non_null(strstr(out, "{\"type\":\"diff\",\"kind\":\"begin\",\"op\":\"read\",\"metric\":\"mean\",\"unit\":\"ns\",\"a\":1000,\"b\":2000,\"change\":1000,\"change_percent\":100,\"a_runs\":2,\"b_runs\":2,\"a_min\":1000,\"a_max\":1000,\"a_sd\":0,\"b_min\":2000,\"b_max\":2000,\"b_sd\":0,\"verdict\":\"slower\"}\n"));
	free(out);
	text_free(&j.text);
}

/* ---- lines of hist -j ---------------------------------------------------- */

#define HEADER	"{\"type\":\"header\",\"schema\":\"fuseiomap\",\"version\":1,\"command\":\"hist\"}\n"
#define WINDOW	"{\"type\":\"window\",\"window\":1,\"from_ns\":5,\"to_ns\":15,\"by\":[\"op\"],\"upcalls_only\":false}\n"
#define COUNTS	"{\"type\":\"counts\",\"kind\":\"begin\",\"op\":\"read\",\"done\":3,\"sent\":2,\"errors\":0,\"bytes\":99,\"split\":2,\"phase_ns\":{\"kernel\":1,\"queue\":2,\"server\":3,\"wakeup\":4},\"used_types\":{\"mapped\":3}}\n"
#define HIST	"{\"type\":\"hist\",\"what\":\"latency\",\"kind\":\"begin\",\"op\":\"read\",\"unit\":\"ns\",\"n\":3,\"sum\":302,\"min\":100,\"max\":102,\"buckets\":[{\"lo\":96,\"hi\":104,\"n\":3}]}\n"
#define END	"{\"type\":\"end\",\"complete\":true}\n"

static char message[512];

static int parse(const char *lines)
{
	FILE *f = fmemopen((void *)lines, strlen(lines), "r"), *err = tmpfile();
	int old = dup(2), code;
	size_t n;

	results_free(&a);
	dup2(fileno(err), 2);
	code = results_parse(&a, f, "x");
	fflush(stderr);
	dup2(old, 2);
	close(old);
	rewind(err);
	n = fread(message, 1, sizeof(message) - 1, err);
	message[n] = '\0';
	fclose(err);
	fclose(f);
	return code;
}

static void results_are_read(void **state)
{
	const struct fi_cell *c;

	assert_int_equal(parse(HEADER WINDOW COUNTS HIST END), 0);
	assert_string_equal(message, "");
	assert_int_equal(a.n, 1);
	assert_true(a.run[0]->complete);
	assert_int_equal(a.run[0]->duration_ns, 10);
	c = &a.run[0]->op[FI_BEGIN][FI_READ];
	assert_int_equal(c->done, 3);
	assert_int_equal(c->phase_ns[FI_PH_WAKEUP], 4);
	assert_int_equal(c->used_type[FUSE_IOMAP_TYPE_MAPPED], 3);
	assert_int_equal(c->lat.n, 3);
	assert_int_equal(c->lat.slot[fi_bin(100)], 3);
	assert_int_equal(c->lat.max, 102);
	assert_true(~c->lat.min_inv == 100);
}

/* As of a hole at the end of a file. */
#define LENGTHS	"{\"type\":\"hist\",\"what\":\"mapping_length\",\"map_type\":\"hole\",\"unit\":\"bytes\",\"n\":1,\"sum\":9223372036854710272,\"min\":9223372036854710272,\"max\":9223372036854710272,\"buckets\":[{\"lo\":8646911284551352320,\"hi\":9223372036854775808,\"n\":1}]}\n"

static void numbers_up_to_64_bits(void **state)
{
	assert_int_equal(parse(HEADER WINDOW COUNTS HIST LENGTHS END), 0);
	assert_int_equal(a.n, 1);
}

/* Told apart further, it is added up; each window is a run. */
static void parts_and_windows(void **state)
{
	assert_int_equal(parse(HEADER WINDOW COUNTS HIST COUNTS HIST WINDOW COUNTS END), 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.run[0]->op[FI_BEGIN][FI_READ].done, 6);
	assert_int_equal(a.run[0]->op[FI_BEGIN][FI_READ].lat.n, 6);
	assert_int_equal(a.run[1]->op[FI_BEGIN][FI_READ].done, 3);
}

static void cut_off_is_known(void **state)
{
	assert_int_equal(parse(HEADER WINDOW COUNTS), 0);
	assert_true(a.run[0]->cut);
	assert_false(a.run[0]->complete);
}

static void bad_files_are_refused(void **state)
{
	static const struct {
		const char *lines, *why;
	} cases[] = {
		{ "{}\n", "'x', line 1: not a record of fuseiomap" },
		{ WINDOW, "'x' does not start with a header" },
		{ "{\"type\":\"header\",\"schema\":\"other\"}\n", "'x' was not written by fuseiomap" },
		{ "{\"type\":\"header\",\"schema\":\"fuseiomap\",\"version\":2,\"command\":\"hist\"}\n",
		  "'x' has version 2 of the schema, and this reads version 1" },
		{ "{\"type\":\"header\",\"schema\":\"fuseiomap\",\"version\":1,\"command\":\"top\"}\n",
		  "'x' comes from `fuseiomap top'" },
		{ HEADER END, "'x' has no window" },
		{ HEADER COUNTS, "line 2: numbers come before the window" },
		{ HEADER WINDOW "{\"type\":\"counts\",\"kind\":\"begin\",\"done\":3}\n",
		  "line 3: operations are not told apart" },
		{ HEADER WINDOW "{\"type\":\"counts\",\"kind\":\"begin\",\"op\":\"x\",\"done\":3}\n",
		  "line 3: an event or an operation that this version does not know" },
		{ HEADER WINDOW "{\"type\":\"counts\",\"kind\":\"begin\",\"op\":\"read\"}\n",
		  "there should be a number called done" },
		{ HEADER WINDOW "{\"type\":\"counts\",\"kind\":\"begin\",\"op\":\"read\",\"done\":-1}\n",
		  "there should be a number called done" },
		{ HEADER WINDOW "{\"type\":\"cou", "line 3: not JSON" },
		{ HEADER WINDOW "{\"type\":\"hist\",\"what\":\"latency\",\"kind\":\"end\",\"op\":\"read\",\"n\":3,\"sum\":302,\"min\":100,\"max\":102,\"buckets\":[{\"lo\":96,\"hi\":105,\"n\":3}]}\n",
		  "line 3: these are not the bins of this version" },
		{ HEADER WINDOW "{\"type\":\"hist\",\"what\":\"latency\",\"kind\":\"end\",\"op\":\"read\",\"n\":3,\"sum\":302,\"min\":100,\"max\":102,\"buckets\":[]}\n",
		  "line 3: the buckets do not add up" },
		{ HEADER WINDOW "{\"type\":\"hist\",\"what\":\"latency\",\"kind\":\"end\",\"op\":\"read\",\"n\":3,\"sum\":302,\"min\":104,\"max\":108,\"buckets\":[{\"lo\":96,\"hi\":104,\"n\":3}]}\n",
		  "line 3: a bucket is below min or above max" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].lines), FI_FAILED);
		if (!strstr(message, cases[i].why))
			fail_msg("case %zu says: %s", i, message);
		/* One line. */
		assert_ptr_equal(strchr(message, '\n'), message + strlen(message) - 1);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_run_each_tells_no_noise),
		TEST(a_clear_difference_is_named),
		TEST(noise_is_noise),
		TEST(neighbouring_bins_are_no_difference),
		TEST(what_only_one_side_has),
		TEST(totals),
		TEST(percentiles_as_asked),
		TEST(rules_are_understood),
		TEST(rules_for_shares),
		TEST(rules_about_nothing),
		TEST(noise_does_not_fail),
		TEST(bad_rules_are_refused),
		TEST(reasons),
		TEST(text_and_csv_and_json),
		TEST(results_are_read),
		TEST(numbers_up_to_64_bits),
		TEST(parts_and_windows),
		TEST(cut_off_is_known),
		TEST(bad_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
