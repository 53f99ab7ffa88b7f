// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random changes to what others made, with sanitizers: the kept recordings, with
 * checksums made right again, and the events of a trace.dat. What is read is also
 * added up and shown, so that a value nobody checked is met where it does harm.
 *
 * FUSEIOMAP_MUTATIONS says how many of each (default 1000), FUSEIOMAP_SEED which.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>
#include <trace-cmd.h>

#include "json.h"
#include "ledger.h"
#include "pairing.h"
#include "recfile.h"
#include "recording.h"
#include "source.h"
#include "tally.h"
#include "trace.h"

#define DAT "tests/data/trace-all.dat"

static unsigned long rounds = 1000;
static unsigned long seed = 1;
/* In memory: a recording that is finished is synced. */
static char dir[] = "/dev/shm/test_mutations.XXXXXX";
static char path[64];

/* Errors are expected by the thousand; those of sanitizers go to where stderr was. */
static int mute(void)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	dup2(null, STDERR_FILENO);
	close(null);
	__sanitizer_set_report_fd((void *)(intptr_t)saved);
	return saved;
}

static void unmute(int saved)
{
	__sanitizer_set_report_fd((void *)(intptr_t)STDERR_FILENO);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/*
 * The process that reads a trace.dat: with cmocka's handlers it would go on as a
 * second test when the library crashes, and nobody wants to hear of that.
 */
static void on_fork(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS };

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], SIG_DFL);
	__sanitizer_set_report_fd((void *)(intptr_t)STDERR_FILENO);
}

/* ---- what is changed ------------------------------------------------------ */

/* Values that are the edge of something, more often than any other. */
static void mutate(unsigned char *p, size_t n)
{
	static const uint64_t edge[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
	};
	int hits = 1 + random() % 8;

	while (n && hits--) {
		size_t at = random() % n, len = 1 << random() % 4;
		uint64_t v = edge[random() % (sizeof(edge) / sizeof(edge[0]))];

		switch (random() % 3) {
		case 0:
			p[at] ^= 1 << random() % 8;
			break;
		case 1:
			p[at] = random();
			break;
		default:
			memcpy(p + at, &v, len < n - at ? len : n - at);
		}
	}
}

/* ---- what is done with it ------------------------------------------------- */

struct reader {
	struct catalog *catalog;
	struct tally *tally;
	struct columns columns;
	struct text text;
	struct json json;
	unsigned long records;
};

static void on_record(void *ctx, const struct fi_record *r)
{
	struct reader *to = ctx;
	struct trace_row row = { .r = r, .catalog = to->catalog };

	tally_add(to->tally, r);
	text_clear(&to->text);
	columns_text(&to->text, trace_columns, nr_trace_columns, &row, 0);
	json_line(&to->json, "op");
	trace_json(&to->json, &to->columns, &row);
	text_clear(&to->json.text);
	to->records++;
}

static const struct fi_settings settings = {
	.by = 0xff, .cells = 1, .hists = 1, .records = 1, .max_cells = 64,
};

static void reader_start(struct reader *to)
{
	*to = (struct reader){ .catalog = catalog_new(), .tally = tally_new(&settings) };
	columns_choose(&to->columns, trace_columns, nr_trace_columns, NULL, true);
}

static void reader_end(struct reader *to)
{
	struct snapshot s = { 0 };

	tally_read(to->tally, &s);
	snapshot_free(&s);
	tally_free(to->tally);
	text_free(&to->text);
	text_free(&to->json.text);
	columns_free(&to->columns);
	catalog_free(to->catalog);
}

/* Whatever it is, it is read to its end, or refused; time does not go back. */
static unsigned long play(struct reader *to, const char *file, unsigned int most)
{
	struct source_config config = { .input = file, .sink = on_record, .ctx = to,
					.catalog = to->catalog, .settings = settings };
	unsigned long records = to->records;
	struct snapshot last = { 0 };
	struct source *src = NULL;
	__u64 now, before = 0;
	bool back = false;
	int saved = mute();

	if (!source_open(&src, &config) && !source_start(src)) {
		while (source_advance(src, ~0ULL, &now) != REPLAY_END) {
			back = back || now < before;
			before = now;
			/* As many stops as there are moments in the file. */
			if (!most--)
				break;
		}
		source_read(src, &last);
		ledger_complete(&last);
	}
	source_close(src);
	snapshot_free(&last);
	unmute(saved);
	assert_false(back);
	assert_int_not_equal(most, UINT_MAX);
	return to->records - records;
}

