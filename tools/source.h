/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A source of numbers: the BPF programs. It fills snapshots, and hands single
 * operations to a sink; what is done with them is not its business.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

#include "fuseiomap.h"
#include "model.h"

struct source;

typedef void (*source_sink)(void *ctx, const struct fi_record *r);

struct source_config {
	struct fi_settings settings;
	source_sink sink;	/* for settings.records */
	void *ctx;
	bool verbose;		/* let libbpf talk */
};

/*
 * Loads and attaches. From source_start() on, operations are counted. Both
 * report what went wrong and return 0 or an exit code.
 */
int source_open(struct source **sp, const struct source_config *config);
int source_start(struct source *s);

/*
 * Operations that begin from now on are not counted; those that are on their
 * way still are until this returns. Nothing changes afterwards.
 */
void source_stop(struct source *s);

/* Reads all counters; `to` may hold an older snapshot. 0 or negative errno. */
int source_read(struct source *s, struct snapshot *to);

/* A file descriptor that polls readable when records wait, or -1. */
int source_fd(const struct source *s);

/* Hands waiting records to the sink; they come without a wake-up, so ask often. */
void source_drain(struct source *s);

void source_close(struct source *s);

#endif
