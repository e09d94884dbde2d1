#!/bin/bash
# Installs a build under a temporary prefix, then builds and runs examples/hello.c against it the way
# a user would: with pkg-config.
#
#   scripts/test-install.sh [build directory]
set -eu

cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cmake --install "$build" --prefix "$dir/prefix" >"$dir/install.log" || { cat "$dir/install.log"; exit 1; }
pc=$(find "$dir/prefix" -name kith.pc)
export PKG_CONFIG_PATH=${pc%/*}
cp examples/hello.c examples/Makefile "$dir"
make -C "$dir" --no-print-directory hello
library=$(dirname "$(find "$dir/prefix" -name 'libkith.so.0')")
cd "$dir"
LD_LIBRARY_PATH=$library ./hello >out.txt
cat out.txt
cat >want.txt <<'END'
2 dog at distance 0
1 cat at distance 1
1 cat at distance 1
3 wolf at distance 2
END
cat want.txt want.txt | diff - out.txt
"$dir/prefix/bin/kith" check hello.db
echo "installed, built and run"
