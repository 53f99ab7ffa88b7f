// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "names.h"
#include "trace.h"

static struct fi_record rec;
static struct trace_row row = { .r = &rec, .clock = { .start_ns = 1000000000 } };
static struct catalog *catalog;
static struct columns shown, all;
static struct text text;
static struct json json;

/* A finished direct write's begin, as the BPF programs would hand it over. */
static int setup(void **state)
{
	catalog = catalog_new();
	row.catalog = catalog;
	catalog_add_mount(catalog, &(struct mount){ .dev = 34, .target = "/srv", .source = "vda",
						    .fstype = "fuse", .server_comm = "" });
	catalog_add_file(catalog, &(struct file){ .dev = 34, .ino = 7, .nodeid = 9,
						  .whole = true, .path = "dir/file" });
	columns_choose(&shown, trace_columns, nr_trace_columns, NULL, false);
	columns_choose(&all, trace_columns, nr_trace_columns, NULL, true);
	rec = (struct fi_record){
		.time_ns = 1500000000, .lat_ns = 100000,
		.phase_ns = { 10000, 20000, 30000, 40000 },
		.ino = 7, .nodeid = 9, .pos = 0x1000, .count = 8192, .dev = 34, .pid = 100,
		.tid = 101, .kind = FI_BEGIN, .op = FI_WRITE_DIRECT,
		.opflags = FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT,
		.flags = FI_F_SENT | FI_F_TIMED | FI_F_SPLIT,
		.comm = "fio", .isize = 5, .unique = 70, .server_tid = 55,
		.read = { .length = 1 << 20, .addr = FUSE_IOMAP_NULL_ADDR },
		.write = { .offset = 4096, .length = 65536, .addr = 8192, .dev = 1,
			   .type = FUSE_IOMAP_TYPE_UNWRITTEN, .flags = FUSE_IOMAP_F_NEW },
	};
	return 0;
}

static int teardown(void **state)
{
	text_free(&text);
	text_free(&json.text);
	columns_free(&shown);
	columns_free(&all);
	catalog_free(catalog);
	return 0;
}

static const char *line(void)
{
	text_clear(&text);
	columns_text(&text, shown.c, shown.n, &row, 0);
	return text.s;
}

static const char *as_json(void)
{
	trace_json(&json, &all, &row);
	return json.text.s;
}

static void assert_has(const char *s, const char *part)
{
	if (!strstr(s, part))
		fail_msg("no '%s' in: %s", part, s);
}

static void assert_not(const char *s, const char *part)
{
	if (strstr(s, part))
		fail_msg("'%s' in: %s", part, s);
}

static void begin_as_text(void **state)
{
	line();
	assert_memory_equal(text.s, "0.500000     begin   write-direct  fio ", 39);
	assert_has(text.s, "    101 dir/file ");
	assert_has(text.s, " 0x1000     8K       -  yes   100us   10us   20us   30us   40us ");
	assert_has(text.s, " write|direct               hole+1M>unwritten+64K(new)\n");
	assert_int_equal(text.s[text.len - 1], '\n');
	assert_int_not_equal(text.s[text.len - 2], ' ');
}

static void begin_as_json(void **state)
{
	as_json();
	assert_has(json.text.s, "\"connection\":34,\"mount\":\"/srv\",\"comm\":\"fio\",\"pid\":100,\"tid\":101,");
	assert_has(json.text.s, "\"file\":\"dir/file\",\"path\":\"/srv/dir/file\",\"ino\":7,\"nodeid\":9,\"isize\":5,\"pos\":4096,\"count\":8192,\"sent\":true,\"lat_ns\":100000,\"kernel_ns\":10000,\"queue_ns\":20000,\"server_ns\":30000,\"wakeup_ns\":40000,\"error\":0,");
	assert_has(json.text.s, "\"flags\":\"write|direct\",\"map\":\"hole+1M>unwritten+64K(new)\",\"opflags\":17,\"unique\":70,\"server_tid\":55,\"signal\":false,\"unsure\":false,");
	assert_has(json.text.s, "\"read_type\":\"hole\",\"read_offset\":0,\"read_length\":1048576,\"read_flags\":0,\"read_flag_names\":\"\"");
	assert_has(json.text.s, "\"write_type\":\"unwritten\",\"write_offset\":4096,\"write_length\":65536,\"write_addr\":8192,\"write_flags\":1,\"write_flag_names\":\"new\",\"write_dev\":1");
	/* A hole has no address, and a begin nothing written. */
	assert_not(json.text.s, "read_addr");
	assert_not(json.text.s, "written\":");
	assert_not(json.text.s, "newsize");
}

