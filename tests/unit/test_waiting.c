// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/fuse.h>

#include "waiting.h"

/* ---- requests -------------------------------------------------------------- */

static struct waiting begin_of(__u32 opflags, __u64 pos, __u64 count)
{
	return (struct waiting){
		.r = {
			.opcode = FUSE_IOMAP_BEGIN, .in_len = sizeof(struct fuse_iomap_begin_in),
			.in.begin = { .opflags = opflags, .attr_ino = 17, .pos = pos, .count = count },
		},
	};
}

static void begins_tell_what_for(void **state)
{
	struct waiting w = begin_of(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT, 0x3000, 4096);

	waiting_decode(&w, 0x4000);
	assert_int_equal(w.kind, FI_BEGIN);
	assert_true(w.op_known && w.ranged);
	assert_int_equal(w.op, FI_WRITE_DIRECT);
	assert_int_equal(w.pos, 0x3000);
	assert_int_equal(w.count, 4096);
	assert_int_equal(w.ino, 17);
	/* One byte beyond the end of the file makes it an append. */
	waiting_decode(&w, 0x3fff);
	assert_int_equal(w.op, FI_APPEND_DIRECT);
	/* Where the size is not known it stays a write. */
	waiting_decode(&w, ~0ULL);
	assert_int_equal(w.op, FI_WRITE_DIRECT);
}

static void ends_that_changed_the_size_were_appends(void **state)
{
	struct waiting w = {
		.r = {
			.opcode = FUSE_IOMAP_END, .in_len = sizeof(struct fuse_iomap_end_in),
			.in.end = { .opflags = FUSE_IOMAP_OP_WRITE, .pos = 0, .count = 100,
				    .map.flags = FUSE_IOMAP_F_SIZE_CHANGED },
		},
	};

	waiting_decode(&w, 100);
	assert_int_equal(w.kind, FI_END);
	assert_int_equal(w.op, FI_APPEND);
	w.r.in.end.map.flags = 0;
	waiting_decode(&w, 100);
	assert_int_equal(w.op, FI_WRITE);
}

static void ioends_have_the_range_written(void **state)
{
	struct waiting w = {
		.r = {
			.opcode = FUSE_IOMAP_IOEND, .in_len = sizeof(struct fuse_iomap_ioend_in),
			.in.ioend = { .flags = FUSE_IOMAP_IOEND_UNWRITTEN, .pos = 8192,
				      .written = 512 },
		},
	};

	waiting_decode(&w, ~0ULL);
	assert_int_equal(w.kind, FI_IOEND);
	assert_int_equal(w.op, FI_WRITEBACK);
	assert_int_equal(w.pos, 8192);
	assert_int_equal(w.count, 512);
}

static void a_cut_argument_is_not_believed(void **state)
{
	struct waiting w = begin_of(FUSE_IOMAP_OP_WRITE, 1, 1);

	w.r.in_len--;
	waiting_decode(&w, ~0ULL);
	assert_int_equal(w.kind, FI_BEGIN);
	assert_false(w.op_known);
	assert_false(w.ranged);
}

static void other_requests_are_others(void **state)
{
	struct waiting w = { .r = { .opcode = FUSE_READ, .in_len = 40,
				    .in.rw = { .offset = 5, .size = 6 } } };
	char buf[32];

	waiting_decode(&w, ~0ULL);
	assert_int_equal(w.kind, WAITING_OTHER);
	assert_false(w.op_known);
	assert_true(w.ranged);
	assert_int_equal(w.pos, 5);
	assert_int_equal(w.count, 6);
	assert_string_equal(opcode_text(buf, sizeof(buf), FUSE_READ), "read");
	assert_string_equal(opcode_text(buf, sizeof(buf), 7), "opcode 7");
	assert_string_equal(opcode_text(buf, sizeof(buf), 4711), "opcode 4711");
}

/* ---- stacks ---------------------------------------------------------------- */

