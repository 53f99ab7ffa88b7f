// SPDX-License-Identifier: GPL-2.0-only
/*
 * iomapfs: a small FUSE server that speaks fuse-iomap.
 *
 *   iomapfs.c	 options, start and end
 *   transport.c /dev/fuse: what libfuse does not know about iomap
 *   iomap.c	 the iomap requests: read this one first
 *   fs.c	 the libfuse operations on names and attributes
 *   tree.c	 inodes and names in memory
 *   data.c	 blocks of a file; reading and writing without iomap
 *   alloc.c	 free blocks, extents
 *   faults.c	 knobs to make it slow, wrong or stuck
 */
#define FUSE_USE_VERSION 312
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fs.h>

#include "fs.h"
#include "transport.h"

enum exit_code { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_PRIVILEGE = 4 };

struct settings {
	struct fs fs;
	char *mountpoint;
	bool foreground;
	bool debug;
	uint64_t threads;
	uint64_t block_size;
	uint64_t extent_max;
};

/* One line to stderr, and the end. */
static void __attribute__((noreturn, format(printf, 2, 3)))
die(enum exit_code code, const char *format, ...)
{
	va_list args;

	fputs("iomapfs: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(code);
}

/* Options */

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit no_units[] = { { "", 1 }, { NULL } };

static const struct unit byte_units[] = {
	{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL }
};

static const struct unit time_units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { NULL }
};

static uint64_t parse_number(const char *option, const char *text, const struct unit *units,
			     const char *expected)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	for (; !errno && *text >= '0' && *text <= '9' && units->suffix; units++) {
		uint64_t value;

		if (strcmp(end, units->suffix))
			continue;
		if (__builtin_mul_overflow(n, units->factor, &value) || value > INT64_MAX)
			break;
		return value;
	}
	die(EXIT_USAGE, "--%s=%s: give %s", option, text, expected);
}

static uint64_t parse_range(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char expected[64];
	uint64_t n;

	snprintf(expected, sizeof(expected), "a whole number from %llu to %llu",
		 (unsigned long long)min, (unsigned long long)max);
	n = parse_number(option, text, no_units, expected);
	if (n < min || n > max)
		die(EXIT_USAGE, "--%s=%s: give %s", option, text, expected);
	return n;
}

static int parse_errno(const char *option, const char *text)
{
	for (int i = 1; i < 512; i++) {
		const char *name = strerrorname_np(i);

		if (name && !strcmp(name, text))
			return i;
	}
	die(EXIT_USAGE, "--%s=%s: give the name of an errno, such as EIO", option, text);
}

static const char *const fault_op_names[FAULT_OPS] = { "begin", "end", "ioend" };

static void parse_enosys(struct faults *faults, char *text)
{
	for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
		if (!strcmp(name, fault_op_names[FAULT_END]))
			faults->error[FAULT_END] = ENOSYS;
		else if (!strcmp(name, fault_op_names[FAULT_IOEND]))
			faults->error[FAULT_IOEND] = ENOSYS;
		else
			die(EXIT_USAGE, "--enosys=%s: give end, ioend or end,ioend", name);
	}
}

enum option_key {
	KEY_BLOCK_SIZE = 256, KEY_EXTENT_MAX, KEY_NO_IOMAP, KEY_DELAY_SHARE, KEY_ENOSYS,
	KEY_BAD_MAP, KEY_BAD_EVERY, KEY_HANG_BEGIN, KEY_WANT_END, KEY_BAD_ATTR,
	KEY_DELAY, KEY_ERROR = KEY_DELAY + FAULT_OPS, KEY_LAST = KEY_ERROR + FAULT_OPS,
};

