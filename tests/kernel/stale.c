// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a file ever show what is not its own?
 *
 *   stale fill FILE			fill a device: its words say so
 *   stale run DIR SEED OPS STATE	random operations on files in DIR
 *   stale check DIR SEED OPS STATE	is what the files hold allowed?
 *   stale list SEED OPS		what the operations are
 *   stale crash LOG IMAGE SEED	one state a power cut may leave
 *
 * All data is words of 8 bytes, and each says where it belongs: the run (its
 * seed), the file, the offset, and the operation that wrote it. What operations
 * there are follows from the seed, so `check` needs nothing but the outcome of
 * each, which `run` leaves in STATE, a byte for each. Three things are told of a
 * word:
 *
 *   - It belongs to this place of this file, or is zero.
 *   - It is what the last operation left that is sure, or what a later one could
 *     have left. Sure is what succeeded, if the next fsync of the file succeeded,
 *     too; while the run goes on without errors, all that succeeded.
 *   - Before and after a file was replaced by a new one are never mixed.
 *
 * With --marker=FILE, `run` counts at the end of FILE what is sure by then, on
 * the device under test; for `check` that takes the place of STATE.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>

#define FILES		6
#define FILE_WORDS	8192		/* 64 KiB */
#define FILE_BYTES	(FILE_WORDS * 8)
#define LONGEST		24576		/* bytes of an operation */
#define MARKER_SIZE	4096
#define MAX_COMPLAINTS	10

enum status { STATUS_OK, STATUS_STALE, STATUS_USAGE, STATUS_STOPPED };

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "stale: %s: %s\n", what, strerror(errno));
	exit(STATUS_USAGE);
}

/* Chance: the n-th number of a seed, whatever was drawn before. */
static uint64_t draw(uint64_t seed, uint64_t n)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + n * 0xd1342543de82ef95 + 0x632be59bd9b4e019;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* Words: 8 bits of mark, 8 of the run, 8 of the file, 20 of operation and offset each. */

#define MARK_DATA	0xa5ULL
#define MARK_DEVICE	0x5aULL

static uint64_t data_word(uint8_t run, unsigned int file, uint32_t op, uint32_t at)
{
	return MARK_DATA << 56 | (uint64_t)run << 48 | (uint64_t)file << 40 |
	       (uint64_t)op << 20 | at;
}

static void describe(uint64_t word, char *buf, size_t size)
{
	if (word >> 56 == MARK_DEVICE)
		snprintf(buf, size, "what the device held at %#" PRIx64, (word & 0xffffffffff) * 8);
	else if (word >> 56 == MARK_DATA)
		snprintf(buf, size, "run %d file %d offset %#" PRIx64 " operation %" PRIu64,
			 (int)(word >> 48 & 0xff), (int)(word >> 40 & 0xff),
			 (word & 0xfffff) * 8, word >> 20 & 0xfffff);
	else
		snprintf(buf, size, "%#018" PRIx64, word);
}

/* Operations */

enum kind { WRITE, DIRECT, MMAP, TRUNCATE, PUNCH, ZERO, ALLOCATE, FSYNC, RENEW, READ, KINDS };

static const struct {
	const char *name;
	unsigned int weight;
	bool writes;
} kinds[KINDS] = {
	[WRITE] = { "write", 24, true },
	[DIRECT] = { "direct write", 20, true },
	[MMAP] = { "mmap write", 9, true },
	[TRUNCATE] = { "truncate", 6, false },
	[PUNCH] = { "punch", 8, false },
	[ZERO] = { "zero", 5, false },
	[ALLOCATE] = { "allocate", 5, false },
	[FSYNC] = { "fsync", 13, false },
	[RENEW] = { "renew", 4, false },
	[READ] = { "read", 6, false },
};

struct op {
	enum kind kind;
	unsigned int file;
	uint32_t off, len;		/* bytes; of TRUNCATE off is the size */
};

