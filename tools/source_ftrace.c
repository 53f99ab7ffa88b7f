// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ftrace as a source: an instance of tracefs of our own, whose raw per-CPU buffers
 * are read and paired here. It needs neither BPF nor BTF, only access to tracefs.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <event-parse.h>
#include <kbuffer.h>
#include <tracefs.h>

#include "error.h"
#include "events.h"
#include "openfiles.h"
#include "pairing.h"
#include "privilege.h"
#include "raw.h"
#include "source.h"
#include "symbols.h"
#include "text.h"

#define PREFIX		"fuseiomap-"

/* Per CPU, in KiB; half of it is tried where there is not enough memory. */
#define BUFFER_KB	8192
#define BUFFER_KB_MIN	256

/*
 * What a CPU has written is readable a moment later: events younger than this wait
 * for the next time, so that those of all CPUs can be put in order.
 */
#define SETTLE_NS	10000000ULL

/* An event in the queue of its CPU. */
struct queue {
	struct raw_event *event;
	size_t first;
	size_t n;
	size_t size;
};

struct cpu {
	int cpu;
	int fd;			/* trace_pipe_raw; -1: closed */
	struct kbuffer *kbuf;
	struct queue queue;
	__u64 overrun;		/* lost, as last read */
};

struct ftrace {
	struct source source;
	struct tracefs_instance *instance;
	struct tep_handle *tep;
	struct raw_decoder *decoder;
	struct tasks *tasks;
	struct openfiles *files;
	struct pairing *pairing;
	struct symbols *symbols;
	void *stacks;		/* struct seen_stack, for tsearch() */
	__s32 nr_stacks;
	struct cpu *cpu;
	int nr_cpus;
	char *page;
	size_t page_size;
	int epoll_fd;
	/*
	 * Of /dev/fuse, to keep the module: an event that is on does not, as a BPF program
	 * does, and when it goes the kernel warns, and throws away what is in the buffers.
	 */
	int module_fd;
	bool stopped;
};

static struct ftrace *ftrace_of(struct source *s)
{
	return (struct ftrace *)s;
}

static __u64 now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- the instance --------------------------------------------------------------- */

/*
 * What is called like ours and whose process is gone was left by a run that was
 * killed. (Its number may be another's by now: then the next run finds it.)
 */
static int remove_stale(const char *name, void *unused)
{
	struct tracefs_instance *i;
	const char *p = name + strlen(PREFIX);
	char *end;
	long pid;

	if (strncmp(name, PREFIX, strlen(PREFIX)) || !isdigit((unsigned char)*p))
		return 0;
	pid = strtol(p, &end, 10);
	if (*end || pid <= 0 || !kill(pid, 0) || errno != ESRCH)
		return 0;
	i = tracefs_instance_create(name);
	if (i) {
		tracefs_instance_destroy(i);
		tracefs_instance_free(i);
	}
	return 0;
}

void ftrace_sweep(void)
{
	if (tracefs_tracing_dir())
		tracefs_instances_walk(remove_stale, NULL);
}

