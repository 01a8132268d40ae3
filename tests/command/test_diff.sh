#!/bin/sh
# diff tells what changed between runs, profiles, lock files and revisions of git, and what it did.
. tests/runner/project.sh
make_project one
said() { grep -qxF -- "$1" "$here/out"; }
member() { # member FILTER...: a line that the JSON has in this order
    tr -d ' \n' < "$here/out" | grep -qF -- "$1"
}
r diff
[ $status -eq 2 ] && grep -q "'last~1': there was no run yet" "$here/err"
ok $? before_the_first_run_there_is_nothing_to_compare
r run
r diff
[ $status -eq 2 ] && grep -q "'last~1': of the runs there are 1" "$here/err"
ok $? one_run_is_not_two
cp "$project/pipeline.lock" "$here/first.lock"
r run --set scale=3
r diff
[ $status -eq 0 ] && grep -q '^a  run [0-9a-f]\{8\}  2[0-9TZ:-]*$' "$here/out" && grep -q '^b  run .*  --set scale=3$' "$here/out"
ok $? runs_are_named_with_what_was_set
said '  scale                                2 -> 3   (double)'
ok $? changed_parameters_are_told_with_the_stages_that_have_them
grep -q '^  double.result.value  *2  *3  *+1  better$' "$here/out"
ok $? metrics_have_their_difference_and_by_their_bound_the_better_side
said 'pictures: not compared: no stage of both has an out '"'predictions'"
ok $? pictures_that_can_not_be_compared_have_a_reason
grep -q '^  data  *equal  .* cached$' "$here/out" && grep -q '^  double  *changed  .*  param scale$' "$here/out" && grep -q '^  report  *changed  .*  dep result$' "$here/out"
ok $? stages_tell_what_of_their_key_differs
said 'outs: 2 of 4 differ: double.result, report.report'
ok $? outs_that_differ_are_counted_and_named
r diff --json
[ $status -eq 0 ] && member '"params":[{"a":"2","b":"3","name":"scale","stages":["double"]}]' && member '"better":true,"difference":1.0,"metric":"result.value","stage":"double"'
ok $? json_says_the_same
r diff last last~1
grep -q '^  double.result.value  *3  *2  *-1  worse$' "$here/out"
ok $? the_order_of_the_words_counts
r diff "$here/first.lock"
[ $status -eq 0 ] && said 'b  pipeline.lock  --set scale=3' && said '  scale                                2 -> 3   (double)'
ok $? one_word_is_compared_with_the_lock_as_it_is
r run
r diff
said 'outs: 2 of 4 differ: double.result, report.report' && grep -q '^  double  .* cached  param scale$' "$here/out"
ok $? what_was_cached_says_so
r diff last last
said 'metrics: 1 number is equal' && said 'outs: 0 of 4 differ'
ok $? equal_sides_have_no_difference
r log last~1 --json
id=$(sed -n 's/^ *"id": "\(.*\)",*$/\1/p' "$here/out")
r log "$id" --json && grep -q "\"id\": \"$id\"" "$here/out" && r log last~99
[ $status -eq 2 ] && grep -qE "'last~99': of the runs there are [0-9]+$" "$here/err"
ok $? log_counts_runs_back_as_diff_does
twin=$(printf '%.4s' "$id")ffffffff
sed "s/$id/$twin/" "$project"/reports/runs/*"-$id.json" > "$project/reports/runs/19700101T000000Z-$twin.json"
for command in "log" diff; do
    r $command "$(printf '%.4s' "$id")"
    [ $status -eq 2 ] && grep -q "is the beginning of several runs, as [0-9a-f]* and [0-9a-f]*\$" "$here/err"
done
ok $? beginning_of_several_ids_is_refused
rm "$project/reports/runs/19700101T000000Z-$twin.json"

# What the cache has no more: metrics of a run stand in its record, keys in a lock.
r run --set scale=3
chmod -R u+w "$project/cache" && rm -rf "$project/cache/actions" "$project/cache/objects"
r diff last~1 last
grep -q '^  double.value  *2  *3  *+1' "$here/out" && grep -q '^  double  *changed .* what its key was made of is not in the cache$' "$here/out"
ok $? metrics_of_a_run_outlive_the_cache
r diff "$here/first.lock" pipeline.lock
said '  scale                                2 -> 3   (double)' && said 'outs: 2 of 4 differ: double.result, report.report'
ok $? two_locks_are_compared_without_a_cache

if command -v git > /dev/null; then
    (cd "$project" && cp "$here/first.lock" pipeline.lock && git init -q . && git config user.email a@b.example && git config user.name a && git add pipeline.lock && git commit -qm one && git tag v1 && git rm -q --cached pipeline.lock && git commit -qm none) > "$here/git" 2>&1
    r run --set scale=3
    r diff v1
    [ $status -eq 0 ] && grep -qx 'a  v1' "$here/out" && said '  scale                                2 -> 3   (double)'
    ok $? revision_of_git_is_read_from_git
    r diff HEAD
    [ $status -eq 2 ] && grep -q "'HEAD' has no 'pipeline.lock'" "$here/err"
    ok $? revision_without_a_lock_says_so
    mv "$project/.git/HEAD" "$project/.git/no-head"
    GIT_CEILING_DIRECTORIES="$here" r diff v1
    [ $status -eq 2 ] && grep -q "and no revision of git: not a git repository" "$here/err"
    ok $? repository_that_git_does_not_take_is_told_as_git_tells_it
    mv "$project/.git/no-head" "$project/.git/HEAD"
    PATH=/nowhere r diff v1
    [ $status -eq 2 ] && grep -q "and no revision of git: git cannot be started" "$here/err"
    ok $? without_git_that_is_said
else
    skip revision_of_git_is_read_from_git "git is missing"
fi
r diff nosuch
[ $status -eq 2 ] && grep -q "'nosuch' is no run (see reprise log), no profile, no lock file and no revision of git" "$here/err"
ok $? unknown_word_says_what_it_may_be
r diff ''
[ $status -eq 2 ] && grep -q "an empty word is no run, no profile and no revision" "$here/err"
ok $? variable_that_is_not_set_is_no_side
r diff '(none)' last
[ $status -eq 0 ] && grep -q '^a  (none)' "$here/out"
ok $? no_profile_has_the_name_that_it_has_in_the_lock
mkdir "$project/deep"
(cd "$project/deep" && "$reprise" diff --html page.html) > "$here/out" 2> "$here/err"
[ -s "$project/deep/page.html" ] && grep -q 'What was changed' "$project/deep/page.html"
ok $? page_is_written_where_the_caller_is
ln -s /proc/self/fd/1 "$here/stdout"
"$reprise" -C "$project" diff --html "$here/stdout" 2> "$here/err" | cat > "$here/out"
grep -q '<h1>' "$here/out" && grep -q '^outs: ' "$here/out" && [ -L "$here/stdout" ]
ok $? page_on_stdout_goes_there_and_replaces_nothing
r diff --html /nowhere/page.html
[ $status -eq 1 ] && grep -q "/nowhere/page.html" "$here/err"
ok $? page_that_can_not_be_written_is_an_error

# A key that gave something else when it was made again.
project=$here/again
mkdir "$project"
cat > "$project/pipeline.yaml" <<YAML
stages:
  score: {cmd: 'sh score.sh \${outs.metrics}', outs: {metrics: metrics.json}, metrics: [metrics]}
YAML
echo "echo x >> '$here/times'; echo \"{\\\"loss\\\": \$(wc -l < '$here/times'), \\\"same\\\": 1}\" > \"\$1\"" > "$project/score.sh"
r run
r run -f
r diff
tr -s ' ' < "$here/out" > "$here/narrow"
grep -qx ' score.loss 1 2 +1 worse' "$here/narrow" && grep -qx 'outs: 1 of 1 differ: score.metrics' "$here/narrow"
ok $? run_whose_result_was_replaced_under_its_key_has_the_numbers_of_its_record
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  score: {cmd: [sh, -c, "echo '{\"a\": 1}' > outs/a; echo '{\"b\": 1}' > outs/b"], outs: {a: a, b: b}, metrics: [a, b]}
YAML
r run
sed -i 's/metrics: .a, b./metrics: [a]/' "$project/pipeline.yaml"
r run -f
r diff
grep -qx 'outs: 0 of 2 differ' "$here/out"
ok $? numbers_of_what_is_no_metrics_any_more_replace_nothing

# Numbers that one side alone has.
project=$here/lacking
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  score: {cmd: 'sh score.sh ${outs.metrics}', deps: {from: from.json}, outs: {metrics: metrics.json}, metrics: [metrics]}
YAML
echo 'cat deps/from > "$1" 2> /dev/null || cat deps/from/* > "$1"' > "$project/score.sh"
echo '{"accuracy": 0.5, "per_class": [{"name": "cat", "f1": 0.5}, {"name": "dog", "f1": 0.5}]}' > "$project/from.json"
r run
echo '{"per_class": [{"name": "Kätzchen", "f1": 0.25}, {"name": "dog", "f1": 0.75}]}' > "$project/from.json"
r run
r diff --html "$here/page.html"
tr -s ' ' < "$here/out" | sed -n '/^F1/,/^$/p' > "$here/f1"
printf 'F1 of classes\n dog 0.5 0.75 +0.25 better\n Kätzchen - 0.25\n cat 0.5 -\n\n' | diff - "$here/f1" > "$here/err" && grep -q 'Kätzchen' "$here/page.html"
ok $? classes_of_one_side_alone_are_told
grep -qx "$(printf '  Kätzchen%28s %12s %12s' '' - 0.25)" "$here/out"
ok $? names_are_padded_by_characters
grep -q 'There is no such number in b' "$here/page.html" && ! grep -q 'No difference' "$here/page.html"
ok $? page_does_not_call_a_number_that_is_gone_no_difference

project=$here/profiles
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
profile: small
vars: {scale: 2}
profiles: {small: {}, large: {scale: 5}}
stages:
  double: {cmd: 'sh double.sh ${scale} ${outs.result}', params: {scale: "${scale}"}, outs: {result: result.json}, metrics: [result]}
YAML
echo 'echo "{\"value\": $1}" > "$2"' > "$project/double.sh"
r run
r run --profile large
r diff small large
[ $status -eq 0 ] && said 'a  small  profile small' && said 'b  large  profile large' && said '  scale                                2 -> 5   (double)' &&
    grep -q '^  double.result.value  *2  *5  *+3' "$here/out"
ok $? profiles_are_compared_as_the_lock_has_them
echo exit 3 > "$project/double.sh"
r run
r diff
[ $status -eq 0 ] && grep -qE '^b  run [0-9a-f]+ \(failed\)' "$here/out"
ok $? run_that_failed_is_said_to_be_one
finish
