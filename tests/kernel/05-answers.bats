#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# What a server answers, and when, as one program decides it that is server and
# application at once: nothing hangs, nothing that was synced is lost, no device is
# taken from somebody else, and nothing waits that need not. See answers/.

bats_require_minimum_version 1.5.0
load faults

ANSWERS=$TESTS/answers

setup() { kernel_log_mark; }
teardown() { kernel_fine; }

# play CASE: fails if the kernel did what is wrong, or does not end
play() { SLOW=$SLOW "$ANSWERS" "$1" 3>&-; }

@test "answers: each case of the program is a test here" {
	diff <("$ANSWERS" list | cut -d ' ' -f 1) \
		<(sed -n 's/^@test .* { play \(.*\); }$/\1/p' "$BATS_TEST_FILENAME")
}

@test "direct-aio-write: libaio, RWF_DSYNC, and a buffered write of the same block" { play direct-aio-write; }
@test "direct-uring-write: the same by io_uring" { play direct-uring-write; }
@test "direct-sync-write: the same by pwritev2" { play direct-sync-write; }
@test "direct-aio-odsync: libaio on an O_DSYNC file" { play direct-aio-odsync; }
@test "direct-aio-osync: libaio on an O_SYNC file" { play direct-aio-osync; }
@test "direct-uring-osync: io_uring on an O_SYNC file" { play direct-uring-osync; }
@test "direct-aio-store: libaio, RWF_DSYNC, and a store to a mapped page" { play direct-aio-store; }
@test "direct-aio-write-fsync: libaio, RWF_DSYNC, and a buffered write with fsync" { play direct-aio-write-fsync; }
@test "direct-aio-sync-write: libaio, RWF_DSYNC, and a buffered O_SYNC write" { play direct-aio-sync-write; }
@test "direct-aio-fsync: libaio, RWF_DSYNC, and fsync" { play direct-aio-fsync; }
@test "direct-uring-fsync: io_uring, RWF_DSYNC, and fsync" { play direct-uring-fsync; }
@test "direct-aio-read: libaio, RWF_DSYNC, and a read of the page" { play direct-aio-read; }
@test "direct-aio-writeback: libaio, RWF_DSYNC, and writeback of other blocks" { play direct-aio-writeback; }
@test "direct-uring-writeback: io_uring, RWF_DSYNC, and writeback of other blocks" { play direct-uring-writeback; }
@test "direct-aio-nosync: libaio without sync, and a buffered write" { play direct-aio-nosync; }

@test "size-truncate: a late IOEND and truncate to less" { play size-truncate; }
@test "size-extend: a late IOEND and truncate to more" { play size-extend; }
@test "size-fallocate: a late IOEND and fallocate" { play size-fallocate; }
@test "size-append-truncate: a late IOEND of an append, and truncate" { play size-append-truncate; }
@test "size-direct-truncate: a late IOEND of a direct write, and truncate" { play size-direct-truncate; }
@test "size-too-large: an IOEND is answered with too large a size" { play size-too-large; }
@test "size-too-small: an IOEND is answered with too small a size" { play size-too-small; }
@test "size-append-too-large: the same of an append" { play size-append-too-large; }
@test "size-append-too-small: the same of an append" { play size-append-too-small; }
@test "size-appends-out-of-order: of two appends the first is answered last" { play size-appends-out-of-order; }
@test "size-truncate-fails: a truncate that the server did, and failed" { play size-truncate-fails; }

@test "stale-delalloc-fsync: delayed allocation, and fsync" { play stale-delalloc-fsync; }
@test "stale-delalloc-syncfs: the same by syncfs" { play stale-delalloc-syncfs; }
@test "stale-delalloc-neighbour: the same by writeback of the next block" { play stale-delalloc-neighbour; }
@test "stale-delalloc-store: the same, and a store to a mapped page" { play stale-delalloc-store; }
@test "stale-delalloc-zero: the same, and zeroes behind the end" { play stale-delalloc-zero; }
@test "stale-delalloc-many: the same, and then many changes elsewhere" { play stale-delalloc-many; }
@test "stale-unwritten-fsync: unwritten blocks, and fsync" { play stale-unwritten-fsync; }
@test "stale-unwritten-many: the same, and then many changes elsewhere" { play stale-unwritten-many; }
@test "stale-unwritten-zero: unwritten blocks, and zeroes behind the end" { play stale-unwritten-zero; }
@test "stale-not: a write beside writeback elsewhere" { play stale-not; }
@test "stale-few: many writes beside writeback elsewhere" { play stale-few; }

@test "device-mounted: a device that ext4 has mounted" { play device-mounted; }
@test "device-registered: ext4 on a device that a server has" { play device-registered; }
@test "device-held: a device that somebody has opened with O_EXCL" { play device-held; }
@test "device-own-hold: a device that the server has opened with O_EXCL" { play device-own-hold; }
@test "device-two-servers: a device of two servers" { play device-two-servers; }
@test "device-twice: a device registered twice" { play device-twice; }
@test "device-readonly-two: a device of two servers, for reading" { play device-readonly-two; }

@test "fast-dirty-limits: the dirty limits are the usual ones" { play fast-dirty-limits; }
@test "fast-overwrites: direct overwrites run in parallel" { play fast-overwrites; }
@test "fast-overwrites-xattrs: the same where files may have attributes" { play fast-overwrites-xattrs; }

@test "privileges-later: a capability that comes later is removed" { play privileges-later; }

@test "passthrough-close: who may close an id of passthrough" { play passthrough-close; }

@test "config-good: a configuration" { play config-good; }
@test "config-sid: a configuration with a name" { play config-sid; }
@test "config-pad: one whose padding is not zero" { play config-pad; }
@test "config-newline: one whose name has two lines" { play config-newline; }
@test "config-escape: one whose name has an escape" { play config-escape; }

@test "copy-range: copy_file_range by the server" { play copy-range; }
@test "copy-range-grows: the same behind the end of the file" { play copy-range-grows; }
