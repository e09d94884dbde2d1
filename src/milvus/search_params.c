/*
 * Pairs of search_params (section 9.1) into a search. What an index takes stands in the JSON object
 * "params"; some clients repeat it among the pairs, so both are looked at.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "milvus/milvus_data.h"

struct reading {
    struct milvus_call *call;
    MilvusPair *const *pairs;
    size_t count;
    const char *json; /* NULL: no params */
    MilvusStatus *refused;
};

static const char *pair(const struct reading *in, const char *key)
{
    const char *text = milvus_pair_get(in->pairs, in->count, key);
    return text && *text ? text : NULL;
}

/* A value of the JSON object or of the pairs, as text; a quoted number counts as one. */
static const char *value_of(const struct reading *in, const char *key)
{
    const struct json_step step = { .key = key, .key_len = strlen(key) };
    struct json_value value;
    if (!in->json || json_find(in->json, strlen(in->json), &step, 1, &value) ||
        value.kind == JSON_NULL)
        return pair(in, key);
    const size_t quotes = value.kind == JSON_STRING;
    return arena_strndup(in->call->arena, value.text + quotes, value.len - 2 * quotes);
}

static void refuse(struct reading *in, const char *key, const char *text)
{
    if (!in->refused)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "%s [%.100s] is invalid: invalid parameter", key, text);
}

static bool read_int(struct reading *in, const char *key, int64_t *out)
{
    const char *text = value_of(in, key);
    if (!text) return false;
    if (milvus_parse_int(text, out)) return true;
    refuse(in, key, text);
    return false;
}

static bool read_double(struct reading *in, const char *key, double *out)
{
    const char *text = value_of(in, key);
    if (!text) return false;
    if (milvus_double_parse(text, out)) return true;
    refuse(in, key, text);
    return false;
}

static bool read_flag(struct reading *in, const char *key)
{
    const char *text = value_of(in, key);
    bool value = false;
    if (!text) return false;
    if (!milvus_parse_bool(text, &value)) refuse(in, key, text);
    return value;
}

static void check_params(struct reading *in)
{
    const char *text = pair(in, "params");
    in->json = text;
    if (text && json_validate(text, strlen(text), NULL)) {
        in->json = NULL;
        in->refused =
            milvus_status(in->call, MILVUS_INVALID,
                          "parse search params failed: %.200s is no JSON: invalid parameter", text);
    }
    text = pair(in, "ignore_growing");
    bool ignored;
    if (!in->refused && text && !milvus_parse_bool(text, &ignored))
        in->refused = milvus_status(in->call, MILVUS_PLAIN, "parse ignore growing field failed");
}

static void read_window(struct reading *in, struct milvus_search *out)
{
    out->has_topk = read_int(in, "topk", &out->topk) || read_int(in, "limit", &out->topk);
    (void)read_int(in, "offset", &out->offset);
    int64_t decimals = -1;
    (void)read_int(in, "round_decimal", &decimals);
    out->round_decimal = (int)(decimals < -2 || decimals > 7 ? 7 : decimals);
    if (!in->refused && out->round_decimal != -1 &&
        (out->round_decimal < 0 || out->round_decimal > 6))
        in->refused =
            milvus_status(in->call, MILVUS_INVALID,
                          "round_decimal [%lld] is invalid, should be -1 or an integer in "
                          "range [0, 6]: invalid parameter",
                          (long long)decimals);
}

static void read_index_params(struct reading *in, struct milvus_search *out)
{
    int64_t ef = 0;
    double drop = 0;
    if (read_int(in, "ef", &ef) && ef > 0 && ef <= UINT32_MAX) out->ef = (uint32_t)ef;
    if (read_double(in, "drop_ratio_search", &drop)) {
        if (drop < 0 || drop >= 1) refuse(in, "drop_ratio_search", "out of [0, 1)");
        else out->drop_ratio = (float)drop;
    }
    out->has_radius = read_double(in, "radius", &out->radius);
    out->has_range_filter = read_double(in, "range_filter", &out->range_filter);
}

static void read_grouping(struct reading *in, struct milvus_search *out)
{
    const char *path = pair(in, "json_path");
    out->group_by = pair(in, "group_by_field");
    if (out->group_by && path) out->group_by = path; /* the field, and the way below it */
    out->group_type = pair(in, "json_type");
    out->strict_cast = read_flag(in, "strict_cast");
    out->group_size = 1;
    const bool sized = read_int(in, "group_size", &out->group_size);
    out->strict_group_size = read_flag(in, "strict_group_size");
    if (!out->group_by || in->refused) return;
    if (sized && out->group_size < 1)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "input group size:%lld is negative, failed to do "
                                    "search_groupby: invalid parameter",
                                    (long long)out->group_size);
    else if (out->group_size > 10)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "input group size:%lld exceeds configured max group size:10: "
                                    "invalid parameter",
                                    (long long)out->group_size);
}

static void read_order(struct reading *in, struct milvus_search *out)
{
    /* Of the pair the quotes of paths are as they were meant. */
    out->order_by = pair(in, "order_by_fields");
    if (!out->order_by) out->order_by = value_of(in, "order_by_fields");
    if (out->order_by && !*out->order_by) out->order_by = NULL;
    if (out->order_by && read_flag(in, "iterator") && !in->refused)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "order_by is not supported when using search iterator: "
                                    "invalid parameter");
}

static void read_iterator(struct reading *in, struct milvus_search *out)
{
    out->iterator = read_flag(in, "iterator") && read_flag(in, "search_iter_v2");
    if (out->group_by && read_flag(in, "iterator") && !in->refused)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "Not allowed to do groupBy when doing iteration: invalid "
                                    "parameter");
    if (!out->iterator) return;
    out->iterator_id = pair(in, "search_iter_id");
    const bool sized = read_int(in, "search_iter_batch_size", &out->iterator_batch);
    out->has_bound = read_double(in, "search_iter_last_bound", &out->bound);
    if (in->refused) return;
    if (!sized)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "batch size is required: invalid parameter");
    else if (out->iterator_batch < 1 || out->iterator_batch > MILVUS_WINDOW_MAX)
        in->refused = milvus_status(in->call, MILVUS_INVALID,
                                    "batch size is invalid, it should be in range [1, %d], but got "
                                    "%lld: invalid parameter",
                                    MILVUS_WINDOW_MAX, (long long)out->iterator_batch);
}

MilvusStatus *milvus_search_params(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                                   struct milvus_search *out)
{
    struct reading in = { .call = call, .pairs = pairs, .count = count };
    check_params(&in);
    out->field = pair(&in, "anns_field");
    out->metric = value_of(&in, "metric_type");
    out->times = milvus_times_read(pairs, count);
    if (out->metric && !*out->metric) out->metric = NULL;
    read_window(&in, out);
    read_index_params(&in, out);
    read_grouping(&in, out);
    read_iterator(&in, out);
    read_order(&in, out);
    return in.refused;
}
