#!/bin/bash
# Images a second in training on a CPU, Reprise against PyTorch and Keras in the same minutes: `make bench-train`.
#
#   tests/bench/train.sh                                 all rows
#   ROWS="resnet50-head resnet20-all" tests/bench/train.sh
#   PYTHON=python3 names a Python with torch, torchvision and timm, or keras and tensorflow; without them Reprise's own figures alone are printed.
#   PRECISIONS="f32 bf16", ROUNDS=5, MODES="eager compile keras"
#
# A row is a network of train_cpu.c and what of it works. All programs of a row are started, warmed up, and asked in turn, ROUNDS
# times; the figures are medians, and the ratio is to the best of the others. PyTorch gets jemalloc where there is one
# (LD_PRELOAD, nothing returned to the system), channels_last, inference mode for what is frozen, and torch.compile with freezing.
# The machine's peak is one large product of matrices in each thread, measured before each row; `of peak` is what the products of a
# frozen base come to, of that.
set -eu
cd "$(dirname "$0")/../.."
ours=${BUILD:-build}/tests/bench/train_cpu
PYTHON=${PYTHON:-python3} ROUNDS=${ROUNDS:-5} MODES=${MODES:-eager compile keras} PRECISIONS=${PRECISIONS:-f32 bf16}
ROWS=${ROWS:-resnet50-head resnet50-top mobilenet-head mobilenet-top efficientnet_lite0-head efficientnet_lite0-top efficientnet_lite0-all resnet20-all}
[ -x "$ours" ] || { echo "$ours is missing: run make bench" >&2; exit 2; }
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
pids=
stop_all() {
    # shellcheck disable=SC2086 # one number a word
    [ -z "$pids" ] || { kill $pids 2> /dev/null; wait $pids 2> /dev/null; } || true
    pids=
}
trap 'stop_all; rm -rf "$work"' EXIT
leave_out() { # PEER MODULES MODE...: where the modules are not there
    local peer=$1 modules=$2 mode
    shift 2
    "$PYTHON" -c "import $modules" 2> /dev/null && return
    echo "$peer: not found, left out" >&2
    for mode; do MODES=$(printf '%s\n' $MODES | grep -vx "$mode" | xargs); done
}
leave_out PyTorch torch,torchvision,timm eager compile
leave_out Keras keras,tensorflow keras
jemalloc=$(ldconfig -p | awk '/libjemalloc\.so/ {print $NF; exit}')
[ -n "$jemalloc" ] || [ -z "$MODES" ] || echo "jemalloc: not found, PyTorch goes without" >&2

program() { # NAME, the rest its row
    name=$1
    shift
    case $name in
    peak) exec "$ours" peak product "$3" ;;
    reprise) exec "$ours" "$@" ;;
    keras) exec "$PYTHON" tests/bench/train_cpu_keras.py "$@" ;;
    *)
        [ -z "$jemalloc" ] || export LD_PRELOAD="$jemalloc" MALLOC_CONF=metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1
        exec "$PYTHON" tests/bench/train_cpu.py "$@" "$name"
        ;;
    esac
}
declare -A to from
start() { # NAME, the rest its row: waits until it is warm
    local in out words
    mkfifo "$work/$1.in" "$work/$1.out"
    program "$@" < "$work/$1.in" > "$work/$1.out" 2> "$work/$1.log" &
    pids="$pids $!"
    exec {in}> "$work/$1.in" {out}< "$work/$1.out"
    to[$1]=$in from[$1]=$out
    read -r words <&"$out" || { echo "$1: $(tail -n 1 "$work/$1.log")" >&2; return 1; }
    echo "$words" > "$work/$1.words"
}
ask() { # NAME
    local figure
    echo go >&"${to[$1]}" && read -r figure <&"${from[$1]}" && echo "$figure" >> "$work/$1.figures"
}
median() { sort -n "$1" | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
spread() { sort -n "$1" | awk '{v[NR] = $1} END {printf "%.0f%%", 100 * (v[NR] - v[1]) / v[int((NR + 1) / 2)]}'; }

"$ours" about
for peer in torch torchvision timm keras tensorflow; do
    "$PYTHON" -c "import $peer; print('$peer', $peer.__version__)" 2> /dev/null || true
done
printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' network work precision "Reprise, images/s" spread "others, images/s ($(echo $MODES | tr ' ' ','))" ratio "of peak"
echo "|---|---|---|---|---|---|---|---|"
failed=0
for row in $ROWS; do
    for precision in $PRECISIONS; do
        rm -f "$work"/*
        programs=
        for name in peak reprise $MODES; do
            if start "$name" "${row%-*}" "${row#*-}" "$precision"; then programs="$programs $name"; fi
        done
        for ((round = 0; round < ROUNDS; round++)); do
            for name in $programs; do ask "$name" || true; done
        done
        for name in "${!to[@]}"; do
            in=${to[$name]} out=${from[$name]}
            exec {in}>&- {out}<&-
        done
        to=() from=()
        stop_all
        if ! [ -s "$work/reprise.figures" ]; then # it has said why; a processor without bf16 is no failure
            grep -q 'neither avx512_bf16 nor amx_bf16' "$work/reprise.log" || failed=1
            continue
        fi
        best= all=
        for mode in $MODES; do
            [ -s "$work/$mode.figures" ] || { all="$all${all:+, }-"; continue; }
            figure=$(median "$work/$mode.figures")
            all="$all${all:+, }$figure"
            best=$(printf '%s\n' $best "$figure" | sort -n | tail -n 1)
        done
        share=
        [ ! -s "$work/peak.figures" ] || case $row in *-head) share=$(awk -v g="$(cut -d' ' -f2 "$work/reprise.words")" -v i="$(median "$work/reprise.figures")" \
            -v p="$(median "$work/peak.figures")" 'BEGIN {printf "%.0f%% of %.0f GFLOP/s", 100 * g * i / p, p}') ;; esac
        awk -v row="$row" -v precision="$precision" -v ours="$(median "$work/reprise.figures")" -v spread="$(spread "$work/reprise.figures")" \
            -v all="$all" -v best="$best" -v share="$share" 'BEGIN {
                split(row, part, "-")
                printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", part[1], part[2], precision, ours, spread, all, (best ? sprintf("%.2f", ours / best) : ""), share }'
    done
done
exit $failed
