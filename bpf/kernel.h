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

struct super_block {
	__u32 s_dev;
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
	struct hlist_head i_dentry;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
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

struct fuse_in_header {
	__u32 opcode;
	__u64 unique;
};

struct fuse_conn {
	__u32 dev;
};

struct fuse_chan {
	struct fuse_conn *conn;
};

struct fuse_req {
	struct {
		struct fuse_in_header h;
	} in;
	struct fuse_chan *chan;
};

/* Until 7.2 a request knew its mount. */
struct fuse_mount {
	struct fuse_conn *fc;
};

struct fuse_req___old {
	struct fuse_mount *fm;
};

#pragma clang attribute pop

/* Of Linux 6.10; older kernels call tracing programs with preemption off. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

#endif /* FUSEIOMAP_KERNEL_H */
