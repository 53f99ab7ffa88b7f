// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/fuse.h>

#include "error.h"
#include "events.h"
#include "mounts.h"
#include "privilege.h"
#include "waiting.h"
/* Needs the shared header before it. */
#include "inflight.skel.h"

/* A list that broke off is looked at again; what hangs is found each time. */
#define TRIES		5

const char *const waits_name[FI_WAITS] = {
	[FI_WAITS_HELD] = "held",
	[FI_WAITS_QUEUED] = "queued",
	[FI_WAITS_TAKEN] = "taken",
	[FI_WAITS_SERVER] = "server",
	[FI_WAITS_ANSWER] = "answer",
	[FI_WAITS_WAKEUP] = "wakeup",
	[FI_WAITS_KERNEL] = "kernel",
	[FI_WAITS_UNKNOWN] = "unknown",
};

/* A thread in an upcall that tells nothing but that: how long we know of it. */
struct sighting {
	__u32 tid;
	__u64 switches;
	__u64 since_ns;
};

struct known_file {
	struct fi_wait_file_key key;
	__u64 ino;
	__u64 isize;
	char path[FI_WAIT_PATH_LEN];
};

struct waiting_source {
	struct source base;
	struct inflight *skel;	/* NULL: go by /proc */
	struct ring_buffer *ring;
	struct waitings found;
	struct waitings unlisted;	/* not in the kernel's lists, see find_unlisted() */
	struct known_file *file;	/* of the reading that is being made */
	size_t nr_files;
	struct sighting *seen;
	size_t nr_seen;
	__u64 now_ns;
};

static struct waiting_source *of(const struct source *s)
{
	return (struct waiting_source *)s;
}

static __u64 now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- what a request says of itself ---------------------------------------- */

char *opcode_text(char *buf, size_t size, __u32 opcode)
{
	static const char *const names[] = {
		[FUSE_LOOKUP] = "lookup", [FUSE_FORGET] = "forget", [FUSE_GETATTR] = "getattr",
		[FUSE_SETATTR] = "setattr", [FUSE_READLINK] = "readlink",
		[FUSE_SYMLINK] = "symlink", [FUSE_MKNOD] = "mknod", [FUSE_MKDIR] = "mkdir",
		[FUSE_UNLINK] = "unlink", [FUSE_RMDIR] = "rmdir", [FUSE_RENAME] = "rename",
		[FUSE_LINK] = "link", [FUSE_OPEN] = "open", [FUSE_READ] = "read",
		[FUSE_WRITE] = "write", [FUSE_STATFS] = "statfs", [FUSE_RELEASE] = "release",
		[FUSE_FSYNC] = "fsync", [FUSE_SETXATTR] = "setxattr",
		[FUSE_GETXATTR] = "getxattr", [FUSE_LISTXATTR] = "listxattr",
		[FUSE_REMOVEXATTR] = "removexattr", [FUSE_FLUSH] = "flush", [FUSE_INIT] = "init",
		[FUSE_OPENDIR] = "opendir", [FUSE_READDIR] = "readdir",
		[FUSE_RELEASEDIR] = "releasedir", [FUSE_FSYNCDIR] = "fsyncdir",
		[FUSE_GETLK] = "getlk", [FUSE_SETLK] = "setlk", [FUSE_SETLKW] = "setlkw",
		[FUSE_ACCESS] = "access", [FUSE_CREATE] = "create",
		[FUSE_INTERRUPT] = "interrupt", [FUSE_BMAP] = "bmap", [FUSE_DESTROY] = "destroy",
		[FUSE_IOCTL] = "ioctl", [FUSE_POLL] = "poll", [FUSE_NOTIFY_REPLY] = "notify-reply",
		[FUSE_BATCH_FORGET] = "batch-forget", [FUSE_FALLOCATE] = "fallocate",
		[FUSE_READDIRPLUS] = "readdirplus", [FUSE_RENAME2] = "rename2",
		[FUSE_LSEEK] = "lseek", [FUSE_COPY_FILE_RANGE] = "copy-file-range",
		[FUSE_SETUPMAPPING] = "setupmapping", [FUSE_REMOVEMAPPING] = "removemapping",
		/* Newer than the headers of the oldest system that this builds on. */
		[50] = "syncfs", [51] = "tmpfile", [52] = "statx", [53] = "copy-file-range-64",
	};

	if (opcode < sizeof(names) / sizeof(names[0]) && names[opcode])
		snprintf(buf, size, "%s", names[opcode]);
	else if (opcode == FUSE_IOMAP_CONFIG)
		snprintf(buf, size, "iomap-config");
	else
		snprintf(buf, size, "opcode %u", opcode);
	return buf;
}

