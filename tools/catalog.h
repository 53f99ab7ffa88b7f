/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of the things that numbers are about: mounts, files, tasks,
 * stacks. Sources fill it, views look things up; a recorder listens, so that a
 * replay fills it in the same way.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "fuseiomap.h"
#include "text.h"

/* Strings are never NULL. */
struct mount {
	__u32 dev;		/* dev_t of the superblock, as in struct fi_cell_key */
	__u32 server_pid;	/* 0: unknown */
	bool  gone;		/* was there once */
	char *target;		/* mount point */
	char *source;
	char *fstype;
	char *server_comm;
};

struct file {
	__u32 dev;
	__u64 ino;
	__u64 nodeid;		/* 0: unknown */
	bool  whole;		/* path goes up to the root of the mount */
	char *path;		/* "dir/name" below the root; "" if unknown */
};

struct task {
	__u32 tid;
	__u32 pid;
	char  comm[FI_COMM_LEN + 1];
	char  process[FI_COMM_LEN + 1];	/* comm of the leader */
};

/* Frames with names already: where a recording is read, there are no symbols. */
struct stack {
	__s32 id;		/* > 0, as in struct fi_record */
	bool  user;
	char *frames;		/* innermost first, one per line: "name+0x1c [module]" */
};

enum catalog_kind { CATALOG_MOUNT, CATALOG_FILE, CATALOG_TASK, CATALOG_STACK };

struct catalog;

/* `entry` is a struct of that kind, new or changed. */
typedef void (*catalog_listener)(void *ctx, enum catalog_kind kind, const void *entry);

struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);

/*
 * Keeps the last n to 2n files, and as many tasks, that were added or used; the rest
 * is forgotten. Without it nothing is: a recording tells a name only once.
 */
void catalog_bound(struct catalog *c, size_t n);

/* One listener; it is told at once of all that is there already. */
void catalog_listen(struct catalog *c, catalog_listener fn, void *ctx);

/*
 * Add or replace by key (dev; dev and ino; tid; id); the strings are copied.
 * The listener hears of it if anything is different.
 */
void catalog_add_mount(struct catalog *c, const struct mount *m);
void catalog_add_file(struct catalog *c, const struct file *f);
void catalog_add_task(struct catalog *c, const struct task *t);
void catalog_add_stack(struct catalog *c, const struct stack *s);

/* From what BPF keeps: puts the path together. */
void catalog_add_fi_file(struct catalog *c, const struct fi_file_key *key,
			 const struct fi_file *f);
void catalog_add_fi_task(struct catalog *c, __u32 tid, const struct fi_task *t);

/* NULL if unknown. Valid until that entry is replaced or forgotten, so until the next add. */
const struct mount *catalog_mount(const struct catalog *c, __u32 dev);
const struct file *catalog_file(const struct catalog *c, __u32 dev, __u64 ino);
const struct task *catalog_task(const struct catalog *c, __u32 tid);
const struct stack *catalog_stack(const struct catalog *c, __s32 id);

/* The same, for what has just been seen again. */
const struct file *catalog_use_file(struct catalog *c, __u32 dev, __u64 ino);
const struct task *catalog_use_task(struct catalog *c, __u32 tid);

/* All mounts, by dev. */
size_t catalog_mounts(const struct catalog *c, const struct mount ***list);

/* As shown: the name, else a stand-in that tells what it is. All return buf. */
char *catalog_mount_name(const struct catalog *c, __u32 dev, char *buf, size_t size);
char *catalog_file_name(const struct catalog *c, __u32 dev, __u64 ino, char *buf, size_t size);

/* The same file with its mount point in front. */
char *catalog_file_path(const struct catalog *c, __u32 dev, __u64 ino, char *buf, size_t size);

#define DEV_MAJOR(dev)	((dev) >> 20)
#define DEV_MINOR(dev)	((dev) & 0xfffff)

#endif
