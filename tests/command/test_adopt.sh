#!/bin/sh
# adopt keeps a result though files of the stage's command changed, and deceives nobody.
. tests/runner/project.sh
make_project one
sed -i 's|cmd: sh stages/report.sh|&\n    lineage: true|' "$project/pipeline.yaml"
grep -q lineage: "$project/pipeline.yaml" && cat >> "$project/stages/report.sh" <<'SH'
cp "$(at deps lineage)" "$(at outs report)/lineage.json"
SH
lock=$project/pipeline.lock
r run
executed > /dev/null
cp "$lock" "$here/lock"

r adopt double
[ $status -eq 2 ] && grep -q 'adopt needs --reason' "$here/err"
ok $? adopt_needs_a_reason
r adopt double --reason ' '
[ $status -eq 2 ]
ok $? blank_is_no_reason
r adopt double --reason x
[ $status -eq 1 ] && grep -q "'double' is cached: there is nothing to adopt" "$here/err"
ok $? what_is_cached_is_not_adopted
r adopt none --reason x
[ $status -eq 2 ]
ok $? adopting_an_unknown_stage_is_wrong_usage

echo '# reworded' >> "$project/stages/double.sh"
r adopt double --reason 'a message reworded'
[ $status -eq 0 ] && [ -z "$(executed)" ] && grep -q '^        adopted: a message reworded$' "$lock"
ok $? adopt_records_the_result_under_the_new_key_and_runs_nothing
r status
grep -q '^double *cached: adopted: a message reworded' "$here/out"
ok $? status_says_what_is_adopted
r run
[ $status -eq 0 ] && [ "$(executed)" = "report " ] && grep -q '"adopted": "a message reworded"' "$project/artifacts/report/report/lineage.json"
ok $? only_the_report_runs_again_and_lists_it
r verify
[ $status -eq 0 ] && grep -q '^double: its result was adopted, not made: a message reworded' "$here/out" && grep -q '; 1 adopted$' "$here/out"
ok $? verify_lists_what_is_adopted
r verify --strict
[ $status -eq 1 ]
ok $? strict_verify_refuses_what_is_adopted
r run --locked
[ $status -eq 1 ] && grep -q "'double' was adopted and not made (a message reworded): confirm it by reprise run -f double" "$here/err"
ok $? locked_run_refuses_what_is_adopted
r run --locked report
[ $status -eq 1 ]
ok $? locked_run_refuses_what_was_built_on_it
r run --locked side
[ $status -eq 0 ]
ok $? locked_run_takes_what_was_not_built_on_it
executed > /dev/null

sed '/adopted: /d' "$lock" > "$here/hidden" && cp "$lock" "$here/adopted" && cp "$here/hidden" "$lock"
r verify
hidden=$status
r run --locked
[ $hidden -eq 102 ] && [ $status -ne 0 ]
ok $? lock_that_hides_an_adoption_is_found
cp "$here/adopted" "$lock"

r run -f double
[ $status -eq 0 ] && executed | grep -q double && ! grep -q adopted "$lock" && r run && r verify --strict && [ $status -eq 0 ]
ok $? forced_run_confirms_it
executed > /dev/null

# More than files of the command.
result=0
refused() {
    r adopt double --reason x "$@"
    [ $status -eq 1 ] && grep -q "cannot adopt 'double': more than the files of its cmd changed" "$here/err" || { echo "# $*: $status $(cat "$here/err")"; result=1; }
    cmp -s "$lock" "$here/lock2" || { echo "# $*: the lock changed"; result=1; }
}
cp "$lock" "$here/lock2"
echo '# again' >> "$project/stages/double.sh"
refused --set scale=9
cp "$project/pipeline.yaml" "$here/yaml"
sed -i 's|cmd: sh stages/double.sh|cmd: sh stages/double.sh more|' "$project/pipeline.yaml"
refused
cp "$here/yaml" "$project/pipeline.yaml"
sed -i 's|cmd: sh stages/double.sh|&\n    env: [HOME]|' "$project/pipeline.yaml"
refused
cp "$here/yaml" "$project/pipeline.yaml"
sed -i 's|{result: result.json}|{result: other.json}|' "$project/pipeline.yaml"
refused
cp "$here/yaml" "$project/pipeline.yaml"
ok $result adopt_refuses_where_more_than_files_of_cmd_changed
echo '# and upstream' >> "$project/stages/data.sh"
r adopt double --reason x
[ $status -eq 1 ] && grep -q "cannot adopt 'double'" "$here/err"
ok $? adopt_refuses_while_what_is_upstream_must_run
r adopt data double --reason 'both reworded'
[ $status -eq 0 ] && [ "$(grep -c 'adopted: both reworded' "$lock")" -eq 2 ] && [ -z "$(executed)" ]
ok $? several_stages_are_adopted_in_their_order
echo '# third' >> "$project/stages/side.sh"
digest=$(sed -n '/^      side:$/,/^      [a-z]/p' "$lock" | sed -n '/^        outs:/,$s/.*digest: //p' | head -n 1)
chmod u+w "$project/cache/objects/$(echo "$digest" | cut -c 1-2)/"* && rm -f "$project/cache/objects/$(echo "$digest" | cut -c 1-2)/$(echo "$digest" | cut -c 3-)"
r adopt side --reason x
[ $status -eq 1 ] && grep -q "its out 'copy' is not in the cache as the lock has it" "$here/err"
ok $? adopt_refuses_where_the_result_is_gone
finish
