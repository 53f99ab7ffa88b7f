// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "names.h"
#include "opts.h"
#include "topview.h"

const struct view views[VIEWS] = {
	[VIEW_MOUNTS] = { "mounts", "Mounts", "MOUNT", "mount", BY_MOUNT, "begins",
			  "mount points and their servers" },
	[VIEW_FILES] = { "files", "Files", "FILE", "file", BY_MOUNT | BY_FILE, "begins",
			 "files" },
	[VIEW_PROCESSES] = { "processes", "Processes", "PROCESS", "process", BY_PROCESS,
			     "begins", "processes that wait for the operations" },
	[VIEW_THREADS] = { "threads", "Threads", "THREAD", "thread",
			   BY_PROCESS | BY_THREAD, "begins", "their threads" },
	[VIEW_SERVERS] = { "servers", "Servers", "SERVER THREAD", "server", 0, "busy_share",
			   "threads of the servers that answer" },
	[VIEW_OPS] = { "operations", "Operations", "OPERATION", "operation", BY_OP, "begins",
		       "what the operations are for" },
	[VIEW_TYPES] = { "types", "Types", "MAPPING TYPE", "type", BY_TYPE, "begins",
			 "types of the mappings used" },
};

int view_find(const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < VIEWS && len; i++)
		if (!strncasecmp(views[i].name, name, len))
			return i;
	return -1;
}

/* ---- what columns show --------------------------------------------------- */

#define GET(name) static void get_##name(const void *row, int arg, struct value *v)
#define ROW	((const struct top_row *)row)

static void set_text(struct value *v, const char *s)
{
	v->none = !*s;
	value_str(v, s);
}

static void set_number(struct value *v, __u64 n)
{
	v->none = !n;
	v->u = n;
}

static void set_share(struct value *v, double part, double sum)
{
	v->none = !(sum > 0);
	v->u = sum > 0 ? part * 1000.0 / sum + 0.5 : 0;
}

static __u32 dev_of(const struct top_row *r)
{
	return r->server ? r->server->key.dev : r->key.dev;
}

static const struct mount *mount_of(const struct top_row *r)
{
	return catalog_mount(r->in->catalog, dev_of(r));
}

static bool is_rest(const struct top_row *r)
{
	return r->key.flags & (FI_KEY_OTHER_FILE | FI_KEY_OTHER_TASK);
}

char *top_row_name(const struct top_row *r, char *buf, size_t size)
{
	const struct fi_cell_key *k = &r->key;
	char mount[256];

	if (r->server) {
		snprintf(buf, size, "%.*s", FI_COMM_LEN, r->server->v.comm);
		return buf;
	}
	if ((r->by & BY_FILE) && !(k->flags & FI_KEY_OTHER_FILE))
		return catalog_file_path(r->in->catalog, k->dev, k->ino, buf, size);
	if (r->by & BY_FILE) {
		catalog_mount_name(r->in->catalog, k->dev, mount, sizeof(mount));
		snprintf(buf, size, "%.200s/(other files)", mount);
		return buf;
	}
	return row_name(buf, size, r->in->catalog, r->by, k);
}

char *top_row_title(const struct top_row *r, char *buf, size_t size)
{
	__u32 id = r->by & BY_THREAD ? r->key.tid : r->by & BY_PROCESS ? r->key.pid : 0;
	char name[256];

	top_row_name(r, name, sizeof(name));
	/* One that has no name is called by its number already. */
	if (id && catalog_task(r->in->catalog, id))
		snprintf(buf, size, "%.200s %u", name, id);
	else
		snprintf(buf, size, "%s", name);
	return buf;
}

GET(name)
{
	top_row_name(ROW, v->s, sizeof(v->s));
}

GET(dev)
{
	set_number(v, dev_of(ROW));
}

GET(mount)
{
	v->none = !dev_of(ROW);
	if (!v->none)
		catalog_mount_name(ROW->in->catalog, dev_of(ROW), v->s, sizeof(v->s));
}

