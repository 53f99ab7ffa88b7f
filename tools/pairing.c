// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuseiomap_count.h"
#include "fuseiomap_pair.h"
#include "pairing.h"
#include "tally.h"
#include "text.h"

#define TASK_BUCKETS	1024
#define REQUEST_BUCKETS	4096
#define SERVER_BUCKETS	256

/* Threads with nothing open are forgotten beyond that many. */
#define MAX_THREADS	16384

/* Requests whose caller went on before their end was seen. */
#define MAX_REQUESTS	16384

/* An operation that has started. */
struct frame {
	__u64 start_ns;
	__u64 send_ns;
	__u64 ino;
	__u64 nodeid;
	__u64 isize;
	__u64 pos;
	__u64 count;
	__u64 unique;		/* of the upcall; 0: none (yet) */
	__u32 req_dev;
	__u32 dev;
	__u8  kind;
	__u8  op;
	__u32 opflags;
	__s32 kernel_stack;
	/* upstream: what only the start tells, or what came first of two */
	struct fuse_iomap_io read;
	__s64 written;
	__u64 new_addr;
	__s32 io_error;
	__u32 io_dev;
};

struct thread {
	struct thread *next;
	__u32 tid;
	__u32 depth;
	struct frame frame[FI_DEPTH];
	struct fi_begun_ring begun;
	struct frame late;	/* upstream: END or IOEND; start_ns 0: none */
	__u64 late_unique;	/* its request, which has taken it over; 0: none yet */
	__u32 late_dev;
};

/* An upcall on its way. */
struct request {
	struct request *next;
	__u64 unique;
	__u32 dev;
	__u32 caller;
	__u32 server;		/* thread that took it */
	__u8  kind;
	__u8  left;		/* its caller has gone on */
	__u64 sent_ns;
	__u64 end_ns;
	struct frame late;	/* upstream: what ends with it; start_ns 0: none */
};

struct server_thread {
	struct server_thread *next;
	struct fi_server_key key;
	struct fi_server v;
};

struct pairing {
	const struct source_config *config;
	const struct fi_settings *set;
	struct tasks *tasks;
	bool upstream;
	bool enabled;
	pairing_file_hook file_hook;
	void *file_ctx;
	size_t nr_threads;
	size_t nr_requests;
	struct thread *thread[TASK_BUCKETS];
	struct request *request[REQUEST_BUCKETS];
	struct server_thread *server[SERVER_BUCKETS];
	struct fi_ledger ledger;
};

struct pairing *pairing_new(const struct source_config *config, bool upstream,
			    struct tasks *tasks)
{
	struct pairing *p = xcalloc(1, sizeof(*p));

	p->config = config;
	p->set = &config->settings;
	p->upstream = upstream;
	p->tasks = tasks;
	p->enabled = true;
	return p;
}

void pairing_enable(struct pairing *p, bool on)
{
	p->enabled = on;
}

void pairing_on_file(struct pairing *p, pairing_file_hook hook, void *ctx)
{
	p->file_hook = hook;
	p->file_ctx = ctx;
}

void pairing_lost(struct pairing *p, __u64 n)
{
	p->ledger.raw_lost += n;
}

static __u64 after(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

/* ---- threads ---------------------------------------------------------------- */

static void forget_idle(struct pairing *p)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct thread **tp = &p->thread[i]; *tp;) {
			struct thread *t = *tp;

			if (t->depth || t->late.start_ns) {
				tp = &t->next;
				continue;
			}
			*tp = t->next;
			free(t);
			p->nr_threads--;
		}
}

static struct thread *find_thread(const struct pairing *p, __u32 tid)
{
	for (struct thread *t = p->thread[tid % TASK_BUCKETS]; t; t = t->next)
		if (t->tid == tid)
			return t;
	return NULL;
}

static struct thread *thread_of(struct pairing *p, __u32 tid)
{
	struct thread *t = find_thread(p, tid);

