// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuseiomap_count.h"
#include "names.h"
#include "shortview.h"

#define FINDING(row)	(((const struct short_row *)(row))->f)

/* ---- one finding --------------------------------------------------------- */

/*
 * What a finding has in common with an operation is that of its END; the row of
 * the one is made from that of the other.
 */
static struct trace_row end_row(const struct short_row *row)
{
	return (struct trace_row){ &row->f->end, row->catalog, row->clock };
}

static void get_time(const void *row, int arg, struct value *v)
{
	const struct short_row *s = row;

	clock_text(v->s, sizeof(v->s), &s->clock, s->f->end.time_ns);
}

static void get_op(const void *row, int arg, struct value *v)
{
	value_str(v, op_name[FINDING(row)->end.op % FI_OPS]);
}

enum who { W_COMM, W_PROCESS, W_FILE, W_PATH, W_MOUNT };

static void process_text(char *buf, size_t size, const struct catalog *c,
			 const struct fi_record *r)
{
	const struct task *task = catalog_task(c, r->tid);

	if (task && task->process[0])
		snprintf(buf, size, "%s", task->process);
	else
		snprintf(buf, size, "%.*s", FI_COMM_LEN, r->comm);
}

static void get_who(const void *row, int arg, struct value *v)
{
	const struct short_row *s = row;
	const struct fi_record *r = &s->f->end;

	switch (arg) {
	case W_COMM:
		value_strn(v, r->comm, FI_COMM_LEN);
		break;
	case W_PROCESS:
		process_text(v->s, sizeof(v->s), s->catalog, r);
		break;
	case W_FILE:
		catalog_file_name(s->catalog, r->dev, r->ino, v->s, sizeof(v->s));
		break;
	case W_PATH:
		catalog_file_path(s->catalog, r->dev, r->ino, v->s, sizeof(v->s));
		break;
	case W_MOUNT:
		catalog_mount_name(s->catalog, r->dev, v->s, sizeof(v->s));
		break;
	}
}

static void get_cause(const void *row, int arg, struct value *v)
{
	value_str(v, short_cause_name[FINDING(row)->cause]);
}

static void get_words(const void *row, int arg, struct value *v)
{
	const struct finding *f = FINDING(row);
	char words[64];

	snprintf(v->s, sizeof(v->s), "%s%s",
		 f->sure || f->cause == SHORT_UNKNOWN ? "" : "probably ",
		 short_cause_text(words, sizeof(words), f));
}

enum error { E_CAUSE, E_END, E_NEXT, E_IOEND, E_STATUS, E_IOEND_BEFORE };

static bool has(const struct fi_record *r)
{
	return r->time_ns;
}

static void get_error(const void *row, int arg, struct value *v)
{
	const struct finding *f = FINDING(row);
	const struct {
		int error;
		bool is;
	} errors[] = {
		[E_CAUSE] = { f->error, f->error },
		[E_END] = { f->end.error, f->end.flags & FI_F_SENT },
		[E_NEXT] = { f->next.error, has(&f->next) },
		[E_IOEND] = { f->ioend.io_error ?: f->ioend.error, has(&f->ioend) },
		[E_STATUS] = { f->end.io_error, f->end.flags & FI_F_STATUS },
		[E_IOEND_BEFORE] = { f->ioend_before.error, f->ioend_before.time_ns },
	};

	v->none = !errors[arg].is;
	if (errors[arg].error)
		errno_text(v->s, sizeof(v->s), errors[arg].error);
	else
		value_str(v, "0");
}

enum number {
	N_TS, N_DEV, N_PID, N_TID, N_INO, N_NODEID, N_ISIZE, N_POS, N_COUNT, N_WRITTEN,
	N_MISSING, N_SURE, N_BENIGN, N_ENDS, N_END_POS, N_END_COUNT, N_END_WRITTEN, N_SENT,
	N_END_LAT, N_END_SERVER, N_OPFLAGS, N_BEGIN_POS, N_BEGIN_COUNT, N_BEGIN_LAT,
	N_BEGIN_SERVER, N_NEXT_POS, N_NEXT_COUNT, N_NEXT_LAT, N_SIGNAL, N_IOEND_BEFORE,
	N_REFUSED_BEFORE,
};

