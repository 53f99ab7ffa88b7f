// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "histview.h"

static struct snapshot now, before, phase_now[FI_PHASES], phase_before[FI_PHASES];
static struct histview view;
static struct window window;
static struct catalog *catalog;
static struct opts opts;
static struct text text;

static struct fi_cell *put(struct snapshot *s, int kind, int op, __u64 n, __u64 lat_ns)
{
	struct fi_cell_key key = { .dev = 34, .kind = kind, .op = op, .type = FI_TYPE_BAD };
	struct cell *cell = cells_add(&s->cells, &key);

	cell->v.done = n;
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&cell->v.lat, lat_ns);
	return &cell->v;
}

/* The same, of a file and a task. */
static void put_of(struct snapshot *s, __u64 ino, __u32 pid, __u32 tid, __u8 type,
		   __u64 n, __u64 lat_ns)
{
	struct fi_cell_key *key;

	put(s, FI_BEGIN, FI_READ, n, lat_ns);
	key = &s->cells.cell[s->cells.n - 1]->key;
	key->ino = ino;
	key->pid = pid;
	key->tid = tid;
	key->type = type;
}

static int setup(void **state)
{
	struct mount m = { .dev = 34, .target = "/srv", .source = "", .fstype = "fuse",
			   .server_comm = "" };
	struct file f = { .dev = 34, .ino = 7, .whole = true, .path = "dir/gr\xc3\xbc\xc3\x9f" };
	struct task t = { .tid = 12, .pid = 11, .comm = "worker", .process = "fio" };

	now = before = (struct snapshot){ 0 };
	memset(phase_now, 0, sizeof(phase_now));
	memset(phase_before, 0, sizeof(phase_before));
	now.hists = calloc(FI_HISTS, sizeof(*now.hists));
	now.time_ns = 2000000000;
	catalog = catalog_new();
	catalog_add_mount(catalog, &m);
	catalog_add_file(catalog, &f);
	catalog_add_task(catalog, &t);
	opts_init(&opts);
	window = (struct window){ .nr = 1, .now = &now, .before = &before };
	text_setup();
	return 0;
}

static int teardown(void **state)
{
	snapshot_free(&now);
	snapshot_free(&before);
	for (int i = 0; i < FI_PHASES; i++) {
		snapshot_free(&phase_now[i]);
		snapshot_free(&phase_before[i]);
	}
	catalog_free(catalog);
	text_free(&text);
	fmt_set_unit(0);
	style_set(false);
	return 0;
}

static void prepare(void)
{
	histview_init(&view, &opts, catalog);
	cells_sort(&now.cells);
	cells_sort(&before.cells);
}

static const char *as_text(void)
{
	prepare();
	text_clear(&text);
	histview_text(&text, &view, &window);
	return text.s;
}

static const char *as_csv(void)
{
	prepare();
	text_clear(&text);
	histview_csv_head(&text, &view);
	histview_csv(&text, &view, &window);
	return text.s;
}

static char *as_json(void)
{
	struct json j = { 0 };
	char *out;
	size_t len;

	prepare();
	j.out = open_memstream(&out, &len);
	histview_json(&j, &view, &window);
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
	put(&now, FI_BEGIN, FI_READ_DIRECT, 3, 100);
	assert_has(as_text(), "latency of begin, read-direct: 3\n");
	assert_has(text.s, "  min 100ns  p50 100ns  p90 100ns  p99 100ns  p99.9 100ns  max 100ns  mean 100ns\n");
	assert_has(text.s, "      96ns .. 104ns             3 |########################################|\n");
	assert_null(strstr(text.s, "end "));
	assert_null(strstr(text.s, "mappings"));
	assert_null(strstr(text.s, "written of count"));
	assert_null(strstr(text.s, "OF THIS"));
	assert_null(strstr(text.s, "\033"));
}

