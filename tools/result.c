// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "hist.h"
#include "ledger.h"
#include "names.h"
#include "result.h"
#include "session.h"
#include "version.h"

static struct result *result_add(struct results *list, const char *file)
{
	struct result *r = xcalloc(1, sizeof(*r));

	r->file = xrealloc(NULL, strlen(file) + 1);
	strcpy(r->file, file);
	list->run = xrealloc(list->run, (list->n + 1) * sizeof(*list->run));
	list->run[list->n++] = r;
	return r;
}

void results_free(struct results *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->run[i]->file);
		free(list->run[i]);
	}
	free(list->run);
	*list = (struct results){ 0 };
}

/* ---- lines of hist -j ---------------------------------------------------- */

struct reader {
	struct results *list;
	const char *name;
	unsigned int line;
	size_t first;		/* of this file in the list */
	struct result *r;	/* the window we are in */
	bool header;
	bool end;
	bool complete;
};

static int bad(const struct reader *rd, const char *what, const char *detail)
{
	return complain(FI_FAILED, "'%s', line %u: %s%s", rd->name, rd->line, what, detail);
}

static int get_u64(const struct reader *rd, json_t *o, const char *key, __u64 *v)
{
	json_t *n = json_object_get(o, key);

	if (!json_is_number(n) || json_number_value(n) < 0 || json_number_value(n) > 0x1p63)
		return bad(rd, "there should be a number called ", key);
	*v = json_is_integer(n) ? (__u64)json_integer_value(n) : (__u64)json_real_value(n);
	return 0;
}

/* The index of a name; -1: not there, -2: unknown. */
static int get_name(json_t *o, const char *key, const char *const *names, size_t n)
{
	const char *s = json_string_value(json_object_get(o, key));
	int i;

	if (!s)
		return -1;
	i = name_index(names, n, s, strlen(s));
	return i < 0 ? -2 : i;
}

/* The cell of a line by its kind and op; sums if it comes more than once. */
static int get_cell(struct reader *rd, json_t *o, struct fi_cell **c)
{
	int kind = get_name(o, "kind", kind_name, FI_KINDS);
	int op = get_name(o, "op", op_name, FI_OPS);

	if (!rd->r)
		return bad(rd, "numbers come before the window that they are of", "");
	if (op == -1)
		return bad(rd, "operations are not told apart; measure with --by op", "");
	if (kind < 0 || op < 0)
		return bad(rd, "an event or an operation that this version does not know", "");
	*c = &rd->r->op[kind][op];
	return 0;
}

static int read_header(struct reader *rd, json_t *o)
{
	const char *schema = json_string_value(json_object_get(o, "schema"));
	const char *command = json_string_value(json_object_get(o, "command"));
	json_int_t version = json_integer_value(json_object_get(o, "version"));

	if (!schema || strcmp(schema, "fuseiomap"))
		return complain(FI_FAILED, "'%s' was not written by fuseiomap", rd->name);
	if (version != FUSEIOMAP_SCHEMA)
		return complain(FI_FAILED, "'%s' has version %lld of the schema, and this reads version %d: compare with the fuseiomap that wrote it",
				rd->name, (long long)version, FUSEIOMAP_SCHEMA);
	if (!command || strcmp(command, "hist"))
		return complain(FI_FAILED, "'%s' comes from `fuseiomap %s'; diff compares what `fuseiomap hist -j' writes, or recordings",
				rd->name, command ? command : "?");
	rd->header = true;
	return 0;
}

static int read_window(struct reader *rd, json_t *o)
{
	__u64 from, to, nr;

	if (get_u64(rd, o, "from_ns", &from) || get_u64(rd, o, "to_ns", &to) ||
	    get_u64(rd, o, "window", &nr))
		return FI_FAILED;
	rd->r = result_add(rd->list, rd->name);
	rd->r->window = nr;
	rd->r->duration_ns = to > from ? to - from : 0;
	rd->r->upstream = json_is_true(json_object_get(o, "upcalls_only"));
	return 0;
}

#define COUNTER(name, member) { name, offsetof(struct fi_cell, member) }

