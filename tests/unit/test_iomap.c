// SPDX-License-Identifier: GPL-2.0-only
/* The demo server's answers to the iomap requests, without a kernel. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/fuse.h>

#include "fs.h"
#include "iomap.h"

#define BS	4096
#define BLOCKS	64
#define DEV	7

static struct fs fs;
static struct inode *file;
static int kernel_fd;		/* where the answers arrive */

static int setup(void **state)
{
	int fds[2];

	memset(&fs, 0, sizeof(fs));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	kernel_fd = fds[0];
	fs.fuse_fd = fds[1];
	fs.device = "/dev/disk";
	fs.block_size = BS;
	fs.dev_size = BLOCKS * BS;
	fs.backing_id = DEV;
	fs.iomap_on = true;
	fs.faults.bad_every = 1;
	fs.faults.delay_share = 100;
	fs.faults.block_size = BS;
	fs.faults.dev_size = fs.dev_size;
	pthread_mutex_init(&fs.faults.lock, NULL);
	pthread_cond_init(&fs.faults.wake, NULL);
	assert_int_equal(alloc_init(&fs.alloc, BLOCKS, 0), 0);
	assert_int_equal(tree_init(&fs), 0);
	file = inode_new(&fs, S_IFREG | 0644, 0, 0, 0);
	assert_non_null(file);
	return 0;
}

static int teardown(void **state)
{
	close(fs.fuse_fd);
	close(kernel_fd);
	inode_forget(&fs, file, 0);
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS);
	alloc_destroy(&fs.alloc);
	free(fs.inodes[ROOT_INO]);
	free(fs.inodes);
	return 0;
}

/* Send a request, take the answer; its payload goes to @out. Returns the error. */
static int call(uint32_t opcode, const void *in, size_t in_size, void *out, size_t out_size)
{
	char buf[256], answer[256];
	struct fuse_in_header *header = (void *)buf;
	const struct fuse_out_header *reply = (void *)answer;
	ssize_t n;

	*header = (struct fuse_in_header) {
		.len = sizeof(*header) + in_size,
		.opcode = opcode,
		.unique = 42,
		.nodeid = file->attr.st_ino,
	};
	memcpy(header + 1, in, in_size);
	assert_true(iomap_request(&fs, buf, header->len));
	n = recv(kernel_fd, answer, sizeof(answer), MSG_DONTWAIT);
	assert_int_equal(n, reply->len);
	assert_int_equal(reply->unique, 42);
	assert_int_equal(n, sizeof(*reply) + (reply->error ? 0 : out_size));
	if (!reply->error && out_size)
		memcpy(out, reply + 1, out_size);
	return reply->error;
}

static int begin(uint32_t opflags, uint64_t pos, uint64_t count, struct fuse_iomap_begin_out *out)
{
	struct fuse_iomap_begin_in in = {
		.opflags = opflags, .attr_ino = file->attr.st_ino, .pos = pos, .count = count,
	};

	return call(FUSE_IOMAP_BEGIN, &in, sizeof(in), out, sizeof(*out));
}

static int ioend(uint32_t flags, int error, uint64_t pos, uint64_t written, uint64_t *newsize)
{
	struct fuse_iomap_ioend_in in = {
		.flags = flags, .error = error, .pos = pos, .written = written,
		.attr_ino = file->attr.st_ino,
	};

	return call(FUSE_IOMAP_IOEND, &in, sizeof(in), newsize, sizeof(*newsize));
}

static void assert_map(const struct fuse_iomap_io *map, uint16_t type, uint64_t offset,
		       uint64_t length)
{
	bool placed = type == FUSE_IOMAP_TYPE_MAPPED || type == FUSE_IOMAP_TYPE_UNWRITTEN;

	assert_int_equal(map->type, type);
	assert_int_equal(map->offset, offset);
	assert_int_equal(map->length, length);
	assert_int_equal(map->dev, placed ? DEV : FUSE_IOMAP_DEV_NULL);
	if (placed)
		assert_true(map->addr + length <= fs.dev_size);
	else
		assert_true(map->addr == FUSE_IOMAP_NULL_ADDR);
}

