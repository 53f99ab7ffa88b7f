// SPDX-License-Identifier: GPL-2.0-only
/* fuseiomap doctor: what this kernel and this user can do, and what is missing. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "commands.h"
#include "error.h"
#include "events.h"
#include "json.h"
#include "mounts.h"
#include "privilege.h"
#include "source.h"

/* How long to listen for operations, to tell which mounts use iomap. */
#define LISTEN_MS	500

enum result {
	GOOD,
	MISSING,	/* fuseiomap does not work without */
	LIMITED,	/* works, but something is not there */
	UNKNOWN,	/* cannot be told here */
};

static const char *const result_name[] = {
	[GOOD] = "ok", [MISSING] = "missing", [LIMITED] = "limited", [UNKNOWN] = "unknown",
};

#define BTF_CURE	"build the kernel with CONFIG_DEBUG_INFO_BTF=y; without, ftrace is used instead of BPF"
#define FUSE_CURE	"modprobe fuse, or build the kernel with CONFIG_FUSE_FS"
#define SERIES_CURE	"apply the series in kernel/patches, build with CONFIG_FUSE_IOMAP=y"

#define TRACEFS		"/sys/kernel/tracing"
#define ONLY_FTRACE	"; only the ftrace backend needs it"
#define RIGHTS_CURE	"run as root, or give yourself access to " TRACEFS ONLY_FTRACE

struct doctor {
	struct kernel_types types;
	const char *tracefs;	/* where it is; NULL: nowhere, or not for us */
	bool tracefs_closed;	/* it may be there: we may not look */
	struct catalog *catalog;
	/* Of the current check: the table's, unless its test knows better. */
	const char *cure;
	int code;
	struct text detail;	/* of the current check */
	bool broken;		/* something before this check is missing */
	bool verbose;
};

struct check {
	const char *name;
	enum result (*test)(struct doctor *d);
	const char *cure;
	int code;		/* exit code if it is missing */
};

/* ---- what to look at ----------------------------------------------------- */

/* First line of a small file, without its end. False if there is none. */
static bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, size, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

static enum result test_btf(struct doctor *d)
{
	text_printf(&d->detail, "%s" KERNEL_BTF, d->types.vmlinux ? "" : "no ");
	return d->types.vmlinux ? GOOD : LIMITED;
}

/* Its events are what everybody looks for there; mounting it is not ours to do. */
static void find_tracefs(struct doctor *d)
{
	static const char *const roots[] = { TRACEFS, "/sys/kernel/debug/tracing" };
	char path[128];

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && !d->tracefs; i++) {
		snprintf(path, sizeof(path), "%s/events", roots[i]);
		if (!access(path, F_OK))
			d->tracefs = roots[i];
		else
			d->tracefs_closed |= errno == EACCES;
	}
}

static bool tracefs_has(const struct doctor *d, const char *event)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/events/fuse/%s", d->tracefs ? d->tracefs : "", event);
	return d->tracefs && !access(path, F_OK);
}

/* All events of one need, or which of them are not there. */
static enum result test_events(struct doctor *d, enum event_need need, enum result bad)
{
	enum result result = GOOD;

	if (!d->types.vmlinux && !d->tracefs) {
		text_printf(&d->detail, "neither BTF nor tracefs to look in");
		return UNKNOWN;
	}
	for (size_t i = 0; i < nr_events; i++) {
		if (events[i].need != need || event_exists(&d->types, &events[i]) ||
		    tracefs_has(d, events[i].name))
			continue;
		text_printf(&d->detail, "%s%s", result == GOOD ? "not there: " : ", ",
			    events[i].name);
		result = bad;
	}
	if (result == GOOD)
		text_printf(&d->detail, "all there");
	return result;
}

static enum result test_fuse(struct doctor *d)
{
	text_printf(&d->detail, "%s" FUSE_MODULE, fuse_is_there() ? "" : "no ");
	return fuse_is_there() ? GOOD : MISSING;
}

static enum result test_must(struct doctor *d)
{
	return test_events(d, EVENT_MUST, MISSING);
}

