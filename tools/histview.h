/* SPDX-License-Identifier: GPL-2.0-only */
/* Histograms of a window as text, JSON lines, CSV and .hgrm files. */
#ifndef HISTVIEW_H
#define HISTVIEW_H

#include "column.h"
#include "json.h"
#include "model.h"
#include "opts.h"
#include "text.h"

/* What is shown of each window, and how. */
struct histview {
	const struct catalog *catalog;
	unsigned int by;	/* enum row_by: what histograms are told apart by */
	bool by_phase;		/* the phases of the wait have histograms of their own */
	bool bins;		/* CSV: a line for each bin */
	int width;		/* of the terminal that the summary shall fit; 0: all columns */
	unsigned int nr_pct;
	double pct[PCT_MAX];	/* 0..100 */
	char pct_name[PCT_MAX][24];	/* "p99.9" */
	char pct_head[PCT_MAX][24];	/* "P99.9" */
};

/* From o->by, o->by_phase and o->pct. */
void histview_init(struct histview *v, const struct opts *o, const struct catalog *catalog);

/* Beside operation there is no table of phases: they are counted from records. */
bool histview_wants_records(const struct histview *v);

/* fi_settings.by for it. */
__u8 histview_fineness(const struct histview *v);

/*
 * From `before` to `now`; an empty `before` is "since the start". If phases are
 * counted from records, phase_now[] has cells with their times as latencies.
 */
struct window {
	unsigned int nr;	/* from 1 */
	bool more;		/* another one follows */
	const struct snapshot *now;
	const struct snapshot *before;
	const struct snapshot *phase_now;	/* FI_PHASES of them, or NULL */
	const struct snapshot *phase_before;
};

void histview_text(struct text *t, const struct histview *v, const struct window *w);

/* The columns that lines of these types may have, for documentation. Return how many. */
size_t histview_counts_columns(struct column *to);
size_t histview_hist_columns(struct column *to);

/* Writes its lines to j->out. */
void histview_json(struct json *j, const struct histview *v, const struct window *w);

void histview_csv_head(struct text *t, const struct histview *v);
void histview_csv(struct text *t, const struct histview *v, const struct window *w);

/*
 * One file for each histogram, for HdrHistogram's plotter: times in ms, lengths in
 * bytes. Makes the directory. Reports errors; 0 or an exit code.
 */
int histview_hgrm(const char *dir, const struct histview *v, const struct window *w);

/* One such file. `scale`: values are divided by it. */
void hgrm_write(struct text *t, const struct fi_hist *h, double scale);

#endif
