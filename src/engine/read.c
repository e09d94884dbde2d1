/*
 * Reads by key and by filter: get, query, count.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/iterator.h"
#include "query/explain.h"
#include "query/plan_partitions.h"

void read_plan_release(struct read_plan *plan) { arena_release(&plan->arena); }

static int plan_partitions(struct read_plan *plan, struct kith_collection *collection,
                           const char *const *names, size_t count, struct kith_error *err)
{
    if (!count) return 0;
    uint32_t *ids = arena_alloc_array(&plan->arena, count, sizeof *ids);
    if (!ids) return error_set(err, KITH_ENOMEM, "planning a read: no memory");
    int rc = 0;
    os_mutex_lock(&collection->write_lock);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = collection_partition(collection, names[i], &ids[i], err);
    os_mutex_unlock(&collection->write_lock);
    plan->rows.partitions = ids;
    plan->rows.partition_count = count;
    return rc;
}

static int plan_filter(struct read_plan *plan, struct kith_collection *collection,
                       const struct view *view, const struct kith_query_opts *opts,
                       struct kith_error *err)
{
    if (!opts->filter || !*opts->filter) return 0;
    struct filter *compiled;
    int rc = filter_compile(opts->filter, opts->filter_params, view_schema(view), &plan->arena,
                            &compiled, err);
    if (rc) return rc;
    if (filter_is_sampled(compiled)) {
        uint64_t seed;
        os_random(collection->db->os, &seed, sizeof seed);
        filter_set_seed(compiled, seed);
    }
    plan->rows.filter = compiled;
    if (plan->rows.partitions) return 0;
    if (plan_partitions_of(compiled, view_schema(view), &plan->arena, &plan->rows.partitions,
                           &plan->rows.partition_count))
        return error_set(err, KITH_ENOMEM, "planning a read: no memory");
    return 0;
}

int read_plan_init(struct read_plan *plan, struct kith_collection *collection,
                   const struct view *view, const struct kith_query_opts *opts,
                   const struct kith_call *call, struct kith_error *err)
{
    memset(plan, 0, sizeof *plan);
    arena_init(&plan->arena);
    request_init(&plan->request, collection->db->os, call);
    plan->rows = (struct view_rows){ .segments = view->version->segments,
                                     .count = view->version->count,
                                     .ts = view->ts,
                                     .oldest_s = view->oldest_s,
                                     .poll = request_poll,
                                     .poll_ctx = &plan->request };
    int rc = plan_partitions(plan, collection, opts->partitions, opts->partition_count, err);
    if (rc == 0) rc = plan_filter(plan, collection, view, opts, err);
    if (rc) read_plan_release(plan);
    return rc;
}

/* The places of allowed rows, in order of insertion, after `offset` and up to `limit` (0: all). */
static int list_places(struct allowed *allowed, uint64_t offset, uint64_t limit,
                       struct arena *arena, struct place **out, size_t *count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < allowed->count; i++) total += allowed->counts[i];
    uint64_t left = total > offset ? total - offset : 0;
    if (limit && left > limit) left = limit;
    struct place *places = arena_alloc_array(arena, (size_t)left + 1, sizeof *places);
    if (!places) return KITH_ENOMEM;
    size_t n = 0;
    for (size_t s = 0; s < allowed->count && n < left; s++) {
        if (offset >= allowed->counts[s]) {
            offset -= allowed->counts[s];
            continue;
        }
        const struct bitset *set = allowed_rows(allowed, s);
        if (!set) return KITH_ENOMEM;
        for (size_t row = bitset_next(set, 0); row < set->bits && n < left;
             row = bitset_next(set, row + 1)) {
            if (offset) {
                offset--;
                continue;
            }
            places[n++] = (struct place){ (uint32_t)s, (uint32_t)row, 0 };
        }
    }
    *out = places;
    *count = n;
    return 0;
}

struct querying { /* one kith_query */
    struct kith_collection *collection;
    const struct view *view;
    const struct kith_query_opts *opts;
    struct read_plan *plan;
    struct allowed allowed;
    struct place *places; /* in the plan's arena */
    size_t count;
    struct explain_times times;
};

static int explain_read(struct querying *querying, struct result_builder *builder,
                        struct kith_error *err)
{
    const struct explain_call call = {
        .filter = querying->opts->filter,
        .queries = 1,
        .rows_out = querying->count,
        .times = querying->times,
        .complete = builder->result->complete,
    };
    struct buffer text;
    buffer_init(&text);
    explain_query(&querying->plan->rows, &querying->allowed, &call, &text);
    int rc = result_explain(builder, &text, err);
    buffer_release(&text);
    return rc;
}

