// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

/* All of a file of /proc whose name is formatted; false if it cannot be read. */
static bool __attribute__((format(printf, 2, 3)))
slurp(struct text *to, const char *fmt, ...)
{
	char path[PATH_MAX], buf[4096];
	va_list ap;
	ssize_t n;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	text_clear(to);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		text_add(to, buf, n);
	close(fd);
	return n == 0 && to->len;
}

/* The number behind "name:" at the start of a line. */
static bool find_field(const char *s, const char *name, int base, __u64 *v)
{
	size_t len = strlen(name);

	for (; s && *s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL) {
		if (strncmp(s, name, len) || s[len] != ':')
			continue;
		*v = strtoull(s + len + 1, NULL, base);
		return true;
	}
	return false;
}

/* ---- one thread ---------------------------------------------------------- */

/* "123 (any) thing) S 1 ...": the name ends at the last bracket. */
bool proc_parse_stat(struct proc_task *t, const char *line)
{
	const char *open = strchr(line, '('), *close = strrchr(line, ')');
	size_t len;

	if (!open || !close || close < open || close[1] != ' ' || !isalpha(close[2]))
		return false;
	t->tid = strtoul(line, NULL, 10);
	t->state = close[2];
	len = close - open - 1;
	if (len > FI_COMM_LEN)
		len = FI_COMM_LEN;
	memcpy(t->comm, open + 1, len);
	t->comm[len] = '\0';
	return true;
}

/* "[<0>] name+0x1c/0x40 [module]" per line; some kernels show the address. */
void proc_parse_stack(struct text *to, const char *from)
{
	text_clear(to);
	while (*from) {
		size_t len = strcspn(from, "\n"), skip = 0;

		if (from[0] == '[') {
			skip = strcspn(from, "]");
			skip += skip < len;
			skip += skip < len && from[skip] == ' ';
		}
		if (skip < len) {
			text_add(to, from + skip, len - skip);
			text_add(to, "\n", 1);
		}
		from += len + (from[len] == '\n');
	}
}

char *proc_function(char *buf, size_t size, const char *stack)
{
	snprintf(buf, size, "%.*s", (int)strcspn(stack, "+\n"), stack);
	return buf;
}

const char *proc_stack_find(const char *stack, const char *function)
{
	size_t len = strlen(function);

	for (; *stack; stack += strcspn(stack, "\n"), stack += *stack == '\n')
		if (!strncmp(stack, function, len) && strchr("+.\n", stack[len]))
			return stack;
	return NULL;
}

bool proc_task_read(struct proc_task *t, __u32 tid)
{
	struct text buf = { 0 };
	__u64 v = 0, more = 0;
	bool found;

	t->tid = tid;
	t->state = 0;
	t->switches = 0;
	text_clear(&t->stack);
	found = slurp(&buf, "/proc/%u/stat", tid) && proc_parse_stat(t, buf.s);
	if (found && slurp(&buf, "/proc/%u/status", tid)) {
		find_field(buf.s, "Tgid", 10, &v);
		t->pid = v;
		find_field(buf.s, "voluntary_ctxt_switches", 10, &t->switches);
		find_field(buf.s, "nonvoluntary_ctxt_switches", 10, &more);
		t->switches += more;
	}
	if (found && slurp(&buf, "/proc/%u/stack", tid))
		proc_parse_stack(&t->stack, buf.s);
	text_free(&buf);
	return found;
}

void proc_task_free(struct proc_task *t)
{
	text_free(&t->stack);
	*t = (struct proc_task){ 0 };
}

/* ---- many threads -------------------------------------------------------- */

/* Calls fn for each number in a directory. */
static void each_number(const char *path, void (*fn)(void *ctx, __u32 nr), void *ctx)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			fn(ctx, strtoul(e->d_name, NULL, 10));
	closedir(d);
}

struct each {
	void (*fn)(void *ctx, __u32 pid, __u32 tid);
	void *ctx;
	__u32 pid;
};

static void on_tid(void *ctx, __u32 tid)
{
	struct each *e = ctx;

	e->fn(e->ctx, e->pid, tid);
}

static void on_pid(void *ctx, __u32 pid)
{
	struct each *e = ctx;
	char path[64];

	e->pid = pid;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	each_number(path, on_tid, e);
}

