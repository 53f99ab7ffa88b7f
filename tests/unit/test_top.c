// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"

/* A made-up model: two mounts, three files, one second. */
static struct snapshot now, before;
static struct mount table[] = {
	{ .dev = 34, .target = "/srv/data", .fstype = "fuse" },
	{ .dev = 35, .target = "/srv/logs", .fstype = "fuse" },
};
static struct mounts mounts = { table, 2 };
static struct top_input in = {
	.now = &now, .before = &before, .mounts = &mounts, .kernel = "7.3.4",
	.start_ns = 1000000000, .interval_ns = 1000000000,
};
static struct frame frame;

static void put(struct cells *c, __u32 dev, __u64 ino, int kind, int op, __u64 n,
		__u64 lat_ns, const char *name)
{
	struct cell *cell = cells_add(c);

	cell->key = (struct fi_cell_key){ .dev = dev, .ino = ino, .kind = kind, .op = op };
	cell->v.begun = cell->v.timed = cell->v.done = n;
	strcpy(cell->v.name, name);
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&cell->v.lat, lat_ns);
}

static int setup(void **state)
{
	now = before = (struct snapshot){ 0 };
	before.time_ns = 1000000000;
	now.time_ns = 3000000000;
	put(&now.mounts, 34, 0, FI_BEGIN, FI_READ, 200, 50000, "");
	put(&now.mounts, 34, 0, FI_END, FI_READ, 100, 50000, "");
	put(&now.mounts, 35, 0, FI_BEGIN, FI_WRITE, 20, 2000000, "");
	now.mounts.cell[2].v.begun += 4;
	put(&now.files, 34, 7, FI_BEGIN, 0, 180, 50000, "big");
	put(&now.files, 34, 8, FI_BEGIN, 0, 20, 50000, "small");
	put(&now.files, 35, 7, FI_BEGIN, 0, 20, 2000000, "a\x1b[2Jb");
	cells_sort(&now.mounts);
	cells_sort(&now.files);
	return 0;
}

static int teardown(void **state)
{
	snapshot_free(&now);
	snapshot_free(&before);
	frame_free(&frame);
	return 0;
}

static struct top_view by_begins(void)
{
	return (struct top_view){ .sort = top_column_find("begins") };
}

/* Index of the first line that starts with s, or -1. */
static int find(const char *s)
{
	for (size_t i = 0; i < frame.n; i++)
		if (!strncmp(frame.line[i].text.s, s, strlen(s)))
			return i;
	return -1;
}

static bool has(int line, const char *s)
{
	return strstr(frame.line[line].text.s, s);
}

static void frame_shows_the_model(void **state)
{
	struct top_view v = by_begins();
	int data, logs;

	frame_make(&frame, &in, &v, 120, 30);
	assert_int_equal(frame.n, 30);
	assert_true(has(0, "Linux 7.3.4") && has(0, "0:00:02") && has(0, "every 1s"));
	data = find("/srv/data");
	logs = find("/srv/logs");
	assert_true(data > 0 && logs == data + 1);
	/* 200 in two seconds. */
	assert_true(has(data, " 100 ") && has(data, " 50us "));
	assert_true(has(logs, " 10 ") && has(logs, " 2ms "));
	/* In flight is the last column. */
	assert_string_equal(frame.line[logs].text.s + frame.line[logs].text.len - 3, "  4");
	assert_true(find("big") < find("small"));
	assert_int_equal(frame.line[29].look, LOOK_KEYS);
}

static void names_cannot_reach_the_terminal(void **state)
{
	struct top_view v = by_begins();
	struct text t = { 0 };

	frame_make(&frame, &in, &v, 120, 30);
	for (size_t i = 0; i < frame.n; i++)
		assert_null(strchr(frame.line[i].text.s, '\x1b'));
	assert_true(find("a?[2Jb") > 0);
	frame_batch(&t, &in, &v, 1);
	assert_null(strchr(t.s, '\x1b'));
	text_free(&t);
}

static void lines_fit_any_screen(void **state)
{
	for (int width = 1; width < 300; width += 7)
		for (int height = 1; height < 60; height += 3) {
			struct top_view v = by_begins();

			v.help = true;
			frame_make(&frame, &in, &v, width, height);
			assert_int_equal(frame.n, height);
			v.help = false;
			frame_make(&frame, &in, &v, width, height);
			assert_int_equal(frame.n, height);
			for (size_t i = 0; i < frame.n; i++)
				if (frame.line[i].look == LOOK_HEAD && width >= 12)
					assert_true((int)frame.line[i].text.len <= width);
		}
}

static void columns_that_belong_together_stay_together(void **state)
{
	for (int width = 20; width < 250; width++) {
		struct top_view v = by_begins();
		int head;

		frame_make(&frame, &in, &v, width, 30);
		head = find("MOUNT");
		assert_true(has(head, "KERN") == has(head, "WAKE"));
		assert_true(has(head, "MAPD") == has(head, "OTHR"));
	}
}

