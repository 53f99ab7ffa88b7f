#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# FUSE without iomap works as before on the patched kernel, and nothing of
# iomap is seen of it.

# bats file_tags=debug

bats_require_minimum_version 1.5.0
load lib

teardown()
{
	echo Y >/sys/module/fuse/parameters/enable_iomap
	fs_stop
}

# plain_io: verified I/O during which no iomap event fires
plain_io()
{
	events_on fuse_iomap_begin fuse_iomap_end_done fuse_iomap_ioend_done
	fio --name=v --directory="$MNT" --verify=crc32c --verify_fatal=1 --size=4m \
		--bs=16k --rw=randwrite --output="$BATS_TEST_TMPDIR/fio"
	fio --name=d --direct=1 --directory="$MNT" --verify=crc32c --verify_fatal=1 \
		--size=4m --bs=16k --rw=randwrite --output="$BATS_TEST_TMPDIR/fio"
	events_off
	(($(event_count 'fuse_iomap_[a-z_]*') == 0))
}

@test "a server that does not ask for iomap" {
	fs_start --no-iomap
	plain_io
}

@test "a kernel that does not offer it: the server falls back and says so" {
	echo N >/sys/module/fuse/parameters/enable_iomap
	fs_start
	grep -qi iomap "$BATS_TEST_TMPDIR/iomapfs.err"
	plain_io
}

@test "a server without CAP_SYS_RAWIO is not offered it" {
	mkdir -p "$MNT"
	setpriv --bounding-set -sys_rawio --inh-caps -sys_rawio \
		"$IOMAPFS" "$DEV" "$MNT" 2>"$BATS_TEST_TMPDIR/iomapfs.err" 3>&-
	grep -qi iomap "$BATS_TEST_TMPDIR/iomapfs.err"
	plain_io
}

@test "files of a plain mount: names, sizes, links, holes" {
	fs_start --no-iomap
	cd "$MNT"
	echo one >a
	ln a b
	mv a c
	[ "$(cat b)" = one ]
	[ "$(cat c)" = one ]
	truncate -s 100000 c
	[ "$(stat -c %s b)" = 100000 ]
	mkdir d
	run rmdir "$MNT"
	[ "$status" -ne 0 ]
	rmdir d
	rm b c
	[ -z "$(ls -A)" ]
	cd /
}
