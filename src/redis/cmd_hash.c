/*
 * Commands of hashes. Drawing, scanning and float counters are in cmd_hash_random.c, deadlines of
 * fields in cmd_hash_expire.c. The lookup of a key has removed fields whose deadline came.
 */
#include "redis/cmd_hash.h"

#include "redis/member_args.h"

static const struct hash *hash_seen(const struct entry *entry) { return entry_value(entry); }

bool hash_edit(struct redis_call *call, struct kith_str key, struct hash_edit *out)
{
    out->key = key;
    out->entry = call_write(call, key, VALUE_HASH);
    if (call->failed) return false;
    out->hash = out->entry ? entry_value(out->entry) : hash_new(cache_heap(call->cache));
    if (!out->hash) call_no_memory(call);
    return out->hash != NULL;
}

int hash_commit(struct redis_call *call, struct hash_edit *edit)
{
    if (edit->entry) return 0;
    return cache_add(call->cache, call->db, edit->key, VALUE_HASH, edit->hash, CACHE_NO_DEADLINE,
                     &edit->entry);
}

void hash_abandon(struct hash_edit *edit)
{
    if (!edit->entry) hash_free(edit->hash);
}

bool hash_put(struct redis_call *call, struct hash_edit *edit, struct kith_str field,
              struct kith_str value, int64_t deadline)
{
    const bool set = hash_set(edit->hash, cache_settings(call->cache), field, value, deadline,
                              NULL) == 0;
    if (!set) hash_abandon(edit);
    if (set && hash_commit(call, edit) == 0) return true;
    call_no_memory(call);
    return false;
}

/* ---- writing ---- */

static void set_fields(struct redis_call *call, bool multi)
{
    struct hash_edit edit;
    int64_t added = 0;
    size_t i = 2;
    if (call->argc % 2 != 0) {
        call_arity_error(call);
        return;
    }
    if (!hash_edit(call, call->argv[1], &edit)) return;
    int rc = 0;
    for (; i + 1 < call->argc; i += 2) {
        bool new;
        rc = hash_set(edit.hash, cache_settings(call->cache), call->argv[i], call->argv[i + 1],
                      CACHE_NO_DEADLINE, &new);
        if (rc != 0) break;
        added += new;
    }
    if (rc != 0 && !edit.entry) {
        hash_abandon(&edit);
        call_no_memory(call);
        return;
    }
    if (rc == 0) rc = hash_commit(call, &edit);
    if (i > 2 && edit.entry) call_changed(call, call->argv[1], EVENT_HASH, "hset");
    if (rc != 0) call_partial(call, i);
    else if (multi) resp_ok(call->reply);
    else resp_integer(call->reply, added);
}

static void run_hset(struct redis_call *call) { set_fields(call, false); }
static void run_hmset(struct redis_call *call) { set_fields(call, true); }

static void run_hsetnx(struct redis_call *call)
{
    struct hash_edit edit;
    struct hash_field old;
    if (!hash_edit(call, call->argv[1], &edit)) return;
    if (edit.entry && hash_get(edit.hash, call->argv[2], &old)) {
        resp_integer(call->reply, 0);
        return;
    }
    if (!hash_put(call, &edit, call->argv[2], call->argv[3], CACHE_NO_DEADLINE)) return;
    call_changed(call, call->argv[1], EVENT_HASH, "hset");
    resp_integer(call->reply, 1);
}

static void run_hdel(struct redis_call *call)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    int64_t gone = 0;
    struct hash *hash = entry ? entry_value(entry) : NULL;
    for (size_t i = 2; hash && i < call->argc; i++) gone += hash_remove(hash, call->argv[i]);
    if (gone > 0) {
        call_changed(call, call->argv[1], EVENT_HASH, "hdel");
        call_delete_empty(call, entry, hash_count(hash) == 0);
    }
    resp_integer(call->reply, gone);
}

static void run_hincrby(struct redis_call *call)
{
    int64_t by, value = 0;
    struct hash_edit edit;
    struct hash_field old;
    if (!call_integer(call, 3, &by) || !hash_edit(call, call->argv[1], &edit)) return;
    const bool there = edit.entry && hash_get(edit.hash, call->argv[2], &old);
    if (there && !text_integer(old.value, &value)) {
        call_error(call, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        hash_abandon(&edit);
        call_error(call, "ERR increment or decrement would overflow");
        return;
    }
    struct pack_item item = pack_item_integer(value);
    if (!hash_put(call, &edit, call->argv[2], pack_item_text(&item), CACHE_KEEP_DEADLINE)) return;
    call_changed(call, call->argv[1], EVENT_HASH, "hincrby");
    resp_integer(call->reply, value);
}

/* ---- reading ---- */

static void reply_value(struct redis_call *call, const struct hash *hash, struct kith_str name)
{
    struct hash_field field;
    if (hash && hash_get(hash, name, &field)) resp_str(call->reply, field.value);
    else resp_null(call->reply);
}

static void run_hget(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (!call->failed) reply_value(call, entry ? hash_seen(entry) : NULL, call->argv[2]);
}

static void run_hmget(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    resp_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        reply_value(call, entry ? hash_seen(entry) : NULL, call->argv[i]);
    }
}

