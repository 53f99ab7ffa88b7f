// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs on the fuse-iomap tracepoints: each start event is remembered in its
 * task, each done event is paired with it, classified, and added up.
 *
 * The request events split the wait of an operation that made an upcall; they
 * join on (connection, unique), because two of them fire in the server.
 */
#include "pair.h"

#define ENOSYS	38
#define EUCLEAN	117

char LICENSE[] SEC("license") = "GPL";

/*
 * With preemption off, what is per CPU is ours. Older kernels call programs
 * that way, newer ones have functions for it.
 */
static __always_inline void lock_cpu(void)
{
	if (settings.no_preempt)
		bpf_preempt_disable();
}

static __always_inline void unlock_cpu(void)
{
	if (settings.no_preempt)
		bpf_preempt_enable();
}

/*
 * A program can still be preempted on its way out, and then the kernel skips it for any
 * other task that comes along on this CPU. Nor does a task always get its storage: to
 * allocate that, the kernel only tries the locks. So each event has a second program. The
 * first leaves a mark in its task; the second takes the mark away, or calls the first if
 * there is none. That both fail is improbable, and counted: skips of the first, and those
 * without storage, minus repairs.
 *
 * A tail call, since the work would be verified twice otherwise, most of the time that
 * loading takes.
 */
enum mark {
	MARK_BEGIN		= 1 << 0,
	MARK_BEGIN_DONE		= 1 << 1,
	MARK_END		= 1 << 2,
	MARK_END_DONE		= 1 << 3,
	MARK_IOEND		= 1 << 4,
	MARK_IOEND_DONE		= 1 << 5,
	MARK_BAD_DATA		= 1 << 6,
	MARK_BEGIN_ERROR	= 1 << 7,
	MARK_READ_MAP		= 1 << 8,
	MARK_WRITE_MAP		= 1 << 9,
	MARK_END_ERROR		= 1 << 10,
	MARK_IOEND_ERROR	= 1 << 11,
	MARK_REPAIR		= 1 << 12,	/* called by the second program */
};

/* The task's stack for the first program of an event, or NULL. */
static __always_inline struct stack *enter(__u32 mark)
{
	struct fi_ledger *l = ledger();
	struct stack *st;

	if (!l)
		return NULL;
	st = task_stack(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!st) {
		l->no_storage += enabled;
		return NULL;
	}
	if (st->marks & MARK_REPAIR) {
		st->marks &= ~MARK_REPAIR;
		l->repaired += enabled;
	} else {
		st->marks |= mark;
	}
	return st;
}

