// SPDX-License-Identifier: GPL-2.0-only
/* The screen of `top` as a pure function, its keys, filters, and batch mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curses.h>

#include "topkeys.h"

#define SEC	1000000000ULL

/* A made-up run: two mounts, some files, two processes, two server threads. */
static struct snapshot now, before;
static struct interval iv;
static struct history *history;
static struct catalog *catalog;
static struct source_info info = { .backend = "bpf", .kernel = "7.3.4", .start_ns = SEC };
static struct top_input in;
static struct top_state st;
static struct frame frame;

struct what {
	__u32 dev;
	__u64 ino;
	__u32 pid, tid;
	int kind, op, type;
};

static struct fi_cell *cell(struct snapshot *s, struct what w)
{
	struct fi_cell_key key = { .dev = w.dev, .ino = w.ino, .pid = w.pid, .tid = w.tid,
				   .kind = w.kind, .op = w.op, .type = w.type };
	struct cell *c;
	size_t i = 0;

	if (!cells_find(&s->cells, &key)) {
		cells_add(&s->cells, &key);
		cells_sort(&s->cells);
	}
	while (cell_key_cmp(&s->cells.cell[i]->key, &key))
		i++;
	c = cells_own(&s->cells, i);
	return &c->v;
}

static void put(struct what w, __u64 n, __u64 lat_ns)
{
	struct fi_cell *c = cell(&now, w);

	c->done += n;
	c->sent += n;
	for (__u64 i = 0; i < n; i++)
		fi_hist_add(&c->lat, lat_ns + i * lat_ns / 50);
	c->split += n;
	c->phase_ns[FI_PH_KERNEL] += n * lat_ns / 10;
	c->phase_ns[FI_PH_QUEUE] += n * lat_ns / 10;
	c->phase_ns[FI_PH_SERVER] += n * lat_ns * 7 / 10;
	c->phase_ns[FI_PH_WAKEUP] += n * lat_ns / 10;
	if (w.kind == FI_BEGIN)
		c->used_type[w.type] += n;
	if (w.kind == FI_END)
		c->written += n * 4096;
}

#define MAPPED	FUSE_IOMAP_TYPE_MAPPED
#define HOLE	FUSE_IOMAP_TYPE_HOLE

/* One second of it; `more` makes it larger. What was put before is a part of it. */
static void second(__u64 more)
{
	put((struct what){ 34, 7, 100, 100, FI_BEGIN, FI_READ, MAPPED }, 180 + more, 50000);
	put((struct what){ 34, 7, 100, 101, FI_BEGIN, FI_WRITE, HOLE }, 10, 90000);
	put((struct what){ 34, 7, 100, 101, FI_END, FI_WRITE, HOLE }, 10, 20000);
	put((struct what){ 34, 8, 100, 100, FI_BEGIN, FI_READ, MAPPED }, 20, 50000);
	put((struct what){ 35, 7, 200, 200, FI_BEGIN, FI_WRITE, HOLE }, 20, 2000000);
	put((struct what){ 35, 7, 200, 200, FI_IOEND, FI_WRITEBACK, FI_TYPE_BAD }, 3, 700000);
	cell(&now, (struct what){ 35, 7, 200, 200, FI_BEGIN, FI_WRITE, HOLE })->errors += 2;
	now.server[0].v.requests[FI_BEGIN] += 230;
	now.server[0].v.busy_ns += SEC / 4;
	now.time_ns += SEC;
	interval_make(&iv, &now, &before);
	history_add(history, &iv);
	st.stale = true;
	snapshot_free(&before);
	snapshot_copy(&before, &now);
}

static void catalog_fill(void)
{
	catalog_add_mount(catalog, &(struct mount){ 34, 50, false, "/srv/data", "/dev/sdb",
						    "fuse.iomapfs", "iomapfs" });
	catalog_add_mount(catalog, &(struct mount){ 35, 60, false, "/srv/logs", "/dev/sdc",
						    "fuse.iomapfs", "iomapfs" });
	catalog_add_file(catalog, &(struct file){ 34, 7, 12, true, "dir/big" });
	catalog_add_file(catalog, &(struct file){ 34, 8, 13, true, "dir/smäll 文件" });
	catalog_add_file(catalog, &(struct file){ 35, 7, 14, true, "a\x1b[2Jb" });
	catalog_add_task(catalog, &(struct task){ 100, 100, "fio", "fio" });
	catalog_add_task(catalog, &(struct task){ 101, 100, "fio-w", "fio" });
	catalog_add_task(catalog, &(struct task){ 200, 200, "rsyslogd", "rsyslogd" });
}

