#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# A file shows its own data or zeros, whatever fails: never what a block held
# before. The device is full of words that say so, and each word of a file tells
# where it belongs; see stale.c.

bats_require_minimum_version 1.5.0
load faults
load settings

setup()
{
	kernel_log_mark
	STATE=$BATS_TEST_TMPDIR/state
	device_start
}

teardown()
{
	device_whole
	kill $(jobs -p) 2>/dev/null || true
	mount_away
	fs_stop
	device_stop
	kernel_fine
}

# zeros FILE: it has only zeros, as read in all ways
zeros()
{
	[ "$(tr -d '\0' <"$1" | wc -c)" = 0 ]
	[ "$(dd if="$1" iflag=direct bs=64k status=none | tr -d '\0' | wc -c)" = 0 ]
	drop_caches
	[ "$(tr -d '\0' <"$1" | wc -c)" = 0 ]
}

# only_data FILE BYTES: besides zeros it has that many bytes, all 'x'
only_data()
{
	drop_caches
	[ "$(tr -d '\0' <"$1" | tr -d x | wc -c)" = 0 ]
	[ "$(tr -d '\0' <"$1" | wc -c)" = "$2" ]
}

xs() { head -c "$1" /dev/zero | tr '\0' x; }

# run_and_check SEED OPS [OPTION…]: operations that all succeed, checked while it
# runs, and again after a remount
run_and_check()
{
	local seed=$1 ops=$2
	shift 2
	stale run "$MNT" "$seed" "$ops" "$STATE"
	drop_caches
	stale check "$MNT" "$seed" "$ops" "$STATE"
	fs_restart "$@"
	stale check "$MNT" "$seed" "$ops" "$STATE"
}

@test "the device itself is told from data" {
	fs_start --persist --format
	stale run "$MNT" 1 50 "$STATE"
	# Break it: let a word of the device show in a file.
	dd if=$DISK of="$MNT/0" bs=8 count=1 seek=100 skip=1000000 conv=notrunc status=none
	run stale check "$MNT" 1 50 "$STATE"
	[ "$status" = 1 ]
	[[ $output == *"file 0 offset 0x320: has what the device held at 0x7a1200"* ]]
}

