// SPDX-License-Identifier: GPL-2.0-only
/*
 * features: one line for each thing that a program can expect of a file system,
 * "case: what came of it". The same program runs on the file system under test
 * and on one that is trusted; their lines have to be equal.
 *
 * A result is a number, the name of an errno, or content: letters with how many
 * bytes there are of each, a dot for zeros, as in "A4096 .512 B1". So nothing is
 * printed that may differ between two good file systems, such as times, sizes of
 * caches, or how much fits.
 *
 * Exit status: 0, 1 what a case needs was not to be had, 2 usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MIB (1 << 20)

/* Newer than the headers of Debian 12 */
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif
#ifndef RWF_ATOMIC
#define RWF_ATOMIC 0x40
#endif
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80
#endif
#ifndef STATX_DIOALIGN
#define STATX_DIOALIGN 0x2000U
#endif

/* What is printed */

static void __attribute__((format(printf, 2, 3))) say(const char *what, const char *format, ...)
{
	va_list args;

	printf("%s: ", what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* What a system call returned, or the name of its error. */
static void returned(const char *what, int64_t ret)
{
	if (ret == -1)
		say(what, "%s", strerrorname_np(errno));
	else
		say(what, "%lld", (long long)ret);
}

static void yes_no(const char *what, bool yes)
{
	say(what, "%s", yes ? "yes" : "no");
}

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "features: %s: %s\n", what, strerror(errno));
	exit(1);
}

#define NEED(call) ({ __auto_type ret_ = (call); if (ret_ == -1) die(#call); ret_; })

/* Runs of equal bytes. */
static void runs(const char *what, const uint8_t *buf, size_t len)
{
	printf("%s:", what);
	for (size_t i = 0, n; i < len; i += n) {
		for (n = 1; i + n < len && buf[i + n] == buf[i]; n++)
			;
		printf(" %c%zu", buf[i] ? buf[i] : '.', n);
	}
	printf("%s\n", len ? "" : " empty");
}

static uint8_t *page_alloc(size_t len, int byte)
{
	uint8_t *buf = aligned_alloc(PAGE, (len + PAGE - 1) / PAGE * PAGE);

	if (!buf)
		die("memory");
	memset(buf, byte, len);
	return buf;
}

/* All of the file, by read(2). */
static void content(const char *what, int fd)
{
	off_t size = NEED(lseek(fd, 0, SEEK_END));
	uint8_t *buf = page_alloc(size + 1, 0);

	if (pread(fd, buf, size + 1, 0) != size)
		die("read all of the file");
	runs(what, buf, size);
	free(buf);
}

/* Nothing of the file stays in the page cache. */
static void drop(int fd)
{
	NEED(fsync(fd));
	NEED(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

/* The same, once more from the disk. */
static void content_twice(const char *what, int fd)
{
	char again[200];

	content(what, fd);
	drop(fd);
	snprintf(again, sizeof(again), "%s, from the disk", what);
	content(again, fd);
}

static int64_t put(int fd, char letter, size_t len, off_t pos)
{
	uint8_t *buf = page_alloc(len, letter);
	int64_t ret = pwrite(fd, buf, len, pos);
	int err = errno;

	free(buf);
	errno = err;
	return ret;
}

static int open_new(const char *name, int flags)
{
	unlink(name);
	return NEED(open(name, O_RDWR | O_CREAT | O_EXCL | flags, 0644));
}

/* A new file that holds @len times @letter. */
static int new_file(const char *name, char letter, size_t len)
{
	int fd = open_new(name, 0);

	if (len)
		NEED(put(fd, letter, len, 0));
	return fd;
}

static char *map(int fd, size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static char *map_shared(int fd, size_t len)
{
	return map(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* Signals that a case expects */
static sigjmp_buf jump;
static volatile sig_atomic_t xfsz;

static void on_bus(int sig)
{
	siglongjmp(jump, sig);
}

static void on_xfsz(int sig)
{
	xfsz++;
}

/* Touch a byte; returns whether that gave no SIGBUS. */
static bool touch(volatile char *p, bool write)
{
	if (sigsetjmp(jump, 1))
		return false;
	if (write)
		*p = 'T';
	else
		(void)*p;
	return true;
}

static const char *touched(volatile char *p, bool write)
{
	return touch(p, write) ? "ok" : "SIGBUS";
}

static struct stat stat_of(int fd)
{
	struct stat st;

	NEED(fstat(fd, &st));
	return st;
}

static void size(const char *what, int fd)
{
	say(what, "size %lld", (long long)stat_of(fd).st_size);
}

/* ---- mmap */

static void test_mmap_read(void)
{
	int fd = new_file("f", 'A', 5000);
	char *p = map(fd, 4 * PAGE, PROT_READ, MAP_SHARED);

	runs("mmap reads what was written, and zeros to the end of the page", (uint8_t *)p, 2 * PAGE);
	say("mmap beyond the last page", "%s", touched(p + 2 * PAGE, false));
	NEED(ftruncate(fd, 4 * PAGE));
	runs("mmap after the file grew", (uint8_t *)p, 4 * PAGE);
	NEED(put(fd, 'B', 100, PAGE - 50));
	runs("mmap sees write", (uint8_t *)p, 2 * PAGE);
	NEED(ftruncate(fd, PAGE));
	say("mmap of what truncate cut off", "%s", touched(p + PAGE, false));
	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 200));
	runs("mmap sees a hole", (uint8_t *)p, PAGE);
	munmap(p, 4 * PAGE);
	drop(fd);
	p = map(fd, PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE);
	runs("mmap populated from the disk", (uint8_t *)p, PAGE);
	munmap(p, PAGE);
	close(fd);
}

static void test_mmap_write(void)
{
	int fd = open_new("f", 0);
	char *p;

	NEED(ftruncate(fd, 10 * PAGE - 100));
	p = map_shared(fd, 10 * PAGE);
	memset(p + PAGE + 10, 'A', 100);
	memset(p + 3 * PAGE, 'B', 2 * PAGE);
	content("mmap writes into a hole", fd);
	returned("mmap msync", msync(p, 10 * PAGE, MS_SYNC));
	content_twice("mmap after msync", fd);
	memset(p + 9 * PAGE, 'C', PAGE);
	content("mmap writes beyond the end of the file: not part of it", fd);
	NEED(fsync(fd));
	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE));
	memset(p + 3 * PAGE + 5, 'D', 5);
	content_twice("mmap writes into a punched hole", fd);
	memset(p + 4 * PAGE, 'E', 10);
	NEED(ftruncate(fd, 4 * PAGE + 5));
	NEED(ftruncate(fd, 6 * PAGE));
	content_twice("mmap: what a truncation cut off is zero afterwards", fd);
	munmap(p, 10 * PAGE);
	NEED(ftruncate(fd, 0));
	NEED(fallocate(fd, 0, 0, 3 * PAGE));
	p = map_shared(fd, 3 * PAGE);
	p[PAGE] = 'F';
	content_twice("mmap writes into preallocated blocks", fd);
	munmap(p, 3 * PAGE);
	close(fd);
}

static void test_mmap_modes(void)
{
	int fd = new_file("f", 'A', PAGE), ro = NEED(open("f", O_RDONLY));
	char *p = map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(p, 'P', 10);
	content("mmap private: the file stays", fd);
	munmap(p, PAGE);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0);
	returned("mmap shared for writing, file open for reading", p == MAP_FAILED ? -1 : 0);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	returned("mmap protected, then made writable", mprotect(p, PAGE, PROT_WRITE));
	munmap(p, PAGE);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	returned("mmap MAP_SYNC", p == MAP_FAILED ? -1 : 0);
	p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, ro, 0);
	returned("mmap for execution", p == MAP_FAILED ? -1 : 0);
	p = map_shared(fd, PAGE);
	returned("mlock", mlock(p, PAGE));
	NEED(munlock(p, PAGE));
	returned("madvise MADV_REMOVE punches a hole", madvise(p, PAGE, MADV_REMOVE));
	content("mmap after MADV_REMOVE", fd);
	returned("madvise MADV_POPULATE_WRITE", madvise(p, PAGE, MADV_POPULATE_WRITE));
	munmap(p, PAGE);
	close(ro);
	close(fd);
}