static void read_of_nothing_is_an_aligned_hole(void **state)
{
	struct fuse_iomap_begin_out out;

	assert_int_equal(begin(0, 5000, 100, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_HOLE, 4096, (1ULL << 63) - 4096);
	assert_int_equal(out.write.type, FUSE_IOMAP_TYPE_PURE_OVERWRITE);
	assert_int_equal(file->extents.blocks, 0);
}

static void write_allocates_unwritten(void **state)
{
	struct fuse_iomap_begin_out out;

	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, 5000, 8192, &out), 0);
	assert_int_equal(out.read.type, FUSE_IOMAP_TYPE_HOLE);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, 4096, 3 * BS);
	assert_int_equal(out.write.flags, FUSE_IOMAP_F_NEW);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, 4096, 10, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_UNWRITTEN, 4096, 3 * BS);
	assert_map(&out.write, FUSE_IOMAP_TYPE_PURE_OVERWRITE, 4096, 3 * BS);
}

static void new_mapping_is_the_new_part_alone(void **state)
{
	struct fuse_iomap_begin_out out;

	begin(FUSE_IOMAP_OP_WRITE, 0, BS, &out);
	begin(FUSE_IOMAP_OP_WRITE, 2 * BS, BS, &out);
	begin(FUSE_IOMAP_OP_WRITE, BS, 10 * BS, &out);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, BS, BS);
}

/* A buffered write, and how much is free after it. */
static void delay(uint64_t pos, uint64_t count)
{
	struct fuse_iomap_begin_out out;

	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, pos, count, &out), 0);
	assert_int_equal(out.read.type, FUSE_IOMAP_TYPE_HOLE);
	assert_map(&out.write, FUSE_IOMAP_TYPE_DELALLOC, pos, count);
	assert_int_equal(out.write.flags, FUSE_IOMAP_F_NEW);
}

static void delayed_write_gets_room_and_writeback_gets_blocks(void **state)
{
	struct fuse_iomap_begin_out out;
	uint64_t size;

	fs.delalloc = DELALLOC_UNWRITTEN;
	delay(BS, 4 * BS);
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS - 4);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_FAULT, 2 * BS, BS, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_DELALLOC, BS, 4 * BS);
	assert_map(&out.write, FUSE_IOMAP_TYPE_PURE_OVERWRITE, BS, 4 * BS);
	assert_int_equal(begin(0, 2 * BS, BS, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_DELALLOC, BS, 4 * BS);
	/* It asks for one block, and gets all there are from there on. */
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITEBACK, 2 * BS, BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, 2 * BS, 3 * BS);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITEBACK, BS, BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, BS, BS);
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS - 4);
	assert_int_equal(ioend(FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_APPEND, 0, BS, BS,
			       &size), 0);
	assert_int_equal(size, 2 * BS);
	begin(0, BS, BS, &out);
	assert_map(&out.read, FUSE_IOMAP_TYPE_MAPPED, BS, BS);
}

static void direct_io_does_not_delay(void **state)
{
	const uint32_t direct = FUSE_IOMAP_OP_DIRECT;
	struct fuse_iomap_begin_out out;

	fs.delalloc = DELALLOC_UNWRITTEN;
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE | direct, 0, BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, 0, BS);
	delay(BS, 4 * BS);
	assert_int_equal(begin(direct, BS, BS, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_HOLE, BS, 4 * BS);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE | direct, 2 * BS, BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, 2 * BS, BS);
	assert_int_equal(begin(0, 3 * BS, BS, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_DELALLOC, 3 * BS, 2 * BS);
}

static void delayed_write_is_what_finds_no_room(void **state)
{
	struct fuse_iomap_begin_out out;

	fs.delalloc = DELALLOC_UNWRITTEN;
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, 0, 2 * BLOCKS * BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_DELALLOC, 0, BLOCKS * BS);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, BLOCKS * BS, BS, &out), -ENOSPC);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT, BLOCKS * BS, BS, &out),
			 -ENOSPC);
	for (uint64_t block = BLOCKS; block-- > 0;) {
		assert_int_equal(begin(FUSE_IOMAP_OP_WRITEBACK, block * BS, BS, &out), 0);
		assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, block * BS, BS);
	}
}

