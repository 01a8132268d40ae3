#!/bin/sh
# The headers whose arithmetic a card shares, and those that its device is written against, compile as C++ with the warnings of C.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
compiler=
for name in ${CXX:-} g++ clang++; do
    if command -v "$name" > /dev/null 2>&1; then compiler=$name; break; fi
done
for header in base/error base/philox nn/adam nn/augment nn/device nn/dropout nn/dtype nn/elementary nn/feed nn/graph nn/loss nn/cuda/kernels nn/model nn/network \
    nn/norm nn/optimizer nn/program; do
    name="$(echo "$header" | tr / _)_compiles_as_cxx"
    [ -n "$compiler" ] || { skip "$name" "there is no C++ compiler"; continue; }
    printf 'extern "C" {\n#include "%s.h"\n}\n' "$header" > "$here/one.cpp"
    "$compiler" -std=c++17 -Iruntime -Wall -Wextra -Werror -fsyntax-only "$here/one.cpp" > "$here/said" 2>&1
    ok $? "$name"
done
finish
