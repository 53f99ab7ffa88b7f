/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IOMAPFS_IOMAP_H
#define IOMAPFS_IOMAP_H

#include "fs.h"

/**
 * Answer a request, if it is one of the iomap opcodes.
 * @buf: the whole request, beginning with struct fuse_in_header.
 * Returns false if it is something else, which libfuse has to answer.
 */
bool iomap_request(struct fs *fs, const void *buf, size_t len);

/**
 * Tell the kernel that a range of a device, in bytes, must not be read from or
 * written by the device's page cache any more.
 */
void iomap_dev_inval(const struct fs *fs, uint32_t dev, uint64_t offset, uint64_t length);

/** A way to break the answer to CONFIG, by name; NULL if there is none. */
const struct bad_config *bad_config_find(const char *name);

/** Print "name  help" of each to @out, as lines of --help. */
void bad_config_list(FILE *out);

#endif
