#!/bin/sh
# attest signs what the lock file says of each stage, and verify --key refuses whatever was changed since.
. tests/runner/project.sh
make_project one
sed -i 's|outs: {data: data}|outs: {data: data, model: model.safetensors}|' "$project/pipeline.yaml"
echo 'cp outs/data outs/model.safetensors 2> /dev/null || { mkdir -p outs; find outs/data -type f -exec cat {} + > outs/model.safetensors; }' >> "$project/stages/data.sh"
at=$project/attestations/'(none)'
key=$here/key

# ---- keys ----
k() { "$reprise" keygen "$@" > "$here/out" 2> "$here/err"; status=$?; }
k "$key"
[ $status -eq 0 ] && [ "$(stat -c %a "$key")" = 600 ] && grep -q 'BEGIN PRIVATE KEY' "$key" && grep -q 'BEGIN PUBLIC KEY' "$key.pub"
ok $? key_is_made_for_its_owner_alone
cp "$key" "$here/before"
k "$key"
[ $status -eq 2 ] && grep -q "cannot make '$key': File exists" "$here/err" && cmp -s "$key" "$here/before"
ok $? key_that_is_there_is_not_replaced
k "$here/ed" --kind ed25519
[ $status -eq 0 ] && k "$here/x" --kind rsa
[ $status -eq 2 ] && grep -q -- "--kind 'rsa': expected p256 or ed25519" "$here/err" && [ ! -e "$here/x" ]
ok $? kinds_of_keys_are_two
r run
chmod 640 "$key"
r attest --key "$key"
[ $status -eq 2 ] && grep -q 'is not yours alone to read: chmod 600' "$here/err" && [ ! -e "$project/attestations" ]
ok $? key_that_others_may_read_is_refused
chmod 600 "$key"
r attest
[ $status -eq 2 ] && grep -q -- '--key FILE names the key' "$here/err" && r attest --key "$key.pub"
[ $status -eq 2 ]
ok $? attest_wants_a_private_key

# ---- good ----
r attest --key "$key"
[ $status -eq 0 ] && grep -qx 'attested: 4 stages, 1 models, by a key of ECDSA P-256' "$here/out" && [ "$(ls "$at" | tr '\n' ' ')" = 'data.intoto.jsonl data.model.sig double.intoto.jsonl report.intoto.jsonl side.intoto.jsonl ' ]
ok $? each_stage_and_each_model_is_signed
r verify --key "$key.pub"
[ $status -eq 0 ] && grep -q '; 4 stages attested and 1 models signed by this key' "$here/out"
ok $? verify_takes_what_the_key_signed
r verify --key "$key.pub" --json
[ $status -eq 0 ] && grep -q '"attested": 4' "$here/out" && grep -q '"signed_models": 1' "$here/out"
ok $? verify_counts_signatures_as_json
r attest --key "$here/ed" --attestations "$here/ed.d" && r verify --key "$here/ed.pub" --attestations "$here/ed.d"
[ $status -eq 0 ] && grep -q '; 4 stages attested and 0 models signed' "$here/out"
ok $? ed25519_signs_stages