@test "data of another file, another place and another time is told" {
	fs_start --persist --format
	stale run "$MNT" 1 150 "$STATE"
	cp -r "$MNT" "$BATS_TEST_TMPDIR/copy"
	file_of_another() { cat "$BATS_TEST_TMPDIR/copy/0"; }
	moved_by_a_word() { head -c 8 /dev/zero; cat "$BATS_TEST_TMPDIR/copy/1"; }
	for way in file_of_another moved_by_a_word; do
		"$way" >"$MNT/1"
		run stale check "$MNT" 1 150 "$STATE"
		[ "$status" = 1 ] || { echo "$way: $output"; return 1; }
		cp "$BATS_TEST_TMPDIR/copy"/* "$MNT"
		stale check "$MNT" 1 150 "$STATE"
	done
	# Without the last operations: what was sure is missing.
	stale run "$MNT" 1 150 "$STATE"
	cp "$MNT"/* "$BATS_TEST_TMPDIR/copy"
	stale run "$MNT" 1 300 "$STATE"
	cp "$BATS_TEST_TMPDIR/copy"/* "$MNT"
	run stale check "$MNT" 1 300 "$STATE"
	[ "$status" = 1 ]
}

@test "allocated, not written: zeros" {
	for options in "" "--block-size=512 --enosys=ioend" --no-iomap; do
		fs_start $options
		fallocate -l 128K "$MNT/allocated"
		zeros "$MNT/allocated"
		touch "$MNT/behind"
		fallocate -n -o 16K -l 32K "$MNT/behind"
		truncate -s 64K "$MNT/behind"
		zeros "$MNT/behind"
		fs_stop
	done
}

@test "a block written in part: the rest is zeros, also when the file grows over it" {
	for options in "" "--block-size=512 --enosys=ioend" --no-iomap; do
		fs_start $options
		xs 1000 | dd of="$MNT/append" bs=1000 status=none
		fallocate -l 128K "$MNT/inside"
		xs 1000 | dd of="$MNT/inside" bs=1000 seek=77 conv=notrunc status=none
		truncate -s 128K "$MNT/direct"
		xs 512 | dd of="$MNT/direct" bs=512 seek=77 oflag=direct conv=notrunc status=none
		truncate -s 128K "$MNT/append"
		only_data "$MNT/append" 1000
		only_data "$MNT/inside" 1000
		only_data "$MNT/direct" 512
		xs 100000 | dd of="$MNT/cut" bs=100000 status=none
		truncate -s 10 "$MNT/cut"
		truncate -s 100000 "$MNT/cut"
		only_data "$MNT/cut" 10
		fs_stop
	done
}

@test "random operations, on small and large blocks and extents" {
	local seed=$RANDOM
	for options in "" "--block-size=512 --want-end" "--extent-max=8192 --enosys=end,ioend"; do
		echo "seed $seed, options $options"
		fs_start --persist --format $options
		run_and_check $((++seed)) "$(fewer 200 60)" $options
		umount "$MNT"
		fs_stop
	done
}

@test "random operations, settings in turn" {
	local name options
	for name in $(in_turn 2); do
		options=$(setting "$name")
		echo "setting $name, seed $SETTINGS_SEED"
		fs_start --persist --format $options
		run_and_check "$SETTINGS_SEED" "$(fewer 60 30)" $options
		umount "$MNT"
		fs_stop
	done
}

@test "random operations, a mixture of settings" {
	mixed_settings 3
	fs_start --persist --format "${MIXED[@]}"
	run_and_check "$SETTINGS_SEED" "$(fewer 60 30)" "${MIXED[@]}"
}

@test "delayed allocation: a write that finds no room fails itself, what was taken is kept" {
	local how size
	for how in --delalloc --delalloc=mapped; do
		fs_start --persist --format $how
		fallocate -l $(($(stat -f -c '%f * %S' "$MNT") - 65536)) "$MNT/ballast"
		run dd if=<(xs 131072) of="$MNT/f" bs=4096 iflag=fullblock
		[ "$status" = 1 ]
		[[ $output == *"No space left"* ]]
		# What is promised to it is not for others, though it has no blocks yet.
		[ "$(stat -f -c %f "$MNT")" = 0 ]
		run dd if=/dev/zero of="$MNT/other" bs=4096 count=1 oflag=direct
		[ "$status" = 1 ]
		sync "$MNT/f"
		size=$(stat -c %s "$MNT/f")
		[ "$size" = 65536 ]
		only_data "$MNT/f" "$size"
		# All of it comes back with the file.
		rm "$MNT/f"
		xs 65536 | dd of="$MNT/other" bs=65536 iflag=fullblock oflag=direct status=none
		umount "$MNT"
		fs_stop
	done
}

@test "delayed blocks that are mapped before they are written: zeros keep the old data hidden" {
	local how old
	for how in --delalloc --delalloc=mapped --delalloc=exposed; do
		device_start
		fs_start --persist --format $how
		truncate -s 64K "$MNT/f"
		sync "$MNT/f"
		device_table "0 512 linear $DISK 0" \
			"512 $((SMALL_SECTORS - 512)) flakey $DISK 512 0 1 1 error_writes"
		run dd if=<(xs 65536) of="$MNT/f" bs=64k iflag=fullblock conv=notrunc,fsync
		[ "$status" = 1 ]
		[[ $output == *"Input/output error"* ]]
		device_whole
		drop_caches
		old=$(tr -d '\0' <"$MNT/f" | tr -d x | wc -c)
		# Only what does without zeros shows what the device held.
		[ $((old > 0)) = $([ $how = --delalloc=exposed ] && echo 1 || echo 0) ] ||
			{ echo "$how: $old bytes are not its own"; return 1; }
		umount "$MNT"
		fs_stop
	done
}

@test "several at once, blocks go from one to the other" {
	local seed=$RANDOM pids=()
	fs_start --persist --format
	for i in 1 2 3; do
		mkdir "$MNT/$i"
		stale run "$MNT/$i" $((seed + i)) 150 "$STATE.$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[0]}"; wait "${pids[1]}"; wait "${pids[2]}"
	fs_restart
	for i in 1 2 3; do
		stale check "$MNT/$i" $((seed + i)) 150 "$STATE.$i"
	done
}

@test "no space in the middle: an error, no stale data, and room again afterwards" {
	local seed=$RANDOM
	for options in --extent-max=4096 --enosys=ioend "--delalloc --extent-max=8192"; do
		fs_start --persist --format $options
		fallocate -l $(($(stat -f -c '%f * %S' "$MNT") - 150000)) "$MNT/ballast"
		echo "seed $((++seed))"
		stale --go-on run "$MNT" $seed 300 "$STATE" | tee "$BATS_TEST_TMPDIR/out"
		grep -q 'failed=[1-9]' "$BATS_TEST_TMPDIR/out"
		drop_caches
		stale check "$MNT" $seed 300 "$STATE"
		rm "$MNT/ballast"
		run dd if=/dev/zero of="$MNT/after" bs=1M count=1 oflag=direct
		[ "$status" = 0 ]
		fs_restart $options
		stale check "$MNT" $seed 300 "$STATE"
		umount "$MNT"
		fs_stop
	done
}

@test "no space to zero a range: an error, and the rest of the file stays" {
	fs_start --persist --format
	xs 300000 | dd of="$MNT/f" bs=300000 conv=fsync status=none
	fallocate -l $(($(stat -f -c '%f * %S' "$MNT") - 65536)) "$MNT/ballast"
	run timeout $((30 * SLOW)) fallocate --zero-range -o 100000 -l 1M "$MNT/f"
	[ "$status" = 1 ]
	[[ $output == *"No space left"* ]]
	xs 100000 | cmp -n 100000 - "$MNT/f"
	rm "$MNT/ballast"
	fallocate --zero-range -o 100000 -l 1M "$MNT/f"
	only_data "$MNT/f" 100000
}

# has_begun PID: wait until `stale run` does something
has_begun()
{
	until [ -n "$(tr -d '\0' 2>/dev/null <"$STATE")" ]; do
		kill -0 "$1"
		sleep 0.05
	done
}

@test "a killed server: what was synced is there, all else is its own or zeros" {
	local seed=$RANDOM ops=50000	# more than are done until it is killed
	for i in 1 2 3; do
		fs_start --persist --format
		mkdir "$MNT/d"
		sync "$MNT/d"
		seed=$((seed + 1))
		rm -f "$STATE"
		stale run "$MNT/d" $seed $ops "$STATE" 3>&- >"$BATS_TEST_TMPDIR/out" &
		has_begun $!
		sleep 0.$((RANDOM % 9))$((RANDOM % 9))
		server_kill
		wait $! || [ $? = 3 ]
		cat "$BATS_TEST_TMPDIR/out"
		# The last is a page fault that failed.
		grep -q '^operation .*: \(Transport endpoint\|Software caused\|Input/output\|Bad address\)' "$BATS_TEST_TMPDIR/out"
		fs_restart
		stale check "$MNT/d" $seed $ops "$STATE"
		# And it is a file system as good as before.
		run_and_check $seed 50
		umount "$MNT"
		fs_stop
	done
}

@test "a killed writer: nothing of what it left is stale" {
	local seed=$RANDOM ops=50000
	fs_start --persist --format --extent-max=8192
	for i in 1 2 3; do
		mkdir "$MNT/$i"
		rm -f "$STATE"
		# Not by way of a function, whose shell would be what is killed.
		"$STALE" run "$MNT/$i" $((seed + i)) $ops "$STATE" 3>&- &
		has_begun $!
		sleep 0.$((RANDOM % 5))$((RANDOM % 9))
		kill -KILL $!
		wait $! || [ $? = 137 ]
		echo "seed $((seed + i))"
		stale check "$MNT/$i" $((seed + i)) $ops "$STATE"
		drop_caches
		stale check "$MNT/$i" $((seed + i)) $ops "$STATE"
	done
	fs_restart
	stale check "$MNT/3" $((seed + 3)) $ops "$STATE"
}

# broken_middle: a third of the device is bad, behind the metadata
broken_middle()
{
	local a=3072 b=4096
	device_table "0 $a linear $DISK 0" "$a $b error" \
		"$((a + b)) $((SMALL_SECTORS - a - b)) linear $DISK $((a + b))"
}

@test "a device with bad blocks: errors, and never stale data" {
	local seed=$RANDOM
	for options in "" "--extent-max=8192 --block-size=512"; do
		fs_start --persist --format $options
		# The next blocks are in what becomes bad.
		fallocate -l 1200K "$MNT/ballast"
		broken_middle
		echo "seed $((++seed))"
		stale --go-on run "$MNT" $seed 150 "$STATE" | tee "$BATS_TEST_TMPDIR/out"
		grep -q 'failed=[1-9]' "$BATS_TEST_TMPDIR/out"
		device_whole
		drop_caches
		stale check "$MNT" $seed 150 "$STATE"
		fs_restart $options
		stale check "$MNT" $seed 150 "$STATE"
		umount "$MNT"
		fs_stop
	done
}

@test "a device that fails now and then, metadata too: errors, and never stale data" {
	local seed=$RANDOM
	for feature in "" "1 error_writes"; do
		device_whole
		fs_start --persist --format
		device_table "0 $SMALL_SECTORS flakey $DISK 0 1 1 $feature"
		echo "seed $((++seed))"
		# until it has failed meanwhile; every other second it does
		for ((runs = 1; runs < 20; runs++)); do
			mkdir "$MNT/$runs"
			stale --go-on run "$MNT/$runs" $((seed + runs)) 400 "$STATE.$runs" |
				tee "$BATS_TEST_TMPDIR/out"
			((runs == 1)) || ! grep -q 'failed=[1-9]' "$BATS_TEST_TMPDIR/out" || break
			sleep 0.7
		done
		((runs < 20))
		device_whole
		fs_restart
		for ((i = 1; i <= runs; i++)); do
			# It is not there if nothing could ever be committed.
			[ -d "$MNT/$i" ] || continue
			stale check "$MNT/$i" $((seed + i)) 400 "$STATE.$i"
		done
		umount "$MNT"
		fs_stop
	done
}

@test "metadata that cannot be written: fsync says so, and the next one makes it good" {
	fs_start --persist --format
	xs 5000 | dd of="$MNT/f" bs=5000 conv=fsync status=none
	device_table "0 512 flakey $DISK 0 0 1 1 error_writes" \
		"512 $((SMALL_SECTORS - 512)) linear $DISK 512"
	touch "$MNT/new"
	run sync "$MNT/new"
	[ "$status" = 1 ]
	[[ $output == *"Input/output error"* ]]
	device_whole
	sync "$MNT/new"
	server_kill
	fs_restart
	[ -e "$MNT/new" ]
	only_data "$MNT/f" 5000
}
