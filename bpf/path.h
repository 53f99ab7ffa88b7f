/* SPDX-License-Identifier: GPL-2.0-only */
/* What a file is called, from its inode. */
#ifndef FUSEIOMAP_BPF_PATH_H
#define FUSEIOMAP_BPF_PATH_H

#include "kernel.h"
#include "fuseiomap.h"

/* Room to put a path together. */
struct path_room {
	struct fi_file file;
	char slack[FI_PATH_LEN];	/* a component may begin at the last byte */
};

static __always_inline struct dentry *alias_of(struct inode *inode)
{
	struct hlist_node *alias = BPF_CORE_READ(inode, i_dentry.first);
	unsigned long offset;

	if (!alias)
		return NULL;
	if (bpf_core_field_exists(struct dentry, d_alias))
		offset = bpf_core_field_offset(struct dentry, d_alias);
	else
		offset = bpf_core_field_offset(struct dentry___old, d_u.d_alias);
	return (void *)alias - offset;
}

static __always_inline __u64 inode_nodeid(struct inode *inode)
{
	/* The inode is the first member, as container_of() would find. */
	return BPF_CORE_READ((struct fuse_inode *)inode, nodeid);
}

#define PATH_COMPONENTS	16

/* The path in the order that struct fi_file says; parents can change meanwhile. */
static __noinline int fill_path(struct path_room *room, struct inode *inode)
{
	struct dentry *root = BPF_CORE_READ(inode, i_sb, s_root);
	struct dentry *at = alias_of(inode);
	__u32 len = 0;

	for (int i = 0; i < PATH_COMPONENTS && at && at != root; i++) {
		struct dentry *parent = BPF_CORE_READ(at, d_parent);
		long n;

		/* Unlinked, or not connected yet. */
		if (parent == at)
			break;
		asm volatile("" : "+r"(len));
		len &= FI_PATH_LEN - 1;
		n = bpf_probe_read_kernel_str(room->file.path + len, FI_PATH_LEN,
					      BPF_CORE_READ(at, d_name.name));
		if (n <= 0 || len + n >= FI_PATH_LEN)
			break;
		len += n;
		at = parent;
	}
	room->file.whole = at == root;
	room->file.len = len;
	return 0;
}

#endif
