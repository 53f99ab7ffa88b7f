#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the programs say when they cannot do what they are asked for. Runs on
# any kernel and without root.

bats_require_minimum_version 1.5.0

F=build/fuseiomap

# refused STATUS COMMAND…: that status, nothing on stdout, one line on stderr
refused()
{
	local want=$1
	shift
	run --separate-stderr "$@"
	[ "$status" = "$want" ] && [ -z "$output" ] && ((${#stderr_lines[@]} == 1)) ||
		{ echo "$*: status $status, stdout '$output', stderr '$stderr'"; return 1; }
}

@test "help and version" {
	run -0 $F --help
	for c in top hist trace doctor; do
		[[ $output == *"$c"* ]]
		run -0 $F $c --help
		[[ $output == *Usage:* ]]
		run -0 $F --help
	done
	run -0 $F --version
	run -0 build/fuseiomap-top --help
}

@test "usage errors: 2, and the word that is wrong" {
	refused 2 $F nonsense
	[[ $stderr == *nonsense* ]]
	refused 2 $F hist -d 1x
	[[ $stderr == *1x* ]]
	refused 2 $F trace --op nonsense
	[[ $stderr == *nonsense* ]]
	refused 2 $F trace --min-latency=5 ms
	refused 2 $F top 1 2 3
	refused 2 $F top -b 0x
	refused 2 $F hist -p -1
	refused 2 $F hist --bogus
	[[ $stderr == *bogus* ]]
}

@test "a kernel without the tracepoints: 3, the option to set, and doctor" {
	if [ -d /sys/kernel/tracing/events/fuse/fuse_iomap_begin ]; then
		skip "this kernel has them"
	fi
	refused 3 $F hist -d 1
	[[ $stderr == *CONFIG_FUSE_IOMAP* && $stderr == *doctor* ]]
	refused 3 $F top -b 1 1
	run -3 $F doctor
	[[ $output == *CONFIG_FUSE_IOMAP* ]]
}

@test "iomapfs: usage errors name the cause" {
	refused 2 build/iomapfs
	refused 2 build/iomapfs /dev/null
	refused 2 build/iomapfs --delay-begin=10x /dev/null /tmp
	[[ $stderr == *10x* ]]
	refused 2 build/iomapfs --bad-map=nonsense /dev/null /tmp
	[[ $stderr == *nonsense* ]]
	refused 2 build/iomapfs --begin-error=ENONSENSE /dev/null /tmp
	refused 2 build/iomapfs --format /dev/null /tmp
	[[ $stderr == *--persist* ]]
	refused 2 build/iomapfs --ioend-kinds=unwritten,late /dev/null /tmp
	[[ $stderr == *"give unwritten, append"* ]]
	refused 2 build/iomapfs --ioend-kinds=append --enosys=ioend /dev/null /tmp
	[[ $stderr == *--ioend-kinds* ]]
	refused 2 build/iomapfs --delalloc=never /dev/null /tmp
	[[ $stderr == *mapped* ]]
	refused 2 build/iomapfs --persist --xattr /dev/null /tmp
	[[ $stderr == *"leave out --xattr" ]]
	for lie in --fuzz=nonsense --fuzz-share=101 --seed=-1 --die=nonsense --die=begin:x; do
		refused 2 build/iomapfs "$lie" /dev/null /tmp
	done
	run --separate-stderr build/iomapfs /dev/null /tmp
	[ "$status" = 1 ] || [ "$status" = 4 ]
	[[ $stderr == */dev/null* || $stderr == *root* ]]
}

# useless OTHERS OPTION…: the first is refused, since it does nothing without one of OTHERS
useless()
{
	local others=$1 option=${2%%=*}
	shift
	refused 2 build/iomapfs "$@" /dev/null /tmp
	[ "$stderr" = "iomapfs: $option does nothing without $others; give that too, or leave it out" ] ||
		{ echo "$*: $stderr"; return 1; }
}

@test "iomapfs: an option that would do nothing is refused" {
	useless --foreground --verbose
	useless --foreground --debug
	useless --persist --format
	useless --data-device --readonly-data
	useless --plain --no-dev-inval
	useless '--delay-begin, --delay-end or --delay-ioend' --delay-share=10
	useless '--bad-map, --begin-error, --end-error, --ioend-error or --enosys' --bad-every=2 --hang-end=1
	useless '--delay-ioend, --ioend-error or --hang-ioend' --ioend-kinds=append --delay-begin=1ms
	useless --fuzz --seed=0 --die=init
	useless --fuzz --fuzz-share=3
	for option in --require-iomap --drop-rawio --plain=x --delalloc=mapped --max-size=1M \
		--max-links=2 --time-granularity=1s --bad-config=time --want-end \
		--delay-end=1ms --begin-error=EIO --hang-ioend=1 --enosys=end --bad-map=type \
		--register-after=1 --register-late; do
		refused 2 build/iomapfs --no-iomap "$option" /dev/null /tmp
		[ "$stderr" = "iomapfs: --no-iomap gives up all that is special to iomap; leave out ${option%%=*}" ]
	done
}

@test "iomapfs, iomapload: --help that cannot be written is a failure" {
	for program in iomapfs iomapload; do
		run -1 --separate-stderr bash -c "build/$program --help >/dev/full"
		[ "$stderr" = "$program: cannot write to stdout: No space left on device" ]
		run -0 build/$program --help
	done
	# Who closes stdout does not want to read anything.
	run -2 --separate-stderr bash -c 'build/iomapfs >&-'
	[[ $stderr == *"give DEVICE"* && ${#stderr_lines[@]} = 1 ]]
}
