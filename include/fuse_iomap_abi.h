/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuse-iomap wire format, as user space sees it.
 *
 * Numbers and layouts are those of the posted series (v7); the one difference
 * is the INIT bit, see FUSE_IOMAP below. Released <linux/fuse.h> has none of
 * this. The same definitions stand in the kernel series in
 * include/uapi/linux/fuse.h, and `make check` compares the two.
 *
 * Included by the BPF programs too, so it needs nothing but kernel headers.
 * Offsets, lengths and addresses are in bytes unless a name says otherwise.
 */
#ifndef FUSE_IOMAP_ABI_H
#define FUSE_IOMAP_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * INIT flag "the kernel offers / the server wants iomap". The posted series
 * uses bit 43, which Linux 7.3 gave to FUSE_HAS_IO_URING_BUFPOOL; 44 is free.
 */
#define FUSE_IOMAP		(1ULL << 44)

/* Opcodes. */
#define FUSE_IOMAP_CONFIG	4092
#define FUSE_IOMAP_IOEND	4093
#define FUSE_IOMAP_BEGIN	4094
#define FUSE_IOMAP_END		4095

/* fuse_iomap_io.type */
#define FUSE_IOMAP_TYPE_HOLE		0
#define FUSE_IOMAP_TYPE_DELALLOC	1
#define FUSE_IOMAP_TYPE_MAPPED		2
#define FUSE_IOMAP_TYPE_UNWRITTEN	3
#define FUSE_IOMAP_TYPE_INLINE		4
#define FUSE_IOMAP_TYPE_NOCACHE		253
#define FUSE_IOMAP_TYPE_RETRY_CACHE	254
/* Only as the write mapping: "write where the read mapping says". */
#define FUSE_IOMAP_TYPE_PURE_OVERWRITE	255

#define FUSE_IOMAP_DEV_NULL	0U		/* fuse_iomap_io.dev: no device */
#define FUSE_IOMAP_NULL_ADDR	(-1ULL)		/* fuse_iomap_io.addr: no address */

/* fuse_iomap_io.flags */
#define FUSE_IOMAP_F_NEW		(1U << 0)
#define FUSE_IOMAP_F_DIRTY		(1U << 1)
#define FUSE_IOMAP_F_SHARED		(1U << 2)
#define FUSE_IOMAP_F_MERGED		(1U << 3)
#define FUSE_IOMAP_F_BOUNDARY		(1U << 4)
#define FUSE_IOMAP_F_ANON_WRITE		(1U << 5)
#define FUSE_IOMAP_F_ATOMIC_BIO		(1U << 6)
#define FUSE_IOMAP_F_WANT_IOMAP_END	(1U << 7)
/* Only towards the server, in END. */
#define FUSE_IOMAP_F_SIZE_CHANGED	(1U << 8)
#define FUSE_IOMAP_F_STALE		(1U << 9)

/* fuse_iomap_begin_in.opflags, fuse_iomap_end_in.opflags; 0 is a read */
#define FUSE_IOMAP_OP_WRITE		(1U << 0)
#define FUSE_IOMAP_OP_ZERO		(1U << 1)
#define FUSE_IOMAP_OP_REPORT		(1U << 2)
#define FUSE_IOMAP_OP_FAULT		(1U << 3)
#define FUSE_IOMAP_OP_DIRECT		(1U << 4)
#define FUSE_IOMAP_OP_NOWAIT		(1U << 5)
#define FUSE_IOMAP_OP_OVERWRITE_ONLY	(1U << 6)
#define FUSE_IOMAP_OP_UNSHARE		(1U << 7)
#define FUSE_IOMAP_OP_DAX		(1U << 8)
#define FUSE_IOMAP_OP_ATOMIC		(1U << 9)
#define FUSE_IOMAP_OP_DONTCACHE		(1U << 10)
#define FUSE_IOMAP_OP_SWAPFILE		(1U << 30)
#define FUSE_IOMAP_OP_WRITEBACK		(1U << 31)

