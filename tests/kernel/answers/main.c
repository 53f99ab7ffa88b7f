// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a server's answers may do to the data of its files, whenever they come.
 *
 *   answers list		the cases, a name and a line each
 *   answers CASE		play one; 0 if the kernel did what is right
 *
 * Each runs in a process of its own, for a hang must not end the tests: the one
 * that hangs is left behind, with a look at who waits for what. SLOW=N gives it
 * N times as long.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "cases.h"

#define CASE_S		120		/* a case that takes longer hangs; SLOW times that */


struct test {
	const char *name, *what;
	void (*run)(struct server *s, const void *arg);
	const void *arg;
	struct manner manner;
	bool starts;		/* the server itself */
};

#define BESIDE(...) direct_beside, &(const struct beside) { __VA_ARGS__ }
#define LAZY .manner.alloc_type = TYPE_DELALLOC

static const struct test tests[] = {
	{ "direct-aio-write", "libaio, RWF_DSYNC, and a buffered write of the same block",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_write, true) },
	{ "direct-uring-write", "the same by io_uring",
	  BESIDE(URING, 0, RWF_DSYNC, beside_write, true) },
	{ "direct-sync-write", "the same by pwritev2",
	  BESIDE(SYNC, 0, RWF_DSYNC, beside_write, true) },
	{ "direct-aio-odsync", "libaio on an O_DSYNC file",
	  BESIDE(AIO, O_DSYNC, 0, beside_write, true) },
	{ "direct-aio-osync", "libaio on an O_SYNC file",
	  BESIDE(AIO, O_SYNC, 0, beside_write, true) },
	{ "direct-uring-osync", "io_uring on an O_SYNC file",
	  BESIDE(URING, O_SYNC, 0, beside_write, true) },
	{ "direct-aio-store", "libaio, RWF_DSYNC, and a store to a mapped page",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_store, true) },
	{ "direct-aio-write-fsync", "libaio, RWF_DSYNC, and a buffered write with fsync",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_write_and_fsync, true) },
	{ "direct-aio-sync-write", "libaio, RWF_DSYNC, and a buffered O_SYNC write",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_sync_write, true) },
	{ "direct-aio-fsync", "libaio, RWF_DSYNC, and fsync",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_fsync) },
	{ "direct-uring-fsync", "io_uring, RWF_DSYNC, and fsync",
	  BESIDE(URING, 0, RWF_DSYNC, beside_fsync) },
	{ "direct-aio-read", "libaio, RWF_DSYNC, and a read of the page",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_read) },
	{ "direct-aio-writeback", "libaio, RWF_DSYNC, and writeback of other blocks",
	  BESIDE(AIO, 0, RWF_DSYNC, beside_writeback) },
	{ "direct-uring-writeback", "io_uring, RWF_DSYNC, and writeback of other blocks",
	  BESIDE(URING, 0, RWF_DSYNC, beside_writeback) },
	{ "direct-aio-nosync", "libaio without sync, and a buffered write",
	  BESIDE(AIO, 0, 0, beside_write, true) },

	{ "size-truncate", "a late IOEND and truncate to less", late_ioend_truncate },
	{ "size-extend", "a late IOEND and truncate to more", late_ioend_extend },
	{ "size-fallocate", "a late IOEND and fallocate", late_ioend_fallocate },
	{ "size-append-truncate", "a late IOEND of an append, and truncate",
	  late_append_truncate },
	{ "size-direct-truncate", "a late IOEND of a direct write, and truncate",
	  late_direct_ioend_truncate },
	{ "size-too-large", "an IOEND is answered with too large a size", ioend_too_large },
	{ "size-too-small", "an IOEND is answered with too small a size", ioend_too_small },
	{ "size-append-too-large", "the same of an append", ioend_append_too_large },
	{ "size-append-too-small", "the same of an append", ioend_append_too_small },
	{ "size-appends-out-of-order", "of two appends the first is answered last",
	  appends_out_of_order },
	{ "size-truncate-fails", "a truncate that the server did, and failed", failed_truncate },

	{ "stale-delalloc-fsync", "delayed allocation, and fsync", stale_write, &change_fsync, LAZY },
	{ "stale-delalloc-syncfs", "the same by syncfs", stale_write, &change_syncfs, LAZY },
	{ "stale-delalloc-neighbour", "the same by writeback of the next block", stale_write,
	  &change_neighbour, LAZY },
	{ "stale-delalloc-store", "the same, and a store to a mapped page", stale_store, NULL,
	  LAZY },
	{ "stale-delalloc-zero", "the same, and zeroes behind the end", stale_zero, NULL, LAZY },
	{ "stale-delalloc-many", "the same, and then many changes elsewhere", stale_write,
	  &change_and_many, LAZY },
	{ "stale-unwritten-fsync", "unwritten blocks, and fsync", stale_write, &change_fsync },
	{ "stale-unwritten-many", "the same, and then many changes elsewhere", stale_write,
	  &change_and_many },
	{ "stale-unwritten-zero", "unwritten blocks, and zeroes behind the end", stale_zero },
	{ "stale-not", "a write beside writeback elsewhere", not_stale },
	{ "stale-few", "many writes beside writeback elsewhere", few_stale },

	{ "device-mounted", "a device that ext4 has mounted", device_mounted },
	{ "device-registered", "ext4 on a device that a server has", device_registered },
	{ "device-held", "a device that somebody has opened with O_EXCL", device_held },
	{ "device-own-hold", "a device that the server has opened with O_EXCL",
	  device_own_hold },
	{ "device-two-servers", "a device of two servers", device_two_servers },
	{ "device-twice", "a device registered twice", device_twice },
	{ "device-readonly-two", "a device of two servers, for reading", device_readonly_two },

	{ "fast-dirty-limits", "the dirty limits are the usual ones", dirty_limits },
	{ "fast-overwrites", "direct overwrites run in parallel", parallel_overwrites },
	{ "fast-overwrites-xattrs", "the same where files may have attributes",
	  parallel_overwrites, .manner.xattrs = true },
	{ "privileges-later", "a capability that comes later is removed", privileges_later,
	  .manner.xattrs = true },

	{ "passthrough-close", "who may close an id of passthrough", passthrough_close,
	  .manner.passthrough = true },
	{ "config-good", "a configuration", configured, &good_config, .starts = true },
	{ "config-sid", "a configuration with a name", configured, &sid_config, .starts = true },
	{ "config-pad", "one whose padding is not zero", configured, &pad_config, .starts = true },
	{ "config-newline", "one whose name has two lines", configured, &newline_config,
	  .starts = true },
	{ "config-escape", "one whose name has an escape", configured, &escape_config,
	  .starts = true },
	{ "copy-range", "copy_file_range by the server", copy_range },
	{ "copy-range-grows", "the same behind the end of the file", copy_range_grows },
};

