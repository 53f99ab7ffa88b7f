// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap top: the loop of the live view, its screen, and batch mode. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <curses.h>

#include "commands.h"
#include "error.h"
#include "session.h"
#include "topkeys.h"

/* Of the past, compressed. */
#define HISTORY_BYTES	(64 << 20)

#define BIT(view)	(1U << VIEW_##view)

struct top {
	struct session s;
	struct opts o;			/* as given, and what follows from it */
	struct snapshot now;
	struct snapshot before;
	struct interval iv;
	struct history *history;
	struct top_state st;
	struct top_input in;
	unsigned int shown;		/* bit mask of views; of a screen, the first one */
	struct filter filter[VIEWS];	/* batch mode */
	struct frame frame;
	__u32 *dev;
	size_t nr_dev;
	unsigned long frames;
};

/* ---- intervals ----------------------------------------------------------- */

static void note_dev(struct top *t, __u32 dev)
{
	for (size_t i = t->nr_dev; i > 0; i--)
		if (t->dev[i - 1] == dev)
			return;
	t->dev = xrealloc(t->dev, (t->nr_dev + 1) * sizeof(*t->dev));
	t->dev[t->nr_dev++] = dev;
	t->in.dev = t->dev;
	t->in.nr_dev = t->nr_dev;
}

/* The older snapshot's memory is used for the newer one. */
static void swap_snapshots(struct top *t)
{
	struct snapshot old = t->before;

	t->before = t->now;
	t->now = old;
}

/* t->now has been read. */
static void take_interval(struct top *t)
{
	const struct cells *c = &t->iv.d.cells;

	interval_make(&t->iv, &t->now, &t->before);
	for (size_t i = 0; i < c->n; i++)
		if (!i || c->cell[i]->key.dev != c->cell[i - 1]->key.dev)
			note_dev(t, c->cell[i]->key.dev);
	/* What nobody else has of it makes room. */
	cells_clear(&t->before.cells);
	if (t->history)
		history_add(t->history, &t->iv);
	t->st.stale = true;
	t->frames++;
}

/* ---- batch --------------------------------------------------------------- */

static void put_batch(struct top *t)
{
	struct batch b = {
		.shown = t->shown, .n = t->frames, .filter = t->filter,
		.csv_head = t->frames == 1, .timestamps = t->o.timestamps,
	};

	if (t->o.json) {
		batch_json(&t->s.json, &t->in, &t->st, &b);
		return;
	}
	text_clear(&t->s.json.text);
	if (t->o.csv)
		batch_csv(&t->s.json.text, &t->in, &t->st, &b);
	else
		batch_text(&t->s.json.text, &t->in, &t->st, &b);
	session_put_text(&t->s);
}

/*
 * The last frame is taken after everything has stopped, so that the frames add
 * up to the ledger.
 */
static int run_batch(struct top *t)
{
	enum happening what;
	int err;

	while ((what = session_wait(&t->s)) != ON_STOP) {
		if (what != ON_TICK && what != ON_REPORT)
			continue;
		if (t->o.count && t->frames + 1 >= t->o.count)
			break;
		swap_snapshots(t);
		if (session_read(&t->s, &t->now, what))
			return complain(FI_FAILED, "cannot read the counters");
		take_interval(t);
		put_batch(t);
	}
	swap_snapshots(t);
	err = session_stop(&t->s, &t->now);
	if (err)
		return err;
	take_interval(t);
	put_batch(t);
	return 0;
}

/* ---- screen -------------------------------------------------------------- */

struct paint {
	short fg, bg;		/* -1: the terminal's own */
	short fg256;		/* where there are so many; 0: as above */
	attr_t attr;
	attr_t mono;		/* without colours */
};

