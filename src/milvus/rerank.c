/*
 * Rankers (section 9.5): of rank_params, and of Rerank functions.
 */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "milvus/milvus_data.h"

typedef Milvus__Proto__Schema__FunctionSchema FunctionSchema;

static const char *param(const FunctionSchema *function, const char *key)
{
    return milvus_pair_get(function->params, function->n_params, key);
}

/* "[0.4, 0.6]" */
static MilvusStatus *read_weights(struct milvus_call *call, const char *text,
                                  struct kith_ranker *out)
{
    struct json_value list, key, value;
    struct json_iter iter;
    size_t used, room = 1;
    for (const char *c = text; *c; c++) room += *c == ',';
    double *weights = arena_alloc_array(call->arena, room + 1, sizeof *weights);
    if (!weights) return milvus_no_memory(call);
    if (json_read(text, strlen(text), &list, &used, NULL) || list.kind != JSON_ARRAY)
        return milvus_status(call, MILVUS_INVALID,
                             "The weights param should be an array: invalid parameter");
    json_iter_init(&iter, &list);
    while (json_iter_next(&iter, &key, &value) > 0 && out->weight_count < room) {
        if ((value.kind != JSON_INT && value.kind != JSON_DOUBLE) || !(value.number >= 0) ||
            !(value.number <= 1))
            return milvus_status(call, MILVUS_INVALID,
                                 "rank param weight should be in range [0, 1]: invalid parameter");
        weights[out->weight_count++] = value.number;
    }
    out->weights = weights;
    return NULL;
}

static MilvusStatus *read_rrf(struct milvus_call *call, const char *k, struct kith_ranker *out)
{
    out->kind = KITH_RANK_RRF;
    if (!k) return NULL;
    if (milvus_double_parse(k, &out->rrf_k) && out->rrf_k > 0 && out->rrf_k < 16384) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "The rank params k should be in range (0, 16384): invalid parameter");
}

static MilvusStatus *read_weighted(struct milvus_call *call, const char *weights, const char *norm,
                                   struct kith_ranker *out)
{
    out->kind = KITH_RANK_WEIGHTED;
    if (norm) (void)milvus_parse_bool(norm, &out->normalise);
    if (!weights)
        return milvus_status(call, MILVUS_INVALID,
                             "not found weights in rank_params: invalid parameter");
    return read_weights(call, weights, out);
}

static bool read_number(const FunctionSchema *function, const char *key, double *out)
{
    const char *text = param(function, key);
    return text && milvus_double_parse(text, out);
}

static enum kith_score_mode score_mode(const char *text)
{
    if (text && strcasecmp(text, "sum") == 0) return KITH_SCORE_SUM;
    return text && strcasecmp(text, "avg") == 0 ? KITH_SCORE_AVG : KITH_SCORE_MAX;
}

static MilvusStatus *read_decay(struct milvus_call *call, const FunctionSchema *function,
                                struct kith_ranker *out)
{
    const char *shape = param(function, "function"), *norm = param(function, "norm_score");
    out->kind = KITH_RANK_DECAY;
    out->score_mode = score_mode(param(function, "score_mode"));
    if (norm) (void)milvus_parse_bool(norm, &out->normalise);
    if (function->n_input_field_names != 1)
        return milvus_status(call, MILVUS_INVALID,
                             "Decay function only supports single input, but gets [%zu] input: "
                             "invalid parameter",
                             function->n_input_field_names);
    out->decay_field = function->input_field_names[0];
    if (shape && strcasecmp(shape, "gauss") == 0) out->decay = KITH_DECAY_GAUSS;
    else if (shape && strcasecmp(shape, "exp") == 0) out->decay = KITH_DECAY_EXP;
    else if (shape && strcasecmp(shape, "linear") == 0) out->decay = KITH_DECAY_LINEAR;
    else
        return milvus_status(call, MILVUS_INVALID,
                             "Invaild decay function: %s, only support [gauss,linear,exp]: invalid "
                             "parameter",
                             shape ? shape : "");
    if (!read_number(function, "origin", &out->origin))
        return milvus_status(call, MILVUS_INVALID,
                             "Decay function lost param: origin: invalid parameter");
    if (!read_number(function, "scale", &out->scale))
        return milvus_status(call, MILVUS_INVALID,
                             "Decay function lost param: scale: invalid parameter");
    (void)read_number(function, "offset", &out->decay_offset);
    if (!read_number(function, "decay", &out->decay_value)) out->decay_value = 0.5;
    if (!(out->scale > 0))
        return milvus_status(call, MILVUS_INVALID,
                             "Decay function param: scale must > 0, but got %g: invalid parameter",
                             out->scale);
    if (out->decay_offset < 0)
        return milvus_status(
            call, MILVUS_INVALID,
            "Decay function param: offset must >= 0, but got %g: invalid parameter",
            out->decay_offset);
    if (!(out->decay_value > 0 && out->decay_value < 1))
        return milvus_status(call, MILVUS_INVALID,
                             "Decay function param: decay must 0 < decay < 1, but got %g: invalid "
                             "parameter",
                             out->decay_value);
    return NULL;
}

