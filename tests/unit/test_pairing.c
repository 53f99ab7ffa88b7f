// SPDX-License-Identifier: GPL-2.0-only
/* Raw events to finished operations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "pairing.h"

#define DEV	40
#define INO	7
#define OTHER	8
#define TID	100
#define SERVER	200
#define MAX	128

struct run {
	struct source_config config;
	struct tasks *tasks;
	struct pairing *p;
	struct fi_record got[MAX];
	size_t n;
	__u64 now;
	struct snapshot snap;
};

static void sink(void *ctx, const struct fi_record *r)
{
	struct run *run = ctx;

	assert_true(run->n < MAX);
	run->got[run->n++] = *r;
}

/* Threads 100 to 199 are of process 100, called "app"; the rest of 200, "server". */
static void lookup(void *ctx, __u32 tid, struct task *t)
{
	t->pid = tid / 100 * 100;
	strcpy(t->comm, t->pid == 100 ? "app" : "server");
}

static struct run *start(bool upstream)
{
	struct run *run = calloc(1, sizeof(*run));

	run->config.sink = sink;
	run->config.ctx = run;
	run->config.settings.servers = 1;
	run->tasks = tasks_new(lookup, NULL);
	run->p = pairing_new(&run->config, upstream, run->tasks);
	run->now = 1000;
	return run;
}

static const struct fi_ledger *ledger(struct run *run)
{
	pairing_read(run->p, &run->snap);
	return &run->snap.ledger;
}

/* Each kind: begun = ok + errors + in flight + unpaired. */
static void stop(struct run *run)
{
	const struct fi_ledger *l = ledger(run);
	__u64 in_flight;

	for (int k = 0; k < FI_KINDS; k++)
		assert_int_equal(l->begun[k], l->ok[k] + l->errors[k] + l->in_flight[k] +
				 l->unpaired[k]);
	in_flight = l->in_flight[FI_BEGIN] + l->in_flight[FI_END] + l->in_flight[FI_IOEND];
	/* Without done events, what sent no request may be over. */
	if (run->snap.upstream)
		assert_true(run->snap.nr_open <= in_flight);
	else
		assert_int_equal(run->snap.nr_open, in_flight);
	snapshot_free(&run->snap);
	pairing_free(run->p);
	tasks_free(run->tasks);
	free(run);
}

/* Every event takes ten ns. */
static void put(struct run *run, struct raw_event e)
{
	e.time_ns = run->now += 10;
	if (!e.tid)
		e.tid = TID;
	if (!e.dev)
		e.dev = DEV;
	pairing_event(run->p, &e);
}

#define PUT(run, what_, ...) put(run, (struct raw_event){ .what = what_, .ino = INO, __VA_ARGS__ })

static const struct fuse_iomap_io mapped = {
	.length = 4096, .type = FUSE_IOMAP_TYPE_MAPPED, .dev = 1,
};
static const struct fuse_iomap_io overwrite = {
	.length = 4096, .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE,
};

static void request(struct run *run, __u64 unique, __u32 opcode, int error)
{
	PUT(run, RAW_REQUEST_SEND, .unique = unique, .opcode = opcode);
	PUT(run, RAW_REQUEST_SENT, .unique = unique, .opcode = opcode, .tid = SERVER);
	PUT(run, RAW_REQUEST_END, .unique = unique, .error = error, .tid = SERVER);
}

/* ---- with done events -------------------------------------------------------------- */

