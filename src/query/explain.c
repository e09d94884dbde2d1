/*
 * EXPLAIN as JSON: see docs/explain.md for what each name means.
 *
 * Costs are the planner's estimates, counts and times are what happened, summed over the queries
 * of the call. Bytes are counts times the bytes of a code or a row: what the search had to touch,
 * not what the machine moved.
 */
#include "query/explain.h"

#include <math.h>

#include "base/json.h"

static const char *plan_asked(enum kith_plan plan)
{
    switch (plan) {
    case KITH_PLAN_SCAN: return "scan";
    case KITH_PLAN_WALK: return "walk";
    case KITH_PLAN_OVERFETCH: return "overfetch";
    default: return "auto";
    }
}

static void put_name(struct buffer *out, const char *name)
{
    buffer_printf(out, ",\"%s\":", name);
}

static void put_count(struct buffer *out, const char *name, uint64_t value)
{
    put_name(out, name);
    buffer_printf(out, "%llu", (unsigned long long)value);
}

static void put_text(struct buffer *out, const char *name, const char *text)
{
    put_name(out, name);
    if (!text) {
        buffer_printf(out, "null");
        return;
    }
    size_t len = 0;
    while (text[len]) len++;
    json_write_string(out, text, len);
}

static void put_share(struct buffer *out, const char *name, double share)
{
    put_name(out, name);
    json_write_double(out, isfinite(share) ? rint(share * 1e6) / 1e6 : 0);
}

/* Microseconds; null for what is not possible. */
static void put_cost(struct buffer *out, const char *name, double ns, bool first)
{
    buffer_printf(out, "%s\"%s\":", first ? "" : ",", name);
    if (ns < 0 || !isfinite(ns)) buffer_printf(out, "null");
    else buffer_printf(out, "%.1f", ns / 1000);
}

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 1.0;
}

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* ------------------------------------------------------------------ rows and filters */

static void put_estimate(struct buffer *out, const struct view_rows *rows, size_t number,
                         size_t bits)
{
    struct chunk_source source;
    double estimated;
    if (!rows->filter || bits == 0) return;
    segment_source(rows->segments[number], bits, &source);
    if (filter_estimate(rows->filter, &source, &estimated, NULL) == 0)
        put_share(out, "estimated_selectivity", estimated);
}

static void put_segment(struct buffer *out, const struct view_rows *rows,
                        const struct allowed *allowed, size_t number)
{
    const struct segment *segment = rows->segments[number];
    const size_t bits = allowed->sets[number].bits;
    buffer_printf(out, "{\"segment\":%llu", (unsigned long long)segment_id(segment));
    put_text(out, "state", segment_is_growing(segment) ? "growing" : "sealed");
    put_count(out, "rows", bits);
    put_count(out, "dead", segment_dead(segment));
    put_count(out, "allowed", allowed->counts[number]);
    put_share(out, "selectivity", share(allowed->counts[number], bits));
    put_estimate(out, rows, number, bits);
    if (segment_damaged(segment)) buffer_printf(out, ",\"damaged\":true");
}

static void put_totals(struct buffer *out, const struct view_rows *rows,
                       const struct allowed *allowed, const struct explain_call *call)
{
    uint64_t all = 0, matched = 0;
    for (size_t i = 0; i < allowed->count; i++) {
        all += allowed->sets[i].bits;
        matched += allowed->counts[i];
    }
    put_text(out, "filter", call->filter && *call->filter ? call->filter : NULL);
    if (rows->partitions) put_count(out, "partitions", rows->partition_count);
    put_count(out, "rows", all);
    put_count(out, "matched", matched);
    put_share(out, "selectivity", all ? (double)matched / (double)all : 1.0);
    put_count(out, "returned", call->rows_out);
    put_name(out, "complete");
    buffer_printf(out, call->complete ? "true" : "false");
}

static void put_times(struct buffer *out, const struct explain_call *call, bool search)
{
    buffer_printf(out, ",\"time_us\":{\"filter\":%lld", (long long)call->times.filter);
    if (search) buffer_printf(out, ",\"search\":%lld", (long long)call->times.search);
    buffer_printf(out, ",\"fetch\":%lld", (long long)call->times.fetch);
    if (call->recall) buffer_printf(out, ",\"measure\":%lld", (long long)call->times.measure);
    buffer_printf(out, "}");
}

