// SPDX-License-Identifier: GPL-2.0-only
/* Intervals, and the ring that keeps them: nothing changes on the way, memory is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"
#include "text.h"

static void put(struct snapshot *s, __u64 ino, int kind, __u64 n, __u64 lat_ns)
{
	struct fi_cell_key key = { .dev = 34, .ino = ino, .pid = 1, .tid = 2, .kind = kind };
	struct cell *c;
	size_t i = 0;

	if (!cells_find(&s->cells, &key)) {
		cells_add(&s->cells, &key);
		cells_sort(&s->cells);
	}
	while (cell_key_cmp(&s->cells.cell[i]->key, &key))
		i++;
	c = cells_own(&s->cells, i);
	c->v.done += n;
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&c->v.lat, lat_ns + i);
}

static void only_what_changed_is_kept(void **state)
{
	struct snapshot before = { .time_ns = 1000 }, now = { 0 };
	struct interval iv = { 0 };

	for (int i = 0; i < 100; i++)
		put(&before, i, FI_BEGIN, 5, 1000);
	snapshot_copy(&now, &before);
	now.time_ns = 3000;
	put(&now, 50, FI_BEGIN, 2, 7000);
	put(&now, 500, FI_END, 3, 9000);
	now.ledger.begun[FI_BEGIN] = 77;
	interval_make(&iv, &now, &before);
	assert_int_equal(iv.from_ns, 1000);
	assert_int_equal(iv.d.time_ns, 3000);
	assert_int_equal(iv.d.cells.n, 2);
	assert_int_equal(iv.d.cells.cell[0]->key.ino, 50);
	assert_int_equal(iv.d.cells.cell[0]->v.done, 2);
	assert_int_equal(iv.d.cells.cell[0]->v.lat.n, 2);
	assert_int_equal(iv.d.cells.cell[1]->v.done, 3);
	/* All of a new one happened in the interval: it is not copied. */
	assert_ptr_equal(iv.d.cells.cell[1], now.cells.cell[100]);
	/* The ledger is not of the interval. */
	assert_int_equal(iv.d.ledger.begun[FI_BEGIN], 77);
	/* Nothing happened: an empty one, though the memory is used again. */
	interval_make(&iv, &now, &now);
	assert_int_equal(iv.d.cells.n, 0);
	snapshot_free(&before);
	snapshot_free(&now);
	interval_free(&iv);
}

/* Everything in an interval comes back, hists and shares and all. */
static void what_is_kept_comes_back(void **state)
{
	struct history *h = history_new(1 << 20);
	struct interval iv = { 0 }, back = { 0 };
	struct server server = { { 34, 5, 6 }, { .requests = { 1, 2, 3 }, .busy_since = 9 } };

	iv.from_ns = 5;
	iv.d.time_ns = 10;
	for (int i = 0; i < 20; i++)
		put(&iv.d, i, i % FI_KINDS, i + 1, 1ULL << i);
	put(&iv.d, 99, FI_BEGIN, 1, ~0ULL - 5);
	iv.d.hists = xcalloc(FI_HISTS, sizeof(*iv.d.hists));
	fi_hist_add(&iv.d.hists[FI_HISTS - 1], 4096);
	iv.d.shares[FI_WRITE].n[3] = 12;
	iv.d.ledger.other = 44;
	iv.d.missed = 4;
	iv.d.upstream = true;
	snapshot_add_open(&iv.d, &(struct fi_open){ .ino = 3, .tid = 8, .comm = "fio" });
	snapshot_add_server(&iv.d, &server);
	history_add(h, &iv);
	assert_int_equal(iv.seq, 1);
	assert_true(history_get(h, 1, &back));
	assert_int_equal(back.seq, 1);
	assert_int_equal(back.from_ns, 5);
	assert_int_equal(back.d.time_ns, 10);
	assert_int_equal(back.d.cells.n, iv.d.cells.n);
	for (size_t i = 0; i < iv.d.cells.n; i++)
		assert_memory_equal(back.d.cells.cell[i], iv.d.cells.cell[i],
				    sizeof(*iv.d.cells.cell[i]));
	assert_memory_equal(back.d.hists, iv.d.hists, FI_HISTS * sizeof(*iv.d.hists));
	assert_memory_equal(back.d.shares, iv.d.shares, sizeof(iv.d.shares));
	assert_memory_equal(&back.d.ledger, &iv.d.ledger, sizeof(iv.d.ledger));
	assert_memory_equal(back.d.open, iv.d.open, sizeof(*iv.d.open));
	assert_memory_equal(back.d.server, iv.d.server, sizeof(*iv.d.server));
	assert_int_equal(back.d.nr_open, 1);
	assert_int_equal(back.d.nr_servers, 1);
	assert_int_equal(back.d.missed, 4);
	assert_true(back.d.upstream && !back.d.splits);
	assert_false(history_get(h, 2, &back));
	assert_false(history_get(h, 0, &back));
	interval_free(&iv);
	interval_free(&back);
	history_free(h);
}

static void memory_is_bounded(void **state)
{
	const size_t most = 64 << 10;
	struct history *h = history_new(most);
	struct fi_cell kind[FI_KINDS];
	struct interval iv = { 0 };
	struct row_match match = { BY_FILE, { .ino = 7 } };
	__u64 seed = 1;

	for (int i = 1; i <= 400; i++) {
		snapshot_clear(&iv.d);
		iv.d.time_ns = i;
		for (int k = 0; k < 50; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			put(&iv.d, k, FI_BEGIN, 1, seed >> 40);
		}
		put(&iv.d, 7, FI_END, i, 1000);
		history_add(h, &iv);
		assert_true(history_bytes(h) <= most);
		assert_int_equal(history_last(h), i);
	}
	assert_true(history_first(h) > 1);
	assert_true(history_last(h) - history_first(h) > 10);
	assert_false(history_sum(h, history_first(h) - 1, &match, kind));
	for (__u64 seq = history_first(h); seq <= history_last(h); seq++) {
		assert_true(history_sum(h, seq, &match, kind));
		assert_int_equal(kind[FI_BEGIN].done, 1);
		assert_int_equal(kind[FI_END].done, seq);
		assert_int_equal(kind[FI_END].lat.n, seq);
		assert_int_equal(history_to_ns(h, seq), seq);
	}
	/* One that is larger than all there may be is kept alone. */
	for (int k = 0; k < 20000; k++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		cells_add(&iv.d.cells, &(struct fi_cell_key){ .ino = seed })->v.bytes = seed;
	}
	history_add(h, &iv);
	assert_int_equal(history_first(h), 401);
	assert_int_equal(history_last(h), 401);
	interval_free(&iv);
	history_free(h);
}

static void an_empty_one(void **state)
{
	struct history *h = history_new(1000);
	struct interval iv = { 0 };

	assert_int_equal(history_first(h), 0);
	assert_int_equal(history_last(h), 0);
	assert_int_equal(history_last(NULL), 0);
	assert_false(history_get(h, 1, &iv));
	history_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_changed_is_kept),
		cmocka_unit_test(what_is_kept_comes_back),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(an_empty_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
