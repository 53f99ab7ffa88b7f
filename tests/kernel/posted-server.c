// SPDX-License-Identifier: GPL-2.0-only
/*
 * posted-server: a small FUSE server that does what servers written for the posted
 * series (v7) do, in the order in which they do it. fuse4fs of e2fsprogs' posted
 * series is the model; each of its peculiarities has an option that turns it off.
 *
 *     posted-server [OPTION]... DEVICE MOUNTPOINT
 *
 *   --config-size=N   answer CONFIG with so many bytes (100; 104 has the padding)
 *   --config-flags=N  what the answer claims to set; else what it has room for
 *   --root-nodeid=N   (2) 1 mounts without the option
 *   --no-upsert       the mapping cache is off: no notifications 100 and 101, and
 *                     BEGIN is answered with the mapping
 *   --no-retry        upsert, and answer BEGIN with the mapping all the same; else the
 *                     answer is RETRY_CACHE: what was upserted just before
 *   --retry           answer RETRY_CACHE, whatever was upserted
 *   --upsert-elsewhere  upsert mappings of where nobody asked
 *   --map-max=N       blocks in a mapping at most
 *   --nofs-after-init each thread asks for SET_NOFS when iomap is agreed upon
 *   --no-nofs         nobody asks
 *   --nofs-only       ask, and that is all: not even a DEVICE
 *   --no-end          END is not known: ENOSYS
 *   --shared          open DEVICE without O_EXCL
 *   --threads=N       (4)
 *
 * Names and extents are in memory, data is on DEVICE. It stays in the foreground,
 * says on stderr what it did, "ready" when the mount can be used, and on SIGUSR1
 * what the kernel returns for notifications of all kinds. It ends with the mount,
 * 1 if something was not as it should be: a step of the start failed, the kernel
 * asked for what cannot be, or blocks got lost.
 *
 * The contract with the kernel that matters here: everything is done under one
 * lock, notifications too, so none of them may wait for an answer of ours.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "fuse_iomap_abi.h"
#include "fuse_newer.h"

#ifndef FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS
#define FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS	100
#define FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS	101

struct fuse_iomap_upsert_mappings_out {
	uint64_t nodeid;
	uint64_t attr_ino;
	struct fuse_iomap_io read;
	struct fuse_iomap_io write;
};

struct fuse_iomap_inval_mappings_out {
	uint64_t nodeid;
	uint64_t attr_ino;
	struct fuse_range read;
	struct fuse_range write;
};
#endif
_Static_assert(sizeof(struct fuse_iomap_upsert_mappings_out) == 80, "wire format");
_Static_assert(sizeof(struct fuse_iomap_inval_mappings_out) == 48, "wire format");

#define BLOCK		4096ULL
#define FIRST_BLOCK	16		/* those before it are never data */
#define MAXBYTES	(4ULL << 30)	/* of a file: its map is an array */
#define INODES		8192
#define ROOT_INO	2		/* as ext4 numbers them */
#define FIRST_INO	12
#define REQUEST_SIZE	(256 * 1024)
#define REPLY_SIZE	(64 * 1024)

struct block {
	uint32_t addr;			/* on the device, in blocks; 0 is a hole */
	bool unwritten;
};

struct inode {
	struct fuse_attr attr;		/* mode 0: not in use */
	uint64_t generation;
	uint64_t lookups;
	uint32_t parent;		/* of a directory */
	struct block *map;
	uint64_t blocks;		/* entries of map; beyond them is a hole */
};

struct entry {
	struct entry *next;
	uint64_t cookie;		/* grows along the list */
	uint32_t parent, ino;
	char name[];
};

struct request {
	struct fuse_in_header header;
	const void *in;
	size_t in_size;
	struct inode *inode;		/* of header.nodeid */
	void *out;
	size_t out_size;		/* set by the handler */
};

static struct {
	size_t config_size;
	uint64_t config_flags;
	bool config_flags_set;
	uint64_t root_nodeid;
	bool no_upsert, no_retry, retry, upsert_elsewhere;
	uint64_t map_max;
	bool nofs_after_init, no_nofs, nofs_only, no_end, shared;
	int threads;
} opt = { .config_size = 100, .root_nodeid = 2, .threads = 4 };

static struct {
	unsigned long begin, end, ioend, upsert, inval, dev_inval, destroy;
	unsigned long refused;		/* notifications */
	unsigned long stray;		/* what the kernel should not have asked for */
} count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int fuse_fd, dev_fd, backing_id;
static bool iomap_on;
static struct inode inodes[INODES];
static struct entry *entries, **entries_end = &entries;
static uint64_t last_cookie = 2;	/* those of . and .. are 1 and 2 */
static uint8_t *used;			/* by block of the device */
static uint64_t device_blocks, free_blocks, next_block = FIRST_BLOCK;

/* ---- what is said */

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	flockfile(stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
}

static const char *name_of(int err) { return err ? strerrorname_np(-err) : "ok"; }

/* A step of the start without which a server of the posted series cannot go on. */
static void need(bool done, const char *what)
{
	if (done)
		return;
	say("%s: failed: %s", what, strerrorname_np(errno));
	exit(1);
}

/* Lock held. */
static int stray(const struct request *rq, const char *what)
{
	count.stray++;
	say("stray: opcode %u node %llu: %s", rq->header.opcode,
	    (unsigned long long)rq->header.nodeid, what);
	return -EIO;
}

