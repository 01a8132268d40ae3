#!/bin/sh
# Operations and networks in bf16 with each instruction set that has it, as far as this machine does; and a machine that has none,
# which the library is told to be, is told so before any work.
. tests/tap.sh
BUILD=${BUILD:-build}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
for isa in AVX512_CORE_BF16 AVX512_CORE_AMX; do
    for test in bf16 bf16_network; do
        ONEDNN_MAX_CPU_ISA=$isa "$BUILD/tests/nn/test_$test" > "$here/log" 2>&1
        status=$?
        [ $status -eq 0 ] || sed 's/^/# /' "$here/log"
        [ $status -eq 0 ]
        ok $? "${test}_keeps_its_promises_with_$isa"
    done
done
finish
