// SPDX-License-Identifier: GPL-2.0-only
/*
 * The libfuse operations: names and attributes, as any file system has them.
 *
 * Absent are those where ENOSYS is the right answer: it is remembered by the
 * kernel, which saves e.g. a FLUSH per close. So it is, without --xattr, for
 * extended attributes, which saves a GETXATTR before each write.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"
#include "fuse_iomap_abi.h"
#include "persist.h"

/* Nobody but the kernel changes anything here, so it may keep what it knows. */
#define TIMEOUT_S 86400.0

static struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The kernel holds a reference to every inode it names: there is one. */
static struct inode *inode_of(fuse_req_t req, fuse_ino_t ino)
{
	return inode_get(fs_of(req), ino);
}

/* What the kernel is told of an inode; it gets a reference. Needs fs->lock. */
static struct fuse_entry_param make_entry(struct fs *fs, struct inode *inode)
{
	inode->nlookup++;
	return (struct fuse_entry_param) {
		.ino = inode->attr.st_ino,
		.generation = inode->generation,
		.attr = inode_stat(fs, inode),
		.attr_timeout = TIMEOUT_S,
		.entry_timeout = TIMEOUT_S,
	};
}

static void forget(struct fs *fs, fuse_ino_t ino, uint64_t nlookup)
{
	pthread_mutex_lock(&fs->lock);
	inode_forget(fs, inode_get(fs, ino), nlookup);
	pthread_mutex_unlock(&fs->lock);
}

/* Send an entry, or the error; an entry that did not arrive holds no reference. */
static void reply_entry(fuse_req_t req, int err, const struct fuse_entry_param *entry,
			const struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	if (err)
		fuse_reply_err(req, -err);
	else if ((fi ? fuse_reply_create(req, entry, fi) : fuse_reply_entry(req, entry)) &&
		 entry->ino)
		forget(fs, entry->ino, 1);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	const struct fs *fs = userdata;

	/* O_TRUNC comes as SETATTR; set-id bits, too, are dropped by SETATTR. */
	conn->want &= ~(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_ATOMIC_O_TRUNC |
			FUSE_CAP_HANDLE_KILLPRIV);
	if (fs->faults.killpriv)
		conn->want |= FUSE_CAP_HANDLE_KILLPRIV;
}

