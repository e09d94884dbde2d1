#!/bin/bash
# Builds the distance kernels and their tests for aarch64 and runs them under an emulator.
#
#   scripts/test-neon.sh
#
# Needs a cross compiler (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross) and qemu-user.
# Without them it says so and exits with 77, which ctest shows as skipped.
set -eu

cd "$(dirname "$0")/.."
cc=${CROSS_CC:-aarch64-linux-gnu-gcc}
run=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if ! command -v "$cc" >/dev/null || [ -z "$run" ]; then
    echo "skipped: no $cc or no qemu-aarch64 (apt-get install gcc-aarch64-linux-gnu qemu-user)"
    exit 77
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags=(-std=gnu17 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wvla -Wundef
    -Werror -fno-math-errno -ffp-contract=off -D_GNU_SOURCE -Isrc -Iinclude -Itests/cross)
for source in src/kernel/*.c; do
    "$cc" "${flags[@]}" -c -o "$out/$(basename "$source" .c).o" "$source"
done
for test in tests/kernel/test_*.c; do
    "$cc" "${flags[@]}" -static -o "$out/test" "$test" "$out"/*.o -lm
    "$run" "$out/test"
done
echo "kernel tests passed on aarch64"
