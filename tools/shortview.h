/* SPDX-License-Identifier: GPL-2.0-only */
/* Findings of `short` as lines, grouped into signatures, and how many of how many. */
#ifndef SHORTVIEW_H
#define SHORTVIEW_H

#include "short.h"
#include "trace.h"

struct short_row {
	const struct finding *f;
	const struct catalog *catalog;
	struct clock_view clock;
};

extern const struct column short_columns[];
extern const size_t nr_short_columns;

/* The lines below that of a finding: begin, end, what came before and after. */
void short_details(struct text *t, const struct short_row *row);

/* One object: these columns, and the stacks. Leaves its line open. */
void short_json(struct json *j, const struct columns *columns, const struct short_row *row);

/* ---- signatures ---------------------------------------------------------- */

/* Findings that look alike. */
struct signature {
	enum short_cause cause;
	__s32 error;
	bool sure;
	bool benign;
	__u8 op;
	__u8 read_type;		/* fi_type() of the BEGIN's mappings; FI_TYPE_BAD: unknown */
	__u8 write_type;
	__u32 dev;
	__u64 ino;		/* 0: several, there were too many to keep apart */
	char process[FI_COMM_LEN + 1];
	__u64 findings;
	__u64 ends;		/* short ENDs */
	__u64 missing;
	__u64 first_ns;
	__u64 last_ns;
	__s32 kernel_stack;	/* of the first one */
	__s32 user_stack;
};

/* More files than this are not told apart. */
#define MAX_SIGNATURES	1000

struct signatures {
	struct signature *sig;
	size_t n;
	size_t size;
};

void signatures_add(struct signatures *s, const struct finding *f, const struct catalog *c);
/* What is missing first, most findings first; benign ones last. */
void signatures_sort(struct signatures *s);
void signatures_free(struct signatures *s);

struct signature_row {
	const struct signature *sig;
	const struct catalog *catalog;
	struct clock_view clock;
};

extern const struct column signature_columns[];
extern const size_t nr_signature_columns;

/* ---- the whole ----------------------------------------------------------- */

/* "3 short of 120 ends ...", and per operation where there is more than one. */
void short_counts_text(struct text *t, const struct short_count counts[FI_OPS], bool upstream);

struct short_count_row {
	__u32 op;
	const struct short_count *count;
};

extern const struct column short_count_columns[];
extern const size_t nr_short_count_columns;

#endif