	if (t)
		return t;
	if (p->nr_threads >= MAX_THREADS)
		forget_idle(p);
	t = xcalloc(1, sizeof(*t));
	t->tid = tid;
	t->next = p->thread[tid % TASK_BUCKETS];
	p->thread[tid % TASK_BUCKETS] = t;
	p->nr_threads++;
	return t;
}

static struct frame *top_frame(struct thread *t)
{
	return t && t->depth ? &t->frame[t->depth - 1] : NULL;
}

/* ---- requests --------------------------------------------------------------- */

static struct request **find_request(struct pairing *p, __u32 dev, __u64 unique)
{
	struct request **rp = &p->request[(unique ^ dev) % REQUEST_BUCKETS];

	while (*rp && ((*rp)->unique != unique || (*rp)->dev != dev))
		rp = &(*rp)->next;
	return rp;
}

static void drop_request(struct pairing *p, struct request **rp)
{
	struct request *r = *rp;

	*rp = r->next;
	free(r);
	p->nr_requests--;
}

/* Their ends were lost, or come too late to matter. */
static void drop_left_requests(struct pairing *p)
{
	for (size_t i = 0; i < REQUEST_BUCKETS; i++)
		for (struct request **rp = &p->request[i]; *rp;) {
			if ((*rp)->left)
				drop_request(p, rp);
			else
				rp = &(*rp)->next;
		}
}

static struct request *add_request(struct pairing *p, const struct raw_event *e)
{
	struct request **rp = find_request(p, e->dev, e->unique);
	struct request *r;

	if (*rp)
		drop_request(p, rp);
	if (p->nr_requests >= MAX_REQUESTS)
		drop_left_requests(p);
	r = xcalloc(1, sizeof(*r));
	r->unique = e->unique;
	r->dev = e->dev;
	rp = &p->request[(e->unique ^ e->dev) % REQUEST_BUCKETS];
	r->next = *rp;
	*rp = r;
	p->nr_requests++;
	return r;
}

/* The caller is done with it. Its times, and who took it. */
static struct request take_request(struct pairing *p, const struct frame *f)
{
	struct request **rp = f->unique ? find_request(p, f->req_dev, f->unique) : NULL;
	struct request r = { 0 };

	if (!rp || !*rp)
		return r;
	r = **rp;
	/* The server's share of the work is counted at its end, still to come. */
	if (r.sent_ns && !r.end_ns)
		(*rp)->left = true;
	else
		drop_request(p, rp);
	return r;
}

/* ---- servers ---------------------------------------------------------------- */

static struct fi_server *server_of(struct pairing *p, __u32 dev, __u32 tid)
{
	struct server_thread **sp = &p->server[(tid ^ dev) % SERVER_BUCKETS];
	const struct task *task;
	struct server_thread *s;

	for (s = *sp; s; s = s->next)
		if (s->key.tid == tid && s->key.dev == dev)
			return &s->v;
	task = tasks_get(p->tasks, tid);
	s = xcalloc(1, sizeof(*s));
	s->key = (struct fi_server_key){ .dev = dev, .pid = task->pid, .tid = tid };
	memcpy(s->v.comm, task->comm, sizeof(s->v.comm));
	s->next = *sp;
	*sp = s;
	return &s->v;
}

/* ---- the stack ---------------------------------------------------------------- */

static void abandon(struct pairing *p, const struct frame *f)
{
	take_request(p, f);
	p->ledger.in_flight[f->kind]--;
	p->ledger.unpaired[f->kind]++;
}

/* What is on a full stack has ended unseen: nothing nests that deep. */
static struct frame *push(struct pairing *p, struct thread *t)
{
	if (t->depth == FI_DEPTH) {
		for (int i = 0; i < FI_DEPTH; i++)
			abandon(p, &t->frame[i]);
		t->depth = 0;
	}
	return &t->frame[t->depth++];
}

/* Takes the innermost such frame; what lies above it has ended unseen. */
static bool pop(struct pairing *p, struct thread *t, __u32 kind, const struct raw_event *e,
		struct frame *to)
{
	int found = -1;

