// SPDX-License-Identifier: GPL-2.0-only
/* The schema of recordings: our structs as tables, and how to read others'. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "model.h"
#include "names.h"
#include "recording.h"

/* ---- our layouts ---------------------------------------------------------- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file format");

#define FIELD(s, f, t)	{ #f, t, offsetof(struct s, f), sizeof(((struct s *)0)->f) }
#define NAMED(n, s, f, t) { n, t, offsetof(struct s, f), sizeof(((struct s *)0)->f) }

static const struct rec_field settings_fields[] = {
	FIELD(fi_settings, ino, REC_U64),
	FIELD(fi_settings, min_lat_ns, REC_U64),
	FIELD(fi_settings, dev, REC_U32),
	FIELD(fi_settings, pid, REC_U32),
	FIELD(fi_settings, tid, REC_U32),
	FIELD(fi_settings, ops, REC_U32),
	FIELD(fi_settings, kinds, REC_U32),
	FIELD(fi_settings, types, REC_U32),
	FIELD(fi_settings, max_cells, REC_U32),
	FIELD(fi_settings, comm, REC_CHAR),
	FIELD(fi_settings, cgroup, REC_U8),
	FIELD(fi_settings, errors, REC_U8),
	FIELD(fi_settings, shorts, REC_U8),
	FIELD(fi_settings, by, REC_U8),
	FIELD(fi_settings, cells, REC_U8),
	FIELD(fi_settings, hists, REC_U8),
	FIELD(fi_settings, records, REC_U8),
	FIELD(fi_settings, servers, REC_U8),
	FIELD(fi_settings, kernel_stacks, REC_U8),
	FIELD(fi_settings, user_stacks, REC_U8),
	FIELD(fi_settings, no_preempt, REC_U8),
	FIELD(fi_settings, upstream, REC_U8),
};

/* "maps" is both mappings in the wire format; of a refusal, the rule. */
static const struct rec_field record_fields[] = {
	FIELD(fi_record, time_ns, REC_U64),
	FIELD(fi_record, lat_ns, REC_U64),
	FIELD(fi_record, phase_ns, REC_U64),
	FIELD(fi_record, ino, REC_U64),
	FIELD(fi_record, nodeid, REC_U64),
	FIELD(fi_record, isize, REC_U64),
	FIELD(fi_record, pos, REC_U64),
	FIELD(fi_record, count, REC_U64),
	FIELD(fi_record, written, REC_S64),
	FIELD(fi_record, unique, REC_U64),
	FIELD(fi_record, dev, REC_U32),
	FIELD(fi_record, pid, REC_U32),
	FIELD(fi_record, tid, REC_U32),
	FIELD(fi_record, server_tid, REC_U32),
	FIELD(fi_record, opflags, REC_U32),
	FIELD(fi_record, error, REC_S32),
	FIELD(fi_record, kind, REC_U8),
	FIELD(fi_record, op, REC_U8),
	FIELD(fi_record, flags, REC_U16),
	FIELD(fi_record, kernel_stack, REC_S32),
	FIELD(fi_record, user_stack, REC_S32),
	FIELD(fi_record, line, REC_S32),
	FIELD(fi_record, comm, REC_CHAR),
	NAMED("maps", fi_record, rule, REC_CHAR),
	FIELD(fi_record, new_addr, REC_U64),
	FIELD(fi_record, newsize, REC_U64),
	FIELD(fi_record, io_error, REC_S32),
	FIELD(fi_record, io_dev, REC_U32),
};

static const struct rec_field ledger_fields[] = {
	FIELD(fi_ledger, begun, REC_U64),
	FIELD(fi_ledger, ok, REC_U64),
	FIELD(fi_ledger, errors, REC_U64),
	FIELD(fi_ledger, in_flight, REC_U64),
	FIELD(fi_ledger, unpaired, REC_U64),
	FIELD(fi_ledger, unmatched, REC_U64),
	FIELD(fi_ledger, sent, REC_U64),
	FIELD(fi_ledger, unsent, REC_U64),
	FIELD(fi_ledger, no_storage, REC_U64),
	FIELD(fi_ledger, repaired, REC_U64),
	FIELD(fi_ledger, unsplit, REC_U64),
	FIELD(fi_ledger, bad_data, REC_U64),
	FIELD(fi_ledger, records, REC_U64),
	FIELD(fi_ledger, ring_full, REC_U64),
	FIELD(fi_ledger, requests_full, REC_U64),
	FIELD(fi_ledger, other, REC_U64),
	FIELD(fi_ledger, cells_full, REC_U64),
	FIELD(fi_ledger, stacks_lost, REC_U64),
	FIELD(fi_ledger, raw_lost, REC_U64),
};

