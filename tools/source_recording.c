// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as a source. Whatever is in the file, damage costs only the blocks
 * that it hit: what is missing is counted, and told by notes().
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "error.h"
#include "opts.h"
#include "recorder.h"
#include "recording.h"
#include "source.h"
#include "tally.h"

#define READ_SIZE	(256U << 10)

/* The file; pipes are fine, so it only goes forward. */
struct input {
	int fd;
	unsigned char *buf;
	size_t size;
	size_t len;
	size_t pos;
	bool eof;
};

struct recording {
	struct source src;
	struct input in;
	ZSTD_DCtx *dctx;
	struct rec_schema schema;
	bool described;		/* schema and info are known */
	/* the block: items from `pos` on are still to come */
	unsigned char *raw;
	size_t raw_size;
	size_t raw_len;
	size_t pos;
	/* the item that is being read */
	enum rec_type type;
	const unsigned char *item;
	size_t left;
	/* where we are */
	__u64 now_ns;
	struct snapshot pending;	/* of the next tick */
	bool has_ledger;
	struct snapshot state;		/* as of the last tick */
	struct snapshot base;		/* what was counted before the recording begins */
	bool over;
	/* what is missing */
	__u32 next_seq;
	__u64 records_seen;	/* up to here, with those that are missing */
	__u64 records_known;	/* that the file has had, from headers of damaged blocks */
	__u64 gaps;
	__u64 lost;		/* records */
	__u64 skipped;		/* bytes */
	__u64 unknown;		/* records of an operation that we do not know */
	bool in_gap;
	bool ended;		/* there was an end item */
	bool filtered;
	struct fi_settings recorded;	/* the filters it was recorded with */
};

/* ---- blocks --------------------------------------------------------------- */

/* Whether there are n bytes from in->pos on. */
static bool fill(struct input *in, size_t n)
{
	while (in->len - in->pos < n && !in->eof) {
		ssize_t got;

		if (in->pos)
			memmove(in->buf, in->buf + in->pos, in->len - in->pos);
		in->len -= in->pos;
		in->pos = 0;
		if (in->size < n + READ_SIZE) {
			in->size = n + READ_SIZE;
			in->buf = xrealloc(in->buf, in->size);
		}
		got = read(in->fd, in->buf + in->len, in->size - in->len);
		if (got < 0 && errno == EINTR)
			continue;
		in->eof = got <= 0;
		in->len += got > 0 ? got : 0;
	}
	return in->len - in->pos >= n;
}

static void skip(struct recording *r, size_t n)
{
	r->in.pos += n;
	r->skipped += n;
	r->in_gap = true;
}

/* To what may be the next block, at least one byte further. */
static void resync(struct recording *r)
{
	const __u64 magic = REC_BLOCK_MAGIC;
	struct input *in = &r->in;
	unsigned char *from, *found;
	size_t n;

	if (in->len > in->pos)
		skip(r, 1);
	while (fill(in, sizeof(magic))) {
		from = in->buf + in->pos;
		n = in->len - in->pos;
		found = memmem(from, n, &magic, sizeof(magic));
		if (found != from)
			skip(r, found ? (size_t)(found - from) : n - sizeof(magic) + 1);
		if (found)
			return;
	}
	if (in->len > in->pos)
		skip(r, in->len - in->pos);
}

static bool head_is_good(const struct rec_block_head *h)
{
	return h->magic == REC_BLOCK_MAGIC &&
	       h->head_crc == rec_crc(h, offsetof(struct rec_block_head, head_crc)) &&
	       h->raw <= REC_RAW_MAX && h->stored <= REC_STORED_MAX;
}

/* The payload stands behind the header in the buffer. */
static bool unpack(struct recording *r, const struct rec_block_head *h)
{
	const unsigned char *data = r->in.buf + r->in.pos + sizeof(*h);
	size_t n;

	if (h->compression != REC_ZSTD || rec_crc(data, h->stored) != h->crc)
		return false;
	if (r->raw_size < h->raw) {
		r->raw_size = h->raw;
		r->raw = xrealloc(r->raw, r->raw_size);
	}
	n = ZSTD_decompressDCtx(r->dctx, r->raw, h->raw, data, h->stored);
	if (ZSTD_isError(n) || n != h->raw)
		return false;
	r->raw_len = n;
	r->pos = 0;
	return true;
}

