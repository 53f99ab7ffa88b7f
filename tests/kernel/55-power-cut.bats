#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# The power goes: what was synced is there, what was not written is zero, and no
# file has blocks of another. One run is recorded, write by write and flush by
# flush; of that, many states are made that a cut can leave. tests/vm/power.bats
# cuts it for real.

bats_require_minimum_version 1.5.0
load faults
load settings

CUTS=20
OPS=300
MARKER_SECTORS=8

setup()
{
	kernel_log_mark
	LOGGED=/dev/mapper/logged
	LOG=$BATS_TEST_TMPDIR/log
	IMAGE=$BATS_TEST_TMPDIR/image
	device_start
	truncate -s 512M "$LOG"
	LOG_DEV=$(losetup -f --show "$LOG")
	dmsetup create logged --table "0 $SMALL_SECTORS log-writes $DEV $LOG_DEV"
	# The file system has all of it but the marker at the end.
	dmsetup create part --table "0 $((SMALL_SECTORS - MARKER_SECTORS)) linear $LOGGED 0"
}

teardown()
{
	mount_away
	fs_stop
	for d in part logged; do
		[ ! -e "/dev/mapper/$d" ] || dmsetup remove --retry "$d"
	done
	losetup -D
	device_stop
	kernel_fine
}

# power_cuts SEED OPTION…: run, then look at what each cut leaves
power_cuts()
{
	local seed=$1 i
	shift
	DEV=/dev/mapper/part fs_start --persist --format "$@"
	stale --marker="$LOGGED" run "$MNT" "$seed" "$OPS" "$BATS_TEST_TMPDIR/state"
	# What comes now is not synced, and not lost either if the device keeps it.
	umount "$MNT"
	fs_stop
	dmsetup remove --retry part
	dmsetup remove --retry logged
	truncate -s $((SMALL_SECTORS * 512)) "$BATS_TEST_TMPDIR/before"
	stale fill "$BATS_TEST_TMPDIR/before"
	for ((i = 0; i < CUTS; i++)); do
		cp "$BATS_TEST_TMPDIR/before" "$IMAGE"
		stale crash "$LOG" "$IMAGE" $((seed + i))
		one_cut "$seed" "$@" || [ $? = 77 ]
	done
}

# one_cut SEED OPTION…: mount $IMAGE and look; 77 if the cut came before there was
# a file system, which is nothing to look at
one_cut()
{
	local seed=$1 dev
	shift
	dev=$(losetup -f --show --sizelimit $(((SMALL_SECTORS - MARKER_SECTORS) * 512)) "$IMAGE")
	if ! DEV=$dev fs_start --persist "$@" >"$BATS_TEST_TMPDIR/out"; then
		losetup -d "$dev"
		grep 'has no file system' "$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
		# Then nothing can have been synced.
		stale --marker="$IMAGE" check /nonexistent "$seed" "$OPS" - |
			grep '^0 operations were sure'
		return 77
	fi
	stale --marker="$IMAGE" check "$MNT" "$seed" "$OPS" - || return 1
	umount "$MNT" && fs_stop && losetup -d "$dev"
}

@test "states that a power cut leaves: what was synced is there, nothing is stale" {
	power_cuts $RANDOM
}

@test "the same with small extents and blocks" {
	CUTS=10
	power_cuts $RANDOM --block-size=512 --extent-max=4096
}

@test "states that a power cut leaves: settings in turn" {
	CUTS=3 OPS=100
	for name in $(in_turn 1); do
		echo "setting $name, seed $SETTINGS_SEED"
		power_cuts "$SETTINGS_SEED" $(setting "$name")
		# The next one has a device of its own.
		teardown
		setup
	done
}

@test "states that a power cut leaves: a mixture of settings" {
	CUTS=3 OPS=100
	mixed_settings 4
	power_cuts "$SETTINGS_SEED" "${MIXED[@]}"
}
