/*
 * The cost model. All times are nanoseconds of one core; what counts is their ratio.
 *
 *   distance   One distance of codes, anywhere in memory: unit_ns. The rest is counted in these.
 *   scan       allowed * row. An exact row costs a part of a distance for its arithmetic and a part
 *              for its bytes, which are more than a code's.
 *   plain walk A walk keeps a quarter more candidates than ef, and expands about as many nodes.
 *              Half of a node's neighbours are met for the first time.
 *   walk       The same number of nodes, at any share. But neighbours that are not allowed are
 *              stepped over, and lists are looked through until enough allowed ones were found:
 *              1.4 times the degree in ids where most are allowed, 3.3 times where few are. An id
 *              costs no code, so it is charged apart from the distances, which get fewer.
 *              Below CONNECTED_LEAST allowed nodes within two steps the walk falls apart.
 *   overfetch  The walk goes on until as many allowed rows were settled, one of 1 / share, so it
 *              expands pool / share nodes. It is the best way for a loose filter and a bad one for
 *              a tight one.
 *
 * The share says nothing of where the allowed rows lie. When they are near the query an overfetch
 * is cheaper than its estimate, when they are far it is dearer, up to the whole graph (at a share
 * of .5, rows in one corner: 8 times a walk's time on fashion, against .5 of it when the filter is
 * random). The estimate is therefore weighted with OVERFETCH_RISK, which puts the change at a share
 * of about one half; a scan, whose time is certain, wins a draw.
 *
 * Numbers: hops and distances of the two filtered walks are those in src/index/README.md; times are
 * ratios of forced plans in one run of `kith bench filter` (README.md).
 */
#include "query/plan.h"

#include <math.h>

#include "index/index.h"

#define UNIT_NS 30.0        /* a distance of codes: the wait for memory */
#define UNIT_BYTE_NS 0.035  /* ... and for each byte of a code */
#define SCAN_ROW 0.5        /* an exact row, in distances */
#define SCAN_BYTE (1.0 / 3000.0)
#define WALK_START_NS 4000.0 /* encoding the query, going down, clearing */
#define POOL_EXTRA 1.25     /* candidates kept, of ef */
#define FRESH_SHARE 0.5     /* neighbours met for the first time, of a plain walk */
#define LIST_NS 22.0        /* an id looked at by a filtered walk */
#define LIST_LOOSE 1.4      /* ids looked at, of the degree: share 0.3 and above */
#define LIST_TIGHT 3.3      /* ... share 0.03 and below */
#define OVERFETCH_RISK 2.0
#define CONNECTED_LEAST 8.0

static double code_bytes(const struct plan_input *in)
{
    return (double)(in->type == KITH_BINARY_VECTOR ? in->row_bytes : in->dim);
}

static double unit_ns(const struct plan_input *in)
{
    return UNIT_NS + UNIT_BYTE_NS * code_bytes(in);
}

static double degree_of(const struct plan_input *in)
{
    const struct index_params adaptive = { 0 };
    return 2.0 * (double)index_params_adapt(adaptive, in->rows, in->dim).m;
}

static double share_of(const struct plan_input *in)
{
    return in->rows && in->allowed ? (double)in->allowed / (double)in->rows : 1.0;
}

static double scan_cost(const struct plan_input *in)
{
    const double row = SCAN_ROW + SCAN_BYTE * (double)in->row_bytes;
    return (double)in->allowed * row * unit_ns(in);
}

static double plain_cost(const struct plan_input *in, double hops)
{
    if (hops > (double)in->rows) hops = (double)in->rows;
    return WALK_START_NS + hops * degree_of(in) * FRESH_SHARE * unit_ns(in);
}

/* From LIST_LOOSE to LIST_TIGHT, straight in the logarithm of the share. */
static double ids_looked_at(double share)
{
    if (share >= 0.3) return LIST_LOOSE;
    if (share <= 0.03) return LIST_TIGHT;
    return LIST_LOOSE + (LIST_TIGHT - LIST_LOOSE) * (log10(0.3) - log10(share));
}

static double walk_cost(const struct plan_input *in, double pool)
{
    if (!in->filtered) return plain_cost(in, pool);
    const double share = share_of(in), degree = degree_of(in);
    const double ids = degree * ids_looked_at(share);
    const double distances = degree * fmin(1.0, 6.0 * share);
    return WALK_START_NS + pool * (ids * LIST_NS + distances * unit_ns(in));
}