static const struct paint paints[LOOKS] = {
	[LOOK_PLAIN] = { -1, -1, 0, A_NORMAL, A_NORMAL },
	[LOOK_TITLE] = { -1, -1, 0, A_BOLD, A_BOLD },
	[LOOK_DIM] = { COLOR_CYAN, -1, 245, A_NORMAL, A_DIM },
	[LOOK_HEAD] = { COLOR_BLACK, COLOR_GREEN, 0, A_NORMAL, A_REVERSE },
	[LOOK_SORTED] = { COLOR_BLACK, COLOR_CYAN, 0, A_BOLD, A_REVERSE | A_UNDERLINE },
	[LOOK_CHOSEN] = { COLOR_BLACK, COLOR_CYAN, 0, A_NORMAL, A_REVERSE | A_BOLD },
	[LOOK_TAB] = { COLOR_BLACK, COLOR_GREEN, 0, A_BOLD, A_REVERSE },
	[LOOK_KEY] = { COLOR_CYAN, -1, 0, A_BOLD, A_BOLD },
	[LOOK_WARN] = { COLOR_RED, -1, 203, A_BOLD, A_BOLD },
	[LOOK_STATE] = { COLOR_BLACK, COLOR_YELLOW, 0, A_NORMAL, A_REVERSE },
	[LOOK_BEGIN] = { COLOR_CYAN, -1, 39, A_NORMAL, A_NORMAL },
	[LOOK_END] = { COLOR_GREEN, -1, 78, A_NORMAL, A_NORMAL },
	[LOOK_IOEND] = { COLOR_MAGENTA, -1, 176, A_NORMAL, A_NORMAL },
	[LOOK_PART0] = { COLOR_BLUE, -1, 69, A_NORMAL, A_DIM },
	[LOOK_PART1] = { COLOR_YELLOW, -1, 214, A_NORMAL, A_BOLD },
	[LOOK_PART2] = { COLOR_GREEN, -1, 71, A_NORMAL, A_NORMAL },
	[LOOK_PART3] = { COLOR_MAGENTA, -1, 133, A_NORMAL, A_UNDERLINE },
	[LOOK_HEAT1] = { COLOR_BLUE, -1, 61, A_NORMAL, A_NORMAL },
	[LOOK_HEAT2] = { COLOR_CYAN, -1, 38, A_NORMAL, A_NORMAL },
	[LOOK_HEAT3] = { COLOR_GREEN, -1, 113, A_NORMAL, A_NORMAL },
	[LOOK_HEAT4] = { COLOR_YELLOW, -1, 220, A_NORMAL, A_NORMAL },
	[LOOK_HEAT5] = { COLOR_RED, -1, 202, A_BOLD, A_BOLD },
};

static bool colours;

static void put_look(int y, int x, int len, enum look look)
{
	const struct paint *p = &paints[look];

	if (colours)
		mvchgat(y, x, len, p->attr, look + 1, NULL);
	else
		mvchgat(y, x, len, p->mono, 0, NULL);
}

static void draw(struct top *t)
{
	frame_make(&t->frame, &t->in, &t->st, COLS, LINES);
	erase();
	for (size_t i = 0; i < t->frame.n && (int)i < LINES; i++) {
		const struct line *l = &t->frame.line[i];
		/* A head and a chosen row go over the whole width. */
		bool whole = l->look == LOOK_HEAD || l->look == LOOK_CHOSEN;

		mvaddstr(i, 0, l->text.s);
		if (l->look != LOOK_PLAIN)
			put_look(i, 0, whole ? -1 : text_width(l->text.s), l->look);
		for (size_t k = 0; k < l->nr_spans; k++)
			put_look(i, l->span[k].col, l->span[k].len, l->span[k].look);
	}
	move(LINES - 1, 0);
	refresh();
}

static void colours_open(enum color want)
{
	const char *no = getenv("NO_COLOR");

	colours = want == COLOR_ALWAYS || (want == COLOR_AUTO && !(no && *no));
	colours = colours && has_colors();
	if (!colours)
		return;
	start_color();
	use_default_colors();
	for (int i = 0; i < LOOKS; i++)
		init_pair(i + 1, COLORS >= 256 && paints[i].fg256 ? paints[i].fg256 :
			  paints[i].fg, paints[i].bg);
}

/* False if the terminal is none that a screen can be shown on. */
static bool screen_open(struct top *t)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);

	if (!screen)
		return false;
	set_term(screen);
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	colours_open(t->o.color);
	t->s.input_fd = STDIN_FILENO;
	return true;
}

