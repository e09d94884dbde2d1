/*
 * The k best hits in a binary max-heap: the root is the worst of the best, the one to beat. A
 * distance that is not a number never enters: it has no place in any order.
 */
#include "base/topk.h"

#include <math.h>

void topk_init(struct topk *top, struct hit *room, size_t k)
{
    *top = (struct topk){.hits = room, .k = k};
}

static void sift_up(struct hit *heap, size_t i, struct hit hit)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!hit_less(heap[parent], hit)) break;
        heap[i] = heap[parent];
        i = parent;
    }
    heap[i] = hit;
}

/* Puts hit into the hole at the root of heap[0, count). */
static void sift_down(struct hit *heap, size_t count, struct hit hit)
{
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= count) break;
        if (child + 1 < count && hit_less(heap[child], heap[child + 1])) child++;
        if (!hit_less(hit, heap[child])) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = hit;
}

void topk_push(struct topk *top, struct hit hit)
{
    if (isnan(hit.distance)) return;
    if (top->count < top->k) {
        sift_up(top->hits, top->count++, hit);
    } else if (top->k > 0 && hit_less(hit, top->hits[0])) {
        sift_down(top->hits, top->count, hit);
    }
}

void topk_sort(struct topk *top)
{
    for (size_t end = top->count; end > 1; end--) {
        struct hit worst = top->hits[0];
        sift_down(top->hits, end - 1, top->hits[end - 1]);
        top->hits[end - 1] = worst;
    }
}

float topk_bound(const struct topk *top)
{
    if (top->count < top->k) return INFINITY;
    return top->k > 0 ? top->hits[0].distance : -INFINITY;
}
