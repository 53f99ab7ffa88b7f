#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap inflight where nothing of iomap waits; what hangs is in tests/live.

bats_require_minimum_version 1.5.0

inflight() { run --separate-stderr build/fuseiomap inflight "$@"; }

# refused STATUS WHAT: the last run ended with that, one line that says why, and no data
refused()
{
	[ "$status" = "$1" ] || { echo "$2: $status $output $stderr"; return 1; }
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" = 1 ]
}

# can BACKEND: this user and this kernel can
can()
{
	inflight --backend "$1"
	((status == 0)) || skip "$stderr"
}

@test "nothing waits: says so, status 0, also with --older-than" {
	can ftrace
	inflight --backend ftrace
	[[ ${lines[0]} == "0 waiting" ]]
	inflight --backend ftrace --older-than 10ms
	[ "$status" = 0 ]
	[[ ${lines[0]} == "0 waiting for 10ms or longer" ]]
	[ "$stderr" = "" ]
}

@test "the programs load on this kernel, and auto takes them" {
	can bpf
	inflight --backend bpf -j
	[ "$(jq -r 'select(.type == "header") | .backend' <<<"$output")" = bpf ]
	[ "$(jq -r 'select(.type == "look") | .walked' <<<"$output")" = true ]
	inflight -j --all
	[ "$(jq -r 'select(.type == "header") | .backend' <<<"$output")" = bpf ]
	[ "$(jq -r 'select(.type == "end") | .complete' <<<"$output")" = true ]
}

@test "without the rights it is status 4 and one line" {
	[ "$(id -u)" = 0 ] || skip "not root"
	tool=$BATS_TEST_TMPDIR/fuseiomap
	cp build/fuseiomap "$tool"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" "$tool"
	for backend in auto bpf ftrace; do
		run --separate-stderr setpriv --reuid 65534 --clear-groups --bounding-set -all \
			"$tool" inflight --backend $backend
		refused 4 "$backend"
	done
}

@test "root of a user namespace sees no stacks, and is told so instead of 0 waiting" {
	unshare -Ur true 2>/dev/null || skip "no user namespaces"
	for args in "" --csv -j "--older-than 1ms"; do
		# shellcheck disable=SC2086
		run --separate-stderr unshare -Ur build/fuseiomap inflight --backend ftrace $args
		refused 4 "$args"
	done
}

@test "a process or thread that is not there: one line says so, but it is no error" {
	can ftrace
	gone=$(bash -c 'echo $$')
	for option in -p -t; do
		inflight --backend ftrace $option "$gone"
		[ "$status" = 0 ]
		[ "${#stderr_lines[@]}" = 1 ]
		[[ $stderr == *"has the number $gone now"* ]]
		inflight --backend ftrace $option $$
		[ "$stderr" = "" ]
		# Those of a recording are of another time.
		inflight -i tests/data/top.fiomap $option "$gone"
		[ "$status" = 0 ]
		[[ $stderr != *"$gone"* ]]
	done
}

@test "a recording: what was in flight at its end" {
	inflight -i tests/data/top.fiomap
	[ "$status" = 0 ]
	[[ ${lines[0]} == "0 waiting" ]]
	inflight -i tests/data/top.fiomap --csv
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == age_ns,* ]]
	head -c 20000 tests/data/top.fiomap >"$BATS_TEST_TMPDIR/cut.fiomap"
	inflight -i "$BATS_TEST_TMPDIR/cut.fiomap"
	[ "$status" = 0 ]
	[[ $stderr == *"has no end"* ]]
}

@test "what makes no sense is refused" {
	for args in "--type hole" "--errors" "--short" "--all -i tests/data/top.fiomap" \
		"--older-than 5x" "1 2 3" "0" "-j --csv" "-g no/such/cgroup" "-m /"; do
		inflight $args
		refused 2 "$args"
	done
}

@test "a full disk is an error, a closed pipe is none" {
	can ftrace
	inflight --backend ftrace -o /dev/full
	[ "$status" = 1 ]
	[[ $stderr == *"No space left"* ]]
	run --separate-stderr bash -c 'build/fuseiomap inflight --backend ftrace --watch 0.01 |
		head -n 1; exit ${PIPESTATUS[0]}'
	[ "$status" = 0 ]
	[ "$output" = "0 waiting" ]
	[ "$stderr" = "" ]
}

@test "watch ends after its count and after its time" {
	can ftrace
	inflight --backend ftrace 0.01 3
	[ "$(grep -c '^0 waiting' <<<"$output")" = 3 ]
	inflight --backend ftrace --watch -d 0.1
	[ "$status" = 0 ]
}

# An ordinary FUSE mount, on whatever kernel this is: its structs differ by version.
plain_fuse_start()
{
	[ "$(id -u)" = 0 ] || skip "not root"
	truncate -s 64M "$BATS_TEST_TMPDIR/disk"
	LOOP=$(losetup -f --show "$BATS_TEST_TMPDIR/disk" 2>/dev/null) || skip "no loop device"
	PLAIN=$BATS_TEST_TMPDIR/mnt
	mkdir "$PLAIN"
	build/iomapfs --no-iomap "$LOOP" "$PLAIN" 3>&- 2>/dev/null || skip "no FUSE mounts here"
	SERVER=$(pgrep -f "iomapfs --no-iomap $LOOP ")
}

teardown()
{
	[ -z "${SERVER:-}" ] || kill -CONT "$SERVER" || true
	[ -z "${PLAIN:-}" ] || ! mountpoint -q "$PLAIN" || umount "$PLAIN" || umount -l "$PLAIN"
	[ -z "${LOOP:-}" ] || losetup -d "$LOOP" || true
}

@test "--all finds what hangs on an ordinary FUSE mount, too" {
	can bpf
	plain_fuse_start
	echo data >"$PLAIN/file"
	exec 7<"$PLAIN/file"
	kill -STOP "$SERVER"
	cat <&7 >/dev/null 3>&- &
	reader=$!
	for ((i = 0; i < 100; i++)); do
		grep -q fuse "/proc/$reader/stack" && break
		sleep 0.1
	done
	sleep 1
	inflight -m "$PLAIN"
	[[ ${lines[0]} == "0 waiting" ]]
	inflight --all -j -t "$reader" --older-than 500ms
	exec 7<&-
	[ "$status" = 6 ]
	echo "$output"
	waits() { jq -r "select(.type == \"waiting\") | $1" <<<"$output"; }
	[ "$(waits '"\(.kind) \(.comm) \(.tid) \(.server_pid)"')" = "request cat $reader $SERVER" ]
	# Some ask for the attributes before they read.
	[[ $(waits .op) == @(read|getattr) ]]
	[ "$(waits .file)" = "$PLAIN/file" ]
	kill -CONT "$SERVER"
	wait "$reader"
}