static __u64 age(const struct finding *f, const struct short_before *b)
{
	return f->end.time_ns > b->time_ns ? f->end.time_ns - b->time_ns : 0;
}

static void get_number(const void *row, int arg, struct value *v)
{
	const struct finding *f = FINDING(row);
	const struct fi_record *end = &f->end, *begin = &f->begin, *next = &f->next;
	const struct {
		__u64 v;
		bool none;
	} numbers[] = {
		[N_TS] = { end->time_ns }, [N_DEV] = { end->dev },
		[N_PID] = { end->pid }, [N_TID] = { end->tid },
		[N_INO] = { end->ino, !end->ino }, [N_NODEID] = { end->nodeid, !end->nodeid },
		[N_ISIZE] = { end->isize },
		[N_POS] = { f->pos }, [N_COUNT] = { f->count },
		[N_WRITTEN] = { f->written }, [N_MISSING] = { f->missing },
		[N_SURE] = { f->sure }, [N_BENIGN] = { f->benign }, [N_ENDS] = { f->nr_ends },
		[N_END_POS] = { end->pos }, [N_END_COUNT] = { end->count },
		[N_END_WRITTEN] = { end->written },
		[N_SENT] = { !!(end->flags & FI_F_SENT) },
		[N_END_LAT] = { end->lat_ns,
				!(end->flags & FI_F_SENT) || !(end->flags & FI_F_TIMED) },
		[N_END_SERVER] = { end->phase_ns[FI_PH_SERVER], !(end->flags & FI_F_SPLIT) },
		[N_OPFLAGS] = { begin->opflags, !has(begin) },
		[N_BEGIN_POS] = { begin->pos, !has(begin) },
		[N_BEGIN_COUNT] = { begin->count, !has(begin) },
		[N_BEGIN_LAT] = { begin->lat_ns, !(begin->flags & FI_F_TIMED) },
		[N_BEGIN_SERVER] = { begin->phase_ns[FI_PH_SERVER],
				     !(begin->flags & FI_F_SPLIT) },
		[N_NEXT_POS] = { next->pos, !has(next) },
		[N_NEXT_COUNT] = { next->count, !has(next) },
		[N_NEXT_LAT] = { next->lat_ns, !(next->flags & FI_F_TIMED) },
		[N_SIGNAL] = { !!(end->flags & FI_F_SIGNAL) },
		[N_IOEND_BEFORE] = { age(f, &f->ioend_before), !f->ioend_before.time_ns },
		[N_REFUSED_BEFORE] = { age(f, &f->refused_before),
				       !f->refused_before.time_ns ||
				       f->refused_before.time_ns > end->time_ns },
	};

	v->u = numbers[arg].v;
	v->none = numbers[arg].none;
}

static void get_flags(const void *row, int arg, struct value *v)
{
	v->none = !has(&FINDING(row)->begin);
	flags_text(v->s, sizeof(v->s), opflag_names, FINDING(row)->begin.opflags);
}

static void get_sent_why(const void *row, int arg, struct value *v)
{
	short_sent_text(v->s, sizeof(v->s), &FINDING(row)->end);
}

static void get_rule(const void *row, int arg, struct value *v)
{
	const struct short_before *b = &FINDING(row)->refused_before;

	v->none = !b->time_ns;
	value_strn(v, b->rule, FI_RULE_LEN);
}

enum map { MAP_READ, MAP_WRITE, MAP_USED };

static const struct fuse_iomap_io *map_of(const struct finding *f, int which)
{
	const struct fuse_iomap_io *map = which == MAP_USED ? &f->end.read :
					  which == MAP_WRITE ? &f->begin.write : &f->begin.read;

	return map->length ? map : NULL;
}

