#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The rest of the interface: what is set up once, several devices, files with
# and without iomap side by side, the end of a mount.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	dmesg -C
}

teardown()
{
	fs_stop
}

# in_log PATTERN: how many lines of the kernel's log have it
in_log() { dmesg | grep -c -- "$1" || true; }

# second_device: $DEV2, made of memory
second_device()
{
	truncate -s 256M /tmp/second
	DEV2=$(losetup -f --show /tmp/second)
}

# op_at EVENT OPCODE: line numbers of requests with that opcode
op_at() { grep -n "fuse_request_send: .*($1)" "$EVENTS" | cut -d: -f1; }

@test "config: asked for once, before anything else, and seen in the event" {
	events_on fuse_iomap_config fuse_request_send
	fs_start --block-size=1024 --max-size=1G --max-links=3 --time-granularity=1s
	stat "$MNT" >/dev/null
	events_off
	[ "$(event_count fuse_iomap_config)" = 1 ]
	[ "$(event_count fuse_iomap_config \
		'flags \(sid\|uuid\|blocksize\|max_links\|time\|maxbytes\) blocksize 0x400 max_links 3 time_gran 1000000000 .* maxbytes 0x40000000 uuid_len 16')" = 1 ] ||
		{ cat "$EVENTS"; return 1; }
	[ "$(op_at FUSE_INIT)" -lt "$(op_at FUSE_IOMAP_CONFIG)" ]
	[ "$(op_at FUSE_IOMAP_CONFIG)" -lt "$(op_at FUSE_GETATTR | head -n 1)" ]
}

@test "config: the kernel keeps to it" {
	fs_start --max-size=1M --max-links=3 --time-granularity=1s
	run truncate -s 1048577 "$MNT/f"
	[[ $status != 0 && $output == *"File too large"* ]]
	truncate -s 1048576 "$MNT/f"
	ln "$MNT/f" "$MNT/g"
	ln "$MNT/f" "$MNT/h"
	run ln "$MNT/f" "$MNT/i"
	[[ $status != 0 && $output == *"Too many links"* ]]
	echo x >>"$MNT/f"  || true
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 conv=notrunc status=none
	[[ $(stat -c %y "$MNT/f") == *.000000000* ]]
}

