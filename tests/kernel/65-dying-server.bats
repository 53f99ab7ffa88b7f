#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The server dies, or hangs and is cut off, at each point of what it and the
# kernel say to each other: every task ends, the kernel says nothing, nothing is
# left of the mount, and the next one works.

bats_require_minimum_version 1.5.0
load faults

setup()
{
	kernel_log_mark
	device_start
}

teardown()
{
	pkill -CONT -x iomapfs || true
	pkill -USR1 -x iomapfs || true
	mount_away
	fs_stop
	device_stop
	kernel_fine
}

# work: something of everything, whatever comes of it; it ends when the server does
work()
{
	local i
	for ((i = 0; i < 40; i++)); do
		dd if=/dev/zero of="$MNT/$1.direct" bs=16k count=2 seek=$i oflag=direct conv=notrunc
		dd if=/dev/zero of="$MNT/$1.buffered" bs=3000 count=3 seek=$i conv=notrunc,fsync
		dd if="$MNT/$1.buffered" of=/dev/null bs=16k iflag=direct
		truncate -s $((i * 5000)) "$MNT/$1.buffered"
		fallocate -z -o $((i * 3000)) -l 7000 "$MNT/$1.direct"
		stat "$MNT/$1.direct"
		sync -f "$MNT" && : >"$MNT/$1.new" && rm "$MNT/$1.new"
		kill -0 "$SERVER" || break
	done
} >/dev/null 2>&1

# nothing_mounted: what is left of a mount whose server has died can be taken away
nothing_mounted()
{
	mount_away
	fs_stop
	nothing_leaked
}

# ended: nothing holds the mount any more; then it can be taken away, and mounted again
ended()
{
	gone "$@"
	wait "$@" || true
	nothing_stuck
	nothing_mounted
}

# connection: the number of the mount under /sys/fs/fuse/connections
connection() { ls /sys/fs/fuse/connections; }

works()
{
	fs_start
	"$LOAD" "$MNT" write 10 10000 >/dev/null
	drop_caches
	"$LOAD" "$MNT" verify >/dev/null
	umount "$MNT"
	fs_stop
}

@test "the kernel log is looked at: what no test may leave is found" {
	kernel_log_clean
	# As debug messages, so that they are in the log and not on the console,
	# which kernel/run reads; and not at the start of a line, where kernel/report looks.
	for text in 'WARNING: CPU: 0' 'BUG: KASAN' 'INFO: task x blocked for more than 120 seconds.' \
		'unreferenced object 0x0' 'WARNING: possible circular locking dependency detected'; do
		kernel_log_mark
		kernel_log_clean
		echo "<7>test: $text" >/dev/kmsg
		run kernel_log_clean
		[ "$status" = 1 ]
		[[ $output == *"$text"* ]]
	done
	kernel_log_mark
	echo "<7>EXT4-fs: a word in the log" >/dev/kmsg
	kernel_log_clean
}

@test "what is left is looked at: a mount, and a task that hangs" {
	nothing_leaked
	fs_start --hang-end=1 --want-end
	run nothing_leaked
	[ "$status" = 1 ]
	[[ $output == *connections* ]]
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- &
	waits_in fuse_iomap_send_end $!
	# END cannot be interrupted, so from now on only the server can end this.
	kill -KILL $!
	for ((i = 0; i < 100 * SLOW; i++)); do [ -z "$(stuck_tasks)" ] || break; sleep 0.1; done
	[[ $(stuck_tasks) == *" dd "*fuse_iomap_send_end* ]]
	pkill -USR1 -x iomapfs
	ended $!
}

@test "killed at each point, before and after the answer" {
	points=(begin:7 writeback:1 end:1 ioend:1 create:1 getattr:1 setattr:2 fallocate:1
		fsync:1 syncfs:1 after-begin:1 after-writeback:1 after-end:3 after-ioend:1
		after-fsync:1)
	for point in "${points[@]}"; do
		fs_start --persist --format --want-end --die="$point"
		SERVER=$(server_pid)
		work a 3>&- & one=$!
		work b 3>&- & two=$!
		gone "$SERVER" || { echo "it lives: $point"; return 1; }
		ended "$one" "$two" || { echo "at $point"; return 1; }
		kernel_log_clean || { echo "at $point"; return 1; }
	done
	works
}

