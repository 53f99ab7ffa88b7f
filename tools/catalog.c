// SPDX-License-Identifier: GPL-2.0-only
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"

/*
 * One search tree per kind. A node starts with its key, so that all trees share
 * the functions below.
 */
struct node {
	__u64 key[2];
	union {
		struct mount mount;
		struct file file;
		struct task task;
		struct stack stack;
	};
};

#define CATALOG_KINDS	(CATALOG_STACK + 1)

struct catalog {
	void *tree[CATALOG_KINDS];
	void *old[CATALOG_KINDS];	/* of files and tasks: the generation before */
	size_t n[CATALOG_KINDS];	/* in the tree */
	size_t bound;			/* of a generation; 0: none */
	struct mount **mount;	/* those of the tree, by dev */
	size_t nr_mounts;
	catalog_listener listener;
	void *ctx;
};

static int node_cmp(const void *pa, const void *pb)
{
	const struct node *a = pa, *b = pb;

	for (int i = 0; i < 2; i++)
		if (a->key[i] != b->key[i])
			return a->key[i] < b->key[i] ? -1 : 1;
	return 0;
}

struct catalog *catalog_new(void)
{
	return xcalloc(1, sizeof(struct catalog));
}

void catalog_bound(struct catalog *c, size_t n)
{
	c->bound = n;
}

static struct node *find_in(void *const *tree, __u64 a, __u64 b)
{
	struct node key = { .key = { a, b } };
	struct node **found = tfind(&key, tree, node_cmp);

	return found ? *found : NULL;
}

static struct node *find(const struct catalog *c, enum catalog_kind kind, __u64 a, __u64 b)
{
	struct node *n = find_in(&c->tree[kind], a, b);

	return n ? n : find_in(&c->old[kind], a, b);
}

static void free_node(struct node *n, enum catalog_kind kind)
{
	switch (kind) {
	case CATALOG_MOUNT:
		free(n->mount.target);
		free(n->mount.source);
		free(n->mount.fstype);
		free(n->mount.server_comm);
		break;
	case CATALOG_FILE:
		free(n->file.path);
		break;
	case CATALOG_STACK:
		free(n->stack.frames);
		break;
	case CATALOG_TASK:
		break;
	}
	free(n);
}

static void tree_free(void **tree, enum catalog_kind kind)
{
	while (*tree) {
		struct node *n = *(struct node **)*tree;

		tdelete(n, tree, node_cmp);
		free_node(n, kind);
	}
}

/* Where the younger generation is full, it becomes the older one, which is forgotten. */
static void put(struct catalog *c, enum catalog_kind kind, struct node *n)
{
	if (c->bound && c->n[kind] >= c->bound &&
	    (kind == CATALOG_FILE || kind == CATALOG_TASK)) {
		tree_free(&c->old[kind], kind);
		c->old[kind] = c->tree[kind];
		c->tree[kind] = NULL;
		c->n[kind] = 0;
	}
	if (!tsearch(n, &c->tree[kind], node_cmp))
		abort();
	c->n[kind]++;
}

static struct node *insert(struct catalog *c, enum catalog_kind kind, __u64 a, __u64 b)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->key[0] = a;
	n->key[1] = b;
	put(c, kind, n);
	return n;
}

/* As find(), and what is found is of the younger generation from now on. */
static struct node *use(struct catalog *c, enum catalog_kind kind, __u64 a, __u64 b)
{
	struct node *n = find_in(&c->tree[kind], a, b);

	if (n)
		return n;
	n = find_in(&c->old[kind], a, b);
	if (n) {
		tdelete(n, &c->old[kind], node_cmp);
		put(c, kind, n);
	}
	return n;
}

static void tell(struct catalog *c, enum catalog_kind kind, const struct node *n)
{
	if (c->listener)
		c->listener(c->ctx, kind, &n->mount);
}

/* Replaces a string; true if it was another one. */
static bool set(char **to, const char *s)
{
	if (*to && !strcmp(*to, s ? s : ""))
		return false;
	free(*to);
	*to = strdup(s ? s : "");
	if (!*to)
		abort();
	return true;
}

