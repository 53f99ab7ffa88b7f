// SPDX-License-Identifier: GPL-2.0-only
/* Man pages, in mdoc(7). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "docs.h"
#include "error.h"
#include "names.h"
#include "schema.h"
#include "topkeys.h"
#include "version.h"

#define MAX_COMMANDS	32
#define MAX_COLUMNS	256

/* ---- roff ---------------------------------------------------------------- */

/* Text, a line per sentence; what roff would take for more than that is escaped. */
static void put(struct text *t, const char *s, size_t len)
{
	bool start = true;

	for (size_t i = 0; i < len; i++) {
		if (start && (s[i] == '.' || s[i] == '\''))
			text_printf(t, "\\&");
		start = s[i] == ' ' && i > 1 && strchr(".:?", s[i - 1]) && s[i - 2] != '.';
		if (s[i] == '\\')
			text_printf(t, "\\e");
		else
			text_add(t, start || s[i] == '\n' ? "\n" : &s[i], 1);
	}
	text_add(t, "\n", 1);
}

/* With a full stop, which the help of options does without. */
static void put_sentence(struct text *t, const char *s)
{
	struct text line = { 0 };

	text_printf(&line, "%c%s%s", toupper((unsigned char)*s), s + 1,
		    strchr(".:", s[strlen(s) - 1]) ? "" : ".");
	put(t, line.s, line.len);
	text_free(&line);
}

static void paragraphs(struct text *t, const char *s, const char *end)
{
	while (s < end) {
		const char *stop = strstr(s, "\n\n");

		if (!stop || stop > end)
			stop = end;
		put(t, s, stop - s);
		s = stop + strspn(stop, "\n");
		if (s < end)
			text_printf(t, ".Pp\n");
	}
}

static void section(struct text *t, const char *title)
{
	text_printf(t, ".Sh %s\n", title);
}

/* A list of names with what they mean. */
static void terms(struct text *t, const char *title, const char *const *names,
		  const char *const *what, size_t n)
{
	text_printf(t, ".Ss %s\n.Bl -tag -width append-direct\n", title);
	for (size_t i = 0; i < n; i++) {
		text_printf(t, ".It Cm %s\n", names[i]);
		put(t, what[i], strlen(what[i]));
	}
	text_printf(t, ".El\n");
}

/* ---- sections ------------------------------------------------------------ */

static void head(struct text *t, const char *name, const char *summary)
{
	text_printf(t, ".\\\" SPDX-License-Identifier: GPL-2.0-only\n.Dd %s\n.Dt ", FUSEIOMAP_DATE);
	for (const char *s = name; *s; s++)
		text_printf(t, "%c", toupper((unsigned char)*s));
	text_printf(t, " 1\n.Os fuseiomap %s\n.Sh NAME\n.Nm %s\n.Nd %s\n", FUSEIOMAP_VERSION,
		    name, summary);
}

static void option(struct text *t, const struct command *c, const struct opt *o)
{
	size_t n;
	const char *const *words = option_words(c, o, &n);

	text_printf(t, ".It ");
	if (o->letter)
		text_printf(t, "Fl %c%s%s , ", o->letter, o->arg ? " Ar " : "", o->arg ? o->arg : "");
	text_printf(t, "Fl -%s%s%s\n", o->name, o->arg ? " Ns = Ns Ar " : "", o->arg ? o->arg : "");
	put_sentence(t, o->help);
	if (o->value == VALUE_COLUMN)
		text_printf(t, "See\n.Sx COLUMNS .\n");
	if (!n || o->value == VALUE_COLUMN)
		return;
	text_printf(t, "One of");
	for (size_t i = 0; i < n; i++)
		text_printf(t, "%s\n.Cm %s", i ? " ," : "", words[i]);
	text_printf(t, " .\n");
}

static void options_section(struct text *t, const struct command *c)
{
	section(t, "OPTIONS");
	for (unsigned int g = 0; g < OPT_GROUPS; g++) {
		bool any = false;

		for (size_t i = 0; i < nr_options; i++) {
			if (options[i].group != g || !command_takes(c, &options[i]))
				continue;
			if (!any)
				text_printf(t, ".Ss %s\n.Bl -tag -width Ds\n", opt_group_title[g]);
			any = true;
			option(t, c, &options[i]);
		}
		if (any)
			text_printf(t, ".El\n");
	}
	if (c->takes & OPT_FILTER)
		text_printf(t, ".Pp\nFilters act where the events arise, and all of them must hold.\n"
			    "Those on tasks look at the task in which an operation ends: writeback, "
			    "and ioends of asynchronous direct I/O, run in kernel threads, not in the "
			    "process that wrote.\n");
	text_printf(t, ".Pp\nA time is a number with one of ns, us, ms, s, m, h behind it, or "
		    "seconds without;\na size has B, KiB, MiB or GiB behind it.\n");
}

