#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The ftrace backend on a kernel that has not what it needs, and for who may not.

bats_require_minimum_version 1.5.0

FUSEIOMAP=build/fuseiomap
TRACEFS=/sys/kernel/tracing

@test "a kernel without the tracepoints is told so, and no instance stays" {
	[ -w $TRACEFS/instances ] || skip "needs access to tracefs"
	[ ! -e $TRACEFS/events/fuse/fuse_iomap_begin ] || skip "this kernel has them"
	run -3 --separate-stderr "$FUSEIOMAP" hist --backend ftrace -d 1
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"fuse:fuse_iomap_begin"*"doctor"* ]]
	run bash -c "ls $TRACEFS/instances | grep -c '^fuseiomap-[0-9]'"
	[ "$output" = 0 ]
}

@test "who may not use tracefs is told so" {
	local as=()
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		cp "$FUSEIOMAP" "$BATS_TEST_TMPDIR/fuseiomap"
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.."
		FUSEIOMAP=$BATS_TEST_TMPDIR/fuseiomap
	fi
	run -4 --separate-stderr "${as[@]}" "$FUSEIOMAP" hist --backend ftrace -d 1
	[[ $stderr == *"not allowed to use tracefs"* ]]
}

@test "a cgroup that is none is refused" {
	run -2 --separate-stderr "$FUSEIOMAP" hist --backend ftrace --cgroup /proc
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"cgroup '/proc'"*"version 2"* ]]
	run -2 --separate-stderr "$FUSEIOMAP" hist --backend ftrace --cgroup no/such
	[[ $stderr == *"no/such"* ]]
}
