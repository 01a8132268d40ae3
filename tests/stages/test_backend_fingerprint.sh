#!/bin/sh
# A GPU's backend beside the stages is in their fingerprint by its bytes, and its place is named where it is absent: the key
# follows when it is replaced, removed, or comes.
. tests/runner/project.sh

name=backend_is_in_the_fingerprint_by_its_digest
if ! command -v cc > /dev/null; then
    skip $name "there is no C compiler"
    finish
fi
project=$here/project
mkdir -p "$project/build/lib" "$project/build/stages"
cp "$BUILD/stages/evaluate" "$project/build/stages"
cp "$reprise" "$project/build/reprise"
reprise=$project/build/reprise
object=$project/build/lib/libreprise-cuda.so
backend() { # backend NAME
    printf '#include <stdio.h>\nint backend_open_cuda(int t, void **b, void *e) { return -1; }\nint backend_fingerprint_cuda(FILE *f, void *e) { fputs("device %s\\n", f); return 0; }\n' "$1" > "$here/b.c"
    rm -f "$object"
    cc -w -shared -fPIC "$here/b.c" -o "$object"
}
says() { "$project/build/stages/evaluate" --fingerprint auto > "$here/out"; }

backend one
says && grep -q '^device one$' "$here/out" && grep -q "^backend $(sha256sum < "$object" | cut -c 1-64)\$" "$here/out" &&
    grep -qF "uses $object" "$here/out"
ok $? $name
rm "$object"
says && grep -q '^device cpu$' "$here/out" && ! grep -q '^backend ' "$here/out" && grep -qxF "uses $object" "$here/out"
ok $? place_of_an_absent_backend_is_named
"$project/build/stages/evaluate" --fingerprint cpu > "$here/out" && ! grep -q libreprise-cuda "$here/out"
ok $? cpu_asked_for_depends_on_no_backend

# What auto takes on the device is in the fingerprint of the stages that train, what is asked for in their parameters.
for stage in pretrain phase1 phase2; do
    "$BUILD/stages/$stage" --fingerprint cpu | grep -qx 'auto_precision f32' || break
done && ! "$BUILD/stages/evaluate" --fingerprint cpu | grep -q precision
ok $? what_precision_auto_is_is_in_the_fingerprint_of_trainers

echo x > "$project/x"
echo 'stages: {e: {cmd: build/stages/evaluate, deps: {dataset: x, model: x}, outs: {metrics: m, predictions: p, report: r}}}' > "$project/pipeline.yaml"
r status
grep -q '^e  *would run: never run; device cpu$' "$here/out"
ok $? status_names_the_device_that_a_stage_would_take
key() { r why e; grep -o 'device .*' "$here/out" | head -n 1; }
absent=$(key)
backend one
one=$(key)
backend two
two=$(key)
rm "$object"
again=$(key)
[ "$absent" = "device cpu" ] && [ "$one" = "device one" ] && [ "$two" = "device two" ] && [ "$again" = "$absent" ]
ok $? key_follows_a_backend_that_comes_changes_and_goes
finish
