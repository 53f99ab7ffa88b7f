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
};

/* What the operation is for; names are in tools/names.c. */
enum fi_op {
	FI_READ,
	FI_READ_DIRECT,
	FI_WRITE,
	FI_WRITE_DIRECT,
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

/* Only direct writes and writeback complete with an ioend. */
static inline __u32 fi_op_of_ioend(__u32 flags)
{
	return flags & FUSE_IOMAP_IOEND_DIRECT ? FI_WRITE_DIRECT : FI_WRITEBACK;
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

/* dev is the kernel's dev_t of the superblock: major << 20 | minor. */
struct fi_cell_key {
	__u32 dev;
	__u8  kind;	/* enum fi_kind */
	__u8  op;	/* enum fi_op; 0 in the table of files */
	__u16 pad;
	__u64 ino;	/* 0 in the table of mounts, and for "other files" */
};

#define FI_NAME_LEN	32

struct fi_cell {
	__u64 begun;		/* start events seen */
	__u64 abandoned;	/* of these: will never be seen to finish */
	__u64 timed;		/* of these: finished, so with a latency */
	__u64 done;		/* done events, also of operations not timed */
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
	__u64 nodeid;
	char  name[FI_NAME_LEN];	/* last component, cut; files only */
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
	__u64 no_storage;		/* events without task storage: not counted */
	__u64 repaired;			/* events that only the second program saw */
	__u64 unsplit;			/* upcalls without error whose split is unknown */
	__u64 bad_data;			/* replies that failed a validation rule */
	__u64 records;			/* given to the ring buffer */
	__u64 ring_full;		/* not given, it was full */
	__u64 requests_full;		/* upcalls whose split is unknown for that */
	__u64 files_other;		/* operations on files beyond the table */
	__u64 cells_full;		/* operations in no cell at all */
};

/* ---- settings ------------------------------------------------------------ */

/* Set before the programs are loaded; zero means "all" or "no". */
struct fi_settings {
	__u32 dev;		/* only this connection */
	__u32 pid;		/* only this process */
	__u32 ops;		/* bit mask of enum fi_op */
	__u32 max_files;	/* cells for files; the rest is "other" */
	__u64 min_lat_ns;	/* only operations that took as long */
	__u8  files;		/* fill the table of files */
	__u8  hists;		/* fill the histograms beside the cells */
	__u8  records;		/* one record per finished operation */
	__u8  no_preempt;	/* the kernel has bpf_preempt_disable() */
	__u32 pad;
};

/* ---- one finished operation ---------------------------------------------- */

#define FI_COMM_LEN	16

#define FI_F_SENT	(1U << 0)	/* there was an upcall */
#define FI_F_TIMED	(1U << 1)	/* lat_ns is known */
#define FI_F_SPLIT	(1U << 2)	/* phase_ns is known */

struct fi_record {
	__u64 time_ns;		/* when it finished */
	__u64 lat_ns;
	__u64 phase_ns[FI_PHASES];
	__u64 ino;
	__u64 nodeid;
	__u64 pos;
	__u64 count;		/* IOEND: bytes of the I/O, as written */
	__s64 written;		/* END, IOEND */
	__u32 dev;
	__u32 pid;
	__u32 tid;
	__u32 opflags;		/* FUSE_IOMAP_OP_*; IOEND: FUSE_IOMAP_IOEND_* */
	__s32 error;
	__u8  kind;
	__u8  op;
	__u16 flags;		/* FI_F_* */
	char  comm[FI_COMM_LEN];
	char  name[FI_NAME_LEN];
	struct fuse_iomap_io read;	/* BEGIN; END: the mapping used */
	struct fuse_iomap_io write;	/* BEGIN; right behind `read` */
	__u64 new_addr;		/* IOEND, as newsize */
	__u64 newsize;
	__s32 io_error;		/* IOEND: what the I/O ended with */
	__u32 io_dev;		/* IOEND: backing id */
};

_Static_assert(FI_BINS == 496 && FI_BINS <= FI_SLOTS, "bins");
_Static_assert(sizeof(struct fi_hist) == 32 + 8 * FI_SLOTS, "layout");
_Static_assert(sizeof(struct fi_cell_key) == 16, "layout");
_Static_assert(sizeof(struct fi_cell) == 8 * 11 + 8 * FI_PHASES + 24 * FI_TYPES +
	       8 + FI_NAME_LEN + sizeof(struct fi_hist), "layout");
_Static_assert(sizeof(struct fi_settings) == 32, "layout");
_Static_assert(sizeof(struct fi_record) == 248, "layout");
_Static_assert(__builtin_offsetof(struct fi_record, write) ==
	       __builtin_offsetof(struct fi_record, read) + sizeof(struct fuse_iomap_io),
	       "a reply is copied over both");

#endif /* FUSEIOMAP_H */