static int query_rows(struct querying *querying, struct result_builder *builder,
                      struct kith_error *err)
{
    const struct kith_query_opts *opts = querying->opts;
    const struct os *os = querying->collection->db->os;
    const int64_t start = opts->explain ? os_now_us(os) : 0;
    struct read_plan *plan = querying->plan;
    int rc = allowed_init(&querying->allowed, &plan->rows, &builder->result->stats,
                          &builder->result->complete, err);
    if (rc) return rc;
    const int64_t filtered = opts->explain ? os_now_us(os) : 0;
    if (list_places(&querying->allowed, opts->offset, opts->limit, &plan->arena,
                    &querying->places, &querying->count))
        rc = error_set(err, KITH_ENOMEM,
                       "query: no memory for its rows; use a limit or an iterator");
    if (rc == 0)
        rc = result_fill(builder, querying->view, &opts->output,
                         querying->places, querying->count, err);
    if (rc == 0 && opts->explain) {
        querying->times.filter = filtered - start;
        querying->times.fetch = os_now_us(os) - filtered;
        rc = explain_read(querying, builder, err);
    }
    allowed_release(&querying->allowed);
    return rc;
}

static int query_view(struct kith_collection *collection, const struct view *view,
                      const struct kith_query_opts *opts, struct read_plan *plan,
                      struct kith_result **out, struct kith_error *err)
{
    struct querying querying = { .collection = collection, .view = view, .opts = opts,
                                 .plan = plan };
    struct result_builder builder;
    int rc = result_new(&builder, err);
    if (rc) return rc;
    builder.result->complete = collection->quarantined == 0;
    rc = query_rows(&querying, &builder, err);
    if (rc)
        kith_result_free(builder.result);
    else
        *out = builder.result;
    return rc;
}

int kith_query(struct kith_collection *collection, const struct kith_query_opts *given,
               const struct kith_call *call, struct kith_result **out, struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    if (given) memcpy(&opts, given, given->size < sizeof opts ? given->size : sizeof opts);
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    struct view view;
    view_take(collection, &view);
    struct read_plan plan;
    rc = read_plan_init(&plan, collection, &view, &opts, call, err);
    if (rc == 0) {
        rc = query_view(collection, &view, &opts, &plan, out, err);
        read_plan_release(&plan);
    }
    view_drop(&view);
    return rc;
}

int kith_count_matching(struct kith_collection *collection, const struct kith_query_opts *given,
                        const struct kith_call *call, uint64_t *out, struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    if (given) memcpy(&opts, given, given->size < sizeof opts ? given->size : sizeof opts);
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    struct view view;
    view_take(collection, &view);
    struct read_plan plan;
    rc = read_plan_init(&plan, collection, &view, &opts, call, err);
    if (rc == 0) {
        struct allowed allowed;
        struct kith_search_stats stats = { 0 };
        bool complete = true;
        rc = allowed_init(&allowed, &plan.rows, &stats, &complete, err);
        if (rc == 0) {
            *out = stats.matched_rows;
            allowed_release(&allowed);
        }
        read_plan_release(&plan);
    }
    view_drop(&view);
    return rc;
}

int kith_count(struct kith_collection *collection, const char *filter, const struct kith_call *call,
               uint64_t *out, struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = filter;
    return kith_count_matching(collection, &opts, call, out, err);
}

static bool find_place(const struct view *view, struct key key, struct place *place, bool *complete)
{
    for (size_t s = view->version->count; s-- > 0;) {
        uint32_t row;
        int got = segment_find(view->version->segments[s], key, view->ts, &row, 1);
        if (got > 0) {
            if (row < segment_expired(view->version->segments[s], view->oldest_s)) return false;
            *place = (struct place){ (uint32_t)s, row, 0 };
            return true;
        }
        if (got < 0) {
            segment_set_damaged(view->version->segments[s]);
            *complete = false;
        }
    }
    return false;
}

int kith_get(struct kith_collection *collection, const struct kith_keys *keys,
             const struct kith_output *output, const struct kith_call *call,
             struct kith_result **out, struct kith_error *err)
{
    (void)call; /* bounded by the number of keys, each a few probes */
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    bool text = schema_primary(collection->schema)->type == KITH_VARCHAR;
    if (keys->count && (text ? !keys->strings : !keys->ints))
        return error_set(err, KITH_EINVAL, "keys are not of the primary key's type");
    struct result_builder builder;
    if ((rc = result_new(&builder, err))) return rc;
    struct view view;
    view_take(collection, &view);
    uint8_t *found = arena_zalloc(builder.arena, keys->count + 1);
    struct place *places = arena_alloc_array(builder.arena, keys->count + 1, sizeof *places);
    bool complete = collection->quarantined == 0;
    size_t count = 0;
    if (!found || !places)
        rc = error_set(err, KITH_ENOMEM, "get: no memory for %zu keys", keys->count);
    for (size_t i = 0; rc == 0 && i < keys->count; i++) {
        struct key key = text ? key_text(keys->strings[i]) : key_int(keys->ints[i]);
        found[i] = find_place(&view, key, &places[count], &complete);
        count += found[i];
    }
    static const struct kith_output none;
    if (rc == 0)
        rc = result_fill(&builder, &view, output ? output : &none, places, count, err);
    builder.result->found = found;
    builder.result->complete = complete;
    view_drop(&view);
    if (rc)
        kith_result_free(builder.result);
    else
        *out = builder.result;
    return rc;
}

/* ------------------------------------------------------------------ iterators */