static int setup(void **state)
{
	struct server server = { { 34, 50, 51 }, { .busy_ns = 5 * SEC, .comm = "iomapfs" } };

	text_setup();
	now = (struct snapshot){ .time_ns = SEC };
	snapshot_copy(&before, &now);
	history = history_new(1 << 20);
	catalog = catalog_new();
	catalog_fill();
	snapshot_add_server(&now, &server);
	server.key.tid = 52;
	server.v.busy_since = 3 * SEC / 2;
	snapshot_add_server(&now, &server);
	snapshot_add_open(&now, &(struct fi_open){ .dev = 34, .ino = 8, .pid = 100, .tid = 100,
						   .kind = FI_BEGIN, .op = FI_READ });
	top_state_init(&st, VIEW_MOUNTS);
	st.interval_ns = SEC;
	in = (struct top_input){ .iv = &iv, .history = history, .catalog = catalog,
				 .info = &info, .start_ns = SEC };
	second(0);
	return 0;
}

static int teardown(void **state)
{
	snapshot_free(&now);
	snapshot_free(&before);
	interval_free(&iv);
	history_free(history);
	catalog_free(catalog);
	top_state_free(&st);
	frame_free(&frame);
	return 0;
}

static void show(int width, int height)
{
	frame_make(&frame, &in, &st, width, height);
	assert_int_equal(frame.n, height);
	for (size_t i = 0; i < frame.n; i++) {
		const struct line *l = &frame.line[i];

		assert_true(text_width(l->text.s) <= width);
		for (size_t k = 0; k < l->nr_spans; k++)
			assert_true(l->span[k].col >= 0 && l->span[k].len > 0 &&
				    l->span[k].col + l->span[k].len <= width);
	}
}

static void press(const char *keys)
{
	for (; *keys; keys++)
		key_press(&st, &in, (unsigned char)*keys);
}

/* Index of the first line that has s, or -1. */
static int find(const char *s)
{
	for (size_t i = 0; i < frame.n; i++)
		if (strstr(frame.line[i].text.s, s))
			return i;
	return -1;
}

static bool has(int line, const char *s)
{
	return line >= 0 && strstr(frame.line[line].text.s, s);
}

static bool has_span(int line, enum look look)
{
	for (size_t k = 0; k < frame.line[line].nr_spans; k++)
		if (frame.line[line].span[k].look == look)
			return true;
	return false;
}

static int chosen(void)
{
	for (size_t i = 0; i < frame.n; i++)
		if (frame.line[i].look == LOOK_CHOSEN)
			return i;
	return -1;
}

/* For a look at it: TOP_SHOW=1 build/tests/test_top */
static void dump(void)
{
	for (size_t i = 0; i < frame.n && getenv("TOP_SHOW"); i++)
		fprintf(stderr, "|%s\n", frame.line[i].text.s);
}

/* ---- screens ------------------------------------------------------------- */

static void mounts_and_their_servers(void **state)
{
	int data;

	show(200, 30);
	assert_true(has(0, "fuseiomap-top") && has(0, "Linux 7.3.4") && has(0, "0:00:01") &&
		    has(0, "every 1s"));
	data = find("/srv/data");
	assert_true(data > 0 && data < find("/srv/logs"));
	assert_true(has(data, "fuse.iomapfs") && has(data, " 50 ") && has(data, " 210 "));
	assert_true(has(find("/srv/logs"), "20 "));
	assert_int_equal(chosen(), data);
	/* An idle mount that was seen keeps its line. */
	in.dev = (const __u32[]){ 34, 35 };
	in.nr_dev = 2;
	interval_make(&iv, &now, &now);
	st.stale = true;
	show(160, 30);
	assert_true(find("/srv/data") > 0 && find("/srv/logs") > 0);
}

