/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file system: a tree of inodes in memory, data on a block device.
 *
 * An inode number is at the same time libfuse's node id and the index into
 * fs->inodes. The kernel holds a reference (nlookup) to every node it names
 * in a request, so a request handler may use its inode without counting.
 *
 * Locks, in the order they are taken:
 *   fs->lock	names, link counts, nlookup, the inode table
 *   inode->lock	attributes, size and extents of one inode
 *   alloc.lock	the block map (alloc.c)
 */
#ifndef IOMAPFS_FS_H
#define IOMAPFS_FS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "alloc.h"
#include "faults.h"

#define MAX_BLOCK_SIZE	65536
#define MAX_INODES	(1 << 20)
#define MAX_NAME	255
#define ROOT_INO	1

/* A name in a directory. */
struct name {
	TAILQ_ENTRY(name) link;
	struct inode *parent;
	struct inode *inode;
	uint64_t cookie;	/* readdir position, unique and growing */
	char text[];
};

TAILQ_HEAD(name_list, name);

struct inode {
	pthread_mutex_t lock;
	struct stat attr;		/* st_blocks is not kept, see inode_stat() */
	struct extents extents;		/* regular files */
	char *target;			/* symbolic links */
	struct name_list names;		/* directories, sorted by cookie */
	struct inode *parent;		/* directories */
	uint64_t nlookup;		/* references the kernel holds */
	uint64_t generation;		/* tells two users of one number apart */
};

struct fs {
	const char *device;
	int dev_fd;
	uint64_t dev_size;		/* bytes */
	uint32_t block_size;		/* bytes, a power of two */
	struct alloc alloc;

	pthread_mutex_t lock;
	struct inode **inodes;		/* MAX_INODES slots */
	uint64_t ninodes;
	uint64_t last_ino;
	uint64_t generation;
	uint64_t cookie;
	void *names;			/* tsearch(3) tree of struct name */

	int fuse_fd;
	bool iomap_wanted;		/* no --no-iomap */
	bool iomap_offered;		/* by the kernel, in INIT */
	bool iomap_on;			/* agreed, and the device is registered */
	bool iomap_no_ioend;		/* IOEND is not answered, see data.c */
	uint32_t backing_id;		/* the device's number in mappings */
	struct faults faults;
	bool verbose;
};

/* tree.c: inodes and names. All need fs->lock, except where it says not. */

/** Make the root directory. Returns 0 or -ENOMEM. */
int tree_init(struct fs *fs);

/** The inode of a request. Needs no lock. NULL if the number is nonsense. */
struct inode *inode_get(struct fs *fs, uint64_t ino);

/** A new inode without a name; freed by inode_forget(). Returns NULL when full. */
struct inode *inode_new(struct fs *fs, mode_t mode, uid_t uid, gid_t gid, dev_t rdev);

/** Drop @nlookup references; frees the inode, if that and its links are gone. */
void inode_forget(struct fs *fs, struct inode *inode, uint64_t nlookup);

/** Attributes as stat(2) shows them. Takes inode->lock. */
struct stat inode_stat(struct fs *fs, struct inode *inode);

/** Set ctime, or mtime and ctime, to now. Takes inode->lock. */
void inode_touch(struct inode *inode, bool mtime);

/** Look @text up in @dir; NULL if it is not there. */
struct name *name_find(struct fs *fs, struct inode *dir, const char *text);

/** Give @inode a name, or another one. Returns 0 or a negative errno. */
int name_add(struct fs *fs, struct inode *dir, const char *text, struct inode *inode);

/** Take a name away, and with the last one the inode, unless it is in use. */
void name_remove(struct fs *fs, struct name *name);

/** Exchange what two names stand for. */
void name_exchange(struct name *a, struct name *b);

/*
 * data.c: blocks of a file; ordinary reading and writing without iomap.
 * All need inode->lock. Offsets and lengths are bytes.
 */

/** Set the size, free the blocks beyond it. Returns 0 or a negative errno. */
int data_truncate(struct fs *fs, struct inode *inode, uint64_t size);

/** Allocate one extent for the hole at *block* @off, at most @len blocks. */
int data_allocate_one(struct fs *fs, struct inode *inode, uint64_t off, uint64_t len);

/** Allocate unwritten blocks for all holes of a range. */
int data_allocate(struct fs *fs, struct inode *inode, uint64_t pos, uint64_t len);

/** Make a range read as zeros and free its blocks. */
int data_punch(struct fs *fs, struct inode *inode, uint64_t pos, uint64_t len);

/** Read, at most to the end of file. Returns bytes or a negative errno. */
ssize_t data_read(struct fs *fs, struct inode *inode, void *buf, size_t len, uint64_t pos);

/** Write, with allocation and a new size. Returns bytes or a negative errno. */
ssize_t data_write(struct fs *fs, struct inode *inode, const void *buf, size_t len, uint64_t pos);

/* fs.c: the libfuse operations. */
extern const struct fuse_lowlevel_ops fs_ops;

#endif