/* ------------------------------------------------------------------ searches */

static uint64_t touched_bytes(const struct plan_input *input, uint64_t codes, uint64_t exact)
{
    const uint64_t code = input->type == KITH_BINARY_VECTOR ? input->row_bytes : input->dim;
    return codes * code + exact * input->row_bytes;
}

static void put_tally(struct buffer *out, const struct search_binding *binding, size_t number)
{
    const struct segment_tally *tally = &binding->tallies[number];
    const enum search_way way = binding->choices[number].way;
    const uint64_t exact = load(&tally->exact_distances);
    const uint64_t all = load(&tally->distances);
    /* A scan counts its rows in both; a walk counts codes in one and rows in the other. */
    const bool scan = way == SEARCH_SCAN || way == SEARCH_SPARSE;
    const uint64_t codes = scan ? all - (exact < all ? exact : all) : all;
    put_count(out, "nodes_visited", load(&tally->nodes_visited));
    put_count(out, "code_distances", codes);
    put_count(out, "exact_distances", exact);
    put_count(out, "bytes", touched_bytes(&binding->inputs[number], codes, exact));
    put_count(out, "found", load(&tally->found));
    put_count(out, "rescans", load(&tally->rescans));
    if (binding->search.clock) put_count(out, "time_us", load(&tally->time_us));
}

static void put_plan(struct buffer *out, const struct search_binding *binding, size_t number)
{
    const struct plan_choice *choice = &binding->choices[number];
    const struct index *index =
        binding->inputs[number].type == KITH_SPARSE_VECTOR
            ? NULL
            : segment_index(binding->rows->segments[number], binding->search.field);
    put_text(out, "index", index ? index->ops->kind : NULL);
    put_text(out, "plan", plan_way_name(choice->way));
    put_text(out, "why", choice->why);
    put_count(out, "ef", choice->ef);
    buffer_printf(out, ",\"cost_us\":{");
    put_cost(out, "scan", choice->scan_ns, true);
    put_cost(out, "walk", choice->walk_ns, false);
    put_cost(out, "overfetch", choice->overfetch_ns, false);
    buffer_printf(out, "}");
}

static void put_recall(struct buffer *out, const struct explain_call *call)
{
    if (!call->recall) return;
    double sum = 0;
    buffer_printf(out, ",\"recalls\":[");
    for (size_t q = 0; q < call->queries; q++) {
        sum += call->recall[q];
        buffer_printf(out, "%s%.4f", q ? "," : "", call->recall[q]);
    }
    buffer_printf(out, "],\"recall\":%.4f", call->queries ? sum / (double)call->queries : 1.0);
}

void explain_search(const struct search_binding *binding, const struct explain_call *call,
                    struct buffer *out)
{
    const struct vector_search *search = &binding->search;
    buffer_printf(out, "{\"version\":1,\"kind\":\"search\"");
    put_text(out, "field", call->field);
    put_text(out, "metric", metric_name(search->schema_field->metric));
    put_count(out, "queries", call->queries);
    put_count(out, "k", search->k);
    put_text(out, "asked_plan", search->exact ? "exact" : plan_asked(search->plan));
    if (search->recall > 0) put_share(out, "asked_recall", (double)search->recall);
    put_totals(out, binding->rows, binding->allowed, call);
    buffer_printf(out, ",\"segments\":[");
    for (size_t i = 0; i < binding->rows->count; i++) {
        buffer_printf(out, i ? ",\n" : "\n");
        put_segment(out, binding->rows, binding->allowed, i);
        put_plan(out, binding, i);
        put_tally(out, binding, i);
        buffer_printf(out, "}");
    }
    buffer_printf(out, "]");
    put_recall(out, call);
    put_times(out, call, true);
    buffer_printf(out, "}");
}

void explain_query(const struct view_rows *rows, const struct allowed *allowed,
                   const struct explain_call *call, struct buffer *out)
{
    buffer_printf(out, "{\"version\":1,\"kind\":\"query\"");
    put_totals(out, rows, allowed, call);
    buffer_printf(out, ",\"segments\":[");
    for (size_t i = 0; i < rows->count; i++) {
        buffer_printf(out, i ? ",\n" : "\n");
        put_segment(out, rows, allowed, i);
        buffer_printf(out, "}");
    }
    buffer_printf(out, "]");
    put_times(out, call, false);
    buffer_printf(out, "}");
}
