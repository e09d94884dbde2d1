/*
 * kith_hybrid_search: several searches of one instant, merged by a ranker (query/rank.h).
 *
 * All searches take the same view, so a row that two of them find is the same place, and places are
 * what is merged. What a ranker asks of a row (key, a field's number, whether a rule holds, its
 * group) is answered here from the segments. The filters of boost rules are evaluated once a call,
 * only for rows that some search found.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/search.h"
#include "query/rank.h"

#define HYBRID_SEARCHES_MAX 1024

struct hybrid {
    struct kith_collection *collection;
    struct kith_hybrid_opts opts;
    struct view view;
    struct arena arena;
    struct search_call *searches; /* in the arena */
    size_t open;                  /* so many are */
    size_t queries;
    size_t decay_field;
    size_t *random_fields;   /* one a rule; SIZE_MAX: the key */
    struct bitset *boosted;  /* rules x segments: rows for which the rule's filter holds */
    struct group_by *group;
    struct map group_numbers; /* bytes of a value -> its number; of one query */
    struct buffer group_bytes;
    struct place *merged; /* all queries, one after the other; owns */
    size_t merged_count, merged_cap;
    size_t *offsets; /* in the arena */
};

static const struct segment *segment_of(const struct hybrid *hybrid, const struct place *place)
{
    return hybrid->view.version->segments[place->segment];
}

/* ---- what rankers ask ---- */

static int row_key(void *ctx, const struct place *place, struct key *out)
{
    return segment_key(segment_of(ctx, place), place->row, out);
}

static double cell_number(const struct chunk *chunk, size_t at)
{
    const uint8_t *data = chunk->data + at * chunk->width;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    switch (chunk->type) {
    case KITH_INT8: memcpy(&i8, data, sizeof i8); return i8;
    case KITH_INT16: memcpy(&i16, data, sizeof i16); return i16;
    case KITH_INT32: memcpy(&i32, data, sizeof i32); return i32;
    case KITH_FLOAT: memcpy(&f32, data, sizeof f32); return (double)f32;
    case KITH_DOUBLE: memcpy(&f64, data, sizeof f64); return f64;
    default: memcpy(&i64, data, sizeof i64); return (double)i64;
    }
}

static int row_value(void *ctx, const struct place *place, double *out, bool *present)
{
    const struct hybrid *hybrid = ctx;
    struct chunk chunk;
    size_t at;
    const int rc = segment_cell(segment_of(hybrid, place), hybrid->decay_field, place->row, &chunk,
                                &at);
    if (rc) return rc;
    *present = chunk_valid(&chunk, at);
    *out = *present ? cell_number(&chunk, at) : 0;
    *present = *present && !isnan(*out);
    return 0;
}

static int row_matches(void *ctx, size_t rule, const struct place *place, bool *out)
{
    const struct hybrid *hybrid = ctx;
    const struct bitset *set =
        &hybrid->boosted[rule * hybrid->view.version->count + place->segment];
    *out = !hybrid->opts.ranker.boosts[rule].filter || (set->words && bitset_get(set, place->row));
    return 0;
}

static int row_number(void *ctx, size_t rule, const struct place *place, uint64_t *out)
{
    const struct hybrid *hybrid = ctx;
    const size_t field = hybrid->random_fields[rule];
    struct key key;
    struct chunk chunk;
    size_t at;
    if (field == SIZE_MAX) {
        const int rc = segment_key(segment_of(hybrid, place), place->row, &key);
        *out = rc ? 0 : key_hash(key);
        return rc;
    }
    const int rc = segment_cell(segment_of(hybrid, place), field, place->row, &chunk, &at);
    if (rc) return rc;
    *out = 0;
    if (chunk_valid(&chunk, at)) memcpy(out, chunk.data + at * chunk.width, sizeof *out);
    return 0;
}

