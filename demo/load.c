// SPDX-License-Identifier: GPL-2.0-only
/*
 * iomapload: workloads whose operations are known exactly.
 *
 * Each command makes the system calls it says and no others on the file, and
 * prints one line of key=value with what came of them. Exit status: 0 as
 * expected, 1 something failed or differs (said on stderr), 2 usage.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "help.h"

#define PAGE 4096

struct load {
	const char *dir;
	const struct command *command;
	uint64_t arg[2];
	unsigned int args;
	const char *file;
	uint64_t tag;
	bool direct;
	bool sync;
	bool any;
	char path[4096];
};

static void __attribute__((noreturn, format(printf, 2, 3))) die(int code, const char *format, ...)
{
	va_list args;

	fputs("iomapload: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(code);
}

/* Content */

/* What byte @pos holds: never 0, so that a hole is told from data. */
static uint8_t pattern(uint64_t pos, uint64_t tag)
{
	uint64_t x = (pos / 8 + 1) * 0x9e3779b97f4a7c15ULL ^ (tag + 1) * 0xc2b2ae3d27d4eb4fULL;

	x ^= x >> 29;
	return 1 + (x >> (pos % 8 * 7)) % 255;
}

static void fill(uint8_t *buf, size_t len, uint64_t pos, uint64_t tag)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(pos + i, tag);
}

static uint8_t *page_alloc(size_t len)
{
	void *buf = aligned_alloc(PAGE, (len + PAGE - 1) / PAGE * PAGE);

	if (!buf)
		die(1, "not enough memory");
	return buf;
}

/* System calls that must do all they are asked to */

static int open_file(const struct load *load, int flags)
{
	int fd = open(load->path, flags | (load->direct ? O_DIRECT : 0), 0644);

	if (fd < 0)
		die(1, "%s: open: %s", load->path, strerror(errno));
	return fd;
}

static void close_file(const struct load *load, int fd)
{
	if (load->sync && fsync(fd))
		die(1, "%s: fsync: %s", load->path, strerror(errno));
	if (close(fd))
		die(1, "%s: close: %s", load->path, strerror(errno));
}

static void expect(const struct load *load, const char *call, uint64_t pos, ssize_t got,
		   ssize_t wanted)
{
	if (got < 0)
		die(1, "%s: %s at %llu: %s", load->path, call, (unsigned long long)pos,
		    strerror(errno));
	if (got != wanted)
		die(1, "%s: %s at %llu: %zd bytes, expected %zd", load->path, call,
		    (unsigned long long)pos, got, wanted);
}

static uint64_t file_size(const struct load *load, int fd)
{
	struct stat st;

	expect(load, "fstat", 0, fstat(fd, &st), 0);
	return st.st_size;
}

/* Writing and reading: arg[0] calls of arg[1] bytes */

/* The calls of one command: they begin at @pos, @stride apart. */
static int write_calls(const struct load *load, int flags, uint64_t pos, uint64_t stride)
{
	uint64_t calls = load->arg[0], size = load->arg[1];
	int fd = open_file(load, flags);
	uint8_t *buf = page_alloc(size);

	if (flags & O_APPEND)
		pos = file_size(load, fd);
	for (uint64_t i = 0; i < calls; i++, pos += stride) {
		fill(buf, size, pos, load->tag);
		expect(load, "write", pos, pwrite(fd, buf, size, pos), size);
	}
	free(buf);
	printf("op=%s calls=%llu bytes=%llu\n", flags & O_APPEND ? "append" : "write",
	       (unsigned long long)calls, (unsigned long long)(calls * size));
	return fd;
}

static void do_write(const struct load *load)
{
	close_file(load, write_calls(load, O_WRONLY | O_CREAT | O_TRUNC, 0, load->arg[1]));
}

static void do_append(const struct load *load)
{
	close_file(load, write_calls(load, O_WRONLY | O_CREAT | O_APPEND, 0, load->arg[1]));
}

