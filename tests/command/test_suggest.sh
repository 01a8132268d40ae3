#!/bin/sh
# run --sandbox=trace tells what stages read, and run --suggest-deps what of their deps is missing or not read.
ON=${TMPDIR:-/tmp}
. tests/runner/project.sh
project=$here/one
outside=$here/outside
mkdir -p "$project/sub" "$project/pictures/a" "$project/pictures/b" "$outside"
for file in data.txt "sub/a,b.txt" sub/extra.csv unread.txt pictures/a/1 pictures/a/2 pictures/a/3 pictures/a/4 pictures/b/1; do echo text > "$project/$file"; done
echo more > "$outside/more.txt"
cat > "$project/pipeline.yaml" <<YAML
stages:
  made: {cmd: [sh, -c, "echo made > outs/m.txt"], outs: {m: m.txt}}
  good:
    cmd: [sh, -c, "cat \${deps.d} \${deps.m} sub/extra.csv deps/p/pictures/a/* > outs/o"]
    deps: {d: data.txt, m: made.m, e: sub/extra.csv, p: pictures}
    outs: {o: o}
  bad:
    cmd: [sh, -c, "cat data.txt $project/sub/extra.csv $project/sub/a,b.txt $outside/more.txt $project/artifacts/made/m.txt $project/pictures/a/* $project/pictures/b/1 > outs/o; touch $outside/written"]
    deps: {d: data.txt, u: unread.txt}
    outs: {o: o}
  blind: {cmd: [sh, -c, "cat sub/extra.csv > outs/o"], outs: {o: o}}
  after: {cmd: [sh, -c, "cat \${deps.o} > outs/o"], deps: {o: blind.o}, outs: {o: o}}
YAML
r run --sandbox=trace made
if [ $status -eq 1 ] && grep -q 'what a stage reads cannot be told here' "$here/err"; then
    skip what_stages_read_is_told "$(cat "$here/err")"
    finish
fi
record() { ls -t "$project"/reports/runs/*.json | head -n 1; }

# ---- the trace ----
r run --sandbox=trace bad good
[ $status -eq 0 ] && [ -s "$project/artifacts/bad/o" ] && [ -e "$outside/written" ] && grep -q '"sandbox": "trace: nothing was refused"' "$(record)"
ok $? a_traced_stage_is_refused_nothing
"$BUILD/tests/schemas/validate" docs/schemas/run.json "$(record)" > "$here/err" && [ "$(grep -c '"trace": {' "$(record)")" -eq 2 ] && grep -q "\"path\": \"$outside/more.txt\"" "$(record)"
ok $? record_of_a_traced_run_has_what_stages_read
r run --sandbox=auto
grep -q '^bad  *cached' "$here/err" && grep -q '^good  *cached' "$here/err"
ok $? trace_is_in_no_key

# ---- suggestions ----
before=$(find "$project" -type f ! -path '*/cache/answers.json' | sort | xargs -d '\n' sha256sum)
r run --suggest-deps bad
cat > "$here/expected" <<END
# bad (pipeline.yaml:7:3): add to its deps
      more: $outside/more.txt
      m: made.m
      a: pictures/a
      1: pictures/b/1
      a_b: 'sub/a,b.txt'
      extra: sub/extra.csv
# pipeline.yaml:7:3: stage 'bad' wrote to '$outside/written', and may write in its own folder alone: there is \$TMPDIR
# bad: declared and not read: u
END
sed '/^#.*written/s/alone: .*/alone: there is $TMPDIR/' "$here/out" | diff "$here/expected" - > "$here/said" 2>&1
[ $? -eq 0 ] && [ $status -eq 1 ] && grep -q '^reprise: the deps of 1 stage are not what it reads' "$here/err"
ok $? what_to_add_and_what_is_not_read_is_printed
[ "$before" = "$(find "$project" -type f ! -path '*/cache/answers.json' | sort | xargs -d '\n' sha256sum)" ] && [ -z "$(ls "$project/cache/tmp" 2> /dev/null)" ]
ok $? a_cached_stage_is_executed_in_scratch_and_nothing_is_stored
# Pasted below deps, they are what it reads.
{ sed -n '1,/^  bad:/p' "$project/pipeline.yaml"
  printf '    cmd: [sh, -c, "cat data.txt ${deps.more} ${deps.m} pictures/a/* ${deps.1} ${deps.a_b} ${deps.extra} > outs/o"]\n    outs: {o: o}\n    deps:\n      d: data.txt\n'
  cat "$here/out"; } > "$project/pasted.yaml"
r run --file pasted.yaml --suggest-deps bad
[ $status -eq 0 ] && [ "$(cat "$here/out")" = '# bad: it reads what it declares, and nothing else' ]
ok $? what_was_printed_can_be_pasted
r run --suggest-deps good
[ $status -eq 0 ] && [ "$(cat "$here/out")" = '# good: it reads what it declares, and nothing else' ]
ok $? a_stage_that_agrees_exits_with_0
r run --suggest-deps blind
[ $status -eq 1 ] && grep -qx '      extra: sub/extra.csv' "$here/out" && grep -q '^# blind: it failed, so there may be more: exit status 1' "$here/out" && [ ! -e "$project/artifacts/blind/o" ]
ok $? a_stage_that_fails_says_what_it_looked_for
r run --suggest-deps after
[ $status -eq 1 ] && grep -q "^reprise: stage 'after' needs the result of 'blind', which is not there: reprise run blind" "$here/err"
ok $? a_stage_without_what_it_builds_on_says_what_to_run
r run --suggest-deps good bad --json
[ $status -eq 1 ] && "$BUILD/tests/schemas/validate" docs/schemas/suggestions.json "$here/out" > "$here/said" && grep -q '"extra": "sub/extra.csv"' "$here/out" && grep -q '"agree": false' "$here/out"
ok $? json_says_the_same
result=0
for words in '--suggest-deps' '--suggest-deps -n bad' '--suggest-deps --locked bad' '--suggest-deps -f bad' '--suggest-deps --sandbox=auto bad' '--suggest-deps nothing'; do
    r run $words
    [ $status -eq 2 ] || { echo "# $words: $status"; result=1; }
done
for words in status 'verify --rerun'; do
    r $words --sandbox=trace
    [ $status -eq 2 ] && grep -q -- "does not take --sandbox=trace" "$here/err" || { echo "# $words: $status"; result=1; }
done
ok $result wrong_usage_is_refused

# ---- where notifications are not to be had: in a stage that is watched already ----
mkdir "$project/inner"
printf 'stages:\n  t: {cmd: [sh, -c, "echo > outs/o"], outs: {o: o}}\n' > "$project/inner/pipeline.yaml"
printf 'stages:\n  s: {cmd: [sh, -c, "cp -rL deps/i/* home; deps/bin/reprise -C home run --suggest-deps t > outs/o 2>&1; echo $? >> outs/o"], deps: {i: inner, bin: %s}, outs: {o: o}}\n' "$reprise" > "$project/pipeline.yaml"
r run --sandbox=trace
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/o")" = "$(printf 'reprise: --sandbox=trace: what a stage reads cannot be told here: this is a stage that is watched itself\n1')" ]
ok $? without_notifications_one_line_says_so
finish
