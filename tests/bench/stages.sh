#!/bin/sh
# How long does it take to find that nothing has to be done, with many stages? And to run many that do next to nothing?
#
#   tests/bench/stages.sh                     10, 100, 1,000 and 10,000 stages
#   STAGES="10 30000" tests/bench/stages.sh
#   DVC=... SNAKEMAKE=... NINJA=... names the programs; LIMIT is the most stages that DVC and Snakemake are given (100).
#
# Two graphs of each size: a chain, and as many stages beside each other on one file. Every stage copies its dep. All tools
# have the same graph, are run until nothing is to be done, and are then asked again in turn, ROUNDS times; the figures are
# medians in milliseconds, start of the process included, and how many times as long as Reprise. Then COLD stages (1,000) are
# run from nothing by Reprise and ninja.
#
# A tool that is not there is left out, by name. KEEP=1 leaves the folders.
set -eu
cd "$(dirname "$0")/../.."
REPRISE=${REPRISE:-$PWD/${BUILD:-build}/reprise}
STAGES=${STAGES:-10 100 1000 10000}
ROUNDS=${ROUNDS:-15}
LIMIT=${LIMIT:-100}
COLD=${COLD:-1000}
NINJA=${NINJA:-ninja} DVC=${DVC:-dvc} SNAKEMAKE=${SNAKEMAKE:-snakemake}
work=$(mktemp -d)
[ -n "${KEEP:-}" ] || trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# ninja follows a chain by recursion: 30,000 are more than the usual stack holds.
ulimit -s unlimited 2> /dev/null || ulimit -s "$(ulimit -Hs)" 2> /dev/null || true

has() { command -v "$1" > /dev/null; }
for tool in "$NINJA" "$DVC" "$SNAKEMAKE"; do has "$tool" || echo "$tool: not found, left out"; done

generate() { # FOLDER SHAPE COUNT
    mkdir -p "$1/reprise" "$1/ninja" "$1/dvc" "$1/snakemake"
    for tool in reprise ninja dvc snakemake; do echo x > "$1/$tool/out0"; done
    printf 'cat "$1" > "$2"\necho >> "$2"\n' > "$1/reprise/copy.sh"
    awk -v shape="$2" -v count="$3" -v to="$1" 'BEGIN {
        r = to "/reprise/pipeline.yaml"; n = to "/ninja/build.ninja"; d = to "/dvc/dvc.yaml"; s = to "/snakemake/Snakefile"
        print "stages:" > r; print "stages:" > d
        printf "rule copy\n  command = cat $in > $out && echo >> $out\n" > n
        printf "rule all:\n    input: " > s
        for (i = 1; i <= count; i++) if (shape == "wide" || i == count) printf "%s\"out%d\"", (shape == "wide" && i > 1 ? ", " : ""), i > s
        print "" > s
        for (i = 1; i <= count; i++) {
            from = shape == "wide" ? 0 : i - 1
            printf "  s%d:\n    cmd: sh copy.sh ${deps.in} ${outs.out}\n    deps: {in: %s}\n    outs: {out: out%d}\n", i, (from == 0 ? "out0" : "s" from ".out"), i > r
            printf "build out%d: copy out%d\n", i, from > n
            printf "  s%d:\n    cmd: cat out%d > out%d && echo >> out%d\n    deps: [out%d]\n    outs: [out%d]\n", i, from, i, i, from, i > d
            printf "rule s%d:\n    input: \"out%d\"\n    output: \"out%d\"\n    shell: \"cat {input} > {output} && echo >> {output}\"\n", i, from, i > s
        }
    }'
}

ask() { # TOOL, in its folder
    case $1 in
    reprise) "$REPRISE" run -q ;;
    ninja) "$NINJA" --quiet ;;
    dvc) "$DVC" repro -q ;;
    snakemake) "$SNAKEMAKE" -q all -c 2 all ;;
    esac > /dev/null 2>&1
}
milliseconds() { # TOOL
    begin=$(date +%s%N)
    ask "$1"
    echo "$begin $(date +%s%N)" | awk '{printf "%.3f\n", ($2 - $1) / 1e6}'
}
median() { sort -n "$1" | awk '{t[NR] = $1} END {print t[int((NR + 1) / 2)]}'; }

tools_for() { # COUNT
    echo reprise
    has "$NINJA" && echo ninja
    if [ "$1" -le "$LIMIT" ]; then
        has "$DVC" && echo dvc
        has "$SNAKEMAKE" && echo snakemake
    fi
    return 0
}

measure() { # SHAPE COUNT
    place=$work/$1-$2
    generate "$place" "$1" "$2"
    tools=
    for tool in $(tools_for "$2"); do
        cd "$place/$tool"
        [ $tool != dvc ] || { "$DVC" init -q --no-scm && "$DVC" config core.analytics false; } > /dev/null 2>&1
        if ask $tool; then tools="$tools $tool"; else echo "$tool: its first run failed, left out"; fi
    done
    sleep 3 # what is younger than the clock's tick is looked at again
    for tool in $tools; do
        cd "$place/$tool"
        ask $tool
    done
    round=0
    while [ $round -lt "$ROUNDS" ]; do
        for tool in $tools; do
            cd "$place/$tool"
            milliseconds $tool >> "$place/$tool.times"
        done
        round=$((round + 1))
    done
    base=$(median "$place/reprise.times")
    for tool in $tools; do
        median "$place/$tool.times" | awk -v shape="$1" -v count="$2" -v tool=$tool -v base="$base" \
            '{printf "nothing to do  %-6s %6d  %-10s %9.1f ms  %8.2f x reprise\n", shape, count, tool, $1, $1 / base}'
    done
    cd "$work"
    [ -n "${KEEP:-}" ] || { chmod -R u+w "$place" && rm -rf "$place"; }
}

cold() { # COUNT
    for round in 1 2 3; do
        place=$work/cold-$round
        generate "$place" wide "$1"
        for tool in reprise $(has "$NINJA" && echo ninja); do
            cd "$place/$tool"
            milliseconds $tool >> "$work/cold-$tool.times"
        done
        cd "$work"
        chmod -R u+w "$place"
        rm -rf "$place"
    done
    base=$(median "$work/cold-reprise.times")
    for tool in reprise $(has "$NINJA" && echo ninja); do
        median "$work/cold-$tool.times" | awk -v count="$1" -v tool=$tool -v base="$base" \
            '{printf "from nothing   wide   %6d  %-10s %9.1f ms  %8.2f x reprise  %.2f ms each\n", count, tool, $1, $1 / base, $1 / count}'
    done
}

for count in $STAGES; do
    measure chain "$count"
    measure wide "$count"
done
[ "$COLD" -eq 0 ] || cold "$COLD"
