/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A source of numbers: BPF programs, ftrace, a recording, a trace.dat. It hands
 * single finished operations to a sink and fills snapshots; what is done with
 * them is not its business, and views do not know which one they see.
 *
 * Only BPF adds up by itself. What the others hand to the sink is added up by the
 * session (tally.h), from the same records, in the same way.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

#include "catalog.h"
#include "fuseiomap.h"
#include "model.h"

enum backend { BACKEND_AUTO, BACKEND_BPF, BACKEND_FTRACE };

typedef void (*source_sink)(void *ctx, const struct fi_record *r);

struct source_config {
	struct fi_settings settings;
	enum backend backend;
	const struct source_ops *live;	/* instead of what `backend` says, or NULL */
	const char *input;	/* file to replay, or NULL */
	const char *cgroup;	/* path for settings.cgroup, or NULL */
	bool no_done;		/* as if the kernel had upstream's events only */
	bool find_mounts;	/* have all mounts in the catalog once it is open */
	bool verbose;		/* let libbpf and others talk */
	struct catalog *catalog;	/* filled by the source */
	source_sink sink;	/* for settings.records */
	void *ctx;
};

/* What a source is; from a recording, what it was recorded from. */
struct source_info {
	char  backend[16];	/* "bpf", "ftrace", "trace.dat" */
	char  kernel[65];	/* its release */
	char  host[65];
	__u64 start_ns;		/* CLOCK_MONOTONIC; set by source_start() */
	__u64 start_wall_ns;	/* the same moment in ns since 1970; 0: unknown */
	bool  adds_up;		/* snapshots come with cells, hists and shares */
	bool  replay;		/* time is that of the recording; see source_advance() */
	bool  upstream;		/* no done events */
	bool  splits;
};

/* Why a replay stopped. */
enum replay_stop {
	REPLAY_TICK,		/* an interval of the recorded run was over */
	REPLAY_REPORT,		/* it got SIGUSR1 */
	REPLAY_LIMIT,		/* as far as asked for */
	REPLAY_END,		/* source_read() gives the last numbers */
};

struct source;

/* One table per source; source.c has the list. Functions that a source lacks are NULL. */
struct source_ops {
	const char *name;
	int (*open)(struct source **sp, const struct source_config *config);
	int (*start)(struct source *s);
	void (*stop)(struct source *s);
	int (*read)(struct source *s, struct snapshot *to);
	int (*fd)(const struct source *s);
	void (*drain)(struct source *s);
	enum replay_stop (*advance)(struct source *s, __u64 until_ns, __u64 *now_ns);
	void (*notes)(struct source *s);
	void (*close)(struct source *s);
};

/* First member of each source's own struct. */
struct source {
	const struct source_ops *ops;
	struct source_info info;
	struct source_config config;
};

extern const struct source_ops source_bpf, source_ftrace, source_recording, source_dat;

/*
 * Removes what a run with ftrace has left that was killed, which costs the kernel
 * something as long as it is there. Does nothing for who may not use tracefs.
 */
void ftrace_sweep(void);

/*
 * Picks the source by config->input and config->backend, and opens it. From
 * source_start() on, operations are counted. Both report what went wrong and
 * return 0 or an exit code. `auto` is BPF, and ftrace where BPF or BTF is not
 * there; with -v it says why.
 */
int source_open(struct source **sp, const struct source_config *config);
int source_start(struct source *s);

/*
 * Operations that begin from now on are not counted; those that are on their
 * way still are until this returns. Nothing changes afterwards.
 */
void source_stop(struct source *s);

/*
 * Reads everything: ledger, open operations and servers, and with
 * info.adds_up the cells; the catalog gets what is needed to name them. `to` may
 * hold an older snapshot. 0 or negative errno.
 */
int source_read(struct source *s, struct snapshot *to);

/* A file descriptor that polls readable when records wait, or -1. */
int source_fd(const struct source *s);

/* Hands waiting records to the sink; they come without a wake-up, so ask often. */
void source_drain(struct source *s);

/*
 * Replay: hands over the records up to the next stop, but none later than
 * until_ns (~0: no limit); *now_ns is the time reached.
 */
enum replay_stop source_advance(struct source *s, __u64 until_ns, __u64 *now_ns);

/* What the user should know of this source at the end, on stderr: damage, for one. */
void source_notes(struct source *s);

void source_close(struct source *s);

#endif
