// SPDX-License-Identifier: GPL-2.0-only
/* Each signature from a sequence of records as the kernel makes it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "short.h"
#include "shortview.h"

#define WRITE		FUSE_IOMAP_OP_WRITE
#define DIRECT		(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT)
#define ZERO		FUSE_IOMAP_OP_ZERO

#define K		1024ULL
#define MAX		16

static struct shorts *shorts;
static struct finding found[MAX];
static size_t n;
static __u64 now;
static __u16 extra;	/* flags of all records: FI_F_STATUS where sources know it */

static void on_finding(void *ctx, const struct finding *f)
{
	assert_true(n < MAX);
	found[n++] = *f;
}

static int setup(void **state)
{
	n = 0;
	now = 1000000000;
	extra = FI_F_STATUS;
	shorts = shorts_new(on_finding, NULL);
	return 0;
}

static int teardown(void **state)
{
	shorts_free(shorts);
	return 0;
}

static struct fi_record record(__u8 kind, __u32 tid, __u32 opflags, __u64 pos, __u64 count)
{
	return (struct fi_record){
		.time_ns = now += 1000, .kind = kind, .tid = tid, .pid = tid, .dev = 40, .ino = 7,
		.opflags = opflags, .op = fi_op_of(opflags), .pos = pos, .count = count,
		.flags = FI_F_SENT | extra, .comm = "writer",
	};
}

static void begin_err(__u32 tid, __u32 opflags, __u64 pos, __u64 count, int error)
{
	struct fi_record r = record(FI_BEGIN, tid, opflags, pos, count);

	r.error = error;
	if (!error) {
		r.read = (struct fuse_iomap_io){ .offset = pos & -4096, .length = 64 * K };
		r.write = r.read;
		r.write.type = FUSE_IOMAP_TYPE_UNWRITTEN;
	}
	shorts_add(shorts, &r);
}

static void begin(__u32 tid, __u32 opflags, __u64 pos, __u64 count)
{
	begin_err(tid, opflags, pos, count, 0);
}

struct end_as {
	int status;
	int error;
	__u16 mapflags;
	__u16 flags;
};

static void end_as(__u32 tid, __u32 opflags, __u64 pos, __u64 count, __s64 written,
		   struct end_as as)
{
	struct fi_record r = record(FI_END, tid, opflags, pos, count);

	r.written = written;
	r.io_error = as.status;
	r.error = as.error;
	r.flags |= as.flags;
	r.read = (struct fuse_iomap_io){ .offset = pos, .length = count, .flags = as.mapflags };
	shorts_add(shorts, &r);
}

static void end(__u32 tid, __u32 opflags, __u64 pos, __u64 count, __s64 written, int status)
{
	end_as(tid, opflags, pos, count, written, (struct end_as){ .status = status });
}

static void ioend(__u32 tid, __u32 flags, __u64 pos, __u64 count, int io_error)
{
	struct fi_record r = record(FI_IOEND, tid, flags, pos, count);

	r.op = fi_op_of_ioend(flags);
	r.written = count;
	r.io_error = r.error = io_error;
	shorts_add(shorts, &r);
}

static void refused(__u32 tid, __u64 pos, const char *rule)
{
	struct fi_record r = record(FI_REFUSED, tid, 0, pos, 0);

	snprintf(r.rule, sizeof(r.rule), "%s", rule);
	shorts_add(shorts, &r);
}

static void assert_found(size_t i, enum short_cause cause, int error, __u64 pos, __u64 count,
			 __u64 written, __u32 ends)
{
	assert_true(i < n);
	assert_string_equal(short_cause_name[found[i].cause], short_cause_name[cause]);
	assert_int_equal(found[i].error, error);
	assert_int_equal(found[i].pos, pos);
	assert_int_equal(found[i].count, count);
	assert_int_equal(found[i].written, written);
	assert_int_equal(found[i].missing, count - written);
	assert_int_equal(found[i].nr_ends, ends);
}

