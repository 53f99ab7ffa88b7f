#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Windows of hist, and what its histograms are told apart by, in the patched kernel.

bats_require_minimum_version 1.5.0
load lib

setup() { fs_start; }
teardown() { fs_stop; }

# begins FILE WINDOW: what hist -j counted of direct reads in that window
begins()
{
	jq -s --argjson w "$2" '
		reduce .[] as $r ({w: 0, n: 0};
			if $r.type == "window" then .w = $r.window
			elif $r.type == "counts" and .w == $w and $r.kind == "begin" and
			     $r.op == "read-direct" then .n += $r.done
			else . end) | .n' "$1"
}

@test "SIGUSR1 reports, and the windows are apart and add up" {
	local i
	"$LOAD" --direct "$MNT" write 8 4096
	tool_start hist -j
	for i in 3 5 2; do
		"$LOAD" --direct "$MNT" read $i 4096
		[ $i = 2 ] || kill -USR1 "$TOOL_PID"
		sleep 0.5
	done
	tool_stop
	[ "$(jq -c 'select(.type == "window")' "$TOOL_OUT" | wc -l)" = 3 ]
	[ "$(begins "$TOOL_OUT" 1)" = 3 ]
	[ "$(begins "$TOOL_OUT" 2)" = 5 ]
	[ "$(begins "$TOOL_OUT" 3)" = 2 ]
	# One ends where the next begins.
	[ "$(jq -s '[.[] | select(.type == "window")] |
		.[0].to_ns == .[1].from_ns and .[1].to_ns == .[2].from_ns' "$TOOL_OUT")" = true ]
	[ "$(jq -s '.[-1] | .complete and .ledger.begin.begun == 10' "$TOOL_OUT")" = true ]
	tests/validate.py <("$FUSEIOMAP" schema) "$TOOL_OUT"
}

@test "windows as text have a title, and CSV has one head" {
	"$LOAD" --direct "$MNT" write 8 4096
	tool_start hist
	"$LOAD" --direct "$MNT" read 4 4096
	kill -USR1 "$TOOL_PID"
	sleep 0.5
	tool_stop
	grep -q '^== window 1: [0-9.]* s$' "$TOOL_OUT"
	grep -q '^== window 2: [0-9.]* s$' "$TOOL_OUT"
	grep -q '^no fuse-iomap operations in ' "$TOOL_OUT"
	tool_start hist --csv
	"$LOAD" --direct "$MNT" read 4 4096
	kill -USR1 "$TOOL_PID"
	sleep 0.5
	"$LOAD" --direct "$MNT" read 4 4096
	tool_stop
	[ "$(grep -c '^window,what,' "$TOOL_OUT")" = 1 ]
	grep -q '^1,latency,begin,read-direct,' "$TOOL_OUT"
	grep -q '^2,latency,begin,read-direct,' "$TOOL_OUT"
}

@test "by file, process and thread: each under its own" {
	local out=$BATS_TEST_TMPDIR/by.json
	"$LOAD" --direct -f a "$MNT" write 4 4096
	"$LOAD" --direct -f b "$MNT" write 9 4096
	"$FUSEIOMAP" hist -j -o "$out" --by file,process,op -- bash -c \
		"$LOAD --direct -f a $MNT read 4 4096; $LOAD --direct -f b $MNT read 9 4096"
	[ "$(jq -r 'select(.type == "counts" and .kind == "begin" and .op == "read-direct") |
		"\(.file) \(.process) \(.mount) \(.done)"' "$out")" = "a iomapload $MNT 4
b iomapload $MNT 9" ]
	[ "$(jq -s 'map(select(.type == "counts") | .pid) | unique | length' "$out")" = 2 ]
	tests/validate.py <("$FUSEIOMAP" schema) "$out"
}

# By operation the phases are added up in the kernel, by file from records.
@test "phases by file are those by operation" {
	local by
	"$LOAD" --direct "$MNT" write 8 4096
	for by in op,phase op,file,phase; do
		"$FUSEIOMAP" hist -j -o "$BATS_TEST_TMPDIR/p.json" --by $by -- \
			"$LOAD" --direct "$MNT" read 8 4096
		[ "$(jq -s '[.[] | select(.what == "phase" and .kind == "begin" and
			.op == "read-direct") | .n] == [8, 8, 8, 8]' "$BATS_TEST_TMPDIR/p.json")" = true ]
		# A phase has a whole number of ns, and their sum is the latency.
		[ "$(jq -s '[.[] | select(.what == "phase" and .op == "read-direct") | .sum] | add' \
			"$BATS_TEST_TMPDIR/p.json")" = \
		  "$(jq -s '[.[] | select(.what == "latency" and .kind == "begin" and
			.op == "read-direct") | .sum] | add' "$BATS_TEST_TMPDIR/p.json")" ]
		complete "$BATS_TEST_TMPDIR/p.json"
	done
}

@test "a slower server is found slower, and a gate closes" {
	local i out=$BATS_TEST_TMPDIR
	"$LOAD" --direct "$MNT" write 20 4096
	for i in 1 2 3; do
		"$FUSEIOMAP" hist -q -j -o "$out/a$i.json" -- "$LOAD" --direct "$MNT" read 20 4096
	done
	fs_stop
	fs_start --delay-begin=50ms
	"$LOAD" --direct "$MNT" write 20 4096
	for i in 1 2 3; do
		"$FUSEIOMAP" hist -q -j -o "$out/b$i.json" -- "$LOAD" --direct "$MNT" read 20 4096
	done
	[ "$("$FUSEIOMAP" diff -j "$out"/a?.json : "$out"/b?.json | jq -r 'select(.metric == "server" and
		.kind == "begin" and .op == "read-direct") | .verdict')" = slower ]
	run -1 --separate-stderr "$FUSEIOMAP" diff "$out"/a?.json : "$out"/b?.json --fail-if begin.mean+20%
	[[ $stderr == *"failed: begin.read-direct.mean went from"* ]]
}
