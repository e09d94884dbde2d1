/*
 * Ranges of sorted sets: by rank, by score, by text. Every range becomes ranks first (two walks
 * down the tree), then members are read from there on.
 */
#include "redis/cmd_zset.h"

#include "redis/member_args.h"

static const struct zset *zset_seen(const struct entry *entry) { return entry_value(entry); }

/* ---- bounds ---- */

static bool read_score(struct kith_str text, double *out, bool *past)
{
    *past = text.len > 0 && text.data[0] == '(';
    if (*past) text = (struct kith_str){ text.data + 1, text.len - 1 };
    *out = 0; /* of an empty text, as strtod has it */
    return text.len == 0 || text_double(text, out);
}

static bool read_text(struct kith_str text, struct kith_str *out, bool *past, int *end)
{
    *past = false;
    *end = 0;
    if (text.len == 0) return false;
    const char first = text.data[0];
    *out = (struct kith_str){ text.data + 1, text.len - 1 };
    if (first == '-' || first == '+') {
        *end = first == '-' ? -1 : 1;
        return text.len == 1;
    }
    *past = first == '(';
    return first == '(' || first == '[';
}

bool zset_bounds_read(struct redis_call *call, struct kith_str min, struct kith_str max,
                      bool by_text, struct zset_bounds *out)
{
    *out = (struct zset_bounds){ .by_text = by_text };
    if (by_text) {
        if (read_text(min, &out->min_text, &out->min_past, &out->min_end) &&
            read_text(max, &out->max_text, &out->max_past, &out->max_end)) {
            return true;
        }
        call_error(call, "ERR min or max not valid string range item");
        return false;
    }
    if (read_score(min, &out->min, &out->min_past) && read_score(max, &out->max, &out->max_past)) {
        return true;
    }
    call_error(call, "ERR min or max is not a float");
    return false;
}

static uint64_t text_bound(const struct zset *zset, struct kith_str text, bool past, int end)
{
    if (end != 0) return end < 0 ? 0 : zset_count(zset);
    return zset_below_text(zset, text, past);
}

void zset_bounds_ranks(const struct zset *zset, const struct zset_bounds *bounds, uint64_t *first,
                       uint64_t *count)
{
    uint64_t low, high;
    if (bounds->by_text) {
        low = text_bound(zset, bounds->min_text, bounds->min_past, bounds->min_end);
        high = text_bound(zset, bounds->max_text, !bounds->max_past, bounds->max_end);
    } else {
        low = zset_below_score(zset, bounds->min, bounds->min_past);
        high = zset_below_score(zset, bounds->max, !bounds->max_past);
    }
    *first = low;
    *count = high > low ? high - low : 0;
}

/* ---- ZRANGE and its kin ---- */

enum by { BY_ANY, BY_RANK, BY_SCORE, BY_TEXT };
enum way { WAY_ANY, WAY_UP, WAY_DOWN };

struct zrange {
    enum by by;
    enum way way;
    bool store, scores;
    int64_t offset, limit;  /* limit < 0: all */
    int64_t start, stop;    /* BY_RANK */
    struct zset_bounds bounds;
};

