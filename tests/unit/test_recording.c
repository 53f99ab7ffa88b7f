// SPDX-License-Identifier: GPL-2.0-only
/* Recordings: written, read back, cut off and damaged in every way. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "error.h"
#include "ledger.h"
#include "opts.h"
#include "recorder.h"
#include "recfile.h"
#include "recording.h"
#include "source.h"

#define SECOND	1000000000ULL

static char dir[] = "/tmp/test_recording.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* ---- schema --------------------------------------------------------------- */

static void layouts_name_every_byte(void **state)
{
	for (int type = 1; type < REC_TYPES; type++) {
		const struct rec_layout *l = &rec_layouts[type];
		unsigned int covered = 0;

		assert_non_null(l->name);
		for (size_t i = 0; i < l->nr_fields; i++) {
			/* In order and without a hole: nobody forgot a new field. */
			assert_int_equal(l->field[i].offset, covered);
			covered += l->field[i].size;
		}
		assert_int_equal(covered, l->size);
		assert_true(l->nr_fields <= REC_MOVES);
	}
}

static void own_schema_is_copied(void **state)
{
	struct rec_schema s;
	struct text t = { 0 };

	rec_schema_text(&t);
	assert_int_equal(rec_schema_parse(&s, t.s, t.len), 0);
	for (int type = REC_SETTINGS; type < REC_TYPES; type++) {
		assert_int_equal(s.plan[type].size, rec_layouts[type].size);
		assert_true(s.plan[type].same);
	}
	for (int op = 0; op < FI_OPS; op++)
		assert_int_equal(s.op[op], op);
	for (int kind = 0; kind < FI_RECORD_KINDS; kind++)
		assert_int_equal(s.kind[kind], kind);
	assert_int_equal(s.op[FI_OPS], FI_OPS);
	text_free(&t);
}

/* Other places, other widths, fields that came and went, other operations. */
static void other_layouts_are_read_by_name(void **state)
{
	static const char text[] =
		"something new\n"
		"item 4 record 40\n"
		" u32 time_ns 0\n"
		" s32 written 4\n"
		" u64 nobody_knows 8\n"
		" u128 ino 16\n"
		" u64[2] phase_ns 16\n"
		" u64 error 32\n"
		"item 99 future 8\n"
		" u64 ino 0\n"
		"enum op append something read\n"
		"enum kind end begin\n"
		"enum weather sun rain\n";
	struct {
		uint32_t time_ns;
		int32_t written;
		uint64_t nobody_knows, phase_ns[2], error;
	} from = { 7, -5, 99, { 11, 12 }, (uint64_t)-28 };
	struct rec_schema s;
	struct fi_record r;

	memset(&r, 0xff, sizeof(r));
	assert_int_equal(rec_schema_parse(&s, text, strlen(text)), 0);
	assert_false(s.plan[REC_RECORD].same);
	rec_get(&s, REC_RECORD, &r, &from);
	assert_int_equal(r.time_ns, 7);
	assert_int_equal(r.written, -5);
	assert_int_equal(r.phase_ns[0], 11);
	assert_int_equal(r.phase_ns[1], 12);
	assert_int_equal(r.phase_ns[2], 0);
	assert_int_equal(r.error, -28);
	assert_int_equal(r.ino, 0);
	assert_int_equal(r.lat_ns, 0);
	assert_int_equal(s.op[0], FI_APPEND);
	assert_int_equal(s.op[1], FI_OPS);
	assert_int_equal(s.op[2], FI_READ);
	assert_int_equal(s.kind[0], FI_END);
	assert_int_equal(s.kind[1], FI_BEGIN);
	assert_int_equal(s.kind[2], FI_RECORD_KINDS);
}

static void bad_schemas_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"item 4 record\n",
		"item 4 record 248\n u64 time_ns\n",
		"item 4 record 248\n u64 time_ns 241\n",
		"item 4 record 248\n u64 time_ns 4294967288\n",
		"item 4 record 248\n u64[32] phase_ns 0\n",
		"item 4 record 248\n u64[0] phase_ns 0\n",
		"item 4 record 248\n u64[4294967295] phase_ns 0\n",
		"item 4 record 4294967295\n",
		"item 4 record 4\n u64 time_ns 0\n",
		"item 5 record 248\n u64 time_ns 0\n",
		"item 4 record 0\n",
		"item 4 record 248\nenum \n",
	};
	struct rec_schema s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rec_schema_parse(&s, bad[i], strlen(bad[i])), -EINVAL);
}