static void begin_with_split(void **state)
{
	struct run *run = start(false);
	const struct fi_record *r = &run->got[0];

	PUT(run, RAW_BEGIN, .pos = 0, .count = 4096, .isize = 4096, .nodeid = 3);
	request(run, 5, FUSE_IOMAP_BEGIN, 0);
	PUT(run, RAW_BEGIN_DONE, .pos = 0, .count = 4096, .read = mapped, .write = overwrite);
	assert_int_equal(run->n, 1);
	assert_int_equal(r->kind, FI_BEGIN);
	assert_int_equal(r->op, FI_READ);
	assert_int_equal(r->flags, FI_F_SENT | FI_F_TIMED | FI_F_SPLIT);
	assert_int_equal(r->lat_ns, 40);
	for (int i = 0; i < FI_PHASES; i++)
		assert_int_equal(r->phase_ns[i], 10);
	assert_int_equal(r->pid, 100);
	assert_int_equal(r->tid, TID);
	assert_string_equal(r->comm, "app");
	assert_int_equal(r->unique, 5);
	assert_int_equal(r->server_tid, SERVER);
	assert_int_equal(r->isize, 4096);
	assert_int_equal(r->read.type, FUSE_IOMAP_TYPE_MAPPED);
	assert_int_equal(ledger(run)->ok[FI_BEGIN], 1);
	assert_int_equal(run->snap.nr_servers, 1);
	assert_int_equal(run->snap.server[0].key.tid, SERVER);
	assert_int_equal(run->snap.server[0].key.pid, 200);
	assert_int_equal(run->snap.server[0].v.requests[FI_BEGIN], 1);
	assert_int_equal(run->snap.server[0].v.busy_ns, 10);
	assert_int_equal(run->snap.server[0].v.busy_since, 0);
	stop(run);
}

/* The caller can be through before the kernel fires request_end. */
static void quick_caller(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_REQUEST_SEND, .unique = 5, .opcode = FUSE_IOMAP_BEGIN);
	PUT(run, RAW_REQUEST_SENT, .unique = 5, .tid = SERVER);
	PUT(run, RAW_BEGIN_DONE, .count = 1);
	PUT(run, RAW_REQUEST_END, .unique = 5, .tid = SERVER);
	assert_true(run->got[0].flags & FI_F_SPLIT);
	assert_int_equal(run->got[0].phase_ns[FI_PH_SERVER], 10);
	assert_int_equal(run->got[0].phase_ns[FI_PH_WAKEUP], 0);
	assert_int_equal(ledger(run)->unsplit, 0);
	assert_int_equal(run->snap.server[0].v.requests[FI_BEGIN], 1);
	stop(run);
}

/* A size that changes in between does not turn an append into a write. */
static void append_stays_append(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_BEGIN, .pos = 4096, .count = 100, .isize = 4096,
	    .opflags = FUSE_IOMAP_OP_WRITE);
	PUT(run, RAW_BEGIN_DONE, .pos = 4096, .count = 100, .opflags = FUSE_IOMAP_OP_WRITE);
	PUT(run, RAW_END, .pos = 4096, .count = 100, .written = 100, .isize = 4196,
	    .opflags = FUSE_IOMAP_OP_WRITE);
	request(run, 9, FUSE_IOMAP_END, 0);
	PUT(run, RAW_END_DONE, .pos = 4096, .count = 100, .written = 100, .sent = 1,
	    .opflags = FUSE_IOMAP_OP_WRITE);
	assert_int_equal(run->n, 2);
	assert_int_equal(run->got[0].op, FI_APPEND);
	assert_int_equal(run->got[1].op, FI_APPEND);
	assert_int_equal(run->got[1].flags, FI_F_SENT | FI_F_TIMED | FI_F_SPLIT);
	stop(run);
}

static void end_without_upcall(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_END_DONE, .count = 10, .written = 10);
	assert_int_equal(run->n, 1);
	assert_int_equal(run->got[0].flags, 0);
	assert_int_equal(ledger(run)->unsent[FI_END], 1);
	assert_int_equal(ledger(run)->begun[FI_END], 0);
	stop(run);
}