GET(source)
{
	const struct mount *m = mount_of(ROW);

	set_text(v, m ? m->source : "");
}

GET(fstype)
{
	const struct mount *m = mount_of(ROW);

	set_text(v, m ? m->fstype : "");
}

GET(server_pid)
{
	const struct mount *m = mount_of(ROW);

	set_number(v, m ? m->server_pid : 0);
}

GET(server_comm)
{
	const struct mount *m = mount_of(ROW);

	set_text(v, m ? m->server_comm : "");
}

GET(path)
{
	const struct file *f = is_rest(ROW) ? NULL :
			       catalog_file(ROW->in->catalog, ROW->key.dev, ROW->key.ino);

	set_text(v, f && f->whole ? f->path : "");
}

GET(ino)
{
	set_number(v, ROW->key.ino);
}

GET(nodeid)
{
	const struct file *f = catalog_file(ROW->in->catalog, ROW->key.dev, ROW->key.ino);

	set_number(v, f && ROW->key.ino ? f->nodeid : 0);
}

GET(pid)
{
	set_number(v, ROW->server ? ROW->server->key.pid : ROW->key.pid);
}

GET(tid)
{
	set_number(v, ROW->server ? ROW->server->key.tid : ROW->key.tid);
}

GET(process)
{
	const struct task *t = catalog_task(ROW->in->catalog, ROW->key.tid);

	set_text(v, t && ROW->key.tid ? t->process : "");
}

GET(done)
{
	v->u = ROW->kind[arg]->v.done;
}

GET(sent)
{
	v->u = ROW->kind[arg]->v.sent;
}

GET(bytes)
{
	v->u = ROW->kind[FI_END]->v.written;
}

GET(shorts)
{
	v->u = ROW->kind[FI_END]->v.shorts;
}

GET(missing)
{
	v->u = ROW->kind[FI_END]->v.missing;
}

GET(errors)
{
	for (int k = 0; k < FI_KINDS; k++)
		v->u += ROW->kind[k]->v.errors;
}

GET(flight)
{
	v->u = ROW->in_flight;
}

enum { P50, P99, MAX, MEAN, MEASURES };
#define LAT(kind, what)	((kind) * MEASURES + (what))

GET(latency)
{
	const struct fi_hist *h = &ROW->kind[arg / MEASURES]->v.lat;

	v->none = !h->n;
	switch (arg % MEASURES) {
	case P50:
		v->u = hist_percentile(h, 0.5);
		break;
	case P99:
		v->u = hist_percentile(h, 0.99);
		break;
	case MAX:
		v->u = h->max;
		break;
	default:
		v->u = hist_mean(h);
	}
}

/* Share of a phase in the waits of all kinds. */
GET(phase)
{
	double sum = 0, part = 0;

	for (int k = 0; k < FI_KINDS; k++) {
		part += ROW->kind[k]->v.phase_ns[arg];
		for (int p = 0; p < FI_PHASES; p++)
			sum += ROW->kind[k]->v.phase_ns[p];
	}
	set_share(v, part, sum);
}

GET(phase_ns)
{
	for (int k = 0; k < FI_KINDS; k++)
		v->u += ROW->kind[k]->v.phase_ns[arg];
}

/* Types that have no column of shares of their own. */
static bool is_other_type(int type)
{
	return type != FUSE_IOMAP_TYPE_MAPPED && type != FUSE_IOMAP_TYPE_UNWRITTEN &&
	       type != FUSE_IOMAP_TYPE_HOLE;
}

/* Share of a type in the mappings used; -1: the other types. */
GET(type)
{
	const __u64 *n = ROW->kind[FI_BEGIN]->v.used_type;
	double sum = 0, part = 0;

	for (int t = 0; t < FI_TYPES; t++) {
		sum += n[t];
		if (t == arg || (arg < 0 && is_other_type(t)))
			part += n[t];
	}
	set_share(v, part, sum);
}

