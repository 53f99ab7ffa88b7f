// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it takes to mount, and operations on files: each of them once for each place
 * in fuse where something can fail, with a failure at that place (an allocation, a
 * copy from or to the process, a request to a disk): /proc/PID/fail-nth, see
 * Documentation/fault-injection/fault-injection.rst.
 *
 *   failnth mount DEVICE DIRECTORY	it is the server of DIRECTORY itself
 *   failnth files DIRECTORY		on a mount
 *
 * Whatever fails, an operation returns an error or has done its work, and each byte
 * of the file is as it was or as it was to be. Wants a kernel with fault injection,
 * whose filters let only fuse fail (see inject.bash).
 *
 * Prints a line for each operation. Exit status: 0, 1 something else was seen, or in
 * an operation there was no place to fail, 2 the test itself cannot go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fuse.h>

#include "fuse_iomap_abi.h"
#include "fuse_newer.h"

#define BLOCK	4096
#define WRITTEN	(8 * BLOCK)		/* data */
#define HOLE	(12 * BLOCK)		/* nothing from there on, till */
#define PREALLOC (16 * BLOCK)		/* allocated, not written, to */
#define SIZE	(20 * BLOCK)
#define ROOM	(24 * BLOCK)		/* what no operation goes beyond */
#define MOST	2000			/* failures in one operation: it does not end */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "failnth: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Failures */

static int control = -1;		/* fail-nth of the one thread */

/* Let the @n-th chance of this thread fail, 0: none. Returns how many are left. */
static unsigned long fail_nth(unsigned long n)
{
	char text[24];
	unsigned long left;
	ssize_t len = pread(control, text, sizeof(text) - 1, 0);

	if (len < 0)
		die("fail-nth");
	text[len] = '\0';
	left = strtoul(text, NULL, 0);
	len = snprintf(text, sizeof(text), "%lu", n);
	if (pwrite(control, text, len, 0) != len)
		die("fail-nth");
	return left;
}

/* @n: the failures up to the first that was not reached. Returns whether all is fine. */
static bool walked(const char *name, bool fine, unsigned long n, unsigned long errors)
{
	if (!fine)
		printf("%s: with failure %lu\n", name, n);
	else if (n < 2)
		printf("%s: there is no place to fail\n", name);
	else if (n == MOST)
		printf("%s: does not end\n", name);
	printf("%s: %lu failures, %lu errors\n", name, n - 1, errors);
	return fine && n > 1 && n < MOST;
}

/* Operations on a file */

struct file {
	int fd, direct;			/* both open for reading and writing */
	unsigned char old[ROOM], new[ROOM];
	off_t old_size, new_size;
};

static unsigned char *buffer;		/* ROOM bytes, aligned for direct I/O */

/*
 * Names that were not used before: when the server has made or removed one and the
 * kernel could not take note of it, lookups may be wrong until they time out.
 */
static char name[32], other[32];

/* What operations do: the return value is as that of a system call. */