static void every_view(void **state)
{
	static const char *const expect[VIEWS] = {
		"/srv/logs", "/srv/data/dir/smäll 文件", "rsyslogd", "fio-w", "iomapfs",
		"write", "hole",
	};

	for (int i = 0; i < VIEWS; i++) {
		char key[2] = { '1' + i };

		press(key);
		show(200, 50);
		dump();
		assert_true(find(views[i].head) > 0);
		assert_true(find(expect[i]) > find(views[i].head));
		assert_true(has_span(find("2 Files"), LOOK_TAB));
	}
	press("\t");
	assert_int_equal(top_level(&st)->view, VIEW_MOUNTS);
}

static void lines_fit_any_screen(void **state)
{
	static const int sizes[][2] = {
		{ 40, 10 }, { 80, 24 }, { 100, 30 }, { 160, 45 }, { 250, 70 }, { 1, 1 },
		{ 20, 4 }, { 3, 50 }, { 250, 2 },
	};

	for (int more = 0; more < 40; more++)
		second(more * 10);
	for (int mode = MODE_TABLE; mode <= MODE_FILTER; mode++)
		for (int view = 0; view < VIEWS; view++)
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
				st.mode = mode;
				st.level[0].view = view;
				st.stale = true;
				show(sizes[i][0], sizes[i][1]);
			}
	st.mode = MODE_TABLE;
	press("1");
	/* Details that were asked for, with room for a part of them, or for nothing. */
	for (int detail = CHOICE_AUTO; detail <= CHOICE_HIDDEN; detail++)
		for (int height = 1; height < 40; height++)
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
				st.detail = detail;
				show(sizes[i][0], height);
			}
	st.detail = CHOICE_SHOWN;
	show(40, 10);
	dump();
	assert_true(find("/srv/data") > 0 && find(" wait") > 0 && has(9, "q quit"));
	st.detail = CHOICE_AUTO;
	show(40, 10);
	dump();
	/* Even there: what it is, a head, a row and the keys. */
	assert_true(find("MOUNT") > 0 && find("/srv/data") > 0 && has(9, "q quit"));
}

static void names_cannot_reach_the_terminal(void **state)
{
	press("2");
	show(160, 40);
	assert_true(find("/srv/logs/a?[2Jb") > 0);
	assert_int_equal(find("\x1b"), -1);
}

/* A name that has no room shows its end. */
static void long_names_show_their_end(void **state)
{
	catalog_add_file(catalog, &(struct file){ 34, 7, 12, true,
		"very/long/path/of/directories/that/no/screen/has/room/for/the-name" });
	press("2");
	show(80, 24);
	assert_true(find("…") > 0 && find("the-name") == find("…"));
}

static void columns_that_belong_together_stay_together(void **state)
{
	for (int width = 12; width < 250; width++) {
		int head;

		show(width, 20);
		head = find("MOUNT");
		assert_true(has(head, "KERN") == has(head, "WAKE"));
		assert_true(has(head, "SRVPID") == has(head, "SERVER"));
	}
}

/* The whole screen, line by line; what is right of the last character does not count. */
static void golden(int width, int height, const char *const *lines)
{
	show(width, height);
	dump();
	for (int i = 0; i < height; i++) {
		char *s = frame.line[i].text.s;
		size_t len = strlen(s);

		/* How much memory the past takes is zstd's business. */
		if (!i && strstr(s, " in "))
			len = strstr(s, " in ") - s;
		while (len && s[len - 1] == ' ')
			len--;
		s[len] = '\0';
		assert_string_equal(s, lines[i]);
	}
}

