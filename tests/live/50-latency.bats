#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A server that answers late by a known time is seen to be late by that time.
#
# 820 ms lies low in the bin from 805.3 to 872.4 ms, so that what a slow or busy
# machine adds by itself (some ms, or tens of them) stays inside.

# bats file_tags=alone

bats_require_minimum_version 1.5.0
load lib

DELAY=820ms
DELAY_NS=820000000
BIN_LO=805306368
BIN_HI=872415232

teardown() { fs_stop; }

# late KIND N: N operations of the kind, none faster than the delay, most of
# them in the delay's bin; and it was the server that took the time
late()
{
	jq -es --arg kind "$1" --argjson n "$2" --argjson delay $DELAY_NS \
		--argjson lo $BIN_LO --argjson hi $BIN_HI '
	def in_bin: [.buckets[] | select(.lo == $lo and .hi == $hi) | .n] | add // 0;
	[.[] | select(.type == "hist" and .kind == $kind and .op == "append-direct")] |
	(.[] | select(.what == "latency")) as $lat |
	(.[] | select(.what == "phase" and .phase == "server")) as $server |
	$lat.n == $n and $lat.min >= $delay and ($lat | in_bin) >= $n * 0.7 and
	$server.n == $n and $server.min >= $delay and ($server | in_bin) >= $n * 0.7
	' "$TOOL_OUT" || { cat "$TOOL_OUT"; return 1; }
}

@test "begin" {
	fs_start --delay-begin=$DELAY
	measure "$LOAD" --direct "$MNT" write 5 4096
	late begin 5
}

@test "end" {
	fs_start --delay-end=$DELAY --want-end
	measure "$LOAD" --direct "$MNT" write 5 4096
	late end 5
}

@test "ioend" {
	fs_start --delay-ioend=$DELAY
	measure "$LOAD" --direct "$MNT" write 5 4096
	late ioend 5
}

@test "a tenth of the requests" {
	fs_start --delay-begin=$DELAY --delay-share=10
	measure "$LOAD" --direct "$MNT" write 20 4096
	n=$(jq --argjson lo $BIN_LO 'select(.type == "hist" and .what == "latency" and
		.kind == "begin") | [.buckets[] | select(.lo >= $lo) | .n] | add' "$TOOL_OUT")
	[ "$n" = 2 ]
}

@test "one server thread, two callers: the second waits in the queue" {
	fs_start --delay-begin=$DELAY --threads=1
	measure fio --directory="$MNT" --name=q --numjobs=2 --rw=write --direct=1 --bs=4k \
		--size=20k --fallocate=none --output=/dev/null
	jq -es --argjson lo 400000000 '[.[] | select(.type == "hist" and .what == "phase" and
		.kind == "begin" and (.op | endswith("-direct")) and .phase == "queue")][0].max > $lo' "$TOOL_OUT"
}
