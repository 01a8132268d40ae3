# Completion of reprise for fish. The program itself says what may follow.
complete -c reprise -f -a '(set -l words (commandline -opc); $words[1] __complete $words[2..-1] (commandline -ct) 2> /dev/null)'
