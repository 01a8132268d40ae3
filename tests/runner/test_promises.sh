#!/bin/sh
# What is stored under a key is what its key says, and nothing of a stage escapes: small inputs that once went wrong.
. tests/runner/project.sh

# fresh YAML-LINE...: a new project with this pipeline.yaml.
fresh() {
    project=$here/promise
    chmod -R u+w "$project" 2> /dev/null
    rm -rf "$project"
    mkdir -p "$project"
    printf '%s\n' "$@" > "$project/pipeline.yaml"
}
out() { cat "$project/artifacts/$1" 2> /dev/null; }

# ---- what runs is what was hashed ----
fresh 'stages:' '  a: {cmd: sh slow.sh, outs: {o: o}}' '  b: {cmd: sh b.sh, outs: {o: o}}'
echo 'sleep 0.4; echo a > outs/o' > "$project/slow.sh"
echo 'echo old > outs/o' > "$project/b.sh"
(sleep 0.2; echo 'echo new > outs/o' > "$project/b.sh") &
r run -j 1
wait
first=$status saw=$(out b/o)
echo 'echo old > outs/o' > "$project/b.sh"
r run
[ $first -eq 0 ] && [ "$saw" = new ] && [ "$(out b/o)" = old ]
ok $? script_edited_while_its_stage_waits_runs_under_its_own_key
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
printf 'sleep 0.3\necho first > outs/o\n' > "$project/a.sh"
(sleep 0.1; printf 'exit 1\n' > "$project/a.sh") &
r run
wait
[ $status -eq 0 ] && [ "$(out a/o)" = first ]
ok $? script_edited_while_it_runs_changes_nothing
r status
grep -q '^a *would run: executable a.sh changed' "$here/out"
ok $? and_the_edit_counts_the_next_time
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
printf 'chmod u+w a.sh; echo "# more" >> a.sh; echo 1 > outs/o\n' > "$project/a.sh"
r run
[ $status -eq 1 ] && grep -q "it changed its own file 'a.sh'" "$here/err"
ok $? stage_that_changes_its_own_script_stores_nothing
fresh 'stages:' "  a: {cmd: $here/outside.sh, outs: {o: o}}"
printf '#!/bin/sh\necho "# more" >> %s/outside.sh; echo 1 > outs/o\n' "$here" > "$here/outside.sh"
chmod +x "$here/outside.sh"
r run
[ $status -eq 1 ] && grep -q "outside.sh' changed since its digest was taken: if the stage writes there itself, let it write to outs/ instead" "$here/err"
ok $? program_elsewhere_that_changes_stores_nothing
fresh 'stages:' '  a: {cmd: sh a.sh state.txt, deps: {d: data, f: f.txt}, outs: {o: o}}'
mkdir "$project/data" && echo 1 > "$project/data/x" && echo 1 > "$project/f.txt"
printf 'date +%%N >> "%s/$1"; date +%%N >> %s/data/y; echo 1 > outs/o\n' "$project" "$project" > "$project/a.sh"
result=0
for how in appeared changed changed; do
    r run
    [ $status -eq 0 ] && grep -q "^a: the file of its cmd 'state.txt' $how while it ran, so it runs again next time: if it writes there itself, let it write to outs/ instead" "$here/err" &&
        grep -q "^a: its dep 'data' changed while it ran" "$here/err" && ! grep -q 'f.txt\|a.sh' "$here/err" || { echo "# $how"; result=1; }
done
ok $result stage_that_writes_to_its_own_inputs_is_told
echo 'echo 1 > outs/o' > "$project/a.sh"
r run
! grep -q 'while it ran' "$here/err" && r run && ! grep -q 'while it ran' "$here/err"
ok $? stage_that_leaves_them_alone_is_told_nothing
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
echo 'pwd > outs/o; echo "$HOME $TMPDIR" >> outs/o' > "$project/a.sh"
r run
first=$(out a/o)
r run -f
[ "$first" = "$(out a/o)" ]
ok $? a_stage_works_at_one_place_for_each_key

