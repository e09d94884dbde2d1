/*
 * kith_search: checks the options, takes one view for all queries, evaluates the filter once, and
 * runs the queries over the search threads.
 *
 * Queries are independent, so they are what is shared out first; when there are fewer of them than
 * threads, the executor shares out the segments of each.
 */
#include "engine/search.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "kernel/kernel.h"
#include "query/recall.h"

/* ------------------------------------------------------------------ options */

void search_options(const struct kith_search_opts *given, struct kith_search_opts *out)
{
    *out = (struct kith_search_opts)KITH_SEARCH_OPTS_INIT;
    memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
}

static int check_grouping(const struct kith_search_opts *opts, struct kith_error *err)
{
    if (!opts->group_by) return 0;
    if (opts->has_range)
        return error_set(err, KITH_EINVAL,
                         "Not allowed to do range-search when doing search-group-by");
    if (opts->group_size > GROUP_SIZE_MAX)
        return error_set(err, KITH_EINVAL,
                         "input group size:%u exceeds configured max group size:%u",
                         opts->group_size, GROUP_SIZE_MAX);
    return 0;
}

static int check_options(const struct kith_search_opts *opts, struct kith_error *err)
{
    if (opts->k == 0 || opts->k > LIMIT_SEARCH_K || opts->offset > LIMIT_SEARCH_K - opts->k)
        return error_set(err, KITH_EINVAL, "k is at least 1, and offset + k at most %d",
                         LIMIT_SEARCH_K);
    if (opts->query_count == 0 || opts->query_count > LIMIT_SEARCH_QUERIES || !opts->queries)
        return error_set(err, KITH_EINVAL, "a search has 1 to %d queries", LIMIT_SEARCH_QUERIES);
    if (opts->has_range && !(opts->range_inner < opts->range_outer))
        return error_set(err, KITH_EINVAL, "the range is empty: inner %g, outer %g",
                         (double)opts->range_inner, (double)opts->range_outer);
    if (!(opts->recall >= 0 && opts->recall < 1))
        return error_set(err, KITH_EINVAL, "recall %g is not in [0, 1); use exact for all of it",
                         (double)opts->recall);
    if (!(opts->drop_ratio >= 0 && opts->drop_ratio < 1))
        return error_set(err, KITH_EINVAL, "drop_ratio %g is not in [0, 1)",
                         (double)opts->drop_ratio);
    if ((unsigned)opts->plan > KITH_PLAN_OVERFETCH)
        return error_set(err, KITH_EINVAL, "there is no plan number %d", (int)opts->plan);
    return check_grouping(opts, err);
}

static int find_field(struct search_call *search, struct kith_error *err)
{
    const struct schema *schema = view_schema(search->view);
    const char *name = search->opts.field;
    size_t found = SIZE_MAX;
    if (name && *name) {
        found = schema_find(schema, name, strlen(name));
        if (found == SIZE_MAX || !type_is_vector(schema->fields[found].type))
            return error_set(err, KITH_EINVAL, "'%s' is not a vector field of the collection",
                             name);
    }
    for (size_t f = 0; !(name && *name) && f < schema->field_count; f++) {
        if (!type_is_vector(schema->fields[f].type) || schema->fields[f].dropped) continue;
        if (found != SIZE_MAX)
            return error_set(err, KITH_EINVAL,
                             "the collection has several vector fields; name one");
        found = f;
    }
    if (found == SIZE_MAX)
        return error_set(err, KITH_EINVAL, "the collection has no vector field to search");
    search->field = found;
    search->schema_field = &schema->fields[found];
    if (search->opts.group_by && search->schema_field->type == KITH_BINARY_VECTOR)
        return error_set(err, KITH_EINVAL,
                         "not support search_group_by operation based on binary vector column");
    return 0;
}

/* ------------------------------------------------------------------ queries */

static int check_finite(const struct search_call *search, struct kith_error *err)
{
    const float *values = search->opts.queries;
    const size_t dim = search->schema_field->dim;
    for (size_t i = 0; i < search->opts.query_count * dim; i++)
        if (!isfinite(values[i]))
            return error_set_at(err, KITH_EINVAL, i / dim,
                                "query %zu has a value that is not finite", i / dim);
    return 0;
}

/* Whole numbers of a byte, or nothing: a rounded query would be another query. */
static int take_bytes(const struct search_call *search, int8_t *out, size_t count,
                      struct kith_error *err)
{
    const float *values = search->opts.queries;
    const size_t dim = search->schema_field->dim;
    for (size_t i = 0; i < count; i++) {
        const float value = values[i];
        if (!(value >= -128.0f && value <= 127.0f) || value != rintf(value))
            return error_set_at(err, KITH_EINVAL, i / dim,
                                "query %zu has %g, but field '%s' takes whole numbers from -128 "
                                "to 127", i / dim, (double)value, search->schema_field->name);
        out[i] = (int8_t)value;
    }
    return 0;
}

