// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tasks.h"
#include "text.h"

#define BUCKETS		4096
#define MAX_TASKS	65536	/* then all are forgotten, and asked for again */

enum in_cgroup { CGROUP_UNKNOWN, CGROUP_IN, CGROUP_OUT };

struct entry {
	struct entry *next;
	struct task task;
	enum in_cgroup in_cgroup;
};

struct tasks {
	char cgroup[PATH_MAX];	/* below the root of the hierarchy; "" is the root */
	tasks_lookup lookup;
	void *ctx;
	size_t n;
	struct entry *bucket[BUCKETS];
};

struct tasks *tasks_new(tasks_lookup lookup, void *ctx)
{
	struct tasks *t = xcalloc(1, sizeof(*t));

	t->lookup = lookup;
	t->ctx = ctx;
	return t;
}

static void forget_all(struct tasks *t)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (t->bucket[i]) {
			struct entry *e = t->bucket[i];

			t->bucket[i] = e->next;
			free(e);
		}
	t->n = 0;
}

void tasks_free(struct tasks *t)
{
	if (!t)
		return;
	forget_all(t);
	free(t);
}

static struct entry *find(struct tasks *t, __u32 tid)
{
	for (struct entry *e = t->bucket[tid % BUCKETS]; e; e = e->next)
		if (e->task.tid == tid)
			return e;
	return NULL;
}

static struct entry *add(struct tasks *t, __u32 tid)
{
	struct entry *e;

	if (t->n >= MAX_TASKS)
		forget_all(t);
	e = xcalloc(1, sizeof(*e));
	e->task.tid = e->task.pid = tid;
	e->next = t->bucket[tid % BUCKETS];
	t->bucket[tid % BUCKETS] = e;
	t->n++;
	return e;
}

static void set_name(char *to, const char *name)
{
	size_t len = strnlen(name, FI_COMM_LEN);

	memcpy(to, name, len);
	to[len] = '\0';
}

static struct entry *get(struct tasks *t, __u32 tid)
{
	struct entry *e = find(t, tid);

	if (!e) {
		e = add(t, tid);
		if (t->lookup)
			t->lookup(t->ctx, tid, &e->task);
	}
	return e;
}

const struct task *tasks_get(struct tasks *t, __u32 tid)
{
	struct entry *e = get(t, tid);
	const struct entry *leader = e->task.pid == tid ? e : find(t, e->task.pid);

	if (leader)
		set_name(e->task.process, leader->task.comm);
	return &e->task;
}

/* ---- events --------------------------------------------------------------- */

/* A new thread is in its maker's cgroup, and that of a process is where it forked. */
static void on_new(struct tasks *t, const struct raw_event *e)
{
	const struct entry *maker = get(t, e->tid);
	__u32 pid = e->clone_flags & CLONE_THREAD ? maker->task.pid : e->other_tid;
	enum in_cgroup in = e->clone_flags & CLONE_INTO_CGROUP ? CGROUP_UNKNOWN :
			    maker->in_cgroup;
	struct entry *new = find(t, e->other_tid);

	/* The number may have been another's. */
	if (!new)
		new = add(t, e->other_tid);
	new->task.pid = pid;
	new->in_cgroup = in;
	set_name(new->task.comm, e->text);
}

/* Below `cgroup`, or the same. */
static bool is_below(const char *cgroup, const char *path)
{
	size_t len = strlen(cgroup);

	return !strncmp(path, cgroup, len) && (!path[len] || path[len] == '/');
}

static void on_cgroup(struct tasks *t, const struct raw_event *e)
{
	struct entry *entry = get(t, e->other_tid);

	/* The event may have cut the path. */
	if (strlen(t->cgroup) + 1 >= sizeof(e->text))
		entry->in_cgroup = CGROUP_UNKNOWN;
	else
		entry->in_cgroup = is_below(t->cgroup, e->text) ? CGROUP_IN : CGROUP_OUT;
}

void tasks_event(struct tasks *t, const struct raw_event *e)
{
	struct entry *entry;

	if (e->what == RAW_TASK_NEW) {
		on_new(t, e);
	} else if (e->what == RAW_TASK_CGROUP) {
		on_cgroup(t, e);
	} else {
		entry = find(t, e->other_tid);
		if (entry)
			set_name(entry->task.comm, e->text);
	}
}

