// SPDX-License-Identifier: GPL-2.0-only
/*
 * fsdiff: the same random operations in two directories at once, of a file
 * system under test and of one that is trusted. Whatever an operation returns,
 * the data it reads, and size and links of the file have to be the same in both.
 *
 * A round starts with no files and makes a list of operations from its seed
 * alone, so a seed and the numbers of operations repeat a round. When a round
 * fails, operations are left out as long as it still fails, and the rest is
 * printed, with the command that repeats it.
 *
 * With --remount, both file systems are unmounted and mounted again at any time,
 * and whatever was written before, synced or not, has to be there.
 *
 * Exit status: 0 no difference, 1 a difference or an error, 2 usage.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define FILES 3
#define MAX_OPS 1000
#define MAX_IO (160 * 1024)
#define VECS 7

static struct options {
	uint64_t seed;
	unsigned int rounds;
	unsigned int seconds;
	unsigned int jobs;
	unsigned int ops;
	uint64_t size;
	uint32_t only[MAX_OPS];		/* numbers of operations to do; none: all */
	unsigned int onlys;
	const char *remount;		/* command that does it; NULL: never */
	const char *dir[2];
} options = { .rounds = 20, .jobs = 1, .ops = 150, .size = 320 * 1024 };

/* One operation; what the fields mean is up to its kind. */
struct op {
	const struct kind *kind;
	uint32_t nr;
	uint32_t file, other;		/* of FILES */
	uint64_t pos, pos2;
	uint32_t len;
	uint32_t choice;		/* any number, for modes and flags */
};

/* One of the two file systems, as one job sees it. */
struct side {
	const char *mount;
	bool trusted;			/* the other one is what is tested */
	char dir[3000];
	char changed[32];		/* what a remount changed */
	int fd[FILES];
	int direct[FILES];
	char *map[FILES];		/* options.size of it, whatever its size is */
	uint8_t *buf;			/* what was read; has place for BUF_SIZE */
};

/* What came of an operation: equal on both sides. One type, so without padding. */
struct result {
	int64_t ret;
	int64_t err;
	int64_t data;			/* bytes of side->buf that count */
	int64_t size[2];		/* of file and other */
	int64_t links;
};

#define BUF_SIZE (2 * options.size * FILES)

static uint8_t *source;			/* MAX_IO bytes to write, of the operation */

static uint64_t random_state;

static uint64_t random64(void)		/* splitmix64 */
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
	return random64() % n;
}

static void __attribute__((noreturn)) die(const char *what, const char *which)
{
	fprintf(stderr, "fsdiff: %s %s: %s\n", what, which, strerror(errno));
	exit(1);
}

/* Files */

static char *file_name(const struct side *side, uint32_t file)
{
	static char path[2][4096];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%u", side->dir, file);
	return path[turn];
}

static void file_open(struct side *side, uint32_t file, int flags)
{
	char *path = file_name(side, file);

	side->fd[file] = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
	if (side->fd[file] < 0)
		die("open", path);
	side->direct[file] = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
	if (side->direct[file] < 0)
		die("open O_DIRECT", path);
	side->map[file] = mmap(NULL, options.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       side->fd[file], 0);
	if (side->map[file] == MAP_FAILED)
		die("mmap", path);
}

static void file_close(struct side *side, uint32_t file)
{
	munmap(side->map[file], options.size);
	close(side->direct[file]);
	close(side->fd[file]);
}

static uint64_t file_size(const struct side *side, uint32_t file)
{
	struct stat st;

	if (fstat(side->fd[file], &st))
		die("fstat", file_name(side, file));
	return st.st_size;
}

/* Operations: return what the system call did, or -1 with errno */

static int64_t do_write(struct side *side, const struct op *op)
{
	return pwrite(side->fd[op->file], source, op->len, op->pos);
}

static int64_t do_read(struct side *side, const struct op *op)
{
	return pread(side->fd[op->file], side->buf, op->len, op->pos);
}

static int64_t do_direct_write(struct side *side, const struct op *op)
{
	return pwrite(side->direct[op->file], source, op->len, op->pos);
}

