/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of --help, where it is made of tables, and whether it got out. */
#ifndef IOMAPFS_HELP_H
#define IOMAPFS_HELP_H

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * For the help_filter of a struct argp whose doc has a \v: what @print writes
 * stands for the text behind that; all other texts stay.
 */
static inline char *help_end(int key, const char *text, void (*print)(FILE *out))
{
	char *buf = NULL;
	size_t len;
	FILE *out;

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&buf, &len);
	if (out) {
		print(out);
		fclose(out);
	}
	return buf;
}

/** For atexit(3), since argp ends the program after --help and does not look. */
static inline void help_check_written(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return;
	fprintf(stderr, "%s: cannot write to stdout: %s\n", program_invocation_short_name,
		strerror(errno));
	_exit(1);
}

#endif
