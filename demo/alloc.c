// SPDX-License-Identifier: GPL-2.0-only
/* Block map and extent lists; the contract is in alloc.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

#define WORD_BITS 64

/* The block map */

static size_t map_words(uint64_t nblocks)
{
	return (nblocks + WORD_BITS - 1) / WORD_BITS;
}

int alloc_init(struct alloc *alloc, uint64_t nblocks, uint64_t extent_max)
{
	*alloc = (struct alloc) {
		.map = calloc(map_words(nblocks), sizeof(uint64_t)),
		.nblocks = nblocks,
		.nfree = nblocks,
		.extent_max = extent_max,
	};
	pthread_mutex_init(&alloc->lock, NULL);
	return alloc->map ? 0 : -ENOMEM;
}

void alloc_split(struct alloc *alloc, uint64_t split)
{
	alloc->split = split;
	alloc->other_cursor = split;
}

void alloc_destroy(struct alloc *alloc)
{
	free(alloc->map);
	free(alloc->held);
	free(alloc->leaving);
	pthread_mutex_destroy(&alloc->lock);
}

uint64_t alloc_free_blocks(struct alloc *alloc)
{
	uint64_t nfree;

	pthread_mutex_lock(&alloc->lock);
	nfree = alloc->nfree - alloc->nreserved + alloc->nheld;
	pthread_mutex_unlock(&alloc->lock);
	return nfree;
}

static bool in_use(const struct alloc *alloc, uint64_t block)
{
	return alloc->map[block / WORD_BITS] >> (block % WORD_BITS) & 1;
}

static void flip(uint64_t *map, uint64_t block, uint64_t len)
{
	for (uint64_t b = block; b < block + len; b++)
		map[b / WORD_BITS] ^= 1ULL << (b % WORD_BITS);
}

/* The first free block at or after @block; nblocks if there is none. */
static uint64_t next_free(const struct alloc *alloc, uint64_t block)
{
	while (block < alloc->nblocks) {
		uint64_t free_bits = ~alloc->map[block / WORD_BITS] >> (block % WORD_BITS);

		if (free_bits)
			return min_u64(block + __builtin_ctzll(free_bits), alloc->nblocks);
		block = (block / WORD_BITS + 1) * WORD_BITS;
	}
	return alloc->nblocks;
}

static uint64_t free_run(const struct alloc *alloc, uint64_t block, uint64_t max)
{
	uint64_t len = 0;
	uint64_t end = block < alloc->split ? alloc->split : alloc->nblocks;

	max = min_u64(max, end - block);
	while (len < max && !in_use(alloc, block + len))
		len++;
	return len;
}

/* The next run is to be on the other device. */
static void take_turns(struct alloc *alloc)
{
	uint64_t cursor = alloc->cursor;

	alloc->cursor = alloc->other_cursor;
	alloc->other_cursor = cursor;
	alloc->on_second = !alloc->on_second;
}

/* A free block from the cursor on, else from the start of the device. */
static uint64_t find_free(const struct alloc *alloc)
{
	uint64_t start = alloc->on_second ? alloc->split : 0;
	uint64_t end = alloc->split && !alloc->on_second ? alloc->split : alloc->nblocks;
	uint64_t block = next_free(alloc, alloc->cursor);

	if (block >= end)
		block = next_free(alloc, start);
	return block < end ? block : alloc->nblocks;
}

/*
 * Take up to @len blocks in one run: at @goal if that one is free, so that a
 * file grows in place, else at the cursor. @reserved: they were promised before.
 * Returns how many, 0 if all are used.
 */
static uint64_t alloc_take(struct alloc *alloc, uint64_t goal, uint64_t len, bool reserved,
			   uint64_t *block)
{
	pthread_mutex_lock(&alloc->lock);
	if (!reserved)
		len = min_u64(len, alloc->nfree - alloc->nreserved);
	if (alloc->split)
		*block = find_free(alloc);
	else if (goal < alloc->nblocks && !in_use(alloc, goal))
		*block = goal;
	else
		*block = find_free(alloc);
	if (*block == alloc->nblocks && alloc->split) {
		take_turns(alloc);
		*block = find_free(alloc);
	}
	len = *block < alloc->nblocks ? free_run(alloc, *block, len) : 0;
	flip(alloc->map, *block, len);
	alloc->nfree -= len;
	if (reserved)
		alloc->nreserved -= len;
	/* With small extents asked for, leave a gap: no two make one run. */
	alloc->cursor = *block + len + (alloc->extent_max && !alloc->split);
	if (alloc->split)
		take_turns(alloc);
	pthread_mutex_unlock(&alloc->lock);
	return len;
}

static void alloc_give(struct alloc *alloc, const struct extent *extent)
{
	pthread_mutex_lock(&alloc->lock);
	if (extent_delayed(extent)) {
		alloc->nreserved -= extent->len;
	} else {
		flip(alloc->held ?: alloc->map, extent->block, extent->len);
		*(alloc->held ? &alloc->nheld : &alloc->nfree) += extent->len;
	}
	pthread_mutex_unlock(&alloc->lock);
}