static int64_t do_direct_read(struct side *side, const struct op *op)
{
	return pread(side->direct[op->file], side->buf, op->len, op->pos);
}

/*
 * Directly only where that is possible. A write that is refused after the server
 * was asked leaves it with a wrong size, if it has no IOEND (--enosys=ioend).
 */
static int64_t do_append(struct side *side, const struct op *op)
{
	bool direct = op->choice & 1 && file_size(side, op->file) % 512 == 0;
	int flags = (direct ? O_DIRECT : 0) | (op->choice & 2 ? O_DSYNC : 0);
	int fd = open(file_name(side, op->file), O_WRONLY | O_APPEND | flags);
	int64_t ret;

	if (fd < 0)
		return -1;
	ret = write(fd, source, op->len);
	close(fd);
	return ret;
}

static int64_t do_sync_write(struct side *side, const struct op *op)
{
	static const int flags[] = { O_SYNC, O_DSYNC, O_SYNC | O_DIRECT, O_DSYNC | O_DIRECT };
	int fd = open(file_name(side, op->file), O_WRONLY | flags[op->choice % 4]);
	int64_t ret;

	if (fd < 0)
		return -1;
	ret = pwrite(fd, source, op->len, op->pos);
	close(fd);
	return ret;
}

/* Vectors of odd lengths, some of them empty, that add up to @op->len. */
static int vectors(const struct op *op, uint8_t *base, struct iovec iov[VECS])
{
	size_t at = 0;
	uint64_t x = op->choice;

	for (int i = 0; i < VECS; i++) {
		size_t left = op->len - at;
		size_t n = i == VECS - 1 ? left : x % 5 == 0 ? 0 : x % (left + 1);

		iov[i] = (struct iovec) { base + at, n };
		at += n;
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		x ^= x >> 33;
	}
	return VECS;
}

static int64_t do_writev(struct side *side, const struct op *op)
{
	static const int flags[] = { 0, RWF_DSYNC, RWF_SYNC, RWF_APPEND, RWF_APPEND | RWF_SYNC };
	struct iovec iov[VECS];

	return pwritev2(side->fd[op->file], iov, vectors(op, source, iov), op->pos,
			flags[op->choice % 5]);
}

static int64_t do_readv(struct side *side, const struct op *op)
{
	struct iovec iov[VECS];

	return preadv(side->fd[op->file], iov, vectors(op, side->buf, iov), op->pos);
}

static sigjmp_buf bus_jump;

static void on_bus(int sig)
{
	siglongjmp(bus_jump, 1);
}

/* Copy page by page; returns how far it came before a page beyond the end. */
static int64_t copy_pages(uint8_t *to, const uint8_t *from, const struct op *op)
{
	volatile size_t done = 0;

	if (sigsetjmp(bus_jump, 1))
		return done;
	while (done < op->len) {
		size_t n = PAGE - (op->pos + done) % PAGE;

		n = n < op->len - done ? n : op->len - done;
		memcpy(to + done, from + done, n);
		done += n;
	}
	return done;
}

static int64_t do_map_read(struct side *side, const struct op *op)
{
	return copy_pages(side->buf, (uint8_t *)side->map[op->file] + op->pos, op);
}

/*
 * Not beyond the end of the file, where the rest of a page takes what is stored
 * and whether it is seen again when the file grows is anybody's guess.
 */
static int64_t do_map_write(struct side *side, const struct op *op)
{
	uint64_t size = file_size(side, op->file);
	struct op part = *op;
	int64_t ret;

	if (op->pos >= size)
		return 0;
	if (part.len > size - op->pos)
		part.len = size - op->pos;
	ret = copy_pages((uint8_t *)side->map[op->file] + op->pos, source, &part);
	if (op->choice & 1 && msync(side->map[op->file], options.size, MS_SYNC))
		return -1;
	return ret;
}

/* Write from the file's own mapping: faults in the middle of a write. */
static int64_t do_self_write(struct side *side, const struct op *op)
{
	uint64_t size = file_size(side, op->file);
	bool apart = op->pos + op->len <= op->pos2 / PAGE * PAGE ||
		     op->pos2 + op->len + PAGE <= op->pos / PAGE * PAGE;

	if (!apart || op->pos2 + op->len > size)
		return 0;
	return pwrite(side->fd[op->file], side->map[op->file] + op->pos2, op->len, op->pos);
}

