/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of the device, and the extents of a file.
 *
 * Everything here counts in file system blocks, never in bytes. The block map
 * has a lock of its own; the extents of a file are guarded by the file's lock.
 *
 * Where metadata is kept on the device (persist.c), a block that is given back
 * must not go to another file yet: after a crash the old metadata would show
 * that file's data as its own. Such a block is held until metadata that does
 * not have it any more has been committed.
 *
 * With delayed allocation (--delalloc) a part of a file can have room on the device
 * before it has blocks: so many free blocks are reserved for it, and nobody else
 * takes them. Which ones it gets is settled when its data is written there.
 */
#ifndef IOMAPFS_ALLOC_H
#define IOMAPFS_ALLOC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The block of an extent that is delayed: its room is reserved, its place is open. */
#define BLOCK_DELAYED UINT64_MAX

/* File blocks [off, off + len) are device blocks [block, block + len). */
struct extent {
	uint64_t off;
	uint64_t len;
	uint64_t block;		/* or BLOCK_DELAYED */
	bool written;		/* false: allocated, but reads as zeros */
};

static inline bool extent_delayed(const struct extent *extent)
{
	return extent->block == BLOCK_DELAYED;
}

/* The extents of one file: sorted by off, never overlapping. Zeroed = empty. */
struct extents {
	struct extent *v;
	size_t n;
	size_t capacity;
	uint64_t blocks;	/* sum of len, delayed ones too */
};

/* The blocks of the device: a bit for each, set = in use. */
struct alloc {
	pthread_mutex_t lock;
	uint64_t *map;
	uint64_t nblocks;
	uint64_t nfree;
	uint64_t cursor;	/* where the next search starts */
	uint64_t *held;		/* given back since the last commit; NULL: held never */
	uint64_t *leaving;	/* given back before the commit that is under way */
	uint64_t nheld;		/* blocks in both */
	uint64_t nreserved;	/* of nfree: promised to delayed extents */
	uint64_t extent_max;	/* no extent is longer; 0 = no limit */
	uint64_t split;		/* where a second device begins; 0 = there is none */
	uint64_t other_cursor;	/* of the device that is not next */
	bool on_second;		/* the next extent is on the second device */
};

/** Make @alloc cover @nblocks free blocks. Returns 0 or -ENOMEM. */
int alloc_init(struct alloc *alloc, uint64_t nblocks, uint64_t extent_max);

/** The blocks from @split on are another device: extents alternate between both. */
void alloc_split(struct alloc *alloc, uint64_t split);
void alloc_destroy(struct alloc *alloc);

/** Blocks that are free and not reserved, or will be free with the next commit. */
uint64_t alloc_free_blocks(struct alloc *alloc);

/** Take [block, block + len), which nobody has. Returns 0, or -EINVAL if not so. */
int alloc_reserve(struct alloc *alloc, uint64_t block, uint64_t len);

/** From now on hold what is given back until a commit. Returns 0 or -ENOMEM. */
int alloc_hold(struct alloc *alloc);

/** Blocks that a commit would free. */
uint64_t alloc_held_blocks(struct alloc *alloc);

/** A commit begins: what is given back from now on waits for the next one. */
void alloc_commit_begin(struct alloc *alloc);

/** It has ended: if @ok, free what was given back before it began. */
void alloc_commit_end(struct alloc *alloc, bool ok);

/**
 * Find what is at file block @off.
 *
 * Returns true and the whole extent around @off; or false and the hole from
 * @off to the next extent (len is UINT64_MAX - off if there is none).
 */
bool extents_find(const struct extents *extents, uint64_t off, struct extent *found);

/**
 * Allocate one unwritten extent for the hole at file block @off.
 *
 * It may be shorter than @len, as the free space, the next extent or
 * extent_max want it: call again for the rest. @off must be in a hole.
 * Returns 0, -ENOSPC or -ENOMEM.
 */
int extents_fill(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/**
 * Reserve room for the hole at file block @off, as one delayed extent.
 *
 * It may be shorter than @len, as with extents_fill(). Returns 0, -ENOSPC or -ENOMEM.
 */
int extents_delay(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/**
 * Choose blocks for the delayed extent around file block @off, from there on: it
 * becomes one unwritten extent there, and stays delayed elsewhere. That may be
 * shorter than @len, as with extents_fill(), but there is always room.
 * Returns 0 or -ENOMEM.
 */
int extents_settle(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/** Give up all delayed extents, whose data will not come any more. */
void extents_drop_delayed(struct alloc *alloc, struct extents *extents);

/** Mark the blocks allocated in [off, off + len) written. Returns 0 or -ENOMEM. */
int extents_mark_written(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/** Append @extent, whose blocks are reserved already. Returns 0 or -ENOMEM. */
int extents_append(struct extents *extents, struct extent extent);

/** Free the blocks in [off, off + len), reserved ones too. Returns 0 or -ENOMEM. */
int extents_punch(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/** Free all blocks and the memory of @extents. */
void extents_free(struct alloc *alloc, struct extents *extents);

#endif
