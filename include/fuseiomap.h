/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF programs and user space share: histograms, the cells that
 * operations are added up in, the ledger, settings, and the record of one
 * finished operation. Everything has a fixed width, so that both compilers
 * agree on the layout.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC, sizes are bytes. Counters only
 * ever grow; whoever wants an interval subtracts.
 */
#ifndef FUSEIOMAP_H
#define FUSEIOMAP_H

#include <linux/types.h>
#include "fuse_iomap_abi.h"

/* ---- histograms ---------------------------------------------------------- */

/*
 * Log-linear bins, FI_SUB per octave: each is a union of eight of fio's 64 per
 * octave, so that the two overlay. Values below 2 * FI_SUB have a bin each.
 */
#define FI_SUB_BITS	3
#define FI_SUB		(1U << FI_SUB_BITS)
#define FI_BINS		((64 - FI_SUB_BITS) * FI_SUB + FI_SUB)	/* 496 */
#define FI_SLOTS	512	/* >= FI_BINS, a power of two for the verifier */

struct fi_hist {
	__u64 n;
	__u64 sum;
	__u64 max;
	__u64 min_inv;	/* ~min: a zeroed histogram is an empty one */
	__u64 slot[FI_SLOTS];
};

/* Position of the highest set bit; 0 for 0. BPF has no such instruction. */
static inline __u32 fi_log2(__u64 v)
{
	__u32 r = 0;

	for (__u32 step = 32; step; step /= 2) {
		__u32 shift = v >> step ? step : 0;

		v >>= shift;
		r += shift;
	}
	return r;
}

static inline __u32 fi_bin(__u64 v)
{
	__u32 shift;

	if (v < 2 * FI_SUB)
		return v;
	shift = fi_log2(v) - FI_SUB_BITS;
	return shift * FI_SUB + (v >> shift);
}

/* Smallest value of a bin. */
static inline __u64 fi_bin_lo(__u32 bin)
{
	if (bin < 2 * FI_SUB)
		return bin;
	return (__u64)(FI_SUB + bin % FI_SUB) << (bin / FI_SUB - 1);
}

/* First value beyond a bin; the last bin's would be 2^64 and saturates. */
static inline __u64 fi_bin_hi(__u32 bin)
{
	return bin + 1 < FI_BINS ? fi_bin_lo(bin + 1) : ~0ULL;
}

/*
 * The caller owns the histogram: a per-CPU map with preemption off, or user
 * space.
 */
static inline void fi_hist_add(struct fi_hist *h, __u64 v)
{
	__u32 bin = fi_bin(v);

	/* Keeps the compiler from dropping the mask, which the verifier needs. */
	asm volatile("" : "+r"(bin));
	h->slot[bin & (FI_SLOTS - 1)]++;
	h->n++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
	if (~v > h->min_inv)
		h->min_inv = ~v;
}

/* ---- operations ---------------------------------------------------------- */

enum fi_kind {
	FI_BEGIN,
	FI_END,
	FI_IOEND,
	FI_KINDS,
	/* Records only: an answer of the server broke a rule (fuse_iomap_bad_data). */
	FI_REFUSED = FI_KINDS,
	FI_RECORD_KINDS,
};

/* What the operation is for; names are in tools/names.c. */
enum fi_op {
	FI_READ,
	FI_READ_DIRECT,
	FI_WRITE,
	FI_WRITE_DIRECT,
	FI_APPEND,		/* a write that reaches beyond the size of the file */
	FI_APPEND_DIRECT,
	FI_ZERO,
	FI_FAULT,
	FI_UNSHARE,
	FI_REPORT,
	FI_WRITEBACK,
	FI_OPS,
};

/* opflags as in begin (kernel) or end (server): the numbers are the same. */
static inline __u32 fi_op_of(__u32 opflags)
{
	if (opflags & FUSE_IOMAP_OP_WRITEBACK)
		return FI_WRITEBACK;
	if (opflags & FUSE_IOMAP_OP_REPORT)
		return FI_REPORT;
	if (opflags & FUSE_IOMAP_OP_UNSHARE)
		return FI_UNSHARE;
	if (opflags & FUSE_IOMAP_OP_FAULT)
		return FI_FAULT;
	if (opflags & FUSE_IOMAP_OP_ZERO)
		return FI_ZERO;
	if (opflags & FUSE_IOMAP_OP_WRITE)
		return opflags & FUSE_IOMAP_OP_DIRECT ? FI_WRITE_DIRECT : FI_WRITE;
	return opflags & FUSE_IOMAP_OP_DIRECT ? FI_READ_DIRECT : FI_READ;
}

