#!/bin/sh
# Which stages run at the same time.
. tests/runner/project.sh

# pair RESOURCES: two stages without deps on each other.
pair() {
    cat > "$project/pipeline.yaml" <<YAML
stages:
  left:
    cmd: sh stages/meet.sh left right
    deps: {lib: stages/stage.sh}
    resources: {$1}
    outs: {note: note.txt}
  right:
    cmd: sh stages/meet.sh right left
    deps: {lib: stages/stage.sh}
    resources: {$1}
    outs: {note: note.txt}
YAML
}
make_project one
mkdir "$here/meet"

# Each waits until the other has come: this ends only if both run at once.
cat > "$project/stages/meet.sh" <<SH
. "\${0%/*}/stage.sh"
touch "$here/meet/\$1"
tries=0
while ! [ -e "$here/meet/\$2" ]; do
    tries=\$((tries + 1))
    [ \$tries -lt 60 ] || exit 1
    sleep 0.05
done
echo \$1 > "\$(at outs note)"
SH
pair "threads: 1"
r run -j 2
[ $status -eq 0 ]
ok $? independent_stages_run_side_by_side

# Each fails if the other is there.
cat > "$project/stages/meet.sh" <<SH
. "\${0%/*}/stage.sh"
mkdir "$here/meet/here" || exit 1
sleep 0.1
rmdir "$here/meet/here"
echo \$1 \$(sed -n 's/.*"threads": //p' "\$REPRISE_STAGE") > "\$(at outs note)"
SH
r run -f -j 1
[ $status -eq 0 ]
ok $? one_processor_runs_one_at_a_time
pair "threads: all"
r run -f -j 4
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/left/note.txt")" = "left 4" ]
ok $? stage_that_takes_all_threads_runs_alone
pair "threads: 1, gpu: 1"
r run -f -j 4
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/left/note.txt")" = "left 1" ]
ok $? gpu_stages_run_one_at_a_time

# On a machine with cards each has its own, and of `all` processors its share.
cp "$project/stages/meet.sh" "$here/alone.sh"
cat > "$project/stages/meet.sh" <<SH
. "\${0%/*}/stage.sh"
touch "$here/meet/\$1"
tries=0
until [ -e "$here/meet/left" ] && [ -e "$here/meet/right" ]; do
    tries=\$((tries + 1))
    [ \$tries -lt 60 ] || exit 1
    sleep 0.05
done
echo \$CUDA_VISIBLE_DEVICES \$(sed -n 's/.*"threads": //p' "\$REPRISE_STAGE") > "\$(at outs note)"
SH
pair "threads: all, gpu: 1"
rm -rf "$here"/meet/*
CUDA_VISIBLE_DEVICES=5,GPU-8a7b r run -f -j 4
[ $status -eq 0 ] &&
    [ "$(sort "$project/artifacts/left/note.txt" "$project/artifacts/right/note.txt" | tr '\n' ,)" = "5 2,GPU-8a7b 2," ]
ok $? gpu_stages_run_side_by_side_each_on_a_card_of_its_own
pair "threads: 1, gpu: 2"
rm -rf "$here"/meet/*
touch "$here/meet/left" "$here/meet/right"
CUDA_VISIBLE_DEVICES=5,6,7 r run -f -j 4
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/left/note.txt")" = "5,6 1" ]
ok $? stage_that_takes_two_cards_has_both
rm -rf "$here"/meet/*
mv "$here/alone.sh" "$project/stages/meet.sh"
executed > /dev/null

# Equal keys are worked on once, also inside one run.
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  left: {cmd: sh stages/meet.sh same, deps: {lib: stages/stage.sh}, outs: {note: note.txt}}
  right: {cmd: sh stages/meet.sh same, deps: {lib: stages/stage.sh}, outs: {note: note.txt}}
YAML
r run -j 2
[ $status -eq 0 ] && [ "$(executed)" = "meet " ] && [ -f "$project/artifacts/right/note.txt" ]
ok $? equal_stages_execute_once

# ---- runs that wait ----
project=$here/hold
mkdir "$project"
cat > "$project/pipeline.yaml" <<'YAML'
vars: {x: 1}
profiles: {small: {x: 2}, large: {x: 3}}
stages:
  s: {cmd: sh s.sh, params: {x: "${x}"}, outs: {o: o}}
YAML
sed 's/x: 1/x: 4/' "$project/pipeline.yaml" > "$project/other.yaml"
cat > "$project/s.sh" <<SH
: > "$here/began"
while ! [ -e "$here/go" ]; do sleep 0.02; done
echo 1 > outs/o
SH
# meets FIRST|SECOND|SAID: while a run with FIRST is at work, one with SECOND says so.
result=0
while IFS='|' read -r first second said; do
    rm -rf "$project/cache" "$project/pipeline.lock" "$here/began" "$here/go" "$here/second"
    "$reprise" -C "$project" run $first > /dev/null 2>&1 &
    while ! [ -e "$here/began" ]; do sleep 0.02; done
    "$reprise" -C "$project" run $second > /dev/null 2> "$here/second" &
    waits=0
    until grep -qs waiting: "$here/second" || [ $waits -eq 3000 ]; do waits=$((waits + 1)); sleep 0.02; done
    : > "$here/go"
    wait
    grep -qx "\(s  \)\?$said" "$here/second" && [ "$(grep -c 'waiting:' "$here/second")" -eq 1 ] || { echo "# $first and $second: $(cat "$here/second")"; result=1; }
done <<'EOF'
--profile small|--profile large|waiting: a run under profile 'small' is at work here
|--profile large|waiting: a run without a profile is at work here
--profile small --set x=5|--profile small|waiting: a run with --set x=5 is at work here
--profile small|--profile small --set x=5|waiting: a run with no sets is at work here
--device cpu||waiting: a run with --device cpu is at work here
--file other.yaml||waiting: a run of 'other.yaml' is at work here
--profile small|--profile small|waiting: the same work is under way
EOF
ok $result a_run_that_waits_says_truly_what_for
rm -f "$project/cache/run.lock"
r run && r run --profile small && r run && r run && printf 'x' >> "$project/cache/run.lock" && r run && [ $status -eq 0 ]
ok $? what_the_lock_of_the_project_tells_is_only_told
finish
