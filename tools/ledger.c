// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "ledger.h"
#include "names.h"
#include "session.h"

static __u64 sum(const __u64 v[FI_KINDS])
{
	return v[FI_BEGIN] + v[FI_END] + v[FI_IOEND];
}

void ledger_losses(struct loss losses[LOSSES], const struct snapshot *s)
{
	const struct fi_ledger *l = &s->ledger;
	const struct loss all[LOSSES] = {
		{ "missed", "events skipped by the kernel, or without task storage", s->missed },
		{ "unpaired", "operations whose end was not seen", sum(l->unpaired) },
		{ "cells_full", "operations in no table", l->cells_full },
		{ "requests_full", "upcalls that did not fit the table", l->requests_full },
		{ "unsplit", "upcalls without a split", s->splits ? l->unsplit : 0 },
		{ "ring_full", "records dropped", l->ring_full },
		{ "stacks", "stacks that could not be kept", l->stacks_lost },
		{ "events", "events lost before they could be read", l->raw_lost },
		{ "gaps", "parts of the recording", s->gaps },
		{ "gap_records", "records with them", s->gap_records },
	};

	for (int i = 0; i < LOSSES; i++)
		losses[i] = all[i];
}

bool ledger_balances(const struct fi_ledger *l)
{
	for (int k = 0; k < FI_KINDS; k++)
		if (l->begun[k] != l->ok[k] + l->errors[k] + l->in_flight[k] + l->unpaired[k])
			return false;
	/* An END that is not sent has no start event, so only these must agree. */
	return l->sent[FI_END] == l->ok[FI_END] + l->errors[FI_END];
}

bool ledger_complete(const struct snapshot *s)
{
	struct loss losses[LOSSES];

	ledger_losses(losses, s);
	for (int i = 0; i < LOSSES; i++)
		if (losses[i].n)
			return false;
	return ledger_balances(&s->ledger);
}

static void text_kind(FILE *f, const struct fi_ledger *l, int k)
{
	fprintf(f, "%-6s %" PRIu64 " = %" PRIu64 " done + %" PRIu64 " errors + %" PRIu64
		" in flight + %" PRIu64 " lost", k == FI_END ? "END" : k == FI_BEGIN ? "BEGIN" : "IOEND",
		(uint64_t)l->begun[k], (uint64_t)l->ok[k], (uint64_t)l->errors[k],
		(uint64_t)l->in_flight[k], (uint64_t)l->unpaired[k]);
	if (k != FI_BEGIN)
		fprintf(f, "; %" PRIu64 " = %" PRIu64 " sent + %" PRIu64 " not sent",
			(uint64_t)(l->sent[k] + l->unsent[k]), (uint64_t)l->sent[k],
			(uint64_t)l->unsent[k]);
	if (l->unmatched[k])
		fprintf(f, "; %" PRIu64 " were already running", (uint64_t)l->unmatched[k]);
	fputc('\n', f);
}

void ledger_text(FILE *f, const struct snapshot *s)
{
	const struct fi_ledger *l = &s->ledger;
	struct loss losses[LOSSES];

	for (int k = 0; k < FI_KINDS; k++)
		text_kind(f, l, k);
	if (l->bad_data)
		fprintf(f, "%" PRIu64 " answers of servers were refused (bad data)\n",
			(uint64_t)l->bad_data);
	if (l->other)
		fprintf(f, "%" PRIu64 " operations are under \"other\": the table is full\n",
			(uint64_t)l->other);
	if (s->upstream)
		fputs("END: upcalls only, this kernel does not tell of the others\n", f);
	ledger_losses(losses, s);
	for (int i = 0; i < LOSSES; i++)
		if (losses[i].n)
			fprintf(f, "lost: %" PRIu64 " %s\n", (uint64_t)losses[i].n,
				losses[i].what);
	if (!ledger_balances(l))
		fputs("lost: the ledger does not balance\n", f);
	fprintf(f, "complete: %s\n", ledger_complete(s) ? "yes" : "no");
}

static void json_kind(struct json *j, const struct fi_ledger *l, int k)
{
	json_open(j, kind_name[k], '{');
	json_u64(j, "begun", l->begun[k]);
	json_u64(j, "done", l->ok[k]);
	json_u64(j, "errors", l->errors[k]);
	json_u64(j, "in_flight", l->in_flight[k]);
	json_u64(j, "lost", l->unpaired[k]);
	json_u64(j, "already_running", l->unmatched[k]);
	json_u64(j, "sent", l->sent[k]);
	json_u64(j, "not_sent", l->unsent[k]);
	json_close(j, '}');
}

void ledger_json(struct session *session, const struct snapshot *s)
{
	const struct fi_ledger *l = &s->ledger;
	struct json *j = &session->json;
	struct loss losses[LOSSES];

	json_line(j, "end");
	json_bool(j, "complete", ledger_complete(s));
	json_bool(j, "balanced", ledger_balances(l));
	json_u64(j, "duration_ns", session->stop_ns - session->start_ns);
	json_open(j, "ledger", '{');
	for (int k = 0; k < FI_KINDS; k++)
		json_kind(j, l, k);
	json_close(j, '}');
	json_u64(j, "bad_data", l->bad_data);
	json_u64(j, "other", l->other);
	json_bool(j, "upcalls_only", s->upstream);
	json_u64(j, "records", l->records);
	json_u64(j, "repaired", l->repaired);
	json_open(j, "lost", '{');
	ledger_losses(losses, s);
	for (int i = 0; i < LOSSES; i++)
		json_u64(j, losses[i].name, losses[i].n);
	json_close(j, '}');
	json_put(j);
}
