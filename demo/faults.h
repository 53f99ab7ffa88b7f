/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Knobs that make the server slow, wrong or stuck, so that tools and tests can
 * see such cases. A server that does its job needs nothing of this.
 */
#ifndef IOMAPFS_FAULTS_H
#define IOMAPFS_FAULTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuse_iomap_abi.h"

enum fault_op { FAULT_BEGIN, FAULT_END, FAULT_IOEND, FAULT_OPS };

/* IOENDs that have all flags of @set and none of @clear. */
struct ioend_kind {
	uint32_t set, clear;
};

#define MAX_IOEND_KINDS 8

struct bad_map;			/* a way to break a mapping, see faults.c */

/* Zeroed = no faults, except that the shares have to be 100 and 1. */
struct faults {
	uint64_t delay_ns[FAULT_OPS];
	unsigned int delay_share;	/* percent of the requests delayed */
	int error[FAULT_OPS];		/* positive errno, ENOSYS too */
	const struct bad_map *bad_map;
	uint64_t bad_every;		/* errors and bad maps: every n-th request */
	uint64_t hang[FAULT_OPS];	/* this one hangs, counted from 1 */
	uint64_t bad_attr;		/* this GETATTR of a file lies, counted from 1 */
	struct ioend_kind ioend_kinds[MAX_IOEND_KINDS];
	unsigned int nioend_kinds;	/* all else is not for IOENDs of others; 0 = of any */
	bool want_end;			/* set WANT_IOMAP_END in all mappings */
	bool killpriv;			/* claim to drop set-id bits, see op_init() */
	uint64_t dev_size;		/* bytes; with block_size, where valid */
	uint32_t block_size;		/* mappings end, so that some can not be */

	atomic_ulong seen[FAULT_OPS];	/* requests so far */
	atomic_ulong seen_ioend_kinds;	/* of those in ioend_kinds */
	atomic_ulong seen_getattr;	/* of regular files */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool released;			/* nothing hangs any more */
};

/** One request, from the faults' point of view. */
struct fault {
	struct faults *faults;
	enum fault_op op;
	uint64_t nr;			/* of its op, counted from 1; 0: no knob is about it */
};

/**
 * Count a request, delay it if that is its turn, hang it if it is the one.
 * @ioend_flags: FUSE_IOMAP_IOEND_*, of an IOEND.
 */
struct fault fault_enter(struct faults *faults, enum fault_op op, uint32_t ioend_flags);

/**
 * Add kinds of IOEND: names of flags with + or - between them, which have to be there or
 * not, such as "direct,unwritten-append". Returns 0, -EINVAL, or -E2BIG.
 */
int fault_add_ioend_kinds(struct faults *faults, const char *text);

/** The error this request has to fail with, as a negative errno, or 0. */
int fault_error(const struct fault *fault);

/**
 * Break the answer to a BEGIN, if that is its turn: of a write-like operation
 * the write mapping, else the read mapping. @dev: the backing id.
 */
void fault_break_map(const struct fault *fault, const struct fuse_iomap_begin_in *in,
		     struct fuse_iomap_begin_out *out, uint32_t dev);

/**
 * A GETATTR: if it is its turn, the file becomes a directory in @attr. The kernel
 * gives up an inode that changes its type: all I/O on it fails from then on, even
 * that which is under way.
 */
void fault_break_attr(struct faults *faults, struct stat *attr);

/** Let what hangs go on, and none hang from now on. */
void faults_release(struct faults *faults);

/** The kind of that name, or NULL. */
const struct bad_map *bad_map_find(const char *name);

/** Print "name  help" of each kind to @out, as lines of --help. */
void bad_map_list(FILE *out);

#endif