static void do_overwrite(const struct load *load)
{
	int fd = open_file(load, O_RDONLY);

	if (file_size(load, fd) < load->arg[0] * load->arg[1])
		die(1, "%s: is shorter than what to overwrite", load->path);
	close(fd);
	close_file(load, write_calls(load, O_WRONLY, 0, load->arg[1]));
}

static void do_sparse(const struct load *load)
{
	uint64_t stride = 2 * load->arg[1];
	int fd = write_calls(load, O_WRONLY | O_CREAT | O_TRUNC, 0, stride);

	expect(load, "ftruncate", 0, ftruncate(fd, load->arg[0] * stride), 0);
	close_file(load, fd);
}

static void do_read(const struct load *load)
{
	uint64_t calls = load->arg[0], size = load->arg[1];
	int fd = open_file(load, O_RDONLY);
	uint8_t *buf = page_alloc(size);

	for (uint64_t i = 0; i < calls; i++)
		expect(load, "read", i * size, pread(fd, buf, size, i * size), size);
	free(buf);
	printf("op=read calls=%llu bytes=%llu\n", (unsigned long long)calls,
	       (unsigned long long)(calls * size));
	close_file(load, fd);
}

/* arg[0] writes, each from another stack of calls */

#define TURNS 16

/*
 * One call deeper for each turn, to the left or to the right by the bits of @way. The
 * kernel follows frame pointers; the two calls must not become one, nor a jump.
 */
static ssize_t __attribute__((noinline, noclone, optimize("no-omit-frame-pointer")))
write_from(unsigned int way, unsigned int turns, int fd, const uint8_t *buf, uint64_t pos)
{
	ssize_t n;

	if (!turns) {
		n = pwrite(fd, buf, PAGE, pos);
		asm volatile("# here");
	} else if (way & 1) {
		n = write_from(way >> 1, turns - 1, fd, buf, pos);
		asm volatile("# left");
	} else {
		n = write_from(way >> 1, turns - 1, fd, buf, pos);
		asm volatile("# right");
	}
	return n;
}

static void do_stacks(const struct load *load)
{
	int fd = open_file(load, O_WRONLY | O_CREAT | O_TRUNC);
	uint8_t *buf = page_alloc(PAGE);

	if (load->arg[0] > 1 << TURNS)
		die(2, "stacks: there are no more than %d", 1 << TURNS);
	for (uint64_t i = 0, pos = 0; i < load->arg[0]; i++, pos += PAGE) {
		fill(buf, PAGE, pos, load->tag);
		expect(load, "write", pos, write_from(i, TURNS, fd, buf, pos), PAGE);
	}
	free(buf);
	close_file(load, fd);
	printf("op=stacks calls=%llu\n", (unsigned long long)load->arg[0]);
}

/* arg[0] files, one call of arg[1] bytes in each */

typedef ssize_t (*io_call)(int fd, uint8_t *buf, size_t size);

static ssize_t write_start(int fd, uint8_t *buf, size_t size)
{
	return pwrite(fd, buf, size, 0);
}

static ssize_t read_start(int fd, uint8_t *buf, size_t size)
{
	return pread(fd, buf, size, 0);
}

static void each_file(const struct load *load, const char *op, int flags, io_call call)
{
	struct load one = *load;
	uint8_t *buf = page_alloc(load->arg[1]);

	fill(buf, load->arg[1], 0, load->tag);
	for (uint64_t i = 0; i < load->arg[0]; i++) {
		int fd;

		if ((unsigned int)snprintf(one.path, sizeof(one.path), "%s.%llu", load->path,
					   (unsigned long long)i) >= sizeof(one.path))
			die(2, "%s: the name is too long", load->path);
		fd = open_file(&one, flags);
		expect(&one, op, 0, call(fd, buf, load->arg[1]), load->arg[1]);
		close_file(&one, fd);
	}
	free(buf);
	printf("op=%s calls=%llu bytes=%llu\n", op, (unsigned long long)load->arg[0],
	       (unsigned long long)(load->arg[0] * load->arg[1]));
}