/* ---- freeing and listening ------------------------------------------------ */

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	for (int kind = 0; kind < CATALOG_KINDS; kind++) {
		tree_free(&c->tree[kind], kind);
		tree_free(&c->old[kind], kind);
	}
	free(c->mount);
	free(c);
}

struct walk {
	struct catalog *c;
	enum catalog_kind kind;
};

static void tell_one(const void *at, VISIT which, void *ctx)
{
	const struct walk *w = ctx;

	if (which == postorder || which == leaf)
		tell(w->c, w->kind, *(struct node *const *)at);
}

void catalog_listen(struct catalog *c, catalog_listener fn, void *ctx)
{
	c->listener = fn;
	c->ctx = ctx;
	if (!fn)
		return;
	for (int kind = 0; kind < CATALOG_KINDS; kind++) {
		twalk_r(c->old[kind], tell_one, &(struct walk){ c, kind });
		twalk_r(c->tree[kind], tell_one, &(struct walk){ c, kind });
	}
}

/* ---- adding --------------------------------------------------------------- */

static void list_mount(struct catalog *c, struct mount *m)
{
	size_t i = c->nr_mounts++;

	c->mount = xrealloc(c->mount, c->nr_mounts * sizeof(*c->mount));
	for (; i > 0 && c->mount[i - 1]->dev > m->dev; i--)
		c->mount[i] = c->mount[i - 1];
	c->mount[i] = m;
}

void catalog_add_mount(struct catalog *c, const struct mount *m)
{
	struct node *n = find(c, CATALOG_MOUNT, m->dev, 0);
	bool changed = !n;

	if (!n) {
		n = insert(c, CATALOG_MOUNT, m->dev, 0);
		n->mount.dev = m->dev;
		list_mount(c, &n->mount);
	}
	changed |= n->mount.gone != m->gone || n->mount.server_pid != m->server_pid;
	n->mount.gone = m->gone;
	n->mount.server_pid = m->server_pid;
	changed |= set(&n->mount.target, m->target);
	changed |= set(&n->mount.source, m->source);
	changed |= set(&n->mount.fstype, m->fstype);
	changed |= set(&n->mount.server_comm, m->server_comm);
	if (changed)
		tell(c, CATALOG_MOUNT, n);
}

void catalog_add_file(struct catalog *c, const struct file *f)
{
	struct node *n = use(c, CATALOG_FILE, f->dev, f->ino);
	bool changed = !n;

	if (!n) {
		n = insert(c, CATALOG_FILE, f->dev, f->ino);
		n->file.dev = f->dev;
		n->file.ino = f->ino;
	}
	changed |= n->file.nodeid != f->nodeid || n->file.whole != f->whole;
	n->file.nodeid = f->nodeid;
	n->file.whole = f->whole;
	changed |= set(&n->file.path, f->path);
	if (changed)
		tell(c, CATALOG_FILE, n);
}

/* A leader that does no I/O itself still has a name to show. */
static void add_leader(struct catalog *c, const struct task *t)
{
	struct task leader = { .tid = t->pid, .pid = t->pid };

	if (t->pid == t->tid || !t->pid || !t->process[0] || find(c, CATALOG_TASK, t->pid, 0))
		return;
	memcpy(leader.comm, t->process, sizeof(leader.comm));
	memcpy(leader.process, t->process, sizeof(leader.process));
	catalog_add_task(c, &leader);
}

void catalog_add_task(struct catalog *c, const struct task *t)
{
	struct node *n = use(c, CATALOG_TASK, t->tid, 0);

	if (!n)
		n = insert(c, CATALOG_TASK, t->tid, 0);
	else if (n->task.pid == t->pid && !strcmp(n->task.comm, t->comm) &&
		 !strcmp(n->task.process, t->process))
		return;
	n->task = *t;
	tell(c, CATALOG_TASK, n);
	add_leader(c, t);
}

void catalog_add_stack(struct catalog *c, const struct stack *s)
{
	struct node *n = find(c, CATALOG_STACK, s->id, 0);
	bool changed = !n;

	if (!n)
		n = insert(c, CATALOG_STACK, s->id, 0);
	n->stack.id = s->id;
	n->stack.user = s->user;
	changed |= set(&n->stack.frames, s->frames);
	if (changed)
		tell(c, CATALOG_STACK, n);
}

