// SPDX-License-Identifier: GPL-2.0-only
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docs.h"
#include "error.h"
#include "names.h"
#include "opts.h"
#include "text.h"
#include "version.h"

/* ---- what is typed ------------------------------------------------------- */

int parse_u64(const char *s, __u64 *v)
{
	char *end;

	/* strtoull would take a minus sign and white space. */
	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*v = strtoull(s, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

struct scale {
	const char *name;
	double factor;
};

/* A decimal number and one of the units; the last unit has no name. */
static int parse_scaled(const char *s, const struct scale *units, __u64 *to)
{
	char *end;
	double v;

	if (*s < '0' || *s > '9' || s[1] == 'x' || s[1] == 'X')
		return -EINVAL;
	v = strtod(s, &end);
	for (; units->name; units++) {
		if (strcmp(end, units->name))
			continue;
		v = round(v * units->factor);
		if (!(v < 1e18))
			return -EINVAL;
		*to = v;
		return 0;
	}
	return -EINVAL;
}

int parse_duration(const char *s, __u64 *ns)
{
	static const struct scale units[] = {
		{ "", 1e9 }, { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
		{ "m", 60e9 }, { "h", 3600e9 }, { NULL },
	};

	return parse_scaled(s, units, ns);
}

int parse_size(const char *s, __u64 *bytes)
{
	static const struct scale units[] = {
		{ "", 1 }, { "B", 1 }, { "K", 1 << 10 }, { "KiB", 1 << 10 },
		{ "M", 1 << 20 }, { "MiB", 1 << 20 }, { "G", 1 << 30 }, { "GiB", 1 << 30 },
		{ NULL },
	};

	return parse_scaled(s, units, bytes);
}

/* Calls fn with each part of a list with commas; stops at the first error. */
static int for_each_part(const char *s, int (*fn)(void *ctx, const char *part), void *ctx)
{
	char part[128];

	for (;;) {
		size_t len = strcspn(s, ",");

		if (!len || len >= sizeof(part))
			return -EINVAL;
		memcpy(part, s, len);
		part[len] = '\0';
		if (fn(ctx, part))
			return -EINVAL;
		if (!s[len])
			return 0;
		s += len + 1;
	}
}

struct word_mask {
	const char *const *words;
	size_t n;
	__u32 mask;
};

static int add_word(void *ctx, const char *part)
{
	struct word_mask *m = ctx;
	int i = name_index(m->words, m->n, part, strlen(part));

	if (i < 0)
		return -EINVAL;
	m->mask |= 1U << i;
	return 0;
}

static int parse_words(const char *s, const char *const *words, size_t n, __u32 *mask)
{
	struct word_mask m = { words, n };
	int err = for_each_part(s, add_word, &m);

	*mask = m.mask;
	return err;
}

int parse_ops(const char *s, __u32 *ops)
{
	return parse_words(s, op_name, FI_OPS, ops);
}

/* ---- setters ------------------------------------------------------------- */

static void *member(struct opts *o, const struct opt *opt)
{
	return (char *)o + opt->offset;
}

static int set_flag(struct opts *o, const struct opt *opt, const char *arg)
{
	*(bool *)member(o, opt) = true;
	return 0;
}

static int set_string(struct opts *o, const struct opt *opt, const char *arg)
{
	*(const char **)member(o, opt) = arg;
	return *arg ? 0 : -EINVAL;
}

static int set_u32(struct opts *o, const struct opt *opt, const char *arg)
{
	__u64 v;

	if (parse_u64(arg, &v) || !v || v > 0xffffffff)
		return -EINVAL;
	*(__u32 *)member(o, opt) = v;
	return 0;
}

static int set_u64(struct opts *o, const struct opt *opt, const char *arg)
{
	__u64 *to = member(o, opt);

	return parse_u64(arg, to) || !*to ? -EINVAL : 0;
}

static int set_task(struct opts *o, const struct opt *opt, const char *arg)
{
	__u32 *to = member(o, opt);

	return set_u32(o, opt, arg) || *to > 0x7fffffff ? -EINVAL : 0;
}

/* The kernel keeps as much of a name and cuts the rest: such a name never matches. */
static int set_comm(struct opts *o, const struct opt *opt, const char *arg)
{
	return strlen(arg) >= FI_COMM_LEN ? -EINVAL : set_string(o, opt, arg);
}

static int set_time(struct opts *o, const struct opt *opt, const char *arg)
{
	__u64 *to = member(o, opt);

	return parse_duration(arg, to) || !*to ? -EINVAL : 0;
}

static int set_mask(struct opts *o, const struct opt *opt, const char *arg)
{
	return parse_words(arg, opt->words, opt->nr_words, member(o, opt));
}

/* An enum, by the position of its word. */
static int set_word(struct opts *o, const struct opt *opt, const char *arg)
{
	int i = name_index(opt->words, opt->nr_words, arg, strlen(arg));

	if (i < 0)
		return -EINVAL;
	*(unsigned int *)member(o, opt) = i;
	return 0;
}

static int set_unit(struct opts *o, const struct opt *opt, const char *arg)
{
	static const __u64 ns[] = { 1, 1000, 1000000, 1000000000 };
	int i = name_index(opt->words, opt->nr_words, arg, strlen(arg));

	if (i < 0)
		return -EINVAL;
	o->unit_ns = ns[i];
	return 0;
}

/* "phase" is no part of a key, but a table of its own. */
static int set_by(struct opts *o, const struct opt *opt, const char *arg)
{
	__u32 mask, phase = 1U << (opt->nr_words - 1);

	if (parse_words(arg, opt->words, opt->nr_words, &mask))
		return -EINVAL;
	o->by_phase = mask & phase;
	o->by = mask & ~phase;
	return 0;
}

static int add_percentile(void *ctx, const char *part)
{
	struct opts *o = ctx;
	unsigned int at = o->nr_pct;
	char *end;
	double v;

	if (*part < '0' || *part > '9' || part[1] == 'x' || part[1] == 'X')
		return -EINVAL;
	v = strtod(part, &end);
	if (*end || !(v <= 100))
		return -EINVAL;
	while (at && o->pct[at - 1] > v)
		at--;
	if (at && o->pct[at - 1] == v)
		return 0;
	if (o->nr_pct == PCT_MAX)
		return -EINVAL;
	memmove(&o->pct[at + 1], &o->pct[at], (o->nr_pct - at) * sizeof(o->pct[0]));
	o->pct[at] = v;
	o->nr_pct++;
	return 0;
}

static int set_pct(struct opts *o, const struct opt *opt, const char *arg)
{
	o->nr_pct = 0;
	return for_each_part(arg, add_percentile, o);
}

/* A number alone could be either, so it is neither. */
static int add_keep(void *ctx, const char *part)
{
	struct opts *o = ctx;
	__u64 v;

	if (!parse_u64(part, &v))
		return -EINVAL;
	if (!parse_duration(part, &v)) {
		o->keep_ns = v;
		return v ? 0 : -EINVAL;
	}
	if (parse_size(part, &v) || !v)
		return -EINVAL;
	o->keep_bytes = v;
	return 0;
}

static int set_keep(struct opts *o, const struct opt *opt, const char *arg)
{
	return for_each_part(arg, add_keep, o);
}

static const char *const on_words[] = { "latency>TIME", "short", "error", "refused" };

static int add_trigger(void *ctx, const char *part)
{
	struct opts *o = ctx;
	int i;

	if (!strncmp(part, "latency>", 8)) {
		o->on |= ON_LATENCY;
		return parse_duration(part + 8, &o->on_latency_ns) || !o->on_latency_ns ?
		       -EINVAL : 0;
	}
	i = name_index(on_words, sizeof(on_words) / sizeof(on_words[0]), part, strlen(part));
	if (i <= 0)
		return -EINVAL;
	o->on |= 1U << i;
	return 0;
}

static int set_on(struct opts *o, const struct opt *opt, const char *arg)
{
	return for_each_part(arg, add_trigger, o);
}

/* What it means is the command's to say. */
static int add_fail_if(struct opts *o, const struct opt *opt, const char *arg)
{
	o->fail_if = xrealloc(o->fail_if, (o->nr_fail_if + 1) * sizeof(*o->fail_if));
	o->fail_if[o->nr_fail_if++] = arg;
	return *arg ? 0 : -EINVAL;
}

static int show_version(struct opts *o, const struct opt *opt, const char *arg)
{
	puts("fuseiomap " FUSEIOMAP_VERSION);
	exit(FI_OK);
}

/* ---- the table ----------------------------------------------------------- */

const char *const opt_group_title[OPT_GROUPS] = {
	[GROUP_FILTER] = "Filters",
	[GROUP_WINDOW] = "Window",
	[GROUP_VIEW] = "View",
	[GROUP_RECORDER] = "Flight recorder",
	[GROUP_OUTPUT] = "Output",
	[GROUP_SOURCE] = "Source",
	[GROUP_OTHER] = "Other",
};

static const char *const backend_words[] = { "auto", "bpf", "ftrace" };
static const char *const color_words[] = { "auto", "always", "never" };
static const char *const time_words[] = { "relative", "wall", "monotonic" };
static const char *const unit_words[] = { "ns", "us", "ms", "s" };
/* In the order of enum row_by. */
static const char *const by_words[] = {
	"mount", "file", "process", "thread", "op", "type", "kind", "phase",
};

#define LETTER_HELP	'h'
#define WORDS(w)	VALUE_WORDS, w, sizeof(w) / sizeof(w[0])
#define TO(m)		.offset = offsetof(struct opts, m)

const struct opt options[] = {
	{ "mount", 'm', "MOUNT", "only this mount point",
	  OPT_FILTER, GROUP_FILTER, VALUE_DIR, .set = set_string, TO(mount) },
	{ "connection", 'C', "NUMBER", "only this connection, as in /sys/fs/fuse/connections",
	  OPT_FILTER, GROUP_FILTER, .set = set_u32, TO(connection) },
	{ "inode", 0, "NUMBER", "only the file with this inode number",
	  OPT_FILTER, GROUP_FILTER, .set = set_u64, TO(inode) },
	{ "pid", 'p', "PID", "only operations of this process",
	  OPT_FILTER, GROUP_FILTER, VALUE_PID, .set = set_task, TO(pid) },
	{ "tid", 't', "TID", "only operations of this thread",
	  OPT_FILTER, GROUP_FILTER, VALUE_PID, .set = set_task, TO(tid) },
	{ "comm", 'n', "NAME", "only operations of threads with this name (at most 15 bytes)",
	  OPT_FILTER, GROUP_FILTER, .set = set_comm, TO(comm) },
	{ "cgroup", 'g', "PATH",
	  "only operations of tasks in this cgroup or below; PATH is relative to /sys/fs/cgroup",
	  OPT_FILTER, GROUP_FILTER, VALUE_DIR, .set = set_string, TO(cgroup) },
	{ "op", 0, "OP[,OP...]", "only these operations",
	  OPT_FILTER, GROUP_FILTER, VALUE_WORDS, op_name, FI_OPS, set_mask, TO(ops) },
	{ "kind", 0, "KIND[,KIND...]", "only these parts of an operation",
	  OPT_FILTER, GROUP_FILTER, VALUE_WORDS, kind_name, FI_RECORD_KINDS, set_mask, TO(kinds) },
	{ "type", 0, "TYPE[,TYPE...]", "only operations that used mappings of these types",
	  OPT_FILTER, GROUP_FILTER, VALUE_WORDS, type_name, FI_TYPES, set_mask, TO(types) },
	{ "min-latency", 0, "TIME", "only operations that took at least as long",
	  OPT_FILTER, GROUP_FILTER, .set = set_time, TO(min_lat_ns) },
	{ "errors", 0, NULL, "only operations that ended with an error",
	  OPT_FILTER, GROUP_FILTER, .set = set_flag, TO(errors) },
	{ "short", 0, NULL, "only ends that wrote less than was asked for",
	  OPT_FILTER, GROUP_FILTER, .set = set_flag, TO(shorts) },

	{ "duration", 'd', "TIME", "stop after this time",
	  OPT_DURATION, GROUP_WINDOW, .set = set_time, TO(duration_ns) },

	{ "batch", 'b', NULL, "frames as plain text, no keys",
	  OPT_BATCH, GROUP_VIEW, .set = set_flag, TO(batch) },
	{ "view", 0, "VIEW", "begin with this view; in batch mode, show only this one",
	  OPT_TABLE, GROUP_VIEW, VALUE_VIEW, .set = set_string, TO(view) },
	{ "columns", 0, "LIST", "show these columns; +NAME adds one, -NAME takes one away",
	  OPT_TABLE | OPT_COLUMNS, GROUP_VIEW, VALUE_COLUMN, .set = set_string,
	  TO(columns) },
	{ "sort", 0, "COLUMN", "sort by this column",
	  OPT_TABLE, GROUP_VIEW, VALUE_COLUMN, .set = set_string, TO(sort) },
	{ "reverse", 'r', NULL, "smallest first",
	  OPT_TABLE, GROUP_VIEW, .set = set_flag, TO(reverse) },
	{ "search", 0, "TEXT", "only rows whose name contains this; also errors>0 and the like",
	  OPT_TABLE, GROUP_VIEW, .set = set_string, TO(search) },
	{ "by", 0, "PART[,PART...]", "what to tell apart",
	  OPT_BY, GROUP_VIEW, WORDS(by_words), set_by },
	{ "pct", 0, "P[,P...]", "percentiles to show (default: 50,90,99,99.9)",
	  OPT_PCT, GROUP_VIEW, .set = set_pct },
	{ "stacks", 0, NULL, "kernel stacks, folded for flame graphs",
	  OPT_STACKS, GROUP_VIEW, .set = set_flag, TO(stacks) },
	{ "user-stacks", 0, NULL, "with the stack of the program, too",
	  OPT_STACKS, GROUP_VIEW, .set = set_flag, TO(user_stacks) },
	{ "older-than", 0, "TIME", "only what has been waiting for as long",
	  OPT_WATCH, GROUP_VIEW, .set = set_time, TO(older_ns) },
	{ "all", 0, NULL, "other requests of FUSE, too, not only iomap's",
	  OPT_WATCH, GROUP_VIEW, .set = set_flag, TO(all) },
	{ "watch", 'w', NULL, "look again each interval until a signal",
	  OPT_WATCH, GROUP_VIEW, .set = set_flag, TO(watch) },
	{ "fail-if", 0, "METRIC{+|-|>|<}NUMBER",
	  "exit with 1 if the metric changes by more; may be given several times",
	  OPT_DIFF, GROUP_VIEW, .set = add_fail_if },

	{ "keep", 0, "TIME|SIZE", "keep only as much, in memory, until something triggers",
	  OPT_FLIGHT, GROUP_RECORDER, .set = set_keep },
	{ "on", 0, "TRIGGER[,TRIGGER...]", "save what is kept when this happens; SIGUSR2 always does",
	  OPT_FLIGHT, GROUP_RECORDER, WORDS(on_words), set_on },
	{ "after", 0, "TIME", "go on for as long after a trigger, then save",
	  OPT_FLIGHT, GROUP_RECORDER, .set = set_time, TO(after_ns) },

	{ "json", 'j', NULL, "JSON lines; `fuseiomap schema' describes them",
	  OPT_JSON, GROUP_OUTPUT, .set = set_flag, TO(json) },
	{ "csv", 0, NULL, "comma-separated values, with a head",
	  OPT_CSV, GROUP_OUTPUT, .set = set_flag, TO(csv) },
	{ "output", 'o', "FILE", "write to FILE instead of stdout",
	  OPT_OUTPUT, GROUP_OUTPUT, VALUE_FILE, .set = set_string, TO(output) },
	{ "output", 'o', "FILE", "where the recording goes",
	  OPT_RECORD, GROUP_OUTPUT, VALUE_FILE, .set = set_string, TO(save) },
	{ "hgrm", 0, "DIR", "also write each histogram to DIR as an HdrHistogram .hgrm file",
	  OPT_HGRM, GROUP_OUTPUT, VALUE_DIR, .set = set_string, TO(hgrm) },
	{ "bins", 0, NULL, "with --csv: a line for each bin of the histograms",
	  OPT_HGRM, GROUP_OUTPUT, .set = set_flag, TO(bins) },
	{ "save", 0, "FILE", "also record the run to FILE",
	  OPT_SAVE, GROUP_OUTPUT, VALUE_FILE, .set = set_string, TO(save) },
	{ "unit", 'u', "UNIT", "show all times in this unit",
	  OPT_UNITS, GROUP_OUTPUT, WORDS(unit_words), set_unit },
	{ "timestamps", 'T', "CLOCK",
	  "show points in time since the start, as wall clock time, or on CLOCK_MONOTONIC",
	  OPT_TIMES, GROUP_OUTPUT, WORDS(time_words), set_word, TO(timestamps) },
	{ "color", 0, "WHEN", "use colour; auto: on a terminal, unless NO_COLOR is set",
	  OPT_COLOR, GROUP_OUTPUT, WORDS(color_words), set_word, TO(color) },
	{ "strict", 0, NULL, "exit with 5 if anything was lost",
	  OPT_QUIET, GROUP_OUTPUT, .set = set_flag, TO(strict) },
	{ "quiet", 'q', NULL, "no `ready' and no ledger on stderr",
	  OPT_QUIET, GROUP_OUTPUT, .set = set_flag, TO(quiet) },

	{ "input", 'i', "FILE", "read this recording, or a trace.dat of trace-cmd",
	  OPT_SOURCE, GROUP_SOURCE, VALUE_FILE, .set = set_string, TO(input), .not = OPT_RECORD },
	{ "backend", 0, "BACKEND", "how to get at the events; auto: bpf where it works",
	  OPT_SOURCE, GROUP_SOURCE, WORDS(backend_words), set_word, TO(backend) },
	{ "no-done", 0, NULL, "use only the events that upstream's series has, too",
	  OPT_SOURCE, GROUP_SOURCE, .set = set_flag, TO(no_done) },
	{ "cells", 0, "NUMBER", "count at most as many combinations apart, the rest as \"other\"",
	  OPT_CELLS, GROUP_SOURCE, .set = set_u32, TO(max_cells) },

	{ "verbose", 'v', NULL, "say more on stderr, also what libraries say",
	  0, GROUP_OTHER, .set = set_flag, TO(verbose) },
	{ "help", LETTER_HELP, NULL, "show this help", 0, GROUP_OTHER },
	{ "version", 'V', NULL, "show the version", 0, GROUP_OTHER, .set = show_version },
};

const size_t nr_options = sizeof(options) / sizeof(options[0]);

bool command_takes(const struct command *c, const struct opt *opt)
{
	return (!opt->bit || (opt->bit & c->takes)) && !(opt->not & c->takes);
}

char *command_args(const struct command *c, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s",
		 c->takes & OPT_ARGS ? c->args :
		 c->takes & OPT_INTERVAL ? "[INTERVAL [COUNT]]" : "",
		 (c->takes & (OPT_ARGS | OPT_INTERVAL)) && (c->takes & OPT_COMMAND) ? " " : "",
		 c->takes & OPT_COMMAND ? "[-- COMMAND [ARG...]]" : "");
	return buf;
}

/* ---- parsing ------------------------------------------------------------- */

struct parse {
	struct opts *o;
	const struct command *command;
	int positional;
	int next;		/* of argv, behind what was understood */
	bool reported;
};

/* What argp knows an option by; those without a letter are beyond the letters. */
static int argp_key(const struct opt *opt)
{
	return opt->letter ? opt->letter : 0x100 + (int)(opt - options);
}

static const struct opt *find_option(const struct command *c, int key)
{
	for (size_t i = 0; i < nr_options; i++)
		if (argp_key(&options[i]) == key && command_takes(c, &options[i]))
			return &options[i];
	return NULL;
}

static error_t usage(struct parse *p, const char *what, const char *arg)
{
	p->reported = true;
	return complain(FI_USAGE, "%s: %s '%s' (see: fuseiomap %s --help)", p->command->name,
		  what, arg, p->command->name);
}

/* What a value has to look like, by what takes it; words say it themselves. */
static const struct {
	int (*set)(struct opts *o, const struct opt *opt, const char *arg);
	const char *what;
} expected[] = {
	{ set_string, "a value that is not empty" },
	{ set_u32, "a whole number from 1 to 4294967295" },
	{ set_u64, "a whole number of at least 1" },
	{ set_task, "a number such as ps shows" },
	{ set_comm, "a name of 1 to 15 bytes" },
	{ set_time, "a time of more than 0, such as 500us, 10ms or 1.5s" },
	{ set_pct, "up to 16 numbers from 0 to 100" },
	{ add_fail_if, "a metric, a sign and a number, such as p99+20%" },
	{ set_keep, "a time or a size or both, each with its unit, such as 30s,64MiB" },
};

_Static_assert(PCT_MAX == 16, "as the text above has it");

/* One line: what is wrong, and what would be right. */
static error_t bad_value(struct parse *p, const struct opt *opt, const char *arg)
{
	struct text t = { 0 };

	p->reported = true;
	text_printf(&t, "%s: bad value for --%s: '%s' (", p->command->name, opt->name, arg);
	for (size_t i = 0; i < opt->nr_words; i++)
		text_printf(&t, "%s%s", i ? ", " : "known: ", opt->words[i]);
	for (size_t i = 0; !opt->nr_words && i < sizeof(expected) / sizeof(expected[0]); i++)
		if (expected[i].set == opt->set)
			text_printf(&t, "expected: %s", expected[i].what);
	complain(FI_USAGE, "%s)", t.s);
	text_free(&t);
	return FI_USAGE;
}

static error_t positional(struct parse *p, const char *arg)
{
	struct opts *o = p->o;
	__u64 v;

	if (p->command->takes & OPT_ARGS) {
		o->args = xrealloc(o->args, (o->nr_args + 1) * sizeof(*o->args));
		o->args[o->nr_args++] = arg;
		return 0;
	}
	if (!(p->command->takes & OPT_INTERVAL) || p->positional > 1)
		return usage(p, "unexpected argument", arg);
	if (p->positional++ == 0) {
		if (parse_duration(arg, &v) || v < 1000000)
			return usage(p, "not an interval of at least 1ms:", arg);
		o->interval_ns = v;
		o->interval_given = true;
	} else {
		if (parse_u64(arg, &v) || !v)
			return usage(p, "not a count of at least 1:", arg);
		o->count = v;
	}
	return 0;
}

#define HELP_WIDTH_MAX	100	/* wider lines read badly */

static void show_help(const struct command *c)
{
	struct winsize size;
	struct text t = { 0 };
	int width = 80;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= 50)
		width = size.ws_col < HELP_WIDTH_MAX ? size.ws_col : HELP_WIDTH_MAX;
	help_text(&t, c, width);
	fputs(t.s, stdout);
	exit(FI_OK);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	const struct opt *opt = find_option(p->command, key);

	if (!opt && key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	p->next = state->next;
	if (key == ARGP_KEY_ARG)
		return positional(p, arg);
	if (key == LETTER_HELP)
		show_help(p->command);
	return opt->set(p->o, opt, arg) ? bad_value(p, opt, arg) : 0;
}

/*
 * Cuts off "-- COMMAND ..." and returns how many arguments are left to argp,
 * which would take the command for arguments of ours.
 */
static int split_command(struct opts *o, const struct command *command, int argc, char **argv)
{
	if (!(command->takes & OPT_COMMAND))
		return argc;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		o->command = &argv[i + 1];
		return i;
	}
	return argc;
}

/* ---- what does not go together ------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	if (!a || !b)
		return false;
	if (!strcmp(a, b))
		return true;
	return !stat(a, &sa) && !stat(b, &sb) && S_ISREG(sa.st_mode) &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* The first rule that is broken is told; each says why. */
static const char *find_conflict(const struct opts *o, const struct command *c)
{
	const struct {
		bool broken;
		const char *why;
	} rules[] = {
		{ o->json && o->csv, "--json and --csv exclude each other" },
		{ (c->takes & OPT_RECORD) && !o->save, "where to? -o FILE is needed" },
		{ o->input && o->backend, "--backend is for a running kernel, --input reads a file" },
		{ o->input && o->no_done, "--no-done is for a running kernel, --input reads a file" },
		{ o->input && o->save, "--save is for a running kernel, --input is recorded already" },
		{ o->input && o->command, "with --input nothing is measured, so there is no COMMAND to run" },
		{ o->input && o->cgroup, "a recording does not say what cgroup a task was in: no --cgroup with --input" },
		{ same_file(o->output, o->input), "--output would overwrite --input" },
		{ same_file(o->output, o->save), "--output and --save are the same file" },
		{ !(o->keep_ns || o->keep_bytes) && (o->on || o->after_ns),
		  "--on and --after need --keep" },
		{ o->command && !o->command[0], "no command after --" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].broken)
			return rules[i].why;
	return NULL;
}

/* ---- all together -------------------------------------------------------- */

void opts_init(struct opts *o)
{
	*o = (struct opts){ .interval_ns = 1000000000 };
}

/* For argp, which parses only: help_text() prints. */
static struct argp_option *argp_table(const struct command *c)
{
	struct argp_option *table = xcalloc(nr_options + 1, sizeof(*table));
	int n = 0;

	for (size_t i = 0; i < nr_options; i++)
		if (command_takes(c, &options[i]))
			table[n++] = (struct argp_option){ options[i].name,
							   argp_key(&options[i]),
							   options[i].arg };
	return table;
}

int opts_parse(struct opts *o, const struct command *command, int argc, char **argv)
{
	struct argp_option *table = argp_table(command);
	struct argp argp = { table, parse_one };
	struct parse p = { .o = o, .command = command, .next = 1 };
	const char *why;
	int err;

	argc = split_command(o, command, argc, argv);
	/* argp's own messages have two lines; ours have one. */
	err = argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &p);
	free(table);
	if (err) {
		/* Words without a dash in front have only been put off until the end. */
		while (p.next + 1 < argc && argv[p.next][0] != '-')
			p.next++;
		if (!p.reported)
			usage(&p, "unknown option, or one that lacks its value:",
			      p.next < argc ? argv[p.next] : "");
		return FI_USAGE;
	}
	why = find_conflict(o, command);
	return why ? complain(FI_USAGE, "%s: %s", command->name, why) : 0;
}
