#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Writes that fall short for each cause there is, made for real: `fuseiomap short`
# names it, finds each once, and counts all ends.

bats_require_minimum_version 1.5.0
load lib

teardown()
{
	fs_stop
	dmsetup remove --force short 2>/dev/null || true
	[ -z "$LOOP" ] || losetup -d "$LOOP"
}

OPTIONS=()

# inspect COMMAND…: what `fuseiomap short` finds of just that, in $FOUND
inspect()
{
	FOUND=$BATS_TEST_TMPDIR/short.json
	"$FUSEIOMAP" short -j "${OPTIONS[@]}" --save "$BATS_TEST_TMPDIR/short.fiomap" -o "$FOUND" \
		-- "$@" \
		>"$BATS_TEST_TMPDIR/load.out" 2>"$BATS_TEST_TMPDIR/load.err" || true
	cat "$BATS_TEST_TMPDIR/load.out" "$BATS_TEST_TMPDIR/load.err"
	complete "$FOUND"
	# A replay comes to the same, byte for byte.
	"$FUSEIOMAP" short -j -q -i "$BATS_TEST_TMPDIR/short.fiomap" -o "$FOUND.replay"
	diff "$FOUND" "$FOUND.replay"
}

# findings [BENIGN]: a line for each: cause, error, op, what was written of what, short
# ends. Those that are benign are left out unless asked for: any write can meet a mapping
# that writeback has changed meanwhile.
findings()
{
	jq -r --argjson benign "${1:-false}" 'select(.type == "finding" and .benign == $benign) |
		"\(.cause) \(.errname // "-") \(.op) \(.written)/\(.count) ends=\(.ends)"' "$FOUND"
}

# only TEXT: these are the findings, and there are no others
only()
{
	diff <([ -z "$1" ] || echo "$1") <(findings)
}

# finding FIELD: of the first one that is not benign
finding() { jq -r "select(.type == \"finding\" and (.benign | not)) | .$1" "$FOUND" | head -n 1; }

# whole: the groups add up to the findings
whole()
{
	local n
	n=$(jq -s 'map(select(.type == "finding")) | length' "$FOUND")
	[ "$(jq -s '[.[] | select(.type == "signature").findings] | add' "$FOUND")" = "$n" ]
	[ "$(jq -s '[.[] | select(.type == "short").findings] | add' "$FOUND")" = "$n" ]
}

