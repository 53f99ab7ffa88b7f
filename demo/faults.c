// SPDX-License-Identifier: GPL-2.0-only
/* Delays, errors, broken mappings, hangs; the contract is in faults.h. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "faults.h"

#define WRITE_LIKE (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_UNSHARE | \
		    FUSE_IOMAP_OP_WRITEBACK)

/* Until the wanted time, not for a while: a wake-up too late is not added. */
static void delay(uint64_t ns)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns += until.tv_nsec;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Spread evenly, without chance: of any 100 in a row, percent are. */
static bool in_share(uint64_t nr, unsigned int percent)
{
	return nr * percent / 100 != (nr - 1) * percent / 100;
}

static void hang(struct faults *faults)
{
	pthread_mutex_lock(&faults->lock);
	while (!faults->released)
		pthread_cond_wait(&faults->wake, &faults->lock);
	pthread_mutex_unlock(&faults->lock);
}

/* Kinds of IOEND */

static const struct {
	const char *name;
	uint32_t flag;
} ioend_flag_names[] = {
	{ "shared", FUSE_IOMAP_IOEND_SHARED },
	{ "unwritten", FUSE_IOMAP_IOEND_UNWRITTEN },
	{ "direct", FUSE_IOMAP_IOEND_DIRECT },
	{ "append", FUSE_IOMAP_IOEND_APPEND },
	{ "writeback", FUSE_IOMAP_IOEND_WRITEBACK },
	{ NULL, 0 }
};

static uint32_t ioend_flag(const char *name, size_t len)
{
	for (size_t i = 0; ioend_flag_names[i].name; i++)
		if (!strncmp(ioend_flag_names[i].name, name, len) &&
		    !ioend_flag_names[i].name[len])
			return ioend_flag_names[i].flag;
	return 0;
}

/* One kind, up to a comma or the end. Returns what is behind it, or NULL. */
static const char *parse_kind(struct ioend_kind *kind, const char *text)
{
	uint32_t *to = &kind->set;

	for (;;) {
		size_t len = strcspn(text, "+-,");
		uint32_t flag = ioend_flag(text, len);

		if (!flag)
			return NULL;
		*to |= flag;
		text += len;
		if (!*text || *text == ',')
			return kind->set & kind->clear ? NULL : text;
		to = *text++ == '+' ? &kind->set : &kind->clear;
	}
}

int fault_add_ioend_kinds(struct faults *faults, const char *text)
{
	for (;;) {
		struct ioend_kind kind = { 0 };

		if (faults->nioend_kinds == MAX_IOEND_KINDS)
			return -E2BIG;
		text = parse_kind(&kind, text);
		if (!text)
			return -EINVAL;
		faults->ioend_kinds[faults->nioend_kinds++] = kind;
		if (!*text++)
			return 0;
	}
}

static bool is_ioend_kind(const struct faults *faults, uint32_t flags)
{
	for (unsigned int i = 0; i < faults->nioend_kinds; i++) {
		const struct ioend_kind *kind = &faults->ioend_kinds[i];

		if ((flags & kind->set) == kind->set && !(flags & kind->clear))
			return true;
	}
	return false;
}

/* The number of a request among those that the knobs are about, or 0. */
static uint64_t number_of(struct faults *faults, enum fault_op op, uint32_t ioend_flags)
{
	uint64_t nr = atomic_fetch_add(&faults->seen[op], 1) + 1;

	if (op != FAULT_IOEND || !faults->nioend_kinds)
		return nr;
	if (!is_ioend_kind(faults, ioend_flags))
		return 0;
	return atomic_fetch_add(&faults->seen_ioend_kinds, 1) + 1;
}

struct fault fault_enter(struct faults *faults, enum fault_op op, uint32_t ioend_flags)
{
	struct fault fault = { faults, op, number_of(faults, op, ioend_flags) };

