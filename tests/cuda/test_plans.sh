#!/bin/sh
# cuDNN itself is asked for the plans of all profiles, for a card that is described in devices/ and not there. What it compiles
# at run time wants libcuda.so.1, too: where there is no driver, one in which every call says that there is no device.
#   CUDA=DIR   the toolkit, /usr/local/cuda     CUDNN=DIR   the folder of libcudnn.so.9, where it is not the toolkit's
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
CUDA=${CUDA:-/usr/local/cuda}
BUILD=${BUILD:-build}
program=$BUILD/tests/cuda/ask_plans

# lacking REASON: a skip, or, where REQUIRE names cuda, a failure.
lacking() {
    echo "$1" > "$here/said"
    case " ${REQUIRE:-} " in
    *cuda*) ok 1 "plans_are_asked_of_cudnn" ;;
    *) skip "plans_are_asked_of_cudnn" "$1" ;;
    esac
    finish
}

stand_in() { # stand_in STUB: libcuda.so.1 in $here
    {
        echo '#define NO(name) int name(void); int name(void) { return 100; }'
        echo 'int cuDriverGetVersion(int *v); int cuDriverGetVersion(int *v) { *v = 13000; return 0; }'
        echo 'int cuDeviceGetCount(int *n); int cuDeviceGetCount(int *n) { *n = 0; return 0; }'
        nm -D --defined-only "$1" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort -u |
            grep -vxE 'cuDriverGetVersion|cuDeviceGetCount' | sed 's/.*/NO(&)/'
    } > "$here/libcuda.c"
    "${CC:-cc}" -shared -fPIC -Wl,-soname,libcuda.so.1 "$here/libcuda.c" -o "$here/libcuda.so.1" > "$here/said" 2>&1
}

[ -x "$program" ] || lacking "$program is not built: cuDNN's headers are not in $CUDA/include"
folder=
for candidate in ${CUDNN:-"$CUDA/lib64" "$CUDA/lib" /usr/lib/x86_64-linux-gnu}; do
    [ -e "$candidate/libcudnn.so.9" ] && folder=$candidate && break
done
[ -n "$folder" ] || lacking "libcudnn.so.9 is not in ${CUDNN:-$CUDA/lib64}"
stub=$CUDA/lib64/stubs/libcuda.so
[ -e "$stub" ] || lacking "$stub is not there"
stand_in "$stub" || lacking "no stand-in for libcuda can be built"

# Not ours: what cuDNN keeps to the end of the process.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 LD_LIBRARY_PATH=$here${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
    CMOCKA_MESSAGE_OUTPUT=TAP "$program" tests/cuda/devices/h200.json "$folder"