static enum result test_done(struct doctor *d)
{
	return test_events(d, EVENT_DONE, LIMITED);
}

static enum result test_split(struct doctor *d)
{
	return test_events(d, EVENT_SPLIT, LIMITED);
}

static enum result test_extra(struct doctor *d)
{
	return test_events(d, EVENT_EXTRA, LIMITED);
}

/* Where the kernel's build says what was set; NULL if it does not. */
static const char *config_path(char *buf, size_t size)
{
	struct utsname u;

	if (!access("/proc/config.gz", R_OK))
		return "/proc/config.gz";
	uname(&u);
	snprintf(buf, size, "/boot/config-%s", u.release);
	return access(buf, R_OK) ? NULL : buf;
}

/* gzopen() reads plain files too. */
static bool config_set(const char *path, const char *symbol)
{
	gzFile f = gzopen(path, "re");
	size_t len = strlen(symbol);
	bool set = false;
	char line[256];

	while (f && !set && gzgets(f, line, sizeof(line)))
		set = !strncmp(line, symbol, len) && line[len] == '=' && line[len + 1] != 'n';
	if (f)
		gzclose(f);
	return set;
}

/* A list that ends with NULL. */
static enum result test_symbols(struct doctor *d, const char *const *symbols)
{
	enum result result = GOOD;
	char buf[256];
	const char *path = config_path(buf, sizeof(buf));

	if (!path) {
		text_printf(&d->detail, "no /proc/config.gz and no /boot/config for this kernel");
		return UNKNOWN;
	}
	for (; *symbols; symbols++) {
		if (config_set(path, *symbols))
			continue;
		text_printf(&d->detail, "%s%s", result == GOOD ? "" : ", ", *symbols);
		result = LIMITED;
	}
	text_printf(&d->detail, "%sset in %s", result == GOOD ? "" : " not ", path);
	return result;
}

static enum result test_config(struct doctor *d)
{
	static const char *const symbols[] = { "CONFIG_FUSE_IOMAP", NULL };

	return test_symbols(d, symbols);
}

static enum result test_options(struct doctor *d)
{
	static const char *const symbols[] = {
		"CONFIG_BPF_SYSCALL", "CONFIG_BPF_JIT", "CONFIG_BPF_EVENTS",
		"CONFIG_DEBUG_INFO_BTF", "CONFIG_TRACING", "CONFIG_STACKTRACE",
		"CONFIG_CGROUPS", "CONFIG_KALLSYMS", NULL,
	};

	return test_symbols(d, symbols);
}

static enum result test_enabled(struct doctor *d)
{
	const char *path = FUSE_MODULE "/parameters/enable_iomap";
	char line[16];

	if (!read_line(path, line, sizeof(line))) {
		text_printf(&d->detail, "no %s", path);
		d->cure = fuse_is_there() ? SERIES_CURE : FUSE_CURE;
		return LIMITED;
	}
	text_printf(&d->detail, "fuse.enable_iomap=%s", line);
	return line[0] == 'Y' || line[0] == '1' ? GOOD : LIMITED;
}

static enum result test_caps(struct doctor *d)
{
	bool load = may_load(), trace = may_trace();

	text_printf(&d->detail, "user %u, %s", (unsigned int)geteuid(),
		    load && trace ? "CAP_BPF and CAP_PERFMON" :
		    load ? "no CAP_PERFMON" :
		    trace ? "no CAP_BPF" : "no CAP_BPF, no CAP_PERFMON");
	/* Only BPF takes them. */
	return load && trace ? GOOD : d->types.vmlinux ? MISSING : LIMITED;
}

static enum result test_lockdown(struct doctor *d)
{
	char line[128];

	if (!read_line("/sys/kernel/security/lockdown", line, sizeof(line))) {
		text_printf(&d->detail, "none");
		return GOOD;
	}
	text_printf(&d->detail, "%s", line);
	return strstr(line, "[confidentiality]") ? MISSING : GOOD;
}