/* ---- notifications; lock held, as the model does */

static int notify(int code, const void *payload, size_t size)
{
	struct fuse_out_header header = { .len = sizeof(header) + size, .error = code };
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)payload, size } };

	return writev(fuse_fd, iov, 2) < 0 ? -errno : 0;
}

static int count_notify(int code, unsigned long *counter, const void *payload, size_t size)
{
	int err = notify(code, payload, size);

	++*counter;
	if (err && !count.refused++)
		say("notification %d refused: %s", code, name_of(err));
	return err;
}

static uint64_t nodeid_of(const struct inode *inode)
{
	uint64_t ino = inode - inodes;

	return ino == ROOT_INO ? opt.root_nodeid : ino;
}

static int upsert(const struct inode *inode, const struct fuse_iomap_io *read)
{
	struct fuse_iomap_upsert_mappings_out out = {
		.nodeid = nodeid_of(inode),
		.attr_ino = inode->attr.ino,
		.read = *read,
		/* As seen of the model: nothing else of it is set */
		.write = { .type = FUSE_IOMAP_TYPE_NOCACHE },
	};

	if (opt.no_upsert)
		return 0;
	if (opt.upsert_elsewhere)
		out.read.offset += MAXBYTES / 2;
	return count_notify(FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS, &count.upsert, &out, sizeof(out));
}

static void inval_mappings(const struct inode *inode, uint64_t first, uint64_t end)
{
	struct fuse_range range = { first * BLOCK, (end - first) * BLOCK };
	struct fuse_iomap_inval_mappings_out out = {
		.nodeid = nodeid_of(inode),
		.attr_ino = inode->attr.ino,
		.read = range,
		.write = range,
	};

	if (!opt.no_upsert && first < end)
		count_notify(FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS, &count.inval, &out, sizeof(out));
}

static void dev_inval(uint32_t block)
{
	struct fuse_iomap_dev_inval_out out = {
		.dev = backing_id,
		.range = { block * BLOCK, BLOCK },
	};

	if (iomap_on)
		count_notify(FUSE_NOTIFY_IOMAP_DEV_INVAL, &count.dev_inval, &out, sizeof(out));
}

/* ---- blocks; lock held */

static uint32_t take_block(uint64_t goal)
{
	uint64_t at = goal && goal < device_blocks && !used[goal] ? goal : next_block;

	if (!free_blocks)
		return 0;
	while (used[at])
		at = at + 1 < device_blocks ? at + 1 : FIRST_BLOCK;
	used[at] = 1;
	free_blocks--;
	next_block = at;
	return at;
}

static void give_block(uint32_t block)
{
	dev_inval(block);
	used[block] = 0;
	free_blocks++;
}

static struct block block_at(const struct inode *inode, uint64_t n)
{
	return n < inode->blocks ? inode->map[n] : (struct block) { };
}

static int grow_map(struct inode *inode, uint64_t blocks)
{
	struct block *map;

	if (blocks <= inode->blocks)
		return 0;
	map = realloc(inode->map, blocks * sizeof(*map));
	if (!map)
		return -ENOMEM;
	memset(map + inode->blocks, 0, (blocks - inode->blocks) * sizeof(*map));
	inode->map = map;
	inode->blocks = blocks;
	return 0;
}

/* Unwritten blocks for the holes of [first, end); with an error, for the first of them. */
static int fill_holes(struct inode *inode, uint64_t first, uint64_t end)
{
	int err = end * BLOCK > MAXBYTES ? -EFBIG : grow_map(inode, end);

	for (uint64_t n = first; !err && n < end; n++) {
		uint32_t before = n ? inode->map[n - 1].addr : 0;

		if (inode->map[n].addr)
			continue;
		inode->map[n] = (struct block) { take_block(before ? before + 1 : 0), true };
		if (!inode->map[n].addr)
			return -ENOSPC;
	}
	return err;
}

static void free_range(struct inode *inode, uint64_t first, uint64_t end)
{
	for (uint64_t n = first; n < end && n < inode->blocks; n++) {
		if (inode->map[n].addr)
			give_block(inode->map[n].addr);
		inode->map[n] = (struct block) { };
	}
}

static uint64_t blocks_of(uint64_t bytes) { return (bytes + BLOCK - 1) / BLOCK; }

static void truncate_inode(struct inode *inode, uint64_t size)
{
	uint64_t first = blocks_of(size);

	free_range(inode, first, inode->blocks);
	inval_mappings(inode, first, blocks_of(MAXBYTES));
	inode->attr.size = size;
}

/* Whether one mapping can have the neighbours @a and @b. */
static bool joins(struct block a, struct block b)
{
	return !a.addr ? !b.addr : b.addr == a.addr + 1 && a.unwritten == b.unwritten;
}

/* Whether [first, end) can become one block longer. */
static bool may_grow(uint64_t first, uint64_t end)
{
	return !opt.map_max || end - first < opt.map_max;
}

/* The extent or hole that block @n of the file is in. */
static struct fuse_iomap_io mapping_at(const struct inode *inode, uint64_t n)
{
	struct block block = block_at(inode, n);
	uint64_t first = n, end = n + 1;

