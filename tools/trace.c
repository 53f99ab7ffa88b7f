// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "names.h"
#include "trace.h"

#define REC(row)	(((const struct trace_row *)(row))->r)

char *errno_text(char *buf, size_t size, int error)
{
	/* A damaged recording has any number here; INT_MIN has no opposite. */
	const char *name = error == INT_MIN ? NULL : strerrorname_np(-error);

	if (name)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%d", error);
	return buf;
}

static char *seconds_text(char *buf, size_t size, __u64 ns)
{
	struct bounded *b = BOUNDED(buf, size);

	put_u64(b, ns / 1000000000, 1);
	put_str(b, ".");
	put_u64(b, ns % 1000000000 / 1000, 6);
	return buf;
}

char *clock_text(char *buf, size_t size, const struct clock_view *c, __u64 time_ns)
{
	__u64 ns = time_ns > c->start_ns ? time_ns - c->start_ns : 0;
	struct tm tm;
	time_t t;

	if (c->how == TIME_MONOTONIC)
		return seconds_text(buf, size, time_ns);
	if (c->how != TIME_WALL || !c->start_wall_ns)
		return seconds_text(buf, size, ns);
	ns += c->start_wall_ns;
	t = ns / 1000000000;
	localtime_r(&t, &tm);
	snprintf(buf, size, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned int)(ns % 1000000000 / 1000));
	return buf;
}

void clock_columns(struct columns *c, enum timestamps how)
{
	static const char *const names[] = { "time", "first", "last" };

	for (size_t i = 0; how != TIME_RELATIVE && i < c->n; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (!strcmp(c->c[i].name, names[k]))
				c->c[i].width = -15;
}

static void get_time(const void *row, int arg, struct value *v)
{
	const struct trace_row *t = row;

	clock_text(v->s, sizeof(v->s), &t->clock, t->r->time_ns);
}

static void get_ts(const void *row, int arg, struct value *v)
{
	v->u = REC(row)->time_ns;
}

static void get_kind(const void *row, int arg, struct value *v)
{
	value_str(v, kind_name[REC(row)->kind % FI_RECORD_KINDS]);
}

static void get_op(const void *row, int arg, struct value *v)
{
	value_str(v, op_name[REC(row)->op % FI_OPS]);
}

static void get_dev(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%u:%u", DEV_MAJOR(REC(row)->dev),
		 DEV_MINOR(REC(row)->dev));
}

static void get_mount(const void *row, int arg, struct value *v)
{
	const struct trace_row *t = row;

	catalog_mount_name(t->catalog, t->r->dev, v->s, sizeof(v->s));
}

static void get_comm(const void *row, int arg, struct value *v)
{
	value_strn(v, REC(row)->comm, FI_COMM_LEN);
}

/* Below the root of its mount; a stand-in where no name is known. */
static void get_file(const void *row, int arg, struct value *v)
{
	const struct trace_row *t = row;

	catalog_file_name(t->catalog, t->r->dev, t->r->ino, v->s, sizeof(v->s));
}

static void get_path(const void *row, int arg, struct value *v)
{
	const struct trace_row *t = row;

	catalog_file_path(t->catalog, t->r->dev, t->r->ino, v->s, sizeof(v->s));
}

/* Which kinds of record a number means something for. */
#define IN(kind)	(1U << (kind))
#define IN_OPS		(IN(FI_BEGIN) | IN(FI_END) | IN(FI_IOEND))

enum number {
	N_PID, N_TID, N_INO, N_NODEID, N_ISIZE, N_POS, N_COUNT, N_WRITTEN, N_OPFLAGS, N_SENT,
	N_ERROR, N_UNIQUE, N_SERVER, N_SIGNAL, N_UNSURE, N_LINE, N_IO_ERROR, N_NEW_ADDR,
	N_NEWSIZE, N_IO_DEV, N_DEV,
};

