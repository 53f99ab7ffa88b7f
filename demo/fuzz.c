// SPDX-License-Identifier: GPL-2.0-only
/* Lies by chance, and an end by choice; the contract is in fuzz.h. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "help.h"

#define WRITE_LIKE (FUSE_IOMAP_OP_WRITE | FUSE_IOMAP_OP_ZERO | FUSE_IOMAP_OP_UNSHARE | \
		    FUSE_IOMAP_OP_WRITEBACK)
#define LATE_MAX_NS	50000000
#define DEFAULT_SHARE	10
#define MAX_ANSWER	(1 << 17)

/* Chance */

struct chance {
	uint64_t state;
};

static uint64_t draw(struct chance *chance)
{
	uint64_t x = chance->state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t below(struct chance *chance, uint64_t n)
{
	return draw(chance) % n;
}

#define ONE_OF(chance, list) ((list)[below(chance, sizeof(list) / sizeof((list)[0]))])

/* Rules */

struct view {
	const struct fuzz *fuzz;
	const struct fuse_iomap_begin_in *in;
	const struct fuse_iomap_io *map;
	bool is_read;			/* it is the read mapping */
	bool is_used;			/* the operation works on it */
};

static bool has_space(const struct fuse_iomap_io *map)
{
	return map->type == FUSE_IOMAP_TYPE_MAPPED || map->type == FUSE_IOMAP_TYPE_UNWRITTEN;
}

static bool has_place(const struct view *v)
{
	return v->map->dev != FUSE_IOMAP_DEV_NULL || v->map->addr != FUSE_IOMAP_NULL_ADDR;
}

static bool overflows(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum);
}

static bool unknown_type(const struct view *v)
{
	return (v->map->type > FUSE_IOMAP_TYPE_INLINE && v->map->type < FUSE_IOMAP_TYPE_NOCACHE) ||
	       v->map->type > FUSE_IOMAP_TYPE_PURE_OVERWRITE;
}

static bool type_not_here(const struct view *v)
{
	return v->map->type == FUSE_IOMAP_TYPE_INLINE || v->map->type == FUSE_IOMAP_TYPE_NOCACHE ||
	       v->map->type == FUSE_IOMAP_TYPE_RETRY_CACHE ||
	       (v->is_read && v->map->type == FUSE_IOMAP_TYPE_PURE_OVERWRITE);
}

static bool unknown_flags(const struct view *v)
{
	return v->map->flags >> 10;
}

static bool flags_not_here(const struct view *v)
{
	return v->map->flags & (FUSE_IOMAP_F_ANON_WRITE | FUSE_IOMAP_F_ATOMIC_BIO |
				FUSE_IOMAP_F_SIZE_CHANGED | FUSE_IOMAP_F_STALE);
}

static bool no_length(const struct view *v)
{
	return !v->map->length;
}

static bool unaligned_range(const struct view *v)
{
	return (v->map->offset | v->map->length) % v->fuzz->block_size;
}

static bool range_overflows(const struct view *v)
{
	return overflows(v->map->offset, v->map->length);
}

static bool beyond_files(const struct view *v)
{
	return v->map->offset >= v->fuzz->maxbytes;
}

static bool not_at_pos(const struct view *v)
{
	return v->map->offset > v->in->pos || v->map->offset + v->map->length <= v->in->pos;
}

static bool space_without_place(const struct view *v)
{
	return has_space(v->map) && (v->map->dev == FUSE_IOMAP_DEV_NULL ||
				     v->map->addr == FUSE_IOMAP_NULL_ADDR);
}

/* The device of a mapping, or NULL. */
static const struct fuzz_dev *dev_of(const struct view *v)
{
	for (int i = 0; i < FUZZ_DEVS; i++)
		if (v->fuzz->devs[i].id && v->fuzz->devs[i].id == v->map->dev)
			return &v->fuzz->devs[i];
	return NULL;
}

static bool unknown_device(const struct view *v)
{
	return has_space(v->map) && !dev_of(v);
}

static bool unaligned_place(const struct view *v)
{
	return has_space(v->map) && v->map->addr % 512;
}

static bool place_overflows(const struct view *v)
{
	return has_space(v->map) && overflows(v->map->addr, v->map->length);
}

static bool beyond_device(const struct view *v)
{
	const struct fuzz_dev *dev = dev_of(v);

	return has_space(v->map) && dev && v->map->addr + v->map->length > dev->size;
}

static bool place_without_space(const struct view *v)
{
	return !has_space(v->map) && has_place(v);
}

