/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing recordings, in three steps: items are collected (rec_items), a full
 * collection is packed into a block (rec_block), and blocks go to a file
 * (rec_file). A flight recorder keeps blocks in between.
 */
#ifndef RECFILE_H
#define RECFILE_H

#include "catalog.h"
#include "model.h"
#include "recording.h"

/* Items on their way into a block. A zeroed one is empty. */
struct rec_items {
	unsigned char *data;
	size_t len;
	size_t size;
	size_t last;		/* offset of the last item's header */
	enum rec_type last_type;
	__u32 records;
};

/* One item; structs of the same type that follow each other become one. */
void rec_add(struct rec_items *t, enum rec_type type, const void *data, size_t len);

/* Several items of a moment: ledger, open operations, servers, and the tick. */
void rec_add_tick(struct rec_items *t, const struct snapshot *s, __u32 reason);

void rec_add_entry(struct rec_items *t, enum catalog_kind kind, const void *entry);
void rec_items_free(struct rec_items *t);

/* Packed items. */
struct rec_block {
	__u32 raw;
	__u32 stored;
	__u32 records;
	__u32 crc;
	unsigned char data[];
};

/* Empties `t`. The caller frees what it gets. */
struct rec_block *rec_pack(struct rec_items *t);

struct rec_file {
	const char *path;
	int fd;			/* -1: not open */
	int error;		/* errno of the first write that failed */
	__u32 seq;
	__u64 records;
	__u64 bytes;
};

/*
 * A recording may be overwritten, other files are not. With `fresh` nothing is:
 * -EEXIST. Reports errors, but that one; returns 0, an exit code or -EEXIST.
 */
int rec_create(struct rec_file *f, const char *path, bool fresh);
void rec_write(struct rec_file *f, const struct rec_block *b);

/* 0 or errno of what went wrong since it was created. */
int rec_finish(struct rec_file *f);

#endif
