// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that somebody else uses.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "cases.h"


static int run_command(const char *fmt, ...)
{
	char command[200];
	va_list args;
	int status;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	fflush(stdout);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void device_path(int loop_fd, char *path, size_t size)
{
	struct stat st;

	if (fstat(loop_fd, &st))
		die("fstat");
	snprintf(path, size, "/dev/loop%u", minor(st.st_rdev));
}

static int dev_inval(struct server *s, uint32_t id)
{
	struct fuse_iomap_dev_inval_out out = { .dev = id, .range = { 0, UINT64_MAX } };
	struct fuse_out_header oh = {
		.len = sizeof(oh) + sizeof(out),
		.error = FUSE_NOTIFY_IOMAP_DEV_INVAL,
	};
	struct iovec iov[2] = { { &oh, sizeof(oh) }, { &out, sizeof(out) } };

	return writev(s->fuse_fd, iov, 2) < 0 ? -errno : 0;
}

/* ext4 on a device of its own */
struct ext4 {
	int loop_fd, mem_fd;
	char dev[32], dir[32];
};

static int ext4_mount(struct ext4 *e) { return mount(e->dev, e->dir, "ext4", 0, NULL) ? errno : 0; }

static void ext4_make(struct ext4 *e)
{
	*e = (struct ext4) { .dir = "/tmp/answers-ext4.XXXXXX" };
	e->loop_fd = device_open(&e->mem_fd);
	device_path(e->loop_fd, e->dev, sizeof(e->dev));
	if (run_command("mkfs.ext4 -q %s", e->dev) || !mkdtemp(e->dir))
		die("mkfs.ext4");
}

/* It can be used, and is whole afterwards. */
static void ext4_fine(struct ext4 *e)
{
	expect(run_command("seq 10000 >%s/f && sync -f %s/f && echo 3 >/proc/sys/vm/drop_caches && "
			   "seq 10000 | cmp - %s/f", e->dir, e->dir, e->dir) == 0,
	       "ext4 keeps what is written");
	expect(umount(e->dir) == 0, "ext4 is unmounted");
	expect(run_command("e2fsck -fn %s >/dev/null 2>&1", e->dev) == 0, "e2fsck finds nothing");
	rmdir(e->dir);
	close(e->loop_fd);
	close(e->mem_fd);
}

bool refused(const char *what, int ret, int error)
{
	return expect(ret == -error, "%s: %d %s", what, ret, ret < 0 ? strerror(-ret) : "");
}

void device_mounted(struct server *s, const void *arg)
{
	struct ext4 e;
	int fd, id;

	ext4_make(&e);
	if (ext4_mount(&e))
		die("mount ext4");
	/* With it, to drop its pages would end in a panic: that was shown once */
	if (refused("to register what ext4 has mounted",
		    register_fd(s, e.loop_fd, FUSE_BACKING_TYPE_IOMAP), EBUSY))
		refused("to drop its pages", dev_inval(s, s->device + 1), ENOENT);
	fd = reopen(e.loop_fd, O_RDONLY);
	id = register_fd(s, fd, FUSE_BACKING_TYPE_IOMAP);
	say("to register it for reading: %d", id);
	if (id > 0)
		refused("to drop its pages", dev_inval(s, id), EBADF);
	close(fd);
	ext4_fine(&e);
}

void device_registered(struct server *s, const void *arg)
{
	struct ext4 e;
	int err;

	ext4_make(&e);
	if (register_fd(s, e.loop_fd, FUSE_BACKING_TYPE_IOMAP) < 0)
		die("register");
	err = ext4_mount(&e);
	expect(err == EBUSY, "to mount as ext4 what a server has registered: %s",
	       err ? strerror(err) : "done");
	if (!err)
		umount(e.dir);
	/* It is free again with the server */
	server_end(s);
	for (int i = 0; (err = ext4_mount(&e)) == EBUSY && i < 50 * slow; i++)
		usleep(100000);
	expect(err == 0, "without the server: %s", err ? strerror(err) : "done");
	if (!err)
		ext4_fine(&e);
}

void device_held(struct server *s, const void *arg)
{
	int mem_fd, fd = device_open(&mem_fd), held = reopen(fd, O_RDWR | O_EXCL);

	refused("to register what somebody has opened with O_EXCL",
		register_fd(s, fd, FUSE_BACKING_TYPE_IOMAP), EBUSY);
	close(held);
	expect(register_fd(s, fd, FUSE_BACKING_TYPE_IOMAP) > 0, "when it is closed, it can be");
	close(fd);
	close(mem_fd);
}

/* The server itself has it with O_EXCL, as libext2fs does. */
void device_own_hold(struct server *s, const void *arg)
{
	int mem_fd, fd = device_open(&mem_fd), held = reopen(fd, O_RDWR | O_EXCL), id;

	id = register_fd(s, held, FUSE_BACKING_TYPE_IOMAP);
	expect(id > 0, "to register what was opened with O_EXCL: %d", id);
	if (id > 0)
		expect(dev_inval(s, id) == 0, "and to drop its pages");
	close(held);
	close(fd);
	close(mem_fd);
}

void device_two_servers(struct server *s, const void *arg)
{
	static struct server second;
	struct manner manner = { };
	int fd = reopen(s->loop_fd, O_RDWR);

	server_prepare(&second, &manner, -1, -1);
	second.device = -1;
	if (server_start(&second))
		die("second server");
	refused("a second server registers the same device",
		register_fd(&second, fd, FUSE_BACKING_TYPE_IOMAP), EBUSY);
	server_end(&second);
	close(fd);
}

void device_twice(struct server *s, const void *arg)
{
	int id = register_fd(s, s->loop_fd, FUSE_BACKING_TYPE_IOMAP);
	int fd = file_open(s, O_RDONLY);

	expect(id > 0 || id == -EBUSY, "a server registers its device again: %d", id);
	expect(block_has(fd, 0, 0, BLOCK, 0), "and can be used");
	close(fd);
}

void device_readonly_two(struct server *s, const void *arg)
{
	static struct server second;
	struct manner manner = { };
	int mem_fd, rw_fd = device_open(&mem_fd), fd = reopen(rw_fd, O_RDONLY);

	server_prepare(&second, &manner, -1, -1);
	second.device = -1;
	if (server_start(&second))
		die("second server");
	expect(register_fd(s, fd, FUSE_BACKING_TYPE_IOMAP) > 0, "one registers it for reading");
	expect(register_fd(&second, fd, FUSE_BACKING_TYPE_IOMAP) > 0, "and so does another");
	server_end(&second);
	close(fd);
	close(rw_fd);
	close(mem_fd);
}

