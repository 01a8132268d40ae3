#!/bin/sh
# What a confined stage finds in place of the machine's own: its folder at one path, processes, /tmp, /dev/shm, IPC.
# Each thing is otherwise without the sandbox.
ON=${TMPDIR:-/tmp}
. tests/runner/project.sh
trap 'rm -rf "/tmp/reprise-ns-$$"* "/dev/shm/reprise-ns-$$" "/var/tmp/reprise-ns-$$"; [ -z "${shared:-}" ] || ipcrm -m "$shared"; chmod -R u+w "$here" 2>/dev/null; rm -rf "$here"' EXIT
project=$here/probe
mkdir -p "$project"
printf 'stages:\n  s: {cmd: [sh, -c, "echo > outs/o"], outs: {o: o}}\n' > "$project/pipeline.yaml"
r run --sandbox=auto
if ! grep -q '"sandbox".*namespaces (.*pid' "$project"/reports/runs/*.json; then
    skip namespaces_of_a_stage "$(grep -h missing "$here/err")"
    finish
fi
# stage NAME COMMAND: one stage that is all of a project of that name.
stage() { project=$here/$1; mkdir -p "$project"; printf 'stages:\n  s: {cmd: [sh, -c, %s], outs: {o: o}%s}\n' "'$2'" "${3:-}" > "$project/pipeline.yaml"; }
out() { cat "$project/artifacts/s/o"; }

# ---- one path ----
places='{ pwd; echo $REPRISE_STAGE $HOME $TMPDIR; ls; cat stage.json; } > outs/o'
for at in first second/further; do stage $at "$places"; r run --sandbox=auto; cp "$project/artifacts/s/o" "$here/${at%%/*}.inside"; done
[ $status -eq 0 ] && cmp -s "$here/first.inside" "$here/second.inside" && grep -q '^/run/reprise/run$' "$here/first.inside"
ok $? stage_that_prints_its_folder_gives_the_same_bytes_in_two_projects
r verify --rerun s --sandbox=auto
ok $status and_in_a_rerun
r run --sandbox=off -f
[ $status -eq 0 ] && ! cmp -s "$here/second.inside" "$project/artifacts/s/o"
ok $? without_a_sandbox_it_does_not
stage places 'cat "$REPRISE_STAGE" deps/d/file > outs/o && mkdir home/a && touch "$TMPDIR/b" && ! ls .. 2> home/why' ', deps: {d: file}'
echo data > "$project/file"
r run --sandbox=auto
[ $status -eq 0 ] && out | grep -q '"d": "deps/d/file"' && out | grep -q '^data$'
ok $? paths_of_stage_json_are_those_that_the_stage_sees

# ---- what goes on inside ----
cat > "$here/twice" <<'SH'
[ -e ../checkpoint/was ] && { cat ../checkpoint/was > outs/o; exit; }
echo kept > ../checkpoint/was
exit 1
SH
stage often 'sh twice' ', deps: {d: twice}'
cp "$here/twice" "$project/twice"
r run --sandbox=auto && first=$status || first=$status
r run --sandbox=auto
[ $first -eq 1 ] && [ $status -eq 0 ] && [ "$(out)" = kept ]
ok $? checkpoint_is_found_by_the_next_attempt
stage told 'echo "{\"event\":\"note\",\"text\":\"from inside\"}" >&3; echo > outs/o'
r run --sandbox=auto
[ $status -eq 0 ] && grep -q 'from inside' "$here/err"
ok $? progress_comes_out
mkdir "$here/tools"
cp "$(command -v cp)" "$here/tools/own-cp"
stage program 'true'
printf 'stages:\n  s: {cmd: "%s stage.json outs/o", outs: {o: o}}\n' "$here/tools/own-cp" > "$project/pipeline.yaml"
r run --sandbox=auto
[ $status -eq 0 ] && out | grep -q '"stage": "s"'
ok $? program_that_lies_in_tmp_is_shown_there

# ---- processes ----
stage processes 'ls /proc | grep -c "^[0-9]" > outs/o; kill -0 '$$' 2> /dev/null && echo did >> outs/o; [ -d /proc/'$$' ] && echo seen >> outs/o; true'
r run --sandbox=off
[ $status -eq 0 ] && out | grep -q did && out | grep -q seen
ok $? without_a_sandbox_a_stage_sees_other_processes
r run --sandbox=auto -f
[ $status -eq 0 ] && [ "$(out | head -n 1)" -le 6 ] && ! out | grep -q 'did\|seen'
ok $? stage_sees_no_process_but_its_own
stage daemon 'setsid sh -c "(echo \$(readlink /proc/self/ns/pid) > home/x; exec sleep 9999)" > /dev/null 2>&1 & while [ ! -s home/x ]; do sleep 0.1; done; cp home/x outs/o'
r run --sandbox=auto
inside=$(out)
[ $status -eq 0 ] && grep -q 'it left 1 process running, killed now: s' "$here/err" && [ -n "$inside" ] && ! ls -l /proc/[0-9]*/ns/pid 2> /dev/null | grep -qF "$inside"
ok $? daemon_is_named_and_killed_when_its_stage_ends
stage orphan '(setsid sh -c "readlink /proc/self/ns/pid > home/x; exec sleep 9999" &); while [ ! -s home/x ]; do sleep 0.1; done; cp home/x ../checkpoint/ready; exec sleep 9999'
"$reprise" -C "$project" run --sandbox=auto > "$here/out" 2> "$here/err" &
runner=$!
for try in $(seq 200); do inside=$(cat "$project"/cache/work/*/checkpoint/ready 2> /dev/null) && [ -n "$inside" ] && break; sleep 0.1; done
inhabitants() { ls -l /proc/[0-9]*/ns/pid 2> /dev/null | grep -F "$inside" | sed 's|.*/proc/\([0-9]*\)/.*|\1|'; }
before=$(inhabitants | wc -l)
keeper=$(for pid in $(inhabitants); do awk '/^PPid/ {print $2}' "/proc/$pid/status"; done | while read -r parent; do inhabitants | grep -qx "$parent" || echo "$parent"; done | head -n 1)
kill -KILL "$keeper"
wait $runner
for try in $(seq 100); do [ "$(inhabitants | wc -l)" = 0 ] && break; sleep 0.1; done
[ "$before" -ge 3 ] && [ "$(inhabitants | wc -l)" = 0 ]
ok $? nothing_lives_on_when_the_keeper_is_killed

