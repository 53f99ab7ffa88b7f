// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace.dat as a source: what trace-cmd has recorded, on a machine that may know
 * nothing of us. Its events are paired as those of ftrace are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trace-cmd.h>

#include "error.h"
#include "pairing.h"
#include "raw.h"
#include "source.h"
#include "tasks.h"
#include "text.h"

/* A recording of ours has ticks; here one second of the trace is one. */
#define TICK_NS	1000000000ULL

/* In the library, not in its header. */
const char *tracecmd_get_uname(struct tracecmd_input *handle) __attribute__((weak));
const char *tracecmd_get_trace_clock(struct tracecmd_input *handle) __attribute__((weak));

/* The events of one CPU in one buffer: the main one, or an instance. */
struct stream {
	struct tracecmd_input *handle;
	int cpu;
	struct tep_record *record;	/* the next one */
};

struct dat {
	struct source source;
	struct tracecmd_input *handle;
	struct tracecmd_input **instance;
	int nr_instances;
	struct stream *stream;
	size_t nr_streams;
	struct raw_decoder *decoder;
	struct tasks *tasks;
	struct pairing *pairing;
	__u64 now_ns;
	__u64 tick_ns;
	__u64 lost_unknown;	/* gaps that the kernel gave no number for */
};

static struct dat *dat_of(struct source *s)
{
	return (struct dat *)s;
}

/* ---- reading ------------------------------------------------------------------------ */

static void stream_next(struct stream *st)
{
	if (st->record)
		tracecmd_free_record(st->record);
	st->record = tracecmd_read_data(st->handle, st->cpu);
}

static void streams_start(struct dat *d)
{
	for (size_t i = 0; i < d->nr_streams; i++) {
		struct stream *st = &d->stream[i];

		if (st->record)
			tracecmd_free_record(st->record);
		/* The first is only looked at: reading then starts with it. */
		st->record = tracecmd_read_cpu_first(st->handle, st->cpu);
	}
}

static struct stream *earliest(struct dat *d)
{
	struct stream *first = NULL;

	for (size_t i = 0; i < d->nr_streams; i++) {
		struct stream *st = &d->stream[i];

		if (st->record && (!first || st->record->ts < first->record->ts))
			first = st;
	}
	return first;
}

static void add_streams(struct dat *d, struct tracecmd_input *handle)
{
	int cpus = tep_get_cpus(tracecmd_get_tep(handle));

	d->stream = xrealloc(d->stream, (d->nr_streams + cpus) * sizeof(*d->stream));
	for (int cpu = 0; cpu < cpus; cpu++)
		d->stream[d->nr_streams++] = (struct stream){ .handle = handle, .cpu = cpu };
}

static void count_missed(struct dat *d, const struct tep_record *r)
{
	if (r->missed_events > 0)
		pairing_lost(d->pairing, r->missed_events);
	if (r->missed_events < 0) {
		pairing_lost(d->pairing, 1);
		d->lost_unknown++;
	}
}

/* ---- what is in it --------------------------------------------------------------------- */

static int bad_file(const struct dat *d, const char *why)
{
	return complain(FI_FAILED, "cannot read '%s': %s", d->source.config.input, why);
}

/*
 * The formats of events are in the file whether or not they were recorded. Whether
 * there are done events shows at the first one, or after all the others. Also when
 * it all began, and whether there is anything.
 */
static int scan(struct dat *d)
{
	struct source_info *info = &d->source.info;
	bool any = false;
	struct raw_event e;
	struct stream *st;

	info->upstream = true;
	for (streams_start(d); (st = earliest(d)); stream_next(st)) {
		if (!info->start_ns)
			info->start_ns = st->record->ts;
		if (!raw_decode(d->decoder, st->record->data, st->record->size,
				st->record->ts, &e) || raw_is_task(e.what))
			continue;
		any = any || !raw_is_request(e.what);
		info->splits = info->splits || e.what == RAW_REQUEST_SENT;
		if (!raw_is_done(e.what))
			continue;
		info->upstream = false;
		if (info->splits)
			break;
	}
	if (!any)
		return bad_file(d, "it has no fuse_iomap events; record with: trace-cmd record -C mono -e 'fuse:*'");
	streams_start(d);
	return 0;
}

/* "Linux host 7.3.4 #1 SMP ...", as uname -a prints it. */
static void set_machine(struct dat *d)
{
	const char *uname = tracecmd_get_uname ? tracecmd_get_uname(d->handle) : NULL;

	if (uname)
		sscanf(uname, "%*s %64s %64s", d->source.info.host, d->source.info.kernel);
}