static void failed_begin_has_no_mapping(void **state)
{
	rec.error = -ENOSPC;
	rec.read = rec.write = (struct fuse_iomap_io){ 0 };
	assert_has(line(), " ENOSPC ");
	assert_not(text.s, "hole");
	assert_has(as_json(), "\"error\":-28,\"errname\":\"ENOSPC\",");
	assert_not(json.text.s, "_type");
	/* A number that is no errno is shown as it is. */
	rec.error = -5000;
	assert_has(line(), " -5000 ");
	rec.error = INT_MIN;
	assert_has(as_json(), "\"error\":-2147483648,\"errname\":\"-2147483648\"");
}

static void end_has_one_mapping(void **state)
{
	rec.kind = FI_END;
	rec.written = -EFAULT;
	rec.flags = 0;
	rec.read = rec.write;
	line();
	assert_has(text.s, " end     write-direct ");
	assert_has(text.s, "     -14   no       -      -      -      -      - ");
	assert_has(text.s, " unwritten+64K(new)\n");
	rec.read.flags = FUSE_IOMAP_F_SIZE_CHANGED;
	assert_has(line(), " unwritten+64K(size-changed)\n");
	as_json();
	assert_has(json.text.s, "\"written\":-14,\"sent\":false,\"error\":0");
	assert_not(json.text.s, "lat_ns");
	assert_not(json.text.s, "write_type");
	/* In the kernel a mapping has no backing id. */
	assert_not(json.text.s, "read_dev");
}

static void ioend_has_its_own_fields(void **state)
{
	rec.kind = FI_IOEND;
	rec.opflags = FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_DIRECT;
	rec.written = 8192;
	rec.io_error = -EIO;
	rec.newsize = 12288;
	rec.new_addr = 4096;
	rec.io_dev = 1;
	assert_has(line(), " unwritten|direct           -\n");
	as_json();
	assert_has(json.text.s, "\"io_error\":-5,\"new_addr\":4096,\"newsize\":12288,\"io_dev\":1");
	assert_not(json.text.s, "read_type");
}

/* As many bytes as the field has, and no end of their own. */
static void hostile_names(void **state)
{
	memset(rec.comm, '"', sizeof(rec.comm));
	rec.dev = 35;
	catalog_add_file(catalog, &(struct file){ .dev = 35, .ino = 7, .path = "\x1b[2J" });
	line();
	assert_null(strchr(text.s, '\x1b'));
	as_json();
	assert_has(json.text.s, "\"comm\":\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\",");
	assert_has(json.text.s, "\\u001b[2J\"");
	assert_has(json.text.s, "\"mount\":\"dev 0:35\"");
}

static void refused_has_a_rule_and_no_mapping(void **state)
{
	rec.kind = FI_REFUSED;
	memset(rec.rule, 0, sizeof(rec.rule));
	memcpy(rec.rule, "map->length == 0", 16);
	rec.line = 321;
	line();
	assert_has(text.s, " refused write-direct ");
	assert_has(text.s, " map->length == 0\n");
	as_json();
	assert_has(json.text.s, "\"rule\":\"map->length == 0\",\"line\":321");
	assert_not(json.text.s, "_type");
	assert_not(json.text.s, "\"sent\"");
	assert_not(json.text.s, "\"error\"");
	/* As long as its field, without an end of its own. */
	memset(rec.rule, 'x', sizeof(rec.rule));
	text_clear(&json.text);
	as_json();
	assert_has(json.text.s, "x\",\"line\"");
	assert_int_equal(strstr(json.text.s, "\",\"line\"") - strstr(json.text.s, "\"rule\":"),
			 8 + FI_RULE_LEN);
}

