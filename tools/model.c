// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "model.h"
#include "names.h"
#include "text.h"

struct cell *cells_add(struct cells *c)
{
	if (c->n == c->size) {
		c->size = c->size ? c->size * 2 : 16;
		c->cell = xrealloc(c->cell, c->size * sizeof(*c->cell));
	}
	memset(&c->cell[c->n], 0, sizeof(*c->cell));
	return &c->cell[c->n++];
}

static int key_cmp(const void *pa, const void *pb)
{
	const struct fi_cell_key *a = pa, *b = pb;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (int)a->op - (int)b->op;
}

/* The key is a cell's first member. */
void cells_sort(struct cells *c)
{
	if (c->n)
		qsort(c->cell, c->n, sizeof(*c->cell), key_cmp);
}

const struct cell *cells_find(const struct cells *c, const struct fi_cell_key *key)
{
	return c->n ? bsearch(key, c->cell, c->n, sizeof(*c->cell), key_cmp) : NULL;
}

void snapshot_free(struct snapshot *s)
{
	free(s->mounts.cell);
	free(s->files.cell);
	free(s->hists);
	*s = (struct snapshot){ 0 };
}

/*
 * All counters of a cell stand together, from `begun` to `used_type`, so that
 * merging and subtracting need no list of them.
 */
#define COUNTERS ((offsetof(struct fi_cell, used_type) + \
		   sizeof(((struct fi_cell *)0)->used_type)) / sizeof(__u64))

void cell_merge(struct fi_cell *to, const struct fi_cell *from)
{
	__u64 *t = &to->begun;
	const __u64 *f = &from->begun;

	for (size_t i = 0; i < COUNTERS; i++)
		t[i] += f[i];
	if (from->nodeid)
		to->nodeid = from->nodeid;
	if (from->name[0])
		memcpy(to->name, from->name, sizeof(to->name));
	hist_merge(&to->lat, &from->lat);
}

static void cell_diff(struct fi_cell *to, const struct fi_cell *now,
		      const struct fi_cell *before)
{
	__u64 *t = &to->begun;
	const __u64 *n = &now->begun, *b = &before->begun;

	for (size_t i = 0; i < COUNTERS; i++)
		t[i] = n[i] - b[i];
	to->nodeid = now->nodeid;
	memcpy(to->name, now->name, sizeof(to->name));
	hist_diff(&to->lat, &now->lat, &before->lat);
}

void cells_diff(struct cells *to, const struct cells *now, const struct cells *before)
{
	to->n = 0;
	for (size_t i = 0; i < now->n; i++) {
		const struct cell *old = cells_find(before, &now->cell[i].key);
		struct cell *c = cells_add(to);

		c->key = now->cell[i].key;
		if (old)
			cell_diff(&c->v, &now->cell[i].v, &old->v);
		else
			c->v = now->cell[i].v;
	}
}

static bool same_row(const struct row *r, enum row_key by, const struct fi_cell_key *key)
{
	switch (by) {
	case ROWS_BY_DEV:
		return r->dev == key->dev;
	case ROWS_BY_OP:
		return r->op == key->op;
	default:
		return r->dev == key->dev && r->ino == key->ino;
	}
}

static struct row *row_add(struct rows *rows, enum row_key by, const struct cell *c)
{
	struct row *r;

	if (rows->n == rows->size) {
		rows->size = rows->size ? rows->size * 2 : 16;
		rows->row = xrealloc(rows->row, rows->size * sizeof(*rows->row));
	}
	r = &rows->row[rows->n++];
	memset(r, 0, sizeof(*r));
	if (by == ROWS_BY_OP) {
		r->op = c->key.op;
		snprintf(r->name, sizeof(r->name), "%s", op_name[r->op % FI_OPS]);
		return r;
	}
	r->dev = c->key.dev;
	r->ino = c->key.ino;
	return r;
}

/* Cells are sorted, so the row of a cell is the last one, except by operation. */
static struct row *row_of(struct rows *rows, enum row_key by, const struct cell *c)
{
	for (size_t i = rows->n; i > 0; i--) {
		if (same_row(&rows->row[i - 1], by, &c->key))
			return &rows->row[i - 1];
		if (by != ROWS_BY_OP)
			break;
	}
	return row_add(rows, by, c);
}

static void name_file(struct row *r)
{
	for (int k = 0; k < FI_KINDS && !r->name[0]; k++) {
		snprintf(r->name, sizeof(r->name), "%.*s", FI_NAME_LEN, r->kind[k].name);
		if (r->kind[k].nodeid)
			r->nodeid = r->kind[k].nodeid;
	}
	if (!r->ino)
		snprintf(r->name, sizeof(r->name), "(other files)");
	else if (!r->name[0])
		snprintf(r->name, sizeof(r->name), "#%llu", (unsigned long long)r->ino);
}

static bool is_idle(const struct row *r)
{
	for (int k = 0; k < FI_KINDS; k++)
		if (r->kind[k].begun || r->kind[k].done || r->kind[k].abandoned)
			return false;
	return !r->in_flight;
}

void rows_make(struct rows *rows, enum row_key by, const struct cells *now,
	       const struct cells *before, bool idle)
{
	struct cells diff = { 0 };
	size_t kept = 0;

	rows->n = 0;
	cells_diff(&diff, now, before);
	for (size_t i = 0; i < diff.n; i++) {
		const struct cell *c = &diff.cell[i];
		const struct fi_cell *total = &now->cell[i].v;
		struct row *r = row_of(rows, by, c);

		if (c->key.kind >= FI_KINDS)
			continue;
		cell_merge(&r->kind[c->key.kind], &c->v);
		r->in_flight += total->begun - total->timed - total->abandoned;
	}
	for (size_t i = 0; i < rows->n; i++) {
		if (!idle && is_idle(&rows->row[i]))
			continue;
		if (by == ROWS_BY_FILE)
			name_file(&rows->row[i]);
		if (kept != i)
			rows->row[kept] = rows->row[i];
		kept++;
	}
	rows->n = kept;
	free(diff.cell);
}

void rows_free(struct rows *rows)
{
	free(rows->row);
	*rows = (struct rows){ 0 };
}
