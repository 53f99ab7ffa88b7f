// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes, in memory; the contract is in fs.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs.h"

struct xattr {
	struct xattr *next;
	size_t size;
	char *name;		/* in the same piece of memory, behind the value */
	char value[];
};

/* Where the one of that name is linked, or where a new one goes. */
static struct xattr **xattr_find(struct inode *inode, const char *name)
{
	struct xattr **at = &inode->xattrs;

	while (*at && strcmp((*at)->name, name))
		at = &(*at)->next;
	return at;
}

static void xattr_unlink(struct xattr **at)
{
	struct xattr *gone = *at;

	*at = gone->next;
	free(gone);
}

int xattr_set(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
	struct xattr **at = xattr_find(inode, name), *new;

	if (*at && flags & XATTR_CREATE)
		return -EEXIST;
	if (!*at && flags & XATTR_REPLACE)
		return -ENODATA;
	new = malloc(sizeof(*new) + size + strlen(name) + 1);
	if (!new)
		return -ENOMEM;
	new->size = size;
	new->name = new->value + size;
	memcpy(new->value, value, size);
	strcpy(new->name, name);
	if (*at)
		xattr_unlink(at);
	new->next = *at;
	*at = new;
	return 0;
}

int xattr_remove(struct inode *inode, const char *name)
{
	struct xattr **at = xattr_find(inode, name);

	if (!*at)
		return -ENODATA;
	xattr_unlink(at);
	return 0;
}

const void *xattr_get(struct inode *inode, const char *name, size_t *size)
{
	const struct xattr *xattr = *xattr_find(inode, name);

	if (!xattr)
		return NULL;
	*size = xattr->size;
	return xattr->value;
}

size_t xattr_list(struct inode *inode, char *buf)
{
	size_t used = 0;

	for (const struct xattr *x = inode->xattrs; x; x = x->next) {
		size_t n = strlen(x->name) + 1;

		if (buf)
			memcpy(buf + used, x->name, n);
		used += n;
	}
	return used;
}

void xattr_free(struct inode *inode)
{
	while (inode->xattrs)
		xattr_unlink(&inode->xattrs);
}
