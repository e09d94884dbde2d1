/*
 * What the walk's files share, compiled once per instruction set (the shifts become single
 * instructions there): the end of a distance, and walk_expand.
 *
 * Branch-free on "seen or not": in a walk that is a coin toss, and a wrong guess costs more than
 * the store it saves. Prefetching follows in a loop of its own, so that seen rows are not fetched.
 */
#ifndef KITH_KERNEL_WALK_EXPAND_H
#define KITH_KERNEL_WALK_EXPAND_H

#include "kernel/walk.h"

/* A distance from `both` and sizes = base + bias. Sizes come from a file: whatever they are, the
 * result is a number. */
static inline int32_t walk_finish(enum walk_form form, uint32_t sizes, uint32_t both)
{
    if (form != WALK_JACCARD) return (int32_t)(sizes - 2u * both);
    const uint32_t either = sizes - both;
    return either == 0 ? 0 : (int32_t)((((uint64_t)either - both) << 30) / either);
}

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

/*
 * Defines walk_kernels_<isa> over the including file's always-inline
 *   distances(form, codes, query, ids, count, out).
 */
#define WALK_DISTANCES(isa, name, FORM)                                                            \
    static void name##_##isa(const struct walk_codes *codes, const struct walk_query *query,       \
                             const uint32_t *ids, size_t count, int32_t *out)                      \
    {                                                                                              \
        distances(FORM, codes, query, ids, count, out);                                            \
    }
#define WALK_DEFINE(isa)                                                                           \
    WALK_DISTANCES(isa, bytes, WALK_BYTES)                                                         \
    WALK_DISTANCES(isa, hamming, WALK_HAMMING)                                                     \
    WALK_DISTANCES(isa, jaccard, WALK_JACCARD)                                                     \
    static int expand_##isa(const struct walk_codes *codes, const struct walk_links *links,        \
                            uint64_t *seen, uint32_t *out)                                         \
    {                                                                                              \
        return walk_expand(codes, links, seen, out);                                               \
    }                                                                                              \
    const struct walk_kernel walk_kernels_##isa[WALK_FORM_COUNT] = {                               \
        {bytes_##isa, expand_##isa}, {hamming_##isa, expand_##isa}, {jaccard_##isa, expand_##isa}};

#endif
