// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "model.h"
#include "names.h"
#include "text.h"

/* ---- cells ---------------------------------------------------------------- */

static struct cell *cell_get(struct cell *cell)
{
	cell->users++;
	return cell;
}

void cells_share(struct cells *c, struct cell *cell)
{
	if (c->n == c->size) {
		c->size = c->size ? c->size * 2 : 16;
		c->cell = xrealloc(c->cell, c->size * sizeof(*c->cell));
	}
	c->cell[c->n++] = cell_get(cell);
}

static void cell_put(struct cell *cell)
{
	if (!--cell->users)
		free(cell);
}

struct cell *cells_add(struct cells *c, const struct fi_cell_key *key)
{
	struct cell *cell = xcalloc(1, sizeof(*cell));

	cell->key = *key;
	cells_share(c, cell);
	return cell;
}

static struct cell *cell_own(struct cell **cell)
{
	struct cell *shared = *cell;

	if (shared->users == 1)
		return shared;
	*cell = xrealloc(NULL, sizeof(**cell));
	**cell = *shared;
	(*cell)->users = 1;
	cell_put(shared);
	return *cell;
}

struct cell *cells_own(struct cells *c, size_t i)
{
	return cell_own(&c->cell[i]);
}

void cells_clear(struct cells *c)
{
	for (size_t i = 0; i < c->n; i++)
		cell_put(c->cell[i]);
	c->n = 0;
}

void cells_free(struct cells *c)
{
	cells_clear(c);
	free(c->cell);
	*c = (struct cells){ 0 };
}

void cells_copy(struct cells *to, const struct cells *from)
{
	cells_clear(to);
	for (size_t i = 0; i < from->n; i++)
		cells_share(to, from->cell[i]);
}

#define COMPARE(a, b, field)					\
	do {							\
		if ((a)->field != (b)->field)			\
			return (a)->field < (b)->field ? -1 : 1;	\
	} while (0)

int cell_key_cmp(const struct fi_cell_key *a, const struct fi_cell_key *b)
{
	COMPARE(a, b, dev);
	COMPARE(a, b, ino);
	COMPARE(a, b, pid);
	COMPARE(a, b, tid);
	COMPARE(a, b, kind);
	COMPARE(a, b, op);
	COMPARE(a, b, type);
	COMPARE(a, b, flags);
	return 0;
}

/* For whatever has a key as its first member. */
static int key_cmp(const void *a, const void *b)
{
	return cell_key_cmp(a, b);
}

static int cell_cmp(const void *pa, const void *pb)
{
	const struct cell *const *a = pa, *const *b = pb;

	return cell_key_cmp(&(*a)->key, &(*b)->key);
}

static bool is_sorted(const struct cells *c)
{
	for (size_t i = 1; i < c->n; i++)
		if (cell_cmp(&c->cell[i - 1], &c->cell[i]) > 0)
			return false;
	return true;
}

/* Most lists come in order. */
void cells_sort(struct cells *c)
{
	if (!is_sorted(c))
		qsort(c->cell, c->n, sizeof(*c->cell), cell_cmp);
}

static int key_cell_cmp(const void *key, const void *pcell)
{
	const struct cell *const *cell = pcell;

	return cell_key_cmp(key, &(*cell)->key);
}

struct cell *cells_find(const struct cells *c, const struct fi_cell_key *key)
{
	struct cell **found = c->n ? bsearch(key, c->cell, c->n, sizeof(*c->cell),
					     key_cell_cmp) : NULL;

	return found ? *found : NULL;
}

/*
 * All counters of a cell stand together before the histogram, so that merging
 * and subtracting need no list of them.
 */
#define COUNTERS (offsetof(struct fi_cell, lat) / sizeof(__u64))

void cell_merge(struct fi_cell *to, const struct fi_cell *from)
{
	__u64 *t = &to->done;
	const __u64 *f = &from->done;

	for (size_t i = 0; i < COUNTERS; i++)
		t[i] += f[i];
	if (from->lat.n)
		hist_merge(&to->lat, &from->lat);
}

static void cell_diff(struct fi_cell *to, const struct fi_cell *now,
		      const struct fi_cell *before)
{
	__u64 *t = &to->done;
	const __u64 *n = &now->done, *b = &before->done;

	for (size_t i = 0; i < COUNTERS; i++)
		t[i] = n[i] - b[i];
	hist_diff(&to->lat, &now->lat, &before->lat);
}

/* From *at on: the cell itself or one with its key, or NULL. All before *at are smaller. */
static const struct cell *cells_next(const struct cells *in, size_t *at, const struct cell *c)
{
	for (; *at < in->n; ++*at) {
		int cmp;

		if (in->cell[*at] == c)
			return c;
		cmp = cell_key_cmp(&in->cell[*at]->key, &c->key);
		if (cmp >= 0)
			return cmp ? NULL : in->cell[*at];
	}
	return NULL;
}

