#!/bin/sh
# reprise init writes a pipeline for what the stage inspect finds, says what it found, and overwrites nothing.
. tests/runner/project.sh
mkdir -p "$here/prefix/bin" "$here/prefix/lib/reprise/stages"
cp "$reprise" "$here/prefix/bin"
for stage in "$BUILD"/stages/*; do [ -x "$stage" ] && ln -s "$stage" "$here/prefix/lib/reprise/stages"; done
reprise=$here/prefix/bin/reprise
# One that says what the test wants.
inspect=$here/prefix/lib/reprise/stages/inspect
rm -f "$inspect"
printf '#!/bin/sh\ncat "%s/answer" > "$(dirname "$1")/found.json"\n' "$here" > "$inspect"
chmod +x "$inspect"
found() { # found KIND PATH SIDE PICTURES [MORE]
    printf '{"schema": 1, "kind": "%s", "path": "%s", "classes": ["cat", "dog"], "counts": [3, 4], "pictures": %s, "width": {"min": %s, "median": %s, "max": 900}, "height": {"min": 5, "median": 5, "max": 5}, "broken": [], "broken_count": 0, "duplicates": [], "duplicate_count": 0%s}' \
        "$1" "$2" "$4" "$3" "$3" "${5:-}" > "$here/answer"
}
init() { # init ARGUMENTS, in a fresh folder
    rm -rf "$here/p" "$here/p-pipeline"
    mkdir "$here/p"
    (cd "$here/p" && "$reprise" init "$@") > "$here/out" 2> "$here/err"
    status=$?
}
yaml=$here/p/pipeline.yaml

found class_folders pictures 200 300
init
[ $status -eq 0 ] && grep -q '^found 300 pictures of 2 classes, 200x5 to 900x5 pixels$' "$here/out" && grep -q '^  dog: 4$' "$here/out" &&
    grep -q '^next: reprise run$' "$here/out" && grep -q '^base: MobileNet' "$here/out" && grep -q mobilenet_2_5_224 "$yaml" && grep -q '^  pictures: "pictures"$' "$yaml" && grep -q '^/cache/$' "$here/p/.gitignore"
ok $? init_says_what_it_found_and_the_next_command_and_takes_a_pinned_base
before=$(cat "$yaml")
(cd "$here/p" && "$reprise" init) > "$here/out" 2> "$here/err"
[ $? -eq 2 ] && grep -qF "'$yaml' is there already" "$here/err" && [ "$(cat "$yaml")" = "$before" ]
ok $? init_overwrites_nothing
init --offline
grep -q 'sample:shapes' "$yaml" && ! grep -q https "$yaml"
ok $? init_offline_takes_the_base_that_pretrain_makes
found class_folders pictures 32 50000
init
grep -q resnet20 "$yaml" && ! grep -q '^  weights:' "$yaml"
ok $? many_small_pictures_begin_from_random_weights
found class_folders pictures 200 300
echo w > "$here/w.safetensors"
init --weights "$here/w.safetensors"
[ $status -eq 0 ] && grep -qF "weights: \"$here/w.safetensors\"" "$yaml" && ! grep -q download "$yaml"
ok $? a_file_of_weights_is_taken_directly
init --weights "$here/none"
[ $status -eq 2 ] && [ ! -e "$yaml" ] && grep -q "there is no such file" "$here/err"
ok $? weights_that_are_not_there_stop_before_anything_is_written
pin=$(printf %064d 7)
init --weights "https://example.org/a b.h5#sha256=$pin"
[ $status -eq 0 ] && grep -qxF '    url: "https://example.org/a b.h5"' "$yaml" && grep -qxF "    sha256: $pin" "$yaml" && grep -q 'weights: download.weights' "$yaml"
ok $? pinned_address_of_weights_becomes_a_download
init --weights https://example.org/a.h5
[ $status -eq 2 ] && [ ! -e "$yaml" ] && grep -q "pin what lies there: https://example.org/a.h5#sha256=" "$here/err"
ok $? address_without_a_digest_is_refused
init --weights 'https://example.org/a.h5#sha256=12'
[ $status -eq 2 ] && [ ! -e "$yaml" ] && grep -q "must stand 64 hexadecimal digits" "$here/err"
ok $? digest_that_is_none_is_refused
found class_folders pictures 200 300
sed -i 's/"counts": \[3, 4\]/"counts": [2, 90]/; s/"max": 900/"max": 200/' "$here/answer"
init
grep -q "^'dog' has 90, 'cat' 2: class_weight: balanced" "$here/out" && grep -q 'of 2 classes, 200x5 pixels$' "$here/out"
ok $? classes_that_differ_much_in_size_are_said
sed -i 's/"counts": \[2, 90\]/"counts": [0, 90]/' "$here/answer"
init
grep -q "^'cat' has none to train with" "$here/out" && ! grep -q class_weight "$here/out"
ok $? class_without_a_picture_to_train_with_is_not_said_to_be_weighed
found class_folders 'a${seed}b' 200 300
init --weights 'https://example.org/${seed}#sha256='"$pin"
mkdir -p "$here/p/a\${seed}b/cat" && echo x > "$here/p/a\${seed}b/cat/1.png" && project=$here/p && r status && grep -q '^import *would run' "$here/out"
ok $? name_with_a_dollar_and_a_brace_is_no_variable
found csv pictures 200 300 ', "columns": {"path": "p", "label": "l", "group": "pati\"ent", "split": null}'
init
grep -qF 'group: "pati\"ent"' "$yaml"
ok $? column_of_groups_is_taken_and_quoted
found class_folders . 200 300
init
[ $status -eq 0 ] && grep -q '^  pictures: "\."' "$yaml" && grep -q '^next: reprise run$' "$here/out" && [ ! -e "$here/p-pipeline" ]
ok $? folder_of_class_folders_holds_the_project_too
around() { # around WHY
    [ $status -eq 0 ] && [ ! -e "$yaml" ] && grep -q '^  pictures: "../p"' "$here/p-pipeline/pipeline.yaml" &&
        grep -qF "in $here/p-pipeline: '.' itself cannot hold the project, since $1" "$here/out" && grep -qF "next: cd $here/p-pipeline && reprise run" "$here/out"
}
init "it's here"
[ $status -eq 0 ] && next=$(sed -n 's/^next: \(.*\) && reprise run$/\1/p' "$here/out") && (cd / && eval "$next" && [ -e pipeline.yaml ])
ok $? next_command_can_be_pasted_where_the_folder_has_a_blank
found csv . 200 300
init
around 'the data are more than folders'
ok $? folder_with_a_table_in_its_top_stays_as_it_is
found none . 0 0
init
[ $status -eq 0 ] && project=$here/p && r run && [ "$(head -n 1 "$here/p/artifacts/sorted/sorted.txt")" = 10 ] && r run && grep -q '2 cached' "$here/err"
ok $? with_nothing_there_two_small_stages_run
init --template pictures
[ $status -eq 2 ] && grep -q 'there are no pictures: ' "$here/err" && [ ! -e "$yaml" ]
ok $? pictures_asked_for_and_not_there_are_told
init --template stage
[ $status -eq 2 ] && grep -q "'stage': expected pictures, stages or notebook, did you mean stages" "$here/err"
ok $? unknown_template_suggests
offered=$("$reprise" __complete init --template '' | tr '\n' '|')
grep -qF -- "--template NAME      $(echo "$offered" | sed 's/|\([^|]*\)|$/ or \1/; s/|/, /g')" << END && grep -qF "\-\-template \" ${offered%|}\"" docs/reprise.1
$("$reprise" init --help)
END
ok $? completion_help_and_manual_offer_the_same_templates
found class_folders pictures 200 300
init --template notebook
[ $status -eq 0 ] && grep -q 'architecture: resnet50' "$yaml" && grep -q 'preprocess: caffe' "$yaml" && grep -q '^    url: "https://.*resnet50_weights' "$yaml" &&
    grep -q 'trainable: \[conv5\]' "$yaml" && ! grep -v '#' "$yaml" | grep -q pixel_range
ok $? notebook_is_resnet50_in_two_phases_with_pixels_scaled_once
init --template notebook --offline
[ $status -eq 2 ] && [ ! -e "$yaml" ] && grep -q 'name a file of it by --weights' "$here/err"
ok $? notebook_needs_its_base
found none . 0 0
init --template notebook
[ $status -eq 2 ] && [ ! -e "$yaml" ] && grep -q 'there are no pictures: ' "$here/err"
ok $? notebook_needs_pictures
for bad in '' '{' '[]' '{"kind": 3}' '{"kind": "csv", "path": 4}'; do
    echo "$bad" > "$here/answer"
    init
    [ $status -eq 1 ] || [ $status -eq 2 ] || break
    [ ! -e "$yaml" ] || break
done
ok $? an_answer_of_another_form_writes_nothing
rm "$inspect"
init
[ $status -eq 2 ] && grep -qF "there is no stage 'inspect' in '$here/prefix/lib/reprise/stages'" "$here/err"
ok $? without_the_stage_inspect_it_says_where_it_was_looked_for
init --template stages
[ $status -eq 0 ] && [ -e "$yaml" ]
ok $? template_of_stages_needs_none
rm "$yaml"
said=$(ulimit -f 0 && "$reprise" init --template stages "$here/p" 2>&1)
[ $? -eq 1 ] && echo "$said" | grep -q "cannot write '$yaml': File too large" && [ ! -e "$yaml" ]
ok $? file_that_cannot_be_written_whole_is_not_left_there
finish