# ---- /tmp, /dev/shm, /run, IPC ----
echo outside > "/tmp/reprise-ns-$$"
echo outside > "/dev/shm/reprise-ns-$$"
stage private 'cat /tmp/reprise-ns-'$$' /dev/shm/reprise-ns-'$$' > outs/o 2> /dev/null; for at in /tmp /dev/shm; do echo mine > $at/reprise-ns-mine-'$$' && cat $at/reprise-ns-mine-'$$'; done >> outs/o'
r run --sandbox=auto
[ $status -eq 0 ] && [ "$(out | sort -u)" = mine ] && [ ! -e "/tmp/reprise-ns-mine-$$" ] && [ ! -e "/dev/shm/reprise-ns-mine-$$" ]
ok $? tmp_and_shared_memory_are_the_stages_own
stage bounded 'grep -E "^tmpfs /(tmp|dev/shm) .*size=[0-9]+k" /proc/mounts | cut -d " " -f 2 | sort -u > outs/o'
r run --sandbox=auto
[ "$(out | tr '\n' ' ')" = '/dev/shm /tmp ' ] && [ $status -eq 0 ]
ok $? their_size_is_bounded
if [ "$(find /run -maxdepth 1 2> /dev/null | wc -l)" -le 1 ]; then skip sockets_below_run_are_not_there "nothing lies in /run"; else
    stage run "for f in /run/*; do [ \"\$f\" = /run/reprise ] || [ ! -e \"\$f\" ] || echo \"\$f\"; done > outs/o; for f in $(find /run -maxdepth 1 -mindepth 1 | tr '\n' ' '); do [ ! -e \$f ] || echo \$f; done >> outs/o"
    r run --sandbox=auto
    [ $status -eq 0 ] && [ -z "$(out)" ]
    ok $? sockets_below_run_are_not_there
