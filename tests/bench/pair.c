// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one begin/end pair costs on this kernel, by each way to watch it: in place of the
 * events of fuse-iomap, which this kernel need not have, those of entering and leaving
 * getppid(). Prints a JSON line for each measurement, {"where", "side", "repetition", "ns"}:
 * CPU time of one call, with all that the events add to it.
 *
 * The sides take turns, so that what else happens on the machine meets all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "fuseiomap.h"
#include "fuseiomap_pair.h"
#include "pair.skel.h"

#define CALLS		300000
#define INSTANCE	"/sys/kernel/tracing/instances/fuseiomap-bench"
#define MAX_PROGRAMS	4

static struct pair *skel;
static struct bpf_link *links[MAX_PROGRAMS];

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	fputs("tests/bench/pair: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	rmdir(INSTANCE);
	exit(1);
}

/* Nothing else of ours outlives us. */
static void on_signal(int number)
{
	rmdir(INSTANCE);
	_exit(128 + number);
}

/* ---- BPF ----------------------------------------------------------------- */

static void attach(const char *const *names)
{
	for (int i = 0; i < MAX_PROGRAMS && names[i]; i++) {
		links[i] = bpf_program__attach(
			bpf_object__find_program_by_name(skel->obj, names[i]));
		if (!links[i])
			fail("cannot attach %s: %s", names[i], strerror(errno));
	}
}

/* Also has the task forget what one of two programs alone has left there. */
static void stop_bpf(void)
{
	int pidfd = syscall(SYS_pidfd_open, getpid(), 0);

	for (int i = MAX_PROGRAMS; i > 0; i--) {
		bpf_link__destroy(links[i - 1]);
		links[i - 1] = NULL;
	}
	bpf_map_delete_elem(bpf_map__fd(skel->maps.stacks), &pidfd);
	close(pidfd);
}

/* Counts are from here to where the loop of calls ends. */
static void begin_bpf(void)
{
	skel->bss->enabled = 1;
}

struct counts {
	__u64 pairs;
	__u64 repaired;		/* events whose second program had to call the first */
	__u64 skipped;		/* runs of a program that the kernel has left out */
};

static __u64 count_skipped(void)
{
	struct bpf_program *p;
	__u64 sum = 0;

	bpf_object__for_each_program(p, skel->obj) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (!bpf_program__autoload(p))
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
			fail("cannot read of %s: %s", bpf_program__name(p), strerror(errno));
		sum += info.recursion_misses;
	}
	return sum;
}

static struct counts read_counts(void)
{
	int n = libbpf_num_possible_cpus(), fd = bpf_map__fd(skel->maps.ledgers);
	struct fi_ledger *l = calloc(n, sizeof(*l));
	struct counts sum = { .skipped = count_skipped() };
	__u32 zero = 0;

	if (!l || bpf_map_lookup_elem(fd, &zero, l))
		fail("cannot read the ledger: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		sum.pairs += l[i].ok[FI_BEGIN];
		sum.repaired += l[i].repaired;
	}
	free(l);
	return sum;
}

static bool can_stop_preemption(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool can = btf && btf__find_by_name_kind(btf, "bpf_preempt_disable", BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return can;
}

/* What the second programs call if the first was skipped. */
static void link_second(const struct bpf_map *array, const struct bpf_program *first)
{
	int fd = bpf_program__fd(first);
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(array), &zero, &fd, BPF_ANY))
		fail("cannot link %s: %s", bpf_program__name(first), strerror(errno));
}

static void load(void)
{
	static const char *const wanted = "bench_";
	struct fi_settings *set;
	struct bpf_program *p;

	skel = pair__open();
	if (!skel)
		fail("cannot open the programs: %s", strerror(errno));
	bpf_object__for_each_program(p, skel->obj)
		bpf_program__set_autoload(p, !strncmp(bpf_program__name(p), wanted,
						       strlen(wanted)));
	/* What `fuseiomap hist` asks for. */
	set = (struct fi_settings *)&skel->rodata->settings;
	set->cells = 1;
	set->hists = 1;
	set->by = FI_BY_TYPE;
	set->max_cells = 512;
	set->no_preempt = can_stop_preemption();
	skel->rodata->bench_pid = getpid();
	bpf_map__set_max_entries(skel->maps.cells, 1024);
	bpf_map__set_max_entries(skel->maps.records, getpagesize());
	if (pair__load(skel))
		fail("cannot load the programs: %s", strerror(errno));
	link_second(skel->maps.bench_begin_first, skel->progs.bench_begin);
	link_second(skel->maps.bench_done_first, skel->progs.bench_done);
	attach((const char *const[MAX_PROGRAMS]){ "bench_prepare" });
	syscall(SYS_getppid);
	stop_bpf();
	if (!skel->bss->bench_inode)
		fail("the programs have not found the working directory");
}

