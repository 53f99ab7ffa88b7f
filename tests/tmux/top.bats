#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap top in a terminal, over a recording: what a person sees and every kind
# of key. No root, no patched kernel.

# bats file_tags=alone

bats_require_minimum_version 1.5.0

TOP=build/fuseiomap
FILE=tests/data/top.fiomap

# Each test has a terminal of its own.
setup()
{
	SOCKET=fi-$BATS_TEST_NUMBER-$$
}

teardown()
{
	tmux -L "$SOCKET" kill-server 2>/dev/null || true
}

# screen_start WIDTH HEIGHT ARG…
screen_start()
{
	local size=(-x "$1" -y "$2")
	shift 2
	tmux -L "$SOCKET" kill-server 2>/dev/null || true
	# One that is ending is in the way of one that begins.
	SOCKET+=x
	TERM=xterm-256color tmux -L "$SOCKET" -f /dev/null new-session -d "${size[@]}" \
		"$TOP top -i $FILE $*; echo ended with \$?; sleep 100" 3>&-
}

keys() { tmux -L "$SOCKET" send-keys "$@"; }

capture() { SCREEN=$(tmux -L "$SOCKET" capture-pane -p "$@"); }

# shows TEXT…: the screen has each of these within 20 s; it is in $SCREEN
shows()
{
	local i text ok
	for ((i = 0; i < 200; i++)); do
		capture
		ok=1
		for text in "$@"; do
			[[ $SCREEN == *"$text"* ]] || ok=0
		done
		((ok)) && return 0
		sleep 0.1
	done
	echo "not on the screen: $*"
	echo "$SCREEN"
	return 1
}

# shows_not TEXT: the screen is without it within 20 s
shows_not()
{
	local i
	for ((i = 0; i < 200; i++)); do
		capture
		[[ $SCREEN != *"$1"* ]] && return 0
		sleep 0.1
	done
	echo "still on the screen: $1"
	echo "$SCREEN"
	return 1
}

# ended: the replay has come to its end, so nothing moves any more
ended() { shows "END OF RECORDING"; }

# row TEXT: number of the first line with it
row() { grep -nF -- "$1" <<<"$SCREEN" | head -n 1 | cut -d: -f1; }

@test "a replay plays in its own time, and stays at its end until q" {
	local start=$SECONDS
	screen_start 150 40
	shows fuseiomap-top "replay of ${FILE##*/}" /tmp/mnt
	shows_not "END OF RECORDING"
	ended
	((SECONDS - start >= 2))
	shows "mount points and their servers" iomapfs
	keys q
	shows "ended with 0"
}

@test "every view, by Tab and by number" {
	screen_start 200 50
	ended
	keys '{'
	shows /tmp/mnt2
	local head
	for head in FILE PROCESS THREAD "SERVER THREAD" OPERATION "MAPPING TYPE" MOUNT; do
		keys Tab
		shows "$head "
	done
	keys BTab
	shows "MAPPING TYPE"
	keys 2
	shows FILE
	keys 5
	shows "SERVER THREAD" REQ/s BUSY
	keys 3
	shows PROCESS iomapload
}

@test "down from a mount to the mapping types, and up again" {
	screen_start 150 40 --sort name
	ended
	keys '{'
	shows /tmp/mnt
	keys Enter
	shows "mount /tmp/mnt "
	keys Enter
	shows "› file /tmp/mnt/" PROCESS
	keys Enter
	shows "› process iomapload" THREAD
	keys Enter
	shows "› thread iomapload" OPERATION
	keys Enter
	shows "› operation " "MAPPING TYPE"
	keys Enter
	shows "nothing is below this row"
	keys BSpace
	shows OPERATION
	keys Escape
	shows "THREAD  "
	keys BSpace BSpace BSpace
	shows "mount points and their servers"
}

@test "sort by key, by menu and in reverse" {
	screen_start 150 40 --view files --sort name
	ended
	keys '{'
	shows /tmp/mnt/db /tmp/mnt2/
	(($(row /tmp/mnt/db) < $(row /tmp/mnt2/)))
	keys r
	sleep 0.5
	capture
	(($(row /tmp/mnt2/) < $(row /tmp/mnt/db)))
	keys s
	shows "SORT BY" begin_p50_ns
	keys Home Enter
	shows "FILE"
	keys '>'
	sleep 0.3
	capture -e
	# The head of the column that is sorted by looks different.
	grep -qE $'\e\\[[0-9;]*m(BEGIN/s| *INO|END/s)' <<<"$SCREEN"
}

