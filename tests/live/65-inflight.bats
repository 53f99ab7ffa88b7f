#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap inflight finds what hangs, says where and for whom, and does not hang
# itself.

# bats file_tags=alone

bats_require_minimum_version 1.5.0
load lib

teardown()
{
	pkill -CONT -x iomapfs || true
	pkill -USR1 -x iomapfs || true
	echo 0 >/proc/sys/fs/fuse/default_request_timeout
	fs_stop
}

# wait_until COMMAND…: it succeeds within 30 s
wait_until()
{
	local i
	for ((i = 0; i < 300; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "never: $*"
	return 1
}

# look ARG…: one look as JSON lines in $LOOK, its exit status in $status
look()
{
	LOOK=$BATS_TEST_TMPDIR/look.json
	status=0
	timeout 60 "$FUSEIOMAP" inflight -j "$@" >"$LOOK" || status=$?
}

# waits FILTER: of the one thing that waits
waits() { jq -r "select(.type == \"waiting\") | $1" "$LOOK"; }

how_many() { jq -s 'map(select(.type == "waiting")) | length' "$LOOK"; }

@test "a BEGIN that hangs since before we looked: age, place, caller, file, server" {
	before=$(date +%s%N)
	hang
	sleep 1
	since=$(date +%s%N)
	look
	[ "$status" = 0 ]
	cat "$LOOK"
	[ "$(jq -r 'select(.type == "header") | .backend' "$LOOK")" = bpf ]
	[ "$(how_many)" = 1 ]
	[ "$(waits '"\(.kind) \(.op) \(.waits) \(.pos) \(.count) \(.flags)"')" = \
		"begin append-direct server 12288 4096 write|direct" ]
	[ "$(waits '"\(.comm) \(.pid) \(.tid) \(.state)"')" = "dd $writer $writer S" ]
	[ "$(waits .file)" = "$MNT/dir/f" ]
	[ "$(waits .mount)" = "$MNT" ]
	[ "$(waits .connection)" = "$(mountpoint -d "$MNT" | awk -F: '{print $1 * 1048576 + $2}')" ]
	[ "$(waits .server_pid)" = "$(pgrep -x iomapfs)" ]
	[ "$(waits .age_at_least)" = false ]
	age=$(waits .age_ns)
	((age >= 900000000 && age <= $(date +%s%N) - before))
	waits '.stack[]' | grep -q '^fuse_iomap_send_begin+'
	release
	look
	[ "$(how_many)" = 0 ]
}

@test "the server's threads: one that works on it, the others idle" {
	hang --threads=3
	look
	[ "$(jq -r 'select(.type == "waiting_server") | "\(.mount) \(.server_pid)"' "$LOOK")" = \
		"$MNT $(pgrep -x iomapfs)" ]
	threads() { jq -r "select(.type == \"waiting_server\") | .threads[] | $1" "$LOOK"; }
	[ "$(threads .tid | sort)" = "$(ls "/proc/$(pgrep -x iomapfs)/task" | sort)" ]
	[ "$(threads 'select(.idle) | .state' | sort | uniq -c | awk '{print $2}')" = S ]
	idle=$(threads 'select(.idle) | .stack[0]' | grep -c '^fuse_dev_do_read')
	[ "$idle" = "$(threads 'select(.idle) | .tid' | wc -l)" ]
	[ "$idle" -gt 0 ]
	threads 'select(.idle | not) | .stack[]' | grep -q '^futex_'
	release
}

all_stopped()
{
	local states
	states=$(cat "/proc/$(pgrep -x iomapfs)"/task/*/stat | sed 's/.*) //' | cut -c1 | sort -u)
	[ "$states" = T ]
}

@test "a stopped server: queued, and it says that the server is stopped" {
	fs_start
	pkill -STOP -x iomapfs
	wait_until all_stopped
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- &
	writer=$!
	waits_in request_wait_answer $writer
	# It asks for the name first, which is no upcall of iomap.
	look
	[ "$(how_many)" = 0 ]
	look --all
	[ "$(how_many)" = 1 ]
	[ "$(waits '"\(.kind) \(.waits) \(.comm) \(.tid)"')" = "request queued dd $writer" ]
	run --separate-stderr "$FUSEIOMAP" inflight --all
	[ "$status" = 0 ]
	[[ $output == *"no thread reads /dev/fuse"* ]]
	[[ $output == *"SIGCONT lets it go on"* ]]
	pkill -CONT -x iomapfs
	wait "$writer"
}

@test "one server thread is busy: the second caller is queued, behind the oldest" {
	hang --threads=1
	dd if="$MNT/dir/f" of=/dev/null bs=4k count=1 iflag=direct status=none 3>&- &
	reader=$!
	sleep 1
	look --all
	cat "$LOOK"
	[ "$(waits .waits)" = $'server\nqueued' ]
	[ "$(waits .tid)" = "$writer"$'\n'"$reader" ]
	[ "$(waits .age_ns | sort -rn)" = "$(waits .age_ns)" ]
	release
	wait "$reader"
}

@test "answered, and not woken: the caller cannot get its processor back" {
	fs_start --hang-begin=1
	pid=$(pgrep -x iomapfs)
	taskset -acp 0 "$pid" >/dev/null
	rt=$(cat /proc/sys/kernel/sched_rt_runtime_us)
	echo -1 >/proc/sys/kernel/sched_rt_runtime_us
	taskset -c 1 chrt -f 1 dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- &
	writer=$!
	waits_in fuse_iomap_send_begin $writer
	taskset -c 1 chrt -f 50 sh -c 'while :; do :; done' 3>&- &
	hog=$!
	sleep 0.5
	pkill -USR1 -x iomapfs
	sleep 0.5
	LOOK=$BATS_TEST_TMPDIR/look.json
	taskset -c 0 timeout 10 "$FUSEIOMAP" inflight -j >"$LOOK" || true
	kill -9 $hog
	echo "$rt" >/proc/sys/kernel/sched_rt_runtime_us
	wait "$writer"
	cat "$LOOK"
	[ "$(waits '"\(.kind) \(.waits) \(.comm) \(.tid) \(.state)"')" = "begin wakeup dd $writer R" ]
}

@test "end and ioend" {
	fs_start --delay-end=4s --want-end
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- &
	writer=$!
	waits_in fuse_iomap_send_end $writer
	look
	[ "$(waits '"\(.kind) \(.op) \(.pos) \(.count)"')" = "end append-direct 0 4096" ]
	wait $writer
	fs_stop
	fs_start --delay-ioend=4s
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 3>&- &
	writer=$!
	waits_in fuse_iomap_send_ioend $writer
	look
	[ "$(waits '"\(.kind) \(.op) \(.pos) \(.count)"')" = "ioend append-direct 0 4096" ]
	wait $writer
}

@test "a fault in a mapping: its file is found without an open descriptor" {
	fs_start --hang-begin=1
	mkdir "$MNT/dir"
	"$LOAD" "$MNT/dir" mmap 1 >/dev/null 3>&- &
	writer=$!
	waits_in fuse_iomap_send_begin $writer
	run ls -l "/proc/$writer/fd"
	[[ $output != *"$MNT"* ]]
	look
	cat "$LOOK"
	[ "$(waits '"\(.kind) \(.waits) \(.comm) \(.tid)"')" = "begin server iomapload $writer" ]
	[ "$(waits .file)" = "$MNT/dir/load" ]
	waits '.stack[]' | grep -q '^asm_exc_page_fault+'
	release
}

@test "--older-than: status 6 when something is, 0 when not" {
	fs_start
	look --older-than 0.1s
	[ "$status" = 0 ]
	fs_stop
	hang
	sleep 1
	look --older-than 500ms
	[ "$status" = 6 ]
	[ "$(how_many)" = 1 ]
	look --older-than 1h
	[ "$status" = 0 ]
	[ "$(how_many)" = 0 ]
	# Without ages it has to wait until it knows.
	look --older-than 2s --backend ftrace
	[ "$status" = 6 ]
	[ "$(waits '.age_at_least, (.age_ns >= 2000000000)')" = $'true\ntrue' ]
	release
	look --older-than 1s --backend ftrace
	[ "$status" = 0 ]
}

@test "without BPF: from /proc, and labelled" {
	hang
	look --backend ftrace
	[ "$(jq -r 'select(.type == "header") | .backend' "$LOOK")" = proc ]
	[ "$(waits '"\(.kind) \(.op) \(.waits) \(.pos) \(.count)"')" = \
		"begin write-direct unknown 12288 4096" ]
	[ "$(waits '"\(.comm) \(.tid) \(.file) \(.mount)"')" = "dd $writer $MNT/dir/f $MNT" ]
	[ "$(waits .server_pid)" = "$(pgrep -x iomapfs)" ]
	run --separate-stderr "$FUSEIOMAP" inflight --backend ftrace
	[[ $output == *"from /proc"* ]]
	release
}

@test "filters" {
	hang
	look
	ino=$(waits .ino)
	connection=$(waits .connection)
	for f in "-m $MNT" "-p $writer" "-t $writer" "-n dd" "--op append-direct,read" \
		"--kind begin" "--inode $ino" "-C $connection" "--min-latency 1ms"; do
		look $f
		[ "$(how_many)" = 1 ] || { echo "not found with $f"; return 1; }
	done
	for f in "-p 1" "-t 1" "-n cat" "--op write" "--kind end,ioend" "--inode 4711" \
		"-C 1" "--min-latency 1h"; do
		look $f
		[ "$(how_many)" = 0 ] || { echo "found with $f"; return 1; }
	done
	run "$FUSEIOMAP" inflight --errors
	[ "$status" = 2 ]
	[[ $output == *"no outcome yet"* ]]
	release
}

@test "the kernel's time-out: what is left of it" {
	echo 60 >/proc/sys/fs/fuse/default_request_timeout
	hang
	look
	[ "$(jq 'select(.type == "waiting_server") | .timeout_ns' "$LOOK")" = 60000000000 ]
	[ "$(waits '.age_ns + .timeout_left_ns')" = 60000000000 ]
	release
}

@test "watch: several looks, the same thing older each time; CSV has one head" {
	hang
	look --watch 0.2 3
	[ "$(jq -s 'map(select(.type == "look")) | length' "$LOOK")" = 3 ]
	[ "$(waits .age_ns | wc -l)" = 3 ]
	[ "$(waits .age_ns | sort -n -u)" = "$(waits .age_ns)" ]
	run --separate-stderr "$FUSEIOMAP" inflight --csv 0.2 2
	[ "${#lines[@]}" = 3 ]
	[[ ${lines[0]} == age_ns,* ]]
	[[ ${lines[1]} == *,$writer,$writer,* ]]
	release
}

@test "many at once: none is left out" {
	local readers=()
	hang --threads=1
	for ((i = 0; i < 40; i++)); do
		dd if="$MNT/dir/f" of=/dev/null bs=4k count=1 iflag=direct status=none 3>&- &
		readers+=($!)
	done
	all_wait() { look --all; [ "$(how_many)" = 41 ]; }
	wait_until all_wait
	[ "$(waits .tid | sort -u | wc -l)" = 41 ]
	[ "$(waits 'select(.waits == "server") | .tid')" = "$writer" ]
	[ "$(waits 'select(.waits == "queued") | .tid' | wc -l)" = 40 ]
	complete "$LOOK"
	pkill -USR1 -x iomapfs
	wait "$writer" "${readers[@]}"
}
