#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel skips a program that is running on the same CPU in a preempted task. Then
# the second program of the event has the work done.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	programs=$BATS_TEST_TMPDIR/programs
	firsts=$BATS_TEST_TMPDIR/firsts
}

teardown() { fs_stop; }

# In place of a race that is rarely lost: the first programs are not attached at all.
@test "second programs alone: each event is counted once, and as repaired" {
	run -0 build/bench/pair 1 second
	[ "$(jq -r .side <<<"$output")" = second ]
}

@test "first programs alone, and both: nothing is counted twice" {
	run -0 build/bench/pair 1 first ours
	[ "$(jq -r .side <<<"$output")" = $'ours\nfirst' ]
}

@test "each second program has its first, with the events of either kernel" {
	fs_start
	for events in "" --no-done; do
		# shellcheck disable=SC2086
		tool_start hist $events
		bpftool -j prog show | jq '[.[] | select(.type == "tracing") | .id]' >"$programs"
		for map in $(bpftool -j map show | jq '.[] | select(.type == "prog_array") | .id'); do
			bpftool -j map lookup id "$map" key 0 0 0 0 2>&1 | jq -r '.value | reverse[]?' |
				sed 's/0x//' | tr -d '\n'
			echo
		done | grep . | sort -u >"$firsts"
		while read -r id; do
			jq -e "any(. == $((16#$id)))" "$programs"
		done <"$firsts"
		# And the list of what is open, which has one program.
		(($(wc -l <"$firsts") > 5))
		(($(jq length "$programs") == 2 * $(wc -l <"$firsts") + 1))
		tool_stop
	done
}