/* The counts on the lines add up to the number, however bins are joined. */
static void lines_add_up(void **state)
{
	struct fi_cell *c = put(&now, FI_BEGIN, FI_WRITE, 0, 0);
	unsigned long long n, sum = 0;
	int lines = 0;
	char *s;

	c->done = 1000;
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
	assert_in_range(lines, 4, 13);
}

static void gaps_are_cut(void **state)
{
	struct fi_cell *c = put(&now, FI_BEGIN, FI_WRITE, 2, 16);

	fi_hist_add(&c->lat, 31);
	assert_has(as_text(), "      16ns .. 18ns              2 |");
	assert_has(text.s, "|\n       ...\n      30ns .. 32ns              1 |");
}

static void window_is_a_difference(void **state)
{
	put(&before, FI_END, FI_WRITE, 4, 1000)->bytes = 100;
	put(&now, FI_END, FI_WRITE, 10, 1000)->bytes = 350;
	before.shares[FI_WRITE].n[11] = 3;
	now.shares[FI_WRITE].n[11] = 8;
	now.shares[FI_WRITE].n[0] = 1;
	assert_has(as_text(), "latency of end, write: 6\n");
	assert_has(text.s, "written of count, write: 6 ends, 1 short\n");
	assert_has(text.s, "    250 ");
}

static void windows_have_a_title(void **state)
{
	put(&now, FI_END, FI_WRITE, 1, 1000);
	before.time_ns = 500000000;
	window.nr = 2;
	assert_has(as_text(), "\n== window 2: 1.500 s\nEVENT ");
	window.nr = 1;
	assert_null(strstr(as_text(), "=="));
	window.more = true;
	assert_memory_equal(as_text(), "== window 1: 1.500 s\n", 21);
}

static void phases_and_lengths(void **state)
{
	put(&now, FI_BEGIN, FI_READ, 1, 100);
	for (int i = 0; i < FI_PHASES; i++)
		fi_hist_add(&now.hists[FI_H_PHASE(FI_BEGIN, FI_READ, i)], 10 * (i + 1));
	fi_hist_add(&now.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_HOLE)], 8192);
	as_text();
	assert_has(text.s, "  kernel    10.0%     10ns ");
	assert_has(text.s, "  wakeup    40.0%     40ns ");
	assert_null(strstr(text.s, "PHASE"));
	assert_has(text.s, "length of mappings, hole: 1\n");
	assert_has(text.s, "  min 8K  p50 8K ");
}

static void phases_of_all_operations(void **state)
{
	put(&now, FI_BEGIN, FI_READ, 1, 100);
	put(&now, FI_BEGIN, FI_WRITE, 1, 100);
	for (int i = 0; i < FI_PHASES; i++) {
		fi_hist_add(&now.hists[FI_H_PHASE(FI_BEGIN, FI_READ, i)], 10);
		fi_hist_add(&now.hists[FI_H_PHASE(FI_BEGIN, FI_WRITE, i)], 20);
	}
	opts.by_phase = true;
	as_text();
	assert_has(text.s, "EVENT  PHASE");
	assert_has(text.s, "\nlatency of begin: 2\n");
	assert_has(text.s, "\nphase of begin, server: 2\n  min 10ns ");
	assert_false(histview_wants_records(&view));
}

/* Told apart by more than the operation: from the records' cells. */
static void phases_of_files(void **state)
{
	put_of(&now, 7, 0, 0, FI_TYPE_BAD, 2, 1000);
	put_of(&now, 8, 0, 0, FI_TYPE_BAD, 1, 1000);
	for (int i = 0; i < FI_PHASES; i++) {
		put_of(&phase_now[i], 7, 0, 0, FI_TYPE_BAD, 2, 10 * (i + 1));
		put_of(&phase_now[i], 8, 0, 0, FI_TYPE_BAD, 1, 64);
		put_of(&phase_before[i], 7, 0, 0, FI_TYPE_BAD, 1, 10 * (i + 1));
	}
	window.phase_now = phase_now;
	window.phase_before = phase_before;
	opts.by = BY_FILE;
	opts.by_phase = true;
	assert_has(as_csv(), "1,phase,begin,34,/srv,7,dir/gr\xc3\xbc\xc3\x9f,,,queue,ns,,,,,,,,1,20,20,20,20,20,20,20,20\n");
	assert_has(text.s, "1,phase,begin,34,/srv,8,#8,,,wakeup,ns,,,,,,,,1,64,64,64,64,64,64,64,64\n");
	assert_true(histview_wants_records(&view));
	assert_int_equal(histview_fineness(&view), FI_BY_FILE);
}

