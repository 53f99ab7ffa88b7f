// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap record: everything that the views want, into a file. */
#include <string.h>

#include "commands.h"
#include "error.h"
#include "session.h"

static int measure(struct session *s)
{
	struct snapshot now = { 0 };
	unsigned long ticks = 0;
	enum happening what;
	int err = 0;

	session_set_interval(s, s->o->interval_ns);
	while (!err && (what = session_wait(s)) != ON_STOP) {
		if (what != ON_TICK && what != ON_REPORT)
			continue;
		err = session_read(s, &now, what);
		if (err)
			err = complain(FI_FAILED, "cannot read the counters: %s", strerror(-err));
		if (what == ON_TICK && ++ticks == s->o->count)
			break;
	}
	if (!err)
		err = session_stop(s, &now);
	if (!err)
		err = session_close(s, &now);
	snapshot_free(&now);
	return err;
}

static int run(const struct opts *o)
{
	struct source_config config = {
		.settings = {
			.records = 1, .servers = 1,
			.kernel_stacks = o->stacks, .user_stacks = o->user_stacks,
		},
	};
	struct session s;
	int err = session_open(&s, "record", o, &config);

	return err ? err : measure(&s);
}

const struct command cmd_record = {
	.name = "record",
	.summary = "record everything, for any view to show later (-i FILE)",
	.doc = "Writes each finished operation to FILE, with the names of files and tasks, and "
	       "each INTERVAL (default 1s) the state of the servers and of what is in flight. Every "
	       "view shows it with -i FILE, the same as it would have live. The recording ends "
	       "with COMMAND, with -d or with a signal.\v"
	       "With --keep it is a flight recorder: the last part is kept in memory, and saved "
	       "when --on says so, with SIGUSR2, or not at all. A save goes to FILE, further ones "
	       "to FILE.1, FILE.2 and so on; files that are there are left alone. --after lets "
	       "the recording go on for a while first. After each save, triggers "
	       "rest for as long as is kept.\n\n"
	       "A file that is cut off or damaged, or still being written, shows what is intact "
	       "of it, and what is missing. The exit status is that of COMMAND, if there is one.",
	.takes = OPT_FILTER | OPT_SOURCE | OPT_DURATION | OPT_INTERVAL | OPT_COMMAND | OPT_QUIET |
		 OPT_STACKS | OPT_RECORD | OPT_FLIGHT,
	.run = run,
};
