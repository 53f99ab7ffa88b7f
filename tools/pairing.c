// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuseiomap_count.h"
#include "fuseiomap_recent.h"
#include "pairing.h"
#include "tally.h"
#include "text.h"

/* As in the BPF programs. */
#define DEPTH		4

/* A request_send comes that soon after the start of its operation. */
#define SETTLE_NS	20000000ULL

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
	__u8  has_map;		/* upstream: read_map has come */
	__u32 opflags;
	/* upstream: what only the start tells */
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
	__u64 seen_ns;
	struct frame frame[DEPTH];
	struct fi_recent recent;
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
	__u64 send_ns;
	__u64 sent_ns;
	__u64 end_ns;
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

			if (t->depth) {
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
	struct frame *f;

	if (t->depth == DEPTH) {
		for (int i = 0; i < DEPTH; i++)
			abandon(p, &t->frame[i]);
		t->depth = 0;
	}
	f = &t->frame[t->depth++];
	*f = (struct frame){ 0 };
	return f;
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
	if (!p->set->pid && !p->set->comm[0])
		return wanted_start(p->set, e->dev, e->ino, kind, op, 0, e->tid, NULL);
	task = tasks_get(p->tasks, e->tid);
	return wanted_start(p->set, e->dev, e->ino, kind, op, task->pid, e->tid, task->comm);
}

static void start_op(struct pairing *p, struct thread *t, const struct raw_event *e,
		     __u32 kind, __u32 op)
{
	struct frame *f;

	if (!wanted(p, e, kind, op))
		return;
	p->ledger.begun[kind]++;
	f = push(p, t);
	p->ledger.in_flight[kind]++;
	f->start_ns = e->time_ns;
	f->dev = e->dev;
	f->ino = e->ino;
	f->nodeid = e->nodeid;
	f->isize = e->isize;
	f->pos = e->pos;
	f->count = e->count;
	f->kind = kind;
	f->op = op;
	f->opflags = e->opflags;
	f->read = e->read;
	f->written = kind == FI_IOEND ? (__s64)e->count : e->written;
	f->new_addr = e->new_addr;
	f->io_error = e->io_error;
	f->io_dev = e->io_dev;
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
	if (p->file_hook && r->ino && !catalog_file(c, r->dev, r->ino))
		p->file_hook(p->file_ctx, r);
}

static void put_record(struct pairing *p, struct fi_record *r)
{
	name_record(p, r);
	if (r->kind < FI_KINDS && !wanted_record(p->set, r))
		return;
	p->ledger.records++;
	if (p->config->sink)
		p->config->sink(p->config->ctx, r);
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

/* Its end was seen, its start was not: began before we looked, or start lost. */
static void unmatched(struct pairing *p, const struct raw_event *e, __u32 kind, __u32 op)
{
	if (wanted(p, e, kind, op))
		p->ledger.unmatched[kind]++;
}

static void on_begin_done(struct pairing *p, struct thread *t, const struct raw_event *e)
{
	struct fi_record r = record_of(e, FI_BEGIN);
	__u32 op = fi_op_of(e->opflags);
	struct frame f;
	bool found = pop(p, t, FI_BEGIN, e, &f);

	if (found)
		op = f.op;
	if (!e->error && !found)
		op = fi_recent_waiting(&t->recent, op);
	if (!e->error)
		fi_recent_add(&t->recent, e->dev, e->ino, e->pos, e->opflags, op);
	if (!found) {
		unmatched(p, e, FI_BEGIN, op);
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
	__u32 op;

	r.read = e->read;
	if (pop(p, t, FI_END, e, &f)) {
		r.flags = FI_F_SENT | FI_F_TIMED;
		finish(p, &r, &f);
		return;
	}
	op = fi_recent_take(&t->recent, e->dev, e->ino, e->pos, e->opflags);
	if (e->sent) {
		unmatched(p, e, FI_END, op);
		return;
	}
	if (!wanted(p, e, FI_END, op))
		return;
	p->ledger.unsent[FI_END]++;
	r.op = op;
	put_record(p, &r);
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
	r.written = e->count;
	r.new_addr = e->new_addr;
	r.io_error = e->io_error;
	r.io_dev = e->io_dev;
	r.newsize = e->sent ? e->newsize : 0;
	finish(p, &r, &f);
}
