/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model: what a source has counted so far (a snapshot), differences of two
 * snapshots, and rows that a view shows. A source fills snapshots, a view reads
 * rows; neither knows the other. Time comes with the snapshot.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "fuseiomap.h"

/* One cell, summed over the CPUs. */
struct cell {
	struct fi_cell_key key;
	struct fi_cell v;
};

/* Sorted by key: dev, ino, kind, op. */
struct cells {
	struct cell *cell;
	size_t n;
	size_t size;
};

/* Cumulative since the source started. A zeroed one is an empty one. */
struct snapshot {
	__u64 time_ns;
	struct cells mounts;	/* by dev, kind, op */
	struct cells files;	/* by dev, ino, kind; ino 0 is "other files" */
	struct fi_hist *hists;	/* FI_HISTS of them by FI_H_*(), or NULL */
	struct fi_shares shares[FI_OPS];
	struct fi_ledger ledger;
	__u64 missed;		/* events that the kernel skipped our programs for */
	bool splits;		/* the kernel has the events that split the wait */
};

/* Adds an empty cell at the end; the caller fills it, then cells_sort(). */
struct cell *cells_add(struct cells *c);
void cells_sort(struct cells *c);
const struct cell *cells_find(const struct cells *c, const struct fi_cell_key *key);

void snapshot_free(struct snapshot *s);

/* Adds one CPU's part of a cell. */
void cell_merge(struct fi_cell *to, const struct fi_cell *from);

/* to = now - before. Cells that `before` lacks count from zero. */
void cells_diff(struct cells *to, const struct cells *now, const struct cells *before);

/*
 * What one line of a table shows: all cells of one connection, or of one file,
 * or of one kind and operation.
 */
struct row {
	__u32 dev;
	__u64 ino;		/* files; 0 is "other files" */
	__u64 nodeid;
	__u8  op;		/* operations */
	char  name[256];	/* mount point, file name, operation; raw bytes */
	__u64 in_flight;	/* now, not in the interval */
	struct fi_cell kind[FI_KINDS];
};

struct rows {
	struct row *row;
	size_t n;
	size_t size;
};

enum row_key {
	ROWS_BY_DEV,		/* of snapshot.mounts */
	ROWS_BY_OP,		/* of snapshot.mounts */
	ROWS_BY_FILE,		/* of snapshot.files */
};

/*
 * Rows of the interval between two snapshots of a table. Rows where nothing
 * happened and nothing is in flight are left out, unless `idle` is set. Names
 * of files and operations are filled in; those of mounts are the caller's.
 */
void rows_make(struct rows *rows, enum row_key by, const struct cells *now,
	       const struct cells *before, bool idle);
void rows_free(struct rows *rows);

#endif
