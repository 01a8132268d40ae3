#!/bin/sh
# "How to reproduce" of a report, followed in a clone where nothing was run, gives the metrics of the report by their digest.
. tests/stages/experiment.sh
make_experiment first
experiment run
[ $status -eq 0 ]
ok $? the_experiment_runs
sed -n '/^## How to reproduce/,/^|/s/^    //p' "$project/reports/report.md" > "$here/commands"
[ "$(wc -l < "$here/commands")" -eq 3 ] && grep -q 'train.steps_per_epoch=8' "$here/commands"
ok $? its_recipe_has_three_commands_and_names_what_was_set
# The page says the same commands.
sed -n 's/^<pre tabindex="0"># in a clone/# in a clone/; /^# in a clone/,/<\/pre>/p' "$project/reports/index.html" |
    sed "s/<\/pre>//; s/&#39;/'/g; s/&quot;/\"/g; s/&gt;/>/g; s/&lt;/</g; s/&amp;/\&/g" | grep -v '^#' | cmp -s - "$here/commands"
ok $? the_page_has_the_same_commands

make_experiment origin
# `make pipeline` as it is, without what installs and builds; the build is no part of what is cloned.
{ echo 'BUILD = build'; sed -n '/^pipeline:/p; /reprise run/p' Makefile; } > "$project/Makefile"
cp .gitignore "$project" && rm "$project/build"
if command -v git > /dev/null; then
    g() { git -C "$project" -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false "$@"; }
    g init -q && g add -A && g commit -q -m recipe && git clone -q "$project" "$here/clone"
else
    cp -r "$project" "$here/clone"
fi
project=$here/clone
ln -s "$BUILD" "$project/build"
(cd "$project" && MAKEFLAGS='' sh -e "$here/commands") > "$here/out" 2> "$here/err" && grep -q '^artifacts/evaluate/metrics.json: OK$' "$here/out"
ok $? the_recipe_gives_the_same_digest_in_a_clone
sed 's/^echo .\{8\}/echo '\''0000000/' "$here/commands" | tail -n 1 > "$here/wrong"
(cd "$project" && ! sh -e "$here/wrong") > "$here/out" 2> "$here/err"
ok $? its_check_tells_another_digest
finish