/*
 * The same for a BEGIN, where the size of the file tells a write from an append.
 * An END is what its BEGIN was: the size may have changed in between.
 */
static inline __u32 fi_op_of_begin(__u32 opflags, __u64 pos, __u64 count, __u64 isize)
{
	__u32 op = fi_op_of(opflags);

	if (pos + count <= isize)
		return op;
	return op == FI_WRITE ? FI_APPEND : op == FI_WRITE_DIRECT ? FI_APPEND_DIRECT : op;
}

/* Only direct writes and writeback complete with an ioend. */
static inline __u32 fi_op_of_ioend(__u32 flags)
{
	if (!(flags & FUSE_IOMAP_IOEND_DIRECT))
		return FI_WRITEBACK;
	return flags & FUSE_IOMAP_IOEND_APPEND ? FI_APPEND_DIRECT : FI_WRITE_DIRECT;
}

/* Operations that can be short, and that use the write mapping. */
#define FI_OPFLAGS_WRITE (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_ZERO | \
			  FUSE_IOMAP_OP_UNSHARE | FUSE_IOMAP_OP_WRITEBACK)

/* Mapping types without the gap between INLINE and NOCACHE. */
#define FI_TYPES	8
#define FI_TYPE_BAD	FI_TYPES	/* not a type of the interface */

static inline __u32 fi_type(__u32 wire)
{
	if (wire <= FUSE_IOMAP_TYPE_INLINE)
		return wire;
	if (wire >= FUSE_IOMAP_TYPE_NOCACHE && wire <= FUSE_IOMAP_TYPE_PURE_OVERWRITE)
		return wire - FUSE_IOMAP_TYPE_NOCACHE + FUSE_IOMAP_TYPE_INLINE + 1;
	return FI_TYPE_BAD;
}

/* The wait of the caller of an upcall, in order of time. */
enum fi_phase {
	FI_PH_KERNEL,	/* entry of the operation to request_send */
	FI_PH_QUEUE,	/* to request_sent: no server thread has taken it yet */
	FI_PH_SERVER,	/* to request_end: the server works */
	FI_PH_WAKEUP,	/* to the end: the caller wakes up, the kernel validates */
	FI_PHASES,
};

/* ---- aggregation --------------------------------------------------------- */

/*
 * There is one table of cells. How fine it is, is set before loading (FI_BY_*):
 * parts of the key that are not asked for are 0 (type: FI_TYPE_BAD). Coarser
 * rows are sums that user space makes.
 *
 * When the table is full, new cells give up the task, and then the file, too:
 * these parts are 0 then and the flag says so. Nothing is left out of the sums.
 *
 * dev is the kernel's dev_t of the superblock: major << 20 | minor.
 */
struct fi_cell_key {
	__u32 dev;
	__u8  kind;	/* enum fi_kind, below FI_KINDS */
	__u8  op;	/* enum fi_op */
	__u8  type;	/* fi_type() of the mapping used; FI_TYPE_BAD: none */
	__u8  flags;	/* FI_KEY_* */
	__u64 ino;
	__u32 pid;
	__u32 tid;
};

#define FI_KEY_OTHER_TASK	(1U << 0)
#define FI_KEY_OTHER_FILE	(1U << 1)

/* fi_settings.by */
#define FI_BY_FILE	(1U << 0)
#define FI_BY_TASK	(1U << 1)	/* pid and tid */
#define FI_BY_TYPE	(1U << 2)

/* Done operations; what is in flight is in struct fi_open. */
struct fi_cell {
	__u64 done;
	__u64 sent;		/* done with an upcall */
	__u64 errors;		/* done with an error */
	__u64 shorts;		/* END, write-like: written < count */
	__u64 bytes;		/* sum of count */
	__u64 written;		/* END (but REPORT), IOEND: sum of written */
	__u64 missing;		/* sum of count - written of the short ones */
	__u64 split;		/* with all phases known */
	__u64 phase_ns[FI_PHASES];
	__u64 read_type[FI_TYPES];	/* BEGIN: mappings answered, by fi_type() */
	__u64 write_type[FI_TYPES];
	__u64 used_type[FI_TYPES];	/* the one of the two that the kernel uses */
	struct fi_hist lat;
};

/* Histograms that are kept once for everything, by index. */
#define FI_H_PHASE(kind, op, phase)	(((kind) * FI_OPS + (op)) * FI_PHASES + (phase))
#define FI_H_MAPLEN(type)		(FI_KINDS * FI_OPS * FI_PHASES + (type))
#define FI_H_MISSING(op)		(FI_H_MAPLEN(FI_TYPES) + (op))
#define FI_HISTS			FI_H_MISSING(FI_OPS)

