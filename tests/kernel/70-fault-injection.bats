#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=debug-only
#
# Memory that cannot be had, copies that fault and I/O that fails, where fuse asks for
# it, each place in turn: an application gets an error or right data, and nothing is
# lost, stuck or leaked. Only a kernel with fault injection can do this to itself.

bats_require_minimum_version 1.5.0
load inject

@test "mount, INIT, CONFIG, BACKING_OPEN, ioctls: each place that can fail does, once" {
	mkdir -p "$MNT"
	"$TESTS/failnth" mount "$DEV" "$MNT"
}

@test "operations on files: each place that can fail does, once" {
	fs_start --persist --format
	"$TESTS/failnth" files "$MNT"
}

@test "the same with END of every operation, small blocks and extents" {
	fs_start --persist --format --want-end --block-size=512 --extent-max=8192
	"$TESTS/failnth" files "$MNT"
}