static void set_range(struct waiting *w, __u64 pos, __u64 count)
{
	w->ranged = true;
	w->pos = pos;
	w->count = count;
}

static void decode_begin(struct waiting *w, __u64 isize)
{
	const struct fuse_iomap_begin_in *in = &w->r.in.begin;

	w->opflags = in->opflags;
	w->op = fi_op_of_begin(in->opflags, in->pos, in->count, isize);
	w->ino = in->attr_ino;
	set_range(w, in->pos, in->count);
}

/* Its BEGIN saw the size as it was then; now it may have grown to its end. */
static void decode_end(struct waiting *w, __u64 isize)
{
	const struct fuse_iomap_end_in *in = &w->r.in.end;

	w->opflags = in->opflags;
	w->op = fi_op_of_begin(in->opflags, in->pos, in->count, isize);
	if (in->map.flags & FUSE_IOMAP_F_SIZE_CHANGED)
		w->op = w->op == FI_WRITE ? FI_APPEND :
			w->op == FI_WRITE_DIRECT ? FI_APPEND_DIRECT : w->op;
	w->ino = in->attr_ino;
	set_range(w, in->pos, in->count);
}

static void decode_ioend(struct waiting *w, __u64 isize)
{
	const struct fuse_iomap_ioend_in *in = &w->r.in.ioend;

	w->opflags = in->flags;
	w->op = fi_op_of_ioend(in->flags);
	w->ino = in->attr_ino;
	set_range(w, in->pos, in->written);
}

static void decode_rw(struct waiting *w, __u64 isize)
{
	set_range(w, w->r.in.rw.offset, w->r.in.rw.size);
}

static const struct decoder {
	__u32 opcode;
	__u8  kind;
	__u16 in_len;
	void (*decode)(struct waiting *w, __u64 isize);
} decoders[] = {
	{ FUSE_IOMAP_BEGIN, FI_BEGIN, sizeof(struct fuse_iomap_begin_in), decode_begin },
	{ FUSE_IOMAP_END, FI_END, sizeof(struct fuse_iomap_end_in), decode_end },
	{ FUSE_IOMAP_IOEND, FI_IOEND, sizeof(struct fuse_iomap_ioend_in), decode_ioend },
	{ FUSE_READ, WAITING_OTHER, 20, decode_rw },
	{ FUSE_WRITE, WAITING_OTHER, 20, decode_rw },
};

void waiting_decode(struct waiting *w, __u64 isize)
{
	w->kind = WAITING_OTHER;
	w->ranged = w->op_known = false;
	for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++) {
		const struct decoder *d = &decoders[i];

		if (w->r.opcode != d->opcode)
			continue;
		w->kind = d->kind;
		if (w->r.in_len < d->in_len)
			return;
		d->decode(w, isize);
		w->op_known = d->kind != WAITING_OTHER;
	}
}

/* ---- the list ------------------------------------------------------------- */

static struct waiting *add_waiting(struct waitings *l)
{
	l->w = xrealloc(l->w, (l->n + 1) * sizeof(*l->w));
	l->w[l->n] = (struct waiting){ 0 };
	return &l->w[l->n++];
}

