// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an operation goes on, as fs/iomap does it: BEGIN, the work on that mapping,
 * END, and the next BEGIN where it stopped, until all is done, or an iteration
 * ends with an error or without progress. All of it happens in one task, and
 * between an END and the BEGIN that follows nothing else can happen in it. So the
 * task's next BEGIN or END tells whether an operation went on.
 *
 * Direct writes complete later, with one IOEND for all of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuseiomap_count.h"
#include "fuseiomap_pair.h"
#include "names.h"
#include "short.h"
#include "text.h"
#include "trace.h"

#define NS_PER_S	1000000000ULL

/*
 * How long a finding waits for what else may come of it, in the records' time: longer
 * than a slow answer or a slow disk takes.
 */
#define WAIT_NS		(30 * NS_PER_S)

/* Those with something open; more than that are some whose ENDs were lost. */
#define MAX_THREADS	8192
#define THREAD_BUCKETS	1024
#define MAX_INODES	4096

/* What is unsafe to read when the kernel fills it in around a partial write. */
#define BLOCK		4096ULL

const char *const short_cause_name[SHORT_CAUSES] = {
	[SHORT_FAULT] = "fault",
	[SHORT_NEXT] = "next-mapping",
	[SHORT_REFUSED] = "refused",
	[SHORT_IO_ERROR] = "io-error",
	[SHORT_SIGNAL] = "signal",
	[SHORT_MAPPING_ENDED] = "mapping-ended",
	[SHORT_STALE] = "stale",
	[SHORT_RESUMED] = "resumed",
	[SHORT_SERVER] = "server-error",
	[SHORT_UNKNOWN] = "unknown",
};

/* An operation from its first iteration to its last. */
struct chain {
	__u64 pos;
	__u64 count;
	__u64 written;
	struct finding *held;	/* an END that fell short, not yet explained; NULL: none */
};

struct frame {
	struct fi_record begin;
	struct chain chain;
};

struct thread {
	struct thread *next;	/* in its bucket */
	__u32 tid;
	unsigned int depth;
	__u64 time_ns;		/* of its last record */
	struct frame frame[FI_DEPTH];
	/* After an END: it may go on. */
	bool waits;
	struct chain chain;
	struct fi_record begin;	/* of that END; time_ns 0: not seen */
	struct fi_record end;
	/* The last answer that was refused, for the BEGIN that it belongs to. */
	struct short_before refused;
};

/* A finding that has ended and waits for the IOEND of its direct write. */
struct waiting {
	struct waiting *next;
	struct finding *f;
	__u64 until_ns;
};

struct inode {
	__u64 ino;
	__u32 dev;
	__u32 pad;
	struct short_before ioend;
	struct short_before refused;
};

struct shorts {
	void (*found)(void *ctx, const struct finding *f);
	void *ctx;
	struct thread *thread[THREAD_BUCKETS];
	size_t nr_threads;
	struct waiting *waiting, **last_waiting;
	__u64 next_look_ns;	/* for tasks that wait for too long */
	struct inode *inode;	/* MAX_INODES, by a hash; a newer one takes the place */
	struct short_count count[FI_OPS];
};

struct shorts *shorts_new(void (*found)(void *ctx, const struct finding *f), void *ctx)
{
	struct shorts *s = xcalloc(1, sizeof(*s));

	s->found = found;
	s->ctx = ctx;
	s->last_waiting = &s->waiting;
	s->inode = xcalloc(MAX_INODES, sizeof(*s->inode));
	return s;
}

/* ---- inodes -------------------------------------------------------------- */

static struct inode *inode_slot(struct shorts *s, __u32 dev, __u64 ino)
{
	__u64 hash = (ino ^ ((__u64)dev << 32)) * 0x9e3779b97f4a7c15ULL;

	return &s->inode[hash >> 52];
}

static struct inode *inode_get(struct shorts *s, __u32 dev, __u64 ino)
{
	struct inode *i = inode_slot(s, dev, ino);

	if (i->dev != dev || i->ino != ino)
		*i = (struct inode){ .dev = dev, .ino = ino };
	return i;
}

static void note_before(struct shorts *s, struct finding *f)
{
	const struct inode *i = inode_slot(s, f->end.dev, f->end.ino);

	if (i->dev != f->end.dev || i->ino != f->end.ino)
		return;
	f->ioend_before = i->ioend;
	f->refused_before = i->refused;
}