static void test_mmap(void)
{
	test_mmap_read();
	test_mmap_write();
	test_mmap_modes();
}

/* ---- fallocate */

static void test_fallocate_modes(void)
{
	const int keep = FALLOC_FL_KEEP_SIZE, punch = FALLOC_FL_PUNCH_HOLE | keep;
	int fd = new_file("f", 'A', 3 * PAGE), ro = NEED(open("f", O_RDONLY));

	returned("allocate within the file", fallocate(fd, 0, 100, PAGE));
	returned("allocate beyond", fallocate(fd, 0, 2 * PAGE, 2 * PAGE + 10));
	content_twice("allocated beyond", fd);
	returned("allocate, keep size", fallocate(fd, keep, 3 * PAGE, 10 * PAGE));
	size("allocated, size kept", fd);
	yes_no("allocated, size kept, has blocks", stat_of(fd).st_blocks * 512 >= 13 * PAGE);
	NEED(ftruncate(fd, 6 * PAGE));
	content_twice("the file grew into what was allocated", fd);
	returned("punch, unaligned", fallocate(fd, punch, 100, 2 * PAGE));
	content_twice("punched, unaligned", fd);
	returned("punch within a sector", fallocate(fd, punch, 3 * PAGE - 5, 3));
	returned("punch beyond the end", fallocate(fd, punch, 5 * PAGE, 100 * PAGE));
	returned("punch far beyond the end", fallocate(fd, punch, 1000 * PAGE, 100));
	content_twice("punched beyond", fd);
	returned("punch without keep size", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE));
	NEED(put(fd, 'B', 3 * PAGE, 0));
	returned("zero range", fallocate(fd, FALLOC_FL_ZERO_RANGE, 50, PAGE));
	content_twice("zeroed", fd);
	returned("zero range, keep size", fallocate(fd, FALLOC_FL_ZERO_RANGE | keep, 2 * PAGE + 1, 9 * PAGE));
	size("zeroed, size kept", fd);
	returned("zero range beyond the end", fallocate(fd, FALLOC_FL_ZERO_RANGE, 2 * PAGE, 9 * PAGE));
	content_twice("zeroed beyond the end", fd);
	returned("fallocate, length 0", fallocate(fd, 0, 0, 0));
	returned("fallocate, negative offset", fallocate(fd, 0, -1, 10));
	returned("fallocate, negative length", fallocate(fd, 0, 0, -1));
	returned("fallocate, end overflows", fallocate(fd, 0, INT64_MAX - 10, 100));
	returned("fallocate, file open for reading", fallocate(ro, 0, 0, 10));
	returned("fallocate, unknown mode", fallocate(fd, 0x4000, 0, 10));
	close(ro);
	close(fd);
}

/* Data that is only in the page cache, in the way of what happens to blocks. */
static void test_fallocate_dirty(void)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int fd = open_new("f", 0);

	for (int i = 0; i < 3; i++) {
		NEED(ftruncate(fd, 0));
		NEED(put(fd, 'A', 20 * PAGE, 0));
		if (i == 1)
			NEED(fsync(fd));
		if (i == 2)
			drop(fd);
		NEED(put(fd, 'B', 2 * PAGE + 50, 4 * PAGE));
		returned("punch into dirty pages", fallocate(fd, punch, 5 * PAGE - 1000, 4 * PAGE));
		content_twice("punched into dirty pages", fd);
		NEED(put(fd, 'C', 2 * PAGE + 50, 4 * PAGE));
		returned("zero dirty pages", fallocate(fd, FALLOC_FL_ZERO_RANGE, 5 * PAGE - 1000, 2 * PAGE));
		content_twice("zeroed dirty pages", fd);
	}
	close(fd);
}

static void test_fallocate(void)
{
	test_fallocate_modes();
	test_fallocate_dirty();
}

/* ---- truncate */

static void test_truncate(void)
{
	int fd = new_file("f", 'A', 3 * PAGE), ro = NEED(open("f", O_RDONLY)), other;

	returned("truncate in a sector", ftruncate(fd, 2 * PAGE + 100));
	content_twice("truncated in a sector", fd);
	returned("truncate up", ftruncate(fd, 4 * PAGE));
	content_twice("truncated up: zeros", fd);
	returned("write beyond the end", put(fd, 'B', 10, 5 * PAGE + 1));
	content_twice("written beyond the end: zeros between", fd);
	returned("truncate by name", truncate("f", 5 * PAGE + 5));
	content("truncated by name", fd);
	returned("truncate, file open for reading", ftruncate(ro, 0));
	returned("truncate, negative", ftruncate(fd, -1));
	other = NEED(open("f", O_WRONLY | O_TRUNC));
	size("opened with O_TRUNC", fd);
	returned("write after O_TRUNC by another", put(fd, 'C', 10, 10));
	content_twice("written after O_TRUNC", fd);
	NEED(unlink("f"));
	returned("truncate without a name", ftruncate(fd, 15));
	content_twice("truncated without a name", fd);
	close(other);
	close(ro);
	close(fd);
}

/* ---- append */

#define APPENDS 200

static void append_many(char letter, int flags)
{
	int fd = NEED(open("f", O_WRONLY | O_APPEND | flags));

	for (int i = 0; i < APPENDS; i++)
		if (put(fd, letter, 512, 0) != 512)
			die("append");
	exit(0);
}

/* Writers at once: every record is there, and whole. */
static void append_parallel(const char *what, int flags)
{
	int fd = open_new("f", 0), found[2] = { 0 }, status, bad = 0;
	uint8_t buf[512];

	fflush(stdout);
	for (int i = 0; i < 2; i++)
		if (NEED(fork()) == 0)
			append_many('A' + i, flags);
	while (wait(&status) > 0)
		bad |= status;
	for (off_t at = 0; pread(fd, buf, 512, at) == 512; at += 512) {
		for (int i = 1; i < 512; i++)
			bad |= buf[i] != buf[0];
		if (buf[0] == 'A' || buf[0] == 'B')
			found[buf[0] - 'A']++;
	}
	say(what, "%d and %d records, %s", found[0], found[1], bad ? "damaged" : "whole");
	size(what, fd);
	close(fd);
}

