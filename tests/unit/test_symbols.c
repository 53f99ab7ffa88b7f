// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fold.h"
#include "symbols.h"

static struct text text;

static int setup(void **state)
{
	*state = symbols_new();
	return 0;
}

static int teardown(void **state)
{
	symbols_free(*state);
	text_free(&text);
	return 0;
}

__attribute__((noinline)) void a_function_of_ours(void)
{
	asm volatile("nop; nop; nop; nop");
}

/* Of this very process, of libc, and where nothing is. */
static void names_of_a_program(void **state)
{
	__u64 ip[] = { (uintptr_t)a_function_of_ours + 2, (uintptr_t)abort, 8 };
	char ours[64];

	symbols_user(*state, &text, getpid(), ip, 3);
	snprintf(ours, sizeof(ours), "a_function_of_ours+0x2 [%s]\n",
		 strrchr(program_invocation_name, '/') + 1);
	assert_memory_equal(text.s, ours, strlen(ours));
	assert_non_null(strstr(text.s, "\nabort+0x0 [libc.so"));
	assert_non_null(strstr(text.s, "]\n0x8\n"));
}

/* One that has ended before anybody asked: the addresses, and no other's names. */
static void names_of_a_dead_process(void **state)
{
	__u64 ip = (uintptr_t)a_function_of_ours;
	char expected[32];
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	symbols_user(*state, &text, pid, &ip, 1);
	snprintf(expected, sizeof(expected), "0x%llx\n", (unsigned long long)ip);
	assert_string_equal(text.s, expected);
}

/* What was asked for while it lived is still known. */
static void names_outlive_the_process(void **state)
{
	__u64 ip = (uintptr_t)a_function_of_ours;
	int fd[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		close(fd[1]);
		_exit(read(fd[0], &c, 1));
	}
	symbols_user(*state, &text, pid, &ip, 1);
	close(fd[0]);
	close(fd[1]);
	waitpid(pid, NULL, 0);
	text_clear(&text);
	symbols_user(*state, &text, pid, &ip, 1);
	assert_memory_equal(text.s, "a_function_of_ours+0x0 [", 24);
}

/* Whoever may not know the addresses gets them without names. */
static void names_of_the_kernel(void **state)
{
	unsigned long long addr = 0;
	char name[512] = "", line[600], expected[600];
	FILE *f = fopen("/proc/kallsyms", "r");
	__u64 ip;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx T %511s", &addr, name) == 2 && !strcmp(name, "vfs_write"))
			break;
	if (f)
		fclose(f);
	if (!addr || strcmp(name, "vfs_write"))
		skip();
	ip = addr + 5;
	symbols_kernel(*state, &text, &ip, 1);
	snprintf(expected, sizeof(expected), "vfs_write+0x5\n");
	assert_string_equal(text.s, expected);
}

static void stacks_are_folded(void **state)
{
	struct catalog *c = catalog_new();
	struct fold *f = fold_new();

	catalog_add_stack(c, &(struct stack){ .id = 1, .frames = "in+0x1 [fuse]\nout+0x2\n" });
	catalog_add_stack(c, &(struct stack){
		.id = 2, .user = true, .frames = "0x7f00 [lib;c.so]\nmain+0x3 [x]\n" });
	fold_add(f, c, "b", 2, 1);
	fold_add(f, c, "a;b", 0, 1);
	fold_add(f, c, "b", 2, 1);
	fold_add(f, c, "b", 0, 99);
	fold_text(f, &text);
	assert_string_equal(text.s, "a:b;out_[k];in_[k] 1\n"
				    "b 1\n"
				    "b;main;[lib:c.so];out_[k];in_[k] 2\n");
	fold_free(f);
	catalog_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_of_a_program),
		TEST(names_of_a_dead_process),
		TEST(names_outlive_the_process),
		TEST(names_of_the_kernel),
		TEST(stacks_are_folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