static void waiting_free(struct waiting *w)
{
	free(w->path);
	proc_task_free(&w->caller);
}

static void waitings_clear(struct waitings *l)
{
	for (size_t i = 0; i < l->n; i++)
		waiting_free(&l->w[i]);
	l->n = l->nr_conns = 0;
	l->missed = 0;
}

void waitings_free(struct waitings *l)
{
	waitings_clear(l);
	free(l->w);
	free(l->conn);
	*l = (struct waitings){ 0 };
}

/* Numbers of requests only grow, so they tell who is older where ages do not. */
static int by_age(const void *pa, const void *pb)
{
	const struct waiting *a = pa, *b = pb;

	if (a->age_known != b->age_known)
		return a->age_known ? -1 : 1;
	if (a->age_ns != b->age_ns)
		return a->age_ns > b->age_ns ? -1 : 1;
	if (a->r.dev != b->r.dev)
		return a->r.dev < b->r.dev ? -1 : 1;
	if (a->r.unique != b->r.unique)
		return a->r.unique < b->r.unique ? -1 : 1;
	return a->r.tid < b->r.tid ? -1 : a->r.tid > b->r.tid;
}

static int by_unique(const void *pa, const void *pb)
{
	const struct waiting *a = pa, *b = pb;

	if (a->r.dev != b->r.dev)
		return a->r.dev < b->r.dev ? -1 : 1;
	if (a->r.unique != b->r.unique)
		return a->r.unique < b->r.unique ? -1 : 1;
	return (int)b->r.waits - (int)a->r.waits;
}

/* One that moved on while we looked was seen twice: it is where it got to. */
static void drop_doubles(struct waitings *l)
{
	size_t n = 0;

	if (l->n)
		qsort(l->w, l->n, sizeof(*l->w), by_unique);
	for (size_t i = 0; i < l->n; i++) {
		const struct waiting *last = n ? &l->w[n - 1] : NULL;

		if (last && last->r.dev == l->w[i].r.dev && last->r.unique == l->w[i].r.unique)
			waiting_free(&l->w[i]);
		else
			l->w[n++] = l->w[i];
	}
	l->n = n;
}

static struct connection *find_connection(const struct waitings *l, __u32 dev)
{
	for (size_t i = 0; i < l->nr_conns; i++)
		if (l->conn[i].dev == dev)
			return &l->conn[i];
	return NULL;
}

static struct connection *add_connection(struct waitings *l, __u32 dev)
{
	struct connection *c = find_connection(l, dev);

	if (c)
		return c;
	l->conn = xrealloc(l->conn, (l->nr_conns + 1) * sizeof(*l->conn));
	c = &l->conn[l->nr_conns++];
	*c = (struct connection){ .dev = dev };
	return c;
}

/* ---- from the kernel's lists ---------------------------------------------- */

/* Of several processes that hold a connection, the oldest is the server. */
static void take_connection(struct waiting_source *s, const struct fi_wait_connection *from)
{
	struct connection *c = add_connection(&s->found, from->dev);

	if (!c->server)
		c->server = from->server;
	c->waiting = from->waiting;
	c->timeout_known = true;
	c->timeout_ns = from->timeout * s->found.tick_ns;
}

static struct known_file *add_file(struct waiting_source *s)
{
	s->file = xrealloc(s->file, (s->nr_files + 1) * sizeof(*s->file));
	return &s->file[s->nr_files++];
}

static void take_open_file(struct waiting_source *s, const struct fi_wait_file *from)
{
	struct known_file *f = add_file(s);

	*f = (struct known_file){ .key = from->key, .ino = from->ino, .isize = from->isize };
	snprintf(f->path, sizeof(f->path), "%s", from->path);
}