static void sorting(void **state)
{
	struct top_view v = { .sort = top_column_find("p99") };

	frame_make(&frame, &in, &v, 120, 30);
	assert_true(find("/srv/logs") < find("/srv/data"));
	v.reverse = true;
	frame_make(&frame, &in, &v, 120, 30);
	assert_true(find("/srv/logs") > find("/srv/data"));
	v = (struct top_view){ .sort = top_column_find("name") };
	frame_make(&frame, &in, &v, 120, 30);
	assert_true(find("a?[2Jb") < find("big") && find("big") < find("small"));
	/* What has no value comes last, whatever the order. */
	v = (struct top_view){ .sort = top_column_find("ENDP99"), .reverse = true };
	frame_make(&frame, &in, &v, 190, 30);
	assert_true(find("/srv/logs") > find("/srv/data"));
	v.reverse = false;
	frame_make(&frame, &in, &v, 190, 30);
	assert_true(find("/srv/logs") > find("/srv/data"));
	assert_int_equal(top_column_find("nonsense"), -1);
	assert_int_equal(top_column_find(""), -1);
	assert_int_equal(top_column_find("BEGIN"), top_column_find("begins"));
}

static void only_one_mount(void **state)
{
	struct top_view v = by_begins();

	v.dev = 35;
	frame_make(&frame, &in, &v, 120, 30);
	assert_int_equal(find("big"), -1);
	assert_true(find("a?[2Jb") > 0);
	assert_int_equal(frame.line[find("/srv/logs")].look, LOOK_CHOSEN);
}

static void operations(void **state)
{
	struct top_view v = by_begins();

	v.table = TOP_OPS;
	frame_make(&frame, &in, &v, 120, 30);
	assert_true(find("OPERATION") > 0 && find("FILE") < 0);
	assert_true(find("read ") > 0 && find("write ") > 0);
}

/* The chosen row is always on the screen, however far it is moved. */
static void scrolling(void **state)
{
	struct top_view v = by_begins();

	for (int i = 100; i < 200; i++)
		put(&now.files, 34, i, FI_BEGIN, 0, 1, 1000, "many");
	cells_sort(&now.files);
	for (int step = 0; step < 4; step++) {
		int chosen = 0;

		v.chosen += (const int[]){ 0, 30, 100000, -50 }[step];
		frame_make(&frame, &in, &v, 100, 24);
		for (int i = find("FILE") + 1; i < 23; i++)
			chosen += frame.line[i].look == LOOK_CHOSEN;
		assert_int_equal(chosen, 1);
	}
	assert_int_equal(v.chosen, 102 - 50);
	v.chosen = -5;
	frame_make(&frame, &in, &v, 100, 24);
	assert_int_equal(v.chosen, 0);
	assert_true(find("big") > 0);
}

static void nothing_yet(void **state)
{
	struct top_view v = by_begins();
	struct snapshot none = { .time_ns = 1000000000 };
	struct top_input empty = in;

	empty.now = empty.before = &none;
	frame_make(&frame, &empty, &v, 80, 24);
	assert_true(find("(no fuse-iomap operation seen yet)") > 0);
}

/* Batch prints counts, so that frames add up. */
static void batch_has_counts(void **state)
{
	struct top_view v = by_begins();
	struct text t = { 0 };
	char *line;

	frame_batch(&t, &in, &v, 3);
	assert_memory_equal(t.s, "--- 3: 2.000 s, from 0.000 s on\n", 31);
	line = strstr(t.s, "/srv/data");
	assert_non_null(line);
	assert_int_equal(strtol(line + 9, NULL, 10), 200);
	assert_null(strstr(t.s, "/s "));
	text_free(&t);
}

static void json_has_the_same_columns(void **state)
{
	struct top_view v = by_begins();
	struct json j = { 0 };
	char *out;
	size_t len;

	j.out = open_memstream(&out, &len);
	frame_json(&j, &in, &v, 1);
	fclose(j.out);
	assert_non_null(strstr(out, "{\"type\":\"mount\",\"interval\":1,\"name\":\"/srv/data\",\"connection\":34,\"begins\":200,\"ends\":100,"));
	assert_non_null(strstr(out, "\"name\":\"a\\u001b[2Jb\""));
	assert_non_null(strstr(out, "{\"type\":\"operation\",\"interval\":1,\"name\":\"write\","));
	free(out);
	text_free(&j.text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frame_shows_the_model),
		TEST(names_cannot_reach_the_terminal),
		TEST(lines_fit_any_screen),
		TEST(columns_that_belong_together_stay_together),
		TEST(sorting),
		TEST(only_one_mount),
		TEST(operations),
		TEST(scrolling),
		TEST(nothing_yet),
		TEST(batch_has_counts),
		TEST(json_has_the_same_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