static void sums_where_there_is_no_table(void **state)
{
	struct fi_cell *c = put(&now, FI_BEGIN, FI_READ, 4, 100);

	c->split = 2;
	c->phase_ns[FI_PH_SERVER] = 30;
	c->phase_ns[FI_PH_QUEUE] = 10;
	opts.by = BY_MOUNT;
	assert_has(as_text(), "latency of begin, /srv: 4\n");
	assert_has(text.s, "  queue     25.0%      5ns\n  server    75.0%     15ns\n");
}

static void any_combination(void **state)
{
	put_of(&now, 7, 11, 12, FUSE_IOMAP_TYPE_MAPPED, 3, 100);
	put_of(&now, 7, 11, 12, FUSE_IOMAP_TYPE_HOLE, 1, 100);
	put_of(&now, 9, 11, 13, FUSE_IOMAP_TYPE_HOLE, 1, 100);
	opts.by = BY_FILE | BY_TYPE | BY_THREAD;
	assert_has(as_text(), "latency of begin, /srv, dir/gr\xc3\xbc\xc3\x9f, worker[12], mapped: 3\n");
	assert_has(text.s, "dir/gr\xc3\xbc\xc3\x9f                       12 worker");
	assert_has(text.s, ", hole: 1\n");
	opts.by = BY_TYPE;
	assert_has(as_text(), "latency of begin, hole: 2\n");
	assert_has(text.s, "latency of begin, mapped: 3\n");
	opts.by = BY_PROCESS;
	assert_has(as_text(), "latency of begin, fio[11]: 5\n");
	assert_int_equal(histview_fineness(&view), FI_BY_TASK);
}

static void percentiles_of_choice(void **state)
{
	struct fi_cell *c = put(&now, FI_BEGIN, FI_READ, 0, 0);

	c->done = 100;
	for (int i = 1; i <= 100; i++)
		fi_hist_add(&c->lat, i <= 7 ? 1 : i <= 95 ? 2 : 3);
	opts.nr_pct = 3;
	opts.pct[0] = 7;
	opts.pct[1] = 95.5;
	opts.pct[2] = 99.99;
	assert_has(as_text(), "MEAN      P7   P95.5  P99.99     MAX\n");
	assert_has(text.s, "min 1ns  p7 1ns  p95.5 3ns  p99.99 3ns  max 3ns");
	assert_has(as_csv(), ",mean,p7,p95.5,p99.99\n");
}

static void fixed_unit_and_colours(void **state)
{
	put(&now, FI_BEGIN, FI_READ, 1, 1500000);
	fmt_set_unit(1000);
	style_set(true);
	assert_has(as_text(), "max 1500.0us");
	assert_has(text.s, "|\033[36m####");
}

static void largest_are_drawn(void **state)
{
	for (int i = 1; i <= 20; i++)
		put_of(&now, i, 0, 0, FI_TYPE_BAD, i, 100);
	opts.by = BY_FILE;
	assert_has(as_text(), "\n12 histograms with less in them are not drawn");
	assert_has(text.s, "latency of begin, /srv, #13: 13\n");
	assert_null(strstr(text.s, "latency of begin, /srv, #12: 12\n"));
	assert_has(text.s, "\nbegin  /srv                 #4 ");
}

