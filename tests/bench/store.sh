#!/bin/sh
# How fast does the store take things? Medians of ROUNDS rounds, and the best of them, each beside what it is held against:
#   an out of 20,000 small files     cp -r, sha256sum and sync of the same files
#   one large file (SIZE MiB)        openssl speed -evp sha256, in blocks of 16 KiB
#   30,000 actions and blobs         (no peer) asked for again
# A few minutes on an ordinary disk. The large file must fit the page cache; it lies in TMPDIR.
#
#   ROUNDS=5 SIZE=4096 tests/bench/store.sh
set -eu
cd "$(dirname "$0")/../.."
bench=$PWD/${BUILD:-build}/tests/bench/bench_store
ROUNDS=${ROUNDS:-5}
SIZE=${SIZE:-4096}
[ -x "$bench" ] || { echo "make bench builds $bench"; exit 1; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
# spread FILE ORDER: median and best; ORDER is -n where less is better, -nr where more is.
spread() { echo "$(median < "$1") (best $(sort "$2" "$1" | head -n 1))"; }
now() { date +%s.%N; }

i=0
while [ $i -lt 100 ]; do
    mkdir -p "$work/files/$i"
    head -c 400000 /dev/urandom | split -b 2000 -a 3 - "$work/files/$i/"
    i=$((i + 1))
done
round=0
while [ $round -lt "$ROUNDS" ]; do
    cp -r "$work/files" "$work/out" && sync -f "$work"
    "$bench" put "$work/cache" "$work/out" >> "$work/put"
    chmod -R u+w "$work/cache" && rm -rf "$work/out" "$work/cache" && sync -f "$work"
    begin=$(now)
    cp -r "$work/files" "$work/copy" && find "$work/copy" -type f -exec sha256sum {} + > /dev/null && sync -f "$work"
    awk "BEGIN { printf \"%.3f\n\", $(now) - $begin }" >> "$work/peer"
    rm -rf "$work/copy"
    round=$((round + 1))
done
echo "20,000 files: put $(spread "$work/put" -n) s, cp -r and sha256sum and sync $(spread "$work/peer" -n) s"

head -c "${SIZE}M" /dev/urandom > "$work/large" && sync -f "$work"
round=0
while [ $round -lt "$ROUNDS" ]; do
    "$bench" hash "$work/large" >> "$work/hash"
    openssl speed -seconds 1 -bytes 16384 -evp sha256 2> /dev/null | awk 'END { printf "%.0f\n", $2 / 1000 }' >> "$work/openssl"
    round=$((round + 1))
done
echo "$SIZE MiB: hash $(spread "$work/hash" -nr) MB/s, openssl speed -evp sha256 $(spread "$work/openssl" -nr) MB/s"
rm "$work/large"
echo "30,000 actions: $("$bench" noop "$work/cache" 30000)"
