/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Adding up. All of it runs with preemption off, so that what is per CPU is
 * also ours alone: the events fire in tasks, never in interrupts.
 */
#ifndef FUSEIOMAP_CELLS_H
#define FUSEIOMAP_CELLS_H

#include "maps.h"

/* A finished operation, as the done events tell it. */
struct done {
	__u64  ino;
	loff_t pos;
	__u64  count;
	__s64  written;
	__u64  lat_ns;
	__u64  phase_ns[FI_PHASES];
	__u64  used_length;
	__u32  opflags;
	__s32  error;
	__u32  dev;
	__u8   kind;
	__u8   op;
	__u8   flags;		/* FI_F_* */
	__u8   is_short;
	__u8   read_type;	/* fi_type(), FI_TYPE_BAD for none */
	__u8   write_type;
	__u8   used_type;
};

#define NO_TYPES			\
	.read_type = FI_TYPE_BAD,	\
	.write_type = FI_TYPE_BAD,	\
	.used_type = FI_TYPE_BAD

static const struct fi_cell zero_cell;

static __always_inline struct fi_ledger *ledger(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ledgers, &zero);
}

static __always_inline bool wanted(__u32 dev, __u32 op)
{
	if (settings.dev && settings.dev != dev)
		return false;
	if (settings.pid && settings.pid != bpf_get_current_pid_tgid() >> 32)
		return false;
	return !settings.ops || (settings.ops & (1U << (op & 31)));
}

/* Connection 0 has cells from the start, for connections beyond the table. */
static __noinline struct fi_cell *mount_cell(__u32 dev, __u32 kind, __u32 op)
{
	struct fi_cell_key key = { .dev = dev, .kind = kind, .op = op };
	struct fi_cell *c = bpf_map_lookup_elem(&mounts, &key);

	if (c)
		return c;
	bpf_map_update_elem(&mounts, &key, &zero_cell, BPF_NOEXIST);
	c = bpf_map_lookup_elem(&mounts, &key);
	if (c)
		return c;
	key.dev = 0;
	return bpf_map_lookup_elem(&mounts, &key);
}

static __always_inline void inode_name(char *name, const struct inode *inode)
{
	struct hlist_node *alias = BPF_CORE_READ(inode, i_dentry.first);
	unsigned long offset;

	if (!alias)
		return;
	if (bpf_core_field_exists(struct dentry, d_alias))
		offset = bpf_core_field_offset(struct dentry, d_alias);
	else
		offset = bpf_core_field_offset(struct dentry___old, d_u.d_alias);
	bpf_probe_read_kernel_str(name, FI_NAME_LEN,
		BPF_CORE_READ((struct dentry *)((void *)alias - offset), d_name.name));
}

static __always_inline __u64 inode_nodeid(const struct inode *inode)
{
	/* The inode is the first member, as container_of() would find. */
	return BPF_CORE_READ((const struct fuse_inode *)inode, nodeid);
}

/* Sets key->ino to 0 when the operation went to "other files". */
static __noinline struct fi_cell *file_cell(struct fi_cell_key *key,
					    const struct inode *inode)
{
	struct fi_cell *c = bpf_map_lookup_elem(&files, key);

	if (c)
		return c;
	if (file_cells >= settings.max_files ||
	    __sync_fetch_and_add(&file_cells, 1) >= settings.max_files)
		key->ino = 0;
	bpf_map_update_elem(&files, key, &zero_cell, BPF_NOEXIST);
	c = bpf_map_lookup_elem(&files, key);
	if (c && key->ino) {
		c->nodeid = inode_nodeid(inode);
		inode_name(c->name, inode);
	}
	return c;
}

static __always_inline void count_type(__u64 *types, __u32 type)
{
	asm volatile("" : "+r"(type));
	if (type < FI_TYPES)
		types[type]++;
}

/*
 * Functions that are not static are verified once, not once for each way to
 * call them, which makes for most of the time that loading takes.
 */
__noinline int count_done(struct fi_cell *c, const struct done *d)
{
	int i;

	if (!c || !d)
		return 0;
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
	count_type(c->read_type, d->read_type);
	count_type(c->write_type, d->write_type);
	count_type(c->used_type, d->used_type);
	return 0;
}

__noinline int add_hist(__u32 index, __u64 v)
{
	struct fi_hist *h = bpf_map_lookup_elem(&hists, &index);

	if (h)
		fi_hist_add(h, v);
	return 0;
}

__noinline int count_hists(const struct done *d)
{
	struct fi_shares *s;
	__u64 written;
	__u32 i, op;

	if (!d)
		return 0;
	op = d->op;
	written = d->written > 0 ? d->written : 0;
	if (d->flags & FI_F_SPLIT)
		for (i = 0; i < FI_PHASES; i++)
			add_hist(FI_H_PHASE(d->kind, op, i), d->phase_ns[i]);
	if (d->used_type < FI_TYPES)
		add_hist(FI_H_MAPLEN(d->used_type), d->used_length);
	if (d->kind != FI_END || !(d->opflags & FI_OPFLAGS_WRITE))
		return 0;
	if (d->is_short)
		add_hist(FI_H_MISSING(op), d->count - written);
	s = bpf_map_lookup_elem(&shares, &op);
	i = fi_share(written, d->count);
	if (s && i < FI_SHARES)
		s->n[i]++;
	return 0;
}

#endif /* FUSEIOMAP_CELLS_H */
