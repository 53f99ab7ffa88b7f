/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bpf/inflight.bpf.c tells user space of the requests that wait now. Each
 * item of its ring buffer starts with its type.
 */
#ifndef FUSEIOMAP_INFLIGHT_H
#define FUSEIOMAP_INFLIGHT_H

#include "fuseiomap.h"

/* Where a request is on its way, in order of time. */
enum fi_waits {
	FI_WAITS_HELD,		/* background: too many of them are with the server */
	FI_WAITS_QUEUED,	/* no server thread has taken it yet */
	FI_WAITS_TAKEN,		/* being copied to a server thread */
	FI_WAITS_SERVER,	/* the server works on it */
	FI_WAITS_ANSWER,	/* the answer is being copied from the server */
	FI_WAITS_WAKEUP,	/* answered, the caller does not run yet */
	FI_WAITS_KERNEL,	/* no request has been made yet */
	FI_WAITS_UNKNOWN,	/* with a request, but nobody can tell where it is */
	FI_WAITS,
};

enum fi_wait_type {
	FI_WAIT_REQUEST,
	FI_WAIT_CONNECTION,	/* a process that holds one */
	FI_WAIT_FILE,		/* that some process has open */
	FI_WAIT_INODE,		/* that the kernel knows of */
};

#define FI_WAIT_FORCED		(1U << 0)	/* not even a fatal signal ends it */
#define FI_WAIT_INTERRUPTED	(1U << 1)	/* the caller got a signal, and waits on */
#define FI_WAIT_BACKGROUND	(1U << 2)	/* nobody sleeps for it */

struct fi_wait_request {
	__u32 type;		/* enum fi_wait_type */
	__u32 dev;		/* of the connection */
	__u64 unique;
	__u64 nodeid;
	__u64 created;		/* jiffies; 0: the kernel does not keep it */
	__u32 opcode;
	__u8  waits;		/* enum fi_waits */
	__u8  flags;		/* FI_WAIT_* */
	__u16 in_len;		/* bytes of `in` that are valid */
	__u32 pid;		/* who sleeps until it is answered; 0: nobody */
	__u32 tid;
	__u32 sender;		/* thread that made it, as the server sees it */
	__u32 pad;
	char  comm[FI_COMM_LEN];
	union {			/* first argument of the request */
		struct fuse_iomap_begin_in begin;
		struct fuse_iomap_end_in end;
		struct fuse_iomap_ioend_in ioend;
		struct {	/* FUSE_READ, FUSE_WRITE */
			__u64 fh;
			__u64 offset;
			__u32 size;
		} rw;
	} in;
};

struct fi_wait_connection {
	__u32 type;
	__u32 dev;
	__u32 server;		/* process that has /dev/fuse open for it */
	__u32 timeout;		/* of requests, in jiffies; 0: none */
	__u32 waiting;		/* requests of all kinds, as the kernel counts them */
	__u32 pad;
};

#define FI_WAIT_PATH_LEN	1024

struct fi_wait_file_key {
	__u32 dev;
	__u32 pad;
	__u64 nodeid;
};

/* Files that user space asked for. */
struct fi_wait_file {
	__u32 type;
	__u32 pad;
	struct fi_wait_file_key key;
	__u64 ino;
	__u64 isize;
	char  path[FI_WAIT_PATH_LEN];	/* "" if it could not be had */
};

struct fi_wait_inode {
	__u32 type;
	__u32 pad;
	struct fi_wait_file_key key;
	__u64 ino;
	__u64 isize;
	struct fi_file file;
};

#endif
