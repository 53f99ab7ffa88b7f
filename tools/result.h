/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run came to, for comparing: read from what `hist -j` wrote, or added up
 * from a recording.
 */
#ifndef RESULT_H
#define RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "fuseiomap.h"
#include "opts.h"

struct result {
	char *file;
	unsigned int window;	/* of the file, from 1 */
	bool complete;		/* nothing was lost */
	bool cut;		/* not complete, since the end of the file is missing */
	bool upstream;		/* ENDs are a sample */
	__u64 duration_ns;
	struct fi_cell op[FI_KINDS][FI_OPS];
};

/* Runs that are taken together. */
struct results {
	struct result **run;
	size_t n;
};

/*
 * Adds the runs of a file (each window of `hist` is one), or of all files in a
 * directory that look like results. Reports errors; 0 or an exit code.
 */
int results_load(struct results *list, const char *path, const struct opts *o);

/* The same from the lines of `hist -j`; `name` is for messages. */
int results_parse(struct results *list, FILE *f, const char *name);

void results_free(struct results *list);

#endif