static struct op make_op(uint64_t seed, uint64_t i)
{
	uint64_t r = draw(seed, i * 4), place = draw(seed, i * 4 + 1), l = draw(seed, i * 4 + 2);
	unsigned int total = 0, pick;
	struct op op = { .file = r >> 32 & 0xffff };
	/* Words, sectors and blocks */
	uint32_t align = (uint32_t[]) { 8, 512, 4096, 8 }[l >> 32 & 3];

	for (int k = 0; k < KINDS; k++)
		total += kinds[k].weight;
	pick = (r & 0xffffffff) % total;
	while (pick >= kinds[op.kind].weight)
		pick -= kinds[op.kind++].weight;
	op.file %= FILES;
	if (op.kind == DIRECT && align < 512)
		align = 512;
	op.off = place % FILE_BYTES & -align;
	op.len = (l & 0xffffffff) % LONGEST & -align;
	if (!op.len)
		op.len = align;
	if (op.len > FILE_BYTES - op.off)
		op.len = FILE_BYTES - op.off;
	return op;
}

/* The words [from, to) of the file are different afterwards. */
struct range {
	uint32_t from, to;
};

static struct range changes(const struct op *op)
{
	switch (op->kind) {
	case WRITE: case DIRECT: case MMAP: case PUNCH: case ZERO:
		return (struct range) { op->off / 8, (op->off + op->len) / 8 };
	case TRUNCATE:
		return (struct range) { op->off / 8, FILE_WORDS };
	case RENEW:
		return (struct range) { 0, FILE_WORDS };
	default:
		return (struct range) { 0, 0 };
	}
}

static bool covers(const struct op *op, uint32_t word)
{
	struct range range = changes(op);

	return word >= range.from && word < range.to;
}

/* Runs */

enum outcome { NOT_BEGUN, BEGUN, DONE, FAILED };

struct run {
	const char *dir;
	uint64_t seed;
	uint32_t nops;
	struct op *ops;
	uint8_t *outcome;
	bool failed[FILES];		/* since the run began */
	int fds[FILES];
	uint64_t complaints;
	uint64_t sure, later;		/* words: what was found */
};

static const char *path_of(const struct run *run, unsigned int file)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%u", run->dir, file);
	return path;
}

static void complain(struct run *run, unsigned int file, uint32_t word, uint64_t value, int32_t sure)
{
	char what[128], expected[128] = "zero";

	if (++run->complaints > MAX_COMPLAINTS)
		return;
	describe(value, what, sizeof(what));
	if (sure >= 0)
		snprintf(expected, sizeof(expected), "operation %d (%s)", sure,
			 kinds[run->ops[sure].kind].name);
	printf("STALE: file %u offset %#x: has %s; sure is %s\n", file, word * 8,
	       value ? what : "zero", expected);
}

/*
 * Which operations on @file are sure to have left what they do. To replace it may have
 * removed its name before that failed: what is done then is done to a file that ends
 * with the mount.
 */
static void find_sure(const struct run *run, unsigned int file, bool live, bool *sure)
{
	bool synced = live, unlinked = false;

	for (uint32_t i = run->nops; i-- > 0;) {
		const struct op *op = &run->ops[i];

		if (op->file != file)
			continue;
		if (op->kind == FSYNC && run->outcome[i] != NOT_BEGUN && !live)
			synced = run->outcome[i] == DONE;
		sure[i] = synced && run->outcome[i] == DONE;
	}
	for (uint32_t i = 0; i < run->nops && !live; i++) {
		if (run->ops[i].file != file)
			continue;
		if (run->ops[i].kind == RENEW)
			unlinked = run->outcome[i] == FAILED;
		sure[i] &= !unlinked;
	}
}

/*
 * Compare what @file holds, FILE_WORDS with zeros behind its end, with what it
 * may hold. @live: nothing was lost yet, so all that succeeded is sure.
 */