static void whole_screens(void **state)
{
	static const char *const small[] = {
		"fuseiomap-top  0:00:20  every 1s  Linux",
		"1Mou 2Fil 3Pro 4Thr 5Ser 6Ope 7Typ",
		"MOUNT        BEGIN/s   END/s IOEND/s FLY",
		"/srv/data        360      10       0   1",
		"/srv/logs         20       0       3   0",
		"",
		"",
		"",
		"",
		"q quit  h help  Enter drill down",
	};
	static const char *const usual[] = {
		"fuseiomap-top  0:00:20  every 1s  Linux 7.3.4  bpf  kept 0:00:20",
		"begin 380/s p99 2.76ms  end 10/s p99 23.6us  ioend 3/s p99 728us  40K/s",
		"since start: 0 begins, 0 ends (0 sent), 0 ioends, 0 in flight, 0 errors, 0 answe",
		"",
		" 1 Mounts  2 Files  3 Processes  4 Threads  5 Servers  6 Operations  7 Types",
		"files  3 rows",
		"FILE                    BEGIN/s   END/s IOEND/s    P50    P99    MAX SHORT ERROR",
		"/srv/data/dir/big           340      10       0  212us  393us  393us     0     0",
		"…rv/data/dir/smäll 文件      20       0       0 61.4us   69us   69us     0     0",
		"/srv/logs/a?[2Jb             20       0       3 2.62ms 2.76ms 2.76ms     0     2",
		"",
		"file /srv/data/dir/big  last 20s: 5.51k begins  200 ends  0 ioends  0 errors  0",
		" wait    ░░░▒▒██████████████████▓▓▓  kernel 10% queue 10% server 70% wakeup 10%",
		" types   ░█████████████████████████  hole 3.63% mapped 96.4%",
		" latency begin p99 393us  end p99 23.6us   ioend            all over time",
		"   393us ▎                                                        ▒      ▒",
		"   229us █████████████▊                                      ▓▓████ ▓▓████ ▓▓███",
		"   131us ████████████████                                   ████████████████████",
		"  81.9us █████████▊                                         ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓",
		"  49.1us █████▎                                             ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓",
		"  28.6us",
		"  16.3us                  ████████████████                  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒",
		"                                                            -20s",
		"q quit  h help  Enter drill down  Tab view  <> sort  f filter  / search",
	};

	for (int i = 1; i < 20; i++)
		second(i % 7 * 30);
	golden(40, 10, small);
	press("2");
	golden(80, 24, usual);
}

/* ---- keys ---------------------------------------------------------------- */

static void help_lists_every_key(void **state)
{
	press("h");
	show(100, 120);
	for (size_t i = 0; i < nr_top_keys; i++) {
		int line = find(top_keys[i].help);

		assert_true(has(line, top_keys[i].name));
	}
	press("x");
	show(100, 30);
	assert_true(find("/srv/data") > 0);
	/* On a small screen it scrolls to its end. */
	press("?");
	for (int i = 0; i < 30; i++)
		key_press(&st, &in, KEY_NPAGE);
	show(80, 20);
	assert_true(find("in flight") > 0);
}

/* No key is in the table twice, and each does something to what is shown. */
static void keys_are_distinct(void **state)
{
	for (size_t i = 0; i < nr_top_keys; i++)
		for (int k = 0; k < MAX_KEYS && top_keys[i].key[k]; k++)
			for (size_t j = 0; j < i; j++)
				for (int m = 0; m < MAX_KEYS && top_keys[j].key[m]; m++)
					assert_int_not_equal(top_keys[i].key[k],
							     top_keys[j].key[m]);
}

static void drilling_down_and_up(void **state)
{
	show(120, 40);
	press("\n");
	show(120, 40);
	assert_true(has(find("mount /srv/data"), "2 rows"));
	assert_true(find("dir/big") > 0 && find("/srv/logs") < 0);
	press("\n");
	show(120, 40);
	assert_true(find("mount /srv/data › file /srv/data/dir/big") > 0);
	assert_int_equal(top_level(&st)->view, VIEW_PROCESSES);
	assert_true(find("fio") > 0 && find("rsyslogd") < 0);
	press("\n");
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_THREADS);
	assert_true(has(chosen(), "180"));
	press("j\n");
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_OPS);
	assert_int_equal(st.table.n, 1);
	assert_true(has(chosen(), "write"));
	press("\n");
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_TYPES);
	assert_true(has(chosen(), "hole") && find("thread fio-w 101 › operation write") > 0);
	press("\n");
	show(120, 40);
	assert_true(find("nothing is below") > 0);
	press("\x1b");
	key_press(&st, &in, KEY_BACKSPACE);
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_THREADS);
	/* The row that was left is still the chosen one. */
	assert_true(has(chosen(), "fio-w"));
	press("\x1b\x1b\x1b");
	show(120, 40);
	assert_true(find("/srv/logs") > 0);
}

