/*
 * SORT and SORT_RO: the members of a list, a set or a sorted set in order, by themselves or by
 * other keys, which patterns name: the first '*' becomes the member, and "key->field" looks into a
 * hash.
 *
 * All texts are copied into an arena first, because looking other keys up may remove some that are
 * due. What compares equal is ordered by its bytes, so a result is always the same and the command
 * can be logged as it was typed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cache/cell.h"
#include "cache/hash.h"
#include "cache/list.h"
#include "cache/set.h"
#include "cache/zset.h"
#include "redis/acl.h"
#include "redis/member_args.h"
#include "redis/redis_internal.h"

struct sort_item {
    struct kith_str text;
    struct kith_str by;  /* data NULL: there is no such key */
    double score;
    const struct sort *sort;
};

struct sort {
    struct redis_call *call;
    struct arena arena;
    struct kith_str by;      /* data NULL: by itself */
    struct kith_str store;   /* data NULL: to the reply */
    bool unsorted;           /* BY without '*' */
    bool descending, alpha;
    int64_t offset, limit;   /* limit < 0: all */
    size_t get_count;
    struct kith_str *gets;   /* arena */
    struct sort_item *items; /* arena */
    size_t count, first, end; /* items[first ... end) are the result */
    size_t taken;            /* bytes that patterns gave */
    bool full;               /* they were too many */
};

/* ---- arguments ---- */

static bool has_star(struct kith_str pattern)
{
    return pattern.len > 0 && memchr(pattern.data, '*', pattern.len) != NULL;
}

static bool sort_option(struct sort *sort, size_t *arg, bool may_store)
{
    struct redis_call *call = sort->call;
    const size_t i = *arg, left = call->argc - i;
    *arg += 1;
    if (call_is(call, i, "ASC") || call_is(call, i, "DESC")) {
        sort->descending = call_is(call, i, "DESC");
    } else if (call_is(call, i, "ALPHA")) {
        sort->alpha = true;
    } else if (call_is(call, i, "LIMIT") && left > 2) {
        *arg += 2;
        return call_integer(call, i + 1, &sort->offset) && call_integer(call, i + 2, &sort->limit);
    } else if (may_store && call_is(call, i, "STORE") && left > 1) {
        sort->store = call->argv[(*arg)++];
    } else if (call_is(call, i, "BY") && left > 1) {
        sort->by = call->argv[(*arg)++];
        sort->unsorted = !has_star(sort->by);
    } else if (call_is(call, i, "GET") && left > 1) {
        sort->gets[sort->get_count++] = call->argv[(*arg)++];
    } else {
        call_syntax_error(call);
        return false;
    }
    return true;
}

/* The keys that a pattern names are not among the words that were checked: who uses one must be
 * allowed to read every key. */
static bool patterns_allowed(struct sort *sort)
{
    const struct session *session = sort->call->session;
    const bool by = sort->by.data && !sort->unsorted;
    if (!(by || sort->get_count) || !session) return true;
    if (acl_may_use_prefix(session->user, (struct kith_str){ "", 0 }, true, false)) return true;
    call_errorf(sort->call, "ERR %s option of SORT denied due to insufficient ACL permissions.",
                by ? "BY" : "GET");
    return false;
}

static bool sort_options(struct sort *sort, bool may_store)
{
    sort->gets = arena_alloc_array(&sort->arena, sort->call->argc, sizeof *sort->gets);
    if (!sort->gets) {
        call_no_memory(sort->call);
        return false;
    }
    for (size_t arg = 2; arg < sort->call->argc;) {
        if (!sort_option(sort, &arg, may_store)) return false;
    }
    return patterns_allowed(sort);
}

/* ---- members ---- */

static bool copy_text(struct sort *sort, struct kith_str text, struct kith_str *out)
{
    char *copy = arena_alloc(&sort->arena, text.len + 1);
    if (!copy) return false;
    if (text.len) memcpy(copy, text.data, text.len);
    *out = (struct kith_str){ copy, text.len };
    return true;
}

static bool add_item(struct sort *sort, struct kith_str text)
{
    struct sort_item *item = &sort->items[sort->count++];
    *item = (struct sort_item){ .sort = sort };
    return copy_text(sort, text, &item->text);
}

static bool add_list(struct sort *sort, const struct list *list)
{
    struct list_place place = list_place(list, 0);
    struct pack_item scratch;
    for (uint64_t left = list_count(list); left > 0; left--) {
        if (!add_item(sort, list_text(list, place, &scratch))) return false;
        if (left > 1) list_forward(list, &place);
    }
    return true;
}

static bool add_set(struct sort *sort, const struct set *set)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    while (set_next(set, &it, &member)) {
        if (!add_item(sort, member)) return false;
    }
    return true;
}

static bool add_zset(struct sort *sort, const struct zset *zset)
{
    struct zset_walk walk;
    struct zset_member member;
    const bool down = sort->unsorted && sort->descending;
    zset_walk_from(&walk, zset, down ? zset_count(zset) - 1 : 0, down);
    while (zset_walk_next(&walk, &member)) {
        if (!add_item(sort, member.name)) return false;
    }
    return true;
}