static void test_append(void)
{
	int fd = new_file("f", 'A', 100), append = NEED(open("f", O_RDWR | O_APPEND)), direct;

	returned("append: the position does not matter", put(append, 'B', 10, 5));
	returned("append again", put(append, 'C', PAGE, 0));
	content_twice("appended", fd);
	NEED(ftruncate(fd, 50));
	returned("append after a truncation", put(append, 'D', 10, 0));
	content_twice("appended after a truncation", fd);
	NEED(ftruncate(fd, PAGE + 1));
	returned("append after the file grew", put(append, 'E', 10, 0));
	content("appended after the file grew", fd);
	NEED(lseek(append, 0, SEEK_SET));
	NEED(write(append, "F", 1));
	yes_no("append moves the file's position to the end", lseek(append, 0, SEEK_CUR) == stat_of(fd).st_size);
	direct = NEED(open("f", O_WRONLY | O_APPEND | O_DIRECT));
	returned("append directly at an odd end", put(direct, 'G', 512, 0));
	NEED(ftruncate(fd, 2 * 512));
	returned("append directly", put(direct, 'G', 512, 0));
	content_twice("appended directly", fd);
	append_parallel("append from two processes", 0);
	append_parallel("append from two processes, directly", O_DIRECT);
	append_parallel("append from two processes, O_DSYNC", O_DSYNC);
	close(direct);
	close(append);
	close(fd);
}

/* ---- direct I/O */

static int64_t direct_read(const char *what, int fd, size_t len, off_t pos)
{
	uint8_t *buf = page_alloc(len, '?');
	int64_t ret = pread(fd, buf, len, pos);

	if (ret < 0)
		returned(what, ret);
	else
		runs(what, buf, ret);
	free(buf);
	return ret;
}

static void test_direct_alignment(int direct)
{
	uint8_t *buf = page_alloc(2 * PAGE, 'X');

	returned("direct write, odd position", pwrite(direct, buf, 512, 100));
	returned("direct write, odd length", pwrite(direct, buf, 100, 0));
	returned("direct write, odd memory", pwrite(direct, buf + 1, 512, 0));
	returned("direct read, odd position", pread(direct, buf, 512, 100));
	returned("direct read, odd memory", pread(direct, buf + 1, 512, 0));
	returned("direct write, nothing", pwrite(direct, buf, 0, 0));
	free(buf);
}

static void test_direct(void)
{
	int fd = new_file("f", 'A', 3 * PAGE), direct = NEED(open("f", O_RDWR | O_DIRECT)), sync;
	char *p;

	direct_read("direct read of dirty pages", direct, 4 * PAGE, 0);
	returned("direct write over cached pages", put(direct, 'B', PAGE, PAGE));
	content_twice("written over cached pages", fd);
	p = map_shared(fd, 3 * PAGE);
	memset(p + 10, 'C', 10);
	direct_read("direct read of pages dirty by mmap", direct, PAGE, 0);
	returned("direct write over mapped pages", put(direct, 'D', 512, 512));
	runs("mmap sees a direct write", (uint8_t *)p, PAGE);
	returned("direct write from the file's own pages", pwrite(direct, p, PAGE, 2 * PAGE));
	content_twice("written from the file's own pages", fd);
	returned("direct read into the file's own pages", pread(direct, p + PAGE, PAGE, 0));
	content_twice("read into the file's own pages", fd);
	munmap(p, 3 * PAGE);
	returned("direct write beyond the end", put(direct, 'E', 512, 5 * PAGE));
	content_twice("written directly beyond the end", fd);
	NEED(ftruncate(fd, 5 * PAGE + 100));
	direct_read("direct read to an odd end", direct, 2 * PAGE, 4 * PAGE);
	direct_read("direct read at the end", direct, PAGE, 6 * PAGE);
	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3 * PAGE));
	direct_read("direct read of a hole", direct, PAGE, PAGE);
	returned("direct write of part of a block into a hole", put(direct, 'F', 512, PAGE + 1024));
	content_twice("written into a hole", fd);
	NEED(fallocate(fd, 0, 8 * PAGE, 4 * PAGE));
	direct_read("direct read of preallocated blocks", direct, PAGE, 9 * PAGE);
	returned("direct write of part of a preallocated block", put(direct, 'G', 512, 9 * PAGE + 512));
	content_twice("written into a preallocated block", fd);
	test_direct_alignment(direct);
	sync = NEED(open("f", O_RDWR | O_DIRECT | O_SYNC));
	returned("direct O_SYNC, overwrite", put(sync, 'H', PAGE, 0));
	returned("direct O_SYNC, extends", put(sync, 'I', PAGE, 12 * PAGE));
	content_twice("written with O_SYNC", fd);
	returned("O_DIRECT by fcntl", fcntl(fd, F_SETFL, O_DIRECT));
	returned("then an odd length", put(fd, 'J', 10, 0));
	close(sync);
	close(direct);
	close(fd);
}

/* ---- RWF_* */

static int64_t put_rwf(int fd, char letter, size_t len, off_t pos, int flags)
{
	struct iovec iov = { page_alloc(len, letter), len };

	return pwritev2(fd, &iov, 1, pos, flags);
}

static int64_t get_rwf(int fd, size_t len, off_t pos, int flags)
{
	struct iovec iov = { page_alloc(len, 0), len };

	return preadv2(fd, &iov, 1, pos, flags);
}

static void test_rwf(void)
{
	int fd = new_file("f", 'A', PAGE), direct = NEED(open("f", O_RDWR | O_DIRECT));
	int append = NEED(open("f", O_RDWR | O_APPEND));

	returned("RWF_DSYNC", put_rwf(fd, 'B', 100, 0, RWF_DSYNC));
	returned("RWF_SYNC", put_rwf(fd, 'C', 100, 100, RWF_SYNC));
	returned("RWF_DSYNC, direct", put_rwf(direct, 'D', 512, 512, RWF_DSYNC));
	returned("RWF_APPEND", put_rwf(fd, 'E', 100, 5, RWF_APPEND));
	returned("RWF_HIPRI, direct read", get_rwf(direct, 512, 0, RWF_HIPRI));
	returned("RWF_HIPRI, direct write", put_rwf(direct, 'F', 512, 1024, RWF_HIPRI));
	returned("RWF_NOAPPEND", put_rwf(append, 'G', 10, 0, RWF_NOAPPEND));
	content_twice("after all of them", fd);
	returned("RWF_ATOMIC, buffered", put_rwf(fd, 'H', PAGE, 0, RWF_ATOMIC));
	returned("RWF_ATOMIC, direct", put_rwf(direct, 'H', PAGE, 0, RWF_ATOMIC));
	returned("an unknown flag", put_rwf(fd, 'H', PAGE, 0, 1 << 30));
	content_twice("after what was refused", fd);
	returned("RWF_APPEND to read", get_rwf(fd, 100, 0, RWF_APPEND));
	close(append);
	close(direct);
	close(fd);
}

/* Whether it has to wait is the file system's business, and ext4 refuses some. */
static void whole_or_not(const char *what, int64_t ret)
{
	yes_no(what, ret == PAGE || errno == EAGAIN || errno == EOPNOTSUPP);
}

