#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Each knob of iomapfs shows in fuseiomap as what it is.

# bats file_tags=debug

bats_require_minimum_version 1.5.0
load lib

teardown()
{
	# One that still hangs would keep the mount busy.
	pkill -USR1 -x iomapfs || true
	fs_stop
}

measure()
{
	TOOL_OUT=$BATS_TEST_TMPDIR/hist.json
	run "$FUSEIOMAP" hist -j -o "$TOOL_OUT" -- "$@"
	complete "$TOOL_OUT"
}

# total FIELD: of the end record
total() { jq -r "select(.type == \"end\") | .$1" "$TOOL_OUT"; }

write4k() { dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct conv=notrunc status=none; }

@test "bad-map: each kind is refused with EUCLEAN, one event that names a rule, and counted" {
	export -f write4k
	export MNT
	mapfile -t kinds < <("$IOMAPFS" --help | sed -n '/^KIND of --bad-map/,/^$/s/^  \([a-z-]*\) .*/\1/p')
	((${#kinds[@]} >= 20))
	for kind in "${kinds[@]}"; do
		fs_start --bad-map="$kind"
		events_on fuse_iomap_bad_data
		measure bash -c write4k
		events_off
		[[ $output == *"Structure needs cleaning"* ]] || { echo "$kind: $output"; return 1; }
		[ "$(event_count fuse_iomap_bad_data 'condition .')" = 1 ] ||
			{ echo "$kind:"; cat "$EVENTS"; return 1; }
		[ "$(total ledger.begin.errors) $(jq -r 'select(.type == "end") |
			.ledger.bad_data // .bad_data' "$TOOL_OUT")" = "1 1" ]
		fs_stop
	done
}

@test "bad-every: only each n-th is refused" {
	fs_start --bad-map=zero-length --bad-every=4
	measure bash -c "for i in {1..20}; do dd if=/dev/zero of=$MNT/f bs=4k count=1 oflag=direct status=none; done"
	[ "$(total ledger.begin.errors)" = 5 ]
}

@test "begin-error: the caller gets it, nothing is refused as bad" {
	fs_start --begin-error=ENOSPC
	measure dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct
	[[ $output == *"No space left"* ]]
	[ "$(total ledger.begin.errors)" = 1 ]
}

@test "begin-error: one that fs/iomap takes for a command is an error like others" {
	fs_start --begin-error=ENOTBLK
	truncate -s 4096 "$MNT/f"
	# It would be the end of the file.
	measure dd if="$MNT/f" of=/dev/null bs=4k count=1 iflag=direct
	[ "$status" = 1 ]
	[[ $output == *"Input/output error"* ]]
}

@test "end-error: direct I/O fails with it, and fsync after a buffered write" {
	fs_start --want-end --end-error=EIO
	truncate -s 4096 "$MNT/f"
	measure dd if="$MNT/f" of=/dev/null bs=4k count=1 iflag=direct
	[ "$status" = 1 ]
	[[ $output == *"Input/output error"* ]]
	[ "$(total ledger.end.errors)" = 1 ]
	measure dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct conv=notrunc
	[ "$status" = 1 ]
	[[ $output == *"Input/output error"* ]]
	measure dd if=/dev/zero of="$MNT/f" bs=4k count=1 conv=notrunc,fsync
	[ "$status" = 1 ]
	[[ $output == *"fsync failed"*"Input/output error"*"1+0 records out"* ]]
}

@test "ioend-error: the write fails with it" {
	fs_start --ioend-error=EIO
	measure dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct
	[[ $output == *"Input/output error"* ]]
	[ "$(total ledger.ioend.errors)" = 1 ]
}

@test "enosys for end: asked once, then no more, and no error" {
	fs_start --want-end --enosys=end
	measure "$LOAD" --direct "$MNT" write 20 4096
	[ "$status" = 0 ]
	[ "$(total ledger.end.sent) $(total ledger.end.not_sent) $(total ledger.end.errors)" = "1 19 0" ]
}

@test "enosys for ioend: asked once, then no more, and the data is there" {
	fs_start --enosys=ioend
	measure "$LOAD" --direct "$MNT" write 20 4096
	[ "$status" = 0 ]
	[ "$(total ledger.ioend.sent) $(total ledger.ioend.not_sent)" = "1 19" ]
}

@test "want-end: every operation ends with an END" {
	"$IOMAPFS" --help >/dev/null
	fs_start --want-end
	"$LOAD" --direct "$MNT" write 10 4096
	measure "$LOAD" --direct "$MNT" read 10 4096
	[ "$(total ledger.end.sent) $(total ledger.end.not_sent)" = "10 0" ]
}

@test "extent-max: one write, as many begins as it has extents" {
	fs_start --extent-max=4096
	measure "$LOAD" --direct "$MNT" write 1 65536
	[ "$(total ledger.begin.done)" = 16 ]
	[ "$(jq -c 'select(.type == "hist" and .what == "mapping_length") | [.n, .min, .max]' \
		"$TOOL_OUT")" = '[16,4096,4096]' ]
}

@test "hang-begin: in flight until it is released" {
	fs_start --hang-begin=1
	tool_start hist -j
	write4k &
	writer=$!
	sleep 1
	tool_stop
	complete "$TOOL_OUT"
	[ "$(total ledger.begin.in_flight) $(total ledger.begin.done)" = "1 0" ]
	kill -0 $writer
	pkill -USR1 -x iomapfs
	wait $writer
}
