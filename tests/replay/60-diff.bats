#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap diff on kept results; tests/data/diff/README.md says what they are.

bats_require_minimum_version 1.5.0

F=build/fuseiomap
D=tests/data/diff

# refused STATUS TEXT COMMAND…: that status, nothing on stdout, one line on stderr with TEXT
refused()
{
	local want=$1 text=$2
	shift 2
	run --separate-stderr "$@"
	[ "$status" = "$want" ] && [ -z "$output" ] && ((${#stderr_lines[@]} == 1)) &&
		[[ $stderr == *"$text"* ]] ||
		{ echo "$*: status $status, stdout '$output', stderr '$stderr'"; return 1; }
}

@test "several runs: what was delayed is slower, and nothing else is named" {
	run -0 --separate-stderr $F diff $D/base*.fiomap : $D/slow*.fiomap
	[ -z "$stderr" ]
	[[ $output == *"13 of 147 numbers differ by more than the runs of one side do"* ]]
	run -0 bash -c "$F diff -j $D/base*.fiomap : $D/slow*.fiomap |
		jq -r 'select(.type == \"diff\" and (.verdict | IN(\"same\", \"noise\") | not)) |
		       .kind + \" \" + .verdict' | sort | uniq -c"
	[ "$(echo $output)" = "13 begin slower" ]
}

@test "the server's share of the wait is what has grown" {
	run -0 bash -c "$F diff -j $D/base*.fiomap : $D/slow*.fiomap |
		jq -r 'select(.metric == \"server\" and .kind == \"begin\" and .op != \"zero\") |
		       select(.verdict == \"slower\" and .change > 800000 and .change < 2000000) | .op' |
		sort | tr '\n' ' '"
	[[ $output == *"append "* ]]
	[[ $output == *"read "* ]]
	[[ $output == *"read-direct "* ]]
	[[ $output == *"writeback "* ]]
}

@test "a run's JSON and its recording are equal in each number" {
	local i
	for i in base1 slow1; do
		run -0 bash -c "$F diff -j $D/$i.json $D/$i.fiomap |
			jq -r 'select(.type == \"diff\") | .verdict' | sort -u"
		[ "$output" = same ]
	done
}

@test "the sides change places" {
	run -0 bash -c "$F diff -j $D/slow*.fiomap : $D/base*.fiomap |
		jq -r 'select(.type == \"diff\" and .verdict == \"faster\") | .verdict' | wc -l"
	[ "$output" = 13 ]
}

@test "one run of each: the noise is unknown, and said to be" {
	run -0 $F diff $D/base1.fiomap $D/slow1.fiomap
	[[ $output == *"the noise is unknown"* ]]
	[[ $output != *slower* ]]
}

@test "directories, and windows as runs" {
	mkdir "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	cp $D/base?.fiomap "$BATS_TEST_TMPDIR/a"
	cp $D/slow?.fiomap "$BATS_TEST_TMPDIR/b"
	run -0 $F diff -q "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	[[ $output == *"13 of 147 numbers"* ]]
	# The same window twice in a file
	jq -c 'select(.type == "header")' $D/base1.json >"$BATS_TEST_TMPDIR/two.json"
	for i in 1 2; do
		jq -c "select(.type | IN(\"header\", \"end\") | not) |
			if .type == \"window\" then .window = $i else . end" $D/base1.json
	done >>"$BATS_TEST_TMPDIR/two.json"
	jq -c 'select(.type == "end")' $D/base1.json >>"$BATS_TEST_TMPDIR/two.json"
	run -0 $F diff "$BATS_TEST_TMPDIR/two.json" $D/base1.json
	[[ $output == *"A: 2 runs: "*"/two.json#1 "*"/two.json#2"* ]]
	[[ $output == *"B: 1 run: "* ]]
}

@test "--fail-if is a gate" {
	run -1 --separate-stderr $F diff $D/base*.fiomap : $D/slow*.fiomap --fail-if begin.read.p50+20%
	[[ $stderr == "fuseiomap: failed: begin.read.p50 went from "*" to "*" [begin.read.p50+20%]" ]]
	run -0 --separate-stderr $F diff $D/base*.fiomap : $D/slow*.fiomap \
		--fail-if end.mean+20% --fail-if total.short+1% --fail-if 'begin.p50>1s'
	run -1 $F diff -q $D/base*.fiomap : $D/slow*.fiomap --fail-if 'begin.append.server>1ms'
	run -0 $F diff -q $D/base*.fiomap : $D/slow*.fiomap --fail-if 'begin.append.server<1ms'
	run -1 bash -c "$F diff -j $D/base1.json $D/slow1.json --fail-if begin.append.p50+20% 2>/dev/null |
		jq -e 'select(.type == \"end\") | .failed | not'"
}

@test "noise does not fail, and that is said" {
	run -0 --separate-stderr $F diff $D/base*.fiomap : $D/slow*.fiomap --fail-if duration+5%
	[[ $stderr == "fuseiomap: not counted as failed, no more than the noise between runs: total.duration "* ]]
}

@test "a rule that looks at nothing fails" {
	run -1 --separate-stderr $F diff $D/base1.json $D/slow1.json --fail-if unshare.p99+20%
	[[ $stderr == *"nothing to compare for [unshare.p99+20%]"* ]]
}

@test "a rule about what there is nothing of holds" {
	run -0 --separate-stderr $F diff $D/base1.json $D/slow1.json --fail-if 'begin.errors>0%' \
		--fail-if 'read.errors+10%'
	[ -z "$stderr" ]
}

@test "CSV and JSON have a line for each number of the table" {
	local text csv json
	text=$($F diff $D/base1.json $D/slow1.json | grep -cE '^(total|begin|end|ioend) ')
	csv=$($F diff --csv $D/base1.json $D/slow1.json | tail -n +2 | wc -l)
	json=$($F diff -j $D/base1.json $D/slow1.json | jq -c 'select(.type == "diff")' | wc -l)
	[ "$text" = 147 ]
	[ "$csv" = 147 ]
	[ "$json" = 147 ]
	$F diff -j $D/base*.fiomap : $D/slow*.fiomap --fail-if p50+20% 2>/dev/null \
		>"$BATS_TEST_TMPDIR/diff.json" || [ $? = 1 ]
	tests/validate.py <($F schema) "$BATS_TEST_TMPDIR/diff.json"
}

@test "units, percentiles, output to a file" {
	run -0 $F diff -u us --pct 99.99 -o "$BATS_TEST_TMPDIR/out" $D/base1.json $D/slow1.json
	[ -z "$output" ]
	grep -qE '^begin +read +p99\.99 +[0-9]+\.[0-9]us ' "$BATS_TEST_TMPDIR/out"
	run -1 grep -E ' p99 |[0-9]ms' "$BATS_TEST_TMPDIR/out"
}

@test "an incomplete result is named; --strict refuses it" {
	head -n -1 $D/base1.json >"$BATS_TEST_TMPDIR/cut.json"
	run -0 --separate-stderr $F diff "$BATS_TEST_TMPDIR/cut.json" $D/slow1.json
	[[ $stderr == "fuseiomap: '"*"cut.json' is cut off: it has no end record" ]]
	run -5 --separate-stderr $F diff --strict "$BATS_TEST_TMPDIR/cut.json" $D/slow1.json
	run -0 --separate-stderr $F diff --strict $D/base1.json $D/slow1.json
	[ -z "$stderr" ]
}

@test "bad input: one line, the right status, nothing on stdout" {
	local T=$BATS_TEST_TMPDIR
	refused 2 "give two results" $F diff
	refused 2 "give two results" $F diff $D/base1.json
	refused 2 "give two results" $F diff : $D/base1.json
	refused 2 "give two results" $F diff $D/base1.json :
	refused 2 "give two results" $F diff a : b : c
	refused 2 "no such metric" $F diff $D/base1.json $D/slow1.json --fail-if p98+20%
	refused 2 "not a change or limit" $F diff $D/base1.json $D/slow1.json --fail-if p99+20
	refused 1 "No such file" $F diff /nonexistent $D/base1.json
	refused 1 "no results in" $F diff "$T" $D/base1.json
	: >"$T/empty"
	refused 1 "is empty" $F diff "$T/empty" $D/base1.json
	echo '{"type":"header","schema":"fuseiomap","version":99,"command":"hist"}' >"$T/v99"
	refused 1 "version 99 of the schema" $F diff "$T/v99" $D/base1.json
	echo hello >"$T/text"
	refused 1 "neither a recording nor" $F diff $D/base1.json "$T/text"
	{ head -n 3 $D/base1.json; echo '{"type":'; } >"$T/broken"
	refused 1 "line 4: not JSON" $F diff "$T/broken" $D/base1.json
	refused 1 "cannot write '/nonexistent/x'" $F diff -o /nonexistent/x $D/base1.json $D/slow1.json
}

@test "a reader that goes away is no error" {
	run -0 --separate-stderr bash -c "set -o pipefail; $F diff $D/base1.json $D/slow1.json | head -n 1"
	[ -z "$stderr" ]
	run -1 --separate-stderr bash -c "$F diff $D/base1.json $D/slow1.json >/dev/full"
	[[ $stderr == *"cannot write the output: No space left on device"* ]]
}