static void instance_close(struct ftrace *f)
{
	if (!f->instance)
		return;
	tracefs_trace_off(f->instance);
	/* Its files may be in use for a moment longer than they are open. */
	for (int tries = 0; tracefs_instance_destroy(f->instance) && tries < 50; tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	tracefs_instance_free(f->instance);
	f->instance = NULL;
}

static int no_tracefs(void)
{
	int err = errno;

	if (err == EACCES || err == EPERM || geteuid())
		return complain(FI_NO_PRIVILEGE,
			    "not allowed to use tracefs; run as root, or give yourself access to /sys/kernel/tracing (see: fuseiomap doctor)");
	return complain(FI_NO_TRACEPOINTS,
		    "there is no tracefs; it needs CONFIG_FTRACE=y and: mount -t tracefs nodev /sys/kernel/tracing");
}

static int set_buffer_size(struct ftrace *f)
{
	for (int kb = BUFFER_KB; kb >= BUFFER_KB_MIN; kb /= 2) {
		char text[16];

		snprintf(text, sizeof(text), "%d", kb);
		if (tracefs_instance_file_write(f->instance, "buffer_size_kb", text) > 0)
			return 0;
	}
	return complain(FI_FAILED, "not enough memory for trace buffers of %d KiB per CPU",
			BUFFER_KB_MIN);
}

static int instance_open(struct ftrace *f)
{
	char name[32];

	if (!tracefs_tracing_dir())
		return no_tracefs();
	snprintf(name, sizeof(name), PREFIX "%d", getpid());
	f->instance = tracefs_instance_create(name);
	if (!f->instance)
		return no_tracefs();
	tracefs_trace_off(f->instance);
	if (tracefs_instance_file_write(f->instance, "trace_clock", "mono") < 0)
		return complain(FI_FAILED, "this kernel's ftrace has no clock 'mono'");
	return set_buffer_size(f);
}

/* ---- events ------------------------------------------------------------------------ */

static bool event_there(struct ftrace *f, enum raw_what what)
{
	return tracefs_event_file_exists(f->instance, raw_names[what].system,
					 raw_names[what].event, "enable");
}

static void add_filter(struct text *t, const char *fmt, __u64 v)
{
	if (t->len)
		text_add(t, " && ", 4);
	text_printf(t, fmt, v);
}

/* fi_op_of() as a filter: all bits of `set`, and none of those that come before it. */
static const struct {
	__u32 set;
	__u32 clear;
} op_bits[FI_OPS] = {
#define WB	FUSE_IOMAP_OP_WRITEBACK
#define REPORT	(WB | FUSE_IOMAP_OP_REPORT)
#define UNSHARE	(REPORT | FUSE_IOMAP_OP_UNSHARE)
#define FAULT	(UNSHARE | FUSE_IOMAP_OP_FAULT)
#define ZERO	(FAULT | FUSE_IOMAP_OP_ZERO)
	[FI_WRITEBACK]	  = { WB, 0 },
	[FI_REPORT]	  = { FUSE_IOMAP_OP_REPORT, WB },
	[FI_UNSHARE]	  = { FUSE_IOMAP_OP_UNSHARE, REPORT },
	[FI_FAULT]	  = { FUSE_IOMAP_OP_FAULT, UNSHARE },
	[FI_ZERO]	  = { FUSE_IOMAP_OP_ZERO, FAULT },
	[FI_WRITE]	  = { FUSE_IOMAP_OP_WRITE, ZERO | FUSE_IOMAP_OP_DIRECT },
	[FI_WRITE_DIRECT] = { FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT, ZERO },
	[FI_READ]	  = { 0, ZERO | FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_DIRECT },
	[FI_READ_DIRECT]  = { FUSE_IOMAP_OP_DIRECT, ZERO | FUSE_IOMAP_OP_WRITE },
#undef WB
#undef REPORT
#undef UNSHARE
#undef FAULT
#undef ZERO
};

static void add_op(struct text *t, __u32 op)
{
	struct text one = { 0 };

	for (int bit = 0; bit < 32; bit++)
		if (op_bits[op].set & 1U << bit)
			add_filter(&one, "opflags & 0x%llx", 1ULL << bit);
	if (op_bits[op].clear)
		add_filter(&one, "!(opflags & 0x%llx)", op_bits[op].clear);
	text_printf(t, "%s(%s)", t->len ? " || " : "", one.s);
	text_free(&one);
}

/* Whether it is an append is told by the size of the file, which a filter cannot compare. */
static void add_ops(struct text *t, __u32 ops)
{
	struct text any = { 0 };

	if (ops & 1U << FI_APPEND)
		ops |= 1U << FI_WRITE;
	if (ops & 1U << FI_APPEND_DIRECT)
		ops |= 1U << FI_WRITE_DIRECT;
	for (__u32 op = 0; op < FI_OPS; op++)
		if (ops & 1U << op && (op_bits[op].set || op_bits[op].clear))
			add_op(&any, op);
	if (any.len)
		text_printf(t, "%s(%s)", t->len ? " && " : "", any.s);
	text_free(&any);
}

static bool has_opflags(enum raw_what what)
{
	return what == RAW_BEGIN || what == RAW_BEGIN_DONE || what == RAW_END ||
	       what == RAW_END_DONE;
}

/*
 * What the kernel can leave out without harm to the pairing. Requests are answered
 * in threads of the server, so they are told apart by connection and opcode alone. With
 * upstream's events an operation may end with its task's next one, whatever that is.
 */
static void make_filter(struct text *t, const struct ftrace *f, enum raw_what what)
{
	const struct fi_settings *s = &f->source.config.settings;
	bool any_op = f->source.info.upstream || what == RAW_BAD_DATA;

	if (raw_is_task(what))
		return;
	if (raw_is_request(what) ? s->dev : s->dev && !any_op)
		add_filter(t, "connection == %llu", s->dev);
	if (what == RAW_REQUEST_SEND || what == RAW_REQUEST_SENT)
		add_filter(t, "opcode >= %llu", FUSE_IOMAP_IOEND);
	if (raw_is_request(what))
		return;
	if (s->ino && !any_op)
		add_filter(t, "ino == %llu", s->ino);
	if (s->tid)
		add_filter(t, "common_pid == %llu", s->tid);
	if (s->comm[0] && !strpbrk(s->comm, "\"\\*?["))
		text_printf(t, "%sCOMM == \"%s\"", t->len ? " && " : "", s->comm);
	if (s->ops && !any_op && has_opflags(what))
		add_ops(t, s->ops);
}

/* The stack comes right behind the event, as an event of its own. */
static int add_stack(struct ftrace *f, const struct raw_name *n, const struct text *filter)
{
	struct text t = { 0 };
	int err;

	text_printf(&t, "stacktrace%s%s", filter->len ? " if " : "", filter->len ? filter->s : "");
	err = tracefs_event_file_append(f->instance, n->system, n->event, "trigger", t.s) < 0;
	text_free(&t);
	return err ? complain(FI_FAILED, "this kernel's ftrace takes no stacks: %s",
			      strerror(errno)) : 0;
}

static int enable_event(struct ftrace *f, enum raw_what what)
{
	const struct raw_name *n = &raw_names[what];
	struct text filter = { 0 };
	int err = 0;

	make_filter(&filter, f, what);
	if (f->source.config.settings.kernel_stacks && raw_is_start(what))
		err = add_stack(f, n, &filter);
	if (err) {
		text_free(&filter);
		return err;
	}
	if (filter.len)
		err = tracefs_event_file_write(f->instance, n->system, n->event, "filter",
					       filter.s) < 0;
	if (!err)
		err = tracefs_event_enable(f->instance, n->system, n->event);
	text_free(&filter);
	return err ? complain(FI_FAILED, "cannot enable the tracepoint %s:%s: %s", n->system,
			      n->event, strerror(errno)) : 0;
}

/* Without these there is nothing to tell. */
static const enum raw_what must[] = { RAW_BEGIN, RAW_END, RAW_IOEND };

/*
 * What is decided by upstream's events needs more of them. BEGINs are needed always: they
 * tell what an END is of, and what was refused.
 */
static bool needed(const struct ftrace *f, enum raw_what what)
{
	__u32 kinds = f->source.config.settings.kinds;

	if (kinds && !f->source.info.upstream) {
		if (!(kinds & 1U << FI_END) && (what == RAW_END || what == RAW_END_DONE))
			return false;
		if (!(kinds & 1U << FI_IOEND) && (what == RAW_IOEND || what == RAW_IOEND_DONE))
			return false;
	}
	switch (what) {
	case RAW_STACK:
		return false;	/* no event of its own */
	case RAW_TASK_CGROUP:
		return f->source.config.settings.cgroup;
	case RAW_BEGIN_DONE:
	case RAW_END_DONE:
	case RAW_IOEND_DONE:
		return !f->source.info.upstream;
	case RAW_BEGIN_ERROR:
	case RAW_READ_MAP:
	case RAW_WRITE_MAP:
	case RAW_END_ERROR:
	case RAW_IOEND_ERROR:
		return f->source.info.upstream;
	default:
		return true;
	}
}

static int events_open(struct ftrace *f)
{
	struct source_info *info = &f->source.info;
	int err = 0;

	for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++)
		if (!event_there(f, must[i]))
			return no_tracepoint(raw_names[must[i]].event);
	f->module_fd = open("/dev/fuse", O_RDONLY | O_CLOEXEC);
	info->upstream = f->source.config.no_done;
	info->splits = true;
	for (int what = 0; what < RAW_WHATS; what++) {
		if (raw_is_done(what) && !event_there(f, what))
			info->upstream = true;
		if (raw_is_request(what) && !event_there(f, what))
			info->splits = false;
	}
	/* The innermost first: who sees a start shall see its end. */
	for (int what = RAW_WHATS - 1; what >= 0 && !err; what--)
		if (needed(f, what) && event_there(f, what))
			err = enable_event(f, what);
	return err;
}

