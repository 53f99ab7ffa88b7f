#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What every command makes of every kept recording is what `fuseiomap schema' says,
# and CSV has the columns of JSON.

bats_require_minimum_version 1.5.0

F=build/fuseiomap

setup_file() { $F schema >"$BATS_FILE_TMPDIR/schema"; }

# valid: the files in $BATS_TEST_TMPDIR/out
valid() { run -0 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$BATS_TEST_TMPDIR"/out/*; }

# each COMMAND…: of each recording
each()
{
	local n=0 file
	mkdir -p "$BATS_TEST_TMPDIR/out"
	for file in tests/data/*.fiomap tests/data/*.dat; do
		[ -e "$file" ] || continue
		n=$((n + 1))
		$F "$@" -j -q -i "$file" >"$BATS_TEST_TMPDIR/out/$n.${file##*/}"
	done
	((n > 0))
	valid
}

@test "hist" { each hist; }
@test "hist, everything apart" {
	each hist --by mount,file,process,thread,op,type,phase --pct 0,12.5,50,99.99,100
}
@test "top, all views" {
	for v in mounts files processes threads servers operations types; do
		each top -b --view $v
	done
}
@test "top, each of its intervals" { each top -b 0.5; }
@test "trace" { each trace; }
@test "trace with filters" { each trace --kind end,refused --errors; }
@test "short" { each short; }
@test "inflight" { each inflight; }

@test "diff" {
	mkdir "$BATS_TEST_TMPDIR/out"
	file=$(echo tests/data/*.fiomap)
	file=${file%% *}
	$F diff -j -q --fail-if p50+100% "$file" "$file" >"$BATS_TEST_TMPDIR/out/diff"
	valid
	[[ $output == *diff,* && $output == *rule,* ]]
}

@test "doctor" {
	mkdir "$BATS_TEST_TMPDIR/out"
	$F doctor -j >"$BATS_TEST_TMPDIR/out/doctor" || true
	valid
}

@test "the validation is strict: it sees what is wrong" {
	file=$(echo tests/data/*.fiomap)
	$F hist -j -q -i "${file%% *}" >"$BATS_TEST_TMPDIR/good"
	run -0 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$BATS_TEST_TMPDIR/good"
	for edit in 's/"done":/"dome":/' 's/"n":\([0-9]\)/"n":"\1"/' '/"type":"end"/d' \
		'1d' 's/"begun":[0-9]*/"begun":-1/' 's/"errors":\([0-9]*\)/&,"errors":\1/' \
		's/"type":"shares"/"type":"sharks"/'; do
		sed "$edit" "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/bad"
		run -1 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$BATS_TEST_TMPDIR/bad"
	done
}

@test "CSV has the names of JSON" {
	file=$(echo tests/data/*.fiomap)
	for c in 'trace op' 'top_-b_--view_files file' 'short finding' 'inflight waiting'; do
		read -r command type <<<"$c"
		$F ${command//_/ } --csv -q -i "${file%% *}" | head -n 1 | tr -d '\r' | tr , '\n' \
			>"$BATS_TEST_TMPDIR/csv"
		$F schema "$type" | jq -r --arg t "$type" '."$defs"[$t].properties | keys_unsorted[]' \
			>"$BATS_TEST_TMPDIR/json"
		[ -s "$BATS_TEST_TMPDIR/csv" ]
		# An interval's times stand in a line of their own in JSON.
		run grep -vxFf "$BATS_TEST_TMPDIR/json" "$BATS_TEST_TMPDIR/csv"
		[ "$(echo $output)" = "${command/top*/from_ns to_ns}" ] || [ -z "$output" ] ||
			{ echo "$command: not in JSON: $output"; return 1; }
	done
}
