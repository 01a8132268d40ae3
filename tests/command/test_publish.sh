#!/bin/sh
# What lies in folders of the project is a person's unless an earlier run put it there; artifacts/ is the runner's.
. tests/runner/project.sh
project=$here/p
mkdir -p "$project/docs"
begin() { # begin YAML: a project of one's own with this pipeline
    chmod -R u+w "$project" && rm -rf "$project" && mkdir -p "$project/docs" && cat > "$project/pipeline.yaml"
}
site() { printf 'mkdir outs/site && echo %s > outs/site/index.html\n' "$1" > "$project/a.sh"; }
text() { printf 'echo %s > outs/report.txt\n' "$1" > "$project/a.sh"; }

# ---- a file out ----
begin <<'YAML'
stages:
  first: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}
  a: {cmd: sh a.sh, outs: {r: {path: report.txt, publish: docs}}}
YAML
text A
echo 'by hand' > "$project/docs/report.txt"
r run
[ $status -eq 2 ] && grep -q "^reprise: pipeline.yaml:3:.*out 'r' would be published over 'docs/report.txt', which is not of an earlier run" "$here/err" &&
    [ "$(cat "$project/docs/report.txt")" = 'by hand' ] && [ ! -e "$project/artifacts/first" ] && [ ! -e "$project/pipeline.lock" ]
ok $? file_of_a_person_stops_a_run_before_anything_runs
r run first
[ $status -eq 0 ]
ok $? stages_that_do_not_publish_there_run
rm "$project/docs/report.txt"
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/report.txt")" = A ]
ok $? out_is_published_where_nothing_is
text B
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/report.txt")" = B ]
ok $? copy_of_an_earlier_run_is_replaced
rm -rf "$project/cache"
text C
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/report.txt")" = C ]
ok $? lock_tells_that_a_copy_is_ours
rm "$project/pipeline.lock"
text D
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/report.txt")" = D ]
ok $? record_in_the_cache_tells_that_a_copy_is_ours
rm -f "$project/docs/report.txt"
ln -s ../a.sh "$project/docs/report.txt"
text E
r run
[ $status -ne 0 ] && [ -L "$project/docs/report.txt" ] && grep -q 'echo E' "$project/a.sh"
ok $? link_in_the_place_of_a_copy_is_not_replaced
rm -f "$project/docs/report.txt"; mkdir "$project/docs/report.txt"; echo mine > "$project/docs/report.txt/mine"
r run
[ $status -ne 0 ] && [ "$(cat "$project/docs/report.txt/mine")" = mine ]
ok $? folder_in_the_place_of_a_copy_is_not_replaced
rm -r "$project/docs/report.txt"
r run

# A file where a folder must be is told before anything runs, and is left alone; so it is by run -n.
result=0
for place in docs artifacts reports reports/runs; do
    begin <<'YAML'
stages:
  first: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}
  a: {cmd: sh a.sh, outs: {r: {path: report.txt, publish: docs}}}
YAML
    rmdir "$project/docs"
    text A
    [ $place = reports/runs ] && mkdir "$project/reports"
    echo mine > "$project/$place"
    for dry in '' -n; do
        r run $dry
        [ $status -eq 2 ] && grep -q "'$place' is in the way" "$here/err" && [ "$(cat "$project/$place")" = mine ] && [ ! -e "$project/cache/objects" ] ||
            { echo "# $place: run $dry gave $status: $(cat "$here/err")"; result=1; }
    done
done
ok $result file_in_the_way_of_a_folder_is_told_before_anything_runs
begin <<'YAML'
stages:
  a: {cmd: sh a.sh, outs: {site: {path: site, publish: docs}}}
YAML
echo 'mkdir -p outs/site/sub && echo 1 > outs/site/sub/x' > "$project/a.sh"
echo mine > "$project/docs/sub"
r run
[ $status -eq 1 ] && grep -q "cannot publish 'docs/sub/x': 'docs/sub' is in the way" "$here/err" && [ "$(cat "$project/docs/sub")" = mine ] && [ -f "$project/artifacts/a/site/sub/x" ]
ok $? file_in_the_way_of_a_folder_of_an_out_is_named
begin <<'YAML'
stages:
  a: {cmd: sh a.sh, outs: {site: {path: site, publish: docs}}}
  b: {cmd: [sh, -c, "echo 2 > outs/z"], deps: {s: a.site}, outs: {z: {path: z, publish: docs/x}}}