static void check_words(struct run *run, unsigned int file, bool live, const uint64_t *words)
{
	static int32_t last_sure[FILE_WORDS], last_zero[FILE_WORDS];
	bool *sure = calloc(run->nops, 1);
	int32_t *renewed = calloc(run->nops, sizeof(*renewed)), now = -1, whose = -2;

	memset(last_sure, -1, sizeof(last_sure));
	memset(last_zero, -1, sizeof(last_zero));
	find_sure(run, file, live, sure);
	for (uint32_t i = 0; i < run->nops; i++) {
		const struct op *op = &run->ops[i];
		struct range range;

		if (op->file != file || run->outcome[i] == NOT_BEGUN)
			continue;
		if (op->kind == RENEW && run->outcome[i] != FAILED)
			now = i;
		renewed[i] = now;
		range = changes(op);
		for (uint32_t w = range.from; w < range.to; w++) {
			if (sure[i])
				last_sure[w] = i;
			if (!kinds[op->kind].writes)
				last_zero[w] = i;
		}
	}

	for (uint32_t w = 0; w < FILE_WORDS; w++) {
		const int32_t s = last_sure[w];
		const uint64_t value = le64toh(words[w]);
		const uint32_t i = value >> 20 & 0xfffff;
		bool ok;

		if (!value)
			ok = s < 0 || !kinds[run->ops[s].kind].writes || last_zero[w] > s;
		else
			ok = i < run->nops && (int32_t)i >= s &&
			     value == data_word(run->seed, file, i, w) &&
			     run->ops[i].file == file && kinds[run->ops[i].kind].writes &&
			     covers(&run->ops[i], w) && run->outcome[i] != NOT_BEGUN;
		if (ok && value && whose != -2 && renewed[i] != whose)
			ok = false;	/* of the file that had this name before */
		if (ok && value)
			whose = renewed[i];
		if (!ok)
			complain(run, file, w, value, s);
		else if (s >= 0 && (value ? (int32_t)i == s : last_zero[w] == s))
			run->sure++;
		else
			run->later++;
	}
	free(renewed);
	free(sure);
}

/* Returns 0 or a negative errno. A file that is not there is one of zeros. */
static int read_words(int fd, uint64_t *words)
{
	size_t done = 0;

	memset(words, 0, FILE_BYTES);
	while (fd >= 0 && done < FILE_BYTES) {
		ssize_t n = pread(fd, (char *)words + done, FILE_BYTES - done, done);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return 0;
}

static int check_file(struct run *run, unsigned int file, bool live)
{
	static uint64_t words[FILE_WORDS];
	int err = read_words(run->fds[file], words);

	if (!err)
		check_words(run, file, live, words);
	return err;
}

/* Doing it: all return 0 or a negative errno */

static char *payload(const struct run *run, uint32_t i)
{
	static uint64_t words[FILE_WORDS] __attribute__((aligned(4096)));
	const struct op *op = &run->ops[i];

	for (uint32_t w = 0; w < op->len / 8; w++)
		words[w] = htole64(data_word(run->seed, op->file, i, op->off / 8 + w));
	return (char *)words;
}

/* What a short write leaves is tried again, which tells why it was short. */
static int write_all(int fd, const char *buf, size_t len, off_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0)
			return -errno;
		buf += n;
		len -= n;
		off += n;
	}
	return 0;
}

static int write_direct(const struct run *run, uint32_t i)
{
	const struct op *op = &run->ops[i];
	int fd = open(path_of(run, op->file), O_WRONLY | O_DIRECT), err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, payload(run, i), op->len, op->off);
	/* Writes back what is in the page cache, and it is only here that an error shows. */
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static sigjmp_buf bus_error;

static void on_bus_error(int signal)
{
	siglongjmp(bus_error, 1);
}

static int write_mapped(const struct run *run, uint32_t i)
{
	const struct op *op = &run->ops[i];
	const char *data = payload(run, i);
	int fd = run->fds[op->file];
	volatile int err = 0;
	struct stat st;
	char *map;

	if (fstat(fd, &st) || (st.st_size < op->off + op->len && ftruncate(fd, op->off + op->len)))
		return -errno;
	map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (sigsetjmp(bus_error, 1))
		err = -EFAULT;
	else
		memcpy(map + op->off, data, op->len);
	munmap(map, FILE_BYTES);
	return err;
}

