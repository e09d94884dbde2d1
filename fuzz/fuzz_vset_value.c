/*
 * A vector set out of untrusted bytes (a snapshot, RESTORE). What is accepted is whole, is searched
 * and changed without harm, and is written again as bytes that are read as the same set.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cache/vectors.h"
#include "fuzz.h"

static struct heap heap;

static void *decode(const void *data, size_t len)
{
    struct cursor in;
    void *set = NULL;
    cursor_init(&in, data, len);
    const int rc = vset_ops.decode(&heap, NULL, &in, &set);
    MUST(rc == 0 || rc == KITH_ECORRUPT || rc == KITH_ENOMEM);
    return rc ? NULL : set;
}

static void search(struct vector_set *set)
{
    const uint32_t dim = vset_params(set)->dim;
    float *vector = mem_alloc_array(dim, sizeof *vector);
    struct vset_view *view = vset_pin(set);
    struct vset_hit *hits;
    size_t found;
    MUST(vector && view);
    for (uint32_t i = 0; i < dim; i++) vector[i] = (float)(i % 7) - 3;
    const struct vset_search one = {.vector = vector, .count = 3};
    MUST(vset_search(view, &one, &hits, &found) == 0);
    MUST(found == (vset_count(set) < 3 ? vset_count(set) : 3));
    for (size_t i = 0; i < found; i++) vset_read(set, vset_hit_element(view, &hits[i]), vector);
    mem_free(hits);
    vset_unpin(view);
    mem_free(vector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vector_set *set = decode(data, size);
    if (!set) return 0;
    MUST(vset_is_valid(set));
    search(set);
    struct buffer first, second;
    buffer_init(&first);
    buffer_init(&second);
    vset_ops.encode(set, &first);
    struct vector_set *again = decode(first.data, first.len);
    MUST(again);
    vset_ops.encode(again, &second);
    MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    struct rng rng;
    rng_init(&rng, 1);
    while (vset_count(set) > 0) vset_remove(set, vset_random(set, &rng));
    MUST(vset_is_valid(set));
    vset_free(set);
    vset_free(again);
    buffer_release(&first);
    buffer_release(&second);
    MUST(heap_used(&heap) == 0);
    return 0;
}
