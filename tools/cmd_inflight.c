// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap inflight: the upcalls that wait now, and for whom. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "column.h"
#include "commands.h"
#include "error.h"
#include "mounts.h"
#include "names.h"
#include "session.h"
#include "waiting.h"

/* ---- columns --------------------------------------------------------------- */

struct shown {
	const struct waiting *w;
	const struct connection *conn;	/* NULL: unknown */
	const struct catalog *catalog;
};

#define W(row)	(((const struct shown *)(row))->w)

static void get_age(const void *row, int arg, struct value *v)
{
	v->u = W(row)->age_ns;
	v->none = !W(row)->age_known;
}

static void get_waits(const void *row, int arg, struct value *v)
{
	value_str(v, waits_name[W(row)->r.waits % FI_WAITS]);
}

static void get_kind(const void *row, int arg, struct value *v)
{
	__u8 kind = W(row)->kind;

	value_str(v, kind < FI_KINDS ? kind_name[kind] : "request");
}

static void get_op(const void *row, int arg, struct value *v)
{
	const struct waiting *w = W(row);

	v->none = !w->op_known && !w->r.opcode;
	if (w->op_known)
		value_str(v, op_name[w->op % FI_OPS]);
	else if (w->kind == WAITING_OTHER && w->r.opcode)
		opcode_text(v->s, sizeof(v->s), w->r.opcode);
	else
		v->none = true;
}

static void get_range(const void *row, int count, struct value *v)
{
	v->u = count ? W(row)->count : W(row)->pos;
	v->none = !W(row)->ranged;
}

static void get_flags(const void *row, int arg, struct value *v)
{
	const struct waiting *w = W(row);

	flags_text(v->s, sizeof(v->s), w->kind == FI_IOEND ? ioendflag_names : opflag_names,
		   w->opflags);
	v->none = w->kind >= FI_KINDS || !w->r.opcode;
}

static void get_comm(const void *row, int arg, struct value *v)
{
	const struct waiting *w = W(row);

	value_strn(v, w->r.comm[0] ? w->r.comm : w->caller.comm, FI_COMM_LEN);
	v->none = !v->s[0];
}

static void get_state(const void *row, int arg, struct value *v)
{
	v->s[0] = W(row)->caller.state;
	v->s[1] = '\0';
	v->none = !v->s[0];
}

/* The name where there is one, the number where not. */
static void get_file(const void *row, int arg, struct value *v)
{
	const struct waiting *w = W(row);
	const struct catalog *c = ((const struct shown *)row)->catalog;

	if (w->path)
		value_str(v, w->path);
	else if (w->ino)
		catalog_file_path(c, w->r.dev, w->ino, v->s, sizeof(v->s));
	else if (w->r.dev)
		catalog_mount_name(c, w->r.dev, v->s, sizeof(v->s));
	else
		v->none = true;
}

static void get_mount(const void *row, int arg, struct value *v)
{
	catalog_mount_name(((const struct shown *)row)->catalog, W(row)->r.dev, v->s, sizeof(v->s));
	v->none = !W(row)->r.dev;
}

static void get_bool(const void *row, int flag, struct value *v)
{
	v->u = !!(W(row)->r.flags & flag);
}

static void get_least(const void *row, int arg, struct value *v)
{
	v->u = W(row)->age_least;
}

/* None of these is ever 0 where it is known. */
enum number { N_PID, N_TID, N_INO, N_NODEID, N_UNIQUE, N_DEV, N_OPCODE };

static void get_number(const void *row, int arg, struct value *v)
{
	const struct waiting *w = W(row);
	const __u64 numbers[] = {
		[N_PID] = w->r.pid, [N_TID] = w->r.tid, [N_INO] = w->ino,
		[N_NODEID] = w->r.nodeid, [N_UNIQUE] = w->r.unique, [N_DEV] = w->r.dev,
		[N_OPCODE] = w->r.opcode,
	};

	v->u = numbers[arg];
	v->none = !v->u;
}

static void get_server(const void *row, int arg, struct value *v)
{
	const struct connection *c = ((const struct shown *)row)->conn;

	v->u = c ? c->server : 0;
	v->none = !v->u;
}

/* The kernel looks every 15 s, so it may strike that much later. */
static void get_left(const void *row, int arg, struct value *v)
{
	const struct connection *c = ((const struct shown *)row)->conn;
	const struct waiting *w = W(row);

	v->none = !c || !c->timeout_ns || !w->age_known || w->age_least;
	if (!v->none)
		v->u = c->timeout_ns > w->age_ns ? c->timeout_ns - w->age_ns : 0;
}