static int read_counts(struct reader *rd, json_t *o)
{
	static const struct {
		const char *name;
		size_t offset;
	} counters[] = {
		COUNTER("done", done), COUNTER("sent", sent), COUNTER("errors", errors),
		COUNTER("bytes", bytes), COUNTER("written", written),
		COUNTER("short", shorts), COUNTER("missing", missing), COUNTER("split", split),
	};
	json_t *phases = json_object_get(o, "phase_ns");
	json_t *types = json_object_get(o, "used_types");
	struct fi_cell *c;
	__u64 v;

	if (get_cell(rd, o, &c))
		return FI_FAILED;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		/* Not all of them are there for each kind. */
		if (i && !json_object_get(o, counters[i].name))
			continue;
		if (get_u64(rd, o, counters[i].name, &v))
			return FI_FAILED;
		*(__u64 *)((char *)c + counters[i].offset) += v;
	}
	for (int i = 0; i < FI_PHASES; i++)
		c->phase_ns[i] += json_integer_value(json_object_get(phases, phase_name[i]));
	for (int i = 0; i < FI_TYPES; i++)
		c->used_type[i] += json_integer_value(json_object_get(types, type_name[i]));
	return 0;
}

static int read_bucket(struct reader *rd, json_t *o, struct fi_hist *h, __u64 *sum)
{
	__u64 lo, hi, n;
	__u32 bin;

	if (get_u64(rd, o, "lo", &lo) || get_u64(rd, o, "hi", &hi) || get_u64(rd, o, "n", &n))
		return FI_FAILED;
	bin = fi_bin(lo);
	if (fi_bin_lo(bin) != lo || fi_bin_hi(bin) != hi)
		return bad(rd, "these are not the bins of this version", "");
	if (bin < fi_bin(~h->min_inv) || bin > fi_bin(h->max))
		return bad(rd, "a bucket is below min or above max", "");
	h->slot[bin] += n;
	*sum += n;
	return 0;
}

static int read_hist(struct reader *rd, json_t *o)
{
	const char *what = json_string_value(json_object_get(o, "what"));
	struct fi_hist h = { 0 };
	struct fi_cell *c;
	__u64 min, sum = 0;
	json_t *b;
	size_t i;

	if (!what || strcmp(what, "latency"))
		return 0;
	if (get_cell(rd, o, &c) || get_u64(rd, o, "n", &h.n) || get_u64(rd, o, "sum", &h.sum) ||
	    get_u64(rd, o, "min", &min) || get_u64(rd, o, "max", &h.max))
		return FI_FAILED;
	h.min_inv = ~min;
	json_array_foreach(json_object_get(o, "buckets"), i, b)
		if (read_bucket(rd, b, &h, &sum))
			return FI_FAILED;
	if (sum != h.n)
		return bad(rd, "the buckets do not add up to n", "");
	hist_merge(&c->lat, &h);
	return 0;
}

static int read_end(struct reader *rd, json_t *o)
{
	rd->end = true;
	rd->complete = json_is_true(json_object_get(o, "complete"));
	return 0;
}

static int read_line(struct reader *rd, json_t *o)
{
	static const struct {
		const char *type;
		int (*read)(struct reader *rd, json_t *o);
	} types[] = {
		{ "window", read_window }, { "counts", read_counts }, { "hist", read_hist },
		{ "end", read_end },
	};
	const char *type = json_string_value(json_object_get(o, "type"));

	if (!type)
		return bad(rd, "not a record of fuseiomap", "");
	if (!rd->header)
		return strcmp(type, "header") ?
		       complain(FI_FAILED, "'%s' does not start with a header of fuseiomap",
				rd->name) : read_header(rd, o);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(type, types[i].type))
			return types[i].read(rd, o);
	return 0;
}

/* Lengths of mappings go up to 2^63, which is too much for jansson's integers. */
static json_t *load_line(const char *line, size_t len, json_error_t *why)
{
	json_t *o = json_loadb(line, len, 0, why);

	return o || json_error_code(why) != json_error_numeric_overflow ? o :
	       json_loadb(line, len, JSON_DECODE_INT_AS_REAL, why);
}

static int read_lines(struct reader *rd, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	json_error_t why;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &size, f)) >= 0) {
		json_t *o = load_line(line, len, &why);

		rd->line++;
		if (!o)
			err = bad(rd, "not JSON: ", why.text);
		else
			err = read_line(rd, o);
		json_decref(o);
	}
	free(line);
	return err;
}

