#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Every command's JSON keeps to `fuseiomap schema', on both backends, and from a
# recording.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	"$FUSEIOMAP" schema >"$BATS_FILE_TMPDIR/schema"
	fs_start
}

teardown_file() { fs_stop; }

# work: operations of all kinds, short writes among them
work()
{
	"$LOAD" "$MNT" write 8 10000 &&
		"$LOAD" --direct "$MNT" write 8 4096 && "$LOAD" "$MNT" read 8 4096 &&
		"$LOAD" "$MNT" mmap 4 && "$LOAD" "$MNT" truncate 5000 &&
		"$LOAD" "$MNT" fiemap >/dev/null && "$LOAD" "$MNT" short >/dev/null
	sync
}
export -f work
export LOAD MNT

# of TYPE FILE: how many lines of that type there are
of() { jq -s --arg t "$1" 'map(select(.type == $t)) | length' "$2"; }

# all_commands DIR OPTION…: the work under each command, its JSON into DIR
all_commands()
{
	local dir=$1
	shift
	mkdir -p "$dir"
	"$FUSEIOMAP" hist -j -q "$@" -- bash -c work >"$dir/hist"
	"$FUSEIOMAP" hist -j -q "$@" --by mount,file,process,thread,op,type,phase \
		--pct 50,99.99 -- bash -c work >"$dir/hist-by"
	"$FUSEIOMAP" top -b -j -q "$@" -- bash -c work >"$dir/top"
	"$FUSEIOMAP" trace -j -q "$@" -- bash -c work >"$dir/trace"
	"$FUSEIOMAP" short -j -q "$@" -- bash -c work >"$dir/short"
}

# sane DIR: the output is valid, and is that of what happened
sane()
{
	run -0 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$1"/*
	echo "$output"
	(($(of hist "$1/hist") > 5 && $(of counts "$1/hist") > 5 && $(of shares "$1/hist") > 0))
	(($(of hist "$1/hist-by") > 5))
	(($(of op "$1/trace") > 40))
	(($(of finding "$1/short") > 0 && $(of signature "$1/short") > 0))
	(($(of file "$1/top") > 0))
}

@test "BPF: what each command writes is what the schema says" {
	all_commands "$BATS_TEST_TMPDIR/out" --backend bpf
	sane "$BATS_TEST_TMPDIR/out"
}

@test "ftrace: the same" {
	all_commands "$BATS_TEST_TMPDIR/out" --backend ftrace
	sane "$BATS_TEST_TMPDIR/out"
}

@test "from a recording, with stacks: the same" {
	rec=$BATS_TEST_TMPDIR/run.fiomap out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
	"$FUSEIOMAP" record -q --stacks -o "$rec" -- bash -c work
	"$FUSEIOMAP" hist -j -i "$rec" >"$out/hist"
	for v in mounts files processes threads servers operations types; do
		"$FUSEIOMAP" top -b -j --view $v -i "$rec" >"$out/top-$v"
	done
	"$FUSEIOMAP" trace -j --stacks -i "$rec" >"$out/trace"
	"$FUSEIOMAP" short -j --stacks -i "$rec" >"$out/short"
	"$FUSEIOMAP" inflight -j -i "$rec" >"$out/inflight"
	"$FUSEIOMAP" diff -j --fail-if p99+100000% "$rec" "$rec" >"$out/diff"
	run -0 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$out"/*
	(($(of finding "$out/short") > 0 && $(of op "$out/trace") > 40))
	(($(of diff "$out/diff") > 10 && $(of rule "$out/diff") > 0))
	grep -q '"kernel_stack":\[' "$out/trace"
	for v in mount file process thread server operation type; do
		cat "$out"/top-* | grep -q "^{\"type\":\"$v\"" || { echo "no $v"; return 1; }
	done
}

@test "inflight: a request that hangs, its caller, its server" {
	fs_stop
	fs_start --hang-begin=1
	"$LOAD" "$MNT" write 1 4096 &
	sleep 2
	"$FUSEIOMAP" inflight -j >"$BATS_TEST_TMPDIR/bpf" || [ $? -ge 64 ] || [ $? = 1 ]
	"$FUSEIOMAP" inflight -j --all >"$BATS_TEST_TMPDIR/all" || true
	"$FUSEIOMAP" inflight -j --backend ftrace >"$BATS_TEST_TMPDIR/proc" || true
	pkill -USR1 -x iomapfs
	wait
	run -0 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$BATS_TEST_TMPDIR"/{bpf,all,proc}
	for f in bpf all proc; do
		[ "$(of waiting "$BATS_TEST_TMPDIR/$f")" -ge 1 ]
	done
	fs_stop
	fs_start
}

@test "doctor" {
	"$FUSEIOMAP" doctor -j >"$BATS_TEST_TMPDIR/doctor"
	run -0 tests/validate.py "$BATS_FILE_TMPDIR/schema" "$BATS_TEST_TMPDIR/doctor"
}
