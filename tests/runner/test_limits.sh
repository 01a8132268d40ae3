#!/bin/sh
# What a stage may take of the machine, each limit named where it is reached.
ON=${TMPDIR:-/tmp}
. tests/runner/project.sh
project=$here/one
mkdir -p "$project"
# stage COMMAND RESOURCES: one stage that is all of the pipeline.
stage() { printf 'stages:\n  s: {cmd: [sh, -c, %s], outs: {o: o}, resources: {%s}}\n' "'$1'" "$2" > "$project/pipeline.yaml"; }
said() { grep -q -- "$1" "$here/err"; }

# ---- disk and files, with a sandbox or without ----
for mode in off auto; do
    stage 'i=0; while [ $i -lt 60 ]; do head -c 1000000 /dev/zero > outs/o$i; i=$((i + 1)); sleep 0.1; done; echo > outs/o' 'disk: 4M'
    r run --sandbox=$mode -f
    [ $status -eq 1 ] && said '^s  failed: wrote more to its folder than its limit of 4194304 bytes$' && ! [ -e "$project/artifacts/s" ]
    ok $? "stage_that_fills_the_disk_is_killed_with_sandbox_$mode"
done
stage 'head -c 6000000 /dev/zero > home/x && rm home/x && echo > outs/o' 'disk: 4M'
r run -f
[ $status -eq 1 ] && said "^s  failed: .*, under 'resources': disk of 4194304 bytes$"
ok $? file_larger_than_the_limit_is_cut_short_at_once_and_that_is_named
stage 'for i in 1 2; do head -c 3000000 /dev/zero > home/$i; done; echo > outs/o' 'disk: 4M'
r run -f
[ $status -eq 1 ] && said '^s  failed: wrote more to its folder than its limit of 4194304 bytes$'
ok $? what_lies_there_at_the_end_counts
stage 'i=0; while [ $i -lt 3000 ]; do : > home/$i; i=$((i + 1)); done; echo > outs/o' 'disk: 4M'
r run -f
[ $status -eq 1 ] && said '^s  failed: wrote more to its folder'
ok $? empty_files_count_as_a_block_each
stage 'p=home; i=0; while [ $i -lt 90 ]; do p=$p/d; i=$((i + 1)); done; mkdir -p $p; echo > outs/o' 'disk: 4M'
r run -f
[ $status -eq 1 ] && said '^s  failed: wrote more to its folder'
ok $? nothing_hides_below_many_folders
head -c 9000000 /dev/zero > "$project/large"
printf 'stages:\n  s: {cmd: [sh, -c, "head -c 2000000 deps/d/large > outs/o"], deps: {d: large}, outs: {o: o}, resources: {disk: 4M}}\n' > "$project/pipeline.yaml"
r run -f
ok $status deps_do_not_count

# ---- processes ----
bomb='i=0; while [ $i -lt 1200 ]; do sleep 9999 & i=$((i + 1)); done; echo > outs/o; exit 3'
stage "$bomb" 'processes: 400'
r run --sandbox=auto -f
if said 'processes are not counted'; then
    for name in stage_that_forks_on_and_on_is_stopped processes_of_others_do_not_count usual_limit_of_processes_holds; do skip $name "$(grep missing "$here/err")"; done
else
    [ $status -eq 1 ] && said "^s  failed: .*, with as many processes as it may have, under 'resources': at most 400 processes$" && said 'fork\|Cannot'
    ok $? stage_that_forks_on_and_on_is_stopped
    for i in 1 2 3 4 5 6 7 8; do sleep 60 & others="${others:-} $!"; done
    stage 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait; echo > outs/o' 'processes: 8'
    r run --sandbox=auto -f
    kill $others
    ok $status processes_of_others_do_not_count
    stage 'cat /proc/sys/kernel/pid_max > outs/o; ulimit -u >> outs/o 2> /dev/null; grep "Max processes" /proc/self/limits >> outs/o' ''
    r run --sandbox=auto -f
    grep -q '^8194$\|Max processes  *8193 ' "$project/artifacts/s/o"
    ok $? usual_limit_of_processes_holds
fi
REPRISE_NAMESPACES=none r run --sandbox=auto -f
[ $status -eq 0 ] && said '^note: of the sandbox is missing here: .*processes are not counted'
ok $? where_processes_cannot_be_counted_that_is_said
r run --sandbox=auto -f
grep -qh '"sandbox": ".*, limits on \(processes, \)\?memory of each process and on disk"' "$project"/reports/runs/*.json
ok $? record_says_what_is_limited
r status --sandbox=auto
grep -q '^sandbox: no privileges.*, limits on ' "$here/out" && REPRISE_NAMESPACES=none r status --sandbox=auto && grep -q '^sandbox: .*; missing here: .*processes are not counted' "$here/out" && r status && ! grep -q '^sandbox' "$here/out"
ok $? status_says_what_would_confine_the_stages
finish
