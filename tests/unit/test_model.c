// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger.h"
#include "model.h"

/* A cell in which n operations are done. */
static struct cell *put(struct snapshot *s, __u32 dev, __u64 ino, int kind, int op, __u64 n)
{
	struct fi_cell_key key = { .dev = dev, .ino = ino, .kind = kind, .op = op,
				   .pid = ino / 10, .tid = ino, .type = op % FI_TYPES };
	struct cell *cell = cells_add(&s->cells, &key);

	cell->v.done = n;
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&cell->v.lat, 1000 + i);
	return cell;
}

static void put_open(struct snapshot *s, __u32 dev, __u64 ino, int kind, __u64 start_ns)
{
	snapshot_add_open(s, &(struct fi_open){ .dev = dev, .ino = ino, .kind = kind,
						.start_ns = start_ns, .pid = ino / 10,
						.tid = ino });
}

static void cells_are_found(void **state)
{
	struct snapshot s = { 0 };
	const struct cell *found;

	for (int i = 50; i > 0; i--)
		put(&s, i % 7, i, i % 3, 0, i);
	cells_sort(&s.cells);
	for (int i = 1; i <= 50; i++) {
		struct fi_cell_key key = { .dev = i % 7, .ino = i, .kind = i % 3,
					   .pid = i / 10, .tid = i };

		found = cells_find(&s.cells, &key);
		assert_non_null(found);
		assert_int_equal(found->v.done, i);
	}
	assert_null(cells_find(&s.cells, &(struct fi_cell_key){ .dev = 9 }));
	assert_null(cells_find(&(struct cells){ 0 }, &s.cells.cell[0]->key));
	snapshot_free(&s);
}

static void parts_of_cpus_add_up(void **state)
{
	struct fi_cell sum = { 0 }, part = { .done = 3, .bytes = 10 };

	part.used_type[FI_TYPES - 1] = 2;
	part.phase_ns[FI_PH_WAKEUP] = 5;
	fi_hist_add(&part.lat, 7);
	cell_merge(&sum, &part);
	cell_merge(&sum, &part);
	assert_int_equal(sum.done, 6);
	assert_int_equal(sum.bytes, 20);
	assert_int_equal(sum.used_type[FI_TYPES - 1], 4);
	assert_int_equal(sum.phase_ns[FI_PH_WAKEUP], 10);
	assert_int_equal(sum.lat.n, 2);
	assert_int_equal(sum.lat.sum, 14);
}

/* Cells that come later count from zero; intervals add up to the total. */
static void intervals_add_up(void **state)
{
	struct snapshot snap[4] = { 0 };
	struct cells diff = { 0 };
	__u64 sum = 0;

	put(&snap[1], 1, 10, FI_BEGIN, 0, 5);
	put(&snap[2], 1, 10, FI_BEGIN, 0, 9);
	put(&snap[2], 1, 11, FI_BEGIN, 0, 100);
	put(&snap[3], 1, 11, FI_BEGIN, 0, 100);
	put(&snap[3], 1, 10, FI_BEGIN, 0, 9);
	put(&snap[3], 1, 9, FI_BEGIN, 0, 1);
	for (int i = 1; i < 4; i++) {
		cells_sort(&snap[i].cells);
		cells_diff(&diff, &snap[i].cells, &snap[i - 1].cells);
		for (size_t c = 0; c < diff.n; c++) {
			sum += diff.cell[c]->v.done;
			assert_int_equal(diff.cell[c]->v.done, diff.cell[c]->v.lat.n);
		}
	}
	assert_int_equal(sum, 110);
	for (int i = 0; i < 4; i++)
		snapshot_free(&snap[i]);
	cells_free(&diff);
}

static const struct snapshot nothing;

