/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks counted and folded, as flame graph tools read them: one line per stack,
 * "comm;outermost;...;innermost count". Kernel frames end in "_[k]".
 */
#ifndef FOLD_H
#define FOLD_H

#include "catalog.h"

struct fold;

struct fold *fold_new(void);
void fold_free(struct fold *f);

/* Counts one for this name and these stacks; ids that are 0 or unknown are left out. */
void fold_add(struct fold *f, const struct catalog *c, const char *comm, __s32 user,
	      __s32 kernel);

/* Adds all lines, sorted by stack. */
void fold_text(struct fold *f, struct text *t);

#endif
