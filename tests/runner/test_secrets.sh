#!/bin/sh
# What a person keeps to himself is nowhere but in the stage that was given it.
. tests/runner/project.sh
project=$here/p
mkdir "$project"
begin() { # begin YAML: a project of one's own with this pipeline, whose stage is s.sh
    chmod -R u+w "$project" && rm -rf "$project" && mkdir "$project" && cat > "$project/pipeline.yaml"
}
# hidden TEXT...: none of them stands in what was shown last, nor in a file but the pipeline and its script.
hidden() {
    for text; do
        found=$(grep -rlaF "$text" "$here/out" "$here/err" "$project" | grep -v '/pipeline.yaml$\|/s.sh$')
        [ -z "$found" ] || { echo "# $text is in $found"; return 1; }
    done
}

begin <<'YAML'
stages:
  s: {cmd: sh s.sh, secrets: [TOKEN], outs: {o: o}}
YAML
cat > "$project/s.sh" <<'SH'
echo "it is $TOKEN, $TOKEN"; echo "$TOKEN" >&2
printf '{"event":"note","text":"%s"}\n{"event":"progress","what":"%s","done":1,"total":2,"unit":"s"}\n' "$TOKEN" "$TOKEN" >&3
[ -e deps ] && echo 1 > outs/o
case $0 in *fail*) exit 1 ;; esac
SH
export TOKEN=s3cr3t-value
for command in "run -v" "run -f" "run -f --json" "log s" "log s --json" "log last" "status" "verify"; do
    r $command
    [ $status -eq 0 ] && hidden s3cr3t || break
done
ok $? secret_is_nowhere_shown_and_nowhere_kept
echo 'mkdir outs/o; mkfifo "outs/o/$TOKEN"; echo "$TOKEN"; exit 0' > "$project/s.sh"
r run
[ $status -eq 1 ] && grep -q "^s  failed: 'outs/o/\*\*\*\*\*\*\*\*\*\*\*\*' is a pipe" "$here/err" && hidden s3cr3t
ok $? failure_that_names_a_secret_shows_stars
export TOKEN='-----BEGIN KEY-----
bXkgc2VjcmV0
-----END KEY-----'
echo 'echo "$TOKEN"; echo 1 > outs/o' > "$project/s.sh"
rm -rf "$project/cache"
r run -v
[ $status -eq 0 ] && hidden bXkgc2VjcmV0
ok $? each_line_of_a_secret_is_masked

begin <<'YAML'
stages:
  s: {cmd: sh s.sh, network: true, outs: {o: o}}
YAML
echo 'env; echo "$http_proxy" | sed "s/.*://"; echo 1 > outs/o' > "$project/s.sh"
export http_proxy=http://me:hunter2@proxy.example:3128 HTTPS_PROXY=me:hunter2@proxy.example:3128
r run -v
[ $status -eq 0 ] && hidden hunter2 && grep -q 'http_proxy=http://\**@proxy.example:3128' "$here/err"
ok $? password_of_a_proxy_is_masked
unset http_proxy HTTPS_PROXY

begin <<'YAML'
stages:
  first: {cmd: [sh, -c, "echo 1 > outs/o"], outs: {o: o}}
  s: {cmd: sh s.sh, env: [MIRROR], deps: {o: first.o}, outs: {o: o}}
YAML
echo 'echo 1 > outs/o' > "$project/s.sh"
export MIRROR=https://me:hunter2@mirror.example/
r run
[ $status -eq 2 ] && grep -q "stage 's': the variable 'MIRROR' holds a URL with a user.*name it under 'secrets'" "$here/err" && hidden hunter2 && [ ! -e "$project/artifacts/first" ]
ok $? hashed_variable_with_a_password_is_refused_before_anything_runs
result=0
for command in "why s" "why s --json" status "status --json" "run -n" "run -n --json"; do
    r $command
    hidden hunter2 || { echo "# reprise $command shows it"; result=1; }
done
ok $result hashed_variable_with_a_password_is_shown_by_no_command
result=0
for MIRROR in //me:hunter2@mirror.example/x 'https://mirror.example/x?code=hunter2' 'see //hunter2@mirror.example/'; do
    r run
    [ $status -eq 2 ] && hidden hunter2 || { echo "# $MIRROR: $status"; result=1; }
done
ok $result url_without_a_scheme_or_with_a_code_is_refused_too
export MIRROR=https://mirror.example/
r run
[ $status -eq 0 ]
ok $? hashed_variable_without_a_password_is_taken
unset MIRROR

result=0
for url in http://me:hunter2@h/x //me:hunter2@h/x 'https://h/x?token=hunter2' 'https://h/x?code=hunter2&a=1' //h/x?sig=hunter2; do
    printf 'stages:\n  s: {cmd: sh s.sh, params: {url: "%s"}, outs: {o: o}}\n' "$url" | begin
    echo 'echo 1 > outs/o' > "$project/s.sh"
    r run
    [ $status -eq 2 ] && grep -q '^reprise: pipeline.yaml:2:[0-9]*: a URL with a user, a password or a token' "$here/err" && hidden hunter2 || { echo "# $url: $status"; result=1; }
    printf 'vars: {u: ""}\nstages:\n  s: {cmd: sh s.sh, params: {url: "${u}"}, outs: {o: o}}\n' | begin
    echo 'echo 1 > outs/o' > "$project/s.sh"
    r run --set "u=$url"
    [ $status -eq 2 ] && hidden hunter2 || { echo "# --set u=$url: $status"; result=1; }
    printf 'vars: {"%s": 1, "%s": 2}\nstages: {}\n' "$url" "$url" | begin
    r run
    [ $status -eq 2 ] && hidden hunter2 || { echo "# twice $url: $status: $(cat "$here/err")"; result=1; }
done
ok $result url_with_a_secret_is_refused_before_work_and_shown_nowhere
begin <<'YAML'
stages:
  s: {cmd: sh s.sh, outs: {o: o}}
YAML
cat > "$project/s.sh" <<'SH'
echo "cloning https://me:hunter2@h/x and //me:hunter2@h/y?a=1"; printf 'a\0https://h/?token=hunter2\n'
printf '{"event":"note","text":"from http://me:hunter2@h/"}\n' >&3
echo 1 > outs/o
[ ! -e fail ] || exit 1
SH
for command in "run -v" "run -f --json" "log s" "log s --json" "log last"; do
    r $command
    [ $status -eq 0 ] && hidden hunter2 || break
done
[ $status -eq 0 ] && hidden hunter2 && sed -i 's/\[ ! -e fail \] || //' "$project/s.sh" && r run && [ $status -eq 1 ] && hidden hunter2 && r log s && hidden hunter2 && grep -q '^cloning https://\*\*' "$here/out"
ok $? url_that_a_stage_prints_shows_stars
finish
