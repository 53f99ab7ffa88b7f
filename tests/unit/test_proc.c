// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc.h"

static void stat_names_may_hold_anything(void **state)
{
	struct proc_task t = { 0 };

	assert_true(proc_parse_stat(&t, "4711 (a) b) (c) D 1 2 3\n"));
	assert_int_equal(t.tid, 4711);
	assert_int_equal(t.state, 'D');
	assert_string_equal(t.comm, "a) b) (c");
	assert_true(proc_parse_stat(&t, "1 () S 0\n"));
	assert_string_equal(t.comm, "");
	/* The kernel never gives more, but a file may. */
	assert_true(proc_parse_stat(&t, "1 (12345678901234567890) S 0\n"));
	assert_string_equal(t.comm, "1234567890123456");
}

static void broken_stats_are_refused(void **state)
{
	static const char *const lines[] = {
		"", "1", "1 (a", "1 a)", "1 )a( S 0", "1 (a)", "1 (a) ", "1 (a) 7 0",
	};
	struct proc_task t = { 0 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(proc_parse_stat(&t, lines[i]));
}

static void stacks_lose_their_addresses(void **state)
{
	struct text t = { 0 };

	proc_parse_stack(&t, "[<0>] request_wait_answer+0x1eb/0x250\n"
			     "[<ffffffff81847af0>] fuse_chan_send+0x107/0x220 [fuse]\n"
			     "0xffffffff\n");
	assert_string_equal(t.s, "request_wait_answer+0x1eb/0x250\n"
				 "fuse_chan_send+0x107/0x220 [fuse]\n"
				 "0xffffffff\n");
	proc_parse_stack(&t, "[<0>]\n[\n\n[<0>] last");
	assert_string_equal(t.s, "last\n");
	proc_parse_stack(&t, "");
	assert_int_equal(t.len, 0);
	text_free(&t);
}

static void functions_are_found_whole(void **state)
{
	const char *stack = "fuse_chan_send.isra.0+0x107/0x220\nfuse_iomap_ioend_x+0x1/0x2\nlast\n";
	char buf[32];

	assert_ptr_equal(proc_stack_find(stack, "fuse_chan_send"), stack);
	assert_ptr_equal(proc_stack_find(stack, "last"), strstr(stack, "last"));
	assert_null(proc_stack_find(stack, "fuse_iomap_ioend"));
	assert_null(proc_stack_find(stack, "chan_send"));
	assert_null(proc_stack_find("", "a"));
	assert_string_equal(proc_function(buf, sizeof(buf), "futex_do_wait+0x37/0x70\nb\n"),
			    "futex_do_wait");
	assert_string_equal(proc_function(buf, sizeof(buf), ""), "");
}

static void system_calls_have_arguments(void **state)
{
	struct proc_syscall c;

	assert_true(proc_parse_syscall(&c, "18 0x3 0x7ffd1 0x1000 0x3000 0x0 0x7f 0x7ffd 0x7f3\n"));
	assert_int_equal(c.nr, 18);
	assert_int_equal(c.arg[0], 3);
	assert_int_equal(c.arg[3], 0x3000);
	assert_false(proc_parse_syscall(&c, "running\n"));
	assert_false(proc_parse_syscall(&c, "-1 0x7ffd 0x7f3\n"));
	assert_false(proc_parse_syscall(&c, "0 0x1 0x2\n"));
	assert_false(proc_parse_syscall(&c, ""));
}

static void we_see_ourselves(void **state)
{
	struct proc_task t = { 0 };

	assert_true(proc_task_read(&t, getpid()));
	assert_int_equal(t.tid, getpid());
	assert_int_equal(t.pid, getpid());
	assert_int_equal(t.state, 'R');
	assert_string_equal(t.comm, "test_proc");
	assert_false(proc_task_read(&t, 0x7fffffff));
	assert_int_equal(t.state, 0);
	proc_task_free(&t);
}

static void count(void *ctx, __u32 pid, __u32 tid)
{
	assert_int_equal(pid, getpid());
	assert_int_equal(tid, getpid());
	++*(int *)ctx;
}

static void our_threads_are_counted(void **state)
{
	int n = 0;

	proc_each_thread(getpid(), count, &n);
	assert_int_equal(n, 1);
	proc_each_thread(0x7fffffff, count, &n);
	assert_int_equal(n, 1);
}

/* A child that sleeps in read() of a file that we know. */
static void the_file_of_a_call_is_found(void **state)
{
	struct proc_io io;
	struct proc_task t = { 0 };
	int fd[2];
	pid_t child;

	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (!child) {
		char c[7];

		close(fd[1]);
		_exit(read(fd[0], c, sizeof(c)) != 0);
	}
	for (int i = 0; i < 1000 && (!proc_task_read(&t, child) || t.state != 'S'); i++)
		usleep(1000);
	/* Without the right to look into others (a container) there is no more to test. */
	if (access("/proc/1/fd", R_OK) || !proc_io_read(&io, child)) {
		close(fd[1]);
		proc_task_free(&t);
		skip();
	}
	assert_memory_equal(io.path, "pipe:[", 6);
	assert_true(io.ranged);
	assert_int_equal(io.count, 7);
	assert_int_equal(io.pos, 0);
	close(fd[1]);
	proc_task_free(&t);
}

static void missing_sysctls_have_a_value(void **state)
{
	assert_int_equal(proc_sysctl("kernel/no/such", 42), 42);
	assert_true(proc_sysctl("kernel/pid_max", 0) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_names_may_hold_anything),
		cmocka_unit_test(broken_stats_are_refused),
		cmocka_unit_test(stacks_lose_their_addresses),
		cmocka_unit_test(functions_are_found_whole),
		cmocka_unit_test(system_calls_have_arguments),
		cmocka_unit_test(we_see_ourselves),
		cmocka_unit_test(our_threads_are_counted),
		cmocka_unit_test(the_file_of_a_call_is_found),
		cmocka_unit_test(missing_sysctls_have_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
