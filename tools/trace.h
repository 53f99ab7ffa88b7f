/* SPDX-License-Identifier: GPL-2.0-only */
/* Finished operations as lines. */
#ifndef TRACE_H
#define TRACE_H

#include "column.h"
#include "fuseiomap.h"
#include "mounts.h"

struct trace_row {
	const struct fi_record *r;
	const struct mounts *mounts;
	__u64 start_ns;		/* times in text are relative to it */
};

extern const struct column trace_columns[];
extern const size_t nr_trace_columns;

/* All add to what is there. trace_json() leaves its line open. */
void trace_head(struct text *t);
void trace_line(struct text *t, const struct trace_row *row);
void trace_json(struct json *j, const struct trace_row *row);

#endif
