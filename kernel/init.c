// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the virtual machine that kernel/run starts.
 *
 * The host's root comes over 9p, read-only. This puts a tmpfs overlay on it,
 * mounts what a system has mounted, runs one command, carries its output and
 * exit status to the host, and reboots (which ends QEMU).
 *
 * Everything the host and this program say to each other goes through one
 * more 9p share, "ctl": it has the job (see struct job), and takes stdout,
 * stderr and status. A 9p write has reached the host's file when it returns,
 * so nothing can be lost at the end, which no serial line promises. Only what
 * the user types comes over virtio-serial, because a file cannot wake us.
 *
 * In user-mode Linux it is the same, with hostfs for 9p (its writes, too, reach
 * the host's file before they return) and terminals for virtio-serial.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CTL_DIR		"/run/fuseiomap-vm/ctl"
#define HOST_ROOT	"/run/fuseiomap-vm/root"
/* virtio's (the other number is that of the device), or user-mode Linux' */
#define PORT_INPUT	(host_ctl ? "/dev/tty1" : "/dev/vport*p1")
#define PORT_WINSIZE	(host_ctl ? "/dev/tty2" : "/dev/vport*p2")
#define DRAIN_ROUNDS	32	/* of 64 KiB: what the largest pipe holds, and some */
#define P9_RW		"trans=virtio,version=9p2000.L,msize=512000,access=any"

/* In user-mode Linux the directory of ctl on the host: an argument of ours; else NULL. */
static const char *host_ctl;

/* What to run; in the file ctl/job as strings that end in NUL, in this order. */
struct job {
	bool tty;		/* "1": the command gets a terminal */
	bool merged;		/* "1": stderr goes where stdout goes */
	struct winsize size;	/* rows, columns */
	char *cwd;
	char *tree;		/* the checkout, must be visible */
	char *out;		/* shared with the host, or empty */
	char **env;		/* a count, then as many NAME=VALUE */
	char **argv;		/* the rest */
};

/* A place where output of the command is read, and where it goes. */
struct outlet {
	int from;
	int to;
};

static const struct {
	const char *type, *dir, *data;
	unsigned long flags;
} mounts[] = {
	{ "proc",     "/proc",			NULL,	0 },
	{ "sysfs",    "/sys",			NULL,	0 },
	{ "devtmpfs", "/dev",			NULL,	0 },
	{ "devpts",   "/dev/pts",		"mode=620,gid=5,ptmxmode=666", 0 },
	{ "tmpfs",    "/dev/shm",		"mode=1777", 0 },
	{ "tmpfs",    "/run",			"mode=755", 0 },
	{ "tmpfs",    "/tmp",			"mode=1777", 0 },
	{ "debugfs",  "/sys/kernel/debug",	NULL,	0 },
	{ "tracefs",  "/sys/kernel/tracing",	NULL,	0 },
	{ "bpf",      "/sys/fs/bpf",		"mode=700", 0 },
	{ "fusectl",  "/sys/fs/fuse/connections", NULL, 0 },
	{ "cgroup2",  "/sys/fs/cgroup",		NULL,	0 },
};

static const char * const links[][2] = {
	{ "/proc/self/fd",	"/dev/fd" },
	{ "/proc/self/fd/0",	"/dev/stdin" },
	{ "/proc/self/fd/1",	"/dev/stdout" },
	{ "/proc/self/fd/2",	"/dev/stderr" },
};

static const struct {
	int what;
	struct rlimit limit;
} limits[] = {
	{ RLIMIT_MEMLOCK, { RLIM_INFINITY, RLIM_INFINITY } },
	{ RLIMIT_NOFILE,  { 65536, 65536 } },
};

/* Without a status the host calls the run a failure, so this only has to end it. */
static void __attribute__((noreturn)) leave(void)
{
	tcdrain(STDERR_FILENO);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "init: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	leave();
}

static void make_dirs(const char *path)
{
	char *copy = strdup(path), *p;

	for (p = copy + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	mkdir(copy, 0755);
	free(copy);
}

/* Put a writable layer in memory over the host's root, and make it the root. */
static void make_root(void)
{
	if (mount("layer", "/tmp", "tmpfs", 0, "mode=755"))
		die("tmpfs for the overlay");
	if (mkdir("/tmp/upper", 0755) || mkdir("/tmp/work", 0755) || mkdir("/tmp/root", 0755))
		die("directories of the overlay");
	if (mount("root", "/tmp/root", "overlay", 0,
		  "lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work"))
		die("overlay on the host's root");
	if (chdir("/tmp/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("switch to the overlay");
}

/* What this kernel is built without has no directory in /sys either: no matter. */
static void mount_all(void)
{
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		make_dirs(mounts[i].dir);
		if (mount(mounts[i].type, mounts[i].dir, mounts[i].type, mounts[i].flags,
			  mounts[i].data) && errno != ENODEV && errno != ENOENT)
			fprintf(stderr, "init: %s: %s\n", mounts[i].dir, strerror(errno));
	}
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			fprintf(stderr, "init: %s: %s\n", links[i][1], strerror(errno));
	make_dirs("/run/lock");
	chmod("/dev/fuse", 0666);	/* as udev leaves it */
}

/* The disks of user-mode Linux get virtio's names, by which everything knows them. */
static void name_disks(void)
{
	char ubd[] = "/dev/ubda", name[] = "/dev/vda";
	struct stat st;

	for (; !stat(ubd, &st); ubd[strlen("/dev/ubd")]++, name[strlen("/dev/vd")]++)
		if (mknod(name, st.st_mode, st.st_rdev))
			die("%s", name);
}

/* A directory that the host shares under a tag; user-mode Linux goes by its name there. */
static void mount_share(const char *tag, const char *host_dir, const char *dir,
			const char *options)
{
	make_dirs(dir);
	if (host_ctl ? mount(tag, dir, "hostfs", 0, host_dir) :
		       mount(tag, dir, "9p", 0, options))
		die("share %s on %s", tag, dir);
}

/*
 * Whether a tmpfs of ours, such as that on /tmp, hides a directory of the host.
 * One that has our own mounts in it stays hidden.
 */
static bool is_hidden(const char *dir)
{
	struct statfs fs;

	if (!strncmp(dir, CTL_DIR, strlen(dir)))
		return false;
	return statfs(dir, &fs) || fs.f_type == TMPFS_MAGIC;
}

/* A hidden directory comes back. */
static void keep_visible(const char *dir)
{
	char *from;

	if (!is_hidden(dir))
		return;
	if (asprintf(&from, HOST_ROOT "%s", dir) < 0)
		die("%s", dir);
	make_dirs(dir);
	if (mount(from, dir, NULL, MS_BIND, NULL))
		die("%s", dir);
	free(from);
}

static int by_length(const void *a, const void *b)
{
	return strlen(*(char **)a) - strlen(*(char **)b);
}

/* A directory before what is in it: else it would hide that, or seem to be there already. */
static void mount_host_dirs(const struct job *job)
{
	char *dirs[] = { job->cwd, job->tree, job->out };
	size_t i;

	make_dirs(HOST_ROOT);
	if (mount("/", HOST_ROOT, NULL, MS_BIND, NULL))
		die("%s", HOST_ROOT);
	qsort(dirs, 3, sizeof(dirs[0]), by_length);
	for (i = 0; i < 3; i++) {
		if (dirs[i] != job->out)
			keep_visible(dirs[i]);
		else if (*job->out)
			mount_share("out", job->out, job->out, P9_RW ",cache=mmap");
	}
	umount2(HOST_ROOT, MNT_DETACH);
}

static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	ssize_t n;

	if (fd < 0)
		die("%s", path);
	*size = 0;
	do {
		text = realloc(text, *size + 65537);
		n = text ? read(fd, text + *size, 65536) : -1;
		if (n < 0)
			die("%s", path);
		*size += n;
	} while (n);
	text[*size] = '\0';
	close(fd);
	return text;
}

/* Cut the text into its strings; returns a list that ends in NULL. */
static char **split_strings(char *text, size_t size)
{
	size_t n = 0, i;
	char **list;

	for (i = 0; i < size; i++)
		n += !text[i];
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		die("job");
	for (i = 0; i < n; i++) {
		list[i] = text;
		text += strlen(text) + 1;
	}
	return list;
}

static void read_job(struct job *job)
{
	enum { TTY, MERGED, ROWS, COLUMNS, CWD, TREE, OUT, ENV_COUNT, ENV };
	size_t size, count, i;
	char *text = read_file(CTL_DIR "/job", &size);
	char **s = split_strings(text, size);

	job->tty = !strcmp(s[TTY], "1");
	job->merged = !strcmp(s[MERGED], "1");
	job->size.ws_row = atoi(s[ROWS]);
	job->size.ws_col = atoi(s[COLUMNS]);
	job->cwd = s[CWD];
	job->tree = s[TREE];
	job->out = s[OUT];
	count = atoi(s[ENV_COUNT]);
	job->argv = s + ENV + count;
	job->env = calloc(count + 1, sizeof(*job->env));
	if (!job->env)
		die("job");
	for (i = 0; i < count; i++)
		job->env[i] = s[ENV + i];
}

static void set_limits(void)
{
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (setrlimit(limits[i].what, &limits[i].limit))
			fprintf(stderr, "init: limit %d: %s\n", limits[i].what, strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		fprintf(stderr, "init: lo: %s\n", strerror(errno));
	close(fd);
}

/* A port that is a terminal passes on what comes in, and does nothing else. */
static void make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

/* The kernel makes the ports in a worker, a little after it starts us. */
static int open_port(const char *pattern)
{
	int tries, fd = -1;
	glob_t found;

	for (tries = 0; tries < 500 && fd < 0; tries++) {
		if (tries)
			usleep(10000);
		if (glob(pattern, 0, NULL, &found))
			continue;
		fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
		globfree(&found);
	}
	if (fd < 0)
		die("%s", pattern);
	make_raw(fd);
	return fd;
}

static int open_ctl(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), CTL_DIR "/%s", name);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		die("%s", path);
	return fd;
}

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("output");
		buf += n;
		len -= n;
	}
}