const struct column inflight_columns[] = {
	{ "age_ns", "AGE", 7, 0, U_NS, get_age, .help = "how long it has been waiting" },
	{ "age_at_least", "", 0, 0, U_BOOL, get_least,
	  .help = "it was waiting already when it was first seen" },
	{ "waits", "WAITS", -7, 0, U_TEXT, get_waits,
	  .help = "held (background, not queued yet), queued, taken (by a server thread, not all copied), "
		  "server, answer (not all copied), wakeup (answered, the caller does not run), kernel "
		  "(not sent yet), unknown" },
	{ "kind", "EVENT", -7, 0, U_TEXT, get_kind, .help = "begin, end, ioend; request: not iomap's" },
	{ "op", "OP", -13, 0, U_TEXT, get_op, .help = "what it is for; FUSE's name of a request" },
	{ "pos", "OFFSET", 10, 0, U_OFFSET, get_range, 0, .help = "in the file" },
	{ "count", "COUNT", 6, 0, U_BYTES, get_range, 1, .help = "bytes asked for" },
	{ "flags", "", 0, 0, U_TEXT, get_flags, .help = "of the operation" },
	{ "comm", "COMM", -15, 0, U_TEXT, get_comm, .help = "thread that waits" },
	{ "pid", "PID", 7, 0, U_COUNT, get_number, N_PID, .help = "process that waits" },
	{ "tid", "TID", 7, 0, U_COUNT, get_number, N_TID, .help = "thread that waits" },
	{ "state", "S", -1, 0, U_TEXT, get_state, .help = "of that thread, as in ps" },
	{ "timeout_left_ns", "LEFT", 6, 0, U_NS, get_left,
	  .help = "until the kernel gives up and aborts the connection, up to 15 s later" },
	{ "file", "FILE", -60, 0, U_TEXT, get_file, .help = "path, or mount and inode number" },
	{ "mount", "", 0, 0, U_TEXT, get_mount, .help = "mount point" },
	{ "ino", "", 0, 0, U_COUNT, get_number, N_INO, .help = "inode number" },
	{ "nodeid", "", 0, 0, U_COUNT, get_number, N_NODEID, .help = "the server's number of the file" },
	{ "connection", "", 0, 0, U_COUNT, get_number, N_DEV, .help = "number of the connection" },
	{ "unique", "", 0, 0, U_COUNT, get_number, N_UNIQUE, .help = "number of the request" },
	{ "opcode", "", 0, 0, U_COUNT, get_number, N_OPCODE, .help = "FUSE's number of what it is" },
	{ "forced", "", 0, 0, U_BOOL, get_bool, FI_WAIT_FORCED,
	  .help = "not even a fatal signal ends the wait" },
	{ "interrupted", "", 0, 0, U_BOOL, get_bool, FI_WAIT_INTERRUPTED,
	  .help = "the caller got a signal and waits on" },
	{ "background", "", 0, 0, U_BOOL, get_bool, FI_WAIT_BACKGROUND, .help = "nobody sleeps for it" },
	{ "server_pid", "", 0, 0, U_COUNT, get_server, .help = "process that has to answer" },
};

const size_t nr_inflight_columns = sizeof(inflight_columns) / sizeof(inflight_columns[0]);

/* ---- one look -------------------------------------------------------------- */

struct look {
	struct session *s;
	__u32 dev;		/* only this connection; 0: all */
	const struct waitings *all;
	struct shown *row;	/* those that pass the filters */
	size_t n;
	bool ever;		/* any look had some */
	char cgroup[PATH_MAX];	/* of the filter */
	struct waitings replayed;
	struct text text;
};

static const struct connection *connection_of(const struct waitings *l, __u32 dev)
{
	for (size_t i = 0; i < l->nr_conns; i++)
		if (l->conn[i].dev == dev)
			return &l->conn[i];
	return NULL;
}

static bool has_name(const struct waiting *w, const char *comm)
{
	return !strncmp(w->r.comm, comm, FI_COMM_LEN - 1) ||
	       (w->caller.state && !strncmp(w->caller.comm, comm, FI_COMM_LEN - 1));
}

