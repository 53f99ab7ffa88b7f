#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Man pages, completion, installation, and what pages say of tests.

bats_require_minimum_version 1.5.0

F=build/fuseiomap

@test "a man page for each command, and mandoc has nothing to say against it" {
	for c in '' $($F --commands); do
		page=build/man/fuseiomap${c:+-$c}.1
		run -0 mandoc -Tlint -W warning "$page"
		[ -z "$output" ] || { echo "$output"; return 1; }
		grep -q '^\.Sh SEE ALSO' "$page"
	done
}

@test "help, and help COMMAND" {
	run -0 $F help
	[[ $output == *Usage* ]]
	for c in $($F --commands); do
		run -0 $F help "$c"
		help=$output
		run -0 $F "$c" --help
		[ "$output" = "$help" ]
	done
}

# each_shell LINE: what bash, zsh and fish offer at the end of it goes to $bash, $zsh, $fish
each_shell()
{
	bash=$(bash tests/cli/tab.bash build/completion/bash "$1")
	mkdir -p "$BATS_TEST_TMPDIR/zsh"
	cp build/completion/zsh "$BATS_TEST_TMPDIR/zsh/_fuseiomap"
	zsh=$(HOME=$BATS_TEST_TMPDIR TERM=dumb timeout 60 \
		zsh -f tests/cli/tab.zsh "$BATS_TEST_TMPDIR/zsh" "$1")
	fish=$(HOME=$BATS_TEST_TMPDIR fish -c 'source build/completion/fish; complete -C"$argv"' "$1")
}

# all_offer LINE WORD…: each shell offers each word
all_offer()
{
	local line=$1 w
	shift
	each_shell "$line"
	for w in "$@"; do
		[[ $bash == *"$w"* ]] || { echo "bash, '$line': no $w in: $bash"; return 1; }
		[[ $zsh == *"$w"* ]] || { echo "zsh, '$line': no $w in: $zsh"; return 1; }
		[[ $fish == *"$w"* ]] || { echo "fish, '$line': no $w in: $fish"; return 1; }
	done
}

@test "completion of commands" {
	all_offer 'fuseiomap ' $($F --commands)
	all_offer 'fuseiomap h' hist
	[[ $bash$fish != *doctor* ]]
}

@test "completion of options: those of the command" {
	all_offer 'fuseiomap hist --du' --duration
	all_offer 'fuseiomap-hist --min' --min-latency
	each_shell 'fuseiomap doctor --mou'
	[[ $bash$fish != *--mount* && $zsh != *--mount* ]]
}

@test "completion of values, in lists too" {
	all_offer 'fuseiomap hist --op re' read read-direct report
	[[ $bash != *write* ]]
	all_offer 'fuseiomap hist --op=read,un' unshare
	all_offer 'fuseiomap hist --type unw' unwritten
	all_offer 'fuseiomap hist --backend ' auto bpf ftrace
	mkdir "$BATS_TEST_TMPDIR/some_directory"
	all_offer "fuseiomap hist -o $BATS_TEST_TMPDIR/some_" some_directory
}

@test "completion of views and columns, from their tables" {
	all_offer 'fuseiomap top --view ' mounts files servers
	all_offer 'fuseiomap top --sort begin_p' begin_p50_ns begin_p99_ns
	all_offer 'fuseiomap trace --columns kind,lat' lat_ns
}

@test "completion behind --: that of the command to measure" {
	all_offer 'fuseiomap hist -- basena' basename
	each_shell 'fuseiomap hist -- ls --dura'
	[[ $bash$fish != *--duration* && $zsh != *--duration* ]]
}

