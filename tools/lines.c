// SPDX-License-Identifier: GPL-2.0-only
/* The types of lines in JSON output: what the tables of columns do not say. */
#include <string.h>

#include "diff.h"
#include "histview.h"
#include "names.h"
#include "schema.h"
#include "shortview.h"
#include "topview.h"
#include "trace.h"
#include "waiting.h"

#define WORDS(w)	.words = w, .nr_words = sizeof(w) / sizeof(w[0])

/* ---- every command ------------------------------------------------------- */

static const struct field bins_fields[] = {
	{ "scheme", F_STRING, "how bounds of buckets are chosen" },
	{ "per_octave", F_UINT, "buckets between a power of two and the next" },
	{ NULL }
};

static const struct field header_fields[] = {
	{ "schema", F_STRING, "fuseiomap" },
	{ "version", F_UINT, "of the schema" },
	{ "command", F_STRING, "that wrote this" },
	{ "kernel", F_STRING, "release of the kernel that was measured" },
	{ "backend", F_STRING, "where the events came from: bpf, ftrace, trace.dat" },
	{ "upcalls_only", F_BOOL, "the kernel has no *_done events: ENDs are those "
	  "that the server was told of" },
	{ "clock", F_STRING, "that points in time are on" },
	{ "start_ns", F_UINT, "when counting began" },
	{ "start_wall_ns", F_UINT, "the same moment since 1970; 0: unknown" },
	{ "bins", F_OBJECT, "of histograms", .members = bins_fields },
	{ NULL }
};

static const struct field ledger_fields[] = {
	{ "begun", F_UINT, "operations whose start was seen" },
	{ "done", F_UINT, "... that ended without an error" },
	{ "errors", F_UINT, "... that ended with one" },
	{ "in_flight", F_UINT, "... that run still" },
	{ "lost", F_UINT, "... whose end was not seen" },
	{ "already_running", F_UINT, "ends of operations that began before we looked" },
	{ "sent", F_UINT, "done with an upcall to the server" },
	{ "not_sent", F_UINT, "done without" },
	{ NULL }
};

static const char *const loss_names[] = {
	"missed", "unpaired", "cells_full", "requests_full", "unsplit",
	"ring_full", "stacks", "events", "gaps", "gap_records",
};

static const struct field end_fields[] = {
	{ "complete", F_BOOL, "nothing was lost, and the ledger balances" },
	{ "balanced", F_BOOL, "begun is done, errors, in_flight and lost" },
	{ "duration_ns", F_UINT, "from the start to the end of counting" },
	{ "ledger", F_MAP, "by kind of operation", false, ledger_fields, kind_name, FI_KINDS },
	{ "bad_data", F_UINT, "answers of servers that were refused" },
	{ "other", F_UINT, "operations that are counted, but not under their file or task, "
	  "since the table was full" },
	{ "upcalls_only", F_BOOL, "as in the header" },
	{ "records", F_UINT, "single operations handed over" },
	{ "repaired", F_UINT, "events that only the second program saw" },
	{ "lost", F_MAP, "by reason", WORDS(loss_names) },
	{ NULL }
};

static size_t copy(struct column *to, const struct column *c, size_t n)
{
	memcpy(to, c, n * sizeof(*c));
	return n;
}

/* ---- hist ---------------------------------------------------------------- */

static const char *const by_words[] = {
	"mount", "file", "process", "thread", "op", "type", "phase",
};

static const struct field window_fields[] = {
	{ "window", F_UINT, "number, from 1" },
	{ "from_ns", F_UINT, "when it began" },
	{ "to_ns", F_UINT, "when it ended" },
	{ "by", F_LIST, "what is told apart", WORDS(by_words) },
	{ "upcalls_only", F_BOOL, "ENDs are only those sent" },
	{ NULL }
};

static const struct field counts_fields[] = {
	{ "phase_ns", F_MAP, "sums of the phases of the wait", false, NULL, phase_name, FI_PHASES },
	{ "read_types", F_MAP, "read mappings answered, by type", true, NULL, type_name, FI_TYPES },
	{ "write_types", F_MAP, "write mappings answered", true, NULL, type_name, FI_TYPES },
	{ "used_types", F_MAP, "the mappings that the kernel used", true, NULL, type_name, FI_TYPES },
	{ NULL }
};

static const struct field bucket_fields[] = {
	{ "lo", F_UINT, "smallest value of the bucket" },
	{ "hi", F_UINT, "first value beyond it" },
	{ "n", F_UINT, "values in it" },
	{ NULL }
};

