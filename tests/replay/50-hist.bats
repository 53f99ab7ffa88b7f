#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap hist on kept recordings; tests/data/diff/README.md says what they are.

bats_require_minimum_version 1.5.0

F=build/fuseiomap
R=tests/data/diff/base1.fiomap

# sum FILTER ARG…: add up what jq's FILTER gives of hist -j
sum()
{
	local filter=$1
	shift
	$F hist -q -i $R -j "$@" | jq -s "[.[] | $filter] | add"
}

@test "the same JSON as when it was recorded, byte for byte" {
	$F hist -j -q -i $R >"$BATS_TEST_TMPDIR/replay.json"
	cmp "$BATS_TEST_TMPDIR/replay.json" tests/data/diff/base1.json
}

@test "however it is told apart, it adds up to the same" {
	local by
	[ "$(sum 'select(.type == "counts") | .done')" = 809 ]
	for by in op type mount file process thread phase file,phase op,type,thread \
		  op,type,mount,file,process,thread,phase; do
		[ "$(sum 'select(.type == "counts") | .done' --by $by)" = 809 ]
		[ "$(sum 'select(.type == "counts") | .bytes' --by $by)" = \
		  "$(sum 'select(.type == "counts") | .bytes')" ]
		[ "$(sum 'select(.what == "latency") | .n' --by $by)" = \
		  "$(sum 'select(.what == "latency") | .n')" ]
	done
}

# All BEGINs of this run were sent, and the split of each is known.
@test "phases add up to the latency, however told apart" {
	local by
	for by in op phase file,phase op,type,process,phase; do
		[ "$(sum 'select(.what == "phase" and .kind == "begin") | .sum' --by $by)" = \
		  "$(sum 'select(.what == "latency" and .kind == "begin") | .sum')" ]
	done
}

@test "buckets add up, and hold the percentiles" {
	run -0 bash -c "$F hist -q -j -i $R --by file,op,phase --pct 1,50,99.9 | jq -s '
		[.[] | select(.type == \"hist\")] | length as \$all |
		[.[] | select((.buckets | map(.n) | add) == .n and .min <= .p1 and .p1 <= .p50 and
			      .p50 <= .[\"p99.9\"] and .[\"p99.9\"] <= .max and
			      .buckets[0].lo <= .min and .max < .buckets[-1].hi)] |
		length == \$all and \$all > 50'"
	[ "$output" = true ]
}

@test "every JSON is as the schema says" {
	local by
	for by in op phase file,phase op,type,mount,file,process,thread,phase; do
		$F hist -q -j -i $R --by $by >"$BATS_TEST_TMPDIR/out.json"
		tests/validate.py <($F schema) "$BATS_TEST_TMPDIR/out.json"
	done
}

@test "text: a summary, histograms whose lines add up, the split of the wait" {
	run -0 --separate-stderr $F hist -q -i $R
	[ -z "$stderr" ]
	[[ ${lines[0]} == "EVENT  OP "*" COUNT "*" P50 "*" MAX" ]]
	[[ $output == *"latency of begin, read-direct: 100"* ]]
	[[ $output == *"written of count, append: 83 ends, 3 short"* ]]
	[[ $output == *"bytes missing in short ends, append: 3"* ]]
	[ "$(sed -n '/^latency of begin, read-direct/,/OF THIS/p' <<<"$output" |
		awk '$5 ~ /^[|]/ { n += $4 } END { print n }')" = 100 ]
	# Nothing of a terminal in what is none.
	[[ $output != *$'\e'* ]]
	run -0 $F hist -q -i $R --color always
	[[ $output == *$'\e[36m#'* ]]
}

@test "times in one unit" {
	run -0 $F hist -q -i $R -u us
	run -1 grep -E '[0-9](ns|ms)' <<<"$output"
}

@test "CSV: a line for each histogram, or for each bin" {
	$F hist -q -i $R -j >"$BATS_TEST_TMPDIR/j"
	run -0 $F hist -q -i $R --csv
	[[ ${lines[0]} == window,what,kind,op,map_type,phase,unit,done,sent,errors,*,p50,p90,p99,p99.9 ]]
	# Operations that were never sent have no latency, but counts.
	[ "$((${#lines[@]} - 1))" = "$(jq -s '[.[] | select(.type == "hist" and .what != "latency" or
		.type == "counts")] | length' "$BATS_TEST_TMPDIR/j")" ]
	run -0 $F hist -q -i $R --csv --bins
	[ "$((${#lines[@]} - 1))" = "$(jq -s '[.[] | select(.buckets) | .buckets | length] | add' \
		"$BATS_TEST_TMPDIR/j")" ]
}

@test ".hgrm: a file for each histogram, as HdrHistogram's plotter reads them" {
	local f=$BATS_TEST_TMPDIR/h/latency-of-begin-read-direct.hgrm
	run -0 $F hist -q -i $R --hgrm "$BATS_TEST_TMPDIR/h"
	[ "$(ls "$BATS_TEST_TMPDIR/h" | wc -l)" = "$($F hist -q -i $R -j |
		jq -c 'select(.type == "hist")' | wc -l)" ]
	[ "$(head -n 1 "$f")" = "       Value     Percentile TotalCount 1/(1-Percentile)" ]
	grep -qE '^#\[Max     = +[0-9]+\.[0-9]{3}, Total count    = +100\]$' "$f"
	# Values and counts only rise, and the last line is all of it.
	awk 'NF >= 3 && $1 ~ /^[0-9]/ { if ($1 < v || $2 < p || $3 < n) exit 1; v = $1; p = $2; n = $3 }
	     END { exit !(p == 1 && n == 100) }' "$f"
	# Tasks with one name do not overwrite each other.
	run -0 $F hist -q -i $R --by process --hgrm "$BATS_TEST_TMPDIR/p"
	[ "$(ls "$BATS_TEST_TMPDIR/p" | wc -l)" = "$($F hist -q -i $R --by process -j |
		jq -c 'select(.type == "hist")' | wc -l)" ]
	run -1 --separate-stderr $F hist -q -i $R --hgrm /nonexistent/h
	[[ $stderr == "fuseiomap: cannot make the directory '/nonexistent/h': No such file or directory" ]]
}

@test "filters act in a replay as they do live" {
	[ "$(sum 'select(.type == "counts") | .done' --op read-direct)" = 200 ]
	[ "$(sum 'select(.type == "counts") | .short // 0' --short)" = 5 ]
	[ "$(sum 'select(.type == "counts") | .errors' --errors)" = 1 ]
}
