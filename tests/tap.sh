# What shell tests print: TAP, as tests/run reads it. Sourced from the repository's root, by a script that then says in
# $tap_shows which files are to be shown where a test fails.
number=0 failed=0

ok() { # ok STATUS NAME
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else
        echo "not ok $number - $2"
        failed=1
        for tap_file in $tap_shows; do
            [ -f "$tap_file" ] && tail -n 100 "$tap_file" | sed "s|^|# ${tap_file##*/}: |"
        done
    fi
}
skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; } # skip NAME REASON
finish() { echo "1..$number"; exit $failed; }
