// SPDX-License-Identifier: GPL-2.0-only
/* Extents and free blocks of the demo server, against a model block by block. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"

#define BLOCKS 256

struct env {
	struct alloc alloc;
	struct extents extents;
};

static struct env *env_new(uint64_t nblocks, uint64_t extent_max)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	assert_int_equal(alloc_init(&env->alloc, nblocks, extent_max), 0);
	return env;
}

static void env_free(struct env *env)
{
	extents_free(&env->alloc, &env->extents);
	assert_int_equal(alloc_free_blocks(&env->alloc), env->alloc.nblocks);
	alloc_destroy(&env->alloc);
	free(env);
}

static void assert_extent(const struct extents *extents, size_t i, uint64_t off, uint64_t len,
			  bool written)
{
	assert_true(i < extents->n);
	assert_int_equal(extents->v[i].off, off);
	assert_int_equal(extents->v[i].len, len);
	assert_int_equal(extents->v[i].written, written);
}

static void fill_makes_one_unwritten_extent(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	assert_int_equal(extents_fill(&env->alloc, &env->extents, 10, 5), 0);
	assert_int_equal(env->extents.n, 1);
	assert_extent(&env->extents, 0, 10, 5, false);
	assert_int_equal(env->extents.blocks, 5);
	assert_int_equal(alloc_free_blocks(&env->alloc), BLOCKS - 5);
	env_free(env);
}

static void fill_grows_the_extent_before(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	extents_fill(&env->alloc, &env->extents, 0, 4);
	extents_fill(&env->alloc, &env->extents, 4, 4);
	assert_int_equal(env->extents.n, 1);
	assert_extent(&env->extents, 0, 0, 8, false);
	env_free(env);
}

static void fill_stops_at_the_next_extent(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	extents_fill(&env->alloc, &env->extents, 20, 4);
	extents_fill(&env->alloc, &env->extents, 10, 100);
	assert_extent(&env->extents, 0, 10, 10, false);
	assert_int_equal(env->extents.blocks, 14);
	env_free(env);
}

static void find_tells_extent_and_hole(void **state)
{
	struct env *env = env_new(BLOCKS, 0);
	struct extent found;

	assert_false(extents_find(&env->extents, 7, &found));
	assert_int_equal(found.off, 7);
	assert_true(found.len == UINT64_MAX - 7);
	extents_fill(&env->alloc, &env->extents, 10, 4);
	assert_false(extents_find(&env->extents, 7, &found));
	assert_int_equal(found.len, 3);
	assert_true(extents_find(&env->extents, 13, &found));
	assert_int_equal(found.off, 10);
	assert_int_equal(found.len, 4);
	assert_false(extents_find(&env->extents, 14, &found));
	env_free(env);
}

static void mark_written_splits_and_merges(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	extents_fill(&env->alloc, &env->extents, 0, 10);
	assert_int_equal(extents_mark_written(&env->alloc, &env->extents, 3, 4), 0);
	assert_int_equal(env->extents.n, 3);
	assert_extent(&env->extents, 0, 0, 3, false);
	assert_extent(&env->extents, 1, 3, 4, true);
	assert_extent(&env->extents, 2, 7, 3, false);
	extents_mark_written(&env->alloc, &env->extents, 0, 3);
	extents_mark_written(&env->alloc, &env->extents, 7, 3);
	assert_int_equal(env->extents.n, 1);
	assert_extent(&env->extents, 0, 0, 10, true);
	env_free(env);
}

static void mark_written_skips_holes(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	assert_int_equal(extents_mark_written(&env->alloc, &env->extents, 0, 100), 0);
	assert_int_equal(env->extents.n, 0);
	extents_fill(&env->alloc, &env->extents, 10, 2);
	extents_fill(&env->alloc, &env->extents, 20, 2);
	extents_mark_written(&env->alloc, &env->extents, 0, 100);
	assert_int_equal(env->extents.n, 2);
	assert_extent(&env->extents, 0, 10, 2, true);
	assert_extent(&env->extents, 1, 20, 2, true);
	env_free(env);
}

static void punch_splits_and_frees(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	extents_fill(&env->alloc, &env->extents, 0, 10);
	assert_int_equal(extents_punch(&env->alloc, &env->extents, 3, 4), 0);
	assert_int_equal(env->extents.n, 2);
	assert_extent(&env->extents, 0, 0, 3, false);
	assert_extent(&env->extents, 1, 7, 3, false);
	assert_int_equal(env->extents.blocks, 6);
	assert_int_equal(alloc_free_blocks(&env->alloc), BLOCKS - 6);
	assert_int_equal(extents_punch(&env->alloc, &env->extents, 1, UINT64_MAX - 1), 0);
	assert_extent(&env->extents, 0, 0, 1, false);
	assert_int_equal(env->extents.n, 1);
	env_free(env);
}

static void no_space_is_said(void **state)
{
	struct env *env = env_new(100, 0);	/* no multiple of the map's words */

	assert_int_equal(extents_fill(&env->alloc, &env->extents, 0, 1000), 0);
	assert_int_equal(env->extents.blocks, 100);
	assert_int_equal(extents_fill(&env->alloc, &env->extents, 100, 1), -ENOSPC);
	assert_int_equal(extents_punch(&env->alloc, &env->extents, 50, 1), 0);
	assert_int_equal(extents_fill(&env->alloc, &env->extents, 100, 2), 0);
	assert_int_equal(env->extents.blocks, 100);
	env_free(env);
}

