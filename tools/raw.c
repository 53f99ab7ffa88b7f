// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <event-parse.h>

#include "raw.h"
#include "text.h"

const struct raw_name raw_names[RAW_WHATS] = {
	[RAW_BEGIN]		= { "fuse", "fuse_iomap_begin" },
	[RAW_BEGIN_ERROR]	= { "fuse", "fuse_iomap_begin_error" },
	[RAW_READ_MAP]		= { "fuse", "fuse_iomap_read_map" },
	[RAW_WRITE_MAP]		= { "fuse", "fuse_iomap_write_map" },
	[RAW_BEGIN_DONE]	= { "fuse", "fuse_iomap_begin_done" },
	[RAW_END]		= { "fuse", "fuse_iomap_end" },
	[RAW_END_ERROR]		= { "fuse", "fuse_iomap_end_error" },
	[RAW_END_DONE]		= { "fuse", "fuse_iomap_end_done" },
	[RAW_IOEND]		= { "fuse", "fuse_iomap_ioend" },
	[RAW_IOEND_ERROR]	= { "fuse", "fuse_iomap_ioend_error" },
	[RAW_IOEND_DONE]	= { "fuse", "fuse_iomap_ioend_done" },
	[RAW_BAD_DATA]		= { "fuse", "fuse_iomap_bad_data" },
	[RAW_REQUEST_SEND]	= { "fuse", "fuse_request_send" },
	[RAW_REQUEST_SENT]	= { "fuse", "fuse_request_sent" },
	[RAW_REQUEST_END]	= { "fuse", "fuse_request_end" },
	[RAW_TASK_NEW]		= { "task", "task_newtask" },
	[RAW_TASK_RENAME]	= { "task", "task_rename" },
	[RAW_TASK_CGROUP]	= { "cgroup", "cgroup_attach_task" },
	[RAW_STACK]		= { "ftrace", "kernel_stack" },
};

/* Where a field of that name belongs; `only` for those that mean different things. */
struct target {
	const char *name;
	size_t offset;
	size_t size;
	unsigned int only;	/* bit mask of enum raw_what; 0: any */
};

#define TO(member) offsetof(struct raw_event, member), sizeof(((struct raw_event *)0)->member)
#define IN(what) (1U << (what))
#define TASKS (IN(RAW_TASK_NEW) | IN(RAW_TASK_RENAME) | IN(RAW_TASK_CGROUP))

/* The first that fits is it. */
static const struct target targets[] = {
	{ "common_pid",	TO(tid) },
	{ "connection",	TO(dev) },
	{ "ino",	TO(ino) },
	{ "nodeid",	TO(nodeid) },
	{ "isize",	TO(isize) },
	{ "opflags",	TO(opflags) },
	{ "ioendflags",	TO(opflags) },
	{ "offset",	TO(pos) },
	{ "length",	TO(count) },
	{ "written",	TO(written) },
	/* At the start there is only what the I/O ended with. */
	{ "error",	TO(io_error), IN(RAW_IOEND) },
	{ "ioerror",	TO(io_error) },
	{ "error",	TO(error) },
	{ "dev",	TO(io_dev) },
	{ "new_addr",	TO(new_addr) },
	{ "new_size",	TO(newsize) },
	{ "sent",	TO(sent) },
	{ "mapoffset",	TO(read.offset) },
	{ "maplength",	TO(read.length) },
	{ "mapaddr",	TO(read.addr) },
	{ "mapdev",	TO(read.dev) },
	{ "maptype",	TO(read.type) },
	{ "mapflags",	TO(read.flags) },
	{ "readoffset",	TO(read.offset) },
	{ "readlength",	TO(read.length) },
	{ "readaddr",	TO(read.addr) },
	{ "readdev",	TO(read.dev) },
	{ "readtype",	TO(read.type) },
	{ "readflags",	TO(read.flags) },
	{ "writeoffset",	TO(write.offset) },
	{ "writelength",	TO(write.length) },
	{ "writeaddr",	TO(write.addr) },
	{ "writedev",	TO(write.dev) },
	{ "writetype",	TO(write.type) },
	{ "writeflags",	TO(write.flags) },
	{ "unique",	TO(unique) },
	{ "opcode",	TO(opcode) },
	{ "line",	TO(line) },
	{ "condition",	TO(text) },
	{ "pid",	TO(other_tid), TASKS },
	{ "comm",	TO(text), IN(RAW_TASK_NEW) },
	{ "newcomm",	TO(text), IN(RAW_TASK_RENAME) },
	{ "dst_path",	TO(text), IN(RAW_TASK_CGROUP) },
	{ "clone_flags",	TO(clone_flags) },
};