	for (__u32 i = 0; i < t->depth; i++) {
		const struct frame *f = &t->frame[i];

		if (f->kind == kind && f->dev == e->dev && f->ino == e->ino && f->pos == e->pos)
			found = i;
	}
	if (found < 0)
		return false;
	for (__u32 i = found + 1; i < t->depth; i++)
		abandon(p, &t->frame[i]);
	*to = t->frame[found];
	t->depth = found;
	return true;
}

static bool wanted(const struct pairing *p, const struct raw_event *e, __u32 kind, __u32 op)
{
	const struct task *task;

	if (!p->enabled)
		return false;
	if (p->set->cgroup && !tasks_in_cgroup(p->tasks, e->tid))
		return false;
	if (!p->set->pid && !p->set->comm[0])
		return wanted_start(p->set, e->dev, e->ino, kind, op, 0, e->tid, NULL);
	task = tasks_get(p->tasks, e->tid);
	return wanted_start(p->set, e->dev, e->ino, kind, op, task->pid, e->tid, task->comm);
}

/* Fills in `f` and counts the start, if it is wanted. */
static bool begin(struct pairing *p, struct frame *f, const struct raw_event *e, __u32 kind,
		  __u32 op)
{
	if (!wanted(p, e, kind, op))
		return false;
	p->ledger.begun[kind]++;
	p->ledger.in_flight[kind]++;
	*f = (struct frame){
		.start_ns = e->time_ns, .dev = e->dev, .ino = e->ino, .nodeid = e->nodeid,
		.isize = e->isize, .pos = e->pos, .count = e->count, .kind = kind, .op = op,
		.opflags = e->opflags, .read = e->read, .written = e->written,
		.new_addr = e->new_addr, .io_error = e->io_error, .io_dev = e->io_dev,
	};
	return true;
}

static void start_op(struct pairing *p, struct thread *t, const struct raw_event *e,
		     __u32 kind, __u32 op)
{
	struct frame f;

	if (begin(p, &f, e, kind, op))
		*push(p, t) = f;
}

/* ---- finished operations ------------------------------------------------------ */

/* The kernel lets the caller go before it fires request_end: as in the BPF programs. */
static void split_wait(struct fi_record *r, const struct frame *f, const struct request *q)
{
	__u64 end_ns = q->end_ns && q->end_ns < r->time_ns ? q->end_ns : r->time_ns;

	if (!q->sent_ns)
		return;
	r->phase_ns[FI_PH_KERNEL] = after(f->start_ns, f->send_ns);
	r->phase_ns[FI_PH_QUEUE] = after(f->send_ns, q->sent_ns);
	r->phase_ns[FI_PH_SERVER] = after(q->sent_ns, end_ns);
	r->phase_ns[FI_PH_WAKEUP] = after(r->phase_ns[FI_PH_KERNEL] +
					  r->phase_ns[FI_PH_QUEUE] +
					  r->phase_ns[FI_PH_SERVER], r->lat_ns);
	r->flags |= FI_F_SPLIT;
}

/* Who and where, for the catalog and the record. */
static void name_record(struct pairing *p, struct fi_record *r)
{
	struct catalog *c = p->config->catalog;
	const struct task *task = tasks_get(p->tasks, r->tid);

	r->pid = task->pid;
	memcpy(r->comm, task->comm, sizeof(r->comm));
	if (!c)
		return;
	catalog_add_task(c, task);
	if (p->file_hook && r->ino && !catalog_use_file(c, r->dev, r->ino))
		p->file_hook(p->file_ctx, r);
}

static void put_record(struct pairing *p, struct fi_record *r)
{
	name_record(p, r);
	if (r->kind != FI_REFUSED && !wanted_record(p->set, r))
		return;
	p->ledger.records++;
	if (p->config->sink)
		p->config->sink(p->config->ctx, r);
}

/* Only filters on the kind and the outcome are left to ask. */
static void put_refusal(struct pairing *p, struct fi_record *r)
{
	struct fi_done d;

	done_of_record(&d, r);
	if (fi_wanted_done(p->set, &d) &&
	    !(p->set->kinds && !(p->set->kinds & 1U << FI_REFUSED)))
		put_record(p, r);
}

