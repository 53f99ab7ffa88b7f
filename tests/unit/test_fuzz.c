// SPDX-License-Identifier: GPL-2.0-only
/* What a lying server knows of the rules that it breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz.h"

#define BLOCK 4096
#define DEV 1
#define OTHER_DEV 3

static const struct fuzz fuzz = {
	.maxbytes = INT64_MAX & -BLOCK,
	.block_size = BLOCK,
	.devs = { { DEV, 1 << 20 }, { OTHER_DEV, 1 << 16 } },
};

static const struct fuse_iomap_begin_in direct_write = {
	.opflags = FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT,
	.pos = 5 * BLOCK + 512,
	.count = BLOCK,
};

static struct fuse_iomap_begin_out truth(void)
{
	return (struct fuse_iomap_begin_out) {
		.read = { .offset = 5 * BLOCK, .length = 3 * BLOCK, .addr = 8 * BLOCK,
			  .type = FUSE_IOMAP_TYPE_MAPPED, .dev = DEV },
		.write = { .offset = 5 * BLOCK, .length = 3 * BLOCK, .addr = FUSE_IOMAP_NULL_ADDR,
			   .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE, .dev = FUSE_IOMAP_DEV_NULL },
	};
}

static void assert_breaks(const struct fuse_iomap_begin_in *in,
			  const struct fuse_iomap_begin_out *out, const char *names)
{
	uint64_t broken = fuzz_rules_broken(&fuzz, in, out);
	char text[512] = "";

	for (int i = 0; fuzz_rule_name(i); i++) {
		if (!(broken >> i & 1))
			continue;
		strcat(text, *text ? " " : "");
		strcat(text, fuzz_rule_name(i));
	}
	assert_string_equal(text, names);
}

static void the_truth_breaks_none(void **state)
{
	struct fuse_iomap_begin_out out = truth();
	struct fuse_iomap_begin_in read = direct_write;

	assert_breaks(&direct_write, &out, "");
	out.read.type = FUSE_IOMAP_TYPE_HOLE;
	out.read.dev = FUSE_IOMAP_DEV_NULL;
	out.read.addr = FUSE_IOMAP_NULL_ADDR;
	read.opflags = 0;
	assert_breaks(&read, &out, "");
	out.write = truth().read;
	assert_breaks(&direct_write, &out, "");
}

/* MAP() is right but for what it is given */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static void each_rule_is_told(void **state)
{
	const struct {
		const char *rules;
		struct fuse_iomap_io map;
	} cases[] = {
#define MAP(...) { .offset = 5 * BLOCK, .length = BLOCK, .addr = 0, .type = FUSE_IOMAP_TYPE_MAPPED, \
		   .dev = DEV, __VA_ARGS__ }
#define NOWHERE .addr = FUSE_IOMAP_NULL_ADDR, .dev = FUSE_IOMAP_DEV_NULL
		{ "", MAP(.length = BLOCK) },
		{ "unknown-type nowhere-to-write", MAP(.type = 77, NOWHERE) },
		{ "unknown-type nowhere-to-write", MAP(.type = 256, NOWHERE) },
		{ "type-not-here nowhere-to-write",
		  MAP(.type = FUSE_IOMAP_TYPE_INLINE, NOWHERE) },
		{ "type-not-here nowhere-to-write",
		  MAP(.type = FUSE_IOMAP_TYPE_RETRY_CACHE, NOWHERE) },
		{ "unknown-flags", MAP(.flags = 1 << 15) },
		{ "flags-not-here", MAP(.flags = FUSE_IOMAP_F_ANON_WRITE) },
		{ "flags-not-here", MAP(.flags = FUSE_IOMAP_F_STALE) },
		{ "no-length not-at-pos", MAP(.length = 0) },
		{ "unaligned-range", MAP(.offset = 5 * BLOCK + 1) },
		{ "unaligned-range", MAP(.length = BLOCK + 512) },
		{ "range-overflows not-at-pos beyond-device", MAP(.length = -(uint64_t)BLOCK) },
		{ "beyond-files not-at-pos", MAP(.offset = 1ULL << 63) },
		{ "not-at-pos", MAP(.offset = 6 * BLOCK) },
		{ "not-at-pos", MAP(.offset = 4 * BLOCK) },
		{ "space-without-place unknown-device", MAP(.dev = FUSE_IOMAP_DEV_NULL) },
		{ "unknown-device", MAP(.dev = 2) },
		{ "unaligned-place", MAP(.addr = 1) },
		{ "place-overflows", MAP(.addr = -(uint64_t)BLOCK) },
		{ "beyond-device", MAP(.addr = 1 << 20) },
		{ "", MAP(.addr = (1 << 16) - BLOCK, .dev = OTHER_DEV) },
		{ "beyond-device", MAP(.addr = 1 << 16, .dev = OTHER_DEV) },
		{ "place-without-space nowhere-to-write", MAP(.type = FUSE_IOMAP_TYPE_HOLE) },
		{ "nowhere-to-write", MAP(.type = FUSE_IOMAP_TYPE_HOLE, NOWHERE) },
		{ "nowhere-to-write", MAP(.type = FUSE_IOMAP_TYPE_DELALLOC, NOWHERE) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fuse_iomap_begin_out out = truth();

		out.write = cases[i].map;
		assert_breaks(&direct_write, &out, cases[i].rules);
	}
}
#pragma GCC diagnostic pop

