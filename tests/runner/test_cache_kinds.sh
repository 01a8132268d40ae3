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
    link) ln -s nowhere "$2" ;;
    loop) ln -s "${2##*/}" "$2" ;;
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
mended link $files
# And deeper: whatever has the place of a folder that shards have, of a blob, of an action.
below() { (cd "$here/whole/cache" && find "$1" -mindepth "$2" -maxdepth "$2" | sort | head -n 3); }
for kind in folder pipe file link loop; do
    mended $kind $(below objects 1) $(below actions 1) $(below objects 2) $(below actions 2)
done
# In place of what a stage that fails leaves, and of what is made for one that runs.
cp -a "$here/whole" "$project"
echo 'echo why; exit 1' > "$project/stages/side.sh"
r run -k
result=0
for kind in folder pipe file link loop; do
    put $kind "$project/cache/logs/side.log"
    timeout -s KILL 20 "$reprise" -C "$project" run -k > "$here/out" 2> "$here/err" < /dev/null
    r log side
    [ "$(cat "$here/out")" = why ] || { echo "# a $kind in place of a log: $(cat "$here/err")"; result=1; }
done
ok $result log_of_a_stage_that_fails_is_kept_whatever_lies_in_its_place
sed -i 's/echo why.*/touch "$REPRISE_STAGE.ran"; exit 1/' "$project/stages/side.sh"
r run -k --keep-work
work=$(cd "$project/cache/work" && ls | head -n 1)
result=0
for kind in folder pipe file link loop; do
    for name in "$work" "$work/run" "$work/log" "$work/checkpoint" "$work/kept" "$(printf '%064d' 1)"; do
        chmod -R u+w "$project/cache/work"
        put $kind "$project/cache/work/$name"
        for arguments in "run -k" "run -k --keep-work"; do
            timeout -s KILL 20 "$reprise" -C "$project" $arguments > "$here/out" 2> "$here/err" < /dev/null
            grep -q '^side *failed: exit status 1' "$here/err" || { echo "# a $kind in place of work/$name: $(cat "$here/err")"; result=1; }
        done
    done
done
ok $result a_stage_runs_whatever_lies_in_place_of_its_folders
[ -n "$work" ] && ! ls "$project/cache/work" | grep -q '^0*1$'
ok $? what_is_no_folder_of_a_stage_is_removed
put file "$project/cache/tmp/1-abcdef"
put link "$project/cache/tmp/2-abcdef"
r run -k && r run -f data
[ -z "$(ls "$project/cache/tmp")" ]
ok $? what_is_no_folder_of_a_process_is_removed
finish