/* Counts a paired operation and makes its record complete. `f`: its start. */
static void finish(struct pairing *p, struct fi_record *r, const struct frame *f)
{
	struct fi_ledger *l = &p->ledger;
	struct request q = take_request(p, f);

	l->in_flight[r->kind]--;
	r->unique = f->unique;
	r->server_tid = q.server;
	r->op = f->op;
	r->isize = f->isize;
	r->kernel_stack = f->kernel_stack;
	if (r->flags & FI_F_TIMED) {
		r->lat_ns = after(f->start_ns, r->time_ns);
		split_wait(r, f, &q);
		if (r->flags & FI_F_SENT && !(r->flags & FI_F_SPLIT) && !r->error)
			l->unsplit++;
	}
	if (r->flags & FI_F_SENT)
		l->sent[r->kind]++;
	else
		l->unsent[r->kind]++;
	if (r->error)
		l->errors[r->kind]++;
	else
		l->ok[r->kind]++;
	put_record(p, r);
}

static struct fi_record record_of(const struct raw_event *e, __u32 kind)
{
	return (struct fi_record){
		.time_ns = e->time_ns, .tid = e->tid, .kind = kind, .dev = e->dev,
		.ino = e->ino, .nodeid = e->nodeid, .pos = e->pos, .count = e->count,
		.written = e->written, .opflags = e->opflags, .error = e->error,
	};
}

/* ---- with done events ----------------------------------------------------------- */

/* Its end was seen, its start was not: it began before we looked. */
static void unmatched(struct pairing *p, const struct raw_event *e, __u32 kind, __u32 op)
{
	if (wanted(p, e, kind, op))
		p->ledger.unmatched[kind]++;
}

static __u32 op_of_end(const struct thread *t, const struct raw_event *e)
{
	return fi_begun_op(&t->begun, e->dev, e->ino, e->pos, e->opflags);
}

static void on_begin_done(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct fi_record r = record_of(e, FI_BEGIN);
	struct frame f;

	t->begun.over = 1;
	if (!pop(p, t, FI_BEGIN, e, &f)) {
		unmatched(p, e, FI_BEGIN, fi_op_of(e->opflags));
		return;
	}
	r.flags = FI_F_SENT | FI_F_TIMED;
	r.read = e->read;
	r.write = e->write;
	finish(p, &r, &f);
}

static void on_end_done(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct fi_record r = record_of(e, FI_END);
	struct frame f;

	r.read = e->read;
	if (pop(p, t, FI_END, e, &f)) {
		r.flags = FI_F_SENT | FI_F_TIMED;
		finish(p, &r, &f);
		return;
	}
	r.op = op_of_end(t, e);
	if (e->sent) {
		unmatched(p, e, FI_END, r.op);
	} else if (wanted(p, e, FI_END, r.op)) {
		p->ledger.unsent[FI_END]++;
		put_record(p, &r);
	}
}

static void set_ioend(struct fi_record *r, const struct frame *f)
{
	r->written = f->count;
	r->new_addr = f->new_addr;
	r->io_error = f->io_error;
	r->io_dev = f->io_dev;
}

static void on_ioend_done(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct fi_record r = record_of(e, FI_IOEND);
	struct frame f;

	if (!pop(p, t, FI_IOEND, e, &f)) {
		unmatched(p, e, FI_IOEND, fi_op_of_ioend(e->opflags));
		return;
	}
	r.flags = FI_F_TIMED | (e->sent ? FI_F_SENT : 0);
	set_ioend(&r, &f);
	r.newsize = e->sent ? e->newsize : 0;
	finish(p, &r, &f);
}

/* ---- with upstream's events only --------------------------------------------------- */

/* Ends what only its start describes. */
static void finish_unsure(struct pairing *p, const struct frame *f, __u32 tid, __u64 now_ns,
			  __u32 flags, __s32 error)
{
	struct fi_record r = {
		.time_ns = now_ns, .tid = tid, .kind = f->kind, .dev = f->dev,
		.ino = f->ino, .nodeid = f->nodeid, .pos = f->pos, .count = f->count,
		.opflags = f->opflags, .error = error, .flags = flags | FI_F_UNSURE,
	};

	if (f->kind == FI_IOEND)
		set_ioend(&r, f);
	if (f->kind == FI_END) {
		r.read = f->read;
		r.written = f->written;
	}
	finish(p, &r, f);
}

