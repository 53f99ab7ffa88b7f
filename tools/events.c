// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "error.h"
#include "events.h"

const struct event events[] = {
	{ "fuse_iomap_begin", "iomap_begin", EVENT_MUST },
	{ "fuse_iomap_begin_done", "iomap_begin_done", EVENT_DONE },
	{ "fuse_iomap_begin_error", "iomap_begin_error", EVENT_UPSTREAM },
	{ "fuse_iomap_read_map", "iomap_read_map", EVENT_UPSTREAM },
	{ "fuse_iomap_write_map", "iomap_write_map", EVENT_UPSTREAM },
	{ "fuse_iomap_end", "iomap_end", EVENT_MUST },
	{ "fuse_iomap_end_done", "iomap_end_done", EVENT_DONE },
	{ "fuse_iomap_end_error", "iomap_end_error", EVENT_UPSTREAM },
	{ "fuse_iomap_ioend", "iomap_ioend", EVENT_MUST },
	{ "fuse_iomap_ioend_done", "iomap_ioend_done", EVENT_DONE },
	{ "fuse_iomap_ioend_error", "iomap_ioend_error", EVENT_UPSTREAM },
	{ "fuse_iomap_bad_data", "iomap_bad_data", EVENT_EXTRA },
	{ "fuse_request_send", "request_send", EVENT_SPLIT },
	{ "fuse_request_sent", "request_sent", EVENT_SPLIT },
	{ "fuse_request_end", "request_end", EVENT_SPLIT },
};

const size_t nr_events = sizeof(events) / sizeof(events[0]);
_Static_assert(sizeof(events) / sizeof(events[0]) <= MAX_EVENTS, "MAX_EVENTS");

bool fuse_is_there(void)
{
	/* Of what is built in, for its parameters */
	return !access(FUSE_MODULE, F_OK);
}

int no_fuse(void)
{
	return complain(FI_NO_TRACEPOINTS, "FUSE is a module that is not loaded: modprobe fuse");
}

int no_tracepoint(const char *event)
{
	if (!fuse_is_there())
		return no_fuse();
	return complain(FI_NO_TRACEPOINTS,
			"this kernel has no tracepoint fuse:%s; it needs the fuse-iomap series and CONFIG_FUSE_IOMAP=y (see: fuseiomap doctor)",
			event);
}

static int print_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int print_all(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return vfprintf(stderr, fmt, ap);
}

void libbpf_talks(bool yes)
{
	libbpf_set_print(yes ? print_all : print_nothing);
}

/*
 * Notes which events there are, of types from number `id` on: a typedef goes with each
 * tracepoint. One pass, since a kernel has some 100,000 types.
 */
static void find_events(struct kernel_types *t, const struct btf *btf, __u32 id)
{
	static const char prefix[] = "btf_trace_";

	for (; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name;

		if (!btf_is_typedef(type))
			continue;
		name = btf__name_by_offset(btf, type->name_off);
		if (strncmp(name, prefix, strlen(prefix)))
			continue;
		for (size_t i = 0; i < nr_events; i++)
			t->has_event[i] |= !strcmp(name + strlen(prefix), events[i].name);
	}
}

bool kernel_types_open(struct kernel_types *t)
{
	struct btf *fuse;

	*t = (struct kernel_types){ .vmlinux = btf__load_vmlinux_btf() };
	if (!t->vmlinux)
		return false;
	find_events(t, t->vmlinux, 1);
	/* If it is a module; its types are numbered on. */
	fuse = btf__load_module_btf("fuse", t->vmlinux);
	if (fuse)
		find_events(t, fuse, btf__type_cnt(t->vmlinux));
	btf__free(fuse);
	return true;
}

void kernel_types_close(struct kernel_types *t)
{
	btf__free(t->vmlinux);
	*t = (struct kernel_types){ 0 };
}

bool event_exists(const struct kernel_types *t, const struct event *e)
{
	return t->has_event[e - events];
}

bool kfunc_exists(const struct kernel_types *t, const char *name)
{
	return t->vmlinux && btf__find_by_name_kind(t->vmlinux, name, BTF_KIND_FUNC) > 0;
}