static void get_map(const void *row, int which, struct value *v)
{
	const struct finding *f = FINDING(row);
	const struct fuse_iomap_io *map = map_of(f, which);
	struct text t = { 0 };

	v->none = !map;
	if (!map)
		return;
	map_text(&t, map, mapflag_names);
	value_str(v, t.s);
	text_free(&t);
}

static void get_map_number(const void *row, int arg, struct value *v)
{
	const struct fuse_iomap_io *map = map_of(FINDING(row), arg & 3);

	v->none = !map;
	if (map)
		v->u = arg >> 2 ? map->length : map->offset;
}

const struct column short_columns[] = {
	{ "time", "TIME", -12, 0, U_TEXT, get_time, 0, "when it ended (-T: from which clock)" },
	{ "ts_ns", "", 0, 0, U_COUNT, get_number, N_TS,
	  "when it ended, in ns of CLOCK_MONOTONIC" },
	{ "cause", "", 0, 0, U_TEXT, get_cause, 0, "why, as one word" },
	{ "errname", "", 0, 0, U_TEXT, get_error, E_CAUSE, "the error that goes with it" },
	{ "sure", "", 0, 0, U_BOOL, get_number, N_SURE,
	  "false: named by excluding what else is known" },
	{ "benign", "", 0, 0, U_BOOL, get_number, N_BENIGN, "nothing is missing in the end" },
	{ "op", "OP", -13, 0, U_TEXT, get_op, 0, "what the operation is for" },
	{ "connection", "", 0, 0, U_COUNT, get_number, N_DEV, "connection, as -C takes it" },
	{ "mount", "", 0, 0, U_TEXT, get_who, W_MOUNT, "mount point" },
	{ "comm", "COMM", -15, 0, U_TEXT, get_who, W_COMM, "name of the thread" },
	{ "process", "", 0, 0, U_TEXT, get_who, W_PROCESS, "name of its process" },
	{ "pid", "PID", 7, 0, U_COUNT, get_number, N_PID, "process" },
	{ "tid", "", 0, 0, U_COUNT, get_number, N_TID, "thread" },
	{ "file", "FILE", -20, 0, U_TEXT, get_who, W_FILE, "path below the mount point" },
	{ "path", "", 0, 0, U_TEXT, get_who, W_PATH, "path with the mount point" },
	{ "ino", "", 0, 0, U_COUNT, get_number, N_INO, "inode number" },
	{ "nodeid", "", 0, 0, U_COUNT, get_number, N_NODEID, "node id, as the server knows it" },
	{ "isize", "", 0, 0, U_BYTES, get_number, N_ISIZE, "size of the file then" },
	{ "pos", "OFFSET", 10, 0, U_OFFSET, get_number, N_POS, "start of the whole operation" },
	{ "count", "COUNT", 6, 0, U_BYTES, get_number, N_COUNT, "its length" },
	{ "written", "WRITTEN", 7, 0, U_BYTES, get_number, N_WRITTEN, "what of that was written" },
	{ "missing", "MISSING", 7, 0, U_BYTES, get_number, N_MISSING,
	  "and what was not; of a benign one, what was done again" },
	{ "ends", "", 0, 0, U_COUNT, get_number, N_ENDS, "short ENDs that it shows as" },
	{ "explanation", "CAUSE", -40, 0, U_TEXT, get_words, 0, "why, in words" },
	{ "opflags", "", 0, 0, U_COUNT, get_number, N_OPFLAGS, "flags of its BEGIN as a number" },
	{ "opflag_names", "", 0, 0, U_TEXT, get_flags, 0, "flags of its BEGIN" },
	{ "begin_pos", "", 0, 0, U_OFFSET, get_number, N_BEGIN_POS,
	  "its BEGIN: start of the range" },
	{ "begin_count", "", 0, 0, U_BYTES, get_number, N_BEGIN_COUNT,
	  "its BEGIN: length of the range" },
	{ "begin_lat_ns", "", 0, 0, U_NS, get_number, N_BEGIN_LAT,
	  "its BEGIN: time from start to end" },
	{ "begin_server_ns", "", 0, 0, U_NS, get_number, N_BEGIN_SERVER,
	  "its BEGIN: the part at the server" },
	{ "read_map", "", 0, 0, U_TEXT, get_map, MAP_READ, "its BEGIN: read mapping" },
	{ "read_offset", "", 0, 0, U_OFFSET, get_map_number, MAP_READ,
	  "where that starts in the file" },
	{ "read_length", "", 0, 0, U_BYTES, get_map_number, MAP_READ | 4, "its length" },
	{ "write_map", "", 0, 0, U_TEXT, get_map, MAP_WRITE, "its BEGIN: write mapping" },
	{ "write_offset", "", 0, 0, U_OFFSET, get_map_number, MAP_WRITE,
	  "where that starts in the file" },
	{ "write_length", "", 0, 0, U_BYTES, get_map_number, MAP_WRITE | 4, "its length" },
	{ "end_pos", "", 0, 0, U_OFFSET, get_number, N_END_POS, "END: start of the range" },
	{ "end_count", "", 0, 0, U_BYTES, get_number, N_END_COUNT,
	  "END: length, as far as the mapping goes" },
	{ "end_written", "", 0, 0, U_SIGNED, get_number, N_END_WRITTEN, "END: bytes written" },
	{ "end_map", "", 0, 0, U_TEXT, get_map, MAP_USED, "END: the mapping used" },
	{ "end_status", "", 0, 0, U_TEXT, get_error, E_STATUS,
	  "what ended the iteration, if that is known" },
	{ "signal", "", 0, 0, U_BOOL, get_number, N_SIGNAL, "a signal was pending" },
	{ "sent", "", 0, 0, U_BOOL, get_number, N_SENT, "whether the server was told" },
	{ "sent_why", "", 0, 0, U_TEXT, get_sent_why, 0, "and why, or why not" },
	{ "end_error", "", 0, 0, U_TEXT, get_error, E_END, "what the server answered to END" },
	{ "end_lat_ns", "", 0, 0, U_NS, get_number, N_END_LAT, "how long that took" },
	{ "end_server_ns", "", 0, 0, U_NS, get_number, N_END_SERVER, "the part at the server" },
	{ "next_pos", "", 0, 0, U_OFFSET, get_number, N_NEXT_POS,
	  "the BEGIN that failed then: start" },
	{ "next_count", "", 0, 0, U_BYTES, get_number, N_NEXT_COUNT, "its length" },
	{ "next_error", "", 0, 0, U_TEXT, get_error, E_NEXT, "its error" },
	{ "next_lat_ns", "", 0, 0, U_NS, get_number, N_NEXT_LAT, "its time from start to end" },
	{ "ioend_error", "", 0, 0, U_TEXT, get_error, E_IOEND, "direct: what its I/O ended with" },
	{ "ioend_before_ns", "", 0, 0, U_NS, get_number, N_IOEND_BEFORE,
	  "how long before there was an ioend on this inode" },
	{ "ioend_before_error", "", 0, 0, U_TEXT, get_error, E_IOEND_BEFORE,
	  "what that ended with" },
	{ "refused_before_ns", "", 0, 0, U_NS, get_number, N_REFUSED_BEFORE,
	  "how long before an answer for this inode was refused" },
	{ "refused_rule", "", 0, 0, U_TEXT, get_rule, 0,
	  "the condition that failed then, or in the next mapping" },
};