static int open_file(struct run *run, unsigned int file)
{
	run->fds[file] = open(path_of(run, file), O_RDWR | O_CREAT, 0600);
	return run->fds[file] < 0 ? -errno : 0;
}

static int renew(struct run *run, unsigned int file)
{
	/* It is not there if the one before could not be made. */
	if (unlink(path_of(run, file)) && errno != ENOENT)
		return -errno;
	close(run->fds[file]);	/* an error would be that of the old one */
	return open_file(run, file);
}

static int do_op(struct run *run, uint32_t i)
{
	const struct op *op = &run->ops[i];
	int fd = run->fds[op->file], ret = 0;

	switch (op->kind) {
	case WRITE:
		return write_all(fd, payload(run, i), op->len, op->off);
	case DIRECT:
		return write_direct(run, i);
	case MMAP:
		return write_mapped(run, i);
	case TRUNCATE:
		ret = ftruncate(fd, op->off);
		break;
	case PUNCH:
		ret = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op->off, op->len);
		break;
	case ZERO:
		ret = fallocate(fd, FALLOC_FL_ZERO_RANGE, op->off, op->len);
		break;
	case ALLOCATE:
		ret = fallocate(fd, 0, op->off, op->len);
		break;
	case FSYNC:
		ret = fsync(fd);
		break;
	case RENEW:
		return renew(run, op->file);
	default:
		return check_file(run, op->file, !run->failed[op->file]);
	}
	return ret ? -errno : 0;
}

/* Outcomes */

static void prepare(struct run *run, char **argv)
{
	run->dir = argv[0];
	run->seed = strtoull(argv[1], NULL, 0);
	run->nops = strtoul(argv[2], NULL, 0);
	if (!run->nops || run->nops > 0xfffff) {
		errno = ERANGE;
		die(argv[2]);
	}
	run->ops = calloc(run->nops, sizeof(*run->ops));
	for (uint32_t i = 0; i < run->nops; i++)
		run->ops[i] = make_op(run->seed, i);
}

/* It outlives this process, and that is what it is for. */
static void map_state(struct run *run, const char *path, bool new)
{
	int fd = open(path, O_RDWR | (new ? O_CREAT | O_TRUNC : 0), 0600);

	if (fd < 0 || (new && ftruncate(fd, run->nops)))
		die(path);
	run->outcome = mmap(NULL, run->nops, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run->outcome == MAP_FAILED)
		die(path);
}

static off_t marker_place(int fd)
{
	return lseek(fd, 0, SEEK_END) - MARKER_SIZE;
}

static void set_marker(int fd, uint64_t nops)
{
	static uint64_t buf[MARKER_SIZE / 8] __attribute__((aligned(4096)));

	buf[0] = htole64(MARK_DATA << 56 | nops);
	if (pwrite(fd, buf, sizeof(buf), marker_place(fd)) != sizeof(buf))
		die("marker");
}

/* What was before the marker is done; anything behind it may have happened. */
static void outcome_from_marker(struct run *run, const char *path)
{
	int fd = open(path, O_RDONLY);
	uint64_t mark = 0, nops = 0;

	if (fd < 0 || pread(fd, &mark, sizeof(mark), marker_place(fd)) != sizeof(mark))
		die(path);
	mark = le64toh(mark);
	if (mark >> 56 == MARK_DATA)
		nops = mark & 0xfffff;
	run->outcome = malloc(run->nops);
	for (uint32_t i = 0; i < run->nops; i++)
		run->outcome[i] = i < nops ? DONE : BEGUN;
	printf("%" PRIu64 " operations were sure when the power went\n", nops);
}

static enum status verdict(const struct run *run)
{
	if (run->complaints)
		printf("%" PRIu64 " words are wrong (seed %" PRIu64 "; stale list %" PRIu64 " %u)\n",
		       run->complaints, run->seed, run->seed, run->nops);
	return run->complaints ? STATUS_STALE : STATUS_OK;
}

static enum status cmd_run(char **argv, const char *marker, bool go_on)
{
	struct run run = { 0 };
	uint32_t ok = 0, failed = 0;
	int marker_fd = -1;

