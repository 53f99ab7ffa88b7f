// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "commands.h"

const struct command *const commands[] = {
	&cmd_top,
	&cmd_hist,
	&cmd_trace,
	&cmd_short,
	&cmd_inflight,
	&cmd_record,
	&cmd_diff,
	&cmd_doctor,
	&cmd_schema,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}
