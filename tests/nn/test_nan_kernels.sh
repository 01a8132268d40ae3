#!/bin/sh
# Whatever kernels oneDNN may choose: test_nan and test_nan_network with each instruction set that it can be told to keep to. What
# the processor does not have, the library leaves out by itself, and the test with it, as it would be the one before once more.
. tests/tap.sh
BUILD=${BUILD:-build}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
for isa in SSE41 AVX AVX2 AVX512_CORE AVX512_CORE_VNNI AVX512_CORE_BF16 AVX512_CORE_AMX; do
    case $isa in
    SSE41) flag=sse4_1 ;;
    AVX | AVX2) flag=$isa ;;
    AVX512_CORE) flag=avx512bw ;;
    AVX512_CORE_AMX) flag=amx_tile ;;
    *) flag=avx512_${isa##*_} ;;
    esac
    if ! grep -qiw "$flag" /proc/cpuinfo; then
        skip "nan_and_infinity_go_through_the_kernels_of_$isa" "this processor has no $flag"
        continue
    fi
    for test in test_nan test_nan_network; do
        ONEDNN_MAX_CPU_ISA=$isa "$BUILD/tests/nn/$test" > "$here/log" 2>&1
        status=$?
        [ $status -eq 0 ] || break
    done
    [ $status -eq 0 ] || sed 's/^/# /' "$here/log"
    [ $status -eq 0 ] && grep -q '^ok 1 ' "$here/log"
    ok $? "nan_and_infinity_go_through_the_kernels_of_$isa"
done
finish
