# complete.zsh FILE FOLDER LINE...: what zsh's own completion offers after each line, sorted, on a line of its own, in a zsh that a terminal has.
# FILE is the completion's function, FOLDER holds what the terminal leaves. Where the completion changes the line, that is told, with a | at its end.
zmodload zsh/zpty
folder=$2
print -rl -- "${@:3}" > $folder/lines
cat > $folder/rc << 'END'
PS1= PS2= RPS1=
unsetopt beep automenu
fpath=($function_folder $fpath)
autoload -Uz compinit
compinit -D -u
# What is handed to the editor, seen on its way.
compadd() {
    local words=("$@")
    offered+=("${(@)words[words[(i)--]+1,-1]}")
    builtin compadd "$@"
}
next_line() {
    local -a lines=("${(@f)$(<$folder/lines)}")
    (( ++at ))
    offered=() BUFFER=$lines[at] CURSOR=${#BUFFER}
    zle complete-word
    if [[ $BUFFER != $lines[at] ]]; then print -r -- "$BUFFER|"; else print -r -- "${(o)offered}"; fi >> $folder/said
    BUFFER=
}
zle -N next_line
bindkey '^T' next_line
END
: > $folder/said
zpty -b shell "TERM=dumb zsh -f -i"
zpty -w shell "folder=${(q)folder} function_folder=${(q)1:h} at=0; source \$folder/rc; : > \$folder/ready"
waits() { # waits CONDITION: half a minute at most; a terminal that nobody reads stops its shell
    local -i left=600
    local ignored
    until eval $1 || (( --left == 0 )); do
        zpty -r -t shell ignored
        sleep 0.05
    done
}
waits '[[ -e $folder/ready ]]'
for (( i = 1; i <= $# - 2; i++ )); do
    zpty -w -n shell $'\C-t'
    waits "(( \$(wc -l < \$folder/said) >= $i ))"
done
zpty -d shell
cat $folder/said
