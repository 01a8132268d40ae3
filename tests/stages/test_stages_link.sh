#!/bin/sh
# What trains and evaluates draws nothing: a new font, cairo or libpng is no reason to train again.
. tests/runner/project.sh

drawing='libcairo|libpng|libfreetype|libpixman|libfontconfig'
needs() { ldd "$BUILD/stages/$1" 2> /dev/null | awk '{ print $1 }'; }

for stage in pretrain phase1 phase2 evaluate; do
    needs $stage > "$here/needs"
    grep -q 'libc\.so' "$here/needs" && ! grep -E "$drawing" "$here/needs"
    ok $? "${stage}_links_no_drawing"
    "$BUILD/stages/$stage" --fingerprint cpu > "$here/out" && [ -s "$here/out" ] && ! grep -iE "$drawing|cairo|freetype|font" "$here/out"
    ok $? "${stage}_has_no_font_in_its_fingerprint"
done
for stage in curves explore gradcam; do
    needs $stage | grep -q libcairo && "$BUILD/stages/$stage" --fingerprint cpu > "$here/out" && grep -q '^cairo [0-9.]*$' "$here/out" &&
        grep -q '^freetype [0-9.]*$' "$here/out" && grep -qE '^font\.[A-Za-z-]+ [0-9a-f]{64}$' "$here/out" &&
        grep -q '^uses /.*DejaVuSans\.ttf$' "$here/out" && grep -q '^uses /.*libcairo\.so' "$here/out"
    ok $? "${stage}_names_libraries_and_fonts_in_its_fingerprint"
done
needs curves | grep -E 'libdnnl|libgomp'
[ $? -eq 1 ]
ok $? curves_links_no_network
finish