/* written / count: [0] nothing, [1..10] up to the next tenth, [11] all. */
#define FI_SHARES	12

static inline __u32 fi_share(__u64 written, __u64 count)
{
	if (!written)
		return 0;
	if (written >= count)
		return FI_SHARES - 1;
	/* Halve both until the product fits; the quotient stays in its tenth. */
	if (count >> 60) {
		written >>= 4;
		count >>= 4;
	}
	return 1 + written * 10 / count;
}

/* Index of the table of shares is the operation. */
struct fi_shares {
	__u64 n[FI_SHARES];
};

/* Per kind: begun = ok + errors + in_flight + unpaired, or the count is wrong. */
struct fi_ledger {
	__u64 begun[FI_KINDS];		/* start events */
	__u64 ok[FI_KINDS];		/* paired done events */
	__u64 errors[FI_KINDS];
	__u64 in_flight[FI_KINDS];	/* on a stack now; counted apart, not derived */
	__u64 unpaired[FI_KINDS];	/* left the stack without a done event */
	__u64 unmatched[FI_KINDS];	/* done, but began before we looked */
	__u64 sent[FI_KINDS];		/* all done events */
	__u64 unsent[FI_KINDS];
	__u64 no_storage;		/* events whose first program got no task storage */
	__u64 repaired;			/* events that only the second program saw */
	__u64 unsplit;			/* upcalls without error whose split is unknown */
	__u64 bad_data;			/* replies that failed a validation rule */
	__u64 records;			/* given to the ring buffer */
	__u64 ring_full;		/* not given, it was full */
	__u64 requests_full;		/* upcalls whose split is unknown for that */
	__u64 other;			/* operations in cells that gave something up */
	__u64 cells_full;		/* operations in no cell at all */
	__u64 stacks_lost;		/* stacks that could not be kept */
	__u64 raw_lost;			/* events lost before we saw them (ftrace) */
};

/* ---- what runs now ------------------------------------------------------- */

#define FI_COMM_LEN	16

/* Frames that are kept of a stack, and stacks. */
#define FI_STACK_DEPTH	127
#define FI_STACKS	16384

/* An operation that has begun and not ended. */
struct fi_open {
	__u64 start_ns;
	__u64 send_ns;		/* of its upcall; 0: not sent yet */
	__u64 ino;
	__u64 pos;
	__u64 count;		/* 0 for IOEND */
	__u32 dev;
	__u32 pid;
	__u32 tid;
	__u8  kind;
	__u8  op;
	__u16 pad;
	char  comm[FI_COMM_LEN];
};

/*
 * A thread of a server that answers upcalls. Counters, as in cells. Threads beyond
 * FI_SERVERS share the entry of their process without a tid, or the one of the
 * connection.
 */
#define FI_SERVERS	4096

struct fi_server_key {
	__u32 dev;		/* of the connection */
	__u32 pid;
	__u32 tid;
	__u32 pad;
};

struct fi_server {
	__u64 requests[FI_KINDS];	/* taken by it and answered */
	__u64 busy_ns;		/* from request_sent to request_end, all summed */
	__u64 busy_since;	/* when it took the last one; 0: that is answered */
	char  comm[FI_COMM_LEN];
};

/* ---- names --------------------------------------------------------------- */

struct fi_file_key {
	__u64 ino;
	__u32 dev;
	__u32 pad;
};

#define FI_PATH_LEN	256

/*
 * Path below the mount's root when the file was first seen: components from
 * the last one up, each ended by a zero byte; cut at the root or when it is full.
 */
struct fi_file {
	__u64 nodeid;
	__u16 len;		/* bytes used of path */
	__u8  whole;		/* goes up to the root */
	__u8  pad;
	__u32 hash;		/* kernel's, of the last component: tells a new name */
	char  path[FI_PATH_LEN];
};

struct fi_task {
	__u32 pid;
	char  comm[FI_COMM_LEN];	/* of the thread */
	char  process[FI_COMM_LEN];	/* comm of the thread group's leader */
	__u32 pad;
};

/* ---- settings ------------------------------------------------------------ */

/*
 * Set before the programs are loaded; zero means "all" or "no". Every source
 * goes by them: BPF in the kernel, the others in user space.
 */
