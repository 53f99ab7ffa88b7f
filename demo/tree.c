// SPDX-License-Identifier: GPL-2.0-only
/* Inodes and names, in memory; the contract is in fs.h. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs.h"

struct timespec now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts;
}

int tree_init(struct fs *fs)
{
	struct inode *root;

	pthread_mutex_init(&fs->lock, NULL);
	fs->inodes = calloc(MAX_INODES, sizeof(*fs->inodes));
	if (!fs->inodes)
		return -ENOMEM;
	fs->last_ino = ROOT_INO - 1;
	fs->cookie = 2;		/* 1 and 2 are "." and "..", see fs.c */
	root = inode_new(fs, S_IFDIR | 0755, 0, 0, 0);
	if (!root)
		return -ENOMEM;
	root->parent = root;
	root->attr.st_nlink = 2;
	return 0;
}

struct inode *inode_get(struct fs *fs, uint64_t ino)
{
	return ino < MAX_INODES ? fs->inodes[ino] : NULL;
}

/* The next free inode number after the last one given out; 0 if all are used. */
static uint64_t new_ino(struct fs *fs)
{
	if (fs->ninodes >= MAX_INODES - ROOT_INO)
		return 0;
	do {
		fs->last_ino = fs->last_ino + 1 < MAX_INODES ? fs->last_ino + 1 : ROOT_INO;
	} while (fs->inodes[fs->last_ino]);
	return fs->last_ino;
}

struct inode *inode_new(struct fs *fs, mode_t mode, uid_t uid, gid_t gid, dev_t rdev)
{
	struct timespec ts = now();
	uint64_t ino = new_ino(fs);
	struct inode *inode = ino ? calloc(1, sizeof(*inode)) : NULL;

	if (!inode)
		return NULL;
	pthread_mutex_init(&inode->lock, NULL);
	TAILQ_INIT(&inode->names);
	inode->generation = fs->generation++;
	inode->attr = (struct stat) {
		.st_ino = ino,
		.st_mode = mode,
		.st_uid = uid,
		.st_gid = gid,
		.st_rdev = rdev,
		.st_blksize = fs->block_size,
		.st_atim = ts,
		.st_mtim = ts,
		.st_ctim = ts,
	};
	fs->ninodes++;
	fs->inodes[ino] = inode;
	return inode;
}

struct inode *inode_restore(struct fs *fs, uint64_t ino, mode_t mode, uid_t uid, gid_t gid,
			    dev_t rdev)
{
	if (ino < ROOT_INO || ino >= MAX_INODES)
		return NULL;
	if (ino == ROOT_INO)
		return fs->inodes[ROOT_INO];
	if (fs->inodes[ino])
		return NULL;
	fs->last_ino = ino - 1;
	return inode_new(fs, mode, uid, gid, rdev);
}

void inode_forget(struct fs *fs, struct inode *inode, uint64_t nlookup)
{
	inode->nlookup -= nlookup;
	if (inode->nlookup)
		return;
	/* The kernel has no page of it any more that could be written back. */
	pthread_mutex_lock(&inode->lock);
	extents_drop_delayed(&fs->alloc, &inode->extents);
	pthread_mutex_unlock(&inode->lock);
	if (inode->attr.st_nlink)
		return;
	fs->inodes[inode->attr.st_ino] = NULL;
	fs->ninodes--;
	data_free(fs, inode);
	pthread_mutex_destroy(&inode->lock);
	xattr_free(inode);
	free(inode->target);
	free(inode);
}

struct stat inode_stat(struct fs *fs, struct inode *inode)
{
	struct stat attr;

	pthread_mutex_lock(&inode->lock);
	attr = inode->attr;
	attr.st_blocks = inode->extents.blocks * (fs->block_size / 512);
	pthread_mutex_unlock(&inode->lock);
	return attr;
}

void inode_touch(struct inode *inode, bool mtime)
{
	pthread_mutex_lock(&inode->lock);
	inode->attr.st_ctim = now();
	if (mtime)
		inode->attr.st_mtim = inode->attr.st_ctim;
	pthread_mutex_unlock(&inode->lock);
}

static void add_links(struct inode *inode, int change)
{
	pthread_mutex_lock(&inode->lock);
	inode->attr.st_nlink += change;
	inode->attr.st_ctim = now();
	pthread_mutex_unlock(&inode->lock);
}

static int name_compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(x->text, y->text);
}

static struct name *name_new(struct inode *dir, const char *text)
{
	struct name *name = malloc(sizeof(*name) + strlen(text) + 1);

	if (name) {
		name->parent = dir;
		strcpy(name->text, text);
	}
	return name;
}

struct name *name_find(struct fs *fs, struct inode *dir, const char *text)
{
	struct name *key = name_new(dir, text);
	struct name **found = key ? tfind(key, &fs->names, name_compare) : NULL;

	free(key);
	return found ? *found : NULL;
}

/* A directory counts as a link to its parent, and "." as one to itself. */
static void link_inode(struct inode *dir, struct inode *inode)
{
	if (S_ISDIR(inode->attr.st_mode)) {
		inode->parent = dir;
		add_links(dir, 1);
		add_links(inode, 1);
	}
	add_links(inode, 1);
}

static void unlink_inode(struct inode *dir, struct inode *inode)
{
	if (S_ISDIR(inode->attr.st_mode)) {
		add_links(dir, -1);
		add_links(inode, -1);
	}
	add_links(inode, -1);
}

int name_add(struct fs *fs, struct inode *dir, const char *text, struct inode *inode)
{
	struct name *name, **in_tree;

	if (strlen(text) > MAX_NAME)
		return -ENAMETOOLONG;
	name = name_new(dir, text);
	if (!name)
		return -ENOMEM;
	in_tree = tsearch(name, &fs->names, name_compare);
	if (!in_tree || *in_tree != name) {
		free(name);
		return in_tree ? -EEXIST : -ENOMEM;
	}
	name->inode = inode;
	name->cookie = ++fs->cookie;
	TAILQ_INSERT_TAIL(&dir->names, name, link);
	link_inode(dir, inode);
	inode_touch(dir, true);
	return 0;
}

void name_remove(struct fs *fs, struct name *name)
{
	struct inode *inode = name->inode;

	tdelete(name, &fs->names, name_compare);
	TAILQ_REMOVE(&name->parent->names, name, link);
	unlink_inode(name->parent, inode);
	inode_touch(name->parent, true);
	free(name);
	inode_forget(fs, inode, 0);
}

void name_exchange(struct name *a, struct name *b)
{
	struct inode *inode = a->inode;

	unlink_inode(a->parent, a->inode);
	unlink_inode(b->parent, b->inode);
	a->inode = b->inode;
	b->inode = inode;
	link_inode(a->parent, a->inode);
	link_inode(b->parent, b->inode);
	inode_touch(a->parent, true);
	inode_touch(b->parent, true);
}
