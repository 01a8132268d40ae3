#!/bin/sh
# ci/includes refuses each kind of violation that it is there for: a copy of the tree, planted violations, the answers.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
tree() {
    rm -rf "$here/tree"
    mkdir "$here/tree"
    cp -r runtime stages "$here/tree"
}
# refused NAME PATTERN: the tree has a violation, and the answer names it.
refused() {
    ci/includes "$here/tree" > "$here/said" 2>&1
    [ $? -ne 0 ] && grep -q "$2" "$here/said"
    ok $? "$1"
}
# knows FILE HEADER: adds an include.
knows() { printf '#include "%s"\n' "$2" >> "$here/tree/$1"; }

tree
ci/includes "$here/tree" > "$here/said" 2>&1
ok $? the_tree_as_it_is_keeps_the_rules
# What must not be known: all of it planted in one tree, and each answered in a line of its own. A part must not know one it lies below.
cat > "$here/planted" << 'END'
base_must_not_know_plan runtime/base/planted.c plan/plan.h plan
plan_must_not_know_store runtime/plan/planted.c store/store.h store
store_must_not_know_plan runtime/store/planted.c plan/plan.h plan
data_must_not_know_nn runtime/data/planted.c nn/model.h nn
figure_must_not_know_data runtime/figure/planted.c data/npy.h data
nn_must_not_know_figure runtime/nn/planted.c figure/canvas.h figure
runner_must_not_know_command runtime/runner/planted.c command/options.h command
command_must_not_know_nn runtime/command/planted.c nn/model.h nn
one_device_must_not_know_the_other runtime/nn/cpu/planted.c nn/cuda/card.h nn/cuda
what_lies_in_a_folder_is_not_known_outside runtime/nn/planted.c nn/cpu/lane.h nn/cpu
stages_must_not_know_the_store stages/split.c store/store.h store
a_stage_must_not_know_another_stage stages/split.c report/report_style.h report
a_stage_s_folder_must_not_know_another_stage stages/report/report_style.h gradcam/gradcam_choose.h gradcam
only_open_c_knows_a_device runtime/nn/network.c nn/cpu/executor.h nn/cpu
open_c_knows_no_more_than_devices runtime/nn/open.c figure/canvas.h figure
END
tree
while read -r name file header part; do knows "$file" "$header"; done < "$here/planted"
ci/includes "$here/tree" > "$here/said" 2>&1
status=$?
while read -r name file header part; do
    [ $status -ne 0 ] && grep -q "^$file: must not include from '$part' " "$here/said"
    ok $? "$name"
done < "$here/planted"
tree
mkdir "$here/tree/runtime/misc"
echo > "$here/tree/runtime/misc/planted.h"
refused a_folder_without_a_rule "has no rule"
tree
echo > "$here/tree/runtime/base/planted_a.h"
echo > "$here/tree/runtime/base/planted_b.h"
knows runtime/base/planted_a.c base/planted_b.h
knows runtime/base/planted_b.c base/planted_a.h
refused two_files_in_a_circle "in a circle: planted_[ab] planted_[ab]"
tree
echo > "$here/tree/runtime/nn/cpu/planted_a.h"
echo > "$here/tree/runtime/nn/cpu/planted_b.h"
knows runtime/nn/cpu/planted_a.h nn/cpu/planted_b.h
knows runtime/nn/cpu/planted_b.h nn/cpu/planted_a.h
refused a_circle_within_a_device "runtime/nn/cpu: these include one another in a circle: planted_[ab] planted_[ab]"
tree
knows runtime/nn/graph.h nn/model.h
refused a_circle_within_nn "runtime/nn: these include one another in a circle"
tree
knows runtime/base/planted_a.h base/planted_b.h
knows runtime/base/planted_b.h base/planted_c.h
knows runtime/base/planted_c.c base/planted_a.h
refused three_files_in_a_circle "in a circle"
tree
echo > "$here/tree/runtime/data/text.h"
refused a_name_that_is_there_twice "text.h: more than one file"
finish
