/*
 * FT.PROFILE: an FT.SEARCH or FT.AGGREGATE with its time. It always looks at every document.
 *
 * FT.CONFIG: what is set in other servers has one value here, which can be read, and set to itself.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"
#include "redis/search_turn.h"

/* ---- FT.PROFILE ---- */

struct profile {
    const struct search_index *index;
    size_t first; /* of the query */
    bool search;
};

/* index SEARCH|AGGREGATE [LIMITED] QUERY query ... */
static bool read_profile(struct redis_call *call, struct profile *profile)
{
    profile->search = call_is(call, 2, "search");
    if (!profile->search && !call_is(call, 2, "aggregate")) {
        call_error(call, "No `SEARCH` or `AGGREGATE` provided");
        return false;
    }
    const size_t at = call_is(call, 3, "limited") ? 4 : 3;
    if (at + 1 >= call->argc || !call_is(call, at, "query")) {
        call_error(call, "The QUERY keyword is expected");
        return false;
    }
    profile->first = at + 1;
    return true;
}

static void put_time(struct resp *reply, const char *name, double ms)
{
    if (reply->version < 3) resp_array(reply, 2);
    resp_cstr(reply, name);
    if (reply->version < 3) resp_printf(reply, "%.6g", ms);
    else resp_double(reply, ms);
}

static void put_list(struct resp *reply, const char *name)
{
    if (reply->version < 3) resp_array(reply, 2);
    resp_cstr(reply, name);
}

static void put_profile(struct redis_call *call, const struct profile *profile, double ms)
{
    struct resp *reply = call->reply;
    if (reply->version < 3) resp_array(reply, 3);
    else resp_map(reply, 3);
    put_time(reply, "Total profile time", ms);
    put_list(reply, "Iterators profile");
    resp_map(reply, 2);
    resp_cstr(reply, "Type");
    resp_cstr(reply, "SCAN");
    resp_cstr(reply, "Counter");
    resp_integer(reply, (int64_t)profile->index->count);
    put_list(reply, "Result processors profile");
    resp_array(reply, 1);
    resp_map(reply, 2);
    resp_cstr(reply, "Type");
    resp_cstr(reply, profile->search ? "Search" : "Aggregate");
    resp_cstr(reply, "Time");
    if (reply->version < 3) resp_printf(reply, "%.6g", ms);
    else resp_double(reply, ms);
}

/* The words of the command that is measured. */
static struct kith_str *inner_words(const struct redis_call *call, const struct profile *profile,
                                    size_t *count)
{
    *count = call->argc - profile->first + 2;
    struct kith_str *words = mem_alloc_array(*count, sizeof *words);
    if (!words) return NULL;
    words[0] = str_of(profile->search ? "FT.SEARCH" : "FT.AGGREGATE");
    words[1] = call->argv[1];
    memcpy(words + 2, call->argv + profile->first, (*count - 2) * sizeof *words);
    return words;
}

static void profile_in(struct redis_call *call, struct search_index *index)
{
    struct profile profile;
    size_t count;
    if (!read_profile(call, &profile)) return;
    struct kith_str *words = inner_words(call, &profile, &count);
    if (!words) {
        call_no_memory(call);
        return;
    }
    profile.index = index;
    struct buffer *out = call->reply->out;
    const size_t start = out->len;
    const bool map = call->reply->version >= 3;
    struct redis_call inner = *call;
    inner.argv = words;
    inner.argc = count;
    if (map) {
        resp_map(call->reply, 2);
        resp_cstr(call->reply, "Results");
    } else {
        resp_array(call->reply, 2);
    }
    const size_t answer = out->len;
    const int64_t began = os_now_ns(call->redis->os);
    if (profile.search) search_in(&inner, index, true);
    else aggregate_in(&inner, index);
    const double ms = (double)(os_now_ns(call->redis->os) - began) / 1e6;
    call->failed = inner.failed;
    if (inner.failed) { /* the error is the answer */
        memmove(out->data + start, out->data + answer, out->len - answer);
        out->len -= answer - start;
    } else {
        if (map) resp_cstr(call->reply, "Profile");
        put_profile(call, &profile, ms);
    }
    mem_free(words);
}

void run_ft_profile(struct redis_call *call)
{
    struct profile profile;
    if (read_profile(call, &profile)) search_begin(call, profile_in);
}

/* ---- FT.CONFIG ---- */

static const struct {
    const char *name, *value;
} options[] = {
    {"DEFAULT_DIALECT", "2"},   {"MAXAGGREGATERESULTS", "unlimited"},
    {"MAXPREFIXEXPANSIONS", "unlimited"}, {"MAXSEARCHRESULTS", "unlimited"},
    {"MINPREFIX", "1"},         {"ON_TIMEOUT", "fail"},
    {"TIMEOUT", "5000"},
};
#define OPTIONS (sizeof options / sizeof *options)

void run_ft_config_get(struct redis_call *call)
{
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!text_matches(call->argv[2], str_of(options[i].name), true)) continue;
        if (call->reply->version < 3) resp_array(call->reply, 2);
        resp_cstr(call->reply, options[i].name);
        resp_cstr(call->reply, options[i].value);
        count++;
    }
    resp_close(call->reply, place, call->reply->version >= 3 ? '%' : '*', count);
}

void run_ft_config_set(struct redis_call *call)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!call_is(call, 2, options[i].name)) continue;
        if (call_is(call, 3, options[i].value)) resp_ok(call->reply);
        else call_errorf(call, "ERR %s is always %s", options[i].name, options[i].value);
        return;
    }
    call_error(call, "No such configuration option");
}
