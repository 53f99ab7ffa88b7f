// SPDX-License-Identifier: GPL-2.0-only
/*
 * A direct write whose IOEND is late, and something beside it: both end.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "cases.h"

static void *aio_submit(void *arg)
{
	struct flight *f = arg;
	struct iocb *list[] = { &f->iocb };

	if (syscall(SYS_io_submit, f->aio, 1, list) != 1)
		die("io_submit");
	return NULL;
}

/* In a thread: if the device is fast, it is io_submit() that sends IOEND. */
static void aio_start(struct flight *f, uint64_t pos)
{
	f->iocb = (struct iocb) {
		.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = f->fd,
		.aio_buf = (uintptr_t)f->buf, .aio_nbytes = BLOCK, .aio_offset = pos,
		.aio_rw_flags = f->rwf,
	};
	if (syscall(SYS_io_setup, 1, &f->aio) ||
	    pthread_create(&f->submitter, NULL, aio_submit, f))
		die("io_setup");
}

long aio_end(struct flight *f)
{
	struct timespec ts = { HANG_S * slow }, end = deadline(HANG_S);
	struct io_event event;

	if (pthread_timedjoin_np(f->submitter, NULL, &end) ||
	    syscall(SYS_io_getevents, f->aio, 1, 1, &event, &ts) != 1)
		hangs("the direct write");
	syscall(SYS_io_destroy, f->aio);
	return event.res;
}

static void uring_start(struct flight *f, uint64_t pos)
{
	struct io_uring_sqe *sqe;

	if (io_uring_queue_init(4, &f->ring, 0))
		die("io_uring_queue_init");
	sqe = io_uring_get_sqe(&f->ring);
	io_uring_prep_writev2(sqe, f->fd, &f->iov, 1, pos, f->rwf);
	if (io_uring_submit(&f->ring) != 1)
		die("io_uring_submit");
}

static long uring_end(struct flight *f)
{
	struct __kernel_timespec ts = { HANG_S * slow };
	struct io_uring_cqe *cqe;
	long res;

	if (io_uring_wait_cqe_timeout(&f->ring, &cqe, &ts))
		hangs("the direct write");
	res = cqe->res;
	io_uring_queue_exit(&f->ring);
	return res;
}

static void do_pwritev2(struct task *t)
{
	struct iovec iov = { page_of('d'), BLOCK };
	ssize_t n = pwritev2(t->fd, &iov, 1, t->pos, RWF_DSYNC);

	t->result = n < 0 ? -errno : n;
	free(iov.iov_base);
}

static void sync_start(struct flight *f, uint64_t pos)
{
	f->task = task_start("direct write", do_pwritev2, NULL, f->fd, pos);
}

static long sync_end(struct flight *f) { return task_end(f->task); }

static const struct {
	const char *name;
	void (*start)(struct flight *f, uint64_t pos);
	long (*end)(struct flight *f);
} engines[] = {
	[AIO] = { "libaio", aio_start, aio_end },
	[URING] = { "io_uring", uring_start, uring_end },
	[SYNC] = { "pwritev2", sync_start, sync_end },
};

struct task *beside_write(struct server *s, int fd)
{
	return task_start("buffered write", do_write, s, fd, DIRECT_BLOCK * BLOCK);
}

struct task *beside_store(struct server *s, int fd)
{
	return task_start("store", do_store, s, fd, DIRECT_BLOCK * BLOCK);
}

struct task *beside_write_and_fsync(struct server *s, int fd)
{
	return task_start("write and fsync", do_write_and_fsync, s, fd, DIRECT_BLOCK * BLOCK);
}

struct task *beside_sync_write(struct server *s, int fd)
{
	return task_start("O_SYNC write", do_write, s, file_open(s, O_RDWR | O_SYNC),
			  DIRECT_BLOCK * BLOCK);
}

struct task *beside_fsync(struct server *s, int fd)
{
	return task_start("fsync", do_fsync, s, fd, 0);
}

struct task *beside_read(struct server *s, int fd)
{
	bool zeros = block_has(fd, DIRECT_BLOCK, 0, BLOCK, 0);

	expect(zeros || block_has(fd, DIRECT_BLOCK, 0, BLOCK, 'd'),
	       "a read meanwhile shows what was there, or what is written");
	return NULL;
}

static void do_writeback(struct task *t)
{
	for (int b = 4; b < 16; b += 2) {
		write_block(t->fd, b, 'w');
		start_writeback(t->fd, b, 1);
	}
}

/*
 * Many ioends of the inode, none of them of the same block. If the device is fast, who
 * writes directly sends IOEND under the inode lock, and these writes wait for it.
 */
struct task *beside_writeback(struct server *s, int fd)
{
	set_types(s, 4, 12, TYPE_UNWRITTEN);
	return task_start("writeback of others", do_writeback, s, fd, 0);
}

void flight_start(struct flight *f, const struct beside *b, struct server *s)
{
	*f = (struct flight) {
		.engine = b->engine,
		.fd = file_open(s, O_RDWR | O_DIRECT | b->open_flags),
		.rwf = b->rwf,
		.buf = page_of('d'),
	};
	f->iov = (struct iovec) { f->buf, BLOCK };
	engines[f->engine].start(f, DIRECT_BLOCK * BLOCK);
}

/* The write has ended: the file is as it should be */
static void beside_check(struct server *s, const struct beside *b, int fd, long res)
{
	int direct_fd = file_open(s, O_RDONLY | O_DIRECT);
	char *cached = page_of(0), *stored = page_of(0);

	/* The page cache could not be dropped: fs/iomap fails the write then */
	expect(res == BLOCK || (b->races && res == -EIO), "direct write: %ld", res);
	task_run("fsync", do_fsync, s, fd, 0);
	if (pread(fd, cached, BLOCK, DIRECT_BLOCK * BLOCK) != BLOCK ||
	    pread(direct_fd, stored, BLOCK, DIRECT_BLOCK * BLOCK) != BLOCK)
		die("read");
	expect(!memcmp(cached, stored, BLOCK), "page cache and device have the same");
	expect(b->races || stored[0] == 'd', "which is what was written");
	close(direct_fd);
}

void direct_beside(struct server *s, const void *arg)
{
	const struct beside *b = arg;
	struct task *task = NULL;
	struct flight f;
	int fd;
	long res;

	set_types(s, DIRECT_BLOCK, 1, TYPE_UNWRITTEN);
	fd = file_open(s, O_RDWR);
	gate_close(s, &s->ioend, 0, FUSE_IOMAP_IOEND_DIRECT);
	flight_start(&f, b, s);
	expect(gate_reached(s, &s->ioend, 1) == 1, "direct write by %s, its IOEND is under way",
	       engines[b->engine].name);
	if (b->run)
		task = b->run(s, fd);
	moment();
	gate_open(s, &s->ioend);

	res = engines[b->engine].end(&f);
	if (task)
		task_end(task);
	beside_check(s, b, fd, res);
	close(f.fd);
	close(fd);
}

