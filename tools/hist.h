/* SPDX-License-Identifier: GPL-2.0-only */
/* What user space does with struct fi_hist; adding is in the shared header. */
#ifndef HIST_H
#define HIST_H

#include "fuseiomap.h"

/* The percentiles shown everywhere. */
struct percentile {
	const char *name;	/* "p99.9" */
	double share;		/* 0.999 */
};

#define PERCENTILES 4
extern const struct percentile percentiles[PERCENTILES];

void hist_merge(struct fi_hist *to, const struct fi_hist *from);

/*
 * to = now - before, two readings of one histogram. Minimum and maximum of the
 * difference are known only to the bin, and are the bounds of the outermost
 * bins then, narrowed by what the whole histogram knows.
 */
void hist_diff(struct fi_hist *to, const struct fi_hist *now, const struct fi_hist *before);

/*
 * The smallest bound that at least `share` of the values do not exceed: the
 * largest value of that bin, but not more than the maximum. 0 if empty.
 */
__u64 hist_percentile(const struct fi_hist *h, double share);

__u64 hist_min(const struct fi_hist *h);	/* 0 if empty */
__u64 hist_mean(const struct fi_hist *h);	/* 0 if empty */

#endif
