#!/bin/sh
# phase2.continue: more epochs on top of a finished phase 2, which is not trained again.
. tests/stages/experiment.sh

make_experiment continued
# Without early stopping the weights are those of the last epoch, however good: so further epochs change them.
experiment_to_the_end() { experiment "$@" --set phase2.early_stopping=null; }
experiment_to_the_end run
[ $status -eq 0 ] && [ -s "$project/artifacts/phase2/training.state" ] && ! [ -e "$project/artifacts/phase2_continued" ]
ok $? phase2_leaves_its_state_and_nothing_goes_on
cp -r "$project/artifacts" "$here/before"

experiment_to_the_end run --set phase2.continue=2
[ $status -eq 0 ] && [ "$(executed)" = "curves evaluate export gradcam phase2_continued report " ] &&
    [ "$(grep -c '"epoch"' "$project/artifacts/phase2_continued/history.json")" -eq 4 ] &&
    grep -q '^phase2_continued  *going on after the 2 epochs of the state' "$here/err" &&
    grep -q 'by up to 2 epochs, on top of the finished phase' "$project/reports/index.html"
ok $? further_epochs_train_alone_and_all_that_follows_takes_them
r verify --as-recorded
[ $status -eq 0 ]
ok $? continued_pipeline_verifies
cp -r "$project/artifacts" "$here/after"

# What follows sees equal bytes and is cached; the curves show by what it was trained, and the report names every key.
experiment_to_the_end run --set phase2.epochs=4
[ $status -eq 0 ] && [ "$(executed)" = "curves phase2 report " ] &&
    diff -r --exclude=training.state "$here/after/phase2_continued" "$project/artifacts/phase2"
ok $? continued_phase_has_the_bytes_of_all_epochs_at_once

experiment_to_the_end run
[ $status -eq 0 ] && grep -q '^0 executed' "$here/err" && diff -r "$here/before" "$project/artifacts"
ok $? without_further_epochs_all_is_as_before

# A cosine to the end of the phase is not that of all epochs at once: it starts again.
cosine() { experiment run --set 'phase2.cosine_decay={alpha: 0.1}' --set phase2.reduce_learning_rate=null "$@"; }
cosine --set phase2.continue=2
rates() { sed -n 's/.*"learning_rate": *\([0-9.e-]*\).*/\1/p' "$project/artifacts/phase2_continued/history.json"; }
[ $status -eq 0 ] && [ "$(rates | wc -l)" -eq 4 ] && [ "$(rates | head -2)" = "$(rates | tail -2)" ]
ok $? cosine_to_the_end_starts_again_for_the_further_epochs

r run -n --set phase2.continue=1.5
[ $status -eq 2 ] && grep -q "stage 'phase2_continued': 'when' must be true or false, or a number from 0 up, not the number 1.5" "$here/err"
ok $? wrong_number_of_further_epochs_is_told_before_anything_runs
finish
