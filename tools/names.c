// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "text.h"

const char *const kind_name[FI_RECORD_KINDS] = {
	[FI_BEGIN] = "begin",
	[FI_END] = "end",
	[FI_IOEND] = "ioend",
	[FI_REFUSED] = "refused",
};

const char *const op_name[FI_OPS] = {
	[FI_READ] = "read",
	[FI_READ_DIRECT] = "read-direct",
	[FI_WRITE] = "write",
	[FI_WRITE_DIRECT] = "write-direct",
	[FI_APPEND] = "append",
	[FI_APPEND_DIRECT] = "append-direct",
	[FI_ZERO] = "zero",
	[FI_FAULT] = "fault",
	[FI_UNSHARE] = "unshare",
	[FI_REPORT] = "report",
	[FI_WRITEBACK] = "writeback",
};

/* By fi_type(), not by the number on the wire. */
const char *const type_name[FI_TYPES] = {
	"hole", "delalloc", "mapped", "unwritten", "inline", "nocache", "retry", "overwrite",
};

const char *const phase_name[FI_PHASES] = {
	[FI_PH_KERNEL] = "kernel",
	[FI_PH_QUEUE] = "queue",
	[FI_PH_SERVER] = "server",
	[FI_PH_WAKEUP] = "wakeup",
};

const struct flag_name opflag_names[] = {
	{ FUSE_IOMAP_OP_WRITE, "write" },
	{ FUSE_IOMAP_OP_ZERO, "zero" },
	{ FUSE_IOMAP_OP_REPORT, "report" },
	{ FUSE_IOMAP_OP_FAULT, "fault" },
	{ FUSE_IOMAP_OP_DIRECT, "direct" },
	{ FUSE_IOMAP_OP_NOWAIT, "nowait" },
	{ FUSE_IOMAP_OP_OVERWRITE_ONLY, "overwrite" },
	{ FUSE_IOMAP_OP_UNSHARE, "unshare" },
	{ FUSE_IOMAP_OP_DAX, "dax" },
	{ FUSE_IOMAP_OP_ATOMIC, "atomic" },
	{ FUSE_IOMAP_OP_DONTCACHE, "dontcache" },
	{ FUSE_IOMAP_OP_SWAPFILE, "swapfile" },
	{ FUSE_IOMAP_OP_WRITEBACK, "writeback" },
	{ 0, NULL },
};

const struct flag_name ioendflag_names[] = {
	{ FUSE_IOMAP_IOEND_SHARED, "shared" },
	{ FUSE_IOMAP_IOEND_UNWRITTEN, "unwritten" },
	{ FUSE_IOMAP_IOEND_BOUNDARY, "boundary" },
	{ FUSE_IOMAP_IOEND_DIRECT, "direct" },
	{ FUSE_IOMAP_IOEND_APPEND, "append" },
	{ FUSE_IOMAP_IOEND_WRITEBACK, "writeback" },
	{ FUSE_IOMAP_IOEND_SWAPOFF, "swapoff" },
	{ 0, NULL },
};

const struct flag_name mapflag_names[] = {
	{ FUSE_IOMAP_F_NEW, "new" },
	{ FUSE_IOMAP_F_DIRTY, "dirty" },
	{ FUSE_IOMAP_F_SHARED, "shared" },
	{ FUSE_IOMAP_F_MERGED, "merged" },
	{ FUSE_IOMAP_F_BOUNDARY, "boundary" },
	{ FUSE_IOMAP_F_ANON_WRITE, "anon-write" },
	{ FUSE_IOMAP_F_ATOMIC_BIO, "atomic-bio" },
	{ FUSE_IOMAP_F_WANT_IOMAP_END, "want-end" },
	{ FUSE_IOMAP_F_SIZE_CHANGED, "size-changed" },
	{ FUSE_IOMAP_F_STALE, "stale" },
	{ 0, NULL },
};

int name_index(const char *const *names, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return i;
	return -1;
}

char *flags_text(char *buf, size_t size, const struct flag_name *names, __u32 flags)
{
	struct bounded *b = BOUNDED(buf, size);

	buf[0] = '\0';
	for (; names->name; names++) {
		if (!(flags & names->bit))
			continue;
		put_str(b, buf[0] ? "|" : "");
		put_str(b, names->name);
		flags &= ~names->bit;
	}
	if (flags) {
		put_str(b, buf[0] ? "|" : "");
		put_hex(b, flags);
	}
	return buf;
}

char *wire_type_text(char *buf, size_t size, __u32 wire)
{
	struct bounded *b = BOUNDED(buf, size);
	__u32 type = fi_type(wire);

	put_str(b, type < FI_TYPES ? type_name[type] : "type");
	if (type >= FI_TYPES)
		put_u64(b, wire, 1);
	return buf;
}