/* A short buffered write: two ENDs at two positions. */
static void two_ends(void **state)
{
	struct run *run = start(false);
	const __u32 w = FUSE_IOMAP_OP_WRITE;

	for (int i = 0; i < 2; i++) {
		__u64 pos = i ? 12288 : 0, count = 16384 - pos;

		PUT(run, RAW_BEGIN, .pos = pos, .count = count, .opflags = w, .isize = 16384);
		PUT(run, RAW_BEGIN_DONE, .pos = pos, .count = count, .opflags = w);
		PUT(run, RAW_END, .pos = pos, .count = count, .opflags = w);
		PUT(run, RAW_END_DONE, .pos = pos, .count = count, .opflags = w, .sent = 1,
		    .written = i ? 0 : 12288);
	}
	assert_int_equal(run->n, 4);
	assert_int_equal(run->got[1].written, 12288);
	assert_int_equal(run->got[1].op, FI_WRITE);
	assert_int_equal(run->got[3].written, 0);
	assert_int_equal(ledger(run)->ok[FI_END], 2);
	stop(run);
}

/* A write faults in a page of another file between its BEGIN and its END. */
static void nested_on_another_inode(void **state)
{
	struct run *run = start(false);
	const __u32 w = FUSE_IOMAP_OP_WRITE;

	PUT(run, RAW_BEGIN, .pos = 0, .count = 10, .opflags = w);
	PUT(run, RAW_BEGIN_DONE, .pos = 0, .count = 10, .opflags = w);
	put(run, (struct raw_event){ .what = RAW_BEGIN, .ino = OTHER, .count = 4096,
				     .isize = 4096 });
	put(run, (struct raw_event){ .what = RAW_BEGIN_DONE, .ino = OTHER, .count = 4096 });
	put(run, (struct raw_event){ .what = RAW_END_DONE, .ino = OTHER, .count = 4096,
				     .written = 4096 });
	PUT(run, RAW_END_DONE, .pos = 0, .count = 10, .opflags = w, .written = 10);
	assert_int_equal(run->n, 4);
	assert_int_equal(run->got[2].ino, OTHER);
	assert_int_equal(run->got[2].op, FI_READ);
	assert_int_equal(run->got[3].ino, INO);
	assert_int_equal(run->got[3].op, FI_APPEND);
	stop(run);
}

/* A zeroing starts writeback of the same file, at the same position. */
static void nested_on_the_same_inode(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_BEGIN, .count = 10, .opflags = FUSE_IOMAP_OP_ZERO);
	PUT(run, RAW_BEGIN, .count = 10, .opflags = FUSE_IOMAP_OP_WRITEBACK);
	PUT(run, RAW_BEGIN_DONE, .count = 10, .opflags = FUSE_IOMAP_OP_WRITEBACK);
	PUT(run, RAW_BEGIN_DONE, .count = 10, .opflags = FUSE_IOMAP_OP_ZERO);
	PUT(run, RAW_END_DONE, .count = 10, .opflags = FUSE_IOMAP_OP_ZERO, .written = 10);
	assert_int_equal(run->n, 3);
	assert_int_equal(run->got[0].op, FI_WRITEBACK);
	assert_int_equal(run->got[1].op, FI_ZERO);
	assert_int_equal(run->got[1].lat_ns, 30);
	assert_int_equal(run->got[2].op, FI_ZERO);
	stop(run);
}

static void interleaved_threads(void **state)
{
	struct run *run = start(false);

	for (int t = 0; t < 3; t++)
		PUT(run, RAW_BEGIN, .tid = TID + t, .count = 1);
	for (int t = 0; t < 3; t++)
		PUT(run, RAW_REQUEST_SEND, .tid = TID + t, .unique = 10 + t,
		    .opcode = FUSE_IOMAP_BEGIN);
	for (int t = 2; t >= 0; t--)
		PUT(run, RAW_BEGIN_DONE, .tid = TID + t, .count = 1);
	assert_int_equal(run->n, 3);
	for (int t = 0; t < 3; t++) {
		assert_int_equal(run->got[t].tid, TID + 2 - t);
		assert_int_equal(run->got[t].unique, 12 - t);
		assert_int_equal(run->got[t].lat_ns, 40 + 20 * t);
	}
	stop(run);
}

