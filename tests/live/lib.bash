# SPDX-License-Identifier: GPL-2.0-only
#
# For every live test: these run as root in the patched kernel's VM, with a
# scratch disk /dev/vda and nothing else mounted on it.

DEV=/dev/vda
MNT=/tmp/mnt
FUSEIOMAP=build/fuseiomap
IOMAPFS=build/iomapfs
LOAD=build/iomapload
TRACEFS=/sys/kernel/tracing
SLOW=${SLOW:-1}		# in the debug kernel: so much longer may things take, so much less will do

# fewer N [LEAST]: how many of N times will do here
fewer() { echo $(($1 / SLOW > ${2:-1} ? $1 / SLOW : ${2:-1})); }

# fs_start [OPTION…]: iomapfs on $DEV at $MNT, ready when this returns
fs_start()
{
	mkdir -p "$MNT"
	"$IOMAPFS" "$@" "$DEV" "$MNT" 2>"$BATS_TEST_TMPDIR/iomapfs.err" 3>&- || {
		cat "$BATS_TEST_TMPDIR/iomapfs.err"
		return 1
	}
}

# fs_stop: unmount, and wait until the server has ended
fs_stop()
{
	local i
	mountpoint -q "$MNT" && umount "$MNT"
	for ((i = 0; i < 100 * SLOW; i++)); do
		pgrep -x iomapfs >/dev/null || return 0
		sleep 0.1
	done
	echo "iomapfs did not end after the unmount"
	pkill -9 -x iomapfs
	return 1
}

# large_folios: whether this kernel can have any; user-mode Linux cannot
large_folios() { [ -e /sys/kernel/mm/transparent_hugepage ]; }

# drop_caches: what is read next comes from the server's mappings
drop_caches() { sync; echo 3 >/proc/sys/vm/drop_caches; }

# verify ARG…: fio writes, reads back and compares; then once more from the disk
verify()
{
	local job=(fio --name=v --directory="$MNT" --verify=crc32c --verify_fatal=1
		--size=$(fewer 16)m --bs=4k --ioengine=psync "$@")

	"${job[@]}" --do_verify=1 --output="$BATS_TEST_TMPDIR/fio" ||
		{ cat "$BATS_TEST_TMPDIR/fio"; return 1; }
	drop_caches
	"${job[@]}" --verify_only=1 --output="$BATS_TEST_TMPDIR/fio" ||
		{ cat "$BATS_TEST_TMPDIR/fio"; return 1; }
}

# mix: operations of all kinds, and some that fall short
mix()
{
	"$LOAD" "$MNT" write 20 10000
	"$LOAD" --direct "$MNT" overwrite 16 4096
	"$LOAD" "$MNT" sparse 10 8192
	drop_caches
	"$LOAD" "$MNT" verify
	"$LOAD" "$MNT" short
	"$LOAD" "$MNT" fiemap
	"$LOAD" "$MNT" seek
	"$LOAD" "$MNT" mmap 16
	"$LOAD" "$MNT" prealloc 65536
	"$LOAD" "$MNT" truncate 5000
	"$LOAD" "$MNT" append 10 777
}

# tool_start ARG…: fuseiomap in the background, attached when this returns;
# stdout to $TOOL_OUT, stderr to $TOOL_ERR
tool_start()
{
	TOOL_OUT=$BATS_TEST_TMPDIR/tool.out
	TOOL_ERR=$BATS_TEST_TMPDIR/tool.err
	"$FUSEIOMAP" "$@" >"$TOOL_OUT" 2>"$TOOL_ERR" 3>&- &
	TOOL_PID=$!
	wait_for ready "$TOOL_ERR"
}

# tool_stop: end it as a user would, with SIGINT; its status is the result
tool_stop()
{
	kill -INT "$TOOL_PID"
	wait "$TOOL_PID"
}

# measure COMMAND…: histograms of just that, which must be complete, in $TOOL_OUT
measure()
{
	TOOL_OUT=$BATS_TEST_TMPDIR/hist.json
	"$FUSEIOMAP" hist -j -o "$TOOL_OUT" -- "$@"
	complete "$TOOL_OUT"
}

# wait_for TEXT FILE [PROCESS]: until FILE has a line that starts with TEXT; not any longer
# than there is the PROCESS that writes it
wait_for()
{
	local i over=''
	for ((i = 0; i < 300 * SLOW; i++)); do
		# before the look at what it has written, which may be its last words
		[ ! "${3:-}" ] || [ -d "/proc/$3" ] || over=yes
		grep -q "^$1" "$2" 2>/dev/null && return 0
		[ ! "$over" ] || break
		sleep 0.1
	done
	echo "no '$1' in $2 after $((i / 10)) s:"
	cat "$2"
	return 1
}

