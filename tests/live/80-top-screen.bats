#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fuseiomap-top as a person sees it, over a live load: in a terminal, with keys and
# resizing; and its batch mode against what the load did.

# bats file_tags=alone

bats_require_minimum_version 1.5.0
load lib

setup()
{
	SOCKET=fi
	fs_start
}

teardown()
{
	tmux -L "$SOCKET" kill-server 2>/dev/null || true
	[[ -z ${WRITER:-} ]] || { kill "$WRITER"; wait "$WRITER" || true; }
	fs_stop
}

# writer_start: a file that is being written all the time
writer_start()
{
	(while "$LOAD" --direct --file=busy "$MNT" write 20 4096; do :; done) >/dev/null 2>&1 3>&- &
	WRITER=$!
}

# screen_start ARG…: fuseiomap-top in a terminal
screen_start()
{
	tmux -L "$SOCKET" kill-server 2>/dev/null || true
	# One that is ending is in the way of one that begins.
	SOCKET+=x
	TERM=xterm-256color tmux -L "$SOCKET" -f /dev/null new-session -d -x 150 -y 40 \
		"build/fuseiomap-top $*; echo ended with \$?; sleep 100" 3>&-
}

keys() { tmux -L "$SOCKET" send-keys "$@"; }

# shows TEXT…: the screen has each of these within 20 s; it is in $SCREEN
shows()
{
	local i text ok
	for ((i = 0; i < 40; i++)); do
		SCREEN=$(tmux -L "$SOCKET" capture-pane -p)
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

@test "views, drill-down, details, help, resize, pause, rewind, quit" {
	writer_start
	screen_start 1
	shows fuseiomap-top BEGIN/s "$MNT" iomapfs "1 row"
	keys Enter
	shows "mount $MNT" "$MNT/busy"
	keys Enter
	shows "file $MNT/busy" PROCESS iomapload
	keys Escape
	sleep 0.3
	keys Escape
	shows "mount points and their servers"
	keys 5
	shows "SERVER THREAD" BUSY iomapfs
	keys 6
	shows OPERATION direct
	keys 7
	shows "MAPPING TYPE" unwritten
	keys 1
	shows "wait " "server " "over time" "lengths of the mappings"
	keys h
	shows Keys "reverse the order"
	keys h
	shows "$MNT"
	keys p
	shows PAUSED
	keys '['
	shows AGO
	keys l
	sleep 1
	shows "$MNT" "BEGIN/s"
	[[ $SCREEN != *PAUSED* ]]
	tmux -L "$SOCKET" resize-window -x 70 -y 12
	sleep 2
	shows fuseiomap-top "$MNT"
	(($(wc -l <<<"$SCREEN") <= 12))
	(($(wc -L <<<"$SCREEN") <= 70))
	tmux -L "$SOCKET" resize-window -x 20 -y 4
	sleep 2
	tmux -L "$SOCKET" resize-window -x 150 -y 40
	shows "$MNT" iomapfs
	keys q
	shows "ended with 0"
}

@test "Ctrl-C and SIGTERM give the terminal back" {
	screen_start 1
	shows "fuseiomap-top"
	keys C-c
	shows "ended with 0"
	screen_start 1
	shows "fuseiomap-top"
	pkill -TERM -x fuseiomap-top
	shows "ended with 0"
}

# sum FILE TYPE FIELD [NAME]: over all intervals of a JSON file
sum()
{
	jq -s --arg t "$2" --arg f "$3" --arg n "${4:-}" \
		'map(select(.type == $t and ($n == "" or .name == $n)) | .[$f] // 0) | add // 0' "$1"
}

@test "the intervals of each view add up to what was done, and to the ledger" {
	local view type total out=$BATS_TEST_TMPDIR/top.json
	# Read ahead is the kernel's own business; direct I/O is exactly known.
	for view in mounts files processes threads operations types; do
		"$FUSEIOMAP" top -j --view "$view" -o "$out.$view" 0.3 -- bash -c "
			$LOAD --direct --file=one $MNT write 40 4096
			sleep 0.7
			$LOAD --direct --file=two-$view $MNT write 25 8192" 2>/dev/null
		type=$(jq -rs 'map(select(.interval and .type != "interval"))[0].type' "$out.$view")
		[ "$(jq -s 'map(select(.type == "interval")) | length' "$out.$view")" -ge 3 ]
		total=$(jq 'select(.type == "end").ledger.begin | .done + .errors' "$out.$view")
		[ "$(sum "$out.$view" "$type" ends)" -ge 65 ]
		[ "$(sum "$out.$view" "$type" begins)" -eq "$total" ]
	done
	[ "$(sum "$out.files" file ends "$MNT/one")" -eq 40 ]
	[ "$(sum "$out.files" file ends "$MNT/two-files")" -eq 25 ]
	[ "$(sum "$out.files" file bytes "$MNT/two-files")" -eq $((25 * 8192)) ]
	# A file that is idle in an interval has no row there.
	[ "$(jq -s --arg n "$MNT/one" 'map(select(.name == $n)) | length' "$out.files")" -lt \
	  "$(jq -s 'map(select(.type == "interval")) | length' "$out.files")" ]
}

@test "CSV has the numbers of JSON" {
	local out=$BATS_TEST_TMPDIR/top.csv
	"$FUSEIOMAP" top --csv --view files --columns name,ends,bytes -o "$out" 0.5 -- \
		"$LOAD" --direct --file=csv "$MNT" write 30 4096 2>/dev/null
	[ "$(head -n 1 "$out" | tr -d '\r')" = interval,from_ns,to_ns,name,ends,bytes ]
	[ "$(awk -F, -v n="$MNT/csv" '$4 == n { s += $5 } END { print s + 0 }' "$out")" -eq 30 ]
}

@test "filters and servers" {
	local out=$BATS_TEST_TMPDIR/top.json
	"$FUSEIOMAP" top -j --view servers -o "$out" 0.5 -- \
		"$LOAD" --direct --file=s "$MNT" write 50 4096 2>/dev/null
	[ "$(sum "$out" server begins)" -ge 50 ]
	[ "$(sum "$out" server busy_ns)" -gt 0 ]
	[ "$(jq -rs 'map(select(.type == "server"))[0].name' "$out")" = iomapfs ]
	"$FUSEIOMAP" top -j --view files --search "wanted ends>0" -o "$out" 0.5 -- bash -c "
		$LOAD --direct --file=wanted $MNT write 5 4096
		$LOAD --direct --file=other $MNT write 5 4096" 2>/dev/null
	[ "$(sum "$out" file ends)" -eq 5 ]
	[ "$(sum "$out" file ends "$MNT/wanted")" -eq 5 ]
}

@test "more files than the table holds: the sums stay whole" {
	local out=$BATS_TEST_TMPDIR/top.json
	"$FUSEIOMAP" top -j --view files --cells 20 -o "$out" 0.5 -- bash -c "
		for i in {1..40}; do $LOAD --direct --file=many-\$i $MNT write 2 4096; done" 2>/dev/null
	[ "$(sum "$out" file ends)" -eq 80 ]
	[ "$(sum "$out" file ends "$MNT/(other files)")" -gt 0 ]
	[ "$(jq 'select(.type == "end").other' "$out")" -gt 0 ]
}

@test "ftrace and upstream's events alone show the same load" {
	local out=$BATS_TEST_TMPDIR/top.json
	"$FUSEIOMAP" top -j --backend ftrace --view files -o "$out" 0.5 -- \
		"$LOAD" --direct --file=ft "$MNT" write 30 4096 2>/dev/null
	# Its events know the number of the inode, not its name.
	[ "$(sum "$out" file ends)" -eq 30 ]
	"$FUSEIOMAP" top -j --no-done --view files -o "$out" 0.5 -- \
		"$LOAD" --direct --file=up "$MNT" write 30 4096 2>/dev/null
	[ "$(sum "$out" file begins "$MNT/up")" -eq 30 ]
	[ "$(jq 'select(.type == "end").upcalls_only' "$out")" = true ]
	screen_start --no-done 1
	shows "a sample: "
	keys q
	shows "ended with 0"
}