/* A tick whose parts are not all there is none. */
static void forget_pending(struct recording *r)
{
	snapshot_clear(&r->pending);
	r->has_ledger = false;
}

/* What is between the last good block and this one. */
static void close_gap(struct recording *r, const struct rec_block_head *h)
{
	if (r->in_gap || h->seq != r->next_seq || h->records_before != r->records_seen) {
		r->gaps++;
		forget_pending(r);
	}
	if (h->records_before > r->records_seen)
		r->lost += h->records_before - r->records_seen;
	r->in_gap = false;
	r->next_seq = h->seq + 1;
	r->records_seen = h->records_before + h->records;
}

static bool next_block(struct recording *r)
{
	struct rec_block_head h;

	for (;;) {
		if (!fill(&r->in, sizeof(h)))
			break;
		memcpy(&h, r->in.buf + r->in.pos, sizeof(h));
		if (!head_is_good(&h)) {
			resync(r);
			continue;
		}
		if (h.records_before + h.records > r->records_known)
			r->records_known = h.records_before + h.records;
		/* Cut off or damaged. What is a block again may be anywhere in it. */
		if (h.seq < r->next_seq || !fill(&r->in, sizeof(h) + h.stored) ||
		    !unpack(r, &h)) {
			resync(r);
			continue;
		}
		r->in.pos += sizeof(h) + h.stored;
		close_gap(r, &h);
		return true;
	}
	if (r->in.len > r->in.pos)
		skip(r, r->in.len - r->in.pos);
	return false;
}

/* ---- items ---------------------------------------------------------------- */

/* The next one of this block. */
static bool next_item(struct recording *r)
{
	struct rec_item h;

	while (r->pos + sizeof(h) <= r->raw_len) {
		memcpy(&h, r->raw + r->pos, sizeof(h));
		r->pos += sizeof(h);
		if (h.len > r->raw_len - r->pos)
			break;
		r->item = r->raw + r->pos;
		r->left = h.len;
		r->type = h.type < REC_TYPES ? h.type : 0;
		r->pos += h.len;
		if (r->type)
			return true;
	}
	r->pos = r->raw_len;
	r->left = 0;
	return false;
}

/* The next struct of the item, in our layout. */
static bool next_struct(struct recording *r, void *to)
{
	size_t size = r->schema.plan[r->type].size;

	if (!size || r->left < size) {
		r->left = 0;
		return false;
	}
	rec_get(&r->schema, r->type, to, r->item);
	r->item += size;
	r->left -= size;
	return true;
}

/* The strings behind a struct. */
static const char *next_string(struct recording *r)
{
	const char *s = (const char *)r->item;
	const char *end = r->left ? memchr(s, 0, r->left) : NULL;

	if (!end)
		return "";
	r->left -= end + 1 - s;
	r->item += end + 1 - s;
	return s;
}

static void add_mount(struct recording *r, bool gone_too)
{
	struct rec_mount m;
	struct mount to;

	if (!next_struct(r, &m))
		return;
	to = (struct mount){ .dev = m.dev, .server_pid = m.server_pid, .gone = m.gone };
	to.target = (char *)next_string(r);
	to.source = (char *)next_string(r);
	to.fstype = (char *)next_string(r);
	to.server_comm = (char *)next_string(r);
	if (gone_too || !to.gone)
		catalog_add_mount(r->src.config.catalog, &to);
}

static void get_mount(struct recording *r)
{
	add_mount(r, true);
}

static void get_file(struct recording *r)
{
	struct rec_path f;
	struct file to;

	if (!next_struct(r, &f))
		return;
	to = (struct file){ .dev = f.dev, .ino = f.ino, .nodeid = f.nodeid, .whole = f.whole };
	to.path = (char *)next_string(r);
	catalog_add_file(r->src.config.catalog, &to);
}

static void get_task(struct recording *r)
{
	struct rec_task k;
	struct task to;

	if (!next_struct(r, &k))
		return;
	to = (struct task){ .tid = k.tid, .pid = k.pid };
	memcpy(to.comm, k.comm, FI_COMM_LEN);
	memcpy(to.process, k.process, FI_COMM_LEN);
	catalog_add_task(r->src.config.catalog, &to);
}

