#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What holds for every file of the tree.

@test "every file names its licence" {
	# A patch has that of the kernel; BASE is only a number. What programs made has
	# none: recordings, and what is to be found in them.
	run bash -c "git ls-files -- . ':!LICENSE' ':!kernel/BASE' ':!kernel/patches' ':!*.fiomap' \
			':!tests/data/*.json' ':!tests/data/*.dat' ':!tests/data/v1.*' \
			':!tests/data/short.text' ':!tests/data/short.folded' |
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

@test "commands and options that are documented exist, and the other way round" {
	for c in $(build/fuseiomap --commands); do
		grep -q "fuseiomap $c" README.md
	done
	# Each --option that is named is one of ours, the server's and the kernel's too.
	options=$(build/fuseiomap --man fuseiomap; build/iomapfs --help
		kernel/build --help; kernel/run --help; for c in $(build/fuseiomap --commands); do
		build/fuseiomap "$c" --help
	done)
	for o in $(grep -oh -e '`--[a-z-]*' README.md docs/*.md | tr -d '`' | sort -u); do
		[[ $options == *"$o"* ]] || { echo "no such option: $o"; return 1; }
	done
}
