#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is bounded stays bounded, and says what it gave up; a list of what is open is
# what the ledger counts; names are those of the moment.

bats_require_minimum_version 1.5.0
load lib

teardown()
{
	pkill -USR1 -x iomapfs || true
	fs_stop
}

# sum FIELD KIND: over all counts of a run of hist
sum() { jq -s "[.[] | select(.type == \"counts\" and .kind == \"$2\").$1] | add" "$TOOL_OUT"; }

many_files() { for i in {1..300}; do echo x >"$MNT/f$i"; done; sync; }

@test "more files than cells: the rest is one row, and nothing is missing" {
	fs_start
	export MNT
	export -f many_files
	TOOL_OUT=$BATS_TEST_TMPDIR/all.json
	"$FUSEIOMAP" hist -j --by kind,op -o "$TOOL_OUT" -- "$FUSEIOMAP" hist -j --cells 64 \
		--by file,kind,op -o "$BATS_TEST_TMPDIR/few.json" -- bash -c many_files
	complete "$TOOL_OUT"
	begins=$(sum done begin) ends=$(sum done end) written=$(sum written ioend)
	[ "$begins" -ge 600 ]
	[ "$written" = 600 ]
	TOOL_OUT=$BATS_TEST_TMPDIR/few.json
	complete "$TOOL_OUT"
	[ "$(sum done begin) $(sum done end) $(sum written ioend)" = "$begins $ends $written" ]
	[ "$(jq -s '[.[] | select(.type == "counts")] | length' "$TOOL_OUT")" -le 100 ]
	[ "$(jq 'select(.type == "end").other // select(.type == "end").ledger.other' \
		"$TOOL_OUT")" -gt 500 ]
	grep -q 'other files' "$TOOL_OUT"
}

@test "a table that has no room for all kinds: what is in no cell is counted, and shown" {
	fs_start
	export MNT
	export -f many_files
	TOOL_OUT=$BATS_TEST_TMPDIR/one.json
	run "$FUSEIOMAP" hist --cells 1 -- bash -c many_files
	[[ $output == *"operations in no table"* ]]
	"$FUSEIOMAP" hist -j --cells 1 -o "$TOOL_OUT" -- bash -c many_files
	jq -es 'last | .balanced and (.complete | not)' "$TOOL_OUT"
	[ "$(jq -s '[.[] | select(.type == "counts")] | length' "$TOOL_OUT")" = 1 ]
	jq -es '([.[] | select(.type == "counts").done] | add) + last.lost.cells_full ==
		(last.ledger | [.begin, .ioend | .done + .errors] + [.end | .done + .errors + .not_sent] |
		add)' "$TOOL_OUT"
}