static void get_stack(struct recording *r)
{
	struct rec_stack k;
	struct stack to;

	if (!next_struct(r, &k))
		return;
	to = (struct stack){ .id = k.id, .user = k.user };
	to.frames = (char *)next_string(r);
	catalog_add_stack(r->src.config.catalog, &to);
}

static void get_ledger(struct recording *r)
{
	r->has_ledger = next_struct(r, &r->pending.ledger);
}

static void get_open(struct recording *r)
{
	struct fi_open o;

	while (next_struct(r, &o)) {
		o.kind = r->schema.kind[o.kind % REC_NAMES];
		o.op = r->schema.op[o.op % REC_NAMES];
		o.comm[FI_COMM_LEN - 1] = '\0';
		snapshot_add_open(&r->pending, &o);
	}
}

static void get_server(struct recording *r)
{
	struct server v;

	while (next_struct(r, &v)) {
		v.v.comm[FI_COMM_LEN - 1] = '\0';
		snapshot_add_server(&r->pending, &v);
	}
}

static void get_settings(struct recording *r)
{
	next_struct(r, &r->recorded);
}

static void get_end(struct recording *r)
{
	r->ended = true;
}

/* Records and ticks are not here: a replay may stop before one. */
static void (*const get_item[REC_TYPES])(struct recording *r) = {
	[REC_SETTINGS] = get_settings,
	[REC_LEDGER] = get_ledger,
	[REC_OPEN] = get_open,
	[REC_SERVER] = get_server,
	[REC_MOUNT] = get_mount,
	[REC_FILE] = get_file,
	[REC_TASK] = get_task,
	[REC_STACK] = get_stack,
	[REC_END] = get_end,
};

/* ---- what the file is ----------------------------------------------------- */

static void set_text(char *to, size_t size, const char *value)
{
	size_t n = 0;

	for (; *value && n + 1 < size; value++) {
		if (*value == '\\' && value[1])
			to[n++] = *++value == 'n' ? '\n' : *value;
		else
			to[n++] = *value;
	}
	to[n] = '\0';
}

static void set_info(struct source_info *i, const char *key, const char *value)
{
	__u64 v = 0;

	if (!strcmp(key, "backend"))
		set_text(i->backend, sizeof(i->backend), value);
	else if (!strcmp(key, "kernel"))
		set_text(i->kernel, sizeof(i->kernel), value);
	else if (!strcmp(key, "host"))
		set_text(i->host, sizeof(i->host), value);
	else if (parse_u64(value, &v))
		return;
	else if (!strcmp(key, "start_ns"))
		i->start_ns = v;
	else if (!strcmp(key, "start_wall_ns"))
		i->start_wall_ns = v;
	else if (!strcmp(key, "upstream"))
		i->upstream = v;
	else if (!strcmp(key, "splits"))
		i->splits = v;
}

static void read_info(struct source_info *i, const char *text, size_t len)
{
	char *copy = xcalloc(1, len + 1), *save = NULL;

	memcpy(copy, text, len);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		set_info(i, line, value);
	}
	free(copy);
}

/* Whether this block describes the file; then we know how to read the others. */
static bool read_description(struct recording *r)
{
	bool schema = false, info = false;

	while (next_item(r)) {
		const char *text = (const char *)r->item;

		if (r->type == REC_SCHEMA)
			schema = !rec_schema_parse(&r->schema, text, r->left);
		if (r->type == REC_INFO) {
			read_info(&r->src.info, text, r->left);
			info = true;
		}
		if (r->type == REC_SETTINGS)
			get_settings(r);
	}
	return schema && info;
}

static void forget_position(struct recording *r)
{
	r->next_seq = 0;
	r->records_seen = r->records_known = 0;
	r->gaps = r->lost = r->skipped = 0;
	r->in_gap = false;
	r->raw_len = r->pos = r->left = 0;
}

