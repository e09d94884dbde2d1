/*
 * All of a keyspace as text, for test_replay.c: every key of every database, its type, its value
 * independent of the order of sets and hashes, its deadline and those of its fields.
 */
#ifndef KITH_TESTS_REDIS_REPLAY_DUMP_H
#define KITH_TESTS_REDIS_REPLAY_DUMP_H

#include "redis/door.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "redis/redis_internal.h"

/* ---- all that there is ---- */

struct item {
    unsigned db;
    char key[96];
    enum value_type type;
    int64_t deadline;
    char **parts; /* owns; strings */
    int64_t *deadlines; /* of the fields of a hash, one for two parts */
    size_t count;
};

struct dump {
    struct item *items;
    size_t count, cap;
    unsigned db;
};

static struct item *new_item(struct dump *dump)
{
    if (dump->count == dump->cap) {
        dump->cap = dump->cap ? 2 * dump->cap : 64;
        dump->items = realloc(dump->items, dump->cap * sizeof *dump->items);
        assert_non_null(dump->items);
    }
    struct item *item = &dump->items[dump->count++];
    memset(item, 0, sizeof *item);
    item->db = dump->db;
    item->deadline = CACHE_NO_DEADLINE;
    return item;
}

static void note(void *ctx, struct entry *entry)
{
    struct dump *dump = ctx;
    const struct kith_str key = entry_key(entry);
    for (size_t i = 0; i < dump->count; i++)
        if (dump->items[i].db == dump->db && strlen(dump->items[i].key) == key.len &&
            !memcmp(dump->items[i].key, key.data, key.len))
            return; /* a scan may say it twice */
    struct item *item = new_item(dump);
    (void)snprintf(item->key, sizeof item->key, "%.*s", (int)key.len, key.data);
    item->type = entry_type(entry);
    item->deadline = entry_deadline(entry);
}

static void add_part(struct item *item, const char *text, size_t len)
{
    item->parts = realloc(item->parts, (item->count + 1) * sizeof *item->parts);
    assert_non_null(item->parts);
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    copy[len] = 0;
    item->parts[item->count++] = copy;
}

/* The leaves of a reply, in order. */
static void add_leaves(struct item *item, const struct buffer *out)
{
    const char *at = (const char *)out->data, *end = at + out->len;
    while (at < end) {
        const char kind = *at++;
        const char *eol = memchr(at, '\r', (size_t)(end - at));
        assert_non_null(eol);
        if (kind == '$' && *at != '-') {
            const size_t len = (size_t)strtoull(at, NULL, 10);
            add_part(item, eol + 2, len);
            at = eol + 2 + len + 2;
            continue;
        }
        if (kind != '*') add_part(item, at - 1, (size_t)(eol - at) + 1);
        at = eol + 2;
    }
}