static void missing_ends_are_unpaired(void **state)
{
	struct run *run = start(false);

	/* What lies above has ended unseen. */
	PUT(run, RAW_BEGIN, .pos = 0, .count = 1);
	PUT(run, RAW_BEGIN, .pos = 1, .count = 1);
	PUT(run, RAW_BEGIN_DONE, .pos = 0, .count = 1);
	assert_int_equal(ledger(run)->unpaired[FI_BEGIN], 1);
	/* A full stack is emptied. */
	for (int i = 0; i < 5; i++)
		PUT(run, RAW_BEGIN, .pos = 10 + i, .count = 1);
	assert_int_equal(ledger(run)->unpaired[FI_BEGIN], 5);
	assert_int_equal(ledger(run)->in_flight[FI_BEGIN], 1);
	assert_int_equal(run->snap.open[0].pos, 14);
	stop(run);
}

static void unmatched_ends(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_BEGIN_DONE, .count = 1);
	PUT(run, RAW_END_DONE, .count = 1, .sent = 1);
	PUT(run, RAW_IOEND_DONE, .count = 1);
	assert_int_equal(run->n, 0);
	for (int k = 0; k < FI_KINDS; k++)
		assert_int_equal(ledger(run)->unmatched[k], 1);
	stop(run);
}

static void errors_and_ioends(void **state)
{
	struct run *run = start(false);
	const __u32 f = FUSE_IOMAP_IOEND_DIRECT | FUSE_IOMAP_IOEND_APPEND;

	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_BEGIN_DONE, .count = 1, .error = -ENOSPC);
	PUT(run, RAW_IOEND, .pos = 5, .count = 100, .opflags = f, .new_addr = 77, .io_dev = 2);
	request(run, 3, FUSE_IOMAP_IOEND, 0);
	PUT(run, RAW_IOEND_DONE, .pos = 5, .count = 100, .opflags = f, .sent = 1,
	    .newsize = 105);
	assert_int_equal(run->n, 2);
	assert_int_equal(run->got[0].error, -ENOSPC);
	assert_int_equal(run->got[1].op, FI_APPEND_DIRECT);
	assert_int_equal(run->got[1].written, 100);
	assert_int_equal(run->got[1].newsize, 105);
	assert_int_equal(run->got[1].new_addr, 77);
	assert_int_equal(run->got[1].io_dev, 2);
	assert_int_equal(ledger(run)->errors[FI_BEGIN], 1);
	stop(run);
}

static void refused_reply_names_its_operation(void **state)
{
	struct run *run = start(false);
	struct raw_event e = { .what = RAW_BAD_DATA, .line = 42, .text = "map->length == 0" };

	PUT(run, RAW_BEGIN, .pos = 9, .count = 1, .opflags = FUSE_IOMAP_OP_ZERO);
	put(run, e);
	PUT(run, RAW_BEGIN_DONE, .pos = 9, .count = 1, .opflags = FUSE_IOMAP_OP_ZERO,
	    .error = -EUCLEAN);
	assert_int_equal(run->n, 2);
	assert_int_equal(run->got[0].kind, FI_REFUSED);
	assert_int_equal(run->got[0].ino, INO);
	assert_int_equal(run->got[0].pos, 9);
	assert_int_equal(run->got[0].op, FI_ZERO);
	assert_int_equal(run->got[0].error, -EUCLEAN);
	assert_int_equal(run->got[0].line, 42);
	assert_string_equal(run->got[0].rule, "map->length == 0");
	assert_int_equal(ledger(run)->bad_data, 1);
	/* On its own, although its BEGIN is filtered out. */
	run->config.settings.kinds = 1U << FI_REFUSED;
	PUT(run, RAW_BEGIN, .pos = 7, .count = 1, .opflags = FUSE_IOMAP_OP_ZERO);
	put(run, e);
	assert_int_equal(run->n, 3);
	assert_int_equal(run->got[2].kind, FI_REFUSED);
	assert_int_equal(run->got[2].pos, 7);
	run->config.settings.ino = OTHER;
	put(run, e);
	assert_int_equal(run->n, 3);
	assert_int_equal(ledger(run)->bad_data, 2);
	/* Nor is it of a BEGIN that is done: its own is one that the kernel left out. */
	run->config.settings.ino = INO;
	PUT(run, RAW_BEGIN, .pos = 8, .count = 1, .opflags = FUSE_IOMAP_OP_ZERO);
	PUT(run, RAW_BEGIN_DONE, .pos = 8, .count = 1, .opflags = FUSE_IOMAP_OP_ZERO);
	put(run, e);
	assert_int_equal(ledger(run)->bad_data, 2);
	stop(run);
}