static const struct field hist_fields[] = {
	{ "buckets", F_LIST, "those that are not empty", .members = bucket_fields },
	{ NULL }
};

static const struct field share_bucket_fields[] = {
	{ "percent_lo", F_UINT, "of what was asked for; 0 to 0: nothing was written" },
	{ "percent_hi", F_UINT, "100 to 100: all of it" },
	{ "n", F_UINT, "ends" },
	{ NULL }
};

static const struct field shares_fields[] = {
	{ "op", F_STRING, "operation", WORDS(op_name) },
	{ "n", F_UINT, "ends of it" },
	{ "buckets", F_LIST, "by share of written in count", .members = share_bucket_fields },
	{ NULL }
};

static size_t columns_of_counts(struct column *to, int arg)
{
	return histview_counts_columns(to);
}

static size_t columns_of_hist(struct column *to, int arg)
{
	return histview_hist_columns(to);
}

/* ---- top ----------------------------------------------------------------- */

static const struct field interval_fields[] = {
	{ "interval", F_UINT, "number, from 1" },
	{ "from_ns", F_UINT, "when it began" },
	{ "to_ns", F_UINT, "when it ended" },
	{ NULL }
};

static const struct field row_fields[] = {
	{ "interval", F_UINT, "the one that the counts are of" },
	{ NULL }
};

static size_t columns_of_view(struct column *to, int view)
{
	size_t n;
	const struct column *c = view_columns(view, &n);

	return copy(to, c, n);
}

/* ---- trace --------------------------------------------------------------- */

static const struct field stack_fields[] = {
	{ "kernel_stack", F_LIST, "frames, innermost first", true },
	{ "user_stack", F_LIST, "frames, innermost first", true },
	{ NULL }
};

static size_t columns_of_trace(struct column *to, int arg)
{
	return copy(to, trace_columns, nr_trace_columns);
}

/* ---- short --------------------------------------------------------------- */

static size_t columns_of_finding(struct column *to, int arg)
{
	return copy(to, short_columns, nr_short_columns);
}

static size_t columns_of_signature(struct column *to, int arg)
{
	return copy(to, signature_columns, nr_signature_columns);
}

static size_t columns_of_short(struct column *to, int arg)
{
	return copy(to, short_count_columns, nr_short_count_columns);
}

/* ---- inflight ------------------------------------------------------------ */

static const struct field look_fields[] = {
	{ "ts_ns", F_UINT, "when" },
	{ "waiting", F_UINT, "how many wait" },
	{ "tick_ns", F_UINT, "how exact ages are" },
	{ "walked", F_BOOL, "the kernel's own lists of requests were read" },
	{ "missed", F_UINT, "requests that could not be read" },
	{ NULL }
};

static const struct field waiting_fields[] = {
	{ "stack", F_LIST, "of the caller: kernel frames, innermost first", true },
	{ NULL }
};

static const struct field thread_fields[] = {
	{ "tid", F_UINT, "thread" },
	{ "comm", F_STRING, "its name" },
	{ "state", F_STRING, "as in /proc/TID/stat" },
	{ "idle", F_BOOL, "waits for a request" },
	{ "stack", F_LIST, "kernel frames, innermost first", true },
	{ NULL }
};

static const struct field server_fields[] = {
	{ "connection", F_UINT, "dev of the mount" },
	{ "mount", F_STRING, "mount point" },
	{ "server_pid", F_UINT, "process that serves it", true },
	{ "timeout_ns", F_UINT, "when the kernel gives up on a request", true },
	{ "threads", F_LIST, "of the server", .members = thread_fields },
	{ NULL }
};

static size_t columns_of_inflight(struct column *to, int arg)
{
	return copy(to, inflight_columns, nr_inflight_columns);
}

/* ---- diff ---------------------------------------------------------------- */

static const struct field diff_header_fields[] = {
	{ "schema", F_STRING, "fuseiomap" },
	{ "version", F_UINT, "of the schema" },
	{ "command", F_STRING, "diff" },
	{ NULL }
};

static const char *const side_words[] = { "a", "b" };

static const struct field run_fields[] = {
	{ "side", F_STRING, "that the run is of", WORDS(side_words) },
	{ "file", F_STRING, "that it comes from" },
	{ "window", F_UINT, "of that file, from 1" },
	{ "duration_ns", F_UINT, "of the window" },
	{ "complete", F_BOOL, "nothing was lost" },
	{ "upcalls_only", F_BOOL, "as in the header of what was measured" },
	{ NULL }
};

static const char *const rule_words[] = { "holds", "fails", "noise", "nothing to compare" };

