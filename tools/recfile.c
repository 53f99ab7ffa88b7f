// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "error.h"
#include "recfile.h"

/* Higher ones take longer, and make records no smaller: 33 bytes against 36 at 3. */
#define LEVEL	1

/* ---- items ---------------------------------------------------------------- */

static void *reserve(struct rec_items *t, size_t more)
{
	if (t->len + more > t->size) {
		t->size = (t->len + more) * 2;
		if (t->size < REC_BLOCK)
			t->size = REC_BLOCK;
		t->data = xrealloc(t->data, t->size);
	}
	t->len += more;
	return t->data + t->len - more;
}

static void add_head(struct rec_items *t, enum rec_type type)
{
	t->last = t->len;
	t->last_type = type;
	memcpy(reserve(t, sizeof(struct rec_item)), &(struct rec_item){ .type = type },
	       sizeof(struct rec_item));
}

static void append(struct rec_items *t, const void *data, size_t len)
{
	struct rec_item head;

	memcpy(reserve(t, len), data, len);
	memcpy(&head, t->data + t->last, sizeof(head));
	head.len += len;
	memcpy(t->data + t->last, &head, sizeof(head));
}

static bool is_list(enum rec_type type)
{
	return type == REC_RECORD || type == REC_OPEN || type == REC_SERVER;
}

void rec_add(struct rec_items *t, enum rec_type type, const void *data, size_t len)
{
	if (!t->len || type != t->last_type || !is_list(type))
		add_head(t, type);
	append(t, data, len);
	t->records += type == REC_RECORD;
}

/*
 * What a block can hold for certain, beside the records before it: nobody has that
 * many operations in flight, and the tick says how many there were.
 */
#define LIST_MAX	(REC_RAW_MAX / 4)

static __u32 add_list(struct rec_items *t, enum rec_type type, const void *list, size_t n)
{
	size_t size = rec_layouts[type].size;

	if (n > LIST_MAX / size)
		n = LIST_MAX / size;
	if (n)
		rec_add(t, type, list, n * size);
	return n;
}

void rec_add_tick(struct rec_items *t, const struct snapshot *s, __u32 reason)
{
	struct rec_tick tick = {
		.time_ns = s->time_ns, .missed = s->missed, .reason = reason,
		.splits = s->splits, .upstream = s->upstream,
	};

	rec_add(t, REC_LEDGER, &s->ledger, sizeof(s->ledger));
	tick.nr_open = add_list(t, REC_OPEN, s->open, s->nr_open);
	tick.nr_servers = add_list(t, REC_SERVER, s->server, s->nr_servers);
	rec_add(t, REC_TICK, &tick, sizeof(tick));
}

/* ---- entries of the catalog ----------------------------------------------- */

static void add_string(struct rec_items *t, const char *s)
{
	size_t len = strlen(s);

	append(t, s, len < REC_STRING_MAX ? len : REC_STRING_MAX);
	append(t, "", 1);
}

static void add_mount(struct rec_items *t, const void *entry)
{
	const struct mount *m = entry;
	struct rec_mount r = { .dev = m->dev, .server_pid = m->server_pid, .gone = m->gone };

	rec_add(t, REC_MOUNT, &r, sizeof(r));
	add_string(t, m->target);
	add_string(t, m->source);
	add_string(t, m->fstype);
	add_string(t, m->server_comm);
}

static void add_file(struct rec_items *t, const void *entry)
{
	const struct file *f = entry;
	struct rec_path r = { .dev = f->dev, .ino = f->ino, .nodeid = f->nodeid,
			      .whole = f->whole };

	rec_add(t, REC_FILE, &r, sizeof(r));
	add_string(t, f->path);
}

static void add_task(struct rec_items *t, const void *entry)
{
	const struct task *k = entry;
	struct rec_task r = { .tid = k->tid, .pid = k->pid };

	memcpy(r.comm, k->comm, sizeof(r.comm));
	memcpy(r.process, k->process, sizeof(r.process));
	rec_add(t, REC_TASK, &r, sizeof(r));
}

static void add_stack(struct rec_items *t, const void *entry)
{
	const struct stack *s = entry;
	struct rec_stack r = { .id = s->id, .user = s->user };

	rec_add(t, REC_STACK, &r, sizeof(r));
	add_string(t, s->frames);
}

