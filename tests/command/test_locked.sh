#!/bin/sh
# run --locked: the lock in git is a claim, and a run tests it.
. tests/runner/project.sh
make_project one
lock=$project/pipeline.lock
r run
cp "$lock" "$here/lock"

r run --locked
[ $status -eq 0 ] && [ "$(executed)" = "data double report side " ] && cmp -s "$lock" "$here/lock"
ok $? locked_run_of_a_true_lock_ends_well
rm -rf "$project/cache" "$project/artifacts"
r run --locked
[ $status -eq 0 ] && [ "$(executed)" = "data double report side " ] && [ -f "$project/artifacts/double/result.json" ]
ok $? locked_run_executes_what_is_missing_and_delivers

# forge STAGE OUT: the digest of an out in the lock, and of deps on it where asked, becomes another.
digest_of() { sed -n "/^      $1:\$/,/^      [a-z]/p" "$here/lock" | sed -n '/^        outs:/,$p' | sed -n "/^          $2:\$/,/size/s/.*digest: //p"; }
other=$(printf 'f%.0s' $(seq 64))
side=$(digest_of side copy)

# The recipe of README for CI, in a fresh clone.
git init -q "$here/origin" && cp -r "$project"/pipeline.yaml "$project"/stages "$project"/extra.txt "$lock" "$here/origin" &&
    git -C "$here/origin" add -A && git -C "$here/origin" -c user.name=a -c user.email=a@b commit -qm claim || exit 1
recipe() { # recipe NAME: clones and tests; reprise is built already
    git clone -q "$here/origin" "$here/$1"
    "$reprise" -C "$here/$1" run --locked > "$here/out" 2> "$here/err" && "$reprise" -C "$here/$1" verify --strict > "$here/out" 2>> "$here/err"
    status=$?
}
grep -q 'reprise run --locked' README.md && grep -q 'reprise verify --strict' README.md
ok $? recipe_is_the_one_of_the_readme
recipe true
[ $status -eq 0 ]
ok $? recipe_passes_in_a_fresh_clone_of_a_true_lock
sed -i "s/$side/$other/" "$here/origin/pipeline.lock" && git -C "$here/origin" -c user.name=a -c user.email=a@b commit -qam forged
recipe forged
[ $status -eq 102 ] && grep -q "^side: out 'copy' (copy.txt) differs from the lock: $side .*the lock says $other" "$here/err"
ok $? recipe_fails_where_one_digest_was_forged
cmp -s "$here/origin/pipeline.lock" "$here/forged/pipeline.lock"
ok $? forged_lock_is_not_rewritten

cp "$here/origin/pipeline.lock" "$lock"
r run --locked
[ $status -eq 102 ] && cmp -s "$lock" "$here/origin/pipeline.lock"
ok $? locked_run_with_a_cache_ends_with_102_and_leaves_the_lock
rm -rf "$project/artifacts"
r run --locked
[ $status -eq 102 ] && [ ! -e "$project/artifacts/side/copy.txt" ] && [ -f "$project/artifacts/data/data/seed.txt" ]
ok $? result_that_differs_is_not_delivered
sed "0,/size: 13/s//size: 14/" "$here/lock" > "$lock"
r run --locked
[ $status -eq 102 ] && grep -q 'of 13 bytes, the lock says .* of 14' "$here/err"
ok $? forged_size_ends_with_102
double=$(digest_of double result)
sed "s/$side/$other/; s/$double/$other/" "$here/lock" > "$lock"
r run --locked
[ $status -eq 102 ] && grep -q "^side: out 'copy'" "$here/err" && grep -q "^double: out 'result'" "$here/err"
ok $? every_out_that_differs_is_named
sed "0,/key: [0-9a-f]*/s//key: '$(printf %064d 0)'/" "$here/lock" > "$lock"
r run --locked
[ $status -eq 102 ] && grep -q "^data: the lock's key is not that of its entry" "$here/err"
ok $? forged_key_ends_with_102

# Each field of an entry on its own, under the entry's true key: what a run without --locked would write otherwise is no pass.
forged() { # forged STATUS LINE SED: `verify` and `run --locked` refuse it, the latter with LINE
    sed "$3" "$here/lock" > "$lock"
    cp "$lock" "$here/forged.lock"
    r verify
    [ $status -ne 0 ] && [ $status -lt 128 ] || { echo "# $3: verify gave $status"; result=1; }
    r run --locked
    [ $status -eq "$1" ] && grep -q "$2" "$here/err" && cmp -s "$lock" "$here/forged.lock" ||
        { echo "# $3: run --locked gave $status"; result=1; }
}
result=0
forged 1 'params changed' 's/scale: 2/scale: 3/'
forged 1 "dep 'extra' is from 'extra.txt', recorded from 'extra.tx'" 's/from: extra.txt/from: extra.tx/'
forged 1 "dep 'extra' (extra.txt) has 6 bytes, recorded 66" '/from: extra.txt/,/size/s/size: 6/size: 66/'
forged 1 "dep 'extra' is new" 's/^          extra:/          extar:/'
forged 1 "out 'copy' is new" 's/^          copy:$/          cpoy:/'
forged 1 "out 'copy' is at 'copy.txt', recorded at 'x'" 's/path: copy.txt/path: x/'
forged 1 'its list of published copies differs' 's#reports/index.html#reports/other.html#'
forged 1 "'A' is gone" '0,/env: {}/s//env: {A: null}/'
forged 1 'the lock is of other --set: --set scale=2' 's/sets: {}/sets: {scale: 2}/'
forged 1 '^sdie: is in the lock, and not in the pipeline any more' 's/^      side:/      sdie:/'
ok $result each_field_forged_alone_is_refused