/* Views of one command share columns: each is told once. */
static bool is_told(const struct column *told, size_t n, const struct column *c)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(told[i].name, c->name) && !strcmp(told[i].help, c->help))
			return true;
	return false;
}

static size_t gather_columns(struct column *to, const struct command *c)
{
	struct column columns[MAX_LINE_COLUMNS];
	size_t told = 0;

	for (size_t i = 0; i < nr_line_types; i++) {
		const struct line_type *line = &line_types[i];
		size_t n = line->columns && line_is_of(line, c->name) ?
			   line->columns(columns, line->arg) : 0;

		for (size_t k = 0; k < n && told < MAX_COLUMNS; k++)
			if (*columns[k].name && !is_told(to, told, &columns[k]))
				to[told++] = columns[k];
	}
	return told;
}

static void columns_section(struct text *t, const struct command *c)
{
	struct column columns[MAX_COLUMNS];
	size_t n = gather_columns(columns, c);

	if (!n)
		return;
	section(t, "COLUMNS");
	text_printf(t, "The names are those of JSON and CSV; in brackets is the head in text.\n"
		    ".Bl -tag -width already_running\n");
	for (size_t i = 0; i < n; i++) {
		text_printf(t, ".It Cm %s", columns[i].name);
		if (columns[i].width && *columns[i].head)
			text_printf(t, " Pq %s", columns[i].head);
		text_printf(t, "\n");
		put_sentence(t, columns[i].help);
	}
	text_printf(t, ".El\n");
}

static void json_section(struct text *t, const struct command *c)
{
	if (!(c->takes & OPT_JSON))
		return;
	section(t, "JSON LINES");
	text_printf(t, "With\n.Fl j\nthere are lines of these types;\n"
		    ".Xr fuseiomap-schema 1\ndescribes them.\n.Bl -tag -width waiting_server\n");
	for (size_t i = 0; i < nr_line_types; i++) {
		if (!line_is_of(&line_types[i], c->name))
			continue;
		text_printf(t, ".It Cm %s\n", line_types[i].type);
		put_sentence(t, line_types[i].help);
	}
	text_printf(t, ".El\n");
}

static void keys_section(struct text *t)
{
	section(t, "KEYS");
	text_printf(t, ".Bl -tag -width Backspace\n");
	for (size_t i = 0; i < nr_top_keys; i++) {
		text_printf(t, ".It ");
		for (const char *s = top_keys[i].name; *s; s++)
			text_printf(t, strchr("<>[]{}/?+-", *s) ? "\\&%c" : "%c", *s);
		text_printf(t, "\n");
		put_sentence(t, top_keys[i].help);
	}
	text_printf(t, ".El\n");
}

static void signals_section(struct text *t, const struct command *c)
{
	if (!(c->takes & OPT_FILTER))
		return;
	section(t, "SIGNALS");
	text_printf(t, ".Bl -tag -width SIGUSR1\n"
		    ".It Dv SIGINT , SIGTERM , SIGHUP\n"
		    "Stop, print the result and end.\nA running\n.Ar COMMAND\nis ended first.\n"
		    ".It Dv SIGUSR1\nReport now; a new window begins.\n");
	if (c->takes & OPT_FLIGHT)
		text_printf(t, ".It Dv SIGUSR2\nSave what the flight recorder holds.\n");
	text_printf(t, ".El\n");
}

static void exit_section(struct text *t, const struct command *c)
{
	static const struct {
		int code;
		unsigned int bits;	/* of what a command takes; 0: all */
		const char *what;
	} codes[] = {
		{ FI_OK, 0, "Everything went well." },
		{ FI_FAILED, 0, "Something failed, a rule of diff --fail-if for one; a line on stderr says what." },
		{ FI_USAGE, 0, "The command line is wrong." },
		{ FI_NO_TRACEPOINTS, OPT_FILTER, "The kernel lacks the tracepoints." },
		{ FI_NO_PRIVILEGE, OPT_FILTER, "The user may not trace." },
		{ FI_INCOMPLETE, OPT_QUIET, "With --strict: something was lost." },
		{ FI_WAITING, OPT_WATCH, "With --older-than: something has been waiting for as long." },
		{ FI_WAITING, OPT_WATCH, "With --older-than: something has been waiting for as long." },
		{ FI_NOT_EXECUTABLE, OPT_COMMAND, "COMMAND cannot be executed." },
		{ FI_NO_COMMAND, OPT_COMMAND, "COMMAND was not found." },
	};

	section(t, "EXIT STATUS");
	text_printf(t, ".Bl -tag -width 126\n");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (!c || !codes[i].bits || (codes[i].bits & c->takes))
			text_printf(t, ".It %d\n%s\n", codes[i].code, codes[i].what);
	text_printf(t, ".El\n");
	if (!c || (c->takes & OPT_COMMAND))
		text_printf(t, ".Pp\nIf there is a\n.Ar COMMAND ,\nits status is the exit status; "
			    "128 and the number of the signal if one has ended it.\n");
}

