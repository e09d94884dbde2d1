/* See search_request.h. */
#include "redis/search_request.h"

#include <math.h>

struct kith_str search_bare(struct kith_str name)
{
    if (name.len && name.data[0] == '@') return (struct kith_str){name.data + 1, name.len - 1};
    return name;
}

/* ---- TIMEOUT ---- */

bool search_timeout(struct redis_call *call, size_t at, int64_t *ms)
{
    if (at + 1 < call->argc && text_integer(call->argv[at + 1], ms) && *ms >= 0) {
        if (*ms > SEARCH_TIMEOUT_MS_MAX) *ms = SEARCH_TIMEOUT_MS_MAX;
        return true;
    }
    call_error(call, "TIMEOUT requires a non negative integer");
    return false;
}

void search_set_timeout(struct search_query *query, int64_t ms)
{
    query->deadline_ns = ms ? os_now_ns(query->os) + ms * 1000000 : 0;
}

void search_find_timeout(const struct redis_call *call, size_t first, struct search_query *query)
{
    int64_t ms;
    for (size_t at = first; at + 1 < call->argc; at++)
        if (call_is(call, at, "timeout") && text_integer(call->argv[at + 1], &ms) && ms >= 0)
            search_set_timeout(query, ms < SEARCH_TIMEOUT_MS_MAX ? ms : SEARCH_TIMEOUT_MS_MAX);
}

/* ---- options ---- */

static bool take_list(struct redis_call *call, size_t *at, const struct kith_str **items,
                      size_t *count)
{
    int64_t n;
    if (*at + 1 >= call->argc || !text_integer(call->argv[*at + 1], &n) || n < 0 ||
        (uint64_t)n > call->argc - *at - 2) {
        call_error(call, "ERR Bad arguments: a count is expected");
        return false;
    }
    *items = call->argv + *at + 2;
    *count = (size_t)n;
    *at += 2 + (size_t)n;
    return true;
}

bool search_params(struct redis_call *call, size_t at, struct query_param *params, size_t *count,
                   size_t *next)
{
    const struct kith_str *words;
    size_t n;
    *next = at;
    if (!take_list(call, next, &words, &n)) return false;
    if (n % 2 || n / 2 > SEARCH_PARAMS_MAX) {
        call_error(call, "ERR Parameters must be specified in PARAM VALUE pairs");
        return false;
    }
    for (*count = 0; *count < n / 2; (*count)++)
        params[*count] = (struct query_param){words[2 * *count], words[2 * *count + 1]};
    return true;
}

static bool read_returns(struct redis_call *call, size_t *at, struct search_request *request)
{
    const struct kith_str *words;
    size_t n;
    if (!take_list(call, at, &words, &n)) return false;
    request->has_returns = true;
    for (size_t i = 0; i < n; i++) {
        if (request->return_count == SEARCH_RETURNS_MAX) break;
        struct search_return *field = &request->returns[request->return_count++];
        field->name = field->as = search_bare(words[i]);
        if (i + 2 < n && str_is(words[i + 1], "as")) {
            field->as = words[i + 2];
            i += 2;
        }
    }
    request->no_content = request->no_content || n == 0;
    return true;
}

static bool read_limit(struct redis_call *call, size_t *at, struct search_request *request)
{
    if (*at + 2 < call->argc && text_integer(call->argv[*at + 1], &request->offset) &&
        text_integer(call->argv[*at + 2], &request->limit) && request->offset >= 0 &&
        request->limit >= 0) {
        *at += 3;
        return true;
    }
    call_error(call, "ERR LIMIT needs two numbers");
    return false;
}

static bool read_flag(const struct redis_call *call, size_t at, struct search_request *request)
{
    if (call_is(call, at, "nocontent")) request->no_content = true;
    else if (call_is(call, at, "withscores")) request->with_scores = true;
    else if (call_is(call, at, "withsortkeys")) request->with_sort_keys = true;
    else if (call_is(call, at, "withpayloads")) request->with_payloads = true;
    else if (call_is(call, at, "explainscore")) request->explain_scores = true;
    else return false;
    return true;
}

static bool read_sort(struct redis_call *call, size_t *at, struct search_request *request)
{
    request->sort_by = search_bare(call->argv[*at + 1]);
    request->sorted = true;
    *at += 2;
    if (*at < call->argc && (call_is(call, *at, "asc") || call_is(call, *at, "desc")))
        request->descending = call_is(call, (*at)++, "desc");
    return true;
}