/* Whatever rows are made by, they hold all that there is. */
static void rows_of_any_kind_add_up(void **state)
{
	struct snapshot now = { 0 };
	struct rows rows = { 0 };

	for (int i = 1; i < 60; i++)
		put(&now, 1 + i % 3, i, i % FI_KINDS, i % FI_OPS, i);
	put_open(&now, 1, 7, FI_BEGIN, 5);
	put_open(&now, 9, 8, FI_END, 4);
	snapshot_sort(&now);
	for (unsigned int by = 0; by < 2 * BY_KIND; by++) {
		__u64 done = 0, in_flight = 0;

		rows_make(&rows, by, NULL, &now, &nothing, false);
		for (size_t i = 0; i < rows.n; i++) {
			for (int k = 0; k < FI_KINDS; k++) {
				done += rows.row[i].kind[k]->v.done;
				assert_int_equal(rows.row[i].kind[k]->v.done,
						 rows.row[i].kind[k]->v.lat.n);
			}
			in_flight += rows.row[i].in_flight;
			assert_true(!i || cell_key_cmp(&rows.row[i - 1].key,
						       &rows.row[i].key) < 0);
		}
		assert_int_equal(done, 59 * 60 / 2);
		assert_int_equal(in_flight, 2);
	}
	rows_make(&rows, 0, NULL, &now, &nothing, false);
	assert_int_equal(rows.n, 1);
	rows_make(&rows, BY_MOUNT, NULL, &now, &nothing, false);
	assert_int_equal(rows.n, 4);
	assert_int_equal(rows.row[3].key.dev, 9);
	snapshot_free(&now);
	rows_free(&rows);
}

/* A row of one cell is that cell; a sum is the row's own, and changes none. */
static void rows_share_cells(void **state)
{
	struct snapshot now = { 0 };
	struct rows rows = { 0 };
	struct cell *alone, *one, *other;

	alone = put(&now, 1, 10, FI_BEGIN, FI_READ, 1);
	one = put(&now, 2, 20, FI_BEGIN, FI_READ, 2);
	other = put(&now, 2, 20, FI_BEGIN, FI_WRITE, 4);
	snapshot_sort(&now);
	for (int i = 0; i < 2; i++) {
		rows_make(&rows, BY_FILE, NULL, &now, &nothing, false);
		assert_int_equal(rows.n, 2);
		assert_ptr_equal(rows.row[0].kind[FI_BEGIN], alone);
		assert_int_equal(rows.row[0].kind[FI_END]->v.done, 0);
		assert_int_equal(rows.row[1].kind[FI_BEGIN]->v.done, 6);
		assert_int_equal(rows.row[1].kind[FI_BEGIN]->v.lat.n, 6);
		assert_int_equal(one->v.done + other->v.done + alone->v.done, 7);
		assert_int_equal(alone->users, 2);
		assert_int_equal(one->users, 1);
	}
	snapshot_free(&now);
	assert_int_equal(rows.row[0].kind[FI_BEGIN]->v.done, 1);
	rows_free(&rows);
}

static void rows_match(void **state)
{
	struct row_match match = { BY_MOUNT | BY_PROCESS, { .dev = 2, .pid = 1, .ino = 99 } };
	struct snapshot now = { 0 };
	struct rows rows = { 0 };

	put(&now, 1, 10, FI_BEGIN, FI_READ, 1);
	put(&now, 2, 11, FI_BEGIN, FI_READ, 2);
	put(&now, 2, 12, FI_END, FI_WRITE, 4);
	put(&now, 2, 23, FI_BEGIN, FI_READ, 8);
	put_open(&now, 2, 13, FI_BEGIN, 1);
	put_open(&now, 2, 33, FI_BEGIN, 1);
	snapshot_sort(&now);
	rows_make(&rows, BY_FILE, &match, &now, &nothing, false);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.row[0].key.ino, 11);
	assert_int_equal(rows.row[0].key.dev, 0);
	assert_int_equal(rows.row[1].kind[FI_END]->v.done, 4);
	assert_int_equal(rows.row[2].in_flight, 1);
	assert_true(row_matches(NULL, &match.key));
	snapshot_free(&now);
	rows_free(&rows);
}

