/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How start events and what ends them are put together. The BPF programs and user
 * space both go by this, so that they come to the same numbers.
 *
 * Every source
 * ------------
 * - A task has a stack of FI_DEPTH operations that have begun and not ended. A done
 *   event ends the innermost one of the same kind, dev, ino and pos; what lies above
 *   it has ended unseen (unpaired). Beginning with a full stack empties it first
 *   (unpaired): nothing nests that deep, so the ends were missed.
 * - The filters on who, where and what for are asked once: at the start event, and
 *   for what has none (an END that is not sent) at the done event. A done event whose
 *   start is not on the stack is `unmatched` if the filters want it.
 * - The operation of a BEGIN comes from the size of the file at its start event
 *   (fi_op_of_begin()). Each start event of a BEGIN is kept, wanted or not, in a ring
 *   of FI_BEGUN per task; an END, at its start event and at the done event of one that
 *   is not sent, has the operation of the newest entry that is of its dev, ino, pos
 *   and opflags, else fi_op_of() (fi_begun_op()). Entries are never removed, only
 *   overwritten. The opflags are compared without those that only one side knows.
 * - A request belongs to the operation on top of the stack of the task that sends it,
 *   if that has none yet. The wait is split if request_sent was seen; without
 *   request_end before the done event the wake-up took no time.
 * - A thread of a server gets what it took with request_sent, whoever answers it.
 * - bad_data belongs to the operation on top of the task's stack; if there is none, to
 *   the newest BEGIN in the ring (filtered out, or ended by upstream's write_map), unless
 *   its done event was seen. In the second case the filters are asked with the kind
 *   `refused`, and what the ring does not know is 0. Its error is what the caller gets:
 *   EUCLEAN.
 *
 * Upstream's events alone (settings.upstream)
 * -------------------------------------------
 * Everything that ends in this way has FI_F_UNSURE.
 * - BEGIN ends with begin_error of its dev, ino and pos, or with the first write_map of
 *   its dev and ino while it is on top of the stack; both mappings are as answered
 *   (read_map before it). Later ones of a server that says `retry` find nothing to end.
 * - A BEGIN on top of the stack that sent no request when its task's next BEGIN, END or
 *   IOEND starts was answered from the kernel's cache: done, not sent, not timed,
 *   without mappings. Whether the next one passes the filters does not matter.
 * - END starts with its event, which fires only if it is sent, and is not put on the
 *   stack: the next request that its task sends with that opcode is its own. It ends
 *   with request_end of that (error of the reply, but ENOSYS is none; no wake-up phase) or
 *   with end_error, what comes first. ENDs that are not sent are not seen at all.
 * - IOEND that the server need not hear of (fi_wants_ioend()) is done at its event: not
 *   sent, not timed, error as that of the I/O. The others are like END; an error of the
 *   I/O wins over the reply's.
 * - An END or IOEND that sent no request when its task's next BEGIN, END or IOEND
 *   starts is done then, not timed: an IOEND not sent, an END sent. (The kernel lacks
 *   the request events, or the server has no IOEND.)
 * - Until such an end comes, an operation is in flight to the ledger; but listed as
 *   open is only what sent a request, since all else may be over.
 * - The mapping of an END is what the server is told, flags in its numbers.
 */
#ifndef FUSEIOMAP_PAIR_SHARED_H
#define FUSEIOMAP_PAIR_SHARED_H

#include "fuseiomap.h"

/* Operations that nest in one task; a power of two. */
#define FI_DEPTH	4

/* BEGINs that an END can find; a power of two. */
#define FI_BEGUN	4

/* Bits 0 to 10: equal in the kernel and on the wire. */
#define FI_OPFLAGS_BOTH	0x7ffU

struct fi_begun {
	__u64 ino;
	__u64 pos;
	__u32 dev;
	__u32 opflags;
	__u8  op;
	__u8  pad[7];
};

struct fi_begun_ring {
	struct fi_begun begun[FI_BEGUN];
	__u32 next;		/* grows for ever */
	__u32 over;		/* the newest is done */
};

static inline void fi_begun_add(struct fi_begun_ring *r, __u32 dev, __u64 ino, __u64 pos,
				__u32 opflags, __u32 op)
{
	__u32 i = r->next++;

	r->over = 0;
	/* Keeps the compiler from dropping the mask, which the verifier needs. */
	asm volatile("" : "+r"(i));
	r->begun[i & (FI_BEGUN - 1)] = (struct fi_begun){
		.ino = ino, .pos = pos, .dev = dev,
		.opflags = opflags & FI_OPFLAGS_BOTH, .op = op,
	};
}

/* The BEGIN that began last; NULL: none yet, or it is done. */
static inline const struct fi_begun *fi_begun_newest(const struct fi_begun_ring *r)
{
	__u32 i = r->next - 1;

	asm volatile("" : "+r"(i));
	return r->next && !r->over ? &r->begun[i & (FI_BEGUN - 1)] : 0;
}

/* The operation of an END. */
static inline __u32 fi_begun_op(const struct fi_begun_ring *r, __u32 dev, __u64 ino,
				__u64 pos, __u32 opflags)
{
	__u32 back;

	for (back = 1; back <= FI_BEGUN; back++) {
		__u32 i = r->next - back;
		const struct fi_begun *b;

		if (back > r->next)
			break;
		asm volatile("" : "+r"(i));
		b = &r->begun[i & (FI_BEGUN - 1)];
		if (b->ino == ino && b->pos == pos && b->dev == dev &&
		    b->opflags == (opflags & FI_OPFLAGS_BOTH))
			return b->op;
	}
	return fi_op_of(opflags);
}

/* Whether the kernel tells the server, as long as that does not answer ENOSYS. */
static inline int fi_wants_ioend(__s32 io_error, __u64 written, __u32 flags)
{
	return io_error ||
	       (written && (flags & (FUSE_IOMAP_IOEND_SHARED | FUSE_IOMAP_IOEND_UNWRITTEN |
				     FUSE_IOMAP_IOEND_APPEND)));
}

_Static_assert(sizeof(struct fi_begun) == 32, "layout");

#endif /* FUSEIOMAP_PAIR_SHARED_H */
