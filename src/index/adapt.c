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
/* A filtered walk that costs this many times the scan of all allowed rows gives up. */
#define GIVE_UP 2.0
/* What the chance that a filter is not random adds to a walk among all nodes. */
#define RISK 1.3
/* Allowed nodes within two steps below which a walk among allowed nodes falls apart. */
#define CONNECTED_LEAST 8.0
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

/* Distances a walk among all nodes computes to settle `width` allowed ones of this share, if they
 * lie anywhere; when they lie away from the query it takes up to five times as many. */
static double cost_of_all(const struct index_walk_input *in, double width, double share)
{
    return RISK * width / share * (double)in->degree * FRESH_SHARE;
}

/* The same among allowed nodes, lists looked through included. Measured on words: 3.3 times the
 * degree a hop at a share of .03, 2.5 at .1, 1.4 from .3 on; beside larger codes lists weigh
 * less. */
static double cost_of_allowed(const struct index_walk_input *in, double width, double share)
{
    const double rare = share < 0.3 ? 1.0 - share / 0.3 : 0.0;
    const double list = 1.3 / SCAN_COST(in->row_bytes);
    return width * (double)in->degree * (1.2 + list * rare);
}

/* Whether two steps lead to enough allowed nodes: recall on words is .96 at ten expected ones, .79
 * at three. */
static bool connected(const struct index_walk_input *in, double share)
{
    return share * (double)in->degree * (double)in->degree >= CONNECTED_LEAST;
}

struct index_walk_plan index_walk_adapt(const struct index_walk_input *in)
{
    const size_t width = index_ef_adapt(in->ef, in->k, in->rows);
    struct index_walk_plan plan = {.way = INDEX_WALK_ALL, .pool = width + width / POOL_EXTRA};
    if (in->k > GRAPH_EF_MAX) plan.way = INDEX_WALK_NONE;
    if (!in->filtered || plan.way == INDEX_WALK_NONE) return plan;
    const double share = (double)in->allowed / (double)in->rows;
    const double scan = (double)in->allowed * SCAN_COST(in->row_bytes);
    const double all = cost_of_all(in, (double)plan.pool, share);
    const double allowed = connected(in, share)
                               ? cost_of_allowed(in, (double)plan.pool, share)
                               : (double)INFINITY;
    plan.work_max = (uint64_t)(GIVE_UP * scan);
    if (in->mode == INDEX_FILTER_WALK || (in->mode == INDEX_FILTER_AUTO && allowed < all)) {
        plan.way = INDEX_WALK_ALLOWED;
    } else {
        plan.found = plan.pool;
        const double start = (double)plan.pool / share;
        plan.pool = start < (double)GRAPH_EF_MAX ? (size_t)start : GRAPH_EF_MAX;
    }
    if (in->mode == INDEX_FILTER_AUTO && scan < fmin(all, allowed)) plan.way = INDEX_WALK_NONE;
    return plan;
}