static void read_random(struct milvus_call *call, const char *text, struct kith_boost *out)
{
    struct json_value value;
    const struct json_step seed = { .key = "seed", .key_len = 4 };
    const struct json_step field = { .key = "field", .key_len = 5 };
    out->random = true;
    if (json_find(text, strlen(text), &seed, 1, &value) == 0 && value.kind == JSON_INT)
        out->random_seed = (uint64_t)value.integer;
    if (json_find(text, strlen(text), &field, 1, &value) == 0 && value.kind == JSON_STRING)
        out->random_field = arena_strndup(call->arena, value.text + 1, value.len - 2);
}

static MilvusStatus *read_boost(struct milvus_call *call, const FunctionSchema *function,
                                struct kith_boost *out)
{
    const char *random = param(function, "random_score");
    *out = (struct kith_boost){ .filter = param(function, "filter") };
    if (!read_number(function, "weight", &out->weight))
        return milvus_status(call, MILVUS_INVALID,
                             "must set weight params for weight scorer: invalid parameter");
    if (random && *random) read_random(call, random, out);
    return NULL;
}

static enum kith_combine combine(const char *text)
{
    return text && strcasecmp(text, "sum") == 0 ? KITH_COMBINE_SUM : KITH_COMBINE_MULTIPLY;
}

static MilvusStatus *read_boosts(struct milvus_call *call,
                                 const Milvus__Proto__Schema__FunctionScore *score,
                                 struct kith_ranker *out)
{
    MilvusStatus *refused = NULL;
    struct kith_boost *boosts =
        arena_alloc_array(call->arena, score->n_functions + 1, sizeof *boosts);
    if (!boosts) return milvus_no_memory(call);
    out->kind = KITH_RANK_BOOST;
    out->boosts = boosts;
    out->boost_mode = combine(milvus_pair_get(score->params, score->n_params, "boost_mode"));
    out->function_mode = combine(milvus_pair_get(score->params, score->n_params, "function_mode"));
    for (size_t i = 0; !refused && i < score->n_functions; i++) {
        const char *name = param(score->functions[i], "reranker");
        if (!name || strcasecmp(name, "boost"))
            refused = milvus_status(call, MILVUS_INVALID,
                                    "Currently only supports one rerank: invalid parameter");
        else refused = read_boost(call, score->functions[i], &boosts[out->boost_count++]);
    }
    return refused;
}

