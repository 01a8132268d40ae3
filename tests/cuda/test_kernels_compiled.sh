#!/bin/sh
# What nvcc makes of the kernels, for one card: no registers spilled; no product and sum contracted to one operation, which would
# not have the CPU's bits; 16 bytes at once where a tensor streams. The last two are looked for in PTX, NVIDIA's assembly before
# the registers are given out, since a disassembler of the final code need not be there; that code has fused operations of its own,
# within divisions and roots that are rounded correctly.
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

# Kernels of FILE whose mangled names match WHICH and whose PTX lacks a line that matches PATTERN; or "none" where no name matches.
lacking() { # lacking FILE WHICH PATTERN
    awk -v which="$2" -v pattern="$3" '/\.entry / { name = $0; sub(/.*\.entry /, "", name); sub(/\(.*/, "", name); if (name ~ which) found[name] = 0 }
        (name in found) && $0 ~ pattern { found[name] = 1 }
        END { for (name in found) { some = 1; if (!found[name]) print name, "has no", pattern } if (!some) print "none is called", which }' "$1"
}

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

# Every instance that moves packets: of the templates by N, those whose N is 4 or 8. What only adds up stores sums.
loads='ld\\.global(\\.nc)?\\.v4'
stores='st\\.global\\.wb\\.v4'
vectors() { # vectors FILE WHICH PATTERN...
    file=$1 which=$2
    shift 2
    for pattern; do lacking "$here/$file.ptx" "$which" "$pattern"; done >> "$here/said"
}
: > "$here/said"
vectors tensor_cuda '(clamp|clamp_backward|accumulate|convert)I' "$loads" "$stores"
vectors tensor_cuda 'copy_rowsI5uint4' "$loads" 'st\\.global\\.(wb\\.)?v4'
vectors step_cuda '(4adam|3sgd|5decay|average_weights)' "$loads" "$stores"
vectors norm_cuda '(apply_norm|norm_backward)I.Li[48]' "$loads" "$stores"
vectors norm_cuda 'chunk_momentsI.Li[48]' "$loads"
vectors mask_cuda '(mask_rows|mask_and_sum)I.Li[48]' "$loads" "$stores"
vectors pool_cuda '(max|average)_pool(_backward)?I.Li[48]' "$loads" "$stores"
vectors depthwise_cuda '9depthwiseI.Li[48]|depthwise_backward_dataI.Li[48]' "$loads" "$stores"
vectors depthwise_cuda 'depthwise_backward_weightsI.Li[48]' "$loads"
vectors reach_cuda 'find_largestI' "$loads"
vectors feed_cuda 'feed_picturesI' "$stores" # it loads bytes
[ ! -s "$here/said" ]
ok $? "streaming_kernels_move_16_bytes_at_once"
finish