/* Only what trace-cmd saw of the names; it knows no thread groups. */
static void lookup(void *ctx, __u32 tid, struct task *t)
{
	struct dat *d = ctx;
	const char *comm = tep_data_comm_from_pid(tracecmd_get_tep(d->handle), tid);

	if (comm && strcmp(comm, "<...>"))
		snprintf(t->comm, sizeof(t->comm), "%s", comm);
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

	for (size_t i = 0; i < d->nr_streams; i++)
		if (d->stream[i].record)
			tracecmd_free_record(d->stream[i].record);
	for (int i = 0; i < d->nr_instances; i++)
		if (d->instance[i])
			tracecmd_close(d->instance[i]);
	pairing_free(d->pairing);
	tasks_free(d->tasks);
	raw_decoder_free(d->decoder);
	if (d->handle)
		tracecmd_close(d->handle);
	free(d->instance);
	free(d->stream);
	free(d);
}

static int open_streams(struct dat *d)
{
	int n;

	d->handle = tracecmd_open(d->source.config.input, TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!d->handle)
		return bad_file(d, "it is no complete trace.dat (trace-cmd has to end before it is)");
	add_streams(d, d->handle);
	n = tracecmd_buffer_instances(d->handle);
	d->instance = xcalloc(n > 0 ? n : 1, sizeof(*d->instance));
	for (d->nr_instances = 0; d->nr_instances < n; d->nr_instances++) {
		struct tracecmd_input *i = tracecmd_buffer_instance_handle(d->handle,
									    d->nr_instances);

		d->instance[d->nr_instances] = i;
		if (i)
			add_streams(d, i);
	}
	d->decoder = raw_decoder_new(tracecmd_get_tep(d->handle));
	return 0;
}

/* Durations need a clock that counts nanoseconds. */
static int check_clock(struct dat *d)
{
	static const char *const bad[] = { "counter", "uptime", "x86-tsc" };
	const char *clock = tracecmd_get_trace_clock ? tracecmd_get_trace_clock(d->handle) : NULL;

	for (size_t i = 0; clock && i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!strcmp(clock, bad[i]))
			return complain(FI_FAILED, "'%s' was recorded with the clock '%s', which is not in nanoseconds; record with -C mono",
					d->source.config.input, clock);
	return 0;
}

static int dat_open(struct source **sp, const struct source_config *config)
{
	struct dat *d = xcalloc(1, sizeof(*d));
	int err;

	d->source.ops = &source_dat;
	d->source.config = *config;
	d->source.info.replay = true;
	strcpy(d->source.info.backend, "trace.dat");
	if (!config->verbose) {
		tracecmd_set_loglevel(TEP_LOG_NONE);
		tracefs_set_loglevel(TEP_LOG_NONE);
		tep_set_loglevel(TEP_LOG_NONE);
	}
	err = config->settings.cgroup ?
	      complain(FI_USAGE, "a trace.dat does not say which cgroup a task was in") : 0;
	if (!err)
		err = open_streams(d);
	if (!err)
		err = check_clock(d);
	if (!err)
		err = scan(d);
	if (err) {
		dat_close(&d->source);
		return err;
	}
	set_machine(d);
	d->tasks = tasks_new(lookup, d);
	d->pairing = pairing_new(&d->source.config, d->source.info.upstream, d->tasks);
	pairing_on_file(d->pairing, on_file, d);
	d->now_ns = d->source.info.start_ns;
	d->tick_ns = d->now_ns + TICK_NS;
	*sp = &d->source;
	return 0;
}

static enum replay_stop dat_advance(struct source *s, __u64 until_ns, __u64 *now_ns)
{
	struct dat *d = dat_of(s);
	__u64 limit = until_ns < d->tick_ns ? until_ns : d->tick_ns;
	struct raw_event e;
	struct stream *st;

	while ((st = earliest(d)) && st->record->ts <= limit) {
		struct tep_record *r = st->record;

		count_missed(d, r);
		d->now_ns = r->ts > d->now_ns ? r->ts : d->now_ns;
		if (raw_decode(d->decoder, r->data, r->size, r->ts, &e))
			pairing_event(d->pairing, &e);
		stream_next(st);
	}
	if (st)
		d->now_ns = limit;
	*now_ns = d->now_ns;
	if (!st)
		return REPLAY_END;
	if (limit < d->tick_ns)
		return REPLAY_LIMIT;
	d->tick_ns += TICK_NS;
	return REPLAY_TICK;
}

static int dat_read(struct source *s, struct snapshot *to)
{
	struct dat *d = dat_of(s);

	to->time_ns = d->now_ns;
	pairing_read(d->pairing, to);
	to->splits = s->info.splits;
	return 0;
}

static void dat_notes(struct source *s)
{
	struct dat *d = dat_of(s);

	if (d->lost_unknown)
		fprintf(stderr, "fuseiomap: '%s' has %llu gaps of unknown length, counted as one lost event each\n",
			s->config.input, (unsigned long long)d->lost_unknown);
}

const struct source_ops source_dat = {
	.name = "trace.dat",
	.open = dat_open,
	.read = dat_read,
	.advance = dat_advance,
	.notes = dat_notes,
	.close = dat_close,
};