YAML
echo 'mkdir outs/site && echo 1 > outs/site/x' > "$project/a.sh"
r run
[ $status -eq 1 ] && grep -q "'a.site' publishes 'docs/x' as a file, 'b.z' as a folder: give one of them another folder" "$here/err"
ok $? file_and_folder_of_one_name_are_told
echo 'mkdir outs/site && echo 1 > outs/site/y' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ -f "$project/docs/x/z" ] && [ -f "$project/docs/y" ] && ! grep -q 'has changed since' "$here/err"
ok $? file_of_an_earlier_run_makes_room_for_a_folder
echo 'mkdir -p outs/site && echo 1 > outs/site/x' > "$project/a.sh"
sed -i '/^  b:/d' "$project/pipeline.yaml"
r run
[ $status -eq 0 ] && [ -f "$project/docs/x" ] && [ ! -e "$project/docs/y" ] && r verify && [ $status -eq 0 ]
ok $? folder_of_an_earlier_run_makes_room_for_a_file
echo 'mkdir -p outs/site/x/sub && echo 1 > outs/site/x/sub/a && echo 2 > outs/site/x/b' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ -f "$project/docs/x/sub/a" ] && ! grep -q 'has changed since' "$here/err" && rm -rf "$project/cache" && echo 'mkdir -p outs/site && echo 1 > outs/site/x' > "$project/a.sh" && r run &&
    [ $status -eq 0 ] && [ -f "$project/docs/x" ] && r run && [ $status -eq 0 ] && grep -q '^0 executed' "$here/err" && r verify && [ $status -eq 0 ]
ok $? names_inside_an_out_turn_from_files_to_folders_and_back
result=0
# What a person changed, or put there, stays.
chmod u+w "$project/docs/x" && echo mine >> "$project/docs/x"
echo 'mkdir -p outs/site/x && echo 1 > outs/site/x/b' > "$project/a.sh"
r run
[ $status -eq 1 ] && grep -q "cannot publish 'docs/x/b': 'docs/x' is in the way" "$here/err" && grep -q mine "$project/docs/x" || { echo "# a changed file: $status"; result=1; }
rm -f "$project/docs/x"
r run
echo mine > "$project/docs/x/mine"
echo 'mkdir -p outs/site && echo 1 > outs/site/x' > "$project/a.sh"
r run
[ $status -eq 1 ] && grep -q "'docs/x', which is not of an earlier run" "$here/err" && [ "$(cat "$project/docs/x/mine")" = mine ] && [ -f "$project/docs/x/b" ] || { echo "# a file beside: $status: $(cat "$here/err")"; result=1; }
rm "$project/docs/x/mine" && chmod u+w "$project/docs/x/b" && echo mine > "$project/docs/x/b"
r run
[ $status -eq 1 ] && [ "$(cat "$project/docs/x/b")" = mine ] || { echo "# a changed file inside: $status"; result=1; }
ok $result what_a_person_changed_or_added_makes_no_room
result=0
# PUBLISH|FILE OF THE OUT|WHAT IS SAID: names inside a folder out are known when it is there.
while IFS='|' read -r publish file said; do
    printf 'stages:\n  a: {cmd: sh a.sh, outs: {site: {path: site, publish: %s}}}\n' "$publish" | begin
    echo "mkdir -p outs/site/${file%/*} && echo 1 > outs/site/$file" > "$project/a.sh"
    r run
    [ $status -eq 1 ] && grep -q "$said" "$here/err" && [ ! -e "$project/$publish/$file" ] && [ -f "$project/artifacts/a/site/$file" ] || { echo "# $publish $file: $status"; result=1; }
done <<'EOF'
docs|.git/hooks/post-checkout|cannot publish 'docs/.git/hooks/post-checkout': that is git's to write
reports|runs/x.json|cannot publish 'reports/runs/x.json': 'reports/runs' is the runner's
EOF
ok $result folder_of_an_out_reaches_no_place_of_git_or_of_the_runner
begin <<'YAML'
stages:
  a: {cmd: sh a.sh, outs: {r: {path: report.txt, publish: docs}}}
YAML
text A
r run

