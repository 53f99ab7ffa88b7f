#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# short and trace on a recording of a short write for each cause (tests/data/short-record
# made it on the patched kernel): no root, no kernel.

bats_require_minimum_version 1.5.0

F=build/fuseiomap
R=tests/data/short.fiomap

# json ARG…: the JSON lines of `short` on the recording
json() { "$F" short -j -q -i "$R" "$@"; }

# That nobody asked for the next mapping is only known in the end.
@test "short: each cause by its name, once; benign ones apart" {
	diff - <(json | jq -r 'select(.type == "finding" and (.benign | not)) |
		"\(.path): \(.cause) \(.errname // "-") \(.op), \(.ends) ends"') <<'END'
/tmp/faults/faults: fault EFAULT append, 1 ends
/tmp/faults/faults: fault EFAULT append, 1 ends
/tmp/faults/faults: fault EFAULT append, 1 ends
/tmp/faults/faults: fault EFAULT append-direct, 2 ends
/tmp/full/full: next-mapping ENOSPC append, 0 ends
/tmp/disk/disk: io-error EIO write-direct, 2 ends
/tmp/disk/disk: io-error EIO write, 1 ends
/tmp/killed/killed: signal EINTR append, 1 ends
/tmp/refused/refused: refused EUCLEAN append, 0 ends
/tmp/end/end: server-error EIO append, 0 ends
/tmp/given-up/given-up: mapping-ended - append, 0 ends
END
	[ "$(json | jq -r 'select(.type == "finding" and .benign and .op == "zero") |
		"\(.path) \(.cause) \(.ends)"')" = "/tmp/gap/gap stale 1" ]
}

@test "short: text, word for word" {
	"$F" short -q -i "$R" | diff tests/data/short.text -
}

@test "short: stacks, folded for flame graphs" {
	"$F" short -q --stacks -i "$R" | diff tests/data/short.folded -
}

@test "short: groups and counts add up to the findings" {
	json >"$BATS_TEST_TMPDIR/json"
	n=$(jq -s 'map(select(.type == "finding")) | length' "$BATS_TEST_TMPDIR/json")
	ends=$(jq -s 'map(select(.type == "finding").ends) | add' "$BATS_TEST_TMPDIR/json")
	((n >= 12))
	[ "$(jq -s 'map(select(.type == "signature").findings) | add' "$BATS_TEST_TMPDIR/json")" = "$n" ]
	[ "$(jq -s 'map(select(.type == "short").findings) | add' "$BATS_TEST_TMPDIR/json")" = "$n" ]
	[ "$(jq -s 'map(select(.type == "short").short) | add' "$BATS_TEST_TMPDIR/json")" = "$ends" ]
	# The ends are those that hist counts.
	[ "$(jq -s 'map(select(.type == "short").ends) | add' "$BATS_TEST_TMPDIR/json")" = \
		"$("$F" hist -j -q -i "$R" | jq -s 'map(select(.type == "counts" and .kind == "end" and
			(.op | test("^(write|append|zero|fault|unshare)"))).done) | add')" ]
}

@test "short: CSV has the columns of JSON, and a row per finding" {
	n=$(json | jq -s 'map(select(.type == "finding")) | length')
	run -0 "$F" short --csv -q -i "$R" --columns cause,op,missing,benign
	[ "${lines[0]}" = "cause,op,missing,benign" ]
	[ "${lines[1]}" = "fault,append,4096,false" ]
	[ "${#lines[@]}" = $((n + 1)) ]
}

@test "short: filters on the outcome choose findings" {
	[ "$(json --op write-direct | jq -r 'select(.type == "finding").cause')" = io-error ]
	[ "$(json --op write-direct | jq -r 'select(.type == "short") | "\(.op) \(.short)"')" = \
		"write-direct 2" ]
	[ "$(json --type mapped | jq -r 'select(.type == "finding" and .benign == false).cause' |
		sort -u)" = io-error ]
	[ -z "$(json --min-latency 10s | jq -r 'select(.type == "finding")')" ]
	run -2 --separate-stderr "$F" short -i "$R" --kind begin
	[ "${#stderr_lines[@]}" = 1 ]
}

@test "trace: an answer that was refused has its own line, with the rule" {
	run -0 "$F" trace -q -i "$R"
	[[ $output == *" refused append "*length* ]]
	[[ $output == *EUCLEAN* ]]
}

@test "trace: points in time from each clock" {
	local wall mono rel
	rel=$("$F" trace -q -i "$R" --columns time | sed -n 2p)
	mono=$("$F" trace -q -i "$R" --columns time -T monotonic | sed -n 2p)
	wall=$(TZ=UTC "$F" trace -q -i "$R" --columns time -T wall | sed -n 2p)
	[[ $rel =~ ^[0-9]+\.[0-9]{6}$ ]]
	[[ $mono =~ ^[0-9]+\.[0-9]{6}$ ]]
	[[ $wall =~ ^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}$ ]]
	[ "$rel" != "$mono" ]
}

@test "trace: columns as chosen, unknown ones named" {
	run -0 "$F" trace -q -i "$R" --columns ino,op,path
	[[ ${lines[0]} =~ ^\ *ino\ OP\ +path$ ]]
	run -2 --separate-stderr "$F" trace -i "$R" --columns ino,nonsense
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"'nonsense'"*opflags* ]]
	[ -z "$output" ]
}

@test "trace: folded stacks of a recording without user stacks are the kernel's" {
	run -0 "$F" trace -q --stacks -i "$R"
	[ "$(awk '{ n += $NF } END { print n }' <<<"$output")" = \
		"$("$F" trace -j -q -i "$R" | jq -s 'map(select(.type == "op")) | length')" ]
	[[ $output == *"iomapload;"*"iomap_iter_[k]"* ]]
}