static double overfetch_cost(const struct plan_input *in, double pool)
{
    if (!in->filtered) return plain_cost(in, pool);
    return OVERFETCH_RISK * plain_cost(in, pool / share_of(in));
}

static bool walk_holds_together(const struct plan_input *in)
{
    const double degree = degree_of(in);
    return !in->filtered || share_of(in) * degree * degree >= CONNECTED_LEAST;
}

uint32_t plan_ef_for_recall(const struct plan_input *in, float target)
{
    /* Until a graph knows its own curve: the adaptive width gives about .95 to .98 on the sets of
     * bench/, and a miss rate halves with each doubling of it. */
    const double adaptive = (double)index_ef_adapt(0, in->k, in->rows);
    const double missed = 1.0 - (double)target;
    double factor = 0.05 / (missed > 1e-4 ? missed : 1e-4);
    if (factor < 0.25) factor = 0.25;
    double ef = adaptive * factor;
    if (ef < (double)in->k) ef = (double)in->k;
    return (uint32_t)(ef < 65536.0 ? ef : 65536.0);
}

static bool graph_serves(const struct plan_input *in)
{
    return in->graph && !in->exact && in->forced != KITH_PLAN_SCAN;
}

static void choose_forced(const struct plan_input *in, struct plan_choice *out)
{
    out->why = "asked for";
    if (!in->filtered) out->way = SEARCH_PLAIN;
    else out->way = in->forced == KITH_PLAN_WALK ? SEARCH_WALK : SEARCH_OVERFETCH;
}

/* Of two times of which the first may be impossible. */
static double least(double walk, double overfetch)
{
    return walk >= 0 && walk < overfetch ? walk : overfetch;
}

static void choose_cheapest(const struct plan_input *in, struct plan_choice *out)
{
    if (in->k >= in->allowed) {
        out->way = SEARCH_SCAN;
        out->why = "every allowed row is asked for";
    } else if (out->scan_ns <= least(out->walk_ns, out->overfetch_ns)) {
        out->way = SEARCH_SCAN;
        out->why = "the fewest nanoseconds: few rows are allowed";
    } else if (!in->filtered) {
        out->way = SEARCH_PLAIN;
        out->why = "every row is allowed";
    } else if (out->walk_ns >= 0 && out->walk_ns < out->overfetch_ns) {
        out->way = SEARCH_WALK;
        out->why = "the fewest nanoseconds: too many rows to scan, too few to meet by chance";
    } else {
        out->way = SEARCH_OVERFETCH;
        out->why = "the fewest nanoseconds: most rows met are allowed";
    }
}

struct plan_choice plan_choose(const struct plan_input *in)
{
    struct plan_choice out = { .ef = in->ef, .walk_ns = -1, .overfetch_ns = -1 };
    out.scan_ns = scan_cost(in);
    if (in->allowed == 0) {
        out.way = SEARCH_NONE;
        out.why = "no row is allowed";
        return out;
    }
    if (in->graph) {
        if (in->recall > 0 && in->ef == 0) out.ef = plan_ef_for_recall(in, in->recall);
        const double ef = (double)index_ef_adapt(out.ef, in->k, in->rows);
        if (walk_holds_together(in)) out.walk_ns = walk_cost(in, ef * POOL_EXTRA);
        out.overfetch_ns = overfetch_cost(in, ef * POOL_EXTRA);
    }
    if (!graph_serves(in)) {
        out.way = SEARCH_SCAN;
        out.why = in->exact || in->forced == KITH_PLAN_SCAN ? "asked for" : "there is no graph";
    } else if (in->forced != KITH_PLAN_AUTO) {
        choose_forced(in, &out);
    } else {
        choose_cheapest(in, &out);
    }
    return out;
}

double plan_cost(const struct plan_choice *choice)
{
    switch (choice->way) {
    case SEARCH_NONE: return 0;
    case SEARCH_PLAIN: case SEARCH_WALK: return choice->walk_ns;
    case SEARCH_OVERFETCH: return choice->overfetch_ns;
    default: return choice->scan_ns;
    }
}

const char *plan_way_name(enum search_way way)
{
    switch (way) {
    case SEARCH_NONE: return "none";
    case SEARCH_SCAN: return "scan";
    case SEARCH_PLAIN: return "plain walk";
    case SEARCH_WALK: return "walk";
    case SEARCH_OVERFETCH: return "overfetch";
    case SEARCH_SPARSE: return "sparse";
    }
    return "?";
}
