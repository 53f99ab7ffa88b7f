// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that became wrong while they were used, and those that did not.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "cases.h"


#define TAIL_BLOCK	8	/* which is written in part */

/*
 * Writes TAIL_BLOCK blocks and 100 bytes, and waits for its last user page in
 * between, since that is of another file, the BEGIN of which is late.
 */
static void do_slow_write(struct task *t)
{
	int other = open(t->s->path[1], O_RDONLY);
	size_t len = (TAIL_BLOCK + 1) * BLOCK;
	char *buf = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(buf, 'N', len - BLOCK);
	if (mmap(buf + len - BLOCK, BLOCK, PROT_READ, MAP_PRIVATE | MAP_FIXED, other, 0) ==
	    MAP_FAILED)
		die("mmap");
	t->result = pwrite(t->fd, buf, TAIL_BLOCK * BLOCK + 100, 0);
	if (t->result < 0)
		t->result = -errno;
	munmap(buf, len);
	close(other);
}

/* The other file has 'N', and its first BEGIN is late. */
static void slow_user_page(struct server *s)
{
	char *buf = page_of('N');

	if (pwrite(s->mem_fd, buf, BLOCK, addr_of(OTHER_NODE, 0)) != BLOCK)
		die("the other file");
	free(buf);
	gate_close(s, &s->begin, OTHER_NODE, 0);
}

static void sync_file(struct server *s, int fd) { sync_and_drop(fd); }

static void sync_mount(struct server *s, int fd)
{
	expect(syncfs(fd) == 0, "syncfs");
	expect(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "and its pages are dropped");
}

static void write_neighbour(struct server *s, int fd) { write_block(fd, TAIL_BLOCK + 1, 'n'); }

static void sync_neighbour(struct server *s, int fd)
{
	say("the next block is written back");
	write_back(fd, TAIL_BLOCK + 1, 1);
}

#define MANY		600	/* more changes than anybody keeps */
#define MANY_FIRST	100

static void write_many(struct server *s, int fd)
{
	for (int b = 0; b < MANY; b++)
		write_block(fd, MANY_FIRST + 2 * b, 'w');
}

/* The block, and then many changes elsewhere, each one of its own */
static void sync_and_many(struct server *s, int fd)
{
	unsigned int before;

	write_back(fd, TAIL_BLOCK, 1);
	before = seen(s).begins;
	write_back(fd, MANY_FIRST, 2 * MANY);
	say("with %u BEGINs others were written back", seen(s).begins - before);
	expect(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "and all pages are dropped");
}

const struct change change_fsync = { NULL, sync_file };
const struct change change_syncfs = { NULL, sync_mount };
const struct change change_neighbour = { write_neighbour, sync_neighbour };
const struct change change_and_many = { write_many, sync_and_many };

/* A write holds the mapping of blocks that were allocated later. */
void stale_write(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), fd2 = file_open(s, O_RDWR);
	const struct change *change = arg;
	struct task *task;

	set_types(s, 0, USUAL_BLOCKS, TYPE_HOLE);
	if (ftruncate(fd, FILE_BYTES))
		die("truncate");
	write_block(fd, TAIL_BLOCK, 'O');
	if (change->prepare)
		change->prepare(s, fd);
	slow_user_page(s);
	task = task_start("write of 100 bytes of the block, and all before it", do_slow_write, s,
			  fd, 0);
	expect(gate_reached(s, &s->begin, 1) == 1, "a write waits for its last user page");
	change->run(s, fd2);
	gate_open(s, &s->begin);
	task_end(task);
	expect_data(s, fd, TAIL_BLOCK, 100, BLOCK, 'O');
	expect_data(s, fd, TAIL_BLOCK, 0, 100, 'N');
	expect(fsync(fd) == 0, "fsync");
	expect_data(s, fd, TAIL_BLOCK, 100, BLOCK, 'O');
	close(fd2);
	close(fd);
}

