// SPDX-License-Identifier: GPL-2.0-only
/* Picks a source, and calls it through its table. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "events.h"
#include "privilege.h"
#include "source.h"

/* trace-cmd's files start with this, see trace-cmd.dat(5). */
static const char dat_magic[] = "\x17\x08\x44tracing";

/* By the first bytes; what neither knows is for the recording's reader to refuse. */
static int open_file(struct source **sp, const struct source_config *config)
{
	char magic[sizeof(dat_magic) - 1];
	int fd = open(config->input, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return complain(FI_FAILED, "cannot read '%s': %s", config->input, strerror(errno));
	/* Of a pipe nothing may be taken; only a recording can come through one. */
	n = lseek(fd, 0, SEEK_CUR) < 0 ? 0 : read(fd, magic, sizeof(magic));
	close(fd);
	if (n < 0)
		return complain(FI_FAILED, "cannot read '%s': %s", config->input, strerror(errno));
	if (n == sizeof(magic) && !memcmp(magic, dat_magic, sizeof(magic)))
		return source_dat.open(sp, config);
	return source_recording.open(sp, config);
}

/* Why BPF will not do here, or NULL. */
static const char *no_bpf(void)
{
	if (!may_load() || !may_trace())
		return "not allowed to load BPF programs";
	return access(KERNEL_BTF, R_OK) ? "this kernel has no BTF" : NULL;
}

int source_open(struct source **sp, const struct source_config *config)
{
	const char *why;

	*sp = NULL;
	if (config->input)
		return open_file(sp, config);
	ftrace_sweep();
	if (config->live)
		return config->live->open(sp, config);
	if (config->backend == BACKEND_BPF)
		return source_bpf.open(sp, config);
	if (config->backend == BACKEND_FTRACE)
		return source_ftrace.open(sp, config);
	why = no_bpf();
	if (!why)
		return source_bpf.open(sp, config);
	if (config->verbose)
		fprintf(stderr, "fuseiomap: using ftrace: %s\n", why);
	return source_ftrace.open(sp, config);
}

int source_start(struct source *s)
{
	return s->ops->start ? s->ops->start(s) : 0;
}

void source_stop(struct source *s)
{
	if (s->ops->stop)
		s->ops->stop(s);
}

int source_read(struct source *s, struct snapshot *to)
{
	return s->ops->read(s, to);
}

int source_fd(const struct source *s)
{
	return s->ops->fd ? s->ops->fd(s) : -1;
}

void source_drain(struct source *s)
{
	if (s->ops->drain)
		s->ops->drain(s);
}

enum replay_stop source_advance(struct source *s, __u64 until_ns, __u64 *now_ns)
{
	return s->ops->advance(s, until_ns, now_ns);
}

void source_notes(struct source *s)
{
	if (s->ops->notes)
		s->ops->notes(s);
}

void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}
