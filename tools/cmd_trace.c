// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap trace: one line per finished operation. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "column.h"
#include "commands.h"
#include "names.h"
#include "session.h"
#include "trace.h"

#define REC(row)	(((const struct trace_row *)(row))->r)

static void get_time(const void *row, int arg, struct value *v)
{
	const struct trace_row *t = row;
	__u64 ns = t->r->time_ns > t->start_ns ? t->r->time_ns - t->start_ns : 0;

	snprintf(v->s, sizeof(v->s), "%u.%06u", (unsigned int)(ns / 1000000000),
		 (unsigned int)(ns % 1000000000 / 1000));
}

static void get_ts(const void *row, int arg, struct value *v)
{
	v->u = REC(row)->time_ns;
}

static void get_kind(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%s", kind_name[REC(row)->kind % FI_KINDS]);
}

static void get_op(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%s", op_name[REC(row)->op % FI_OPS]);
}

static void get_dev(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%u:%u", DEV_MAJOR(REC(row)->dev),
		 DEV_MINOR(REC(row)->dev));
}

static void get_mount(const void *row, int arg, struct value *v)
{
	const struct trace_row *t = row;

	mounts_name(t->mounts, t->r->dev, v->s, sizeof(v->s));
}

static void get_comm(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%.*s", FI_COMM_LEN, REC(row)->comm);
}

static void get_name(const void *row, int arg, struct value *v)
{
	snprintf(v->s, sizeof(v->s), "%.*s", FI_NAME_LEN, REC(row)->name);
	v->none = !v->s[0];
}

/* The name where there is one, the number where not. */
static void get_file(const void *row, int arg, struct value *v)
{
	get_name(row, arg, v);
	if (v->none)
		snprintf(v->s, sizeof(v->s), "#%llu", (unsigned long long)REC(row)->ino);
	v->none = false;
}

enum number {
	N_PID, N_TID, N_INO, N_NODEID, N_POS, N_COUNT, N_OPFLAGS, N_SENT,
	N_ERROR, N_IO_ERROR, N_NEW_ADDR, N_NEWSIZE, N_IO_DEV, N_DEV,
};

static void get_number(const void *row, int arg, struct value *v)
{
	const struct fi_record *r = REC(row);
	const __u64 numbers[] = {
		[N_PID] = r->pid, [N_TID] = r->tid, [N_INO] = r->ino,
		[N_NODEID] = r->nodeid, [N_POS] = r->pos, [N_COUNT] = r->count,
		[N_OPFLAGS] = r->opflags, [N_SENT] = !!(r->flags & FI_F_SENT),
		[N_ERROR] = (__s64)r->error, [N_IO_ERROR] = (__s64)r->io_error,
		[N_NEW_ADDR] = r->new_addr, [N_NEWSIZE] = r->newsize,
		[N_IO_DEV] = r->io_dev, [N_DEV] = r->dev,
	};
	bool only_ioend = arg == N_IO_ERROR || arg == N_NEW_ADDR || arg == N_NEWSIZE ||
			  arg == N_IO_DEV;

	v->u = numbers[arg];
	v->none = only_ioend && r->kind != FI_IOEND;
}

static void get_written(const void *row, int arg, struct value *v)
{
	v->u = REC(row)->written;
	v->none = REC(row)->kind == FI_BEGIN;
}

static void get_flags(const void *row, int arg, struct value *v)
{
	const struct fi_record *r = REC(row);

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
	int error = REC(row)->error;
	const char *name = strerrorname_np(-error);

	v->none = !error;
	if (name)
		snprintf(v->s, sizeof(v->s), "%s", name);
	else
		snprintf(v->s, sizeof(v->s), "%d", error);
}

/* ---- mappings ------------------------------------------------------------ */

enum { MAP_READ, MAP_WRITE };

