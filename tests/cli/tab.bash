# SPDX-License-Identifier: GPL-2.0-only
# bash tab.bash FILE LINE: what Tab offers at the end of LINE, with the functions in FILE
source "$1"
# As readline splits it: `=' is a word of its own.
read -ra COMP_WORDS <<<"${2//=/ = }"
if [[ $2 == *[\ ] ]]; then
	COMP_WORDS+=('')
fi
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$2 COMP_POINT=${#2}
_fuseiomap
printf '%s\n' "${COMPREPLY[@]}"
