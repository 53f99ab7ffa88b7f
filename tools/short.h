/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short writes, found and explained from the stream of records alone: a pure
 * function of it, so that a replay comes to what the live run came to.
 *
 * An iomap_end of a write-like operation is short if it wrote less than the mapping
 * had room for. One write that fell short can show as two such ENDs (the second
 * one, where the first had stopped, writes nothing), and as none: when it came to the
 * end of its mapping, and the next mapping could not be had. Each is one finding.
 */
#ifndef SHORT_H
#define SHORT_H

#include <stdbool.h>
#include <stddef.h>

#include "fuseiomap.h"

enum short_cause {
	SHORT_FAULT,		/* the data could not be read from the caller's memory */
	SHORT_NEXT,		/* the next mapping could not be had: ENOSPC, ... */
	SHORT_REFUSED,		/* the kernel refused the next mapping */
	SHORT_IO_ERROR,		/* the device failed */
	SHORT_SIGNAL,
	SHORT_MAPPING_ENDED,	/* nobody asked for the next mapping */
	SHORT_STALE,		/* the mapping had changed; benign, it is done again */
	SHORT_RESUMED,		/* the next iteration wrote the rest; benign */
	SHORT_SERVER,		/* the server answered END with an error */
	SHORT_UNKNOWN,
	SHORT_CAUSES,
};

extern const char *const short_cause_name[SHORT_CAUSES];

/* The last thing of its kind on an inode. */
struct short_before {
	__u64 time_ns;		/* 0: there was none */
	__s32 error;		/* ioend: what it ended with */
	__u32 pad;
	__u64 pos;
	__u64 count;
	char rule[FI_RULE_LEN];	/* refused */
};

struct finding {
	enum short_cause cause;
	__s32 error;		/* negative errno that goes with the cause; 0: none */
	bool sure;		/* false: named by excluding what else is known */
	bool benign;		/* nothing is missing in the end */
	bool ended;		/* no more is to come of it */
	__u32 nr_ends;		/* short ENDs: 0, 1 or 2 */
	/* The whole operation, as far as it was seen: what write(2) returns. */
	__u64 pos;
	__u64 count;
	__u64 written;
	__u64 missing;		/* of a benign one: what was done again */
	struct fi_record end;	/* the (first) short END, else the last one */
	struct fi_record begin;	/* that led to it; time_ns 0: not seen */
	struct fi_record next;	/* the BEGIN that failed then; time_ns 0: none */
	struct fi_record ioend;	/* of the same direct write; time_ns 0: none */
	struct short_before ioend_before;
	struct short_before refused_before;
};

/* Of an operation, what a share of short ends is a share of. */
struct short_count {
	__u64 ends;
	__u64 shorts;		/* ENDs with written < count */
	__u64 missing;		/* count - written of these */
	__u64 findings;
	__u64 benign;		/* of the findings */
};

struct shorts;

/* `found` hears of each finding once, when all is known of it. */
struct shorts *shorts_new(void (*found)(void *ctx, const struct finding *f), void *ctx);
void shorts_free(struct shorts *s);

/* The next record; all records of write-like operations have to come. */
void shorts_add(struct shorts *s, const struct fi_record *r);

/* It is this late now (CLOCK_MONOTONIC): what waits for too long waits no more. */
void shorts_time(struct shorts *s, __u64 now_ns);

/* The stream is over: what was held back comes out. */
void shorts_flush(struct shorts *s);

/* By enum fi_op, FI_OPS of them. */
const struct short_count *shorts_counts(const struct shorts *s);
void shorts_reset_counts(struct shorts *s);

/* Why an END was sent, "short, size changed"; or why not. Returns buf. */
char *short_sent_text(char *buf, size_t size, const struct fi_record *end);

/* What happened, in words: "ENOSPC on the next mapping". Returns buf. */
char *short_cause_text(char *buf, size_t size, const struct finding *f);

#endif
