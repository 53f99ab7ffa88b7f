/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of a measuring command: source, output, the command that is measured,
 * and everything that can happen meanwhile, as one stream of happenings. A replay
 * gives the same stream, in the recording's time.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdio.h>
#include <sys/types.h>

#include "catalog.h"
#include "json.h"
#include "model.h"
#include "opts.h"
#include "source.h"
#include "tally.h"

struct recorder;

enum happening {
	ON_TICK,	/* the interval is over */
	ON_REPORT,	/* SIGUSR1 */
	ON_RESIZE,	/* SIGWINCH */
	ON_INPUT,	/* a key */
	ON_STOP,	/* signal, duration over, command ended, output closed, replay over */
};

struct session {
	const struct opts *o;
	const char *command;	/* the subcommand */
	struct source *src;
	const struct source_info *info;	/* of src: kernel, backend, start */
	struct catalog *catalog;
	struct tally *tally;	/* NULL: the source adds up */
	struct recorder *rec;	/* NULL: nothing is saved */
	FILE *out;
	struct json json;
	__u64 start_ns;		/* as in info; in a replay the recording's */
	__u64 stop_ns;
	__u64 interval_ns;	/* of ON_TICK; 0: none */
	__u64 next_tick_ns;	/* replay */
	__u64 replay_ns;	/* replay: time reached */
	__u64 replay_base_ns;	/* interactive replay: our clock at the recording's start */
	bool live_pace;		/* interactive replay: ticks come when they came */
	bool hold;		/* interactive replay: stand still */
	bool replay_over;	/* its end was told with ON_STOP; what comes now are keys */
	source_sink sink;	/* of the command */
	void *ctx;
	int signal_fd;
	int tick_fd;
	bool own_ticks;		/* only for the recording; not told to the command */
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
 * deliver and has the command's sink; filters, input and backend are added from
 * the options. Reports errors; returns 0 or an exit code.
 */
int session_open(struct session *s, const char *command, const struct opts *o,
		 struct source_config *config);

/* Waits for the next happening; hands records to the sink meanwhile. */
enum happening session_wait(struct session *s);

/* The interval of ON_TICK; 0 turns it off. */
void session_set_interval(struct session *s, __u64 interval_ns);

/*
 * Everything counted so far; also what a recording gets to see of this moment.
 * `what` is the happening that it is read for. 0 or negative errno.
 */
int session_read(struct session *s, struct snapshot *to, enum happening what);

/*
 * Stops counting and reads the last numbers. After that the view prints its
 * result, then session_close() the ledger; it returns the exit code.
 */
int session_stop(struct session *s, struct snapshot *last);
int session_close(struct session *s, const struct snapshot *last);

/* A line of text that j->text holds, to the output. */
void session_put_text(struct session *s);

#endif
