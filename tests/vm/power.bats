#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine is stopped at once while files are written; a second one looks at
# the disk. tests/kernel/55-power-cut.bats has what a disk can lose in its cache.

bats_require_minimum_version 1.5.0

SECTORS=16384
# More than the fastest machine gets done before it is stopped
OPS=50000

setup()
{
	OUT=$BATS_TEST_TMPDIR/out
	export OUT
	mkdir -p "$OUT"
	DISK=$BATS_TEST_TMPDIR/disk
	truncate -s $((SECTORS * 512)) "$DISK"
	build/tests/kernel/stale fill "$DISK"
}

# sure: how many operations the marker at the end of the disk says are sure
sure()
{
	local mark
	mark=$(od -An -v -t x8 -j $(((SECTORS - 8) * 512)) -N 8 "$DISK" | tr -d ' ')
	# 0xa5 says that it is one.
	if [[ $mark == a5* ]]; then echo $((16#${mark:2})); else echo 0; fi
}

# The file system has all of the disk but that marker.
PREPARE="
	export DM_DISABLE_UDEV=1
	dmsetup create part --table '0 $((SECTORS - 8)) linear /dev/vda 0'
	mkdir -p /tmp/mnt"
MOUNT="build/iomapfs /dev/mapper/part /tmp/mnt --persist"

@test "what was synced when the machine was stopped is there, and nothing is stale" {
	seed=$RANDOM
	echo "seed $seed"
	kernel/run -d "$DISK" -t 120 -- bash -c "$PREPARE
		$MOUNT --format &&
		build/tests/kernel/stale --marker=/dev/vda run /tmp/mnt $seed $OPS /tmp/state" 3>&- &
	vm=$!
	enough=$((200 + RANDOM % 2000))
	for ((i = 0; i < 1200; i++)); do
		(($(sure) < enough)) || break
		sleep 0.1
	done
	(($(sure) >= enough))
	# It stops QEMU, and that is not asked.
	kill -TERM $vm
	run wait $vm
	run -0 kernel/run -d "$DISK" -t 120 -- bash -c "$PREPARE
		$MOUNT && build/tests/kernel/stale --marker=/dev/vda check /tmp/mnt $seed $OPS - &&
		build/tests/kernel/stale run /tmp/mnt $((seed + 1)) 50 /tmp/state"
	echo "$output"
	# It was in the middle, and some of it was sure.
	[[ $output == *" operations were sure"* && $output != *"
$OPS operations"* ]]
	[ "$(sed -n 's/ operations were sure.*//p' <<<"$output")" -gt 0 ]
}
