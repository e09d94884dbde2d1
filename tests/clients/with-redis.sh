#!/bin/sh
# Sourced: a `kith redis-server` of the script's own. `kith` is the program.
#   start DIRECTIVE...   on $port, over $root/data; waits until it listens
#   stop                 ends it and fails unless it ended with 0
#   cli ARGUMENT...      redis-cli to it
#   is WHAT GOT WANTED   one check; at the end, `summary NAME` says how many and exits
root=$(mktemp -d) || exit 1
mkdir "$root/data"
server='' port='' passed=0 failed=0
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; wait; rm -rf "$root"' EXIT
trap 'exit 1' INT TERM

begin() {
  : >"$root/said"
  "$kith" redis-server --port "$port" --save "" --dir "$root/data" "$@" >"$root/said" 2>&1 &
  server=$!
  for _ in $(seq 1200); do
    grep -q 'Ready to accept connections' "$root/said" && return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  kill -9 "$server" 2>/dev/null
  wait "$server"
  server=
  return 1
}

# A port that nobody has is found by trying; a second start takes the first one's.
start() {
  [ -z "$port" ] || { begin "$@" && return 0; }
  for attempt in 1 2 3 4 5; do
    port=$((20000 + ($$ * 7 + attempt * 1013) % 12000))
    begin "$@" && return 0
  done
  echo "kith redis-server did not start:"
  cat "$root/said"
  exit 1
}

stop() {
  kill "$server"
  wait "$server"
  is "the server's exit status" $? 0
  server=
}

cli() { redis-cli -h 127.0.0.1 -p "$port" "$@"; }

is() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s: got\n%s\nwanted\n%s\n' "$1" "$2" "$3" | head -n 40
  fi
}

# has WHAT GOT PATTERN: an extended regular expression in one of the lines.
has() {
  if printf '%s\n' "$2" | grep -Eq -e "$3"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s: no %s in\n%s\n' "$1" "$3" "$2" | head -n 40
  fi
}

summary() {
  echo "$1: $passed checks passed, $failed failed"
  [ "$failed" -eq 0 ] || exit 1
  exit 0
}
