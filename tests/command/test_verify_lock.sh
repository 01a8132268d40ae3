#!/bin/sh
# verify in a CI that has the pipeline and its lock file, and perhaps neither data nor artifacts.
. tests/runner/project.sh
make_project one
r run
clone=$here/clone
mkdir "$clone"
cp -r "$project/pipeline.yaml" "$project/pipeline.lock" "$project/stages" "$clone"
whole=$project
project=$clone
r verify
[ $status -eq 2 ] && grep -q "'extra.txt' is neither a stage's out nor a file" "$here/err"
ok $? clone_without_data_does_not_verify_as_a_whole
r verify --lock
[ $status -eq 0 ] && grep -q '^verified: 4 stages, 0 artifacts.*; 1 deps as the lock file has them, unread; the lock file alone$' "$here/out" && [ ! -e "$clone/artifacts" ]
ok $? lock_alone_needs_neither_data_nor_artifacts
r verify --lock --json
[ $status -eq 0 ] && grep -q '"unread": 1' "$here/out" && grep -q '"artifacts": 0' "$here/out"
ok $? lock_alone_is_said_as_json
echo changed > "$clone/extra.txt"
r verify --lock
[ $status -eq 1 ] && grep -q "^lock: side: dep 'extra'" "$here/out"
ok $? data_that_is_there_is_held_against_the_lock
rm "$clone/extra.txt"
sed -i 's/scale: 2/scale: 3/' "$clone/pipeline.yaml"
r verify --lock
[ $status -eq 1 ] && grep -q '^lock: double: ' "$here/out"
ok $? changed_parameter_is_found_without_data
sed -i 's/scale: 3/scale: 2/' "$clone/pipeline.yaml"
echo '# more' >> "$clone/stages/side.sh"
r verify --lock
[ $status -eq 1 ] && grep -q '^lock: side: ' "$here/out"
ok $? changed_program_is_found_without_data
r verify --lock --format github
[ $status -eq 1 ] && grep -q '^::error file=pipeline.lock,title=lock::side: ' "$here/out"
ok $? problems_are_lines_that_github_shows
r verify --format dot
[ $status -eq 2 ] && grep -q -- "--format 'dot': verify has github" "$here/err" && r verify --lock --rerun
[ $status -eq 2 ]
ok $? options_that_do_not_go_together_are_refused

project=$whole
sed -i '1s/^/# 100%\n/' "$project/stages/side.sh"
r verify --format github
grep '^::error' "$here/out" | grep -qv '%0A\|%25' ; [ $status -eq 1 ]
ok $? whole_verification_speaks_to_github_too
sed -i 1d "$project/stages/side.sh"
r verify --no-data
[ $status -eq 0 ] && grep -q '; 5 deps as the lock file has them, unread' "$here/out" && grep -q '^verified: 4 stages, [1-9]' "$here/out"
ok $? whole_is_verified_without_reading_data
echo changed > "$here/new" && mv "$here/new" "$project/extra.txt"
r verify
[ $status -eq 1 ] && r verify --no-data
[ $status -eq 0 ]
ok $? data_is_left_alone_where_that_is_asked
finish
