#!/bin/sh
# The dep ".": the folders of the project, all but hidden ones and the runner's. What lies beside them re-runs nothing.
. tests/runner/project.sh
project=$here/p
mkdir -p "$project/cat" "$project/dog/old" "$project/.venv/lib"
echo 1 > "$project/cat/1"
echo 2 > "$project/dog/old/2"
ln -s dog "$project/hound"
touch "$project/.venv/lib/x"
cat > "$project/pipeline.yaml" << 'YAML'
stages:
  list:
    cmd: sh -c 'cd "$1" && find . -type f | LC_ALL=C sort > "$OLDPWD/$2"; echo >> "$3"' sh ${deps.all} ${outs.list} RAN
    deps: {all: .}
    outs: {list: {path: list.txt, publish: reports}}
YAML
sed -i "s|RAN|$ran|" "$project/pipeline.yaml"
runs() { # runs N: so many stages execute
    r run
    [ $status -eq 0 ] && [ "$(wc -l 2> /dev/null < "$ran" || echo 0)" -eq "$1" ]
    result=$?
    rm -f "$ran"
    return $result
}
runs 1 && [ "$(cat "$project/artifacts/list/list.txt")" = "./cat/1
./dog/old/2
./hound/old/2" ]
ok $? project_folder_is_its_folders_without_hidden_ones_and_the_runners
runs 0 && r verify && [ $status -eq 0 ]
ok $? what_the_run_wrote_re_runs_nothing
echo x > "$project/answers.csv" && echo x > "$project/reports/mine" && echo y >> "$project/.venv/lib/x" && mkdir "$project/.git" && touch "$project/.git/x"
runs 0 && r status && [ $status -eq 0 ]
ok $? files_beside_the_folders_re_run_nothing
r attest --crate && tr -d ' \n' < "$project/ro-crate-metadata.json" > "$here/crate" && [ "$(grep -o '"@id":"./","@type"' "$here/crate" | wc -l)" -eq 1 ] &&
    grep -q '"@id":"#folders","@type":"Dataset"' "$here/crate"
ok $? crate_tells_the_folders_from_itself
echo 3 > "$project/cat/3"
r run -n
grep -q 'would run: dep all changed' "$here/err" && runs 1
ok $? what_comes_into_a_folder_re_runs_the_stage
mkdir "$project/bird" && echo 4 > "$project/bird/4"
runs 1 && grep -q '^./bird/4$' "$project/artifacts/list/list.txt"
ok $? another_folder_re_runs_the_stage
printf '/bird/\n/hound/\n!/reports/\n!/answers.csv\n' > "$project/.reprise-ignore"
runs 1 && ! grep -q 'bird\|reports\|answers' "$project/artifacts/list/list.txt" && runs 0
ok $? folders_can_be_left_out_and_the_runners_never_come_in
sed -i 's|cd "$1".*|echo "cannot read cat/1, x/1"; exit 1'"'"' sh ${deps.all} ${outs.list}|' "$project/pipeline.yaml"
touch "$project/script.py"
r run
[ $status -eq 1 ] && ! grep -q 'declare it' "$here/err" && sed -i 's|cat/1, |script.py, |' "$project/pipeline.yaml" && r run && grep -q "'script.py' is not there" "$here/err"
ok $? a_stage_that_fails_is_not_told_to_declare_what_it_has
finish
