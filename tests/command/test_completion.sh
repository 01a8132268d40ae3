#!/bin/sh
# What bash completes, by bash's own machinery, of the commands, options, stages, profiles and vars.
. tests/runner/project.sh
mkdir "$here/p"
printf 'profile: quick\nvars: {split: {test_size: 0.2, seed: 1}}\nprofiles: {quick: {}, slow: {}}\nstages:\n  one: {cmd: sh x, deps: {x: x}, outs: {o: o}}\n  other: {cmd: sh x, deps: {x: x}, outs: {o: o}}\n' > "$here/p/pipeline.yaml"
printf ': > outs/o\n' > "$here/p/x"
name=commands_options_stages_profiles_and_vars_are_completed
if ! command -v bash > /dev/null; then
    skip $name "there is no bash"
    finish
fi
completions=$(pwd)/completions/reprise.bash
complete() { # complete LINE: what follows, sorted, on one line
    (cd "$here/p" && bash --norc -c 'source "$1"; COMP_LINE=$2; COMP_POINT=${#COMP_LINE}; _reprise; printf "%s\n" "${COMPREPLY[@]}"' bash "$completions" "$reprise$1") |
        sort | tr '\n' ' '
}
is() { # is LINE EXPECTED
    got=$(complete "$1")
    [ "$got" = "$2" ] || { echo "# '$1' gives '$got'"; return 1; }
}
is ' st' 'status ' && is ' init --te' '--template= ' && is ' run o' 'one other ' && is ' run --profile ' 'quick slow ' &&
    is ' run --profile=s' 'slow ' && is ' run --set split.' 'split.seed= split.test_size= ' && is ' run --set=split.s' 'split.seed= ' && is ' dag --format m' 'mermaid '
ok $? $name
is ' log nothing' ' ' && is ' status --template' ' '
ok $? what_a_command_does_not_take_is_not_offered
echo '{' > "$here/p/pipeline.yaml"
is ' run o' ' ' && is ' ru' 'run '
ok $? wrong_file_offers_no_stages_and_says_nothing
finish
