/*
 * The search iterator: the rows of one query in order of distance, beyond any k.
 *
 * It holds a view, so that writes do not show, and for each segment a set of the rows that were
 * given. A refill asks for as many rows as were given and as many again, drops the given ones and
 * keeps the rest as a queue; so the depth at least doubles each time, and the work of all refills
 * together is a small multiple of the last one's. Beyond WALK_DEPTH, or a tenth of the rows, walks
 * lose to a scan: from there on the rows not yet given are scanned, again in growing portions.
 *
 * Order: within a scan exact, ties by key. A graph may miss a row and find it when it looks deeper;
 * it is given then, in its place in that refill, so that no row is lost: the end comes when every
 * allowed row was given once.
 */
#include "engine/iterator.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/search.h"

#define WALK_DEPTH 16384u
#define LEAST_REFILL 256u

struct search_iterator {
    struct kith_iterator base; /* first */
    struct kith_collection *collection; /* owns a reference */
    struct view view;          /* owns */
    struct search_call search; /* its query and names are copied into the plan's arena */
    struct vector_search asked; /* what the search is bound for */
    struct bitset *given;      /* in the arena; one a segment, made when a row of it is given */
    struct place *queue;       /* owns: to be given next, from `at` */
    size_t count, at;
    uint64_t handed;
    size_t batch_rows;
    bool scanning, drained;
    bool pending; /* found[0] holds a batch that was not handed over: its result failed */
};

static struct search_iterator *of(struct kith_iterator *iterator)
{
    return (struct search_iterator *)(void *)iterator;
}

static void iterator_free(struct search_iterator *iterator)
{
    for (size_t i = 0; iterator->given && i < iterator->view.version->count; i++)
        bitset_release(&iterator->given[i]);
    mem_free(iterator->queue);
    search_close(&iterator->search);
    view_drop(&iterator->view);
    mem_free(iterator);
}

static void close_search(struct kith_iterator *base)
{
    struct search_iterator *iterator = of(base);
    struct kith_collection *collection = iterator->collection;
    iterator_free(iterator);
    collection_unref(collection);
}

/* ------------------------------------------------------------------ refills */

static bool was_given(const struct search_iterator *iterator, const struct place *place)
{
    const struct bitset *given = &iterator->given[place->segment];
    return given->words && bitset_get(given, place->row);
}

static int mark_given(struct search_iterator *iterator, const struct place *place)
{
    struct bitset *given = &iterator->given[place->segment];
    const size_t bits = iterator->search.allowed.sets[place->segment].bits;
    if (!given->words && bitset_init(given, bits, false)) return KITH_ENOMEM;
    bitset_set(given, place->row);
    return 0;
}

/* From now on only rows not yet given are allowed, and every search is exact. */
static int begin_scanning(struct search_iterator *iterator, struct kith_error *err)
{
    struct search_call *search = &iterator->search;
    struct vector_search exact = iterator->asked;
    for (size_t i = 0; i < search->allowed.count; i++) {
        if (search->allowed.counts[i] == 0 || !iterator->given[i].words) continue;
        if (!allowed_rows(&search->allowed, i))
            return error_set(err, KITH_ENOMEM, "iterator: no memory");
        bitset_andnot(&search->allowed.sets[i], &iterator->given[i]);
        search->allowed.counts[i] = bitset_count(&search->allowed.sets[i]);
    }
    exact.exact = true;
    search_unbind(&search->binding);
    iterator->scanning = true;
    return search_bind(&search->binding, &search->plan.rows, &search->allowed, &exact, err);
}

static size_t portion(const struct search_iterator *iterator)
{
    size_t more = iterator->handed > LEAST_REFILL ? (size_t)iterator->handed : LEAST_REFILL;
    return more > 2 * iterator->batch_rows ? more : 2 * iterator->batch_rows;
}

static int look(struct search_iterator *iterator, size_t k, struct search_found *found,
                struct kith_error *err)
{
    struct search_call *search = &iterator->search;
    const struct search_query query = search_query_of(search, 0);
    struct search_threads threads = search_pool_take(iterator->collection->db);
    *found = (struct search_found){ .complete = true };
    int rc = execute_search(&search->binding, &query, k, threads, found, err);
    search_pool_return(iterator->collection->db, threads);
    search->complete &= found->complete;
    search->stats.nodes_visited += found->stats.nodes_visited;
    search->stats.distances += found->stats.distances;
    search->stats.exact_distances += found->stats.exact_distances;
    return rc;
}

static void take_queue(struct search_iterator *iterator, struct search_found *found)
{
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++)
        if (!was_given(iterator, &found->places[i])) found->places[kept++] = found->places[i];
    mem_free(iterator->queue);
    iterator->queue = found->places;
    iterator->count = kept;
    iterator->at = 0;
}

/* One refill; a walk that brings nothing new gives way to a scan. */
static int refill(struct search_iterator *iterator, struct kith_error *err)
{
    struct search_found found;
    const size_t more = portion(iterator), total = iterator->search.binding.total;
    int rc = 0;
    if (!iterator->scanning) {
        const size_t depth = (size_t)iterator->handed + more;
        if (depth <= WALK_DEPTH && depth <= total / 10) {
            rc = look(iterator, depth, &found, err);
            if (rc == 0) take_queue(iterator, &found);
            if (rc || iterator->count > 0) return rc;
        }
    }
    /* What was given must not come again: the allowed rows shrink with every portion. */
    rc = begin_scanning(iterator, err);
    if (rc == 0) rc = look(iterator, more, &found, err);
    if (rc) return rc;
    iterator->drained = found.count < more;
    take_queue(iterator, &found);
    return 0;
}

