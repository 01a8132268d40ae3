count=$(tr -s '[:space:]' '\n' < "$1" | awk -v least="$3" 'length($0) >= least' | wc -l)
echo "{\"words\": $((count))}" > "$2"
