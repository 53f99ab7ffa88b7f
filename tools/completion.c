// SPDX-License-Identifier: GPL-2.0-only
/* The tables of the completion scripts in tools/completion/, each in its shell's language. */
#include <string.h>

#include "docs.h"
#include "schema.h"
#include "topview.h"

/* ---- what values there are ----------------------------------------------- */

#define MAX_WORDS	256

struct word_list {
	const char *word[MAX_WORDS];
	size_t n;
};

static void add_word(struct word_list *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->word[i], word))
			return;
	if (*word && list->n < MAX_WORDS)
		list->word[list->n++] = word;
}

static void add_columns(struct word_list *list, const struct command *c)
{
	struct column columns[MAX_LINE_COLUMNS];

	for (size_t i = 0; i < nr_line_types; i++) {
		const struct line_type *line = &line_types[i];
		size_t n;

		if (!line->choice || !line_is_of(line, c->name))
			continue;
		n = line->columns(columns, line->arg);
		for (size_t k = 0; k < n; k++)
			add_word(list, columns[k].name);
	}
}

const char *const *option_words(const struct command *c, const struct opt *opt, size_t *n)
{
	static struct word_list list;

	if (opt->value == VALUE_WORDS) {
		*n = opt->nr_words;
		return opt->words;
	}
	list.n = 0;
	if (opt->value == VALUE_COLUMN)
		add_columns(&list, c);
	for (int i = 0; opt->value == VALUE_VIEW && i < VIEWS; i++)
		add_word(&list, views[i].name);
	*n = list.n;
	return list.word;
}

/* What ends or splits a string of that shell gets a backslash; quotes are single. */
static void quoted(struct text *t, const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'')
			text_printf(t, "'\\''");
		else
			text_printf(t, "%s%c", strchr(special, *s) ? "\\" : "", *s);
	}
}

static void add_words(struct text *t, const char *const *words, size_t n, const char *quote)
{
	for (size_t i = 0; i < n; i++)
		text_printf(t, "%s%s%s%s", i ? " " : "", quote, words[i], quote);
}

/* ---- bash ---------------------------------------------------------------- */

static void bash_value(struct text *t, const struct command *c, const struct opt *o)
{
	static const char *const how[] = {
		[VALUE_OTHER] = ":", [VALUE_WORDS] = ":", [VALUE_COLUMN] = ":",
		[VALUE_VIEW] = ":", [VALUE_FILE] = "_fuseiomap_paths f",
		[VALUE_DIR] = "_fuseiomap_paths d", [VALUE_PID] = "_fuseiomap_pids",
	};
	size_t n;
	const char *const *words = option_words(c, o, &n);

	text_printf(t, "\t");
	if (o->letter)
		text_printf(t, "-%c|", o->letter);
	text_printf(t, "--%s) ", o->name);
	if (n) {
		text_printf(t, "_fuseiomap_list '");
		add_words(t, words, n, "");
		text_printf(t, "'");
	} else {
		text_printf(t, "%s", how[o->value]);
	}
	text_printf(t, "; return ;;\n");
}

