// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap diff: two sets of runs side by side, and a gate for automatic tests. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "diff.h"
#include "error.h"
#include "version.h"

struct sides {
	struct results a, b;
};

static int bad_args(void)
{
	return complain(FI_USAGE, "diff: give two results, A B, or the runs of two sides, A... : B... (see: fuseiomap diff --help)");
}

/* "A B", or more of each with a ":" between them. */
static int load_sides(struct sides *s, const struct opts *o)
{
	size_t colon = 0, i;
	int err = 0;

	for (i = 0; i < o->nr_args; i++) {
		if (strcmp(o->args[i], ":"))
			continue;
		if (colon || !i || i + 1 == o->nr_args)
			return bad_args();
		colon = i;
	}
	if (!colon && o->nr_args != 2)
		return bad_args();
	for (i = 0; i < o->nr_args && !err; i++)
		if (!colon || i != colon)
			err = results_load(i < (colon ? colon : 1) ? &s->a : &s->b, o->args[i], o);
	return err;
}

/* ---- what is compared ---------------------------------------------------- */

static bool has_windows(const struct results *runs)
{
	for (size_t i = 0; i < runs->n; i++)
		if (runs->run[i]->window > 1)
			return true;
	return false;
}

static void text_side(struct text *t, char side, const struct results *runs)
{
	text_printf(t, "%c: %zu run%s:", side, runs->n, runs->n == 1 ? "" : "s");
	for (size_t i = 0; i < runs->n; i++) {
		text_add(t, " ", 1);
		text_safe(t, runs->run[i]->file);
		if (has_windows(runs))
			text_printf(t, "#%u", runs->run[i]->window);
	}
	text_add(t, "\n", 1);
}

static bool noise_known(const struct sides *s)
{
	return s->a.n > 1 && s->b.n > 1;
}

static size_t numbers_of(const struct diff *d)
{
	return diff_shown(d) - diff_count(d, V_ONLY_A) - diff_count(d, V_ONLY_B);
}

/* The one line that says what the verdicts mean. */
static void text_noise(struct text *t, const struct sides *s, const struct diff *d)
{
	if (noise_known(s))
		text_printf(t, "%zu of %zu numbers differ by more than the runs of one side do (their ranges do not overlap, and Welch's t-test at 99 %%)\n",
			    diff_count(d, V_BEYOND), numbers_of(d));
	else
		text_printf(t, "the noise is unknown: give at least two runs of each side to see which of the differences mean something\n");
}

static void json_side(struct json *j, const char *side, const struct results *runs)
{
	for (size_t i = 0; i < runs->n; i++) {
		const struct result *r = runs->run[i];

		json_line(j, "run");
		json_str(j, "side", side);
		json_str(j, "file", r->file);
		json_u64(j, "window", r->window);
		json_u64(j, "duration_ns", r->duration_ns);
		json_bool(j, "complete", r->complete);
		json_bool(j, "upcalls_only", r->upstream);
		json_put(j);
	}
}

static bool all_complete(const struct results *runs)
{
	for (size_t i = 0; i < runs->n; i++)
		if (!runs->run[i]->complete)
			return false;
	return true;
}

static void warn_incomplete(const struct results *runs)
{
	for (size_t i = 0; i < runs->n; i++) {
		const struct result *r = runs->run[i];

		/* Once for a file: its windows have one end. */
		if (r->complete || (i && !strcmp(r->file, runs->run[i - 1]->file)))
			continue;
		fprintf(stderr, r->cut ? "fuseiomap: '%s' is cut off: it has no end record\n" :
			"fuseiomap: '%s' is incomplete: not everything was counted\n", r->file);
	}
}

/* Runs on a kernel without done events. */
static size_t samples(const struct sides *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->a.n; i++)
		n += s->a.run[i]->upstream;
	for (size_t i = 0; i < s->b.n; i++)
		n += s->b.run[i]->upstream;
	return n;
}

static bool mixes_samples(const struct sides *s)
{
	return samples(s) && samples(s) != s->a.n + s->b.n;
}

