#!/bin/sh
# What the program writes for a CI: each check as JUnit's XML, summaries in Markdown, a badge.
. tests/runner/project.sh
make_project one
tap_shows="$tap_shows $here/one/made.xml"
said() { grep -qxF -- "$1" "$here/out"; }
# checked TESTS FAILURES ERRORS: made.xml has these counts, and as many of each.
checked() {
    xml=$project/made.xml
    grep -q "^<testsuites name=\"reprise\" tests=\"$1\" failures=\"$2\" errors=\"$3\">" "$xml" && [ "$(grep -c '<testcase ' "$xml")" -eq "$1" ] &&
        [ "$(grep -c '<failure ' "$xml")" -eq "$2" ] && [ "$(grep -c '<error ' "$xml")" -eq "$3" ] && cp "$xml" "$here/$number.xml"
}
# has CLASS NAME: a test case without a failure.
has() { grep -qxF "    <testcase classname=\"$1\" name=\"$2\"/>" "$project/made.xml"; }
# fails CLASS NAME TYPE MESSAGE: a test case with this failure.
fails() { grep -A 1 -F "<testcase classname=\"$1\" name=\"$2\">" "$project/made.xml" | grep -qF "<failure type=\"$3\" message=\"$4"; }

# A file with a name of any bytes, in the artifact and published.
printf '%s\n' 'echo > "$out/$(printf "a<&\042\377\357\277\277>")"' >> "$project/stages/report.sh"
r verify --junit made.xml
[ $status -eq 1 ] && checked 1 0 1 && grep -q 'does not exist: run the pipeline first' "$project/made.xml"
ok $? what_stops_a_verification_is_an_error_of_junit
r run
r verify --junit made.xml
[ $status -eq 0 ] && checked 15 0 0 && has lock double && has artifacts double.result && has published reports/index.html && has cache side && has require 'double.result.value &gt;= 1'
ok $? each_stage_out_copy_and_requirement_is_a_test_case
sed -i 's/^stages:/stage:/' "$project/pipeline.yaml"
r verify --junit made.xml
[ $status -eq 2 ] && checked 1 0 1 && grep -q "unknown key &#39;stage&#39;, did you mean &#39;stages&#39;?" "$project/made.xml"
ok $? wrong_pipeline_file_is_an_error_of_junit_and_no_old_file_stays
sed -i 's/^stage:/stages:/' "$project/pipeline.yaml"
sed -i 's/bound: 1,/bound: 20,/' "$project/pipeline.yaml"
chmod -R u+w "$project/artifacts/side" "$project/artifacts/report"
echo more >> "$project/artifacts/side/copy.txt"
echo more >> "$project/artifacts/report/report/index.html"
rm "$project/artifacts/report/report/a"*
r verify --junit made.xml
[ $status -eq 102 ] && checked 15 3 0 && fails artifacts side.copy mismatch '&#39;copy.txt&#39; differs from the lock file' &&
    fails artifacts report.report mismatch "&#39;report/a&lt;&amp;&quot;$(printf '\357\277\275\357\277\275')&gt;&#39; is missing" &&
    fails require 'double.result.value &gt;= 20' missed 'missed: result.value is 2, required &gt;= 20' && [ "$(grep -c 'index.html.*differs' "$project/made.xml")" -eq 1 ]
ok $? what_is_wrong_stands_at_its_case_whatever_its_name
mkdir "$project/deep"
(cd "$project/deep" && "$reprise" verify --junit made.xml) > "$here/out" 2> "$here/err"
cmp "$project/made.xml" "$project/deep/made.xml" 2> "$here/err"
ok $? junit_is_written_where_the_caller_is
r run
r verify --junit /nowhere/made.xml
[ $status -eq 1 ] && grep -q '/nowhere/made.xml' "$here/err" && [ "$(wc -l < "$here/err")" -eq 1 ]
ok $? junit_that_can_not_be_written_is_an_error
r status --junit made.xml
[ $status -eq 2 ] && grep -q "'status' does not take --junit" "$here/err"
ok $? only_verify_takes_junit
sed -i 's/bound: 20,/bound: 1,/' "$project/pipeline.yaml"
r run
echo '# a word' >> "$project/stages/side.sh"
r adopt side --reason 'no change & <no risk>'
r verify --junit made.xml
[ $status -eq 0 ] && checked 15 0 0 && grep -A 1 'classname="lock" name="side"' "$project/made.xml" | grep -q '<system-out>.*adopted.*&lt;no risk&gt;'
ok $? what_was_adopted_is_said_and_no_failure
r verify --strict --junit made.xml
[ $status -eq 1 ] && checked 15 1 0 && fails lock side strict 'side: its result was adopted'
ok $? strictly_it_is_a_failure