static uint64_t member_count(const struct entry *entry)
{
    if (entry_type(entry) == VALUE_LIST) return list_count(entry_value(entry));
    if (entry_type(entry) == VALUE_SET) return set_count(entry_value(entry));
    return zset_count(entry_value(entry));
}

static bool add_members(struct sort *sort, const struct entry *entry)
{
    const uint64_t count = member_count(entry);
    sort->items = arena_alloc_array(&sort->arena, (size_t)count, sizeof *sort->items);
    if (!sort->items) return false;
    if (entry_type(entry) == VALUE_LIST) return add_list(sort, entry_value(entry));
    if (entry_type(entry) == VALUE_SET) return add_set(sort, entry_value(entry));
    return add_zset(sort, entry_value(entry));
}

/* false: answered. */
static bool sort_members(struct sort *sort)
{
    struct redis_call *call = sort->call;
    const struct entry *entry = cache_read(call->cache, call->db, call->argv[1], 0);
    if (!entry) return true;
    const enum value_type type = entry_type(entry);
    if (type != VALUE_LIST && type != VALUE_SET && type != VALUE_ZSET) {
        call_error(call, "WRONGTYPE Operation against a key holding the wrong kind of value");
        return false;
    }
    if (type == VALUE_SET && sort->unsorted && sort->store.data) {
        sort->unsorted = false; /* a table has no order of its own that a log could repeat */
        sort->alpha = true;
        sort->by.data = NULL;
    }
    if (add_members(sort, entry)) return true;
    call_no_memory(call);
    return false;
}

/* ---- patterns ---- */

/* Where "->" stands behind the star, with a field behind it; len: nowhere. */
static size_t arrow_of(struct kith_str pattern, size_t star)
{
    for (size_t i = star + 1; i + 2 < pattern.len; i++) {
        if (pattern.data[i] == '-' && pattern.data[i + 1] == '>') return i;
    }
    return pattern.len;
}

/* A member may stand a million times in a list, and name a value of megabytes each time. */
static bool take_text(struct sort *sort, struct kith_str text, struct kith_str *out)
{
    sort->taken += text.len;
    sort->full = sort->taken > (size_t)sort->call->redis->settings.bulk_bytes_max;
    return !sort->full && copy_text(sort, text, out);
}

static void look_up_failed(struct sort *sort)
{
    if (sort->call->failed) return;
    if (sort->full)
        call_error(sort->call, "ERR patterns of SORT give more than proto-max-bulk-len");
    else call_no_memory(sort->call);
}

/* What a pattern names for a member. out->data NULL: nothing. false: no memory, or too much. */
static bool look_up(struct sort *sort, struct kith_str pattern, struct kith_str member,
                    struct kith_str *out)
{
    *out = (struct kith_str){ NULL, 0 };
    if (pattern.len == 1 && pattern.data[0] == '#') {
        *out = member;
        return true;
    }
    if (!has_star(pattern)) return true;
    const size_t star = (size_t)((const char *)memchr(pattern.data, '*', pattern.len) -
                                 pattern.data);
    const size_t arrow = arrow_of(pattern, star), rest = arrow - star - 1;
    char *key = arena_alloc(&sort->arena, arrow + member.len);
    if (!key) return false;
    memcpy(key, pattern.data, star);
    if (member.len) memcpy(key + star, member.data, member.len);
    memcpy(key + star + member.len, pattern.data + star + 1, rest);
    const struct kith_str name = { key, star + member.len + rest };
    const struct entry *entry = cache_read(sort->call->cache, sort->call->db, name, 0);
    if (!entry) return true;
    if (arrow < pattern.len) {
        struct hash_field field;
        const struct kith_str wanted = { pattern.data + arrow + 2, pattern.len - arrow - 2 };
        if (entry_type(entry) != VALUE_HASH) return true;
        return !hash_get(entry_value(entry), wanted, &field) ||
               take_text(sort, field.value, out);
    }
    char scratch[ENTRY_TEXT_MAX];
    return entry_type(entry) != VALUE_STRING ||
           take_text(sort, entry_text(entry, scratch), out);
}

/* ---- order ---- */

static int compare_by(const struct sort_item *a, const struct sort_item *b)
{
    if (!a->sort->alpha) return a->score < b->score ? -1 : a->score > b->score;
    if (!a->sort->by.data) return 0; /* by the member itself, as below */
    if (!a->by.data || !b->by.data) return (a->by.data != NULL) - (b->by.data != NULL);
    return text_compare(a->by, b->by);
}

static int compare_items(const void *left, const void *right)
{
    const struct sort_item *a = left, *b = right;
    int order = compare_by(a, b);
    if (order == 0) order = text_compare(a->text, b->text);
    return a->sort->descending ? -order : order;
}

