#!/bin/sh
# What was built with other flags is built again, and nothing else is.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
object=$here/build/objects/runtime/base/table.o
build() { env -u MAKEFLAGS -u MAKELEVEL make BUILD="$here/build" "$object" "$@" > "$here/said" 2>&1; }
build && [ -f "$object" ]
ok $? an_object_is_built
build && ! grep -q 'CC ' "$here/said"
ok $? a_second_time_nothing_is_built
CPPFLAGS=-DPLANTED=1 build && grep -q 'CC runtime/base/table.c' "$here/said"
ok $? other_flags_build_it_again
CPPFLAGS=-DPLANTED=1 build && ! grep -q 'CC ' "$here/said"
ok $? the_same_flags_do_not
finish
