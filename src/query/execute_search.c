/*
 * One vector search over the segments of a view: see execute.h.
 *
 * Per segment the choice is: the index under the bitmap when there is one, else a scan of the
 * allowed rows, piece by piece. Sparse vectors are scanned row by row (an inverted index comes
 * later).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "query/execute.h"

struct walk { /* the state of one search */
    const struct view_rows *rows;
    const struct vector_search *search;
    size_t k;            /* of this pass; more than asked when a range has an inner radius */
    struct place *found; /* room for room */
    size_t count;
    size_t room;
    struct hit *hits; /* room for k, of one segment */
    struct index_stats stats;
    int poll_status;
};

static int walk_poll(void *ctx)
{
    struct walk *walk = ctx;
    if (!walk->rows->poll) return 0;
    walk->poll_status = walk->rows->poll(walk->rows->poll_ctx);
    return walk->poll_status;
}

static int walk_add(struct walk *walk, uint32_t segment, uint32_t first, size_t count)
{
    if (walk->count + count > walk->room) {
        size_t room = (walk->count + count) * 2;
        struct place *grown = mem_realloc(walk->found, room * sizeof *grown);
        if (!grown) return KITH_ENOMEM;
        walk->found = grown;
        walk->room = room;
    }
    for (size_t i = 0; i < count; i++)
        walk->found[walk->count++] = (struct place){
            .segment = segment, .row = first + walk->hits[i].id, .distance = walk->hits[i].distance
        };
    return 0;
}