/* Before the thread starts something else: what has ended without a word. */
static void end_silent(struct pairing *p, struct thread *t, __u64 now_ns)
{
	struct frame *top = top_frame(t), f;

	if (!p->upstream)
		return;
	if (top && top->kind == FI_BEGIN && !top->unique) {
		f = *top;
		t->depth--;
		finish_unsure(p, &f, t->tid, now_ns, 0, 0);
	}
	if (t->late.start_ns) {
		f = t->late;
		t->late.start_ns = 0;
		finish_unsure(p, &f, t->tid, now_ns, f.kind == FI_END ? FI_F_SENT : 0,
			      f.io_error);
	}
}

/* END and IOEND are kept aside: what ends them comes from another thread. */
static void start_late(struct pairing *p, struct thread *t, const struct raw_event *e,
		       __u32 kind, __u32 op)
{
	if (!begin(p, &t->late, e, kind, op)) {
		t->late.start_ns = 0;
		return;
	}
	t->late_unique = 0;
	if (kind == FI_IOEND && !fi_wants_ioend(e->io_error, e->count, e->opflags))
		end_silent(p, t, e->time_ns);
}

/* The request was answered. */
static void end_late(struct pairing *p, struct request *q, __s32 error, __u64 now_ns)
{
	struct frame f = q->late;

	q->late.start_ns = 0;
	if (error == -ENOSYS)
		error = 0;
	finish_unsure(p, &f, q->caller, now_ns, FI_F_SENT | FI_F_TIMED,
		      f.io_error ? f.io_error : error);
}

static void on_late_error(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct request *q = t->late_unique ?
			    *find_request(p, t->late_dev, t->late_unique) : NULL;
	struct frame f = t->late;

	if (!p->upstream)
		return;
	t->late.start_ns = 0;
	if (f.start_ns)
		finish_unsure(p, &f, e->tid, e->time_ns, FI_F_SENT | FI_F_TIMED,
			      f.io_error ? f.io_error : e->error);
	else if (q && q->late.start_ns)
		end_late(p, q, e->error, e->time_ns);
}

static void on_begin_error(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct frame f;

	if (p->upstream && pop(p, t, FI_BEGIN, e, &f))
		finish_unsure(p, &f, e->tid, e->time_ns, FI_F_SENT | FI_F_TIMED, e->error);
}

static void on_map(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct frame *top = top_frame(t), f;
	struct fi_record r;

	if (!p->upstream || !top || top->kind != FI_BEGIN || top->dev != e->dev ||
	    top->ino != e->ino)
		return;
	if (e->what == RAW_READ_MAP) {
		top->read = e->read;
		return;
	}
	f = *top;
	t->depth--;
	r = record_of(e, FI_BEGIN);
	r.pos = f.pos;
	r.count = f.count;
	r.opflags = f.opflags;
	r.flags = FI_F_SENT | FI_F_TIMED | FI_F_UNSURE;
	r.read = f.read;
	r.write = e->read;
	finish(p, &r, &f);
}

/* ---- starts ------------------------------------------------------------------------- */

static void on_begin(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	__u32 op = fi_op_of_begin(e->opflags, e->pos, e->count, e->isize);

	end_silent(p, t, e->time_ns);
	fi_begun_add(&t->begun, e->dev, e->ino, e->pos, e->opflags, op);
	start_op(p, t, e, FI_BEGIN, op);
}

static void on_end(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	end_silent(p, t, e->time_ns);
	if (p->upstream)
		start_late(p, t, e, FI_END, op_of_end(t, e));
	else
		start_op(p, t, e, FI_END, op_of_end(t, e));
}

