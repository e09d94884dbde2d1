#!/bin/sh
# redis-cli against a server of its own: redis-cli.sh KITH. Each of its modes once, interactive use
# by a pipe, both protocols, a user with few rights, a restart with the log.
set -u
kith=$1
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/clients/with-redis.sh
. "$here/with-redis.sh"

pipe() {
  # 2,000 commands, some of them refused.
  seq 1000 | awk '{ k = "bulk:" $1; v = "v" $1
    printf "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", length(k), k, length(v), v
    printf "*2\r\n$4\r\nINCR\r\n$%d\r\n%s\r\n", $1 % 10 ? 7 : length(k), $1 % 10 ? "counter" : k }' \
    >"$root/bulk"
  has "--pipe" "$(cli --pipe <"$root/bulk" 2>&1)" '^errors: 100, replies: 2000$'
  is "--pipe wrote" "$(cli get bulk:777)" v777
  is "--pipe counted" "$(cli get counter)" 900
}

values() {
  is "a pipe of commands" "$(printf 'set a 1\nincr a\nget a\nget none\nlpush l x y\nlrange l 0 -1\n' |
    cli)" "$(printf 'OK\n2\n2\n\n2\ny\nx')"
  is "as for a terminal" "$(printf 'get a\nget none\nlrange l 0 -1\nincr l\n' | cli --no-raw)" \
    "$(printf '"2"\n(nil)\n1) "y"\n2) "x"\n(error) WRONGTYPE %s' \
      'Operation against a key holding the wrong kind of value')"
  is "RESP3 map" "$(cli hset h f 1 g 2 >/dev/null; cli -3 --no-raw hgetall h)" \
    "$(printf '1# "f" => "1"\n2# "g" => "2"')"
  is "RESP3 double" "$(cli zadd z 1.5 m >/dev/null; cli -3 --no-raw zscore z m)" "(double) 1.5"
  is "RESP3 bool" "$(cli -3 --no-raw vadd v values 2 1 0 e)" "(true)"
  is "csv" "$(cli --csv mget a none counter)" '"2",NULL,"900"'
  is "json" "$(cli -3 --json hgetall h)" '{"f":"1","g":"2"}'
  is "another database" "$(cli -n 5 set only five; cli exists only; cli -n 5 get only)" \
    "$(printf 'OK\n0\nfive')"
  is "the last argument from standard input" "$(printf 'a\nb' | cli -x set x; cli strlen x)" \
    "$(printf 'OK\n3')"
  is "repeated" "$(cli -r 3 -i 0.01 incr repeated)" "$(printf '1\n2\n3')"
  is "MULTI in one connection" "$(printf 'multi\nset t 1\nincr t\nexec\n' | cli)" \
    "$(printf 'OK\nQUEUED\nQUEUED\nOK\n2')"
  has "help by COMMAND DOCS" "$(printf 'help set\n' | cli)" 'group:.* string'
  has "info" "$(cli info server)" '^redis_version:'
  cli get a none >"$root/refused" 2>&1
  is "an error's text" "$(cat "$root/refused")" \
    "$(printf "ERR wrong number of arguments for 'get' command\n")"
  cli -e get a none >"$root/refused" 2>&1
  is "-e: an error's exit status" $? 1
}

# heard FILE PATTERN: waits until a line of the file matches.
heard() {
  for _ in $(seq 1200); do
    grep -Eq -e "$2" "$1" && return 0
    sleep 0.05
  done
  return 1
}

# What would go on for ever ends when a line matches; then all of them are said.
# shortly PATTERN ARGUMENT...
shortly() {
  pattern=$1
  shift
  : >"$root/went_on"
  stdbuf -oL redis-cli -p "$port" "$@" >"$root/went_on" 2>&1 &
  goes_on=$!
  heard "$root/went_on" "$pattern"
  kill "$goes_on"
  wait "$goes_on" 2>/dev/null
  cat "$root/went_on"
}

modes() {
  is "--scan" "$(cli --scan --pattern 'bulk:*' | sort -u | wc -l)" 1000
  has "--bigkeys" "$(cli --bigkeys)" '^Biggest string found .* has [0-9]+ bytes'
  has "--bigkeys lists" "$(cli --bigkeys)" 'Biggest +list found .*"l".* has 2 items'
  has "--memkeys" "$(cli --memkeys)" 'Biggest string found .* has [0-9]+ bytes'
  has "--memkeys sampled all" "$(cli --memkeys)" "^Sampled $(cli dbsize) keys in the keyspace"
  stat="^$(($(cli dbsize) + 1)) +[0-9.]+[KMG] " # with that of another database
  has "--stat" "$(shortly "$stat" --stat -i 0.2)" "$stat"
  has "--latency" "$(cli --latency --raw -i 1 | head -n 1)" '^[0-9]+ [0-9]+ [0-9.]+ [1-9][0-9]*$'
  times='^[0-9]+ [0-9]+ [0-9.]+ '
  has "--latency-history" "$(shortly "$times" --latency-history -i 0.3 --raw)" "$times"
  cli config set maxmemory-policy allkeys-lfu >/dev/null
  has "--hotkeys" "$(cli --hotkeys)" '^Sampled [0-9]+ keys in the keyspace'
}

