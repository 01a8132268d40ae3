#!/bin/sh
# The download stage by hand: parameters, generated data, weights from local files.
set -u
BUILD=${BUILD:-build}
stage=$PWD/$BUILD/stages/download
[ "${BUILD#/}" = "$BUILD" ] || stage=$BUILD/stages/download
golden=$PWD/tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. tests/tap.sh
tap_shows=$work/out.txt

sha() { sha256sum "$1" | cut -c1-64; }
objects='sample:objects?train=40&test=10'
shapes='sample:shapes?train=40&test=10'
none='{"url": null, "sha256": null}'
no_pretrain='{"url": null, "sha256": null}'

# run OUTS DATASET WEIGHTS PRETRAIN: outs and output in $work.
run() {
    rm -rf "$work/run"
    mkdir "$work/run"
    echo "{\"stage\": \"download\", \"deps\": {}, \"outs\": {$1}, \"project\": \"$golden\"," \
        "\"params\": {\"dataset\": $2, \"weights\": $3, \"pretrain\": $4}}" > "$work/run/stage.json"
    (cd "$work/run" && exec "$stage" stage.json) > "$work/out.txt" 2>&1
}
says() { grep -qF -- "$1" "$work/out.txt"; }
dataset() { echo "{\"url\": \"$1\", \"sha256\": \"$2\", \"train_limit\": ${3:-null}, \"test_limit\": null}"; }
weights() { echo "{\"url\": \"$1\", \"sha256\": \"$2\"}"; }
out_dataset="\"dataset\": \"$work/run/o/dataset\""
out_weights="\"weights\": \"$work/run/o.safetensors\""
out_pretrain="\"pretrain_dataset\": \"$work/run/o/pre\""

# The digest that the stage itself reports for a wrong pin is the one to pin.
zeros=0000000000000000000000000000000000000000000000000000000000000000
run "$out_dataset" "$(dataset "$objects" $zeros)" "$none" "$no_pretrain"
[ $? -eq 102 ] && says "'$objects' has sha256 " && says "not the pinned $zeros" && [ ! -e "$work/run/o" ]
ok $? "download refuses a generated archive with another digest"
objects_sha=$(sed -n "s/.*has sha256 \([0-9a-f]*\),.*/\1/p" "$work/out.txt")
run "$out_dataset" "$(dataset "$shapes" $zeros)" "$none" "$no_pretrain"
shapes_sha=$(sed -n "s/.*has sha256 \([0-9a-f]*\),.*/\1/p" "$work/out.txt")

h5=$golden/keras_h5/fixed.h5
run "$out_dataset, $out_weights, $out_pretrain" "$(dataset "$objects" "$objects_sha" 25)" \
    "$(weights file:keras_h5/fixed.h5 "$(sha "$h5")")" \
    "{\"url\": \"$shapes\", \"sha256\": \"$shapes_sha\"}"
[ $? -eq 0 ] && [ -s "$work/run/o/pre/train_boxes.npy" ] && grep -q '"train": 25' "$work/run/o/dataset/dataset.json" \
    && grep -q '"generated": true' "$work/run/o/dataset/dataset.json" && grep -q conv_dw_1/depthwise_kernel "$work/run/o.safetensors"
ok $? "download writes dataset, weights and the dataset to pretrain on"
[ "$(ls "$work/run" | tr '\n' ' ')" = "o o.safetensors stage.json " ] && [ -s "$h5" ]
ok $? "download removes what it generated and leaves local files"
cp "$work/run/o.safetensors" "$work/first.safetensors"

mkdir "$work/elsewhere"
cp "$h5" "$work/elsewhere"
run "$out_weights" "$(dataset "$objects" "$objects_sha")" "$(weights "file://$work/elsewhere/fixed.h5" "$(sha "$h5")")" "$no_pretrain"
ok $(($? == 2 ? 0 : 1)) "download refuses a dataset that has no out"
run "$out_dataset, $out_weights" "$(dataset "$objects" "$objects_sha")" \
    "$(weights "file://$work/elsewhere/fixed.h5" "$(sha "$h5")")" "$no_pretrain" && cmp "$work/first.safetensors" "$work/run/o.safetensors"
