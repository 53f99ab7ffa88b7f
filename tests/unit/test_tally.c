// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog.h"
#include "hist.h"
#include "tally.h"

static const struct fi_settings all = {
	.by = FI_BY_FILE | FI_BY_TASK | FI_BY_TYPE, .cells = 1, .hists = 1,
};

static struct fi_record record(int kind, int op, __u32 opflags, __u64 count, __s64 written)
{
	return (struct fi_record){
		.kind = kind, .op = op, .opflags = opflags, .count = count,
		.written = written, .dev = 3, .ino = 10, .pid = 100, .tid = 101,
		.flags = FI_F_SENT | FI_F_TIMED | FI_F_SPLIT, .lat_ns = 1000,
		.phase_ns = { 100, 200, 300, 400 },
		.read = { .type = FUSE_IOMAP_TYPE_HOLE, .length = 8192 },
		.write = { .type = FUSE_IOMAP_TYPE_UNWRITTEN, .length = 4096 },
	};
}

static struct snapshot tally_of(const struct fi_settings *set, const struct fi_record *r,
				size_t n)
{
	struct tally *t = tally_new(set);
	struct snapshot s = { 0 };

	for (size_t i = 0; i < n; i++)
		tally_add(t, &r[i]);
	tally_read(t, &s);
	tally_free(t);
	return s;
}

static void a_begin_counts_its_mappings(void **state)
{
	struct fi_record r = record(FI_BEGIN, FI_WRITE, FUSE_IOMAP_OP_WRITE, 4096, 0);
	struct snapshot s = tally_of(&all, &r, 1);
	const struct cell *c = s.cells.cell[0];

	assert_int_equal(s.cells.n, 1);
	assert_int_equal(c->key.type, FUSE_IOMAP_TYPE_UNWRITTEN);
	assert_int_equal(c->key.tid, 101);
	assert_int_equal(c->v.done, 1);
	assert_int_equal(c->v.read_type[FUSE_IOMAP_TYPE_HOLE], 1);
	assert_int_equal(c->v.write_type[FUSE_IOMAP_TYPE_UNWRITTEN], 1);
	assert_int_equal(c->v.used_type[FUSE_IOMAP_TYPE_UNWRITTEN], 1);
	assert_int_equal(c->v.lat.n, 1);
	assert_int_equal(c->v.phase_ns[FI_PH_SERVER], 300);
	assert_int_equal(s.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_UNWRITTEN)].sum, 4096);
	assert_int_equal(s.hists[FI_H_PHASE(FI_BEGIN, FI_WRITE, FI_PH_QUEUE)].sum, 200);
	snapshot_free(&s);
}

static void pure_overwrite_uses_the_read_mapping(void **state)
{
	struct fi_record r = record(FI_BEGIN, FI_WRITE, FUSE_IOMAP_OP_WRITE, 4096, 0);
	struct snapshot s;

	r.write.type = FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	s = tally_of(&all, &r, 1);
	assert_int_equal(s.cells.cell[0]->key.type, FUSE_IOMAP_TYPE_HOLE);
	assert_int_equal(s.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_HOLE)].sum, 8192);
	snapshot_free(&s);
}

static void a_failed_begin_has_no_mappings(void **state)
{
	struct fi_record r = record(FI_BEGIN, FI_WRITE, FUSE_IOMAP_OP_WRITE, 4096, 0);
	struct snapshot s;

	r.error = -5;
	s = tally_of(&all, &r, 1);
	assert_int_equal(s.cells.cell[0]->key.type, FI_TYPE_BAD);
	assert_int_equal(s.cells.cell[0]->v.errors, 1);
	for (int i = 0; i < FI_TYPES; i++)
		assert_int_equal(s.cells.cell[0]->v.read_type[i] + s.hists[FI_H_MAPLEN(i)].n, 0);
	snapshot_free(&s);
}

static void short_ends_are_counted(void **state)
{
	struct fi_record r[] = {
		record(FI_END, FI_WRITE, FUSE_IOMAP_OP_WRITE, 16384, 12288),
		record(FI_END, FI_WRITE, FUSE_IOMAP_OP_WRITE, 4096, 4096),
		record(FI_END, FI_WRITE, FUSE_IOMAP_OP_WRITE, 4096, -14),
		record(FI_END, FI_READ, 0, 4096, 100),
	};
	struct snapshot s;
	struct rows rows = { 0 };

	for (int i = 0; i < 4; i++)
		r[i].flags = 0;
	s = tally_of(&all, r, 4);
	rows_make(&rows, BY_OP, NULL, &s, &(struct snapshot){ 0 }, false);
	assert_int_equal(rows.n, 2);
	assert_int_equal(rows.row[0].kind[FI_END]->v.shorts, 0);
	assert_int_equal(rows.row[1].kind[FI_END]->v.done, 3);
	assert_int_equal(rows.row[1].kind[FI_END]->v.shorts, 2);
	assert_int_equal(rows.row[1].kind[FI_END]->v.missing, 4096 + 4096);
	assert_int_equal(rows.row[1].kind[FI_END]->v.written, 12288 + 4096);
	assert_int_equal(rows.row[1].kind[FI_END]->v.lat.n, 0);
	assert_int_equal(s.hists[FI_H_MISSING(FI_WRITE)].n, 2);
	assert_int_equal(s.shares[FI_WRITE].n[0], 1);
	assert_int_equal(s.shares[FI_WRITE].n[FI_SHARES - 1], 1);
	rows_free(&rows);
	snapshot_free(&s);
}

