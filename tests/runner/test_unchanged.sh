#!/bin/sh
# A run with nothing to do rests on what the last one found (cache/unchanged). Whatever changes, it must come to what a run
# comes to that has no such file: each test changes one thing, twice, and runs once with the file and once without.
. tests/runner/project.sh

# fresh: a project with one of everything, run until nothing is to be done and cache/unchanged says so.
fresh() {
    project=$here/all
    chmod -R u+w "$project" "$here/bin" 2> /dev/null
    rm -rf "$project" "$here/bin" "$here/linked" "$here/elsewhere" "$here/first"
    mkdir -p "$project/code" "$project/data/sub" "$here/bin" "$here/linked" "$here/elsewhere" "$here/first"
    cat > "$project/pipeline.yaml" <<YAML
vars: {rate: 1, bound: 1}
profiles:
  other: {rate: 2}
stages:
  s:
    cmd: ./run.sh code/main.sh $here/outside.sh maybe.sh code/maybe.sh
    deps: {file: file.txt, data: data, link: link, outside: $here/outside.txt}
    params: {rate: "\${rate}"}
    env: [KEYS_VALUE, PATH]
    outs: {o: {path: o.txt, publish: shown}, m: m.json}
    metrics: [m]
    require: {m.a: ">= \${bound}"}
  folder:
    cmd: sh code/folder.sh
    deps: {o: s.o}
    outs: {tree: {path: tree, publish: shown/deep}}
  item:
    foreach: [a, b]
    do:
      cmd: sh code/item.sh \${item}
      outs: {x: x.txt}
  gathered:
    cmd: sh code/gathered.sh
    deps: {all: item@*.x}
    outs: {y: y.txt}
  still:
    cmd: sh code/still.sh
    deps: {file: file.txt}
    outs: {z: z.txt}
YAML
    printf '#!/usr/bin/env interpreter\n# REPRISE_STAGE --fingerprint\n' > "$project/run.sh"
    cat > "$here/bin/interpreter" <<SH
#!/bin/sh
if [ "\$2" = --fingerprint ]; then
    echo "uses $here/library"
    echo "uses $here/absent"
    echo "library \$(cat "$here/library" 2> /dev/null || echo none)"
    exit
fi
echo s >> "$ran"
echo 1 > outs/o.txt
echo '{"a": 1}' > outs/m.json
SH
    cat > "$project/code/folder.sh" <<SH
echo folder >> "$ran"
mkdir -p outs/tree/sub outs/tree/empty
echo 1 > outs/tree/one
echo 2 > outs/tree/sub/two
ln -s sub/two outs/tree/link
SH
    echo "echo item >> '$ran'; echo x\$1 > outs/x.txt" > "$project/code/item.sh"
    echo "echo gathered >> '$ran'; echo y > outs/y.txt" > "$project/code/gathered.sh"
    echo "echo still >> '$ran'; echo z > outs/z.txt" > "$project/code/still.sh"
    echo main > "$project/code/main.sh"
    echo text > "$project/file.txt"
    echo one > "$project/data/one"
    echo two > "$project/data/sub/two"
    echo linked > "$here/linked/x"
    ln -s "$here/linked" "$project/link"
    echo outside > "$here/outside.txt"
    echo outside > "$here/outside.sh"
    echo 1.0 > "$here/library"
    rm -f "$here/absent" "$here/nowhere"
    ln -s "$here/nowhere" "$project/dangling"
    chmod +x "$project/run.sh" "$here/bin/interpreter"
    KEYS_VALUE=1
    PATH=$here/first:$here/bin:$clean_path
    export KEYS_VALUE PATH
    arguments=
    r run
    sed -i 's|^  still:|&\n    frozen: true|' "$project/pipeline.yaml"
    r run # says so in the lock
    settle
}
clean_path=$PATH

# What is younger than a tick of the clock is no evidence; on a busy machine anything may take a while.
settle() {
    rm -f "$project/cache/unchanged"
    for wait in 0.07 0.2 0.5 1 2; do
        sleep $wait
        r run $arguments
        [ ! -f "$project/cache/unchanged" ] || break
    done
    executed > /dev/null
}

# uses_it: a run asks nobody but cache/unchanged. Without a memo, any other run makes one.
uses_it() {
    mv "$project/cache/memo" "$here/memo"
    r run $arguments
    [ ! -e "$project/cache/memo" ]
    used=$?
    mv "$here/memo" "$project/cache/memo"
    return $used
}