# ---- what is listed no more ----
sed -i 's/path: report.txt, publish: docs/path: report.txt/' "$project/pipeline.yaml"
r run
[ $status -eq 0 ] && [ ! -e "$project/docs/report.txt" ] && [ -f "$project/artifacts/a/report.txt" ]
ok $? copy_that_is_published_no_more_is_removed
echo 'by hand' > "$project/docs/report.txt"
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/report.txt")" = 'by hand' ]
ok $? file_that_a_person_writes_there_later_is_left_alone
rm "$project/docs/report.txt"
sed -i 's/path: report.txt/path: report.txt, publish: docs/' "$project/pipeline.yaml"
r run
chmod u+w "$project/docs/report.txt"; echo 'by hand' >> "$project/docs/report.txt"
sed -i 's/path: report.txt, publish: docs/path: report.txt/' "$project/pipeline.yaml"
r run
[ $status -eq 0 ] && grep -q "by hand" "$project/docs/report.txt" && grep -q "'docs/report.txt' is of an earlier run, has changed since, and stays" "$here/err"
ok $? copy_that_a_person_changed_is_kept_and_named
sed -i '/^  first/d' "$project/pipeline.yaml"
r run
[ ! -e "$project/artifacts/first" ] && ! grep -q first "$project/pipeline.lock"
ok $? artifacts_of_a_stage_that_is_gone_are_removed
mkdir -p "$project/artifacts/old" && echo x > "$project/artifacts/old/x" && echo y > "$project/artifacts/a/y"
r verify
[ $status -eq 0 ] && grep -q '^left over: artifacts/old$' "$here/out" && grep -q '^left over: artifacts/a/y$' "$here/out"
ok $? verify_lists_what_is_left_over

# A lock from somewhere else lists files that are no copies.
echo precious > "$here/precious"
begin <<'YAML'
stages:
  a: {cmd: sh a.sh, deps: {d: data/d}, outs: {r: {path: report.txt, publish: docs}}}
YAML
text A
mkdir "$project/data" && echo d > "$project/data/d"
r run
for name in a.sh data/d pipeline.yaml ../precious "$here/precious"; do
    sed -i "s|^          - .*report.txt|&\n          - $(cd "$project" && sha256sum < "$name" | cut -c 1-64) $name|" "$project/pipeline.lock"
done
text B
sum=$(cd "$project" && sha256sum < a.sh | cut -c 1-64)
sed -i "s|- [0-9a-f]* a.sh|- $sum a.sh|" "$project/pipeline.lock"
r verify
listed=$status
r run
[ $listed -ne 0 ] && [ $status -eq 0 ] && [ -f "$project/a.sh" ] && [ -f "$project/data/d" ] && [ -f "$project/pipeline.yaml" ] && [ -f "$here/precious" ] &&
    ! grep -q precious "$project/pipeline.lock"
ok $? sources_and_files_outside_that_a_lock_lists_are_never_removed

# ---- folder outs ----
begin <<'YAML'
stages:
  first: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}
  a: {cmd: sh a.sh, deps: {o: first.o}, outs: {site: {path: site, publish: docs}}}
YAML
site A
echo 'by hand' > "$project/docs/index.html"
r run
[ $status -eq 1 ] && grep -q "docs/index.html" "$here/err" && [ "$(cat "$project/docs/index.html")" = 'by hand' ] &&
    [ "$(cat "$project/artifacts/a/site/index.html")" = A ] && [ -f "$project/artifacts/first/o" ] && grep -q '^      first:' "$project/pipeline.lock"
ok $? file_of_a_person_is_kept_and_nothing_is_lost
mv "$project/docs/index.html" "$project/docs/mine.html"
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/index.html")" = A ] && grep -q '^0 executed' "$here/err"
ok $? moved_away_the_result_is_there_without_running_again
site B
r run
[ $status -eq 0 ] && [ "$(cat "$project/docs/index.html")" = B ] && [ "$(cat "$project/docs/mine.html")" = 'by hand' ]
ok $? files_beside_are_left_alone
echo 'mkdir -p outs/site/sub && echo x > outs/site/sub/x.html' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ ! -e "$project/docs/index.html" ] && [ -f "$project/docs/sub/x.html" ]
ok $? names_that_a_folder_has_no_more_are_removed
echo 'mkdir -p outs/site && printf x > "outs/site/$(printf "a\\377\\\\b")"' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ ! -e "$project/docs/sub" ] && r verify && [ $status -eq 0 ] && site B && r run && [ "$(ls "$project/docs" | wc -l)" -eq 2 ]
ok $? names_of_any_bytes_are_listed_and_removed

echo 'mkdir outs/site && echo x > outs/site/x && ln -s x outs/site/link && echo true > outs/site/run && chmod +x outs/site/run' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ "$(readlink "$project/docs/link")" = x ] && [ -x "$project/docs/run" ] && r run && grep -q '1 executed\|0 executed' "$here/err" && r verify && [ $status -eq 0 ]
ok $? links_and_executables_are_published_as_they_are
mv "$project/cache" "$here/cache-away" && r verify && [ $status -eq 0 ] && rm "$project/docs/link" && ln -s run "$project/docs/link" && r verify && [ $status -eq 102 ] &&
    grep -q "published: a: 'docs/link' differs" "$here/out"
ok $? copies_verify_without_a_cache
rm -rf "$project/cache" "$project/docs/link" && mv "$here/cache-away" "$project/cache"
r run
site B
r run
[ $status -eq 0 ] && [ ! -L "$project/docs/link" ] && [ ! -e "$project/docs/run" ]
ok $? links_that_are_published_no_more_are_removed

