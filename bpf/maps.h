/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps and settings. Sizes that depend on the machine or on options are set by
 * user space before loading.
 */
#ifndef FUSEIOMAP_MAPS_H
#define FUSEIOMAP_MAPS_H

#include "kernel.h"
#include "fuseiomap.h"

/* Set by user space before loading: the verifier drops what is not wanted. */
const volatile struct fi_settings settings;

/* Operations that begin while this is 0 are not ours to count. */
volatile __u32 enabled;

/* Cells taken in the table of files. */
__u32 file_cells;

/*
 * Operations nest in one task, seldom and never deep: one can begin in a page
 * fault or in the writeback that another one causes.
 */
#define DEPTH 4

struct frame {
	__u64 ino;
	loff_t pos;
	__u64 start_ns;
	__u64 send_ns;
	__u64 unique;		/* of the upcall, 0 if none was sent */
	__u32 req_dev;
	__u8  kind;
	__u8  op;
	__u16 pad;
	struct fi_cell_key file;	/* where `begun` was counted */
};

struct stack {
	__u32 depth;
	__u32 marks;
	struct frame frame[DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stack);
} stacks SEC(".maps");

/* Upcalls on their way; the caller makes and deletes the entry. */
struct req_key {
	__u64 unique;
	__u32 dev;
	__u32 pad;
};

struct req_times {
	__u64 sent_ns;
	__u64 end_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct req_key);
	__type(value, struct req_times);
} requests SEC(".maps");

/* By connection, kind and operation. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct fi_cell_key);
	__type(value, struct fi_cell);
} mounts SEC(".maps");

/* By connection, inode and kind. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct fi_cell_key);
	__type(value, struct fi_cell);
} files SEC(".maps");

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
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} records SEC(".maps");

#endif /* FUSEIOMAP_MAPS_H */