MilvusStatus *milvus_rerank_function(struct milvus_call *call,
                                     const Milvus__Proto__Schema__FunctionScore *score,
                                     struct kith_ranker *out)
{
    const FunctionSchema *function = score->functions[0];
    const char *name = param(function, "reranker");
    if (name && strcasecmp(name, "boost") == 0) return read_boosts(call, score, out);
    if (score->n_functions != 1)
        return milvus_status(call, MILVUS_INVALID,
                             "Currently only supports one rerank: invalid parameter");
    if (name && strcasecmp(name, "rrf") == 0) return read_rrf(call, param(function, "k"), out);
    if (name && strcasecmp(name, "weighted") == 0)
        return read_weighted(call, param(function, "weights"), param(function, "norm_score"), out);
    if (name && strcasecmp(name, "decay") == 0) return read_decay(call, function, out);
    return milvus_status(call, MILVUS_INVALID, "Unsupported rerank function: [%.100s]: invalid "
                                               "parameter",
                         name ? name : "");
}

/* ---- rank_params ---- */

static const char *json_text(struct milvus_call *call, const char *json, const char *key)
{
    const struct json_step step = { .key = key, .key_len = strlen(key) };
    struct json_value value;
    if (!json || json_find(json, strlen(json), &step, 1, &value)) return NULL;
    const size_t quotes = value.kind == JSON_STRING;
    return arena_strndup(call->arena, value.text + quotes, value.len - 2 * quotes);
}

static MilvusStatus *read_strategy(struct milvus_call *call, MilvusPair *const *pairs,
                                   size_t count, struct kith_ranker *out)
{
    const char *strategy = milvus_pair_get(pairs, count, "strategy");
    const char *params = milvus_pair_get(pairs, count, "params");
    if (params && *params && json_validate(params, strlen(params), NULL))
        return milvus_status(call, MILVUS_INVALID,
                             "parse rank params failed: %.200s is no JSON: invalid parameter",
                             params);
    if (!params || !*params) params = NULL;
    if (!strategy || !*strategy || strcmp(strategy, "rrf") == 0)
        return read_rrf(call, json_text(call, params, "k"), out);
    if (strcmp(strategy, "weighted") == 0)
        return read_weighted(call, json_text(call, params, "weights"),
                             json_text(call, params, "norm_score"), out);
    return milvus_status(call, MILVUS_INVALID, "unsupported rank type %.100s: invalid parameter",
                         strategy);
}

static MilvusStatus *read_int(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                              const char *key, int64_t *out)
{
    const char *text = milvus_pair_get(pairs, count, key);
    if (!text || !*text || milvus_parse_int(text, out)) return NULL;
    return milvus_status(call, MILVUS_INVALID, "%s [%.100s] is invalid: invalid parameter", key,
                         text);
}

MilvusStatus *milvus_hybrid_params(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                                   struct milvus_hybrid *out)
{
    int64_t decimals = -1;
    const char *strict = milvus_pair_get(pairs, count, "strict_group_size");
    const char *limit = milvus_pair_get(pairs, count, "limit");
    out->group_by = milvus_pair_get(pairs, count, "group_by_field");
    if (out->group_by && !*out->group_by) out->group_by = NULL;
    out->order_by = milvus_pair_get(pairs, count, "order_by_fields");
    if (out->order_by && !*out->order_by) out->order_by = NULL;
    out->group_size = 1;
    out->group_scorer = score_mode(milvus_pair_get(pairs, count, "rank_group_scorer"));
    if (strict) (void)milvus_parse_bool(strict, &out->strict_group_size);
    if (!limit || !*limit)
        return milvus_status(call, MILVUS_INVALID,
                             "limit not found in rank_params: invalid parameter");
    MilvusStatus *refused = read_int(call, pairs, count, "limit", &out->limit);
    if (!refused) refused = read_int(call, pairs, count, "offset", &out->offset);
    if (!refused) refused = read_int(call, pairs, count, "round_decimal", &decimals);
    if (!refused) refused = read_int(call, pairs, count, "group_size", &out->group_size);
    if (!refused && (decimals < -1 || decimals > 6))
        refused = milvus_status(call, MILVUS_INVALID,
                                "round_decimal [%lld] is invalid, should be -1 or an integer in "
                                "range [0, 6]: invalid parameter",
                                (long long)decimals);
    out->round_decimal = (int)decimals;
    return refused ? refused : read_strategy(call, pairs, count, &out->ranker);
}
