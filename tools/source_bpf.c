// SPDX-License-Identifier: GPL-2.0-only
/* The BPF programs as a source. */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "error.h"
#include "events.h"
#include "hist.h"
#include "privilege.h"
#include "source.h"
#include "symbols.h"
#include "text.h"
/* Needs the shared header before it. */
#include "fuseiomap.skel.h"

/*
 * Memory for the table of cells, for all CPUs together. The kernel sets it aside
 * when the programs are loaded, so it is not more than most runs need.
 */
#define CELLS_MEMORY	(32UL << 20)
#define CELLS_MIN	512
#define CELLS_OTHER	384	/* for what stands in where the table is full */

/*
 * Where neither files nor tasks are told apart, that is far too much: a mount has a
 * dozen cells. To set one aside costs the start 17 us.
 */
#define CELLS_MOUNT	16
#define MOUNTS_TO_COME	32

/* A stack of the kernel's table that is in the catalog. */
struct seen_stack {
	__u64 key;		/* kernel: number; user: pid << 32 | number */
	__s32 id;		/* in the catalog */
	bool  user;
};

struct bpf_source {
	struct source base;
	struct fuseiomap *skel;
	struct ring_buffer *ring;
	struct cells cells;	/* the reading before */
	void *percpu;		/* one value of any per-CPU map, for all CPUs */
	void *late;		/* one value of `lates` */
	struct bpf_link *link[2 * MAX_EVENTS];
	struct bpf_link *open_link;	/* the list of open operations */
	struct symbols *symbols;
	void *stacks;		/* tree of struct seen_stack */
	__s32 nr_stacks;
	__u64 stacks_lost;	/* in user space */
	__u32 files_renamed;	/* as of the last look at all of them */
	__u64 skipped_at_start;	/* see read_skipped() */
	__u64 skipped_at_stop;
	bool stopped;
	int ncpus;
};

static struct bpf_program *program(const struct bpf_source *s, const char *name, const char *suffix)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	return bpf_object__find_program_by_name(s->skel->obj, full);
}

static void leave_out(struct bpf_source *s, const struct event *e)
{
	bpf_program__set_autoload(program(s, e->prog, ""), false);
	bpf_program__set_autoload(program(s, e->prog, "_again"), false);
}

/* Whether the kernel has all events of this need. */
static bool events_exist(const struct kernel_types *types, enum event_need need)
{
	for (size_t i = 0; i < nr_events; i++)
		if (events[i].need == need && !event_exists(types, &events[i]))
			return false;
	return true;
}

/* Leaves out programs that are not for this kernel, or can be spared. */
static int pick_programs(struct bpf_source *s, const struct kernel_types *types)
{
	struct source_info *info = &s->base.info;

	info->upstream = s->base.config.no_done || !events_exist(types, EVENT_DONE);
	info->splits = events_exist(types, EVENT_SPLIT);
	for (size_t i = 0; i < nr_events; i++) {
		const struct event *e = &events[i];
		bool there = event_exists(types, e);

		if (e->need == (info->upstream ? EVENT_DONE : EVENT_UPSTREAM))
			leave_out(s, e);
		else if (there)
			continue;
		else if (e->need == EVENT_MUST || e->need == EVENT_UPSTREAM)
			return no_tracepoint(e->name);
		else
			leave_out(s, e);
	}
	return 0;
}

static bool few_cells(const struct fi_settings *set)
{
	return !(set->by & (FI_BY_FILE | FI_BY_TASK));
}

static __u32 cells_for(const struct bpf_source *s)
{
	const struct source_config *config = &s->base.config;
	unsigned long n = CELLS_MEMORY / (sizeof(struct fi_cell) * s->ncpus);
	const struct mount **list;
	unsigned long few;

	if (few_cells(&config->settings)) {
		few = CELLS_MOUNT * (catalog_mounts(config->catalog, &list) + MOUNTS_TO_COME);
		n = few < n ? few : n;
	}
	return n < CELLS_MIN ? CELLS_MIN : n;
}

static void size_map(struct bpf_map *map, bool used, __u32 n)
{
	bpf_map__set_max_entries(map, used ? n : 1);
}