/* argv[from...] are options. */
static bool range_options(struct redis_call *call, size_t from, struct zrange *range)
{
    for (size_t i = from; i < call->argc; i++) {
        if (!range->store && call_is(call, i, "WITHSCORES")) {
            range->scores = true;
        } else if (call_is(call, i, "LIMIT") && i + 2 < call->argc) {
            if (!call_integer(call, i + 1, &range->offset) ||
                !call_integer(call, i + 2, &range->limit)) {
                return false;
            }
            i += 2;
        } else if (range->way == WAY_ANY && call_is(call, i, "REV")) {
            range->way = WAY_DOWN;
        } else if (range->by == BY_ANY && call_is(call, i, "BYLEX")) {
            range->by = BY_TEXT;
        } else if (range->by == BY_ANY && call_is(call, i, "BYSCORE")) {
            range->by = BY_SCORE;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static bool options_agree(struct redis_call *call, struct zrange *range)
{
    if (range->by == BY_ANY) range->by = BY_RANK;
    if (range->by == BY_RANK && range->limit != -1) {
        call_error(call, "ERR syntax error, LIMIT is only supported in combination with either "
                         "BYSCORE or BYLEX");
        return false;
    }
    if (range->by == BY_TEXT && range->scores) {
        call_error(call, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    return true;
}

/* The bounds in argv[at] and the next; downwards the larger comes first. */
static bool range_bounds(struct redis_call *call, size_t at, struct zrange *range)
{
    const bool down = range->way == WAY_DOWN;
    if (range->by == BY_RANK) {
        return call_integer(call, at, &range->start) && call_integer(call, at + 1, &range->stop);
    }
    return zset_bounds_read(call, call->argv[down ? at + 1 : at], call->argv[down ? at : at + 1],
                            range->by == BY_TEXT, &range->bounds);
}

/* The rank where the walk begins, and how many members it sees. */
static void range_ranks(const struct zset *zset, const struct zrange *range, uint64_t *first,
                        uint64_t *count)
{
    const uint64_t size = zset_count(zset);
    const bool down = range->way == WAY_DOWN;
    *first = *count = 0;
    if (range->by == BY_RANK) {
        if (!range_clamp(range->start, range->stop, size, first, count)) *count = 0;
        if (down) *first = size - 1 - *first;
        return;
    }
    zset_bounds_ranks(zset, &range->bounds, first, count);
    if (range->offset < 0 || (uint64_t)range->offset >= *count) {
        *count = 0;
        return;
    }
    const uint64_t skip = (uint64_t)range->offset;
    *first = down ? *first + *count - 1 - skip : *first + skip;
    *count -= skip;
    if (range->limit >= 0 && (uint64_t)range->limit < *count) *count = (uint64_t)range->limit;
}

static void range_reply(struct redis_call *call, const struct zset *zset,
                        const struct zrange *range)
{
    uint64_t first = 0, count = 0;
    if (zset) range_ranks(zset, range, &first, &count);
    zset_reply_open(call, count, range->scores);
    if (count == 0) return;
    struct zset_walk walk;
    struct zset_member member;
    zset_walk_from(&walk, zset, first, range->way == WAY_DOWN);
    while (count-- > 0 && zset_walk_next(&walk, &member)) {
        zset_reply_member(call, &member, range->scores);
    }
}

static void range_store(struct redis_call *call, const struct zset *zset,
                        const struct zrange *range)
{
    uint64_t first = 0, count = 0;
    if (zset) range_ranks(zset, range, &first, &count);
    struct zset *result = zset_new(cache_heap(call->cache));
    int rc = result ? 0 : KITH_ENOMEM;
    struct zset_walk walk = { .over = true };
    struct zset_member member;
    if (count > 0) zset_walk_from(&walk, zset, first, range->way == WAY_DOWN);
    for (uint64_t left = count; rc == 0 && left > 0 && zset_walk_next(&walk, &member); left--) {
        rc = zset_put(result, cache_settings(call->cache), member.name, member.score);
    }
    if (rc != 0) {
        zset_free(result);
        call_no_memory(call);
        return;
    }
    call_store(call, call->argv[1], VALUE_ZSET, result, count, "zrangestore");
}

static void range_run(struct redis_call *call, enum by by, enum way way, bool store)
{
    struct zrange range = { .by = by, .way = way, .store = store, .limit = -1 };
    const size_t key = store ? 2 : 1;
    if (!range_options(call, key + 3, &range) || !options_agree(call, &range)) return;
    if (!range_bounds(call, key + 1, &range)) return;
    struct entry *entry = call_read(call, call->argv[key], VALUE_ZSET);
    if (call->failed) return;
    const struct zset *zset = entry ? zset_seen(entry) : NULL;
    if (store) range_store(call, zset, &range);
    else range_reply(call, zset, &range);
}

void run_zrange(struct redis_call *call) { range_run(call, BY_ANY, WAY_ANY, false); }
void run_zrangestore(struct redis_call *call) { range_run(call, BY_ANY, WAY_ANY, true); }
void run_zrevrange(struct redis_call *call) { range_run(call, BY_RANK, WAY_DOWN, false); }
void run_zrangebyscore(struct redis_call *call) { range_run(call, BY_SCORE, WAY_UP, false); }
void run_zrevrangebyscore(struct redis_call *call) { range_run(call, BY_SCORE, WAY_DOWN, false); }
void run_zrangebylex(struct redis_call *call) { range_run(call, BY_TEXT, WAY_UP, false); }
void run_zrevrangebylex(struct redis_call *call) { range_run(call, BY_TEXT, WAY_DOWN, false); }

/* ---- counting and removing ---- */

static void count(struct redis_call *call, bool by_text)
{
    struct zset_bounds bounds;
    if (!zset_bounds_read(call, call->argv[2], call->argv[3], by_text, &bounds)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    uint64_t first, inside = 0;
    if (entry) zset_bounds_ranks(zset_seen(entry), &bounds, &first, &inside);
    resp_integer(call->reply, (int64_t)inside);
}

void run_zcount(struct redis_call *call) { count(call, false); }
void run_zlexcount(struct redis_call *call) { count(call, true); }

static void cut(struct redis_call *call, struct entry *entry, uint64_t first, uint64_t gone,
                const char *event)
{
    if (gone > 0) {
        struct zset *zset = entry_value(entry);
        zset_cut(zset, first, gone);
        call_changed(call, call->argv[1], EVENT_ZSET, event);
        call_delete_empty(call, entry, zset_count(zset) == 0);
    }
    resp_integer(call->reply, (int64_t)gone);
}

void run_zremrangebyrank(struct redis_call *call)
{
    int64_t start, stop;
    uint64_t first = 0, gone = 0;
    if (!call_integer(call, 2, &start) || !call_integer(call, 3, &stop)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    if (entry && !range_clamp(start, stop, zset_count(zset_seen(entry)), &first, &gone)) gone = 0;
    cut(call, entry, first, gone, "zremrangebyrank");
}

static void remove_range(struct redis_call *call, bool by_text, const char *event)
{
    struct zset_bounds bounds;
    uint64_t first = 0, gone = 0;
    if (!zset_bounds_read(call, call->argv[2], call->argv[3], by_text, &bounds)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_ZSET);
    if (call->failed) return;
    if (entry) zset_bounds_ranks(zset_seen(entry), &bounds, &first, &gone);
    cut(call, entry, first, gone, event);
}

void run_zremrangebyscore(struct redis_call *call)
{
    remove_range(call, false, "zremrangebyscore");
}

void run_zremrangebylex(struct redis_call *call) { remove_range(call, true, "zremrangebylex"); }