static int formats_open(struct ftrace *f)
{
	static const char *const systems[] = { "fuse", "task", "cgroup", "ftrace", NULL };

	f->tep = tracefs_local_events_system(NULL, systems);
	if (!f->tep)
		return complain(FI_FAILED, "cannot read the formats of the trace events: %s",
				strerror(errno));
	f->decoder = raw_decoder_new(f->tep);
	return 0;
}

/* ---- the buffers -------------------------------------------------------------------- */

static int cpu_open(struct ftrace *f, struct cpu *c, int cpu)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = cpu };
	char file[64];

	c->cpu = cpu;
	snprintf(file, sizeof(file), "per_cpu/cpu%d/trace_pipe_raw", cpu);
	c->fd = tracefs_instance_file_open(f->instance, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	c->kbuf = kbuffer_alloc(tep_get_header_page_size(f->tep) == 8 ? KBUFFER_LSIZE_8 :
				KBUFFER_LSIZE_SAME_AS_HOST, KBUFFER_ENDIAN_SAME_AS_HOST);
	if (c->fd < 0 || !c->kbuf)
		return complain(FI_FAILED, "cannot open the trace buffer of CPU %d: %s", cpu,
				strerror(errno));
	epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev);
	return 0;
}

static int cpus_open(struct ftrace *f)
{
	int n = sysconf(_SC_NPROCESSORS_CONF), err = 0;
	int kb = 0;
	char *text;

	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	text = tracefs_instance_file_read(f->instance, "buffer_subbuf_size_kb", NULL);
	if (text)
		kb = atoi(text);
	free(text);
	f->page_size = kb > 0 ? kb * 1024 : getpagesize();
	f->page = xcalloc(1, f->page_size);
	f->cpu = xcalloc(n, sizeof(*f->cpu));
	for (int i = 0; i < n; i++)
		f->cpu[i].fd = -1;
	f->nr_cpus = n;
	for (int i = 0; i < n && !err; i++)
		err = cpu_open(f, &f->cpu[i], i);
	return err;
}

