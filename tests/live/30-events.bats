#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Every event of the series fires, and for what it says.

bats_require_minimum_version 1.5.0
load lib

EVENTS_ALL=(fuse_iomap_begin fuse_iomap_begin_error fuse_iomap_begin_done
	fuse_iomap_read_map fuse_iomap_write_map
	fuse_iomap_end fuse_iomap_end_error fuse_iomap_end_done
	fuse_iomap_ioend fuse_iomap_ioend_error fuse_iomap_ioend_done
	fuse_iomap_bad_data fuse_backing_open fuse_backing_close)

teardown()
{
	[[ -d $TRACEFS/instances/fuseiomap-test ]] && rmdir "$TRACEFS/instances/fuseiomap-test"
	fs_stop
}

# write4k: one direct write of a block, which needs begin, ioend and an answer
write4k()
{
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct conv=notrunc status=none
}

@test "the kernel has all of them" {
	for e in "${EVENTS_ALL[@]}"; do
		[ -d "$TRACEFS/events/fuse/$e" ] || { echo "no $e"; return 1; }
	done
}

@test "a good write: begin, maps, done, end, ioend; backing open and close" {
	events_on "${EVENTS_ALL[@]}"
	fs_start --want-end
	write4k
	fs_stop
	events_off
	for e in begin read_map write_map begin_done end end_done ioend ioend_done; do
		(($(event_count "fuse_iomap_$e") > 0)) || { echo "no $e"; return 1; }
	done
	(($(event_count fuse_backing_open) == 1))
	(($(event_count fuse_backing_close) == 1))
	(($(event_count 'fuse_iomap_[a-z]*_error') == 0))
	(($(event_count fuse_iomap_bad_data) == 0))
}

@test "the ioend of writeback: where the data went, in bytes" {
	fs_start
	fallocate -l 64K "$MNT/first"	# the next one is not at address 0, which has no unit
	events_on fuse_iomap_read_map fuse_iomap_write_map fuse_iomap_ioend
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 conv=fsync status=none
	events_off
	mapped=$(sed -nE '/type (hole|overwrite)/d
		s/.* fuse_iomap_[a-z]+_map: .* offset 0x0 .* addr (0x[0-9a-f]+) .*/\1/p' "$EVENTS" | tail -n 1)
	written=$(sed -nE 's/.* fuse_iomap_ioend: .* pos 0x0 .* new_addr (0x[0-9a-f]+).*/\1/p' "$EVENTS")
	((mapped > 0)) && [ "$written" = "$mapped" ] || { cat "$EVENTS"; return 1; }
}

@test "idisksize: the size that the server has, in each event that tells it" {
	local with=()
	for e in "$TRACEFS"/events/fuse/fuse_iomap_*; do
		grep -q idisksize "$e/format" && with+=("${e##*/}")
	done
	((${#with[@]} >= 6))
	events_on "${with[@]}"
	fs_start
	dd if=/dev/zero of="$MNT/f" bs=8k count=1 conv=fsync status=none
	cat "$MNT/f" >/dev/null
	dd if="$MNT/f" of=/dev/null bs=8k count=1 iflag=direct status=none
	truncate -s 4096 "$MNT/f"
	fallocate -p -l 4096 "$MNT/f"
	fs_stop
	events_off
	# isize:idisksize, in the order of what was done
	sizes=$(sed -nE 's/.* isize 0x([0-9a-f]+) idisksize 0x([0-9a-f]+) .*/\1:\2/p' "$EVENTS" | uniq)
	[ "$(grep -c fuse_iomap_ "$EVENTS")" = "$(grep -c ' idisksize 0x' "$EVENTS")" ]
	case $(echo $sizes) in
	"0:0 2000:0 2000:2000 1000:1000") ;;
	*) echo "$sizes"; cat "$EVENTS"; return 1 ;;
	esac
}

@test "an asynchronous direct write ends in a task, not in an interrupt" {
	fs_start
	dd if=/dev/zero of="$MNT/f" bs=1M count=4 oflag=direct status=none
	events_on fuse_iomap_ioend fuse_iomap_ioend_done
	fio --name=f --filename="$MNT/f" --rw=randwrite --bs=4k --size=4m --direct=1 \
		--ioengine=libaio --iodepth=16 --overwrite=1 --output="$BATS_TEST_TMPDIR/fio"
	events_off
	(($(event_count fuse_iomap_ioend) == 1024))
	(($(event_count fuse_iomap_ioend_done) == 1024))
	# irqs-off, need-resched, hardirq or softirq, ...: the third is what it ran in.
	run ! grep -E '\] ..[^.].*: fuse_iomap_ioend' "$EVENTS"
}

@test "every begin has one done, every ioend one, sent or not" {
	fs_start
	events_on fuse_iomap_begin fuse_iomap_begin_done fuse_iomap_ioend fuse_iomap_ioend_done
	fio --name=v --directory="$MNT" --size=4m --bs=16k --rw=randrw --end_fsync=1 \
		--output=/dev/null
	drop_caches
	fs_stop
	events_off
	(($(event_count fuse_iomap_begin) > 0))
	(($(event_count fuse_iomap_begin) == $(event_count fuse_iomap_begin_done)))
	(($(event_count fuse_iomap_ioend) > 0))
	(($(event_count fuse_iomap_ioend) == $(event_count fuse_iomap_ioend_done)))
}

# fails_with ERRNO-TEXT COMMAND…
fails_with()
{
	local text=$1
	shift
	run "$@"
	[ "$status" -ne 0 ] && [[ $output == *"$text"* ]] ||
		{ echo "status $status, not '$text': $output"; return 1; }
}

@test "begin_error: the server refuses a mapping" {
	fs_start --begin-error=ENOSPC
	events_on fuse_iomap_begin_error fuse_iomap_begin_done
	fails_with 'No space left' write4k
	events_off
	(($(event_count fuse_iomap_begin_error) == 1))
	(($(event_count fuse_iomap_begin_done) == 1))
}

@test "end_error: the server's error reaches the caller" {
	fs_start --want-end --end-error=EIO
	events_on fuse_iomap_end fuse_iomap_end_error fuse_iomap_end_done
	write4k || true
	events_off
	(($(event_count fuse_iomap_end) == 1))
	(($(event_count fuse_iomap_end_error) == 1))
	(($(event_count fuse_iomap_end_done) == 1))
}

@test "ioend_error: the server fails the completion, so the write fails" {
	fs_start --ioend-error=EIO
	events_on fuse_iomap_ioend fuse_iomap_ioend_error fuse_iomap_ioend_done
	fails_with 'Input/output error' write4k
	events_off
	(($(event_count fuse_iomap_ioend) == 1))
	(($(event_count fuse_iomap_ioend_error) == 1))
}

@test "bad_data: a refused mapping is one event, and EUCLEAN for the caller" {
	fs_start --bad-map=zero-length
	events_on fuse_iomap_bad_data fuse_iomap_begin_done
	fails_with 'Structure needs cleaning' write4k
	events_off
	(($(event_count fuse_iomap_bad_data) == 1))
}
