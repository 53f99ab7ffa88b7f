// SPDX-License-Identifier: GPL-2.0-only
/* The documentation is complete, and what it shows can be typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "docs.h"
#include "names.h"

#define MAX_ARGS 32

static void names_are_explained(void **state)
{
	for (int i = 0; i < FI_RECORD_KINDS; i++)
		assert_non_null(kind_what[i]);
	for (int i = 0; i < FI_OPS; i++)
		assert_non_null(op_what[i]);
	for (int i = 0; i < FI_TYPES; i++)
		assert_non_null(type_what[i]);
	for (int i = 0; i < FI_PHASES; i++)
		assert_non_null(phase_what[i]);
}

/* As the command line would be taken; the words of `line` are split at blanks. */
static int parse(const char *line)
{
	char copy[256], *argv[MAX_ARGS] = { "fuseiomap" };
	const struct command *c;
	struct opts o;
	int argc = 1, err;

	snprintf(copy, sizeof(copy), "%s", line);
	c = command_find(strtok(copy, " "));
	if (!c)
		fail_msg("no such command: %s", line);
	for (char *s = strtok(NULL, " "); s; s = strtok(NULL, " "))
		argv[argc++] = s;
	opts_init(&o);
	err = opts_parse(&o, c, argc, argv);
	free(o.args);
	free(o.fail_if);
	return err;
}

static void every_command_has_examples_that_work(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct page *p = page_find(commands[i]->name);

		if (!p || !p->examples[0].line)
			fail_msg("%s has no examples", commands[i]->name);
		for (const struct example *e = p->examples; e->line; e++)
			if (parse(e->line))
				fail_msg("%s: this example is refused", e->line);
	}
}

static void help_keeps_to_its_width(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		struct text t = { 0 };
		char *save, *line;

		help_text(&t, commands[i], 72);
		for (line = strtok_r(t.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			if (strlen(line) > 72 && strncmp(line, "Usage:", 6))
				fail_msg("%s: too long: %s", commands[i]->name, line);
		text_free(&t);
	}
}

/* Each option of a command is in its help, its page, and each completion. */
static void options_are_everywhere(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		struct text help = { 0 }, man = { 0 };

		help_text(&help, commands[i], 80);
		man_page(&man, commands[i]);
		for (size_t k = 0; k < nr_options; k++) {
			char in_help[64], in_man[64];

			if (!command_takes(commands[i], &options[k]))
				continue;
			snprintf(in_help, sizeof(in_help), "--%s", options[k].name);
			snprintf(in_man, sizeof(in_man), "Fl -%s", options[k].name);
			assert_non_null(strstr(help.s, in_help));
			assert_non_null(strstr(man.s, in_man));
		}
		text_free(&help);
		text_free(&man);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_explained),
		cmocka_unit_test(every_command_has_examples_that_work),
		cmocka_unit_test(help_keeps_to_its_width),
		cmocka_unit_test(options_are_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
