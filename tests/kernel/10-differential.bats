#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=both
#
# Random operations on iomapfs and on ext4 at once: returns, sizes and contents
# are the same. FSDIFF_TIME=SECONDS runs each configuration that long, with new
# seeds, instead of some rounds with known ones; FSDIFF_SEED names the first.
# SETTINGS_SEED repeats mixtures of settings. Half an hour of delayed allocation:
#
#   FSDIFF_TIME=900 kernel/run -m 2048 -d 2G -t 0 -e FSDIFF_TIME -- \
#	bats -f 'setting delalloc' tests/kernel/10-differential.bats

bats_require_minimum_version 1.5.0
load reference
load settings

setup() { reference_start; }
teardown() { fs_stop; reference_stop; }

# same ROUNDS OPTION…: with these options of iomapfs
same()
{
	local args=(--rounds="$(fewer "$1")" --seed="${FSDIFF_SEED:-1}")

	[ -z "${FSDIFF_TIME:-}" ] || args=(--time="$FSDIFF_TIME" ${FSDIFF_SEED:+--seed="$FSDIFF_SEED"})
	shift
	fs_start "$@"
	"$TESTS/fsdiff" --jobs=2 "${args[@]}" "${FSDIFF_ARGS[@]}" "$MNT" "$REF"
}

# same_remounted ROUNDS OPTION…: likewise, unmounted and mounted again in between
same_remounted()
{
	local rounds=$1
	shift
	remounter : --persist "$@"
	FSDIFF_ARGS+=(--jobs=1 --remount="$REMOUNT")
	same "$rounds" --persist --format "$@"
}

@test "differential: blocks of 4096" { same 20; }

@test "differential: files of 3 MB, with large folios" {
	FSDIFF_ARGS=(--size=3000000)
	same 4
}

@test "differential: blocks of 512, extents of 2048" {
	same 6 --block-size=512 --extent-max=2048
}

@test "differential: blocks of 1024, END of every operation" {
	same 10 --block-size=1024 --want-end
}

@test "differential: blocks of 2048, extents of 8192" {
	same 10 --block-size=2048 --extent-max=8192
}

@test "differential: a server without END" { same 8 --enosys=end; }

@test "differential: a server without IOEND" { same 8 --enosys=ioend; }

@test "differential: a server without END and IOEND, blocks of 1024" {
	same 8 --enosys=end,ioend --block-size=1024
}

@test "differential: each tenth answer late" {
	same 6 --delay-begin=2ms --delay-end=2ms --delay-ioend=2ms --delay-share=10 --want-end
}

# with NAME ROUNDS: one of the settings
with() { same "$2" $(setting "$1"); }

@test "differential: setting delalloc" { with delalloc 1; }

@test "differential: setting delalloc-mapped" { with delalloc-mapped 1; }

@test "differential: setting slow-unwritten" { with slow-unwritten 1; }

@test "differential: setting slow-append" { with slow-append 1; }

@test "differential: setting slow-writeback" { with slow-writeback 1; }

@test "differential: setting slow-direct" { with slow-direct 1; }

@test "differential: setting registered-late" { with registered-late 1; }

@test "differential: a mixture of settings" {
	mixed_settings 1
	FSDIFF_SEED=${FSDIFF_SEED:-$SETTINGS_SEED} same 1 "${MIXED[@]}"
}

@test "differential: delayed allocation, unmounted and mounted again" {
	RANDOM=$SETTINGS_SEED
	one_of --delalloc --delalloc=mapped
	FSDIFF_ARGS=(--ops=50)
	same_remounted 1 "$ONE_OF"
}

@test "differential: one server thread" { same 6 --threads=1 --block-size=1024; }

@test "differential: unmounted and mounted again" { same_remounted 4; }

@test "differential: unmounted and mounted again, blocks of 1024, extents of 8192" {
	same_remounted 2 --block-size=1024 --extent-max=8192
}

@test "fsdiff finds what is lost by a remount, and shrinks and repeats it" {
	# A server that is killed has not got what was not synced.
	remounter 'pkill -KILL -x iomapfs; umount "$MNT"' --persist
	fs_start --persist --format
	args=(--rounds=1 --seed=5 --remount="$REMOUNT")
	run -1 "$TESTS/fsdiff" "${args[@]}" "$MNT" "$REF"
	[[ $output == *"remount) differs:"* ]]
	[[ $output == *"operations are left of seed 5:"* ]]
	only=$(sed -n 's/^Repeat with: .* \(--only=[0-9,]*\) .*/\1/p' <<<"$output")
	[[ $output == *" --remount='$REMOUNT' $MNT $REF" ]]
	run -1 "$TESTS/fsdiff" "${args[@]}" "$only" "$MNT" "$REF"
	[[ $output == *"remount) differs:"* ]]
	# The same without a loss: it is that which was found.
	remounter : --persist
	"$TESTS/fsdiff" "${args[@]}" "$only" "$MNT" "$REF"
}

@test "fsdiff finds a difference, and shrinks it" {
	# A server that loses mappings is not the same as ext4.
	fs_start --begin-error=EIO --bad-every=50
	run -1 "$TESTS/fsdiff" --rounds=3 --seed=1 "$MNT" "$REF"
	[[ $output == *"differs:"* ]]
	[[ $output == *"of seed 1:"* ]]
	[[ $output == *"Repeat with: fsdiff --seed=1 --rounds=1"* ]]
}
