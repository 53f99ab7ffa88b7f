#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=uml
#
# A server whose answers are wrong by chance, under load: the kernel refuses what
# breaks a rule, with one event that names it, and an application gets an error or
# right data. SEED=N takes the same seed again.

bats_require_minimum_version 1.5.0
load faults

setup()
{
	kernel_log_mark
	LIES=$BATS_TEST_TMPDIR/lies
	STATE=$BATS_TEST_TMPDIR/state
	SEED=${SEED:-$RANDOM}
	echo "SEED=$SEED"
	device_start
}

teardown()
{
	[ ! -d "$TRACEFS/instances/fuseiomap-test" ] || rmdir "$TRACEFS/instances/fuseiomap-test"
	mount_away
	pkill -KILL -x iomapfs || true
	fs_stop
	[ ! -e /dev/mapper/second ] || dmsetup remove --retry second
	device_stop
	kernel_fine
}

# liar_start OPTION…: iomapfs in the foreground, since what it says goes to $LIES
liar_start()
{
	mkdir -p "$MNT"
	"$IOMAPFS" -f "$@" "$DEV" "$MNT" 2>"$LIES" 3>&- &
	LIAR=$!
	wait_for 'iomapfs: .* on ' "$LIES" $LIAR
}

# What the kernel calls the rules that iomapfs names: events by their condition
declare -gA RULES=(
	[unknown-type]='!find_type(map->type)'
	[type-not-here]='map->type == FUSE_IOMAP_TYPE_INLINE|map->type == FUSE_IOMAP_TYPE_NOCACHE|map->type == FUSE_IOMAP_TYPE_RETRY_CACHE|is_read && map->type == FUSE_IOMAP_TYPE_PURE_OVERWRITE'
	[unknown-flags]='unknown_flags(map->flags)'
	[flags-not-here]='unknown_flags(map->flags)|map->flags & FUSE_IOMAP_F_ANON_WRITE|map->flags & FUSE_IOMAP_F_ATOMIC_BIO'
	[no-length]='map->length == 0'
	[unaligned-range]='!IS_ALIGNED(map->offset, chk->blocksize)|!IS_ALIGNED(map->length, chk->blocksize)'
	[range-overflows]='check_add_overflow(map->offset, map->length, &end)'
	[beyond-files]='map->offset >= chk->maxbytes|outarg->newsize > inode->i_sb->s_maxbytes'
	[not-at-pos]='map->offset > pos|end <= pos'
	[space-without-place]='map->dev == FUSE_IOMAP_DEV_NULL|map->addr == FUSE_IOMAP_NULL_ADDR'
	[unknown-device]='chk->find_dev(chk->data, map->dev, dev) != 0'
	[unaligned-place]='!IS_ALIGNED(map->addr, dev->sector)'
	[place-overflows]='check_add_overflow(map->addr, map->length, &end)'
	[beyond-device]='end > dev->size'
	[place-without-space]='map->dev != FUSE_IOMAP_DEV_NULL|map->addr != FUSE_IOMAP_NULL_ADDR'
	[nowhere-to-write]='needs_space(chk->opflags) && !space|needs_reservation(chk->opflags) && hole'
	# of CONFIG
	[flag]='out->flags & ~FUSE_IOMAP_CONFIG_ALL'
	[padding]='memchr_inv(out->s_pad, 0, sizeof(out->s_pad))|out->pad'
	[id]='!memchr(out->s_id, 0, sizeof(out->s_id))|!out->s_id[0]|!printable(out->s_id)'
	[uuid]='!out->s_uuid_len|out->s_uuid_len > sizeof(out->s_uuid)'
	[block-size]='!fuse_iomap_valid_blksize(out->s_blocksize)'
	[links]='!out->s_max_links'
	[granularity]='!out->s_time_gran|out->s_time_gran > NSEC_PER_SEC'
	[time]='out->s_time_min > out->s_time_max'
	[size]='out->s_maxbytes <= 0'
)

# lies_rules: of each lie that breaks rules, in order, those it breaks
lies_rules() { sed -n '/ refused$/d; s/^lie .* rules=\([^ ]*\)$/\1/p' "$LIES"; }

# events_rules: of each event about an answer, in order, the condition it names
events_rules()
{
	sed -n 's/.* fuse_iomap_bad_data: .*condition //p' "$EVENTS" | grep -v 'attr->'
}