static bool nowhere_to_write(const struct view *v)
{
	const uint32_t op = v->in->opflags;
	const bool leaves = op & FUSE_IOMAP_OP_WRITEBACK ||
			    (op & FUSE_IOMAP_OP_WRITE && op & FUSE_IOMAP_OP_DIRECT);

	return v->is_used && ((leaves && !has_space(v->map)) ||
			      (op & FUSE_IOMAP_OP_WRITE && !(op & FUSE_IOMAP_OP_UNSHARE) &&
			       v->map->type == FUSE_IOMAP_TYPE_HOLE));
}

static const struct rule {
	const char *name;
	bool (*broken)(const struct view *v);
} rules[] = {
	{ "unknown-type", unknown_type },
	{ "type-not-here", type_not_here },
	{ "unknown-flags", unknown_flags },
	{ "flags-not-here", flags_not_here },
	{ "no-length", no_length },
	{ "unaligned-range", unaligned_range },
	{ "range-overflows", range_overflows },
	{ "beyond-files", beyond_files },
	{ "not-at-pos", not_at_pos },
	{ "space-without-place", space_without_place },
	{ "unknown-device", unknown_device },
	{ "unaligned-place", unaligned_place },
	{ "place-overflows", place_overflows },
	{ "beyond-device", beyond_device },
	{ "place-without-space", place_without_space },
	{ "nowhere-to-write", nowhere_to_write },
	{ NULL }
};

const char *fuzz_rule_name(unsigned int i)
{
	return rules[i].name;
}

uint64_t fuzz_rules_broken(const struct fuzz *fuzz, const struct fuse_iomap_begin_in *in,
			   const struct fuse_iomap_begin_out *out)
{
	const bool uses_write = in->opflags & WRITE_LIKE &&
				out->write.type != FUSE_IOMAP_TYPE_PURE_OVERWRITE;
	uint64_t broken = 0;

	for (int i = 0; i < 2; i++) {
		struct view view = {
			.fuzz = fuzz,
			.in = in,
			.map = i ? &out->write : &out->read,
			.is_read = !i,
			.is_used = i == uses_write,
		};

		for (int r = 0; rules[r].name; r++)
			broken |= (uint64_t)rules[r].broken(&view) << r;
	}
	return broken;
}

/* Rules for CONFIG */

typedef struct fuse_iomap_config_out config_t;

static bool has(const config_t *out, uint64_t flag)
{
	return out->flags & flag;
}

static bool config_flags(const config_t *out)
{
	return out->flags >> 7;
}

static bool config_padding(const config_t *out)
{
	return out->s_pad[0] | out->s_pad[1] | out->s_pad[2] | out->pad;
}

/* It ends, is not empty, and has nothing that would move a cursor. */
static bool config_id(const config_t *out)
{
	const size_t len = strnlen(out->s_id, sizeof(out->s_id));
	size_t printable = 0;

	while (printable < len && out->s_id[printable] >= ' ' && out->s_id[printable] <= '~')
		printable++;
	return has(out, FUSE_IOMAP_CONFIG_SID) &&
	       (!len || len == sizeof(out->s_id) || printable < len);
}

static bool config_uuid(const config_t *out)
{
	return has(out, FUSE_IOMAP_CONFIG_UUID) && (out->s_uuid_len < 1 || out->s_uuid_len > 16);
}

/* A block is one folio at most, and large folios come with huge pages. */
static uint32_t largest_block(void)
{
	bool large = access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;

	return large ? 65536 : (uint32_t)sysconf(_SC_PAGESIZE);
}

static bool config_block_size(const config_t *out)
{
	return has(out, FUSE_IOMAP_CONFIG_BLOCKSIZE) &&
	       (__builtin_popcount(out->s_blocksize) != 1 || out->s_blocksize < 512 ||
		out->s_blocksize > largest_block());
}

static bool config_links(const config_t *out)
{
	return has(out, FUSE_IOMAP_CONFIG_MAX_LINKS) && !out->s_max_links;
}

static bool config_granularity(const config_t *out)
{
	return has(out, FUSE_IOMAP_CONFIG_TIME) &&
	       (out->s_time_gran < 1 || out->s_time_gran > 1000000000);
}

static bool config_time(const config_t *out)
{
	return has(out, FUSE_IOMAP_CONFIG_TIME) && out->s_time_min > out->s_time_max;
}

static bool config_size(const config_t *out)
{
	return has(out, FUSE_IOMAP_CONFIG_MAXBYTES) && out->s_maxbytes <= 0;
}

