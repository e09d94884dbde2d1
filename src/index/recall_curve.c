/*
 * How recall grows with ef, measured: the ground under "recall: 0.98" instead of a number of
 * candidates.
 *
 * The same searches are run at a ladder of widths, each half as wide again as the one before. A
 * search is a function of its arguments, so the curve is the same each time and on every machine.
 * Between two steps of the ladder the share of misses is taken to fall like a power of ef, which is
 * what curves of graphs look like from a recall of a half on.
 */
#include <math.h>

#include "base/alloc.h"
#include "index/index.h"

#define EF_LEAST 8u
/* What rounding may add to an exact distance: of a tie, relative. */
#define TIE 1e-6f

static uint32_t ef_next(uint32_t ef)
{
    return ef + (ef / 2 > 0 ? ef / 2 : 1);
}

/* How many of hits are among the k nearest or as near as the last of them. */
static size_t found_of(const struct hit *hits, size_t count, const struct hit *truth, size_t k)
{
    if (k == 0) return 0;
    const float last = truth[k - 1].distance;
    const float bound = last + fabsf(last) * TIE;
    size_t found = 0;
    for (size_t i = 0; i < count && i < k; i++) found += hits[i].distance <= bound;
    return found;
}

static int measure(const struct index *index, const struct index_recall_job *job, struct hit *hits,
                   struct index_recall_point *point, struct kith_error *err)
{
    struct index_stats stats = {0};
    size_t found = 0;
    size_t wanted = 0;
    for (size_t q = 0; q < job->query_count; q++) {
        const struct index_search search = {.query = job->queries + q * job->stride_bytes,
                                            .k = job->k, .ef = point->ef, .bound = INFINITY,
                                            .poll = job->poll, .poll_ctx = job->poll_ctx,
                                            .stats = &stats};
        size_t count = 0;
        const int rc = index->ops->search(index, &search, hits, &count, err);
        if (rc) return rc;
        const size_t k = job->truth_counts ? job->truth_counts[q] : job->k;
        found += found_of(hits, count, job->truth + q * job->k, k);
        wanted += k;
    }
    point->recall = wanted > 0 ? (double)found / (double)wanted : 1.0;
    point->distances = job->query_count > 0 ? stats.distances / job->query_count : 0;
    return 0;
}

int index_recall_curve(const struct index *index, const struct index_recall_job *job,
                       struct index_recall_point points[INDEX_RECALL_POINTS], size_t *count,
                       struct kith_error *err)
{
    if (job->k == 0) return error_set(err, KITH_EINVAL, "recall of no neighbours");
    struct hit *hits = mem_alloc_array(job->k, sizeof *hits);
    if (!hits) return error_set(err, KITH_ENOMEM, "no memory to measure recall");
    uint32_t ef = job->k > EF_LEAST ? (uint32_t)(job->k < UINT32_MAX ? job->k : UINT32_MAX)
                                    : EF_LEAST;
    const uint32_t most = job->ef_max > 0 ? job->ef_max : UINT32_MAX;
    size_t measured = 0;
    int rc = 0;
    while (measured < INDEX_RECALL_POINTS && (measured == 0 || ef <= most)) {
        struct index_recall_point point = {.ef = ef};
        rc = measure(index, job, hits, &point, err);
        if (rc) break;
        points[measured++] = point;
        if (point.recall >= job->target || point.recall >= 1.0 || ef > UINT32_MAX / 2) break;
        ef = ef_next(ef);
    }
    mem_free(hits);
    if (!rc) *count = measured;
    return rc;
}

uint32_t index_recall_ef(const struct index_recall_point *points, size_t count, double target)
{
    size_t at = 0;
    while (at < count && points[at].recall < target) at++;
    if (at == count) return 0;
    if (at == 0 || points[at].recall >= 1.0 || target >= points[at].recall) return points[at].ef;
    const double low = log(1.0 - points[at - 1].recall);
    const double high = log(1.0 - points[at].recall);
    const double part = (low - log(1.0 - target)) / (low - high);
    const double from = log((double)points[at - 1].ef);
    const double ef = ceil(exp(from + part * (log((double)points[at].ef) - from)));
    return ef < (double)points[at].ef ? (uint32_t)ef : points[at].ef;
}
