// SPDX-License-Identifier: GPL-2.0-only
/* Metadata on the device; the contract is in persist.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fuse.h>
#include <zlib.h>

#include "persist.h"
#include "transport.h"

#define MAGIC		0x3173666d6f69ULL	/* "iomfs1" */
#define SLOTS		2
#define SLOT_MIN	65536
#define SLOT_SHARE	64	/* of the device is one slot */

/* A slot: a header, inodes each followed by its extents and its target, names. */
struct disk_header {
	uint64_t magic;
	uint64_t number;	/* of the commit */
	uint64_t size;		/* bytes, with this header */
	uint64_t dev_size;
	uint32_t block_size;
	uint32_t crc;		/* of all, with 0 here */
	uint64_t ninodes;
	uint64_t nnames;
	uint64_t last_ino;
	uint64_t generation;
};

struct disk_inode {
	uint64_t ino;
	uint64_t generation;
	uint64_t size;
	uint64_t nextents;
	uint64_t target_len;
	uint64_t rdev;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t attr_flags;
	uint32_t plain;
	struct timespec times[3];	/* atime, mtime, ctime */
};

struct disk_extent {
	uint64_t off;
	uint64_t len;
	uint64_t block;
	uint64_t written;
};

struct disk_name {
	uint64_t parent;
	uint64_t ino;
	uint64_t len;
};

static uint64_t slot_size(const struct fs *fs)
{
	uint64_t size = fs->dev_size / SLOT_SHARE;

	size = size > SLOT_MIN ? size : SLOT_MIN;
	return size & -(uint64_t)MAX_BLOCK_SIZE;
}

uint64_t persist_min_size(const struct fs *fs)
{
	return SLOTS * SLOT_MIN + fs->block_size;
}

static uint32_t checksum(const void *buf, size_t size)
{
	struct disk_header header = *(const struct disk_header *)buf;
	uLong crc;

	header.crc = 0;
	crc = crc32_z(0, (const Bytef *)&header, sizeof(header));
	return crc32_z(crc, (const Bytef *)buf + sizeof(header), size - sizeof(header));
}

/* Writing */

static uint64_t count_placed(const struct extents *extents)
{
	uint64_t n = 0;

	for (size_t i = 0; i < extents->n; i++)
		n += !extent_delayed(&extents->v[i]);
	return n;
}

/* What is delayed was not written back, so it is not there after a crash. */
static void write_extents(FILE *out, const struct extents *extents)
{
	for (size_t i = 0; i < extents->n; i++) {
		const struct extent *e = &extents->v[i];
		struct disk_extent extent = { e->off, e->len, e->block, e->written };

		if (!extent_delayed(e))
			fwrite(&extent, sizeof(extent), 1, out);
	}
}

static void write_inode(FILE *out, const struct inode *inode)
{
	struct disk_inode disk = {
		.ino = inode->attr.st_ino,
		.generation = inode->generation,
		.size = inode->attr.st_size,
		.nextents = count_placed(&inode->extents),
		.target_len = inode->target ? strlen(inode->target) : 0,
		.rdev = inode->attr.st_rdev,
		.mode = inode->attr.st_mode,
		.nlink = inode->attr.st_nlink,
		.uid = inode->attr.st_uid,
		.gid = inode->attr.st_gid,
		.attr_flags = inode->attr_flags,
		.plain = inode->plain,
		.times = { inode->attr.st_atim, inode->attr.st_mtim, inode->attr.st_ctim },
	};

	fwrite(&disk, sizeof(disk), 1, out);
	write_extents(out, &inode->extents);
	fwrite(inode->target ?: "", disk.target_len, 1, out);
}

static void write_names(FILE *out, const struct inode *dir, struct disk_header *header)
{
	const struct name *name;

	TAILQ_FOREACH(name, &dir->names, link) {
		struct disk_name disk = {
			.parent = dir->attr.st_ino,
			.ino = name->inode->attr.st_ino,
			.len = strlen(name->text),
		};

		fwrite(&disk, sizeof(disk), 1, out);
		fwrite(name->text, disk.len, 1, out);
		header->nnames++;
	}
}

/* Call @each for all inodes. Needs fs->lock. */
static void for_each_inode(struct fs *fs, void (*each)(void *arg, struct inode *inode), void *arg)
{
	uint64_t left = fs->ninodes;

	for (uint64_t ino = ROOT_INO; left && ino < MAX_INODES; ino++) {
		if (!fs->inodes[ino])
			continue;
		left--;
		each(arg, fs->inodes[ino]);
	}
}

struct snapshot {
	FILE *out;
	struct disk_header header;
};

/* What has no name any more, and is only open, ends with this server. */
static void snapshot_inode(void *arg, struct inode *inode)
{
	struct snapshot *snapshot = arg;

	pthread_mutex_lock(&inode->lock);
	if (inode->attr.st_nlink) {
		write_inode(snapshot->out, inode);
		snapshot->header.ninodes++;
	}
	pthread_mutex_unlock(&inode->lock);
}

