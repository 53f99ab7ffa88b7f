// SPDX-License-Identifier: GPL-2.0-only
/*
 * The blocks of a file, and ordinary reading and writing.
 *
 * With iomap on, the kernel moves the data and zeroes the parts of blocks that
 * a truncation or a hole leaves behind, in its page cache. Without iomap that
 * is done here. Either way a block is unwritten until data is on the device,
 * so nobody ever reads what an earlier file left there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fs.h"
#include "iomap.h"

/* Where byte @pos of the file is on the device; @extent has to cover it. */
static uint64_t device_pos(const struct fs *fs, const struct extent *extent, uint64_t pos)
{
	return (extent->block - extent->off) * fs->block_size + pos;
}

static uint64_t extent_end(const struct fs *fs, const struct extent *extent)
{
	return extent->len > INT64_MAX / fs->block_size ? INT64_MAX :
	       (extent->off + extent->len) * fs->block_size;
}

/* The device that has byte @dev_pos, which becomes the position there. */
static int device_fd(const struct fs *fs, uint64_t *dev_pos)
{
	uint64_t first = fs->alloc.split * fs->block_size;

	if (!first || *dev_pos < first)
		return fs->dev_fd;
	*dev_pos -= first;
	return fs->second.fd;
}

static int write_all(const struct fs *fs, const void *buf, size_t len, uint64_t dev_pos)
{
	int fd = device_fd(fs, &dev_pos);

	while (len) {
		ssize_t n = pwrite(fd, buf, len, dev_pos);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		buf = (const char *)buf + n;
		dev_pos += n;
		len -= n;
	}
	return 0;
}

static int read_all(const struct fs *fs, void *buf, size_t len, uint64_t dev_pos)
{
	int fd = device_fd(fs, &dev_pos);

	while (len) {
		ssize_t n = pread(fd, buf, len, dev_pos);

		if (n == 0)
			return -EIO;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		buf = (char *)buf + n;
		dev_pos += n;
		len -= n;
	}
	return 0;
}

/* Zeros on the device for [pos, end) of the file, which lies in one block. */
static int zero_device(const struct fs *fs, const struct extent *extent, uint64_t pos, uint64_t end)
{
	static const char zeros[MAX_BLOCK_SIZE];

	return pos < end ? write_all(fs, zeros, end - pos, device_pos(fs, extent, pos)) : 0;
}

/* Make part of a block read as zeros, unless it does or the kernel sees to it. */
static int zero_part(const struct fs *fs, struct inode *inode, uint64_t pos, uint64_t end)
{
	struct extent extent;

	if (uses_iomap(fs, inode) || pos >= end ||
	    !extents_find(&inode->extents, pos / fs->block_size, &extent) || !extent.written)
		return 0;
	return zero_device(fs, &extent, pos, end);
}

static uint64_t block_start(const struct fs *fs, uint64_t pos)
{
	return pos & ~(uint64_t)(fs->block_size - 1);
}

static uint64_t block_end(const struct fs *fs, uint64_t pos)
{
	return block_start(fs, pos + fs->block_size - 1);
}

/*
 * What was written here is in the page cache of the device. Once the blocks
 * belong to a file that the kernel writes past that cache, it must not come out
 * of there any more.
 */
static void drop_cached(struct fs *fs, const struct extent *extent)
{
	uint64_t dev_pos = extent->block * fs->block_size;
	int fd = device_fd(fs, &dev_pos);

	iomap_dev_inval(fs, fd == fs->dev_fd ? fs->backing_id : fs->second.backing_id, dev_pos,
			extent->len * fs->block_size);
}

/* Free the blocks of [first, first + count). */
static int free_blocks(struct fs *fs, struct inode *inode, uint64_t first, uint64_t count)
{
	struct extent extent;

	for (uint64_t off = first; inode->plain && fs->iomap_on && off - first < count;
	     off = extent.off + extent.len) {
		if (!extents_find(&inode->extents, off, &extent))
			continue;
		extent.len = min_u64(extent.len - (off - extent.off), count - (off - first));
		extent.block += off - extent.off;
		extent.off = off;
		drop_cached(fs, &extent);
	}
	return extents_punch(&fs->alloc, &inode->extents, first, count);
}

void data_free(struct fs *fs, struct inode *inode)
{
	free_blocks(fs, inode, 0, UINT64_MAX);
	extents_free(&fs->alloc, &inode->extents);
}

int data_truncate(struct fs *fs, struct inode *inode, uint64_t size)
{
	uint64_t first = block_end(fs, size) / fs->block_size;
	int err = zero_part(fs, inode, size, block_end(fs, size));

	/*
	 * Also when the file grows: with iomap the kernel's size may be ahead
	 * of ours, so that what looks like growing to us cuts blocks off.
	 */
	if (!err)
		err = free_blocks(fs, inode, first, UINT64_MAX - first);
	if (!err)
		inode->attr.st_size = size;
	return err;
}

