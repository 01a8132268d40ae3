#!/bin/sh
# The bytes of data, splits, weights, models, histories, predictions, metrics, heatmaps and figures are those of a table, which
# WRITE=1 tests/stages/test_pipeline_bytes.sh writes anew, with the fingerprints of this machine.
. tests/stages/experiment.sh
table=tests/stages/experiment.sums

# is_here STAGE: whether the stage's fingerprint here is that of the table.
is_here() {
    "$BUILD/stages/$1" --fingerprint cpu | grep -v '^uses ' > "$here/print"
    sed -n "s/^#   $1 //p" "$table" | cmp -s - "$here/print"
}
# check NAME PATTERN STAGE...: the artifacts whose path matches, where these stages' fingerprints are the table's.
check() {
    name=$1 pattern=$2
    shift 2
    for stage; do
        is_here "$stage" || { skip "$name" "the fingerprint of $stage is another one here"; return; }
    done
    grep -v '^#' "$table" | grep -E "  ($pattern)" > "$here/sums"
    [ -s "$here/sums" ] && (cd "$here/bare" && sha256sum --quiet -c "$here/sums" > "$here/out" 2> "$here/err")
    ok $? "$name"
}
# What curves writes for other programs is made of histories and metrics that the table has; tests/stages/test_curves.c has its bytes.
listed() { find . -type f ! -path './report/*' ! -path './curves/tensorboard/*' ! -path './curves/vega/*' | sed 's|^\./||' | LC_ALL=C sort; }
# write_table: the words of the table, and below them what the experiment gave.
write_table() {
    grep '^# [^ ]' "$table"
    for stage in phase1 export curves; do
        "$BUILD/stages/$stage" --fingerprint cpu | grep -v '^uses ' | sed "s/^/#   $stage /"
    done
    (cd "$here/bare" && listed | xargs sha256sum)
}
# Every processor of today computes as one that has AVX2 and no more.
export ONEDNN_MAX_CPU_ISA=AVX2
make_experiment bytes
sed -i 's/^    cmd: .*/&\n    env: [ONEDNN_MAX_CPU_ISA]/' "$project/pipeline.yaml"
experiment run
[ $status -eq 0 ]
ok $? the_experiment_runs
# The table has the sums of what is in a JSON, which stays though the version of its form goes up.
cp -r "$project/artifacts" "$here/bare"
find "$here/bare" -name '*.json' -exec chmod u+w {} + -exec sed -i '2{/^  "schema": [0-9]*,$/d}' {} +
[ -z "${WRITE:-}" ] || { write_table > "$here/table" && cp "$here/table" "$table"; }
(cd "$here/bare" && listed) > "$here/found"
grep -v '^#' "$table" | sed 's/.*  //' | LC_ALL=C sort | cmp -s - "$here/found"
ok $? its_artifacts_are_those_of_the_table
check data_and_splits_are_the_same_everywhere 'download/|split/'
check trained_and_computed_bytes_are_those_of_the_table '[^ ]*\.(safetensors|json|csv|npy|txt|state)$' phase1
check exported_models_are_those_of_the_table '[^ ]*\.(keras|onnx)$' phase1 export
check figures_are_those_of_the_table '[^ ]*\.(png|svg)$' phase1 curves
finish