/* Whatever happens in a cell, `done` grows. */
void cells_diff(struct cells *to, const struct cells *now, const struct cells *before)
{
	size_t at = 0;

	cells_clear(to);
	for (size_t i = 0; i < now->n; i++) {
		struct cell *c = now->cell[i];
		const struct cell *old = cells_next(before, &at, c);

		if (!old)
			cells_share(to, c);
		else if (old != c && old->v.done != c->v.done)
			cell_diff(&cells_add(to, &c->key)->v, &c->v, &old->v);
	}
}

/* ---- snapshots ------------------------------------------------------------ */

void snapshot_clear(struct snapshot *s)
{
	struct snapshot kept = {
		.open = s->open, .server = s->server, .hists = s->hists,
	};

	cells_clear(&s->cells);
	kept.cells = s->cells;
	*s = kept;
	if (s->hists)
		memset(s->hists, 0, FI_HISTS * sizeof(*s->hists));
}

void snapshot_free(struct snapshot *s)
{
	cells_free(&s->cells);
	free(s->open);
	free(s->server);
	free(s->hists);
	*s = (struct snapshot){ 0 };
}

static void *copy_of(const void *from, size_t size)
{
	return size ? memcpy(xrealloc(NULL, size), from, size) : NULL;
}

void snapshot_copy(struct snapshot *to, const struct snapshot *from)
{
	snapshot_free(to);
	*to = *from;
	to->cells = (struct cells){ 0 };
	cells_copy(&to->cells, &from->cells);
	to->open = copy_of(from->open, from->nr_open * sizeof(*from->open));
	to->server = copy_of(from->server, from->nr_servers * sizeof(*from->server));
	to->hists = copy_of(from->hists, from->hists ? FI_HISTS * sizeof(*from->hists) : 0);
}

void snapshot_add_open(struct snapshot *s, const struct fi_open *o)
{
	s->open = xrealloc(s->open, (s->nr_open + 1) * sizeof(*s->open));
	s->open[s->nr_open++] = *o;
}

void snapshot_add_server(struct snapshot *s, const struct server *v)
{
	s->server = xrealloc(s->server, (s->nr_servers + 1) * sizeof(*s->server));
	s->server[s->nr_servers++] = *v;
}

static int open_cmp(const void *pa, const void *pb)
{
	const struct fi_open *a = pa, *b = pb;

	COMPARE(a, b, start_ns);
	COMPARE(a, b, tid);
	return 0;
}

static int server_cmp(const void *pa, const void *pb)
{
	const struct server *a = pa, *b = pb;

	COMPARE(a, b, key.dev);
	COMPARE(a, b, key.pid);
	COMPARE(a, b, key.tid);
	return 0;
}

void snapshot_sort(struct snapshot *s)
{
	cells_sort(&s->cells);
	if (s->nr_open)
		qsort(s->open, s->nr_open, sizeof(*s->open), open_cmp);
	if (s->nr_servers)
		qsort(s->server, s->nr_servers, sizeof(*s->server), server_cmp);
}

/* ---- rows ----------------------------------------------------------------- */

/* Only the parts of a key that rows are made by. */
static struct fi_cell_key reduce(const struct fi_cell_key *key, unsigned int by)
{
	struct fi_cell_key k = { 0 };

	if (by & BY_MOUNT)
		k.dev = key->dev;
	if (by & BY_FILE) {
		k.ino = key->ino;
		k.flags |= key->flags & FI_KEY_OTHER_FILE;
	}
	if (by & (BY_PROCESS | BY_THREAD)) {
		k.pid = key->pid;
		k.flags |= key->flags & FI_KEY_OTHER_TASK;
	}
	if (by & BY_THREAD)
		k.tid = key->tid;
	if (by & BY_OP)
		k.op = key->op;
	if (by & BY_TYPE)
		k.type = key->type;
	if (by & BY_KIND)
		k.kind = key->kind;
	return k;
}

bool row_matches(const struct row_match *m, const struct fi_cell_key *key)
{
	struct fi_cell_key want, is;

	if (!m || !m->by)
		return true;
	want = reduce(&m->key, m->by);
	is = reduce(key, m->by);
	return !cell_key_cmp(&want, &is);
}

/* A cell or an open operation that goes into a row. */
struct part {
	struct fi_cell_key key;		/* of the row */
	struct cell *cell;		/* NULL: an open operation */
	const struct cell *before;
	__u8 kind;
};

struct parts {
	struct part *part;
	size_t n;
};

/* Cells are in order, and what rows of mounts and files are made by, too. */
static void parts_sort(struct parts *parts)
{
	size_t i = 1;

	while (i < parts->n && key_cmp(&parts->part[i - 1], &parts->part[i]) <= 0)
		i++;
	if (i < parts->n)
		qsort(parts->part, parts->n, sizeof(*parts->part), key_cmp);
}

