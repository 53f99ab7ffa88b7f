#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap top in batch mode, over a recording.

bats_require_minimum_version 1.5.0

TOP=build/fuseiomap
FILE=tests/data/top.fiomap

# sum TYPE FIELD: over all intervals of $output
sum() { jq -s --arg t "$1" --arg f "$2" 'map(select(.type == $t) | .[$f]) | add' <<<"$output"; }

@test "batch: intervals of all views add up to the ledger" {
	local view type
	run --separate-stderr "$TOP" top -j -i "$FILE"
	[ "$status" -eq 0 ]
	local begins
	begins=$(sum mount begins)
	[ "$begins" -gt 300 ]
	[ "$begins" -eq "$(sum file begins)" ]
	[ "$begins" -eq "$(sum operation begins)" ]
	for view in processes:process threads:thread types:type; do
		run --separate-stderr "$TOP" top -j --view "${view%:*}" -i "$FILE"
		[ "$status" -eq 0 ]
		[ "$(sum "${view#*:}" begins)" -eq "$begins" ]
	done
	# Errors are in both.
	[ "$begins" -eq "$(jq 'select(.type == "end").ledger.begin | .done + .errors' <<<"$output")" ]
}

@test "a column that is none: the ones that there are" {
	local option
	for option in "--columns=foo" "--columns=+foo" "--sort=foo"; do
		run -2 --separate-stderr "$TOP" top -b --view files $option -i "$FILE"
		[ "$output" = "" ]
		[ "${#stderr_lines[@]}" = 1 ]
		[[ $stderr == *"view files has no column"*foo"'; there are: name, "*begin_p99_ns* ]] ||
			{ echo "$stderr"; return 1; }
	done
}

@test "a full table: nothing is left out, and it is said" {
	run --separate-stderr "$TOP" top -j -i "$FILE"
	local begins view
	begins=$(sum mount begins)
	for view in files:file processes:process operations:operation; do
		run --separate-stderr "$TOP" top -j --cells 6 --view "${view%:*}" -i "$FILE"
		[ "$status" -eq 0 ]
		[ "$(sum "${view#*:}" begins)" -eq "$begins" ]
		[ "$(jq 'select(.type == "end").other' <<<"$output")" -gt 0 ]
	done
	run --separate-stderr "$TOP" top -b --cells 6 --view files -i "$FILE"
	[[ $output == *"/tmp/mnt/(other files)"* ]]
	[[ $stderr == *other* ]]
}

@test "batch: text, CSV, columns, sort and filter" {
	run --separate-stderr "$TOP" top -b --view files --columns=-mapd,+mean,+ino --sort mean -i "$FILE"
	[ "$status" -eq 0 ]
	[[ $output == *MEAN* && $output == *INO* && $output != *MAPD* ]]
	[[ $output != *MOUNT* && $output == *"/tmp/mnt2/日本語/ログ"* ]]
	run --separate-stderr "$TOP" top --csv --view operations --columns begins,ends -i "$FILE"
	[ "$status" -eq 0 ]
	[ "${lines[0]%$'\r'}" = "interval,from_ns,to_ns,name,begins,ends" ]
	[ "$(grep -c interval <<<"$output")" -eq 1 ]
	run --separate-stderr "$TOP" top -j --view files --search 'errors>0' -i "$FILE"
	[ "$status" -eq 0 ]
	[ "$(jq -s 'map(select(.type == "file") | .errors) | min' <<<"$output")" -ge 1 ]
	[[ $output == *"/tmp/mnt2/日本語/ログ"* && $output != *db/log* ]]
}

@test "mistakes are told in one line" {
	local args
	for args in "--view nonsense" "--sort nonsense" "--columns name,nonsense" \
		"--search nonsense>1" "--view files --search begins>many"; do
		run --separate-stderr "$TOP" top -b -i "$FILE" $args
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
	done
}
