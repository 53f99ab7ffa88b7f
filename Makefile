# SPDX-License-Identifier: GPL-2.0-only
#
# make              build/fuseiomap, build/fuseiomap-top, build/iomapfs
# make tour         fuseiomap top on a recording; needs no root and no such kernel
# make demo         fuseiomap-top over a real load on a patched kernel in a VM
# make check        all tests; in the debug kernel, those that find most, till CHECK_MINUTES=60
# make check-debug  only those in the debug kernel, which looks for bugs; all of them
# make bench        what watching costs, beside the alternatives, as a table (see tests/bench/run)
# make soak         load for half an hour: memory stays flat, nothing is lost
# make soak-data    random operations for half an hour in user-mode Linux: no data is wrong
# make kernel       only the patched kernel (kept in a cache outside the tree)
# make kernel BASE=7.4   which patches need work on another Linux
# make vm           an interactive shell in that kernel
# make install      programs, man pages and completion to DESTDIR and PREFIX (/usr/local)
# make uninstall    and away again
# make deps         install the Debian packages that all of this needs
# make clean        remove build/; the cache stays (see kernel/build --help)
#
# Nothing but make itself is assumed: demo and check install what is missing
# when run as root, and name the one command to run otherwise.

SHELL := /bin/bash
B := build

# ---- packages, by what needs them
PKG_build := gcc libc6-dev pkg-config clang bpftool libbpf-dev libelf-dev \
	zlib1g-dev libncurses-dev libmount-dev libcap-dev libfuse3-dev \
	libtracecmd-dev libtracefs-dev libtraceevent-dev libdw-dev \
	libjansson-dev libzstd-dev
PKG_kernel := flex bison bc libssl-dev dwarves ccache xz-utils patch perl git sparse \
	kmod rsync cpio python3-minimal qemu-system-x86
PKG_test := procps psmisc e2fsprogs libcmocka-dev bats fio fuse3 dmsetup jq tmux trace-cmd \
	python3-jsonschema bash-completion zsh fish mandoc stress-ng liburing-dev libcap2-bin
PKG_bench := bpftrace linux-perf python3-minimal xfsprogs

CC := gcc
CLANG := clang
BPFTOOL := $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Itools -Ibpf $(shell pkg-config --cflags libtracecmd 2>/dev/null) -I$(B)
CFLAGS += -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers -MMD -MP
TOOL_LIBS := -lbpf -ltracecmd -ltracefs -ltraceevent -ldw -lelf -ljansson -lzstd -lz \
	-lncursesw -ltinfo -lmount -lcap -lm
FUSE_CFLAGS = $(shell pkg-config --cflags fuse3)
FUSE_LIBS = $(shell pkg-config --libs fuse3) -lz