# names_one_of RULES CONDITION: the condition is that of one of the rules
names_one_of()
{
	local rule
	for rule in ${1//,/ }; do
		[[ "|${RULES[$rule]}|" != *"|$2|"* ]] || return 0
	done
	echo "the answer breaks $1, the event says $2"
	return 1
}

# begins_are_named: each lie about a mapping, of more than 50, is named by its event.
# The answers to IOEND are looked at by another task, in an order of its own.
begins_are_named()
{
	local told seen
	grep '^lie [^ ]* opcode=4094 ' "$LIES" >"$LIES.begin"
	LIES=$LIES.begin lies_rules >"$BATS_TEST_TMPDIR/told"
	events_rules | grep -v newsize >"$BATS_TEST_TMPDIR/seen"
	(($(wc -l <"$BATS_TEST_TMPDIR/told") > 50))
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" = "$(wc -l <"$BATS_TEST_TMPDIR/seen")" ]
	while IFS=$'\t' read -r told seen; do
		names_one_of "$told" "$seen"
	done < <(paste "$BATS_TEST_TMPDIR/told" "$BATS_TEST_TMPDIR/seen")
}

# fsck: what an honest server finds on the device is as it should be
fsck()
{
	mount_away
	pkill -TERM -x iomapfs || true
	fs_stop
	fs_start --persist
}

@test "each refused mapping: one event, which names a rule that it breaks" {
	# Writeback is only what the one task asks for.
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	liar_start --persist --format --threads=1 --fuzz=map,size --fuzz-share=25 --seed="$SEED"
	events_on fuse_iomap_bad_data
	stale --go-on run "$MNT" "$SEED" 400 "$STATE"
	events_off
	[ "$(lies_rules | wc -l)" = "$(events_rules | wc -l)" ]
	begins_are_named
	fsck
	stale check "$MNT" "$SEED" 400 "$STATE"
}

@test "the same with two devices, of which the second is the smaller one" {
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	dmsetup create second --table "0 $((SMALL_SECTORS / 2)) linear $DISK $SMALL_SECTORS"
	"$STALE" fill /dev/mapper/second
	liar_start --data-device=/dev/mapper/second --extent-max=16384 --threads=1 \
		--fuzz=map,size --fuzz-share=25 --seed="$SEED"
	events_on fuse_iomap_bad_data fuse_iomap_begin_done
	stale --go-on run "$MNT" "$SEED" 400 "$STATE"
	events_off
	# Both are in use, as far as the truth is told.
	(($(event_count fuse_iomap_begin_done 'type mapped dev 1') > 10))
	(($(event_count fuse_iomap_begin_done 'type mapped dev 2') > 10))
	[ "$(lies_rules | wc -l)" = "$(events_rules | wc -l)" ]
	begins_are_named
}

@test "all lies at once, by three at once: an error or right data, and the counts agree" {
	local pids=() i
	liar_start --persist --format --extent-max=8192 --want-end --seed="$SEED" \
		--fuzz=map,error,size,late,twice,wrong,short,long
	events_on fuse_iomap_bad_data
	for i in 1 2 3; do
		mkdir -p "$MNT/$i" || true
		stale --go-on run "$MNT/$i" $((SEED + i)) 200 "$STATE.$i" 3>&- &
		pids+=($!)
	done
	for i in 0 1 2; do wait "${pids[i]}"; done
	events_off
	# Of size there are few, since there are few IOENDs to tell one in.
	for lie in map error late twice wrong short long; do
		grep -q " $lie " "$LIES" || { echo "no $lie"; return 1; }
	done
	[ "$(lies_rules | wc -l)" = "$(events_rules | wc -l)" ]
	fsck
	for i in 1 2 3; do
		[ -d "$MNT/$i" ] || continue
		stale check "$MNT/$i" $((SEED + i)) 200 "$STATE.$i"
	done
}

@test "attributes that cannot be: the file is given up, others work" {
	local i n
	n=$(fewer 40 10)
	liar_start --persist --format --fuzz=attr --fuzz-share=30 --seed="$SEED"
	for ((i = 1; i <= n; i++)); do
		dd if=/dev/zero of="$MNT/$i" bs=4k count=2 status=none 2>>"$BATS_TEST_TMPDIR/errors" || true
		stat "$MNT/$i" >/dev/null 2>>"$BATS_TEST_TMPDIR/errors" || true
		truncate -s 5000 "$MNT/$i" 2>>"$BATS_TEST_TMPDIR/errors" || true
	done
	grep -q 'Input/output error' "$BATS_TEST_TMPDIR/errors"
	grep -q ' attr ' "$LIES"
	fsck
	for ((i = 1; i <= n; i++)); do
		[ ! -e "$MNT/$i" ] || [ "$(tr -d '\0' <"$MNT/$i" | wc -c)" = 0 ]
	done
}

@test "mappings that are believed and wrong: the kernel stays well" {
	liar_start --fuzz=wild,late --fuzz-share=40 --seed="$SEED"
	events_on fuse_iomap_bad_data
	for i in 1 2; do
		mkdir -p "$MNT/$i"
		stale --go-on run "$MNT/$i" $((SEED + i)) 200 "$STATE.$i" >/dev/null 3>&- || [ $? = 1 ]
	done
	events_off
	grep -q ' wild kept' "$LIES"
	[ "$(lies_rules | wc -l)" = "$(events_rules | wc -l)" ]
}

@test "answers that never come: nothing hangs once the connection is aborted" {
	liar_start --fuzz=never,late --seed="$SEED"
	for i in 1 2 3; do
		mkdir "$MNT/$i"
		stale --go-on run "$MNT/$i" $((SEED + i)) 2000 "$STATE.$i" >/dev/null 3>&- 2>&1 &
		pids+=($!)
	done
	for ((i = 0; i < 300 * SLOW; i++)); do
		(($(grep -c ' never ' "$LIES") < 3)) || break
		sleep 0.1
	done
	grep -q ' never ' "$LIES"
	echo 1 >"/sys/fs/fuse/connections/$(ls /sys/fs/fuse/connections)/abort"
	gone "${pids[@]}"
}

@test "CONFIG: any answer is refused, by one event that names the rule, or obeyed" {
	local refused=0
	for ((i = 0; i < 20; i++)); do
		events_on fuse_iomap_bad_data
		liar_start --fuzz=config --fuzz-share=100 --seed=$((SEED + i))
		wait_for 'lie ' "$LIES"
		lie=$(grep '^lie ' "$LIES")
		echo "$lie"
		case $lie in
		*rules=*)
			gone $LIAR
			events_off
			[ "$(events_rules | wc -l)" = 1 ]
			names_one_of "$(lies_rules)" "$(events_rules)"
			[ "$(event_count fuse_iomap_bad_data 'func fuse_iomap_check_config ')" = 1 ]
			refused=$((refused + 1))
			;;
		*error=* | *kept*)
			# Whatever it has to keep to now; but it is not stuck.
			timeout -s KILL 20 dd if=/dev/zero of="$MNT/f" bs=8k count=3 conv=fsync status=none \
				2>/dev/null || [ $? != 137 ]
			timeout -s KILL 20 cat "$MNT/f" >/dev/null 2>&1 || [ $? != 137 ]
			[[ $lie != *error=* || $lie == *" refused" ]] || gone $LIAR
			events_off
			[ "$(event_count fuse_iomap_bad_data 'func fuse_iomap_check_config ')" = 0 ]
			;;
		*)
			echo "a lie of another kind"
			return 1
			;;
		esac
		mount_away
		gone $LIAR
		kernel_log_clean
	done
	((refused >= 4))
}

