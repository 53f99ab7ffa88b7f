/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened between two readings, and a ring of such intervals in memory:
 * `top` goes back in it. An interval is kept packed and compressed, and costs
 * what changed in it, however large the tables are.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "model.h"

struct interval {
	__u64 seq;		/* 1 is the first; set by history_add() */
	__u64 from_ns;
	/*
	 * Its end: open operations, ledger and time are as they were then; cells,
	 * hists, shares and servers are differences, of what changed only.
	 */
	struct snapshot d;
};

/* `iv` may hold an older one. Not one operation is in two intervals, or in none. */
void interval_make(struct interval *iv, const struct snapshot *now,
		   const struct snapshot *before);
void interval_free(struct interval *iv);

/* What a server thread was busy for in the interval, with what it is at now. */
__u64 interval_busy_ns(const struct interval *iv, const struct fi_server *s);

struct history;

/* Drops the oldest when more than max_bytes are in use; the newest stays. */
struct history *history_new(size_t max_bytes);
void history_free(struct history *h);
void history_add(struct history *h, struct interval *iv);

/* Sequence numbers of what is there; both 0: nothing. NULL is an empty one. */
__u64 history_first(const struct history *h);
__u64 history_last(const struct history *h);
size_t history_bytes(const struct history *h);
__u64 history_from_ns(const struct history *h, __u64 seq);
__u64 history_to_ns(const struct history *h, __u64 seq);
size_t history_raw_bytes(const struct history *h, __u64 seq);	/* what unpacking handles */

/* False if it is not there (any more). */
bool history_get(struct history *h, __u64 seq, struct interval *iv);

/* The sum of the cells of an interval that match, by kind. False as above. */
bool history_sum(struct history *h, __u64 seq, const struct row_match *match,
		 struct fi_cell kind[FI_KINDS]);

#endif
