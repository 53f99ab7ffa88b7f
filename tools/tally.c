// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "fuseiomap_count.h"
#include "tally.h"
#include "text.h"

/* Cells of full fineness where the settings have no limit: 35 MB, and more for changes. */
#define MAX_CELLS	8192

struct tally {
	struct fi_settings settings;
	struct cells cells;	/* new ones at the end until the next reading */
	__u32 *index;		/* hash of keys: 1 + place in cells; 0: free */
	size_t nr_index;	/* a power of two, at least twice the cells */
	size_t nr_sorted;	/* cells there were when they were last in order */
	struct fi_hist *hists;
	struct fi_shares shares[FI_OPS];
	__u64 other;
};

struct tally *tally_new(const struct fi_settings *settings)
{
	struct tally *t = xcalloc(1, sizeof(*t));

	t->settings = *settings;
	if (!t->settings.max_cells)
		t->settings.max_cells = MAX_CELLS;
	if (settings->hists)
		t->hists = xcalloc(FI_HISTS, sizeof(*t->hists));
	return t;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	cells_free(&t->cells);
	free(t->index);
	free(t->hists);
	free(t);
}

/* ---- the table ------------------------------------------------------------ */

/* FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
static __u64 hash(const struct fi_cell_key *key)
{
	const unsigned char *p = (const unsigned char *)key;
	__u64 h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < sizeof(*key); i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

/* Where the key is in the index, or where it belongs. */
static __u32 *slot_of(struct tally *t, const struct fi_cell_key *key)
{
	size_t at = hash(key) & (t->nr_index - 1);

	while (t->index[at] && memcmp(&t->cells.cell[t->index[at] - 1]->key, key, sizeof(*key)))
		at = (at + 1) & (t->nr_index - 1);
	return &t->index[at];
}

static void index_cells(struct tally *t, size_t nr_index)
{
	t->nr_index = nr_index;
	free(t->index);
	t->index = xcalloc(t->nr_index, sizeof(*t->index));
	for (size_t i = 0; i < t->cells.n; i++)
		*slot_of(t, &t->cells.cell[i]->key) = i + 1;
}

static void grow_index(struct tally *t)
{
	if (t->nr_index < 2 * (t->cells.n + 1))
		index_cells(t, t->nr_index ? t->nr_index * 2 : 64);
}

/* In order again, if there are new ones. */
static void sort_cells(struct tally *t)
{
	if (t->nr_sorted == t->cells.n)
		return;
	cells_sort(&t->cells);
	index_cells(t, t->nr_index);
	t->nr_sorted = t->cells.n;
}

/* To be changed: not one that has been read. */
static struct cell *cell_of(struct tally *t, struct fi_cell_key key)
{
	__u32 *slot;

	grow_index(t);
	slot = slot_of(t, &key);
	if (!*slot) {
		fi_give_up(&key, fi_gives_up(t->cells.n, t->settings.max_cells,
					      t->settings.by));
		slot = slot_of(t, &key);
	}
	if (!*slot) {
		cells_add(&t->cells, &key);
		*slot = t->cells.n;
	}
	return cells_own(&t->cells, *slot - 1);
}

/* ---- adding --------------------------------------------------------------- */

void done_of_record(struct fi_done *d, const struct fi_record *r)
{
	*d = (struct fi_done){
		.count = r->count, .written = r->written, .lat_ns = r->lat_ns,
		.opflags = r->opflags, .error = r->error, .kind = r->kind, .op = r->op,
		.flags = r->flags,
		.is_short = fi_is_short(r->kind, r->opflags, r->written, r->count),
		.read_type = FI_TYPE_BAD, .write_type = FI_TYPE_BAD,
		.used_type = FI_TYPE_BAD,
	};
	memcpy(d->phase_ns, r->phase_ns, sizeof(d->phase_ns));
	if (r->kind == FI_BEGIN && !r->error && r->read.length)
		fi_done_maps(d, &r->read, &r->write);
	else if (r->kind == FI_END && r->read.length)
		d->used_type = fi_type(r->read.type);
}

static void count_hists(struct tally *t, const struct fi_done *d)
{
	__u64 written = d->written > 0 ? d->written : 0;

	if (d->flags & FI_F_SPLIT)
		for (int i = 0; i < FI_PHASES; i++)
			fi_hist_add(&t->hists[FI_H_PHASE(d->kind, d->op, i)], d->phase_ns[i]);
	if (fi_has_length(d))
		fi_hist_add(&t->hists[FI_H_MAPLEN(d->used_type)], d->used_length);
	if (!fi_has_share(d))
		return;
	if (d->is_short)
		fi_hist_add(&t->hists[FI_H_MISSING(d->op)], d->count - written);
	t->shares[d->op].n[fi_share(written, d->count)]++;
}

void tally_add(struct tally *t, const struct fi_record *r)
{
	const struct fi_settings *set = &t->settings;
	struct fi_cell_key key = { .dev = r->dev, .kind = r->kind, .op = r->op,
				   .type = FI_TYPE_BAD };
	struct fi_done d;
	struct cell *c;

	if (r->kind >= FI_KINDS || r->op >= FI_OPS)
		return;
	done_of_record(&d, r);
	if (set->by & FI_BY_FILE)
		key.ino = r->ino;
	if (set->by & FI_BY_TASK) {
		key.pid = r->pid;
		key.tid = r->tid;
	}
	if (set->by & FI_BY_TYPE)
		key.type = d.used_type;
	if (set->cells) {
		c = cell_of(t, key);
		fi_count(&c->v, &d);
		t->other += !!c->key.flags;
	}
	if (t->hists)
		count_hists(t, &d);
}

void tally_read(struct tally *t, struct snapshot *to)
{
	sort_cells(t);
	cells_copy(&to->cells, &t->cells);
	memcpy(to->shares, t->shares, sizeof(to->shares));
	if (t->hists) {
		if (!to->hists)
			to->hists = xcalloc(FI_HISTS, sizeof(*to->hists));
		memcpy(to->hists, t->hists, FI_HISTS * sizeof(*to->hists));
	}
	to->ledger.other = t->other;
	to->ledger.cells_full = 0;
}

/* ---- filters -------------------------------------------------------------- */

bool wanted_start(const struct fi_settings *s, __u32 dev, __u64 ino, __u32 kind, __u32 op,
		  __u32 pid, __u32 tid, const char *comm)
{
	if ((s->dev && s->dev != dev) || (s->ino && s->ino != ino) ||
	    (s->pid && s->pid != pid) || (s->tid && s->tid != tid))
		return false;
	if ((s->ops && !(s->ops & 1U << op)) || (s->kinds && !(s->kinds & 1U << kind)))
		return false;
	return !s->comm[0] || !comm || !strncmp(s->comm, comm, FI_COMM_LEN);
}

bool wanted_record(const struct fi_settings *s, const struct fi_record *r)
{
	struct fi_done d;

	if (!wanted_start(s, r->dev, r->ino, r->kind, r->op, r->pid, r->tid, r->comm))
		return false;
	done_of_record(&d, r);
	return fi_wanted_done(s, &d);
}