cp "$here/lock" "$lock"
r run --locked --set scale=7
[ $status -eq 1 ] && grep -q '^double: the lock is not of this pipeline: its params changed' "$here/err" && cmp -s "$lock" "$here/lock" &&
    grep -q '"value": 2' "$project/artifacts/double/result.json"
ok $? other_params_make_the_lock_stale_and_deliver_nothing_new
rm "$lock"
r run --locked
[ $status -eq 1 ] && grep -q 'run once without --locked' "$here/err" && [ ! -e "$lock" ]
ok $? locked_run_without_a_lock_says_what_to_do
cp "$here/lock" "$lock"
echo '# built anew' >> "$project/stages/side.sh"
r run --locked
[ $status -eq 104 ] && grep -q "^side: another build: 'stages/side.sh' changed" "$here/err" && cmp -s "$lock" "$here/lock"
ok $? another_build_has_its_own_status
result=0
# Such a lock is no excuse for one that is not of this pipeline, wherever it was made.
forged 1 'double: the lock is not of this pipeline: its params changed' 's/scale: 2/scale: 3/'
forged 1 "^side: another build: 'stages/side.sh' changed" "/from: extra.txt/,/size/s/digest: ../digest: 00/"
forged 1 "side: the lock is not of this pipeline: dep 'extra' changed" "/from: extra.txt/,/size/s/digest: ../digest: 00/"
forged 1 'the lock is of other --set' 's/sets: {}/sets: {scale: 2}/'
forged 1 '^side: has no entry in the lock' 's/^      side:/      sdie:/'
ok $result stale_lock_of_another_build_is_stale
cp "$here/lock" "$lock"
r run
cp "$lock" "$here/lock"

# A program whose answer names the machine: the lock of another machine.
make_project two
cat > "$project/prog" <<'SH'
#!/bin/sh
# REPRISE_STAGE
[ "$1" = --fingerprint ] && { cat "$(dirname "$0")/machine" 2> /dev/null || cat MACHINE; exit 0; }
echo same > outs/o
SH
sed -i "s|MACHINE|$project/machine|" "$project/prog"
sed -i "s|\$(dirname \"\$0\")/machine|$project/machine|" "$project/prog"
chmod +x "$project/prog"
echo 'cpu one' > "$project/machine"
printf 'stages:\n  p: {cmd: ./prog, outs: {o: o}}\n  q: {cmd: [cp, deps/o/o, outs/o], deps: {o: p.o}, outs: {o: o}}\n' > "$project/pipeline.yaml"
r run
[ $status -eq 0 ] && grep -q 'fingerprint: \[cpu one\]' "$project/pipeline.lock"
ok $? fingerprint_is_in_the_lock
cp "$project/pipeline.lock" "$here/lock2"
echo 'cpu two' > "$project/machine"
rm -f "$project/cache/fingerprints.json" "$project"/cache/answers*
r verify
[ $status -eq 0 ] && grep -q "^p: made on 'cpu one', here is 'cpu two': not reproducible here" "$here/out" &&
    grep -q '^verified: .*1 made on another machine, not reproducible here' "$here/out"
ok $? lock_of_another_machine_verifies_and_says_so
r verify --strict
[ $status -eq 1 ] && grep -q 'not verified strictly: 1 made on another machine' "$here/err"
ok $? strict_refuses_what_was_made_on_another_machine
r status
[ $status -eq 1 ] && grep -q '^p .*would run: fingerprint' "$here/out"
ok $? status_holds_another_machine_for_stale
echo broken > "$here/x" && chmod u+w "$project/artifacts/q/o" && cp "$here/x" "$project/artifacts/q/o"
r verify
[ $status -eq 102 ] && grep -q "^artifacts: q: 'o' differs" "$here/out"
ok $? the_rest_is_checked_on_another_machine
r run --locked
[ $status -eq 104 ] && grep -q "^p: made on 'cpu one', here is 'cpu two': not reproducible here" "$here/err" &&
    cmp -s "$project/pipeline.lock" "$here/lock2"
ok $? locked_run_on_another_machine_has_its_own_message_and_status
sed -i '/^  q:/s/outs: {o: o}/params: {a: 1}, &/' "$project/pipeline.yaml"
r run --locked
[ $status -eq 1 ] && grep -q "^p: made on 'cpu one', here is 'cpu two': not reproducible here" "$here/err" && grep -q '^q: the lock is not of this pipeline: its params changed' "$here/err"
ok $? stale_lock_of_another_machine_is_stale

# Its cache has what it made under its own fingerprint, and not what the lock's machine had.
sed -i 's|^  q: .*|  q: {cmd: [cp, deps/o/o, outs/o], deps: {o: p.o}, lineage: true, outs: {o: o}}|' "$project/pipeline.yaml"
echo 'cpu one' > "$project/machine"
rm -f "$project"/cache/answers*
r run
cp "$project/pipeline.lock" "$here/lock2"
rm -rf "$project/cache"
echo 'cpu two' > "$project/machine"
r run --locked
[ $status -eq 104 ] && cmp -s "$project/pipeline.lock" "$here/lock2"
ok $? run_locked_elsewhere_executes_and_says_that_it_tests_nothing
r verify
[ $status -eq 0 ] && grep -q '^verified: .*1 made on another machine, not reproducible here' "$here/out"
ok $? what_was_made_elsewhere_needs_not_be_in_the_cache
flip "$project/artifacts/p/o"
r verify
[ $status -eq 102 ] && grep -q "^artifacts: p: 'o' differs" "$here/out"
ok $? artifacts_made_elsewhere_are_checked_all_the_same
finish
