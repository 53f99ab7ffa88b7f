#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# stress-ng's stressors that touch the data of files, with verification, as many
# operations as a few seconds allow. Not io-uring: that of Debian 12 takes an error
# of its own for one of the kernel's, on every file system (features has io_uring).

bats_require_minimum_version 1.5.0
load one-mount

# stress STRESSOR OPS ARG…: two workers, until each has done so many operations
stress()
{
	local name=$1 ops
	ops=$(fewer "$2" 4)
	shift 2
	stress-ng --temp-path "$MNT" --verify --no-rand-seed --oomable --metrics-brief \
		--"$name" 2 --"$name"-ops "$ops" --timeout 120 "$@" >"$BATS_TEST_TMPDIR/log" 2>&1 ||
		{ cat "$BATS_TEST_TMPDIR/log"; return 1; }
	# One that did nothing has verified nothing.
	grep -E "metrc: .* $name +[1-9]" "$BATS_TEST_TMPDIR/log" ||
		{ cat "$BATS_TEST_TMPDIR/log"; return 1; }
}

@test "hdd: all ways to open and to write" {
	stress hdd 200 --hdd-bytes 2M --hdd-write-size 16k \
		--hdd-opts direct,dsync,fadv-rnd,iovec,wr-rnd,rd-seq
	stress hdd 200 --hdd-bytes 2M --hdd-write-size 3k --hdd-opts wr-seq,rd-rnd,iovec,utimes
}
@test "iomix" { stress iomix 200 --iomix-bytes 2M; }
@test "mmap on a file" { stress mmap 8 --mmap-file --mmap-bytes 1M; }
@test "mmap on a file, synchronous" { stress mmap 4 --mmap-file --mmap-bytes 512k --mmap-async; }
@test "seek" { stress seek 400 --seek-size 4M --seek-punch; }
@test "fallocate" { stress fallocate 40 --fallocate-bytes 1M; }
@test "fpunch" { stress fpunch 4; }
@test "copy-file" { stress copy-file 40 --copy-file-bytes 128M; }
@test "sendfile" { stress sendfile 400 --sendfile-size 64k; }
@test "readahead" { stress readahead 400 --readahead-bytes 1M; }
@test "aio" { stress aio 800; }
@test "aiol" { stress aiol 800; }
@test "revio" { stress revio 100 --revio-bytes 1M; }
@test "sync-file" { stress sync-file 4 --sync-file-bytes 1M; }
@test "fsize" { stress fsize 4; }
@test "fiemap" { stress fiemap 100 --fiemap-bytes 1M; }
@test "msync" { stress msync 60 --msync-bytes 1M; }
@test "rename" { stress rename 400; }
