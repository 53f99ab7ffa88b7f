#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap doctor on a kernel without the series, and for who may not look: the cure is
# one of what is wrong.

bats_require_minimum_version 1.5.0

F=build/fuseiomap

# check NAME: what the last run of doctor -j has of it, as "result: detail -> cure"
check()
{
	jq -r --arg name "$1" 'select(.name == $name) | "\(.result): \(.detail) -> \(.cure)"' \
		<<<"$output"
}

without_series()
{
	[ -d /sys/module/fuse ] || skip "FUSE is not loaded"
	[ ! -e /sys/module/fuse/parameters/enable_iomap ] || skip "this kernel has the series"
}

@test "no parameter to switch iomap on: the series, not the parameter" {
	without_series
	run --separate-stderr $F doctor -j
	[[ $(check "fuse-iomap switched on") == "limited: no /sys/"*"-> apply the series"* ]]
	[ -z "$stderr" ]
}

@test "tracefs without the events: the series, not a mount" {
	without_series
	[ -w /sys/kernel/tracing/instances ] || skip "needs access to tracefs"
	run $F doctor -j
	[[ $(check "ftrace backend") == *"no event fuse:fuse_iomap_begin -> apply the series"* ]]
}

@test "no right to look into tracefs: says so, and does not want it mounted" {
	local as=()
	[ -d /sys/kernel/tracing ] || skip "no tracefs"
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all)
		cp "$F" "$BATS_TEST_TMPDIR/fuseiomap"
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.."
		F=$BATS_TEST_TMPDIR/fuseiomap
	fi
	"${as[@]}" test ! -x /sys/kernel/tracing || skip "everybody may look into tracefs"
	run "${as[@]}" "$F" doctor -j
	[[ $(check "ftrace backend") == "limited: no right "*"-> run as root"* ]]
	[[ $output != *"mount -t tracefs"* ]]
}
