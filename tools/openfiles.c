// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "openfiles.h"
#include "tasks.h"
#include "text.h"

/* Searches per second. */
#define RATE	200

struct openfiles {
	struct catalog *catalog;
	time_t second;
	unsigned int searches;	/* in that second */
};

struct openfiles *openfiles_new(struct catalog *catalog)
{
	struct openfiles *o = xcalloc(1, sizeof(*o));

	o->catalog = catalog;
	return o;
}

void openfiles_free(struct openfiles *o)
{
	free(o);
}

static bool find_number(const char *text, const char *name, __u64 *v)
{
	const char *p = strstr(text, name);

	if (!p)
		return false;
	*v = strtoull(p + strlen(name), NULL, 10);
	return true;
}

/* Whether the mount with this id, which is of that process, is of the connection. */
static bool mount_is(__u32 tid, __u64 mnt_id, __u32 dev)
{
	unsigned int id, parent, major, minor;
	char path[64], *line = NULL;
	size_t size = 0;
	bool is = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/mountinfo", tid);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "%u %u %u:%u", &id, &parent, &major, &minor) == 4 &&
		    id == mnt_id) {
			is = major == DEV_MAJOR(dev) && minor == DEV_MINOR(dev);
			break;
		}
	free(line);
	if (f)
		fclose(f);
	return is;
}

/* The part of an absolute path below the mount point, or NULL. */
static const char *below_mount(const struct openfiles *o, __u32 dev, const char *path)
{
	const struct mount *m = catalog_mount(o->catalog, dev);
	size_t len = m ? strlen(m->target) : 0;

	if (!m || strncmp(path, m->target, len) || path[len] != '/')
		return NULL;
	return path + len + 1;
}

static bool take_path(struct openfiles *o, __u32 tid, const char *fd, const struct file *file)
{
	static const char deleted[] = " (deleted)";
	char link[64], path[PATH_MAX];
	struct file found = *file;
	const char *below;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%u/fd/%.20s", tid, fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	if ((size_t)n > strlen(deleted) && !strcmp(path + n - strlen(deleted), deleted))
		path[n - strlen(deleted)] = '\0';
	below = below_mount(o, file->dev, path);
	if (!below)
		return false;
	found.path = (char *)below;
	found.whole = true;
	catalog_add_file(o->catalog, &found);
	return true;
}

static bool search(struct openfiles *o, __u32 tid, const struct file *file)
{
	char path[64], info[1024];
	struct dirent *e;
	bool found = false;
	__u64 ino, mnt_id;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo", tid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)))
		found = isdigit((unsigned char)e->d_name[0]) &&
			proc_read(dirfd(dir), e->d_name, info, sizeof(info)) > 0 &&
			find_number(info, "\nino:", &ino) && ino == file->ino &&
			find_number(info, "\nmnt_id:", &mnt_id) &&
			mount_is(tid, mnt_id, file->dev) &&
			take_path(o, tid, e->d_name, file);
	if (dir)
		closedir(dir);
	return found;
}

void openfiles_find(struct openfiles *o, __u32 tid, __u32 dev, __u64 ino, __u64 nodeid)
{
	struct file file = { .dev = dev, .ino = ino, .nodeid = nodeid, .path = "" };
	time_t now = time(NULL);

	if (now != o->second) {
		o->second = now;
		o->searches = 0;
	}
	if (o->searches++ >= RATE)
		return;
	search(o, tid, &file);
}
