/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small server without a library, on a loop device over memory, and what the
 * cases do with its files.
 *
 * Its answers to BEGIN and IOEND are ready when the request comes, and can be held
 * back at a gate, so that a case decides what the kernel does in between, without
 * waiting for time to pass. A case says what it saw; what is wrong begins with
 * "WRONG:".
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "fuse_iomap_abi.h"
#include "fuse_newer.h"

#define BLOCK		4096
#define BLOCKS		2048		/* of a file, at most */
#define FILE_BYTES	((uint64_t)BLOCKS * BLOCK)
#define USUAL_BLOCKS	16		/* of a file at first, all written */
#define USUAL_SIZE	(USUAL_BLOCKS * BLOCK)
#define ROOT		1		/* node ids: the file's, and the other's */
#define FILE_NODE	2
#define OTHER_NODE	3
#define FILES		2
#define HANG_S		10		/* what takes longer hangs; SLOW times that */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define TYPE_HOLE	FUSE_IOMAP_TYPE_HOLE
#define TYPE_DELALLOC	FUSE_IOMAP_TYPE_DELALLOC
#define TYPE_MAPPED	FUSE_IOMAP_TYPE_MAPPED
#define TYPE_UNWRITTEN	FUSE_IOMAP_TYPE_UNWRITTEN

/* The xattr security.capability: VFS_CAP_REVISION_2, effective, CAP_NET_RAW */
#define FILE_CAPS	{ 0x02000001, 1 << 13, 0, 0, 0 }

/* Holds back the answers to some requests, ready as they are. */
struct gate {
	bool closed;
	uint64_t nodeid;	/* 0: of any file */
	uint32_t flags;		/* requests that have these */
	unsigned int waiting;	/* answers */
};

struct file {
	uint64_t size;
	uint16_t type[BLOCKS];	/* FUSE_IOMAP_TYPE_* */
};

/* What the server was told or asked */
struct seen {
	unsigned int begins, ends, stale_ends, ioends, appends;
	unsigned int copies, removed_xattrs;
	bool copied_old_data;
};

/* How the server is; 0 is the usual way */
struct manner {
	uint16_t alloc_type;	/* what a write makes of a hole; UNWRITTEN */
	uint64_t reply_size;	/* of IOEND, instead of the true one, and 1 more */
	int size_error;		/* what a size is answered with once it is set */
	bool passthrough;
	bool xattrs;		/* there could be some */
	const struct fuse_iomap_config_out *config;
};

struct server {
	int fuse_fd, loop_fd, mem_fd;
	int device;		/* its id, or a negative errno */
	char dir[32], path[FILES][48];
	struct manner manner;

	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t changed;
	struct gate begin, ioend;
	struct file file[FILES];
	struct seen seen;
	bool has_caps;		/* the xattr security.capability */
	bool written_back;	/* what a case waits for */
};

/* ---- what is right, and how long it may take */

extern bool wrong;		/* something was */
extern int slow;

/** Print a line of what is seen. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** The test itself cannot go on, by errno. */
void die(const char *what) __attribute__((noreturn));

/* Say what was seen, and remember if it is not right. */
#define expect(right, fmt, ...) ({					\
	bool right_ = (right);						\
	say("%s" fmt, right_ ? "" : "WRONG: ", ##__VA_ARGS__);		\
	wrong |= !right_;						\
	right_; })

/** Seconds, from no time in particular. */
double now(void);

/** The time in so many seconds, SLOW times as long. */
struct timespec deadline(int seconds);

/** A moment for what must not happen, or cannot be seen from here. */
void moment(void);

/* ---- the server */

/** Prepare to mount: files of USUAL_BLOCKS written blocks. */
void server_prepare(struct server *s, const struct manner *manner, int loop_fd, int mem_fd);

/** Mount. Returns 0 when INIT is over, or the error of the first request. */
int server_start(struct server *s);

/** Unmount, if that was not done yet. */
void server_end(struct server *s);

/** Hold the answers back to requests of a file, 0 is any, that have these flags. */
void gate_close(struct server *s, struct gate *gate, uint64_t nodeid, uint32_t flags);

/** Let them go, and all that follow. */
void gate_open(struct server *s, struct gate *gate);

/** Wait until @n answers are held back. Returns how many are when no more come. */
unsigned int gate_reached(struct server *s, struct gate *gate, unsigned int n);

/** Set what the blocks of the file are. */
void set_types(struct server *s, uint64_t first, uint64_t blocks, uint16_t type);

/** What the server was told and asked so far */
struct seen seen(struct server *s);

/** The file's size that the server has */
uint64_t server_size(struct server *s);

/** Where a byte of a file is on the device */
uint64_t addr_of(uint64_t nodeid, uint64_t pos);

/** A new loop device over memory, of which @mem_fd is set to a fd, too. */
int device_open(int *mem_fd);

/** The same device, opened once more. */
int reopen(int fd, int flags);

/** Register an open file. Returns its id, or a negative errno. */
int register_fd(struct server *s, int fd, uint32_t type);

/* ---- operations on the file */

/** Open it. */
int file_open(struct server *s, int flags);

/** Its size, as fstat() has it */
uint64_t kernel_size(int fd);

/** A page of memory that is full of @c; the caller frees it. */
char *page_of(char c);

void write_block(int fd, uint64_t block, char c);

/** Is that part of the block nothing but @c? */
bool block_has(int fd, uint64_t block, unsigned int from, unsigned int to, char c);

/** It must be, through the page cache and on the device. */
void expect_data(struct server *s, int fd, uint64_t block, unsigned int from, unsigned int to,
		 char c);

void start_writeback(int fd, uint64_t block, uint64_t blocks);

/** Write blocks back, and wait for it. */
void write_back(int fd, uint64_t block, uint64_t blocks);

void sync_and_drop(int fd);

/* Something that a thread of its own does, since it may wait */
struct task {
	pthread_t thread;
	void (*run)(struct task *task);
	const char *what;
	struct server *s;
	int fd;
	uint64_t pos;
	long result;		/* or a negative errno */
};

struct task *task_start(const char *what, void (*run)(struct task *), struct server *s, int fd,
			uint64_t pos);

/** What came of it, which must be soon. */
long task_end(struct task *task);

/** Start and end it. */
long task_run(const char *what, void (*run)(struct task *), struct server *s, int fd,
	      uint64_t pos);

void do_fsync(struct task *t);
void do_truncate(struct task *t);	/* to @pos */
void do_extend(struct task *t);		/* to @pos, by fallocate */
void do_write(struct task *t);		/* a block of 'd' at @pos */
void do_write_and_fsync(struct task *t);
void do_store(struct task *t);		/* 'N' at @pos, by mmap */

/** This does not end: leave the case, and what hangs. */
void hangs(const char *what) __attribute__((noreturn));

/** Print the processes and kernel threads that wait in FUSE and cannot be killed. */
void show_waiting(void);

#endif
