// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "ledger.h"
#include "mounts.h"
#include "recorder.h"
#include "session.h"

/* Records come without a wake-up, so they are fetched this often. */
#define DRAIN_MS	50

/* How often a recording notes the state when the command does not ask for it. */
#define TICK_NS		1000000000ULL

/*
 * Whose names are kept while events come: twice as many files at most, which take
 * 40 MB, and as many tasks. A table of cells is much smaller, unless --cells says else.
 */
#define NAMES		(1 << 17)

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- the command that is measured ---------------------------------------- */

/* As the shell would: 0, 126 or 127. */
static int check_command(const char *name)
{
	char *path, *dir, *save = NULL, file[4096];
	int code = FI_NO_COMMAND;

	if (strchr(name, '/'))
		return access(name, F_OK) ? FI_NO_COMMAND :
		       access(name, X_OK) ? FI_NOT_EXECUTABLE : 0;
	path = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	for (dir = strtok_r(path, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		snprintf(file, sizeof(file), "%s/%s", dir, name);
		if (!access(file, X_OK)) {
			code = 0;
			break;
		}
		if (!access(file, F_OK))
			code = FI_NOT_EXECUTABLE;
	}
	free(path);
	return code;
}

static void child_main(const struct opts *o, int go_fd, bool own_stdout)
{
	char **command = o->command;
	sigset_t none;
	char c;

	/* Ends when the parent closes its side; that it dies is the same here. */
	while (read(go_fd, &c, 1) < 0 && errno == EINTR)
		;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* Our stdout is data, and what the command prints is none. */
	if (own_stdout)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(command[0], command);
	_exit(complain(errno == ENOENT ? FI_NO_COMMAND : FI_NOT_EXECUTABLE,
		   "cannot run '%s': %s", command[0], strerror(errno)));
}

/* Before the source, so that the child holds none of its descriptors. */
static int child_open(struct session *s)
{
	int code, fd[2];

	s->go_fd = -1;
	if (!s->o->command)
		return 0;
	code = check_command(s->o->command[0]);
	if (code)
		return complain(code, "cannot run '%s': %s", s->o->command[0],
			    code == FI_NO_COMMAND ? "no such command" : "not executable");
	if (pipe2(fd, O_CLOEXEC))
		return complain(FI_FAILED, "cannot make a pipe: %s", strerror(errno));
	s->child = fork();
	if (s->child < 0)
		return complain(FI_FAILED, "cannot fork: %s", strerror(errno));
	if (!s->child) {
		close(fd[1]);
		child_main(s->o, fd[0], !s->o->output && strcmp(s->command, "record"));
	}
	close(fd[0]);
	s->go_fd = fd[1];
	return 0;
}

static void set_status(struct session *s, int status)
{
	s->child = 0;
	s->child_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool child_ended(struct session *s)
{
	int status;

	if (!s->child || waitpid(s->child, &status, WNOHANG) != s->child)
		return false;
	set_status(s, status);
	return true;
}

/* Only when something went wrong before it ran: nothing of it may happen. */
static void child_kill(struct session *s)
{
	if (s->child > 0) {
		kill(s->child, SIGKILL);
		waitpid(s->child, NULL, 0);
	}
	if (s->go_fd >= 0)
		close(s->go_fd);
	s->go_fd = -1;
	s->child = 0;
}

/* ---- opening ------------------------------------------------------------- */

static int signals_open(struct session *s)
{
	static const int signals[] = {
		SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD,
	};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? -errno : 0;
}

static void set_timer(int fd, __u64 first_ns, __u64 interval_ns)
{
	struct itimerspec its = {
		.it_value = { first_ns / 1000000000, first_ns % 1000000000 },
		.it_interval = { interval_ns / 1000000000, interval_ns % 1000000000 },
	};

	timerfd_settime(fd, 0, &its, NULL);
}

static int fds_open(struct session *s)
{
	if (signals_open(s))
		return complain(FI_FAILED, "cannot watch signals: %s", strerror(errno));
	s->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->end_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->tick_fd < 0 || s->end_fd < 0)
		return complain(FI_FAILED, "cannot make a timer: %s", strerror(errno));
	return 0;
}

static int output_open(struct session *s)
{
	s->out = stdout;
	if (s->o->output) {
		s->out = fopen(s->o->output, "we");
		if (!s->out)
			return complain(FI_FAILED, "cannot write '%s': %s", s->o->output,
				    strerror(errno));
	}
	s->json.out = s->out;
	return 0;
}

/* A mount is a connection by another name. */
static int find_dev(struct session *s, __u32 *dev)
{
	const struct mount *m;

	*dev = s->o->connection;
	if (!s->o->mount)
		return 0;
	m = mounts_find_path(s->catalog, s->o->mount);
	if (!m)
		return complain(FI_USAGE, s->o->input ?
			    "'%s' is not a mount point in the recording" :
			    "'%s' is not the mount point of a FUSE file system (see: findmnt -t fuse)",
			    s->o->mount);
	if (s->o->connection && s->o->connection != m->dev)
		return complain(FI_USAGE, "-m '%s' and -C %u are different connections",
			    s->o->mount, s->o->connection);
	*dev = m->dev;
	return 0;
}

static void put_header(struct session *s)
{
	struct json *j = &s->json;

	json_header(j, s->command);
	json_str(j, "kernel", s->info->kernel);
	json_str(j, "backend", s->info->backend);
	json_bool(j, "upcalls_only", s->info->upstream);
	json_str(j, "clock", "monotonic");
	json_u64(j, "start_ns", s->start_ns);
	json_u64(j, "start_wall_ns", s->info->start_wall_ns);
	json_open(j, "bins", '{');
	json_str(j, "scheme", "log-linear");
	json_u64(j, "per_octave", FI_SUB);
	json_close(j, '}');
	json_put(j);
}

/* ---- source ---------------------------------------------------------------- */

static void on_record(void *ctx, const struct fi_record *r)
{
	struct session *s = ctx;

	if (s->tally)
		tally_add(s->tally, r);
	if (s->rec)
		recorder_record(s->rec, r);
	if (s->sink)
		s->sink(s->ctx, r);
}

static void set_filters(struct fi_settings *set, const struct opts *o)
{
	set->pid = o->pid;
	set->tid = o->tid;
	set->ino = o->inode;
	set->ops = o->ops;
	set->kinds = o->kinds;
	set->types = o->types;
	set->min_lat_ns = o->min_lat_ns;
	set->errors = o->errors;
	set->shorts = o->shorts;
	set->cgroup = !!o->cgroup;
	set->max_cells = o->max_cells;
	if (o->comm)
		strncpy(set->comm, o->comm, sizeof(set->comm) - 1);
}

/* Not refused: the number may be taken again, and a monitor need not fail for want of it. */
static void warn_of_gone(const char *what, __u32 id)
{
	if (id && kill(id, 0) && errno == ESRCH)
		complain(FI_OK, "no %s has the number %u now, so there may be nothing to see (see: ps -eL)",
			 what, id);
}

/*
 * A run that is saved is added up from its records, as its replay will be; the
 * tables in the kernel stay empty then.
 */
static int source_setup(struct session *s, struct source_config *config)
{
	struct fi_settings wanted = config->settings;
	int err;

	wanted.max_cells = s->o->max_cells;
	set_filters(&config->settings, s->o);
	config->backend = s->o->backend;
	config->input = s->o->input;
	config->find_mounts = s->o->mount;
	config->cgroup = s->o->cgroup;
	config->no_done = s->o->no_done;
	config->verbose = s->o->verbose;
	config->catalog = s->catalog;
	s->sink = config->sink;
	s->ctx = config->ctx;
	config->sink = on_record;
	config->ctx = s;
	if (s->o->save) {
		config->settings.records = config->settings.servers = 1;
		config->settings.cells = config->settings.hists = 0;
	}
	err = source_open(&s->src, config);
	if (err)
		return err;
	s->info = &s->src->info;
	if (!s->info->adds_up && (wanted.cells || wanted.hists))
		s->tally = tally_new(&wanted);
	return 0;
}

static int replay_open(struct session *s, struct source_config *config)
{
	int err = source_setup(s, config);

	/* Only now the catalog has the mounts. */
	return err ? err : find_dev(s, &s->src->config.settings.dev);
}

static int live_open(struct session *s, struct source_config *config)
{
	int err;

	catalog_bound(s->catalog, NAMES);
	s->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	mounts_read(s->catalog);
	err = find_dev(s, &config->settings.dev);
	if (err)
		return err;
	err = source_setup(s, config);
	if (err)
		return err;
	warn_of_gone("process", s->o->pid);
	warn_of_gone("thread", s->o->tid);
	mounts_find_servers(s->catalog);
	return 0;
}

static int open_all(struct session *s, struct source_config *config)
{
	int err = fds_open(s);

	if (!err)
		err = child_open(s);
	if (!err)
		err = s->o->input ? replay_open(s, config) : live_open(s, config);
	/* Not before it is known that there will be something to write. */
	if (!err)
		err = output_open(s);
	if (!err)
		err = source_start(s->src);
	if (!err && s->o->save)
		err = recorder_open(&s->rec, s->o->save, s->o, s->info,
				    &s->src->config.settings, s->catalog);
	return err;
}

static void close_all(struct session *s)
{
	if (s->out && s->out != stdout)
		fclose(s->out);
	source_close(s->src);
	tally_free(s->tally);
	catalog_free(s->catalog);
	text_free(&s->json.text);
	close(s->signal_fd);
	close(s->tick_fd);
	close(s->end_fd);
	close(s->mounts_fd);
}

int session_open(struct session *s, const char *command, const struct opts *o,
		 struct source_config *config)
{
	int err;

	*s = (struct session){ .o = o, .command = command, .input_fd = -1, .go_fd = -1,
			       .signal_fd = -1, .tick_fd = -1, .end_fd = -1,
			       .mounts_fd = -1, .catalog = catalog_new() };
	err = open_all(s, config);
	if (err) {
		child_kill(s);
		close_all(s);
		return err;
	}
	s->start_ns = s->replay_ns = s->info->start_ns;
	s->replay_base_ns = now_ns();
	if (o->json)
		put_header(s);
	if (!o->quiet && !o->input)
		fputs("ready\n", stderr);
	if (o->duration_ns && !o->input)
		set_timer(s->end_fd, o->duration_ns, 0);
	if (s->rec) {
		s->own_ticks = true;
		set_timer(s->tick_fd, TICK_NS, TICK_NS);
	}
	if (s->go_fd >= 0)
		close(s->go_fd);
	s->go_fd = -1;
	return 0;
}

void session_set_interval(struct session *s, __u64 interval_ns)
{
	s->interval_ns = interval_ns;
	s->own_ticks = s->rec && !interval_ns;
	if (s->info->replay)
		return;
	if (s->own_ticks)
		interval_ns = TICK_NS;
	set_timer(s->tick_fd, interval_ns, interval_ns);
}

/* ---- what happens -------------------------------------------------------- */

/*
 * With a command running, a signal to stop is for it: the result shall cover
 * its end too. The terminal has sent it SIGINT already. A second one is for us.
 */
static bool stop_signal(struct session *s, int signo)
{
	if (!s->child || s->stops++)
		return true;
	if (signo != SIGINT)
		kill(s->child, signo);
	return false;
}

/* A reading that only the recording wants. */
static void own_tick(struct session *s)
{
	struct snapshot now = { 0 };

	session_read(s, &now, ON_TICK);
	snapshot_free(&now);
}

/* -1: nothing to tell. */
static int read_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return -1;
	switch (info.ssi_signo) {
	case SIGUSR1:
		return ON_REPORT;
	case SIGUSR2:
		if (s->rec) {
			own_tick(s);
			recorder_trigger(s->rec, "signal");
		}
		return -1;
	case SIGWINCH:
		return ON_RESIZE;
	case SIGCHLD:
		return child_ended(s) ? ON_STOP : -1;
	default:
		return stop_signal(s, info.ssi_signo) ? ON_STOP : -1;
	}
}