@test "INIT: any answer to it ends in a mount that works, one that fails, or none" {
	local i n
	n=$(fewer 15 5)
	for ((i = 0; i < n; i++)); do
		mkdir -p "$MNT"
		"$IOMAPFS" -f --fuzz=init,short --fuzz-share=100 --seed=$((SEED + i)) "$DEV" "$MNT" \
			2>"$LIES" 3>&- &
		LIAR=$!
		for ((j = 0; j < 30; j++)); do
			! grep -q '^iomapfs: .* on ' "$LIES" || break
			[ -d "/proc/$LIAR" ] || break
			sleep 0.1
		done
		timeout -s KILL 5 dd if=/dev/zero of="$MNT/f" bs=8k count=3 conv=fsync status=none 2>/dev/null || true
		timeout -s KILL 5 cat "$MNT/f" >/dev/null 2>&1 || true
		for c in /sys/fs/fuse/connections/*/abort; do [ ! -e "$c" ] || echo 1 >"$c"; done
		umount -l "$MNT" 2>/dev/null || true
		kill -KILL $LIAR 2>/dev/null || true
		gone $LIAR
		grep '^lie' "$LIES" || true
	done
	fs_start
	echo works >"$MNT/f"
	[ "$(<"$MNT/f")" = works ]
}
