#!/bin/sh
# root: has rights that a stage must not have.
# What a hostile stage tries under the sandbox, as root and as an ordinary user: attacker.c has the attacks. With the sandbox off each must come
# through, or it shows nothing: those that need more rights, or another kernel, are counted as not shown.
ON=open
. tests/runner/project.sh
attacker=$BUILD/tests/faults/attacker
[ -x "$attacker" ] || { echo "Bail out! there is no $attacker"; exit 1; }
home=$here/home tmp=/tmp/reprise-attack-$$ service=/var/tmp/reprise-attack-$$
project=$home/project cache=$home/project/cache
other=$cache/work/$(printf '%064d' 7)/run
points=0 runs=0 helpers= segment=
stop_victims() {
    for helper in $helpers; do kill -9 "$helper" 2> /dev/null; wait "$helper" 2> /dev/null; done
    [ -z "$segment" ] || perl -e 'shmctl($ARGV[0], 0, 0)' "$segment" 2> /dev/null
    rm -f "$service"
    helpers= segment=
}
trap 'stop_victims; chmod -R u+w "$here" "$tmp" 2> /dev/null; rm -rf "$here" "$tmp"' EXIT
chmod 755 "$here"
drop="setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all"
if [ "$(id -u)" != 0 ]; then people=user drop=
elif command -v setpriv > /dev/null && $drop test -x "$reprise"; then people='root user'
else people=root; fi

# ---- what lies outside, and who is there ----

places='project cache other home tmp'
place_of() { case $1 in project) echo "$project" ;; cache) echo "$cache" ;; other) echo "$other" ;; home) echo "$home" ;; tmp) echo "$tmp" ;; esac; }
make_outside() {
    chmod -R u+w "$home" "$tmp" 2> /dev/null
    rm -rf "$home" "$tmp"
    mkdir -p "$other" "$tmp" "$home/where"
    touch "${other%/run}/kept" # else a run would remove it
    for place in $places; do echo secret > "$(place_of $place)/file"; touch "$(place_of $place)/moved"; done
    echo secret > "$home/where/file"
    : > "$home/signals"
    echo data > "$project/data.txt"
    cat > "$project/pipeline.yaml" <<YAML
stages:
  up: {cmd: [sh, -c, 'echo up > outs/x'], outs: {x: x}}
  s: {cmd: [sh, attacks.sh, $attacker], deps: {up: up.x, d: data.txt}, outs: {o: o}}
YAML
    chmod -R go+rX "$home"
    [ -z "$as" ] || chown -R 65534:65534 "$home" "$tmp"
}
# Names, kinds, modes, sizes, times and bytes of what a stage must leave as it is.
look() {
    { ls -l --time-style=full-iso "$home" "$home/where" "$other" "$tmp"; ls -l --time-style=full-iso "$project" "$cache" | grep -E ' (file|moved|new|folder|link|linked|fifo|again|by-.*|data.txt)$'; } |
        grep -Ev 'project$|^total'
    for place in $places; do cat "$(place_of $place)/file" 2>&1; done
}
start_victims() {
    (cd "$home/where" && exec env SECRET=secret $as sleep 900 < file > /dev/null 2>&1) &
    victim=$! helpers=$!
    $as sh -c 'trap "echo got >> $1" USR1; while :; do sleep 1 & wait; done' sh "$home/signals" > /dev/null 2>&1 &
    hearing=$! helpers="$helpers $!"
    $as perl -MSocket -e 'for (@ARGV) { (my $name = $_) =~ s/^@/\0/; my $type = s/datagram$// ? SOCK_DGRAM : SOCK_STREAM; socket(my $s, AF_UNIX, $type, 0); bind($s, pack_sockaddr_un($name)) && ($type == SOCK_DGRAM || listen($s, 999)) or die; push @kept, $s } sleep 900' \
        "@reprise-attack-$$" "$service" "$home/datagram" "$home/socket" > /dev/null 2>&1 &
    helpers="$helpers $!"
    segment=$($as perl -e 'print shmget(0, 64, 0600)' 2> /dev/null)
    if command -v script > /dev/null; then
        $as script -qc "tty > $home/tty; exec sleep 900" /dev/null < /dev/null > /dev/null 2>&1 &
        helpers="$helpers $!"
    else
        echo /dev/null > "$home/tty"
    fi
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do { [ -S "$home/socket" ] && [ -s "$home/tty" ]; } && break; sleep 0.1; done
    terminal=$(cat "$home/tty")
}