static const struct config_rule {
	const char *name;
	bool (*broken)(const config_t *out);
} config_rules[] = {
	{ "flag", config_flags },
	{ "padding", config_padding },
	{ "id", config_id },
	{ "uuid", config_uuid },
	{ "block-size", config_block_size },
	{ "links", config_links },
	{ "granularity", config_granularity },
	{ "time", config_time },
	{ "size", config_size },
	{ NULL }
};

const char *fuzz_config_rule_name(unsigned int i)
{
	return config_rules[i].name;
}

uint64_t fuzz_config_rules_broken(const config_t *out)
{
	uint64_t broken = 0;

	for (int r = 0; config_rules[r].name; r++)
		broken |= (uint64_t)config_rules[r].broken(out) << r;
	return broken;
}

/* Lies */

struct answer {
	const struct fuzz *fuzz;
	const struct fuzz_request *request;
	struct chance *chance;
	struct fuse_out_header *header;	/* the payload follows */
	size_t len;			/* of both */
	char note[256];			/* what the lie is */
};

static void *payload(const struct answer *answer)
{
	return answer->header + 1;
}

static uint64_t strange_number(struct chance *chance, uint64_t old, const struct answer *answer)
{
	const uint64_t block = answer->fuzz->block_size;
	const uint64_t numbers[] = {
		0, 1, UINT64_MAX, old + 1, old - 1, old + block, old - block, -block,
		old ^ 1ULL << below(chance, 64), answer->fuzz->maxbytes,
		answer->fuzz->devs[below(chance, FUZZ_DEVS)].size,
		answer->request->begin.pos, draw(chance), draw(chance) & -block, INT64_MAX,
		1ULL << 63, old * 2,
	};

	return ONE_OF(chance, numbers);
}

static void break_map(struct answer *answer, struct fuse_iomap_io *map)
{
	struct chance *chance = answer->chance;

	switch (below(chance, 6)) {
	case 0:
		map->offset = strange_number(chance, map->offset, answer);
		break;
	case 1:
		map->length = strange_number(chance, map->length, answer);
		break;
	case 2:
		map->addr = strange_number(chance, map->addr, answer);
		break;
	case 3: {
		const uint16_t types[] = { 0, 1, 2, 3, 4, 5, 252, 253, 254, 255, 256, draw(chance) };

		map->type = ONE_OF(chance, types);
		break;
	}
	case 4:
		map->flags ^= below(chance, 4) ? 1U << below(chance, 16) : draw(chance);
		break;
	case 5: {
		const uint32_t devs[] = { 0, map->dev + 1, map->dev - 1, 1024, 1025, draw(chance) };

		map->dev = ONE_OF(chance, devs);
		break;
	}
	}
}

/* Into the note: those of them that are broken. */
static void name_rules(struct answer *answer, uint64_t broken,
		       const char *(*rule_name)(unsigned int i))
{
	FILE *out = fmemopen(answer->note, sizeof(answer->note), "w");

	if (!out)
		return;
	for (int i = 0; rule_name(i); i++)
		if (broken >> i & 1)
			fprintf(out, "%s%s", ftell(out) ? "," : "rules=", rule_name(i));
	if (!broken)
		fputs("kept", out);
	fclose(out);
}

/* A mapping of the same place in other words: shorter, and with flags that say nothing. */
static void reword_map(struct answer *answer, struct fuse_iomap_io *map)
{
	const uint64_t block = answer->fuzz->block_size;
	const uint16_t flags[] = { FUSE_IOMAP_F_DIRTY, FUSE_IOMAP_F_SHARED, FUSE_IOMAP_F_MERGED,
				   FUSE_IOMAP_F_BOUNDARY, FUSE_IOMAP_F_WANT_IOMAP_END };
	uint64_t skip = (answer->request->begin.pos & -block) - map->offset;

	map->flags |= ONE_OF(answer->chance, flags);
	map->offset += skip;
	map->length = below(answer->chance, 2) ? block : map->length - skip;
	if (has_space(map))
		map->addr += skip;
}

static bool lie_map(struct answer *answer)
{
	struct fuse_iomap_begin_out *out = payload(answer), truth = *out;
	const struct fuse_iomap_begin_in *in = &answer->request->begin;

	for (int attempt = 0; attempt < 32; attempt++) {
		uint64_t broken;

		*out = truth;
		for (uint64_t n = 1 + below(answer->chance, 3); n; n--)
			break_map(answer, below(answer->chance, 2) ? &out->write : &out->read);
		broken = fuzz_rules_broken(answer->fuzz, in, out);
		if (broken) {
			name_rules(answer, broken, fuzz_rule_name);
			return true;
		}
	}
	*out = truth;
	reword_map(answer, &out->read);
	reword_map(answer, &out->write);
	strcpy(answer->note, "reworded");
	return true;
}