static void extent_max_limits_and_scatters(void **state)
{
	struct env *env = env_new(BLOCKS, 4);

	for (uint64_t off = 0; off < 16; off += 4)
		assert_int_equal(extents_fill(&env->alloc, &env->extents, off, 100), 0);
	extents_mark_written(&env->alloc, &env->extents, 0, 16);
	assert_int_equal(env->extents.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_extent(&env->extents, i, 4 * i, 4, true);
		if (i)
			assert_int_not_equal(env->extents.v[i].block,
					     env->extents.v[i - 1].block + 4);
	}
	env_free(env);
}

static void delayed_room_is_promised_and_nobody_elses(void **state)
{
	struct env *env = env_new(10, 0);
	struct extents other = { 0 };

	assert_int_equal(extents_delay(&env->alloc, &env->extents, 5, 6), 0);
	assert_int_equal(env->extents.n, 1);
	assert_extent(&env->extents, 0, 5, 6, false);
	assert_true(extent_delayed(&env->extents.v[0]));
	assert_int_equal(env->extents.blocks, 6);
	assert_int_equal(alloc_free_blocks(&env->alloc), 4);
	assert_int_equal(extents_fill(&env->alloc, &other, 0, 10), 0);
	assert_int_equal(other.blocks, 4);
	assert_int_equal(extents_fill(&env->alloc, &other, 4, 1), -ENOSPC);
	assert_int_equal(extents_delay(&env->alloc, &other, 4, 1), -ENOSPC);
	assert_int_equal(extents_settle(&env->alloc, &env->extents, 7, 2), 0);
	assert_int_equal(env->extents.n, 3);
	assert_extent(&env->extents, 0, 5, 2, false);
	assert_extent(&env->extents, 1, 7, 2, false);
	assert_false(extent_delayed(&env->extents.v[1]));
	assert_extent(&env->extents, 2, 9, 2, false);
	assert_int_equal(extents_settle(&env->alloc, &env->extents, 5, 100), 0);
	assert_int_equal(extents_settle(&env->alloc, &env->extents, 9, 100), 0);
	assert_int_equal(env->extents.blocks, 6);
	assert_int_equal(alloc_free_blocks(&env->alloc), 0);
	extents_free(&env->alloc, &other);
	env_free(env);
}

static void what_is_delayed_goes_with_its_promise(void **state)
{
	struct env *env = env_new(BLOCKS, 0);

	assert_int_equal(extents_delay(&env->alloc, &env->extents, 0, 10), 0);
	assert_int_equal(extents_punch(&env->alloc, &env->extents, 2, 3), 0);
	assert_int_equal(env->extents.n, 2);
	assert_extent(&env->extents, 1, 5, 5, false);
	assert_true(extent_delayed(&env->extents.v[1]));
	assert_int_equal(alloc_free_blocks(&env->alloc), BLOCKS - 7);
	assert_int_equal(extents_fill(&env->alloc, &env->extents, 2, 3), 0);
	/* It is not there to be written. */
	assert_int_equal(extents_mark_written(&env->alloc, &env->extents, 0, 10), 0);
	assert_extent(&env->extents, 0, 0, 2, false);
	assert_extent(&env->extents, 1, 2, 3, true);
	assert_extent(&env->extents, 2, 5, 5, false);
	extents_drop_delayed(&env->alloc, &env->extents);
	assert_int_equal(env->extents.n, 1);
	assert_extent(&env->extents, 0, 2, 3, true);
	assert_int_equal(env->extents.blocks, 3);
	assert_int_equal(alloc_free_blocks(&env->alloc), BLOCKS - 3);
	env_free(env);
}

