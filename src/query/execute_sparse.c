/*
 * Sparse vectors: by the inverted index of a sealed segment, else row by row over the allowed ones.
 *
 * Both compute the distance of a row by the same loop over its bytes, and both find only rows whose
 * inner product is above zero, so the answer does not depend on which way was gone. drop_ratio
 * leaves out the query's smallest weights before either.
 */
#include "base/alloc.h"
#include "base/endian.h"
#include "index/sparse_index.h"
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

struct sparse_unit { /* one unit of one pass */
    struct pass *pass;
    const struct search_unit *unit;
    const uint8_t *query;
    size_t query_len;
    struct chunk_source source;
    struct chunk chunk;
    size_t loaded; /* number of the chunk */
};

static int load_chunk(struct sparse_unit *u, size_t row)
{
    if (row / u->source.chunk_rows == u->loaded) return 0;
    int rc = pass_poll(u->pass);
    if (rc == 0)
        rc = u->source.get(u->source.ctx, u->pass->binding->search.field,
                           row / u->source.chunk_rows, &u->chunk);
    if (rc == 0) u->loaded = row / u->source.chunk_rows;
    return rc;
}

/* The distance of a row; 0 for a null. */
static int row_distance(void *ctx, uint32_t row, float *distance)
{
    struct sparse_unit *u = ctx;
    const int rc = load_chunk(u, row);
    if (rc) return rc;
    const size_t at = row % u->source.chunk_rows;
    *distance = 0;
    if (chunk_valid(&u->chunk, at))
        *distance = sparse_distance(u->query, u->query_len, chunk_str(&u->chunk, at));
    return 0;
}

/* Keeps the k nearest, and ties of the k-th. */
struct keeping {
    struct topk top;
    struct index_ties *ties;
};

static void keep(struct keeping *keeping, struct hit hit)
{
    struct index_ties *ties = keeping->ties;
    const bool full = keeping->top.count == keeping->top.k;
    if (full && hit.distance > topk_bound(&keeping->top)) return;
    const struct hit worst = keeping->top.hits[0];
    topk_push(&keeping->top, hit);
    if (!full) return;
    const float bound = topk_bound(&keeping->top);
    const struct hit out = hit_less(hit, worst) ? worst : hit;
    if (bound < worst.distance) ties->count = 0;
    if (out.distance > bound) return;
    if (ties->count == ties->room) ties->shrink(ties->ctx, ties->hits, &ties->count);
    if (ties->count < ties->room) ties->hits[ties->count++] = out;
}

static int scan_rows(struct sparse_unit *u, struct index_ties *ties, size_t *count)
{
    struct pass *pass = u->pass;
    const struct bitset *allowed = &pass->binding->allowed->sets[u->unit->segment];
    const float bound = pass_bound(pass);
    struct keeping keeping = { .ties = ties };
    topk_init(&keeping.top, pass->hits, pass->k);
    for (size_t row = bitset_next(allowed, u->unit->first); row < u->unit->end;
         row = bitset_next(allowed, row + 1)) {
        float distance;
        const int rc = row_distance(u, (uint32_t)row, &distance);
        if (rc) return rc;
        pass->stats.exact_distances++;
        pass->stats.distances++;
        if (distance < 0 && distance < bound)
            keep(&keeping, (struct hit){ distance, (uint32_t)row });
    }
    topk_sort(&keeping.top);
    *count = keeping.top.count;
    return 0;
}

static int walk_index(struct sparse_unit *u, const struct scalar_index *index,
                      struct index_ties *ties, size_t *count)
{
    struct pass *pass = u->pass;
    const struct bitset *set = &pass->binding->allowed->sets[u->unit->segment];
    const struct sparse_query query = { u->query, u->query_len / 8, row_distance, u };
    const struct walk_search search = { .first = u->unit->first,
                                        .end = u->unit->end,
                                        .k = pass->k,
                                        .bound = pass_bound(pass),
                                        .allowed = set->words ? set : NULL,
                                        .ties = ties,
                                        .poll = pass_poll,
                                        .poll_ctx = pass,
                                        .stats = &pass->stats };
    return sparse_index_search(index, &query, &search, pass->hits, count);
}

/* Damage in the index is told from damage in the rows by scanning them. */
static int search_rows(struct sparse_unit *u, struct index_ties *ties, size_t *count)
{
    const struct search_binding *binding = u->pass->binding;
    const struct segment *segment = binding->rows->segments[u->unit->segment];
    const struct scalar_index *index = NULL;
    if (!binding->search.exact)
        index = segment_scalar_index(segment, binding->search.field, "SPARSE_INVERTED_INDEX");
    if (index) {
        const int rc = walk_index(u, index, ties, count);
        if (rc != KITH_ECORRUPT) return rc;
        segment_mark_index(segment, index);
        ties->count = 0;
    }
    return scan_rows(u, ties, count);
}

int pass_sparse(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    (void)err;
    const struct search_binding *binding = pass->binding;
    struct segment *segment = binding->rows->segments[unit->segment];
    struct sparse_unit u = { .pass = pass, .unit = unit, .query = pass->query->data,
                             .query_len = pass->query->len & ~(size_t)7, .loaded = SIZE_MAX };
    uint8_t *fewer = NULL;
    if (binding->search.drop_ratio > 0 && u.query_len > 0) {
        fewer = mem_alloc(u.query_len);
        if (!fewer) return KITH_ENOMEM;
        const long left =
            sparse_query_drop(u.query, u.query_len / 8, binding->search.drop_ratio, fewer);
        u.query = fewer;
        u.query_len = left > 0 ? 8 * (size_t)left : 0;
        if (left < 0) {
            mem_free(fewer);
            return KITH_ENOMEM;
        }
    }
    segment_source(segment, binding->allowed->sets[unit->segment].bits, &u.source);
    struct pass_tied tied = { segment, 0, pass->k };
    struct index_ties ties = { pass->hits + pass->k, pass->ties_room, 0, pass_shrink_ties, &tied };
    size_t count = 0;
    int rc = search_rows(&u, &ties, &count);
    mem_free(fewer);
    if (rc == 0) rc = pass_add(pass, unit->segment, 0, pass->hits, count);
    if (rc == 0) rc = pass_add(pass, unit->segment, 0, ties.hits, ties.count);
    return rc;
}