GET(type_count)
{
	v->u = ROW->kind[FI_BEGIN]->v.used_type[arg];
}

/* -1: all kinds. */
GET(requests)
{
	for (int k = 0; k < FI_KINDS; k++)
		if (arg < 0 || arg == k)
			v->u += ROW->server->v.requests[k];
}

GET(busy_ns)
{
	v->u = interval_busy_ns(ROW->in->iv, &ROW->server->v);
}

GET(busy)
{
	const struct interval *iv = ROW->in->iv;

	set_share(v, interval_busy_ns(iv, &ROW->server->v), iv->d.time_ns - iv->from_ns);
}

/* How long it has been at what it does now. */
GET(busy_for)
{
	__u64 since = ROW->server->v.busy_since, now = ROW->in->iv->d.time_ns;

	v->none = !since;
	v->u = since && now > since ? now - since : 0;
}

/* ---- columns ------------------------------------------------------------- */

#define V(view)		(1U << VIEW_##view)
#define V_CELLS		(~V(SERVERS))
#define V_SERVERS	V(SERVERS)
#define V_TASKS		(V(PROCESSES) | V(THREADS))
#define V_MIXED		(V_CELLS & ~V(TYPES))	/* where a row has more than one type */
#define ASKED		PRIO_ASKED

static const struct top_column {
	unsigned int views;
	struct column c;
} all_columns[] = {
	{ ~0U, { "name", "NAME", -12, 0, U_TEXT, get_name, 0,
	  "mount point, file, command, operation or type" } },
	{ V_TASKS | V_SERVERS, { "pid", "PID", 7, 1, U_COUNT, get_pid, 0, "process" } },
	{ V(THREADS) | V_SERVERS, { "tid", "TID", 7, 1, U_COUNT, get_tid, 0, "thread" } },
	{ V(THREADS), { "process", "COMMAND", -12, 4, U_TEXT, get_process, 0,
	  "command of the process" } },
	{ V(FILES) | V_SERVERS, { "mount", "MOUNT", -16, ASKED, U_TEXT, get_mount, 0,
	  "mount point" } },
	{ V(MOUNTS), { "fstype", "FSTYPE", -12, 8, U_TEXT, get_fstype, 0,
	  "type of the file system" } },
	{ V(MOUNTS), { "source", "SOURCE", -12, 9, U_TEXT, get_source, 0,
	  "what is mounted" } },
	{ V(MOUNTS), { "server_pid", "SRVPID", 7, 7, U_COUNT, get_server_pid, 0,
	  "process of the server" } },
	{ V(MOUNTS), { "server_comm", "SERVER", -12, 7, U_TEXT, get_server_comm, 0,
	  "command of the server" } },
	{ V(MOUNTS) | V(FILES) | V_SERVERS, { "connection", "CONN", 7, ASKED, U_COUNT,
	  get_dev, 0, "connection, as in /sys/fs/fuse/connections" } },
	{ V(FILES), { "path", "PATH", -24, ASKED, U_TEXT, get_path, 0,
	  "path below the mount point" } },
	{ V(FILES), { "ino", "INO", 8, ASKED, U_COUNT, get_ino, 0, "number of the inode" } },
	{ V(FILES), { "nodeid", "NODEID", 8, ASKED, U_COUNT, get_nodeid, 0,
	  "number of the inode between kernel and server" } },
	{ V_SERVERS, { "requests", "REQ/s", 7, 1, U_RATE, get_requests, -1,
	  "upcalls answered" } },
	{ V_SERVERS, { "begins", "BEGIN/s", 7, 2, U_RATE, get_requests, FI_BEGIN,
	  "begins among them" } },
	{ V_SERVERS, { "ends", "END/s", 7, 2, U_RATE, get_requests, FI_END,
	  "ends among them" } },
	{ V_SERVERS, { "ioends", "IOEND/s", 7, 2, U_RATE, get_requests, FI_IOEND,
	  "ioends among them" } },
	{ V_SERVERS, { "busy_share", "BUSY", 5, 1, U_PERMILLE, get_busy, 0,
	  "share of the interval from taking upcalls to answering them" } },
	{ V_SERVERS, { "busy_ns", "BUSY_T", 7, ASKED, U_NS, get_busy_ns, 0,
	  "the same as time" } },
	{ V_SERVERS, { "busy_for_ns", "FOR", 7, 3, U_NS, get_busy_for, 0,
	  "how long it has been at the one it is at now" } },
	{ V_CELLS, { "begins", "BEGIN/s", 7, 1, U_RATE, get_done, FI_BEGIN,
	  "begins finished" } },
	{ V_CELLS, { "begins_sent", "B_SENT/s", 8, ASKED, U_RATE, get_sent, FI_BEGIN,
	  "begins with upcall" } },
	{ V_CELLS, { "ends", "END/s", 7, 1, U_RATE, get_done, FI_END,
	  "ends, with and without upcall" } },
	{ V_CELLS, { "ends_sent", "SENT/s", 7, 10, U_RATE, get_sent, FI_END,
	  "ends with upcall" } },
	{ V_CELLS, { "ioends", "IOEND/s", 7, 1, U_RATE, get_done, FI_IOEND,
	  "ioends, with and without upcall" } },
	{ V_CELLS, { "ioends_sent", "I_SENT/s", 8, ASKED, U_RATE, get_sent, FI_IOEND,
	  "ioends with upcall" } },
	{ V_CELLS, { "bytes", "BYTES/s", 7, 4, U_BYTE_RATE, get_bytes, 0,
	  "bytes read and written" } },
	{ V_CELLS, { "begin_p50_ns", "P50", 6, 2, U_NS, get_latency, LAT(FI_BEGIN, P50),
	  "latency of begin: half took no longer" } },
	{ V_CELLS, { "begin_p99_ns", "P99", 6, 2, U_NS, get_latency, LAT(FI_BEGIN, P99),
	  "99 of 100 begins took no longer" } },
	{ V_CELLS, { "begin_max_ns", "MAX", 6, 2, U_NS, get_latency, LAT(FI_BEGIN, MAX),
	  "the longest begin" } },
	{ V_CELLS, { "begin_mean_ns", "MEAN", 6, ASKED, U_NS, get_latency,
	  LAT(FI_BEGIN, MEAN), "mean latency of begin" } },
	{ V_CELLS, { "end_p50_ns", "ENDP50", 6, ASKED, U_NS, get_latency, LAT(FI_END, P50),
	  "latency of end with upcall: half" } },
	{ V_CELLS, { "end_p99_ns", "ENDP99", 6, 11, U_NS, get_latency, LAT(FI_END, P99),
	  "99 of 100 ends with upcall" } },
	{ V_CELLS, { "end_max_ns", "ENDMAX", 6, ASKED, U_NS, get_latency, LAT(FI_END, MAX),
	  "the longest end with upcall" } },
	{ V_CELLS, { "ioend_p50_ns", "IOEP50", 6, ASKED, U_NS, get_latency,
	  LAT(FI_IOEND, P50), "latency of ioend: half" } },
	{ V_CELLS, { "ioend_p99_ns", "IOEP99", 6, 11, U_NS, get_latency, LAT(FI_IOEND, P99),
	  "99 of 100 ioends" } },
	{ V_CELLS, { "ioend_max_ns", "IOEMAX", 6, ASKED, U_NS, get_latency,
	  LAT(FI_IOEND, MAX), "the longest ioend" } },
	{ V_CELLS, { "kernel_share", "KERN", 4, 5, U_PERMILLE, get_phase, FI_PH_KERNEL,
	  "share of the wait: in the kernel before the upcall" } },
	{ V_CELLS, { "queue_share", "QUEU", 4, 5, U_PERMILLE, get_phase, FI_PH_QUEUE,
	  "share of the wait: until a server thread took it" } },
	{ V_CELLS, { "server_share", "SERV", 4, 5, U_PERMILLE, get_phase, FI_PH_SERVER,
	  "share of the wait: until the server answered" } },
	{ V_CELLS, { "wakeup_share", "WAKE", 4, 5, U_PERMILLE, get_phase, FI_PH_WAKEUP,
	  "share of the wait: until the caller went on" } },
	{ V_CELLS, { "kernel_ns", "KERN_T", 7, ASKED, U_NS, get_phase_ns, FI_PH_KERNEL,
	  "sum of the waits: in the kernel before the upcall" } },
	{ V_CELLS, { "queue_ns", "QUEU_T", 7, ASKED, U_NS, get_phase_ns, FI_PH_QUEUE,
	  "sum of the waits: until a server thread took it" } },
	{ V_CELLS, { "server_ns", "SERV_T", 7, ASKED, U_NS, get_phase_ns, FI_PH_SERVER,
	  "sum of the waits: until the server answered" } },
	{ V_CELLS, { "wakeup_ns", "WAKE_T", 7, ASKED, U_NS, get_phase_ns, FI_PH_WAKEUP,
	  "sum of the waits: until the caller went on" } },
	{ V_MIXED, { "mapped_share", "MAPD", 4, 6, U_PERMILLE, get_type,
	  FUSE_IOMAP_TYPE_MAPPED, "share of the mappings used: mapped" } },
	{ V_MIXED, { "unwritten_share", "UNWR", 4, 6, U_PERMILLE, get_type,
	  FUSE_IOMAP_TYPE_UNWRITTEN, "share of the mappings used: unwritten" } },
	{ V_MIXED, { "hole_share", "HOLE", 4, 6, U_PERMILLE, get_type,
	  FUSE_IOMAP_TYPE_HOLE, "share of the mappings used: hole" } },
	{ V_MIXED, { "other_share", "OTHR", 4, 6, U_PERMILLE, get_type, -1,
	  "delalloc, inline and the rest" } },
	{ V_MIXED, { "mapped", "MAPPED", 7, ASKED, U_COUNT, get_type_count,
	  FUSE_IOMAP_TYPE_MAPPED, "begins that used mapped blocks" } },
	{ V_MIXED, { "unwritten", "UNWRIT", 7, ASKED, U_COUNT, get_type_count,
	  FUSE_IOMAP_TYPE_UNWRITTEN, "begins that used an unwritten mapping" } },
	{ V_MIXED, { "hole", "HOLES", 7, ASKED, U_COUNT, get_type_count,
	  FUSE_IOMAP_TYPE_HOLE, "begins that used a hole" } },
	{ V_MIXED, { "delalloc", "DELALL", 7, ASKED, U_COUNT, get_type_count,
	  FUSE_IOMAP_TYPE_DELALLOC, "begins that used a delalloc mapping" } },
	{ V_MIXED, { "inline", "INLINE", 7, ASKED, U_COUNT, get_type_count,
	  FUSE_IOMAP_TYPE_INLINE, "begins that used an inline mapping" } },
	{ V_CELLS, { "shorts", "SHORT", 5, 3, U_COUNT, get_shorts, 0,
	  "ends of writes with less written than asked for" } },
	{ V_CELLS, { "missing", "MISSNG", 6, ASKED, U_BYTES, get_missing, 0,
	  "bytes that they lack" } },
	{ V_CELLS, { "errors", "ERROR", 5, 3, U_COUNT, get_errors, 0,
	  "begins, ends and ioends with an error" } },
	{ V_CELLS & ~V(TYPES), { "in_flight", "FLY", 3, 3, U_COUNT, get_flight, 0,
	  "in flight at the end of the interval" } },
};