/* The model: for each file block, the device block it is on, and if it is written. */

#define HOLE -1
#define DELAYED -2

struct model {
	int64_t block[BLOCKS];	/* or one of these */
	bool written[BLOCKS];
};

/* Part of the file, for a random operation. */
struct part {
	uint64_t off, len;
};

static int64_t block_at(const struct extent *e, uint64_t off)
{
	return extent_delayed(e) ? DELAYED : (int64_t)(e->block + off - e->off);
}

/* What was @before in the model may be something else now. */
static void learn(const struct extents *extents, struct part part, int64_t before,
		  struct model *model)
{
	struct extent e;

	for (uint64_t off = part.off; off < part.off + part.len; off++)
		if (model->block[off] == before && extents_find(extents, off, &e)) {
			assert_false(e.written);
			model->block[off] = block_at(&e, off);
			model->written[off] = false;
		}
}

static void check(const struct env *env, const struct model *model, uint64_t extent_max)
{
	bool used[BLOCKS] = { false };
	uint64_t blocks = 0, delayed = 0, last_end = 0;
	struct extent e;

	for (size_t i = 0; i < env->extents.n; i++) {
		const struct extent *extent = &env->extents.v[i];

		assert_true(extent->len > 0 && extent->off >= last_end);
		assert_true(!extent_max || extent->len <= extent_max);
		last_end = extent->off + extent->len;
	}
	for (uint64_t off = 0; off < BLOCKS; off++) {
		assert_int_equal(extents_find(&env->extents, off, &e), model->block[off] != HOLE);
		if (model->block[off] == HOLE)
			continue;
		assert_int_equal(block_at(&e, off), model->block[off]);
		assert_int_equal(e.written, model->written[off]);
		blocks++;
		if (model->block[off] == DELAYED) {
			delayed++;
			continue;
		}
		assert_false(used[model->block[off]]);
		used[model->block[off]] = true;
	}
	assert_int_equal(env->extents.blocks, blocks);
	assert_int_equal(env->alloc.nreserved, delayed);
	assert_int_equal(env->alloc.nfree, env->alloc.nblocks - blocks + delayed);
	assert_int_equal(alloc_free_blocks((struct alloc *)&env->alloc),
			 env->alloc.nblocks - blocks);
}

static void random_fill(struct env *env, struct part part, struct model *model)
{
	struct extent hole;
	int (*fill)(struct alloc *, struct extents *, uint64_t, uint64_t) =
		rand() % 2 ? extents_fill : extents_delay;
	int err;

	if (extents_find(&env->extents, part.off, &hole))
		return;
	err = fill(&env->alloc, &env->extents, part.off, part.len);
	assert_true(!err || (err == -ENOSPC && env->alloc.nfree == env->alloc.nreserved));
	learn(&env->extents, part, HOLE, model);
}

static void random_settle(struct env *env, struct part part, struct model *model)
{
	struct extent e;

	if (!extents_find(&env->extents, part.off, &e) || !extent_delayed(&e))
		return;
	assert_int_equal(extents_settle(&env->alloc, &env->extents, part.off, part.len), 0);
	learn(&env->extents, part, DELAYED, model);
	assert_true(model->block[part.off] >= 0);
}

static void random_mark(struct env *env, struct part part, struct model *model)
{
	assert_int_equal(extents_mark_written(&env->alloc, &env->extents, part.off, part.len), 0);
	for (uint64_t i = part.off; i < part.off + part.len; i++)
		model->written[i] = model->block[i] >= 0;
}

static void random_punch(struct env *env, struct part part, struct model *model)
{
	assert_int_equal(extents_punch(&env->alloc, &env->extents, part.off, part.len), 0);
	for (uint64_t i = part.off; i < part.off + part.len; i++)
		model->block[i] = HOLE;
}

