#!/bin/sh
# What a run says: live lines on a terminal, plain ones elsewhere.
. tests/runner/project.sh
make_project one

r run
! grep -q "$(printf '\033')" "$here/err" && grep -q '^data    running (never run)$' "$here/err" &&
    grep -q '^data    executed in [0-9.]* s$' "$here/err" && grep -q '^data    a note$' "$here/err" &&
    grep -q '^data    epoch 1/2  loss 0.5$' "$here/err" && grep -q '^4 executed, 0 cached in' "$here/err" && [ ! -s "$here/out" ]
ok $? plain_lines_without_a_terminal
r run -f
! grep -q 'making data' "$here/err"
ok $? output_of_stages_is_kept_back
r run -f -v
grep -q '^data    | making data$' "$here/err"
ok $? verbose_shows_the_output_of_stages
r run -q -f
[ $status -eq 0 ] && [ ! -s "$here/err" ] && [ ! -s "$here/out" ]
ok $? quiet_says_nothing

if script -qec true /dev/null > /dev/null 2>&1; then
    terminal() { TERM=xterm script -qec "stty cols $1; $reprise -C $project run -f data --set delay=0.5" /dev/null > "$here/out" 2>&1; }
    terminal 100
    grep -q '\[###\.*\]\(  ETA [0-9:]*\)\{0,1\}  epoch 1/2  1/4 step.*loss 0.5' "$here/out" && grep -q "$(printf '\033\\[1A')" "$here/out"
    ok $? terminal_shows_a_bar_that_is_redrawn
    terminal 40
    tr '\r' '\n' < "$here/out" | sed "s/$(printf '\033')\\[[0-9;]*[A-Za-z]//g" | grep '\[###' | awk 'length > 40 { exit 1 }'
    ok $? terminal_lines_fit_its_width
    cp "$project/stages/data.sh" "$here/data.sh"
    sed -i 's|^sleep .*|for i in 1 2 3; do printf "{\\"event\\":\\"metric\\",\\"name\\":\\"val_accuracy\\",\\"value\\":0.75,\\"step\\":1}\\n{\\"event\\":\\"progress\\",\\"what\\":\\"epoch 2/2\\",\\"done\\":$i,\\"total\\":4,\\"unit\\":\\"step\\"}\\n" >\&3; sleep 0.3; done|' "$project/stages/data.sh"
    terminal 80
    tr '\r' '\n' < "$here/out" | sed "s/$(printf '\033')\\[[0-9;]*[A-Za-z]//g" | grep -q '^data  *\[#*\.*\]\(  ETA [0-9:]*\)\{0,1\}  val_accuracy 0.75  epoch 2/2'
    ok $? what_people_look_for_stands_first
    cp "$project/pipeline.yaml" "$here/pipeline.yaml"
    sed -i 's/^  side:/  side-by-side_of_a_profile-255-batch:/; s/side.copy/side-by-side_of_a_profile-255-batch.copy/' "$project/pipeline.yaml"
    TERM=xterm script -qec "stty cols 80; $reprise -C $project run -f" /dev/null > "$here/out" 2>&1
    tr '\r' '\n' < "$here/out" | sed "s/$(printf '\033')\\[[0-9;]*[A-Za-z]//g" | grep -q '^data  *\[#*\.*\]\(  ETA [0-9:]*\)\{0,1\}  val_accuracy 0.75'
    ok $? nor_do_long_names_push_it_off
    cp "$here/pipeline.yaml" "$project/pipeline.yaml"
    cp "$here/data.sh" "$project/stages/data.sh"
    export NO_COLOR=1
    terminal 100
    ! grep -q "$(printf '\033')\\[[0-9;]*m" "$here/out" && grep -q '\[###' "$here/out"
    ok $? no_color_is_honoured
else
    skip terminal_shows_a_bar_that_is_redrawn "script(1) is not there, or finds no terminal to open"
fi

# ---- streams that the caller closed ----
project=$here/closed
mkdir "$project"
printf 'stages:\n  s: {cmd: [sh, -c, "touch %s/begun; while [ ! -e %s/go ]; do sleep 0.02; done; echo 1 > outs/o"], outs: {o: o}}\n' "$here" "$here" > "$project/pipeline.yaml"
"$reprise" -C "$project" run <&- >&- 2>&- &
while [ ! -e "$here/begun" ] && kill -0 $! 2> /dev/null; do sleep 0.02; done
[ "$(readlink /proc/$!/fd/0 /proc/$!/fd/1 /proc/$!/fd/2 | sort -u)" = /dev/null ]
result=$?
touch "$here/go"
wait $! && [ $result -eq 0 ] && [ "$(cat "$project/artifacts/s/o")" = 1 ]
ok $? stream_that_is_closed_lends_its_number_to_no_file
"$reprise" -C "$project" status >&- 2> "$here/err"
[ $? -eq 1 ] && grep -q 'cannot write to stdout' "$here/err"
ok $? result_that_nobody_takes_is_a_failure
finish
