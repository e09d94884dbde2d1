/*
 * Intersection, union and difference of sets.
 *
 * An intersection passes through the smallest set and looks each member up in the others, smaller
 * ones first. A difference does the same from the first set, or takes the members of the others out
 * of a copy, whichever looks at fewer members.
 */
#include "redis/cmd_set.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "redis/member_args.h"

struct sets {
    const struct set **at; /* owns the array; NULL: the key is not there */
    size_t count;
    bool missing; /* one of them is */
    bool again;   /* the first was named a second time */
};

/* A set that is named again changes no result, nor does a key that is not there: looked at each
 * time, they would make minutes of one command. The first stays where it is. */
static bool sets_tidy(struct redis_call *call, struct sets *sets)
{
    struct map64 seen;
    size_t kept = 0;
    int rc = 0;
    map64_init(&seen);
    for (size_t i = 0; rc == 0 && i < sets->count; i++) {
        const struct set *set = sets->at[i];
        if (i && (!set || map64_get(&seen, (uint64_t)(uintptr_t)set, NULL))) {
            /* but what it takes from itself is everything */
            if (set && set == sets->at[0]) sets->again = true;
            continue;
        }
        sets->at[kept++] = set;
        if (set) rc = map64_put(&seen, (uint64_t)(uintptr_t)set, 1);
    }
    sets->count = kept;
    map64_release(&seen);
    if (rc) call_no_memory(call);
    return rc == 0;
}

/* false: answered. */
static bool sets_read(struct redis_call *call, size_t first, size_t count, struct sets *out)
{
    *out = (struct sets){ .at = mem_alloc_array(count, sizeof *out->at), .count = count };
    if (!out->at) {
        call_no_memory(call);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = call_read(call, call->argv[first + i], VALUE_SET);
        if (call->failed) {
            mem_free(out->at);
            return false;
        }
        out->at[i] = entry ? entry_value(entry) : NULL;
        if (!entry) out->missing = true;
    }
    if (sets_tidy(call, out)) return true;
    mem_free(out->at);
    return false;
}

static void sets_release(struct sets *sets) { mem_free(sets->at); }

static uint64_t count_of(const struct set *set) { return set ? set_count(set) : 0; }

static int by_count(const void *left, const void *right)
{
    const uint64_t a = count_of(*(const struct set *const *)left);
    const uint64_t b = count_of(*(const struct set *const *)right);
    return (a > b) - (a < b);
}

/* Smallest first. */
static void sets_sort(struct sets *sets, size_t from)
{
    qsort(sets->at + from, sets->count - from, sizeof *sets->at, by_count);
}

static bool in_all(const struct sets *sets, struct kith_str member)
{
    for (size_t i = 1; i < sets->count; i++) {
        if (sets->at[i] != sets->at[0] && !set_has(sets->at[i], member)) return false;
    }
    return true;
}

static bool in_others(const struct sets *sets, struct kith_str member)
{
    for (size_t i = sets->count; i-- > 1;) {
        if (sets->at[i] && set_has(sets->at[i], member)) return true;
    }
    return false;
}

/* ---- results: written as they come, or put into a set ---- */

struct result {
    struct redis_call *call;
    struct set *into; /* NULL: to the reply */
    uint64_t count;
    int rc;
};

static void take(struct result *result, struct kith_str member)
{
    bool added = true;
    if (result->into) {
        result->rc = set_add(result->into, cache_settings(result->call->cache), member, &added);
    } else {
        resp_str(result->call->reply, member);
    }
    result->count += added;
}

static void intersect(struct sets *sets, uint64_t limit, struct result *result, bool only_count)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    if (sets->missing) return;
    sets_sort(sets, 0);
    while (result->rc == 0 && set_next(sets->at[0], &it, &member)) {
        if (!in_all(sets, member)) continue;
        if (only_count) result->count++;
        else take(result, member);
        if (limit > 0 && result->count == limit) return;
    }
}

static void take_all(const struct set *set, struct result *result)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    while (result->rc == 0 && set_next(set, &it, &member)) take(result, member);
}

static void unite(const struct sets *sets, struct result *result)
{
    for (size_t i = 0; i < sets->count; i++) {
        if (sets->at[i]) take_all(sets->at[i], result);
    }
}