# waits_in FUNCTION PID: soon
waits_in()
{
	local i
	for ((i = 0; i < 300 * SLOW; i++)); do
		grep -qs "$1" "/proc/$2/stack" && return 0
		sleep 0.1
	done
	echo "$2 does not wait in $1:"
	cat "/proc/$2/stack"
	return 1
}

# hang [OPTION…]: dd waits for the first BEGIN; its thread is in $writer, its file
# $MNT/dir/f
hang()
{
	fs_start --hang-begin=1 "$@"
	mkdir "$MNT/dir"
	dd if=/dev/zero of="$MNT/dir/f" bs=4k count=1 seek=3 oflag=direct status=none 3>&- &
	writer=$!
	waits_in fuse_iomap_send_begin $writer
}

# release: the hanging BEGIN is answered
release()
{
	pkill -USR1 -x iomapfs
	wait "$writer"
}

# events_on EVENT…: a tracefs instance of our own that records these events
events_on()
{
	local e
	INSTANCE=$TRACEFS/instances/fuseiomap-test
	mkdir -p "$INSTANCE"
	echo mono >"$INSTANCE/trace_clock"
	echo 16384 >"$INSTANCE/buffer_size_kb"
	echo >"$INSTANCE/trace"
	for e in "$@"; do
		echo 1 >"$INSTANCE/events/fuse/$e/enable"
	done
}

# events_off: stop recording, leave the text in $EVENTS
events_off()
{
	echo 0 >"$INSTANCE/tracing_on"
	EVENTS=$BATS_TEST_TMPDIR/events
	cat "$INSTANCE/trace" >"$EVENTS"
	# A witness that lost something is no witness.
	if grep '^overrun: [1-9]' "$INSTANCE"/per_cpu/cpu*/stats; then return 1; fi
	rmdir "$INSTANCE"
}

# event_count EVENT [PATTERN]: how many of them events_off left
event_count() { grep -E " $1: .*${2:-}" "$EVENTS" | wc -l; }

# The witness: histogram triggers of an ftrace instance, the kernel's own way to
# count, from the records of the events instead of their arguments. (bpftrace
# will not do: it misses events, silently, while a map is read on the same CPU.)
# A trigger takes three keys at most, hence two for some events.
WITNESS_TRIGGERS=(
	"fuse_iomap_begin hist:keys=opflags"
	"fuse_iomap_end hist:keys=opflags"
	"fuse_iomap_ioend hist:keys=ioendflags"
	"fuse_iomap_bad_data hist:keys=line"
	"fuse_iomap_begin_done hist:keys=opflags,error,length:size=16384"
	"fuse_iomap_begin_done hist:keys=opflags,readtype,writetype if error == 0"
	"fuse_iomap_end_done hist:keys=opflags,length,written:size=16384"
	"fuse_iomap_end_done hist:keys=opflags,sent,error"
	"fuse_iomap_ioend_done hist:keys=ioendflags,sent,error:vals=length"
)

witness_start()
{
	local t
	INSTANCE=$TRACEFS/instances/fuseiomap-witness
	mkdir "$INSTANCE"
	for t in "${WITNESS_TRIGGERS[@]}"; do
		echo "${t#* }" >>"$INSTANCE/events/fuse/${t%% *}/trigger"
	done
}

# witness_stop: leaves what was counted as lines "number kind op value"
witness_stop()
{
	local t e
	WITNESS=$BATS_TEST_TMPDIR/witness
	for t in "${WITNESS_TRIGGERS[@]}"; do
		echo "${t%% *}"
	done | sort -u | while read -r e; do
		sed "s/^{/$e {/" "$INSTANCE/events/fuse/$e/hist"
	done >"$WITNESS"
	for t in "${WITNESS_TRIGGERS[@]}"; do
		e=$INSTANCE/events/fuse/${t%% *}/trigger
		echo "!${t#* }" >>"$e"
	done
	rmdir "$INSTANCE"
	# One that dropped something is no witness.
	if grep 'Dropped: *[1-9]' "$WITNESS"; then return 1; fi
	witness_table <"$WITNESS" | sort >"$WITNESS.table"
}

