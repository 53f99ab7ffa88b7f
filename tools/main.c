// SPDX-License-Identifier: GPL-2.0-only
/* Picks the command, by the name we were called by or by the first argument. */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "opts.h"
#include "version.h"

static int help(void)
{
	puts("Usage: fuseiomap COMMAND [OPTION...]\n"
	     "See what FUSE servers do that run their file I/O through fuse-iomap.\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	puts("\n`fuseiomap COMMAND --help' lists the options of a command.");
	return FI_OK;
}

static int version(void)
{
	puts("fuseiomap " FUSEIOMAP_VERSION);
	return FI_OK;
}

static int no_command(const char *name)
{
	return complain(FI_USAGE, "no command '%s' (see: fuseiomap --help)", name);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct opts o;
	char name[32];
	int err;

	snprintf(name, sizeof(name), "fuseiomap %s", c->name);
	argv[0] = name;
	opts_init(&o);
	err = opts_parse(&o, c, argc, argv);
	return err ? err : c->run(&o);
}

/* `fuseiomap help top' is `fuseiomap top --help'. */
static int help_on(const char *name)
{
	const struct command *c = command_find(name);
	char *argv[] = { "fuseiomap", "--help", NULL };

	return c ? run(c, 2, argv) : no_command(name);
}

static bool is(const char *arg, const char *letter, const char *name)
{
	return !strcmp(arg, letter) || !strcmp(arg, name);
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');
	const struct command *c;

	self = self ? self + 1 : argv[0];
	if (!strncmp(self, "fuseiomap-", 10)) {
		c = command_find(self + 10);
		return c ? run(c, argc, argv) : no_command(self + 10);
	}
	if (argc < 2)
		return complain(FI_USAGE, "no command given (see: fuseiomap --help)");
	if (is(argv[1], "-h", "--help") || !strcmp(argv[1], "help"))
		return argc > 2 ? help_on(argv[2]) : help();
	if (is(argv[1], "-V", "--version"))
		return version();
	c = command_find(argv[1]);
	return c ? run(c, argc - 1, argv + 1) : no_command(argv[1]);
}