#define NR_ALL	(sizeof(all_columns) / sizeof(all_columns[0]))

_Static_assert(NR_ALL <= TOP_COLUMNS, "TOP_COLUMNS");

const struct column *view_columns(int view, size_t *n)
{
	static struct column columns[VIEWS][TOP_COLUMNS];
	static size_t nr[VIEWS];

	if (!nr[view]) {
		for (size_t i = 0; i < NR_ALL; i++)
			if (all_columns[i].views & (1U << view))
				columns[view][nr[view]++] = all_columns[i].c;
		columns[view][0].head = views[view].head;
	}
	*n = nr[view];
	return columns[view];
}

/* "BEGIN/s" is found as "begin", too. */
static bool is_head(const char *head, const char *name)
{
	size_t len = strlen(name);

	return len && !strncasecmp(name, head, len) && (!head[len] || !strcmp(head + len, "/s"));
}

int view_column(int view, const char *name)
{
	size_t n;
	const struct column *c = view_columns(view, &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(c[i].name, name))
			return i;
	for (size_t i = 0; i < n; i++)
		if (is_head(c[i].head, name))
			return i;
	return -1;
}

const char *view_choose(int view, const char *list, enum choice choice[TOP_COLUMNS],
			size_t *len)
{
	const char *s = list;
	char name[32];

	if (*s != '+' && *s != '-')
		for (int i = 1; i < TOP_COLUMNS; i++)
			choice[i] = CHOICE_HIDDEN;
	for (;; s += *len + 1) {
		enum choice to = *s == '-' ? CHOICE_HIDDEN : CHOICE_SHOWN;
		int i;

		s += *s == '+' || *s == '-';
		*len = strcspn(s, ",");
		snprintf(name, sizeof(name), "%.*s", (int)*len, s);
		i = *len < sizeof(name) ? view_column(view, name) : -1;
		if (i < 0)
			return s;
		/* Without a name a row says nothing. */
		if (i)
			choice[i] = to;
		if (!s[*len])
			return NULL;
	}
}