static bool is_wanted(const struct look *l, const struct waiting *w)
{
	const struct opts *o = l->s->o;
	__u64 age = w->age_known ? w->age_ns : 0;

	if (w->kind >= FI_KINDS && (!o->all || o->kinds || o->ops))
		return false;
	return !((l->dev && w->r.dev != l->dev) ||
		 (o->inode && w->ino != o->inode) ||
		 (o->pid && w->r.pid != o->pid) ||
		 (o->tid && w->r.tid != o->tid) ||
		 (o->comm && !has_name(w, o->comm)) ||
		 (o->cgroup && !(w->r.tid && proc_in_cgroup(w->r.tid, l->cgroup))) ||
		 (o->kinds && !(o->kinds & 1U << w->kind)) ||
		 (o->ops && !(w->op_known && o->ops & 1U << w->op)) ||
		 age < o->min_lat_ns || age < o->older_ns);
}

/* As /proc/TID/cgroup has it: from the root of the cgroup file system on. */
static const char *cgroup_path(const char *given, char *buf, size_t size)
{
	static const char mount[] = "/sys/fs/cgroup";
	size_t len = sizeof(mount) - 1;

	if (given[0] == '/' && !strncmp(given, mount, len) && (!given[len] || given[len] == '/'))
		given += len;
	snprintf(buf, size, "%s%s", given[0] == '/' ? "" : "/", given);
	return buf;
}

/* Takes over what was found, and picks what is wanted. */
static void look_pick(struct look *l, const struct waitings *found)
{
	l->all = found;
	l->n = 0;
	l->row = xrealloc(l->row, found->n * sizeof(*l->row));
	for (size_t i = 0; i < found->n; i++) {
		const struct waiting *w = &found->w[i];

		if (is_wanted(l, w))
			l->row[l->n++] = (struct shown){
				.w = w, .conn = connection_of(found, w->r.dev),
				.catalog = l->s->catalog,
			};
	}
	l->ever |= l->n != 0;
}

static int look_read(struct look *l, struct snapshot *snap, enum happening why)
{
	struct session *s = l->s;
	int err = why == ON_STOP ? session_stop(s, snap) : session_read(s, snap, why);

	if (err)
		return err < 0 ? complain(FI_FAILED, "cannot read what waits: %s", strerror(-err)) : err;
	if (s->o->input) {
		waitings_of_snapshot(&l->replayed, snap, s->catalog);
		look_pick(l, &l->replayed);
	} else {
		look_pick(l, waiting_found(s->src));
	}
	return 0;
}

/* ---- threads --------------------------------------------------------------- */

struct threads {
	struct proc_task *task;
	size_t n;
};

static void add_thread(void *ctx, __u32 pid, __u32 tid)
{
	struct threads *t = ctx;

	t->task = xrealloc(t->task, (t->n + 1) * sizeof(*t->task));
	t->task[t->n] = (struct proc_task){ 0 };
	if (proc_task_read(&t->task[t->n], tid))
		t->n++;
	else
		proc_task_free(&t->task[t->n]);
}

static void threads_free(struct threads *t)
{
	for (size_t i = 0; i < t->n; i++)
		proc_task_free(&t->task[i]);
	free(t->task);
}

static const char *stack_of(const struct proc_task *t)
{
	return t->stack.len ? t->stack.s : "";
}

/* A server thread that has nothing to do. */
static bool is_idle(const struct proc_task *t)
{
	char function[64];

	return t->state == 'S' &&
	       !strcmp(proc_function(function, sizeof(function), stack_of(t)), "fuse_dev_do_read");
}

static const char *state_text(char state)
{
	switch (state) {
	case 'R': return "running or ready to run";
	case 'S': return "asleep";
	case 'D': return "asleep, uninterruptible";
	case 'T': return "stopped by a signal; SIGCONT lets it go on";
	case 't': return "stopped by a debugger";
	case 'Z': return "dead, waits for its parent";
	default:  return "in another state";
	}
}

static void text_stack(struct text *t, const char *stack)
{
	if (!*stack)
		text_printf(t, "      (no stack to be seen)\n");
	while (*stack) {
		int len = strcspn(stack, "\n");

		text_printf(t, "      %.*s\n", len, stack);
		stack += len + (stack[len] == '\n');
	}
}

