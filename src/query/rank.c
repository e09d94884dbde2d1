/*
 * Fusing lists of search results: see rank.h.
 *
 * All lists go into one table of distinct rows; each row has what RRF, weights or the score mode
 * make of its places in the lists. Decay and boost then change the scores of the merged rows, and
 * one sort ends it.
 */
#include "query/rank.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/rng.h"

#define RRF_K_DEFAULT 60.0
#define RRF_K_MAX     16384.0
#define DECAY_DEFAULT 0.5

static bool smaller_is_better(enum kith_metric metric)
{
    return metric != KITH_IP && metric != KITH_COSINE && metric != KITH_BM25;
}

double rank_score(enum kith_metric metric, double distance)
{
    if (metric == KITH_COSINE) return 1 - distance;
    return smaller_is_better(metric) ? distance : -distance;
}

double rank_normalise(enum kith_metric metric, double score)
{
    switch (metric) {
    case KITH_COSINE: return (1 + score) / 2;
    case KITH_IP: return 0.5 + atan(score) / M_PI;
    case KITH_BM25: return 2 * atan(score) / M_PI;
    case KITH_METRIC_DEFAULT:
    case KITH_L2:
    case KITH_HAMMING:
    case KITH_JACCARD: break;
    }
    return 1 - 2 * atan(score) / M_PI;
}

double rank_round(double score, int digits)
{
    const double scale = pow(10, digits);
    return floor(score * scale + 0.5) / scale;
}

/* ---- is the ranker in order? ---- */

static int check_weights(const struct kith_ranker *ranker, size_t searches, struct kith_error *err)
{
    if (ranker->weight_count != searches || !ranker->weights)
        return error_set(err, KITH_EINVAL,
                         "the length of weights param mismatch with ann search requests");
    for (size_t i = 0; i < searches; i++)
        if (!(ranker->weights[i] >= 0 && ranker->weights[i] <= 1))
            return error_set_at(err, KITH_EINVAL, i,
                                "rank param weight should be in range [0, 1]");
    return 0;
}

static int check_decay(const struct kith_ranker *ranker, struct kith_error *err)
{
    if (!ranker->decay_field)
        return error_set(err, KITH_EINVAL, "Decay function lost param: input field");
    if (!isfinite(ranker->origin))
        return error_set(err, KITH_EINVAL, "Decay function lost param: origin");
    if (!(ranker->scale > 0))
        return error_set(err, KITH_EINVAL, "Decay function param: scale must > 0, but got %g",
                         ranker->scale);
    if (!(ranker->decay_offset >= 0))
        return error_set(err, KITH_EINVAL, "Decay function param: offset must >= 0, but got %g",
                         ranker->decay_offset);
    if (ranker->decay_value != 0 && !(ranker->decay_value > 0 && ranker->decay_value < 1))
        return error_set(err, KITH_EINVAL,
                         "Decay function param: decay must 0 < decay < 1, but got %g",
                         ranker->decay_value);
    if (ranker->decay > KITH_DECAY_LINEAR)
        return error_set(err, KITH_EINVAL, "Decay function is one of gauss, exp, linear");
    return 0;
}

int rank_check(const struct kith_ranker *ranker, size_t searches, struct kith_error *err)
{
    switch (ranker->kind) {
    case KITH_RANK_RRF:
        if (ranker->rrf_k == 0 || (ranker->rrf_k > 0 && ranker->rrf_k < RRF_K_MAX)) return 0;
        return error_set(err, KITH_EINVAL,
                         "The rank params k should be in range (0, 16384)");
    case KITH_RANK_WEIGHTED: return check_weights(ranker, searches, err);
    case KITH_RANK_DECAY: return check_decay(ranker, err);
    case KITH_RANK_BOOST:
        if (ranker->boost_count > 0 && ranker->boosts) return 0;
        return error_set(err, KITH_EINVAL, "a boost ranker has at least one rule");
    }
    return error_set(err, KITH_EINVAL, "unsupported rank type %d", (int)ranker->kind);
}

/* ---- one score a row from its places in the lists ---- */

static bool metrics_mixed(const struct rank_list *lists, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (smaller_is_better(lists[i].metric) != smaller_is_better(lists[0].metric)) return true;
    return false;
}