# ---- nothing lives on ----
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
sleeper=97.$$
printf 'setsid sleep %s & (sleep %s &) ; sleep 0.1; echo 1 > outs/o\n' $sleeper $sleeper > "$project/a.sh"
sleepers() { pgrep -f "sleep $sleeper" > /dev/null 2>&1; }
r run
[ $status -eq 0 ] && ! sleepers && grep -q 'it left [12] process.*sleep' "$here/err"
ok $? processes_that_left_their_group_end_with_the_stage
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
printf 'setsid sh -c "while :; do echo x >> ../checkpoint/steps; sleep 0.02; done" & sleep 5; echo 1 > outs/o\n' > "$project/a.sh"
"$reprise" -C "$project" run -q 2> /dev/null &
runner=$!
tries=0
while ! [ -s "$project"/cache/work/*/checkpoint/steps ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
kill -9 $runner
wait $runner 2> /dev/null
sleep 0.3
before=$(cat "$project"/cache/work/*/checkpoint/steps | wc -l)
sleep 0.2
after=$(cat "$project"/cache/work/*/checkpoint/steps | wc -l)
[ "$before" -gt 0 ] && [ "$before" -eq "$after" ]
ok $? killed_runner_takes_all_its_stages_started_along
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
printf 'trap "echo 1 > outs/o; exit 0" TERM; touch %s/begun; while :; do sleep 0.02; done\n' "$here" > "$project/a.sh"
"$reprise" -C "$project" run > "$here/out" 2> "$here/err" &
runner=$!
tries=0
while ! [ -e "$here/begun" ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
kill -TERM $runner
wait $runner
interrupted=$?
r status
[ $interrupted -eq 130 ] && [ ! -e "$project/artifacts/a/o" ] && grep -q '^a *would run' "$here/out"
ok $? stage_that_was_asked_to_stop_is_interrupted_whatever_it_exits_with
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
printf 'sleep 0.4; echo 1 > outs/o\n' > "$project/a.sh"
sh -c "trap '' HUP INT; exec '$reprise' -C '$project' run -q" &
runner=$!
sleep 0.2
kill -HUP $runner
kill -INT $runner
wait $runner
[ $? -eq 0 ] && [ "$(out a/o)" = 1 ]
ok $? signals_that_were_ignored_at_the_start_stay_ignored

# ---- what a stage can reach ----
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
mkdir "$project/precious"
echo thesis > "$project/precious/o"
printf 'rmdir outs; ln -s %s/precious outs\n' "$project" > "$project/a.sh"
r run
[ $status -eq 1 ] && [ "$(cat "$project/precious/o")" = thesis ]
ok $? outs_that_became_a_link_are_not_followed
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
echo original > "$here/victim"
printf 'rm -f ../log; ln -s %s/victim ../log; echo printed; echo 1 > outs/o; exit 1\n' "$here" > "$project/a.sh"
r run
[ "$(cat "$here/victim")" = original ] && grep -q '| printed' "$here/err"
ok $? log_is_the_file_that_was_opened
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
printf '%s\n' "head -c 80000000 /dev/zero | tr '\\000' x; echo; echo the end; echo 1 > outs/o" > "$project/a.sh"
r run
r log a
[ "$(wc -c < "$here/out")" -lt 68000000 ] && tail -c 8 "$here/out" | grep -q 'the end' && grep -a -q 'bytes are left out here' "$here/out"
ok $? flood_in_a_log_is_bounded_and_keeps_its_ends

# ---- the environment ----
fresh 'stages:' '  a: {cmd: sh a.sh, env: [HOME, OMP_NUM_THREADS], outs: {o: o}}'
cat > "$project/a.sh" <<'SH'
each() { tr '\000' '\n' < /proc/self/environ; }
each | grep -c '^HOME=/mine$' > outs/o
each | grep -c '^OMP_NUM_THREADS=' >> outs/o
SH
HOME=/mine OMP_NUM_THREADS=77 r run
[ "$(out a/o | tr '\n' ' ')" = '1 1 ' ]
ok $? declared_variable_replaces_the_runner_s_and_stands_once
fresh 'stages:' '  a: {cmd: ./a.sh, outs: {o: o}}'
printf '#!/bin/sh\n# REPRISE_STAGE\nif [ "$1" = --fingerprint ]; then echo "seen ${UNDECLARED:-nothing} $(pwd | grep -c promise/cache/tmp)"; exit; fi\necho 1 > outs/o\n' > "$project/a.sh"
chmod +x "$project/a.sh"
UNDECLARED=secret r why a
grep -q '^fingerprint seen nothing 1$' "$here/out"
ok $? fingerprint_is_asked_in_the_stage_s_environment_and_an_empty_folder
fresh 'stages:' '  a: {cmd: sh a.sh, secrets: [PASSWORD], outs: {o: o}}'
echo 'echo "it is $PASSWORD"; printf "{\"event\":\"note\",\"text\":\"note $PASSWORD\"}\n" >&3; echo 1 > outs/o; [ "$PASSWORD" = hunter22 ]' > "$project/a.sh"
PASSWORD=hunter22 r run -v
cp "$here/err" "$here/shown"
r log a
[ "$(out a/o)" = 1 ] && ! grep -q hunter22 "$here/shown" "$here/out" && ! grep -rq hunter22 "$project/cache" "$project/pipeline.lock" "$project/reports" &&
    grep -q 'it is \*\*\*\*\*\*\*\*' "$here/out"
ok $? secret_reaches_the_stage_and_nothing_else

# ---- what is kept to save time ----
fresh 'vars: {n: 1}' 'stages:' '  a: {cmd: ./a.sh, params: {n: "${n}"}, outs: {o: o}}'
cat > "$project/a.sh" <<'SH'
#!/bin/sh
if [ -f scratch/kernel ]; then echo "warm: $(cat scratch/kernel)"; else echo cold; echo compiled > scratch_out/kernel; fi
echo 1 > outs/o
SH
chmod +x "$project/a.sh"
r run
r log a
grep -qx cold "$here/out"
ok $? scratch_is_empty_at_first
r run --set n=2
r log a
grep -qx 'warm: compiled' "$here/out" && grep -lq '"scratch":' "$project"/cache/actions/*/*.json
ok $? scratch_shows_what_an_earlier_run_left_and_the_action_says_so
rm -rf "$project"/cache/objects/*
r run --set n=3
r log a
[ $status -eq 0 ] && grep -qx cold "$here/out"
ok $? scratch_that_is_damaged_is_none

# ---- told before anything runs, with what to do ----
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}' '  b: {cmd: ./missing, deps: {a: a.o}, outs: {o: o}}'
echo 'echo 1 > outs/o' > "$project/a.sh"
r run
[ $status -eq 2 ] && grep -q "pipeline.yaml:3:3: stage 'b': './missing' is not an executable file" "$here/err" && [ ! -e "$project/artifacts" ]
ok $? missing_program_of_a_later_stage_is_found_first
r status
[ $status -eq 1 ] && grep -q '^a  *would run' "$here/out" && grep -q '^b  *failed' "$here/out"
ok $? status_shows_every_stage_though_one_is_wrong
# hint NAME CMD PATTERN
hint() {
    fresh 'stages:' "  a: {cmd: $2, outs: {o: o}}"
    printf '#!/bin/sh\r\necho 1 > outs/o\r\n' > "$project/win"
    printf '#!/usr/bin/nope\n' > "$project/interp"
    printf 'echo 1 > outs/o\n' > "$project/plain"
    printf '#!/bin/sh\necho 1 > outs/o\n' > "$project/noexec"
    chmod +x "$project/win" "$project/interp" "$project/plain"
    r run
    [ $status -eq 2 ] && grep -q "$3" "$here/err" && [ "$(wc -l < "$here/err")" -eq 1 ]
    ok $? "$1"
}
hint windows_line_ends_are_named ./win "Windows line ends"
hint missing_interpreter_is_named ./interp "interpreter '/usr/bin/nope'"
hint missing_first_line_is_named ./plain "has no '#!' line"
hint missing_mode_is_named ./noexec "chmod +x ./noexec"
hint program_of_the_project_needs_its_path plain "write './plain'"
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {clean: clean.txt}}'
echo 'echo 1 > clean.txt' > "$project/a.sh"
r run
[ $status -eq 1 ] && grep -q "was not written to outs/clean.txt; there is a 'clean.txt' one folder too high" "$here/err"
ok $? out_one_folder_too_high_is_found
fresh 'stages:' '  a: {cmd: sh code/a.sh, outs: {o: o}}'
mkdir "$project/code"
echo '. code/lib.sh; echo 1 > outs/o' > "$project/code/a.sh"
echo true > "$project/code/lib.sh"
r run
[ $status -eq 1 ] && grep -q "the project's 'code/lib.sh' is not there for this stage: declare it" "$here/err"
ok $? undeclared_file_is_named
mkdir -p "$here/venv/bin"
printf '#!/bin/sh\nexec sh "$@"\n' > "$here/venv/bin/sh"
chmod +x "$here/venv/bin/sh"
fresh 'stages:' '  a: {cmd: sh a.sh, outs: {o: o}}'
echo 'echo 1 > outs/o' > "$project/a.sh"
VIRTUAL_ENV=$here/venv PATH=$here/venv/bin:$PATH r run
[ $status -eq 0 ] && grep -q "an active environment's is $here/venv/bin/sh" "$here/err"
ok $? active_environment_that_is_not_used_is_said
(ulimit -f 1; r run -f -q; exit $status)
[ $? -lt 128 ]
ok $? limit_of_file_size_ends_with_a_status_of_its_own
finish