static void take_inode(struct waiting_source *s, const struct fi_wait_inode *from)
{
	struct fi_file_key key = { .ino = from->ino, .dev = from->key.dev };
	struct known_file *f = add_file(s);

	*f = (struct known_file){ .key = from->key, .ino = from->ino, .isize = from->isize };
	catalog_add_fi_file(s->base.config.catalog, &key, &from->file);
	if (from->key.nodeid == FUSE_ROOT_ID)
		catalog_mount_name(s->base.config.catalog, key.dev, f->path, sizeof(f->path));
	else
		catalog_file_path(s->base.config.catalog, key.dev, key.ino, f->path,
				  sizeof(f->path));
}

static int on_item(void *ctx, void *data, size_t size)
{
	struct waiting_source *s = ctx;

	switch (*(__u32 *)data) {
	case FI_WAIT_REQUEST:
		add_waiting(&s->found)->r = *(struct fi_wait_request *)data;
		break;
	case FI_WAIT_CONNECTION:
		take_connection(s, data);
		break;
	case FI_WAIT_FILE:
		take_open_file(s, data);
		break;
	case FI_WAIT_INODE:
		take_inode(s, data);
		break;
	}
	return 0;
}

/* Runs a program over all open files. 0 or negative errno. */
static int run_iterator(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int fd, err = 0;
	char buf[64];
	ssize_t n;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
			;
		if (n < 0)
			err = -errno;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

static void clear_map(const struct bpf_map *map, void *key)
{
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, NULL, key) && !bpf_map_delete_elem(fd, key))
		;
}

static int walk_once(struct waiting_source *s)
{
	__u64 owner;
	int err;

	waitings_clear(&s->found);
	clear_map(s->skel->maps.walked, &owner);
	s->skel->bss->torn = s->skel->bss->full = 0;
	err = run_iterator(s->skel->progs.look_at_servers);
	ring_buffer__consume(s->ring);
	s->found.missed = s->skel->bss->torn + s->skel->bss->full;
	return err;
}

/* Sizes and paths of the files: from whoever has them open, else from all inodes. */
static int find_files(struct waiting_source *s)
{
	int fd = bpf_map__fd(s->skel->maps.wanted);
	struct fi_wait_file_key key;
	__u64 owner;
	__u32 one = 1;
	int err;

	s->nr_files = 0;
	if (!s->found.n)
		return 0;
	clear_map(s->skel->maps.wanted, &key);
	for (size_t i = 0; i < s->found.n; i++) {
		const struct fi_wait_request *r = &s->found.w[i].r;

		key = (struct fi_wait_file_key){ .dev = r->dev, .nodeid = r->nodeid };
		/* A full table costs names, nothing else. */
		bpf_map_update_elem(fd, &key, &one, BPF_ANY);
	}
	err = run_iterator(s->skel->progs.look_at_files);
	ring_buffer__consume(s->ring);
	if (err || bpf_map_get_next_key(fd, NULL, &key))
		return err;
	clear_map(s->skel->maps.walked, &owner);
	err = run_iterator(s->skel->progs.look_at_inodes);
	ring_buffer__consume(s->ring);
	return err;
}

static const struct known_file *file_of(const struct waiting_source *s, const struct waiting *w)
{
	for (size_t i = 0; i < s->nr_files; i++)
		if (s->file[i].key.dev == w->r.dev && s->file[i].key.nodeid == w->r.nodeid)
			return &s->file[i];
	return NULL;
}

static void complete_walked(struct waiting_source *s, struct waiting *w)
{
	const struct known_file *f = file_of(s, w);
	__u64 ticks = s->skel->bss->jiffies - w->r.created;

	w->age_known = w->r.created != 0;
	if (w->age_known && (__s64)ticks > 0)
		w->age_ns = ticks * s->found.tick_ns;
	waiting_decode(w, f ? f->isize : ~0ULL);
	if (f && !w->ino)
		w->ino = f->ino;
	if (f && f->path[0])
		w->path = strdup(f->path);
	/* It is between two sleeps: the server's view of it will do. */
	if (!w->r.tid && !(w->r.flags & FI_WAIT_BACKGROUND) && w->r.sender)
		w->r.tid = w->r.sender;
}

