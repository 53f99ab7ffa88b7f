// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "hist.h"
#include "history.h"
#include "text.h"

#define LEVEL	1	/* of zstd: it runs with every interval */

/* ---- differences --------------------------------------------------------- */

static const struct fi_server *server_find(const struct snapshot *s,
					   const struct fi_server_key *key)
{
	for (size_t i = 0; i < s->nr_servers; i++)
		if (!memcmp(&s->server[i].key, key, sizeof(*key)))
			return &s->server[i].v;
	return NULL;
}

static __u64 busy_at(const struct fi_server *s, __u64 time_ns)
{
	return s->busy_ns + (s->busy_since && s->busy_since < time_ns ?
			     time_ns - s->busy_since : 0);
}

__u64 interval_busy_ns(const struct interval *iv, const struct fi_server *s)
{
	return busy_at(s, iv->d.time_ns);
}

/*
 * busy_since stays, so busy_ns is what makes the sum of both right; it may wrap
 * below zero.
 */
static void diff_servers(struct snapshot *to, const struct snapshot *now,
			 const struct snapshot *before)
{
	for (size_t i = 0; i < now->nr_servers; i++) {
		struct server s = now->server[i];
		const struct fi_server *old = server_find(before, &s.key);

		for (int k = 0; old && k < FI_KINDS; k++)
			s.v.requests[k] -= old->requests[k];
		if (old)
			s.v.busy_ns -= busy_at(old, before->time_ns);
		snapshot_add_server(to, &s);
	}
}

static void diff_hists(struct snapshot *to, const struct snapshot *now,
		       const struct snapshot *before)
{
	static const struct fi_hist none;

	if (!now->hists)
		return;
	if (!to->hists)
		to->hists = xcalloc(FI_HISTS, sizeof(*to->hists));
	for (int i = 0; i < FI_HISTS; i++)
		hist_diff(&to->hists[i], &now->hists[i],
			  before->hists ? &before->hists[i] : &none);
}

void interval_make(struct interval *iv, const struct snapshot *now,
		   const struct snapshot *before)
{
	struct snapshot *d = &iv->d;

	snapshot_clear(d);
	iv->from_ns = before->time_ns;
	d->time_ns = now->time_ns;
	d->ledger = now->ledger;
	d->missed = now->missed;
	d->splits = now->splits;
	d->upstream = now->upstream;
	cells_diff(&d->cells, &now->cells, &before->cells);
	diff_servers(d, now, before);
	diff_hists(d, now, before);
	for (int op = 0; op < FI_OPS; op++)
		for (int i = 0; i < FI_SHARES; i++)
			d->shares[op].n[i] = now->shares[op].n[i] - before->shares[op].n[i];
	for (size_t i = 0; i < now->nr_open; i++)
		snapshot_add_open(d, &now->open[i]);
	snapshot_sort(d);
}

void interval_free(struct interval *iv)
{
	snapshot_free(&iv->d);
	*iv = (struct interval){ 0 };
}

/* ---- packing ------------------------------------------------------------- */

/* Everything but the head is 64-bit words, most of them zero. */
#define WORDS(type)	((sizeof(type)) / (sizeof(__u64)))

_Static_assert(sizeof(struct fi_cell) % sizeof(__u64) == 0, "words");
_Static_assert(sizeof(struct fi_hist) % sizeof(__u64) == 0, "words");

/* The fixed part. Numbers of a memory image: it never leaves this process. */
struct pack_head {
	__u64 seq;
	__u64 from_ns;
	__u64 time_ns;
	__u64 nr_cells;
	__u64 nr_open;
	__u64 nr_servers;
	__u64 missed;
	struct fi_ledger ledger;
	__u8 splits;
	__u8 upstream;
	__u8 hists;
};

static void put_varint(struct text *t, __u64 v)
{
	char buf[10];
	int n = 0;

	while (v >= 0x80) {
		buf[n++] = v | 0x80;
		v >>= 7;
	}
	buf[n++] = v;
	text_add(t, buf, n);
}

static __u64 get_varint(const unsigned char **p)
{
	__u64 v = 0;
	int shift = 0;

	while (**p & 0x80) {
		v |= (__u64)(*(*p)++ & 0x7f) << shift;
		shift += 7;
	}
	return v | (__u64)*(*p)++ << shift;
}

