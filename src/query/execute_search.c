/*
 * One query over the units of a bound search, on one thread or several: see execute.h.
 *
 * On one thread the units go one after another through one pass, and what was found bounds what
 * follows. On several, every unit has a pass of its own and the lists are joined. An exact scan
 * gives the same either way; a walk is never bounded by other units. So the answer is a function
 * of the rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/execute_internal.h"

/* ------------------------------------------------------------------ the list of a pass */

int pass_poll(void *ctx)
{
    struct pass *pass = ctx;
    const struct view_rows *rows = pass->binding->rows;
    if (!rows->poll) return 0;
    pass->poll_status = rows->poll(rows->poll_ctx);
    return pass->poll_status;
}

static int pass_reserve(struct pass *pass, size_t more)
{
    if (pass->count + more <= pass->room) return 0;
    size_t room = (pass->count + more) * 2;
    struct place *grown = mem_realloc(pass->found, room * sizeof *grown);
    if (!grown) return KITH_ENOMEM;
    pass->found = grown;
    pass->room = room;
    return 0;
}

int pass_add(struct pass *pass, uint32_t segment, uint32_t first, const struct hit *hits,
             size_t count)
{
    if (pass_reserve(pass, count)) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++)
        pass->found[pass->count++] = (struct place){
            .segment = segment, .row = first + hits[i].id, .distance = hits[i].distance
        };
    return 0;
}

static int compare_distance(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    if (x->segment != y->segment) return x->segment < y->segment ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Equal distances come out in key order; a key that cannot be read leaves the physical order. */
static int compare_key(const void *a, const void *b, void *ctx)
{
    const struct place *x = a, *y = b;
    const struct view_rows *const *rows = ctx;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    struct key p, q;
    if (segment_key((*rows)->segments[x->segment], x->row, &p) ||
        segment_key((*rows)->segments[y->segment], y->row, &q))
        return compare_distance(a, b);
    int order = key_compare(p, q);
    return order ? order : compare_distance(a, b);
}

void places_sort(const struct view_rows *rows, struct place *places, size_t count)
{
    if (count > 1) qsort_r(places, count, sizeof *places, compare_key, &rows);
}

float pass_bound(struct pass *pass)
{
    if (pass->count < pass->k) return pass->outer;
    if (pass->count > pass->k + 4 * pass->ties_room) { /* many ties: only the least keys matter */
        places_sort(pass->binding->rows, pass->found, pass->count);
        pass->count = pass->k;
    } else {
        qsort(pass->found, pass->count, sizeof *pass->found, compare_distance);
    }
    float kth = pass->found[pass->k - 1].distance;
    while (pass->count > pass->k && pass->found[pass->count - 1].distance > kth) pass->count--;
    return fminf(pass->outer, nextafterf(kth, INFINITY));
}

/* ------------------------------------------------------------------ units */

static int run_way(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    struct plan_choice choice = binding->choices[unit->segment];
    const bool text = binding->search.schema_field->bm25_of != SIZE_MAX;
    if (choice.way == SEARCH_SPARSE)
        return text ? pass_text(pass, unit, err) : pass_sparse(pass, unit, err);
    if (pass->k != binding->search.k) { /* deeper than planned for: a scan may be cheaper now */
        struct plan_input input = binding->inputs[unit->segment];
        input.k = pass->k;
        choice = plan_choose(&input);
    }
    return choice.way == SEARCH_SCAN ? pass_scan(pass, unit, err)
                                     : pass_walk(pass, unit, &choice, err);
}

static void tally_unit(const struct pass *pass, const struct search_unit *unit,
                       const struct index_stats *before, size_t count_before, int64_t start_us)
{
    struct segment_tally *tally = &pass->binding->tallies[unit->segment];
    const struct os *clock = pass->binding->search.clock;
    const struct index_stats *now = &pass->stats;
    const size_t found = pass->count > count_before ? pass->count - count_before : 0;
    atomic_fetch_add_explicit(&tally->nodes_visited, now->nodes_visited - before->nodes_visited,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->distances, now->distances - before->distances,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->exact_distances,
                              now->exact_distances - before->exact_distances,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->found, found, memory_order_relaxed);
    if (unit->first == 0) atomic_fetch_add_explicit(&tally->queries, 1, memory_order_relaxed);
    if (clock)
        atomic_fetch_add_explicit(&tally->time_us, (uint64_t)(os_now_us(clock) - start_us),
                                  memory_order_relaxed);
}

/* A damaged segment is left out, marked, and the answer says that it is not complete. */
static int run_unit(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    const struct os *clock = binding->search.clock;
    const struct index_stats before = pass->stats;
    const size_t count = pass->count;
    int64_t start = clock ? os_now_us(clock) : 0;
    int rc = pass_poll(pass);
    if (rc == 0) rc = run_way(pass, unit, err);
    tally_unit(pass, unit, &before, count, start);
    if (pass->poll_status)
        return error_set(err, pass->poll_status, "search stopped: %s",
                         error_name(pass->poll_status));
    if (rc == KITH_ECORRUPT) {
        segment_set_damaged(binding->rows->segments[unit->segment]);
        pass->complete = false;
        return 0;
    }
    return rc == KITH_ENOMEM ? error_set(err, rc, "search: no memory") : rc;
}

/* ------------------------------------------------------------------ passes */

static int pass_init(struct pass *pass, const struct search_binding *binding,
                     const struct search_query *query, size_t k, struct kith_error *err)
{
    *pass = (struct pass){ .binding = binding, .query = query, .k = k, .complete = true };
    pass->outer = binding->search.has_range ? binding->search.range_outer : INFINITY;
    pass->ties_room = k + PASS_TIES;
    pass->hits = mem_alloc_array(k + pass->ties_room, sizeof *pass->hits);
    return pass->hits ? 0 : error_set(err, KITH_ENOMEM, "search: no memory for %zu hits", k);
}

static void pass_release(struct pass *pass)
{
    mem_free(pass->found);
    mem_free(pass->hits);
    text_pass_free(pass->text);
    *pass = (struct pass){ 0 };
}

static int run_serial(struct pass *pass, struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < binding->unit_count; i++)
        rc = run_unit(pass, &binding->units[i], err);
    return rc;
}

