// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace.dat as a source: what trace-cmd has recorded, on a machine that may know
 * nothing of us. Its events are paired as those of ftrace are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dat_reader.h"
#include "error.h"
#include "pairing.h"
#include "source.h"
#include "tasks.h"
#include "text.h"

/* A recording of ours has ticks; here one second of the trace is one. */
#define TICK_NS	1000000000ULL

/* Where nothing happens for longer, or the clock says so, it is all one tick. */
#define IDLE_NS	(3600 * TICK_NS)

struct dat {
	struct source source;
	struct dat_reader *reader;
	struct dat_message next;
	struct tasks *tasks;
	struct pairing *pairing;
	__u64 now_ns;
	__u64 tick_ns;
	__u64 lost_unknown;	/* gaps that the kernel gave no number for */
	bool damaged;		/* there is more, which cannot be read */
};

static struct dat *dat_of(struct source *s)
{
	return (struct dat *)s;
}

/* ---- reading ------------------------------------------------------------------------ */

static void next_message(struct dat *d)
{
	__u64 time_ns = d->next.event.time_ns;

	if (dat_reader_next(d->reader, &d->next))
		return;
	d->damaged = true;
	d->next = (struct dat_message){ .type = DAT_END, .event.time_ns = time_ns };
}

static void take_message(struct dat *d)
{
	const struct dat_message *m = &d->next;

	if (m->missed > 0)
		pairing_lost(d->pairing, m->missed);
	if (m->missed < 0) {
		pairing_lost(d->pairing, 1);
		d->lost_unknown++;
	}
	if (!m->known)
		return;
	/* Its name comes with it. */
	if (!raw_is_task(m->event.what))
		tasks_get(d->tasks, m->event.tid);
	pairing_event(d->pairing, &m->event);
}

/* Only what trace-cmd saw of the names; it knows no thread groups. */
static void lookup(void *ctx, __u32 tid, struct task *t)
{
	const struct dat *d = ctx;

	if (tid == d->next.event.tid && d->next.comm[0])
		memcpy(t->comm, d->next.comm, sizeof(d->next.comm));
}

static void on_file(void *ctx, const struct fi_record *r)
{
	struct dat *d = ctx;
	const struct file file = { .dev = r->dev, .ino = r->ino, .nodeid = r->nodeid,
				   .path = "" };

	catalog_add_file(d->source.config.catalog, &file);
}

/* ---- source ----------------------------------------------------------------------------- */

static void dat_close(struct source *s)
{
	struct dat *d = dat_of(s);

	dat_reader_close(d->reader);
	pairing_free(d->pairing);
	tasks_free(d->tasks);
	free(d);
}

static int dat_open(struct source **sp, const struct source_config *config)
{
	struct dat *d = xcalloc(1, sizeof(*d));
	int err;

	d->source.ops = &source_dat;
	d->source.config = *config;
	err = config->settings.cgroup ?
	      complain(FI_USAGE, "a trace.dat does not say which cgroup a task was in") :
	      dat_reader_open(&d->reader, config->input, config->verbose, &d->source.info);
	if (err) {
		dat_close(&d->source);
		return err;
	}
	d->source.info.replay = true;
	strcpy(d->source.info.backend, "trace.dat");
	d->tasks = tasks_new(lookup, d);
	d->pairing = pairing_new(&d->source.config, d->source.info.upstream, d->tasks);
	pairing_on_file(d->pairing, on_file, d);
	d->now_ns = d->source.info.start_ns;
	d->tick_ns = d->now_ns + TICK_NS;
	d->next.event.time_ns = d->now_ns;
	next_message(d);
	*sp = &d->source;
	return 0;
}

static enum replay_stop dat_advance(struct source *s, __u64 until_ns, __u64 *now_ns)
{
	struct dat *d = dat_of(s);
	__u64 limit = until_ns < d->tick_ns ? until_ns : d->tick_ns;
	__u64 next_ns;

	while (d->next.event.time_ns <= limit) {
		d->now_ns = d->next.event.time_ns > d->now_ns ? d->next.event.time_ns : d->now_ns;
		*now_ns = d->now_ns;
		if (d->next.type == DAT_END)
			return REPLAY_END;
		take_message(d);
		next_message(d);
	}
	next_ns = d->next.event.time_ns;
	*now_ns = d->now_ns = limit;
	if (limit < d->tick_ns)
		return REPLAY_LIMIT;
	d->tick_ns += TICK_NS;
	if (next_ns > d->tick_ns && next_ns - d->tick_ns > IDLE_NS)
		d->tick_ns = next_ns - (next_ns - d->tick_ns) % TICK_NS;
	return REPLAY_TICK;
}

static int dat_read(struct source *s, struct snapshot *to)
{
	struct dat *d = dat_of(s);

	to->time_ns = d->now_ns;
	pairing_read(d->pairing, to);
	to->splits = s->info.splits;
	to->gaps = d->damaged;
	return 0;
}

static void dat_notes(struct source *s)
{
	struct dat *d = dat_of(s);

	if (d->lost_unknown)
		fprintf(stderr, "fuseiomap: '%s' has %llu gaps of unknown length, counted as one lost event each\n",
			s->config.input, (unsigned long long)d->lost_unknown);
	if (d->damaged)
		fprintf(stderr, "fuseiomap: '%s' is damaged: what comes after its first %.3f s cannot be read\n",
			s->config.input, (d->now_ns - s->info.start_ns) / 1e9);
}

const struct source_ops source_dat = {
	.name = "trace.dat",
	.open = dat_open,
	.read = dat_read,
	.advance = dat_advance,
	.notes = dat_notes,
	.close = dat_close,
};