int results_parse(struct results *list, FILE *f, const char *name)
{
	struct reader rd = { .list = list, .name = name, .first = list->n };
	int err = read_lines(&rd, f);

	if (err)
		return err;
	if (ferror(f))
		return complain(FI_FAILED, "cannot read '%s': %s", name, strerror(errno));
	if (list->n == rd.first)
		return complain(FI_FAILED, "'%s' has no window: nothing was measured", name);
	for (size_t i = rd.first; i < list->n; i++) {
		list->run[i]->complete = rd.end && rd.complete;
		list->run[i]->cut = !rd.end;
	}
	return 0;
}

/* ---- recordings ---------------------------------------------------------- */

static void take_rows(struct result *r, const struct snapshot *last)
{
	static const struct snapshot none;
	struct rows rows = { 0 };

	rows_make(&rows, BY_OP, NULL, last, &none, false);
	for (size_t i = 0; i < rows.n; i++)
		for (int k = 0; k < FI_KINDS; k++)
			r->op[k][rows.row[i].key.op] = rows.row[i].kind[k]->v;
	rows_free(&rows);
}

/* Replays it, and takes all of it as one run. */
static int load_recording(struct results *list, const char *path, const struct opts *o)
{
	struct source_config config = { .settings = { .cells = 1 } };
	struct snapshot last = { 0 };
	struct opts replay;
	struct session s;
	struct result *r;
	int err;

	opts_init(&replay);
	replay.input = path;
	replay.quiet = true;
	replay.verbose = o->verbose;
	err = session_open(&s, "diff", &replay, &config);
	if (err)
		return err;
	while (session_wait(&s) != ON_STOP)
		;
	err = session_stop(&s, &last);
	if (err)
		return err;
	r = result_add(list, path);
	r->window = 1;
	r->complete = ledger_complete(&last);
	r->upstream = last.upstream;
	r->duration_ns = s.stop_ns - s.start_ns;
	take_rows(r, &last);
	err = session_close(&s, &last);
	snapshot_free(&last);
	return err;
}

/* ---- files and directories ----------------------------------------------- */

static int load_file(struct results *list, const char *path, const struct opts *o)
{
	FILE *f = fopen(path, "re");
	int c, err;

	if (!f)
		return complain(FI_FAILED, "cannot read '%s': %s", path, strerror(errno));
	c = getc(f);
	if (c == EOF) {
		err = complain(FI_FAILED, ferror(f) ? "cannot read '%s'" : "'%s' is empty", path);
	} else if (c == '{') {
		ungetc(c, f);
		err = results_parse(list, f, path);
	} else {
		fclose(f);
		return load_recording(list, path, o);
	}
	fclose(f);
	return err;
}

static int is_result(const struct dirent *d)
{
	static const char *const suffixes[] = { ".json", ".jsonl", ".fiomap", ".dat" };
	size_t len = strlen(d->d_name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i]);

		if (d->d_name[0] != '.' && len > n && !strcmp(d->d_name + len - n, suffixes[i]))
			return 1;
	}
	return 0;
}

static int load_directory(struct results *list, const char *path, const struct opts *o)
{
	struct dirent **names;
	struct text file = { 0 };
	int n = scandir(path, &names, is_result, alphasort), err = 0;

	if (n < 0)
		return complain(FI_FAILED, "cannot read '%s': %s", path, strerror(errno));
	if (!n)
		err = complain(FI_FAILED, "no results in '%s' (*.json, *.jsonl, *.fiomap, *.dat)",
			       path);
	for (int i = 0; i < n; i++) {
		text_clear(&file);
		text_printf(&file, "%s/%s", path, names[i]->d_name);
		if (!err)
			err = load_file(list, file.s, o);
		free(names[i]);
	}
	text_free(&file);
	free(names);
	return err;
}

int results_load(struct results *list, const char *path, const struct opts *o)
{
	struct stat st;

	if (stat(path, &st))
		return complain(FI_FAILED, "cannot read '%s': %s", path, strerror(errno));
	return S_ISDIR(st.st_mode) ? load_directory(list, path, o) : load_file(list, path, o);
}