static void filters(void **state)
{
	struct run *run = start(false);

	/* Who and where: not even begun. */
	run->config.settings.ino = OTHER;
	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_BEGIN_DONE, .count = 1);
	assert_int_equal(ledger(run)->begun[FI_BEGIN], 0);
	assert_int_equal(ledger(run)->unmatched[FI_BEGIN], 0);
	run->config.settings.ino = 0;
	strcpy(run->config.settings.comm, "server");
	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_BEGIN_DONE, .count = 1);
	assert_int_equal(ledger(run)->begun[FI_BEGIN], 0);
	strcpy(run->config.settings.comm, "app");
	/* An END has the operation of its BEGIN, which was filtered. */
	run->config.settings.ops = 1 << FI_WRITE;
	PUT(run, RAW_BEGIN, .count = 1, .opflags = FUSE_IOMAP_OP_WRITE);
	PUT(run, RAW_BEGIN_DONE, .count = 1, .opflags = FUSE_IOMAP_OP_WRITE);
	PUT(run, RAW_END_DONE, .count = 1, .written = 1, .opflags = FUSE_IOMAP_OP_WRITE);
	assert_int_equal(run->n, 0);
	assert_int_equal(ledger(run)->unsent[FI_END], 0);
	run->config.settings.ops = 0;
	/* On the outcome: counted, not handed over. */
	run->config.settings.errors = 1;
	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_BEGIN_DONE, .count = 1);
	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_BEGIN_DONE, .count = 1, .error = -EIO);
	assert_int_equal(run->n, 1);
	assert_int_equal(ledger(run)->begun[FI_BEGIN], 2);
	stop(run);
}

static void what_is_open(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_BEGIN, .pos = 4, .count = 6, .opflags = FUSE_IOMAP_OP_REPORT);
	PUT(run, RAW_REQUEST_SEND, .unique = 5, .opcode = FUSE_IOMAP_BEGIN);
	ledger(run);
	assert_int_equal(run->snap.nr_open, 1);
	assert_int_equal(run->snap.open[0].start_ns, 1010);
	assert_int_equal(run->snap.open[0].send_ns, 1020);
	assert_int_equal(run->snap.open[0].op, FI_REPORT);
	assert_int_equal(run->snap.open[0].pid, 100);
	assert_string_equal(run->snap.open[0].comm, "app");
	/* A server that has taken it is busy since. */
	PUT(run, RAW_REQUEST_SENT, .unique = 5, .tid = SERVER);
	ledger(run);
	assert_int_equal(run->snap.server[0].v.busy_since, 1030);
	stop(run);
}

static void tasks_are_followed(void **state)
{
	struct run *run = start(false);
	struct raw_event thread = { .what = RAW_TASK_NEW, .other_tid = 950,
				    .clone_flags = 0x10000 /* CLONE_THREAD */, .text = "app" };
	struct raw_event process = { .what = RAW_TASK_NEW, .other_tid = 951, .text = "app" };
	struct raw_event exec = { .what = RAW_TASK_RENAME, .other_tid = 951, .text = "dd" };

	put(run, thread);
	put(run, process);
	put(run, exec);
	PUT(run, RAW_END_DONE, .tid = 950, .count = 1, .written = 1);
	PUT(run, RAW_END_DONE, .tid = 951, .count = 1, .written = 1);
	assert_int_equal(run->got[0].pid, 100);
	assert_string_equal(run->got[0].comm, "app");
	assert_int_equal(run->got[1].pid, 951);
	assert_string_equal(run->got[1].comm, "dd");
	stop(run);
}