static void run_hlen(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (!call->failed) resp_integer(call->reply, entry ? (int64_t)hash_count(hash_seen(entry)) : 0);
}

static void run_hstrlen(struct redis_call *call)
{
    struct hash_field field;
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    const bool there = entry && hash_get(hash_seen(entry), call->argv[2], &field);
    resp_integer(call->reply, there ? (int64_t)field.value.len : 0);
}

static void run_hexists(struct redis_call *call)
{
    struct hash_field field;
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    resp_integer(call->reply, entry && hash_get(hash_seen(entry), call->argv[2], &field));
}

enum { NAMES = 1, VALUES = 2 };

static void reply_all(struct redis_call *call, unsigned what)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_HASH);
    if (call->failed) return;
    const struct hash *hash = entry ? hash_seen(entry) : NULL;
    const uint64_t count = hash ? hash_count(hash) : 0;
    if (what == (NAMES | VALUES)) resp_map(call->reply, count);
    else resp_array(call->reply, count);
    struct hash_iter it = { 0 };
    struct hash_field field;
    while (hash && hash_next(hash, &it, &field)) {
        if (what & NAMES) resp_str(call->reply, field.name);
        if (what & VALUES) resp_str(call->reply, field.value);
    }
}

static void run_hgetall(struct redis_call *call) { reply_all(call, NAMES | VALUES); }
static void run_hkeys(struct redis_call *call) { reply_all(call, NAMES); }
static void run_hvals(struct redis_call *call) { reply_all(call, VALUES); }

#define HASH_READ(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_READ | (extra), \
      .categories = CAT_HASH, .first_key = 1, .last_key = 1, .key_step = 1 }
#define HASH_WRITE(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_WRITE | (extra), \
      .categories = CAT_HASH, .first_key = 1, .last_key = 1, .key_step = 1 }

const struct command hash_commands[] = {
    HASH_WRITE("hset", run_hset, -4, CMD_DENY_OOM | CMD_FAST),
    HASH_WRITE("hmset", run_hmset, -4, CMD_DENY_OOM | CMD_FAST),
    HASH_WRITE("hsetnx", run_hsetnx, 4, CMD_DENY_OOM | CMD_FAST),
    HASH_READ("hget", run_hget, 3, CMD_FAST),
    HASH_READ("hmget", run_hmget, -3, CMD_FAST),
    HASH_READ("hgetall", run_hgetall, 2, 0),
    HASH_READ("hkeys", run_hkeys, 2, 0),
    HASH_READ("hvals", run_hvals, 2, 0),
    HASH_READ("hlen", run_hlen, 2, CMD_FAST),
    HASH_READ("hstrlen", run_hstrlen, 3, CMD_FAST),
    HASH_READ("hexists", run_hexists, 3, CMD_FAST),
    HASH_WRITE("hdel", run_hdel, -3, CMD_FAST),
    HASH_WRITE("hincrby", run_hincrby, 4, CMD_DENY_OOM | CMD_FAST),
    HASH_WRITE("hincrbyfloat", run_hincrbyfloat, 4, CMD_DENY_OOM | CMD_FAST),
    HASH_READ("hrandfield", run_hrandfield, -2, 0),
    HASH_READ("hscan", run_hscan, -3, 0),
    HASH_WRITE("hexpire", run_hexpire, -6, CMD_DENY_OOM | CMD_FAST),
    HASH_WRITE("hpexpire", run_hpexpire, -6, CMD_DENY_OOM | CMD_FAST),
    HASH_WRITE("hexpireat", run_hexpireat, -6, CMD_DENY_OOM | CMD_FAST),
    HASH_WRITE("hpexpireat", run_hpexpireat, -6, CMD_DENY_OOM | CMD_FAST),
    HASH_READ("httl", run_httl, -5, CMD_FAST),
    HASH_READ("hpttl", run_hpttl, -5, CMD_FAST),
    HASH_READ("hexpiretime", run_hexpiretime, -5, CMD_FAST),
    HASH_READ("hpexpiretime", run_hpexpiretime, -5, CMD_FAST),
    HASH_WRITE("hpersist", run_hpersist, -5, CMD_FAST),
    HASH_WRITE("hgetex", run_hgetex, -5, CMD_FAST),
    HASH_WRITE("hgetdel", run_hgetdel, -5, CMD_FAST),
    HASH_WRITE("hsetex", run_hsetex, -6, CMD_DENY_OOM | CMD_FAST),
    { .name = NULL },
};