static void on_ioend(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	__u32 op = fi_op_of_ioend(e->opflags);

	end_silent(p, t, e->time_ns);
	if (p->upstream)
		start_late(p, t, e, FI_IOEND, op);
	else
		start_op(p, t, e, FI_IOEND, op);
}

static bool is_filtered(const struct fi_settings *s)
{
	return s->dev || s->ino || s->pid || s->tid || s->ops || s->kinds || s->comm[0] ||
	       s->cgroup;
}

/* It names no inode: the operation it belongs to is the thread's own, or was just now. */
static void on_bad_data(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	const struct fi_begun *b = fi_begun_newest(&t->begun);
	const struct frame *f = top_frame(t);
	struct fi_record r = record_of(e, FI_REFUSED);

	r.error = -EUCLEAN;
	r.line = e->line;
	memcpy(r.rule, e->text, sizeof(r.rule));
	if (f) {
		r.dev = f->dev;
		r.ino = f->ino;
		r.nodeid = f->nodeid;
		r.pos = f->pos;
		r.count = f->count;
		r.isize = f->isize;
		r.opflags = f->opflags;
		r.op = f->op;
		r.unique = f->unique;
	} else if (b) {
		r.dev = b->dev;
		r.ino = b->ino;
		r.pos = b->pos;
		r.opflags = b->opflags;
		r.op = b->op;
	}
	if (!p->enabled)
		return;
	if (!f && is_filtered(p->set) &&
	    !(b && wanted(p, &(struct raw_event){ .tid = e->tid, .dev = b->dev, .ino = b->ino },
			  FI_REFUSED, b->op)))
		return;
	p->ledger.bad_data++;
	put_refusal(p, &r);
}

/* Of the operation that has just begun, if it is wanted. */
static void on_stack(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct frame *f = t->late.start_ns ? &t->late : top_frame(t);

	if (f && !f->kernel_stack)
		f->kernel_stack = e->stack;
}

/* ---- requests ------------------------------------------------------------------------- */

static void on_request_send(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	static const __u8 kinds[] = {
		[FUSE_IOMAP_IOEND - FUSE_IOMAP_IOEND] = FI_IOEND,
		[FUSE_IOMAP_BEGIN - FUSE_IOMAP_IOEND] = FI_BEGIN,
		[FUSE_IOMAP_END - FUSE_IOMAP_IOEND] = FI_END,
	};
	struct frame *f = top_frame(t);
	struct request *q;
	__u32 kind;

	if (e->opcode < FUSE_IOMAP_IOEND || e->opcode > FUSE_IOMAP_END)
		return;
	kind = kinds[e->opcode - FUSE_IOMAP_IOEND];
	if (t->late.start_ns && t->late.kind == kind)
		f = &t->late;
	if (!f || f->unique)
		return;
	f->unique = e->unique;
	f->req_dev = e->dev;
	f->send_ns = e->time_ns;
	q = add_request(p, e);
	q->caller = e->tid;
	q->kind = kind;
	if (f == &t->late) {
		q->late = *f;
		f->start_ns = 0;
		t->late_unique = e->unique;
		t->late_dev = e->dev;
	}
}

static void on_request_sent(struct pairing *p, struct thread *unused,
			    const struct raw_event *e)
{
	struct request *q = *find_request(p, e->dev, e->unique);
	struct fi_server *v;

	if (!q || q->sent_ns)
		return;
	q->sent_ns = e->time_ns;
	q->server = e->tid;
	if (!p->set->servers)
		return;
	v = server_of(p, q->dev, q->server);
	v->busy_since = e->time_ns;
}

static void on_request_end(struct pairing *p, struct thread *unused,
			   const struct raw_event *e)
{
	struct request **rp = find_request(p, e->dev, e->unique), *q = *rp;
	struct fi_server *v;

	if (!q || q->end_ns)
		return;
	q->end_ns = e->time_ns;
	if (q->sent_ns && p->set->servers) {
		v = server_of(p, q->dev, q->server);
		v->requests[q->kind]++;
		v->busy_ns += after(q->sent_ns, e->time_ns);
		v->busy_since = 0;
	}
	if (q->late.start_ns)
		end_late(p, q, e->error, e->time_ns);
	else if (q->left)
		drop_request(p, rp);
}