static int convert_queries(struct search_call *search, struct kith_error *err)
{
    const enum kith_type type = search->schema_field->type;
    const size_t count = search->opts.query_count * search->schema_field->dim;
    const size_t width = type == KITH_INT8_VECTOR ? sizeof(int8_t) : sizeof(uint16_t);
    void *out = arena_alloc_array(&search->plan.arena, count, width);
    if (!out) return error_set(err, KITH_ENOMEM, "search: no memory for its queries");
    search->queries = out;
    if (type == KITH_INT8_VECTOR) return take_bytes(search, out, count, err);
    if (type == KITH_FLOAT16_VECTOR) kernel_f32_to_f16(search->opts.queries, out, count);
    else kernel_f32_to_bf16(search->opts.queries, out, count);
    return 0;
}

/* Texts for the output of a function, else vectors of the field's type or floats for it. */
static int take_queries(struct search_call *search, struct kith_error *err)
{
    const struct kith_search_opts *opts = &search->opts;
    const struct schema_field *field = search->schema_field;
    const bool text = field->bm25_of != SIZE_MAX;
    const enum kith_type own = text ? KITH_VARCHAR : field->type;
    const enum kith_type given = opts->query_type ? opts->query_type : own;
    search->queries = opts->queries;
    if (text && given != KITH_VARCHAR)
        return error_set(err, KITH_EINVAL,
                         "please provide varchar/text for BM25 Function based search, got %s",
                         type_name(given));
    if (given == KITH_FLOAT_VECTOR) {
        int rc = check_finite(search, err);
        if (rc) return rc;
    }
    if (given == own) return 0;
    if (given == KITH_FLOAT_VECTOR &&
        (own == KITH_FLOAT16_VECTOR || own == KITH_BFLOAT16_VECTOR || own == KITH_INT8_VECTOR))
        return convert_queries(search, err);
    return error_set(err, KITH_EINVAL, "queries of type %s do not fit field '%s' of type %s",
                     type_name(given), field->name, type_name(field->type));
}

struct search_query search_query_of(const struct search_call *search, size_t q)
{
    if (search->schema_field->type == KITH_SPARSE_VECTOR) {
        const struct kith_str *list = search->opts.queries;
        return (struct search_query){ .data = (const uint8_t *)list[q].data, .len = list[q].len };
    }
    const size_t width = search->schema_field->width;
    return (struct search_query){ .data = search->queries + q * width, .len = width };
}

/* ------------------------------------------------------------------ opening */

static int take_group(struct search_call *search, struct kith_error *err)
{
    const struct kith_search_opts *opts = &search->opts;
    if (!opts->group_by) return 0;
    int rc = group_by_parse(opts->group_by, view_schema(search->view), &search->plan.arena,
                            &search->group, err);
    if (rc) return rc;
    search->group->limit = (size_t)(opts->k + opts->offset);
    search->group->size = opts->group_size ? opts->group_size : 1;
    search->group->strict = opts->strict_group_size;
    return 0;
}

static const struct os *clock_of(const struct search_call *search)
{
    return search->opts.explain ? search->collection->db->os : NULL;
}

/* Text, parameters and partitions of what is asked for; 0: all rows. */
static uint64_t filter_hash(const struct search_call *search)
{
    const struct kith_search_opts *opts = &search->opts;
    uint64_t hash = 0;
    if (opts->filter && *opts->filter) hash = hash64(opts->filter, strlen(opts->filter), 1);
    if (opts->filter_params)
        hash = hash64(opts->filter_params, strlen(opts->filter_params), hash);
    if (search->plan.rows.partitions)
        hash = hash64(search->plan.rows.partitions,
                      search->plan.rows.partition_count * sizeof(uint32_t), hash + 1);
    return hash;
}

static struct recall_book *book_of(struct kith_collection *collection)
{
    struct recall_book *book = atomic_load(&collection->recall), *fresh, *none = NULL;
    if (book || recall_book_new(collection->db->os, &fresh)) return book;
    if (atomic_compare_exchange_strong(&collection->recall, &none, fresh)) return fresh;
    recall_book_free(fresh); /* another call was first */
    return none;
}

/* A recall target becomes the ef that reaches it. */
static int calibrate(struct search_call *search, struct kith_error *err)
{
    const struct kith_search_opts *opts = &search->opts;
    if (opts->recall <= 0 || opts->ef || opts->exact) return 0;
    struct recall_book *book = book_of(search->collection);
    if (!book) return error_set(err, KITH_ENOMEM, "search: no memory");
    struct recall_found found;
    if (search->schema_field->width)
        recall_note_queries(book, &search->binding, search->queries, opts->query_count);
    struct search_threads threads = search_pool_take(search->collection->db);
    int rc = recall_calibrate(book, &search->binding, filter_hash(search), threads, &found, err);
    search_pool_return(search->collection->db, threads);
    return rc || found.ef == 0 ? rc : search_replan(&search->binding, found.ef, err);
}