@test "killed at INIT, before and after the answer" {
	for point in init after-init; do
		run fs_start --die="$point"
		[ "$status" != 0 ]
		nothing_mounted
	done
	works
}

@test "killed at CONFIG, before and after the answer" {
	local says
	for point in config after-config; do
		# Without an answer there is no configuration; with one, there was a server.
		says='Connection refused'
		[ $point = config ] || says='not connected'
		# The answer to INIT was good, so the mount may be there for a while.
		fs_start --die="$point" || true
		for ((i = 0; i < 300; i++)); do [ "$(server_pid)" ] || break; sleep 0.1; done
		run server_pid
		[ "$status" != 0 ]
		run timeout -s KILL 20 stat "$MNT/f"
		[[ $status = 1 && $output == *"$says"* ]] || { echo "$point: $output"; return 1; }
		nothing_mounted

		# With synchronous INIT, mount(2) waits for the answer.
		run fs_start --sync-init --die="$point"
		[ "$status" != 0 ]
		nothing_mounted
	done
	works
}

@test "aborted, with waiting BEGIN, END and IOEND" {
	for op in begin end ioend; do
		fs_start --want-end --hang-$op=1 --delay-begin=1ms
		dd if=/dev/zero of="$MNT/f" bs=4k count=4 oflag=direct status=none 3>&- 2>/dev/null & writer=$!
		waits_in "fuse_iomap_send_$op" $writer
		dd if=/dev/zero of="$MNT/g" bs=4k count=400 conv=fsync status=none 3>&- 2>/dev/null & other=$!
		sleep 0.3
		echo 1 >"/sys/fs/fuse/connections/$(connection)/abort"
		gone $writer
		run wait $writer
		pkill -USR1 -x iomapfs
		ended $writer $other
	done
	works
}

@test "unmounted with I/O in flight: busy; lazily: it goes on; by force: it ends" {
	fs_start --hang-begin=1
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- & writer=$!
	waits_in fuse_iomap_send_begin $writer
	run umount "$MNT"
	[ "$status" != 0 ]
	umount -l "$MNT"
	[ -d "/proc/$writer" ]
	[ -n "$(connection)" ]
	pkill -USR1 -x iomapfs
	wait $writer
	fs_stop
	nothing_leaked

	for op in begin end ioend; do
		fs_start --hang-$op=1 --want-end
		dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- 2>/dev/null & writer=$!
		waits_in "fuse_iomap_send_$op" $writer
		# It aborts, and is busy until the writer has seen that.
		umount -f "$MNT" 2>/dev/null || true
		gone $writer
		pkill -USR1 -x iomapfs
		ended $writer
	done
}

@test "unmounted lazily and by force under load" {
	for how in -l -f -fl; do
		fs_start --want-end --extent-max=4096
		SERVER=$(server_pid)
		work a 3>&- & one=$!
		work b 3>&- & two=$!
		sleep 0.5
		umount $how "$MNT" 2>/dev/null || true
		kill $one $two 2>/dev/null || true
		ended $one $two
	done
	works
}

@test "a signal that kills, while BEGIN waits to be read: it ends at once" {
	fs_start --threads=1 --hang-begin=1
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- & first=$!
	waits_in fuse_iomap_send_begin $first
	# The only thread is at the first one.
	dd if="$MNT/f" of=/dev/null bs=4k count=1 iflag=direct status=none 3>&- & second=$!
	waits_in 'request_wait_answer' $second
	kill -KILL $second
	gone $second
	[ -d "/proc/$first" ]
	pkill -USR1 -x iomapfs
	wait $first
	[ "$(stat -c %s "$MNT/f")" = 4096 ]
}