	while (first && may_grow(first, end) &&
	       joins(block_at(inode, first - 1), block_at(inode, first)))
		first--;
	while (end < inode->blocks && may_grow(first, end) &&
	       joins(block_at(inode, end - 1), block_at(inode, end)))
		end++;
	if (!block.addr && end >= inode->blocks && may_grow(first, end))
		end = blocks_of(MAXBYTES);
	return (struct fuse_iomap_io) {
		.offset = first * BLOCK,
		.length = (end - first) * BLOCK,
		.addr = block.addr ? (block.addr - (n - first)) * BLOCK : FUSE_IOMAP_NULL_ADDR,
		.type = !block.addr ? FUSE_IOMAP_TYPE_HOLE : block.unwritten ?
			FUSE_IOMAP_TYPE_UNWRITTEN : FUSE_IOMAP_TYPE_MAPPED,
		.dev = block.addr ? (uint32_t)backing_id : FUSE_IOMAP_DEV_NULL,
	};
}

/* ---- inodes and names; lock held */

static void touch(struct inode *inode)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	inode->attr.mtime = inode->attr.ctime = now.tv_sec;
	inode->attr.mtimensec = inode->attr.ctimensec = now.tv_nsec;
}

static struct inode *inode_new(uint32_t ino, uint32_t mode, const struct fuse_in_header *by)
{
	struct inode *inode = &inodes[ino];

	/* A number is used again at once, by another generation */
	*inode = (struct inode) {
		.attr = { .ino = ino, .mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1,
			  .uid = by ? by->uid : 0, .gid = by ? by->gid : 0, .blksize = BLOCK },
		.generation = inode->generation + 1,
	};
	touch(inode);
	inode->attr.atime = inode->attr.mtime;
	return inode;
}

static struct inode *inode_create(uint32_t mode, const struct fuse_in_header *by)
{
	for (uint32_t ino = FIRST_INO; ino < INODES; ino++)
		if (!inodes[ino].attr.mode)
			return inode_new(ino, mode, by);
	return NULL;
}

/* Once it has neither names nor users, its blocks are free. */
static void inode_release(struct inode *inode)
{
	if (inode->attr.nlink || inode->lookups)
		return;
	free_range(inode, 0, inode->blocks);
	free(inode->map);
	inode->map = NULL;
	inode->blocks = 0;
	inode->attr.mode = 0;
}

static struct inode *inode_get(uint64_t nodeid)
{
	uint64_t ino = nodeid == opt.root_nodeid ? ROOT_INO : nodeid;

	if (nodeid != opt.root_nodeid && ino < FIRST_INO)
		return NULL;
	return ino < INODES && inodes[ino].attr.mode ? &inodes[ino] : NULL;
}

static struct fuse_attr attr_of(const struct inode *inode)
{
	struct fuse_attr attr = inode->attr;

	for (uint64_t n = 0; n < inode->blocks; n++)
		attr.blocks += inode->map[n].addr ? BLOCK / 512 : 0;
	if (iomap_on)
		attr.flags = FUSE_ATTR_EXCLUSIVE | (S_ISREG(attr.mode) ? FUSE_ATTR_IOMAP : 0);
	return attr;
}

static struct entry **entry_find(const struct inode *dir, const char *name)
{
	struct entry **at = &entries;

	while (*at && ((*at)->parent != dir - inodes || strcmp((*at)->name, name)))
		at = &(*at)->next;
	return at;
}

static int entry_add(const struct inode *dir, const char *name, const struct inode *inode)
{
	struct entry *entry = malloc(sizeof(*entry) + strlen(name) + 1);

	if (!entry)
		return -ENOMEM;
	*entry = (struct entry) { .cookie = ++last_cookie, .parent = dir - inodes,
				  .ino = inode - inodes };
	strcpy(entry->name, name);
	*entries_end = entry;
	entries_end = &entry->next;
	return 0;
}

static void entry_remove(struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->next;
	if (!entry->next)
		entries_end = at;
	free(entry);
}

static bool dir_empty(uint32_t ino)
{
	for (const struct entry *entry = entries; entry; entry = entry->next)
		if (entry->parent == ino)
			return false;
	return true;
}

static void reply_entry(struct request *rq, struct inode *inode)
{
	struct fuse_entry_out *out = rq->out;

	*out = (struct fuse_entry_out) {
		.nodeid = nodeid_of(inode),
		.generation = inode->generation,
		.entry_valid = 60, .attr_valid = 60,
		.attr = attr_of(inode),
	};
	inode->lookups++;
	rq->out_size = sizeof(*out);
}

static int reply_attr(struct request *rq)
{
	struct fuse_attr_out *out = rq->out;

	*out = (struct fuse_attr_out) { .attr_valid = 60, .attr = attr_of(rq->inode) };
	rq->out_size = sizeof(*out);
	return 0;
}

static int reply_open(struct request *rq)
{
	*(struct fuse_open_out *)((char *)rq->out + rq->out_size) = (struct fuse_open_out) { };
	rq->out_size += sizeof(struct fuse_open_out);
	return 0;
}

/* ---- requests: the session */

static int do_init(struct request *rq)
{
	const struct fuse_init_in *in = rq->in;
	struct fuse_init_out *out = rq->out;
	bool offered = in->flags & FUSE_INIT_EXT && in->flags2 & FUSE_IOMAP >> 32;

	need(offered || (errno = EOPNOTSUPP, false), "INIT offers iomap");
	*out = (struct fuse_init_out) {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ATOMIC_O_TRUNC |
				      FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_INIT_EXT),
		.flags2 = FUSE_IOMAP >> 32,
		.max_background = 12,
		.congestion_threshold = 9,
		.max_write = 128 * 1024,
		.max_pages = 32,
		.time_gran = 1,
	};
	rq->out_size = sizeof(*out);
	return 0;
}

