/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of kinds, operations, types and flags, as shown and as typed. */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>
#include "fuseiomap.h"

extern const char *const kind_name[FI_RECORD_KINDS];
extern const char *const op_name[FI_OPS];
extern const char *const type_name[FI_TYPES];
extern const char *const phase_name[FI_PHASES];

struct flag_name {
	__u32 bit;
	const char *name;
};

extern const struct flag_name opflag_names[];
extern const struct flag_name ioendflag_names[];
extern const struct flag_name mapflag_names[];		/* FUSE_IOMAP_F_*, of END too */

/* Index of a name in a table of n names, or -1. */
int name_index(const char *const *names, size_t n, const char *name, size_t len);

/*
 * Writes the names of the set bits, joined by '|', and unknown bits in hex;
 * nothing for 0. Returns buf.
 */
char *flags_text(char *buf, size_t size, const struct flag_name *names, __u32 flags);

/* The name of a mapping type as the server sent it. Returns buf. */
char *wire_type_text(char *buf, size_t size, __u32 wire);

#endif