static void what_is_delayed_is_dropped_with_its_range_and_its_inode(void **state)
{
	fs.delalloc = DELALLOC_UNWRITTEN;
	delay(0, 8 * BS);
	assert_int_equal(data_punch(&fs, file, 0, 2 * BS), 0);
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS - 6);
	assert_int_equal(data_truncate(&fs, file, 4 * BS), 0);
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS - 2);
	/* The kernel has no more of it, but it has a name. */
	file->attr.st_nlink = 1;
	file->nlookup = 1;
	inode_forget(&fs, file, 1);
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS);
	file->attr.st_nlink = 0;
}

static void fallocate_settles_what_is_delayed(void **state)
{
	struct fuse_iomap_begin_out out;

	fs.delalloc = DELALLOC_UNWRITTEN;
	delay(BS, 2 * BS);
	assert_int_equal(data_allocate(&fs, file, 0, 4 * BS), 0);
	for (uint64_t block = 0; block < 4; block++) {
		assert_int_equal(begin(0, block * BS, BS, &out), 0);
		assert_int_equal(out.read.type, FUSE_IOMAP_TYPE_UNWRITTEN);
	}
	assert_int_equal(alloc_free_blocks(&fs.alloc), BLOCKS - 4);
}

static void exposed_is_mapped_just_where_it_is_written(void **state)
{
	struct fuse_iomap_begin_out out;

	fs.delalloc = DELALLOC_EXPOSED;
	delay(0, 4 * BS);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITEBACK, BS, BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_MAPPED, BS, BS);
	assert_int_equal(begin(0, 2 * BS, BS, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_DELALLOC, 2 * BS, 2 * BS);
}

static void mapped_without_zeros_on_the_device_is_not_told(void **state)
{
	struct fuse_iomap_begin_out out;

	/* No device that zeros could be written to. */
	fs.dev_fd = -1;
	fs.delalloc = DELALLOC_MAPPED;
	delay(0, 4 * BS);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITEBACK, BS, BS, &out), -EBADF);
	assert_int_equal(begin(0, BS, BS, &out), 0);
	assert_map(&out.read, FUSE_IOMAP_TYPE_UNWRITTEN, BS, BS);
}

static void zero_report_and_overwrite_only_allocate_nothing(void **state)
{
	static const uint32_t ops[] = {
		FUSE_IOMAP_OP_ZERO, FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_WRITE, FUSE_IOMAP_OP_REPORT,
		FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_OVERWRITE_ONLY, FUSE_IOMAP_OP_FAULT,
	};
	struct fuse_iomap_begin_out out;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		assert_int_equal(begin(ops[i], 0, BS, &out), 0);
		assert_int_equal(out.read.type, FUSE_IOMAP_TYPE_HOLE);
	}
	assert_int_equal(file->extents.blocks, 0);
}

static void ioend_marks_written_and_grows(void **state)
{
	struct fuse_iomap_begin_out out;
	uint64_t size;

	begin(FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_WRITEBACK, 0, 3 * BS, &out);
	assert_int_equal(ioend(FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_APPEND, 0, 0, 5000,
			       &size), 0);
	assert_int_equal(size, 5000);
	begin(0, 0, BS, &out);
	assert_map(&out.read, FUSE_IOMAP_TYPE_MAPPED, 0, 2 * BS);
	begin(0, 2 * BS, BS, &out);
	assert_map(&out.read, FUSE_IOMAP_TYPE_UNWRITTEN, 2 * BS, BS);
	/* Within the file: the size stays. */
	assert_int_equal(ioend(FUSE_IOMAP_IOEND_UNWRITTEN, 0, 2 * BS, BS, &size), 0);
	assert_int_equal(size, 5000);
}

static void failed_io_changes_nothing(void **state)
{
	struct fuse_iomap_begin_out out;
	uint64_t size;

	begin(FUSE_IOMAP_OP_WRITE, 0, BS, &out);
	assert_int_equal(ioend(FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_APPEND, -EIO, 0, BS,
			       &size), 0);
	assert_int_equal(size, 0);
	begin(0, 0, BS, &out);
	assert_int_equal(out.read.type, FUSE_IOMAP_TYPE_UNWRITTEN);
}

