// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curses.h>

#include "topkeys.h"

#define INTERVAL_MIN	100000000ULL
#define INTERVAL_MAX	60000000000ULL

/* ---- levels -------------------------------------------------------------- */

struct level *top_level(struct top_state *st)
{
	return &st->level[st->depth];
}

void top_state_init(struct top_state *st, int view)
{
	*st = (struct top_state){ .heat_kind = -1, .stale = true };
	st->level[0].view = view;
	for (int i = 0; i < VIEWS; i++)
		st->order[i].column = view_column(i, views[i].sort);
}

void top_state_free(struct top_state *st)
{
	table_free(&st->table);
	rows_free(&st->total);
	interval_free(&st->past);
	free(st->heat.sum);
	st->heat.sum = NULL;
}

static void show_view(struct top_state *st, const struct top_input *in, int view)
{
	struct level *l = top_level(st);

	if (l->view == view)
		return;
	l->view = view;
	l->chosen = l->first = 0;
	l->follow = false;
}

static void next_view(struct top_state *st, const struct top_input *in, int step)
{
	show_view(st, in, (top_level(st)->view + step + VIEWS) % VIEWS);
}

/* The view that splits a row further: the next one that the match leaves open. */
static int view_below(int view, unsigned int by)
{
	for (int i = 1; i <= VIEWS; i++) {
		int next = (view + i) % VIEWS;

		if (views[next].by & ~by)
			return next;
	}
	return -1;
}

/* Key parts of `by`, over what the match has already. */
static void match_add(struct row_match *m, unsigned int by, const struct fi_cell_key *key)
{
	if (by & BY_MOUNT)
		m->key.dev = key->dev;
	if (by & BY_FILE) {
		m->key.ino = key->ino;
		m->key.flags |= key->flags & FI_KEY_OTHER_FILE;
	}
	if (by & (BY_PROCESS | BY_THREAD)) {
		m->key.pid = key->pid;
		m->key.flags |= key->flags & FI_KEY_OTHER_TASK;
	}
	if (by & BY_THREAD)
		m->key.tid = key->tid;
	if (by & BY_OP)
		m->key.op = key->op;
	if (by & BY_TYPE)
		m->key.type = key->type;
	m->by |= by;
}

static void go_down(struct top_state *st, const struct top_input *in, int arg)
{
	struct level *l = top_level(st), *next = l + 1;
	unsigned int by = views[l->view].by ? views[l->view].by : BY_MOUNT;
	struct row_match match = l->match;
	int view;

	if (!st->table.n)
		return;
	match_add(&match, by, &st->table.row[l->chosen].key);
	view = view_below(views[l->view].by ? l->view : VIEW_MOUNTS, match.by);
	if (view < 0 || st->depth + 1 == LEVELS || !(by & ~l->match.by)) {
		snprintf(st->message, sizeof(st->message), "nothing is below this row");
		return;
	}
	*next = (struct level){ .view = view, .match = match, .by = by };
	st->depth++;
}

static void go_up(struct top_state *st, const struct top_input *in, int arg)
{
	if (st->depth)
		st->depth--;
	else if (st->filter[0])
		st->filter[0] = '\0';
}

/* ---- rows ---------------------------------------------------------------- */

/* In rows, or in pages (arg beyond ±100). */
#define PAGE	1000
#define ALL	1000000

static void move_by(struct top_state *st, const struct top_input *in, int rows)
{
	struct level *l = top_level(st);

	if (rows == PAGE || rows == -PAGE)
		rows = rows / PAGE * (st->page > 1 ? st->page - 1 : 1);
	l->chosen += rows;
	if (l->chosen >= (int)st->table.n)
		l->chosen = (int)st->table.n - 1;
	if (l->chosen < 0)
		l->chosen = 0;
	/* At the top one stays at the top; elsewhere the row is what one looks at. */
	l->follow = l->chosen > 0;
	if (l->follow)
		l->key = st->table.row[l->chosen].key;
}

/* ---- order and columns --------------------------------------------------- */