/* ---- files ---------------------------------------------------------------- */

struct bytes {
	unsigned char *p;
	size_t n;
};

static struct bytes slurp(const char *file)
{
	FILE *f = fopen(file, "r");
	struct bytes b = { 0 };

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	b.n = ftell(f);
	rewind(f);
	b.p = malloc(b.n);
	assert_int_equal(fread(b.p, 1, b.n, f), b.n);
	fclose(f);
	return b;
}

/* The items of a recording, and where the blocks around them were. */
struct unpacked {
	struct bytes items;
	struct {
		size_t raw;
		uint32_t records;
	} block[256];
	size_t blocks;
	uint32_t records;
};

static void unpack(struct unpacked *to, const char *file)
{
	struct bytes from = slurp(file), *b = &to->items;
	struct rec_block_head h;

	for (size_t at = sizeof(struct rec_file_head); at < from.n; at += sizeof(h) + h.stored) {
		memcpy(&h, from.p + at, sizeof(h));
		assert_true(h.magic == REC_BLOCK_MAGIC && to->blocks < 256);
		b->p = realloc(b->p, b->n + h.raw);
		assert_int_equal(ZSTD_decompress(b->p + b->n, h.raw, from.p + at + sizeof(h),
						 h.stored), h.raw);
		b->n += h.raw;
		to->block[to->blocks].raw = h.raw;
		to->block[to->blocks++].records = h.records;
		to->records += h.records;
	}
	free(from.p);
}

/* `items` in blocks as they were, as far as `n` goes. */
static void write_recording(const struct unpacked *u, const unsigned char *items, size_t n)
{
	struct rec_file f;

	assert_int_equal(rec_create(&f, path, false), 0);
	for (size_t i = 0; i < u->blocks && n; i++) {
		size_t len = n < u->block[i].raw ? n : u->block[i].raw;
		struct rec_items one = { .data = malloc(len), .len = len, .size = len,
					 .records = u->block[i].records };
		struct rec_block *block;

		memcpy(one.data, items, len);
		block = rec_pack(&one);
		rec_write(&f, block);
		free(block);
		rec_items_free(&one);
		items += len;
		n -= len;
	}
	assert_int_equal(rec_finish(&f), 0);
}

#define LAYOUTS	8192	/* bytes, about, until the first record */
#define START	12288	/* a few records more */

static void recordings_whose_checksums_are_right(void **state)
{
	static const char *const files[] = {
		"tests/data/v1.fiomap", "tests/data/short.fiomap", "tests/data/top.fiomap",
	};
	enum { NR = sizeof(files) / sizeof(files[0]) };
	struct unpacked of[NR] = { 0 };
	unsigned long all = 0;
	struct reader to;

	reader_start(&to);
	for (size_t i = 0; i < NR; i++) {
		unpack(&of[i], files[i]);
		/* As it is, nothing is missing: what is written here is a recording. */
		write_recording(&of[i], of[i].items.p, of[i].items.n);
		assert_int_equal(play(&to, path, 1000), of[i].records);
	}
	for (unsigned long round = 0; round < rounds; round++) {
		/*
		 * Now and then all of one; else the start of the smallest, which has as
		 * much of everything, and takes a tenth of the time.
		 */
		bool whole = round % 64 < NR;
		const struct unpacked *u = &of[whole ? round % 64 : 1];
		size_t n = whole || u->items.n < START ? u->items.n : START;
		unsigned char *p = malloc(n);

		memcpy(p, u->items.p, n);
		/* Half of them where things begin: layouts, settings, names. */
		mutate(p, round % 2 && n > LAYOUTS ? LAYOUTS : n);
		write_recording(u, p, round % 16 == 15 ? random() % n : n);
		all += play(&to, path, 100000);
		free(p);
		/* Names and sums of a few are as good as those of one, and cheaper. */
		if (round % 64 == 63) {
			reader_end(&to);
			reader_start(&to);
		}
	}
	reader_end(&to);
	for (size_t i = 0; i < NR; i++)
		free(of[i].items.p);
	print_message("# %lu recordings changed, %lu records read of them\n", rounds, all);
	assert_true(all > rounds);
}

/* ---- trace.dat ------------------------------------------------------------ */

struct event {
	unsigned char *data;
	size_t size;
	__u64 time_ns;
};