static void only_the_mapping_in_use_has_to_have_room(void **state)
{
	struct fuse_iomap_begin_out out = truth();
	struct fuse_iomap_begin_in in = direct_write;

	out.read.type = FUSE_IOMAP_TYPE_HOLE;
	out.read.dev = FUSE_IOMAP_DEV_NULL;
	out.read.addr = FUSE_IOMAP_NULL_ADDR;
	assert_breaks(&in, &out, "nowhere-to-write");
	in.opflags = FUSE_IOMAP_OP_WRITE;
	assert_breaks(&in, &out, "nowhere-to-write");
	in.opflags = FUSE_IOMAP_OP_ZERO;
	assert_breaks(&in, &out, "");
	in.opflags = 0;
	assert_breaks(&in, &out, "");
	out.read.type = FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	assert_breaks(&in, &out, "type-not-here");
}

static struct fuse_iomap_config_out true_config(void)
{
	return (struct fuse_iomap_config_out) {
		.flags = FUSE_IOMAP_CONFIG_SID | FUSE_IOMAP_CONFIG_UUID |
			 FUSE_IOMAP_CONFIG_BLOCKSIZE | FUSE_IOMAP_CONFIG_MAX_LINKS |
			 FUSE_IOMAP_CONFIG_TIME | FUSE_IOMAP_CONFIG_MAXBYTES,
		.s_id = "id", .s_uuid_len = 16, .s_blocksize = BLOCK, .s_max_links = 1,
		.s_time_gran = 1, .s_time_min = -1, .s_time_max = 1, .s_maxbytes = 1,
	};
}

static void assert_config_breaks(const struct fuse_iomap_config_out *out, const char *name)
{
	uint64_t broken = fuzz_config_rules_broken(out);

	for (int i = 0; fuzz_config_rule_name(i); i++)
		assert_int_equal(broken >> i & 1, !strcmp(fuzz_config_rule_name(i), name));
}

static void each_rule_of_config_is_told(void **state)
{
	struct fuse_iomap_config_out out = true_config();
	uint64_t all = out.flags;

	assert_config_breaks(&out, "");
#define BREAKS(name, field, value) do {			\
	out = true_config();				\
	out.field = value;				\
	assert_config_breaks(&out, name);		\
} while (0)
	BREAKS("flag", flags, all | 1ULL << 7);
	BREAKS("flag", flags, all | 1ULL << 63);
	BREAKS("padding", s_pad[0], 1);
	BREAKS("padding", s_pad[2], 0x80);
	BREAKS("padding", pad, 1);
	BREAKS("id", s_id[0], 0);
	BREAKS("id", s_id[1], '\n');
	BREAKS("id", s_id[1], '\x80');
	BREAKS("uuid", s_uuid_len, 0);
	BREAKS("uuid", s_uuid_len, 17);
	BREAKS("block-size", s_blocksize, 0);
	BREAKS("block-size", s_blocksize, 256);
	BREAKS("block-size", s_blocksize, 5000);
	BREAKS("block-size", s_blocksize, 131072);
	BREAKS("links", s_max_links, 0);
	BREAKS("granularity", s_time_gran, 0);
	BREAKS("granularity", s_time_gran, 1000000001);
	BREAKS("time", s_time_min, 2);
	BREAKS("size", s_maxbytes, 0);
	BREAKS("size", s_maxbytes, -1);
#undef BREAKS
	out = true_config();
	memset(out.s_id, 'x', sizeof(out.s_id));
	assert_config_breaks(&out, "id");
	/* What is not meant can be anything. */
	out = (struct fuse_iomap_config_out) { .s_maxbytes = -1, .s_time_min = 1 };
	assert_config_breaks(&out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_truth_breaks_none),
		cmocka_unit_test(each_rule_is_told),
		cmocka_unit_test(only_the_mapping_in_use_has_to_have_room),
		cmocka_unit_test(each_rule_of_config_is_told),
	};

	return cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
}