/* A field of a record as it stands there, or one of its flags. */
static const struct number_field {
	__u8  at;		/* offset in a record */
	__s8  size;		/* in bytes; negative: signed */
	bool  some;		/* 0 stands for "unknown" */
	__u16 flag;		/* FI_F_* */
	__u32 in;		/* 0: all */
} numbers[] = {
#define FIELD(member)		.at = offsetof(struct fi_record, member), \
				.size = sizeof(((struct fi_record *)0)->member)
#define SIGNED_FIELD(member)	.at = offsetof(struct fi_record, member), \
				.size = -(int)sizeof(((struct fi_record *)0)->member)
	[N_PID]	     = { FIELD(pid) },
	[N_TID]	     = { FIELD(tid) },
	[N_INO]	     = { FIELD(ino), .some = true },
	[N_NODEID]   = { FIELD(nodeid), .some = true },
	[N_ISIZE]    = { FIELD(isize), .in = IN_OPS },
	[N_POS]	     = { FIELD(pos) },
	[N_COUNT]    = { FIELD(count), .in = IN_OPS },
	[N_WRITTEN]  = { SIGNED_FIELD(written), .in = IN(FI_END) | IN(FI_IOEND) },
	[N_OPFLAGS]  = { FIELD(opflags), .in = IN_OPS },
	[N_SENT]     = { .flag = FI_F_SENT, .in = IN_OPS },
	[N_ERROR]    = { SIGNED_FIELD(error), .in = IN_OPS },
	[N_UNIQUE]   = { FIELD(unique), .some = true, .in = IN_OPS },
	[N_SERVER]   = { FIELD(server_tid), .some = true, .in = IN_OPS },
	[N_SIGNAL]   = { .flag = FI_F_SIGNAL, .in = IN_OPS },
	[N_UNSURE]   = { .flag = FI_F_UNSURE, .in = IN_OPS },
	[N_LINE]     = { SIGNED_FIELD(line), .in = IN(FI_REFUSED) },
	[N_IO_ERROR] = { SIGNED_FIELD(io_error), .in = IN(FI_IOEND) },
	[N_NEW_ADDR] = { FIELD(new_addr), .in = IN(FI_IOEND) },
	[N_NEWSIZE]  = { FIELD(newsize), .in = IN(FI_IOEND) },
	[N_IO_DEV]   = { FIELD(io_dev), .in = IN(FI_IOEND) },
	[N_DEV]	     = { FIELD(dev) },
#undef FIELD
#undef SIGNED_FIELD
};

static __u64 number_of(const struct number_field *n, const struct fi_record *r)
{
	const void *at = (const char *)r + n->at;

	if (n->flag)
		return !!(r->flags & n->flag);
	switch (n->size) {
	case -4: return *(const __s32 *)at;
	case 4:	 return *(const __u32 *)at;
	default: return *(const __u64 *)at;
	}
}

static void get_number(const void *row, int arg, struct value *v)
{
	const struct number_field *n = &numbers[arg];
	const struct fi_record *r = REC(row);

	v->u = number_of(n, r);
	v->none = (n->in && !(n->in & IN(r->kind))) || (n->some && !v->u);
}

static void get_flags(const void *row, int arg, struct value *v)
{
	const struct fi_record *r = REC(row);

	v->none = r->kind == FI_REFUSED;
	flags_text(v->s, sizeof(v->s),
		   r->kind == FI_IOEND ? ioendflag_names : opflag_names, r->opflags);
}

static void get_latency(const void *row, int arg, struct value *v)
{
	v->u = REC(row)->lat_ns;
	v->none = !(REC(row)->flags & FI_F_TIMED);
}

static void get_phase(const void *row, int arg, struct value *v)
{
	v->u = REC(row)->phase_ns[arg];
	v->none = !(REC(row)->flags & FI_F_SPLIT);
}

/* Errors by name, as strace shows them. */
static void get_error(const void *row, int arg, struct value *v)
{
	int error = arg == N_IO_ERROR && REC(row)->kind == FI_IOEND ? REC(row)->io_error :
		    arg == N_ERROR ? REC(row)->error : 0;

	v->none = !error;
	errno_text(v->s, sizeof(v->s), error);
}

/* ---- mappings ------------------------------------------------------------ */

enum { MAP_READ, MAP_WRITE };

/* BEGIN has both, END the one that was used. A failed BEGIN may have none. */
static const struct fuse_iomap_io *map_of(const void *row, int which)
{
	const struct fi_record *r = REC(row);
	const struct fuse_iomap_io *map = which == MAP_WRITE ? &r->write : &r->read;

	if (r->kind > FI_END || (r->kind == FI_END && which == MAP_WRITE))
		return NULL;
	return map->length ? map : NULL;
}

static void get_map_type(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map;
	if (map)
		wire_type_text(v->s, sizeof(v->s), map->type);
}

static void get_map_offset(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map;
	v->u = map ? map->offset : 0;
}

static void get_map_length(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map;
	v->u = map ? map->length : 0;
}

static void get_map_addr(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map || map->addr == FUSE_IOMAP_NULL_ADDR;
	v->u = map ? map->addr : 0;
}

static void get_map_flags(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map;
	v->u = map ? map->flags : 0;
}

static void get_map_flag_names(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map;
	if (map)
		flags_text(v->s, sizeof(v->s), mapflag_names, map->flags);
}