const size_t nr_short_columns = sizeof(short_columns) / sizeof(short_columns[0]);

/* ---- details ------------------------------------------------------------- */

static void add_timing(struct text *t, const struct fi_record *r)
{
	char ns[FMT_LEN];

	if (!(r->flags & FI_F_TIMED))
		return;
	text_printf(t, " in %s", fmt_ns(ns, sizeof(ns), r->lat_ns));
	if (r->flags & FI_F_SPLIT)
		text_printf(t, " (server %s)",
			    fmt_ns(ns, sizeof(ns), r->phase_ns[FI_PH_SERVER]));
}

static void add_range(struct text *t, __u64 pos, __u64 count)
{
	char bytes[FMT_LEN];

	text_printf(t, "0x%llx+%s", (unsigned long long)pos,
		    fmt_bytes(bytes, sizeof(bytes), count));
}

static void add_begin(struct text *t, const struct finding *f)
{
	const struct fi_record *r = &f->begin;
	char flags[128];

	if (!has(r)) {
		text_printf(t, "not seen");
		return;
	}
	add_range(t, r->pos, r->count);
	text_printf(t, " %s: ", flags_text(flags, sizeof(flags), opflag_names, r->opflags));
	if (r->read.length)
		map_text(t, &r->read, mapflag_names);
	else
		text_printf(t, "mapping not seen");
	if (r->write.length && r->write.type != FUSE_IOMAP_TYPE_PURE_OVERWRITE) {
		text_add(t, ">", 1);
		map_text(t, &r->write, mapflag_names);
	}
	add_timing(t, r);
}

