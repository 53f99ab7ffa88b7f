/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit codes and the one way to report an error. */
#ifndef ERROR_H
#define ERROR_H

#include <stdio.h>

enum exit_code {
	FI_OK,
	FI_FAILED,		/* runtime error */
	FI_USAGE,
	FI_NO_TRACEPOINTS,	/* the kernel lacks them */
	FI_NO_PRIVILEGE,
	FI_INCOMPLETE,		/* --strict: something was lost */
	FI_WAITING,		/* inflight --older-than: something waits for longer */
	FI_NOT_EXECUTABLE = 126,
	FI_NO_COMMAND = 127,
};

/* Prints "fuseiomap: <message>" on stderr and returns `code`. */
int complain(enum exit_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* That writing to it failed has been told, or is no error: nobody shall tell it again. */
void forget_errors(FILE *f);

#endif
