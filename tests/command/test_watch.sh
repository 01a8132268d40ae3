#!/bin/sh
# watch follows the run of another process, by what its stages tell.
. tests/runner/project.sh
project=$here/one
mkdir "$project"
# Two epochs, and a third when it may; then it fails where it is told to.
cat > "$project/train.sh" <<EOS
tell() { printf '{"event":"progress","what":"epoch %s/3","done":1,"total":1,"unit":"image"}\n{"event":"metric","name":"accuracy","value":%s}\n{"event":"metric","name":"val_accuracy","value":%s}\n' \$1 \$2 \$3 >&3; }
tell 1 0.5 0.25; tell 2 0.75 0.5
touch "$here/begun"
while [ ! -e "$here/go" ]; do sleep 0.02; done
tell 3 0.9 0.8
[ ! -e "$here/fail" ] || exit 1
echo 1 > outs/model
EOS
cat > "$project/pipeline.yaml" <<'YAML'
vars: {seed: 1}
stages:
  train: {cmd: sh train.sh, params: {seed: "${seed}"}, outs: {model: model}}
YAML
r watch
[ $status -eq 0 ] && [ ! -s "$here/out" ] && grep -q 'nothing is running here' "$here/err"
ok $? nothing_to_watch_is_said

# begin OPTION...: a run in the background that has told two epochs.
begin() {
    rm -f "$here/begun" "$here/go"
    "$reprise" -C "$project" run "$@" > "$here/run" 2>&1 &
    run=$!
    while [ ! -e "$here/begun" ] && kill -0 $run 2> /dev/null; do sleep 0.02; done
}
# end_soon: lets it go on when the watch has had the time to see it.
end_soon() { (sleep "${1:-1}"; touch "$here/go") & }

begin
end_soon
r watch
wait $run
[ $status -eq 0 ] && grep -q '^train  epoch 2/3  accuracy 0.75  val_accuracy 0.5$' "$here/out" &&
    grep -q '^train  epoch 3/3  accuracy 0.9  val_accuracy 0.8$' "$here/out" && grep -q '^train  executed in [0-9.]* s$' "$here/out" &&
    tail -1 "$here/out" | grep -q '  done  .*1 executed, 0 cached'
ok $? run_of_another_process_is_followed_to_its_end
[ -z "$(ls "$project/cache/work")" ]
ok $? nothing_of_it_stays

touch "$here/fail"
begin --set seed=2
end_soon
r watch
wait $run
[ $status -eq 1 ] && grep -q '^train  ended without a result' "$here/out" && grep -q 'the run failed: see reprise log ' "$here/err"
ok $? failure_of_the_run_is_that_of_watch
rm "$here/fail"

begin --set seed=3
(sleep 1; kill -9 $run) &
r watch
{ wait $run; } 2> /dev/null
[ $status -eq 1 ] && grep -q '^train  ended without a result' "$here/out" && grep -q 'the run left no record, as one that was killed' "$here/err"
ok $? killed_run_ends_the_watch_as_a_failure
touch "$here/go"

# The one that began first ends last, and fails.
cp "$project/pipeline.yaml" "$here/alone.yaml"
echo '  late: {cmd: sh late.sh, params: {seed: "${seed}"}, outs: {model: model}}' >> "$project/pipeline.yaml"
echo "touch '$here/late'; while [ ! -e '$here/done' ]; do sleep 0.02; done; sleep 1; exit 1" > "$project/late.sh"
"$reprise" -C "$project" run --set seed=5 late > "$here/run" 2>&1 &
late=$!
while [ ! -e "$here/late" ]; do sleep 0.02; done
sleep 1
begin --set seed=5 train
(sleep 1; touch "$here/go"; wait $run; sleep 1; touch "$here/done") &
r watch
wait $run $late
[ $status -eq 1 ] && [ "$(grep -c ' [01] executed, 0 cached' "$here/out")" -eq 2 ] && grep -q 'the run failed' "$here/err"
ok $? one_run_of_two_that_fails_is_a_failure
cp "$here/alone.yaml" "$project/pipeline.yaml"

begin --set seed=6
status=$("$reprise" -C "$project" watch 2> "$here/err" > /dev/full; echo $?)
kill -0 $run && [ "$status" -eq 1 ] && grep -q 'cannot write to stdout: No space left on device' "$here/err"
ok $? watch_that_nobody_reads_ends
touch "$here/go"
wait $run

if script -qec true /dev/null > /dev/null 2>&1; then
    begin --set seed=4
    end_soon 2
    TERM=xterm script -qec "stty cols 80 rows 24; $reprise -C $project watch" /dev/null < /dev/null > "$here/out" 2>&1
    wait $run
    tr '\r' '\n' < "$here/out" | sed "s/$(printf '\033')\\[[0-9;]*[A-Za-z]//g" > "$here/clean"
    grep -q '^train  *\[#*\.*\].*val_accuracy 0.5' "$here/clean" && grep -q '^ *accuracy  \.\. 0.75  \*\* validation 0.5' "$here/clean" &&
        grep -q '^ *0.25 |\*' "$here/clean" && grep -q '^ *accuracy  \.\. 0.9  \*\* validation 0.8' "$here/clean" && grep -v ' done ' "$here/clean" | awk 'length > 80 { exit 1 }'
    ok $? terminal_shows_the_curves_as_they_grow
else
    skip terminal_shows_the_curves_as_they_grow "script(1) is not there, or finds no terminal to open"
fi
finish