static bool lie_wild(struct answer *answer)
{
	struct fuse_iomap_begin_out *out = payload(answer);
	uint64_t broken;

	for (uint64_t n = 1 + below(answer->chance, 3); n; n--)
		break_map(answer, below(answer->chance, 2) ? &out->write : &out->read);
	broken = fuzz_rules_broken(answer->fuzz, &answer->request->begin, out);
	name_rules(answer, broken, fuzz_rule_name);
	return true;
}

/*
 * Some are no errors that a server may give; the kernel refuses such an answer,
 * and has to get another. ENOSYS only where it is no promise for all time that
 * the server could not keep.
 */
static bool lie_error(struct answer *answer)
{
	const int errors[] = { EIO, ENOSPC, EINTR, EAGAIN, ENOMEM, ENOTBLK, EUCLEAN, EOPNOTSUPP,
			       EFBIG, ESTALE, ENODEV, ENOTCONN, EFAULT, EPERM, ENOENT, EINVAL, EEXIST,
			       1 + (int)below(answer->chance, 511),
			       512, 513, 529, 4095, INT_MAX, -EIO, INT_MIN };
	int error = ONE_OF(answer->chance, errors);

	if (error == ENOSYS && answer->request->header.opcode != FUSE_IOMAP_END)
		error = EIO;
	answer->header->error = -(unsigned int)error;
	answer->len = sizeof(*answer->header);
	snprintf(answer->note, sizeof(answer->note), "error=%d", answer->header->error);
	return true;
}

/* A size that is possible would be believed. */
static bool lie_size(struct answer *answer)
{
	struct fuse_iomap_ioend_out *out = payload(answer);
	const uint64_t sizes[] = { 0, out->newsize / 2, answer->fuzz->maxbytes + 1, INT64_MAX,
				   1ULL << 63, UINT64_MAX, draw(answer->chance) | 1ULL << 63 };

	out->newsize = ONE_OF(answer->chance, sizes);
	snprintf(answer->note, sizeof(answer->note), "newsize=%#llx%s", out->newsize,
		 out->newsize > answer->fuzz->maxbytes ? " rules=beyond-files" : "");
	return true;
}

static struct fuse_attr *attr_of(const struct answer *answer)
{
	switch (answer->request->header.opcode) {
	case FUSE_LOOKUP: case FUSE_CREATE: case FUSE_MKNOD:
		return &((struct fuse_entry_out *)payload(answer))->attr;
	default:
		return &((struct fuse_attr_out *)payload(answer))->attr;
	}
}

/* Size, block size and flags that are possible would be believed. */
static bool lie_attr(struct answer *answer)
{
	struct fuse_attr *attr = attr_of(answer);
	struct chance *chance = answer->chance;
	const uint32_t blksizes[] = { 1, 3, 4095, 4097, 131072, 1U << 31, UINT32_MAX };
	const uint64_t sizes[] = { answer->fuzz->maxbytes + 1, 1ULL << 63, UINT64_MAX };
	const uint32_t types[] = { 0, S_IFDIR, S_IFLNK, S_IFIFO, S_IFMT };

	if (!S_ISREG(attr->mode))
		return false;
	switch (below(chance, 5)) {
	case 0:
		attr->blksize = ONE_OF(chance, blksizes);
		snprintf(answer->note, sizeof(answer->note), "blksize=%u", attr->blksize);
		break;
	case 1:
		attr->size = ONE_OF(chance, sizes);
		snprintf(answer->note, sizeof(answer->note), "size=%#llx",
			 (unsigned long long)attr->size);
		break;
	case 2:
		attr->flags &= ~FUSE_ATTR_EXCLUSIVE;
		strcpy(answer->note, "not exclusive");
		break;
	case 3:
		attr->flags |= draw(chance);
		snprintf(answer->note, sizeof(answer->note), "flags=%#x", attr->flags);
		break;
	case 4:
		attr->mode = (attr->mode & ~S_IFMT) | ONE_OF(chance, types);
		snprintf(answer->note, sizeof(answer->note), "mode=%#o", attr->mode);
		break;
	}
	return true;
}