/* Through the columns that are worth a place on the screen. */
static void sort_next(struct top_state *st, const struct top_input *in, int step)
{
	int view = top_level(st)->view;
	struct table_order *o = &st->order[view];
	size_t n;
	const struct column *c = view_columns(view, &n);

	do
		o->column = (o->column + step + (int)n) % (int)n;
	while (st->choice[view][o->column] == CHOICE_HIDDEN ||
	       (st->choice[view][o->column] == CHOICE_AUTO &&
		c[o->column].prio >= PRIO_ASKED));
}

static void reverse(struct top_state *st, const struct top_input *in, int arg)
{
	struct table_order *o = &st->order[top_level(st)->view];

	o->reverse = !o->reverse;
}

static void open_menu(struct top_state *st, const struct top_input *in, int mode)
{
	st->mode = mode;
	st->menu = mode == MODE_SORT ? st->order[top_level(st)->view].column : 0;
}

/* ---- typing -------------------------------------------------------------- */

static void open_prompt(struct top_state *st, const struct top_input *in, int mode)
{
	st->mode = mode;
	strcpy(st->prompt, mode == MODE_FILTER ? st->filter : "");
}

static void find_again(struct top_state *st, const struct top_input *in, int step)
{
	if (st->search[0])
		st->find = step;
	else
		open_prompt(st, in, MODE_SEARCH);
}

static void filter_done(struct top_state *st)
{
	char why[100];
	struct filter f;

	if (filter_parse(&f, top_level(st)->view, st->prompt, why, sizeof(why))) {
		snprintf(st->message, sizeof(st->message), "filter: %s", why);
		return;
	}
	strcpy(st->filter, st->prompt);
	st->mode = MODE_TABLE;
}

static void prompt_done(struct top_state *st)
{
	if (st->mode == MODE_FILTER) {
		filter_done(st);
		return;
	}
	strcpy(st->search, st->prompt);
	st->mode = MODE_TABLE;
}

static void prompt_changed(struct top_state *st)
{
	if (st->mode != MODE_SEARCH)
		return;
	strcpy(st->search, st->prompt);
	st->find = st->search[0] != '\0';
	st->find_here = true;
}

/* The last character, which may be of several bytes. */
static void prompt_erase(struct top_state *st)
{
	size_t len = strlen(st->prompt);

	while (len && (st->prompt[--len] & 0xc0) == 0x80)
		;
	st->prompt[len] = '\0';
}

static void prompt_key(struct top_state *st, int key)
{
	size_t len = strlen(st->prompt);

	if (key == KEY_ESC) {
		st->mode = MODE_TABLE;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		prompt_done(st);
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		prompt_erase(st);
		prompt_changed(st);
	} else if (key == 'U' - '@') {
		st->prompt[0] = '\0';
		prompt_changed(st);
	} else if (key >= ' ' && key < 0x100 && len + 1 < sizeof(st->prompt)) {
		st->prompt[len] = key;
		st->prompt[len + 1] = '\0';
		prompt_changed(st);
	}
}

/* ---- menus --------------------------------------------------------------- */

static void choose_sort(struct top_state *st)
{
	st->order[top_level(st)->view].column = st->menu;
	st->mode = MODE_TABLE;
}

/* shown → hidden → as there is room */
static void choose_column(struct top_state *st)
{
	static const enum choice next[] = {
		[CHOICE_AUTO] = CHOICE_SHOWN, [CHOICE_SHOWN] = CHOICE_HIDDEN,
		[CHOICE_HIDDEN] = CHOICE_AUTO,
	};
	enum choice *c = &st->choice[top_level(st)->view][st->menu];

	if (st->menu)
		*c = next[*c];
}

/* Moves in a list whose last line is `end`. False if the key does not move. */
static bool menu_move(struct top_state *st, int key, int end)
{
	if (key == KEY_UP || key == 'k')
		st->menu--;
	else if (key == KEY_DOWN || key == 'j')
		st->menu++;
	else if (key == KEY_PPAGE)
		st->menu -= 10;
	else if (key == KEY_NPAGE)
		st->menu += 10;
	else if (key == KEY_HOME)
		st->menu = 0;
	else if (key == KEY_END)
		st->menu = end;
	else
		return false;
	return true;
}