/* ---- filters ------------------------------------------------------------- */

enum { CMP_GE, CMP_LE, CMP_NE, CMP_LACKS, CMP_GT, CMP_LT, CMP_EQ, CMP_HAS, CMPS };

/* The longer ones first. */
static const char *const cmp_name[CMPS] = { ">=", "<=", "!=", "!~", ">", "<", "=", "~" };

static int parse_number(const char *s, const struct column *c, double *number)
{
	size_t len = strlen(s);
	char *end;
	__u64 v;

	if (c->unit == U_NS) {
		if (parse_duration(s, &v))
			return -EINVAL;
		/* A bare number is in the unit of the column's name. */
		*number = isdigit((unsigned char)s[len - 1]) ? strtod(s, NULL) : v;
		return 0;
	}
	if (c->unit == U_PERMILLE) {
		*number = strtod(s, &end) * 10;
		return !isdigit((unsigned char)*s) || (*end && strcmp(end, "%")) ? -EINVAL : 0;
	}
	if (parse_size(s, &v))
		return -EINVAL;
	*number = v;
	return 0;
}

static int parse_term(struct filter_term *t, int view, const char *s, char *why, size_t size)
{
	size_t n, len = strcspn(s, "<>=!~");
	const struct column *c = view_columns(view, &n);
	char name[32];

	if (!s[len]) {
		*t = (struct filter_term){ .column = 0, .cmp = CMP_HAS };
		snprintf(t->text, sizeof(t->text), "%s", s);
		return 0;
	}
	snprintf(name, sizeof(name), "%.*s", (int)len, s);
	t->column = view_column(view, name);
	if (t->column < 0) {
		snprintf(why, size, "no column '%s' in view %s", name, views[view].name);
		return -EINVAL;
	}
	for (t->cmp = 0; t->cmp < CMPS; t->cmp++)
		if (!strncmp(s + len, cmp_name[t->cmp], strlen(cmp_name[t->cmp])))
			break;
	if (t->cmp == CMPS) {
		snprintf(why, size, "'%s' is no comparison", s + len);
		return -EINVAL;
	}
	s += len + strlen(cmp_name[t->cmp]);
	snprintf(t->text, sizeof(t->text), "%s", s);
	if (c[t->column].unit == U_TEXT || t->cmp == CMP_HAS || t->cmp == CMP_LACKS)
		return 0;
	if (parse_number(s, &c[t->column], &t->number)) {
		snprintf(why, size, "'%s' is no number for %s", s, name);
		return -EINVAL;
	}
	return 0;
}

