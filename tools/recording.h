/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The format of a recording, as docs/recording.md tells it to other readers.
 *
 * A file header, then blocks that stand on their own: each has a header with
 * checksums and compressed items. Items carry structs whose layout the file itself
 * describes (the schema item), so that fields may be added, moved and widened, and
 * both older and newer versions go by their names. Items of an unknown type are
 * skipped. Numbers are little-endian.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "fuseiomap.h"
#include "text.h"

/* As in PNG: tells a recording from text, and a file that was sent as text. */
#define REC_MAGIC	"\x89" "FIOMAP\n"
#define REC_VERSION	1

struct rec_file_head {
	char  magic[8];
	__u32 version;		/* of what cannot be said by the schema */
	__u32 crc;		/* of what is before it */
};

/* Not in text, and not what compressed data looks like by accident. */
#define REC_BLOCK_MAGIC	0x1ab10c5eca11edf1ULL

enum rec_compression { REC_ZSTD = 1 };

struct rec_block_head {
	__u64 magic;
	__u64 records_before;	/* in all blocks before this one: tells what a gap held */
	__u32 seq;		/* 0, 1, 2 ... */
	__u32 records;		/* in this block */
	__u32 raw;		/* bytes of items */
	__u32 stored;		/* bytes that follow */
	__u32 compression;
	__u32 crc;		/* of the bytes that follow: zlib's crc32() */
	__u32 pad;
	__u32 head_crc;		/* of this header up to here */
};

/*
 * A block is closed when it has REC_BLOCK bytes of items, so the longest item
 * bounds it. Readers refuse what is larger, before they allocate anything.
 */
#define REC_BLOCK	(256U << 10)
#define REC_RAW_MAX	(64U << 20)
#define REC_STORED_MAX	(REC_RAW_MAX + (REC_RAW_MAX >> 6))
#define REC_STRING_MAX	(64U << 10)

struct rec_item {
	__u16 type;		/* enum rec_type */
	__u16 pad;
	__u32 len;		/* of the payload that follows */
};

/* Numbers are never reused. */
enum rec_type {
	REC_SCHEMA = 1,	/* text: the layouts below; see rec_schema_text() */
	REC_INFO,	/* text: lines of key=value */
	REC_SETTINGS,	/* struct fi_settings */
	REC_RECORD,	/* any number of struct fi_record */
	REC_LEDGER,	/* struct fi_ledger; this and the next two belong to the next tick */
	REC_OPEN,	/* any number of struct fi_open */
	REC_SERVER,	/* any number of struct server */
	REC_TICK,	/* struct rec_tick */
	REC_MOUNT,	/* struct rec_mount; target, source, fstype, server_comm */
	REC_FILE,	/* struct rec_path; path */
	REC_TASK,	/* struct rec_task */
	REC_STACK,	/* struct rec_stack; frames */
	REC_END,	/* struct rec_end: nothing is missing behind it */
	REC_TYPES,
};

/* A moment at which the recorded run stopped, and a replay does. */
struct rec_tick {
	__u64 time_ns;
	__u64 missed;
	__u32 reason;		/* enum tick_reason */
	__u32 nr_open;		/* that came before it */
	__u32 nr_servers;
	__u8  splits;
	__u8  upstream;
	__u16 pad;
};

/* What was counted before the recording begins: later ticks count it, too. */
#define REC_TICK_BASE	100

/* Entries of the catalog; their strings follow, each ended by a zero byte. */
struct rec_mount {
	__u32 dev;
	__u32 server_pid;
	__u32 gone;
};

struct rec_path {
	__u64 ino;
	__u64 nodeid;
	__u32 dev;
	__u32 whole;
};

struct rec_task {
	__u32 tid;
	__u32 pid;
	char  comm[FI_COMM_LEN];
	char  process[FI_COMM_LEN];
};

struct rec_stack {
	__s32 id;
	__u32 user;
};

struct rec_end {
	__u64 records;
};

_Static_assert(sizeof(struct rec_file_head) == 16, "file format");
_Static_assert(sizeof(struct rec_block_head) == 48, "file format");
_Static_assert(sizeof(struct rec_item) == 8, "file format");

/* ---- the schema ----------------------------------------------------------- */

enum rec_field_type { REC_U8, REC_U16, REC_U32, REC_U64, REC_S32, REC_S64, REC_CHAR, REC_PAD };

struct rec_field {
	const char *name;
	enum rec_field_type type;
	unsigned int offset;
	unsigned int size;	/* all elements */
};

/* Layout of the struct of an item type; size 0: the item is text. */
struct rec_layout {
	const char *name;
	unsigned int size;
	unsigned int strings;	/* that follow the struct */
	const struct rec_field *field;
	size_t nr_fields;
};

extern const struct rec_layout rec_layouts[REC_TYPES];

/*
 * The layouts as text. An "item" line names a struct, and an indented line each
 * of its fields; "enum" lines list the names of the values 0, 1, ...:
 *
 *	item 4 record 248
 *	 u64 time_ns 0
 *	 u64[4] phase_ns 16
 *	enum op read read-direct ...
 */
void rec_schema_text(struct text *t);

/* How to get from the layout of a file to ours. */
struct rec_move {
	unsigned int from;
	unsigned int to;
	unsigned int n;		/* elements */
	unsigned char from_size;
	unsigned char to_size;
	bool is_signed;
};

#define REC_MOVES	64
#define REC_NAMES	64

struct rec_plan {
	unsigned int size;	/* of the file's struct; 0: it has none */
	bool same;		/* copying is enough */
	unsigned int nr_moves;
	struct rec_move move[REC_MOVES];
};

struct rec_schema {
	struct rec_plan plan[REC_TYPES];
	__u8 op[REC_NAMES];	/* number in the file to ours, FI_OPS: we lack it */
	__u8 kind[REC_NAMES];	/* the same, FI_RECORD_KINDS */
};

/* Reads text of a file. 0 or -EINVAL, when nothing can be read by it. */
int rec_schema_parse(struct rec_schema *s, const char *text, size_t len);

/* Copies one struct from a file; fields that the file lacks are zero. */
void rec_get(const struct rec_schema *s, enum rec_type type, void *to, const void *from);

/* ---- both sides ----------------------------------------------------------- */

__u32 rec_crc(const void *data, size_t len);
void rec_file_head_make(struct rec_file_head *h);

/* Whether a file that begins like this is a recording, possibly a damaged one. */
bool rec_is_recording(const void *head, size_t len);
#define REC_DETECT	4096	/* bytes that rec_is_recording() wants to see */

#endif