static struct raw_event *queue_add(struct queue *q)
{
	if (q->n == q->size) {
		q->size = q->size ? q->size * 2 : 256;
		q->event = xrealloc(q->event, q->size * sizeof(*q->event));
	}
	return &q->event[q->n++];
}

/* ---- stacks --------------------------------------------------------------------------- */

#define MAX_FRAMES	64

struct seen_stack {
	__s32 id;
	size_t n;
	__u64 ip[MAX_FRAMES];
};

static int compare_stacks(const void *a, const void *b)
{
	const struct seen_stack *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return memcmp(x->ip, y->ip, x->n * sizeof(x->ip[0]));
}

/* Its id in the catalog; 0 if it is empty. */
static __s32 name_stack(struct ftrace *f, void *data, size_t size)
{
	struct seen_stack want, *fresh, **found;
	struct stack stack = { 0 };
	struct text t = { 0 };

	want.n = raw_stack(f->decoder, data, size, want.ip, MAX_FRAMES);
	if (!want.n || !f->source.config.catalog)
		return 0;
	found = tfind(&want, &f->stacks, compare_stacks);
	if (found)
		return (*found)->id;
	want.id = ++f->nr_stacks;
	fresh = xcalloc(1, sizeof(*fresh));
	*fresh = want;
	tsearch(fresh, &f->stacks, compare_stacks);
	if (!f->symbols)
		f->symbols = symbols_new();
	symbols_kernel(f->symbols, &t, want.ip, want.n);
	stack.id = want.id;
	stack.frames = t.s;
	catalog_add_stack(f->source.config.catalog, &stack);
	text_free(&t);
	return want.id;
}

/* ---- reading -------------------------------------------------------------------------- */

static void queue_page(struct ftrace *f, struct cpu *c)
{
	unsigned long long ts;
	void *data;

	kbuffer_load_subbuffer(c->kbuf, f->page);
	for (data = kbuffer_read_event(c->kbuf, &ts); data;
	     data = kbuffer_next_event(c->kbuf, &ts)) {
		struct raw_event *e = queue_add(&c->queue);
		size_t size = kbuffer_event_size(c->kbuf);

		if (!raw_decode(f->decoder, data, size, ts, e))
			c->queue.n--;
		else if (e->what == RAW_STACK)
			e->stack = name_stack(f, data, size);
	}
}