# outcome: all that a person can see of a run, without times.
outcome() {
    r run $arguments
    echo "status $status; executed: $(executed)"
    # Those that run at one time end in any order; the place of what was in the way has the time in its name.
    sed 's/ in [0-9.]* s\>//; s|aside/[^/]*|aside|' "$here/out" "$here/err" | sort
    (cd "$project" && cat pipeline.lock && find artifacts shown -printf '%y %m %p %l\n' 2> /dev/null | sort &&
        find artifacts shown -type f -exec sha256sum {} + 2> /dev/null | sort -k 2)
    [ "$(find "$project/cache/objects" "$project/cache/actions" -type f | wc -l)" -gt 9 ] && echo "a store"
}

# same NAME EXPECTED CHANGE: the change, with the file and without. EXPECTED is a pattern that the outcome has: the proof that
# something was changed at all.
same() {
    fresh
    [ -f "$project/cache/unchanged" ] && eval "$3"
    changed=$?
    outcome > "$here/with"
    fresh
    eval "$3"
    rm -f "$project/cache/unchanged"
    outcome > "$here/without"
    cmp -s "$here/with" "$here/without" && [ $changed -eq 0 ] && grep -q "$2" "$here/with"
    result=$?
    [ $result -eq 0 ] || { diff "$here/with" "$here/without"; grep '^status' "$here/with"; } | sed 's/^/# /'
    ok $result "$1"
}

# in_place FILE: other bytes of the same size, and the old time.
in_place() {
    touch -r "$1" "$here/time"
    size=$(stat -c %s "$1")
    chmod u+w "$1"
    head -c "$size" /dev/zero | tr '\0' '#' | dd of="$1" conv=notrunc status=none
    touch -r "$here/time" "$1"
}
blob_of() { sha256sum "$1" | sed 's|^\(..\)\([0-9a-f]*\) .*|'"$project"'/cache/objects/\1/\2|'; }
action_of() { sed -n "/^      $1:/,/^        key:/s/^        key: \(..\)\(.*\)/\1\/\2.json/p" "$project/pipeline.lock" | sed "s|^|$project/cache/actions/|"; }
again='executed: .*s '

fresh
[ $status -eq 0 ] && [ -f "$project/cache/unchanged" ]
ok $? a_project_of_one_of_everything_runs
[ $failed -eq 0 ] || finish
uses_it
ok $? a_run_with_nothing_to_do_asks_nothing_but_what_the_last_one_left
uses_it && cp "$here/err" "$here/with" && rm "$project/cache/unchanged" && r run && sed 's/ in [0-9.]* s\>//' "$here/err" | sort > "$here/without" &&
    sed 's/ in [0-9.]* s\>//' "$here/with" | sort | cmp -s - "$here/without" && grep -q '^0 executed, 6 cached' "$here/err" && grep -q '^met: s' "$here/err"
ok $? it_says_what_the_long_way_says
r run -q
[ $status -eq 0 ] && [ ! -s "$here/err" ] && [ ! -s "$here/out" ]
ok $? and_nothing_where_it_is_quiet
arguments="--set bound=2"
settle
[ $status -eq 1 ] && uses_it && [ $status -eq 1 ] && grep -q 'WARNING: missed: s: m.a is 1' "$here/err" &&
    grep -q '1 requirement is missed' "$here/err"
ok $? a_bound_that_is_missed_stays_missed

# ---- nothing to do, and that is said again ----
same nothing_changed 'executed: $' :
same a_dep_that_is_touched 'executed: $' 'touch "$project/file.txt"'
same a_file_that_nobody_names 'executed: $' 'touch "$project/other"'
same the_memo_is_gone 'executed: $' 'rm "$project/cache/memo"'

