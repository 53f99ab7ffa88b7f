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
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/fuse.h>

#include "fuse_iomap_abi.h"
#include "fuse_newer.h"
#include "iomap.h"
#include "persist.h"
#include "transport.h"

/*
 * The request this thread is at. Each is answered by the thread that received
 * it, before that receives the next, so an answer belongs to this one.
 */
static __thread struct fuzz_request current;

/* Requests */

static void note_init(struct fs *fs, const struct fuse_init_in *in, size_t len)
{
	fs->iomap_offered = len >= sizeof(*in) && in->flags & FUSE_INIT_EXT &&
			    in->flags2 & FUSE_IOMAP >> 32;
}

static ssize_t transport_read(int fd, void *buf, size_t len, void *userdata)
{
	const struct fuse_in_header *header = buf;
	struct fs *fs = userdata;
	ssize_t n = read(fd, buf, len);

	if (n < (ssize_t)sizeof(*header))
		return n;
	memcpy(&current, buf, min_u64(n, sizeof(current)));
	if (header->opcode == FUSE_INIT)
		note_init(fs, (void *)(header + 1), n - sizeof(*header));
	fuzz_received(&fs->fuzz, &current);
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
	if (!fs->registering.after)
		return;
	out->flags2 |= FUSE_PASSTHROUGH >> 32;
	fuse_set_max_stack_depth(out, 1);
}

/* The kernel asks for the attributes of inodes that it holds a reference to. */
static void patch_attr(struct fs *fs, struct fuse_attr *attr)
{
	const struct inode *inode = inode_get(fs, attr->ino);

	if (!fs->iomap_on || !inode)
		return;
	attr->flags |= FUSE_ATTR_EXCLUSIVE | inode->attr_flags;
	if (S_ISREG(attr->mode) && !inode->plain)
		attr->flags |= FUSE_ATTR_IOMAP;
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
	struct fs *fs = userdata;

	if (count > 1 && !header->error && header->unique == current.header.unique)
		for (const struct patch *patch = patches; patch->opcode; patch++)
			if (patch->opcode == current.header.opcode)
				patch->apply(fs, iov[1].iov_base, iov[1].iov_len);
	return fuzz_answer(&fs->fuzz, fd, &current, iov, count);
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
	if (fuzz_answer(&fs->fuzz, fs->fuse_fd, &current, iov, err || !size ? 1 : 2) < 0 &&
	    fs->verbose)
		fprintf(stderr, "iomapfs: answer to #%llu: %s\n",
			(unsigned long long)unique, strerror(errno));
}

void transport_notify(const struct fs *fs, int code, const void *payload, size_t size)
{
	struct fuse_out_header header = { .len = sizeof(header) + size, .error = code };
	struct iovec iov[] = {
		{ &header, sizeof(header) },
		{ (void *)payload, size },
	};

	if (writev(fs->fuse_fd, iov, 2) < 0 && fs->verbose)
		fprintf(stderr, "iomapfs: notification %d: %s\n", code, strerror(errno));
}

/* Set-up and loop */

/* Why the kernel will not offer iomap, or NULL. */
static const char *why_not_offered(const struct fs *fs)
{
	struct fuse_iomap_support support;

	if (ioctl(fs->fuse_fd, FUSE_DEV_IOC_IOMAP_SUPPORT, &support))
		return "this kernel does not have it";
	if (!(support.flags & FUSE_IOMAP_SUPPORT_FILEIO))
		return "not offered: it needs CAP_SYS_RAWIO, and the parameter fuse.enable_iomap";
	return NULL;
}

/*
 * A server needs the capability for nothing but iomap, and not even for that, if
 * somebody who has it vouches for its /dev/fuse: here, the server's own past.
 */
static int drop_rawio(const struct fs *fs)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (ioctl(fs->fuse_fd, FUSE_DEV_IOC_ADD_IOMAP) || syscall(SYS_capget, &header, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_SYS_RAWIO);
	data[0].permitted &= ~(1U << CAP_SYS_RAWIO);
	data[0].inheritable &= ~(1U << CAP_SYS_RAWIO);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int do_mount(const struct fs *fs, const char *mountpoint)
{
	char options[160];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
		 fs->fuse_fd);
	return mount(fs->device, mountpoint, fs->fuseblk ? "fuseblk.iomapfs" : "fuse.iomapfs",
		     MS_NOSUID | MS_NODEV, options) ? -errno : 0;
}

/* mount(2) while another thread answers what it waits for. */
static struct mounting {
	pthread_t thread;
	const struct fs *fs;
	const char *mountpoint;
} mounting;

static void *mount_thread(void *arg)
{
	int err = do_mount(mounting.fs, mounting.mountpoint);

	if (!err)
		return NULL;
	/* The other thread may be waiting for a request that never comes. */
	fprintf(stderr, "iomapfs: %s: cannot mount: %s%s\n", mounting.mountpoint, strerror(-err),
		err == -ENOTCONN ? "; the kernel refused an answer, dmesg tells why" : "");
	_exit(1);
}

static int start_mount(const struct fs *fs, const char *mountpoint)
{
	mounting.fs = fs;
	mounting.mountpoint = mountpoint;
	if (ioctl(fs->fuse_fd, FUSE_DEV_IOC_SYNC_INIT))
		return -errno;
	return -pthread_create(&mounting.thread, NULL, mount_thread, NULL);
}

int transport_open(struct fs *fs)
{
	fs->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	return fs->fuse_fd < 0 ? -errno : 0;
}