/* SIGWINCH comes through our own descriptor, so ncurses has to be told. */
static void screen_resize(void)
{
	struct winsize ws;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_row && ws.ws_col)
		resizeterm(ws.ws_row, ws.ws_col);
}

static void on_keys(struct top *t)
{
	int key;

	while ((key = getch()) != ERR && !t->st.quit)
		key_press(&t->st, &t->in, key);
	/* A replay stands still while it is held; a live run goes on being counted. */
	t->s.hold = t->st.paused;
	if (t->st.interval_ns != t->s.interval_ns) {
		t->o.interval_given = true;
		session_set_interval(&t->s, t->st.interval_ns);
	}
}

static int take_frame(struct top *t, enum happening what)
{
	swap_snapshots(t);
	if (session_read(&t->s, &t->now, what))
		return -1;
	take_interval(t);
	return t->o.count && t->frames >= t->o.count ? -1 : 0;
}

/* A replay that has come to its end stays on the screen. */
static bool goes_on(struct top *t)
{
	if (!t->s.replay_over || t->in.over)
		return false;
	take_frame(t, ON_STOP);
	t->in.over = true;
	return true;
}

static int run_screen(struct top *t)
{
	bool go_on = true;

	if (!screen_open(t))
		return complain(FI_FAILED, "the terminal '%s' is not known; -b needs none",
				getenv("TERM") ? getenv("TERM") : "");
	t->s.live_pace = true;
	draw(t);
	while (go_on) {
		enum happening what = session_wait(&t->s);

		if (what == ON_TICK)
			go_on = !take_frame(t, what);
		else if (what == ON_RESIZE)
			screen_resize();
		else if (what == ON_INPUT)
			on_keys(t);
		else if (what == ON_STOP)
			go_on = goes_on(t);
		go_on &= !t->st.quit;
		draw(t);
	}
	endwin();
	swap_snapshots(t);
	return session_stop(&t->s, &t->now);
}

/* ---- the command --------------------------------------------------------- */

static int no_column(const char *option, int view, const char *name, size_t len)
{
	size_t n;
	const struct column *c = view_columns(view, &n);
	struct text t = { 0 };
	int err;

	for (size_t i = 0; i < n; i++)
		text_printf(&t, "%s%s", i ? ", " : "", c[i].name);
	err = complain(FI_USAGE, "top: %s: view %s has no column '%.*s'; there are: %s", option,
		       views[view].name, (int)len, name, t.s);
	text_free(&t);
	return err;
}

/* For all views that have it; the one that is shown has to. */
static int set_order(struct top *t, int view)
{
	for (int i = 0; i < VIEWS && t->o.sort; i++) {
		int column = view_column(i, t->o.sort);

		if (column >= 0)
			t->st.order[i].column = column;
		else if (i == view)
			return no_column("--sort", i, t->o.sort, strlen(t->o.sort));
	}
	for (int i = 0; i < VIEWS; i++)
		t->st.order[i].reverse = t->o.reverse;
	return 0;
}

static int set_columns(struct top *t, int view)
{
	enum choice none[TOP_COLUMNS];
	const char *bad;
	size_t len;

	for (int i = 0; i < VIEWS && t->o.columns; i++) {
		memcpy(none, t->st.choice[i], sizeof(none));
		bad = view_choose(i, t->o.columns, none, &len);
		if (!bad)
			memcpy(t->st.choice[i], none, sizeof(none));
		else if (i == view)
			return no_column("--columns", i, bad, len);
	}
	return 0;
}

/* Of a screen, the others are looked at when they are shown. */
static int set_filter(struct top *t)
{
	char why[160];

	for (int i = 0; i < VIEWS && t->o.search; i++) {
		if (!filter_parse(&t->filter[i], i, t->o.search, why, sizeof(why)))
			continue;
		if (t->shown & (1U << i))
			return complain(FI_USAGE, "top: --search '%s': %s", t->o.search, why);
		t->filter[i].n = 0;
	}
	if (t->o.search)
		snprintf(t->st.filter, sizeof(t->st.filter), "%s", t->o.search);
	return 0;
}

