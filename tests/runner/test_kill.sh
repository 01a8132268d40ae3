#!/bin/sh
# Runners and stages that are killed, interrupted, run twice, or short of disk.
. tests/runner/project.sh

# The bits that an undisturbed run gives.
make_project calm
r run --set delay=0.15
cp "$project/pipeline.lock" "$here/calm.lock"
cp -r "$project/artifacts" "$here/calm.artifacts"
executed > /dev/null

# Kills the runner after a while; PDEATHSIG takes the stages along.
result=0
for delay in 0.005 0.01 0.02 0.03 0.05 0.08 0.12 0.17 0.2 0.25; do
    make_project "killed-$delay"
    "$reprise" -C "$project" run -q --set delay=0.15 2> "$here/err" &
    runner=$!
    sleep "$delay"
    kill -9 $runner 2> /dev/null
    wait $runner 2> /dev/null
    r run --set delay=0.15
    [ $status -eq 0 ] && cmp -s "$here/calm.lock" "$project/pipeline.lock" &&
        diff -r "$here/calm.artifacts" "$project/artifacts" > /dev/null && r verify --as-recorded && [ $status -eq 0 ] &&
        [ -z "$(ls "$project/cache/tmp")" ] && [ -z "$(ls "$project/cache/work")" ] || { echo "# killed after $delay"; result=1; }
    rm -rf "$project"
done
ok $result killed_at_any_moment_the_next_run_gives_the_same_bits
executed > /dev/null

# What the stage was writing there as it was killed is of no use to it; what only looks alike is its own.
make_project halfway
cat > "$project/stages/data.sh" <<'SH'
. "${0%/*}/stage.sh"
checkpoint=$(sed -n 's/^  "checkpoint": "\(.*\)",$/\1/p' "$REPRISE_STAGE")
if [ -f "$checkpoint/half" ]; then
    mkdir -p "$(at outs data)/sub"
    echo fixed > "$(at outs data)/sub/fixed.txt"
    ls -A "$checkpoint" | tr '\n' ' ' > "$(at outs data)/seed.txt"
else
    echo 1 | tee "$checkpoint/half" "$checkpoint/.reprise-4711-aB3dEf" "$checkpoint/.reprise-mine" > "$checkpoint/.reprise-1-sixsixsix"
    kill -9 $$
fi
SH
r run
first=$status
r run -q data
[ $first -eq 1 ] && [ $status -eq 0 ] && [ "$(cat "$project/artifacts/data/data/seed.txt")" = ".reprise-1-sixsixsix .reprise-mine half " ]
ok $? half_written_file_beside_a_checkpoint_is_gone_in_the_next_attempt
executed > /dev/null

# A stage that is killed fails the run; its checkpoint is there the next time.
make_project resumed
cat > "$project/stages/data.sh" <<'SH'
. "${0%/*}/stage.sh"
checkpoint=$(sed -n 's/^  "checkpoint": "\(.*\)",$/\1/p' "$REPRISE_STAGE")
mkdir -p "$(at outs data)/sub"
if [ -f "$checkpoint/half" ]; then
    echo fixed > "$(at outs data)/sub/fixed.txt"
    cat "$checkpoint/half" > "$(at outs data)/seed.txt"
else
    echo 1 > "$checkpoint/half"
    kill -9 $$
fi
SH
r run
first=$status
r run
[ $first -eq 1 ] && [ $status -eq 0 ] && [ "$(cat "$project/artifacts/data/data/seed.txt")" = 1 ] &&
    [ -z "$(ls "$project/cache/work")" ]
ok $? checkpoint_survives_a_kill_and_goes_with_success
executed > /dev/null

# What kills at other moments leave: between two names of an artifact, and after the action before the checkpoint went.
echo half > "$project/artifacts/data/.data.new"
echo half > "$project/reports/.index.html.new"
key=$(sed -n '/^      data:/,/^        key:/s/^        key: //p' "$project/pipeline.lock")
mkdir -p "$project/cache/work/$key/run-killed/outs" "$project/cache/work/$key/checkpoint" "$project/cache/work/$(printf %064d 1)/checkpoint" "$project/cache/work/$(printf %064d 2)/checkpoint"
echo old > "$project/cache/work/$key/checkpoint/half"
echo save > "$project/cache/work/$(printf %064d 2)/checkpoint/half"
r run -f report
[ $status -eq 0 ] && [ -z "$(find "$project" -name '.*.new')" ] && [ "$(ls "$project/cache/work")" = "$(printf %064d 2)" ]
ok $? what_killed_runs_left_goes_but_checkpoints
rm -rf "$project/cache/work"
executed > /dev/null

# SIGINT: the stage gets SIGTERM and may save.
make_project interrupted
cat > "$project/stages/data.sh" <<SH
. "\${0%/*}/stage.sh"
trap 'echo saved > "$here/saved"; exit 1' TERM
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done
SH
for signal in INT TERM; do
    rm -f "$here/saved"
    # A background process of a shell ignores SIGINT; env puts that right.
    env --default-signal=INT "$reprise" -C "$project" run 2> "$here/err" &
    runner=$!
    while ! [ -f "$ran" ]; do sleep 0.02; done
    sleep 0.1
    kill -$signal $runner
    wait $runner
    status=$?
    [ $status -eq 130 ] && [ -f "$here/saved" ] && grep -q interrupted "$here/err" &&
        grep -q '"interrupted"' "$project"/reports/runs/*.json
    ok $? "sig$(echo $signal | tr A-Z a-z)_lets_the_stage_save_and_exits_130"
    executed > /dev/null
done

# The second signal does not wait.
cat > "$project/stages/data.sh" <<'SH'
. "${0%/*}/stage.sh"
trap '' TERM
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done
SH
"$reprise" -C "$project" run 2> "$here/err" &
runner=$!
while ! [ -f "$ran" ]; do sleep 0.02; done
kill -TERM $runner
sleep 0.2
kill -TERM $runner
wait $runner
status=$?
[ $status -eq 130 ]
ok $? second_signal_kills_at_once
executed > /dev/null

# Two runners, one cache.
make_project twice
"$reprise" -C "$project" run --set delay=0.15 2> "$here/first" &
first=$!
"$reprise" -C "$project" run --set delay=0.15 2> "$here/second" &
second=$!
wait $first && wait $second
both=$?
[ $both -eq 0 ] && [ "$(executed)" = "data double report side " ] && r verify --as-recorded && [ $status -eq 0 ]
ok $? two_runners_run_each_stage_once

# A disk that fills up in the middle.
make_project full
mkdir "$project/cache"
if mount -t tmpfs -o size=64k none "$project/cache" 2> /dev/null; then
    sed -i 's|^echo "making data"|head -c 100000 /dev/zero > "$out/big" 2> /dev/null; &|' "$project/stages/data.sh"
    r run
    [ $status -eq 1 ] || echo "# status $status"
    failed_first=$status
    mount -o remount,size=4m "$project/cache"
    r run
    [ "$failed_first" -eq 1 ] && [ $status -eq 0 ] && r verify --as-recorded && [ $status -eq 0 ]
    ok $? full_disk_leaves_the_cache_good
    umount "$project/cache"
else
    skip full_disk_leaves_the_cache_good "mounting a small tmpfs is not permitted"
fi
finish
