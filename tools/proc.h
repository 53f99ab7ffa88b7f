/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc tells of threads: state, where in the kernel they sleep, and the
 * system call that they are in. Nothing here touches the file systems that they
 * use, which may hang.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>

#include "fuseiomap.h"
#include "text.h"

struct proc_task {
	__u32 pid;
	__u32 tid;
	char  state;		/* as in ps: R, S, D, T…; 0: it is gone */
	char  comm[FI_COMM_LEN + 1];
	__u64 switches;		/* how often it was switched off its CPU */
	struct text stack;	/* "name+0x1c/0x40" per line, innermost first; needs privileges */
};

/* Of a thread, by its id; false if there is none. The stack's memory is kept. */
bool proc_task_read(struct proc_task *t, __u32 tid);
void proc_task_free(struct proc_task *t);

/* The function that a stack is in, without its offset; "" for an empty one. Returns buf. */
char *proc_function(char *buf, size_t size, const char *stack);

/* Where a function is on the stack, whatever suffix the compiler gave it, or NULL. */
const char *proc_stack_find(const char *stack, const char *function);

/* Calls fn for each thread of a process; pid 0: of all processes. */
void proc_each_thread(__u32 pid, void (*fn)(void *ctx, __u32 pid, __u32 tid), void *ctx);

/* Is the thread in this cgroup (a path in the cgroup file system) or below? */
bool proc_in_cgroup(__u32 tid, const char *cgroup);

/* The file that a thread's system call works on, as far as its arguments tell. */
struct proc_io {
	char  path[512];	/* as the link in /proc/TID/fd has it */
	int   mount_id;		/* as in mountinfo */
	__u64 ino;
	bool  ranged;		/* pos and count are known */
	__u64 pos;
	__u64 count;
};

bool proc_io_read(struct proc_io *io, __u32 tid);

/* A number from /proc/sys; `missing` if it is not there. */
__u64 proc_sysctl(const char *name, __u64 missing);

/* ---- the formats, for tests ------------------------------------------------ */

struct proc_syscall {
	long nr;
	__u64 arg[6];
};

bool proc_parse_stat(struct proc_task *t, const char *line);
bool proc_parse_syscall(struct proc_syscall *c, const char *line);
void proc_parse_stack(struct text *to, const char *from);

#endif