static void stacks_tell_the_upcall(void **state)
{
	static const struct {
		const char *stack;
		int kind, op;
	} cases[] = {
		/* A direct write, as the kernel shows it. */
		{ "request_wait_answer+0x1eb/0x250\nfuse_chan_send+0x107/0x220\n"
		  "fuse_iomap_send_begin+0xfb/0x240\nfuse_iomap_ops_begin+0x78/0x180\n"
		  "iomap_iter+0x39/0x290\n__iomap_dio_rw+0x1c4/0x820\niomap_dio_rw+0xe/0x30\n"
		  "fuse_iomap_write_iter+0x115/0x170\nvfs_write+0x269/0x450\n",
		  FI_BEGIN, FI_WRITE_DIRECT },
		/* Its sleep inlined, its caller unknown. */
		{ "fuse_chan_send+0x107/0x220\nfuse_iomap_ioend.constprop.0+0x1/0x2\n"
		  "kworker+0x1/0x2\n", FI_IOEND, -1 },
		/* A page is read while a write copies: the read is what waits. */
		{ "request_wait_answer+0x1/0x2\nfuse_iomap_begin+0x1/0x2\niomap_read_folio+0x1/0x2\n"
		  "filemap_fault+0x1/0x2\nasm_exc_page_fault+0x1/0x2\n"
		  "iomap_file_buffered_write+0x1/0x2\n", FI_BEGIN, FI_READ },
		/* Zeroing writes back what is dirty first. */
		{ "request_wait_answer+0x1/0x2\nfuse_iomap_send_end+0x1/0x2\niomap_writepages+0x1/0x2\n"
		  "iomap_zero_range+0x1/0x2\n", FI_END, FI_WRITEBACK },
		{ "request_wait_answer+0x1/0x2\nfuse_lookup_name+0x1/0x2\n", WAITING_OTHER, -1 },
		/* In the same functions, but it does not wait for an answer. */
		{ "io_schedule+0x1/0x2\niomap_dio_rw+0x1/0x2\nfuse_iomap_write_iter+0x1/0x2\n", -1, -1 },
		{ "fuse_dev_do_read+0x93c/0x990\n", -1, -1 },
		{ "", -1, -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int op;

		assert_int_equal(waiting_kind_of_stack(cases[i].stack, &op), cases[i].kind);
		assert_int_equal(op, cases[i].op);
	}
}

/* ---- recordings ------------------------------------------------------------ */

static void open_operations_of_a_recording_are_listed(void **state)
{
	struct catalog *c = catalog_new();
	struct mount m = { .dev = 33, .target = "/mnt", .source = "x", .fstype = "fuse",
			   .server_comm = "" };
	struct file f = { .dev = 33, .ino = 5, .whole = true, .path = "a/b" };
	struct snapshot snap = { .time_ns = 1000 };
	struct fi_open young = { .start_ns = 900, .send_ns = 0, .dev = 33, .ino = 6, .tid = 1,
				 .kind = FI_IOEND, .op = FI_WRITEBACK };
	struct fi_open old = { .start_ns = 400, .send_ns = 500, .dev = 33, .ino = 5, .tid = 2,
			       .pos = 7, .count = 8, .kind = FI_BEGIN, .op = FI_READ };
	struct waitings l = { 0 };

	catalog_add_mount(c, &m);
	catalog_add_file(c, &f);
	snapshot_add_open(&snap, &young);
	snapshot_add_open(&snap, &old);
	waitings_of_snapshot(&l, &snap, c);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.w[0].r.tid, 2);
	assert_int_equal(l.w[0].age_ns, 600);
	assert_int_equal(l.w[0].r.waits, FI_WAITS_UNKNOWN);
	assert_string_equal(l.w[0].path, "/mnt/a/b");
	assert_true(l.w[0].ranged);
	assert_int_equal(l.w[1].age_ns, 100);
	assert_int_equal(l.w[1].r.waits, FI_WAITS_KERNEL);
	assert_false(l.w[1].ranged);
	assert_int_equal(l.nr_conns, 1);
	waitings_free(&l);
	snapshot_free(&snap);
	catalog_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_tell_what_for),
		cmocka_unit_test(ends_that_changed_the_size_were_appends),
		cmocka_unit_test(ioends_have_the_range_written),
		cmocka_unit_test(a_cut_argument_is_not_believed),
		cmocka_unit_test(other_requests_are_others),
		cmocka_unit_test(stacks_tell_the_upcall),
		cmocka_unit_test(open_operations_of_a_recording_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
