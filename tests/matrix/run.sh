#!/bin/sh
# The filter matrix as a test: run.sh RUNNER. Without python3 it is skipped (status 77).
if ! command -v python3 >/dev/null 2>&1; then
    echo "matrix.filter: skipped, there is no python3"
    exit 77
fi
exec python3 "$(dirname "$0")/run.py" "$@"