static bool timer_expired(int fd)
{
	uint64_t times;

	return read(fd, &times, sizeof(times)) == sizeof(times);
}

static void flush_output(struct session *s)
{
	if (fflush(s->out) && !s->json.error)
		s->json.error = errno;
	s->write_error = s->json.error;
}

static enum happening live_wait(struct session *s)
{
	struct pollfd p[] = {
		{ s->signal_fd, POLLIN, 0 }, { s->end_fd, POLLIN, 0 },
		{ s->tick_fd, POLLIN, 0 }, { s->input_fd, POLLIN, 0 },
		{ source_fd(s->src), POLLIN, 0 }, { s->mounts_fd, POLLPRI, 0 },
	};
	int timeout = source_fd(s->src) >= 0 ? DRAIN_MS : -1;

	for (;;) {
		int happened;

		/* All there is goes out before we sleep, into pipes too. */
		flush_output(s);
		if (poll(p, sizeof(p) / sizeof(p[0]), timeout) < 0 && errno != EINTR)
			return ON_STOP;
		/* Who mounts and unmounts within the window shall have a name, too. */
		if (p[5].revents) {
			mounts_read(s->catalog);
			mounts_find_servers(s->catalog);
		}
		source_drain(s->src);
		happened = read_signal(s);
		if (happened >= 0)
			return happened;
		if (timer_expired(s->end_fd) || s->write_error ||
		    (s->rec && recorder_error(s->rec)))
			return ON_STOP;
		if (timer_expired(s->tick_fd)) {
			if (!s->own_ticks)
				return ON_TICK;
			own_tick(s);
		}
		if (p[3].revents)
			return ON_INPUT;
	}
}

