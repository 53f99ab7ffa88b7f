// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose size of the file counts, when an answer to IOEND is late or wrong.
 */
#include "cases.h"


/* The size that the server keeps is the file's, and got there by an IOEND. */
void append_is_kept(struct server *s, int fd, uint64_t size)
{
	unsigned int before = seen(s).appends;

	write_block(fd, size / BLOCK, 'a');
	task_run("fsync of an append", do_fsync, s, fd, 0);
	expect(kernel_size(fd) == size + BLOCK, "the kernel's size is %llu",
	       (unsigned long long)kernel_size(fd));
	expect(server_size(s) == size + BLOCK, "the server's size is %llu",
	       (unsigned long long)server_size(s));
	expect(seen(s).appends == before + 1, "there was an IOEND with APPEND");
}

/* The kernel knows that the server has this size. */
static void no_append_below(struct server *s, int fd, uint64_t size)
{
	unsigned int before = seen(s).appends;

	set_types(s, size / BLOCK - 1, 1, TYPE_UNWRITTEN);
	write_block(fd, size / BLOCK - 1, 'b');
	expect(fsync(fd) == 0, "fsync of a write below");
	expect(seen(s).appends == before, "its IOEND does not have APPEND");
}

/* The first block is written back, and the answer to its IOEND is under way. */
static void ioend_held(struct server *s, int fd)
{
	set_types(s, 0, 1, TYPE_UNWRITTEN);
	gate_close(s, &s->ioend, 0, FUSE_IOMAP_IOEND_WRITEBACK);
	write_block(fd, 0, 'b');
	start_writeback(fd, 0, 1);
	expect(gate_reached(s, &s->ioend, 1) == 1, "the answer to an IOEND is late");
}

static void late_ioend(struct server *s, const char *what, void (*change)(struct task *),
		       uint64_t size)
{
	int fd = file_open(s, O_RDWR);
	struct task *task;

	ioend_held(s, fd);
	task = task_start(what, change, s, fd, size);
	moment();
	gate_open(s, &s->ioend);
	if (task_end(task) == 0) {
		/* The answer has come before the page is free again */
		expect(fsync(fd) == 0, "fsync");
		no_append_below(s, fd, size);
		append_is_kept(s, fd, size);
	}
	close(fd);
}

void late_ioend_truncate(struct server *s, const void *arg)
{
	late_ioend(s, "truncate to half", do_truncate, USUAL_SIZE / 2);
}

void late_ioend_extend(struct server *s, const void *arg)
{
	late_ioend(s, "truncate to twice the size", do_truncate, USUAL_SIZE * 2);
}

void late_ioend_fallocate(struct server *s, const void *arg)
{
	late_ioend(s, "fallocate of twice the size", do_extend, USUAL_SIZE * 2);
}

/* The late answer is that of the append which is cut off. */
void late_append_truncate(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR);
	struct task *task;

	gate_close(s, &s->ioend, 0, FUSE_IOMAP_IOEND_APPEND);
	write_block(fd, USUAL_BLOCKS, 'b');
	start_writeback(fd, USUAL_BLOCKS, 1);
	expect(gate_reached(s, &s->ioend, 1) == 1, "the answer to an append's IOEND is late");
	task = task_start("truncate to half", do_truncate, s, fd, USUAL_SIZE / 2);
	moment();
	gate_open(s, &s->ioend);
	if (task_end(task) == 0)
		append_is_kept(s, fd, USUAL_SIZE / 2);
	close(fd);
}

void late_direct_ioend_truncate(struct server *s, const void *arg)
{
	static const struct beside direct = { .engine = AIO };
	int fd = file_open(s, O_RDWR);
	struct task *task;
	struct flight f;

	set_types(s, DIRECT_BLOCK, 1, TYPE_UNWRITTEN);
	gate_close(s, &s->ioend, 0, FUSE_IOMAP_IOEND_DIRECT);
	flight_start(&f, &direct, s);
	expect(gate_reached(s, &s->ioend, 1) == 1, "the answer to a direct write's IOEND is late");
	task = task_start("truncate to half", do_truncate, s, fd, USUAL_SIZE / 2);
	moment();
	gate_open(s, &s->ioend);
	expect(aio_end(&f) == BLOCK, "the direct write ends");
	if (task_end(task) == 0)
		append_is_kept(s, fd, USUAL_SIZE / 2);
	close(f.fd);
	close(fd);
}

