#!/bin/sh
# docs/keys.md, line by line: what is in a key changes it, what is not does not. Each test changes exactly one thing.
. tests/runner/project.sh

# fresh: a project of one stage whose key has one of everything, run once.
fresh() {
    project=$here/keys
    chmod -R u+w "$project" 2> /dev/null
    rm -rf "$project"
    mkdir -p "$project/code" "$project/data/sub" "$here/bin"
    cat > "$project/pipeline.yaml" <<YAML
vars: {rate: 1}
stages:
  s:
    cmd: ./run.sh code/main.sh $here/outside.sh
    desc: a stage
    deps: {file: file.txt, data: data, link: link, outside: $here/outside.txt}
    params: {rate: "\${rate}", list: [1, 2]}
    env: [KEYS_VALUE]
    outs: {o: o.txt, m: m.json}
YAML
    printf '#!%s/bin/interpreter\n# REPRISE_STAGE --fingerprint\n' "$here" > "$project/run.sh"
    cat > "$here/bin/interpreter" <<SH
#!/bin/sh
if [ "\$2" = --fingerprint ]; then
    echo "uses $here/library"
    echo "library \$(cat "$here/library" 2> /dev/null || echo none)"
    exit
fi
echo s >> "$ran"
echo 1 > outs/o.txt
echo '{"a": 1}' > outs/m.json
SH
    echo main > "$project/code/main.sh"
    echo text > "$project/file.txt"
    echo one > "$project/data/one"
    echo two > "$project/data/sub/two"
    mkdir -p "$here/linked"
    echo linked > "$here/linked/x"
    ln -s "$here/linked" "$project/link"
    echo outside > "$here/outside.txt"
    echo outside > "$here/outside.sh"
    echo 1.0 > "$here/library"
    chmod +x "$project/run.sh" "$here/bin/interpreter"
    KEYS_VALUE=1
    export KEYS_VALUE
    r run
    executed > /dev/null
}
edit() { sed -i "$1" "$project/pipeline.yaml"; }

# reruns NAME / keeps NAME: whether another run executes the stage.
reruns() {
    r run
    [ $status -eq 0 ] && [ "$(executed)" = "s " ]
    ok $? "$1"
}
keeps() {
    r run
    [ $status -eq 0 ] && [ -z "$(executed)" ]
    ok $? "$1"
}

fresh
[ $status -eq 0 ]
ok $? a_stage_with_one_of_everything_runs
keeps nothing_changed

# ---- in the key ----
edit "s|cmd: ./run.sh|& word|"
reruns a_word_of_cmd
fresh
echo >> "$project/code/main.sh"
reruns a_file_that_cmd_names
fresh
echo >> "$here/outside.sh"
reruns a_file_outside_the_project_that_cmd_names
fresh
sed -i 's|^#!.*|& |' "$project/run.sh"
reruns the_program
fresh
echo '# changed' >> "$here/bin/interpreter"
reruns the_interpreter_of_its_first_line
for starter in 'env A=1' 'nice -n 5' 'timeout 60 env'; do
    fresh
    edit "s|cmd: |&$starter |"
    r run
    executed > /dev/null
    echo '# changed' >> "$here/bin/interpreter"
    reruns "the_interpreter_behind_${starter%% *}"
done
# The words of env in a first line, and in cmd: what it starts is the program. The kernel gives them as one.
while IFS='|' read -r name words; do
    fresh
    printf '#!/usr/bin/env %s\n# REPRISE_STAGE --fingerprint\n' "$words" | sed "s|%|$here/bin|" > "$project/run.sh"
    r run
    [ $status -eq 0 ] && [ "$(executed)" = "s " ] || echo "# $words: $(cat "$here/err")"
    echo '# changed' >> "$here/bin/interpreter"
    reruns "the_interpreter_behind_env_$name"