/* false: answered. */
static bool weigh_items(struct sort *sort)
{
    for (size_t i = 0; i < sort->count; i++) {
        struct sort_item *item = &sort->items[i];
        if (sort->by.data && !look_up(sort, sort->by, item->text, &item->by)) {
            look_up_failed(sort);
            return false;
        }
        if (sort->alpha) continue;
        const struct kith_str text = sort->by.data ? item->by : item->text;
        if (text.len == 0 || text_double(text, &item->score)) continue; /* nothing counts 0 */
        call_error(sort->call, "ERR One or more scores can't be converted into double");
        return false;
    }
    return true;
}

static void sort_limits(struct sort *sort)
{
    const size_t offset = sort->offset < 0 ? 0 : (size_t)sort->offset;
    sort->first = offset < sort->count ? offset : sort->count;
    sort->end = sort->count;
    if (sort->limit >= 0 && (uint64_t)sort->limit < sort->end - sort->first) {
        sort->end = sort->first + (size_t)sort->limit;
    }
}

/* ---- results ---- */

static void sort_reply(struct sort *sort)
{
    struct resp *reply = sort->call->reply;
    const size_t start = reply->out->len;
    resp_array(reply, (sort->end - sort->first) * (sort->get_count ? sort->get_count : 1));
    for (size_t i = sort->first; i < sort->end; i++) {
        if (sort->get_count == 0) resp_str(reply, sort->items[i].text);
        for (size_t j = 0; j < sort->get_count; j++) {
            struct kith_str value = { NULL, 0 };
            if (!look_up(sort, sort->gets[j], sort->items[i].text, &value)) {
                reply->out->len = start;
                look_up_failed(sort);
                return;
            }
            if (value.data) resp_str(reply, value);
            else resp_null(reply);
        }
    }
}

static int push_results(struct sort *sort, struct list *list)
{
    const struct cache_settings *settings = cache_settings(sort->call->cache);
    int rc = 0;
    for (size_t i = sort->first; i < sort->end && rc == 0; i++) {
        if (sort->get_count == 0) rc = list_push(list, settings, true, sort->items[i].text);
        for (size_t j = 0; j < sort->get_count && rc == 0; j++) {
            struct kith_str value;
            if (!look_up(sort, sort->gets[j], sort->items[i].text, &value)) return KITH_ENOMEM;
            if (!value.data) value = (struct kith_str){ "", 0 };
            if (!call_may_grow(sort->call, value.len)) return KITH_ELIMIT;
            rc = list_push(list, settings, true, value);
        }
    }
    return rc;
}

static void sort_store(struct sort *sort)
{
    struct list *list = list_new(cache_heap(sort->call->cache));
    if (!list || push_results(sort, list) != 0) {
        list_free(list);
        look_up_failed(sort);
        return;
    }
    call_store(sort->call, sort->store, VALUE_LIST, list, list_count(list), "sortstore");
}

static void run(struct redis_call *call, bool may_store)
{
    struct sort sort = { .call = call, .limit = -1 };
    arena_init(&sort.arena);
    if (sort_options(&sort, may_store) && sort_members(&sort) &&
        (sort.unsorted || weigh_items(&sort))) {
        if (!sort.unsorted && sort.count > 1) {
            qsort(sort.items, sort.count, sizeof *sort.items, compare_items);
        }
        sort_limits(&sort);
        if (sort.store.data) sort_store(&sort);
        else sort_reply(&sort);
    }
    arena_release(&sort.arena);
}

static void run_sort(struct redis_call *call) { run(call, true); }
static void run_sort_ro(struct redis_call *call) { run(call, false); }

/* The key, and the last STORE. */
static int keys_of_sort(const struct kith_str *argv, size_t argc, size_t *places, size_t max)
{
    size_t target = 0;
    if (argc < 2) return -1;
    for (size_t i = 2; i + 1 < argc; i++) {
        const struct redis_call probe = { .argv = argv, .argc = argc };
        if (call_is(&probe, i, "LIMIT")) i += 2;
        else if (call_is(&probe, i, "GET") || call_is(&probe, i, "BY")) i++;
        else if (call_is(&probe, i, "STORE")) target = ++i;
    }
    if (max > 0) places[0] = 1;
    if (target && max > 1) places[1] = target;
    return target ? 2 : 1;
}

const struct command sort_commands[] = {
    { .name = "sort", .run = run_sort, .arity = -2,
      .flags = CMD_WRITE | CMD_DENY_OOM | CMD_MOVABLE_KEYS,
      .categories = CAT_SET | CAT_SORTEDSET | CAT_LIST | CAT_DANGEROUS, .first_key = 1,
      .last_key = 1, .key_step = 1, .keys = keys_of_sort },
    { .name = "sort_ro", .run = run_sort_ro, .arity = -2, .flags = CMD_READ,
      .categories = CAT_SET | CAT_SORTEDSET | CAT_LIST | CAT_DANGEROUS, .first_key = 1,
      .last_key = 1, .key_step = 1 },
    { .name = NULL },
};