static void register_device(void)
{
	struct fuse_backing_map map = { .fd = dev_fd, .flags = FUSE_BACKING_TYPE_IOMAP };
	struct fuse_iomap_backing_info info = { .blocksize = BLOCK };

	backing_id = ioctl(fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);
	need(backing_id > 0, "BACKING_OPEN");
	info.backing_id = backing_id;
	need(!ioctl(fuse_fd, FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE, &info), "SET_BLOCKSIZE");
	say("device %d", backing_id);
}

/* What of the reply is there, if it ends after @size bytes. */
static uint64_t config_flags(size_t size)
{
	static const struct {
		uint64_t flag;
		size_t end;
	} fields[] = {
#define FIELD(flag, field) { FUSE_IOMAP_CONFIG_##flag, offsetofend(field) }
#define offsetofend(field) (offsetof(struct fuse_iomap_config_out, field) + \
			    sizeof(((struct fuse_iomap_config_out *)0)->field))
		FIELD(UUID, s_uuid_len),
		FIELD(BLOCKSIZE, s_blocksize),
		FIELD(TIME, s_time_max),
		FIELD(MAXBYTES, s_maxbytes),
	};
	uint64_t flags = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		flags |= size >= fields[i].end ? fields[i].flag : 0;
	return flags;
}

static int do_config(struct request *rq)
{
	struct fuse_iomap_config_out out = {
		.flags = opt.config_flags_set ? opt.config_flags : config_flags(opt.config_size),
		.s_uuid = "posted-server!!",
		.s_uuid_len = 16,
		.s_blocksize = BLOCK,
		.s_time_gran = 1,
		.s_time_min = INT32_MIN,
		.s_time_max = 15032385535LL,
		.s_maxbytes = MAXBYTES,
	};

	register_device();
	iomap_on = true;
	memset(rq->out, 0, opt.config_size);
	memcpy(rq->out, &out, opt.config_size < sizeof(out) ? opt.config_size : sizeof(out));
	rq->out_size = opt.config_size;
	return 0;
}

/* Every block is used by one file, or free. */
static void check_blocks(void)
{
	uint64_t owned = 0, twice = 0;

	for (uint32_t ino = FIRST_INO; ino < INODES; ino++)
		for (uint64_t n = 0; n < inodes[ino].blocks; n++) {
			uint32_t addr = inodes[ino].map[n].addr;

			owned += addr != 0;
			twice += addr && used[addr]++ != 1;
		}
	say("blocks: %llu owned, %llu twice, %llu lost", (unsigned long long)owned,
	    (unsigned long long)twice,
	    (unsigned long long)(device_blocks - FIRST_BLOCK - free_blocks - owned));
	if (twice || owned + free_blocks != device_blocks - FIRST_BLOCK)
		count.stray++;
}

static int do_destroy(struct request *rq)
{
	count.destroy++;
	return 0;
}

static int do_nothing(struct request *rq) { return 0; }

static int do_fsync(struct request *rq) { return fsync(dev_fd) ? -errno : 0; }

static int do_statfs(struct request *rq)
{
	struct fuse_statfs_out *out = rq->out;

	*out = (struct fuse_statfs_out) { .st = {
		.blocks = device_blocks - FIRST_BLOCK, .bfree = free_blocks,
		.bavail = free_blocks, .files = INODES, .ffree = INODES / 2,
		.bsize = BLOCK, .frsize = BLOCK, .namelen = 255 } };
	rq->out_size = sizeof(*out);
	return 0;
}

/* ---- requests: iomap */

static void answer_mapping(struct request *rq, const struct fuse_iomap_io *map)
{
	struct fuse_iomap_begin_out *out = rq->out;

	out->read = *map;
	if (opt.retry || !(opt.no_upsert || opt.no_retry)) {
		out->read.type = FUSE_IOMAP_TYPE_RETRY_CACHE;
		out->read.addr = FUSE_IOMAP_NULL_ADDR;
		out->read.dev = FUSE_IOMAP_DEV_NULL;
	}
	out->write = (struct fuse_iomap_io) {
		.offset = map->offset, .length = map->length,
		.addr = FUSE_IOMAP_NULL_ADDR, .type = FUSE_IOMAP_TYPE_PURE_OVERWRITE,
	};
	rq->out_size = sizeof(*out);
}

static int do_begin(struct request *rq)
{
	const struct fuse_iomap_begin_in *in = rq->in;
	uint64_t first = in->pos / BLOCK;
	bool fresh = in->opflags & FUSE_IOMAP_OP_WRITE && !block_at(rq->inode, first).addr;
	struct fuse_iomap_io map;
	int err = 0;

	count.begin++;
	if (in->attr_ino != rq->inode->attr.ino || !S_ISREG(rq->inode->attr.mode))
		return stray(rq, "BEGIN of another inode");
	if (in->opflags & FUSE_IOMAP_OP_WRITE)
		err = fill_holes(rq->inode, first, blocks_of(in->pos + in->count));
	/* Some room will do: the kernel asks again for the rest */
	if (err && !block_at(rq->inode, first).addr)
		return err;
	map = mapping_at(rq->inode, first);
	if (fresh)
		map.flags |= FUSE_IOMAP_F_DIRTY;
	err = upsert(rq->inode, &map);
	if (!err)
		answer_mapping(rq, &map);
	return err;
}

