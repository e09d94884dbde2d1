/*
 * Commands of one set, and SMOVE. Those of several sets are in cmd_set_algebra.c.
 *
 * What SPOP drew is logged as SREM.
 */
#include "redis/cmd_set.h"

#include "base/alloc.h"
#include "redis/member_args.h"
#include "redis/member_draw.h"

#define LOG_WORDS 512u /* of one SREM in the log */

static struct set *set_of(struct entry *entry) { return entry_value(entry); }

static const struct set *set_seen(const struct entry *entry) { return entry_value(entry); }

/* ---- adding and removing ---- */

static int add_words(struct redis_call *call, struct set *set, size_t *done, int64_t *added)
{
    for (size_t i = 2; i < call->argc; i++) {
        bool new;
        const int rc = set_add(set, cache_settings(call->cache), call->argv[i], &new);
        if (rc != 0) return rc;
        *added += new;
        *done = i + 1;
    }
    return 0;
}

static void run_sadd(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    struct set *set = entry ? set_of(entry) : set_new(cache_heap(call->cache));
    size_t done = 2;
    int64_t added = 0;
    int rc = set ? add_words(call, set, &done, &added) : KITH_ENOMEM;
    if (!entry && rc == 0) {
        rc = cache_add(call->cache, call->db, call->argv[1], VALUE_SET, set, CACHE_NO_DEADLINE,
                       NULL);
    } else if (!entry) {
        set_free(set);
    }
    if (rc != 0 && !entry) {
        call_no_memory(call);
        return;
    }
    if (added > 0) call_changed(call, call->argv[1], EVENT_SET, "sadd");
    if (rc != 0) call_partial(call, done);
    else resp_integer(call->reply, added);
}

static void run_srem(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    int64_t gone = 0;
    for (size_t i = 2; entry && i < call->argc; i++) {
        gone += set_remove(set_of(entry), call->argv[i]);
    }
    if (gone > 0) {
        call_changed(call, call->argv[1], EVENT_SET, "srem");
        call_delete_empty(call, entry, set_count(set_of(entry)) == 0);
    }
    resp_integer(call->reply, gone);
}

/* Into a set that may not be there yet. */
static int add_to(struct redis_call *call, struct kith_str key, struct entry *entry,
                  struct kith_str member, bool *added)
{
    const struct cache_settings *settings = cache_settings(call->cache);
    if (entry) return set_add(set_of(entry), settings, member, added);
    struct set *set = set_new(cache_heap(call->cache));
    if (!set) return KITH_ENOMEM;
    const int rc = set_add(set, settings, member, added);
    if (rc != 0) {
        set_free(set);
        return rc;
    }
    return cache_add(call->cache, call->db, key, VALUE_SET, set, CACHE_NO_DEADLINE, NULL);
}

static void run_smove(struct redis_call *call)
{
    const struct kith_str from_key = call->argv[1], to_key = call->argv[2];
    const struct kith_str member = call->argv[3];
    struct entry *from = call_write(call, from_key, VALUE_SET);
    if (call->failed) return;
    if (!from) {
        resp_integer(call->reply, 0);
        return;
    }
    struct entry *to = call_write(call, to_key, VALUE_SET);
    if (call->failed) return;
    const bool there = set_has(set_of(from), member);
    bool added;
    if (!there || from == to) {
        resp_integer(call->reply, there);
        return;
    }
    if (add_to(call, to_key, to, member, &added) != 0) {
        call_no_memory(call);
        return;
    }
    from = call_write(call, from_key, VALUE_SET);
    set_remove(set_of(from), member);
    call_changed(call, from_key, EVENT_SET, "srem");
    call_delete_empty(call, from, set_count(set_of(from)) == 0);
    if (added) call_changed(call, to_key, EVENT_SET, "sadd");
    resp_integer(call->reply, 1);
}

/* ---- asking ---- */

static void run_scard(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    resp_integer(call->reply, entry ? (int64_t)set_count(set_seen(entry)) : 0);
}