static void menu_key(struct top_state *st, int key)
{
	bool enter = key == '\n' || key == '\r' || key == KEY_ENTER;
	size_t n;

	view_columns(top_level(st)->view, &n);
	if (menu_move(st, key, n))
		;
	else if (st->mode == MODE_SORT && (enter || key == ' '))
		choose_sort(st);
	else if (st->mode == MODE_COLUMNS && key == ' ')
		choose_column(st);
	else if (enter || key == KEY_ESC || key == 'q' || key == 'c' || key == 's')
		st->mode = MODE_TABLE;
	if (st->menu >= (int)n)
		st->menu = n - 1;
	if (st->menu < 0)
		st->menu = 0;
}

/* frame_make() keeps the help from going beyond its end. */
static void help_key(struct top_state *st, int key)
{
	if (!menu_move(st, key == ' ' ? KEY_NPAGE : key, ALL) && key != KEY_RESIZE)
		st->mode = MODE_TABLE;
	if (st->menu < 0)
		st->menu = 0;
}

/* ---- time ---------------------------------------------------------------- */

static void pause_or_go(struct top_state *st, const struct top_input *in, int arg)
{
	bool stands = st->paused || st->seq;

	st->paused = !stands;
	st->seq = st->paused ? history_last(in->history) : 0;
}

static void go_live(struct top_state *st, const struct top_input *in, int arg)
{
	st->paused = false;
	st->seq = 0;
}

static void rewind_by(struct top_state *st, const struct top_input *in, int step)
{
	__u64 first = history_first(in->history), last = history_last(in->history);
	__s64 seq = st->seq ? st->seq : last;

	if (!last)
		return;
	seq += step;
	if (seq < (__s64)first) {
		seq = first;
		snprintf(st->message, sizeof(st->message),
			 "this is as far back as there is memory for");
		if (first == 1)
			snprintf(st->message, sizeof(st->message), "this is where it began");
	}
	/* Forward beyond the newest is live again, unless it is held. */
	st->seq = seq > (__s64)last && !st->paused ? 0 : seq > (__s64)last ? last : (__u64)seq;
}

static void end_or_live(struct top_state *st, const struct top_input *in, int arg)
{
	if (st->seq)
		go_live(st, in, 0);
	else
		move_by(st, in, ALL);
}

static void change_interval(struct top_state *st, const struct top_input *in, int longer)
{
	__u64 ns = longer ? st->interval_ns * 2 : st->interval_ns / 2;

	if (ns >= INTERVAL_MIN && ns <= INTERVAL_MAX)
		st->interval_ns = ns;
	else
		snprintf(st->message, sizeof(st->message),
			 "the interval can be from 0.1 s to 60 s");
}

/* ---- the rest ------------------------------------------------------------ */

static void toggle_detail(struct top_state *st, const struct top_input *in, int arg)
{
	st->detail = st->detail_shown ? CHOICE_HIDDEN : CHOICE_SHOWN;
}

static void next_kind(struct top_state *st, const struct top_input *in, int arg)
{
	st->heat_kind = st->heat_kind + 1 < FI_KINDS ? st->heat_kind + 1 : -1;
}

static void quit(struct top_state *st, const struct top_input *in, int arg)
{
	st->quit = true;
}

/* ---- the table ----------------------------------------------------------- */

