/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "opts.h"

extern const struct command cmd_top;
extern const struct command cmd_hist;
extern const struct command cmd_trace;
extern const struct command cmd_short;
extern const struct command cmd_inflight;
extern const struct command cmd_record;
extern const struct command cmd_diff;
extern const struct command cmd_doctor;
extern const struct command cmd_schema;

#endif
