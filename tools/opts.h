/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One table of options for all commands, so that a letter means one thing
 * everywhere; a command names those it takes. Help, man pages and completion
 * come from the same table.
 */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "source.h"

enum {
	/* What a command takes. */
	OPT_FILTER	= 1 << 0,	/* who, where, what for, outcome */
	OPT_SOURCE	= 1 << 1,	/* --backend, --no-done, -i */
	OPT_JSON	= 1 << 2,
	OPT_CSV		= 1 << 3,
	OPT_OUTPUT	= 1 << 4,
	OPT_DURATION	= 1 << 5,
	OPT_BATCH	= 1 << 6,
	OPT_TABLE	= 1 << 7,	/* --sort, --reverse, --columns, --view, --search */
	OPT_COMMAND	= 1 << 8,	/* -- COMMAND [ARG...] */
	OPT_INTERVAL	= 1 << 9,	/* [INTERVAL [COUNT]] */
	OPT_QUIET	= 1 << 10,	/* -q, --strict */
	OPT_BY		= 1 << 11,
	OPT_PCT		= 1 << 12,
	OPT_HGRM	= 1 << 13,
	OPT_STACKS	= 1 << 14,	/* --stacks, --user-stacks */
	OPT_SAVE	= 1 << 15,	/* --save FILE */
	OPT_RECORD	= 1 << 16,	/* -o has to be there, and is stored as `save` */
	OPT_FLIGHT	= 1 << 17,	/* --keep, --on, --after */
	OPT_WATCH	= 1 << 18,	/* --watch, --older-than, --all */
	OPT_DIFF	= 1 << 19,	/* --fail-if */
	OPT_UNITS	= 1 << 20,	/* -u */
	OPT_ARGS	= 1 << 21,	/* files as arguments */
	OPT_COLOR	= 1 << 22,
	OPT_CELLS	= 1 << 23,	/* --cells */
	OPT_COLUMNS	= 1 << 24,	/* --columns of OPT_TABLE alone */
	OPT_TIMES	= 1 << 25,	/* -T */
};

enum timestamps { TIME_RELATIVE, TIME_WALL, TIME_MONOTONIC };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

#define PCT_MAX		16

/* What starts the saving of a flight recorder; a signal (SIGUSR2) always does. */
#define ON_LATENCY	(1U << 0)
#define ON_SHORT	(1U << 1)
#define ON_ERROR	(1U << 2)
#define ON_REFUSED	(1U << 3)

struct opts {
	/* OPT_FILTER; those that the source knows go there as they are */
	__u32 pid;		/* 0: all, as everywhere below */
	__u32 tid;
	const char *comm;
	const char *cgroup;	/* path below /sys/fs/cgroup, or absolute */
	const char *mount;
	__u32 connection;	/* dev of the connection */
	__u64 inode;
	__u32 ops;		/* bit mask of enum fi_op */
	__u32 kinds;		/* of enum fi_kind */
	__u32 types;		/* of fi_type() */
	__u64 min_lat_ns;
	bool errors;
	bool shorts;
	/* OPT_SOURCE */
	enum backend backend;
	bool no_done;
	const char *input;
	__u32 max_cells;	/* 0: what the source thinks right */
	/* output */
	bool json;
	bool csv;
	bool strict;
	bool quiet;
	bool verbose;
	const char *output;
	const char *save;
	enum color color;
	enum timestamps timestamps;
	__u64 unit_ns;		/* fixed unit of times in text; 0: three digits and a unit */
	/* windows */
	__u64 duration_ns;	/* 0: until a signal */
	__u64 interval_ns;
	bool interval_given;
	unsigned long count;	/* 0: no limit */
	char **command;		/* NULL: none */
	/* tables */
	bool batch;
	const char *sort;
	bool reverse;
	const char *columns;	/* "a,b,c" or "+a,-b" */
	const char *view;
	const char *search;	/* rows whose name contains this */
	/* views */
	unsigned int by;	/* enum row_by; 0: the command's own */
	bool by_phase;
	unsigned int nr_pct;	/* 0: p50,p90,p99,p99.9 */
	double pct[PCT_MAX];	/* 0..100, ascending */
	const char *hgrm;	/* directory */
	bool bins;
	bool stacks;
	bool user_stacks;
	/* flight recorder */
	__u64 keep_ns;
	__u64 keep_bytes;	/* both 0: no flight recorder */
	__u32 on;		/* ON_* */
	__u64 on_latency_ns;
	__u64 after_ns;
	/* inflight */
	bool watch;
	bool all;
	__u64 older_ns;
	/* diff */
	const char **fail_if;
	size_t nr_fail_if;
	/* OPT_ARGS */
	const char **args;
	size_t nr_args;
};

struct command {
	const char *name;
	const char *summary;	/* one line for `fuseiomap --help` */
	const char *doc;	/* what its own --help says first; behind \v what it says last */
	const char *args;	/* of OPT_ARGS: how its arguments are called, "A B" */
	unsigned int takes;	/* OPT_* */
	int (*run)(const struct opts *o);
};

/* All of them, in the order of the help; NULL is the end. In commands.c. */
extern const struct command *const commands[];

/* NULL if there is none. */
const struct command *command_find(const char *name);

/* ---- the options themselves, for whatever documents them ------------------ */

enum opt_group {
	GROUP_FILTER,
	GROUP_WINDOW,
	GROUP_VIEW,
	GROUP_RECORDER,
	GROUP_OUTPUT,
	GROUP_SOURCE,
	GROUP_OTHER,
	OPT_GROUPS,
};

extern const char *const opt_group_title[OPT_GROUPS];

/* What an option's value is, for completion. */
enum opt_value {
	VALUE_OTHER,
	VALUE_WORDS,	/* one of opt->words, or several with commas */
	VALUE_FILE,
	VALUE_DIR,
	VALUE_COLUMN,	/* of the command */
	VALUE_VIEW,
	VALUE_PID,
};

struct opt {
	const char *name;
	char letter;		/* 0: it has none */
	const char *arg;	/* NULL: takes no value */
	const char *help;	/* one sentence without an end */
	unsigned int bit;	/* of commands that take it; 0: all */
	enum opt_group group;
	enum opt_value value;
	const char *const *words;
	size_t nr_words;
	/* 0 or -EINVAL; `offset` is that of the member of struct opts it goes to. */
	int (*set)(struct opts *o, const struct opt *opt, const char *arg);
	size_t offset;
	unsigned int not;	/* of commands that do not take it for all that */
};

extern const struct opt options[];
extern const size_t nr_options;

bool command_takes(const struct command *c, const struct opt *opt);

/* What stands behind the options in the usage, "[INTERVAL [COUNT]]"; returns buf. */
char *command_args(const struct command *c, char *buf, size_t size);

/*
 * argv[0] is shown in messages. Reports errors; returns 0 or an exit code.
 * --help and --version print and exit.
 */
int opts_parse(struct opts *o, const struct command *command, int argc, char **argv);

/* The defaults, before parsing. */
void opts_init(struct opts *o);

/*
 * Numbers as typed. Nothing may follow them but a unit, and they must fit.
 * Return 0 or -EINVAL. Durations without a unit are seconds, sizes bytes.
 */
int parse_u64(const char *s, __u64 *v);
int parse_duration(const char *s, __u64 *ns);
int parse_size(const char *s, __u64 *bytes);
int parse_ops(const char *s, __u32 *ops);

#endif
