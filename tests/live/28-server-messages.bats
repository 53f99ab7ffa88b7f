#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What iomapfs says when it cannot start, or ends in another way than was asked for: one
# line, with the cause and what to do.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	dmesg -C
	mkdir -p "$MNT"
}

teardown()
{
	cd /
	fs_stop
}

# says TEXT [OPTION]…: iomapfs fails and says so in one line, which has TEXT in it
says()
{
	local text=$1
	shift
	run --separate-stderr timeout $((20 * SLOW)) "$IOMAPFS" "$@" "$DEV" "$MNT" 3>&-
	[[ $status = 1 && ${#stderr_lines[@]} = 1 && $stderr == "iomapfs: "*"$text"* ]] ||
		{ echo "status $status: $stderr"; return 1; }
}

@test "the mount point: not there, or the mount of a server that was killed" {
	MNT=/tmp/none says "/tmp/none: No such file or directory; make the directory first"
	touch "$BATS_TEST_TMPDIR/file"
	MNT=$BATS_TEST_TMPDIR/file/none says "none: Not a directory"
	[[ $stderr != *";"* ]]
	fs_start
	pkill -9 -x iomapfs
	says "$MNT: Transport endpoint is not connected; the server of that mount has ended: umount it"
	umount "$MNT"
	fs_start
}