/* Settings and sizes, all of which are fixed from loading on. */
static void size_maps(struct bpf_source *s, const struct kernel_types *types)
{
	struct fi_settings *set = (struct fi_settings *)&s->skel->rodata->settings;
	struct fi_settings *config = &s->base.config.settings;
	bool stacks = config->kernel_stacks || config->user_stacks;

	config->no_preempt = kfunc_exists(types, "bpf_preempt_disable");
	config->upstream = s->base.info.upstream;
	if (!config->max_cells)
		config->max_cells = cells_for(s);
	*set = *config;
	size_map(s->skel->maps.cells, config->cells, config->max_cells +
		 (few_cells(config) ? 0 : config->max_cells / 8 + CELLS_OTHER));
	size_map(s->skel->maps.hists, config->hists, FI_HISTS);
	size_map(s->skel->maps.servers, config->servers, FI_SERVERS);
	size_map(s->skel->maps.lates, config->upstream, 16384);
	size_map(s->skel->maps.stack_traces, stacks, FI_STACKS);
	size_map(s->skel->maps.stack_numbers, stacks, FI_STACKS);
	if (!config->records)
		bpf_map__set_max_entries(s->skel->maps.records, getpagesize());
}

/* The cgroup of the filter; a path without a slash in front is in cgroup2's mount. */
static int set_cgroup(struct bpf_source *s)
{
	const char *name = s->base.config.cgroup;
	struct text path = { 0 };
	__u32 zero = 0;
	int fd, err = 0;

	if (!s->base.config.settings.cgroup)
		return 0;
	text_printf(&path, "%s%s", name[0] == '/' ? "" : "/sys/fs/cgroup/", name);
	fd = open(path.s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err = complain(FI_USAGE, "cannot open the cgroup '%s': %s", path.s,
			       strerror(errno));
	else if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.cgroups), &zero, &fd, BPF_ANY))
		err = complain(FI_USAGE, "'%s' is not a cgroup of version 2 (see: findmnt -t cgroup2)",
			       path.s);
	if (fd >= 0)
		close(fd);
	text_free(&path);
	return err;
}

static int load_error(int err)
{
	if (!may_load() || !may_trace() || err == -EPERM)
		return complain(FI_NO_PRIVILEGE,
			    "not allowed to load BPF programs; run as root, or with CAP_BPF and CAP_PERFMON (see: fuseiomap doctor)");
	if (err == -E2BIG || err == -ENOMEM)
		return complain(FI_FAILED, "cannot load the BPF programs: not enough memory for the table of cells, or it is too large: %s; --cells sets its size (-v shows why)",
				strerror(-err));
	return complain(FI_FAILED, "cannot load the BPF programs: %s (-v shows why)", strerror(-err));
}

/* ---- names --------------------------------------------------------------- */

/* Files that have another name now; the catalog drops what has not changed. */
static void rename_files(struct bpf_source *s)
{
	struct catalog *c = s->base.config.catalog;
	int fd = bpf_map__fd(s->skel->maps.files);
	struct fi_file_key key, *prev = NULL;
	struct fi_file f;

	s->files_renamed = s->skel->bss->files_renamed;
	for (; !bpf_map_get_next_key(fd, prev, &key); prev = &key)
		if (catalog_file(c, key.dev, key.ino) &&
		    !bpf_map_lookup_elem(fd, &key, &f))
			catalog_add_fi_file(c, &key, &f);
}

static void name_file(struct bpf_source *s, __u32 dev, __u64 ino)
{
	struct catalog *c = s->base.config.catalog;
	struct fi_file_key key = { .ino = ino, .dev = dev };
	struct fi_file f;

	if (c && s->files_renamed != s->skel->bss->files_renamed)
		rename_files(s);
	if (c && ino && !catalog_use_file(c, dev, ino) &&
	    !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.files), &key, &f))
		catalog_add_fi_file(c, &key, &f);
}

/* Comms change: one that is known is looked up again unless this is still its comm. */
static void name_task(struct bpf_source *s, __u32 tid, const char *comm)
{
	struct catalog *c = s->base.config.catalog;
	const struct task *known = c && comm ? catalog_use_task(c, tid) : NULL;
	struct fi_task t;

	if (known && !strncmp(known->comm, comm, FI_COMM_LEN))
		return;
	if (c && tid && !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.tasks), &tid, &t))
		catalog_add_fi_task(c, tid, &t);
}