static void coarse_settings_make_few_cells(void **state)
{
	struct fi_settings coarse = { .cells = 1 };
	struct fi_record r[100];
	struct snapshot s;

	for (int i = 0; i < 100; i++) {
		r[i] = record(FI_BEGIN, FI_READ, 0, 4096, 0);
		r[i].ino = r[i].tid = i;
	}
	s = tally_of(&coarse, r, 100);
	assert_int_equal(s.cells.n, 1);
	assert_int_equal(s.cells.cell[0]->v.done, 100);
	assert_int_equal(s.cells.cell[0]->key.ino, 0);
	assert_int_equal(s.cells.cell[0]->key.type, FI_TYPE_BAD);
	assert_null(s.hists);
	snapshot_free(&s);
}

/* More files and threads than fit: bounded, nothing missing from the sums, and said. */
static void a_full_table_gives_up_tasks_then_files(void **state)
{
	struct fi_settings small = all;
	struct tally *t;
	struct snapshot s = { 0 };
	__u64 done = 0, other = 0;

	small.max_cells = 80;
	t = tally_new(&small);
	for (int i = 0; i < 10000; i++) {
		struct fi_record r = record(FI_BEGIN, FI_READ, 0, 4096, 0);

		r.ino = i;
		r.tid = i % 7;
		tally_add(t, &r);
	}
	tally_read(t, &s);
	assert_in_range(s.cells.n, 81, 100);
	for (size_t i = 0; i < s.cells.n; i++) {
		const struct cell *c = s.cells.cell[i];

		done += c->v.done;
		other += c->key.flags ? c->v.done : 0;
		if (c->key.flags & FI_KEY_OTHER_TASK)
			assert_int_equal(c->key.tid, 0);
		if (c->key.flags & FI_KEY_OTHER_FILE)
			assert_int_equal(c->key.ino, 0);
	}
	assert_int_equal(done, 10000);
	assert_int_equal(other, s.ledger.other);
	assert_true(other > 9000);
	tally_free(t);
	snapshot_free(&s);
}

/* The table as large as it is when nobody says how large. */
static void a_million_files_take_no_more_room(void **state)
{
	enum { FILES = 1000000 };
	struct fi_record r = record(FI_BEGIN, FI_READ, 0, 4096, 0);
	struct tally *t = tally_new(&all);
	struct snapshot s = { 0 };
	__u64 done = 0;

	for (r.ino = 1; r.ino <= FILES; r.ino++)
		tally_add(t, &r);
	tally_read(t, &s);
	assert_in_range(s.cells.n, 8193, 9500);
	for (size_t i = 0; i < s.cells.n; i++)
		done += s.cells.cell[i]->v.done;
	assert_int_equal(done, FILES);
	assert_in_range(s.ledger.other, FILES - 9500, FILES - 8192);
	tally_free(t);
	snapshot_free(&s);
}

/* What has been read stays as it was; what did not change since is not copied. */
static void readings_share_what_did_not_change(void **state)
{
	struct fi_record r = record(FI_BEGIN, FI_READ, 0, 4096, 0);
	struct tally *t = tally_new(&all);
	struct snapshot a = { 0 }, b = { 0 };

	for (r.ino = 40; r.ino > 20; r.ino--)
		tally_add(t, &r);
	tally_read(t, &a);
	/* New ones before, between and behind, and one that is there. */
	for (r.ino = 10; r.ino < 60; r.ino += 5)
		tally_add(t, &r);
	tally_add(t, &r);
	tally_read(t, &b);
	assert_int_equal(a.cells.n, 20);
	assert_int_equal(b.cells.n, 20 + 7);
	for (size_t i = 0; i < a.cells.n; i++) {
		struct cell *was = a.cells.cell[i], *is = cells_find(&b.cells, &was->key);

		assert_int_equal(was->key.ino, 21 + i);
		assert_int_equal(was->v.done, 1);
		assert_int_equal(is->v.done, was->key.ino % 5 ? 1 : 2);
		assert_int_equal(is == was, was->key.ino % 5 != 0);
	}
	for (size_t i = 1; i < b.cells.n; i++)
		assert_true(cell_key_cmp(&b.cells.cell[i - 1]->key, &b.cells.cell[i]->key) < 0);
	snapshot_free(&a);
	tally_free(t);
	assert_int_equal(b.cells.cell[0]->users, 1);
	snapshot_free(&b);
}

