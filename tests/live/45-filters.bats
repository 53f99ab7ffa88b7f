#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Each filter lets through what it says, and nothing else: what is filtered in the
# kernel is what a query on the unfiltered trace of the same load finds.

bats_require_minimum_version 1.5.0
load lib

LOAD_SCRIPT=$BATS_FILE_TMPDIR/load

teardown() { fs_stop; }

# Two processes, two files, all that an operation can end with but errors
load_script()
{
	cat >"$LOAD_SCRIPT" <<-EOF
		$LOAD --direct $MNT write 8 4096
		$LOAD --direct $MNT overwrite 4 4096
		$LOAD $MNT short
		dd if=/dev/zero of=$MNT/other bs=4k count=4 oflag=direct status=none
		dd if=$MNT/other of=/dev/null bs=4k iflag=direct status=none
	EOF
}

# filtered QUERY ARG…: trace with the options, on either backend, is what the query
# finds in a trace without that watched the same run, and that is neither nothing nor
# everything
filtered()
{
	local query=$1 all=$BATS_TEST_TMPDIR/all bpf=$BATS_TEST_TMPDIR/bpf
	local ftrace=$BATS_TEST_TMPDIR/ftrace part
	local same='[.kind, .op, .pid, .tid, .ino, .pos, .count, .written, .error, .unique]'
	shift
	[ -s "$LOAD_SCRIPT" ] || load_script
	"$FUSEIOMAP" trace -q -j -o "$all" -- \
		"$FUSEIOMAP" trace -q -j --backend bpf -o "$bpf" "$@" -- \
		"$FUSEIOMAP" trace -q -j --backend ftrace -o "$ftrace" "$@" -- \
		bash -c ". '$LOAD_SCRIPT'; true"
	complete "$all"
	jq -c "select(.type == \"op\") | select($query) | $same" "$all" | sort >"$all.want"
	[ -s "$all.want" ]
	[ "$(wc -l <"$all.want")" -lt "$(jq -c 'select(.type == "op")' "$all" | wc -l)" ]
	for part in "$bpf" "$ftrace"; do
		echo "${part##*/}: $*"
		complete "$part"
		jq -c "select(.type == \"op\") | $same" "$part" | sort >"$part.got"
		diff "$all.want" "$part.got"
		# What is filtered out is no record.
		[ "$(jq 'select(.type == "end").records' "$part")" = "$(wc -l <"$part.got")" ]
	done
}

@test "operation" {
	fs_start
	filtered '.op == "append-direct" or .op == "read-direct"' --op append-direct,read-direct
	filtered '.op == "append"' --op append
}

@test "kind" {
	fs_start
	filtered '.kind == "end"' --kind end
	filtered '.kind == "begin" or .kind == "ioend"' --kind begin,ioend
}

@test "mapping type" {
	fs_start
	filtered '.kind != "ioend" and ((.write_type // "overwrite") as $w |
		([.flags | split("|")[] | select(IN("write", "zero", "unshare", "writeback"))] |
			length > 0) as $writes |
		(if .kind == "begin" and $writes and $w != "overwrite" then $w
		 else .read_type end) == "unwritten")' --type unwritten
}

@test "inode" {
	fs_start
	echo >"$MNT/load"
	echo >"$MNT/other"
	ino=$(stat -c %i "$MNT/other")
	filtered ".ino == $ino" --inode "$ino"
}

# writer: a process in the background that writes when `load` tells it to; $pid
writer()
{
	local go=$BATS_TEST_TMPDIR/go over=$BATS_TEST_TMPDIR/over
	rm -f "$go" "$over"
	mkfifo "$go"
	bash -c "read -r <'$go'; for i in 1 2 3; do printf %5000s x >'$MNT/w'\$i; done
		echo >'$over'" 3>&- &
	pid=$!
	load_script
	echo "echo >'$go'; while [ ! -e '$over' ]; do sleep 0.1; done" >>"$LOAD_SCRIPT"
}

@test "comm" {
	fs_start
	filtered '.comm == "dd"' -n dd
}

@test "pid and tid" {
	fs_start
	writer
	filtered ".pid == $pid" -p "$pid"
	writer
	filtered ".tid == $pid" -t "$pid"
	rm "$LOAD_SCRIPT"
}

@test "cgroup" {
	fs_start
	mkdir -p /sys/fs/cgroup/fuseiomap-test/below
	load_script
	sed -i "/^dd if=.dev/s|.*|bash -c 'echo 0 >/sys/fs/cgroup/fuseiomap-test/below/cgroup.procs; exec &'|" \
		"$LOAD_SCRIPT"
	filtered '.comm == "dd" and .op != "read-direct"' -g fuseiomap-test
	rm "$LOAD_SCRIPT"
	rmdir /sys/fs/cgroup/fuseiomap-test/below /sys/fs/cgroup/fuseiomap-test
	run -2 --separate-stderr "$FUSEIOMAP" trace -g no-such-group -d 1
	[[ $stderr == *no-such-group* ]]
	run -2 --separate-stderr "$FUSEIOMAP" trace -g /tmp -d 1
	[[ $stderr == */tmp*cgroup* ]]
}

@test "mount and connection" {
	truncate -s 64m /tmp/second
	mkdir -p /tmp/mnt2
	fs_start
	"$IOMAPFS" "$(losetup --find --show /tmp/second)" /tmp/mnt2 3>&-
	load_script
	echo "dd if=/dev/zero of=/tmp/mnt2/f bs=4k count=4 oflag=direct status=none" >>"$LOAD_SCRIPT"
	second=$(stat -c %d /tmp/mnt2)
	filtered ".connection == $second" -m /tmp/mnt2
	filtered ".connection != $second" -C "$(stat -c %d "$MNT")"
	rm "$LOAD_SCRIPT"
	umount /tmp/mnt2
}

@test "latency" {
	fs_start --delay-begin=150ms --delay-share=20
	filtered '.lat_ns != null and .lat_ns >= 100000000' --min-latency 100ms
}

@test "short" {
	fs_start
	filtered '.kind == "end" and .op != "read" and .op != "read-direct" and
		.op != "report" and .written < .count' --short
}

@test "errors, and what was refused" {
	fs_start --bad-map=zero-length --bad-every=5
	filtered '.error != 0' --errors
	filtered '.kind == "refused"' --kind refused
	filtered '.kind == "refused" and .op == "append-direct"' --kind refused --op append-direct
	jq -es '[.[] | select(.kind == "refused")] | length > 0 and all(.rule | contains("length"))' \
		"$BATS_TEST_TMPDIR/ftrace"
}

# The event of a refusal names no file: it is that of the BEGIN before it, also where
# the kernel leaves that one out.
@test "what was refused of another file" {
	fs_start --bad-map=zero-length --bad-every=2
	: >"$MNT/good"
	: >"$MNT/bad"
	echo "for f in good bad; do printf x >$MNT/\$f; done" >"$LOAD_SCRIPT"
	filtered ".ino == $(stat -c %i "$MNT/good")" --inode "$(stat -c %i "$MNT/good")"
	grep -q '"kind":"refused"' "$BATS_TEST_TMPDIR/all"
	rm "$LOAD_SCRIPT"
}

@test "several at once" {
	fs_start
	filtered '.comm == "dd" and .kind == "begin" and .op == "read-direct"' \
		-n dd --kind begin --op read-direct
}