static const struct argp_option options[] = {
	{ "foreground", 'f', 0, 0, "Stay in the foreground", 0 },
	{ "verbose", 'v', 0, 0, "Log each iomap request and its answer to stderr (with -f)", 0 },
	{ "debug", 'd', 0, 0, "libfuse's own log of the other requests (with -f)", 0 },
	{ "threads", 't', "N", 0, "Serve with N threads (8)", 0 },
	{ "block-size", KEY_BLOCK_SIZE, "BYTES", 0, "Block size (4096)", 0 },
	{ "no-iomap", KEY_NO_IOMAP, 0, 0, "Serve ordinary reads and writes", 0 },

	{ 0, 0, 0, 0, "Knobs for cases worth seeing (TIME is a number and ns, us, ms or s):", 1 },
	{ "extent-max", KEY_EXTENT_MAX, "BYTES", 0,
	  "No extent, and so no mapping of blocks, is longer; suffixes K, M, G", 1 },
	{ "want-end", KEY_WANT_END, 0, 0, "Ask for an END of each operation (WANT_IOMAP_END)", 1 },
	{ "delay-begin", KEY_DELAY + FAULT_BEGIN, "TIME", 0, "Answer BEGIN this much later", 1 },
	{ "delay-end", KEY_DELAY + FAULT_END, "TIME", 0, "The same for END", 1 },
	{ "delay-ioend", KEY_DELAY + FAULT_IOEND, "TIME", 0, "The same for IOEND", 1 },
	{ "delay-share", KEY_DELAY_SHARE, "PERCENT", 0,
	  "Delay only this share of the requests, spread evenly: 10 is each tenth (100)", 1 },
	{ "enosys", KEY_ENOSYS, "OPS", 0,
	  "Have no end, no ioend, or neither (end,ioend): answer ENOSYS", 1 },
	{ "begin-error", KEY_ERROR + FAULT_BEGIN, "ERRNO", 0,
	  "Answer BEGIN with this error, such as EIO", 1 },
	{ "end-error", KEY_ERROR + FAULT_END, "ERRNO", 0, "The same for END", 1 },
	{ "ioend-error", KEY_ERROR + FAULT_IOEND, "ERRNO", 0, "The same for IOEND", 1 },
	{ "bad-map", KEY_BAD_MAP, "KIND", 0,
	  "Answer BEGIN with a mapping that the kernel has to refuse; KIND: see below", 1 },
	{ "bad-every", KEY_BAD_EVERY, "N", 0,
	  "Errors and bad mappings only in each N-th request of its kind (1)", 1 },
	{ "hang-begin", KEY_HANG_BEGIN, "N", 0,
	  "The N-th BEGIN since the mount is not answered before SIGUSR1 comes", 1 },
	{ "bad-attr", KEY_BAD_ATTR, "N", 0,
	  "The N-th GETATTR of a file says that it is a directory: the kernel gives the file "
	  "up, and what is being written ends where its mapping does", 1 },
	{ 0 }
};

