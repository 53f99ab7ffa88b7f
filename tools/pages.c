// SPDX-License-Identifier: GPL-2.0-only
/* The prose of the man pages: what no table can say. */
#include <string.h>

#include "docs.h"

const char *const kind_what[FI_RECORD_KINDS] = {
	[FI_BEGIN] = "The kernel asks where a range of a file is, and where data written goes.",
	[FI_END] = "The kernel is done with a mapping. It tells the server only when there is "
		   "something to finish; the count of those is \"sent\".",
	[FI_IOEND] = "The data of a direct write or of writeback is on the device; the server "
		     "may have to convert or remap extents.",
	[FI_REFUSED] = "An answer of the server broke a rule of the interface and the kernel "
		       "refused it. Not an operation of its own.",
};

const char *const op_what[FI_OPS] = {
	[FI_READ] = "Buffered read, readahead too.",
	[FI_READ_DIRECT] = "Read with O_DIRECT.",
	[FI_WRITE] = "Buffered write within the size of the file.",
	[FI_WRITE_DIRECT] = "The same with O_DIRECT.",
	[FI_APPEND] = "Buffered write that reaches beyond the size of the file.",
	[FI_APPEND_DIRECT] = "The same with O_DIRECT.",
	[FI_ZERO] = "Part of a block is zeroed: truncate, fallocate, writes beyond the end.",
	[FI_FAULT] = "A page is mapped into memory.",
	[FI_UNSHARE] = "A shared extent gets blocks of its own.",
	[FI_REPORT] = "Somebody asks for the layout: FIEMAP, SEEK_DATA, SEEK_HOLE, FIBMAP.",
	[FI_WRITEBACK] = "Dirty pages go to the device.",
};

const char *const type_what[FI_TYPES] = {
	"No blocks; reads as zeroes.",
	"Space is promised, blocks are not chosen yet.",
	"Blocks with data.",
	"Blocks without data yet; reads as zeroes.",
	"The data is in the answer itself.",
	"The mapping may not be cached.",
	"The kernel shall look into its mapping cache again.",
	"As write mapping: write where the read mapping says.",
};

const char *const phase_what[FI_PHASES] = {
	[FI_PH_KERNEL] = "From the start of the operation until the request is queued.",
	[FI_PH_QUEUE] = "Until a thread of the server has read it.",
	[FI_PH_SERVER] = "Until the server has answered.",
	[FI_PH_WAKEUP] = "Until the caller runs again and has checked the answer.",
};

static const struct example top_examples[] = {
	{ "top", "Look at everything. Press h for the keys." },
	{ "top -m /mnt --view files --sort p99", "Begin with the files of one mount, slowest first." },
	{ "top -b -j 1 60", "One minute as JSON lines, for a program." },
	{ "top -b --csv --view mounts 10", "One line per mount every ten seconds." },
	{ "top -i run.fiomap", "Look at a recording; p stops it." },
	{ NULL }
};

static const struct example hist_examples[] = {
	{ "hist -- fio job.fio", "Histograms of exactly one run of fio. The exit status is fio's." },
	{ "hist -m /mnt -d 30s --op read-direct,write-direct", "Direct I/O of one mount for half a minute." },
	{ "hist --by file,kind --csv -d 10s", "One line per file and kind, for a spreadsheet." },
	{ "hist -j -o before.json -- fio job.fio", "Keep the result for fuseiomap-diff(1)." },
	{ "hist --pct 50,99.99 -u us -d 10s", "Percentiles of choice, all times in microseconds." },
	{ NULL }
};

static const struct example trace_examples[] = {
	{ "trace -m /mnt", "All operations of a mount, as they finish." },
	{ "trace --min-latency 10ms -T wall", "The slow ones, with the time of day." },
	{ "trace --errors --kind begin,ioend -j", "What failed, as JSON lines." },
	{ "trace --stacks -d 10s -o stacks.folded", "Kernel stacks for a flame graph." },
	{ NULL }
};

static const struct example short_examples[] = {
	{ "short", "Each short write as it happens; at the end, what they have in common." },
	{ "short --stacks -- ./mytest", "Those of one command, with the kernel's stacks." },
	{ "short -i run.fiomap -j", "Those in a recording, as JSON lines." },
	{ NULL }
};

static const struct example inflight_examples[] = {
	{ "inflight", "What waits now, oldest first." },
	{ "inflight -w 2", "Look again every two seconds." },
	{ "inflight --older-than 10s -q", "For a monitor: the exit status says whether anything hangs." },
	{ NULL }
};

static const struct example record_examples[] = {
	{ "record -o run.fiomap -- fio job.fio", "Record exactly one run of fio." },
	{ "record -o run.fiomap --keep 30s --on latency>50ms,error",
	  "Keep the last half minute in memory and save it when something is slow or fails." },
	{ "top -i run.fiomap", "Look at it, with any command that takes -i." },
	{ NULL }
};

static const struct example diff_examples[] = {
	{ "diff before.json after.json", "Two results of `fuseiomap hist -j`, side by side." },
	{ "diff before.fiomap after.fiomap", "The same with recordings." },
	{ "diff before1.json before2.json before3.json : after1.json after2.json after3.json",
	  "Several runs of each side, so that noise is told from change." },
	{ "diff --fail-if p99+20% before.json after.json", "In a CI job: status 1 if p99 got worse by more than 20 %." },
	{ NULL }
};

static const struct example doctor_examples[] = {
	{ "doctor", "Check this machine." },
	{ NULL }
};

static const struct example schema_examples[] = {
	{ "schema", "The JSON Schema of everything that -j writes." },
	{ "schema hist end", "Only these types of lines." },
	{ NULL }
};

static const struct page pages[] = {
	{ "top", NULL, top_examples },
	{ "hist",
	  "Percentiles are upper bounds: that many of the values are not larger. Bins are "
	  "log-linear, eight per octave; each is a union of bins of fio, so the two overlay. "
	  "Buckets in JSON are half-open: lo <= value < hi.",
	  hist_examples },
	{ "trace",
	  "Points in time are those of the end of an operation; its start is that minus the "
	  "latency. An operation is printed when it is done, so a long one comes after short "
	  "ones that began later.",
	  trace_examples },
	{ "short", NULL, short_examples },
	{ "inflight", NULL, inflight_examples },
	{ "record",
	  "A recording holds every finished operation, what was in flight, the server's threads "
	  "and the ledger, and names of mounts, files and tasks. It can be read while it is "
	  "being written; if it was cut off or damaged, what is intact can be read and the rest "
	  "is counted as lost.",
	  record_examples },
	{ "diff", NULL, diff_examples },
	{ "doctor", NULL, doctor_examples },
	{ "schema", NULL, schema_examples },
};

const struct page *page_find(const char *command)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (!strcmp(pages[i].command, command))
			return &pages[i];
	return NULL;
}