static void add_end(struct text *t, const struct finding *f)
{
	const struct fi_record *r = &f->end;
	char buf[128], bytes[FMT_LEN];

	add_range(t, r->pos, r->count);
	text_printf(t, " wrote %s; %s", fmt_bytes(bytes, sizeof(bytes),
						  r->written > 0 ? r->written : 0),
		    short_sent_text(buf, sizeof(buf), r));
	if (r->flags & FI_F_SENT) {
		text_printf(t, "; answered %s",
			    r->error ? errno_text(buf, sizeof(buf), r->error) : "ok");
		add_timing(t, r);
	}
	if (f->nr_ends > 1)
		text_printf(t, "; a second END, where it stopped, wrote nothing");
}

static void add_next(struct text *t, const struct finding *f)
{
	char error[32];

	add_range(t, f->next.pos, f->next.count);
	text_printf(t, ": %s", errno_text(error, sizeof(error), f->next.error));
	add_timing(t, &f->next);
	if (f->cause == SHORT_REFUSED)
		text_printf(t, ": the answer broke \"%.*s\"", FI_RULE_LEN,
			    f->refused_before.rule);
}

static void add_ioend(struct text *t, const struct finding *f)
{
	int error = f->ioend.io_error ?: f->ioend.error;
	char buf[32];

	add_range(t, f->ioend.pos, f->ioend.count);
	text_printf(t, ": %s", error ? errno_text(buf, sizeof(buf), error) : "ok");
}

/* Not the answer that was refused after it, and is the cause. */
static bool is_before(const struct finding *f, const struct short_before *b)
{
	return b->time_ns && b->time_ns <= f->end.time_ns;
}

static void add_before(struct text *t, const struct finding *f)
{
	const struct short_before *i = &f->ioend_before, *r = &f->refused_before;
	char buf[32];

	if (i->time_ns) {
		text_printf(t, "ioend ");
		add_range(t, i->pos, i->count);
		text_printf(t, " %s", i->error ? errno_text(buf, sizeof(buf), i->error) : "ok");
		text_printf(t, ", %s before", fmt_ns(buf, sizeof(buf), age(f, i)));
	}
	if (is_before(f, r))
		text_printf(t, "%srefused \"%.*s\", %s before", i->time_ns ? "; " : "",
			    FI_RULE_LEN, r->rule, fmt_ns(buf, sizeof(buf), age(f, r)));
}

void short_details(struct text *t, const struct short_row *row)
{
	const struct finding *f = row->f;
	const struct {
		const char *name;
		void (*add)(struct text *t, const struct finding *f);
		bool is;
	} lines[] = {
		{ "begin", add_begin, true },
		{ "end", add_end, true },
		{ "next", add_next, has(&f->next) },
		{ "ioend", add_ioend, has(&f->ioend) },
		{ "earlier", add_before,
		  is_before(f, &f->ioend_before) || is_before(f, &f->refused_before) },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!lines[i].is)
			continue;
		text_style(t, STYLE_DIM);
		text_printf(t, "             %-8s", lines[i].name);
		lines[i].add(t, f);
		text_style(t, STYLE_NONE);
		text_add(t, "\n", 1);
	}
}

