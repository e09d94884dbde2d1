/*
 * SORT and SORT_RO: the members of a list, a set or a sorted set in order, by themselves or by
 * other keys, which patterns name: the first '*' becomes the member, and "key->field" looks into a
 * hash.
 *
 * All texts are copied into an arena first, because looking other keys up may remove some that are
 * due. What compares equal is ordered by its bytes, so a result is always the same and the command
 * can be logged as it was typed.
 *
 * Everybody waits meanwhile, so a million members cost little each: weights are numbers read once,
 * where they lie; what lies behind sixteen keys is fetched from memory at a time; and numbers and
 * beginnings of texts are ordered without comparisons (sort_places.h). Only what is alike by those
 * is compared.
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
#include "redis/sort_places.h"

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
    struct sort_place *order; /* arena; NULL: as they are */
    size_t count, first, end; /* order[first ... end) are the result */
    struct buffer key;       /* a name that a pattern gave; of sixteen members while weighing */
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

/* A pattern with a star, and what it is made of. */
struct sort_pattern {
    struct kith_str before, after; /* of the star, in the name */
    struct kith_str field;         /* data NULL: none */
};

static struct sort_pattern read_pattern(struct kith_str pattern)
{
    const char *star = memchr(pattern.data, '*', pattern.len);
    const size_t at = (size_t)(star - pattern.data), arrow = arrow_of(pattern, at);
    struct sort_pattern out = { { pattern.data, at }, { star + 1, arrow - at - 1 }, { NULL, 0 } };
    if (arrow < pattern.len)
        out.field = (struct kith_str){ pattern.data + arrow + 2, pattern.len - arrow - 2 };
    return out;
}

static void begin_names(struct sort *sort)
{
    buffer_clear(&sort->key);
    buffer_put_u8(&sort->key, 0); /* so that there are bytes */
}

/* The name of a member's key goes to the end of `sort->key`. */
static bool put_name(struct sort *sort, const struct sort_pattern *pattern, struct kith_str member)
{
    buffer_put(&sort->key, pattern->before.data, pattern->before.len);
    buffer_put(&sort->key, member.data, member.len);
    buffer_put(&sort->key, pattern->after.data, pattern->after.len);
    return !buffer_failed(&sort->key);
}

static struct kith_str some(struct kith_str text)
{
    return (struct kith_str){ text.data ? text.data : "", text.len };
}

struct sort_scratch { /* where small numbers are texts */
    char text[ENTRY_TEXT_MAX];
    struct hash_field field;
};

/* The text of what the pattern names, where it lies: until the next look-up, in the keyspace or in
 * scratch. data NULL: nothing. */
static struct kith_str value_of(struct sort *sort, const struct sort_pattern *pattern,
                                struct kith_str name, struct sort_scratch *scratch)
{
    const struct kith_str nothing = { NULL, 0 };
    const struct entry *entry = cache_read(sort->call->cache, sort->call->db, name, 0);
    if (!entry) return nothing;
    if (!pattern->field.data)
        return entry_type(entry) == VALUE_STRING ? some(entry_text(entry, scratch->text)) : nothing;
    if (entry_type(entry) != VALUE_HASH ||
        !hash_get(entry_value(entry), pattern->field, &scratch->field))
        return nothing;
    return some(scratch->field.value);
}

/* What a pattern names for a member. out->data NULL: nothing. false: no memory, or too much. */
static bool look_up(struct sort *sort, struct kith_str pattern, struct kith_str member,
                    struct kith_str *out)
{
    struct sort_scratch scratch;
    *out = (struct kith_str){ NULL, 0 };
    if (pattern.len == 1 && pattern.data[0] == '#') {
        *out = member;
        return true;
    }
    if (!has_star(pattern)) return true;
    const struct sort_pattern read = read_pattern(pattern);
    begin_names(sort);
    if (!put_name(sort, &read, member)) return false;
    const struct kith_str name = { (const char *)sort->key.data + 1, sort->key.len - 1 };
    const struct kith_str value = value_of(sort, &read, name, &scratch);
    return !value.data || take_text(sort, value, out);
}

