#!/bin/sh
# Data that somebody made to do harm, read by the real stages under --sandbox=require, or as far as the kernel goes: archives that climb out of their
# folder, links, bombs, pictures cut and changed, weights that crash libhdf5. Each ends with one line that names what it is, the cache stays good,
# and nothing is written anywhere else. The corpora are those of the fuzzers.
ON=${TMPDIR:-/tmp}
. tests/runner/project.sh
project=$here/outer/project outer=$here/outer corpus=$PWD/tests/fuzz/corpus stages=$BUILD/stages
mkdir -p "$project/good/a" "$project/good/b"
cp "$corpus"/picture/accepted/*.jpg "$project/good/a"
cp "$corpus"/picture/accepted/*.png "$project/good/b"
# A sanitizer's search for leaks traces, which is refused.
stage() { printf "  %s: {cmd: [sh, -c, 'ASAN_OPTIONS=detect_leaks=0 exec \"\$0\"', $stages/%s], %s}\n" "$1" "$2" "$3" >> "$project/pipeline.yaml"; }
import() { stage "$1" import "deps: {pictures: $2}, params: {image_size: 8${3:-}}, outs: {dataset: dataset}"; } # import NAME PICTURES [, PARAMETERS]
fetch() { # fetch NAME FILE dataset|weights: the file is a dep, which a confined stage may read
    pin="{url: \"file:$2\", sha256: $(sha256sum < "$project/$2" | cut -c1-64)}"
    stage "$1" download "network: true, deps: {file: $2}, params: {$3: $pin}, outs: {$3: $3}"
}
begin() { rm -rf "$project/pipeline.yaml" "$project/cache" "$project/artifacts" "$project/pipeline.lock"; echo 'stages:' > "$project/pipeline.yaml"; import before good; }
# Names, sizes, times and bytes of what is nobody's but ours: all of it but what a run writes.
look() { find "$outer" \( -path "$project/cache" -o -path "$project/artifacts" -o -path "$project/reports" \) -prune -o -path "$project" -o ! -name pipeline.lock -printf '%P %s %T@\n' | sort; }

mode=require
begin
r run --sandbox=require
[ $status -eq 0 ] || mode=auto
[ $mode = require ] || echo "# --sandbox=auto: $(grep '^reprise: --sandbox' "$here/err")"
# refuse NAME: all stages but those of `begin` are refused with one line each, and the cache is good.
refuse() {
    look > "$here/before"
    r run -k -j2 --sandbox=$mode
    look > "$here/after"
    wrong=
    [ $status -eq 1 ] || wrong="$wrong the run ended with $status;"
    cmp "$here/before" "$here/after" || wrong="$wrong files were changed;"
    for name in $(sed -n 's/^  \([a-z_0-9]*\): {cmd.*/\1/p' "$project/pipeline.yaml" | grep -vx 'before\|splits'); do
        said=$(grep -c "^$name  *| " "$here/err")
        [ "$said" -eq 1 ] && grep -q "^$name  *| stage '$name': '.*" "$here/err" && grep -q "^$name  *failed: exit status 1\(\$\|; it read '.*cuda.so'\)" "$here/err" || wrong="$wrong $name: $(grep "^$name " "$here/err");"
        [ ! -e "$project/artifacts/$name" ] || wrong="$wrong $name has an artifact;"
    done
    ! grep "^[a-z_0-9]* *failed" "$here/err" | grep -q signal || wrong="$wrong a signal;"
    # What was good is good, and its neighbours have left nothing.
    [ -z "$(ls "$project/cache/work" 2> /dev/null)" ] || wrong="$wrong work is left;"
    sed -i '/^  \(before\|splits\): \|^[^ ]/!d' "$project/pipeline.yaml"
    r run --sandbox=$mode
    [ $status -eq 0 ] && grep -q '^0 executed, [12] cached' "$here/err" || wrong="$wrong what is good is not cached;"
    r verify
    [ $status -eq 0 ] || wrong="$wrong verify ended with $status;"
    [ -z "$wrong" ] || echo "#$wrong" | tr ';' '\n' | sed 's/^ */# /'
    [ -z "$wrong" ]
    ok $? "$1"
}
# corpus KIND FUNCTION [WHAT]: a stage for each file that the fuzzers know to be refused.
corpus() {
    begin
    i=0
    for file in "$corpus/$1"/refused/*; do
        i=$((i + 1)) base=$1-${file##*/}
        cp "$file" "$project/$base"
        "$2" "c$i" "$base" ${3:-}
    done
}
for kind in keras_h5 keras_archive safetensors; do
    corpus $kind fetch weights
    refuse "weights_that_were_made_to_do_harm_are_refused ($kind)"
