// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "flight.h"
#include "fuseiomap_count.h"
#include "names.h"
#include "recfile.h"
#include "recorder.h"
#include "version.h"

/* Whoever is killed loses at most this, if ticks come as often. */
#define FLUSH_NS	1000000000ULL

/* The description of the file is repeated, in case that its beginning is damaged. */
#define HEAD_EVERY	64

/* Bounds for a flight recorder for which only the other one is given. */
#define KEEP_BYTES	(64UL << 20)
#define HOLD_NS		10000000000ULL

#define WHY_LEN		128

struct recorder {
	const struct opts *o;
	char *path;
	struct source_info info;
	struct fi_settings settings;
	struct catalog *catalog;
	struct rec_items items;
	struct rec_file file;
	__u64 flushed_ns;
	__u64 last_tick_ns;
	int code;		/* exit code of what went wrong */
	/* flight recorder */
	bool is_flight;
	struct flight flight;
	char why[WHY_LEN];	/* what triggered; "": nothing has */
	__u64 due_ns;		/* when to save then */
	__u64 hold_ns;		/* triggers before that are not heard */
	__u64 unheard;
	unsigned int saved;
};

/* ---- what the file is ----------------------------------------------------- */

/* One line each: what would end the line is escaped. */
static void add_info(struct text *t, const char *key, const char *value)
{
	text_printf(t, "%s=", key);
	for (; *value; value++) {
		if (*value == '\n')
			text_add(t, "\\n", 2);
		else if (*value == '\\')
			text_add(t, "\\\\", 2);
		else
			text_add(t, value, 1);
	}
	text_add(t, "\n", 1);
}

static void add_number(struct text *t, const char *key, __u64 v)
{
	text_printf(t, "%s=%" PRIu64 "\n", key, (uint64_t)v);
}

static void add_command(struct text *t, char *const *command)
{
	struct text line = { 0 };

	for (; command && *command; command++)
		text_printf(&line, "%s%s", line.len ? " " : "", *command);
	if (line.len)
		add_info(t, "command", line.s);
	text_free(&line);
}

/* start_ns: where the numbers begin, which is later than the run for a flight recorder. */
static void info_text(const struct recorder *r, struct text *t, __u64 start_ns)
{
	const struct source_info *i = &r->info;

	add_info(t, "tool", "fuseiomap " FUSEIOMAP_VERSION);
	add_info(t, "backend", i->backend);
	add_info(t, "kernel", i->kernel);
	add_info(t, "host", i->host);
	add_number(t, "start_ns", start_ns);
	if (i->start_wall_ns)
		add_number(t, "start_wall_ns", i->start_wall_ns + start_ns - i->start_ns);
	add_number(t, "upstream", i->upstream);
	add_number(t, "splits", i->splits);
	add_command(t, r->o->command);
	if (r->why[0])
		add_info(t, "trigger", r->why);
}

static void write_head(const struct recorder *r, struct rec_file *f, __u64 start_ns)
{
	struct rec_items items = { 0 };
	struct text t = { 0 };
	struct rec_block *b;

	rec_schema_text(&t);
	rec_add(&items, REC_SCHEMA, t.s, t.len);
	text_clear(&t);
	info_text(r, &t, start_ns);
	rec_add(&items, REC_INFO, t.s, t.len);
	rec_add(&items, REC_SETTINGS, &r->settings, sizeof(r->settings));
	b = rec_pack(&items);
	rec_write(f, b);
	free(b);
	text_free(&t);
	rec_items_free(&items);
}

static void write_end(struct rec_file *f)
{
	struct rec_end end = { .records = f->records };
	struct rec_items items = { 0 };
	struct rec_block *b;

	rec_add(&items, REC_END, &end, sizeof(end));
	b = rec_pack(&items);
	rec_write(f, b);
	free(b);
	rec_items_free(&items);
}

static void write_items(struct rec_file *f, struct rec_items *items)
{
	struct rec_block *b;

	if (!items->len)
		return;
	b = rec_pack(items);
	rec_write(f, b);
	free(b);
}

static int file_failed(struct recorder *r, const struct rec_file *f)
{
	r->code = complain(FI_FAILED, "cannot write '%s': %s", f->path, strerror(f->error));
	return r->code;
}

