#!/bin/sh
# The card's kernels on the host, under the address and undefined-behaviour sanitizers, against the CPU's operations; a block's
# threads in ascending and in descending order (emulate.h).
. tests/tap.sh
BUILD=${BUILD:-build}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
tap_shows="$here/said $here/error"
program=$BUILD/tests/cuda/kernels
if [ ! -x "$program" ]; then
    case " ${REQUIRE:-} " in
    *" cuda "*) ok 1 "kernels_have_the_cpus_results" ;;
    *) skip "kernels_have_the_cpus_results" "$program is not built: there is no g++, or this build's sanitizer does not go with it" ;;
    esac
    finish
fi
kernels=$(cat runtime/nn/cuda/*.cu | grep -c '__global__')
for order in forward reverse; do
    EMULATE_ORDER=$order "$program" "$kernels" > "$here/said" 2> "$here/error"
    status=$?
    grep '^# [0-9]' "$here/said"
    grep -E '^(PASS|FAIL) ' "$here/said" > "$here/results"
    while read -r verdict name; do
        [ "$verdict" = PASS ]
        ok $? "${name}_in_${order}_order"
    done < "$here/results"
    [ $status -eq 0 ] && [ -s "$here/results" ]
    ok $? "kernels_end_well_in_${order}_order"
done
finish