void proc_each_thread(__u32 pid, void (*fn)(void *ctx, __u32 pid, __u32 tid), void *ctx)
{
	struct each e = { fn, ctx, pid };

	if (pid)
		on_pid(&e, pid);
	else
		each_number("/proc", on_pid, &e);
}

/* ---- what a thread works on ---------------------------------------------- */

/* "0 0x3 0x7ffd… 0x1000 0x0 0x0 0x0 sp pc"; "running" and "-1 sp pc" tell nothing. */
bool proc_parse_syscall(struct proc_syscall *c, const char *line)
{
	char *end;

	c->nr = strtol(line, &end, 10);
	if (end == line || c->nr < 0)
		return false;
	for (int i = 0; i < 6; i++) {
		const char *at = end;

		c->arg[i] = strtoull(at, &end, 16);
		if (end == at)
			return false;
	}
	return true;
}

/* Calls whose first argument is a file; those with a range say where it is. */
static const struct call {
	long nr;
	signed char pos;	/* argument; -1: the file's position */
	signed char count;	/* argument; -1: it has none */
} calls[] = {
	{ SYS_read, -1, 2 },
	{ SYS_write, -1, 2 },
	{ SYS_readv, -1, -1 },
	{ SYS_writev, -1, -1 },
	{ SYS_pread64, 3, 2 },
	{ SYS_pwrite64, 3, 2 },
	{ SYS_preadv, -1, -1 },
	{ SYS_pwritev, -1, -1 },
	{ SYS_preadv2, -1, -1 },
	{ SYS_pwritev2, -1, -1 },
	{ SYS_fallocate, 2, 3 },
	{ SYS_ftruncate, -1, -1 },
	{ SYS_fsync, -1, -1 },
	{ SYS_fdatasync, -1, -1 },
	{ SYS_sync_file_range, 1, 2 },
	{ SYS_lseek, -1, -1 },
	{ SYS_ioctl, -1, -1 },
	{ SYS_close, -1, -1 },
};

static bool read_file(struct proc_io *io, __u32 tid, unsigned int fd, __u64 *pos)
{
	struct text info = { 0 };
	char link[64];
	ssize_t len;
	__u64 v = 0;

	snprintf(link, sizeof(link), "/proc/%u/fd/%u", tid, fd);
	len = readlink(link, io->path, sizeof(io->path) - 1);
	if (len < 0)
		return false;
	io->path[len] = '\0';
	if (slurp(&info, "/proc/%u/fdinfo/%u", tid, fd)) {
		find_field(info.s, "mnt_id", 10, &v);
		io->mount_id = v;
		find_field(info.s, "ino", 10, &io->ino);
		find_field(info.s, "pos", 10, pos);
	}
	text_free(&info);
	return true;
}

bool proc_io_read(struct proc_io *io, __u32 tid)
{
	struct proc_syscall c;
	struct text line = { 0 };
	__u64 pos = 0;
	bool found = slurp(&line, "/proc/%u/syscall", tid) && proc_parse_syscall(&c, line.s);

	*io = (struct proc_io){ 0 };
	text_free(&line);
	for (size_t i = 0; found && i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call *call = &calls[i];

		if (call->nr != c.nr)
			continue;
		if (!read_file(io, tid, c.arg[0], &pos))
			return false;
		io->ranged = call->count >= 0;
		if (io->ranged) {
			io->pos = call->pos >= 0 ? c.arg[(int)call->pos] : pos;
			io->count = c.arg[(int)call->count];
		}
		return true;
	}
	return false;
}

bool proc_in_cgroup(__u32 tid, const char *cgroup)
{
	struct text t = { 0 };
	size_t len = strlen(cgroup);
	char *path;
	bool in = false;

	while (len && cgroup[len - 1] == '/')
		len--;
	/* The line of version 2, the one that BPF goes by as well. */
	if (slurp(&t, "/proc/%u/cgroup", tid)) {
		path = !strncmp(t.s, "0::", 3) ? t.s : strstr(t.s, "\n0::");
		path = path ? strchr(path, '/') : NULL;
		in = path && !strncmp(path, cgroup, len) &&
		     (path[len] == '/' || path[len] == '\n' || !path[len]);
	}
	text_free(&t);
	return in;
}

__u64 proc_sysctl(const char *name, __u64 missing)
{
	struct text t = { 0 };
	__u64 v = missing;

	if (slurp(&t, "/proc/sys/%s", name))
		v = strtoull(t.s, NULL, 10);
	text_free(&t);
	return v;
}
