#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Recordings made live: replays equal the run that they are of, whatever happens
# to who writes them, and flight recorders.

bats_require_minimum_version 1.5.0
load lib

REC=/tmp/rec

setup()
{
	mkdir -p "$REC"
	fs_start
}

teardown()
{
	touch "$REC/enough"
	pkill -CONT -x iomapfs || true
	fs_stop
	umount "$REC/small" 2>/dev/null || true
	rm -rf "$REC"
}

# Some of everything, in a shell that ends with it.
mixed()
{
	"$LOAD" --direct --file=direct "$MNT" write 50 4096
	"$LOAD" --file=buffered --sync "$MNT" write 50 6000
	"$LOAD" --file=buffered "$MNT" append 20 3000
	"$LOAD" --file=short "$MNT" short
	"$LOAD" --file=direct --direct "$MNT" read 50 4096
	"$LOAD" --file=buffered "$MNT" zero 5000 9000
	"$LOAD" --file=buffered "$MNT" fiemap >/dev/null
	"$LOAD" --file=map "$MNT" mmap 10
}
export -f mixed
export LOAD MNT

# same VIEW OPTION…: the replay of a saved run has the same stdout
same()
{
	local f="$REC/saved"
	rm -f "$f" "$REC/live" "$REC/replay"
	"$FUSEIOMAP" "$@" -q -o "$REC/live" --save "$f" -- bash -c mixed 2>"$REC/err" ||
		{ echo "$*: status $?"; cat "$REC/err"; return 1; }
	"$FUSEIOMAP" "$@" -q -o "$REC/replay" -i "$f" 2>"$REC/err" ||
		{ echo "replay of $*: status $?"; cat "$REC/err"; return 1; }
	[ -s "$REC/live" ] || { echo "$*: no output"; return 1; }
	cmp "$REC/live" "$REC/replay" || {
		echo "$*: the replay differs"
		diff "$REC/live" "$REC/replay" | head -20
		return 1
	}
}

@test "hist: a replay is what was seen live, byte for byte" {
	same hist
	same hist -j
	same hist --csv
	same hist -j --by file,type,phase
	same hist --op write,append,zero --min-latency 1us
}

@test "trace: a replay is what was seen live, byte for byte" {
	same trace
	same trace -j
	same trace --csv
	same trace --stacks
	same trace -j --errors
	same trace -T wall
}

@test "short: a replay is what was seen live, byte for byte" {
	same short
	same short -j
	same short --csv
	same short --stacks
}

# same_frames OPTION…: frames of top while the load runs, and of the replay
same_frames()
{
	local pid
	(for i in 1 2 3; do mixed; done) >/dev/null 2>&1 3>&- &
	pid=$!
	"$FUSEIOMAP" top -b "$@" -q --save "$REC/saved" 0.5 5 >"$REC/live" 2>"$REC/err"
	wait $pid
	"$FUSEIOMAP" top -b "$@" -q -i "$REC/saved" >"$REC/replay" 2>"$REC/err"
	cmp "$REC/live" "$REC/replay" || {
		diff "$REC/live" "$REC/replay" | head -20
		return 1
	}
	rm "$REC/saved"
}

@test "top: a replay is what was seen live, byte for byte" {
	same_frames
	same_frames -j
	same_frames --csv
	same_frames --view servers
}

@test "record: one recording, and all views agree on what was in it" {
	local r="$REC/r" begins ends
	run "$FUSEIOMAP" record -o "$r" -- "$LOAD" --direct "$MNT" write 300 4096
	[ "$status" = 0 ]
	[[ $output == *"saved '$r': "*" records, "*" bytes each"* ]]
	"$FUSEIOMAP" hist -j -i "$r" >"$REC/hist" 2>/dev/null
	complete "$REC/hist"
	begins=$(jq '[select(.type == "counts" and .kind == "begin") | .done] | add' "$REC/hist" | jq -s 'map(. // 0) | add')
	[ "$begins" = 300 ]
	"$FUSEIOMAP" trace -j -i "$r" >"$REC/trace" 2>/dev/null
	complete "$REC/trace"
	begins=$(jq -c 'select(.kind == "begin")' "$REC/trace" | grep -c .)
	ends=$(jq -c 'select(.kind == "end")' "$REC/trace" | grep -c .)
	[ "$begins $ends" = "300 300" ]
	"$FUSEIOMAP" top -b -j -i "$r" >"$REC/top" 2>/dev/null
	complete "$REC/top"
	[ "$(jq -s '[.[] | select(.type == "mount") | .begin // .begins] | add' "$REC/top")" = 300 ]
}

@test "record: the exit status is the command's, and -j of views has the recorded kernel" {
	run "$FUSEIOMAP" record -o "$REC/r" -- sh -c 'exit 7'
	[ "$status" = 7 ]
	run -0 --separate-stderr "$FUSEIOMAP" hist -j -i "$REC/r"
	[ "$(jq -r 'select(.type == "header") | .kernel' <<<"$output")" = "$(uname -r)" ]
}

@test "record: names and server threads are in it" {
	"$FUSEIOMAP" record -o "$REC/r" -- "$LOAD" --direct --file=some "$MNT" write 100 4096
	fs_stop
	"$FUSEIOMAP" trace --csv -i "$REC/r" >"$REC/csv" 2>/dev/null
	grep -q some "$REC/csv"
	grep -q iomapload "$REC/csv"
	run -0 --separate-stderr "$FUSEIOMAP" top -b -j --view servers -i "$REC/r"
	[[ $output == *iomapfs* ]]
	run -0 --separate-stderr "$FUSEIOMAP" top -b -i "$REC/r"
	[[ $output == *"$MNT/some"* ]]
}