void short_json(struct json *j, const struct columns *columns, const struct short_row *row)
{
	struct trace_row end = end_row(row);

	json_line(j, "finding");
	columns_json(j, columns->c, columns->n, row);
	stack_json(j, "kernel_stack", end.catalog, end.r->kernel_stack);
	stack_json(j, "user_stack", end.catalog, end.r->user_stack);
}

/* ---- signatures ---------------------------------------------------------- */

static __u8 type_of(const struct finding *f, const struct fuse_iomap_io *map)
{
	return has(&f->begin) && map->length ? fi_type(map->type) : FI_TYPE_BAD;
}

static struct signature signature_of(const struct finding *f, const struct catalog *c)
{
	struct signature s = {
		.cause = f->cause,
		.error = f->error,
		.sure = f->sure,
		.benign = f->benign,
		.op = f->end.op,
		.read_type = type_of(f, &f->begin.read),
		.write_type = type_of(f, &f->begin.write),
		.dev = f->end.dev,
		.ino = f->end.ino,
		.first_ns = f->end.time_ns,
		.kernel_stack = f->end.kernel_stack,
		.user_stack = f->end.user_stack,
	};

	process_text(s.process, sizeof(s.process), c, &f->end);
	return s;
}

static bool same(const struct signature *a, const struct signature *b)
{
	return a->cause == b->cause && a->error == b->error && a->sure == b->sure &&
	       a->op == b->op && a->read_type == b->read_type &&
	       a->write_type == b->write_type && a->dev == b->dev && a->ino == b->ino &&
	       !strcmp(a->process, b->process);
}

static struct signature *find(struct signatures *s, const struct signature *wanted)
{
	for (size_t i = 0; i < s->n; i++)
		if (same(&s->sig[i], wanted))
			return &s->sig[i];
	return NULL;
}

void signatures_add(struct signatures *s, const struct finding *f, const struct catalog *c)
{
	struct signature new = signature_of(f, c), *sig = find(s, &new);

	if (!sig && s->n >= MAX_SIGNATURES) {
		new.ino = 0;
		sig = find(s, &new);
	}
	if (!sig) {
		if (s->n == s->size) {
			s->size = s->size ? 2 * s->size : 16;
			s->sig = xrealloc(s->sig, s->size * sizeof(*s->sig));
		}
		sig = &s->sig[s->n++];
		*sig = new;
	}
	sig->findings++;
	sig->ends += f->nr_ends;
	sig->missing += f->missing;
	sig->last_ns = f->end.time_ns;
}

static int signature_cmp(const void *a, const void *b)
{
	const struct signature *x = a, *y = b;

	if (x->benign != y->benign)
		return x->benign - y->benign;
	if (x->findings != y->findings)
		return x->findings > y->findings ? -1 : 1;
	return x->first_ns < y->first_ns ? -1 : x->first_ns > y->first_ns;
}

void signatures_sort(struct signatures *s)
{
	if (s->n)
		qsort(s->sig, s->n, sizeof(*s->sig), signature_cmp);
}

void signatures_free(struct signatures *s)
{
	free(s->sig);
	*s = (struct signatures){ 0 };
}

#define SIG(row)	(((const struct signature_row *)(row))->sig)

enum sig_number { S_FINDINGS, S_ENDS, S_MISSING, S_FIRST, S_LAST, S_SURE, S_BENIGN, S_DEV, S_INO };

static void get_sig_number(const void *row, int arg, struct value *v)
{
	const struct signature *s = SIG(row);
	const __u64 numbers[] = {
		[S_FINDINGS] = s->findings, [S_ENDS] = s->ends, [S_MISSING] = s->missing,
		[S_FIRST] = s->first_ns, [S_LAST] = s->last_ns, [S_SURE] = s->sure,
		[S_BENIGN] = s->benign, [S_DEV] = s->dev, [S_INO] = s->ino,
	};

	v->u = numbers[arg];
	v->none = arg == S_INO && !v->u;
}