static void do_files(const struct load *load)
{
	each_file(load, "files", O_WRONLY | O_CREAT | O_TRUNC, write_start);
}

static void do_visit(const struct load *load)
{
	each_file(load, "visit", O_RDONLY, read_start);
}

static void do_verify(const struct load *load)
{
	static const size_t chunk = 1 << 20;
	uint64_t pos = 0, data = 0, zeros = 0;
	int fd = open_file(load, O_RDONLY);
	uint8_t *buf = page_alloc(chunk);
	ssize_t n;

	while ((n = pread(fd, buf, chunk, pos)) > 0) {
		for (ssize_t i = 0; i < n; i++, pos++) {
			if (buf[i] && buf[i] != pattern(pos, load->tag))
				die(1, "%s: at %llu: %#x, expected %#x or 0", load->path,
				    (unsigned long long)pos, buf[i], pattern(pos, load->tag));
			zeros += !buf[i];
			data += !!buf[i];
		}
	}
	expect(load, "read", pos, n, 0);
	free(buf);
	close_file(load, fd);
	printf("op=verify size=%llu data=%llu zeros=%llu\n", (unsigned long long)pos,
	       (unsigned long long)data, (unsigned long long)zeros);
}

/* Short writes: the end of the buffer cannot be read */

static const struct short_case {
	const char *name;
	size_t count;
	size_t start;		/* the buffer begins this far into its first page */
	size_t good;		/* pages that can be read, from the first on */
	bool direct;
	ssize_t expected;	/* bytes, or a negative errno */
} short_cases[] = {
	{ "last-page-bad", 16384, 0, 3, false, 12288 },
	{ "second-page-bad", 8192, 100, 1, false, 3996 },
	{ "all-bad", 8192, 0, 0, false, -EFAULT },
	{ "direct-last-page-bad", 16384, 0, 3, true, -EFAULT },
	{ NULL }
};

#define SHORT_PAGES 4