/* ---- a recording ---------------------------------------------------------- */

static struct fi_record record_of(unsigned int i)
{
	struct fi_record r = {
		.time_ns = 1000 + i, .lat_ns = i * 7, .ino = i, .dev = 42, .pid = 100, .tid = 101,
		.kind = i % FI_RECORD_KINDS, .op = i % FI_OPS, .flags = FI_F_TIMED,
		.pos = (uint64_t)i << 12, .count = 4096, .written = i, .comm = "writer",
	};

	memset(r.rule, i, sizeof(r.rule) - 1);
	return r;
}

static struct snapshot numbers_of(__u64 time_ns, unsigned int records)
{
	struct snapshot s = { .time_ns = time_ns, .missed = 3, .splits = true };

	s.ledger.begun[FI_BEGIN] = records + 2;
	s.ledger.ok[FI_BEGIN] = records;
	s.ledger.in_flight[FI_BEGIN] = 2;
	s.ledger.records = records;
	snapshot_add_open(&s, &(struct fi_open){ .start_ns = 5, .ino = 9, .tid = 1 });
	snapshot_add_open(&s, &(struct fi_open){ .start_ns = 6, .ino = 9, .tid = 2 });
	snapshot_add_server(&s, &(struct server){ { .dev = 42, .tid = 7 },
						  { .requests = { records }, .comm = "iomapfs" } });
	return s;
}

static const struct source_info made_info = {
	.backend = "bpf", .kernel = "7.3.4-test", .host = "a\\b\nc", .start_ns = 1000,
	.start_wall_ns = 1700000000ULL * SECOND, .splits = true,
};

static void tick(struct recorder *r, __u64 time_ns, unsigned int records, enum tick_reason why)
{
	struct snapshot s = numbers_of(time_ns, records);

	recorder_tick(r, &s, why);
	snapshot_free(&s);
}

static struct recorder *start_recorder(const char *path, const struct opts *o,
				       struct catalog *catalog)
{
	struct fi_settings settings = { .records = 1 };
	struct recorder *r = NULL;

	assert_int_equal(recorder_open(&r, path, o, &made_info, &settings, catalog), 0);
	return r;
}

static void fill_catalog(struct catalog *c)
{
	catalog_add_mount(c, &(struct mount){ .dev = 42, .server_pid = 8, .target = "/mnt/a b",
		.source = "/dev/x", .fstype = "fuse.iomapfs", .server_comm = "iomapfs" });
	catalog_add_file(c, &(struct file){ .dev = 42, .ino = 1, .nodeid = 5, .whole = true,
		.path = "dir/fi\nle" });
	catalog_add_task(c, &(struct task){ .tid = 101, .pid = 100, .comm = "0123456789abcdef",
		.process = "main" });
	catalog_add_stack(c, &(struct stack){ .id = 3, .frames = "a+0x1\nb+0x2 [fuse]\n" });
}

/* Blocks close with the ticks, one second apart. */
static void make(const char *path, unsigned int records, unsigned int per_tick)
{
	struct opts o = { .quiet = true };
	struct catalog *catalog = catalog_new();
	struct recorder *r = start_recorder(path, &o, catalog);

	fill_catalog(catalog);
	for (unsigned int i = 0; i < records; i++) {
		struct fi_record rec = record_of(i);

		recorder_record(r, &rec);
		if ((i + 1) % per_tick == 0)
			tick(r, (i + 1) / per_tick * SECOND + 2000, i + 1, TICK_INTERVAL);
	}
	tick(r, (records / per_tick + 1) * SECOND, records, TICK_END);
	assert_int_equal(recorder_close(r), 0);
	catalog_free(catalog);
}

/* ---- reading it back ------------------------------------------------------ */

struct result {
	struct source *src;
	struct catalog *catalog;
	unsigned int records;
	unsigned int ticks;
	unsigned int reports;
	unsigned int wrong;	/* records that were never written, or not in this order */
	unsigned int next;
	struct snapshot last;
};

static void on_record(void *ctx, const struct fi_record *r)
{
	struct result *res = ctx;
	struct fi_record want = record_of(r->ino);

	/* As the reader must leave it. */
	if (want.kind == FI_REFUSED)
		want.rule[FI_RULE_LEN - 1] = '\0';
	if (r->ino < res->next || memcmp(r, &want, sizeof(want)))
		res->wrong++;
	res->next = r->ino + 1;
	res->records++;
}

