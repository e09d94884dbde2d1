/*
 * kith_search: checks the options, takes one view for all queries, evaluates the filter once, and
 * runs the queries one after another or over the pool.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "kernel/kernel.h"

struct searching {
    struct kith_collection *collection;
    struct kith_search_opts opts;
    size_t field;
    const struct schema_field *schema_field;
    struct view view;
    struct read_plan plan;
    struct allowed allowed;
    const uint8_t *queries; /* in the field's layout */
    struct place **places;  /* one list a query */
    size_t *counts;
    bool complete;
    struct kith_search_stats stats;
};

static int find_field(struct searching *searching, struct kith_error *err)
{
    const struct schema *schema = searching->collection->schema;
    searching->field = SIZE_MAX;
    if (searching->opts.field) {
        searching->field = schema_find(schema, searching->opts.field, strlen(searching->opts.field));
        if (searching->field == SIZE_MAX || !type_is_vector(schema->fields[searching->field].type))
            return error_set(err, KITH_EINVAL, "'%s' is not a vector field of the collection", searching->opts.field);
    } else {
        for (size_t f = 0; f < schema->field_count; f++) {
            if (!type_is_vector(schema->fields[f].type)) continue;
            if (searching->field != SIZE_MAX)
                return error_set(err, KITH_EINVAL, "the collection has several vector fields; name one");
            searching->field = f;
        }
        if (searching->field == SIZE_MAX)
            return error_set(err, KITH_EINVAL, "the collection has no vector field to search");
    }
    searching->schema_field = &schema->fields[searching->field];
    return 0;
}

/* Finite values; f32 queries against f16 and bf16 fields are converted. */
static int take_queries(struct searching *searching, struct kith_error *err)
{
    const struct kith_search_opts *opts = &searching->opts;
    enum kith_type type = searching->schema_field->type;
    enum kith_type given = opts->query_type ? opts->query_type : type;
    size_t dim = searching->schema_field->dim;
    searching->queries = opts->queries;
    if (given == KITH_FLOAT_VECTOR) {
        const float *values = opts->queries;
        for (size_t i = 0; i < opts->query_count * dim; i++)
            if (!isfinite(values[i]))
                return error_set_at(err, KITH_EINVAL, i / dim, "query %zu has a value that is not finite", i / dim);
    }
    if (given == type) return 0;
    if (given != KITH_FLOAT_VECTOR || (type != KITH_FLOAT16_VECTOR && type != KITH_BFLOAT16_VECTOR))
        return error_set(err, KITH_EINVAL, "queries of type %s do not fit field '%s' of type %s", type_name(given),
                         searching->schema_field->name, type_name(type));
    uint16_t *halves = arena_alloc_array(&searching->plan.arena, opts->query_count * dim, sizeof *halves);
    if (!halves) return error_set(err, KITH_ENOMEM, "search: no memory for its queries");
    if (type == KITH_FLOAT16_VECTOR)
        kernel_f32_to_f16(opts->queries, halves, opts->query_count * dim);
    else
        kernel_f32_to_bf16(opts->queries, halves, opts->query_count * dim);
    searching->queries = (const uint8_t *)halves;
    return 0;
}

static int check_options(const struct kith_search_opts *opts, struct kith_error *err)
{
    if (opts->k == 0 || opts->k > LIMIT_SEARCH_K || opts->offset > LIMIT_SEARCH_K - opts->k)
        return error_set(err, KITH_EINVAL, "k is at least 1, and offset + k at most %d", LIMIT_SEARCH_K);
    if (opts->query_count == 0 || opts->query_count > LIMIT_SEARCH_QUERIES || !opts->queries)
        return error_set(err, KITH_EINVAL, "a search has 1 to %d queries", LIMIT_SEARCH_QUERIES);
    if (opts->has_range && !(opts->range_inner < opts->range_outer))
        return error_set(err, KITH_EINVAL, "the range is empty: inner %g, outer %g", (double)opts->range_inner,
                         (double)opts->range_outer);
    return 0;
}

