// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <string.h>

#include "hist.h"

const struct percentile percentiles[PERCENTILES] = {
	{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99.9", 0.999 },
};

/* All there is lies between the bins of the minimum and the maximum: most are outside. */
static __u32 first_bin(const struct fi_hist *h)
{
	return fi_bin(~h->min_inv);
}

void hist_merge(struct fi_hist *to, const struct fi_hist *from)
{
	to->n += from->n;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
	if (from->min_inv > to->min_inv)
		to->min_inv = from->min_inv;
	for (__u32 i = first_bin(from); i <= fi_bin(from->max); i++)
		to->slot[i] += from->slot[i];
}

void hist_diff(struct fi_hist *to, const struct fi_hist *now, const struct fi_hist *before)
{
	int first = -1, last = -1;

	if (!before->n) {
		*to = *now;
		return;
	}
	memset(to, 0, sizeof(*to));
	to->n = now->n - before->n;
	to->sum = now->sum - before->sum;
	for (__u32 i = first_bin(now); i <= fi_bin(now->max); i++) {
		to->slot[i] = now->slot[i] - before->slot[i];
		if (!to->slot[i])
			continue;
		last = i;
		if (first < 0)
			first = i;
	}
	if (first < 0)
		return;
	to->max = fi_bin_hi(last) - 1;
	if (to->max > now->max)
		to->max = now->max;
	to->min_inv = ~fi_bin_lo(first);
	if (to->min_inv > now->min_inv)
		to->min_inv = now->min_inv;
}

__u64 hist_percentile(const struct fi_hist *h, double share)
{
	__u64 rank, seen = 0;

	if (!h->n)
		return 0;
	/* 0.07 * 100 shall be 7, not a little more. */
	rank = ceil(share * h->n * (1 - 1e-12));
	for (__u32 i = 0; i < FI_BINS; i++) {
		seen += h->slot[i];
		if (seen >= rank && seen) {
			__u64 top = fi_bin_hi(i) - 1;

			return top < h->max ? top : h->max;
		}
	}
	return h->max;
}

__u64 hist_min(const struct fi_hist *h)
{
	return h->n ? ~h->min_inv : 0;
}

__u64 hist_mean(const struct fi_hist *h)
{
	return h->n ? h->sum / h->n : 0;
}
