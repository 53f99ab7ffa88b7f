/* SPDX-License-Identifier: GPL-2.0-only */
/* What released <linux/fuse.h> has, but not that of Debian 12. */
#ifndef FUSE_NEWER_H
#define FUSE_NEWER_H

#include <stdint.h>
#include <sys/ioctl.h>

#include <linux/fuse.h>

#ifndef FUSE_DEV_IOC_SYNC_INIT		/* Linux 6.18 */
#define FUSE_DEV_IOC_SYNC_INIT		_IO(229, 3)
#endif

#ifndef FUSE_DEV_IOC_BACKING_OPEN	/* Linux 6.9 */
struct fuse_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define FUSE_DEV_IOC_BACKING_OPEN	_IOW(229, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE	_IOW(229, 2, uint32_t)
#define FUSE_PASSTHROUGH		(1ULL << 37)
#endif

/* fuse_init_out::max_stack_depth, Linux 6.9: what follows flags2. */
static inline void fuse_set_max_stack_depth(struct fuse_init_out *out, uint32_t depth)
{
	(&out->flags2)[1] = depth;
}

#endif
