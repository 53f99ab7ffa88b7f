/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths of files that are open somewhere, for sources whose events have inode
 * numbers only. Found by reading /proc alone: a look at the file itself could wait
 * for a server that hangs.
 */
#ifndef OPENFILES_H
#define OPENFILES_H

#include "catalog.h"

struct openfiles;

struct openfiles *openfiles_new(struct catalog *catalog);
void openfiles_free(struct openfiles *o);

/*
 * Looks for the file among those that the thread has open, and tells the catalog if
 * it is there. Not more often than is bearable.
 */
void openfiles_find(struct openfiles *o, __u32 tid, __u32 dev, __u64 ino, __u64 nodeid);

#endif
