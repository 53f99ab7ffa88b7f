// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "commands.h"
#include "error.h"
#include "fuseiomap.h"

#define MAX_ARGS 16

static char said[512];		/* on stderr by the last parse() */

/* Splits a line at blanks and parses it; what goes to stderr is kept. */
static int parse(struct opts *o, const struct command *c, const char *line)
{
	static char copy[512];
	char *argv[MAX_ARGS] = { "fuseiomap", NULL };
	int argc = 1, code, saved = dup(2), fd[2];
	ssize_t n;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *s = strtok(copy, " "); s; s = strtok(NULL, " "))
		argv[argc++] = s;
	*o = (struct opts){ 0 };
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], 2);
	code = opts_parse(o, c, argc, argv);
	dup2(saved, 2);
	close(saved);
	close(fd[1]);
	n = read(fd[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	return code;
}

static void all_options_arrive(void **state)
{
	struct opts o;

	assert_int_equal(parse(&o, &cmd_hist, "-p 12 -m /mnt -C 34 --op read,write-direct --min-latency 1.5ms -j -o out -d 2m -q -v"), 0);
	assert_int_equal(o.pid, 12);
	assert_string_equal(o.mount, "/mnt");
	assert_int_equal(o.connection, 34);
	assert_int_equal(o.ops, 1 << FI_READ | 1 << FI_WRITE_DIRECT);
	assert_int_equal(o.min_lat_ns, 1500000);
	assert_true(o.json && o.quiet && o.verbose);
	assert_string_equal(o.output, "out");
	assert_true(o.duration_ns == 120000000000ULL);
	assert_null(o.command);
	assert_int_equal(parse(&o, &cmd_top, "-b --sort p99 0.5 10"), 0);
	assert_true(o.batch);
	assert_string_equal(o.sort, "p99");
	assert_int_equal(o.interval_ns, 500000000);
	assert_int_equal(o.count, 10);
}

static void command_is_left_alone(void **state)
{
	struct opts o;

	assert_int_equal(parse(&o, &cmd_hist, "-j -- fio -p x --json"), 0);
	assert_true(o.json);
	assert_int_equal(o.pid, 0);
	assert_string_equal(o.command[0], "fio");
	assert_string_equal(o.command[2], "x");
	assert_string_equal(o.command[3], "--json");
	assert_null(o.command[4]);
}

/* Each is refused with exit code 2, and one line that names what is wrong. */
static void junk_is_refused(void **state)
{
	static const struct {
		const struct command *c;
		const char *line, *names;
	} cases[] = {
		{ &cmd_hist, "-p 0", "'0'" },
		{ &cmd_hist, "-p 12x", "'12x'" },
		{ &cmd_hist, "-p -1", "'-1'" },
		{ &cmd_hist, "-p +1", "'+1'" },
		{ &cmd_hist, "-p 99999999999999999999", "'9999" },
		{ &cmd_hist, "-C 0", "--connection" },
		{ &cmd_hist, "-C 4294967296", "--connection" },
		{ &cmd_hist, "--op reed", "'reed'" },
		{ &cmd_hist, "--op read,", "'read,'" },
		{ &cmd_hist, "--min-latency 1x", "'1x'" },
		{ &cmd_hist, "--min-latency ms", "'ms'" },
		{ &cmd_hist, "--min-latency 0x10", "'0x10'" },
		{ &cmd_hist, "-d 0", "'0'" },
		{ &cmd_hist, "-d 1e30", "'1e30'" },
		{ &cmd_hist, "-d -5", "'-5'" },
		{ &cmd_hist, "--nonsense", "'--nonsense'" },
		{ &cmd_hist, "-j -p", "'-p'" },
		{ &cmd_hist, "fio", "'fio'" },
		{ &cmd_hist, "1", "'1'" },
		{ &cmd_hist, "--", "no command after --" },
		{ &cmd_hist, "-b", "'-b'" },
		{ &cmd_top, "0", "'0'" },
		{ &cmd_top, "1 0", "'0'" },
		{ &cmd_top, "1 2 3", "'3'" },
		{ &cmd_top, "1 2x", "'2x'" },
		{ &cmd_top, "-- true", "'true'" },
		{ &cmd_doctor, "-m /mnt", "'-m'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opts o;
		int code = parse(&o, cases[i].c, cases[i].line);

		if (code != FI_USAGE || !strstr(said, cases[i].names))
			fail_msg("%s: %d, %s", cases[i].line, code, said);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
		assert_non_null(strstr(said, cases[i].c->name));
	}
}

static void durations(void **state)
{
	static const struct {
		const char *s;
		__u64 ns;
	} cases[] = {
		{ "1", 1000000000 }, { "0.25", 250000000 }, { "7ns", 7 }, { "3us", 3000 },
		{ "1.5ms", 1500000 }, { "2s", 2000000000 }, { "1m", 60000000000 },
		{ "1h", 3600000000000 }, { "0", 0 },
	};
	__u64 ns;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse_duration(cases[i].s, &ns), 0);
		assert_true(ns == cases[i].ns);
	}
}

static void every_operation_has_a_name(void **state)
{
	__u32 ops;

	assert_int_equal(parse_ops("read,read-direct,write,write-direct,zero,fault,unshare,report,writeback", &ops), 0);
	assert_int_equal(ops, (1 << FI_OPS) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_options_arrive),
		cmocka_unit_test(command_is_left_alone),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(durations),
		cmocka_unit_test(every_operation_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
