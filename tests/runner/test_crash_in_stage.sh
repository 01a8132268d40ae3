#!/bin/sh
# Data is read in stages. What a reader refuses, and a reader that dies of it, touches nothing else: the stage and the signal are named, the cache is
# good, and the next run goes on.
. tests/runner/project.sh
project=$here/one
import=$BUILD/stages/import
mkdir -p "$project/pictures/cat" "$project/pictures/dog"
for picture in cat/one cat/two dog/one dog/two; do { printf '\211PNG\r\n\032\n'; head -c 3000 /dev/urandom; } > "$project/pictures/$picture.png"; done
# A stage that came before, the reader, and one that comes after it. The reader dies by the signal that a wild pointer gives, as often as `die` is there.
write() { # write LINE
    cat > "$project/pipeline.yaml" <<YAML
stages:
  before: {cmd: [sh, -c, 'echo before > outs/x'], outs: {x: x}}
  reader: {cmd: [sh, -c, '$1'], deps: {before: before.x, pictures: pictures}, outs: {x: x}}
  after: {cmd: [sh, -c, 'cat deps/reader/x > outs/x'], deps: {reader: reader.x}, outs: {x: x}}
YAML
}
for mode in off auto; do
    for signal in SEGV ABRT BUS KILL; do
        rm -rf "$project/cache" "$project/artifacts" "$project/pipeline.lock"
        write "echo half > outs/x; kill -$signal \$\$"
        r run --sandbox=$mode
        [ $status -eq 1 ] && grep -q "reader *failed: killed by signal" "$here/err" && [ ! -e "$project/artifacts/reader/x" ] && [ ! -e "$project/artifacts/after/x" ] &&
            [ "$(cat "$project/artifacts/before/x")" = before ] && [ -z "$(ls "$project/cache/work" 2> /dev/null)" ] &&
            write "cat deps/before/x > outs/x" && r run --sandbox=$mode && [ $status -eq 0 ] && grep -q '2 executed, 1 cached' "$here/err" && r verify && [ $status -eq 0 ]
        ok $? "reader_that_dies_by_${signal}_is_named_and_touches_nothing ($mode)"
    done
done

# A real one: a picture that is none. A sanitizer's search for leaks traces, which is refused.
for mode in off auto; do
    rm -rf "$project/cache" "$project/artifacts" "$project/pipeline.lock"
    cat > "$project/pipeline.yaml" <<YAML
stages:
  before: {cmd: [sh, -c, 'echo before > outs/x'], outs: {x: x}}
  reader: {cmd: [sh, -c, 'ASAN_OPTIONS=detect_leaks=0 exec "\$0"', $import], deps: {pictures: pictures}, params: {image_size: 8, fit: crop, labels: fine, test_size: 0.5, seed: 1, group: null, skip_broken: false, limit: null}, outs: {dataset: dataset}}
YAML
    r run -k --sandbox=$mode
    [ $status -ne 0 ] && grep -q 'reader *failed' "$here/err" && grep -q '[a-z]*/[a-z]*.png' "$project/cache/logs/reader.log" && [ ! -e "$project/artifacts/reader" ]
    ok $? "picture_that_is_none_is_refused_by_its_stage ($mode)"
done
finish