static bool lie_init(struct answer *answer)
{
	uint32_t *words = payload(answer);
	const size_t n = (answer->len - sizeof(*answer->header)) / sizeof(*words);

	for (uint64_t times = 1 + below(answer->chance, 3); times; times--) {
		const uint64_t i = below(answer->chance, n);
		const uint32_t values[] = { 0, 1, UINT32_MAX, words[i] ^ 1U << below(answer->chance, 32),
					    draw(answer->chance) };

		words[i] = ONE_OF(answer->chance, values);
		snprintf(answer->note, sizeof(answer->note), "word %llu = %#x",
			 (unsigned long long)i, words[i]);
	}
	return true;
}

static void break_config(struct answer *answer, config_t *out)
{
	struct chance *chance = answer->chance;

	switch (below(chance, 10)) {
	case 0:
		out->flags ^= below(chance, 4) ? 1ULL << below(chance, 8) : draw(chance);
		break;
	case 1:
		out->s_pad[below(chance, 3)] = draw(chance);
		break;
	case 2: {
		const int chars[] = { 0, 1, '/', '%', '\n', 'x', 0xff };

		memset(out->s_id, ONE_OF(chance, chars), 1 + below(chance, sizeof(out->s_id)));
		break;
	}
	case 3: {
		const uint8_t lens[] = { 0, 1, 15, 16, 17, 255, draw(chance) };

		out->s_uuid_len = ONE_OF(chance, lens);
		break;
	}
	case 4: {
		const uint32_t sizes[] = { 0, 1, 256, 512, 1000, 4096, 65536, 131072, 1U << 31,
					   UINT32_MAX, draw(chance) };

		out->s_blocksize = ONE_OF(chance, sizes);
		break;
	}
	case 5:
		out->s_max_links = strange_number(chance, out->s_max_links, answer);
		break;
	case 6: {
		const uint32_t grans[] = { 0, 1, 3, 1000000000, 1000000001, UINT32_MAX, draw(chance) };

		out->s_time_gran = ONE_OF(chance, grans);
		break;
	}
	case 7:
		out->s_time_min = strange_number(chance, out->s_time_min, answer);
		break;
	case 8:
		out->s_time_max = strange_number(chance, out->s_time_max, answer);
		break;
	case 9:
		out->s_maxbytes = strange_number(chance, out->s_maxbytes, answer);
		break;
	}
}

/* Also no answer at all to the question: an error. What keeps the rules is obeyed. */
static bool lie_config(struct answer *answer)
{
	config_t *out = payload(answer);
	uint64_t broken;

	if (!below(answer->chance, 6))
		return lie_error(answer);
	for (uint64_t n = 1 + below(answer->chance, 3); n; n--)
		break_config(answer, out);
	broken = fuzz_config_rules_broken(out);
	name_rules(answer, broken, fuzz_config_rule_name);
	return true;
}

static bool lie_late(struct answer *answer)
{
	struct timespec ts = { .tv_nsec = below(answer->chance, LATE_MAX_NS) };

	nanosleep(&ts, NULL);
	return true;
}

static bool lie_none(struct answer *answer)
{
	return true;
}

static bool lie_short(struct answer *answer)
{
	if (answer->len == sizeof(*answer->header))
		return false;
	answer->len = sizeof(*answer->header) +
		      below(answer->chance, answer->len - sizeof(*answer->header));
	return true;
}

static bool lie_long(struct answer *answer)
{
	uint64_t more = 1 + below(answer->chance, 64);

	memset((char *)answer->header + answer->len, 0xff, more);
	answer->len += more;
	return true;
}

#define OPCODES 16