static void full_writes_are_none(void **state)
{
	begin(1, WRITE, 0, 16 * K);
	end(1, WRITE, 0, 16 * K, 16 * K, 0);
	begin(1, DIRECT, 0, 16 * K);
	end(1, DIRECT, 0, 16 * K, 16 * K, 0);
	ioend(1, FUSE_IOMAP_IOEND_DIRECT, 0, 16 * K, 0);
	begin(1, 0, 0, 16 * K);
	/* A read may end early. */
	end(1, 0, 0, 16 * K, 4 * K, 0);
	shorts_flush(shorts);
	assert_int_equal(n, 0);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].ends, 1);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE_DIRECT].ends, 1);
	assert_int_equal(shorts_counts(shorts)[FI_READ].ends, 0);
}

static void one_write_over_two_mappings(void **state)
{
	begin(1, WRITE, 0, 16 * K);
	end(1, WRITE, 0, 4 * K, 4 * K, 0);
	begin(1, WRITE, 4 * K, 12 * K);
	end(1, WRITE, 4 * K, 12 * K, 12 * K, 0);
	shorts_flush(shorts);
	assert_int_equal(n, 0);
}

static void fault(void **state)
{
	begin(1, WRITE, 0, 16 * K);
	end(1, WRITE, 0, 16 * K, 12 * K, -EFAULT);
	/* Known at once. */
	assert_int_equal(n, 1);
	assert_found(0, SHORT_FAULT, -EFAULT, 0, 16 * K, 12 * K, 1);
	assert_true(found[0].sure);
	assert_int_equal(found[0].begin.write.type, FUSE_IOMAP_TYPE_UNWRITTEN);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].shorts, 1);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].missing, 4 * K);
}

/* Kernels before 7.3 do not say in the first END that it is over. */
static void fault_as_two_ends(void **state)
{
	extra = 0;
	begin(1, WRITE, 0, 16 * K);
	end(1, WRITE, 0, 16 * K, 12 * K, 0);
	begin(1, WRITE, 12 * K, 4 * K);
	end(1, WRITE, 12 * K, 4 * K, 0, 0);
	begin(1, WRITE, 64 * K, 4 * K);
	assert_int_equal(n, 1);
	assert_found(0, SHORT_FAULT, 0, 0, 16 * K, 12 * K, 2);
	assert_false(found[0].sure);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].shorts, 2);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].findings, 1);
}

static void fault_or_killed(void **state)
{
	extra = 0;
	begin(1, WRITE, 0, 16 * K);
	end(1, WRITE, 0, 16 * K, 0, 0);
	begin(2, WRITE, 0, 4 * K);
	end(2, WRITE, 0, 4 * K, 4 * K, 0);
	assert_int_equal(n, 0);
	shorts_flush(shorts);
	/* Nobody saw this thread again, so nobody can tell. */
	assert_found(0, SHORT_UNKNOWN, 0, 0, 16 * K, 0, 1);
}

/* The block that was to be written in part had to be read, which may have failed, too. */
static void fault_or_read_error(void **state)
{
	struct fi_record r;

	extra = 0;
	begin(1, WRITE, 0, 4 * K);
	end(1, WRITE, 0, 4 * K, 4 * K, 0);
	r = record(FI_BEGIN, 1, WRITE, 100, 200);
	r.read = (struct fuse_iomap_io){ .length = 64 * K, .type = FUSE_IOMAP_TYPE_MAPPED };
	r.write = (struct fuse_iomap_io){ .length = 64 * K,
					  .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE };
	shorts_add(shorts, &r);
	end(1, WRITE, 100, 200, 0, 0);
	begin(1, WRITE, 0, 4 * K);
	assert_found(0, SHORT_UNKNOWN, 0, 100, 200, 0, 1);
}

static void no_space_on_the_next_mapping(void **state)
{
	begin(1, WRITE, 0, 1024 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	begin(1, WRITE, 64 * K, 960 * K);
	end(1, WRITE, 64 * K, 64 * K, 64 * K, 0);
	begin_err(1, WRITE, 128 * K, 896 * K, -ENOSPC);
	assert_int_equal(n, 1);
	/* No END was short, but the write is. */
	assert_found(0, SHORT_NEXT, -ENOSPC, 0, 1024 * K, 128 * K, 0);
	assert_int_equal(found[0].next.pos, 128 * K);
	assert_int_equal(found[0].end.pos, 64 * K);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].shorts, 0);
}

