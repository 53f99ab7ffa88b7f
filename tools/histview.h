/* SPDX-License-Identifier: GPL-2.0-only */
/* Histograms of a window as text and as JSON. */
#ifndef HISTVIEW_H
#define HISTVIEW_H

#include "json.h"
#include "model.h"
#include "mounts.h"
#include "text.h"

/* The window from `before` to `now`; an empty `before` is "since the start". */
struct window {
	const struct snapshot *now;
	const struct snapshot *before;
	const struct mounts *mounts;
};

void histview_text(struct text *t, const struct window *w);

/* Writes its lines to j->out. */
void histview_json(struct json *j, const struct window *w);

#endif