static void take_bm25(const struct search_call *search, struct vector_search *out)
{
    struct kith_collection *collection = search->collection;
    if (search->schema_field->bm25_of == SIZE_MAX) return;
    os_mutex_lock(&collection->version_lock);
    index_wishes_bm25(&collection->wishes, search->field, &out->bm25_k1, &out->bm25_b);
    os_mutex_unlock(&collection->version_lock);
}

static int bind(struct search_call *search, struct kith_error *err)
{
    const struct kith_search_opts *opts = &search->opts;
    const struct os *clock = clock_of(search);
    const int64_t start = clock ? os_now_us(clock) : 0;
    int rc = allowed_init(&search->allowed, &search->plan.rows, &search->stats, &search->complete,
                          err);
    if (rc) return rc;
    if (clock) search->times.filter = os_now_us(clock) - start;
    struct vector_search bound = {
        .field = search->field,
        .schema_field = search->schema_field,
        .k = (size_t)(opts->k + opts->offset),
        .ef = opts->ef,
        .exact = opts->exact,
        .plan = opts->plan,
        .recall = opts->recall,
        .drop_ratio = opts->drop_ratio,
        .has_range = opts->has_range,
        .range_inner = opts->range_inner,
        .range_outer = opts->range_outer,
        .clock = clock,
    };
    take_bm25(search, &bound);
    rc = search_bind(&search->binding, &search->plan.rows, &search->allowed, &bound, err);
    return rc ? rc : calibrate(search, err);
}

void search_close(struct search_call *search)
{
    for (size_t q = 0; search->found && q < search->opts.query_count; q++)
        mem_free(search->found[q].places);
    search->found = NULL;
    search_unbind(&search->binding);
    allowed_release(&search->allowed);
    if (search->opened) read_plan_release(&search->plan);
    search->opened = false;
}

int search_open(struct search_call *search, struct kith_collection *collection,
                const struct view *view, const struct kith_search_opts *opts,
                const struct kith_call *call, struct kith_error *err)
{
    *search = (struct search_call){ .collection = collection, .view = view, .opts = *opts };
    search->complete = collection->quarantined == 0;
    int rc = check_options(opts, err);
    if (rc == 0) rc = find_field(search, err);
    if (rc) return rc;
    const struct kith_query_opts matching = {
        .size = sizeof matching,
        .filter = opts->filter,
        .filter_params = opts->filter_params,
        .partitions = opts->partitions,
        .partition_count = opts->partition_count,
    };
    rc = read_plan_init(&search->plan, collection, view, &matching, call, err);
    if (rc) return rc;
    search->opened = true;
    rc = take_queries(search, err);
    if (rc == 0) rc = take_group(search, err);
    if (rc == 0) rc = bind(search, err);
    if (rc) search_close(search);
    return rc;
}

/* ------------------------------------------------------------------ running */

/* The count goes up before `closed` is looked at, and kith_close looks at them in the other order:
 * one of the two sees the other. */
struct search_threads search_pool_take(struct kith_db *db)
{
    if (!db->search_pool) return (struct search_threads){ 0 };
    atomic_fetch_add(&db->pool_users, 1);
    struct search_threads threads = { db->search_pool, db->threads };
    if (!atomic_load(&db->closed)) return threads;
    search_pool_return(db, threads);
    return (struct search_threads){ 0 };
}

/* Under the lock: whoever waits for the count may destroy the lock as soon as it has seen 0. */
void search_pool_return(struct kith_db *db, struct search_threads threads)
{
    if (!threads.pool) return;
    os_mutex_lock(&db->work_lock);
    if (atomic_fetch_sub(&db->pool_users, 1) == 1) os_cond_broadcast(&db->done_cond);
    os_mutex_unlock(&db->work_lock);
}

struct running {
    struct search_call *search;
    struct search_threads inner; /* of one query */
    struct kith_error *err;      /* guard: failed */
    atomic_bool failed;
};

static int run_query(void *ctx, size_t q)
{
    struct running *running = ctx;
    struct search_call *search = running->search;
    const struct kith_search_opts *opts = &search->opts;
    const struct search_query query = search_query_of(search, q);
    struct search_found *found = &search->found[q];
    struct kith_error why = { 0 };
    found->complete = true;
    int rc = search->group
                 ? group_search(&search->binding, &query, search->group, (size_t)opts->offset,
                                running->inner, found, &why)
                 : execute_search(&search->binding, &query, (size_t)(opts->k + opts->offset),
                                  running->inner, found, &why);
    if (rc && !atomic_exchange(&running->failed, true) && running->err) *running->err = why;
    if (rc || search->group) return rc;
    const size_t skip = opts->offset < found->count ? (size_t)opts->offset : found->count;
    found->count -= skip;
    if (skip) memmove(found->places, found->places + skip, found->count * sizeof *found->places);
    return 0;
}

