/*
 * FT.HYBRID: the best documents by words and the nearest by vector, as one list.
 *
 *     FT.HYBRID index SEARCH query [SCORER s] [YIELD_SCORE_AS name]
 *         VSIM @field $blob [KNN n K k EF_RUNTIME ef | RANGE n RADIUS r EPSILON e] [FILTER query]
 *             [YIELD_SCORE_AS name]
 *         [COMBINE RRF n WINDOW w CONSTANT c | LINEAR n ALPHA a BETA b WINDOW w YIELD_SCORE_AS s]
 *         steps of FT.AGGREGATE, PARAMS
 *
 * RRF (Cormack, Clarke, Buettcher: "Reciprocal rank fusion", 2009) sums 1 / (constant + rank) over
 * the first `window` of both lists; LINEAR sums alpha * score of the words + beta * nearness, which
 * is 1 - d/2 (COSINE), 1 / (1 + d) (L2), 1 - d/2 (IP). What a list does not hold counts 0 there.
 * Both lists are scans, as those of FT.AGGREGATE.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/search_steps.h"
#include "redis/search_turn.h"

#define SHOWN 10u /* without LIMIT and GROUPBY */

enum { PLACE_TEXT, PLACE_VECTOR, PLACE_BOTH, PLACES }; /* of the scores in a hit's distances */

struct hybrid {
    struct aggregation run;
    struct redis_call *call;
    struct kith_str text, field, vector, filter;
    struct kith_str names[PLACES]; /* YIELD_SCORE_AS; no bytes: not shown */
    bool range, linear, has_limit;
    int64_t k, ef, window;
    double radius, constant, alpha, beta;
    size_t tail;           /* where the steps begin */
    struct buffer nearest; /* the query of the vector */
    struct map seen;       /* document -> its place in hits + 1 */
    struct search_hits hits;
};

static bool fail(struct hybrid *hybrid, const char *what)
{
    call_error(hybrid->call, what);
    return false;
}

/* ---- the words ---- */

static bool has_word(const struct hybrid *hybrid, size_t at)
{
    return at + 1 < hybrid->call->argc;
}

static bool read_yield(struct hybrid *hybrid, size_t *at, int place)
{
    if (!has_word(hybrid, *at)) return fail(hybrid, "ERR YIELD_SCORE_AS needs a name");
    hybrid->names[place] = search_bare(hybrid->call->argv[*at + 1]);
    *at += 2;
    return true;
}

static bool read_search(struct hybrid *hybrid, size_t *at)
{
    struct redis_call *call = hybrid->call;
    if (!call_is(call, *at, "search") || !has_word(hybrid, *at))
        return fail(hybrid, "ERR SEARCH and a query are expected");
    hybrid->text = call->argv[*at + 1];
    *at += 2;
    while (*at < call->argc && !call_is(call, *at, "vsim")) {
        if (call_is(call, *at, "yield_score_as")) {
            if (!read_yield(hybrid, at, PLACE_TEXT)) return false;
            continue;
        }
        const int rc = search_wording_read(call, at, &hybrid->run.wording);
        if (rc < 0) return false;
        if (rc == 0) return fail(hybrid, "ERR Unknown argument in SEARCH of FT.HYBRID");
    }
    return true;
}

/* A count of words at argv[*at + 1], then pairs of a name and a value. */
static bool read_pairs(struct hybrid *hybrid, size_t *at,
                       bool (*take)(struct hybrid *hybrid, struct kith_str name,
                                    struct kith_str value))
{
    struct redis_call *call = hybrid->call;
    int64_t count;
    if (!has_word(hybrid, *at) || !text_integer(call->argv[*at + 1], &count) || count < 0 ||
        count % 2 || (uint64_t)count > call->argc - *at - 2)
        return fail(hybrid, "ERR Bad arguments: an even count of words is expected");
    *at += 2;
    for (const size_t end = *at + (size_t)count; *at < end; *at += 2)
        if (!take(hybrid, call->argv[*at], call->argv[*at + 1]))
            return call->failed ? false : fail(hybrid, "ERR Bad arguments of FT.HYBRID");
    return true;
}

static bool take_nearest(struct hybrid *hybrid, struct kith_str name, struct kith_str value)
{
    double ignored;
    if (str_is(name, "k"))
        return text_integer(value, &hybrid->k) && hybrid->k > 0 && hybrid->k <= QUERY_K_MAX;
    if (str_is(name, "ef_runtime"))
        return text_integer(value, &hybrid->ef) && hybrid->ef > 0 && hybrid->ef <= UINT32_MAX;
    if (str_is(name, "radius"))
        return text_double(value, &hybrid->radius) && hybrid->radius >= 0;
    if (str_is(name, "epsilon")) return text_double(value, &ignored);
    if (!str_is(name, "yield_score_as")) return false;
    hybrid->names[PLACE_VECTOR] = search_bare(value);
    return true;
}