static void full_device_is_enospc(void **state)
{
	struct fuse_iomap_begin_out out;

	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, 0, 2 * BLOCKS * BS, &out), 0);
	assert_map(&out.write, FUSE_IOMAP_TYPE_UNWRITTEN, 0, BLOCKS * BS);
	assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, BLOCKS * BS, BS, &out), -ENOSPC);
}

static void end_answers_with_a_header(void **state)
{
	struct fuse_iomap_end_in in = { .opflags = FUSE_IOMAP_OP_WRITE, .count = BS, .written = 1 };

	assert_int_equal(call(FUSE_IOMAP_END, &in, sizeof(in), NULL, 0), 0);
	fs.faults.error[FAULT_END] = EIO;
	assert_int_equal(call(FUSE_IOMAP_END, &in, sizeof(in), NULL, 0), -EIO);
}

static void others_are_left_to_libfuse(void **state)
{
	struct fuse_in_header header = { .len = sizeof(header), .opcode = FUSE_LOOKUP };

	assert_false(iomap_request(&fs, &header, sizeof(header)));
	header.opcode = FUSE_FSYNC;
	assert_false(iomap_request(&fs, &header, sizeof(header)));
}

static void config_answers_what_was_asked(void **state)
{
	struct fuse_iomap_config_in in = { .flags = FUSE_IOMAP_CONFIG_BLOCKSIZE };
	struct fuse_iomap_config_out out;

	assert_int_equal(call(FUSE_IOMAP_CONFIG, &in, sizeof(in), &out, sizeof(out)), 0);
	assert_int_equal(out.flags, FUSE_IOMAP_CONFIG_BLOCKSIZE);
	assert_int_equal(out.s_blocksize, BS);
}

static void short_request_is_refused(void **state)
{
	char out[64];

	assert_int_equal(call(FUSE_IOMAP_BEGIN, "", 1, out, sizeof(out)), -EINVAL);
}

static void errors_come_every_nth_time(void **state)
{
	struct fuse_iomap_begin_out out;

	fs.faults.error[FAULT_BEGIN] = EIO;
	fs.faults.bad_every = 3;
	for (int i = 1; i <= 9; i++)
		assert_int_equal(begin(0, 0, BS, &out), i % 3 ? 0 : -EIO);
}

/* Which of these IOENDs fail, if @kinds are to: a bit for each. */
static unsigned int failing(const char *kinds)
{
	static const uint32_t flags[] = {
		0, FUSE_IOMAP_IOEND_UNWRITTEN, FUSE_IOMAP_IOEND_APPEND,
		FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_APPEND,
		FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_DIRECT,
		FUSE_IOMAP_IOEND_UNWRITTEN | FUSE_IOMAP_IOEND_WRITEBACK, FUSE_IOMAP_IOEND_SHARED,
	};
	unsigned int failed = 0;
	uint64_t size;

	fs.faults.nioend_kinds = 0;
	fs.faults.error[FAULT_IOEND] = EIO;
	assert_int_equal(fault_add_ioend_kinds(&fs.faults, kinds), 0);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		failed |= !!ioend(flags[i], 0, 0, 0, &size) << i;
	return failed;
}

static void knobs_for_ioend_are_for_its_kinds(void **state)
{
	assert_int_equal(failing("unwritten"), 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5);
	assert_int_equal(failing("append"), 1 << 2 | 1 << 3);
	assert_int_equal(failing("writeback"), 1 << 5);
	assert_int_equal(failing("direct,shared"), 1 << 4 | 1 << 6);
	assert_int_equal(failing("unwritten+append"), 1 << 3);
	assert_int_equal(failing("unwritten-append"), 1 << 1 | 1 << 4 | 1 << 5);
	assert_int_equal(failing("unwritten-append-direct,shared"), 1 << 1 | 1 << 5 | 1 << 6);
	/* The others are not counted either. */
	fs.faults.bad_every = 2;
	atomic_store(&fs.faults.seen_ioend_kinds, 0);
	assert_int_equal(failing("unwritten"), 1 << 3 | 1 << 5);
}

