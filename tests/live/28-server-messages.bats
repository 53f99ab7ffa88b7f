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
	exec 9<&-
	echo Y >/sys/module/fuse/parameters/enable_iomap
	fs_stop
}

# without_rawio: a program that starts iomapfs without CAP_SYS_RAWIO
without_rawio()
{
	local program=$BATS_TEST_TMPDIR/iomapfs
	printf '#!/bin/sh\nexec setpriv --bounding-set -sys_rawio --inh-caps -sys_rawio %s "$@"\n' \
		"$IOMAPFS" >"$program"
	chmod +x "$program"
	echo "$program"
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

# ends: the server, soon
ends()
{
	local i
	for ((i = 0; i < 100 * SLOW; i++)); do
		pgrep -x iomapfs >/dev/null || return 0
		sleep 0.1
	done
	return 1
}

@test "SIGTERM while the mount is busy: one line says that it is detached" {
	local detached="iomapfs: $MNT: Device or resource busy; detached, " log=$BATS_TEST_TMPDIR/log
	fs_start
	exec 9<"$MNT"
	pkill -TERM -x iomapfs
	for ((i = 0; i < 100 * SLOW; i++)); do
		mountpoint -q "$MNT" || break
		sleep 0.1
	done
	[ "$(dmesg | grep -cF "$detached")" = 1 ]
	pgrep -x iomapfs
	exec 9<&-
	ends
	"$IOMAPFS" -f "$DEV" "$MNT" 2>"$log" 3>&- &
	wait_for "iomapfs: $DEV on" "$log"
	exec 9<"$MNT"
	pkill -TERM -x iomapfs
	wait_for "$detached" "$log"
	exec 9<&-
	ends
	[ "$(grep -cF "$detached" "$log")" = 1 ]
}

@test "no /dev/fuse: it is to blame, not the mount point" {
	mv /dev/fuse /dev/fuse.away
	run says "/dev/fuse: No such file or directory; modprobe fuse"
	mv /dev/fuse.away /dev/fuse
	echo "$output"
	[ "$status" = 0 ]
}

@test "a bad CONFIG with synchronous INIT: the kernel's log has the reason" {
	says "cannot mount: Transport endpoint is not connected; the kernel refused an answer, dmesg" \
		--sync-init --bad-config=time
	dmesg | grep -q "fuse: connection [0-9]*: bad iomap configuration"
}

@test "a server that dies before it is ready, in the background" {
	says "$MNT: signal 9 (Killed) ended the server before it was ready; umount" --die=init
	umount "$MNT"
	says "$MNT: signal 9 (Killed) ended the server before it was ready" --sync-init --die=config
	run mountpoint -q "$MNT"
	[ "$status" != 0 ]
}

# loop_device SIZE: DEV is one that has as much room, from now on
loop_device()
{
	truncate -s "$1" "$BATS_TEST_TMPDIR/disk"
	DEV=$(losetup -f --show "$BATS_TEST_TMPDIR/disk")
}

@test "--persist: how large a device has to be, and what it was made with" {
	loop_device 135168
	says "$DEV: too small for --persist with its 135168 bytes; give a device of 139264 or more" \
		--persist --block-size=8192
	fs_start --persist --format
	fs_stop
	says "$DEV: made with another block size; give --block-size=4096" --persist --block-size=1024
	losetup -d "$DEV"
	loop_device 1M
	says "$DEV: made on a device of 135168 bytes, and now has 1048576; give one of that size" --persist
	losetup -d "$DEV"
}

@test "blocks above a page, on a kernel without large folios" {
	! large_folios || skip "this one has them"
	fs_start --block-size=65536
	grep -q "no iomap (blocks above a page need a kernel with CONFIG_TRANSPARENT_HUGEPAGE)" \
		"$BATS_TEST_TMPDIR/iomapfs.err"
}

@test "--require-iomap: a mount with iomap, or none and the reason" {
	fs_start --require-iomap
	grep -q 'iomap is in use' "$BATS_TEST_TMPDIR/iomapfs.err"
	fs_stop
	echo N >/sys/module/fuse/parameters/enable_iomap
	says "$DEV: no iomap (not offered: it needs CAP_SYS_RAWIO, and the parameter fuse.enable_iomap)" \
		--require-iomap
	says "$DEV: no iomap (not offered: " --require-iomap --sync-init
	echo Y >/sys/module/fuse/parameters/enable_iomap
	IOMAPFS=$(without_rawio) says "$DEV: no iomap (not offered: " --require-iomap
	run mountpoint -q "$MNT"
	[ "$status" != 0 ]
	ends
}
