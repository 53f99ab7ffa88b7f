// SPDX-License-Identifier: GPL-2.0-only
/* The rules that the BPF programs and user space share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuseiomap_count.h"
#include "fuseiomap_pair.h"

#define WRITE	FUSE_IOMAP_OP_WRITE
#define DIRECT	FUSE_IOMAP_OP_DIRECT

static void a_write_beyond_the_size_is_an_append(void **state)
{
	assert_int_equal(fi_op_of_begin(WRITE, 0, 4096, 4096), FI_WRITE);
	assert_int_equal(fi_op_of_begin(WRITE, 1, 4096, 4096), FI_APPEND);
	assert_int_equal(fi_op_of_begin(WRITE, 8192, 1, 4096), FI_APPEND);
	assert_int_equal(fi_op_of_begin(WRITE | DIRECT, 0, 4097, 4096), FI_APPEND_DIRECT);
	assert_int_equal(fi_op_of_begin(WRITE | DIRECT, 0, 4096, 4096), FI_WRITE_DIRECT);
	/* Nothing else makes a file longer, whatever range it names. */
	assert_int_equal(fi_op_of_begin(0, 0, 8192, 4096), FI_READ);
	assert_int_equal(fi_op_of_begin(WRITE | FUSE_IOMAP_OP_FAULT, 0, 8192, 4096), FI_FAULT);
	assert_int_equal(fi_op_of_begin(FUSE_IOMAP_OP_ZERO, 0, 8192, 4096), FI_ZERO);
	assert_int_equal(fi_op_of_begin(FUSE_IOMAP_OP_WRITEBACK, 0, 8192, 4096), FI_WRITEBACK);
}

static void ioend_tells_its_own(void **state)
{
	assert_int_equal(fi_op_of_ioend(0), FI_WRITEBACK);
	assert_int_equal(fi_op_of_ioend(FUSE_IOMAP_IOEND_APPEND), FI_WRITEBACK);
	assert_int_equal(fi_op_of_ioend(FUSE_IOMAP_IOEND_DIRECT), FI_WRITE_DIRECT);
	assert_int_equal(fi_op_of_ioend(FUSE_IOMAP_IOEND_DIRECT | FUSE_IOMAP_IOEND_APPEND),
			 FI_APPEND_DIRECT);
}

static void an_end_is_what_its_begin_was(void **state)
{
	struct fi_begun_ring r = { 0 };

	assert_int_equal(fi_begun_op(&r, 1, 2, 0, WRITE), FI_WRITE);
	fi_begun_add(&r, 1, 2, 0, WRITE, FI_APPEND);
	assert_int_equal(fi_begun_op(&r, 1, 2, 0, WRITE), FI_APPEND);
	/* Each part tells it from others. */
	assert_int_equal(fi_begun_op(&r, 9, 2, 0, WRITE), FI_WRITE);
	assert_int_equal(fi_begun_op(&r, 1, 9, 0, WRITE), FI_WRITE);
	assert_int_equal(fi_begun_op(&r, 1, 2, 9, WRITE), FI_WRITE);
	assert_int_equal(fi_begun_op(&r, 1, 2, 0, WRITE | DIRECT), FI_WRITE_DIRECT);
	/* A bit that one side does not know makes no difference. */
	assert_int_equal(fi_begun_op(&r, 1, 2, 0, WRITE | 1U << 20), FI_APPEND);
	/* The newest of two. */
	fi_begun_add(&r, 1, 2, 0, WRITE, FI_WRITE);
	assert_int_equal(fi_begun_op(&r, 1, 2, 0, WRITE), FI_WRITE);
}

static void the_ring_keeps_the_newest(void **state)
{
	struct fi_begun_ring r = { 0 };

	assert_null(fi_begun_newest(&r));
	for (int i = 0; i <= FI_BEGUN; i++) {
		fi_begun_add(&r, 1, 2, i, WRITE, FI_APPEND);
		assert_int_equal(fi_begun_newest(&r)->pos, i);
	}
	assert_int_equal(fi_begun_op(&r, 1, 2, 0, WRITE), FI_WRITE);
	for (int i = 1; i <= FI_BEGUN; i++)
		assert_int_equal(fi_begun_op(&r, 1, 2, i, WRITE), FI_APPEND);
}

