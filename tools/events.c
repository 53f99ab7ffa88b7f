// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include <bpf/btf.h>

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

bool kernel_types_open(struct kernel_types *t)
{
	*t = (struct kernel_types){ .vmlinux = btf__load_vmlinux_btf() };
	if (!t->vmlinux)
		return false;
	t->fuse = btf__load_module_btf("fuse", t->vmlinux);
	return true;
}

void kernel_types_close(struct kernel_types *t)
{
	btf__free(t->fuse);
	btf__free(t->vmlinux);
	*t = (struct kernel_types){ 0 };
}

static bool type_exists(const struct kernel_types *t, const char *name, __u32 kind)
{
	if (t->vmlinux && btf__find_by_name_kind(t->vmlinux, name, kind) > 0)
		return true;
	return t->fuse && btf__find_by_name_kind(t->fuse, name, kind) > 0;
}

/* tp_btf programs need exactly this type, so it is the right thing to ask for. */
bool event_exists(const struct kernel_types *t, const char *name)
{
	char type[64];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return type_exists(t, type, BTF_KIND_TYPEDEF);
}

bool kfunc_exists(const struct kernel_types *t, const char *name)
{
	return type_exists(t, name, BTF_KIND_FUNC);
}