	if (!fault.nr)
		return fault;
	if (faults->delay_ns[op] && in_share(fault.nr, faults->delay_share))
		delay(faults->delay_ns[op]);
	if (fault.nr == faults->hang[op])
		hang(faults);
	return fault;
}

int fault_error(const struct fault *fault)
{
	const struct faults *faults = fault->faults;

	return !fault->nr || fault->nr % faults->bad_every ? 0 : -faults->error[fault->op];
}

void fault_break_attr(struct faults *faults, struct stat *attr)
{
	if (!S_ISREG(attr->st_mode) ||
	    atomic_fetch_add(&faults->seen_getattr, 1) + 1 != faults->bad_attr)
		return;
	attr->st_mode = (attr->st_mode & ~S_IFMT) | S_IFDIR;
}

void faults_release(struct faults *faults)
{
	pthread_mutex_lock(&faults->lock);
	faults->released = true;
	pthread_cond_broadcast(&faults->wake);
	pthread_mutex_unlock(&faults->lock);
}

/* Broken mappings: each breaks one rule, as far as the others allow that. */

struct victim {
	struct fuse_iomap_io *map;
	struct fuse_iomap_io *read;	/* of the same answer; may be map itself */
	uint64_t pos;
	uint64_t block;			/* block size */
	uint32_t dev;
	uint64_t dev_size;
};

static void set_place(struct victim *v, uint16_t type, uint32_t dev, uint64_t addr)
{
	v->map->type = type;
	v->map->dev = dev;
	v->map->addr = addr;
}

static void set_range(struct victim *v, uint64_t offset, uint64_t length)
{
	v->map->offset = offset;
	v->map->length = length;
}

static void bad_type(struct victim *v)
{
	v->map->type = 77;
}

static void bad_flags(struct victim *v)
{
	v->map->flags |= 1U << 15;
}

static void bad_zero_length(struct victim *v)
{
	v->map->length = 0;
}

static void bad_unaligned_offset(struct victim *v)
{
	set_range(v, v->map->offset + 1, v->map->length);
}

static void bad_unaligned_length(struct victim *v)
{
	v->map->length++;
}

static void bad_overflow(struct victim *v)
{
	v->map->length = -v->block;
}

static void bad_beyond_maxbytes(struct victim *v)
{
	set_range(v, 1ULL << 63, v->block);
}

static void bad_before_pos(struct victim *v)
{
	uint64_t pos = v->pos & -v->block;

	set_range(v, pos >= v->block ? pos - v->block : pos + v->block, v->block);
}

static void bad_after_pos(struct victim *v)
{
	set_range(v, (v->pos & -v->block) + v->block, v->block);
}

static void bad_unknown_dev(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_MAPPED, 999, 0);
}

static void bad_no_dev(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_MAPPED, FUSE_IOMAP_DEV_NULL, 0);
}

static void bad_no_addr(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_MAPPED, v->dev, FUSE_IOMAP_NULL_ADDR);
}

static void bad_unaligned_addr(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_MAPPED, v->dev, 1);
}

static void bad_addr_overflow(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_MAPPED, v->dev, -v->block);
}

static void bad_beyond_device(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_MAPPED, v->dev, v->dev_size);
}

static void bad_hole_with_dev(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_HOLE, v->dev, FUSE_IOMAP_NULL_ADDR);
}

static void bad_hole_with_addr(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_HOLE, FUSE_IOMAP_DEV_NULL, 0);
}

static void bad_delalloc_with_dev(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_DELALLOC, v->dev, FUSE_IOMAP_NULL_ADDR);
}

static void bad_inline_with_addr(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_INLINE, FUSE_IOMAP_DEV_NULL, 0);
}

static void bad_overwrite_as_read(struct victim *v)
{
	v->map = v->read;
	set_place(v, FUSE_IOMAP_TYPE_PURE_OVERWRITE, FUSE_IOMAP_DEV_NULL, FUSE_IOMAP_NULL_ADDR);
}

