#!/bin/sh
# An installed program finds the stages that come with it, by their names, as one in a tree of sources does.
. tests/runner/project.sh
# Laid out as `make install` does.
mkdir -p "$here/prefix/bin" "$here/prefix/lib/reprise/stages" "$here/p"
cp "$reprise" "$here/prefix/bin"
for stage in "$BUILD"/stages/*; do [ -f "$stage" ] && [ -x "$stage" ] && cp "$stage" "$here/prefix/lib/reprise/stages"; done
cp pipeline.yaml "$here/p"
project=$here/p
reprise=$here/prefix/bin/reprise
r run -n
[ $status -eq 0 ] && grep -q '^download$' "$here/out" && grep -q '^report$' "$here/out"
ok $? installed_program_finds_its_stages
r why split
[ $status -eq 0 ] && grep -q "^executable split $(sha256sum < "$BUILD/stages/split" | cut -c 1-64)$" "$here/out"
ok $? and_names_their_bytes_in_the_key
grep -v '^key' "$here/out" > "$here/installed"
"$BUILD/reprise" -C "$project" why split | grep -v '^key' > "$here/checkout"
cmp -s "$here/installed" "$here/checkout"
ok $? key_is_the_same_from_a_tree_and_installed

# One stage that says --check and --fingerprint, under any name.
own=$here/prefix/lib/reprise/stages/ours
printf '#!/bin/sh\n# REPRISE_STAGE --fingerprint\n[ "$1" != --fingerprint ] || { echo of ours; exit; }\necho ours > outs/o\n' > "$own"
chmod +x "$own"
mkdir "$here/path"
printf '#!/bin/sh\necho "path $*" > outs/o\n' > "$here/path/ours"
chmod +x "$here/path/ours"
asked=$PATH
PATH=$here/path:$PATH
stage() { printf 'stages:\n  s: {cmd: %s, env: [PATH], outs: {o: o}}\n' "$1" > "$project/pipeline.yaml"; }
out() { r run && cat "$project/artifacts/s/o"; }
stage ours
[ "$(out)" = ours ] && grep -q 'of ours' "$project/pipeline.lock" && ! grep -q "$here/prefix" "$project/pipeline.lock"
ok $? bare_name_is_a_stage_before_it_is_a_program_in_PATH_and_is_asked
r run && r run && grep -q '1 cached' "$here/err" && rm "$own" && [ "$(out)" = "path " ]
ok $? stage_that_goes_is_seen_by_the_next_run
printf '#!/bin/sh\necho back > outs/o\n' > "$own"
chmod +x "$own"
r run
[ "$(cat "$project/artifacts/s/o")" = back ]
ok $? stage_that_comes_is_seen_by_the_next_run
stage 'ours a b'
[ "$(out)" = "path a b" ]
ok $? more_words_mean_the_program_in_PATH
PATH=$asked
r run
[ $status -eq 2 ] && grep -qF "'ours' is not an executable file in PATH: a stage that comes with Reprise takes no words, write 'cmd: ours'" "$here/err"
ok $? words_after_a_stage_are_told
stage spilt
r run
[ $status -eq 2 ] && grep -qF "'spilt' is not an executable file in PATH, nor a stage in '$here/prefix/lib/reprise/stages', did you mean 'split'?" "$here/err"
ok $? stage_that_is_not_there_says_where_it_was_looked_for_and_the_nearest

# By its path in a tree of sources.
rm "$project/pipeline.lock"
stage build/stages/split
r why s
grep -q "^executable build/stages/split $(sha256sum < "$BUILD/stages/split" | cut -c 1-64)$" "$here/out"
ok $? path_in_a_tree_is_found_installed
mkdir -p "$project/build/stages"
printf '#!/bin/sh\necho mine\n' > "$project/build/stages/split"
chmod +x "$project/build/stages/split"
r why s
[ $status -eq 0 ] && grep -q "^executable build/stages/split $(sha256sum < "$project/build/stages/split" | cut -c 1-64)$" "$here/out"
ok $? file_of_the_project_comes_first
rm -r "$project/build"
printf 'stages:\n  s: {cmd: build/stages/no-such-stage, outs: {o: o}}\n' > "$project/pipeline.yaml"
r run -n
[ $status -eq 2 ] && grep -q "'build/stages/no-such-stage' is not an executable file: run make first" "$here/err"
ok $? stage_that_is_nobodys_is_told
cp pipeline.yaml "$project"
r run split
first=$status
r run split
[ $first -eq 0 ] && [ $status -eq 0 ] && grep -q '^0 executed, 2 cached' "$here/err" && r verify
ok $? they_run_and_are_cached
finish