int filter_parse(struct filter *f, int view, const char *s, char *why, size_t size)
{
	char buf[FILTER_LEN], *term, *save = NULL;

	f->n = 0;
	if (strlen(s) >= sizeof(buf)) {
		snprintf(why, size, "longer than %zu characters", sizeof(buf) - 1);
		return -EINVAL;
	}
	strcpy(buf, s);
	for (term = strtok_r(buf, " ", &save); term; term = strtok_r(NULL, " ", &save)) {
		if (f->n == FILTER_TERMS) {
			snprintf(why, size, "more than %d terms", FILTER_TERMS);
			return -EINVAL;
		}
		if (parse_term(&f->term[f->n++], view, term, why, size))
			return -EINVAL;
	}
	return 0;
}

static void value_of(struct value *v, const struct column *c, const struct top_row *r)
{
	v->none = false;
	v->u = 0;
	v->s[0] = '\0';
	c->get(r, c->arg, v);
}

static int text_cmp(int cmp, const char *s, const char *with)
{
	if (cmp == CMP_EQ || cmp == CMP_NE)
		return !strcmp(s, with) == (cmp == CMP_EQ);
	if (cmp == CMP_HAS || cmp == CMP_LACKS)
		return !!strcasestr(s, with) == (cmp == CMP_HAS);
	cmp = cmp == CMP_GT ? strcmp(s, with) > 0 : cmp == CMP_LT ? strcmp(s, with) < 0 :
	      cmp == CMP_GE ? strcmp(s, with) >= 0 : strcmp(s, with) <= 0;
	return cmp;
}

