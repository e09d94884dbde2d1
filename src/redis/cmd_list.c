/*
 * Commands of lists that do not wait and touch one key. Those that move elements or wait are in
 * cmd_list_move.c.
 */
#include "redis/cmd_list.h"

#include "redis/member_args.h"

static struct list *list_of(struct entry *entry) { return entry_value(entry); }

static const struct list *list_seen(const struct entry *entry) { return entry_value(entry); }

/* ---- pushing ---- */

static int push_words(struct redis_call *call, struct list *list, bool tail, size_t *done)
{
    for (size_t i = 2; i < call->argc; i++) {
        const int rc = list_push(list, cache_settings(call->cache), tail, call->argv[i]);
        if (rc != 0) return rc;
        *done = i + 1;
    }
    return 0;
}

static void push_new(struct redis_call *call, bool tail)
{
    struct list *list = list_new(cache_heap(call->cache));
    size_t done = 2;
    if (!list || push_words(call, list, tail, &done) != 0) {
        list_free(list);
        call_no_memory(call);
        return;
    }
    const uint64_t count = list_count(list);
    if (cache_add(call->cache, call->db, call->argv[1], VALUE_LIST, list, CACHE_NO_DEADLINE,
                  NULL) != 0) {
        call_no_memory(call);
        return;
    }
    call_changed(call, call->argv[1], EVENT_LIST, tail ? "rpush" : "lpush");
    resp_integer(call->reply, (int64_t)count);
}

static void push(struct redis_call *call, bool tail, bool only_if_there)
{
    struct entry *entry = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!entry) {
        if (only_if_there) resp_integer(call->reply, 0);
        else push_new(call, tail);
        return;
    }
    struct list *list = list_of(entry);
    size_t done = 2;
    const int rc = push_words(call, list, tail, &done);
    if (done > 2) call_changed(call, call->argv[1], EVENT_LIST, tail ? "rpush" : "lpush");
    if (rc != 0) call_partial(call, done);
    else resp_integer(call->reply, (int64_t)list_count(list));
}

static void run_lpush(struct redis_call *call) { push(call, false, false); }
static void run_rpush(struct redis_call *call) { push(call, true, false); }
static void run_lpushx(struct redis_call *call) { push(call, false, true); }
static void run_rpushx(struct redis_call *call) { push(call, true, true); }

/* ---- popping ---- */

static void reply_elements(struct redis_call *call, const struct list *list, uint64_t first,
                           uint64_t count, bool backwards)
{
    resp_array(call->reply, count);
    if (count == 0) return;
    struct list_place place = list_place(list, first);
    struct pack_item scratch;
    for (uint64_t i = 0; i < count; i++) {
        resp_str(call->reply, list_text(list, place, &scratch));
        if (i + 1 == count) break;
        if (backwards) list_back(list, &place);
        else list_forward(list, &place);
    }
}

static void removed(struct redis_call *call, struct entry *entry, struct kith_str key,
                    const char *event)
{
    struct list *list = list_of(entry);
    list_settle(list, cache_settings(call->cache));
    call_changed(call, key, EVENT_LIST, event);
    call_delete_empty(call, entry, list_count(list) == 0);
}

static void cut_end(struct redis_call *call, struct entry *entry, struct kith_str key, bool tail,
                    uint64_t count)
{
    struct list *list = list_of(entry);
    list_cut(list, tail ? list_count(list) - count : 0, count);
    removed(call, entry, key, tail ? "rpop" : "lpop");
}

void list_take_one(struct redis_call *call, struct entry *entry, struct kith_str key, bool tail)
{
    const struct list *list = list_seen(entry);
    struct pack_item scratch;
    const struct list_place place = list_place(list, tail ? list_count(list) - 1 : 0);
    resp_str(call->reply, list_text(list, place, &scratch));
    cut_end(call, entry, key, tail, 1);
}

