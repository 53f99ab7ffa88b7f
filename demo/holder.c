// SPDX-License-Identifier: GPL-2.0-only
/* Who has a device; the contract is in holder.h. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "holder.h"

/* The kernel writes blanks and backslashes in names as \ and three octal digits. */
static void unescape(char *text)
{
	unsigned int code;
	char *to = text;

	for (; *text; to++) {
		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*to = code;
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

/* Anything outside of /dev may lie on a mount that hangs, so it is not asked. */
static bool is_device(char *path, dev_t device)
{
	struct stat st;

	unescape(path);
	return !strncmp(path, "/dev/", 5) && !stat(path, &st) && st.st_rdev == device;
}

/* If the line is about @device, what stands for it there; the caller frees it. */
typedef char *parse_fn(const char *line, dev_t device);

static char *parse_swap(const char *line, dev_t device)
{
	char *path = NULL;

	if (sscanf(line, "%ms", &path) == 1 && is_device(path, device))
		return path;
	free(path);
	return NULL;
}

/* A FUSE mount has no device number that tells; what it was mounted from does. */
static char *parse_mount(const char *line, dev_t device)
{
	const char *rest = strstr(line, " - ");
	char *where = NULL, *source = NULL;
	unsigned int major, minor;
	bool found;

	if (!rest || sscanf(line, "%*d %*d %u:%u %*s %ms", &major, &minor, &where) != 3)
		return NULL;
	found = makedev(major, minor) == device ||
		(sscanf(rest, " - %*s %ms", &source) == 1 && is_device(source, device));
	free(source);
	if (found) {
		unescape(where);
		return where;
	}
	free(where);
	return NULL;
}

static char *find(const char *file, parse_fn *parse, dev_t device)
{
	char *line = NULL, *found = NULL;
	FILE *in = fopen(file, "re");
	size_t size = 0;

	while (in && !found && getline(&line, &size, in) > 0)
		found = parse(line, device);
	if (in)
		fclose(in);
	free(line);
	return found;
}

char *holder_describe(const char *device, const char *swaps, const char *mounts)
{
	char *swap, *mount, *text;
	struct stat st;
	int n;

	if (stat(device, &st))
		return NULL;
	swap = find(swaps, parse_swap, st.st_rdev);
	mount = find(mounts, parse_mount, st.st_rdev);
	if (swap)
		n = asprintf(&text, "is swap space; swapoff %s first", swap);
	else if (mount)
		n = asprintf(&text, "is mounted on %s; umount %s first", mount, mount);
	else
		n = asprintf(&text, "somebody has it open exclusively, such as a server whose mount "
			     "was detached; fuser -v %s and lsblk %s show more", device, device);
	free(swap);
	free(mount);
	return n < 0 ? NULL : text;
}
