#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# Servers written for the posted series (v7) work after a rebuild. posted-server does
# what fuse4fs of that series does, in its order; each of its peculiarities can be
# turned off, so that each is tested alone, and then all of them together.

bats_require_minimum_version 1.5.0
load faults

SERVER=$TESTS/posted-server
SECTORS=65536			# 32 MiB: what is freed is used again

# Nothing that the posted series does in a way of its own
PLAIN=(--config-size=104 --root-nodeid=1 --no-upsert --nofs-after-init)

setup()
{
	kernel_log_mark
	LOG=$BATS_TEST_TMPDIR/log
	device_table "0 $SECTORS linear $DISK 0"
	"$STALE" fill "$DEV"
}

teardown()
{
	[ ! "${PID:-}" ] || kill -KILL "$PID" 2>/dev/null || true
	mount_away
	device_stop
	kernel_fine
}

# but OPTION…: PLAIN, with these in place of the same ones
but()
{
	local option
	BUT=()
	for option in "${PLAIN[@]}"; do
		[[ " $* " == *" without${option%%=*} "* || " $* " == *" ${option%%=*}="* ]] || BUT+=("$option")
	done
	for option; do
		[[ $option == without--* ]] || BUT+=("$option")
	done
}

# posted_start [OPTION…]: ready, or it fails with what the server said
posted_start()
{
	mkdir -p "$MNT"
	"$SERVER" "$@" "$DEV" "$MNT" 2>"$LOG" 3>&- &
	PID=$!
	wait_for ready "$LOG" $PID && return
	wait $PID || true
	return 1
}

# posted_stop: unmount; the kernel asked for nothing that cannot be, and refused nothing
posted_stop()
{
	local status=0
	umount "$MNT"
	wait "$PID" || status=$?
	tail -n 2 "$LOG"
	((status == 0 && $(counted destroy) == 1 && $(counted refused) == 0)) || { cat "$LOG"; return 1; }
}

# counted WHAT: by the server that has ended
counted() { sed -n "s/^counts .*\b$1 \([0-9]*\).*/\1/p" "$LOG"; }

# data_io: write, read back, cut, remove, as programs do it
data_io()
{
	local ref=$BATS_TEST_TMPDIR/ref
	rm -f "$ref"
	dd if=/dev/urandom of="$ref" bs=100000 count=21 status=none
	cp "$ref" "$MNT/f"
	dd if="$ref" of="$MNT/g" bs=64k oflag=direct status=none conv=fsync
	for f in "$ref" "$MNT/f"; do
		fallocate -p -o 10000 -l 100000 "$f"
		dd if=/dev/zero of="$f" bs=100 count=50 seek=3000 conv=notrunc status=none
		truncate -s 1500001 "$f"
		truncate -s 3000000 "$f"
		printf end >>"$f"
	done
	fallocate -l 1m "$MNT/p"
	[ "$(tr -d '\0' <"$MNT/p" | wc -c)" = 0 ]
	drop_caches
	cmp "$ref" "$MNT/f"
	[ "$(tr -d '\0' <"$MNT/p" | wc -c)" = 0 ]
	truncate -s 2000000 "$MNT/g"
	rm "$MNT/f" "$MNT/p"
}

# names: what fio and people do with them
names()
{
	mkdir "$MNT/d" "$MNT/e"
	echo one >"$MNT/d/a"
	mv "$MNT/d/a" "$MNT/e/b"
	echo two >"$MNT/d/a"
	mv "$MNT/d/a" "$MNT/e/b"
	[ "$(cat "$MNT/e/b")" = two ]
	rmdir "$MNT/d"
	[ "$(ls -A "$MNT")" = e ]
	[ "$(stat -c %i "$MNT")" = 2 ]
	rm -r "$MNT/e"
	[ "$(ls -a "$MNT" | wc -l)" = 2 ]
}

# works: all of it, and unmount
works()
{
	names
	data_io
	posted_stop
	(($(counted begin) > 0 && $(counted ioend) > 0 && $(counted dev_inval) > 0))
}

# ---- none of it, and each by itself

@test "none of its peculiarities: the server works" {
	posted_start "${PLAIN[@]}"
	works
}

@test "CONFIG: a reply that ends after cache_maxbytes, without the padding" {
	but --config-size=100
	posted_start "${BUT[@]}"
	[ "$(stat -f -c %S "$MNT")" = 4096 ]
	works
}

@test "CONFIG: replies of other sizes; what is not there is zero" {
	local size
	for size in 0 8 57 63 64 88 96 103; do
		but --config-size=$size
		posted_start "${BUT[@]}" || { echo "$size bytes"; return 1; }
		echo data >"$MNT/f"
		drop_caches
		[ "$(cat "$MNT/f")" = data ]
		posted_stop
	done
}

# refused OPTION…: CONFIG's reply is, and nobody can use the mount
refused()
{
	but "$@"
	posted_start "${BUT[@]}" >/dev/null || true
	grep -q " $MNT " /proc/self/mounts
	! timeout 20 touch "$MNT/f" 2>/dev/null || { echo "not refused: $*"; return 1; }
	kill -KILL "$PID" 2>/dev/null || true
	gone "$PID"
	mount_away
}

