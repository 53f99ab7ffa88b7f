/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One table of options for all commands, so that a letter means one thing
 * everywhere; a command names those it takes.
 */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>

#include <linux/types.h>

enum {
	OPT_PID		= 1 << 0,
	OPT_MOUNT	= 1 << 1,	/* -m and -C */
	OPT_OP		= 1 << 2,
	OPT_LATENCY	= 1 << 3,
	OPT_JSON	= 1 << 4,
	OPT_OUTPUT	= 1 << 5,
	OPT_DURATION	= 1 << 6,
	OPT_BATCH	= 1 << 7,
	OPT_SORT	= 1 << 8,
	OPT_COMMAND	= 1 << 9,	/* -- COMMAND [ARG...] */
	OPT_INTERVAL	= 1 << 10,	/* [INTERVAL [COUNT]] */
	OPT_QUIET	= 1 << 11,

	OPTS_FILTER	= OPT_PID | OPT_MOUNT | OPT_OP | OPT_LATENCY,
	OPTS_RUN	= OPT_DURATION | OPT_COMMAND | OPT_QUIET | OPT_OUTPUT | OPT_JSON,
};

struct opts {
	__u32 pid;		/* 0: all */
	__u32 connection;	/* dev of the connection, 0: all */
	const char *mount;
	__u32 ops;		/* bit mask of enum fi_op, 0: all */
	__u64 min_lat_ns;
	bool json;
	const char *output;
	__u64 duration_ns;	/* 0: until a signal */
	bool batch;
	const char *sort;	/* name of a column */
	bool verbose;
	bool quiet;
	__u64 interval_ns;
	unsigned long count;	/* 0: no limit */
	char **command;		/* NULL: none */
};

struct command {
	const char *name;
	const char *summary;	/* one line for `fuseiomap --help` */
	const char *doc;	/* what its own --help says first */
	unsigned int takes;	/* OPT_* */
	int (*run)(const struct opts *o);
};

/*
 * argv[0] is shown in messages. Reports errors; returns 0 or an exit code.
 * --help and --version print and exit.
 */
int opts_parse(struct opts *o, const struct command *command, int argc, char **argv);

/*
 * Numbers as typed. Nothing may follow them but a unit, and they must fit.
 * Return 0 or -EINVAL. Durations without a unit are seconds.
 */
int parse_u64(const char *s, __u64 *v);
int parse_duration(const char *s, __u64 *ns);
int parse_ops(const char *s, __u32 *ops);

#endif
