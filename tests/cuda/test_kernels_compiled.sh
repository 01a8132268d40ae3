#!/bin/sh
# What nvcc makes of the kernels, for one card: no registers spilled; no product and sum contracted to one operation, which would
# not have the CPU's bits. That is looked for in PTX, NVIDIA's assembly before the registers are given out, since a disassembler
# of the final code need not be there; that code has fused operations of its own, within divisions and roots that are rounded
# correctly.
. tests/tap.sh
CUDA=${CUDA:-/usr/local/cuda}
NVCC=${NVCC:-$CUDA/bin/nvcc}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
tap_shows=$here/said
if ! command -v "$NVCC" > /dev/null; then
    case " ${REQUIRE:-} " in
    *" cuda "*) ok 1 "kernels_compile_for_a_card" ;;
    *) skip "kernels_compile_for_a_card" "there is no $NVCC" ;;
    esac
    finish
fi

for source in runtime/nn/cuda/*.cu; do
    name=$(basename "$source" .cu)
    "$NVCC" -std=c++17 -fmad=false -gencode arch=compute_90,code=sm_90 --resource-usage --keep --keep-dir "$here" -Iruntime -c \
        -o "$here/$name.o" "$source" > "$here/said" 2>&1
    ok $? "${name}_compiles"
    grep -q 'bytes spill stores' "$here/said" && ! grep 'bytes spill' "$here/said" | grep -qv ' 0 bytes spill stores, 0 bytes spill loads'
    ok $? "${name}_spills_no_register"
    [ -s "$here/$name.ptx" ] && ! grep -nE 'fma\.rn(\.ftz)?\.f(32|64)|\.approx|\.ftz' "$here/$name.ptx" > "$here/said"
    ok $? "${name}_rounds_every_operation"
done

finish