/* What hangs is found each time, so a list that broke off is walked again. */
static int walk(struct waiting_source *s)
{
	int err = 0;

	for (int i = 0; i < TRIES && !err; i++) {
		err = walk_once(s);
		if (!s->found.missed)
			break;
	}
	drop_doubles(&s->found);
	return err;
}

/* ---- from /proc ------------------------------------------------------------ */

struct on_stack {
	const char *function;
	const char *under;	/* only if it was called from this, or NULL */
	int what;
};

/* Functions of the posted series and of ours; which are inlined is up to the compiler. */
static const struct on_stack sleeps[] = {
	{ "request_wait_answer" }, { "__fuse_request_send" }, { "fuse_chan_send" },
	{ "__fuse_simple_request" }, { "fuse_simple_request" },
};

static const struct on_stack stack_kinds[] = {
	{ "fuse_iomap_send_begin", NULL, FI_BEGIN }, { "fuse_iomap_ops_begin", NULL, FI_BEGIN },
	{ "fuse_iomap_begin", NULL, FI_BEGIN },
	{ "fuse_iomap_send_end", NULL, FI_END }, { "fuse_iomap_ops_end", NULL, FI_END },
	{ "fuse_iomap_ops_finish", NULL, FI_END }, { "fuse_iomap_end", NULL, FI_END },
	{ "fuse_iomap_send_ioend", NULL, FI_IOEND }, { "fuse_iomap_ioend", NULL, FI_IOEND },
};

static const struct on_stack stack_ops[] = {
	{ "iomap_zero_range", NULL, FI_ZERO }, { "iomap_fiemap", NULL, FI_REPORT },
	{ "iomap_seek_hole", NULL, FI_REPORT }, { "iomap_seek_data", NULL, FI_REPORT },
	{ "iomap_page_mkwrite", NULL, FI_FAULT }, { "iomap_file_unshare", NULL, FI_UNSHARE },
	{ "iomap_writepages", NULL, FI_WRITEBACK },
	{ "fuse_iomap_end_ioends", NULL, FI_WRITEBACK },
	{ "iomap_readahead", NULL, FI_READ }, { "iomap_read_folio", NULL, FI_READ },
	{ "iomap_file_buffered_write", NULL, FI_WRITE },
	{ "iomap_dio_rw", "fuse_iomap_read_iter", FI_READ_DIRECT },
	{ "iomap_dio_rw", "fuse_iomap_direct_read", FI_READ_DIRECT },
	{ "iomap_dio_rw", "fuse_iomap_write_iter", FI_WRITE_DIRECT },
	{ "iomap_dio_rw", "fuse_iomap_direct_write", FI_WRITE_DIRECT },
	{ "iomap_dio_complete_work", NULL, FI_WRITE_DIRECT },
};

/* The innermost that matches, since operations nest; -1: none. */
static int innermost(const char *stack, const struct on_stack *table, size_t n)
{
	const char *first = NULL;
	int what = -1;

	for (size_t i = 0; i < n; i++) {
		const char *at = proc_stack_find(stack, table[i].function);

		if (!at || (first && at >= first))
			continue;
		if (table[i].under && !proc_stack_find(at, table[i].under))
			continue;
		first = at;
		what = table[i].what;
	}
	return what;
}

#define INNERMOST(stack, table)	innermost(stack, table, sizeof(table) / sizeof((table)[0]))

int waiting_kind_of_stack(const char *stack, int *op)
{
	int kind;

	*op = -1;
	if (INNERMOST(stack, sleeps) < 0)
		return -1;
	kind = INNERMOST(stack, stack_kinds);
	if (kind < 0)
		return WAITING_OTHER;
	*op = INNERMOST(stack, stack_ops);
	return kind;
}

