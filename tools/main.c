// SPDX-License-Identifier: GPL-2.0-only
/* Picks the command, by the name we were called by or by the first argument. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "error.h"
#include "version.h"

static const struct command *const commands[] = {
	&cmd_top, &cmd_hist, &cmd_trace, &cmd_doctor,
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int help(void)
{
	puts("Usage: fuseiomap COMMAND [OPTION...]\n"
	     "See what FUSE servers do that run their file I/O through fuse-iomap.\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
	puts("\n`fuseiomap COMMAND --help' lists the options of a command.");
	return FI_OK;
}

static int version(void)
{
	puts("fuseiomap " FUSEIOMAP_VERSION);
	return FI_OK;
}

static int run(const struct command *c, int argc, char **argv)
{
	struct opts o = { .interval_ns = 1000000000 };
	char name[32];
	int err;

	snprintf(name, sizeof(name), "fuseiomap %s", c->name);
	argv[0] = name;
	err = opts_parse(&o, c, argc, argv);
	return err ? err : c->run(&o);
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');
	const struct command *c;

	self = self ? self + 1 : argv[0];
	if (!strncmp(self, "fuseiomap-", 10)) {
		c = find(self + 10);
		return c ? run(c, argc, argv) :
		       complain(FI_USAGE, "no command '%s' (see: fuseiomap --help)", self + 10);
	}
	if (argc < 2)
		return complain(FI_USAGE, "no command given (see: fuseiomap --help)");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return version();
	c = find(argv[1]);
	if (!c)
		return complain(FI_USAGE, "no command '%s' (see: fuseiomap --help)", argv[1]);
	return run(c, argc - 1, argv + 1);
}