/* There is none that long. */
static int check_name(const char *text)
{
	return strlen(text) > MAX_NAME ? -ENAMETOOLONG : 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *text)
{
	struct fs *fs = fs_of(req);
	/* No inode: remember that there is none. */
	struct fuse_entry_param entry = { .entry_timeout = TIMEOUT_S };
	struct name *name;

	pthread_mutex_lock(&fs->lock);
	name = name_find(fs, inode_of(req, dir), text);
	if (name)
		entry = make_entry(fs, name->inode);
	pthread_mutex_unlock(&fs->lock);
	reply_entry(req, check_name(text), &entry, NULL);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	forget(fs_of(req), ino, nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(fs_of(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/* Files with this name get ordinary reads and writes, for as long as they live. */
static bool is_plain(const struct fs *fs, const char *text)
{
	size_t len = strlen(text), suffix = fs->plain_suffix ? strlen(fs->plain_suffix) : 0;

	return suffix && len >= suffix && !strcmp(text + len - suffix, fs->plain_suffix);
}

/* Make an inode with its first name; @target for symbolic links, else NULL. */
static int make_inode(fuse_req_t req, fuse_ino_t dir_ino, const char *text, mode_t mode, dev_t rdev,
		      const char *target, struct fuse_entry_param *entry)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct fs *fs = fs_of(req);
	struct inode *dir = inode_of(req, dir_ino), *inode;
	struct stat dir_attr = inode_stat(fs, dir);
	bool inherit = dir_attr.st_mode & S_ISGID;
	int err = -ENOSPC;

	if (inherit && S_ISDIR(mode))
		mode |= S_ISGID;
	pthread_mutex_lock(&fs->lock);
	inode = inode_new(fs, mode, ctx->uid, inherit ? dir_attr.st_gid : ctx->gid, rdev);
	if (!inode)
		goto out;
	inode->plain = is_plain(fs, text);
	err = -ENOMEM;
	if (target) {
		inode->target = strdup(target);
		inode->attr.st_size = strlen(target);
	}
	if (!target || inode->target)
		err = name_add(fs, dir, text, inode);
	if (!err)
		*entry = make_entry(fs, inode);
	else
		inode_forget(fs, inode, 0);
out:
	pthread_mutex_unlock(&fs->lock);
	return err;
}

static void op_mknod(fuse_req_t req, fuse_ino_t dir, const char *text, mode_t mode, dev_t rdev)
{
	struct fuse_entry_param entry;
	int err = make_inode(req, dir, text, mode, rdev, NULL, &entry);

	reply_entry(req, err, &entry, NULL);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t dir, const char *text, mode_t mode)
{
	op_mknod(req, dir, text, S_IFDIR | mode, 0);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *text)
{
	struct fuse_entry_param entry;
	int err = make_inode(req, dir, text, S_IFLNK | 0777, 0, target, &entry);

	reply_entry(req, err, &entry, NULL);
}

static void set_open_flags(struct fuse_file_info *fi)
{
	fi->keep_cache = 1;	/* nobody else changes the file */
	fi->noflush = 1;
}

static void op_create(fuse_req_t req, fuse_ino_t dir, const char *text, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	int err = make_inode(req, dir, text, mode, 0, NULL, &entry);

	set_open_flags(fi);
	reply_entry(req, err, &entry, fi);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	set_open_flags(fi);
	fuse_reply_open(req, fi);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir, const char *text)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(req, ino);
	struct fuse_entry_param entry;
	int err;

	pthread_mutex_lock(&fs->lock);
	err = name_add(fs, inode_of(req, dir), text, inode);
	if (!err)
		entry = make_entry(fs, inode);
	pthread_mutex_unlock(&fs->lock);
	reply_entry(req, err, &entry, NULL);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	fuse_reply_readlink(req, inode_of(req, ino)->target);
}

static void op_unlink(fuse_req_t req, fuse_ino_t dir, const char *text)
{
	struct fs *fs = fs_of(req);
	struct name *name;
	int err = 0;

	pthread_mutex_lock(&fs->lock);
	name = name_find(fs, inode_of(req, dir), text);
	if (!name)
		err = -check_name(text) ?: ENOENT;
	else if (!TAILQ_EMPTY(&name->inode->names))
		err = ENOTEMPTY;
	else
		name_remove(fs, name);
	pthread_mutex_unlock(&fs->lock);
	fuse_reply_err(req, err);
}

/* Needs fs->lock. @to: the name that is there already, or NULL. */
static int rename_name(struct fs *fs, struct name *from, struct name *to, struct inode *to_dir,
		       const char *to_text, unsigned int flags)
{
	int err;

	if (!from || (!to && flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (flags & ~(RENAME_EXCHANGE | RENAME_NOREPLACE))
		return -EINVAL;
	if (to && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (to && to->inode == from->inode)
		return 0;
	if (flags & RENAME_EXCHANGE) {
		name_exchange(from, to);
		return 0;
	}
	if (to && !TAILQ_EMPTY(&to->inode->names))
		return -ENOTEMPTY;
	if (to)
		name_remove(fs, to);
	err = name_add(fs, to_dir, to_text, from->inode);
	if (!err)
		name_remove(fs, from);
	return err;
}

static void op_rename(fuse_req_t req, fuse_ino_t dir, const char *text, fuse_ino_t to_dir,
		      const char *to_text, unsigned int flags)
{
	struct fs *fs = fs_of(req);
	struct name *from, *to;
	int err;

	pthread_mutex_lock(&fs->lock);
	from = name_find(fs, inode_of(req, dir), text);
	to = name_find(fs, inode_of(req, to_dir), to_text);
	err = check_name(text) ?: check_name(to_text) ?:
	      rename_name(fs, from, to, inode_of(req, to_dir), to_text, flags);
	pthread_mutex_unlock(&fs->lock);
	fuse_reply_err(req, -err);
}

/*
 * An open directory. Names get growing cookies, and a renamed one a new cookie: so that
 * a listing ends, it goes up to the last cookie there was when it began.
 */
struct open_dir {
	uint64_t last;		/* cookie; guarded by fs->lock */
};

static struct open_dir *dir_of(const struct fuse_file_info *fi)
{
	return (struct open_dir *)(uintptr_t)fi->fh;
}

static void begin_listing(struct fs *fs, struct open_dir *dir)
{
	pthread_mutex_lock(&fs->lock);
	dir->last = fs->cookie;
	pthread_mutex_unlock(&fs->lock);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct open_dir *dir = malloc(sizeof(*dir));

	if (!dir) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	begin_listing(fs_of(req), dir);
	fi->fh = (uintptr_t)dir;
	/* Interrupted: there will be no release. */
	if (fuse_reply_open(req, fi))
		free(dir);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	free(dir_of(fi));
	fuse_reply_err(req, 0);
}

/* One buffer of directory entries. */
struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
	bool plus;
	bool full;
};

/* A name whose inode is known (plus) is a reference, as if it had been looked up. */
static void list_one(struct listing *list, const char *text, struct inode *inode, uint64_t cookie,
		     bool is_dot)
{
	struct fuse_entry_param entry = { .attr = inode_stat(fs_of(list->req), inode) };
	char *at = list->buf + list->used;
	size_t left = list->size - list->used, n;

	if (list->full)
		return;
	if (list->plus && !is_dot)
		entry = make_entry(fs_of(list->req), inode);
	n = list->plus ? fuse_add_direntry_plus(list->req, at, left, text, &entry, cookie) :
			 fuse_add_direntry(list->req, at, left, text, &entry.attr, cookie);
	if (n <= left) {
		list->used += n;
		return;
	}
	list->full = true;
	if (entry.ino)
		inode_forget(fs_of(list->req), inode, 1);
}

/* Cookies: 1 is ".", 2 is "..", names have greater ones. */
static void list_dir(struct listing *list, struct inode *dir, uint64_t after, uint64_t last)
{
	struct name *name;

	if (after < 1)
		list_one(list, ".", dir, 1, true);
	if (after < 2)
		list_one(list, "..", dir->parent, 2, true);
	TAILQ_FOREACH(name, &dir->names, link)
		if (name->cookie > after && name->cookie <= last)
			list_one(list, name->text, name->inode, name->cookie, false);
}

static void reply_listing(fuse_req_t req, fuse_ino_t ino, size_t size, off_t after,
			  struct open_dir *dir, bool plus)
{
	struct listing list = { .req = req, .buf = malloc(size), .size = size, .plus = plus };
	struct fs *fs = fs_of(req);

	if (!list.buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (!after)	/* opened, or rewound */
		begin_listing(fs, dir);
	pthread_mutex_lock(&fs->lock);
	list_dir(&list, inode_of(req, ino), after, dir->last);
	pthread_mutex_unlock(&fs->lock);
	fuse_reply_buf(req, list.buf, list.used);
	free(list.buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t after,
		       struct fuse_file_info *fi)
{
	reply_listing(req, ino, size, after, dir_of(fi), false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t after,
			   struct fuse_file_info *fi)
{
	reply_listing(req, ino, size, after, dir_of(fi), true);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat attr = inode_stat(fs_of(req), inode_of(req, ino));

	fault_break_attr(&fs_of(req)->faults, &attr);
	fuse_reply_attr(req, &attr, TIMEOUT_S);
}

static void set_time(struct timespec *to, const struct timespec *from, bool set, bool set_now)
{
	if (set_now)
		*to = now();
	else if (set)
		*to = *from;
}

/* Needs inode->lock. */
static void set_attr(struct stat *to, const struct stat *from, int set)
{
	if (set & FUSE_SET_ATTR_MODE)
		to->st_mode = (to->st_mode & S_IFMT) | (from->st_mode & ~S_IFMT);
	if (set & FUSE_SET_ATTR_UID)
		to->st_uid = from->st_uid;
	if (set & FUSE_SET_ATTR_GID)
		to->st_gid = from->st_gid;
	set_time(&to->st_atim, &from->st_atim, set & FUSE_SET_ATTR_ATIME,
		 set & FUSE_SET_ATTR_ATIME_NOW);
	set_time(&to->st_mtim, &from->st_mtim, set & FUSE_SET_ATTR_MTIME,
		 set & (FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_SIZE) &&
		 !(set & FUSE_SET_ATTR_MTIME));
	set_time(&to->st_ctim, &from->st_ctim, set & FUSE_SET_ATTR_CTIME,
		 !(set & FUSE_SET_ATTR_CTIME));
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
		       struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = inode_of(req, ino);
	int err = 0;

	pthread_mutex_lock(&inode->lock);
	if (set & FUSE_SET_ATTR_SIZE)
		err = data_truncate(fs, inode, attr->st_size);
	if (!err)
		set_attr(&inode->attr, attr, set);
	pthread_mutex_unlock(&inode->lock);
	if (err)
		fuse_reply_err(req, -err);
	else
		op_getattr(req, ino, fi);
}

static int fallocate_range(struct fs *fs, struct inode *inode, int mode, off_t pos, off_t len)
{
	int err = 0;

	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case FALLOC_FL_PUNCH_HOLE:
		return data_punch(fs, inode, pos, len);
	case FALLOC_FL_ZERO_RANGE:
		err = data_punch(fs, inode, pos, len);
		break;
	case 0:
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (!err)
		err = data_allocate(fs, inode, pos, len);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && pos + len > inode->attr.st_size)
		inode->attr.st_size = pos + len;
	return err;
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t pos, off_t len,
			 struct fuse_file_info *fi)
{
	struct inode *inode = inode_of(req, ino);
	int err;

	do {
		pthread_mutex_lock(&inode->lock);
		err = fallocate_range(fs_of(req), inode, mode, pos, len);
		pthread_mutex_unlock(&inode->lock);
		/*
		 * The range is zeroed. To do so again would give away what was
		 * allocated for it just now, and never end.
		 */
		mode &= ~FALLOC_FL_ZERO_RANGE;
	} while (err == -ENOSPC && persist_reclaim(fs_of(req)));
	if (!err)
		inode_touch(inode, true);
	fuse_reply_err(req, -err);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	struct inode *inode = inode_of(req, ino);
	int err = -ENOSYS;

	if (fs_of(req)->xattr) {
		pthread_mutex_lock(&inode->lock);
		err = xattr_set(inode, name, value, size, flags);
		pthread_mutex_unlock(&inode->lock);
	}
	if (!err)
		inode_touch(inode, false);
	fuse_reply_err(req, -err);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct inode *inode = inode_of(req, ino);
	int err = -ENOSYS;

	if (fs_of(req)->xattr) {
		pthread_mutex_lock(&inode->lock);
		err = xattr_remove(inode, name);
		pthread_mutex_unlock(&inode->lock);
	}
	if (!err)
		inode_touch(inode, false);
	fuse_reply_err(req, -err);
}

/* As getxattr(2) and listxattr(2) want it: a @size of 0 asks how much there is. */
static void reply_sized(fuse_req_t req, const void *buf, size_t len, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, buf, len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct inode *inode = inode_of(req, ino);
	const void *value;
	size_t len;

	if (!fs_of(req)->xattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	pthread_mutex_lock(&inode->lock);
	value = xattr_get(inode, name, &len);
	if (value)
		reply_sized(req, value, len, size);
	else
		fuse_reply_err(req, ENODATA);
	pthread_mutex_unlock(&inode->lock);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct inode *inode = inode_of(req, ino);
	size_t len;
	char *buf;

	if (!fs_of(req)->xattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	pthread_mutex_lock(&inode->lock);
	len = xattr_list(inode, NULL);
	buf = malloc(len + 1);
	if (buf) {
		xattr_list(inode, buf);
		reply_sized(req, buf, len, size);
	} else {
		fuse_reply_err(req, ENOMEM);
	}
	pthread_mutex_unlock(&inode->lock);
	free(buf);
}

/*
 * Of files with iomap the kernel has flushed the data before it asks; that of others is
 * in the page cache of the devices, which a commit writes, too.
 */
static int sync_all(struct fs *fs)
{
	if (fs->persist.on)
		return persist_commit(fs);
	if (fs->iomap_on && !fs->plain_suffix)
		return 0;
	if (fdatasync(fs->dev_fd) || (fs->second.device && fdatasync(fs->second.fd)))
		return -errno;
	return 0;
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, -sync_all(fs_of(req)));
}

/* chattr(1) and lsattr(1). The kernel asks in both ways that there are. */
static const struct {
	uint32_t fs_flag, xflag, attr_flag;
} attr_flags[] = {
	{ FS_SYNC_FL, FS_XFLAG_SYNC, FUSE_ATTR_SYNC },
	{ FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE, FUSE_ATTR_IMMUTABLE },
	{ FS_APPEND_FL, FS_XFLAG_APPEND, FUSE_ATTR_APPEND },
};

#define ATTR_FLAGS (sizeof(attr_flags) / sizeof(*attr_flags))

static void get_flags(fuse_req_t req, const struct inode *inode, bool x)
{
	struct fsxattr fsx = { 0 };
	uint32_t flags = 0;

	for (size_t i = 0; i < ATTR_FLAGS; i++)
		if (inode->attr_flags & attr_flags[i].attr_flag)
			flags |= x ? attr_flags[i].xflag : attr_flags[i].fs_flag;
	fsx.fsx_xflags = flags;
	if (x)
		fuse_reply_ioctl(req, 0, &fsx, sizeof(fsx));
	else
		fuse_reply_ioctl(req, 0, &flags, sizeof(flags));
}

static void set_flags(fuse_req_t req, struct inode *inode, uint32_t flags, bool x)
{
	uint32_t set = 0;

	for (size_t i = 0; i < ATTR_FLAGS; i++) {
		uint32_t flag = x ? attr_flags[i].xflag : attr_flags[i].fs_flag;

		if (flags & flag)
			set |= attr_flags[i].attr_flag;
		flags &= ~flag;
	}
	if (flags) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	inode->attr_flags = set;
	inode_touch(inode, false);
	fuse_reply_ioctl(req, 0, NULL, 0);
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
		     struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_size,
		     size_t out_size)
{
	struct inode *inode = inode_of(req, ino);
	bool x = cmd == FS_IOC_FSGETXATTR || cmd == FS_IOC_FSSETXATTR;
	size_t size = x ? sizeof(struct fsxattr) : sizeof(uint32_t);
	uint32_t value;	/* fsx_xflags is what struct fsxattr begins with */

	if ((cmd == FS_IOC_GETFLAGS || cmd == FS_IOC_FSGETXATTR) && out_size >= size) {
		get_flags(req, inode, x);
	} else if ((cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR) && in_size >= size) {
		memcpy(&value, in, sizeof(value));
		set_flags(req, inode, value, x);
	} else {
		fuse_reply_err(req, ENOTTY);
	}
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	op_fsync(req, ino, datasync, fi);
}

static void op_destroy(void *userdata)
{
	sync_all(userdata);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	uint64_t nfree = alloc_free_blocks(&fs->alloc);
	struct statvfs st = {
		.f_bsize = fs->block_size,
		.f_frsize = fs->block_size,
		.f_blocks = fs->alloc.nblocks,
		.f_bfree = nfree,
		.f_bavail = nfree,
		.f_files = MAX_INODES - ROOT_INO,
		.f_ffree = MAX_INODES - ROOT_INO - fs->ninodes,
		.f_favail = MAX_INODES - ROOT_INO - fs->ninodes,
		.f_namemax = MAX_NAME,
	};

	fuse_reply_statfs(req, &st);
}

/* Reading and writing: not used with iomap. */

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		    struct fuse_file_info *fi)
{
	struct inode *inode = inode_of(req, ino);
	char *buf = malloc(size);
	ssize_t n = -ENOMEM;

	if (buf) {
		pthread_mutex_lock(&inode->lock);
		n = data_read(fs_of(req), inode, buf, size, pos);
		pthread_mutex_unlock(&inode->lock);
	}
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t pos,
		     struct fuse_file_info *fi)
{
	struct inode *inode = inode_of(req, ino);
	ssize_t n;

	do {
		pthread_mutex_lock(&inode->lock);
		n = data_write(fs_of(req), inode, buf, size, pos);
		pthread_mutex_unlock(&inode->lock);
	} while (n == -ENOSPC && persist_reclaim(fs_of(req)));
	if (n < 0) {
		fuse_reply_err(req, -n);
		return;
	}
	inode_touch(inode, true);
	fuse_reply_write(req, n);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.destroy = op_destroy,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.create = op_create,
	.open = op_open,
	.link = op_link,
	.readlink = op_readlink,
	.unlink = op_unlink,
	.rmdir = op_unlink,
	.rename = op_rename,
	.opendir = op_opendir,
	.releasedir = op_releasedir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.fallocate = op_fallocate,
	.fsync = op_fsync,
	.ioctl = op_ioctl,
	.fsyncdir = op_fsyncdir,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.statfs = op_statfs,
	.read = op_read,
	.write = op_write,
};