static void refused_answers_are_in_no_cell(void **state)
{
	struct fi_record r = { .kind = FI_REFUSED, .op = FI_WRITE };
	struct snapshot s = tally_of(&all, &r, 1);

	assert_int_equal(s.cells.n, 0);
	snapshot_free(&s);
}

static void filters_pass_what_they_name(void **state)
{
	struct fi_record r = record(FI_END, FI_WRITE, FUSE_IOMAP_OP_WRITE, 4096, 100);
	const struct {
		struct fi_settings yes, no;
	} pairs[] = {
		{ { 0 }, { .dev = 4 } },
		{ { .dev = 3 }, { .ino = 11 } },
		{ { .ino = 10 }, { .pid = 101 } },
		{ { .pid = 100 }, { .tid = 100 } },
		{ { .tid = 101 }, { .ops = 1 << FI_READ } },
		{ { .ops = 1 << FI_WRITE }, { .kinds = 1 << FI_BEGIN } },
		{ { .kinds = 1 << FI_END }, { .comm = "other" } },
		{ { .comm = "me" }, { .min_lat_ns = 1001 } },
		{ { .min_lat_ns = 1000 }, { .errors = 1 } },
		{ { .shorts = 1 }, { .types = 1 << FUSE_IOMAP_TYPE_UNWRITTEN } },
		{ { .types = 1 << FUSE_IOMAP_TYPE_HOLE }, { .types = 1 << 7 } },
	};

	strcpy(r.comm, "me");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_true(wanted_record(&pairs[i].yes, &r));
		assert_false(wanted_record(&pairs[i].no, &r));
	}
	r.written = 4096;
	assert_false(wanted_record(&(struct fi_settings){ .shorts = 1 }, &r));
	r.error = -5;
	assert_true(wanted_record(&(struct fi_settings){ .errors = 1 }, &r));
}

/* ---- the catalog ----------------------------------------------------------- */

static int told[CATALOG_STACK + 1];

static void listener(void *ctx, enum catalog_kind kind, const void *entry)
{
	assert_ptr_equal(ctx, told);
	told[kind]++;
}

static void listeners_hear_of_changes_only(void **state)
{
	struct mount m = { .dev = 1, .target = "/a" };
	struct file f = { .dev = 1, .ino = 2, .path = "x" };
	struct task t = { .tid = 3, .pid = 3, .comm = "c" };
	struct stack st = { .id = 1, .frames = "f\n" };
	struct catalog *c = catalog_new();
	const struct mount **list;

	catalog_add_mount(c, &m);
	memset(told, 0, sizeof(told));
	catalog_listen(c, listener, told);
	assert_int_equal(told[CATALOG_MOUNT], 1);
	for (int i = 0; i < 2; i++) {
		catalog_add_mount(c, &m);
		catalog_add_file(c, &f);
		catalog_add_task(c, &t);
		catalog_add_stack(c, &st);
	}
	for (int k = 0; k <= CATALOG_STACK; k++)
		assert_int_equal(told[k], 1);
	m.gone = true;
	catalog_add_mount(c, &m);
	f.path = "y";
	catalog_add_file(c, &f);
	assert_int_equal(told[CATALOG_MOUNT] + told[CATALOG_FILE], 4);
	assert_string_equal(catalog_file(c, 1, 2)->path, "y");
	m.dev = 0;
	catalog_add_mount(c, &m);
	assert_int_equal(catalog_mounts(c, &list), 2);
	assert_int_equal(list[0]->dev, 0);
	assert_null(catalog_stack(c, 2));
	catalog_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_begin_counts_its_mappings),
		cmocka_unit_test(pure_overwrite_uses_the_read_mapping),
		cmocka_unit_test(a_failed_begin_has_no_mappings),
		cmocka_unit_test(short_ends_are_counted),
		cmocka_unit_test(coarse_settings_make_few_cells),
		cmocka_unit_test(a_full_table_gives_up_tasks_then_files),
		cmocka_unit_test(a_million_files_take_no_more_room),
		cmocka_unit_test(readings_share_what_did_not_change),
		cmocka_unit_test(refused_answers_are_in_no_cell),
		cmocka_unit_test(filters_pass_what_they_name),
		cmocka_unit_test(listeners_hear_of_changes_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
