/* SPDX-License-Identifier: GPL-2.0-only */
/* Names for addresses: kernel from /proc/kallsyms, programs with libdw. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "text.h"
#include <linux/types.h>

struct symbols;

/* Reads nothing until it is asked. */
struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/*
 * One frame per line, innermost first, as struct stack wants them: "name+0x1c",
 * "name+0x1c [module]", or "0x7f12… [libc.so.6]" where there is no symbol.
 */
void symbols_kernel(struct symbols *s, struct text *t, const __u64 *ip, size_t n);

/* Of a process that still runs; the addresses alone if it does not. */
void symbols_user(struct symbols *s, struct text *t, __u32 pid, const __u64 *ip, size_t n);

#endif