@test "config: a bad one ends the mount, with one event and one line that names the rule" {
	mapfile -t kinds < <("$IOMAPFS" --help |
		sed -n '/^KIND of --bad-config/,/^$/s/^  \([a-z-]*\) .*/\1/p')
	((${#kinds[@]} >= 9))
	for kind in "${kinds[@]}"; do
		dmesg -C
		events_on fuse_iomap_bad_data
		fs_start --bad-config="$kind"
		for ((i = 0; i < 100; i++)); do
			pgrep -x iomapfs >/dev/null || break
			sleep 0.1
		done
		events_off
		[ "$(event_count fuse_iomap_bad_data 'func fuse_iomap_check_config .*condition .')" = 1 ] ||
			{ echo "$kind:"; cat "$EVENTS"; return 1; }
		[ "$(in_log 'fuse: connection [0-9]*: bad iomap configuration: ')" = 1 ] ||
			{ echo "$kind:"; dmesg; return 1; }
		# The server has ended by itself, and the mount with it.
		fs_stop
		run mountpoint -q "$MNT"
		[ "$status" != 0 ]
	done
}

@test "config: with synchronous INIT, a bad one is a mount that fails" {
	mkdir -p "$MNT"
	fs_start --sync-init
	grep -q 'iomap is in use' "$BATS_TEST_TMPDIR/iomapfs.err"
	"$LOAD" "$MNT" write 20 10000
	"$LOAD" "$MNT" verify
	fs_stop
	run "$IOMAPFS" --sync-init --bad-config=time "$DEV" "$MNT"
	[[ $status = 1 && $output == *"cannot mount: "* ]]
	run mountpoint -q "$MNT"
	[ "$status" != 0 ]
	[ "$(in_log 'bad iomap configuration: .*time')" = 1 ]
}

@test "support: a server says why there is no iomap" {
	echo N >/sys/module/fuse/parameters/enable_iomap
	fs_start
	echo Y >/sys/module/fuse/parameters/enable_iomap
	grep -q 'not offered: .*fuse.enable_iomap' "$BATS_TEST_TMPDIR/iomapfs.err"
}

@test "add_iomap: an approved server needs no CAP_SYS_RAWIO, others do" {
	fs_start --drop-rawio
	grep -q 'iomap is in use' "$BATS_TEST_TMPDIR/iomapfs.err"
	# CAP_SYS_RAWIO is number 17
	caps=$(sed -n 's/^CapEff:\t//p' "/proc/$(pgrep -x iomapfs)/status")
	(((0x$caps >> 17 & 1) == 0))
	events_on fuse_iomap_begin_done
	"$LOAD" "$MNT" write 20 10000
	"$LOAD" "$MNT" verify
	events_off
	(($(event_count fuse_iomap_begin_done) > 0))
	fs_stop
	# Who has not got it cannot approve.
	run setpriv --bounding-set -sys_rawio --inh-caps -sys_rawio \
		"$IOMAPFS" --drop-rawio "$DEV" "$MNT"
	[[ $status != 0 && $output == *"Operation not permitted"* ]]
	# Nor can anybody where it is off.
	echo N >/sys/module/fuse/parameters/enable_iomap
	run "$IOMAPFS" --drop-rawio "$DEV" "$MNT"
	echo Y >/sys/module/fuse/parameters/enable_iomap
	[[ $status != 0 && $output == *"Operation not supported"* ]]
}

@test "a mount of a user namespace gets no iomap, and the server says so" {
	mkdir -p "$MNT"
	export IOMAPFS DEV MNT
	events_on fuse_iomap_begin
	run unshare --user --map-root-user --mount bash -c '
		"$IOMAPFS" "$DEV" "$MNT" 3>&- && echo data >"$MNT/f" && cat "$MNT/f"; umount "$MNT"'
	events_off
	[[ $output == *"no iomap (not offered: "*data* ]] || { echo "$output"; return 1; }
	[ "$(event_count fuse_iomap_begin)" = 0 ]
}

@test "two devices: data alternates between them and is read back from both" {
	second_device
	# Every second extent begins where the one before it ends, on the other device:
	# readahead and writeback that go by the address alone would merge the two.
	fs_start --data-device="$DEV2" --extent-max=32K
	"$LOAD" "$MNT" write 64 65536
	fio --name=v --directory="$MNT" --verify=crc32c --verify_fatal=1 --size=16m --bs=64k \
		--rw=write --end_fsync=1 --output="$BATS_TEST_TMPDIR/fio"
	drop_caches
	events_on fuse_iomap_begin_done
	fio --name=v --directory="$MNT" --verify=crc32c --verify_fatal=1 --size=16m --bs=64k \
		--rw=read --verify_only --output="$BATS_TEST_TMPDIR/fio"
	events_off
	(($(event_count fuse_iomap_begin_done 'read.*type mapped dev 1') > 0))
	(($(event_count fuse_iomap_begin_done 'read.*type mapped dev 2') > 0))
	"$LOAD" "$MNT" verify
	fs_stop
	losetup -d "$DEV2"
}

@test "a device for reading only is not written to" {
	second_device
	fs_start --data-device="$DEV2" --readonly-data --extent-max=64K
	before=$(md5sum </tmp/second)
	events_on fuse_iomap_bad_data
	run dd if=/dev/urandom of="$MNT/f" bs=64k count=4 oflag=direct status=none
	events_off
	[[ $status != 0 && $output == *"Structure needs cleaning"* ]]
	[ "$(event_count fuse_iomap_bad_data 'condition .*!dev->writable')" = 1 ]
	sync
	[ "$(md5sum </tmp/second)" = "$before" ]
	fs_stop
	losetup -d "$DEV2"
}

@test "block sizes from 512 bytes to 64k, above a page too" {
	for bs in 512 1024 4096 8192 16384 65536; do
		fs_start --block-size="$bs"
		[ "$(stat -f -c %S "$MNT")" = "$bs" ]
		"$LOAD" "$MNT" write 20 10000
		fio --name=b --directory="$MNT" --verify=crc32c --verify_fatal=1 --size=4m --bs=12k \
			--rw=randwrite --output="$BATS_TEST_TMPDIR/fio"
		fio --name=d --directory="$MNT" --verify=crc32c --verify_fatal=1 --size=4m --bs=4k \
			--direct=1 --rw=randwrite --output="$BATS_TEST_TMPDIR/fio"
		fio --name=m --directory="$MNT" --verify=crc32c --verify_fatal=1 --size=4m --bs=4k \
			--ioengine=mmap --rw=randwrite --output="$BATS_TEST_TMPDIR/fio"
		printf x | dd of="$MNT/tail" bs=1 seek=100001 status=none
		truncate -s 50001 "$MNT/tail"
		truncate -s 200000 "$MNT/tail"
		drop_caches
		[ "$(tr -d '\0' <"$MNT/tail" | wc -c)" = 0 ]
		"$LOAD" "$MNT" verify
		fs_stop
	done
}

@test "files with and without iomap on one mount" {
	fs_start --plain=.plain
	events_on fuse_iomap_begin fuse_request_send
	echo one >"$MNT/a.plain"
	echo two >"$MNT/b"
	sync
	drop_caches
	[ "$(cat "$MNT/a.plain" "$MNT/b")" = "one
two" ]
	events_off
	(($(event_count fuse_request_send '(FUSE_WRITE)') == 1))
	(($(event_count fuse_request_send '(FUSE_IOMAP_IOEND)') == 1))
}

# reuse: blocks that a plain file has left in the device's page cache go to a file
# with iomap; then that cache is written. Prints how many bytes are not the file's.
reuse()
{
	head -c 4M /dev/zero | tr '\0' A >"$MNT/a.plain"
	rm "$MNT/a.plain"
	head -c 31M /dev/zero | tr '\0' B |
		dd of="$MNT/b" bs=1M oflag=direct iflag=fullblock status=none
	blockdev --flushbufs "$DEV"
	drop_caches
	tr -d B <"$MNT/b" | wc -c
}

@test "dev_inval: what a device's page cache has of freed blocks is not written any more" {
	truncate -s 32M /tmp/small
	DEV=$(losetup -f --show /tmp/small)
	fs_start --plain=.plain
	events_on fuse_iomap_dev_inval
	[ "$(reuse)" = 0 ]
	events_off
	(($(event_count fuse_iomap_dev_inval 'dev 1 offset 0x[0-9a-f]* length 0x[1-9a-f]') >= 1))
	fs_stop
	# The same without it: this test can fail.
	fs_start --plain=.plain --no-dev-inval
	[ "$(reuse)" -gt 0 ]
	fs_stop
	losetup -d "$DEV"
	DEV=/dev/vda
}

@test "chattr: immutable, append-only and synchronous hold at once, and statx shows them" {
	fs_start
	echo x >"$MNT/f"
	chattr +i "$MNT/f"
	run rm "$MNT/f"
	[[ $output == *"Operation not permitted"* ]]
	run bash -c "echo y >>$MNT/f"
	[[ $output == *"Operation not permitted"* ]]
	[[ $(lsattr "$MNT/f") == ----i* ]]
	chattr -i "$MNT/f"
	chattr +a "$MNT/f"
	echo y >>"$MNT/f"
	run bash -c "echo z >$MNT/f"
	[[ $output == *"Operation not permitted"* ]]
	chattr -a "$MNT/f"
	# also on an inode that is read in anew
	chattr +i "$MNT/f"
	drop_caches
	run rm "$MNT/f"
	[[ $output == *"Operation not permitted"* ]]
	chattr -i "$MNT/f"
	chattr +S "$MNT/f"
	events_on fuse_request_send
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 conv=notrunc status=none
	events_off
	(($(event_count fuse_request_send '(FUSE_FSYNC)') == 1))
	mkdir "$MNT/d"
	chattr +i "$MNT/d"
	run touch "$MNT/d/x"
	[[ $output == *"Operation not permitted"* ]]
	chattr -i "$MNT/d"
}

@test "the end: data, SYNCFS, RELEASE, and last of all DESTROY" {
	fs_start
	"$LOAD" "$MNT" mmap 16
	for i in {1..50}; do echo x >"$MNT/f$i"; done
	events_on fuse_request_send
	for i in {1..50}; do echo y >>"$MNT/f$i"; done
	umount "$MNT"
	events_off
	destroy=$(op_at FUSE_DESTROY)
	[ "$(echo "$destroy" | wc -w)" = 1 ]
	[ "$(op_at FUSE_SYNCFS | tail -n 1)" -lt "$destroy" ]
	[ "$(op_at FUSE_RELEASE | tail -n 1)" -lt "$destroy" ]
	[ "$(tail -n +"$destroy" "$EVENTS" | grep -c 'fuse_request_send: .*IOMAP')" = 0 ]
}

@test "fuseblk: the mount holds the device, and iomap works" {
	fs_start --fuseblk --block-size=1024
	[[ $(findmnt -n -o FSTYPE "$MNT") == fuseblk* ]]
	! grep -q 'no iomap' "$BATS_TEST_TMPDIR/iomapfs.err" || return 1
	run mount "$DEV" /mnt
	[ "$status" != 0 ]
	events_on fuse_iomap_begin_done
	"$LOAD" "$MNT" write 20 10000
	drop_caches
	"$LOAD" "$MNT" verify
	events_off
	(($(event_count fuse_iomap_begin_done) > 0))
}

@test "O_DSYNC in the middle of a block brings a new size to the server's disk" {
	# A device whose writes are stable at once: there is no flush that would do it.
	cache=/sys/block/${DEV#/dev/}/queue/write_cache
	was=$(cat "$cache")
	echo 'write through' >"$cache"
	fs_start
	printf '%512s' x | dd of="$MNT/f" bs=512 oflag=direct status=none
	sync
	events_on fuse_request_send
	printf '%512s' y | dd of="$MNT/f" bs=512 seek=1 oflag=direct,dsync conv=notrunc status=none
	events_off
	echo "$was" >"$cache"
	(($(event_count fuse_request_send '(FUSE_IOMAP_IOEND)') == 1))
	(($(event_count fuse_request_send '(FUSE_FSYNC)') == 1))
}

@test "fsync: the device is flushed after IOEND, before the server commits" {
	# What the server flushes when it commits comes too late, and hides it.
	[ "$(cat "/sys/block/${DEV#/dev/}/queue/write_cache")" = "write back" ]
	fs_start
	events_on fuse_request_send
	echo 1 >"$INSTANCE/events/block/block_bio_queue/enable"
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 conv=fsync status=none
	events_off
	order=$(sed -nE 's/.*\(FUSE_(IOMAP_IOEND|FSYNC)\).*/\1/p
		s/.* block_bio_queue: [0-9]+,[0-9]+ F[A-Z]* 0 \+ 0 .*/flush/p' "$EVENTS" | head -n 3)
	[ "$(echo $order)" = "IOMAP_IOEND flush FSYNC" ] || { echo "$order"; cat "$EVENTS"; return 1; }
}
