/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The requests that wait now, as a source: it walks the kernel's lists (BPF), or
 * looks for threads that sleep in an upcall (/proc), so that it finds those, too,
 * that began long before. It counts nothing; a reading is a moment.
 */
#ifndef WAITING_H
#define WAITING_H

#include "column.h"
#include "fuseiomap_inflight.h"
#include "names.h"
#include "proc.h"
#include "source.h"

/* Kinds beyond those of operations. */
#define WAITING_OTHER	FI_RECORD_KINDS		/* a request that is not iomap's */

struct waiting {
	struct fi_wait_request r;
	__u8  kind;		/* enum fi_kind, or WAITING_OTHER */
	__u8  op;		/* enum fi_op */
	bool  op_known;
	bool  ranged;		/* pos and count are known */
	bool  age_known;
	bool  age_least;	/* it is older than age_ns, by how much is not known */
	__u64 age_ns;
	__u64 pos;
	__u64 count;
	__u64 ino;		/* 0: unknown */
	__u32 opflags;
	char *path;		/* NULL: unknown */
	struct proc_task caller;	/* state 0: nobody, or gone */
};

struct connection {
	__u32 dev;
	__u32 server;		/* process; 0: nobody holds it */
	__u32 waiting;		/* requests of all kinds, as the kernel counts them */
	__u64 timeout_ns;	/* 0: none */
	bool  timeout_known;
};

struct waitings {
	struct waiting *w;	/* oldest first */
	size_t n;
	struct connection *conn;	/* by dev */
	size_t nr_conns;
	__u64 tick_ns;		/* ages are as exact as this; 0: they are exact */
	bool  walked;		/* from the kernel's lists; else from /proc */
	int   no_bpf;		/* why not: negative errno; 0: nobody asked for it */
	__u64 missed;		/* items that got lost, or lists that broke off */
};

extern const struct source_ops source_waiting;

/* What the last source_read() found; valid until the next one. */
const struct waitings *waiting_found(const struct source *s);

/* The same from a snapshot, for recordings; freed with waitings_free(). */
void waitings_of_snapshot(struct waitings *to, const struct snapshot *s,
			  const struct catalog *c);
void waitings_free(struct waitings *l);

/* For tests: what a request says of itself; `isize` ~0: unknown. */
void waiting_decode(struct waiting *w, __u64 isize);

/* Which upcall a kernel stack is in: a kind, WAITING_OTHER, or -1 for none. */
int waiting_kind_of_stack(const char *stack, int *op);

/* "lookup", or "opcode 4711". Returns buf. */
char *opcode_text(char *buf, size_t size, __u32 opcode);

extern const char *const waits_name[FI_WAITS];

/* One row is one of them; in cmd_inflight.c. */
extern const struct column inflight_columns[];
extern const size_t nr_inflight_columns;

#endif