	prepare(&run, argv);
	map_state(&run, argv[3], true);
	signal(SIGBUS, on_bus_error);
	if (marker) {
		marker_fd = open(marker, O_WRONLY | O_DIRECT);
		if (marker_fd < 0)
			die(marker);
	}
	for (unsigned int f = 0; f < FILES; f++) {
		unlink(path_of(&run, f));
		open_file(&run, f);
	}
	for (uint32_t i = 0; i < run.nops && !run.complaints; i++) {
		const struct op *op = &run.ops[i];
		int err;

		run.outcome[i] = BEGUN;
		err = do_op(&run, i);
		run.outcome[i] = err ? FAILED : DONE;
		if (!err) {
			ok++;
			if (marker && op->kind == FSYNC)
				set_marker(marker_fd, i + 1);
			continue;
		}
		failed++;
		run.failed[op->file] = true;
		if (go_on)
			continue;
		printf("operation %u: %s of file %u, %#x+%#x: %s\n", i, kinds[op->kind].name,
		       op->file, op->off, op->len, strerror(-err));
		return verdict(&run) ?: STATUS_STOPPED;
	}
	printf("seed=%" PRIu64 " ok=%u failed=%u\n", run.seed, ok, failed);
	return verdict(&run);
}

static enum status cmd_check(char **argv, const char *marker)
{
	struct run run = { 0 };

	prepare(&run, argv);
	if (marker)
		outcome_from_marker(&run, marker);
	else
		map_state(&run, argv[3], false);
	for (unsigned int f = 0; f < FILES; f++) {
		run.fds[f] = open(path_of(&run, f), O_RDONLY);
		if (run.fds[f] < 0 && errno != ENOENT)
			die(path_of(&run, f));
		errno = -check_file(&run, f, false);
		if (errno)
			die(path_of(&run, f));
	}
	printf("%" PRIu64 " words are sure, %" PRIu64 " as nobody knows\n", run.sure, run.later);
	return verdict(&run);
}

static enum status cmd_list(char **argv)
{
	struct run run = { 0 };

	prepare(&run, argv - 1);	/* there is no DIR */
	for (uint32_t i = 0; i < run.nops; i++)
		printf("%5u file %u %-12s %#7x+%#x\n", i, run.ops[i].file,
		       kinds[run.ops[i].kind].name, run.ops[i].off, run.ops[i].len);
	return STATUS_OK;
}

/* Devices and their logs */

static enum status cmd_fill(char **argv)
{
	static uint64_t buf[1 << 17] __attribute__((aligned(4096)));
	int fd = open(argv[0], O_RDWR);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size < 0)
		die(argv[0]);
	for (off_t at = 0; at < size; at += sizeof(buf)) {
		size_t n = size - at < (off_t)sizeof(buf) ? (size_t)(size - at) : sizeof(buf);

		for (size_t w = 0; w < n / 8; w++)
			buf[w] = htole64(MARK_DEVICE << 56 | (at / 8 + w));
		if (pwrite(fd, buf, n, at) != (ssize_t)n)
			die(argv[0]);
	}
	if (fsync(fd))
		die(argv[0]);
	return STATUS_OK;
}

/* The log of dm-log-writes, see Documentation/admin-guide/device-mapper/log-writes.rst */

#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_FLUSH	1
#define LOG_FUA		2
#define LOG_DISCARD	4
#define LOG_MARK	8

struct log_super {
	uint64_t magic, version, nr_entries;
	uint32_t sectorsize;
};

struct log_entry {
	uint64_t sector, nr_sectors, flags, data_len;
};

struct logged {
	struct log_entry entry;
	off_t data;			/* where in the log */
};

static struct logged *read_log(int fd, struct log_super *super)
{
	struct logged *log;
	off_t at;