static void ask(struct session *session, struct item *item, const char *command,
                const char *more)
{
    char text[512];
    struct buffer out;
    buffer_init(&out);
    const int len = snprintf(text, sizeof text, "%s %s %s\r\n", command, item->key, more);
    assert_int_equal(session_feed(session, text, (size_t)len, &out), 0);
    add_leaves(item, &out);
    buffer_release(&out);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void take_fields(struct session *session, struct item *item)
{
    char text[128];
    ask(session, item, "HGETALL", "");
    if (item->count) qsort(item->parts, item->count / 2, 2 * sizeof *item->parts, by_text);
    item->deadlines = calloc(item->count / 2 + 1, sizeof *item->deadlines);
    assert_non_null(item->deadlines);
    for (size_t i = 0; i < item->count / 2; i++) {
        struct item answer = {0};
        memcpy(answer.key, item->key, sizeof answer.key);
        (void)snprintf(text, sizeof text, "FIELDS 1 %.90s", item->parts[2 * i]);
        ask(session, &answer, "HPEXPIRETIME", text);
        assert_int_equal(answer.count, 1);
        item->deadlines[i] = strtoll(answer.parts[0] + 1, NULL, 10);
        free(answer.parts[0]);
        free(answer.parts);
    }
}

static void take_vectors(struct session *session, struct item *item)
{
    ask(session, item, "VRANGE", "- +");
    const size_t names = item->count;
    for (size_t i = 0; i < names; i++) {
        char raw[128];
        (void)snprintf(raw, sizeof raw, "%.100s RAW", item->parts[i]);
        ask(session, item, "VEMB", raw);
        ask(session, item, "VGETATTR", item->parts[i]);
    }
    struct item info = {0};
    memcpy(info.key, item->key, sizeof info.key);
    ask(session, &info, "VINFO", "");
    for (size_t i = 0; i < info.count; i++) { /* not levels nor numbers of nodes */
        if (i < 10 || (i >= 12 && i < 14)) add_part(item, info.parts[i], strlen(info.parts[i]));
        free(info.parts[i]);
    }
    free(info.parts);
}

static void take_value(struct session *session, struct item *item)
{
    static const char *const questions[VALUE_TYPES] = {
        [VALUE_STRING] = "GET", [VALUE_LIST] = "LRANGE", [VALUE_SET] = "SMEMBERS",
        [VALUE_ZSET] = "ZRANGE", [VALUE_JSON] = "JSON.GET"};
    const char *more = item->type == VALUE_LIST ? "0 -1"
                       : item->type == VALUE_ZSET ? "0 -1 WITHSCORES" : "";
    if (item->type == VALUE_HASH) take_fields(session, item);
    else if (item->type == VALUE_VECTORS) take_vectors(session, item);
    else ask(session, item, questions[item->type], more);
    if (item->type == VALUE_SET && item->count)
        qsort(item->parts, item->count, sizeof *item->parts, by_text);
}

static int by_key(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->db != y->db) return x->db < y->db ? -1 : 1;
    return strcmp(x->key, y->key);
}

static void take_dump(struct session *session, struct dump *dump)
{
    struct cache *cache = session->redis->cache;
    char text[32];
    *dump = (struct dump){0};
    cache_lock(cache);
    cache_begin(cache);
    for (dump->db = 0; dump->db < cache_databases(cache); dump->db++) {
        uint64_t cursor = 0;
        do cursor = cache_scan(cache, dump->db, cursor, note, dump);
        while (cursor);
    }
    cache_unlock(cache);
    if (dump->count) qsort(dump->items, dump->count, sizeof *dump->items, by_key);
    for (size_t i = 0; i < dump->count; i++) {
        (void)snprintf(text, sizeof text, "SELECT %u", dump->items[i].db);
        (void)door_reply(session, text);
        take_value(session, &dump->items[i]);
    }
    (void)door_reply(session, "SELECT 0");
    dump->db = UINT_MAX; /* behind all keys: the indexes */
    struct item *indexes = new_item(dump);
    ask(session, indexes, "FT._LIST", "");
    if (indexes->count) qsort(indexes->parts, indexes->count, sizeof *indexes->parts, by_text);
}

static void free_dump(struct dump *dump)
{
    for (size_t i = 0; i < dump->count; i++) {
        for (size_t k = 0; k < dump->items[i].count; k++) free(dump->items[i].parts[k]);
        free(dump->items[i].parts);
        free(dump->items[i].deadlines);
    }
    free(dump->items);
}

/* What has no deadline up to `now`, as text; false: nothing of it is left then. */
static bool show(const struct item *item, int64_t now, struct buffer *out)
{
    char text[64];
    buffer_clear(out);
    if (item->deadline <= now) return false;
    const int len = snprintf(text, sizeof text, "type %d deadline %lld:", (int)item->type,
                             (long long)item->deadline);
    buffer_put(out, text, (size_t)len);
    bool any = item->type != VALUE_HASH;
    for (size_t i = 0; i < item->count; i++) {
        const int64_t field = item->deadlines ? item->deadlines[i / 2] : -1;
        if (item->deadlines && field != -1 && field <= now) continue;
        any = true;
        buffer_put(out, " [", 2);
        buffer_put(out, item->parts[i], strlen(item->parts[i]));
        const int n = snprintf(text, sizeof text, item->deadlines ? "]@%lld" : "]",
                               (long long)field);
        buffer_put(out, text, (size_t)n);
    }
    return any;
}

#endif