/* Threads of the same state and stack, told once. */
static void text_groups(struct text *t, const struct proc_task *const *task, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct text tids = { 0 };
		size_t same = 0;
		bool told = false;

		for (size_t k = 0; k < n; k++) {
			if (task[k]->state != task[i]->state ||
			    strcmp(stack_of(task[k]), stack_of(task[i])))
				continue;
			told |= k < i;
			same++;
			text_printf(&tids, "%s%u", tids.len ? ", " : "", task[k]->tid);
		}
		if (!told) {
			text_printf(t, "  %s %s (%c, %s):\n", same > 1 ? "threads" : "thread", tids.s,
				    task[i]->state, state_text(task[i]->state));
			text_stack(t, stack_of(task[i]));
		}
		text_free(&tids);
	}
}

/* ---- text ------------------------------------------------------------------ */

static void text_callers(struct look *l)
{
	const struct proc_task **task = xcalloc(l->n, sizeof(*task));
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->row[i].w->caller.state)
			task[n++] = &l->row[i].w->caller;
	if (n) {
		text_printf(&l->text, "\nwaiting:\n");
		text_groups(&l->text, task, n);
	}
	free(task);
}

static void text_timeout(struct text *t, const struct connection *c)
{
	char left[FMT_LEN];

	if (!c->timeout_known)
		return;
	if (c->timeout_ns)
		text_printf(t, "; the kernel aborts the connection when a request is older than %s",
			    fmt_ns(left, sizeof(left), c->timeout_ns));
	else
		text_printf(t, "; no request time-out (fs.fuse.default_request_timeout is %llu)",
			    (unsigned long long)proc_sysctl("fs/fuse/default_request_timeout", 0));
}

static void text_server(struct look *l, const struct connection *c)
{
	struct text *t = &l->text;
	struct threads all = { 0 };
	const struct proc_task **busy;
	char name[256];
	size_t n = 0;

	catalog_mount_name(l->s->catalog, c->dev, name, sizeof(name));
	text_printf(t, "\nserver of %s (connection %u): ", name, c->dev);
	if (!c->server) {
		text_printf(t, "no process has /dev/fuse open for it, or none that can be found\n");
		return;
	}
	proc_each_thread(c->server, add_thread, &all);
	text_printf(t, "%s, PID %u, %zu threads", all.n ? all.task[0].comm : "?", c->server, all.n);
	text_timeout(t, c);
	text_printf(t, "\n");
	busy = xcalloc(all.n, sizeof(*busy));
	for (size_t i = 0; i < all.n; i++)
		if (!is_idle(&all.task[i]))
			busy[n++] = &all.task[i];
	text_printf(t, all.n > n ? "  %zu idle: read /dev/fuse for the next request\n" :
		    "  no thread reads /dev/fuse for the next request\n", all.n - n);
	text_groups(t, busy, n);
	free(busy);
	threads_free(&all);
}

/* Connections of what is shown. */
static bool is_concerned(const struct look *l, const struct connection *c)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->row[i].conn == c)
			return true;
	return false;
}

static void text_summary(struct look *l)
{
	struct text *t = &l->text;
	char a[FMT_LEN];

	if (l->s->o->older_ns)
		text_printf(t, "%zu waiting for %s or longer", l->n,
			    fmt_ns(a, sizeof(a), l->s->o->older_ns));
	else
		text_printf(t, "%zu waiting", l->n);
	if (l->n && l->row[0].w->age_known)
		text_printf(t, ", the oldest for %s%s", l->row[0].w->age_least ? "at least " : "",
			    fmt_ns(a, sizeof(a), l->row[0].w->age_ns));
	if (l->all->tick_ns && l->n)
		text_printf(t, " (+-%s)", fmt_ns(a, sizeof(a), l->all->tick_ns));
	text_printf(t, "\n");
	if (!l->s->o->input && !l->all->walked)
		text_printf(t, "from /proc, without BPF%s%s%s: ages count from the first look, and ranges are those of the system call\n",
			    l->all->no_bpf ? " (" : "",
			    l->all->no_bpf ? strerror(-l->all->no_bpf) : "",
			    l->all->no_bpf ? ", --backend bpf -v shows why)" : "");
	if (l->all->missed)
		text_printf(t, "the kernel's lists changed while they were read: there may be more\n");
}

static void put_text(struct look *l)
{
	text_clear(&l->text);
	text_summary(l);
	if (l->n) {
		columns_text_head(&l->text, inflight_columns, nr_inflight_columns);
		for (size_t i = 0; i < l->n; i++)
			columns_text(&l->text, inflight_columns, nr_inflight_columns, &l->row[i], 0);
		text_callers(l);
	}
	for (size_t i = 0; !l->s->o->input && i < l->all->nr_conns; i++)
		if (is_concerned(l, &l->all->conn[i]))
			text_server(l, &l->all->conn[i]);
}