void rec_add_entry(struct rec_items *t, enum catalog_kind kind, const void *entry)
{
	static void (*const add[])(struct rec_items *t, const void *entry) = {
		[CATALOG_MOUNT] = add_mount,
		[CATALOG_FILE] = add_file,
		[CATALOG_TASK] = add_task,
		[CATALOG_STACK] = add_stack,
	};

	add[kind](t, entry);
}

void rec_items_free(struct rec_items *t)
{
	free(t->data);
	*t = (struct rec_items){ 0 };
}

/* ---- blocks --------------------------------------------------------------- */

/* One context for all: making one costs more than packing a small block. */
static ZSTD_CCtx *context(void)
{
	static ZSTD_CCtx *cctx;

	if (!cctx)
		cctx = ZSTD_createCCtx();
	if (!cctx)
		abort();
	return cctx;
}

struct rec_block *rec_pack(struct rec_items *t)
{
	size_t bound = ZSTD_compressBound(t->len);
	struct rec_block *b = xcalloc(1, sizeof(*b) + bound);
	size_t n = ZSTD_compressCCtx(context(), b->data, bound, t->data, t->len, LEVEL);

	/* It is given all the room that it can need. */
	if (ZSTD_isError(n))
		abort();
	b->raw = t->len;
	b->stored = n;
	b->records = t->records;
	b->crc = rec_crc(b->data, n);
	t->len = 0;
	t->records = 0;
	return xrealloc(b, sizeof(*b) + n);
}

/* ---- files ---------------------------------------------------------------- */

/* What is there already must be a recording, or nothing that can be lost. */
static bool may_overwrite(const char *path)
{
	char head[REC_DETECT];
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (stat(path, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, head, sizeof(head));
		close(fd);
	}
	return n > 0 && rec_is_recording(head, n);
}

static void put(struct rec_file *f, const struct iovec *iov, int n)
{
	struct iovec left[2];
	struct iovec *v = left;

	memcpy(left, iov, n * sizeof(*iov));
	while (n && !f->error) {
		ssize_t done = writev(f->fd, v, n);

		if (done < 0 && errno != EINTR)
			f->error = errno;
		if (done < 0)
			continue;
		f->bytes += done;
		for (; n && (size_t)done >= v->iov_len; v++, n--)
			done -= v->iov_len;
		if (!n)
			break;
		v->iov_base = (char *)v->iov_base + done;
		v->iov_len -= done;
	}
}

int rec_create(struct rec_file *f, const char *path, bool fresh)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | (fresh ? O_EXCL : 0);
	struct rec_file_head head;

	*f = (struct rec_file){ .path = path, .fd = -1 };
	if (!fresh && !may_overwrite(path))
		return complain(FI_FAILED, "'%s' exists and is no recording; remove it, or name another file",
				path);
	f->fd = open(path, flags, 0644);
	if (f->fd < 0 && errno == EEXIST)
		return -EEXIST;
	if (f->fd < 0)
		return complain(FI_FAILED, "cannot write '%s': %s", path, strerror(errno));
	rec_file_head_make(&head);
	put(f, &(struct iovec){ &head, sizeof(head) }, 1);
	return 0;
}

void rec_write(struct rec_file *f, const struct rec_block *b)
{
	struct rec_block_head head = {
		.magic = REC_BLOCK_MAGIC, .records_before = f->records, .seq = f->seq,
		.records = b->records, .raw = b->raw, .stored = b->stored,
		.compression = REC_ZSTD, .crc = b->crc,
	};

	head.head_crc = rec_crc(&head, offsetof(struct rec_block_head, head_crc));
	put(f, (struct iovec[]){ { &head, sizeof(head) },
				 { (void *)b->data, b->stored } }, 2);
	f->seq++;
	f->records += b->records;
}

int rec_finish(struct rec_file *f)
{
	if (f->fd < 0)
		return f->error;
	/* Not every kind of file can be synced; a disk that is full says so here, too. */
	if (fsync(f->fd) && errno != EINVAL && errno != EROFS && !f->error)
		f->error = errno;
	if (close(f->fd) && !f->error)
		f->error = errno;
	f->fd = -1;
	return f->error;
}
