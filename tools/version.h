/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VERSION_H
#define VERSION_H

#define FUSEIOMAP_VERSION	"0.1"
#define FUSEIOMAP_SCHEMA	1	/* of the lines of JSON; see cmd_schema.c */
#define FUSEIOMAP_DATE		"November 24, 2026"	/* of the man pages */

#endif