static enum result no_tracefs(struct doctor *d)
{
	if (d->tracefs_closed) {
		text_printf(&d->detail, "no right to look into " TRACEFS);
		d->cure = RIGHTS_CURE;
		d->code = FI_NO_PRIVILEGE;
	} else if (access(TRACEFS, F_OK)) {
		/* A kernel that has it makes the directory, too. */
		text_printf(&d->detail, "no " TRACEFS);
		d->cure = "build the kernel with CONFIG_FTRACE=y" ONLY_FTRACE;
	} else {
		text_printf(&d->detail, "nothing is mounted at " TRACEFS);
	}
	/* Without BTF there is no other. */
	return d->types.vmlinux ? LIMITED : MISSING;
}

/* Needs an instance of its own, below tracefs. */
static enum result test_ftrace(struct doctor *d)
{
	char path[128];

	if (!d->tracefs)
		return no_tracefs(d);
	snprintf(path, sizeof(path), "%s/instances", d->tracefs);
	text_printf(&d->detail, "%s", path);
	if (access(path, W_OK)) {
		text_printf(&d->detail, " cannot be written: %s", strerror(errno));
		d->cure = RIGHTS_CURE;
		d->code = FI_NO_PRIVILEGE;
		return d->types.vmlinux ? LIMITED : MISSING;
	}
	if (tracefs_has(d, "fuse_iomap_begin"))
		return GOOD;
	text_printf(&d->detail, "; no event fuse:fuse_iomap_begin");
	d->cure = fuse_is_there() ? SERIES_CURE : FUSE_CURE;
	return LIMITED;
}

/* A filter with -g needs the one hierarchy of version 2. */
static enum result test_cgroup(struct doctor *d)
{
	const char *path = "/sys/fs/cgroup/cgroup.controllers";

	text_printf(&d->detail, "%s%s", access(path, F_OK) ? "no " : "", path);
	return access(path, F_OK) ? LIMITED : GOOD;
}

/* ---- the proof ----------------------------------------------------------- */

static void list_mounts(struct doctor *d, const struct snapshot *s)
{
	const struct mount **mounts;
	struct rows rows = { 0 };
	const char *comma = "";
	size_t n = catalog_mounts(d->catalog, &mounts);

	rows_make(&rows, BY_MOUNT, NULL, s, &(struct snapshot){ 0 }, true);
	for (size_t i = 0; i < n; i++) {
		const struct mount *m = mounts[i];
		__u64 seen = 0;

		for (size_t r = 0; r < rows.n; r++)
			if (rows.row[r].key.dev == m->dev)
				for (int k = 0; k < FI_KINDS; k++)
					seen += rows.row[r].kind[k]->v.done;
		text_printf(&d->detail, "%s%s (%s, connection %u", comma, m->target,
			    m->fstype, m->dev);
		if (m->server_pid)
			text_printf(&d->detail, ", served by %s %u", m->server_comm,
				    m->server_pid);
		text_printf(&d->detail, "%s)", seen ? ", uses iomap" : "");
		comma = "; ";
	}
	if (!n)
		text_printf(&d->detail, "no FUSE file system is mounted");
	rows_free(&rows);
}

/* Nothing tells more than doing it: load, attach, listen. */
static enum result test_load(struct doctor *d)
{
	struct source_config config = {
		.settings = { .cells = 1, .records = 1, .hists = 1, .servers = 1 },
		.backend = BACKEND_BPF,
		.verbose = d->verbose,
		.catalog = d->catalog,
	};
	struct snapshot s = { 0 };
	struct source *src;

	if (d->broken) {
		text_printf(&d->detail, "not tried, see above");
		return UNKNOWN;
	}
	if (!d->types.vmlinux) {
		text_printf(&d->detail, "not to be had without BTF: ftrace is used");
		d->cure = BTF_CURE;
		return LIMITED;
	}
	if (source_open(&src, &config)) {
		text_printf(&d->detail, "the kernel refuses them (-v shows why)");
		return MISSING;
	}
	source_start(src);
	nanosleep(&(struct timespec){ .tv_nsec = LISTEN_MS * 1000000L }, NULL);
	source_stop(src);
	source_read(src, &s);
	source_close(src);
	text_printf(&d->detail, "loaded, attached; mounts: ");
	list_mounts(d, &s);
	snapshot_free(&s);
	return GOOD;
}