static void test_nowait(void)
{
	int fd = new_file("f", 'A', 4 * PAGE), direct = NEED(open("f", O_RDWR | O_DIRECT));

	drop(fd);
	/* That starts to read; what has come by the time it looks is no longer waited for. */
	whole_or_not("RWF_NOWAIT read, not cached", get_rwf(fd, PAGE, 0, RWF_NOWAIT));
	NEED(get_rwf(fd, 4 * PAGE, 0, 0));
	returned("RWF_NOWAIT read, cached", get_rwf(fd, PAGE, 0, RWF_NOWAIT));
	whole_or_not("RWF_NOWAIT write over blocks", put_rwf(fd, 'B', PAGE, 0, RWF_NOWAIT));
	whole_or_not("RWF_NOWAIT write that extends", put_rwf(fd, 'C', PAGE, 4 * PAGE, RWF_NOWAIT));
	whole_or_not("RWF_NOWAIT direct write", put_rwf(direct, 'D', PAGE, PAGE, RWF_NOWAIT));
	whole_or_not("RWF_NOWAIT direct read", get_rwf(direct, PAGE, PAGE, RWF_NOWAIT));
	close(direct);
	close(fd);
}

static void test_dontcache(void)
{
	int fd = new_file("f", 'A', 4 * PAGE);

	drop(fd);
	returned("RWF_DONTCACHE read", get_rwf(fd, 4 * PAGE, 0, RWF_DONTCACHE));
	returned("RWF_DONTCACHE write", put_rwf(fd, 'B', PAGE, PAGE, RWF_DONTCACHE));
	returned("RWF_DONTCACHE write that extends", put_rwf(fd, 'C', PAGE, 4 * PAGE, RWF_DONTCACHE));
	content_twice("after RWF_DONTCACHE", fd);
	close(fd);
}

/* ---- asynchronous I/O */

#define DEPTH 32

/* All at once, each a letter and a place of its own; returns how many were whole. */
static int aio_all(int fd, int opcode, uint8_t *buf[DEPTH], size_t len)
{
	struct iocb iocbs[DEPTH], *list[DEPTH];
	struct io_event events[DEPTH];
	aio_context_t context = 0;
	int whole = 0;

	NEED(syscall(SYS_io_setup, DEPTH, &context));
	for (int i = 0; i < DEPTH; i++) {
		iocbs[i] = (struct iocb) {
			.aio_fildes = fd,
			.aio_lio_opcode = opcode,
			.aio_buf = (uintptr_t)buf[i],
			.aio_nbytes = len,
			.aio_offset = (uint64_t)i * len,
		};
		list[i] = &iocbs[i];
	}
	NEED(syscall(SYS_io_submit, context, DEPTH, list));
	NEED(syscall(SYS_io_getevents, context, DEPTH, DEPTH, events, NULL));
	for (int i = 0; i < DEPTH; i++)
		whole += events[i].res == (int64_t)len;
	syscall(SYS_io_destroy, context);
	return whole;
}

static int uring_all(int fd, int opcode, uint8_t *buf[DEPTH], size_t len, int sqe_flags)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int whole = 0;

	if (io_uring_queue_init(DEPTH, &ring, 0))
		die("io_uring_queue_init");
	for (int i = 0; i < DEPTH; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		io_uring_prep_rw(opcode, sqe, fd, buf[i], len, (uint64_t)i * len);
		sqe->flags |= sqe_flags;
	}
	io_uring_submit(&ring);
	for (int i = 0; i < DEPTH; i++) {
		if (io_uring_wait_cqe(&ring, &cqe))
			die("io_uring_wait_cqe");
		whole += cqe->res == (int64_t)len;
		io_uring_cqe_seen(&ring, cqe);
	}
	io_uring_queue_exit(&ring);
	return whole;
}

static void make_buffers(uint8_t *buf[DEPTH], size_t len, char letter)
{
	for (int i = 0; i < DEPTH; i++)
		buf[i] = page_alloc(len, letter ? letter : 'A' + i % 26);
}

static int same_letters(uint8_t *buf[DEPTH], size_t len)
{
	int good = 0;

	for (int i = 0; i < DEPTH; i++) {
		size_t n = 0;

		while (n < len && buf[i][n] == 'A' + i % 26)
			n++;
		good += n == len;
	}
	return good;
}

static const struct engine {
	const char *name;
	int open_flags;
	bool uring;
	int sqe_flags;
} engines[] = {
	{ "aio, buffered", 0 },
	{ "aio, direct", O_DIRECT },
	{ "aio, direct O_DSYNC", O_DIRECT | O_DSYNC },
	{ "io_uring, buffered", 0, true },
	{ "io_uring, direct", O_DIRECT, true },
	{ "io_uring, direct O_SYNC", O_DIRECT | O_SYNC, true },
	{ "io_uring, direct, by workers", O_DIRECT, true, IOSQE_ASYNC },
	{ "io_uring, buffered, linked", 0, true, IOSQE_IO_LINK },
};

/* @len: of each request. @prepare: what the file holds before. */
static void engine_run(const struct engine *e, const char *what, size_t len, int fd)
{
	uint8_t *out[DEPTH], *in[DEPTH];
	char line[200];
	int wrote, got;

	make_buffers(out, len, 0);
	make_buffers(in, len, '?');
	if (e->uring) {
		wrote = uring_all(fd, IORING_OP_WRITE, out, len, e->sqe_flags);
		got = uring_all(fd, IORING_OP_READ, in, len, e->sqe_flags);
	} else {
		wrote = aio_all(fd, IOCB_CMD_PWRITE, out, len);
		got = aio_all(fd, IOCB_CMD_PREAD, in, len);
	}
	snprintf(line, sizeof(line), "%s, %s", e->name, what);
	say(line, "%d written, %d read, %d the same, size %lld", wrote, got,
	    same_letters(in, len), (long long)stat_of(fd).st_size);
	for (int i = 0; i < DEPTH; i++) {
		free(in[i]);
		free(out[i]);
	}
}

static void test_async(void)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++) {
		const struct engine *e = &engines[i];
		int plain = open_new("f", 0), fd = NEED(open("f", O_RDWR | e->open_flags));

		engine_run(e, "extends", PAGE, fd);
		engine_run(e, "overwrites", PAGE, fd);
		NEED(ftruncate(plain, 0));
		NEED(fallocate(plain, 0, 0, 2 * DEPTH * PAGE));
		engine_run(e, "into preallocated blocks", PAGE, fd);
		NEED(ftruncate(plain, 0));
		NEED(ftruncate(plain, DEPTH * PAGE));
		engine_run(e, "into a hole", PAGE, fd);
		NEED(ftruncate(plain, 0));
		engine_run(e, "parts of blocks", 512, fd);
		drop(plain);
		content("and from the disk", plain);
		close(fd);
		close(plain);
	}
}

