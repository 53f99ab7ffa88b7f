/* SPDX-License-Identifier: GPL-2.0-only */
/* The keys of `top`: what they do, and what the help says of them. */
#ifndef TOPKEYS_H
#define TOPKEYS_H

#include "frame.h"

#define KEY_ESC		27
#define MAX_KEYS	4

struct top_key {
	int key[MAX_KEYS];	/* as ncurses has them; unused ones are 0 */
	const char *name;	/* "Up k" */
	const char *help;
	void (*act)(struct top_state *st, const struct top_input *in, int arg);
	int arg;
};

extern const struct top_key top_keys[];
extern const size_t nr_top_keys;

/* What a key does, in the mode of now. */
void key_press(struct top_state *st, const struct top_input *in, int key);

#endif