static bool read_vsim(struct hybrid *hybrid, size_t *at)
{
    struct redis_call *call = hybrid->call;
    if (*at + 2 >= call->argc || !call_is(call, *at, "vsim"))
        return fail(hybrid, "ERR VSIM, a field and a vector are expected");
    hybrid->field = search_bare(call->argv[*at + 1]);
    hybrid->vector = call->argv[*at + 2];
    *at += 3;
    while (*at < call->argc) {
        if (call_is(call, *at, "knn") || call_is(call, *at, "range")) {
            hybrid->range = call_is(call, *at, "range");
            if (!read_pairs(hybrid, at, take_nearest)) return false;
        } else if (call_is(call, *at, "filter") && has_word(hybrid, *at)) {
            hybrid->filter = call->argv[*at + 1];
            *at += 2;
        } else if (call_is(call, *at, "yield_score_as")) {
            if (!read_yield(hybrid, at, PLACE_VECTOR)) return false;
        } else {
            break;
        }
    }
    return true;
}

static bool take_combination(struct hybrid *hybrid, struct kith_str name, struct kith_str value)
{
    if (str_is(name, "window")) return text_integer(value, &hybrid->window) && hybrid->window > 0;
    if (str_is(name, "constant"))
        return text_double(value, &hybrid->constant) && hybrid->constant >= 0;
    if (str_is(name, "alpha")) return text_double(value, &hybrid->alpha);
    if (str_is(name, "beta")) return text_double(value, &hybrid->beta);
    if (!str_is(name, "yield_score_as")) return false;
    hybrid->names[PLACE_BOTH] = search_bare(value);
    return true;
}

static bool read_combine(struct hybrid *hybrid, size_t *at)
{
    struct redis_call *call = hybrid->call;
    if (*at >= call->argc || !call_is(call, *at, "combine")) return true;
    ++*at;
    hybrid->linear = *at < call->argc && call_is(call, *at, "linear");
    if (!hybrid->linear && (*at >= call->argc || !call_is(call, *at, "rrf")))
        return fail(hybrid, "ERR COMBINE needs RRF or LINEAR");
    return read_pairs(hybrid, at, take_combination);
}

/* PARAMS stand among the steps; a vector that is no parameter becomes one. */
static bool read_params(struct hybrid *hybrid)
{
    struct redis_call *call = hybrid->call;
    struct aggregation *run = &hybrid->run;
    size_t next;
    for (size_t at = hybrid->tail; at < call->argc; at++) {
        hybrid->has_limit = hybrid->has_limit || call_is(call, at, "limit") ||
                            call_is(call, at, "groupby");
        if (call_is(call, at, "withcursor"))
            return fail(hybrid, "ERR WITHCURSOR of FT.HYBRID is not supported");
        if (!run->param_count && call_is(call, at, "params") &&
            !search_params(call, at, run->params, &run->param_count, &next))
            return false;
    }
    if (hybrid->vector.len && hybrid->vector.data[0] == '$') return true;
    if (run->param_count == SEARCH_PARAMS_MAX) return fail(hybrid, "ERR too many parameters");
    run->params[run->param_count++] = (struct query_param){str_of("__vector"), hybrid->vector};
    hybrid->vector = str_of("$__vector");
    return true;
}

static bool read_words(struct hybrid *hybrid)
{
    size_t at = 2;
    search_wording_init(&hybrid->run.wording);
    hybrid->k = 10;
    hybrid->window = 20;
    hybrid->constant = 60;
    hybrid->alpha = 0.3;
    hybrid->beta = 0.7;
    if (!read_search(hybrid, &at) || !read_vsim(hybrid, &at) || !read_combine(hybrid, &at))
        return false;
    hybrid->tail = at;
    return read_params(hybrid);
}

/* ---- both lists ---- */

