/*
 * The k best (distance, id) pairs seen so far, smaller is better, ties by smaller id. A binary
 * max-heap over caller-owned memory.
 */
#ifndef KITH_BASE_TOPK_H
#define KITH_BASE_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hit {
    float distance;
    uint32_t id;
};

struct topk {
    struct hit *hits; /* borrows: room for k */
    size_t k;
    size_t count;
};

static inline bool hit_less(struct hit a, struct hit b)
{
    return a.distance < b.distance || (a.distance == b.distance && a.id < b.id);
}

void topk_init(struct topk *top, struct hit *room, size_t k);
void topk_push(struct topk *top, struct hit hit); /* O(log k) when it enters */
void topk_sort(struct topk *top);                 /* ascending; the heap is gone afterwards */
/* The distance a candidate must not exceed to have a chance: +inf until k are held. */
float topk_bound(const struct topk *top);

#endif