/* ---- order ---- */

static int compare_by(const struct sort_item *a, const struct sort_item *b)
{
    if (!a->sort->alpha) return a->score < b->score ? -1 : a->score > b->score;
    if (!a->sort->by.data) return 0; /* by the member itself, as below */
    if (!a->by.data || !b->by.data) return (a->by.data != NULL) - (b->by.data != NULL);
    return text_compare(a->by, b->by);
}

static int compare_items(const struct sort_item *a, const struct sort_item *b)
{
    const int order = compare_by(a, b);
    return order ? order : text_compare(a->text, b->text);
}

#define EXACT (INT64_C(1) << 53) /* integers up to here are doubles */

/* Nothing counts 0. false: answered. */
static bool read_weight(struct sort *sort, struct kith_str text, double *out)
{
    int64_t number;
    *out = 0;
    if (text.len == 0) return true;
    if (text_integer(text, &number) && number <= EXACT && number >= -EXACT) {
        *out = (double)number;
        return true;
    }
    if (text_double(text, out)) return true;
    call_error(sort->call, "ERR One or more scores can't be converted into double");
    return false;
}

#define TOGETHER 16u /* keys whose ways from memory overlap */

/* The values of some members, found together. false: answered. */
static bool weigh_some(struct sort *sort, const struct sort_pattern *pattern, size_t from,
                       size_t count)
{
    struct cache *cache = sort->call->cache;
    size_t ends[TOGETHER + 1] = { 0 };
    uint64_t hashes[TOGETHER];
    struct sort_scratch scratch;
    begin_names(sort);
    ends[0] = 1;
    for (size_t i = 0; i < count; i++) {
        if (!put_name(sort, pattern, sort->items[from + i].text)) {
            call_no_memory(sort->call);
            return false;
        }
        ends[i + 1] = sort->key.len;
    }
    const char *names = (const char *)sort->key.data;
    for (size_t i = 0; i < count; i++)
        hashes[i] = cache_prefetch(cache, sort->call->db,
                                   (struct kith_str){ names + ends[i], ends[i + 1] - ends[i] });
    for (size_t i = 0; i < count; i++) cache_prefetch_entry(cache, sort->call->db, hashes[i]);
    for (size_t i = 0; i < count; i++) {
        struct sort_item *item = &sort->items[from + i];
        const struct kith_str name = { names + ends[i], ends[i + 1] - ends[i] };
        const struct kith_str value = value_of(sort, pattern, name, &scratch);
        if (!sort->alpha && !read_weight(sort, value, &item->score)) return false;
        if (sort->alpha && value.data && !take_text(sort, value, &item->by)) {
            look_up_failed(sort);
            return false;
        }
    }
    return true;
}

/* false: answered. */
static bool weigh_items(struct sort *sort)
{
    if (!sort->by.data) {
        for (size_t i = 0; !sort->alpha && i < sort->count; i++)
            if (!read_weight(sort, sort->items[i].text, &sort->items[i].score)) return false;
        return true;
    }
    const struct sort_pattern pattern = read_pattern(sort->by); /* with a star: not unsorted */
    for (size_t i = 0; i < sort->count; i += TOGETHER) {
        const size_t left = sort->count - i;
        if (!weigh_some(sort, &pattern, i, left < TOGETHER ? left : TOGETHER)) return false;
    }
    return true;
}

/* In the order of compare_by, as far as it goes: texts by what follows their common beginning. */
static uint64_t first_key(const struct sort_item *item, size_t common)
{
    const struct sort *sort = item->sort;
    if (!sort->alpha) return sort_key_of_number(item->score);
    if (!sort->by.data) return sort_key_of_text(item->text, common);
    return item->by.data ? sort_key_of_text(item->by, common) >> 1 | UINT64_C(1) << 63 : 0;
}

static size_t common_of(struct kith_str a, struct kith_str b, size_t most)
{
    if (a.len < most) most = a.len;
    if (b.len < most) most = b.len;
    size_t same = 0;
    while (same < most && a.data[same] == b.data[same]) same++;
    return same;
}

