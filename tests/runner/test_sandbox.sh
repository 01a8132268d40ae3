#!/bin/sh
# What a confined stage can and cannot do. Each attack first succeeds without the sandbox.
# Not in /dev/shm, which stages share where they have no namespaces.
ON=${TMPDIR:-/tmp}
. tests/runner/project.sh
project=$here/one
outside=$here/outside
mkdir -p "$project" "$outside"
echo secret > "$outside/file"
echo data > "$project/data.txt"
echo other > "$project/other.txt"
# try NAME COMMAND: a stage that does it and then has its out, whatever became of that; "did" where it came through.
try() { printf '  %s: {cmd: [sh, -c, %s], deps: {d: data.txt}, outs: {o: o}}\n' "$1" "'if $2 2> outs/why; then echo did > outs/o; else echo did not > outs/o; fi; rm -f outs/why'" >> "$project/pipeline.yaml"; }
socket='perl -MSocket -e "exit(socket(my \$s, AF_INET, SOCK_STREAM, 0) ? 0 : 1)"'
echo 'stages:' > "$project/pipeline.yaml"
try read_outside "cat $outside/file > /dev/null"
try read_project "cat $project/other.txt > /dev/null"
try list_outside "ls $outside > /dev/null"
try write_outside "echo > $outside/new"
try write_project "echo > $project/new"
try write_cache "echo > $project/cache/new"
try write_tmp "echo > /tmp/reprise-test-$$"
try signal_outside "kill -0 $$"
try memory_outside "cat /proc/$$/environ > /dev/null"
try socket "$socket"
try rename_outside "mv $outside/moved $outside/again"
try read_dep 'grep -q data deps/d/data.txt'
try write_own 'echo > own && mkdir home/f && mv own home/f'
try use_system 'ls /usr /etc > /dev/null && : > /dev/null && perl -e 1'
attacks='read_outside read_project list_outside write_outside write_project write_cache write_tmp signal_outside memory_outside socket rename_outside'
fresh() { rm -f "$outside/new" "$project/new" "$project/cache/new" "/tmp/reprise-test-$$" "$outside/again"; touch "$outside/moved"; }
trap 'rm -f "/tmp/reprise-test-$$"; chmod -R u+w "$here" 2>/dev/null; rm -rf "$here"' EXIT
# In namespaces /tmp is the stage's own: it can write there, and nobody sees it.
came_through() { for stage; do [ "$(cat "$project/artifacts/$stage/o")" = did ] || { echo "$stage did not" >> "$here/err"; return 1; }; done; }
came_not_through() { for stage; do [ "$(cat "$project/artifacts/$stage/o")" = 'did not' ] || { echo "$stage did" >> "$here/err"; return 1; }; done; }

