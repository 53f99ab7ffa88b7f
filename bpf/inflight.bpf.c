// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists the FUSE requests that wait now, whenever they began: tracing could only
 * tell of those that begin later. The connections are those of all open files of
 * /dev/fuse; the requests hang in lists of the connection and of these files.
 *
 * No lock is taken, so a request may move on while we look. Whatever is read is
 * checked before it is believed, and user space looks again when a list did not
 * end where it should. A request that hangs does not move.
 */
#include "path.h"
#include "fuseiomap_inflight.h"

char LICENSE[] SEC("license") = "GPL";

/* A list longer than this is said not to have ended. */
#define MAX_REQUESTS	(1 << 16)
#define MAX_DEVICES	1024
#define MAX_QUEUES	1024		/* of io_uring: one per CPU */
#define HASH_LISTS	256		/* FUSE_PQ_HASH_SIZE */
#define MAX_INODES	(1 << 22)
#define FUSE_DEV_NR	(10 << 20 | 229)

/* ---- what we give to user space ------------------------------------------ */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} items SEC(".maps");

/* Connections that were walked in this run; the value is of no use. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} walked SEC(".maps");

/* Files that user space wants to know of. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fi_wait_file_key);
	__type(value, __u32);
} wanted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path_room);
} path_rooms SEC(".maps");

/* Set back by user space before each run. */
__u64 jiffies;			/* at the end of the run */
__u64 torn;			/* lists that did not end where they should */
__u64 full;			/* items that did not fit */

/* ---- requests ------------------------------------------------------------ */

/* One list of requests. */
struct walk {
	__u64 head;		/* address of the list's head */
	__u64 at;
	__u64 owner;		/* the channel (connection) that its requests belong to */
	__u32 dev;
	__u32 waits;
};

static __u64 owner_of(const struct fuse_req *req)
{
	const struct fuse_req___old *old = (void *)req;

	if (bpf_core_field_exists(req->chan))
		return (__u64)BPF_CORE_READ(req, chan);
	return (__u64)BPF_CORE_READ(old, fm, fc);
}

/* The one that sleeps until the request is answered. */
static void read_caller(struct fi_wait_request *r, const struct fuse_req *req)
{
	struct list_head *first = BPF_CORE_READ(req, waitq.head.next);
	__u64 head = (__u64)req + bpf_core_field_offset(struct fuse_req, waitq) +
		     bpf_core_field_offset(struct wait_queue_head, head);
	struct wait_queue_entry *e;
	struct task_struct *task;

	r->pid = r->tid = 0;
	r->comm[0] = '\0';
	if (!first || (__u64)first == head)
		return;
	e = (void *)first - bpf_core_field_offset(struct wait_queue_entry, entry);
	task = BPF_CORE_READ(e, private);
	if (!task)
		return;
	r->pid = BPF_CORE_READ(task, tgid);
	r->tid = BPF_CORE_READ(task, pid);
	BPF_CORE_READ_INTO(&r->comm, task, comm);
}

static void read_argument(struct fi_wait_request *r, const struct fuse_req *req)
{
	struct fuse_args *args = BPF_CORE_READ(req, args);
	__u32 size = BPF_CORE_READ(args, in_args[0].size);
	const void *value = BPF_CORE_READ(args, in_args[0].value);

	r->in_len = 0;
	__builtin_memset(&r->in, 0, sizeof(r->in));
	if (!BPF_CORE_READ(args, in_numargs) || !value)
		return;
	if (size > sizeof(r->in))
		size = sizeof(r->in);
	if (!bpf_probe_read_kernel(&r->in, size, value))
		r->in_len = size;
}

static __u32 wait_flags(unsigned long flags)
{
	__u32 f = 0;

	if (flags & 1UL << bpf_core_enum_value(enum fuse_req_flag, FR_FORCE))
		f |= FI_WAIT_FORCED;
	if (flags & 1UL << bpf_core_enum_value(enum fuse_req_flag, FR_INTERRUPTED))
		f |= FI_WAIT_INTERRUPTED;
	if (flags & 1UL << bpf_core_enum_value(enum fuse_req_flag, FR_BACKGROUND))
		f |= FI_WAIT_BACKGROUND;
	return f;
}