bool rank_ascending(const struct kith_ranker *ranker, const struct rank_list *lists,
                    size_t list_count)
{
    if (ranker->kind == KITH_RANK_RRF || ranker->kind == KITH_RANK_DECAY) return false;
    if (ranker->kind == KITH_RANK_WEIGHTED && ranker->normalise) return false;
    if (list_count == 0 || metrics_mixed(lists, list_count)) return false;
    return smaller_is_better(lists[0].metric);
}

struct merged { /* one distinct row while the lists are read */
    struct ranked ranked;
    double score;
    size_t seen; /* lists that hold it */
};

struct fusion {
    const struct kith_ranker *ranker;
    const struct rank_list *lists;
    size_t list_count;
    const struct rank_rows *rows;
    bool ascending;
    bool mixed;
    struct map64 places; /* (segment, row) -> number in items */
    struct merged *items; /* in the arena */
    size_t count;
};

/* The part of a list that enters the sum. Distances among similarities, and all distances under a
 * decay (a factor below 1 must make a row worse), are turned around first. */
static double list_score(const struct fusion *fusion, size_t list, size_t rank, double distance)
{
    const struct kith_ranker *ranker = fusion->ranker;
    const enum kith_metric metric = fusion->lists[list].metric;
    if (ranker->kind == KITH_RANK_RRF)
        return 1 / ((ranker->rrf_k > 0 ? ranker->rrf_k : RRF_K_DEFAULT) + (double)rank + 1);
    const bool turn = smaller_is_better(metric) &&
                      (fusion->mixed || ranker->kind == KITH_RANK_DECAY);
    double score = rank_score(metric, distance);
    if ((ranker->normalise && ranker->kind != KITH_RANK_BOOST) || turn)
        score = rank_normalise(metric, score);
    return ranker->kind == KITH_RANK_WEIGHTED ? score * ranker->weights[list] : score;
}

static void combine(const struct fusion *fusion, struct merged *item, double score)
{
    const bool sums = fusion->ranker->kind == KITH_RANK_RRF ||
                      fusion->ranker->kind == KITH_RANK_WEIGHTED ||
                      fusion->ranker->score_mode != KITH_SCORE_MAX;
    if (item->seen == 0) item->score = score;
    else if (sums) item->score += score;
    else if (fusion->ascending ? score < item->score : score > item->score) item->score = score;
    item->seen++;
}

static int take_list(struct fusion *fusion, size_t list)
{
    const struct rank_list *from = &fusion->lists[list];
    for (size_t i = 0; i < from->count; i++) {
        const struct place *place = &from->places[i];
        const uint64_t id = (uint64_t)place->segment << 32 | place->row;
        uint64_t number = fusion->count;
        if (!map64_get(&fusion->places, id, &number)) {
            if (map64_put(&fusion->places, id, number)) return KITH_ENOMEM;
            fusion->items[number] = (struct merged){ .ranked.place = *place };
            fusion->count++;
        }
        combine(fusion, &fusion->items[number], list_score(fusion, list, i, place->distance));
    }
    return 0;
}

static int merge_lists(struct fusion *fusion, struct arena *arena)
{
    size_t total = 0;
    for (size_t i = 0; i < fusion->list_count; i++) total += fusion->lists[i].count;
    fusion->items = arena_alloc_array(arena, total + 1, sizeof *fusion->items);
    if (!fusion->items) return KITH_ENOMEM;
    for (size_t i = 0; i < fusion->list_count; i++)
        if (take_list(fusion, i)) return KITH_ENOMEM;
    const struct kith_ranker *ranker = fusion->ranker;
    const bool mean = ranker->score_mode == KITH_SCORE_AVG &&
                      (ranker->kind == KITH_RANK_DECAY || ranker->kind == KITH_RANK_BOOST);
    for (size_t i = 0; mean && i < fusion->count; i++)
        fusion->items[i].score /= (double)fusion->items[i].seen;
    return 0;
}

/* ---- decay and boost ---- */

