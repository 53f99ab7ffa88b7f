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
 *   persist.c	 names, attributes and extents on the device
 *   holder.c	 who has a device that is busy
 *   faults.c	 knobs to make it slow, wrong or stuck
 *   fuzz.c	 answers that are wrong by chance; a sudden end
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
#include "help.h"
#include "holder.h"
#include "iomap.h"
#include "persist.h"
#include "transport.h"

enum exit_code { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_PRIVILEGE = 4 };

struct settings {
	struct fs fs;
	char *mountpoint;
	bool foreground;
	bool debug;
	bool persist;
	bool format;
	bool require_iomap;
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
	KEY_BAD_MAP, KEY_BAD_EVERY, KEY_PERSIST, KEY_FORMAT, KEY_WANT_END, KEY_BAD_ATTR,
	KEY_DATA_DEVICE, KEY_FUSEBLK, KEY_PLAIN, KEY_MAX_SIZE, KEY_MAX_LINKS, KEY_TIME_GRAN,
	KEY_BAD_CONFIG, KEY_NO_DEV_INVAL, KEY_READONLY_DATA, KEY_DROP_RAWIO, KEY_SYNC_INIT,
	KEY_KILLPRIV, KEY_XATTR, KEY_DELALLOC, KEY_IOEND_KINDS, KEY_REGISTER_AFTER,
	KEY_REGISTER_LATE, KEY_NO_CLAIM, KEY_REQUIRE_IOMAP,
	KEY_DELAY, KEY_ERROR = KEY_DELAY + FAULT_OPS, KEY_HANG = KEY_ERROR + FAULT_OPS,
	KEY_LAST = KEY_HANG + FAULT_OPS,
};

#define FOR_EACH_OP(key) (key) + FAULT_BEGIN, (key) + FAULT_END, (key) + FAULT_IOEND

