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
#include "names.h"

/* A cell in which n operations are done and `open` more have begun. */
static struct cell *put(struct cells *c, __u32 dev, __u64 ino, int kind, int op, __u64 n,
			__u64 open)
{
	struct cell *cell = cells_add(c);

	cell->key = (struct fi_cell_key){ .dev = dev, .ino = ino, .kind = kind, .op = op };
	cell->v.begun = n + open;
	cell->v.timed = n;
	cell->v.done = n;
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&cell->v.lat, 1000 + i);
	return cell;
}

static void cells_are_found(void **state)
{
	struct cells c = { 0 };
	const struct cell *found;

	for (int i = 50; i > 0; i--)
		put(&c, i % 7, i, i % 3, 0, i, 0);
	cells_sort(&c);
	for (int i = 1; i <= 50; i++) {
		struct fi_cell_key key = { .dev = i % 7, .ino = i, .kind = i % 3 };

		found = cells_find(&c, &key);
		assert_non_null(found);
		assert_int_equal(found->v.done, i);
	}
	assert_null(cells_find(&c, &(struct fi_cell_key){ .dev = 9 }));
	assert_null(cells_find(&(struct cells){ 0 }, &c.cell[0].key));
	free(c.cell);
}

static void parts_of_cpus_add_up(void **state)
{
	struct fi_cell sum = { 0 }, part = { .begun = 3, .bytes = 10, .nodeid = 7 };

	strcpy(part.name, "file");
	part.used_type[FI_TYPES - 1] = 2;
	part.phase_ns[FI_PH_WAKEUP] = 5;
	cell_merge(&sum, &part);
	/* The CPU that did not create the cell has no name in its part. */
	part.name[0] = '\0';
	part.nodeid = 0;
	cell_merge(&sum, &part);
	assert_int_equal(sum.begun, 6);
	assert_int_equal(sum.bytes, 20);
	assert_int_equal(sum.used_type[FI_TYPES - 1], 4);
	assert_int_equal(sum.phase_ns[FI_PH_WAKEUP], 10);
	assert_int_equal(sum.nodeid, 7);
	assert_string_equal(sum.name, "file");
}

/* Rows that come later count from zero; intervals add up to the total. */
static void intervals_add_up(void **state)
{
	struct cells snap[4] = { 0 }, diff = { 0 };
	__u64 sum = 0;

	put(&snap[1], 1, 10, FI_BEGIN, 0, 5, 0);
	put(&snap[2], 1, 10, FI_BEGIN, 0, 9, 0);
	put(&snap[2], 1, 11, FI_BEGIN, 0, 100, 0);
	put(&snap[3], 1, 11, FI_BEGIN, 0, 100, 0);
	put(&snap[3], 1, 10, FI_BEGIN, 0, 9, 0);
	put(&snap[3], 1, 9, FI_BEGIN, 0, 1, 0);
	for (int i = 1; i < 4; i++) {
		cells_sort(&snap[i]);
		cells_diff(&diff, &snap[i], &snap[i - 1]);
		for (size_t c = 0; c < diff.n; c++) {
			sum += diff.cell[c].v.done;
			assert_int_equal(diff.cell[c].v.done, diff.cell[c].v.lat.n);
		}
	}
	assert_int_equal(sum, 110);
	for (int i = 0; i < 4; i++)
		free(snap[i].cell);
	free(diff.cell);
}

/* A source that drops a row (no source does today) must not make it negative. */
static void rows_that_go_leave_nothing(void **state)
{
	struct cells before = { 0 }, now = { 0 }, diff = { 0 };

	put(&before, 1, 10, FI_BEGIN, 0, 5, 0);
	cells_diff(&diff, &now, &before);
	assert_int_equal(diff.n, 0);
	free(before.cell);
	free(diff.cell);
}