/* Components come from the last one up; what is beyond a bad length is ignored. */
void catalog_add_fi_file(struct catalog *c, const struct fi_file_key *key,
			 const struct fi_file *f)
{
	char path[FI_PATH_LEN + 1] = "";
	size_t len = f->len < FI_PATH_LEN ? f->len : FI_PATH_LEN;
	size_t to = FI_PATH_LEN, from = 0;

	while (from < len) {
		size_t n = strnlen(f->path + from, len - from);

		if (!n)
			break;
		if (to < FI_PATH_LEN)
			path[--to] = '/';
		to -= n;
		memcpy(path + to, f->path + from, n);
		from += n + 1;
	}
	catalog_add_file(c, &(struct file){ .dev = key->dev, .ino = key->ino,
					    .nodeid = f->nodeid, .whole = f->whole,
					    .path = path + to });
}

void catalog_add_fi_task(struct catalog *c, __u32 tid, const struct fi_task *f)
{
	struct task t = { .tid = tid, .pid = f->pid };

	memcpy(t.comm, f->comm, FI_COMM_LEN);
	memcpy(t.process, f->process, FI_COMM_LEN);
	catalog_add_task(c, &t);
}

/* ---- looking up ----------------------------------------------------------- */

const struct mount *catalog_mount(const struct catalog *c, __u32 dev)
{
	const struct node *n = find(c, CATALOG_MOUNT, dev, 0);

	return n ? &n->mount : NULL;
}

const struct file *catalog_file(const struct catalog *c, __u32 dev, __u64 ino)
{
	const struct node *n = find(c, CATALOG_FILE, dev, ino);

	return n ? &n->file : NULL;
}

const struct task *catalog_task(const struct catalog *c, __u32 tid)
{
	const struct node *n = find(c, CATALOG_TASK, tid, 0);

	return n ? &n->task : NULL;
}

const struct file *catalog_use_file(struct catalog *c, __u32 dev, __u64 ino)
{
	const struct node *n = use(c, CATALOG_FILE, dev, ino);

	return n ? &n->file : NULL;
}

const struct task *catalog_use_task(struct catalog *c, __u32 tid)
{
	const struct node *n = use(c, CATALOG_TASK, tid, 0);

	return n ? &n->task : NULL;
}

const struct stack *catalog_stack(const struct catalog *c, __s32 id)
{
	const struct node *n = find(c, CATALOG_STACK, id, 0);

	return n ? &n->stack : NULL;
}

size_t catalog_mounts(const struct catalog *c, const struct mount ***list)
{
	*list = (const struct mount **)c->mount;
	return c->nr_mounts;
}

char *catalog_mount_name(const struct catalog *c, __u32 dev, char *buf, size_t size)
{
	const struct mount *m = catalog_mount(c, dev);

	if (m)
		put_str(BOUNDED(buf, size), m->target);
	else
		snprintf(buf, size, "dev %u:%u", DEV_MAJOR(dev), DEV_MINOR(dev));
	return buf;
}

char *catalog_file_name(const struct catalog *c, __u32 dev, __u64 ino, char *buf, size_t size)
{
	const struct file *f = catalog_file(c, dev, ino);
	struct bounded *b = BOUNDED(buf, size);

	if (f && f->path[0]) {
		put_str(b, f->whole ? "" : ".../");
		put_str(b, f->path);
	} else {
		put_str(b, "#");
		put_u64(b, ino, 1);
	}
	return buf;
}

char *catalog_file_path(const struct catalog *c, __u32 dev, __u64 ino, char *buf, size_t size)
{
	char name[FI_PATH_LEN + 8], mount[256];
	struct bounded *b = BOUNDED(buf, size);

	put_str(b, catalog_mount_name(c, dev, mount, sizeof(mount)));
	catalog_file_name(c, dev, ino, name, sizeof(name));
	put_str(b, name[0] == '#' ? " " : "/");
	put_str(b, name);
	return buf;
}