/*
 * A CPU that writes faster than we read shall not keep us from the others. Returns up
 * to when its events are read, if that is before until_ns.
 */
static __u64 read_cpu(struct ftrace *f, struct cpu *c, __u64 until_ns)
{
	const struct queue *q = &c->queue;

	for (size_t n = 0; read(c->fd, f->page, f->page_size) > 0; n++) {
		queue_page(f, c);
		if (n * f->page_size < BUFFER_KB * 1024UL || until_ns == ~0ULL)
			continue;
		if (q->n && q->event[q->n - 1].time_ns < until_ns)
			until_ns = q->event[q->n - 1].time_ns;
		break;
	}
	return until_ns;
}

/* Hands over the events up to `until_ns`, of all CPUs in the order of time. */
static void merge(struct ftrace *f, __u64 until_ns)
{
	for (;;) {
		struct queue *next = NULL;
		__u64 time_ns = until_ns;

		for (int i = 0; i < f->nr_cpus; i++) {
			struct queue *q = &f->cpu[i].queue;

			if (q->first < q->n && q->event[q->first].time_ns < time_ns) {
				next = q;
				time_ns = q->event[q->first].time_ns;
			}
		}
		if (!next)
			return;
		pairing_event(f->pairing, &next->event[next->first++]);
	}
}

/* What stays are the events of a few ms. */
static void queue_compact(struct queue *q)
{
	q->n -= q->first;
	memmove(q->event, q->event + q->first, q->n * sizeof(*q->event));
	q->first = 0;
}

/* `last`: the trace is off, and all there is is read. */
static void read_all(struct ftrace *f, bool last)
{
	__u64 until_ns = last ? ~0ULL : now_ns(CLOCK_MONOTONIC) - SETTLE_NS;

	for (int i = 0; i < f->nr_cpus; i++)
		until_ns = read_cpu(f, &f->cpu[i], until_ns);
	merge(f, until_ns);
	for (int i = 0; i < f->nr_cpus; i++)
		if (f->cpu[i].queue.first)
			queue_compact(&f->cpu[i].queue);
}

/* ---- loss ---------------------------------------------------------------------------- */

/* Events that this CPU has lost since the start. */
static __u64 read_overrun(const struct ftrace *f, int cpu)
{
	static const char *const names[] = { "overrun: ", "commit overrun: ", "dropped events: " };
	char file[64], *text, *line, *save = NULL;
	__u64 n = 0;

	snprintf(file, sizeof(file), "per_cpu/cpu%d/stats", cpu);
	text = tracefs_instance_file_read(f->instance, file, NULL);
	for (line = strtok_r(text, "\n", &save); text && line; line = strtok_r(NULL, "\n", &save))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strncmp(line, names[i], strlen(names[i])))
				n += strtoull(line + strlen(names[i]), NULL, 10);
	free(text);
	return n;
}

static void count_lost(struct ftrace *f)
{
	for (int i = 0; i < f->nr_cpus; i++) {
		struct cpu *c = &f->cpu[i];
		__u64 n = read_overrun(f, c->cpu);

		if (n > c->overrun)
			pairing_lost(f->pairing, n - c->overrun);
		c->overrun = n;
	}
}

/* ---- source ---------------------------------------------------------------------------- */

static void on_file(void *ctx, const struct fi_record *r)
{
	struct ftrace *f = ctx;

	openfiles_find(f->files, r->tid, r->dev, r->ino, r->nodeid);
}

static void set_info(struct source_info *info)
{
	struct utsname u;

	uname(&u);
	strcpy(info->backend, "ftrace");
	snprintf(info->kernel, sizeof(info->kernel), "%s", u.release);
	snprintf(info->host, sizeof(info->host), "%s", u.nodename);
}

