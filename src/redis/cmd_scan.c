/*
 * Commands over a whole database: KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
 */
#include "redis/cmd_key.h"
#include "redis/glob.h"
#include "redis/member_args.h"
#include "redis/redis_internal.h"
#include "redis/search_index.h"

enum {
    SCAN_STEPS_PER_KEY = 10, /* of COUNT: over empty buckets a call ends, too */
    KEYS_AT_ONCE = 10000,
};

struct walk {
    struct redis_call *call;
    struct kith_str match; /* data NULL: all */
    struct glob glob;      /* of match */
    struct kith_str type;  /* data NULL: all */
    uint64_t seen;
    size_t written;
};

static void visit(void *ctx, struct entry *entry)
{
    struct walk *walk = ctx;
    struct kith_str key = entry_key(entry);
    walk->seen++;
    if (walk->match.data && !glob_matches(&walk->glob, key)) return;
    if (walk->type.data && !str_is(walk->type, entry_type_name(entry))) return;
    resp_str(walk->call->reply, key);
    walk->written++;
}

/* False: answered. */
static bool begin_walk(struct walk *walk)
{
    if (!walk->match.data || glob_init(&walk->glob, walk->match, false) == 0) return true;
    call_no_memory(walk->call);
    return false;
}

void run_keys(struct redis_call *call)
{
    struct walk walk = {.call = call, .match = call->argv[1]};
    if (begin_walk(&walk)) {
        size_t place = resp_open(call->reply);
        uint64_t cursor = 0;
        do {
            cursor = cache_scan(call->cache, call->db, cursor, visit, &walk);
        } while (cursor);
        resp_close(call->reply, place, '*', walk.written);
    }
    glob_release(&walk.glob);
}

static bool read_cursor(struct kith_str text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static bool scan_options(struct redis_call *call, struct walk *walk, int64_t *count)
{
    for (size_t i = 2; i < call->argc; i += 2) {
        bool more = i + 1 < call->argc;
        if (more && call_is(call, i, "COUNT")) {
            if (!call_integer(call, i + 1, count)) return false;
        } else if (more && call_is(call, i, "MATCH")) {
            walk->match = call->argv[i + 1];
            if (walk->match.len == 1 && walk->match.data[0] == '*') walk->match.data = NULL;
        } else if (more && call_is(call, i, "TYPE")) {
            walk->type = call->argv[i + 1];
        } else {
            call_syntax_error(call);
            return false;
        }
        if (*count >= 1) continue;
        call_syntax_error(call);
        return false;
    }
    return true;
}

void run_scan(struct redis_call *call)
{
    struct walk walk = {.call = call};
    uint64_t cursor;
    int64_t count = 10;
    if (!read_cursor(call->argv[1], &cursor)) {
        call_error(call, "ERR invalid cursor");
        return;
    }
    if (!scan_options(call, &walk, &count)) return;
    uint64_t steps = (uint64_t)count;
    if (steps < UINT64_MAX / SCAN_STEPS_PER_KEY) steps *= SCAN_STEPS_PER_KEY;
    if (begin_walk(&walk)) {
        size_t place = scan_begin(call);
        do {
            cursor = cache_scan(call->cache, call->db, cursor, visit, &walk);
        } while (cursor && walk.seen < (uint64_t)count && --steps);
        scan_end(call, place, cursor, walk.written);
    }
    glob_release(&walk.glob);
}

void run_randomkey(struct redis_call *call)
{
    const struct entry *entry = cache_random(call->cache, call->db);
    if (entry) {
        resp_str(call->reply, entry_key(entry));
    } else {
        resp_null(call->reply);
    }
}

void run_dbsize(struct redis_call *call)
{
    resp_integer(call->reply, (int64_t)cache_count(call->cache, call->db));
}

/* ---- emptying and swapping ---- */

static bool flush_option(struct redis_call *call, bool *in_background)
{
    *in_background = cache_settings(call->cache)->lazy_user_flush;
    if (call->argc == 1) return true;
    bool async = call_is(call, 1, "ASYNC");
    if (call->argc == 2 && (async || call_is(call, 1, "SYNC"))) {
        *in_background = async;
        return true;
    }
    call_syntax_error(call);
    return false;
}

/* SYNC, too, lets another thread take a large database apart: other clients would wait 0.2 s for a
 * million keys. The keys are gone when it returns, their memory a little later. */
static void flush_one(struct redis_call *call, unsigned db, bool in_background)
{
    const bool large = cache_count(call->cache, db) > KEYS_AT_ONCE;
    cache_flush(call->cache, db, in_background || large);
}

/* No key is named: whoever has an interest in one hears of it by the hook. */
static void changed_databases(struct redis_call *call)
{
    call->changes++;
    call->redis->dirty++;
}

static void finish_flush(struct redis_call *call, void *ctx)
{
    search_flush_free(call->redis, ctx);
    resp_ok(call->reply);
}

/* Search indexes are of database 0. */
static void flushed(struct redis_call *call, bool first)
{
    struct search_flush *flush = first ? search_flush(call->redis) : NULL;
    changed_databases(call);
    if (!flush) resp_ok(call->reply);
    else if (!call_offload(call, search_flush_run, finish_flush, flush))
        search_flush_free(call->redis, flush); /* the collections go with the next start */
}

void run_flushdb(struct redis_call *call)
{
    bool in_background;
    if (!flush_option(call, &in_background)) return;
    flush_one(call, call->db, in_background);
    flushed(call, call->db == 0);
}

void run_flushall(struct redis_call *call)
{
    bool in_background;
    if (!flush_option(call, &in_background)) return;
    for (unsigned db = 0; db < cache_databases(call->cache); db++)
        flush_one(call, db, in_background);
    flushed(call, true);
}

void run_swapdb(struct redis_call *call)
{
    int64_t a, b;
    if (!text_integer(call->argv[1], &a)) {
        call_error(call, "ERR invalid first DB index");
    } else if (!text_integer(call->argv[2], &b)) {
        call_error(call, "ERR invalid second DB index");
    } else if (a < 0 || b < 0 || a >= cache_databases(call->cache) ||
               b >= cache_databases(call->cache)) {
        call_error(call, "ERR DB index is out of range");
    } else {
        cache_swap(call->cache, (unsigned)a, (unsigned)b);
        redis_databases_swapped(call->redis, (unsigned)a, (unsigned)b);
        changed_databases(call);
        resp_ok(call->reply);
    }
}
