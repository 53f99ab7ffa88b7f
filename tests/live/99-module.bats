#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# FUSE as a module, as distributions have it: its types and tracepoints come and go with
# it. The kernel of these is that of kernel/build --module, and $FUSE_KO is the module.
# bats file_tags=module

bats_require_minimum_version 1.5.0
load views

setup()
{
	PIDS=()
	mkdir -p "$OUT"
}

teardown()
{
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	pkill -USR1 -x iomapfs || true
	fs_stop
	unloaded || true
	rm -rf "$OUT"
}

fuse_load() { [ -d /sys/module/fuse ] || insmod "$FUSE_KO"; }

# unloaded: soon FUSE is no more; what ends has the module for a moment longer
unloaded()
{
	local i
	for ((i = 0; i < 100; i++)); do
		[ -d /sys/module/fuse ] || return 0
		rmmod fuse 2>"$BATS_TEST_TMPDIR/rmmod" && return 0
		sleep 0.1
	done
	cat "$BATS_TEST_TMPDIR/rmmod"
	return 1
}

@test "FUSE is not loaded: 3, and one line that says what to do" {
	local b c
	[ ! -d /sys/module/fuse ]
	for b in bpf ftrace; do
		for c in hist "top -b" trace short "record -o $OUT/r" inflight; do
			# What waits is then nothing, which /proc tells as well.
			[ "$c$b" != inflightftrace ] || continue
			# shellcheck disable=SC2086
			run -3 --separate-stderr "$FUSEIOMAP" $c --backend $b -d 1
			[ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"modprobe fuse"* ]] ||
				{ echo "$c $b: $stderr"; return 1; }
			[ -z "$output" ]
			[ ! -e "$OUT/r" ]
		done
	done
	run -0 "$FUSEIOMAP" inflight
	[ "${lines[0]}" = "0 waiting" ]
	run -3 "$FUSEIOMAP" doctor
	[[ $output == *"modprobe fuse"* ]]
}

@test "unloading: refused as long as a command watches, and nothing is missing" {
	local b
	for b in bpf ftrace; do
		fuse_load
		all_start $b --backend $b
		fs_start
		"$LOAD" --direct "$MNT" write 20 4096
		fs_stop
		run ! rmmod fuse
		[[ $output == *"in use"* ]]
		fs_start
		"$LOAD" --direct "$MNT" write 20 4096
		fs_stop
		all_stop
		all_saw $b 40
		unloaded
	done
}

@test "the programs for upstream's events alone load, too" {
	fuse_load
	all_start upstream --no-done --backend bpf
	fs_start
	"$LOAD" --direct "$MNT" write 20 4096
	fs_stop
	all_stop
	all_saw upstream 20
}

@test "a look at what waits, with types that are the module's" {
	local b
	fuse_load
	hang
	for b in bpf ftrace; do
		"$FUSEIOMAP" inflight -j -q --backend $b >"$OUT/look"
		[ "$(jq -s 'map(select(.type == "waiting")) | length' "$OUT/look")" = 1 ]
	done
	release
}

@test "unloading: inflight does not keep it, and finds what waits when it is back" {
	local b pid
	for b in bpf ftrace; do
		fuse_load
		"$FUSEIOMAP" inflight -j --watch 0.2 --backend $b >"$OUT/look" 3>&- &
		pid=$!
		PIDS+=($pid)
		wait_for '{"type":"look"' "$OUT/look"
		rmmod fuse
		sleep 1
		fuse_load
		run ! grep '"type":"waiting"' "$OUT/look"
		hang
		wait_for '{"type":"waiting"' "$OUT/look"
		kill -INT $pid
		wait $pid
		release
		fs_stop
		unloaded
	done
}
