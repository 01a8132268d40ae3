#!/bin/sh
# A confined stage's own sockets in the file system work as ever, though others' are out of its reach (tests/faults/test_sandbox_attacks.sh).
. tests/runner/project.sh
trap 'kill ${listener:-} 2> /dev/null; chmod -R u+w "$here" 2>/dev/null; rm -rf "$here"' EXIT
project=$here/one
mkdir -p "$project"
cat > "$project/own.pl" <<'PERL'
use strict; use Socket; use Errno;
my $out = "";
sub stream { socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die; $s }
sub listener { my ($name, $most) = @_; my $s = stream; bind($s, pack_sockaddr_un($name)) && listen($s, $most) or die "$name: $!"; $s }
# Each of three says who it is, and two wait until the first was accepted.
sub serve {
    my ($what, $name, $by) = @_;
    my $s = listener($name, 0);
    for my $i (1 .. 3) { fork or do { my $c = stream; connect($c, pack_sockaddr_un($by)) or die "$by: $!"; syswrite($c, $i); sysread($c, my $got, 1); exit 0 } }
    select(undef, undef, undef, 0.3);
    my @got;
    for (1 .. 3) { accept(my $c, $s); sysread($c, my $i, 1); push @got, $i; syswrite($c, "x") }
    my $good = 1;
    for (1 .. 3) { wait; $good &&= $? == 0 }
    $out .= "$what " if $good && "@{[sort @got]}" eq "1 2 3";
}
sub fails { my ($what, $name, $why) = @_; my $c = stream; $out .= "$what " if !connect($c, pack_sockaddr_un($name)) && $! == $why }
serve("relative", "home/s", "home/s");
my $temporary = length $ENV{TMPDIR} > 90 ? "home/v" : "$ENV{TMPDIR}/v"; # of a socket's name there is little room
serve("temporary", $temporary, $temporary);
symlink("../home/t", "home/link") or die;
serve("by-link", "home/t", "home/link");
mkdir "home/in"; chdir "home/in"; serve("from-there", "u", "../in/u"); chdir "../..";
serve("tmp", "/tmp/s", "/tmp/s") if ($ARGV[0] // "") eq "own-tmp";
open my $f, ">", "home/file"; close $f;
fails("file", "home/file", Errno::ECONNREFUSED);
fails("nothing", "home/none", Errno::ENOENT);
fails("gone", do { my $s = listener("home/gone", 1); "home/gone" }, Errno::ECONNREFUSED);
{ my $c = stream; require POSIX; POSIX::close(fileno $c); $out .= "closed " if !connect($c, pack_sockaddr_un("home/s")) && $! == Errno::EBADF }
socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, 0) or die;
syswrite($left, "p") and sysread($right, my $p, 1) and $out .= "pair ";
open my $o, ">", "outs/o"; print $o "$out\n";
PERL
write() { printf 'stages:\n  s: {cmd: [perl, own.pl, %s], outs: {o: o}}\n' "${1-here}" > "$project/pipeline.yaml"; }
made() { cat "$project/artifacts/s/o"; }
whole='relative temporary by-link from-there file nothing gone closed pair '
write
r run --sandbox=off
[ $status -eq 0 ] && [ "$(made)" = "$whole" ] || made
ok $? without_a_sandbox_they_work
for level in all files none; do
    REPRISE_NAMESPACES=$level r run -f --sandbox=auto
    [ $status -eq 0 ] && [ "$(made)" = "$whole" ]
    ok $? "they_work_with_namespaces_$level"
done
write own-tmp
r run --sandbox=auto
if grep -qh '"sandbox": ".*, namespaces (' "$project"/reports/runs/*.json; then
    [ $status -eq 0 ] && [ "$(made)" = 'relative temporary by-link from-there tmp file nothing gone closed pair ' ]
    ok $? they_work_in_its_own_tmp
else skip they_work_in_its_own_tmp "namespaces are not allowed here"; fi

# Who waits for ever for a connection does not keep its stage, nor the run.
cat > "$project/own.pl" <<'PERL'
use Socket;
socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("home/s")) && listen($s, 0) or die;
for (1 .. 4) { fork or do { socket(my $c, AF_UNIX, SOCK_STREAM, 0); connect($c, pack_sockaddr_un("home/s")); sleep 9999 } }
select(undef, undef, undef, 0.3);
open my $o, ">", "outs/o"; print $o "done\n";
PERL
timeout 60 "$reprise" -C "$project" run -f --sandbox=auto > "$here/out" 2> "$here/err"
[ $? -eq 0 ] && [ "$(made)" = done ] && grep -q 'it left [4-9] processes running, killed now' "$here/err"
ok $? connections_that_wait_for_ever_end_with_their_stage

# With the network a stage reaches what its owner does.
listen_at "$project/outside"
printf 'use Socket; socket(my $c, AF_UNIX, SOCK_STREAM, 0); open my $o, ">", "outs/o"; print $o connect($c, pack_sockaddr_un("%s")) ? "came\\n" : "$!\\n";\n' "$project/outside" > "$project/own.pl"
result=0
for words in '' ', network: true'; do
    printf 'stages:\n  s: {cmd: [perl, own.pl], outs: {o: o}%s}\n' "$words" > "$project/pipeline.yaml"
    REPRISE_NAMESPACES=none r run -f --sandbox=auto
    case $words$(made) in 'Permission denied' | ', network: truecame') ;; *) result=1; made ;; esac
done
ok $result a_service_is_in_reach_of_the_network_alone
finish