static int check_options(struct top *t, const struct opts *o)
{
	int view = o->csv ? VIEW_FILES : VIEW_MOUNTS, err;

	t->o = *o;
	t->o.batch |= o->json || o->csv || o->output || !isatty(STDOUT_FILENO) ||
		      !isatty(STDIN_FILENO);
	/* A screen is no place for messages, nor for what a command prints and reads. */
	t->o.quiet |= !t->o.batch;
	if (o->command && !t->o.batch)
		return complain(FI_USAGE, "top: '%s' would write on the screen; run it in another terminal, or use -b",
				o->command[0]);
	if (o->view)
		view = view_find(o->view);
	if (view < 0)
		return complain(FI_USAGE, "top: no view '%s'; there are: mounts, files, processes, threads, servers, operations, types",
				o->view);
	t->shown = t->o.batch && !o->view && !o->csv ?
		   BIT(MOUNTS) | BIT(FILES) | BIT(OPS) : 1U << view;
	top_state_init(&t->st, view);
	t->st.interval_ns = o->interval_ns;
	err = set_order(t, view);
	if (!err)
		err = set_columns(t, view);
	return err ? err : set_filter(t);
}

static void input_init(struct top *t)
{
	t->in = (struct top_input){
		.iv = &t->iv, .history = t->history, .catalog = t->s.catalog,
		.info = t->s.info, .input = t->o.input, .start_ns = t->s.start_ns,
	};
	t->now.time_ns = t->before.time_ns = t->s.start_ns;
	t->iv.from_ns = t->iv.d.time_ns = t->s.start_ns;
	t->iv.d.splits = t->s.info->splits;
	t->iv.d.upstream = t->s.info->upstream;
}

static void top_free(struct top *t)
{
	top_state_free(&t->st);
	history_free(t->history);
	interval_free(&t->iv);
	snapshot_free(&t->now);
	snapshot_free(&t->before);
	frame_free(&t->frame);
	free(t->dev);
}

static int run(const struct opts *o)
{
	struct source_config config = {
		.settings = { .cells = 1, .hists = 1, .servers = 1,
			      .by = FI_BY_FILE | FI_BY_TASK | FI_BY_TYPE },
	};
	struct top t = { .nr_dev = 0 };
	int err;

	err = check_options(&t, o);
	if (!err)
		err = session_open(&t.s, "top", &t.o, &config);
	if (err)
		return err;
	if (!t.o.batch)
		t.history = history_new(HISTORY_BYTES);
	input_init(&t);
	session_set_interval(&t.s, t.o.interval_ns);
	err = t.o.batch ? run_batch(&t) : run_screen(&t);
	t.o.quiet = o->quiet;
	if (!err)
		err = session_close(&t.s, &t.now);
	top_free(&t);
	return err;
}

const struct command cmd_top = {
	.name = "top",
	.summary = "live view of mounts, files, processes, servers and operations",
	.doc = "Shows begins, ends and ioends per second, the latency of begin, where the time "
	       "goes, which mappings are used, short writes, errors, and what is in flight: for "
	       "each mount, file, process, thread, operation and mapping type, and what the "
	       "threads of the servers do. Enter goes down to what is under a row, d shows its "
	       "histograms and a heat map, [ goes back in time, h tells all keys.\v"
	       "With -b, -j or --csv, or when the output is no terminal, it prints the counts "
	       "of each interval; the last is what is left when it stops, so that they add up. "
	       "COMMAND needs one of these, too. --search takes what the key f does: a part of "
	       "the name, and terms such as errors>0, begin_p99_ns>5ms, fstype=fuse.",
	.takes = OPT_FILTER | OPT_SOURCE | OPT_INTERVAL | OPT_BATCH | OPT_TABLE | OPT_JSON |
		 OPT_CSV | OPT_OUTPUT | OPT_DURATION | OPT_QUIET | OPT_SAVE | OPT_COMMAND |
		 OPT_UNITS | OPT_TIMES | OPT_COLOR | OPT_CELLS,
	.run = run,
};
