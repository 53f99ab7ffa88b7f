# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts here have in common, which run in the VM for tests/bench/run. They print
# a JSON line for each measurement. docs/performance.md tells what is compared.
#
# The clock may count instructions, so the device must not wait for the host: it is a loop
# device over a file in memory.

BATS_TEST_TMPDIR=$(mktemp -d -p /dev/shm)
tmp=$BATS_TEST_TMPDIR
disks=0
source tests/live/lib.bash

fail() { echo "${0#"$PWD/"}: $*" >&2; tail -n 5 "$tmp/err" >&2; exit 1; }

# new_device SIZE: its name, in $DEV
new_device()
{
	local disk=$tmp/disk.$((++disks))
	truncate -s "$1" "$disk"
	DEV=$(losetup -f --show --direct-io=off "$disk") || fail "no loop device"
}

# start_FS: mount it at $MNT, on $DEV
start_ext4()
{
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$DEV" && mount -t ext4 "$DEV" "$MNT"
}
start_xfs() { mkfs.xfs -q "$DEV" && mount -t xfs "$DEV" "$MNT"; }
start_iomapfs() { fs_start --require-iomap "$@"; }
start_plain() { fs_start --no-iomap; }

# start FS [OPTION]...: the options are for iomapfs
start() { "start_$1" "${@:2}" 2>"$tmp/err" || fail "no $1"; }

# Names, and what fio is to do in a file of 64 MiB. Of -8, each of 8 does an 8th of it.
declare -A job=(
	[randread-direct]="--rw=randread --bs=4k --direct=1 --io_size=32m"
	[randwrite-direct]="--rw=randwrite --bs=4k --direct=1 --io_size=32m"
	[randread-buffered]="--rw=randread --bs=4k --io_size=8m --invalidate=1"
	[write-1m]="--rw=write --bs=1m --io_size=64m --end_fsync=1"
	[read-1m]="--rw=read --bs=1m --io_size=64m --invalidate=1"
	[randread-direct-8]="--rw=randread --bs=4k --direct=1 --io_size=1m"
	[randread-buffered-8]="--rw=randread --bs=4k --io_size=1m --invalidate=1"
	[write-1m-8]="--rw=write --bs=1m --io_size=8m --end_fsync=1"
)
jobs=(randread-direct randread-direct-8 randwrite-direct randread-buffered randread-buffered-8
	write-1m write-1m-8 read-1m)

# lay_file: what the jobs read and write over, all of it on the device
lay_file()
{
	fio --name=lay --filename="$MNT/file" --rw=write --bs=1m --size=64m --direct=1 \
		--ioengine=psync --end_fsync=1 >"$tmp/fio" 2>"$tmp/err" || fail "no file on $MNT"
}

# run_job JOB: I/O operations per second
run_job()
{
	local range="--size=64m"
	[[ $1 != *-8 ]] || range="--size=8m --offset_increment=8m --numjobs=8 --group_reporting"
	# shellcheck disable=SC2086
	fio --name=j --filename="$MNT/file" --overwrite=1 --ioengine=psync \
		--norandommap --randseed=1 --output-format=json $range ${job[$1]} \
		>"$tmp/fio" 2>>"$tmp/err" || fail "fio $1 failed"
	jq '.jobs[0] | .read.iops + .write.iops' "$tmp/fio"
}

# attach COMMAND [ARG]...: fuseiomap as $pid, attached when this returns
attach()
{
	"$FUSEIOMAP" "$@" >"$tmp/out" 2>"$tmp/$1.err" & pid=$!
	wait_for ready "$tmp/$1.err" >&2 || fail "fuseiomap $1 does not start"
}

# cpu_ns: processor time of $pid so far
cpu_ns() { cut -d ' ' -f 1 "/proc/$pid/schedstat"; }

declare -A tool_args=([hist]="-j" [top]="-j 0.1" [trace]="-o $tmp/trace" [record]="-o $tmp/recording")

# tool_attach TOOL: as $pid, with the processor time that took in $attached_ns; what it
# prints is in $tmp/out. Waiting does not count: its files are not on a disk of the VM.
tool_attach()
{
	local line
	# shellcheck disable=SC2086
	exec 8< <(exec "$FUSEIOMAP" "$1" ${tool_args[$1]} 2>&1 >"$tmp/out")
	pid=$!
	while read -r line <&8 && [[ $line != ready* ]]; do :; done
	[[ $line == ready* ]] || fail "$1 does not start: $line"
	attached_ns=$(cpu_ns)
}

tool_detach()
{
	kill -INT "$pid"
	wait "$pid" || fail "it ended with $?"
	exec 8<&-
}