static int row_group(void *ctx, const struct place *place, uint64_t *out)
{
    struct hybrid *hybrid = ctx;
    buffer_clear(&hybrid->group_bytes);
    int rc = group_value(hybrid->group, segment_of(hybrid, place), place->row,
                         &hybrid->group_bytes);
    if (rc) return rc;
    const struct buffer *bytes = &hybrid->group_bytes;
    uintptr_t number = hybrid->group_numbers.count;
    if (!map_get(&hybrid->group_numbers, bytes->data, bytes->len, &number))
        rc = map_put(&hybrid->group_numbers, bytes->data, bytes->len, number);
    *out = number;
    return rc;
}

/* ---- opening ---- */

static int check_options(const struct hybrid *hybrid, struct kith_error *err)
{
    const struct kith_hybrid_opts *opts = &hybrid->opts;
    if (opts->search_count == 0 || opts->search_count > HYBRID_SEARCHES_MAX || !opts->searches)
        return error_set(err, KITH_EINVAL, "maximum of ann search requests is %d",
                         HYBRID_SEARCHES_MAX);
    if (opts->k == 0 || opts->k > LIMIT_SEARCH_K || opts->offset > LIMIT_SEARCH_K - opts->k)
        return error_set(err, KITH_EINVAL, "k is at least 1, and offset + k at most %d",
                         LIMIT_SEARCH_K);
    if (opts->group_by && opts->ranker.kind == KITH_RANK_BOOST)
        return error_set(err, KITH_EINVAL, "a boost ranker does not go with grouping");
    return rank_check(&opts->ranker, opts->search_count, err);
}

static int find_number_field(const struct hybrid *hybrid, const char *name, bool integer,
                             size_t *out, struct kith_error *err)
{
    const struct schema *schema = view_schema(&hybrid->view);
    const size_t field = schema_find(schema, name, strlen(name));
    if (field == SIZE_MAX) return error_set(err, KITH_EINVAL, "field '%s' does not exist", name);
    const enum kith_type type = schema->fields[field].type;
    const bool fits = type == KITH_INT64 ||
                      (!integer && (type == KITH_INT8 || type == KITH_INT16 ||
                                    type == KITH_INT32 || type == KITH_FLOAT ||
                                    type == KITH_DOUBLE || type == KITH_TIMESTAMPTZ));
    if (!fits)
        return error_set(err, KITH_EINVAL, "field '%s' of type %s is no number for a ranker", name,
                         type_name(type));
    *out = field;
    return 0;
}

static int bind_ranker(struct hybrid *hybrid, struct kith_error *err)
{
    const struct kith_ranker *ranker = &hybrid->opts.ranker;
    if (ranker->kind == KITH_RANK_DECAY)
        return find_number_field(hybrid, ranker->decay_field, false, &hybrid->decay_field, err);
    if (ranker->kind != KITH_RANK_BOOST) return 0;
    const size_t rules = ranker->boost_count, segments = hybrid->view.version->count;
    size_t sets;
    hybrid->random_fields =
        arena_alloc_array(&hybrid->arena, rules, sizeof *hybrid->random_fields);
    hybrid->boosted = size_mul(rules, segments + 1, &sets)
                          ? mem_zalloc_array(sets, sizeof *hybrid->boosted)
                          : NULL;
    if (!hybrid->random_fields || !hybrid->boosted)
        return error_set(err, KITH_ENOMEM, "hybrid search: no memory");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rules; i++) {
        const char *name = ranker->boosts[i].random_field;
        hybrid->random_fields[i] = SIZE_MAX;
        if (name) rc = find_number_field(hybrid, name, true, &hybrid->random_fields[i], err);
    }
    return rc;
}

