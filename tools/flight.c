// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "flight.h"

/* Only what a tick is made of: cells would be large, and a replay makes its own. */
static void copy_numbers(struct snapshot *to, const struct snapshot *from)
{
	*to = (struct snapshot){
		.time_ns = from->time_ns, .ledger = from->ledger, .missed = from->missed,
		.splits = from->splits, .upstream = from->upstream,
		.nr_servers = from->nr_servers,
	};
	if (!from->nr_servers)
		return;
	to->server = xcalloc(from->nr_servers, sizeof(*to->server));
	memcpy(to->server, from->server, from->nr_servers * sizeof(*to->server));
}

static size_t size_of(const struct kept *k)
{
	return sizeof(*k) + sizeof(*k->block) + k->block->stored +
	       k->at.nr_servers * sizeof(*k->at.server);
}

static void drop_first(struct flight *f)
{
	struct kept *k = f->first;

	f->first = k->next;
	if (!f->first)
		f->last = NULL;
	f->bytes -= size_of(k);
	if (k->tick) {
		snapshot_free(&f->base);
		f->base = k->at;
		f->dropped = 0;
	} else {
		f->dropped += k->block->records;
	}
	free(k->block);
	free(k);
}

static const struct kept *first_tick(const struct flight *f)
{
	const struct kept *k = f->first;

	while (k && !k->tick)
		k = k->next;
	return k;
}

/* Whole intervals, so that the base is the moment at which the rest begins. */
static void drop_old(struct flight *f, __u64 now_ns)
{
	const struct kept *k;

	while (f->keep_ns && (k = first_tick(f)) && k->at.time_ns + f->keep_ns <= now_ns) {
		while (!f->first->tick)
			drop_first(f);
		drop_first(f);
	}
}

void flight_keep(struct flight *f, struct rec_block *b, const struct snapshot *at)
{
	struct kept *k = xcalloc(1, sizeof(*k));

	k->block = b;
	k->tick = at;
	if (at)
		copy_numbers(&k->at, at);
	if (f->last)
		f->last->next = k;
	else
		f->first = k;
	f->last = k;
	f->bytes += size_of(k);
	if (at)
		drop_old(f, at->time_ns);
	while (f->bytes > f->keep_bytes && f->first != f->last)
		drop_first(f);
}

void flight_clear(struct flight *f)
{
	while (f->first)
		drop_first(f);
}

void flight_free(struct flight *f)
{
	flight_clear(f);
	snapshot_free(&f->base);
}