/* As the series decides it in fuse_iomap_want_ioend(). */
static void ioends_that_the_server_hears_of(void **state)
{
	assert_false(fi_wants_ioend(0, 4096, 0));
	assert_false(fi_wants_ioend(0, 4096, FUSE_IOMAP_IOEND_DIRECT));
	assert_true(fi_wants_ioend(0, 4096, FUSE_IOMAP_IOEND_SHARED));
	assert_true(fi_wants_ioend(0, 4096, FUSE_IOMAP_IOEND_UNWRITTEN));
	assert_true(fi_wants_ioend(0, 4096, FUSE_IOMAP_IOEND_APPEND));
	assert_false(fi_wants_ioend(0, 0, FUSE_IOMAP_IOEND_APPEND));
	assert_true(fi_wants_ioend(-5, 0, 0));
}

static void a_full_table_gives_up_only_what_it_has(void **state)
{
	__u8 both = FI_BY_FILE | FI_BY_TASK;
	struct fi_cell_key key = { .dev = 1, .ino = 2, .pid = 3, .tid = 4 };

	assert_int_equal(fi_gives_up(799, 800, both), 0);
	assert_int_equal(fi_gives_up(800, 800, both), FI_KEY_OTHER_TASK);
	assert_int_equal(fi_gives_up(900, 800, both), FI_KEY_OTHER_TASK | FI_KEY_OTHER_FILE);
	assert_int_equal(fi_gives_up(800, 800, FI_BY_FILE), 0);
	assert_int_equal(fi_gives_up(900, 800, FI_BY_FILE), FI_KEY_OTHER_FILE);
	assert_int_equal(fi_gives_up(900, 800, FI_BY_TYPE), 0);
	fi_give_up(&key, FI_KEY_OTHER_TASK);
	assert_int_equal(key.ino, 2);
	assert_int_equal(key.pid + key.tid, 0);
	fi_give_up(&key, FI_KEY_OTHER_TASK | FI_KEY_OTHER_FILE);
	assert_int_equal(key.ino, 0);
}

static void filters_on_the_outcome(void **state)
{
	struct fi_done d = { .flags = FI_F_TIMED, .lat_ns = 500, .used_type = FI_TYPE_BAD };
	struct fi_settings s = { 0 };

	assert_true(fi_wanted_done(&s, &d));
	s.min_lat_ns = 500;
	assert_true(fi_wanted_done(&s, &d));
	s.min_lat_ns = 501;
	assert_false(fi_wanted_done(&s, &d));
	s.min_lat_ns = 1;
	d.flags = 0;
	assert_false(fi_wanted_done(&s, &d));
	s = (struct fi_settings){ .errors = 1 };
	assert_false(fi_wanted_done(&s, &d));
	d.error = -5;
	assert_true(fi_wanted_done(&s, &d));
	s = (struct fi_settings){ .types = 1U << FUSE_IOMAP_TYPE_MAPPED };
	assert_false(fi_wanted_done(&s, &d));
	d.used_type = fi_type(FUSE_IOMAP_TYPE_MAPPED);
	assert_true(fi_wanted_done(&s, &d));
	s = (struct fi_settings){ .shorts = 1 };
	assert_false(fi_wanted_done(&s, &d));
	d.is_short = fi_is_short(FI_END, WRITE, 5, 6);
	assert_true(fi_wanted_done(&s, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_beyond_the_size_is_an_append),
		cmocka_unit_test(ioend_tells_its_own),
		cmocka_unit_test(an_end_is_what_its_begin_was),
		cmocka_unit_test(the_ring_keeps_the_newest),
		cmocka_unit_test(ioends_that_the_server_hears_of),
		cmocka_unit_test(a_full_table_gives_up_only_what_it_has),
		cmocka_unit_test(filters_on_the_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