struct crowd { /* one pass a unit */
    struct pass *passes;
    struct kith_error *errors;
};

static int crowd_unit(void *ctx, size_t i)
{
    struct crowd *crowd = ctx;
    struct pass *pass = &crowd->passes[i];
    int rc = pass_init(pass, pass->binding, pass->query, pass->k, &crowd->errors[i]);
    return rc ? rc : run_unit(pass, &pass->binding->units[i], &crowd->errors[i]);
}

static int crowd_join(struct crowd *crowd, size_t count, struct pass *into)
{
    for (size_t i = 0; i < count; i++) {
        const struct pass *from = &crowd->passes[i];
        if (pass_reserve(into, from->count)) return KITH_ENOMEM;
        if (from->count) memcpy(into->found + into->count, from->found,
                                from->count * sizeof *from->found);
        into->count += from->count;
        into->stats.nodes_visited += from->stats.nodes_visited;
        into->stats.distances += from->stats.distances;
        into->stats.exact_distances += from->stats.exact_distances;
        into->complete &= from->complete;
    }
    return 0;
}

static int first_error(const struct crowd *crowd, size_t count, int rc, struct kith_error *err)
{
    for (size_t i = 0; err && i < count; i++) {
        if (crowd->errors[i].code != rc) continue;
        *err = crowd->errors[i];
        break;
    }
    return rc;
}

static int run_crowd(struct pass *pass, struct search_threads threads, struct kith_error *err)
{
    const size_t count = pass->binding->unit_count;
    struct crowd crowd = { 0 };
    crowd.passes = mem_zalloc_array(count, sizeof *crowd.passes);
    crowd.errors = mem_zalloc_array(count, sizeof *crowd.errors);
    int rc = crowd.passes && crowd.errors ? 0 : error_set(err, KITH_ENOMEM, "search: no memory");
    for (size_t i = 0; rc == 0 && i < count; i++)
        crowd.passes[i] =
            (struct pass){ .binding = pass->binding, .query = pass->query, .k = pass->k };
    if (rc == 0) {
        rc = pool_for(threads.pool, threads.count, count, crowd_unit, &crowd);
        if (rc) first_error(&crowd, count, rc, err);
        else if (crowd_join(&crowd, count, pass))
            rc = error_set(err, KITH_ENOMEM, "search: no memory");
    }
    for (size_t i = 0; crowd.passes && i < count; i++) pass_release(&crowd.passes[i]);
    mem_free(crowd.passes);
    mem_free(crowd.errors);
    return rc;
}

/* ------------------------------------------------------------------ a query */

static size_t drop_inner(struct place *found, size_t count, float inner)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (found[i].distance >= inner) found[kept++] = found[i];
    return kept;
}

/* The k nearest within the outer radius; *seen says how many there were before the inner one. */
static int run_depth(const struct search_binding *binding, const struct search_query *query,
                     size_t k, struct search_threads threads, struct search_found *found,
                     size_t *seen, struct kith_error *err)
{
    struct pass pass;
    int rc = pass_init(&pass, binding, query, k, err);
    if (rc) return rc;
    bool crowd = threads.pool && threads.count > 1 && binding->unit_count > 1 &&
                 binding->cost_ns > EXECUTE_PARALLEL_NS;
    rc = crowd ? run_crowd(&pass, threads, err) : run_serial(&pass, err);
    found->stats.nodes_visited += pass.stats.nodes_visited;
    found->stats.distances += pass.stats.distances;
    found->stats.exact_distances += pass.stats.exact_distances;
    found->complete &= pass.complete;
    if (rc == 0) {
        places_sort(binding->rows, pass.found, pass.count);
        *seen = found->count = pass.count < k ? pass.count : k;
        found->places = pass.found;
        pass.found = NULL;
    }
    pass_release(&pass);
    return rc;
}

int execute_search(const struct search_binding *binding, const struct search_query *query,
                   size_t k, struct search_threads threads, struct search_found *found,
                   struct kith_error *err)
{
    const size_t total = binding->total, wanted = k < total ? k : total;
    size_t depth = wanted;
    found->places = NULL;
    found->count = 0;
    while (depth > 0) {
        size_t seen = 0;
        int rc = run_depth(binding, query, depth, threads, found, &seen, err);
        if (rc) return rc;
        if (!binding->search.has_range) return 0;
        found->count = drop_inner(found->places, seen, binding->search.range_inner);
        /* Rows nearer than the inner radius took places: look deeper until k are left or all were
         * seen. */
        if (found->count >= wanted || seen < depth || depth >= total) break;
        depth = depth * 4 < total ? depth * 4 : total;
        mem_free(found->places);
        found->places = NULL;
        found->count = 0;
    }
    if (found->count > wanted) found->count = wanted;
    return 0;
}