/* In the kernel a mapping has a block device, no backing id. */
static void get_map_dev(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map || REC(row)->kind != FI_BEGIN;
	v->u = map ? map->dev : 0;
}

void map_text(struct text *t, const struct fuse_iomap_io *map, const struct flag_name *names)
{
	char buf[128];

	text_str(t, wire_type_text(buf, sizeof(buf), map->type));
	text_str(t, "+");
	text_str(t, fmt_bytes(buf, sizeof(buf), map->length));
	if (!map->flags)
		return;
	text_str(t, "(");
	text_str(t, flags_text(buf, sizeof(buf), names, map->flags));
	text_str(t, ")");
}

/*
 * The mapping in one column: "mapped+8K", "hole+1M>unwritten+64K(new)"; of an
 * answer that was refused the rule that it broke.
 */
static void get_map(const void *row, int arg, struct value *v)
{
	const struct fi_record *r = REC(row);
	struct text t = { 0 };

	if (r->kind == FI_REFUSED)
		text_printf(&t, "%.*s", FI_RULE_LEN, r->rule);
	for (int which = MAP_READ; which <= MAP_WRITE; which++) {
		const struct fuse_iomap_io *map = map_of(row, which);

		if (!map || (which == MAP_WRITE && map->type == FUSE_IOMAP_TYPE_PURE_OVERWRITE))
			continue;
		if (t.len)
			text_add(&t, ">", 1);
		map_text(&t, map, mapflag_names);
	}
	v->none = !t.len;
	if (t.len)
		value_str(v, t.s);
	text_free(&t);
}

static void get_rule(const void *row, int arg, struct value *v)
{
	v->none = REC(row)->kind != FI_REFUSED;
	if (!v->none)
		value_strn(v, REC(row)->rule, FI_RULE_LEN);
}