/* "(5", "-inf" */
static bool read_bound(struct kith_str text, double *out, bool *open)
{
    *open = text.len && text.data[0] == '(';
    if (*open) text = (struct kith_str){text.data + 1, text.len - 1};
    return text_double(text, out) && !isnan(*out);
}

static bool read_unit(struct kith_str text, double *metres)
{
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"mi", 1609.344}, {"ft", 0.3048}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!str_is(text, units[i].name)) continue;
        *metres *= units[i].metres;
        return true;
    }
    return false;
}

/* FILTER field min max; GEOFILTER field lon lat radius unit */
static bool read_filter(struct redis_call *call, size_t *at, struct search_request *request)
{
    const bool geo = call_is(call, *at, "geofilter");
    const struct kith_str *words = call->argv + *at + 1;
    const size_t count = geo ? 5 : 3;
    if (request->filter_count == SEARCH_FILTERS_MAX || call->argc - *at - 1 < count) {
        call_error(call, geo ? "ERR GEOFILTER needs a field, longitude, latitude, radius and unit"
                             : "ERR FILTER needs a field and two numbers");
        return false;
    }
    struct query_filter *filter = &request->filters[request->filter_count++];
    *filter = (struct query_filter){.name = search_bare(words[0]), .geo = geo};
    const bool ok = geo ? text_double(words[1], &filter->lo) &&
                              text_double(words[2], &filter->hi) &&
                              text_double(words[3], &filter->radius) && filter->radius >= 0 &&
                              read_unit(words[4], &filter->radius)
                        : read_bound(words[1], &filter->lo, &filter->lo_open) &&
                              read_bound(words[2], &filter->hi, &filter->hi_open);
    if (!ok)
        call_error(call, geo ? "ERR Bad arguments for GEOFILTER"
                             : "ERR Bad range: FILTER needs two numbers");
    *at += 1 + count;
    return ok;
}

/* DIALECT, PAYLOAD: with a word behind them that changes nothing here; TIMEOUT. */
static bool read_word(struct redis_call *call, size_t *at, struct search_request *request)
{
    int64_t number = 0;
    if (call_is(call, *at, "dialect")) {
        if (!text_integer(call->argv[*at + 1], &number) || number < 1 || number > 4) {
            call_error(call, "DIALECT requires a non negative integer >=1 and <= 4");
            return false;
        }
    } else if (call_is(call, *at, "timeout")) {
        if (!search_timeout(call, *at, &request->timeout_ms)) return false;
        request->has_timeout = true;
    }
    *at += 2;
    return true;
}

static bool read_option(struct redis_call *call, size_t *at, struct search_request *request)
{
    if (read_flag(call, *at, request)) {
        (*at)++;
        return true;
    }
    if (call_is(call, *at, "return")) return read_returns(call, at, request);
    if (call_is(call, *at, "limit")) return read_limit(call, at, request);
    if (call_is(call, *at, "params"))
        return search_params(call, *at, request->params, &request->param_count, at);
    if (call_is(call, *at, "inkeys")) {
        request->by_keys = true;
        return take_list(call, at, &request->in_keys, &request->in_key_count);
    }
    if (call_is(call, *at, "filter") || call_is(call, *at, "geofilter"))
        return read_filter(call, at, request);
    const int rc = search_wording_read(call, at, &request->wording);
    if (rc) return rc > 0;
    if (*at + 1 < call->argc) {
        if (call_is(call, *at, "sortby")) return read_sort(call, at, request);
        if (call_is(call, *at, "dialect") || call_is(call, *at, "timeout") ||
            call_is(call, *at, "payload"))
            return read_word(call, at, request);
    }
    call_errorf(call, "ERR Unknown argument `%.*s`", (int)(call->argv[*at].len & 63),
                call->argv[*at].data);
    return false;
}

bool search_request_read(struct redis_call *call, size_t first, struct search_request *request)
{
    request->limit = 10;
    search_wording_init(&request->wording);
    for (size_t at = first; at < call->argc;)
        if (!read_option(call, &at, request)) return false;
    request->wording.options.filters = request->filters;
    request->wording.options.filter_count = request->filter_count;
    if (!request->explain_scores || request->with_scores) return true;
    call_error(call, "EXPLAINSCORE must be accompanied with WITHSCORES");
    return false;
}
