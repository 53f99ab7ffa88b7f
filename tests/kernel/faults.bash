# SPDX-License-Identifier: GPL-2.0-only
#
# For tests of what must not go wrong when something does: a small device that is
# full of marks, files that say what belongs to them, and looks at the kernel.

load ../live/lib

TESTS=build/tests/kernel
STALE=$TESTS/stale
DISK=/dev/vda			# of kernel/run; tests see parts of it
SMALL_SECTORS=16384		# 8 MiB: blocks are used again soon
export DM_DISABLE_UDEV=1	# there is none in the VM: dmsetup makes the node

# device_table TABLE…: make /dev/mapper/test what dmsetup's table says, or change it
# while it is in use; each argument is a line
device_table()
{
	local table
	table=$(printf '%s\n' "$@")
	DEV=/dev/mapper/test
	if [ -e "$DEV" ]; then
		dmsetup suspend --noflush test
		dmsetup load test --table "$table"
		dmsetup resume test
	else
		dmsetup create test --table "$table"
	fi
}

# device_whole: one that works
device_whole() { device_table "0 $SMALL_SECTORS linear $DISK 0"; }

# device_start: one that works, in which every word says that it is the device's
device_start()
{
	device_whole
	"$STALE" fill "$DEV"
}

device_stop() { dmsetup remove --retry test; }

# stale ARG…: says what it found, also where a test expects it to fail
stale() { "$STALE" "$@"; }

# ---- what the kernel says

# The lines of its log that no test may leave; what kernel/run looks for, and what
# it leaves out because a busy host may cause it.
KERNEL_COMPLAINTS='BUG:|WARNING:|Oops|[Gg]eneral protection|UBSAN:|INFO: task|INFO: rcu|blocked for more than|possible (circular|recursive) locking|inconsistent lock state|suspicious RCU|refcount_t:|Busy inodes after unmount|unreferenced object|memory leak|list_(add|del) corruption'

# kernel_log_mark: look only at what comes from now on
kernel_log_mark() { KERNEL_LOG_SEEN=$(dmesg | wc -l); }

# kernel_log_clean: nothing of the above since the mark
kernel_log_clean()
{
	local found
	found=$(dmesg | tail -n +$((KERNEL_LOG_SEEN + 1)) | grep -E "$KERNEL_COMPLAINTS") || return 0
	echo "the kernel says:"
	echo "$found"
	return 1
}

# state_of TASK: the letter that /proc/TASK/stat has; empty if it is gone. Without
# a process for each, since there are many tasks.
state_of()
{
	local line=
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || true
	line=${line##*) }
	STATE_OF=${line:0:1}
}

# stuck_tasks: those that wait in fuse and cannot be killed, one a line
stuck_tasks()
{
	local task stack
	for task in /proc/[0-9]*/task/[0-9]*; do
		state_of "${task#/proc/}"
		[ "$STATE_OF" = D ] || continue
		stack=$(tr '\n' ' ' <"$task/stack") || continue
		[[ $stack != *fuse_* && $stack != *iomap_* ]] || echo "$task $(<"$task/comm") $stack"
	done 2>/dev/null
}

# nothing_stuck: soon, there is none
nothing_stuck()
{
	local i
	for ((i = 0; i < 300 * SLOW; i++)); do
		[ -z "$(stuck_tasks)" ] && return 0
		sleep 0.1
	done
	echo "cannot be killed:"
	stuck_tasks
	return 1
}

# nothing_leaked: no connection, and no inode or request of fuse is left
nothing_leaked()
{
	local i cache left
	[ -z "$(ls /sys/fs/fuse/connections)" ] ||
		{ echo "connections: $(ls /sys/fs/fuse/connections)"; return 1; }
	for ((i = 0; i < 100 * SLOW; i++)); do
		left=
		for cache in fuse_inode fuse_request; do
			echo 1 >"/sys/kernel/slab/$cache/shrink"
			left+=$(awk -v c=$cache '$1 != 0 { print c ": " $1 " " }' \
				"/sys/kernel/slab/$cache/objects")
		done
		[ -z "$left" ] && return 0
		sleep 0.1
	done
	echo "left: $left"
	return 1
}

# kernel_fine: at the end of each test
kernel_fine()
{
	nothing_stuck
	nothing_leaked
	kernel_log_clean
}

# server_pid: of the one iomapfs that runs
server_pid() { pgrep -x iomapfs; }

# server_kill: at once, without a chance to do anything
server_kill()
{
	local pid
	pid=$(server_pid)
	kill -KILL "$pid"
	gone "$pid"
}

# gone PID…: they end soon; a zombie has ended
gone()
{
	local i pid
	for pid in "$@"; do
		for ((i = 0; i < 300 * SLOW; i++)); do
			state_of "$pid"
			[[ $STATE_OF != [ZX] && $STATE_OF ]] || break
			sleep 0.1
		done
		((i < 300 * SLOW)) || { echo "$pid does not end"; cat "/proc/$pid/stack"; return 1; }
	done
}

# mount_away: unmount, whatever the server is like. mountpoint(1) would not do: it
# cannot look at a mount whose server is dead.
mount_away()
{
	while grep -q " $MNT " /proc/self/mounts; do
		umount "$MNT" 2>/dev/null || umount -l "$MNT" || return 1
	done
}

# fs_restart OPTION…: take what is left of the mount away, and mount again what
# was kept on the device
fs_restart()
{
	mount_away
	fs_stop
	fs_start --persist "$@"
}