static int parse_knob(int key, char *arg, struct faults *faults)
{
	char option[32];

	if (key >= KEY_DELAY && key < KEY_ERROR) {
		snprintf(option, sizeof(option), "delay-%s", fault_op_names[key - KEY_DELAY]);
		faults->delay_ns[key - KEY_DELAY] =
			parse_number(option, arg, time_units,
				     "a whole number and a unit, such as 500us");
		return 0;
	}
	if (key >= KEY_ERROR && key < KEY_LAST) {
		snprintf(option, sizeof(option), "%s-error", fault_op_names[key - KEY_ERROR]);
		faults->error[key - KEY_ERROR] = parse_errno(option, arg);
		return 0;
	}
	switch (key) {
	case KEY_DELAY_SHARE:
		faults->delay_share = parse_range("delay-share", arg, 1, 100);
		return 0;
	case KEY_ENOSYS:
		parse_enosys(faults, arg);
		return 0;
	case KEY_BAD_MAP:
		faults->bad_map = bad_map_find(arg);
		if (!faults->bad_map)
			die(EXIT_USAGE, "--bad-map=%s: unknown; iomapfs --help lists them", arg);
		return 0;
	case KEY_BAD_EVERY:
		faults->bad_every = parse_range("bad-every", arg, 1, INT64_MAX);
		return 0;
	case KEY_HANG_BEGIN:
		faults->hang_begin = parse_range("hang-begin", arg, 1, INT64_MAX);
		return 0;
	case KEY_BAD_ATTR:
		faults->bad_attr = parse_range("bad-attr", arg, 1, INT64_MAX);
		return 0;
	case KEY_WANT_END:
		faults->want_end = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void parse_argument(struct settings *settings, char *arg)
{
	if (!settings->fs.device)
		settings->fs.device = arg;
	else if (!settings->mountpoint)
		settings->mountpoint = arg;
	else
		die(EXIT_USAGE, "%s: too many arguments; give DEVICE and MOUNTPOINT", arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	static const char size[] = "a number of bytes, K, M or G";
	struct settings *settings = state->input;

	switch (key) {
	case 'f':
		settings->foreground = true;
		return 0;
	case 'v':
		settings->fs.verbose = true;
		return 0;
	case 'd':
		settings->debug = true;
		return 0;
	case 't':
		settings->threads = parse_range("threads", arg, 1, 1024);
		return 0;
	case KEY_BLOCK_SIZE:
		settings->block_size = parse_number("block-size", arg, byte_units, size);
		return 0;
	case KEY_EXTENT_MAX:
		settings->extent_max = parse_number("extent-max", arg, byte_units, size);
		return 0;
	case KEY_NO_IOMAP:
		settings->fs.iomap_wanted = false;
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(settings, arg);
		return 0;
	}
	return parse_knob(key, arg, &settings->fs.faults);
}

static char *help_filter(int key, const char *text, void *input)
{
	char *buf;
	size_t len;
	FILE *out;

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&buf, &len);
	fputs("KIND of --bad-map:\n", out);
	bad_map_list(out);
	fputs("\nExit status: 0 unmounted, 1 failed, 2 usage, 4 not privileged.", out);
	fclose(out);
	return buf;
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "DEVICE MOUNTPOINT",
	.doc = "Mount a small file system whose file data the kernel reads and writes itself, "
	       "by fuse-iomap, on the blocks of DEVICE. What DEVICE holds is overwritten; "
	       "names, attributes and the place of the data live in memory and are lost when the "
	       "server ends. On a kernel without fuse-iomap it serves ordinary reads and writes, "
	       "and says so. Without -f it goes to the background once it is mounted. "
	       "SIGINT and SIGTERM unmount and end it.\v",
	.help_filter = help_filter,
};

static void check_sizes(struct settings *settings)
{
	uint64_t bs = settings->block_size;

	if (bs < 512 || bs > MAX_BLOCK_SIZE || bs & (bs - 1))
		die(EXIT_USAGE, "--block-size=%llu: give a power of two from 512 to %d",
		    (unsigned long long)bs, MAX_BLOCK_SIZE);
	if (settings->extent_max % bs)
		die(EXIT_USAGE, "--extent-max=%llu: give a multiple of the block size, %llu",
		    (unsigned long long)settings->extent_max, (unsigned long long)bs);
}

/* Start */

static void open_device(struct fs *fs)
{
	struct stat st;
	int logical, readonly;

	if (stat(fs->device, &st))
		die(EXIT_RUNTIME, "%s: %s; give a block device", fs->device, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		die(EXIT_RUNTIME, "%s: not a block device; losetup -f --show FILE makes one",
		    fs->device);
	fs->dev_fd = open(fs->device, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fs->dev_fd < 0 && errno == EBUSY)
		die(EXIT_RUNTIME, "%s: in use; unmount it first, or give another", fs->device);
	if (fs->dev_fd < 0)
		die(EXIT_RUNTIME, "%s: %s; give a device that can be written", fs->device,
		    strerror(errno));
	if (ioctl(fs->dev_fd, BLKGETSIZE64, &fs->dev_size) ||
	    ioctl(fs->dev_fd, BLKSSZGET, &logical) || ioctl(fs->dev_fd, BLKROGET, &readonly))
		die(EXIT_RUNTIME, "%s: cannot tell its size: %s", fs->device, strerror(errno));
	if (readonly)
		die(EXIT_RUNTIME, "%s: read-only; try blockdev --setrw, or give another",
		    fs->device);
	if ((uint32_t)logical > fs->block_size)
		die(EXIT_USAGE, "%s: has sectors of %d bytes; give --block-size=%d", fs->device,
		    logical, logical);
	if (fs->dev_size < fs->block_size)
		die(EXIT_RUNTIME, "%s: no room for a block; give a larger device", fs->device);
}

static void check_mountpoint(struct settings *settings)
{
	char *path = realpath(settings->mountpoint, NULL);
	struct stat st;

	if (!path || stat(path, &st))
		die(EXIT_RUNTIME, "%s: %s; make the directory first", settings->mountpoint,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die(EXIT_RUNTIME, "%s: not a directory; give one to mount on",
		    settings->mountpoint);
	settings->mountpoint = path;
}

static void make_fs(struct settings *settings)
{
	struct fs *fs = &settings->fs;

	if (alloc_init(&fs->alloc, fs->dev_size / fs->block_size,
		       settings->extent_max / fs->block_size) || tree_init(fs))
		die(EXIT_RUNTIME, "not enough memory");
	pthread_mutex_init(&fs->faults.lock, NULL);
	pthread_cond_init(&fs->faults.wake, NULL);
	fs->faults.dev_size = fs->dev_size;
	fs->faults.block_size = fs->block_size;
	fs->iomap_no_ioend = fs->faults.error[FAULT_IOEND] == ENOSYS;
}

/*
 * Go on in a child. The parent waits until that has mounted or failed, and
 * takes its exit status. Returns the descriptor to write a byte to when ready.
 */
static int start_background(void)
{
	int fds[2], status = 0;
	char ready;
	pid_t pid;

	pid = pipe(fds) ? -1 : fork();
	if (pid < 0)
		die(EXIT_RUNTIME, "cannot go to the background: %s", strerror(errno));
	if (!pid) {
		close(fds[0]);
		return fds[1];
	}
	close(fds[1]);
	if (read(fds[0], &ready, 1) == 1)
		_exit(0);
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_RUNTIME);
}

static void leave_terminal(int ready_fd)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	if (chdir("/") || null < 0 || write(ready_fd, "", 1) != 1)
		die(EXIT_RUNTIME, "cannot go to the background: %s", strerror(errno));
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	close(ready_fd);
}

/* Signals and end */

static sigset_t handled_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	return set;
}

/* The loop ends when the kernel has let go of the mount. */
static void unmount(struct settings *settings)
{
	if (!umount2(settings->mountpoint, 0))
		return;
	fprintf(stderr, "iomapfs: %s: %s; detached, the server ends with its last user "
		"(or by a second signal)\n", settings->mountpoint, strerror(errno));
	umount2(settings->mountpoint, MNT_DETACH);
}

static void *handle_signals(void *arg)
{
	struct settings *settings = arg;
	sigset_t set = handled_signals();
	bool stopping = false;
	int signal;

	while (!sigwait(&set, &signal)) {
		faults_release(&settings->fs.faults);
		if (signal == SIGUSR1)
			continue;
		if (stopping)
			_exit(EXIT_RUNTIME);
		stopping = true;
		unmount(settings);
	}
	return NULL;
}

static void start_signals(struct settings *settings)
{
	sigset_t set = handled_signals();
	pthread_t thread;

	/* A log that nobody reads any more is no reason to drop the mount. */
	signal(SIGPIPE, SIG_IGN);
	/* Every thread inherits this: only sigwait() gets them. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, handle_signals, settings))
		die(EXIT_RUNTIME, "cannot start a thread: %s", strerror(errno));
	pthread_detach(thread);
}

static struct fuse_session *new_session(struct settings *settings)
{
	char *argv[] = { "iomapfs", settings->debug ? "-d" : NULL, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(settings->debug ? 2 : 1, argv);
	struct fuse_session *session;

	session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), &settings->fs);
	fuse_opt_free_args(&args);
	if (!session)
		die(EXIT_RUNTIME, "libfuse does not start a session");
	return session;
}

static void report(const struct settings *settings, const char *why_not)
{
	fprintf(stderr, "iomapfs: %s on %s: %s%s%s\n", settings->fs.device, settings->mountpoint,
		why_not ? "no iomap (" : "iomap is in use", why_not ?: "",
		why_not ? "), ordinary reads and writes" : "");
}

static void report_counts(struct fs *fs)
{
	fprintf(stderr, "iomapfs: begin=%lu end=%lu ioend=%lu\n", fs->faults.seen[FAULT_BEGIN],
		fs->faults.seen[FAULT_END], fs->faults.seen[FAULT_IOEND]);
}

static int run(struct settings *settings, int ready_fd)
{
	struct fuse_session *session = new_session(settings);
	struct fs *fs = &settings->fs;
	const char *why_not;
	struct stat st;
	int err = transport_mount(fs, settings->mountpoint);

	if (err)
		die(err == -EPERM ? EXIT_PRIVILEGE : EXIT_RUNTIME, "%s: cannot mount: %s",
		    settings->mountpoint, strerror(-err));
	err = transport_attach(fs, session) ?: transport_init(fs, session, &why_not);
	if (err) {
		umount2(settings->mountpoint, MNT_DETACH);
		die(EXIT_RUNTIME, "%s: the kernel refuses: %s", settings->mountpoint,
		    strerror(-err));
	}
	start_signals(settings);
	report(settings, why_not);
	if (ready_fd >= 0)
		leave_terminal(ready_fd);
	err = transport_serve(fs, session, settings->threads);
	if (fs->verbose)
		report_counts(fs);
	/* Aborted, not unmounted: take the dead mount away. */
	if (stat(settings->mountpoint, &st) && errno == ENOTCONN)
		umount2(settings->mountpoint, MNT_DETACH);
	fuse_session_destroy(session);
	return err ? EXIT_RUNTIME : 0;
}

int main(int argc, char **argv)
{
	static struct settings settings = {
		.fs.iomap_wanted = true,
		.fs.faults.delay_share = 100,
		.fs.faults.bad_every = 1,
		.threads = 8,
		.block_size = 4096,
	};
	int ready_fd = -1;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (!settings.mountpoint)
		die(EXIT_USAGE, "give DEVICE and MOUNTPOINT; iomapfs --help tells more");
	check_sizes(&settings);
	if (geteuid())
		die(EXIT_PRIVILEGE, "mounting and naming device blocks needs root; use sudo");
	settings.fs.block_size = settings.block_size;
	check_mountpoint(&settings);
	open_device(&settings.fs);
	make_fs(&settings);
	prctl(PR_SET_TIMERSLACK, 1);	/* delays are what they say */
	if (!settings.foreground)
		ready_fd = start_background();
	return run(&settings, ready_fd);
}
