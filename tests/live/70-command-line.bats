#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line where there is something to measure: exit codes, streams,
# signals, filters.

bats_require_minimum_version 1.5.0
load lib

setup() { fs_start; }
teardown() { fs_stop; }

@test "the measured command's exit status is passed on" {
	run -7 "$FUSEIOMAP" hist -q -- bash -c 'exit 7'
	run -0 "$FUSEIOMAP" hist -q -- true
}

@test "a command that does not exist: 127; one that cannot be run: 126" {
	run -127 --separate-stderr "$FUSEIOMAP" hist -q -- /nonexistent/command
	[[ $stderr == *nonexistent* ]]
	run -126 "$FUSEIOMAP" hist -q -- /etc/passwd
}

@test "no privilege: 4, one line that says what is needed" {
	cp "$FUSEIOMAP" /tmp/fuseiomap
	run -4 --separate-stderr setpriv --reuid=65534 --clear-groups --inh-caps=-all \
		/tmp/fuseiomap hist -d 1
	((${#stderr_lines[@]} == 1))
	[[ $stderr == *CAP_BPF* || $stderr == *root* ]]
	[ -z "$output" ]
}

@test "doctor: all there" { run -0 "$FUSEIOMAP" doctor; }

@test "stdout is data: what the measured command prints does not mix with JSON" {
	"$FUSEIOMAP" hist -j -- echo hello >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	jq . "$BATS_TEST_TMPDIR/out" >/dev/null
	grep -q hello "$BATS_TEST_TMPDIR/err"
}

@test "SIGTERM and SIGHUP: a last report, the ledger, exit 0" {
	for signal in TERM HUP INT; do
		tool_start hist
		"$LOAD" --direct "$MNT" write 5 4096
		kill -"$signal" "$TOOL_PID"
		wait "$TOOL_PID"
		grep -q 'begin *append-direct *5 ' "$TOOL_OUT"
		grep -q '^complete: yes' "$TOOL_ERR"
	done
}

@test "SIGUSR1: a report, then a new window" {
	tool_start hist -j
	"$LOAD" --direct "$MNT" write 5 4096
	kill -USR1 "$TOOL_PID"
	sleep 1
	"$LOAD" --direct "$MNT" write 3 4096
	tool_stop
	[ "$(jq -c 'select(.type == "counts" and .kind == "begin").done' "$TOOL_OUT" | xargs)" = "5 3" ]
}

@test "a closed pipe ends it quietly" {
	"$FUSEIOMAP" trace -d 60 2>"$BATS_TEST_TMPDIR/err" 3>&- | head -n 1 >/dev/null &
	wait_for ready "$BATS_TEST_TMPDIR/err"
	"$LOAD" --direct "$MNT" write 50 4096
	wait
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = ready ]
}

# ops ARG…: how many lines trace gives for one direct and one buffered write
ops()
{
	"$FUSEIOMAP" trace -j "$@" -o "$BATS_TEST_TMPDIR/trace" -- bash -c \
		"$LOAD --direct $MNT write 4 4096; $LOAD --sync $MNT append 4 4096" >/dev/null
	jq -c 'select(.type == "op")' "$BATS_TEST_TMPDIR/trace" | wc -l
}

@test "filters act in the kernel: operation, mount, pid, latency" {
	all=$(ops)
	((all > 16))
	[ "$(ops --op append-direct)" = 12 ]
	[ "$(ops -m "$MNT")" = "$all" ]
	[ "$(ops -C 4095)" = 0 ]
	[ "$(ops -p 1)" = 0 ]
	[ "$(ops --min-latency 10s)" = 0 ]
	# What is filtered out is not even counted as a record.
	[ "$(jq 'select(.type == "end").records' "$BATS_TEST_TMPDIR/trace")" = 0 ]
}

@test "a mount that is none, and one that is no FUSE mount: named, exit 1 or 2" {
	run --separate-stderr "$FUSEIOMAP" hist -m /nowhere -d 1
	[ "$status" = 2 ] || [ "$status" = 1 ]
	[[ $stderr == */nowhere* ]]
	run --separate-stderr "$FUSEIOMAP" hist -m /proc -d 1
	[ "$status" != 0 ]
	[[ $stderr == */proc* ]]
}
