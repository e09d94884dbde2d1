#!/bin/bash
# Compares our messages of the Milvus protocol with the descriptor in an SDK's package.
#
#   scripts/test-descriptor.sh <build folder>
#
# The package is installed below the build folder, once. Without node, npm or a registry that answers
# it says so and exits with 77, which ctest shows as skipped.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
modules=$1/sdk-descriptor
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "skipped: no node or no npm"
    exit 77
fi
if [ ! -d "$modules/node_modules/@zilliz" ]; then
    mkdir -p "$modules"
    if ! timeout 120 npm install --prefix "$modules" --no-audit --no-fund --ignore-scripts \
        @zilliz/milvus2-sdk-node@3 protobufjs >"$modules/npm.log" 2>&1; then
        echo "skipped: the package registry does not answer (see $modules/npm.log)"
        exit 77
    fi
fi
exec node "$root/tests/milvus/check_descriptor.js" "$modules" "$root/src/proto/milvus" \
    "$root/src/milvus/milvus_rpc.c"
