#!/bin/sh
# Runs a profile with several seeds, one after the other, and prints what each reached: the validation accuracy of what phase 2
# kept, the test accuracy with its 95% interval (Wilson 1927), and minutes by the clock. Recipes are chosen by
# the validation accuracy; the test set is there to be looked at once.
#
#   tests/bench/recipes.sh PROFILE [--seeds "1 2 3"] [OPTION OF reprise run]...
#
#   tests/bench/recipes.sh cifar10-mobilenet --set weights.url=file:/data/mobilenet_2_5_224_tf_no_top.h5
#
# In a copy of the build under $TMPDIR, with a cache of its own that the seeds share; nothing of the project changes.
set -eu
seeds="1 2 3"
[ $# -ge 1 ] || { echo "usage: tests/bench/recipes.sh PROFILE [--seeds LIST] [OPTION]..." >&2; exit 2; }
profile=$1
shift
if [ "${1-}" = --seeds ]; then seeds=$2; shift 2; fi
[ -x build/reprise ] || { echo "build/reprise is missing: run make" >&2; exit 2; }
here=$(mktemp -d)
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
cp -r build pipeline.yaml "$here"
cd "$here"
printf '%-6s %-11s %-9s %-19s %s\n' seed validation test "95% interval" minutes
for seed in $seeds; do
    start=$(date +%s)
    build/reprise run --profile "$profile" --set "seed=$seed" --set target=0 "$@" evaluate \
        > log 2>&1 || { cat log >&2; exit 1; }
    end=$(date +%s)
    # The best epoch's number, or the kept one's where that is another.
    kept=$(sed -n 's/.*"kept_epoch": *\([0-9]*\).*/\1/p' artifacts/phase2/history.json)
    [ -n "$kept" ] || kept=$(sed -n 's/.*"best_epoch": *\([0-9]*\).*/\1/p' artifacts/phase2/history.json)
    validation=$(tr -d ' \n' < artifacts/phase2/history.json | tr '{' '\n' | grep "\"epoch\":$kept," |
        sed -n 's/.*"val_accuracy":\([0-9.e-]*\).*/\1/p')
    n=$(sed -n 's/^ *"n": *\([0-9]*\).*/\1/p' artifacts/evaluate/metrics.json)
    test=$(sed -n 's/^ *"test_accuracy": *\([0-9.e-]*\).*/\1/p' artifacts/evaluate/metrics.json)
    awk -v seed="$seed" -v v="$validation" -v p="$test" -v n="$n" -v s=$((end - start)) 'BEGIN {
            z = 1.959964; d = 1 + z * z / n; m = (p + z * z / (2 * n)) / d
            h = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
            printf "%-6s %-11.4f %-9.4f %.4f to %.4f    %.1f\n", seed, v, p, m - h, m + h, s / 60 }'
done