static const struct rec_field open_fields[] = {
	FIELD(fi_open, start_ns, REC_U64),
	FIELD(fi_open, send_ns, REC_U64),
	FIELD(fi_open, ino, REC_U64),
	FIELD(fi_open, pos, REC_U64),
	FIELD(fi_open, count, REC_U64),
	FIELD(fi_open, dev, REC_U32),
	FIELD(fi_open, pid, REC_U32),
	FIELD(fi_open, tid, REC_U32),
	FIELD(fi_open, kind, REC_U8),
	FIELD(fi_open, op, REC_U8),
	FIELD(fi_open, pad, REC_PAD),
	FIELD(fi_open, comm, REC_CHAR),
};

static const struct rec_field server_fields[] = {
	NAMED("dev", server, key.dev, REC_U32),
	NAMED("pid", server, key.pid, REC_U32),
	NAMED("tid", server, key.tid, REC_U32),
	NAMED("pad", server, key.pad, REC_PAD),
	NAMED("requests", server, v.requests, REC_U64),
	NAMED("busy_ns", server, v.busy_ns, REC_U64),
	NAMED("busy_since", server, v.busy_since, REC_U64),
	NAMED("comm", server, v.comm, REC_CHAR),
};

static const struct rec_field tick_fields[] = {
	FIELD(rec_tick, time_ns, REC_U64),
	FIELD(rec_tick, missed, REC_U64),
	FIELD(rec_tick, reason, REC_U32),
	FIELD(rec_tick, nr_open, REC_U32),
	FIELD(rec_tick, nr_servers, REC_U32),
	FIELD(rec_tick, splits, REC_U8),
	FIELD(rec_tick, upstream, REC_U8),
	FIELD(rec_tick, pad, REC_PAD),
};

static const struct rec_field mount_fields[] = {
	FIELD(rec_mount, dev, REC_U32),
	FIELD(rec_mount, server_pid, REC_U32),
	FIELD(rec_mount, gone, REC_U32),
};

static const struct rec_field path_fields[] = {
	FIELD(rec_path, ino, REC_U64),
	FIELD(rec_path, nodeid, REC_U64),
	FIELD(rec_path, dev, REC_U32),
	FIELD(rec_path, whole, REC_U32),
};

static const struct rec_field task_fields[] = {
	FIELD(rec_task, tid, REC_U32),
	FIELD(rec_task, pid, REC_U32),
	FIELD(rec_task, comm, REC_CHAR),
	FIELD(rec_task, process, REC_CHAR),
};

static const struct rec_field stack_fields[] = {
	FIELD(rec_stack, id, REC_S32),
	FIELD(rec_stack, user, REC_U32),
};

static const struct rec_field end_fields[] = {
	FIELD(rec_end, records, REC_U64),
};

#define LAYOUT(name, s, strings, fields) \
	{ name, sizeof(struct s), strings, fields, sizeof(fields) / sizeof((fields)[0]) }

const struct rec_layout rec_layouts[REC_TYPES] = {
	[REC_SCHEMA]	= { .name = "schema" },
	[REC_INFO]	= { .name = "info" },
	[REC_SETTINGS]	= LAYOUT("settings", fi_settings, 0, settings_fields),
	[REC_RECORD]	= LAYOUT("record", fi_record, 0, record_fields),
	[REC_LEDGER]	= LAYOUT("ledger", fi_ledger, 0, ledger_fields),
	[REC_OPEN]	= LAYOUT("open", fi_open, 0, open_fields),
	[REC_SERVER]	= LAYOUT("server", server, 0, server_fields),
	[REC_TICK]	= LAYOUT("tick", rec_tick, 0, tick_fields),
	[REC_MOUNT]	= LAYOUT("mount", rec_mount, 4, mount_fields),
	[REC_FILE]	= LAYOUT("file", rec_path, 1, path_fields),
	[REC_TASK]	= LAYOUT("task", rec_task, 0, task_fields),
	[REC_STACK]	= LAYOUT("stack", rec_stack, 1, stack_fields),
	[REC_END]	= LAYOUT("end", rec_end, 0, end_fields),
};

