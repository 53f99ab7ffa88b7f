/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairing the start of an operation with its end. Both fire in one task, so a
 * small stack in task storage does; only the upcall's times come from elsewhere.
 */
#ifndef FUSEIOMAP_PAIR_H
#define FUSEIOMAP_PAIR_H

#include "cells.h"

static __always_inline struct stack *task_stack(__u64 flags)
{
	return bpf_task_storage_get(&stacks, bpf_get_current_task_btf(), NULL, flags);
}

static __always_inline struct frame *top_frame(void)
{
	struct stack *st = task_stack(0);
	__u32 i;

	if (!st || !st->depth)
		return NULL;
	i = st->depth - 1;
	asm volatile("" : "+r"(i));
	return &st->frame[i & (DEPTH - 1)];
}

/* Deletes the entry of the frame's upcall and returns its times. */
static __always_inline struct req_times take_times(const struct frame *f)
{
	struct req_key key = { .unique = f->unique, .dev = f->req_dev };
	struct req_times times = {}, *t;

	if (!f->unique)
		return times;
	t = bpf_map_lookup_elem(&requests, &key);
	if (t) {
		times = *t;
		bpf_map_delete_elem(&requests, &key);
	}
	return times;
}

__noinline int abandon(struct frame *f)
{
	struct fi_ledger *l = ledger();
	struct fi_cell *c;
	__u32 kind;

	if (!f || !l)
		return 0;
	kind = f->kind;
	if (kind >= FI_KINDS)
		return 0;
	take_times(f);
	l->in_flight[kind]--;
	l->unpaired[kind]++;
	c = mount_cell(f->file.dev, kind, f->op);
	if (c)
		c->abandoned++;
	if (settings.files) {
		c = bpf_map_lookup_elem(&files, &f->file);
		if (c)
			c->abandoned++;
	}
	return 0;
}

/*
 * A full stack means that the ends of what is on it were missed (nothing nests
 * that deep), so it is emptied rather than left useless for good.
 */
static __always_inline struct frame *push(struct stack *st)
{
	__u32 i = st->depth;

	if (i >= DEPTH) {
		for (i = 0; i < DEPTH; i++)
			abandon(&st->frame[i]);
		i = 0;
	}
	st->depth = i + 1;
	asm volatile("" : "+r"(i));
	return &st->frame[i & (DEPTH - 1)];
}

/*
 * Takes the innermost frame of this operation off the stack; what lies above it
 * has ended unseen. Returns its index, or -1. It stays valid until the task
 * begins another operation.
 */
__noinline int pop(struct stack *st, __u32 kind, __u32 dev, __u64 ino, loff_t pos)
{
	int i, found = -1;

	if (!st)
		return -1;
	for (i = 0; i < DEPTH; i++) {
		struct frame *f = &st->frame[i];

		if (i < st->depth && f->kind == kind && f->file.dev == dev &&
		    f->ino == ino && f->pos == pos)
			found = i;
	}
	if (found < 0)
		return -1;
	for (i = 1; i < DEPTH; i++)
		if (i > found && i < st->depth)
			abandon(&st->frame[i]);
	st->depth = found;
	return found;
}

/* Counts the start of an operation and remembers it. */
static __noinline int start_op(struct stack *st, const struct inode *inode, loff_t pos,
			       __u32 kind, __u32 op)
{
	__u32 dev = inode->i_sb->s_dev;
	struct fi_ledger *l = ledger();
	struct fi_cell *c;
	struct frame *f;

	if (!enabled || !l || kind >= FI_KINDS || !wanted(dev, op))
		return 0;
	l->begun[kind]++;
	f = push(st);
	l->in_flight[kind]++;
	f->kind = kind;
	f->op = op;
	f->ino = inode->i_ino;
	f->pos = pos;
	f->unique = 0;
	f->file = (struct fi_cell_key){ .dev = dev, .kind = kind, .ino = f->ino };
	c = mount_cell(dev, kind, op);
	if (c)
		c->begun++;
	if (settings.files) {
		c = file_cell(&f->file, inode);
		if (c)
			c->begun++;
	}
	/* Last, so that our own work is not in the latency. */
	f->start_ns = bpf_ktime_get_ns();
	return 0;
}

#endif /* FUSEIOMAP_PAIR_H */