SKELETONS := $(patsubst bpf/%.bpf.c,$(B)/%.skel.h,$(wildcard bpf/*.bpf.c))
TOOL_SRC := $(wildcard tools/*.c tools/*/*.c)
TOOL_OBJ := $(TOOL_SRC:%.c=$(B)/obj/%.o)
DEMO_SRC := $(filter-out demo/load.c,$(wildcard demo/*.c))
DEMO_OBJ := $(DEMO_SRC:%.c=$(B)/obj/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
# Programs of tests/kernel: of a file, or of the files of a folder
KERNEL_TESTS := $(patsubst tests/kernel/%.c,$(B)/tests/kernel/%,$(wildcard tests/kernel/*.c)) \
	$(B)/tests/kernel/answers
# What unit tests link with: everything but the two main()s.
UNIT_OBJ := $(filter-out %/main.o %/iomapfs.o,$(TOOL_OBJ) $(DEMO_OBJ))

# Commands that people type as fuseiomap-COMMAND
LINKS := $(addprefix fuseiomap-,top hist trace short inflight record diff)
# What reads files that others made is tested with sanitizers, test by test.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SAN_test_recording := recording recfile flight recorder source_recording catalog model text
SAN_test_mutations := $(SAN_test_recording) source source_dat dat_reader raw pairing tasks \
	tally hist trace column json names

PROGRAMS := $(addprefix $(B)/,fuseiomap $(LINKS) iomapfs iomapload)

# V=1 shows the commands, else one short line each.
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1) $(2)";)

.PHONY: all tour demo check check-debug bench soak soak-data kernel vm deps clean tools-needed unit docs install uninstall
all: tools-needed
	@$(MAKE) -s --no-print-directory -j$$(nproc) $(PROGRAMS) docs

# ---- two commands
# step NAME,COMMAND: say what is done, and how long it took
step = @echo "== $(1)"; start=$$SECONDS; $(2) && echo "== $(1): $$((SECONDS - start)) s"

demo: deps
	$(call step,build the tools and the server,$(MAKE) --no-print-directory all)
	$(call step,kernel,kernel/build)
	$(call step,demo in the VM,mkdir -p $(B)/demo && \
		OUT=$(B)/demo kernel/run -m 2048 -d 2G -- demo/run)

tour: all
	@demo/tour

check: deps
	@tests/run

check-debug: deps
	@tests/run debug

bench:
	$(call install-packages,$(PKG_build) $(PKG_kernel) $(PKG_test) $(PKG_bench))
	@$(MAKE) -s --no-print-directory $(B)/bench/pair $(B)/bench/makerec \
		$(B)/tests/kernel/answers $(PROGRAMS) kernel
	@kernel/build --untraced
	@tests/bench/run $(PARTS)

# SOAK_MINUTES=N, 30 if not given
soak: all kernel
	@mkdir -p $(B)/soak; rm -f $(B)/soak/*.samples; OUT=$(B)/soak kernel/run -m 2048 -d 2G -t 0 \
		-e SOAK_MINUTES -- tests/soak

# Likewise; differences and races are printed with the seed that repeats them
soak-data: deps
	@DATA_MINUTES=$${SOAK_MINUTES:-30} tests/run uml

# ---- the kernel
kernel:
	@$(if $(BASE),kernel/try-base $(BASE),kernel/build)

vm: kernel
	@kernel/run

# ---- packages
# missing-of LIST: prints the packages of LIST that are not installed
missing-of = for p in $(1); do \
	[ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || \
	echo $$p; done | tr '\n' ' '

# install-packages LIST: those that are missing
install-packages = @missing=$$($(call missing-of,$(1))); \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "packages are missing; run as root: apt-get install $$missing" >&2; exit 1; \
	fi; \
	echo "== installing packages: $$missing"; start=$$SECONDS; \
	log=$$(mktemp); export DEBIAN_FRONTEND=noninteractive; \
	apt-get -q update >$$log 2>&1 && \
	apt-get -q -y install --no-install-recommends $$missing >>$$log 2>&1 || \
		{ tail -n 20 $$log >&2; rm -f $$log; exit 1; }; \
	rm -f $$log; echo "== packages installed in $$((SECONDS - start)) s"

deps:
	$(call install-packages,$(PKG_build) $(PKG_kernel) $(PKG_test))

tools-needed:
	@missing=$$($(call missing-of,$(PKG_build))); \
	[ -z "$$missing" ] || { \
		echo "to build, run as root: apt-get install $$missing" >&2; exit 1; }

# ---- BPF: object, skeleton
define bpf-object
	@mkdir -p $(@D)
	$(call say,BPF ,$@)$(CLANG) -target bpf -mcpu=v3 -O2 -g -Wall -Werror -D__TARGET_ARCH_x86 \
		-Iinclude -Ibpf -I/usr/include/$(shell $(CC) -print-multiarch) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@.linked $@.tmp
	@mv $@.linked $@; rm -f $@.tmp
endef

$(B)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/*.h)
	$(bpf-object)

# The same programs on other events
$(B)/bench/%.bpf.o: tests/bench/%.bpf.c $(wildcard bpf/*.h bpf/*.bpf.c include/*.h)
	$(bpf-object)

.SECONDARY: $(SKELETONS) $(SKELETONS:.skel.h=.bpf.o) $(SAN_test_mutations:%=$(B)/san/tools/%.o)
$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $(*F) > $@.tmp
	@mv $@.tmp $@

# ---- C
$(B)/obj/tools/%.o: tools/%.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(call say,CC  ,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(B)/obj/demo/%.o: demo/%.c
	@mkdir -p $(@D)
	$(call say,CC  ,$@)$(CC) $(CPPFLAGS) -Idemo $(FUSE_CFLAGS) $(CFLAGS) -pthread -c $< -o $@

$(B)/fuseiomap: $(TOOL_OBJ)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) $^ -o $@ $(TOOL_LIBS)

$(LINKS:%=$(B)/%): $(B)/fuseiomap
	@ln -sf fuseiomap $@

$(B)/iomapfs: $(DEMO_OBJ)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -pthread $^ -o $@ $(FUSE_LIBS)

$(B)/iomapload: $(B)/obj/demo/load.o
	$(call say,LINK,$@)$(CC) $(LDFLAGS) $^ -o $@

# What reads files that others made is tested with sanitizers: SAN_*
$(B)/san/tools/%.o: tools/%.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(call say,CC  ,$@)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -c $< -o $@

.SECONDEXPANSION:
$(B)/tests/%: tests/unit/%.c $(UNIT_OBJ) $$(addprefix $(B)/san/tools/,$$(addsuffix .o,$$(SAN_$$*)))
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(CPPFLAGS) -Idemo $(FUSE_CFLAGS) $(CFLAGS) -pthread $(LDFLAGS) \
		$(if $(SAN_$*),$(SANITIZE)) $< $(filter $(B)/san/%,$^) \
		$(filter-out $(SAN_$*:%=$(B)/obj/tools/%.o),$(UNIT_OBJ)) \
		-o $@ -lcmocka $(TOOL_LIBS) $(FUSE_LIBS)

$(B)/tests/kernel/%: tests/kernel/%.c
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -pthread $(LDFLAGS) $< -o $@ -luring

$(B)/tests/kernel/answers: $(wildcard tests/kernel/answers/*.c tests/kernel/answers/*.h)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(CPPFLAGS) $(filter-out -M%,$(CFLAGS)) -pthread $(LDFLAGS) \
		$(filter %.c,$^) -o $@ -luring

$(B)/bench/makerec: tests/bench/makerec.c $(UNIT_OBJ)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(CPPFLAGS) $(FUSE_CFLAGS) $(CFLAGS) -pthread $(LDFLAGS) $^ -o $@ \
		$(TOOL_LIBS) $(FUSE_LIBS)

$(B)/bench/%: tests/bench/%.c $(B)/bench/%.skel.h
	$(call say,TEST,$@)$(CC) $(CPPFLAGS) -I$(B)/bench $(CFLAGS) $(LDFLAGS) $< -o $@ -lbpf

# The programs and all that the groups of tests/run run
unit: tools-needed
	@$(MAKE) -s --no-print-directory -j$$(nproc) $(PROGRAMS) $(UNIT) $(KERNEL_TESTS) \
		$(B)/bench/pair docs

# ---- man pages and completion, from the tables in the program
docs: $(B)/man/.made $(addprefix $(B)/completion/,bash zsh fish)

$(B)/man/.made: $(B)/fuseiomap
	$(call say,MAN ,$(@D))rm -rf $(@D); mkdir -p $(@D); \
	for c in '' $$($< --commands); do \
		name=fuseiomap$${c:+-$$c}; $< --man $${c:-fuseiomap} >$(@D)/$$name.1 || exit 1; \
	done; touch $@

$(B)/completion/%: tools/completion/%.in $(B)/fuseiomap
	@mkdir -p $(@D)
	$(call say,COMP,$@)$(B)/fuseiomap --completion $* >$@.tables && \
	sed -e '/^@TABLES@$$/{r $@.tables' -e 'd}' $< >$@ && rm $@.tables

# ---- installing
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
mandir ?= $(PREFIX)/share/man
bashdir ?= $(PREFIX)/share/bash-completion/completions
zshdir ?= $(PREFIX)/share/zsh/site-functions
fishdir ?= $(PREFIX)/share/fish/vendor_completions.d

install: all
	install -d $(addprefix $(DESTDIR),$(bindir) $(mandir)/man1 $(bashdir) $(zshdir) $(fishdir))
	install -m 755 $(B)/fuseiomap $(DESTDIR)$(bindir)/fuseiomap
	for l in $(LINKS); do ln -sf fuseiomap $(DESTDIR)$(bindir)/$$l || exit 1; done
	install -m 644 $(B)/man/*.1 $(DESTDIR)$(mandir)/man1/
	install -m 644 $(B)/completion/bash $(DESTDIR)$(bashdir)/fuseiomap
	for l in $(LINKS); do ln -sf fuseiomap $(DESTDIR)$(bashdir)/$$l || exit 1; done
	install -m 644 $(B)/completion/zsh $(DESTDIR)$(zshdir)/_fuseiomap
	install -m 644 $(B)/completion/fish $(DESTDIR)$(fishdir)/fuseiomap.fish
	for l in $(LINKS); do ln -sf fuseiomap.fish $(DESTDIR)$(fishdir)/$$l.fish || exit 1; done

uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,fuseiomap $(LINKS)) \
		$(DESTDIR)$(mandir)/man1/fuseiomap.1 $(DESTDIR)$(mandir)/man1/fuseiomap-*.1 \
		$(addprefix $(DESTDIR)$(bashdir)/,fuseiomap $(LINKS)) \
		$(DESTDIR)$(zshdir)/_fuseiomap \
		$(addprefix $(DESTDIR)$(fishdir)/,$(addsuffix .fish,fuseiomap $(LINKS)))

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
