/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filters and adding up. All of it runs with preemption off, so that what is per CPU
 * is also ours alone: the events fire in tasks, never in interrupts.
 *
 * Functions that are not static are verified once, not once for each way to call
 * them, which makes for most of the time that loading takes.
 */
#ifndef FUSEIOMAP_CELLS_H
#define FUSEIOMAP_CELLS_H

#include "maps.h"

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

/* ---- filters ------------------------------------------------------------- */

/* Both are padded with zeroes, and lie at multiples of four. */
static __always_inline bool same_comm(const volatile char *a, const char *b)
{
	for (int i = 0; i < FI_COMM_LEN / sizeof(__u32); i++)
		if (((const volatile __u32 *)a)[i] != ((const __u32 *)b)[i])
			return false;
	return true;
}

static __always_inline bool has_comm(void)
{
	char comm[FI_COMM_LEN] __attribute__((aligned(4)));

	bpf_get_current_comm(comm, sizeof(comm));
	return same_comm(settings.comm, comm);
}

/* Who, where and what for. A kworker that ends writeback is in the root cgroup. */
static __always_inline bool wanted(__u32 dev, __u64 ino, __u32 kind, __u32 op)
{
	if (settings.dev && settings.dev != dev)
		return false;
	if (settings.ino && settings.ino != ino)
		return false;
	if (settings.kinds && !(settings.kinds & (1U << (kind & 31))))
		return false;
	if (settings.ops && !(settings.ops & (1U << (op & 31))))
		return false;
	if (settings.pid && settings.pid != bpf_get_current_pid_tgid() >> 32)
		return false;
	if (settings.tid && settings.tid != (__u32)bpf_get_current_pid_tgid())
		return false;
	if (settings.comm[0] && !has_comm())
		return false;
	return !settings.cgroup || bpf_current_task_under_cgroup(&cgroups, 0) == 1;
}

static __always_inline bool is_filtered(void)
{
	return settings.dev || settings.ino || settings.kinds || settings.ops ||
	       settings.pid || settings.tid || settings.comm[0] || settings.cgroup;
}

/* The outcome. The settings are constants to the verifier, not to the compiler. */
static __always_inline bool wanted_done(const struct fi_done *d)
{
	const struct fi_settings *set = (const struct fi_settings *)&settings;

	asm volatile("" : "+r"(set));
	return fi_wanted_done(set, d);
}

/* ---- names --------------------------------------------------------------- */

/*
 * Remembers the path of a file that is not known yet, or not by this name: it was
 * renamed, or a new file or mount has the old number.
 */
__noinline int note_file(__u32 dev, __u64 ino, __u64 address, __u32 which)
{
	struct fi_file_key key = { .ino = ino, .dev = dev };
	struct inode *inode = (struct inode *)address;
	__u32 hash = BPF_CORE_READ(alias_of(inode), d_name.hash_len);
	struct fi_file *known = bpf_map_lookup_elem(&files, &key);
	struct path_room *room;

	/* One that is unlinked keeps the name that it had. */
	if (known && (known->hash == hash || !hash))
		return 0;
	room = bpf_map_lookup_elem(&path_rooms, &which);
	if (!room)
		return 0;
	room->file.nodeid = inode_nodeid(inode);
	room->file.hash = hash;
	fill_path(room, inode);
	bpf_map_update_elem(&files, &key, &room->file, BPF_ANY);
	if (known)
		__sync_fetch_and_add(&files_renamed, 1);
	return 0;
}

/* Remembers what the current task is called; it changes with an exec. */
__noinline int note_task(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	struct fi_task *known, t = { .pid = id >> 32 };
	__u32 tid = id;

	bpf_get_current_comm(t.comm, sizeof(t.comm));
	known = bpf_map_lookup_elem(&tasks, &tid);
	if (known && known->pid == t.pid && same_comm(known->comm, t.comm))
		return 0;
	BPF_CORE_READ_STR_INTO(&t.process, task, group_leader, comm);
	bpf_map_update_elem(&tasks, &tid, &t, BPF_ANY);
	return 0;
}

/* ---- adding up ----------------------------------------------------------- */

__noinline int count_done(struct fi_cell *c, const struct fi_done *d)
{
	if (!c || !d)
		return 0;
	fi_count(c, d);
	return 0;
}

__noinline int add_hist(__u32 index, __u64 v)
{
	struct fi_hist *h = bpf_map_lookup_elem(&hists, &index);

	if (h)
		fi_hist_add(h, v);
	return 0;
}

__noinline int count_hists(const struct fi_done *d)
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
	if (fi_has_length(d))
		add_hist(FI_H_MAPLEN(d->used_type), d->used_length);
	if (!fi_has_share(d))
		return 0;
	if (d->is_short)
		add_hist(FI_H_MISSING(op), d->count - written);
	s = bpf_map_lookup_elem(&shares, &op);
	i = fi_share(written, d->count);
	if (s && i < FI_SHARES)
		s->n[i]++;
	return 0;
}

/* A new cell, or the one that has to stand in for it. */
static __always_inline struct fi_cell *new_cell(struct fi_cell_key *key)
{
	struct fi_cell *c;

	fi_give_up(key, fi_gives_up(cells_taken, settings.max_cells, settings.by));
	c = bpf_map_lookup_elem(&cells, key);
	if (c)
		return c;
	if (!bpf_map_update_elem(&cells, key, &zero_cell, BPF_NOEXIST))
		__sync_fetch_and_add(&cells_taken, 1);
	return bpf_map_lookup_elem(&cells, key);
}

static __always_inline int count_cell(const struct done *x)
{
	struct fi_cell_key key = { .dev = x->dev, .kind = x->d.kind, .op = x->d.op,
				   .type = FI_TYPE_BAD };
	struct fi_ledger *l = ledger();
	struct fi_cell *c;

	if (!l)
		return 0;
	if (settings.by & FI_BY_FILE)
		key.ino = x->ino;
	if (settings.by & FI_BY_TASK) {
		key.pid = x->pid_tgid >> 32;
		key.tid = x->pid_tgid;
	}
	if (settings.by & FI_BY_TYPE)
		key.type = x->d.used_type;
	c = bpf_map_lookup_elem(&cells, &key);
	if (!c) {
		c = new_cell(&key);
		if (settings.by & FI_BY_FILE && key.ino)
			note_file(x->dev, x->ino, x->inode, 0);
	}
	l->other += !!key.flags;
	if (c)
		count_done(c, &x->d);
	else
		l->cells_full++;
	return 0;
}

/* Adds up what the filters let through; true if it wants a record, too. */
__noinline int count_op(const struct done *x)
{
	if (!x || !wanted_done(&x->d))
		return 0;
	/* An operation that ends in the server has done this at its start. */
	if ((settings.by & FI_BY_TASK || settings.records) &&
	    x->pid_tgid == bpf_get_current_pid_tgid())
		note_task();
	if (settings.cells)
		count_cell(x);
	if (settings.hists)
		count_hists(&x->d);
	return settings.records;
}

#endif /* FUSEIOMAP_CELLS_H */
