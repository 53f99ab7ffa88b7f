// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks.h"
#include "text.h"

#define BUCKETS		4096
#define MAX_TASKS	65536	/* then all are forgotten, and asked for again */

struct entry {
	struct entry *next;
	struct task task;
};

struct tasks {
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

static struct task *find(struct tasks *t, __u32 tid)
{
	for (struct entry *e = t->bucket[tid % BUCKETS]; e; e = e->next)
		if (e->task.tid == tid)
			return &e->task;
	return NULL;
}

static struct task *add(struct tasks *t, __u32 tid)
{
	struct entry *e;

	if (t->n >= MAX_TASKS)
		forget_all(t);
	e = xcalloc(1, sizeof(*e));
	e->task.tid = e->task.pid = tid;
	e->next = t->bucket[tid % BUCKETS];
	t->bucket[tid % BUCKETS] = e;
	t->n++;
	return &e->task;
}

static void set_name(char *to, const char *name)
{
	size_t len = strnlen(name, FI_COMM_LEN);

	memcpy(to, name, len);
	to[len] = '\0';
}

static struct task *get(struct tasks *t, __u32 tid)
{
	struct task *task = find(t, tid);

	if (!task) {
		task = add(t, tid);
		if (t->lookup)
			t->lookup(t->ctx, tid, task);
	}
	return task;
}

const struct task *tasks_get(struct tasks *t, __u32 tid)
{
	struct task *task = get(t, tid);
	const struct task *leader = task->pid == tid ? task : find(t, task->pid);

	if (leader)
		set_name(task->process, leader->comm);
	return task;
}

void tasks_event(struct tasks *t, const struct raw_event *e)
{
	struct task *task = find(t, e->other_tid);
	__u32 pid = e->other_tid;

	if (e->what == RAW_TASK_NEW) {
		/* The number may have been another's. */
		if (e->clone_flags & CLONE_THREAD)
			pid = get(t, e->tid)->pid;
		task = find(t, e->other_tid);
		if (!task)
			task = add(t, e->other_tid);
		task->pid = pid;
	}
	if (task)
		set_name(task->comm, e->text);
}

/* ---- /proc ---------------------------------------------------------------- */

static ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
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
	if (read_file(path, buf, sizeof(buf)) <= 0)
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
	if (read_file(path, buf, sizeof(buf)) <= 0)
		return;
	p = strstr(buf, "\nTgid:");
	if (p)
		t->pid = strtoul(p + strlen("\nTgid:"), NULL, 10);
	if (t->pid != tid)
		read_comm(t->pid, t->process);
}

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
			struct task *task;

			if (find(t, tid))
				continue;
			task = add(t, tid);
			task->pid = strtoul(pid, NULL, 10);
			read_comm(tid, task->comm);
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