static bool number_cmp(int cmp, double v, double with)
{
	switch (cmp) {
	case CMP_GE:
		return v >= with;
	case CMP_LE:
		return v <= with;
	case CMP_GT:
		return v > with;
	case CMP_LT:
		return v < with;
	case CMP_NE:
		return v != with;
	default:
		return v == with;
	}
}

static bool term_holds(const struct filter_term *t, int view, const struct top_row *r,
		       double seconds)
{
	size_t n;
	const struct column *c = &view_columns(view, &n)[t->column];
	struct value v;
	double number;

	value_of(&v, c, r);
	if (c->unit != U_TEXT && (t->cmp == CMP_HAS || t->cmp == CMP_LACKS))
		snprintf(v.s, sizeof(v.s), "%" PRIu64, v.u);
	if (v.none)
		return t->cmp == CMP_NE || t->cmp == CMP_LACKS;
	if (c->unit == U_TEXT || t->cmp == CMP_HAS || t->cmp == CMP_LACKS)
		return text_cmp(t->cmp, v.s, t->text);
	number = v.u;
	if ((c->unit == U_RATE || c->unit == U_BYTE_RATE) && seconds > 0)
		number /= seconds;
	return number_cmp(t->cmp, number, t->number);
}

static bool wanted(const struct filter *f, int view, const struct top_row *r, double seconds)
{
	for (size_t i = 0; f && i < f->n; i++)
		if (!term_holds(&f->term[i], view, r, seconds))
			return false;
	return true;
}

/* ---- sorting ------------------------------------------------------------- */

struct sort_key {
	struct top_row row;
	struct value v;
};

struct sorting {
	enum unit unit;
	bool reverse;
};

