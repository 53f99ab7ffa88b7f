/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include <stdbool.h>

/* Whether this process may load programs, and attach them to tracepoints. */
bool may_load(void);
bool may_trace(void);

/* Whether it may see where other threads sleep in the kernel. */
bool may_see_stacks(void);

#endif
