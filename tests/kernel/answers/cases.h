/* SPDX-License-Identifier: GPL-2.0-only */
/* The cases that main.c names, and what they take. */
#ifndef CASES_H
#define CASES_H

#include <liburing.h>
#include <linux/aio_abi.h>

#include "answers.h"

/* A case; @arg is that of the table in main.c */
#define CASE(name) void name(struct server *s, const void *arg)

/** Expect @ret, which is an id or a negative errno, to be that error. */
bool refused(const char *what, int ret, int error);

/* ---- a direct write, and something beside it */

#define DIRECT_BLOCK	1	/* which the direct write writes */

enum engine { AIO, URING, SYNC };

struct flight {
	enum engine engine;
	int fd, rwf;
	char *buf;
	struct iovec iov;
	aio_context_t aio;
	struct iocb iocb;
	pthread_t submitter;
	struct io_uring ring;
	struct task *task;
};

/* What is done while IOEND is under way; may leave a task */
typedef struct task *(*beside_fn)(struct server *s, int fd);

struct beside {
	enum engine engine;
	int open_flags, rwf;
	beside_fn run;
	bool races;		/* for the same block, so that the write may fail */
};

struct task *beside_write(struct server *s, int fd);
struct task *beside_store(struct server *s, int fd);
struct task *beside_write_and_fsync(struct server *s, int fd);
struct task *beside_sync_write(struct server *s, int fd);
struct task *beside_fsync(struct server *s, int fd);
struct task *beside_read(struct server *s, int fd);
struct task *beside_writeback(struct server *s, int fd);

void flight_start(struct flight *f, const struct beside *b, struct server *s);

/** The result of the write */
long aio_end(struct flight *f);

CASE(direct_beside);		/* a struct beside */

/* ---- the size of the file */

/** Append a block and fsync: the size of the server grows, by an IOEND. */
void append_is_kept(struct server *s, int fd, uint64_t size);

CASE(late_ioend_truncate);
CASE(late_ioend_extend);
CASE(late_ioend_fallocate);
CASE(late_append_truncate);
CASE(late_direct_ioend_truncate);
CASE(ioend_too_large);
CASE(ioend_too_small);
CASE(ioend_append_too_large);
CASE(ioend_append_too_small);
CASE(appends_out_of_order);
CASE(failed_truncate);

/* ---- mappings that become stale */

/*
 * What changes blocks while their mapping is in use: by a fd that is not the
 * user's, and without the inode lock, which the user has. Pages are dirtied before.
 */
struct change {
	void (*prepare)(struct server *s, int fd);
	void (*run)(struct server *s, int fd);
};

extern const struct change change_fsync, change_syncfs, change_neighbour, change_and_many;

CASE(stale_write);		/* one of these */
CASE(stale_store);
CASE(stale_zero);
CASE(not_stale);
CASE(few_stale);

/* ---- devices */

CASE(device_mounted);
CASE(device_registered);
CASE(device_held);
CASE(device_own_hold);
CASE(device_two_servers);
CASE(device_twice);
CASE(device_readonly_two);

/* ---- others */

CASE(dirty_limits);
CASE(parallel_overwrites);
CASE(privileges_later);
CASE(passthrough_close);
CASE(copy_range);
CASE(copy_range_grows);

extern const struct fuse_iomap_config_out good_config, sid_config, pad_config, newline_config,
	escape_config;

CASE(configured);		/* one of these */

#endif