/* ---- /proc ---------------------------------------------------------------- */

ssize_t proc_read(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/*
 * The comm of a kworker comes with what it works on behind '+' or '-', unlike
 * in the kernel's own idea of it, which events and BPF programs show.
 */
static void trim_kworker(char *comm)
{
	char *p = comm + strlen("kworker/");

	if (strncmp(comm, "kworker/", p - comm))
		return;
	p = strpbrk(p, isdigit((unsigned char)*p) || *p == 'u' ? "+-" : "+");
	if (p)
		*p = '\0';
}

static void read_comm(__u32 tid, char *comm)
{
	char path[64], buf[128];

	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	if (proc_read(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
		return;
	buf[strcspn(buf, "\n")] = '\0';
	trim_kworker(buf);
	set_name(comm, buf);
}

void tasks_lookup_proc(void *ctx, __u32 tid, struct task *t)
{
	char path[64], buf[1024], *p;

	read_comm(tid, t->comm);
	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	if (proc_read(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
		return;
	p = strstr(buf, "\nTgid:");
	if (p)
		t->pid = strtoul(p + strlen("\nTgid:"), NULL, 10);
	if (t->pid != tid)
		read_comm(t->pid, t->process);
}

/* ---- cgroups ---------------------------------------------------------------- */

/* Where the hierarchy is mounted that `dir` is in: the last parent of its kind. */
static size_t cgroup_root(const char *dir)
{
	char path[PATH_MAX];
	size_t root = strlen(dir);
	struct statfs fs;

	strcpy(path, dir);
	for (char *p = path + root; p > path; p = strrchr(path, '/')) {
		*p = '\0';
		if (statfs(p == path ? "/" : path, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
			break;
		root = p - path;
	}
	return root;
}

int tasks_set_cgroup(struct tasks *t, const char *path)
{
	char full[PATH_MAX], real[PATH_MAX];
	struct statfs fs;

	snprintf(full, sizeof(full), "%s%s", path[0] == '/' ? "" : "/sys/fs/cgroup/", path);
	if (!realpath(full, real) || statfs(real, &fs))
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return -ENOTSUP;
	strcpy(t->cgroup, real + cgroup_root(real));
	return 0;
}

/* The version 2 line of /proc/TID/cgroup is "0::/path". */
static enum in_cgroup read_cgroup(const struct tasks *t, __u32 tid)
{
	char path[64], buf[PATH_MAX], *p;

	snprintf(path, sizeof(path), "/proc/%u/cgroup", tid);
	if (proc_read(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
		return CGROUP_UNKNOWN;
	p = strstr(buf, "0::");
	if (!p || (p > buf && p[-1] != '\n'))
		return CGROUP_OUT;
	p += strlen("0::");
	p[strcspn(p, "\n")] = '\0';
	return is_below(t->cgroup, strcmp(p, "/") ? p : "") ? CGROUP_IN : CGROUP_OUT;
}

bool tasks_in_cgroup(struct tasks *t, __u32 tid)
{
	struct entry *e = get(t, tid);

	if (e->in_cgroup == CGROUP_UNKNOWN)
		e->in_cgroup = read_cgroup(t, tid);
	return e->in_cgroup == CGROUP_IN;
}

/* ---- all that run now --------------------------------------------------------- */

static void scan_threads(struct tasks *t, const char *pid)
{
	char path[64];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0])) {
			__u32 tid = strtoul(e->d_name, NULL, 10);
			struct entry *entry;

			if (find(t, tid))
				continue;
			entry = add(t, tid);
			entry->task.pid = strtoul(pid, NULL, 10);
			read_comm(tid, entry->task.comm);
			if (t->cgroup[0])
				entry->in_cgroup = read_cgroup(t, tid);
		}
	if (dir)
		closedir(dir);
}

void tasks_scan_proc(struct tasks *t)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]))
			scan_threads(t, e->d_name);
	if (dir)
		closedir(dir);
}