static int try_open(struct result *res, const char *path)
{
	struct source_config config = { .input = path, .sink = on_record, .ctx = res };
	int err;

	*res = (struct result){ .catalog = catalog_new() };
	config.catalog = res->catalog;
	err = source_open(&res->src, &config);
	return err ? err : source_start(res->src);
}

static void play(struct result *res)
{
	enum replay_stop stop;
	__u64 now, before = 0;

	while ((stop = source_advance(res->src, ~0ULL, &now)) != REPLAY_END) {
		res->ticks += stop == REPLAY_TICK;
		res->reports += stop == REPLAY_REPORT;
		assert_true(now >= before);
		before = now;
	}
	assert_int_equal(source_read(res->src, &res->last), 0);
}

static void result_free(struct result *res)
{
	source_close(res->src);
	catalog_free(res->catalog);
	snapshot_free(&res->last);
}

/* false: it cannot be opened at all. */
static bool read_back(struct result *res, const char *path)
{
	bool open = !try_open(res, path);

	if (open)
		play(res);
	return open;
}

static void what_was_written_is_read(void **state)
{
	const char *path = path_of("whole");
	struct result res;
	const struct server *v;

	make(path, 5000, 1000);
	assert_true(read_back(&res, path));
	assert_int_equal(res.records, 5000);
	assert_int_equal(res.wrong, 0);
	assert_int_equal(res.ticks, 5);
	assert_int_equal(res.last.gaps, 0);
	assert_int_equal(res.last.gap_records, 0);
	assert_int_equal(res.last.time_ns, 6 * SECOND);
	assert_int_equal(res.last.ledger.ok[FI_BEGIN], 5000);
	assert_int_equal(res.last.missed, 3);
	assert_int_equal(res.last.nr_open, 2);
	assert_int_equal(res.last.open[1].tid, 2);
	assert_int_equal(res.last.nr_servers, 1);
	v = res.last.server;
	assert_int_equal(v->v.requests[FI_BEGIN], 5000);
	assert_string_equal(v->v.comm, "iomapfs");
	assert_true(res.last.splits);
	assert_true(ledger_balances(&res.last.ledger));
	result_free(&res);
}

static void info_and_names_are_read(void **state)
{
	const char *path = path_of("names");
	struct result res;
	const struct source_info *i;
	const struct mount *m;

	make(path, 10, 10);
	assert_int_equal(try_open(&res, path), 0);
	i = &res.src->info;
	assert_true(i->replay);
	assert_false(i->adds_up);
	assert_string_equal(i->backend, "bpf");
	assert_string_equal(i->kernel, "7.3.4-test");
	assert_string_equal(i->host, "a\\b\nc");
	assert_int_equal(i->start_ns, 1000);
	assert_int_equal(i->start_wall_ns, 1700000000ULL * SECOND);
	/* Known before anything is replayed: filters need it. */
	m = catalog_mount(res.catalog, 42);
	assert_non_null(m);
	assert_string_equal(m->target, "/mnt/a b");
	assert_string_equal(m->server_comm, "iomapfs");
	assert_int_equal(m->server_pid, 8);
	assert_string_equal(catalog_file(res.catalog, 42, 1)->path, "dir/fi\nle");
	assert_string_equal(catalog_task(res.catalog, 101)->comm, "0123456789abcdef");
	assert_string_equal(catalog_stack(res.catalog, 3)->frames, "a+0x1\nb+0x2 [fuse]\n");
	result_free(&res);
}

static void a_replay_stops_where_it_is_told(void **state)
{
	const char *path = path_of("limit");
	struct result res;
	__u64 now;

	make(path, 1000, 1000);
	assert_int_equal(try_open(&res, path), 0);
	assert_int_equal(source_advance(res.src, 1499, &now), REPLAY_LIMIT);
	assert_int_equal(now, 1499);
	assert_int_equal(res.records, 500);
	assert_int_equal(source_advance(res.src, 1499, &now), REPLAY_LIMIT);
	assert_int_equal(res.records, 500);
	assert_int_equal(source_advance(res.src, SECOND, &now), REPLAY_LIMIT);
	assert_int_equal(res.records, 1000);
	assert_int_equal(now, SECOND);
	assert_int_equal(source_advance(res.src, ~0ULL, &now), REPLAY_TICK);
	assert_int_equal(now, SECOND + 2000);
	assert_int_equal(source_advance(res.src, ~0ULL, &now), REPLAY_END);
	assert_int_equal(source_advance(res.src, ~0ULL, &now), REPLAY_END);
	assert_int_equal(now, 2 * SECOND);
	result_free(&res);
}

