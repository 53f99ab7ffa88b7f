#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# A device has one user, and whatever number it has, mappings name it. Tests that say
# "by the kernel" need one that claims a device when it is registered for writing.

bats_require_minimum_version 1.5.0
load ../live/lib

OTHER=/tmp/other	# where a second one would be mounted

setup() { mkdir -p "$OTHER"; }

teardown()
{
	grep -q " $OTHER " /proc/self/mounts && umount "$OTHER"
	fs_stop
	losetup -D
}

# not_mounted DIR
not_mounted() { ! grep " $1 " /proc/self/mounts; }

# refused ARG…: iomapfs with these says in one line who has the device and what to do,
# and leaves nothing behind; $DEVICE is the one it names, $WHO has it
refused()
{
	local who=${WHO-is mounted on $MNT; umount $MNT first}
	run --separate-stderr timeout $((20 * SLOW)) "$IOMAPFS" "$@" "$OTHER"
	echo "status $status: $stderr"
	[ "$status" = 1 ]
	[ "$stderr" = "iomapfs: $DEVICE: $who, or give another device" ]
	not_mounted "$OTHER"
}

# works: the one that has the device is as good as before
works()
{
	echo data >"$MNT/f"
	sync "$MNT/f"
	drop_caches
	[ "$(<"$MNT/f")" = data ]
}

# free: what was refused can have it as soon as the other one is gone
free()
{
	fs_stop
	fs_start "$@"
	works
}

# ext4_device: sets dev to one that has a file system of another kind
ext4_device()
{
	truncate -s 64M /dev/shm/image
	mkfs.ext4 -q /dev/shm/image
	dev=$(losetup -f --show /dev/shm/image)
}

@test "a second server on the same device is refused" {
	fs_start
	DEVICE=$DEV refused "$DEV"
	DEVICE=$DEV refused --persist "$DEV"
	works
	free
}

@test "a server on a device that is mounted is refused" {
	local dev
	ext4_device
	mkdir -p "$MNT"
	mount "$dev" "$MNT"
	DEVICE=$dev refused "$dev"
	umount "$MNT"
}

@test "a server whose second device is in use is refused, and that one named" {
	local dev
	truncate -s 64M /dev/shm/image
	dev=$(losetup -f --show /dev/shm/image)
	fs_start
	DEVICE=$DEV refused --data-device="$DEV" "$dev"
	works
}

@test "a device that is given twice is refused, by whatever name" {
	ln -s "$DEV" "$BATS_TEST_TMPDIR/name"
	run --separate-stderr "$IOMAPFS" --data-device="$BATS_TEST_TMPDIR/name" "$DEV" "$OTHER"
	[ "$status" = 2 ]
	[ "$stderr" = "iomapfs: --data-device=$BATS_TEST_TMPDIR/name: is DEVICE itself; give another device" ]
	fs_start
}

@test "a server on swap space is refused" {
	[ -e /proc/swaps ] || skip "this kernel has no swap; that of user-mode Linux has"
	mkswap -q "$DEV"
	swapon "$DEV"
	DEVICE=$DEV WHO="is swap space; swapoff $DEV first" refused "$DEV"
	DEVICE=$DEV WHO="is swap space; swapoff $DEV first" refused --no-claim "$DEV"
	swapoff "$DEV"
}

@test "a server whose mount was detached still has the device, and fuser names it" {
	fs_start
	exec 9<"$MNT"
	umount -l "$MNT"
	DEVICE=$DEV WHO="somebody has it open exclusively, such as a server whose mount was \
detached; fuser -v $DEV and lsblk $DEV show more" refused "$DEV"
	run fuser -v "$DEV"
	exec 9<&-
	[[ $output == *iomapfs* ]]
	free
}

@test "a second server with fuseblk is refused" {
	fs_start --fuseblk
	DEVICE=$DEV refused --fuseblk "$DEV"
	DEVICE=$DEV refused "$DEV"
	works
}

@test "a second server that claims nothing is refused by the kernel" {
	fs_start --no-claim
	DEVICE=$DEV refused --no-claim "$DEV"
	DEVICE=$DEV refused "$DEV"
	works
	free --no-claim
}

@test "a server that claims nothing on a mounted device is refused by the kernel" {
	local dev
	ext4_device
	mkdir -p "$MNT"
	mount "$dev" "$MNT"
	DEVICE=$dev refused --no-claim "$dev"
	umount "$MNT"
}

@test "a mount of the device of a server that claims nothing is refused by the kernel" {
	local dev
	ext4_device
	DEV=$dev fs_start --no-claim
	run mount -t ext4 "$dev" "$OTHER"
	echo "$output"
	# EBUSY is either to mount(8), by what else is mounted
	[ "$status" = 32 ]
	[[ $output == *busy* || $output == *"already mounted"* ]]
	works
}

# log_start OPTION…: a server whose requests are in $LOG
log_start()
{
	LOG=$BATS_TEST_TMPDIR/log
	mkdir -p "$MNT"
	"$IOMAPFS" -f -v "$@" "$DEV" "$MNT" 2>"$LOG" 3>&- &
	wait_for "iomapfs: $DEV on" "$LOG"
}

# devices: the numbers that mappings name
devices() { sed -n 's/^begin .*dev=\([1-9][0-9]*\)}.*/\1/p' "$LOG" | sort -u; }

@test "a device that is registered after others has another number" {
	log_start --register-after=7
	works
	[ "$(devices)" = 8 ]
	fs_stop
	log_start --register-after=1000
	works
	[ "$(devices)" = 1001 ]
}

@test "a device that is registered late is there for the first mapping" {
	log_start --register-late --register-after=3
	for i in 1 2 3; do touch "$MNT/$i"; done
	stat "$MNT"/* >"$BATS_TEST_TMPDIR/seen"
	[ -z "$(devices)" ]
	works
	[ "$(devices)" = 4 ]
}