static void ftrace_close(struct source *s)
{
	struct ftrace *f = ftrace_of(s);

	for (int i = 0; i < f->nr_cpus; i++) {
		if (f->cpu[i].fd >= 0)
			close(f->cpu[i].fd);
		kbuffer_free(f->cpu[i].kbuf);
		free(f->cpu[i].queue.event);
	}
	if (f->epoll_fd >= 0)
		close(f->epoll_fd);
	instance_close(f);
	if (f->module_fd >= 0)
		close(f->module_fd);
	pairing_free(f->pairing);
	tasks_free(f->tasks);
	openfiles_free(f->files);
	symbols_free(f->symbols);
	tdestroy(f->stacks, free);
	raw_decoder_free(f->decoder);
	tep_free(f->tep);
	free(f->cpu);
	free(f->page);
	free(f);
}

static int cgroup_open(struct ftrace *f)
{
	const char *path = f->source.config.cgroup;
	int err = path ? tasks_set_cgroup(f->tasks, path) : 0;

	return err ? complain(FI_USAGE, "cannot use the cgroup '%s': %s", path,
			      err == -ENOTSUP ? "it is not of a version 2 hierarchy" :
			      strerror(-err)) : 0;
}

static int open_all(struct ftrace *f)
{
	const struct source_config *config = &f->source.config;
	int err;

	if (config->settings.user_stacks)
		return complain(FI_USAGE, "the ftrace backend has no stacks of programs: use --backend bpf");
	err = cgroup_open(f);
	if (!err)
		err = instance_open(f);
	if (!err)
		err = formats_open(f);
	if (!err)
		err = cpus_open(f);
	if (!err)
		err = events_open(f);
	return err;
}

static int ftrace_open(struct source **sp, const struct source_config *config)
{
	struct ftrace *f = xcalloc(1, sizeof(*f));
	int err;

	f->source.ops = &source_ftrace;
	f->source.config = *config;
	f->epoll_fd = f->module_fd = -1;
	set_info(&f->source.info);
	if (!config->verbose) {
		tracefs_set_loglevel(TEP_LOG_NONE);
		tep_set_loglevel(TEP_LOG_NONE);
	}
	f->tasks = tasks_new(tasks_lookup_proc, NULL);
	err = open_all(f);
	if (err) {
		ftrace_close(&f->source);
		return err;
	}
	f->files = openfiles_new(config->catalog);
	f->pairing = pairing_new(&f->source.config, f->source.info.upstream, f->tasks);
	pairing_on_file(f->pairing, on_file, f);
	*sp = &f->source;
	return 0;
}

static int ftrace_start(struct source *s)
{
	struct ftrace *f = ftrace_of(s);

	if (tracefs_trace_on(f->instance))
		return complain(FI_FAILED, "cannot start the trace: %s", strerror(errno));
	/* From here on the kernel tells of new threads. */
	tasks_scan_proc(f->tasks);
	s->info.start_ns = now_ns(CLOCK_MONOTONIC);
	s->info.start_wall_ns = now_ns(CLOCK_REALTIME);
	return 0;
}

static void ftrace_stop(struct source *s)
{
	struct ftrace *f = ftrace_of(s);

	tracefs_trace_off(f->instance);
	/* Until no event is half written, or for much longer than that takes. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	read_all(f, true);
	count_lost(f);
	f->stopped = true;
}

static void ftrace_drain(struct source *s)
{
	struct ftrace *f = ftrace_of(s);

	if (!f->stopped)
		read_all(f, false);
}

static int ftrace_read(struct source *s, struct snapshot *to)
{
	struct ftrace *f = ftrace_of(s);

	if (!f->stopped) {
		read_all(f, false);
		count_lost(f);
	}
	to->time_ns = now_ns(CLOCK_MONOTONIC);
	pairing_read(f->pairing, to);
	to->splits = s->info.splits;
	return 0;
}

static int ftrace_fd(const struct source *s)
{
	return ((const struct ftrace *)s)->epoll_fd;
}

static void ftrace_notes(struct source *s)
{
	struct ftrace *f = ftrace_of(s);

	for (int i = 0; s->config.verbose && i < f->nr_cpus; i++)
		if (f->cpu[i].overrun)
			fprintf(stderr, "fuseiomap: CPU %d lost %" PRIu64 " events\n",
				f->cpu[i].cpu, (uint64_t)f->cpu[i].overrun);
}

const struct source_ops source_ftrace = {
	.name = "ftrace",
	.open = ftrace_open,
	.start = ftrace_start,
	.stop = ftrace_stop,
	.read = ftrace_read,
	.fd = ftrace_fd,
	.drain = ftrace_drain,
	.notes = ftrace_notes,
	.close = ftrace_close,
};