void list_take(struct redis_call *call, struct entry *entry, struct kith_str key, bool tail,
               uint64_t count)
{
    const struct list *list = list_seen(entry);
    const uint64_t len = list_count(list);
    if (count > len) count = len;
    reply_elements(call, list, tail ? len - 1 : 0, count, tail);
    if (count > 0) cut_end(call, entry, key, tail, count);
}

static void pop(struct redis_call *call, bool tail)
{
    int64_t count = 1;
    const bool counted = call->argc == 3;
    if (call->argc > 3) {
        call_arity_error(call);
        return;
    }
    if (counted && !call_positive(call, 2, &count)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!entry) {
        if (counted) resp_null_array(call->reply);
        else resp_null(call->reply);
    } else if (counted) {
        list_take(call, entry, call->argv[1], tail, (uint64_t)count);
    } else {
        list_take_one(call, entry, call->argv[1], tail);
    }
}

static void run_lpop(struct redis_call *call) { pop(call, false); }
static void run_rpop(struct redis_call *call) { pop(call, true); }

/* ---- reading ---- */

static void run_llen(struct redis_call *call)
{
    struct entry *entry = call_read(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    resp_integer(call->reply, entry ? (int64_t)list_count(list_seen(entry)) : 0);
}

/* false: there is no such element. */
static bool index_clamp(int64_t index, uint64_t len, uint64_t *out)
{
    if (index < 0) index += (int64_t)len;
    if (index < 0 || index >= (int64_t)len) return false;
    *out = (uint64_t)index;
    return true;
}

static void run_lindex(struct redis_call *call)
{
    int64_t index;
    uint64_t at;
    struct entry *entry = call_read(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!entry) {
        resp_null(call->reply);
        return;
    }
    if (!call_integer(call, 2, &index)) return;
    const struct list *list = list_seen(entry);
    if (!index_clamp(index, list_count(list), &at)) {
        resp_null(call->reply);
        return;
    }
    struct pack_item scratch;
    resp_str(call->reply, list_text(list, list_place(list, at), &scratch));
}

static void run_lrange(struct redis_call *call)
{
    int64_t start, stop;
    uint64_t first, count;
    if (!call_integer(call, 2, &start) || !call_integer(call, 3, &stop)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    const struct list *list = entry ? list_seen(entry) : NULL;
    if (!list || !range_clamp(start, stop, list_count(list), &first, &count)) {
        resp_array(call->reply, 0);
        return;
    }
    reply_elements(call, list, first, count, false);
}

struct lpos {
    int64_t rank, count, max;
    bool counted;
};

static bool lpos_options(struct redis_call *call, struct lpos *out)
{
    *out = (struct lpos){ .rank = 1, .count = 1 };
    for (size_t i = 3; i < call->argc; i += 2) {
        if (i + 1 == call->argc) {
            call_syntax_error(call);
            return false;
        }
        if (call_is(call, i, "RANK")) {
            if (!call_range(call, i + 1, -INT64_MAX, INT64_MAX, &out->rank,
                            "ERR value is out of range, value must between "
                            "-9223372036854775807 and 9223372036854775807")) {
                return false;
            }
            if (out->rank != 0) continue;
            call_error(call, "ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                             "the second ... or use negative to start from the end of the list");
            return false;
        }
        if (call_is(call, i, "COUNT")) {
            if (!call_bounded(call, i + 1, 0, INT64_MAX, &out->count,
                              "ERR COUNT can't be negative")) {
                return false;
            }
            out->counted = true;
        } else if (call_is(call, i, "MAXLEN")) {
            if (!call_bounded(call, i + 1, 0, INT64_MAX, &out->max,
                              "ERR MAXLEN can't be negative")) {
                return false;
            }
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

/* Writes the indexes that match; how many there were. */
static uint64_t lpos_walk(struct redis_call *call, const struct list *list, const struct lpos *how)
{
    const struct pack_item item = pack_item_of(call->argv[2]);
    const bool backwards = how->rank < 0;
    const uint64_t len = list_count(list), skip = (uint64_t)(backwards ? -how->rank : how->rank);
    const uint64_t most = how->max == 0 || (uint64_t)how->max > len ? len : (uint64_t)how->max;
    struct list_place place = list_place(list, backwards ? len - 1 : 0);
    uint64_t seen = 0, found = 0;
    for (uint64_t i = 0; i < most; i++) {
        if (list_equals(list, place, &item) && ++seen >= skip) {
            resp_integer(call->reply, (int64_t)(backwards ? len - 1 - i : i));
            found++;
            if (how->count > 0 && found == (uint64_t)how->count) break;
        }
        if (i + 1 == most) break;
        if (backwards) list_back(list, &place);
        else list_forward(list, &place);
    }
    return found;
}

static void run_lpos(struct redis_call *call)
{
    struct lpos how;
    if (!lpos_options(call, &how)) return;
    struct entry *entry = call_read(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!how.counted) {
        if (!entry || lpos_walk(call, list_seen(entry), &how) == 0) resp_null(call->reply);
        return;
    }
    const size_t place = resp_open(call->reply);
    const uint64_t found = entry ? lpos_walk(call, list_seen(entry), &how) : 0;
    resp_close(call->reply, place, '*', (size_t)found);
}

/* ---- changing in place ---- */

static void run_lset(struct redis_call *call)
{
    int64_t index;
    uint64_t at;
    struct entry *entry = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!entry) {
        call_error(call, "ERR no such key");
        return;
    }
    if (!call_integer(call, 2, &index)) return;
    struct list *list = list_of(entry);
    if (!index_clamp(index, list_count(list), &at)) {
        call_error(call, "ERR index out of range");
        return;
    }
    const struct cache_settings *settings = cache_settings(call->cache);
    if (list_set(list, settings, at, call->argv[3]) != 0) {
        call_no_memory(call);
        return;
    }
    list_settle(list, settings);
    call_changed(call, call->argv[1], EVENT_LIST, "lset");
    resp_ok(call->reply);
}

static void run_linsert(struct redis_call *call)
{
    const bool behind = call_is(call, 2, "AFTER");
    if (!behind && !call_is(call, 2, "BEFORE")) {
        call_syntax_error(call);
        return;
    }
    struct entry *entry = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!entry) {
        resp_integer(call->reply, 0);
        return;
    }
    struct list *list = list_of(entry);
    const struct pack_item pivot = pack_item_of(call->argv[3]);
    struct list_place place = list_place(list, 0);
    uint64_t left = list_count(list);
    for (; left > 0 && !list_equals(list, place, &pivot); left--) {
        if (left > 1) list_forward(list, &place);
    }
    if (left == 0) {
        resp_integer(call->reply, -1);
        return;
    }
    if (list_insert(list, cache_settings(call->cache), place, behind, call->argv[4]) != 0) {
        call_no_memory(call);
        return;
    }
    call_changed(call, call->argv[1], EVENT_LIST, "linsert");
    resp_integer(call->reply, (int64_t)list_count(list));
}

static void run_lrem(struct redis_call *call)
{
    int64_t count;
    if (!call_range(call, 2, -INT64_MAX, INT64_MAX, &count,
                    "ERR value is out of range, value must between "
                    "-9223372036854775807 and 9223372036854775807")) {
        return;
    }
    struct entry *entry = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    uint64_t gone = 0;
    if (entry) {
        gone = list_remove(list_of(entry), call->argv[3], count < 0,
                           (uint64_t)(count < 0 ? -count : count));
    }
    if (gone > 0) removed(call, entry, call->argv[1], "lrem");
    resp_integer(call->reply, (int64_t)gone);
}

static void run_ltrim(struct redis_call *call)
{
    int64_t start, stop;
    if (!call_integer(call, 2, &start) || !call_integer(call, 3, &stop)) return;
    struct entry *entry = call_write(call, call->argv[1], VALUE_LIST);
    if (call->failed) return;
    if (!entry) {
        resp_ok(call->reply);
        return;
    }
    struct list *list = list_of(entry);
    uint64_t first = 0, count = 0;
    const uint64_t len = list_count(list);
    if (!range_clamp(start, stop, len, &first, &count)) count = 0;
    list_cut(list, first + count, len - first - count);
    list_cut(list, 0, first);
    removed(call, entry, call->argv[1], "ltrim");
    resp_ok(call->reply);
}

#define LIST_READ(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_READ | (extra), \
      .categories = CAT_LIST, .first_key = 1, .last_key = 1, .key_step = 1 }
#define LIST_WRITE(word, function, words, extra) \
    { .name = word, .run = function, .arity = words, .flags = CMD_WRITE | (extra), \
      .categories = CAT_LIST, .first_key = 1, .last_key = 1, .key_step = 1 }

const struct command list_commands[] = {
    LIST_WRITE("lpush", run_lpush, -3, CMD_DENY_OOM | CMD_FAST),
    LIST_WRITE("rpush", run_rpush, -3, CMD_DENY_OOM | CMD_FAST),
    LIST_WRITE("lpushx", run_lpushx, -3, CMD_DENY_OOM | CMD_FAST),
    LIST_WRITE("rpushx", run_rpushx, -3, CMD_DENY_OOM | CMD_FAST),
    LIST_WRITE("lpop", run_lpop, -2, CMD_FAST),
    LIST_WRITE("rpop", run_rpop, -2, CMD_FAST),
    LIST_READ("llen", run_llen, 2, CMD_FAST),
    LIST_READ("lindex", run_lindex, 3, 0),
    LIST_READ("lrange", run_lrange, 4, 0),
    LIST_READ("lpos", run_lpos, -3, 0),
    LIST_WRITE("lset", run_lset, 4, CMD_DENY_OOM),
    LIST_WRITE("linsert", run_linsert, 5, CMD_DENY_OOM),
    LIST_WRITE("lrem", run_lrem, 4, 0),
    LIST_WRITE("ltrim", run_ltrim, 4, 0),
    { .name = "lmove", .run = run_lmove, .arity = 5, .flags = CMD_WRITE | CMD_DENY_OOM,
      .categories = CAT_LIST, .first_key = 1, .last_key = 2, .key_step = 1 },
    { .name = "rpoplpush", .run = run_rpoplpush, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM,
      .categories = CAT_LIST, .first_key = 1, .last_key = 2, .key_step = 1 },
    { .name = "lmpop", .run = run_lmpop, .arity = -4, .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
      .categories = CAT_LIST, .keys = keys_numbered_1 },
    { .name = "blpop", .run = run_blpop, .arity = -3, .flags = CMD_WRITE | CMD_BLOCKING,
      .categories = CAT_LIST, .first_key = 1, .last_key = -2, .key_step = 1 },
    { .name = "brpop", .run = run_brpop, .arity = -3, .flags = CMD_WRITE | CMD_BLOCKING,
      .categories = CAT_LIST, .first_key = 1, .last_key = -2, .key_step = 1 },
    { .name = "blmove", .run = run_blmove, .arity = 6,
      .flags = CMD_WRITE | CMD_DENY_OOM | CMD_BLOCKING, .categories = CAT_LIST, .first_key = 1,
      .last_key = 2, .key_step = 1 },
    { .name = "brpoplpush", .run = run_brpoplpush, .arity = 4,
      .flags = CMD_WRITE | CMD_DENY_OOM | CMD_BLOCKING, .categories = CAT_LIST, .first_key = 1,
      .last_key = 2, .key_step = 1 },
    { .name = "blmpop", .run = run_blmpop, .arity = -5,
      .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS, .categories = CAT_LIST,
      .keys = keys_numbered_2 },
    { .name = NULL },
};