/* How long a thread is known to have been in this very wait. */
static __u64 known_since(struct waiting_source *s, const struct proc_task *t)
{
	struct sighting *seen;

	for (size_t i = 0; i < s->nr_seen; i++) {
		seen = &s->seen[i];
		if (seen->tid != t->tid)
			continue;
		if (seen->switches != t->switches) {
			seen->switches = t->switches;
			seen->since_ns = s->now_ns;
		}
		return seen->since_ns;
	}
	s->seen = xrealloc(s->seen, (s->nr_seen + 1) * sizeof(*s->seen));
	seen = &s->seen[s->nr_seen++];
	*seen = (struct sighting){ t->tid, t->switches, s->now_ns };
	return seen->since_ns;
}

static bool is_listed(const struct waitings *l, __u32 tid)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->w[i].r.tid == tid)
			return true;
	return false;
}

static void take_file(struct waiting *w)
{
	struct proc_io io;

	if (!proc_io_read(&io, w->r.tid))
		return;
	w->path = strdup(io.path);
	w->ino = io.ino;
	w->r.dev = mounts_dev_of_id(io.mount_id);
	/* Of the whole call, which may take many upcalls. */
	if (io.ranged)
		set_range(w, io.pos, io.count);
}

/* Threads in an upcall that the lists do not have: all, if nobody walked them. */
static void look_at_thread(void *ctx, __u32 pid, __u32 tid)
{
	struct waiting_source *s = ctx;
	struct proc_task t = { 0 };
	struct waiting *w;
	int kind = -1, op;

	if (!is_listed(&s->found, tid) && proc_task_read(&t, tid) && t.stack.len)
		kind = waiting_kind_of_stack(t.stack.s, &op);
	if (kind < 0) {
		proc_task_free(&t);
		return;
	}
	w = add_waiting(&s->unlisted);
	w->kind = kind;
	w->op_known = op >= 0;
	w->op = op >= 0 ? op : 0;
	w->r.pid = t.pid;
	w->r.tid = tid;
	w->r.waits = s->skel || t.state == 'R' ? FI_WAITS_WAKEUP : FI_WAITS_UNKNOWN;
	memcpy(w->r.comm, t.comm, sizeof(w->r.comm));
	w->age_ns = s->now_ns - known_since(s, &t);
	w->age_known = w->age_least = w->age_ns != 0;
	w->caller = t;
	take_file(w);
}

static bool is_still_there(const struct waiting *w)
{
	struct proc_task t = { 0 };
	int op;
	bool same = proc_task_read(&t, w->r.tid) && t.switches == w->caller.switches &&
		    t.stack.len && waiting_kind_of_stack(t.stack.s, &op) >= 0;

	proc_task_free(&t);
	return same;
}

/*
 * A thread without a request has been answered, or is about to make one, or made
 * one since the lists were walked. So they are walked again: who has no request
 * then, and is still in the same sleep, has been answered.
 */
static int find_unlisted(struct waiting_source *s)
{
	struct waitings *l = &s->unlisted;
	size_t n = 0;
	int err;

	waitings_clear(l);
	proc_each_thread(0, look_at_thread, s);
	if (!s->skel || !l->n)
		return 0;
	err = walk(s);
	for (size_t i = 0; i < l->n; i++) {
		if (is_listed(&s->found, l->w[i].r.tid) || !is_still_there(&l->w[i]))
			waiting_free(&l->w[i]);
		else
			l->w[n++] = l->w[i];
	}
	l->n = n;
	return err;
}

static void append_unlisted(struct waiting_source *s)
{
	for (size_t i = 0; i < s->unlisted.n; i++)
		*add_waiting(&s->found) = s->unlisted.w[i];
	s->unlisted.n = 0;
}

static void find_servers(struct waiting_source *s)
{
	struct catalog *c = s->base.config.catalog;
	const struct mount **list;
	size_t n;

	mounts_find_servers(c);
	n = catalog_mounts(c, &list);
	for (size_t i = 0; i < n; i++)
		if (!list[i]->gone)
			add_connection(&s->found, list[i]->dev)->server = list[i]->server_pid;
}

