// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iomap requests: how a server tells the kernel where a file's data is.
 *
 *   CONFIG	Once, before anything else: what kind of file system is this?
 *   BEGIN	Before the kernel reads or writes [pos, pos + count), it asks for
 *		the mapping at pos: where the data is now (read), and where new
 *		data goes (write). The mapping has to cover pos; it may be longer
 *		or shorter than what was asked for. The kernel comes back for
 *		the rest.
 *   END	What became of it: written < count means the operation fell short.
 *		Sent only where a server may care.
 *   IOEND	The data is on the device (or that failed). Only now does an
 *		unwritten extent become a written one, and only now does the
 *		file's size on disk reach beyond it.
 *
 * The kernel itself holds the pages, zeroes what has to be zeroed and knows the
 * size of the file; this end is told about both in IOEND and SETATTR.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <linux/fuse.h>

#include "fuse_iomap_abi.h"
#include "iomap.h"
#include "persist.h"
#include "transport.h"

union iomap_out {
	struct fuse_iomap_config_out config;
	struct fuse_iomap_begin_out begin;
	struct fuse_iomap_ioend_out ioend;
};

/*
 * @first and @count in blocks. The hole behind the last extent ends where file
 * offsets do: every position can be asked for, and has to be covered.
 */
static void set_range(const struct fs *fs, struct fuse_iomap_io *map, uint64_t first,
		      uint64_t count)
{
	uint64_t max = (1ULL << 63) / fs->block_size - first;

	map->offset = first * fs->block_size;
	map->length = min_u64(count, max) * fs->block_size;
}

static struct fuse_iomap_io map_nowhere(const struct fs *fs, uint16_t type,
					const struct extent *extent)
{
	struct fuse_iomap_io map = {
		.type = type,
		.dev = FUSE_IOMAP_DEV_NULL,
		.addr = FUSE_IOMAP_NULL_ADDR,
	};

	set_range(fs, &map, extent->off, extent->len);
	return map;
}

static struct fuse_iomap_io map_blocks(const struct fs *fs, const struct extent *extent)
{
	struct fuse_iomap_io map = {
		.type = extent->written ? FUSE_IOMAP_TYPE_MAPPED : FUSE_IOMAP_TYPE_UNWRITTEN,
		.dev = fs->backing_id,
		.addr = extent->block * fs->block_size,
	};

	if (fs->alloc.split && extent->block >= fs->alloc.split) {
		map.dev = fs->second.backing_id;
		map.addr -= fs->alloc.split * fs->block_size;
	}
	set_range(fs, &map, extent->off, extent->len);
	return map;
}

/* Reads and reports want to know; zeroing a hole is nothing to do. */
static bool needs_blocks(uint32_t opflags)
{
	return (opflags & (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_WRITEBACK)) &&
	       !(opflags & (FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_REPORT |
			    FUSE_IOMAP_OP_OVERWRITE_ONLY));
}

/* What is at a position of a file. */
struct place {
	struct extent found;		/* the whole of it */
	bool hole;			/* found is what extents_find() says of a hole */
};

static bool has_blocks(const struct place *place)
{
	return !place->hole && !extent_delayed(&place->found);
}

/*
 * Direct I/O is told of a hole where blocks are delayed. It has had written back all
 * that was there to be written, so zeros are what it has to see; and for
 * fs/iomap delayed blocks are an error there.
 */
static struct fuse_iomap_io map_place(const struct fs *fs, const struct place *place,
				      uint32_t opflags)
{
	if (has_blocks(place))
		return map_blocks(fs, &place->found);
	return map_nowhere(fs, place->hole || opflags & FUSE_IOMAP_OP_DIRECT ?
			   FUSE_IOMAP_TYPE_HOLE : FUSE_IOMAP_TYPE_DELALLOC, &place->found);
}

/* What is there now, and new data goes to the same place. */
static void answer_as_is(const struct fs *fs, const struct place *place, uint32_t opflags,
			 struct fuse_iomap_begin_out *out)
{
	out->read = map_place(fs, place, opflags);
	out->write = map_nowhere(fs, FUSE_IOMAP_TYPE_PURE_OVERWRITE, &place->found);
}