/* As pairs of distance and value; distance 0 ends them. */
static void put_words(struct text *t, const void *words, size_t n)
{
	const __u64 *w = words;
	size_t last = 0;

	for (size_t i = 0; i < n; i++) {
		if (!w[i])
			continue;
		put_varint(t, i + 1 - last);
		put_varint(t, w[i]);
		last = i + 1;
	}
	put_varint(t, 0);
}

/* `words` is NULL to skip them. */
static void get_words(const unsigned char **p, void *words, size_t n)
{
	__u64 *w = words, at = 0, step;

	if (w)
		memset(w, 0, n * sizeof(*w));
	while ((step = get_varint(p))) {
		__u64 v = get_varint(p);

		at += step;
		if (w && at <= n)
			w[at - 1] = v;
	}
}

static void get_bytes(const unsigned char **p, void *to, size_t n)
{
	memcpy(to, *p, n);
	*p += n;
}

static void pack(struct text *t, const struct interval *iv)
{
	const struct snapshot *d = &iv->d;
	struct pack_head head = {
		.seq = iv->seq, .from_ns = iv->from_ns, .time_ns = d->time_ns,
		.nr_cells = d->cells.n, .nr_open = d->nr_open, .nr_servers = d->nr_servers,
		.missed = d->missed, .ledger = d->ledger, .splits = d->splits,
		.upstream = d->upstream, .hists = d->hists != NULL,
	};

	text_clear(t);
	text_add(t, (char *)&head, sizeof(head));
	for (size_t i = 0; i < d->cells.n; i++) {
		text_add(t, (char *)&d->cells.cell[i]->key, sizeof(struct fi_cell_key));
		put_words(t, &d->cells.cell[i]->v, WORDS(struct fi_cell));
	}
	for (size_t i = 0; i < d->nr_open; i++)
		text_add(t, (char *)&d->open[i], sizeof(d->open[i]));
	for (size_t i = 0; i < d->nr_servers; i++)
		text_add(t, (char *)&d->server[i], sizeof(d->server[i]));
	put_words(t, d->shares, WORDS(d->shares));
	if (d->hists)
		put_words(t, d->hists, FI_HISTS * WORDS(struct fi_hist));
}

static void unpack(const unsigned char *p, struct interval *iv)
{
	struct snapshot *d = &iv->d;
	struct pack_head head;

	get_bytes(&p, &head, sizeof(head));
	snapshot_clear(d);
	iv->seq = head.seq;
	iv->from_ns = head.from_ns;
	d->time_ns = head.time_ns;
	d->missed = head.missed;
	d->ledger = head.ledger;
	d->splits = head.splits;
	d->upstream = head.upstream;
	for (__u64 i = 0; i < head.nr_cells; i++) {
		struct fi_cell_key key;

		get_bytes(&p, &key, sizeof(key));
		get_words(&p, &cells_add(&d->cells, &key)->v, WORDS(struct fi_cell));
	}
	for (__u64 i = 0; i < head.nr_open; i++) {
		struct fi_open o;

		get_bytes(&p, &o, sizeof(o));
		snapshot_add_open(d, &o);
	}
	for (__u64 i = 0; i < head.nr_servers; i++) {
		struct server s;

		get_bytes(&p, &s, sizeof(s));
		snapshot_add_server(d, &s);
	}
	get_words(&p, d->shares, WORDS(d->shares));
	if (head.hists) {
		if (!d->hists)
			d->hists = xcalloc(FI_HISTS, sizeof(*d->hists));
		get_words(&p, d->hists, FI_HISTS * WORDS(struct fi_hist));
	}
}

/* ---- the ring ------------------------------------------------------------ */

struct kept {
	__u64 from_ns;
	__u64 to_ns;
	size_t raw;
	size_t len;
	char *data;		/* compressed */
};

struct history {
	size_t max_bytes;
	size_t bytes;
	struct kept *kept;	/* ring */
	size_t size;
	size_t n;
	__u64 first;		/* sequence number of the oldest */
	struct text raw;	/* for packing and unpacking */
	struct text packed;
	ZSTD_CCtx *zc;
	ZSTD_DCtx *zd;
};

struct history *history_new(size_t max_bytes)
{
	struct history *h = xcalloc(1, sizeof(*h));

	h->max_bytes = max_bytes;
	h->first = 1;
	h->zc = ZSTD_createCCtx();
	h->zd = ZSTD_createDCtx();
	return h;
}

static struct kept *kept_at(const struct history *h, __u64 seq)
{
	if (!h || !h->n || seq < h->first || seq >= h->first + h->n)
		return NULL;
	return &h->kept[seq % h->size];
}