/* Keys that come faster than frames act on what they would have shown. */
static void typing_ahead(void **state)
{
	press("\n\n\nj\n");
	show(120, 40);
	assert_true(find("mount /srv/data › file /srv/data/dir/big › process fio 100 › thread fio-w 101") > 0);
	assert_int_equal(top_level(&st)->view, VIEW_OPS);
}

/* From an operation, what is left is which mapping types, then where. */
static void drilling_from_other_views(void **state)
{
	press("6");
	show(120, 40);
	press("\n");
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_TYPES);
	press("\n");
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_MOUNTS);
	press("\x1b\x1b" "5");
	show(120, 40);
	press("\n");
	show(120, 40);
	assert_int_equal(top_level(&st)->view, VIEW_FILES);
	assert_true(find("mount /srv/data") > 0 && find("/srv/logs") < 0);
}

static void sorting(void **state)
{
	show(200, 30);
	assert_true(find("/srv/data") < find("/srv/logs"));
	press("r");
	show(200, 30);
	assert_true(find("/srv/data") > find("/srv/logs"));
	press("r");
	/* What has no value comes last, whatever the order. */
	st.order[VIEW_MOUNTS].column = view_column(VIEW_MOUNTS, "ioend_p99_ns");
	st.stale = true;
	show(200, 30);
	assert_true(find("/srv/data") > find("/srv/logs"));
	press("r");
	show(200, 30);
	assert_true(find("/srv/data") > find("/srv/logs"));
	/* > and < go through what can be seen and back. */
	for (int i = 0; i < 5; i++)
		press(">");
	for (int i = 0; i < 5; i++)
		press("<");
	assert_int_equal(st.order[VIEW_MOUNTS].column, view_column(VIEW_MOUNTS, "ioend_p99_ns"));
	press("s");
	show(100, 30);
	assert_true(find("SORT BY") > 0 && find("begin_mean_ns") > 0);
	key_press(&st, &in, KEY_HOME);
	press("\n");
	assert_int_equal(st.order[VIEW_MOUNTS].column, 0);
	assert_int_equal(view_column(VIEW_MOUNTS, "nonsense"), -1);
	assert_int_equal(view_column(VIEW_MOUNTS, ""), -1);
	assert_int_equal(view_column(VIEW_MOUNTS, "BEGIN"), view_column(VIEW_MOUNTS, "begins"));
}

static void choosing_columns(void **state)
{
	int col = view_column(VIEW_MOUNTS, "begin_mean_ns");

	show(100, 30);
	assert_int_equal(find("MEAN"), -1);
	press("c");
	show(100, 40);
	assert_true(find("[~]") > 0);
	for (int i = 0; i < col; i++)
		press("j");
	press(" \n");
	show(100, 30);
	assert_true(has(find("MOUNT"), "MEAN"));
	press("c");
	for (int i = 0; i < view_column(VIEW_MOUNTS, "begins"); i++)
		press("j");
	press("  \n");
	show(100, 30);
	assert_false(has(find("MOUNT"), "BEGIN/s"));
}

static void searching(void **state)
{
	press("2");
	show(120, 40);
	press("/sm");
	assert_int_equal(st.mode, MODE_SEARCH);
	show(120, 40);
	assert_true(has(chosen(), "smäll"));
	press("x");
	show(120, 40);
	assert_true(find("no row has 'smx'") > 0);
	key_press(&st, &in, 127);
	assert_string_equal(st.prompt, "sm");
	press("\x15" "LOGS");
	show(120, 40);
	assert_true(has(chosen(), "/srv/logs"));
	press("\n");
	assert_int_equal(st.mode, MODE_TABLE);
	press("/dir\n");
	show(120, 40);
	assert_true(has(chosen(), "dir/"));
	press("n");
	show(120, 40);
	assert_true(has(chosen(), "dir/"));
}

