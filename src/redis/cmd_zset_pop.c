/*
 * Taking the lowest or highest members of sorted sets, also by waiting for them, and drawing.
 *
 * What waited is logged as ZPOPMIN or ZPOPMAX with a count.
 */
#include "redis/cmd_zset.h"
#include "redis/member_args.h"
#include "redis/member_draw.h"

static const struct zset *zset_seen(const struct entry *entry) { return entry_value(entry); }

static const char *pop_word(bool max) { return max ? "ZPOPMAX" : "ZPOPMIN"; }

/* ---- popping ---- */

enum shape { SHAPE_FLAT, SHAPE_PAIRS }; /* m s m s, or [m s] [m s] */

/* Removes count of them, which are there, and says so. */
static void take_away(struct redis_call *call, struct entry *entry, struct kith_str key, bool max,
                      uint64_t count)
{
    struct zset *zset = entry_value(entry);
    zset_cut(zset, max ? zset_count(zset) - count : 0, count);
    call_changed(call, key, EVENT_ZSET, max ? "zpopmax" : "zpopmin");
    call_delete_empty(call, entry, zset_count(zset) == 0);
}

static void write_ends(struct redis_call *call, const struct zset *zset, bool max, uint64_t count,
                       enum shape shape)
{
    struct zset_walk walk;
    struct zset_member member;
    zset_walk_from(&walk, zset, max ? zset_count(zset) - 1 : 0, max);
    for (; count > 0 && zset_walk_next(&walk, &member); count--) {
        if (shape == SHAPE_PAIRS) resp_array(call->reply, 2);
        resp_str(call->reply, member.name);
        resp_double(call->reply, member.score);
    }
}

static void pop(struct redis_call *call, bool max)
{
    int64_t count = 1;
    if (call->argc > 3) {
        call_syntax_error(call);
        return;
    }
    if (call->argc == 3 && !call_positive(call, 2, &count)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    const uint64_t size = entry ? zset_count(zset_seen(entry)) : 0;
    const uint64_t gone = (uint64_t)count < size ? (uint64_t)count : size;
    const bool pairs = call->argc == 3 && call->reply->version == 3;
    resp_array(call->reply, (size_t)(pairs ? gone : gone * 2));
    if (gone == 0) return;
    write_ends(call, zset_seen(entry), max, gone, pairs ? SHAPE_PAIRS : SHAPE_FLAT);
    take_away(call, entry, call->argv[1], max, gone);
}

void run_zpopmin(struct redis_call *call) { pop(call, false); }
void run_zpopmax(struct redis_call *call) { pop(call, true); }

/* ---- of the first key that has members ---- */

static void blocking_pop(struct redis_call *call, bool max)
{
    size_t arg;
    struct entry *entry = call_first_or_wait(call, VALUE_ZSET, &arg);
    if (!entry || call->failed) return;
    const struct kith_str key = call->argv[arg];
    resp_array(call->reply, 3);
    resp_str(call->reply, key);
    write_ends(call, zset_seen(entry), max, 1, SHAPE_FLAT);
    take_away(call, entry, key, max, 1);
    call_logf(call, "%s %S", pop_word(max), &key);
}

void run_bzpopmin(struct redis_call *call) { blocking_pop(call, false); }
void run_bzpopmax(struct redis_call *call) { blocking_pop(call, true); }

/* false: nothing was there. */
static bool mpop(struct redis_call *call, const struct mpop *how)
{
    size_t arg;
    struct entry *entry = call_first(call, VALUE_ZSET, how->first_key, how->key_count, &arg);
    if (call->failed) return true;
    if (!entry) return false;
    const struct kith_str key = call->argv[arg];
    const uint64_t size = zset_count(zset_seen(entry));
    const uint64_t gone = (uint64_t)how->count < size ? (uint64_t)how->count : size;
    resp_array(call->reply, 2);
    resp_str(call->reply, key);
    resp_array(call->reply, (size_t)gone);
    write_ends(call, zset_seen(entry), how->second, gone, SHAPE_PAIRS);
    take_away(call, entry, key, how->second, gone);
    call_logf(call, "%s %S %I", pop_word(how->second), &key, how->count);
    return true;
}

void run_zmpop(struct redis_call *call)
{
    struct mpop how;
    if (call_mpop(call, 1, "MIN", "MAX", &how) && !mpop(call, &how)) resp_null_array(call->reply);
}

void run_bzmpop(struct redis_call *call)
{
    struct mpop how;
    int64_t deadline_us;
    if (!call_timeout(call, 1, &deadline_us)) return;
    if (!call_mpop(call, 2, "MIN", "MAX", &how) || mpop(call, &how)) return;
    if (!call_block(call, call->argv + how.first_key, how.key_count, deadline_us)) {
        resp_null_array(call->reply);
    }
}

/* ---- ZRANDMEMBER ---- */

struct zset_draw {
    struct redis_call *call;
    const struct zset *zset;
    bool scores;
    struct zset_walk walk;
    struct zset_member member;
};

static struct kith_str random_member(void *ctx)
{
    struct zset_draw *draw = ctx;
    zset_random(draw->zset, cache_rng(draw->call->cache), &draw->member);
    return draw->member.name;
}

static bool next_member(void *ctx)
{
    struct zset_draw *draw = ctx;
    return zset_walk_next(&draw->walk, &draw->member);
}

static void reply_member(void *ctx)
{
    const struct zset_draw *draw = ctx;
    zset_reply_member(draw->call, &draw->member, draw->scores);
}

void run_zrandmember(struct redis_call *call)
{
    struct draw_args args;
    if (!call_draw_args(call, "WITHSCORES", &args)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    if (!entry) {
        if (args.counted) resp_array(call->reply, 0);
        else resp_null(call->reply);
        return;
    }
    struct zset_draw draw = { .call = call, .zset = zset_seen(entry), .scores = args.with };
    const struct draw_source source = { &draw, zset_count(draw.zset), random_member, next_member,
                                        reply_member };
    zset_walk_from(&draw.walk, draw.zset, 0, false);
    if (args.counted) call_draw(call, &source, &args);
    else resp_str(call->reply, random_member(&draw));
}
