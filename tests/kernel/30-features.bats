#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# What a program can expect of a file system, one line a case: the same on
# iomapfs and on ext4. Where they differ, the lines are here, and why.

bats_require_minimum_version 1.5.0
load reference

setup_file()
{
	load reference
	reference_start
	fs_start
}
teardown_file()
{
	load reference
	fs_stop
	reference_stop
}

# same GROUP [DIFF]: the lines of a group are equal but for these, as diff shows
# them ("< " what ext4 does, "> " what iomapfs does)
same()
{
	local where got

	for where in "$REF" "$MNT"; do
		"$TESTS/features" "$where" "$1" >"$BATS_TEST_TMPDIR/$(basename "$where")"
	done
	[ -s "$BATS_TEST_TMPDIR/$(basename "$REF")" ]
	got=$(diff "$BATS_TEST_TMPDIR/$(basename "$REF")" "$BATS_TEST_TMPDIR/$(basename "$MNT")" |
		grep '^[<>]') || true
	[ "$got" = "${2:-}" ] || { printf 'not expected:\n%s\n' "$got"; return 1; }
}

@test "mmap: faults, stores, holes, the end of the file, protection" { same mmap; }

@test "fallocate: allocate, punch, zero, keep size, dirty pages" { same fallocate; }

@test "truncate: up, down, by name, O_TRUNC" { same truncate; }

@test "append: O_APPEND, direct, several processes" { same append; }

@test "direct I/O: coherence with page cache and mmap, holes, alignment, O_SYNC" { same direct; }

@test "RWF_*: DSYNC, SYNC, APPEND, NOAPPEND, HIPRI, ATOMIC refused" { same rwf; }

@test "RWF_NOWAIT" { same nowait; }

@test "RWF_DONTCACHE" { same dontcache; }

@test "libaio and io_uring: extend, overwrite, preallocated, holes, parts of blocks" { same async; }

@test "io_uring: registered buffers, fsync, fallocate, splice" { same uring; }

@test "large folios" {
	large_folios || skip "this kernel has none"
	same folios
	grep -c '^large folios .*: yes' "$BATS_TEST_TMPDIR/mnt"
}

@test "readahead, mincore, fadvise" { same readahead; }

@test "copy_file_range, splice, sendfile" { same copy; }

@test "statx: sizes, blocks" { same statx; }

@test "statx: time of birth, alignment for direct I/O" {
	# libfuse 3.14 does not know FUSE_STATX, which has the time of birth.
	same statx-more "< statx has the time of birth: yes
> statx has the time of birth: no"
}

@test "times: which operation changes which" {
	# As XFS: truncate(2) that changes nothing changes no times.
	same times "< times: truncate by name to the same size: mtime ctime -
> times: truncate by name to the same size: - - -"
}

@test "times: which operation changes atime" { same atime; }

@test "privileges: set-id bits" { same privileges; }

@test "privileges: set-id bits, of a server that says it drops them" {
	fs_stop
	fs_start --killpriv
	same privileges
}

@test "privileges: capabilities" {
	# The VM's ext4 cannot store them, but tmpfs can.
	fs_stop
	fs_start --xattr
	REF=/dev/shm same capabilities
	grep "^capabilities after mmap: 20" "$BATS_TEST_TMPDIR/mnt"
	grep "^capabilities after write: ENODATA" "$BATS_TEST_TMPDIR/mnt"
}

@test "limits: RLIMIT_FSIZE, SIGXFSZ, s_maxbytes" { same limits; }

@test "extended attributes: set, listed, copied, removed" {
	fs_stop
	fs_start --xattr
	touch "$MNT/x"
	setcap cap_net_raw+ep "$MNT/x"
	[[ $(getcap "$MNT/x") == *cap_net_raw* ]]
	cp --preserve=xattr "$MNT/x" "$MNT/y"
	drop_caches
	[[ $(getcap "$MNT/y") == *cap_net_raw* ]]
	setcap -r "$MNT/y"
	[ -z "$(getcap "$MNT/y")" ]
}

@test "O_SYNC, O_DSYNC, fsync, syncfs, sync_file_range" { same sync; }

@test "no space: buffered, direct, O_DSYNC, mmap, fallocate, space that comes back" {
	local loop

	fs_stop
	reference_stop
	reference_start 16M
	truncate -s 16M /dev/shm/small.img
	loop=$(losetup -f --show /dev/shm/small.img)
	DEV=$loop fs_start
	same enospc
	fs_stop
	losetup -d "$loop"
}