/* Become the command; fd 1, 2 and a terminal are already set. Does not return. */
static void exec_job(const struct job *job)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(job->cwd)) {
		fprintf(stderr, "kernel/run: %s: %s\n", job->cwd, strerror(errno));
		_exit(126);
	}
	environ = job->env;
	execvp(job->argv[0], job->argv);
	fprintf(stderr, "kernel/run: %s: %s\n", job->argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* A pipe whose one end becomes the command's fd; returns the end to read. */
static int make_pipe(int *command_end)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	*command_end = ends[1];
	return ends[0];
}

static pid_t start_on_pipes(const struct job *job, struct outlet outlets[2])
{
	int in, out, err = -1;
	pid_t pid;

	outlets[0] = (struct outlet){ make_pipe(&out), open_ctl("stdout") };
	if (!job->merged)
		outlets[1] = (struct outlet){ make_pipe(&err), open_ctl("stderr") };
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setsid();
		in = open("/dev/null", O_RDONLY);
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(job->merged ? out : err, STDERR_FILENO);
		if (in > STDERR_FILENO)
			close(in);
		exec_job(job);
	}
	close(out);
	if (err >= 0)
		close(err);
	return pid;
}

static pid_t start_on_terminal(const struct job *job, struct outlet outlets[2])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int slave, i;
	pid_t pid;

	if (master < 0 || unlockpt(master) || ioctl(master, TIOCSWINSZ, &job->size))
		die("terminal");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		die("terminal");
	outlets[0] = (struct outlet){ master, open_ctl("stdout") };
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
			dup2(slave, i);
		exec_job(job);
	}
	close(slave);
	return pid;
}