/* fuse_iomap_ioend_in.flags */
#define FUSE_IOMAP_IOEND_SHARED		(1U << 0)
#define FUSE_IOMAP_IOEND_UNWRITTEN	(1U << 1)
#define FUSE_IOMAP_IOEND_BOUNDARY	(1U << 2)
#define FUSE_IOMAP_IOEND_DIRECT		(1U << 3)
#define FUSE_IOMAP_IOEND_APPEND		(1U << 4)
#define FUSE_IOMAP_IOEND_WRITEBACK	(1U << 5)
#define FUSE_IOMAP_IOEND_SWAPOFF	(1U << 6)

/* fuse_attr.flags: switch iomap on for an inode; IOMAP needs EXCLUSIVE. */
#define FUSE_ATTR_EXCLUSIVE	(1U << 2)
#define FUSE_ATTR_IOMAP		(1U << 3)
#define FUSE_ATTR_ATOMIC	(1U << 4)	/* not supported yet */
/* Enforced by the kernel, with or without iomap. */
#define FUSE_ATTR_SYNC		(1U << 5)
#define FUSE_ATTR_IMMUTABLE	(1U << 6)
#define FUSE_ATTR_APPEND	(1U << 7)

/* fuse_iomap_config_in.flags: can be set; fuse_iomap_config_out.flags: is set */
#define FUSE_IOMAP_CONFIG_SID		(1ULL << 0)
#define FUSE_IOMAP_CONFIG_UUID		(1ULL << 1)
#define FUSE_IOMAP_CONFIG_BLOCKSIZE	(1ULL << 2)
#define FUSE_IOMAP_CONFIG_MAX_LINKS	(1ULL << 3)
#define FUSE_IOMAP_CONFIG_TIME		(1ULL << 4)
#define FUSE_IOMAP_CONFIG_MAXBYTES	(1ULL << 5)
#define FUSE_IOMAP_CONFIG_CACHE_MAXBYTES (1ULL << 6)

/* Notification: fuse_out_header.error */
#define FUSE_NOTIFY_IOMAP_DEV_INVAL	99
#define FUSE_NOTIFY_IOMAP_UPSERT_MAPPINGS	100
#define FUSE_NOTIFY_IOMAP_INVAL_MAPPINGS	101

/* fuse_iomap_support.flags */
#define FUSE_IOMAP_SUPPORT_FILEIO	(1ULL << 0)
#define FUSE_IOMAP_SUPPORT_ATOMIC	(1ULL << 1)

/* fuse_backing_map.flags of FUSE_DEV_IOC_BACKING_OPEN: what the fd is for. */
#define FUSE_BACKING_TYPE_MASK		0xffU
#define FUSE_BACKING_TYPE_PASSTHROUGH	0U
#define FUSE_BACKING_TYPE_IOMAP		1U

/* One mapping: file range [offset, offset + length) and where it is. */
struct fuse_iomap_io {
	__u64 offset;	/* in the file */
	__u64 length;
	__u64 addr;	/* on the device, or FUSE_IOMAP_NULL_ADDR */
	__u16 type;	/* FUSE_IOMAP_TYPE_* */
	__u16 flags;	/* FUSE_IOMAP_F_* */
	__u32 dev;	/* backing id, or FUSE_IOMAP_DEV_NULL */
};

struct fuse_iomap_begin_in {
	__u32 opflags;
	__u32 reserved;
	__u64 attr_ino;	/* fuse_attr.ino */
	__u64 pos;
	__u64 count;
};

struct fuse_iomap_begin_out {
	struct fuse_iomap_io read;	/* where the data is now */
	struct fuse_iomap_io write;	/* where data written goes */
};

struct fuse_iomap_end_in {
	__u32 opflags;
	__u32 reserved;
	__u64 attr_ino;
	__u64 pos;
	__u64 count;
	__s64 written;	/* bytes done, or a negative errno */
	struct fuse_iomap_io map;
};