@test "a signal that kills, while the server works: it ends with the answer, or the server" {
	for op in begin end ioend; do
		for how in answer abort kill; do
			fs_start --want-end --hang-$op=1
			dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- & writer=$!
			waits_in "fuse_iomap_send_$op" $writer
			kill -KILL $writer
			sleep 0.2
			case $how in
			answer) pkill -USR1 -x iomapfs ;;
			abort) echo 1 >"/sys/fs/fuse/connections/$(connection)/abort" ;;
			kill) server_kill ;;
			esac
			gone $writer || { echo "$op, $how"; return 1; }
			pkill -USR1 -x iomapfs || true
			ended $writer
		done
	done
}

# goes_on PID REQUEST: it was killed while REQUEST, a function of the kernel, waits for
# the server, which is stopped; it ends when the server has answered, and not before
goes_on()
{
	waits_in "$2" "$1"
	kill -KILL "$1"
	sleep 0.5
	grep -q "$2" "/proc/$1/stack"
	pkill -CONT -x iomapfs
	gone "$1"
}

@test "a signal that kills, while IOEND waits to be read: the server gets it" {
	fs_start
	dmsetup suspend --noflush test
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- & writer=$!
	waits_in iomap_dio_rw $writer
	pkill -STOP -x iomapfs
	dmsetup resume test
	goes_on $writer fuse_iomap_send_ioend
	drop_caches
	[ "$(stat -c %s "$MNT/f")" = 4096 ]
}

@test "a signal that kills, while END waits to be read: the server gets it" {
	fs_start --want-end
	dmsetup create source --table "0 8 linear $DISK $SMALL_SECTORS"
	dmsetup suspend source
	# Between BEGIN and END, a page of what it writes has to be read.
	python3 -c 'import mmap, os, sys
with open(sys.argv[1], "rb") as f, mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ) as m:
	os.write(1, m)' /dev/mapper/source >"$MNT/f" 3>&- & writer=$!
	waits_in fault_in_iov_iter_readable $writer
	pkill -STOP -x iomapfs
	dmsetup resume source
	goes_on $writer fuse_iomap_send_end
	dmsetup remove --retry source
	[ "$(stat -c %s "$MNT/f")" = 4096 ]
}

@test "a signal that kills, while writeback waits for its mapping: no page is lost" {
	fs_start
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	dd if="$BATS_TEST_TMPDIR/pipe" of="$MNT/f" bs=4k iflag=fullblock conv=fsync \
		status=none 3>&- & writer=$!
	exec 7>"$BATS_TEST_TMPDIR/pipe"
	printf '%4096s' data >&7
	for ((i = 0; i < 100 * SLOW; i++)); do
		[ "$(stat -c %s "$MNT/f")" = 4096 ] && break
		sleep 0.1
	done
	pkill -STOP -x iomapfs
	# The end of its input is where it starts to write back.
	exec 7>&-
	goes_on $writer fuse_iomap_send_begin
	drop_caches
	printf '%4096s' data | cmp - "$MNT/f"
}

@test "a signal that kills, while umount waits for DESTROY: it ends, and the mount is gone" {
	fs_start
	echo data >"$MNT/f"
	sync
	pkill -STOP -x iomapfs
	# umount(8) would ask the server what is mounted there.
	python3 -c 'import ctypes, sys
ctypes.CDLL(None).umount(sys.argv[1].encode())' "$MNT" 3>&- & umount=$!
	waits_in fuse_send_destroy $umount
	kill -KILL $umount
	gone $umount
	[ -z "$(connection)" ]
	pkill -CONT -x iomapfs
	fs_stop
}

@test "a request that is never answered: the kernel's time limit ends it" {
	echo 15 >/proc/sys/fs/fuse/default_request_timeout
	fs_start --hang-ioend=1
	echo 0 >/proc/sys/fs/fuse/default_request_timeout
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- 2>/dev/null & writer=$!
	waits_in fuse_iomap_send_ioend $writer
	for ((i = 0; i < 60; i++)); do [ -d "/proc/$writer" ] || break; sleep 1; done
	gone $writer
	pkill -USR1 -x iomapfs || true
	ended $writer
}