@test "CONFIG: what the reply says is set and is not there is refused; more than there can be, too" {
	events_on fuse_iomap_bad_data
	refused --config-size=8 --config-flags=4	# a block size
	refused --config-size=61 --config-flags=4
	refused --config-size=40 --config-flags=2	# a UUID
	refused --config-size=7 --config-flags=255	# an unknown flag, in what there is
	events_off
	[ "$(event_count fuse_iomap_bad_data 'func fuse_iomap_check_config ')" = 4 ]
	refused --config-size=105
	refused --config-size=4096
}

@test "root_nodeid=2: the root's node id is the server's" {
	but --root-nodeid=2
	posted_start "${BUT[@]}"
	grep -q '^mounted .*root_nodeid=2' "$LOG"
	touch "$MNT/t"
	chmod 711 "$MNT"
	drop_caches
	[ "$(stat -c '%a %i' "$MNT")" = "711 2" ]
	stat -f "$MNT"
	sync -f "$MNT/t"
	rm "$MNT/t"
	works
}

@test "root_nodeid: another number works, one that cannot be does not" {
	but --root-nodeid=1000000
	posted_start "${BUT[@]}"
	names
	posted_stop
	but --root-nodeid=0
	run ! posted_start "${BUT[@]}"
	[[ $output == *"mount: failed: EINVAL"* ]]
}

