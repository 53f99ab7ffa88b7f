#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# Names in directories of iomapfs; see names.c.

bats_require_minimum_version 1.5.0
load ../live/lib

NAMES=build/tests/kernel/names

setup()
{
	fs_start
	mkdir "$MNT/d"
}

teardown() { fs_stop; }

@test "a listing ends, with each file once, while all files move away and back" {
	"$NAMES" readdir "$MNT/d" "$(fewer 5000)"
}

@test "a name of 256 bytes is refused as too long, by everything that takes a name" {
	"$NAMES" long "$MNT/d"
}
