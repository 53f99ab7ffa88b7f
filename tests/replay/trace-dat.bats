#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A trace.dat as input: two that trace-cmd recorded on the patched kernel while
# tests/data/trace-dat.sh ran, one with all events and one with upstream's only.

bats_require_minimum_version 1.5.0

FUSEIOMAP=build/fuseiomap
ALL=tests/data/trace-all.dat
UPSTREAM=tests/data/trace-upstream.dat

# value KIND OP FIELD: of the counts in $OUT
value()
{
	jq -r --arg kind "$1" --arg op "$2" --arg f "$3" \
		'select(.type == "counts" and .kind == $kind and .op == $op) | .[$f]' "$OUT"
}

# is KIND OP FIELD EXPECTED
is()
{
	local got
	got=$(value "$1" "$2" "$3")
	[ "$got" = "$4" ] || { echo "$1 $2 $3 is '$got', must be $4"; return 1; }
}

counts_of()
{
	OUT=$BATS_TEST_TMPDIR/out
	"$FUSEIOMAP" hist -j -i "$@" >"$OUT"
	[ "$(jq 'select(.type == "end") | .complete and .balanced' "$OUT")" = true ]
}

# What the load is known to do, whichever events there are.
known_of_both()
{
	is begin write-direct done 10
	is begin append-direct done 22
	is begin report done 2
	# 16384 asked and 12288 written; 8192 and 3996; 8192 and nothing
	is end append short 3
	is end append missing $((4096 + 4196 + 8192))
	is end append-direct short 2
	is end append-direct missing $((4096 + 4096))
	is ioend append-direct done 21
	is ioend append-direct errors 1
	is ioend append-direct sent 21
	is ioend write-direct done 10
	is ioend write-direct sent 0
}

@test "all events: every operation of the load" {
	counts_of $ALL
	known_of_both
	is end write-direct done 10
	is end write-direct sent 0
	is end append-direct done 22
	is end append-direct sent 2
	[ "$(jq -r 'select(.type == "header") | [.backend, .kernel, .upcalls_only] | @csv' "$OUT")" = \
		'"trace.dat","7.3.4-fuseiomap",false' ]
}

@test "upstream's events only: the same, but ENDs without an upcall" {
	counts_of $UPSTREAM
	known_of_both
	[ -z "$(value end write-direct done)" ]
	is end append-direct done 2
	[ "$(jq 'select(.type == "header").upcalls_only' "$OUT")" = true ]
	run "$FUSEIOMAP" hist -i $UPSTREAM
	[[ $output == *"only those that were sent"* ]]
}

@test "as many operations as trace-cmd shows events" {
	counts_of $ALL
	for kind in begin end ioend; do
		events=$(trace-cmd report -i $ALL 2>/dev/null | grep -c "fuse_iomap_${kind}_done:")
		[ "$events" -gt 10 ]
		[ "$(jq -s --arg k $kind '[.[] | select(.type == "counts" and .kind == $k).done] |
			add' "$OUT")" = "$events" ]
	done
}

@test "the wait is split, and the phases add up to it" {
	"$FUSEIOMAP" trace -j -i $ALL >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	run jq -s '[.[] | select(.type == "op" and .kind == "begin")] |
		length > 40 and all(.[]; .lat_ns == .kernel_ns + .queue_ns + .server_ns + .wakeup_ns)' \
		"$BATS_TEST_TMPDIR/out"
	[ "$output" = true ]
}

@test "threads have the names of their time" {
	"$FUSEIOMAP" trace -j -i $ALL >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	run jq -rs '[.[] | select(.type == "op" and .op != "writeback").comm] | unique | .[]' \
		"$BATS_TEST_TMPDIR/out"
	[ "$output" = iomapload ]
}

@test "filters act on a replay" {
	counts_of $ALL --op append-direct --kind end
	[ "$(jq -s '[.[] | select(.type == "counts")] | length' "$OUT")" = 1 ]
	is end append-direct done 22
	counts_of $ALL --short
	is end append done 3
}

@test "every second of the trace is an interval, and they add up" {
	"$FUSEIOMAP" top -b -j -i $ALL >"$BATS_TEST_TMPDIR/out" 2>/dev/null
	run jq -s '([.[] | select(.type == "mount").begins] | add) ==
		([.[] | select(.type == "end").ledger.begin.begun][0])' "$BATS_TEST_TMPDIR/out"
	[ "$output" = true ]
}

# One byte is wrong, and an event seems to be years after the others.
@test "a clock that jumps by years does not take years to replay" {
	cp $ALL "$BATS_TEST_TMPDIR/jump.dat"
	printf '\1' | dd of="$BATS_TEST_TMPDIR/jump.dat" bs=1 seek=13010 conv=notrunc status=none
	timeout 60 "$FUSEIOMAP" top -b -j -i "$BATS_TEST_TMPDIR/jump.dat" \
		>"$BATS_TEST_TMPDIR/out" 2>/dev/null
	jq -es '.[-1].duration_ns > 1e15 and ([.[] | select(.type == "interval")] | length) < 100' \
		"$BATS_TEST_TMPDIR/out"
}

@test "a cut, an empty and a foreign file are refused in one line" {
	head -c 1000 $ALL >"$BATS_TEST_TMPDIR/cut.dat"
	run -1 --separate-stderr "$FUSEIOMAP" hist -i "$BATS_TEST_TMPDIR/cut.dat"
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"cut.dat"* ]]
	[ -z "$output" ]
	: >"$BATS_TEST_TMPDIR/empty.dat"
	run -1 --separate-stderr "$FUSEIOMAP" hist -i "$BATS_TEST_TMPDIR/empty.dat"
	[ "${#stderr_lines[@]}" = 1 ]
}

# libtracecmd trusts its input: some of these it dies of, or reads for ever, and some
# have times that are years apart.
@test "damaged anywhere: what can be read, or one line; no crash, no endless loop" {
	local f=$BATS_TEST_TMPDIR/damaged.dat size pos refused=0
	size=$(stat -c %s $ALL)
	for ((pos = 20; pos < size; pos += 199)); do
		cp $ALL "$f"
		printf '\377\377\377\377' | dd of="$f" bs=1 seek=$pos conv=notrunc status=none
		run --separate-stderr timeout 60 "$FUSEIOMAP" hist -j -i "$f"
		[ "$status" = 0 ] || [ "$status" = 1 ] || { echo "at $pos: status $status"; return 1; }
		[ "$status" = 0 ] && continue
		refused=$((refused + 1))
		[ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ] ||
			{ echo "at $pos: $stderr"; return 1; }
	done
	((refused > 10 && refused < 80))
}

@test "a cgroup filter is refused: the trace has none" {
	run -2 --separate-stderr "$FUSEIOMAP" hist -i $ALL --cgroup x
	[[ $stderr == *"cgroup"* ]]
}