static void filtering(void **state)
{
	press("2ferrors>0\n");
	show(120, 40);
	assert_true(has(find("filter  errors>0"), "1 of 3"));
	assert_true(find("/srv/logs") > 0 && find("big") < 0);
	/* A mistake is told, and can be mended. */
	press("f\x15" "bogus>1\n");
	show(120, 40);
	assert_true(find("no column 'bogus'") > 0);
	assert_int_equal(st.mode, MODE_FILTER);
	press("\x15" "begin_p50_ns<1ms BIG\n");
	show(120, 40);
	assert_true(find("/dir/big") > 0 && find("/srv/logs") < 0);
	key_press(&st, &in, KEY_ESC);
	show(120, 40);
	assert_true(find("/srv/logs") > 0);
}

static bool passes(int view, const char *filter, const char *name)
{
	static const struct row_match all;
	struct table_input shown = { .iv = &iv, .catalog = catalog };
	struct table_order order = { 0 };
	struct table t = { 0 };
	struct filter f;
	char why[100], buf[256];
	bool found = false;

	assert_int_equal(filter_parse(&f, view, filter, why, sizeof(why)), 0);
	table_make(&t, view, &all, &shown, &f, &order, 1);
	for (size_t i = 0; i < t.n; i++)
		found |= !strcmp(top_row_name(&t.row[i], buf, sizeof(buf)), name);
	table_free(&t);
	return found;
}