@test "fault while copying: buffered, in part and as a whole, and direct; n of m ends" {
	fs_start
	witness_start
	inspect bash -c "$LOAD $MNT short --file=s && $LOAD $MNT write 20 4096"
	witness_stop
	only "fault EFAULT append 12288/16384 ends=1
fault EFAULT append 3996/8192 ends=1
fault EFAULT append 0/8192 ends=1
fault EFAULT append-direct 12288/16384 ends=2"
	whole
	[ "$(finding sure) $(finding path)" = "true $MNT/s" ]
	[[ $(finding sent_why) == "sent: short, size changed" ]]
	[ "$(finding end_error)" = 0 ]
	(($(finding end_lat_ns) > 0 && $(finding begin_lat_ns) > 0))
	[[ $(finding write_map) == "unwritten+16K(new)" ]]
	[[ $(finding 'kernel_stack | join(" ")') == *iomap_iter+*iomap_file_buffered_write+*vfs_write+* ]]
	# All ends and the short ones among them, as the kernel itself counts them.
	ours=$(jq -s -r '[.[] | select(.type == "short")] |
		"\([.[].ends] | add) \([.[].short] | add)"' "$FOUND")
	theirs=$(awk '$3 ~ /^(write|append|zero|fault|unshare)/ {
			if ($1 == "done" && $2 == "end") m += $4
			if ($1 == "short") n += $4
		} END { print m, n }' "$WITNESS.table")
	[ "$ours" = "$theirs" ]
	((${ours#* } >= 5))
}

@test "fault while copying, over an extent that is there: the server need not hear of the size" {
	fs_start
	"$LOAD" "$MNT" write 20 16384 --file=s --sync
	inspect bash -c "exec 9<>$MNT/s; $LOAD $MNT short --file=other"
	whole
	[ "$(findings | grep -c '^fault EFAULT')" = 4 ]
}

@test "no space on the next mapping: no END is short, but the write is" {
	truncate -s 4M "$BATS_TEST_TMPDIR/img"
	LOOP=$(losetup -f --show "$BATS_TEST_TMPDIR/img")
	DEV=$LOOP fs_start --extent-max=1M
	inspect "$LOAD" "$MNT" once 0 8388608
	only "next-mapping ENOSPC append 4194304/8388608 ends=0"
	grep -q 'result=4194304' "$BATS_TEST_TMPDIR/load.out"
	whole
	[ "$(finding explanation)" = "ENOSPC on the next mapping" ]
	[ "$(finding next_pos) $(finding next_error)" = "4194304 ENOSPC" ]
	# Whatever was short on the way was done again.
	[ "$(jq -s '[.[] | select(.type == "short") | .findings - .benign] | add' "$FOUND")" = 1 ]
}

# dm_table RULE…: what the device "short" does, from now on
dm_table()
{
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/table"
	if dmsetup info short >/dev/null 2>&1; then
		dmsetup reload short "$BATS_TEST_TMPDIR/table"
		dmsetup suspend --noflush short
		dmsetup resume short
	else
		dmsetup create --noudevsync short "$BATS_TEST_TMPDIR/table"
	fi
	dmsetup mknodes short
}

@test "I/O error of a direct write, and of a block that has to be read first" {
	dm_table "0 65536 linear $DEV 0"
	DEV=/dev/mapper/short fs_start
	"$LOAD" "$MNT" write 1 4194304 --direct
	drop_caches
	dm_table "0 65536 error"
	inspect "$LOAD" "$MNT" once 0 4194304 --direct
	only "io-error EIO write-direct 1048576/4194304 ends=2"
	[ "$(finding ioend_error)" = EIO ]
	grep -q 'result=-5' "$BATS_TEST_TMPDIR/load.out"
	# Part of a block: the rest of it is still on the device.
	inspect "$LOAD" "$MNT" once 100 200
	only "io-error EIO write 0/200 ends=1"
	[ "$(finding end_status) $(finding ioend_before_error)" = "EIO null" ]
	dm_table "0 65536 linear $DEV 0"
}

# in_the_middle: return when a write of many mappings has some, and waits for the next
in_the_middle()
{
	until grep -q '[1-9]' /sys/fs/fuse/connections/*/waiting; do sleep 0.05; done
	sleep 1
}
export -f in_the_middle

@test "signal: killed while it waits for the server" {
	fs_start --extent-max=4096 --delay-begin=50ms
	inspect bash -c "$LOAD $MNT once 0 1048576 & in_the_middle; kill -9 \$!; wait"
	[[ $(findings) =~ ^"signal EINTR append "[1-9][0-9]*/1048576\ ends=[01]$ ]]
	whole
}

@test "mapping ended early: nobody asks for the next one" {
	fs_start --extent-max=4096 --delay-begin=50ms --bad-attr=1
	inspect bash -c "$LOAD $MNT once 0 1048576 & in_the_middle; stat --cached=never $MNT/load; wait"
	[[ $(findings) =~ ^"mapping-ended - append "[1-9][0-9]*/1048576\ ends=0$ ]]
	whole
	grep -q "result=$(finding written)" "$BATS_TEST_TMPDIR/load.out"
}

@test "stale mapping: flush and retry of a zeroing, benign" {
	fs_start
	inspect "$LOAD" "$MNT" gap
	only ""
	findings true | grep -x "stale - zero 0/3996 ends=1"
	[ "$(jq 'select(.type == "short" and .op == "zero") | .benign' "$FOUND")" = 1 ]
	"$LOAD" "$MNT" verify
}

@test "the next mapping is refused: the rule that it broke" {
	fs_start --extent-max=4096 --bad-map=zero-length --bad-every=3
	inspect "$LOAD" "$MNT" once 0 65536
	only "refused EUCLEAN append 8192/65536 ends=0"
	[[ $(finding refused_rule) == *length* ]]
}

@test "the server answers END with an error" {
	fs_start --extent-max=4096 --end-error=EIO
	inspect "$LOAD" "$MNT" once 0 65536
	only "server-error EIO append 4096/65536 ends=0"
	[ "$(finding end_error)" = EIO ]
}

@test "an END that the server does not have: not sent, and why" {
	fs_start --enosys=end
	"$LOAD" "$MNT" short --file=a
	inspect "$LOAD" "$MNT" short --file=b
	[ "$(findings | grep -c '^fault EFAULT')" = 4 ]
	[[ $(finding sent_why) == "not sent: the server has none (ENOSYS)" ]]
	[ "$(finding sent)" = false ]
}

@test "nothing short: said with the number of ends it is none of" {
	fs_start
	inspect "$LOAD" "$MNT" write 20 4096
	only ""
	[ "$(jq -r 'select(.type == "short") | "\(.op) \(.ends) \(.short)"' "$FOUND")" = "append 20 0" ]
	"$FUSEIOMAP" short -q -- "$LOAD" "$MNT" write 20 4096 >"$BATS_TEST_TMPDIR/text" 2>/dev/null
	grep -q '^all writes: 0 short of 20 ends; 0 findings$' "$BATS_TEST_TMPDIR/text"
}

@test "stacks: folded for flame graphs, also those of the program" {
	fs_start
	"$FUSEIOMAP" short -q --stacks --user-stacks -- "$LOAD" "$MNT" short \
		>"$BATS_TEST_TMPDIR/folded" 2>/dev/null
	cat "$BATS_TEST_TMPDIR/folded"
	[ "$(awk '{ n += $NF } END { print n }' "$BATS_TEST_TMPDIR/folded")" = 4 ]
	grep -q '^iomapload;.*vfs_write_\[k\];.*iomap_iter_\[k\].* 3$' "$BATS_TEST_TMPDIR/folded"
	"$FUSEIOMAP" trace -q --stacks -- "$LOAD" "$MNT" write 3 4096 \
		>"$BATS_TEST_TMPDIR/folded" 2>/dev/null
	grep -q '^iomapload;.*fuse_iomap_buffered_write_\[k\].* 3$' "$BATS_TEST_TMPDIR/folded"
}

@test "stacks: many at once are all kept, and told apart" {
	fs_start
	"$FUSEIOMAP" trace -j -q --kind begin --user-stacks -o "$BATS_TEST_TMPDIR/many" -- \
		"$LOAD" "$MNT" stacks 1000
	complete "$BATS_TEST_TMPDIR/many"
	# A write that writeback gets ahead of asks twice.
	[ "$(jq -s 'map(select(.op == "append").user_stack) | unique | length' \
		"$BATS_TEST_TMPDIR/many")" = 1000 ]
}

@test "filters: on the outcome they choose findings, and all ends are still counted" {
	fs_start
	inspect "$LOAD" "$MNT" short
	"$FUSEIOMAP" short -j -q -i "$BATS_TEST_TMPDIR/short.fiomap" --op append-direct \
		-o "$BATS_TEST_TMPDIR/direct"
	[ "$(jq -r 'select(.type == "finding").op' "$BATS_TEST_TMPDIR/direct")" = append-direct ]
	[ "$(jq -r 'select(.type == "short") | "\(.op) \(.ends) \(.short)"' \
		"$BATS_TEST_TMPDIR/direct")" = "append-direct 2 2" ]
	"$FUSEIOMAP" short -j -q -i "$BATS_TEST_TMPDIR/short.fiomap" --type mapped \
		-o "$BATS_TEST_TMPDIR/mapped"
	[ "$(jq -r 'select(.type == "finding").op' "$BATS_TEST_TMPDIR/mapped")" = "" ]
}

# Without the status of the iteration, which only BPF can read.
@test "other sources of events: the same findings, named by exclusion, and labelled" {
	fs_start
	for OPTIONS in --backend=ftrace --no-done "--backend=ftrace --no-done"; do
		read -ra OPTIONS <<<"$OPTIONS"
		inspect "$LOAD" "$MNT" short
		echo "${OPTIONS[@]}"
		diff <(findings | sed 's/ EFAULT / - /') <(echo "fault - append 12288/16384 ends=1
fault - append 3996/8192 ends=1
fault - append 0/8192 ends=1
fault - append-direct 12288/16384 ends=2")
		[ "$(jq -r 'select(.type == "finding") | .sure' "$FOUND" | xargs)" = \
			"false false false true" ]
		[ "$(finding explanation)" = "probably fault while copying" ]
	done
	"$FUSEIOMAP" short -q -i "$BATS_TEST_TMPDIR/short.fiomap" >"$BATS_TEST_TMPDIR/text"
	grep -q '^this kernel shows only ENDs that are sent' "$BATS_TEST_TMPDIR/text"
}