static int uring_one(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int res;

	io_uring_submit(ring);
	if (io_uring_wait_cqe(ring, &cqe))
		die("io_uring_wait_cqe");
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static void uring_said(const char *what, int res)
{
	errno = -res;
	returned(what, res < 0 ? -1 : res);
}

static void test_uring(void)
{
	struct iovec iov = { page_alloc(PAGE, 'A'), PAGE };
	int fd = open_new("f", 0), other = open_new("g", 0), fds[2];
	struct io_uring ring;

	NEED(pipe(fds));
	if (io_uring_queue_init(4, &ring, 0) || io_uring_register_buffers(&ring, &iov, 1))
		die("io_uring");
	io_uring_prep_write_fixed(io_uring_get_sqe(&ring), fd, iov.iov_base, PAGE, 0, 0);
	uring_said("io_uring write from a registered buffer", uring_one(&ring));
	io_uring_prep_fsync(io_uring_get_sqe(&ring), fd, 0);
	uring_said("io_uring fsync", uring_one(&ring));
	io_uring_prep_fallocate(io_uring_get_sqe(&ring), fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				512, 512);
	uring_said("io_uring fallocate", uring_one(&ring));
	io_uring_prep_sync_file_range(io_uring_get_sqe(&ring), fd, PAGE, 0, SYNC_FILE_RANGE_WRITE);
	uring_said("io_uring sync_file_range", uring_one(&ring));
	io_uring_prep_splice(io_uring_get_sqe(&ring), fd, 0, fds[1], -1, 2000, 0);
	uring_said("io_uring splice into a pipe", uring_one(&ring));
	io_uring_prep_splice(io_uring_get_sqe(&ring), fds[0], -1, other, 100, 2000, 0);
	uring_said("io_uring splice from a pipe", uring_one(&ring));
	io_uring_prep_fadvise(io_uring_get_sqe(&ring), fd, 0, 0, POSIX_FADV_DONTNEED);
	uring_said("io_uring fadvise", uring_one(&ring));
	io_uring_prep_read_fixed(io_uring_get_sqe(&ring), fd, iov.iov_base, PAGE, 0, 0);
	uring_said("io_uring read into a registered buffer", uring_one(&ring));
	runs("io_uring read", iov.iov_base, PAGE);
	content_twice("io_uring spliced", other);
	io_uring_queue_exit(&ring);
	close(fds[0]);
	close(fds[1]);
	close(other);
	close(fd);
}

/* ---- page cache: large folios, readahead */

#define KPF_COMPOUND_HEAD 15
#define KPF_COMPOUND_TAIL 16

/* How many of the pages of a mapping are parts of folios larger than a page. */
static int large_pages(const char *p, int pages)
{
	int pagemap = NEED(open("/proc/self/pagemap", O_RDONLY));
	int flags = NEED(open("/proc/kpageflags", O_RDONLY)), large = 0;

	for (int i = 0; i < pages; i++) {
		uint64_t entry = 0, bits = 0;
		off_t at = ((uintptr_t)p / PAGE + i) * 8;

		*(volatile const char *)(p + i * PAGE);
		NEED(pread(pagemap, &entry, 8, at));
		if (!(entry >> 63))
			continue;
		NEED(pread(flags, &bits, 8, (entry & ((1ULL << 55) - 1)) * 8));
		large += bits >> KPF_COMPOUND_HEAD & 1 || bits >> KPF_COMPOUND_TAIL & 1;
	}
	close(pagemap);
	close(flags);
	return large;
}

static void test_folios(void)
{
	int fd = new_file("f", 'A', 4 * MIB);
	char *p = map(fd, 4 * MIB, PROT_READ, MAP_SHARED);

	yes_no("large folios where a large write went", large_pages(p, 1024) > 512);
	munmap(p, 4 * MIB);
	drop(fd);
	NEED(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	for (off_t at = 0; at < 4 * MIB; at += 64 * 1024)
		NEED(get_rwf(fd, 64 * 1024, at, 0));
	p = map(fd, 4 * MIB, PROT_READ, MAP_SHARED);
	yes_no("large folios where readahead came by", large_pages(p, 1024) > 512);
	munmap(p, 4 * MIB);
	/* One that is split, in parts dirty, in parts cut off */
	NEED(put(fd, 'B', 3, 3 * PAGE + 7));
	NEED(ftruncate(fd, 9 * PAGE + 1));
	NEED(ftruncate(fd, 20 * PAGE));
	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE + 1, PAGE));
	content_twice("a large folio, cut and written in parts", fd);
	close(fd);
}

static int cached_pages(int fd, int pages)
{
	char *p = map(fd, (size_t)pages * PAGE, PROT_READ, MAP_SHARED);
	unsigned char vec[pages];
	int cached = 0;

	NEED(mincore(p, (size_t)pages * PAGE, vec));
	for (int i = 0; i < pages; i++)
		cached += vec[i] & 1;
	munmap(p, (size_t)pages * PAGE);
	return cached;
}

/* Advice is followed in the background, so give it time. */
static bool becomes_cached(int fd, int pages, int least)
{
	for (int i = 0; i < 100 && cached_pages(fd, pages) < least; i++)
		usleep(50000);
	return cached_pages(fd, pages) >= least;
}

