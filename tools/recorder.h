/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes a recording. The session feeds it; a source (source_recording.c) reads
 * it back. The format is in docs/recording.md and tools/recording.h.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "catalog.h"
#include "model.h"
#include "opts.h"
#include "source.h"

struct recorder;

/* Why a moment is in the recording: the same stops a replay makes. */
enum tick_reason { TICK_INTERVAL, TICK_REPORT, TICK_END };

/*
 * Starts `path`; with o->keep_* it is a flight recorder, which keeps the last
 * part in memory and writes a file when triggered. Listens to the catalog.
 * `settings` say which filters were on. Reports errors; returns 0 or an exit code.
 */
int recorder_open(struct recorder **rp, const char *path, const struct opts *o,
		  const struct source_info *info, const struct fi_settings *settings,
		  struct catalog *catalog);

void recorder_record(struct recorder *r, const struct fi_record *rec);

/* Ledger, open operations and servers of this moment; no cells. */
void recorder_tick(struct recorder *r, const struct snapshot *s, enum tick_reason why);

/*
 * Saves what a flight recorder holds (SIGUSR2). What its own triggers start is
 * saved with the first tick that is late enough.
 */
void recorder_trigger(struct recorder *r, const char *why);

/* errno of the first write that failed, or 0: there is no use in going on then. */
int recorder_error(const struct recorder *r);

/* Finishes the file. Reports what went wrong since; 0 or an exit code. */
int recorder_close(struct recorder *r);

#endif
