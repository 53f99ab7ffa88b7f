/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two sides of one or more runs each: what differs, and whether by more than the
 * runs of one side differ among themselves.
 */
#ifndef DIFF_H
#define DIFF_H

#include "column.h"
#include "result.h"

enum metric_unit { M_COUNT, M_NS, M_BYTES, M_SHARE, M_REAL, METRIC_UNITS };

struct metric {
	char name[24];
	enum metric_unit unit;	/* M_SHARE: 0..1 */
	int worse;		/* 1: more is worse, -1: less is worse, 0: neither */
	unsigned int kinds;	/* bit mask of enum fi_kind; 0: of the run as a whole */
	bool binned;		/* exact only to the bin of a histogram */
	/* `c` is NULL for the whole run. False: there is no such value. */
	bool (*get)(const struct result *r, const struct fi_cell *c, double arg, double *v);
	double arg;
};

/* One metric over the runs of a side. */
struct spread {
	size_t n;		/* runs that have it */
	double mean, sd, min, max;
};

enum verdict {
	V_SAME,
	V_NOISE,	/* differs, but not more than the runs among themselves */
	V_BEYOND,	/* more than that */
	V_UNKNOWN,	/* differs, but it takes two runs of each side to know the noise */
	V_ONLY_A,
	V_ONLY_B,
};

#define KIND_TOTAL	FI_KINDS

struct diff_row {
	const struct metric *m;
	int kind;		/* or KIND_TOTAL */
	int op;
	struct spread a, b;
	enum verdict verdict;
	bool hidden;		/* nothing on both sides: only rules look at it */
};

struct diff {
	struct metric *metric;
	size_t nr_metrics;
	struct diff_row *row;
	size_t n;
};

/* Percentiles as in opts. `d` refers to nothing of a and b afterwards. */
void diff_make(struct diff *d, const struct results *a, const struct results *b,
	       const struct opts *o);
void diff_free(struct diff *d);

/* How many rows are shown, and how many of them have this verdict. */
size_t diff_shown(const struct diff *d);
size_t diff_count(const struct diff *d, enum verdict v);

/* "slower", "better", "more", "same", "noise", "unknown", ...: as in JSON. */
const char *diff_word(const struct diff_row *r);

/* "begin.read-direct.p99"; returns buf. */
char *diff_name(char *buf, size_t size, const struct diff_row *r);

extern const struct column diff_columns[];	/* of JSON and CSV */
extern const size_t nr_diff_columns;

void diff_text(struct text *t, const struct diff *d);
void diff_json(struct json *j, const struct diff *d);	/* writes its lines */
void diff_csv(struct text *t, const struct diff *d);

/* ---- --fail-if ----------------------------------------------------------- */

/* [KIND.][OP.]METRIC followed by + or - and a change, or by > or < and a limit. */
struct rule {
	const char *text;
	int kind;		/* -1: any */
	int op;			/* -1: any */
	char metric[24];
	char sign;		/* '+', '-', '>', '<' */
	bool percent;		/* of A; else in the metric's own unit */
	double limit;
};

/* Reports errors; 0 or an exit code. */
int rule_parse(struct rule *rule, const char *text, const struct diff *d);

/* What a row of d has to do with the rule. */
enum rule_result { RULE_NOT_MEANT, RULE_HOLDS, RULE_FAILS, RULE_NOISE };

/* RULE_NOISE: it would fail, if this were more than noise. */
enum rule_result rule_check(const struct rule *rule, const struct diff_row *r);

/* "begin.read.p99 went from 104us to 208us (+100%)" */
void rule_reason(struct text *t, const struct diff_row *r);

#endif
