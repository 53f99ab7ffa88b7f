// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is right, and the server.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <linux/falloc.h>
#include <linux/loop.h>

#include "answers.h"

#define DATA_ADDR	(64 * BLOCK)	/* of the first file's first byte */
#define DEVICE_BYTES	(DATA_ADDR + FILES * FILE_BYTES)
#define THREADS		12
#define MAX_REQUEST	(FUSE_MIN_READ_BUFFER + 128 * 1024)

#ifndef FUSE_PASSTHROUGH
#define FUSE_PASSTHROUGH	(1ULL << 37)
#endif
#define COPY_FILE_RANGE_64	53	/* Linux 6.17 */

bool wrong;
int slow = 1;

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void die(const char *what)
{
	say("WRONG: cannot go on: %s: %s", what, strerror(errno));
	_exit(2);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

struct timespec deadline(int seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds * slow;
	return t;
}

/* A moment for what must not happen, or cannot be seen from here. */
void moment(void) { usleep(300000 * slow); }

/* ---- answers */

static void reply(struct server *s, const struct fuse_in_header *ih, int error,
		  const void *data, size_t len)
{
	struct fuse_out_header oh = {
		.len = sizeof(oh) + (error ? 0 : len),
		.error = error,
		.unique = ih->unique,
	};
	struct iovec iov[2] = { { &oh, sizeof(oh) }, { (void *)data, len } };

	/* ENOENT: nobody waits for it any more */
	if (writev(s->fuse_fd, iov, error || !len ? 1 : 2) < 0 && errno != ENOENT &&
	    errno != EINVAL && errno != ENODEV)
		say("answer to %u: %s", ih->opcode, strerror(errno));
}

/* Holds the answer to a request back, if it is one that the gate is for. */
static void gate_pass(struct server *s, struct gate *gate, uint64_t nodeid, uint32_t flags)
{
	pthread_mutex_lock(&s->lock);
	if ((!gate->nodeid || gate->nodeid == nodeid) && (flags & gate->flags) == gate->flags) {
		gate->waiting++;
		pthread_cond_broadcast(&s->changed);
		while (gate->closed)
			pthread_cond_wait(&s->changed, &s->lock);
		gate->waiting--;
	}
	pthread_mutex_unlock(&s->lock);
}

void gate_close(struct server *s, struct gate *gate, uint64_t nodeid, uint32_t flags)
{
	pthread_mutex_lock(&s->lock);
	*gate = (struct gate) { .closed = true, .nodeid = nodeid, .flags = flags };
	pthread_mutex_unlock(&s->lock);
}

void gate_open(struct server *s, struct gate *gate)
{
	pthread_mutex_lock(&s->lock);
	gate->closed = false;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* How many answers wait at a closed gate, when it is @n or no more come */
unsigned int gate_reached(struct server *s, struct gate *gate, unsigned int n)
{
	struct timespec end = deadline(HANG_S);
	unsigned int waiting;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	while (gate->waiting < n && !err)
		err = pthread_cond_timedwait(&s->changed, &s->lock, &end);
	waiting = gate->waiting;
	pthread_mutex_unlock(&s->lock);
	return waiting;
}

static struct file *file_of(struct server *s, uint64_t nodeid) { return &s->file[nodeid - FILE_NODE]; }

uint64_t addr_of(uint64_t nodeid, uint64_t pos)
{
	return DATA_ADDR + (nodeid - FILE_NODE) * FILE_BYTES + pos;
}

static void fill_attr(struct server *s, uint64_t nodeid, struct fuse_attr *attr)
{
	*attr = (struct fuse_attr) {
		.ino = nodeid,
		.mode = nodeid == ROOT ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = 1,
		.blksize = BLOCK,
	};
	if (nodeid == ROOT)
		return;
	attr->size = file_of(s, nodeid)->size;
	if (s->device > 0)
		attr->flags = FUSE_ATTR_EXCLUSIVE | FUSE_ATTR_IOMAP;
}

int register_fd(struct server *s, int fd, uint32_t type)
{
	struct fuse_backing_map map = { .fd = fd, .flags = type };
	int id = ioctl(s->fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

static void serve_init(struct server *s, const struct fuse_in_header *ih, const void *arg)
{
	const struct fuse_init_in *in = arg;
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.max_write = 128 * 1024,
		.flags = FUSE_INIT_EXT,
		.flags2 = FUSE_IOMAP >> 32,
	};

	expect(in->flags2 & (FUSE_IOMAP >> 32), "iomap is offered");
	if (s->manner.passthrough) {
		out.flags2 |= FUSE_PASSTHROUGH >> 32;
		(&out.flags2)[1] = 1;	/* max_stack_depth, since Linux 6.9 */
	}
	reply(s, ih, 0, &out, sizeof(out));
	if (s->loop_fd >= 0)
		s->device = register_fd(s, s->loop_fd, FUSE_BACKING_TYPE_IOMAP);
}

static void serve_config(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	const struct fuse_iomap_config_out *config = s->manner.config;

	reply(s, ih, config ? 0 : -ENOSYS, config, sizeof(*config));
}

static void serve_lookup(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	struct fuse_entry_out out = { .attr_valid = 3600, .entry_valid = 3600 };

	out.nodeid = strcmp(in, "other") ? FILE_NODE : OTHER_NODE;
	fill_attr(s, out.nodeid, &out.attr);
	reply(s, ih, 0, &out, sizeof(out));
}

static void serve_getattr(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	struct fuse_attr_out out = { .attr_valid = 3600 };

	fill_attr(s, ih->nodeid, &out.attr);
	reply(s, ih, 0, &out, sizeof(out));
}

static void set_size(struct server *s, uint64_t nodeid, uint64_t size)
{
	pthread_mutex_lock(&s->lock);
	file_of(s, nodeid)->size = size;
	pthread_mutex_unlock(&s->lock);
}

static void serve_setattr(struct server *s, const struct fuse_in_header *ih, const void *arg)
{
	const struct fuse_setattr_in *in = arg;

	if (in->valid & FATTR_SIZE)
		set_size(s, ih->nodeid, in->size);
	if (in->valid & FATTR_SIZE && s->manner.size_error)
		reply(s, ih, -s->manner.size_error, NULL, 0);
	else
		serve_getattr(s, ih, in);
}

static void serve_fallocate(struct server *s, const struct fuse_in_header *ih, const void *arg)
{
	const struct fuse_fallocate_in *in = arg;
	uint64_t end = in->offset + in->length;

	if (!(in->mode & FALLOC_FL_KEEP_SIZE) && end > file_of(s, ih->nodeid)->size)
		set_size(s, ih->nodeid, end);
	reply(s, ih, 0, NULL, 0);
}

static void serve_open(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	struct fuse_open_out out = { };

	reply(s, ih, 0, &out, sizeof(out));
}

/* The kernel only asks how large security.capability is. */
static void serve_getxattr(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	struct fuse_getxattr_out out = { .size = sizeof((uint32_t[]) FILE_CAPS) };

	if (s->has_caps)
		reply(s, ih, 0, &out, sizeof(out));
	else
		reply(s, ih, s->manner.xattrs ? -ENODATA : -ENOSYS, NULL, 0);
}

static void serve_setxattr(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	s->has_caps = true;
	reply(s, ih, 0, NULL, 0);
}

static void serve_removexattr(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	s->has_caps = false;
	s->seen.removed_xattrs++;
	reply(s, ih, 0, NULL, 0);
}

static void serve_nothing(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	reply(s, ih, 0, NULL, 0);
}

static void serve_silently(struct server *s, const struct fuse_in_header *ih, const void *in) { }

/* The server's own way to copy: on the device. Is what was written there by now? */
static uint64_t copy_blocks(struct server *s, uint64_t nodeid,
			    const struct fuse_copy_file_range_in *in)
{
	uint64_t end = in->off_out + in->len;
	char buf[BLOCK];

	s->seen.copies++;
	for (uint64_t done = 0; done < in->len; done += BLOCK) {
		if (pread(s->mem_fd, buf, BLOCK, addr_of(nodeid, in->off_in + done)) != BLOCK ||
		    pwrite(s->mem_fd, buf, BLOCK, addr_of(in->nodeid_out, in->off_out + done)) !=
		    BLOCK)
			die("copy on the device");
		s->seen.copied_old_data |= buf[0] != 'S' || buf[BLOCK - 1] != 'S';
		file_of(s, in->nodeid_out)->type[(in->off_out + done) / BLOCK] = TYPE_MAPPED;
	}
	if (end > file_of(s, in->nodeid_out)->size)
		set_size(s, in->nodeid_out, end);
	return in->len;
}

static void serve_copy(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	struct fuse_write_out out = { .size = copy_blocks(s, ih->nodeid, in) };

	reply(s, ih, 0, &out, sizeof(out));
}

static void serve_copy_64(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	uint64_t out = copy_blocks(s, ih->nodeid, in);

	reply(s, ih, 0, &out, sizeof(out));
}

/* ---- mappings */

/* The mapping of a range, as far as its blocks are of one type */
static struct fuse_iomap_io map_range(struct server *s, uint64_t nodeid, uint64_t pos,
				      uint64_t end)
{
	const uint16_t *type = file_of(s, nodeid)->type;
	uint64_t first = pos / BLOCK, last = first + 1;
	struct fuse_iomap_io map;

	while (last * BLOCK < end && last < BLOCKS && type[last] == type[first])
		last++;
	map = (struct fuse_iomap_io) {
		.offset = first * BLOCK,
		.length = (last - first) * BLOCK,
		.addr = FUSE_IOMAP_NULL_ADDR,
		.type = type[first],
	};
	if (map.type == TYPE_MAPPED || map.type == TYPE_UNWRITTEN) {
		map.addr = addr_of(nodeid, map.offset);
		map.dev = s->device;
	}
	return map;
}

static void allocate(struct server *s, uint64_t nodeid, const struct fuse_iomap_begin_in *in)
{
	uint16_t *type = file_of(s, nodeid)->type;

	for (uint64_t b = in->pos / BLOCK; b < BLOCKS && b * BLOCK < in->pos + in->count; b++) {
		if ((in->opflags & FUSE_IOMAP_OP_WRITE) && type[b] == TYPE_HOLE)
			type[b] = s->manner.alloc_type;
		if ((in->opflags & FUSE_IOMAP_OP_WRITEBACK) && type[b] == TYPE_DELALLOC)
			type[b] = TYPE_MAPPED;
	}
}

static void serve_begin(struct server *s, const struct fuse_in_header *ih, const void *arg)
{
	const struct fuse_iomap_begin_in *in = arg;
	struct fuse_iomap_begin_out out;

	pthread_mutex_lock(&s->lock);
	s->seen.begins++;
	allocate(s, ih->nodeid, in);
	out.read = map_range(s, ih->nodeid, in->pos, in->pos + in->count);
	pthread_mutex_unlock(&s->lock);

	out.write = out.read;
	out.write.addr = FUSE_IOMAP_NULL_ADDR;
	out.write.dev = FUSE_IOMAP_DEV_NULL;
	out.write.type = FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	gate_pass(s, &s->begin, ih->nodeid, in->opflags);
	reply(s, ih, 0, &out, sizeof(out));
}

static void serve_end(struct server *s, const struct fuse_in_header *ih, const void *arg)
{
	const struct fuse_iomap_end_in *in = arg;

	pthread_mutex_lock(&s->lock);
	s->seen.ends++;
	s->seen.stale_ends += !!(in->map.flags & FUSE_IOMAP_F_STALE);
	pthread_mutex_unlock(&s->lock);
	reply(s, ih, 0, NULL, 0);
}

static uint64_t ioend_apply(struct server *s, struct file *file,
			    const struct fuse_iomap_ioend_in *in)
{
	uint64_t end = in->pos + in->written;

	s->seen.ioends++;
	for (uint64_t b = in->pos / BLOCK; b < BLOCKS && b * BLOCK < end; b++)
		file->type[b] = TYPE_MAPPED;
	if (in->flags & FUSE_IOMAP_IOEND_APPEND) {
		s->seen.appends++;
		if (end > file->size)
			file->size = end;
	}
	return s->manner.reply_size ? s->manner.reply_size - 1 : file->size;
}

static void serve_ioend(struct server *s, const struct fuse_in_header *ih, const void *in)
{
	struct fuse_iomap_ioend_out out;

	pthread_mutex_lock(&s->lock);
	out.newsize = ioend_apply(s, file_of(s, ih->nodeid), in);
	pthread_mutex_unlock(&s->lock);
	gate_pass(s, &s->ioend, ih->nodeid, ((const struct fuse_iomap_ioend_in *)in)->flags);
	reply(s, ih, 0, &out, sizeof(out));
}

/* ---- its life */

static const struct handler {
	uint32_t opcode;
	void (*serve)(struct server *s, const struct fuse_in_header *ih, const void *in);
} handlers[] = {
	{ FUSE_INIT,		serve_init },
	{ FUSE_LOOKUP,		serve_lookup },
	{ FUSE_GETATTR,		serve_getattr },
	{ FUSE_SETATTR,		serve_setattr },
	{ FUSE_FALLOCATE,	serve_fallocate },
	{ FUSE_OPEN,		serve_open },
	{ FUSE_GETXATTR,	serve_getxattr },
	{ FUSE_SETXATTR,	serve_setxattr },
	{ FUSE_REMOVEXATTR,	serve_removexattr },
	{ FUSE_COPY_FILE_RANGE,	serve_copy },
	{ COPY_FILE_RANGE_64,	serve_copy_64 },
	{ FUSE_IOMAP_CONFIG,	serve_config },
	{ FUSE_IOMAP_BEGIN,	serve_begin },
	{ FUSE_IOMAP_END,	serve_end },
	{ FUSE_IOMAP_IOEND,	serve_ioend },
	{ FUSE_FORGET,		serve_silently },
	{ FUSE_BATCH_FORGET,	serve_silently },
	{ FUSE_INTERRUPT,	serve_silently },
	{ FUSE_FLUSH,		serve_nothing },
	{ FUSE_FSYNC,		serve_nothing },
	{ FUSE_SYNCFS,		serve_nothing },
	{ FUSE_RELEASE,		serve_nothing },
	{ FUSE_DESTROY,		serve_nothing },
};

static void serve(struct server *s, const struct fuse_in_header *ih)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (handlers[i].opcode == ih->opcode) {
			handlers[i].serve(s, ih, ih + 1);
			return;
		}
	}
	reply(s, ih, -ENOSYS, NULL, 0);
}

static void *server_loop(void *arg)
{
	char *buf = malloc(MAX_REQUEST);
	struct server *s = arg;
	ssize_t n;

	for (;;) {
		n = read(s->fuse_fd, buf, MAX_REQUEST);
		if (n < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT)
			break;		/* unmounted */
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve(s, (void *)buf);
	}
	free(buf);
	return NULL;
}

/* A loop device over @mem_fd. Another may take a free one first. */
static int loop_open(int mem_fd)
{
	struct loop_config config = { .fd = mem_fd, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	char path[32];
	int fd;

	for (int tries = 0; tries < 16; tries++) {
		snprintf(path, sizeof(path), "/dev/loop%d", ioctl(ctl, LOOP_CTL_GET_FREE));
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !ioctl(fd, LOOP_CONFIGURE, &config)) {
			close(ctl);
			return fd;
		}
		close(fd);
	}
	die("no loop device");
}

int device_open(int *mem_fd)
{
	*mem_fd = memfd_create("answers", MFD_CLOEXEC);
	if (*mem_fd < 0 || ftruncate(*mem_fd, DEVICE_BYTES))
		die("no memory for a device");
	return loop_open(*mem_fd);
}

/* The same device, opened once more */
int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die("the device once more");
	return fd;
}