# ---- what is in the key ----
same the_pipeline_file "$again" 'sed -i "s/rate: 1,/rate: 3,/" "$project/pipeline.yaml"'
same a_dep_in_place "$again" 'in_place "$project/file.txt"'
same the_mode_of_a_dep "$again" 'chmod +x "$project/file.txt"'
same a_dep_outside_the_project "$again" 'in_place "$here/outside.txt"'
same a_file_more_in_a_folder_dep "$again" 'touch "$project/data/sub/three"'
same a_file_less_in_a_folder_dep "$again" 'rm "$project/data/sub/two"'
same a_file_in_a_folder_dep_in_place "$again" 'in_place "$project/data/sub/two"'
same a_folder_dep_is_another "$again" 'mkdir "$here/elsewhere/d" && mv "$project/data" "$here/elsewhere/old" && mv "$here/elsewhere/d" "$project/data"'
same what_a_link_leads_to "$again" 'in_place "$here/linked/x"'
same a_link_leads_elsewhere "$again" 'echo other > "$here/elsewhere/x" && ln -sfn "$here/elsewhere" "$project/link"'
same a_dep_is_gone 'status 2' 'rm "$project/file.txt"'
same an_ignored_name_is_one 'executed: $' 'printf "*.tmp\n" > "$project/.reprise-ignore"; touch "$project/data/x.tmp"'
same a_name_that_is_ignored_now "$again" 'printf "one\n" > "$project/.reprise-ignore"'
same a_script_in_place "$again" 'in_place "$project/code/main.sh"'
same a_script_outside_the_project "$again" 'in_place "$here/outside.sh"'
same the_program_in_place "$again" 'sed -i "s/^#!.*/& /" "$project/run.sh"'
same the_program_may_not_run 'status 2' 'chmod -x "$project/run.sh"'
same the_interpreter "$again" 'echo "# changed" >> "$here/bin/interpreter"'
same a_program_earlier_in_the_path "$again" '{ cat "$here/bin/interpreter"; echo "# another"; } > "$here/first/interpreter"; chmod +x "$here/first/interpreter"'
same a_file_earlier_in_the_path_that_does_not_run 'executed: $' 'touch "$here/first/interpreter"'
same the_program_is_gone_from_the_path 'status 2' 'rm "$here/bin/interpreter"'
same a_word_of_cmd_becomes_a_file "$again" 'echo new > "$project/maybe.sh"'
same a_word_in_a_folder_becomes_a_file "$again" 'echo new > "$project/code/maybe.sh"'
same a_reference_becomes_ambiguous_with_a_file 'status' 'echo new > "$project/s.o"'
same a_variable "$again" 'KEYS_VALUE=2'
same a_variable_that_is_not_set "$again" 'unset KEYS_VALUE'
same the_path_variable "$again" 'PATH=$PATH:/'
same what_a_fingerprint_uses "$again" 'echo 2.0 > "$here/library"'
same what_a_fingerprint_would_use 'status 0' 'touch "$here/absent"'
same answers_of_programs_are_gone "executed: $" 'rm "$project/cache/answers.json"'
same another_value "$again" 'arguments="--set rate=7"'
same another_profile 'status 1'  'arguments="--profile other"'
same another_device 'status' 'arguments="--device cpu"'

# ---- what is in the store ----
same a_bit_of_a_blob 'artifacts\|executed: .*s ' 'flip "$(blob_of "$project/artifacts/s/o.txt")"'
same a_bit_of_a_blob_in_a_tree 'executed: .*folder' 'flip "$(blob_of "$project/artifacts/folder/tree/sub/two")"'
same a_blob_is_gone "$again" 'rm -f "$(blob_of "$project/artifacts/s/m.json")"'
same the_blob_of_a_frozen_stage 'status 1' 'rm -f "$(blob_of "$project/artifacts/still/z.txt")"'
same an_action_is_gone "$again" 'rm -f "$(action_of s)"'
same a_bit_of_an_action "$again" 'flip "$(action_of s)"'
same all_actions_are_gone "status 1" 'arguments=-k; rm -rf "$project/cache/actions"'
same all_objects_are_gone "status 1" 'arguments=-k; chmod -R u+w "$project/cache/objects" && rm -rf "$project/cache/objects"'