/* A BEGIN in blocks. */
struct request {
	uint32_t opflags;
	uint64_t first, blocks;
};

static bool may_delay(const struct fs *fs, uint32_t opflags)
{
	return fs->delalloc && !(opflags & (FUSE_IOMAP_OP_DIRECT | FUSE_IOMAP_OP_WRITEBACK));
}

/* Does writeback name blocks that can be read from now on? */
static bool becomes_mapped(const struct fs *fs, uint32_t opflags)
{
	return fs->delalloc >= DELALLOC_MAPPED && opflags & FUSE_IOMAP_OP_WRITEBACK;
}

/*
 * Writeback asks folio by folio. All that is delayed there gets its blocks at once, so
 * that they are in one place; not if that would map what is not being written yet.
 */
static bool settles_all(const struct fs *fs, uint32_t opflags)
{
	return opflags & FUSE_IOMAP_OP_WRITEBACK && !becomes_mapped(fs, opflags);
}

static int make_mapped(struct fs *fs, struct inode *inode, struct extent *new)
{
	if (fs->delalloc == DELALLOC_MAPPED)
		return data_write_zeros(fs, inode, new);
	new->written = true;
	return extents_mark_written(&fs->alloc, &inode->extents, new->off, new->len);
}

/*
 * New blocks for what has none: they are unwritten, so what another file left in
 * them is never read. If the write fails or falls short they stay allocated
 * and unwritten, which reads as zeros; truncate and unlink free them. To free
 * them in END would race with a page fault or writeback that was given the
 * same blocks meanwhile.
 */
static int answer_new(struct fs *fs, struct inode *inode, const struct place *place,
		      const struct request *req, struct fuse_iomap_begin_out *out)
{
	uint64_t blocks = req->blocks;
	struct extent new;
	int err;

	if (settles_all(fs, req->opflags) && !place->hole)
		blocks = place->found.off + place->found.len - req->first;
	err = data_allocate_one(fs, inode, req->first, blocks, &new);
	if (!err && becomes_mapped(fs, req->opflags) && !place->hole)
		err = make_mapped(fs, inode, &new);
	if (err)
		return err;
	out->read = map_place(fs, place, req->opflags);
	out->write = map_blocks(fs, &new);
	out->write.flags = FUSE_IOMAP_F_NEW;
	return 0;
}

/*
 * Delayed allocation: a buffered write is promised room, so that it is the write that
 * fails if there is none, and writeback gets the blocks. What is promised is given
 * back with the range of the file: by truncate, punch and unlink, and when the kernel
 * drops the inode, which it does not before all is written back. That is when a write
 * that fell short gives back the rest, for the same reason as above.
 *
 * From there to the end of the I/O, the blocks are unwritten, as above: a power cut, or
 * I/O that fails, leaves zeros. With --delalloc=mapped they are mapped from the start,
 * as in ext4 without dioread_nolock. Then no IOEND is sent for them, and the server
 * never learns when the data is there: it cannot keep the blocks out of a commit until
 * then, as ext4 does with data=ordered. So it writes zeros to the blocks before it
 * names them. A commit flushes the device before it writes where the blocks are
 * (persist.h), so these zeros are stable by then. Every block is written twice, which
 * is the price. Without the zeros (--delalloc=exposed) a cut shows what an earlier
 * file has left in them.
 */
static int answer_delayed(struct fs *fs, struct inode *inode, const struct place *place,
			  const struct request *req, struct fuse_iomap_begin_out *out)
{
	struct place delayed = { 0 };
	int err = extents_delay(&fs->alloc, &inode->extents, req->first, req->blocks);

	if (err)
		return err;
	extents_find(&inode->extents, req->first, &delayed.found);
	out->read = map_place(fs, place, req->opflags);
	out->write = map_place(fs, &delayed, req->opflags);
	out->write.flags = FUSE_IOMAP_F_NEW;
	return 0;
}

static int answer(struct fs *fs, struct inode *inode, const struct request *req,
		  struct fuse_iomap_begin_out *out)
{
	struct place place;