@test "install and uninstall leave nothing but what they should" {
	dest=$BATS_TEST_TMPDIR/dest
	run -0 make -s install DESTDIR="$dest" PREFIX=/usr
	# All was built; other tests run these programs meanwhile.
	[[ $output != *"  "[A-Z]* ]]
	[ -x "$dest/usr/bin/fuseiomap" ]
	for c in top hist trace short inflight record diff; do
		[ "$(readlink "$dest/usr/bin/fuseiomap-$c")" = fuseiomap ]
	done
	[ -s "$dest/usr/share/man/man1/fuseiomap-top.1" ]
	[ -s "$dest/usr/share/bash-completion/completions/fuseiomap-top" ]
	[ -s "$dest/usr/share/zsh/site-functions/_fuseiomap" ]
	[ -s "$dest/usr/share/fish/vendor_completions.d/fuseiomap.fish" ]
	run -0 "$dest/usr/bin/fuseiomap-top" --help
	[[ $output == *'fuseiomap top'* ]]
	run -0 make -s uninstall DESTDIR="$dest" PREFIX=/usr
	run -0 find "$dest" ! -type d
	[ -z "$output" ]
}

@test "the matrix of docs/reliability.md: each test that it names exists, and is in it" {
	local page=docs/reliability.md key file name n=0
	while read -r key file name; do
		file=${file%:}
		[ -f "$file" ] || { echo "$key: no file $file"; return 1; }
		case $file in
		*.bats) grep -qF "@test \"$name\" {" "$file" ;;
		*.c) grep -q "^static void $name(void \*\*state)$" "$file" ;;
		esac || { echo "$key: no test '$name' in $file"; return 1; }
		grep -q "^|.*\<$key\>" "$page" || { echo "$key: in no cell"; return 1; }
		n=$((n + 1))
	done < <(sed -n 's/^- \([A-Z][0-9]*\) \(tests\/.*\)/\1 \2/p' "$page")
	[ "$n" -gt 30 ]
	# Every cell has something, and each mark stands below.
	run -1 grep -nE '^\|.*\| *\|' "$page"
	for key in $(sed -n '/^|---/,/^$/s/^|[^|]*|//p' "$page" | grep -oE '\<[A-Z][0-9]+\>|– [a-z]' | tr -d ' ' | sort -u); do
		grep -qE "^- ${key#–}( |\$)" "$page" || { echo "'$key' is not explained"; return 1; }
	done
}

# there FILE NAME: the test exists
there()
{
	case $1 in
	*.bats) grep -qF "@test \"$2\" {" "$1" ;;
	selftests) grep -qF "+TEST_F(iomap, $2)" kernel/patches/*-selftests-*.patch ;;
	kunit) grep -qE "^\+\s+KUNIT_CASE(_PARAM)?\($2[,)]" kernel/patches/*.patch ;;
	esac
}

@test "the tables of docs/series.md: each test and function that they name exists" {
	local page=docs/series.md key file name tests n=0
	tests=$(sed -n 's/^|.*|\([^|]*\)|$/\1/p' "$page")
	while read -r key file name; do
		there "${file%:}" "$name" || { echo "$key: no test '$name' in ${file%:}"; return 1; }
		grep -q "\<$key\>" <<<"$tests" || { echo "$key: in no cell"; return 1; }
		n=$((n + 1))
	done < <(grep -E '^- [A-Z][0-9]+ ' "$page" | cut -c 3-)
	[ "$n" -gt 60 ]
	for key in $(grep -oE '\<[A-Z][0-9]+\>' <<<"$tests" | sort -u); do
		grep -q "^- $key " "$page" || { echo "'$key' is not explained"; return 1; }
	done
	# A name such as `size-truncate` is that of an answer that comes late; all are there.
	diff <(grep -oE '`[a-z]+(-[a-z]+)+`' <<<"$tests" | tr -d '`' | sort -u) \
		<(sed -n 's/^@test "\([a-z-]*\): .* { play .*/\1/p' tests/kernel/05-answers.bats | sort)
	for name in $(grep -oE '`[a-z_]+\(\)`' "$page" | tr -d '`()' | sort -u); do
		grep -qE "\<$name\(" kernel/patches/*.patch || { echo "no function $name"; return 1; }
	done
}