#define MAX_FIELDS	32

struct copy {
	struct tep_format_field *from;
	const struct target *to;
};

struct decoder {
	int id;			/* of the event in the trace */
	enum raw_what what;
	int n;
	struct copy copy[MAX_FIELDS];
};

struct raw_decoder {
	struct tep_handle *tep;
	size_t n;
	struct decoder event[RAW_WHATS];
};

static const struct target *find_target(const char *name, enum raw_what what)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if ((!targets[i].only || targets[i].only & IN(what)) &&
		    !strcmp(targets[i].name, name))
			return &targets[i];
	return NULL;
}

static void add_fields(struct decoder *d, struct tep_format_field *f)
{
	for (; f && d->n < MAX_FIELDS; f = f->next) {
		const struct target *to = find_target(f->name, d->what);

		if (to)
			d->copy[d->n++] = (struct copy){ f, to };
	}
}

struct raw_decoder *raw_decoder_new(struct tep_handle *tep)
{
	struct raw_decoder *d = xcalloc(1, sizeof(*d));

	d->tep = tep;
	for (int what = 0; what < RAW_WHATS; what++) {
		struct tep_event *e = tep_find_event_by_name(tep, raw_names[what].system,
							     raw_names[what].event);
		struct decoder *to = &d->event[d->n];

		if (!e)
			continue;
		*to = (struct decoder){ .id = e->id, .what = what };
		add_fields(to, e->format.common_fields);
		add_fields(to, e->format.fields);
		d->n++;
	}
	return d;
}

void raw_decoder_free(struct raw_decoder *d)
{
	free(d);
}

/* Strings stand behind the fields; the field says where and how long. */
static void copy_string(const struct raw_decoder *d, const struct copy *c, const char *data,
			size_t size, char *to)
{
	size_t at = c->from->offset, len = c->from->size;

	if (c->from->flags & TEP_FIELD_IS_DYNAMIC) {
		__u32 loc = tep_read_number(d->tep, data + at, len);

		at = (loc & 0xffff) + (c->from->flags & TEP_FIELD_IS_RELATIVE ?
				       c->from->offset + c->from->size : 0);
		len = loc >> 16;
	}
	if (at >= size)
		return;
	if (len > size - at)
		len = size - at;
	if (len >= c->to->size)
		len = c->to->size - 1;
	memcpy(to, data + at, strnlen(data + at, len));
}

static void copy_number(const struct raw_decoder *d, const struct copy *c, const char *data,
			size_t size, void *to)
{
	unsigned long long v;

	if ((size_t)c->from->offset + c->from->size > size ||
	    tep_read_number_field(c->from, data, &v))
		return;
	/* Both are little-endian where this runs; the low bytes are the number. */
	memcpy(to, &v, c->to->size);
}

size_t raw_stack(const struct raw_decoder *d, void *data, size_t size, __u64 *ip, size_t max)
{
	struct tep_event *e = tep_find_event_by_name(d->tep, raw_names[RAW_STACK].system,
						     raw_names[RAW_STACK].event);
	struct tep_format_field *caller = e ? tep_find_field(e, "caller") : NULL;
	size_t n;

	if (!caller || (size_t)caller->offset >= size)
		return 0;
	n = (size - caller->offset) / sizeof(*ip);
	if (n > max)
		n = max;
	memcpy(ip, (char *)data + caller->offset, n * sizeof(*ip));
	/* What fills up the record is none. */
	while (n && (!ip[n - 1] || ip[n - 1] == ~0ULL))
		n--;
	return n;
}

bool raw_decode(const struct raw_decoder *d, void *data, size_t size, __u64 time_ns,
		struct raw_event *to)
{
	struct tep_record record = { .data = data, .size = size };
	int id = size >= 8 ? tep_data_type(d->tep, &record) : -1;
	const struct decoder *e = NULL;

	for (size_t i = 0; i < d->n && !e; i++)
		if (d->event[i].id == id)
			e = &d->event[i];
	if (!e)
		return false;
	memset(to, 0, sizeof(*to));
	to->time_ns = time_ns;
	to->what = e->what;
	for (int i = 0; i < e->n; i++) {
		const struct copy *c = &e->copy[i];
		char *at = (char *)to + c->to->offset;

		if (c->to->offset == offsetof(struct raw_event, text))
			copy_string(d, c, data, size, at);
		else
			copy_number(d, c, data, size, at);
	}
	return true;
}
