#!/bin/sh
# An installed program finds the stages that come with it, by the names that they have in a tree of sources.
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
[ $status -eq 0 ] && grep -q "^executable build/stages/split $(sha256sum < "$BUILD/stages/split" | cut -c 1-64)$" "$here/out"
ok $? and_names_their_bytes_in_the_key
mkdir -p "$project/build/stages"
printf '#!/bin/sh\necho mine\n' > "$project/build/stages/split"
chmod +x "$project/build/stages/split"
r why split
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
