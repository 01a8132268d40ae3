#!/bin/sh
# Calls that fail as a stage is started or waited for: it runs once at a time, and nobody waits for ever.
. tests/runner/project.sh
strike=$BUILD/tests/faults/at_syscall
[ -x "$strike" ] || { echo "Bail out! there is no $strike"; exit 1; }
if ! "$strike" /bin/true 2> /dev/null; then
    skip a_keeper_that_cannot_be_watched_is_ended_before_another_starts "calls cannot be traced here"
    finish
fi

make_slow() { # make_slow NAME: a stage that says when it begins and when it ends
    project=$here/$1
    mkdir -p "$project"
    printf 'stages:\n  s:\n    cmd: /bin/sh stage.sh\n    outs: {x: x}\n' > "$project/pipeline.yaml"
    printf "echo begins >> '%s/said'\nsleep 0.3\necho hi > outs/x\necho ends >> '%s/said'\n" "$project" "$project" > "$project/stage.sh"
}
struck() { # struck ARGUMENTS: a run with one call struck, which may fail but not hang
    timeout -s KILL 60 "$strike" "$@" -- "$reprise" -C "$project" run > "$here/out" 2> "$here/err"
    status=$?
    grep -q 'at_syscall: struck' "$here/err" && [ $status -ne 137 ] && [ $status -ne 97 ] && [ $status -ne 124 ]
}

result=0
for error in EMFILE ENFILE ENOMEM; do
    make_slow "watch-$error"
    struck -e $error -c pidfd_open || result=1
    sleep 0.5 # for one that was forgotten to end
    [ "$(grep -c ends "$project/said")" -le 1 ] && r run && [ "$(cat "$project/artifacts/s/x")" = hi ] || { echo "# $error"; result=1; }
done
ok $result a_keeper_that_cannot_be_watched_is_ended_before_another_starts

result=0
for error in ENOMEM ENOBUFS; do
    for call in recvmsg sendmsg; do
        for nth in 1 2 3 4; do
            make_slow "$call-$error-$nth"
            struck -e $error -c $call -n $nth || [ $status -eq 97 ] || result=1
            sleep 0.5
            [ ! -e "$project/said" ] || [ "$(grep -c ends "$project/said")" -le 1 ] || { echo "# $call $error $nth: ran twice"; result=1; }
            r run && [ "$(cat "$project/artifacts/s/x")" = hi ] || { echo "# $call $error $nth"; result=1; }
        done
    done
done
ok $result a_message_that_is_lost_starts_no_second_keeper

make_slow wait
result=0
for nth in 1 2 3; do
    rm -rf "$project/cache"
    struck -e EINTR -c waitid -n $nth || [ $status -eq 97 ] || result=1
done
ok $result a_keeper_that_is_disturbed_as_it_waits_still_ends
finish
