#!/bin/bash
# Installs the Debian packages that building and testing Kith need, and only those that are
# missing. With everything present it neither asks for rights nor touches the network.
set -u

packages=(make cmake ninja-build gcc libc6-dev pkg-config libxxhash-dev libcmocka-dev libhdf5-dev
          libutf8proc-dev libstemmer-dev libgeos-dev
          libuv1-dev libnghttp2-dev libssl-dev libyaml-dev zlib1g-dev
          libprotobuf-c-dev protobuf-c-compiler)
# Clients and a peer to compare with, never run as a service. Tests without them are skipped.
optional=(redis-tools redis-server)

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not a Debian system; install the equivalents of: ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done
failure=$((${#missing[@]} ? 1 : 0)) # the status when nothing can be installed
for package in "${optional[@]}"; do
    is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "setup: installing ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: neither root nor sudo; ask an administrator for:" >&2
        echo "  apt-get install ${missing[*]}" >&2
        exit $failure
    fi
    as_root=(sudo)
fi

# Packages with a service may start it when they are installed, unless a policy says no. A policy
# that is there already is left as it is.
policy=/usr/sbin/policy-rc.d
[ -e $policy ] && policy=
if [ -n "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
if ! { "${as_root[@]}" apt-get -q update &&
       "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
           apt-get -q install -y --no-install-recommends "${missing[@]}"; } </dev/null; then
    echo "setup: could not install; by hand: apt-get install ${missing[*]}" >&2
    exit $failure
fi
# Nor shall it start with the machine because of us.
if [[ " ${missing[*]} " = *" redis-server "* ]] && [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl disable --quiet redis-server
fi
exit 0
