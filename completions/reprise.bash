# Completion of reprise for bash. The program itself says what may follow: reprise __complete WORD... CURRENT.
_reprise() {
    local IFS=$'\n'
    # Words as they stand on the line: --profile=x and a.b=1 are one, whatever COMP_WORDBREAKS says.
    local line=${COMP_LINE:0:COMP_POINT} words word
    IFS=' ' read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    word=${words[${#words[@]} - 1]}
    COMPREPLY=($("${words[0]}" __complete "${words[@]:1}" 2> /dev/null))
    # bash completes what follows the last = or :, where these break words.
    if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}"); fi
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2> /dev/null
    return 0
}
complete -o default -F _reprise reprise
