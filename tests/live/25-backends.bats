#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# BPF and ftrace give the same numbers: one fuseiomap per backend, both at once, on
# the same load, for every command. Times are their own; all else must be equal.

bats_require_minimum_version 1.5.0
load lib

setup() { fs_start; }

teardown()
{
	fs_stop
	[ -z "$(instances)" ] || { echo "left behind: $(instances)"; return 1; }
}

# instances: those of tracefs that are called like ours
instances() { ls "$TRACEFS/instances" | grep -E '^fuseiomap-[0-9]+$' || true; }

# both_start COMMAND ARG…: attached when this returns; stdout to $BPF and $FTRACE
both_start()
{
	local b cmd=$1
	shift
	BPF=$BATS_TEST_TMPDIR/bpf.out FTRACE=$BATS_TEST_TMPDIR/ftrace.out
	PIDS=()
	for b in bpf ftrace; do
		"$FUSEIOMAP" "$cmd" --backend $b "$@" >"$BATS_TEST_TMPDIR/$b.out" \
			2>"$BATS_TEST_TMPDIR/$b.err" 3>&- &
		PIDS+=($!)
	done
	for b in bpf ftrace; do
		wait_for ready "$BATS_TEST_TMPDIR/$b.err"
	done
}

both_stop()
{
	local pid
	for pid in "${PIDS[@]}"; do
		kill -INT "$pid"
		wait "$pid" || { cat "$BATS_TEST_TMPDIR"/*.err; return 1; }
	done
}

# both_complete: nothing was lost, and both say so
both_complete()
{
	complete "$BPF" || { tail -n 1 "$BPF"; return 1; }
	complete "$FTRACE" || { tail -n 1 "$FTRACE"; return 1; }
}

# What is the same whoever looks: not times, nor what says how it was counted.
STRIP='def strip: with_entries(select(.key | test("_ns$|^(time|backend|phase_ns|records|
	repaired|from_ns|to_ns|sum|min|max|mean|p[0-9.]+|buckets|window|interval|
	duration_ns|lost|signal|kernel_stack|user_stack|first|last|isize|nodeid|path|file)$"; "x") | not));'

# table FILE: the numbers of hist, or the lines of trace, in a fixed order. Only BPF
# sees the status that an iteration ends with, so only it is sure of some causes.
table()
{
	jq -cS "$STRIP"' select(.type | IN("counts", "shares", "op", "short", "finding",
		"signature", "end")) |
		(if .type == "shares" then .shares = .buckets else . end) |
		(if .kind == "end" then del(.read_dev) else . end) |
		(if .type | IN("finding", "signature") then
			del(.end_status, .ioend_error, .errname, .explanation, .sure) else . end) |
		strip' "$1" | sort
	jq -cS 'select(.type == "hist" and (.what | IN("latency", "phase") | not)) |
		del(.window)' "$1" | sort
}

# same: both are not empty, and equal
same()
{
	table "$BPF" >"$BATS_TEST_TMPDIR/bpf.table"
	table "$FTRACE" >"$BATS_TEST_TMPDIR/ftrace.table"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/bpf.table")" -gt "${1:-3}" ]
	diff "$BATS_TEST_TMPDIR/bpf.table" "$BATS_TEST_TMPDIR/ftrace.table"
}

# busy_mix: operations of all kinds, from several tasks, and some short ones
busy_mix()
{
	mix
	fio --directory="$MNT" --size=1m --bs=4k --output=/dev/null \
		--name=dr --rw=randrw --direct=1 --ioengine=libaio --iodepth=4 \
		--name=bw --rw=randwrite --bsrange=1k-32k --fsync=32 --numjobs=2
	sync
}

@test "hist" {
	both_start hist -j
	busy_mix
	both_stop
	both_complete
	same 20
}

@test "hist by file, thread and type" {
	both_start hist -j --by file,thread,type
	busy_mix
	both_stop
	both_complete
	same 20
}

@test "trace, line by line" {
	both_start trace -j
	busy_mix
	both_stop
	both_complete
	same 100
}

@test "short" {
	both_start short -j
	"$LOAD" "$MNT" short
	sync
	both_stop
	both_complete
	same 3
}

@test "kernel stacks" {
	both_start trace -j --stacks
	"$LOAD" "$MNT" write 3 4096
	both_stop
	both_complete
	for b in bpf ftrace; do
		grep -q fuse_iomap_buffered_write "$BATS_TEST_TMPDIR/$b.out"
	done
	both_start short --stacks
	"$LOAD" "$MNT" short
	both_stop
	for b in bpf ftrace; do
		grep -q '^iomapload;.*vfs_write_\[k\];.*iomap_file_buffered_write_\[k\]' \
			"$BATS_TEST_TMPDIR/$b.out"
		[ "$(awk '{ n += $NF } END { print n }' "$BATS_TEST_TMPDIR/$b.out")" = 4 ]
	done
}

@test "top: the sums over all intervals" {
	both_start top -b -j 1
	busy_mix
	sleep 1
	both_stop
	both_complete
	for b in bpf ftrace; do
		jq -sS '[.[] | select(.type == "mount")] |
			map({begins, begins_sent, ends, ends_sent, ioends, ioends_sent,
			     bytes, mapped, unwritten, hole, shorts, missing, errors}) |
			map(to_entries) | add | group_by(.key) |
			map({key: .[0].key, value: (map(.value) | add)}) | from_entries' \
			"$BATS_TEST_TMPDIR/$b.out" >"$BATS_TEST_TMPDIR/$b.sum"
	done
	[ "$(jq .begins "$BATS_TEST_TMPDIR/bpf.sum")" -gt 100 ]
	diff "$BATS_TEST_TMPDIR/bpf.sum" "$BATS_TEST_TMPDIR/ftrace.sum"
}

@test "record, and what its replay gives" {
	PIDS=()
	BPF=$BATS_TEST_TMPDIR/bpf.out FTRACE=$BATS_TEST_TMPDIR/ftrace.out
	for b in bpf ftrace; do
		"$FUSEIOMAP" record --backend $b -o "$BATS_TEST_TMPDIR/$b.rec" \
			2>"$BATS_TEST_TMPDIR/$b.err" >"$BATS_TEST_TMPDIR/$b.out" 3>&- &
		PIDS+=($!)
	done
	wait_for ready "$BATS_TEST_TMPDIR/bpf.err"
	wait_for ready "$BATS_TEST_TMPDIR/ftrace.err"
	busy_mix
	both_stop
	for cmd in hist trace; do
		for b in bpf ftrace; do
			"$FUSEIOMAP" $cmd -j -i "$BATS_TEST_TMPDIR/$b.rec" \
				>"$BATS_TEST_TMPDIR/$b.out"
		done
		both_complete
		same 20
	done
}

@test "inflight: the same upcalls wait" {
	fs_stop
	fs_start --hang-begin=1
	"$LOAD" "$MNT" write 1 4096 3>&- &
	load=$!
	sleep 1
	for b in bpf ftrace; do
		"$FUSEIOMAP" inflight --backend $b -j >"$BATS_TEST_TMPDIR/$b.out"
	done
	pkill -USR1 -x iomapfs
	wait $load
	for b in bpf ftrace; do
		# Which size the file had is not in /proc, so a write may be an append.
		jq -c 'select(.type == "waiting") | [.kind, .pos, .count, .tid, .comm, .ino]' \
			"$BATS_TEST_TMPDIR/$b.out" | sort -u >"$BATS_TEST_TMPDIR/$b.table"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/bpf.table")" = 1 ]
	diff "$BATS_TEST_TMPDIR/bpf.table" "$BATS_TEST_TMPDIR/ftrace.table"
}

@test "errors and refused replies" {
	fs_stop
	fs_start --bad-map=beyond-device --bad-every=5 --ioend-error=EIO
	both_start trace -j
	for i in {1..20}; do
		dd if=/dev/zero of="$MNT/f" bs=4k count=1 seek=$i oflag=direct conv=notrunc \
			status=none || true
	done
	sync
	both_stop
	both_complete
	same 30
	grep -q '"error":-5' "$BATS_TEST_TMPDIR/bpf.table"
	grep -q '"kind":"refused"' "$BATS_TEST_TMPDIR/bpf.table"
}

@test "each filter leaves the same" {
	local filter
	: >"$MNT/file"
	for filter in "--op write,append" "--kind end" "--comm dd" "-m $MNT" "--errors" \
		"--short" "--type unwritten" "--inode $(stat -c %i "$MNT/file")"; do
		echo "filter: $filter"
		# shellcheck disable=SC2086
		both_start trace -j $filter
		"$LOAD" "$MNT" short
		"$LOAD" "$MNT" write 3 5000
		dd if=/dev/zero of="$MNT/file" bs=4k count=3 conv=notrunc,fsync status=none
		dd if=/dev/zero of="$MNT/file" bs=4k count=3 conv=notrunc oflag=direct status=none
		both_stop
		both_complete
		same 0
		[[ $filter = --errors ]] ||
			grep -q '"type":"op"' "$BATS_TEST_TMPDIR/ftrace.table"
	done
}

@test "ftrace filters in the kernel by operation and kind, its stacks too" {
	local events
	tool_start trace --backend ftrace -j --stacks --op append-direct,zero --kind begin,ioend
	events=$TRACEFS/instances/fuseiomap-$TOOL_PID/events/fuse
	cat "$events"/fuse_iomap_begin{,_done}/filter "$events"/fuse_iomap_begin/trigger
	grep -qF '(opflags & 0x1 && opflags & 0x10 && !(opflags & 0x8000008e)) || (opflags & 0x2 &&' \
		"$events/fuse_iomap_begin/filter"
	cmp "$events/fuse_iomap_begin/filter" "$events/fuse_iomap_begin_done/filter"
	grep -q '^stacktrace.* if .*opflags & 0x10' "$events/fuse_iomap_begin/trigger"
	# A star: there is a trigger, too.
	[ "$(cat "$events"/fuse_iomap_{begin,end,end_done,ioend}/enable | xargs)" = "1* 0 0 1*" ]
	"$LOAD" "$MNT" write 3 4096 --sync
	"$LOAD" "$MNT" write 3 4096 --direct
	tool_stop
	complete "$TOOL_OUT"
	[ "$(jq -r 'select(.type == "op") | "\(.kind) \(.op)"' "$TOOL_OUT" | sort | uniq -c | xargs)" = \
		"3 begin append-direct 3 ioend append-direct" ]
	[ "$(jq -r 'select(.type == "op") | .kernel_stack | length > 3' "$TOOL_OUT" | uniq)" = true ]
}

@test "flight recorder: the same trigger saves the same operations" {
	local b
	PIDS=()
	BPF=$BATS_TEST_TMPDIR/bpf.out FTRACE=$BATS_TEST_TMPDIR/ftrace.out
	for b in bpf ftrace; do
		"$FUSEIOMAP" record --backend $b -o "$BATS_TEST_TMPDIR/$b.rec" \
			--keep 60s --on short --after 5s 2>"$BATS_TEST_TMPDIR/$b.err" 3>&- &
		PIDS+=($!)
		wait_for ready "$BATS_TEST_TMPDIR/$b.err"
	done
	"$LOAD" "$MNT" write 20 4096
	"$LOAD" "$MNT" short
	for b in bpf ftrace; do
		wait_for "saved '$BATS_TEST_TMPDIR/$b.rec'" "$BATS_TEST_TMPDIR/$b.err"
		grep -q '^triggered by short: ' "$BATS_TEST_TMPDIR/$b.err"
	done
	both_stop
	for b in bpf ftrace; do
		"$FUSEIOMAP" trace -j -i "$BATS_TEST_TMPDIR/$b.rec" >"$BATS_TEST_TMPDIR/$b.out"
	done
	both_complete
	same 40
}

@test "upstream's events only: the same sample, labelled" {
	both_start hist -j --no-done
	busy_mix
	# An operation without an end of its own ends when its thread goes on.
	both_stop
	for b in bpf ftrace; do
		[ "$(jq -s '.[0].upcalls_only' "$BATS_TEST_TMPDIR/$b.out")" = true ]
		[ "$(jq 'select(.type == "end").ledger.end.not_sent' "$BATS_TEST_TMPDIR/$b.out")" = 0 ]
	done
	both_complete
	same 20
}

@test "upstream's events only: lines, filters and short writes are the same, too" {
	local what
	: >"$MNT/short"
	for what in trace "trace --op append,read-direct" "trace --kind end" \
		"trace --inode $(stat -c %i "$MNT/short")" "trace -n iomapload" short; do
		echo "$what"
		# shellcheck disable=SC2086
		both_start $what -j --no-done
		bash -c "for f in short other; do
				$LOAD $MNT short --file=\$f
				$LOAD $MNT read 4 4096 --direct --file=\$f
			done; printf x >$MNT/short; printf x >$MNT/other"
		sync
		both_stop
		both_complete
		same 3
	done
}

# without CAP…: run without these capabilities
without()
{
	local caps=$1
	shift
	capsh --drop="$caps" -- -c '"$@"' -- "$@"
}

@test "auto falls back to ftrace where BPF is forbidden" {
	without cap_bpf,cap_perfmon,cap_sys_admin "$FUSEIOMAP" hist -j -v \
		-o "$BATS_TEST_TMPDIR/out" -- "$LOAD" --direct "$MNT" write 10 4096 \
		2>"$BATS_TEST_TMPDIR/err" || { cat "$BATS_TEST_TMPDIR/err"; false; }
	grep -q 'using ftrace' "$BATS_TEST_TMPDIR/err"
	[ "$(jq -r 'select(.type == "header").backend' "$BATS_TEST_TMPDIR/out")" = ftrace ]
	complete "$BATS_TEST_TMPDIR/out"
	[ "$(value "$BATS_TEST_TMPDIR/out" begin append-direct done)" = 10 ]
}

@test "auto takes BPF where it is there" {
	"$FUSEIOMAP" hist -j -o "$BATS_TEST_TMPDIR/out" -- true
	[ "$(jq -r 'select(.type == "header").backend' "$BATS_TEST_TMPDIR/out")" = bpf ]
}

@test "an instance that a killed run has left goes with the next run, whatever that is" {
	for next in "hist --backend ftrace -q -- true" "hist --backend bpf -q -- true" \
		"inflight -q"; do
		"$FUSEIOMAP" hist --backend ftrace >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
		pid=$!
		wait_for ready "$BATS_TEST_TMPDIR/err"
		[ "$(instances)" = "fuseiomap-$pid" ]
		kill -KILL $pid
		wait $pid || true
		[ "$(instances)" = "fuseiomap-$pid" ]
		# shellcheck disable=SC2086
		"$FUSEIOMAP" $next
		[ -z "$(instances)" ] || { echo "still there after $next"; return 1; }
	done
}

# hide_btf COMMAND…: where the kernel's types cannot be seen
hide_btf()
{
	unshare -m bash -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' -- "$@"
}

@test "auto falls back to ftrace where there is no BTF" {
	hide_btf "$FUSEIOMAP" hist -j -v -o "$BATS_TEST_TMPDIR/out" -- \
		"$LOAD" --direct "$MNT" write 10 4096 2>"$BATS_TEST_TMPDIR/err"
	grep -q 'using ftrace: this kernel has no BTF' "$BATS_TEST_TMPDIR/err"
	[ "$(jq -r 'select(.type == "header").backend' "$BATS_TEST_TMPDIR/out")" = ftrace ]
	complete "$BATS_TEST_TMPDIR/out"
	[ "$(value "$BATS_TEST_TMPDIR/out" begin append-direct done)" = 10 ]
	run --separate-stderr hide_btf "$FUSEIOMAP" hist --backend bpf -d 1
	[ "$status" != 0 ]
	[[ $stderr == *BTF* ]]
	hide_btf "$FUSEIOMAP" inflight -j >"$BATS_TEST_TMPDIR/out"
	[ "$(jq -r 'select(.type == "header").backend' "$BATS_TEST_TMPDIR/out")" = proc ]
}

@test "no instance stays after any signal that ends a run" {
	for sig in INT TERM HUP; do
		"$FUSEIOMAP" hist --backend ftrace >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
		pid=$!
		wait_for ready "$BATS_TEST_TMPDIR/err"
		kill -$sig $pid
		wait $pid
		[ -z "$(instances)" ]
	done
}

@test "lost events are counted, and named by CPU with -v" {
	"$FUSEIOMAP" hist -j -v --backend ftrace >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	wait_for ready "$BATS_TEST_TMPDIR/err"
	# Held up while the load goes on in buffers made small.
	echo 8 >"$TRACEFS/instances/fuseiomap-$pid/buffer_size_kb"
	kill -STOP $pid
	"$LOAD" --direct "$MNT" write 200 4096
	kill -CONT $pid
	kill -INT $pid
	wait $pid
	[ "$(jq 'select(.type == "end").lost.events > 0' "$BATS_TEST_TMPDIR/out")" = true ]
	[ "$(jq 'select(.type == "end").complete' "$BATS_TEST_TMPDIR/out")" = false ]
	grep -qE 'CPU [0-9]+ lost [0-9]+ events' "$BATS_TEST_TMPDIR/err"
}