@test "killed: what was written is there, the rest is said to be missing" {
	local n
	tool_start record -o "$REC/r"
	"$LOAD" --direct "$MNT" write 200 4096
	sleep 2.5
	# It can be read while it is being written, too.
	run -0 --separate-stderr "$FUSEIOMAP" hist -j -i "$REC/r"
	[[ $stderr == *"still being written"* ]]
	kill -KILL $TOOL_PID
	run -0 --separate-stderr "$FUSEIOMAP" trace -j -i "$REC/r"
	[[ $stderr == *"cut off"* ]]
	n=$(jq -c 'select(.kind == "begin")' <<<"$output" | grep -c .)
	[ "$n" = 200 ]
	[ "$(jq -c 'select(.type == "end") | .complete' <<<"$output")" = false ]
	run "$FUSEIOMAP" hist --strict -i "$REC/r"
	[ "$status" = 5 ]
}

@test "a signal ends it well" {
	for sig in INT TERM HUP; do
		rm -f "$REC/r"
		tool_start record -o "$REC/r"
		"$LOAD" --direct "$MNT" write 10 4096
		kill -$sig $TOOL_PID
		wait $TOOL_PID
		grep -q "^saved '$REC/r': 30 records" "$TOOL_ERR"
		run -0 "$FUSEIOMAP" hist --strict -i "$REC/r"
	done
}

@test "a full disk: one error, status 1, and what is there can be read" {
	mkdir "$REC/small"
	mount -t tmpfs -o size=16k none "$REC/small"
	run --separate-stderr "$FUSEIOMAP" record -q -o "$REC/small/r" -- bash -c 'while :; do mixed; done' >/dev/null
	[ "$status" = 1 ]
	[ "$(grep -c '^fuseiomap: cannot write' <<<"$stderr")" = 1 ]
	[[ $stderr == *"No space left on device"* ]]
	run -0 --separate-stderr "$FUSEIOMAP" hist -i "$REC/small/r"
	[[ $stderr == *"cut off"* ]]
}

# stall SECONDS: the server answers nothing for so long
stall()
{
	pkill -STOP -x iomapfs
	sleep "$1"
	pkill -CONT -x iomapfs
}

@test "flight recorder: saves the last seconds when an operation is slow" {
	local slow i load=()
	tool_start record -o "$REC/f" --keep 4s --on 'latency>300ms' --after 1s 0.5
	"$LOAD" --direct --file=a "$MNT" write 50 4096
	sleep 5
	[ ! -e "$REC/f" ]
	# Several, since a stall may as well hit a request that is none of iomap's.
	for i in 1 2 3 4; do
		(while [ ! -e "$REC/enough" ]; do
			"$LOAD" --direct --file=b$i "$MNT" write 1000 4096
		done) >/dev/null 3>&- &
		load+=($!)
	done
	sleep 1
	for i in 1 2 3 4 5; do
		stall 0.5
		sleep 0.5
		if grep -q '^triggered' "$TOOL_ERR"; then break; fi
	done
	wait_for "saved '$REC/f'" "$TOOL_ERR"
	touch "$REC/enough"
	wait "${load[@]}"
	tool_stop
	grep -q "^triggered by latency: .* pid [0-9]* (iomapload)" "$TOOL_ERR"
	"$FUSEIOMAP" trace -j -i "$REC/f" >"$REC/trace" 2>"$REC/err"
	complete "$REC/trace"
	slow=$(jq -c 'select(.lat_ns > 300000000)' "$REC/trace" | grep -c .)
	((slow >= 1))
	# The first writes were longer ago.
	[ "$(jq -r 'select(.kind == "begin") | .file' "$REC/trace" | sort -u | tr '\n' ' ')" = "b1 b2 b3 b4 " ]
	[ ! -e "$REC/f.1" ]
}

@test "flight recorder: shorts, errors, refused answers and a signal" {
	tool_start record -o "$REC/f" --keep 10s --on short,error 0.5
	"$LOAD" --file=s "$MNT" short
	wait_for "saved '$REC/f'" "$TOOL_ERR"
	"$LOAD" --direct --file=b "$MNT" write 20 4096
	kill -USR2 $TOOL_PID
	wait_for "saved '$REC/f.1'" "$TOOL_ERR"
	tool_stop
	run -0 --separate-stderr "$FUSEIOMAP" trace -j -i "$REC/f"
	[[ $(jq -c 'select(.kind == "end" and .written < .count)' <<<"$output") ]]
	run -0 --separate-stderr "$FUSEIOMAP" trace -j -i "$REC/f.1"
	(($(jq -c 'select(.kind == "begin")' <<<"$output" | grep -c .) >= 20))
	fs_stop
	fs_start --bad-map=zero-length
	tool_start record -o "$REC/g" --keep 64M --on refused
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none || true
	tool_stop
	grep -q "^triggered by refused: " "$TOOL_ERR"
	[ -s "$REC/g" ]
}

@test "flight recorder: nothing triggers, nothing is saved" {
	tool_start record -o "$REC/f" --keep 1M --on error
	"$LOAD" --direct "$MNT" write 20 4096
	tool_stop
	grep -q "^nothing was saved" "$TOOL_ERR"
	[ ! -e "$REC/f" ]
}
