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
stage 'echo > outs/o' 'processes: 400'
REPRISE_NAMESPACES=none r run --sandbox=auto -f
[ $status -eq 0 ] && said '^note: of the sandbox is missing here: .*processes are not counted'
ok $? where_processes_cannot_be_counted_that_is_said
r run --sandbox=auto -f
grep -qh '"sandbox": ".*, limits on \(processes, \)\?memory of \(each process\|all its processes\) and on disk"' "$project"/reports/runs/*.json
ok $? record_says_what_is_limited
r status --sandbox=auto
grep -q '^sandbox: no privileges.*, limits on ' "$here/out" && REPRISE_NAMESPACES=none r status --sandbox=auto && grep -q '^sandbox: .*; missing here: .*processes are not counted' "$here/out" && r status && ! grep -q '^sandbox' "$here/out"
ok $? status_says_what_would_confine_the_stages

# ---- the memory of all processes: where a group of cgroup v2 with the controller is given to who runs this; ci/cgroup starts a machine that does ----
# alone ARGUMENTS: as r, alone in a group, as it is where `systemd-run --user --scope -p Delegate=yes` starts it.
alone() {
    sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$group" "$reprise" -C "$project" "$@" > "$here/out" 2> "$here/err"
    status=$?
}
# The folder of our own group, and beside it one for the runner; in the root of all groups below it.
find_group() {
    group=
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    mount=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
    [ -n "$own" ] && [ -n "$mount" ] || return 1
    parent=$mount$own
    [ ! -e "$parent/cgroup.type" ] || parent=${parent%/*}
    group=$parent/test-$$
    grep -qw memory "$parent/cgroup.controllers" 2> /dev/null && echo +memory 2> /dev/null > "$parent/cgroup.subtree_control" &&
        mkdir "$group" 2> /dev/null && sh -c 'echo $$ 2> /dev/null > "$0/cgroup.procs"' "$group" 2> /dev/null
}
# Ten processes with some 8 MB each, all at the same time.
cat > "$project/eater.sh" <<'SH'
for i in 0 1 2 3 4 5 6 7 8 9; do
    sh -c 'x=$(head -c 8000000 /dev/zero | tr "\\0" x); : > home/full$0; while [ ! -e home/over ]; do sleep 0.1; done; echo ${#x}' $i &
done
until [ -e home/full0 ] && [ -e home/full1 ] && [ -e home/full2 ] && [ -e home/full3 ] && [ -e home/full4 ] && [ -e home/full5 ] && [ -e home/full6 ] && [ -e home/full7 ] && [ -e home/full8 ] &&
    [ -e home/full9 ]; do sleep 0.1; done
: > home/over
wait
echo > outs/o
SH
eat() { printf 'stages:\n  s: {cmd: sh eater.sh, outs: {o: o}, resources: {memory: %s}}\n' "$1" > "$project/pipeline.yaml"; }
eat 60M
r status
grep -q '^limits: memory of \(each process\|all its processes\)$' "$here/out"
ok $? status_says_whose_memory_is_limited
names='memory_of_all_processes_together_is_limited_with_sandbox_off memory_of_all_processes_together_is_limited_with_sandbox_auto what_is_within_the_limit_ends_well status_and_record_say_that_the_memory_is_of_all
stage_leaves_its_group_and_raises_its_limit_without_a_sandbox_only nothing_is_left_of_a_group group_goes_when_its_runner_is_killed group_of_a_killed_keeper_goes_with_the_next_run a_runner_that_is_not_alone_moves_nobody in_the_root_of_all_groups_nobody_has_to_move'
if ! find_group; then
    for name in $names; do skip $name "no group of cgroup v2 with the controller memory is given to this user"; done
    [ -z "$group" ] || rmdir "$group" 2> /dev/null
    finish
fi
clean() { [ -z "$(find "$group" -name 'reprise-*' 2> /dev/null)" ] && ! grep -q memory "$group/cgroup.subtree_control"; }
rm -rf "$project/artifacts"
for mode in off auto; do
    alone run --sandbox=$mode -f
    [ $status -eq 1 ] && said "^s  failed: killed, as all its processes together wanted more memory than the 62914560 bytes that they have: name more in 'resources'" && ! [ -e "$project/artifacts/s" ]
    ok $? "memory_of_all_processes_together_is_limited_with_sandbox_$mode"
done
alone status
grep -q '^limits: memory of all its processes$' "$here/out" && alone status --sandbox=auto && grep -q '^sandbox: .*, limits on .*memory of all its processes and on disk' "$here/out" &&
    grep -qh '"sandbox": "off, limits on memory of all its processes"' "$project"/reports/runs/*.json && grep -qh '"sandbox": "no .*, limits on .*memory of all its processes and on disk"' "$project"/reports/runs/*.json
ok $? status_and_record_say_that_the_memory_is_of_all
eat 600M
alone run -f && alone run --sandbox=auto -f
ok $status what_is_within_the_limit_ends_well
clean
ok $? nothing_is_left_of_a_group

# Its own group is named in /proc; the one above it is the runner's.
cat > "$project/eater.sh" <<SH
at=$mount\$(sed -n 's/^0:://p' /proc/self/cgroup)
cat "\$at/memory.max" > outs/o
echo max > "\$at/memory.max" && cat "\$at/memory.max" >> outs/o
mkdir "\$at/below" && echo below >> outs/o && rmdir "\$at/below"
echo \$\$ > "\$at/../reprise-runner/cgroup.procs" || echo \$\$ > "\$at/../cgroup.procs" && echo left >> outs/o
exit 0
SH
made() { tr '\n' ' ' < "$project/artifacts/s/o"; }
alone run -f
[ "$(made)" = '629145600 max below left ' ] && alone run --sandbox=auto -f && [ "$(made)" = '629145600 ' ]
ok $? stage_leaves_its_group_and_raises_its_limit_without_a_sandbox_only

# What was killed: the runner, whose keeper tidies; the keeper too, after which the next run does.
printf 'echo > %s; sleep 60; echo > outs/o\n' "$here/started" > "$project/eater.sh"
begin() {
    rm -f "$here/started"
    sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$group" "$reprise" -C "$project" run -f > "$here/out" 2> "$here/err" &
    runner=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -e "$here/started" ] && break; sleep 0.5; done
    keeper=$(find "$group" -name 'reprise-[0-9]*' | sed 's/.*-//')
    [ -e "$here/started" ] && [ -n "$keeper" ]
}
within() { for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "$@" && return 0; sleep 0.5; done; return 1; }
begin && kill -9 $runner && within clean
ok $? group_goes_when_its_runner_is_killed
wait $runner 2> /dev/null
begin && kill -9 $keeper; wait $runner
[ -n "$(find "$group" -name 'reprise-[0-9]*')" ] && eat 600M && echo 'echo > outs/o' > "$project/eater.sh" && alone run -f && clean
ok $? group_of_a_killed_keeper_goes_with_the_next_run

sh -c 'echo $$ > "$0/cgroup.procs" && exec sleep 60' "$group" &
other=$!
sleep 0.5
alone run -f
[ $status -eq 0 ] && grep -qx $other "$group/cgroup.procs" && clean && grep -qh '"sandbox": "off, limits on memory of each process"' "$project"/reports/runs/*.json
ok $? a_runner_that_is_not_alone_moves_nobody
kill $other
wait $other 2> /dev/null
within rmdir "$group"
name=in_the_root_of_all_groups_nobody_has_to_move
if [ -e "$mount$own/cgroup.type" ]; then skip $name "this is not the root of all groups"; else
    echo 'sed -n "s/^0:://p" /proc/self/cgroup > outs/o' > "$project/eater.sh"
    r run -f
    [ "$(made | sed 's/[0-9]* $//')" = /reprise- ] && [ -z "$(find "$parent" -maxdepth 1 -name 'reprise-*')" ]
    ok $? $name
fi
finish