static bool parse_nearest(struct hybrid *hybrid, const struct search_index *index,
                          struct search_query *query)
{
    struct buffer *text = &hybrid->nearest;
    const struct kith_str filter = hybrid->filter.len ? hybrid->filter : str_of("*");
    const int field = (int)(hybrid->field.len & 1023), vector = (int)(hybrid->vector.len & 1023);
    buffer_put_u8(text, '(');
    buffer_put(text, filter.data, filter.len);
    if (hybrid->range)
        buffer_printf(text, ") @%.*s:[VECTOR_RANGE %.17g %.*s]", field, hybrid->field.data,
                      hybrid->radius, vector, hybrid->vector.data);
    else
        buffer_printf(text, ")=>[KNN %lld @%.*s %.*s]", (long long)hybrid->k, field,
                      hybrid->field.data, vector, hybrid->vector.data);
    if (buffer_failed(text)) {
        *query = (struct search_query){0};
        arena_init(&query->arena);
        call_no_memory(hybrid->call);
        return false;
    }
    return search_parse(hybrid->call, index, (struct kith_str){(const char *)text->data, text->len},
                        hybrid->run.params, hybrid->run.param_count, NULL, query);
}

static double nearness(const struct search_field *field, double distance)
{
    return field->metric == KITH_L2 ? 1 / (1 + distance) : 1 - distance / 2;
}

static int by_range(const void *left, const void *right)
{
    const struct search_hit *a = left, *b = right;
    return (a->distances[0] > b->distances[0]) - (a->distances[0] < b->distances[0]);
}

static int by_both(const void *left, const void *right)
{
    const struct search_hit *a = left, *b = right;
    const double x = a->distances[PLACE_BOTH], y = b->distances[PLACE_BOTH];
    if (x > y) return -1;
    if (x < y) return 1;
    const size_t left_len = a->doc->key_len, right_len = b->doc->key_len;
    const int order =
        memcmp(a->doc->key, b->doc->key, left_len < right_len ? left_len : right_len);
    return order ? order : (left_len > right_len) - (left_len < right_len);
}

/* A hit of one of the lists, at this rank from 1. */
static int take(struct hybrid *hybrid, const struct search_doc *doc, int place, double score,
                size_t rank)
{
    uintptr_t at = 0;
    if (!map_get(&hybrid->seen, doc->key, doc->key_len, &at)) {
        at = hybrid->hits.count + 1;
        if (map_put(&hybrid->seen, doc->key, doc->key_len, at) != 0) return KITH_ENOMEM;
        hybrid->hits.items[hybrid->hits.count++] =
            (struct search_hit){.doc = doc, .distances = {NAN, NAN, 0, NAN}};
    }
    struct search_hit *hit = &hybrid->hits.items[at - 1];
    hit->distances[place] = score;
    if (!hybrid->linear) hit->distances[PLACE_BOTH] += 1 / (hybrid->constant + (double)rank);
    else
        hit->distances[PLACE_BOTH] += score * (place == PLACE_TEXT ? hybrid->alpha : hybrid->beta);
    hit->score = hit->distances[PLACE_BOTH];
    return 0;
}

static size_t at_most(const struct hybrid *hybrid, size_t count)
{
    return count < (uint64_t)hybrid->window ? count : (size_t)hybrid->window;
}

/* Of the texts only those that hold a word: what `~` lets through has no score. */
static int combine(struct hybrid *hybrid, const struct search_query *near,
                   const struct search_hits *texts, struct search_hits *vectors)
{
    const struct search_field *field = near->knn;
    const size_t slot = near->distance_count - 1; /* of a range: the last one of the query */
    const size_t few = at_most(hybrid, texts->count);
    int rc = 0;
    for (size_t i = 0; hybrid->range && i < vectors->count; i++)
        vectors->items[i].distances[0] = vectors->items[i].distances[slot];
    if (hybrid->range && vectors->count)
        qsort(vectors->items, vectors->count, sizeof *vectors->items, by_range);
    if (!field) field = search_field_of(near->index, hybrid->field);
    const size_t near_count = at_most(hybrid, vectors->count);
    hybrid->hits.items = mem_alloc_array(few + near_count + 1, sizeof *hybrid->hits.items);
    if (!hybrid->hits.items) return KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < few; i++)
        if (texts->items[i].score > 0)
            rc = take(hybrid, texts->items[i].doc, PLACE_TEXT, texts->items[i].score, i + 1);
    for (size_t i = 0; rc == 0 && i < near_count; i++)
        rc = take(hybrid, vectors->items[i].doc, PLACE_VECTOR,
                  nearness(field, vectors->items[i].distances[0]), i + 1);
    qsort(hybrid->hits.items, hybrid->hits.count, sizeof *hybrid->hits.items, by_both);
    return rc;
}

/* ---- the answer ---- */

static void put_rows(struct resp *reply, const struct search_table *table, size_t shown)
{
    resp_array(reply, shown);
    for (size_t row = 0; row < shown; row++) search_put_cells(reply, table, row);
}

