// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs on the fuse-iomap tracepoints: each start event is remembered in its
 * task, each done event is paired with it, classified, and added up.
 *
 * The request events split the wait of an operation that made an upcall; they
 * join on (connection, unique), because two of them fire in the server.
 */
#include "pair.h"

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
 * A program can still be preempted on its way out, and then the kernel skips
 * it for any other task that comes along on this CPU. So each event has the
 * same program twice, under two names. The first leaves a mark in its task; the
 * second takes the mark away, or does the work if there is none. That both are
 * skipped is improbable, and counted: skips of the first minus repairs.
 */
enum mark {
	MARK_BEGIN	= 1 << 0,
	MARK_BEGIN_DONE	= 1 << 1,
	MARK_END	= 1 << 2,
	MARK_END_DONE	= 1 << 3,
	MARK_IOEND	= 1 << 4,
	MARK_IOEND_DONE	= 1 << 5,
	MARK_BAD_DATA	= 1 << 6,
};

/* The task's stack if the caller has to do the work, else NULL. */
static __always_inline struct stack *enter(__u32 mark, bool again)
{
	struct fi_ledger *l = ledger();
	struct stack *st;

	if (!l)
		return NULL;
	st = task_stack(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!st) {
		l->no_storage += !again;
		return NULL;
	}
	if (!again) {
		st->marks |= mark;
		return st;
	}
	if (st->marks & mark) {
		st->marks &= ~mark;
		return NULL;
	}
	l->repaired += enabled;
	return st;
}

