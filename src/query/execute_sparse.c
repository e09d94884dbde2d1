/*
 * Sparse vectors, row by row over the allowed ones of a unit.
 */
#include "base/endian.h"
#include "query/execute_internal.h"

/* -<query, row> of two ascending (index, value) lists. */
static float sparse_distance(const uint8_t *a, size_t a_len, struct kith_str b)
{
    const uint8_t *y = (const uint8_t *)b.data;
    size_t i = 0, j = 0;
    double sum = 0;
    while (i + 8 <= a_len && j + 8 <= b.len) {
        uint32_t ai = le32_get(a + i), bj = le32_get(y + j);
        if (ai == bj) sum += (double)lef32_get(a + i + 4) * (double)lef32_get(y + j + 4);
        if (ai <= bj) i += 8;
        if (bj <= ai) j += 8;
    }
    return (float)-sum;
}

int pass_sparse(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    (void)err;
    const struct search_binding *binding = pass->binding;
    const struct bitset *allowed = &binding->allowed->sets[unit->segment];
    struct chunk_source source;
    segment_source(binding->rows->segments[unit->segment], allowed->bits, &source);
    float bound = pass_bound(pass);
    struct topk top;
    topk_init(&top, pass->hits, pass->k);
    struct chunk chunk = { 0 };
    size_t loaded = SIZE_MAX;
    for (size_t row = bitset_next(allowed, unit->first); row < unit->end;
         row = bitset_next(allowed, row + 1)) {
        if (row / source.chunk_rows != loaded) {
            loaded = row / source.chunk_rows;
            int rc = pass_poll(pass);
            if (rc == 0) rc = source.get(source.ctx, binding->search.field, loaded, &chunk);
            if (rc) return rc;
        }
        size_t at = row % source.chunk_rows;
        if (!chunk_valid(&chunk, at)) continue;
        float distance = sparse_distance(pass->query->data, pass->query->len,
                                         chunk_str(&chunk, at));
        pass->stats.exact_distances++;
        pass->stats.distances++;
        if (distance < bound) topk_push(&top, (struct hit){ distance, (uint32_t)row });
    }
    topk_sort(&top);
    return pass_add(pass, unit->segment, 0, pass->hits, top.count);
}
