/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model: what has been counted so far (a snapshot), differences of two
 * snapshots, and rows that a view shows. A source fills snapshots, a view reads
 * rows; neither knows the other. Time comes with the snapshot.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog.h"
#include "fuseiomap.h"

/*
 * One cell, summed over the CPUs: 4 KiB, so snapshots share those that have not changed.
 * One that is in several lists never changes again.
 */
struct cell {
	struct fi_cell_key key;
	size_t users;		/* lists that it is in */
	struct fi_cell v;
};

/* Sorted by key: dev, ino, pid, tid, kind, op, type, flags. */
struct cells {
	struct cell **cell;
	size_t n;
	size_t size;
};

struct server {
	struct fi_server_key key;
	struct fi_server v;
};

/* Cumulative since the source started. A zeroed one is an empty one. */
struct snapshot {
	__u64 time_ns;
	struct cells cells;
	struct fi_open *open;	/* what is in flight now, oldest first */
	size_t nr_open;
	struct server *server;	/* sorted by key: dev, pid, tid */
	size_t nr_servers;
	struct fi_hist *hists;	/* FI_HISTS of them by FI_H_*(), or NULL */
	struct fi_shares shares[FI_OPS];
	struct fi_ledger ledger;
	__u64 missed;		/* events that the kernel skipped our programs for */
	__u64 gaps;		/* parts of a recording that are missing */
	__u64 gap_records;	/* records that were in them, as far as is known */
	bool splits;		/* the kernel has the events that split the wait */
	bool upstream;		/* it has no done events: ENDs are those that were sent */
};

/* Adds an empty cell at the end; the caller fills it, then cells_sort(). */
struct cell *cells_add(struct cells *c, const struct fi_cell_key *key);
void cells_share(struct cells *c, struct cell *cell);	/* adds one of another list */
void cells_copy(struct cells *to, const struct cells *from);	/* shares all of them */
struct cell *cells_own(struct cells *c, size_t i);	/* a copy in its place, if it is shared */
void cells_clear(struct cells *c);	/* keeps its memory for the next reading */
void cells_free(struct cells *c);
void cells_sort(struct cells *c);
struct cell *cells_find(const struct cells *c, const struct fi_cell_key *key);
int cell_key_cmp(const struct fi_cell_key *a, const struct fi_cell_key *b);

/* Empty, but keeps its memory for the next reading. */
void snapshot_clear(struct snapshot *s);
void snapshot_free(struct snapshot *s);
/* Stands alone: it shares cells, which no one changes. */
void snapshot_copy(struct snapshot *to, const struct snapshot *from);
void snapshot_add_open(struct snapshot *s, const struct fi_open *o);	/* then ..._sort() */
void snapshot_add_server(struct snapshot *s, const struct server *v);
void snapshot_sort(struct snapshot *s);

/* Adds one CPU's part of a cell, or one cell to another. */
void cell_merge(struct fi_cell *to, const struct fi_cell *from);

/*
 * to = now - before, two sorted lists: those that have changed only. Cells that `before`
 * lacks count from zero.
 */
void cells_diff(struct cells *to, const struct cells *now, const struct cells *before);

/* ---- rows ---------------------------------------------------------------- */

/* What rows are told apart by; also what a match looks at. */
enum row_by {
	BY_MOUNT	= 1 << 0,
	BY_FILE		= 1 << 1,	/* with BY_MOUNT, or inodes of two mounts are one */
	BY_PROCESS	= 1 << 2,
	BY_THREAD	= 1 << 3,
	BY_OP		= 1 << 4,
	BY_TYPE		= 1 << 5,
	BY_KIND		= 1 << 6,
};

/* Only cells that agree with the key in these parts. */
struct row_match {
	unsigned int by;	/* 0: all */
	struct fi_cell_key key;
};

/* One line of a table: the sum of all cells that agree in what it is made by. */
struct row {
	struct fi_cell_key key;		/* parts that it is not made by are 0 */
	__u64 in_flight;		/* now, not in the interval */
	struct cell *kind[FI_KINDS];	/* shared where there is one cell; never NULL */
};

struct rows {
	struct row *row;
	size_t n;
	size_t size;
	struct cell *none;	/* an empty one, of rows where nothing happened */
};

/*
 * Rows of the interval between two snapshots, in the order of their keys. Rows
 * where nothing happened and nothing is in flight are left out, unless `idle`.
 * `before` may be empty. Open operations have no type: they are in the row
 * without one (FI_TYPE_BAD).
 */
void rows_make(struct rows *rows, unsigned int by, const struct row_match *match,
	       const struct snapshot *now, const struct snapshot *before, bool idle);
void rows_free(struct rows *rows);
bool row_matches(const struct row_match *m, const struct fi_cell_key *key);

/*
 * What a row is called, by its finest part: type, op, thread, process, file,
 * mount; "(other files)" and "(other tasks)" where the table was full. Returns buf.
 */
char *row_name(char *buf, size_t size, const struct catalog *c, unsigned int by,
	       const struct fi_cell_key *key);

#endif
