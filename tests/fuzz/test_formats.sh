#!/bin/sh
# Every target has a corpus and is replayed, every corpus has a target, and a name that is no format's is an error: a replay of
# nothing would pass, and `make fuzz` asks it whether there is anything to search.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
sed -n 's/^fuzz_target fuzz_\(.*\);$/\1/p' tests/fuzz/fuzz.h | sort > "$here/targets"
sed -n 's/^    {"\([a-z0-9_]*\)", fuzz_\1, .*/\1/p' tests/fuzz/test_replay.c | sort > "$here/replayed"
for corpus in tests/fuzz/corpus/*/; do basename "$corpus"; done | sort > "$here/corpora"
[ -s "$here/targets" ] && diff "$here/targets" "$here/replayed" > "$here/said" 2>&1
ok $? every_target_is_replayed
diff "$here/targets" "$here/corpora" > "$here/said" 2>&1
ok $? every_target_has_a_corpus_and_every_corpus_a_target
! "$BUILD/tests/fuzz/test_replay" no_such_format > "$here/said" 2>&1 && grep -q "there is no format 'no_such_format'" "$here/said"
ok $? a_replay_of_no_format_fails
finish