/* Opcodes that a lie is for; all of them if there is none. */
static const struct lie_kind {
	const char *name;
	const char *help;
	bool (*tell)(struct answer *answer);	/* false: not of this one */
	uint32_t opcodes[OPCODES];
} lie_kinds[LIES] = {
	[LIE_MAP] = { "map", "fields of mappings that break a rule", lie_map,
		{ FUSE_IOMAP_BEGIN } },
	[LIE_WILD] = { "wild", "any fields of mappings: if the kernel believes it, data is lost",
		lie_wild, { FUSE_IOMAP_BEGIN } },
	[LIE_ERROR] = { "error", "errors, also such as no server may give", lie_error,
		{ FUSE_IOMAP_BEGIN, FUSE_IOMAP_END, FUSE_IOMAP_IOEND, FUSE_FSYNC, FUSE_FALLOCATE,
		  FUSE_SETATTR } },
	[LIE_SIZE] = { "size", "the size in the answer to IOEND", lie_size, { FUSE_IOMAP_IOEND } },
	[LIE_ATTR] = { "attr", "flags, block size, size and type of files", lie_attr,
		{ FUSE_LOOKUP, FUSE_CREATE, FUSE_MKNOD, FUSE_GETATTR, FUSE_SETATTR } },
	[LIE_INIT] = { "init", "the answer to INIT", lie_init, { FUSE_INIT } },
	[LIE_CONFIG] = { "config", "the answer to CONFIG, or an error instead", lie_config,
		{ FUSE_IOMAP_CONFIG } },
	[LIE_LATE] = { "late", "answers up to 50ms late", lie_late, { 0 } },
	[LIE_TWICE] = { "twice", "the same answer twice", lie_none, { 0 } },
	[LIE_WRONG] = { "wrong", "an answer to BEGIN for another request, and for none", lie_none,
		{ FUSE_IOMAP_BEGIN } },
	[LIE_NEVER] = { "never", "no answer", lie_none,
		{ FUSE_IOMAP_BEGIN, FUSE_IOMAP_END, FUSE_IOMAP_IOEND } },
	[LIE_SHORT] = { "short", "answers cut off", lie_short,
		{ FUSE_IOMAP_BEGIN, FUSE_IOMAP_IOEND, FUSE_GETATTR, FUSE_LOOKUP, FUSE_INIT } },
	[LIE_LONG] = { "long", "answers with something behind", lie_long,
		{ FUSE_IOMAP_BEGIN, FUSE_IOMAP_END, FUSE_IOMAP_IOEND, FUSE_FSYNC } },
};

static bool is_for(const struct lie_kind *kind, uint32_t opcode)
{
	if (!kind->opcodes[0])
		return true;
	for (int i = 0; i < OPCODES; i++)
		if (kind->opcodes[i] == opcode)
			return true;
	return false;
}

/* What this answer is to be, or LIES for the truth. */
static enum lie choose(const struct fuzz *fuzz, uint32_t opcode, struct chance *chance)
{
	enum lie fit[LIES];
	unsigned int n = 0;

	if (below(chance, 100) >= (fuzz->share ?: DEFAULT_SHARE))
		return LIES;
	/* Without iomap there is little to lie about. */
	if (opcode == FUSE_INIT && !(fuzz->lies >> LIE_INIT & 1))
		return LIES;
	for (enum lie lie = 0; lie < LIES; lie++)
		if (fuzz->lies >> lie & 1 && is_for(&lie_kinds[lie], opcode))
			fit[n++] = lie;
	return n ? fit[below(chance, n)] : LIES;
}

/* Requests that wait for an answer, so that the wrong one can get one. */

#define WAITING 64

static struct {
	pthread_mutex_t lock;
	struct { uint64_t unique; uint32_t opcode; } v[WAITING];
} waiting = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void waiting_set(uint64_t old, uint64_t unique, uint32_t opcode)
{
	pthread_mutex_lock(&waiting.lock);
	for (int i = 0; i < WAITING; i++) {
		if (waiting.v[i].unique != old)
			continue;
		waiting.v[i].unique = unique;
		waiting.v[i].opcode = opcode;
		break;
	}
	pthread_mutex_unlock(&waiting.lock);
}

/* Another one: BEGIN would believe it. Without one, a number that nobody has. */
static uint64_t waiting_other(struct chance *chance)
{
	uint64_t unique = draw(chance) | 1ULL << 40;

	pthread_mutex_lock(&waiting.lock);
	for (int i = 0; i < WAITING; i++)
		if (waiting.v[i].unique && waiting.v[i].opcode != FUSE_IOMAP_BEGIN)
			unique = waiting.v[i].unique;
	pthread_mutex_unlock(&waiting.lock);
	return unique;
}

/* The end */

static const struct die_point {
	const char *name;
	uint32_t opcode;
	uint32_t opflags;		/* of a BEGIN: 0 is without WRITEBACK */
} die_points[] = {
	{ "init", FUSE_INIT },
	{ "config", FUSE_IOMAP_CONFIG },
	{ "lookup", FUSE_LOOKUP },
	{ "create", FUSE_CREATE },
	{ "getattr", FUSE_GETATTR },
	{ "setattr", FUSE_SETATTR },
	{ "fallocate", FUSE_FALLOCATE },
	{ "fsync", FUSE_FSYNC },
	{ "syncfs", FUSE_SYNCFS },
	{ "unlink", FUSE_UNLINK },
	{ "begin", FUSE_IOMAP_BEGIN, 0 },
	{ "writeback", FUSE_IOMAP_BEGIN, FUSE_IOMAP_OP_WRITEBACK },
	{ "end", FUSE_IOMAP_END },
	{ "ioend", FUSE_IOMAP_IOEND },
	{ "destroy", FUSE_DESTROY },
	{ NULL }
};

