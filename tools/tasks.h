/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which process a thread belongs to and what both are called. Events carry the
 * thread only; the kernel's events of new and renamed tasks keep this exact, and
 * what was there before is asked of /proc, or of who recorded the trace.
 */
#ifndef TASKS_H
#define TASKS_H

#include <sys/types.h>

#include "catalog.h"
#include "raw.h"

struct tasks;

/*
 * Fills in pid and comm of a thread that is not known yet; leaves alone what it
 * does not know.
 */
typedef void (*tasks_lookup)(void *ctx, __u32 tid, struct task *t);

struct tasks *tasks_new(tasks_lookup lookup, void *ctx);
void tasks_free(struct tasks *t);

/*
 * From now on tasks_in_cgroup() tells of this cgroup: a path below where the version
 * 2 hierarchy is mounted, or an absolute one. 0 or -errno.
 */
int tasks_set_cgroup(struct tasks *t, const char *path);

/* Whether a thread is in that cgroup or below. */
bool tasks_in_cgroup(struct tasks *t, __u32 tid);

/* RAW_TASK_*. */
void tasks_event(struct tasks *t, const struct raw_event *e);

/* Never NULL: pid is the tid, and comm empty, if nothing is known. Valid until the next call. */
const struct task *tasks_get(struct tasks *t, __u32 tid);

/* A lookup that asks /proc. */
void tasks_lookup_proc(void *ctx, __u32 tid, struct task *t);

/* Learns all that run now, before they can end unseen. */
void tasks_scan_proc(struct tasks *t);

/*
 * Reads a small file of /proc, terminated; `dir` as in openat(2). Returns its
 * length or -1; what does not fit is left out.
 */
ssize_t proc_read(int dir, const char *path, char *buf, size_t size);

#endif
