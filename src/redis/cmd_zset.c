/*
 * Commands of sorted sets that name their members. Ranges are in cmd_zset_range.c, popping and
 * drawing in cmd_zset_pop.c, several sets in cmd_zset_algebra.c.
 */
#include "redis/cmd_zset.h"

#include <math.h>

#include "base/alloc.h"
#include "redis/member_args.h"

static const struct zset *zset_seen(const struct entry *entry) { return entry_value(entry); }

void zset_reply_open(struct redis_call *call, uint64_t count, bool scores)
{
    resp_array(call->reply, (size_t)(scores && call->reply->version == 2 ? count * 2 : count));
}

void zset_reply_member(struct redis_call *call, const struct zset_member *member, bool scores)
{
    if (scores && call->reply->version == 3) resp_array(call->reply, 2);
    resp_str(call->reply, member->name);
    if (scores) resp_double(call->reply, member->score);
}

/* ---- ZADD ---- */

enum { ADD_NX = 1, ADD_XX = 2, ADD_GT = 4, ADD_LT = 8, ADD_CH = 16, ADD_INCR = 32 };

struct zadd {
    unsigned flags;
    size_t first;     /* argv of the first score */
    size_t pairs;
    double *scores;   /* owns */
    int64_t added, changed;
    bool met;         /* INCR: it was done */
    double score;     /* INCR: the new one */
};

static unsigned add_option(const struct redis_call *call, size_t arg)
{
    static const char *const words[] = { "NX", "XX", "GT", "LT", "CH", "INCR" };
    for (unsigned i = 0; i < 6; i++) {
        if (call_is(call, arg, words[i])) return 1u << i;
    }
    return 0;
}

static bool add_options(struct redis_call *call, struct zadd *add)
{
    unsigned option;
    for (add->first = 2; (option = add_option(call, add->first)) != 0; add->first++) {
        add->flags |= option;
    }
    const size_t words = call->argc - add->first;
    const unsigned flags = add->flags;
    add->pairs = words / 2;
    if (words % 2 != 0 || words == 0) {
        call_syntax_error(call);
    } else if ((flags & ADD_NX) && (flags & ADD_XX)) {
        call_error(call, "ERR XX and NX options at the same time are not compatible");
    } else if (((flags & ADD_NX) && (flags & (ADD_GT | ADD_LT))) ||
               ((flags & ADD_GT) && (flags & ADD_LT))) {
        call_error(call, "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if ((flags & ADD_INCR) && add->pairs > 1) {
        call_error(call, "ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

static bool add_scores(struct redis_call *call, struct zadd *add)
{
    add->scores = mem_alloc_array(add->pairs, sizeof *add->scores);
    if (!add->scores) {
        call_no_memory(call);
        return false;
    }
    for (size_t i = 0; i < add->pairs; i++) {
        if (call_double(call, add->first + 2 * i, &add->scores[i])) continue;
        mem_free(add->scores);
        return false;
    }
    return true;
}

static bool add_allowed(const struct zadd *add, bool there, double old, double score)
{
    if (!there) return !(add->flags & ADD_XX);
    if (add->flags & ADD_NX) return false;
    if ((add->flags & ADD_GT) && score <= old) return false;
    return !(add->flags & ADD_LT) || score < old;
}

/* KITH_EINVAL: the sum is not a number. */
static int add_one(struct redis_call *call, struct zset *zset, struct zadd *add, size_t pair)
{
    const struct kith_str name = call->argv[add->first + 2 * pair + 1];
    double old = 0, score = add->scores[pair];
    const bool there = zset_score(zset, name, &old);
    if ((add->flags & ADD_INCR) && there && !(add->flags & ADD_NX)) {
        score += old;
        if (isnan(score)) return KITH_EINVAL;
    }
    if (!add_allowed(add, there, old, score)) return 0;
    const int rc = zset_put(zset, cache_settings(call->cache), name, score);
    if (rc != 0) return rc;
    add->added += !there;
    add->changed += there && old != score;
    add->met = true;
    add->score = score + 0.0;
    return 0;
}

static int add_all(struct redis_call *call, struct zset *zset, struct zadd *add, size_t *done)
{
    for (size_t i = 0; i < add->pairs; i++) {
        const int rc = add_one(call, zset, add, i);
        if (rc != 0) return rc;
        *done = add->first + 2 * i + 2;
    }
    return 0;
}

static void add_reply(struct redis_call *call, const struct zadd *add)
{
    if (add->flags & ADD_INCR) {
        if (add->met) resp_double(call->reply, add->score);
        else resp_null(call->reply);
    } else {
        resp_integer(call->reply, add->added + (add->flags & ADD_CH ? add->changed : 0));
    }
}

/* What became of the additions: the answer, the event, and a new key. */
static void add_finish(struct redis_call *call, struct entry *entry, struct zset *zset,
                       struct zadd *add, int rc, size_t done)
{
    const struct kith_str key = call->argv[1];
    if (!entry && (rc != 0 || zset_count(zset) == 0)) {
        zset_free(zset);
    } else if (!entry) {
        rc = cache_add(call->cache, call->db, key, VALUE_ZSET, zset, CACHE_NO_DEADLINE, &entry);
    }
    if (entry && add->added + add->changed > 0) {
        call_changed(call, key, EVENT_ZSET, add->flags & ADD_INCR ? "zincr" : "zadd");
    }
    if (rc == KITH_EINVAL) call_error(call, "ERR resulting score is not a number (NaN)");
    else if (rc != 0) call_partial(call, done);
    else add_reply(call, add);
}

static void add(struct redis_call *call, struct zadd *add)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    if (!entry && (add->flags & ADD_XX)) {
        add_reply(call, add);
        return;
    }
    struct zset *zset = entry ? entry_value(entry) : zset_new(cache_heap(call->cache));
    if (!zset) {
        call_no_memory(call);
        return;
    }
    size_t done = add->first;
    const int rc = add_all(call, zset, add, &done);
    add_finish(call, entry, zset, add, rc, done);
}

static void run_zadd(struct redis_call *call)
{
    struct zadd args = { 0 };
    if (!add_options(call, &args) || !add_scores(call, &args)) return;
    add(call, &args);
    mem_free(args.scores);
}

static void run_zincrby(struct redis_call *call)
{
    struct zadd args = { .flags = ADD_INCR, .first = 2, .pairs = 1 };
    if (!add_scores(call, &args)) return;
    add(call, &args);
    mem_free(args.scores);
}

static void run_zrem(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    int64_t gone = 0;
    struct zset *zset = entry ? entry_value(entry) : NULL;
    for (size_t i = 2; zset && i < call->argc; i++) gone += zset_remove(zset, call->argv[i]);
    if (gone > 0) {
        call_changed(call, call->argv[1], EVENT_ZSET, "zrem");
        call_delete_empty(call, entry, zset_count(zset) == 0);
    }
    resp_integer(call->reply, gone);
}

/* ---- asking ---- */

static void run_zcard(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_ZSET);
    if (!call->failed) resp_integer(call->reply, entry ? (int64_t)zset_count(zset_seen(entry)) : 0);
}

static void reply_score(struct redis_call *call, const struct entry *entry, struct kith_str name)
{
    double score;
    if (entry && zset_score(zset_seen(entry), name, &score)) resp_double(call->reply, score);
    else resp_null(call->reply);
}

static void run_zscore(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_ZSET);
    if (!call->failed) reply_score(call, entry, call->argv[2]);
}

static void run_zmscore(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) reply_score(call, entry, call->argv[i]);
}

