#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap-top as a person sees it: in a terminal, with keys and resizing.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	fs_start
	(while "$LOAD" --direct --file=busy "$MNT" write 20 4096; do :; done) >/dev/null 2>&1 3>&- &
	WRITER=$!
	tmux -L fi -f /dev/null new-session -d -x 150 -y 30 "build/fuseiomap-top 1; echo ended with \$?; sleep 100" 3>&-
}

teardown()
{
	tmux -L fi kill-server || true
	kill "$WRITER"
	wait "$WRITER" || true
	fs_stop
}

keys() { tmux -L fi send-keys "$@"; }

# shows TEXT…: the screen has each of these within 20 s; it is in $SCREEN
shows()
{
	local i text ok
	for ((i = 0; i < 40; i++)); do
		SCREEN=$(tmux -L fi capture-pane -p)
		ok=1
		for text in "$@"; do
			[[ $SCREEN == *"$text"* ]] || ok=0
		done
		((ok)) && return 0
		sleep 0.5
	done
	echo "not on the screen: $*"
	echo "$SCREEN"
	return 1
}

@test "mounts, files, help, resize, pause, quit" {
	shows fuseiomap-top BEGIN/s "$MNT" busy
	keys Tab
	shows OPERATION write-direct
	keys h
	shows Keys "reverse the order"
	keys h
	shows "$MNT"
	keys p
	shows PAUSED
	keys p
	keys Tab
	shows busy
	tmux -L fi resize-window -x 70 -y 12
	sleep 2
	shows fuseiomap-top "$MNT"
	(($(wc -l <<<"$SCREEN") <= 12))
	(($(wc -L <<<"$SCREEN") <= 70))
	tmux -L fi resize-window -x 20 -y 4
	sleep 2
	tmux -L fi resize-window -x 150 -y 30
	shows "$MNT" busy
	keys q
	shows "ended with 0"
}

@test "sorting by another column, and back in order" {
	"$LOAD" --file=once "$MNT" write 1 4096
	shows busy
	before=$SCREEN
	keys '>'
	keys r
	sleep 2
	shows busy
	[[ $SCREEN != "$before" ]]
	keys q
	shows "ended with 0"
}