/* False: this is no request of the owner, so the list led us astray. */
static bool tell_request(const struct walk *w, const struct fuse_req *req)
{
	struct fi_wait_request *r;
	__u64 unique = BPF_CORE_READ(req, in.h.unique);

	if (owner_of(req) != w->owner)
		return false;
	r = bpf_ringbuf_reserve(&items, sizeof(*r), 0);
	if (!r) {
		full++;
		return true;
	}
	r->type = FI_WAIT_REQUEST;
	r->dev = w->dev;
	r->unique = unique;
	r->nodeid = BPF_CORE_READ(req, in.h.nodeid);
	r->opcode = BPF_CORE_READ(req, in.h.opcode);
	r->sender = BPF_CORE_READ(req, in.h.pid);
	r->flags = wait_flags(BPF_CORE_READ(req, flags));
	r->waits = w->waits;
	r->pad = 0;
	r->created = 0;
	if (bpf_core_field_exists(req->create_time))
		r->created = BPF_CORE_READ(req, create_time);
	/* Both copies are in one list; an answer has its header first. */
	if (w->waits == FI_WAITS_TAKEN && BPF_CORE_READ(req, out.h.unique) == unique)
		r->waits = FI_WAITS_ANSWER;
	read_caller(r, req);
	read_argument(r, req);
	/* Freed and used again while we read: what we have is of two requests. */
	if (BPF_CORE_READ(req, in.h.unique) != unique || owner_of(req) != w->owner) {
		bpf_ringbuf_discard(r, 0);
		return false;
	}
	bpf_ringbuf_submit(r, 0);
	return true;
}

static long next_request(__u32 i, struct walk *w)
{
	struct list_head *list = (void *)w->at;

	if (!w->at || w->at == w->head)
		return 1;
	if (!tell_request(w, (void *)(w->at - bpf_core_field_offset(struct fuse_req, list))))
		return 1;
	w->at = (__u64)BPF_CORE_READ(list, next);
	return 0;
}

static __noinline void walk_list(struct walk *w, __u64 head, __u32 waits)
{
	struct list_head *list = (void *)head;

	w->head = head;
	w->at = (__u64)BPF_CORE_READ(list, next);
	w->waits = waits;
	bpf_loop(MAX_REQUESTS, next_request, w, 0);
	if (w->at != head)
		torn++;
}

/* ---- the queues of a connection ------------------------------------------ */

struct hash_walk {
	struct walk *w;
	__u64 lists;
};

static long next_hash_list(__u32 i, struct hash_walk *h)
{
	__u64 head = h->lists + i * bpf_core_type_size(struct list_head);
	struct list_head *list = (void *)head;

	/* Most are empty. */
	if ((__u64)BPF_CORE_READ(list, next) != head)
		walk_list(h->w, head, FI_WAITS_SERVER);
	return 0;
}

/* What was taken by the threads that read one file of /dev/fuse, or one ring. */
static void walk_processing(struct walk *w, __u64 pq_at)
{
	struct fuse_pqueue *pq = (void *)pq_at;
	struct hash_walk h = { .w = w, .lists = (__u64)BPF_CORE_READ(pq, processing) };

	walk_list(w, pq_at + bpf_core_field_offset(struct fuse_pqueue, io), FI_WAITS_TAKEN);
	if (h.lists)
		bpf_loop(HASH_LISTS, next_hash_list, &h, 0);
}

struct device_walk {
	struct walk *w;
	__u64 head;
	__u64 at;
};

static long next_device(__u32 i, struct device_walk *d)
{
	struct list_head *list = (void *)d->at;

	if (!d->at || d->at == d->head)
		return 1;
	walk_processing(d->w, d->at - bpf_core_field_offset(struct fuse_dev, entry) +
			bpf_core_field_offset(struct fuse_dev, pq));
	d->at = (__u64)BPF_CORE_READ(list, next);
	return 0;
}

static void walk_devices(struct walk *w, __u64 head)
{
	struct list_head *list = (void *)head;
	struct device_walk d = { .w = w, .head = head, .at = (__u64)BPF_CORE_READ(list, next) };

	bpf_loop(MAX_DEVICES, next_device, &d, 0);
	if (d.at != head)
		torn++;
}

struct ring_walk {
	struct walk *w;
	struct fuse_ring_queue **queues;
};

static long next_queue(__u32 i, struct ring_walk *r)
{
	__u64 at = 0;

	bpf_probe_read_kernel(&at, sizeof(at), r->queues + i);
	if (!at)
		return 0;
	walk_list(r->w, at + bpf_core_field_offset(struct fuse_ring_queue, fuse_req_queue),
		  FI_WAITS_QUEUED);
	walk_list(r->w, at + bpf_core_field_offset(struct fuse_ring_queue, fuse_req_bg_queue),
		  FI_WAITS_HELD);
	walk_processing(r->w, at + bpf_core_field_offset(struct fuse_ring_queue, fpq));
	return 0;
}

