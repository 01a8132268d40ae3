#!/bin/sh
# Networks and whole trainings on a GPU's device, with a card of our own in place of a real one (twin.h), under the address and
# undefined-behaviour sanitizers.
. tests/tap.sh
BUILD=${BUILD:-build}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
tap_shows=$here/said
for part in card_networks card_fits failures fits nans; do
    program=$BUILD/tests/cuda/twin_$part
    if [ ! -x "$program" ]; then
        case " ${REQUIRE:-} " in
        *" cuda "*) ok 1 "twin_$part" ;;
        *) skip "twin_$part" "$program is not built: there is no g++, or this build's sanitizer does not go with it" ;;
        esac
        continue
    fi
    # A block's threads in ascending order in some, in descending in others.
    case $part in *fits) order=reverse ;; *) order=forward ;; esac
    EMULATE_ORDER=$order CMOCKA_MESSAGE_OUTPUT=TAP "$program" > "$here/said" 2>&1
    status=$?
    grep -E '^# [0-9]' "$here/said"
    grep -E '^(not )?ok [0-9]+ - [a-z]' "$here/said" | sed -E 's/ok [0-9]+ - /ok /' > "$here/results"
    while read -r first rest; do
        [ "$first" = ok ]
        ok $? "${rest#ok }"
    done < "$here/results"
    [ $status -eq 0 ] && [ -s "$here/results" ]
    ok $? "twin_${part}_end_well"
done
finish
