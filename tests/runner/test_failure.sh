#!/bin/sh
# Stages that fail, and command lines that are wrong.
. tests/runner/project.sh
make_project one

with() { # with STAGE SHELL: replaces the stage's script after its prologue
    printf '. "${0%%/*}/stage.sh"\n%s\n' "$2" > "$project/stages/$1.sh"
}

with double 'echo "the reason"; exit 7'
r run
[ $status -eq 1 ] && grep -q "^double  | the reason$" "$here/err" && grep -q "^double  failed: exit status 7$" "$here/err" &&
    grep -q "^reprise: stage 'double' failed$" "$here/err" && [ "$(grep -c 'exit status' "$here/err")" -eq 1 ]
ok $? failed_stage_exits_1_and_shows_its_log
[ ! -e "$project/artifacts/double" ] && ! grep -q '^      double:' "$project/pipeline.lock"
ok $? failed_stage_stores_nothing
executed > /dev/null
r run -k
[ $status -eq 1 ] && executed | grep -q double && [ -f "$project/artifacts/side/copy.txt" ] && grep -q 'report  *skipped' "$here/err"
ok $? keep_going_runs_what_does_not_depend
grep -q '"outcome": "failed"' "$project"/reports/runs/*.json
ok $? failure_is_in_the_record

with double 'true'
r run
[ $status -eq 1 ] && grep -q "out 'result' (outs/result.json) was not written" "$here/err"
ok $? success_without_an_out_is_a_failure
result=0
# METRICS|WHAT IS SAID: they are told after their stage, and nothing is stored.
while IFS='|' read -r metrics said; do
    with double "printf '%s' '$metrics' > \"\$(at outs result)\""
    r run
    [ $status -eq 1 ] && grep -q "^double  failed: the metrics 'result' .*$said.*cache/refused/double" "$here/err" && ! grep -q '^      double:' "$project/pipeline.lock" ||
        { echo "# $metrics: $status: $(cat "$here/err")"; result=1; }
done <<'EOF'
accuracy 0.5|are no JSON: outs/result.json:1:
{"value": NaN}|outs/result.json:1:13: invalid token near 'NaN': NaN and Infinity are no numbers there, write null
{"value": 1e999}|real number overflow
{"value": 0x10}|are no JSON
{"value": +1}|are no JSON
{"value": .5}|are no JSON
{"value": 1} {}|are no JSON
{"value": 1, "value": 0}|duplicate object key
{"value": 1, "text": "\u0000"}|0000 is not allowed
[1, 2]|are no JSON object
7|are no JSON
|are no JSON
EOF
ok $result metrics_that_are_no_json_object_fail_their_stage
with double '{ printf "{"; head -c 70000000 /dev/zero | tr "\0" " "; echo "\"value\": 4}"; } > "$(at outs result)"'
r run
[ $status -eq 0 ] && r metrics double && grep -q 'value  *4$' "$here/out" && r verify
ok $status metrics_may_be_as_large_as_those_of_ten_thousand_classes
with double 'mkdir "$(at outs result)"'
r run
[ $status -eq 1 ] && grep -q "^double  failed: the metrics 'result' (outs/result.json) are a folder" "$here/err"
ok $? metrics_that_are_a_folder_fail_their_stage
with double 'ln -s /etc/passwd "$(at outs result)"'
r run
[ $status -eq 1 ] && grep -q "is a symbolic link" "$here/err"
ok $? out_that_is_a_link_is_refused
with double 'chmod u+w "$(at deps data)/seed.txt"; echo bad > "$(at deps data)/seed.txt"; echo {} > "$(at outs result)"'
r run
[ $status -eq 1 ] && grep -q "dep 'data': .*seed.txt' was changed" "$here/err"
ok $? stage_that_changes_its_dep_fails
sed -i 's|^    cmd: sh stages/double.sh|&\n    resources: {memory: 900M}|' "$project/pipeline.yaml"
with double 'exit 3'
r run
[ $status -eq 1 ] && grep -q "^double  failed: exit status 3, under 'resources': memory of 943718400 bytes$" "$here/err"
ok $? failure_under_a_limit_of_memory_names_it
sed -i '/resources: {memory/d' "$project/pipeline.yaml"
with double 'kill -9 $$'
r run
[ $status -eq 1 ] && grep -q "killed by signal 9" "$here/err"
ok $? killed_stage_is_named
[ "$(cat "$project/artifacts/data/data/seed.txt")" = 1 ]
ok $? damage_by_a_stage_is_repaired
with double 'sleep 20'
sed -i 's|cmd: sh stages/double.sh|&\n    resources: {time: 1s}|' "$project/pipeline.yaml"
r run
[ $status -eq 1 ] && grep -q "ran past its limit of 1 s" "$here/err"
ok $? time_limit_stops_a_stage
rm "$project/stages/double.sh"
sed -i 's|cmd: sh stages/double.sh|cmd: build/double|' "$project/pipeline.yaml"
r run
[ $status -eq 2 ] && grep -q "'build/double' is not an executable file: run make first" "$here/err"
ok $? missing_executable_says_what_to_do

make_project two
r run --set bound=5
[ $status -eq 1 ] && grep -q 'WARNING: missed: double: result.value is 2, required >= 5' "$here/err" &&
    grep -q '^reprise: 1 requirement is missed' "$here/err" && [ -f "$project/artifacts/double/result.json" ]
ok $? missed_bound_fails_the_run_and_keeps_its_results
r verify --set bound=5
[ $status -eq 1 ] && grep -q '^require: double: missed: result.value is 2' "$here/out"
ok $? missed_bound_fails_verify

r stauts
[ $status -eq 2 ] && grep -q "did you mean 'status'" "$here/err"
ok $? unknown_command_suggests
r run --dryrun
[ $status -eq 2 ] && grep -q "did you mean '--dry-run'" "$here/err"
ok $? unknown_option_suggests
r run doubel
[ $status -eq 2 ] && grep -q "did you mean 'double'" "$here/err"
ok $? unknown_stage_suggests
result=0
for option in --profile --set -C --file -j --device; do
    r run "$option" ''
    [ $status -eq 2 ] && grep -q 'needs a value' "$here/err" || result=1
done
r run --profile=
[ $status -eq 2 ] && [ $result -eq 0 ]
ok $? value_that_is_empty_is_told
r run --set bound=2.0000000000000004
[ $status -eq 1 ] && grep -q 'is 2.0, required >= 2.0000000000000004$\|is 2, required >= 2.0000000000000004$' "$here/err"
ok $? bound_just_missed_shows_all_digits
r verify -k
[ $status -eq 2 ] && r run -j 0 && false || [ $status -eq 2 ] && { r run --device gpu; [ $status -eq 2 ]; } && { r; [ $status -eq 2 ]; }
ok $? wrong_usage_exits_2
mkdir -p "$here/home/.local/bin" "$project/src" && printf "#!/bin/sh\n" > "$here/home/.local/bin/my-tool" && chmod +x "$here/home/.local/bin/my-tool"
touch "$project/src/c.json" "$project/src/helper.py" "$project/src/prep.sh" && chmod +x "$project/src/prep.sh"
result=0 home=$HOME
HOME=$here/home
# CMD|WHAT IS SAID
while IFS='|' read -r cmd said; do
    printf 'stages:\n  a: {cmd: %s, outs: {o: o}}\n' "$cmd" > "$project/pipeline.yaml"
    r run
    [ $status -eq 2 ] && grep -q "^reprise: pipeline.yaml:2:3: stage 'a': $said" "$here/err" || { echo "# $cmd: $status: $(cat "$here/err")"; result=1; }
done <<EOF
./src/perp.sh|'./src/perp.sh' is not an executable file, did you mean './src/prep.sh'?
./src|'./src' is not an executable file: what lies there is no file
my-tool|'my-tool' is not an executable file in PATH: it lies in '$here/home/.local/bin', which PATH has to name
EOF
HOME=$home
command -v python > /dev/null || {
    printf 'stages:\n  a: {cmd: python x.py, outs: {o: o}}\n' > "$project/pipeline.yaml"
    r run
    grep -q "in PATH: write 'python3'" "$here/err" || result=1
}
ok $result program_that_is_not_found_comes_with_the_nearest_way
printf 'stages:\n  a: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: outs/o}}\n' > "$project/pipeline.yaml"
r run
[ $status -eq 1 ] && grep -q "out 'o' is written to 'outs/o', and its path is one inside outs/: declare it as 'o'" "$here/err"
ok $? out_that_is_declared_with_its_folder_is_told
result=0
# What a program prints that finds nothing, and the file that is not declared.
while IFS='|' read -r printed file; do
    printf 'stages:\n  a: {cmd: sh a.sh, outs: {o: o}}\n' > "$project/pipeline.yaml"
    printf 'echo "%s" >&2; exit 1\n' "$printed" > "$project/a.sh"
    r run
    [ $status -eq 1 ] && grep -q "note: the project's '$file' is not there for this stage: declare it" "$here/err" || { echo "# $printed: $(cat "$here/err")"; result=1; }
done <<'EOF'
cannot open '$PWD/src/c.json'|src/c.json
No such file or directory: 'src/c.json'|src/c.json
ModuleNotFoundError: No module named 'src.helper'|src
EOF
ok $result file_that_is_not_declared_is_named_however_it_was_looked_for
echo 'stages: {a: {cmd: x, out: y}}' > "$project/pipeline.yaml"
r run
[ $status -eq 2 ] && grep -q 'pipeline.yaml:1:' "$here/err"
ok $? wrong_pipeline_exits_2_and_names_the_place
rm "$project/pipeline.yaml"
r status
[ $status -eq 2 ] && grep -q "^reprise: there is no 'pipeline.yaml' here.* -C" "$here/err" && [ "$(wc -l < "$here/err")" -eq 1 ]
ok $? folder_without_a_pipeline_says_what_to_do
touch "$project/pipeline.yml"
r status
[ $status -eq 2 ] && grep -q "but a 'pipeline.yml': rename it" "$here/err" && rm "$project/pipeline.yml" && touch "$project/dvc.yaml" && { r status; [ $status -eq 2 ]; } && grep -q "but a 'dvc.yaml': write its stages into 'pipeline.yaml'" "$here/err"
ok $? file_of_another_name_or_tool_is_pointed_out
r --help
[ $status -eq 0 ] && grep -q '^  verify' "$here/out"
ok $? help_goes_to_stdout
# A file system where nothing can be executed is named, and no chmod advised.
project=$here/noexec
mkdir -p "$project/cache"
printf '#!/bin/sh\necho 1 > outs/o\n' > "$project/s.sh"
chmod +x "$project/s.sh"
echo 'stages: {s: {cmd: ./s.sh, outs: {o: o}}}' > "$project/pipeline.yaml"
if [ "${BUILD%-thread}" != "$BUILD" ]; then
    skip a_cache_that_is_mounted_noexec_is_named "the thread sanitizer makes a fork of a vfork, whose child tells nothing back"
elif mount -t tmpfs -o noexec none "$project/cache" 2> /dev/null; then
    r run
    [ $status -eq 1 ] && grep -q "mounted noexec" "$here/err"
    ok $? a_cache_that_is_mounted_noexec_is_named
    umount "$project/cache"
else
    skip a_cache_that_is_mounted_noexec_is_named "mounting is not permitted"
fi

# ---- what a folder dep holds is looked at before the first stage runs ----
project=$here/deps
mkdir "$project"
executed > /dev/null
printf 'stages:\n  first: {cmd: sh first.sh, outs: {o: o}}\n  second: {cmd: sh second.sh, deps: {o: first.o, data: data}, outs: {o: o}}\n' > "$project/pipeline.yaml"
echo "echo first >> $ran; echo 1 > outs/o" > "$project/first.sh"
echo "echo second >> $ran; echo 2 > outs/o" > "$project/second.sh"
result=0
# WHAT|COMMAND IN data/sub|SAID
while IFS='|' read -r what command said; do
    chmod -R u+rwX "$project"
    rm -rf "$project/data" "$project/cache" "$project/pipeline.lock"
    mkdir -p "$project/data/sub" && echo x > "$project/data/sub/x"
    (cd "$project/data/sub" && eval "$command") 2> /dev/null || { echo "# no $what can be made here"; continue; }
    [ "$what" = secret ] && [ "$(id -u)" -eq 0 ] && continue
    for command in run "run -n" "run second"; do
        r $command
        [ $status -eq 2 ] && grep -q "pipeline.yaml:3:[0-9]*: dep 'data': .*$said" "$here/err" && [ -z "$(executed)" ] || { echo "# $what: $command: $status: $(cat "$here/err")"; result=1; }
    done
    r run first
    [ $status -eq 0 ] && [ "$(executed)" = "first " ] || { echo "# $what: another stage does not run"; result=1; }
done <<'EOF'
pipe|mkfifo p|sub/p' is a pipe
socket|perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("s")) or exit 1'|sub/s' is a socket
device|mknod d c 1 3|sub/d' is a device
loop|ln -s .. around|sub/around' is a link to a folder around it
self|ln -s self self|sub/self'
dangling|ln -s nowhere n|sub/n' is a link to 'nowhere', which does not exist
secret|chmod 0 x|cannot read '.*sub/x'
EOF
ok $result what_a_folder_dep_holds_is_told_before_anything_runs
rm -rf "$project/data" && mkdir -p "$project/data/__pycache__" && mkfifo "$project/data/__pycache__/p" && echo x > "$project/data/x"
r run
[ $status -eq 0 ]
ok $? what_is_ignored_in_it_is_not_looked_at
mkfifo "$project/data/p"
r verify
[ $status -eq 1 ] && [ "$(grep -c "lock: second: dep 'data'" "$here/out")" -eq 1 ] && grep -q "lock: second: dep 'data': .*/data/p' is a pipe" "$here/out" && ! grep -q 'is gone' "$here/out"
ok $? verify_says_once_and_truly_what_a_dep_is_that_cannot_be_read
finish
