#!/bin/sh
# A stage with `network: loopback` has sockets in a network of its own, in which there is nobody else: not what listens on the machine's own
# addresses, and no abstract socket. With the sandbox off it reaches all of them, or the test shows nothing.
. tests/runner/project.sh
project=$here/one
mkdir -p "$project"
# Who listens outside: by TCP on both loopbacks, by UDP, and on an abstract socket; its ports in $here/ports.
perl -MSocket -e '
    socket(my $t, AF_INET, SOCK_STREAM, 0); bind($t, pack_sockaddr_in(0, INADDR_LOOPBACK)) && listen($t, 9) or die;
    socket(my $u, AF_INET, SOCK_DGRAM, 0); bind($u, pack_sockaddr_in(0, INADDR_LOOPBACK)) or die;
    socket(my $a, AF_UNIX, SOCK_STREAM, 0); bind($a, pack_sockaddr_un("\0reprise-loopback-$$")) && listen($a, 9) or die;
    my ($six, $s) = 0;
    if (socket($s, AF_INET6, SOCK_STREAM, 0) && bind($s, pack_sockaddr_in6(0, Socket::IN6ADDR_LOOPBACK)) && listen($s, 9)) { ($six) = unpack_sockaddr_in6(getsockname($s)); push @kept, $s }
    my ($tcp) = unpack_sockaddr_in(getsockname($t)); my ($udp) = unpack_sockaddr_in(getsockname($u));
    open my $f, ">", "$ARGV[0].new"; print $f "$tcp $udp $six reprise-loopback-$$"; close $f; rename "$ARGV[0].new", $ARGV[0];
    my $got; while (1) { sysread($u, $got, 9); open my $h, ">>", "$ARGV[0].heard"; print $h $got }' "$here/ports" &
listener=$!
trap 'kill $listener 2> /dev/null; chmod -R u+w "$here" 2>/dev/null; rm -rf "$here"' EXIT
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -s "$here/ports" ] && break; sleep 0.1; done
read -r tcp udp six name < "$here/ports"
# What comes of each; own-... are what the stage has for itself.
cat > "$project/try.pl" <<PERL
use Socket; use strict;
my (\$out, \$local) = ("", INADDR_LOOPBACK);
my (\$x, \$y, \$u, \$far, \$k, \$v, \$w, \$s, \$t, \$c, \$n);
sub came { \$out .= "\$_[0] " if \$_[1] }
sub tcp { my (\$at) = @_; my \$s; socket(\$s, AF_INET, SOCK_STREAM, 0) && connect(\$s, \$at) }
came("tcp", tcp(pack_sockaddr_in($tcp, \$local)));
came("tcp6", socket(\$x, AF_INET6, SOCK_STREAM, 0) && connect(\$x, pack_sockaddr_in6($six, Socket::IN6ADDR_LOOPBACK))) if $six;
came("abstract", socket(\$y, AF_UNIX, SOCK_STREAM, 0) && connect(\$y, pack_sockaddr_un("\0$name")));
socket(\$u, AF_INET, SOCK_DGRAM, 0) && send(\$u, "x", 0, pack_sockaddr_in($udp, \$local));
# What reaches further: no family but these, and nothing to send to.
came("outside", socket(\$far, AF_INET, SOCK_DGRAM, 0) && send(\$far, "x", 0, pack_sockaddr_in(53, inet_aton("192.0.2.1"))));
came("kernel-events", socket(\$k, 16, SOCK_RAW, 15));
came("vsock", socket(\$v, 40, SOCK_STREAM, 0));
came("raw", socket(\$w, AF_INET, SOCK_RAW, 1));
# And its own.
socket(\$s, AF_INET, SOCK_STREAM, 0) && bind(\$s, pack_sockaddr_in(0, \$local)) && listen(\$s, 9) and came("own-tcp", tcp(getsockname(\$s)));
socket(\$t, AF_UNIX, SOCK_STREAM, 0) && bind(\$t, pack_sockaddr_un("\0own")) && listen(\$t, 9) and came("own-abstract", socket(\$c, AF_UNIX, SOCK_STREAM, 0) && connect(\$c, pack_sockaddr_un("\0own")));
came("own-addresses", socket(\$n, 16, SOCK_RAW, 0));
open my \$i, "<", "/proc/net/dev"; my @devices = map { /^ *(\w+):/ ? \$1 : () } <\$i>; came("devices=@devices", 1);
open my \$o, ">", "outs/o"; print \$o "\$out\n";
PERL
write() { printf 'stages:\n  s: {cmd: [perl, try.pl], %s outs: {o: o}}\n' "$1" > "$project/pipeline.yaml"; }
made() { cat "$project/artifacts/s/o"; }
own='own-tcp own-abstract own-addresses devices=lo '

write 'network: loopback,'
r run
[ $status -eq 0 ] && case $(made) in tcp\ *abstract\ *own-tcp\ own-abstract\ own-addresses\ devices=*) true ;; *) made && false ;; esac && grep -q x "$here/ports.heard"
ok $? without_a_sandbox_it_reaches_all_that_listens
before=$(wc -c < "$here/ports.heard")
r run -f --sandbox=auto
names='loopback_is_the_stages_own_and_nobody_else_is_there whatever_landlock_knows_nobody_else_is_there'
if grep -q "have no sockets of their own network" "$here/err"; then
    for name in $names; do skip $name "$(grep missing "$here/err")"; done
else
    [ $status -eq 0 ] && [ "$(made)" = "$own" ] && [ "$(wc -c < "$here/ports.heard")" -eq "$before" ] && grep -qh '"sandbox": ".*, namespaces (.*IPC, network), ' "$project"/reports/runs/*.json
    ok $? loopback_is_the_stages_own_and_nobody_else_is_there
    kept=0
    for abi in 0 1 4; do
        REPRISE_LANDLOCK_ABI=$abi r run -f --sandbox=auto
        [ $status -eq 0 ] && [ "$(made)" = "$own" ] && [ "$(wc -c < "$here/ports.heard")" -eq "$before" ] && kept=$((kept + 1))
    done
    [ $kept -eq 3 ]
    ok $? whatever_landlock_knows_nobody_else_is_there
fi

# Where there are no namespaces sockets are refused, as without the word.
export REPRISE_NAMESPACES=none
r run -f --sandbox=auto
[ $status -eq 0 ] && grep -q "^note: of the sandbox is missing here: .*stages with 'network: loopback' have no sockets of their own network (a network namespace: Operation not permitted)" "$here/err" &&
    ! made | grep -q 'tcp\|outside\|addresses' && r run -f --sandbox=require && [ $status -eq 2 ] && grep -q "^reprise: --sandbox=require: .*'network: loopback'" "$here/err" && r status --sandbox=auto && grep -q "missing here: .*'network: loopback'" "$here/out"
ok $? where_it_cannot_be_had_that_is_said_and_sockets_are_refused
# Of others nothing is asked, and nothing said.
write ''
r run -f --sandbox=auto
[ $status -eq 0 ] && ! grep -q loopback "$here/err" && ! made | grep -q 'tcp\|outside\|addresses'
ok $? without_the_word_nothing_is_said_of_it
unset REPRISE_NAMESPACES

# What is in no key.
cached=0
for network in 'network: loopback,' 'network: true,' 'network: false,'; do
    write "$network"
    r status
    [ $status -eq 0 ] && grep -q '^s *cached' "$here/out" && cached=$((cached + 1))
done
[ $cached -eq 3 ]
ok $? network_is_in_no_key
finish