/* The same with a store to a mapped page: its BEGIN is late. */
void stale_store(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), fd2 = file_open(s, O_RDWR);
	struct task *task;

	set_types(s, 0, USUAL_BLOCKS, TYPE_HOLE);
	write_block(fd, TAIL_BLOCK, 'O');
	write_block(fd, TAIL_BLOCK - 1, 'O');
	write_back(fd, TAIL_BLOCK - 1, 2);
	gate_close(s, &s->begin, FILE_NODE, FUSE_IOMAP_OP_FAULT);
	task = task_start("store", do_store, s, fd, TAIL_BLOCK * BLOCK);
	expect(gate_reached(s, &s->begin, 1) == 1, "the BEGIN of a store is late");
	write_block(fd2, TAIL_BLOCK - 1, 'P');
	say("its neighbour is written back");
	write_back(fd2, TAIL_BLOCK - 1, 1);
	gate_open(s, &s->begin);
	task_end(task);
	sync_and_drop(fd);
	expect_data(s, fd, TAIL_BLOCK, 0, 1, 'N');
	expect_data(s, fd, TAIL_BLOCK, 1, BLOCK, 'O');
	expect_data(s, fd, TAIL_BLOCK - 1, 0, BLOCK, 'P');
	close(fd2);
	close(fd);
}

/* The same with the zeroes behind the end of a file that grows */
void stale_zero(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), fd2 = file_open(s, O_RDWR);
	struct task *task;

	set_types(s, 0, USUAL_BLOCKS, TYPE_HOLE);
	if (ftruncate(fd, TAIL_BLOCK * BLOCK))
		die("truncate");
	expect(pwrite(fd, "OOOO", 4, TAIL_BLOCK * BLOCK) == 4, "4 bytes are appended");
	gate_close(s, &s->begin, FILE_NODE, FUSE_IOMAP_OP_ZERO);
	task = task_start("truncate to more", do_truncate, s, fd, USUAL_SIZE);
	expect(gate_reached(s, &s->begin, 1) == 1, "the BEGIN of its zeroes is late");
	sync_and_drop(fd2);
	gate_open(s, &s->begin);
	task_end(task);
	sync_and_drop(fd);
	expect_data(s, fd, TAIL_BLOCK, 0, 4, 'O');
	expect(block_has(fd, TAIL_BLOCK, 4, BLOCK, 0), "what follows is zeroes");
	close(fd2);
	close(fd);
}

/* ---- and those that did not */

/* A write of one block, whose BEGIN is late, while others are written back */
void not_stale(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), fd2 = file_open(s, O_RDWR);
	struct task *task;
	struct seen before;

	set_types(s, 0, USUAL_BLOCKS, TYPE_UNWRITTEN);
	for (int b = 0; b < 4; b++)
		write_block(fd2, b, 'w');
	gate_close(s, &s->begin, FILE_NODE, FUSE_IOMAP_OP_WRITE);
	task = task_start("write of another block", do_write, s, fd, 12 * BLOCK);
	expect(gate_reached(s, &s->begin, 1) == 1, "the BEGIN of a write is late");
	before = seen(s);
	expect(fsync(fd2) == 0, "fsync of other blocks");
	expect(seen(s).ioends > before.ioends, "which were unwritten");
	before = seen(s);
	gate_open(s, &s->begin);
	expect(task_end(task) == BLOCK, "the write ends");
	expect(seen(s).stale_ends == 0, "%u ENDs say stale", seen(s).stale_ends);
	expect(seen(s).begins == before.begins, "it was asked again %u times",
	       seen(s).begins - before.begins);
	close(fd2);
	close(fd);
}

static void do_writeback(struct task *t)
{
	write_back(t->fd, 0, 1024);
	t->s->written_back = true;
}

/* Many writes beside much writeback; a few may be unlucky */
void few_stale(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), fd2 = file_open(s, O_RDWR), writes = 0;
	struct task *task;
	unsigned int ioends;

	set_types(s, 0, BLOCKS, TYPE_UNWRITTEN);
	if (ftruncate(fd, FILE_BYTES))
		die("truncate");
	for (int b = 0; b < 1024; b += 2)
		write_block(fd2, b, 'x');
	ioends = seen(s).ioends;
	task = task_start("writeback of 512 unwritten blocks", do_writeback, s, fd2, 0);
	for (int b = 1025; b < BLOCKS && !s->written_back; b++, writes++)
		write_block(fd, b, 'w');
	task_end(task);
	expect(writes >= 20, "%d writes beside %u IOENDs", writes, seen(s).ioends - ioends);
	expect(seen(s).stale_ends <= 1 + writes / 50u, "%u ENDs say stale", seen(s).stale_ends);
	close(fd2);
	close(fd);
}

