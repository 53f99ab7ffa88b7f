# SPDX-License-Identifier: GPL-2.0-only
#
# Failures that the debug kernel makes where fuse asks for something: of allocations,
# copies from and to user space, and requests to the device under test.

load faults

INJECT=/sys/kernel/debug
KINDS=(failslab fail_page_alloc fail_usercopy fail_make_request)

setup_file()
{
	# The functions of fs/fuse are neighbours in the text of the kernel, which ends with
	# _etext. To read all of the symbols takes long.
	FUSE_TEXT=$(awk '$3 == "_etext" { exit }
		$2 ~ /[tT]/ && $3 ~ /^fuse_/ && $3 !~ /[.]cold$/ { if (!first) first = $1; last = $1 }
		END { print "0x" first, "0x" last }' /proc/kallsyms)
	export FUSE_TEXT
}

setup()
{
	kernel_log_mark
	STATE=$BATS_TEST_TMPDIR/state
	device_start
	disk_fails 1
	for kind in "${KINDS[@]}"; do
		only_in_fuse "$kind"
	done
}

teardown()
{
	failures_off
	disk_fails 0
	kill $(jobs -p) 2>/dev/null || true
	mount_away
	pkill -KILL -x iomapfs || true
	fs_stop
	device_stop
	kernel_fine
}

# disk_fails 0|1: whether fail_make_request concerns the device under test
disk_fails() { echo "$1" >"/sys/dev/block/$(stat -L -c %Hr:%Lr "$DEV")/make-it-fail"; }

# set_if KIND NAME VALUE: not all kinds have all settings
set_if() { [ ! -e "$INJECT/$1/$2" ] || echo "$3" >"$INJECT/$1/$2"; }

# only_in_fuse KIND: what fs/fuse calls, through iomap too; allocations that may sleep,
# and single pages, as well. It still takes fail-nth or failures_on for one to fail.
only_in_fuse()
{
	set_if "$1" require-start "${FUSE_TEXT% *}"
	set_if "$1" require-end "${FUSE_TEXT#* }"
	set_if "$1" stacktrace-depth 32
	set_if "$1" verbose 0
	set_if "$1" probability 0
	set_if "$1" times -1
	set_if "$1" ignore-gfp-wait N
	set_if "$1" ignore-gfp-highmem N
	set_if "$1" min-order 0
	set_if "$1" cache-filter N
}

failures_off()
{
	for kind in "${KINDS[@]}"; do
		echo 0 >"$INJECT/$kind/probability"
	done
}