static void rank(struct redis_call *call, bool from_end)
{
    const bool with_score = call->argc == 4;
    if (call->argc > 4) {
        call_arity_error(call);
        return;
    }
    if (with_score && !call_is(call, 3, "WITHSCORE")) {
        call_syntax_error(call);
        return;
    }
    struct entry *entry = call_read(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    uint64_t at;
    double score;
    if (!entry || !zset_rank(zset_seen(entry), call->argv[2], &at, &score)) {
        if (with_score) resp_null_array(call->reply);
        else resp_null(call->reply);
        return;
    }
    if (from_end) at = zset_count(zset_seen(entry)) - 1 - at;
    if (with_score) resp_array(call->reply, 2);
    resp_integer(call->reply, (int64_t)at);
    if (with_score) resp_double(call->reply, score);
}

static void run_zrank(struct redis_call *call) { rank(call, false); }
static void run_zrevrank(struct redis_call *call) { rank(call, true); }

struct zscan {
    struct redis_call *call;
    struct scan_options *options;
    size_t seen, written;
};

static void scan_member(void *ctx, const struct zset_member *member)
{
    struct zscan *scan = ctx;
    char text[RESP_DOUBLE_TEXT_MAX];
    scan->seen++;
    if (!scan_takes(scan->options, member->name)) return;
    resp_str(scan->call->reply, member->name);
    resp_bulk(scan->call->reply, text, resp_double_text(member->score, text));
    scan->written += 2;
}

static void run_zscan(struct redis_call *call)
{
    struct scan_options options;
    struct entry *entry = call_scan_begin(call, VALUE_ZSET, false, &options);
    if (!entry) return;
    struct zscan scan = { call, &options, 0, 0 };
    const size_t place = scan_begin(call);
    uint64_t cursor = options.cursor, steps = scan_steps(&options);
    do {
        cursor = zset_scan(zset_seen(entry), cursor, scan_member, &scan);
    } while (cursor != 0 && scan.seen < options.count && --steps > 0);
    scan_end(call, place, cursor, scan.written);
    scan_release(&options);
}

/* ---- the table ---- */


#define ZSET_ROW(word, function, words, bits, first, last) \
    { .name = word, .run = function, .arity = words, .flags = (bits), \
      .categories = CAT_SORTEDSET, .first_key = (first), .last_key = (last), .key_step = 1 }
#define ZSET_READ(word, function, words, extra) \
    ZSET_ROW(word, function, words, CMD_READ | (extra), 1, 1)
#define ZSET_WRITE(word, function, words, extra) \
    ZSET_ROW(word, function, words, CMD_WRITE | (extra), 1, 1)
#define ZSET_NUMBERED(word, function, words, bits, keys_of) \
    { .name = word, .run = function, .arity = words, .flags = CMD_MOVABLE_KEYS | (bits), \
      .categories = CAT_SORTEDSET, .keys = keys_of }
/* The target is key 1, the others are numbered. */
#define ZSET_STORED(word, function, words) \
    { .name = word, .run = function, .arity = words, \
      .flags = CMD_MOVABLE_KEYS | CMD_WRITE | CMD_DENY_OOM, .categories = CAT_SORTEDSET, \
      .first_key = 1, .last_key = 1, .key_step = 1, .keys = keys_stored_numbered }

const struct command zset_commands[] = {
    ZSET_WRITE("zadd", run_zadd, -4, CMD_DENY_OOM | CMD_FAST),
    ZSET_WRITE("zincrby", run_zincrby, 4, CMD_DENY_OOM | CMD_FAST),
    ZSET_WRITE("zrem", run_zrem, -3, CMD_FAST),
    ZSET_READ("zcard", run_zcard, 2, CMD_FAST),
    ZSET_READ("zscore", run_zscore, 3, CMD_FAST),
    ZSET_READ("zmscore", run_zmscore, -3, CMD_FAST),
    ZSET_READ("zrank", run_zrank, -3, CMD_FAST),
    ZSET_READ("zrevrank", run_zrevrank, -3, CMD_FAST),
    ZSET_READ("zscan", run_zscan, -3, 0),
    ZSET_READ("zrange", run_zrange, -4, 0),
    ZSET_ROW("zrangestore", run_zrangestore, -5, CMD_WRITE | CMD_DENY_OOM, 1, 2),
    ZSET_READ("zrevrange", run_zrevrange, -4, 0),
    ZSET_READ("zrangebyscore", run_zrangebyscore, -4, 0),
    ZSET_READ("zrevrangebyscore", run_zrevrangebyscore, -4, 0),
    ZSET_READ("zrangebylex", run_zrangebylex, -4, 0),
    ZSET_READ("zrevrangebylex", run_zrevrangebylex, -4, 0),
    ZSET_READ("zcount", run_zcount, 4, CMD_FAST),
    ZSET_READ("zlexcount", run_zlexcount, 4, CMD_FAST),
    ZSET_WRITE("zremrangebyrank", run_zremrangebyrank, 4, 0),
    ZSET_WRITE("zremrangebyscore", run_zremrangebyscore, 4, 0),
    ZSET_WRITE("zremrangebylex", run_zremrangebylex, 4, 0),
    ZSET_WRITE("zpopmin", run_zpopmin, -2, CMD_FAST),
    ZSET_WRITE("zpopmax", run_zpopmax, -2, CMD_FAST),
    ZSET_READ("zrandmember", run_zrandmember, -2, 0),
    ZSET_ROW("bzpopmin", run_bzpopmin, -3, CMD_WRITE | CMD_FAST | CMD_BLOCKING, 1, -2),
    ZSET_ROW("bzpopmax", run_bzpopmax, -3, CMD_WRITE | CMD_FAST | CMD_BLOCKING, 1, -2),
    ZSET_NUMBERED("zmpop", run_zmpop, -4, CMD_WRITE, keys_numbered_1),
    ZSET_NUMBERED("bzmpop", run_bzmpop, -5, CMD_WRITE | CMD_BLOCKING, keys_numbered_2),
    ZSET_NUMBERED("zunion", run_zunion, -3, CMD_READ, keys_numbered_1),
    ZSET_NUMBERED("zinter", run_zinter, -3, CMD_READ, keys_numbered_1),
    ZSET_NUMBERED("zdiff", run_zdiff, -3, CMD_READ, keys_numbered_1),
    ZSET_NUMBERED("zintercard", run_zintercard, -3, CMD_READ, keys_numbered_1),
    ZSET_STORED("zunionstore", run_zunionstore, -4),
    ZSET_STORED("zinterstore", run_zinterstore, -4),
    ZSET_STORED("zdiffstore", run_zdiffstore, -4),
    { .name = NULL },
};
