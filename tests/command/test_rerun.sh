#!/bin/sh
# verify --rerun executes stages again beside the project and finds every bit that is not the same.
# Not in /dev/shm, which stages share where they have no namespaces.
ON=${TMPDIR:-/tmp}
. tests/runner/project.sh
make_project one
lock=$project/pipeline.lock
# Stages that give other bits where $here/other lies, in every format.
cat >> "$project/pipeline.yaml" <<'YAML'
  moody:
    cmd: sh stages/moody.sh
    deps: {data: data.data, lib: stages/stage.sh}
    outs: {values: values.json, table: table.csv, raw: raw.bin, files: files, array: array.npy, figure: figure.png}
YAML
cat > "$project/stages/moody.sh" <<SH
. "\${0%/*}/stage.sh"
other=0
[ -f "$here/other" ] && other=1
printf '{"a": {"b": [1, %s]}}' \$((2 + 5 * other)) > "\$(at outs values)"
printf 'x,y\n1,2\n%s,4\n' \$((3 + 6 * other)) > "\$(at outs table)"
printf 'ab\000%s' \$other > "\$(at outs raw)"
files=\$(at outs files)
mkdir -p "\$files/sub"
echo same > "\$files/same.txt"
echo \$other > "\$files/sub/one.txt"
[ \$other = 1 ] && echo new > "\$files/new.txt" || echo old > "\$files/old.txt"
# Two f32 (1.0, and 2.0 or the next one).
{ printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"; printf "\\\\000\\\\000\\\\200\\\\077\\\\00\$other\\\\000\\\\000\\\\100"; } > "\$(at outs array)"
SH
echo 'cp "$(at deps p)/picture_$other.png" "$(at outs figure)"' >> "$project/stages/moody.sh"
sed -i '/cmd: sh stages.moody.sh/,/deps:/s|lib: stages/stage.sh}|lib: stages/stage.sh, p: pictures}|' "$project/pipeline.yaml"
mkdir "$project/pictures"
cp tests/golden/pictures/rgb.png "$project/pictures/picture_0.png"
cp tests/golden/pictures/grey.png "$project/pictures/picture_1.png"
r run
[ $status -eq 0 ] || { cat "$here/err"; exit 1; }
executed > /dev/null
before=$(find "$project/cache/objects" "$project/cache/actions" "$project/artifacts" "$lock" -type f | sort | xargs sha256sum | sha256sum)
unchanged() { [ "$before" = "$(find "$project/cache/objects" "$project/cache/actions" "$project/artifacts" "$lock" -type f | sort | xargs sha256sum | sha256sum)" ]; }
nothing_left() { [ -z "$(ls "$project/cache/tmp" 2> /dev/null)" ]; }

r verify --rerun
[ $status -eq 0 ] && [ "$(executed)" = "data double moody report side " ] && [ "$(grep -c '^rerun: .*: the same bits' "$here/out")" -eq 5 ] &&
    grep -q '^verified: .*; 5 executed again with the same bits' "$here/out" && grep -q '^double *executed in' "$here/err"
ok $? all_stages_are_executed_again_and_found_equal
unchanged && nothing_left
ok $? nothing_is_stored_or_delivered_and_nothing_left
r verify --rerun double report
[ $status -eq 0 ] && [ "$(executed)" = "double report " ] && [ "$(grep -c '^rerun: ' "$here/out")" -eq 2 ]
ok $? a_stage_is_executed_without_what_is_upstream
r status
[ $status -eq 0 ] && [ -z "$(executed)" ]
ok $? a_run_has_nothing_to_do_afterwards

touch "$here/other"
r verify --rerun moody side
[ $status -eq 104 ] && grep -q '1 stage did not give the same bits again' "$here/err" && grep -q '^rerun: moody: NOT the same bits, on ' "$here/out" &&
    grep -q '^rerun: side: the same bits' "$here/out" && ! grep -q '^verified' "$here/out"
ok $? other_bits_are_found_with_104
result=0
while read -r line; do
    grep -qF "$line" "$here/out" || { echo "# missing: $line"; result=1; }
done <<'END'
rerun: moody: 'values.json': 'a.b.1': is 7, was 2
rerun: moody: 'table.csv': line 3: is '9,4', was '3,4'
rerun: moody: 'raw.bin': 1 of 4 bytes differ, the first at 3
rerun: moody: 'files/sub/one.txt': line 1: is '1', was '0'
rerun: moody: 'files/new.txt': was not there
rerun: moody: 'files/old.txt': is missing
rerun: moody: 'array.npy': 1 of 2 elements differ, by at most 1 ulp (2.38e-07), the first at [1]
END
! grep -q "same.txt" "$here/out" || result=1
ok $result each_format_says_what_differs
grep -q "^rerun: moody: 'figure.png': [0-9]* of 247 pixels differ" "$here/out" && grep -q "a picture of it: $project/cache/rerun/moody/figure.png" "$here/out" &&
    head -c 4 "$project/cache/rerun/moody/figure.png" | grep -q PNG
ok $? the_difference_of_pictures_is_drawn
r verify --rerun moody --json
[ $status -eq 104 ] && grep -q '"result": "differs"' "$here/out" && grep -q '"path": "a.b.1"' "$here/out" && grep -q '"ulp": 1' "$here/out" && ! grep -q '^rerun' "$here/out"
ok $? json_says_the_same
"$BUILD/tests/schemas/validate" docs/schemas/verify.json "$here/out" > "$here/err"
ok $? the_json_keeps_to_its_schema
r verify --rerun moody -q
[ $status -eq 104 ] && grep -q 'table.csv' "$here/out"
ok $? quiet_keeps_what_is_wrong
unchanged && nothing_left
ok $? a_difference_changes_nothing_of_the_project
rm "$here/other"
r verify --rerun moody
[ $status -eq 0 ] && [ ! -e "$project/cache/rerun/moody" ]
ok $? the_picture_goes_when_bits_are_equal_again
executed > /dev/null

r verify double
[ $status -eq 2 ] && grep -q "verify takes 'double' as a stage with --rerun" "$here/err"
ok $? a_stage_without_rerun_is_wrong_usage
r verify --rerun doubel
[ $status -eq 2 ] && grep -q "did you mean 'double'" "$here/err"
ok $? an_unknown_stage_is_wrong_usage
result=0
for n in 0 -1 x 1.5; do
    r verify "--sample=$n"
    [ $status -eq 2 ] && grep -q 'expected a number of stages' "$here/err" || { echo "# $n: $status"; result=1; }
done
ok $result a_sample_is_a_number
[ -z "$(executed)" ]
ok $? wrong_usage_executes_nothing

# By sha256sum alone: which two come first.
digest=$(sha256sum < "$lock" | cut -d ' ' -f 1)
expected=$(for stage in data double side report moody; do echo "$(printf '%s %s' "$digest" $stage | sha256sum | cut -d ' ' -f 1) $stage"; done | LC_ALL=C sort | head -n 2 | cut -d ' ' -f 2 | sort | tr '\n' ' ')
r verify --sample 2
[ $status -eq 0 ] && [ "$(executed)" = "$expected" ]
ok $? a_sample_is_drawn_by_the_digest_of_the_lock
r verify --sample 99
[ $status -eq 0 ] && [ "$(executed)" = "data double moody report side " ]
ok $? a_sample_of_more_is_all

# Another count of threads, and less than declared where that is said.
make_project threads
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  free: {cmd: sh stages/threads.sh free, deps: {lib: stages/stage.sh}, outs: {o: free.txt}, resources: {threads: all}}
  one: {cmd: sh stages/threads.sh one, deps: {lib: stages/stage.sh}, outs: {o: one.txt}, resources: {threads: 1}}
YAML
cat > "$project/stages/threads.sh" <<SH
. "\${0%/*}/stage.sh"
echo "\$1 \$(at resources threads)" >> "$here/counts"
pwd >> "$here/folders"
echo x > "\$(at outs o)"
SH
r run -j 4
r verify --rerun
[ $status -eq 0 ] && [ "$(sort "$here/counts" | tr '\n' ' ')" = "free 2 free 4 one 1 one 1 " ] && grep -q 'free: the same bits, 1 out, on 2 threads instead of 4' "$here/out"
ok $? half_as_many_threads_and_never_more_than_declared
[ "$(sort -u "$here/folders" | wc -l)" -eq 4 ]
ok $? it_works_in_another_folder
r run -f -j 1
: > "$here/counts"
r verify --rerun free
[ $status -eq 0 ] && [ "$(cat "$here/counts")" = "free 2" ]
ok $? two_threads_where_one_made_it

# Asked to stop, and killed.
make_project stopped
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  slow: {cmd: sh stages/slow.sh, deps: {lib: stages/stage.sh}, outs: {o: o.txt}}
  after: {cmd: sh stages/after.sh, deps: {lib: stages/stage.sh, s: slow.o}, outs: {o: o.txt}}
YAML
cat > "$project/stages/slow.sh" <<SH
. "\${0%/*}/stage.sh"
[ ! -f "$here/wait" ] || { : > "$here/began"; sleep 30; }
echo x > "\$(at outs o)"
SH
sed 's/^\[.*//' "$project/stages/slow.sh" > "$project/stages/after.sh"
r run
executed > /dev/null
touch "$here/wait"
interrupt() { # interrupt SIGNAL: once the stage runs
    rm -f "$here/began"
    "$reprise" -C "$project" verify --rerun > "$here/out" 2> "$here/err" &
    while [ ! -f "$here/began" ]; do sleep 0.05; done
    kill "-$1" $!
    wait $! 2> /dev/null
    status=$?
}
interrupt TERM
[ $status -eq 130 ] && nothing_left && [ "$(executed)" = "slow " ] && ! grep -q after "$here/out"
ok $? a_request_to_stop_ends_it_with_130_and_leaves_nothing
interrupt KILL
[ -n "$(ls "$project/cache/tmp")" ] && rm "$here/wait" && r run && [ $status -eq 0 ] && nothing_left
ok $? what_a_kill_leaves_the_next_run_removes
executed > /dev/null

# What cannot, or does not want to be, executed again.
make_project not
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  net: {cmd: sh stages/x.sh, deps: {lib: stages/stage.sh}, outs: {o: o.txt}, network: true}
  ice: {cmd: sh stages/x.sh, deps: {lib: stages/stage.sh, n: net.o}, outs: {o: o.txt}}
  bad: {cmd: sh stages/bad.sh, deps: {lib: stages/stage.sh}, outs: {o: o.txt}}
YAML
printf '. "${0%%/*}/stage.sh"\necho x > "$(at outs o)"\n' > "$project/stages/x.sh"
printf '. "${0%%/*}/stage.sh"\n[ ! -f "%s/fail" ] || { echo "no luck"; exit 3; }\necho x > "$(at outs o)"\n' "$here" > "$project/stages/bad.sh"
r run
sed -i 's/^  ice: {/&frozen: true, /' "$project/pipeline.yaml"
executed > /dev/null
r verify --rerun
[ $status -eq 0 ] && [ "$(executed)" = "bad " ] && grep -q '^rerun: net: not executed again: it uses the network' "$here/out" && grep -q '^rerun: ice: not executed again: it is frozen' "$here/out"
ok $? frozen_stages_and_those_with_network_are_named
r verify --sample 3
[ $status -eq 0 ] && [ "$(executed)" = "bad " ]
ok $? they_are_not_drawn
touch "$here/fail"
r verify --rerun bad
[ $status -eq 104 ] && grep -q '^rerun: bad: failed .*exit.* 3.*cache/logs/bad.log' "$here/out" && grep -q 'no luck' "$project/cache/logs/bad.log" && nothing_left
ok $? a_stage_that_fails_is_named_with_its_log
rm "$here/fail"
sed -i 's/^  ice: {frozen: true, /  ice: {/' "$project/pipeline.yaml"
digest=$(sed -n '/^      net:$/,/^      [a-z]/p' "$project/pipeline.lock" | sed -n '/^        outs:/,$s/.*digest: //p' | head -n 1)
rm -f "$project/cache/objects/$(echo "$digest" | cut -c 1-2)/$(echo "$digest" | cut -c 3-)"
executed > /dev/null
r verify --rerun ice
[ $status -eq 102 ] && [ -z "$(executed)" ] && grep -q "^rerun: ice: not executed again: its dep 'n' is not in the cache" "$here/out"
ok $? a_dep_that_is_gone_is_named
r run
echo '# changed' >> "$project/stages/bad.sh"
r verify --rerun bad
[ $status -eq 1 ] && grep -q '^rerun: bad: not executed again: it is not as the lock has it' "$here/out"
ok $? a_stage_that_is_stale_is_not_executed

# Confined, where that is asked for.
r verify --sandbox=auto
[ $status -eq 2 ] && grep -q -- '--sandbox confines what --rerun executes' "$here/err"
ok $? a_sandbox_without_rerun_is_wrong_usage
make_project confined
echo "[ ! -f '$here/pry' ] || echo pried > '$here/pried'" >> "$project/stages/double.sh"
r run
touch "$here/pry"
r verify --rerun double
[ $status -eq 0 ] && [ -f "$here/pried" ]
ok $? without_a_sandbox_a_stage_writes_elsewhere
rm -f "$here/pried"
r verify --rerun double --sandbox=require
if [ $status -eq 2 ]; then skip a_confined_stage_does_not "this kernel has not all of the sandbox"; else
    [ ! -f "$here/pried" ]
    ok $? a_confined_stage_does_not
fi

# A fingerprint that is another one now.
make_project elsewhere
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  card: {cmd: stages/card.sh, deps: {}, outs: {o: o.txt}}
  after: {cmd: sh stages/after.sh, deps: {lib: stages/stage.sh, c: card.o}, outs: {o: o.txt}}
YAML
printf '#!/bin/sh\n# REPRISE_STAGE\n[ "$1" = --fingerprint ] && { echo "machine %s"; exit; }\n. "%s/at.sh"\necho x > "$(at outs o)"\n' '$(cat '"$here"'/machine)' "$here" > "$project/stages/card.sh"
sed -n '/^at()/p' "$project/stages/stage.sh" > "$here/at.sh"
printf '. "${0%%/*}/stage.sh"\ncp "$(at deps c)" "$(at outs o)"\n' > "$project/stages/after.sh"
chmod +x "$project/stages/card.sh"
echo one > "$here/machine"
r run
echo two > "$here/machine"
rm -f "$project/cache/answers.json"
r verify --rerun
[ $status -eq 0 ] && grep -q '^rerun: card: not executed again: made on another machine, not reproducible here' "$here/out" && grep -q '^rerun: after: the same bits' "$here/out"
ok $? what_another_machine_made_is_named_and_what_comes_after_it_is_executed
r verify --rerun --strict
[ $status -eq 1 ]
ok $? strict_fails_on_it

# What was adopted.
make_project adopted
sed -i 's|cmd: sh stages/report.sh|&\n    lineage: true|' "$project/pipeline.yaml"
lock=$project/pipeline.lock
r run
echo '# reworded' >> "$project/stages/double.sh"
r adopt double --reason reworded
r run
executed > /dev/null
echo '# more' >> "$project/stages/side.sh"
r verify --rerun double
[ $status -eq 1 ] && grep -q 'stays marked while something is wrong' "$here/out" && grep -q 'adopted: reworded' "$lock"
ok $? adopted_stays_marked_while_something_is_wrong
sed -i '$d' "$project/stages/side.sh"
executed > /dev/null
cp "$lock" "$here/adopted.lock"
r verify --rerun double --strict
[ $status -eq 0 ] && [ "$(executed)" = "double " ] && grep -q '^rerun: double: confirmed, and no longer marked as adopted' "$here/out" && ! grep -q adopted "$lock"
ok $? equal_bits_confirm_what_was_adopted
sed '/^        adopted: /d' "$here/adopted.lock" | diff - "$lock" > /dev/null
ok $? nothing_else_of_the_lock_changes
r run
[ "$(executed)" = "report " ] && r verify --strict && [ $status -eq 0 ]
ok $? only_the_report_that_told_of_it_runs_again
finish
