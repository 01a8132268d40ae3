#!/bin/sh
# Each kind of thing in the cache and the artifacts of the real pipeline, flipped or deleted: verify names it, run repairs it.
. tests/stages/experiment.sh

make_experiment one
experiment run
r verify --as-recorded
[ $status -eq 0 ] && grep -q '^verified: 11 stages' "$here/out"
ok $? untouched_pipeline_verifies
cp "$project/pipeline.lock" "$here/lock"
cp -r "$project/artifacts" "$here/good"

# out STAGE OUT: its digest in pipeline.lock.
out() {
    sed -n "/^      $1:\$/,/^      [a-z]/p" "$project/pipeline.lock" | sed -n '/^        outs:$/,$p' |
        sed -n "/^          $2:\$/,/^          [a-z]/s/^ *digest: //p"
}
key() { sed -n "/^      $1:\$/,/^      [a-z]/s/^        key: //p" "$project/pipeline.lock"; }
digest() { sha256sum < "$project/artifacts/$1" | cut -c 1-64; }
object() { echo "cache/objects/$(echo "$1" | cut -c 1-2)/$(echo "$1" | cut -c 3-)"; }
action() { echo "cache/actions/$(echo "$1" | cut -c 1-2)/$(echo "$1" | cut -c 3-).json"; }
delete() { rm -f "$1"; }

# damage FILE WORDS PROMISE: WORDS are how verify names it.
damage() {
    result=0
    [ -f "$project/$1" ] || { echo "# '$1' is not there to damage"; result=1; }
    for how in flip delete; do
        $how "$project/$1"
        r verify --as-recorded
        [ $status -eq 102 ] && grep -q "$2" "$here/out" || { echo "# $how: verify gave $status and not '$2'"; result=1; }
        experiment run
        [ $status -eq 0 ] || { echo "# $how: run gave $status"; result=1; }
        r verify --as-recorded
        [ $status -eq 0 ] || { echo "# $how: not repaired"; result=1; }
    done
    ok $result "$3"
}

damage "$(object "$(out phase1 model)")" "^cache: phase1: blob $(out phase1 model) (model.safetensors) is" \
    blob_of_a_file_is_named_and_repaired
damage "$(object "$(digest split/splits/val.npy)")" "^cache: split: blob $(digest split/splits/val.npy) (splits/val.npy) is" \
    blob_inside_a_tree_is_named_and_repaired
damage "$(object "$(out split splits)")" "^cache: split: blob $(out split splits) (splits) is" tree_is_named_and_repaired
damage "$(object "$(out download dataset)")" "^cache: download: blob $(out download dataset) (dataset) is" \
    tree_that_all_depends_on_is_named_and_repaired
damage artifacts/evaluate/predictions.npy "^artifacts: evaluate: 'predictions.npy'" artifact_is_named_and_repaired
damage artifacts/download/dataset/test_labels.npy "^artifacts: download: 'dataset/test_labels.npy'" \
    file_in_an_artifact_folder_is_named_and_repaired
damage artifacts/report/report/index.html "^artifacts: report: 'report/index.html'" report_is_named_and_repaired
damage "$(action "$(key gradcam)")" "^cache: gradcam: action $(key gradcam) is" action_is_named_and_repaired

# What is published is a copy for people: a run restores it.
flip "$project/reports/index.html"
experiment run
cmp -s "$project/reports/index.html" "$project/artifacts/report/report/index.html"
ok $? published_report_is_repaired
rm -r "$project/artifacts"
experiment run
[ $status -eq 0 ] && grep -q '^0 executed' "$here/err" && diff -r "$here/good" "$project/artifacts"
ok $? artifacts_come_back_without_executing
rm -r "$project/cache"
experiment run
[ $status -eq 0 ] && cmp -s "$here/lock" "$project/pipeline.lock" && r verify --as-recorded && [ $status -eq 0 ]
ok $? cache_comes_back_with_the_same_digests
diff -r "$here/good" "$project/artifacts"
ok $? repairs_give_the_same_bytes
finish