	place.hole = !extents_find(&inode->extents, req->first, &place.found);
	if (has_blocks(&place) || !needs_blocks(req->opflags))
		answer_as_is(fs, &place, req->opflags, out);
	else if (!may_delay(fs, req->opflags))
		return answer_new(fs, inode, &place, req, out);
	else if (place.hole)
		return answer_delayed(fs, inode, &place, req, out);
	else
		answer_as_is(fs, &place, req->opflags, out);
	return 0;
}

static void grow(struct inode *inode, uint64_t size)
{
	if (size > (uint64_t)inode->attr.st_size)
		inode->attr.st_size = size;
}

/*
 * Without IOEND nobody will tell what a write has reached, so believe now that
 * it will succeed. (The kernel knows better as long as it keeps the inode.)
 */
static bool grows_now(const struct fs *fs, uint32_t opflags)
{
	return fs->iomap_no_ioend && needs_blocks(opflags) &&
	       !(opflags & (FUSE_IOMAP_OP_FAULT | FUSE_IOMAP_OP_WRITEBACK));
}

static int iomap_begin(struct fs *fs, struct inode *inode, const void *arg, union iomap_out *out)
{
	const struct fuse_iomap_begin_in *in = arg;
	struct request req = { in->opflags, in->pos / fs->block_size, 0 };
	int err;

	req.blocks = (in->pos + (in->count ? in->count - 1 : 0)) / fs->block_size - req.first + 1;
	pthread_mutex_lock(&inode->lock);
	err = answer(fs, inode, &req, &out->begin);
	if (!err && grows_now(fs, in->opflags))
		grow(inode, in->pos + in->count);
	pthread_mutex_unlock(&inode->lock);

	if (fs->faults.want_end) {
		out->begin.read.flags |= FUSE_IOMAP_F_WANT_IOMAP_END;
		out->begin.write.flags |= FUSE_IOMAP_F_WANT_IOMAP_END;
	}
	return err;
}

/* Nothing to undo, see answer_new(). */
static int iomap_end(struct fs *fs, struct inode *inode, const void *arg, union iomap_out *out)
{
	return 0;
}

static int iomap_ioend(struct fs *fs, struct inode *inode, const void *arg, union iomap_out *out)
{
	const struct fuse_iomap_ioend_in *in = arg;
	uint64_t first = in->pos / fs->block_size;
	uint64_t end = (in->pos + in->written + fs->block_size - 1) / fs->block_size;
	int err = 0;

	pthread_mutex_lock(&inode->lock);
	if (!in->error && in->flags & FUSE_IOMAP_IOEND_UNWRITTEN)
		err = extents_mark_written(&fs->alloc, &inode->extents, first, end - first);
	if (!err && !in->error && in->flags & FUSE_IOMAP_IOEND_APPEND)
		grow(inode, in->pos + in->written);
	out->ioend.newsize = inode->attr.st_size;
	pthread_mutex_unlock(&inode->lock);
	return err;
}

/* Ways to break the answer to CONFIG */

static void break_flag(struct fuse_iomap_config_out *out) { out->flags |= 1ULL << 40; }
static void break_pad(struct fuse_iomap_config_out *out) { out->s_pad[2] = 1; }
static void break_id(struct fuse_iomap_config_out *out) { memset(out->s_id, 'x', 32); }
static void break_uuid(struct fuse_iomap_config_out *out) { out->s_uuid_len = 17; }
static void break_block(struct fuse_iomap_config_out *out) { out->s_blocksize = 3000; }
static void break_links(struct fuse_iomap_config_out *out) { out->s_max_links = 0; }
static void break_gran(struct fuse_iomap_config_out *out) { out->s_time_gran = 0; }
static void break_time(struct fuse_iomap_config_out *out) { out->s_time_min = out->s_time_max + 1; }
static void break_size(struct fuse_iomap_config_out *out) { out->s_maxbytes = -1; }

