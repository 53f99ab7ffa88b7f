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

#endif