@test "search, filter, choose columns" {
	screen_start 150 40 --view files
	ended
	keys '{'
	shows "日本語"
	keys / d b /
	shows "search: db/_"
	keys Enter
	shows "file /tmp/mnt/db/"
	keys / n o p e
	shows "no row has 'nope'"
	keys Escape
	keys f 日本
	shows "filter: 日本_"
	keys Enter
	shows " of " "/tmp/mnt2/日本語"
	shows_not "/tmp/mnt/db/"
	keys f C-u "ends>0" Enter
	shows "filter  ends>0" /tmp/mnt/db
	keys f C-u "ends>>0" Enter
	shows "filter: '>0' is no number"
	keys Escape Escape
	sleep 0.3
	keys Escape
	shows_not "ends>0"
	keys c
	shows "COLUMNS:" "[~]"
	keys Down Space
	shows "[x]"
	keys Enter
	shows "MOUNT" "BEGIN/s"
}

@test "pause, back in time, forward, and back to now" {
	screen_start 150 40
	shows /tmp/mnt
	sleep 2
	keys p
	shows PAUSED
	capture
	local clock=$SCREEN
	sleep 1
	capture
	# A replay stands still.
	[ "$SCREEN" = "$clock" ]
	keys '[' '[' '['
	shows " AGO"
	local ago=${SCREEN%% AGO*}
	keys ']'
	shows_not "${ago##* } AGO"
	[[ $SCREEN == *" AGO"* ]]
	keys l
	shows_not PAUSED
	ended
	keys '{' '{' '{' '{' '{' '{' '{' '{' '{' '{' '{' '{' '{' '{'
	shows "this is where it began"
	keys End
	shows_not AGO
}

@test "details: histograms, heat map, wait, types, lengths" {
	screen_start 160 50
	ended
	shows "wait " "kernel" "queue" "server" "wakeup" "types " "over time" \
		"lengths of the mappings"
	keys v
	shows "begin over time"
	keys d
	shows_not "over time"
	keys d
	shows "over time"
}

@test "the help lists every key of the man page" {
	local key n=0
	screen_start 100 60
	ended
	keys h
	shows Keys Columns
	while read -r key; do
		[[ $SCREEN == *"$key"* ]] || { echo "not in the help: $key"; return 1; }
		n=$((n + 1))
	done < <(sed -n 's/^	{ {.*}, "\([^"]*\)", *\("[^"]*"\)\{0,1\}.*/\1/p' tools/topkeys.c)
	((n >= 35))
	keys x
	shows_not "Keys"
}

@test "resizing: nothing is wider or longer than the terminal" {
	local size
	screen_start 150 40
	ended
	for size in 40x10 250x70 80x24 20x4 200x12 100x30; do
		tmux -L "$SOCKET" resize-window -x "${size%x*}" -y "${size#*x}"
		sleep 0.5
		capture
		(($(wc -l <<<"$SCREEN") <= ${size#*x}))
		(($(wc -L <<<"$SCREEN") <= ${size%x*}))
		[[ $SCREEN == fuseiomap-top* ]]
	done
	shows /tmp/mnt "q quit"
}

@test "colours, and none with NO_COLOR or --color=never" {
	screen_start 150 40
	shows /tmp/mnt
	capture -e
	grep -qE $'\e\\[[0-9;]*(3[0-7]|38;5;[0-9]+)m' <<<"$SCREEN"
	screen_start 150 40 --color=never
	shows /tmp/mnt
	capture -e
	run grep -qE $'\e\\[[0-9;]*(3[0-7]|38;5;[0-9]+)m' <<<"$SCREEN"
	[ "$status" -eq 1 ]
	TOP="env NO_COLOR=1 build/fuseiomap" screen_start 150 40
	shows /tmp/mnt
	capture -e
	run grep -qE $'\e\\[[0-9;]*(3[0-7]|38;5;[0-9]+)m' <<<"$SCREEN"
	[ "$status" -eq 1 ]
}

@test "a terminal that is not known is told" {
	TERM=xterm-256color tmux -L "$SOCKET" -f /dev/null new-session -d -x 100 -y 20 \
		"TERM=nonsense $TOP top -i $FILE; echo ended with \$?; sleep 100" 3>&-
	shows "the terminal 'nonsense' is not known" "ended with 1"
}
