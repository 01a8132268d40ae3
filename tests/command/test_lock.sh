#!/bin/sh
# pipeline.lock: whatever is in it is compared, two runs keep each other's entries, and what cannot be read stays as it is.
. tests/runner/project.sh
make_project one
cat >> "$project/pipeline.yaml" <<'YAML'
  envy:
    cmd: sh stages/envy.sh
    env: [ENVY]
    outs: {out: {path: site, publish: docs}}
profiles: {small: {unused: 1}, large: {unused: 2}}
profile: small
YAML
echo 'mkdir outs/site && echo "$ENVY" > outs/site/envy.html' > "$project/stages/envy.sh"
ENVY=1
export ENVY
r run
lock=$project/pipeline.lock
cp "$lock" "$here/lock"
r verify
[ $status -eq 0 ] && grep -q '^verified: 5 stages.*; profile small; no sets$' "$here/out"
ok $? verified_names_what_was_checked_profile_and_sets

# change SED WORDS: verify of a changed lock is not 0, and says so.
lie() {
    sed "$1" "$here/lock" > "$lock"
    if cmp -s "$here/lock" "$lock"; then echo "# nothing changed by $1"; result=1; return; fi
    r verify
    [ $status -ne 0 ] && grep -q "$2" "$here/out" || { echo "# $1: verify gave $status: $(tail -n 1 "$here/out")"; result=1; }
    cp "$here/lock" "$lock"
}
result=0
zeros=$(printf %064d 0)
lie "0,/key: [0-9a-f]*/s//key: '$zeros'/" 'its key is not that of its entry'
lie "0,/cmd: \[sh, /s//cmd: [dash, /" 'its cmd changed'
lie "0,/stages.data.sh: [0-9a-f]*/s//stages\/data.sh: '$zeros'/" "'stages/data.sh' changed"
lie "0,/stages.data.sh: /s//stages\/other.sh: /" "'stages/data.sh' is new"
lie "s/from: data.data/from: other.data/" "is from 'data.data', recorded from 'other.data'"
lie "s/from: extra.txt/from: ..\/extra.txt/" "is from 'extra.txt', recorded from '../extra.txt'"
lie "s/from: extra.txt/from: \/etc\/passwd/" "is from 'extra.txt', recorded from '/etc/passwd'"
lie "s/scale: 2/scale: 3/" 'its params changed'
lie "s/scale: 2/scale: 2.0/" 'its params changed'
lie "s/ENVY: [0-9a-f]*/ENVY: '$zeros'/" "variable 'ENVY' changed"
lie "s/ENVY: [0-9a-f]*/ENVY: null/" "variable 'ENVY' changed: it was not set"
lie "0,/fingerprint: \[\]/s//fingerprint: [cpu other]/" 'its key is not that of its entry'
lie "s/path: result.json/path: ..\/..\/result.json/" "out 'result' is at 'result.json', recorded at '../../result.json'"
lie "s/path: result.json/path: other.json/" "out 'result' is at 'result.json'"
lie "s/size: 13/size: 14/" "bytes, the lock file says 14"
lie "s/size: 6$/size: 5/" "has 6 bytes, recorded 5"
lie "/path: copy.txt/,/size/s/\(size: .*\)/\1\n            executable: true/" 'is file, the lock file says executable'
lie "/path: data$/,/folder/{/folder/d}" "differs from the lock file"
lie "s/\( *\)- [0-9a-f]* docs.envy.html/\1- $zeros docs\/envy.html/" "'docs/envy.html' is not in the lock's list"
lie "s/docs.envy.html/docs\/..\/..\/x/" "'docs/envy.html' is not in the lock's list"
lie "/ENVY: /s/.*/&\n          OTHER: null/" "variable 'OTHER' is gone"
lie "0,/^        params:/s//        adopted: for fun\n        params:/" 'its action was not adopted'
lie "0,/^        params:/s//        lineage: a$(printf %063d 1)\n        params:/" 'its lineage changed'
ok $result no_part_of_a_lock_can_lie

echo '# a comment' >> "$project/stages/double.sh"
r verify
[ $status -eq 1 ] && grep -q "^lock: double: 'stages/double.sh' changed" "$here/out"
ok $? verify_sees_an_edited_script
r run
ENVY=2 r verify
[ $status -eq 1 ] && grep -q "^lock: envy: variable 'ENVY' changed" "$here/out"
ok $? verify_sees_another_value_of_the_environment
! grep -q 'ENVY: 1' "$lock"
ok $? values_of_the_environment_are_not_in_the_lock
sed -i 's/bound: 1/bound: 3/' "$project/pipeline.yaml"
r verify
[ $status -eq 1 ] && grep -q '^require: double: missed: result.value is 2, required >= 3' "$here/out"
ok $? verify_takes_the_bounds_of_the_pipeline_as_it_is_now
sed -i 's/bound: 3/bound: 1/' "$project/pipeline.yaml"

