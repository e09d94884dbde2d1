/*
 * EXPLAIN of a search, and its measurement: each query once more as an exact scan of the same view
 * and the same allowed rows, whose k-th distance says which of the found rows belong there.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/search.h"

/* Rows as near as the exact k-th count as found: which of several ties came is no fault. */
static double recall_of(const struct search_found *found, const struct search_found *exact)
{
    if (exact->count == 0) return 1.0;
    const float kth = exact->places[exact->count - 1].distance;
    const float bound = nextafterf(kth, INFINITY); /* a code that is lossless rounds otherwise */
    size_t good = 0;
    for (size_t i = 0; i < found->count && good < exact->count; i++)
        good += found->places[i].distance <= bound;
    return (double)good / (double)exact->count;
}

static int exact_query(struct search_call *search, const struct search_binding *binding, size_t q,
                       double *recall, struct kith_error *err)
{
    const struct kith_search_opts *opts = &search->opts;
    const struct search_query query = search_query_of(search, q);
    struct search_found exact = { .complete = true };
    int rc = search->group
                 ? group_search(binding, &query, search->group, (size_t)opts->offset,
                                (struct search_threads){ 0 }, &exact, err)
                 : execute_search(binding, &query, binding->search.k,
                                  (struct search_threads){ 0 }, &exact, err);
    if (rc == 0) {
        struct search_found rest = exact;
        const size_t skip = search->group ? 0 : (size_t)opts->offset;
        rest.count = skip < exact.count ? exact.count - skip : 0;
        rest.places = exact.places ? exact.places + (exact.count - rest.count) : NULL;
        *recall = recall_of(&search->found[q], &rest);
    }
    mem_free(exact.places);
    return rc;
}

static int measure(struct search_call *search, double *recall, struct kith_error *err)
{
    const struct os *os = search->collection->db->os;
    const int64_t start = os_now_us(os);
    struct vector_search exact = search->binding.search;
    struct search_binding binding;
    exact.exact = true;
    exact.clock = NULL;
    int rc = search_bind(&binding, &search->plan.rows, &search->allowed, &exact, err);
    if (rc) return rc;
    for (size_t q = 0; rc == 0 && q < search->opts.query_count; q++)
        rc = exact_query(search, &binding, q, &recall[q], err);
    search_unbind(&binding);
    search->times.measure = os_now_us(os) - start;
    return rc;
}

int result_explain(struct result_builder *builder, const struct buffer *text,
                   struct kith_error *err)
{
    char *copy = buffer_failed(text)
                     ? NULL
                     : arena_strndup(builder->arena, (const char *)text->data, text->len);
    if (!copy) return error_set(err, KITH_ENOMEM, "explain: no memory");
    builder->result->explain = copy;
    return 0;
}

int search_explain(struct search_call *search, struct result_builder *builder,
                   struct kith_error *err)
{
    const size_t n = search->opts.query_count;
    double *recall = arena_alloc_array(&search->plan.arena, n, sizeof *recall);
    if (!recall) return error_set(err, KITH_ENOMEM, "explain: no memory");
    int rc = search->opts.measure ? measure(search, recall, err) : 0;
    if (rc) return rc;
    const struct explain_call call = {
        .field = search->schema_field->name,
        .filter = search->opts.filter,
        .queries = n,
        .rows_out = builder->result->rows,
        .times = search->times,
        .recall = search->opts.measure ? recall : NULL,
        .complete = search->complete,
    };
    struct buffer text;
    buffer_init(&text);
    explain_search(&search->binding, &call, &text);
    rc = result_explain(builder, &text, err);
    buffer_release(&text);
    return rc;
}
