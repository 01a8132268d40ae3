#!/bin/sh
# What bash, zsh and fish complete, each by its own machinery, of the commands, options, stages, profiles and vars.
. tests/runner/project.sh
mkdir "$here/p" "$here/bin" "$here/zsh"
printf 'profile: quick\nvars: {split: {test_size: 0.2, seed: 1}}\nprofiles: {quick: {}, slow: {}}\nstages:\n  one: {cmd: sh x, deps: {x: x}, outs: {o: o}}\n  other: {cmd: sh x, deps: {x: x}, outs: {o: o}}\n' > "$here/p/pipeline.yaml"
printf ': > outs/o\n' > "$here/p/x"
ln -s "$reprise" "$here/bin/reprise"
source=$(pwd)
PATH=$here/bin:$PATH
export HOME="$here"
sorted() { tr ' ' '\n' | sed '/^$/d' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//'; }
# complete_SHELL LINE...: what may follow each, on a line of its own, sorted. Where a shell shows it, a choice of one is the whole line with a |.
complete_bash() {
    for line; do
        bash --norc -c 'source "$1"; COMP_LINE=$2; COMP_POINT=${#COMP_LINE}; _reprise; printf "%s\n" "${COMPREPLY[@]}"' bash \
            "$source/completions/reprise.bash" "$line" | sorted
        echo
    done
}
complete_fish() {
    for line; do
        fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$source/completions/reprise.fish" "$line" | cut -f 1 | sorted
        echo
    done
}
complete_zsh() {
    zsh -f "$source/tests/command/complete.zsh" "$source/completions/_reprise" "$here/zsh" "$@" | while read -r line; do
        case $line in *'|') echo "$line" ;; *) echo "$line" | sorted && echo ;; esac
    done
}
# expects SHELL NAME: the lines and what they give from standard input, LINE > EXPECTED.
expects() {
    cat > "$here/asked"
    set -- "$1" "$2"
    if ! command -v "$1" > /dev/null; then
        skip "$1_$2" "there is no $1"
        return
    fi
    shell=$1 name=$1_$2
    set --
    while IFS= read -r line; do set -- "$@" "${line%%>*}"; done < "$here/asked"
    (cd "$here/p" && "complete_$shell" "$@") > "$here/got" 2> "$here/err"
    sed 's/^[^>]*>//' "$here/asked" | diff - "$here/got" > "$here/out" && [ ! -s "$here/err" ]
    ok $? "$name"
}
expects bash completes_commands_options_stages_profiles_and_vars << 'END'
reprise st>status
reprise init --te>--template=
reprise run o>one other
reprise run --profile >quick slow
reprise run --profile=s>slow
reprise run --set split.>split.seed= split.test_size=
reprise run --set=split.s>split.seed=
reprise dag --format me>mermaid
END
expects zsh completes_commands_options_stages_profiles_and_vars_and_leaves_no_space_after_an_equals_sign << 'END'
reprise st>reprise status |
reprise init --te>reprise init --template=|
reprise run o>one other
reprise run --profile >quick slow
reprise run --profile=s>reprise run --profile=slow |
reprise run --set split.>split.seed= split.test_size=
reprise run --set=split.s>reprise run --set=split.seed=|
reprise dag --format me>reprise dag --format mermaid |
END
expects fish completes_commands_options_stages_profiles_and_vars << 'END'
reprise st>status
reprise init --te>--template=
reprise run o>one other
reprise run --profile >quick slow
reprise run --profile=s>--profile=slow
reprise run --set split.>split.seed= split.test_size=
reprise run --set=split.s>--set=split.seed=
reprise dag --format me>mermaid
END
expects bash offers_nothing_that_a_command_does_not_take << 'END'
reprise log nothing>
reprise status --template>
END
expects zsh offers_nothing_that_a_command_does_not_take_and_files_where_it_takes_files << 'END'
reprise log nothing>
reprise status --template>
reprise predict x>reprise predict x |
END
expects fish offers_nothing_that_a_command_does_not_take_and_files_where_it_takes_files << 'END'
reprise log nothing>
reprise status --template>
reprise predict >pipeline.yaml x
END
echo '{' > "$here/p/pipeline.yaml"
for shell in bash fish; do
    expects $shell offers_no_stages_of_a_wrong_file_and_says_nothing << 'END'
reprise run o>
reprise ru>run
END
done
expects zsh offers_no_stages_of_a_wrong_file_and_says_nothing << 'END'
reprise run o>
reprise ru>reprise run |
END
finish