static void test_readahead(void)
{
	int fd = new_file("f", 'A', MIB);

	drop(fd);
	say("cached after it was dropped", "%d pages", cached_pages(fd, 256));
	returned("readahead(2)", readahead(fd, 0, 16 * PAGE));
	yes_no("readahead(2) has read", becomes_cached(fd, 16, 16));
	drop(fd);
	returned("POSIX_FADV_WILLNEED", posix_fadvise(fd, 0, 16 * PAGE, POSIX_FADV_WILLNEED));
	yes_no("POSIX_FADV_WILLNEED has read", becomes_cached(fd, 16, 16));
	drop(fd);
	for (int i = 0; i < 4; i++)
		NEED(get_rwf(fd, PAGE, i * PAGE, 0));
	yes_no("reading in sequence reads ahead", becomes_cached(fd, 256, 8));
	drop(fd);
	NEED(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	NEED(get_rwf(fd, PAGE, 64 * PAGE, 0));
	say("POSIX_FADV_RANDOM reads", "%d pages", cached_pages(fd, 256));
	close(fd);
}

/* ---- copying */

static void test_copy_range(int a, int b)
{
	loff_t from = 100, to = 50;

	returned("copy_file_range", copy_file_range(a, &from, b, &to, 5000, 0));
	say("copy_file_range moved the positions to", "%lld %lld", (long long)from, (long long)to);
	content_twice("copied", b);
	from = 8000;
	to = 10000;
	returned("copy_file_range up to the end", copy_file_range(a, &from, b, &to, 5000, 0));
	content_twice("copied up to the end", b);
	from = 20000;
	returned("copy_file_range at the end", copy_file_range(a, &from, b, &to, 10, 0));
	from = 0;
	to = 100;
	returned("copy_file_range onto itself", copy_file_range(a, &from, a, &to, 200, 0));
	to = 4096;
	returned("copy_file_range within a file", copy_file_range(a, &from, a, &to, 100, 0));
	content_twice("copied within a file", a);
	returned("copy_file_range, flags", copy_file_range(a, &from, b, &to, 10, 1));
}

static void test_copy_pipe(int a, int b)
{
	int fds[2], sockets[2];
	loff_t from = 10, to = 3;
	off_t at = 0;
	uint8_t buf[PAGE];

	NEED(pipe(fds));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	NEED(ftruncate(b, 0));
	returned("splice into a pipe", splice(a, &from, fds[1], NULL, 3000, 0));
	returned("splice from a pipe", splice(fds[0], NULL, b, &to, 3000, 0));
	content_twice("spliced", b);
	from = 0;
	NEED(splice(a, &from, fds[1], NULL, PAGE, 0));
	NEED(fallocate(a, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	NEED(ftruncate(b, 0));
	to = 0;
	NEED(splice(fds[0], NULL, b, &to, PAGE, 0));
	yes_no("spliced, and the source punched meanwhile: old or new", stat_of(b).st_size > 0);
	NEED(lseek(b, 0, SEEK_SET));
	returned("sendfile to a file", sendfile(b, a, &at, 9000));
	content_twice("sent to a file", b);
	at = 4000;
	returned("sendfile to a socket", sendfile(sockets[0], a, &at, 1000));
	NEED(read(sockets[1], buf, 1000));
	runs("sent to a socket", buf, 1000);
	close(fds[0]);
	close(fds[1]);
	close(sockets[0]);
	close(sockets[1]);
}

static void test_copy(void)
{
	int a = new_file("a", 'A', 10000), b = new_file("b", 'B', 200), append, elsewhere;

	NEED(put(a, 'C', 1000, 4500));
	test_copy_range(a, b);
	append = NEED(open("b", O_WRONLY | O_APPEND));
	returned("copy_file_range to a file that appends", copy_file_range(a, NULL, append, NULL, 10, 0));
	returned("sendfile to a file that appends", sendfile(append, a, NULL, 10));
	returned("FICLONE", ioctl(b, FICLONE, a));
	elsewhere = NEED(open("/dev/shm", O_TMPFILE | O_RDWR, 0600));
	NEED(lseek(a, 0, SEEK_SET));
	returned("copy_file_range to another file system", copy_file_range(a, NULL, elsewhere, NULL, 10000, 0));
	content("sendfile to another file system instead: none so far", elsewhere);
	returned("sendfile to another file system", sendfile(elsewhere, a, NULL, 10000));
	content("sent to another file system", elsewhere);
	test_copy_pipe(a, b);
	close(elsewhere);
	close(append);
	close(a);
	close(b);
}

/* ---- attributes */

static void test_statx(void)
{
	int fd = new_file("f", 'A', 5000);
	struct statx stx;
	struct stat st;

	NEED(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx));
	st = stat_of(fd);
	say("statx", "size %lld, links %u, mode %o", (long long)stx.stx_size, stx.stx_nlink, stx.stx_mode);
	yes_no("statx has all basic attributes",
	       (stx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	yes_no("statx and fstat agree", (int64_t)stx.stx_size == st.st_size &&
	       stx.stx_ino == st.st_ino && stx.stx_mtime.tv_nsec == st.st_mtim.tv_nsec);
	NEED(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_SIZE, &stx));
	say("statx AT_STATX_DONT_SYNC", "size %lld", (long long)stx.stx_size);
	NEED(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_SIZE, &stx));
	say("statx AT_STATX_FORCE_SYNC, before anything was written back", "size %lld",
	    (long long)stx.stx_size);
	NEED(fsync(fd));
	st = stat_of(fd);
	yes_no("blocks after fsync", st.st_blocks * 512 >= 5000);
	NEED(ftruncate(fd, 0));
	say("blocks after a truncation to nothing", "%lld", (long long)stat_of(fd).st_blocks);
	NEED(ftruncate(fd, MIB));
	say("blocks of a hole", "%lld", (long long)stat_of(fd).st_blocks);
	NEED(fallocate(fd, 0, 0, 16 * PAGE));
	say("blocks of what was allocated", "%lld", (long long)stat_of(fd).st_blocks);
	NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE));
	say("blocks of what was punched", "%lld", (long long)stat_of(fd).st_blocks);
	close(fd);
}

static void test_statx_more(void)
{
	int fd = new_file("f", 'A', 5000);
	struct statx stx;

	NEED(statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_DIOALIGN, &stx));
	yes_no("statx has the time of birth", stx.stx_mask & STATX_BTIME);
	yes_no("statx has STATX_DIOALIGN", stx.stx_mask & STATX_DIOALIGN);
	close(fd);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static struct stat before;

/* Clocks of files have the steps of ticks. */
static void times_start(int fd)
{
	before = stat_of(fd);
	usleep(30000);
}

static void times_end(const char *what, int fd)
{
	struct stat st = stat_of(fd);

	say(what, "%s %s %s", later(st.st_mtim, before.st_mtim) ? "mtime" : "-",
	    later(st.st_ctim, before.st_ctim) ? "ctime" : "-",
	    later(st.st_atim, before.st_atim) ? "atime" : "-");
}

#define TIMES(what, call) do { times_start(fd); NEED(call); times_end(what, fd); } while (0)

static void test_times(void)
{
	int fd = new_file("f", 'A', 3 * PAGE), direct = NEED(open("f", O_RDWR | O_DIRECT)), other;
	char *p = map_shared(fd, 3 * PAGE);
	struct timespec set[2] = { { 1000, 1 }, { 2000, 2 } };
	struct stat st;

	TIMES("times: write", put(fd, 'B', 10, 0));
	TIMES("times: write that extends", put(fd, 'B', 10, 3 * PAGE));
	TIMES("times: direct write", put(direct, 'B', PAGE, 0));
	TIMES("times: fsync", fsync(fd));
	times_start(fd);
	p[0] = 'C';
	NEED(msync(p, PAGE, MS_SYNC));
	times_end("times: store by mmap and msync", fd);
	TIMES("times: truncate", ftruncate(fd, 2 * PAGE));
	TIMES("times: truncate to the same size", ftruncate(fd, 2 * PAGE));
	TIMES("times: truncate by name", truncate("f", PAGE));
	TIMES("times: truncate by name to the same size", truncate("f", PAGE));
	TIMES("times: truncate up", ftruncate(fd, 2 * PAGE));
	TIMES("times: allocate", fallocate(fd, 0, 0, 4 * PAGE));
	TIMES("times: punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	TIMES("times: zero", fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE));
	TIMES("times: chmod", fchmod(fd, 0600));
	TIMES("times: O_TRUNC", other = open("f", O_WRONLY | O_TRUNC));
	close(other);
	TIMES("times: write of nothing", put(fd, 'B', 0, 0));
	NEED(put(fd, 'D', PAGE, 0));
	NEED(futimens(fd, set));
	NEED(fsync(fd));
	st = stat_of(fd);
	say("times set by hand outlive writeback", "%lld.%ld %lld.%ld", (long long)st.st_atim.tv_sec,
	    st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	NEED(put(fd, 'E', 10, 0));
	yes_no("times: a write after they were set by hand", stat_of(fd).st_mtim.tv_sec > 2000);
	munmap(p, 3 * PAGE);
	close(direct);
	close(fd);
}

static void test_atime(void)
{
	int fd = new_file("f", 'A', PAGE);

	TIMES("times: the first read after a write", get_rwf(fd, 10, 0, 0));
	close(fd);
}

/* ---- privileges */

static void put_splice(int fd)
{
	int fds[2];
	loff_t pos = 0;

	NEED(pipe(fds));
	NEED(write(fds[1], "ab", 2));
	NEED(splice(fds[0], NULL, fd, &pos, 2, 0));
}

static void put_copy(int fd)
{
	int from = NEED(open("source", O_RDONLY));

	NEED(copy_file_range(from, NULL, fd, NULL, 10, 0));
}

static void put_buffered(int fd) { NEED(put(fd, 'B', 10, 0)); }
static void put_direct(int fd) { NEED(fcntl(fd, F_SETFL, O_DIRECT)); NEED(put(fd, 'B', 512, 0)); }
static void put_truncate(int fd) { NEED(ftruncate(fd, 100)); }
static void put_same_size(int fd) { NEED(ftruncate(fd, PAGE)); }
static void put_allocate(int fd) { NEED(fallocate(fd, 0, 0, 2 * PAGE)); }
static void put_punch(int fd) { NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10)); }
static void put_open_trunc(int fd) { close(NEED(open("f", O_WRONLY | O_TRUNC))); }
static void put_nothing(int fd) { NEED(put(fd, 'B', 0, 0)); }

