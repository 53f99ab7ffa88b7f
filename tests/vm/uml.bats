#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What kernel/run --uml must do beyond what any machine must (run.bats with VARIANT=--uml):
# it is a process of its user, and keeps to what kernel/confine leaves it.

bats_require_minimum_version 1.5.0

setup()
{
	export OUT=$BATS_TEST_TMPDIR/out
	mkdir -p "$OUT"
}

@test "root in it cannot write this machine's files, by a mount of its own either" {
	echo mine >"$BATS_TEST_TMPDIR/file"
	run -0 kernel/run --uml -- bash -c "
		mkdir /run/host && mount -t hostfs none /run/host -o / && cd /run/host$BATS_TEST_TMPDIR || exit 1
		cat file
		! echo theirs >file && ! touch new && ! rm file && touch out/new"
	[[ $output == *mine* && $output == *"Read-only file system"* ]]
	[ "$(<"$BATS_TEST_TMPDIR/file")" = mine ]
	[ ! -e "$BATS_TEST_TMPDIR/new" ]
	[ -e "$OUT/new" ]
}

@test "confine: only what it is told can be written, and all of it ends together" {
	mkdir "$BATS_TEST_TMPDIR/writable"
	run -0 kernel/confine "$BATS_TEST_TMPDIR/writable" -- bash -c "
		cd $BATS_TEST_TMPDIR
		! touch new && ! touch out/new && touch writable/new /dev/shm/new; sleep 98765 &"
	[ -e "$BATS_TEST_TMPDIR/writable/new" ]
	[ ! -e "$BATS_TEST_TMPDIR/new" ]
	[ ! -e /dev/shm/new ]
	run -1 pgrep -f 'sleep 98765'
	run -7 kernel/confine -- bash -c 'exit 7'
	run -2 kernel/confine true
}

@test "inflight does not say that nothing waits where no stack can be seen" {
	run -0 kernel/run --uml -- bash -c '
		sleep 100 &
		[ ! -s /proc/$!/stack ] || exit 77
		for args in "" --csv -j "--older-than 1ms" "--watch 0.01"; do
			timeout 20 build/fuseiomap inflight $args >"$OUT/found" 2>"$OUT/why"
			echo "status $?, $(wc -c <"$OUT/found") bytes; $(<"$OUT/why")"
		done'
	echo "$output"
	[ "${#lines[@]}" = 5 ]
	[ "$(grep -c "^status 1, 0 bytes; .*does not show where threads sleep" <<<"$output")" = 5 ]
}

@test "doctor: without BTF the events are those of tracefs, and nothing is missing" {
	run -0 kernel/run --uml -- bash -c '
		build/fuseiomap doctor 2>"$OUT/err" || exit
		[ ! -s "$OUT/err" ] || exit 77
		build/fuseiomap hist -q -- true >/dev/null || exit 78
		build/fuseiomap doctor -v 2>&1 >/dev/null'
	echo "$output"
	[[ $output == *"ok       fuse-iomap tracepoints    all there"* ]]
	[[ $output == *"limited  kernel types (BTF)"*"limited  BPF programs"*"ftrace is used"* ]]
	[[ $output != *missing* ]]
	# What libbpf says
	[[ ${lines[-1]} == *BTF* ]]
}

@test "doctor: without BTF it is tracefs that is missing, and why" {
	run -3 kernel/run --uml -- bash -c '
		umount /sys/kernel/tracing && umount /sys/kernel/debug && build/fuseiomap doctor'
	echo "$output"
	[[ $output == *"missing  ftrace backend"*"mount -t tracefs"* ]]
	# Who cannot look does not know.
	[[ $output == *"unknown  fuse-iomap tracepoints"* && $output != *"apply the series"* ]]
	run -4 kernel/run --uml -- bash -c '
		chmod 700 /sys/kernel/tracing
		setpriv --reuid=65534 --clear-groups --inh-caps=-all build/fuseiomap doctor'
	echo "$output"
	[[ $output == *"missing  ftrace backend"*"no right to look"*"-> run as root"* ]]
	[[ $output != *"mount -t tracefs"* ]]
}

@test "usage errors of --uml: 2" {
	run -2 kernel/run --uml --icount -- true
}
