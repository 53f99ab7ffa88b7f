/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairing the start of an operation with its end; include/fuseiomap_pair.h has the
 * rules. Both fire in one task, so a small stack in task storage does; only the
 * upcall's times come from elsewhere.
 */
#ifndef FUSEIOMAP_PAIR_H
#define FUSEIOMAP_PAIR_H

#include "cells.h"

static __always_inline struct stack *task_stack(__u64 flags)
{
	return bpf_task_storage_get(&stacks, bpf_get_current_task_btf(), NULL, flags);
}

static __always_inline struct frame *top_frame(struct stack *st)
{
	__u32 i;

	if (!st || !st->depth)
		return NULL;
	i = st->depth - 1;
	asm volatile("" : "+r"(i));
	return &st->frame[i & (FI_DEPTH - 1)];
}

static __always_inline __u64 after(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

/* ---- requests and who answers them --------------------------------------- */

/* One of the places where the times of a request can be. */
static __always_inline struct req_times *request_place(const struct req_key *key, __u32 i)
{
	/* Fibonacci hashing (Knuth, TAOCP 6.4): the high bits differ for numbers in a row. */
	__u32 at = (key->unique + key->dev) * 0x9e3779b97f4a7c15ULL >> 48;

	at = (at + i) % REQUESTS;
	return bpf_map_lookup_elem(&requests, &at);
}

static __always_inline struct req_times *find_request(const struct req_key *key)
{
	for (__u32 i = 0; i < REQUEST_PLACES; i++) {
		struct req_times *t = request_place(key, i);

		if (t && t->unique == key->unique && t->dev == key->dev)
			return t;
	}
	return NULL;
}

/* false: all places are taken. */
static __always_inline bool new_request(const struct req_key *key)
{
	for (__u32 i = 0; i < REQUEST_PLACES; i++) {
		struct req_times *t = request_place(key, i);

		if (!t || __sync_val_compare_and_swap(&t->taken, 0, 1))
			continue;
		t->sent_ns = 0;
		t->end_ns = 0;
		t->dev = key->dev;
		/* Last: from now on it is found. */
		__sync_lock_test_and_set(&t->unique, key->unique);
		return true;
	}
	return false;
}

static __always_inline void free_request(struct req_times *t)
{
	t->unique = 0;
	__sync_lock_test_and_set(&t->taken, 0);
}

static __always_inline struct fi_server *find_server(const struct req_key *req, __u32 pid,
						     __u32 tid)
{
	struct fi_server_key key = { .dev = req->dev, .pid = pid, .tid = tid };
	struct fi_server *v = bpf_map_lookup_elem(&servers, &key);

	if (v)
		return v;
	key.tid = 0;
	v = bpf_map_lookup_elem(&servers, &key);
	if (v)
		return v;
	key.pid = 0;
	return bpf_map_lookup_elem(&servers, &key);
}

/* The current task has taken a request. Room is left for what stands in for many. */
static __always_inline void server_took(const struct req_key *req, __u64 now)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct fi_server_key key = { .dev = req->dev, .pid = id >> 32, .tid = id };
	struct fi_server *v = bpf_map_lookup_elem(&servers, &key);

	if (!v) {
		struct fi_server fresh = {};
		__u32 n = __sync_fetch_and_add(&servers_taken, 1);

		if (n >= FI_SERVERS / 2)
			key.tid = 0;
		if (n >= FI_SERVERS - FI_SERVERS / 8)
			key.pid = 0;
		if (key.pid)
			bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
		bpf_map_update_elem(&servers, &key, &fresh, BPF_NOEXIST);
		v = bpf_map_lookup_elem(&servers, &key);
	}
	if (v)
		v->busy_since = now;
}

static __always_inline void server_answered(const struct req_key *req, __u32 kind,
					    const struct req_times *t)
{
	struct fi_server *v = find_server(req, t->server_pid, t->server_tid);

	if (!v || kind >= FI_KINDS)
		return;
	__sync_fetch_and_add(&v->requests[kind], 1);
	__sync_fetch_and_add(&v->busy_ns, after(t->sent_ns, t->end_ns));
	if (v->busy_since == t->sent_ns)
		v->busy_since = 0;
}

/*
 * The answer, as seen by the server's thread or by the caller, who may be quicker: the
 * kernel lets it go before it fires request_end. Who sees it first counts it.
 */
static __always_inline void end_request(const struct req_key *key, struct req_times *t,
					__u32 kind)
{
	if (__sync_val_compare_and_swap(&t->end_ns, 0, bpf_ktime_get_ns()))
		return;
	if (settings.servers && t->sent_ns)
		server_answered(key, kind, t);
}

/* Gives the place of an upcall back, and its times. */
static __always_inline void take_times(struct req_times *to, __u64 unique, __u32 dev,
				       __u32 kind)
{
	struct req_key key = { .unique = unique, .dev = dev };
	struct req_times *t;

	if (!unique)
		return;
	t = find_request(&key);
	if (!t)
		return;
	end_request(&key, t, kind);
	*to = *t;
	free_request(t);
}

/* ---- the stack ----------------------------------------------------------- */

__noinline int abandon(struct frame *f)
{
	struct fi_ledger *l = ledger();
	struct req_times times;
	__u32 kind;

	if (!f || !l)
		return 0;
	kind = f->kind;
	if (kind >= FI_KINDS)
		return 0;
	take_times(&times, f->unique, f->req_dev, kind);
	l->in_flight[kind]--;
	l->unpaired[kind]++;
	return 0;
}

/*
 * A full stack means that the ends of what is on it were missed (nothing nests
 * that deep), so it is emptied rather than left useless for good.
 */
