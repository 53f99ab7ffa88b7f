// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap hist: histograms of a window, which may be exactly one command. */
#include <stdio.h>

#include "commands.h"
#include "error.h"
#include "histview.h"
#include "session.h"

static void report(struct session *s, const struct snapshot *now,
		   const struct snapshot *before)
{
	struct window w = { .now = now, .before = before, .mounts = &s->mounts };

	if (s->o->json) {
		histview_json(&s->json, &w);
		return;
	}
	text_clear(&s->json.text);
	histview_text(&s->json.text, &w);
	fputs(s->json.text.s, s->out);
}

/* SIGUSR1: report, and start a new window. */
static void report_and_go_on(struct session *s, struct snapshot *before)
{
	struct snapshot now = { 0 };

	if (source_read(s->src, &now)) {
		snapshot_free(&now);
		return;
	}
	report(s, &now, before);
	snapshot_free(before);
	*before = now;
}

static int run(const struct opts *o)
{
	struct snapshot before = { 0 }, last = { 0 };
	struct source_config config = { .settings.hists = 1 };
	struct session s;
	enum happening what;
	int err;

	err = session_open(&s, "hist", o, &config);
	if (err)
		return err;
	before.time_ns = s.start_ns;
	while ((what = session_wait(&s)) != ON_STOP)
		if (what == ON_REPORT)
			report_and_go_on(&s, &before);
	err = session_stop(&s, &last);
	if (!err) {
		report(&s, &last, &before);
		err = session_close(&s, &last);
	}
	snapshot_free(&before);
	snapshot_free(&last);
	return err;
}

const struct command cmd_hist = {
	.name = "hist",
	.summary = "latency histograms of a window, best: hist -- COMMAND",
	.doc = "Shows histograms of begin, end and ioend latency by operation, where the time "
	       "went, lengths of mappings, and how much of what was asked for was written. The "
	       "window is the run of COMMAND, or it ends with -d or a signal; SIGUSR1 reports "
	       "and starts a new one.\v"
	       "The exit status is that of COMMAND, if there is one. What COMMAND prints on "
	       "stdout goes to stderr, unless -o names a file for the histograms.",
	.takes = OPTS_FILTER | OPTS_RUN,
	.run = run,
};
