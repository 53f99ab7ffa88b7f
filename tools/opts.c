// SPDX-License-Identifier: GPL-2.0-only
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "names.h"
#include "opts.h"
#include "text.h"
#include "version.h"

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

int parse_duration(const char *s, __u64 *ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "", 1e9 }, { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
		{ "m", 60e9 }, { "h", 3600e9 },
	};
	char *end;
	double v;

	if (*s < '0' || *s > '9' || s[1] == 'x' || s[1] == 'X')
		return -EINVAL;
	v = strtod(s, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		v = round(v * units[i].ns);
		if (!(v < 1e18))
			return -EINVAL;
		*ns = v;
		return 0;
	}
	return -EINVAL;
}

int parse_ops(const char *s, __u32 *ops)
{
	*ops = 0;
	for (;;) {
		size_t len = strcspn(s, ",");
		int op = name_index(op_name, FI_OPS, s, len);

		if (op < 0)
			return -EINVAL;
		*ops |= 1U << op;
		if (!s[len])
			return 0;
		s += len + 1;
	}
}

/* ---- one setter per option ----------------------------------------------- */

static int set_pid(struct opts *o, const char *arg)
{
	__u64 v;

	if (parse_u64(arg, &v) || !v || v > 0x7fffffff)
		return -EINVAL;
	o->pid = v;
	return 0;
}

static int set_connection(struct opts *o, const char *arg)
{
	__u64 v;

	if (parse_u64(arg, &v) || !v || v > 0xffffffff)
		return -EINVAL;
	o->connection = v;
	return 0;
}

static int set_mount(struct opts *o, const char *arg)
{
	o->mount = arg;
	return *arg ? 0 : -EINVAL;
}

static int set_op(struct opts *o, const char *arg)
{
	return parse_ops(arg, &o->ops);
}

static int set_latency(struct opts *o, const char *arg)
{
	return parse_duration(arg, &o->min_lat_ns);
}

static int set_json(struct opts *o, const char *arg)
{
	o->json = true;
	return 0;
}

static int set_output(struct opts *o, const char *arg)
{
	o->output = arg;
	return *arg ? 0 : -EINVAL;
}

static int set_duration(struct opts *o, const char *arg)
{
	return parse_duration(arg, &o->duration_ns) || !o->duration_ns ? -EINVAL : 0;
}

static int set_batch(struct opts *o, const char *arg)
{
	o->batch = true;
	return 0;
}

static int set_sort(struct opts *o, const char *arg)
{
	o->sort = arg;
	return *arg ? 0 : -EINVAL;
}

static int set_verbose(struct opts *o, const char *arg)
{
	o->verbose = true;
	return 0;
}

static int show_version(struct opts *o, const char *arg)
{
	puts("fuseiomap " FUSEIOMAP_VERSION);
	exit(FI_OK);
}

static int set_quiet(struct opts *o, const char *arg)
{
	o->quiet = true;
	return 0;
}

/* ---- the table ----------------------------------------------------------- */

#define KEY_OP		0x100
#define KEY_LATENCY	0x101
#define KEY_SORT	0x102
#define KEY_HELP	0x103

