#!/bin/sh
# The small experiment (experiment.sh) with averages of more layers for the head: every stage that reads the model knows of them, and a
# layer that is not there is told before anything runs.
. tests/stages/experiment.sh

make_experiment pooled
experiment run --set 'model.pooled_layers=[conv3_block1_ou]'
[ $status -eq 2 ] && [ -z "$(executed)" ] && [ ! -e "$project/artifacts/phase1" ] &&
    grep -q "pooled_layers: 'resnet8' has no layer 'conv3_block1_ou', did you mean 'conv3_block1_out'?" "$here/err"
ok $? an_unknown_layer_is_told_before_anything_runs

experiment run --set 'model.pooled_layers=[conv3_block1_out, conv1_relu]'
[ $status -eq 0 ] && r verify --as-recorded && [ $status -eq 0 ]
ok $? the_experiment_runs_with_pooled_layers
for file in phase1/model.safetensors phase2/model.safetensors; do
    grep -aq '\\"pooled_layers\\":\[\\"conv3_block1_out\\",\\"conv1_relu\\"\]' "$project/artifacts/$file" || status=1
done
grep -q 'the head sees averages of <code>conv3_block1_out</code> and <code>conv1_relu</code>, too' "$project/reports/index.html" || status=1
grep -aq 'conv1_relu_avg_pool' "$project/artifacts/export/model.onnx" || status=1
[ $status -eq 0 ] && grep -q '"agreement": 1\(\.0\)*[,}]*$' "$project/artifacts/gradcam/metrics.json"
ok $? models_exports_gradcam_and_report_know_of_them
experiment run --set 'model.pooled_layers=[conv1_relu, conv3_block1_out]'
[ $status -eq 0 ] && executed | grep -q phase1
ok $? another_order_is_another_model
finish
