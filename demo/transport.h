/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between /dev/fuse and libfuse.
 *
 * Released libfuse knows nothing of iomap. Its custom I/O lets a server see
 * each request before libfuse does and each answer after it, which is enough:
 * the iomap opcodes are answered here, the INIT flag and the attribute bits
 * are put into libfuse's answers.
 */
#ifndef IOMAPFS_TRANSPORT_H
#define IOMAPFS_TRANSPORT_H

#include "fs.h"

struct fuse_session;

/** Open /dev/fuse; fs->fuse_fd is set. Returns 0 or -errno. */
int transport_open(struct fs *fs);

/**
 * Mount what was opened. Returns 0 or -errno. With fs->sync_init the mount is there
 * after transport_init(), or the process ends.
 */
int transport_mount(struct fs *fs, const char *mountpoint);

/** Make @session use fs->fuse_fd. Returns 0 or -errno. */
int transport_attach(struct fs *fs, struct fuse_session *session);

/**
 * Answer INIT, register the devices if iomap was agreed upon.
 * Returns 0 or -errno; -EBUSY: somebody else has fs->registering.busy. Then
 * fs->iomap_on tells what came out. If it is false, @reason says why.
 */
int transport_init(struct fs *fs, struct fuse_session *session, const char **reason);

/** Register the devices now, if that was put off. Returns 0 or -errno. */
int transport_register_late(struct fs *fs);

/** End a mount that nobody serves. */
void transport_give_up(struct fs *fs, const char *mountpoint);

/** Serve requests with @threads threads, until the file system is unmounted. */
int transport_serve(struct fs *fs, struct fuse_session *session, unsigned int threads);

/** Send a notification; what the kernel has against it is logged with -v. */
void transport_notify(const struct fs *fs, int code, const void *payload, size_t size);

/** Answer a request past libfuse. @err: 0 or a negative errno, without payload. */
void transport_reply(struct fs *fs, uint64_t unique, int err, const void *payload, size_t size);

#endif
