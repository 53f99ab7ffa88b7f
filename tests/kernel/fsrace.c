// SPDX-License-Identifier: GPL-2.0-only
/*
 * fsrace: threads that write, read, sync and cut one file at once, where the
 * outcome can be told all the same.
 *
 * The file is made of cells of 64 bytes. A cell belongs to one writer; what it
 * holds says where it is and which of its writes that was. The cutter alone
 * truncates, punches and zeroes, in cells, and counts. So when all is quiet, a
 * cell
 *   - holds its last write, or zeros, and nothing else;
 *   - does not hold a write that had ended when the last cut of it began;
 *   - holds no zeros if its last write began when the last cut of it had ended.
 * While it is not quiet, a cell is zeros or one of its own writes. Of a mapped write
 * that meets a cut, a cell may keep a part.
 *
 * Exit status: 0, 1 something else was seen, 2 usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define CELL 64
#define CELLS 4096			/* 256 KiB */
#define SIZE (CELLS * CELL)
#define WRITERS 4

struct content {
	uint32_t cell, seq;
	uint64_t fill[7];
};

/* What the check needs to know of a cell. Written by its writer alone. */
struct history {
	atomic_uint seq;		/* of its last write; 0: none */
	unsigned int begun;		/* cuts that had ended when that began */
	unsigned int ended;		/* cuts that had begun when that ended */
};

static struct history history[CELLS];
static unsigned int cut[CELLS];		/* number of its last cut; the cutter's alone */
static atomic_uint cuts_begun, cuts_ended;
static atomic_uint writers_left, written;
static atomic_bool bad;

static int fd, direct_fd;
static char *map;
static unsigned int seed;

/* A phase has at least these many of each writer, and of the cutter. */
static unsigned int writes = 100, cuts = 20;

/* Cells that are neighbours and have one owner: pages for direct I/O, else not. */
struct phase {
	const char *name;
	int64_t (*write)(const void *buf, size_t len, off_t pos);
	int64_t (*read)(void *buf, size_t len, off_t pos);
	int (*cut)(off_t from, off_t to);
	unsigned int run;
};

static const struct phase *phase;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "fsrace: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned int below(unsigned int *state, unsigned int n)
{
	return rand_r(state) % n;
}

/* Cells */

static void fill(struct content *c, uint32_t cell, uint32_t seq)
{
	*c = (struct content) { .cell = cell, .seq = seq };
	for (int i = 0; i < 7; i++)
		c->fill[i] = (cell * 0x9e3779b97f4a7c15ULL ^ seq) + i;
}

static bool is_zero(const struct content *c)
{
	static const struct content zero;

	return !memcmp(c, &zero, CELL);
}

static bool is_own(const struct content *c, uint32_t cell)
{
	struct content want;

	fill(&want, cell, c->seq);
	return c->seq && !memcmp(c, &want, CELL);
}

static void complain(const char *what, uint32_t cell, const struct content *c)
{
	const struct history *h = &history[cell];

	if (atomic_exchange(&bad, true))
		return;
	printf("%s: cell %u (byte %#x): %s\n", phase->name, cell, cell * CELL, what);
	printf("  holds: cell %u, write %u; its last write: %u, between cuts %u and %u; last cut %u of %u\n",
	       c->cell, c->seq, h->seq, h->begun, h->ended, cut[cell], cuts_begun);
}

/* Ways to write, read and cut */

static __thread sigjmp_buf jump;

static void on_bus(int sig)
{
	siglongjmp(jump, 1);
}

static int64_t write_buffered(const void *buf, size_t len, off_t pos)
{
	return pwrite(fd, buf, len, pos);
}

static int64_t write_direct(const void *buf, size_t len, off_t pos)
{
	return pwrite(direct_fd, buf, len, pos);
}

static int64_t write_map(const void *buf, size_t len, off_t pos)
{
	memcpy(map + pos, buf, len);
	return len;
}

static int64_t read_buffered(void *buf, size_t len, off_t pos)
{
	return pread(fd, buf, len, pos);
}

static int64_t read_direct(void *buf, size_t len, off_t pos)
{
	pos &= -512;
	return pread(direct_fd, buf, len & -512, pos);
}

static int64_t read_map(void *buf, size_t len, off_t pos)
{
	if (sigsetjmp(jump, 1))
		return 0;	/* cut off meanwhile */
	memcpy(buf, map + pos, len);
	return len;
}

static int cut_truncate(off_t from, off_t to)
{
	return ftruncate(fd, from);
}

static int cut_punch(off_t from, off_t to)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

static int cut_zero(off_t from, off_t to)
{
	return fallocate(fd, FALLOC_FL_ZERO_RANGE, from, to - from);
}

/* Cells cut by an end that is to stay */
static off_t cut_end(off_t to)
{
	return phase->cut == cut_truncate ? SIZE : to;
}

