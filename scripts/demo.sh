#!/bin/bash
# The main job on real input: word vectors are imported, indexed, searched with and without a filter,
# measured, and still there after the process is killed in the middle of a second import.
#
#   scripts/demo.sh [path of kith]      (make demo)
#
# The data are the 331,479 English words of `scripts/get-data.sh words`; where the registry cannot be
# reached, the sample of 20,000 in the tree (and it says so).
set -eu

cd "$(dirname "$0")/.."
kith=$(realpath "${1:-build/kith}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

say() { printf '\n== %s\n' "$*"; }
# The command as one would type it: arguments with a blank or a quote stand in single quotes.
show() {
    local word
    printf '\n$ kith'
    for word; do
        case $word in *[[:space:]\"]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$kith" "$@"
}
rows_of() { "$kith" query --db "$dir/db" --collection "$1" --count --json | tr -dc '0-9' || true; }

say "1. Real vectors"
if scripts/get-data.sh words; then
    base=data/words/base.fvecs
    queries=data/words/query.fvecs
    labels=(--labels data/words/base.txt)
else
    echo "The registry cannot be reached: the demo goes on with the sample of 20,000 words in the tree."
    base=tests/data/words-sample.bin
    queries=tests/data/words-sample.bin
    labels=()
fi

say "2. Import and index"
show import "$base" --db "$dir/db" --collection words --metric cosine "${labels[@]}" \
    --index hnsw,M=16,ef_construction=200
show collection describe words --db "$dir/db"

say "3. Neighbours of a word, and among words that begin with q"
for word in king guitar python; do
    show search --db "$dir/db" --collection words --like-field word --like "$word" --k 6
done
show search --db "$dir/db" --collection words --like-field word --like king --k 6 \
    --filter 'word like "q%"'

say "4. Recall and speed, one search thread, against exact neighbours"
show bench ann --base "$base" --query "$queries" --metric cosine \
    --index hnsw,M=16,ef_construction=200 --k 10 --sweep 16,48,96,192

say "5. SIGKILL in the middle of a second import"
echo '$ kith import ... --collection again --batch 500 --acknowledge &   then kill -9'
: >"$dir/acknowledged" # there before the importer is: the loop below reads it at once
"$kith" import "$base" --db "$dir/db" --collection again --metric cosine "${labels[@]}" \
    --batch 500 --index none --acknowledge >"$dir/acknowledged" 2>/dev/null &
importer=$!
while [ "$(wc -l <"$dir/acknowledged")" -lt 20 ] && kill -0 "$importer" 2>/dev/null; do sleep 0.02; done
kill -KILL "$importer" 2>/dev/null || true
wait "$importer" 2>/dev/null || true
promised=$(sed -n 's/^acknowledged //p' "$dir/acknowledged" | tail -n 1)
there=$(rows_of again)
echo "acknowledged before the kill: $promised rows; found after reopening: $there rows"
if [ -z "$promised" ] || [ -z "$there" ]; then
    echo "the import ended before it acknowledged anything"
    exit 1
fi
if [ "$there" -lt "$promised" ]; then
    echo "LOST $((promised - there)) rows"
    exit 1
fi
echo "Nothing that was acknowledged is lost."
show check "$dir/db"