static const struct check checks[] = {
	{ "kernel types (BTF)", test_btf, BTF_CURE },
	{ "FUSE in the kernel", test_fuse, FUSE_CURE, FI_NO_TRACEPOINTS },
	{ "fuse-iomap in the kernel", test_config, SERIES_CURE },
	{ "options of the kernel", test_options,
	  "build the kernel with them; what each is missed for, the other checks tell" },
	{ "fuse-iomap tracepoints", test_must, SERIES_CURE "; `make kernel' does it",
	  FI_NO_TRACEPOINTS },
	{ "done tracepoints", test_done,
	  "the fuse_trace: patches in kernel/patches have them; without, ENDs that are not sent are not "
	  "seen, and what was answered from the mapping cache has no latency" },
	{ "request tracepoints", test_split,
	  "Linux 7.3 has them; without, the wait is not split into queue, server and wake-up" },
	{ "other tracepoints", test_extra, "without, refused answers are not counted" },
	{ "fuse-iomap switched on", test_enabled,
	  "echo Y > /sys/module/fuse/parameters/enable_iomap, before mounting" },
	{ "privilege", test_caps, "run as root, or: setcap cap_bpf,cap_perfmon+ep fuseiomap",
	  FI_NO_PRIVILEGE },
	{ "lockdown", test_lockdown, "boot with lockdown=integrity or without lockdown",
	  FI_NO_PRIVILEGE },
	{ "ftrace backend", test_ftrace,
	  "mount -t tracefs tracefs " TRACEFS ONLY_FTRACE, FI_NO_TRACEPOINTS },
	{ "cgroup filter", test_cgroup, "mount -t cgroup2 cgroup2 /sys/fs/cgroup" },
	{ "BPF programs", test_load, "run with -v and report what it says", FI_FAILED },
};

/* ---- the command --------------------------------------------------------- */

static void print(const struct check *c, enum result result, struct doctor *d, struct json *j)
{
	bool cure = result == MISSING || result == LIMITED;

	if (j) {
		json_line(j, "check");
		json_str(j, "name", c->name);
		json_str(j, "result", result_name[result]);
		json_str(j, "detail", d->detail.s);
		if (cure)
			json_str(j, "cure", d->cure);
		json_put(j);
		return;
	}
	printf("%-8s %-25s %s\n", result_name[result], c->name, d->detail.s);
	if (cure)
		printf("%-8s %-25s -> %s\n", "", "", d->cure);
}

static int run(const struct opts *o)
{
	struct json json = { .out = stdout };
	struct doctor d = { .verbose = o->verbose };
	struct utsname u;
	int code = FI_OK;

	uname(&u);
	if (o->json) {
		json_header(&json, "doctor");
		json_str(&json, "kernel", u.release);
		json_put(&json);
	} else {
		printf("Linux %s, %s\n", u.release, u.machine);
	}
	libbpf_talks(o->verbose);
	kernel_types_open(&d.types);
	find_tracefs(&d);
	d.catalog = catalog_new();
	mounts_read(d.catalog);
	mounts_find_servers(d.catalog);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		enum result result;

		text_clear(&d.detail);
		d.cure = checks[i].cure;
		d.code = checks[i].code;
		result = checks[i].test(&d);
		print(&checks[i], result, &d, o->json ? &json : NULL);
		if (result != MISSING)
			continue;
		d.broken = true;
		if (!code)
			code = d.code;
	}
	if (o->json) {
		json_line(&json, "end");
		json_bool(&json, "complete", !d.broken);
		json_put(&json);
	}
	kernel_types_close(&d.types);
	catalog_free(d.catalog);
	text_free(&d.detail);
	text_free(&json.text);
	return code;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "what this kernel and this user can do, and what is missing",
	.doc = "Checks everything that the other commands need and names the cure for what is "
	       "missing. Exit status 0: nothing is missing, though something may be limited; 3: the "
	       "kernel lacks something; 4: privilege.",
	.takes = OPT_JSON,
	.run = run,
};
