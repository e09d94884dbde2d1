#!/bin/bash
# Runs the tests of one build directory and ends with the plain line `N passed, N failed`. Before it
# stand the names of the tests that failed, each with the first lines of its output that say why.
#
#   tests/run.sh BUILD_DIR [ctest arguments, e.g. -R '^os\.']
#
# The exit status is 0 only when at least one test ran and none failed. Without arguments of its own
# the run must hold at least one test for every tests/*/test_*.c, so that a build that silently
# lost its tests (no cmocka) cannot pass. Other machines and jobs may want fewer at a time: JOBS=1.
set -u

cd "$(dirname "$0")/.." || exit 1
build=${1:?usage: tests/run.sh BUILD_DIR [ctest arguments]}
shift
report=$(mktemp) || exit 1
trap 'rm -f "$report"' EXIT

ctest --test-dir "$build" -j "${JOBS:-2}" --output-on-failure --no-tests=error "$@" </dev/null |
    tee "$report"
status=${PIPESTATUS[0]}

# "97% tests passed, 1 tests failed out of 33"
summary=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' "$report" | tail -n 1)
failed=$(sed -nE 's/.*, ([0-9]+) tests failed out of ([0-9]+).*/\1/p' <<<"$summary")
total=$(sed -nE 's/.*, ([0-9]+) tests failed out of ([0-9]+).*/\2/p' <<<"$summary")
failed=${failed:-0}
total=${total:-0}
passed=$((total - failed))

# A test's output follows its line in the report; of each, five lines are shown. One whose output
# says nothing that is known here is shown by its name alone.
awk '
    BEGIN { shown = 5 }
    /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
        shown = 5
        if (/ Passed +[0-9.]+ sec$|\*\*\*Skipped|\*\*\*Not Run \(Disabled\)/) next
        sub(/^.*Test +#[0-9]+: /, ""); gsub(/ \.\.+/, " "); sub(/\*+/, " "); gsub(/  +/, " ")
        print "failed: " $0
        shown = 0
        next
    }
    /^ +Start +[0-9]+: |listed below:$/ { next }
    shown < 5 && /[Ee]rror|ERROR|FAIL|[Ff]ail|SUMMARY|WARNING: Thr|[Aa]ssert|gave|want|[Ss]eed/ {
        print "    " substr($0, 1, 160)
        shown++
    }
' "$report"

if [ $# -eq 0 ]; then
    files=(tests/*/test_*.c)
    if [ "$total" -lt ${#files[@]} ]; then
        echo "run.sh: ${#files[@]} test files but only $total tests; is libcmocka-dev installed?"
        failed=$((failed + ${#files[@]} - total))
    fi
fi
if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$total" -eq 0 ]; }; then
    echo "run.sh: ctest gave status $status after $total tests"
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