/* ---- causes -------------------------------------------------------------- */

static bool is_stale(const struct fi_record *end)
{
	return end->read.flags & FUSE_IOMAP_F_STALE;
}

static bool is_interrupt(int error)
{
	return error == -EINTR || (error <= -512 && error >= -516);	/* ERESTART... */
}

static bool is_direct(const struct finding *f)
{
	return f->end.opflags & FUSE_IOMAP_OP_DIRECT;
}

/* What the iteration itself ended with, where that is known. */
static int status_of(const struct finding *f)
{
	if (f->end.flags & FI_F_STATUS && f->end.io_error)
		return f->end.io_error;
	return f->ioend.time_ns ? f->ioend.io_error : 0;
}

static void set_cause(struct finding *f, enum short_cause cause, int error)
{
	f->cause = cause;
	f->error = error;
	f->sure = true;
	f->benign = cause == SHORT_STALE || cause == SHORT_RESUMED;
}

static void blame_next(struct finding *f, const struct short_before *refused)
{
	int error = f->next.error;

	if (refused->time_ns && refused->pos == f->next.pos)
		set_cause(f, SHORT_REFUSED, error);
	else if (is_interrupt(error))
		set_cause(f, SHORT_SIGNAL, error);
	else
		set_cause(f, SHORT_NEXT, error);
}

static void blame_status(struct finding *f, int status)
{
	if (status == -EFAULT)
		set_cause(f, SHORT_FAULT, status);
	else if (is_interrupt(status))
		set_cause(f, SHORT_SIGNAL, status);
	else
		set_cause(f, SHORT_IO_ERROR, status);
}

/*
 * Whether the kernel may have had to read the block at which it stopped: the write
 * covers only a part of it, and it holds data.
 */
static bool may_have_read(const struct finding *f)
{
	__u64 stop = f->pos + f->written, end = f->pos + f->count;
	const struct fuse_iomap_io *map = f->begin.time_ns ? &f->begin.read : &f->end.read;
	bool part = (f->pos % BLOCK && stop / BLOCK == f->pos / BLOCK) ||
		    (end % BLOCK && stop / BLOCK == end / BLOCK);

	return part && map->type != FUSE_IOMAP_TYPE_HOLE &&
	       map->type != FUSE_IOMAP_TYPE_UNWRITTEN;
}

/*
 * Nothing says what the iteration ended with, so by exclusion: `alive` if the task
 * was seen later, which one that was killed is not.
 */
static void blame_rest(struct finding *f, bool alive)
{
	bool copies = f->end.opflags & FUSE_IOMAP_OP_WRITE &&
		      !(f->end.opflags & FUSE_IOMAP_OP_FAULT) && !(f->end.flags & FI_F_STATUS);

	if (!f->nr_ends)
		set_cause(f, SHORT_MAPPING_ENDED, 0);
	else if (f->end.flags & FI_F_SIGNAL)
		set_cause(f, SHORT_SIGNAL, 0);
	else if (copies && alive && !may_have_read(f))
		set_cause(f, SHORT_FAULT, 0);
	else
		set_cause(f, SHORT_UNKNOWN, 0);
	f->sure = f->cause == SHORT_MAPPING_ENDED;
}

static void explain(struct finding *f, bool alive)
{
	int status = status_of(f);

	if (f->cause != SHORT_UNKNOWN)
		return;
	if (status)
		blame_status(f, status);
	else if (f->end.error && (!f->nr_ends || is_stale(&f->end)))
		set_cause(f, SHORT_SERVER, f->end.error);
	else
		blame_rest(f, alive);
}

/* ---- findings ------------------------------------------------------------ */

static void put(struct shorts *s, struct finding *f, bool alive)
{
	struct short_count *c = &s->count[f->end.op % FI_OPS];

	explain(f, alive);
	if (f->benign) {
		f->pos = f->end.pos;
		f->count = f->end.count;
		f->written = f->end.written > 0 ? f->end.written : 0;
	}
	f->missing = f->count > f->written ? f->count - f->written : 0;
	c->findings++;
	c->benign += f->benign;
	s->found(s->ctx, f);
	free(f);
}

