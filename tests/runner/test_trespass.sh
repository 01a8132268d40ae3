#!/bin/sh
# What a confined stage is refused is named, with the line to add; and being watched changes nothing else.
ON=open
. tests/runner/project.sh
project=$here/one
outside=$here/outside
mkdir -p "$project/sub" "$outside/many"
for file in other.txt sub/inner.txt data.txt; do echo text > "$project/$file"; done
echo secret > "$outside/file"
printf '#!/bin/sh\ntrue\n' > "$outside/program"
chmod +x "$outside/program"
# stage COMMAND [MORE]: a pipeline of one stage, s, that does it; MORE keys of it.
stage() { printf 'stages:\n  first: {cmd: [sh, -c, "echo > outs/o; echo > outs/p"], outs: {o: o, p: p}}\n  s:\n    cmd: [sh, -c, %s]\n    outs: {o: o}\n%s' "'$1'" "${2:-}" > "$project/pipeline.yaml"; }
says() { grep -qF "  pipeline.yaml:3:3: stage 's' $1" "$here/err"; }
says_nothing() { ! grep -q "pipeline.yaml:[0-9]" "$here/err"; }

stage "cat $outside/file"
r run --sandbox=auto
[ $status -eq 1 ] && grep -q 'exit status' "$here/err" || { cat "$here/err"; exit 1; }
if ! grep -q Landlock "$project"/reports/runs/*.json || ! says 'read'; then
    skip what_is_refused_is_named "the kernel has no Landlock, or no notifications of seccomp"
    finish
fi

# ---- reads ----
says "read '$outside/file', which it does not declare: add to its deps: \"file: $outside/file\""
ok $? read_outside_is_named_with_place_and_entry
grep -q "^s  *failed: exit status [0-9]*; it read '$outside/file', undeclared\$" "$here/err" && grep -q "\"failure\": \"exit status [0-9]*; it read '$outside/file', undeclared\"" "$(ls -t "$project"/reports/runs/*.json | head -n 1)"
ok $? failure_and_record_name_it
named=0
for command in "cat $project/sub/inner.txt" "cat sub/inner.txt" "cd $project && cat sub/inner.txt" "cd $project/sub && cat ../sub/./inner.txt" \
    "perl -e \"chdir q($project/sub); open(F, q(inner.txt)) or exit 1\"" "ln -s $project/sub home/link; cat home/link/inner.txt $project/sub/inner.txt"; do
    stage "$command"
    r run --sandbox=auto
    [ $status -eq 1 ] && says 'read '"'sub/inner.txt', which it does not declare: add to its deps: \"inner: sub/inner.txt\"" && named=$((named + 1))
done
[ $named -eq 6 ]
ok $? read_of_the_project_is_named_however_it_is_written
stage 'cat $HOME/../other.txt' '    deps: {other: data.txt, other_2: sub}
'
r run --sandbox=auto
says "read 'other.txt', which it does not declare: add to its deps: \"other_3: other.txt\""
ok $? entry_has_a_name_that_the_stage_has_not
stage "cat $project/data.txt" '    deps: {d: data.txt}
'
r run --sandbox=auto
says "read 'data.txt', which it declares as 'd': read it as \${deps.d}"
ok $? declared_file_at_its_own_place_is_said_to_be_a_dep
stage "cat $project/artifacts/first/o" && r run first
r run --sandbox=auto s
says "read 'artifacts/first/o', which it does not declare: add to its deps: \"o: first.o\""
ok $? out_of_another_stage_is_named_as_an_out
stage "cat $project/artifacts/first/o" '    deps: {out: first.o}
'
r run --sandbox=auto s
says "read 'artifacts/first/o', which it declares as 'out': read it as \${deps.out}"
ok $? declared_out_at_its_place_is_said_to_be_a_dep
stage "exec $outside/program"
r run --sandbox=auto
says "read '$outside/program'"
ok $? refused_program_is_named
stage "for i in 1 2 3 4 5 6; do echo \$i > home/\$i; done; cat home/1 $outside/many/* || exit 1"
for i in 1 2 3 4 5 6; do echo $i > "$outside/many/$i"; done
r run --sandbox=auto
says "read '$outside/many', which" && [ "$(grep -c 'pipeline.yaml:3' "$here/err")" -eq 1 ]
ok $? many_files_of_a_folder_are_named_as_the_folder

# ---- writes ----
named=0
for command in "echo > $outside/new" "rm -f $outside/file" "mkdir $outside/folder" "mv $outside/program $outside/moved" "ln $outside/file $outside/linked" \
    "ln -s x $outside/linked" "truncate -s 0 $outside/file" "rmdir $outside/many" "mkfifo $outside/fifo"; do
    stage "$command"
    r run --sandbox=auto
    [ $status -eq 1 ] && says "wrote to '$outside/" && named=$((named + 1))
done
[ $named -eq 9 ] && [ -s "$outside/file" ] && [ "$(ls "$outside")" = "$(printf 'file\nmany\nprogram')" ]
ok $? each_way_of_writing_is_named_and_refused
stage "echo > $project/new"
r run --sandbox=auto
says "wrote to 'new', and may write in its own folder alone: add to its outs: \"new: new\", and write to \${outs.new}"
ok $? write_to_the_project_is_named_with_an_out
stage "echo > /tmp/reprise-trespass-$$"
REPRISE_NAMESPACES=none r run --sandbox=auto
says "wrote to '/tmp/reprise-trespass-$$', and may write in its own folder alone: there is \$TMPDIR"
ok $? write_to_tmp_is_named_with_the_folder_for_it

stage "echo > /etc/reprise-trespass-$$"
r run --sandbox=auto
grep -q "stage 's' wrote to '/etc/reprise-trespass-$$', and may write in its own folder alone\$" "$here/err" && [ ! -e "/etc/reprise-trespass-$$" ]
ok $? write_to_the_system_is_named_without_an_out

# ---- below /tmp, which a stage may have to itself ----
before=$project project=$(mktemp -d /tmp/reprise-trespass-XXXXXX)
trap 'chmod -R u+w "$here" 2>/dev/null; rm -rf "$here" "$project"' EXIT
echo text > "$project/other.txt"
stage "cat $project/other.txt > home/x || echo > $project/new"
r run --sandbox=auto
says "read 'other.txt', which it does not declare: add to its deps: \"other: other.txt\"" && says "wrote to 'new'"
ok $? what_is_hidden_is_named_too
stage "echo > home/a && echo > \$TMPDIR/b && cat home/a \$TMPDIR/b && exit 5"
r run --sandbox=auto
grep -q 'failed: exit status 5$' "$here/err" && says_nothing
ok $? files_of_its_own_are_not_named
if grep -qh '"sandbox": ".*, namespaces (' "$project"/reports/runs/*.json; then
    named=0
    for folder in /tmp /dev/shm; do
        of_both=$folder/reprise-trespass-$$
        echo secret > "$of_both"
        stage "cat $of_both"
        r run --sandbox=auto
        says "read '$of_both', which it does not declare: add to its deps: \"reprise_trespass_$$: $of_both\"" && named=$((named + 1))
        stage "ls $folder > home/x && echo own > $of_both && cat $of_both && mkdir $folder/own && echo > $folder/own/x && exit 5"
        r run --sandbox=auto
        grep -q 'failed: exit status 5$' "$here/err" && says_nothing && [ "$(cat "$of_both")" = secret ] && named=$((named + 1))
        rm "$of_both"
    done
    [ $named -eq 4 ]
    ok $? file_of_the_machine_is_named_in_tmp_and_shared_memory_and_not_one_that_the_stage_made_there
else
    skip file_of_the_machine_is_named_in_tmp_and_shared_memory_and_not_one_that_the_stage_made_there "namespaces are not allowed here"
fi
rm -rf "$project"
project=$before

# ---- what is not to be named ----
stage "cat /nowhere/a $project/nothing sub/nothing; perl -e 1; ls /usr /etc > /dev/null; sort deps/d/* > home/x; mkdir home/y; rmdir home/y; exit 7" '    deps: {d: data.txt}
'
r run --sandbox=auto
[ $status -eq 1 ] && grep -q "failed: exit status 7\$" "$here/err" && says_nothing
ok $? nothing_is_named_of_what_is_not_there_and_of_the_system
stage "cat $outside/file; cat other.txt; echo > outs/o"
r run --sandbox=auto
[ $status -eq 0 ] && says_nothing
ok $? stage_that_ends_well_is_not_bothered
stage "cat $outside/file"
r run --sandbox=off
[ $status -eq 1 ] && says_nothing
ok $? without_a_sandbox_nothing_is_heard

# ---- watched, it works as ever ----
stage "i=0; while [ \$i -lt 40 ]; do (cat deps/d/* /etc/passwd > home/\$i) & i=\$((i + 1)); done; wait; cat home/* | wc -l > outs/o" '    deps: {d: data.txt}
'
r run && cp "$project/artifacts/s/o" "$here/off"
r run -f --sandbox=auto
[ $status -eq 0 ] && cmp -s "$project/artifacts/s/o" "$here/off"
ok $? many_processes_at_once_are_answered
stage "perl -e \"for (1 .. 20000) { open(F, qq($outside/\\\$_)); open(F, qq($outside/many/./1)) } exit 3\""
r run --sandbox=auto
[ $status -eq 1 ] && grep -q "failed: exit status 3; it read '$outside/many/1', undeclared" "$here/err"
ok $? flood_of_names_is_survived
stage "perl -e \"for (1 .. 5000) { symlink(q(x), qq(home/\\\$_)) } for (1 .. 5000) { open(F, qq(home/\\\$_)) } open(F, q($outside/file)) or exit 3\""
r run --sandbox=auto
says "read '$outside/file'"
ok $? names_in_its_own_folder_take_no_room
stage "echo > begun; while :; do cat deps/d/* > /dev/null || exit 1; done" '    deps: {d: data.txt}
'
"$reprise" -C "$project" run --sandbox=auto > "$here/out" 2> "$here/err" &
runner=$!
for i in $(seq 300); do [ -e "$(echo "$project"/cache/work/*/run/begun)" ] && break; sleep 0.1; done
for i in $(seq 300); do
    for process in /proc/[0-9]*; do # the keeper is a child of the launcher, which is one of the runner's
        [ "$(cat "$process/comm" 2> /dev/null)" = reprise-keeper ] || continue
        launcher=$(awk '/^PPid/ {print $2}' "$process/status") && [ "$(awk '/^PPid/ {print $2}' "/proc/$launcher/status")" = $runner ] && keeper=${process#/proc/}
    done
    [ -n "${keeper:-}" ] && break
done
kill -KILL "$keeper"
wait $runner
[ $? -eq 1 ] && grep -q 'the process that watches over it was killed' "$here/err" && ! ls "$project"/cache/work/*/run > /dev/null 2>&1
ok $? nothing_hangs_where_the_keeper_is_killed
stage "(while :; do cat deps/d/* > /dev/null; done) & sleep 0.2; echo > outs/o" '    deps: {d: data.txt}
'
r run --sandbox=auto
[ $status -eq 0 ] && grep -q 'left [0-9]* process' "$here/err"
ok $? what_is_left_at_work_is_killed_in_the_end
# A sanitizer's search for leaks traces, which is refused.
stage "export ASAN_OPTIONS=detect_leaks=0; mkdir home/p && printf \"stages:\\n  t: {cmd: [sh, -c, \\\"cat deps/d/* > outs/o\\\"], deps: {d: d}, outs: {o: o}}\\n\" > home/p/pipeline.yaml && echo inner > home/p/d && \$PWD/deps/bin/reprise -C home/p run --sandbox=auto > outs/o 2>&1 || { cat outs/o; exit 1; }; deps/bin/reprise -C home/p run --sandbox=trace -f > outs/o 2>&1; [ \$? -eq 1 ] || exit 2" "    deps: {bin: $reprise}
"
r run --sandbox=auto
if grep -q 'Invalid cross-device link' "$here/err"; then # before ABI 2 nothing is renamed into another folder, as a store does
    skip run_in_a_stage_that_is_watched_goes_on_without_names_and_does_not_trace "needs Landlock ABI 2"
else
    [ $status -eq 0 ] && grep -q "reprise: --sandbox=trace: what a stage reads cannot be told here: this is a stage that is watched itself" "$project/artifacts/s/o"
    ok $? run_in_a_stage_that_is_watched_goes_on_without_names_and_does_not_trace
fi
stage 'perl -e "exit(syscall(425, 1, 0) == -1 && \$!{ENOSYS} ? 0 : 1)" && echo > outs/o'
r run --sandbox=trace
[ $status -eq 0 ]
ok $? io_uring_is_refused_in_a_trace_too
finish
