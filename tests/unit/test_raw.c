// SPDX-License-Identifier: GPL-2.0-only
/* Records of trace buffers, by the formats that the kernel gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <event-parse.h>

#include "raw.h"

#define COMMON								\
	"	field:unsigned short common_type;	offset:0;	size:2;	signed:0;\n" \
	"	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;\n" \
	"	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;\n" \
	"	field:int common_pid;	offset:4;	size:4;	signed:1;\n\n"

static const char end_done[] =
	"name: fuse_iomap_end_done\nID: 700\nformat:\n" COMMON
	"	field:dev_t connection;	offset:8;	size:4;	signed:0;\n"
	"	field:uint64_t ino;	offset:16;	size:8;	signed:0;\n"
	"	field:loff_t offset;	offset:24;	size:8;	signed:1;\n"
	"	field:ssize_t written;	offset:32;	size:8;	signed:1;\n"
	"	field:int error;	offset:40;	size:4;	signed:1;\n"
	"	field:uint16_t maptype;	offset:44;	size:2;	signed:0;\n"
	"	field:bool sent;	offset:46;	size:1;	signed:0;\n"
	"	field:u32 of_the_future;	offset:48;	size:4;	signed:0;\n\n"
	"print fmt: \"ino %llu\", REC->ino\n";

static const char ioend[] =
	"name: fuse_iomap_ioend\nID: 701\nformat:\n" COMMON
	"	field:unsigned int ioendflags;	offset:8;	size:4;	signed:0;\n"
	"	field:int error;	offset:12;	size:4;	signed:1;\n\n"
	"print fmt: \"error %d\", REC->error\n";

static const char bad_data[] =
	"name: fuse_iomap_bad_data\nID: 702\nformat:\n" COMMON
	"	field:__data_loc char[] func;	offset:8;	size:4;	signed:0;\n"
	"	field:int line;	offset:12;	size:4;	signed:1;\n"
	"	field:__data_loc char[] condition;	offset:16;	size:4;	signed:0;\n\n"
	"print fmt: \"line %d\", REC->line\n";

static const char newtask[] =
	"name: task_newtask\nID: 703\nformat:\n" COMMON
	"	field:pid_t pid;	offset:8;	size:4;	signed:1;\n"
	"	field:char comm[16];	offset:12;	size:16;	signed:0;\n"
	"	field:unsigned long clone_flags;	offset:32;	size:8;	signed:0;\n\n"
	"print fmt: \"pid=%d\", REC->pid\n";

static const char kernel_stack[] =
	"name: kernel_stack\nID: 4\nformat:\n" COMMON
	"	field:int size;	offset:8;	size:4;	signed:1;\n"
	"	field:unsigned long caller[];	offset:16;	size:0;	signed:0;\n\n"
	"print fmt: \"%d\", REC->size\n";

static struct tep_handle *tep;
static struct raw_decoder *decoder;
static char record[256];
static struct raw_event got;

static void parse(const char *format, const char *system)
{
	assert_int_equal(tep_parse_event(tep, format, strlen(format), system), 0);
}

static int setup(void **state)
{
	tep = tep_alloc();
	tep_set_long_size(tep, 8);
	tep_set_file_bigendian(tep, TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(tep, TEP_LITTLE_ENDIAN);
	parse(end_done, "fuse");
	parse(ioend, "fuse");
	parse(bad_data, "fuse");
	parse(newtask, "task");
	parse(kernel_stack, "ftrace");
	decoder = raw_decoder_new(tep);
	return 0;
}

static int teardown(void **state)
{
	raw_decoder_free(decoder);
	tep_free(tep);
	return 0;
}

#define PUT(at, type, v) (*(type *)(record + (at)) = (v))

static void start(int id)
{
	memset(record, 0, sizeof(record));
	PUT(0, uint16_t, id);
	PUT(4, int, 77);
}

static bool decode(size_t size)
{
	return raw_decode(decoder, record, size, 123456, &got);
}

static void fields_are_found_by_name(void **state)
{
	start(700);
	PUT(8, uint32_t, 40);
	PUT(16, uint64_t, 1ULL << 60);
	PUT(24, int64_t, 4096);
	PUT(32, int64_t, -14);
	PUT(40, int, -5);
	PUT(44, uint16_t, 255);
	PUT(46, uint8_t, 1);
	PUT(48, uint32_t, ~0U);
	assert_true(decode(52));
	assert_int_equal(got.what, RAW_END_DONE);
	assert_int_equal(got.time_ns, 123456);
	assert_int_equal(got.tid, 77);
	assert_int_equal(got.dev, 40);
	assert_true(got.ino == 1ULL << 60);
	assert_int_equal(got.pos, 4096);
	assert_int_equal(got.written, -14);
	assert_int_equal(got.error, -5);
	assert_int_equal(got.read.type, 255);
	assert_int_equal(got.sent, 1);
	/* What this kernel's event does not have. */
	assert_int_equal(got.count, 0);
}

