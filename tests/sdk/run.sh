#!/bin/sh
# End-to-end runs with the clients that people use: run.sh node|python KITH BUILD-DIR
# The client's packages are installed once, below the build directory. Where they cannot be had
# (no node, no pip, no registry), it says so in one line and ends with 77: skipped.
set -u
language=$1 kith=$2 build=$3
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
home=$build/sdk-$language
skip() { echo "skipped: $1"; exit 77; }
mkdir -p "$home"

case $language in
node)
  command -v node >/dev/null 2>&1 || skip "no node"
  command -v npm >/dev/null 2>&1 || skip "no npm"
  if ! cmp -s "$here/node/package.json" "$home/installed.json"; then
    cp "$here/node/package.json" "$home/package.json"
    (cd "$home" && timeout 120 npm install --no-audit --no-fund --no-package-lock --silent) \
      >"$home/install.log" 2>&1 || skip "the Node SDK could not be installed"
    cp "$here/node/package.json" "$home/installed.json"
  fi
  cp "$here/../../examples/milvus/quickstart.mjs" "$home/"
  exec node "$here/node/run.mjs" "$kith" "$home"
  ;;
python)
  command -v python3 >/dev/null 2>&1 || skip "no python3"
  if ! cmp -s "$here/python/requirements.txt" "$home/installed.txt"; then
    python3 -m venv "$home/venv" >"$home/install.log" 2>&1 || skip "no python venv"
    timeout 150 "$home/venv/bin/pip" install -q -r "$here/python/requirements.txt" \
      >>"$home/install.log" 2>&1 || skip "pymilvus could not be installed"
    cp "$here/python/requirements.txt" "$home/installed.txt"
  fi
  exec "$home/venv/bin/python" "$here/python/run.py" "$kith"
  ;;
*) echo "usage: run.sh node|python KITH BUILD-DIR" >&2; exit 2 ;;
esac
