#!/bin/sh
# No process of a stage outlives its owner, whoever is killed, and none holds the runner up or leads it elsewhere.
. tests/runner/project.sh

# one NAME SCRIPT [MORE]: a project of one stage that runs this script.
one() {
    project=$here/$1
    mkdir -p "$project"
    echo "$2" > "$project/s.sh"
    echo "stages: {s: {cmd: sh s.sh, outs: {o: o}${3:-}}}" > "$project/pipeline.yaml"
}
# A process that nobody collects is no process: it has no command line.
lives() { grep -q . "/proc/$1/cmdline" 2> /dev/null; }
children() { cat /proc/"$1"/task/*/children 2> /dev/null; }

# Runner, launcher and keeper die at once, while a daemon of the stage has left group, session, descriptors and environment
# behind. The next attempt under the same key is alone all the same.
one daemon "
if [ -f $here/again ]; then
    grep -q . /proc/\$(cat $here/pid)/cmdline && exit 1
    echo alone > outs/o
    exit
fi
env -i setsid sh -c 'echo \$\$ > $here/pid; exec sleep 60' > /dev/null 2>&1 3>&- &
sleep 60"
"$reprise" -C "$project" run -q > "$here/out" 2> "$here/err" &
runner=$!
for try in $(seq 250); do
    [ -s "$here/pid" ] && break
    sleep 0.02
done
all=$runner
for process in $(children $runner); do all="$all $process $(children "$process")"; done
kill -STOP $all
kill -9 $all
wait $runner 2> /dev/null
touch "$here/again"
lives "$(cat "$here/pid")"
there=$?
r run
[ $there -eq 0 ] && [ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/o")" = alone ] && ! lives "$(cat "$here/pid")"
ok $? a_daemon_is_found_when_all_that_watched_it_were_killed_at_once

# The keeper is stopped by its stage: limits of time and signals reach it.
one stopped 'kill -STOP $PPID; sleep 20' ', resources: {time: 1}'
timeout 30 "$reprise" -C "$project" run > "$here/out" 2> "$here/err"
[ $? -eq 1 ] && grep -q 'ran past its limit' "$here/err"
ok $? a_stage_that_stops_its_keeper_runs_past_no_limit

# A stage that asks at the terminal is told that there is none; it would stand still for ever as one of the background.
one terminal 'if (exec < /dev/tty) 2> /dev/null; then echo there; else echo none; fi > outs/o'
if command -v script > /dev/null; then
    timeout 20 script -qec "$reprise -C $project run -q" /dev/null > "$here/out" < /dev/null
    [ "$(cat "$project/artifacts/s/o")" = none ]
    ok $? a_stage_has_no_terminal
else
    skip a_stage_has_no_terminal "there is no script(1)"
fi

# What a failed attempt put in place of its checkpoint is not followed.
mkdir "$here/precious"
one linked "[ -f $here/was_linked ] || { rmdir ../checkpoint; ln -s $here/precious ../checkpoint; touch $here/was_linked; exit 1; }; echo x > ../checkpoint/x; echo 1 > outs/o"
r run
first=$status
r run
[ $first -eq 1 ] && [ $status -eq 0 ] && [ -z "$(ls "$here/precious")" ]
ok $? a_link_in_place_of_the_checkpoint_is_not_followed

# A large dep is laid out beside the loop: a signal then ends the run, and the stage never begins.
one large 'echo 1 > outs/o' ', deps: {big: big}'
truncate -s 1G "$project/big"
r status
"$reprise" -C "$project" run > "$here/out" 2> "$here/err" &
runner=$!
sleep 0.15
kill -TERM $runner
wait $runner
status=$?
[ $status -eq 130 ] && ! grep -q running "$here/err" && [ -z "$(ls "$project/cache/work")" ]
ok $? a_signal_ends_the_copying_of_a_dep
finish
