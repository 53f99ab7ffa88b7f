// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"
#include "ledger.h"
#include "topkeys.h"

/* ---- lines --------------------------------------------------------------- */

struct line *frame_line(struct frame *f, enum look look)
{
	struct line *l;

	if (f->n == f->size) {
		size_t size = f->size ? f->size * 2 : 32;

		f->line = xrealloc(f->line, size * sizeof(*f->line));
		memset(f->line + f->size, 0, (size - f->size) * sizeof(*f->line));
		f->size = size;
	}
	l = &f->line[f->n++];
	text_clear(&l->text);
	text_add(&l->text, "", 0);
	l->look = look;
	l->nr_spans = 0;
	return l;
}

void line_span(struct line *l, int col, int len, enum look look)
{
	struct span *last = l->nr_spans ? &l->span[l->nr_spans - 1] : NULL;

	if (last && last->look == look && last->col + last->len == col) {
		last->len += len;
		return;
	}
	if (l->nr_spans == l->size) {
		l->size = l->size ? l->size * 2 : 8;
		l->span = xrealloc(l->span, l->size * sizeof(*l->span));
	}
	l->span[l->nr_spans++] = (struct span){ col, len, look };
}

void line_add(struct line *l, enum look look, const char *fmt, ...)
{
	struct text t = { 0 };
	int col = text_width(l->text.s);
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	text_safe(&t, buf);
	if (t.len)
		text_add(&l->text, t.s, t.len);
	if (look != l->look && t.len)
		line_span(l, col, text_width(t.s), look);
	text_free(&t);
}

/* Nothing is wider than the screen. */
static void line_clip(struct line *l, int width)
{
	struct text t = { 0 };
	size_t kept = 0;

	if (text_width(l->text.s) > width) {
		text_cell(&t, l->text.s, -width);
		text_free(&l->text);
		l->text = t;
	}
	for (size_t i = 0; i < l->nr_spans; i++) {
		struct span s = l->span[i];

		if (s.col >= width)
			continue;
		if (s.col + s.len > width)
			s.len = width - s.col;
		l->span[kept++] = s;
	}
	l->nr_spans = kept;
}

void frame_free(struct frame *f)
{
	for (size_t i = 0; i < f->size; i++) {
		text_free(&f->line[i].text);
		free(f->line[i].span);
	}
	free(f->line);
	*f = (struct frame){ 0 };
}