static void rows_have_names(void **state)
{
	static const struct {
		unsigned int by;
		struct fi_cell_key key;
		const char *name;
	} rows[] = {
		{ BY_MOUNT, { .dev = 5 }, "/mnt" },
		{ BY_MOUNT, { .dev = 1 << 20 | 6 }, "dev 1:6" },
		{ BY_MOUNT | BY_FILE, { .dev = 5, .ino = 7 }, "a/b" },
		{ BY_FILE, { .ino = 7 }, "#7" },
		{ BY_MOUNT | BY_FILE, { .dev = 5, .ino = 8 }, ".../c" },
		{ BY_FILE, { .flags = FI_KEY_OTHER_FILE }, "(other files)" },
		{ BY_PROCESS, { .pid = 40 }, "fio" },
		{ BY_THREAD, { .pid = 40, .tid = 41 }, "worker" },
		{ BY_THREAD, { .pid = 40, .tid = 42 }, "tid 42" },
		{ BY_PROCESS, { .flags = FI_KEY_OTHER_TASK }, "(other tasks)" },
		{ BY_OP, { .op = FI_APPEND }, "append" },
		{ BY_TYPE, { .type = FI_TYPE_BAD }, "(none)" },
		{ BY_TYPE | BY_OP, { .type = 2 }, "mapped" },
		{ 0, { .dev = 5 }, "(all)" },
	};
	struct fi_file file = { .len = 4, .whole = 1, .path = "b\0a" };
	struct fi_task task = { .pid = 40, .comm = "worker", .process = "fio" };
	struct catalog *c = catalog_new();
	char buf[300];

	catalog_add_mount(c, &(struct mount){ .dev = 5, .target = "/mnt" });
	catalog_add_fi_file(c, &(struct fi_file_key){ .dev = 5, .ino = 7 }, &file);
	file = (struct fi_file){ .len = 2, .path = "c" };
	catalog_add_fi_file(c, &(struct fi_file_key){ .dev = 5, .ino = 8 }, &file);
	/* Its leader has never been seen itself. */
	catalog_add_fi_task(c, 41, &task);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(row_name(buf, sizeof(buf), c, rows[i].by, &rows[i].key),
				    rows[i].name);
	assert_string_equal(catalog_file_path(c, 5, 7, buf, sizeof(buf)), "/mnt/a/b");
	catalog_free(c);
}

static void idle_rows_are_left_out(void **state)
{
	struct snapshot now = { 0 };
	struct rows rows = { 0 };

	put(&now, 5, 1, FI_BEGIN, 0, 7);
	put(&now, 5, 2, FI_BEGIN, 0, 7);
	put(&now, 5, 3, FI_BEGIN, 0, 7);
	put_open(&now, 5, 2, FI_BEGIN, 1);
	snapshot_sort(&now);
	rows_make(&rows, BY_FILE, NULL, &now, &now, false);
	/* Only the one where something is in flight; how much is not a difference. */
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.row[0].key.ino, 2);
	assert_int_equal(rows.row[0].in_flight, 1);
	assert_int_equal(rows.row[0].kind[FI_BEGIN]->v.done, 0);
	rows_make(&rows, BY_FILE, NULL, &now, &now, true);
	assert_int_equal(rows.n, 3);
	snapshot_free(&now);
	rows_free(&rows);
}

/* What has not changed is one cell in all lists; a change is of one list only. */
static void cells_are_shared_until_they_change(void **state)
{
	struct snapshot before = { 0 }, now = { 0 };
	struct cells diff = { 0 };
	struct cell *idle, *busy, *added;

	idle = put(&before, 1, 10, FI_BEGIN, 0, 5);
	busy = put(&before, 1, 20, FI_BEGIN, 0, 7);
	snapshot_copy(&now, &before);
	assert_ptr_equal(now.cells.cell[0], idle);
	assert_ptr_equal(now.cells.cell[1], busy);
	assert_int_equal(idle->users, 2);
	cells_own(&now.cells, 1)->v.done++;
	assert_ptr_not_equal(now.cells.cell[1], busy);
	assert_int_equal(busy->v.done, 7);
	assert_int_equal(busy->users, 1);
	/* Nobody else has it: no copy. */
	assert_ptr_equal(cells_own(&now.cells, 1), now.cells.cell[1]);
	assert_ptr_equal(cells_own(&before.cells, 1), busy);
	added = put(&now, 1, 15, FI_BEGIN, 0, 3);
	cells_sort(&now.cells);
	assert_ptr_equal(now.cells.cell[1], added);
	cells_diff(&diff, &now.cells, &before.cells);
	assert_int_equal(diff.n, 2);
	assert_ptr_equal(diff.cell[0], added);
	assert_int_equal(diff.cell[1]->v.done, 1);
	assert_int_equal(diff.cell[1]->key.ino, 20);
	snapshot_free(&before);
	assert_int_equal(idle->users, 1);
	snapshot_free(&now);
	assert_int_equal(added->users, 1);
	assert_int_equal(diff.cell[0]->v.done, 3);
	/* Its memory is used again. */
	cells_diff(&diff, &now.cells, &before.cells);
	assert_int_equal(diff.n, 0);
	cells_free(&diff);
}