listening() {
  message='^"message","news","hello"$'
  watched='^[0-9.]+ \[0 127.0.0.1:[0-9]+\] "set" "watched" "by all"$'
  : >"$root/heard"
  : >"$root/monitored"
  stdbuf -oL redis-cli -p "$port" --csv subscribe news >"$root/heard" &
  hears=$!
  stdbuf -oL redis-cli -p "$port" monitor >"$root/monitored" &
  watches=$!
  for _ in $(seq 1200); do
    [ "$(cli publish news hello)" -ge 1 ] && break
    sleep 0.05
  done
  for _ in $(seq 1200); do
    [ "$(cli client list | grep -c 'cmd=monitor')" -ge 1 ] && break
    sleep 0.05
  done
  cli set watched "by all" >/dev/null
  heard "$root/heard" "$message"
  heard "$root/monitored" "$watched"
  kill "$hears" "$watches"
  wait "$hears" "$watches" 2>/dev/null
  has "subscribe" "$(cat "$root/heard")" "$message"
  has "monitor" "$(cat "$root/monitored")" "$watched"
}

users() {
  is "ACL SETUSER" "$(cli acl setuser reader on '>secret' '~bulk:*' +@read)" OK
  reader() { cli --no-auth-warning --user reader --pass secret "$@" 2>&1; }
  is "a key that is allowed" "$(reader get bulk:1)" v1
  is "a key that is not" "$(reader get a)" "NOPERM No permissions to access a key"
  is "a command that is not" "$(reader set bulk:1 x)" \
    "NOPERM User reader has no permissions to run the 'set' command"
  has "a wrong password" "$(cli --no-auth-warning --user reader --pass guess get bulk:1 2>&1)" \
    'WRONGPASS invalid username-password pair or user is disabled'
}

# An authority, a server and a client whom it knows, and a stranger.
certificates() {
  cd "$root" || return 1
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem &&
    for name in server client; do
      openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -addext subjectAltName=IP:127.0.0.1 \
        -keyout $name.key -out $name.csr &&
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
          -out $name.pem || return 1
    done
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger -keyout stranger.key \
    -out stranger.pem
}

sealed() { redis-cli -h 127.0.0.1 -p "$tls_port" --tls --cacert "$root/ca.pem" "$@" 2>&1; }

# The second door of a redis.conf: TLS beside clear text, clients with certificates.
tls() {
  command -v openssl >/dev/null || { echo "no openssl: TLS is left out"; return; }
  (certificates) >/dev/null 2>&1 || { is "certificates" failed made; return; }
  tls_port=$((port + 1))
  start --tls-port "$tls_port" --tls-cert-file "$root/server.pem" \
    --tls-key-file "$root/server.key" --tls-ca-cert-file "$root/ca.pem"
  has "the log says so" "$(cat "$root/said")" 'Ready to accept connections tls'
  is "clear text beside it" "$(cli set sealed 1)" OK
  is "with a certificate" "$(sealed --cert "$root/client.pem" --key "$root/client.key" get sealed)" 1
  is "without one" "$(sealed get sealed | grep -c '^1$')" 0
  is "with a stranger's" \
    "$(sealed --cert "$root/stranger.pem" --key "$root/stranger.key" get sealed | grep -c '^1$')" 0
  is "clear text to the TLS port" "$(timeout 2 redis-cli -p "$tls_port" ping 2>&1 | grep -c PONG)" 0
  stop
  port=''
  start --tls-port "$tls_port" --tls-cert-file "$root/server.pem" \
    --tls-key-file "$root/server.key" --tls-auth-clients no
  is "no certificates asked for" "$(sealed ping)" PONG
  stop
  has "a port without a certificate" \
    "$("$kith" redis-server --port 0 --tls-port "$tls_port" --dir "$root/data" 2>&1)" \
    'tls-port needs tls-cert-file and tls-key-file'
  has "clients without an authority" \
    "$("$kith" redis-server --port 0 --tls-port "$tls_port" --dir "$root/data" \
      --tls-cert-file "$root/server.pem" --tls-key-file "$root/server.key" 2>&1)" \
    'tls-auth-clients needs tls-ca-cert-file'
}

# Names of a redis.conf: those without an effect are told of, those nobody knows too.
directives() {
  printf 'appendfilename "x.aof"\nrepl-timeout 60\nloadmodule /m.so\nno-such-thing 1\n' \
    >"$root/some.conf"
  printf 'maxmemory 10mb\nhash-max-ziplist-value 32\nacl-pubsub-default allchannels\n' \
    >>"$root/some.conf"
  printf 'port %s\ndir %s\nuser al on nopass +ping\n' "$port" "$root/data" >>"$root/some.conf"
  : >"$root/said" # what the server before this one said is no sign of readiness
  "$kith" redis-server "$root/some.conf" >"$root/said" 2>&1 &
  server=$!
  for _ in $(seq 1200); do grep -q 'Ready to accept' "$root/said" && break; sleep 0.05; done
  has "what has no effect" "$(cat "$root/said")" \
    'ignored, without an effect here: appendfilename, repl-timeout, loadmodule$'
  has "what nobody knows" "$(cat "$root/said")" "the unknown directive 'no-such-thing' is ignored"
  is "what has one" "$(cli config get maxmemory; cli config get hash-max-listpack-value)" \
    "$(printf 'maxmemory\n10485760\nhash-max-listpack-value\n32')"
  has "channels of new users" "$(cli acl list)" '^user al on nopass sanitize-payload &\* -@all \+ping'
  stop
}

start --appendonly no
is "ping" "$(cli ping)" PONG
pipe
values
modes
listening
users
stop

port=''
start --appendonly yes
is "MULTI into the log" "$(printf 'multi\nset kept 1\nrpush kept:l a b\nexec\n' | cli | tail -n 1)" 2
cli vadd kept:v values 2 1 0 e >/dev/null
stop
start --appendonly yes
is "after a restart" "$(cli get kept; cli lrange kept:l 0 -1; cli vcard kept:v)" \
  "$(printf '1\na\nb\n1')"
is "shutdown" "$(cli shutdown)" ""
wait "$server"
is "its exit status" $? 0
server=
tls
directives
summary redis-cli
