/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is counted of a finished operation. The BPF programs and user space both
 * compile this, so that all sources come to the same numbers.
 */
#ifndef FUSEIOMAP_COUNT_H
#define FUSEIOMAP_COUNT_H

#include "fuseiomap.h"

/* A finished operation, without who and where. */
struct fi_done {
	__u64 count;
	__s64 written;
	__u64 lat_ns;
	__u64 phase_ns[FI_PHASES];
	__u64 used_length;
	__u32 opflags;
	__s32 error;
	__u8  kind;
	__u8  op;
	__u8  flags;		/* FI_F_* */
	__u8  is_short;
	__u8  read_type;	/* fi_type(); FI_TYPE_BAD: none */
	__u8  write_type;
	__u8  used_type;	/* of END: of the mapping that was used, too */
	__u8  pad;
};

static inline int fi_is_short(__u32 kind, __u32 opflags, __s64 written, __u64 count)
{
	return kind == FI_END && (opflags & FI_OPFLAGS_WRITE) && written < (__s64)count;
}

/* Which mapping the kernel goes by: see "BEGIN" in the interface. */
static inline int fi_uses_write_map(__u32 opflags, __u32 write_type)
{
	return (opflags & FI_OPFLAGS_WRITE) && write_type != FUSE_IOMAP_TYPE_PURE_OVERWRITE;
}

/* Types and length of a BEGIN's mappings; wire numbers. */
static inline void fi_done_maps(struct fi_done *d, const struct fuse_iomap_io *read,
				const struct fuse_iomap_io *write)
{
	d->read_type = fi_type(read->type);
	d->write_type = fi_type(write->type);
	if (fi_uses_write_map(d->opflags, write->type)) {
		d->used_type = d->write_type;
		d->used_length = write->length;
	} else {
		d->used_type = d->read_type;
		d->used_length = read->length;
	}
}

/* The filters on the outcome. */
static inline int fi_wanted_done(const struct fi_settings *s, const struct fi_done *d)
{
	if (s->min_lat_ns && (!(d->flags & FI_F_TIMED) || d->lat_ns < s->min_lat_ns))
		return 0;
	if (s->errors && !d->error)
		return 0;
	if (s->shorts && !d->is_short)
		return 0;
	return !s->types || (d->used_type < FI_TYPES && (s->types & (1U << d->used_type)));
}

static inline void fi_count_type(__u64 *types, __u32 type)
{
	/* Keeps the compiler from dropping the check, which the verifier needs. */
	asm volatile("" : "+r"(type));
	if (type < FI_TYPES)
		types[type]++;
}

static inline void fi_count(struct fi_cell *c, const struct fi_done *d)
{
	int i;

	c->done++;
	c->sent += !!(d->flags & FI_F_SENT);
	c->errors += !!d->error;
	/* A report moves no data, and asks up to the largest offset. */
	if (d->op != FI_REPORT) {
		c->bytes += d->count;
		if (d->written > 0)
			c->written += d->written;
	}
	if (d->is_short) {
		c->shorts++;
		c->missing += d->count - (d->written > 0 ? d->written : 0);
	}
	if (d->flags & FI_F_TIMED)
		fi_hist_add(&c->lat, d->lat_ns);
	if (d->flags & FI_F_SPLIT) {
		c->split++;
		for (i = 0; i < FI_PHASES; i++)
			c->phase_ns[i] += d->phase_ns[i];
	}
	/* The types of a refused answer are in the record, not in the counts. */
	if (d->kind != FI_BEGIN || d->error)
		return;
	fi_count_type(c->read_type, d->read_type);
	fi_count_type(c->write_type, d->write_type);
	fi_count_type(c->used_type, d->used_type);
}

/* Whether a share (fi_share()) and, if it is short, missing bytes are counted. */
static inline int fi_has_share(const struct fi_done *d)
{
	return d->kind == FI_END && (d->opflags & FI_OPFLAGS_WRITE);
}

/* Whether used_length goes into the histogram of mapping lengths of its type. */
static inline int fi_has_length(const struct fi_done *d)
{
	return d->kind == FI_BEGIN && !d->error && d->used_type < FI_TYPES;
}

/*
 * What a cell of this number (from 0) has to give up of what cells are told apart
 * by: its task, or its file too.
 */
static inline __u8 fi_gives_up(__u64 cells, __u64 max_cells, __u8 by)
{
	__u8 flags = 0;

	if (cells >= max_cells && (by & FI_BY_TASK))
		flags |= FI_KEY_OTHER_TASK;
	if (cells >= max_cells + max_cells / 8 && (by & FI_BY_FILE))
		flags |= FI_KEY_OTHER_FILE;
	return flags;
}

static inline void fi_give_up(struct fi_cell_key *key, __u8 flags)
{
	key->flags = flags;
	if (flags & FI_KEY_OTHER_TASK)
		key->pid = key->tid = 0;
	if (flags & FI_KEY_OTHER_FILE)
		key->ino = 0;
}

#endif /* FUSEIOMAP_COUNT_H */
