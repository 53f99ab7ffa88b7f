// SPDX-License-Identifier: GPL-2.0-only
/* Picks the command, by the name we were called by or by the first argument. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docs.h"
#include "error.h"
#include "opts.h"
#include "text.h"
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

/* https://no-color.org: the variable counts if it is there and not empty. */
static bool wants_color(const struct opts *o)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (o->color != COLOR_AUTO)
		return o->color == COLOR_ALWAYS;
	return !(no && *no) && !(term && !strcmp(term, "dumb")) && !o->output &&
	       isatty(STDOUT_FILENO);
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
	if (err)
		return err;
	text_setup();
	fmt_set_unit(o.unit_ns);
	style_set(wants_color(&o));
	return c->run(&o);
}

/* `fuseiomap help top' is `fuseiomap top --help'. */
static int help_on(const char *name)
{
	const struct command *c = command_find(name);
	char *argv[] = { "fuseiomap", "--help", NULL };

	return c ? run(c, 2, argv) : no_command(name);
}

/* For the build: `--commands', `--man NAME', `--completion SHELL'. */
static int print_commands(void)
{
	for (size_t i = 0; commands[i]; i++)
		puts(commands[i]->name);
	return FI_OK;
}

static int print_docs(const char *what, const char *name)
{
	const struct command *c = command_find(name);
	struct text t = { 0 };

	if (!strcmp(what, "--man") && (c || !strcmp(name, "fuseiomap")))
		man_page(&t, c);
	else if (strcmp(what, "--completion") || !completion_tables(&t, name))
		return complain(FI_USAGE, "%s: unknown name '%s'", what, name);
	fputs(t.s, stdout);
	text_free(&t);
	return FI_OK;
}

/* What was printed must not be lost without a word; a reader that went away is no error. */
static void close_stdout(void)
{
	bool failed = ferror(stdout);

	errno = 0;
	failed |= fflush(stdout);
	if (!failed || errno == EPIPE)
		return;
	complain(FI_FAILED, "cannot write the output%s%s", errno ? ": " : "",
		 errno ? strerror(errno) : "");
	_exit(FI_FAILED);
}

static bool is(const char *arg, const char *letter, const char *name)
{
	return !strcmp(arg, letter) || !strcmp(arg, name);
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');
	const struct command *c;

	atexit(close_stdout);
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
	if (!strcmp(argv[1], "--commands"))
		return print_commands();
	if (argc == 3 && (!strcmp(argv[1], "--man") || !strcmp(argv[1], "--completion")))
		return print_docs(argv[1], argv[2]);
	c = command_find(argv[1]);
	return c ? run(c, argc - 1, argv + 1) : no_command(argv[1]);
}