/* ------------------------------------------------------------------ batches */

/* Copies the next rows into found[0] of the call, from which the result is built. */
static int gather(struct search_iterator *iterator, struct kith_error *err)
{
    struct search_found *batch = &iterator->search.found[0];
    batch->count = 0;
    while (batch->count < iterator->batch_rows) {
        if (iterator->at == iterator->count) {
            if (iterator->drained) return 0;
            int rc = refill(iterator, err);
            if (rc) return batch->count ? 0 : rc; /* these first, the failure next time */
            if (iterator->count == 0) return 0;
        }
        const struct place *place = &iterator->queue[iterator->at];
        if (mark_given(iterator, place))
            return batch->count ? 0 : error_set(err, KITH_ENOMEM, "iterator: no memory");
        batch->places[batch->count++] = *place;
        iterator->at++;
        iterator->handed++;
    }
    return 0;
}

static int next_search(struct kith_iterator *base, const struct kith_call *call,
                       struct kith_result **out, struct kith_error *err)
{
    struct search_iterator *iterator = of(base);
    struct kith_collection *collection = iterator->collection;
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    request_init(&iterator->search.plan.request, collection->db->os, call);
    if (!iterator->pending) rc = gather(iterator, err);
    if (rc) return rc;
    iterator->pending = iterator->search.found[0].count > 0;
    if (!iterator->pending) {
        *out = NULL;
        return 0;
    }
    rc = search_result(&iterator->search, out, err);
    if (rc == 0) iterator->pending = false;
    return rc;
}

static const struct iterator_ops search_ops = { next_search, close_search };

/* ------------------------------------------------------------------ opening */

/* What the caller lent for the call only, copied into the arena of the plan. */
static int copy_options(struct search_iterator *iterator)
{
    struct search_call *search = &iterator->search;
    struct arena *arena = &search->plan.arena;
    const struct kith_output *given = &search->opts.output;
    const struct search_query query = search_query_of(search, 0);
    const char **names = arena_alloc_array(arena, given->count + 1, sizeof *names);
    uint8_t *data = arena_alloc_aligned(arena, query.len + 1, 64);
    struct kith_str *sparse = arena_alloc(arena, sizeof *sparse);
    if (!names || !data || !sparse) return KITH_ENOMEM;
    for (size_t i = 0; i < given->count; i++) {
        names[i] = arena_strndup(arena, given->fields[i], strlen(given->fields[i]));
        if (!names[i]) return KITH_ENOMEM;
    }
    if (query.len) memcpy(data, query.data, query.len);
    *sparse = (struct kith_str){ (const char *)data, query.len };
    const bool listed = search->schema_field->type == KITH_SPARSE_VECTOR;
    search->opts.queries = listed ? (const void *)sparse : data;
    search->queries = data;
    search->opts.output = (struct kith_output){ names, given->count };
    search->opts.filter = search->opts.filter_params = search->opts.field = NULL;
    search->opts.partitions = NULL;
    search->opts.partition_count = 0;
    return 0;
}

static int make_room(struct search_iterator *iterator)
{
    struct search_call *search = &iterator->search;
    const size_t segments = iterator->view.version->count;
    iterator->given = arena_zalloc(&search->plan.arena, (segments + 1) * sizeof *iterator->given);
    search->found = arena_zalloc(&search->plan.arena, sizeof *search->found);
    if (!iterator->given || !search->found) return KITH_ENOMEM;
    size_t most = search->binding.total < iterator->batch_rows ? search->binding.total
                                                                : iterator->batch_rows;
    search->found[0].places = mem_alloc_array(most + 1, sizeof *search->found[0].places);
    return search->found[0].places ? 0 : KITH_ENOMEM;
}

static int check(const struct kith_search_opts *opts, size_t batch_rows, struct kith_error *err)
{
    if (batch_rows == 0)
        return error_set(err, KITH_EINVAL, "an iterator's batch is at least 1 row");
    if (opts->query_count != 1)
        return error_set(err, KITH_EINVAL, "a search iterator has one query, not %zu",
                         opts->query_count);
    if (opts->group_by)
        return error_set(err, KITH_EINVAL, "Not allowed to do groupBy when doing iteration");
    return 0;
}

int kith_search_iterator_open(struct kith_collection *collection,
                              const struct kith_search_opts *given, size_t batch_rows,
                              struct kith_iterator **out, struct kith_error *err)
{
    struct kith_search_opts opts;
    search_options(given, &opts);
    opts.k = 1;
    opts.offset = 0;
    opts.explain = opts.measure = false;
    int rc = collection_usable(collection, err);
    if (rc == 0) rc = check(&opts, batch_rows, err);
    if (rc) return rc;
    struct search_iterator *iterator = mem_zalloc(sizeof *iterator);
    if (!iterator) return error_set(err, KITH_ENOMEM, "iterator: no memory");
    iterator->base.ops = &search_ops;
    iterator->collection = collection;
    iterator->batch_rows = batch_rows;
    view_take(collection, &iterator->view);
    rc = search_open(&iterator->search, collection, &iterator->view, &opts, NULL, err);
    if (rc == 0 && (copy_options(iterator) || make_room(iterator)))
        rc = error_set(err, KITH_ENOMEM, "iterator: no memory");
    if (rc) {
        iterator_free(iterator);
        return rc;
    }
    iterator->asked = iterator->search.binding.search;
    atomic_fetch_add_explicit(&collection->refs, 1, memory_order_relaxed);
    *out = &iterator->base;
    return 0;
}