static int compare_stacks(const void *a, const void *b)
{
	const struct seen_stack *x = a, *y = b;

	if (x->user != y->user)
		return x->user ? 1 : -1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Without the frames of the tracing itself, which are innermost. */
static const char *skip_tracing(const char *frames)
{
	const char *from = frames;

	for (const char *line = frames; line; ) {
		const char *next = strchr(line, '\n');

		next = next ? next + 1 : NULL;
		if (!strncmp(line, "bpf_", 4) || !strncmp(line, "__bpf_", 6) ||
		    !strncmp(line, "__traceiter_", 12))
			from = next ? next : "";
		line = next;
	}
	return from;
}

/* Reads a stack from the kernel and gives it names. False if it is not there. */
static bool add_stack(struct bpf_source *s, __s32 raw, __u32 pid, const struct seen_stack *seen)
{
	__u64 ip[FI_STACK_DEPTH] = { 0 };
	struct text t = { 0 };
	struct stack stack = { .id = seen->id, .user = seen->user };
	__u32 key = raw - 1;
	size_t n = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.stack_traces), &key, ip))
		return false;
	while (n < FI_STACK_DEPTH && ip[n])
		n++;
	if (seen->user)
		symbols_user(s->symbols, &t, pid, ip, n);
	else
		symbols_kernel(s->symbols, &t, ip, n);
	stack.frames = (char *)(seen->user || !t.s ? t.s : skip_tracing(t.s));
	if (stack.frames)
		catalog_add_stack(s->base.config.catalog, &stack);
	text_free(&t);
	return stack.frames;
}

/* From the kernel's number of a stack to the catalog's; 0: none. */
static __s32 name_stack(struct bpf_source *s, __s32 raw, bool user, __u32 pid)
{
	struct seen_stack want = { .key = raw, .user = user }, *fresh, **found;

	if (!raw || !s->base.config.catalog)
		return 0;
	if (user)
		want.key |= (__u64)pid << 32;
	found = tfind(&want, &s->stacks, compare_stacks);
	if (found)
		return (*found)->id;
	want.id = s->nr_stacks + 1;
	if (!add_stack(s, raw, pid, &want)) {
		s->stacks_lost++;
		return 0;
	}
	s->nr_stacks++;
	fresh = xcalloc(1, sizeof(*fresh));
	*fresh = want;
	tsearch(fresh, &s->stacks, compare_stacks);
	return want.id;
}

/*
 * END's done event shows the mapping as the kernel keeps it, with flags that are
 * Linux 7.3's own; records have those of the interface, as the server is told.
 */
static __u16 wire_mapflags(__u16 kernel)
{
	static const struct { __u16 kernel, wire; } flags[] = {
		{ 1U << 0, FUSE_IOMAP_F_NEW },
		{ 1U << 1, FUSE_IOMAP_F_DIRTY },
		{ 1U << 2, FUSE_IOMAP_F_SHARED },
		{ 1U << 3, FUSE_IOMAP_F_MERGED },
		{ 1U << 6, FUSE_IOMAP_F_BOUNDARY },
		{ 1U << 7, FUSE_IOMAP_F_ANON_WRITE },
		{ 1U << 8, FUSE_IOMAP_F_ATOMIC_BIO },
		{ 1U << 12, FUSE_IOMAP_F_WANT_IOMAP_END },
		{ 1U << 14, FUSE_IOMAP_F_SIZE_CHANGED },
		{ 1U << 15, FUSE_IOMAP_F_STALE },
	};
	__u16 wire = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (kernel & flags[i].kernel)
			wire |= flags[i].wire;
	return wire;
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct bpf_source *s = ctx;
	struct source_config *config = &s->base.config;
	struct fi_record r;

	if (size < sizeof(r))
		return 0;
	memcpy(&r, data, sizeof(r));
	if (r.kind == FI_END && !(r.flags & FI_F_UNSURE))
		r.read.flags = wire_mapflags(r.read.flags);
	name_file(s, r.dev, r.ino);
	name_task(s, r.tid, r.comm);
	r.kernel_stack = name_stack(s, r.kernel_stack, false, 0);
	r.user_stack = name_stack(s, r.user_stack, true, r.pid);
	if (config->sink)
		config->sink(config->ctx, &r);
	return 0;
}

/* ---- opening ------------------------------------------------------------- */

/* What the second program of each event calls if the first was skipped. */
static int link_seconds(const struct bpf_source *s)
{
	static const __u32 zero;
	char array[64];

	for (size_t i = 0; i < nr_events; i++) {
		struct bpf_program *first = program(s, events[i].prog, "");
		int fd = bpf_program__fd(first);

		if (!bpf_program__autoload(first))
			continue;
		snprintf(array, sizeof(array), "%s_first", events[i].prog);
		if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(s->skel->obj, array),
					&zero, &fd, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int load(struct bpf_source *s)
{
	const struct fi_settings *set = &s->base.config.settings;
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
		size_maps(s, &types);
	kernel_types_close(&types);
	if (err)
		return err;
	err = fuseiomap__load(s->skel);
	if (!err)
		err = link_seconds(s);
	if (!err && set->records) {
		s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.records), on_record,
					   s, NULL);
		err = s->ring ? 0 : -errno;
	}
	return err ? load_error(err) : set_cgroup(s);
}

