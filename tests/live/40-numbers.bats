#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The numbers are right: equal, not close, to what a script's operations must
# give, and to what an independent witness counted during the same load.

bats_require_minimum_version 1.5.0
load lib

setup() { fs_start; }

teardown()
{
	fs_stop
}

# is FIELD KIND OP EXPECTED
is()
{
	local got
	got=$(value "$TOOL_OUT" "$2" "$3" "$1")
	[ "$got" = "$4" ] || { echo "$2 $3 $1 is $got, must be $4"; cat "$TOOL_OUT"; return 1; }
}

@test "direct writes to a new file: one begin, end and ioend each" {
	measure "$LOAD" --direct "$MNT" write 100 4096
	for kind in begin end ioend; do
		is done $kind append-direct 100
		is bytes $kind append-direct 409600
		is errors $kind append-direct 0
	done
	is written end append-direct 409600
	is written ioend append-direct 409600
	is sent ioend append-direct 100
	is short end append-direct 0
	[ "$(jq -c 'select(.type == "counts" and .kind == "begin").used_types' "$TOOL_OUT")" = \
		'{"unwritten":100}' ]
	[ "$(jq -c 'select(.type == "shares") | [.op, .n]' "$TOOL_OUT")" = '["append-direct",100]' ]
}

@test "direct overwrites: no allocation, nothing to tell the server" {
	"$LOAD" --direct "$MNT" write 100 4096
	measure "$LOAD" --direct "$MNT" overwrite 100 4096
	is done begin write-direct 100
	is done end write-direct 100
	is sent end write-direct 0
	is done ioend write-direct 100
	is sent ioend write-direct 0
	[ "$(jq -c 'select(.type == "counts" and .kind == "begin").used_types' "$TOOL_OUT")" = \
		'{"mapped":100}' ]
}

@test "direct reads" {
	"$LOAD" --direct "$MNT" write 100 4096
	measure "$LOAD" --direct "$MNT" read 100 4096
	is done begin read-direct 100
	is done end read-direct 100
	is bytes end read-direct 409600
	is written end read-direct 409600
	[ -z "$(value "$TOOL_OUT" ioend append-direct done)" ]
}

@test "buffered appends: each end is sent, because the size changes" {
	measure "$LOAD" "$MNT" append 50 4096
	is done begin append 50
	is sent end append 50
	is written end append 204800
	is short end append 0
}

@test "short writes: counted once each, bytes missing to the byte" {
	measure "$LOAD" "$MNT" short
	# 16384 asked and 12288 written; 8192 and 3996; 8192 and nothing
	is short end append 3
	is bytes end append $((16384 + 8192 + 8192))
	is written end append $((12288 + 3996))
	is missing end append $((4096 + 4196 + 8192))
}

@test "a scripted mix, with ftrace as the witness" {
	witness_start
	tool_start hist -j
	mix
	sync
	tool_stop
	witness_stop
	complete "$TOOL_OUT"
	same_numbers "$TOOL_OUT"
	grep -q '^short end write ' "$WITNESS.table"
}

# fio_job: reads, direct and buffered writes and appends, from several tasks
fio_job()
{
	fio --directory="$MNT" --size=4m --bs=4k --group_reporting --output=/dev/null \
		--name=dr --rw=randrw --direct=1 --ioengine=libaio --iodepth=4 \
		--name=bw --rw=randwrite --bsrange=1k-32k --fsync=32 --numjobs=2 \
		--name=br --rw=read --bs=64k \
		--name=ap --rw=write --bs=3000 --fallocate=none
}

@test "fio from several tasks, with ftrace as the witness" {
	witness_start
	tool_start hist -j
	fio_job
	sync
	tool_stop
	witness_stop
	complete "$TOOL_OUT"
	same_numbers "$TOOL_OUT"
	(($(value "$TOOL_OUT" begin read-direct done) >= 100))
}

@test "errors and refused mappings, with ftrace as the witness" {
	fs_stop
	fs_start --bad-map=beyond-device --begin-error=EIO --bad-every=5 --ioend-error=EIO
	witness_start
	tool_start hist -j
	for i in {1..40}; do
		dd if=/dev/zero of="$MNT/f" bs=4k count=1 seek=$i oflag=direct conv=notrunc \
			status=none || true
	done
	sync
	tool_stop
	witness_stop
	complete "$TOOL_OUT"
	same_numbers "$TOOL_OUT"
	grep -q '^errors ' "$WITNESS.table"
}

@test "intervals of top add up to the totals of the same run" {
	tool_start top -j 1
	fio_job
	sync
	sleep 2
	tool_stop
	complete "$TOOL_OUT"
	# Frames give differences, the end record gives the whole run.
	run jq -s '([.[] | select(.type == "mount") | .begins] | add) ==
		([.[] | select(.type == "end")][0].ledger.begin | .begun)' "$TOOL_OUT"
	[ "$output" = true ]
}

@test "trace has a line for each operation that hist counts" {
	tool_start hist -j
	"$FUSEIOMAP" trace -j -o "$BATS_TEST_TMPDIR/trace.json" -- "$LOAD" "$MNT" short
	tool_stop
	complete "$TOOL_OUT"
	complete "$BATS_TEST_TMPDIR/trace.json"
	hist=$(jq -s '[.[] | select(.type == "counts") | .done] | add' "$TOOL_OUT")
	trace=$(jq -s '[.[] | select(.type == "op")] | length' "$BATS_TEST_TMPDIR/trace.json")
	[ "$hist" = "$trace" ] && [ "$hist" -gt 10 ]
}