static void answer(struct hybrid *hybrid, size_t total, int64_t began)
{
    struct resp *reply = hybrid->call->reply;
    const struct search_table *table = &hybrid->run.table;
    const size_t shown = hybrid->has_limit || table->count < SHOWN ? table->count : SHOWN;
    const double ms = (double)(os_now_ns(hybrid->call->redis->os) - began) / 1e6;
    resp_map(reply, 4);
    resp_cstr(reply, "total_results");
    resp_integer(reply, (int64_t)total);
    resp_cstr(reply, "results");
    put_rows(reply, table, shown);
    resp_cstr(reply, "warnings");
    resp_array(reply, 0);
    resp_cstr(reply, "execution_time");
    if (reply->version >= 3) resp_double(reply, ms);
    else resp_printf(reply, "%.6g", ms);
}

/* Scores that have a name are shown; key and score, when nothing is loaded. */
static bool first_columns(struct hybrid *hybrid)
{
    struct aggregation *run = &hybrid->run;
    struct redis_call *call = hybrid->call;
    bool loads = false, ok = true;
    size_t column;
    for (size_t at = hybrid->tail; at < call->argc; at++)
        loads = loads || call_is(call, at, "load") || call_is(call, at, "groupby");
    if (!loads)
        ok = search_step_done(
            run, search_table_column(&run->table, call, str_of("__key"), &column));
    for (int place = 0; ok && place < PLACES; place++) {
        const struct kith_str name = hybrid->names[place];
        if (!name.len || (loads && str_is(name, "__score"))) continue;
        ok = search_step_done(run, search_table_column(&run->table, call, name, &column));
    }
    return ok;
}

static bool run_steps(struct hybrid *hybrid)
{
    bool ok = true;
    for (size_t at = hybrid->tail; ok && at < hybrid->call->argc;) {
        if (call_is(hybrid->call, at, "nosort")) at++;
        else ok = search_step(&hybrid->run, &at);
    }
    return ok;
}

static void show(struct hybrid *hybrid, struct search_query *texts, int64_t began)
{
    struct aggregation *run = &hybrid->run;
    if (!hybrid->names[PLACE_BOTH].len) hybrid->names[PLACE_BOTH] = str_of("__score");
    for (int place = 0; place < PLACES; place++) texts->names[place] = hybrid->names[place];
    texts->distance_count = PLACES;
    const size_t total = hybrid->hits.count;
    if (search_step_done(run, search_table_init(&run->table, texts, &hybrid->hits,
                                                SEARCH_COLUMNS_MAX)) &&
        first_columns(hybrid) && run_steps(hybrid))
        answer(hybrid, total, began);
    search_table_release(&run->table);
}

static void search_both(struct hybrid *hybrid, const struct search_index *index)
{
    struct redis_call *call = hybrid->call;
    struct search_query texts, near;
    struct search_hits words = {0}, vectors = {0};
    const int64_t began = os_now_ns(call->redis->os);
    if (!search_wording_settle(call, index, &hybrid->run.wording)) return;
    bool ok = search_parse(call, index, hybrid->text, hybrid->run.params, hybrid->run.param_count,
                           &hybrid->run.wording.options, &texts);
    if (ok && (texts.knn || texts.distance_count > 1))
        ok = fail(hybrid, "ERR the query of SEARCH in FT.HYBRID has a vector of its own");
    if (ok) {
        search_find_timeout(call, hybrid->tail, &texts);
        ok = parse_nearest(hybrid, index, &near);
        if (ok) search_find_timeout(call, hybrid->tail, &near);
        int rc = ok ? search_query_run(&texts, NULL, &words) : 0;
        if (ok && rc == 0) rc = search_query_run(&near, NULL, &vectors);
        if (ok && rc == 0) {
            search_let_go(index);
            rc = combine(hybrid, &near, &words, &vectors);
            search_take_back(index);
        }
        if (rc) search_failed(call, rc);
        else if (ok) show(hybrid, &texts, began);
        search_query_release(&near);
    }
    search_hits_release(&words);
    search_hits_release(&vectors);
    search_query_release(&texts);
}

static void hybrid_in(struct redis_call *call, struct search_index *index)
{
    struct hybrid *hybrid = mem_zalloc(sizeof *hybrid);
    if (!hybrid) {
        call_no_memory(call);
        return;
    }
    hybrid->call = hybrid->run.call = call;
    buffer_init(&hybrid->nearest);
    map_init(&hybrid->seen);
    if (read_words(hybrid)) search_both(hybrid, index);
    search_wording_release(&hybrid->run.wording);
    search_hits_release(&hybrid->hits);
    buffer_release(&hybrid->nearest);
    map_release(&hybrid->seen);
    mem_free(hybrid);
}

void run_ft_hybrid(struct redis_call *call) { search_begin(call, hybrid_in); }
