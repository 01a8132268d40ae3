# Completion of reprise for fish. The program itself says what may follow; where it says nothing, a file may.
function __reprise_complete
    set -l words (commandline -opc)
    set -l found ($words[1] __complete $words[2..-1] (commandline -ct) 2> /dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c reprise -f -a '(__reprise_complete)'
