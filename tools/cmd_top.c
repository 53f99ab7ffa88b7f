// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap top: the live view, and its batch mode. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <curses.h>

#include "commands.h"
#include "error.h"
#include "frame.h"
#include "session.h"

#define INTERVAL_MIN	100000000ULL
#define INTERVAL_MAX	60000000000ULL

struct top {
	struct session s;
	struct snapshot now;
	struct snapshot before;
	struct top_view view;
	struct frame frame;
	struct utsname uts;
	__u64 interval_ns;
	unsigned long frames;
};

static struct top_input input_of(const struct top *t)
{
	return (struct top_input){
		.now = &t->now, .before = &t->before, .mounts = &t->s.mounts,
		.kernel = t->uts.release, .start_ns = t->s.start_ns,
		.interval_ns = t->interval_ns,
	};
}

/* The older snapshot's memory is used for the newer one. */
static void swap_snapshots(struct top *t)
{
	struct snapshot old = t->before;

	t->before = t->now;
	t->now = old;
}

static void put_batch(struct top *t)
{
	struct top_input in = input_of(t);

	t->frames++;
	if (t->s.o->json) {
		frame_json(&t->s.json, &in, &t->view, t->frames);
		return;
	}
	text_clear(&t->s.json.text);
	frame_batch(&t->s.json.text, &in, &t->view, t->frames);
	fputs(t->s.json.text.s, t->s.out);
}

/* ---- batch --------------------------------------------------------------- */

/*
 * The last frame is taken after everything has stopped, so that the frames add
 * up to the ledger.
 */
static int run_batch(struct top *t)
{
	unsigned long count = t->s.o->count;
	enum happening what;
	int err;

	while ((what = session_wait(&t->s)) != ON_STOP) {
		if (what != ON_TICK && what != ON_REPORT)
			continue;
		if (count && t->frames + 1 >= count)
			break;
		swap_snapshots(t);
		if (source_read(t->s.src, &t->now))
			return complain(FI_FAILED, "cannot read the counters");
		put_batch(t);
	}
	swap_snapshots(t);
	err = session_stop(&t->s, &t->now);
	if (!err)
		put_batch(t);
	return err;
}

/* ---- screen -------------------------------------------------------------- */

static int look_attr(enum line_look look)
{
	static const struct {
		int color;
		int attr;
	} looks[] = {
		[LOOK_PLAIN] = { 0, A_NORMAL }, [LOOK_TITLE] = { 0, A_BOLD },
		[LOOK_HEAD] = { 1, A_BOLD }, [LOOK_CHOSEN] = { 2, A_NORMAL },
		[LOOK_WARN] = { 3, A_BOLD }, [LOOK_KEYS] = { 0, A_DIM },
	};

	if (has_colors() && !getenv("NO_COLOR"))
		return (int)COLOR_PAIR(looks[look].color) | looks[look].attr;
	if (look == LOOK_HEAD || look == LOOK_CHOSEN)
		return (int)A_REVERSE;
	return looks[look].attr;
}

static void draw(struct top *t)
{
	struct top_input in = input_of(t);

	frame_make(&t->frame, &in, &t->view, COLS, LINES);
	erase();
	for (size_t i = 0; i < t->frame.n; i++) {
		const struct line *l = &t->frame.line[i];
		int attr = look_attr(l->look);

		attrset(attr);
		/* A head and a chosen row go over the whole width. */
		if (l->look == LOOK_HEAD || l->look == LOOK_CHOSEN)
			mvhline(i, 0, ' ' | attr, COLS);
		mvaddnstr(i, 0, l->text.s, COLS);
		if (l->mark_len)
			mvchgat(i, l->mark, l->mark_len, A_BOLD | A_UNDERLINE | A_REVERSE, 0, NULL);
	}
	attrset(A_NORMAL);
	refresh();
}

static void screen_open(struct top *t)
{
	initscr();
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_BLACK, COLOR_GREEN);
		init_pair(2, COLOR_BLACK, COLOR_CYAN);
		init_pair(3, COLOR_RED, -1);
	}
	t->s.input_fd = STDIN_FILENO;
}

/* SIGWINCH comes through our own descriptor, so ncurses has to be told. */
static void screen_resize(void)
{
	struct winsize ws;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_row && ws.ws_col)
		resizeterm(ws.ws_row, ws.ws_col);
}

/* ---- keys ---------------------------------------------------------------- */

static void sort_next(struct top *t, int step)
{
	do
		t->view.sort = (t->view.sort + step + nr_top_columns) % nr_top_columns;
	while (!top_columns[t->view.sort].width);
}

static void next_mount(struct top *t, int arg)
{
	const struct cells *c = &t->now.mounts;
	__u32 dev = t->view.dev;

	t->view.dev = 0;
	for (size_t i = 0; i < c->n && !t->view.dev; i++)
		if (c->cell[i].key.dev > dev && c->cell[i].v.done)
			t->view.dev = c->cell[i].key.dev;
}