static int check_file_head(struct recording *r, const char *path)
{
	struct rec_file_head h;
	bool good;

	if (fill(&r->in, 1) && !rec_is_recording(r->in.buf, (fill(&r->in, REC_DETECT), r->in.len)))
		return complain(FI_FAILED, "'%s' is neither a recording nor a trace.dat", path);
	if (!fill(&r->in, sizeof(h)))
		return complain(FI_FAILED, "'%s' is empty, or was cut off at its beginning", path);
	memcpy(&h, r->in.buf, sizeof(h));
	good = h.crc == rec_crc(&h, offsetof(struct rec_file_head, crc));
	if (good && h.version > REC_VERSION)
		return complain(FI_FAILED, "'%s' has format %u, and this fuseiomap reads up to %u; use a newer one",
				path, h.version, REC_VERSION);
	/* With a damaged one, the blocks may still be good: they are searched for. */
	if (good)
		r->in.pos = sizeof(h);
	return 0;
}

/* To the first block, if the file can be rewound; else what has been read is a gap. */
static int rewind_file(struct recording *r, const char *path)
{
	forget_position(r);
	if (lseek(r->in.fd, 0, SEEK_SET))
		return 0;
	r->in.pos = r->in.len = 0;
	r->in.eof = false;
	return check_file_head(r, path);
}

/*
 * The description comes first, and again later on in case that it is damaged: then
 * what stands before it is read with the later one, if the file can be rewound.
 */
static int find_description(struct recording *r, const char *path)
{
	unsigned int blocks = 0;

	while (!r->described && next_block(r)) {
		r->described = read_description(r);
		blocks++;
	}
	if (!r->described)
		return complain(FI_FAILED, "'%s' holds no intact description of itself; nothing of it can be read",
				path);
	if (blocks == 1 && !r->gaps)
		return 0;
	return rewind_file(r, path);
}

/* Those that come later in the recording, for a filter by mount: as they were there. */
static int find_mounts(struct recording *r, const char *path)
{
	if (lseek(r->in.fd, 0, SEEK_CUR) < 0)
		return 0;
	do {
		while (next_item(r))
			if (r->type == REC_MOUNT)
				add_mount(r, false);
	} while (next_block(r));
	return rewind_file(r, path);
}

/* ---- replay --------------------------------------------------------------- */

static void ledger_since(struct fi_ledger *l, const struct fi_ledger *base)
{
	const struct fi_ledger now = *l;
	__u64 *v = (__u64 *)l;
	const __u64 *b = (const __u64 *)base;

	for (size_t i = 0; i < sizeof(*l) / sizeof(*v); i++)
		v[i] -= b[i];
	/* What was in flight then ends in this recording, so it begins here, too. */
	for (int k = 0; k < FI_KINDS; k++) {
		l->begun[k] += base->in_flight[k];
		l->in_flight[k] = now.in_flight[k];
	}
}

static void server_since(struct fi_server *v, const struct fi_server *base)
{
	for (int k = 0; k < FI_KINDS; k++)
		v->requests[k] -= base->requests[k];
	v->busy_ns -= base->busy_ns;
}

static const struct server *find_server(const struct snapshot *s, const struct fi_server_key *key)
{
	for (size_t i = 0; i < s->nr_servers; i++)
		if (!memcmp(&s->server[i].key, key, sizeof(*key)))
			return &s->server[i];
	return NULL;
}

static void subtract_base(struct recording *r, struct snapshot *s)
{
	ledger_since(&s->ledger, &r->base.ledger);
	s->missed -= r->base.missed;
	for (size_t i = 0; i < s->nr_servers; i++) {
		const struct server *was = find_server(&r->base, &s->server[i].key);

		if (was)
			server_since(&s->server[i].v, &was->v);
	}
}

/* The state is that of this tick now, if all of its parts are there. */
static void take_tick(struct recording *r, const struct rec_tick *t)
{
	struct snapshot *p = &r->pending, was;

	if (t->time_ns > r->now_ns)
		r->now_ns = t->time_ns;
	if (r->has_ledger && p->nr_open == t->nr_open && p->nr_servers == t->nr_servers) {
		p->missed = t->missed;
		p->splits = t->splits;
		p->upstream = t->upstream;
		snapshot_sort(p);
		if (t->reason == REC_TICK_BASE) {
			snapshot_copy(&r->base, p);
		} else {
			subtract_base(r, p);
			was = r->state;
			r->state = *p;
			*p = was;
		}
	}
	forget_pending(r);
}