/* ---- JSON ------------------------------------------------------------------ */

static void json_stack(struct json *j, const char *stack)
{
	json_open(j, "stack", '[');
	while (*stack) {
		char frame[256];
		size_t len = strcspn(stack, "\n");

		snprintf(frame, sizeof(frame), "%.*s", (int)len, stack);
		json_str(j, NULL, frame);
		stack += len + (stack[len] == '\n');
	}
	json_close(j, ']');
}

static void json_threads(struct json *j, __u32 pid)
{
	struct threads all = { 0 };

	proc_each_thread(pid, add_thread, &all);
	json_open(j, "threads", '[');
	for (size_t i = 0; i < all.n; i++) {
		char state[2] = { all.task[i].state };

		json_open(j, NULL, '{');
		json_u64(j, "tid", all.task[i].tid);
		json_str(j, "comm", all.task[i].comm);
		json_str(j, "state", state);
		json_bool(j, "idle", is_idle(&all.task[i]));
		json_stack(j, stack_of(&all.task[i]));
		json_close(j, '}');
	}
	json_close(j, ']');
	threads_free(&all);
}

static void json_server(struct look *l, const struct connection *c)
{
	struct json *j = &l->s->json;
	char name[256];

	json_line(j, "waiting_server");
	json_u64(j, "connection", c->dev);
	json_str(j, "mount", catalog_mount_name(l->s->catalog, c->dev, name, sizeof(name)));
	if (c->server)
		json_u64(j, "server_pid", c->server);
	if (c->timeout_known)
		json_u64(j, "timeout_ns", c->timeout_ns);
	json_threads(j, c->server ? c->server : ~0U);
	json_put(j);
}

static void put_json(struct look *l, const struct snapshot *snap)
{
	struct json *j = &l->s->json;

	json_line(j, "look");
	json_u64(j, "ts_ns", snap->time_ns);
	json_u64(j, "waiting", l->n);
	json_u64(j, "tick_ns", l->all->tick_ns);
	json_bool(j, "walked", l->all->walked);
	json_u64(j, "missed", l->all->missed);
	json_put(j);
	for (size_t i = 0; i < l->n; i++) {
		json_line(j, "waiting");
		columns_json(j, inflight_columns, nr_inflight_columns, &l->row[i]);
		json_stack(j, stack_of(&l->row[i].w->caller));
		json_put(j);
	}
	for (size_t i = 0; !l->s->o->input && i < l->all->nr_conns; i++)
		if (is_concerned(l, &l->all->conn[i]))
			json_server(l, &l->all->conn[i]);
}

/* ---- output ---------------------------------------------------------------- */

static void put_csv(struct look *l)
{
	text_clear(&l->text);
	for (size_t i = 0; i < l->n; i++)
		columns_csv(&l->text, inflight_columns, nr_inflight_columns, &l->row[i]);
	fputs(l->text.len ? l->text.s : "", l->s->out);
}

/* On a terminal each look takes the place of the last one, as far as it fits. */
static void put_screen(struct look *l)
{
	struct winsize size = { 0 };
	int lines;
	const char *p = l->text.s;

	if (ioctl(fileno(l->s->out), TIOCGWINSZ, &size) || !size.ws_row)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	fputs("\033[H\033[2J", l->s->out);
	for (lines = size.ws_row - 1; *p && lines > 0; lines--) {
		int len = strcspn(p, "\n");

		fprintf(l->s->out, "%.*s\n", len < size.ws_col ? len : size.ws_col - 1, p);
		p += len + (p[len] == '\n');
	}
}

static void put_look(struct look *l, const struct snapshot *snap)
{
	const struct opts *o = l->s->o;

	if (o->json) {
		put_json(l, snap);
		return;
	}
	if (o->csv) {
		put_csv(l);
		return;
	}
	put_text(l);
	if (o->watch && isatty(fileno(l->s->out)))
		put_screen(l);
	else
		fprintf(l->s->out, "%s%s", l->text.s, o->watch ? "\n" : "");
}

/* ---- the command ----------------------------------------------------------- */

