#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What happens to the tools when they, the server or somebody beside them are killed,
# slow, or not allowed to. The matrix of docs/reliability.md names each of these.

bats_require_minimum_version 1.5.0
load views

# attached: how many tracing programs the kernel has
attached() { bpftool -j prog show | jq '[.[] | select(.type == "tracing")] | length'; }

# maps: how many maps the kernel has
maps() { bpftool -j map show | jq length; }

# left N M: soon there are no more programs and maps than these; the kernel frees them
# when it gets to it
left()
{
	local i
	for ((i = 0; i < 100 * SLOW; i++)); do
		(($(attached) <= $1 && $(maps) <= $2)) && return 0
		sleep 0.1
	done
	bpftool prog show
	bpftool map show
	return 1
}

@test "killed at any moment, BPF: no program and no map is left" {
	local programs all c delay pid
	programs=$(attached) all=$(maps)
	for c in hist "top -b" trace short "record -o $OUT/r" "inflight --watch 0.05"; do
		# While it loads, while it attaches, and while it runs.
		for delay in 0.1 0.3 0.7 ready; do
			# shellcheck disable=SC2086
			"$FUSEIOMAP" $c >"$OUT/out" 2>"$OUT/err" 3>&- &
			pid=$!
			case $delay$c in
			readyinflight*) wait_for . "$OUT/out" ;;
			ready*)
				wait_for ready "$OUT/err"
				(($(attached) > programs && $(maps) > all))
				"$LOAD" --direct "$MNT" write 20 4096
				;;
			*) sleep "$delay" ;;
			esac
			kill -KILL $pid
			wait $pid || [ $? = 137 ]
		done
		left "$programs" "$all" || { echo "left behind by $c"; return 1; }
	done
}

@test "two copies of each command at once: each sees all" {
	all_start one
	all_start two
	"$LOAD" --direct "$MNT" write 40 4096
	all_stop
	all_saw one 40
	all_saw two 40
}

@test "the server is killed, and the mount goes: the tools go on, and the ledger balances" {
	local dd b
	fs_stop
	fs_start --hang-begin=21
	for b in bpf ftrace; do
		all_start $b --backend $b
	done
	"$LOAD" --direct "$MNT" write 20 4096
	# One that waits when it dies: its BEGIN ends with an error.
	dd if=/dev/zero of="$MNT/f" bs=4k count=1 oflag=direct status=none 2>/dev/null 3>&- & dd=$!
	waits_in fuse_iomap_send_begin $dd
	pkill -KILL -x iomapfs
	wait $dd || true
	umount -l "$MNT"
	fs_start
	"$LOAD" --direct --file=again "$MNT" write 20 4096
	all_stop
	for b in bpf ftrace; do
		all_saw $b 41
		jq -es 'last | .balanced and .ledger.begin.errors == 1' "$OUT/hist.$b"
	done
}

@test "a slow reader, a full ring buffer: what is lost is counted to the one" {
	local begun printed lost
	tool_start hist -j
	# It prints into a pipe that nobody reads, so it stops in the middle of it all.
	mkfifo "$OUT/pipe"
	"$FUSEIOMAP" trace -j --kind begin >"$OUT/pipe" 2>"$OUT/err" 3>&- &
	PIDS=($!)
	exec 7<"$OUT/pipe"
	wait_for ready "$OUT/err"
	for ((i = 0; i < 8; i++)); do "$LOAD" --direct "$MNT" write 4000 512; done
	kill -INT "${PIDS[0]}"
	cat <&7 >"$OUT/out"
	exec 7<&-
	wait "${PIDS[0]}"
	PIDS=()
	tool_stop
	complete "$TOOL_OUT"
	begun=$(jq 'select(.type == "end").ledger.begin.begun' "$TOOL_OUT")
	printed=$(jq -c 'select(.type == "op")' "$OUT/out" | wc -l)
	lost=$(jq 'select(.type == "end").lost.ring_full' "$OUT/out")
	echo "begun $begun printed $printed lost $lost"
	((lost > 0 && printed + lost == begun))
	[ "$(jq 'select(.type == "end") | .complete, .ledger.begin.begun' "$OUT/out" | paste -sd ' ')" = \
		"false $begun" ]
}

@test "each capability removed in turn: it works, or it is one line and status 4" {
	local c cap worked
	for c in "hist -q -- true" "trace -q -d 0.1" "short -q -d 0.1" "top -b -q -d 0.1" \
		"record -q -o $OUT/r -d 0.1" "inflight -q"; do
		worked=0
		for cap in dac_read_search sys_admin sys_ptrace sys_resource bpf perfmon; do
			# shellcheck disable=SC2086
			run --separate-stderr capsh --drop="cap_$cap" -- -c '"$@"' -- "$FUSEIOMAP" $c
			case $status in
			0) worked=$((worked + 1)) ;;
			4) ((${#stderr_lines[@]} == 1)) ;;
			*) false ;;
			esac || { echo "$c without $cap: status $status: $stderr"; return 1; }
		done
		((worked > 0)) || { echo "$c: $worked"; return 1; }
	done
}