static int do_end(struct request *rq)
{
	count.end++;
	return opt.no_end ? -ENOSYS : 0;
}

static int do_ioend(struct request *rq)
{
	const struct fuse_iomap_ioend_in *in = rq->in;
	struct fuse_iomap_ioend_out *out = rq->out;
	struct inode *inode = rq->inode;
	uint64_t end = in->pos + in->written;

	count.ioend++;
	if (in->error)
		return in->error;
	for (uint64_t n = in->pos / BLOCK; n < blocks_of(end); n++) {
		if (!block_at(inode, n).addr)
			return stray(rq, "IOEND of a hole");
		inode->map[n].unwritten = false;
	}
	if (in->flags & FUSE_IOMAP_IOEND_APPEND && end > inode->attr.size)
		inode->attr.size = end;
	out->newsize = inode->attr.size;
	rq->out_size = sizeof(*out);
	return 0;
}

/* ---- requests: files */

static int do_lookup(struct request *rq)
{
	struct entry *entry = *entry_find(rq->inode, rq->in);

	if (!entry)
		return -ENOENT;
	reply_entry(rq, &inodes[entry->ino]);
	return 0;
}

static int create(struct request *rq, const char *name, uint32_t mode)
{
	struct inode *inode;
	int err;

	if (strlen(name) > 255)
		return -ENAMETOOLONG;
	if (*entry_find(rq->inode, name))
		return -EEXIST;
	inode = inode_create(mode, &rq->header);
	if (!inode)
		return -ENOSPC;
	inode->parent = rq->inode - inodes;
	err = entry_add(rq->inode, name, inode);
	if (err) {
		inode->attr.mode = 0;
		return err;
	}
	rq->inode->attr.nlink += S_ISDIR(mode);
	touch(rq->inode);
	reply_entry(rq, inode);
	return 0;
}

static int do_create(struct request *rq)
{
	const struct fuse_create_in *in = rq->in;

	return create(rq, (const char *)(in + 1), in->mode) ?: reply_open(rq);
}

static int do_mkdir(struct request *rq)
{
	const struct fuse_mkdir_in *in = rq->in;

	return create(rq, (const char *)(in + 1), S_IFDIR | in->mode);
}

static int remove_name(struct request *rq, bool directory)
{
	struct entry **at = entry_find(rq->inode, rq->in);
	struct inode *inode;

	if (!*at)
		return -ENOENT;
	inode = &inodes[(*at)->ino];
	if (directory && !dir_empty((*at)->ino))
		return -ENOTEMPTY;
	entry_remove(at);
	rq->inode->attr.nlink -= directory;
	inode->attr.nlink -= directory ? 2 : 1;
	touch(rq->inode);
	inode_release(inode);
	return 0;
}

static int do_unlink(struct request *rq) { return remove_name(rq, false); }
static int do_rmdir(struct request *rq) { return remove_name(rq, true); }

static int move(struct request *rq, uint64_t newdir, uint32_t flags, const char *from)
{
	const char *to = from + strlen(from) + 1;
	struct inode *target = inode_get(newdir);
	struct entry **at = entry_find(rq->inode, from);
	struct request victim = *rq;
	struct inode *moved;
	int err;

	if (!*at || !target)
		return -ENOENT;
	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	moved = &inodes[(*at)->ino];
	if (*entry_find(target, to)) {
		victim.inode = target;
		victim.in = to;
		err = flags ? -EEXIST : remove_name(&victim, S_ISDIR(moved->attr.mode));
		if (err)
			return err;
	}
	err = entry_add(target, to, moved);
	if (err)
		return err;
	entry_remove(entry_find(rq->inode, from));
	rq->inode->attr.nlink -= S_ISDIR(moved->attr.mode);
	target->attr.nlink += S_ISDIR(moved->attr.mode);
	moved->parent = target - inodes;
	return 0;
}

static int do_rename(struct request *rq)
{
	const struct fuse_rename_in *in = rq->in;

	return move(rq, in->newdir, 0, (const char *)(in + 1));
}

static int do_rename2(struct request *rq)
{
	const struct fuse_rename2_in *in = rq->in;

	return move(rq, in->newdir, in->flags, (const char *)(in + 1));
}

/* The model sends the first mapping at once; it is no error if nobody wants it. */
static int do_open(struct request *rq)
{
	const struct fuse_open_in *in = rq->in;
	struct fuse_iomap_io map;

	if (in->flags & O_TRUNC)
		truncate_inode(rq->inode, 0);
	if (iomap_on && rq->inode->attr.size) {
		map = mapping_at(rq->inode, 0);
		upsert(rq->inode, &map);
	}
	return reply_open(rq);
}

static int do_opendir(struct request *rq) { return reply_open(rq); }

static int do_getattr(struct request *rq) { return reply_attr(rq); }

