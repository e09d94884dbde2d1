#!/bin/sh
# End-to-end runs of the Redis door with the clients that people use: run.sh CLIENT KITH BUILD-DIR
# with ioredis, node_redis, glide, redis_py, doors, redisvl, mem0, langchain, langchain_community,
# redis_cli or redis_benchmark.
# A client's packages are installed once, below the build directory. Where they cannot be had
# (no node, no pip, no registry), it says so in one line and ends with 77: skipped.
set -u
client=$1 kith=$2 build=$3
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
home=$build/clients-$client
skip() { echo "skipped: $1"; exit 77; }
needs() { command -v "$1" >/dev/null 2>&1 || skip "no $1"; }
mkdir -p "$home" || exit 1
home=$(cd "$home" && pwd)

case $client in
ioredis | node_redis | glide)
  needs node
  needs npm
  if ! cmp -s "$here/node/$client.json" "$home/installed.json"; then
    cp "$here/node/$client.json" "$home/package.json"
    (cd "$home" && timeout 120 npm install --cache "$home/cache" --no-audit --no-fund \
      --no-package-lock --silent) >"$home/install.log" 2>&1 || skip "$client could not be installed"
    cp "$here/node/$client.json" "$home/installed.json"
  fi
  exec node "$here/node/$client.mjs" "$kith" "$home"
  ;;
redis_py | doors | redisvl | mem0 | langchain | langchain_community)
  needs python3
  if ! cmp -s "$here/python/$client.txt" "$home/installed.txt"; then
    python3 -m venv "$home/venv" >"$home/install.log" 2>&1 || skip "no python venv"
    timeout 150 "$home/venv/bin/pip" --cache-dir "$home/cache" install -q \
      -r "$here/python/$client.txt" >>"$home/install.log" 2>&1 ||
      skip "$client could not be installed"
    cp "$here/python/$client.txt" "$home/installed.txt"
  fi
  # A file named as the package it imports would hide it.
  case $client in
  redisvl) client=redisvl_index ;;
  mem0) client=mem0_stores ;;
  langchain*) client=langchain_stores ;;
  esac
  export MEM0_TELEMETRY=False
  exec "$home/venv/bin/python" -B "$here/python/$client.py" "$kith"
  ;;
cache_http)
  needs python3
  exec python3 -B "$here/python/cache_http.py" "$kith"
  ;;
redis_cli)
  needs redis-cli
  exec "$here/redis-cli.sh" "$kith"
  ;;
redis_benchmark)
  needs redis-benchmark
  exec "$here/redis-benchmark.sh" "$kith"
  ;;
*) echo "usage: run.sh CLIENT KITH BUILD-DIR" >&2; exit 2 ;;
esac