# ---- refused ----
# refused STAGE REASON NAME: verify says so, and exits with 102.
refused() {
    r verify --key "${with:-$key.pub}"
    [ $status -eq 102 ] && grep -q "^signature: $1: .*$2" "$here/out" && grep -q 'refused: see above' "$here/err"
    ok $? "$3"
    with=
    cp "$here/good"/* "$at"
}
mkdir "$here/good" && cp "$at"/* "$here/good"
# Another letter in the middle of a payload or signature; the first of them stands for all bytes.
change() { sed -i -E "s/(\"$2\":\"[A-Za-z0-9+\\/]{40})(.)/\\1$( [ "$(sed -E "s/.*\"$2\":\"[A-Za-z0-9+\\/]{40}(.).*/\\1/" "$1")" = A ] && echo B || echo A)/" "$1"; }
change "$at/side.intoto.jsonl" payload
refused side 'its signature is not that of this key for these bytes' changed_payload_is_refused
change "$at/side.intoto.jsonl" sig
refused side 'its signature is not that of this key' changed_signature_is_refused
change "$at/data.model.sig" payload
refused data 'its signature is not that of this key' changed_signature_of_a_model_is_refused
cp "$at/side.intoto.jsonl" "$at/double.intoto.jsonl"
refused double "it is that of stage 'side'" swapped_envelopes_are_refused
with=$here/ed.pub
refused data 'its signature is not that of this key' another_key_is_refused
sed -i 's|"payloadType":"application/vnd.in-toto+json"|"payloadType":"text/plain"|' "$at/side.intoto.jsonl"
refused side 'its payload is no in-toto statement' payload_of_another_type_is_refused
sed -i 's/\("signatures":\[\)\(.*\)\(\]\)/\1\2,\2\3/' "$at/side.intoto.jsonl"
refused side 'it has not one signature' two_signatures_are_refused
echo x > "$at/side.intoto.jsonl"
refused side 'side.intoto.jsonl' envelope_that_is_none_is_refused
rm "$at/side.intoto.jsonl"
r verify --key "$key.pub"
[ $status -eq 1 ] && grep -q '^signature: side: is not attested' "$here/out"
ok $? stage_without_an_envelope_is_named
cp "$here/good"/* "$at"
rm "$at/data.model.sig"
r verify --key "$key.pub"
[ $status -eq 1 ] && grep -q "^signature: data: its model 'model' has no signature" "$here/out"
ok $? model_without_a_signature_is_named
cp "$here/good"/* "$at"
flip "$project/artifacts/data/model.safetensors"
r verify --key "$key.pub"
[ $status -eq 102 ] && grep -q '^signature: data: .*the file is not what was signed' "$here/out" && grep -q '^artifacts: data:' "$here/out"
ok $? changed_artifact_is_refused
flip "$project/artifacts/data/model.safetensors"
r run --set scale=3
r attest --key "$key"
r verify --as-recorded --key "$key.pub"
[ $status -eq 0 ] && cp "$here/good/double.intoto.jsonl" "$at" && r verify --as-recorded --key "$key.pub"
[ $status -eq 102 ] && grep -q '^signature: double: .*it is that of another run: key ' "$here/out"
ok $? envelope_of_an_older_run_is_refused

# ---- nothing untrue is signed ----
rm -r "$at"
flip "$project/artifacts/side/copy.txt"
r attest --key "$key"
[ $status -eq 102 ] && grep -q "stage 'side' can't be attested: its out 'copy' is not what the lock file says" "$here/err"
ok $? artifact_that_differs_is_not_attested
flip "$project/artifacts/side/copy.txt"
sed -i.was 's/^          scale: 3/          scale: 4/' "$project/pipeline.lock"
r attest --key "$key"
[ $status -eq 102 ] && grep -q "stage 'double' can't be attested: 'param scale' of the lock file is not what its result was made of" "$here/err" && [ ! -e "$at" ]
ok $? lock_that_was_edited_is_not_attested
mv "$project/pipeline.lock.was" "$project/pipeline.lock"
echo '# a word' >> "$project/stages/double.sh"
r adopt double --reason 'a comment' --set scale=3
r attest --key "$key"
[ $status -eq 1 ] && grep -q "stage 'double' can't be attested: its result is adopted (a comment); reprise run -f double confirms it" "$here/err"
ok $? adopted_result_is_not_attested

r run -f double --set scale=3
r attest --crate
crate=$project/ro-crate-metadata.json
[ $status -eq 0 ] && grep -q 'is a Run Crate of 4 stages' "$here/out" && [ "$(grep -c '"@type": "CreateAction"' "$crate")" -eq 5 ] &&
    grep -q '"@id": "artifacts/double/result.json"' "$crate" && grep -q "\"sha256\": \"$(sha256sum "$project/artifacts/double/result.json" | cut -c1-64)\"" "$crate" &&
    grep -q '"@id": "extra.txt"' "$crate" && [ ! -e "$at" ]
ok $? crate_has_what_each_stage_read_and_made

# ---- models that come in ----
golden=tests/golden/model_signature
root=$PWD
copy() { rm -rf "$here/in" && cp -r "$root/$golden" "$here/in" && chmod -R u+w "$here/in"; }
check_in() { (cd "$here/in" && "$reprise" verify --key key.pub --signature "$1.sig" "$2") > "$here/out" 2> "$here/err"; status=$?; }
copy
check_in model model
[ $status -eq 0 ] && grep -qx "verified: 'model' is what 'model.sig' signs" "$here/out" && check_in single single.safetensors
[ $status -eq 0 ]
ok $? models_that_others_signed_are_taken
echo more >> "$here/in/model/sub/z" && check_in model model
[ $status -eq 102 ] && grep -q 'sub/z is not what was signed' "$here/err"
ok $? changed_file_of_a_model_is_named
copy && touch "$here/in/model/more" && check_in model model
[ $status -eq 102 ] && grep -q "'more' was not signed" "$here/err" && copy && rm "$here/in/model/sub/z" && check_in model model
[ $status -eq 102 ] && grep -q "'sub/z' was signed and is not there" "$here/err"
ok $? files_too_many_or_too_few_are_named
copy && ln -s /etc/passwd "$here/in/model/link" && check_in model model
[ $status -ne 0 ] && grep -q 'a signed model holds no links' "$here/err" && check_in single model/model.safetensors
[ $status -eq 102 ] && cp "$here/ed.pub" "$here/in/key.pub" && check_in single single.safetensors
[ $status -eq 102 ] && grep -q 'its signature is not that of this key' "$here/err"
ok $? links_other_models_and_other_keys_are_refused
finish
