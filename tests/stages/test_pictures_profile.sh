#!/bin/sh
# The profile of one's own pictures: what would run, without running it.
set -u
BUILD=${BUILD:-build}
[ "${BUILD#/}" = "$BUILD" ] && BUILD=$PWD/$BUILD
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
cp pipeline.yaml "$here"
ln -s "$BUILD" "$here/build"
mkdir -p "$here/own/cat" "$here/own/dog"
for i in 1 2 3; do echo x > "$here/own/cat/$i.png"; echo x > "$here/own/dog/$i.png"; done
said() { grep -qF -- "$1" "$here/said"; }

"$BUILD/reprise" -C "$here" run -n --profile pictures --set pictures=own > "$here/said" 2>&1 && said "import    would run" \
    && said "split     may run: after 'import'"
ok $? own_pictures_are_imported_and_split_from_there
"$BUILD/reprise" -C "$here" run -n > "$here/said" 2>&1 && ! said "import" && said "split     may run: after 'download'"
ok $? other_profiles_import_nothing
! "$BUILD/reprise" -C "$here" run -n --profile pictures > "$here/said" 2>&1 && said "dep 'pictures': there is no file 'pictures'"
ok $? pictures_that_are_not_there_are_named_before_work
! "$BUILD/reprise" -C "$here" run -n --profile pictures --set pictures=own --set import.fit=crap > "$here/said" 2>&1 && said "parameter 'fit' is 'crap', not one of squash, crop, pad"
ok $? a_wrong_parameter_is_refused_before_work
! "$BUILD/reprise" -C "$here" run --profile pictures --set pictures=own import > "$here/said" 2>&1 && said "cat/1.png"
ok $? a_broken_picture_is_named
finish