static void walk_ring(struct walk *w, const struct fuse_ring *ring)
{
	struct ring_walk r = { .w = w };
	__u64 n;

	if (!ring || !bpf_core_field_exists(struct fuse_ring_queue, fuse_req_queue))
		return;
	n = BPF_CORE_READ(ring, nr_queues);
	r.queues = BPF_CORE_READ(ring, queues);
	if (r.queues)
		bpf_loop(n < MAX_QUEUES ? n : MAX_QUEUES, next_queue, &r, 0);
}

/* Queues first: a request moves from here to the devices, and is seen twice then. */
#define walk_queues(w, at, type)							\
	do {										\
		walk_list(w, (at) + bpf_core_field_offset(type, iq) +			\
			  bpf_core_field_offset(struct fuse_iqueue, pending),		\
			  FI_WAITS_QUEUED);						\
		walk_list(w, (at) + bpf_core_field_offset(type, bg_queue),		\
			  FI_WAITS_HELD);						\
		walk_devices(w, (at) + bpf_core_field_offset(type, devices));		\
	} while (0)

static void tell_connection(struct fi_wait_connection *to, __u32 server)
{
	to->type = FI_WAIT_CONNECTION;
	to->server = server;
	if (bpf_ringbuf_output(&items, to, sizeof(*to), 0))
		full++;
}

/* True if it has not been walked before. */
static bool mark_walked(__u64 owner)
{
	__u32 one = 1;

	return !bpf_map_update_elem(&walked, &owner, &one, BPF_NOEXIST);
}

static void look_at_channel(const struct fuse_chan *chan, __u32 server)
{
	struct walk w = { .owner = (__u64)chan };
	struct fi_wait_connection c = { 0 };

	c.dev = w.dev = BPF_CORE_READ(chan, conn, dev);
	c.waiting = BPF_CORE_READ(chan, num_waiting.counter);
	if (bpf_core_field_exists(chan->timeout))
		c.timeout = BPF_CORE_READ(chan, timeout.req_timeout);
	tell_connection(&c, server);
	if (!mark_walked(w.owner))
		return;
	walk_queues(&w, w.owner, struct fuse_chan);
	if (bpf_core_field_exists(chan->ring))
		walk_ring(&w, BPF_CORE_READ(chan, ring));
}

static void look_at_old_connection(const struct fuse_conn___old *fc, __u32 server)
{
	struct walk w = { .owner = (__u64)fc };
	struct fi_wait_connection c = { 0 };

	c.dev = w.dev = BPF_CORE_READ((struct fuse_conn *)fc, dev);
	c.waiting = BPF_CORE_READ(fc, num_waiting.counter);
	if (bpf_core_field_exists(fc->timeout))
		c.timeout = BPF_CORE_READ(fc, timeout.req_timeout);
	tell_connection(&c, server);
	if (!mark_walked(w.owner))
		return;
	walk_queues(&w, w.owner, struct fuse_conn___old);
	if (bpf_core_field_exists(fc->ring))
		walk_ring(&w, BPF_CORE_READ(fc, ring));
}

/* A file of /dev/fuse that is not, or no more, connected has 0 or 1 there. */
#define CONNECTED(p)	((__u64)(p) > 4096)

static struct fuse_dev *fuse_dev_of(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct fuse_dev *dev;

	if (!file || BPF_CORE_READ(file, f_inode, i_rdev) != FUSE_DEV_NR)
		return NULL;
	dev = BPF_CORE_READ(file, private_data);
	return CONNECTED(dev) ? dev : NULL;
}

SEC("iter/task_file")
int look_at_servers(struct bpf_iter__task_file *ctx)
{
	struct fuse_dev *dev = fuse_dev_of(ctx);
	struct task_struct *task = ctx->task;

	jiffies = bpf_jiffies64();
	if (!task || !dev)
		return 0;
	if (bpf_core_field_exists(dev->chan)) {
		struct fuse_chan *chan = BPF_CORE_READ(dev, chan);

		if (CONNECTED(chan))
			look_at_channel(chan, BPF_CORE_READ(task, tgid));
	} else {
		struct fuse_conn___old *fc = BPF_CORE_READ((struct fuse_dev___old *)dev, fc);

		if (CONNECTED(fc))
			look_at_old_connection(fc, BPF_CORE_READ(task, tgid));
	}
	return 0;
}

/* ---- their files --------------------------------------------------------- */

