#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What holds for every view alike, seen on a recording.

bats_require_minimum_version 1.5.0

F=build/fuseiomap
REC=tests/data/v1.fiomap
VIEWS=('hist' 'top -b' 'trace' 'short' 'inflight')

# on_terminal COMMAND…: what it writes to a terminal
on_terminal() { TERM=xterm script -qec "$*" /dev/null </dev/null; }

@test "links: fuseiomap-COMMAND is fuseiomap COMMAND" {
	for c in top hist trace short inflight record diff; do
		run -0 build/fuseiomap-$c --help
		[[ $output == *"Usage: fuseiomap $c"* ]]
	done
	run -0 --separate-stderr build/fuseiomap-hist -q -i $REC
	[ "$output" = "$($F hist -q -i $REC)" ]
}

@test "stdout is data, stderr the rest; -q leaves nothing of it" {
	for v in "${VIEWS[@]}"; do
		run -0 --separate-stderr $F $v -q -i $REC
		[ -n "$output" ]
		[ -z "$stderr" ] || { echo "$v: $stderr"; return 1; }
	done
	run -0 --separate-stderr $F hist -i $REC
	[[ $stderr == *complete:* && $output != *complete:* ]]
}

@test "-o FILE gets what stdout would" {
	for v in "${VIEWS[@]}"; do
		for format in '' -j --csv; do
			$F $v -q $format -i $REC >"$BATS_TEST_TMPDIR/stdout"
			run -0 $F $v -q $format -i $REC -o "$BATS_TEST_TMPDIR/file"
			[ -z "$output" ]
			cmp "$BATS_TEST_TMPDIR/stdout" "$BATS_TEST_TMPDIR/file"
		done
	done
}

@test "the same input gives the same output" {
	for v in "${VIEWS[@]}"; do
		for format in '' -j --csv; do
			[ "$($F $v -q $format -i $REC | md5sum)" = "$($F $v -q $format -i $REC | md5sum)" ]
		done
	done
}

@test "colour: on a terminal only, not with NO_COLOR, as --color says" {
	escape=$'\e['
	for v in hist short; do
		[[ $(on_terminal $F $v -q -i $REC) == *"$escape"* ]] || { echo "$v: none"; return 1; }
		[[ $(NO_COLOR=1 on_terminal $F $v -q -i $REC) != *"$escape"* ]]
		[[ $(on_terminal $F $v -q --color never -i $REC) != *"$escape"* ]]
	done
	for v in "${VIEWS[@]}"; do
		[[ $($F $v -q -i $REC) != *"$escape"* ]] || { echo "$v: in a pipe"; return 1; }
		for format in -j --csv; do
			[[ $($F $v -q $format --color always -i $REC) != *"$escape"* ]]
		done
	done
	[[ $($F hist -q --color always -i $REC) == *"$escape"* ]]
	[[ $(NO_COLOR=1 $F hist -q --color always -i $REC) == *"$escape"* ]]
}

@test "-u changes text, not data" {
	for v in "${VIEWS[@]}"; do
		[ "$($F $v -q -i $REC)" != "$($F $v -q -u ns -i $REC)" ] || { echo "$v"; return 1; }
		for format in -j --csv; do
			[ "$($F $v -q $format -i $REC | md5sum)" = "$($F $v -q $format -u s -i $REC | md5sum)" ]
		done
	done
}

@test "-T: on three clocks" {
	for v in 'top -b' trace short; do
		relative=$($F $v -q -i $REC)
		monotonic=$($F $v -q -T monotonic -i $REC)
		[ "$($F $v -q -T relative -i $REC)" = "$relative" ]
		[ "$monotonic" != "$relative" ]
		[[ $(TZ=UTC $F $v -q -T wall -i $REC) =~ [0-2][0-9]:[0-5][0-9]:[0-5][0-9][.] ]]
		# In JSON, nothing but the moment as text: ts_ns and its like stay.
		text='del(.time, .first, .last)'
		[ "$($F $v -j -q -T wall -i $REC | jq -c "$text" | md5sum)" = \
			"$($F $v -j -q -i $REC | jq -c "$text" | md5sum)" ]
	done
}

@test "--strict: 5 if something is missing, 0 if not" {
	head -c -300 $REC >"$BATS_TEST_TMPDIR/cut"
	for v in "${VIEWS[@]}"; do
		run -0 $F $v -q -i "$BATS_TEST_TMPDIR/cut"
		run -5 --separate-stderr $F $v -q --strict -i "$BATS_TEST_TMPDIR/cut"
		((${#stderr_lines[@]} == 1))
		run -0 $F $v -q --strict -i $REC
	done
}

@test "what has no meaning on a recording is refused: 2, one line" {
	for v in "${VIEWS[@]}"; do
		for bad in '--backend bpf' --no-done '-g x' '-o '$REC; do
			run -2 --separate-stderr $F $v -i $REC $bad
			((${#stderr_lines[@]} == 1)) || { echo "$v $bad: $stderr"; return 1; }
			[ -z "$output" ]
		done
		run -2 --separate-stderr $F $v -i $REC -j --csv
		run -2 --separate-stderr $F $v -i $REC -m /not/there
		[[ $stderr == */not/there* ]]
	done
	run -2 --separate-stderr $F hist -i $REC -- true
	run -2 --separate-stderr $F trace -i $REC --save x
	[ ! -e x ]
}

@test "filters: parts of the whole, and all of them" {
	all=$($F trace -q -j -i $REC | grep -c '"type":"op"')
	sum=0
	for kind in begin end ioend refused; do
		n=$($F trace -q -j --kind $kind -i $REC | grep -c "\"kind\":\"$kind\"")
		[ "$n" -gt 0 ]
		[ "$($F trace -q -j --kind $kind -i $REC | grep -c '"type":"op"')" = "$n" ]
		sum=$((sum + n))
	done
	[ "$sum" = "$all" ]
	errors=$($F trace -q -j --errors -i $REC | grep -c '"type":"op"')
	[ "$errors" -gt 0 ] && [ "$errors" -lt "$all" ]
	slow=$($F trace -q -j --min-latency 1ms -i $REC | jq 'select(.type == "op").lat_ns' | sort -n)
	[ "$(head -n 1 <<<"$slow")" -ge 1000000 ]
}

@test "a reader that goes away: nothing is said of it" {
	for v in "${VIEWS[@]}"; do
		run -0 --separate-stderr bash -c "$F $v -q -j -i $REC | head -n 1"
		[ -z "$stderr" ] || { echo "$v: $stderr"; return 1; }
	done
}

@test "a full disk: 1 and one line" {
	for v in "${VIEWS[@]}"; do
		for format in '' -j --csv; do
			run -1 --separate-stderr bash -c "$F $v -q $format -i $REC >/dev/full"
			((${#stderr_lines[@]} == 1)) || { echo "$v $format: $stderr"; return 1; }
		done
	done
}
