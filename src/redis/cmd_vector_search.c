/*
 * VSIM. What takes some microseconds is done where the command runs; otherwise the set is pinned
 * and searched by a worker, while other commands, VADD of the same set too, go on. What was removed
 * meanwhile is left out of the answer; what was replaced keeps the score it had.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_vector.h"
#include "redis/redis_internal.h"
#include "redis/vector_upkeep.h"

#define DEFAULT_COUNT 10

struct query {
    struct vector_arg vector;     /* owns */
    struct vector_filter *filter; /* owns */
    struct vset_view *view;       /* owns */
    struct vset_hit *hits;        /* owns */
    size_t found;
    int64_t count, ef, filter_ef;
    uint64_t effort; /* candidates that a filter may look at; 0: as many as it takes */
    double epsilon;
    bool with_scores, with_attributes, truth, here;
    int rc;
};

static void query_free(struct query *query)
{
    vector_arg_release(&query->vector);
    vector_filter_free(query->filter);
    mem_free(query->hits);
    vset_unpin(query->view);
    mem_free(query);
}

/* ---- the vector ---- */

static bool read_element(struct redis_call *call, const struct vector_set *set,
                         struct query *query)
{
    const struct vset_element *element = vset_find(set, call->argv[3]);
    const uint32_t dim = vset_params(set)->dim;
    if (!element) {
        call_error(call, "ERR element not found in set");
        return false;
    }
    query->vector = (struct vector_arg){.dim = dim, .next = 4};
    query->vector.values = mem_alloc_array(dim, sizeof *query->vector.values);
    if (!query->vector.values) {
        call_no_memory(call);
        return false;
    }
    vset_read(set, element, query->vector.values);
    return true;
}

static bool fit_dimension(struct redis_call *call, const struct vset_params *params,
                          struct vector_arg *vector)
{
    if (vector->dim == params->dim) return true;
    if (params->input_dim == 0) {
        call_errorf(call, "ERR Vector dimension mismatch - got %u but set has %u", vector->dim,
                    params->dim);
        return false;
    }
    if (vector->dim != params->input_dim) {
        call_errorf(call,
                    "ERR Input dimension mismatch for projection - got %u but projection "
                    "expects %u",
                    vector->dim, params->input_dim);
        return false;
    }
    return vector_arg_reduce(call, vector, params->dim);
}

static bool read_vector(struct redis_call *call, const struct vector_set *set,
                        struct query *query)
{
    if (call_is(call, 2, "ele")) return read_element(call, set, query);
    return vector_arg_read(call, 2, false, &query->vector) &&
           fit_dimension(call, vset_params(set), &query->vector);
}

/* ---- options ---- */

static bool read_filter(struct redis_call *call, struct kith_str text, struct query *query)
{
    size_t at = 0;
    vector_filter_free(query->filter);
    query->filter = NULL;
    const int rc = vector_filter_compile(text.data, text.len, &query->filter, &at);
    if (rc == 0) return true;
    if (rc == KITH_ENOMEM) {
        call_no_memory(call);
        return false;
    }
    struct buffer message;
    buffer_init(&message);
    buffer_printf(&message, "ERR syntax error in FILTER expression near: ");
    buffer_put(&message, text.data + at, text.len - at);
    buffer_put_u8(&message, 0);
    if (buffer_failed(&message)) call_no_memory(call);
    else call_error(call, (const char *)message.data);
    buffer_release(&message);
    return false;
}

static bool read_positive(struct redis_call *call, size_t at, int64_t max, const char *error,
                          int64_t *out)
{
    if (text_integer(call->argv[at], out) && *out > 0 && *out <= max) return true;
    call_error(call, error);
    return false;
}

static bool read_epsilon(struct redis_call *call, size_t at, struct query *query)
{
    if (text_double(call->argv[at], &query->epsilon) && query->epsilon > 0) return true;
    call_error(call, "ERR invalid EPSILON");
    return false;
}

static bool read_flag(const struct redis_call *call, size_t at, struct query *query)
{
    if (call_is(call, at, "withscores")) query->with_scores = true;
    else if (call_is(call, at, "withattribs")) query->with_attributes = true;
    else if (call_is(call, at, "truth")) query->truth = true;
    else if (call_is(call, at, "nothread")) query->here = true;
    else return false;
    return true;
}