static void snapshot_names(void *arg, struct inode *inode)
{
	struct snapshot *snapshot = arg;

	write_names(snapshot->out, inode, &snapshot->header);
}

/* All metadata as one buffer. Returns 0 or -ENOMEM. */
static int take_snapshot(struct fs *fs, char **buf, size_t *size)
{
	struct snapshot snapshot = {
		.out = open_memstream(buf, size),
		.header = {
			.magic = MAGIC,
			.number = fs->persist.number + 1,
			.dev_size = fs->dev_size,
			.block_size = fs->block_size,
		},
	};
	bool bad;

	if (!snapshot.out)
		return -ENOMEM;
	fwrite(&snapshot.header, sizeof(snapshot.header), 1, snapshot.out);

	pthread_mutex_lock(&fs->lock);
	alloc_commit_begin(&fs->alloc);
	for_each_inode(fs, snapshot_inode, &snapshot);
	for_each_inode(fs, snapshot_names, &snapshot);
	snapshot.header.last_ino = fs->last_ino;
	snapshot.header.generation = fs->generation;
	pthread_mutex_unlock(&fs->lock);

	bad = ferror(snapshot.out);
	if (fclose(snapshot.out) || bad)
		return -ENOMEM;
	snapshot.header.size = *size;
	memcpy(*buf, &snapshot.header, sizeof(snapshot.header));
	((struct disk_header *)*buf)->crc = checksum(*buf, *size);
	return 0;
}

static int flush(const struct fs *fs)
{
	return fdatasync(fs->dev_fd) ? -errno : 0;
}

static int write_slot(struct fs *fs, const char *buf, size_t size)
{
	uint64_t at = (fs->persist.number + 1) % SLOTS * slot_size(fs);
	size_t done = 0;
	int err;

	if (size > slot_size(fs))
		return -ENOSPC;
	err = flush(fs);
	while (!err && done < size) {
		ssize_t n = pwrite(fs->dev_fd, buf + done, size - done, at + done);

		if (n < 0 && errno != EINTR)
			err = -errno;
		if (n > 0)
			done += n;
	}
	return err ?: flush(fs);
}

int persist_commit(struct fs *fs)
{
	char *buf = NULL;
	size_t size;
	int err;

	if (!fs->persist.on)
		return 0;
	pthread_mutex_lock(&fs->persist.lock);
	err = take_snapshot(fs, &buf, &size) ?: write_slot(fs, buf, size);
	alloc_commit_end(&fs->alloc, !err);
	if (!err)
		fs->persist.number++;
	pthread_mutex_unlock(&fs->persist.lock);
	free(buf);
	if (err && fs->verbose)
		fprintf(stderr, "iomapfs: commit: %s\n", strerror(-err));
	return err;
}

bool persist_reclaim(struct fs *fs)
{
	return alloc_held_blocks(&fs->alloc) && !persist_commit(fs);
}

bool persist_request(struct fs *fs, const void *buf, size_t len)
{
	const struct fuse_in_header *header = buf;

	if (!fs->persist.on || header->opcode != FUSE_SYNCFS)
		return false;
	transport_reply(fs, header->unique, persist_commit(fs), NULL, 0);
	return true;
}

/* Reading */

struct cursor {
	const char *at, *end;
};

/* The next @size bytes, or NULL if there are not as many. */
static const void *take(struct cursor *cursor, uint64_t size)
{
	const char *at = cursor->at;

	if (size > (uint64_t)(cursor->end - at))
		return NULL;
	cursor->at += size;
	return at;
}

/* Read slot @i, if it is valid; else NULL. The caller frees it. */
static struct disk_header *read_slot(const struct fs *fs, unsigned int i)
{
	uint64_t at = i * slot_size(fs);
	struct disk_header header, *slot;

	if (pread(fs->dev_fd, &header, sizeof(header), at) != sizeof(header) ||
	    header.magic != MAGIC || header.size > slot_size(fs) || header.size < sizeof(header))
		return NULL;
	slot = malloc(header.size);
	if (slot && pread(fs->dev_fd, slot, header.size, at) == (ssize_t)header.size &&
	    checksum(slot, header.size) == slot->crc)
		return slot;
	free(slot);
	return NULL;
}

static struct disk_header *newest_slot(const struct fs *fs)
{
	struct disk_header *newest = NULL;

	for (unsigned int i = 0; i < SLOTS; i++) {
		struct disk_header *slot = read_slot(fs, i);

		if (slot && (!newest || slot->number > newest->number)) {
			free(newest);
			newest = slot;
		} else {
			free(slot);
		}
	}
	return newest;
}