static int do_setattr(struct request *rq)
{
	const struct fuse_setattr_in *in = rq->in;
	struct inode *inode = rq->inode;
	struct fuse_attr *attr = &inode->attr;

	if (in->valid & FATTR_SIZE)
		truncate_inode(inode, in->size);
	if (in->valid & FATTR_MODE)
		attr->mode = (attr->mode & S_IFMT) | (in->mode & 07777);
	if (in->valid & FATTR_UID)
		attr->uid = in->uid;
	if (in->valid & FATTR_GID)
		attr->gid = in->gid;
	if (in->valid & FATTR_ATIME)
		attr->atime = in->atime, attr->atimensec = in->atimensec;
	if (in->valid & FATTR_MTIME)
		attr->mtime = in->mtime, attr->mtimensec = in->mtimensec;
	if (in->valid & FATTR_CTIME)
		attr->ctime = in->ctime, attr->ctimensec = in->ctimensec;
	return reply_attr(rq);
}

/* Whole blocks only: the kernel zeroes the parts at both ends. */
static void punch(struct inode *inode, const struct fuse_fallocate_in *in)
{
	uint64_t first = blocks_of(in->offset), end = (in->offset + in->length) / BLOCK;

	free_range(inode, first, end);
	inval_mappings(inode, first, end);
}

static int do_fallocate(struct request *rq)
{
	const struct fuse_fallocate_in *in = rq->in;
	const uint32_t cut = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	uint64_t end = in->offset + in->length;
	int err = 0;

	if (in->mode & ~(cut | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (in->mode & cut)
		punch(rq->inode, in);
	if (!(in->mode & FALLOC_FL_PUNCH_HOLE))
		err = fill_holes(rq->inode, in->offset / BLOCK, blocks_of(end));
	if (err)
		return err;
	if (!(in->mode & FALLOC_FL_KEEP_SIZE) && end > rq->inode->attr.size)
		rq->inode->attr.size = end;
	touch(rq->inode);
	return 0;
}

static bool add_dirent(struct request *rq, size_t room, uint64_t ino, uint64_t cookie,
		       const char *name)
{
	struct fuse_dirent *dirent = (void *)((char *)rq->out + rq->out_size);
	size_t len = strlen(name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);

	if (rq->out_size + size > room)
		return false;
	memset(dirent, 0, size);
	*dirent = (struct fuse_dirent) { .ino = ino, .off = cookie, .namelen = len,
					 .type = inodes[ino].attr.mode >> 12 };
	memcpy(dirent->name, name, len);
	rq->out_size += size;
	return true;
}

static int do_readdir(struct request *rq)
{
	const struct fuse_read_in *in = rq->in;
	uint32_t ino = rq->inode - inodes;
	size_t room = in->size < REPLY_SIZE ? in->size : REPLY_SIZE;
	bool more = (in->offset >= 1 || add_dirent(rq, room, ino, 1, ".")) &&
		    (in->offset >= 2 || add_dirent(rq, room, rq->inode->parent, 2, ".."));

	for (struct entry *entry = entries; more && entry; entry = entry->next)
		if (entry->parent == ino && entry->cookie > in->offset)
			more = add_dirent(rq, room, entry->ino, entry->cookie, entry->name);
	return 0;
}

static int do_getxattr(struct request *rq) { return -ENODATA; }

static void forget(uint64_t nodeid, uint64_t lookups)
{
	struct inode *inode = inode_get(nodeid);

	if (!inode || inode - inodes == ROOT_INO)
		return;
	inode->lookups -= lookups < inode->lookups ? lookups : inode->lookups;
	inode_release(inode);
}

static int do_forget(struct request *rq)
{
	forget(rq->header.nodeid, ((const struct fuse_forget_in *)rq->in)->nlookup);
	return 0;
}

static int do_batch_forget(struct request *rq)
{
	const struct fuse_batch_forget_in *in = rq->in;
	const struct fuse_forget_one *one = (const void *)(in + 1);

	for (uint32_t i = 0; i < in->count; i++)
		forget(one[i].nodeid, one[i].nlookup);
	return 0;
}

enum { OF_SESSION = 1, SILENT = 2 };

static const struct operation {
	uint32_t opcode;
	size_t in_size;			/* at least */
	int (*handle)(struct request *rq);
	unsigned int flags;
} operations[] = {
	{ FUSE_INIT, offsetof(struct fuse_init_in, unused), do_init, OF_SESSION },
	{ FUSE_IOMAP_CONFIG, sizeof(struct fuse_iomap_config_in), do_config, OF_SESSION },
	{ FUSE_DESTROY, 0, do_destroy, OF_SESSION },
	{ FUSE_INTERRUPT, 0, do_nothing, OF_SESSION | SILENT },
	{ FUSE_FORGET, sizeof(struct fuse_forget_in), do_forget, OF_SESSION | SILENT },
	{ FUSE_BATCH_FORGET, sizeof(struct fuse_batch_forget_in), do_batch_forget,
	  OF_SESSION | SILENT },
	{ FUSE_STATFS, 0, do_statfs },
	{ FUSE_IOMAP_BEGIN, sizeof(struct fuse_iomap_begin_in), do_begin },
	{ FUSE_IOMAP_END, sizeof(struct fuse_iomap_end_in), do_end },
	{ FUSE_IOMAP_IOEND, sizeof(struct fuse_iomap_ioend_in), do_ioend },
	{ FUSE_LOOKUP, 1, do_lookup },
	{ FUSE_CREATE, sizeof(struct fuse_create_in) + 1, do_create },
	{ FUSE_MKDIR, sizeof(struct fuse_mkdir_in) + 1, do_mkdir },
	{ FUSE_UNLINK, 1, do_unlink },
	{ FUSE_RMDIR, 1, do_rmdir },
	{ FUSE_RENAME, sizeof(struct fuse_rename_in) + 2, do_rename },
	{ FUSE_RENAME2, sizeof(struct fuse_rename2_in) + 2, do_rename2 },
	{ FUSE_OPEN, sizeof(struct fuse_open_in), do_open },
	{ FUSE_OPENDIR, sizeof(struct fuse_open_in), do_opendir },
	{ FUSE_READDIR, sizeof(struct fuse_read_in), do_readdir },
	{ FUSE_RELEASE, 0, do_nothing },
	{ FUSE_RELEASEDIR, 0, do_nothing },
	{ FUSE_GETATTR, 0, do_getattr },
	{ FUSE_SETATTR, sizeof(struct fuse_setattr_in), do_setattr },
	{ FUSE_FALLOCATE, sizeof(struct fuse_fallocate_in), do_fallocate },
	{ FUSE_GETXATTR, 0, do_getxattr },
	{ FUSE_FSYNC, 0, do_fsync },
	{ FUSE_FSYNCDIR, 0, do_fsync },
	{ FUSE_SYNCFS, 0, do_fsync },
};

static const struct operation *find_operation(uint32_t opcode)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].opcode == opcode)
			return &operations[i];
	return NULL;
}