/* An option with a value; false: an answer was given. */
static bool read_option(struct redis_call *call, size_t at, struct query *query)
{
    if (at + 1 < call->argc) {
        if (call_is(call, at, "count"))
            return read_positive(call, at + 1, INT64_MAX, "ERR invalid COUNT", &query->count);
        if (call_is(call, at, "epsilon")) return read_epsilon(call, at + 1, query);
        if (call_is(call, at, "ef"))
            return read_positive(call, at + 1, VSET_EF_MAX, "ERR invalid EF", &query->ef);
        if (call_is(call, at, "filter")) return read_filter(call, call->argv[at + 1], query);
        if (call_is(call, at, "filter-ef"))
            return read_positive(call, at + 1, INT64_MAX, "ERR invalid FILTER-EF",
                                 &query->filter_ef);
    }
    call_error(call, "ERR syntax error in VSIM command");
    return false;
}

static bool read_options(struct redis_call *call, struct query *query)
{
    for (size_t at = query->vector.next; at < call->argc; at++) {
        if (read_flag(call, at, query)) continue;
        if (!read_option(call, at++, query)) return false;
    }
    return true;
}

/* ---- searching ---- */

/* What FILTER-EF is worth: nothing, unless the server is told to be as strict as Redis is. */
static uint64_t filter_effort(const struct redis *redis, const struct query *query)
{
    if (!query->filter || !redis->settings.vset_strict_filter_ef) return 0;
    if (query->filter_ef > 0) return (uint64_t)query->filter_ef;
    return query->count < INT64_MAX / 100 ? (uint64_t)query->count * 100 : UINT64_MAX;
}

static struct vset_search job_of(const struct query *query)
{
    return (struct vset_search){
        .vector = query->vector.values, .count = (size_t)query->count, .ef = (uint32_t)query->ef,
        .filter = query->filter, .filter_ef = query->effort, .truth = query->truth};
}

static void search(void *ctx)
{
    struct query *query = ctx;
    const struct vset_search job = job_of(query);
    query->rc = vset_search(query->view, &job, &query->hits, &query->found);
}

/* Drops hits beyond EPSILON and those that were removed since; gives how many are left. */
static size_t keep_hits(struct query *query)
{
    const float epsilon = (float)query->epsilon;
    size_t kept = 0;
    for (size_t i = 0; i < query->found; i++) {
        if (query->hits[i].distance / 2 > epsilon) break;
        if (!vset_hit_element(query->view, &query->hits[i])) continue;
        query->hits[kept++] = query->hits[i];
    }
    return kept;
}

static void answer_hit(struct resp *reply, const struct query *query, const struct vset_hit *hit)
{
    const struct vset_element *element = vset_hit_element(query->view, hit);
    resp_str(reply, vset_name(element));
    if (reply->version == 3 && query->with_scores && query->with_attributes) resp_array(reply, 2);
    if (query->with_scores) resp_double(reply, vset_score(hit->distance));
    if (!query->with_attributes) return;
    const struct kith_str text = vset_attribute(element);
    if (text.data) resp_str(reply, text);
    else resp_null(reply);
}

static void answer(struct redis_call *call, struct query *query)
{
    if (query->rc) {
        call_no_memory(call);
        return;
    }
    struct resp *reply = call->reply;
    const size_t count = keep_hits(query);
    const size_t columns = 1u + query->with_scores + query->with_attributes;
    if (columns > 1 && reply->version == 3) resp_map(reply, count);
    else resp_array(reply, count * columns);
    for (size_t i = 0; i < count; i++) answer_hit(reply, query, &query->hits[i]);
}

static void finish(struct redis_call *call, void *ctx)
{
    answer(call, ctx);
    query_free(ctx);
}

/* Whether it is done where it is, under the lock. */
static bool is_small(const struct vector_set *set, const struct query *query)
{
    const struct vset_search job = job_of(query);
    return vset_search_cost(set, &job) <= VSET_COST_HERE;
}

static void start(struct redis_call *call, struct vector_set *set, struct query *query)
{
    query->effort = filter_effort(call->redis, query);
    query->view = vset_pin(set);
    if (!query->view) {
        call_no_memory(call);
        query_free(query);
        return;
    }
    if (is_small(set, query) || query->here || call->redis->settings.vset_single_threaded) {
        search(query);
        finish(call, query);
    } else if (!call_offload(call, search, finish, query)) {
        query_free(query);
    }
}

void run_vsim(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    if (!entry) {
        resp_array(call->reply, 0);
        return;
    }
    struct vector_set *set = vector_set_of(entry);
    struct query *query = mem_zalloc(sizeof *query);
    if (!query) {
        call_no_memory(call);
        return;
    }
    query->count = DEFAULT_COUNT;
    query->epsilon = 2.0;
    vector_upkeep(call->redis, set);
    if (read_vector(call, set, query) && read_options(call, query)) start(call, set, query);
    else query_free(query);
}