struct fi_settings {
	__u64 ino;		/* only this inode */
	__u64 min_lat_ns;	/* only operations that took as long */
	__u32 dev;		/* only this connection */
	__u32 pid;
	__u32 tid;
	__u32 ops;		/* bit mask of enum fi_op */
	__u32 kinds;		/* bit mask of enum fi_kind */
	__u32 types;		/* bit mask of fi_type(): of the mapping used */
	__u32 max_cells;	/* cells of full fineness; filled in by the source */
	char  comm[FI_COMM_LEN];	/* only threads with this name */
	__u8  cgroup;		/* only tasks below the one in the cgroup map */
	__u8  errors;		/* only done with an error */
	__u8  shorts;		/* only short ENDs */
	__u8  by;		/* FI_BY_* */
	__u8  cells;		/* fill the table of cells */
	__u8  hists;		/* fill the histograms beside the cells */
	__u8  records;		/* one record per finished operation */
	__u8  servers;		/* fill the table of server threads */
	__u8  kernel_stacks;	/* records carry stacks */
	__u8  user_stacks;
	__u8  no_preempt;	/* the kernel has bpf_preempt_disable() */
	__u8  upstream;		/* no *_done events: go by what there is */
};

/*
 * Filters on who, where and what for act on start and done events alike, so
 * that the ledger balances; those on the outcome (type, latency, errors, short)
 * only on what is added up or recorded: fi_wanted_done().
 */

/* ---- one finished operation ---------------------------------------------- */

#define FI_F_SENT	(1U << 0)	/* there was an upcall */
#define FI_F_TIMED	(1U << 1)	/* lat_ns is known */
#define FI_F_SPLIT	(1U << 2)	/* phase_ns is known */
#define FI_F_SIGNAL	(1U << 3)	/* a signal was pending in the task */
#define FI_F_UNSURE	(1U << 4)	/* no done event: outcome as far as upstream's tell */
#define FI_F_STATUS	(1U << 5)	/* END: io_error is known */

#define FI_RULE_LEN	64

struct fi_record {
	__u64 time_ns;		/* when it finished */
	__u64 lat_ns;
	__u64 phase_ns[FI_PHASES];
	__u64 ino;		/* REFUSED: of the operation it belongs to, 0: unknown */
	__u64 nodeid;
	__u64 isize;		/* size of the file as the kernel has it; BEGIN: at the start */
	__u64 pos;
	__u64 count;		/* IOEND: bytes of the I/O, as written */
	__s64 written;		/* END, IOEND */
	__u64 unique;		/* of the upcall; 0: none or unknown */
	__u32 dev;
	__u32 pid;
	__u32 tid;
	__u32 server_tid;	/* who answered; 0: unknown */
	__u32 opflags;		/* FUSE_IOMAP_OP_*; IOEND: FUSE_IOMAP_IOEND_* */
	__s32 error;
	__u8  kind;		/* below FI_RECORD_KINDS */
	__u8  op;
	__u16 flags;		/* FI_F_* */
	__s32 kernel_stack;	/* id in the catalog; 0: none */
	__s32 user_stack;
	__s32 line;		/* REFUSED: of the kernel's source */
	char  comm[FI_COMM_LEN];
	union {
		struct {
			/* BEGIN; END: the mapping used, kernel's flags unless UNSURE */
			struct fuse_iomap_io read;
			struct fuse_iomap_io write;	/* BEGIN; right behind `read` */
		};
		char rule[FI_RULE_LEN];		/* REFUSED: the condition that failed */
	};
	__u64 new_addr;		/* IOEND, as newsize */
	__u64 newsize;
	__s32 io_error;		/* IOEND: what the I/O ended with; END: the iteration's status */
	__u32 io_dev;		/* IOEND: backing id */
};

_Static_assert(FI_BINS == 496 && FI_BINS <= FI_SLOTS, "bins");
_Static_assert(sizeof(struct fi_hist) == 32 + 8 * FI_SLOTS, "layout");
_Static_assert(sizeof(struct fi_cell_key) == 24, "layout");
_Static_assert(sizeof(struct fi_cell) == 8 * 8 + 8 * FI_PHASES + 24 * FI_TYPES +
	       sizeof(struct fi_hist), "layout");
_Static_assert(sizeof(struct fi_open) == 72, "layout");
_Static_assert(sizeof(struct fi_server) == 56, "layout");
_Static_assert(sizeof(struct fi_file) == 16 + FI_PATH_LEN, "layout");
_Static_assert(sizeof(struct fi_task) == 40, "layout");
_Static_assert(sizeof(struct fi_settings) == 72, "layout");
_Static_assert(sizeof(struct fi_record) == 248, "layout");
_Static_assert(__builtin_offsetof(struct fi_record, write) ==
	       __builtin_offsetof(struct fi_record, read) + sizeof(struct fuse_iomap_io),
	       "a reply is copied over both");

#endif /* FUSEIOMAP_H */