r run --profile large
r verify
[ $status -eq 0 ] && grep -q '; profile large; no sets$' "$here/out"
ok $? verify_checks_the_profile_that_was_delivered
grep -q '^  small:$' "$lock" && grep -q '^  large:$' "$lock" && r verify --profile small && [ $status -eq 0 ]
ok $? profiles_have_sections_of_their_own
r verify --profile none
[ $status -eq 2 ]
ok $? verify_of_an_unknown_profile_is_wrong_usage
r run

# Two runs at once of different stages keep both entries.
rm -rf "$project/cache" "$project/artifacts" "$lock"
"$reprise" -C "$project" run -q side & one=$!
"$reprise" -C "$project" run -q double & two=$!
wait $one && wait $two
r run envy
grep -q '^      side:$' "$lock" && grep -q '^      double:$' "$lock" && grep -q '^      envy:$' "$lock"
ok $? runs_of_different_stages_keep_each_other\'s_entries
r run

# Two runs at once with different sets: artifacts and lock come of one of them. Asked with --as-recorded: plain verify holds
# the lock against the pipeline as it is now, without sets, and calls both results stale, which is true.
"$reprise" -C "$project" run -q --set delay=1 --set seed=5 & one=$!
sleep 0.3
r run --set seed=6
second=$status
wait $one && [ $second -eq 0 ] && r verify --as-recorded && [ $status -eq 0 ] && grep -q -- '--set seed=6' "$here/out" && [ "$(cat "$project/artifacts/data/data/seed.txt")" = 6 ]
ok $? runs_with_different_sets_do_not_mix
r run

# What cannot be read is named with its place and stays as it is.
cp "$lock" "$here/lock"
result=0
unreadable() { # unreadable WORDS: run, adopt, why and verify stop, and the file stays
    cp -r "$lock" "$here/bad"
    for command in run 'run --locked' verify 'adopt side --reason x' 'why side'; do
        r $command
        [ $status -eq 2 ] && grep -q "$1" "$here/err" || { echo "# $command: exit $status: $(cat "$here/err")"; result=1; }
        diff -r "$lock" "$here/bad" > /dev/null || { echo "# $command changed the lock"; result=1; }
    done
    r status
    [ $status -eq 2 ] && grep -q "^side .*cached" "$here/out" && grep -q "$1" "$here/err" || { echo "# status: $status"; result=1; }
    rm -rf "$lock" "$here/bad"
    cp "$here/lock" "$lock"
}
sed '0,/^      double:/s//<<<<<<< HEAD\n      double:\n=======\n>>>>>>> theirs/' "$here/lock" > "$lock"
unreadable "pipeline.lock:[0-9]*:1: '<<<<<<<' of a merge that is not resolved; take one side (git checkout --ours pipeline.lock), or move it away"
head -n 20 "$here/lock" > "$lock"
unreadable 'pipeline.lock:21:1: the lock was cut off'
head -c 1000 "$here/lock" > "$lock"
unreadable 'the lock was cut off'
sed "s/schema: '2'/schema: '3'/" "$here/lock" > "$lock"
unreadable "pipeline.lock:2:9: schema '3' is of a newer reprise"
: > "$lock"
unreadable 'is no lock'
# A folder in place of the lock stops the run, instead of being replaced: it is a person's, and may hold something.
rm "$lock"; mkdir "$lock"
unreadable 'is a folder'
ok $result lock_that_cannot_be_read_stops_and_is_never_overwritten
rm "$lock"; ln -s nowhere "$lock"
r run
[ $status -ne 0 ] && [ -L "$lock" ]
ok $? lock_that_is_a_loose_link_stops_a_run
rm "$lock"; cp "$here/lock" "$lock"

# A lock that git or an editor spelt otherwise is read, and written as before.
sed "s/from: data.data/from: \"data.data\" # by hand/" "$here/lock" > "$lock"
r verify && [ $status -eq 0 ] && r run && cmp -s "$here/lock" "$lock"
ok $? lock_that_is_spelt_otherwise_is_read_and_written_anew
r run
before=$(stat -c %y.%i "$lock")
r run
[ "$(stat -c %y.%i "$lock")" = "$before" ]
ok $? lock_is_not_written_where_nothing_changed

