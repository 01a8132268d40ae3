echo "{\"words\": $(awk -v least="$3" 'length($0) >= least' "$1" | wc -l)}" > "$2"