static const struct argp_option options[] = {
	{ "foreground", 'f', 0, 0, "Stay in the foreground", 0 },
	{ "verbose", 'v', 0, 0, "Log each iomap request and its answer to stderr (with -f)", 0 },
	{ "debug", 'd', 0, 0, "libfuse's own log of the other requests (with -f)", 0 },
	{ "threads", 't', "N", 0, "Serve with N threads (8)", 0 },
	{ "block-size", KEY_BLOCK_SIZE, "BYTES", 0, "Block size (4096)", 0 },
	{ "no-iomap", KEY_NO_IOMAP, 0, 0, "Serve ordinary reads and writes", 0 },
	{ "require-iomap", KEY_REQUIRE_IOMAP, 0, 0,
	  "Fail where iomap is not to be had, instead of serving ordinary reads and writes", 0 },
	{ "data-device", KEY_DATA_DEVICE, "DEVICE", 0,
	  "A second device; the extents of files alternate between both", 0 },
	{ "fuseblk", KEY_FUSEBLK, 0, 0,
	  "Mount as fuseblk: the mount, not the server, holds DEVICE", 0 },
	{ "drop-rawio", KEY_DROP_RAWIO, 0, 0,
	  "Have /dev/fuse approved for iomap, and give up CAP_SYS_RAWIO before the mount", 0 },
	{ "sync-init", KEY_SYNC_INIT, 0, 0,
	  "Let mount(2) wait until the kernel and the server agree, and fail if they don't", 0 },
	{ "plain", KEY_PLAIN, "SUFFIX", 0,
	  "Files made with a name that ends so get ordinary reads and writes, beside the others", 0 },
	{ "max-size", KEY_MAX_SIZE, "BYTES", 0, "Largest size of a file (what the kernel can)", 0 },
	{ "max-links", KEY_MAX_LINKS, "N", 0, "Most hard links to a file (65000)", 0 },
	{ "time-granularity", KEY_TIME_GRAN, "TIME", 0, "Of timestamps, up to 1s (1ns)", 0 },
	{ "xattr", KEY_XATTR, 0, 0,
	  "Have extended attributes; the kernel then asks for one before the first write to a file",
	  0 },
	{ "delalloc", KEY_DELALLOC, "HOW", OPTION_ARG_OPTIONAL,
	  "Delay allocation: a buffered write only reserves room, and writeback gets the blocks. "
	  "HOW they are until the data is there: unwritten (the default); mapped, which takes "
	  "writing zeros first, so that a power cut does not show what they held; or exposed, "
	  "which is mapped without the zeros", 0 },
	{ "persist", KEY_PERSIST, 0, 0,
	  "Keep names, attributes and the place of the data on DEVICE, too: what was synced is "
	  "there at the next mount with --persist, whatever happened in between", 0 },
	{ "format", KEY_FORMAT, 0, 0, "With --persist: begin with an empty file system", 0 },

	{ 0, 0, 0, 0, "Knobs for cases worth seeing (TIME is a number and ns, us, ms or s):", 1 },
	{ "extent-max", KEY_EXTENT_MAX, "BYTES", 0,
	  "No extent, and so no mapping of blocks, is longer; suffixes K, M, G", 1 },
	{ "want-end", KEY_WANT_END, 0, 0, "Ask for an END of each operation (WANT_IOMAP_END)", 1 },
	{ "killpriv", KEY_KILLPRIV, 0, 0,
	  "Say that writes drop set-id bits here (HANDLE_KILLPRIV), as libfuse does unasked; "
	  "with iomap no server can", 1 },
	{ "delay-begin", KEY_DELAY + FAULT_BEGIN, "TIME", 0, "Answer BEGIN this much later", 1 },
	{ "delay-end", KEY_DELAY + FAULT_END, "TIME", 0, "The same for END", 1 },
	{ "delay-ioend", KEY_DELAY + FAULT_IOEND, "TIME", 0, "The same for IOEND", 1 },
	{ "ioend-kinds", KEY_IOEND_KINDS, "KINDS", 0,
	  "Only these IOENDs are what the knobs for IOEND delay, fail, hang and count: unwritten, "
	  "append, writeback, direct, shared, or several of them; unwritten+direct are those that "
	  "are both, unwritten-append those that are not the other", 1 },
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
	{ "hang-begin", KEY_HANG + FAULT_BEGIN, "N", 0,
	  "The N-th BEGIN since the mount is not answered before SIGUSR1 comes", 1 },
	{ "hang-end", KEY_HANG + FAULT_END, "N", 0, "The same for END", 1 },
	{ "hang-ioend", KEY_HANG + FAULT_IOEND, "N", 0, "The same for IOEND", 1 },
	{ "bad-attr", KEY_BAD_ATTR, "N", 0,
	  "The N-th GETATTR of a file says that it is a directory: the kernel gives the file "
	  "up, and what is being written ends where its mapping does", 1 },
	{ "bad-config", KEY_BAD_CONFIG, "KIND", 0,
	  "Answer CONFIG with something that the kernel has to refuse; KIND: see below", 1 },
	{ "no-dev-inval", KEY_NO_DEV_INVAL, 0, 0,
	  "With --plain: don't tell the kernel that blocks in the page cache of DEVICE are of no "
	  "use any more; what they hold ends up in other files", 1 },
	{ "register-after", KEY_REGISTER_AFTER, "N", 0,
	  "Register N files for passthrough before the first device, and close each second of "
	  "them: so its number in mappings is N + 1", 1 },
	{ "register-late", KEY_REGISTER_LATE, 0, 0,
	  "Register devices when the first BEGIN comes, long after files were seen", 1 },
	{ "no-claim", KEY_NO_CLAIM, 0, 0,
	  "Do not open devices exclusively: the kernel has to keep others off them", 1 },
	{ "readonly-data", KEY_READONLY_DATA, 0, 0,
	  "Open the second device for reading only: the kernel has to refuse to write there", 1 },
	{ 0 }
};