static int op_create(struct file *f)
{
	int fd = open(other, O_CREAT | O_EXCL | O_RDWR, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int op_open(struct file *f)
{
	int fd = open(name, O_RDWR);

	return fd < 0 ? -1 : close(fd);
}

static int op_rename(struct file *f) { return rename(name, other); }

static int op_unlink(struct file *f) { return unlink(name); }

/* all of a write, or an error: that of the part which is missing is of no concern here */
static int all(ssize_t n, ssize_t len)
{
	if (n >= 0 && n < len)
		errno = EIO;
	return n < len ? -1 : 0;
}

static int put(struct file *f, int fd, off_t off, size_t len)
{
	memset(f->new + off, 'n', len);
	if (f->new_size < (off_t)(off + len))
		f->new_size = off + len;
	memset(buffer, 'n', len);
	return all(pwrite(fd, buffer, len, off), len);
}

static int op_overwrite(struct file *f) { return put(f, f->fd, 3000, 10000); }

static int op_fill(struct file *f) { return put(f, f->fd, HOLE + 100, BLOCK); }

static int op_convert(struct file *f) { return put(f, f->fd, PREALLOC + 100, BLOCK); }

static int op_append(struct file *f) { return put(f, f->fd, SIZE, 5000); }

static int op_write_back(struct file *f)
{
	return put(f, f->fd, HOLE - 100, 9000) ?: fsync(f->fd);
}

static int op_direct_overwrite(struct file *f) { return put(f, f->direct, BLOCK, 2 * BLOCK); }

static int op_direct_fill(struct file *f) { return put(f, f->direct, HOLE, 2 * BLOCK); }

static int op_direct_append(struct file *f) { return put(f, f->direct, SIZE, 2 * BLOCK); }

static int get(struct file *f, int fd, off_t off, size_t len)
{
	ssize_t n = pread(fd, buffer, len, off);

	if (n > 0 && memcmp(buffer, f->old + off, n)) {
		printf("read %zd bytes at %#lx: not what was written\n", n, (long)off);
		exit(1);
	}
	return all(n, len);
}

static int op_read(struct file *f) { return get(f, f->fd, 0, SIZE); }

static int op_direct_read(struct file *f) { return get(f, f->direct, 0, SIZE); }

static sigjmp_buf bus_error;

static void on_bus_error(int signal) { siglongjmp(bus_error, 1); }

/* @write: change the byte at @off, else look at it */
static int map(struct file *f, off_t off, bool write)
{
	volatile unsigned char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	volatile int ret = 0;

	if (p == MAP_FAILED)
		return -1;
	if (write)
		f->new[off] = 'm';
	if (sigsetjmp(bus_error, 1)) {
		errno = EFAULT;
		ret = -1;
	} else if (write) {
		p[off] = 'm';
	} else if (p[off] != f->old[off]) {
		printf("mapped byte at %#lx: not what was written\n", (long)off);
		exit(1);
	}
	munmap((void *)p, SIZE);
	return ret;
}

static int op_map_read(struct file *f) { return map(f, 5 * BLOCK + 17, false); }

static int op_map_write(struct file *f) { return map(f, HOLE + 17, true); }

static int resize(struct file *f, off_t size)
{
	memset(f->new + size, 0, ROOM - size);
	f->new_size = size;
	return ftruncate(f->fd, size);
}

static int op_cut(struct file *f) { return resize(f, 3 * BLOCK + 1000); }

static int op_grow(struct file *f) { return resize(f, SIZE + BLOCK + 1000); }

static int change(struct file *f, int mode, off_t off, size_t len)
{
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(f->new + off, 0, len);
	else
		f->new_size = off + len;
	return fallocate(f->fd, mode, off, len);
}

static int op_punch(struct file *f)
{
	return change(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 3 * BLOCK);
}

static int op_zero(struct file *f) { return change(f, FALLOC_FL_ZERO_RANGE, 1000, 3 * BLOCK); }

static int op_allocate(struct file *f) { return change(f, 0, HOLE, SIZE + BLOCK - HOLE); }

static int op_copy(struct file *f)
{
	off_t from = 0, to = HOLE;

	memcpy(f->new + to, f->old + from, 5000);
	return all(copy_file_range(f->fd, &from, f->fd, &to, 5000, 0), 5000);
}

static int op_fiemap(struct file *f)
{
	struct { struct fiemap map; struct fiemap_extent extents[16]; } m = {
		.map = { .fm_length = SIZE, .fm_extent_count = 16 },
	};

	return ioctl(f->fd, FS_IOC_FIEMAP, &m.map);
}

static int op_seek(struct file *f)
{
	const off_t off = lseek(f->fd, 0, SEEK_HOLE);

	if (off >= 0 && off < WRITTEN) {
		printf("there is no hole at %#lx\n", (long)off);
		exit(1);
	}
	return off < 0 ? -1 : 0;
}

static const struct op {
	const char *name;
	int (*run)(struct file *f);
} ops[] = {
	{ "create", op_create }, { "open", op_open }, { "rename", op_rename },
	{ "unlink", op_unlink }, { "overwrite", op_overwrite }, { "fill a hole", op_fill },
	{ "convert unwritten", op_convert }, { "append", op_append },
	{ "write back", op_write_back }, { "direct overwrite", op_direct_overwrite },
	{ "direct fill", op_direct_fill }, { "direct append", op_direct_append },
	{ "read", op_read }, { "direct read", op_direct_read }, { "mapped read", op_map_read },
	{ "mapped write", op_map_write }, { "cut", op_cut }, { "grow", op_grow },
	{ "punch", op_punch }, { "zero", op_zero }, { "allocate", op_allocate },
	{ "copy", op_copy }, { "fiemap", op_fiemap }, { "seek", op_seek },
};

/* A file with data, a hole, and blocks not written, all of it on the device. */
static void make(struct file *f)
{
	static unsigned int used;

	unlink(name);
	unlink(other);
	snprintf(name, sizeof(name), "file-%u", used);
	snprintf(other, sizeof(other), "other-%u", used++);
	f->fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	f->direct = open(name, O_RDWR | O_DIRECT);
	if (f->fd < 0 || f->direct < 0)
		die("open");
	memset(f->old, 0, ROOM);
	memset(f->old, 'o', WRITTEN);
	f->old_size = SIZE;
	memcpy(f->new, f->old, ROOM);
	f->new_size = f->old_size;
	if (pwrite(f->fd, f->old, WRITTEN, 0) != WRITTEN || ftruncate(f->fd, SIZE) ||
	    fallocate(f->fd, FALLOC_FL_KEEP_SIZE, PREALLOC, SIZE - PREALLOC) || fsync(f->fd))
		die("make a file");
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Each byte old or new, @done: new. Returns whether it is so. */
static bool check(const struct file *f, int fd, bool done, const char *where)
{
	struct stat st;
	ssize_t n;

	memset(buffer, 0, ROOM);
	n = pread(fd, buffer, ROOM, 0);
	if (n < 0 || fstat(fd, &st))
		die("read");
	if (done ? st.st_size != f->new_size :
	    st.st_size != f->old_size &&
	    (st.st_size < f->old_size ? st.st_size != f->new_size : st.st_size > f->new_size)) {
		printf("%s: size %#lx, was %#lx, to be %#lx\n", where, (long)st.st_size,
		       (long)f->old_size, (long)f->new_size);
		return false;
	}
	for (size_t i = 0; i < ROOM; i++) {
		if (buffer[i] != f->new[i] && (done || buffer[i] != f->old[i])) {
			printf("%s: byte %#zx is %#x, was %#x, to be %#x\n", where, i,
			       buffer[i], f->old[i], f->new[i]);
			return false;
		}
	}
	return true;
}

static bool walk_op(const struct op *op)
{
	static struct file file;
	unsigned long n, errors = 0;
	bool fine = true, reached = true;

	for (n = 0; reached && fine && n < MOST; n++) {
		int ret, err, synced;

		make(&file);
		fail_nth(n + 1);
		ret = op->run(&file);
		err = errno;
		reached = fail_nth(0) == 0;
		errors += ret != 0;
		if (ret && !reached) {
			printf("%s: %s, and nothing was made to fail\n", op->name, strerror(err));
			fine = false;
		}
		fine = fine && check(&file, file.fd, !ret, op->name);
		/* What could not be written back is told, and old. */
		synced = fsync(file.fd);
		if (synced && !reached) {
			printf("%s: fsync: %s\n", op->name, strerror(errno));
			fine = false;
		}
		posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
		fine = fine && check(&file, file.direct, !ret && !synced, "on the device");
		close(file.direct);
		close(file.fd);
	}
	return walked(op->name, fine, n, errors);
}

static bool walk_files(const char *dir)
{
	const struct sigaction bus = { .sa_handler = on_bus_error };
	bool fine = true;

	if (chdir(dir) || sigaction(SIGBUS, &bus, NULL) ||
	    posix_memalign((void **)&buffer, BLOCK, ROOM))
		die(dir);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		fine &= walk_op(&ops[i]);
	return fine;
}

/* A mount, step by step, served by this thread: mount(2) does not wait for INIT. */

struct session {
	const char *device, *dir;
	int fuse, dev, id;		/* id: of the backing device */
	bool mounted;
};

/* All steps return 0, or -1 and errno. */

static int step_open(struct session *s)
{
	s->fuse = open("/dev/fuse", O_RDWR | O_NONBLOCK);
	return s->fuse < 0 ? -1 : 0;
}

static int step_support(struct session *s)
{
	struct fuse_iomap_support support;

	return ioctl(s->fuse, FUSE_DEV_IOC_IOMAP_SUPPORT, &support);
}

static int step_mount(struct session *s)
{
	char options[100];
	int ret;

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", s->fuse);
	ret = mount("failnth", s->dir, "fuse.failnth", MS_NOSUID | MS_NODEV, options);
	s->mounted = !ret;
	return ret;
}

/* Answer the next request, which is @opcode. It is there already, or never comes. */
static int answer(struct session *s, uint32_t opcode, void *data, size_t len)
{
	static char request[FUSE_MIN_READ_BUFFER];
	const struct fuse_in_header *in = (void *)request;
	struct fuse_out_header out = { .len = sizeof(out) + len };
	const struct iovec iov[] = { { &out, sizeof(out) }, { data, len } };

	if (read(s->fuse, request, sizeof(request)) < 0)
		return -1;
	if (in->opcode != opcode) {
		errno = EPROTO;
		return -1;
	}
	out.unique = in->unique;
	return writev(s->fuse, iov, 2) < 0 ? -1 : 0;
}

static int step_init(struct session *s)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
		.flags = FUSE_INIT_EXT,
		.flags2 = FUSE_IOMAP >> 32,
	};

	return answer(s, FUSE_INIT, &out, sizeof(out));
}

static int step_config(struct session *s)
{
	struct fuse_iomap_config_out out = {
		.flags = FUSE_IOMAP_CONFIG_BLOCKSIZE,
		.s_blocksize = BLOCK,
	};

	return answer(s, FUSE_IOMAP_CONFIG, &out, sizeof(out));
}

static int step_backing(struct session *s)
{
	struct fuse_backing_map map = { .flags = FUSE_BACKING_TYPE_IOMAP };

	s->dev = open(s->device, O_RDWR | O_EXCL);	/* a claim of its own, as of iomapfs */
	if (s->dev < 0)
		die(s->device);
	map.fd = s->dev;
	s->id = ioctl(s->fuse, FUSE_DEV_IOC_BACKING_OPEN, &map);
	return s->id < 0 ? -1 : 0;
}

static int step_block_size(struct session *s)
{
	struct fuse_iomap_backing_info info = { .backing_id = s->id, .blocksize = BLOCK };

	return ioctl(s->fuse, FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE, &info);
}

static int step_nofs(struct session *s)
{
	uint32_t off = 0;

	return ioctl(s->fuse, FUSE_DEV_IOC_SET_NOFS, &off);
}

static const struct step {
	const char *name;
	int (*run)(struct session *s);
	bool safe;			/* there is no place to fail */
} steps[] = {
	{ "open /dev/fuse", step_open },
	{ "IOMAP_SUPPORT", step_support },
	{ "mount", step_mount },
	{ "INIT", step_init },
	{ "CONFIG", step_config, .safe = true },
	{ "BACKING_OPEN", step_backing },
	{ "IOMAP_SET_BLOCKSIZE", step_block_size },
	{ "SET_NOFS", step_nofs, .safe = true },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/*
 * All steps, with the @n-th failure in step @at. Returns the error of that step, and
 * in *@reached whether it came to the failure; if not, all the others have to succeed.
 */
static int try_mount(struct session s, size_t at, unsigned long n, bool *reached, bool *fine)
{
	int ret = 0, here;

	s.fuse = s.dev = -1;
	*reached = false;
	for (size_t i = 0; i < STEPS; i++) {
		if (i == at)
			fail_nth(n);
		here = steps[i].run(&s) ? errno : 0;
		if (i == at) {
			*reached = fail_nth(0) == 0;
			ret = here;
		}
		if (here && !*reached) {
			printf("%s: %s, and nothing was made to fail\n", steps[i].name, strerror(here));
			*fine = false;
		}
		if (here)
			break;
	}
	/* Aborts what is open, so that unmounting waits for nobody. */
	if (s.fuse >= 0)
		close(s.fuse);
	if (s.dev >= 0)
		close(s.dev);
	if (s.mounted && umount(s.dir))
		die("umount");
	return ret;
}

static bool walk_mount(const char *device, const char *dir)
{
	const struct session session = { .device = device, .dir = dir };
	bool all_fine = true;

	for (size_t at = 0; at < STEPS; at++) {
		unsigned long n, errors = 0;
		bool fine = true, reached = true;

		if (steps[at].safe)
			continue;
		for (n = 0; reached && fine && n < MOST; n++)
			errors += try_mount(session, at, n + 1, &reached, &fine) != 0;
		all_fine &= walked(steps[at].name, fine, n, errors);
	}
	return all_fine;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const bool mounts = !strcmp(what, "mount") && argc == 4;

	if (!mounts && (strcmp(what, "files") || argc != 3)) {
		fputs("usage: failnth mount DEVICE DIRECTORY | failnth files DIRECTORY\n", stderr);
		return 2;
	}
	setlinebuf(stdout);
	control = open("/proc/thread-self/fail-nth", O_RDWR);
	if (control < 0)
		die("fail-nth (CONFIG_FAULT_INJECTION)");
	return !(mounts ? walk_mount(argv[2], argv[3]) : walk_files(argv[2]));
}
