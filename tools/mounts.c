// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <libmount/libmount.h>

#include "mounts.h"
#include "text.h"

static bool is_fuse(const char *fstype)
{
	return !strncmp(fstype, "fuse", 4) && strcmp(fstype, "fusectl");
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* ---- the mount table ----------------------------------------------------- */

/*
 * The devices that were met in this reading. The first mount of a superblock
 * names it; bind mounts come later.
 */
struct seen {
	__u32 *dev;
	size_t n;
};

static bool is_seen(const struct seen *seen, __u32 dev)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->dev[i] == dev)
			return true;
	return false;
}

static void add(struct catalog *c, struct seen *seen, struct libmnt_fs *fs)
{
	const char *fstype = mnt_fs_get_fstype(fs);
	dev_t no = mnt_fs_get_devno(fs);
	__u32 dev = major(no) << 20 | minor(no);
	const struct mount *known = catalog_mount(c, dev);
	struct mount m = {
		.dev = dev,
		.target = (char *)or_empty(mnt_fs_get_target(fs)),
		.source = (char *)or_empty(mnt_fs_get_source(fs)),
		.fstype = (char *)fstype,
		.server_comm = "",
	};

	if (!fstype || !is_fuse(fstype) || is_seen(seen, dev))
		return;
	seen->dev = xrealloc(seen->dev, (seen->n + 1) * sizeof(*seen->dev));
	seen->dev[seen->n++] = dev;
	/* A number that was given back and taken again has another server. */
	if (known && !known->gone) {
		m.server_pid = known->server_pid;
		m.server_comm = known->server_comm;
	}
	catalog_add_mount(c, &m);
}

/* A copy, since adding an entry may free the one that it replaces. */
static size_t all_mounts(const struct catalog *c, __u32 **devs)
{
	const struct mount **list;
	size_t n = catalog_mounts(c, &list);

	*devs = xcalloc(n, sizeof(**devs));
	for (size_t i = 0; i < n; i++)
		(*devs)[i] = list[i]->dev;
	return n;
}

static void mark_gone(struct catalog *c, const struct seen *seen)
{
	__u32 *devs;
	size_t n = all_mounts(c, &devs);

	for (size_t i = 0; i < n; i++) {
		struct mount m = *catalog_mount(c, devs[i]);

		if (m.gone || is_seen(seen, m.dev))
			continue;
		m.gone = true;
		catalog_add_mount(c, &m);
	}
	free(devs);
}

int mounts_read(struct catalog *c)
{
	struct libmnt_table *table = mnt_new_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct seen seen = { 0 };
	struct libmnt_fs *fs;
	int err = -ENOMEM;

	if (table && iter)
		err = mnt_table_parse_file(table, "/proc/self/mountinfo");
	if (!err) {
		while (!mnt_table_next_fs(table, iter, &fs))
			add(c, &seen, fs);
		mark_gone(c, &seen);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	free(seen.dev);
	return err > 0 ? -err : err;
}

__u32 mounts_dev_of_id(int id)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned int maj, min;
	__u32 dev = 0;
	char line[512];
	int found;

	while (f && !dev && fgets(line, sizeof(line), f))
		if (sscanf(line, "%d %*d %u:%u", &found, &maj, &min) == 3 && found == id)
			dev = maj << 20 | min;
	if (f)
		fclose(f);
	return dev;
}

/*
 * By name only: asking the file system itself could block on a server that
 * hangs, which is when people reach for this tool.
 */
const struct mount *mounts_find_path(const struct catalog *c, const char *path)
{
	const struct mount **list;
	char clean[PATH_MAX];
	size_t len, n;

	if (path[0] == '/')
		snprintf(clean, sizeof(clean), "%s", path);
	else if (strlen(path) + 2 < sizeof(clean) &&
		 getcwd(clean, sizeof(clean) - strlen(path) - 2))
		sprintf(clean + strlen(clean), "/%s", path);
	else
		return NULL;
	for (len = strlen(clean); len > 1 && clean[len - 1] == '/'; len--)
		clean[len - 1] = '\0';
	n = catalog_mounts(c, &list);
	for (size_t i = 0; i < n; i++)
		if (!list[i]->gone && !strcmp(list[i]->target, clean))
			return list[i];
	return NULL;
}

/* ---- servers ------------------------------------------------------------- */

/* Numbers of directory entries in /proc; 0 for other names. */
static unsigned int entry_number(const struct dirent *e)
{
	return isdigit((unsigned char)e->d_name[0]) ? strtoul(e->d_name, NULL, 10) : 0;
}

/* Linux 6.17 and later say so in fdinfo; 0: not a FUSE device, or not known. */
static __u32 fd_connection(unsigned int pid, const char *fd)
{
	char path[64], target[16], line[128];
	unsigned int dev = 0;
	ssize_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/fd/%.16s", pid, fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return 0;
	target[len] = '\0';
	if (strcmp(target, "/dev/fuse"))
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%.16s", pid, fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!dev && fgets(line, sizeof(line), f))
		if (sscanf(line, "fuse_connection: %u", &dev) != 1)
			dev = 0;
	fclose(f);
	return dev;
}

static void read_comm(unsigned int pid, char *comm, size_t size)
{
	char path[64];
	FILE *f;

	comm[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(comm, size, f))
		comm[strcspn(comm, "\n")] = '\0';
	fclose(f);
}

/* Of several processes that hold a connection, the oldest is the server. */
static bool wants_server(const struct catalog *c, __u32 dev)
{
	const struct mount *m = catalog_mount(c, dev);

	return m && !m->gone && (!m->server_pid || (kill(m->server_pid, 0) && errno == ESRCH));
}

static void set_server(struct catalog *c, __u32 dev, unsigned int pid)
{
	char comm[FI_COMM_LEN + 1];
	struct mount m = *catalog_mount(c, dev);

	read_comm(pid, comm, sizeof(comm));
	m.server_pid = pid;
	m.server_comm = comm;
	catalog_add_mount(c, &m);
}

static void look_at_process(struct catalog *c, unsigned int pid)
{
	struct dirent *e;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d))) {
		__u32 dev = e->d_name[0] == '.' ? 0 : fd_connection(pid, e->d_name);

		if (dev && wants_server(c, dev))
			set_server(c, dev, pid);
	}
	closedir(d);
}

void mounts_find_servers(struct catalog *c)
{
	__u32 *devs;
	size_t n = all_mounts(c, &devs), wanted = 0;
	struct dirent *e;
	DIR *proc;

	for (size_t i = 0; i < n; i++)
		wanted += wants_server(c, devs[i]);
	free(devs);
	if (!wanted)
		return;
	proc = opendir("/proc");
	if (!proc)
		return;
	while ((e = readdir(proc))) {
		unsigned int pid = entry_number(e);

		if (pid)
			look_at_process(c, pid);
	}
	closedir(proc);
}