# A stage that is not reproducible is named when its digest changes under the same key.
echo 'date +%s%N >> "$(at outs copy)"' >> "$project/stages/side.sh"
r run
r run -f side
[ $status -eq 0 ] && grep -q "^WARNING: not reproducible: side: out 'copy' was [0-9a-f]\{64\} and is [0-9a-f]\{64\}, under the same key$" "$here/err"
ok $? run_names_a_digest_that_changed_under_its_key

# The path of a dep is kept whole.
long=$(printf 'd%.0s' $(seq 200))
mkdir -p "$project/$long/$long/$long"
echo x > "$project/$long/$long/$long/f"
printf "stages:\n  s: {cmd: [cp, deps/d/f, outs/o], deps: {d: $long/$long/$long/f}, outs: {o: o}}\n" > "$project/pipeline.yaml"
r run
grep -q "from: $long/$long/$long/f\$" "$lock" && r verify && [ $status -eq 0 ]
ok $? path_of_a_dep_is_kept_whole

# A number that takes 17 digits, and one that is whole but real, are the same everywhere. Asked with --as-recorded, since it
# was set and the pipeline as it is has another.
cat > "$project/pipeline.yaml" <<'YAML'
vars: {rate: 0.1}
stages:
  s: {cmd: [sh, -c, "cp stage.json outs/o"], params: {rate: "${rate}", one: 1.0}, outs: {o: o}}
YAML
r run --set rate=0.12345678901234567
inside=$(sed -n 's/.*"rate": *\([0-9.]*\).*/\1/p' "$project/artifacts/s/o")
[ "$(sed -n 's/^ *rate: //p' "$lock" | tail -n 1)" = "$inside" ] && grep -q '^ *one: 1.0$' "$lock" &&
    r verify --as-recorded && [ $status -eq 0 ] && r run --set rate=0.12345678901234567 && grep -q '^0 executed' "$here/err"
ok $? real_of_17_digits_is_one_number_everywhere
sed -i 's/one: 1.0/one: 1/' "$project/pipeline.yaml"
r status --set rate=0.12345678901234567
first=$status
r verify --as-recorded
[ $first -eq 1 ] && [ $status -eq 1 ] && grep -q 'its params changed' "$here/out"
ok $? whole_and_real_are_different_for_status_and_verify_alike
printf "stages:\n  s: {cmd: [cp, deps/d/f, outs/o], deps: {d: $long/$long/$long/f}, outs: {o: o}}\n" > "$project/pipeline.yaml"

# All variants of a group as a dep, and a report of their lineage.
cat > "$project/pipeline.yaml" <<'YAML'
stages:
  first: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}
  s:
    foreach: [a, b]
    do: {cmd: [sh, -c, "echo ${item} > outs/o"], outs: {o: o}}
  all: {cmd: [sh, -c, "cat deps/o/*/o deps/lineage/* > outs/o"], lineage: true, deps: {o: "s@*.o"}, outs: {o: o}}
YAML
r run
[ $status -eq 0 ] && grep -q "from: 's@[*].o'\$" "$lock" && grep -q '"name": "s@a"' "$project/artifacts/all/o" && grep -q '"name": "s@b"' "$project/artifacts/all/o" &&
    ! grep -q '"name": "first"' "$project/artifacts/all/o" && r verify && [ $status -eq 0 ] && r run --locked && [ $status -eq 0 ]
ok $? group_as_a_dep_is_in_lock_and_lineage
printf "stages:\n  s: {cmd: [cp, deps/d/f, outs/o], deps: {d: $long/$long/$long/f}, outs: {o: o}}\n" > "$project/pipeline.yaml"

# A lock of schema 1 is read, and written as schema 2.
cat > "$lock" <<LOCK
schema: '1'
profile: ''
sets: {}
stages:
  s:
    cmd: [cp, deps/d/f, outs/o]
    key: $(printf %064d 1)
    deps: {}
    params: {}
    outs: {}
  gone: {cmd: [x], key: $(printf %064d 1), deps: {}, params: {}, outs: {}}
LOCK
rm "$project/cache/lock-stamp"
r verify
[ $status -ne 0 ] && r run && [ $status -eq 0 ] && grep -q "^schema: '2'" "$lock" && ! grep -q gone "$lock" && r verify && [ $status -eq 0 ]
ok $? lock_of_schema_1_is_written_as_schema_2
finish