static const struct phase phases[] = {
	{ "buffered writes, truncate", write_buffered, read_buffered, cut_truncate, 11 },
	{ "buffered writes, mapped reads, truncate", write_buffered, read_map, cut_truncate, 11 },
	{ "buffered writes, direct reads, truncate", write_buffered, read_direct, cut_truncate, 11 },
	{ "buffered writes, punch", write_buffered, read_map, cut_punch, 11 },
	{ "buffered writes, zero range", write_buffered, read_buffered, cut_zero, 11 },
	{ "direct writes, truncate", write_direct, read_direct, cut_truncate, PAGE / CELL },
	{ "direct writes, buffered reads, truncate", write_direct, read_buffered, cut_truncate, PAGE / CELL },
	{ "direct writes, mapped reads, punch", write_direct, read_map, cut_punch, PAGE / CELL },
	{ "direct writes, zero range", write_direct, read_direct, cut_zero, PAGE / CELL },
	{ "mapped writes, punch", write_map, read_buffered, cut_punch, 11 },
	{ "mapped writes, direct reads, zero range", write_map, read_direct, cut_zero, 11 },
	{ }
};

/* Threads */

static void write_some(unsigned int writer, unsigned int *state)
{
	static __thread struct content buf[PAGE / CELL] __attribute__((aligned(PAGE)));
	unsigned int runs = CELLS / phase->run / WRITERS * WRITERS;
	unsigned int first = (below(state, runs / WRITERS) * WRITERS + writer) * phase->run;
	unsigned int n = phase->run, begun;

	/* Part of the run; a direct write goes in sectors */
	if (below(state, 2)) {
		unsigned int unit = phase->write == write_direct ? 512 / CELL : 1;

		n = (1 + below(state, phase->run / unit)) * unit;
		first += below(state, (phase->run - n) / unit + 1) * unit;
	}
	for (unsigned int i = 0; i < n; i++)
		fill(&buf[i], first + i, history[first + i].seq + 1);
	/* A reader may see it from here on */
	for (unsigned int i = 0; i < n; i++)
		history[first + i].seq++;
	begun = cuts_ended;
	if (phase->write(buf, n * CELL, (off_t)first * CELL) != n * CELL)
		die("write");
	for (unsigned int i = 0; i < n; i++) {
		history[first + i].begun = begun;
		history[first + i].ended = cuts_begun;
	}
}

static void *writer_thread(void *arg)
{
	unsigned int writer = (uintptr_t)arg, state = seed * 31 + writer;

	for (unsigned int i = 0; (i < writes || cuts_ended < cuts) && !bad; i++) {
		write_some(writer, &state);
		written++;
		/* Stores by mmap would leave no time for the others */
		if (i % 16 == 0)
			usleep(1000);
	}
	writers_left--;
	return NULL;
}

/*
 * A fault in the middle of a mapped write waits for the cut that is under way, which
 * takes what was stored before. So a cell can be left with a part of its last write.
 */
static bool is_part(const struct content *c, uint32_t cell)
{
	struct content want;
	const uint8_t *have = (const void *)c, *bytes = (const void *)&want;

	fill(&want, cell, history[cell].seq);
	for (size_t i = 0; i < CELL; i++)	/* memcpy() may go byte by byte */
		if (have[i] && have[i] != bytes[i])
			return false;
	return phase->write == write_map;
}

/*
 * A cell that is being written can be seen in part, as long as a fault in the
 * middle of a store takes.
 */
static bool settles(struct content *c, uint32_t cell)
{
	struct content block[512 / CELL] __attribute__((aligned(512)));
	off_t pos = (off_t)cell * CELL;
	int64_t n;

	for (int i = 0; i < 2500; i++) {
		if (is_zero(c) || (is_own(c, cell) && c->seq <= history[cell].seq) ||
		    is_part(c, cell))
			return true;
		usleep(2000);
		n = phase->read(block, 512, pos & -512);
		if (n < (pos & 511) + CELL)
			return true;	/* no longer there */
		*c = block[pos % 512 / CELL];
	}
	return false;
}

static void *reader_thread(void *arg)
{
	static struct content buf[4 * PAGE / CELL] __attribute__((aligned(PAGE)));
	unsigned int state = seed + 1;

	while (writers_left && !bad) {
		uint32_t first = below(&state, CELLS) & -(512 / CELL);
		uint32_t cells = CELLS - first < 4 * PAGE / CELL ? CELLS - first : 4 * PAGE / CELL;
		int64_t n = phase->read(buf, cells * CELL, (off_t)first * CELL);

		if (n < 0)
			die("read");
		for (uint32_t i = 0; i < n / CELL; i++)
			if (!settles(&buf[i], first + i))
				complain("a reader saw what nobody wrote there", first + i, &buf[i]);
		usleep(300);
	}
	return NULL;
}