static void put_mmap(int fd)
{
	char *p = map_shared(fd, PAGE);

	p[0] = 'M';
	NEED(msync(p, PAGE, MS_SYNC));
}

static const struct change {
	const char *name;
	void (*run)(int fd);
} changes[] = {
	{ "write", put_buffered },
	{ "direct write", put_direct },
	{ "mmap", put_mmap },
	{ "truncate", put_truncate },
	{ "truncate to the same size", put_same_size },
	{ "allocate", put_allocate },
	{ "punch", put_punch },
	{ "O_TRUNC", put_open_trunc },
	{ "splice", put_splice },
	{ "copy_file_range", put_copy },
	{ "write of nothing", put_nothing },
	{ }
};

/* What is left of @mode after a change by root or by somebody else. */
static void keeps_mode(const struct change *change, mode_t mode, bool root)
{
	int fd = new_file("f", 'A', PAGE), status;
	char line[200];

	NEED(fchmod(fd, mode));
	fflush(stdout);
	if (NEED(fork()) == 0) {
		if (!root && (setgid(65534) || setuid(65534)))
			die("setuid");
		change->run(NEED(open("f", O_RDWR)));
		exit(0);
	}
	NEED(wait(&status));
	snprintf(line, sizeof(line), "%s by %s, mode %o", change->name, root ? "root" : "another", mode);
	if (status)
		say(line, "failed");
	else
		say(line, "%o", stat_of(fd).st_mode & 07777);
	/* What the server was told, if there is one */
	NEED(fsync(fd));
	snprintf(line, sizeof(line), "and by name");
	NEED(stat("f", &before));
	say(line, "%o", before.st_mode & 07777);
	close(fd);
}

static void test_privileges(void)
{
	static const mode_t modes[] = { 06777, 04766, 02766 };

	NEED(chmod(".", 0777));
	close(new_file("source", 'S', 100));
	for (const struct change *c = changes; c->name; c++) {
		for (int i = 0; i < 3; i++)
			keeps_mode(c, modes[i], false);
		keeps_mode(c, 06777, true);
	}
}

/* A file's capabilities, as setcap gives them, are gone once it is written. */
static void test_capabilities(void)
{
	/* VFS_CAP_REVISION_2 with cap_net_raw */
	static const uint32_t cap[5] = { 0x02000001, 1 << 13 };
	uint8_t buf[64];

	close(new_file("source", 'S', 100));
	for (const struct change *c = changes; c->name; c++) {
		int fd = new_file("f", 'A', PAGE);
		char line[200];

		snprintf(line, sizeof(line), "capabilities after %s", c->name);
		if (fsetxattr(fd, "security.capability", cap, sizeof(cap), 0)) {
			returned(line, -1);
		} else {
			c->run(fd);
			returned(line, fgetxattr(fd, "security.capability", buf, sizeof(buf)));
		}
		close(fd);
	}
}

/* ---- no space */

static int64_t fill_with(int fd, size_t len)
{
	uint8_t *buf = page_alloc(len, 'F');
	off_t at = lseek(fd, 0, SEEK_END);
	ssize_t n;

	while ((n = pwrite(fd, buf, len, at)) > 0)
		at += n;
	free(buf);
	return n;
}

/* Is the file full of F, to the end of its blocks at least? */
static bool all_f(int fd)
{
	off_t size = stat_of(fd).st_size;
	uint8_t *buf = page_alloc(size, 0);
	bool good = pread(fd, buf, size, 0) == size && size > 0;

	for (off_t i = 0; i < size && good; i++)
		good = buf[i] == 'F';
	free(buf);
	return good;
}

static void fill_up(void)
{
	int fd = open_new("filler", 0);

	for (size_t len = MIB; len >= 512; len /= 8)
		fill_with(fd, len);
	NEED(fsync(fd));
	close(fd);
}

static void test_enospc_write(const char *what, int flags)
{
	int fd = open_new("f", flags);
	char line[100];

	snprintf(line, sizeof(line), "fill up, %s", what);
	returned(line, fill_with(fd, 64 * 1024));
	fill_with(fd, PAGE);
	returned("fill up, in small pieces", fill_with(fd, PAGE));
	returned("fsync of what fitted", fsync(fd));
	NEED(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	yes_no("what fitted is there", all_f(fd));
	returned("overwrite, while all is full", put(fd, 'F', PAGE, PAGE));
	returned("fsync of the overwrite", fsync(fd));
	NEED(ftruncate(fd, 0));
	NEED(fsync(fd));
	returned("write, now that there is space again", put(fd, 'F', PAGE, 0));
	returned("fsync", fsync(fd));
	close(fd);
	NEED(unlink("f"));
}

/* A file whose name is gone is freed when the server hears that nobody uses it. */
static void wait_for_space(int fd)
{
	struct statvfs vfs;

	for (int i = 0; i < 100; i++) {
		NEED(fstatvfs(fd, &vfs));
		if (vfs.f_bavail > 256)
			return;
		usleep(50000);
	}
}

static void test_enospc_others(void)
{
	int fd = open_new("prealloc", 0), hole = open_new("hole", 0);
	struct statvfs vfs;
	char *p;
	int bus = 0;

	NEED(ftruncate(hole, 64 * PAGE));
	NEED(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 16 * PAGE));
	NEED(fsync(fd));
	fill_up();
	NEED(fstatvfs(fd, &vfs));
	yes_no("statvfs: full", vfs.f_bavail < 64);
	returned("write into preallocated blocks, while all is full", put(fd, 'A', 16 * PAGE, 0));
	content_twice("written into preallocated blocks", fd);
	p = map_shared(hole, 64 * PAGE);
	for (int i = 0; i < 64; i++)
		bus += !touch(p + i * PAGE, true);
	yes_no("store by mmap into a hole, while all is full: SIGBUS", bus > 0);
	msync(p, 64 * PAGE, MS_SYNC);
	returned("allocate, while all is full", fallocate(fd, 0, 0, MIB));
	size("its size is as it was", fd);
	NEED(unlink("filler"));
	wait_for_space(fd);
	returned("write after an unlink", put(hole, 'B', 32 * PAGE, 0));
	bus = 0;
	for (int i = 0; i < 64; i++)
		bus += !touch(p + i * PAGE, true);
	say("store by mmap after an unlink", "%d SIGBUS", bus);
	returned("fsync after an unlink", fsync(hole));
	munmap(p, 64 * PAGE);
	close(hole);
	close(fd);
}

