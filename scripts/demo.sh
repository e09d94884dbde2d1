#!/bin/bash
# A tour of the program on the sample that is in the tree: 20,000 English words with vectors.
#
#   scripts/demo.sh [path of kith]      (make demo)
set -eu

cd "$(dirname "$0")/.."
kith=$(realpath "${1:-build/kith}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

show() {
    echo
    echo "\$ kith $*"
    "$kith" "$@"
}

show import tests/data/words-sample.bin --db "$dir/db" --collection words --metric cosine
show collection list --db "$dir/db"
show search --db "$dir/db" --collection words --like-field word --like king --k 5
show search --db "$dir/db" --collection words --like-field word --like king --k 5 \
    --filter 'word like "q%"'
show query --db "$dir/db" --collection words --filter 'word like "king%"'
show check "$dir/db"