static int run_query(struct searching *searching, size_t q, struct kith_error *err)
{
    const struct kith_search_opts *opts = &searching->opts;
    struct vector_search search = { .field = searching->field,
                                    .schema_field = searching->schema_field,
                                    .k = opts->k + opts->offset,
                                    .ef = opts->ef,
                                    .exact = opts->exact,
                                    .has_range = opts->has_range,
                                    .range_inner = opts->range_inner,
                                    .range_outer = opts->range_outer };
    if (searching->schema_field->type == KITH_SPARSE_VECTOR) {
        const struct kith_str *sparse = opts->queries;
        search.query = (const uint8_t *)sparse[q].data;
        search.query_len = sparse[q].len;
    } else {
        search.query = searching->queries + q * searching->schema_field->width;
    }
    int rc = execute_search(&searching->plan.rows, &searching->allowed, &search, &searching->plan.arena,
                            &searching->places[q], &searching->counts[q], &searching->stats,
                            &searching->complete, err);
    if (rc) return rc;
    size_t skip = opts->offset < searching->counts[q] ? (size_t)opts->offset : searching->counts[q];
    searching->places[q] += skip;
    searching->counts[q] -= skip;
    return 0;
}

static int run_queries(struct searching *searching, struct kith_error *err)
{
    size_t n = searching->opts.query_count;
    searching->places = arena_zalloc(&searching->plan.arena, n * sizeof *searching->places);
    searching->counts = arena_zalloc(&searching->plan.arena, n * sizeof *searching->counts);
    if (!searching->places || !searching->counts) return error_set(err, KITH_ENOMEM, "search: no memory");
    int rc = allowed_init(&searching->allowed, &searching->plan.rows, &searching->stats,
                          &searching->complete, err);
    if (rc) return rc;
    for (size_t q = 0; rc == 0 && q < n; q++) rc = run_query(searching, q, err);
    allowed_release(&searching->allowed);
    return rc;
}

static int build_result(struct searching *searching, struct kith_result **out, struct kith_error *err)
{
    size_t n = searching->opts.query_count, total = 0;
    for (size_t q = 0; q < n; q++) total += searching->counts[q];
    struct result_builder builder;
    int rc = result_new(&builder, err);
    if (rc) return rc;
    struct place *all = arena_alloc_array(&searching->plan.arena, total + 1, sizeof *all);
    float *distances = arena_alloc_array(builder.arena, total + 1, sizeof *distances);
    size_t *offsets = arena_zalloc(builder.arena, (n + 1) * sizeof *offsets);
    if (!all || !distances || !offsets) rc = error_set(err, KITH_ENOMEM, "search: no memory for its result");
    for (size_t q = 0; rc == 0 && q < n; q++) {
        if (searching->counts[q])
            memcpy(all + offsets[q], searching->places[q], searching->counts[q] * sizeof *all);
        offsets[q + 1] = offsets[q] + searching->counts[q];
    }
    if (rc == 0)
        rc = result_fill(&builder, searching->collection, &searching->view, &searching->opts.output, all, total, err);
    if (rc) {
        kith_result_free(builder.result);
        return rc;
    }
    for (size_t i = 0; i < total; i++) distances[i] = all[i].distance;
    builder.result->query_count = n;
    builder.result->offsets = offsets;
    builder.result->distances = distances;
    builder.result->complete = searching->complete;
    builder.result->stats = searching->stats;
    *out = builder.result;
    return 0;
}

int kith_search(struct kith_collection *collection, const struct kith_search_opts *given,
                const struct kith_call *call, struct kith_result **out, struct kith_error *err)
{
    struct searching searching = { .collection = collection, .complete = collection->quarantined == 0 };
    memcpy(&searching.opts, given, given->size < sizeof searching.opts ? given->size : sizeof searching.opts);
    int rc = collection_usable(collection, err);
    if (rc == 0) rc = check_options(&searching.opts, err);
    if (rc == 0) rc = find_field(&searching, err);
    if (rc) return rc;
    view_take(collection, &searching.view);
    const struct kith_query_opts matching = {
        .size = sizeof matching,
        .filter = searching.opts.filter,
        .filter_params = searching.opts.filter_params,
        .partitions = searching.opts.partitions,
        .partition_count = searching.opts.partition_count,
    };
    rc = read_plan_init(&searching.plan, collection, &searching.view, &matching, call, err);
    if (rc == 0) {
        rc = take_queries(&searching, err);
        if (rc == 0) rc = run_queries(&searching, err);
        if (rc == 0) rc = build_result(&searching, out, err);
        read_plan_release(&searching.plan);
    }
    view_drop(&searching.view);
    return rc;
}
