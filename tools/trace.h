/* SPDX-License-Identifier: GPL-2.0-only */
/* Finished operations as lines; what they have in common with findings of `short`. */
#ifndef TRACE_H
#define TRACE_H

#include "catalog.h"
#include "column.h"
#include "fuseiomap.h"
#include "names.h"
#include "opts.h"
#include "source.h"

/* How moments are shown in text: from which clock, and since when. */
struct clock_view {
	enum timestamps how;
	__u64 start_ns;		/* CLOCK_MONOTONIC: what relative times count from */
	__u64 start_wall_ns;	/* the same moment since 1970; 0: unknown */
};

struct trace_row {
	const struct fi_record *r;
	const struct catalog *catalog;
	struct clock_view clock;
};

extern const struct column trace_columns[];
extern const size_t nr_trace_columns;

/*
 * A moment: seconds since the start, wall-clock time of day (local), or seconds
 * of CLOCK_MONOTONIC, each with microseconds. Wall time that is not known is
 * shown as relative. Returns buf.
 */
char *clock_text(char *buf, size_t size, const struct clock_view *c, __u64 time_ns);

/* Makes room in the columns that show moments in this way. */
void clock_columns(struct columns *c, enum timestamps how);

/* "ENOSPC" for -ENOSPC; the number if it has no name. Returns buf. */
char *errno_text(char *buf, size_t size, int error);

/* A mapping in one word: "unwritten+64K(new)"; flags by `names`. Adds to t. */
void map_text(struct text *t, const struct fuse_iomap_io *map, const struct flag_name *names);

/* Members of the open object: frames as an array, innermost first. Nothing for id 0. */
void stack_json(struct json *j, const char *key, const struct catalog *c, __s32 id);

/* One object: these columns, and the stacks. Leaves its line open. */
void trace_json(struct json *j, const struct columns *columns, const struct trace_row *row);

#endif