static ssize_t short_write(const struct load *load, const struct short_case *c, uint64_t pos)
{
	uint8_t *buf = mmap(NULL, SHORT_PAGES * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(load->path, O_RDWR | O_CREAT | (c->direct ? O_DIRECT : 0), 0644);
	ssize_t n;

	if (buf == MAP_FAILED || fd < 0)
		die(1, "%s: %s", load->path, strerror(errno));
	fill(buf + c->start, c->count, pos, load->tag);
	/* Not PROT_NONE, which user-mode Linux reads all the same */
	munmap(buf + c->good * PAGE, (SHORT_PAGES - c->good) * PAGE);
	n = pwrite(fd, buf + c->start, c->count, pos);
	if (n < 0)
		n = -errno;
	munmap(buf, c->good * PAGE);
	close_file(load, fd);
	return n;
}

/* Each case at its own place, 64 KiB apart, in an empty file. */
static void do_short(const struct load *load)
{
	int differ = 0;

	close(open_file(load, O_WRONLY | O_CREAT | O_TRUNC));
	for (const struct short_case *c = short_cases; c->name; c++) {
		ssize_t n = short_write(load, c, (c - short_cases) * 65536);

		printf("op=short case=%s count=%zu result=%zd expected=%zd\n", c->name, c->count,
		       n, c->expected);
		differ += n != c->expected;
	}
	if (differ && !load->any)
		die(1, "%s: %d of the short writes are not what was expected", load->path, differ);
	do_verify(load);
}

/* One call of arg[1] bytes at arg[0], whatever comes of it. */
static void do_once(const struct load *load)
{
	int fd = open_file(load, O_RDWR | O_CREAT);
	uint8_t *buf = page_alloc(load->arg[1]);
	ssize_t n;

	fill(buf, load->arg[1], load->arg[0], load->tag);
	n = pwrite(fd, buf, load->arg[1], load->arg[0]);
	printf("op=once pos=%llu count=%llu result=%zd\n", (unsigned long long)load->arg[0],
	       (unsigned long long)load->arg[1], n < 0 ? -(ssize_t)errno : n);
	close(fd);
	free(buf);
}

/*
 * A new file that ends within a block, and grows over that end while the block is
 * still to be written back: the kernel has to zero the rest of it, finds that its
 * mapping will have changed by then, writes back and starts again.
 */
static void do_gap(const struct load *load)
{
	int fd = open_file(load, O_RDWR | O_CREAT | O_TRUNC);
	uint8_t buf[100];

	for (uint64_t pos = 0; pos <= 2 * PAGE; pos += 2 * PAGE) {
		fill(buf, sizeof(buf), pos, load->tag);
		expect(load, "write", pos, pwrite(fd, buf, sizeof(buf), pos), sizeof(buf));
	}
	close_file(load, fd);
	printf("op=gap size=%zu\n", 2 * PAGE + sizeof(buf));
}

/* Allocation and size */

static void allocate(const struct load *load, const char *op, int mode, uint64_t pos, uint64_t len)
{
	int fd = open_file(load, O_RDWR | O_CREAT);

	expect(load, op, pos, fallocate(fd, mode, pos, len), 0);
	close_file(load, fd);
	printf("op=%s pos=%llu bytes=%llu\n", op, (unsigned long long)pos, (unsigned long long)len);
}

static void do_prealloc(const struct load *load)
{
	allocate(load, "prealloc", 0, 0, load->arg[0]);
}

static void do_punch(const struct load *load)
{
	allocate(load, "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, load->arg[0],
		 load->arg[1]);
}

static void do_zero(const struct load *load)
{
	allocate(load, "zero", FALLOC_FL_ZERO_RANGE, load->arg[0], load->arg[1]);
}

static void do_truncate(const struct load *load)
{
	int fd = open_file(load, O_RDWR | O_CREAT);

	expect(load, "ftruncate", load->arg[0], ftruncate(fd, load->arg[0]), 0);
	expect(load, "size after ftruncate", 0, file_size(load, fd), load->arg[0]);
	close_file(load, fd);
	printf("op=truncate size=%llu\n", (unsigned long long)load->arg[0]);
}

static void do_fsync(const struct load *load)
{
	int fd = open_file(load, O_RDWR);

	expect(load, "fsync", 0, fsync(fd), 0);
	close_file(load, fd);
	printf("op=fsync\n");
}

/* Write back, then forget: later reads have to come from the device. */
static void do_drop(const struct load *load)
{
	int fd = open_file(load, O_RDWR);

	expect(load, "fsync", 0, fsync(fd), 0);
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	expect(load, "fadvise", 0, errno ? -1 : 0, 0);
	close_file(load, fd);
	printf("op=drop\n");
}

/* Where the data is */

/* One FIEMAP call for at most 64 extents from @pos; returns where to go on. */
static uint64_t fiemap_some(const struct load *load, int fd, uint64_t pos, unsigned int *count)
{
	union {
		struct fiemap map;
		uint8_t space[sizeof(struct fiemap) + 64 * sizeof(struct fiemap_extent)];
	} u = { .map = { .fm_start = pos, .fm_length = FIEMAP_MAX_OFFSET - pos,
			 .fm_flags = FIEMAP_FLAG_SYNC, .fm_extent_count = 64 } };
	const struct fiemap_extent *e = u.map.fm_extents;

	expect(load, "FIEMAP", pos, ioctl(fd, FS_IOC_FIEMAP, &u.map), 0);
	for (unsigned int i = 0; i < u.map.fm_mapped_extents; i++, e++) {
		printf("op=fiemap offset=%llu length=%llu addr=%llu unwritten=%d last=%d\n",
		       e->fe_logical, e->fe_length, e->fe_physical,
		       !!(e->fe_flags & FIEMAP_EXTENT_UNWRITTEN),
		       !!(e->fe_flags & FIEMAP_EXTENT_LAST));
		++*count;
		pos = e->fe_flags & FIEMAP_EXTENT_LAST ? UINT64_MAX : e->fe_logical + e->fe_length;
	}
	return u.map.fm_mapped_extents ? pos : UINT64_MAX;
}

static void do_fiemap(const struct load *load)
{
	int fd = open_file(load, O_RDONLY);
	unsigned int count = 0;

	for (uint64_t pos = 0; pos != UINT64_MAX; )
		pos = fiemap_some(load, fd, pos, &count);
	close_file(load, fd);
	printf("op=fiemap extents=%u\n", count);
}

static void do_seek(const struct load *load)
{
	int fd = open_file(load, O_RDONLY);
	off_t size = file_size(load, fd), hole = 0, data;
	unsigned int count = 0;

	while (hole < size && (data = lseek(fd, hole, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data)
			die(1, "%s: SEEK_HOLE at %lld: %lld", load->path, (long long)data,
			    (long long)hole);
		printf("op=seek data=%lld hole=%lld\n", (long long)data, (long long)hole);
		count++;
	}
	if (hole < size && errno != ENXIO)
		die(1, "%s: SEEK_DATA at %lld: %s", load->path, (long long)hole, strerror(errno));
	close_file(load, fd);
	printf("op=seek segments=%u\n", count);
}

/* Through a shared mapping: the file is arg[0] pages long, all are written. */
static void do_mmap(const struct load *load)
{
	uint64_t len = load->arg[0] * PAGE;
	int fd = open_file(load, O_RDWR | O_CREAT | O_TRUNC);
	uint8_t *map;

	expect(load, "ftruncate", len, ftruncate(fd, len), 0);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die(1, "%s: mmap: %s", load->path, strerror(errno));
	/* The mapping alone keeps the file, as with a program that is run. */
	close_file(load, fd);
	fill(map, len, 0, load->tag);
	expect(load, "msync", 0, msync(map, len, MS_SYNC), 0);
	munmap(map, len);
	printf("op=mmap pages=%llu bytes=%llu\n", (unsigned long long)load->arg[0],
	       (unsigned long long)len);
}

/* Random operations, each compared with a copy in memory */

#define MODEL_MAX (1 << 20)

struct model {
	const struct load *load;
	int fd, direct_fd;
	uint64_t size;
	uint64_t random;
	uint64_t nr;
	uint8_t data[MODEL_MAX];	/* zeros beyond size */
	uint8_t *buf;
};

static uint64_t next_random(struct model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % below;
}

static void random_range(struct model *m, uint64_t align, uint64_t *pos, uint64_t *len)
{
	*pos = next_random(m, MODEL_MAX) & -align;
	*len = (next_random(m, 65536) & -align) + align;
	if (*len > MODEL_MAX - *pos)
		*len = MODEL_MAX - *pos;
}

static void model_resize(struct model *m, uint64_t size)
{
	if (size < m->size)
		memset(m->data + size, 0, m->size - size);
	m->size = size;
}

static void model_write(struct model *m, int fd, uint64_t align)
{
	uint64_t pos, len;

	random_range(m, align, &pos, &len);
	fill(m->data + pos, len, pos, m->nr);
	memcpy(m->buf, m->data + pos, len);
	expect(m->load, "write", pos, pwrite(fd, m->buf, len, pos), len);
	if (pos + len > m->size)
		m->size = pos + len;
}

static void random_write(struct model *m)
{
	model_write(m, m->fd, 1);
}

static void random_direct_write(struct model *m)
{
	model_write(m, m->direct_fd, PAGE);
}

static void model_read(struct model *m, int fd, uint64_t align)
{
	uint64_t pos, len, wanted;

	random_range(m, align, &pos, &len);
	wanted = pos >= m->size ? 0 : m->size - pos < len ? m->size - pos : len;
	expect(m->load, "read", pos, pread(fd, m->buf, len, pos), wanted);
	for (uint64_t i = 0; i < wanted; i++)
		if (m->buf[i] != m->data[pos + i])
			die(1, "%s: operation %llu: byte %llu, read %llu from %llu on: %#x, not %#x",
			    m->load->path, (unsigned long long)m->nr,
			    (unsigned long long)(pos + i), (unsigned long long)len,
			    (unsigned long long)pos, m->buf[i], m->data[pos + i]);
}

static void random_read(struct model *m)
{
	model_read(m, m->fd, 1);
}

static void random_direct_read(struct model *m)
{
	model_read(m, m->direct_fd, PAGE);
}

static void random_truncate(struct model *m)
{
	uint64_t size = next_random(m, MODEL_MAX);

	expect(m->load, "ftruncate", size, ftruncate(m->fd, size), 0);
	model_resize(m, size);
}

static void model_fallocate(struct model *m, const char *op, int mode, bool zero)
{
	uint64_t pos, len;

	random_range(m, 1, &pos, &len);
	if (fallocate(m->fd, mode, pos, len)) {
		if (errno == EOPNOTSUPP)
			return;
		expect(m->load, op, pos, -1, 0);
	}
	if (zero)
		memset(m->data + pos, 0, len);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && pos + len > m->size)
		m->size = pos + len;
}

static void random_prealloc(struct model *m)
{
	model_fallocate(m, "fallocate", 0, false);
}

static void random_punch(struct model *m)
{
	model_fallocate(m, "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, true);
}

static void random_zero(struct model *m)
{
	model_fallocate(m, "zero range", FALLOC_FL_ZERO_RANGE, true);
}

static void random_mmap(struct model *m)
{
	uint64_t pos, len;
	uint8_t *map;

	random_range(m, 1, &pos, &len);
	if (pos + len > m->size)
		return;
	map = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (map == MAP_FAILED)
		die(1, "%s: mmap: %s", m->load->path, strerror(errno));
	fill(m->data + pos, len, pos, m->nr);
	memcpy(map + pos, m->data + pos, len);
	munmap(map, m->size);
}

static void random_fsync(struct model *m)
{
	expect(m->load, "fsync", 0, fsync(m->fd), 0);
}

static void random_drop(struct model *m)
{
	random_fsync(m);
	posix_fadvise(m->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void (*const random_ops[])(struct model *m) = {
	random_write, random_write, random_write, random_direct_write, random_direct_write,
	random_read, random_read, random_read, random_direct_read, random_direct_read,
	random_truncate, random_prealloc, random_punch, random_zero, random_mmap, random_mmap,
	random_fsync, random_drop,
};

static void do_random(const struct load *load)
{
	static struct model m;
	const size_t nops = sizeof(random_ops) / sizeof(*random_ops);

	m.load = load;
	m.random = load->arg[1] * 2654435761u + 88172645463325252ULL;
	m.buf = page_alloc(65536 + PAGE);
	m.fd = open(load->path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	m.direct_fd = open(load->path, O_RDWR | O_DIRECT);
	if (m.fd < 0 || m.direct_fd < 0)
		die(1, "%s: open: %s", load->path, strerror(errno));
	for (m.nr = 0; m.nr < load->arg[0]; m.nr++) {
		random_ops[next_random(&m, nops)](&m);
		expect(load, "size", m.nr, file_size(load, m.fd), m.size);
	}
	close(m.direct_fd);
	close_file(load, m.fd);
	free(m.buf);
	printf("op=random operations=%llu seed=%llu size=%llu\n", (unsigned long long)load->arg[0],
	       (unsigned long long)load->arg[1], (unsigned long long)m.size);
}

/* Command line */

static const struct command {
	const char *name;
	unsigned int args;
	const char *usage;
	const char *help;
	void (*run)(const struct load *load);
} commands[] = {
	{ "write", 2, "N SIZE", "new file, N writes of SIZE bytes one after the other", do_write },
	{ "append", 2, "N SIZE", "N writes of SIZE bytes at the end of the file", do_append },
	{ "overwrite", 2, "N SIZE", "N writes of SIZE bytes from the start on", do_overwrite },
	{ "sparse", 2, "N SIZE", "new file, data and hole in turn, N of each", do_sparse },
	{ "stacks", 1, "N", "new file, N writes of 4096 bytes, each from another stack of calls",
	  do_stacks },
	{ "read", 2, "N SIZE", "N reads of SIZE bytes from the start on", do_read },
	{ "files", 2, "N SIZE", "N new files FILE.0 to FILE.N-1, one write to each", do_files },
	{ "visit", 2, "N SIZE", "one read from each of N files", do_visit },
	{ "verify", 0, "", "read all; each byte is what was written there, or 0", do_verify },
	{ "short", 0, "", "new file, writes from buffers with a bad end", do_short },
	{ "once", 2, "POS BYTES", "one write; says how far it came", do_once },
	{ "gap", 0, "", "new file, two small writes with a gap between", do_gap },
	{ "prealloc", 1, "BYTES", "fallocate from 0 on", do_prealloc },
	{ "punch", 2, "POS BYTES", "punch a hole", do_punch },
	{ "zero", 2, "POS BYTES", "zero a range", do_zero },
	{ "truncate", 1, "BYTES", "set the size", do_truncate },
	{ "mmap", 1, "PAGES", "new file, written through a shared mapping", do_mmap },
	{ "fsync", 0, "", "fsync", do_fsync },
	{ "drop", 0, "", "fsync, then drop the file's page cache", do_drop },
	{ "fiemap", 0, "", "list the extents", do_fiemap },
	{ "seek", 0, "", "list the data, by SEEK_DATA and SEEK_HOLE", do_seek },
	{ "random", 2, "N SEED", "N random operations of all kinds, compared with a model",
	  do_random },
	{ NULL }
};

static const struct argp_option options[] = {
	{ "direct", 'd', 0, 0, "Direct I/O (O_DIRECT)", 0 },
	{ "file", 'f', "NAME", 0, "The file in DIR (load)", 0 },
	{ "sync", 's', 0, 0, "fsync before closing", 0 },
	{ "tag", 't', "N", 0, "Content to write or to expect: another one for each N (0)", 0 },
	{ "any", 'a', 0, 0, "short: take other results than those of iomap, too", 0 },
	{ 0 }
};

static uint64_t parse_number(const char *what, const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		die(2, "%s: %s: give a whole number", what, text);
	return n;
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	die(2, "%s: no such command; iomapload --help lists them", name);
}

static void parse_argument(struct load *load, const char *arg)
{
	if (!load->dir)
		load->dir = arg;
	else if (!load->command)
		load->command = find_command(arg);
	else if (load->args < load->command->args)
		load->arg[load->args++] = parse_number(load->command->name, arg);
	else
		die(2, "%s: %s: too many arguments; give %s", load->command->name, arg,
		    load->command->args ? load->command->usage : "none");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct load *load = state->input;

	switch (key) {
	case 'd':
		load->direct = true;
		return 0;
	case 'f':
		load->file = arg;
		return 0;
	case 's':
		load->sync = true;
		return 0;
	case 't':
		load->tag = parse_number("--tag", arg);
		return 0;
	case 'a':
		load->any = true;
		return 0;
	case ARGP_KEY_ARG:
		parse_argument(load, arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void list_commands(FILE *out)
{
	fputs("COMMAND:\n", out);
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-9s %-10s %s\n", c->name, c->usage, c->help);
}

static char *help_filter(int key, const char *text, void *input)
{
	return help_end(key, text, list_commands);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "DIR COMMAND [ARG...]",
		.doc = "Do exactly known operations on a file in DIR and say what came of them.\v",
		.help_filter = help_filter,
	};
	static struct load load = { .file = "load" };

	atexit(help_check_written);
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &load);
	if (!load.command)
		die(2, "give DIR and COMMAND; iomapload --help lists them");
	if (load.args < load.command->args)
		die(2, "%s: give %s", load.command->name, load.command->usage);
	if ((unsigned int)snprintf(load.path, sizeof(load.path), "%s/%s", load.dir, load.file) >=
	    sizeof(load.path))
		die(2, "%s: the name is too long", load.dir);
	load.command->run(&load);
	return 0;
}
