#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# fio's checksums by every engine of Debian's fio that moves the data of files.
# (tests/live/10-fio-verify.bats has the patterns; this has the ways.)

bats_require_minimum_version 1.5.0
load one-mount

# Engine, and the options of its runs: one run for each, "-" for none.
ENGINES="
sync       -                        --direct=1
psync      --bs_unaligned=1,--bsrange=100-9000,--fallocate=posix  --direct=1
vsync      -                        --direct=1
pvsync     --iodepth=4              --direct=1
pvsync2    --uncached=0             --direct=1,--hipri=1
mmap       -                        --fsync=16
splice     -
posixaio   --iodepth=8              --direct=1,--iodepth=8
libaio     --iodepth=8              --direct=1,--iodepth=16
io_uring   --iodepth=8              --direct=1,--iodepth=16,--fixedbufs=1,--registerfiles=1  --direct=1,--iodepth=8,--sqthread_poll=1  --direct=1,--iodepth=8,--force_async=2
"

# No data of files: other devices, the network, names only, other file systems.
OTHERS="cpuio null net netsplice ftruncate filecreate filestat filedelete exec falloc
	e4defrag gfapi gfapi_async mtd sg io_uring_cmd nbd rdma rados rbd pmemblk dev-dax libpmem http"

# The runs of one engine
engine()
{
	local row options
	read -ra row < <(grep "^$1 " <<<"$ENGINES")
	((${#row[@]} > 1))
	for options in "${row[@]:1}"; do
		[[ $options != - ]] || options=
		# A thread that polls takes turns with what waits for it, where both have one processor.
		[[ $options != *sqthread_poll* ]] || (($(nproc) > 1)) || continue
		echo "$1 $options"
		rm -f "$MNT"/*
		# Not preallocated, so that writes extend the file and fill holes. (Except with
		# odd sizes: where those end short of --size, fio lays out the file anew.)
		verify --size=1m --ioengine="$1" --fallocate=none --rw=randwrite ${options//,/ }
	done
}

@test "every engine of this fio is tested, or known not to move data of files" {
	local e unknown=
	for e in $(fio --enghelp | tail -n +2); do
		grep -q "^$e " <<<"$ENGINES" || [[ " ${OTHERS//[[:space:]]/ } " == *" $e "* ]] || unknown+=" $e"
	done
	[ -z "$unknown" ] || { echo "not known:$unknown"; return 1; }
}

@test "fio: sync" { engine sync; }
@test "fio: psync" { engine psync; }
@test "fio: vsync" { engine vsync; }
@test "fio: pvsync" { engine pvsync; }
@test "fio: pvsync2" { engine pvsync2; }
@test "fio: mmap" { engine mmap; }
@test "fio: splice" { engine splice; }
@test "fio: posixaio" { engine posixaio; }
@test "fio: libaio" { engine libaio; }
@test "fio: io_uring" { engine io_uring; }
