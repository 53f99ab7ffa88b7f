// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the cases do with the file, and who waits for what.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "answers.h"

/* A page of memory that is full of @c */
char *page_of(char c)
{
	char *buf = aligned_alloc(BLOCK, BLOCK);

	if (!buf)
		die("memory");
	return memset(buf, c, BLOCK);
}

void write_block(int fd, uint64_t block, char c)
{
	char *buf = page_of(c);
	ssize_t n = pwrite(fd, buf, BLOCK, block * BLOCK);

	free(buf);
	if (n != BLOCK)
		die("write of a block");
}

/* Is that part of the block nothing but @c? */
bool block_has(int fd, uint64_t block, unsigned int from, unsigned int to, char c)
{
	char *buf = page_of(0);
	ssize_t n = pread(fd, buf, BLOCK, block * BLOCK);
	bool has = n >= to;

	for (unsigned int i = from; has && i < to; i++)
		has = buf[i] == c;
	free(buf);
	return has;
}

/* Likewise, through the page cache and on the device */
void expect_data(struct server *s, int fd, uint64_t block, unsigned int from,
			unsigned int to, char c)
{
	int direct_fd = file_open(s, O_RDONLY | O_DIRECT);

	expect(block_has(fd, block, from, to, c), "block %llu has '%c' from %u to %u",
	       (unsigned long long)block, c, from, to - 1);
	expect(block_has(direct_fd, block, from, to, c), "and so it has on the device");
	close(direct_fd);
}

void start_writeback(int fd, uint64_t block, uint64_t blocks)
{
	if (sync_file_range(fd, block * BLOCK, blocks * BLOCK, SYNC_FILE_RANGE_WRITE))
		die("sync_file_range");
}

void write_back(int fd, uint64_t block, uint64_t blocks)
{
	expect(sync_file_range(fd, block * BLOCK, blocks * BLOCK, SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER) == 0, "writeback");
}

void sync_and_drop(int fd)
{
	expect(fsync(fd) == 0, "fsync");
	expect(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "and its pages are dropped");
}

static void *task_main(void *arg)
{
	struct task *task = arg;

	task->run(task);
	return NULL;
}

struct task *task_start(const char *what, void (*run)(struct task *), struct server *s,
			       int fd, uint64_t pos)
{
	struct task *task = calloc(1, sizeof(*task));

	*task = (struct task) { .run = run, .what = what, .s = s, .fd = fd, .pos = pos };
	if (pthread_create(&task->thread, NULL, task_main, task))
		die("no thread");
	return task;
}

/* What came of it, which must be soon */
long task_end(struct task *task)
{
	struct timespec end = deadline(HANG_S);
	long result;

	if (pthread_timedjoin_np(task->thread, NULL, &end))
		hangs(task->what);
	result = task->result;
	say("%s: %ld %s", task->what, result, result < 0 ? strerror(-result) : "");
	free(task);
	return result;
}

long task_run(const char *what, void (*run)(struct task *), struct server *s, int fd,
	      uint64_t pos)
{
	return task_end(task_start(what, run, s, fd, pos));
}

void do_fsync(struct task *t) { t->result = fsync(t->fd) ? -errno : 0; }

void do_truncate(struct task *t) { t->result = ftruncate(t->fd, t->pos) ? -errno : 0; }

void do_extend(struct task *t)
{
	t->result = fallocate(t->fd, 0, 0, t->pos) ? -errno : 0;
}

void do_write(struct task *t)
{
	char *buf = page_of('d');
	ssize_t n = pwrite(t->fd, buf, BLOCK, t->pos);

	t->result = n < 0 ? -errno : n;
	free(buf);
}

void do_write_and_fsync(struct task *t)
{
	do_write(t);
	if (t->result == BLOCK && fsync(t->fd))
		t->result = -errno;
}

void do_store(struct task *t)
{
	char *map = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, t->pos);

	if (map == MAP_FAILED)
		die("mmap");
	map[0] = 'N';
	munmap(map, BLOCK);
}

/* ---- who waits for what */

static bool read_file(const char *pid, const char *name, char *buf, size_t size)
{
	char path[300];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void show_stack(const char *pid)
{
	char stat[600], stack[4000], *end;

	if (!read_file(pid, "stat", stat, sizeof(stat)))
		return;
	end = strrchr(stat, ')');
	if (!end || end[2] != 'D' || !read_file(pid, "stack", stack, sizeof(stack)))
		return;
	*end = '\0';
	if (strstr(stack, "fuse_") || strstr(stack, "iomap_"))
		say("%s) waits:\n%s", strchr(stat, '('), stack);
}

/* The processes and kernel threads that wait in FUSE and cannot be killed */
void show_waiting(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			show_stack(e->d_name);
	if (dir)
		closedir(dir);
}

/* The one that watches sees the end of the output; the process may never end. */
void hangs(const char *what)
{
	expect(false, "%s does not end", what);
	show_waiting();
	close(1);
	_exit(1);
}
