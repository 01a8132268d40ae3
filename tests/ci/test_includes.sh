#!/bin/sh
# ci/includes refuses each kind of violation that it is there for: a copy of the tree, one planted violation, its answer.
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
# What each part must not know: one it lies below.
for pair in 'base plan/plan.h' 'plan store/store.h' 'store plan/plan.h' 'data nn/model.h' 'figure data/npy.h' 'nn figure/canvas.h' \
    'runner command/options.h' 'command nn/model.h'; do
    part=${pair% *} header=${pair#* }
    tree
    echo > "$here/tree/runtime/$part/planted.c"
    knows "runtime/$part/planted.c" "$header"
    refused "${part}_must_not_know_${header%/*}" "runtime/$part/planted.c: must not include from '${header%/*}'"
done
tree
mkdir -p "$here/tree/runtime/nn/cuda"
echo > "$here/tree/runtime/nn/cpu/planted.c"
knows runtime/nn/cpu/planted.c nn/cuda/card.h
refused one_device_must_not_know_the_other "must not include from 'nn/cuda'"
tree
echo > "$here/tree/runtime/nn/planted.c"
knows runtime/nn/planted.c nn/cpu/lane.h
refused what_lies_in_a_folder_is_not_known_outside "must not include from 'nn/cpu'"
tree
knows stages/split.c store/store.h
refused stages_must_not_know_the_store "stages/split.c: must not include from 'store'"
tree
knows stages/split.c report/report_style.h
refused a_stage_must_not_know_another_stage "stages/split.c: must not include from 'report'"
tree
knows stages/report/report_style.h gradcam/gradcam_choose.h
refused a_stage_s_folder_must_not_know_another_stage "must not include from 'gradcam'"
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
knows runtime/nn/network.c nn/cpu/executor.h
refused only_open_c_knows_a_device "runtime/nn/network.c: must not include from 'nn/cpu'"
tree
knows runtime/nn/open.c figure/canvas.h
refused open_c_knows_no_more_than_devices "runtime/nn/open.c: must not include from 'figure'"
tree
knows runtime/base/planted_a.h base/planted_b.h
knows runtime/base/planted_b.h base/planted_c.h
knows runtime/base/planted_c.c base/planted_a.h
refused three_files_in_a_circle "in a circle"
tree
echo > "$here/tree/runtime/data/text.h"
refused a_name_that_is_there_twice "text.h: more than one file"
finish
