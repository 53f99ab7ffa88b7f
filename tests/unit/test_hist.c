// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "hist.h"

/* fio's bin of a value, from its documented scheme: 64 per octave. */
static unsigned int fio_bin(uint64_t v)
{
	int msb = 63 - (v ? __builtin_clzll(v) : 63);
	int shift;

	if (msb <= 6)
		return v;
	shift = msb - 6;
	return ((shift + 1) << 6) + ((v >> shift) & 63);
}

static void log2_is_the_highest_bit(void **state)
{
	assert_int_equal(fi_log2(0), 0);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(fi_log2(1ULL << i), i);
		assert_int_equal(fi_log2((1ULL << i) | ((1ULL << i) - 1)), i);
	}
}

static void bounds_are_exact(void **state)
{
	for (unsigned int bin = 0; bin < FI_BINS; bin++) {
		uint64_t lo = fi_bin_lo(bin), hi = fi_bin_hi(bin);

		assert_true(lo < hi);
		assert_int_equal(fi_bin(lo), bin);
		assert_int_equal(fi_bin(hi - 1), bin);
		if (bin)
			assert_int_equal(fi_bin(lo - 1), bin - 1);
		if (bin + 1 < FI_BINS) {
			assert_int_equal(fi_bin(hi), bin + 1);
			assert_true(hi == fi_bin_lo(bin + 1));
		}
	}
	assert_int_equal(fi_bin(0), 0);
	assert_int_equal(fi_bin(UINT64_MAX), FI_BINS - 1);
	assert_int_equal(fi_bin(1ULL << 63), FI_BINS - FI_SUB);
}

/* Values in one of fio's bins never fall into two of ours. */
static void bins_are_unions_of_fios(void **state)
{
	for (unsigned int bin = 0; bin + 1 < FI_BINS; bin++) {
		uint64_t edge = fi_bin_hi(bin);

		assert_int_not_equal(fio_bin(edge - 1), fio_bin(edge));
	}
}

/* What fio prints for a bin: its middle. */
static uint64_t fio_value(unsigned int bin)
{
	int shift = (bin >> 6) - 1;

	if (bin < 128)
		return bin;
	return (1ULL << (shift + 6)) + ((bin & 63) + 0.5) * (1ULL << shift);
}

/* The bins of a run of fio itself: json+ has them, by their middle. */
static void bins_of_a_real_fio_fall_into_ours(void **state)
{
	FILE *f = popen("fio --name=x --ioengine=null --rw=randread --bs=4k --size=16m "
			"--output-format=json+ 2>/dev/null", "r");
	json_t *o = json_loadf(f, 0, NULL), *bins, *n;
	const char *key;
	uint64_t sum = 0;

	if (pclose(f) || !o)
		skip();
	bins = json_object_get(json_object_get(json_array_get(json_object_get(o, "jobs"), 0),
					       "read"), "clat_ns");
	json_object_foreach(json_object_get(bins, "bins"), key, n) {
		uint64_t v = strtoull(key, NULL, 10);
		unsigned int bin = fio_bin(v);

		assert_int_equal(fio_value(bin), v);
		/* From its first to its last value. */
		for (uint64_t k = v; fio_bin(k) == bin; k--)
			assert_int_equal(fi_bin(k), fi_bin(v));
		for (uint64_t k = v; fio_bin(k) == bin; k++)
			assert_int_equal(fi_bin(k), fi_bin(v));
		sum += json_integer_value(n);
	}
	assert_true(sum > 0);
	json_decref(o);
}

static void bins_are_narrow(void **state)
{
	for (unsigned int bin = 2 * FI_SUB; bin + 1 < FI_BINS; bin++)
		assert_true(fi_bin_hi(bin) - fi_bin_lo(bin) <= fi_bin_lo(bin) / FI_SUB);
}

static void adding_counts(void **state)
{
	struct fi_hist h = { 0 };

	assert_int_equal(hist_min(&h), 0);
	assert_int_equal(hist_mean(&h), 0);
	assert_int_equal(hist_percentile(&h, 0.5), 0);
	fi_hist_add(&h, 100);
	fi_hist_add(&h, 7);
	fi_hist_add(&h, 1000);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.sum, 1107);
	assert_int_equal(h.max, 1000);
	assert_int_equal(hist_min(&h), 7);
	assert_int_equal(hist_mean(&h), 369);
	assert_int_equal(h.slot[fi_bin(100)], 1);
	assert_int_equal(h.slot[fi_bin(7)], 1);
}

static void zero_is_a_value(void **state)
{
	struct fi_hist h = { 0 };

	fi_hist_add(&h, 0);
	assert_int_equal(h.slot[0], 1);
	assert_int_equal(hist_min(&h), 0);
	fi_hist_add(&h, UINT64_MAX);
	assert_int_equal(h.slot[FI_BINS - 1], 1);
	assert_true(h.max == UINT64_MAX);
}

/* Below 16 each value has its bin, so percentiles are exact there. */
static void percentiles_of_small_values_are_exact(void **state)
{
	struct fi_hist h = { 0 };

	for (int i = 1; i <= 10; i++)
		fi_hist_add(&h, i);
	assert_int_equal(hist_percentile(&h, 0.5), 5);
	assert_int_equal(hist_percentile(&h, 0.51), 6);
	assert_int_equal(hist_percentile(&h, 0.9), 9);
	assert_int_equal(hist_percentile(&h, 0.99), 10);
	assert_int_equal(hist_percentile(&h, 1), 10);
	assert_int_equal(hist_percentile(&h, 0), 1);
}