static int open_one(struct hybrid *hybrid, size_t i, const struct kith_call *call,
                    struct kith_error *err)
{
    struct kith_search_opts opts;
    search_options((const struct kith_search_opts *)(const void *)
                       ((const char *)hybrid->opts.searches + i * hybrid->opts.searches->size),
                   &opts);
    if (opts.k == 0) opts.k = hybrid->opts.k + hybrid->opts.offset;
    opts.offset = 0;
    opts.output = (struct kith_output){ 0 };
    opts.explain = hybrid->opts.explain;
    opts.group_by = hybrid->opts.group_by;
    opts.group_size = hybrid->opts.group_size;
    opts.strict_group_size = hybrid->opts.strict_group_size;
    if (i > 0 && opts.query_count != hybrid->queries)
        return error_set(err, KITH_EINVAL, "sub search request nq should be the same");
    hybrid->queries = opts.query_count;
    int rc = search_open(&hybrid->searches[i], hybrid->collection, &hybrid->view, &opts, call, err);
    if (rc == 0) hybrid->open = i + 1;
    return rc;
}

static int open_all(struct hybrid *hybrid, const struct kith_call *call, struct kith_error *err)
{
    const struct kith_hybrid_opts *opts = &hybrid->opts;
    hybrid->searches =
        arena_alloc_array(&hybrid->arena, opts->search_count, sizeof *hybrid->searches);
    if (!hybrid->searches) return error_set(err, KITH_ENOMEM, "hybrid search: no memory");
    int rc = bind_ranker(hybrid, err);
    if (rc == 0 && opts->group_by)
        rc = group_by_parse(opts->group_by, view_schema(&hybrid->view), &hybrid->arena,
                            &hybrid->group, err);
    for (size_t i = 0; rc == 0 && i < opts->search_count; i++) rc = open_one(hybrid, i, call, err);
    for (size_t i = 0; rc == 0 && i < opts->search_count; i++)
        rc = search_run(&hybrid->searches[i], err);
    return rc;
}

/* ---- the rules of a boost, for rows that were found ---- */

static int mark_found(struct hybrid *hybrid, size_t segment, struct bitset *within)
{
    for (size_t i = 0; i < hybrid->open; i++) {
        for (size_t q = 0; q < hybrid->queries; q++) {
            const struct search_found *found = &hybrid->searches[i].found[q];
            for (size_t r = 0; r < found->count; r++)
                if (found->places[r].segment == segment) bitset_set(within, found->places[r].row);
        }
    }
    return 0;
}

static int boost_segment(struct hybrid *hybrid, const struct filter *filter, size_t segment,
                         struct bitset *out, struct kith_error *err)
{
    const struct segment *from = hybrid->view.version->segments[segment];
    const size_t rows = segment_rows_at(from, hybrid->view.ts);
    struct bitset within = { 0 };
    struct chunk_source source;
    int rc = bitset_init(&within, rows, false);
    if (rc == 0) rc = bitset_init(out, rows, false);
    if (rc) error_set(err, rc, "hybrid search: no memory");
    if (rc == 0) rc = mark_found(hybrid, segment, &within);
    if (rc == 0) {
        segment_source(from, rows, &source);
        const struct view_rows *plan = &hybrid->searches[0].plan.rows;
        rc = filter_evaluate(filter, &source, &within, out, plan->poll, plan->poll_ctx, err);
    }
    bitset_release(&within);
    return rc;
}

static int boost_rule(struct hybrid *hybrid, size_t rule, struct kith_error *err)
{
    const struct kith_boost *boost = &hybrid->opts.ranker.boosts[rule];
    const size_t segments = hybrid->view.version->count;
    struct filter *filter;
    if (!boost->filter) return 0;
    int rc = filter_compile(boost->filter, boost->filter_params, view_schema(&hybrid->view),
                            &hybrid->arena, &filter, err);
    for (size_t s = 0; rc == 0 && s < segments; s++)
        rc = boost_segment(hybrid, filter, s, &hybrid->boosted[rule * segments + s], err);
    return rc;
}

static int boost_all(struct hybrid *hybrid, struct kith_error *err)
{
    int rc = 0;
    if (hybrid->opts.ranker.kind != KITH_RANK_BOOST) return 0;
    for (size_t i = 0; rc == 0 && i < hybrid->opts.ranker.boost_count; i++)
        rc = boost_rule(hybrid, i, err);
    return rc;
}

/* ---- merging ---- */