/* BEGIN has both, END the one that was used. A failed BEGIN may have none. */
static const struct fuse_iomap_io *map_of(const void *row, int which)
{
	const struct fi_record *r = REC(row);
	const struct fuse_iomap_io *map = which == MAP_WRITE ? &r->write : &r->read;

	if (r->kind == FI_IOEND || (r->kind == FI_END && which == MAP_WRITE))
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

static char *map_flags_text(char *buf, size_t size, const struct fi_record *r,
			    const struct fuse_iomap_io *map)
{
	return flags_text(buf, size, r->kind == FI_BEGIN ? mapflag_names : kernel_mapflag_names,
			  map->flags);
}

static void get_map_flag_names(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map;
	if (map)
		map_flags_text(v->s, sizeof(v->s), REC(row), map);
}

/* In the kernel a mapping has a block device, no backing id. */
static void get_map_dev(const void *row, int which, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(row, which);

	v->none = !map || REC(row)->kind != FI_BEGIN;
	v->u = map ? map->dev : 0;
}

/* The mapping in one column: "mapped+8K", "hole+1M>unwritten+64K(new)". */
static void get_map(const void *row, int arg, struct value *v)
{
	struct text t = { 0 };

	for (int which = MAP_READ; which <= MAP_WRITE; which++) {
		const struct fuse_iomap_io *map = map_of(row, which);
		char type[16], len[FMT_LEN], flags[128];

		if (!map || (which == MAP_WRITE && map->type == FUSE_IOMAP_TYPE_PURE_OVERWRITE))
			continue;
		text_printf(&t, "%s%s+%s", t.len ? ">" : "",
			    wire_type_text(type, sizeof(type), map->type),
			    fmt_bytes(len, sizeof(len), map->length));
		if (map->flags)
			text_printf(&t, "(%s)", map_flags_text(flags, sizeof(flags), REC(row), map));
	}
	v->none = !t.len;
	if (t.len)
		snprintf(v->s, sizeof(v->s), "%s", t.s);
	text_free(&t);
}

const struct column trace_columns[] = {
	{ "time", "TIME", -12, 0, U_TEXT, get_time },
	{ "ts_ns", "", 0, 0, U_COUNT, get_ts },
	{ "kind", "EVENT", -5, 0, U_TEXT, get_kind },
	{ "op", "OP", -12, 0, U_TEXT, get_op },
	{ "dev", "", 0, 0, U_TEXT, get_dev },
	{ "connection", "", 0, 0, U_COUNT, get_number, N_DEV },
	{ "mount", "", 0, 0, U_TEXT, get_mount },
	{ "comm", "COMM", -12, 0, U_TEXT, get_comm },
	{ "pid", "", 0, 0, U_COUNT, get_number, N_PID },
	{ "tid", "TID", 7, 0, U_COUNT, get_number, N_TID },
	{ "file", "FILE", -14, 0, U_TEXT, get_file },
	{ "ino", "", 0, 0, U_COUNT, get_number, N_INO },
	{ "nodeid", "", 0, 0, U_COUNT, get_number, N_NODEID },
	{ "pos", "OFFSET", 12, 0, U_OFFSET, get_number, N_POS },
	{ "count", "COUNT", 6, 0, U_BYTES, get_number, N_COUNT },
	{ "written", "WRITTEN", 7, 0, U_SIGNED, get_written },
	{ "sent", "SENT", 4, 0, U_BOOL, get_number, N_SENT },
	{ "lat_ns", "LATENCY", 7, 0, U_NS, get_latency },
	{ "kernel_ns", "KERNEL", 6, 0, U_NS, get_phase, FI_PH_KERNEL },
	{ "queue_ns", "QUEUE", 6, 0, U_NS, get_phase, FI_PH_QUEUE },
	{ "server_ns", "SERVER", 6, 0, U_NS, get_phase, FI_PH_SERVER },
	{ "wakeup_ns", "WAKEUP", 6, 0, U_NS, get_phase, FI_PH_WAKEUP },
	{ "error", "", 0, 0, U_SIGNED, get_number, N_ERROR },
	{ "errname", "ERROR", -10, 0, U_TEXT, get_error },
	{ "flags", "FLAGS", -16, 0, U_TEXT, get_flags },
	{ "map", "MAPPING", -40, 0, U_TEXT, get_map },
	{ "opflags", "", 0, 0, U_COUNT, get_number, N_OPFLAGS },
	{ "read_type", "", 0, 0, U_TEXT, get_map_type, MAP_READ },
	{ "read_offset", "", 0, 0, U_COUNT, get_map_offset, MAP_READ },
	{ "read_length", "", 0, 0, U_COUNT, get_map_length, MAP_READ },
	{ "read_addr", "", 0, 0, U_COUNT, get_map_addr, MAP_READ },
	{ "read_flags", "", 0, 0, U_COUNT, get_map_flags, MAP_READ },
	{ "read_flag_names", "", 0, 0, U_TEXT, get_map_flag_names, MAP_READ },
	{ "read_dev", "", 0, 0, U_COUNT, get_map_dev, MAP_READ },
	{ "write_type", "", 0, 0, U_TEXT, get_map_type, MAP_WRITE },
	{ "write_offset", "", 0, 0, U_COUNT, get_map_offset, MAP_WRITE },
	{ "write_length", "", 0, 0, U_COUNT, get_map_length, MAP_WRITE },
	{ "write_addr", "", 0, 0, U_COUNT, get_map_addr, MAP_WRITE },
	{ "write_flags", "", 0, 0, U_COUNT, get_map_flags, MAP_WRITE },
	{ "write_flag_names", "", 0, 0, U_TEXT, get_map_flag_names, MAP_WRITE },
	{ "write_dev", "", 0, 0, U_COUNT, get_map_dev, MAP_WRITE },
	{ "io_error", "", 0, 0, U_SIGNED, get_number, N_IO_ERROR },
	{ "new_addr", "", 0, 0, U_COUNT, get_number, N_NEW_ADDR },
	{ "newsize", "", 0, 0, U_COUNT, get_number, N_NEWSIZE },
	{ "io_dev", "", 0, 0, U_COUNT, get_number, N_IO_DEV },
};

const size_t nr_trace_columns = sizeof(trace_columns) / sizeof(trace_columns[0]);

/* The last column is not padded: no line ends in blanks. */
static void end_text_line(struct text *t)
{
	while (t->len && t->s[t->len - 1] == ' ')
		t->len--;
	text_add(t, "\n", 1);
}

void trace_head(struct text *t)
{
	for (size_t i = 0; i < nr_trace_columns; i++) {
		if (!trace_columns[i].width)
			continue;
		text_cell(t, trace_columns[i].head, trace_columns[i].width);
		text_add(t, " ", 1);
	}
	end_text_line(t);
}

void trace_line(struct text *t, const struct trace_row *row)
{
	for (size_t i = 0; i < nr_trace_columns; i++) {
		if (!trace_columns[i].width)
			continue;
		column_text(t, &trace_columns[i], row, 0);
		text_add(t, " ", 1);
	}
	end_text_line(t);
}

void trace_json(struct json *j, const struct trace_row *row)
{
	json_line(j, "op");
	for (size_t i = 0; i < nr_trace_columns; i++)
		column_json(j, &trace_columns[i], row);
}

/* ---- the command --------------------------------------------------------- */

static void on_record(void *ctx, const struct fi_record *r)
{
	struct session *s = ctx;
	struct trace_row row = { .r = r, .mounts = &s->mounts, .start_ns = s->start_ns };

	if (!mounts_find(&s->mounts, r->dev))
		mounts_read(&s->mounts);
	if (s->o->json) {
		trace_json(&s->json, &row);
		json_put(&s->json);
		return;
	}
	text_clear(&s->json.text);
	trace_line(&s->json.text, &row);
	fputs(s->json.text.s, s->out);
}

static int run(const struct opts *o)
{
	struct session s;
	struct source_config config = {
		.settings.records = 1, .sink = on_record, .ctx = &s,
	};
	struct snapshot last = { 0 };
	int err;

	err = session_open(&s, "trace", o, &config);
	if (err)
		return err;
	if (!o->json) {
		trace_head(&s.json.text);
		fputs(s.json.text.s, s.out);
	}
	while (session_wait(&s) != ON_STOP)
		;
	err = session_stop(&s, &last);
	if (!err)
		err = session_close(&s, &last);
	snapshot_free(&last);
	return err;
}

const struct command cmd_trace = {
	.name = "trace",
	.summary = "one line per finished operation",
	.doc = "Prints each begin, end and ioend when it is finished: who waited for it, how "
	       "long and for what, and which mapping it was.",
	.takes = OPTS_FILTER | OPTS_RUN,
	.run = run,
};