/* ---- all -------------------------------------------------------------------------------- */

static void on_task(struct pairing *p, struct thread *unused, const struct raw_event *e)
{
	tasks_event(p->tasks, e);
}

static const struct {
	void (*on)(struct pairing *p, struct thread *t, const struct raw_event *e);
	bool anywhere;		/* fires in threads that are no callers */
} handlers[RAW_WHATS] = {
	[RAW_BEGIN]		= { on_begin },
	[RAW_BEGIN_ERROR]	= { on_begin_error },
	[RAW_READ_MAP]		= { on_map },
	[RAW_WRITE_MAP]		= { on_map },
	[RAW_BEGIN_DONE]	= { on_begin_done },
	[RAW_END]		= { on_end },
	[RAW_END_ERROR]		= { on_late_error },
	[RAW_END_DONE]		= { on_end_done },
	[RAW_IOEND]		= { on_ioend },
	[RAW_IOEND_ERROR]	= { on_late_error },
	[RAW_IOEND_DONE]	= { on_ioend_done },
	[RAW_BAD_DATA]		= { on_bad_data },
	[RAW_REQUEST_SEND]	= { on_request_send },
	[RAW_REQUEST_SENT]	= { on_request_sent, true },
	[RAW_REQUEST_END]	= { on_request_end, true },
	[RAW_TASK_NEW]		= { on_task, true },
	[RAW_TASK_RENAME]	= { on_task, true },
	[RAW_TASK_CGROUP]	= { on_task, true },
	[RAW_STACK]		= { on_stack },
};

void pairing_event(struct pairing *p, const struct raw_event *e)
{
	struct thread *t = handlers[e->what].anywhere ? NULL : thread_of(p, e->tid);

	handlers[e->what].on(p, t, e);
}

static void read_open(struct pairing *p, struct snapshot *to, const struct frame *f, __u32 tid)
{
	const struct task *task = tasks_get(p->tasks, tid);
	struct fi_open o;

	/* With upstream's events it may be over. */
	if (p->upstream && !f->unique)
		return;
	o = (struct fi_open){
		.start_ns = f->start_ns, .send_ns = f->send_ns, .ino = f->ino,
		.pos = f->pos, .count = f->kind == FI_IOEND ? 0 : f->count, .dev = f->dev,
		.pid = task->pid, .tid = tid, .kind = f->kind, .op = f->op,
	};

	memcpy(o.comm, task->comm, sizeof(o.comm));
	snapshot_add_open(to, &o);
}

void pairing_read(struct pairing *p, struct snapshot *to)
{
	to->nr_open = to->nr_servers = 0;
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct thread *t = p->thread[i]; t; t = t->next)
			for (__u32 d = 0; d < t->depth; d++)
				if (!p->upstream || t->frame[d].unique)
					read_open(p, to, &t->frame[d], t->tid);
	for (size_t i = 0; i < REQUEST_BUCKETS; i++)
		for (struct request *q = p->request[i]; q; q = q->next)
			if (q->late.start_ns)
				read_open(p, to, &q->late, q->caller);
	for (size_t i = 0; i < SERVER_BUCKETS; i++)
		for (struct server_thread *s = p->server[i]; s; s = s->next)
			snapshot_add_server(to, &(struct server){ s->key, s->v });
	snapshot_sort(to);
	to->ledger = p->ledger;
	to->missed = 0;
	to->upstream = p->upstream;
}

void pairing_free(struct pairing *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		while (p->thread[i]) {
			struct thread *t = p->thread[i];

			p->thread[i] = t->next;
			free(t);
		}
	for (size_t i = 0; i < REQUEST_BUCKETS; i++)
		while (p->request[i])
			drop_request(p, &p->request[i]);
	for (size_t i = 0; i < SERVER_BUCKETS; i++)
		while (p->server[i]) {
			struct server_thread *s = p->server[i];

			p->server[i] = s->next;
			free(s);
		}
	free(p);
}
