# SPDX-License-Identifier: GPL-2.0-only
# zsh -f tab.zsh DIR LINE: what Tab offers at the end of LINE, with the functions in DIR
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1= RPS1=; stty -echo; fpath=($1 \$fpath); autoload -Uz compinit;
	compinit -u -D; setopt no_list_beep; bindkey '^I' list-choices; echo START''ED"
zpty -r z out '*STARTED*'
zpty -w -n z "$2"$'\t'
sleep ${3:-1}
zpty -w -n z $'\C-u\n'
zpty -w z "echo FINI''SHED"
zpty -r z out '*FINISHED*'
print -r -- $out
zpty -d z