static void summary_fits_the_terminal(void **state)
{
	static const int widths[] = { 100, 80, 60 };

	put(&now, FI_BEGIN, FI_READ, 1, 100);
	prepare();
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		view.width = widths[i];
		text_clear(&text);
		histview_text(&text, &view, &window);
		assert_in_range(strcspn(text.s, "\n"), 50, widths[i] < 70 ? 70 : widths[i]);
		/* These are never left out. */
		assert_has(text.s, "EVENT  OP                COUNT");
		assert_has(text.s, "    P50     P90     P99   P99.9     MAX\n");
		assert_null(strstr(text.s, "MISSING"));
	}
}

static void sample_is_labelled(void **state)
{
	char *out;

	put(&now, FI_END, FI_WRITE, 1, 100);
	assert_null(strstr(as_text(), "only those that were sent"));
	now.upstream = true;
	assert_has(as_text(), "end: only those that were sent");
	out = as_json();
	assert_has(out, "\"upcalls_only\":true}");
	free(out);
}

static void json_has_everything(void **state)
{
	struct fi_cell *c = put(&now, FI_BEGIN, FI_WRITE, 2, 100);
	char *out;

	c->used_type[FUSE_IOMAP_TYPE_UNWRITTEN] = 2;
	c->write_type[FI_TYPES - 1] = 1;
	c = put(&now, FI_END, FI_WRITE, 0, 0);
	c->done = 2;
	c->shorts = 1;
	c->missing = 96;
	fi_hist_add(&now.hists[FI_H_MISSING(FI_WRITE)], 96);
	fi_hist_add(&now.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_UNWRITTEN)], 4096);
	now.shares[FI_WRITE].n[0] = 1;
	now.shares[FI_WRITE].n[10] = 2;
	now.shares[FI_WRITE].n[11] = 3;
	out = as_json();
	assert_has(out, "{\"type\":\"window\",\"window\":1,\"from_ns\":0,\"to_ns\":2000000000,\"by\":[\"op\"],\"upcalls_only\":false}\n");
	assert_has(out, "{\"type\":\"counts\",\"kind\":\"begin\",\"op\":\"write\",\"done\":2,");
	assert_has(out, "\"write_types\":{\"overwrite\":1},\"used_types\":{\"unwritten\":2}}\n");
	assert_has(out, "\"short\":1,\"missing\":96,");
	assert_has(out, "{\"type\":\"hist\",\"what\":\"latency\",\"kind\":\"begin\",\"op\":\"write\",\"unit\":\"ns\",\"n\":2,\"sum\":200,\"min\":100,\"max\":100,\"mean\":100,\"p50\":100,\"p90\":100,\"p99\":100,\"p99.9\":100,\"buckets\":[{\"lo\":96,\"hi\":104,\"n\":2}]}\n");
	assert_has(out, "\"what\":\"missing\",\"op\":\"write\",\"unit\":\"bytes\",\"n\":1,\"sum\":96,");
	assert_has(out, "\"what\":\"mapping_length\",\"map_type\":\"unwritten\",\"unit\":\"bytes\",\"n\":1,\"sum\":4096,");
	assert_has(out, "{\"type\":\"shares\",\"op\":\"write\",\"n\":6,\"buckets\":[{\"percent_lo\":0,\"percent_hi\":0,\"n\":1},{\"percent_lo\":90,\"percent_hi\":100,\"n\":2},{\"percent_lo\":100,\"percent_hi\":100,\"n\":3}]}\n");
	free(out);
}

static void csv_is_one_table(void **state)
{
	put(&now, FI_BEGIN, FI_READ, 2, 100)->bytes = 8192;
	fi_hist_add(&now.hists[FI_H_MAPLEN(FUSE_IOMAP_TYPE_HOLE)], 4096);
	assert_string_equal(as_csv(),
		"window,what,kind,op,map_type,phase,unit,done,sent,errors,bytes,written,short,missing,"
		"n,sum,min,max,mean,p50,p90,p99,p99.9\n"
		"1,latency,begin,read,,,ns,2,0,0,8192,,,,2,200,100,100,100,100,100,100,100\n"
		"1,mapping_length,,,hole,,bytes,,,,,,,,1,4096,4096,4096,4096,4096,4096,4096,4096\n");
}

