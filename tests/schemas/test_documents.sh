#!/bin/sh
# Every JSON document that commands print and stages write keeps to its schema in docs/schemas, and would not with a fault in it; no
# command with --json and no schema is left out. DOCUMENTS=FOLDER: a copy of each goes there, SCHEMA.N.json, for tests/oracle.
. tests/stages/experiment.sh
validate=$BUILD/tests/schemas/validate
schemas=$PWD/docs/schemas
page=$PWD/docs/json.md
tap_shows="$here/said $here/err"
: > "$here/seen"
: > "$here/commands"

# keeps SCHEMA FILE...: 0 where they keep to it, and each refused without its version, with a version of another type, and with an
# unknown member. What has no version of its own gets the last alone.
keeps() {
    schema=$schemas/$1.json
    echo "$1" >> "$here/seen"
    shift
    [ $# -gt 0 ] && "$validate" "$schema" "$@" > "$here/said" 2>&1 || return 1
    for file; do
        [ -z "${DOCUMENTS:-}" ] || cp "$file" "$DOCUMENTS/$(tail -n 1 "$here/seen").$(find "$DOCUMENTS" -type f | wc -l).json"
        grep -q '"schema"' "$schema" && { head -n 2 "$file" | grep -q '^  "schema": [0-9]*,\{0,1\}$' || { echo "$file does not begin with its schema" > "$here/said"; return 1; }; }
        grep -q '"schema"' "$schema" && { refused '2d' || refused 's/"schema": [0-9]*/"schema": "1"/' || refused 's/"schema": [0-9]*/"schema": 99/'; } && return 1
        refused '1s/{/{"unknown_member": 0,/' && return 1
    done
    return 0
}
# refused SED: false where $file with that change in it is refused, as it should be.
refused() {
    sed "$1" "$file" > "$here/fault.json"
    "$validate" "$schema" "$here/fault.json" > "$here/why" 2>&1
    [ $? -ne 1 ] || ! grep -q "at '" "$here/why" && echo "$file with '$1' is not refused" > "$here/said"
}
# prints SCHEMA COMMAND...: what `reprise COMMAND... --json` prints keeps to the schema, and the page says so.
prints() {
    form=$1
    shift
    r "$@" --json
    echo "$1" >> "$here/commands"
    mv "$here/out" "$here/printed.json"
    keeps "$form" "$here/printed.json" && grep -E "\`reprise $1[^\`]* --json\`" "$page" | grep -q "(schemas/$form.json)"
    ok $? "$(echo "reprise_$*_keeps_to_$form" | sed 's|[^a-z0-9_]|_|g')"
}

# ---- what a small project says, well and not ----
make_project small
prints status status
prints status status --sandbox=auto
prints dry-run run -n
prints run run --set delay=0
r run --suggest-deps double
if grep -q 'what a stage reads cannot be told here' "$here/err"; then
    echo suggestions >> "$here/seen"
    skip reprise_run___suggest_deps_double_keeps_to_suggestions "$(cat "$here/err")"
else
    prints suggestions run --suggest-deps double
fi
prints runs log
prints log log data
prints status status
prints why why double
prints verify verify
prints verify verify --rerun
prints metrics metrics
prints metrics-table metrics --runs --sort name
prints run run --set scale=3
prints diff diff
prints cache du
prints cache gc -n --age 0
prints status status --set seed=2
prints why why double --set seed=2
echo 'exit 1' > "$project/stages/side.sh"
rm "$project/artifacts/double/result.json"
prints verify verify
prints status status
prints run run -k
[ $status -eq 1 ] && grep -q '"failure"' "$here/printed.json" && grep -q '"delivered"' "$here/printed.json" && grep -q '"skipped"' "$here/printed.json"
ok $? a_record_with_a_failure_was_looked_at
prints log log side
prints run log last
printf '. "${0%%/*}/stage.sh"\n# a comment\ncat "$(at deps data)/sub/fixed.txt" "$(at deps extra)" > "$(at outs copy)"\n' > "$project/stages/side.sh"
r adopt side --reason 'a comment'
prints status status
prints verify verify
prints run run
grep -q '"adopted": "a comment"' "$here/printed.json"
ok $? a_record_with_an_adopted_result_was_looked_at
keeps run "$project"/reports/runs/*.json
ok $? records_keep_to_run

# Means over seeds, and measurements that are not finite.
project=$here/seeds
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  score:
    matrix: {seed: [1, 2]}
    cmd: sh score.sh ${outs.m}
    params: {seed: "${item.seed}"}
    outs: {m: m.json}
    metrics: [m]
YAML
echo 'echo "{\"a\": 1, \"b\": \"inf\", \"c\": null, \"deep\": {\"d\": 2}}" > "$1"' > "$project/score.sh"
r run
prints metrics-table metrics --format table
prints metrics metrics
prints why why score

# ---- the pipeline of this repository ----
make_experiment one
experiment run -q
keep_work() { # keep_work STAGE: executes it again, and sets $work to its folder
    experiment run -f --keep-work "$1"
    work=$(find "$project/cache/work" -name stage.json -newer "$here/mark" -exec dirname {} \; | head -n 1)
}
at=$project/artifacts
keeps dataset "$at"/download/*/dataset.json
ok $? data_sets_keep_to_dataset
keeps split "$at/split/splits/split.json"
ok $? splits_keep_to_split
keeps history "$at"/*/history.json
ok $? histories_keep_to_history
keeps preflight "$at"/*/preflight.json
ok $? preflights_keep_to_preflight
keeps evaluation "$at/evaluate/metrics.json"
ok $? metrics_of_evaluate_keep_to_evaluation
keeps gradcam "$at/gradcam/metrics.json"
ok $? metrics_of_gradcam_keep_to_gradcam
keeps report "$at/report/report/report.json"
ok $? report_keeps_to_report
prints metrics metrics
: > "$here/mark"
keep_work report
keeps stage "$work/stage.json" && keeps lineage "$work/deps/lineage/lineage.json"
ok $? what_a_stage_finds_keeps_to_stage_and_lineage
experiment run --set phase2.epochs=1 evaluate
prints diff diff
grep -q '"tested": 200' "$here/printed.json"
ok $? a_difference_with_pictures_was_looked_at

# ---- stages by hand ----
by_hand() { # by_hand STAGE PARAMS DEPS OUTS: in a folder of its own, $work; what it reports is in $work/events
    work=$here/$1
    mkdir "$work"
    printf '{"schema": 2, "stage": "%s", "params": %s, "deps": %s, "outs": %s, "resources": {"threads": 2}, "device": "cpu", "progress_fd": 3}\n' "$@" > "$work/stage.json"
    (cd "$work" && "$BUILD/stages/$1" stage.json) 3> "$work/events" > "$here/err" 2>&1
}
i=0
mkdir -p "$here/own/a" "$here/own/b"
for figure in "$at"/*/*.png; do
    i=$((i + 1))
    cp "$figure" "$here/own/a/$i.png"
    head -c 20 "$figure" > "$here/own/b/broken.png"
done
cp "$at"/explore/*.png "$here/own/b"
by_hand inspect "{\"path\": \"$here/own\"}" '{}' '{"found": "found.json"}'
[ -s "$work/found.json" ] && grep -q '"broken_count": 1' "$work/found.json" && keeps found "$work/found.json"
ok $? what_was_found_keeps_to_found
mv "$work" "$here/inspect-pictures"
mkdir "$here/empty"
by_hand inspect "{\"path\": \"$here/empty\"}" '{}' '{"found": "found.json"}'
[ -s "$work/found.json" ] && keeps found "$work/found.json"
ok $? that_nothing_was_found_keeps_to_found
by_hand import '{"image_size": 16, "fit": "pad", "skip_broken": true}' "{\"pictures\": \"$here/own\"}" '{"dataset": "dataset"}'
[ -s "$work/dataset/dataset.json" ] && grep -q '"skipped": {' "$work/dataset/dataset.json" && keeps dataset "$work/dataset/dataset.json"
ok $? imported_pictures_keep_to_dataset
by_hand predict '{"format": "json", "top": 2, "skip_broken": true}' "{\"model\": \"$at/phase2/model.safetensors\", \"pictures\": \"$here/own\"}" '{"predictions": "predictions.json", "broken": "broken.json"}'
[ -s "$work/predictions.json" ] && keeps predictions "$work/predictions.json" && grep -q '"why"' "$work/broken.json" && keeps broken "$work/broken.json"
ok $? answers_keep_to_predictions_and_broken
r() { (cd "$project" && "$reprise" "$@") > "$here/out" 2> "$here/err"; }
prints predictions predict phase2.model artifacts/explore/sample_images.png
by_hand compare "{\"difference\": {}, \"pictures\": {\"dataset\": \"$at/download/dataset\", \"a\": \"$at/evaluate/predictions.npy\", \"b\": \"$at/evaluate/predictions.npy\"}, \"curves\": []}" '{}' '{"pictures": "pictures.json"}'
[ -s "$work/pictures.json" ] && keeps compared "$work/pictures.json"
ok $? compared_pictures_keep_to_compared
by_hand differ "{\"pairs\": [{\"name\": \"x.safetensors\", \"a\": \"$at/phase1/model.safetensors\", \"b\": \"$at/phase2/model.safetensors\"},
    {\"name\": \"x.json\", \"a\": \"$at/phase1/history.json\", \"b\": \"$at/phase2/history.json\"}, {\"name\": \"x.png\", \"a\": \"$at/explore/sample_images.png\", \"b\": \"$at/explore/class_distribution.png\"}]}" \
    '{}' '{"report": "report.json", "pictures": "pictures"}'
[ -s "$work/report.json" ] && keeps differing "$work/report.json" && grep -q '"ulp": [1-9]' "$work/report.json" && grep -q '"format": "picture"' "$work/report.json"
ok $? what_differs_keeps_to_differing
result=0
cat "$here"/*/events > "$here/events"
[ "$(sed -n 's/.*"event":"\([a-z]*\)".*/\1/p' "$here/events" | sort -u | tr '\n' ' ')" = "note progress " ] || result=1
echo '{"event": "metric", "name": "loss", "value": "inf", "step": 1}' >> "$here/events"
while read -r line; do
    echo "$line" > "$here/event.json"
    keeps event "$here/event.json" || result=1
done < "$here/events"
ok $result what_stages_report_keeps_to_event

# ---- pipeline.yaml ----
is_pipeline() { # is_pipeline FILE...: 0 where the schema takes all of them
    echo pipeline >> "$here/seen"
    for file; do
        [ -z "${DOCUMENTS:-}" ] || cp "$file" "$DOCUMENTS/pipeline.$(find "$DOCUMENTS" -type f | wc -l).yaml"
    done
    "$validate" "$schemas/pipeline.json" "$@" > "$here/said" 2>&1
}
is_pipeline pipeline.yaml docs/examples/*/pipeline.yaml tests/fuzz/corpus/pipeline/accepted/*.yaml
ok $? what_the_plan_takes_keeps_to_pipeline
awk -v into="$here/example" '/^```yaml/ { file = into (++n) ".yaml"; print "" > file; next } /^```/ { file = ""; next } file { print > file }' docs/pipeline.md
is_pipeline "$here"/example*.yaml
ok $? examples_of_the_page_keep_to_pipeline
"$reprise" init "$here/empty" > "$here/said" 2>&1 && "$reprise" init "$here/own" >> "$here/said" 2>&1 && is_pipeline "$here/empty/pipeline.yaml" "$here/own/pipeline.yaml"
ok $? what_init_writes_keeps_to_pipeline
result=0
while IFS='|' read -r from to why; do
    sed "s|$from|$to|" pipeline.yaml > "$here/fault.yaml"
    "$validate" "$schemas/pipeline.json" "$here/fault.yaml" > "$here/said" 2>&1
    [ $? -eq 1 ] && grep -q "$why" "$here/said" || { echo "# $to: $(cat "$here/said")"; result=1; }
done << 'END'
^    outs:|    outz:|'outz' is not known
^vars:|varz:|'varz' is not known
^    lineage: true|    lineage: maybe|lineage.*"maybe"
^    cmd: report|    cmd: {a: b}|cmd.*of another type
threads: all|threads: none|threads.*"none"
metrics.test_accuracy: .*|metrics.test_accuracy: "=> 1"}|"=> 1"
END
ok $result faults_in_a_pipeline_are_refused
# The keys that the plan knows, each of which takes null; `matrix` is read before, `foreach` and `do` are a form of their own.
{
    echo '{stages: {s: {matrix: null'
    sed -n '/^static const struct key stage_keys/,/};/p' runtime/plan/plan_stage.c | grep -o '{"[a-z_]*"' | sed 's/{"\(.*\)"/, \1: null/'
    echo '}}'
    sed -n 's/^static const char \*const top_keys\[\] = {\(.*\)};/\1/p' runtime/plan/plan_expand.c | tr -d '"' | tr ',' '\n' | grep -v stages | sed 's/ *\(.*\)/, \1: null/'
    echo '}'
} > "$here/keys.yaml"
[ "$(grep -c null "$here/keys.yaml")" -ge 18 ] && is_pipeline "$here/keys.yaml"
ok $? every_key_of_the_plan_is_in_pipeline

# ---- nothing is left out ----
"$reprise" --help | sed -n 's/^  \([a-z]\{2,\}\)  .*/\1/p' | while read -r command; do
    "$reprise" "$command" --help | grep -q -- '--json' && echo "$command"
done | sort > "$here/with"
sort -u "$here/commands" | diff "$here/with" - > "$here/said" 2>&1
ok $? every_command_with_json_was_looked_at
(cd "$schemas" && printf '%s\n' *.json | sed 's/\.json$//') | sort > "$here/with"
sort -u "$here/seen" | diff "$here/with" - > "$here/said" 2>&1
ok $? every_schema_was_looked_at
grep -o 'schemas/[a-z-]*\.json)' "$page" | sed 's|schemas/||; s|\.json)||' | sort -u | diff "$here/with" - > "$here/said" 2>&1
ok $? the_page_lists_every_schema
finish
