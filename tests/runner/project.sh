# A small project in a temporary folder, for the shell tests of the runner, and the functions that print TAP.
# Sourced from the repository's root. Stages append their name to $ran, so a test sees what executed.
set -u
BUILD=$(cd "${BUILD:-build}" && pwd)
reprise=$BUILD/reprise
# Memory where there is enough (a container may have little): the runner flushes every file to disk. ON=FOLDER: there.
roomy() { [ -w "$1" ] && [ "$(df -Pk "$1" | awk 'NR == 2 {print $4}')" -gt 500000 ]; }
# ON=open: where a sandboxed stage sees the machine's files. Below /tmp, /dev/shm, /run and /var it has its own or none, and what lies there
# would not show what else keeps it away.
open_place() {
    for folder in "$BUILD" /home /srv /mnt /media; do
        case $(cd "$folder" 2> /dev/null && pwd -P)/ in /tmp/* | /dev/shm/* | /run/* | /var/* | /) ;; *) [ ! -w "$folder" ] || { echo "$folder"; return; } ;; esac
    done
    return 1
}
[ "${ON:-}" != open ] || ON=$(open_place) || { printf 'ok 1 - all # SKIP no folder is writable that a sandboxed stage would see\n1..1\n'; exit 0; }
here=$(TMPDIR=${ON:-$(roomy /dev/shm && echo /dev/shm || echo "${TMPDIR:-/tmp}")} mktemp -d)
ran=$here/ran
. tests/tap.sh
tap_shows="$here/out $here/err"
trap 'chmod -R u+w "$here" 2>/dev/null; rm -rf "$here"' EXIT
# The runner must not see the caller's terminal settings.
unset NO_COLOR

# r ARGUMENTS: runs reprise in the project; output in $here/out and $here/err, status in $status.
r() {
    "$reprise" -C "$project" "$@" > "$here/out" 2> "$here/err"
    status=$?
}
flip() { # flips a bit of the first byte and sets the time back
    touch -r "$1" "$here/time"
    mode=$(stat -c %a "$1")
    chmod u+w "$1"
    byte=$(od -An -tu1 -N1 "$1")
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" conv=notrunc status=none
    touch -r "$here/time" "$1"
    chmod "$mode" "$1"
}
# listen_at PATH: a service outside, on a socket of the file system; $listener is its process.
listen_at() {
    perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un($ARGV[0])) && listen($s, 99) or die; sleep 900' "$1" &
    listener=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -S "$1" ] && break; sleep 0.1; done
}
# executed: the stages that ran since the last call, sorted, on one line.
executed() { [ -f "$ran" ] && sort "$ran" | tr '\n' ' '; rm -f "$ran"; }

# make_project NAME: data -> double, data + extra.txt -> side; both -> report.
make_project() {
    project=$here/$1
    mkdir -p "$project/stages"
    cat > "$project/pipeline.yaml" <<'YAML'
vars: {seed: 1, unused: 0, scale: 2, bound: 1, delay: 0}
stages:
  data:
    cmd: sh stages/data.sh
    deps: {lib: stages/stage.sh}
    params: {seed: "${seed}", unused: "${unused}", delay: "${delay}"}
    outs: {data: data}
  double:
    cmd: sh stages/double.sh
    deps: {data: data.data, lib: stages/stage.sh}
    params: {scale: "${scale}"}
    outs: {result: result.json}
    metrics: [result]
    require: {result.value: ">= ${bound}"}
  side:
    cmd: sh stages/side.sh
    deps: {data: data.data, extra: extra.txt, lib: stages/stage.sh}
    outs: {copy: copy.txt}
  report:
    cmd: sh stages/report.sh
    deps: {result: double.result, copy: side.copy, lib: stages/stage.sh}
    outs: {report: {path: report, publish: reports}}
YAML
    cat > "$project/stages/stage.sh" <<SH
# at TABLE NAME: a path of stage.json, which has one member a line and tables in sorted order.
at() { sed -n '/^  "'"\$1"'": {/,/^  }/s/^    "'"\$2"'": "\\{0,1\\}\\([^",]*\\)"\\{0,1\\},\\{0,1\\}\$/\\1/p' "\$REPRISE_STAGE"; }
echo "\$0" | sed 's/.*stages.\\(.*\\).sh/\\1/' >> "$ran"
SH
    cat > "$project/stages/data.sh" <<'SH'
. "${0%/*}/stage.sh"
out=$(at outs data)
mkdir -p "$out/sub" || exit 1
echo "making data"
at params seed > "$out/seed.txt"
printf '{"event":"progress","what":"epoch 1/2","done":1,"total":4,"unit":"step"}\n' >&3
printf '{"event":"metric","name":"loss","value":0.5,"step":1}\n{"event":"note","text":"a note"}\nno JSON\n' >&3
sleep "$(at params delay)"
echo fixed > "$out/sub/fixed.txt"
SH
    cat > "$project/stages/double.sh" <<'SH'
. "${0%/*}/stage.sh"
echo "{\"value\": $(($(cat "$(at deps data)/seed.txt") * $(at params scale)))}" > "$(at outs result)"
SH
    cat > "$project/stages/side.sh" <<'SH'
. "${0%/*}/stage.sh"
cat "$(at deps data)/sub/fixed.txt" "$(at deps extra)" > "$(at outs copy)"
SH
    cat > "$project/stages/report.sh" <<'SH'
. "${0%/*}/stage.sh"
out=$(at outs report)
mkdir "$out" && cat "$(at deps result)" "$(at deps copy)" > "$out/index.html"
SH
    echo extra > "$project/extra.txt"
}