/* How many bytes all of them begin with: "member:0000..." says nothing in its first eight. */
static size_t common_text(const struct sort *sort, const struct sort_place *run, size_t count)
{
    const struct kith_str first = sort->items[run[0].item].text;
    size_t most = first.len;
    for (size_t i = 1; most && i < count; i++)
        most = common_of(first, sort->items[run[i].item].text, most);
    return most;
}

static size_t common_by(const struct sort *sort)
{
    struct kith_str first = { NULL, 0 };
    size_t most = SIZE_MAX;
    for (size_t i = 0; most && i < sort->count; i++) {
        const struct kith_str by = sort->items[i].by;
        if (!by.data) continue;
        if (!first.data) first = by;
        most = common_of(first, by, most);
    }
    return most;
}

static int compare_places(const void *left, const void *right, void *ctx)
{
    const struct sort *sort = ctx;
    const struct sort_place *a = left, *b = right;
    return compare_items(&sort->items[a->item], &sort->items[b->item]);
}

/* Those with the same weight, by the beginnings of their own texts; what is alike by those, too, is
 * compared. */
static void order_run(struct sort *sort, struct sort_place *run, struct sort_place *spare,
                      size_t count)
{
    if (sort->alpha) {
        qsort_r(run, count, sizeof *run, compare_places, sort);
        return;
    }
    const size_t common = common_text(sort, run, count);
    for (size_t i = 0; i < count; i++)
        run[i].key = sort_key_of_text(sort->items[run[i].item].text, common);
    sort_places(run, spare, count);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && run[end].key == run[i].key; end++) continue;
        if (end - i > 1) qsort_r(run + i, end - i, sizeof *run, compare_places, sort);
    }
}

static void turn_around(struct sort_place *order, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const struct sort_place swap = order[i];
        order[i] = order[count - 1 - i];
        order[count - 1 - i] = swap;
    }
}

/* false: answered. */
static bool order_items(struct sort *sort)
{
    const size_t count = sort->count;
    struct sort_place *order = arena_alloc_array(&sort->arena, count + 1, sizeof *order);
    struct sort_place *spare = arena_alloc_array(&sort->arena, count + 1, sizeof *spare);
    if (!order || !spare) {
        call_no_memory(sort->call);
        return false;
    }
    for (size_t i = 0; i < count; i++) order[i].item = i;
    const size_t common = !sort->alpha || count == 0 ? 0
                          : sort->by.data            ? common_by(sort)
                                                     : common_text(sort, order, count);
    for (size_t i = 0; i < count; i++) order[i].key = first_key(&sort->items[i], common);
    sort_places(order, spare, count);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && order[end].key == order[i].key; end++) continue;
        if (end - i > 1) order_run(sort, order + i, spare, end - i);
    }
    if (sort->descending) turn_around(order, count);
    sort->order = order;
    return true;
}

static struct kith_str result_of(const struct sort *sort, size_t i)
{
    return sort->items[sort->order ? sort->order[i].item : i].text;
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
        if (sort->get_count == 0) resp_str(reply, result_of(sort, i));
        for (size_t j = 0; j < sort->get_count; j++) {
            struct kith_str value = { NULL, 0 };
            if (!look_up(sort, sort->gets[j], result_of(sort, i), &value)) {
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
        if (sort->get_count == 0) rc = list_push(list, settings, true, result_of(sort, i));
        for (size_t j = 0; j < sort->get_count && rc == 0; j++) {
            struct kith_str value;
            if (!look_up(sort, sort->gets[j], result_of(sort, i), &value)) return KITH_ENOMEM;
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
    buffer_init(&sort.key);
    if (sort_options(&sort, may_store) && sort_members(&sort) &&
        (sort.unsorted || (weigh_items(&sort) && order_items(&sort)))) {
        sort_limits(&sort);
        if (sort.store.data) sort_store(&sort);
        else sort_reply(&sort);
    }
    buffer_release(&sort.key);
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