/* ---- with upstream's events only ------------------------------------------------------ */

static void upstream_begin(void **state)
{
	struct run *run = start(true);

	PUT(run, RAW_BEGIN, .count = 4096, .isize = 4096);
	request(run, 5, FUSE_IOMAP_BEGIN, 0);
	PUT(run, RAW_READ_MAP, .read = mapped);
	PUT(run, RAW_WRITE_MAP, .read = overwrite);
	assert_int_equal(run->n, 1);
	assert_int_equal(run->got[0].flags, FI_F_SENT | FI_F_TIMED | FI_F_SPLIT | FI_F_UNSURE);
	assert_int_equal(run->got[0].count, 4096);
	assert_int_equal(run->got[0].read.type, FUSE_IOMAP_TYPE_MAPPED);
	assert_int_equal(run->got[0].write.type, FUSE_IOMAP_TYPE_PURE_OVERWRITE);
	PUT(run, RAW_BEGIN, .count = 4096);
	PUT(run, RAW_BEGIN_ERROR, .count = 4096, .error = -ENOSPC);
	assert_int_equal(run->n, 2);
	assert_int_equal(run->got[1].error, -ENOSPC);
	assert_int_equal(ledger(run)->errors[FI_BEGIN], 1);
	stop(run);
}

/* Answered from a cache: no word of it, until the thread goes on. */
static void upstream_cached_begin(void **state)
{
	struct run *run = start(true);

	PUT(run, RAW_BEGIN, .count = 1);
	assert_int_equal(ledger(run)->in_flight[FI_BEGIN], 1);
	assert_int_equal(run->snap.nr_open, 0);
	PUT(run, RAW_BEGIN, .pos = 1, .count = 1);
	assert_int_equal(run->n, 1);
	assert_int_equal(run->got[0].flags, FI_F_UNSURE);
	assert_int_equal(run->got[0].read.length, 0);
	assert_int_equal(ledger(run)->ok[FI_BEGIN], 1);
	assert_int_equal(ledger(run)->unpaired[FI_BEGIN], 0);
	stop(run);
}

/* A server that says "retry" is asked, or looked up, again: still one operation. */
static void upstream_retry(void **state)
{
	static const struct fuse_iomap_io retry = {
		.length = 4096, .type = FUSE_IOMAP_TYPE_RETRY_CACHE,
	};
	struct run *run = start(true);

	PUT(run, RAW_BEGIN, .count = 1);
	for (int i = 0; i < 2; i++) {
		request(run, 5 + i, FUSE_IOMAP_BEGIN, 0);
		PUT(run, RAW_READ_MAP, .read = i ? mapped : retry);
		PUT(run, RAW_WRITE_MAP, .read = overwrite);
	}
	PUT(run, RAW_BEGIN, .pos = 1, .count = 1);
	assert_int_equal(run->n, 1);
	assert_int_equal(ledger(run)->begun[FI_BEGIN], 2);
	assert_int_equal(ledger(run)->ok[FI_BEGIN], 1);
	stop(run);
}

static void upstream_end(void **state)
{
	struct run *run = start(true);

	PUT(run, RAW_END, .count = 16, .written = 12, .opflags = FUSE_IOMAP_OP_WRITE,
	    .read = mapped);
	request(run, 5, FUSE_IOMAP_END, -ENOSYS);
	assert_int_equal(run->n, 1);
	assert_int_equal(run->got[0].error, 0);
	assert_int_equal(run->got[0].written, 12);
	assert_int_equal(run->got[0].lat_ns, 30);
	assert_int_equal(run->got[0].phase_ns[FI_PH_WAKEUP], 0);
	assert_int_equal(run->got[0].read.type, FUSE_IOMAP_TYPE_MAPPED);
	assert_int_equal(run->got[0].flags, FI_F_SENT | FI_F_TIMED | FI_F_SPLIT | FI_F_UNSURE);
	/* The error event comes after: it finds nothing to end. */
	PUT(run, RAW_END, .count = 16);
	request(run, 6, FUSE_IOMAP_END, -EIO);
	PUT(run, RAW_END_ERROR, .count = 16, .error = -EIO);
	assert_int_equal(run->n, 2);
	assert_int_equal(run->got[1].error, -EIO);
	/* Or before, when the caller is quick. */
	PUT(run, RAW_END, .count = 16);
	PUT(run, RAW_REQUEST_SEND, .unique = 7, .opcode = FUSE_IOMAP_END);
	PUT(run, RAW_END_ERROR, .count = 16, .error = -EINTR);
	PUT(run, RAW_REQUEST_END, .unique = 7, .tid = SERVER);
	assert_int_equal(run->n, 3);
	assert_int_equal(run->got[2].error, -EINTR);
	stop(run);
}