static void run_sismember(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    resp_integer(call->reply, entry && set_has(set_seen(entry), call->argv[2]));
}

static void run_smismember(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        resp_integer(call->reply, entry && set_has(set_seen(entry), call->argv[i]));
    }
}

static void reply_all(struct redis_call *call, const struct set *set)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    while (set_next(set, &it, &member)) resp_str(call->reply, member);
}

static void run_smembers(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    resp_set(call->reply, entry ? set_count(set_seen(entry)) : 0);
    if (entry) reply_all(call, set_seen(entry));
}

struct sscan {
    struct redis_call *call;
    struct scan_options *options;
    size_t seen, written;
};

static void scan_member(void *ctx, struct kith_str member)
{
    struct sscan *scan = ctx;
    scan->seen++;
    if (!scan_takes(scan->options, member)) return;
    resp_str(scan->call->reply, member);
    scan->written++;
}

static void run_sscan(struct redis_call *call)
{
    struct scan_options options;
    struct entry *entry = call_scan_begin(call, VALUE_SET, false, &options);
    if (!entry) return;
    struct sscan scan = { call, &options, 0, 0 };
    const size_t place = scan_begin(call);
    uint64_t cursor = options.cursor, steps = scan_steps(&options);
    do {
        cursor = set_scan(set_seen(entry), cursor, scan_member, &scan);
    } while (cursor != 0 && scan.seen < options.count && --steps > 0);
    scan_end(call, place, cursor, scan.written);
    scan_release(&options);
}

/* ---- at random ---- */

struct set_draw {
    struct redis_call *call;
    const struct set *set;
    struct set_iter it;
    struct kith_str member;
    struct pack_item scratch;
};

static struct kith_str random_member(void *ctx)
{
    struct set_draw *draw = ctx;
    draw->member = set_random(draw->set, cache_rng(draw->call->cache), &draw->scratch);
    return draw->member;
}

static bool next_member(void *ctx)
{
    struct set_draw *draw = ctx;
    return set_next(draw->set, &draw->it, &draw->member);
}

static void reply_member(void *ctx)
{
    const struct set_draw *draw = ctx;
    resp_str(draw->call->reply, draw->member);
}

