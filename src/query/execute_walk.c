/*
 * One segment through its graph, as the planner chose; and what is done when too few rows came.
 *
 * min(k, allowed) rows are promised. A graph gives fewer when its candidates ran out among rows
 * that are not allowed, or when it is damaged: it is derived data, so the rows are scanned then.
 * With a range, fewer may be all there are: the outermost candidates were too far already.
 */
#include <math.h>

#include "query/execute_internal.h"

static int scan_instead(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    struct segment_tally *tally = &pass->binding->tallies[unit->segment];
    atomic_fetch_add_explicit(&tally->rescans, 1, memory_order_relaxed);
    return pass_scan(pass, unit, err);
}

int pass_walk(struct pass *pass, const struct search_unit *unit, const struct plan_choice *choice,
              struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    const struct segment *segment = binding->rows->segments[unit->segment];
    const struct index *index = segment_index(segment, binding->search.field);
    const struct bitset *set = &binding->allowed->sets[unit->segment];
    const size_t allowed = binding->allowed->counts[unit->segment];
    if (!index) return pass_scan(pass, unit, err);
    const struct index_search search = {
        .query = pass->query->data,
        .k = pass->k,
        .ef = choice->ef,
        .allowed = set->words ? set : NULL,
        .allowed_count = allowed,
        .mode = choice->way == SEARCH_WALK ? INDEX_FILTER_WALK : INDEX_FILTER_RESULT,
        .bound = pass->outer,
        .poll = pass_poll,
        .poll_ctx = pass,
        .stats = &pass->stats,
        .skip = pass->query->skip_segment == unit->segment ? pass->query->skip : 0,
    };
    size_t count = 0;
    int rc = index->ops->search(index, &search, pass->hits, &count, err);
    if (rc == KITH_ECORRUPT) return scan_instead(pass, unit, err);
    if (rc) return rc;
    const size_t wanted = pass->k < allowed ? pass->k : allowed;
    if (count < wanted && isinf(pass->outer)) return scan_instead(pass, unit, err);
    return pass_add(pass, unit->segment, 0, pass->hits, count);
}
