// SPDX-License-Identifier: GPL-2.0-only
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"

struct ksym {
	__u64 addr;
	size_t name;		/* in symbols.names */
	size_t module;		/* 0: none */
};

/* One process: reading its maps and symbol tables is what takes time. */
struct process {
	Dwfl *dwfl;		/* NULL: nothing is known of it */
	__u32 pid;
	__u64 started;		/* tells it from a later one with this pid */
	__u64 used;		/* when: the one not used for longest makes room */
};

#define PROCESSES	16

struct symbols {
	struct ksym *ksym;	/* by address */
	size_t nr_ksyms;
	struct text names;	/* each ended by a zero byte */
	bool kernel_read;
	struct process process[PROCESSES];
	__u64 uses;
};

struct symbols *symbols_new(void)
{
	return xcalloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (int i = 0; i < PROCESSES; i++)
		if (s->process[i].dwfl)
			dwfl_end(s->process[i].dwfl);
	free(s->ksym);
	text_free(&s->names);
	free(s);
}

/* ---- kernel -------------------------------------------------------------- */

static size_t add_name(struct symbols *s, const char *name)
{
	size_t at = s->names.len;

	text_add(&s->names, name, strlen(name) + 1);
	return at;
}

static void add_ksym(struct symbols *s, __u64 addr, const char *name, const char *module)
{
	struct ksym *k;

	if (!(s->nr_ksyms & (s->nr_ksyms - 1)))
		s->ksym = xrealloc(s->ksym, (s->nr_ksyms ? 2 * s->nr_ksyms : 1) * sizeof(*k));
	k = &s->ksym[s->nr_ksyms++];
	k->addr = addr;
	k->name = add_name(s, name);
	k->module = *module ? add_name(s, module) : 0;
}

static int ksym_cmp(const void *a, const void *b)
{
	const struct ksym *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/*
 * "ffffffff81000000 T name\t[module]". There are 100000 lines and more, so no
 * sscanf(). Addresses are 0 for those who may not know them.
 */
static void read_ksym(struct symbols *s, char *line)
{
	char *name, *module, *end;
	__u64 addr = strtoull(line, &end, 16);

	if (!addr || *end != ' ' || !strchr("tTwW", end[1]) || end[2] != ' ')
		return;
	name = end + 3;
	module = name + strcspn(name, "\t\n");
	end = module + strcspn(module, "]\n");
	*end = '\0';
	if (*module == '\t' && module[1] == '[') {
		*module = '\0';
		module += 2;
	} else {
		*module = '\0';
	}
	add_ksym(s, addr, name, module);
}

static void read_kallsyms(struct symbols *s)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char *line = NULL;
	size_t size = 0;

	s->kernel_read = true;
	add_name(s, "");
	if (!f)
		return;
	while (getline(&line, &size, f) > 0)
		read_ksym(s, line);
	free(line);
	fclose(f);
	qsort(s->ksym, s->nr_ksyms, sizeof(*s->ksym), ksym_cmp);
}

/* The last one that does not begin behind the address. */
static const struct ksym *find_ksym(const struct symbols *s, __u64 addr)
{
	size_t lo = 0, hi = s->nr_ksyms;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->ksym[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &s->ksym[lo - 1] : NULL;
}

void symbols_kernel(struct symbols *s, struct text *t, const __u64 *ip, size_t n)
{
	if (!s->kernel_read)
		read_kallsyms(s);
	for (size_t i = 0; i < n; i++) {
		const struct ksym *k = find_ksym(s, ip[i]);

		if (k)
			text_printf(t, "%s+0x%llx", s->names.s + k->name,
				    (unsigned long long)(ip[i] - k->addr));
		else
			text_printf(t, "0x%llx", (unsigned long long)ip[i]);
		if (k && k->module)
			text_printf(t, " [%s]", s->names.s + k->module);
		text_add(t, "\n", 1);
	}
}

/* ---- processes ----------------------------------------------------------- */

/*
 * What separate debug information would add is not worth asking a server on
 * the network for it, which libdwfl's own function may do.
 */
static int no_debuginfo(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **found)
{
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = no_debuginfo,
};

/* In clock ticks since boot; 0: there is no such process. */
static __u64 start_of(__u32 pid)
{
	unsigned long long started = 0;
	char path[32], buf[1024], *s;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[len > 0 ? len : 0] = '\0';
	/* The name may hold anything; the 20th field behind it. */
	s = strrchr(buf, ')');
	for (int i = 0; s && i < 20; i++)
		s = strchr(s + 1, ' ');
	if (s)
		sscanf(s, "%llu", &started);
	return started;
}

/* Reads the maps; again if something was mapped since. */
static void process_report(struct process *p)
{
	dwfl_report_begin(p->dwfl);
	dwfl_linux_proc_report(p->dwfl, p->pid);
	dwfl_report_end(p->dwfl, NULL, NULL);
}

static void process_open(struct process *p, __u32 pid, __u64 started)
{
	if (p->dwfl)
		dwfl_end(p->dwfl);
	*p = (struct process){ .pid = pid, .started = started };
	p->dwfl = dwfl_begin(&callbacks);
	if (p->dwfl)
		process_report(p);
}

/* What is known stays known when the process is gone; NULL if nothing is. */
static struct process *process_get(struct symbols *s, __u32 pid)
{
	struct process *p = NULL, *oldest = &s->process[0];
	__u64 started = start_of(pid);

	for (int i = 0; i < PROCESSES; i++) {
		if (s->process[i].pid == pid)
			p = &s->process[i];
		if (s->process[i].used < oldest->used)
			oldest = &s->process[i];
	}
	if (!p && !started)
		return NULL;
	if (!p || (started && p->started != started)) {
		p = p ?: oldest;
		process_open(p, pid, started);
	}
	p->used = ++s->uses;
	return p->dwfl ? p : NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static void add_user(struct text *t, struct process *p, __u64 ip)
{
	const char *name = NULL, *module = NULL;
	Dwfl_Module *mod = NULL;
	GElf_Off offset = 0;
	GElf_Sym sym;

	if (p) {
		mod = dwfl_addrmodule(p->dwfl, ip);
		if (!mod && start_of(p->pid) == p->started) {
			process_report(p);
			mod = dwfl_addrmodule(p->dwfl, ip);
		}
	}
	if (mod) {
		module = base_name(dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
		name = dwfl_module_addrinfo(mod, ip, &offset, &sym, NULL, NULL, NULL);
	}
	if (name)
		text_printf(t, "%s+0x%llx", name, (unsigned long long)offset);
	else
		text_printf(t, "0x%llx", (unsigned long long)ip);
	if (module)
		text_printf(t, " [%s]", module);
	text_add(t, "\n", 1);
}

void symbols_user(struct symbols *s, struct text *t, __u32 pid, const __u64 *ip, size_t n)
{
	struct process *p = process_get(s, pid);

	for (size_t i = 0; i < n; i++)
		add_user(t, p, ip[i]);
}
