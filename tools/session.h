/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of a measuring command: source, output, the command that is measured,
 * and everything that can happen meanwhile, as one stream of happenings.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdio.h>
#include <sys/types.h>

#include "json.h"
#include "model.h"
#include "mounts.h"
#include "opts.h"
#include "source.h"

enum happening {
	ON_TICK,	/* the interval is over */
	ON_REPORT,	/* SIGUSR1 */
	ON_RESIZE,	/* SIGWINCH */
	ON_INPUT,	/* a key */
	ON_STOP,	/* signal, duration over, command ended, output closed */
};

struct session {
	const struct opts *o;
	const char *command;	/* the subcommand */
	struct source *src;
	struct mounts mounts;
	FILE *out;
	struct json json;
	__u64 start_ns;
	__u64 stop_ns;
	int signal_fd;
	int tick_fd;
	int end_fd;
	int mounts_fd;		/* tells when the mount table changes */
	int input_fd;		/* -1: no keys */
	pid_t child;		/* 0: none, or ended */
	int child_status;	/* exit code, 128 + signal */
	int go_fd;		/* the child runs the command when this closes */
	int stops;		/* signals to stop so far */
	int write_error;	/* errno of the first write that failed */
};

/*
 * Opens everything and starts to count. `config` says what the source shall
 * deliver; the filters are added from the options. Reports errors; returns 0 or
 * an exit code.
 */
int session_open(struct session *s, const char *command, const struct opts *o,
		 struct source_config *config);

/* Waits for the next happening; hands records to the sink meanwhile. */
enum happening session_wait(struct session *s);

/* The interval of ON_TICK; 0 turns it off. */
void session_set_interval(struct session *s, __u64 interval_ns);

/*
 * Stops counting and reads the last numbers. After that the view prints its
 * result, then session_close() the ledger; it returns the exit code.
 */
int session_stop(struct session *s, struct snapshot *last);
int session_close(struct session *s, const struct snapshot *last);

#endif
