#!/bin/sh
# reprise predict asks the stage of that name, prints its answer alone on stdout, and tells what could not be read.
. tests/runner/project.sh
mkdir -p "$here/bin/stages" "$here/pictures"
cp "$reprise" "$here/bin/reprise"
reprise=$here/bin/reprise
# Says what it was asked; a picture of that name is broken.
cat > "$here/bin/stages/predict" << 'SH'
#!/bin/sh
cd "$(dirname "$1")" || exit 1
grep -q '"top": 98' stage.json && { kill -INT "$PPID"; exit 130; }
grep -q '"top": 99' stage.json && { echo "cannot" >&2; exit 1; }
tr -d ' \n' < stage.json > predictions
echo noise
echo '{"broken": ['"$(grep -q bad.png stage.json && echo '{"path": "bad.png", "why": "x"}')"']}' > broken.json
SH
chmod +x "$here/bin/stages/predict"
echo m > "$here/model.safetensors"
: > "$here/pictures/a.png"
: > "$here/bad.png"
p() { (cd "$here" && TMPDIR="$here" "$reprise" predict "$@") > "$here/out" 2> "$here/err"; status=$?; }

p model.safetensors pictures && grep -q '"pictures":\["pictures"\],"skip_broken":true,"top":1' "$here/out" && grep -q '"format":"csv"' "$here/out" &&
    grep -q "\"model\":\"$here/model.safetensors\"" "$here/out" && ! grep -q noise "$here/out"
ok $? "the_stage_is_asked_and_its_answer_alone_is_printed"
p --json --top 3 --device cpu model.safetensors pictures/a.png pictures && grep -q '"pictures":\["pictures/a.png","pictures"\]' "$here/out" &&
    grep -q '"format":"json"' "$here/out" && grep -q '"top":3' "$here/out" && grep -q '"device":"cpu"' "$here/out"
ok $? "options_reach_the_stage"
p model.safetensors bad.png
[ $status -eq 1 ] && grep -q '1 of the pictures cannot be read' "$here/err" && [ -s "$here/out" ]
ok $? "a_broken_picture_is_told_and_the_others_are_printed"
p --top 99 model.safetensors pictures
[ $status -eq 1 ] && grep -q "the stage 'predict' failed" "$here/err" && [ ! -s "$here/out" ]
ok $? "a_stage_that_fails_prints_nothing"
p --top 98 model.safetensors pictures
[ $status -eq 130 ] && grep -q 'reprise: interrupted' "$here/err"
ok $? "ctrl_c_ends_the_stage_and_is_told"
[ -z "$(find "$here" -name 'reprise-predict.*')" ]
ok $? "nothing_is_left"
p model.safetensors none
[ $status -eq 2 ] && grep -q "cannot read the picture 'none'" "$here/err"
ok $? "a_picture_that_is_not_there_is_named"
p none pictures
[ $status -eq 2 ] && grep -q "cannot read the model 'none'" "$here/err"
ok $? "a_model_that_is_not_there_is_named"
mkdir "$here/deep"
cat > "$here/pipeline.yaml" << 'YAML'
stages:
  train: {cmd: "sh -c 'echo m > outs/m.txt'", outs: {model: m.txt}}
YAML
p train.model pictures
[ $status -eq 2 ] && grep -q "the model 'train.model' is no file, and no out of a stage here: .*run the pipeline first" "$here/err"
ok $? "an_out_that_was_not_made_is_told"
"$reprise" -C "$here" run -q
p train.model pictures && grep -q "\"model\":\"$here/artifacts/train/m.txt\"" "$here/out" && grep -q '"pictures":\["pictures"\]' "$here/out"
ok $? "an_out_of_the_project_is_a_model"
(cd "$here/deep" && TMPDIR="$here" "$reprise" predict train.model ../pictures) > "$here/out" 2> "$here/err" && grep -q '"pictures":\["../pictures"\]' "$here/out"
ok $? "pictures_are_named_from_where_it_is_called"
p train.modell pictures
[ $status -eq 2 ] && grep -q "stage 'train' has no out 'modell'" "$here/err"
ok $? "an_out_that_is_none_is_refused"
p --top none model.safetensors pictures
[ $status -eq 2 ] && grep -q "expected a number from 1" "$here/err"
ok $? "a_wrong_number_is_refused"
rm "$here/bin/stages/predict"
p model.safetensors pictures
[ $status -eq 2 ] && grep -q "there is no stage 'predict'" "$here/err"
ok $? "a_stage_that_is_missing_is_told"
finish