int data_write_zeros(struct fs *fs, struct inode *inode, struct extent *new)
{
	uint64_t range[2] = { new->block * fs->block_size, new->len * fs->block_size };
	int fd = device_fd(fs, &range[0]);

	if (ioctl(fd, BLKZEROOUT, range) < 0)
		return -errno;
	new->written = true;
	return extents_mark_written(&fs->alloc, &inode->extents, new->off, new->len);
}

/* What was a hole or delayed at @old has blocks from @off on. Which are the new ones? */
static struct extent new_part(const struct inode *inode, uint64_t off, uint64_t len,
			      const struct extent *old)
{
	struct extent new;

	extents_find(&inode->extents, off, &new);
	/* It may have merged with its neighbours. */
	new.block += off - new.off;
	new.len -= off - new.off;
	new.off = off;
	new.len = min_u64(new.len, min_u64(len, old->off + old->len - off));
	return new;
}

int data_allocate_one(struct fs *fs, struct inode *inode, uint64_t off, uint64_t len,
		      struct extent *new)
{
	struct extent old;
	bool delayed = extents_find(&inode->extents, off, &old);
	int err = delayed ? extents_settle(&fs->alloc, &inode->extents, off, len) :
			    extents_fill(&fs->alloc, &inode->extents, off, len);

	if (err)
		return err;
	*new = new_part(inode, off, len, &old);
	/*
	 * Without IOEND nobody will say when data is on the device, so the blocks
	 * have to be fit to be read from the start.
	 */
	return fs->iomap_no_ioend ? data_write_zeros(fs, inode, new) : 0;
}

int data_allocate(struct fs *fs, struct inode *inode, uint64_t pos, uint64_t len)
{
	uint64_t off = pos / fs->block_size;
	uint64_t end = block_end(fs, pos + len) / fs->block_size;
	struct extent extent;
	int err = 0;

	while (off < end && !err) {
		if (extents_find(&inode->extents, off, &extent) && !extent_delayed(&extent))
			off = extent.off + extent.len;
		else
			err = data_allocate_one(fs, inode, off, end - off, &extent);
	}
	return err;
}

int data_punch(struct fs *fs, struct inode *inode, uint64_t pos, uint64_t len)
{
	uint64_t end = pos + len;
	uint64_t first = block_end(fs, pos), last = block_start(fs, end);
	int err = zero_part(fs, inode, pos, min_u64(first, end));

	if (!err && last >= first)
		err = zero_part(fs, inode, last, end);
	if (!err && last > first)
		err = free_blocks(fs, inode, first / fs->block_size,
				  (last - first) / fs->block_size);
	return err;
}

ssize_t data_read(struct fs *fs, struct inode *inode, void *buf, size_t len, uint64_t pos)
{
	uint64_t size = inode->attr.st_size;
	struct extent extent;
	size_t done = 0;

	if (pos >= size)
		return 0;
	len = min_u64(len, size - pos);
	while (done < len) {
		uint64_t at = pos + done;
		bool mapped = extents_find(&inode->extents, at / fs->block_size, &extent);
		size_t n = min_u64(len - done, extent_end(fs, &extent) - at);
		int err = 0;

		if (mapped && extent.written)
			err = read_all(fs, (char *)buf + done, n, device_pos(fs, &extent, at));
		else
			memset((char *)buf + done, 0, n);
		if (err)
			return err;
		done += n;
	}
	return done;
}

/* Write a range that lies in one extent. */
static int write_extent(struct fs *fs, struct inode *inode, const struct extent *extent,
			const void *buf, size_t len, uint64_t pos)
{
	uint64_t start = block_start(fs, pos), end = block_end(fs, pos + len);
	int err = 0;

	if (!extent->written)
		err = zero_device(fs, extent, start, pos) ?:
		      zero_device(fs, extent, pos + len, end);
	if (!err)
		err = write_all(fs, buf, len, device_pos(fs, extent, pos));
	if (!err && !extent->written)
		err = extents_mark_written(&fs->alloc, &inode->extents, start / fs->block_size,
					   (end - start) / fs->block_size);
	return err;
}

ssize_t data_write(struct fs *fs, struct inode *inode, const void *buf, size_t len, uint64_t pos)
{
	int err = data_allocate(fs, inode, pos, len);
	struct extent extent;
	size_t done = 0;

	while (!err && done < len) {
		uint64_t at = pos + done;
		size_t n;

		extents_find(&inode->extents, at / fs->block_size, &extent);
		n = min_u64(len - done, extent_end(fs, &extent) - at);
		err = write_extent(fs, inode, &extent, (const char *)buf + done, n, at);
		done += n;
	}
	if (err)
		return err;
	if (pos + len > (uint64_t)inode->attr.st_size)
		inode->attr.st_size = pos + len;
	return len;
}
