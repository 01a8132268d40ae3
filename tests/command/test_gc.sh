#!/bin/sh
# gc removes what no lock file names and no run used lately, never what is in use; du says what that is.
. tests/runner/project.sh
make_project one
actions() { find "$project/cache/actions" -name '*.json' | wc -l; }
objects() { find "$project/cache/objects" -type f | wc -l; }
said() { grep -qxF -- "$1" "$here/out"; }
r gc
[ $status -eq 0 ] && said 'removed 0 of 0 results and 0 of 0 files, 0 bytes of 0 bytes'
ok $? empty_cache_has_nothing_to_remove
r run
cp "$project/pipeline.lock" "$here/first.lock"
r run --set scale=3
executed > /dev/null
before=$(objects)
r gc
[ $status -eq 0 ] && grep -q '^removed 0 of 6 results and 0 of' "$here/out" && [ "$(actions)" -eq 6 ]
ok $? what_was_used_lately_stays
r gc --age 0 -n
[ $status -eq 0 ] && grep -q '^would remove 2 of 6 results and [1-9]' "$here/out" && [ "$(actions)" -eq 6 ] && [ "$(objects)" -eq "$before" ]
ok $? dry_run_removes_nothing
r du --age 0
[ $status -eq 0 ] && grep -q '^stage  *results  *bytes  *held  *for gc$' "$here/out" && grep -q '^double  *2 ' "$here/out" && grep -q '^all  *6 ' "$here/out"
ok $? du_tells_stages_and_their_sizes
r du --json --age 0
[ $status -eq 0 ] && [ "$(grep -c '"held": true' "$here/out")" -eq 4 ] && [ "$(grep -c '"kept": false' "$here/out")" -eq 2 ]
ok $? du_says_the_same_as_json

# A stage that another process executes.
("$reprise" -C "$project" run --set seed=9 --set delay=3 > /dev/null 2>&1; echo $? > "$here/other") &
other=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -s "$ran" ] && break; sleep 0.1; done
r gc --age 0
[ $status -eq 2 ] && grep -q "another process uses '.*cache': do this when it has ended" "$here/err" && [ "$(actions)" -eq 6 ]
ok $? cache_in_use_is_left_alone
r gc --age 0 -n
[ $status -eq 0 ]
ok $? dry_run_may_look_meanwhile
wait $other
[ "$(cat "$here/other")" -eq 0 ]
ok $? that_process_comes_to_its_end
r run --set scale=3
executed > /dev/null

r gc --age 0
[ $status -eq 0 ] && [ "$(actions)" -eq 4 ]
ok $? results_without_a_lock_go_when_old
r verify --as-recorded
[ $status -eq 0 ]
ok $? what_the_lock_names_is_whole
r run --set scale=3
[ $status -eq 0 ] && [ -z "$(executed)" ]
ok $? it_need_not_be_made_again
r run
[ $status -eq 0 ] && [ "$(executed)" = "double report " ]
ok $? what_is_gone_is_made_again
r run --set scale=3
executed > /dev/null
r gc --size 0
[ $status -eq 0 ] && [ "$(actions)" -eq 4 ] && r run --set scale=3 && [ -z "$(executed)" ]
ok $? size_takes_nothing_that_is_held
: > "$project/cache/objects/note"
r gc --age 0
[ $status -eq 0 ] && [ -e "$project/cache/objects/note" ]
ok $? what_is_not_ours_stays
cp "$project/pipeline.yaml" "$project/other.yaml"
r run --file other.yaml --set scale=5
r run --set scale=3
executed > /dev/null
r gc --age 0
r run --file other.yaml --set scale=5
[ $status -eq 0 ] && [ -z "$(executed)" ]
ok $? lock_files_beside_it_hold_theirs
r run --set scale=3
echo '<<<<<<<' >> "$project/other.lock"
count=$(actions)
r gc --age 0
[ $status -eq 2 ] && grep -q 'other.lock:[0-9]*:[0-9]*: ' "$here/err" && [ "$(actions)" -eq "$count" ]
ok $? other_lock_file_that_cannot_be_read_removes_nothing
echo '[[package]]' > "$project/other.lock"
r gc -n
[ $status -eq 0 ]
ok $? lock_file_of_another_tool_is_none
rm -f "$project"/other.*
r gc --age 0
executed > /dev/null
if command -v git > /dev/null; then
    r run
    (cd "$project" && git init -q . && git config user.email a@b.example && git config user.name a && git add pipeline.lock && git commit -qm one) > "$here/git" 2>&1
    r run --set scale=3
    executed > /dev/null
    r gc --age 0 HEAD
    [ $status -eq 0 ] && [ "$(actions)" -eq 6 ] && r run && [ -z "$(executed)" ]
    ok $? revisions_hold_what_their_lock_names
    r gc --age 0 nosuch
    [ $status -eq 2 ] && grep -q "'nosuch' is no revision of git" "$here/err" && [ "$(actions)" -eq 6 ]
    ok $? unknown_revision_removes_nothing
else
    skip revisions_hold_what_their_lock_names "git is missing"
fi
r gc --age soon
[ $status -eq 2 ] && grep -q "age 'soon': expected a time, as 12h or 30d" "$here/err"
ok $? wrong_age_is_refused
r gc --age 30
[ $status -eq 2 ] && grep -q "age '30': expected a time, as 12h or 30d" "$here/err"
ok $? age_without_a_unit_is_refused
r gc --size big
[ $status -eq 2 ] && grep -q "size 'big': expected bytes, as 500M or 20G" "$here/err"
ok $? wrong_size_is_refused
# To root nothing is read-only.
nobody=
[ "$(id -u)" -ne 0 ] || nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
chmod a+rx "$here"
chmod -R a-w,a+rX "$project/cache"
if $nobody test -x "$reprise" -a ! -w "$project/cache/key-locks" 2> /dev/null; then
    $nobody "$reprise" -C "$project" gc --age 0 > "$here/out" 2> "$here/err"
    [ $? -eq 1 ] && grep -q "cannot make the lock '.*/key-locks': Permission denied" "$here/err"
    ok $? cache_that_cannot_be_written_says_so
else
    skip cache_that_cannot_be_written_says_so "this user may write everywhere, or another may not start $reprise"
fi
chmod -R u+w "$project/cache"
echo '<<<<<<<' >> "$project/pipeline.lock"
count=$(actions)
r gc --age 0
[ $status -eq 2 ] && [ "$(actions)" -eq "$count" ]
ok $? lock_that_cannot_be_read_removes_nothing
finish