/* ---- replay ---------------------------------------------------------------- */

/*
 * Every tick of the recording is one, unless the user wants longer intervals.
 * Ticks come a little early or late, hence nine tenths.
 */
static bool tick_is_due(struct session *s)
{
	if (!s->interval_ns)
		return false;
	if (s->o->interval_given && s->replay_ns < s->next_tick_ns)
		return false;
	s->next_tick_ns = s->replay_ns + s->interval_ns / 10 * 9;
	return true;
}

/* How far a replay may go now. */
static __u64 replay_limit(struct session *s)
{
	__u64 limit = ~0ULL, now = now_ns();

	if (s->o->duration_ns)
		limit = s->start_ns + s->o->duration_ns;
	if (!s->live_pace)
		return limit;
	if (s->hold)
		s->replay_base_ns = now - (s->replay_ns - s->start_ns);
	now = s->start_ns + (now - s->replay_base_ns);
	return now < limit ? now : limit;
}

/* -1: nothing to tell. */
static int replay_step(struct session *s)
{
	enum replay_stop stop;

	if (s->replay_over || (s->hold && s->live_pace))
		return -1;
	stop = source_advance(s->src, replay_limit(s), &s->replay_ns);
	if (stop == REPLAY_TICK)
		return tick_is_due(s) ? ON_TICK : -1;
	if (stop == REPLAY_REPORT)
		return ON_REPORT;
	if (stop == REPLAY_LIMIT && s->live_pace &&
	    !(s->o->duration_ns && s->replay_ns >= s->start_ns + s->o->duration_ns))
		return -1;
	s->replay_over = true;
	return ON_STOP;
}