static void hand_over(struct recording *r, struct fi_record *rec)
{
	if (rec->time_ns > r->now_ns)
		r->now_ns = rec->time_ns;
	rec->kind = r->schema.kind[rec->kind % REC_NAMES];
	rec->op = r->schema.op[rec->op % REC_NAMES];
	if (rec->kind >= FI_RECORD_KINDS || rec->op >= FI_OPS) {
		r->unknown++;
		return;
	}
	rec->comm[FI_COMM_LEN - 1] = '\0';
	if (rec->kind == FI_REFUSED)
		rec->rule[FI_RULE_LEN - 1] = '\0';
	if (!r->filtered || wanted_record(&r->src.config.settings, rec))
		r->src.config.sink(r->src.config.ctx, rec);
}

enum step { STEP_ON, STEP_TICK, STEP_REPORT, STEP_LIMIT };

/* Records until one is later. Their order is that of the live run, not of time. */
static enum step step_records(struct recording *r, __u64 until_ns)
{
	size_t size = r->schema.plan[REC_RECORD].size;
	struct fi_record rec;

	while (r->left >= size) {
		rec_get(&r->schema, REC_RECORD, &rec, r->item);
		if (rec.time_ns > until_ns)
			return STEP_LIMIT;
		r->item += size;
		r->left -= size;
		hand_over(r, &rec);
	}
	r->left = 0;
	return STEP_ON;
}

static enum step step_tick(struct recording *r, __u64 until_ns)
{
	const unsigned char *item = r->item;
	size_t left = r->left;
	struct rec_tick t;

	if (!next_struct(r, &t))
		return STEP_ON;
	if (t.time_ns > until_ns) {
		r->item = item;
		r->left = left;
		return STEP_LIMIT;
	}
	r->left = 0;
	take_tick(r, &t);
	return t.reason == TICK_INTERVAL ? STEP_TICK :
	       t.reason == TICK_REPORT ? STEP_REPORT : STEP_ON;
}

/* What is left of the item, or the next one. */
static enum step step(struct recording *r, __u64 until_ns)
{
	if (!r->left && !next_item(r))
		return STEP_ON;
	if (r->type == REC_RECORD)
		return step_records(r, until_ns);
	if (r->type == REC_TICK)
		return step_tick(r, until_ns);
	if (get_item[r->type])
		get_item[r->type](r);
	r->left = 0;
	return STEP_ON;
}

/* The file is over, which need not be its end. */
static void close_file(struct recording *r)
{
	r->over = true;
	r->left = 0;
	if (r->records_known > r->records_seen)
		r->lost += r->records_known - r->records_seen;
	r->gaps += r->in_gap || !r->ended;
}

static enum replay_stop advance(struct source *s, __u64 until_ns, __u64 *now_ns)
{
	static const enum replay_stop stops[] = {
		[STEP_TICK] = REPLAY_TICK, [STEP_REPORT] = REPLAY_REPORT,
		[STEP_LIMIT] = REPLAY_LIMIT,
	};
	struct recording *r = (struct recording *)s;
	enum step what = STEP_ON;

	while (what == STEP_ON && !r->over) {
		if (r->left || r->pos < r->raw_len)
			what = step(r, until_ns);
		else if (r->ended || !next_block(r))
			close_file(r);
	}
	if (what == STEP_LIMIT && until_ns > r->now_ns)
		r->now_ns = until_ns;
	*now_ns = r->now_ns;
	return what == STEP_ON ? REPLAY_END : stops[what];
}

/*
 * What names things is known before the first record: the mount that a filter
 * names, for one.
 */
static void read_ahead(struct recording *r)
{
	do {
		while (r->left || next_item(r)) {
			if (r->type == REC_RECORD || r->type == REC_TICK)
				return;
			if (get_item[r->type])
				get_item[r->type](r);
			r->left = 0;
		}
	} while (!r->ended && next_block(r));
}

