#!/bin/sh
# What a run executes, and what it leaves.
. tests/runner/project.sh
make_project one

r run
[ $status -eq 0 ] && [ "$(executed)" = "data double report side " ]
ok $? run_executes_every_stage_the_first_time
[ "$(cat "$project/artifacts/double/result.json")" = '{"value": 2}' ] &&
    [ "$(cat "$project/artifacts/data/data/sub/fixed.txt")" = fixed ] && [ -f "$project/reports/index.html" ]
ok $? run_brings_artifacts_and_publishes
[ "$(ls "$project/reports/runs" | grep -c json)" -eq 1 ] && grep -q '"value": 2' "$project"/reports/runs/*.json
ok $? run_leaves_a_record
[ -z "$(ls "$project/cache/tmp")" ] && [ -z "$(ls "$project/cache/work")" ]
ok $? run_leaves_nothing_temporary

cp "$project/pipeline.lock" "$here/lock"
before=$(stat -c %y.%i "$project/pipeline.lock")
r run
[ $status -eq 0 ] && [ -z "$(executed)" ] && grep -q '0 executed, 4 cached' "$here/err"
ok $? second_run_executes_nothing
[ "$(stat -c %y.%i "$project/pipeline.lock")" = "$before" ] && [ "$(ls "$project/reports/runs" | grep -c json)" -eq 1 ]
ok $? second_run_writes_nothing

r run --set scale=3
[ $status -eq 0 ] && [ "$(executed)" = "double report " ]
ok $? changed_param_reruns_exactly_its_dependants
r run --set unused=9
[ $status -eq 0 ] && [ "$(executed)" = "data " ]
ok $? equal_bytes_stop_the_rerun_early
r run
[ $status -eq 0 ] && [ -z "$(executed)" ] && cmp -s "$here/lock" "$project/pipeline.lock"
ok $? changing_back_executes_nothing_and_gives_the_same_lock
echo other > "$project/extra.txt"
r run
[ $status -eq 0 ] && [ "$(executed)" = "report side " ]
ok $? changed_file_reruns_its_dependants
echo extra > "$project/extra.txt"
echo '# a comment' >> "$project/stages/double.sh"
r run
[ $status -eq 0 ] && [ "$(executed)" = "double " ]
ok $? changed_script_reruns_its_stage

r run -n --set seed=5
[ $status -eq 0 ] && [ -z "$(executed)" ] && [ "$(tr '\n' ' ' < "$here/out")" = "data double side report " ]
ok $? dry_run_names_stages_and_runs_nothing
r run -f double
[ $status -eq 0 ] && [ "$(executed)" = "double " ]
ok $? force_executes_the_given_stage_again
r run -f
[ $status -eq 0 ] && [ "$(executed)" = "data double report side " ]
ok $? force_without_stages_executes_all
r run side --set seed=8
[ $status -eq 0 ] && [ "$(executed)" = "data side " ]
ok $? target_runs_with_what_is_upstream_only
r run --keep-work side --set seed=9
kept=$(dirname "$(ls "$project"/cache/work/*/kept | head -n 1)")/run
[ $status -eq 0 ] && [ -f "$kept/stage.json" ] && [ -d "$kept/deps" -o -d "$kept/outs" ]
ok $? keep_work_leaves_a_stage_to_try
executed > /dev/null

# The same pipeline somewhere else has the same keys.
make_project two/deeper
r run
executed > /dev/null
cmp -s "$here/lock" "$project/pipeline.lock"
ok $? another_folder_has_the_same_keys_and_digests
r run -j 1
[ -z "$(executed)" ]
ok $? number_of_threads_is_not_in_the_key

# Only what is declared comes from the environment.
echo 'env > "$(at outs copy)"' >> "$project/stages/side.sh"
SECRET=1 r run side
! grep -q SECRET "$project/artifacts/side/copy.txt" && grep -q '^TZ=UTC$' "$project/artifacts/side/copy.txt"
ok $? environment_is_clean
sed -i 's|cmd: sh stages/side.sh|&\n    env: [SECRET]|' "$project/pipeline.yaml"
executed > /dev/null
SECRET=1 r run side
first=$(executed)
SECRET=1 r run side
second=$(executed)
SECRET=2 r run side
[ "$first" = "side " ] && [ -z "$second" ] && [ "$(executed)" = "side " ] &&
    grep -q '^SECRET=2$' "$project/artifacts/side/copy.txt"
ok $? declared_environment_is_let_through_and_hashed

sed -i 's|cmd: sh stages/data.sh|&\n    frozen: true|' "$project/pipeline.yaml"
SECRET=2 r run
executed > /dev/null
SECRET=2 r run --set seed=77
[ $status -eq 0 ] && [ -z "$(executed)" ]
ok $? frozen_stage_keeps_its_result
r run -f data
[ $status -eq 2 ] && grep -q "pipeline.yaml:3:3: stage 'data' is frozen: thaw it to execute it" "$here/err" && r run -f && [ $status -eq 0 ] && [ "$(executed)" = 'double report side ' ]
ok $? frozen_stage_is_not_executed_by_force_and_that_is_said
# What the real stages say of the machine must be in their keys.
make_project prints
result=0
for stage in "$BUILD"/stages/*; do
    case $stage in *.o | *.d | *'*') continue ;; esac
    cp "$stage" "$project/one"
    echo 'stages: {one: {cmd: ./one}}' > "$project/pipeline.yaml"
    "$stage" --fingerprint cpu | sed '/^uses /d; s/^/fingerprint /' > "$here/printed"
    r why one --device cpu
    grep '^fingerprint ' "$here/out" | cmp -s - "$here/printed" || { echo "# $stage"; result=1; }
done
if [ -x "$BUILD/stages/download" ]; then ok $result fingerprints_of_all_stages_are_in_their_keys; else
    skip fingerprints_of_all_stages_are_in_their_keys "the stages are not built"
fi
finish