# ---- the attacks ----

on_places='read list overwrite append cut-by-name create create-by-descriptor create-by-own-link create-by-root create-unnamed make-folder make-link make-fifo
rename-inside hard-link-from hard-link-to change-mode change-times change-attributes exchange rename-away rename-over cut remove'
on_victim='kill tgkill sigqueue pidfd-signal seize attach read-memory write-memory proc-mem pidfd-getfd kcmp proc-cwd proc-fd proc-environ setns prlimit setpriority setaffinity'
on_ours='kill pidfd-getfd proc-environ proc-mem prlimit setpriority'
on_the_kernel='inet inet-datagram inet6 inet-raw netlink packet vsock inet-of-x32 inet-of-i386 io-uring bpf perf-event add-key userfaultfd user-namespace user-namespace-by-clone user-namespace-by-clone3
make-device make-disk set-user-bit set-user-bit-by-name create-with-user-bit create-with-user-bit-openat2 setuid message-queue set-host-name setpriority-all find-descriptors'
# The stage's script, which leaves a line `NAME@WHERE STATUS WORDS` for each attack; @runner@ is the runner's number.
write_attacks() {
    cat <<'SH'
a() { id=$1; shift; said=$("$attacker" "$@" 2>&1); echo "$id $? $said" >> "$o"; }
attacker=$1 o=$PWD/outs/o
mkdir -p home
SH
    for place in $places; do
        echo "mkdir at-$place; cd at-$place"
        for name in $on_places; do
            case $name in read) word=$(place_of $place)/file ;; *) word=$(place_of $place) ;; esac
            echo "a $name@$place $name $word"
        done
        echo 'cd ..'
    done
    for name in $on_victim; do echo "a $name@victim $name $victim"; done
    for name in $on_ours; do echo "a $name@runner $name @runner@; a $name@keeper $name \$PPID"; done
    for name in $on_the_kernel; do echo "a $name@kernel $name"; done
    cat <<SH