/* ---- --fail-if ----------------------------------------------------------- */

struct gate {
	struct rule *rule;
	size_t n;
	bool failed;
};

static int gate_parse(struct gate *g, const struct opts *o, const struct diff *d)
{
	int err = 0;

	g->n = o->nr_fail_if;
	g->rule = xcalloc(g->n, sizeof(*g->rule));
	for (size_t i = 0; i < g->n && !err; i++)
		err = rule_parse(&g->rule[i], o->fail_if[i], d);
	return err;
}

static void put_rule(struct json *j, const struct rule *rule, const struct diff_row *r,
		      enum rule_result result)
{
	static const char *const words[] = {
		[RULE_NOT_MEANT] = "nothing to compare", [RULE_HOLDS] = "holds",
		[RULE_FAILS] = "fails", [RULE_NOISE] = "noise",
	};
	char name[64];

	json_line(j, "rule");
	json_str(j, "rule", rule->text);
	json_str(j, "result", words[result]);
	if (r)
		json_str(j, "metric", diff_name(name, sizeof(name), r));
	json_put(j);
}

/* One row under one rule. */
static void check_row(struct gate *g, const struct rule *rule, const struct diff_row *r,
		      enum rule_result result)
{
	struct text why = { 0 };

	if (result == RULE_HOLDS)
		return;
	rule_reason(&why, r);
	if (result == RULE_FAILS)
		complain(FI_FAILED, "failed: %s [%s]", why.s, rule->text);
	else
		fprintf(stderr, "fuseiomap: not counted as failed, no more than the noise between runs: %s [%s]\n",
			why.s, rule->text);
	g->failed |= result == RULE_FAILS;
	text_free(&why);
}

static void gate_check(struct gate *g, const struct diff *d, struct json *j)
{
	for (size_t i = 0; i < g->n; i++) {
		size_t meant = 0;

		for (size_t k = 0; k < d->n; k++) {
			enum rule_result result = rule_check(&g->rule[i], &d->row[k]);

			if (result == RULE_NOT_MEANT)
				continue;
			meant++;
			check_row(g, &g->rule[i], &d->row[k], result);
			if (j)
				put_rule(j, &g->rule[i], &d->row[k], result);
		}
		if (meant)
			continue;
		/* A gate that looks at nothing must not let everything pass. */
		complain(FI_FAILED, "failed: nothing to compare for [%s]: no such operation on both sides",
			 g->rule[i].text);
		g->failed = true;
		if (j)
			put_rule(j, &g->rule[i], NULL, RULE_NOT_MEANT);
	}
}

/* ---- output -------------------------------------------------------------- */

static void put_text(FILE *f, const struct sides *s, const struct diff *d)
{
	struct text t = { 0 };

	text_side(&t, 'A', &s->a);
	text_side(&t, 'B', &s->b);
	text_noise(&t, s, d);
	if (samples(s))
		text_printf(&t, "end: only those that were sent, where the kernel does not show the others\n");
	text_add(&t, "\n", 1);
	diff_text(&t, d);
	fwrite(t.s, 1, t.len, f);
	text_free(&t);
}

static void put_csv(FILE *f, const struct diff *d)
{
	struct text t = { 0 };

	diff_csv(&t, d);
	fwrite(t.s, 1, t.len, f);
	text_free(&t);
}

static void put_json(struct json *j, const struct sides *s, const struct diff *d)
{
	json_header(j, "diff");
	json_put(j);
	json_side(j, "a", &s->a);
	json_side(j, "b", &s->b);
	diff_json(j, d);
}

static void put_end(struct json *j, const struct sides *s, const struct diff *d, bool failed)
{
	json_line(j, "end");
	json_bool(j, "complete", all_complete(&s->a) && all_complete(&s->b));
	json_bool(j, "noise_known", noise_known(s));
	json_u64(j, "numbers", numbers_of(d));
	json_u64(j, "beyond_noise", diff_count(d, V_BEYOND));
	json_bool(j, "failed", failed);
	json_put(j);
}

