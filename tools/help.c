// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "docs.h"

#define HELP_COLUMN	30	/* where the text of an option begins */

/*
 * Adds words of s, up to s + len, in lines of at most `width` that begin at
 * column `indent`; `at` is the column that the first line has reached.
 */
static void wrap(struct text *t, const char *s, size_t len, int at, int indent, int width)
{
	const char *end = s + len;

	while (s < end) {
		size_t n = strcspn(s, " \n");

		if (n > (size_t)(end - s))
			n = end - s;
		if (at > indent && at + 1 + (int)n > width) {
			text_printf(t, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			text_add(t, " ", 1);
			at++;
		}
		text_add(t, s, n);
		at += n;
		s += n;
		s += strspn(s, " \n");
	}
	text_add(t, "\n", 1);
}

/* Paragraphs are separated by an empty line. */
static void paragraphs(struct text *t, const char *s, const char *end, int width)
{
	while (s < end) {
		const char *stop = strstr(s, "\n\n");

		if (!stop || stop > end)
			stop = end;
		wrap(t, s, stop - s, 0, 0, width);
		s = stop + strspn(stop, "\n");
		if (s < end)
			text_add(t, "\n", 1);
	}
}

static void option_line(struct text *t, const struct command *c, const struct opt *o, int width)
{
	size_t start = t->len, n;
	const char *const *words = option_words(c, o, &n);
	struct text help = { 0 };
	int at;

	if (o->letter)
		text_printf(t, "  -%c, --%s", o->letter, o->name);
	else
		text_printf(t, "      --%s", o->name);
	if (o->arg)
		text_printf(t, "=%s", o->arg);
	at = t->len - start;
	if (at >= HELP_COLUMN) {
		text_add(t, "\n", 1);
		at = 0;
	}
	text_printf(t, "%*s", HELP_COLUMN - at, "");
	text_printf(&help, "%s", o->help);
	/* There are too many columns; the man page has them. */
	for (size_t i = 0; o->value != VALUE_COLUMN && i < n; i++)
		text_printf(&help, "%s%s%s", i ? ", " : " (", words[i], i + 1 < n ? "" : ")");
	wrap(t, help.s, help.len, HELP_COLUMN, HELP_COLUMN, width);
	text_free(&help);
}

void help_text(struct text *t, const struct command *c, int width)
{
	const char *more = strchr(c->doc, '\v');
	char args[64];

	command_args(c, args, sizeof(args));
	text_printf(t, "Usage: fuseiomap %s [OPTION...]%s%s\n", c->name, args[0] ? " " : "", args);
	paragraphs(t, c->doc, more ? more : c->doc + strlen(c->doc), width);
	for (unsigned int g = 0; g < OPT_GROUPS; g++) {
		bool any = false;

		for (size_t i = 0; i < nr_options; i++) {
			if (options[i].group != g || !command_takes(c, &options[i]))
				continue;
			if (!any)
				text_printf(t, "\n%s:\n", opt_group_title[g]);
			any = true;
			option_line(t, c, &options[i], width);
		}
	}
	if (more) {
		text_add(t, "\n", 1);
		paragraphs(t, more + 1, more + strlen(more), width);
	}
	text_printf(t, "\nMore, with examples: man fuseiomap-%s\n", c->name);
}