/*
 * The answer to IOEND has a size that the file never had, one that no honest
 * server could mean. The kernel may refuse that, but it must not believe it.
 */
static void ioend_of_size(struct server *s, uint64_t block, uint64_t size)
{
	int fd = file_open(s, O_RDWR);
	uint64_t was;

	set_types(s, 0, 1, TYPE_UNWRITTEN);
	s->manner.reply_size = size + 1;
	write_block(fd, block, 'b');
	was = kernel_size(fd);
	say("an IOEND is answered with size %llu: fsync %d", (unsigned long long)size, fsync(fd));
	s->manner.reply_size = 0;
	expect(kernel_size(fd) == was, "the file's size stays %llu", (unsigned long long)was);
	append_is_kept(s, fd, was);
	close(fd);
}

void ioend_too_large(struct server *s, const void *arg)
{
	ioend_of_size(s, 0, USUAL_SIZE + 64 * BLOCK);
}

void ioend_too_small(struct server *s, const void *arg) { ioend_of_size(s, 0, 0); }

void ioend_append_too_large(struct server *s, const void *arg)
{
	ioend_of_size(s, USUAL_BLOCKS, USUAL_SIZE + 64 * BLOCK);
}

void ioend_append_too_small(struct server *s, const void *arg)
{
	ioend_of_size(s, USUAL_BLOCKS, BLOCK);
}

/* Two appends; the answer to the first, of the smaller size, comes last. */
void appends_out_of_order(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), direct_fd = file_open(s, O_RDWR | O_DIRECT);
	const uint64_t first = USUAL_BLOCKS, second = first + 1;

	gate_close(s, &s->ioend, 0, FUSE_IOMAP_IOEND_WRITEBACK);
	write_block(fd, first, 'a');
	start_writeback(fd, first, 1);
	expect(gate_reached(s, &s->ioend, 1) == 1, "the answer to an append's IOEND is late");
	write_block(direct_fd, second, 'd');
	say("a direct write after it has ended");
	gate_open(s, &s->ioend);
	expect(fsync(fd) == 0, "fsync");
	expect(server_size(s) == (second + 1) * BLOCK, "the server has the size of both");

	/* What the kernel takes for the server's size shows in its next IOEND */
	write_block(fd, second, 'b');
	expect(fsync(fd) == 0, "fsync of a write over the second");
	expect(seen(s).appends == 2, "%u IOENDs had APPEND, 2 are right", seen(s).appends);
	append_is_kept(s, fd, (second + 1) * BLOCK);
	close(direct_fd);
	close(fd);
}

/* A block that is beyond the server's size, but not beyond the kernel's */
static void write_brings_back(struct server *s, int fd, uint64_t block, const char *how)
{
	write_block(fd, block, 'a');
	expect(fsync(fd) == 0, "fsync of a %s write", how);
	expect(server_size(s) == (block + 1) * BLOCK, "the server's size is %llu",
	       (unsigned long long)server_size(s));
	expect_data(s, fd, block, 0, BLOCK, 'a');
}

/*
 * The server has truncated the file when something goes wrong. The kernel cannot
 * know how far it came; what is synced from now on must be there all the same.
 */
void failed_truncate(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR), direct_fd = file_open(s, O_RDWR | O_DIRECT);
	const uint64_t half = USUAL_BLOCKS / 2;

	s->manner.size_error = EIO;
	expect(task_run("truncate to half", do_truncate, s, fd, half * BLOCK) == -EIO,
	       "it fails");
	s->manner.size_error = 0;
	set_types(s, half, half, TYPE_HOLE);
	expect(server_size(s) == half * BLOCK, "the server has done it");

	write_brings_back(s, fd, half + 1, "buffered");
	write_brings_back(s, direct_fd, half + 3, "direct");
	close(direct_fd);
	close(fd);
}