# hangs KIND ARG…: top sees the one operation that waits, and the ledger counts it
hangs()
{
	local kind=$1
	shift
	tool_start top -j --view files "$@" 1
	dd if=/dev/zero of="$MNT/dir/hangs" bs=4k count=1 oflag=direct status=none 3>&- &
	sleep 4
	tool_stop
	complete "$TOOL_OUT"
	[ "$(jq "select(.type == \"end\").ledger.$kind.in_flight" "$TOOL_OUT")" = 1 ]
	grep -q 'dir/hangs' "$TOOL_OUT"
	jq -es '[.[] | select(.in_flight? == 1)] | length > 0' "$TOOL_OUT"
}

@test "what is open is what the ledger has in flight" {
	fs_start --hang-begin=1
	mkdir "$MNT/dir"
	hangs begin
	pkill -USR1 -x iomapfs
	wait
}

@test "upstream's events alone: a BEGIN that is open" {
	fs_start --hang-begin=1
	mkdir "$MNT/dir"
	hangs begin --no-done
	pkill -USR1 -x iomapfs
	wait
}

@test "upstream's events alone: an END that is open" {
	fs_start --want-end --delay-end=8s
	mkdir "$MNT/dir"
	hangs end --no-done
	wait
}

@test "upstream's events alone: the same BEGINs and ENDs that were sent, and labelled" {
	fs_start --want-end
	cat >"$BATS_TEST_TMPDIR/load" <<-EOF
		$LOAD --direct $MNT write 20 4096
		$LOAD $MNT short
		fio --directory=$MNT --size=1m --bs=4k --name=bw --rw=randwrite --numjobs=2 \
			--end_fsync=1 --output=/dev/null
	EOF
	TOOL_OUT=$BATS_TEST_TMPDIR/done.json
	"$FUSEIOMAP" hist -j -o "$TOOL_OUT" -- "$FUSEIOMAP" hist -j --no-done \
		-o "$BATS_TEST_TMPDIR/upstream.json" -- bash "$BATS_TEST_TMPDIR/load"
	complete "$TOOL_OUT"
	complete "$BATS_TEST_TMPDIR/upstream.json"
	# With an END for each, a sample is all of them.
	for f in done upstream; do
		jq -c 'select(.type == "counts") | [.kind, .op, .done, .sent, .errors, .bytes,
			.written, .short, .missing, .read_types, .write_types, .used_types]' \
			"$BATS_TEST_TMPDIR/$f.json" | sort >"$BATS_TEST_TMPDIR/$f"
	done
	[ -s "$BATS_TEST_TMPDIR/done" ]
	diff "$BATS_TEST_TMPDIR/done" "$BATS_TEST_TMPDIR/upstream"
	for f in done upstream; do
		jq -es --arg f "$f" '[.[] | select(.type | IN("header", "window", "end")) |
			.upcalls_only] | length == 3 and all(. == ($f == "upstream"))' \
			"$BATS_TEST_TMPDIR/$f.json"
	done
}

@test "upstream's events alone: errors of each kind, and refused answers" {
	fs_start --want-end --end-error=EIO --ioend-error=EIO --bad-map=zero-length --bad-every=3
	TOOL_OUT=$BATS_TEST_TMPDIR/up.json
	run "$FUSEIOMAP" trace -j --no-done -o "$TOOL_OUT" -- bash -c \
		"for i in {1..6}; do dd if=/dev/zero of=$MNT/f bs=4k count=1 oflag=direct; done"
	complete "$TOOL_OUT"
	jq -es '[.[] | select(.type == "op")] | all(.unsure or .kind == "refused")' "$TOOL_OUT"
	[ "$(jq -s '[.[] | select(.kind == "end" and .errname == "EIO")] | length' "$TOOL_OUT")" -gt 0 ]
	[ "$(jq -s '[.[] | select(.kind == "ioend" and .errname == "EIO")] | length' "$TOOL_OUT")" -gt 0 ]
	[ "$(jq -s '[.[] | select(.kind == "refused" and .file == "f")] | length' "$TOOL_OUT")" -gt 0 ]
}

@test "a file that is renamed, and the same numbers in a new mount: named anew" {
	fs_start
	local write="dd if=/dev/zero bs=4k count=1 oflag=direct status=none"
	cat >"$BATS_TEST_TMPDIR/load" <<-EOF
		$write of=$MNT/one; sleep 0.5
		mv $MNT/one $MNT/two; $write of=$MNT/two; sleep 0.5
		umount $MNT; while pgrep -x iomapfs; do sleep 0.1; done
		$IOMAPFS $DEV $MNT 3>&-; $write of=$MNT/three
	EOF
	TOOL_OUT=$BATS_TEST_TMPDIR/names.json
	"$FUSEIOMAP" trace -j --kind begin -o "$TOOL_OUT" -- bash "$BATS_TEST_TMPDIR/load"
	complete "$TOOL_OUT"
	[ "$(jq -r 'select(.type == "op").file' "$TOOL_OUT" | uniq | xargs)" = "one two three" ]
	[ "$(jq -r 'select(.type == "op") | "\(.connection) \(.ino)"' "$TOOL_OUT" | sort -u | wc -l)" = 1 ]
}