static void bash_command(struct text *t, const struct command *c)
{
	text_printf(t, "\n_fuseiomap_on_%s()\n{\n\tcase $prev in\n", c->name);
	for (size_t i = 0; i < nr_options; i++)
		if (command_takes(c, &options[i]) && options[i].arg)
			bash_value(t, c, &options[i]);
	text_printf(t, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\t_fuseiomap_options '");
	for (size_t i = 0; i < nr_options; i++)
		if (command_takes(c, &options[i]))
			text_printf(t, " --%s%s", options[i].name, options[i].arg ? "=" : "");
	text_printf(t, "'\n%s\tfi\n}\n",
		    c->takes & OPT_ARGS ? "\telse\n\t\t_fuseiomap_paths f\n" : "");
}

static void bash(struct text *t)
{
	text_printf(t, "_fuseiomap_commands='");
	for (size_t i = 0; commands[i]; i++)
		text_printf(t, "%s%s", i ? " " : "", commands[i]->name);
	text_printf(t, "'\n");
	for (size_t i = 0; commands[i]; i++)
		bash_command(t, commands[i]);
}

/* ---- zsh ----------------------------------------------------------------- */

#define ZSH_SPECIAL "[]:\\"

static void zsh_value(struct text *t, const struct command *c, const struct opt *o)
{
	static const char *const how[] = {
		[VALUE_OTHER] = " ", [VALUE_WORDS] = " ", [VALUE_COLUMN] = " ",
		[VALUE_VIEW] = " ", [VALUE_FILE] = "_files", [VALUE_DIR] = "_files -/",
		[VALUE_PID] = "_pids",
	};
	size_t n;
	const char *const *words = option_words(c, o, &n);

	text_printf(t, ":");
	quoted(t, o->arg, ZSH_SPECIAL);
	text_printf(t, ":");
	if (n) {
		text_printf(t, "_sequence compadd - ");
		add_words(t, words, n, "\"");
	} else {
		text_printf(t, "%s", how[o->value]);
	}
}

static void zsh_option(struct text *t, const struct command *c, const struct opt *o)
{
	const char *value = o->arg ? "=" : "";

	if (o->letter)
		text_printf(t, "\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter,
			    o->arg ? "+" : "", o->name, value);
	else
		text_printf(t, "\t\t'%s--%s%s[", o->bit == OPT_DIFF ? "*" : "", o->name, value);
	quoted(t, o->help, ZSH_SPECIAL);
	text_printf(t, "]");
	if (o->arg)
		zsh_value(t, c, o);
	text_printf(t, "' \\\n");
}

static void zsh_command(struct text *t, const struct command *c)
{
	text_printf(t, "\n_fuseiomap_on_%s()\n{\n\t_arguments -s -S \\\n", c->name);
	for (size_t i = 0; i < nr_options; i++)
		if (command_takes(c, &options[i]))
			zsh_option(t, c, &options[i]);
	text_printf(t, "\t\t%s\n}\n",
		    c->takes & OPT_COMMAND ? "'*:::command:_fuseiomap_rest'" :
		    c->takes & OPT_ARGS ? "'*:file:_files'" : "'*: : '");
}

static void zsh(struct text *t)
{
	text_printf(t, "_fuseiomap_commands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		text_printf(t, "\t'%s:", commands[i]->name);
		quoted(t, commands[i]->summary, ZSH_SPECIAL);
		text_printf(t, "'\n");
	}
	text_printf(t, ")\n");
	for (size_t i = 0; commands[i]; i++)
		zsh_command(t, commands[i]);
}

/* ---- fish ---------------------------------------------------------------- */

static void fish_option(struct text *t, const struct command *c, const struct opt *o)
{
	static const char *const how[] = {
		[VALUE_OTHER] = "-x", [VALUE_WORDS] = "-x", [VALUE_COLUMN] = "-x",
		[VALUE_VIEW] = "-x", [VALUE_FILE] = "-r -F",
		[VALUE_DIR] = "-x -a '(__fish_complete_directories)'",
		[VALUE_PID] = "-x -a '(__fish_complete_pids)'",
	};
	size_t n;
	const char *const *words = option_words(c, o, &n);

	text_printf(t, "__fuseiomap_complete %s", c->name);
	if (o->letter)
		text_printf(t, " -s %c", o->letter);
	text_printf(t, " -l %s -d '", o->name);
	quoted(t, o->help, "\\");
	text_printf(t, "'");
	if (n) {
		text_printf(t, " -x -a '(__fuseiomap_list ");
		add_words(t, words, n, "\"");
		text_printf(t, ")'");
	} else if (o->arg) {
		text_printf(t, " %s", how[o->value]);
	}
	text_printf(t, "\n");
}

static void fish(struct text *t)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];

		text_printf(t, "__fuseiomap_command %s '", c->name);
		quoted(t, c->summary, "\\");
		text_printf(t, "'\n");
		for (size_t k = 0; k < nr_options; k++)
			if (command_takes(c, &options[k]))
				fish_option(t, c, &options[k]);
		if (c->takes & OPT_ARGS)
			text_printf(t, "__fuseiomap_complete %s -F\n", c->name);
	}
}

/* ---- all ----------------------------------------------------------------- */

bool completion_tables(struct text *t, const char *shell)
{
	static const struct {
		const char *name;
		void (*write)(struct text *t);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell))
			continue;
		shells[i].write(t);
		return true;
	}
	return false;
}