/* ---- the others ---------------------------------------------------------- */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("cannot write '%s' to %s: %s", text, path, strerror(errno));
	close(fd);
}

static void set_events(const char *file, const char *enter, const char *exit)
{
	char path[200];

	snprintf(path, sizeof(path), INSTANCE "/events/raw_syscalls/sys_enter/%s", file);
	write_to(path, enter);
	snprintf(path, sizeof(path), INSTANCE "/events/raw_syscalls/sys_exit/%s", file);
	write_to(path, exit);
}

static void start_ftrace(void)
{
	char pid[32];

	if (mkdir(INSTANCE, 0700))
		fail("cannot make " INSTANCE ": %s", strerror(errno));
	snprintf(pid, sizeof(pid), "%d", getpid());
	write_to(INSTANCE "/set_event_pid", pid);
	set_events("filter", "id == 110", "id == 110");
	set_events("enable", "1", "1");
}

static void stop_ftrace(void)
{
	set_events("enable", "0", "0");
	rmdir(INSTANCE);
}

static pid_t bpftrace;
static int bpftrace_out;

/*
 * It attaches its probes one after the other, and says of none that it is. So calls are
 * made until its histogram, once a second, has some: bars are of "@".
 */
static void wait_for_bars(void)
{
	char text[4096];
	bool ready = false;

	while (!ready) {
		struct pollfd p = { .fd = bpftrace_out, .events = POLLIN };
		ssize_t n = 0;

		syscall(SYS_getppid);
		if (poll(&p, 1, 10) > 0)
			n = read(bpftrace_out, text, sizeof(text));
		if (p.revents && n <= 0)
			fail("bpftrace has ended (is it installed?)");
		ready = memmem(text, n, "|@", 2);
	}
}

static void start_bpftrace(void)
{
	char script[600];
	int fds[2];

	snprintf(script, sizeof(script),
		 "tracepoint:raw_syscalls:sys_enter /pid == %d && args->id == 110/ "
		 "{ @start[tid] = nsecs; } "
		 "tracepoint:raw_syscalls:sys_exit /pid == %d && @start[tid]/ "
		 "{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); } "
		 "interval:s:1 { print(@ns); }", getpid(), getpid());
	if (pipe2(fds, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	bpftrace = fork();
	if (!bpftrace) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], 1);
		execlp("bpftrace", "bpftrace", "-B", "line", "-e", script, NULL);
		_exit(127);
	}
	close(fds[1]);
	bpftrace_out = fds[0];
	wait_for_bars();
}

static void stop_bpftrace(void)
{
	kill(bpftrace, SIGKILL);
	waitpid(bpftrace, NULL, 0);
	close(bpftrace_out);
}

static pid_t perf;
static int perf_orders, perf_answers;

/* It says when it has carried out an order. */
static void order_perf(const char *order)
{
	char answer[8];

	if (write(perf_orders, order, strlen(order)) < 0 ||
	    read(perf_answers, answer, sizeof(answer)) < 4)
		fail("perf has ended (is linux-perf installed?)");
}

static void start_perf(void)
{
	int orders[2], answers[2];
	char pid[16], control[40];

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	snprintf(pid, sizeof(pid), "%d", getpid());
	perf = fork();
	if (!perf) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(control, sizeof(control), "--control=fd:%d,%d", dup(orders[0]),
			 dup(answers[1]));
		execlp("perf", "perf", "record", "-q", "-D", "-1", control, "-p", pid,
		       "-o", "/dev/null",
		       "-e", "raw_syscalls:sys_enter", "--filter", "id == 110",
		       "-e", "raw_syscalls:sys_exit", "--filter", "id == 110", NULL);
		_exit(127);
	}
	close(orders[0]);
	close(answers[1]);
	perf_orders = orders[1];
	perf_answers = answers[0];
	order_perf("enable\n");
}

static void stop_perf(void)
{
	kill(perf, SIGKILL);
	waitpid(perf, NULL, 0);
	close(perf_orders);
	close(perf_answers);
}

/* ---- measuring ----------------------------------------------------------- */

static void nothing(void)
{
}

