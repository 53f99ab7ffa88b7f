# SPDX-License-Identifier: GPL-2.0-only
#
# What check-series and try-base both do with the patches: sourced by them, with
# $here, the directory of the scripts, and $cache.
#
# Compiling is done in $scratch, with its tree, which grows patch by patch, and its
# objects. That of $source, the pristine tree, is never touched.

mapfile -t patches < <(find "$here/patches" -name '[0-9]*.patch' ! -name '0000-*' | sort)

# The files that some patches touch, all of them without an argument.
touched() {	# [PATCH]...
	if (( ! $# )); then set -- "${patches[@]}"; fi
	sed -n 's|^--- a/\([^\t]*\).*|\1|p; s|^+++ b/\([^\t]*\).*|\1|p' "$@" | sort -u
}

subject() { git mailinfo /dev/null /dev/null <"$1" | sed -n 's/^Subject: //p'; }

gitc() { git -c user.name=check -c user.email=check@localhost -c commit.gpgsign=false "$@"; }

# A repository with no more than the files that the series touches, as they are in
# a pristine source: git am needs no others.
make_repo() {	# REPO SOURCE
	git init -q "$1"
	commit_source "$1" "$2"
}

commit_source() {	# REPO SOURCE
	local f
	while read -r f; do
		rm -f "$1/$f"
		if [[ -e $2/$f ]]; then
			mkdir -p "$1/$(dirname "$f")"
			cp "$2/$f" "$1/$f"
		fi
	done < <(touched)
	git -C "$1" add -A
	gitc -C "$1" commit -q --allow-empty -m "$(basename "$2")"
}

# ---- compiling

kmake() {
	CCACHE_DIR=$cache/ccache CCACHE_DEPEND=1 make -s -C "$scratch/tree" O="$scratch/obj" \
		CC="$(command -v ccache) gcc" -j"$(nproc)" "$@"
}

# The directories of the kernel's own code that the series touches.
targets() { touched | sed -n '/^tools/d; s|/[^/]*\.c$|/|p' | sort -u; }

configure() {	# LINES TO CHANGE
	sed '/DEBUG_INFO/d' "$here/config" >"$scratch/fragment"
	printf '%s\n' CONFIG_WERROR=y "$@" >>"$scratch/fragment"
	kmake KCONFIG_ALLCONFIG="$scratch/fragment" allnoconfig >/dev/null
}

compile_start() {
	local t
	mkdir -p "$scratch/obj"
	rm -rf "$scratch/tree"
	cp -al "$source" "$scratch/tree" 2>/dev/null || cp -a "$source" "$scratch/tree"
	# The pristine files are older than the objects of the last patch.
	while read -r t; do rm -rf "$scratch/obj/$t"; done < <(targets)
	configure
	kmake prepare
}

compile_targets() {	# [ARGUMENT OF MAKE]...
	local t
	mapfile -t t < <(targets)
	kmake "$@" "${t[@]}"
}

# After a patch was applied to the tree.
compile_tree() {	# PATCH
	if grep -q '^+++ .*Kconfig' "$1"; then configure; fi
	compile_targets
}