	if (pread(fd, super, sizeof(*super), 0) != sizeof(*super) || super->magic != LOG_MAGIC) {
		errno = EINVAL;
		return NULL;
	}
	log = calloc(super->nr_entries, sizeof(*log));
	at = super->sectorsize;
	for (uint64_t i = 0; i < super->nr_entries; i++) {
		struct log_entry *entry = &log[i].entry;

		if (pread(fd, entry, sizeof(*entry), at) != sizeof(*entry))
			return NULL;
		at += super->sectorsize;
		log[i].data = at;
		if (!(entry->flags & LOG_DISCARD))
			at += entry->nr_sectors * super->sectorsize;
	}
	return log;
}

/* Write @sectors of an entry, or what it has, into the image. */
static void apply(int log_fd, int image_fd, const struct logged *logged, uint64_t sectors,
		  uint32_t sectorsize)
{
	const size_t len = sectors * sectorsize;
	char *buf = malloc(len);

	if (logged->entry.flags & LOG_DISCARD || !len)
		goto out;
	if (pread(log_fd, buf, len, logged->data) != (ssize_t)len ||
	    pwrite(image_fd, buf, len, logged->entry.sector * sectorsize) != (ssize_t)len)
		die("log");
out:
	free(buf);
}

/*
 * Cut the power somewhere: what was written before the last flush is there; of
 * what came later each write may be, or not, or a part.
 */
static enum status cmd_crash(char **argv)
{
	int log_fd = open(argv[0], O_RDONLY), image_fd = open(argv[1], O_RDWR);
	uint64_t seed = strtoull(argv[2], NULL, 0), cut, flushed = 0, n = 1, lost = 0;
	struct log_super super;
	struct logged *log = log_fd < 0 ? NULL : read_log(log_fd, &super);

	if (!log)
		die(argv[0]);
	if (image_fd < 0)
		die(argv[1]);
	cut = draw(seed, 0) % (super.nr_entries + 1);
	for (uint64_t i = 0; i < cut; i++)
		if (log[i].entry.flags & LOG_FLUSH)
			flushed = i + 1;
	for (uint64_t i = 0; i < cut; i++) {
		const struct log_entry *entry = &log[i].entry;
		uint64_t sectors = entry->nr_sectors, chance = draw(seed, n++) % 4;

		if (entry->flags & LOG_MARK)
			continue;
		if (i >= flushed && !(entry->flags & LOG_FUA) && sectors) {
			if (chance < 2)
				sectors = 0;
			else if (chance == 2)
				sectors = draw(seed, n++) % (sectors + 1);
			lost += entry->nr_sectors - sectors;
		}
		apply(log_fd, image_fd, &log[i], sectors, super.sectorsize);
	}
	printf("power cut %" PRIu64 ": at write %" PRIu64 " of %" PRIu64 ", the last flush at %"
	       PRIu64 ", %" PRIu64 " sectors lost\n", seed, cut, super.nr_entries, flushed, lost);
	return fsync(image_fd) ? STATUS_USAGE : STATUS_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "marker", required_argument, NULL, 'm' },
		{ "go-on", no_argument, NULL, 'g' },
		{ 0 }
	};
	const char *marker = NULL, *command;
	bool go_on = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			marker = optarg;
		else if (c == 'g')
			go_on = true;
		else
			return STATUS_USAGE;
	}
	argc -= optind;
	argv += optind;
	command = argc ? argv[0] : "";
	setlinebuf(stdout);
	if (!strcmp(command, "fill") && argc == 2)
		return cmd_fill(argv + 1);
	if (!strcmp(command, "run") && argc == 5)
		return cmd_run(argv + 1, marker, go_on);
	if (!strcmp(command, "check") && argc == 5)
		return cmd_check(argv + 1, marker);
	if (!strcmp(command, "list") && argc == 3)
		return cmd_list(argv + 1);
	if (!strcmp(command, "crash") && argc == 4)
		return cmd_crash(argv + 1);
	fputs("usage: stale fill FILE | [--go-on] [--marker=FILE] run DIR SEED OPS STATE |\n"
	      "       [--marker=FILE] check DIR SEED OPS STATE | list SEED OPS |\n"
	      "       crash LOG IMAGE SEED\n", stderr);
	return STATUS_USAGE;
}
