#!/bin/sh
# root: mounts images.
# The tests of the store, and a project's whole way, on XFS with reflinks and without: late writes, deps, sparse outs and
# change times differ there.
set -u
BUILD=$(cd "${BUILD:-build}" && pwd)
export BUILD
number=0 failed=0
ok() { # ok STATUS NAME: one TAP line
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else
        echo "not ok $number - $2"
        failed=1
        grep -v '^ok ' "$work/log" | sed 's/^/# /'
    fi
}
skip_all() { echo "ok 1 - store_keeps_its_promises_on_xfs # SKIP $1"; echo 1..1; exit 0; }

# A mount namespace of its own: nothing stays mounted, whatever happens.
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || skip_all "needs root to mount"
    PATH=$PATH:/sbin:/usr/sbin command -v mkfs.xfs > /dev/null || skip_all "needs mkfs.xfs"
    unshare -m true 2> /dev/null || skip_all "needs to make a mount namespace"
    [ "$BUILD" = "$PWD/build" ] || skip_all "of the plain build only: these tests have run under this sanitizer, elsewhere"
    exec unshare -m "$0" inside
fi
work=$(mktemp -d)
trap 'umount "$work/xfs" 2> /dev/null; rm -rf "$work"' EXIT
chmod 755 "$work" && mkdir "$work/xfs"

for reflink in 1 0; do
    truncate -s 600M "$work/image"
    PATH=$PATH:/sbin:/usr/sbin mkfs.xfs -q -f -m reflink=$reflink "$work/image" || exit 1
    if ! mount -n -o loop "$work/image" "$work/xfs" 2> "$work/log"; then
        [ $number -gt 0 ] || skip_all "cannot mount an XFS image: $(head -n 1 "$work/log")"
        exit 1
    fi
    chmod 1777 "$work/xfs" # some of them become an ordinary user
    for test in blob dep flush memo pump put store; do
        TMPDIR=$work/xfs "$BUILD/tests/store/test_$test" > "$work/log" 2>&1
        ok $? "store_passes_test_${test}_on_xfs_reflink_$reflink"
    done
    for test in run keys; do
        ON=$work/xfs tests/runner/test_$test.sh > "$work/log" 2>&1
        ok $? "runner_passes_test_${test}_on_xfs_reflink_$reflink"
    done
    umount "$work/xfs"
done
echo "1..$number"
exit $failed