static void say_saved(const struct recorder *r, const struct rec_file *f, const char *more)
{
	char size[FMT_LEN], each[FMT_LEN];

	if (r->o->quiet)
		return;
	fprintf(stderr, "saved '%s': %" PRIu64 " records, %s", f->path, (uint64_t)f->records,
		fmt_bytes(size, sizeof(size), f->bytes));
	if (f->records)
		fprintf(stderr, ", %s bytes each",
			fmt_count(each, sizeof(each), (double)f->bytes / f->records));
	fprintf(stderr, "%s\n", more);
}

/* ---- a flight recorder saves ---------------------------------------------- */

/* Nothing that was saved is overwritten, also not what an earlier run saved. */
static int create_next(struct rec_file *f, const char *path, struct text *name)
{
	int err = -EEXIST;

	for (unsigned int i = 0; err == -EEXIST; i++) {
		text_clear(name);
		text_printf(name, i ? "%s.%u" : "%s", path, i);
		err = rec_create(f, name->s, true);
	}
	return err;
}

struct save {
	struct rec_file *file;
	struct rec_items items;
};

static void save_entry(void *ctx, enum catalog_kind kind, const void *entry)
{
	struct save *s = ctx;

	rec_add_entry(&s->items, kind, entry);
	if (s->items.len >= REC_BLOCK)
		write_items(s->file, &s->items);
}

static void write_kept(struct recorder *r, struct rec_file *file)
{
	const struct flight *f = &r->flight;
	struct save s = { .file = file };

	write_head(r, file, f->base.time_ns ? f->base.time_ns : r->info.start_ns);
	if (f->base.time_ns)
		rec_add_tick(&s.items, &f->base, REC_TICK_BASE);
	catalog_listen(r->catalog, save_entry, &s);
	catalog_listen(r->catalog, NULL, NULL);
	write_items(file, &s.items);
	rec_items_free(&s.items);
	/* A reader sees from the next block that these are missing. */
	file->records += f->dropped;
	for (const struct kept *k = f->first; k; k = k->next)
		rec_write(file, k->block);
	write_end(file);
	file->records -= f->dropped;
}

static void save(struct recorder *r)
{
	struct flight *f = &r->flight;
	__u64 from_ns = f->base.time_ns ? f->base.time_ns : r->info.start_ns;
	struct text name = { 0 };
	struct rec_file file;
	char more[WHY_LEN + 64], span[FMT_LEN];
	int err = create_next(&file, r->path, &name);

	if (err) {
		r->code = err;
	} else {
		write_kept(r, &file);
		snprintf(more, sizeof(more), ", %s up to now: %s",
			 fmt_ns(span, sizeof(span), r->last_tick_ns - from_ns), r->why);
		if (rec_finish(&file))
			file_failed(r, &file);
		else
			say_saved(r, &file, more);
		r->saved++;
	}
	text_free(&name);
	flight_clear(f);
	r->why[0] = '\0';
	/* What goes on for long shall not fill the disk with files that say the same. */
	r->hold_ns = r->last_tick_ns + (f->keep_ns ? f->keep_ns : HOLD_NS);
}

static void trigger(struct recorder *r, const struct fi_record *rec, const char *what)
{
	char lat[FMT_LEN];

	if (r->why[0] || rec->time_ns < r->hold_ns) {
		r->unheard++;
		return;
	}
	snprintf(r->why, sizeof(r->why), "%s: %s of %s, %s, pid %u (%.*s)", what,
		 kind_name[rec->kind], op_name[rec->op],
		 fmt_ns(lat, sizeof(lat), rec->lat_ns), rec->pid, FI_COMM_LEN, rec->comm);
	r->due_ns = rec->time_ns + r->o->after_ns;
	if (!r->o->quiet)
		fprintf(stderr, "triggered by %s\n", r->why);
}

static void check_triggers(struct recorder *r, const struct fi_record *rec)
{
	__u32 on = r->o->on;

	if ((on & ON_REFUSED) && rec->kind == FI_REFUSED)
		trigger(r, rec, "refused");
	else if ((on & ON_ERROR) && rec->error)
		trigger(r, rec, "error");
	else if ((on & ON_SHORT) && fi_is_short(rec->kind, rec->opflags, rec->written, rec->count))
		trigger(r, rec, "short");
	else if ((on & ON_LATENCY) && (rec->flags & FI_F_TIMED) &&
		 rec->lat_ns > r->o->on_latency_ns)
		trigger(r, rec, "latency");
}

