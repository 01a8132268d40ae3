#!/bin/sh
# The examples of docs/: the files, and every ```yaml of docs/pipeline.md that is a whole pipeline.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
here=$(mktemp -d)
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
tap_shows="$here/log"
. tests/tap.sh
run() { (cd "$1" && shift && "$BUILD/reprise" "$@") > "$here/log" 2>&1; } # run FOLDER ARGUMENT...

# ---- docs/stages.md ----

cp -r docs/examples/words "$here/words"
for language in python:python3 shell:sh r:Rscript c:cc; do
    name="words_in_${language%:*}_are_counted"
    if command -v "${language#*:}" > /dev/null; then
        run "$here/words" run "in_${language%:*}" && [ "$(tr -d ' \n' < "$here/words/artifacts/in_${language%:*}/words.json")" = '{"words":12}' ]
        ok $? "$name"
    else
        skip "$name" "no ${language#*:}"
    fi
done
run "$here/words" run --set least=200 in_shell in_python && grep -q '"words": 0' "$here/words/artifacts/in_python/words.json" &&
    [ "$(cat "$here/words/artifacts/in_shell/words.json")" = '{"words": 0}' ]
ok $? "the_examples_heed_their_parameter"

# reprise.py against the protocol, as a runner would speak it.
mkdir "$here/protocol"
cp docs/examples/words/reprise.py "$here/protocol/"
cat > "$here/protocol/all.py" << 'PY'
import reprise
s = reprise.Stage()
assert s.name == "x" and s.params == {"a": [1, "ü"]} and s.threads == 3, vars(s)
assert s.deps["d"].endswith("/protocol/deps/d") and s.outs["o"].endswith("/protocol/outs/o") and s.checkpoint.endswith("/checkpoint")
s.progress("part", 1, 2, "thing")
for value in (0.5, float("inf"), float("-inf"), float("nan")):
    s.metric("m", value, 7)
s.note("ü \" \n")
PY
echo '{"schema": 2, "stage": "x", "params": {"a": [1, "ü"]}, "deps": {"d": "deps/d"}, "outs": {"o": "outs/o"}, "checkpoint": "../checkpoint", "resources": {"threads": 3}, "progress_fd": 3}' > "$here/protocol/stage.json"
cat > "$here/expected" << 'EOF'
{"event": "progress", "what": "part", "done": 1, "total": 2, "unit": "thing"}
{"event": "metric", "name": "m", "value": 0.5, "step": 7}
{"event": "metric", "name": "m", "value": "inf", "step": 7}
{"event": "metric", "name": "m", "value": "-inf", "step": 7}
{"event": "metric", "name": "m", "value": null, "step": 7}
{"event": "note", "text": "\u00fc \" \n"}
EOF
if command -v python3 > /dev/null; then
    (cd "$here/protocol" && REPRISE_STAGE=stage.json python3 all.py 3> "$here/told") > "$here/log" 2>&1 && cmp "$here/told" "$here/expected"
    ok $? "reprise_py_speaks_the_protocol"
    (cd "$here/protocol" && REPRISE_STAGE=stage.json python3 all.py) > "$here/log" 2>&1
    ok $? "reprise_py_goes_on_where_nobody_listens"
else
    skip "reprise_py_speaks_the_protocol" "no python3"
fi

# ---- docs/pipeline.md ----

awk -v into="$here/example" '/^```yaml/ { file = into (++n); next } /^```/ { file = ""; next } file { print > file }' docs/pipeline.md
for file in "$here"/example*; do
    number_of=${file#"$here"/example}
    mkdir "$here/page$number_of"
    cp "$file" "$here/page$number_of/pipeline.yaml"
    cp docs/examples/words/text.txt "$here/page$number_of/"
    run "$here/page$number_of" run && run "$here/page$number_of" verify
    ok $? "example_${number_of}_of_the_pipeline_page_runs"
done
[ "$(awk 'length($0) >= 8' "$here/page1/artifacts/count/words.txt" | wc -l)" -lt "$(wc -l < "$here/page1/artifacts/count/words.txt")" ] &&
    run "$here/page1" run --profile quick && [ "$(awk 'length($0) < 8' "$here/page1/artifacts/count/words.txt" | wc -l)" -eq 0 ]
ok $? "a_profile_lies_over_the_variables"
run "$here/page2" run --set least=1000
[ $? -eq 1 ] && grep -q 'required >= 1000' "$here/log"
ok $? "a_missed_bound_is_said"
[ "$(cat "$here/page3/artifacts/gather/text.txt")" = "$(for w in 2 4; do for s in x y; do cut -c 1-$w docs/examples/words/text.txt | sed "s/^/$s /"; done; done)" ]
ok $? "a_group_is_gathered_in_order"
run "$here/page4" run --set extra.enabled=true && grep -q 'A RESULT' "$here/page4/artifacts/last/text.txt"
ok $? "the_first_stage_that_is_there_is_taken"
grep -q '<pre>' "$here/page5/site/index.html"
ok $? "an_out_is_published"

# ---- docs/coming-from.md ----

# Each file stands in the page as it is.
for name in pipeline.yaml dvc.yaml Snakefile Makefile; do
    awk -v name="$name" '/^# [A-Za-z.]+: / { on = $2 == name ":" ; next } /^```/ { on = 0 } on { print }' docs/coming-from.md | cmp - "docs/examples/coming-from/$name" > "$here/log" 2>&1
    ok $? "the_page_shows_${name}_as_it_is"
done
cp -r docs/examples/coming-from "$here/reprise"
cp -r docs/examples/coming-from "$here/make"
make -s -C "$here/make" > "$here/log" 2>&1 && run "$here/reprise" run && cmp "$here/make/count.json" "$here/reprise/artifacts/count/count.json"
ok $? "make_and_reprise_count_the_same"
finish
