#!/bin/sh
# Seconds an epoch of both phases, Reprise against Keras on the TensorFlow backend: same data (generated, at 224x224), same
# network with random weights, batch 32, augmentation on, validation included, all cores. Reprise's time is the
# difference between a long and a short run, so that starting up counts for neither. Beside it, what progress and checkpoints took of it.
#
#   PYTHON=python3 tests/bench/transfer.sh [mobilenet|resnet50] [EPOCHS] [TRAINING IMAGES]
#
# PYTHON must have keras and tensorflow; without it only Reprise's numbers are printed.
set -eu
cd "$(dirname "$0")/../.."
architecture=${1:-mobilenet}
epochs=${2:-2}
limit=${3:-3000}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cp pipeline.yaml "$work/"
ln -s "$PWD/${BUILD:-build}" "$work/build"
case $architecture in
mobilenet) profile=cifar10-mobilenet unfrozen='[_12, _13]' ;;
resnet50) profile=cifar10 unfrozen='[conv5]' ;;
*) echo "usage: tests/bench/transfer.sh [mobilenet|resnet50] [EPOCHS] [TRAINING IMAGES]" >&2; exit 2 ;;
esac

# seconds PHASE EPOCHS: runs up to that phase, prints its seconds.
seconds() {
    "$work/build/reprise" run -C "$work" --json --profile $profile \
        --set dataset.url=sample:objects --set "dataset.sha256=$(sed -n '/sample:objects/{n;s/.*: //p}' pipeline.yaml)" \
        --set "dataset.train_limit=$limit" --set weights.url=null --set weights.file=null --set weights.from=null \
        --set train.preflight=off --set augment.rotation=0.1 --set phase1.augment=true --set phase2.augment=true \
        --set phase1.early_stopping=null --set phase2.early_stopping=null --set "phase2.trainable=$unfrozen" \
        --set "phase1.epochs=$3" --set "phase2.epochs=$2" "$1" 2> "$work/log" > "$work/run.json" || { cat "$work/log" >&2; exit 1; }
    tr -d ' \n' < "$work/run.json" | sed -E "s/.*(\{[^{}]*\"stage\":\"$1\"[^{}]*\}|\{[^{}]*\"name\":\"$1\"[^{}]*\}).*/\1/; s/.*\"seconds\":([0-9.e-]+).*/\1/"
}
long=$((epochs + 1))
for phase in phase1 phase2; do
    case $phase in
    phase1) short=$(seconds phase1 1 1); full=$(seconds phase1 1 $long) ;;
    phase2) short=$(seconds phase2 1 1); full=$(seconds phase2 $long 1) ;;
    esac
    sed -n "s/^$phase .*trained [0-9.]* s: /$phase  of its time /p" "$work/log" >&2
    echo "$phase $short $full" | awk -v n="$epochs" '{printf "%s %.3f\n", $1, ($3 - $2) / n}'
done > "$work/reprise.txt"
if "${PYTHON:-python3}" -c 'import keras' 2> /dev/null; then
    "${PYTHON:-python3}" tests/bench/keras_transfer.py "$work/artifacts" "$architecture" "$epochs" > "$work/keras.txt" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
else
    echo "keras: not found, left out" >&2
    : > "$work/keras.txt"
fi
awk -v n="$limit" 'FILENAME == ARGV[1] {keras[$1] = $2; next} {
    printf "%s  reprise %.2f s/epoch (%.0f images/s)", $1, $2, n / $2
    if ($1 in keras) printf "  keras %.2f s/epoch  ratio %.2f", keras[$1], keras[$1] / $2
    print ""
}' "$work/keras.txt" "$work/reprise.txt"
