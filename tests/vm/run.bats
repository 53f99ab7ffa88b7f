#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel/run does what it says. Every other live test stands on this.

bats_require_minimum_version 1.5.0

setup()
{
	export OUT=$BATS_TEST_TMPDIR/out
	mkdir -p "$OUT"
}

@test "the exit status is the command's" {
	run -0 kernel/run -- true
	run -3 kernel/run -- bash -c 'exit 3'
	run -127 kernel/run -- /nonexistent/command
}

@test "output is streamed whole, stdout and stderr apart" {
	head -c 1000000 /dev/urandom | base64 >"$OUT/data"
	kernel/run -- cat "$OUT/data" >"$BATS_TEST_TMPDIR/got" 2>"$BATS_TEST_TMPDIR/err"
	cmp "$OUT/data" "$BATS_TEST_TMPDIR/got"
	run --separate-stderr kernel/run -- bash -c 'echo a; echo b >&2'
	[ "$output" = a ]
	[[ $stderr == *b* && $stderr != *a ]]
}

@test "the working directory, the checkout and \$OUT are there; nothing else is changed" {
	run -0 kernel/run -- bash -c 'pwd; cat kernel/BASE; echo kept >$OUT/file; echo lost >/etc/fuseiomap-test'
	[[ $output == *"$PWD"* && $output == *"$(<kernel/BASE)"* ]]
	[ "$(<"$OUT/file")" = kept ]
	[ ! -e /etc/fuseiomap-test ]
}

@test "a working directory below /tmp is there, with the checkout and \$OUT in it" {
	local parent
	parent=$(mktemp -d /tmp/fuseiomap-test.XXXXXX)
	mkdir -p "$parent/checkout" "$parent/out"
	cp -r kernel "$parent/checkout"
	echo seen >"$parent/beside"
	cd "$parent"
	OUT=$parent/out run -0 checkout/kernel/run -- bash -c \
		'cat beside checkout/kernel/BASE; echo kept >out/file; echo lost >beside'
	[ "$output" = "seen
$(<checkout/kernel/BASE)" ]
	[ "$(<out/file)" = kept ]
	[ "$(<beside)" = seen ]
	cd /
	rm -r "$parent"
}

@test "as root, with scratch disks of the size asked for, and two processors" {
	run -0 kernel/run -c 2 -d 64M -d 1G -- bash -c \
		'id -u; blockdev --getsize64 /dev/vda /dev/vdb; nproc; uname -r'
	[[ ${lines[*]} == *"0 $((64 << 20)) $((1 << 30)) 2 $(<kernel/BASE)."* ]]
}

@test "a time-out: 124, and nothing is left running" {
	run -124 kernel/run -t 5 -- sleep 1000
	! pgrep -f "qemu.*$BATS_TEST_TMPDIR"
}

@test "a kernel panic fails, and its report is printed" {
	run kernel/run -t 60 -- bash -c 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger'
	[ "$status" = 125 ]
	[[ $output == *"sysrq triggered crash"* || $output == *"Kernel panic"* ]]
}

@test "a kernel WARN fails, though the command succeeded" {
	run kernel/run -t 60 -- bash -c 'echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT; true'
	[ "$status" = 125 ]
	[[ $output == *"WARNING:"* ]]
}

@test "usage errors: 2" {
	run -2 kernel/run -d nonsense -- true
	run -2 kernel/run --bogus
}