static void get_sig_time(const void *row, int arg, struct value *v)
{
	const struct signature_row *s = row;

	clock_text(v->s, sizeof(v->s), &s->clock,
		   arg == S_FIRST ? s->sig->first_ns : s->sig->last_ns);
}

enum sig_text { T_CAUSE, T_ERROR, T_WORDS, T_OP, T_PROCESS, T_FILE, T_PATH, T_MAP };

static void sig_map(char *buf, size_t size, const struct signature *s)
{
	const char *read = s->read_type < FI_TYPES ? type_name[s->read_type] : "?";
	const char *write = s->write_type < FI_TYPES ? type_name[s->write_type] : "?";

	snprintf(buf, size, "%s>%s", read, write);
}

static void get_sig_text(const void *row, int arg, struct value *v)
{
	const struct signature_row *r = row;
	const struct signature *s = r->sig;
	struct finding like = { .cause = s->cause, .error = s->error };

	switch (arg) {
	case T_CAUSE:
		value_str(v, short_cause_name[s->cause]);
		break;
	case T_ERROR:
		v->none = !s->error;
		errno_text(v->s, sizeof(v->s), s->error);
		break;
	case T_WORDS:
		like.sure = s->sure;
		get_words(&(struct short_row){ .f = &like }, 0, v);
		break;
	case T_OP:
		value_str(v, op_name[s->op % FI_OPS]);
		break;
	case T_PROCESS:
		value_str(v, s->process);
		break;
	case T_FILE:
		catalog_file_name(r->catalog, s->dev, s->ino, v->s, sizeof(v->s));
		break;
	case T_PATH:
		catalog_file_path(r->catalog, s->dev, s->ino, v->s, sizeof(v->s));
		break;
	case T_MAP:
		sig_map(v->s, sizeof(v->s), s);
		break;
	}
	if ((arg == T_FILE || arg == T_PATH) && !s->ino)
		value_str(v, "(other files)");
}

const struct column signature_columns[] = {
	{ "findings", "FOUND", 5, 0, U_COUNT, get_sig_number, S_FINDINGS,
	  "short writes of this kind" },
	{ "ends", "ENDS", 5, 0, U_COUNT, get_sig_number, S_ENDS, "short ENDs that they show as" },
	{ "missing", "MISSING", 7, 0, U_BYTES, get_sig_number, S_MISSING,
	  "bytes not written; of benign ones, done again" },
	{ "first", "FIRST", -12, 0, U_TEXT, get_sig_time, S_FIRST, "when the first one ended" },
	{ "last", "LAST", -12, 0, U_TEXT, get_sig_time, S_LAST, "when the last one ended" },
	{ "first_ns", "", 0, 0, U_COUNT, get_sig_number, S_FIRST,
	  "the first one, in ns of CLOCK_MONOTONIC" },
	{ "last_ns", "", 0, 0, U_COUNT, get_sig_number, S_LAST, "the last one" },
	{ "cause", "", 0, 0, U_TEXT, get_sig_text, T_CAUSE, "why, as one word" },
	{ "errname", "", 0, 0, U_TEXT, get_sig_text, T_ERROR, "the error that goes with it" },
	{ "sure", "", 0, 0, U_BOOL, get_sig_number, S_SURE,
	  "false: named by excluding what else is known" },
	{ "benign", "", 0, 0, U_BOOL, get_sig_number, S_BENIGN, "nothing is missing in the end" },
	{ "explanation", "CAUSE", -30, 0, U_TEXT, get_sig_text, T_WORDS, "why, in words" },
	{ "op", "OP", -13, 0, U_TEXT, get_sig_text, T_OP, "what the operation is for" },
	{ "process", "PROCESS", -15, 0, U_TEXT, get_sig_text, T_PROCESS, "whose write it was" },
	{ "types", "MAPPINGS", -19, 0, U_TEXT, get_sig_text, T_MAP,
	  "types of the read and the write mapping" },
	{ "connection", "", 0, 0, U_COUNT, get_sig_number, S_DEV, "connection, as -C takes it" },
	{ "ino", "", 0, 0, U_COUNT, get_sig_number, S_INO, "inode number" },
	{ "file", "FILE", -20, 0, U_TEXT, get_sig_text, T_FILE, "path below the mount point" },
	{ "path", "", 0, 0, U_TEXT, get_sig_text, T_PATH, "path with the mount point" },
};

