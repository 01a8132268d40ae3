#!/bin/sh
# Each run that did something has a page for people beside its record.
. tests/runner/project.sh
make_project one
page() { ls "$project"/reports/runs/*.html | tail -n "${1:-1}" | head -1; }
pages() { ls "$project/reports/runs" | grep -c '\.html$'; }
has() { grep -qF -- "$1" "$(page)"; }

r run
[ $status -eq 0 ] && [ "$(pages)" -eq 1 ] && [ -f "$(page | sed 's/html$/json/')" ] && has "href=\"$(basename "$(page)" .html).json\"" &&
    has '4 executed, 0 cached in' && has 'All that is required is met.' && has 'There is no earlier run' && has '<th scope="row">double.<wbr>result.<wbr>value</th>'
ok $? run_has_a_page
for stage in data double side report; do has "<tr id=\"stage-$stage\">" && has "<a href=\"#stage-$stage\" class=\"good\">" || break; done && has '>never run</td>'
ok $? stages_are_listed_and_drawn
grep -q '"began": [0-9]' "$project"/reports/runs/*.json && grep -q '"processors": [1-9]' "$project"/reports/runs/*.json && has ' processors, '
ok $? machine_and_times_are_recorded
r run
[ "$(pages)" -eq 1 ]
ok $? run_that_found_all_done_has_none

first=$(basename "$(page)")
sleep 1
r run --set scale=3
[ "$(pages)" -eq 2 ] && has '2 executed, 2 cached in' && has '<code>--set scale=3</code>' && has 'param scale: 2 -&gt; 3' && has 'the same key: made ' &&
    has "a is run <a href=\"$first\">" && has '<th scope="row">scale</th>' && has 'double.<wbr>result.<wbr>value'
ok $? page_says_what_changed_since_the_run_before
sleep 1
r run --set bound=1000
[ $status -eq 1 ] && has 'Missed of what is required: 1.' && has '<td class="left bad">missed</td>'
ok $? missed_bound_is_on_the_page
sleep 1
printf 'exit 3\n' > "$project/stages/side.sh"
r run
[ $status -eq 1 ] && has 'The run failed.' && has '>exit status 3</td>' && has '<a href="#stage-side" class="bad">' && has '<a href="#stage-report" class="warn">'
ok $? failed_run_has_a_page_that_says_why

# Names are data, too.
project=$here/odd
mkdir "$project"
printf 'vars: {v: "<b>"}\nstages:\n  s: {cmd: [sh, -c, "echo 1 > outs/o"], params: {v: "${v}"}, outs: {o: o}}\n' > "$project/pipeline.yaml"
r run
sleep 1
r run --set 'v=<script>alert(1)</script>'
[ $status -eq 0 ] && ! has '<script' && has '&lt;script&gt;'
ok $? page_is_safe_whatever_is_set
printf 'stages:\n' > "$project/pipeline.yaml"
for i in $(seq 100); do printf '  s%d: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}\n' "$i" >> "$project/pipeline.yaml"; done
sleep 1
r run
[ $status -eq 0 ] && has '100 stages are too many for a drawing'
ok $? graph_of_many_stages_is_left_out
finish