/* Same tables, other bytes in the events: below the library that finds them. */
static void events_of_a_trace(void **state)
{
	struct tracecmd_input *in = tracecmd_open(DAT, TRACECMD_FL_LOAD_NO_PLUGINS);
	struct tep_handle *tep;
	struct raw_decoder *decoder;
	struct event *event = NULL;
	size_t nr = 0;
	unsigned long known = 0;

	assert_non_null(in);
	tep = tracecmd_get_tep(in);
	decoder = raw_decoder_new(tep);
	for (int cpu = 0; cpu < tep_get_cpus(tep); cpu++) {
		struct tep_record *r;

		while ((r = tracecmd_read_data(in, cpu))) {
			event = realloc(event, (nr + 1) * sizeof(*event));
			event[nr] = (struct event){ malloc(r->size), r->size, r->ts };
			memcpy(event[nr++].data, r->data, r->size);
			tracecmd_free_record(r);
		}
	}
	assert_true(nr > 100);
	for (unsigned long round = 0; round < rounds; ) {
		struct reader to;
		struct source_config config = { .sink = on_record, .settings = settings };
		struct tasks *tasks = tasks_new(tasks_lookup_proc, NULL);
		struct pairing *pairing;
		struct snapshot s = { 0 };

		reader_start(&to);
		config.ctx = &to;
		config.catalog = to.catalog;
		pairing = pairing_new(&config, round % 2, tasks);
		pairing_enable(pairing, true);
		for (size_t i = 0; i < nr && round < rounds; i++) {
			/* Of its own size: a byte behind it is seen by the sanitizer. */
			size_t size = random() % 8 ? event[i].size : random() % event[i].size;
			unsigned char *p = malloc(size + !size);
			struct raw_event e;
			__u64 ip[64];

			memcpy(p, event[i].data, size);
			if (random() % 2) {
				/* Not the type, or it mostly is another's. */
				if (size > 2)
					mutate(p + 2, size - 2);
				round++;
			}
			if (raw_decode(decoder, p, size, event[i].time_ns, &e)) {
				known++;
				if (e.what == RAW_STACK)
					raw_stack(decoder, p, size, ip, 64);
				if (raw_is_task(e.what))
					tasks_event(tasks, &e);
				pairing_event(pairing, &e);
			}
			free(p);
		}
		pairing_lost(pairing, 3);
		pairing_read(pairing, &s);
		assert_true(ledger_balances(&s.ledger));
		snapshot_free(&s);
		pairing_free(pairing);
		tasks_free(tasks);
		reader_end(&to);
	}
	print_message("# %lu events changed, %lu known\n", rounds, known);
	assert_true(known > rounds / 2);
	for (size_t i = 0; i < nr; i++)
		free(event[i].data);
	free(event);
	raw_decoder_free(decoder);
	tracecmd_close(in);
}

/*
 * The whole file: the library may die of it, in its own process. That takes a
 * hundred times as long, hence fewer.
 */
static void traces_that_are_damaged(void **state)
{
	struct bytes b = slurp(DAT);
	unsigned char *p = malloc(b.n);
	struct reader to;

	reader_start(&to);
	for (unsigned long round = 0; round < rounds / 100; round++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		memcpy(p, b.p, b.n);
		mutate(p + 20, b.n - 20);
		assert_int_equal(fwrite(p, 1, b.n, f), b.n);
		fclose(f);
		play(&to, path, 1000000);
	}
	reader_end(&to);
	free(p);
	free(b.p);
}

/* ---- all of it ------------------------------------------------------------ */

static int set_up(void **state)
{
	const char *n = getenv("FUSEIOMAP_MUTATIONS"), *s = getenv("FUSEIOMAP_SEED");

	rounds = n && *n ? strtoul(n, NULL, 10) : rounds;
	seed = s && *s ? strtoul(s, NULL, 10) : seed;
	if (!rounds || !mkdtemp(dir) || pthread_atfork(NULL, NULL, on_fork))
		return -1;
	snprintf(path, sizeof(path), "%s/mutated", dir);
	print_message("# %lu mutations, seed %lu\n", rounds, seed);
	return 0;
}

static int reseed(void **state)
{
	srandom(seed);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

/* An argument is a pattern of the tests to run, since a million of each take hours. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(events_of_a_trace, reseed),
		cmocka_unit_test_setup(recordings_whose_checksums_are_right, reseed),
		cmocka_unit_test_setup(traces_that_are_damaged, reseed),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