static int load_extents(struct fs *fs, struct inode *inode, struct cursor *cursor, uint64_t n)
{
	while (n--) {
		const struct disk_extent *disk = take(cursor, sizeof(*disk));
		struct extent extent;

		if (!disk)
			return -EUCLEAN;
		extent = (struct extent) { disk->off, disk->len, disk->block, disk->written };
		if (alloc_reserve(&fs->alloc, extent.block, extent.len))
			return -EUCLEAN;
		if (extents_append(&inode->extents, extent))
			return -ENOMEM;
	}
	return 0;
}

static int load_inode(struct fs *fs, struct cursor *cursor)
{
	const struct disk_inode *disk = take(cursor, sizeof(*disk));
	struct inode *inode;
	const char *target;
	int err;

	if (!disk)
		return -EUCLEAN;
	inode = inode_restore(fs, disk->ino, disk->mode, disk->uid, disk->gid, disk->rdev);
	if (!inode)
		return -ENOMEM;
	inode->generation = disk->generation;
	inode->attr_flags = disk->attr_flags;
	inode->plain = disk->plain;
	err = load_extents(fs, inode, cursor, disk->nextents);
	target = err ? NULL : take(cursor, disk->target_len);
	if (!err && !target)
		err = -EUCLEAN;
	if (!err && disk->target_len) {
		inode->target = strndup(target, disk->target_len);
		err = inode->target ? 0 : -ENOMEM;
	}
	return err;
}

static int load_name(struct fs *fs, struct cursor *cursor)
{
	const struct disk_name *disk = take(cursor, sizeof(*disk));
	const char *at = disk ? take(cursor, disk->len) : NULL;
	struct inode *dir = disk ? inode_get(fs, disk->parent) : NULL;
	struct inode *inode = disk ? inode_get(fs, disk->ino) : NULL;
	char text[MAX_NAME + 1] = "";

	if (!at || !dir || !inode || disk->len > MAX_NAME)
		return -EUCLEAN;
	memcpy(text, at, disk->len);
	return name_add(fs, dir, text, inode);
}

/* To give names has changed link counts and times; and the root was there before. */
static void load_attr(struct fs *fs, struct cursor *cursor)
{
	const struct disk_inode *disk = take(cursor, sizeof(*disk));
	struct stat *attr = &inode_get(fs, disk->ino)->attr;

	take(cursor, disk->nextents * sizeof(struct disk_extent) + disk->target_len);
	attr->st_mode = disk->mode;
	attr->st_uid = disk->uid;
	attr->st_gid = disk->gid;
	attr->st_size = disk->size;
	attr->st_nlink = disk->nlink;
	attr->st_atim = disk->times[0];
	attr->st_mtim = disk->times[1];
	attr->st_ctim = disk->times[2];
}

static int load_slot(struct fs *fs, const struct disk_header *slot)
{
	struct cursor cursor = { (const char *)(slot + 1), (const char *)slot + slot->size };
	struct cursor inodes = cursor;
	int err = 0;

	for (uint64_t i = 0; !err && i < slot->ninodes; i++)
		err = load_inode(fs, &cursor);
	for (uint64_t i = 0; !err && i < slot->nnames; i++)
		err = load_name(fs, &cursor);
	for (uint64_t i = 0; !err && i < slot->ninodes; i++)
		load_attr(fs, &inodes);
	fs->last_ino = slot->last_ino;
	fs->generation = slot->generation;
	fs->persist.number = slot->number;
	return err;
}

/* The newest slot, if the device is as it was when that was made. */
static int load_newest(struct fs *fs, struct persist_made *made)
{
	struct disk_header *slot = newest_slot(fs);
	int err;

	if (!slot)
		return -ENODATA;
	*made = (struct persist_made) { slot->block_size, slot->dev_size };
	err = slot->block_size == fs->block_size && slot->dev_size == fs->dev_size ?
	      load_slot(fs, slot) : -EINVAL;
	free(slot);
	return err;
}

int persist_load(struct fs *fs, bool format, struct persist_made *made)
{
	int err;

	pthread_mutex_init(&fs->persist.lock, NULL);
	if (fs->dev_size < persist_min_size(fs))
		return -ENOSPC;
	err = alloc_reserve(&fs->alloc, 0, SLOTS * slot_size(fs) / fs->block_size) ?
	      -ENOSPC : alloc_hold(&fs->alloc);
	if (err)
		return err;
	fs->persist.on = true;
	if (format) {
		/* Nothing of what was there may be newer than the first commit. */
		static const char zeros[sizeof(struct disk_header)];

		for (unsigned int i = 0; i < SLOTS; i++)
			if (pwrite(fs->dev_fd, zeros, sizeof(zeros), i * slot_size(fs)) < 0)
				return -errno;
		return persist_commit(fs);
	}
	return load_newest(fs, made);
}