static void parts_make(struct parts *parts, unsigned int by, const struct row_match *match,
		       const struct snapshot *now, const struct snapshot *before, bool idle)
{
	parts->part = xcalloc(now->cells.n + now->nr_open + 1, sizeof(*parts->part));
	for (size_t i = 0; i < now->cells.n; i++) {
		struct cell *c = now->cells.cell[i];
		const struct cell *old = cells_find(&before->cells, &c->key);

		if (c->key.kind >= FI_KINDS || !row_matches(match, &c->key) ||
		    (!idle && c->v.done == (old ? old->v.done : 0)))
			continue;
		parts->part[parts->n++] = (struct part){
			reduce(&c->key, by), c, old, c->key.kind };
	}
	for (size_t i = 0; i < now->nr_open; i++) {
		const struct fi_open *o = &now->open[i];
		struct fi_cell_key key = { .dev = o->dev, .kind = o->kind, .op = o->op,
			.type = FI_TYPE_BAD, .ino = o->ino, .pid = o->pid, .tid = o->tid };

		if (row_matches(match, &key))
			parts->part[parts->n++] = (struct part){
				.key = reduce(&key, by), .kind = o->kind };
	}
	parts_sort(parts);
}

static struct row *row_add(struct rows *rows, const struct fi_cell_key *key)
{
	struct row *r;

	if (rows->n == rows->size) {
		rows->size = rows->size ? rows->size * 2 : 16;
		rows->row = xrealloc(rows->row, rows->size * sizeof(*rows->row));
	}
	r = &rows->row[rows->n++];
	*r = (struct row){ .key = *key };
	for (int k = 0; k < FI_KINDS; k++)
		r->kind[k] = cell_get(rows->none);
	return r;
}

static void row_take(struct row *r, const struct part *p, const struct cell *none)
{
	struct cell **sum = &r->kind[p->kind];
	struct fi_cell diff;

	if (!p->cell) {
		r->in_flight++;
	} else if (p->before) {
		cell_diff(&diff, &p->cell->v, &p->before->v);
		cell_merge(&cell_own(sum)->v, &diff);
	} else if (*sum == none) {
		cell_put(*sum);
		*sum = cell_get(p->cell);
	} else {
		cell_merge(&cell_own(sum)->v, &p->cell->v);
	}
}

static void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		for (int k = 0; k < FI_KINDS; k++)
			cell_put(rows->row[i].kind[k]);
	rows->n = 0;
}

void rows_make(struct rows *rows, unsigned int by, const struct row_match *match,
	       const struct snapshot *now, const struct snapshot *before, bool idle)
{
	struct parts parts = { 0 };
	struct row *r = NULL;

	rows_clear(rows);
	if (!rows->none)
		rows->none = cell_get(xcalloc(1, sizeof(*rows->none)));
	parts_make(&parts, by, match, now, before, idle);
	for (size_t i = 0; i < parts.n; i++) {
		const struct part *p = &parts.part[i];

		if (!r || cell_key_cmp(&r->key, &p->key))
			r = row_add(rows, &p->key);
		row_take(r, p, rows->none);
	}
	free(parts.part);
}

void rows_free(struct rows *rows)
{
	rows_clear(rows);
	if (rows->none)
		cell_put(rows->none);
	free(rows->row);
	*rows = (struct rows){ 0 };
}

static char *task_name(char *buf, size_t size, const struct catalog *c, __u32 tid,
		       const char *what)
{
	const struct task *t = catalog_task(c, tid);
	const char *comm = !t ? "" : *what == 'p' ? t->process : t->comm;

	if (*comm)
		snprintf(buf, size, "%s", comm);
	else
		snprintf(buf, size, "%s %u", what, tid);
	return buf;
}

/* A process has the name of its leader, which any of its threads may tell. */
static char *process_name(char *buf, size_t size, const struct catalog *c, __u32 pid)
{
	return task_name(buf, size, c, pid, "pid");
}

char *row_name(char *buf, size_t size, const struct catalog *c, unsigned int by,
	       const struct fi_cell_key *key)
{
	const char *s = NULL;

	if (by & BY_TYPE)
		s = key->type < FI_TYPES ? type_name[key->type] : "(none)";
	else if (by & BY_OP)
		s = op_name[key->op % FI_OPS];
	else if (by & BY_KIND)
		s = kind_name[key->kind % FI_KINDS];
	else if (by & (BY_THREAD | BY_PROCESS) && key->flags & FI_KEY_OTHER_TASK)
		s = "(other tasks)";
	else if (by & BY_THREAD)
		return task_name(buf, size, c, key->tid, "tid");
	else if (by & BY_PROCESS)
		return process_name(buf, size, c, key->pid);
	else if (by & BY_FILE && key->flags & FI_KEY_OTHER_FILE)
		s = "(other files)";
	else if (by & BY_FILE)
		return catalog_file_name(c, key->dev, key->ino, buf, size);
	else if (by & BY_MOUNT)
		return catalog_mount_name(c, key->dev, buf, size);
	else
		s = "(all)";
	snprintf(buf, size, "%s", s);
	return buf;
}