struct fuse_iomap_ioend_in {
	__u32 flags;	/* FUSE_IOMAP_IOEND_* */
	__s32 error;	/* negative errno or 0 */
	__u64 attr_ino;
	__u64 pos;
	__u64 new_addr;
	__u64 written;
	__u32 dev;
	__u32 pad;
};

struct fuse_iomap_ioend_out {
	__u64 newsize;	/* file size on disk after this */
};

/* CONFIG, once after INIT: what the kernel needs to know of the file system. */
struct fuse_iomap_config_in {
	__u64 flags;		/* FUSE_IOMAP_CONFIG_* */
	__s64 maxbytes;		/* largest file size of this kernel */
	__u32 cache_maxbytes;
	__u32 zero;
	__u64 padding[5];
};

struct fuse_iomap_config_out {
	__u64 flags;		/* FUSE_IOMAP_CONFIG_* */
	char s_id[32];		/* ends with a zero */
	__u8 s_uuid[16];
	__u8 s_uuid_len;
	__u8 s_pad[3];
	__u32 s_blocksize;
	__u32 s_max_links;
	__u32 s_time_gran;	/* ns */
	__s64 s_time_min;	/* s */
	__s64 s_time_max;
	__s64 s_maxbytes;
	__u32 cache_maxbytes;
	__u32 pad;
};

struct fuse_range {
	__u64 offset;
	__u64 length;
};

/* These blocks of a device are no longer the server's: drop its page cache. */
struct fuse_iomap_dev_inval_out {
	__u32 dev;
	__u32 reserved;
	struct fuse_range range;
};

/* Mappings as BEGIN would be answered with: for a reply of RETRY_CACHE to BEGIN. */
struct fuse_iomap_upsert_mappings_out {
	__u64 nodeid;
	__u64 attr_ino;
	struct fuse_iomap_io read;
	struct fuse_iomap_io write;
};

/* Mappings of these ranges that the kernel has are wrong from now on. */
struct fuse_iomap_inval_mappings_out {
	__u64 nodeid;
	__u64 attr_ino;
	struct fuse_range read;
	struct fuse_range write;
};

struct fuse_iomap_support {
	__u64 flags;		/* FUSE_IOMAP_SUPPORT_* */
	__u64 padding;
};

struct fuse_iomap_backing_info {
	__u32 backing_id;
	__u32 blocksize;	/* of the device's page cache */
};

/* ioctls of /dev/fuse, beside those in <linux/fuse.h> */
#define FUSE_DEV_IOC_IOMAP_SUPPORT	_IOR(229, 99, struct fuse_iomap_support)
#define FUSE_DEV_IOC_SET_NOFS		_IOW(229, 100, __u32)
#define FUSE_DEV_IOC_ADD_IOMAP		_IO(229, 101)
#define FUSE_DEV_IOC_IOMAP_SET_BLOCKSIZE _IOW(229, 102, struct fuse_iomap_backing_info)

#ifndef __cplusplus
_Static_assert(sizeof(struct fuse_iomap_io) == 32, "wire format");
_Static_assert(sizeof(struct fuse_iomap_begin_in) == 32, "wire format");
_Static_assert(sizeof(struct fuse_iomap_begin_out) == 64, "wire format");
_Static_assert(sizeof(struct fuse_iomap_end_in) == 72, "wire format");
_Static_assert(sizeof(struct fuse_iomap_ioend_in) == 48, "wire format");
_Static_assert(sizeof(struct fuse_iomap_ioend_out) == 8, "wire format");
_Static_assert(sizeof(struct fuse_iomap_config_in) == 64, "wire format");
_Static_assert(sizeof(struct fuse_iomap_config_out) == 104, "wire format");
_Static_assert(sizeof(struct fuse_iomap_dev_inval_out) == 24, "wire format");
_Static_assert(sizeof(struct fuse_iomap_upsert_mappings_out) == 80, "wire format");
_Static_assert(sizeof(struct fuse_iomap_inval_mappings_out) == 48, "wire format");
#endif

#endif /* FUSE_IOMAP_ABI_H */
