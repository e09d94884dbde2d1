/*
 * Neighbour selection: Algorithm 4 of Malkov and Yashunin 2016 (the relative neighbourhood rule).
 * A candidate is kept unless it is nearer to a kept one than to the node that asks; then the
 * nearest of the others fill up, so that dense regions keep their degree.
 *
 * How we differ: the rule is applied from the kept side. When a candidate is kept, one gather
 * computes its distances to all candidates still alive, and those it occludes are dropped. The
 * result is the same, but each kept candidate is prepared as a query once, and rows are computed
 * four at a time. Integer distances: ties are ties on every machine.
 */
#include <math.h>
#include <string.h>

#include "index/graph_build.h"

/* Codes of bits are the rows; what differs is the rounding of a quotient. */
#define JACCARD_ERROR 1e-7f

static struct walk_query query_of(const struct graph_build *b, struct build_worker *worker,
                                  uint32_t position)
{
    struct walk_query query = {.code = worker->beam.query};
    scalar_code_query(&b->quantizer, build_code(b, position), b->chunks * WALK_CHUNK,
                      worker->beam.query, &query.base);
    return query;
}

static void distances_to(const struct graph_build *b, struct build_worker *worker,
                         uint32_t position, size_t count)
{
    const struct walk_codes codes = {b->codes, b->chunks * WALK_CHUNK, b->chunks};
    const struct walk_query query = query_of(b, worker, position);
    b->kernel->distances(&codes, &query, worker->ids, count, worker->distances);
}

/* Drops from alive[0, count) what `kept` occludes; returns how many are left. */
static size_t drop_occluded(const struct graph_build *b, struct build_worker *worker, uint32_t kept,
                            uint32_t *alive, size_t count)
{
    for (size_t i = 0; i < count; i++) worker->ids[i] = key_node(worker->candidates[alive[i]]);
    distances_to(b, worker, kept, count);
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t candidate = alive[i];
        alive[left] = candidate;
        left += worker->distances[i] >= key_distance(worker->candidates[candidate]);
    }
    return left;
}

size_t build_select(const struct graph_build *b, struct build_worker *worker, size_t count,
                    struct build_choice choice, uint32_t *out)
{
    uint64_t *keys = worker->candidates;
    uint32_t *alive = worker->alive;
    for (size_t i = 0; i < count; i++) {
        keys[i] &= ~KEY_EXPANDED;
        alive[i] = (uint32_t)i;
    }
    size_t kept = 0;
    size_t left = count;
    while (left > 0 && kept < choice.max) {
        uint64_t *key = &keys[*alive++];
        out[kept++] = key_node(*key);
        *key |= KEY_EXPANDED; /* here: kept */
        left = drop_occluded(b, worker, key_node(*key), alive, left - 1);
    }
    for (size_t i = 0; i < count && kept < choice.fill; i++) {
        if (!(keys[i] & KEY_EXPANDED)) out[kept++] = key_node(keys[i]);
    }
    return kept;
}

/* Short lists: insertion sort would do; lists of hubs can be long, so a plain heap sort. */
static void sift_down(uint64_t *keys, size_t root, size_t count)
{
    const uint64_t key = keys[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && keys[child] < keys[child + 1]) child++;
        if (keys[child] <= key) break;
        keys[root] = keys[child];
        root = child;
    }
    keys[root] = key;
}

static void sort_keys(uint64_t *keys, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) sift_down(keys, i - 1, count);
    for (size_t end = count; end > 1; end--) {
        const uint64_t most = keys[0];
        keys[0] = keys[end - 1];
        keys[end - 1] = most;
        sift_down(keys, 0, end - 1);
    }
}

void build_shorten(const struct graph_build *b, struct build_worker *worker, uint32_t position,
                   size_t count, uint32_t max)
{
    distances_to(b, worker, position, count);
    for (size_t i = 0; i < count; i++) {
        worker->candidates[i] = key_make(worker->distances[i], worker->ids[i]);
    }
    sort_keys(worker->candidates, count);
    uint32_t *links = build_links(b, position);
    const struct build_choice choice = {max, max};
    const size_t kept = build_select(b, worker, count, choice, links);
    for (size_t i = kept; i < b->link_room; i++) links[i] = position;
    b->degree[position] = (uint16_t)kept;
}

void build_prune(const struct graph_build *b, struct build_worker *worker, uint32_t position,
                 uint32_t max)
{
    const size_t count = b->degree[position];
    if (count <= max) return;
    memcpy(worker->ids, build_links(b, position), count * sizeof *worker->ids);
    build_shorten(b, worker, position, count, max);
}

/* ---- how far navigation distances are from exact ones ---- */

static double exact_distance(const struct scalar_quantizer *quantizer, const float *a,
                             const float *b)
{
    double sum = 0.0;
    for (size_t j = 0; j < quantizer->dim; j++) {
        const double x = (double)a[j];
        const double y = (double)b[j];
        sum += quantizer->metric == KERNEL_DOT ? -x * y : (x - y) * (x - y);
    }
    return quantizer->metric == KERNEL_COSINE ? sum / 2.0 : sum;
}

float build_error(const struct graph_build *b, struct build_worker *worker, uint32_t samples)
{
    const struct vectors *v = b->vectors;
    if (v->type == KERNEL_BIT) return JACCARD_ERROR;
    const double factor = (double)scalar_factor(&b->quantizer);
    float *const row = worker->beam.row;
    double sum = 0.0;
    uint64_t pairs = 0;
    for (uint32_t s = 0; s < samples; s++) {
        const uint32_t position = (uint32_t)((uint64_t)s * b->header.nodes / samples);
        const size_t count = b->degree[position];
        memcpy(worker->ids, build_links(b, position), count * sizeof *worker->ids);
        distances_to(b, worker, position, count);
        scalar_read(&b->quantizer, v->rows.data + b->row_of[position] * v->stride_bytes, row);
        for (size_t i = 0; i < count; i++, pairs++) {
            const uint8_t *other = v->rows.data + b->row_of[worker->ids[i]] * v->stride_bytes;
            scalar_read(&b->quantizer, other, worker->other);
            const double exact = exact_distance(&b->quantizer, row, worker->other);
            const double off = (double)worker->distances[i] * factor - exact;
            sum += off * off;
        }
    }
    const double rms = pairs > 0 ? sqrt(sum / (double)pairs) : 0.0;
    return isfinite(rms) ? (float)rms : 0.0f;
}
