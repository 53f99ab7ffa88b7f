/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events as the kernel's trace buffers hold them, with the meaning of their
 * fields: what ftrace and a trace.dat have in common. Fields are found by name,
 * so that kernels which order or size them otherwise are read just as well.
 */
#ifndef RAW_H
#define RAW_H

#include <stdbool.h>

#include "fuseiomap.h"

struct tep_handle;
struct tep_record;

enum raw_what {
	RAW_BEGIN,
	RAW_BEGIN_ERROR,
	RAW_READ_MAP,
	RAW_WRITE_MAP,
	RAW_BEGIN_DONE,
	RAW_END,
	RAW_END_ERROR,
	RAW_END_DONE,
	RAW_IOEND,
	RAW_IOEND_ERROR,
	RAW_IOEND_DONE,
	RAW_BAD_DATA,
	RAW_REQUEST_SEND,
	RAW_REQUEST_SENT,
	RAW_REQUEST_END,
	/* Who is who. */
	RAW_TASK_NEW,
	RAW_TASK_RENAME,
	RAW_TASK_CGROUP,
	/* Of the kernel, right behind the event that it belongs to; see raw_stack(). */
	RAW_STACK,
	RAW_WHATS,
};

/* What an event does not have is 0. */
struct raw_event {
	__u64 time_ns;
	enum raw_what what;
	__u32 tid;		/* in whose context it fired */
	__u32 dev;
	__u64 ino;
	__u64 nodeid;
	__u64 isize;
	__u64 pos;
	__u64 count;
	__s64 written;
	__u64 new_addr;
	__u64 newsize;
	__u64 unique;
	__u32 opcode;
	__u32 opflags;		/* IOEND: FUSE_IOMAP_IOEND_* */
	__s32 error;
	__s32 io_error;
	__u32 io_dev;
	__s32 line;
	__u32 sent;
	__u32 other_tid;	/* of the task that is new or changed */
	__u64 clone_flags;
	__s32 stack;		/* RAW_STACK: id in the catalog, from who decodes it */
	struct fuse_iomap_io read;	/* also the one mapping of events that have one */
	struct fuse_iomap_io write;
	char  text[FI_RULE_LEN];	/* rule that was broken; comm; path of a cgroup */
};

/* The kernel's names, in the order of enum raw_what. */
struct raw_name {
	const char *system;
	const char *event;
};

extern const struct raw_name raw_names[RAW_WHATS];

/* The kernel has events of its own for the end of operations, in this range. */
static inline bool raw_is_done(enum raw_what what)
{
	return what == RAW_BEGIN_DONE || what == RAW_END_DONE || what == RAW_IOEND_DONE;
}

static inline bool raw_is_start(enum raw_what what)
{
	return what == RAW_BEGIN || what == RAW_END || what == RAW_IOEND;
}

static inline bool raw_is_request(enum raw_what what)
{
	return what >= RAW_REQUEST_SEND && what <= RAW_REQUEST_END;
}

static inline bool raw_is_task(enum raw_what what)
{
	return what >= RAW_TASK_NEW && what <= RAW_TASK_CGROUP;
}

struct raw_decoder;

/* For the formats that `tep` knows, which must outlive it. */
struct raw_decoder *raw_decoder_new(struct tep_handle *tep);
void raw_decoder_free(struct raw_decoder *d);

/* False if it is none of ours. `data` is one event's record in a trace buffer. */
bool raw_decode(const struct raw_decoder *d, void *data, size_t size, __u64 time_ns,
		struct raw_event *to);

/* The addresses of a RAW_STACK, innermost first; returns how many. */
size_t raw_stack(const struct raw_decoder *d, void *data, size_t size, __u64 *ip, size_t max);

#endif
