#!/bin/sh
# Our own workflow: each command that it names is there and takes what it is given, and it covers what HACKING.md says.
. tests/tap.sh
BUILD=${BUILD:-build}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
tap_shows=$here/said
workflow() { "$BUILD/tests/ci/yaml_at" .github/workflows/ci.yml "$@"; }
each_step() { for job in $(workflow jobs); do for step in $(workflow jobs "$job" steps); do workflow jobs "$job" steps "$step" "$1" && echo; done; done; }
: > "$here/said"

# One command a step: a script of ci/, or what brings the tree there.
each_step run | while read -r command first rest; do
    case $command in
    ci/*)
        [ -x "$command" ] || echo "$command is not there"
        [ -z "$first" ] || "$command" no-such-word 2>&1 | grep -qE "^usage: $command \[(.*\|)?$first(\|.*)?\]$" || echo "$command does not take '$first'"
        [ -z "$rest" ] || echo "$command $first: '$rest' is not known to this test"
        ;;
    apt-get | git) ;;
    *) echo "'$command $first $rest' is no script of ci/" ;;
    esac
done > "$here/said"
[ ! -s "$here/said" ] && [ "$(each_step run | grep -c '^ci/run')" -ge 4 ]
ok $? every_command_is_a_script_of_ci_that_takes_what_it_is_given
each_step uses | grep -vxE '[a-z-]+/[a-z-]+@v[0-9]+\.[0-9]+\.[0-9]+' > "$here/said"
[ ! -s "$here/said" ] && [ -n "$(each_step uses)" ]
ok $? every_action_is_pinned
for job in $(workflow jobs); do workflow jobs "$job" timeout-minutes > /dev/null || echo "$job"; done > "$here/said"
[ ! -s "$here/said" ] && [ "$(workflow permissions)" = contents ] && [ "$(workflow permissions contents)" = read ]
ok $? every_job_has_a_time_limit_and_may_only_read
[ "$(for i in $(workflow jobs debian strategy matrix release); do workflow jobs debian strategy matrix release "$i" && echo; done | tr '\n' ' ')" = '12 13 ' ] &&
    [ "$(workflow jobs debian container)" = 'debian:${{ matrix.release }}' ] && ! workflow jobs user container > /dev/null &&
    [ "$(workflow jobs threads steps 4 run)" = 'ci/run thread' ] && [ "$(workflow jobs nightly steps 4 run)" = 'ci/run long' ] &&
    workflow on schedule 0 cron > /dev/null && [ "$(workflow jobs nightly if)" = "github.event_name == 'schedule'" ]
ok $? it_covers_both_releases_root_and_not_threads_and_a_longer_set_by_night
finish
