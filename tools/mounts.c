// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
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

static struct mount *find(const struct mounts *m, __u32 dev)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->mount[i].dev == dev)
			return &m->mount[i];
	return NULL;
}

static void set(char **to, const char *s)
{
	free(*to);
	*to = strdup(s ? s : "");
}

/* The first mount of a superblock names it; bind mounts come later. */
static void add(struct mounts *m, struct libmnt_fs *fs)
{
	const char *fstype = mnt_fs_get_fstype(fs);
	dev_t no = mnt_fs_get_devno(fs);
	__u32 dev = major(no) << 20 | minor(no);
	struct mount *e = find(m, dev);

	if (!fstype || !is_fuse(fstype))
		return;
	if (e && !e->gone)
		return;
	if (!e) {
		m->mount = xrealloc(m->mount, (m->n + 1) * sizeof(*m->mount));
		e = &m->mount[m->n++];
		*e = (struct mount){ .dev = dev };
	}
	e->gone = false;
	set(&e->target, mnt_fs_get_target(fs));
	set(&e->source, mnt_fs_get_source(fs));
	set(&e->fstype, fstype);
}

int mounts_read(struct mounts *m)
{
	struct libmnt_table *table = mnt_new_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int err = -ENOMEM;

	if (table && iter)
		err = mnt_table_parse_file(table, "/proc/self/mountinfo");
	if (!err) {
		for (size_t i = 0; i < m->n; i++)
			m->mount[i].gone = true;
		while (!mnt_table_next_fs(table, iter, &fs))
			add(m, fs);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return err;
}

const struct mount *mounts_find(const struct mounts *m, __u32 dev)
{
	return find(m, dev);
}

char *mounts_name(const struct mounts *m, __u32 dev, char *buf, size_t size)
{
	const struct mount *e = find(m, dev);

	if (e)
		snprintf(buf, size, "%s", e->target);
	else if (dev)
		snprintf(buf, size, "dev %u:%u", DEV_MAJOR(dev), DEV_MINOR(dev));
	else
		snprintf(buf, size, "(other mounts)");
	return buf;
}

/*
 * By name only: asking the file system itself could block on a server that
 * hangs, which is when people reach for this tool.
 */
const struct mount *mounts_find_path(const struct mounts *m, const char *path)
{
	char clean[PATH_MAX];
	size_t len;

	if (path[0] == '/')
		snprintf(clean, sizeof(clean), "%s", path);
	else if (getcwd(clean, sizeof(clean) - strlen(path) - 2))
		sprintf(clean + strlen(clean), "/%s", path);
	else
		return NULL;
	for (len = strlen(clean); len > 1 && clean[len - 1] == '/'; len--)
		clean[len - 1] = '\0';
	for (size_t i = 0; i < m->n; i++)
		if (!m->mount[i].gone && !strcmp(m->mount[i].target, clean))
			return &m->mount[i];
	return NULL;
}

void mounts_free(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->mount[i].target);
		free(m->mount[i].source);
		free(m->mount[i].fstype);
	}
	free(m->mount);
	*m = (struct mounts){ 0 };
}
