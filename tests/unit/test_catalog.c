// SPDX-License-Identifier: GPL-2.0-only
/* What the catalog forgets while events come without end, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog.h"

#define BOUND	1000
#define MANY	1000000

static struct catalog *catalog;
static size_t entries[CATALOG_STACK + 1];

static int setup(void **state)
{
	catalog = catalog_new();
	catalog_add_mount(catalog, &(struct mount){ 34, 50, false, "/mnt", "dev", "fuse", "fs" });
	return 0;
}

static int teardown(void **state)
{
	catalog_free(catalog);
	return 0;
}

static void count(void *ctx, enum catalog_kind kind, const void *entry)
{
	entries[kind]++;
}

static void count_entries(void)
{
	memset(entries, 0, sizeof(entries));
	catalog_listen(catalog, count, NULL);
	catalog_listen(catalog, NULL, NULL);
}

static void add_file(__u64 ino)
{
	char path[32];

	snprintf(path, sizeof(path), "dir/%llu", (unsigned long long)ino);
	catalog_add_file(catalog, &(struct file){ .dev = 34, .ino = ino, .whole = true,
						     .path = path });
}

static void a_million_files_are_bounded(void **state)
{
	char buf[64];

	catalog_bound(catalog, BOUND);
	for (int i = 1; i <= MANY; i++) {
		add_file(i);
		/* What is always at work stays, whether it is named again or not. */
		assert_non_null(catalog_use_file(catalog, 34, 1));
		if (i % 500 == 0)
			add_file(2);
	}
	count_entries();
	assert_in_range(entries[CATALOG_FILE], BOUND - 2, 2 * BOUND);
	assert_int_equal(entries[CATALOG_MOUNT], 1);
	for (int i = MANY - BOUND + 10; i <= MANY; i++)
		assert_non_null(catalog_file(catalog, 34, i));
	assert_null(catalog_file(catalog, 34, 3));
	assert_string_equal(catalog_file_path(catalog, 34, 1, buf, sizeof(buf)), "/mnt/dir/1");
	assert_string_equal(catalog_file_path(catalog, 34, 2, buf, sizeof(buf)), "/mnt/dir/2");
	assert_string_equal(catalog_file_path(catalog, 34, 3, buf, sizeof(buf)), "/mnt #3");
}

static void a_million_threads_are_bounded(void **state)
{
	struct task t = { .pid = 1, .comm = "thread", .process = "leader" };

	catalog_bound(catalog, BOUND);
	for (t.tid = 2; t.tid < MANY; t.tid++) {
		catalog_add_task(catalog, &t);
		assert_non_null(catalog_use_task(catalog, 1));
	}
	count_entries();
	assert_in_range(entries[CATALOG_TASK], BOUND - 1, 2 * BOUND);
	assert_string_equal(catalog_task(catalog, 1)->comm, "leader");
	assert_non_null(catalog_task(catalog, MANY - 1));
	assert_null(catalog_task(catalog, 2));
}

/* The name of what is forgotten is told again when it comes back. */
static void what_comes_back_is_told_again(void **state)
{
	catalog_bound(catalog, BOUND);
	for (int i = 1; i <= 3 * BOUND; i++)
		add_file(i);
	memset(entries, 0, sizeof(entries));
	catalog_listen(catalog, count, NULL);
	memset(entries, 0, sizeof(entries));
	add_file(3 * BOUND);
	assert_int_equal(entries[CATALOG_FILE], 0);
	add_file(1);
	assert_int_equal(entries[CATALOG_FILE], 1);
	catalog_listen(catalog, NULL, NULL);
}

static void a_replay_forgets_nothing(void **state)
{
	for (int i = 1; i <= 10 * BOUND; i++)
		add_file(i);
	count_entries();
	assert_int_equal(entries[CATALOG_FILE], 10 * BOUND);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_million_files_are_bounded),
		TEST(a_million_threads_are_bounded),
		TEST(what_comes_back_is_told_again),
		TEST(a_replay_forgets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
