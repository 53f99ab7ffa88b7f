/* SPDX-License-Identifier: GPL-2.0-only */
/* What a flight recorder keeps: the last blocks of a recording, within bounds. */
#ifndef FLIGHT_H
#define FLIGHT_H

#include "recfile.h"

struct kept {
	struct kept *next;
	struct rec_block *block;
	bool tick;		/* ends with a tick, whose numbers are `at` */
	struct snapshot at;	/* ledger, servers, time */
};

struct flight {
	__u64 keep_ns;		/* 0: however old */
	size_t keep_bytes;
	struct kept *first;
	struct kept *last;
	size_t bytes;
	struct snapshot base;	/* what was counted before `first`; time 0: nothing was */
	__u64 dropped;		/* records between base and `first` */
};

/*
 * Takes the block over. `at` are the numbers of the tick that it ends with, or
 * NULL. Drops what is too old then, and what is too much.
 */
void flight_keep(struct flight *f, struct rec_block *b, const struct snapshot *at);

/* Forgets the blocks; what they count is in the base then. */
void flight_clear(struct flight *f);
void flight_free(struct flight *f);

#endif
