/*
 * Query: rows by filter or by keys, and counts.
 *
 * Clients that page by themselves ("(expr) and pk > last", a limit) rely on pages that hold the
 * smallest keys in ascending order; all other replies are sorted by key too, since that costs
 * little and makes them the same every time. A key that is there more than once is returned once,
 * as its newest row.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "milvus/milvus_data.h"

struct querying {
    struct milvus_call *call;
    const struct milvus_collection *collection;
    const struct milvus_query *query;
    struct milvus_query_outcome *out;
    struct kith_error err;
};

/* ---- rows in the order of their keys ---- */

struct ranked {
    struct kith_str text;
    int64_t number;
    uint32_t row;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->text.data) {
        const size_t shorter = x->text.len < y->text.len ? x->text.len : y->text.len;
        const int order = memcmp(x->text.data, y->text.data, shorter);
        if (order) return order;
        if (x->text.len != y->text.len) return x->text.len < y->text.len ? -1 : 1;
    } else if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

static bool same_key(const struct ranked *a, const struct ranked *b)
{
    return a->text.data ? a->text.len == b->text.len &&
                              memcmp(a->text.data, b->text.data, a->text.len) == 0
                        : a->number == b->number;
}

/* Ascending, the newest of equal keys; *count is how many remain. NULL: no memory. */
static struct ranked *rank(const struct kith_result *result, size_t *count)
{
    const struct kith_column *key = &result->columns[0];
    struct ranked *rows = mem_alloc_array(result->rows + 1, sizeof *rows);
    if (!rows) return NULL;
    for (size_t i = 0; i < result->rows; i++) {
        rows[i] = (struct ranked){ .row = (uint32_t)i };
        if (key->type == KITH_INT64) rows[i].number = ((const int64_t *)key->data)[i];
        else rows[i].text = ((const struct kith_str *)key->data)[i];
    }
    qsort(rows, result->rows, sizeof *rows, compare);
    size_t kept = 0;
    for (size_t i = 0; i < result->rows; i++)
        if (i + 1 == result->rows || !same_key(&rows[i], &rows[i + 1])) rows[kept++] = rows[i];
    *count = kept;
    return rows;
}

/* [offset, offset + limit) of what is there */
static void window(const struct milvus_query *query, size_t count, size_t *from, size_t *to)
{
    *from = 0;
    *to = count;
    if (!query->has_limit) return;
    *from = (size_t)query->offset < count ? (size_t)query->offset : count;
    if (count - *from > (size_t)query->limit) *to = *from + (size_t)query->limit;
}

static MilvusStatus *engine_error(struct querying *q, int rc)
{
    return milvus_filter_error(q->call, rc, &q->err, q->query->expr, "query");
}

/* The page's rows in ascending order; `cut`: the window has not been applied yet. */
static MilvusStatus *finish(struct querying *q, bool cut)
{
    struct milvus_query_outcome *out = q->out;
    MilvusStatus *refused =
        milvus_page_make(q->call, &out->output, out->result,
                         milvus_zone(q->collection, q->query->timezone), &out->page);
    size_t count = 0, from, to;
    if (refused) return refused;
    struct ranked *rows = rank(out->result, &count);
    uint32_t *order = arena_alloc_array(q->call->arena, count + 1, sizeof *order);
    if (!rows || !order) {
        mem_free(rows);
        return milvus_no_memory(q->call);
    }
    from = 0;
    to = count;
    if (cut) window(q->query, count, &from, &to);
    for (size_t i = from; i < to; i++) order[i - from] = rows[i].row;
    mem_free(rows);
    out->page.order = order;
    out->page.rows = to - from;
    return NULL;
}

/* ---- the ways to rows ---- */

static struct kith_output asked(const struct querying *q)
{
    return (struct kith_output){ .fields = q->out->output.asked,
                                 .count = q->out->output.asked_count };
}

static struct kith_query_opts opts_of(const struct milvus_query *query)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = query->expr;
    opts.filter_params = query->expr_params;
    opts.partitions = query->partition_count ? query->partitions : NULL;
    opts.partition_count = query->partition_count;
    return opts;
}

static MilvusStatus *get_keys(struct querying *q, const struct kith_keys *keys, bool cut)
{
    const struct kith_output output = asked(q);
    const int rc = kith_get(q->collection->handle, keys, &output, q->call->call, &q->out->result,
                            &q->err);
    return rc ? engine_error(q, rc) : finish(q, cut);
}

