# SPDX-License-Identifier: GPL-2.0-only
#
# How servers differ in what has shown faults of the kernel: when they allocate, which
# of their IOENDs are slow, and which number a device has. A test file runs for
# short with each of these, or where that takes too long with some of them, in turn;
# and with mixtures of them. Which ones follows from a seed that is in its log.
# SETTINGS_SEED=N repeats a choice, SETTINGS_ALL=1 runs all.

# Slow enough for something else to come between, and not for all to wait
SLOW_IOEND="--delay-ioend=20ms --delay-share=30"

# There is no shared block in iomapfs, and so no IOEND of that kind.
SETTING_NAMES=(delalloc delalloc-mapped slow-unwritten slow-append slow-writeback slow-direct
	registered-late)
declare -gA SETTINGS=(
	[delalloc]="--delalloc"
	[delalloc-mapped]="--delalloc=mapped"
	[slow-unwritten]="$SLOW_IOEND --ioend-kinds=unwritten-append"
	[slow-append]="$SLOW_IOEND --ioend-kinds=append"
	[slow-writeback]="$SLOW_IOEND --ioend-kinds=writeback"
	[slow-direct]="$SLOW_IOEND --ioend-kinds=direct"
	[registered-late]="--register-late --register-after=5"
)

# setting NAME: its options
setting()
{
	[ -n "${SETTINGS[$1]-}" ] || { echo "no setting $1" >&2; return 1; }
	echo "${SETTINGS[$1]}"
}

# in_turn N: the names of the N settings whose turn it is in this run
in_turn()
{
	local i count=${#SETTING_NAMES[@]} n=$1
	[ -z "${SETTINGS_ALL:-}" ] || n=$count
	for ((i = 0; i < n; i++)); do
		echo "${SETTING_NAMES[(SETTINGS_SEED + i * 3) % count]}"
	done
}

# one_of WORD…: by chance
one_of() { ONE_OF=${*:1 + RANDOM % $#:1}; }

# The seed of this run; the log says it even where nothing fails.
setup_file()
{
	export SETTINGS_SEED=${SETTINGS_SEED:-$RANDOM}
	echo "# SETTINGS_SEED=$SETTINGS_SEED repeats the choice of settings" >&3
}

# mixed_settings N: the N-th mixture of this seed, in the array $MIXED; one of each
# way in which servers differ, and blocks and extents of some size
mixed_settings()
{
	RANDOM=$((SETTINGS_SEED * 31 + $1))
	MIXED=()
	one_of --delalloc --delalloc=mapped ""
	MIXED+=($ONE_OF)
	one_of "" unwritten-append append writeback direct unwritten,append
	[ -z "$ONE_OF" ] || MIXED+=($SLOW_IOEND --ioend-kinds="$ONE_OF")
	one_of "" --register-late --register-after=$((RANDOM % 50 + 1)) "--register-late --register-after=2"
	MIXED+=($ONE_OF)
	one_of "" --want-end --enosys=end
	MIXED+=($ONE_OF)
	one_of "" --block-size=512 --block-size=1024 --extent-max=8192
	MIXED+=($ONE_OF)
	echo "mixture $1: ${MIXED[*]}"
}
