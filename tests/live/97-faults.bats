#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What happens to the tools when something happens around them. The matrix of
# docs/reliability.md names each of these.

bats_require_minimum_version 1.5.0
load views

# instances: those of tracefs that are called like ours
instances() { ls "$TRACEFS/instances" | grep -E '^fuseiomap-[0-9]+$' || true; }

# Names that would move a cursor, end a line, close a quote, or are no UTF-8.
HOSTILE=($'esc\e[2J\e]0;x\a' $'new\nline' $'tab\tr\rx' $'inv\xff\xfe' 'q"u,o\te' $'csi\xc2\x9b31m'
	$'bidi\xe2\x80\xaex')

# clean FILE: nothing in it that a terminal would obey, and all of it UTF-8
clean()
{
	[ -s "$1" ]
	iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || { echo "$1 is no UTF-8"; return 1; }
	if LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"; then
		LC_ALL=C grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1" | cat -v | head -n 5
		return 1
	fi
}

hostile_load()
{
	local n
	for n in "${HOSTILE[@]}"; do
		# In a shell whose own name is that; it writes by itself.
		(
			printf %s "$n" >"/proc/$BASHPID/comm"
			printf '%4096s' x >"$MNT/$n"
			sync "$MNT/$n"
			cat "$MNT/$n" >/dev/null
		)
	done
	"$LOAD" --file=$'short\e[2J' "$MNT" short >/dev/null
}

@test "hostile names of files and tasks: in no output of any command" {
	local c f format b lines
	for b in bpf ftrace; do
		tool_start record --backend $b -o "$OUT/r"
		hostile_load
		tool_stop
		for c in hist "hist --by file,process,thread" "top -b --view files" \
			"top -b --view processes" "top -b --view threads" trace short inflight; do
			for format in "" -j --csv; do
				[[ $c$format != *hist*--csv ]] || continue
				# shellcheck disable=SC2086
				"$FUSEIOMAP" $c $format -i "$OUT/r" >"$OUT/out" 2>"$OUT/err" ||
					{ echo "$c $format"; cat "$OUT/err"; return 1; }
				clean "$OUT/out" || { echo "$b: $c $format"; return 1; }
				[ ! -s "$OUT/err" ] || clean "$OUT/err"
				[ "$format" != -j ] || jq . "$OUT/out" >/dev/null
			done
		done
		# The names were there: JSON has all of it. Of a file that is closed again
		# ftrace does not always learn the name.
		[ $b = bpf ] || continue
		"$FUSEIOMAP" trace -j -i "$OUT/r" >"$OUT/out"
		jq -es 'any(.comm? // "" | contains("\u001b"))' "$OUT/out"
		jq -es 'any(.file? // "" | contains("\n"))' "$OUT/out"
	done
}

@test "hostile names of what waits: inflight shows none of it" {
	local pid
	fs_stop
	fs_start --hang-begin=1
	(
		printf 'in\e[2J\n\xff' >"/proc/$BASHPID/comm"
		printf x >"$MNT/"$'w\e[2J\n\xff'
		sync "$MNT/"$'w\e[2J\n\xff'
	) 2>/dev/null 3>&- &
	pid=$!
	sleep 1
	for format in "" -j --csv; do
		for b in bpf ftrace; do
			# shellcheck disable=SC2086
			"$FUSEIOMAP" inflight -q --backend $b $format >"$OUT/out"
			clean "$OUT/out" || { echo "$b $format"; return 1; }
		done
	done
	pkill -USR1 -x iomapfs
	wait $pid || true
}

@test "no memory for the maps: one line that says so" {
	local c
	for c in hist "top -b" trace short "record -o $OUT/r"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$FUSEIOMAP" $c --cells 4000000000 -q --backend bpf -- true
		[ "$status" = 1 ] || [ "$status" = 2 ] || { echo "$c: status $status: $stderr"; return 1; }
		[ "${#stderr_lines[@]}" = 1 ] || { echo "$c: $stderr"; return 1; }
		[[ $stderr == *cells* || $stderr == *memory* ]] || { echo "$c: $stderr"; return 1; }
		[ -z "$output" ]
	done
}

@test "a full disk under the output: 1, one line, for each command" {
	local c
	for c in hist "top -b 0.3" trace short; do
		# shellcheck disable=SC2086
		run --separate-stderr "$FUSEIOMAP" $c -q -o /dev/full -- \
			"$LOAD" --direct "$MNT" write 50 4096
		[ "$status" = 1 ] || { echo "$c: status $status"; return 1; }
		[ "$(grep -c '^fuseiomap: ' <<<"$stderr")" = 1 ] || { echo "$c: $stderr"; return 1; }
		[[ $stderr == *"No space left"* ]]
	done
}

@test "a processor that goes and comes back: nothing is lost, with either backend" {
	local b
	[ -w /sys/devices/system/cpu/cpu1/online ]
	for b in bpf ftrace; do
		all_start $b --backend $b
		"$LOAD" --direct "$MNT" write 30 4096
		taskset -c 1 "$LOAD" --direct "$MNT" write 30 4096
		echo 0 >/sys/devices/system/cpu/cpu1/online
		"$LOAD" --direct "$MNT" write 30 4096
		echo 1 >/sys/devices/system/cpu/cpu1/online
		taskset -c 1 "$LOAD" --direct "$MNT" write 30 4096
		all_stop
		all_saw $b 120
	done
}

@test "a tool that starts while a processor is off counts what that one does later" {
	local b
	for b in bpf ftrace; do
		echo 0 >/sys/devices/system/cpu/cpu1/online
		tool_start trace -j --kind begin --backend $b
		echo 1 >/sys/devices/system/cpu/cpu1/online
		taskset -c 1 "$LOAD" --direct "$MNT" write 30 4096
		tool_stop
		complete "$TOOL_OUT"
		[ "$(jq -c 'select(.type == "op")' "$TOOL_OUT" | wc -l)" = 30 ]
	done
}

@test "a clock that jumps, by a year and back: intervals and latencies are what they were" {
	local now
	all_start bpf --backend bpf
	all_start ftrace --backend ftrace
	now=$(date +%s)
	for jump in 31536000 -31536000 0; do
		"$LOAD" --direct "$MNT" write 10 4096
		date -s "@$((now + jump))" >/dev/null
		sleep 1
	done
	all_stop
	for b in bpf ftrace; do
		all_saw $b 30
		jq -es '[.[] | select(.type == "interval")] | length > 1 and length < 100' "$OUT/top.$b"
		jq -es 'last.duration_ns < 600e9' "$OUT/top.$b"
		jq -es '[.[] | select(.type == "op").lat_ns // 0] | length > 0 and max < 60e9' "$OUT/trace.$b"
	done
}

@test "killed at any moment, ftrace: what is left goes with the next run" {
	local delay pid
	for delay in 0.01 0.05 0.1 0.2 0.4 0.8; do
		"$FUSEIOMAP" hist --backend ftrace >"$OUT/out" 2>"$OUT/err" 3>&- &
		pid=$!
		sleep "$delay"
		kill -KILL $pid
		wait $pid || [ $? = 137 ]
	done
	"$FUSEIOMAP" hist -q --backend ftrace -- true
	[ -z "$(instances)" ]
}
