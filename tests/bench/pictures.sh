#!/bin/sh
# How fast are pictures imported, and in how much memory? COUNT generated ones of 96 to 160 pixels a side, half JPEG and half PNG, in
# ten class folders, become a data set of SIDE x SIDE: decoded, looked through for equal ones, cropped, resized, parted and written.
# The peer is Pillow in as many processes as there are processors, with the same work but for parting, in the same run; PYTHON must
# have pillow and numpy, else it is left out. Files are read once before, so that both find them in the page cache.
#
#   tests/bench/pictures.sh                           100,000 pictures: 10 minutes and 4 GB of TMPDIR
#   COUNT=5000 ROUNDS=3 PYTHON=venv/bin/python tests/bench/pictures.sh
#
# The import may have no more than MEMORY MB of its own (ulimit -d), which is what it must be content with; pages of the file
# that holds the pixels meanwhile come and go as the kernel likes, and count in the peak of all that is resident.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/${BUILD:-build}
COUNT=${COUNT:-100000} SIDE=${SIDE:-64} ROUNDS=${ROUNDS:-1} MEMORY=${MEMORY:-128} PYTHON=${PYTHON:-python3}
[ -x "$build/tests/bench/bench_pictures" ] || { echo "make bench builds $build/tests/bench/bench_pictures"; exit 1; }
processors=$(nproc)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
needed=$((COUNT * (16 + SIDE * SIDE * 3 / 1024 * 2) / 1024))
free=$(df -Pm "$work" | awk 'END { print $4 }')
[ "$free" -ge "$needed" ] || { echo "$needed MB are needed in $work, $free are free: set TMPDIR or COUNT"; exit 1; }

i=0
while [ $i -lt "$processors" ]; do
    part=$((COUNT * i / processors))
    "$build/tests/bench/bench_pictures" "$work/pictures" $part $((COUNT * (i + 1) / processors - part)) &
    i=$((i + 1))
done
wait
find "$work/pictures" -type f -exec cat {} + | wc -c | awk -v n="$COUNT" '{ printf "%d pictures, %.0f MB\n", n, $1 / 1e6 }'

# watch PID FILE: the largest memory of its own (RssAnon) and of all that was resident, in MB.
watch() {
    while [ -r "/proc/$1/status" ]; do
        awk '/^RssAnon/ { own = $2 } /^VmHWM/ { all = $2 } END { if (all) print own, all }' "/proc/$1/status" 2> /dev/null || :
        sleep 0.05
    done | awk '{ own = $1 > own ? $1 : own; all = $2 > all ? $2 : all } END { printf "%.0f %.0f\n", own / 1000, all / 1000 }' > "$2"
}
now() { date +%s.%N; }
tell() { # NAME BEGIN END [OWN ALL]
    echo "$@" | awk -v n="$COUNT" '{ printf "%-8s %7.1f s, %6.0f pictures/s", $1, $3 - $2, n / ($3 - $2); if (NF > 3) printf ", at most %d MB of its own, %d MB resident", $4, $5; print "" }'
}
ours() {
    rm -rf "$work/run" && mkdir -p "$work/run/checkpoint"
    printf '{"stage": "import", "key": "0", "params": {"image_size": %s}, "deps": {"pictures": "%s"}, "outs": {"dataset": "dataset"},
        "checkpoint": "checkpoint", "project": ".", "resources": {"threads": %s}, "device": "cpu"}\n' "$SIDE" "$work/pictures" "$processors" > "$work/run/stage.json"
    begin=$(now)
    (cd "$work/run" && ulimit -d $((MEMORY * 1024)) && exec "$build/stages/import" stage.json) > "$work/log" 2>&1 &
    pid=$!
    watch $pid "$work/memory" &
    wait $pid || { cat "$work/log"; exit 1; }
    end=$(now)
    wait
    tell import "$begin" "$end" "$(cat "$work/memory")"
}
theirs() {
    begin=$(now)
    "$PYTHON" tests/bench/pillow_pictures.py "$work/pictures" "$work/pillow.npy" "$SIDE" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    tell pillow "$begin" "$(now)"
    rm "$work/pillow.npy"
}
peer=$("$PYTHON" -c 'import numpy, PIL; print(PIL.__version__)' 2> /dev/null) || { peer=; echo "pillow: '$PYTHON' has no pillow and numpy, left out"; }
[ -z "$peer" ] || echo "pillow $peer, $processors processors"
round=0
while [ $round -lt "$ROUNDS" ]; do
    ours
    [ -z "$peer" ] || theirs
    round=$((round + 1))
done