# From lines "event { key: value, … } hitcount: n sum: s" to the numbers that
# fuseiomap gives, except that triggers cannot compare a range with the size of
# the file: in begin and end an append counts as a write. What a report (FIEMAP, SEEK_HOLE) asks about is not I/O, so it
# has no bytes. The numbers of the wire format are spelled out here, so that a
# wrong header is seen too.
witness_table()
{
	awk '
	function bit(n) { return int(v["opflags"] / 2 ^ n) % 2 }
	function op()
	{
		if (bit(31)) return "writeback"
		if (bit(2)) return "report"
		if (bit(7)) return "unshare"
		if (bit(3)) return "fault"
		if (bit(1)) return "zero"
		return (bit(0) ? "write" : "read") (bit(4) ? "-direct" : "")
	}
	function add(key, n) { if (n) sum[key] += n }
	BEGIN {
		t[0] = "hole"; t[1] = "delalloc"; t[2] = "mapped"; t[3] = "unwritten"
		t[4] = "inline"; t[253] = "nocache"; t[254] = "retry"; t[255] = "overwrite"
	}
	!/^fuse_iomap/ { next }
	{
		event = substr($1, 12)
		gsub(/[{},]/, "")
		split("", v)
		for (i = 2; i < NF; i += 2) {
			sub(/:$/, "", $i)
			if ($i != ":") v[$i] = $(i + 1)
		}
		n = v["hitcount"]
	}
	event ~ /^(begin|end|ioend)$/ { add("begun " event, n); next }
	event == "bad_data" { add("bad_data all", n); next }
	event == "ioend_done" {
		direct = int(v["ioendflags"] / 8) % 2
		append = int(v["ioendflags"] / 16) % 2
		who = "ioend " (!direct ? "writeback" : append ? "append-direct" : "write-direct")
		add("done " who, n)
		add("bytes " who, v["length"]); add("written " who, v["length"])
		if (v["error"] != 0) add("errors " who, n)
		if (v["sent"] != 0) add("sent " who, n)
		next
	}
	{ who = substr(event, 1, length(event) - 5) " " op() }
	"readtype" in v {
		add("read_types " op() " " t[v["readtype"]], n)
		add("write_types " op() " " t[v["writetype"]], n)
		next
	}
	"sent" in v {
		if (v["sent"] != 0) add("sent " who, n)
		if (v["error"] != 0) add("errors " who, n)
		next
	}
	{
		add("done " who, n)
		if (op() != "report") add("bytes " who, v["length"] * n)
		if (event == "begin_done" && v["error"] != 0) add("errors " who, n)
	}
	event == "end_done" {
		if (v["written"] > 0 && op() != "report") add("written " who, v["written"] * n)
		if ((bit(0) || bit(1) || bit(7) || bit(31)) && v["written"] < v["length"])
			add("short " who, n)
	}
	END { for (k in sum) printf "%s %.0f\n", k, sum[k] }'
}

# tool_table FILE: the same lines from `fuseiomap hist -j`; a witness has no
# line where a number is 0
tool_table()
{
	jq -r '
	(select(.type == "counts") |
		(if .kind == "ioend" then .op else .op | sub("^append"; "write") end) as $op |
		"\(.kind) \($op)" as $who |
		((["done", "bytes", "errors"] +
		  (if .kind == "begin" then [] else ["sent", "written"] end) +
		  (if .kind == "end" then ["short"] else [] end))[] as $k |
			"\($k) \($who) \(.[$k])"),
		(["read_types", "write_types"][] as $k | .[$k] // {} | to_entries[] |
			"\($k) \($op) \(.key) \(.value)")),
	(select(.type == "end") |
		(.ledger | to_entries[] | select(.key | IN("begin", "end", "ioend")) |
			"begun \(.key) \(.value.begun)"),
		"bad_data all \(.ledger.bad_data // .bad_data)")' "$1" |
		awk '{ n = $NF; $NF = ""; if (n) sum[$0] += n }
			END { for (k in sum) printf "%s%.0f\n", k, sum[k] }' | sort
}

# same_numbers FILE: what fuseiomap counted is what the witness counted
same_numbers()
{
	tool_table "$1" >"$BATS_TEST_TMPDIR/tool.table"
	[ -s "$WITNESS.table" ] && diff "$WITNESS.table" "$BATS_TEST_TMPDIR/tool.table"
}

# complete FILE: the tool lost nothing, and says so
complete()
{
	jq -e 'select(.type == "end") | .complete and .balanced' "$1" >/dev/null || {
		echo "not complete:"
		tail -n 1 "$1"
		return 1
	}
}

# value FILE KIND OP FIELD: one number of the counts
value()
{
	jq -r --arg kind "$2" --arg op "$3" --arg f "$4" \
		'select(.type == "counts" and .kind == $kind and .op == $op) | .[$f]' "$1"
}
