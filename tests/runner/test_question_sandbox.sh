#!/bin/sh
# A program that is asked about itself, with --check or --fingerprint, is confined as its stage is. Each attack first succeeds without the sandbox.
ON=open
. tests/runner/project.sh
project=$here/one
mkdir -p "$project"
echo other > "$project/other.txt"
echo data > "$project/data.txt"
listen_at "$here/service"
trap 'kill $listener 2> /dev/null; chmod -R u+w "$here" 2>/dev/null; rm -rf "$here"' EXIT
printf 'stages:\n  s: {cmd: ./s.sh, deps: {d: data.txt}, network: true, outs: {o: o}}\n' > "$project/pipeline.yaml"
# ask OPTION: a project whose program does its attacks when asked so; what came through is its complaint.
ask() {
    cat > "$project/s.sh" <<SH
#!/bin/sh
# REPRISE_STAGE, --check, --fingerprint; $1
if [ "\$1" = $1 ]; then
    cat "$project/other.txt" > /dev/null 2>&1 && did="\$did read"
    (echo > "$project/new") 2> /dev/null && did="\$did write"
    (echo > "$project/cache/new") 2> /dev/null && did="\$did cache"
    kill -0 $$ 2> /dev/null && did="\$did signal"
    perl -MSocket -e 'exit(socket(my \$s, AF_INET, SOCK_STREAM, 0) ? 0 : 1)' 2> /dev/null && did="\$did network"
    perl -MSocket -e 'my \$s; exit(socket(\$s, AF_UNIX, SOCK_STREAM, 0) && connect(\$s, pack_sockaddr_un(\$ARGV[0])) ? 0 : 1)' "$here/service" 2> /dev/null && did="\$did service"
    cat "$project/data.txt" > /dev/null || did="\$did not-its-dep"
    (echo > "\$HOME/own" && echo > own) || did="\$did not-its-folder"
    [ $1 = --fingerprint ] || [ -s "\$REPRISE_STAGE" ] || did="\$did not-its-parameters"
    [ -z "\$did" ] || { echo "came through:\$did" >&2; exit 2; }
    exit 0
fi
[ "\${1#--}" != "\$1" ] || echo x > outs/o
SH
    chmod +x "$project/s.sh"
}
for option in --check --fingerprint; do
    ask $option
    r run --sandbox=off
    [ $status -ne 0 ] && grep -q 'came through: read write cache signal network service$' "$here/err"
    ok $? "without_a_sandbox_a_program_asked_with_${option#--}_reaches_all"
    rm -f "$project/new" "$project/cache/new"
    r run --sandbox=require -n
    if grep -q 'sandbox=require' "$here/err"; then skip "program_asked_with_${option#--}_is_confined_as_its_stage_is" "$(cat "$here/err")"; continue; fi
    r run --sandbox=auto
    [ $status -eq 0 ] && [ ! -e "$project/new" ] && [ ! -e "$project/cache/new" ] && [ -z "$(ls "$project/cache/tmp" 2> /dev/null)" ]
    ok $? "program_asked_with_${option#--}_is_confined_as_its_stage_is"
    ask $option # of other bytes, so that it is asked again
    echo '# again' >> "$project/s.sh"
    REPRISE_NAMESPACES=none "$reprise" -C "$project" run --sandbox=auto > "$here/out" 2> "$here/err"
    status=$?
    [ $status -eq 0 ] && [ ! -e "$project/new" ] && [ ! -e "$project/cache/new" ]
    ok $? "program_asked_with_${option#--}_is_confined_without_namespaces_too"
done
finish
