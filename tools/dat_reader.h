/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What reads a trace.dat, in a process of its own: libtracecmd trusts the file, and one
 * that is damaged brings down whoever reads it, or keeps it busy for ever. What the
 * reader has said until then is good.
 */
#ifndef DAT_READER_H
#define DAT_READER_H

#include "raw.h"
#include "source.h"

enum dat_message_type {
	DAT_EVENT,		/* in the order of time */
	DAT_ALIVE,		/* there is nothing to tell, but it goes on */
	DAT_HEAD,		/* struct dat_head comes behind it; before all events */
	DAT_END,		/* with the time of the last event, known or not */
};

struct dat_head {
	__s32 err;		/* exit status: nothing else comes */
	char  why[256];
	struct source_info info;	/* as far as the file tells */
};

struct dat_message {
	__u32 type;		/* enum dat_message_type */
	__s32 missed;		/* events lost before it; negative: it is unknown how many */
	__u32 known;		/* `event` is more than a time */
	char  comm[FI_COMM_LEN];	/* what trace-cmd knew of the thread; empty: nothing */
	struct raw_event event;
};

struct dat_reader;

/*
 * Starts it and fills in what the file says of itself. Reports what is wrong with it, and
 * returns 0 or an exit code. `talk`: what the library prints comes to stderr.
 */
int dat_reader_open(struct dat_reader **rp, const char *path, bool talk,
		    struct source_info *info);

/* The next event, or DAT_END. False: the rest cannot be read. */
bool dat_reader_next(struct dat_reader *r, struct dat_message *m);

void dat_reader_close(struct dat_reader *r);

#endif
