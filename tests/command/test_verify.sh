#!/bin/sh
# verify names every damage, and run repairs it.
. tests/runner/project.sh
make_project one
r run

r verify
[ $status -eq 0 ] && grep -q '^verified: 4 stages' "$here/out"
ok $? untouched_project_verifies
cp "$project/pipeline.lock" "$here/lock"
result=0
for edit in 's/^          data:$/          dtaa:/' 's/^          copy:$/          cpoy:/' 's/^          result:$/          reslut:/' 's/^      data:$/      dtaa:/'; do
    sed "$edit" "$here/lock" > "$project/pipeline.lock"
    r verify
    { [ $status -eq 1 ] || [ $status -eq 102 ]; } && grep -q "^lock: " "$here/out" || { echo "# $edit: verify gave $status"; result=1; }
done
cp "$here/lock" "$project/pipeline.lock"
ok $result lock_that_lacks_an_out_or_a_stage_is_stale_and_ends_no_verify

# damage HOW FILES: every file in turn; the verdict must be 102 with its name, and a run must repair it.
damage() {
    result=0
    for file in $2; do
        [ -s "$file" ] || [ "$1" = rm ] || continue
        "$1" "$file"
        name=${file##*/}
        case $file in */objects/* | */actions/*) name=${name%.json} ;; esac
        r verify
        [ $status -eq 102 ] && grep -q "$name" "$here/out" || { echo "# $file: verify gave $status"; result=1; }
        r run
        [ $status -eq 0 ] || result=1
        r verify
        [ $status -eq 0 ] || { echo "# $file: not repaired"; result=1; }
    done
}
cp -r "$project/artifacts" "$here/good"
damage flip "$(find "$project/artifacts" -type f)"
ok $result flipped_artifact_is_named_and_repaired
remove() { rm -f "$1"; }
damage remove "$(find "$project/artifacts" -type f)"
ok $result deleted_artifact_is_named_and_repaired
executed > /dev/null
damage flip "$(find "$project/cache/objects" -type f)"
ok $result flipped_blob_is_named_and_repaired
damage remove "$(find "$project/cache/objects" -type f)"
ok $result deleted_blob_is_named_and_repaired
damage flip "$(find "$project/cache/actions" -type f)"
ok $result flipped_action_is_named_and_repaired
diff -r "$here/good" "$project/artifacts" > /dev/null
ok $? repairs_give_the_same_bytes

damage flip "$project/reports/index.html"
ok $result flipped_published_copy_is_named_and_repaired
damage remove "$project/reports/index.html"
ok $result deleted_published_copy_is_named_and_repaired
rm "$project/reports/index.html"
r status
grep -q "^report  modified: artifact or published copy of 'report' is missing" "$here/out" && r run
ok $? status_sees_a_published_copy_that_is_gone

echo more > "$project/artifacts/report/report/extra"
r verify
[ $status -eq 102 ] && r run && r verify && [ ! -e "$project/artifacts/report/report/extra" ]
[ $status -eq 0 ]
ok $? extra_file_in_an_artifact_is_found_and_removed

mv "$project/cache" "$here/cache"
r verify
[ $status -eq 0 ] && grep -q 'no cache here' "$here/out"
ok $? artifacts_verify_without_a_cache
rm -rf "$project/cache"
mv "$here/cache" "$project/cache"

sed -i 's/scale: 2/scale: 3/' "$project/pipeline.yaml"
r verify
[ $status -eq 1 ] && grep -q 'lock: double: its params changed' "$here/out"
ok $? stale_lock_exits_1
r status
grep -q '^double  would run: param scale: 2 -> 3$' "$here/out" && grep -q "^report  may run: after 'double'$" "$here/out" &&
    grep -q '^data    cached$' "$here/out"
ok $? status_says_what_would_run_and_why
r why double
grep -q 'param scale' "$here/out" && grep -q -- '- 2' "$here/out" && grep -q -- '+ 3' "$here/out"
ok $? why_shows_the_component_that_changed
sed -i 's/scale: 3/scale: 2/' "$project/pipeline.yaml"
echo changed > "$project/extra.txt"
r verify
[ $status -eq 1 ] && grep -q "dep 'extra' (extra.txt) changed" "$here/out"
ok $? changed_project_file_is_stale
echo extra > "$project/extra.txt"
r run --set scale=4
r verify
[ $status -eq 1 ] && grep -q 'lock: double: its params changed' "$here/out"
ok $? verify_holds_the_lock_against_the_pipeline_as_it_is_now
r verify --as-recorded
[ $status -eq 0 ] && grep -q '; --set scale=4$' "$here/out"
ok $? verify_as_recorded_uses_the_recorded_sets_and_names_them
r run
cp "$project/pipeline.yaml" "$here/plain.yaml"
r verify
! grep -q 'left over' "$here/out"
ok $? a_section_without_a_profile_is_of_the_file_that_has_none
sed -i 's/^vars:/profiles: {old: {scale: 5}, now: {scale: 6}}\n&/' "$project/pipeline.yaml"
r run --profile old
r run --profile now
sed -i 's/^profiles: {old: {scale: 5}, /profiles: {/' "$project/pipeline.yaml"
r verify
[ $status -eq 0 ] && grep -q "^left over: the section 'old' of .*pipeline.lock, a profile that .*pipeline.yaml does not have: not checked" "$here/out" && [ "$(grep -c '^left over' "$here/out")" -eq 1 ] &&
    r verify --json && grep -q "the section 'old'" "$here/out"
ok $? section_of_a_profile_that_is_gone_is_named
sed -i 's/^profiles:/profile: now\n&/' "$project/pipeline.yaml"
r verify
grep -q "^left over: the section '(none)' of .*, of runs without a profile" "$here/out"
ok $? section_without_a_profile_is_named_where_there_is_a_default
sed -i 's/^profile: now/profile: new/; s/{now:/{new:/' "$project/pipeline.yaml"
r verify
[ $status -eq 2 ] && grep -q "the last run was of profile 'now', which 'pipeline.yaml' does not have" "$here/err" && r verify --profile new && [ $status -eq 1 ]
ok $? that_what_was_delivered_is_of_a_profile_that_is_gone_is_told
cp "$here/plain.yaml" "$project/pipeline.yaml"
r run
rm "$project/pipeline.lock"
r verify
[ $status -eq 1 ] && grep -q 'run the pipeline first' "$here/err"
ok $? verify_without_a_lock_says_what_to_do

r run
result=0
for command in "run" "run -n -f" "status" "verify" "why double" "log" "log last" "metrics"; do
    r $command --json
    if command -v jq > /dev/null; then jq . "$here/out" > /dev/null || result=1; else
        case $(head -c 1 "$here/out") in [\{\[]) ;; *) result=1 ;; esac
    fi
    [ $status -eq 0 ] || result=1
done
ok $result json_results_are_json
result=0
"$reprise" --help > "$here/help"
for option in $(grep -oE -- '--[a-z-]+' "$here/help" | sort -u); do
    sed 's/\\//g' docs/reprise.1 | grep -qF -- "$option" || { echo "# the manual lacks $option"; result=1; }
done
for option in $(sed 's/\\//g' docs/reprise.1 | grep -oE -- '--[a-z-]+' | sort -u); do
    grep -qF -- "$option" "$here/help" || { echo "# nobody takes $option of the manual"; result=1; }
done
for command in $(sed -n 's/^  \([a-z]\{2,\}\)  .*/\1/p' "$here/help"); do
    grep -qE "^\.BI?R? \"?$command" docs/reprise.1 && "$reprise" "$command" --help | grep -q "^usage: reprise $command " || { echo "# the manual lacks $command"; result=1; }
done
ok $result manual_has_the_commands_and_options_that_there_are
printf 'seq 3; printf "a\\033]0;b\\377\\n"; exit 1\n' > "$project/stages/side.sh"
r run side
r log side --json
[ $status -eq 0 ] && grep -q '"failed": true' "$here/out" && grep -q '"log": "1\\n2\\n3\\na' "$here/out" && grep -q '"stage": "side"' "$here/out" &&
    { ! command -v jq > /dev/null || jq . "$here/out" > /dev/null; }
ok $? log_of_a_stage_is_json_where_that_is_asked
result=0
for i in 1 2 3 4 5 6 7 8; do r run -f data; done
for command in "log" "log --json" "log data" "log data --json" "status --json" "verify --json" "why data" "dag" "metrics" "run -n -f" "--help" "run --help"; do
    "$reprise" -C "$project" $command > /dev/full 2> "$here/err"
    [ $? -ne 0 ] && grep -q '^reprise: ' "$here/err" || { echo "# $command > /dev/full"; result=1; }
done
ok $result output_that_is_not_taken_is_a_failure
r log data
[ "$(head -n 1 "$here/out")" = "making data" ] && grep -qx 'a note' "$here/out"
ok $? log_of_a_stage_shows_what_it_printed_and_reported

# Nothing of the pipeline says what a frozen stage was made of; its action does.
make_project frozen
sed -i 's|^    outs: {data: data}|    env: [A, B, C, D]\n&|; s|^  double:|&\n    lineage: true|; s|^    cmd: .*|&\n    frozen: false|' "$project/pipeline.yaml"
bytes=$(printf 'a\377')
A='a "b' B='' C=$bytes r run
sed -i 's/frozen: false/frozen: true/' "$project/pipeline.yaml"
r verify --strict
[ $status -eq 0 ] && grep -q '^verified: 4 stages, .*; 4 frozen, not held against the pipeline$' "$here/out"
result=$?
cp "$project/pipeline.lock" "$here/lock"
for edit in 'param seed:s/seed: 1/seed: 2/' 'cmd:s|cmd: .sh, stages/data.sh.|cmd: [sh, stages/side.sh]|' 'executable stages/data.sh:s|\(stages/data.sh: \)[0-9a-f]\{8\}|\100000000|' \
    'env A:s/^\( *A: \)[0-9a-f]\{8\}/\100000000/' 'env C:s/^\( *C: \)[0-9a-f]\{8\}/\100000000/' 'env D:/^ *D: null/d' 'dep lineage:s/\(lineage: \)[0-9a-f]\{8\}/\100000000/' \
    'out copy:s/path: copy.txt/path: other.txt/' 'param unused:/^ *unused: 0/d'; do
    sed "${edit#*:}" "$here/lock" > "$project/pipeline.lock"
    r verify
    [ $status -eq 102 ] && grep -q "^cache: .*: '${edit%%:*}' is not what its action says: the lock was edited" "$here/out" || { echo "# $edit: exit $status"; result=1; }
done
ok $result edited_entry_of_a_frozen_stage_is_found
finish
