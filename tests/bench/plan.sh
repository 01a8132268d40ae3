#!/bin/sh
# How long does reading a plan of many stages take? Writes chains of STAGES stages (a command, a param, a dep on the one
# before, an out), and prints for each the median of ROUNDS in milliseconds, and bytes of memory a stage at the peak.
#
#   STAGES="1000 10000 30000" ROUNDS=9 tests/bench/plan.sh
set -eu
cd "$(dirname "$0")/../.."
PROGRAM=${PROGRAM:-$PWD/${BUILD:-build}/reprise}
STAGES=${STAGES:-"1000 10000 30000"}
ROUNDS=${ROUNDS:-9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'echo 1 > outs/o' > "$work/a.sh"

# Prints the milliseconds of one `reprise dag`.
once() {
    start=$(date +%s%N)
    "$PROGRAM" -C "$work" dag > "$work/graph"
    echo $((($(date +%s%N) - start) / 10000)) | awk '{ printf "%.2f\n", $1 / 100 }'
}

printf '%-10s %10s %14s\n' stages ms 'bytes/stage'
for count in $STAGES; do
    awk -v n="$count" 'BEGIN {
        print "stages:"
        for (i = 0; i < n; i++)
            printf "  s%d: {cmd: sh a.sh, params: {x: %d}%s, outs: {o: o}}\n", i, i, i == 0 ? "" : ", deps: {d: s" i - 1 ".o}"
    }' > "$work/pipeline.yaml"
    once > "$work/times"
    : > "$work/times"
    round=0
    while [ "$round" -lt "$ROUNDS" ]; do
        once >> "$work/times"
        round=$((round + 1))
    done
    median=$(sort -n "$work/times" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }')
    # The peak, where GNU time is there to tell it.
    memory=-
    if [ -x /usr/bin/time ]; then
        kib=$(/usr/bin/time -f %M "$PROGRAM" -C "$work" dag 2>&1 > "$work/graph")
        memory=$((kib * 1024 / count))
    fi
    printf '%-10s %10s %14s\n' "$count" "$median" "$memory"
done