# ---- out of the project ----
mkdir "$here/outside"
rm -rf "$project/docs"; ln -s "$here/outside" "$project/docs"
r run
[ $status -eq 2 ] && grep -q "out of the project" "$here/err" && [ -z "$(ls "$here/outside")" ]
ok $? link_out_of_the_project_is_refused_before_anything_runs
rm "$project/docs"; mkdir "$project/docs"
echo 'mkdir -p outs/site/sub && echo x > outs/site/sub/x.html' > "$project/a.sh"
ln -s "$here/outside" "$project/docs/sub"
r run
[ $status -eq 1 ] && [ -z "$(ls "$here/outside")" ]
ok $? link_out_of_the_project_below_is_refused_when_delivered
rm -r "$project/docs"; mkdir -p "$project/.git/hooks"; ln -s .git/hooks "$project/docs"
r run
[ $status -ne 0 ] && [ -z "$(ls "$project/.git/hooks")" ]
ok $? link_into_git_is_refused

# ---- two outs, one name ----
begin <<'YAML'
stages:
  a: {cmd: sh a.sh, outs: {site: {path: site, publish: docs}}}
  b: {cmd: [sh, -c, "mkdir outs/pages; echo B > outs/pages/index.html"], outs: {pages: {path: pages, publish: docs}}}
YAML
site A
result=0
for turn in 1 2 3; do
    r run -k
    [ $status -eq 1 ] && grep -q "both publish 'docs/index.html'" "$here/err" && grep -q "'a.site'" "$here/err" && grep -q "'b.pages'" "$here/err" || result=1
done
ok $result two_outs_that_publish_one_name_fail_and_name_both

# ---- artifacts ----
begin <<'YAML'
stages:
  a: {cmd: sh a.sh, outs: {r: sub/report.txt}}
YAML
printf 'mkdir -p outs/sub; echo %s > outs/sub/report.txt\n' A > "$project/a.sh"
mkdir -p "$project/artifacts/a/sub" && echo mine > "$project/artifacts/a/sub/report.txt"
r run
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/a/sub/report.txt")" = A ] && [ "$(cat "$project"/cache/aside/*/a/sub/report.txt 2> /dev/null || cat "$project"/cache/aside/*/artifacts/a/sub/report.txt)" = mine ] &&
    grep -q "'artifacts/a/sub/report.txt' was in the way of an artifact.*cache/aside" "$here/err"
ok $? what_lies_in_the_way_in_artifacts_moves_aside_and_is_named
printf 'mkdir -p outs/sub; echo %s > outs/sub/report.txt\n' B > "$project/a.sh"
r run
[ $status -eq 0 ] && [ "$(ls "$project/cache/aside" | wc -l)" -eq 1 ]
ok $? earlier_results_do_not_move_aside
aside() { ls "$project/cache/aside" | wc -l; }
before=$(aside)
sed -i 's|{r: sub/report.txt}|{r: sub}|' "$project/pipeline.yaml"
echo 'echo C > outs/sub' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/a/sub")" = C ] && [ "$(aside)" -eq "$before" ]
result=$?
sed -i 's|{r: sub}|{r: sub/deep/report.txt}|' "$project/pipeline.yaml"
printf 'mkdir -p outs/sub/deep; echo D > outs/sub/deep/report.txt\n' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ "$(cat "$project/artifacts/a/sub/deep/report.txt")" = D ] && [ "$(aside)" -eq "$before" ] || result=1
sed -i 's|{r: sub/deep/report.txt}|{r: sub/report.txt}|' "$project/pipeline.yaml"
printf 'mkdir -p outs/sub; echo B > outs/sub/report.txt\n' > "$project/a.sh"
r run
[ $status -eq 0 ] && [ "$(aside)" -eq "$before" ] && r verify && [ $status -eq 0 ] || result=1
ok $result result_of_an_earlier_run_makes_room_in_artifacts
rm -rf "$project/artifacts/a/sub"; ln -s "$here/outside" "$project/artifacts/a/sub"
r run
[ $status -eq 0 ] && [ -z "$(ls "$here/outside")" ] && [ "$(cat "$project/artifacts/a/sub/report.txt")" = B ] && [ ! -L "$project/artifacts/a/sub" ]
ok $? link_in_artifacts_is_never_followed
mv "$project/artifacts" "$here/disk"; ln -s "$here/disk" "$project/artifacts"
r run
[ $status -eq 0 ] && r verify && [ $status -eq 0 ]
ok $? artifacts_may_be_a_link_to_another_disk
finish
