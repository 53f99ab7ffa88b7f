// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap schema: what the lines of JSON look like. */
#include <stdio.h>

#include "commands.h"
#include "error.h"
#include "schema.h"

static int run(const struct opts *o)
{
	struct text t = { 0 };
	size_t unknown = schema_text(&t, o->args, o->nr_args);

	if (unknown)
		return complain(FI_USAGE, "schema: there is no line of type '%s' (see: fuseiomap schema)",
				o->args[unknown - 1]);
	fputs(t.s, stdout);
	text_free(&t);
	return FI_OK;
}

const struct command cmd_schema = {
	.name = "schema",
	.summary = "JSON Schema of everything that --json writes",
	.doc = "Prints a JSON Schema (draft 2020-12) that each line of the output with --json "
	       "keeps to; with arguments, only what describes lines of these types. New members "
	       "and new types of lines do not change the version in the header; when the "
	       "meaning of one changes, or one goes, the version does.",
	.args = "[TYPE...]",
	.takes = OPT_ARGS,
	.run = run,
};
