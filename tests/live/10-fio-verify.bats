#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The data path keeps data: fio writes with a checksum in every block and
# reads it back, over every combination of direct, buffered and appending.

# bats file_tags=debug

bats_require_minimum_version 1.5.0
load lib

setup() { fs_start; }
teardown() { fs_stop; }

@test "the mount really uses iomap" {
	events_on fuse_iomap_begin_done
	verify --rw=write --size=1m
	events_off
	(($(event_count fuse_iomap_begin_done) > 0))
}

@test "direct, sequential" { verify --direct=1 --rw=write --bs=64k; }

@test "direct, random, asynchronous" {
	verify --direct=1 --rw=randwrite --ioengine=libaio --iodepth=8
}

@test "direct, io_uring" {
	verify --direct=1 --rw=randwrite --ioengine=io_uring --iodepth=8
}

@test "buffered, sequential" { verify --rw=write --bs=128k --end_fsync=1; }

@test "buffered, random, odd sizes" {
	verify --rw=randwrite --bsrange=512-20k --bs_unaligned
}

@test "buffered, with fsync after every eighth write" {
	verify --rw=randwrite --fsync=8 --size=4m
}

@test "mixed reads and writes, direct" {
	verify --direct=1 --rw=randrw --rwmixread=50
}

@test "mixed reads and writes, buffered" { verify --rw=randrw --rwmixread=50; }

# appends N ARG…: as verify, and at least N of the writes really made the file
# longer, which the kernel tells the server with an END (flag "append")
appends()
{
	local n=$1
	shift
	events_on fuse_iomap_end
	verify --rw=write --fallocate=none "$@"
	events_off
	(($(event_count fuse_iomap_end append) >= n))
}

@test "append, buffered" { appends 1000 --bs=3000 --size=3000000; }

@test "append, direct" { appends 0 --direct=1; }

@test "append, O_APPEND" {
	$LOAD "$MNT" append 100 3000
	drop_caches
	$LOAD "$MNT" verify
}

@test "mmap" { verify --ioengine=mmap --rw=randwrite; }

@test "several jobs, one file, disjoint halves, direct and buffered" {
	fio --directory="$MNT" --filename=shared --size=8m --bs=4k --verify=crc32c \
		--verify_fatal=1 --output="$BATS_TEST_TMPDIR/fio" \
		--name=buffered --rw=randwrite --offset=0 \
		--name=direct --rw=randwrite --direct=1 --offset=8m ||
		{ cat "$BATS_TEST_TMPDIR/fio"; return 1; }
}

@test "small extents: every block its own mapping" {
	fs_stop
	fs_start --extent-max=4096
	verify --rw=write --bs=64k --size=4m
	verify --rw=randwrite --direct=1 --bs=16k --size=4m
}