/* Members that the second way of a difference looks at. */
static uint64_t all_members(const struct sets *sets)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sets->count; i++) sum += count_of(sets->at[i]);
    return sum;
}

static void remove_all(const struct set *set, struct result *result)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    while (result->count > 0 && set_next(set, &it, &member)) {
        result->count -= set_remove(result->into, member);
    }
}

static void subtract(struct sets *sets, struct result *result)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    if (!sets->at[0] || sets->again) return;
    if (count_of(sets->at[0]) * sets->count / 2 <= all_members(sets) || !result->into) {
        sets_sort(sets, 1);
        while (result->rc == 0 && set_next(sets->at[0], &it, &member)) {
            if (!in_others(sets, member)) take(result, member);
        }
        return;
    }
    take_all(sets->at[0], result);
    for (size_t i = 1; i < sets->count && result->rc == 0; i++) {
        if (sets->at[i]) remove_all(sets->at[i], result);
    }
}

enum algebra { INTER, UNION, DIFF };

static void combine(enum algebra kind, struct sets *sets, struct result *result)
{
    if (kind == INTER) intersect(sets, 0, result, false);
    else if (kind == UNION) unite(sets, result);
    else subtract(sets, result);
}

static void reply_set(struct redis_call *call, const struct set *set)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    resp_set(call->reply, set_count(set));
    while (set_next(set, &it, &member)) resp_str(call->reply, member);
}

static void to_reply(struct redis_call *call, enum algebra kind)
{
    struct sets sets;
    if (!sets_read(call, 1, call->argc - 1, &sets)) return;
    struct result result = { .call = call };
    if (kind != INTER) { /* members may come twice, or must go again */
        result.into = set_new(cache_heap(call->cache));
        if (!result.into) result.rc = KITH_ENOMEM;
    }
    const size_t place = result.into ? 0 : resp_open(call->reply);
    if (result.rc == 0) combine(kind, &sets, &result);
    if (result.rc != 0) call_no_memory(call);
    else if (result.into) reply_set(call, result.into);
    else resp_close(call->reply, place, '~', (size_t)result.count);
    set_free(result.into);
    sets_release(&sets);
}

static void to_key(struct redis_call *call, enum algebra kind, const char *event)
{
    struct sets sets;
    if (!sets_read(call, 2, call->argc - 2, &sets)) return;
    struct result result = { .call = call, .into = set_new(cache_heap(call->cache)) };
    if (!result.into) result.rc = KITH_ENOMEM;
    else combine(kind, &sets, &result);
    sets_release(&sets);
    if (result.rc != 0) {
        set_free(result.into);
        call_no_memory(call);
        return;
    }
    call_store(call, call->argv[1], VALUE_SET, result.into, result.count, event);
}

void run_sinter(struct redis_call *call) { to_reply(call, INTER); }
void run_sunion(struct redis_call *call) { to_reply(call, UNION); }
void run_sdiff(struct redis_call *call) { to_reply(call, DIFF); }
void run_sinterstore(struct redis_call *call) { to_key(call, INTER, "sinterstore"); }
void run_sunionstore(struct redis_call *call) { to_key(call, UNION, "sunionstore"); }
void run_sdiffstore(struct redis_call *call) { to_key(call, DIFF, "sdiffstore"); }

void run_sintercard(struct redis_call *call)
{
    int64_t numkeys, limit = 0;
    struct sets sets;
    if (!call_bounded(call, 1, 1, INT64_MAX, &numkeys, "ERR numkeys should be greater than 0")) {
        return;
    }
    if ((uint64_t)numkeys > call->argc - 2) {
        call_error(call, "ERR Number of keys can't be greater than number of args");
        return;
    }
    for (size_t i = 2 + (size_t)numkeys; i < call->argc; i += 2) {
        if (!call_is(call, i, "LIMIT") || i + 1 == call->argc) {
            call_syntax_error(call);
            return;
        }
        if (!call_bounded(call, i + 1, 0, INT64_MAX, &limit, "ERR LIMIT can't be negative")) return;
    }
    if (!sets_read(call, 2, (size_t)numkeys, &sets)) return;
    struct result result = { .call = call };
    intersect(&sets, (uint64_t)limit, &result, true);
    sets_release(&sets);
    resp_integer(call->reply, (int64_t)result.count);
}