static void random_drop(struct env *env, struct part part, struct model *model)
{
	if (rand() % 50)
		return;
	extents_drop_delayed(&env->alloc, &env->extents);
	for (uint64_t i = 0; i < BLOCKS; i++)
		if (model->block[i] == DELAYED)
			model->block[i] = HOLE;
}

static void random_step(struct env *env, struct model *model)
{
	static void (*const steps[])(struct env *, struct part, struct model *) = {
		random_fill, random_fill, random_settle, random_mark, random_punch, random_drop,
	};
	struct part part = { rand() % BLOCKS, 1 + rand() % 20 };

	if (part.len > BLOCKS - part.off)
		part.len = BLOCKS - part.off;
	steps[rand() % (sizeof(steps) / sizeof(*steps))](env, part, model);
}

static void random_against_model(void **state)
{
	static const uint64_t limits[] = { 0, 1, 3, 16 };
	struct model model;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		/* Fewer blocks than the file is long: it runs full, too. */
		struct env *env = env_new(BLOCKS / 2 - 7, limits[i]);

		srand(i + 1);
		memset(&model, -1, sizeof(model));
		for (int step = 0; step < 20000; step++) {
			random_step(env, &model);
			check(env, &model, limits[i]);
		}
		env_free(env);
	}
}

static void blocks_given_back_are_held_until_the_next_commit_is_done(void **state)
{
	struct env *env = env_new(8, 0);
	struct alloc *alloc = &env->alloc;

	assert_int_equal(alloc_hold(alloc), 0);
	assert_int_equal(alloc_reserve(alloc, 0, 4), 0);
	assert_int_equal(alloc_reserve(alloc, 3, 2), -EINVAL);
	assert_int_equal(alloc_reserve(alloc, 7, 2), -EINVAL);
	assert_int_equal(extents_fill(alloc, &env->extents, 0, 4), 0);
	assert_int_equal(extents_punch(alloc, &env->extents, 0, 1), 0);
	alloc_commit_begin(alloc);
	assert_int_equal(extents_punch(alloc, &env->extents, 1, 1), 0);
	assert_int_equal(alloc_held_blocks(alloc), 2);
	assert_int_equal(alloc_free_blocks(alloc), 2);
	assert_int_equal(extents_fill(alloc, &env->extents, 0, 1), -ENOSPC);

	/* It failed: they still wait. */
	alloc_commit_end(alloc, false);
	assert_int_equal(alloc_held_blocks(alloc), 2);
	assert_int_equal(extents_fill(alloc, &env->extents, 0, 1), -ENOSPC);

	/* The second was given back while this one was under way. */
	alloc_commit_begin(alloc);
	assert_int_equal(extents_punch(alloc, &env->extents, 2, 1), 0);
	alloc_commit_end(alloc, true);
	assert_int_equal(alloc_held_blocks(alloc), 1);
	assert_int_equal(extents_fill(alloc, &env->extents, 0, 8), 0);
	assert_int_equal(env->extents.v[0].len, 2);
	assert_int_equal(extents_fill(alloc, &env->extents, 10, 1), -ENOSPC);

	alloc_commit_begin(alloc);
	alloc_commit_end(alloc, true);
	assert_int_equal(alloc_held_blocks(alloc), 0);
	assert_int_equal(extents_punch(alloc, &env->extents, 0, 100), 0);
	alloc_commit_begin(alloc);
	alloc_commit_end(alloc, true);
	assert_int_equal(alloc_free_blocks(alloc), 4);
	extents_free(alloc, &env->extents);
	alloc_destroy(alloc);
	free(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fill_makes_one_unwritten_extent),
		cmocka_unit_test(fill_grows_the_extent_before),
		cmocka_unit_test(fill_stops_at_the_next_extent),
		cmocka_unit_test(find_tells_extent_and_hole),
		cmocka_unit_test(mark_written_splits_and_merges),
		cmocka_unit_test(mark_written_skips_holes),
		cmocka_unit_test(punch_splits_and_frees),
		cmocka_unit_test(no_space_is_said),
		cmocka_unit_test(extent_max_limits_and_scatters),
		cmocka_unit_test(delayed_room_is_promised_and_nobody_elses),
		cmocka_unit_test(what_is_delayed_goes_with_its_promise),
		cmocka_unit_test(random_against_model),
		cmocka_unit_test(blocks_given_back_are_held_until_the_next_commit_is_done),
	};

	return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
