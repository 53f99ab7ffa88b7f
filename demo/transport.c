// SPDX-License-Identifier: GPL-2.0-only
/* Between /dev/fuse and libfuse; the contract is in transport.h. */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "fuse_iomap_abi.h"
#include "iomap.h"
#include "transport.h"

#ifndef FUSE_DEV_IOC_BACKING_OPEN	/* Linux 6.9; Debian 12's header is older */
struct fuse_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define FUSE_DEV_IOC_BACKING_OPEN	_IOW(229, 1, struct fuse_backing_map)
#endif

/*
 * The request this thread is at. Each is answered by the thread that received
 * it, before that receives the next, so an answer belongs to this one.
 */
static __thread struct fuse_in_header current;

/* Requests */

static void note_init(struct fs *fs, const struct fuse_init_in *in, size_t len)
{
	fs->iomap_offered = len >= sizeof(*in) && in->flags & FUSE_INIT_EXT &&
			    in->flags2 & FUSE_IOMAP >> 32;
}

static ssize_t transport_read(int fd, void *buf, size_t len, void *userdata)
{
	ssize_t n = read(fd, buf, len);

	if (n < (ssize_t)sizeof(current))
		return n;
	memcpy(&current, buf, sizeof(current));
	if (current.opcode == FUSE_INIT)
		note_init(userdata, (void *)((char *)buf + sizeof(current)), n - sizeof(current));
	return n;
}

/* Answers */

static void patch_init(struct fs *fs, void *payload, size_t len)
{
	struct fuse_init_out *out = payload;

	if (!fs->iomap_wanted || !fs->iomap_offered || len < sizeof(*out))
		return;
	out->flags |= FUSE_INIT_EXT;	/* else nobody looks at flags2 */
	out->flags2 |= FUSE_IOMAP >> 32;
}

static void patch_attr(const struct fs *fs, struct fuse_attr *attr)
{
	if (fs->iomap_on && S_ISREG(attr->mode))
		attr->flags |= FUSE_ATTR_EXCLUSIVE | FUSE_ATTR_IOMAP;
}

static void patch_entry_out(struct fs *fs, void *payload, size_t len)
{
	struct fuse_entry_out *out = payload;

	if (len >= sizeof(*out) && out->nodeid)
		patch_attr(fs, &out->attr);
}

static void patch_attr_out(struct fs *fs, void *payload, size_t len)
{
	struct fuse_attr_out *out = payload;

	if (len >= sizeof(*out))
		patch_attr(fs, &out->attr);
}

static void patch_direntplus(struct fs *fs, void *payload, size_t len)
{
	struct fuse_direntplus *plus;

	for (size_t at = 0; at + sizeof(*plus) <= len; at += FUSE_DIRENTPLUS_SIZE(plus)) {
		plus = (void *)((char *)payload + at);
		patch_entry_out(fs, &plus->entry_out, sizeof(plus->entry_out));
	}
}

static const struct patch {
	uint32_t opcode;
	void (*apply)(struct fs *fs, void *payload, size_t len);
} patches[] = {
	{ FUSE_INIT, patch_init },
	{ FUSE_LOOKUP, patch_entry_out },
	{ FUSE_MKNOD, patch_entry_out },
	{ FUSE_LINK, patch_entry_out },
	{ FUSE_CREATE, patch_entry_out },	/* the entry stands first */
	{ FUSE_GETATTR, patch_attr_out },
	{ FUSE_SETATTR, patch_attr_out },
	{ FUSE_READDIRPLUS, patch_direntplus },
	{ 0 }
};

static ssize_t transport_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *header = iov[0].iov_base;

	if (count > 1 && !header->error && header->unique == current.unique)
		for (const struct patch *patch = patches; patch->opcode; patch++)
			if (patch->opcode == current.opcode)
				patch->apply(userdata, iov[1].iov_base, iov[1].iov_len);
	return writev(fd, iov, count);
}

void transport_reply(struct fs *fs, uint64_t unique, int err, const void *payload, size_t size)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + (err ? 0 : size),
		.error = err,
		.unique = unique,
	};
	struct iovec iov[] = {
		{ &header, sizeof(header) },
		{ (void *)payload, size },
	};

	/* It fails if the request was aborted meanwhile, and then it is no loss. */
	if (writev(fs->fuse_fd, iov, err || !size ? 1 : 2) < 0 && fs->verbose)
		fprintf(stderr, "iomapfs: answer to #%llu: %s\n",
			(unsigned long long)unique, strerror(errno));
}

/* Set-up and loop */

int transport_mount(struct fs *fs, const char *mountpoint)
{
	char options[128];
	int err;

	fs->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fs->fuse_fd < 0)
		return -errno;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
		 fs->fuse_fd);
	if (!mount(fs->device, mountpoint, "fuse.iomapfs", MS_NOSUID | MS_NODEV, options))
		return 0;
	err = -errno;
	close(fs->fuse_fd);
	return err;
}

int transport_attach(struct fs *fs, struct fuse_session *session)
{
	static const struct fuse_custom_io io = {
		.read = transport_read,
		.writev = transport_writev,
	};

	return fuse_session_custom_io(session, &io, fs->fuse_fd);
}

/* From now on mappings can name the device. Returns its number or -errno. */
static int register_device(struct fs *fs)
{
	struct fuse_backing_map map = { .fd = fs->dev_fd, .flags = FUSE_BACKING_TYPE_IOMAP };
	int id = ioctl(fs->fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

/* Receive and answer one request. Returns 0, -EINTR, or what ends the loop. */
static int serve_one(struct fs *fs, struct fuse_session *session, struct fuse_buf *buf)
{
	int len = fuse_session_receive_buf(session, buf);

	if (len <= 0)
		return len ? len : -ENODEV;
	if (!iomap_request(fs, buf->mem, len))
		fuse_session_process_buf(session, buf);
	return 0;
}

int transport_init(struct fs *fs, struct fuse_session *session, const char **reason)
{
	struct fuse_buf buf = { 0 };
	int err;

	do {
		err = serve_one(fs, session, &buf);
	} while (err == -EINTR);
	free(buf.mem);
	if (err)
		return err;

	err = fs->iomap_wanted && fs->iomap_offered ? register_device(fs) : 0;
	*reason = !fs->iomap_wanted ? "--no-iomap" :
		  !fs->iomap_offered ? "this kernel does not offer it" :
		  err < 0 ? strerror(-err) : NULL;
	if (err > 0) {
		fs->backing_id = err;
		fs->iomap_on = true;
	}
	return 0;
}

struct worker {
	pthread_t thread;
	struct fs *fs;
	struct fuse_session *session;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct fuse_buf buf = { 0 };
	int err;

	do {
		err = serve_one(worker->fs, worker->session, &buf);
	} while (!err || err == -EINTR);
	free(buf.mem);
	return NULL;
}

/*
 * A fixed number of threads, not fuse_session_loop_mt(): that one starts more
 * as its own requests need them, and does not see those answered past it.
 */
int transport_serve(struct fs *fs, struct fuse_session *session, unsigned int threads)
{
	struct worker *workers = calloc(threads, sizeof(*workers));
	unsigned int started = 0;

	if (!workers)
		return -ENOMEM;
	for (; started < threads; started++) {
		workers[started] = (struct worker) { .fs = fs, .session = session };
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]))
			break;
	}
	for (unsigned int i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	free(workers);
	return started ? 0 : -EAGAIN;
}