/* Carry one piece of output. Returns false when there will be no more. */
static bool carry(const struct outlet *o)
{
	static char buf[65536];
	ssize_t n = read(o->from, buf, sizeof(buf));

	if (n > 0)
		write_all(o->to, buf, n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/*
 * What the user typed goes to the terminal. It has room for 64 KiB that the
 * command has not read; beyond that typing is lost, as on any terminal.
 */
static void carry_input(int port, int master)
{
	char buf[4096];
	ssize_t n = read(port, buf, sizeof(buf));

	if (n > 0 && write(master, buf, n) < n)
		fprintf(stderr, "init: input lost\n");
}

/* The host sends "ROWS COLUMNS\n" each time its terminal changes. */
static void carry_winsize(int port, int master)
{
	struct winsize ws = { 0 };
	char buf[256];
	ssize_t n = read(port, buf, sizeof(buf) - 1);

	if (n <= 0)
		return;
	buf[n] = '\0';
	if (sscanf(buf, "%hu %hu", &ws.ws_row, &ws.ws_col) == 2)
		ioctl(master, TIOCSWINSZ, &ws);
}

/* Reap whatever ended. Returns true, and its wait status, if @pid is among it. */
static bool reap(int sigfd, pid_t pid, int *status)
{
	struct signalfd_siginfo info;
	bool ended = false;
	pid_t got;
	int s;

	if (read(sigfd, &info, sizeof(info)) < 0)
		return false;
	while ((got = waitpid(-1, &s, WNOHANG)) > 0) {
		if (got == pid) {
			*status = s;
			ended = true;
		}
	}
	return ended;
}

/*
 * Carry output and input until the command has ended and what it wrote is
 * with the host. Something it left behind may hold the pipes open, even write
 * for ever: after the end only about what is there already is taken. Returns
 * the wait status.
 */
static int serve(const struct job *job, pid_t pid, struct outlet outlets[2], int sigfd)
{
	enum { SIGNALS, OUT, ERR, INPUT, WINSIZE, NR };
	struct pollfd p[NR] = {
		[SIGNALS] = { sigfd, POLLIN, 0 },
		[OUT] = { outlets[0].from, POLLIN, 0 },
		[ERR] = { outlets[1].from, POLLIN, 0 },
		[INPUT] = { job->tty ? open_port(PORT_INPUT) : -1, POLLIN, 0 },
		[WINSIZE] = { job->tty ? open_port(PORT_WINSIZE) : -1, POLLIN, 0 },
	};
	int rounds = DRAIN_ROUNDS, status = 0, i;
	bool ended = false;

	for (;;) {
		if (poll(p, NR, ended ? 0 : -1) < 0 && errno != EINTR)
			die("poll");
		for (i = OUT; i <= ERR; i++)
			if (p[i].revents && !carry(&outlets[i - OUT]))
				p[i].fd = -1;
		if (ended && (!rounds-- || (!p[OUT].revents && !p[ERR].revents)))
			return status;
		if (p[INPUT].revents & POLLIN)
			carry_input(p[INPUT].fd, outlets[0].from);
		if (p[WINSIZE].revents & POLLIN)
			carry_winsize(p[WINSIZE].fd, outlets[0].from);
		if (p[SIGNALS].revents)
			ended |= reap(sigfd, pid, &status);
	}
}

/* Run the job. Returns its exit status as a shell would give it. */
static int run(const struct job *job)
{
	struct outlet outlets[2] = { { -1, -1 }, { -1, -1 } };
	sigset_t child;
	int sigfd, status;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigfd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0)
		die("signalfd");
	pid = job->tty ? start_on_terminal(job, outlets) : start_on_pipes(job, outlets);
	status = serve(job, pid, outlets, sigfd);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/*
 * Report "EXIT TAINT". Mapped writes to the shared directory may still be in
 * memory; everything else the machine wrote is meant to vanish, and a general
 * sync could wait for ever for a FUSE server that hangs.
 */
static void report(const struct job *job, int status)
{
	static const char file[] = "/proc/sys/kernel/tainted";	/* not every kernel has it */
	size_t size;
	char *taint = access(file, F_OK) ? "0" : read_file(file, &size), line[64];
	int out = *job->out ? open(job->out, O_RDONLY | O_CLOEXEC) : -1;

	if (out >= 0)
		syncfs(out);
	snprintf(line, sizeof(line), "%d %lu\n", status, strtoul(taint, NULL, 10));
	write_all(open_ctl("status"), line, strlen(line));
}

/* Among others: the kernel hands us what it does not know of its command line, too. */
static const char *find_host_ctl(int argc, char **argv)
{
	static const char name[] = "host_ctl=";

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], name, strlen(name)))
			return argv[i] + strlen(name);
	return NULL;
}

int main(int argc, char **argv)
{
	struct job job;

	if (getpid() != 1) {
		fprintf(stderr, "init: only kernel/run's virtual machine can run this\n");
		return 1;
	}
	umask(022);
	host_ctl = find_host_ctl(argc, argv);
	make_root();
	mount_all();
	name_disks();
	mount_share("ctl", host_ctl, CTL_DIR, P9_RW);
	read_job(&job);
	mount_host_dirs(&job);
	if (sethostname("fuseiomap-vm", strlen("fuseiomap-vm")))
		die("host name");
	set_limits();
	loopback_up();
	report(&job, run(&job));
	leave();
}