#define ONE_OF_TWO(name, event, mark, again, work, params...)	\
	SEC("tp_btf/" #event)					\
	int BPF_PROG(name, params)				\
	{							\
		struct stack *st;				\
								\
		lock_cpu();					\
		st = enter(mark, again);			\
		if (st)						\
			work;					\
		unlock_cpu();					\
		return 0;					\
	}

#define PROGRAM(name, mark, work, params...)					\
	ONE_OF_TWO(name, fuse_##name, mark, false, work, params)		\
	ONE_OF_TWO(name##_again, fuse_##name, mark, true, work, params)

static __always_inline __u64 after(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

/*
 * The kernel lets the caller go before it fires request_end, so a quick caller
 * gets here first: the wake-up took no time then. The clocks of two CPUs may
 * differ by some ns; the sum of the phases stays the latency.
 */
static __always_inline void split_wait(struct done *d, const struct frame *f, __u64 now)
{
	struct req_times t = take_times(f);

	if (!t.sent_ns)
		return;
	if (!t.end_ns || t.end_ns > now)
		t.end_ns = now;
	d->phase_ns[FI_PH_KERNEL] = after(f->start_ns, f->send_ns);
	d->phase_ns[FI_PH_QUEUE] = after(f->send_ns, t.sent_ns);
	d->phase_ns[FI_PH_SERVER] = after(t.sent_ns, t.end_ns);
	d->phase_ns[FI_PH_WAKEUP] = after(d->phase_ns[FI_PH_KERNEL] +
					  d->phase_ns[FI_PH_QUEUE] +
					  d->phase_ns[FI_PH_SERVER], d->lat_ns);
	d->flags |= FI_F_SPLIT;
}

/*
 * Takes the frame of a finished operation. False if the operation is none of
 * ours. An END without an upcall has no start event, so nothing to pair.
 */
static __noinline int pair_done(struct stack *st, struct done *d, struct fi_cell_key *file)
{
	__u64 now = bpf_ktime_get_ns();
	struct fi_ledger *l = ledger();
	__u32 kind = d->kind;
	struct frame *f;
	int i;

	if (!l || kind >= FI_KINDS || !wanted(d->dev, d->op))
		return 0;
	if (kind == FI_END && !(d->flags & FI_F_SENT)) {
		if (!enabled)
			return 0;
		l->unsent[kind]++;
		*file = (struct fi_cell_key){ .dev = d->dev, .kind = kind,
					      .ino = d->ino };
		return 1;
	}
	i = pop(st, kind, d->dev, d->ino, d->pos);
	if (i < 0) {
		if (enabled)
			l->unmatched[kind]++;
		return 0;
	}
	asm volatile("" : "+r"(i));
	f = &st->frame[i & (DEPTH - 1)];
	l->in_flight[kind]--;
	d->lat_ns = after(f->start_ns, now);
	d->flags |= FI_F_TIMED;
	split_wait(d, f, now);
	if (d->flags & FI_F_SENT && !(d->flags & FI_F_SPLIT) && !d->error)
		l->unsplit++;
	*file = f->file;
	if (d->flags & FI_F_SENT)
		l->sent[kind]++;
	else
		l->unsent[kind]++;
	if (d->error)
		l->errors[kind]++;
	else
		l->ok[kind]++;
	return 1;
}

static __always_inline bool slow_enough(const struct done *d)
{
	return !settings.min_lat_ns ||
	       (d->flags & FI_F_TIMED && d->lat_ns >= settings.min_lat_ns);
}

/* `begun` and `timed` of a cell go together, whatever the filter on latency. */
static __always_inline void add_up(struct fi_cell *c, const struct done *d, bool count)
{
	if (d->flags & FI_F_TIMED)
		c->timed++;
	if (count)
		count_done(c, d);
}

static __noinline int count_op(const struct done *d, struct fi_cell_key *file,
			       const struct inode *inode)
{
	struct fi_ledger *l = ledger();
	bool count = slow_enough(d);
	struct fi_cell *c;

	if (!l)
		return 0;
	c = mount_cell(d->dev, d->kind, d->op);
	if (c)
		add_up(c, d, count);
	else
		l->cells_full++;
	if (settings.files) {
		c = file_cell(file, inode);
		if (c)
			add_up(c, d, count);
		else
			l->cells_full++;
		l->files_other += !file->ino;
	}
	if (count && settings.hists)
		count_hists(d);
	return count && settings.records;
}

/* A record with all that the three kinds have in common, or NULL if it is full. */
static __always_inline struct fi_record *new_record(const struct done *d,
						    const struct inode *inode)
{
	struct fi_record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	struct fi_ledger *l = ledger();
	__u64 id = bpf_get_current_pid_tgid();

	if (!r) {
		if (l)
			l->ring_full++;
		return NULL;
	}
	if (l)
		l->records++;
	__builtin_memset(r, 0, sizeof(*r));
	r->time_ns = bpf_ktime_get_ns();
	r->lat_ns = d->lat_ns;
	__builtin_memcpy(r->phase_ns, d->phase_ns, sizeof(r->phase_ns));
	r->ino = d->ino;
	r->nodeid = inode_nodeid(inode);
	r->pos = d->pos;
	r->count = d->count;
	r->written = d->written;
	r->dev = d->dev;
	r->pid = id >> 32;
	r->tid = id;
	r->opflags = d->opflags;
	r->error = d->error;
	r->kind = d->kind;
	r->op = d->op;
	r->flags = d->flags;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	inode_name(r->name, inode);
	return r;
}

/* No wake-up per record: the reader comes by itself, or when it gets tight. */
static __always_inline void submit(struct fi_record *r)
{
	bool tight = bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) >
		     bpf_ringbuf_query(&records, BPF_RB_RING_SIZE) / 4;

	bpf_ringbuf_submit(r, tight ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* ---- BEGIN --------------------------------------------------------------- */

PROGRAM(iomap_begin, MARK_BEGIN, start_op(st, inode, pos, FI_BEGIN, fi_op_of(opflags)),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags)

/* Which mapping the kernel goes by: see "BEGIN" in the interface. */
static __always_inline void note_maps(struct done *d, const struct fuse_iomap_begin_out *out)
{
	d->read_type = fi_type(out->read.type);
	d->write_type = fi_type(out->write.type);
	if ((d->opflags & FI_OPFLAGS_WRITE) &&
	    out->write.type != FUSE_IOMAP_TYPE_PURE_OVERWRITE) {
		d->used_type = d->write_type;
		d->used_length = out->write.length;
	} else {
		d->used_type = d->read_type;
		d->used_length = out->read.length;
	}
}

static __noinline int begin_done(struct stack *st, const struct inode *inode,
				 struct done *d, const struct fuse_iomap_begin_out *out)
{
	struct fi_cell_key file = {};
	struct fi_record *r;

	/* The types of a refused answer are in the record, not in the counts. */
	if (!d->error)
		note_maps(d, out);
	if (!pair_done(st, d, &file) || !count_op(d, &file, inode))
		return 0;
	r = new_record(d, inode);
	if (!r)
		return 0;
	/* Both: they are side by side there and here. */
	bpf_probe_read_kernel(&r->read, sizeof(*out), out);
	submit(r);
	return 0;
}

static __always_inline void on_begin_done(struct stack *st, const struct inode *inode,
					  loff_t pos, loff_t count, __u32 opflags,
					  const struct fuse_iomap_begin_out *out, int error)
{
	struct done d = {
		.ino = inode->i_ino,
		.dev = inode->i_sb->s_dev,
		.pos = pos,
		.count = count,
		.opflags = opflags,
		.error = error,
		.kind = FI_BEGIN,
		.op = fi_op_of(opflags),
		.flags = FI_F_SENT,
		NO_TYPES,
	};

	begin_done(st, inode, &d, out);
}

PROGRAM(iomap_begin_done, MARK_BEGIN_DONE,
	on_begin_done(st, inode, pos, count, opflags, out, error),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags,
	const struct fuse_iomap_begin_out *out, int error)

/* ---- END ----------------------------------------------------------------- */

PROGRAM(iomap_end, MARK_END, start_op(st, inode, in->pos, FI_END, fi_op_of(in->opflags)),
	const struct inode *inode, const struct fuse_iomap_end_in *in)

static __noinline int end_done(struct stack *st, const struct inode *inode, struct done *d,
			       const struct iomap *iomap)
{
	struct fi_cell_key file = {};
	struct fi_record *r;

	if (!pair_done(st, d, &file) || !count_op(d, &file, inode))
		return 0;
	r = new_record(d, inode);
	if (!r)
		return 0;
	r->read.offset = iomap->offset;
	r->read.length = iomap->length;
	r->read.addr = iomap->addr;
	r->read.type = iomap->type;
	r->read.flags = iomap->flags;
	submit(r);
	return 0;
}

static __always_inline void on_end_done(struct stack *st, const struct inode *inode,
					loff_t pos, loff_t count, __u32 opflags,
					ssize_t written, const struct iomap *iomap,
					bool sent, int error)
{
	struct done d = {
		.ino = inode->i_ino,
		.dev = inode->i_sb->s_dev,
		.pos = pos,
		.count = count,
		.written = written,
		.opflags = opflags,
		.error = error,
		.kind = FI_END,
		.op = fi_op_of(opflags),
		.flags = sent ? FI_F_SENT : 0,
		.is_short = (opflags & FI_OPFLAGS_WRITE) && written < count,
		NO_TYPES,
	};

	end_done(st, inode, &d, iomap);
}

PROGRAM(iomap_end_done, MARK_END_DONE,
	on_end_done(st, inode, pos, count, opflags, written, iomap, sent, error),
	const struct inode *inode, loff_t pos, loff_t count, unsigned int opflags,
	ssize_t written, const struct iomap *iomap, bool sent, int error)

/* ---- IOEND --------------------------------------------------------------- */

PROGRAM(iomap_ioend, MARK_IOEND,
	start_op(st, inode, in->pos, FI_IOEND, fi_op_of_ioend(in->flags)),
	const struct inode *inode, const struct fuse_iomap_ioend_in *in)

static __noinline int ioend_done(struct stack *st, const struct inode *inode,
				 struct done *d, const struct fuse_iomap_ioend_in *in,
				 const struct fuse_iomap_ioend_out *out)
{
	struct fi_cell_key file = {};
	struct fi_record *r;

	if (!pair_done(st, d, &file) || !count_op(d, &file, inode))
		return 0;
	r = new_record(d, inode);
	if (!r)
		return 0;
	r->new_addr = in->new_addr;
	r->io_error = in->error;
	r->io_dev = in->dev;
	if (d->flags & FI_F_SENT)
		r->newsize = out->newsize;
	submit(r);
	return 0;
}

static __always_inline void on_ioend_done(struct stack *st, const struct inode *inode,
					  const struct fuse_iomap_ioend_in *in,
					  const struct fuse_iomap_ioend_out *out, bool sent,
					  int error)
{
	struct done d = {
		.ino = inode->i_ino,
		.dev = inode->i_sb->s_dev,
		.pos = in->pos,
		.count = in->written,
		.written = in->written,
		.opflags = in->flags,
		.error = error,
		.kind = FI_IOEND,
		.op = fi_op_of_ioend(in->flags),
		.flags = sent ? FI_F_SENT : 0,
		NO_TYPES,
	};

	ioend_done(st, inode, &d, in, out);
}

PROGRAM(iomap_ioend_done, MARK_IOEND_DONE, on_ioend_done(st, inode, in, out, sent, error),
	const struct inode *inode, const struct fuse_iomap_ioend_in *in,
	const struct fuse_iomap_ioend_out *out, bool sent, int error)

/* ---- bad data ------------------------------------------------------------ */

/* It names no inode; the operation it belongs to is the task's own. */
static __always_inline void on_bad_data(struct stack *st)
{
	bool filtered = settings.dev || settings.pid || settings.ops;
	struct fi_ledger *l = ledger();

	if (l && enabled && (!filtered || st->depth))
		l->bad_data++;
}

PROGRAM(iomap_bad_data, MARK_BAD_DATA, on_bad_data(st),
	const char *func, int line, const char *condition)

/* ---- requests ------------------------------------------------------------ */

static __always_inline bool is_upcall(const struct fuse_req *req)
{
	return req->in.h.opcode >= FUSE_IOMAP_IOEND && req->in.h.opcode <= FUSE_IOMAP_END;
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

/* In the caller, with the operation on top of its stack. */
static __noinline int on_request_send(const struct fuse_req *req)
{
	struct fi_ledger *l = ledger();
	struct req_times none = {};
	struct req_key key;
	struct frame *f;

	if (!is_upcall(req) || !l)
		return 0;
	f = top_frame();
	if (!f || f->unique)
		return 0;
	key = key_of(req);
	f->unique = key.unique;
	f->req_dev = key.dev;
	if (bpf_map_update_elem(&requests, &key, &none, BPF_ANY))
		l->requests_full++;
	f->send_ns = bpf_ktime_get_ns();
	return 0;
}

/* In the server. Upcalls of callers that nobody watches are not in the map. */
static __always_inline struct req_times *times_of(const struct fuse_req *req)
{
	struct req_key key;

	if (!is_upcall(req))
		return NULL;
	key = key_of(req);
	return bpf_map_lookup_elem(&requests, &key);
}

static __noinline int on_request_sent(const struct fuse_req *req)
{
	struct req_times *t = times_of(req);

	if (t && !t->sent_ns)
		t->sent_ns = bpf_ktime_get_ns();
	return 0;
}

static __noinline int on_request_end(const struct fuse_req *req)
{
	struct req_times *t = times_of(req);

	if (t && !t->end_ns)
		t->end_ns = bpf_ktime_get_ns();
	return 0;
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
		on_##name(req);				\
		unlock_cpu();				\
		return 0;				\
	}						\
	SEC("tp_btf/fuse_" #name)			\
	int BPF_PROG(name##_again, const struct fuse_req *req) \
	{						\
		lock_cpu();				\
		on_##name(req);				\
		unlock_cpu();				\
		return 0;				\
	}

REQUEST_PROGRAM(request_send)
REQUEST_PROGRAM(request_sent)
REQUEST_PROGRAM(request_end)
