/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of the device, and the extents of a file.
 *
 * Everything here counts in file system blocks, never in bytes. The block map
 * has a lock of its own; the extents of a file are guarded by the file's lock.
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

/* File blocks [off, off + len) are device blocks [block, block + len). */
struct extent {
	uint64_t off;
	uint64_t len;
	uint64_t block;
	bool written;		/* false: allocated, but reads as zeros */
};

/* The extents of one file: sorted by off, never overlapping. Zeroed = empty. */
struct extents {
	struct extent *v;
	size_t n;
	size_t capacity;
	uint64_t blocks;	/* sum of len */
};

/* The blocks of the device: a bit for each, set = in use. */
struct alloc {
	pthread_mutex_t lock;
	uint64_t *map;
	uint64_t nblocks;
	uint64_t nfree;
	uint64_t cursor;	/* where the next search starts */
	uint64_t extent_max;	/* no extent is longer; 0 = no limit */
};

/** Make @alloc cover @nblocks free blocks. Returns 0 or -ENOMEM. */
int alloc_init(struct alloc *alloc, uint64_t nblocks, uint64_t extent_max);
void alloc_destroy(struct alloc *alloc);
uint64_t alloc_free_blocks(struct alloc *alloc);

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

/** Mark the blocks allocated in [off, off + len) written. Returns 0 or -ENOMEM. */
int extents_mark_written(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/** Free the blocks in [off, off + len). Returns 0 or -ENOMEM. */
int extents_punch(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len);

/** Free all blocks and the memory of @extents. */
void extents_free(struct alloc *alloc, struct extents *extents);

#endif