/* Promise up to @len blocks. Returns how many. */
static uint64_t alloc_promise(struct alloc *alloc, uint64_t len)
{
	pthread_mutex_lock(&alloc->lock);
	len = min_u64(len, alloc->nfree - alloc->nreserved);
	alloc->nreserved += len;
	pthread_mutex_unlock(&alloc->lock);
	return len;
}

int alloc_reserve(struct alloc *alloc, uint64_t block, uint64_t len)
{
	bool ok;

	pthread_mutex_lock(&alloc->lock);
	ok = block <= alloc->nblocks && len <= alloc->nblocks - block &&
	     free_run(alloc, block, len) == len;
	if (ok) {
		flip(alloc->map, block, len);
		alloc->nfree -= len;
	}
	pthread_mutex_unlock(&alloc->lock);
	return ok ? 0 : -EINVAL;
}

/* Held blocks */

int alloc_hold(struct alloc *alloc)
{
	alloc->held = calloc(map_words(alloc->nblocks), sizeof(uint64_t));
	alloc->leaving = calloc(map_words(alloc->nblocks), sizeof(uint64_t));
	return alloc->held && alloc->leaving ? 0 : -ENOMEM;
}

uint64_t alloc_held_blocks(struct alloc *alloc)
{
	uint64_t nheld;

	pthread_mutex_lock(&alloc->lock);
	nheld = alloc->nheld;
	pthread_mutex_unlock(&alloc->lock);
	return nheld;
}

void alloc_commit_begin(struct alloc *alloc)
{
	uint64_t *held;

	pthread_mutex_lock(&alloc->lock);
	held = alloc->held;
	alloc->held = alloc->leaving;	/* empty between commits */
	alloc->leaving = held;
	pthread_mutex_unlock(&alloc->lock);
}

void alloc_commit_end(struct alloc *alloc, bool ok)
{
	pthread_mutex_lock(&alloc->lock);
	for (size_t i = 0; i < map_words(alloc->nblocks); i++) {
		uint64_t word = alloc->leaving[i];

		if (ok) {
			alloc->map[i] &= ~word;
			alloc->nfree += __builtin_popcountll(word);
			alloc->nheld -= __builtin_popcountll(word);
		} else {
			alloc->held[i] |= word;
		}
		alloc->leaving[i] = 0;
	}
	pthread_mutex_unlock(&alloc->lock);
}

/* Extents */

