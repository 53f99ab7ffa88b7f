#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=both
#
# Truncate, punch and zero against reads and writes of the same file: nothing is
# lost, nothing comes back, nobody sees what was not written. FSRACE_TIME=SECONDS
# repeats each that long.

bats_require_minimum_version 1.5.0
load reference
load settings

teardown() { fs_stop; }

race()
{
	fs_start "$@"
	"$TESTS/fsrace" "$MNT" "${FSRACE_TIME:-0}"
}

@test "races: blocks of 4096" { race; }

@test "races: blocks of 512, extents of 2048" { race --block-size=512 --extent-max=2048; }

@test "races: each tenth answer late, END of every operation" {
	race --delay-begin=1ms --delay-ioend=1ms --delay-share=10 --want-end --block-size=1024
}

@test "races: settings in turn" {
	for name in $(in_turn 2); do
		echo "setting $name"
		fs_start $(setting "$name")
		"$TESTS/fsrace" --short "$MNT" "${FSRACE_TIME:-0}"
		fs_stop
	done
}

@test "races: a mixture of settings" {
	mixed_settings 2
	fs_start "${MIXED[@]}"
	"$TESTS/fsrace" --short "$MNT" "${FSRACE_TIME:-0}" "$SETTINGS_SEED"
}
