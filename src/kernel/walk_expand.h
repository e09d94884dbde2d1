/*
 * walk_expand, compiled once per instruction set (the shifts become single instructions there).
 * Branch-free on "seen or not": in a walk that is a coin toss, and a wrong guess costs more than
 * the store it saves. Prefetching follows in a loop of its own, so that seen rows are not fetched.
 */
#ifndef KITH_KERNEL_WALK_EXPAND_H
#define KITH_KERNEL_WALK_EXPAND_H

#include "kernel/walk.h"

static inline int walk_expand(const struct walk_codes *codes, const struct walk_links *links,
                              uint64_t *seen, uint32_t *out)
{
    const uint32_t count = links->count;
    const uint32_t self = links->self;
    int found = 0;
    for (uint32_t j = 0; j < links->capacity; j++) {
        const uint32_t id = links->ids[j];
        if (id == self) break;
        if (id >= count) return -1;
        const uint64_t word = seen[id >> 6];
        const uint64_t bit = UINT64_C(1) << (id & 63);
        out[found] = id;
        found += (word & bit) == 0;
        seen[id >> 6] = word | bit;
    }
    for (int i = 0; i < found; i++) {
        const uint8_t *code = codes->base + out[i] * codes->stride;
        for (size_t c = 0; c < codes->chunks; c++) __builtin_prefetch(code + c * WALK_CHUNK, 0, 3);
    }
    return found;
}

#endif