const struct column trace_columns[] = {
	{ "time", "TIME", -12, 0, U_TEXT, get_time, 0, "when it finished (-T: from which clock)" },
	{ "ts_ns", "", 0, 0, U_COUNT, get_ts, 0, "when it finished, in ns of CLOCK_MONOTONIC" },
	{ "kind", "EVENT", -7, 0, U_TEXT, get_kind, 0,
	  "begin, end, ioend; refused: an answer broke a rule" },
	{ "op", "OP", -13, 0, U_TEXT, get_op, 0, "what the operation is for" },
	{ "dev", "", 0, 0, U_TEXT, get_dev, 0, "device number of the mount" },
	{ "connection", "", 0, 0, U_COUNT, get_number, N_DEV,
	  "the same as one number, as -C takes it" },
	{ "mount", "", 0, 0, U_TEXT, get_mount, 0, "mount point" },
	{ "comm", "COMM", -15, 0, U_TEXT, get_comm, 0, "name of the thread that waited" },
	{ "pid", "", 0, 0, U_COUNT, get_number, N_PID, "its process" },
	{ "tid", "TID", 7, 0, U_COUNT, get_number, N_TID, "the thread" },
	{ "file", "FILE", -20, 0, U_TEXT, get_file, 0, "path below the mount point" },
	{ "path", "", 0, 0, U_TEXT, get_path, 0, "path with the mount point" },
	{ "ino", "", 0, 0, U_COUNT, get_number, N_INO, "inode number" },
	{ "nodeid", "", 0, 0, U_COUNT, get_number, N_NODEID, "node id, as the server knows it" },
	{ "isize", "", 0, 0, U_BYTES, get_number, N_ISIZE,
	  "size of the file in the kernel; of a begin when it started" },
	{ "pos", "OFFSET", 12, 0, U_OFFSET, get_number, N_POS, "start of the range in the file" },
	{ "count", "COUNT", 6, 0, U_BYTES, get_number, N_COUNT, "length of the range" },
	{ "written", "WRITTEN", 7, 0, U_SIGNED, get_number, N_WRITTEN, "bytes done" },
	{ "sent", "SENT", 4, 0, U_BOOL, get_number, N_SENT,
	  "whether the server was asked or told" },
	{ "lat_ns", "LATENCY", 7, 0, U_NS, get_latency, 0, "time from start to end" },
	{ "kernel_ns", "KERNEL", 6, 0, U_NS, get_phase, FI_PH_KERNEL,
	  "the part before the request was queued" },
	{ "queue_ns", "QUEUE", 6, 0, U_NS, get_phase, FI_PH_QUEUE,
	  "the part waiting for a server thread" },
	{ "server_ns", "SERVER", 6, 0, U_NS, get_phase, FI_PH_SERVER, "the part at the server" },
	{ "wakeup_ns", "WAKEUP", 6, 0, U_NS, get_phase, FI_PH_WAKEUP,
	  "the part from the answer to the end" },
	{ "error", "", 0, 0, U_SIGNED, get_number, N_ERROR, "how it ended: 0 or negative errno" },
	{ "errname", "ERROR", -10, 0, U_TEXT, get_error, N_ERROR, "the same by name" },
	{ "flags", "FLAGS", -26, 0, U_TEXT, get_flags, 0, "operation or ioend flags" },
	{ "map", "MAPPING", -40, 0, U_TEXT, get_map, 0,
	  "read>write mapping; the rule that an answer broke" },
	{ "opflags", "", 0, 0, U_COUNT, get_number, N_OPFLAGS, "flags as a number" },
	{ "unique", "", 0, 0, U_COUNT, get_number, N_UNIQUE, "number of the FUSE request" },
	{ "server_tid", "", 0, 0, U_COUNT, get_number, N_SERVER,
	  "server thread that took the request" },
	{ "signal", "", 0, 0, U_BOOL, get_number, N_SIGNAL, "a signal was pending in the thread" },
	{ "unsure", "", 0, 0, U_BOOL, get_number, N_UNSURE,
	  "the kernel has no done event: outcome as far as others tell" },
	{ "read_type", "", 0, 0, U_TEXT, get_map_type, MAP_READ,
	  "read mapping: type; of an end: the mapping used" },
	{ "read_offset", "", 0, 0, U_COUNT, get_map_offset, MAP_READ,
	  "where it starts in the file" },
	{ "read_length", "", 0, 0, U_COUNT, get_map_length, MAP_READ, "its length" },
	{ "read_addr", "", 0, 0, U_COUNT, get_map_addr, MAP_READ, "its address on the device" },
	{ "read_flags", "", 0, 0, U_COUNT, get_map_flags, MAP_READ, "its flags as a number" },
	{ "read_flag_names", "", 0, 0, U_TEXT, get_map_flag_names, MAP_READ, "its flags by name" },
	{ "read_dev", "", 0, 0, U_COUNT, get_map_dev, MAP_READ, "its backing device" },
	{ "write_type", "", 0, 0, U_TEXT, get_map_type, MAP_WRITE, "write mapping: type" },
	{ "write_offset", "", 0, 0, U_COUNT, get_map_offset, MAP_WRITE,
	  "where it starts in the file" },
	{ "write_length", "", 0, 0, U_COUNT, get_map_length, MAP_WRITE, "its length" },
	{ "write_addr", "", 0, 0, U_COUNT, get_map_addr, MAP_WRITE, "its address on the device" },
	{ "write_flags", "", 0, 0, U_COUNT, get_map_flags, MAP_WRITE, "its flags as a number" },
	{ "write_flag_names", "", 0, 0, U_TEXT, get_map_flag_names, MAP_WRITE,
	  "its flags by name" },
	{ "write_dev", "", 0, 0, U_COUNT, get_map_dev, MAP_WRITE, "its backing device" },
	{ "io_error", "", 0, 0, U_SIGNED, get_number, N_IO_ERROR,
	  "ioend: what the I/O ended with" },
	{ "new_addr", "", 0, 0, U_COUNT, get_number, N_NEW_ADDR, "ioend: where the data went" },
	{ "newsize", "", 0, 0, U_COUNT, get_number, N_NEWSIZE,
	  "ioend: file size on disk, as answered" },
	{ "io_dev", "", 0, 0, U_COUNT, get_number, N_IO_DEV, "ioend: backing device" },
	{ "rule", "", 0, 0, U_TEXT, get_rule, 0, "refused: the condition that failed" },
	{ "line", "", 0, 0, U_COUNT, get_number, N_LINE, "refused: line of the kernel's source" },
};

const size_t nr_trace_columns = sizeof(trace_columns) / sizeof(trace_columns[0]);

void stack_json(struct json *j, const char *key, const struct catalog *c, __s32 id)
{
	const struct stack *stack = id > 0 ? catalog_stack(c, id) : NULL;
	char frame[256];

	if (!stack)
		return;
	json_open(j, key, '[');
	for (const char *s = stack->frames; *s; s += *s == '\n') {
		size_t len = strcspn(s, "\n");

		snprintf(frame, sizeof(frame), "%.*s", (int)len, s);
		json_str(j, NULL, frame);
		s += len;
	}
	json_close(j, ']');
}

void trace_json(struct json *j, const struct columns *columns, const struct trace_row *row)
{
	json_line(j, "op");
	columns_json(j, columns->c, columns->n, row);
	stack_json(j, "kernel_stack", row->catalog, row->r->kernel_stack);
	stack_json(j, "user_stack", row->catalog, row->r->user_stack);
}
