# SPDX-License-Identifier: GPL-2.0-only
# zsh -f tab.zsh DIR LINE: what Tab offers at the end of LINE, with the functions in DIR
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "stty -echo; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D
	setopt no_list_beep; bindkey '^I' list-choices; RPS1= PS1=READ''Y"
# With the prompt the line editor has the terminal; what is typed before is lost to it.
zpty -r z out '*READY*'
zpty -w -n z "$2"$'\t'$'\C-u'"echo FINI''SHED"$'\n'
zpty -r z out '*FINISHED*'
print -r -- $out
zpty -d z