# task_flags PID: PF_* of each of its tasks, as /proc has them
task_flags()
{
	local task line
	for task in "/proc/$1/task/"*; do
		read -r line <"$task/stat"
		line=${line##*) }
		cut -d' ' -f7 <<<"$line"
	done
}

# all_keep_out PID: no task of it waits for file systems when it needs memory, nor for
# the writeback of others when it writes
all_keep_out()
{
	local flags n=0
	for flags in $(task_flags "$1"); do
		((n += 1))
		(((flags & 0x00040000) && (flags & 0x00100000))) || { printf '%#x\n' "$flags"; return 1; }
	done
	((n > 1))
}

@test "SET_NOFS before INIT: the threads inherit it, and the local throttle" {
	but without--nofs-after-init --threads=3
	posted_start "${BUT[@]}"
	[ "$(task_flags "$PID" | wc -l)" = 4 ]
	all_keep_out "$PID"
	works
}

@test "SET_NOFS before INIT: for who may use iomap, or has CAP_SYS_RESOURCE" {
	"$SERVER" --nofs-only
	setpriv --bounding-set=-sys_rawio --inh-caps=-sys_rawio "$SERVER" --nofs-only
	setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "$SERVER" --nofs-only
	run ! setpriv --bounding-set=-sys_rawio,-sys_resource \
		--inh-caps=-sys_rawio,-sys_resource "$SERVER" --nofs-only
	[[ $output == *"SET_NOFS before INIT: failed: EPERM"* ]]
	# Where iomap is off, nobody may use it.
	echo N >/sys/module/fuse/parameters/enable_iomap
	run ! setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "$SERVER" --nofs-only
	echo Y >/sys/module/fuse/parameters/enable_iomap
}

# upserts [OPTION…]: taken from all threads, as many as there were answers and more
upserts()
{
	local i fio
	but without--no-upsert "$@"
	posted_start "${BUT[@]}"
	fio --name=u --directory="$MNT" --numjobs=4 --size=512k --bsrange=4k-64k --rw=randrw \
		--ioengine=psync --fallocate=none --verify=crc32c --verify_fatal=1 \
		--output="$BATS_TEST_TMPDIR/fio" 3>&- & fio=$!
	for ((i = 0; i < $(fewer 30 5); i++)); do
		dd if=/dev/zero of="$MNT/t" bs=12345 count=3 status=none
		fallocate -p -o 5000 -l 20000 "$MNT/t"
		truncate -s $((i * 1000)) "$MNT/t"
	done
	wait $fio || { cat "$BATS_TEST_TMPDIR/fio"; return 1; }
	rm "$MNT"/*
	works
	# OPEN sends one too.
	(($(counted upsert) >= $(counted begin) && $(counted inval) > 30 / SLOW))
}

@test "UPSERT before each answer to BEGIN, which has the mapping, and INVAL at each cut: taken" {
	upserts --no-retry
}

@test "UPSERT before each answer to BEGIN, which is RETRY_CACHE, and INVAL at each cut: taken" {
	upserts
}

@test "RETRY_CACHE: many at once in one file, each with a mapping of its own" {
	but without--no-upsert --map-max=1 --threads=8
	posted_start "${BUT[@]}"
	dd if=/dev/urandom of="$MNT/f" bs=1M count=4 status=none conv=fsync
	fio --name=r --filename="$MNT/f" --size=4m --bs=4k --direct=1 --rw=randread \
		--ioengine=psync --numjobs=24 --thread --io_size=$(fewer 1000 250)k \
		--output="$BATS_TEST_TMPDIR/fio" || { cat "$BATS_TEST_TMPDIR/fio"; return 1; }
	rm "$MNT/f"
	posted_stop
}

@test "RETRY_CACHE, and what was upserted is not for there: EIO, not for ever" {
	but without--no-upsert --upsert-elsewhere
	posted_start "${BUT[@]}"
	run ! timeout 60 dd if=/dev/zero of="$MNT/f" bs=4k count=1
	[[ $output == *"Input/output error"* ]]
	rm "$MNT/f"
	posted_stop
	(($(counted begin) < 10))
}

@test "UPSERT and INVAL: of another size, or of no node: refused, and the mount goes on" {
	but without--no-upsert
	posted_start "${BUT[@]}"
	echo data >"$MNT/f"
	kill -USR1 "$PID"
	wait_for notified "$LOG"
	for what in upsert inval; do
		grep -qx "notify $what: ok" "$LOG"
		grep -qx "notify $what short: EINVAL" "$LOG"
		grep -qx "notify $what long: EINVAL" "$LOG"
		grep -qx "notify $what empty: EINVAL" "$LOG"
		grep -qx "notify $what unknown: ENOENT" "$LOG"
	done || { grep '^notify' "$LOG"; return 1; }
	[ "$(cat "$MNT/f")" = data ]
	posted_stop
}

@test "END that is not known: ENOSYS, and no more of them" {
	posted_start "${PLAIN[@]}" --no-end
	for ((i = 0; i < 5; i++)); do
		echo data >>"$MNT/f"
	done
	[ "$(wc -c <"$MNT/f")" = 25 ]
	rm "$MNT/f"
	works
	[ "$(counted end)" = 1 ]
}

@test "RETRY_CACHE, and nothing was ever upserted: EUCLEAN, and an event that says so" {
	events_on fuse_iomap_bad_data
	posted_start "${PLAIN[@]}" --retry
	run ! dd if=/dev/zero of="$MNT/f" bs=4k count=1
	[[ $output == *"Structure needs cleaning"* ]]
	events_off
	(($(event_count fuse_iomap_bad_data 'RETRY_CACHE') > 0))
	rm "$MNT/f"
	posted_stop
}

# ---- all of it

@test "all of it: files and names" {
	posted_start
	works
	(($(counted upsert) > 0 && $(counted inval) > 0))
}

@test "all of it: SET_NOFS is on in all tasks" {
	posted_start
	all_keep_out "$PID"
	posted_stop
}

# fio_all ENGINE OPTION…: with verification, also after the caches were dropped
fio_all()
{
	posted_start
	verify --size=1m --fallocate=none --rw=randwrite --ioengine="$@"
	rm -f "$MNT"/*
	posted_stop
	(($(counted upsert) >= $(counted begin)))
}

@test "all of it: fio, psync buffered" { fio_all psync; }
@test "all of it: fio, psync direct" { fio_all psync --direct=1; }
@test "all of it: fio, appending" { fio_all psync --rw=write --size=300000 --bs=3000 --fsync=10; }
@test "all of it: fio, mmap" { fio_all mmap; }
@test "all of it: fio, libaio" { fio_all libaio --direct=1 --iodepth=16; }
@test "all of it: fio, io_uring" { fio_all io_uring --direct=1 --iodepth=16; }
@test "all of it: fio, four at once" { fio_all psync --numjobs=4 --size=512k; }

@test "all of it: operations of all kinds, and some that fall short" {
	posted_start
	mix
	rm -f "$MNT"/*
	posted_stop
}

@test "all of it: a full device, and space that comes back" {
	posted_start
	run ! dd if=/dev/zero of="$MNT/full" bs=1M count=100 conv=fsync
	[[ $output == *"No space left"* ]]
	rm "$MNT/full"
	data_io
	posted_stop
}

@test "freeze, swap files and atomic writes fail cleanly" {
	posted_start
	dd if=/dev/urandom of="$MNT/f" bs=64k count=16 status=none conv=fsync
	sum=$(md5sum <"$MNT/f")
	run ! fsfreeze -f "$MNT"
	[[ $output == *"Operation not supported"* ]]
	run ! python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
import mmap
os.pwritev(fd, [mmap.mmap(-1, 4096)], 0, 0x40)' "$MNT/f"
	[[ $output == *"Operation not supported"* ]]
	[ "$(md5sum <"$MNT/f")" = "$sum" ]
	mkswap "$MNT/f" >/dev/null
	run ! swapon "$MNT/f"
	echo "$output"
	# or a kernel without swap
	[[ $output == *"Invalid argument"* || $output == *"Function not implemented"* ]]
	rm "$MNT/f"
	works
}

@test "killed in the middle of it: nothing hangs, nothing is left" {
	posted_start
	fio --name=k --directory="$MNT" --numjobs=4 --size=4m --bs=16k --rw=randwrite --time_based \
		--runtime=600 --output=/dev/null --ioengine=psync 2>/dev/null 3>&- & fio=$!
	sleep $((2 * SLOW))
	kill -KILL "$PID"
	gone "$PID"
	! wait $fio
}