/* 0.07 * 100 is a little more than 7 in binary. */
static void ranks_are_rounded_rightly(void **state)
{
	for (int n = 1; n <= 1000; n++) {
		struct fi_hist h = { .n = n, .slot = { [1] = 0 } };

		for (int pct = 1; pct <= 100; pct++) {
			int rank = (pct * n + 99) / 100;

			h.slot[1] = rank;
			h.slot[2] = n - rank;
			h.max = 2;
			assert_int_equal(hist_percentile(&h, pct / 100.0), 1);
			h.slot[1] = rank - 1;
			h.slot[2] = n - rank + 1;
			assert_int_equal(hist_percentile(&h, pct / 100.0), 2);
		}
	}
}

static void percentiles_are_bounds(void **state)
{
	struct fi_hist h = { 0 };
	uint64_t v[1000];

	srand(1);
	for (int i = 0; i < 1000; i++)
		v[i] = (uint64_t)rand() << (rand() % 20);
	for (int i = 0; i < 1000; i++)
		fi_hist_add(&h, v[i]);
	for (int p = 0; p < PERCENTILES; p++) {
		uint64_t bound = hist_percentile(&h, percentiles[p].share);
		int below = 0, under = 0;

		for (int i = 0; i < 1000; i++) {
			below += v[i] <= bound;
			under += fi_bin(v[i]) < fi_bin(bound);
		}
		assert_true(below >= 1000 * percentiles[p].share);
		assert_true(under < 1000 * percentiles[p].share);
	}
	assert_true(hist_percentile(&h, 1) == h.max);
}

static void merging_is_adding(void **state)
{
	struct fi_hist a = { 0 }, b = { 0 }, all = { 0 };

	for (int i = 0; i < 500; i++) {
		fi_hist_add(i % 3 ? &a : &b, i * 977);
		fi_hist_add(&all, i * 977);
	}
	hist_merge(&a, &b);
	assert_memory_equal(&a, &all, sizeof(a));
	hist_merge(&a, &(struct fi_hist){ 0 });
	assert_memory_equal(&a, &all, sizeof(a));
}

static void difference_undoes_merge(void **state)
{
	struct fi_hist before = { 0 }, now, later = { 0 }, diff;

	fi_hist_add(&before, 5);
	fi_hist_add(&before, 100000);
	now = before;
	fi_hist_add(&now, 3000);
	fi_hist_add(&later, 3000);
	hist_diff(&diff, &now, &before);
	assert_int_equal(diff.n, 1);
	assert_int_equal(diff.sum, 3000);
	assert_memory_equal(diff.slot, later.slot, sizeof(diff.slot));
	/* Minimum and maximum are known to the bin. */
	assert_true(hist_min(&diff) == fi_bin_lo(fi_bin(3000)));
	assert_true(diff.max == fi_bin_hi(fi_bin(3000)) - 1);
	/* ... and are not beyond those of all values. */
	fi_hist_add(&now, 100001);
	hist_diff(&diff, &now, &before);
	assert_int_equal(diff.max, 100001);
}

static void difference_to_nothing_and_to_itself(void **state)
{
	struct fi_hist h = { 0 }, diff;

	fi_hist_add(&h, 12345);
	hist_diff(&diff, &h, &(struct fi_hist){ 0 });
	assert_memory_equal(&diff, &h, sizeof(h));
	hist_diff(&diff, &h, &h);
	assert_int_equal(diff.n, 0);
	assert_int_equal(diff.max, 0);
	assert_int_equal(hist_min(&diff), 0);
}

static void shares_have_exact_edges(void **state)
{
	assert_int_equal(fi_share(0, 100), 0);
	assert_int_equal(fi_share(1, 100), 1);
	assert_int_equal(fi_share(9, 100), 1);
	assert_int_equal(fi_share(10, 100), 2);
	assert_int_equal(fi_share(99, 100), 10);
	assert_int_equal(fi_share(100, 100), 11);
	assert_int_equal(fi_share(101, 100), 11);
	assert_int_equal(fi_share(0, 0), 0);
	assert_int_equal(fi_share(1ULL << 62, 1ULL << 63), 6);
	assert_int_equal(fi_share((1ULL << 63) - 1, 1ULL << 63), 10);
	assert_int_equal(fi_share(1, 1ULL << 63), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log2_is_the_highest_bit),
		cmocka_unit_test(bounds_are_exact),
		cmocka_unit_test(bins_are_unions_of_fios),
		cmocka_unit_test(bins_of_a_real_fio_fall_into_ours),
		cmocka_unit_test(bins_are_narrow),
		cmocka_unit_test(adding_counts),
		cmocka_unit_test(zero_is_a_value),
		cmocka_unit_test(percentiles_of_small_values_are_exact),
		cmocka_unit_test(ranks_are_rounded_rightly),
		cmocka_unit_test(percentiles_are_bounds),
		cmocka_unit_test(merging_is_adding),
		cmocka_unit_test(difference_undoes_merge),
		cmocka_unit_test(difference_to_nothing_and_to_itself),
		cmocka_unit_test(shares_have_exact_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
