/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Adds up records in user space as the BPF programs do in the kernel, for
 * sources that do not add up and for runs that are recorded.
 */
#ifndef TALLY_H
#define TALLY_H

#include "fuseiomap_count.h"
#include "model.h"

struct tally;

/* Goes by settings->by, ->cells, ->hists and ->max_cells (0: no limit). */
struct tally *tally_new(const struct fi_settings *settings);
void tally_free(struct tally *t);

/* A record that has passed the filters. */
void tally_add(struct tally *t, const struct fi_record *r);

/*
 * Sets cells, hists and shares, and what of the ledger comes from the table
 * (other, cells_full); leaves the rest alone.
 */
void tally_read(struct tally *t, struct snapshot *to);

/* What is counted of a record. */
void done_of_record(struct fi_done *d, const struct fi_record *r);

/* The filters, for sources that have no kernel to do it. `tgid_comm` unused if NULL. */
bool wanted_start(const struct fi_settings *s, __u32 dev, __u64 ino, __u32 kind, __u32 op,
		  __u32 pid, __u32 tid, const char *comm);
bool wanted_record(const struct fi_settings *s, const struct fi_record *r);

#endif
