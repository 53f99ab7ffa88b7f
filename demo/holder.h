/* SPDX-License-Identifier: GPL-2.0-only */
/* Who keeps a device from being opened exclusively. */
#ifndef IOMAPFS_HOLDER_H
#define IOMAPFS_HOLDER_H

/**
 * What to say of @device, which is busy: who has it, and the command that ends that or
 * shows more. @swaps and @mounts are /proc/swaps and /proc/self/mountinfo, but in tests.
 * The caller frees the text; NULL if there is none, for want of memory.
 */
char *holder_describe(const char *device, const char *swaps, const char *mounts);

#endif
