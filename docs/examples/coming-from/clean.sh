tr -cs '[:alpha:]' '\n' < "$1" | tr '[:upper:]' '[:lower:]' > "$2"