const size_t nr_signature_columns = sizeof(signature_columns) / sizeof(signature_columns[0]);

/* ---- the whole ----------------------------------------------------------- */

static void add_counts(struct text *t, const char *what, const struct short_count *c)
{
	char bytes[FMT_LEN];

	text_printf(t, "%s: %llu short of %llu ends", what, (unsigned long long)c->shorts,
		    (unsigned long long)c->ends);
	if (c->shorts)
		text_printf(t, " (%.3g%%), %s missing", 100.0 * c->shorts / c->ends,
			    fmt_bytes(bytes, sizeof(bytes), c->missing));
	text_printf(t, "; %llu finding%s", (unsigned long long)c->findings,
		    c->findings == 1 ? "" : "s");
	if (c->benign)
		text_printf(t, ", %llu of them benign", (unsigned long long)c->benign);
	text_add(t, "\n", 1);
}

void short_counts_text(struct text *t, const struct short_count counts[FI_OPS], bool upstream)
{
	struct short_count all = { 0 };
	int ops = 0;

	for (int op = 0; op < FI_OPS; op++) {
		all.ends += counts[op].ends;
		all.shorts += counts[op].shorts;
		all.missing += counts[op].missing;
		all.findings += counts[op].findings;
		all.benign += counts[op].benign;
		ops += counts[op].ends || counts[op].findings;
	}
	for (int op = 0; ops > 1 && op < FI_OPS; op++)
		if (counts[op].ends || counts[op].findings)
			add_counts(t, op_name[op], &counts[op]);
	add_counts(t, "all writes", &all);
	if (upstream)
		text_printf(t, "this kernel shows only ENDs that are sent to the server: all short ones, but few others, so the share is too large\n");
}

enum count_number { C_ENDS, C_SHORTS, C_MISSING, C_FINDINGS, C_BENIGN };

static void get_count(const void *row, int arg, struct value *v)
{
	const struct short_count *c = ((const struct short_count_row *)row)->count;
	const __u64 numbers[] = {
		[C_ENDS] = c->ends, [C_SHORTS] = c->shorts, [C_MISSING] = c->missing,
		[C_FINDINGS] = c->findings, [C_BENIGN] = c->benign,
	};

	v->u = numbers[arg];
}

static void get_count_op(const void *row, int arg, struct value *v)
{
	const struct short_count_row *r = row;

	value_str(v, op_name[r->op % FI_OPS]);
}

const struct column short_count_columns[] = {
	{ "op", "OP", -13, 0, U_TEXT, get_count_op, 0, "what the operations are for" },
	{ "ends", "ENDS", 9, 0, U_COUNT, get_count, C_ENDS, "all ENDs" },
	{ "short", "SHORT", 9, 0, U_COUNT, get_count, C_SHORTS,
	  "those that wrote less than was asked for" },
	{ "missing", "MISSING", 9, 0, U_BYTES, get_count, C_MISSING, "by so many bytes" },
	{ "findings", "FOUND", 9, 0, U_COUNT, get_count, C_FINDINGS, "short writes" },
	{ "benign", "BENIGN", 9, 0, U_COUNT, get_count, C_BENIGN,
	  "those where nothing is missing in the end" },
};

const size_t nr_short_count_columns = sizeof(short_count_columns) / sizeof(short_count_columns[0]);