static void filters_compare(void **state)
{
	struct filter f;
	char why[100];
	static const char *const bad[] = {
		"begins>", "begins>x", "begin_p99_ns>5parsecs", "mapped_share>5z", "nope=1",
		"begins!5", "begins>-1", "a b c d e f g h i",
	};

	assert_true(passes(VIEW_MOUNTS, "begins>=210", "/srv/data"));
	assert_false(passes(VIEW_MOUNTS, "begins>210", "/srv/data"));
	assert_true(passes(VIEW_MOUNTS, "begins=210", "/srv/data"));
	assert_false(passes(VIEW_MOUNTS, "begins!=210", "/srv/data"));
	assert_true(passes(VIEW_MOUNTS, "p50>1ms", "/srv/logs"));
	assert_true(passes(VIEW_MOUNTS, "p50<2500000", "/srv/data"));
	assert_true(passes(VIEW_MOUNTS, "serv>69% serv<71%", "/srv/data"));
	assert_true(passes(VIEW_MOUNTS, "bytes>=40K", "/srv/data"));
	assert_false(passes(VIEW_MOUNTS, "bytes>40K", "/srv/data"));
	assert_true(passes(VIEW_MOUNTS, "source~SDB", "/srv/data"));
	assert_false(passes(VIEW_MOUNTS, "source!~sdb", "/srv/data"));
	assert_true(passes(VIEW_MOUNTS, "fstype=fuse.iomapfs", "/srv/data"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(filter_parse(&f, VIEW_MOUNTS, bad[i], why, sizeof(why)), 0);
}

/* The chosen row is always on the screen, however far it is moved. */
static void scrolling(void **state)
{
	static const int keys[] = { KEY_NPAGE, KEY_NPAGE, 'G', KEY_PPAGE, KEY_UP, KEY_HOME };

	for (int i = 100; i < 200; i++)
		put((struct what){ 34, i, 1, 1, FI_BEGIN, FI_READ, MAPPED }, 1, 1000);
	second(0);
	press("2");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		show(100, 24);
		key_press(&st, &in, keys[i]);
		show(100, 24);
		assert_true(chosen() > 0);
	}
	assert_true(has(chosen(), "big"));
	press("G");
	show(100, 24);
	assert_int_equal(top_level(&st)->chosen, 102);
}

/* A row that one has gone to stays the chosen one when others pass it. */
static void the_chosen_row_is_followed(void **state)
{
	press("1");
	show(100, 24);
	press("j");
	show(100, 24);
	assert_true(has(chosen(), "/srv/logs"));
	put((struct what){ 35, 7, 200, 200, FI_BEGIN, FI_WRITE, HOLE }, 5000, 2000000);
	second(0);
	show(100, 24);
	assert_true(has(chosen(), "/srv/logs") && find("/srv/logs") < find("/srv/data"));
}

static void interval_keys(void **state)
{
	press("+");
	assert_int_equal(st.interval_ns, 2 * SEC);
	for (int i = 0; i < 20; i++)
		press("-");
	assert_true(st.interval_ns >= SEC / 10);
	show(100, 24);
	assert_true(find("0.1 s to 60 s") > 0);
	press("q");
	assert_true(st.quit);
}

/* ---- the past ------------------------------------------------------------ */

static void rewinding(void **state)
{
	second(1000);
	second(2000);
	show(120, 40);
	assert_true(has(find("/srv/data"), "2.21k"));
	press("[");
	show(120, 40);
	assert_true(has(find("/srv/data"), "1.21k") && has(0, "1s AGO"));
	press("[");
	show(120, 40);
	assert_true(has(find("/srv/data"), " 210 ") && has(0, "2s AGO"));
	press("[");
	show(120, 40);
	assert_true(find("where it began") > 0 && has(find("/srv/data"), " 210 "));
	/* What happens meanwhile does not disturb it. */
	second(3000);
	show(120, 40);
	assert_true(has(find("/srv/data"), " 210 ") && has(0, "3s AGO"));
	/* One can look around in the past. */
	press("\n");
	show(120, 40);
	assert_true(has(find("dir/big"), " 190 "));
	press("\x1b]");
	show(120, 40);
	assert_true(has(find("/srv/data"), "1.21k"));
	press("l");
	show(120, 40);
	assert_true(has(find("/srv/data"), "3.21k") && !has(0, "AGO"));
	press("p");
	second(0);
	show(120, 40);
	assert_true(has(0, "PAUSED") && has(find("/srv/data"), "3.21k"));
	key_press(&st, &in, KEY_END);
	show(120, 40);
	assert_true(!has(0, "PAUSED") && has(find("/srv/data"), " 210 "));
	press("{");
	show(120, 40);
	assert_int_equal(st.seq, 1);
	press("}");
	assert_int_equal(st.seq, 0);
}

static void details(void **state)
{
	for (int i = 0; i < 30; i++)
		second(i);
	show(120, 50);
	dump();
	assert_true(has(find("mount /srv/data  last 31s"), "6.94k begins"));
	assert_true(has(find(" wait"), "server 70%") && has(find(" types"), "mapped"));
	assert_true(find("begin p99") > 0 && find("newest right") > 0 && find("-31s") > 0);
	assert_true(find("░") > 0 || find("▒") > 0 || find("█") > 0);
	press("d");
	show(120, 50);
	assert_int_equal(find("newest right"), -1);
	/* On a small screen too, if asked for. */
	show(80, 16);
	press("d");
	show(80, 16);
	assert_true(find(" wait") > 0);
	press("jv");
	show(120, 50);
	assert_true(has(find("mount /srv/logs  last"), "620 begins"));
	assert_true(find("begin over time") > 0);
	/* In the past, the details are of the past. */
	press("[[[");
	show(120, 50);
	assert_true(find("/srv/logs  last 28s") > 0);
}

/* ---- warnings ------------------------------------------------------------ */

static void what_is_missing_is_said(void **state)
{
	show(120, 30);
	assert_int_equal(find("lost: "), -1);
	iv.d.ledger.other = 12;
	iv.d.ledger.cells_full = 3;
	iv.d.upstream = true;
	show(120, 30);
	assert_true(has_span(find("lost: 3"), LOOK_WARN) || find("lost: 3") > 0);
	assert_true(find("table full: 12 operations are under (other files)") > 0);
	assert_true(find("a sample") > 0);
}

static void nothing_yet(void **state)
{
	struct snapshot empty = { .time_ns = SEC };

	interval_make(&iv, &empty, &empty);
	st.stale = true;
	show(80, 24);
	assert_true(find("(no fuse-iomap operation in this interval)") > 0);
	press("\n");
	show(80, 24);
	assert_int_equal(st.depth, 0);
}

/* ---- batch --------------------------------------------------------------- */

static struct filter no_filter[VIEWS];
static const struct batch all_views = { .shown = (1 << VIEWS) - 1, .n = 3, .csv_head = true,
					.filter = no_filter };

/* Batch prints counts, so that frames add up. */
static void batch_has_counts(void **state)
{
	struct text t = { 0 };
	char *line;

	second(0);
	batch_text(&t, &in, &st, &all_views);
	assert_memory_equal(t.s, "--- 3: 1.000 s, from 1.000 s on\n", 32);
	line = strstr(t.s, "/srv/data");
	assert_non_null(line);
	assert_non_null(strstr(line, " 210 "));
	assert_null(strstr(t.s, "/s "));
	text_free(&t);
}

static void json_has_every_view(void **state)
{
	struct json j = { 0 };
	char *out, want[64];
	size_t len;

	j.out = open_memstream(&out, &len);
	batch_json(&j, &in, &st, &all_views);
	fclose(j.out);
	assert_non_null(strstr(out, "{\"type\":\"interval\",\"interval\":3,\"from_ns\":1000000000,\"to_ns\":2000000000}"));
	assert_non_null(strstr(out, "{\"type\":\"mount\",\"interval\":3,\"name\":\"/srv/data\","));
	assert_non_null(strstr(out, "a\\u001b[2Jb\""));
	for (int i = 0; i < VIEWS; i++) {
		snprintf(want, sizeof(want), "{\"type\":\"%s\",\"interval\":3,", views[i].type);
		assert_non_null(strstr(out, want));
	}
	free(out);
	text_free(&j.text);
}

static void csv_has_the_columns_of_json(void **state)
{
	struct batch b = all_views;
	struct text t = { 0 };

	b.shown = 1 << VIEW_OPS;
	batch_csv(&t, &in, &st, &b);
	assert_memory_equal(t.s, "interval,from_ns,to_ns,name,begins,", 35);
	assert_non_null(strstr(t.s, "\n3,1000000000,2000000000,read,200,"));
	b.csv_head = false;
	text_clear(&t);
	batch_csv(&t, &in, &st, &b);
	assert_null(strstr(t.s, "from_ns"));
	text_free(&t);
}

/* Rows that come late are counted from zero, rows that are idle are not there. */
static void intervals_add_up(void **state)
{
	static const struct row_match all;
	static const struct snapshot none;
	struct rows rows = { 0 };
	__u64 begins = 0, ends = 0;
	struct interval back = { 0 };

	put((struct what){ 36, 1, 9, 9, FI_BEGIN, FI_FAULT, MAPPED }, 7, 1000);
	for (int i = 0; i < 20; i++)
		second(i);
	for (__u64 seq = history_first(history); seq <= history_last(history); seq++) {
		assert_true(history_get(history, seq, &back));
		rows_make(&rows, BY_MOUNT, &all, &back.d, &none, false);
		for (size_t i = 0; i < rows.n; i++) {
			begins += rows.row[i].kind[FI_BEGIN]->v.done;
			ends += rows.row[i].kind[FI_END]->v.done;
		}
	}
	assert_int_equal(ends, 21 * 10);
	assert_int_equal(begins, 21 * 230 + 190 + 7);
	rows_free(&rows);
	interval_free(&back);
}

static void servers_are_busy(void **state)
{
	press("5");
	show(120, 30);
	/* One worked a quarter of the second, the other is at it since the middle. */
	assert_true(has(find("  51 "), "25%") && has(find("  51 "), "230"));
	assert_true(has(find("  52 "), "50%") && has(find("  52 "), "500ms"));
	second(0);
	show(120, 30);
	assert_true(has(find("  52 "), "100%") && has(find("  52 "), "1.50s"));
	press("[");
	show(120, 30);
	assert_true(has(find("  52 "), "50%"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mounts_and_their_servers),
		TEST(every_view),
		TEST(whole_screens),
		TEST(lines_fit_any_screen),
		TEST(names_cannot_reach_the_terminal),
		TEST(long_names_show_their_end),
		TEST(columns_that_belong_together_stay_together),
		TEST(help_lists_every_key),
		TEST(keys_are_distinct),
		TEST(drilling_down_and_up),
		TEST(typing_ahead),
		TEST(drilling_from_other_views),
		TEST(sorting),
		TEST(choosing_columns),
		TEST(searching),
		TEST(filtering),
		TEST(filters_compare),
		TEST(scrolling),
		TEST(the_chosen_row_is_followed),
		TEST(interval_keys),
		TEST(rewinding),
		TEST(details),
		TEST(what_is_missing_is_said),
		TEST(nothing_yet),
		TEST(batch_has_counts),
		TEST(json_has_every_view),
		TEST(csv_has_the_columns_of_json),
		TEST(intervals_add_up),
		TEST(servers_are_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