a signal-by-pipe@victim signal-by-pipe $hearing $home/signals
a proc-root@victim proc-root $victim $home/where/file
a unix@abstract unix @reprise-attack-$$
a unix@path unix $home/socket
a unix-from-its-folder@path unix-from-its-folder $home/socket
a unix-by-link@path unix-by-link $home/socket
a unix-datagram@path unix-datagram $home/datagram
a unix-raw@path unix-raw $home/datagram
a unix-pair@path unix-pair $home/datagram
a unix-racing@path unix-racing $home/socket
a unix@var unix $service
a pass-descriptor@abstract pass-descriptor @reprise-attack-$$
a pass-descriptor@path pass-descriptor $home/socket
a pass-descriptor@var pass-descriptor $service
a mount@kernel mount $home
a chroot@kernel chroot $home
a leave-root@kernel leave-root $home/where/file
a type-into@terminal type-into-terminal $terminal
a read@terminal read-terminal $terminal
a rewrite@proc rewrite /proc/sys/vm/swappiness
a rewrite@sys rewrite /sys/kernel/mm/ksm/pages_to_scan
a shared-memory@kernel shared-memory ${segment:-0}
a open-by-handle@home open-by-handle $home/where/file $home
a read@disk read-disk $home/where/file
a spoil-dep@cache spoil-dep deps/up/x
"\$attacker" write-beside-log; echo "write-beside-log@cache \$?" >> "\$o"
SH
}
# attack MODE: what became of each in $here/results.
attack() {
    runs=$((runs + 1))
    make_outside
    start_victims
    write_attacks > "$project/attacks.in"
    look > "$here/before"
    (cd "$project" && HOME=$home exec $as timeout -s KILL ${LIMIT:-60} sh -c 'sed "s|@runner@|$$|g" attacks.in > attacks.sh; exec "$@"' sh "$reprise" run --sandbox="$1") > "$here/out" 2> "$here/err" < /dev/null
    status=$?
    look > "$here/after"
    cat "$project/artifacts/s/o" > "$here/results" 2> /dev/null || tail -n 3 "$cache"/work/*/run/outs/o
    stop_victims
}
# Those that came through, or did not, but for those named.
came_through_but() { awk '$2 == 0 { print $1 }' "$here/results" | none_of "$1"; }
came_not_through_but() { awk '$2 != 0 { print $1 }' "$here/results" | none_of "$1"; }
none_of() {
    while read -r id; do case " $(echo $1) " in *" $id "*) ;; *) echo "# $(grep "^$id " "$here/results")"; echo >> "$here/others" ;; esac; done
    [ ! -s "$here/others" ] || { rm "$here/others"; return 1; }
}
untouched() { diff "$here/before" "$here/after" | sed 's/^/# /' | grep . && return 1; return 0; }
all_were_made() { [ $status -eq 0 ] && [ "$(wc -l < "$here/results")" -ge $((5 * $(echo "$on_places" | wc -w) + 60)) ]; }

# No kernel has these, or no process may do them, whoever runs it: they come through nowhere, and must not under the sandbox either.
never='inet-of-x32@kernel inet-of-i386@kernel find-descriptors@kernel vsock@kernel read@disk open-by-handle@home kcmp@victim shared-memory@kernel message-queue@kernel userfaultfd@kernel perf-event@kernel io-uring@kernel
rewrite@sys rewrite@proc change-attributes@tmp type-into@terminal read@terminal'
needs_root='setns@victim inet-raw@kernel packet@kernel bpf@kernel make-device@kernel make-disk@kernel setuid@kernel set-host-name@kernel signal-by-pipe@victim mount@kernel chroot@kernel leave-root@kernel
user-namespace@kernel user-namespace-by-clone@kernel user-namespace-by-clone3@kernel'
# What docs/security.md does not promise.
metadata=
for place in $places; do metadata="$metadata change-mode@$place change-times@$place change-attributes@$place"; done
without_namespaces="$metadata shared-memory@kernel message-queue@kernel setaffinity@victim"

for who in $people; do
    as=
    [ "$who" = root ] || as=$drop
    attack off
    unshown=$never
    [ "$who" = root ] || unshown="$never $needs_root"
    points=$((points + $(wc -l < "$here/results")))
    all_were_made && came_not_through_but "$unshown"
    ok $? "without_a_sandbox_attacks_come_through ($who)"
    attack auto
    in_force=$(grep -ho '"sandbox": *"[^"]*"' "$project"/reports/runs/*.json | tail -n 1)
    case $in_force in
    *'Landlock ABI '[6-9]*seccomp*pid*IPC*)
        all_were_made && came_through_but "" && untouched
        ok $? "no_attack_comes_through_the_sandbox ($who)" ;;
    *) skip "no_attack_comes_through_the_sandbox ($who)" "in force is $in_force" ;;
    esac
    export REPRISE_NAMESPACES=none
    attack auto
    unset REPRISE_NAMESPACES
    case $in_force in
    *'Landlock ABI '[6-9]*seccomp*)
        all_were_made && came_through_but "$without_namespaces"
        ok $? "where_namespaces_are_not_allowed_files_and_processes_are_out_of_reach ($who)" ;;
    *) skip "where_namespaces_are_not_allowed_files_and_processes_are_out_of_reach ($who)" "in force is $in_force" ;;
    esac
done

# A program of the project brings nothing that lies beside it.
as=
make_outside
mkdir -p "$project/lib"
echo secret | tee "$project/lib/file" > "$project/beside"
cat > "$project/run.sh" <<SH
#!/bin/sh
for file in "$project/beside" "$project/lib/file" "$project/pipeline.yaml"; do cat "\$file" > /dev/null 2>&1 && echo "\$file"; done > outs/o
exit 0
SH
chmod +x "$project/run.sh"
printf 'stages:\n  s: {cmd: ./run.sh, outs: {o: o}}\n' > "$project/pipeline.yaml"
r run --sandbox=off
[ $status -eq 0 ] && [ "$(wc -l < "$project/artifacts/s/o")" -eq 3 ] && r run -f --sandbox=auto && [ $status -eq 0 ] || echo "# status $status"
if grep -q 'files are not confined' "$here/err"; then skip a_program_of_the_project_brings_nothing_beside_it "the kernel has no Landlock"; else
    [ -f "$project/artifacts/s/o" ] && [ ! -s "$project/artifacts/s/o" ]
    ok $? a_program_of_the_project_brings_nothing_beside_it
fi
echo "# sandbox attacks: $points points, 0 not reached, $runs runs; ended as listed"
finish
