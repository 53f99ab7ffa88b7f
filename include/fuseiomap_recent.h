/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an END is for: what its BEGIN was for. The flags alone do not tell an
 * append from a write, and the size of the file may have changed in between, so
 * each task remembers the BEGINs whose END is still to come. The BPF programs and
 * user space both compile this, so that they come to the same names.
 *
 * - A BEGIN is remembered when it is done without an error, filtered or not.
 *   Writeback has no ENDs, so it is not remembered.
 * - An END takes the latest one with its connection, inode, position and kind of
 *   operation; the entry is free then. Without one, fi_op_of() has to do.
 * - They nest (a write may fault in a page of another file), seldom deep: when all
 *   places are taken, the oldest goes.
 */
#ifndef FUSEIOMAP_RECENT_H
#define FUSEIOMAP_RECENT_H

#include "fuseiomap.h"

#define FI_RECENT	4

struct fi_recent_begin {
	__u64 ino;
	__u64 pos;
	__u64 order;	/* of remembering; 0: free */
	__u32 dev;
	__u32 opflags;
	__u64 op;
};

struct fi_recent {
	__u64 order;
	struct fi_recent_begin begin[FI_RECENT];
};

/* Bits in which BEGIN and END agree, and that fi_op_of() looks at. */
#define FI_OPFLAGS_SAME	(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_REPORT | \
			 FUSE_IOMAP_OP_FAULT | FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_UNSHARE)

static inline void fi_recent_add(struct fi_recent *r, __u32 dev, __u64 ino, __u64 pos,
				 __u32 opflags, __u32 op)
{
	struct fi_recent_begin *b = &r->begin[0];
	int i;

	if (op == FI_WRITEBACK)
		return;
	for (i = 1; i < FI_RECENT; i++)
		if (r->begin[i].order < b->order)
			b = &r->begin[i];
	b->ino = ino;
	b->pos = pos;
	b->order = ++r->order;
	b->dev = dev;
	b->opflags = opflags & FI_OPFLAGS_SAME;
	b->op = op;
}

static inline __u32 fi_recent_take(struct fi_recent *r, __u32 dev, __u64 ino, __u64 pos,
				   __u32 opflags)
{
	__u32 op = fi_op_of(opflags);
	__u64 latest = 0;
	int i, found = -1;

	for (i = 0; i < FI_RECENT; i++) {
		const struct fi_recent_begin *b = &r->begin[i];

		if (b->order > latest && b->ino == ino && b->pos == pos && b->dev == dev &&
		    b->opflags == (opflags & FI_OPFLAGS_SAME)) {
			latest = b->order;
			found = i;
		}
	}
	for (i = 0; i < FI_RECENT; i++)
		if (i == found) {
			op = r->begin[i].op;
			r->begin[i].order = 0;
		}
	return op;
}

#endif /* FUSEIOMAP_RECENT_H */