static int compare_distance(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    if (x->segment != y->segment) return x->segment < y->segment ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Keeps the k nearest found so far, and with them every tie of the k-th: its order is by key. */
static float walk_bound(struct walk *walk)
{
    float outer = walk->search->has_range ? walk->search->range_outer : INFINITY;
    if (walk->count < walk->k) return outer;
    qsort(walk->found, walk->count, sizeof *walk->found, compare_distance);
    float kth = walk->found[walk->k - 1].distance;
    while (walk->count > walk->k && walk->found[walk->count - 1].distance > kth) walk->count--;
    return fminf(outer, nextafterf(kth, INFINITY));
}

/* Clears in `set` the rows whose vector is null. set covers rows first.. of the segment. */
static void drop_nulls(struct bitset *set, const uint64_t *valid)
{
    for (size_t w = 0; w < BITSET_WORDS(set->bits); w++) set->words[w] &= valid[w];
}

static struct index_search search_of(struct walk *walk, const struct bitset *allowed, size_t count)
{
    return (struct index_search){
        .query = walk->search->query,
        .k = walk->k,
        .ef = walk->search->ef,
        .allowed = allowed,
        .allowed_count = count,
        .bound = walk_bound(walk),
        .poll = walk_poll,
        .poll_ctx = walk,
        .stats = &walk->stats,
    };
}

static int scan_piece(struct walk *walk, uint32_t number, const struct vectors *vectors,
                      size_t first, const uint64_t *valid, const struct bitset *allowed,
                      struct kith_error *err)
{
    struct bitset piece, copy = { 0 };
    bitset_wrap(&piece, allowed->words + first / 64, vectors->count);
    if (bitset_init(&copy, vectors->count, false)) return KITH_ENOMEM;
    memcpy(copy.words, piece.words, BITSET_WORDS(vectors->count) * sizeof *copy.words);
    if (vectors->count % 64)
        copy.words[vectors->count / 64] &= (1ull << (vectors->count % 64)) - 1;
    if (valid) drop_nulls(&copy, valid);
    struct index_search search = search_of(walk, &copy, bitset_count(&copy));
    size_t count = 0;
    int rc = search.allowed_count ? index_scan(vectors, &search, walk->hits, &count, err) : 0;
    if (rc == 0) rc = walk_add(walk, number, (uint32_t)first, count);
    bitset_release(&copy);
    return rc;
}

static int scan_segment(struct walk *walk, uint32_t number, const struct bitset *allowed,
                        struct kith_error *err)
{
    const struct segment *segment = walk->rows->segments[number];
    for (size_t piece = 0;; piece++) {
        struct vectors vectors;
        size_t first;
        const uint64_t *valid = NULL;
        int rc = segment_vectors(segment, walk->search->field, allowed->bits, piece, &vectors,
                                 &first, &valid);
        if (rc == KITH_ENOTFOUND) return 0;
        if (rc == 0) rc = scan_piece(walk, number, &vectors, first, valid, allowed, err);
        if (rc) return rc;
    }
}

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

static int sparse_segment(struct walk *walk, uint32_t number, const struct bitset *allowed)
{
    struct chunk_source source;
    segment_source(walk->rows->segments[number], allowed->bits, &source);
    float bound = walk_bound(walk);
    struct topk top;
    topk_init(&top, walk->hits, walk->k);
    struct chunk chunk = { 0 };
    size_t loaded = SIZE_MAX;
    for (size_t row = bitset_next(allowed, 0); row < allowed->bits;
         row = bitset_next(allowed, row + 1)) {
        if (row / source.chunk_rows != loaded) {
            loaded = row / source.chunk_rows;
            int rc = walk_poll(walk);
            if (rc == 0) rc = source.get(source.ctx, walk->search->field, loaded, &chunk);
            if (rc) return rc;
        }
        size_t at = row % source.chunk_rows;
        if (!chunk_valid(&chunk, at)) continue;
        float distance =
            sparse_distance(walk->search->query, walk->search->query_len, chunk_str(&chunk, at));
        walk->stats.exact_distances++;
        if (distance < bound) topk_push(&top, (struct hit){ distance, (uint32_t)row });
    }
    topk_sort(&top);
    return walk_add(walk, number, 0, top.count);
}

static int search_segment(struct walk *walk, struct allowed *allowed, uint32_t number,
                          struct kith_error *err)
{
    const struct segment *segment = walk->rows->segments[number];
    if (allowed->counts[number] == 0) return 0;
    const bool sparse = walk->search->schema_field->type == KITH_SPARSE_VECTOR;
    const struct index *index =
        walk->search->exact || sparse ? NULL : segment_index(segment, walk->search->field);
    const struct bitset *set = &allowed->sets[number];
    if (!index && !(set = allowed_rows(allowed, number))) return KITH_ENOMEM;
    if (sparse) return sparse_segment(walk, number, set);
    if (!index) return scan_segment(walk, number, set, err);
    struct index_search search = search_of(walk, set->words ? set : NULL, allowed->counts[number]);
    size_t count = 0;
    int rc = index->ops->search(index, &search, walk->hits, &count, err);
    if (rc != KITH_ECORRUPT) return rc ? rc : walk_add(walk, number, 0, count);
    /* The index is derived data: its rows can still be scanned. */
    set = allowed_rows(allowed, number);
    return set ? scan_segment(walk, number, set, err) : KITH_ENOMEM;
}

/* Equal distances come out in key order; a key that cannot be read leaves the physical order. */
static int compare_key(const void *a, const void *b, void *ctx)
{
    const struct place *x = a, *y = b;
    const struct view_rows *rows = ctx;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    struct key p, q;
    if (segment_key(rows->segments[x->segment], x->row, &p) ||
        segment_key(rows->segments[y->segment], y->row, &q))
        return compare_distance(a, b);
    int order = key_compare(p, q);
    return order ? order : compare_distance(a, b);
}

static void order_ties(struct walk *walk)
{
    struct view_rows rows = *walk->rows;
    if (walk->count) qsort_r(walk->found, walk->count, sizeof *walk->found, compare_key, &rows);
}

static int run_segments(struct walk *walk, struct allowed *allowed, bool *complete,
                        struct kith_error *err)
{
    size_t n = walk->rows->count;
    uint64_t done = 0; /* LIMIT_SEGMENTS fits; more are taken in order */
    for (size_t step = 0; step < n; step++) {
        size_t pick = step;
        if (n <= 64) {
            pick = SIZE_MAX;
            for (size_t i = 0; i < n; i++)
                if (!((done >> i) & 1) &&
                    (pick == SIZE_MAX || allowed->counts[i] > allowed->counts[pick]))
                    pick = i;
            done |= 1ull << pick;
        }
        int rc = search_segment(walk, allowed, (uint32_t)pick, err);
        if (walk->poll_status)
            return error_set(err, walk->poll_status, "search stopped: %s",
                             error_name(walk->poll_status));
        if (rc == KITH_ECORRUPT) {
            segment_set_damaged(walk->rows->segments[pick]);
            *complete = false;
        } else if (rc) {
            return rc == KITH_ENOMEM ? error_set(err, rc, "search: no memory") : rc;
        }
    }
    return 0;
}

/* One pass over all segments for the k nearest. */
static int run(struct walk *walk, struct allowed *allowed, size_t k, bool *complete,
               struct kith_error *err)
{
    walk->k = k;
    walk->count = 0;
    mem_free(walk->hits);
    walk->hits = mem_alloc_array(k, sizeof *walk->hits);
    int rc = walk->hits ? run_segments(walk, allowed, complete, err)
                        : error_set(err, KITH_ENOMEM, "search: no memory for %zu hits", k);
    if (rc == 0) order_ties(walk);
    if (walk->count > k) walk->count = k;
    return rc;
}

static size_t drop_inner(struct walk *walk, float inner)
{
    size_t kept = 0;
    for (size_t i = 0; i < walk->count; i++)
        if (walk->found[i].distance >= inner) walk->found[kept++] = walk->found[i];
    return kept;
}

int execute_search(const struct view_rows *rows, struct allowed *allowed,
                   const struct vector_search *search, struct arena *arena, struct place **places,
                   size_t *count, struct kith_search_stats *stats, bool *complete,
                   struct kith_error *err)
{
    struct walk walk = { .rows = rows, .search = search };
    size_t total = 0;
    for (size_t i = 0; i < allowed->count; i++) total += allowed->counts[i];
    size_t k = search->k < total ? search->k : total;
    int rc = 0;
    size_t kept = 0;
    while (k > 0) {
        rc = run(&walk, allowed, k, complete, err);
        kept = walk.count;
        if (rc || !search->has_range) break;
        size_t seen = walk.count;
        kept = drop_inner(&walk, search->range_inner);
        /* Rows nearer than the inner radius took places: look deeper until k are left or all were
         * seen. */
        if (kept >= search->k || seen < k || k >= total) break;
        k = k * 4 < total ? k * 4 : total;
    }
    if (rc == 0) {
        *count = kept < search->k ? kept : search->k;
        *places = arena_alloc_array(arena, *count + 1, sizeof **places);
        if (!*places)
            rc = error_set(err, KITH_ENOMEM, "search: no memory");
        else if (*count)
            memcpy(*places, walk.found, *count * sizeof **places);
    }
    stats->nodes_visited += walk.stats.nodes_visited;
    stats->distances += walk.stats.distances;
    stats->exact_distances += walk.stats.exact_distances;
    mem_free(walk.found);
    mem_free(walk.hits);
    return rc;
}
