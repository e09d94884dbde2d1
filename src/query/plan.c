/*
 * The cost model. All times are nanoseconds of one core; what counts is their ratio.
 *
 *   scan       allowed * row_ns. A row costs a part for its arithmetic and a part for its bytes.
 *              Where most rows are allowed it is read in runs, else row by row, which the prefetch
 *              of a gather does not quite hide.
 *   walk       expansions * hop_ns. A plain walk of width `ef` expands about ef nodes, each of
 *              which shows some neighbours for the first time; their codes lie anywhere in memory.
 *   filtered   the same number of expansions, but a node's neighbours are looked through two steps
 *              deep, so a hop costs WALK_FILTER times as much, growing slowly as rows get rarer.
 *   overfetch  the walk goes on until `ef` allowed rows were seen, one of 1 / share, so it expands
 *              ef / share nodes. It is the best way for a loose filter (hops are cheap) and a bad
 *              one for a tight one.
 *
 * The share says nothing of where the allowed rows lie. When they are near the query an overfetch
 * is cheaper than its estimate, when they are far it is dearer and without a bound; the estimate is
 * therefore weighted with OVERFETCH_RISK, and a scan, whose time is certain, wins a draw.
 *
 * Numbers: measured with `kith bench filter --calibrate` on one core of a shared machine (AVX-512);
 * see the table in README.md.
 */
#include "query/plan.h"

#include <math.h>

#include "index/index.h"

#define ROW_NS 4.0          /* a row of a scan: its share of loop, bound and heap */
#define RUN_BYTE_NS 0.08    /* ... and of each of its bytes, read in runs */
#define GATHER_NS 14.0      /* a row reached alone */
#define GATHER_BYTE_NS 0.11
#define WALK_START_NS 4000.0 /* encoding the query, going down, clearing */
#define HOP_NS 330.0        /* expanding a node */
#define HOP_BYTE_NS 1.6     /* ... for each byte of a code: about 16 new neighbours */
#define WALK_FILTER 1.6     /* hops of a filtered walk, which look two steps deep */
#define OVERFETCH_RISK 1.3
#define RUN_SHARE 0.9       /* from this share on rows come in runs */

static double code_bytes(const struct plan_input *in)
{
    return (double)(in->type == KITH_BINARY_VECTOR ? in->row_bytes : in->dim);
}

static double scan_cost(const struct plan_input *in)
{
    const double bytes = (double)in->row_bytes;
    const double share = (double)in->allowed / (double)(in->rows ? in->rows : 1);
    const double row = share >= RUN_SHARE ? ROW_NS + RUN_BYTE_NS * bytes
                                          : ROW_NS + GATHER_NS + GATHER_BYTE_NS * bytes;
    return (double)in->allowed * row;
}

static double hops_cost(const struct plan_input *in, double hops)
{
    return WALK_START_NS + hops * (HOP_NS + HOP_BYTE_NS * code_bytes(in));
}

static double share_of(const struct plan_input *in)
{
    return in->rows && in->allowed ? (double)in->allowed / (double)in->rows : 1.0;
}

/* Two steps deep, and deeper where allowed neighbours are rare. */
static double walk_cost(const struct plan_input *in, double ef)
{
    if (!in->filtered) return hops_cost(in, ef);
    return hops_cost(in, ef * WALK_FILTER * (1.0 + 0.25 * log2(1.0 / share_of(in))));
}

static double overfetch_cost(const struct plan_input *in, double ef)
{
    double hops = ef / share_of(in);
    if (hops > (double)in->rows) hops = (double)in->rows;
    return hops_cost(in, hops) * (in->filtered ? OVERFETCH_RISK : 1.0);
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

static void choose_cheapest(const struct plan_input *in, struct plan_choice *out)
{
    if (in->k >= in->allowed) {
        out->way = SEARCH_SCAN;
        out->why = "every allowed row is asked for";
    } else if (out->scan_ns <= out->walk_ns && out->scan_ns <= out->overfetch_ns) {
        out->way = SEARCH_SCAN;
        out->why = "the fewest nanoseconds: few rows are allowed";
    } else if (!in->filtered) {
        out->way = SEARCH_PLAIN;
        out->why = "every row is allowed";
    } else if (out->walk_ns < out->overfetch_ns) {
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
        out.walk_ns = walk_cost(in, ef);
        out.overfetch_ns = overfetch_cost(in, ef);
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
