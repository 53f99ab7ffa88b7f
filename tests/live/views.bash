# SPDX-License-Identifier: GPL-2.0-only
#
# For tests of what happens to the tools when something happens around them: all
# commands at once.

load lib

OUT=/tmp/faults

setup()
{
	PIDS=()
	mkdir -p "$OUT"
	fs_start
}

teardown()
{
	for pid in "${PIDS[@]}" ${TOOL_PID:-}; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	echo 1 >/sys/devices/system/cpu/cpu1/online || true
	fs_stop
	rm -rf "$OUT"
}

# What all of them do at once, with a backend each.
VIEWS=(hist top trace short)

# all_start NAME [OPTION…]: each command, attached when this returns; their output is
# in $OUT/COMMAND.NAME, and that of record is the recording
all_start()
{
	local c name=$1
	shift
	for c in "${VIEWS[@]}"; do
		"$FUSEIOMAP" "$c" -j -o "$OUT/$c.$name" "$@" 2>"$OUT/$c.$name.err" 3>&- &
		PIDS+=($!)
	done
	"$FUSEIOMAP" record -o "$OUT/record.$name" "$@" 2>"$OUT/record.$name.err" 3>&- &
	PIDS+=($!)
	for c in "${VIEWS[@]}" record; do
		wait_for ready "$OUT/$c.$name.err"
	done
}

# all_stop: end what was started as a user would; none fails
all_stop()
{
	local pid
	kill -INT "${PIDS[@]}"
	for pid in "${PIDS[@]}"; do
		wait "$pid" || { cat "$OUT"/*.err; return 1; }
	done
	PIDS=()
}

# all_saw NAME BEGINS: each is complete and has as many BEGINs
all_saw()
{
	local c
	"$FUSEIOMAP" trace -q -j -i "$OUT/record.$1" -o "$OUT/replay.$1"
	for c in "${VIEWS[@]}" replay; do
		complete "$OUT/$c.$1" || { echo "$c $1:"; tail -n 1 "$OUT/$c.$1"; return 1; }
		jq -es "last.ledger.begin.begun == $2" "$OUT/$c.$1" >/dev/null ||
			{ echo "$c $1:"; tail -n 1 "$OUT/$c.$1"; return 1; }
	done
}
