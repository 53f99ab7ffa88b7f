// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
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

#define MAX_ARGS 40

static char said[512];		/* on stderr by the last parse() */

/* What goes to stderr is kept. */
static int parse_args(struct opts *o, const struct command *c, int argc, char **argv)
{
	int code, saved = dup(2), fd[2];
	ssize_t n;

	opts_init(o);
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

/* Splits a line at blanks. */
static int parse(struct opts *o, const struct command *c, const char *line)
{
	static char copy[512];
	char *argv[MAX_ARGS] = { "fuseiomap", NULL };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *s = strtok(copy, " "); s; s = strtok(NULL, " "))
		argv[argc++] = s;
	return parse_args(o, c, argc, argv);
}

/* A command that takes everything but arguments. */
static const struct command all = {
	.name = "all",
	.takes = ~(OPT_ARGS | OPT_RECORD),
};

static void all_options_arrive(void **state)
{
	struct opts o;

	assert_int_equal(parse(&o, &all, "-p 12 -t 13 -n fio -g a/b -m /mnt -C 34 --inode 56 --op read,append-direct --kind end,refused --type hole --min-latency 1.5ms --errors --short"), 0);
	assert_int_equal(o.pid, 12);
	assert_int_equal(o.tid, 13);
	assert_string_equal(o.comm, "fio");
	assert_string_equal(o.cgroup, "a/b");
	assert_string_equal(o.mount, "/mnt");
	assert_int_equal(o.connection, 34);
	assert_int_equal(o.inode, 56);
	assert_int_equal(o.ops, 1 << FI_READ | 1 << FI_APPEND_DIRECT);
	assert_int_equal(o.kinds, 1 << FI_END | 1 << FI_REFUSED);
	assert_int_equal(o.types, 1 << FUSE_IOMAP_TYPE_HOLE);
	assert_int_equal(o.min_lat_ns, 1500000);
	assert_true(o.errors && o.shorts);
	assert_int_equal(o.interval_ns, 1000000000);
	assert_false(o.interval_given);

	assert_int_equal(parse(&o, &all, "-j -o out -d 2m -q -v --strict --save rec -u us -T wall --color never --cells 9 --backend ftrace --no-done"), 0);
	assert_true(o.json && o.quiet && o.verbose && o.strict && o.no_done);
	assert_string_equal(o.output, "out");
	assert_string_equal(o.save, "rec");
	assert_true(o.duration_ns == 120000000000ULL);
	assert_int_equal(o.unit_ns, 1000);
	assert_int_equal(o.timestamps, TIME_WALL);
	assert_int_equal(o.color, COLOR_NEVER);
	assert_int_equal(o.max_cells, 9);
	assert_int_equal(o.backend, BACKEND_FTRACE);
	assert_null(o.command);

	assert_int_equal(parse(&o, &all, "-b --csv --sort p99 -r --view files --columns +a,-b --search x -i rec 0.5 10"), 0);
	assert_true(o.batch && o.csv && o.reverse);
	assert_string_equal(o.sort, "p99");
	assert_string_equal(o.view, "files");
	assert_string_equal(o.columns, "+a,-b");
	assert_string_equal(o.search, "x");
	assert_string_equal(o.input, "rec");
	assert_int_equal(o.interval_ns, 500000000);
	assert_true(o.interval_given);
	assert_int_equal(o.count, 10);

	assert_int_equal(parse(&o, &all, "--by file,op,phase --pct 99.9,50,0,50 --hgrm dir --stacks --user-stacks -w --older-than 2s --fail-if a+1 --fail-if b-2"), 0);
	assert_int_equal(o.by, BY_FILE | BY_OP);
	assert_true(o.by_phase);
	assert_int_equal(o.nr_pct, 3);
	assert_true(o.pct[0] == 0 && o.pct[1] == 50 && o.pct[2] == 99.9);
	assert_string_equal(o.hgrm, "dir");
	assert_true(o.stacks && o.user_stacks && o.watch);
	assert_true(o.older_ns == 2000000000ULL);
	assert_int_equal(o.nr_fail_if, 2);
	assert_string_equal(o.fail_if[0], "a+1");
	assert_string_equal(o.fail_if[1], "b-2");

	assert_int_equal(parse(&o, &all, "--keep 30s,64MiB --on latency>50ms,short --on error --after 1s"), 0);
	assert_true(o.keep_ns == 30000000000ULL);
	assert_int_equal(o.keep_bytes, 64 << 20);
	assert_int_equal(o.on, ON_LATENCY | ON_SHORT | ON_ERROR);
	assert_int_equal(o.on_latency_ns, 50000000);
	assert_int_equal(o.after_ns, 1000000000);
}

static void every_word_is_taken(void **state)
{
	for (size_t i = 0; i < nr_options; i++) {
		const struct opt *opt = &options[i];

		for (size_t w = 0; w < opt->nr_words; w++) {
			struct opts o;

			opts_init(&o);
			if (strcmp(opt->words[w], "latency>TIME"))
				assert_int_equal(opt->set(&o, opt, opt->words[w]), 0);
		}
	}
}

