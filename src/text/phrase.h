/*
 * Phrases: whether the tokens of a phrase stand in a text in their order, and how far apart they
 * may be. The same rule for an index, which has the positions, and for a filter over a row.
 *
 * Positions p1, p2, ... of the tokens in the text ascend as their places q1, q2, ... in the phrase
 * do, and the sum over neighbours of |(p[i+1] - p[i]) - (q[i+1] - q[i])| is at most `slop`. Slop 0
 * is the phrase as it stands; slop 1 lets one other word stand in between.
 */
#ifndef KITH_TEXT_PHRASE_H
#define KITH_TEXT_PHRASE_H

#include <stdint.h>

#include "base/buffer.h"

struct phrase_list { /* of one token of the phrase */
    const uint32_t *positions; /* borrows: ascending, where the token stands in the text */
    size_t count;
    uint32_t place; /* its position in the phrase; places of a phrase do not descend */
};

/* 1 or 0; KITH_ENOMEM. scratch is reused from call to call. O(positions), times the distance of
 * places in phrases with dropped words. */
KITH_NODISCARD int phrase_matches(const struct phrase_list *lists, size_t count, uint32_t slop,
                                  struct buffer *scratch);

#endif