void set_types(struct server *s, uint64_t first, uint64_t blocks, uint16_t type)
{
	for (uint64_t b = first; b < first + blocks; b++)
		s->file[0].type[b] = type;
}

/* Ready to be mounted: files of USUAL_BLOCKS written blocks */
void server_prepare(struct server *s, const struct manner *manner, int loop_fd, int mem_fd)
{
	*s = (struct server) {
		.loop_fd = loop_fd, .mem_fd = mem_fd,
		.dir = "/tmp/answers.XXXXXX",
		.manner = *manner,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	if (!s->manner.alloc_type)
		s->manner.alloc_type = TYPE_UNWRITTEN;
	for (int i = 0; i < FILES; i++) {
		s->file[i].size = USUAL_BLOCKS * BLOCK;
		for (int b = 0; b < USUAL_BLOCKS; b++)
			s->file[i].type[b] = TYPE_MAPPED;
	}
	s->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (s->fuse_fd < 0 || !mkdtemp(s->dir))
		die("/dev/fuse, or a directory to mount at");
	for (int i = 0; i < FILES; i++)
		snprintf(s->path[i], sizeof(s->path[i]), "%s/%s", s->dir, i ? "other" : "file");
}

static void start_thread(struct server *s)
{
	pthread_t t;

	if (pthread_create(&t, NULL, server_loop, s))
		die("no thread");
}

int server_start(struct server *s)
{
	char opts[128];
	struct stat st;
	int err;

	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0", s->fuse_fd);
	if (mount("answers", s->dir, "fuse.answers", MS_NOSUID | MS_NODEV, opts))
		die("mount");
	/* The device is registered when INIT is over, if there is one thread */
	start_thread(s);
	err = stat(s->path[0], &st) ? errno : 0;
	for (int i = 1; i < THREADS; i++)
		start_thread(s);
	return err;
}

void server_end(struct server *s)
{
	if (s->fuse_fd < 0)
		return;
	gate_open(s, &s->begin);
	gate_open(s, &s->ioend);
	/* What a failed case has still open must not keep it */
	if (umount(s->dir))
		umount2(s->dir, MNT_DETACH | MNT_FORCE);
	rmdir(s->dir);
	close(s->fuse_fd);
	s->fuse_fd = -1;
}

int file_open(struct server *s, int flags)
{
	int fd = open(s->path[0], flags | O_CLOEXEC);

	if (fd < 0)
		die(s->path[0]);
	return fd;
}

struct seen seen(struct server *s)
{
	struct seen seen;

	pthread_mutex_lock(&s->lock);
	seen = s->seen;
	pthread_mutex_unlock(&s->lock);
	return seen;
}

uint64_t server_size(struct server *s)
{
	uint64_t size;

	pthread_mutex_lock(&s->lock);
	size = s->file[0].size;
	pthread_mutex_unlock(&s->lock);
	return size;
}

uint64_t kernel_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		die("fstat");
	return st.st_size;
}