static const struct bad_config {
	const char *name, *help;
	void (*apply)(struct fuse_iomap_config_out *out);
} bad_configs[] = {
	{ "flag", "a flag that nobody knows", break_flag },
	{ "padding", "padding that is not zero", break_pad },
	{ "id", "a name that does not end", break_id },
	{ "uuid", "a UUID of 17 bytes", break_uuid },
	{ "block-size", "blocks of 3000 bytes", break_block },
	{ "links", "no links", break_links },
	{ "granularity", "times without granularity", break_gran },
	{ "time", "time ends before it begins", break_time },
	{ "size", "a negative largest size", break_size },
	{ NULL }
};

const struct bad_config *bad_config_find(const char *name)
{
	const struct bad_config *bad = bad_configs;

	while (bad->name && strcmp(bad->name, name))
		bad++;
	return bad->name ? bad : NULL;
}

void bad_config_list(FILE *out)
{
	for (const struct bad_config *bad = bad_configs; bad->name; bad++)
		fprintf(out, "  %-16s %s\n", bad->name, bad->help);
}

/* Set what the kernel can take; it takes more with each version. */
static int iomap_config(struct fs *fs, struct inode *inode, const void *arg, union iomap_out *out)
{
	const struct fuse_iomap_config_in *in = arg;
	struct fuse_iomap_config_out *config = &out->config;
	uint64_t max_size = fs->config.max_size;

	*config = (struct fuse_iomap_config_out) {
		.flags = in->flags & (FUSE_IOMAP_CONFIG_SID | FUSE_IOMAP_CONFIG_UUID |
				      FUSE_IOMAP_CONFIG_BLOCKSIZE | FUSE_IOMAP_CONFIG_MAX_LINKS |
				      FUSE_IOMAP_CONFIG_TIME | FUSE_IOMAP_CONFIG_MAXBYTES),
		.s_uuid_len = sizeof(config->s_uuid),
		.s_blocksize = fs->block_size,
		.s_max_links = fs->config.max_links,
		.s_time_gran = fs->config.time_gran,
		.s_time_min = INT32_MIN,
		.s_time_max = UINT32_MAX,
		.s_maxbytes = max_size ? min_u64(max_size, in->maxbytes) : (uint64_t)in->maxbytes,
	};
	fs->fuzz.maxbytes = config->s_maxbytes;
	snprintf(config->s_id, sizeof(config->s_id), "iomapfs/%.20s", basename(fs->device));
	if (getrandom(config->s_uuid, sizeof(config->s_uuid), 0) < 0)
		return -errno;
	if (fs->config.bad)
		fs->config.bad->apply(config);
	return 0;
}

void iomap_dev_inval(const struct fs *fs, uint32_t dev, uint64_t offset, uint64_t length)
{
	struct fuse_iomap_dev_inval_out out = { .dev = dev, .range = { offset, length } };

	if (!fs->no_dev_inval)
		transport_notify(fs, FUSE_NOTIFY_IOMAP_DEV_INVAL, &out, sizeof(out));
}

static void log_config(const void *arg, const union iomap_out *out)
{
	const struct fuse_iomap_config_in *in = arg;

	fprintf(stderr, "offered=%#llx maxbytes=%lld flags=%#llx id=%.32s blocksize=%u maxbytes=%lld",
		in->flags, in->maxbytes, out->config.flags, out->config.s_id,
		out->config.s_blocksize, out->config.s_maxbytes);
}

static void log_begin(const void *arg, const union iomap_out *out)
{
	const struct fuse_iomap_begin_in *in = arg;
	const struct fuse_iomap_io *maps[] = { &out->begin.read, &out->begin.write };

	fprintf(stderr, "opflags=%#x pos=%llu count=%llu", in->opflags, in->pos, in->count);
	for (int i = 0; i < 2; i++)
		fprintf(stderr, " %s={type=%u flags=%#x offset=%llu length=%llu addr=%#llx dev=%u}",
			i ? "write" : "read", maps[i]->type, maps[i]->flags, maps[i]->offset,
			maps[i]->length, maps[i]->addr, maps[i]->dev);
}

static void log_end(const void *arg, const union iomap_out *out)
{
	const struct fuse_iomap_end_in *in = arg;

	fprintf(stderr, "opflags=%#x pos=%llu count=%llu written=%lld type=%u flags=%#x addr=%#llx",
		in->opflags, in->pos, in->count, in->written, in->map.type, in->map.flags,
		in->map.addr);
}

