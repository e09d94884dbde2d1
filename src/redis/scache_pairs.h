/*
 * Labelled pairs of prompts, and the threshold that they give: a pure function of a text.
 *
 * The text is JSON: one array of pairs, or pairs one behind the other (JSON lines). A pair:
 *
 *     {"same": true, "a": "reset my password", "b": "change my password", "distance": 0.07}
 *     {"same": false, "a": "...", "b": "...", "vector_a": [...], "vector_b": [...]}
 *
 * `same`: one answer may serve both. The distance is given, or computed from two vectors of one
 * length. `a` and `b` may be missing; with them the guard looks at the pair, and what it refuses is
 * no hit at any threshold.
 *
 * The threshold is the largest distance of a pair that should hit for which no more than `rate` of
 * the pairs that should not do: no more than was seen, so that it does not reach into the unknown.
 */
#ifndef KITH_REDIS_SCACHE_PAIRS_H
#define KITH_REDIS_SCACHE_PAIRS_H

#include <kith/types.h>

#include "base/error.h"

struct scache_pairs_found {
    double threshold;
    double false_hits; /* share of the pairs that should not hit and would */
    double hits;       /* share of those that should and would */
    size_t pairs;
};

/* KITH_EINVAL: err says which pair and why, or that no threshold keeps the rate; KITH_ENOMEM. */
KITH_NODISCARD int scache_pairs_read(struct kith_str text, double rate,
                                     struct scache_pairs_found *out, struct kith_error *err);

#endif
