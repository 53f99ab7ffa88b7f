// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histview.h"

static struct snapshot now, before;
static struct mount table[] = { { .dev = 34, .target = "/srv", .fstype = "fuse" } };
static struct mounts mounts = { table, 1 };
static struct window window = { &now, &before, &mounts };
static struct text text;

static struct fi_cell *put(struct cells *c, int kind, int op, __u64 n, __u64 lat_ns)
{
	struct cell *cell = cells_add(c);

	cell->key = (struct fi_cell_key){ .dev = 34, .kind = kind, .op = op };
	cell->v.begun = cell->v.timed = cell->v.done = n;
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&cell->v.lat, lat_ns);
	return &cell->v;
}

static int setup(void **state)
{
	now = before = (struct snapshot){ 0 };
	now.hists = calloc(FI_HISTS, sizeof(*now.hists));
	now.time_ns = 2000000000;
	return 0;
}

static int teardown(void **state)
{
	snapshot_free(&now);
	snapshot_free(&before);
	text_free(&text);
	return 0;
}

static const char *as_text(void)
{
	text_clear(&text);
	cells_sort(&now.mounts);
	cells_sort(&before.mounts);
	histview_text(&text, &window);
	return text.s;
}

static char *as_json(void)
{
	struct json j = { 0 };
	char *out;
	size_t len;

	cells_sort(&now.mounts);
	j.out = open_memstream(&out, &len);
	histview_json(&j, &window);
	fclose(j.out);
	text_free(&j.text);
	return out;
}

static void assert_has(const char *s, const char *part)
{
	if (!strstr(s, part))
		fail_msg("no '%s' in:\n%s", part, s);
}

static void nothing_is_said_so(void **state)
{
	assert_string_equal(as_text(), "no fuse-iomap operations in 2.000 s\n");
}

static void only_what_happened_is_shown(void **state)
{
	put(&now.mounts, FI_BEGIN, FI_READ_DIRECT, 3, 100);
	assert_has(as_text(), "latency of begin, read-direct: 3\n");
	assert_has(text.s, "  min 100ns  p50 100ns  p90 100ns  p99 100ns  p99.9 100ns  max 100ns  mean 100ns\n");
	assert_has(text.s, "      96ns .. 104ns             3 |########################################|\n");
	assert_null(strstr(text.s, "end "));
	assert_null(strstr(text.s, "mappings"));
	assert_null(strstr(text.s, "written of count"));
}

/* The counts on the lines add up to the number, however bins are joined. */
static void lines_add_up(void **state)
{
	struct fi_cell *c = put(&now.mounts, FI_BEGIN, FI_WRITE, 0, 0);
	unsigned long long n, sum = 0;
	int lines = 0;
	char *s;

	c->done = c->begun = 1000;
	for (int i = 0; i < 1000; i++)
		fi_hist_add(&c->lat, (uint64_t)i * i * i * 1000);
	as_text();
	for (s = text.s; (s = strchr(s, '\n')); ) {
		s++;
		if (sscanf(s, " %*s .. %*s %llu |", &n) == 1) {
			sum += n;
			lines++;
		}
	}
	assert_int_equal(sum, 1000);
	assert_in_range(lines, 5, 21);
}

static void gaps_are_cut(void **state)
{
	struct fi_cell *c = put(&now.mounts, FI_BEGIN, FI_WRITE, 2, 16);

	fi_hist_add(&c->lat, 63);
	assert_has(as_text(), "      16ns .. 18ns              2 |");
	assert_has(text.s, "|\n       ...\n      60ns .. 64ns              1 |");
}

static void window_is_a_difference(void **state)
{
	put(&before.mounts, FI_END, FI_WRITE, 4, 1000)->bytes = 100;
	put(&now.mounts, FI_END, FI_WRITE, 10, 1000)->bytes = 350;
	before.shares[FI_WRITE].n[11] = 3;
	now.shares[FI_WRITE].n[11] = 8;
	now.shares[FI_WRITE].n[0] = 1;
	assert_has(as_text(), "latency of end, write: 6\n");
	assert_has(text.s, "written of count, write: 6 ends, 1 short\n");
	assert_has(text.s, "      250 ");
}

static void phases_and_lengths(void **state)
{
	put(&now.mounts, FI_BEGIN, FI_READ, 1, 100);
	for (int i = 0; i < FI_PHASES; i++)
		fi_hist_add(&now.hists[FI_H_PHASE(FI_BEGIN, FI_READ, i)], 10 * (i + 1));
	fi_hist_add(&now.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_HOLE)], 8192);
	as_text();
	assert_has(text.s, "  kernel    10.0%     10ns ");
	assert_has(text.s, "  wakeup    40.0%     40ns ");
	assert_has(text.s, "length of mappings, hole: 1\n");
	assert_has(text.s, "  min 8K  p50 8K ");
}

static void json_has_everything(void **state)
{
	struct fi_cell *c = put(&now.mounts, FI_BEGIN, FI_WRITE, 2, 100);
	char *out;

	c->used_type[FUSE_IOMAP_TYPE_UNWRITTEN] = 2;
	c->write_type[FI_TYPES - 1] = 1;
	c = put(&now.mounts, FI_END, FI_WRITE, 0, 0);
	c->done = 2;
	c->shorts = 1;
	c->missing = 96;
	fi_hist_add(&now.hists[FI_H_MISSING(FI_WRITE)], 96);
	fi_hist_add(&now.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_UNWRITTEN)], 4096);
	now.shares[FI_WRITE].n[0] = 1;
	now.shares[FI_WRITE].n[10] = 2;
	now.shares[FI_WRITE].n[11] = 3;
	out = as_json();
	assert_has(out, "{\"type\":\"counts\",\"connection\":34,\"mount\":\"/srv\",\"kind\":\"begin\",\"op\":\"write\",\"begun\":2,\"done\":2,");
	assert_has(out, "\"write_types\":{\"overwrite\":1},\"used_types\":{\"unwritten\":2}}\n");
	assert_has(out, "\"short\":1,\"missing\":96}\n");
	assert_has(out, "{\"type\":\"hist\",\"what\":\"latency\",\"connection\":34,\"kind\":\"begin\",\"op\":\"write\",\"unit\":\"ns\",\"n\":2,\"sum\":200,\"min\":100,\"max\":100,\"p50\":100,\"p90\":100,\"p99\":100,\"p99.9\":100,\"buckets\":[{\"lo\":96,\"hi\":104,\"n\":2}]}\n");
	assert_has(out, "\"what\":\"missing\",\"op\":\"write\",\"unit\":\"bytes\",\"n\":1,\"sum\":96,");
	assert_has(out, "\"what\":\"mapping_length\",\"map_type\":\"unwritten\",\"unit\":\"bytes\",\"n\":1,\"sum\":4096,");
	assert_has(out, "{\"type\":\"shares\",\"op\":\"write\",\"n\":6,\"buckets\":[{\"percent_lo\":0,\"percent_hi\":0,\"n\":1},{\"percent_lo\":90,\"percent_hi\":100,\"n\":2},{\"percent_lo\":100,\"percent_hi\":100,\"n\":3}]}\n");
	free(out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_said_so),
		TEST(only_what_happened_is_shown),
		TEST(lines_add_up),
		TEST(gaps_are_cut),
		TEST(window_is_a_difference),
		TEST(phases_and_lengths),
		TEST(json_has_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