/* Looks until it is told to stop. */
static int watch(struct look *l, struct snapshot *snap)
{
	unsigned long left = l->s->o->count;
	int err;

	session_set_interval(l->s, l->s->o->interval_ns);
	for (;;) {
		enum happening what;

		if (!l->s->o->input) {
			err = look_read(l, snap, ON_TICK);
			if (err)
				return err;
			put_look(l, snap);
			if (left && !--left)
				return session_stop(l->s, snap);
		}
		do
			what = session_wait(l->s);
		while (what != ON_TICK && what != ON_REPORT && what != ON_STOP);
		if (what == ON_STOP)
			return session_stop(l->s, snap);
		if (!l->s->o->input)
			continue;
		err = look_read(l, snap, what);
		if (err)
			return err;
		put_look(l, snap);
		if (left && !--left)
			return session_stop(l->s, snap);
	}
}

/* At the end of a recording; else now, or once more where only time can tell ages. */
static int look_once(struct look *l, struct snapshot *snap)
{
	__u64 older = l->s->o->older_ns > l->s->o->min_lat_ns ? l->s->o->older_ns :
								l->s->o->min_lat_ns;
	int err = 0;

	if (l->s->o->input) {
		while (session_wait(l->s) != ON_STOP)
			;
	} else if (older && !strcmp(l->s->info->backend, "proc")) {
		err = look_read(l, snap, ON_TICK);
		session_set_interval(l->s, older);
		while (!err) {
			enum happening what = session_wait(l->s);

			if (what == ON_TICK || what == ON_STOP)
				break;
		}
	}
	if (!err)
		err = look_read(l, snap, ON_STOP);
	if (!err)
		put_look(l, snap);
	return err;
}

static int refuse(const struct opts *o)
{
	if (o->types || o->errors || o->shorts)
		return complain(FI_USAGE,
				"inflight: what has not ended has no outcome yet: no --type, --errors, --short");
	if (o->input && o->all)
		return complain(FI_USAGE, "inflight: a recording has iomap's requests only: no --all");
	return 0;
}

static int set_cgroup(struct look *l, const char *given)
{
	char dir[PATH_MAX + 16];

	if (!given)
		return 0;
	cgroup_path(given, l->cgroup, sizeof(l->cgroup));
	snprintf(dir, sizeof(dir), "/sys/fs/cgroup%s", l->cgroup);
	return access(dir, F_OK) ? complain(FI_USAGE, "cannot open the cgroup '%s': %s", dir,
					    strerror(errno)) : 0;
}

static int run(const struct opts *given)
{
	struct opts o = *given;
	struct session s;
	struct look l = { .s = &s };
	struct source_config config = { .live = &source_waiting, .settings.records = !!given->input };
	struct snapshot snap = { 0 };
	int err = refuse(&o);

	if (!err)
		err = set_cgroup(&l, o.cgroup);
	if (err)
		return err;
	/* There is nothing to be ready for, and a moment has no ledger worth telling. */
	o.quiet = true;
	o.watch |= o.interval_given;
	err = session_open(&s, "inflight", &o, &config);
	if (err)
		return err;
	l.dev = config.settings.dev;
	if (o.csv) {
		columns_csv_head(&l.text, inflight_columns, nr_inflight_columns);
		fputs(l.text.s, s.out);
	}
	err = o.watch ? watch(&l, &snap) : look_once(&l, &snap);
	if (!given->quiet)
		source_notes(s.src);
	if (!err)
		err = session_close(&s, &snap);
	if (!err && o.older_ns && l.ever)
		err = FI_WAITING;
	snapshot_free(&snap);
	waitings_free(&l.replayed);
	text_free(&l.text);
	free(l.row);
	return err;
}

const struct command cmd_inflight = {
	.name = "inflight",
	.summary = "the upcalls that wait now, and for whom",
	.doc = "Shows every upcall that is waiting, oldest first, whenever it began: for how long, "
	       "whether a server thread has taken it, which operation it is for, who waits and "
	       "where in the kernel, and what the server's threads are doing. The mounts "
	       "themselves are never touched, so it works when they hang."
	       "\vWith --older-than, the exit status is 6 if something has been waiting for as "
	       "long, and 0 if not, for use in a monitor.",
	.takes = OPT_FILTER | OPT_SOURCE | OPT_JSON | OPT_CSV | OPT_OUTPUT | OPT_WATCH |
		 OPT_INTERVAL | OPT_DURATION | OPT_QUIET | OPT_UNITS | OPT_COLOR,
	.run = run,
};
