// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>

#include "error.h"

int complain(enum exit_code code, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "fuseiomap: %s\n", line);
	return code;
}

void forget_errors(FILE *f)
{
	__fpurge(f);
	clearerr(f);
}