/* A letter or a name that two options share would be taken for either. */
static void options_differ(void **state)
{
	for (size_t i = 0; i < nr_options; i++) {
		for (size_t k = 0; k < i; k++) {
			bool same_name = !strcmp(options[i].name, options[k].name);

			if (options[i].letter || same_name)
				assert_int_equal(same_name, options[i].letter == options[k].letter);
			if (same_name)
				assert_false(options[i].bit & options[k].bit);
		}
	}
	for (size_t c = 0; commands[c]; c++)
		assert_false((commands[c]->takes & OPT_OUTPUT) && (commands[c]->takes & OPT_RECORD));
}

/* By enum row_by: the words are in its order. */
static void by_means_what_it_says(void **state)
{
	static const struct { const char *word; unsigned int by; } cases[] = {
		{ "--by mount", BY_MOUNT }, { "--by file", BY_FILE },
		{ "--by process", BY_PROCESS }, { "--by thread", BY_THREAD },
		{ "--by op", BY_OP }, { "--by type", BY_TYPE }, { "--by kind", BY_KIND },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct opts o;

		assert_int_equal(parse(&o, &all, cases[i].word), 0);
		assert_int_equal(o.by, cases[i].by);
		assert_false(o.by_phase);
	}
}

static void sizes(void **state)
{
	__u64 v;

	assert_int_equal(parse_size("4096", &v), 0);
	assert_int_equal(v, 4096);
	assert_int_equal(parse_size("1.5K", &v), 0);
	assert_int_equal(v, 1536);
	assert_int_equal(parse_size("2GiB", &v), 0);
	assert_true(v == 2ULL << 30);
	assert_int_equal(parse_size("2X", &v), -EINVAL);
	assert_int_equal(parse_size("-2", &v), -EINVAL);
	assert_int_equal(parse_size("1e30G", &v), -EINVAL);
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
		{ &all, "-t 2147483648", "--tid" },
		{ &all, "-n longer-than-a-comm-is", "--comm" },
		{ &all, "--inode 0", "--inode" },
		{ &all, "--kind being", "known: begin, end" },
		{ &all, "--type whole", "known: hole" },
		{ &all, "--by foot", "known: mount" },
		{ &all, "--pct 101", "'101'" },
		{ &all, "--pct 50,", "'50,'" },
		{ &all, "--pct p50", "'p50'" },
		{ &all, "--pct 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "--pct" },
		{ &all, "--backend bfp", "known: auto, bpf" },
		{ &all, "-u hours", "known: ns" },
		{ &all, "-T now", "known: relative" },
		{ &all, "--color blue", "known: auto" },
		{ &all, "--keep 30", "'30'" },
		{ &all, "--keep 0s", "'0s'" },
		{ &all, "--keep 30s --on latency>", "--on" },
		{ &all, "--keep 30s --on latency", "--on" },
		{ &all, "--keep 30s --on latency>TIME", "--on" },
		{ &all, "--on short", "--keep" },
		{ &all, "--after 1s", "--keep" },
		{ &all, "-j --csv", "--csv" },
		{ &all, "-i a --backend bpf", "--backend" },
		{ &all, "-i a --no-done", "--no-done" },
		{ &all, "-i a --save b", "--save" },
		{ &all, "-i a -g b", "cgroup" },
		{ &all, "-i a -o a", "overwrite" },
		{ &all, "-o a --save a", "same file" },
		{ &all, "-i a -- true", "COMMAND" },
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
		{ &cmd_top, "1 -3", "'-3'" },
		{ &cmd_inflight, "-- true", "'true'" },
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

	assert_int_equal(parse_ops("read,read-direct,write,write-direct,append,append-direct,zero,fault,unshare,report,writeback", &ops), 0);
	assert_int_equal(ops, (1 << FI_OPS) - 1);
}

/* Whatever the option, the one line says what would be right. */
static void a_bad_value_is_told_what_is_expected(void **state)
{
	struct opts o;
	char arg[64];

	for (size_t i = 0; i < nr_options; i++) {
		const struct opt *opt = &options[i];
		struct command one = { .name = "one", .takes = opt->bit };
		char *argv[] = { "fuseiomap", arg, NULL };

		if (!opt->arg)
			continue;
		snprintf(arg, sizeof(arg), "--%s=", opt->name);
		assert_int_equal(parse_args(&o, &one, 2, argv), FI_USAGE);
		if (!strstr(said, "(expected: ") && !strstr(said, "(known: "))
			fail_msg("--%s: %s", opt->name, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_options_arrive),
		cmocka_unit_test(every_word_is_taken),
		cmocka_unit_test(options_differ),
		cmocka_unit_test(by_means_what_it_says),
		cmocka_unit_test(sizes),
		cmocka_unit_test(command_is_left_alone),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(a_bad_value_is_told_what_is_expected),
		cmocka_unit_test(durations),
		cmocka_unit_test(every_operation_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
