/*
 * The adaptive rules, in one place: what is chosen when nothing was asked for, and when a filtered
 * search scans instead of walking. Each figure was set against measured recall (README, bench/).
 */
#include "index/adapt.h"

#include <math.h>

#include "index/graph_internal.h"
#include "index/index.h"

/* What a row of a scan costs, in distances of a walk (those are of codes, but anywhere in memory):
 * a part for its arithmetic and a part for its bytes. Measured: 0.6 at 400 bytes, 1.5 at 3,136. */
#define SCAN_COST(row_bytes) (0.5 + (double)(row_bytes) / 3000.0)
/* A walk's hop meets this share of its node's neighbours for the first time. */
#define FRESH_SHARE 0.5

/* A walk keeps a quarter more candidates than ef: the time is what a larger ef would have cost, and
 * recall at equal ef stays above that of a walk with exact distances at every ef. */
#define POOL_EXTRA 4u

struct m_rule {
    uint32_t dim_max;
    uint32_t m;
};
static const struct m_rule m_rules[] = {{256, 16}, {1024, 24}, {UINT32_MAX, 32}};

struct ef_rule {
    size_t rows_below;
    uint32_t ef_construction;
};
static const struct ef_rule ef_rules[] = {{10000, 100}, {1000000, 200}, {SIZE_MAX, 300}};

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least ? least : value > most ? most : value;
}

struct index_params index_params_adapt(struct index_params given, size_t n, uint32_t dim)
{
    struct index_params p = given;
    for (size_t i = 0; p.m == 0; i++) {
        if (dim <= m_rules[i].dim_max) p.m = m_rules[i].m;
    }
    for (size_t i = 0; p.ef_construction == 0; i++) {
        if (n <= ef_rules[i].rows_below - 1) p.ef_construction = ef_rules[i].ef_construction;
    }
    p.m = clamp(p.m, 2, GRAPH_CAPACITY_MAX / 2);
    p.ef_construction = clamp(p.ef_construction, p.m, 4096);
    return p;
}

uint32_t index_ef_adapt(uint32_t ef, size_t k, size_t n)
{
    const size_t most = GRAPH_EF_MAX;
    size_t width = ef;
    if (ef == 0) {
        const double grow = 4.0 + 4.0 * log10((double)n / 1000.0 + 1.0);
        width = (size_t)((double)(k < most ? k : most) * grow);
        if (width < 64) width = 64;
        if (width > 1000) width = 1000;
    }
    if (width < k) width = k;
    return (uint32_t)(width < most ? width : most);
}

size_t index_min_rows(uint32_t dim)
{
    return dim <= 256 ? 4096 : 2048;
}

struct index_walk_plan index_walk_adapt(uint32_t ef, size_t k, size_t rows, size_t allowed,
                                        uint32_t degree, size_t row_bytes)
{
    const size_t width = index_ef_adapt(ef, k, rows);
    struct index_walk_plan plan = {.ef = width, .pool = width + width / POOL_EXTRA};
    if (k > GRAPH_EF_MAX) plan.scan = true;
    if (allowed == 0 || allowed >= rows) return plan;
    const double widened = (double)plan.pool * (double)rows / (double)allowed;
    const double walk_cost = widened * (double)degree * FRESH_SHARE;
    const double scan_cost = (double)allowed * SCAN_COST(row_bytes);
    if (widened > (double)GRAPH_EF_MAX || walk_cost > scan_cost) plan.scan = true;
    if (!plan.scan) plan.pool = (size_t)widened;
    return plan;
}
