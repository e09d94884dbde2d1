/*
 * Commands of lists that take from the first key that has something, move between keys, or wait.
 *
 * What waited is logged as what it did: BLPOP as LPOP, BLMOVE as LMOVE. A waiting command runs from
 * its beginning each time a key of its may have something (call->again).
 */
#include "redis/cmd_list.h"
#include "redis/member_args.h"

static const char *pop_word(bool tail) { return tail ? "RPOP" : "LPOP"; }

/* ---- LMPOP ---- */

/* false: nothing was there. */
static bool mpop(struct redis_call *call, const struct mpop *how)
{
    size_t arg;
    struct entry *entry = call_first(call, VALUE_LIST, how->first_key, how->key_count, &arg);
    if (call->failed) return true;
    if (!entry) return false;
    const struct kith_str key = call->argv[arg];
    resp_array(call->reply, 2);
    resp_str(call->reply, key);
    list_take(call, entry, key, how->second, (uint64_t)how->count);
    call_logf(call, "%s %S %I", pop_word(how->second), &key, how->count);
    return true;
}

void run_lmpop(struct redis_call *call)
{
    struct mpop how;
    if (!call_mpop(call, 1, "LEFT", "RIGHT", &how)) return;
    if (!mpop(call, &how)) resp_null_array(call->reply);
}

void run_blmpop(struct redis_call *call)
{
    struct mpop how;
    int64_t deadline_us;
    if (!call_timeout(call, 1, &deadline_us)) return;
    if (!call_mpop(call, 2, "LEFT", "RIGHT", &how) || mpop(call, &how)) return;
    if (!call_block(call, call->argv + how.first_key, how.key_count, deadline_us)) {
        resp_null_array(call->reply);
    }
}

/* ---- BLPOP ---- */

static void blocking_pop(struct redis_call *call, bool tail)
{
    size_t arg;
    struct entry *entry = call_first_or_wait(call, VALUE_LIST, &arg);
    if (!entry || call->failed) return;
    const struct kith_str key = call->argv[arg];
    resp_array(call->reply, 2);
    resp_str(call->reply, key);
    list_take_one(call, entry, key, tail);
    call_logf(call, "%s %S", pop_word(tail), &key);
}

void run_blpop(struct redis_call *call) { blocking_pop(call, false); }
void run_brpop(struct redis_call *call) { blocking_pop(call, true); }

/* ---- LMOVE ---- */

static bool side_of(struct redis_call *call, size_t arg, bool *tail)
{
    *tail = call_is(call, arg, "RIGHT");
    if (*tail || call_is(call, arg, "LEFT")) return true;
    call_syntax_error(call);
    return false;
}

static int push_to(struct redis_call *call, struct entry *entry, bool tail, struct kith_str text)
{
    const struct cache_settings *settings = cache_settings(call->cache);
    if (entry) return list_push(entry_value(entry), settings, tail, text);
    struct list *list = list_new(cache_heap(call->cache));
    if (!list) return KITH_ENOMEM;
    const int rc = list_push(list, settings, tail, text);
    if (rc != 0) {
        list_free(list);
        return rc;
    }
    return cache_add(call->cache, call->db, call->argv[2], VALUE_LIST, list, CACHE_NO_DEADLINE,
                     NULL);
}

/* Adds to the target first: that may fail, and taking away may not. */
static void move(struct redis_call *call, bool from_tail, bool to_tail)
{
    const struct kith_str source = call->argv[1], target = call->argv[2];
    struct entry *to = call_write(call, target, VALUE_LIST);
    struct entry *from = call_write(call, source, VALUE_LIST);
    struct list *list = entry_value(from);
    const struct list_place place = list_place(list, from_tail ? list_count(list) - 1 : 0);
    struct pack_item scratch;
    const struct kith_str text = list_text(list, place, &scratch);
    const size_t reply_len = call->reply->out->len;
    resp_str(call->reply, text);
    if (buffer_failed(call->reply->out)) return;
    /* The reply holds a copy that a change of the list does not move. */
    const struct kith_str copy = {
        (const char *)call->reply->out->data + call->reply->out->len - 2 - text.len, text.len
    };
    if (push_to(call, to, to_tail, copy) != 0) {
        call->reply->out->len = reply_len;
        call_no_memory(call);
        return;
    }
    from = call_write(call, source, VALUE_LIST); /* the table may have moved it */
    list = entry_value(from);
    const bool behind_itself = to == from && from_tail == to_tail;
    uint64_t index = from_tail ? list_count(list) - 1 : 0;
    if (behind_itself) index = from_tail ? index - 1 : 1;
    list_cut(list, index, 1);
    list_settle(list, cache_settings(call->cache));
    call_changed(call, target, EVENT_LIST, to_tail ? "rpush" : "lpush");
    call_changed(call, source, EVENT_LIST, from_tail ? "rpop" : "lpop");
    call_delete_empty(call, from, list_count(list) == 0);
}

/* false: there is nothing to move. */
static bool try_move(struct redis_call *call, bool from_tail, bool to_tail)
{
    struct entry *from = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return true;
    if (!from) return false;
    call_write(call, call->argv[2], VALUE_LIST);
    if (!call->failed) move(call, from_tail, to_tail);
    return true;
}

void run_lmove(struct redis_call *call)
{
    bool from_tail, to_tail;
    if (!side_of(call, 3, &from_tail) || !side_of(call, 4, &to_tail)) return;
    if (!try_move(call, from_tail, to_tail)) resp_null(call->reply);
}

void run_rpoplpush(struct redis_call *call)
{
    if (!try_move(call, true, false)) resp_null(call->reply);
}

static void blocking_move(struct redis_call *call, bool from_tail, bool to_tail,
                          int64_t deadline_us)
{
    if (try_move(call, from_tail, to_tail)) {
        if (call->changes > 0) {
            call_logf(call, "LMOVE %S %S %s %s", &call->argv[1], &call->argv[2],
                      from_tail ? "RIGHT" : "LEFT", to_tail ? "RIGHT" : "LEFT");
        }
        return;
    }
    if (!call_block(call, call->argv + 1, 1, deadline_us)) resp_null(call->reply);
}

void run_blmove(struct redis_call *call)
{
    bool from_tail, to_tail;
    int64_t deadline_us;
    if (!side_of(call, 3, &from_tail) || !side_of(call, 4, &to_tail)) return;
    if (call_timeout(call, 5, &deadline_us)) blocking_move(call, from_tail, to_tail, deadline_us);
}

void run_brpoplpush(struct redis_call *call)
{
    int64_t deadline_us;
    if (call_timeout(call, 3, &deadline_us)) blocking_move(call, true, false, deadline_us);
}
