#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# stdout and stderr: full disks, readers that went away, files that are none.

bats_require_minimum_version 1.5.0

F=build/fuseiomap

@test "a full disk: 1, and one line that says so" {
	for c in --help --version schema 'help hist' 'schema header' '--man top' '--completion bash'; do
		run -1 --separate-stderr bash -c "$F $c >/dev/full"
		((${#stderr_lines[@]} == 1)) || { echo "$c: $stderr"; return 1; }
		[[ $stderr == *'cannot write the output'* ]]
	done
}

@test "a reader that goes away: nothing is said" {
	for c in schema '--man top' '--completion zsh'; do
		run -0 --separate-stderr bash -c "$F $c | head -c 1"
		[ -z "$stderr" ] || { echo "$c: $stderr"; return 1; }
	done
}

@test "input that is none: 1, one line, no output, and no file is made" {
	out=$BATS_TEST_TMPDIR/out
	for c in hist 'top -b' trace short inflight; do
		for file in /nonexistent /dev/null /etc/passwd /tmp build/fuseiomap; do
			run -1 --separate-stderr $F $c -i "$file" -o "$out"
			((${#stderr_lines[@]} == 1)) || { echo "$c -i $file: $stderr"; return 1; }
			[[ $stderr == *"$file"* ]]
			[ -z "$output" ]
			[ ! -e "$out" ] || { echo "$c -i $file: made the output"; return 1; }
		done
	done
}
