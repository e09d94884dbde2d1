"""The filter matrix: filters over rows, by evaluate.py and by Kith, must give the same rows.

    run.py RUNNER [work folder]

RUNNER (matrix_runner.c) loads the rows into a new database and compares, in every phase of the
data: growing, sealed, both, reopened, and with each kind of index. KITH_MATRIX_SEED repeats a run,
KITH_MATRIX_FILTERS and KITH_MATRIX_ROWS make a larger one.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import evaluate
import generate


def main():
    seed = int(os.environ.get("KITH_MATRIX_SEED", "20250607"))
    filter_count = int(os.environ.get("KITH_MATRIX_FILTERS", "5000"))
    row_count = int(os.environ.get("KITH_MATRIX_ROWS", "400"))
    features = os.environ.get("KITH_MATRIX_FEATURES", "time text geometry").split()
    print("seed %d: %d filters, %d rows" % (seed, filter_count, row_count), flush=True)
    generator = generate.Generator(random.Random(seed), features)
    rows = generator.rows(row_count)
    filters = generator.filters(filter_count)
    oracle = evaluate.Evaluator(generate.SCHEMA, rows)
    folder = tempfile.mkdtemp(prefix="kith-matrix-", dir=sys.argv[2] if len(sys.argv) > 2 else None)
    try:
        with open(os.path.join(folder, "rows.jsonl"), "w") as out:
            for row in rows:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        with open(os.path.join(folder, "filters.jsonl"), "w") as out:
            for text in filters:
                line = {"filter": text, "rows": oracle.filter(text)}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        return subprocess.run([sys.argv[1], folder]).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
