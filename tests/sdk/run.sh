#!/bin/sh
# End-to-end runs with the clients that people use: run.sh LANGUAGE KITH BUILD-DIR
# with node, python, langchain, llamaindex, go or java.
# The client's packages are installed once, below the build directory. Where they cannot be had
# (no node, no pip, no registry), it says so in one line and ends with 77: skipped.
set -u
language=$1 kith=$2 build=$3
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
home=$build/sdk-$language
skip() { echo "skipped: $1"; exit 77; }
mkdir -p "$home" || exit 1
home=$(cd "$home" && pwd)

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
python | langchain | llamaindex)
  command -v python3 >/dev/null 2>&1 || skip "no python3"
  needs=$language.txt
  if ! cmp -s "$here/python/$needs" "$home/installed.txt"; then
    python3 -m venv "$home/venv" >"$home/install.log" 2>&1 || skip "no python venv"
    timeout 150 "$home/venv/bin/pip" install -q -r "$here/python/$needs" \
      >>"$home/install.log" 2>&1 || skip "the packages for $language could not be installed"
    cp "$here/python/$needs" "$home/installed.txt"
  fi
  case $language in
  python) exec "$home/venv/bin/python" "$here/python/run.py" "$kith" ;;
  *) exec "$home/venv/bin/python" "$here/python/frameworks.py" "$kith" "${language}_store.py" ;;
  esac
  ;;
go)
  command -v go >/dev/null 2>&1 || skip "no go"
  if ! cat "$here"/go/* | cmp -s - "$home/installed.txt"; then
    rm -f "$home/installed.txt"
    cp "$here"/go/* "$home/"
    # The SDK pulls in much: hundreds of packages are fetched and compiled the first time.
    (cd "$home" && GOPATH=$home/gopath GOCACHE=$home/cache GOFLAGS=-modcacherw GOTOOLCHAIN=local \
      timeout 100 go build -o rows .) >"$home/install.log" 2>&1
    case $? in
    0) ;;
    124) skip "the Go SDK is not compiled yet; the next run goes on" ;;
    *) grep -q '^\./' "$home/install.log" && { cat "$home/install.log"; exit 1; }
      skip "the Go SDK could not be had" ;;
    esac
    cat "$here"/go/* >"$home/installed.txt"
  fi
  exec "$here/with-server.sh" "$kith" --auth -- "$home/rows"
  ;;
java)
  command -v java >/dev/null 2>&1 || skip "no java"
  command -v mvn >/dev/null 2>&1 || skip "no mvn"
  if ! cmp -s "$here/java/pom.xml" "$home/installed.xml"; then
    cp "$here/java/pom.xml" "$home/"
    (cd "$home" && timeout 200 mvn -q -B "-Dmaven.repo.local=$home/repository" \
      dependency:build-classpath -Dmdep.outputFile=classpath) >"$home/install.log" 2>&1 ||
      skip "the Java SDK could not be had"
    cp "$here/java/pom.xml" "$home/installed.xml"
  fi
  exec "$here/with-server.sh" "$kith" --auth -- \
    java -cp "$(cat "$home/classpath")" "$here/java/Rows.java"
  ;;
*) echo "usage: run.sh node|python|langchain|llamaindex|go|java KITH BUILD-DIR" >&2; exit 2 ;;
esac