const struct top_key top_keys[] = {
	{ { KEY_UP, 'k' }, "Up k", "the row above", move_by, -1 },
	{ { KEY_DOWN, 'j' }, "Down j", "the row below", move_by, 1 },
	{ { KEY_PPAGE }, "PgUp", "a page up", move_by, -PAGE },
	{ { KEY_NPAGE }, "PgDn", "a page down", move_by, PAGE },
	{ { KEY_HOME, 'g' }, "Home g", "the first row", move_by, -ALL },
	{ { 'G' }, "G", "the last row", move_by, ALL },
	{ { KEY_END }, "End", "the last row; in the past: back to now", end_or_live },
	{ { '\n', '\r', KEY_ENTER }, "Enter", "what is under this row", go_down },
	{ { KEY_BACKSPACE, 127, '\b', KEY_ESC }, "Backspace Esc",
	  "back up; at the top: no filter", go_up },
	{ { '\t' }, "Tab", "the next view", next_view, 1 },
	{ { KEY_BTAB }, "Shift-Tab", "the view before", next_view, -1 },
	{ { '1' }, "1", "mounts", show_view, VIEW_MOUNTS },
	{ { '2' }, "2", "files", show_view, VIEW_FILES },
	{ { '3' }, "3", "processes", show_view, VIEW_PROCESSES },
	{ { '4' }, "4", "threads", show_view, VIEW_THREADS },
	{ { '5' }, "5", "threads of the servers", show_view, VIEW_SERVERS },
	{ { '6' }, "6", "operations", show_view, VIEW_OPS },
	{ { '7' }, "7", "mapping types", show_view, VIEW_TYPES },
	{ { 'd' }, "d", "details of the row: histogram, heat map, wait", toggle_detail },
	{ { 'v' }, "v", "heat map of all, begins, ends, ioends", next_kind },
	{ { '<', KEY_LEFT }, "< Left", "sort by the column before", sort_next, -1 },
	{ { '>', KEY_RIGHT, KEY_F(6) }, "> Right F6", "sort by the next column", sort_next, 1 },
	{ { 's' }, "s", "menu of the columns to sort by", open_menu, MODE_SORT },
	{ { 'r' }, "r", "reverse the order", reverse },
	{ { 'c' }, "c", "choose the columns", open_menu, MODE_COLUMNS },
	{ { '/' }, "/", "search for a name", open_prompt, MODE_SEARCH },
	{ { 'n' }, "n", "the next that has it", find_again, 1 },
	{ { 'N' }, "N", "the one before", find_again, -1 },
	{ { 'f' }, "f", "filter: a part of the name, errors>0, p99>5ms, ...", open_prompt,
	  MODE_FILTER },
	{ { 'p', ' ' }, "p Space", "pause; go on", pause_or_go },
	{ { '[' }, "[", "back in time by an interval", rewind_by, -1 },
	{ { ']' }, "]", "forward", rewind_by, 1 },
	{ { '{' }, "{", "back by ten", rewind_by, -10 },
	{ { '}' }, "}", "forward by ten", rewind_by, 10 },
	{ { 'l' }, "l", "back to now", go_live },
	{ { '+', '=' }, "+", "longer interval", change_interval, 1 },
	{ { '-' }, "-", "shorter interval", change_interval, 0 },
	{ { 'h', '?', KEY_F(1) }, "h ? F1", "this help", open_menu, MODE_HELP },
	{ { 'q', 'Q' }, "q", "quit", quit },
};

const size_t nr_top_keys = sizeof(top_keys) / sizeof(top_keys[0]);

static void table_key(struct top_state *st, const struct top_input *in, int key)
{
	for (size_t i = 0; i < nr_top_keys; i++)
		for (int k = 0; k < MAX_KEYS && top_keys[i].key[k]; k++)
			if (top_keys[i].key[k] == key) {
				/* Keys come faster than frames. */
				top_refresh(in, st);
				top_keys[i].act(st, in, top_keys[i].arg);
				/* Moving within a table is the one thing that keeps it. */
				st->stale |= top_keys[i].act != move_by;
				return;
			}
}

void key_press(struct top_state *st, const struct top_input *in, int key)
{
	st->message[0] = '\0';
	if (st->mode == MODE_TABLE) {
		table_key(st, in, key);
		return;
	}
	if (st->mode == MODE_HELP)
		help_key(st, key);
	else if (st->mode == MODE_SORT || st->mode == MODE_COLUMNS)
		menu_key(st, key);
	else
		prompt_key(st, key);
	st->stale |= st->mode != MODE_SEARCH;
}