int transport_mount(struct fs *fs, const char *mountpoint)
{
	int err = fs->drop_rawio ? drop_rawio(fs) : 0;

	if (!err)
		err = fs->sync_init ? start_mount(fs, mountpoint) : do_mount(fs, mountpoint);
	if (err)
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

/* Returns the number of what is registered, or -errno. */
static int backing_open(const struct fs *fs, int fd, uint32_t type)
{
	struct fuse_backing_map map = { .fd = fd, .flags = type };
	int id = ioctl(fs->fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

/* From now on mappings can name the device. Returns its number or -errno. */
static int register_device(struct fs *fs, const char *path, int fd)
{
	struct fuse_iomap_backing_info info = { .blocksize = fs->block_size };
	int id = backing_open(fs, fd, FUSE_BACKING_TYPE_IOMAP);

	if (id == -EBUSY)
		fs->registering.busy = path;
	if (id < 0)
		return id;
	/*
	 * Only whole blocks of the page cache can be dropped, so they have to be
	 * ours. A mount that holds the device does that by CONFIG.
	 */
	info.backing_id = id;
	if (!fs->fuseblk && ioctl(fs->fuse_fd, FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE, &info))
		return -errno;
	return id;
}

/* Use up the first numbers, as a server does that has files for passthrough. */
static int register_others(const struct fs *fs)
{
	int fd = memfd_create("iomapfs", MFD_CLOEXEC), id = fd < 0 ? -errno : 0;

	for (unsigned int i = 0; i < fs->registering.after && id >= 0; i++) {
		uint32_t last;

		id = backing_open(fs, fd, FUSE_BACKING_TYPE_PASSTHROUGH);
		last = id;
		if (i % 2 && id >= 0 && ioctl(fs->fuse_fd, FUSE_DEV_IOC_BACKING_CLOSE, &last))
			id = -errno;
	}
	if (fd >= 0)
		close(fd);
	return id < 0 ? id : 0;
}

static int register_devices(struct fs *fs)
{
	int err = register_others(fs), id = err ?: register_device(fs, fs->device, fs->dev_fd);

	if (id < 0)
		return id;
	fs->backing_id = id;
	fs->fuzz.devs[0] = (struct fuzz_dev) { id, fs->dev_size };
	if (!fs->second.device)
		return 0;
	id = register_device(fs, fs->second.device, fs->second.fd);
	if (id < 0)
		return id;
	fs->second.backing_id = id;
	fs->fuzz.devs[1] = (struct fuzz_dev) { id, fs->second.size };
	return 0;
}

int transport_register_late(struct fs *fs)
{
	int err = 0;

	if (!fs->registering.late)
		return 0;
	pthread_mutex_lock(&fs->registering.lock);
	if (!fs->registering.done)
		err = register_devices(fs);
	if (!err)
		fs->registering.done = true;
	pthread_mutex_unlock(&fs->registering.lock);
	if (err && fs->verbose)
		fprintf(stderr, "iomapfs: registering devices: %s\n", strerror(-err));
	return err;
}

/* The kernel would ask a server to end the session, so have it know that there is none. */
void transport_give_up(struct fs *fs, const char *mountpoint)
{
	close(fs->fuse_fd);
	umount2(mountpoint, MNT_DETACH);
}

/* Receive and answer one request. Returns 0, -EINTR, or what ends the loop. */
static int serve_one(struct fs *fs, struct fuse_session *session, struct fuse_buf *buf)
{
	int len = fuse_session_receive_buf(session, buf);

	if (len <= 0)
		return len ? len : -ENODEV;
	if (!iomap_request(fs, buf->mem, len) && !persist_request(fs, buf->mem, len))
		fuse_session_process_buf(session, buf);
	return 0;
}

/* Why devices were not registered. */
static const char *why_not_registered(const struct fs *fs, int err)
{
	if (err == -EINVAL && fs->block_size > sysconf(_SC_PAGESIZE))
		return "blocks above a page need a kernel with CONFIG_TRANSPARENT_HUGEPAGE";
	return strerror(-err);
}

int transport_init(struct fs *fs, struct fuse_session *session, const char **reason)
{
	struct fuse_buf buf = { 0 };
	bool agreed;
	int err;

	do {
		err = serve_one(fs, session, &buf);
	} while (err == -EINTR);
	free(buf.mem);
	if (err)
		return err;

	agreed = fs->iomap_wanted && fs->iomap_offered;
	/*
	 * mount(2) itself takes this answer, and asks for CONFIG if iomap was agreed
	 * upon. So it is only then that there are devices to register.
	 */
	if (fs->sync_init) {
		if (agreed) {
			struct fuse_buf config = { 0 };

			err = serve_one(fs, session, &config);
			free(config.mem);
		}
		pthread_join(mounting.thread, NULL);
		if (err && err != -EINTR)
			return err;
	}

	err = agreed && !fs->registering.late ? register_devices(fs) : 0;
	if (err == -EBUSY)
		return err;
	*reason = !fs->iomap_wanted ? "--no-iomap" :
		  !fs->iomap_offered ? why_not_offered(fs) ?: "this kernel does not offer it" :
		  err ? why_not_registered(fs, err) : NULL;
	fs->iomap_on = !*reason;
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
	uint32_t on = 1;
	int err;

	/* For memory to be given back, the kernel must not wait for this thread. */
	if (worker->fs->iomap_on && ioctl(worker->fs->fuse_fd, FUSE_DEV_IOC_SET_NOFS, &on))
		perror("iomapfs: SET_NOFS");
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