SEC("iter/task_file")
int look_at_files(struct bpf_iter__task_file *ctx)
{
	struct fi_wait_file_key key = { 0 };
	struct file *file = ctx->file;
	struct fuse_inode *fi;
	struct fi_wait_file *f;

	if (!file)
		return 0;
	fi = (void *)BPF_CORE_READ(file, f_inode) -
	     bpf_core_field_offset(struct fuse_inode, inode);
	key.dev = BPF_CORE_READ(fi, inode.i_sb, s_dev);
	key.nodeid = BPF_CORE_READ(fi, nodeid);
	/* Once per file is enough. */
	if (bpf_map_delete_elem(&wanted, &key))
		return 0;
	f = bpf_ringbuf_reserve(&items, sizeof(*f), 0);
	if (!f) {
		full++;
		return 0;
	}
	f->type = FI_WAIT_FILE;
	f->pad = 0;
	f->key = key;
	f->ino = BPF_CORE_READ(fi, inode.i_ino);
	f->isize = BPF_CORE_READ(fi, inode.i_size);
	if (bpf_d_path(&file->f_path, f->path, sizeof(f->path)) < 0)
		f->path[0] = '\0';
	bpf_ringbuf_submit(f, 0);
	return 0;
}

/*
 * What nobody has open any more, but is being written back: of all inodes that
 * the kernel keeps of these mounts. Takes long where they are many, so it comes
 * last, and only for what is still wanted.
 */
static void tell_inode(struct inode *inode, const struct fi_wait_file_key *key)
{
	__u32 zero = 0;
	struct path_room *room = bpf_map_lookup_elem(&path_rooms, &zero);
	struct fi_wait_inode *to;

	if (!room)
		return;
	room->file.nodeid = key->nodeid;
	fill_path(room, inode);
	to = bpf_ringbuf_reserve(&items, sizeof(*to), 0);
	if (!to) {
		full++;
		return;
	}
	to->type = FI_WAIT_INODE;
	to->pad = 0;
	to->key = *key;
	to->ino = BPF_CORE_READ(inode, i_ino);
	to->isize = BPF_CORE_READ(inode, i_size);
	bpf_probe_read_kernel(&to->file, sizeof(to->file), &room->file);
	bpf_ringbuf_submit(to, 0);
}

struct inode_walk {
	__u64 head;
	__u64 at;
	__u32 dev;
	__u32 pad;
};

static long next_inode(__u32 i, struct inode_walk *w)
{
	struct list_head *list = (void *)w->at;
	struct fi_wait_file_key key = { .dev = w->dev };
	struct inode *inode;
	__u64 next;

	if (!w->at || w->at == w->head)
		return 1;
	inode = (void *)w->at - bpf_core_field_offset(struct inode, i_sb_list);
	key.nodeid = inode_nodeid(inode);
	if (!bpf_map_delete_elem(&wanted, &key))
		tell_inode(inode, &key);
	next = (__u64)BPF_CORE_READ(list, next);
	/* Taken off the list while we were on it. */
	if (next == w->at)
		return 1;
	w->at = next;
	return 0;
}

static void walk_inodes(struct fuse_conn *fc)
{
	struct list_head *first = BPF_CORE_READ(fc, mounts.next);
	struct fuse_mount *fm = (void *)first - bpf_core_field_offset(struct fuse_mount, fc_entry);
	struct inode_walk w = { 0 };
	struct super_block *sb;
	struct list_head *list;

	if (!first || (__u64)first == (__u64)fc + bpf_core_field_offset(struct fuse_conn, mounts))
		return;
	sb = BPF_CORE_READ(fm, sb);
	if (!sb)
		return;
	w.dev = BPF_CORE_READ(sb, s_dev);
	w.head = (__u64)sb + bpf_core_field_offset(struct super_block, s_inodes);
	list = (void *)w.head;
	w.at = (__u64)BPF_CORE_READ(list, next);
	bpf_loop(MAX_INODES, next_inode, &w, 0);
}

SEC("iter/task_file")
int look_at_inodes(struct bpf_iter__task_file *ctx)
{
	struct fuse_dev *dev = fuse_dev_of(ctx);
	struct fuse_conn *fc;

	if (!dev)
		return 0;
	if (bpf_core_field_exists(dev->chan)) {
		struct fuse_chan *chan = BPF_CORE_READ(dev, chan);

		if (!CONNECTED(chan))
			return 0;
		fc = BPF_CORE_READ(chan, conn);
	} else {
		fc = (void *)BPF_CORE_READ((struct fuse_dev___old *)dev, fc);
	}
	if (CONNECTED(fc) && mark_walked((__u64)fc))
		walk_inodes(fc);
	return 0;
}