fresh
r run --sandbox=off
[ $status -eq 0 ] && came_through $attacks read_dep write_own use_system && grep -q '"sandbox": "off"' "$project"/reports/runs/*.json
ok $? without_a_sandbox_every_attack_succeeds
r run --sandbox=auto
[ $status -eq 0 ] && grep -q "^0 executed, 14 cached" "$here/err" && came_through read_outside
ok $? sandbox_is_in_no_key
r run --sandbox=some
[ $status -eq 2 ] && grep -q -- "--sandbox 'some': expected auto, require, trace or off" "$here/err"
ok $? mode_of_another_name_is_refused

fresh
r run --sandbox=auto -f
came_through read_dep write_own use_system
ok $? stage_has_what_it_declares_its_own_folder_and_the_system
r run --sandbox=require -n
if [ $status -eq 0 ]; then
    came_not_through $(echo $attacks | sed s/write_tmp//) && [ ! -e "$outside/new" ] && [ ! -e "$project/new" ] && [ ! -e "/tmp/reprise-test-$$" ] && [ -e "$outside/moved" ]
    ok $? sandboxed_stage_reaches_nothing_else
    grep -h '"sandbox"' "$project"/reports/runs/*.json | grep -q '"no privileges, Landlock ABI [0-9]*, seccomp, namespaces (.*mount, pid, IPC), limits on .*"'
    ok $? record_says_what_was_in_force
else
    skip sandboxed_stage_reaches_nothing_else "$(cat "$here/err")"
fi
# As on older kernels: files are confined from ABI 1 on.
kernel=$(grep -ho 'Landlock ABI [0-9]*' "$project"/reports/runs/*.json | tail -n 1 | grep -o '[0-9]*$')
for abi in 1 2 3 4 5; do
    [ "${kernel:-0}" -ge $abi ] || { skip "landlock_of_abi_${abi}_confines_files_and_says_what_is_missing" "the kernel has Landlock ABI ${kernel:-0}"; continue; }
    export REPRISE_LANDLOCK_ABI=$abi
    fresh
    r run --sandbox=require
    [ $status -eq 2 ] && grep -q "^reprise: --sandbox=require: .*(Landlock ABI 6, the kernel has $abi)" "$here/err" && r run --sandbox=auto -f
    [ $status -eq 0 ] && grep -q "^note: of the sandbox is missing here: .*the kernel has $abi)" "$here/err" && came_not_through read_outside write_outside write_project socket && came_through read_dep write_own
    ok $? "landlock_of_abi_${abi}_confines_files_and_says_what_is_missing"
done
export REPRISE_LANDLOCK_ABI=0
fresh
r run --sandbox=auto -f
[ $status -eq 0 ] && grep -q 'files are not confined (Landlock ABI 1, the kernel has 0)' "$here/err" && came_not_through socket
ok $? without_landlock_the_rest_is_in_force_and_that_is_said
unset REPRISE_LANDLOCK_ABI

# ---- privileges, network, errors that say what to do ----
cat > "$project/pipeline.yaml" <<YAML
stages:
  status: {cmd: [sh, -c, "grep -E 'NoNewPrivs|Cap' /proc/self/status > outs/o"], outs: {o: o}}
  net: {cmd: [sh, -c, '$socket && echo did > outs/o'], network: true, outs: {o: o}}
YAML
r run --sandbox=auto
[ $status -eq 0 ] && grep -q 'NoNewPrivs:.1' "$project/artifacts/status/o" && ! grep -E 'Cap(Inh|Prm|Eff|Amb)' "$project/artifacts/status/o" | grep -v '0000000000000000'
ok $? stage_has_no_privileges_and_can_gain_none
came_through net
ok $? stage_that_declares_the_network_has_it
# A sanitizer's search for leaks traces, which is refused.
cp tests/golden/keras_h5/fixed.h5 "$project/w.h5"
cat > "$project/pipeline.yaml" <<YAML
stages:
  s: {cmd: [sh, -c, 'ASAN_OPTIONS=detect_leaks=0 exec "\$0"', $BUILD/stages/download], network: true, deps: {w: w.h5}, params: {weights: {url: "file:w.h5", sha256: $(sha256sum < "$project/w.h5" | cut -c1-64)}}, outs: {weights: w}}
YAML
r run --sandbox=auto
[ $status -eq 0 ] && [ -s "$project/artifacts/s/w" ] && sed -i 's/deps: {w: w.h5}, //' "$project/pipeline.yaml" && r run --sandbox=auto && [ $status -eq 1 ] && grep -q "cannot read 'w.h5'" "$here/err"
ok $? file_url_of_a_declared_dep_is_fetched_and_no_other
mv "$project/w.h5" "$outside/w.h5"
sed -i "s|network: true,|network: true, deps: {w: $outside/w.h5},|; s|file:w.h5|file:$outside/w.h5|" "$project/pipeline.yaml"
r run --sandbox=auto
[ $status -eq 0 ] && [ -s "$project/artifacts/s/w" ]
ok $? and_so_is_one_outside_the_project
[ "${kernel:-0}" -ge 1 ] || { skip undeclared_read_is_named_with_the_line_to_add "the kernel has no Landlock"; finish; }
printf 'stages:\n  s: {cmd: [sh, -c, "cat %s/other.txt > outs/o"], outs: {o: o}}\n' "$project" > "$project/pipeline.yaml"
r run --sandbox=auto
[ $status -eq 1 ] && grep -q "pipeline.yaml:2:3: stage 's' read 'other.txt', which it does not declare: add to its deps: \"other: other.txt\"\$" "$here/err"
ok $? undeclared_read_is_named_with_the_line_to_add
printf 'stages:\n  s: {cmd: [sh, -c, "cat %s/file > outs/o"], outs: {o: o}}\n' "$outside" > "$project/pipeline.yaml"
r run --sandbox=auto
[ $status -eq 1 ] && grep -q "stage 's' read '$outside/file', which it does not declare: add to its deps: \"file: $outside/file\"\$" "$here/err"
ok $? undeclared_read_outside_the_project_is_named
finish