static const struct {
	const char *name;
	unsigned int size;
	bool is_signed;
} field_types[] = {
	[REC_U8]   = { "u8", 1 },
	[REC_U16]  = { "u16", 2 },
	[REC_U32]  = { "u32", 4 },
	[REC_U64]  = { "u64", 8 },
	[REC_S32]  = { "s32", 4, true },
	[REC_S64]  = { "s64", 8, true },
	[REC_CHAR] = { "char", 1 },
};

#define FIELD_TYPES (sizeof(field_types) / sizeof(field_types[0]))

/* ---- as text -------------------------------------------------------------- */

static void field_text(struct text *t, const struct rec_field *f)
{
	unsigned int n;

	if (f->type == REC_PAD)
		return;
	n = f->size / field_types[f->type].size;
	text_printf(t, " %s", field_types[f->type].name);
	if (n > 1)
		text_printf(t, "[%u]", n);
	text_printf(t, " %s %u\n", f->name, f->offset);
}

static void enum_text(struct text *t, const char *name, const char *const *names, size_t n)
{
	text_printf(t, "enum %s", name);
	for (size_t i = 0; i < n; i++)
		text_printf(t, " %s", names[i]);
	text_printf(t, "\n");
}

void rec_schema_text(struct text *t)
{
	for (int type = 0; type < REC_TYPES; type++) {
		const struct rec_layout *l = &rec_layouts[type];

		if (!l->name)
			continue;
		text_printf(t, "item %d %s %u\n", type, l->name, l->size);
		for (size_t i = 0; i < l->nr_fields; i++)
			field_text(t, &l->field[i]);
	}
	enum_text(t, "kind", kind_name, FI_RECORD_KINDS);
	enum_text(t, "op", op_name, FI_OPS);
}

/* ---- reading it ----------------------------------------------------------- */

struct parse {
	struct rec_schema *s;
	int type;		/* of the item whose fields follow, 0: unknown */
};

static const struct rec_field *find_field(const struct rec_layout *l, const char *name)
{
	for (size_t i = 0; i < l->nr_fields; i++)
		if (l->field[i].type != REC_PAD && !strcmp(l->field[i].name, name))
			return &l->field[i];
	return NULL;
}

static int find_field_type(const char *name)
{
	for (size_t i = 0; i < FIELD_TYPES; i++)
		if (!strcmp(field_types[i].name, name))
			return i;
	return -1;
}

static int find_item(const char *name)
{
	for (int i = 1; i < REC_TYPES; i++)
		if (!strcmp(rec_layouts[i].name, name))
			return i;
	return 0;
}

static int parse_item(struct parse *p, const char *line)
{
	unsigned int type, size;
	char name[32];

	p->type = 0;
	if (sscanf(line, "item %u %31s %u", &type, name, &size) != 3)
		return -EINVAL;
	/* One that we do not know, or know by another number: it is skipped. */
	if (type >= REC_TYPES || find_item(name) != (int)type)
		return 0;
	if (size > REC_RAW_MAX)
		return -EINVAL;
	p->type = type;
	p->s->plan[type] = (struct rec_plan){ .size = size };
	return 0;
}

/* "u64[4] phase_ns 16" */
static int parse_field(struct parse *p, const char *line)
{
	struct rec_plan *plan = &p->s->plan[p->type];
	unsigned int n = 1, offset, size;
	const struct rec_field *f;
	char type[32], name[32];
	char *bracket;
	int t;

	if (!p->type)
		return 0;
	if (sscanf(line, " %31s %31s %u", type, name, &offset) != 3)
		return -EINVAL;
	bracket = strchr(type, '[');
	if (bracket && sscanf(bracket, "[%u]", &n) != 1)
		return -EINVAL;
	if (bracket)
		*bracket = '\0';
	t = find_field_type(type);
	f = find_field(&rec_layouts[p->type], name);
	/* A type of the future is of no use even where we know the name. */
	if (t < 0 || !f)
		return 0;
	size = field_types[t].size;
	if (!n || n > plan->size / size || offset > plan->size - n * size ||
	    plan->nr_moves == REC_MOVES)
		return -EINVAL;
	if (n > f->size / field_types[f->type].size)
		n = f->size / field_types[f->type].size;
	plan->move[plan->nr_moves++] = (struct rec_move){
		.from = offset, .to = f->offset, .n = n,
		.from_size = size, .to_size = field_types[f->type].size,
		.is_signed = field_types[t].is_signed,
	};
	return 0;
}

