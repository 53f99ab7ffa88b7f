/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that the programs read. Only the fields used are named;
 * libbpf finds their real offsets when it loads the object.
 */
#ifndef FUSEIOMAP_KERNEL_H
#define FUSEIOMAP_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

typedef long long loff_t;
typedef long ssize_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dentry;

typedef struct {
	int counter;
} atomic_t;

struct list_head {
	struct list_head *next;
};

struct super_block {
	__u32 s_dev;
	struct dentry *s_root;
	struct list_head s_inodes;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct inode {
	struct super_block *i_sb;
	__u64 i_ino;
	loff_t i_size;
	__u32 i_rdev;
	struct hlist_head i_dentry;
	struct list_head i_sb_list;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct qstr {
	__u64 hash_len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct hlist_node d_alias;
};

/* Until 7.0 the alias list was inside a union. */
struct dentry___old {
	struct {
		struct hlist_node d_alias;
	} d_u;
};

struct fuse_inode {
	struct inode inode;
	__u64 nodeid;
};

struct iomap {
	__u64 addr;
	loff_t offset;
	__u64 length;
	__u16 type;
	__u16 flags;
};

struct iomap_iter {
	int status;
	struct iomap iomap;
};

struct wait_queue_entry {
	void *private;
	struct list_head entry;
};

typedef struct wait_queue_head {
	struct list_head head;
} wait_queue_head_t;

struct fuse_in_header {
	__u32 opcode;
	__u64 unique;
	__u64 nodeid;
	__u32 pid;
};

struct fuse_out_header {
	__s32 error;
	__u64 unique;
};

struct fuse_in_arg {
	unsigned int size;
	const void *value;
};

struct fuse_args {
	__u8 in_numargs;
	struct fuse_in_arg in_args[1];
};

struct fuse_iqueue {
	struct list_head pending;
};

struct fuse_pqueue {
	struct list_head *processing;
	struct list_head io;
};

struct fuse_ring_queue {
	struct list_head fuse_req_queue;
	struct list_head fuse_req_bg_queue;
	struct fuse_pqueue fpq;
};

struct fuse_ring {
	unsigned long nr_queues;
	struct fuse_ring_queue **queues;
};

struct fuse_conn {
	__u32 dev;
	struct list_head mounts;
};

struct fuse_chan {
	struct fuse_conn *conn;
	struct fuse_iqueue iq;
	struct list_head devices;
	struct list_head bg_queue;
	atomic_t num_waiting;
	struct fuse_ring *ring;
	struct {
		unsigned int req_timeout;
	} timeout;
};

struct fuse_dev {
	struct fuse_chan *chan;
	struct fuse_pqueue pq;
	struct list_head entry;
};

struct fuse_req {
	struct list_head list;
	struct fuse_args *args;
	unsigned long flags;
	struct {
		struct fuse_in_header h;
	} in;
	struct {
		struct fuse_out_header h;
	} out;
	wait_queue_head_t waitq;
	struct fuse_chan *chan;
	unsigned long create_time;
};

enum fuse_req_flag {
	FR_FORCE = 1,
	FR_BACKGROUND = 2,
	FR_INTERRUPTED = 5,
};

struct fuse_mount {
	struct fuse_conn *fc;
	struct super_block *sb;
	struct list_head fc_entry;
};

/* Until 7.2 there was no channel: the queues were in the connection. */
struct fuse_conn___old {
	struct fuse_iqueue iq;
	struct list_head devices;
	struct list_head bg_queue;
	atomic_t num_waiting;
	struct fuse_ring *ring;
	struct {
		unsigned int req_timeout;
	} timeout;
};

struct fuse_dev___old {
	struct fuse_conn___old *fc;
};

/* And a request knew its mount. */
struct fuse_req___old {
	struct fuse_mount *fm;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct signal_struct {
	struct sigpending shared_pending;
};

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	sigset_t blocked;
	struct sigpending pending;
	char comm[16];
};

struct bpf_iter__task_file {
	struct task_struct *task;
	struct file *file;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* Of Linux 6.10; older kernels call tracing programs with preemption off. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

#endif /* FUSEIOMAP_KERNEL_H */