static void kinds_of_ioend_have_names(void **state)
{
	static const char *const bad[] = {
		"", "unwritten,", ",unwritten", "unwritten+", "-unwritten", "un", "unwrittens",
		"unwritten-unwritten", "direct;append",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fs.faults.nioend_kinds = 0;
		assert_int_equal(fault_add_ioend_kinds(&fs.faults, bad[i]), -EINVAL);
	}
	fs.faults.nioend_kinds = 0;
	assert_int_equal(fault_add_ioend_kinds(&fs.faults, "append,append,append,append,append,"
					       "append,append,append,append"), -E2BIG);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void delay_share_is_exact(void **state)
{
	struct fuse_iomap_begin_out out;
	int delayed = 0;

	fs.faults.delay_ns[FAULT_BEGIN] = 20000000;
	fs.faults.delay_share = 30;
	for (int i = 0; i < 20; i++) {
		uint64_t start = now_ns();

		begin(0, 0, BS, &out);
		delayed += now_ns() - start >= 20000000;
	}
	assert_int_equal(delayed, 6);
}

static void want_end_is_in_both_maps(void **state)
{
	struct fuse_iomap_begin_out out;

	fs.faults.want_end = true;
	begin(FUSE_IOMAP_OP_WRITE, 0, BS, &out);
	assert_true(out.read.flags & FUSE_IOMAP_F_WANT_IOMAP_END);
	assert_true(out.write.flags & FUSE_IOMAP_F_WANT_IOMAP_END);
}

/* Each kind differs from the good answer, in the mapping the operation uses. */
static void bad_maps_are_bad(void **state)
{
	static const char *const kinds[] = {
		"type", "flags", "zero-length", "unaligned-offset", "unaligned-length", "overflow",
		"beyond-maxbytes", "before-pos", "after-pos", "unknown-dev", "no-dev", "no-addr",
		"unaligned-addr", "addr-overflow", "beyond-device", "hole-with-dev",
		"hole-with-addr", "delalloc-with-dev", "inline-with-addr", "overwrite-as-read",
		"nocache", "retry-cache", "write-hole",
	};
	struct fuse_iomap_begin_out good, bad;
	uint64_t size;

	begin(FUSE_IOMAP_OP_WRITE, 0, 4 * BS, &good);
	ioend(FUSE_IOMAP_IOEND_UNWRITTEN, 0, 0, 4 * BS, &size);
	begin(0, BS, BS, &good);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		fs.faults.bad_map = bad_map_find(kinds[i]);
		assert_non_null(fs.faults.bad_map);
		assert_int_equal(begin(0, BS, BS, &bad), 0);
		if (strcmp(kinds[i], "write-hole"))
			assert_memory_not_equal(&good.read, &bad.read, sizeof(good.read));
		assert_memory_equal(&good.write, &bad.write, sizeof(good.write));
		assert_int_equal(begin(FUSE_IOMAP_OP_WRITE, BS, BS, &bad), 0);
		assert_memory_not_equal(&good, &bad, sizeof(good));
	}
	assert_null(bad_map_find("no such kind"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(read_of_nothing_is_an_aligned_hole),
		TEST(write_allocates_unwritten),
		TEST(new_mapping_is_the_new_part_alone),
		TEST(delayed_write_gets_room_and_writeback_gets_blocks),
		TEST(direct_io_does_not_delay),
		TEST(delayed_write_is_what_finds_no_room),
		TEST(what_is_delayed_is_dropped_with_its_range_and_its_inode),
		TEST(fallocate_settles_what_is_delayed),
		TEST(exposed_is_mapped_just_where_it_is_written),
		TEST(mapped_without_zeros_on_the_device_is_not_told),
		TEST(zero_report_and_overwrite_only_allocate_nothing),
		TEST(ioend_marks_written_and_grows),
		TEST(failed_io_changes_nothing),
		TEST(full_device_is_enospc),
		TEST(end_answers_with_a_header),
		TEST(others_are_left_to_libfuse),
		TEST(config_answers_what_was_asked),
		TEST(short_request_is_refused),
		TEST(errors_come_every_nth_time),
		TEST(knobs_for_ioend_are_for_its_kinds),
		TEST(kinds_of_ioend_have_names),
		TEST(delay_share_is_exact),
		TEST(want_end_is_in_both_maps),
		TEST(bad_maps_are_bad),
	};

	return cmocka_run_group_tests_name("iomap", tests, NULL, NULL);
}