static const struct opt {
	struct argp_option argp;
	unsigned int bit;	/* 0: every command takes it */
	int (*set)(struct opts *o, const char *arg);
} options[] = {
	{ { "pid", 'p', "PID", 0, "only operations that wait in this process" },
	  OPT_PID, set_pid },
	{ { "mount", 'm', "MOUNT", 0, "only this mount point" }, OPT_MOUNT, set_mount },
	{ { "connection", 'C', "NUMBER", 0,
	    "only this connection, as in /sys/fs/fuse/connections" },
	  OPT_MOUNT, set_connection },
	{ { "op", KEY_OP, "OP[,OP...]", 0,
	    "only these operations: read, read-direct, write, write-direct, zero, fault, unshare, report, writeback" },
	  OPT_OP, set_op },
	{ { "min-latency", KEY_LATENCY, "TIME", 0,
	    "only operations that took as long (ns, us, ms, s)" },
	  OPT_LATENCY, set_latency },
	{ { "json", 'j', NULL, 0, "JSON lines" }, OPT_JSON, set_json },
	{ { "output", 'o', "FILE", 0, "write to FILE instead of stdout" },
	  OPT_OUTPUT, set_output },
	{ { "duration", 'd', "TIME", 0, "stop after this time (ms, s, m, h)" },
	  OPT_DURATION, set_duration },
	{ { "batch", 'b', NULL, 0, "frames as plain text, no keys" }, OPT_BATCH, set_batch },
	{ { "sort", KEY_SORT, "COLUMN", 0, "sort by this column" }, OPT_SORT, set_sort },
	{ { "quiet", 'q', NULL, 0, "no `ready' and no ledger on stderr" },
	  OPT_QUIET, set_quiet },
	{ { "verbose", 'v', NULL, 0, "show what libbpf says" }, 0, set_verbose },
	{ { "help", KEY_HELP, NULL, 0, "show this" }, 0, NULL },
	{ { "version", 'V', NULL, 0, "show the version" }, 0, show_version },
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

struct parse {
	struct opts *o;
	const struct command *command;
	const struct argp *argp;
	int positional;
	int next;		/* of argv, behind what was understood */
	bool reported;
};

static const struct opt *find_option(int key)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (options[i].argp.key == key)
			return &options[i];
	return NULL;
}

static error_t usage(struct parse *p, const char *what, const char *arg)
{
	p->reported = true;
	return complain(FI_USAGE, "%s: %s '%s' (see: fuseiomap %s --help)", p->command->name,
		  what, arg, p->command->name);
}

static error_t positional(struct parse *p, const char *arg)
{
	__u64 v;

	if (!(p->command->takes & OPT_INTERVAL) || p->positional > 1)
		return usage(p, "unexpected argument", arg);
	if (p->positional++ == 0) {
		if (parse_duration(arg, &v) || v < 1000000)
			return usage(p, "not an interval of at least 1ms:", arg);
		p->o->interval_ns = v;
	} else {
		if (parse_u64(arg, &v) || !v)
			return usage(p, "not a count of at least 1:", arg);
		p->o->count = v;
	}
	return 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	const struct opt *opt;
	char what[64];

	opt = find_option(key);
	if (!opt && key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	p->next = state->next;
	if (key == ARGP_KEY_ARG)
		return positional(p, arg);
	if (key == KEY_HELP) {
		argp_help(p->argp, stdout, ARGP_HELP_STD_HELP, state->argv[0]);
		exit(FI_OK);
	}
	if (!opt->set(p->o, arg))
		return 0;
	snprintf(what, sizeof(what), "bad value for --%s:", opt->argp.name);
	return usage(p, what, arg);
}

static const char *args_doc(unsigned int takes)
{
	if (takes & OPT_COMMAND)
		return "[-- COMMAND [ARG...]]";
	return takes & OPT_INTERVAL ? "[INTERVAL [COUNT]]" : "";
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

int opts_parse(struct opts *o, const struct command *command, int argc, char **argv)
{
	struct argp_option table[NR_OPTIONS + 1] = { 0 };
	struct argp argp = { table, parse_one, args_doc(command->takes), command->doc };
	struct parse p = { .o = o, .command = command, .argp = &argp, .next = 1 };
	int err, n = 0;

	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (!options[i].bit || (options[i].bit & command->takes))
			table[n++] = options[i].argp;
	argc = split_command(o, command, argc, argv);
	if (o->command && !o->command[0])
		return complain(FI_USAGE, "%s: no command after --", command->name);
	/* argp's own messages have two lines; ours have one. */
	err = argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &p);
	if (err && !p.reported)
		usage(&p, "unknown option, or one that lacks its value:",
		      p.next < argc ? argv[p.next] : "");
	return err ? FI_USAGE : 0;
}
