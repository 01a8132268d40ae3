#!/bin/sh
# What status, log, metrics and run show of stages, and how they end.
. tests/runner/project.sh
make_project one

r status
[ $status -eq 1 ] && grep -q '^data .*would run' "$here/out" && grep -q '^reprise: not all is up to date' "$here/err"
ok $? status_of_what_would_run_ends_with_1
r run
r status
[ $status -eq 0 ] && [ ! -s "$here/err" ]
ok $? status_of_what_is_up_to_date_ends_with_0
rm "$project/artifacts/side/copy.txt"
r status
[ $status -eq 1 ] && grep -q '^side *modified' "$here/out"
ok $? status_of_an_artifact_that_is_gone_ends_with_1
r run
sed -i 's|cmd: sh stages/side.sh|cmd: ./nothing|' "$project/pipeline.yaml"
r status
[ $status -ne 0 ] && grep -q '^data *cached' "$here/out" && grep -q "^side *failed: .*nothing" "$here/out" && grep -q '^report ' "$here/out"
ok $? status_shows_every_stage_though_one_is_wrong
sed -i 's|cmd: ./nothing|cmd: sh stages/side.sh|' "$project/pipeline.yaml"

# A stage that was interrupted with a checkpoint.
cat > "$project/stages/side.sh" <<'SH'
. "${0%/*}/stage.sh"
folder=$(sed -n 's/.*"checkpoint": "\(.*\)".*/\1/p' "$REPRISE_STAGE")
case $folder in /*) ;; *) folder=$(dirname "$REPRISE_STAGE")/$folder ;; esac
[ -f "$folder/half" ] && { cp "$folder/half" "$(at outs copy)"; exit 0; }
echo half > "$folder/half"
exit 1
SH
r run
[ $status -eq 1 ] && r status
[ $status -eq 1 ] && grep -q '^side *would run: .*resumes from its checkpoint of [0-9]* seconds ago' "$here/out"
ok $? status_says_that_an_interrupted_stage_resumes_and_from_when
r run
[ $status -eq 0 ] && r status && ! grep -q resumes "$here/out"
ok $? status_says_nothing_of_a_checkpoint_that_is_used_up

# ---- requirements ----
project=$here/metrics
mkdir "$project"
metric() { printf 'stages:\n  e: {cmd: sh e.sh, outs: {m: m.json}, metrics: [m], require: {m.%s: "%s"}}\n' "$1" "$2" > "$project/pipeline.yaml"; }
echo 'echo "{\"test_accuracy\": 0.075, \"deep\": {\"loss\": 1.5}}" > outs/m.json' > "$project/e.sh"
metric test_accuracy '>= 0.075000001'
r run
[ $status -eq 1 ] && grep -q 'missed: e: m.test_accuracy is 0.075, required >= 0.075000001$' "$here/err"
ok $? bound_just_missed_shows_digits_until_they_differ
r verify
[ $status -eq 1 ] && grep -q 'm.test_accuracy is 0.075, required >= 0.075000001$' "$here/out"
ok $? verify_and_run_agree_on_a_missed_bound
metric test_accuracy '> 0.075'
r run
[ $status -eq 1 ] && grep -q 'is 0.075, required > 0.075$' "$here/err"
ok $? equal_numbers_are_shown_as_equal
metric test_acuracy '>= 0.01'
r run
[ $status -ne 0 ] && grep -q test_accuracy "$here/err"
ok $? requirement_of_no_metric_names_the_nearest
metric deep.los '<= 2'
r run
[ $status -ne 0 ] && grep -q deep.loss "$here/err"
ok $? nearest_metric_is_found_below
metric deep.loss '<= 2'
r run
[ $status -eq 0 ]
ok $? requirement_that_is_met_ends_with_0
echo 'echo "{\"loss\": \"inf\", \"name\": \"x\"}" > outs/m.json' > "$project/e.sh"
metric loss '<= 2'
r run
[ $status -eq 1 ] && r metrics && grep -q 'e.m.loss  *inf$' "$here/out" && ! grep -q name "$here/out"
ok $? infinite_metric_is_shown_and_meets_no_bound

# ---- a variable that was set, and that the file has no more ----
project=$here/renamed
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
vars: {old: 1}
stages:
  s: {cmd: [sh, -c, "echo '{\"v\": 1}' > outs/m.json"], params: {v: "${old}"}, outs: {m: m.json}, metrics: [m]}
YAML
r run --set old=2
r run --set old=3
sed -i 's/old/new/' "$project/pipeline.yaml"
result=0
for command in log 'log last' 'log s' diff 'diff last' 'metrics --runs' du 'gc -n' watch; do
    # shellcheck disable=SC2086 # words
    r $command
    [ $status -eq 0 ] || result=1
done
r metrics
[ $status -eq 0 ] && grep -q '^s has no result yet: param v' "$here/err" || result=1
ok $result what_was_recorded_can_be_looked_at_after_a_variable_was_renamed
r verify --as-recorded
[ $status -eq 2 ] && grep -q "as the lock file records it: --set: unknown variable 'old'" "$here/err"
ok $? verify_as_recorded_says_whose_set_it_is

# ---- groups ----
project=$here/groups
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  s:
    foreach: [a, b]
    do: {cmd: [sh, -c, "echo \"{\\\"v\\\": 1}\" > outs/m.json"], outs: {m: m.json}, metrics: [m]}
  other: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}
YAML
result=0
for word in s 's@*'; do
    r run -f "$word"
    [ $status -eq 0 ] && grep -q '^2 executed' "$here/err" || result=1
    r status "$word"
    [ $status -eq 0 ] && [ "$(wc -l < "$here/out")" -eq 2 ] || result=1
    r metrics "$word"
    [ "$(grep -c '^s@[ab].m.v ' "$here/out")" -eq 2 ] || result=1
    r why "$word"
    [ $status -eq 0 ] && [ "$(grep -c '^s@[ab]: cached$' "$here/out")" -eq 2 ] || result=1
    r why "$word" --json
    [ "$(grep -c '"name": "s@' "$here/out")" -eq 2 ] || result=1
done
ok $result group_stands_for_all_its_variants
result=0
for word in s 's@*'; do
    r log "$word"
    [ $status -eq 2 ] && grep -q "is a group: name one of its stages, as 's@" "$here/err" || result=1
done
r run 'o*'
[ $status -eq 2 ] && grep -q "unknown stage 'o\*': '\*' stands for names behind the '@' of a group" "$here/err" || result=1
ok $result what_a_group_is_taken_for_is_told

# ---- numbers ----
project=$here/numbers
mkdir "$project"
result=0
# VALUE|BOUND|STATUS|WHAT IS SAID
while IFS='|' read -r value bound wanted said; do
    printf 'stages:\n  s:\n    cmd: sh s.sh\n    outs: {m: m.json}\n    metrics: [m]\n    require: {m.a: "%s"}\n' "$bound" > "$project/pipeline.yaml"
    printf 'echo "{\\"a\\": %s}" > outs/m.json\n' "$value" > "$project/s.sh"
    r run
    [ $status -eq "$wanted" ] && grep -qF "$said" "$here/err" || { echo "# $value $bound: $status: $(tail -n 2 "$here/err")"; result=1; }
    r verify
    [ $status -eq "$wanted" ] || { echo "# verify of $value $bound: $status"; result=1; }
done <<'EOF'
9007199254740992|>= 9007199254740993|1|missed: s: m.a is 9007199254740992, required >= 9007199254740993
9007199254740993|== 9007199254740993|0|met: s: m.a is 9007199254740993, required == 9007199254740993
9007199254740993|== 9007199254740992.0|1|missed: s: m.a is 9007199254740993, required == 9.0072e+15
9223372036854775807|< 9223372036854775808|0|met: s: m.a is 9223372036854775807
9007199254740992.0|< 9007199254740993|0|met: s: m.a is 9.0072e+15
1|== 1.0|0|met: s: m.a is 1, required == 1
EOF
ok $result integers_beyond_53_bits_are_held_against_bounds_exactly
echo 'echo "{\"a\": 9007199254740993}" > outs/m.json' > "$project/s.sh"
rm -r "$project/reports/runs" # of the same second, perhaps
r run
r metrics && grep -q '^s.m.a  *9007199254740993$' "$here/out" && r metrics --json && grep -q '"a": 9007199254740993$' "$here/out" && r log last && grep -q '9007199254740993' "$here/out" &&
    grep -q '"value": 9007199254740993' "$project"/reports/runs/*.json
ok $? integers_are_shown_with_all_their_digits

# ---- logs ----
project=$here/logs
mkdir "$project"
printf 'stages:\n  s: {cmd: sh s.sh, outs: {o: o}}\n' > "$project/pipeline.yaml"
printf 'printf "\\033]0;TITLE\\007\\033[2J\\033[1;1Hall fine\\302\\233 \\342\\200\\256 end\\r\\n"; exit 1\n' > "$project/s.sh"
r run
r log s
[ $status -eq 0 ] && grep -q "$(printf '\033\\[2J')" "$here/out" && grep -q 'of the last attempt, which failed' "$here/err"
ok $? log_of_a_failed_stage_is_shown_as_it_is_in_a_pipe
if command -v script > /dev/null && script -qc true "$here/typed" > /dev/null 2>&1 < /dev/null; then
    result=0
    for command in 'log s' run 'run -v' 'run -n' status 'why s'; do
        script -qc "TERM=dumb '$reprise' -C '$project' $command" "$here/typed" > /dev/null 2>&1 < /dev/null
        sed -i '/^Script /d' "$here/typed"
        grep -a -q "$(printf '\033\\|\302\233\\|\342\200\256\\|\007')" "$here/typed" && { echo "# $command"; result=1; }
        case $command in log* | run | 'run -v') grep -a -q 'all fine.*end' "$here/typed" || { echo "# $command: nothing came"; result=1; } ;; esac
    done
    ok $result what_a_stage_prints_reaches_a_terminal_without_controls
else
    skip what_a_stage_prints_reaches_a_terminal_without_controls "script(1) finds no terminal"
fi
printf 'echo start; head -c 40000000 /dev/zero | tr "\\0" x; echo; echo end; echo 1 > outs/o\n' > "$project/s.sh"
r run
# The address sanitizer needs terabytes of addresses.
(case $BUILD in *address*) ;; *) ulimit -v 400000 ;; esac; "$reprise" -C "$project" log s > "$here/out" 2> "$here/err")
status=$?
[ $status -eq 0 ] && [ "$(head -c 5 "$here/out")" = start ] && [ "$(tail -n 1 "$here/out")" = end ]
ok $? log_of_any_size_is_streamed
finish
