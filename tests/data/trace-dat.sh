#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How trace-all.dat and trace-upstream.dat were made, as root in the patched kernel:
#   mkdir -p OUT && OUT=OUT kernel/run -m 2048 -d 2G -- tests/data/trace-dat.sh
# tests/replay/trace-dat.bats knows what the load does.
set -e
mnt=/tmp/mnt
out=${OUT:?is the directory for the two files}

run_load()
{
	build/iomapload $mnt short
	build/iomapload --direct $mnt write 20 4096
	build/iomapload --direct $mnt overwrite 10 4096
	build/iomapload $mnt append 5 1000
	build/iomapload $mnt fsync
	build/iomapload $mnt drop
	build/iomapload $mnt read 5 4096
	build/iomapload $mnt fiemap
}

if [[ ${1:-} == load ]]; then
	run_load
	exit
fi

# Most of a trace.dat would be the kernel's symbols.
mount --bind /dev/null /proc/kallsyms
mkdir -p $mnt
build/iomapfs /dev/vda $mnt

requests="request_send request_sent request_end"
begins="iomap_begin iomap_end iomap_ioend iomap_bad_data"
done="iomap_begin_done iomap_end_done iomap_ioend_done"
upstream="iomap_begin_error iomap_read_map iomap_write_map iomap_end_error iomap_ioend_error"

# record FILE OPTION… -- EVENT…: trace-cmd's version 7, compressed
record()
{
	local file=$1 options=()
	shift
	while [[ $1 != -- ]]; do options+=("$1"); shift; done
	shift
	trace-cmd record -C mono --compression any -b 4096 -o "$file" "${options[@]}" \
		"${@/#/-efuse:fuse_}" "$0" load
	rm -f $mnt/load
}

# shellcheck disable=SC2086
{
	record "$out/trace-all.dat" -e task:task_newtask -e task:task_rename -- \
		$requests $begins $done
	record "$out/trace-upstream.dat" -- $requests $begins $upstream
}
umount $mnt
