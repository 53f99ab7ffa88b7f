/* SPDX-License-Identifier: GPL-2.0-only */
/* Which mount a connection belongs to, from the kernel's mount table. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct mount {
	__u32 dev;	/* kernel's dev_t of the superblock, as in struct fi_cell_key */
	char *target;	/* mount point */
	char *source;
	char *fstype;
	bool gone;	/* was there once */
};

struct mounts {
	struct mount *mount;
	size_t n;
};

/*
 * Reads the FUSE mounts. Those known from before are kept, and marked if they
 * are gone: what was counted for them still wants a name. 0 or negative errno.
 */
int mounts_read(struct mounts *m);

/* The mount of a connection, or NULL. */
const struct mount *mounts_find(const struct mounts *m, __u32 dev);

/* Mount point, or "dev 0:45" if there is none. Returns buf. */
char *mounts_name(const struct mounts *m, __u32 dev, char *buf, size_t size);

/* The mount with exactly this mount point (relative to the working directory), or NULL. */
const struct mount *mounts_find_path(const struct mounts *m, const char *path);

void mounts_free(struct mounts *m);

#define DEV_MAJOR(dev)	((dev) >> 20)
#define DEV_MINOR(dev)	((dev) & 0xfffff)

#endif