static void cut_some(unsigned int *state)
{
	uint32_t from = below(state, CELLS), cells = 1 + below(state, below(state, 4) ? 200 : CELLS);
	off_t to = (off_t)(from + cells < CELLS ? from + cells : CELLS) * CELL;
	unsigned int nr = cuts_begun + 1;

	for (uint32_t i = from; i < cut_end(to) / CELL; i++)
		cut[i] = nr;
	cuts_begun = nr;
	if (phase->cut((off_t)from * CELL, to))
		die("cut");
	cuts_ended = nr;
	/* Up again: what was cut off must not come back */
	if (phase->cut == cut_truncate && below(state, 2) && ftruncate(fd, SIZE))
		die("truncate up");
}

static void *cutter_thread(void *arg)
{
	unsigned int state = seed + 2;

	while (writers_left && !bad) {
		cut_some(&state);
		usleep(below(&state, 3000));
	}
	return NULL;
}

static void *sync_thread(void *arg)
{
	unsigned int state = seed + 3;

	while (writers_left && !bad) {
		if (fsync(fd))
			die("fsync");
		if (below(&state, 2) && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
			die("fadvise");
		usleep(below(&state, 5000));
	}
	return NULL;
}

/* All is quiet */

static void check_cell(uint32_t cell, const struct content *c)
{
	const struct history *h = &history[cell];

	if (is_zero(c)) {
		if (h->seq && cut[cell] <= h->begun)
			complain("its last write is lost", cell, c);
		return;
	}
	/* Only a cut while it was written leaves a part */
	if (!is_own(c, cell) && is_part(c, cell) && h->begun < cut[cell] && cut[cell] <= h->ended)
		return;
	if (!is_own(c, cell))
		complain("it holds what nobody wrote there", cell, c);
	else if (c->seq != h->seq)
		complain("it holds an older write", cell, c);
	else if (h->ended < cut[cell])
		complain("what was cut has come back", cell, c);
}

static void check(void)
{
	static struct content buf[CELLS];
	int64_t n;

	memset(buf, 0, sizeof(buf));
	n = pread(fd, buf, SIZE, 0);
	if (n < 0)
		die("read");
	if (n % CELL || lseek(fd, 0, SEEK_END) != n) {
		printf("%s: size %lld, %lld read\n", phase->name, (long long)lseek(fd, 0, SEEK_END),
		       (long long)n);
		bad = true;
	}
	for (uint32_t i = 0; i < CELLS; i++)
		check_cell(i, &buf[i]);
}

static void start(pthread_t *thread, void *(*run)(void *), uintptr_t arg)
{
	errno = pthread_create(thread, NULL, run, (void *)arg);
	if (errno)
		die("thread");
}

static void run_phase(const char *dir)
{
	pthread_t threads[WRITERS + 3];
	char path[4096];

	snprintf(path, sizeof(path), "%s/race", dir);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
	direct_fd = open(path, O_RDWR | O_DIRECT);
	if (fd < 0 || direct_fd < 0 || ftruncate(fd, SIZE))
		die(path);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	memset(history, 0, sizeof(history));
	memset(cut, 0, sizeof(cut));
	cuts_begun = cuts_ended = written = 0;
	writers_left = WRITERS;

	for (unsigned int i = 0; i < WRITERS; i++)
		start(&threads[i], writer_thread, i);
	start(&threads[WRITERS], reader_thread, 0);
	start(&threads[WRITERS + 1], cutter_thread, 0);
	start(&threads[WRITERS + 2], sync_thread, 0);
	for (unsigned int i = 0; i < WRITERS + 3; i++)
		pthread_join(threads[i], NULL);

	check();
	if (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		die("drop");
	check();
	if (!bad)
		printf("%s: %u writes, %u cuts\n", phase->name, written, cuts_begun);
	munmap(map, SIZE);
	close(direct_fd);
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	time_t end;

	bool is_short = argc > 1 && !strcmp(argv[1], "--short");

	argc -= is_short;
	argv += is_short;
	if (argc < 2 || argc > 4) {
		fputs("usage: fsrace [--short] DIR [SECONDS [SEED]]: all phases once, or again and "
		      "again for SECONDS\n", stderr);
		return 2;
	}
	/* the debug kernel, see tests/debug */
	if (is_short || (getenv("SLOW") && atoi(getenv("SLOW")) > 1)) {
		writes = 20;
		cuts = 5;
	}
	end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 0);
	seed = argc > 3 ? atoi(argv[3]) : time(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGBUS, on_bus);
	do {
		printf("seed %u\n", seed);
		for (phase = phases; phase->name && !bad; phase++)
			run_phase(argv[1]);
		seed++;
	} while (!bad && time(NULL) < end);
	return bad;
}