static void drop_oldest(struct history *h)
{
	struct kept *k = kept_at(h, h->first);

	h->bytes -= k->len + sizeof(*k);
	free(k->data);
	h->first++;
	h->n--;
}

void history_free(struct history *h)
{
	if (!h)
		return;
	while (h->n)
		drop_oldest(h);
	free(h->kept);
	text_free(&h->raw);
	text_free(&h->packed);
	ZSTD_freeCCtx(h->zc);
	ZSTD_freeDCtx(h->zd);
	free(h);
}

/* A place in the ring is the sequence number modulo its size. */
static void grow(struct history *h)
{
	size_t size = h->size ? h->size * 2 : 64;
	struct kept *kept = xcalloc(size, sizeof(*kept));

	for (__u64 seq = h->first; seq < h->first + h->n; seq++)
		kept[seq % size] = *kept_at(h, seq);
	free(h->kept);
	h->kept = kept;
	h->size = size;
}

void history_add(struct history *h, struct interval *iv)
{
	size_t bound, len;
	struct kept *k;

	iv->seq = h->first + h->n;
	pack(&h->raw, iv);
	bound = ZSTD_compressBound(h->raw.len);
	if (h->packed.size < bound) {
		h->packed.s = xrealloc(h->packed.s, bound);
		h->packed.size = bound;
	}
	len = ZSTD_compressCCtx(h->zc, h->packed.s, bound, h->raw.s, h->raw.len, LEVEL);
	/* With room for the bound, it cannot fail for the data's sake. */
	if (ZSTD_isError(len))
		abort();
	if (h->n == h->size)
		grow(h);
	h->n++;
	k = kept_at(h, iv->seq);
	*k = (struct kept){ .from_ns = iv->from_ns, .to_ns = iv->d.time_ns, .len = len,
			    .raw = h->raw.len, .data = xrealloc(NULL, len) };
	memcpy(k->data, h->packed.s, len);
	h->bytes += len + sizeof(*k);
	while (h->bytes > h->max_bytes && h->n > 1)
		drop_oldest(h);
}

__u64 history_first(const struct history *h)
{
	return h && h->n ? h->first : 0;
}

__u64 history_last(const struct history *h)
{
	return h && h->n ? h->first + h->n - 1 : 0;
}

size_t history_bytes(const struct history *h)
{
	return h ? h->bytes : 0;
}

__u64 history_from_ns(const struct history *h, __u64 seq)
{
	const struct kept *k = kept_at(h, seq);

	return k ? k->from_ns : 0;
}

__u64 history_to_ns(const struct history *h, __u64 seq)
{
	const struct kept *k = kept_at(h, seq);

	return k ? k->to_ns : 0;
}

size_t history_raw_bytes(const struct history *h, __u64 seq)
{
	const struct kept *k = kept_at(h, seq);

	return k ? k->raw : 0;
}

/* Valid until the next call; NULL if it is not there. */
static const unsigned char *unpacked(struct history *h, __u64 seq)
{
	const struct kept *k = kept_at(h, seq);

	if (!k)
		return NULL;
	if (h->raw.size < k->raw) {
		h->raw.s = xrealloc(h->raw.s, k->raw);
		h->raw.size = k->raw;
	}
	if (ZSTD_decompressDCtx(h->zd, h->raw.s, k->raw, k->data, k->len) != k->raw)
		abort();
	return (unsigned char *)h->raw.s;
}

bool history_get(struct history *h, __u64 seq, struct interval *iv)
{
	const unsigned char *p = unpacked(h, seq);

	if (p)
		unpack(p, iv);
	return p;
}

bool history_sum(struct history *h, __u64 seq, const struct row_match *match,
		 struct fi_cell kind[FI_KINDS])
{
	const unsigned char *p = unpacked(h, seq);
	struct pack_head head;
	struct cell c;

	memset(kind, 0, FI_KINDS * sizeof(*kind));
	if (!p)
		return false;
	get_bytes(&p, &head, sizeof(head));
	for (__u64 i = 0; i < head.nr_cells; i++) {
		get_bytes(&p, &c.key, sizeof(c.key));
		if (!row_matches(match, &c.key)) {
			get_words(&p, NULL, WORDS(struct fi_cell));
			continue;
		}
		get_words(&p, &c.v, WORDS(struct fi_cell));
		cell_merge(&kind[c.key.kind], &c.v);
	}
	return true;
}