static void stacks_are_arrays(void **state)
{
	rec.kernel_stack = 3;
	rec.user_stack = 4;
	catalog_add_stack(catalog, &(struct stack){ .id = 3, .frames = "a+0x1 [m]\nb+0x2\n" });
	as_json();
	assert_has(json.text.s, ",\"kernel_stack\":[\"a+0x1 [m]\",\"b+0x2\"]");
	/* Known by number only: nothing to show. */
	assert_not(json.text.s, "user_stack");
}

static void clocks(void **state)
{
	struct clock_view c = { .start_ns = 5000000000, .start_wall_ns = 1700000000123456789 };
	char buf[32];

	setenv("TZ", "UTC", 1);
	assert_string_equal(clock_text(buf, sizeof(buf), &c, 6000001999), "1.000001");
	/* What began before we looked did not end before. */
	assert_string_equal(clock_text(buf, sizeof(buf), &c, 4000000000), "0.000000");
	c.how = TIME_MONOTONIC;
	assert_string_equal(clock_text(buf, sizeof(buf), &c, 6000001999), "6.000001");
	c.how = TIME_WALL;
	assert_string_equal(clock_text(buf, sizeof(buf), &c, 6000000000), "22:13:21.123456");
	c.start_wall_ns = 0;
	assert_string_equal(clock_text(buf, sizeof(buf), &c, 6000000000), "1.000000");
}

static void columns_are_chosen(void **state)
{
	struct columns c;

	assert_int_equal(columns_choose(&c, trace_columns, nr_trace_columns, "ino,OP,isize", false),
			 0);
	text_clear(&text);
	columns_text_head(&text, c.c, c.n);
	columns_text(&text, c.c, c.n, &row, 0);
	assert_string_equal(text.s, "     ino OP               isize\n"
				    "       7 write-direct         5\n");
	columns_free(&c);
	/* The last one may be chosen twice: it is shown once. */
	assert_int_equal(columns_choose(&c, trace_columns, nr_trace_columns, "+ino,-time,+ino",
					false), 0);
	assert_int_equal(c.n, shown.n);
	assert_string_equal(c.c[0].name, "kind");
	assert_string_equal(c.c[c.n - 1].name, "ino");
	columns_free(&c);
}

/* A name may be cut, a number not: half of it is another number. */
static void numbers_are_never_cut(void **state)
{
	rec.kind = FI_END;
	rec.written = INT64_MAX;
	rec.pos = UINT64_MAX;
	catalog_add_file(catalog, &(struct file){ .dev = 34, .ino = 7, .whole = true,
						  .path = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnn" });
	line();
	assert_has(text.s, " 9223372036854775807 ");
	assert_has(text.s, " 0xffffffffffffffff ");
	assert_has(text.s, " nnnnnnnnnnnnnnnnnnnn ");
}

static void unknown_numbers_are_shown(void **state)
{
	char buf[64];

	rec.read.type = 77;
	assert_has(line(), "type77+1M>");
	assert_string_equal(flags_text(buf, sizeof(buf), opflag_names, 0), "");
	assert_string_equal(flags_text(buf, sizeof(buf), opflag_names, 1U << 29), "0x20000000");
	assert_string_equal(flags_text(buf, sizeof(buf), opflag_names, 1 | 1U << 29 | 1U << 31),
			    "write|writeback|0x20000000");
	/* Too long is cut, not overrun. */
	flags_text(buf, 10, opflag_names, ~0U);
	assert_true(strlen(buf) < 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(begin_as_text),
		TEST(begin_as_json),
		TEST(failed_begin_has_no_mapping),
		TEST(end_has_one_mapping),
		TEST(ioend_has_its_own_fields),
		TEST(hostile_names),
		TEST(refused_has_a_rule_and_no_mapping),
		TEST(stacks_are_arrays),
		TEST(clocks),
		TEST(columns_are_chosen),
		TEST(numbers_are_never_cut),
		TEST(unknown_numbers_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