static void copies_stand_alone(void **state)
{
	struct snapshot a = { .time_ns = 3 }, b = { 0 };

	put(&a, 1, 2, FI_BEGIN, 0, 5);
	put_open(&a, 1, 9, FI_BEGIN, 20);
	put_open(&a, 1, 8, FI_BEGIN, 10);
	snapshot_add_server(&a, &(struct server){ .key = { .dev = 1, .tid = 7 } });
	snapshot_sort(&a);
	snapshot_copy(&b, &a);
	snapshot_clear(&a);
	assert_int_equal(a.cells.n + a.nr_open + a.nr_servers + a.time_ns, 0);
	snapshot_free(&a);
	assert_int_equal(b.time_ns, 3);
	assert_int_equal(b.cells.cell[0]->v.done, 5);
	/* The oldest first. */
	assert_int_equal(b.open[0].ino, 8);
	assert_int_equal(b.open[1].ino, 9);
	assert_int_equal(b.server[0].key.tid, 7);
	snapshot_free(&b);
}

/* ---- the ledger ---------------------------------------------------------- */

static struct snapshot balanced(void)
{
	struct snapshot s = { .splits = true };

	s.ledger.begun[FI_BEGIN] = 10;
	s.ledger.ok[FI_BEGIN] = 7;
	s.ledger.errors[FI_BEGIN] = 1;
	s.ledger.in_flight[FI_BEGIN] = 2;
	s.ledger.sent[FI_BEGIN] = 8;
	s.ledger.begun[FI_END] = s.ledger.ok[FI_END] = s.ledger.sent[FI_END] = 3;
	s.ledger.unsent[FI_END] = 5;
	s.ledger.unmatched[FI_END] = 1;
	return s;
}

static void ledger_balances_when_it_should(void **state)
{
	struct snapshot s = balanced();

	assert_true(ledger_balances(&s.ledger));
	assert_true(ledger_complete(&s));
	s.ledger.in_flight[FI_BEGIN]++;
	assert_false(ledger_balances(&s.ledger));
	assert_false(ledger_complete(&s));
	s = balanced();
	s.ledger.sent[FI_END]--;
	assert_false(ledger_balances(&s.ledger));
}

/* Every reason for loss makes it incomplete, also those that leave it balanced. */
static void every_loss_counts(void **state)
{
	static const size_t reasons[] = {
		offsetof(struct snapshot, missed),
		offsetof(struct snapshot, ledger.cells_full),
		offsetof(struct snapshot, ledger.requests_full),
		offsetof(struct snapshot, ledger.ring_full),
		offsetof(struct snapshot, ledger.unsplit),
		offsetof(struct snapshot, ledger.stacks_lost),
		offsetof(struct snapshot, ledger.raw_lost),
	};

	struct snapshot s = balanced();

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		s = balanced();
		*(__u64 *)((char *)&s + reasons[i]) = 1;
		assert_true(ledger_balances(&s.ledger));
		assert_false(ledger_complete(&s));
	}
	s = balanced();
	s.ledger.unpaired[FI_IOEND] = s.ledger.begun[FI_IOEND] = 1;
	assert_true(ledger_balances(&s.ledger));
	assert_false(ledger_complete(&s));
	/* A kernel without the events that split the wait loses nothing by that. */
	s = balanced();
	s.splits = false;
	s.ledger.unsplit = 5;
	assert_true(ledger_complete(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_found),
		cmocka_unit_test(parts_of_cpus_add_up),
		cmocka_unit_test(intervals_add_up),
		cmocka_unit_test(cells_are_shared_until_they_change),
		cmocka_unit_test(rows_of_any_kind_add_up),
		cmocka_unit_test(rows_share_cells),
		cmocka_unit_test(rows_match),
		cmocka_unit_test(rows_have_names),
		cmocka_unit_test(idle_rows_are_left_out),
		cmocka_unit_test(copies_stand_alone),
		cmocka_unit_test(ledger_balances_when_it_should),
		cmocka_unit_test(every_loss_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
