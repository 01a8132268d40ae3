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
finish
