#!/bin/sh
# What does the sandbox cost a stage? STAGES (100) stages, each of which is a shell that writes its number, run one after the other, without a
# sandbox, in it, and in it without namespaces, in turn, ROUNDS (9) times. Prints the median time of each in milliseconds a stage, and,
# paired by rounds, the median of the differences to none; and the best round, which other work beside it disturbed least.
#
#   tests/bench/sandbox.sh
#   STAGES=50 ROUNDS=15 TMPDIR=/dev/shm tests/bench/sandbox.sh
set -eu
cd "$(dirname "$0")/../.."
REPRISE=${REPRISE:-$PWD/${BUILD:-build}/reprise}
STAGES=${STAGES:-100}
ROUNDS=${ROUNDS:-9}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
echo "stages:" > "$work/pipeline.yaml"
i=0
while [ $i -lt "$STAGES" ]; do
    printf '  s%d: {cmd: [sh, -c, "echo %d > outs/o"], outs: {o: o}}\n' $i $i >> "$work/pipeline.yaml"
    i=$((i + 1))
done
cd "$work"
# The start of the program and the trial of namespaces are shared by the stages.
once() { # NAME ARGUMENTS
    name=$1
    shift
    begin=$(date +%s%N)
    "$REPRISE" run -q -f -j 1 "$@" > /dev/null 2>&1
    echo "$begin $(date +%s%N)" | awk -v n="$STAGES" '{printf "%.3f\n", ($2 - $1) / 1e6 / n}' >> "$work/$name.times"
}
round() {
    once off --sandbox=off
    once auto --sandbox=auto
    REPRISE_NAMESPACES=none once bare --sandbox=auto
}
round
rm -f "$work"/*.times
i=0
while [ $i -lt "$ROUNDS" ]; do
    round
    i=$((i + 1))
done
median() { sort -n | awk '{t[NR] = $1} END {printf "%.2f", t[int((NR + 1) / 2)]}'; }
best() { sort -n "$1" | head -n 1; }
for name in off auto bare; do
    more=$(paste "$work/off.times" "$work/$name.times" | awk '{print $2 - $1}' | median)
    printf '%-5s %6s ms a stage, %5s more than without; best %s\n' $name "$(median < "$work/$name.times")" "$more" "$(best "$work/$name.times")"
done
