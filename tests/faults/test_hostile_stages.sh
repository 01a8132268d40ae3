#!/bin/sh
# root: makes a device.
# Stages that try to deceive the runner, to escape it, or to make it touch what is not theirs. Each has one stage `s` with the
# out `x`; afterwards an honest stage must run in the same project, and nothing of the hostile one lives.
. tests/runner/project.sh
LIMIT=20
marker=$here-marker # no other process has this word among its arguments
hostile=$BUILD/tests/faults/hostile
[ -x "$hostile" ] || { echo "Bail out! there is no $hostile"; exit 1; }
long=$([ "${FAULTS:-}" = long ] && echo yes)
points=0 runs=0
echo "# hostile stages: $([ "$long" ] && echo long || echo short) form"

# As an ordinary user where we are root: modes mean nothing to root.
as_user=
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
    as_user="setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all"
    $as_user test -x "$reprise" || as_user=
fi
can_be_user() { [ "$(id -u)" != 0 ] || [ -n "$as_user" ]; }
as=

# h ARGUMENTS: reprise in the project; a hang is 124.
h() {
    runs=$((runs + 1))
    command=$1
    shift
    [ "$command" = run ] && [ -n "${SANDBOX:-}" ] && set -- --sandbox="$SANDBOX" "$@"
    set -- "$command" "$@"
    $as timeout -s KILL $LIMIT "$reprise" -C "$project" "$@" > "$here/out" 2> "$here/err" < /dev/null
    status=$?
    [ $status -ne 137 ] || echo "# reprise $*: was killed, perhaps after $LIMIT s"
}
# stage NAME [MORE]: a project whose stage is standard input; MORE are further lines of the stage.
stage() {
    as=
    project=$here/$1
    victim=$here/$1.victim
    mkdir -p "$project/stages" "$victim"
    echo mine > "$victim/file"
    echo dep > "$project/input.txt"
    printf 'stages:\n  s:\n    cmd: [/bin/sh, stages/s.sh, %s]\n    deps: {in: input.txt}\n    outs: {x: x}\n%s' "$hostile" "${2:-}" > "$project/pipeline.yaml"
    sed "s|@victim@|$victim|g; s|@hostile@|$hostile|g; s|@marker@|$marker|g; s|@project@|$project|g" > "$project/stages/s.sh"
    points=$((points + 1))
}
give_to_user() { as=$as_user; [ -z "$as_user" ] || { chmod 755 "$here"; chown -R 65534:65534 "$project" "$victim"; }; }
intact() { [ "$(cat "$victim/file")" = mine ] && [ "$(ls -A "$victim")" = file ] || { echo "# the victim was touched: $(ls -lA "$victim")"; return 1; }; }
# No process has the marker, after some moments.
gone() {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -qsa -- "$marker" /proc/[0-9]*/cmdline 2> /dev/null || return 0
        sleep 0.05
    done
    for command in /proc/[0-9]*/cmdline; do
        grep -qsa -- "$marker" "$command" || continue
        pid=${command#/proc/} pid=${pid%/cmdline}
        echo "# lives on: $pid $(tr '\0' ' ' < "$command" 2> /dev/null)"
        kill -9 "$pid"
    done
    return 1
}
empty() { [ -z "$(ls -A "$project/cache/$1" 2> /dev/null)" ] || { echo "# left in cache/$1: $(ls -A "$project/cache/$1" | head -n 3)"; return 1; }; }
# The hostile run failed: status 1, a message with this word, nothing delivered.
refused() {
    [ $status -eq 1 ] && grep -qs -- "$1" "$here/err" && [ ! -e "$project/artifacts/s/x" ] && [ ! -L "$project/artifacts/s/x" ]
}
# The work is not lost: the message names a place in the cache that is there.
work_is_kept() {
    for place in $(grep -oE "cache/(work|refused)/[^ '\",:;)]*" "$here/err"); do [ -e "$project/$place" ] && return 0; done
    echo "# the message names no place where the outs are"
    return 1
}
# Afterwards: an honest stage.
recovers() {
    printf 'cat deps/in/input.txt > outs/x\n' > "$project/stages/s.sh"
    [ -d "$project/artifacts/s/x" ] && [ ! -L "$project/artifacts/s/x" ] && kind=folder || kind=file
    h run
    [ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/x")" = dep ] && h verify && [ $status -eq 0 ] && empty tmp && empty locks && gone ||
        { echo "# no honest run afterwards (there was a $kind): $status"; return 1; }
}
verified() { h verify; [ $status -eq 0 ] && h run && [ $status -eq 0 ] && grep -q '0 executed' "$here/err"; }

# ---- what lies where the runner looks ----

stage link-for-outs <<'SH'
echo x > outs/x; rm -rf outs; ln -s @victim@ outs; echo theirs > x
SH
echo mine > "$victim/x"
h run
refused x && [ "$(cat "$victim/x")" = mine ] && [ -f "$victim/x" ] && rm "$victim/x" && intact && recovers
ok $? a_link_in_place_of_outs_takes_no_file_of_the_user

stage link-for-part <<'SH'
mkdir outs/x && echo x > outs/x/one && ln -s @victim@ outs/x/folder
SH
h run
refused folder && work_is_kept && intact && recovers
ok $? a_link_that_leaves_the_out_is_refused_and_the_work_is_kept

stage link-up <<'SH'
mkdir outs/x && ln -s ../../deps/in outs/x/up
SH
h run
refused up && intact && recovers
ok $? a_relative_link_that_leaves_the_out_is_refused

stage link-inside <<'SH'
mkdir -p outs/x/d && echo one > outs/x/d/one && ln -s d/one outs/x/link && ln -s ../d outs/x/d/round && ln -s nowhere outs/x/dangling
SH
h run
if [ $status -eq 0 ]; then
    [ "$(readlink "$project/artifacts/s/x/link")" = d/one ] && [ "$(cat "$project/artifacts/s/x/link")" = one ] && verified
else
    refused dangling && work_is_kept # only that one may be refused
fi && recovers
ok $? relative_links_inside_an_out_stay_links

stage out-is-link <<'SH'
ln -s @victim@/file outs/x
SH
h run
refused x && intact && recovers
ok $? an_out_that_is_an_absolute_link_is_refused

stage log-link <<'SH'
for log in log ../log run.log; do [ -e "$log" ] && rm -f "$log" && ln -s @victim@/file "$log"; done
echo said by the stage; echo x > outs/x
SH
h run
intact && { [ $status -ne 0 ] || { h log s && grep -q 'said by the stage' "$here/out"; }; } && recovers
ok $? a_link_in_place_of_the_log_is_not_followed

stage links-everywhere <<'SH'
echo x > outs/x
for place in home tmp checkpoint scratch_out deps/more new; do ln -sfn @victim@ $place 2> /dev/null; done
rm -rf deps; ln -s @victim@ deps
mv stage.json gone.json 2> /dev/null; ln -s @victim@/file stage.json
SH
h run
intact && recovers && intact
ok $? links_left_in_the_work_folder_lose_nothing_of_the_user

stage link-for-dep '  t: {cmd: /bin/sh stages/t.sh, deps: {x: s.x, f: s.f}, outs: {y: y}}
' <<'SH'
echo up > outs/x; mkdir -p outs/f/d; echo up > outs/f/d/file
SH
sed -i 's/outs: {x: x}/outs: {x: x, f: f}/' "$project/pipeline.yaml"
printf 'mv deps/x gone; ln -s %s deps/x; mv deps/f/f/d moved; ln -s %s deps/f/f/d; echo y > outs/y\n' "$victim" "$victim" > "$project/stages/t.sh"
echo mine > "$victim/x"
h run s
rm "$victim/file" && ln "$(grep -lx up "$project"/cache/objects/*/* | head -n 1)" "$victim/file" # another name of the blob, as another stage has
h run
[ "$(cat "$victim/x")" = mine ] && [ "$(cat "$victim/file")" = up ]
ok $? a_link_in_place_of_a_dep_has_nothing_removed_behind_it

stage fifo <<'SH'
mkfifo outs/x
SH
h run
refused x && recovers
ok $? a_fifo_as_an_out_is_refused_at_once

stage fifo-inside <<'SH'
mkdir outs/x && echo x > outs/x/one && mkfifo outs/x/pipe
SH
h run
refused pipe && work_is_kept && recovers
ok $? a_fifo_inside_an_out_is_refused_and_the_work_is_kept

stage socket <<'SH'
mkdir outs/x && @hostile@ socket outs/x/socket || exit 9
SH
h run
refused socket && recovers
ok $? a_socket_inside_an_out_is_refused

if [ "$(id -u)" = 0 ] && mknod "$here/device" c 1 5 2> /dev/null; then
    stage with-device <<'SH'
mkdir outs/x && mknod outs/x/device c 1 5 || { echo none > outs/x/device; }
SH
    h run
    { refused device || { [ $status -eq 0 ] && [ -f "$project/artifacts/s/x/device" ]; }; } && recovers
    ok $? a_device_inside_an_out_is_refused
else
    skip a_device_inside_an_out_is_refused "needs root to make one"
fi

stage log-fifo <<'SH'
[ -e log ] && rm -f log && mkfifo log
echo x > outs/x
SH
h run
[ $status -ne 137 ] && recovers
ok $? a_fifo_in_place_of_the_log_stops_nobody

# ---- names, modes, sizes ----

stage deep <<'SH'
mkdir outs/x; cd outs/x; name=$(printf 'd%.0s' $(seq 100))
i=0; while [ $i -lt 60 ]; do mkdir $name && cd $name || exit 9; i=$((i + 1)); done; echo deep > file
SH
h run
if [ $status -eq 0 ]; then verified; else [ $status -eq 1 ] && [ -s "$here/err" ]; fi && recovers
ok $? a_nest_deeper_than_a_path_is_stored_or_refused

stage names <<'SH'
mkdir outs/x; cd outs/x
echo 1 > 'a
b'; echo 2 > "$(printf 'latin-\351')"; echo 3 > "$(printf 'esc-\033[31m')"; echo 4 > 'back\slash'; echo 5 > ' lead'; echo 6 > '"quote'; echo 7 > -f; mkdir 'dir
break'; echo 8 > 'dir
break/in'
SH
h run
if [ $status -eq 0 ]; then
    cat "$project/artifacts/s/x/a
b" "$project/artifacts/s/x/$(printf 'latin-\351')" "$project/artifacts/s/x/$(printf 'esc-\033[31m')" "$project/artifacts/s/x/back\\slash" \
        "$project/artifacts/s/x/ lead" "$project/artifacts/s/x/\"quote" "$project/artifacts/s/x/-f" "$project/artifacts/s/x/dir
break/in" | tr -d '\n' | grep -qx 12345678 && verified
else
    refused x && work_is_kept
fi && ! grep -q "$(printf '\033')" "$here/err" && recovers
ok $? names_with_any_bytes_are_stored_faithfully_or_refused

stage sparse <<'SH'
mkdir outs/x; truncate -s 300M outs/x/hole; echo end >> outs/x/hole; truncate -s 50M outs/x/all
SH
h run
used=$(du -sk "$project" | cut -f 1)
[ $status -eq 0 ] && [ "$(stat -c %s "$project/artifacts/s/x/hole")" = 314572804 ] && [ "$used" -lt 20000 ] && verified && recovers
ok $? sparse_outs_stay_sparse

stage setuid <<'SH'
mkdir outs/x; cp /bin/true outs/x/tool; chmod 6755 outs/x/tool; chmod 1777 outs/x
SH
h run
[ -z "$(find "$project" -perm /6000)" ] && { [ $status -eq 0 ] && "$project/artifacts/s/x/tool" && verified || refused tool; } && recovers
ok $? no_setuid_bit_reaches_cache_or_artifacts

for mode in 555 000; do
    can_be_user || { skip "a_folder_of_mode_${mode}_in_an_out_is_stored_or_kept" "needs setpriv to be an ordinary user"; continue; }
    stage mode-$mode <<'SH'
mkdir -p outs/x/d tmp/d; echo in > outs/x/d/file; echo t > tmp/d/t; chmod @mode@ outs/x/d tmp/d
SH
    sed -i "s/@mode@/$mode/" "$project/stages/s.sh"
    give_to_user
    h run
    if [ $status -eq 0 ]; then [ "$($as cat "$project/artifacts/s/x/d/file")" = in ] && verified; else refused d && work_is_kept; fi && recovers
    ok $? "a_folder_of_mode_${mode}_in_an_out_is_stored_or_kept"
done
if can_be_user; then
    stage mode-file <<'SH'
echo secret > outs/x; chmod 000 outs/x; chmod 000 outs .
SH
    give_to_user
    h run
    [ $status -eq 0 ] && [ "$($as cat "$project/artifacts/s/x")" = secret ] && verified && recovers
    ok $? outs_in_folders_that_a_stage_shut_are_stored
    as=
else
    skip outs_in_folders_that_a_stage_shut_are_stored "needs setpriv to be an ordinary user"
fi

stage hard-link <<'SH'
ln @project@/input.txt outs/x 2> /dev/null || cp deps/in/input.txt outs/x
SH
h run
before=$(cat "$project/artifacts/s/x")
chmod u+w "$project/input.txt" && echo edited > "$project/input.txt"
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/x")" = "$before" ] && h run && [ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/x")" = edited ] && verified &&
    echo dep > "$project/input.txt" && h run && [ "$(cat "$project/artifacts/s/x")" = dep ] && verified && recovers
ok $? an_out_that_is_a_hard_link_to_a_file_of_the_user_is_not_shared_with_it

# ---- processes ----

for how in write mapping; do
    result=0 rounds=$([ "$long" ] && echo 40 || echo 2) too_early=0
    while [ $rounds -gt 0 ] && [ $result -eq 0 ]; do
        stage "late-$how-$rounds" <<'SH'
head -c 3000000 /dev/zero > outs/x; @hostile@ late outs/x @marker@ @how@; echo log
SH
        sed -i "s/@how@/$how/" "$project/stages/s.sh"
        h run
        # On a busy machine it may be killed before it has begun, and then was no attack.
        if [ $status -eq 0 ] && h log s && ! grep -q 'the daemon has begun' "$here/out" && [ $too_early -lt 20 ]; then
            too_early=$((too_early + 1))
            rm -rf "$project" "$victim"
            continue
        fi
        [ $status -eq 0 ] && h log s && grep -q 'the daemon has begun' "$here/out" && sleep 0.1 && verified && gone || result=1
        rm -rf "$project" "$victim"
        rounds=$((rounds - 1))
    done
    ok $result "a_daemon_that_writes_after_the_stage_ended_changes_nothing ($how)"
done

result=0 rounds=$([ "$long" ] && echo 200 || echo 3)
while [ $rounds -gt 0 ] && [ $result -eq 0 ]; do
    stage "swaps-$rounds" <<'SH'
echo x > outs/x; : > begun
setsid sh -c 'trap "" TERM HUP; while :; do ln -s "$1" outs/l && mv -T outs/l outs/x; echo x > outs/y && mv -T outs/y outs/x; : > begun; done' @marker@ @victim@/file < /dev/null > /dev/null 2>&1 &
while [ ! -s begun ] && [ ! -L outs/x ]; do :; done
SH
    h run
    { [ $status -eq 0 ] || [ $status -eq 1 ]; } && intact && ! grep -rqsx mine "$project/cache/objects" "$project/artifacts" && gone || result=1
    rm -rf "$project" "$victim"
    rounds=$((rounds - 1))
done
ok $result names_that_a_stage_exchanges_until_it_is_killed_bring_nothing_from_outside

stage daemon-named <<'SH'
setsid sh -c 'trap "" TERM HUP; sleep 31 # @marker@' < /dev/null > /dev/null 2>&1 &
echo x > outs/x; sleep 0.05
SH
h run
[ $status -eq 0 ] && grep -q -i -E 'process(es)? (was|were|is|are)? ?left|left .*process|still ran|outlived' "$here/err" && gone && recovers
ok $? a_process_left_over_is_killed_and_named

result=0
for delay in 0.1 0.15 0.2; do
    stage "orphan-$delay" <<'SH'
checkpoint=$(sed -n 's/^  "checkpoint": "\(.*\)",$/\1/p' "$REPRISE_STAGE")
[ -d "$checkpoint" ] || checkpoint=$(dirname "$REPRISE_STAGE")/$checkpoint
setsid sh -c 'trap "" TERM HUP; while sleep 0.01; do echo orphan >> "$1/from-orphan"; done' @marker@ "$checkpoint" < /dev/null > /dev/null 2>&1 &
echo x > outs/x; sleep 5
SH
    "$reprise" -C "$project" run ${SANDBOX:+--sandbox=$SANDBOX} > "$here/out" 2> "$here/err" < /dev/null &
    runner=$!
    sleep $delay
    kill -9 $runner
    wait $runner 2> /dev/null
    runs=$((runs + 1))
    gone || result=1
    h status
    grep -q cached "$here/out" && echo "# status claims what never ended" && result=1
    recovers || result=1
done
ok $result kill_9_of_the_runner_leaves_no_process_of_a_stage

stage kills-parent <<'SH'
echo x > outs/x; kill -9 $PPID; sleep 0.2; echo y > outs/x
SH
h run
{ [ $status -ne 0 ] || [ "$(cat "$project/artifacts/s/x")" = y ]; } && { [ $status -ne 0 ] && [ ! -e "$project/artifacts/s/x" ] || verified; } && recovers
ok $? a_stage_that_kills_its_parent_stores_nothing_half_done

stage asked-to-stop <<'SH'
trap 'echo half > outs/x; exit 0' TERM INT
echo begun > outs/x; i=0; while [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
SH
"$reprise" -C "$project" run ${SANDBOX:+--sandbox=$SANDBOX} > "$here/out" 2> "$here/err" < /dev/null &
runner=$!
sleep 0.3
kill -TERM $runner
wait $runner
status=$?
runs=$((runs + 1))
[ $status -eq 130 ] && [ ! -e "$project/artifacts/s/x" ] && h status && ! grep -q cached "$here/out" && recovers
ok $? a_stage_that_was_asked_to_stop_and_exits_with_0_is_not_stored

stage time-limit "    resources: {time: 1s}
" <<'SH'
trap 'echo half > outs/x; exit 0' TERM
echo begun > outs/x; i=0; while [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
SH
h run
refused limit && sed -i '/resources/d' "$project/pipeline.yaml" && recovers
ok $? a_stage_past_its_time_that_exits_with_0_is_not_stored

if [ "$long" ]; then
    stage ignores-term "    resources: {time: 1s}
" <<'SH'
trap '' TERM INT HUP; setsid sh -c 'trap "" TERM; sleep 32 # @marker@' &
while :; do sleep 1; done
SH
    h run
    refused limit && gone && sed -i '/resources/d' "$project/pipeline.yaml" && recovers
    ok $? a_stage_that_ignores_sigterm_is_killed_after_its_grace
fi

# ---- descriptors and output ----

stage closed <<'SH'
exec 0<&- 1>&- 2>&- 3>&- 4>&- 5>&-; : > outs/x
SH
h run
[ $status -eq 0 ] && verified && recovers
ok $? a_stage_without_descriptors_is_a_stage

stage descriptors <<'SH'
fd=$(sed -n 's/.*"progress_fd": *\([0-9]*\).*/\1/p' "$REPRISE_STAGE")
ls -l /proc/self/fd > outs/x
for i in 3 4 5 6 7 8 9; do [ "$i" = "$fd" ] || { (eval "echo stolen >&$i") 2> /dev/null && echo "open $i" >> outs/x; }; done
exit 0
SH
h run
[ $status -eq 0 ] && ! grep -E 'open [0-9]|/cache/(locks|memo|objects)|pipeline\.lock' "$project/artifacts/s/x" | sed 's/^/# /' | grep . && verified && recovers
ok $? a_stage_inherits_no_descriptor_of_the_runner

stage progress-flood <<'SH'
fd=$(sed -n 's/.*"progress_fd": *\([0-9]*\).*/\1/p' "$REPRISE_STAGE")
@hostile@ flood $fd 20 || exit 9; eval "head -c 3000000 /dev/urandom >&$fd"; eval "head -c 5000000 /dev/zero >&$fd"
eval "printf '{\"epoch\": 1, \"metrics\": {\"loss\": 1e999}}\n{\"epoch\": -5\n[[[[[[\n' >&$fd"; echo x > outs/x
SH
h run
[ $status -eq 0 ] && verified && [ "$(du -sk "$project/cache" | cut -f 1)" -lt 140000 ] && recovers
ok $? a_flood_of_progress_is_bounded

stage log-flood <<'SH'
echo the first line; @hostile@ flood 1 150; echo the last line; echo x > outs/x
SH
h run
[ $status -eq 0 ] && [ "$(du -sk "$project/cache" | cut -f 1)" -lt 80000 ] && h log s && [ $status -eq 0 ] &&
    [ "$(head -n 1 "$here/out")" = 'the first line' ] && grep -q 'the last line' "$here/out" && verified && recovers
ok $? a_flood_of_log_keeps_its_head_and_its_tail

if command -v script > /dev/null; then
    stage control <<'SH'
printf 'log \033]0;owned\007 \033[2J \302\233 31m \000 end\n'; printf '\033[31mname\n' >&2
fd=$(sed -n 's/.*"progress_fd": *\([0-9]*\).*/\1/p' "$REPRISE_STAGE")
eval "printf '{\"epoch\": 1, \"message\": \"\\\\u001b]0;owned\\\\u0007\"}\n\033]0;owned\007\n' >&$fd"; exit 3
SH
    for words in 'run -v' run log\ s; do
        runs=$((runs + 1))
        script -qec "'$reprise' -C '$project' $words" /dev/null < /dev/null 2>&1
    done > "$here/out"
    ! grep -a -q -E "$(printf '\033\\]0|\007|\033\\[2J|\302\233')" "$here/out" && grep -a -q end "$here/out" && recovers
    ok $? what_a_stage_prints_reaches_a_terminal_without_control
else
    skip what_a_stage_prints_reaches_a_terminal_without_control "there is no script(1)"
fi

# ---- what the key names ----

stage changes-dep <<'SH'
chmod -R u+w deps; echo changed > deps/in/input.txt; cat deps/in/input.txt > outs/x
SH
h run
# What it has of the project's files is a copy of its own, made anew for each attempt: what it does there is its work. A dep that
# another stage made is refused when it was changed (tests/runner/test_failure.sh).
[ "$(cat "$project/input.txt")" = dep ] && [ "$(cat "$project/artifacts/s/x")" = changed ] && recovers
ok $? a_stage_that_changes_its_copy_of_a_dep_changes_nothing_else

stage changes-project-dep <<'SH'
echo changed > @project@/input.txt 2> /dev/null; cat deps/in/input.txt > outs/x
SH
h run
first=$status
echo dep > "$project/input.txt"
h run
# Whatever the first said: under the key of `dep` lies what `dep` gives.
[ $first -le 1 ] && [ $status -le 1 ] && { [ ! -e "$project/artifacts/s/x" ] || [ "$(cat "$project/artifacts/s/x")" = dep ]; } && echo dep > "$project/input.txt" && recovers
ok $? a_stage_that_changes_a_file_of_the_project_poisons_no_key

stage changes-upstream '  t: {cmd: /bin/sh stages/t.sh, deps: {x: s.x}, outs: {y: y}}
  u: {cmd: /bin/sh stages/u.sh, deps: {x: s.x}, outs: {y: y}}
' <<'SH'
echo up > outs/x
SH
printf 'chmod -R u+w deps 2> /dev/null; f=$(find -L deps -type f); chmod u+w "$f"; echo spoiled > "$f"; echo y > outs/y\n' > "$project/stages/t.sh"
printf 'sleep 0.2; cat $(find -L deps -type f) > outs/y\n' > "$project/stages/u.sh"
h run -k
# Where a dep is a hard link of the blob, the innocent stage may fail with it, but never with the spoiled bytes.
[ $status -eq 1 ] && [ ! -e "$project/artifacts/t/y" ] && { [ ! -e "$project/artifacts/u/y" ] || [ "$(cat "$project/artifacts/u/y")" = up ]; } &&
    printf 'echo y > outs/y\n' > "$project/stages/t.sh" && h run && [ $status -eq 0 ] &&
    [ "$(cat "$project/artifacts/s/x")" = up ] && [ "$(cat "$project/artifacts/u/y")" = up ] && verified
ok $? a_stage_that_changes_what_another_made_spoils_nothing

result=0
for delay in 0.02 0.05 0.1 0.2; do
    stage "edited-$delay" <<'SH'
sleep 0.1
echo old > outs/x; sleep 0.1
SH
    cp "$project/stages/s.sh" "$here/old.sh"
    "$reprise" -C "$project" run ${SANDBOX:+--sandbox=$SANDBOX} > "$here/out" 2> "$here/err" < /dev/null &
    runner=$!
    sleep $delay
    # In place, and longer than before, so that a shell that reads on would read it.
    printf 'sleep 0.1\necho new > outs/x; sleep 0.1\n# and more\necho new > outs/x\n' > "$project/stages/s.sh"
    wait $runner
    runs=$((runs + 1))
    h run
    [ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/x")" = new ] || { echo "# edited after $delay: the new script gives $(cat "$project/artifacts/s/x")"; result=1; }
    cp "$here/old.sh" "$project/stages/s.sh"
    h run
    [ $status -eq 0 ] && [ "$(cat "$project/artifacts/s/x")" = old ] || { echo "# edited after $delay: the old script gives $(cat "$project/artifacts/s/x")"; result=1; }
    verified || result=1
    recovers || result=1
done
ok $result a_script_edited_while_it_runs_poisons_no_key

stage edits-itself <<'SH'
chmod u+w stages stages/s.sh 2> /dev/null; echo '# more' >> stages/s.sh 2> /dev/null; echo '# more' >> @project@/stages/s.sh 2> /dev/null
echo x > outs/x
SH
cp "$project/stages/s.sh" "$here/own.sh"
h run
first=$status
if [ $first -eq 0 ]; then h status; else grep -q 's\.sh' "$here/err"; fi && cp "$here/own.sh" "$project/stages/s.sh" && recovers
ok $? a_stage_that_edits_its_own_script_is_seen_or_harmless

stage no-out <<'SH'
mkdir -p x; echo x > x/x; exit 0
SH
h run
refused x && recovers
ok $? a_stage_without_its_out_stores_nothing

stage removes-all <<'SH'
echo x > outs/x; rm -rf "$PWD"/* 2> /dev/null; cd ..; rmdir run 2> /dev/null; exit 0
SH
h run
refused x && recovers
ok $? a_stage_that_removes_its_work_folder_fails

echo "# hostile stages: $points points, 0 not reached, $runs runs; ended as listed"
finish
