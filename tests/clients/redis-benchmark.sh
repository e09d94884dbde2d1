#!/bin/sh
# redis-benchmark against a server of its own: redis-benchmark.sh KITH. No errors, and every request
# was carried out: the keys and the server's counters say so.
set -u
kith=$1
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/clients/with-redis.sh
. "$here/with-redis.sh"
count=4000
tests='set get incr lpush rpush lpop sadd hset zadd lrange mset'

calls() { cli info commandstats | sed -nE "s/^cmdstat_$1:calls=([0-9]+),.*/\1/p"; }

# The list holds what LPUSH and RPUSH added, less LPOP; LRANGE tests fill it with LPUSH again.
run() {
  depth=$1
  shift
  cli flushall >/dev/null
  cli config resetstat >/dev/null
  said=$(redis-benchmark -h 127.0.0.1 -p "$port" -n $count -c 8 -r 1000 -P "$depth" --csv \
    -t "$(echo "$tests" | tr ' ' ,)" "$@" 2>&1)
  is "-P $depth $*: exit status" $? 0
  is "-P $depth $*: errors" "$(printf '%s\n' "$said" | grep -ci 'error')" 0
  is "-P $depth $*: lines" "$(printf '%s\n' "$said" | grep -c '^"[A-Z].*","[0-9]')" 15
  for name in set get incr rpush lpop sadd hset zadd mset; do
    has "-P $depth $*: $name" "$(calls $name)" "^$count\$"
  done
  is "-P $depth $*: LRANGE" "$(calls lrange)" $((4 * count))
  is "-P $depth $*: no call failed" "$(cli info commandstats |
    grep -cE '(rejected|failed)_calls=[1-9]')" 0
  is "-P $depth $*: INCR counted" "$(cli --scan --pattern 'counter:*' | sed 's/^/GET /' | cli |
    awk '{ sum += $1 } END { print sum }')" $count
}

start --appendonly no
run 1
run 16
run 16 -3
stop
port=''
start --appendonly yes
run 16
held=$(cli llen mylist)
has "a list to be kept" "$held" '^[1-9]'
stop
start --appendonly yes
is "after a restart" "$(cli llen mylist)" "$held"
stop
summary redis-benchmark