static int keep(struct hybrid *hybrid, const struct ranked *items, size_t count)
{
    if (hybrid->merged_count + count > hybrid->merged_cap) {
        const size_t cap = (hybrid->merged_count + count) * 2;
        struct place *grown = mem_realloc(hybrid->merged, cap * sizeof *grown);
        if (!grown) return KITH_ENOMEM;
        hybrid->merged = grown;
        hybrid->merged_cap = cap;
    }
    for (size_t i = 0; i < count; i++)
        hybrid->merged[hybrid->merged_count++] = items[i].place;
    return 0;
}

static int merge_group(struct hybrid *hybrid, const struct rank_rows *rows, bool ascending,
                       struct ranked *items, size_t *count, size_t *skip, struct kith_error *err)
{
    const struct kith_hybrid_opts *opts = &hybrid->opts;
    const struct rank_groups groups = { .size = opts->group_size ? opts->group_size : 1,
                                        .strict = opts->strict_group_size,
                                        .scorer = opts->group_scorer,
                                        .limit = (size_t)(opts->k + opts->offset),
                                        .ascending = ascending };
    map_release(&hybrid->group_numbers);
    map_init(&hybrid->group_numbers);
    const int rc = rank_group(&groups, rows, &hybrid->arena, items, count, err);
    *skip = 0; /* the offset counts groups */
    for (uint64_t g = 0; rc == 0 && g < opts->offset && *skip < *count; g++) {
        const uint64_t number = items[*skip].group;
        while (*skip < *count && items[*skip].group == number) ++*skip;
    }
    return rc;
}

static int merge_query(struct hybrid *hybrid, size_t q, struct rank_list *lists,
                       struct kith_error *err)
{
    const struct rank_rows rows = { hybrid,     row_key,    row_value,
                                    row_matches, row_number, row_group };
    const struct kith_hybrid_opts *opts = &hybrid->opts;
    for (size_t i = 0; i < hybrid->open; i++) {
        const struct search_call *search = &hybrid->searches[i];
        lists[i] = (struct rank_list){ search->found[q].places, search->found[q].count,
                                       search->schema_field->metric };
    }
    struct ranked *items;
    size_t count, skip = (size_t)opts->offset;
    int rc = rank_fuse(&opts->ranker, lists, hybrid->open, &rows, &hybrid->arena, &items, &count,
                       err);
    if (rc == 0 && hybrid->group)
        rc = merge_group(hybrid, &rows, rank_ascending(&opts->ranker, lists, hybrid->open), items,
                         &count, &skip, err);
    if (rc) return rc;
    if (skip > count) skip = count;
    size_t left = count - skip;
    if (!hybrid->group && left > opts->k) left = (size_t)opts->k;
    rc = keep(hybrid, items + skip, left);
    hybrid->offsets[q + 1] = hybrid->merged_count;
    return rc ? error_set(err, rc, "hybrid search: no memory") : 0;
}

static int merge_all(struct hybrid *hybrid, struct kith_error *err)
{
    struct rank_list *lists =
        arena_alloc_array(&hybrid->arena, hybrid->open, sizeof *lists);
    hybrid->offsets =
        arena_zalloc(&hybrid->arena, (hybrid->queries + 1) * sizeof *hybrid->offsets);
    if (!lists || !hybrid->offsets) return error_set(err, KITH_ENOMEM, "hybrid search: no memory");
    int rc = boost_all(hybrid, err);
    for (size_t q = 0; rc == 0 && q < hybrid->queries; q++)
        rc = merge_query(hybrid, q, lists, err);
    return rc;
}

/* ---- the result ---- */

static void sum_up(const struct hybrid *hybrid, struct kith_result *result)
{
    for (size_t i = 0; i < hybrid->open; i++) {
        const struct search_call *search = &hybrid->searches[i];
        result->complete &= search->complete;
        result->stats.segments += search->stats.segments;
        result->stats.nodes_visited += search->stats.nodes_visited;
        result->stats.distances += search->stats.distances;
        result->stats.exact_distances += search->stats.exact_distances;
        result->stats.filter_rows += search->stats.filter_rows;
        result->stats.matched_rows += search->stats.matched_rows;
    }
}