static void test_enospc(void)
{
	test_enospc_write("buffered", 0);
	test_enospc_write("direct", O_DIRECT);
	test_enospc_write("O_DSYNC", O_DSYNC);
	test_enospc_others();
}

/* ---- limits */

#define LIMIT 10000

static void limited(const char *what, int64_t ret)
{
	int err = errno;

	errno = err;
	returned(what, ret);
	say("SIGXFSZ", "%d", xfsz);
	xfsz = 0;
}

static void test_rlimit(void)
{
	struct rlimit limit = { LIMIT, RLIM_INFINITY };
	int fd = open_new("f", 0), direct = NEED(open("f", O_RDWR | O_DIRECT));
	int append = NEED(open("f", O_RDWR | O_APPEND));

	NEED(setrlimit(RLIMIT_FSIZE, &limit));
	limited("limit: write up to it", put(fd, 'A', PAGE, LIMIT - PAGE));
	limited("limit: write across it", put(fd, 'B', PAGE, LIMIT - 100));
	limited("limit: write at it", put(fd, 'C', 10, LIMIT));
	limited("limit: append at it", put(append, 'C', 10, 0));
	limited("limit: direct write beyond it", put(direct, 'C', PAGE, 3 * PAGE));
	limited("limit: direct write across it", put(direct, 'C', PAGE, 2 * PAGE));
	limited("limit: truncate to it", ftruncate(fd, LIMIT));
	limited("limit: truncate beyond it", ftruncate(fd, LIMIT + 1));
	limited("limit: allocate beyond it", fallocate(fd, 0, 0, LIMIT + 1));
	limited("limit: allocate beyond it, keep size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LIMIT + 1));
	content_twice("what the limit let through", fd);
	limit.rlim_cur = RLIM_INFINITY;
	NEED(setrlimit(RLIMIT_FSIZE, &limit));
	close(append);
	close(direct);
	close(fd);
}

/* The largest offset that lseek takes: s_maxbytes. */
static off_t max_bytes(int fd)
{
	off_t low = 0, high = INT64_MAX;

	while (low < high) {
		off_t middle = low + (high - low) / 2 + 1;

		if (lseek(fd, middle, SEEK_SET) == middle)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static void test_maxbytes(void)
{
	int fd = open_new("f", 0), direct = NEED(open("f", O_RDWR | O_DIRECT));
	off_t max = max_bytes(fd), page = (max - 1) / PAGE * PAGE;
	uint8_t buf[PAGE];
	ssize_t n;
	char *p;

	returned("largest file: write the last byte", put(fd, 'Z', 1, max - 1));
	yes_no("largest file: its size", stat_of(fd).st_size == max);
	returned("largest file: fsync", fsync(fd));
	drop(fd);
	returned("largest file: read its end", pread(fd, buf, PAGE, max - 10));
	runs("largest file: its end", buf, 10);
	returned("largest file: write beyond", put(fd, 'Y', 1, max));
	returned("largest file: write across", put(fd, 'Y', 100, max - 3));
	runs("largest file: its end again", buf, pread(fd, buf, PAGE, max - 10));
	if (max < INT64_MAX)
		returned("largest file: direct write beyond", put(direct, 'X', 512, page + PAGE));
	returned("largest file: seek for data", lseek(fd, 0, SEEK_DATA) == page ? 0 : 1);
	/* The last page can be mapped only if it is a whole one */
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page - PAGE);
	if (p == MAP_FAILED)
		die("mmap");
	say("largest file: store by mmap", "%s", touched(p, true));
	munmap(p, PAGE);
	returned("largest file: punch its end", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
							  page - PAGE, max - page + PAGE));
	n = pread(fd, buf, PAGE, max - 10);
	runs("largest file: its end is punched", buf, n > 0 ? n : 0);
	returned("largest file: truncate", ftruncate(fd, 1));
	if (max < INT64_MAX)
		returned("largest file: truncate beyond", ftruncate(fd, max + 1));
	content_twice("largest file: what is left", fd);
	close(direct);
	close(fd);
}

static void test_limits(void)
{
	test_rlimit();
	test_maxbytes();
}

/* ---- stable storage */

static void test_sync(void)
{
	int fd = open_new("f", O_SYNC), dsync = NEED(open("f", O_RDWR | O_DSYNC));
	int ro = NEED(open("f", O_RDONLY)), dir = NEED(open(".", O_RDONLY | O_DIRECTORY));

	returned("O_SYNC", put(fd, 'A', 5000, 0));
	returned("O_DSYNC", put(dsync, 'B', 5000, 100));
	content_twice("after O_SYNC and O_DSYNC", fd);
	returned("fsync of a file open for reading", fsync(ro));
	returned("fdatasync", fdatasync(fd));
	returned("fsync of a directory", fsync(dir));
	returned("syncfs", syncfs(dir));
	returned("sync_file_range", sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE |
						    SYNC_FILE_RANGE_WAIT_AFTER));
	returned("sync_file_range, negative", sync_file_range(fd, -1, 0, SYNC_FILE_RANGE_WRITE));
	NEED(unlink("f"));
	returned("O_SYNC without a name", put(fd, 'C', 10, 6000));
	content_twice("without a name", ro);
	close(dir);
	close(ro);
	close(dsync);
	close(fd);
}

static const struct group {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "mmap", test_mmap },
	{ "fallocate", test_fallocate },
	{ "truncate", test_truncate },
	{ "append", test_append },
	{ "direct", test_direct },
	{ "rwf", test_rwf },
	{ "nowait", test_nowait },
	{ "dontcache", test_dontcache },
	{ "async", test_async },
	{ "uring", test_uring },
	{ "folios", test_folios },
	{ "readahead", test_readahead },
	{ "copy", test_copy },
	{ "statx", test_statx },
	{ "statx-more", test_statx_more },
	{ "times", test_times },
	{ "atime", test_atime },
	{ "privileges", test_privileges },
	{ "capabilities", test_capabilities },
	{ "enospc", test_enospc },
	{ "limits", test_limits },
	{ "sync", test_sync },
	{ }
};

static int usage(void)
{
	fputs("usage: features DIR GROUP; the groups:", stderr);
	for (const struct group *g = groups; g->name; g++)
		fprintf(stderr, " %s", g->name);
	fputs("\n(enospc fills the file system that DIR is on)\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const struct group *g = groups;

	if (argc != 3)
		return usage();
	while (g->name && strcmp(g->name, argv[2]))
		g++;
	if (!g->name)
		return usage();
	if (chdir(argv[1]))
		die(argv[1]);
	umask(0);
	signal(SIGBUS, on_bus);
	signal(SIGXFSZ, on_xfsz);
	g->run();
	return 0;
}