/* Tells the second program of an event whether it has to call the first. */
static __always_inline bool was_skipped(__u32 mark)
{
	struct stack *st = task_stack(0);

	if (st && st->marks & mark) {
		st->marks &= ~mark;
		return false;
	}
	lock_cpu();
	st = task_stack(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (st)
		st->marks |= MARK_REPAIR;
	unlock_cpu();
	return st;
}

/* Macros for the sake of those that run the same work on another event. */
#define FIRST(mark, work)					\
	do {							\
		struct stack *st;				\
								\
		lock_cpu();					\
		st = enter(mark);				\
		if (st)						\
			work;					\
		unlock_cpu();					\
	} while (0)

/*
 * User space puts the first program into the array; each event has its own, since only
 * programs of the same event can call each other.
 */
#define SECOND(name, event, has_to_call)			\
	struct {						\
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);		\
		__uint(max_entries, 1);				\
		__type(key, __u32);				\
		__type(value, __u32);				\
	} name##_first SEC(".maps");				\
								\
	SEC("tp_btf/" #event)					\
	int name##_again(__u64 *ctx)				\
	{							\
		if (has_to_call)				\
			bpf_tail_call(ctx, &name##_first, 0);	\
		return 0;					\
	}

/*
 * `pointers`: which arguments the work looks into. Where FUSE is a module, the verifier
 * takes each for one that can be NULL, until it is looked at.
 */
#define PROGRAM(name, mark, pointers, work, params...)		\
	SEC("tp_btf/fuse_" #name)				\
	int BPF_PROG(name, params)				\
	{							\
		FIRST(mark, if (pointers) work);		\
		return 0;					\
	}							\
	SECOND(name, fuse_##name, was_skipped(mark))

/* ---- records ------------------------------------------------------------- */

/* A signal that the task has not blocked waits for it. */
static __always_inline bool signal_waits(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	unsigned long own = BPF_CORE_READ(task, pending.signal.sig[0]);
	unsigned long shared = BPF_CORE_READ(task, signal, shared_pending.signal.sig[0]);

	return (own | shared) & ~BPF_CORE_READ(task, blocked.sig[0]);
}

/* FNV-1a (draft-eastlake-fnv), an address at a time; the high half goes into the low one. */
static __always_inline __u64 hash_stack(const struct stack_trace *t)
{
	__u64 hash = 0xcbf29ce484222325ULL;

	for (int i = 0; i < FI_STACK_DEPTH && t->ip[i]; i++) {
		hash = (hash ^ t->ip[i]) * 0x100000001b3ULL;
		hash ^= hash >> 32;
	}
	return hash;
}

/* The number of a stack that is new, or 0 if there is no room. */
static __always_inline __s32 add_stack(const struct stack_trace *t, __u64 hash)
{
	struct stack_trace *to;
	__u32 number, *other;

	if (stacks_taken >= FI_STACKS)
		return 0;
	number = __sync_fetch_and_add(&stacks_taken, 1);
	to = bpf_map_lookup_elem(&stack_traces, &number);
	if (!to)
		return 0;
	*to = *t;
	number++;
	/* Another CPU may have added it meanwhile. */
	if (bpf_map_update_elem(&stack_numbers, &hash, &number, BPF_NOEXIST)) {
		other = bpf_map_lookup_elem(&stack_numbers, &hash);
		if (other)
			number = *other;
	}
	return number;
}

/* Numbers count from 1; a task without such a stack (a kernel thread) has 0. */
static __always_inline __s32 stack_number(void *ctx, __u64 flags)
{
	struct fi_ledger *l = ledger();
	struct stack_trace *room;
	__u32 zero = 0, *known;
	__s32 number = 0;
	__u64 hash;

	room = bpf_map_lookup_elem(&stack_rooms, &zero);
	if (!room)
		return 0;
	if (bpf_get_stack(ctx, room, sizeof(*room), flags) > 0) {
		hash = hash_stack(room);
		known = bpf_map_lookup_elem(&stack_numbers, &hash);
		number = known ? *known : add_stack(room, hash);
	} else if (flags & BPF_F_USER_STACK) {
		return 0;
	}
	if (!number && l)
		l->stacks_lost++;
	return number;
}

static __always_inline void note_stacks(void *ctx, struct done *x)
{
	if (settings.kernel_stacks)
		x->kernel_stack = stack_number(ctx, 0);
	if (settings.user_stacks)
		x->user_stack = stack_number(ctx, BPF_F_USER_STACK);
}

/* NULL if the ring is full, which is counted. */
static __always_inline struct fi_record *reserve(void)
{
	struct fi_record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	struct fi_ledger *l = ledger();

	if (!r) {
		if (l)
			l->ring_full++;
		return NULL;
	}
	if (l)
		l->records++;
	__builtin_memset(r, 0, sizeof(*r));
	r->time_ns = bpf_ktime_get_ns();
	return r;
}

/* A record with all that the three kinds have in common but comm, or NULL. */
static __always_inline struct fi_record *new_record(const struct done *x)
{
	struct fi_record *r = reserve();

	if (!r)
		return NULL;
	note_file(x->dev, x->ino, x->inode, 0);
	r->lat_ns = x->d.lat_ns;
	__builtin_memcpy(r->phase_ns, x->d.phase_ns, sizeof(r->phase_ns));
	r->ino = x->ino;
	r->nodeid = inode_nodeid((struct inode *)x->inode);
	r->isize = x->isize;
	r->pos = x->pos;
	r->count = x->d.count;
	r->written = x->d.written;
	r->unique = x->unique;
	r->dev = x->dev;
	r->pid = x->pid_tgid >> 32;
	r->tid = x->pid_tgid;
	r->server_tid = x->server_tid;
	r->opflags = x->d.opflags;
	r->error = x->d.error;
	r->kind = x->d.kind;
	r->op = x->d.op;
	r->flags = x->d.flags;
	r->kernel_stack = x->kernel_stack;
	r->user_stack = x->user_stack;
	return r;
}

/* The same in the task that did it. */
static __always_inline struct fi_record *own_record(void *ctx, struct done *x)
{
	struct fi_record *r;

	note_stacks(ctx, x);
	r = new_record(x);
	if (!r)
		return NULL;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	if (signal_waits())
		r->flags |= FI_F_SIGNAL;
	return r;
}

/*
 * No wake-up per record: the reader comes by itself, or when it gets tight; at once for
 * the stack of a program, whose addresses have names only while it runs.
 */
static __always_inline void submit(struct fi_record *r)
{
	bool tight = settings.user_stacks ||
		     bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) >
		     bpf_ringbuf_query(&records, BPF_RB_RING_SIZE) / 4;

	bpf_ringbuf_submit(r, tight ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* Whose operation it is, if anybody asks. */
static __always_inline __u64 id_of_task(void)
{
	return settings.records || settings.by & FI_BY_TASK || settings.upstream ?
	       bpf_get_current_pid_tgid() : 0;
}

/* What every finished operation of the current task starts from. */
#define DONE(kind_, inode_, pos_, count_, opflags_)			\
	{								\
		.d = {							\
			.count = (count_),				\
			.opflags = (opflags_),				\
			.kind = (kind_),				\
			NO_TYPES,					\
		},							\
		.ino = (inode_)->i_ino,					\
		.pos = (pos_),						\
		.isize = (inode_)->i_size,				\
		.inode = (__u64)(inode_),				\
		.dev = (inode_)->i_sb->s_dev,				\
		.pid_tgid = id_of_task(),				\
	}

/* ---- upstream's events alone --------------------------------------------- */

/* Counts an operation that has ended one way or the other, and makes its record. */
__noinline int late_done(struct late *late)
{
	struct fi_ledger *l = ledger();
	struct fi_record *r;

	if (!late || !l)
		return 0;
	note_done(l, &late->done.d);
	if (!count_op(&late->done))
		return 0;
	r = new_record(&late->done);
	if (!r)
		return 0;
	__builtin_memcpy(r->comm, late->open.comm, sizeof(r->comm));
	__builtin_memcpy(&r->read, &late->map, sizeof(r->read));
	r->new_addr = late->new_addr;
	r->io_error = late->io_error;
	r->io_dev = late->io_dev;
	submit(r);
	return 0;
}

static __always_inline void cache_answered(struct late *late, const struct frame *f)
{
	struct done *x = &late->done;

	__builtin_memset(late, 0, sizeof(*late));
	x->d.count = f->count;
	x->d.opflags = f->opflags;
	x->d.kind = FI_BEGIN;
	x->d.op = f->op;
	x->d.flags = FI_F_UNSURE;
	x->d.read_type = x->d.write_type = x->d.used_type = FI_TYPE_BAD;
	x->ino = f->ino;
	x->pos = f->pos;
	x->isize = f->isize;
	x->inode = f->inode;
	x->dev = f->dev;
	x->pid_tgid = id_of_task();
	bpf_get_current_comm(late->open.comm, sizeof(late->open.comm));
	late_done(late);
}

/* The task goes on, so what it began without a request is over. */
__noinline int settle(struct stack *st)
{
	struct frame *f = top_frame(st);

	if (!st)
		return 0;
	if (st->late.open.start_ns) {
		st->late.open.start_ns = 0;
		st->late.done.d.flags = FI_F_UNSURE |
			(st->late.done.d.kind == FI_END ? FI_F_SENT : 0);
		late_done(&st->late);
	}
	if (f && f->kind == FI_BEGIN && !f->unique) {
		st->depth--;
		cache_answered(&st->late, f);
	}
	return 0;
}

/* An END or IOEND begins; the caller fills in what only its kind has. */
static __always_inline bool start_late(void *ctx, struct stack *st, const struct done *x)
{
	struct fi_ledger *l = ledger();
	struct late *late = &st->late;
	__u32 kind = x->d.kind;

	if (!enabled || !l || kind >= FI_KINDS || !wanted(x->dev, x->ino, kind, x->d.op))
		return false;
	l->begun[kind]++;
	l->in_flight[kind]++;
	__builtin_memset(late, 0, sizeof(*late));
	late->open.ino = x->ino;
	late->open.pos = x->pos;
	late->open.count = kind == FI_IOEND ? 0 : x->d.count;
	late->open.dev = x->dev;
	late->open.pid = x->pid_tgid >> 32;
	late->open.tid = x->pid_tgid;
	late->open.kind = kind;
	late->open.op = x->d.op;
	bpf_get_current_comm(late->open.comm, sizeof(late->open.comm));
	late->done = *x;
	late->done.d.is_short = fi_is_short(kind, x->d.opflags, x->d.written, x->d.count);
	if (settings.records) {
		note_stacks(ctx, &late->done);
		if (signal_waits())
			late->done.d.flags |= FI_F_SIGNAL;
	}
	if (settings.records || settings.by & FI_BY_TASK)
		note_task();
	return true;
}

/* Its request is on its way: from now on the server's thread can end it. */
static __always_inline void late_sent(struct stack *st, const struct req_key *key)
{
	struct fi_ledger *l = ledger();
	struct late *late = &st->late;
	__u32 kind = late->done.d.kind;

	late->done.unique = key->unique;
	late->done.d.flags |= FI_F_SENT | FI_F_UNSURE;
	late->open.send_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&lates, key, late, BPF_ANY) && l && kind < FI_KINDS) {
		l->requests_full++;
		l->in_flight[kind]--;
		l->unpaired[kind]++;
	}
	late->open.start_ns = 0;
	st->late_key = *key;
}

/* Ends the operation of a request, in the server or in the caller. */
static __noinline int late_ended(const struct req_key *key, __s32 error, __u64 now)
{
	struct late *late = bpf_map_lookup_elem(&lates, key);
	struct req_times times = {};
	struct done *x;

	if (!late || __sync_val_compare_and_swap(&late->ended, 0, 1))
		return 0;
	x = &late->done;
	x->d.lat_ns = after(late->open.start_ns, now);
	x->d.flags |= FI_F_TIMED;
	x->d.error = late->io_error ? late->io_error : error;
	take_times(&times, key->unique, key->dev, x->d.kind);
	split_wait(x, &times, late->open.start_ns, late->open.send_ns, now);
	late_done(late);
	bpf_map_delete_elem(&lates, key);
	return 0;
}

/* end_error and ioend_error: mostly the reply has been seen by then. */
static __noinline int on_late_error(struct stack *st, __s32 error)
{
	struct late *late = &st->late;
	struct req_key key;

	if (!late->open.start_ns) {
		key = st->late_key;
		return late_ended(&key, error, bpf_ktime_get_ns());
	}
	late->done.d.lat_ns = after(late->open.start_ns, bpf_ktime_get_ns());
	late->done.d.flags |= FI_F_SENT | FI_F_UNSURE | FI_F_TIMED;
	late->done.d.error = late->io_error ? late->io_error : error;
	late->open.start_ns = 0;
	return late_done(late);
}

/* ---- BEGIN --------------------------------------------------------------- */

static __noinline int on_begin(struct stack *st, const struct inode *inode, __u64 pos,
			       __u64 count, __u32 opflags)
{
	__u32 op = fi_op_of_begin(opflags, pos, count, inode->i_size);

	if (settings.upstream)
		settle(st);
	fi_begun_add(&st->begun, inode->i_sb->s_dev, inode->i_ino, pos, opflags, op);
	return start_op(st, inode, pos, count, opflags, FI_BEGIN, op);
}

PROGRAM(iomap_begin, MARK_BEGIN, inode, on_begin(st, inode, pos, count, opflags),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags)

static __noinline int begin_done(void *ctx, struct stack *st, struct done *x,
				 const struct fuse_iomap_begin_out *out)
{
	struct fi_record *r;

	/* The types of a refused answer are in the record, not in the counts. */
	if (!x->d.error)
		fi_done_maps(&x->d, &out->read, &out->write);
	if (!pair_done(st, x) || !count_op(x))
		return 0;
	r = own_record(ctx, x);
	if (!r)
		return 0;
	/* Both: they are side by side there and here. */
	bpf_probe_read_kernel(&r->read, sizeof(*out), out);
	submit(r);
	return 0;
}

static __always_inline void on_begin_done(void *ctx, struct stack *st,
					  const struct inode *inode, loff_t pos, loff_t count,
					  __u32 opflags,
					  const struct fuse_iomap_begin_out *out, int error)
{
	struct done x = DONE(FI_BEGIN, inode, pos, count, opflags);

	x.d.op = fi_op_of_begin(opflags, pos, count, x.isize);
	x.d.error = error;
	x.d.flags = FI_F_SENT;
	st->begun.over = 1;
	begin_done(ctx, st, &x, out);
}

PROGRAM(iomap_begin_done, MARK_BEGIN_DONE, inode && out,
	on_begin_done(ctx, st, inode, pos, count, opflags, out, error),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags,
	const struct fuse_iomap_begin_out *out, int error)

static __always_inline void on_begin_error(void *ctx, struct stack *st,
					   const struct inode *inode, loff_t pos,
					   loff_t count, __u32 opflags, int error)
{
	struct done x = DONE(FI_BEGIN, inode, pos, count, opflags);
	struct fi_record *r;

	x.d.op = fi_op_of_begin(opflags, pos, count, x.isize);
	x.d.error = error;
	x.d.flags = FI_F_SENT | FI_F_UNSURE;
	if (!pair_done(st, &x) || !count_op(&x))
		return;
	r = own_record(ctx, &x);
	if (r)
		submit(r);
}

PROGRAM(iomap_begin_error, MARK_BEGIN_ERROR, inode,
	on_begin_error(ctx, st, inode, pos, count, opflags, error),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags, int error)

/* The BEGIN on top of the stack, if the event can be for that. */
static __always_inline struct frame *answered(struct stack *st, const struct inode *inode)
{
	struct frame *f = top_frame(st);

	if (!f || f->kind != FI_BEGIN || f->ino != inode->i_ino ||
	    f->dev != inode->i_sb->s_dev)
		return NULL;
	return f;
}

static __always_inline void on_read_map(struct stack *st, const struct inode *inode,
					const struct fuse_iomap_io *map)
{
	struct frame *f = answered(st, inode);

	if (f)
		bpf_probe_read_kernel(&f->read, sizeof(f->read), map);
}

PROGRAM(iomap_read_map, MARK_READ_MAP, inode && map, on_read_map(st, inode, map),
	const struct inode *inode, const struct fuse_iomap_io *map)

static __always_inline void on_write_map(void *ctx, struct stack *st,
					 const struct inode *inode,
					 const struct fuse_iomap_io *map)
{
	struct frame *f = answered(st, inode);
	struct done x = DONE(FI_BEGIN, inode, 0, 0, 0);
	struct fuse_iomap_io write = {};
	struct fi_record *r;

	if (!f)
		return;
	bpf_probe_read_kernel(&write, sizeof(write), map);
	x.pos = f->pos;
	x.d.count = f->count;
	x.d.opflags = f->opflags;
	x.d.flags = FI_F_SENT | FI_F_UNSURE;
	fi_done_maps(&x.d, &f->read, &write);
	if (!pair_done(st, &x) || !count_op(&x))
		return;
	r = own_record(ctx, &x);
	if (!r)
		return;
	/* The frame is off the stack, but nothing has begun since. */
	__builtin_memcpy(&r->read, &f->read, sizeof(r->read));
	__builtin_memcpy(&r->write, &write, sizeof(r->write));
	submit(r);
}

PROGRAM(iomap_write_map, MARK_WRITE_MAP, inode && map, on_write_map(ctx, st, inode, map),
	const struct inode *inode, const struct fuse_iomap_io *map)

/* ---- END ----------------------------------------------------------------- */

static __always_inline void late_end(void *ctx, struct stack *st, const struct inode *inode,
				     const struct fuse_iomap_end_in *in, __u32 op)
{
	struct done x = DONE(FI_END, inode, in->pos, in->count, in->opflags);

	settle(st);
	x.d.op = op;
	x.d.written = in->written;
	if (in->map.length)
		x.d.used_type = fi_type(in->map.type);
	if (!start_late(ctx, st, &x))
		return;
	bpf_probe_read_kernel(&st->late.map, sizeof(st->late.map), &in->map);
	st->late.open.start_ns = bpf_ktime_get_ns();
}

static __always_inline void on_end(void *ctx, struct stack *st, const struct inode *inode,
				   const struct fuse_iomap_end_in *in)
{
	__u32 op = fi_begun_op(&st->begun, inode->i_sb->s_dev, inode->i_ino, in->pos,
			       in->opflags);

	if (settings.upstream)
		late_end(ctx, st, inode, in, op);
	else
		start_op(st, inode, in->pos, in->count, in->opflags, FI_END, op);
}

PROGRAM(iomap_end, MARK_END, inode && in, on_end(ctx, st, inode, in),
	const struct inode *inode, const struct fuse_iomap_end_in *in)

/*
 * How the iteration that used the mapping went: a short write with -EFAULT has met a
 * bad page. The mapping is a member of the iterator (Linux 6.15; before, its status was
 * the length done).
 */
static __always_inline void note_status(struct fi_record *r, const struct iomap *iomap)
{
	const struct iomap_iter *iter;

	if (!bpf_core_field_exists(struct iomap_iter, status))
		return;
	iter = (void *)iomap - bpf_core_field_offset(struct iomap_iter, iomap);
	r->io_error = BPF_CORE_READ(iter, status);
	r->flags |= FI_F_STATUS;
}

static __noinline int end_done(void *ctx, struct stack *st, struct done *x,
			       const struct iomap *iomap)
{
	struct fi_record *r;

	if (iomap->length)
		x->d.used_type = fi_type(iomap->type);
	if (!pair_done(st, x) || !count_op(x))
		return 0;
	r = own_record(ctx, x);
	if (!r)
		return 0;
	r->read.offset = iomap->offset;
	r->read.length = iomap->length;
	r->read.addr = iomap->addr;
	r->read.type = iomap->type;
	r->read.flags = iomap->flags;
	note_status(r, iomap);
	submit(r);
	return 0;
}

static __always_inline void on_end_done(void *ctx, struct stack *st,
					const struct inode *inode, loff_t pos, loff_t count,
					__u32 opflags, ssize_t written,
					const struct iomap *iomap, bool sent, int error)
{
	struct done x = DONE(FI_END, inode, pos, count, opflags);

	x.d.written = written;
	x.d.error = error;
	x.d.flags = sent ? FI_F_SENT : 0;
	x.d.is_short = fi_is_short(FI_END, opflags, written, count);
	end_done(ctx, st, &x, iomap);
}

PROGRAM(iomap_end_done, MARK_END_DONE, inode && iomap,
	on_end_done(ctx, st, inode, pos, count, opflags, written, iomap, sent, error),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags,
	ssize_t written, const struct iomap *iomap, bool sent, int error)

PROGRAM(iomap_end_error, MARK_END_ERROR, true, on_late_error(st, error),
	const struct inode *inode, const struct fuse_iomap_end_in *in, int error)

/* ---- IOEND --------------------------------------------------------------- */

static __always_inline void late_ioend(void *ctx, struct stack *st,
				       const struct inode *inode,
				       const struct fuse_iomap_ioend_in *in)
{
	struct done x = DONE(FI_IOEND, inode, in->pos, in->written, in->flags);
	struct late *late = &st->late;

	settle(st);
	x.d.op = fi_op_of_ioend(in->flags);
	x.d.written = in->written;
	x.d.error = in->error;
	x.d.flags = FI_F_UNSURE;
	if (!start_late(ctx, st, &x))
		return;
	late->new_addr = in->new_addr;
	late->io_error = in->error;
	late->io_dev = in->dev;
	if (fi_wants_ioend(in->error, in->written, in->flags))
		late->open.start_ns = bpf_ktime_get_ns();
	else
		late_done(late);
}

static __always_inline void on_ioend(void *ctx, struct stack *st, const struct inode *inode,
				     const struct fuse_iomap_ioend_in *in)
{
	if (settings.upstream)
		late_ioend(ctx, st, inode, in);
	else
		start_op(st, inode, in->pos, in->written, in->flags, FI_IOEND,
			 fi_op_of_ioend(in->flags));
}

PROGRAM(iomap_ioend, MARK_IOEND, inode && in, on_ioend(ctx, st, inode, in),
	const struct inode *inode, const struct fuse_iomap_ioend_in *in)

static __noinline int ioend_done(void *ctx, struct stack *st, struct done *x,
				 const struct fuse_iomap_ioend_in *in,
				 const struct fuse_iomap_ioend_out *out)
{
	struct fi_record *r;

	if (!pair_done(st, x) || !count_op(x))
		return 0;
	r = own_record(ctx, x);
	if (!r)
		return 0;
	r->new_addr = in->new_addr;
	r->io_error = in->error;
	r->io_dev = in->dev;
	if (x->d.flags & FI_F_SENT)
		r->newsize = out->newsize;
	submit(r);
	return 0;
}

static __always_inline void on_ioend_done(void *ctx, struct stack *st,
					  const struct inode *inode,
					  const struct fuse_iomap_ioend_in *in,
					  const struct fuse_iomap_ioend_out *out, bool sent,
					  int error)
{
	struct done x = DONE(FI_IOEND, inode, in->pos, in->written, in->flags);

	x.d.op = fi_op_of_ioend(in->flags);
	x.d.written = in->written;
	x.d.error = error;
	x.d.flags = sent ? FI_F_SENT : 0;
	ioend_done(ctx, st, &x, in, out);
}

PROGRAM(iomap_ioend_done, MARK_IOEND_DONE, inode && in && out,
	on_ioend_done(ctx, st, inode, in, out, sent, error),
	const struct inode *inode, const struct fuse_iomap_ioend_in *in,
	const struct fuse_iomap_ioend_out *out, bool sent, int error)

/* In the posted series it has the reply, too, which version 6 had not. */
PROGRAM(iomap_ioend_error, MARK_IOEND_ERROR, true, on_late_error(st, error),
	const struct inode *inode, const struct fuse_iomap_ioend_in *in,
	const struct fuse_iomap_ioend_out *out, int error)

/* ---- bad data ------------------------------------------------------------ */

/* It names no inode; the operation it belongs to is the task's own. */
static __always_inline bool wanted_refusal(const struct frame *f, const struct fi_begun *b)
{
	if (f || !is_filtered())
		return true;
	return b && wanted(b->dev, b->ino, FI_REFUSED, b->op);
}

static __always_inline void put_refusal(struct fi_record *r, const struct frame *f,
					const struct fi_begun *b)
{
	if (f) {
		r->dev = f->dev;
		r->ino = f->ino;
		r->nodeid = inode_nodeid((struct inode *)f->inode);
		r->isize = f->isize;
		r->pos = f->pos;
		r->count = f->count;
		r->unique = f->unique;
		r->opflags = f->opflags;
		r->op = f->op;
	} else if (b) {
		r->dev = b->dev;
		r->ino = b->ino;
		r->pos = b->pos;
		r->opflags = b->opflags;
		r->op = b->op;
	}
}

static __noinline int on_bad_data(struct stack *st, int line, const char *rule)
{
	struct fi_done d = { .kind = FI_REFUSED, .error = -EUCLEAN, NO_TYPES };
	const struct fi_begun *b = fi_begun_newest(&st->begun);
	__u64 id = bpf_get_current_pid_tgid();
	struct frame *f = top_frame(st);
	struct fi_ledger *l = ledger();
	struct fi_record *r;

	if (!l || !enabled || !wanted_refusal(f, b))
		return 0;
	l->bad_data++;
	if (!settings.records || !wanted_done(&d) ||
	    (settings.kinds && !(settings.kinds & 1U << FI_REFUSED)))
		return 0;
	r = reserve();
	if (!r)
		return 0;
	r->kind = FI_REFUSED;
	r->error = d.error;
	r->pid = id >> 32;
	r->tid = id;
	r->line = line;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	bpf_probe_read_kernel_str(r->rule, sizeof(r->rule), rule);
	put_refusal(r, f, b);
	submit(r);
	return 0;
}

PROGRAM(iomap_bad_data, MARK_BAD_DATA, true, on_bad_data(st, line, condition),
	const char *func, int line, const char *condition)

/* ---- requests ------------------------------------------------------------ */

static __always_inline bool is_upcall(const struct fuse_req *req)
{
	return req->in.h.opcode >= FUSE_IOMAP_IOEND && req->in.h.opcode <= FUSE_IOMAP_END;
}

static __always_inline __u32 kind_of(const struct fuse_req *req)
{
	return req->in.h.opcode == FUSE_IOMAP_BEGIN ? FI_BEGIN :
	       req->in.h.opcode == FUSE_IOMAP_END ? FI_END : FI_IOEND;
}

static __always_inline struct req_key key_of(const struct fuse_req *req)
{
	const struct fuse_req___old *old = (const void *)req;
	struct req_key key = { .unique = req->in.h.unique };

	if (bpf_core_field_exists(req->chan))
		key.dev = req->chan->conn->dev;
	else
		key.dev = BPF_CORE_READ(old, fm, fc, dev);
	return key;
}

/* In the caller. */
static __noinline int on_request_send(const struct fuse_req *req)
{
	struct fi_ledger *l = ledger();
	struct req_key key;
	struct stack *st;
	struct frame *f;
	bool late;

	if (!is_upcall(req) || !l)
		return 0;
	st = task_stack(0);
	if (!st)
		return 0;
	f = top_frame(st);
	late = settings.upstream && kind_of(req) != FI_BEGIN;
	if (late ? !st->late.open.start_ns || st->late.done.d.kind != kind_of(req) :
		   !f || f->unique)
		return 0;
	key = key_of(req);
	if (!new_request(&key))
		l->requests_full++;
	if (late) {
		late_sent(st, &key);
		return 0;
	}
	if (!f)
		return 0;
	f->unique = key.unique;
	f->req_dev = key.dev;
	f->send_ns = bpf_ktime_get_ns();
	return 0;
}

/* In the server. Upcalls of callers that nobody watches have no place. */
static __noinline int on_request_sent(const struct fuse_req *req)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct req_times *t;
	struct req_key key;
	__u64 now;

	if (!is_upcall(req))
		return 0;
	key = key_of(req);
	t = find_request(&key);
	if (!t || t->sent_ns)
		return 0;
	now = bpf_ktime_get_ns();
	t->server_pid = id >> 32;
	t->server_tid = id;
	t->sent_ns = now;
	if (settings.servers)
		server_took(&key, now);
	return 0;
}

static __noinline int on_request_end(const struct fuse_req *req)
{
	struct req_times *t;
	struct req_key key;
	__s32 error;

	if (!is_upcall(req))
		return 0;
	key = key_of(req);
	t = find_request(&key);
	if (t && !t->end_ns)
		end_request(&key, t, kind_of(req));
	if (!settings.upstream || kind_of(req) == FI_BEGIN)
		return 0;
	error = req->out.h.error;
	return late_ended(&key, error == -ENOSYS ? 0 : error, bpf_ktime_get_ns());
}

/*
 * These do no harm when they run twice, so they need no marks; that both were
 * skipped shows in the ledger as an upcall without a split.
 */
#define REQUEST_PROGRAM(name)				\
	SEC("tp_btf/fuse_" #name)			\
	int BPF_PROG(name, const struct fuse_req *req)	\
	{						\
		lock_cpu();				\
		if (req)				\
			on_##name(req);			\
		unlock_cpu();				\
		return 0;				\
	}						\
	SECOND(name, fuse_##name, true)

REQUEST_PROGRAM(request_send)
REQUEST_PROGRAM(request_sent)
REQUEST_PROGRAM(request_end)

/* ---- what is open now ---------------------------------------------------- */

/* Its owner goes on meanwhile; what changes under our hands is over. */
static __always_inline void put_open(struct seq_file *to, struct task_struct *task,
				     struct frame *f)
{
	struct inode *inode = (struct inode *)f->inode;
	struct fi_task t = { .pid = task->tgid };
	struct fi_open o = {
		.start_ns = f->start_ns,
		.send_ns = f->send_ns,
		.ino = f->ino,
		.pos = f->pos,
		.count = f->kind == FI_IOEND ? 0 : f->count,
		.dev = f->dev,
		.pid = task->tgid,
		.tid = task->pid,
		.kind = f->kind,
		.op = f->op,
	};

	bpf_probe_read_kernel_str(t.comm, sizeof(t.comm), task->comm);
	BPF_CORE_READ_STR_INTO(&t.process, task, group_leader, comm);
	bpf_map_update_elem(&tasks, &o.tid, &t, BPF_ANY);
	__builtin_memcpy(o.comm, t.comm, sizeof(o.comm));
	if (BPF_CORE_READ(inode, i_ino) == o.ino)
		note_file(o.dev, o.ino, (__u64)inode, 1);
	if (o.start_ns && f->start_ns == o.start_ns)
		bpf_seq_write(to, &o, sizeof(o));
}

SEC("iter/task")
int open_ops(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct stack *st;

	if (!task)
		return 0;
	st = bpf_task_storage_get(&stacks, task, NULL, 0);
	if (!st)
		return 0;
	for (__u32 i = 0; i < FI_DEPTH; i++)
		if (i < st->depth && (!settings.upstream || st->frame[i].unique))
			put_open(ctx->meta->seq, task, &st->frame[i]);
	return 0;
}