static enum delalloc parse_delalloc(const char *arg)
{
	static const char *const names[] = {
		[DELALLOC_UNWRITTEN] = "unwritten",
		[DELALLOC_MAPPED] = "mapped",
		[DELALLOC_EXPOSED] = "exposed",
	};

	for (enum delalloc how = DELALLOC_UNWRITTEN; how <= DELALLOC_EXPOSED; how++)
		if (!strcmp(arg ?: "unwritten", names[how]))
			return how;
	die(EXIT_USAGE, "--delalloc=%s: give unwritten or mapped; or exposed, which is mapped "
	    "without the zeros and shows what a block held before", arg);
}

static void parse_ioend_kinds(struct faults *faults, const char *arg)
{
	int err = fault_add_ioend_kinds(faults, arg);

	if (err == -E2BIG)
		die(EXIT_USAGE, "--ioend-kinds=%s: give at most %d kinds", arg, MAX_IOEND_KINDS);
	if (err)
		die(EXIT_USAGE, "--ioend-kinds=%s: give unwritten, append, writeback, direct or "
		    "shared, such as direct,unwritten-append", arg);
}

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
	if (key >= KEY_ERROR && key < KEY_HANG) {
		snprintf(option, sizeof(option), "%s-error", fault_op_names[key - KEY_ERROR]);
		faults->error[key - KEY_ERROR] = parse_errno(option, arg);
		return 0;
	}
	if (key >= KEY_HANG && key < KEY_LAST) {
		snprintf(option, sizeof(option), "hang-%s", fault_op_names[key - KEY_HANG]);
		faults->hang[key - KEY_HANG] = parse_range(option, arg, 1, INT64_MAX);
		return 0;
	}
	switch (key) {
	case KEY_DELAY_SHARE:
		faults->delay_share = parse_range("delay-share", arg, 1, 100);
		return 0;
	case KEY_IOEND_KINDS:
		parse_ioend_kinds(faults, arg);
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
	case KEY_BAD_ATTR:
		faults->bad_attr = parse_range("bad-attr", arg, 1, INT64_MAX);
		return 0;
	case KEY_WANT_END:
		faults->want_end = true;
		return 0;
	case KEY_KILLPRIV:
		faults->killpriv = true;
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

static int parse_config(int key, char *arg, struct config *config)
{
	switch (key) {
	case KEY_MAX_SIZE:
		config->max_size = parse_number("max-size", arg, byte_units,
						"a number of bytes, K, M or G");
		return 0;
	case KEY_MAX_LINKS:
		config->max_links = parse_range("max-links", arg, 1, UINT32_MAX);
		return 0;
	case KEY_TIME_GRAN:
		config->time_gran = parse_number("time-granularity", arg, time_units,
						 "a whole number and a unit, such as 1us");
		if (config->time_gran < 1 || config->time_gran > 1000000000)
			die(EXIT_USAGE, "--time-granularity=%s: give from 1ns to 1s", arg);
		return 0;
	case KEY_BAD_CONFIG:
		config->bad = bad_config_find(arg);
		if (!config->bad)
			die(EXIT_USAGE, "--bad-config=%s: unknown; iomapfs --help lists them", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static bool given[KEY_LAST];	/* which options, by key */

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	static const char size[] = "a number of bytes, K, M or G";
	struct settings *settings = state->input;

	if (key > 0 && key < KEY_LAST)
		given[key] = true;
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
	case KEY_PERSIST:
		settings->persist = true;
		return 0;
	case KEY_FORMAT:
		settings->format = true;
		return 0;
	case KEY_NO_IOMAP:
		settings->fs.iomap_wanted = false;
		return 0;
	case KEY_REQUIRE_IOMAP:
		settings->require_iomap = true;
		return 0;
	case KEY_DATA_DEVICE:
		settings->fs.second.device = arg;
		return 0;
	case KEY_READONLY_DATA:
		settings->fs.second.readonly = true;
		return 0;
	case KEY_FUSEBLK:
		settings->fs.fuseblk = true;
		return 0;
	case KEY_DROP_RAWIO:
		settings->fs.drop_rawio = true;
		return 0;
	case KEY_SYNC_INIT:
		settings->fs.sync_init = true;
		return 0;
	case KEY_PLAIN:
		settings->fs.plain_suffix = arg;
		return 0;
	case KEY_NO_DEV_INVAL:
		settings->fs.no_dev_inval = true;
		return 0;
	case KEY_XATTR:
		settings->fs.xattr = true;
		return 0;
	case KEY_DELALLOC:
		settings->fs.delalloc = parse_delalloc(arg);
		return 0;
	case KEY_REGISTER_AFTER:
		settings->fs.registering.after = parse_range("register-after", arg, 1, 1000);
		return 0;
	case KEY_REGISTER_LATE:
		settings->fs.registering.late = true;
		return 0;
	case KEY_NO_CLAIM:
		settings->fs.no_claim = true;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->fs.fuzz;
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(settings, arg);
		return 0;
	}
	if (!parse_config(key, arg, &settings->fs.config))
		return 0;
	return parse_knob(key, arg, &settings->fs.faults);
}

/* Which options go together */

static const char *option_name(int key)
{
	const struct argp_option *option = options;

	while (option->key != key)
		option++;
	return option->name;
}

/* Options that do nothing without one of some others */
static const struct need {
	int key;
	int one_of[8];
} needs[] = {
	{ 'v', { 'f' } },
	{ 'd', { 'f' } },
	{ KEY_FORMAT, { KEY_PERSIST } },
	{ KEY_READONLY_DATA, { KEY_DATA_DEVICE } },
	{ KEY_NO_DEV_INVAL, { KEY_PLAIN } },
	{ KEY_DELAY_SHARE, { FOR_EACH_OP(KEY_DELAY) } },
	{ KEY_BAD_EVERY, { KEY_BAD_MAP, FOR_EACH_OP(KEY_ERROR), KEY_ENOSYS } },
	{ KEY_IOEND_KINDS, { KEY_DELAY + FAULT_IOEND, KEY_ERROR + FAULT_IOEND,
			     KEY_HANG + FAULT_IOEND } },
	{ 0 }
};

/* Options that do nothing, or not what they say, beside another */
static const struct conflict {
	int key;
	const char *why;
	int others[32];
} conflicts[] = {
	{ KEY_PERSIST, "--persist keeps neither a second device nor extended attributes",
	  { KEY_DATA_DEVICE, KEY_XATTR } },
	{ KEY_NO_IOMAP, "--no-iomap gives up all that is special to iomap",
	  { KEY_REQUIRE_IOMAP, KEY_DROP_RAWIO, KEY_PLAIN, KEY_DELALLOC, KEY_MAX_SIZE,
	    KEY_MAX_LINKS, KEY_TIME_GRAN, KEY_BAD_CONFIG, KEY_WANT_END,
	    FOR_EACH_OP(KEY_DELAY), FOR_EACH_OP(KEY_ERROR), FOR_EACH_OP(KEY_HANG), KEY_ENOSYS,
	    KEY_BAD_MAP, KEY_REGISTER_AFTER, KEY_REGISTER_LATE } },
	{ 0 }
};

/* The first of these keys, which end with 0, that was given; or 0 */
static int first_given(const int *keys)
{
	while (*keys && !given[*keys])
		keys++;
	return *keys;
}

static void __attribute__((noreturn)) die_useless(const struct need *need)
{
	char others[160] = "";

	for (const int *key = need->one_of; *key; key++) {
		size_t len = strlen(others);

		snprintf(others + len, sizeof(others) - len, "%s--%s",
			 key == need->one_of ? "" : key[1] ? ", " : " or ", option_name(*key));
	}
	die(EXIT_USAGE, "--%s does nothing without %s; give that too, or leave it out",
	    option_name(need->key), others);
}

static void check_combination(const struct settings *settings)
{
	if (settings->fs.faults.nioend_kinds && settings->fs.faults.error[FAULT_IOEND] == ENOSYS)
		die(EXIT_USAGE, "ENOSYS is for all IOENDs; leave out --ioend-kinds");
	for (const struct need *need = needs; need->key; need++)
		if (given[need->key] && !first_given(need->one_of))
			die_useless(need);
	for (const struct conflict *conflict = conflicts; conflict->key; conflict++)
		if (given[conflict->key] && first_given(conflict->others))
			die(EXIT_USAGE, "%s; leave out --%s", conflict->why,
			    option_name(first_given(conflict->others)));
}

static void list_tables(FILE *out)
{
	fputs("KIND of --bad-map:\n", out);
	bad_map_list(out);
	fputs("\nKIND of --bad-config:\n", out);
	bad_config_list(out);
	fputs("\nExit status: 0 unmounted, 1 failed, 2 usage, 4 not privileged.", out);
}

static char *help_filter(int key, const char *text, void *input)
{
	return help_end(key, text, list_tables);
}

static const struct argp_child children[] = {
	{ &fuzz_argp, 0, "A server that lies, or dies:", 2 },
	{ 0 }
};

static const struct argp argp = {
	.children = children,
	.options = options,
	.parser = parse_option,
	.args_doc = "DEVICE MOUNTPOINT",
	.doc = "Mount a small file system whose file data the kernel reads and writes itself, "
	       "by fuse-iomap, on the blocks of DEVICE. What DEVICE holds is overwritten; "
	       "without --persist, names, attributes and the place of the data live in memory "
	       "and are lost when the server ends. On a kernel without "
	       "fuse-iomap it serves ordinary reads and writes, and says so, unless "
	       "--require-iomap is given. Without -f it goes to the background once it is mounted. "
	       "SIGINT and SIGTERM unmount and end it; if the mount is busy, it is detached, which "
	       "is said on stderr, or in the background in the kernel's log (dmesg).\v",
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

static void __attribute__((noreturn)) die_busy(const char *device)
{
	const char *holder = holder_describe(device, "/proc/swaps", "/proc/self/mountinfo");

	die(EXIT_RUNTIME, "%s: %s, or give another device", device, holder ?: strerror(EBUSY));
}

/* Open a block device with these flags. Returns the descriptor; its size is in @size. */
static int open_device(const char *path, int flags, uint32_t block_size, uint64_t *size)
{
	struct stat st;
	int fd, logical, readonly;

	if (stat(path, &st))
		die(EXIT_RUNTIME, "%s: %s; give a block device", path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		die(EXIT_RUNTIME, "%s: not a block device; losetup -f --show FILE makes one", path);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		die_busy(path);
	if (fd < 0)
		die(EXIT_RUNTIME, "%s: %s; give a device that can be written", path,
		    strerror(errno));
	if (ioctl(fd, BLKGETSIZE64, size) || ioctl(fd, BLKSSZGET, &logical) ||
	    ioctl(fd, BLKROGET, &readonly))
		die(EXIT_RUNTIME, "%s: cannot tell its size: %s", path, strerror(errno));
	if (readonly && (flags & O_ACCMODE) != O_RDONLY)
		die(EXIT_RUNTIME, "%s: read-only; try blockdev --setrw, or give another", path);
	if ((uint32_t)logical > block_size)
		die(EXIT_USAGE, "%s: has sectors of %d bytes; give --block-size=%d", path,
		    logical, logical);
	if (*size < block_size)
		die(EXIT_RUNTIME, "%s: no room for a block; give a larger device", path);
	return fd;
}

/* Only stat(2), since to open it twice would look as if somebody else had it. */
static bool is_same_device(const char *a, const char *b)
{
	struct stat st[2];

	return !stat(a, &st[0]) && !stat(b, &st[1]) && S_ISBLK(st[0].st_mode) &&
	       S_ISBLK(st[1].st_mode) && st[0].st_rdev == st[1].st_rdev;
}

static void open_devices(struct fs *fs)
{
	struct second *second = &fs->second;
	int claim = fs->no_claim ? 0 : O_EXCL;

	if (second->device && is_same_device(fs->device, second->device))
		die(EXIT_USAGE, "--data-device=%s: is DEVICE itself; give another device",
		    second->device);
	/*
	 * A mount of the type fuseblk opens the device exclusively itself. But where it is
	 * mounted so already, mount(2) would show that one in a second place.
	 */
	if (fs->fuseblk)
		close(open_device(fs->device, O_RDWR | claim, fs->block_size, &fs->dev_size));
	fs->dev_fd = open_device(fs->device, O_RDWR | (fs->fuseblk ? 0 : claim), fs->block_size,
				 &fs->dev_size);
	if (second->device)
		second->fd = open_device(second->device,
					 (second->readonly ? O_RDONLY : O_RDWR) | claim,
					 fs->block_size, &second->size);
}

/* What access to a mount fails with when nobody serves it any more */
static bool is_dead_mount(int error)
{
	return error == ENOTCONN || error == ECONNREFUSED;
}

static void check_mountpoint(struct settings *settings)
{
	char *path = realpath(settings->mountpoint, NULL);
	struct stat st;

	if (!path || stat(path, &st))
		die(EXIT_RUNTIME, "%s: %s%s", settings->mountpoint, strerror(errno),
		    errno == ENOENT ? "; make the directory first" :
		    is_dead_mount(errno) ? "; the server of that mount has ended: umount it "
		    "first, with -l if it is busy" : "");
	if (!S_ISDIR(st.st_mode))
		die(EXIT_RUNTIME, "%s: not a directory; give one to mount on",
		    settings->mountpoint);
	settings->mountpoint = path;
}

static void __attribute__((noreturn))
die_made_differently(const struct fs *fs, const struct persist_made *made)
{
	if (made->block_size != fs->block_size)
		die(EXIT_RUNTIME, "%s: made with another block size; give --block-size=%u",
		    fs->device, made->block_size);
	die(EXIT_RUNTIME, "%s: made on a device of %llu bytes, and now has %llu; give one of that "
	    "size, or make a new file system with --format", fs->device,
	    (unsigned long long)made->dev_size, (unsigned long long)fs->dev_size);
}

static void load(struct settings *settings)
{
	struct fs *fs = &settings->fs;
	struct persist_made made;
	int err = persist_load(fs, settings->format, &made);

	if (err == -ENODATA)
		die(EXIT_RUNTIME, "%s: has no file system of iomapfs; --format makes one, and "
		    "overwrites what is there", fs->device);
	if (err == -EINVAL)
		die_made_differently(fs, &made);
	if (err == -ENOSPC)
		die(EXIT_RUNTIME, "%s: too small for --persist with its %llu bytes; give a device "
		    "of %llu or more", fs->device, (unsigned long long)fs->dev_size,
		    (unsigned long long)persist_min_size(fs));
	if (err)
		die(EXIT_RUNTIME, "%s: cannot %s the file system: %s", fs->device,
		    settings->format ? "make" : "read", strerror(-err));
}

static void make_fs(struct settings *settings)
{
	struct fs *fs = &settings->fs;

	if (alloc_init(&fs->alloc, first_blocks(fs) + fs->second.size / fs->block_size,
		       settings->extent_max / fs->block_size) || tree_init(fs))
		die(EXIT_RUNTIME, "not enough memory");
	if (fs->second.device)
		alloc_split(&fs->alloc, first_blocks(fs));
	if (settings->persist)
		load(settings);
	pthread_mutex_init(&fs->registering.lock, NULL);
	pthread_mutex_init(&fs->faults.lock, NULL);
	pthread_cond_init(&fs->faults.wake, NULL);
	fs->faults.dev_size = fs->dev_size;
	fs->faults.block_size = fs->block_size;
	fs->fuzz.block_size = fs->block_size;
	fuzz_begin(&fs->fuzz);
	fs->iomap_no_ioend = fs->faults.error[FAULT_IOEND] == ENOSYS;
}

/*
 * Go on in a child. The parent waits until that has mounted or failed, and
 * takes its exit status. Returns the descriptor to write a byte to when ready.
 */
static int start_background(const struct settings *settings)
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
	if (WIFSIGNALED(status))
		fprintf(stderr, "iomapfs: %s: signal %d (%s) ended the server before it was ready; "
			"umount that, if it is mounted\n", settings->mountpoint,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
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

/* In the background there is no stderr any more, but the kernel's log has a reader. */
static void report_detached(const struct settings *settings, int error)
{
	FILE *out = settings->foreground ? stderr : fopen("/dev/kmsg", "we");

	if (!out)
		return;
	fprintf(out, "iomapfs: %s: %s; detached, the server ends with its last user "
		"(or by a second signal)\n", settings->mountpoint, strerror(error));
	if (out != stderr)
		fclose(out);
}

/* The loop ends when the kernel has let go of the mount. */
static void unmount(struct settings *settings)
{
	if (!umount2(settings->mountpoint, 0))
		return;
	report_detached(settings, errno);
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
	int err = transport_open(fs);

	if (err)
		die(EXIT_RUNTIME, "/dev/fuse: %s%s", strerror(-err),
		    err == -ENOENT || err == -ENODEV ?
		    "; modprobe fuse, or take a kernel with CONFIG_FUSE_FS" : "");
	err = transport_mount(fs, settings->mountpoint);
	if (err == -EBUSY && fs->fuseblk)
		die_busy(fs->device);
	if (err)
		die(err == -EPERM ? EXIT_PRIVILEGE : EXIT_RUNTIME, "%s: cannot mount: %s",
		    settings->mountpoint, strerror(-err));
	err = transport_attach(fs, session) ?: transport_init(fs, session, &why_not);
	if (err) {
		transport_give_up(fs, settings->mountpoint);
		if (fs->registering.busy)
			die_busy(fs->registering.busy);
		die(EXIT_RUNTIME, "%s: the kernel refuses: %s", settings->mountpoint,
		    strerror(-err));
	}
	if (why_not && settings->require_iomap) {
		transport_give_up(fs, settings->mountpoint);
		die(EXIT_RUNTIME, "%s: no iomap (%s), which --require-iomap asks for; leave that "
		    "out for ordinary reads and writes", fs->device, why_not);
	}
	start_signals(settings);
	report(settings, why_not);
	if (ready_fd >= 0)
		leave_terminal(ready_fd);
	err = transport_serve(fs, session, settings->threads);
	if (fs->verbose)
		report_counts(fs);
	fuzz_report(&fs->fuzz);
	/* Aborted or refused, not unmounted: take the dead mount away. */
	if (stat(settings->mountpoint, &st) && is_dead_mount(errno))
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
		.fs.config.max_links = 65000,
		.fs.config.time_gran = 1,
		.threads = 8,
		.block_size = 4096,
	};
	int ready_fd = -1;

	atexit(help_check_written);
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (!settings.mountpoint)
		die(EXIT_USAGE, "give DEVICE and MOUNTPOINT; iomapfs --help tells more");
	check_sizes(&settings);
	check_combination(&settings);
	if (geteuid())
		die(EXIT_PRIVILEGE, "mounting and naming device blocks needs root; use sudo");
	settings.fs.block_size = settings.block_size;
	check_mountpoint(&settings);
	open_devices(&settings.fs);
	make_fs(&settings);
	prctl(PR_SET_TIMERSLACK, 1);	/* delays are what they say */
	if (!settings.foreground)
		ready_fd = start_background(&settings);
	return run(&settings, ready_fd);
}
