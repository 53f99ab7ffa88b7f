/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps and settings. Sizes that depend on the machine or on options are set by
 * user space before loading; those of maps that are not used become 1.
 */
#ifndef FUSEIOMAP_MAPS_H
#define FUSEIOMAP_MAPS_H

#include "kernel.h"
#include "path.h"
#include "fuseiomap.h"
#include "fuseiomap_count.h"
#include "fuseiomap_pair.h"

/* Set by user space before loading: the verifier drops what is not wanted. */
const volatile struct fi_settings settings;

/* Operations that begin while this is 0 are not ours to count. */
volatile __u32 enabled;

/* Cells, server threads and stacks that have been made. */
__u32 cells_taken;
__u32 servers_taken;
__u32 stacks_taken;

/* How often a file that is known had another name: user space reads them again. */
__u32 files_renamed;

/* A finished operation, with who and where. */
struct done {
	struct fi_done d;
	__u64 ino;
	__u64 pos;
	__u64 isize;
	__u64 unique;		/* of the upcall, 0 if none was sent */
	__u64 inode;		/* its address, for what is not always needed */
	__u64 pid_tgid;		/* 0 where nobody asks */
	__u32 dev;
	__u32 server_tid;
	__s32 kernel_stack;
	__s32 user_stack;
};

/* An operation on a task's stack. */
struct frame {
	__u64 ino;
	__u64 pos;
	__u64 count;
	__u64 isize;
	__u64 start_ns;		/* 0 while it is being filled */
	__u64 send_ns;
	__u64 unique;		/* of the upcall, 0 if none was sent */
	__u64 inode;
	__u32 dev;
	__u32 req_dev;
	__u32 opflags;
	__u8  kind;
	__u8  op;
	__u16 pad;
	struct fuse_iomap_io read;	/* upstream: the first of two answers */
};

/*
 * Upstream: an END or IOEND, complete but for how it ends, which is seen in a
 * thread of the server.
 */
struct late {
	struct fi_open open;	/* first: user space reads that; start_ns 0: none */
	struct done done;
	struct fuse_iomap_io map;
	__u64 new_addr;
	__s32 io_error;
	__u32 io_dev;
	__u64 ended;		/* has been counted */
};

/* An upcall. */
struct req_key {
	__u64 unique;
	__u32 dev;
	__u32 pad;
};

struct stack {
	__u32 depth;
	__u32 marks;
	struct frame frame[FI_DEPTH];
	struct fi_begun_ring begun;
	struct late late;	/* its request has not been seen */
	struct req_key late_key;	/* of the last one whose request was */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stack);
} stacks SEC(".maps");

/*
 * Upcalls on their way. The caller takes a place for its own and gives it back. An array
 * with a few places to look at costs a tenth of a hash, and each upcall needs six looks.
 */
#define REQUESTS	32768	/* a power of two */
#define REQUEST_PLACES	4

struct req_times {
	__u64 taken;
	__u64 unique;		/* 0: nobody's, or not yet filled in */
	__u64 sent_ns;
	__u64 end_ns;
	__u32 dev;
	__u32 server_pid;	/* who took it */
	__u32 server_tid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REQUESTS);
	__type(key, __u32);
	__type(value, struct req_times);
} requests SEC(".maps");

/* Upstream: ENDs and IOENDs whose request is on its way. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct req_key);
	__type(value, struct late);
} lates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct fi_cell_key);
	__type(value, struct fi_cell);
} cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FI_HISTS);
	__type(key, __u32);
	__type(value, struct fi_hist);
} hists SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FI_OPS);
	__type(key, __u32);
	__type(value, struct fi_shares);
} shares SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fi_ledger);
} ledgers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FI_SERVERS);
	__type(key, struct fi_server_key);
	__type(value, struct fi_server);
} servers SEC(".maps");

/* Names. What falls out of these has been read by then, or is the inode number. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fi_file_key);
	__type(value, struct fi_file);
} files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct fi_task);
} tasks SEC(".maps");

/* [0] for events, [1] for the list of open operations. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct path_room);
} path_rooms SEC(".maps");

/*
 * Stacks, and where each is by a hash of it. Not the kernel's own map of stacks: that
 * refuses one whose place is another's, and of 200 stacks in 16384 places one is refused.
 */
struct stack_trace {
	__u64 ip[FI_STACK_DEPTH];	/* 0 where it ends */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_trace);
} stack_traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} stack_numbers SEC(".maps");

/* Where a stack is put together. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_trace);
} stack_rooms SEC(".maps");

/* One element: the cgroup of settings.cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} records SEC(".maps");

#endif /* FUSEIOMAP_MAPS_H */