/* The index of the first extent that ends after @off; n if there is none. */
static size_t lower_bound(const struct extents *extents, uint64_t off)
{
	size_t lo = 0, hi = extents->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (extents->v[mid].off + extents->v[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Make room, so that the next @more insertions cannot fail. */
static int reserve(struct extents *extents, size_t more)
{
	size_t capacity = extents->capacity ? extents->capacity : 4;
	struct extent *v;

	if (extents->n + more <= extents->capacity)
		return 0;
	while (capacity < extents->n + more)
		capacity *= 2;
	v = reallocarray(extents->v, capacity, sizeof(*v));
	if (!v)
		return -ENOMEM;
	extents->v = v;
	extents->capacity = capacity;
	return 0;
}

static void insert_at(struct extents *extents, size_t i, struct extent extent)
{
	struct extent *v = extents->v;

	memmove(&v[i + 1], &v[i], (extents->n - i) * sizeof(*v));
	v[i] = extent;
	extents->n++;
}

static void remove_at(struct extents *extents, size_t i, size_t count)
{
	struct extent *v = extents->v;

	memmove(&v[i], &v[i + count], (extents->n - i - count) * sizeof(*v));
	extents->n -= count;
}

/* Let an extent begin at @off, if one goes across. Returns lower_bound(@off). */
static size_t split_at(struct extents *extents, uint64_t off)
{
	size_t i = lower_bound(extents, off);
	struct extent *left = &extents->v[i], right;
	uint64_t len;

	if (i == extents->n || left->off >= off)
		return i;
	len = off - left->off;
	right = (struct extent) { off, left->len - len, left->block + len, left->written };
	if (extent_delayed(left))
		right.block = BLOCK_DELAYED;
	left->len = len;
	insert_at(extents, i + 1, right);
	return i + 1;
}

/* Is @b the place behind @a, or are both still without one? */
static bool next_to(const struct extent *a, const struct extent *b)
{
	return extent_delayed(a) ? extent_delayed(b) : a->block + a->len == b->block;
}

static bool can_merge(const struct alloc *alloc, const struct extent *a, const struct extent *b)
{
	return a->off + a->len == b->off && next_to(a, b) && a->written == b->written &&
	       (!alloc->extent_max || a->len + b->len <= alloc->extent_max) &&
	       (!alloc->split || b->block != alloc->split);
}

/* Merge what can be merged among the extents from @first - 1 to @last. */
static void merge(const struct alloc *alloc, struct extents *extents, size_t first, size_t last)
{
	size_t kept = first ? first - 1 : 0;
	size_t end = last < extents->n ? last : extents->n - 1;
	struct extent *v = extents->v;

	if (!extents->n)
		return;
	for (size_t i = kept + 1; i <= end; i++) {
		if (can_merge(alloc, &v[kept], &v[i]))
			v[kept].len += v[i].len;
		else
			v[++kept] = v[i];
	}
	remove_at(extents, kept + 1, end - kept);
}

bool extents_find(const struct extents *extents, uint64_t off, struct extent *found)
{
	size_t i = lower_bound(extents, off);

	if (i < extents->n && extents->v[i].off <= off) {
		*found = extents->v[i];
		return true;
	}
	*found = (struct extent) {
		.off = off,
		.len = (i < extents->n ? extents->v[i].off : UINT64_MAX) - off,
	};
	return false;
}

/* No extent may be longer than that. */
static uint64_t limit_len(const struct alloc *alloc, uint64_t len)
{
	return alloc->extent_max ? min_u64(len, alloc->extent_max) : len;
}

/* At most @len blocks of the hole that ends where extent @i begins. */
static uint64_t limit_hole(const struct alloc *alloc, const struct extents *extents, size_t i,
			   uint64_t off, uint64_t len)
{
	if (i < extents->n)
		len = min_u64(len, extents->v[i].off - off);
	return limit_len(alloc, len);
}

/* The block behind extent @i - 1, where one at @i would best be. */
static uint64_t goal_at(const struct alloc *alloc, const struct extents *extents, size_t i)
{
	const struct extent *before = &extents->v[i - 1];

	if (alloc->extent_max || !i || extent_delayed(before))
		return alloc->nblocks;
	return before->block + before->len;
}

static void insert_new(struct alloc *alloc, struct extents *extents, size_t i, struct extent new)
{
	insert_at(extents, i, new);
	extents->blocks += new.len;
	merge(alloc, extents, i, i + 1);
}

int extents_fill(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len)
{
	size_t i = lower_bound(extents, off);
	struct extent new = { .off = off };

	if (reserve(extents, 1))
		return -ENOMEM;
	new.len = alloc_take(alloc, goal_at(alloc, extents, i),
			     limit_hole(alloc, extents, i, off, len), false, &new.block);
	if (!new.len)
		return -ENOSPC;
	insert_new(alloc, extents, i, new);
	return 0;
}

int extents_delay(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len)
{
	size_t i = lower_bound(extents, off);
	struct extent new = { .off = off, .block = BLOCK_DELAYED };

	if (reserve(extents, 1))
		return -ENOMEM;
	new.len = alloc_promise(alloc, limit_hole(alloc, extents, i, off, len));
	if (!new.len)
		return -ENOSPC;
	insert_new(alloc, extents, i, new);
	return 0;
}

int extents_settle(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len)
{
	struct extent *new;
	uint64_t block, got;
	size_t i;

	if (reserve(extents, 2))
		return -ENOMEM;
	i = split_at(extents, off);
	len = limit_len(alloc, min_u64(len, extents->v[i].len));
	got = alloc_take(alloc, goal_at(alloc, extents, i), len, true, &block);
	split_at(extents, off + got);
	new = &extents->v[i];
	new->block = block;
	merge(alloc, extents, i, i + 1);
	return 0;
}

void extents_drop_delayed(struct alloc *alloc, struct extents *extents)
{
	size_t kept = 0;

	for (size_t i = 0; i < extents->n; i++) {
		const struct extent extent = extents->v[i];

		if (!extent_delayed(&extent)) {
			extents->v[kept++] = extent;
			continue;
		}
		alloc_give(alloc, &extent);
		extents->blocks -= extent.len;
	}
	extents->n = kept;
}

int extents_append(struct extents *extents, struct extent extent)
{
	if (reserve(extents, 1))
		return -ENOMEM;
	insert_at(extents, extents->n, extent);
	extents->blocks += extent.len;
	return 0;
}

int extents_mark_written(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len)
{
	size_t first, end;

	if (reserve(extents, 2))
		return -ENOMEM;
	first = split_at(extents, off);
	end = split_at(extents, off + len);
	for (size_t i = first; i < end; i++)
		extents->v[i].written |= !extent_delayed(&extents->v[i]);
	merge(alloc, extents, first, end);
	return 0;
}

int extents_punch(struct alloc *alloc, struct extents *extents, uint64_t off, uint64_t len)
{
	size_t first, end;

	if (reserve(extents, 2))
		return -ENOMEM;
	first = split_at(extents, off);
	end = split_at(extents, off + len);
	for (size_t i = first; i < end; i++) {
		alloc_give(alloc, &extents->v[i]);
		extents->blocks -= extents->v[i].len;
	}
	remove_at(extents, first, end - first);
	return 0;
}

void extents_free(struct alloc *alloc, struct extents *extents)
{
	for (size_t i = 0; i < extents->n; i++)
		alloc_give(alloc, &extents->v[i]);
	free(extents->v);
	*extents = (struct extents) { 0 };
}