/* The operation is over; a direct write may still have an IOEND to tell more. */
static void finish(struct shorts *s, struct finding *f, bool alive)
{
	struct waiting *w;

	if (!is_direct(f) || !f->written || f->cause != SHORT_UNKNOWN || status_of(f)) {
		put(s, f, alive);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->f = f;
	w->until_ns = f->end.time_ns + WAIT_NS;
	*s->last_waiting = w;
	s->last_waiting = &w->next;
}

static struct finding *finding_new(struct shorts *s, const struct chain *c,
				   const struct fi_record *begin, const struct fi_record *end)
{
	struct finding *f = xcalloc(1, sizeof(*f));

	f->cause = SHORT_UNKNOWN;
	f->begin = *begin;
	f->end = *end;
	f->pos = c->pos;
	f->count = c->count;
	f->written = c->written;
	note_before(s, f);
	return f;
}

/* An operation that could have gone on did not. */
static void chain_over(struct shorts *s, struct thread *t, bool alive)
{
	struct finding *f = t->chain.held;

	if (!t->waits)
		return;
	t->waits = false;
	if (!f)
		f = finding_new(s, &t->chain, &t->begin, &t->end);
	t->chain.held = NULL;
	f->written = t->chain.written;
	finish(s, f, alive);
}

/* ---- threads ------------------------------------------------------------ */

static struct thread **thread_slot(struct shorts *s, __u32 tid)
{
	struct thread **t = &s->thread[tid % THREAD_BUCKETS];

	while (*t && (*t)->tid != tid)
		t = &(*t)->next;
	return t;
}

/*
 * Its END was not seen, but a short one of an iteration before it was. Where only
 * some ENDs can be seen, all short ones are: this one was not.
 */
static void frame_lost(struct shorts *s, struct frame *f, bool alive)
{
	if (!f->chain.held)
		return;
	if (f->begin.flags & FI_F_UNSURE)
		set_cause(f->chain.held, SHORT_RESUMED, 0);
	finish(s, f->chain.held, alive);
	f->chain.held = NULL;
}

static void thread_drop(struct shorts *s, struct thread **slot, bool alive)
{
	struct thread *t = *slot;

	chain_over(s, t, alive);
	while (t->depth)
		frame_lost(s, &t->frame[--t->depth], alive);
	*slot = t->next;
	s->nr_threads--;
	free(t);
}

/* All that were last seen before then. */
static void threads_drop(struct shorts *s, __u64 before_ns)
{
	for (int i = 0; i < THREAD_BUCKETS; i++) {
		struct thread **slot = &s->thread[i];

		while (*slot)
			if ((*slot)->time_ns < before_ns)
				thread_drop(s, slot, false);
			else
				slot = &(*slot)->next;
	}
}

static struct thread *thread_get(struct shorts *s, const struct fi_record *r)
{
	struct thread **slot = thread_slot(s, r->tid);

	if (!*slot) {
		if (s->nr_threads >= MAX_THREADS)
			threads_drop(s, r->time_ns > NS_PER_S ? r->time_ns - NS_PER_S : 0);
		slot = thread_slot(s, r->tid);
		*slot = xcalloc(1, sizeof(**slot));
		(*slot)->tid = r->tid;
		s->nr_threads++;
	}
	(*slot)->time_ns = r->time_ns;
	return *slot;
}

/* Nothing of it is open any more. */
static void thread_put(struct shorts *s, struct thread *t)
{
	if (!t->waits && !t->depth && !t->refused.time_ns)
		thread_drop(s, thread_slot(s, t->tid), true);
}

/* ---- records ------------------------------------------------------------- */

static bool is_write_like(const struct fi_record *r)
{
	return r->opflags & FI_OPFLAGS_WRITE;
}

static bool same_op(const struct fi_record *a, const struct fi_record *b)
{
	return a->ino == b->ino && a->dev == b->dev &&
	       (a->opflags & FI_OPFLAGS_BOTH) == (b->opflags & FI_OPFLAGS_BOTH);
}

static bool goes_on(const struct thread *t, const struct fi_record *begin)
{
	const struct chain *c = &t->chain;

	return t->waits && same_op(&t->end, begin) && begin->pos == c->pos + c->written &&
	       (begin->count == c->count - c->written || !t->begin.time_ns);
}

/* The write ends here, because there is no mapping to go on with. */
static void on_no_mapping(struct shorts *s, struct thread *t, const struct fi_record *r)
{
	struct finding *f = t->chain.held;

	t->waits = false;
	if (!f)
		f = finding_new(s, &t->chain, &t->begin, &t->end);
	t->chain.held = NULL;
	f->next = *r;
	f->written = t->chain.written;
	if (!t->begin.time_ns)
		f->count = f->written + r->count;
	if (t->refused.time_ns)
		f->refused_before = t->refused;
	blame_next(f, &t->refused);
	put(s, f, true);
}

static void push(struct shorts *s, struct thread *t, const struct fi_record *r,
		 const struct chain *c)
{
	/* As deep as it gets; if more, the oldest has ended unseen. */
	if (t->depth == FI_DEPTH) {
		frame_lost(s, &t->frame[0], true);
		memmove(&t->frame[0], &t->frame[1], sizeof(t->frame[0]) * (FI_DEPTH - 1));
		t->depth--;
	}
	t->frame[t->depth].begin = *r;
	t->frame[t->depth++].chain = *c;
}

/*
 * Where only ENDs that are sent can be seen: a BEGIN with the same end as the one
 * before it, further on, goes on with it, which so has come as far as that.
 */
static bool end_unseen(struct thread *t, const struct fi_record *begin)
{
	struct frame *f = t->depth ? &t->frame[t->depth - 1] : NULL;

	if (!f || t->waits || !(begin->flags & FI_F_UNSURE) || !same_op(&f->begin, begin) ||
	    begin->pos <= f->begin.pos ||
	    begin->pos + begin->count != f->begin.pos + f->begin.count)
		return false;
	t->chain = f->chain;
	t->chain.written = begin->pos - t->chain.pos;
	t->begin = f->begin;
	t->end = f->begin;
	t->end.kind = FI_END;
	t->end.count = t->end.written = begin->pos - f->begin.pos;
	t->end.flags = FI_F_UNSURE;
	if (fi_uses_write_map(f->begin.opflags, f->begin.write.type))
		t->end.read = f->begin.write;
	t->waits = true;
	t->depth--;
	return true;
}

/* The operation is gone on with: what was stale is done again. */
static void resume(struct shorts *s, struct chain *c)
{
	if (!c->held || !is_stale(&c->held->end) || c->held->nr_ends != 1)
		return;
	set_cause(c->held, SHORT_STALE, 0);
	put(s, c->held, true);
	c->held = NULL;
}

static void on_begin(struct shorts *s, const struct fi_record *r)
{
	struct thread *t = thread_get(s, r);
	struct chain c = { .pos = r->pos, .count = r->count };
	bool on = goes_on(t, r) || end_unseen(t, r);

	if (on && r->error) {
		on_no_mapping(s, t, r);
	} else {
		if (on) {
			c = t->chain;
			resume(s, &c);
		} else {
			chain_over(s, t, true);
		}
		t->waits = false;
		t->chain.held = NULL;
		if (!r->error && is_write_like(r) && r->op != FI_WRITEBACK)
			push(s, t, r, &c);
	}
	t->refused.time_ns = 0;
	thread_put(s, t);
}

/* Takes the innermost BEGIN of this END; what lies above it has no END. */
static bool pop(struct shorts *s, struct thread *t, const struct fi_record *end,
		struct frame *to)
{
	for (unsigned int i = t->depth; i--; ) {
		const struct frame *f = &t->frame[i];

		if (!same_op(&f->begin, end) || f->begin.pos != end->pos)
			continue;
		*to = *f;
		for (i++; i < t->depth; i++)
			frame_lost(s, &t->frame[i], true);
		t->depth = f - t->frame;
		return true;
	}
	return false;
}

/* Whether fs/iomap goes on after this END; if that is not known, it may. */
static bool may_go_on(const struct fi_record *end, const struct chain *c)
{
	bool progress = end->written > 0;

	if (end->error || c->written >= c->count)
		return false;
	if (end->flags & FI_F_STATUS && end->io_error)
		return false;
	return progress || is_stale(end) || !(end->flags & FI_F_STATUS);
}

/* All of this mapping is done, after an iteration that fell short: a second try. */
static void on_resumed(struct shorts *s, struct chain *c)
{
	if (!c->held)
		return;
	set_cause(c->held, SHORT_RESUMED, 0);
	put(s, c->held, true);
	c->held = NULL;
}

/* The END that falls short; what it means is told by what comes next. */
static void on_short(struct shorts *s, struct chain *c, const struct frame *f,
		     const struct fi_record *r)
{
	if (c->held && r->written <= 0 && !is_stale(r)) {
		/* Where the one before had stopped: the same write. */
		c->held->nr_ends++;
		c->held->end.flags |= r->flags & (FI_F_STATUS | FI_F_SIGNAL);
		c->held->end.io_error = r->io_error;
		c->held->written = c->written;
		return;
	}
	/* Some more, but not all: the one before was only the first of several. */
	on_resumed(s, c);
	c->held = finding_new(s, c, &f->begin, r);
	c->held->nr_ends = 1;
}

static void count_end(struct shorts *s, const struct fi_record *r)
{
	struct short_count *c = &s->count[r->op % FI_OPS];

	c->ends++;
	if (r->written >= (__s64)r->count)
		return;
	c->shorts++;
	c->missing += r->count - (r->written > 0 ? r->written : 0);
}

static void on_end(struct shorts *s, const struct fi_record *r)
{
	struct thread *t = thread_get(s, r);
	struct frame f = { 0 };

	/* An END ends what is around it: what was within it did not go on. */
	chain_over(s, t, true);
	if (!is_write_like(r)) {
		thread_put(s, t);
		return;
	}
	count_end(s, r);
	if (!pop(s, t, r, &f))
		f.chain = (struct chain){ .pos = r->pos, .count = r->count };
	f.chain.written += r->written > 0 ? r->written : 0;
	if (r->written < (__s64)r->count)
		on_short(s, &f.chain, &f, r);
	else
		on_resumed(s, &f.chain);
	t->chain = f.chain;
	t->begin = f.begin;
	t->end = *r;
	t->waits = f.chain.held || f.chain.written < f.chain.count;
	if (!may_go_on(r, &f.chain))
		chain_over(s, t, true);
	thread_put(s, t);
}

/* What an ioend says of the direct write that waits for it. */
static bool is_ioend_of(const struct finding *f, const struct fi_record *r)
{
	return f->end.ino == r->ino && f->end.dev == r->dev && f->pos == r->pos &&
	       (r->opflags & FUSE_IOMAP_IOEND_DIRECT);
}

static void on_ioend(struct shorts *s, const struct fi_record *r)
{
	struct inode *i = inode_get(s, r->dev, r->ino);
	struct waiting **w = &s->waiting;
	struct thread *t = *thread_slot(s, r->tid);

	/* A synchronous one completes after its last iteration. */
	if (t && r->opflags & FUSE_IOMAP_IOEND_DIRECT && t->waits && t->end.ino == r->ino &&
	    t->end.dev == r->dev && t->chain.pos == r->pos)
		chain_over(s, t, true);
	while (*w && !is_ioend_of((*w)->f, r))
		w = &(*w)->next;
	if (*w) {
		struct waiting *found = *w;

		*w = found->next;
		if (!*w)
			s->last_waiting = w;
		found->f->ioend = *r;
		put(s, found->f, true);
		free(found);
	}
	i->ioend = (struct short_before){
		.time_ns = r->time_ns,
		.error = r->io_error ?: r->error,
		.pos = r->pos,
		.count = r->count,
	};
}

static void on_refused(struct shorts *s, const struct fi_record *r)
{
	struct thread *t = thread_get(s, r);

	t->refused = (struct short_before){
		.time_ns = r->time_ns, .pos = r->pos, .count = r->count,
	};
	memcpy(t->refused.rule, r->rule, sizeof(t->refused.rule));
	if (r->ino)
		inode_get(s, r->dev, r->ino)->refused = t->refused;
}

void shorts_add(struct shorts *s, const struct fi_record *r)
{
	static void (*const on[FI_RECORD_KINDS])(struct shorts *s, const struct fi_record *r) = {
		[FI_BEGIN] = on_begin,
		[FI_END] = on_end,
		[FI_IOEND] = on_ioend,
		[FI_REFUSED] = on_refused,
	};

	shorts_time(s, r->time_ns);
	if (r->kind < FI_RECORD_KINDS)
		on[r->kind](s, r);
}

/* ---- time ---------------------------------------------------------------- */

static void put_first_waiting(struct shorts *s)
{
	struct waiting *w = s->waiting;

	s->waiting = w->next;
	if (!s->waiting)
		s->last_waiting = &s->waiting;
	put(s, w->f, false);
	free(w);
}

static void chains_expire(struct shorts *s, __u64 now_ns)
{
	for (int i = 0; i < THREAD_BUCKETS; i++)
		for (struct thread *t = s->thread[i]; t; t = t->next)
			if (t->waits && t->time_ns + WAIT_NS < now_ns)
				chain_over(s, t, false);
}

void shorts_time(struct shorts *s, __u64 now_ns)
{
	while (s->waiting && s->waiting->until_ns < now_ns)
		put_first_waiting(s);
	if (now_ns < s->next_look_ns)
		return;
	s->next_look_ns = now_ns + NS_PER_S;
	chains_expire(s, now_ns);
}

void shorts_flush(struct shorts *s)
{
	threads_drop(s, ~0ULL);
	while (s->waiting)
		put_first_waiting(s);
}

void shorts_free(struct shorts *s)
{
	if (!s)
		return;
	for (int i = 0; i < THREAD_BUCKETS; i++)
		while (s->thread[i]) {
			struct thread *t = s->thread[i];

			s->thread[i] = t->next;
			while (t->depth)
				free(t->frame[--t->depth].chain.held);
			free(t->chain.held);
			free(t);
		}
	while (s->waiting) {
		struct waiting *w = s->waiting;

		s->waiting = w->next;
		free(w->f);
		free(w);
	}
	free(s->inode);
	free(s);
}

const struct short_count *shorts_counts(const struct shorts *s)
{
	return s->count;
}

void shorts_reset_counts(struct shorts *s)
{
	memset(s->count, 0, sizeof(s->count));
}

/* ---- words --------------------------------------------------------------- */

static void add_reason(struct text *t, const char *reason)
{
	text_printf(t, "%s%s", t->len ? ", " : "", reason);
}

char *short_sent_text(char *buf, size_t size, const struct fi_record *end)
{
	struct text t = { 0 };

	if (!(end->flags & FI_F_SENT)) {
		snprintf(buf, size, "%s", end->flags & FI_F_UNSURE ? "not sent, or not seen" :
			 end->written >= (__s64)end->count ? "not sent: nothing to tell" :
			 "not sent: the server has none (ENOSYS)");
		return buf;
	}
	if (end->written < (__s64)end->count)
		add_reason(&t, "short");
	if (end->read.flags & FUSE_IOMAP_F_SIZE_CHANGED)
		add_reason(&t, "size changed");
	if (end->read.flags & FUSE_IOMAP_F_WANT_IOMAP_END)
		add_reason(&t, "asked for");
	snprintf(buf, size, "sent: %s", t.len ? t.s : "unknown why");
	text_free(&t);
	return buf;
}

char *short_cause_text(char *buf, size_t size, const struct finding *f)
{
	static const struct {
		const char *format;	/* %s: the error by name */
		const char *no_error;
	} words[SHORT_CAUSES] = {
		[SHORT_FAULT] = { "fault while copying", "fault while copying" },
		[SHORT_NEXT] = { "%s on the next mapping", "no next mapping" },
		[SHORT_REFUSED] = { "next mapping refused", "next mapping refused" },
		[SHORT_IO_ERROR] = { "I/O error (%s)", "I/O error" },
		[SHORT_SIGNAL] = { "signal", "signal" },
		[SHORT_MAPPING_ENDED] = { "mapping ended early", "mapping ended early" },
		[SHORT_STALE] = { "stale mapping, done again", "stale mapping, done again" },
		[SHORT_RESUMED] = { "resumed", "the rest came next" },
		[SHORT_SERVER] = { "%s from the server to END", "error of the server" },
		[SHORT_UNKNOWN] = { "unknown (%s)", "unknown" },
	};
	char error[32];

	if (f->error)
		snprintf(buf, size, words[f->cause].format,
			 errno_text(error, sizeof(error), f->error));
	else
		snprintf(buf, size, "%s", words[f->cause].no_error);
	return buf;
}