static void csv_of_bins(void **state)
{
	put(&now, FI_BEGIN, FI_READ, 2, 100);
	opts.bins = true;
	now.shares[FI_WRITE].n[0] = 1;
	now.shares[FI_WRITE].n[10] = 2;
	now.shares[FI_WRITE].n[11] = 3;
	assert_string_equal(as_csv(),
		"window,what,kind,op,map_type,phase,unit,lo,hi,n\n"
		"1,latency,begin,read,,,ns,96,104,2\n"
		"1,share,,write,,,percent,0,0,1\n"
		"1,share,,write,,,percent,90,100,2\n"
		"1,share,,write,,,percent,100,100,3\n");
}

/* As HdrHistogram.outputPercentileDistribution() would. */
static void hgrm_as_hdrhistogram(void **state)
{
	struct fi_hist h = { 0 };

	for (int i = 1; i <= 10; i++)
		fi_hist_add(&h, i);
	text_clear(&text);
	hgrm_write(&text, &h, 1);
	assert_string_equal(text.s,
		"       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
		"       1.000 0.000000000000          1           1.00\n"
		"       1.000 0.100000000000          1           1.11\n"
		"       2.000 0.200000000000          2           1.25\n"
		"       3.000 0.300000000000          3           1.43\n"
		"       4.000 0.400000000000          4           1.67\n"
		"       5.000 0.500000000000          5           2.00\n"
		"       6.000 0.550000000000          6           2.22\n"
		"       6.000 0.600000000000          6           2.50\n"
		"       7.000 0.650000000000          7           2.86\n"
		"       7.000 0.700000000000          7           3.33\n"
		"       8.000 0.750000000000          8           4.00\n"
		"       8.000 0.775000000000          8           4.44\n"
		"       8.000 0.800000000000          8           5.00\n"
		"       9.000 0.825000000000          9           5.71\n"
		"       9.000 0.850000000000          9           6.67\n"
		"       9.000 0.875000000000          9           8.00\n"
		"       9.000 0.887500000000          9           8.89\n"
		"       9.000 0.900000000000          9          10.00\n"
		"      10.000 0.912500000000         10          11.43\n"
		"      10.000 1.000000000000         10\n"
		"#[Mean    =        5.500, StdDeviation   =        2.872]\n"
		"#[Max     =       10.000, Total count    =           10]\n"
		"#[Buckets =           62, SubBuckets     =            8]\n");
}

static void hgrm_files(void **state)
{
	char dir[] = "/tmp/test_histview.XXXXXX", path[96], line[64];
	FILE *f;

	assert_non_null(mkdtemp(dir));
	put_of(&now, 7, 0, 0, FI_TYPE_BAD, 1, 2000000);
	opts.by = BY_FILE;
	prepare();
	assert_int_equal(histview_hgrm(dir, &view, &window), 0);
	snprintf(path, sizeof(path), "%s/latency-of-begin-srv-dir-gr--34-7.hgrm", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	for (int i = 0; i < 3; i++)
		assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "       2.000 0.000000000000          1           1.00\n");
	fclose(f);
	unlink(path);
	rmdir(dir);
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
		TEST(windows_have_a_title),
		TEST(phases_and_lengths),
		TEST(phases_of_all_operations),
		TEST(phases_of_files),
		TEST(sums_where_there_is_no_table),
		TEST(any_combination),
		TEST(percentiles_of_choice),
		TEST(fixed_unit_and_colours),
		TEST(largest_are_drawn),
		TEST(summary_fits_the_terminal),
		TEST(sample_is_labelled),
		TEST(json_has_everything),
		TEST(csv_is_one_table),
		TEST(csv_of_bins),
		TEST(hgrm_as_hdrhistogram),
		TEST(hgrm_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
