#!/bin/sh
# The table of `make bench-train`, of a program in the place of the one that trains: a row has figures or is not there, and a row that
# failed fails the command.
. tests/tap.sh
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
tap_shows="$here/log"
mkdir -p "$here/tests/bench"
cat > "$here/tests/bench/train_cpu" << 'END'
#!/bin/sh
case "$*" in
about) echo a machine; exit ;;
*bf16*) echo "neither avx512_bf16 nor amx_bf16" >&2; exit 1 ;;
resnet50*) echo "it broke" >&2; exit 1 ;;
esac
echo ready 1
while read -r _; do echo 7; done
END
chmod +x "$here/tests/bench/train_cpu"
table() { BUILD=$here PYTHON=false ROUNDS=1 ROWS=$1 tests/bench/train.sh > "$here/log" 2>&1; } # table ROWS
table mobilenet-head && grep -q '^| mobilenet | head | f32 | 7 |' "$here/log" && ! grep -q '| bf16 |' "$here/log"
ok $? what_the_processor_cannot_do_is_left_out_of_the_table
! table "resnet50-head mobilenet-head" && grep -q 'it broke' "$here/log" && ! grep -q '^| resnet50' "$here/log" && grep -q '^| mobilenet' "$here/log"
ok $? a_row_that_failed_has_no_figures_and_fails_the_command
finish