static void move_by(struct top *t, int rows)
{
	t->view.chosen += rows;
}

static void next_table(struct top *t, int arg)
{
	t->view.table = (t->view.table + 1) % TOP_TABLES;
	t->view.chosen = 0;
}

static void toggle_reverse(struct top *t, int arg)
{
	t->view.reverse = !t->view.reverse;
}

static void toggle_pause(struct top *t, int arg)
{
	t->view.paused = !t->view.paused;
}

static void toggle_help(struct top *t, int arg)
{
	t->view.help = !t->view.help;
}

static void change_interval(struct top *t, int longer)
{
	__u64 ns = longer ? t->interval_ns * 2 : t->interval_ns / 2;

	if (ns < INTERVAL_MIN || ns > INTERVAL_MAX)
		return;
	t->interval_ns = ns;
	session_set_interval(&t->s, ns);
}

static const struct key {
	int key;
	void (*act)(struct top *t, int arg);
	int arg;
} keys[] = {
	{ KEY_UP, move_by, -1 },	{ KEY_DOWN, move_by, 1 },
	{ KEY_PPAGE, move_by, -10 },	{ KEY_NPAGE, move_by, 10 },
	{ KEY_HOME, move_by, -100000 },	{ KEY_END, move_by, 100000 },
	{ '<', sort_next, -1 },		{ '>', sort_next, 1 },
	{ KEY_LEFT, sort_next, -1 },	{ KEY_RIGHT, sort_next, 1 },
	{ KEY_F(6), sort_next, 1 },	{ 'r', toggle_reverse },
	{ '\t', next_table },		{ '\n', next_mount },
	{ KEY_ENTER, next_mount },	{ 'm', next_mount },
	{ 'p', toggle_pause },		{ ' ', toggle_pause },
	{ 'h', toggle_help },		{ '?', toggle_help },
	{ '+', change_interval, 1 },	{ '-', change_interval, 0 },
};

/* False to quit. */
static bool on_keys(struct top *t)
{
	int c;

	while ((c = getch()) != ERR) {
		if (c == 'q' || c == 'Q')
			return false;
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (keys[i].key == c)
				keys[i].act(t, keys[i].arg);
	}
	return true;
}

static int take_frame(struct top *t)
{
	unsigned long count = t->s.o->count;

	if (t->view.paused)
		return 0;
	swap_snapshots(t);
	if (source_read(t->s.src, &t->now))
		return -1;
	t->frames++;
	return count && t->frames >= count ? -1 : 0;
}

static int run_screen(struct top *t)
{
	enum happening what;
	bool go_on = true;

	screen_open(t);
	take_frame(t);
	draw(t);
	while (go_on && (what = session_wait(&t->s)) != ON_STOP) {
		if (what == ON_TICK)
			go_on = !take_frame(t);
		else if (what == ON_RESIZE)
			screen_resize();
		else if (what == ON_INPUT)
			go_on = on_keys(t);
		draw(t);
	}
	endwin();
	return session_stop(&t->s, &t->now);
}

/* ---- the command --------------------------------------------------------- */

static int check_options(const struct opts *o, struct opts *mine, struct top_view *view)
{
	*mine = *o;
	mine->batch |= o->json || o->output || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
	/* A screen is no place for messages. */
	mine->quiet |= !mine->batch;
	view->sort = top_column_find(o->sort ? o->sort : "begins");
	if (view->sort < 0)
		return complain(FI_USAGE, "top: no column '%s' (see the heads of the table)", o->sort);
	return 0;
}

static int run(const struct opts *o)
{
	struct source_config config = { .settings.files = 1 };
	struct top t = { .interval_ns = o->interval_ns };
	struct opts mine;
	int err;

	err = check_options(o, &mine, &t.view);
	if (err)
		return err;
	uname(&t.uts);
	err = session_open(&t.s, "top", &mine, &config);
	if (err)
		return err;
	t.now.time_ns = t.before.time_ns = t.s.start_ns;
	session_set_interval(&t.s, t.interval_ns);
	err = mine.batch ? run_batch(&t) : run_screen(&t);
	mine.quiet = o->quiet;
	if (!err)
		err = session_close(&t.s, &t.now);
	snapshot_free(&t.now);
	snapshot_free(&t.before);
	frame_free(&t.frame);
	return err;
}

const struct command cmd_top = {
	.name = "top",
	.summary = "live view of mounts, files and operations",
	.doc = "Shows, for each mount and file, begins, ends and ioends per second, the latency "
	       "of begin, where the time goes, which mappings are used, short writes, errors, "
	       "and what is in flight. With -b, or when the output is no terminal, it prints "
	       "plain frames with the counts of each interval; the last is what is left when it "
	       "stops, so that they add up.",
	.takes = OPTS_FILTER | OPT_INTERVAL | OPT_BATCH | OPT_SORT | OPT_JSON | OPT_OUTPUT |
		 OPT_DURATION | OPT_QUIET,
	.run = run,
};
