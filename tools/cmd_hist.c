// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap hist: histograms of a window, which may be exactly one command. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"
#include "error.h"
#include "histview.h"
#include "session.h"
#include "tally.h"

struct hist {
	struct session session;
	struct histview view;
	struct window window;
	struct snapshot now, before;
	/* Phases that no table has, added up from records; NULL: not asked for. */
	struct tally *phase[FI_PHASES];
	struct snapshot phase_now[FI_PHASES], phase_before[FI_PHASES];
};

/* A phase is added up as if it were the latency. */
static void add_phases(void *ctx, const struct fi_record *r)
{
	struct hist *h = ctx;
	struct fi_record part = *r;

	if (!(r->flags & FI_F_SPLIT) || r->kind >= FI_KINDS)
		return;
	part.flags |= FI_F_TIMED;
	for (int i = 0; i < FI_PHASES; i++) {
		part.lat_ns = r->phase_ns[i];
		tally_add(h->phase[i], &part);
	}
}

static void phases_open(struct hist *h, struct source_config *config)
{
	struct fi_settings s = { .by = config->settings.by, .cells = 1 };

	for (int i = 0; i < FI_PHASES; i++)
		h->phase[i] = tally_new(&s);
	config->settings.records = 1;
	config->sink = add_phases;
	config->ctx = h;
	h->window.phase_now = h->phase_now;
	h->window.phase_before = h->phase_before;
}

static void phases_read(struct hist *h)
{
	for (int i = 0; i < FI_PHASES && h->phase[i]; i++) {
		tally_read(h->phase[i], &h->phase_now[i]);
		h->phase_now[i].time_ns = h->now.time_ns;
	}
}

/* Reports the window that ends now. */
static int report(struct hist *h, bool more)
{
	struct session *s = &h->session;
	struct text *t = &s->json.text;

	h->window.nr++;
	h->window.more = more;
	phases_read(h);
	text_clear(t);
	if (s->o->json) {
		histview_json(&s->json, &h->view, &h->window);
	} else if (s->o->csv) {
		if (h->window.nr == 1)
			histview_csv_head(t, &h->view);
		histview_csv(t, &h->view, &h->window);
		session_put_text(s);
	} else {
		histview_text(t, &h->view, &h->window);
		session_put_text(s);
	}
	return s->o->hgrm ? histview_hgrm(s->o->hgrm, &h->view, &h->window) : 0;
}

/* SIGUSR1: report, and start a new window. */
static int report_and_go_on(struct hist *h)
{
	int err;

	if (session_read(&h->session, &h->now, ON_REPORT))
		return complain(FI_FAILED, "cannot read the counters");
	err = report(h, true);
	snapshot_copy(&h->before, &h->now);
	for (int i = 0; i < FI_PHASES && h->phase[i]; i++)
		snapshot_copy(&h->phase_before[i], &h->phase_now[i]);
	return err;
}

static void hist_free(struct hist *h)
{
	snapshot_free(&h->now);
	snapshot_free(&h->before);
	for (int i = 0; i < FI_PHASES; i++) {
		tally_free(h->phase[i]);
		snapshot_free(&h->phase_now[i]);
		snapshot_free(&h->phase_before[i]);
	}
}

static int measure(struct hist *h)
{
	enum happening what;
	int err = 0, failed;

	h->before.time_ns = h->session.start_ns;
	while ((what = session_wait(&h->session)) != ON_STOP)
		if (what == ON_REPORT && !err)
			err = report_and_go_on(h);
	failed = session_stop(&h->session, &h->now);
	if (failed)
		return failed;
	if (!err)
		err = report(h, false);
	failed = session_close(&h->session, &h->now);
	return err ? err : failed;
}

/* Of the terminal that we write to; 0: none. */
static int terminal_width(const struct opts *o)
{
	struct winsize ws;

	return !o->output && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) ? ws.ws_col : 0;
}

static int run(const struct opts *o)
{
	struct hist h = { .window.now = NULL };
	struct source_config config = { .settings = { .cells = 1, .hists = 1 } };
	int err;

	h.window.now = &h.now;
	h.window.before = &h.before;
	histview_init(&h.view, o, NULL);
	h.view.width = terminal_width(o);
	config.settings.by = histview_fineness(&h.view);
	if (histview_wants_records(&h.view))
		phases_open(&h, &config);
	err = session_open(&h.session, "hist", o, &config);
	h.view.catalog = h.session.catalog;
	if (!err)
		err = measure(&h);
	hist_free(&h);
	return err;
}

const struct command cmd_hist = {
	.name = "hist",
	.summary = "latency histograms of a window, best: hist -- COMMAND",
	.doc = "Shows histograms of begin, end and ioend latency by operation, or by whatever "
	       "--by names; where the time went, lengths of mappings, and how much of what was "
	       "asked for was written. The window is the run of COMMAND, or it ends with -d or a "
	       "signal; SIGUSR1 reports and starts a new one.\v"
	       "The exit status is that of COMMAND, if there is one. What COMMAND prints on "
	       "stdout goes to stderr, unless -o names a file for the histograms.\n\n"
	       "Bins are half-open, eight for each doubling, and each is a union of eight of "
	       "fio's (fio --output-format=json+), so that both can be laid over each other. "
	       "Percentiles are upper bounds: the largest value of the bin, at most the maximum. "
	       "Of a window after the first, minimum and maximum are known only to the bin.",
	.takes = OPT_FILTER | OPT_SOURCE | OPT_JSON | OPT_CSV | OPT_OUTPUT | OPT_DURATION |
		 OPT_COMMAND | OPT_QUIET | OPT_BY | OPT_PCT | OPT_HGRM | OPT_SAVE | OPT_UNITS |
		 OPT_COLOR | OPT_CELLS,
	.run = run,
};
