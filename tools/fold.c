// SPDX-License-Identifier: GPL-2.0-only
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"

struct folded {
	char *line;
	__u64 n;
};

struct fold {
	void *tree;		/* of struct folded, by line */
	struct text line;	/* being made */
};

static int entry_cmp(const void *a, const void *b)
{
	return strcmp(((const struct folded *)a)->line, ((const struct folded *)b)->line);
}

struct fold *fold_new(void)
{
	return xcalloc(1, sizeof(struct fold));
}

static void entry_free(void *entry)
{
	free(((struct folded *)entry)->line);
	free(entry);
}

void fold_free(struct fold *f)
{
	if (!f)
		return;
	tdestroy(f->tree, entry_free);
	text_free(&f->line);
	free(f);
}

/* Without what would be taken for the separator. */
static void add_name(struct text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text_add(t, s[i] == ';' || s[i] == '\n' ? ":" : &s[i], 1);
}

/*
 * One frame, "name+0x1c [module]": the name alone, so that one function is one
 * box; what has no name is its module.
 */
static void add_frame(struct text *t, const char *frame, size_t len, const char *suffix)
{
	const char *module = memmem(frame, len, " [", 2);
	const char *plus = memchr(frame, '+', len);

	text_add(t, ";", 1);
	if (module && !strncmp(frame, "0x", 2))
		add_name(t, module + 1, frame + len - module - 1);
	else
		add_name(t, frame, plus ? (size_t)(plus - frame) : len);
	text_str(t, suffix);
}

/* From the last line to the first: the outermost frame comes first. */
static void add_stack(struct text *t, const char *frames, const char *suffix)
{
	size_t end = strlen(frames);

	while (end) {
		size_t start = end;

		while (start && frames[start - 1] != '\n')
			start--;
		if (end > start)
			add_frame(t, frames + start, end - start, suffix);
		end = start ? start - 1 : 0;
	}
}

void fold_add(struct fold *f, const struct catalog *c, const char *comm, __s32 user,
	      __s32 kernel)
{
	const struct stack *us = user > 0 ? catalog_stack(c, user) : NULL;
	const struct stack *ks = kernel > 0 ? catalog_stack(c, kernel) : NULL;
	struct folded *entry, **found, key;

	text_clear(&f->line);
	add_name(&f->line, comm, strlen(comm));
	if (us)
		add_stack(&f->line, us->frames, "");
	if (ks)
		add_stack(&f->line, ks->frames, "_[k]");
	text_add(&f->line, "", 0);
	key.line = f->line.s;
	found = tfind(&key, &f->tree, entry_cmp);
	if (found) {
		(*found)->n++;
		return;
	}
	entry = xcalloc(1, sizeof(*entry));
	entry->line = xcalloc(1, f->line.len + 1);
	memcpy(entry->line, f->line.s, f->line.len);
	entry->n = 1;
	tsearch(entry, &f->tree, entry_cmp);
}

static void put_entry(const void *node, VISIT visit, void *text)
{
	const struct folded *entry = *(const struct folded *const *)node;

	if (visit != postorder && visit != leaf)
		return;
	text_printf(text, "%s ", entry->line);
	text_u64(text, entry->n);
	text_add(text, "\n", 1);
}

void fold_text(struct fold *f, struct text *t)
{
	twalk_r(f->tree, put_entry, t);
}
