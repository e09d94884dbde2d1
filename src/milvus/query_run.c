/*
 * Query: rows by filter or by keys, and counts.
 *
 * Clients that page by themselves ("(expr) and pk > last", a limit) rely on pages that hold the
 * smallest keys in ascending order; all other replies are sorted by key too, since that costs
 * little and makes them the same every time, unless the client asks for an order. A key that is
 * there more than once is returned once, as its newest row.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "milvus/query_internal.h"

/* ---- rows in the order of their keys ---- */

struct ranked {
    struct kith_str text;
    int64_t number;
    uint32_t row;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const int order = x->text.data ? texts_compare(x->text, y->text)
                                   : (x->number > y->number) - (x->number < y->number);
    return order ? order : (x->row > y->row) - (x->row < y->row);
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
void query_window(const struct milvus_query *query, size_t count, size_t *from, size_t *to)
{
    *from = 0;
    *to = count;
    if (!query->has_limit) return;
    *from = (size_t)query->offset < count ? (size_t)query->offset : count;
    if (count - *from > (size_t)query->limit) *to = *from + (size_t)query->limit;
}

MilvusStatus *query_engine_error(struct querying *q, int rc)
{
    return milvus_filter_error(q->call, rc, &q->err, q->query->expr, "query");
}

/* The result's rows as they are sent, each key once; NULL: no memory. */
static uint32_t *ordered(struct querying *q, size_t *count)
{
    struct ranked *rows = rank(q->out->result, count);
    uint32_t *order = arena_alloc_array(q->call->arena, *count + 1, sizeof *order);
    for (size_t i = 0; rows && order && i < *count; i++) order[i] = rows[i].row;
    if (!rows) order = NULL;
    mem_free(rows);
    if (order && q->order.count &&
        order_by_sort(&q->order, q->out->result, q->call->arena, order, *count))
        order = NULL;
    return order;
}

/* The page's rows in their order; `cut`: the window has not been applied yet. */
static MilvusStatus *finish(struct querying *q, bool cut)
{
    struct milvus_query_outcome *out = q->out;
    MilvusStatus *refused =
        milvus_page_make(q->call, q->collection, &out->output, out->result, &q->query->times,
                         &out->page);
    size_t count = 0, from = 0;
    if (refused) return refused;
    const uint32_t *order = ordered(q, &count);
    if (!order) return milvus_no_memory(q->call);
    size_t to = count;
    if (cut) query_window(q->query, count, &from, &to);
    out->page.order = order + from;
    out->page.rows = to - from;
    return NULL;
}

/* ---- the ways to rows ---- */

/* Of the reply and of its order. */
static int asked(struct querying *q, struct kith_output *out)
{
    const struct kith_output reply = { .fields = q->out->output.asked,
                                       .count = q->out->output.asked_count };
    *out = reply;
    return q->order.count ? order_by_output(q->call, &q->order, &reply, out) : 0;
}

struct kith_query_opts query_opts_of(const struct milvus_query *query)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = query->zoned;
    opts.filter_params = query->expr_params;
    opts.partitions = query->partition_count ? query->partitions : NULL;
    opts.partition_count = query->partition_count;
    return opts;
}

static MilvusStatus *get_keys(struct querying *q, const struct kith_keys *keys, bool cut)
{
    struct kith_output output;
    if (asked(q, &output)) return milvus_no_memory(q->call);
    const int rc = kith_get(q->collection->handle, keys, &output, q->call->call, &q->out->result,
                            &q->err);
    return rc ? query_engine_error(q, rc) : finish(q, cut);
}

/* The first keys of all rows that match, then those rows. */
static MilvusStatus *page_by_key(struct querying *q)
{
    struct kith_query_opts opts = query_opts_of(q->query);
    const struct milvus_order *order = q->order.count ? &q->order : NULL;
    const struct kith_output none = { 0 };
    struct kith_keys keys;
    if (order && order_by_output(q->call, order, &none, &opts.output))
        return milvus_no_memory(q->call);
    const int rc = milvus_first_keys(q->call, q->collection, &opts, order, (size_t)q->query->offset,
                                     (size_t)q->query->limit, &keys, &q->err);
    return rc ? query_engine_error(q, rc) : get_keys(q, &keys, false);
}

/* Pages that a client cuts by itself name the key: "(expr) and pk > last". */
static bool names_key(const struct querying *q)
{
    const char *name = q->collection->primary->name, *at = q->query->expr;
    return at && strstr(at, name) != NULL;
}

static MilvusStatus *by_filter(struct querying *q)
{
    struct kith_query_opts opts = query_opts_of(q->query);
    if (asked(q, &opts.output)) return milvus_no_memory(q->call);
    opts.offset = q->query->has_limit ? (uint64_t)q->query->offset : 0;
    opts.limit = q->query->has_limit ? (uint64_t)q->query->limit : 0;
    opts.explain = q->call->milvus->opts.slow_query_ms != 0;
    const int rc =
        kith_query(q->collection->handle, &opts, q->call->call, &q->out->result, &q->err);
    return rc ? query_engine_error(q, rc) : finish(q, false);
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
    struct kith_query_opts opts = query_opts_of(q->query);
    uint64_t rows;
    if (q->query->has_limit)
        return milvus_status(q->call, MILVUS_INVALID,
                             "count entities with pagination is not allowed: invalid parameter");
    const int rc = kith_count_matching(q->collection->handle, &opts, q->call->call, &rows, &q->err);
    if (rc) return query_engine_error(q, rc);
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
    const bool by_key = query->by_key || q->order.count || names_key(q);
    return query->has_limit && by_key ? page_by_key(q) : by_filter(q);
}

/* Iterators page by key: an order is not read. */
static MilvusStatus *read_order(struct querying *q)
{
    if (!q->query->order_by || q->query->by_key) return NULL;
    MilvusStatus *refused = order_by_split(q->call, q->query->order_by, &q->order);
    if (refused || q->grouped) return refused; /* whose terms may be aggregates */
    return order_by_resolve(q->call, q->collection, &q->order);
}

MilvusStatus *milvus_query_run(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_query *query, struct milvus_query_outcome *out)
{
    struct milvus_query loaded = *query;
    struct querying q = { .call = call, .collection = collection, .query = &loaded, .out = out };
    *out = (struct milvus_query_outcome){ 0 };
    milvus_wait_until(call, query->guarantee);
    MilvusStatus *refused = milvus_read_check(call, collection, "query", &loaded.partitions,
                                              &loaded.partition_count);
    const bool counts = is_count(query) && !query->group_by;
    q.grouped = !counts && query_is_aggregate(query);
    if (!refused)
        refused =
            milvus_expr_zoned(call, collection, query->times.zone, query->expr, &loaded.zoned);
    if (!refused) refused = read_order(&q);
    if (!refused)
        refused = counts ? count_rows(&q) : q.grouped ? query_aggregate(&q) : rows(&q);
    milvus_slow_note(call, "query", collection, query->expr,
                     out->result ? out->result->explain : NULL);
    return refused;
}

void milvus_query_release(struct milvus_query_outcome *outcome)
{
    kith_result_free(outcome->result);
    outcome->result = NULL;
}