static bool is_die_point(const struct die_point *point, const struct fuzz_request *request)
{
	return point->opcode == request->header.opcode &&
	       (point->opcode != FUSE_IOMAP_BEGIN ||
		point->opflags == (request->begin.opflags & FUSE_IOMAP_OP_WRITEBACK));
}

static void die_at(struct fuzz *fuzz, const struct fuzz_request *request, bool after)
{
	if (fuzz->die && fuzz->die_after == after && is_die_point(fuzz->die, request) &&
	    atomic_fetch_add(&fuzz->seen_die, 1) + 1 == fuzz->die_nr)
		kill(getpid(), SIGKILL);
}

/* Sending */

static ssize_t send_answer(int fd, struct answer *answer)
{
	answer->header->len = answer->len;
	return write(fd, answer->header, answer->len);
}

static void send_to_another(int fd, struct answer *answer)
{
	uint64_t unique = answer->header->unique;

	answer->header->unique = waiting_other(answer->chance);
	snprintf(answer->note, sizeof(answer->note), "to=%llu",
		 (unsigned long long)answer->header->unique);
	send_answer(fd, answer);
	answer->header->unique = unique;
}

/* Returns 0 if the truth is to be told all the same. */
static ssize_t tell(struct fuzz *fuzz, enum lie lie, int fd, struct answer *answer)
{
	ssize_t ret = 0;

	if (!lie_kinds[lie].tell(answer))
		return 0;
	if (lie == LIE_WRONG)
		send_to_another(fd, answer);
	else if (lie != LIE_NEVER && lie != LIE_LATE)
		ret = send_answer(fd, answer);

	atomic_fetch_add(&fuzz->told[lie], 1);
	fprintf(stderr, "lie #%llu opcode=%u %s %s%s\n",
		(unsigned long long)answer->request->header.unique, answer->request->header.opcode,
		lie_kinds[lie].name, answer->note, ret < 0 ? " refused" : "");
	if (lie == LIE_TWICE)
		return 0;
	/* What the kernel did not take still needs an answer. */
	return lie == LIE_NEVER ? (ssize_t)answer->len : ret < 0 ? 0 : ret;
}

ssize_t fuzz_answer(struct fuzz *fuzz, int fd, const struct fuzz_request *request,
		    const struct iovec *iov, int count)
{
	const struct fuse_out_header *header = iov[0].iov_base;
	const uint32_t opcode = request->header.opcode;
	/* Each opcode for itself: the kernel sends some whenever it gets round to it. */
	struct chance chance = {
		fuzz->seed + opcode * 0x632be59bd9b4e019 +
			atomic_fetch_add(&fuzz->seen[opcode % 64], 1) * 0xd1342543de82ef95
	};
	enum lie lie = fuzz->lies ? choose(fuzz, opcode, &chance) : LIES;
	struct answer answer = { .fuzz = fuzz, .request = request, .chance = &chance };
	ssize_t ret = 0;

	waiting_set(request->header.unique, 0, 0);
	if (lie != LIES && !header->error && header->unique == request->header.unique &&
	    header->len < MAX_ANSWER) {
		answer.header = calloc(1, MAX_ANSWER + 64);
		for (int i = 0; answer.header && i < count; i++) {
			memcpy((char *)answer.header + answer.len, iov[i].iov_base, iov[i].iov_len);
			answer.len += iov[i].iov_len;
		}
		ret = answer.header ? tell(fuzz, lie, fd, &answer) : 0;
		free(answer.header);
	}
	if (!ret)
		ret = writev(fd, iov, count);
	/* Late to the party is fine: it was answered, or given up. */
	if (ret < 0 && errno == ENOENT && lie != LIES)
		ret = header->len;
	die_at(fuzz, request, true);
	return ret;
}

void fuzz_received(struct fuzz *fuzz, const struct fuzz_request *request)
{
	if (fuzz->lies & 1U << LIE_WRONG)
		waiting_set(0, request->header.unique, request->header.opcode);
	die_at(fuzz, request, false);
}

/* Options */

enum { KEY_FUZZ = 1024, KEY_SEED, KEY_SHARE, KEY_DIE };