static double decay_factor(const struct kith_ranker *ranker, double value)
{
    const double decay = ranker->decay_value > 0 ? ranker->decay_value : DECAY_DEFAULT;
    const double x = fmax(0, fabs(value - ranker->origin) - ranker->decay_offset);
    switch (ranker->decay) {
    case KITH_DECAY_GAUSS: return exp(x * x * log(decay) / (ranker->scale * ranker->scale));
    case KITH_DECAY_EXP: return exp(x * log(decay) / ranker->scale);
    case KITH_DECAY_LINEAR: break;
    }
    return fmax(decay, 1 - x * (1 - decay) / ranker->scale);
}

/* A row without a value is infinitely far from the origin. */
static int apply_decay(struct fusion *fusion, struct merged *item)
{
    double value = 0;
    bool present = false;
    const int rc = fusion->rows->value(fusion->rows->ctx, &item->ranked.place, &value, &present);
    if (rc) return rc;
    item->score *= decay_factor(fusion->ranker, present ? value : INFINITY);
    return 0;
}

static int rule_weight(const struct fusion *fusion, size_t rule, const struct place *place,
                       double *weight)
{
    const struct kith_boost *boost = &fusion->ranker->boosts[rule];
    *weight = boost->weight;
    if (!boost->random) return 0;
    uint64_t number;
    const int rc = fusion->rows->number(fusion->rows->ctx, rule, place, &number);
    if (rc) return rc;
    *weight *= (double)(rng_mix(number ^ rng_mix(boost->random_seed)) >> 11) * 0x1p-53;
    return 0;
}

static int apply_boost(struct fusion *fusion, struct merged *item)
{
    const bool product = fusion->ranker->function_mode == KITH_COMBINE_MULTIPLY;
    double all = product ? 1 : 0;
    bool any = false;
    for (size_t i = 0; i < fusion->ranker->boost_count; i++) {
        bool matches = false;
        double weight = 0;
        int rc = fusion->rows->matches(fusion->rows->ctx, i, &item->ranked.place, &matches);
        if (rc == 0 && matches) rc = rule_weight(fusion, i, &item->ranked.place, &weight);
        if (rc) return rc;
        if (!matches) continue;
        all = product ? all * weight : all + weight;
        any = true;
    }
    if (!any) return 0;
    const bool multiply = fusion->ranker->boost_mode == KITH_COMBINE_MULTIPLY;
    item->score = multiply ? item->score * all : item->score + all;
    return 0;
}

static int finish_item(struct fusion *fusion, struct merged *item, struct ranked *out)
{
    int rc = 0;
    if (fusion->ranker->kind == KITH_RANK_DECAY) rc = apply_decay(fusion, item);
    if (fusion->ranker->kind == KITH_RANK_BOOST) rc = apply_boost(fusion, item);
    *out = item->ranked;
    out->place.distance = (float)item->score;
    return rc ? rc : fusion->rows->key(fusion->rows->ctx, &out->place, &out->key);
}

static int compare_ranked(const void *a, const void *b, void *ascending)
{
    const struct ranked *x = a, *y = b;
    const float p = x->place.distance, q = y->place.distance;
    if (p != q) return (*(const bool *)ascending ? p < q : p > q) ? -1 : 1;
    return key_compare(x->key, y->key);
}

int rank_fuse(const struct kith_ranker *ranker, const struct rank_list *lists, size_t list_count,
              const struct rank_rows *rows, struct arena *arena, struct ranked **out,
              size_t *count, struct kith_error *err)
{
    struct fusion fusion = { .ranker = ranker,
                             .lists = lists,
                             .list_count = list_count,
                             .rows = rows,
                             .ascending = rank_ascending(ranker, lists, list_count),
                             .mixed = metrics_mixed(lists, list_count) };
    map64_init(&fusion.places);
    int rc = merge_lists(&fusion, arena);
    map64_release(&fusion.places);
    struct ranked *items =
        rc ? NULL : arena_alloc_array(arena, fusion.count + 1, sizeof *items);
    if (!items) return error_set(err, KITH_ENOMEM, "ranking: no memory");
    for (size_t i = 0; rc == 0 && i < fusion.count; i++)
        rc = finish_item(&fusion, &fusion.items[i], &items[i]);
    if (rc) return error_set(err, rc, "ranking: reading a row failed: %s", error_name(rc));
    qsort_r(items, fusion.count, sizeof *items, compare_ranked, &fusion.ascending);
    *out = items;
    *count = fusion.count;
    return 0;
}
