#!/usr/bin/env python3
"""BM25 in plain Python, from the formulas, against what bench/text_bench.c found.

    text_bench data/glosses/glosses.jsonl short 2000 1 hits.txt
    tests/text/bm25_reference.py data/glosses/glosses.jsonl hits.txt

Nothing is shared with the C code: the tokenizer is a loop over characters (letters and numbers by
Unicode category, lower case a character), scores are sums of Python floats rounded to 32 bits once,
and the order is (score descending, row ascending). Every rank has to have the same row, and the
same score to the last bit.
"""
import json
import math
import struct
import sys
import unicodedata

K, K1, B = 10, 1.2, 0.75


def tokens(text):
    word = []
    for ch in text:
        if unicodedata.category(ch)[0] in "LN":
            lower = ch.lower()
            word.append(lower if len(lower) == 1 else ch)
        elif word:
            yield "".join(word)
            word = []
    if word:
        yield "".join(word)


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def read_index(path):
    postings, lengths = {}, []
    for row, line in enumerate(open(path, encoding="utf-8")):
        counts = {}
        for token in tokens(json.loads(line)["text"]):
            counts[token] = counts.get(token, 0) + 1
        lengths.append(sum(counts.values()))
        for token, count in counts.items():
            postings.setdefault(token, []).append((row, count))
    return postings, lengths, max(1.0, sum(lengths) / len(lengths))


def search(postings, lengths, average, text):
    total = len(lengths)
    scores = {}
    for token in tokens(text):  # a token twice counts twice
        rows = postings.get(token, [])
        idf = math.log(1.0 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
        for row, tf in rows:
            norm = K1 * (1.0 - B + B * lengths[row] / average)
            part = idf * tf * (K1 + 1.0) / (tf + norm)
            scores[row] = scores.get(row, 0.0) + part
    best = sorted(((f32(score), row) for row, score in scores.items()), key=lambda x: (-x[0], x[1]))
    return best[:K]


def read_hits(path):
    queries = []
    for line in open(path, encoding="utf-8"):
        if line.startswith("? "):
            queries.append((line[2:].rstrip("\n"), []))
        else:
            _, row, score = line.split()
            queries[-1][1].append((f32(float(score)), int(row)))
    return queries


def main():
    postings, lengths, average = read_index(sys.argv[1])
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else None
    wrong_order = wrong_score = hits = 0
    queries = read_hits(sys.argv[2])[:limit]
    for text, found in queries:
        expected = search(postings, lengths, average, text)
        hits += len(expected)
        if [row for _, row in found] != [row for _, row in expected]:
            wrong_order += 1
            print("order:", repr(text), found, expected, sep="\n  ")
        wrong_score += sum(a[0] != b[0] for a, b in zip(found, expected))
    print(f"{len(queries)} queries, {hits} hits: {wrong_order} in another order, "
          f"{wrong_score} other scores")
    return 1 if wrong_order or wrong_score else 0


if __name__ == "__main__":
    sys.exit(main())