static __always_inline struct frame *push(struct stack *st)
{
	__u32 i = st->depth;
	struct frame *f;

	if (i >= FI_DEPTH) {
		for (i = 0; i < FI_DEPTH; i++)
			abandon(&st->frame[i]);
		i = 0;
	}
	asm volatile("" : "+r"(i));
	f = &st->frame[i & (FI_DEPTH - 1)];
	f->start_ns = 0;
	st->depth = i + 1;
	return f;
}

/*
 * Takes the innermost frame of this operation off the stack; what lies above it
 * has ended unseen. Returns its index, or -1. It stays valid until the task
 * begins another operation.
 */
__noinline int pop(struct stack *st, __u32 kind, __u32 dev, __u64 ino, __u64 pos)
{
	int i, found = -1;

	if (!st || !st->depth)
		return -1;
	for (i = 0; i < FI_DEPTH; i++) {
		struct frame *f = &st->frame[i];

		if (i < st->depth && f->kind == kind && f->dev == dev &&
		    f->ino == ino && f->pos == pos)
			found = i;
	}
	if (found < 0)
		return -1;
	for (i = 1; i < FI_DEPTH; i++)
		if (i > found && i < st->depth)
			abandon(&st->frame[i]);
	st->depth = found;
	return found;
}

/* Counts the start of an operation and remembers it. */
static __always_inline int start_op(struct stack *st, const struct inode *inode, __u64 pos,
				    __u64 count, __u32 opflags, __u32 kind, __u32 op)
{
	__u32 dev = inode->i_sb->s_dev;
	struct fi_ledger *l = ledger();
	struct frame *f;

	if (!enabled || !l || kind >= FI_KINDS || !wanted(dev, inode->i_ino, kind, op))
		return 0;
	l->begun[kind]++;
	f = push(st);
	l->in_flight[kind]++;
	f->kind = kind;
	f->op = op;
	f->ino = inode->i_ino;
	f->isize = inode->i_size;
	f->inode = (__u64)inode;
	f->dev = dev;
	f->pos = pos;
	f->count = count;
	f->opflags = opflags;
	f->unique = 0;
	f->send_ns = 0;
	/* Last, so that our own work is not in the latency. */
	f->start_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * The clocks of two CPUs may differ by some ns; the sum of the phases stays the
 * latency.
 */
static __always_inline void split_wait(struct done *x, const struct req_times *t,
				       __u64 start_ns, __u64 send_ns, __u64 now)
{
	struct fi_done *d = &x->d;
	__u64 end_ns = t->end_ns < now ? t->end_ns : now;

	if (!t->sent_ns)
		return;
	x->server_tid = t->server_tid;
	d->phase_ns[FI_PH_KERNEL] = after(start_ns, send_ns);
	d->phase_ns[FI_PH_QUEUE] = after(send_ns, t->sent_ns);
	d->phase_ns[FI_PH_SERVER] = after(t->sent_ns, end_ns);
	d->phase_ns[FI_PH_WAKEUP] = after(d->phase_ns[FI_PH_KERNEL] +
					  d->phase_ns[FI_PH_QUEUE] +
					  d->phase_ns[FI_PH_SERVER], d->lat_ns);
	d->flags |= FI_F_SPLIT;
}

/* Enters a finished operation in the ledger. */
static __always_inline void note_done(struct fi_ledger *l, const struct fi_done *d)
{
	__u32 kind = d->kind;

	if (kind >= FI_KINDS)
		return;
	l->in_flight[kind]--;
	if (d->flags & FI_F_SENT && d->flags & FI_F_TIMED && !(d->flags & FI_F_SPLIT) &&
	    !d->error)
		l->unsplit++;
	if (d->flags & FI_F_SENT)
		l->sent[kind]++;
	else
		l->unsent[kind]++;
	if (d->error)
		l->errors[kind]++;
	else
		l->ok[kind]++;
}

/* Puts what a frame knows into a finished operation. */
static __always_inline void end_frame(struct done *x, const struct frame *f, __u64 now)
{
	struct req_times times = {};

	x->d.op = f->op;
	x->d.lat_ns = after(f->start_ns, now);
	x->d.flags |= FI_F_TIMED;
	x->unique = f->unique;
	if (x->d.kind == FI_BEGIN)
		x->isize = f->isize;
	take_times(&times, f->unique, f->req_dev, x->d.kind);
	split_wait(x, &times, f->start_ns, f->send_ns, now);
}

/*
 * Takes the frame of a finished operation. False if the operation is none of
 * ours. An END without an upcall has no start event, so nothing to pair.
 */
__noinline int pair_done(struct stack *st, struct done *x)
{
	__u64 now = bpf_ktime_get_ns();
	struct fi_ledger *l = ledger();
	__u32 kind;
	int i;

	if (!l || !st || !x)
		return 0;
	kind = x->d.kind;
	if (kind >= FI_KINDS)
		return 0;
	if (kind == FI_END)
		x->d.op = fi_begun_op(&st->begun, x->dev, x->ino, x->pos, x->d.opflags);
	if (kind == FI_END && !(x->d.flags & FI_F_SENT)) {
		if (!enabled || !wanted(x->dev, x->ino, kind, x->d.op))
			return 0;
		l->unsent[kind]++;
		return 1;
	}
	i = pop(st, kind, x->dev, x->ino, x->pos);
	if (i < 0) {
		if (enabled && wanted(x->dev, x->ino, kind, x->d.op))
			l->unmatched[kind]++;
		return 0;
	}
	asm volatile("" : "+r"(i));
	end_frame(x, &st->frame[i & (FI_DEPTH - 1)], now);
	note_done(l, &x->d);
	return 1;
}

#endif /* FUSEIOMAP_PAIR_H */