/* ---- the source ------------------------------------------------------------ */

static int by_dev(const void *pa, const void *pb)
{
	const struct connection *a = pa, *b = pb;

	return a->dev < b->dev ? -1 : a->dev > b->dev;
}

static void read_callers(struct waitings *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->w[i].r.tid && !l->w[i].caller.state)
			proc_task_read(&l->w[i].caller, l->w[i].r.tid);
}

/* The ledger of a moment: all that has begun is in flight. */
static void fill_snapshot(struct waiting_source *s, struct snapshot *to)
{
	snapshot_clear(to);
	to->time_ns = s->now_ns;
	to->ledger.raw_lost = s->found.missed;
	for (size_t i = 0; i < s->found.n; i++) {
		if (s->found.w[i].kind >= FI_KINDS)
			continue;
		to->ledger.begun[s->found.w[i].kind]++;
		to->ledger.in_flight[s->found.w[i].kind]++;
	}
}

static int waiting_read(struct source *base, struct snapshot *to)
{
	struct waiting_source *s = of(base);
	int err = 0;

	s->now_ns = now_ns(CLOCK_MONOTONIC);
	waitings_clear(&s->found);
	if (s->skel)
		err = walk(s);
	if (!err)
		err = find_unlisted(s);
	if (!err && s->skel)
		err = find_files(s);
	if (err)
		return err;
	for (size_t i = 0; s->skel && i < s->found.n; i++)
		complete_walked(s, &s->found.w[i]);
	append_unlisted(s);
	find_servers(s);
	read_callers(&s->found);
	if (s->found.n)
		qsort(s->found.w, s->found.n, sizeof(*s->found.w), by_age);
	if (s->found.nr_conns)
		qsort(s->found.conn, s->found.nr_conns, sizeof(*s->found.conn), by_dev);
	fill_snapshot(s, to);
	return 0;
}

const struct waitings *waiting_found(const struct source *s)
{
	return &of(s)->found;
}

static int start(struct source *base)
{
	base->info.start_ns = now_ns(CLOCK_MONOTONIC);
	base->info.start_wall_ns = now_ns(CLOCK_REALTIME);
	return 0;
}

/* A moment is over when it has been read. */
static void stop(struct source *base)
{
}

static void close_source(struct source *base)
{
	struct waiting_source *s = of(base);

	ring_buffer__free(s->ring);
	inflight__destroy(s->skel);
	waitings_free(&s->found);
	waitings_free(&s->unlisted);
	free(s->file);
	free(s->seen);
	free(s);
}

static int load(struct waiting_source *s)
{
	struct timespec ts = { 0 };

	/* Its types are not there, either. */
	if (!fuse_is_there())
		return -ENODEV;
	libbpf_talks(s->base.config.verbose);
	s->skel = inflight__open_and_load();
	if (!s->skel)
		return -errno;
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.items), on_item, s, NULL);
	if (!s->ring) {
		int err = -errno;

		inflight__destroy(s->skel);
		s->skel = NULL;
		return err;
	}
	/* A tick of this clock is one of jiffies. */
	clock_getres(CLOCK_MONOTONIC_COARSE, &ts);
	s->found.tick_ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	s->found.walked = true;
	return 0;
}

struct sleepers {
	size_t n;
	size_t shown;	/* of those, the ones that have a stack */
};

static void count_sleeper(void *ctx, __u32 pid, __u32 tid)
{
	struct sleepers *s = ctx;
	struct proc_task t = { 0 };

	/* One that shows where it sleeps is enough to know. */
	if (!s->shown && proc_task_read(&t, tid) && (t.state == 'S' || t.state == 'D')) {
		s->n++;
		s->shown += t.stack.len != 0;
	}
	proc_task_free(&t);
}

/*
 * The file may be there and empty, on an architecture that cannot unwind the stack of
 * another thread: then nobody would be found waiting, whatever waits.
 */