static void rows_join_kinds(void **state)
{
	struct cells now = { 0 };
	struct rows rows = { 0 };

	put(&now, 5, 0, FI_BEGIN, FI_READ, 10, 2);
	put(&now, 5, 0, FI_BEGIN, FI_WRITE, 3, 1);
	put(&now, 5, 0, FI_END, FI_WRITE, 3, 0);
	put(&now, 6, 0, FI_IOEND, FI_WRITEBACK, 4, 0);
	cells_sort(&now);
	rows_make(&rows, ROWS_BY_DEV, &now, &(struct cells){ 0 }, false);
	assert_int_equal(rows.n, 2);
	assert_int_equal(rows.row[0].dev, 5);
	assert_int_equal(rows.row[0].kind[FI_BEGIN].done, 13);
	assert_int_equal(rows.row[0].kind[FI_BEGIN].lat.n, 13);
	assert_int_equal(rows.row[0].kind[FI_END].done, 3);
	assert_int_equal(rows.row[0].in_flight, 3);
	assert_int_equal(rows.row[1].kind[FI_IOEND].done, 4);
	rows_make(&rows, ROWS_BY_OP, &now, &(struct cells){ 0 }, false);
	assert_int_equal(rows.n, 3);
	for (size_t i = 0; i < rows.n; i++)
		assert_string_equal(rows.row[i].name, op_name[rows.row[i].op]);
	free(now.cell);
	rows_free(&rows);
}

static void files_have_names(void **state)
{
	struct cells now = { 0 };
	struct rows rows = { 0 };

	put(&now, 5, 0, FI_BEGIN, 0, 1, 0);
	put(&now, 5, 33, FI_BEGIN, 0, 1, 0);
	put(&now, 5, 34, FI_BEGIN, 0, 1, 0);
	strcpy(put(&now, 5, 34, FI_END, 0, 1, 0)->v.name, "data");
	/* Full length, so without a terminator. */
	memset(put(&now, 5, 35, FI_END, 0, 1, 0)->v.name, 'x', FI_NAME_LEN);
	cells_sort(&now);
	rows_make(&rows, ROWS_BY_FILE, &now, &(struct cells){ 0 }, false);
	assert_int_equal(rows.n, 4);
	assert_string_equal(rows.row[0].name, "(other files)");
	assert_string_equal(rows.row[1].name, "#33");
	assert_string_equal(rows.row[2].name, "data");
	assert_int_equal(strlen(rows.row[3].name), FI_NAME_LEN);
	free(now.cell);
	rows_free(&rows);
}

static void idle_rows_are_left_out(void **state)
{
	struct cells now = { 0 };
	struct rows rows = { 0 };

	put(&now, 5, 1, FI_BEGIN, 0, 7, 0);
	put(&now, 5, 2, FI_BEGIN, 0, 7, 1);
	put(&now, 5, 3, FI_BEGIN, 0, 7, 0)->v.abandoned = 0;
	cells_sort(&now);
	rows_make(&rows, ROWS_BY_FILE, &now, &now, false);
	/* Only the one where something is in flight; how much is not a difference. */
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.row[0].ino, 2);
	assert_int_equal(rows.row[0].in_flight, 1);
	assert_int_equal(rows.row[0].kind[FI_BEGIN].done, 0);
	rows_make(&rows, ROWS_BY_FILE, &now, &now, true);
	assert_int_equal(rows.n, 3);
	free(now.cell);
	rows_free(&rows);
}

static void abandoned_is_not_in_flight(void **state)
{
	struct cells now = { 0 };
	struct rows rows = { 0 };

	put(&now, 5, 1, FI_BEGIN, 0, 7, 3)->v.abandoned = 3;
	rows_make(&rows, ROWS_BY_DEV, &now, &(struct cells){ 0 }, false);
	assert_int_equal(rows.row[0].in_flight, 0);
	free(now.cell);
	rows_free(&rows);
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
		offsetof(struct snapshot, ledger.no_storage),
		offsetof(struct snapshot, ledger.unsplit),
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
		cmocka_unit_test(rows_that_go_leave_nothing),
		cmocka_unit_test(rows_join_kinds),
		cmocka_unit_test(files_have_names),
		cmocka_unit_test(idle_rows_are_left_out),
		cmocka_unit_test(abandoned_is_not_in_flight),
		cmocka_unit_test(ledger_balances_when_it_should),
		cmocka_unit_test(every_loss_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