/* ---- the loop */

static void reply(const struct request *rq, int err)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + (err ? 0 : rq->out_size),
		.error = err,
		.unique = rq->header.unique,
	};
	struct iovec iov[] = { { &header, sizeof(header) }, { rq->out, rq->out_size } };
	bool sent = writev(fuse_fd, iov, err || !rq->out_size ? 1 : 2) >= 0;

	if (rq->header.opcode != FUSE_IOMAP_CONFIG)
		return;			/* an answer that comes too late is no loss */
	need(sent, "answer to CONFIG");
	say("ready");
}

/* Lock held. */
static int handle(const struct operation *op, struct request *rq)
{
	if (!op)
		return -ENOSYS;
	rq->inode = inode_get(rq->header.nodeid);
	if (!(op->flags & OF_SESSION) && !rq->inode)
		return stray(rq, "no such node"), -ESTALE;
	if (rq->in_size < op->in_size)
		return stray(rq, "too short"), -EINVAL;
	return op->handle(rq);
}

static void serve(const struct fuse_in_header *header, size_t size, void *out)
{
	struct request rq = {
		.header = *header,
		.in = header + 1,
		.in_size = size - sizeof(*header),
		.out = out,
	};
	const struct operation *op = find_operation(header->opcode);
	int err;

	memset(out, 0, 256);
	pthread_mutex_lock(&lock);
	err = handle(op, &rq);
	pthread_mutex_unlock(&lock);
	if (!op || !(op->flags & SILENT))
		reply(&rq, err);
}

/* The mount is gone. */
static void finish(void)
{
	pthread_mutex_lock(&lock);
	check_blocks();
	say("counts begin %lu end %lu ioend %lu upsert %lu inval %lu dev_inval %lu destroy %lu "
	    "refused %lu stray %lu", count.begin, count.end, count.ioend, count.upsert,
	    count.inval, count.dev_inval, count.destroy, count.refused, count.stray);
	exit(count.stray != 0);
}

static void set_nofs(const char *when)
{
	uint32_t on = 1;

	need(!ioctl(fuse_fd, FUSE_DEV_IOC_SET_NOFS, &on), when);
}

/* One of several that serve */
static void *work(void *unused)
{
	char *in = malloc(REQUEST_SIZE), *out = malloc(REPLY_SIZE);
	bool nofs = false;

	need(in && out, "memory");
	for (;;) {
		ssize_t n = read(fuse_fd, in, REQUEST_SIZE);

		if (n < 0 && errno == ENODEV)
			break;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			continue;
		serve((void *)in, n, out);
		if (opt.nofs_after_init && iomap_on && !nofs)
			set_nofs("SET_NOFS after INIT"), nofs = true;
	}
	finish();
	return NULL;
}

/* ---- what the kernel says to notifications of all kinds */

static const struct inode *any_file(void)
{
	for (uint32_t ino = FIRST_INO; ino < INODES; ino++)
		if (S_ISREG(inodes[ino].attr.mode) && inodes[ino].lookups)
			return &inodes[ino];
	return &inodes[ROOT_INO];
}

static const struct attempt {
	const char *name;
	int code;
	int more;			/* bytes than there should be */
	uint64_t nodeid;		/* 0: that of a file */
} attempts[] = {
	{ "upsert", FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS },
	{ "upsert short", FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS, -1 },
	{ "upsert long", FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS, 1 },
	{ "upsert empty", FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS, -80 },
	{ "upsert unknown", FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS, 0, INODES + 1 },
	{ "inval", FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS },
	{ "inval short", FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS, -1 },
	{ "inval long", FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS, 1 },
	{ "inval empty", FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS, -48 },
	{ "inval unknown", FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS, 0, INODES + 1 },
};