static int play(const struct test *test)
{
	static struct server s;
	int mem_fd, loop_fd = device_open(&mem_fd);

	server_prepare(&s, &test->manner, loop_fd, mem_fd);
	if (!test->starts && (server_start(&s) || s.device < 0))
		die("the server");
	test->run(&s, test->arg);
	server_end(&s);
	return wrong;
}

/* ---- a process for the case, and one that watches it */

/* Copies what the case says until it ends; false if it does not end in time */
static bool watch(int fd, double end)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	for (;;) {
		int left = (end - now()) * 1000;

		if (left <= 0 || poll(&p, 1, left) <= 0)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return true;
		fwrite(buf, 1, n, stdout);
		fflush(stdout);
	}
}

/* The status of a process that ends by now, or 1 */
static int status_of(pid_t pid)
{
	int status;

	for (int i = 0; i < 50 * slow; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		usleep(100000);
	}
	say("its process does not end");
	return 1;
}

static int run(const struct test *test)
{
	int out[2];
	pid_t pid;

	if (pipe(out))
		die("pipe");
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		close_range(3, ~0U, 0);
		/* Threads may be left that wait for ever */
		_exit(play(test));
	}
	close(out[1]);
	if (!watch(out[0], now() + CASE_S * slow)) {
		say("WRONG: no end after %d s", CASE_S * slow);
		show_waiting();
		kill(pid, SIGKILL);
	}
	return status_of(pid);
}

static void list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		printf("%-26s %s\n", tests[i].name, tests[i].what);
}

int main(int argc, char **argv)
{
	const char *env = getenv("SLOW");

	if (env && atoi(env) > 0)
		slow = atoi(env);
	if (argc == 2 && !strcmp(argv[1], "list")) {
		list();
		return 0;
	}
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(tests); i++)
		if (!strcmp(tests[i].name, argv[1]))
			return run(&tests[i]);
	fprintf(stderr, "usage: answers list|CASE\n");
	return 2;
}