/* The smallest keys of all rows that match, then those rows. */
static MilvusStatus *page_by_key(struct querying *q)
{
    const struct kith_query_opts opts = opts_of(q->query);
    struct kith_keys keys;
    const int rc = milvus_smallest_keys(q->call, q->collection, &opts, (size_t)q->query->offset,
                                        (size_t)q->query->limit, &keys, &q->err);
    return rc ? engine_error(q, rc) : get_keys(q, &keys, false);
}

/* Pages that a client cuts by itself name the key: "(expr) and pk > last". */
static bool names_key(const struct querying *q)
{
    const char *name = q->collection->primary->name, *at = q->query->expr;
    return at && strstr(at, name) != NULL;
}

static MilvusStatus *by_filter(struct querying *q)
{
    struct kith_query_opts opts = opts_of(q->query);
    opts.output = asked(q);
    opts.offset = q->query->has_limit ? (uint64_t)q->query->offset : 0;
    opts.limit = q->query->has_limit ? (uint64_t)q->query->limit : 0;
    opts.explain = q->call->milvus->opts.slow_query_ms != 0;
    const int rc =
        kith_query(q->collection->handle, &opts, q->call->call, &q->out->result, &q->err);
    return rc ? engine_error(q, rc) : finish(q, false);
}

/* ---- counts ---- */

static bool is_count(const struct milvus_query *query)
{
    if (query->output_count != 1) return false;
    const char *name = query->output[0];
    while (*name == ' ') name++;
    if (strncasecmp(name, "count", 5)) return false;
    for (name += 5; *name == ' ';) name++;
    return strncmp(name, "(*)", 3) == 0 && name[3 + strspn(name + 3, " ")] == '\0';
}

static MilvusStatus *count_rows(struct querying *q)
{
    struct kith_query_opts opts = opts_of(q->query);
    uint64_t rows;
    if (q->query->has_limit)
        return milvus_status(q->call, MILVUS_INVALID,
                             "count entities with pagination is not allowed: invalid parameter");
    const int rc = kith_count_matching(q->collection->handle, &opts, q->call->call, &rows, &q->err);
    if (rc) return engine_error(q, rc);
    struct milvus_column *column = arena_alloc(q->call->arena, sizeof *column);
    int64_t *value = arena_alloc(q->call->arena, sizeof *value);
    const char **name = arena_alloc(q->call->arena, sizeof *name);
    if (!column || !value || !name) return milvus_no_memory(q->call);
    *value = (int64_t)rows;
    *name = "count(*)";
    *column = (struct milvus_column){ .name = "count(*)", .type = KITH_INT64, .data = value };
    q->out->output = (struct milvus_output){ .names = name, .name_count = 1 };
    q->out->page = (struct milvus_page){ .columns = column, .column_count = 1, .rows = 1 };
    return NULL;
}

static bool is_blank(const char *text)
{
    return !text || text[strspn(text, " \t\r\n")] == '\0';
}

static MilvusStatus *rows(struct querying *q)
{
    const struct milvus_query *query = q->query;
    struct kith_keys keys;
    if (is_blank(query->expr) && !query->has_limit)
        return milvus_status(q->call, MILVUS_INVALID,
                             "empty expression should be used with limit: invalid parameter");
    MilvusStatus *refused = milvus_output_resolve(q->call, q->collection, query->output,
                                                  query->output_count, true, &q->out->output);
    if (refused) return refused;
    if (!query->partition_count && query->expr &&
        milvus_key_list(q->call, q->collection, query->expr, query->expr_params, &keys))
        return get_keys(q, &keys, true);
    return query->has_limit && (query->by_key || names_key(q)) ? page_by_key(q) : by_filter(q);
}

MilvusStatus *milvus_query_run(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_query *query, struct milvus_query_outcome *out)
{
    struct querying q = { .call = call, .collection = collection, .query = query, .out = out };
    *out = (struct milvus_query_outcome){ 0 };
    milvus_wait_until(call, query->guarantee);
    MilvusStatus *refused = milvus_loaded_check(call, collection, "query");
    if (!refused)
        refused = milvus_partitions_check(call, collection, query->partitions,
                                          query->partition_count, true);
    if (!refused) refused = is_count(query) ? count_rows(&q) : rows(&q);
    milvus_slow_note(call, "query", collection, query->expr,
                     out->result ? out->result->explain : NULL);
    return refused;
}

void milvus_query_release(struct milvus_query_outcome *outcome)
{
    kith_result_free(outcome->result);
    outcome->result = NULL;
}