static void examples_section(struct text *t, const struct page *p)
{
	section(t, "EXAMPLES");
	for (const struct example *e = p->examples; e->line; e++) {
		put(t, e->what, strlen(e->what));
		text_printf(t, ".Dl # fuseiomap ");
		put(t, e->line, strlen(e->line));
		if (e[1].line)
			text_printf(t, ".Pp\n");
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct command *const *)a)->name,
		      (*(const struct command *const *)b)->name);
}

static void see_also(struct text *t, const struct command *but)
{
	const struct command *sorted[MAX_COMMANDS];
	const char *comma = "";
	size_t n = 0;

	for (size_t i = 0; commands[i] && n < MAX_COMMANDS; i++)
		if (commands[i] != but)
			sorted[n++] = commands[i];
	qsort(sorted, n, sizeof(sorted[0]), by_name);
	section(t, "SEE ALSO");
	if (but) {
		text_printf(t, ".Xr fuseiomap 1");
		comma = " ,\n";
	}
	for (size_t i = 0; i < n; i++, comma = " ,\n")
		text_printf(t, "%s.Xr fuseiomap-%s 1", comma, sorted[i]->name);
	text_printf(t, "\n");
}

/* ---- pages --------------------------------------------------------------- */

static void command_page(struct text *t, const struct command *c)
{
	const struct page *p = page_find(c->name);
	const char *more = strchr(c->doc, '\v');
	char name[32], args[64];

	snprintf(name, sizeof(name), "fuseiomap-%s", c->name);
	head(t, name, c->summary);
	section(t, "SYNOPSIS");
	text_printf(t, ".Nm fuseiomap %s\n.Op Ar OPTION ...\n", c->name);
	if (*command_args(c, args, sizeof(args)))
		put(t, args, strlen(args));
	section(t, "DESCRIPTION");
	paragraphs(t, c->doc, more ? more : c->doc + strlen(c->doc));
	if (more) {
		text_printf(t, ".Pp\n");
		paragraphs(t, more + 1, more + strlen(more));
	}
	if (p->more) {
		text_printf(t, ".Pp\n");
		paragraphs(t, p->more, p->more + strlen(p->more));
	}
	options_section(t, c);
	if (!strcmp(c->name, "top"))
		keys_section(t);
	columns_section(t, c);
	json_section(t, c);
	signals_section(t, c);
	if (c->takes & OPT_COLOR) {
		section(t, "ENVIRONMENT");
		text_printf(t, ".Bl -tag -width NO_COLOR\n.It Ev NO_COLOR\n"
			    "If set to anything, there is no colour.\n.El\n");
	}
	exit_section(t, c);
	examples_section(t, p);
	see_also(t, c);
}

static void main_page(struct text *t)
{
	head(t, "fuseiomap", "see what FUSE servers do through fuse-iomap");
	section(t, "SYNOPSIS");
	text_printf(t, ".Nm\n.Ar COMMAND\n.Op Ar OPTION ...\n");
	section(t, "DESCRIPTION");
	text_printf(t, "A FUSE server can let the kernel do its file I/O through fs/iomap:\nthe kernel "
		    "asks for a mapping, moves the data itself, and tells the server when something "
		    "needs finishing.\n.Nm\nmeasures these conversations from tracepoints:\nwhat was "
		    "asked, how long it took and where the time went, which mappings were used, and "
		    "which writes came out short.\n.Pp\nThe commands are\n.Bl -tag -width inflight\n");
	for (size_t i = 0; commands[i]; i++) {
		text_printf(t, ".It Cm %s\n", commands[i]->name);
		put_sentence(t, commands[i]->summary);
	}
	text_printf(t, ".El\n.Pp\nEach has a page of its own, such as\n.Xr fuseiomap-top 1 .\n"
		    "Options mean the same with all of them.\n"
		    "A link named fuseiomap-COMMAND runs that command.\n.Pp\n"
		    "Data goes to stdout, everything else to stderr:\na line\n.Dq ready\n"
		    "when counting begins, and at the end a ledger that says how many operations "
		    "began, ended, failed, are still in flight or were lost.\n"
		    "With\n.Fl j\nthe ledger is in the last line.\n");
	section(t, "TERMS");
	terms(t, "Kinds", kind_name, kind_what, FI_RECORD_KINDS);
	terms(t, "Operations", op_name, op_what, FI_OPS);
	terms(t, "Types of mappings", type_name, type_what, FI_TYPES);
	text_printf(t, ".Ss Phases\nThe wait for an answer of the server is split into\n"
		    ".Bl -tag -width append-direct\n");
	for (int i = 0; i < FI_PHASES; i++) {
		text_printf(t, ".It Cm %s\n", phase_name[i]);
		put(t, phase_what[i], strlen(phase_what[i]));
	}
	text_printf(t, ".El\n");
	exit_section(t, NULL);
	see_also(t, NULL);
}

void man_page(struct text *t, const struct command *c)
{
	if (c)
		command_page(t, c);
	else
		main_page(t);
}
