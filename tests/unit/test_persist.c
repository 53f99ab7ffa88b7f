// SPDX-License-Identifier: GPL-2.0-only
/* Metadata of the demo server on a device, which is a file in memory here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "persist.h"

#define DEV_SIZE (16 << 20)
#define SLOT_SIZE (DEV_SIZE / 64)
#define BLOCK 4096

static int device;
static uint64_t dev_size;
static struct persist_made made;

static int new_device(void **state)
{
	device = memfd_create("device", 0);
	dev_size = DEV_SIZE;
	return device < 0 || ftruncate(device, DEV_SIZE);
}

static int drop_device(void **state)
{
	return close(device);
}

/* A server that starts. What it has is not freed: it ends like a killed one. */
static struct fs *start(bool format, uint32_t block_size, int expect)
{
	struct fs *fs = calloc(1, sizeof(*fs));

	assert_non_null(fs);
	fs->dev_fd = device;
	fs->dev_size = dev_size;
	fs->block_size = block_size;
	assert_int_equal(alloc_init(&fs->alloc, dev_size / block_size, 0), 0);
	assert_int_equal(tree_init(fs), 0);
	assert_int_equal(persist_load(fs, format, &made), expect);
	return fs;
}

static struct inode *make(struct fs *fs, struct inode *dir, const char *text, mode_t mode)
{
	struct inode *inode = inode_new(fs, mode, 1, 2, 0);

	assert_non_null(inode);
	assert_int_equal(name_add(fs, dir, text, inode), 0);
	return inode;
}

static struct inode *find(struct fs *fs, struct inode *dir, const char *text)
{
	struct name *name = name_find(fs, dir, text);

	return name ? name->inode : NULL;
}

static void all_of_it_is_there_again(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);
	struct inode *root = inode_get(fs, ROOT_INO);
	struct inode *dir = make(fs, root, "dir", S_IFDIR | 0700);
	struct inode *file = make(fs, dir, "file", S_IFREG | 0640);
	struct inode *link = make(fs, root, "link", S_IFLNK | 0777);
	struct stat attrs[4];
	uint64_t nfree;

	link->target = strdup("dir/file");
	assert_int_equal(name_add(fs, root, "second name", file), 0);
	assert_int_equal(extents_fill(&fs->alloc, &file->extents, 3, 2), 0);
	assert_int_equal(extents_mark_written(&fs->alloc, &file->extents, 4, 1), 0);
	file->attr.st_size = 4 * BLOCK + 17;
	root->attr.st_mode = S_IFDIR | 0500;
	attrs[0] = root->attr;
	attrs[1] = dir->attr;
	attrs[2] = file->attr;
	attrs[3] = link->attr;
	nfree = alloc_free_blocks(&fs->alloc);
	assert_int_equal(persist_commit(fs), 0);

	fs = start(false, BLOCK, 0);
	root = inode_get(fs, ROOT_INO);
	dir = find(fs, root, "dir");
	assert_non_null(dir);
	file = find(fs, dir, "file");
	assert_non_null(file);
	link = find(fs, root, "link");
	assert_non_null(link);
	assert_memory_equal(&root->attr, &attrs[0], sizeof(attrs[0]));
	assert_memory_equal(&dir->attr, &attrs[1], sizeof(attrs[0]));
	assert_memory_equal(&file->attr, &attrs[2], sizeof(attrs[0]));
	assert_memory_equal(&link->attr, &attrs[3], sizeof(attrs[0]));
	assert_ptr_equal(find(fs, root, "second name"), file);
	assert_string_equal(link->target, "dir/file");
	assert_int_equal(file->extents.n, 2);
	assert_false(file->extents.v[0].written);
	assert_true(file->extents.v[1].written);
	assert_int_equal(file->extents.v[1].off, 4);
	assert_int_equal(alloc_free_blocks(&fs->alloc), nfree);
	/* The next inode is none of those. */
	assert_null(inode_get(fs, fs->last_ino + 1));
	make(fs, root, "new", S_IFREG | 0600);
}

static void what_is_delayed_is_not_there(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);
	uint64_t nfree = alloc_free_blocks(&fs->alloc);
	struct inode *file = make(fs, inode_get(fs, ROOT_INO), "file", S_IFREG | 0600);

	assert_int_equal(extents_delay(&fs->alloc, &file->extents, 0, 4), 0);
	assert_int_equal(extents_settle(&fs->alloc, &file->extents, 2, 1), 0);
	assert_int_equal(persist_commit(fs), 0);
	fs = start(false, BLOCK, 0);
	file = find(fs, inode_get(fs, ROOT_INO), "file");
	assert_int_equal(file->extents.n, 1);
	assert_int_equal(file->extents.v[0].off, 2);
	assert_int_equal(file->extents.v[0].len, 1);
	assert_false(file->extents.v[0].written);
	assert_int_equal(alloc_free_blocks(&fs->alloc), nfree - 1);
}

static void what_was_not_committed_is_not_there(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);

	make(fs, inode_get(fs, ROOT_INO), "before", S_IFREG | 0600);
	assert_int_equal(persist_commit(fs), 0);
	make(fs, inode_get(fs, ROOT_INO), "after", S_IFREG | 0600);
	fs = start(false, BLOCK, 0);
	assert_non_null(find(fs, inode_get(fs, ROOT_INO), "before"));
	assert_null(find(fs, inode_get(fs, ROOT_INO), "after"));
}

