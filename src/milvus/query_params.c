/*
 * Pairs of query_params (section 9.2) into a query.
 */
#include <string.h>

#include "milvus/milvus_data.h"

static MilvusStatus *number(struct milvus_call *call, const char *key, const char *text,
                            int64_t *out, bool *has)
{
    if (!text || !*text) return NULL;
    if (!milvus_parse_int(text, out))
        return milvus_status(call, MILVUS_INVALID, "%s [%.100s] is invalid: invalid parameter", key,
                             text);
    *has = true;
    return NULL;
}

static bool flag(MilvusPair *const *pairs, size_t count, const char *key)
{
    const char *text = milvus_pair_get(pairs, count, key);
    bool value = false;
    return text && milvus_parse_bool(text, &value) && value;
}

static MilvusStatus *check_window(struct milvus_call *call, const struct milvus_query *query)
{
    if (query->limit <= 0)
        return milvus_status(call, MILVUS_INVALID,
                             "invalid max query result window, limit [%lld] is invalid, should be "
                             "greater than 0: invalid parameter",
                             (long long)query->limit);
    if (query->offset < 0)
        return milvus_status(call, MILVUS_INVALID,
                             "invalid max query result window, offset [%lld] is invalid, should be "
                             "gte than 0: invalid parameter",
                             (long long)query->offset);
    if (query->limit <= MILVUS_WINDOW_MAX && query->offset <= MILVUS_WINDOW_MAX - query->limit)
        return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "invalid max query result window, (offset+limit) should be in range [1, "
                         "%d], but got %lld: invalid parameter",
                         MILVUS_WINDOW_MAX, (long long)query->limit + (long long)query->offset);
}

MilvusStatus *milvus_query_params(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                                  struct milvus_query *out)
{
    MilvusStatus *refused = number(call, "limit", milvus_pair_get(pairs, count, "limit"),
                                   &out->limit, &out->has_limit);
    const char *grouped = milvus_pair_get(pairs, count, "group_by_fields");
    const char *ordered = milvus_pair_get(pairs, count, "order_by_fields");
    if (!refused)
        refused = number(call, "offset", milvus_pair_get(pairs, count, "offset"), &out->offset,
                         &out->has_offset);
    if (refused) return refused;
    out->order_by = ordered && *ordered ? ordered : NULL;
    out->group_by = grouped && *grouped ? grouped : NULL;
    out->by_key = flag(pairs, count, "iterator") || flag(pairs, count, "reduce_stop_for_best");
    out->times = milvus_times_read(pairs, count);
    /* -1: clients without a limit of their own; without one an offset is not read. */
    if (out->has_limit && out->limit == -1) out->has_limit = false;
    if (!out->has_limit) out->offset = 0;
    return out->has_limit ? check_window(call, out) : NULL;
}
