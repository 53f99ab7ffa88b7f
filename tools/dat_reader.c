// SPDX-License-Identifier: GPL-2.0-only
/* Both sides of the pipe; the contract is in dat_reader.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <trace-cmd.h>

#include "dat_reader.h"
#include "error.h"
#include "text.h"

/* Who says nothing for so long is in an endless loop. */
#define PATIENCE_MS	20000

/* Records between two signs of life. */
#define ALIVE_EVERY	4096

/* In the library, not in its header. */
const char *tracecmd_get_uname(struct tracecmd_input *handle) __attribute__((weak));
const char *tracecmd_get_trace_clock(struct tracecmd_input *handle) __attribute__((weak));

struct dat_reader {
	int fd;
	pid_t pid;
	size_t first;		/* what is in the buffer and not yet taken */
	size_t n;
	char buf[65536];
};

/* ---- the process that reads --------------------------------------------------------- */

/* The events of one CPU in one buffer: the main one, or an instance. */
struct stream {
	struct tracecmd_input *handle;
	int cpu;
	struct tep_record *record;	/* the next one */
};

struct input {
	const char *path;
	FILE *out;
	struct tracecmd_input *handle;
	struct stream *stream;
	size_t nr_streams;
	struct raw_decoder *decoder;
	unsigned int read;
	struct dat_head head;
};

/* It is of no use without someone who listens. */
static void say(struct input *in, const void *what, size_t size)
{
	if (fwrite(what, size, 1, in->out) != 1)
		_exit(1);
}

static void say_alive(struct input *in)
{
	const struct dat_message m = { .type = DAT_ALIVE };

	if (++in->read % ALIVE_EVERY)
		return;
	say(in, &m, sizeof(m));
	fflush(in->out);
}

static void say_head(struct input *in)
{
	const struct dat_message m = { .type = DAT_HEAD };

	say(in, &m, sizeof(m));
	say(in, &in->head, sizeof(in->head));
}

static void __attribute__((noreturn)) give_up(struct input *in, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(in->head.why, sizeof(in->head.why), fmt, ap);
	va_end(ap);
	in->head.err = FI_FAILED;
	say_head(in);
	fflush(in->out);
	_exit(1);
}

static void stream_next(struct stream *st)
{
	if (st->record)
		tracecmd_free_record(st->record);
	st->record = tracecmd_read_data(st->handle, st->cpu);
}

static void streams_start(struct input *in)
{
	for (size_t i = 0; i < in->nr_streams; i++) {
		struct stream *st = &in->stream[i];

		if (st->record)
			tracecmd_free_record(st->record);
		/* The first is only looked at: reading then starts with it. */
		st->record = tracecmd_read_cpu_first(st->handle, st->cpu);
	}
}

static struct stream *earliest(struct input *in)
{
	struct stream *first = NULL;

	for (size_t i = 0; i < in->nr_streams; i++) {
		struct stream *st = &in->stream[i];

		if (st->record && (!first || st->record->ts < first->record->ts))
			first = st;
	}
	say_alive(in);
	return first;
}

static void add_streams(struct input *in, struct tracecmd_input *handle)
{
	int cpus = tep_get_cpus(tracecmd_get_tep(handle));

	in->stream = xrealloc(in->stream, (in->nr_streams + cpus) * sizeof(*in->stream));
	for (int cpu = 0; cpu < cpus; cpu++)
		in->stream[in->nr_streams++] = (struct stream){ .handle = handle, .cpu = cpu };
}

static void open_streams(struct input *in)
{
	int n;

	in->handle = tracecmd_open(in->path, TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!in->handle)
		give_up(in, "cannot read '%s': it is no complete trace.dat (trace-cmd has to end before it is)",
			in->path);
	add_streams(in, in->handle);
	n = tracecmd_buffer_instances(in->handle);
	for (int i = 0; i < n; i++) {
		struct tracecmd_input *instance = tracecmd_buffer_instance_handle(in->handle, i);

		if (instance)
			add_streams(in, instance);
	}
	in->decoder = raw_decoder_new(tracecmd_get_tep(in->handle));
}

/* Durations need a clock that counts nanoseconds. */
static void check_clock(struct input *in)
{
	static const char *const bad[] = { "counter", "uptime", "x86-tsc" };
	const char *clock = tracecmd_get_trace_clock ? tracecmd_get_trace_clock(in->handle) :
			    NULL;

	for (size_t i = 0; clock && i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!strcmp(clock, bad[i]))
			give_up(in, "'%s' was recorded with the clock '%s', which is not in nanoseconds; record with -C mono",
				in->path, clock);
}

/*
 * The formats of events are in the file whether or not they were recorded. Whether
 * there are done events shows at the first one, or after all the others. Also when
 * it all began, and whether there is anything.
 */
