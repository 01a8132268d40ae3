#!/bin/sh
# How long does it take to find that nothing has to be done? A chain of ten stages, each of which copies 1 MiB, has run;
# then every tool is asked again, in turn, ROUNDS times. Prints the median in milliseconds and the ratio to reprise.
#
#   DVC=dvc SNAKEMAKE=snakemake NINJA=ninja SAMU=samu tests/bench/noop.sh
#
# A tool that is not there is left out, by name.
set -eu
cd "$(dirname "$0")/../.."
BUILD=$PWD/${BUILD:-build}
ROUNDS=${ROUNDS:-9}
STAGES=10
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
head -c 1048576 /dev/zero > "$work/input"

mkdir "$work/reprise" "$work/dvc" "$work/snakemake" "$work/ninja"
for tool in reprise dvc snakemake ninja; do cp "$work/input" "$work/$tool/out0"; done

# reprise
cat > "$work/reprise/copy.sh" <<'END'
# Takes the paths from the stage's description; its last line holds the only dep and the only out.
in=$(sed -n 's/.*"in": "\([^"]*\)".*/\1/p' "$REPRISE_STAGE")
out=$(sed -n 's/.*"out": "\([^"]*\)".*/\1/p' "$REPRISE_STAGE")
cat "$in" > "$out"
echo >> "$out"
END
{
    echo "stages:"
    i=1
    while [ $i -le $STAGES ]; do
        [ $i = 1 ] && dep=out0 || dep=s$((i - 1)).out
        printf '  s%d:\n    cmd: sh copy.sh\n    deps: {in: %s}\n    outs: {out: out%d}\n' $i "$dep" $i
        i=$((i + 1))
    done
} > "$work/reprise/pipeline.yaml"
(cd "$work/reprise" && "$BUILD/reprise" run -q)

# The others read and write out0 .. out10 in their folder.
{
    echo "stages:"
    i=1
    while [ $i -le $STAGES ]; do
        printf '  s%d:\n    cmd: cp out%d out%d && echo >> out%d\n    deps: [out%d]\n    outs: [out%d]\n' $i $((i - 1)) $i $i $((i - 1)) $i
        i=$((i + 1))
    done
} > "$work/dvc/dvc.yaml"
{
    printf 'rule all:\n    input: "out%d"\n' $STAGES
    i=1
    while [ $i -le $STAGES ]; do
        printf 'rule s%d:\n    input: "out%d"\n    output: "out%d"\n    shell: "cp {input} {output} && echo >> {output}"\n' $i $((i - 1)) $i
        i=$((i + 1))
    done
} > "$work/snakemake/Snakefile"
{
    printf 'rule copy\n  command = cp $in $out && echo >> $out\n'
    i=1
    while [ $i -le $STAGES ]; do
        printf 'build out%d: copy out%d\n' $i $((i - 1))
        i=$((i + 1))
    done
} > "$work/ninja/build.ninja"

tools="reprise"
command_of() {
    case $1 in
    reprise) echo "$BUILD/reprise run -q" ;;
    dvc) echo "${DVC:-dvc} repro -q" ;;
    snakemake) echo "${SNAKEMAKE:-snakemake} -q all -c 2" ;;
    ninja) echo "${NINJA:-ninja} --quiet" ;;
    samurai) echo "${SAMU:-samu}" ;;
    esac
}
folder_of() {
    [ "$1" = samurai ] && set -- ninja
    echo "$work/$1"
}
for tool in dvc snakemake ninja samurai; do
    set -- $(command_of $tool)
    if ! command -v "$1" > /dev/null; then
        echo "$tool: not found, left out" >&2
        continue
    fi
    [ $tool = dvc ] && (cd "$work/dvc" && "$1" init -q --no-scm && "$1" config core.analytics false)
    (cd "$(folder_of $tool)" && "$@" > /dev/null 2>&1) || { echo "$tool: its first run failed, left out" >&2; continue; }
    tools="$tools $tool"
done

round=0
while [ $round -lt "$ROUNDS" ]; do
    for tool in $tools; do
        cd "$(folder_of $tool)"
        start=$(date +%s%N)
        $(command_of $tool) > /dev/null 2>&1
        end=$(date +%s%N)
        echo $(((end - start) / 1000)) >> "$work/$tool.times"
    done
    round=$((round + 1))
done
for tool in $tools; do
    sort -n "$work/$tool.times" | awk -v tool=$tool '{t[NR] = $1} END {printf "%s %.1f\n", tool, t[int((NR + 1) / 2)] / 1000}'
done | awk 'NR == 1 {base = $2} {printf "%-10s %9.1f ms   %7.1f x reprise\n", $1, $2, $2 / base}'
