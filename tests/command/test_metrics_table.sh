#!/bin/sh
# metrics puts results side by side: stages of a matrix with what sets them apart, means over seeds, runs; sorted; CSV.
. tests/runner/project.sh
project=$here/one
mkdir -p "$project"
cat > "$project/pipeline.yaml" <<'YAML'
vars: {shift: 0}
stages:
  train:
    matrix: {rate: [1, 2], seed: [3, 5]}
    cmd: sh train.sh ${item.rate} ${item.seed} ${outs.model}
    params: {rate: "${item.rate}", seed: "${item.seed}", same: 7}
    outs: {model: model.txt}
  score:
    matrix: {rate: [1, 2], seed: [3, 5]}
    cmd: sh score.sh ${deps.model} ${shift} ${outs.metrics}
    deps: {model: "train@${item.rate}-${item.seed}.model"}
    params: {shift: "${shift}"}
    outs: {metrics: metrics.json}
    metrics: [metrics]
YAML
echo 'echo $(($1 * 100 + $2)) > "$3"' > "$project/train.sh"
echo 'm=$(cat "$1"); echo "{\"schema\": 7, \"accuracy\": $((m + $2)), \"deep\": {\"loss\": 0.5}}" > "$3"' > "$project/score.sh"
r run
[ $status -eq 0 ] || sed 's/^/# /' "$here/err"
r metrics
[ $status -eq 0 ] && ! grep -q schema "$here/out" && ! grep -q '"schema": 7' "$project"/reports/runs/*.json
ok $? version_of_a_metrics_file_is_no_metric
r metrics --format csv
tr -d '\r' < "$here/out" > "$here/csv"
{
    echo 'name,train.rate,train.seed,accuracy,deep.loss'
    echo 'score@1-3,1,3,103,0.5'
    echo 'score@1-5,1,5,105,0.5'
    echo 'score@2-3,2,3,203,0.5'
    echo 'score@2-5,2,5,205,0.5'
    echo 'mean of 2,1,,104,0.5'
    echo 'deviation,1,,1.41421,0'
    echo 'mean of 2,2,,204,0.5'
    echo 'deviation,2,,1.41421,0'
} > "$here/expected"
[ $status -eq 0 ] && diff "$here/expected" "$here/csv" > "$here/err"
ok $? csv_has_params_that_differ_and_means_over_seeds
r metrics --sort -accuracy
{
    echo 'name       train.rate  train.seed  accuracy'
    echo 'score@2-5           2           5       205'
    echo 'score@2-3           2           3       203'
    echo 'score@1-5           1           5       105'
    echo 'score@1-3           1           3       103'
    echo 'mean of 2           1                   104'
} > "$here/expected"
head -n 6 "$here/out" | diff "$here/expected" - > "$here/err"
ok $? table_is_sorted_largest_first
r metrics --format csv 'score@1-*'
tr -d '\r' < "$here/out" > "$here/csv"
printf 'name,train.seed,accuracy,deep.loss\nscore@1-3,3,103,0.5\nscore@1-5,5,105,0.5\nmean of 2,,104,0.5\ndeviation,,1.41421,0\n' |
    diff - "$here/csv" > "$here/err"
ok $? pattern_chooses_the_rows
r metrics --sort acuracy
[ $status -eq 2 ] && grep -q "sort 'acuracy': there is no such column, did you mean 'accuracy'?" "$here/err"
ok $? unknown_column_is_refused_with_the_nearest
r metrics --format xml
[ $status -eq 2 ] && grep -q "format 'xml': expected table, csv or markdown" "$here/err"
ok $? unknown_format_is_refused
r run --set shift=1000
r metrics --runs --format csv 'score@2-5'
tr -d '\r' < "$here/out" | cut -d , -f 2- > "$here/csv"
printf 'shift,accuracy\n,205\n1000,1205\n' | diff - "$here/csv" > "$here/err"
ok $? runs_are_rows_with_what_was_set
r metrics --runs --format csv 'score@1-*'
tr -d '\r' < "$here/out" | cut -d , -f 2- > "$here/csv"
printf 'shift,score@1-3.accuracy,score@1-5.accuracy\n,103,105\n1000,1103,1105\n' | diff - "$here/csv" > "$here/err"
ok $? pattern_chooses_of_runs_what_it_chooses_of_stages
r metrics --runs 'score@1-*'
sed -E 's/^[^ ]+ +//; s/ +/ /g' "$here/out" > "$here/table"
printf 'shift score@1-3.accuracy score@1-5.accuracy\n103 105\n1000 1103 1105\n' | diff - "$here/table" > "$here/err"
ok $? people_read_the_metrics_of_several_stages_of_each_run
r metrics --json --runs --sort -score@2-5.accuracy
[ $status -eq 0 ] && tr -d ' \n' < "$here/out" | grep -q '"score@2-5.accuracy":1205.*"score@2-5.accuracy":205'
ok $? json_has_the_same_rows
r run --set 'shift="0000000000000000000000000000000000000000"'
r metrics --runs
grep -qE ' 0{29}\.\.\.  +103 ' "$here/out"
ok $? long_parameter_leaves_room_for_the_metrics

# Two stages whose numbers have one name, and nothing but seeds sets their rows apart.
project=$here/two
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
vars: {seeds: [3, 5], base: 100}
stages:
  train:
    matrix: {seed: "${seeds}"}
    cmd: sh number.sh ${item.seed} ${outs.metrics}
    params: {seed: "${item.seed}"}
    outs: {metrics: metrics.json}
    metrics: [metrics]
  score:
    matrix: {seed: "${seeds}"}
    cmd: sh number.sh ${base}${item.seed} ${outs.metrics}
    deps: {model: "train@${item.seed}.metrics"}
    outs: {metrics: metrics.json}
    metrics: [metrics]
YAML
echo 'echo "{\"accuracy\": $1}" > "$2"' > "$project/number.sh"
r run
r metrics --format csv
tr -d '\r' < "$here/out" > "$here/csv"
{
    printf 'name,train.seed,accuracy\ntrain@3,3,3\ntrain@5,5,5\nscore@3,3,1003\nscore@5,5,1005\n'
    printf 'train: mean of 2,,4\ntrain: deviation,,1.41421\nscore: mean of 2,,1004\nscore: deviation,,1.41421\n'
} | diff - "$here/csv" > "$here/err"
ok $? each_stage_has_its_own_mean
r metrics --json --format table
[ "$(grep -c '"stage": "train"' "$here/out")" -eq 1 ] && [ "$(grep -c '"n": 2' "$here/out")" -eq 2 ]
ok $? json_says_whose_mean_it_is
r metrics score
[ $status -eq 0 ] && [ "$(wc -l < "$here/out")" -eq 2 ] && ! grep -q train "$here/out" && r metrics --format csv score && ! grep -q 'train@' "$here/out"
ok $? stages_that_were_not_named_are_not_shown
r metrics --runs nosuch
[ $status -eq 2 ] && [ ! -s "$here/out" ] && grep -q "no run had a stage 'nosuch'" "$here/err"
ok $? stage_that_no_run_had_is_refused

# Runs by seed; one that set none, one that had the seed of another.
project=$here/seeds
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
vars: {seed: 0}
stages:
  score: {cmd: "sh number.sh ${seed} ${outs.metrics}", params: {seed: "${seed}"}, outs: {metrics: metrics.json}, metrics: [metrics]}
YAML
cp "$here/two/number.sh" "$project"
r run --set seed=9
r run
r run --set seed=2
r run --set seed=5
r run -f --set seed=2
for order in '' -; do
    r metrics --runs --format csv --sort "${order}seed"
    sed '/^mean/,$d; 1d' "$here/out" | cut -d , -f 2 | tr '\n' ' '
done > "$here/csv"
[ "$(cat "$here/csv")" = '2 2 5 9  9 5 2 2  ' ]
ok $? what_was_not_set_comes_last_either_way
echo '{"started": "2099-01-01T00:00:00Z", "note": "of another tool"}' > "$project/reports/runs/20990101T000000Z-note.json"
r metrics --runs --format csv score
[ "$(tail -n 2 "$here/out" | tr -d '\r' | tr '\n' ' ')" = 'mean of 4,,4 deviation,,3.91578 ' ]
ok $? run_with_the_seed_of_another_counts_once_and_other_files_are_no_runs
# A metric that is called as what was set, and more of them than anybody would look at.
numbers=$(seq 2000 | sed 's/.*/, \\"m&\\": &/' | tr -d '\n')
echo "echo \"{\\\"seed\\\": 7$numbers}\" > \"\$2\"" > "$project/number.sh"
r run --set seed=4
r metrics --runs --format csv score
head -n 1 "$here/out" | tr -d '\r' | tr , '\n' > "$here/heads"
rm -f "$here/out"
[ "$(grep -c '^m[0-9]' "$here/heads")" -eq 2000 ] && [ "$(grep -cx seed "$here/heads")" -eq 2 ]
ok $? every_number_has_its_column
finish