static int read_state(struct source *s, struct snapshot *to)
{
	struct recording *r = (struct recording *)s;

	snapshot_clear(to);
	to->time_ns = r->now_ns;
	to->ledger = r->state.ledger;
	to->missed = r->state.missed;
	to->splits = r->src.info.splits;
	to->upstream = r->src.info.upstream;
	to->gaps = r->gaps;
	to->gap_records = r->lost + r->unknown;
	for (size_t i = 0; i < r->state.nr_open; i++)
		snapshot_add_open(to, &r->state.open[i]);
	for (size_t i = 0; i < r->state.nr_servers; i++)
		snapshot_add_server(to, &r->state.server[i]);
	return 0;
}

static void notes(struct source *s)
{
	const struct recording *r = (const struct recording *)s;
	const char *path = s->config.input;

	if (r->over && !r->ended)
		fprintf(stderr, "'%s' has no end: it was cut off, or is still being written\n", path);
	if (r->gaps > (r->over && !r->ended))
		fprintf(stderr, "'%s' has gaps: %" PRIu64 ", with %" PRIu64 " records; "
			"%" PRIu64 " bytes are not readable\n", path, (uint64_t)r->gaps,
			(uint64_t)r->lost, (uint64_t)r->skipped);
	if (r->unknown)
		fprintf(stderr, "'%s' has %" PRIu64 " records of operations that only a newer fuseiomap knows\n",
			path, (uint64_t)r->unknown);
	if (r->filtered)
		fputs("the ledger is that of all that was recorded, before the filters of this run\n",
		      stderr);
}

/* ---- open and close ------------------------------------------------------- */

static void close_recording(struct source *s)
{
	struct recording *r = (struct recording *)s;

	if (r->in.fd >= 0)
		close(r->in.fd);
	ZSTD_freeDCtx(r->dctx);
	free(r->in.buf);
	free(r->raw);
	snapshot_free(&r->pending);
	snapshot_free(&r->state);
	snapshot_free(&r->base);
	free(r);
}

/* What filters go by, and nothing else. */
static struct fi_settings filters_of(const struct fi_settings *s)
{
	struct fi_settings f = {
		.ino = s->ino, .min_lat_ns = s->min_lat_ns, .dev = s->dev, .pid = s->pid,
		.tid = s->tid, .ops = s->ops, .kinds = s->kinds, .types = s->types,
		.errors = s->errors, .shorts = s->shorts,
	};

	memcpy(f.comm, s->comm, sizeof(f.comm));
	return f;
}

static bool same_filters(const struct fi_settings *a, const struct fi_settings *b)
{
	const struct fi_settings fa = filters_of(a), fb = filters_of(b);

	return !memcmp(&fa, &fb, sizeof(fa));
}

static int start(struct source *s)
{
	struct recording *r = (struct recording *)s;

	/* The session has looked up the mount by now. */
	r->filtered = !same_filters(&s->config.settings, &(struct fi_settings){ 0 }) &&
		      !same_filters(&s->config.settings, &r->recorded);
	return 0;
}

static int open_recording(struct source **sp, const struct source_config *config)
{
	struct recording *r = xcalloc(1, sizeof(*r));
	int err = 0;

	r->src.ops = &source_recording;
	r->src.config = *config;
	r->src.info.replay = true;
	r->dctx = ZSTD_createDCtx();
	r->in.fd = open(config->input, O_RDONLY | O_CLOEXEC);
	if (r->in.fd < 0)
		err = complain(FI_FAILED, "cannot read '%s': %s", config->input, strerror(errno));
	if (!err && config->cgroup)
		err = complain(FI_USAGE, "a recording does not tell cgroups; give --cgroup to the run that records");
	if (!err)
		err = check_file_head(r, config->input);
	if (!err)
		err = find_description(r, config->input);
	if (!err && config->find_mounts)
		err = find_mounts(r, config->input);
	if (err) {
		close_recording(&r->src);
		return err;
	}
	r->now_ns = r->src.info.start_ns;
	read_ahead(r);
	*sp = &r->src;
	return 0;
}

const struct source_ops source_recording = {
	.name = "recording",
	.open = open_recording,
	.start = start,
	.read = read_state,
	.advance = advance,
	.notes = notes,
	.close = close_recording,
};