static int parse_enum(struct parse *p, char *line)
{
	char *save = NULL, *name = strtok_r(line, " ", &save);
	bool is_op;
	int i;

	name = strtok_r(NULL, " ", &save);
	if (!name)
		return -EINVAL;
	is_op = !strcmp(name, "op");
	if (!is_op && strcmp(name, "kind"))
		return 0;
	for (i = 0; (name = strtok_r(NULL, " ", &save)) && i < REC_NAMES; i++) {
		int ours = is_op ? name_index(op_name, FI_OPS, name, strlen(name)) :
			   name_index(kind_name, FI_RECORD_KINDS, name, strlen(name));

		if (is_op && ours >= 0)
			p->s->op[i] = ours;
		else if (ours >= 0)
			p->s->kind[i] = ours;
	}
	return 0;
}

/* Nothing but fields that stand where ours do, and all of them. */
static bool plan_is_copy(const struct rec_plan *plan, const struct rec_layout *l)
{
	unsigned int bytes = 0, ours = 0;

	for (unsigned int i = 0; i < plan->nr_moves; i++) {
		const struct rec_move *m = &plan->move[i];

		if (m->from != m->to || m->from_size != m->to_size)
			return false;
		bytes += m->n * m->to_size;
	}
	for (size_t i = 0; i < l->nr_fields; i++)
		if (l->field[i].type != REC_PAD)
			ours += l->field[i].size;
	return plan->size == l->size && bytes == ours;
}

static int parse_line(struct parse *p, char *line)
{
	if (!strncmp(line, "item ", 5))
		return parse_item(p, line);
	if (!strncmp(line, "enum ", 5))
		return parse_enum(p, line);
	return *line == ' ' ? parse_field(p, line) : 0;
}

int rec_schema_parse(struct rec_schema *s, const char *text, size_t len)
{
	char *copy = xcalloc(1, len + 1), *save = NULL;
	struct parse p = { .s = s };
	int err = 0;

	memset(s, 0, sizeof(*s));
	memset(s->op, FI_OPS, sizeof(s->op));
	memset(s->kind, FI_RECORD_KINDS, sizeof(s->kind));
	memcpy(copy, text, len);
	for (char *line = strtok_r(copy, "\n", &save); line && !err;
	     line = strtok_r(NULL, "\n", &save))
		err = parse_line(&p, line);
	free(copy);
	for (int i = 0; i < REC_TYPES; i++)
		s->plan[i].same = plan_is_copy(&s->plan[i], &rec_layouts[i]);
	return err ? err : s->plan[REC_RECORD].size ? 0 : -EINVAL;
}

/* ---- copying -------------------------------------------------------------- */

/* Little-endian: the low bytes come first, whatever the width. */
static __u64 get_number(const unsigned char *from, unsigned int size, bool is_signed)
{
	unsigned int unused = 64 - 8 * size;
	__u64 v = 0;

	memcpy(&v, from, size);
	return is_signed ? (__u64)((__s64)(v << unused) >> unused) : v;
}

static void do_move(const struct rec_move *m, unsigned char *to, const unsigned char *from)
{
	to += m->to;
	from += m->from;
	if (m->from_size == m->to_size) {
		memcpy(to, from, m->n * m->to_size);
		return;
	}
	for (unsigned int i = 0; i < m->n; i++) {
		__u64 v = get_number(from + i * m->from_size, m->from_size, m->is_signed);

		memcpy(to + i * m->to_size, &v, m->to_size);
	}
}

void rec_get(const struct rec_schema *s, enum rec_type type, void *to, const void *from)
{
	const struct rec_plan *plan = &s->plan[type];

	if (plan->same) {
		memcpy(to, from, plan->size);
		return;
	}
	memset(to, 0, rec_layouts[type].size);
	for (unsigned int i = 0; i < plan->nr_moves; i++)
		do_move(&plan->move[i], to, from);
}

/* ---- headers -------------------------------------------------------------- */

__u32 rec_crc(const void *data, size_t len)
{
	return crc32(0, data, len);
}

void rec_file_head_make(struct rec_file_head *h)
{
	*h = (struct rec_file_head){ .version = REC_VERSION };
	memcpy(h->magic, REC_MAGIC, sizeof(h->magic));
	h->crc = rec_crc(h, offsetof(struct rec_file_head, crc));
}

bool rec_is_recording(const void *head, size_t len)
{
	const __u64 block = REC_BLOCK_MAGIC;

	if (len >= 8 && !memcmp(head, REC_MAGIC, 8))
		return true;
	return memmem(head, len < REC_DETECT ? len : REC_DETECT, &block, sizeof(block));
}