/* A write that fails as a whole, behind one that was done: an error, nothing short. */
static void two_writes_the_second_fails(void **state)
{
	begin(1, WRITE, 0, 64 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	begin_err(1, WRITE, 64 * K, 64 * K, -ENOSPC);
	shorts_flush(shorts);
	assert_int_equal(n, 0);
}

static void next_mapping_refused(void **state)
{
	begin(1, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	refused(1, 64 * K, "map->length == 0");
	begin_err(1, WRITE, 64 * K, 64 * K, -EUCLEAN);
	assert_found(0, SHORT_REFUSED, -EUCLEAN, 0, 128 * K, 64 * K, 0);
	assert_string_equal(found[0].refused_before.rule, "map->length == 0");
}

static void signals(void **state)
{
	/* While it copies. */
	begin(1, WRITE, 0, 64 * K);
	end_as(1, WRITE, 0, 64 * K, 8 * K,
	       (struct end_as){ .status = -EINTR, .flags = FI_F_SIGNAL });
	assert_found(0, SHORT_SIGNAL, -EINTR, 0, 64 * K, 8 * K, 1);
	/* While it waits for the next mapping. */
	begin(1, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	begin_err(1, WRITE, 64 * K, 64 * K, -EINTR);
	assert_found(1, SHORT_SIGNAL, -EINTR, 0, 128 * K, 64 * K, 0);
	/* A signal that is pending is not why a fault is one. */
	begin(1, WRITE, 0, 64 * K);
	end_as(1, WRITE, 0, 64 * K, 8 * K,
	       (struct end_as){ .status = -EFAULT, .flags = FI_F_SIGNAL });
	assert_found(2, SHORT_FAULT, -EFAULT, 0, 64 * K, 8 * K, 1);
}

static void mapping_ended(void **state)
{
	begin(1, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	begin(1, WRITE, 512 * K, 4 * K);
	assert_found(0, SHORT_MAPPING_ENDED, 0, 0, 128 * K, 64 * K, 0);
	end(1, WRITE, 512 * K, 4 * K, 4 * K, 0);
	/* The same at the end of the stream, and when nothing comes for long. */
	begin(1, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	shorts_time(shorts, now + 1000000000);
	assert_int_equal(n, 1);
	shorts_time(shorts, now + 60000000000);
	assert_int_equal(n, 2);
	begin(1, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	shorts_flush(shorts);
	assert_int_equal(n, 3);
	assert_found(2, SHORT_MAPPING_ENDED, 0, 0, 128 * K, 64 * K, 0);
}

/* Flush and retry of a zeroing: writeback nests in it, on the same inode. */
static void stale_zeroing(void **state)
{
	begin(1, ZERO, 4 * K, 8 * K);
	begin(1, FUSE_IOMAP_OP_WRITEBACK, 4 * K, 4 * K);
	ioend(9, 0, 4 * K, 4 * K, 0);
	end_as(1, ZERO, 4 * K, 8 * K, 0, (struct end_as){ .mapflags = FUSE_IOMAP_F_STALE });
	assert_int_equal(n, 0);
	begin(1, ZERO, 4 * K, 8 * K);
	assert_found(0, SHORT_STALE, 0, 4 * K, 8 * K, 0, 1);
	assert_true(found[0].benign);
	assert_int_equal(found[0].ioend_before.pos, 4 * K);
	end(1, ZERO, 4 * K, 8 * K, 8 * K, 0);
	shorts_flush(shorts);
	assert_int_equal(n, 1);
	assert_int_equal(shorts_counts(shorts)[FI_ZERO].benign, 1);
	assert_int_equal(shorts_counts(shorts)[FI_ZERO].ends, 2);
}

/* It was to be done again, but there is no mapping any more. */
static void stale_then_no_space(void **state)
{
	begin(1, WRITE, 0, 8 * K);
	end_as(1, WRITE, 0, 8 * K, 4 * K, (struct end_as){ .mapflags = FUSE_IOMAP_F_STALE });
	begin_err(1, WRITE, 4 * K, 4 * K, -ENOSPC);
	assert_found(0, SHORT_NEXT, -ENOSPC, 0, 8 * K, 4 * K, 1);
	assert_false(found[0].benign);
}

static void stale_then_fault(void **state)
{
	begin(1, WRITE, 0, 8 * K);
	end_as(1, WRITE, 0, 8 * K, 4 * K, (struct end_as){ .mapflags = FUSE_IOMAP_F_STALE });
	begin(1, WRITE, 4 * K, 4 * K);
	end(1, WRITE, 4 * K, 4 * K, 0, -EFAULT);
	assert_int_equal(n, 2);
	assert_found(0, SHORT_STALE, 0, 0, 8 * K, 4 * K, 1);
	assert_found(1, SHORT_FAULT, -EFAULT, 0, 8 * K, 4 * K, 1);
}

static void resumed(void **state)
{
	begin(1, WRITE, 0, 8 * K);
	end(1, WRITE, 0, 8 * K, 4 * K, 0);
	begin(1, WRITE, 4 * K, 4 * K);
	end(1, WRITE, 4 * K, 4 * K, 4 * K, 0);
	assert_found(0, SHORT_RESUMED, 0, 0, 8 * K, 4 * K, 1);
	assert_true(found[0].benign);
}

static void server_answers_end_with_an_error(void **state)
{
	begin(1, WRITE, 0, 128 * K);
	end_as(1, WRITE, 0, 64 * K, 64 * K, (struct end_as){ .error = -EIO });
	assert_found(0, SHORT_SERVER, -EIO, 0, 128 * K, 64 * K, 0);
	/* What fell short before the server was told did not for its answer. */
	begin(1, WRITE, 0, 64 * K);
	end_as(1, WRITE, 0, 64 * K, 8 * K,
	       (struct end_as){ .status = -EFAULT, .error = -EIO });
	assert_found(1, SHORT_FAULT, -EFAULT, 0, 64 * K, 8 * K, 1);
	/* Nothing was left to do: an error, but nothing short. */
	begin(1, WRITE, 0, 64 * K);
	end_as(1, WRITE, 0, 64 * K, 64 * K, (struct end_as){ .error = -EIO });
	shorts_flush(shorts);
	assert_int_equal(n, 2);
}

/* The first bio fails while the second one is made; the ioend tells. */
static void direct_io_error(void **state)
{
	begin(1, DIRECT, 0, 2048 * K);
	end(1, DIRECT, 0, 2048 * K, 1024 * K, 0);
	begin(1, DIRECT, 1024 * K, 1024 * K);
	end(1, DIRECT, 1024 * K, 1024 * K, 0, 0);
	assert_int_equal(n, 0);
	/* One of another write on this file is none of ours. */
	ioend(9, FUSE_IOMAP_IOEND_DIRECT, 4096 * K, 4 * K, -EROFS);
	assert_int_equal(n, 0);
	ioend(1, FUSE_IOMAP_IOEND_DIRECT, 0, 1024 * K, -EIO);
	assert_int_equal(n, 1);
	assert_found(0, SHORT_IO_ERROR, -EIO, 0, 2048 * K, 1024 * K, 2);
	/* That one ended after the END, so it did not precede it. */
	assert_int_equal(found[0].ioend_before.time_ns, 0);
}

/* The ioend of a synchronous one is the task's next record. */
static void direct_fault_without_status(void **state)
{
	extra = 0;
	begin(1, DIRECT, 0, 16 * K);
	end(1, DIRECT, 0, 16 * K, 12 * K, 0);
	ioend(1, FUSE_IOMAP_IOEND_DIRECT, 0, 12 * K, -EFAULT);
	assert_int_equal(n, 1);
	assert_found(0, SHORT_FAULT, -EFAULT, 0, 16 * K, 12 * K, 1);
}

static void buffered_read_error(void **state)
{
	ioend(9, 0, 0, 4 * K, -EIO);
	begin(1, WRITE, 100, 200);
	end(1, WRITE, 100, 200, 0, -EIO);
	assert_found(0, SHORT_IO_ERROR, -EIO, 100, 200, 0, 1);
	assert_int_equal(found[0].ioend_before.error, -EIO);
}

/* Copying from a mapped file faults in pages of it: that nests, in the same task. */
static void nested(void **state)
{
	begin(1, WRITE, 0, 16 * K);
	begin(1, WRITE | FUSE_IOMAP_OP_FAULT, 512 * K, 4 * K);
	end(1, WRITE | FUSE_IOMAP_OP_FAULT, 512 * K, 4 * K, 4 * K, 0);
	begin(1, 0, 256 * K, 4 * K);
	end(1, 0, 256 * K, 4 * K, 4 * K, 0);
	end(1, WRITE, 0, 16 * K, 8 * K, -EFAULT);
	assert_int_equal(n, 1);
	assert_found(0, SHORT_FAULT, -EFAULT, 0, 16 * K, 8 * K, 1);
	assert_int_equal(found[0].begin.pos, 0);
}

static void threads_do_not_mix(void **state)
{
	begin(1, WRITE, 0, 128 * K);
	begin(2, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	end(2, WRITE, 0, 64 * K, 64 * K, 0);
	begin_err(2, WRITE, 64 * K, 64 * K, -EDQUOT);
	begin(1, WRITE, 64 * K, 64 * K);
	end(1, WRITE, 64 * K, 64 * K, 64 * K, 0);
	shorts_flush(shorts);
	assert_int_equal(n, 1);
	assert_found(0, SHORT_NEXT, -EDQUOT, 0, 128 * K, 64 * K, 0);
	assert_int_equal(found[0].end.tid, 2);
}

static void begin_not_seen(void **state)
{
	end(1, WRITE, 0, 16 * K, 12 * K, -EFAULT);
	assert_found(0, SHORT_FAULT, -EFAULT, 0, 16 * K, 12 * K, 1);
	assert_int_equal(found[0].begin.time_ns, 0);
}

/* Upstream's events: ENDs that are not sent are not seen. */
static void upstream_unseen_end(void **state)
{
	extra = FI_F_UNSURE;
	begin(1, WRITE, 0, 128 * K);
	begin_err(1, WRITE, 64 * K, 64 * K, -ENOSPC);
	assert_found(0, SHORT_NEXT, -ENOSPC, 0, 128 * K, 64 * K, 0);
	/* Writes one after the other, no END of them to be seen. */
	for (int i = 0; i < 10; i++)
		begin(1, WRITE, i * 4 * K, 4 * K);
	begin_err(1, WRITE, 40 * K, 4 * K, -ENOSPC);
	shorts_flush(shorts);
	assert_int_equal(n, 1);
	assert_int_equal(shorts_counts(shorts)[FI_WRITE].ends, 0);
}

static void upstream_stale(void **state)
{
	extra = FI_F_UNSURE;
	begin(1, ZERO, 0, 8 * K);
	end_as(1, ZERO, 0, 8 * K, 0, (struct end_as){ .mapflags = FUSE_IOMAP_F_STALE });
	begin(1, ZERO, 0, 8 * K);
	assert_found(0, SHORT_STALE, 0, 0, 8 * K, 0, 1);
	shorts_flush(shorts);
	assert_int_equal(n, 1);
}

/* Records get lost: no matter what, it goes on and leaves nothing behind. */
static void any_order(void **state)
{
	unsigned int seed = 1;

	for (int i = 0; i < 200000; i++) {
		__u32 tid = rand_r(&seed) % 50;
		__u64 pos = rand_r(&seed) % 4 * 4 * K, count = (1 + rand_r(&seed) % 3) * 4 * K;
		__u32 flags = rand_r(&seed) % 2 ? WRITE : DIRECT;

		extra = rand_r(&seed) % 2 ? FI_F_STATUS : FI_F_UNSURE;
		n = 0;
		switch (rand_r(&seed) % 5) {
		case 0:
			begin(tid, flags, pos, count);
			break;
		case 1:
			begin_err(tid, flags, pos, count, -ENOSPC);
			break;
		case 2:
			end(tid, flags, pos, count, rand_r(&seed) % 3 * 4 * K, 0);
			break;
		case 3:
			ioend(tid, FUSE_IOMAP_IOEND_DIRECT, pos, count, 0);
			break;
		case 4:
			now += rand_r(&seed) % 1000000000;
			refused(tid, pos, "x");
			break;
		}
	}
}

/* ---- views --------------------------------------------------------------- */

static void sent_or_not_and_why(void **state)
{
	struct fi_record r = record(FI_END, 1, WRITE, 0, 4 * K);
	char buf[128];

	r.read.flags = FUSE_IOMAP_F_SIZE_CHANGED | FUSE_IOMAP_F_WANT_IOMAP_END;
	assert_string_equal(short_sent_text(buf, sizeof(buf), &r),
			    "sent: short, size changed, asked for");
	r.flags = 0;
	assert_string_equal(short_sent_text(buf, sizeof(buf), &r),
			    "not sent: the server has none (ENOSYS)");
	r.written = 4 * K;
	assert_string_equal(short_sent_text(buf, sizeof(buf), &r), "not sent: nothing to tell");
}

static void grouped(void **state)
{
	struct catalog *c = catalog_new();
	struct signatures s = { 0 };

	for (int i = 0; i < 5; i++) {
		begin(1, WRITE, 0, 16 * K);
		end(1, WRITE, 0, 16 * K, 12 * K, -EFAULT);
	}
	begin(1, WRITE, 0, 16 * K);
	end(1, WRITE, 0, 16 * K, 12 * K, -EINTR);
	for (size_t i = 0; i < n; i++)
		signatures_add(&s, &found[i], c);
	signatures_sort(&s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.sig[0].findings, 5);
	assert_int_equal(s.sig[0].missing, 20 * K);
	assert_int_equal(s.sig[0].first_ns, found[0].end.time_ns);
	assert_int_equal(s.sig[0].last_ns, found[4].end.time_ns);
	assert_int_equal(s.sig[1].cause, SHORT_SIGNAL);
	/* Too many files to keep apart: all are counted nevertheless. */
	for (int i = 0; i < 2 * MAX_SIGNATURES; i++) {
		found[0].end.ino = 100 + i;
		signatures_add(&s, &found[0], c);
	}
	assert_int_equal(s.n, MAX_SIGNATURES + 1);
	signatures_sort(&s);
	assert_int_equal(s.sig[0].ino, 0);
	assert_int_equal(s.sig[0].findings, MAX_SIGNATURES + 2);
	signatures_free(&s);
	catalog_free(c);
}

static void as_text(void **state)
{
	struct catalog *c = catalog_new();
	struct short_row row = { .f = found, .catalog = c, .clock = { .start_ns = 1000000000 } };
	struct columns columns;
	struct text t = { 0 };

	catalog_add_file(c, &(struct file){ .dev = 40, .ino = 7, .whole = true, .path = "d/f" });
	begin(1, WRITE, 0, 128 * K);
	end(1, WRITE, 0, 64 * K, 64 * K, 0);
	begin_err(1, WRITE, 64 * K, 64 * K, -ENOSPC);
	columns_choose(&columns, short_columns, nr_short_columns, NULL, false);
	columns_text(&t, columns.c, columns.n, &row, 0);
	short_details(&t, &row);
	assert_string_equal(t.s,
		"0.000002     write         writer                1 d/f                           0   128K     64K     64K ENOSPC on the next mapping\n"
		"             begin   0x0+128K write: hole+64K>unwritten+64K\n"
		"             end     0x0+64K wrote 64K; sent: unknown why; answered ok\n"
		"             next    0x10000+64K: ENOSPC\n");
	text_clear(&t);
	short_counts_text(&t, shorts_counts(shorts), false);
	assert_string_equal(t.s, "all writes: 0 short of 1 ends; 1 finding\n");
	text_free(&t);
	columns_free(&columns);
	catalog_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(full_writes_are_none),
		TEST(one_write_over_two_mappings),
		TEST(fault),
		TEST(fault_as_two_ends),
		TEST(fault_or_killed),
		TEST(fault_or_read_error),
		TEST(no_space_on_the_next_mapping),
		TEST(two_writes_the_second_fails),
		TEST(next_mapping_refused),
		TEST(signals),
		TEST(mapping_ended),
		TEST(stale_zeroing),
		TEST(stale_then_no_space),
		TEST(stale_then_fault),
		TEST(resumed),
		TEST(server_answers_end_with_an_error),
		TEST(direct_io_error),
		TEST(direct_fault_without_status),
		TEST(buffered_read_error),
		TEST(nested),
		TEST(threads_do_not_mix),
		TEST(begin_not_seen),
		TEST(upstream_unseen_end),
		TEST(upstream_stale),
		TEST(any_order),
		TEST(sent_or_not_and_why),
		TEST(grouped),
		TEST(as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