static bool stacks_are_shown(void)
{
	struct sleepers s = { 0 };

	proc_each_thread(0, count_sleeper, &s);
	return !s.n || s.shown;
}

static int pick_backend(struct waiting_source *s)
{
	enum backend want = s->base.config.backend;
	int err = want == BACKEND_FTRACE ? -EOPNOTSUPP : load(s);

	if (!err)
		return 0;
	if (want == BACKEND_BPF && err == -ENODEV)
		return no_fuse();
	if (want == BACKEND_BPF)
		return err == -EPERM || !may_load() || !may_trace() ?
			complain(FI_NO_PRIVILEGE,
				 "not allowed to load BPF programs; run as root, or with CAP_BPF and CAP_PERFMON (see: fuseiomap doctor)") :
			complain(FI_FAILED, "cannot load the BPF programs: %s (-v shows why)",
				 strerror(-err));
	if (!may_see_stacks())
		return complain(FI_NO_PRIVILEGE,
				"not allowed to see what threads wait for; run as root, or with CAP_SYS_ADMIN and CAP_SYS_PTRACE, outside of user namespaces");
	if (access("/proc/self/stack", F_OK))
		return complain(FI_FAILED,
				"this kernel does not show where threads sleep; it needs CONFIG_STACKTRACE=y");
	if (!stacks_are_shown())
		return complain(FI_FAILED,
				"this kernel does not show where threads sleep, so what waits cannot be found: each /proc/PID/stack is empty, as in user-mode Linux; it needs %s",
				want == BACKEND_FTRACE ? "--backend bpf, or another kernel" :
							 "BPF, or another kernel");
	s->found.no_bpf = want == BACKEND_AUTO ? err : 0;
	return 0;
}

static int open_source(struct source **sp, const struct source_config *config)
{
	struct waiting_source *s = xcalloc(1, sizeof(*s));
	struct utsname u;
	int err;

	s->base.ops = &source_waiting;
	s->base.config = *config;
	*sp = &s->base;
	err = pick_backend(s);
	if (err)
		return err;
	uname(&u);
	snprintf(s->base.info.backend, sizeof(s->base.info.backend), "%s",
		 s->skel ? "bpf" : "proc");
	snprintf(s->base.info.kernel, sizeof(s->base.info.kernel), "%s", u.release);
	snprintf(s->base.info.host, sizeof(s->base.info.host), "%s", u.nodename);
	return 0;
}

const struct source_ops source_waiting = {
	.name = "waiting",
	.open = open_source,
	.start = start,
	.stop = stop,
	.read = waiting_read,
	.close = close_source,
};

/* ---- from a recording ------------------------------------------------------ */

void waitings_of_snapshot(struct waitings *to, const struct snapshot *s,
			  const struct catalog *c)
{
	char path[512];

	waitings_clear(to);
	for (size_t i = 0; i < s->nr_open; i++) {
		const struct fi_open *o = &s->open[i];
		struct waiting *w = add_waiting(to);

		w->r.dev = o->dev;
		w->r.pid = o->pid;
		w->r.tid = o->tid;
		w->r.waits = o->send_ns ? FI_WAITS_UNKNOWN : FI_WAITS_KERNEL;
		memcpy(w->r.comm, o->comm, sizeof(w->r.comm));
		w->kind = o->kind;
		w->op = o->op;
		w->op_known = true;
		w->ino = o->ino;
		w->age_known = true;
		w->age_ns = s->time_ns > o->start_ns ? s->time_ns - o->start_ns : 0;
		if (o->kind != FI_IOEND)
			set_range(w, o->pos, o->count);
		w->path = strdup(catalog_file_path(c, o->dev, o->ino, path, sizeof(path)));
		add_connection(to, o->dev);
	}
	if (to->n)
		qsort(to->w, to->n, sizeof(*to->w), by_age);
	if (to->nr_conns)
		qsort(to->conn, to->nr_conns, sizeof(*to->conn), by_dev);
}