char *fmt_clock(char *buf, size_t size, __u64 ns)
{
	__u64 s = ns / 1000000000;

	snprintf(buf, size, "%u:%02u:%02u", (unsigned int)(s / 3600),
		 (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
	return buf;
}

static double interval_s(const struct interval *iv)
{
	double s = (iv->d.time_ns - iv->from_ns) / 1e9;

	return s > 0 ? s : 1;
}

/* ---- layout of a table --------------------------------------------------- */

struct layout {
	int width[TOP_COLUMNS];	/* by column, 0: not shown */
};

/* From this priority on, columns stand for each other's rest: all of them or none. */
#define PRIO_GROUPS	4

static int group_width(const struct column *c, size_t n, const enum choice *choice, int prio)
{
	int width = 0;

	for (size_t i = 1; i < n; i++)
		if (choice[i] == CHOICE_AUTO && c[i].prio == prio)
			width += abs(column_width(&c[i])) + 1;
	return width;
}

static void take(struct layout *l, const struct column *c, int i, int *left)
{
	int width = abs(column_width(&c[i]));

	if (*left < width + 1)
		return;
	l->width[i] = c[i].width < 0 ? -width : width;
	*left -= width + 1;
}

/* What the user wants first, then by priority as long as there is room. */
static void layout_make(struct layout *l, const struct top_state *st, int view, int width)
{
	const enum choice *choice = st->choice[view];
	int least = width / 4 < 12 ? 12 : width / 4 > 32 ? 32 : width / 4;
	int name = st->name_width[view] > 12 ? st->name_width[view] : 12;
	int left = width - (name < least ? name : least);
	size_t n;
	const struct column *c = view_columns(view, &n);

	memset(l, 0, sizeof(*l));
	for (size_t i = 1; i < n; i++)
		if (choice[i] == CHOICE_SHOWN)
			take(l, c, i, &left);
	for (int prio = 0; prio < PRIO_ASKED; prio++) {
		if (prio >= PRIO_GROUPS && group_width(c, n, choice, prio) > left)
			continue;
		for (size_t i = 1; i < n; i++)
			if (choice[i] == CHOICE_AUTO && c[i].prio == prio)
				take(l, c, i, &left);
	}
	left = left > 0 ? left : 0;
	if (name > least)
		least = name - least < left ? name : least + left;
	else
		least = name;
	l->width[0] = -(least < width ? least : width);
}

static void table_head(struct frame *f, const struct layout *lay, const struct top_state *st,
		       int view)
{
	struct line *l = frame_line(f, LOOK_HEAD);
	int col = 0;
	size_t n;
	const struct column *c = view_columns(view, &n);

	for (size_t i = 0; i < n; i++) {
		if (!lay->width[i])
			continue;
		if (i) {
			text_add(&l->text, " ", 1);
			col++;
		}
		text_cell(&l->text, c[i].head, lay->width[i]);
		if ((int)i == st->order[view].column)
			line_span(l, col, abs(lay->width[i]), LOOK_SORTED);
		col += abs(lay->width[i]);
	}
}

static bool is_alarm(const struct column *c)
{
	return !strcmp(c->name, "errors") || !strcmp(c->name, "shorts");
}

static void table_row(struct frame *f, const struct layout *lay, const struct top_row *r,
		      int view, double seconds, bool chosen)
{
	struct line *l = frame_line(f, chosen ? LOOK_CHOSEN : LOOK_PLAIN);
	char name[256];
	size_t n;
	const struct column *all = view_columns(view, &n);

	text_cell_end(&l->text, top_row_name(r, name, sizeof(name)), -lay->width[0]);
	for (size_t i = 1; i < n; i++) {
		struct column c = all[i];
		int col = text_width(l->text.s) + 1;
		struct value v = { 0 };

		if (!lay->width[i])
			continue;
		text_add(&l->text, " ", 1);
		c.width = lay->width[i];
		column_text(&l->text, &c, r, seconds);
		if (!is_alarm(&c) || chosen)
			continue;
		c.get(r, c.arg, &v);
		if (v.u)
			line_span(l, col, abs(c.width), LOOK_WARN);
	}
}

/* ---- above the table ----------------------------------------------------- */

static void put_state(struct line *l, const struct top_input *in, const struct top_state *st,
		      const struct interval *iv)
{
	char buf[FMT_LEN];

	if (st->seq && iv->d.time_ns < in->iv->d.time_ns)
		line_add(l, LOOK_STATE, " %s AGO ",
			 fmt_ns(buf, sizeof(buf), in->iv->d.time_ns - iv->d.time_ns));
	if (st->paused)
		line_add(l, LOOK_STATE, " PAUSED ");
	if (in->over)
		line_add(l, LOOK_STATE, " END OF RECORDING ");
	if (l->nr_spans > 1)
		line_add(l, LOOK_PLAIN, "  ");
}

static void title(struct frame *f, const struct top_input *in, const struct top_state *st,
		  const struct interval *iv)
{
	struct line *l = frame_line(f, LOOK_PLAIN);
	__u64 first = history_first(in->history);
	char up[FMT_LEN], kept[FMT_LEN], size[FMT_LEN];

	line_add(l, LOOK_TITLE, "fuseiomap-top");
	line_add(l, LOOK_PLAIN, "  ");
	put_state(l, in, st, iv);
	line_add(l, LOOK_PLAIN, "%s  every %.3gs  ",
		 fmt_clock(up, sizeof(up), iv->d.time_ns - in->start_ns),
		 in->input ? interval_s(iv) : st->interval_ns / 1e9);
	if (in->input)
		line_add(l, LOOK_PLAIN, "replay of %s, ",
			 strrchr(in->input, '/') ? strrchr(in->input, '/') + 1 : in->input);
	line_add(l, LOOK_PLAIN, "Linux %s  %s", in->info->kernel, in->info->backend);
	if (first)
		line_add(l, LOOK_DIM, "  kept %s in %sB",
			 fmt_clock(kept, sizeof(kept), in->iv->d.time_ns -
				   history_from_ns(in->history, first)),
			 fmt_bytes(size, sizeof(size), history_bytes(in->history)));
}

/* What happens in all, per second. */
static void totals(struct frame *f, const struct top_state *st, int width)
{
	static const enum look looks[FI_KINDS] = { LOOK_BEGIN, LOOK_END, LOOK_IOEND };
	static const char *const names[FI_KINDS] = { "begin", "end", "ioend" };
	struct line *l = frame_line(f, LOOK_PLAIN);
	const struct row *all = st->total.n ? &st->total.row[0] : NULL;
	double s = interval_s(st->shown.iv);
	char a[FMT_LEN], b[FMT_LEN], c[FMT_LEN];

	for (int k = 0; k < FI_KINDS; k++) {
		const struct fi_cell *v = all ? &all->kind[k]->v : NULL;
		const struct fi_hist *h = v ? &v->lat : NULL;

		line_add(l, looks[k], "%s%s", k ? "  " : "", names[k]);
		line_add(l, LOOK_PLAIN, " %s/s", fmt_count(a, sizeof(a), v ? v->done / s : 0));
		if (!h || !h->n)
			continue;
		if (width >= 100)
			line_add(l, LOOK_PLAIN, " p50 %s",
				 fmt_ns(a, sizeof(a), hist_percentile(h, 0.5)));
		if (width >= 70)
			line_add(l, LOOK_PLAIN, " p99 %s",
				 fmt_ns(b, sizeof(b), hist_percentile(h, 0.99)));
		if (width >= 130)
			line_add(l, LOOK_PLAIN, " max %s", fmt_ns(c, sizeof(c), h->max));
	}
	line_add(l, LOOK_PLAIN, "  %s/s",
		 fmt_bytes(a, sizeof(a), all ? all->kind[FI_END]->v.written / s : 0));
}

/* What was seen since the start. */
static void since_start(struct frame *f, const struct interval *iv)
{
	const struct fi_ledger *g = &iv->d.ledger;
	struct line *l = frame_line(f, LOOK_PLAIN);
	__u64 open = 0, errors = 0;

	for (int k = 0; k < FI_KINDS; k++) {
		open += g->in_flight[k];
		errors += g->errors[k];
	}
	line_add(l, LOOK_PLAIN, "since start: %" PRIu64 " begins, %" PRIu64 " ends (%" PRIu64
		 " sent), %" PRIu64 " ioends, %" PRIu64 " in flight, ",
		 (uint64_t)g->begun[FI_BEGIN], (uint64_t)(g->sent[FI_END] + g->unsent[FI_END]),
		 (uint64_t)g->sent[FI_END], (uint64_t)g->begun[FI_IOEND], (uint64_t)open);
	line_add(l, errors ? LOOK_WARN : LOOK_PLAIN, "%" PRIu64 " errors", (uint64_t)errors);
	line_add(l, LOOK_PLAIN, ", ");
	line_add(l, g->bad_data ? LOOK_WARN : LOOK_PLAIN, "%" PRIu64 " answers refused",
		 (uint64_t)g->bad_data);
}

/* What is not in the numbers, or not where one looks for it. */
static void warnings(struct frame *f, const struct interval *iv)
{
	struct loss losses[LOSSES];
	struct line *l = NULL;

	ledger_losses(losses, &iv->d);
	for (int i = 0; i < LOSSES; i++) {
		if (!losses[i].n)
			continue;
		if (!l)
			l = frame_line(f, LOOK_WARN);
		line_add(l, LOOK_WARN, "%s%" PRIu64 " %s", l->text.len ? ", " : "lost: ",
			 (uint64_t)losses[i].n, losses[i].what);
	}
	if (iv->d.ledger.other)
		line_add(frame_line(f, LOOK_WARN), LOOK_WARN,
			 "table full: %" PRIu64
			 " operations are under (other files) or (other tasks)",
			 (uint64_t)iv->d.ledger.other);
	if (iv->d.upstream)
		line_add(frame_line(f, LOOK_WARN), LOOK_WARN,
			 "a sample: this kernel has no done events, so ends without an upcall are not seen");
}

static void tabs(struct frame *f, const struct top_state *st, int view, int width)
{
	struct line *l = frame_line(f, LOOK_PLAIN);
	bool narrow = width < 76;

	for (int i = 0; i < VIEWS; i++) {
		line_add(l, i == view ? LOOK_TAB : LOOK_KEY, "%s%d", narrow ? "" : " ", i + 1);
		line_add(l, i == view ? LOOK_TAB : LOOK_PLAIN, "%s%.*s ", narrow ? "" : " ",
			 narrow ? width < 56 ? 3 : 5 : 20, views[i].title);
	}
}

/* "mount /x › file a/b › process fio  filter: errors>0  3 of 7 rows" */
static void crumbs(struct frame *f, const struct top_input *in, const struct top_state *st)
{
	struct line *l = frame_line(f, LOOK_PLAIN);
	char name[256];

	for (int i = 1; i <= st->depth; i++) {
		const struct level *level = &st->level[i];
		struct table_input ti = { .iv = in->iv, .catalog = in->catalog };
		struct top_row r = { .in = &ti, .key = level->match.key, .by = level->by };
		int from = st->level[i - 1].view;

		line_add(l, LOOK_PLAIN, "%s", i > 1 ? " › " : "");
		line_add(l, LOOK_DIM, "%s ",
			 level->by == BY_MOUNT ? views[VIEW_MOUNTS].type : views[from].type);
		line_add(l, LOOK_TITLE, "%s", top_row_title(&r, name, sizeof(name)));
	}
	if (!st->depth)
		line_add(l, LOOK_DIM, "%s", views[st->level[0].view].help);
	if (st->filter[0]) {
		line_add(l, LOOK_DIM, "  filter ");
		line_add(l, LOOK_STATE, " %s ", st->filter);
		line_add(l, LOOK_PLAIN, " %zu of %zu", st->table.n, st->table.before_filter);
	} else {
		line_add(l, LOOK_DIM, "  %zu row%s", st->table.n, st->table.n == 1 ? "" : "s");
	}
}

/* ---- below it ------------------------------------------------------------ */

struct hint {
	const char *key;
	const char *text;
};

static void put_hints(struct line *l, const struct hint *hints, int width)
{
	int used = 0;

	for (; hints->key; hints++) {
		int len = text_width(hints->key) + text_width(hints->text) + 3;

		if (used + len > width)
			continue;
		line_add(l, LOOK_KEY, "%s", hints->key);
		line_add(l, LOOK_PLAIN, " %s  ", hints->text);
		used += len;
	}
}

static void key_line(struct frame *f, const struct top_state *st, int width, int height)
{
	static const struct hint table[] = {
		{ "q", "quit" }, { "h", "help" }, { "Enter", "drill down" },
		{ "Tab", "view" }, { "<>", "sort" }, { "f", "filter" }, { "/", "search" },
		{ "d", "details" }, { "p", "pause" }, { "[ ]", "rewind" },
		{ "Esc", "back" }, { "c", "columns" }, { "r", "reverse" }, { "+-", "interval" },
		{ NULL },
	};
	static const struct hint past[] = {
		{ "l", "back to now" }, { "[ ]", "one interval" }, { "{ }", "ten" },
		{ "q", "quit" }, { "h", "help" }, { "Enter", "drill down" }, { "Tab", "view" },
		{ NULL },
	};
	static const struct hint sort[] = {
		{ "Enter", "sort by this" }, { "Esc", "leave" }, { NULL },
	};
	static const struct hint columns[] = {
		{ "Space", "shown, hidden, as there is room" }, { "Enter", "done" }, { NULL },
	};
	static const struct hint help[] = {
		{ "Up Down", "scroll" }, { "any other key", "leave" }, { NULL },
	};
	static const struct hint *const hints[] = {
		[MODE_TABLE] = table, [MODE_HELP] = help, [MODE_SORT] = sort,
		[MODE_COLUMNS] = columns,
	};
	struct line *l;

	while ((int)f->n < height - 1)
		frame_line(f, LOOK_PLAIN);
	f->n = height - 1;
	l = frame_line(f, LOOK_PLAIN);
	if (st->message[0])
		line_add(l, LOOK_WARN, "%s", st->message);
	else if (st->mode == MODE_SEARCH)
		line_add(l, LOOK_TITLE, "search: %s_", st->prompt);
	else if (st->mode == MODE_FILTER)
		line_add(l, LOOK_TITLE, "filter: %s_", st->prompt);
	else
		put_hints(l, st->mode == MODE_TABLE && st->seq ? past : hints[st->mode], width);
}

/* ---- help and menus ------------------------------------------------------ */

static void help(struct frame *f, struct top_state *st, int view, int width, int room)
{
	bool two = width >= 120;
	int lines = (int)nr_top_keys + 3, first, col;
	struct frame all = { 0 };
	size_t n, half = two ? (nr_top_keys + 1) / 2 : nr_top_keys;
	const struct column *c = view_columns(view, &n);

	line_add(frame_line(&all, LOOK_TITLE), LOOK_TITLE, "Keys");
	for (size_t i = 0; i < half; i++) {
		struct line *l = frame_line(&all, LOOK_PLAIN);

		for (size_t k = i; k < nr_top_keys; k += half) {
			col = text_width(l->text.s);
			if (k != i)
				line_add(l, LOOK_PLAIN, "%*s", 64 - col, "");
			line_add(l, LOOK_KEY, "  %-13s", top_keys[k].name);
			line_add(l, LOOK_PLAIN, " %s", top_keys[k].help);
		}
	}
	frame_line(&all, LOOK_PLAIN);
	line_add(frame_line(&all, LOOK_TITLE), LOOK_TITLE, "Columns of %s", views[view].name);
	for (size_t i = 0; i < n; i++) {
		struct line *l = frame_line(&all, LOOK_PLAIN);

		line_add(l, LOOK_KEY, "  %-13s", c[i].head);
		line_add(l, LOOK_PLAIN, " %s", c[i].help);
		line_add(l, LOOK_DIM, "  (%s)", c[i].name);
	}
	lines = all.n;
	if (st->menu > lines - room)
		st->menu = lines > room ? lines - room : 0;
	first = st->menu;
	for (int i = first; i < lines && i < first + room; i++) {
		struct line *l = frame_line(f, all.line[i].look);

		text_add(&l->text, all.line[i].text.s, all.line[i].text.len);
		for (size_t k = 0; k < all.line[i].nr_spans; k++)
			line_span(l, all.line[i].span[k].col, all.line[i].span[k].len,
				  all.line[i].span[k].look);
	}
	frame_free(&all);
}

static void menu(struct frame *f, struct top_state *st, const struct layout *lay, int view,
		 int room)
{
	static const char *const marks[] = {
		[CHOICE_AUTO] = "[~]", [CHOICE_SHOWN] = "[x]", [CHOICE_HIDDEN] = "[ ]",
	};
	size_t n;
	const struct column *c = view_columns(view, &n);
	int first;

	line_add(frame_line(f, LOOK_HEAD), LOOK_HEAD, "%s",
		 st->mode == MODE_SORT ? "SORT BY" :
		 "COLUMNS: [x] shown, [ ] hidden, [~] as there is room");
	room--;
	first = st->menu >= room ? st->menu - room + 1 : 0;
	for (int i = first; i < (int)n && i < first + room; i++) {
		struct line *l = frame_line(f, i == st->menu ? LOOK_CHOSEN : LOOK_PLAIN);
		bool now = st->mode == MODE_SORT ? i == st->order[view].column : lay->width[i];

		line_add(l, l->look, " %s %c %-9s %-17s %s",
			 st->mode == MODE_SORT ? "" : i ? marks[st->choice[view][i]] : "[x]",
			 now ? '*' : ' ', c[i].head, c[i].name, c[i].help);
	}
}

/* ---- the table ----------------------------------------------------------- */

static const struct interval *top_shown(const struct top_input *in, struct top_state *st)
{
	__u64 first = history_first(in->history), last = history_last(in->history);

	/* What was looked at may have been dropped meanwhile. */
	if (st->seq && st->seq < first) {
		st->seq = first;
		st->stale = true;
	}
	if (!st->seq || !last || st->seq > last)
		return in->iv;
	if (st->past.seq != st->seq && !history_get(in->history, st->seq, &st->past))
		return in->iv;
	return &st->past;
}

static void make_table(struct top_state *st)
{
	static const struct snapshot none;
	struct level *l = top_level(st);
	struct filter filter = { 0 };
	char why[100], name[256];

	/* A filter of another view may speak of columns that this one lacks. */
	if (filter_parse(&filter, l->view, st->filter, why, sizeof(why))) {
		snprintf(st->message, sizeof(st->message), "not filtered: %s", why);
		filter.n = 0;
	}
	table_make(&st->table, l->view, &l->match, &st->shown, &filter, &st->order[l->view],
		   interval_s(st->shown.iv));
	rows_make(&st->total, 0, NULL, &st->shown.iv->d, &none, false);
	if (!st->name_width[l->view])
		st->name_width[l->view] = strlen(views[l->view].head);
	for (size_t i = 0; i < st->table.n && i < 200; i++) {
		int width = text_width(top_row_name(&st->table.row[i], name, sizeof(name)));

		if (width > st->name_width[l->view])
			st->name_width[l->view] = width;
	}
	st->stale = false;
}

/* The chosen row, wherever it went. */
static void follow(struct top_state *st)
{
	struct level *l = top_level(st);

	for (size_t i = 0; l->follow && i < st->table.n; i++)
		if (!cell_key_cmp(&st->table.row[i].key, &l->key)) {
			l->chosen = i;
			break;
		}
	if (l->chosen >= (int)st->table.n)
		l->chosen = (int)st->table.n - 1;
	if (l->chosen < 0)
		l->chosen = 0;
}

static void find(struct top_state *st)
{
	struct level *l = top_level(st);
	int n = st->table.n, from = st->find_here ? 0 : st->find;
	char name[256];

	for (int i = 0; st->find && i < n; i++) {
		int at = ((l->chosen + from + st->find * i) % n + n) % n;

		top_row_name(&st->table.row[at], name, sizeof(name));
		if (!strcasestr(name, st->search))
			continue;
		l->chosen = at;
		l->key = st->table.row[at].key;
		l->follow = true;
		st->find = 0;
	}
	if (st->find)
		snprintf(st->message, sizeof(st->message), "no row has '%.100s'", st->search);
	st->find = 0;
	st->find_here = false;
}

/* Keeps the chosen row on the screen. */
static void scroll(struct level *l, int rows, int room)
{
	if (l->first > l->chosen)
		l->first = l->chosen;
	if (l->first < l->chosen - room + 1)
		l->first = l->chosen - room + 1;
	if (l->first > rows - room)
		l->first = rows > room ? rows - room : 0;
}

static void table_lines(struct frame *f, struct top_state *st, const struct layout *lay,
			const struct interval *iv, int room)
{
	struct level *l = top_level(st);

	st->page = room;
	scroll(l, st->table.n, room);
	table_head(f, lay, st, l->view);
	for (int i = l->first; i < (int)st->table.n && i < l->first + room; i++)
		table_row(f, lay, &st->table.row[i], l->view, interval_s(iv), i == l->chosen);
	if (st->table.n || room < 1)
		return;
	line_add(frame_line(f, LOOK_DIM), LOOK_DIM, "%s",
		 st->filter[0] && st->table.before_filter ? "(the filter leaves none)" :
		 st->depth || l->view == VIEW_SERVERS ? "(nothing in this interval)" :
		 "(no fuse-iomap operation in this interval)");
}

/* ---- the frame ----------------------------------------------------------- */

#define DETAIL_LEAST	9
#define DETAIL_MOST	36
#define ROWS_LEAST	3

/* How many lines the detail pane gets of `room`, which has no head of the table. */
static int detail_height(const struct top_state *st, int room)
{
	int rows = (int)st->table.n < room / 2 ? (int)st->table.n : room / 2;

	if (st->detail == CHOICE_HIDDEN || !st->table.n ||
	    (st->detail == CHOICE_AUTO && room < DETAIL_LEAST + 2 * ROWS_LEAST))
		return 0;
	if (rows > room - DETAIL_LEAST - 1)
		rows = room - DETAIL_LEAST - 1;
	/* On a small screen what was asked for goes before the other rows. */
	if (rows < ROWS_LEAST)
		rows = room - DETAIL_LEAST - 1 < ROWS_LEAST ? 1 : ROWS_LEAST;
	return room - rows - 1 < DETAIL_MOST ? room - rows - 1 : DETAIL_MOST;
}

static void body(struct frame *f, const struct top_input *in, struct top_state *st,
		 const struct interval *iv, int width, int room)
{
	int view = top_level(st)->view, detail, end = (int)f->n + room;
	struct layout lay;

	layout_make(&lay, st, view, width);
	st->detail_shown = false;
	if (room < 1)
		return;
	if (st->mode == MODE_HELP) {
		help(f, st, view, width, room);
		return;
	}
	if (st->mode == MODE_SORT || st->mode == MODE_COLUMNS) {
		menu(f, st, &lay, view, room);
		return;
	}
	detail = detail_height(st, room - 1);
	st->detail_shown = detail > 0;
	table_lines(f, st, &lay, iv, room - 1 - detail);
	if (!detail)
		return;
	while ((int)f->n < end - detail)
		frame_line(f, LOOK_PLAIN);
	detail_make(f, in, st, &st->table.row[top_level(st)->chosen], width, detail);
	/* What does not fit must not push the line of the keys off the screen. */
	if ((int)f->n > end)
		f->n = end;
}

void top_refresh(const struct top_input *in, struct top_state *st)
{
	const struct interval *iv = top_shown(in, st);

	st->shown = (struct table_input){ iv, in->catalog, in->dev, in->nr_dev };
	if (st->stale)
		make_table(st);
	follow(st);
}

void frame_make(struct frame *f, const struct top_input *in, struct top_state *st,
		int width, int height)
{
	const struct interval *iv;

	f->n = 0;
	if (height < 1 || width < 1)
		return;
	top_refresh(in, st);
	iv = st->shown.iv;
	find(st);
	title(f, in, st, iv);
	if (height >= 12)
		totals(f, st, width);
	if (height >= 20)
		since_start(f, iv);
	warnings(f, iv);
	if (height >= 20)
		frame_line(f, LOOK_PLAIN);
	tabs(f, st, top_level(st)->view, width);
	if (height >= 14 || st->depth || st->filter[0])
		crumbs(f, in, st);
	body(f, in, st, iv, width, height - 1 - (int)f->n);
	key_line(f, st, width, height);
	for (size_t i = 0; i < f->n; i++)
		line_clip(&f->line[i], width);
}