static void scan(struct input *in)
{
	struct source_info *info = &in->head.info;
	bool any = false;
	struct raw_event e;
	struct stream *st;

	info->upstream = true;
	for (streams_start(in); (st = earliest(in)); stream_next(st)) {
		if (!info->start_ns)
			info->start_ns = st->record->ts;
		if (!raw_decode(in->decoder, st->record->data, st->record->size,
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
		give_up(in, "cannot read '%s': it has no fuse_iomap events; record with: trace-cmd record -C mono -e 'fuse:*'",
			in->path);
	streams_start(in);
}

/* "Linux host 7.3.4 #1 SMP ...", as uname -a prints it. */
static void set_machine(struct input *in)
{
	const char *uname = tracecmd_get_uname ? tracecmd_get_uname(in->handle) : NULL;

	if (uname)
		sscanf(uname, "%*s %64s %64s", in->head.info.host, in->head.info.kernel);
}

static void say_event(struct input *in, const struct tep_record *r)
{
	struct dat_message m = { .type = DAT_EVENT };
	const char *comm;

	m.known = raw_decode(in->decoder, r->data, r->size, r->ts, &m.event);
	m.event.time_ns = r->ts;
	m.missed = r->missed_events > INT32_MAX ? INT32_MAX : r->missed_events;
	if (!m.known && !m.missed)
		return;
	comm = tep_data_comm_from_pid(tracecmd_get_tep(in->handle), m.event.tid);
	if (comm && strcmp(comm, "<...>"))
		snprintf(m.comm, sizeof(m.comm), "%s", comm);
	say(in, &m, sizeof(m));
}

static void __attribute__((noreturn)) read_file(const char *path, int fd)
{
	struct input in = { .path = path, .out = fdopen(fd, "w") };
	struct dat_message end = { .type = DAT_END };
	struct stream *st;

	open_streams(&in);
	check_clock(&in);
	scan(&in);
	set_machine(&in);
	say_head(&in);
	end.event.time_ns = in.head.info.start_ns;
	for (; (st = earliest(&in)); stream_next(st)) {
		say_event(&in, st->record);
		if (st->record->ts > end.event.time_ns)
			end.event.time_ns = st->record->ts;
	}
	say(&in, &end, sizeof(end));
	_exit(fflush(in.out) ? 1 : 0);
}

/* It ends with us, and not before: what the terminal sends is for us alone. */
static void become_reader(const char *path, int fd, bool talk)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	dup2(null, STDOUT_FILENO);
	if (!talk) {
		dup2(null, STDERR_FILENO);
		tracecmd_set_loglevel(TEP_LOG_NONE);
		tep_set_loglevel(TEP_LOG_NONE);
	}
	read_file(path, fd);
}

/* ---- who listens ----------------------------------------------------------------------- */

static bool fill(struct dat_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	ssize_t n;

	do {
		n = poll(&p, 1, PATIENCE_MS);
		if (n > 0)
			n = read(r->fd, r->buf, sizeof(r->buf));
	} while (n < 0 && errno == EINTR);
	r->first = 0;
	r->n = n > 0 ? n : 0;
	return n > 0;
}

/* All of it, or false: it has died, or says nothing any more. */
static bool hear(struct dat_reader *r, void *to, size_t size)
{
	while (size) {
		size_t n = r->n < size ? r->n : size;

		memcpy(to, r->buf + r->first, n);
		to = (char *)to + n;
		size -= n;
		r->first += n;
		r->n -= n;
		if (size && !fill(r))
			return false;
	}
	return true;
}

bool dat_reader_next(struct dat_reader *r, struct dat_message *m)
{
	do {
		if (!hear(r, m, sizeof(*m)))
			return false;
	} while (m->type == DAT_ALIVE);
	return true;
}

static int hear_head(struct dat_reader *r, const char *path, struct source_info *info)
{
	struct dat_message m;
	struct dat_head head;

	if (!dat_reader_next(r, &m) || m.type != DAT_HEAD || !hear(r, &head, sizeof(head)))
		return complain(FI_FAILED, "cannot read '%s': it is a damaged trace.dat", path);
	if (head.err)
		return complain(head.err, "%s", head.why);
	*info = head.info;
	return 0;
}

int dat_reader_open(struct dat_reader **rp, const char *path, bool talk,
		    struct source_info *info)
{
	struct dat_reader *r = xcalloc(1, sizeof(*r));
	int fd[2], err;

	fflush(NULL);
	if (pipe2(fd, O_CLOEXEC) || (r->pid = fork()) < 0) {
		free(r);
		return complain(FI_FAILED, "cannot read '%s': %s", path, strerror(errno));
	}
	if (!r->pid) {
		close(fd[0]);
		become_reader(path, fd[1], talk);
	}
	close(fd[1]);
	r->fd = fd[0];
	err = hear_head(r, path, info);
	if (err)
		dat_reader_close(r);
	else
		*rp = r;
	return err;
}

void dat_reader_close(struct dat_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	free(r);
}
