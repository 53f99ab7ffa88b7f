// SPDX-License-Identifier: GPL-2.0-only
/* The BPF programs as a source. */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "error.h"
#include "events.h"
#include "hist.h"
#include "privilege.h"
#include "source.h"
#include "text.h"
/* Needs the shared header before it. */
#include "fuseiomap.skel.h"

/*
 * Memory for the table of files, for all CPUs together, and the bounds on its
 * cells that follow. Each file takes up to three.
 */
#define FILES_MEMORY	(64UL << 20)
#define FILES_MIN	192
#define FILES_MAX	1536
#define FILES_OTHER	192	/* cells for the "other files" of each connection */

struct source {
	struct fuseiomap *skel;
	struct ring_buffer *ring;
	source_sink sink;
	void *ctx;
	void *percpu;		/* one value of any per-CPU map, for all CPUs */
	struct bpf_link *link[2 * MAX_EVENTS];
	__u64 skipped_at_start;	/* see read_skipped() */
	__u64 skipped_at_stop;
	bool stopped;
	int ncpus;
	bool files;
	bool hists;
	bool splits;
};

static int print_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int print_all(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return vfprintf(stderr, fmt, ap);
}

static int no_tracepoints(const char *event)
{
	return complain(FI_NO_TRACEPOINTS,
		    "this kernel has no tracepoint fuse:%s; it needs the fuse-iomap series and CONFIG_FUSE_IOMAP=y (see: fuseiomap doctor)",
		    event);
}

static struct bpf_program *program(const struct source *s, const char *name, const char *suffix)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	return bpf_object__find_program_by_name(s->skel->obj, full);
}

/* Leaves out programs whose event is not there, if they can be spared. */
static int pick_programs(struct source *s, const struct kernel_types *types)
{
	s->splits = true;
	for (size_t i = 0; i < nr_events; i++) {
		const struct event *e = &events[i];

		if (event_exists(types, e->name))
			continue;
		if (e->need == EVENT_MUST)
			return no_tracepoints(e->name);
		if (e->need == EVENT_SPLIT)
			s->splits = false;
		bpf_program__set_autoload(program(s, e->prog, ""), false);
		bpf_program__set_autoload(program(s, e->prog, "_again"), false);
	}
	return 0;
}

static __u32 file_cells(int ncpus)
{
	unsigned long n = FILES_MEMORY / (sizeof(struct fi_cell) * ncpus);

	if (n < FILES_MIN)
		return FILES_MIN;
	return n < FILES_MAX ? n : FILES_MAX;
}

static void size_maps(struct source *s, const struct source_config *config,
		      const struct kernel_types *types)
{
	struct fi_settings *set = (struct fi_settings *)&s->skel->rodata->settings;

	*set = config->settings;
	set->no_preempt = kfunc_exists(types, "bpf_preempt_disable");
	set->max_files = file_cells(s->ncpus);
	if (set->files)
		bpf_map__set_max_entries(s->skel->maps.files, set->max_files + FILES_OTHER);
	if (!set->records)
		bpf_map__set_max_entries(s->skel->maps.records, getpagesize());
}

/* Where connections beyond the table are counted must be there from the start. */
static int add_other_cells(struct source *s)
{
	struct fi_cell_key key = { 0 };

	memset(s->percpu, 0, sizeof(struct fi_cell) * s->ncpus);
	for (key.kind = 0; key.kind < FI_KINDS; key.kind++)
		for (key.op = 0; key.op < FI_OPS; key.op++)
			if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.mounts), &key,
						s->percpu, BPF_NOEXIST))
				return -errno;
	return 0;
}

static int load_error(int err)
{
	if (!may_load() || !may_trace() || err == -EPERM)
		return complain(FI_NO_PRIVILEGE,
			    "not allowed to load BPF programs; run as root, or with CAP_BPF and CAP_PERFMON (see: fuseiomap doctor)");
	return complain(FI_FAILED, "cannot load the BPF programs: %s (-v shows why)", strerror(-err));
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct source *s = ctx;

	if (size >= sizeof(struct fi_record))
		s->sink(s->ctx, data);
	return 0;
}

static int load(struct source *s, const struct source_config *config)
{
	struct kernel_types types;
	int err = 0;

	if (!kernel_types_open(&types))
		return complain(FI_NO_TRACEPOINTS,
			    "this kernel has no BTF; it needs CONFIG_DEBUG_INFO_BTF=y (see: fuseiomap doctor)");
	s->skel = fuseiomap__open();
	if (!s->skel)
		err = load_error(-errno);
	else
		err = pick_programs(s, &types);
	if (!err)
		size_maps(s, config, &types);
	kernel_types_close(&types);
	if (err)
		return err;
	err = fuseiomap__load(s->skel);
	if (!err)
		err = add_other_cells(s);
	if (!err && config->settings.records) {
		s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.records), on_record,
					   s, NULL);
		err = s->ring ? 0 : -errno;
	}
	return err ? load_error(err) : 0;
}

/*
 * Attached in this order, so that the second of two programs on an event comes
 * after the first.
 */
static int attach(struct source *s)
{
	static const char *const suffixes[] = { "", "_again" };

	for (size_t i = 0; i < 2 * nr_events; i++) {
		struct bpf_program *p = program(s, events[i % nr_events].prog,
						suffixes[i / nr_events]);

		if (!bpf_program__autoload(p))
			continue;
		s->link[i] = bpf_program__attach(p);
		if (!s->link[i])
			return -errno;
	}
	return 0;
}

