#!/bin/sh
# Something of another kind in place of what the runner keeps in cache/: the next run puts it right, and waits for nothing.
. tests/runner/project.sh
make_project small
r run
mv "$project" "$here/whole"

# put KIND PATH
put() {
    rm -rf "$2" && mkdir -p "${2%/*}"
    case $1 in
    folder) mkdir -p "$2/sub" && echo full > "$2/sub/file" ;;
    pipe) mkfifo "$2" ;;
    file) echo text > "$2" ;;
    esac
}
# mended KIND NAME...: a run, a forced one and verify pass, each within 20 s, and then nothing is left to do.
mended() {
    kind=$1
    result=0
    shift
    for name; do
        cp -a "$here/whole" "$project"
        put "$kind" "$project/cache/$name"
        for arguments in "run" "run -f data" "verify" "status"; do
            timeout -s KILL 20 "$reprise" -C "$project" $arguments > "$here/out" 2> "$here/err" < /dev/null && continue
            echo "# a $kind in place of $name: reprise $arguments failed: $(tail -n 1 "$here/err")"
            result=1
        done
        rm -rf "$project"
    done
    ok $result "run_replaces_a_${kind}_in_the_cache"
}
files="published delivered.json answers.json lock-stamp run.lock key-locks memo"
mended folder $files
mended pipe $files tmp work refused aside logs scratch objects actions
mended file tmp work refused aside logs scratch objects actions
finish