static enum happening replay_wait(struct session *s)
{
	struct pollfd p[] = { { s->signal_fd, POLLIN, 0 }, { s->input_fd, POLLIN, 0 } };

	for (;;) {
		int happened;

		flush_output(s);
		if (poll(p, 2, s->live_pace ? DRAIN_MS : 0) < 0 && errno != EINTR)
			return ON_STOP;
		happened = read_signal(s);
		if (happened >= 0)
			return happened;
		if (s->write_error)
			return ON_STOP;
		if (p[1].revents)
			return ON_INPUT;
		happened = replay_step(s);
		if (happened >= 0)
			return happened;
	}
}

enum happening session_wait(struct session *s)
{
	return s->info->replay ? replay_wait(s) : live_wait(s);
}

/* ---- reading --------------------------------------------------------------- */

int session_read(struct session *s, struct snapshot *to, enum happening what)
{
	static const enum tick_reason reasons[] = {
		[ON_TICK] = TICK_INTERVAL, [ON_REPORT] = TICK_REPORT, [ON_STOP] = TICK_END,
	};
	int err;

	source_drain(s->src);
	err = source_read(s->src, to);
	if (err)
		return err;
	if (s->tally)
		tally_read(s->tally, to);
	if (s->rec)
		recorder_tick(s->rec, to, what <= ON_STOP ? reasons[what] : TICK_INTERVAL);
	return 0;
}

void session_put_text(struct session *s)
{
	json_flush_text(&s->json);
}

/* ---- the end ------------------------------------------------------------- */

int session_stop(struct session *s, struct snapshot *last)
{
	int err;

	source_stop(s->src);
	source_drain(s->src);
	err = session_read(s, last, ON_STOP);
	if (err)
		return complain(FI_FAILED, "cannot read the counters: %s", strerror(-err));
	s->stop_ns = last->time_ns;
	return 0;
}

/* When we stop before the command has ended, it ends with us. */
static void child_end(struct session *s)
{
	int status;

	if (!s->child)
		return;
	kill(s->child, SIGTERM);
	if (waitpid(s->child, &status, 0) == s->child)
		set_status(s, status);
}

int session_close(struct session *s, const struct snapshot *last)
{
	int err = 0;

	child_end(s);
	if (s->o->json)
		ledger_json(s, last);
	flush_output(s);
	if (s->rec)
		err = recorder_close(s->rec);
	/* A reader that went away is no error and wants no last words. */
	if (s->write_error && s->write_error != EPIPE)
		err = complain(FI_FAILED, "cannot write the output: %s",
			       strerror(s->write_error));
	if (!s->o->quiet && s->write_error != EPIPE) {
		source_notes(s->src);
		if (!s->o->json)
			ledger_text(stderr, last);
	}
	if (s->write_error)
		forget_errors(s->out);
	close_all(s);
	if (!err)
		err = s->child_status;
	if (!err && s->o->strict && !ledger_complete(last))
		err = complain(FI_INCOMPLETE, "the data is not complete (--strict); the ledger tells what is missing");
	return err;
}