void recorder_trigger(struct recorder *r, const char *why)
{
	if (!r->is_flight)
		return;
	if (!r->why[0])
		snprintf(r->why, sizeof(r->why), "%s", why);
	save(r);
}

/* ---- being fed ------------------------------------------------------------ */

static void flush(struct recorder *r)
{
	if (!r->items.len)
		return;
	if (r->is_flight) {
		flight_keep(&r->flight, rec_pack(&r->items), NULL);
		return;
	}
	write_items(&r->file, &r->items);
	if (r->file.seq % HEAD_EVERY == 0)
		write_head(r, &r->file, r->info.start_ns);
}

void recorder_record(struct recorder *r, const struct fi_record *rec)
{
	rec_add(&r->items, REC_RECORD, rec, sizeof(*rec));
	if (r->items.len >= REC_BLOCK)
		flush(r);
	if (r->is_flight && r->o->on)
		check_triggers(r, rec);
}

static void on_entry(void *ctx, enum catalog_kind kind, const void *entry)
{
	struct recorder *r = ctx;

	rec_add_entry(&r->items, kind, entry);
	if (r->items.len >= REC_BLOCK)
		flush(r);
}

void recorder_tick(struct recorder *r, const struct snapshot *s, enum tick_reason why)
{
	rec_add_tick(&r->items, s, why);
	r->last_tick_ns = s->time_ns;
	if (r->is_flight) {
		flight_keep(&r->flight, rec_pack(&r->items), s);
		if (r->why[0] && s->time_ns >= r->due_ns)
			save(r);
	} else if (s->time_ns - r->flushed_ns >= FLUSH_NS) {
		flush(r);
		r->flushed_ns = s->time_ns;
	}
}

int recorder_error(const struct recorder *r)
{
	return r->file.error;
}

/* ---- open and close ------------------------------------------------------- */

static int open_file(struct recorder *r)
{
	int err = rec_create(&r->file, r->path, false);

	if (err)
		return err;
	write_head(r, &r->file, r->info.start_ns);
	return r->file.error ? file_failed(r, &r->file) : 0;
}

static void open_flight(struct recorder *r)
{
	r->is_flight = true;
	r->flight.keep_ns = r->o->keep_ns;
	r->flight.keep_bytes = r->o->keep_bytes ? r->o->keep_bytes : KEEP_BYTES;
}

int recorder_open(struct recorder **rp, const char *path, const struct opts *o,
		  const struct source_info *info, const struct fi_settings *settings,
		  struct catalog *catalog)
{
	struct recorder *r = xcalloc(1, sizeof(*r));
	int err = 0;

	r->o = o;
	r->path = strdup(path);
	r->info = *info;
	r->settings = *settings;
	r->catalog = catalog;
	r->file.fd = -1;
	r->flushed_ns = info->start_ns;
	if (o->keep_ns || o->keep_bytes)
		open_flight(r);
	else
		err = open_file(r);
	if (err) {
		free(r->path);
		free(r);
		return err;
	}
	if (!r->is_flight)
		catalog_listen(catalog, on_entry, r);
	*rp = r;
	return 0;
}

static void close_flight(struct recorder *r)
{
	/* The run is over, so nothing comes after what triggered. */
	if (r->why[0])
		save(r);
	if (r->o->quiet)
		return;
	if (!r->saved)
		fputs("nothing was saved: nothing triggered\n", stderr);
	if (r->unheard)
		fprintf(stderr, "%" PRIu64 " more triggers came while one was being dealt with\n",
			(uint64_t)r->unheard);
}

static void close_file(struct recorder *r)
{
	catalog_listen(r->catalog, NULL, NULL);
	write_items(&r->file, &r->items);
	write_end(&r->file);
	if (rec_finish(&r->file))
		file_failed(r, &r->file);
	else
		say_saved(r, &r->file, "");
}

int recorder_close(struct recorder *r)
{
	int code;

	if (!r)
		return 0;
	if (r->is_flight)
		close_flight(r);
	else
		close_file(r);
	code = r->code;
	flight_free(&r->flight);
	rec_items_free(&r->items);
	free(r->path);
	free(r);
	return code;
}