fi
var=/var/tmp/reprise-ns-$$
mkdir -p "$var/bin" "$var/lib" "$var/kept"
ln -s "$(command -v sh)" "$var/bin/sh"
echo library > "$var/lib/file"
echo kept > "$var/kept/file"
stage var 'true'
cat > "$project/s.sh" <<SH
#!$var/bin/sh
{ cat $var/lib/file deps/d/file; [ ! -e $var/kept/file ] || echo seen; echo x > $var/new || echo refused; } > outs/o 2> /dev/null
[ /var/run -ef /run ] && [ ! -e /var/tmp/new ] && echo run >> outs/o
SH
chmod +x "$project/s.sh"
printf 'stages:\n  s: {cmd: ./s.sh, deps: {d: %s/kept/file}, outs: {o: o}}\n' "$var" > "$project/pipeline.yaml"
r run --sandbox=auto
[ $status -eq 0 ] && [ "$(out | tr '\n' ' ')" = 'library kept refused run ' ] && r run --sandbox=off -f && out | grep -q seen && [ -e "$var/new" ]
ok $? of_var_there_is_what_the_stages_programs_need
# It is shown twice: as itself, and in its folder.
before=$project project=$(mktemp -d /tmp/reprise-ns-$$-XXXXXX)
cp "$(command -v sleep)" "$project/nap"
"$project/nap" 9999 & napping=$!
echo other > "$project/other"
printf 'stages:\n  s: {cmd: [sh, -c, "\\"$0\\" 0 && [ ! -e %s/other ] && echo unseen > outs/o", %s/nap], outs: {o: o}}\n' "$project" "$project" > "$project/pipeline.yaml"
r run --sandbox=auto
[ $status -eq 0 ] && [ "$(out)" = unseen ]
ok $? program_of_tmp_that_runs_already_runs_confined
kill $napping
rm -rf "$project"
project=$before
if shared=$(ipcmk -M 4096 2> /dev/null | grep -o '[0-9]*$'); then
    stage ipc "ipcs -m -i $shared > outs/o 2>&1; ipcs -m | grep -c \"^0x\" >> outs/o; true"
    r run --sandbox=auto
    [ "$(out | tail -n 1)" = 0 ] && r run --sandbox=off -f && [ "$(out | tail -n 1)" != 0 ]
    ok $? ipc_of_others_is_not_seen
else skip ipc_of_others_is_not_seen "no ipcmk"; fi

# ---- where less is allowed ----
stage less 'pwd > outs/o; [ -d /proc/'$$' ] && echo seen >> outs/o; true'
REPRISE_NAMESPACES=files r run --sandbox=auto
[ $status -eq 0 ] && [ "$(out | tr '\n' ' ')" = '/run/reprise/run seen ' ] && grep -q '^note: of the sandbox is missing here: the names of processes are the machine.s (a /proc of its own: ' "$here/err" && grep -qh '"sandbox".*namespaces (.*mount, IPC)' "$project"/reports/runs/*.json
ok $? where_proc_cannot_be_mounted_the_rest_is_in_force_and_that_is_said
stage left 'setsid sleep 9999 > /dev/null 2>&1 & echo > outs/o'
REPRISE_NAMESPACES=files r run --sandbox=auto
[ $status -eq 0 ] && grep -q 'it left 1 process running, killed now: s' "$here/err"
ok $? and_what_a_stage_leaves_is_killed
stage none 'pwd > outs/o'
REPRISE_NAMESPACES=none r run --sandbox=auto
[ $status -eq 0 ] && out | grep -q "^$project/cache/work" && grep -q "^note: of the sandbox is missing here: .*the work folder's path is not fixed (namespaces: " "$here/err"
ok $? without_namespaces_that_is_said
REPRISE_NAMESPACES=none r run --sandbox=require -f
[ $status -eq 2 ] && grep -q '^reprise: --sandbox=require: .*(namespaces: ' "$here/err"
ok $? require_requires_them
finish
