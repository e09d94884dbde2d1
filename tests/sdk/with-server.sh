#!/bin/sh
# Runs a program against a `kith serve` of its own: with-server.sh KITH FLAG... -- PROGRAM ARGUMENT...
# The address is the program's last argument; the exit status is the program's.
set -u
kith=$1
shift
root=$(mktemp -d) || exit 1
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; wait; rm -rf "$root"' EXIT
trap 'exit 1' INT TERM

flags=
while [ "$1" != -- ]; do
  flags="$flags $1"
  shift
done
shift
# shellcheck disable=SC2086 # flags are words
"$kith" serve --data "$root/data" --milvus-port auto --ops-port 0 --redis-port 0 --log-level error $flags \
  >"$root/said" &
server=$!
address=
for _ in $(seq 1200); do
  address=$(sed -nE 's/.*milvus ([^, ]+).*/\1/p' "$root/said")
  [ -z "$address" ] || break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.05
done
if [ -z "$address" ]; then
  echo "kith serve did not start"
  exit 1
fi
"$@" "$address"
