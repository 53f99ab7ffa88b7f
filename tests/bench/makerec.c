// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording of any size: makerec FILE OPERATIONS FILES. As many operations, BEGIN and END
 * by turns, of 8 tasks on FILES files of one mount, 20,000 a second, as fio has them in
 * the VM; latencies, places and who does what differ by chance, so that it packs no
 * better than a real one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "catalog.h"
#include "model.h"
#include "opts.h"
#include "recorder.h"
#include "source.h"

#define DEV	42
#define TASKS	8
#define SECOND	1000000000ULL
#define RATE	20000		/* operations a second, and so those of an interval */
#define APART	(SECOND / RATE)

static uint64_t chance(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void fill_catalog(struct catalog *c, uint64_t files)
{
	char path[64];

	catalog_add_mount(c, &(struct mount){ .dev = DEV, .server_pid = 8, .target = "/mnt",
		.source = "/dev/vda", .fstype = "fuse.iomapfs", .server_comm = "iomapfs" });
	for (uint64_t i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "dir%lu/file%lu", i / 1000, i);
		catalog_add_file(c, &(struct file){ .dev = DEV, .ino = i + 2, .nodeid = i + 2,
						    .whole = true, .path = path });
	}
	for (uint32_t i = 0; i < TASKS; i++)
		catalog_add_task(c, &(struct task){ .tid = 100 + i, .pid = 100, .comm = "fio",
						    .process = "fio" });
}

static struct fi_record operation(uint64_t i, uint64_t files)
{
	struct fi_record r = {
		.time_ns = i * APART,
		.ino = 2 + chance() % files,
		.pos = chance() % 1024 * 4096,
		.count = 4096,
		.unique = i,
		.dev = DEV,
		.pid = 100,
		.tid = 100 + chance() % TASKS,
		.server_tid = 8,
		.opflags = FUSE_IOMAP_OP_DIRECT,
		.kind = i & 1 ? FI_END : FI_BEGIN,
		.op = FI_READ_DIRECT,
		.flags = FI_F_TIMED | FI_F_SENT | FI_F_SPLIT,
		.comm = "fio",
	};

	for (int p = 0; p < FI_PHASES; p++)
		r.lat_ns += r.phase_ns[p] = 1000 + chance() % 16384;
	r.nodeid = r.ino;
	r.isize = 4 << 20;
	r.read.offset = r.pos;
	r.read.length = 4096;
	r.read.addr = chance() % 65536 * 4096;
	r.read.type = FUSE_IOMAP_TYPE_MAPPED;
	r.written = r.kind == FI_END ? 4096 : 0;
	return r;
}

/* The ledger agrees with the records. */
static void tick(struct recorder *to, uint64_t done, enum tick_reason why)
{
	struct snapshot s = { .time_ns = done * APART, .splits = true };

	for (int kind = FI_BEGIN; kind <= FI_END; kind++) {
		uint64_t n = done / 2 + (kind == FI_BEGIN && done & 1);

		s.ledger.begun[kind] = s.ledger.sent[kind] = s.ledger.ok[kind] = n;
	}
	s.ledger.records = done;
	recorder_tick(to, &s, why);
	snapshot_free(&s);
}

int main(int argc, char **argv)
{
	uint64_t operations = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
	uint64_t files = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	const struct source_info info = { .backend = "bpf", .kernel = "none", .host = "none",
					  .start_wall_ns = 1700000000 * SECOND, .splits = true };
	const struct fi_settings settings = { .records = 1 };
	struct opts o = { .quiet = true };
	struct catalog *catalog = catalog_new();
	struct recorder *to = NULL;
	int err;

	if (!operations || !files)
		return fputs("usage: makerec FILE OPERATIONS FILES\n", stderr), 2;
	err = recorder_open(&to, argv[1], &o, &info, &settings, catalog);
	if (err)
		return err;
	fill_catalog(catalog, files);
	for (uint64_t i = 0; i < operations; i++) {
		struct fi_record r = operation(i, files);

		recorder_record(to, &r);
		if (i % RATE == RATE - 1)
			tick(to, i + 1, TICK_INTERVAL);
	}
	tick(to, operations, TICK_END);
	err = recorder_close(to);
	catalog_free(catalog);
	return err;
}