static int cmp_keys(const void *pa, const void *pb, void *ctx)
{
	const struct sort_key *a = pa, *b = pb;
	const struct sorting *s = ctx;
	int cmp;

	if (a->v.none != b->v.none)
		return a->v.none ? 1 : -1;
	if (s->unit == U_TEXT)
		cmp = strcmp(a->v.s, b->v.s);
	else
		cmp = a->v.u == b->v.u ? 0 : a->v.u > b->v.u ? -1 : 1;
	if (cmp)
		return s->reverse ? -cmp : cmp;
	/* qsort is not stable, and rows that jump are hard to read. */
	return memcmp(&a->row.key, &b->row.key, sizeof(a->row.key));
}

static void sort_rows(struct table *t, int view, const struct table_order *order)
{
	size_t n;
	const struct column *c = &view_columns(view, &n)[order->column];
	struct sorting s = { c->unit, order->reverse };
	struct sort_key *keys = xcalloc(t->n + 1, sizeof(*keys));

	for (size_t i = 0; i < t->n; i++) {
		keys[i].row = t->row[i];
		value_of(&keys[i].v, c, &t->row[i]);
	}
	qsort_r(keys, t->n, sizeof(*keys), cmp_keys, &s);
	for (size_t i = 0; i < t->n; i++)
		t->row[i] = keys[i].row;
	free(keys);
}

/* ---- tables -------------------------------------------------------------- */

static struct cell none;
static struct cell *const nothing[FI_KINDS] = { &none, &none, &none };

static void add_row(struct table *t, struct top_row row, int view, const struct filter *filter,
		    double seconds)
{
	t->before_filter++;
	if (wanted(filter, view, &row, seconds))
		t->row[t->n++] = row;
}

static bool has_row(const struct rows *rows, __u32 dev)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->row[i].key.dev == dev)
			return true;
	return false;
}

static void cell_rows(struct table *t, int view, const struct row_match *match,
		      const struct table_input *in, const struct filter *filter, double seconds)
{
	static const struct snapshot none;
	struct top_row row = { .in = in, .by = views[view].by };

	rows_make(&t->rows, row.by, match, &in->iv->d, &none, false);
	t->row = xcalloc(t->rows.n + in->nr_dev + 1, sizeof(*t->row));
	for (size_t i = 0; i < t->rows.n; i++) {
		row.key = t->rows.row[i].key;
		row.kind = t->rows.row[i].kind;
		row.in_flight = t->rows.row[i].in_flight;
		add_row(t, row, view, filter, seconds);
	}
	for (size_t i = 0; view == VIEW_MOUNTS && i < in->nr_dev; i++) {
		row.key = (struct fi_cell_key){ .dev = in->dev[i] };
		row.kind = nothing;
		row.in_flight = 0;
		if (!has_row(&t->rows, in->dev[i]) && row_matches(match, &row.key))
			add_row(t, row, view, filter, seconds);
	}
}

static void server_rows(struct table *t, int view, const struct row_match *match,
			const struct table_input *in, const struct filter *filter,
			double seconds)
{
	const struct snapshot *d = &in->iv->d;
	struct top_row row = { .in = in, .kind = nothing };

	t->row = xcalloc(d->nr_servers + 1, sizeof(*t->row));
	for (size_t i = 0; i < d->nr_servers; i++) {
		row.server = &d->server[i];
		row.key.dev = row.server->key.dev;
		row.key.pid = row.server->key.pid;
		row.key.tid = row.server->key.tid;
		/* Which files a thread works for is not known, only which mount. */
		if ((match->by & BY_MOUNT) && match->key.dev != row.key.dev)
			continue;
		add_row(t, row, view, filter, seconds);
	}
}

void table_make(struct table *t, int view, const struct row_match *match,
		const struct table_input *in, const struct filter *filter,
		const struct table_order *order, double seconds)
{
	free(t->row);
	t->n = t->before_filter = 0;
	if (views[view].by)
		cell_rows(t, view, match, in, filter, seconds);
	else
		server_rows(t, view, match, in, filter, seconds);
	sort_rows(t, view, order);
}

void table_free(struct table *t)
{
	free(t->row);
	rows_free(&t->rows);
	*t = (struct table){ 0 };
}