/* At the start of an IOEND the error is that of the I/O. */
static void one_name_two_meanings(void **state)
{
	start(701);
	PUT(8, uint32_t, 2);
	PUT(12, int, -5);
	assert_true(decode(16));
	assert_int_equal(got.opflags, 2);
	assert_int_equal(got.io_error, -5);
	assert_int_equal(got.error, 0);
}

static void strings(void **state)
{
	static const char rule[] = "map->length == 0";

	start(702);
	PUT(8, uint32_t, 20 | 5 << 16);
	PUT(12, int, 42);
	PUT(16, uint32_t, 25 | sizeof(rule) << 16);
	strcpy(record + 20, "func");
	memcpy(record + 25, rule, sizeof(rule));
	assert_true(decode(25 + sizeof(rule)));
	assert_int_equal(got.line, 42);
	assert_string_equal(got.text, rule);
	/* A record that is cut, or that lies about itself. */
	assert_true(decode(25 + 3));
	assert_string_equal(got.text, "map");
	PUT(16, uint32_t, 60000 | 500U << 16);
	assert_true(decode(60));
	assert_string_equal(got.text, "");
	PUT(16, uint32_t, 25 | 60000U << 16);
	memset(record + 25, 'x', sizeof(record) - 25);
	assert_true(decode(sizeof(record)));
	assert_int_equal(strlen(got.text), sizeof(got.text) - 1);
}

static void new_tasks(void **state)
{
	start(703);
	PUT(8, int, 99);
	memcpy(record + 12, "exactly16letters", 16);
	PUT(32, uint64_t, 0x10000);
	assert_true(decode(40));
	assert_int_equal(got.what, RAW_TASK_NEW);
	assert_int_equal(got.tid, 77);
	assert_int_equal(got.other_tid, 99);
	assert_memory_equal(got.text, "exactly16letters", 17);
	assert_int_equal(got.clone_flags, 0x10000);
}

static void stacks(void **state)
{
	__u64 ip[4];

	start(4);
	PUT(8, int, 3);
	for (int i = 0; i < 3; i++)
		PUT(16 + 8 * i, uint64_t, 0xffffffff81000000ULL + i);
	assert_true(decode(48));
	assert_int_equal(got.what, RAW_STACK);
	/* The fourth place is filler. */
	assert_int_equal(raw_stack(decoder, record, 48, ip, 4), 3);
	assert_true(ip[2] == 0xffffffff81000002ULL);
	assert_int_equal(raw_stack(decoder, record, 48, ip, 2), 2);
	assert_int_equal(raw_stack(decoder, record, 12, ip, 4), 0);
}

static void what_is_not_ours(void **state)
{
	start(999);
	assert_false(decode(52));
	assert_false(decode(3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_by_name),
		cmocka_unit_test(one_name_two_meanings),
		cmocka_unit_test(strings),
		cmocka_unit_test(new_tasks),
		cmocka_unit_test(stacks),
		cmocka_unit_test(what_is_not_ours),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