static void an_open_file_without_a_name_ends_with_the_server(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);
	uint64_t nfree = alloc_free_blocks(&fs->alloc);
	struct inode *file = make(fs, inode_get(fs, ROOT_INO), "file", S_IFREG | 0600);

	assert_int_equal(extents_fill(&fs->alloc, &file->extents, 0, 5), 0);
	file->nlookup = 1;
	name_remove(fs, name_find(fs, inode_get(fs, ROOT_INO), "file"));
	assert_int_equal(persist_commit(fs), 0);
	assert_int_equal(alloc_free_blocks(&fs->alloc), nfree - 5);
	fs = start(false, BLOCK, 0);
	assert_int_equal(fs->ninodes, 1);
	assert_int_equal(alloc_free_blocks(&fs->alloc), nfree);
}

/* Each byte of a commit that does not arrive leaves the one before. */
static void a_commit_cut_off_never_was(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);
	char slot[1024], zeros[1024] = { 0 };
	off_t at;

	make(fs, inode_get(fs, ROOT_INO), "old", S_IFREG | 0600);
	assert_int_equal(persist_commit(fs), 0);
	make(fs, inode_get(fs, ROOT_INO), "new", S_IFREG | 0600);
	at = (fs->persist.number + 1) % 2 * SLOT_SIZE;
	assert_int_equal(persist_commit(fs), 0);
	assert_int_equal(pread(device, slot, sizeof(slot), at), sizeof(slot));

	for (size_t cut = 0; cut < sizeof(slot); cut++) {
		if (!memcmp(slot + cut, zeros, sizeof(slot) - cut))
			break;	/* all that counts is there */
		assert_int_equal(pwrite(device, slot, cut, at), cut);
		assert_int_equal(pwrite(device, zeros, sizeof(slot) - cut, at + cut),
				 sizeof(slot) - cut);
		fs = start(false, BLOCK, 0);
		assert_non_null(find(fs, inode_get(fs, ROOT_INO), "old"));
		assert_null(find(fs, inode_get(fs, ROOT_INO), "new"));
		free(fs->inodes);
	}
	assert_int_equal(pwrite(device, slot, sizeof(slot), at), sizeof(slot));
	fs = start(false, BLOCK, 0);
	assert_non_null(find(fs, inode_get(fs, ROOT_INO), "new"));
}

static void a_device_without_a_file_system_is_left_alone(void **state)
{
	char buf[BLOCK];

	start(false, BLOCK, -ENODATA);
	assert_int_equal(pread(device, buf, BLOCK, 0), BLOCK);
	for (size_t i = 0; i < BLOCK; i++)
		assert_int_equal(buf[i], 0);
}

static void what_it_was_made_with_is_told(void **state)
{
	start(true, BLOCK, 0);
	start(false, BLOCK / 2, -EINVAL);
	assert_int_equal(made.block_size, BLOCK);
	assert_int_equal(made.dev_size, DEV_SIZE);
	start(false, BLOCK, 0);
}

static void a_device_has_to_have_room_for_metadata_and_a_block(void **state)
{
	const struct fs large = { .block_size = MAX_BLOCK_SIZE }, small = { .block_size = BLOCK };

	dev_size = persist_min_size(&small) - 1;
	start(true, BLOCK, -ENOSPC);
	dev_size++;
	start(true, BLOCK, 0);
	dev_size = persist_min_size(&large);
	assert_int_equal(alloc_free_blocks(&start(true, MAX_BLOCK_SIZE, 0)->alloc), 1);
}

static void what_does_not_fit_is_refused_and_the_last_commit_stays(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);
	struct inode *file = make(fs, inode_get(fs, ROOT_INO), "file", S_IFREG | 0600);
	struct extent one = { .len = 1 };

	assert_int_equal(persist_commit(fs), 0);
	for (size_t i = 0; i < SLOT_SIZE / 32; i++) {
		one.off = 2 * i;
		assert_int_equal(extents_append(&file->extents, one), 0);
	}
	assert_int_equal(persist_commit(fs), -ENOSPC);
	fs = start(false, BLOCK, 0);
	assert_int_equal(find(fs, inode_get(fs, ROOT_INO), "file")->extents.n, 0);
}

static void blocks_come_back_by_a_commit_when_they_run_out(void **state)
{
	struct fs *fs = start(true, BLOCK, 0);
	struct inode *file = make(fs, inode_get(fs, ROOT_INO), "file", S_IFREG | 0600);

	assert_false(persist_reclaim(fs));
	while (!extents_fill(&fs->alloc, &file->extents, file->extents.blocks, UINT32_MAX))
		;
	extents_free(&fs->alloc, &file->extents);
	assert_int_equal(extents_fill(&fs->alloc, &file->extents, 0, 1), -ENOSPC);
	assert_true(persist_reclaim(fs));
	assert_int_equal(extents_fill(&fs->alloc, &file->extents, 0, 1), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, new_device, drop_device)
	const struct CMUnitTest tests[] = {
		TEST(all_of_it_is_there_again),
		TEST(what_is_delayed_is_not_there),
		TEST(what_was_not_committed_is_not_there),
		TEST(an_open_file_without_a_name_ends_with_the_server),
		TEST(a_commit_cut_off_never_was),
		TEST(a_device_without_a_file_system_is_left_alone),
		TEST(what_it_was_made_with_is_told),
		TEST(a_device_has_to_have_room_for_metadata_and_a_block),
		TEST(what_does_not_fit_is_refused_and_the_last_commit_stays),
		TEST(blocks_come_back_by_a_commit_when_they_run_out),
	};

	return cmocka_run_group_tests_name("persist", tests, NULL, NULL);
}