/*
 * Attached in this order, so that the second of two programs on an event comes
 * after the first.
 */
static int attach(struct bpf_source *s)
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
	s->open_link = bpf_program__attach(s->skel->progs.open_ops);
	return s->open_link ? 0 : -errno;
}

static void detach(struct bpf_source *s)
{
	for (size_t i = 2 * nr_events; i > 0; i--) {
		bpf_link__destroy(s->link[i - 1]);
		s->link[i - 1] = NULL;
	}
}

static void close_bpf(struct source *base)
{
	struct bpf_source *s = (struct bpf_source *)base;

	detach(s);
	bpf_link__destroy(s->open_link);
	ring_buffer__free(s->ring);
	fuseiomap__destroy(s->skel);
	symbols_free(s->symbols);
	tdestroy(s->stacks, free);
	cells_free(&s->cells);
	free(s->percpu);
	free(s->late);
	free(s);
}

static void fill_info(struct source_info *info, const struct fi_settings *set)
{
	struct utsname u;

	uname(&u);
	snprintf(info->backend, sizeof(info->backend), "bpf");
	snprintf(info->kernel, sizeof(info->kernel), "%s", u.release);
	snprintf(info->host, sizeof(info->host), "%s", u.nodename);
	info->adds_up = set->cells;
}

static int open_bpf(struct source **sp, const struct source_config *config)
{
	const struct fi_settings *set = &config->settings;
	struct bpf_source *s = xcalloc(1, sizeof(*s));
	struct text none = { 0 };
	int err;

	libbpf_talks(config->verbose);
	s->base = (struct source){ .ops = &source_bpf, .config = *config };
	fill_info(&s->base.info, set);
	s->ncpus = libbpf_num_possible_cpus();
	if (s->ncpus < 1)
		s->ncpus = 1;
	s->percpu = xcalloc(s->ncpus, sizeof(struct fi_cell));
	if (set->kernel_stacks || set->user_stacks)
		s->symbols = symbols_new();
	/* The kernel's now: while they are read, a process could end whose we want. */
	if (set->kernel_stacks)
		symbols_kernel(s->symbols, &none, NULL, 0);
	err = load(s);
	if (!err) {
		err = attach(s);
		err = err ? load_error(err) : 0;
	}
	if (err) {
		close_bpf(&s->base);
		return err;
	}
	s->late = xcalloc(1, bpf_map__value_size(s->skel->maps.lates));
	*sp = &s->base;
	return 0;
}

/* ---- running ------------------------------------------------------------- */

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
static __u64 read_skipped(const struct bpf_source *s)
{
	__u64 skipped = 0;

	for (size_t i = 0; i < nr_events; i++)
		if (events[i].need != EVENT_SPLIT)
			skipped += recursion_misses(program(s, events[i].prog, ""));
	return skipped;
}

/*
 * Events that neither of the two programs could count. Skipped programs on
 * requests show as upcalls without a split instead.
 */
static __u64 missed(const struct bpf_source *s, const struct fi_ledger *l)
{
	__u64 by_first = (s->stopped ? s->skipped_at_stop : read_skipped(s)) -
			 s->skipped_at_start + l->no_storage;

	return by_first > l->repaired ? by_first - l->repaired : 0;
}

static __u64 clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int start_bpf(struct source *base)
{
	struct bpf_source *s = (struct bpf_source *)base;

	s->skipped_at_start = read_skipped(s);
	base->info.start_ns = clock_ns(CLOCK_MONOTONIC);
	base->info.start_wall_ns = clock_ns(CLOCK_REALTIME);
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

static void stop_bpf(struct source *base)
{
	struct bpf_source *s = (struct bpf_source *)base;

	s->skel->bss->enabled = 0;
	quiesce();
	s->skipped_at_stop = read_skipped(s);
	s->stopped = true;
	detach(s);
	quiesce();
}

/* ---- reading ------------------------------------------------------------- */

/*
 * The sum of the CPUs, from nothing: a reading while a program counts may have a bin whose
 * maximum is not there yet, and merging leaves that to the next one. The whole of it is
 * compared with what it was, since it may have a new `done` and an old rest, too.
 */
static void add_cell(const struct bpf_source *s, struct cells *to, const struct fi_cell_key *key)
{
	struct cell *was = cells_find(&s->cells, key);
	const struct fi_cell *parts = s->percpu;
	struct fi_cell sum = { 0 };

	for (int i = 0; i < s->ncpus; i++)
		cell_merge(&sum, &parts[i]);
	if (was && !memcmp(&was->v, &sum, sizeof(sum)))
		cells_share(to, was);
	else
		cells_add(to, key)->v = sum;
}

static int read_cells(struct bpf_source *s, const struct bpf_map *map, struct cells *to)
{
	struct fi_cell_key key, *prev = NULL;
	int fd = bpf_map__fd(map);

	cells_clear(to);
	while (!bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, s->percpu))
			return -errno;
		name_file(s, key.dev, key.ino);
		add_cell(s, to, &key);
	}
	cells_sort(to);
	cells_copy(&s->cells, to);
	for (size_t i = 0; i < to->n; i++)
		if (!i || to->cell[i]->key.tid != to->cell[i - 1]->key.tid)
			name_task(s, to->cell[i]->key.tid, NULL);
	return 0;
}