done
# As a person's own stage might hand them over, to one that trains.
train() { stage "$1" phase1 "deps: {dataset: before.dataset, splits: splits.splits, weights: $2}, params: {model: {architecture: resnet8, image_size: 8, preprocess: unit}, phase: {epochs: 1, learning_rate: 1.0e-3}, train: {batch: 4}}, outs: {model: m.safetensors, history: h.json, history_csv: h.csv, preflight: p.json}"; }
corpus safetensors train
stage splits split 'deps: {dataset: before.dataset}, params: {test_size: 0.5}, outs: {splits: splits}'
r run --sandbox=$mode before splits
refuse weights_that_were_made_to_do_harm_are_refused_where_they_are_trained_on
corpus cifar10 fetch dataset
refuse data_sets_that_were_made_to_do_harm_are_refused
for kind in picture_archive npz; do
    corpus $kind import
    refuse "archives_that_were_made_to_do_harm_are_refused ($kind)"
done
begin
for file in "$corpus"/picture/refused/*.[jp]*g; do
    base=${file##*/}
    cp -r "$project/good" "$project/with-$base"
    cp "$file" "$project/with-$base/a"
    import "p_$(echo "$base" | tr . _)" "with-$base"
done
refuse pictures_that_are_cut_or_changed_are_refused

# ---- archives that tar makes ----
begin
parts=$here/parts
mkdir -p "$parts/a" "$parts/b"
cp "$corpus"/picture/accepted/grey.jpg "$parts/a"
cp "$corpus"/picture/accepted/rgba.png "$parts/b"
echo secret > "$outer/secret"
ln -s "$outer/secret" "$parts/a/x.png"
tar -C "$parts" -cf "$project/link.tar" a b && import link link.tar
rm "$parts/a/x.png" && ln "$parts/a/grey.jpg" "$parts/a/y.jpg"
tar -C "$parts" -cf "$project/hard.tar" a b && import hard hard.tar
rm "$parts/a/y.jpg" && mkfifo "$parts/a/x.png"
tar -C "$parts" -cf "$project/fifo.tar" a b && import fifo fifo.tar
rm "$parts/a/x.png" && cp "$corpus"/picture/accepted/rgba.png "$parts/a/x.png"
tar -C "$parts" --transform 's|a/x.png|../../../escaped.png|' -P -cf "$project/climbs.tar" a b && import climbs climbs.tar
tar -C "$parts" --transform "s|a/x.png|$outer/escaped.png|" -P -cf "$project/absolute.tar" a b && import absolute absolute.tar
truncate -s 300M "$parts/a/x.png"
tar -C "$parts" -czf "$project/bomb.tar.gz" a b && import bomb bomb.tar.gz
rm "$parts/a/x.png"
tar -C "$parts" -cf - a b | head -c 3000 > "$project/short.tar" && import short short.tar
refuse archives_with_links_bombs_and_names_that_climb_are_refused
[ -z "$(find "$here" -name 'escaped*')" ]
ok $? nothing_came_out_of_an_archive

# ---- pictures with changed bytes, from a fixed seed ----
begin
cp -r "$project/good" "$project/mutated"
perl -e '
    my $seed = 7;
    sub draw { $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) % $_[0] }
    for my $file (@ARGV) {
        open my $in, "<:raw", $file or die; local $/; my $good = <$in>;
        for my $round (1 .. 12) {
            my $bytes = $good;
            substr($bytes, draw(length $bytes), 1) = chr draw(256) for 0 .. draw(8);
            $bytes = substr($bytes, 0, draw(length $bytes)) if $round % 4 == 0;
            (my $name = $file) =~ s/(\.\w+)$/-$round$1/;
            open my $out, ">:raw", $name or die; print $out $bytes;
        }
    }' "$project"/mutated/*/*
changed=$(($(find "$project/mutated" -type f | wc -l) - $(find "$project/good" -type f | wc -l)))
import mutated mutated ', skip_broken: true'
look > "$here/before"
r run --sandbox=$mode
look > "$here/after"
[ $status -eq 0 ] && [ "$changed" -ge 150 ] && grep -q '^mutated *[1-9][0-9]* pictures cannot be read and are left out' "$here/err" && cmp "$here/before" "$here/after" && r verify && [ $status -eq 0 ]
ok $? pictures_with_changed_bytes_are_read_or_left_out
finish
