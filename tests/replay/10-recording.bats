#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Each format version has a sample here, which is read for ever: what was in it
# when it was made (tests/data/make-sample) is what is found. Needs neither root
# nor a patched kernel.

bats_require_minimum_version 1.5.0

F=build/fuseiomap
V1=tests/data/v1.fiomap

# numbers FILE: "kind op done errors bytes" of each
numbers()
{
	jq -r 'select(.type == "counts") | "\(.kind) \(.op) \(.done) \(.errors) \(.bytes)"' "$1"
}

@test "v1: what it was recorded from" {
	run -0 --separate-stderr $F hist -j -i $V1
	run -0 jq -r 'select(.type == "header") | "\(.kernel) \(.backend) \(.upcalls_only)"' <<<"$output"
	[ "$output" = "7.3.4-fuseiomap bpf false" ]
}

@test "v1: the numbers of the load" {
	$F hist -j -i $V1 >"$BATS_TEST_TMPDIR/hist" 2>/dev/null
	numbers "$BATS_TEST_TMPDIR/hist" | diff tests/data/v1.numbers -
	# These are what make-sample did, whatever was written down then.
	numbers "$BATS_TEST_TMPDIR/hist" | grep -q '^begin read-direct 100 0 409600$'
	jq -e 'select(.type == "end") | .complete and .balanced' "$BATS_TEST_TMPDIR/hist"
}

@test "v1: the numbers are the same by file, by trace and by interval" {
	local d=$BATS_TEST_TMPDIR
	$F hist -j -i $V1 2>/dev/null |
		jq -s '[.[] | select(.type == "counts" and .kind == "begin") | .done] | add' >"$d/hist"
	$F trace -j -i $V1 2>/dev/null | jq -c 'select(.kind == "begin")' | grep -c . >"$d/trace"
	$F top -b -j --view mounts -i $V1 2>/dev/null |
		jq -s '[.[] | select(.type == "mount") | .begins // .begin] | add' >"$d/top"
	cat "$d/hist" "$d/trace" "$d/top"
	[ "$(<"$d/hist")" = 319 ]
	diff "$d/hist" "$d/trace"
	diff "$d/hist" "$d/top"
}

@test "v1: short writes, each once" {
	$F short -j -i $V1 >"$BATS_TEST_TMPDIR/short" 2>/dev/null
	jq -r 'select(.type == "finding") | "\(.count) \(.written) \(.cause)"' "$BATS_TEST_TMPDIR/short" |
		diff tests/data/v1.short -
}

@test "v1: refused answers name their rule, and errors are there" {
	$F trace -j -i $V1 >"$BATS_TEST_TMPDIR/trace" 2>/dev/null
	[ "$(jq -c 'select(.kind == "refused")' "$BATS_TEST_TMPDIR/trace" | grep -c .)" = 5 ]
	[ "$(jq -r 'select(.kind == "refused") | .rule' "$BATS_TEST_TMPDIR/trace" | sort -u | grep -c .)" = 1 ]
	[ "$(jq -r 'select(.kind == "begin" and .error != 0) | .error' "$BATS_TEST_TMPDIR/trace" | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = "$(<tests/data/v1.errors)" ]
}

@test "v1: what hangs is in flight at the end" {
	run -0 --separate-stderr $F hist -j -i $V1
	[ "$(jq -r 'select(.type == "end") | .ledger.begin.in_flight' <<<"$output")" = 1 ]
}

@test "v1: names, and stacks as folded lines" {
	run -0 --separate-stderr $F trace --csv -i $V1
	[[ $output == *buffered* ]]
	run -0 --separate-stderr $F trace --stacks -i $V1
	grep -Eq '^iomapload;.*vfs_write_.*;iomap_iter_.* [0-9]+$' <<<"$output"
}

@test "v1: every view reads it, in every format" {
	for view in hist trace short "top -b"; do
		for format in "" -j --csv; do
			run -0 --separate-stderr $F $view $format -i $V1
			((${#lines[@]} > 3)) || { echo "$view $format: $output"; return 1; }
		done
	done
}

@test "filters act on a replay" {
	$F trace -j -i $V1 2>/dev/null >"$BATS_TEST_TMPDIR/all"
	$F trace -j --op read-direct -i $V1 2>/dev/null >"$BATS_TEST_TMPDIR/some"
	[ "$(jq -c 'select(.kind == "begin") | .op' "$BATS_TEST_TMPDIR/some" | sort | uniq -c | tr -s ' ')" = ' 100 "read-direct"' ]
	$F trace -j -m /tmp/mnt -i $V1 2>/dev/null >"$BATS_TEST_TMPDIR/some"
	(($(wc -l <"$BATS_TEST_TMPDIR/some") > 300))
	run ! $F trace -m /nowhere -i $V1
	run -2 --separate-stderr $F trace -g / -i $V1
	[[ $stderr == *cgroup* ]]
}

@test "damaged and cut: what is intact, what is missing, 0, and 5 with --strict" {
	local f=$BATS_TEST_TMPDIR/damaged size
	size=$(stat -c %s $V1)
	head -c $((size * 2 / 3)) $V1 >"$f"
	run -0 --separate-stderr $F trace -j -i "$f"
	[[ $stderr == *"cut off"* ]]
	((${#lines[@]} > 100))
	run -5 $F trace -j --strict -i "$f"
	cp $V1 "$f"
	printf 'damage' | dd of="$f" bs=1 seek=$((size / 2)) conv=notrunc status=none
	run -0 --separate-stderr $F trace -i "$f"
	[[ $stderr == *"has gaps: 1, with "*" records"* ]]
	[[ $stderr == *"complete: no"* ]]
	run -5 $F trace --strict -i "$f"
	# The beginning of one of these is nothing to go by.
	head -c 100 $V1 >"$f"
	run -1 --separate-stderr $F trace -i "$f"
	((${#stderr_lines[@]} == 1))
}

@test "what is no recording is refused with one line" {
	for f in /dev/null Makefile /nowhere; do
		run -1 --separate-stderr $F hist -i $f
		[[ -z $output && ${#stderr_lines[@]} == 1 && $stderr == *"$f"* ]]
	done
}

@test "a recording comes through a pipe, too" {
	$F hist -j -i $V1 2>/dev/null >"$BATS_TEST_TMPDIR/file"
	cat $V1 | $F hist -j -i /dev/stdin 2>/dev/null >"$BATS_TEST_TMPDIR/pipe"
	cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/pipe"
}

@test "the tour plays without a terminal" {
	run -0 --separate-stderr demo/tour
	[[ $output == *direct-read* ]]
	((${#lines[@]} > 50))
}