static const struct side {
	const char *name;
	const char *programs[MAX_PROGRAMS];	/* ours, or */
	void (*start)(void);
	void (*begin)(void);
	void (*stop)(void);
	struct counts each;	/* call adds that */
} sides[] = {
#define WITH(...)	.programs = { __VA_ARGS__ }, .start = nothing, .begin = nothing, .stop = stop_bpf
#define COUNTING(...)	.programs = { __VA_ARGS__ }, .start = nothing, .begin = begin_bpf, \
			.stop = stop_bpf, .each = { .pairs = 1 }
#define PART(name)	{ #name, WITH("bench_empty_enter", "bench_" #name) }
	{ .name = "nothing", .start = nothing, .begin = nothing, .stop = nothing },
	{ .name = "empty", WITH("bench_empty_enter", "bench_empty_exit") },
	{ .name = "ours", COUNTING("bench_begin", "bench_begin_again", "bench_done",
				   "bench_done_again") },
	{ .name = "first", COUNTING("bench_begin", "bench_done") },
	{ .name = "second", COUNTING("bench_begin_again", "bench_done_again"),
	  .each.repaired = 2 },
	{ .name = "bpftrace", .start = start_bpftrace, .begin = nothing, .stop = stop_bpftrace },
	{ .name = "ftrace", .start = start_ftrace, .begin = nothing, .stop = stop_ftrace },
	{ .name = "perf", .start = start_perf, .begin = nothing, .stop = stop_perf },
	{ .name = "empty twice", WITH("bench_empty_enter", "bench_empty_enter_again",
				      "bench_empty_exit", "bench_empty_exit_again") },
	PART(clock),
	PART(storage),
	PART(preemption),
	PART(cell),
};

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/*
 * Each call is counted once, or the programs did something else than what is measured.
 * Kernels that preempt them leave some runs out; a first that was is repaired.
 */
static void expect(const struct side *s, const char *what, __u64 n, __u64 each, __u64 skipped)
{
	__u64 wanted = each * CALLS;

	if (n + skipped < wanted || n > wanted + skipped)
		fail("%s: %llu %s were counted, not %llu; the kernel left out %llu runs", s->name,
		     n, what, wanted, skipped);
}

static double measure(const struct side *s)
{
	struct counts before = read_counts(), after;
	__u64 skipped;
	double from;

	attach(s->programs);
	s->start();
	for (int i = 0; i < CALLS / 10; i++)
		syscall(SYS_getppid);
	from = cpu_ns();
	s->begin();
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	/* Now, since reading the clock is a system call, too. */
	skel->bss->enabled = 0;
	from = cpu_ns() - from;
	s->stop();
	after = read_counts();
	skipped = after.skipped - before.skipped;
	expect(s, "pairs", after.pairs - before.pairs, s->each.pairs, skipped);
	expect(s, "repairs", after.repaired - before.repaired, s->each.repaired, skipped);
	return from / CALLS;
}

/*
 * On the last processor that we may use, since a tracepoint that a program is attached
 * to with perf_event_open(), as bpftrace does, costs more on the one that was named there,
 * which is the first.
 */
static void stay_on_last_cpu(void)
{
	cpu_set_t cpus, last;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		fail("sched_getaffinity: %s", strerror(errno));
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus)) {
			CPU_ZERO(&last);
			CPU_SET(i, &last);
		}
	if (sched_setaffinity(0, sizeof(last), &last))
		fail("sched_setaffinity: %s", strerror(errno));
}

/* Whether the arguments from the second on name this side; none names all. */
static bool is_asked_for(const struct side *s, char **names)
{
	bool asked = !*names;

	for (; *names && !asked; names++)
		asked = !strcmp(*names, s->name);
	return asked;
}

/* What it takes to load the programs, which compares this kernel with another. */
static int show_load(void)
{
	double from = cpu_ns();

	load();
	printf("{\"where\": \"native\", \"load_ns\": %.0f}\n", cpu_ns() - from);
	pair__destroy(skel);
	return 0;
}

int main(int argc, char **argv)
{
	int repetitions = argc > 1 ? atoi(argv[1]) : 0;

	if (argc == 2 && !strcmp(argv[1], "load"))
		return show_load();
	if (repetitions < 1)
		return fputs("usage: pair REPETITIONS [SIDE...] | load\n", stderr), 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	stay_on_last_cpu();
	load();
	for (int n = 1; n <= repetitions; n++)
		for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
			if (!is_asked_for(&sides[i], argv + 2))
				continue;
			printf("{\"where\": \"native\", \"side\": \"%s\", \"repetition\": %d, \"ns\": %.1f}\n",
			       sides[i].name, n, measure(&sides[i]));
			fflush(stdout);
		}
	pair__destroy(skel);
	return 0;
}