done <<'EOF'
with_one_word|%/interpreter
with_a_variable_unset|-S -u X %/interpreter
with_a_variable_unset_in_one|-S -uX %/interpreter
with_a_variable_set|-S A=1 B=2 %/interpreter
without_variables|-S -i %/interpreter
without_variables_in_one|-iS %/interpreter
with_a_long_option|--split-string=%/interpreter
with_long_options|-vS --unset X --ignore-environment %/interpreter
with_a_quote|-S 'A=a b' "%/interpreter"
with_an_escape|-S\_%/interpreter
with_a_comment|-S %/interpreter # sh
with_another_starter|-S A=1 nice -n 5 env B=1 %/interpreter
with_itself|-S -S %/interpreter
EOF
fresh
printf '#!/usr/bin/env -S -u X no-such-program\n' > "$project/run.sh"
r run
[ $status -eq 2 ] && grep -q "'./run.sh' names the interpreter 'no-such-program' in its first line" "$here/err"
ok $? program_that_env_does_not_find_is_named_before_work
edit 's|cmd: ./run.sh|cmd: env -u X A=1 no-such-program|'
r run
[ $status -eq 2 ] && grep -q "'no-such-program' is not an executable file in PATH" "$here/err"
ok $? so_is_one_behind_env_in_cmd
fresh
edit "s|cmd: ./run.sh|cmd: env -u PATH -S \"A=1 $here/bin/interpreter\" ./run.sh|"
r run
executed > /dev/null
echo '# changed' >> "$here/bin/interpreter"
reruns the_program_behind_env_in_cmd_with_a_text_to_split
fresh
edit 's|list: \[1, 2\]|list: [1, 3]|'
reruns a_parameter
fresh
edit 's|rate: 1}|rate: 1.0}|'
reruns a_parameter_that_becomes_a_real_number
fresh
r run --set rate=0.1
executed > /dev/null
r run --set rate=0.10000000000000001
[ -z "$(executed)" ]
ok $? a_number_spelled_otherwise_is_the_same
r run --set rate=0.10000000000000002
[ "$(executed)" = "s " ]
ok $? a_number_that_differs_in_its_last_digit
fresh
echo more >> "$project/file.txt"
reruns the_bytes_of_a_dep
fresh
echo more > "$project/data/sub/three"
reruns a_file_more_in_a_folder_dep
fresh
mv "$project/data/one" "$project/data/two"
reruns a_name_in_a_folder_dep
fresh
chmod +x "$project/data/one"
reruns the_mode_bit_of_a_file_in_a_folder_dep
fresh
chmod +x "$project/file.txt"
reruns the_mode_bit_of_a_dep
fresh
echo more >> "$here/linked/x"
reruns what_a_link_in_a_dep_leads_to
fresh
echo more >> "$here/outside.txt"
reruns a_dep_outside_the_project
fresh
edit 's|{file: file.txt|{other: file.txt|'
reruns the_name_of_a_dep
fresh
edit 's|o: o.txt|p: o.txt|'
reruns the_name_of_an_out
fresh
KEYS_VALUE=2
reruns a_declared_variable
fresh
unset KEYS_VALUE
reruns a_declared_variable_that_is_not_set
fresh
KEYS_VALUE=$(printf '\377')
reruns a_declared_variable_that_is_no_text
keeps and_it_is_cached_then
fresh
echo 2.0 > "$here/library"
reruns what_the_program_says_of_its_machine
fresh
rm "$here/library"
reruns what_the_program_uses_is_gone
fresh
# Between the program's look at it and ours, a file changes to another of its size.
sed -i "/^    exit/i [ -e $here/once ] || { echo 2.0 > $here/library; : > $here/once; }" "$here/bin/interpreter"
r run
executed > /dev/null
rm "$here/once"
reruns what_the_program_uses_changed_while_it_was_asked

# ---- not in the key ----
fresh
edit 's|    env: \[KEYS_VALUE\]|&\n    secrets: [KEYS_SECRET]|'
KEYS_SECRET=1
export KEYS_SECRET
keeps that_it_is_given_a_secret
KEYS_SECRET=2
keeps the_value_of_a_secret
unset KEYS_SECRET
fresh
edit 's|desc: a stage|desc: the stage|'
keeps its_description
fresh
edit 's|    env:|    metrics: [m]\n    require: {m.a: ">= 1"}\n    env:|'
keeps its_metrics_and_bounds
fresh
edit 's|o: o.txt|o: {path: o.txt, publish: shown}|'
keeps where_an_out_is_published
fresh
edit 's|    env:|    resources: {threads: 2, time: 1h}\n    env:|'
keeps its_resources
fresh
r run -j 1
[ -z "$(executed)" ]
ok $? the_number_of_threads
fresh
touch "$project/file.txt" "$project/run.sh" "$here/bin/interpreter"
keeps times
fresh
NOT_DECLARED=1
export NOT_DECLARED
keeps a_variable_that_is_not_declared
unset NOT_DECLARED
fresh
echo 1 > "$project/undeclared.txt"
keeps a_file_that_is_not_declared
fresh
mkdir "$project/data/__pycache__"
touch "$project/data/.DS_Store" "$project/data/one~" "$project/data/.one.swp" "$project/data/__pycache__/one.pyc"
keeps droppings_in_a_folder_dep
fresh
printf '*.tmp\n' > "$project/.reprise-ignore"
touch "$project/data/x.tmp"
keeps names_that_the_project_ignores
fresh
echo 'true # another' > "$here/library.sh"
sed -i "2a. $here/library.sh" "$here/bin/interpreter"
r run
executed > /dev/null
echo 'true # and another' > "$here/library.sh"
keeps what_a_program_loads_from_elsewhere
fresh
mkdir "$project/data/empty"
reruns an_empty_folder_in_a_folder_dep
fresh
mv "$project" "$here/keys-elsewhere"
project=$here/keys-elsewhere
keeps where_the_project_lies
finish