static int64_t do_truncate(struct side *side, const struct op *op)
{
	return ftruncate(side->fd[op->file], op->pos);
}

static int64_t do_truncate_path(struct side *side, const struct op *op)
{
	return truncate(file_name(side, op->file), op->pos);
}

static int64_t do_open_trunc(struct side *side, const struct op *op)
{
	int fd = open(file_name(side, op->file), O_WRONLY | O_TRUNC);

	return fd < 0 ? -1 : close(fd);
}

static int64_t do_allocate(struct side *side, const struct op *op)
{
	return fallocate(side->fd[op->file], op->choice & 1 ? FALLOC_FL_KEEP_SIZE : 0, op->pos,
			 op->len);
}

static int64_t do_punch(struct side *side, const struct op *op)
{
	return fallocate(side->fd[op->file], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op->pos,
			 op->len);
}

/*
 * ext4 of Linux 7.3 leaves data in the last block of a file that this makes grow, if a
 * direct write has put it there. So to grow is a step of its own where it is trusted.
 */
static int64_t do_zero(struct side *side, const struct op *op)
{
	const bool keep = op->choice & 1;
	const int fd = side->fd[op->file];
	struct stat st;
	int err;

	if (keep || !side->trusted)
		return fallocate(fd, FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0),
				 op->pos, op->len);
	err = fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, op->pos, op->len);
	if (err || fstat(fd, &st) || (uint64_t)st.st_size >= op->pos + op->len)
		return err;
	return ftruncate(fd, op->pos + op->len);
}

