#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=debug-only
#
# As 70-fault-injection, by chance and under random operations, so that writeback and
# completion meet failures too.

bats_require_minimum_version 1.5.0
load inject

# failures_on KIND PERCENT TIMES [Y]: with Y only in tasks with make-it-fail
failures_on()
{
	echo "$3" >"$INJECT/$1/times"
	echo "${4:-N}" >"$INJECT/$1/task-filter"
	echo "$2" >"$INJECT/$1/probability"
}

# failed_at_least N KIND TIMES: so many of the TIMES of failures_on were used
failed_at_least()
{
	local n=$(($3 - $(cat "$INJECT/$2/times")))
	echo "$2: $n failures"
	((n >= $1))
}

# may_fail: this process and those that it starts, and the kernel's own tasks
may_fail()
{
	local task
	for task in /proc/[0-9]*; do
		[ -n "$(tr -d '\0' <"$task/cmdline")" ] || echo 1 >"$task/make-it-fail"
	done 2>/dev/null
	echo 1 >"/proc/$BASHPID/make-it-fail"
}

# still_right SEED OPS OPTION…: what is left on the device, for an honest look
still_right()
{
	local seed=$1 ops=$2
	shift 2
	grep -q 'failed=[1-9]' "$BATS_TEST_TMPDIR/out"
	drop_caches
	stale check "$MNT" "$seed" "$ops" "$STATE"
	fs_restart "$@"
	stale check "$MNT" "$seed" "$ops" "$STATE"
}

@test "random operations while one in 50 allocations fails, also those of writeback" {
	local seed=$RANDOM
	echo "seed $seed"
	fs_start --persist --format --extent-max=16384
	(
		may_fail
		failures_on failslab 2 100000 Y
		failures_on fail_page_alloc 2 100000 Y
		stale --go-on run "$MNT" $seed 400 "$STATE" >"$BATS_TEST_TMPDIR/out"
	)
	failures_off
	cat "$BATS_TEST_TMPDIR/out"
	failed_at_least 20 failslab 100000
	still_right $seed 400 --extent-max=16384
}

@test "random operations while one in 20 requests to the disk fails" {
	local seed=$RANDOM
	echo "seed $seed"
	fs_start --persist --format
	failures_on fail_make_request 5 100000
	stale --go-on run "$MNT" $seed 400 "$STATE" >"$BATS_TEST_TMPDIR/out"
	failures_off
	cat "$BATS_TEST_TMPDIR/out"
	failed_at_least 10 fail_make_request 100000
	still_right $seed 400
}
