/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs events as they come out of a trace buffer: what the BPF programs do in the
 * kernel, for the sources that only have the events. By the same rules, which stand
 * in fuseiomap_pair.h.
 */
#ifndef PAIRING_H
#define PAIRING_H

#include "raw.h"
#include "source.h"
#include "tasks.h"

struct pairing;

/*
 * Goes by config->settings (each time anew), and gives finished operations to
 * config->sink; tells config->catalog of the tasks that are in them. `tasks` must
 * outlive it.
 */
struct pairing *pairing_new(const struct source_config *config, bool upstream,
			    struct tasks *tasks);
void pairing_free(struct pairing *p);

/* Events of all CPUs in the order of time. Those before `enable` are not counted. */
void pairing_event(struct pairing *p, const struct raw_event *e);
void pairing_enable(struct pairing *p, bool on);

/* Events were lost; `n` of them. */
void pairing_lost(struct pairing *p, __u64 n);

/* Ledger, open operations, servers; sets what of the snapshot is theirs. */
void pairing_read(struct pairing *p, struct snapshot *to);

/* A file that a record is about was not in the catalog. */
typedef void (*pairing_file_hook)(void *ctx, const struct fi_record *r);
void pairing_on_file(struct pairing *p, pairing_file_hook hook, void *ctx);

#endif
