/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs events as they come out of a trace buffer: what the BPF programs do in the
 * kernel, for the sources that only have the events. Same rules, same numbers.
 *
 * With done events: BEGIN, END and IOEND are paired with theirs in the same
 * thread, on a small stack; an END without an upcall has a done event only.
 *
 * With upstream's events only, an operation ends where they let one see it:
 *
 * - A BEGIN at begin_error, or at write_map, which gives both mappings; what the
 *   kernel's check says of them is not known. A reply of RETRY_CACHE is none: the
 *   kernel looks again. A BEGIN that a cache of mappings has answered is silent: it
 *   is done when its thread starts something else, without mapping and untimed.
 * - An END or IOEND when its upcall was answered (request_end), with the error of
 *   that; ENOSYS is none; of an IOEND, the error of the I/O goes first. Or at its
 *   error event, or when its thread starts something else, whichever is first.
 * - An IOEND without an upcall is done at once: not sent, untimed. That none
 *   follows is known when the thread goes on, or after a while (SETTLE_NS).
 * - ENDs that are not sent are not seen at all.
 *
 * All these records carry FI_F_UNSURE.
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

/* Nothing earlier than this will come any more. */
void pairing_settle(struct pairing *p, __u64 now_ns);

/* Events were lost; `n` of them. */
void pairing_lost(struct pairing *p, __u64 n);

/* Ledger, open operations, servers; sets what of the snapshot is theirs. */
void pairing_read(const struct pairing *p, struct snapshot *to);

/* A file that a record is about was not in the catalog. */
typedef void (*pairing_file_hook)(void *ctx, const struct fi_record *r);
void pairing_on_file(struct pairing *p, pairing_file_hook hook, void *ctx);

#endif
