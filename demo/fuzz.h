/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A server that lies, or dies: answers that are wrong by chance, and an end at
 * a chosen request. What is sent instead of an answer follows from a seed, the
 * request and its number, so that a run with one thread and one client repeats.
 *
 * Lies that the kernel cannot notice are left out (but see "wild"): a mapping
 * that keeps all rules and leads to another place is believed, and data is
 * lost. So with all others an application gets an error, or right data.
 */
#ifndef IOMAPFS_FUZZ_H
#define IOMAPFS_FUZZ_H

#include <argp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/fuse.h>

#include "fuse_iomap_abi.h"

enum lie {
	LIE_MAP, LIE_WILD, LIE_ERROR, LIE_SIZE, LIE_ATTR, LIE_INIT, LIE_CONFIG, LIE_LATE,
	LIE_TWICE, LIE_WRONG, LIE_NEVER, LIE_SHORT, LIE_LONG, LIES
};

struct die_point;

/** A device that mappings can name. */
struct fuzz_dev {
	uint32_t id;			/* backing id; 0: there is none */
	uint64_t size;			/* bytes */
};

#define FUZZ_DEVS 2

/* Zeroed = an honest server that lives. */
struct fuzz {
	unsigned int lies;		/* a bit for each that may be told */
	uint64_t seed;
	bool seed_given;
	uint64_t share;			/* percent of the answers; 0 = 10 */

	const struct die_point *die;	/* NULL: never */
	bool die_after;			/* the answer, not before */
	uint64_t die_nr;		/* at this one, counted from 1 */

	uint64_t maxbytes;		/* no file is longer */
	uint32_t block_size;
	struct fuzz_dev devs[FUZZ_DEVS];

	atomic_ulong seen[64];		/* answers so far, by opcode modulo 64 */
	atomic_ulong seen_die;		/* requests of die */
	atomic_ulong told[LIES];
};

/** A request as far as it matters here. */
struct fuzz_request {
	struct fuse_in_header header;
	struct fuse_iomap_begin_in begin;	/* valid if that is its opcode */
};

/** The options --fuzz, --seed, --fuzz-share and --die; its input is a struct fuzz. */
extern const struct argp fuzz_argp;

/** Tell the seed, if there is anything that follows from it. */
void fuzz_begin(struct fuzz *fuzz);

/** This thread has received @request; it may be the last thing. */
void fuzz_received(struct fuzz *fuzz, const struct fuzz_request *request);

/**
 * Answer this thread's @request with @iov, or with something else. Returns as
 * writev(2); if the answer is withheld, as if it had been sent.
 */
ssize_t fuzz_answer(struct fuzz *fuzz, int fd, const struct fuzz_request *request,
		    const struct iovec *iov, int count);

/** Print how many lies of each kind were told, if any could be. */
void fuzz_report(const struct fuzz *fuzz);

/**
 * The rules that the answer to a BEGIN breaks, as a set of bits; 0: none. These
 * are those of Documentation/filesystems/fuse/, written once more.
 */
uint64_t fuzz_rules_broken(const struct fuzz *fuzz, const struct fuse_iomap_begin_in *in,
			   const struct fuse_iomap_begin_out *out);

/** The name of rule @i; NULL behind the last. */
const char *fuzz_rule_name(unsigned int i);

/** The same for the answer to CONFIG, whose rules are others. */
uint64_t fuzz_config_rules_broken(const struct fuse_iomap_config_out *out);
const char *fuzz_config_rule_name(unsigned int i);

#endif
