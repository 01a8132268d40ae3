#!/bin/sh
# The real pipeline has one set of bits: on one processor or two, in any folder, and after whatever kills it.
. tests/stages/experiment.sh

make_experiment calm
experiment run -j 2
[ $status -eq 0 ] && r verify --as-recorded && [ $status -eq 0 ]
ok $? undisturbed_pipeline_verifies
cp "$project/pipeline.lock" "$here/lock"
cp -r "$project/artifacts" "$here/artifacts"

# same: whether the project holds what the undisturbed run made.
same() {
    cmp "$here/lock" "$project/pipeline.lock" && diff -r "$here/artifacts" "$project/artifacts" && r verify --as-recorded && [ $status -eq 0 ]
}
# tidy: whether a run that executes something leaves nothing that is unfinished.
tidy() {
    experiment run -f report
    for folder in tmp work; do
        [ -z "$(find "$project/cache/$folder" -mindepth 1)" ] || { find "$project/cache/$folder" | sed 's/^/# left: /'; return 1; }
    done
}
make_experiment "another folder/with blanks in its name"
experiment run -j 1
[ $status -eq 0 ] && [ "$(executed | wc -w)" -eq 11 ] && same && tidy
ok $? one_processor_and_another_folder_give_the_same_bits
rm -rf "$project"

# begin: starts a run in the background; $runner is its process.
begin() {
    : > "$here/err"
    (
        # A background process of a shell ignores SIGINT; env puts that right.
        r() { exec env --default-signal=INT "$reprise" -C "$project" "$@" > "$here/out" 2> "$here/err"; }
        experiment run
    ) &
    runner=$!
}
# until_true COMMAND: waits until the command succeeds or the runner is gone.
until_true() {
    until "$@"; do
        case $(cat "/proc/$runner/stat" 2> /dev/null) in '' | *') Z '*) return ;; esac
        sleep 0.005
    done
}
is_running() { grep -q "^$1  *running" "$here/err"; }
# Whole: while it is written it has another name.
has_checkpoint() { [ -n "$(find "$project"/cache/work/*/checkpoint -name fit.checkpoint 2> /dev/null)" ]; }
children_of() { for process; do cat /proc/$process/task/*/children 2> /dev/null; done; }
# Between the runner and each stage stand the launcher and the stage's keeper.
launcher_of_runner() { children_of $runner; }
keepers_of_runner() { children_of $(launcher_of_runner); }
stages_of_runner() { children_of $(keepers_of_runner); }

# All at once: none sees another die.
killed=0 result=0
# A stage that fetches, those that train, with and without a checkpoint by then, one that draws, and the last; tests/faults kills at every call.
for moment in download:0 pretrain:0.1 pretrain:0.3 phase2:0.1 gradcam:0.03 report:0; do
    make_experiment killed
    begin
    until_true is_running "${moment%:*}"
    sleep "${moment#*:}"
    kill -9 $(stages_of_runner) $(keepers_of_runner) $(launcher_of_runner) $runner 2> /dev/null
    wait $runner 2> /dev/null
    [ $? -eq 137 ] && killed=$((killed + 1))
    experiment run
    [ $status -eq 0 ] && same && tidy || { echo "# killed at $moment"; sed "s/^/# /" "$here/err"; result=1; }
    rm -rf "$project"
done
# On a machine that is busy a moment may come too late.
echo "# $killed runs of 6 were killed"
[ $result -eq 0 ] && [ $killed -ge 3 ]
ok $? killed_at_six_moments_the_next_run_gives_the_same_bits

# disturb SIGNAL WHOM STATUS: in training, when there is a checkpoint; the stage may be too fast once.
disturb() {
    for try in 1 2 3 4 5 6 7 8 9; do
        rm -rf "$project"
        make_experiment disturbed
        begin
        until_true is_running pretrain
        until_true has_checkpoint
        case $2 in stage) kill -"$1" $(stages_of_runner) ;; runner) kill -"$1" $runner ;; esac 2> /dev/null
        wait $runner 2> /dev/null
        status=$?
        [ $status -eq "$3" ] && return
    done
}
make_experiment disturbed
disturb KILL stage 1
[ $status -eq 1 ] && grep -q '^pretrain  *failed: killed by signal 9' "$here/err" && grep -q '^phase1  *skipped' "$here/err" &&
    experiment run && [ "$(executed | sed 's/explore //; s/split //')" = "curves evaluate export gradcam phase1 phase2 pretrain report " ] &&
    grep -q '^pretrain  *resuming after [1-9]' "$here/err" && same && tidy
ok $? stage_killed_in_training_resumes_to_the_same_bits
disturb INT runner 130
[ $status -eq 130 ] && experiment run && grep -q '^pretrain  *resuming after' "$here/err" && same && tidy
ok $? interrupted_training_resumes_to_the_same_bits
finish
