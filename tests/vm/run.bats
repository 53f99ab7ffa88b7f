#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel/run does what it says. Every other live test stands on this. VARIANT=--uml is the
# same in user-mode Linux.

bats_require_minimum_version 1.5.0

setup()
{
	export OUT=$BATS_TEST_TMPDIR/out TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir -p "$OUT" "$TMPDIR"
}

# nothing_left: soon, no process has a file of this test in its command line
nothing_left()
{
	local i
	for ((i = 0; i < 50; i++)); do
		pgrep -f "$TMPDIR/" >/dev/null || return 0
		sleep 0.1
	done
	pgrep -af "$TMPDIR/"
	return 1
}

vm() { kernel/run ${VARIANT:-} "$@"; }

@test "the exit status is the command's" {
	run -0 vm -- true
	run -3 vm -- bash -c 'exit 3'
	run -127 vm -- /nonexistent/command
}

@test "output is streamed whole, stdout and stderr apart" {
	head -c 1000000 /dev/urandom | base64 >"$OUT/data"
	vm -- cat "$OUT/data" >"$BATS_TEST_TMPDIR/got" 2>"$BATS_TEST_TMPDIR/err"
	cmp "$OUT/data" "$BATS_TEST_TMPDIR/got"
	run --separate-stderr vm -- bash -c 'echo a; echo b >&2'
	[ "$output" = a ]
	[[ $stderr == *b* && $stderr != *a ]]
}

@test "the working directory, the checkout and \$OUT are there; nothing else is changed" {
	run -0 vm -- bash -c 'pwd; cat kernel/BASE; echo kept >$OUT/file; echo lost >/etc/fuseiomap-test'
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
	OUT=$parent/out run -0 checkout/kernel/run ${VARIANT:-} -- bash -c \
		'cat beside checkout/kernel/BASE; echo kept >out/file; echo lost >beside'
	[ "$output" = "seen
$(<checkout/kernel/BASE)" ]
	[ "$(<out/file)" = kept ]
	[ "$(<beside)" = seen ]
	cd /
	rm -r "$parent"
}

@test "as root, with scratch disks of the size asked for, and two processors" {
	run -0 vm -c 2 -d 64M -d 1G -- bash -c \
		'id -u; blockdev --getsize64 /dev/vda /dev/vdb; nproc; uname -r'
	[[ ${lines[*]} == *"0 $((64 << 20)) $((1 << 30)) 2 $(<kernel/BASE)."* ]]
}

@test "a disk that is a file keeps what was written, whatever its name" {
	local disk="$BATS_TEST_TMPDIR/a disk, of: mine"
	truncate -s 16M "$disk"
	run -0 vm -d 1M -d "$disk" -- bash -c 'echo written | dd of=/dev/vdb bs=512 count=1 conv=sync,fsync'
	[ "$(head -c 8 "$disk")" = written ]
	run -0 vm -d "$disk" -- head -c 7 /dev/vda
	[ "$output" = written ]
}

@test "a time-out: 124, and nothing is left running" {
	run -124 vm -t 5 -- sleep 1000
	nothing_left
}

@test "stopped: nothing is left running" {
	for signal in TERM HUP KILL; do
		kernel/run ${VARIANT:-} -- bash -c 'echo up; sleep 1000' >"$BATS_TEST_TMPDIR/up" 3>&- &
		until grep -q up "$BATS_TEST_TMPDIR/up"; do sleep 0.1; done
		kill -$signal $!
		wait $! || true
		nothing_left
	done
}

@test "the kernel knows all of its command line, and an oops ends it" {
	run -0 vm -- bash -c 'dmesg; cat /proc/sys/kernel/panic_on_oops'
	[ "${lines[-1]}" = 1 ]
	[[ $output == *"Kernel command line:"* ]]
	[[ $output != *"Unknown kernel command line"* ]]
}

@test "a kernel panic fails, and its report is printed" {
	run vm -t 60 -- bash -c 'echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger'
	[ "$status" = 125 ]
	[[ $output == *"sysrq triggered crash"* || $output == *"Kernel panic"* ]]
}

@test "a kernel WARN fails, though the command succeeded" {
	# User-mode Linux has nothing to provoke one with.
	run vm -t 60 -- bash -c '
		echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT ||
			echo "WARNING: made up" >/dev/kmsg
		true'
	[ "$status" = 125 ]
	[[ $output == *"WARNING:"* ]]
}

# broken TEXT COMMAND…: 125, and one line, which says TEXT
broken()
{
	local text=$1
	shift
	run -125 "$@"
	[ "${#lines[@]}" = 1 ] && [[ $output == "kernel/run: "*"$text"* ]] || { echo "$output"; return 1; }
}

@test "what has no room, no right or no compiler is named: 125" {
	local cache=$BATS_TEST_TMPDIR/cache
	# No kernel is booted, so any file will do for one.
	local machine=(kernel/run --uml -k kernel/BASE -- true)
	broken "set TMPDIR" env TMPDIR=/nonexist "${machine[@]}"
	broken "set FUSEIOMAP_CACHE" env FUSEIOMAP_CACHE=/proc/no/cache "${machine[@]}"
	broken "no-such-gcc is missing: install gcc" env FUSEIOMAP_CACHE="$cache" CC=no-such-gcc "${machine[@]}"
	run -125 env FUSEIOMAP_CACHE="$cache" CC=false "${machine[@]}"
	[[ $output == *"does not compile: install gcc"* ]]
	[ "$(id -u)" = 0 ] || skip "a full disk needs root"
	# With the compiler's word, and without it
	full() { unshare --mount bash -c "mount -t tmpfs -o size=64k full $TMPDIR && $*"; }
	broken "free space there, or set TMPDIR" full FUSEIOMAP_CACHE="$cache" "${machine[@]}"
	mkdir -p "$cache"
	head -c 1M /dev/zero >"$cache/init-$(sha256sum <kernel/init.c | cut -c -16)"
	chmod +x "$cache"/init-*
	broken "free space there, or set TMPDIR" full FUSEIOMAP_CACHE="$cache" "${machine[@]}"
}

@test "usage errors: 2" {
	run -2 vm -d nonsense -- true
	run -2 vm --bogus
}