static void detach(struct source *s)
{
	for (size_t i = 2 * nr_events; i > 0; i--) {
		bpf_link__destroy(s->link[i - 1]);
		s->link[i - 1] = NULL;
	}
}

int source_open(struct source **sp, const struct source_config *config)
{
	struct source *s = xcalloc(1, sizeof(*s));
	int err;

	libbpf_set_print(config->verbose ? print_all : print_nothing);
	s->sink = config->sink;
	s->ctx = config->ctx;
	s->files = config->settings.files;
	s->hists = config->settings.hists;
	s->ncpus = libbpf_num_possible_cpus();
	if (s->ncpus < 1)
		s->ncpus = 1;
	s->percpu = xcalloc(s->ncpus, sizeof(struct fi_cell));
	err = load(s, config);
	if (!err) {
		err = attach(s);
		err = err ? load_error(err) : 0;
	}
	if (err) {
		source_close(s);
		return err;
	}
	*sp = s;
	return 0;
}

static __u64 recursion_misses(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_program__fd(p);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	return info.recursion_misses;
}

/* How often the kernel skipped the first program of an event, since loading. */
static __u64 read_skipped(const struct source *s)
{
	__u64 skipped = 0;

	for (size_t i = 0; i < nr_events; i++)
		if (events[i].need != EVENT_SPLIT)
			skipped += recursion_misses(program(s, events[i].prog, ""));
	return skipped;
}

/*
 * Events that neither of the two programs was run for. Skipped programs on
 * requests show as upcalls without a split instead.
 */
static __u64 missed(const struct source *s, __u64 repaired)
{
	__u64 skipped = (s->stopped ? s->skipped_at_stop : read_skipped(s)) -
			s->skipped_at_start;

	return skipped > repaired ? skipped - repaired : 0;
}

int source_start(struct source *s)
{
	s->skipped_at_start = read_skipped(s);
	s->skel->bss->enabled = 1;
	return 0;
}

/*
 * Waits until no program runs that was entered before. Without membarrier
 * (some nohz_full kernels) a pause much longer than any program has to do.
 */
static void quiesce(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

void source_stop(struct source *s)
{
	s->skel->bss->enabled = 0;
	quiesce();
	s->skipped_at_stop = read_skipped(s);
	s->stopped = true;
	detach(s);
	quiesce();
}

static int read_cells(struct source *s, const struct bpf_map *map, struct cells *to)
{
	const struct fi_cell *parts = s->percpu;
	struct fi_cell_key key, *prev = NULL;
	int fd = bpf_map__fd(map);

	to->n = 0;
	while (!bpf_map_get_next_key(fd, prev, &key)) {
		struct cell *c;

		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, s->percpu))
			return -errno;
		c = cells_add(to);
		c->key = key;
		for (int i = 0; i < s->ncpus; i++)
			cell_merge(&c->v, &parts[i]);
	}
	cells_sort(to);
	return 0;
}

static int read_hists(struct source *s, struct snapshot *to)
{
	const struct fi_hist *parts = s->percpu;

	if (!to->hists)
		to->hists = xcalloc(FI_HISTS, sizeof(*to->hists));
	memset(to->hists, 0, FI_HISTS * sizeof(*to->hists));
	for (__u32 h = 0; h < FI_HISTS; h++) {
		if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.hists), &h, s->percpu))
			return -errno;
		for (int i = 0; i < s->ncpus; i++)
			hist_merge(&to->hists[h], &parts[i]);
	}
	return 0;
}

/* Adds up, over the CPUs, an array element that is nothing but counters. */
static int read_counters(struct source *s, const struct bpf_map *map, __u32 index,
			 void *to, size_t size)
{
	const __u64 *from = s->percpu;
	__u64 *sum = to;
	size_t n = size / sizeof(*sum);

	memset(to, 0, size);
	if (bpf_map_lookup_elem(bpf_map__fd(map), &index, s->percpu))
		return -errno;
	for (size_t i = 0; i < s->ncpus * n; i++)
		sum[i % n] += from[i];
	return 0;
}

/*
 * Files before mounts: what is counted in between is in the mounts then, and
 * files never show more than their mount.
 */
int source_read(struct source *s, struct snapshot *to)
{
	struct timespec ts;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	to->time_ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	if (s->files)
		err = read_cells(s, s->skel->maps.files, &to->files);
	if (!err)
		err = read_cells(s, s->skel->maps.mounts, &to->mounts);
	if (!err && s->hists)
		err = read_hists(s, to);
	for (__u32 op = 0; !err && op < FI_OPS; op++)
		err = read_counters(s, s->skel->maps.shares, op, &to->shares[op],
				    sizeof(to->shares[op]));
	if (!err)
		err = read_counters(s, s->skel->maps.ledgers, 0, &to->ledger,
				    sizeof(to->ledger));
	to->missed = missed(s, to->ledger.repaired);
	to->splits = s->splits;
	return err;
}

int source_fd(const struct source *s)
{
	return s->ring ? ring_buffer__epoll_fd(s->ring) : -1;
}

void source_drain(struct source *s)
{
	if (s->ring)
		ring_buffer__consume(s->ring);
}

void source_close(struct source *s)
{
	if (!s)
		return;
	detach(s);
	ring_buffer__free(s->ring);
	fuseiomap__destroy(s->skel);
	free(s->percpu);
	free(s);
}
