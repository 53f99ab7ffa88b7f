// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits that need not, and what was found by reading the kernel's code.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <linux/capability.h>

#include "cases.h"

#ifndef FUSE_DEV_IOC_BACKING_CLOSE
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(229, 2, uint32_t)
#endif


static void bdi_value(struct server *s, const char *name, int right)
{
	char path[100], value[16] = "";
	struct stat st;
	FILE *f;

	if (stat(s->dir, &st))
		die("stat");
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/%s", major(st.st_dev),
		 minor(st.st_dev), name);
	f = fopen(path, "r");
	if (!f || !fgets(value, sizeof(value), f))
		die(path);
	fclose(f);
	expect(atoi(value) == right, "%s is %d", name, atoi(value));
}

void dirty_limits(struct server *s, const void *arg)
{
	bdi_value(s, "strict_limit", 0);
	bdi_value(s, "max_ratio", 100);
}

#define PARALLEL 4

/* All of them are asked about at the same time. */
void parallel_overwrites(struct server *s, const void *arg)
{
	int fd = file_open(s, O_RDWR | O_DIRECT);
	struct task *task[PARALLEL];
	unsigned int waiting;
	double start = now();

	write_block(fd, 0, 'd');	/* the kernel learns that there are no privileges */
	gate_close(s, &s->begin, FILE_NODE, FUSE_IOMAP_OP_DIRECT);
	for (int i = 0; i < PARALLEL; i++)
		task[i] = task_start("direct overwrite", do_write, s, fd, i * BLOCK);
	waiting = gate_reached(s, &s->begin, PARALLEL);
	expect(waiting == PARALLEL, "%u of %d direct overwrites are asked about after %.1f s",
	       waiting, PARALLEL, now() - start);
	gate_open(s, &s->begin);
	for (int i = 0; i < PARALLEL; i++)
		expect(task_end(task[i]) == BLOCK, "it ends");
	close(fd);
}

/* A file that had no privileges gets one, and loses it by a write. */
void privileges_later(struct server *s, const void *arg)
{
	static const uint32_t caps[5] = FILE_CAPS;
	int fd = file_open(s, O_RDWR | O_DIRECT);

	write_block(fd, 0, 'd');
	write_block(fd, 0, 'd');
	expect(seen(s).removed_xattrs == 0, "nothing to remove");
	expect(fsetxattr(fd, "security.capability", caps, sizeof(caps), 0) == 0,
	       "the file gets a capability");
	write_block(fd, 0, 'd');
	expect(seen(s).removed_xattrs == 1, "the next write removes it");
	close(fd);
}

/* ---- what was found by reading */

static void drop_capability(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps))
		die("capget");
	caps[CAP_TO_INDEX(cap)].effective &= ~CAP_TO_MASK(cap);
	if (syscall(SYS_capset, &head, caps))
		die("capset");
}

static int close_id(struct server *s, uint32_t id)
{
	return ioctl(s->fuse_fd, FUSE_DEV_IOC_BACKING_CLOSE, &id) ? -errno : 0;
}

/* In a thread of its own, which alone gives the capability up */
static void do_close_id(struct task *t)
{
	drop_capability(CAP_SYS_ADMIN);
	t->result = close_id(t->s, t->pos);
}

void passthrough_close(struct server *s, const void *arg)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600), id, second;

	id = register_fd(s, fd, FUSE_BACKING_TYPE_PASSTHROUGH);
	second = register_fd(s, fd, FUSE_BACKING_TYPE_PASSTHROUGH);
	expect(id > 0 && second > 0, "files are registered for passthrough");
	expect(close_id(s, second) == 0, "with CAP_SYS_ADMIN one can be closed");
	refused("with CAP_SYS_RAWIO alone", task_run("close", do_close_id, s, -1, id), EPERM);
	close(fd);
}

#define BLOCK_SIZE_CONFIG .flags = FUSE_IOMAP_CONFIG_BLOCKSIZE, .s_blocksize = BLOCK

const struct fuse_iomap_config_out good_config = { BLOCK_SIZE_CONFIG };
const struct fuse_iomap_config_out sid_config = {
	.flags = FUSE_IOMAP_CONFIG_SID, .s_id = "disk-0 (a)",
};
const struct fuse_iomap_config_out pad_config = { BLOCK_SIZE_CONFIG, .pad = 1 };
const struct fuse_iomap_config_out newline_config = {
	.flags = FUSE_IOMAP_CONFIG_SID, .s_id = "disk\nfuse: nothing is wrong",
};
const struct fuse_iomap_config_out escape_config = {
	.flags = FUSE_IOMAP_CONFIG_SID, .s_id = "disk\033[2J",
};

/* @arg: a configuration; it is refused unless it is one of the first two */
void configured(struct server *s, const void *arg)
{
	bool right = arg == &good_config || arg == &sid_config;
	int err;

	s->manner.config = arg;
	err = server_start(s);
	expect(!err == right, "the mount can be used: %s", err ? strerror(err) : "yes");
}

void copy_range(struct server *s, const void *arg)
{
	loff_t from = 2 * BLOCK, to = 8 * BLOCK;
	int fd = file_open(s, O_RDWR);
	ssize_t n;

	write_block(fd, 2, 'S');
	write_block(fd, 8, 'D');
	n = copy_file_range(fd, &from, fd, &to, BLOCK, 0);
	expect(n == BLOCK, "copy_file_range: %zd", n);
	expect(seen(s).copies == 1, "the server copied %u times", seen(s).copies);
	expect(!seen(s).copied_old_data, "what was written was on the device then");
	expect_data(s, fd, 8, 0, BLOCK, 'S');
	expect(fsync(fd) == 0, "fsync");
	expect_data(s, fd, 8, 0, BLOCK, 'S');
	expect_data(s, fd, 2, 0, BLOCK, 'S');
	close(fd);
}

/* Behind the end: the file grows, by the server's hand. */
void copy_range_grows(struct server *s, const void *arg)
{
	loff_t from = 2 * BLOCK, to = USUAL_SIZE;
	int fd = file_open(s, O_RDWR);
	ssize_t n;

	write_block(fd, 2, 'S');
	n = copy_file_range(fd, &from, fd, &to, BLOCK, 0);
	expect(n == BLOCK && seen(s).copies == 1, "copy_file_range: %zd, %u by the server", n,
	       seen(s).copies);
	expect_data(s, fd, USUAL_BLOCKS, 0, BLOCK, 'S');
	append_is_kept(s, fd, USUAL_SIZE + BLOCK);
	close(fd);
}