static int64_t do_fsync(struct side *side, const struct op *op)
{
	int fd = side->fd[op->file];

	switch (op->choice % 4) {
	case 0:
		return fsync(fd);
	case 1:
		return fdatasync(fd);
	case 2:
		return syncfs(fd);
	default:
		return sync_file_range(fd, op->pos, op->len, SYNC_FILE_RANGE_WAIT_BEFORE |
				       SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	}
}

/* A name moves, over another one; the other file stays in use, without a name. */
static int64_t do_rename(struct side *side, const struct op *op)
{
	if (op->file == op->other || rename(file_name(side, op->file), file_name(side, op->other)))
		return op->file == op->other ? 0 : -1;
	if (pwrite(side->fd[op->other], "gone", 4, op->pos) != 4)
		return -1;
	file_close(side, op->other);
	side->fd[op->other] = side->fd[op->file];
	side->direct[op->other] = side->direct[op->file];
	side->map[op->other] = side->map[op->file];
	file_open(side, op->file, O_EXCL);
	return 0;
}

static int64_t do_unlink(struct side *side, const struct op *op)
{
	if (unlink(file_name(side, op->file)))
		return -1;
	file_close(side, op->file);
	file_open(side, op->file, O_EXCL);
	return 0;
}

static int64_t do_copy(struct side *side, const struct op *op)
{
	loff_t from = op->pos, to = op->pos2;
	int64_t n, done = 0;

	while (done < op->len) {
		n = copy_file_range(side->fd[op->file], &from, side->fd[op->other], &to,
				    op->len - done, 0);
		if (n <= 0)
			return n < 0 ? n : done;
		done += n;
	}
	return done;
}

static int64_t do_sendfile(struct side *side, const struct op *op)
{
	off_t from = op->pos;
	int64_t n, done = 0;

	if (op->file == op->other)
		return 0;
	if (lseek(side->fd[op->other], op->pos2, SEEK_SET) < 0)
		return -1;
	while (done < op->len) {
		n = sendfile(side->fd[op->other], side->fd[op->file], &from, op->len - done);
		if (n <= 0)
			return n < 0 ? n : done;
		done += n;
	}
	return done;
}

/* Through a pipe, which keeps pages of the one file until they are in the other. */
static int64_t do_splice(struct side *side, const struct op *op)
{
	loff_t from = op->pos, to = op->pos2;
	int64_t in, out, done = 0;
	int fds[2];

	if (op->file == op->other)
		return 0;
	if (pipe(fds))
		return -1;
	while (done < op->len) {
		in = splice(side->fd[op->file], &from, fds[1], NULL, op->len - done, 0);
		if (in <= 0)
			break;
		for (; in > 0; in -= out, done += out) {
			out = splice(fds[0], NULL, side->fd[op->other], &to, in, 0);
			if (out <= 0)
				break;
		}
		if (in)
			break;
	}
	close(fds[0]);
	close(fds[1]);
	return done;
}

/*
 * What SEEK_HOLE calls a hole reads as zeros. Unwritten blocks are data or not by
 * what is in the page cache, so the answer may change between two calls.
 */
static int64_t do_seek(struct side *side, const struct op *op)
{
	int fd = side->fd[op->file];
	off_t size = file_size(side, op->file), at = 0, hole, data;

	while (at < size) {
		hole = lseek(fd, at, SEEK_HOLE);
		if (hole < at || hole > size)
			return -1;
		data = hole == size ? size : lseek(fd, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			data = size;
		if (data < hole || data > size)
			return -2;
		if (data == hole && hole < size) {
			at = hole + 1;
			continue;
		}
		for (at = hole; at < data; at++) {
			uint8_t byte;

			if (pread(fd, &byte, 1, at) != 1 || byte)
				return -3;
			/* the ends of it and some in between */
			if (data - at > 600 && at - hole > 600)
				at += 509;
		}
		at = data;
	}
	return lseek(fd, size, SEEK_HOLE);
}

/* Only what is written back can be dropped. */
static int64_t do_drop(struct side *side, const struct op *op)
{
	int fd = side->fd[op->file];

	return fdatasync(fd) ?: posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void drop_all(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, "3", 1) != 1)
		die("write", "drop_caches");
	close(fd);
}

/*
 * Nothing keeps the inode in memory: its size and data come back from the
 * server. As near to a remount as can be, for a server that keeps names in
 * memory, and with several jobs.
 */
static int64_t do_evict(struct side *side, const struct op *op)
{
	for (uint32_t i = 0; i < FILES; i++) {
		if (op->choice & 1 && fsync(side->fd[i]))
			return -1;
		file_close(side, i);
	}
	drop_all();
	for (uint32_t i = 0; i < FILES; i++)
		file_open(side, i, 0);
	return 0;
}

static void remount(const struct side *side)
{
	char *command;
	int status;

	if (asprintf(&command, "%s '%s'", options.remount, side->mount) < 0)
		die("memory for", "a command");
	fflush(stdout);
	status = system(command);
	if (status) {
		fprintf(stderr, "fsdiff: %s: %s %d\n", command,
			WIFEXITED(status) ? "exit status" : "wait status",
			WIFEXITED(status) ? WEXITSTATUS(status) : status);
		exit(1);
	}
	free(command);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The first thing in which a file is another one than it was, or NULL. */
static const char *changed(const struct stat *was, const struct stat *is)
{
	return was->st_size != is->st_size ? "size" :
	       was->st_mode != is->st_mode ? "mode" :
	       was->st_uid != is->st_uid || was->st_gid != is->st_gid ? "owner" :
	       was->st_nlink != is->st_nlink ? "links" :
	       !same_time(&was->st_mtim, &is->st_mtim) ? "mtime" :
	       !same_time(&was->st_ctim, &is->st_ctim) ? "ctime" : NULL;
}

/*
 * What was not synced is what unmounting has to write. Afterwards everything is
 * looked at, so that this operation and not a later one is to blame.
 */
static int64_t do_remount(struct side *side, const struct op *op)
{
	struct stat was[FILES], is;
	int64_t n, total = 0;
	bool same = true;

	for (uint32_t i = 0; i < FILES; i++) {
		if (fstat(side->fd[i], &was[i]))
			return -1;
		file_close(side, i);
	}
	remount(side);
	for (uint32_t i = 0; i < FILES; i++) {
		const char *what;

		file_open(side, i, 0);
		if (fstat(side->fd[i], &is))
			return -1;
		what = changed(&was[i], &is);
		if (what) {
			snprintf(side->changed, sizeof(side->changed), "%s of %u", what, i);
			same = false;
		}
		n = pread(side->fd[i], side->buf + total, options.size * 2, 0);
		if (n < 0)
			return -1;
		total += n;
	}
	return same ? total : -2;
}

static int64_t do_reopen(struct side *side, const struct op *op)
{
	file_close(side, op->file);
	file_open(side, op->file, 0);
	return 0;
}

/* The whole file, from wherever it is. */
static int64_t do_check(struct side *side, const struct op *op)
{
	return pread(side->fd[op->file], side->buf, options.size * 2, 0);
}

/* How much an operation is about: the place of its data, and how much. */
enum place { ANY, SECTORS, NONE };

static const struct kind {
	const char *name;
	int64_t (*run)(struct side *side, const struct op *op);
	unsigned int weight;
	enum place place;
	enum { KEEPS, READS, WRITES } data;
	bool other;			/* has a second file */
} kinds[] = {
	{ "write", do_write, 12, ANY, WRITES },
	{ "read", do_read, 8, ANY, READS },
	{ "direct-write", do_direct_write, 10, SECTORS, WRITES },
	{ "direct-read", do_direct_read, 6, SECTORS, READS },
	{ "append", do_append, 4, SECTORS, WRITES },
	{ "sync-write", do_sync_write, 3, SECTORS, WRITES },
	{ "writev", do_writev, 6, ANY, WRITES },
	{ "readv", do_readv, 4, ANY, READS },
	{ "map-read", do_map_read, 6, ANY, READS },
	{ "map-write", do_map_write, 10, ANY, WRITES },
	{ "self-write", do_self_write, 3, ANY, KEEPS },
	{ "truncate", do_truncate, 8, ANY, KEEPS },
	{ "truncate-path", do_truncate_path, 2, ANY, KEEPS },
	{ "open-trunc", do_open_trunc, 1, NONE, KEEPS },
	{ "allocate", do_allocate, 6, ANY, KEEPS },
	{ "punch", do_punch, 8, ANY, KEEPS },
	{ "zero", do_zero, 6, ANY, KEEPS },
	{ "fsync", do_fsync, 5, ANY, KEEPS },
	{ "rename", do_rename, 1, ANY, KEEPS, true },
	{ "unlink", do_unlink, 1, NONE, KEEPS },
	{ "copy", do_copy, 4, ANY, KEEPS, true },
	{ "sendfile", do_sendfile, 2, ANY, KEEPS, true },
	{ "splice", do_splice, 2, ANY, KEEPS, true },
	{ "seek", do_seek, 3, NONE, KEEPS },
	{ "drop", do_drop, 4, NONE, KEEPS },
	{ "evict", do_evict, 1, NONE, KEEPS },
	{ "reopen", do_reopen, 2, NONE, KEEPS },
	{ "check", do_check, 3, NONE, READS },
	{ "remount", do_remount, 2, NONE, READS },
	{ }
};

/* The last operations of each round: everything, once more from the disk. */
static const struct kind final_drop = { "final-drop", do_evict, 0, NONE, KEEPS };
static const struct kind final_remount = { "final-remount", do_remount, 0, NONE, READS };
static const struct kind final_check = { "final-check", do_check, 0, NONE, READS };

/* Rounds */

static unsigned int weight(const struct kind *kind)
{
	return kind->run != do_remount || options.remount ? kind->weight : 0;
}

static const struct kind *random_kind(void)
{
	const struct kind *kind = kinds;
	unsigned int sum = 0, at;

	for (; kind->name; kind++)
		sum += weight(kind);
	at = below(sum);
	for (kind = kinds; at >= weight(kind); kind++)
		at -= weight(kind);
	return kind;
}

/* Edges of blocks and pages, and next to them, are where things go wrong. */
static uint64_t random_pos(enum place place)
{
	uint64_t pos = below(options.size);

	/* Small files have their end, and everything else, near to each other. */
	if (below(3) == 0)
		pos %= 5 * PAGE;
	if (place == SECTORS)
		return pos & -(below(2) ? 512 : PAGE);
	switch (below(4)) {
	case 0:
		return pos & -PAGE;
	case 1:
		return pos & -512;
	case 2:
		pos = (pos & -PAGE) + below(7) - 3;
		return pos < options.size ? pos : 0;
	default:
		return pos;
	}
}

static uint32_t random_len(enum place place, uint64_t pos)
{
	static const uint32_t most[] = { 64, 600, 2 * PAGE, 5 * PAGE, MAX_IO };
	uint64_t len = 1 + below(most[below(5)]);

	if (place == SECTORS) {
		len = (len + 511) & -512;
		if (below(2))
			len = (len + PAGE - 1) & -PAGE;
	}
	/*
	 * Always multiples of a sector: whether others are refused depends on where
	 * the mapping ends.
	 */
	return len < options.size - pos ? len : options.size - pos;
}

static void make_op(struct op *op)
{
	const struct kind *kind = random_kind();

	*op = (struct op) {
		.kind = kind,
		.file = below(FILES),
		.other = below(FILES),
		.pos = random_pos(kind->place),
		.pos2 = random_pos(kind->place),
		.choice = random64(),
	};
	op->len = random_len(kind->place, op->pos > op->pos2 ? op->pos : op->pos2);
}

static unsigned int make_ops(struct op *ops, uint64_t seed)
{
	unsigned int n;

	random_state = seed;
	for (n = 0; n < options.ops; n++)
		make_op(&ops[n]);
	ops[n++] = (struct op) {
		.kind = options.remount ? &final_remount : &final_drop, .choice = 1
	};
	for (uint32_t file = 0; file < FILES; file++)
		ops[n++] = (struct op) { .kind = &final_check, .file = file };
	for (unsigned int i = 0; i < n; i++)
		ops[i].nr = i;
	return n;
}

static void print_op(const struct op *op)
{
	printf("  #%-3u %-13s %u", op->nr, op->kind->name, op->file);
	if (op->kind->place != NONE)
		printf(" at %#llx+%#x", (unsigned long long)op->pos, op->len);
	if (op->kind->other)
		printf(" to %u at %#llx", op->other, (unsigned long long)op->pos2);
	else if (op->kind->run == do_self_write)
		printf(" from %#llx", (unsigned long long)op->pos2);
	printf(" (%u)\n", op->choice % 60);
}

static void sides_open(struct side *sides)
{
	for (int i = 0; i < 2; i++)
		for (uint32_t file = 0; file < FILES; file++) {
			unlink(file_name(&sides[i], file));
			file_open(&sides[i], file, O_EXCL);
		}
	/* So that what a remount loses is the round's own. */
	for (int i = 0; options.remount && i < 2; i++)
		if (syncfs(sides[i].fd[0]))
			die("sync", sides[i].dir);
}

static void sides_close(struct side *sides)
{
	for (int i = 0; i < 2; i++)
		for (uint32_t file = 0; file < FILES; file++) {
			file_close(&sides[i], file);
			unlink(file_name(&sides[i], file));
		}
}

static struct result run_op(struct side *side, const struct op *op)
{
	struct result result = { 0 };
	struct stat st;

	errno = 0;
	*side->changed = '\0';
	result.ret = op->kind->run(side, op);
	result.err = result.ret < 0 ? errno : 0;
	if (op->kind->data == READS && result.ret > 0)
		result.data = result.ret;
	result.size[0] = file_size(side, op->file);
	result.size[1] = file_size(side, op->other);
	if (stat(file_name(side, op->file), &st))
		die("stat", file_name(side, op->file));
	result.links = st.st_nlink;
	if (st.st_size != result.size[0])
		result.links = -1;	/* one file, two sizes */
	return result;
}

static int64_t first_difference(const uint8_t *a, const uint8_t *b, int64_t len)
{
	int64_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

static void print_result(const struct side *side, const struct result *r)
{
	printf("  %s: returned %lld%s%s, size %lld, other's %lld, links %d", side->dir,
	       (long long)r->ret, r->err ? " " : "", r->err ? strerrorname_np(r->err) : "",
	       (long long)r->size[0], (long long)r->size[1], (int)r->links);
	printf("%s%s\n", *side->changed ? ", not as before: the " : "", side->changed);
}

static void print_data(const struct side *sides, size_t at, size_t len)
{
	size_t differ = 0;

	for (size_t i = at; i < len; i++)
		differ += sides[0].buf[i] != sides[1].buf[i];
	printf("  %zu bytes differ, the first is byte %#zx of what was read\n", differ, at);
	for (int i = 0; i < 2; i++) {
		printf("  %s:", sides[i].dir);
		for (size_t j = at; j < len && j < at + 16; j++)
			printf(" %02x", sides[i].buf[j]);
		printf("\n");
	}
}

/* Returns whether both did the same; else prints, if it is to, what they did. */
static bool same(struct side *sides, const struct op *op, bool print)
{
	struct result a, b;
	int64_t at;

	/* Never 0, so that data is told from a hole; tells one write from another. */
	if (op->kind->data == WRITES)
		for (uint32_t i = 0; i < op->len; i++)
			source[i] = 1 + (op->nr * 89 + i / 7 * 31 + i) % 255;
	a = run_op(&sides[0], op);
	b = run_op(&sides[1], op);
	at = first_difference(sides[0].buf, sides[1].buf, a.data);
	if (!memcmp(&a, &b, sizeof(a)) && at == a.data)
		return true;
	if (print) {
		printf("operation %u (%s) differs:\n", op->nr, op->kind->name);
		print_result(&sides[0], &a);
		print_result(&sides[1], &b);
		if (a.data == b.data && at < a.data)
			print_data(sides, at, a.data);
	}
	return false;
}

/* Do a list of operations; returns the number that were the same. */
static unsigned int run_ops(struct side *sides, const struct op *ops, unsigned int n, bool print)
{
	unsigned int i = 0;

	sides_open(sides);
	while (i < n && same(sides, &ops[i], print))
		i++;
	sides_close(sides);
	return i;
}

/* Leave out what the failure does not need; returns what is left. */
static unsigned int shrink(struct side *sides, struct op *ops, unsigned int n)
{
	time_t end = time(NULL) + 60;
	struct op *fewer = calloc(n, sizeof(*fewer));

	for (unsigned int step = n / 2; step; step /= 2)
		for (unsigned int at = 0; at + step < n && time(NULL) < end; ) {
			unsigned int got;

			memcpy(fewer, ops, at * sizeof(*ops));
			memcpy(fewer + at, ops + at + step, (n - at - step) * sizeof(*ops));
			got = run_ops(sides, fewer, n - step, false);
			if (got == n - step) {
				at += step;
				continue;
			}
			n = got + 1;
			memcpy(ops, fewer, n * sizeof(*ops));
		}
	free(fewer);
	return n;
}

static void report(struct side *sides, struct op *ops, unsigned int n, uint64_t seed)
{
	unsigned int all = n, tries = 0;

	while (tries < 5 && run_ops(sides, ops, n, false) == n)
		tries++;
	if (tries < 5) {
		printf("Leaving out what it does not need...\n");
		n = shrink(sides, ops, n);
		printf("%u of %u operations are left", n, all);
	} else {
		printf("It did not happen again in %u times; the operations", tries);
	}
	printf(" of seed %llu:\n", (unsigned long long)seed);
	for (unsigned int i = 0; i < n; i++)
		print_op(&ops[i]);
	run_ops(sides, ops, n, true);
	printf("Repeat with: fsdiff --seed=%llu --rounds=1 --ops=%u --size=%llu --only=",
	       (unsigned long long)seed, options.ops, (unsigned long long)options.size);
	for (unsigned int i = 0; i < n; i++)
		printf("%s%u", i ? "," : "", ops[i].nr);
	if (options.remount)
		printf(" --remount='%s'", options.remount);
	printf(" %s %s\n", options.dir[0], options.dir[1]);
}

static unsigned int keep_only(struct op *ops, unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < options.onlys; j++)
			if (ops[i].nr == options.only[j]) {
				ops[kept++] = ops[i];
				break;
			}
	return kept;
}

static void sides_init(struct side *sides, unsigned int job)
{
	for (int i = 0; i < 2; i++) {
		sides[i].mount = options.dir[i];
		sides[i].trusted = i == 1;
		snprintf(sides[i].dir, sizeof(sides[i].dir), "%s/job%u", options.dir[i], job);
		if (mkdir(sides[i].dir, 0755) && errno != EEXIST)
			die("mkdir", sides[i].dir);
		sides[i].buf = aligned_alloc(PAGE, BUF_SIZE);
		if (!sides[i].buf)
			die("memory for", sides[i].dir);
	}
	source = aligned_alloc(PAGE, MAX_IO);
	if (!source)
		die("memory for", "data");
	signal(SIGBUS, on_bus);
}

/* One job; its rounds are each jobs-th one. Returns an exit status. */
static int run_job(unsigned int job)
{
	static struct op ops[MAX_OPS + FILES + 1];
	struct side sides[2];
	time_t end = time(NULL) + options.seconds;
	unsigned int round, n, got;
	unsigned long done = 0;

	sides_init(sides, job);
	for (round = 0; options.seconds ? time(NULL) < end : round < options.rounds; round++) {
		uint64_t seed = options.seed + (uint64_t)round * options.jobs + job;

		n = make_ops(ops, seed);
		if (options.onlys)
			n = keep_only(ops, n);
		got = run_ops(sides, ops, n, true);
		done += got;
		if (got < n) {
			report(sides, ops, got + 1, seed);
			return 1;
		}
	}
	printf("job %u: %u rounds, %lu operations, no difference\n", job, round, done);
	return 0;
}

static int run_jobs(void)
{
	int status, bad = 0;

	printf("seed %llu\n", (unsigned long long)options.seed);
	for (unsigned int job = 0; job < options.jobs; job++) {
		fflush(stdout);
		switch (fork()) {
		case -1:
			die("fork", "a job");
		case 0:
			exit(run_job(job));
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	return bad ? 1 : 0;
}

/* Options */

static const struct argp_option argp_options[] = {
	{ "seed", 's', "N", 0, "Seed of the first round (the time)" },
	{ "rounds", 'r', "N", 0, "Rounds of each job (20)" },
	{ "time", 't', "SECONDS", 0, "Instead of a number of rounds" },
	{ "jobs", 'j', "N", 0, "Processes at once, with files of their own (1)" },
	{ "ops", 'o', "N", 0, "Operations of a round (150)" },
	{ "size", 'z', "BYTES", 0, "Operations stay below this offset (327680)" },
	{ "remount", 'm', "COMMAND", 0,
	  "Unmount and mount again sometimes: COMMAND, with one of the directories behind it, "
	  "does it; with one job only" },
	{ "only", 'O', "LIST", 0, "Only the operations with these numbers, as 1,5,12" },
	{ 0 }
};

static uint64_t number(struct argp_state *state, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || n < least || n > most)
		argp_error(state, "%s is not a number from %llu to %llu", text,
			   (unsigned long long)least, (unsigned long long)most);
	return n;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
		options.seed = number(state, arg, 0, UINT64_MAX);
		return 0;
	case 'r':
		options.rounds = number(state, arg, 1, UINT32_MAX);
		return 0;
	case 't':
		options.seconds = number(state, arg, 1, UINT32_MAX);
		return 0;
	case 'j':
		options.jobs = number(state, arg, 1, 64);
		return 0;
	case 'o':
		options.ops = number(state, arg, 1, MAX_OPS);
		return 0;
	case 'z':
		options.size = (number(state, arg, PAGE, 1 << 30) + PAGE - 1) & -PAGE;
		return 0;
	case 'm':
		options.remount = arg;
		return 0;
	case 'O':
		for (char *p = strtok(arg, ","); p && options.onlys < MAX_OPS; p = strtok(NULL, ","))
			options.only[options.onlys++] = number(state, p, 0, MAX_OPS + FILES);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_usage(state);
		options.dir[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_usage(state);
		if (options.remount && options.jobs > 1)
			argp_error(state, "--remount takes the files away from all jobs; "
				   "leave out --jobs");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, "DIR REFERENCE-DIR",
		"Do the same random operations in two file systems and compare what comes of them.",
	};

	argp_err_exit_status = 2;
	options.seed = time(NULL);
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return run_jobs();
}