static int try_one(const struct attempt *a, const struct inode *inode)
{
	bool is_upsert = a->code == FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS;
	union {
		struct fuse_iomap_upsert_mappings_out upsert;
		struct fuse_iomap_inval_mappings_out inval;
		char room[sizeof(struct fuse_iomap_upsert_mappings_out) + 1];
	} out = { .upsert = { a->nodeid ?: nodeid_of(inode), inode->attr.ino } };

	if (is_upsert) {
		out.upsert.read = mapping_at(inode, 0);
		out.upsert.write.type = FUSE_IOMAP_TYPE_NOCACHE;
	} else {
		out.inval.read = out.inval.write = (struct fuse_range) { 0, BLOCK };
	}
	return notify(a->code, &out,
		      (is_upsert ? sizeof(out.upsert) : sizeof(out.inval)) + a->more);
}

static void try_notifications(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		say("notify %s: %s", attempts[i].name, name_of(try_one(&attempts[i], any_file())));
	pthread_mutex_unlock(&lock);
	say("notified");
}

/* ---- start */

static bool has_file_io(void)
{
	struct fuse_iomap_support support = { };

	need(!ioctl(fuse_fd, FUSE_DEV_IOC_IOMAP_SUPPORT, &support), "IOMAP_SUPPORT");
	say("support %#llx", (unsigned long long)support.flags);
	return support.flags & FUSE_IOMAP_SUPPORT_FILEIO;
}

static void open_device(const char *path)
{
	off_t size;

	dev_fd = open(path, O_RDWR | (opt.shared ? 0 : O_EXCL));
	need(dev_fd >= 0, path);
	size = lseek(dev_fd, 0, SEEK_END);
	device_blocks = size / BLOCK;
	need(device_blocks > FIRST_BLOCK || (errno = EINVAL, false), path);
	used = calloc(device_blocks, 1);
	need(used, "memory");
	memset(used, 1, FIRST_BLOCK);
	free_blocks = device_blocks - FIRST_BLOCK;
}

static void mount_at(const char *device, const char *mountpoint)
{
	char options[200], root[40] = "";

	if (opt.root_nodeid != FUSE_ROOT_ID)
		snprintf(root, sizeof(root), ",root_nodeid=%llu",
			 (unsigned long long)opt.root_nodeid);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other%s",
		 fuse_fd, root);
	need(!mount(device, mountpoint, "fuse.posted", MS_NOSUID | MS_NODEV, options), "mount");
	say("mounted %s", options);
}

static void start_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < opt.threads; i++) {
		errno = pthread_create(&thread, NULL, work, NULL);
		need(!errno, "threads");
	}
}

static void nofs_only(void)
{
	fuse_fd = open("/dev/fuse", O_RDWR);
	need(fuse_fd >= 0, "/dev/fuse");
	set_nofs("SET_NOFS before INIT");
	exit(0);
}

static const struct option options[] = {
	{ "config-size", required_argument, NULL, 's' },
	{ "config-flags", required_argument, NULL, 'f' },
	{ "root-nodeid", required_argument, NULL, 'r' },
	{ "threads", required_argument, NULL, 't' },
	{ "no-upsert", no_argument, NULL, 'u' },
	{ "no-retry", no_argument, NULL, 'R' },
	{ "retry", no_argument, NULL, 'c' },
	{ "upsert-elsewhere", no_argument, NULL, 'w' },
	{ "map-max", required_argument, NULL, 'm' },
	{ "nofs-after-init", no_argument, NULL, 'n' },
	{ "no-nofs", no_argument, NULL, 'N' },
	{ "nofs-only", no_argument, NULL, 'o' },
	{ "no-end", no_argument, NULL, 'e' },
	{ "shared", no_argument, NULL, 'x' },
	{ }
};

static void usage(void)
{
	fprintf(stderr, "usage: posted-server [OPTION]... DEVICE MOUNTPOINT; see its source\n");
	exit(2);
}

static void set_option(int c)
{
	uint64_t number = optarg ? strtoull(optarg, NULL, 0) : 0;

	switch (c) {
	case 's': opt.config_size = number; break;
	case 'f': opt.config_flags = number; opt.config_flags_set = true; break;
	case 'r': opt.root_nodeid = number; break;
	case 't': opt.threads = number; break;
	case 'u': opt.no_upsert = true; break;
	case 'R': opt.no_retry = true; break;
	case 'c': opt.retry = true; break;
	case 'w': opt.upsert_elsewhere = true; break;
	case 'm': opt.map_max = number; break;
	case 'n': opt.nofs_after_init = true; break;
	case 'N': opt.no_nofs = true; break;
	case 'o': opt.nofs_only = true; break;
	case 'e': opt.no_end = true; break;
	case 'x': opt.shared = true; break;
	default: usage();
	}
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int c, signal;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(c);
	if (opt.nofs_only)
		nofs_only();
	if (argc - optind != 2 || opt.config_size > REPLY_SIZE)
		usage();
	open_device(argv[optind]);
	inode_new(ROOT_INO, S_IFDIR | 0755, NULL)->parent = ROOT_INO;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	/* The order is the model's, and matters */
	fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	need(fuse_fd >= 0, "/dev/fuse");
	need(has_file_io() || (errno = EOPNOTSUPP, false), "file I/O through iomap");
	if (!opt.nofs_after_init && !opt.no_nofs)
		set_nofs("SET_NOFS before INIT");
	mount_at(argv[optind], argv[optind + 1]);
	start_threads();
	while (!sigwait(&signals, &signal))
		try_notifications();
	return 1;
}