static void add_stats(struct search_call *search, const struct search_found *found)
{
    search->stats.nodes_visited += found->stats.nodes_visited;
    search->stats.distances += found->stats.distances;
    search->stats.exact_distances += found->stats.exact_distances;
    search->complete &= found->complete;
}

static int run_queries(struct search_call *search, struct search_threads threads,
                       struct kith_error *err)
{
    const size_t n = search->opts.query_count;
    struct running running = { .search = search, .err = err };
    atomic_init(&running.failed, false);
    if (n < threads.count) running.inner = threads;
    return pool_for(threads.pool, threads.count, n, run_query, &running);
}

int search_run(struct search_call *search, struct kith_error *err)
{
    const size_t n = search->opts.query_count;
    struct kith_db *db = search->collection->db;
    const struct os *clock = clock_of(search);
    const int64_t start = clock ? os_now_us(clock) : 0;
    search->found = arena_alloc_array(&search->plan.arena, n, sizeof *search->found);
    if (!search->found) return error_set(err, KITH_ENOMEM, "search: no memory");
    memset(search->found, 0, n * sizeof *search->found);
    struct search_threads threads = { 0 };
    if ((double)n * search->binding.cost_ns > EXECUTE_PARALLEL_NS)
        threads = search_pool_take(db);
    int rc = run_queries(search, threads, err);
    search_pool_return(db, threads);
    if (rc) return rc;
    for (size_t q = 0; q < n; q++) add_stats(search, &search->found[q]);
    if (clock) search->times.search = os_now_us(clock) - start;
    return 0;
}

/* ------------------------------------------------------------------ results */

static int fill_rows(struct search_call *search, struct result_builder *builder,
                     struct place *all, struct kith_error *err)
{
    const size_t n = search->opts.query_count;
    size_t *offsets = arena_zalloc(builder->arena, (n + 1) * sizeof *offsets);
    if (!offsets) return error_set(err, KITH_ENOMEM, "search: no memory for its result");
    for (size_t q = 0; q < n; q++) {
        const struct search_found *found = &search->found[q];
        if (found->count) memcpy(all + offsets[q], found->places, found->count * sizeof *all);
        offsets[q + 1] = offsets[q] + found->count;
    }
    float *distances = arena_alloc_array(builder->arena, offsets[n] + 1, sizeof *distances);
    if (!distances) return error_set(err, KITH_ENOMEM, "search: no memory for its result");
    for (size_t i = 0; i < offsets[n]; i++) distances[i] = all[i].distance;
    int rc = result_fill(builder, search->view, &search->opts.output, all,
                         offsets[n], err);
    builder->result->query_count = n;
    builder->result->offsets = offsets;
    builder->result->distances = distances;
    return rc;
}

static int fill(struct search_call *search, struct result_builder *builder, struct kith_error *err)
{
    size_t total = 0;
    for (size_t q = 0; q < search->opts.query_count; q++) total += search->found[q].count;
    struct place *all = mem_alloc_array(total + 1, sizeof *all);
    if (!all) return error_set(err, KITH_ENOMEM, "search: no memory for its result");
    int rc = fill_rows(search, builder, all, err);
    mem_free(all);
    return rc;
}

int search_result(struct search_call *search, struct kith_result **out, struct kith_error *err)
{
    const struct os *clock = clock_of(search);
    const int64_t start = clock ? os_now_us(clock) : 0;
    struct result_builder builder;
    int rc = result_new(&builder, err);
    if (rc) return rc;
    rc = fill(search, &builder, err);
    if (clock) search->times.fetch = os_now_us(clock) - start;
    if (rc == 0 && search->opts.explain) rc = search_explain(search, &builder, err);
    if (rc) {
        kith_result_free(builder.result);
        return rc;
    }
    builder.result->complete = search->complete;
    builder.result->stats = search->stats;
    *out = builder.result;
    return 0;
}

int kith_search(struct kith_collection *collection, const struct kith_search_opts *given,
                const struct kith_call *call, struct kith_result **out, struct kith_error *err)
{
    struct kith_search_opts opts;
    search_options(given, &opts);
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    struct view view;
    view_take(collection, &view);
    struct search_call search;
    rc = search_open(&search, collection, &view, &opts, call, err);
    if (rc == 0) {
        rc = search_run(&search, err);
        if (rc == 0) rc = search_result(&search, out, err);
        search_close(&search);
    }
    view_drop(&view);
    return rc;
}
