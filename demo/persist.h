/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Metadata that survives: --persist.
 *
 * The first blocks of the device are two slots. A commit writes all metadata
 * (names, attributes, extents) into the older one, with a number greater by one
 * and a checksum over all of it; a mount takes the slot with the greater number
 * whose checksum is right. So a commit that was cut off never was, and there is
 * no journal to replay.
 *
 * The order that makes it right:
 *   1. take what is to be written from memory: an extent is written in it only
 *	if IOEND came, that is, when the device had taken the data
 *   2. flush the device, so that this data is stable
 *   3. write the slot
 *   4. flush the device, and only then free the blocks given back before 1
 *
 * A commit is due for fsync(2), sync(2) and the end of the server; and when
 * blocks run out that a commit would free.
 */
#ifndef IOMAPFS_PERSIST_H
#define IOMAPFS_PERSIST_H

#include "fs.h"

/** The size of the smallest device that has room for metadata and a block, in bytes. */
uint64_t persist_min_size(const struct fs *fs);

/** With what a file system was made. */
struct persist_made {
	uint32_t block_size;
	uint64_t dev_size;
};

/**
 * Read the newest slot into @fs, which is empty yet; with @format, make an empty
 * file system. Returns 0; -ENODATA if there is no valid slot; -EINVAL if it was
 * made with what is in @made then, and one of that is not so here; -ENOSPC if the
 * device is smaller than can be; or another -errno.
 */
int persist_load(struct fs *fs, bool format, struct persist_made *made);

/** Commit, if metadata is persistent. Returns 0 or -errno; then nothing changed. */
int persist_commit(struct fs *fs);

/**
 * Blocks ran out: commit, if that frees some. Returns true if it did, and it is
 * worth to try again. To be called without any lock.
 */
bool persist_reclaim(struct fs *fs);

/** Answer SYNCFS, which libfuse does not know. Returns true if it was one. */
bool persist_request(struct fs *fs, const void *buf, size_t len);

#endif
