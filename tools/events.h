/* SPDX-License-Identifier: GPL-2.0-only */
/* Which tracepoints we use, what for, and whether this kernel has them. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>

struct btf;

enum event_need {
	EVENT_MUST,		/* nothing works without */
	EVENT_DONE,		/* says how an operation ended; not in upstream's series */
	EVENT_UPSTREAM,		/* does as far as it can, where those are not */
	EVENT_SPLIT,		/* splits the wait of an upcall */
	EVENT_EXTRA,		/* a count more */
};

struct event {
	const char *name;	/* tracepoint, in system "fuse" */
	/* BPF program; there is a second one, "..._again", which finds it in "..._first" */
	const char *prog;
	enum event_need need;
};

#define MAX_EVENTS	16

extern const struct event events[];
extern const size_t nr_events;

/* The file that the kernel's types are in. */
#define KERNEL_BTF	"/sys/kernel/btf/vmlinux"

/* Where FUSE's parameters are, be it built in or a module that is loaded. */
#define FUSE_MODULE	"/sys/module/fuse"

/* The kernel's types, and which events they say there are. */
struct kernel_types {
	struct btf *vmlinux;	/* NULL: no BTF */
	bool has_event[MAX_EVENTS];	/* as in events[] */
};

/* There, with or without iomap; false of a module that is not loaded. */
bool fuse_is_there(void);

/* Say that it is not, or why there is no such tracepoint, and the cure. Return the exit code. */
int no_fuse(void);
int no_tracepoint(const char *event);

/* Whether libbpf prints what it finds wrong, on stderr; it does until it is told. */
void libbpf_talks(bool yes);

bool kernel_types_open(struct kernel_types *t);
void kernel_types_close(struct kernel_types *t);
bool event_exists(const struct kernel_types *t, const struct event *e);
bool kfunc_exists(const struct kernel_types *t, const char *name);

#endif
