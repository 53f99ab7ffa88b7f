/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run saw, and what it did not: the last words of every command. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stdio.h>

#include "model.h"

struct session;

/* One reason for which something is not in the numbers. */
struct loss {
	const char *name;	/* as in JSON */
	const char *what;	/* as people read it */
	__u64 n;
};

#define LOSSES 10

/* Fills all reasons, also those with n = 0. */
void ledger_losses(struct loss losses[LOSSES], const struct snapshot *s);

/* Starts equal ends plus what is in flight plus what was lost, for each kind. */
bool ledger_balances(const struct fi_ledger *l);

/* It balances, and nothing was lost. */
bool ledger_complete(const struct snapshot *s);

void ledger_text(FILE *f, const struct snapshot *s);
void ledger_json(struct session *session, const struct snapshot *s);

#endif