static void run_srandmember(struct redis_call *call)
{
    struct draw_args args;
    if (!call_draw_args(call, NULL, &args)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    if (!entry) {
        if (args.counted) resp_array(call->reply, 0);
        else resp_null(call->reply);
        return;
    }
    struct set_draw draw = { .call = call, .set = set_seen(entry) };
    const struct draw_source source = { &draw, set_count(draw.set), random_member, next_member,
                                        reply_member };
    if (args.counted) call_draw(call, &source, &args);
    else resp_str(call->reply, random_member(&draw));
}

/* ---- SPOP ---- */

/* Where in the reply a member stands: the log takes it from there. */
struct popped {
    size_t offset, len;
};

static void pop_one(struct redis_call *call, struct set *set, struct popped *out)
{
    struct pack_item scratch;
    struct buffer *reply = call->reply->out;
    const struct kith_str member = set_random(set, cache_rng(call->cache), &scratch);
    resp_str(call->reply, member);
    if (buffer_failed(reply)) return;
    *out = (struct popped){ reply->len - 2 - member.len, member.len };
    set_remove(set, (struct kith_str){ (const char *)reply->data + out->offset, out->len });
}

static void log_popped(struct redis_call *call, const struct popped *popped, size_t count)
{
    struct kith_str words[LOG_WORDS];
    words[0] = (struct kith_str){ "SREM", 4 };
    words[1] = call->argv[1];
    for (size_t i = 0; i < count; i++) {
        words[2 + i].data = (const char *)call->reply->out->data + popped[i].offset;
        words[2 + i].len = popped[i].len;
    }
    call_log(call, words, count + 2);
}

static void pop_all(struct redis_call *call, struct entry *entry)
{
    resp_set(call->reply, set_count(set_seen(entry)));
    reply_all(call, set_seen(entry));
    call_changed(call, call->argv[1], EVENT_SET, "spop");
    call_delete_empty(call, entry, true);
    call_logf(call, "DEL %S", &call->argv[1]);
}

static void pop_many(struct redis_call *call, struct entry *entry, uint64_t count)
{
    struct set *set = set_of(entry);
    struct popped popped[LOG_WORDS - 2];
    size_t held = 0;
    resp_set(call->reply, (size_t)count);
    for (; count > 0 && !buffer_failed(call->reply->out); count--) {
        pop_one(call, set, &popped[held]);
        if (buffer_failed(call->reply->out)) break;
        if (++held < LOG_WORDS - 2) continue;
        log_popped(call, popped, held);
        held = 0;
    }
    if (held > 0) log_popped(call, popped, held);
    call_changed(call, call->argv[1], EVENT_SET, "spop");
}

static void run_spop(struct redis_call *call)
{
    int64_t count = 0;
    if (call->argc > 3) {
        call_syntax_error(call);
        return;
    }
    if (call->argc == 3 && !call_positive(call, 2, &count)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_SET);
    if (call->failed) return;
    if (call->argc == 3) {
        if (!entry || count == 0) resp_set(call->reply, 0);
        else if ((uint64_t)count >= set_count(set_seen(entry))) pop_all(call, entry);
        else pop_many(call, entry, (uint64_t)count);
        return;
    }
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    struct popped popped;
    pop_one(call, set_of(entry), &popped);
    if (buffer_failed(call->reply->out)) return;
    log_popped(call, &popped, 1);
    call_changed(call, call->argv[1], EVENT_SET, "spop");
    call_delete_empty(call, entry, set_count(set_of(entry)) == 0);
}

#define SET_READ(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_READ | (extra), \
      .categories = CAT_SET, .first_key = 1, .last_key = 1, .key_step = 1 }
#define SET_WRITE(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_WRITE | (extra), \
      .categories = CAT_SET, .first_key = 1, .last_key = 1, .key_step = 1 }
#define SET_MANY(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = (extra), .categories = CAT_SET, \
      .first_key = 1, .last_key = -1, .key_step = 1 }

const struct command set_commands[] = {
    SET_WRITE("sadd", run_sadd, -3, CMD_DENY_OOM | CMD_FAST),
    SET_WRITE("srem", run_srem, -3, CMD_FAST),
    SET_WRITE("spop", run_spop, -2, CMD_FAST),
    SET_READ("scard", run_scard, 2, CMD_FAST),
    SET_READ("sismember", run_sismember, 3, CMD_FAST),
    SET_READ("smismember", run_smismember, -3, CMD_FAST),
    SET_READ("smembers", run_smembers, 2, 0),
    SET_READ("srandmember", run_srandmember, -2, 0),
    SET_READ("sscan", run_sscan, -3, 0),
    { .name = "smove", .run = run_smove, .arity = 4, .flags = CMD_WRITE | CMD_FAST,
      .categories = CAT_SET, .first_key = 1, .last_key = 2, .key_step = 1 },
    SET_MANY("sinter", run_sinter, -2, CMD_READ),
    SET_MANY("sinterstore", run_sinterstore, -3, CMD_WRITE | CMD_DENY_OOM),
    SET_MANY("sunion", run_sunion, -2, CMD_READ),
    SET_MANY("sunionstore", run_sunionstore, -3, CMD_WRITE | CMD_DENY_OOM),
    SET_MANY("sdiff", run_sdiff, -2, CMD_READ),
    SET_MANY("sdiffstore", run_sdiffstore, -3, CMD_WRITE | CMD_DENY_OOM),
    { .name = "sintercard", .run = run_sintercard, .arity = -3,
      .flags = CMD_READ | CMD_MOVABLE_KEYS, .categories = CAT_SET, .keys = keys_numbered_1 },
    { .name = NULL },
};
