/* SPDX-License-Identifier: GPL-2.0-only */
/* The FUSE mounts of this machine, and who serves them. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include "catalog.h"

/*
 * Reads the FUSE mounts into the catalog. Those known from before are kept, and
 * marked if they are gone: what was counted for them still wants a name. 0 or
 * negative errno.
 */
int mounts_read(struct catalog *c);

/*
 * Finds the servers of mounts whose server is not known, by the connection that
 * /proc/PID/fdinfo names: costs a look at every process, so it is not done with
 * each mounts_read().
 */
void mounts_find_servers(struct catalog *c);

/* The mount with exactly this mount point (relative to the working directory), or NULL. */
const struct mount *mounts_find_path(const struct catalog *c, const char *path);

/* The device of a mount, by its number in mountinfo; 0 if there is none. */
__u32 mounts_dev_of_id(int id);

#endif
