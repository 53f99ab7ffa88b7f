#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What holds for every file of the tree.

@test "every file names its licence" {
	# A patch has that of the kernel; BASE is only a number, and what a machine
	# recorded nobody wrote.
	run bash -c "git ls-files -- . ':!LICENSE' ':!kernel/BASE' ':!kernel/patches' ':!*.fiomap' ':!tests/data' |
		xargs grep -L SPDX-License-Identifier:"
	[ -z "$output" ] || { echo "$output"; return 1; }
}

@test "shell scripts parse" {
	git ls-files | while read -r f; do
		if [[ $(head -n 1 "$f") == '#!'*bash ]]; then
			bash -n "$f"
		fi
	done
}

@test "an option, a command, a knob in the README exists" {
	for c in top hist trace doctor; do
		grep -q "fuseiomap $c" README.md
		build/fuseiomap --help | grep -qw "$c"
	done
}
