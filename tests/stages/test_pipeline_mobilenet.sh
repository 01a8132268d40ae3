#!/bin/sh
# A few steps of the profile `cifar10-mobilenet` with the real weights of MobileNet, on generated pictures: both phases train,
# and pixels that are scaled twice are found before any training.
. tests/stages/experiment.sh
weights=${REPRISE_DATA:+$REPRISE_DATA/weights/mobilenet_2_5_224_tf_no_top.h5}
names="real_weights_go_through_both_phases preflight_finds_real_weights_well_fed preflight_stops_pixels_scaled_twice_and_names_the_defect
    warned_of_the_defect_the_report_tells other_weights_than_pinned_are_refused"
if [ -z "$weights" ] || ! [ -f "$weights" ]; then
    for name in $names; do
        skip "$name" "REPRISE_DATA names no folder with weights/mobilenet_2_5_224_tf_no_top.h5"
    done
    finish
fi

mobilenet() {
    r run --profile cifar10-mobilenet --set target=0 --set "weights.url=file:$weights" \
        --set 'dataset.url=sample:objects?train=120&test=40' \
        --set dataset.sha256=2043525dac0d8ba63252b5cd51a4e600e94e5f48f198ef879964b7dd1c5d166e \
        --set dataset.train_limit=null --set train.steps_per_epoch=2 --set phase1.epochs=2 --set phase2.epochs=2 "$@"
}
verdict() { sed -n 's/.*"verdict": "\(.*\)".*/\1/p' "$project/artifacts/$1/preflight.json"; }

make_experiment one
mobilenet
[ $status -eq 0 ] && [ "$(executed | wc -w)" -eq 10 ] && r verify --as-recorded && [ $status -eq 0 ]
ok $? real_weights_go_through_both_phases
[ "$(verdict phase1)" = ok ] && [ "$(verdict phase2)" = ok ]
ok $? preflight_finds_real_weights_well_fed

mobilenet --set model.pixel_range=1
[ $status -eq 1 ] && [ -z "$(executed)" ] && ! grep -q '^phase1  *epoch' "$here/err" &&
    grep -q 'pixels look scaled twice: .*all images look alike to the head.*model.pixel_range 1 should be 255' "$here/err"
ok $? preflight_stops_pixels_scaled_twice_and_names_the_defect
mobilenet --set model.pixel_range=1 --set train.preflight=warn
[ $status -eq 0 ] && [ "$(verdict phase1)" = defect ] && grep -q 'pixels look scaled twice' "$project/reports/index.html"
ok $? warned_of_the_defect_the_report_tells

cp "$weights" "$here/weights.h5"
flip "$here/weights.h5"
mobilenet --set "weights.url=file:$here/weights.h5"
[ $status -eq 1 ] && grep -q 'not the pinned dbdb03ee2a22fd895301636cd328b234bb3a9952358f436d82f46b81e0d5b0bf' "$here/err"
ok $? other_weights_than_pinned_are_refused
finish