static void parse_lies(struct fuzz *fuzz, char *text, struct argp_state *state)
{
	for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
		enum lie lie = 0;

		while (lie < LIES && strcmp(name, lie_kinds[lie].name))
			lie++;
		if (lie == LIES)
			argp_failure(state, argp_err_exit_status, 0,
				     "--fuzz=%s: unknown; iomapfs --help lists them", name);
		fuzz->lies |= 1U << lie;
	}
}

static uint64_t parse_count(const char *option, const char *text, uint64_t max,
			    struct argp_state *state)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *text < '0' || *text > '9' || *end || n > max)
		argp_failure(state, argp_err_exit_status, 0,
			     "--%s=%s: give a whole number up to %llu", option, text,
			     (unsigned long long)max);
	return n;
}

static void parse_die(struct fuzz *fuzz, char *text, struct argp_state *state)
{
	char *colon = strchr(text, ':');

	fuzz->die_nr = 1;
	if (colon) {
		*colon = '\0';
		fuzz->die_nr = parse_count("die", colon + 1, INT64_MAX, state);
	}
	fuzz->die_after = !strncmp(text, "after-", 6);
	text += fuzz->die_after ? 6 : 0;
	for (fuzz->die = die_points; fuzz->die->name && strcmp(fuzz->die->name, text);)
		fuzz->die++;
	if (!fuzz->die->name)
		argp_failure(state, argp_err_exit_status, 0,
			     "--die=%s: unknown; iomapfs --help lists them", text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct fuzz *fuzz = state->input;

	switch (key) {
	case KEY_FUZZ:
		parse_lies(fuzz, arg, state);
		return 0;
	case KEY_SEED:
		fuzz->seed = parse_count("seed", arg, UINT64_MAX, state);
		fuzz->seed_given = true;
		return 0;
	case KEY_SHARE:
		fuzz->share = parse_count("fuzz-share", arg, 100, state);
		return 0;
	case KEY_DIE:
		parse_die(fuzz, arg, state);
		return 0;
	case ARGP_KEY_END:
		if ((fuzz->seed_given || fuzz->share) && !fuzz->lies)
			argp_failure(state, argp_err_exit_status, 0, "--%s does nothing without "
				     "--fuzz; give that too, or leave it out",
				     fuzz->seed_given ? "seed" : "fuzz-share");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "fuzz", KEY_FUZZ, "LIE,...", 0,
	  "Answer wrongly by chance, and say so on stderr (with -f); LIE: see below", 2 },
	{ "seed", KEY_SEED, "N", 0,
	  "What chance follows from; without it, another one each time, which is told", 2 },
	{ "fuzz-share", KEY_SHARE, "PERCENT", 0, "Of the answers that can be wrong (10)", 2 },
	{ "die", KEY_DIE, "POINT[:N]", 0,
	  "Die before the N-th answer (1) of this kind; POINT: see below, with after- in front "
	  "of it for after that answer", 2 },
	{ 0 }
};

static void list_tables(FILE *out)
{
	fputs("LIE of --fuzz:\n", out);
	for (enum lie lie = 0; lie < LIES; lie++)
		fprintf(out, "  %-18s %s\n", lie_kinds[lie].name, lie_kinds[lie].help);
	fputs("\nPOINT of --die:\n  ", out);
	for (const struct die_point *point = die_points; point->name; point++)
		fprintf(out, "%s%s", point == die_points ? "" : ", ", point->name);
	fputc('\n', out);
}

static char *help_filter(int key, const char *text, void *input)
{
	return help_end(key, text, list_tables);
}

const struct argp fuzz_argp = {
	.options = options,
	.parser = parse_option,
	.doc = "\v ",
	.help_filter = help_filter,
};

/* Begin and end of it */

void fuzz_begin(struct fuzz *fuzz)
{
	if (!fuzz->lies)
		return;
	if (!fuzz->seed_given && getrandom(&fuzz->seed, sizeof(fuzz->seed), 0) < 0)
		fuzz->seed = time(NULL);
	fprintf(stderr, "iomapfs: --seed=%llu\n", (unsigned long long)fuzz->seed);
}

void fuzz_report(const struct fuzz *fuzz)
{
	if (!fuzz->lies)
		return;
	fputs("iomapfs: lies:", stderr);
	for (enum lie lie = 0; lie < LIES; lie++)
		if (fuzz->lies >> lie & 1)
			fprintf(stderr, " %s=%lu", lie_kinds[lie].name, fuzz->told[lie]);
	fputc('\n', stderr);
}