# ---- what lies before people ----
back='brought back'
same an_artifact_is_edited "$back" 'in_place "$project/artifacts/s/o.txt"'
same an_artifact_is_gone "$back" 'rm -f "$project/artifacts/s/o.txt"'
same the_mode_of_an_artifact "$back" 'chmod 755 "$project/artifacts/s/o.txt"'
same an_artifact_becomes_a_link "$back" 'mv "$project/artifacts/s/o.txt" "$here/elsewhere" && ln -s "$here/elsewhere/o.txt" "$project/artifacts/s/o.txt"'
same a_file_more_in_an_artifact "$back" 'chmod u+w "$project/artifacts/folder/tree/sub" && touch "$project/artifacts/folder/tree/sub/more"'
same a_file_less_in_an_artifact "$back" 'chmod u+w "$project/artifacts/folder/tree/sub" && rm -f "$project/artifacts/folder/tree/sub/two"'
same an_empty_folder_less_in_an_artifact "$back" 'chmod u+w "$project/artifacts/folder/tree" && rmdir "$project/artifacts/folder/tree/empty"'
same a_link_in_an_artifact_leads_elsewhere "$back" 'chmod u+w "$project/artifacts/folder/tree" && ln -sfn one "$project/artifacts/folder/tree/link"'
same all_artifacts_are_gone "$back" 'chmod -R u+w "$project/artifacts" && rm -rf "$project/artifacts"'
same a_published_copy_is_gone "$back" 'rm -f "$project/shown/o.txt"'
same a_published_copy_is_edited "$back" 'in_place "$project/shown/o.txt"'
same a_published_folder_is_gone "$back" 'chmod -R u+w "$project/shown" && rm -rf "$project/shown"'
same a_published_empty_folder_is_gone "$back" 'rmdir "$project/shown/deep/empty"'
same the_published_folder_lies_elsewhere 'status 2' 'mv "$project/shown" "$here/elsewhere/" && ln -s "$here/elsewhere/shown" "$project/shown"'

# ---- what was written down ----
same the_lock_is_edited 'status' 'sed -i "0,/digest: ./s//digest: 0/" "$project/pipeline.lock"'
same the_lock_is_gone 'status 1' 'rm "$project/pipeline.lock"'
same the_lock_is_no_lock 'status' 'echo "<<<<<<<" >> "$project/pipeline.lock"'
same a_file_in_place_of_the_records 'status 2' 'rm -rf "$project/reports/runs" && touch "$project/reports/runs"'
same what_was_delivered_is_gone 'status 0' 'rm "$project/cache/delivered.json"'
same a_run_was_killed 'status 0' 'printf r | dd of="$project/cache/run.lock" bs=1 seek=64 conv=notrunc status=none; touch "$project/artifacts/s/.o.txt.new"'
same a_run_of_other_values_between 'status 0' 'r run --set rate=5 && executed > /dev/null'

# ---- the file itself ----
fresh
size=$(stat -c %s "$project/cache/unchanged")
cp "$project/cache/unchanged" "$here/kept"
result=0 at=0
while [ $at -lt "$size" ]; do
    cp "$here/kept" "$project/cache/unchanged"
    byte=$(od -An -tu1 -j $at -N1 "$here/kept")
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$project/cache/unchanged" bs=1 seek=$at conv=notrunc status=none
    mv "$project/cache/memo" "$here/memo"
    r run
    [ $status -eq 0 ] && [ -e "$project/cache/memo" ] && [ -z "$(executed)" ] || { echo "# flipped $at"; result=1; }
    mv "$here/memo" "$project/cache/memo"
    at=$((at + 97))
done
for cut in 0 1 16 100 $((size / 2)) $((size - 1)); do
    head -c $cut "$here/kept" > "$project/cache/unchanged"
    r run
    [ $status -eq 0 ] && [ -z "$(executed)" ] || { echo "# cut at $cut"; result=1; }
done
ok $result damage_of_it_is_as_if_it_were_not_there
fresh
rm "$project/cache/unchanged" && mkdir "$project/cache/unchanged"
r run && r run && [ $status -eq 0 ]
ok $? a_folder_in_its_place_harms_nothing
fresh
mv "$project" "$here/moved"
project=$here/moved
r run
[ $status -eq 0 ] && [ -z "$(executed)" ] && settle && uses_it
ok $? a_project_that_moved_is_looked_at_once
rm -rf "$here/moved"
fresh
mkdir -p "$project/code/deep"
settle
(cd "$project/code/deep" && "$reprise" run > "$here/out" 2> "$here/err") && grep -q '^0 executed, 6 cached' "$here/err"
ok $? from_a_folder_below
fresh
r run -n
[ $status -eq 0 ] && r run --json && [ $status -eq 0 ] && grep -q '"outcome"\|"stages"' "$here/out" && r run -f s && [ "$(executed)" = "s " ] &&
    settle && r run --locked && [ $status -eq 0 ]
ok $? other_ways_to_ask_go_the_long_way
finish