static void upstream_ioend(void **state)
{
	struct run *run = start(true);

	/* Nothing the server has to know. */
	PUT(run, RAW_IOEND, .count = 16);
	assert_int_equal(run->n, 1);
	assert_int_equal(run->got[0].flags, FI_F_UNSURE);
	assert_int_equal(ledger(run)->unsent[FI_IOEND], 1);
	/* The error of the I/O wins. */
	PUT(run, RAW_IOEND, .count = 16, .io_error = -EIO);
	request(run, 5, FUSE_IOMAP_IOEND, -EPERM);
	assert_int_equal(run->n, 2);
	assert_int_equal(run->got[1].error, -EIO);
	assert_int_equal(run->got[1].io_error, -EIO);
	assert_int_equal(ledger(run)->sent[FI_IOEND], 1);
	/* Without request events it is done when the thread goes on. */
	PUT(run, RAW_IOEND, .count = 16, .opflags = FUSE_IOMAP_IOEND_UNWRITTEN);
	assert_int_equal(ledger(run)->in_flight[FI_IOEND], 1);
	PUT(run, RAW_IOEND, .count = 16);
	assert_int_equal(run->n, 4);
	assert_int_equal(run->got[2].flags, FI_F_UNSURE);
	stop(run);
}

/* Lost events are lost, and what they leave open is no trap. */
static void loss(void **state)
{
	struct run *run = start(false);

	PUT(run, RAW_BEGIN, .count = 1);
	PUT(run, RAW_REQUEST_SEND, .unique = 5, .opcode = FUSE_IOMAP_BEGIN);
	PUT(run, RAW_REQUEST_SENT, .unique = 5, .tid = SERVER);
	pairing_lost(run->p, 17);
	for (int i = 0; i < 100; i++) {
		PUT(run, RAW_BEGIN, .pos = 1 + i, .count = 1);
		PUT(run, RAW_BEGIN_DONE, .pos = 1 + i, .count = 1);
	}
	assert_int_equal(ledger(run)->raw_lost, 17);
	assert_int_equal(ledger(run)->ok[FI_BEGIN], 100);
	assert_int_equal(ledger(run)->in_flight[FI_BEGIN], 1);
	stop(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begin_with_split),
		cmocka_unit_test(quick_caller),
		cmocka_unit_test(append_stays_append),
		cmocka_unit_test(end_without_upcall),
		cmocka_unit_test(two_ends),
		cmocka_unit_test(nested_on_another_inode),
		cmocka_unit_test(nested_on_the_same_inode),
		cmocka_unit_test(interleaved_threads),
		cmocka_unit_test(missing_ends_are_unpaired),
		cmocka_unit_test(unmatched_ends),
		cmocka_unit_test(errors_and_ioends),
		cmocka_unit_test(refused_reply_names_its_operation),
		cmocka_unit_test(filters),
		cmocka_unit_test(what_is_open),
		cmocka_unit_test(tasks_are_followed),
		cmocka_unit_test(upstream_begin),
		cmocka_unit_test(upstream_cached_begin),
		cmocka_unit_test(upstream_retry),
		cmocka_unit_test(upstream_end),
		cmocka_unit_test(upstream_ioend),
		cmocka_unit_test(loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