static int close_output(FILE *f, const struct opts *o)
{
	int err = fflush(f) || ferror(f) ? errno : 0;

	if (err)
		forget_errors(f);
	if (f != stdout && fclose(f) && !err)
		err = errno;
	/* A reader that went away is no error. */
	if (err && err != EPIPE)
		return complain(FI_FAILED, "cannot write the output: %s", strerror(err));
	return 0;
}

static int report(const struct sides *s, const struct diff *d, struct gate *g,
		  const struct opts *o)
{
	FILE *f = o->output ? fopen(o->output, "we") : stdout;
	struct json j = { .out = f };

	if (!f)
		return complain(FI_FAILED, "cannot write '%s': %s", o->output, strerror(errno));
	if (o->json)
		put_json(&j, s, d);
	else if (o->csv)
		put_csv(f, d);
	else
		put_text(f, s, d);
	/* The table first, then the verdict on it. */
	fflush(f);
	gate_check(g, d, o->json ? &j : NULL);
	if (o->json)
		put_end(&j, s, d, g->failed);
	text_free(&j.text);
	return close_output(f, o);
}

static int compare(const struct sides *s, const struct opts *o)
{
	struct gate g = { 0 };
	struct diff d;
	int err;

	if (!o->quiet) {
		warn_incomplete(&s->a);
		warn_incomplete(&s->b);
	}
	if (!o->quiet && mixes_samples(s))
		fputs("fuseiomap: some runs saw only the ends that were sent: ends do not compare\n",
		      stderr);
	diff_make(&d, &s->a, &s->b, o);
	err = gate_parse(&g, o, &d);
	if (!err)
		err = report(s, &d, &g, o);
	if (!err && g.failed)
		err = FI_FAILED;
	if (!err && o->strict && !(all_complete(&s->a) && all_complete(&s->b)))
		err = FI_INCOMPLETE;
	free(g.rule);
	diff_free(&d);
	return err;
}

static int run(const struct opts *o)
{
	struct sides s = { 0 };
	int err;

	signal(SIGPIPE, SIG_IGN);
	err = load_sides(&s, o);
	if (!err)
		err = compare(&s, o);
	results_free(&s.a);
	results_free(&s.b);
	return err;
}

const struct command cmd_diff = {
	.name = "diff",
	.summary = "two results side by side, and whether they really differ",
	.doc = "Compares results A and B: what `fuseiomap hist -j -o FILE' wrote, or recordings. "
	       "Several runs of a side go in front of and behind a `:', as in "
	       "`diff before*.json : after*.json'; a directory stands for all results in it, and "
	       "each window of hist is a run.\v"
	       "With at least two runs of each side a difference is named (slower, better, more) "
	       "only if it is larger than the noise between them: the ranges of the two sides do "
	       "not overlap, and Welch's t-test tells them apart at 99 %. Percentiles have to be "
	       "more than one bin of the histogram apart.\n\n"
	       "--fail-if takes [EVENT.][OP.]METRIC, a sign and a number: p99+20% (rises by more "
	       "than 20 %), begin.read.mean+50us, bytes_per_s-10%, errors+1pp (percentage "
	       "points), total.short>1%, max>5ms (limits for B). Events are begin, end, ioend and "
	       "total. Metrics of an operation are count, mean, the percentiles, max, the phases of "
	       "the wait (kernel, queue, server, wakeup: their means), sent, errors, short "
	       "(shares), missing (bytes), and the types of mappings (shares); those of total are "
	       "duration, bytes, bytes_per_s, upcalls, upcalls_per_mib, short, errors and the types "
	       "of mappings. Without event and operation it is all that have the metric. A change that is no more than noise does not fail. The exit "
	       "status is 1 if any fails.",
	.args = "A... [:] B...",
	.takes = OPT_ARGS | OPT_JSON | OPT_CSV | OPT_OUTPUT | OPT_DIFF | OPT_PCT | OPT_QUIET |
		 OPT_UNITS | OPT_COLOR,
	.run = run,
};
