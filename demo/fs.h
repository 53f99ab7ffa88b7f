/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file system: a tree of inodes in memory, data on a block device; with
 * --persist a copy of the tree is there, too (persist.c).
 *
 * An inode number is at the same time libfuse's node id and the index into
 * fs->inodes. The kernel holds a reference (nlookup) to every node it names
 * in a request, so a request handler may use its inode without counting.
 *
 * Locks, in the order they are taken:
 *   persist.lock	a commit (persist.c)
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
#include "fuzz.h"

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
	struct xattr *xattrs;		/* none without --xattr */
	uint64_t nlookup;		/* references the kernel holds */
	uint64_t generation;		/* tells two users of one number apart */
	uint32_t attr_flags;		/* FUSE_ATTR_*, as chattr(1) has set them */
	bool plain;			/* ordinary reads and writes, see --plain */
};

/* A second device for data: blocks of the file system from fs->alloc.split on. */
struct second {
	const char *device;		/* NULL if there is none */
	int fd;
	uint64_t size;			/* bytes */
	uint32_t backing_id;
	bool readonly;			/* registered for reading only, a knob */
};

/* What the kernel is told in CONFIG, beside block size and names. */
struct config {
	uint64_t max_size;		/* bytes; 0: as large as can be */
	uint64_t max_links;
	uint64_t time_gran;		/* ns */
	const struct bad_config *bad;	/* a way to break it, or NULL */
};

/*
 * When a buffered write gets its blocks, and what they are from then on; see
 * answer_delayed() in iomap.c.
 */
enum delalloc {
	DELALLOC_OFF,			/* when it is made */
	DELALLOC_UNWRITTEN,		/* by writeback, which makes them written */
	DELALLOC_MAPPED,		/* by writeback, written with zeros before it */
	DELALLOC_EXPOSED,		/* the same without the zeros: a knob */
};

struct fs {
	const char *device;
	int dev_fd;
	uint64_t dev_size;		/* bytes */
	struct second second;
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
	bool xattr;			/* --xattr */
	bool iomap_wanted;		/* no --no-iomap */
	bool iomap_offered;		/* by the kernel, in INIT */
	bool iomap_on;			/* agreed, and the device is registered */
	bool iomap_no_ioend;		/* IOEND is not answered, see data.c */
	uint32_t backing_id;		/* the device's number in mappings */
	bool fuseblk;			/* the mount holds the device */
	bool sync_init;			/* mount(2) waits for INIT and CONFIG */
	bool drop_rawio;		/* do without CAP_SYS_RAWIO from the start */
	const char *plain_suffix;	/* names of files without iomap, or NULL */
	bool no_dev_inval;		/* do not send DEV_INVAL, a knob */
	bool no_claim;			/* do not open devices exclusively, a knob */
	struct {			/* devices, see transport.c; but for busy, knobs */
		unsigned int after;	/* so many others come first */
		bool late;		/* not before the first BEGIN */
		bool done;
		pthread_mutex_t lock;
		const char *busy;	/* device that somebody else has, or NULL */
	} registering;
	enum delalloc delalloc;
	struct config config;
	struct {			/* see persist.h */
		bool on;
		uint64_t number;	/* of the last commit */
		pthread_mutex_t lock;	/* one commit at a time; taken first */
	} persist;
	struct faults faults;
	struct fuzz fuzz;
	bool verbose;
};

/* tree.c: inodes and names. All need fs->lock, except where it says not. */

/** Make the root directory. Returns 0 or -ENOMEM. */
int tree_init(struct fs *fs);

/** The inode of a request. Needs no lock. NULL if the number is nonsense. */
struct inode *inode_get(struct fs *fs, uint64_t ino);

/** A new inode without a name; freed by inode_forget(). Returns NULL when full. */
struct inode *inode_new(struct fs *fs, mode_t mode, uid_t uid, gid_t gid, dev_t rdev);

/** The same with number @ino, which is free, for an inode that was there before. */
struct inode *inode_restore(struct fs *fs, uint64_t ino, mode_t mode, uid_t uid, gid_t gid,
			    dev_t rdev);

/** Drop @nlookup references; frees the inode, if that and its links are gone. */
void inode_forget(struct fs *fs, struct inode *inode, uint64_t nlookup);

/** Attributes as stat(2) shows them. Takes inode->lock. */
struct stat inode_stat(struct fs *fs, struct inode *inode);

/**
 * The time for a file's times, by the clock that the kernel takes for those that it
 * keeps: one that is finer would be ahead of a write that comes after.
 */
struct timespec now(void);

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

/** Are reads and writes of the file left to the kernel? */
static inline bool uses_iomap(const struct fs *fs, const struct inode *inode)
{
	return fs->iomap_on && !inode->plain;
}

/** Blocks the first device has room for. */
static inline uint64_t first_blocks(const struct fs *fs)
{
	return fs->dev_size / fs->block_size;
}
/* xattr.c: extended attributes. All need inode->lock. */

/** Set one; @flags as in setxattr(2). Returns 0 or a negative errno. */
int xattr_set(struct inode *inode, const char *name, const void *value, size_t size, int flags);

/** Take one away. Returns 0 or a negative errno. */
int xattr_remove(struct inode *inode, const char *name);

/** The value and its size in bytes, valid as long as the lock is held; or NULL. */
const void *xattr_get(struct inode *inode, const char *name, size_t *size);

/** Put all names into @buf, if it is given, each with its NUL. Returns how many bytes. */
size_t xattr_list(struct inode *inode, char *buf);

/** Free all of them. */
void xattr_free(struct inode *inode);

/*
 * data.c: blocks of a file; ordinary reading and writing without iomap.
 * All need inode->lock. Offsets and lengths are bytes.
 */

/** Set the size, free the blocks beyond it. Returns 0 or a negative errno. */
int data_truncate(struct fs *fs, struct inode *inode, uint64_t size);

/**
 * Allocate one extent for what has no blocks yet, a hole or delayed, at *block* @off:
 * at most @len blocks, and just these are told in @new. Returns 0 or a negative errno.
 */
int data_allocate_one(struct fs *fs, struct inode *inode, uint64_t off, uint64_t len,
		      struct extent *new);

/** Write zeros to the blocks of @new, which become written. Returns 0 or a negative errno. */
int data_write_zeros(struct fs *fs, struct inode *inode, struct extent *new);

/** Allocate unwritten blocks for all of a range that has none. */
int data_allocate(struct fs *fs, struct inode *inode, uint64_t pos, uint64_t len);

/** The inode goes: give its blocks back. */
void data_free(struct fs *fs, struct inode *inode);

/** Make a range read as zeros and free its blocks. */
int data_punch(struct fs *fs, struct inode *inode, uint64_t pos, uint64_t len);

/** Read, at most to the end of file. Returns bytes or a negative errno. */
ssize_t data_read(struct fs *fs, struct inode *inode, void *buf, size_t len, uint64_t pos);

/** Write, with allocation and a new size. Returns bytes or a negative errno. */
ssize_t data_write(struct fs *fs, struct inode *inode, const void *buf, size_t len, uint64_t pos);

/* fs.c: the libfuse operations. */
extern const struct fuse_lowlevel_ops fs_ops;

#endif