ok $? "download gives the same bytes wherever the file lies"

cp "$work/first.safetensors" "$work/elsewhere/fixed.h5"
run "$out_dataset, $out_weights" "$(dataset "$objects" "$objects_sha")" \
    "$(weights "file://$work/elsewhere/fixed.h5" "$(sha "$work/first.safetensors")")" "$no_pretrain" \
    && grep -q conv_dw_1/depthwise_kernel "$work/run/o.safetensors"
ok $? "download takes weights as safetensors too"

run "$out_dataset, $out_weights" "$(dataset "$objects" "$objects_sha")" \
    "$(weights file:keras_h5/old_names.h5 "$(sha "$golden/keras_h5/old_names.h5")")" "$no_pretrain"
[ $? -eq 1 ] && says "old keras-applications release" && [ "$(wc -l < "$work/out.txt")" -eq 2 ]
ok $? "download says in one line why weights are refused"

run "$out_dataset" "{\"url\": \"$objects\", \"sha256\": \"$objects_sha\", \"train_limit\": null, \"test_limi\": 3}" "$none" "$no_pretrain"
[ $? -eq 2 ] && says "unknown parameter 'dataset.test_limi', did you mean 'dataset.test_limit'?"
ok $? "download names an unknown parameter and the nearest one"
run "$out_dataset" "$(dataset "$objects" abc)" "$none" "$no_pretrain"
[ $? -eq 2 ] && says "must pin" && says "64 hexadecimal digits, not 'abc'"
ok $? "download requires a digest"
run "$out_dataset, $out_weights" "$(dataset "$objects" "$objects_sha")" "$none" "$no_pretrain"
[ $? -eq 2 ] && says "there is an out 'weights', so parameter 'weights.url' must be set"
ok $? "download requires a URL for each out"
run "$out_dataset" "$(dataset "$objects" "$objects_sha" 41)" "$none" "$no_pretrain"
[ $? -eq 2 ] && says "train_limit is 41, but there are only 40 records"
ok $? "download refuses a limit beyond the archive"

# Data sets in other layouts, with parameters of their own, and a folder.
corpus=$PWD/tests/fuzz/corpus/cifar_files/accepted
run "$out_dataset" "{\"url\": \"file:$corpus/python100.tar.gz\", \"sha256\": \"$(sha "$corpus/python100.tar.gz")\", \"labels\": \"coarse\"}" "$none" "$no_pretrain"
[ $? -eq 0 ] && [ "$(wc -l < "$work/run/o/dataset/classes.txt")" -eq 20 ]
ok $? "download reads pickles, and the labels that are asked for"
mkdir "$work/own" && tar xzf "$corpus/binary.tar.gz" -C "$work/own" && mkdir "$work/own/.hidden" && touch "$work/own/.hidden/x"
run "$out_dataset" "{\"url\": \"file:$work/own\", \"sha256\": null}" "$none" "$no_pretrain"
pin=$(cd "$work/own" && find -L . -type f -not -path '*/.*' -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -c1-64)
[ -n "$pin" ] && says "what lies there now has --set dataset.sha256=$pin"
ok $? "download tells the digest of a folder, which sha256sum tells, too"
run "$out_dataset" "$(dataset "file:$work/own" "$pin")" "$none" "$no_pretrain" \
    && [ "$(wc -l < "$work/run/o/dataset/classes.txt")" -eq 100 ] && [ -s "$work/own/c/train.bin" ]
ok $? "download reads a folder by its digest, and leaves it"
echo >> "$work/own/c/fine_label_names.txt"
run "$out_dataset" "$(dataset "file:$work/own" "$pin")" "$none" "$no_pretrain"
[ $? -eq 102 ] && says "not the pinned $pin"
ok $? "download refuses a folder that changed"

"$stage" --fingerprint > "$work/out.txt" && [ ! -s "$work/out.txt" ]
ok $? "download depends on nothing of the machine"

finish