static const struct field rule_fields[] = {
	{ "rule", F_STRING, "of --fail-if, as given" },
	{ "result", F_STRING, "noise: it would fail, were this more than noise", WORDS(rule_words) },
	{ "metric", F_STRING, "that it was applied to", true },
	{ NULL }
};

static const struct field diff_end_fields[] = {
	{ "complete", F_BOOL, "nothing was lost in any run" },
	{ "noise_known", F_BOOL, "there are two runs or more of each side" },
	{ "numbers", F_UINT, "compared" },
	{ "beyond_noise", F_UINT, "... that differ by more than the runs of one side" },
	{ "failed", F_BOOL, "a rule failed" },
	{ NULL }
};

static size_t columns_of_diff(struct column *to, int arg)
{
	return copy(to, diff_columns, nr_diff_columns);
}

/* ---- doctor -------------------------------------------------------------- */

static const char *const result_words[] = { "ok", "missing", "limited", "unknown" };

static const struct field doctor_header_fields[] = {
	{ "schema", F_STRING, "fuseiomap" },
	{ "version", F_UINT, "of the schema" },
	{ "command", F_STRING, "doctor" },
	{ "kernel", F_STRING, "release of the kernel that runs" },
	{ NULL }
};

static const struct field doctor_end_fields[] = {
	{ "complete", F_BOOL, "nothing is missing" },
	{ NULL }
};

static const struct field check_fields[] = {
	{ "name", F_STRING, "what was looked at" },
	{ "result", F_STRING, "how it is", WORDS(result_words) },
	{ "detail", F_STRING, "what was found" },
	{ "cure", F_STRING, "how to get what is missing", true },
	{ NULL }
};

/* ---- all ----------------------------------------------------------------- */

const struct line_type line_types[] = {
	{ "header", NULL, "first line: what this is", header_fields },
	{ "window", "hist", "what the lines up to the next one are of", window_fields },
	{ "counts", "hist", "what was counted of some operations", counts_fields,
	  columns_of_counts },
	{ "hist", "hist", "one histogram", hist_fields, columns_of_hist, .percentiles = true },
	{ "shares", "hist", "how much of what was asked for was written", shares_fields },
	{ "interval", "top", "what the lines up to the next one are of", interval_fields },
	{ "mount", "top", "what happened on a mount in the interval",
	  row_fields, columns_of_view, VIEW_MOUNTS, .choice = true },
	{ "file", "top", "the same of a file",
	  row_fields, columns_of_view, VIEW_FILES, .choice = true },
	{ "process", "top", "the same of a process",
	  row_fields, columns_of_view, VIEW_PROCESSES, .choice = true },
	{ "thread", "top", "the same of a thread",
	  row_fields, columns_of_view, VIEW_THREADS, .choice = true },
	{ "server", "top", "what a thread of a server did in the interval",
	  row_fields, columns_of_view, VIEW_SERVERS, .choice = true },
	{ "operation", "top", "what happened of an operation in the interval",
	  row_fields, columns_of_view, VIEW_OPS, .choice = true },
	{ "type", "top", "the same of a type of mapping",
	  row_fields, columns_of_view, VIEW_TYPES, .choice = true },
	{ "op", "trace", "a finished operation", stack_fields, columns_of_trace, .choice = true },
	{ "finding", "short", "one short write",
	  stack_fields, columns_of_finding, .choice = true },
	{ "signature", "short", "findings that look alike; stacks are those of the first",
	  stack_fields, columns_of_signature },
	{ "short", "short", "how many of how many", NULL, columns_of_short },
	{ "look", "inflight", "a look at what waits; the lines up to the next one are of it",
	  look_fields },
	{ "waiting", "inflight", "an operation that waits, oldest first",
	  waiting_fields, columns_of_inflight },
	{ "waiting_server", "inflight", "a server that something waits for", server_fields },
	{ "header", "diff", "first line of diff", diff_header_fields, .def = "header_of_diff" },
	{ "run", "diff", "a run that is compared", run_fields },
	{ "diff", "diff", "one number on both sides", NULL, columns_of_diff },
	{ "rule", "diff", "what became of a rule", rule_fields },
	{ "end", "diff", "last line of diff", diff_end_fields, .def = "end_of_diff" },
	{ "header", "doctor", "first line of doctor", doctor_header_fields,
	  .def = "header_of_doctor" },
	{ "check", "doctor", "one thing that was looked at", check_fields },
	{ "end", "doctor", "last line of doctor", doctor_end_fields, .def = "end_of_doctor" },
	{ "end", NULL, "last line: what was seen, and what was not", end_fields },
};

const size_t nr_line_types = sizeof(line_types) / sizeof(line_types[0]);
