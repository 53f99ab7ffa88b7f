# SPDX-License-Identifier: GPL-2.0-only
#
# For tests that compare with a file system that is trusted: ext4 in memory,
# beside iomapfs on the scratch disk.

load ../live/lib

REF=/tmp/reference
TESTS=build/tests/kernel

# reference_start [SIZE]: ext4 at $REF, of the block size of a page
reference_start()
{
	REF_IMAGE=/dev/shm/reference.img
	mkdir -p "$REF"
	truncate -s "${1:-512M}" "$REF_IMAGE"
	mkfs.ext4 -q -b 4096 -m 0 "$REF_IMAGE"
	reference_mount
}

reference_mount() { mount -o loop "$REF_IMAGE" "$REF"; }

reference_stop()
{
	umount "$REF"
	rm -f "$REF_IMAGE"
}

# remounter BEFORE OPTION…: $REMOUNT, a command that unmounts the one of $MNT and $REF
# that it is given, and mounts it again, iomapfs with these options. BEFORE is done
# before iomapfs is unmounted.
remounter()
{
	local before=$1
	shift
	REMOUNT=$BATS_TEST_TMPDIR/remount
	{
		echo '#!/bin/bash -e'
		declare -p MNT DEV IOMAPFS SLOW REF REF_IMAGE BATS_TEST_TMPDIR
		declare -f fs_start fs_stop reference_mount
		echo "if [ \"\$1\" = '$REF' ]; then umount '$REF'; reference_mount; exit; fi"
		echo "$before; fs_stop; fs_start ${*@Q}"
	} >"$REMOUNT"
	chmod +x "$REMOUNT"
}