r run -f side
r verify --rerun double side --junit made.xml
[ $status -eq 0 ] && checked 17 0 0 && has rerun double && has rerun side
ok $? stage_that_was_executed_again_is_a_test_case
cp "$project/stages/side.sh" "$here/side.sh"
echo 'cat /proc/sys/kernel/random/uuid >> "$(at outs copy)"' >> "$project/stages/side.sh"
r run
r verify --rerun side --junit made.xml
[ $status -eq 104 ] && checked 16 1 0 && fails rerun side differs 'not the same bits'
ok $? other_bits_are_a_failure_of_the_case
cp "$here/side.sh" "$project/stages/side.sh"
r run
r run --set scale=3
r diff --format markdown
[ $status -eq 0 ] && said '| double.result.value | 2 | 3 | +1 | better |' && said '| scale | 2 | 3 | double |' && grep -q '^| double | changed | .* | param scale |$' "$here/out" &&
    [ "$(grep -c '<details>' "$here/out")" -eq "$(grep -c '</details>' "$here/out")" ]
ok $? difference_in_markdown_has_metrics_parameters_and_stages
r diff last last~1 --format markdown
said '| double.result.value | 3 | 2 | -1 | **worse** |'
ok $? what_got_worse_is_bold
r diff --format xml
[ $status -eq 2 ] && grep -q "format 'xml': expected markdown" "$here/err"
ok $? unknown_format_of_a_difference_is_refused
r metrics --format markdown
said '| name | value |' && said '|---|--:|' && said '| double | 3 |' && said '| double.result.value \>= 1 | 3 | met |'
ok $? metrics_in_markdown_have_the_bounds
r metrics data --format markdown
[ "$(wc -l < "$here/out")" -eq 2 ]
ok $? table_in_markdown_without_metrics_has_whole_lines
r metrics --format markdown --set bound=7
said '| double.result.value \>= 7 | 2 | **missed** |'
ok $? missed_bounds_are_bold

# badge COLOUR WORDS: the badge in $here/out says it, in that colour.
badge() {
    grep -q "fill=\"$1\"" "$here/out" && grep -qF "<title>$2</title>" "$here/out" && cp "$here/out" "$here/$number.svg"
}
r metrics --badge double.result.value
[ $status -eq 0 ] && badge '#2e7d32' 'value: 3 (met)'
ok $? badge_of_a_bound_that_is_met_is_green
r metrics --badge double.result.value --set bound=7
badge '#c62828' 'value: 2 (missed)'
ok $? badge_of_a_bound_that_is_missed_is_red
result=0
for other in --runs --format=table --json --sort=value; do
    r metrics --badge double.result.value $other
    { [ $status -eq 2 ] && [ ! -s "$here/out" ] && grep -q -e '--badge is of one metric' "$here/err"; } || result=1
done
ok $result badge_beside_a_table_is_refused
cp "$project/stages/double.sh" "$here/double.sh"
echo 'echo "{\"value\": 6.999999999}" > "$(at outs result)"' >> "$project/stages/double.sh"
r run --set scale=3 --set bound=7
r metrics --badge double.result.value
[ $status -eq 0 ] && badge '#c62828' 'value: 6.999999999 (missed)' && r metrics --format markdown && said '| double.result.value \>= 7 | 6.999999999 | **missed** |'
ok $? bound_that_is_just_missed_has_the_digits_that_tell
cp "$here/double.sh" "$project/stages/double.sh"
sed -i '/require:/d' "$project/pipeline.yaml"
r metrics --badge double.result.value
badge '#1565c0' 'value: 3'
ok $? badge_without_a_bound_is_blue
r metrics --badge double.result.valeu
[ $status -eq 2 ] && [ ! -s "$here/out" ] && grep -q "no result has that metric, did you mean 'double.result.value'?" "$here/err"
ok $? unknown_metric_of_a_badge_is_refused_with_the_nearest
sed -i 's/"{\\"value\\":/"{\\"v<\&\\u0001\\uffff\\": 7, \\"value\\":/' "$project/stages/double.sh"
r run
r metrics --badge "double.result.v<&$(printf '\001\357\277\277')"
[ $status -eq 0 ] && badge '#1565c0' "v&lt;&amp;$(printf '\357\277\275\357\277\275'): 7"
ok $? badge_of_any_name_is_whole_xml
if command -v xmllint > /dev/null; then
    xmllint --noout --schema tests/command/junit.xsd "$here"/*.xml 2> "$here/err" && xmllint --noout "$here"/*.svg 2> "$here/err"
    ok $? all_of_it_is_xml_and_of_the_form_that_readers_of_junit_agree_on
else
    skip all_of_it_is_xml_and_of_the_form_that_readers_of_junit_agree_on "there is no xmllint"
fi
finish