static int read_hists(struct bpf_source *s, struct snapshot *to)
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
static int read_counters(struct bpf_source *s, const struct bpf_map *map, __u32 index,
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

static void put_open(struct bpf_source *s, struct snapshot *to, const struct fi_open *o)
{
	name_file(s, o->dev, o->ino);
	name_task(s, o->tid, o->comm);
	snapshot_add_open(to, o);
}

/* Upstream's events: what waits for its answer is not on a stack. */
static void read_lates(struct bpf_source *s, struct snapshot *to)
{
	int fd = bpf_map__fd(s->skel->maps.lates);
	struct { __u64 unique; __u32 dev, pad; } key, *prev = NULL;

	while (!bpf_map_get_next_key(fd, prev, &key)) {
		prev = &key;
		if (!bpf_map_lookup_elem(fd, &key, s->late))
			put_open(s, to, s->late);
	}
}

static int read_open(struct bpf_source *s, struct snapshot *to)
{
	struct fi_open buf[64];
	ssize_t n;
	int fd = bpf_iter_create(bpf_link__fd(s->open_link));

	if (fd < 0)
		return -errno;
	to->nr_open = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (size_t i = 0; i < n / sizeof(buf[0]); i++)
			put_open(s, to, &buf[i]);
	n = n < 0 ? -errno : 0;
	close(fd);
	if (s->base.info.upstream)
		read_lates(s, to);
	return n;
}

static int read_servers(struct bpf_source *s, struct snapshot *to)
{
	int fd = bpf_map__fd(s->skel->maps.servers);
	struct fi_server_key *prev = NULL;
	struct server v;

	to->nr_servers = 0;
	while (!bpf_map_get_next_key(fd, prev, &v.key)) {
		prev = &v.key;
		if (bpf_map_lookup_elem(fd, &v.key, &v.v))
			return -errno;
		snapshot_add_server(to, &v);
	}
	return 0;
}

static int read_bpf(struct source *base, struct snapshot *to)
{
	struct bpf_source *s = (struct bpf_source *)base;
	const struct fi_settings *set = &base->config.settings;
	int err = 0;

	to->time_ns = clock_ns(CLOCK_MONOTONIC);
	if (set->cells)
		err = read_cells(s, s->skel->maps.cells, &to->cells);
	if (!err && set->hists)
		err = read_hists(s, to);
	for (__u32 op = 0; !err && set->hists && op < FI_OPS; op++)
		err = read_counters(s, s->skel->maps.shares, op, &to->shares[op],
				    sizeof(to->shares[op]));
	if (!err)
		err = read_open(s, to);
	if (!err && set->servers)
		err = read_servers(s, to);
	if (!err)
		err = read_counters(s, s->skel->maps.ledgers, 0, &to->ledger,
				    sizeof(to->ledger));
	to->ledger.stacks_lost += s->stacks_lost;
	to->missed = missed(s, &to->ledger);
	to->splits = base->info.splits;
	to->upstream = base->info.upstream;
	snapshot_sort(to);
	return err;
}

static int fd_bpf(const struct source *base)
{
	const struct bpf_source *s = (const struct bpf_source *)base;

	return s->ring ? ring_buffer__epoll_fd(s->ring) : -1;
}

static void drain_bpf(struct source *base)
{
	struct bpf_source *s = (struct bpf_source *)base;

	if (s->ring)
		ring_buffer__consume(s->ring);
}

const struct source_ops source_bpf = {
	.name = "bpf",
	.open = open_bpf,
	.start = start_bpf,
	.stop = stop_bpf,
	.read = read_bpf,
	.fd = fd_bpf,
	.drain = drain_bpf,
	.close = close_bpf,
};