/* {"searches":[...]}: what kith_search says of each. */
static int explain(struct hybrid *hybrid, struct result_builder *builder, struct kith_error *err)
{
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "{\"searches\":[");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hybrid->open; i++) {
        rc = search_explain(&hybrid->searches[i], builder, err);
        if (rc == 0) buffer_printf(&text, "%s%s", i ? "," : "", builder->result->explain);
    }
    buffer_printf(&text, "]}");
    if (rc == 0) {
        builder->result->explain =
            buffer_failed(&text) ? NULL
                                 : arena_strndup(builder->arena, (const char *)text.data, text.len);
        if (!builder->result->explain)
            rc = error_set(err, KITH_ENOMEM, "hybrid search: no memory to explain it");
    }
    buffer_release(&text);
    return rc;
}

static int fill(struct hybrid *hybrid, struct result_builder *builder, struct kith_error *err)
{
    const size_t n = hybrid->queries, count = hybrid->merged_count;
    size_t *offsets = arena_alloc_array(builder->arena, n + 1, sizeof *offsets);
    float *scores = arena_alloc_array(builder->arena, count + 1, sizeof *scores);
    if (!offsets || !scores) return error_set(err, KITH_ENOMEM, "hybrid search: no memory");
    memcpy(offsets, hybrid->offsets, (n + 1) * sizeof *offsets);
    for (size_t i = 0; i < count; i++) scores[i] = hybrid->merged[i].distance;
    static const struct place none;
    int rc = result_fill(builder, &hybrid->view, &hybrid->opts.output,
                         hybrid->merged ? hybrid->merged : &none, count, err);
    if (rc == 0 && hybrid->opts.explain) rc = explain(hybrid, builder, err);
    builder->result->query_count = n;
    builder->result->offsets = offsets;
    builder->result->distances = scores;
    sum_up(hybrid, builder->result);
    return rc;
}

static int build(struct hybrid *hybrid, struct kith_result **out, struct kith_error *err)
{
    struct result_builder builder;
    int rc = result_new(&builder, err);
    if (rc) return rc;
    rc = fill(hybrid, &builder, err);
    if (rc) kith_result_free(builder.result);
    else *out = builder.result;
    return rc;
}

static void release(struct hybrid *hybrid)
{
    const size_t sets = hybrid->opts.ranker.boost_count * hybrid->view.version->count;
    for (size_t i = 0; i < hybrid->open; i++) search_close(&hybrid->searches[i]);
    for (size_t i = 0; hybrid->boosted && i < sets; i++) bitset_release(&hybrid->boosted[i]);
    mem_free(hybrid->boosted);
    mem_free(hybrid->merged);
    map_release(&hybrid->group_numbers);
    buffer_release(&hybrid->group_bytes);
    arena_release(&hybrid->arena);
    view_drop(&hybrid->view);
}

int kith_hybrid_search(struct kith_collection *collection, const struct kith_hybrid_opts *given,
                       const struct kith_call *call, struct kith_result **out,
                       struct kith_error *err)
{
    struct hybrid hybrid = { .collection = collection };
    hybrid.opts = (struct kith_hybrid_opts)KITH_HYBRID_OPTS_INIT;
    memcpy(&hybrid.opts, given,
           given->size < sizeof hybrid.opts ? given->size : sizeof hybrid.opts);
    int rc = collection_usable(collection, err);
    if (rc == 0) rc = check_options(&hybrid, err);
    if (rc) return rc;
    arena_init(&hybrid.arena);
    map_init(&hybrid.group_numbers);
    buffer_init(&hybrid.group_bytes);
    view_take(collection, &hybrid.view);
    rc = open_all(&hybrid, call, err);
    if (rc == 0) rc = merge_all(&hybrid, err);
    if (rc == 0) rc = build(&hybrid, out, err);
    release(&hybrid);
    return rc;
}