static void bad_nocache(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_NOCACHE, FUSE_IOMAP_DEV_NULL, FUSE_IOMAP_NULL_ADDR);
}

static void bad_retry_cache(struct victim *v)
{
	set_place(v, FUSE_IOMAP_TYPE_RETRY_CACHE, FUSE_IOMAP_DEV_NULL, FUSE_IOMAP_NULL_ADDR);
}

static void bad_write_hole(struct victim *v)
{
	if (v->map != v->read)
		set_place(v, FUSE_IOMAP_TYPE_HOLE, FUSE_IOMAP_DEV_NULL, FUSE_IOMAP_NULL_ADDR);
}

static const struct bad_map {
	const char *name;
	const char *help;
	void (*apply)(struct victim *v);
} bad_maps[] = {
	{ "type", "an unknown mapping type", bad_type },
	{ "flags", "an unknown mapping flag", bad_flags },
	{ "zero-length", "length 0", bad_zero_length },
	{ "unaligned-offset", "an offset that is not block aligned", bad_unaligned_offset },
	{ "unaligned-length", "a length that is not block aligned", bad_unaligned_length },
	{ "overflow", "offset + length overflows", bad_overflow },
	{ "beyond-maxbytes", "an offset beyond any file", bad_beyond_maxbytes },
	{ "before-pos", "a mapping that does not reach the position", bad_before_pos },
	{ "after-pos", "a mapping that begins after the position", bad_after_pos },
	{ "unknown-dev", "a device that was never registered", bad_unknown_dev },
	{ "no-dev", "mapped, but on no device", bad_no_dev },
	{ "no-addr", "mapped, but without an address", bad_no_addr },
	{ "unaligned-addr", "an address that is not block aligned", bad_unaligned_addr },
	{ "addr-overflow", "addr + length overflows", bad_addr_overflow },
	{ "beyond-device", "an address beyond the device's end", bad_beyond_device },
	{ "hole-with-dev", "a hole on a device", bad_hole_with_dev },
	{ "hole-with-addr", "a hole with an address", bad_hole_with_addr },
	{ "delalloc-with-dev", "delayed allocation on a device", bad_delalloc_with_dev },
	{ "inline-with-addr", "inline data with an address", bad_inline_with_addr },
	{ "overwrite-as-read", "pure overwrite as the read mapping", bad_overwrite_as_read },
	{ "nocache", "the cache's NOCACHE in an answer", bad_nocache },
	{ "retry-cache", "RETRY_CACHE, though there is no cache", bad_retry_cache },
	{ "write-hole", "a hole for a write to go to (reads are answered well)", bad_write_hole },
	{ NULL }
};

void fault_break_map(const struct fault *fault, const struct fuse_iomap_begin_in *in,
		     struct fuse_iomap_begin_out *out, uint32_t dev)
{
	const struct faults *faults = fault->faults;
	struct victim victim = {
		.map = in->opflags & WRITE_LIKE ? &out->write : &out->read,
		.read = &out->read,
		.pos = in->pos,
		.block = faults->block_size,
		.dev = dev,
		.dev_size = faults->dev_size,
	};

	if (!faults->bad_map || fault->nr % faults->bad_every)
		return;
	/* "Where the read mapping says" has nothing to break: say it there. */
	if (victim.map->type == FUSE_IOMAP_TYPE_PURE_OVERWRITE)
		*victim.map = out->read;
	faults->bad_map->apply(&victim);
}

const struct bad_map *bad_map_find(const char *name)
{
	for (const struct bad_map *bad = bad_maps; bad->name; bad++)
		if (!strcmp(bad->name, name))
			return bad;
	return NULL;
}

void bad_map_list(FILE *out)
{
	for (const struct bad_map *bad = bad_maps; bad->name; bad++)
		fprintf(out, "  %-18s %s\n", bad->name, bad->help);
}