/* ---- damage --------------------------------------------------------------- */

struct bytes {
	unsigned char *p;
	size_t n;
};

static struct bytes slurp(const char *path)
{
	struct bytes b = { 0 };
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	b.n = st.st_size;
	b.p = malloc(b.n);
	assert_int_equal(read(fd, b.p, b.n), b.n);
	close(fd);
	return b;
}

static void spew(const char *path, const unsigned char *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* Errors are expected by the thousand here. */
static int mute(void)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	dup2(null, STDERR_FILENO);
	close(null);
	return saved;
}

static void unmute(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/* Whatever was done to it: what comes out was once put in, and the rest is told of. */
static void check_damaged(const char *path, unsigned int total)
{
	struct result res;

	if (read_back(&res, path)) {
		assert_int_equal(res.wrong, 0);
		assert_true(res.records + res.last.gap_records <= total);
		if (res.records < total)
			assert_true(res.last.gaps > 0);
	}
	result_free(&res);
}

static void cut_off_anywhere(void **state)
{
	const char *whole = path_of("uncut");
	unsigned int most = 0;
	struct bytes b;
	int saved;

	make(whole, 3000, 100);
	b = slurp(whole);
	saved = mute();
	for (size_t n = 0; n < b.n; n += n < 200 || n + 200 > b.n ? 1 : 97) {
		struct result res;
		const char *path = path_of("cut");

		spew(path, b.p, n);
		if (read_back(&res, path)) {
			assert_int_equal(res.wrong, 0);
			/* Only the end is missing: no record is out of the middle. */
			assert_int_equal(res.next, res.records);
			assert_true(res.last.gaps > 0);
			assert_true(res.records >= most);
			most = res.records;
		}
		result_free(&res);
	}
	unmute(saved);
	assert_int_equal(most, 3000);
	free(b.p);
}

/* Offset of block `nr`. */
static size_t find_block(const struct bytes *b, unsigned int nr, struct rec_block_head *h)
{
	size_t at = sizeof(struct rec_file_head);

	for (;;) {
		memcpy(h, b->p + at, sizeof(*h));
		assert_true(h->magic == REC_BLOCK_MAGIC);
		if (h->seq == nr)
			return at;
		at += sizeof(*h) + h->stored;
	}
}

static void one_damaged_block_costs_its_records(void **state)
{
	static const size_t spots[] = { 0, 9, 20, 28, 40, sizeof(struct rec_block_head), 100 };
	const char *path = path_of("block");
	struct rec_block_head h;
	struct result res;
	struct bytes b;
	size_t at;

	make(path, 3000, 300);
	b = slurp(path);
	at = find_block(&b, 5, &h);
	assert_int_equal(h.records, 300);
	for (size_t i = 0; i < sizeof(spots) / sizeof(spots[0]); i++) {
		b.p[at + spots[i]] ^= 0x10;
		spew(path, b.p, b.n);
		assert_true(read_back(&res, path));
		assert_int_equal(res.records, 2700);
		assert_int_equal(res.wrong, 0);
		assert_int_equal(res.ticks, 9);
		assert_int_equal(res.last.gaps, 1);
		assert_int_equal(res.last.gap_records, 300);
		assert_false(ledger_complete(&res.last));
		assert_int_equal(res.last.ledger.ok[FI_BEGIN], 3000);
		result_free(&res);
		b.p[at + spots[i]] ^= 0x10;
	}
	free(b.p);
}

static void blocks_that_vanish_or_come_twice(void **state)
{
	const char *path = path_of("vanish");
	struct rec_block_head h;
	struct result res;
	struct bytes b;
	size_t from, to;

	make(path, 3000, 300);
	b = slurp(path);
	from = find_block(&b, 3, &h);
	to = find_block(&b, 5, &h);
	spew(path, b.p, from);
	b.p = realloc(b.p, b.n + to);
	memmove(b.p + from, b.p + to, b.n - to);
	spew(path, b.p, b.n - (to - from));
	assert_true(read_back(&res, path));
	assert_int_equal(res.records, 2400);
	assert_int_equal(res.wrong, 0);
	assert_int_equal(res.last.gaps, 1);
	assert_int_equal(res.last.gap_records, 600);
	result_free(&res);

	make(path, 3000, 300);
	free(b.p);
	b = slurp(path);
	from = find_block(&b, 3, &h);
	to = find_block(&b, 5, &h);
	b.p = realloc(b.p, b.n + to - from);
	memmove(b.p + to + (to - from), b.p + to, b.n - to);
	memcpy(b.p + to, b.p + from, to - from);
	spew(path, b.p, b.n + (to - from));
	assert_true(read_back(&res, path));
	assert_int_equal(res.records, 3000);
	assert_int_equal(res.wrong, 0);
	assert_int_equal(res.last.gap_records, 0);
	result_free(&res);
	free(b.p);
}

/* The description is repeated every 64 blocks. */
static void a_damaged_beginning_is_made_up_for(void **state)
{
	const char *path = path_of("head");
	struct result res;
	struct bytes b;

	make(path, 7000, 100);
	b = slurp(path);
	memset(b.p, 0, 100);
	spew(path, b.p, b.n);
	assert_true(read_back(&res, path));
	assert_string_equal(res.src->info.kernel, "7.3.4-test");
	assert_int_equal(res.records, 7000);
	assert_int_equal(res.wrong, 0);
	assert_int_equal(res.last.gaps, 1);
	assert_int_equal(res.last.gap_records, 0);
	result_free(&res);
	free(b.p);
}

static void random_damage_does_no_harm(void **state)
{
	const char *whole = path_of("fuzz");
	struct bytes b, c = { 0 };
	int saved;

	make(whole, 2000, 100);
	b = slurp(whole);
	c.p = malloc(b.n);
	srandom(20240607);
	saved = mute();
	for (int round = 0; round < 1500; round++) {
		int hits = 1 + random() % 8;

		memcpy(c.p, b.p, b.n);
		for (int i = 0; i < hits; i++) {
			size_t at = random() % b.n, n = 1 + random() % 64;

			for (; n && at < b.n; n--, at++)
				c.p[at] = round % 2 ? random() : c.p[at] ^ (1 << random() % 8);
		}
		spew(whole, c.p, b.n);
		check_damaged(whole, 2000);
	}
	unmute(saved);
	free(b.p);
	free(c.p);
}

/*
 * Damage that the checksums do not see, as if someone had made the file on purpose:
 * items of any type and length with random contents.
 */
static void hostile_items_do_no_harm(void **state)
{
	const char *path = path_of("hostile");
	struct bytes b;
	int saved;

	make(path, 100, 10);
	b = slurp(path);
	saved = mute();
	srandom(1);
	for (int round = 0; round < 1000; round++) {
		struct rec_items items = { 0 };
		struct rec_file f;
		struct result res;
		struct text t = { 0 };
		unsigned char junk[1024];

		assert_int_equal(rec_create(&f, path, false), 0);
		rec_schema_text(&t);
		for (int i = 0; round % 2 && i < 5; i++)
			t.s[random() % t.len] = "0123456789[]\n usa"[random() % 17];
		rec_add(&items, REC_SCHEMA, t.s, t.len);
		rec_add(&items, REC_INFO, "start_ns=1\nx\n=\nkernel=", 22);
		for (int i = 0; i < 20; i++) {
			for (size_t k = 0; k < sizeof(junk); k++)
				junk[k] = random() % 4 ? 0 : random();
			rec_add(&items, random() % (REC_TYPES + 3), junk, random() % sizeof(junk));
		}
		if (round % 3 == 0)
			memset(items.data + items.len - 500, random(), 100);
		struct rec_block *block = rec_pack(&items);
		rec_write(&f, block);
		free(block);
		rec_finish(&f);
		if (!try_open(&res, path)) {
			__u64 now;

			/* Time goes forward, whatever the ticks say. */
			for (int i = 0; i < 10000; i++)
				if (source_advance(res.src, ~0ULL, &now) == REPLAY_END)
					break;
			assert_int_equal(source_advance(res.src, ~0ULL, &now), REPLAY_END);
			source_read(res.src, &res.last);
		}
		result_free(&res);
		text_free(&t);
		rec_items_free(&items);
	}
	unmute(saved);
	free(b.p);
}

static void not_recordings_are_refused(void **state)
{
	const char *path = path_of("other");
	struct rec_file_head h;
	struct result res;
	int saved = mute();

	spew(path, (const unsigned char *)"", 0);
	assert_int_equal(try_open(&res, path), FI_FAILED);
	result_free(&res);
	spew(path, (const unsigned char *)"#!/bin/sh\n", 10);
	assert_int_equal(try_open(&res, path), FI_FAILED);
	result_free(&res);
	rec_file_head_make(&h);
	spew(path, (const unsigned char *)&h, sizeof(h));
	assert_int_equal(try_open(&res, path), FI_FAILED);
	result_free(&res);
	h.version = REC_VERSION + 1;
	h.crc = rec_crc(&h, offsetof(struct rec_file_head, crc));
	spew(path, (const unsigned char *)&h, sizeof(h));
	assert_int_equal(try_open(&res, path), FI_FAILED);
	result_free(&res);
	unmute(saved);
}

/* ---- writing -------------------------------------------------------------- */

static void other_files_are_not_overwritten(void **state)
{
	const char *path = path_of("precious");
	struct catalog *catalog = catalog_new();
	struct fi_settings settings = { 0 };
	struct opts o = { .quiet = true };
	struct recorder *r = NULL;
	struct bytes b;
	int saved = mute();

	spew(path, (const unsigned char *)"precious", 8);
	assert_int_equal(recorder_open(&r, path, &o, &made_info, &settings, catalog), FI_FAILED);
	b = slurp(path);
	assert_int_equal(b.n, 8);
	assert_memory_equal(b.p, "precious", 8);
	free(b.p);
	assert_int_equal(recorder_open(&r, "/dev/full", &o, &made_info, &settings, catalog),
			 FI_FAILED);
	assert_int_equal(recorder_open(&r, "/nowhere/x", &o, &made_info, &settings, catalog),
			 FI_FAILED);
	unmute(saved);
	catalog_free(catalog);
	/* A recording is. */
	path = path_of("again");
	make(path, 10, 10);
	make(path, 20, 10);
}

/* ---- flight recorder ------------------------------------------------------ */

static void flight_run(const struct opts *o, const char *path, unsigned int ticks,
		       unsigned int bad_at)
{
	struct catalog *catalog = catalog_new();
	struct recorder *r = start_recorder(path, o, catalog);

	fill_catalog(catalog);
	for (unsigned int t = 1; t <= ticks; t++) {
		for (unsigned int i = (t - 1) * 100; i < t * 100; i++) {
			struct fi_record rec = record_of(i);

			rec.time_ns = (t - 1) * SECOND + 1000 + i;
			if (i == bad_at)
				rec.error = -5;
			recorder_record(r, &rec);
		}
		tick(r, t * SECOND, t * 100, TICK_INTERVAL);
	}
	assert_int_equal(recorder_close(r), 0);
	catalog_free(catalog);
}

struct span {
	unsigned int n;
	__u64 first;
	__u64 last;
};

static void on_span(void *ctx, const struct fi_record *r)
{
	struct span *s = ctx;

	if (!s->n++)
		s->first = r->ino;
	s->last = r->ino;
}

static void read_span(const char *path, struct span *span, struct snapshot *last)
{
	struct source_config config = { .input = path, .sink = on_span, .ctx = span };
	struct source *src = NULL;
	__u64 now;

	*span = (struct span){ 0 };
	config.catalog = catalog_new();
	assert_int_equal(source_open(&src, &config), 0);
	assert_int_equal(source_start(src), 0);
	while (source_advance(src, ~0ULL, &now) != REPLAY_END)
		;
	assert_int_equal(source_read(src, last), 0);
	assert_string_equal(catalog_mount(config.catalog, 42)->target, "/mnt/a b");
	last->time_ns -= src->info.start_ns;
	source_close(src);
	catalog_free(config.catalog);
}

static void a_flight_recorder_keeps_the_last_seconds(void **state)
{
	const struct opts o = { .quiet = true, .keep_ns = 5 * SECOND, .on = ON_ERROR,
				.after_ns = 2 * SECOND };
	const char *path = path_of("flight");
	struct snapshot last = { 0 };
	struct span span;

	flight_run(&o, path, 30, 2050);
	read_span(path, &span, &last);
	/* Triggered at 20.0 s; +2 s is in the tick at 23 s; five seconds are kept. */
	assert_int_equal(span.last, 2299);
	assert_int_equal(span.first, 1800);
	assert_int_equal(span.n, 500);
	assert_int_equal(last.time_ns, 5 * SECOND);
	assert_int_equal(last.gaps, 0);
	/* The ledger is that of the window: what was in flight before began in it. */
	assert_int_equal(last.ledger.ok[FI_BEGIN], 500);
	assert_int_equal(last.ledger.begun[FI_BEGIN], 502);
	assert_int_equal(last.ledger.in_flight[FI_BEGIN], 2);
	assert_int_equal(last.missed, 0);
	assert_int_equal(last.server[0].v.requests[FI_BEGIN], 500);
	assert_true(ledger_balances(&last.ledger));
	snapshot_free(&last);
	assert_int_equal(access(path_of("flight.1"), F_OK), -1);
}

static void a_flight_recorder_saves_when_it_is_told(void **state)
{
	const struct opts o = { .quiet = true, .keep_bytes = 1 << 20 };
	struct catalog *catalog = catalog_new();
	struct recorder *r = start_recorder(path_of("told"), &o, catalog);
	struct snapshot last = { 0 };
	struct span span;

	fill_catalog(catalog);
	for (unsigned int t = 1; t <= 3; t++) {
		struct fi_record rec = record_of(t);

		recorder_record(r, &rec);
		tick(r, t * SECOND, t, TICK_INTERVAL);
		recorder_trigger(r, "signal");
	}
	assert_int_equal(recorder_close(r), 0);
	catalog_free(catalog);
	/* Each begins where the one before it ended. */
	read_span(path_of("told"), &span, &last);
	assert_int_equal(span.n, 1);
	read_span(path_of("told.1"), &span, &last);
	assert_int_equal(span.first, 2);
	assert_int_equal(span.n, 1);
	read_span(path_of("told.2"), &span, &last);
	assert_int_equal(span.first, 3);
	assert_int_equal(last.ledger.ok[FI_BEGIN], 1);
	snapshot_free(&last);
}

static void a_flight_recorder_is_bounded(void **state)
{
	const struct opts o = { .quiet = true, .keep_bytes = 64 << 10 };
	struct catalog *catalog = catalog_new();
	const char *path = path_of("bounded");
	struct recorder *r = start_recorder(path, &o, catalog);
	struct snapshot last = { 0 };
	struct fi_record rec;
	struct span span;
	struct stat st;

	fill_catalog(catalog);
	/* One long interval: blocks have to go from its middle. */
	for (unsigned int i = 0; i < 50000; i++) {
		rec = record_of(i);
		for (size_t k = 0; k < sizeof(rec.rule) - 1; k++)
			rec.rule[k] = random();
		recorder_record(r, &rec);
	}
	tick(r, SECOND, 50000, TICK_INTERVAL);
	recorder_trigger(r, "signal");
	assert_int_equal(recorder_close(r), 0);
	catalog_free(catalog);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 300 << 10);
	read_span(path, &span, &last);
	assert_int_equal(span.last, 49999);
	assert_true(span.n < 50000);
	assert_int_equal(last.gap_records, 50000 - span.n);
	assert_int_equal(last.gaps, 1);
	snapshot_free(&last);
}

static int set_up(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_name_every_byte),
		cmocka_unit_test(own_schema_is_copied),
		cmocka_unit_test(other_layouts_are_read_by_name),
		cmocka_unit_test(bad_schemas_are_refused),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(info_and_names_are_read),
		cmocka_unit_test(a_replay_stops_where_it_is_told),
		cmocka_unit_test(cut_off_anywhere),
		cmocka_unit_test(one_damaged_block_costs_its_records),
		cmocka_unit_test(blocks_that_vanish_or_come_twice),
		cmocka_unit_test(a_damaged_beginning_is_made_up_for),
		cmocka_unit_test(random_damage_does_no_harm),
		cmocka_unit_test(hostile_items_do_no_harm),
		cmocka_unit_test(not_recordings_are_refused),
		cmocka_unit_test(other_files_are_not_overwritten),
		cmocka_unit_test(a_flight_recorder_keeps_the_last_seconds),
		cmocka_unit_test(a_flight_recorder_saves_when_it_is_told),
		cmocka_unit_test(a_flight_recorder_is_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