static void log_ioend(const void *arg, const union iomap_out *out)
{
	const struct fuse_iomap_ioend_in *in = arg;

	fprintf(stderr, "flags=%#x error=%d pos=%llu written=%llu new_addr=%#llx newsize=%llu",
		in->flags, in->error, in->pos, in->written, in->new_addr, out->ioend.newsize);
}

static const struct iomap_op {
	uint32_t opcode;
	enum fault_op fault_op;		/* FAULT_OPS: of no inode, and nothing to break */
	const char *name;
	size_t in_size;
	size_t out_size;
	int (*handle)(struct fs *fs, struct inode *inode, const void *in, union iomap_out *out);
	void (*log)(const void *in, const union iomap_out *out);
} iomap_ops[] = {
	{ FUSE_IOMAP_CONFIG, FAULT_OPS, "config", sizeof(struct fuse_iomap_config_in),
	  sizeof(struct fuse_iomap_config_out), iomap_config, log_config },
	{ FUSE_IOMAP_BEGIN, FAULT_BEGIN, "begin", sizeof(struct fuse_iomap_begin_in),
	  sizeof(struct fuse_iomap_begin_out), iomap_begin, log_begin },
	{ FUSE_IOMAP_END, FAULT_END, "end", sizeof(struct fuse_iomap_end_in),
	  0, iomap_end, log_end },
	{ FUSE_IOMAP_IOEND, FAULT_IOEND, "ioend", sizeof(struct fuse_iomap_ioend_in),
	  sizeof(struct fuse_iomap_ioend_out), iomap_ioend, log_ioend },
	{ 0 }
};

static const struct iomap_op *find_op(uint32_t opcode)
{
	const struct iomap_op *op = iomap_ops;

	while (op->opcode && op->opcode != opcode)
		op++;
	return op->opcode ? op : NULL;
}

static void log_request(const struct iomap_op *op, const struct fuse_in_header *header,
			const void *in, const union iomap_out *out, int err)
{
	flockfile(stderr);
	fprintf(stderr, "%s #%llu ino=%llu ", op->name, (unsigned long long)header->unique,
		(unsigned long long)header->nodeid);
	op->log(in, out);
	fprintf(stderr, " -> %s\n", err ? strerrorname_np(-err) : "ok");
	funlockfile(stderr);
}

/* Of an IOEND, else 0. */
static uint32_t ioend_flags(const struct iomap_op *op, const void *in, size_t len)
{
	const struct fuse_iomap_ioend_in *ioend = in;
	bool whole = len >= sizeof(struct fuse_in_header) + op->in_size;

	return op->fault_op == FAULT_IOEND && whole ? ioend->flags : 0;
}

bool iomap_request(struct fs *fs, const void *buf, size_t len)
{
	const struct fuse_in_header *header = buf;
	const struct iomap_op *op = find_op(header->opcode);
	const void *in = header + 1;
	union iomap_out out = { 0 };
	struct inode *inode = NULL;
	struct fault fault;
	int err = 0;

	if (!op)
		return false;
	if (op->fault_op != FAULT_OPS) {
		fault = fault_enter(&fs->faults, op->fault_op, ioend_flags(op, in, len));
		err = fault_error(&fault);
		inode = inode_get(fs, header->nodeid);
		if (!err && !inode)
			err = -EINVAL;
	}
	if (!err && len < sizeof(*header) + op->in_size)
		err = -EINVAL;
	if (!err && op->fault_op == FAULT_BEGIN)
		err = transport_register_late(fs);
	if (!err) {
		err = op->handle(fs, inode, in, &out);
		if (err == -ENOSPC && persist_reclaim(fs))
			err = op->handle(fs, inode, in, &out);
	}
	if (!err && op->fault_op == FAULT_BEGIN)
		fault_break_map(&fault, in, &out.begin, fs->backing_id);
	if (fs->verbose)
		log_request(op, header, in, &out, err);
	transport_reply(fs, header->unique, err, &out, op->out_size);
	return true;
}