struct query_iterator {
    struct kith_iterator base; /* first */
    struct kith_collection *collection; /* owns a reference */
    struct view view;                   /* owns: its instant stays readable */
    struct read_plan plan;
    struct kith_query_opts opts;        /* output's names are copied into the plan's arena */
    struct allowed allowed;
    bool evaluated, complete;
    uint64_t at, end; /* rows handed out so far, and where to stop */
    size_t batch_rows;
    struct kith_search_stats stats;
};

static struct query_iterator *of(struct kith_iterator *iterator)
{
    return (struct query_iterator *)(void *)iterator;
}

void kith_iterator_close(struct kith_iterator *iterator)
{
    if (iterator) iterator->ops->close(iterator);
}

static void close_query(struct kith_iterator *base)
{
    struct query_iterator *iterator = of(base);
    if (iterator->evaluated) allowed_release(&iterator->allowed);
    read_plan_release(&iterator->plan);
    view_drop(&iterator->view);
    collection_unref(iterator->collection);
    mem_free(iterator);
}

static int next_query(struct kith_iterator *base, const struct kith_call *call,
                      struct kith_result **out, struct kith_error *err);
static const struct iterator_ops query_ops = { next_query, close_query };

static int copy_output(struct query_iterator *iterator, const struct kith_output *given)
{
    const char **names = arena_alloc_array(&iterator->plan.arena, given->count + 1, sizeof *names);
    if (!names) return KITH_ENOMEM;
    for (size_t i = 0; i < given->count; i++) {
        names[i] = arena_strndup(&iterator->plan.arena, given->fields[i], strlen(given->fields[i]));
        if (!names[i]) return KITH_ENOMEM;
    }
    iterator->opts.output = (struct kith_output){ names, given->count };
    return 0;
}

int kith_iterator_open(struct kith_collection *collection, const struct kith_query_opts *given,
                       size_t batch_rows, struct kith_iterator **out, struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    if (given) memcpy(&opts, given, given->size < sizeof opts ? given->size : sizeof opts);
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    if (batch_rows == 0)
        return error_set(err, KITH_EINVAL, "an iterator's batch is at least 1 row");
    struct query_iterator *iterator = mem_zalloc(sizeof *iterator);
    if (!iterator) return error_set(err, KITH_ENOMEM, "iterator: no memory");
    view_take(collection, &iterator->view);
    rc = read_plan_init(&iterator->plan, collection, &iterator->view, &opts, NULL, err);
    iterator->base.ops = &query_ops;
    iterator->opts = opts;
    iterator->batch_rows = batch_rows;
    iterator->at = opts.offset;
    if (rc == 0 && copy_output(iterator, &opts.output)) {
        read_plan_release(&iterator->plan);
        rc = error_set(err, KITH_ENOMEM, "iterator: no memory");
    }
    if (rc) {
        view_drop(&iterator->view);
        mem_free(iterator);
        return rc;
    }
    iterator->collection = collection;
    atomic_fetch_add_explicit(&collection->refs, 1, memory_order_relaxed);
    *out = &iterator->base;
    return 0;
}

static int iterator_evaluate(struct query_iterator *iterator, struct kith_error *err)
{
    iterator->complete = iterator->collection->quarantined == 0;
    int rc = allowed_init(&iterator->allowed, &iterator->plan.rows, &iterator->stats,
                          &iterator->complete, err);
    if (rc) return rc;
    iterator->evaluated = true;
    iterator->end = iterator->stats.matched_rows;
    if (iterator->opts.limit &&
        iterator->opts.limit <
            iterator->end - (iterator->at < iterator->end ? iterator->at : iterator->end))
        iterator->end = iterator->at + iterator->opts.limit;
    return 0;
}

int kith_iterator_next(struct kith_iterator *iterator, const struct kith_call *call,
                       struct kith_result **out, struct kith_error *err)
{
    return iterator->ops->next(iterator, call, out, err);
}

static int next_query(struct kith_iterator *base, const struct kith_call *call,
                      struct kith_result **out, struct kith_error *err)
{
    struct query_iterator *iterator = of(base);
    struct kith_collection *collection = iterator->collection;
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    request_init(&iterator->plan.request, collection->db->os, call);
    if (!iterator->evaluated && (rc = iterator_evaluate(iterator, err))) return rc;
    if (iterator->at >= iterator->end) {
        *out = NULL;
        return 0;
    }
    uint64_t left = iterator->end - iterator->at;
    uint64_t take = left < iterator->batch_rows ? left : iterator->batch_rows;
    struct result_builder builder;
    if ((rc = result_new(&builder, err))) return rc;
    struct place *places;
    size_t count;
    if (list_places(&iterator->allowed, iterator->at, take, builder.arena, &places, &count))
        rc = error_set(err, KITH_ENOMEM, "iterator: no memory");
    if (rc == 0)
        rc = result_fill(&builder, &iterator->view, &iterator->opts.output, places, count, err);
    if (rc) {
        kith_result_free(builder.result);
        return rc;
    }
    builder.result->complete = iterator->complete;
    builder.result->stats = iterator->stats;
    iterator->at += count;
    *out = builder.result;
    return 0;
}
