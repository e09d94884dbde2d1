/*
 * SCACHE.DEL, SCACHE.STATS, the table, and what the commands of the semantic cache share. The
 * layout is in scache.h. Whatever is changed is logged as the ordinary command that does it.
 */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "redis/redis_internal.h"
#include "redis/scache.h"
#include "redis/vector_upkeep.h"

/* ---- names ---- */

void scache_normalise(struct kith_str prompt, struct buffer *out)
{
    bool gap = false;
    for (size_t i = 0; i < prompt.len; i++) {
        const char c = prompt.data[i];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            gap = out->len > 0;
            continue;
        }
        if (gap) buffer_put_u8(out, ' ');
        gap = false;
        buffer_put_u8(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
}

int scache_id_of(struct kith_str prompt, struct scache_id *out)
{
    struct buffer text;
    buffer_init(&text);
    scache_normalise(prompt, &text);
    const bool failed = buffer_failed(&text);
    if (!failed) {
        char digits[SCACHE_ID_LEN + 1];
        (void)snprintf(digits, sizeof digits, "%016llx%016llx",
                       (unsigned long long)hash64(text.data, text.len, 1),
                       (unsigned long long)hash64(text.data, text.len, 2));
        memcpy(out->text, digits, SCACHE_ID_LEN);
    }
    buffer_release(&text);
    return failed ? KITH_ENOMEM : 0;
}

struct kith_str scache_key(struct buffer *buf, struct kith_str cache, struct kith_str suffix)
{
    buffer_clear(buf);
    buffer_put(buf, cache.data, cache.len);
    buffer_put_u8(buf, ':');
    buffer_put(buf, suffix.data, suffix.len);
    return (struct kith_str){(const char *)buf->data, buf->len};
}

/* ---- counters ---- */

static int64_t counter_value(const struct hash *hash, struct kith_str name)
{
    struct hash_field field;
    int64_t value = 0;
    if (!hash || !hash_get(hash, name, &field) || !text_integer(field.value, &value)) return 0;
    return value;
}

static int put_counter(struct redis_call *call, struct kith_str key, struct kith_str name)
{
    struct entry *entry = cache_write(call->cache, call->db, key);
    if (entry && entry_type(entry) != VALUE_HASH) return KITH_EINVAL;
    struct hash *hash = entry ? entry_value(entry) : hash_new(cache_heap(call->cache));
    if (!hash) return KITH_ENOMEM;
    char digits[24];
    const int64_t value = counter_value(entry ? hash : NULL, name);
    if (value == INT64_MAX) return KITH_EINVAL;
    const int len = snprintf(digits, sizeof digits, "%lld", (long long)value + 1);
    const struct kith_str text = {digits, (size_t)len};
    const int rc = hash_set(hash, cache_settings(call->cache), name, text, CACHE_NO_DEADLINE, NULL);
    if (entry) return rc;
    if (rc == 0)
        return cache_add(call->cache, call->db, key, VALUE_HASH, hash, CACHE_NO_DEADLINE, NULL);
    hash_free(hash);
    return rc;
}

void scache_count(struct redis_call *call, const char *counter)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str name = str_of(counter);
    const struct kith_str key = scache_key(&buf, call->argv[1], str_of("stats"));
    if (!buffer_failed(&buf) && put_counter(call, key, name) == 0) {
        /* HSET, not HINCRBY: what was there need not have been a number. */
        const struct entry *entry = cache_read(call->cache, call->db, key,
                                               CACHE_NO_TOUCH | CACHE_NO_STATS);
        const int64_t value = entry ? counter_value(entry_value(entry), name) : 0;
        call_logf(call, "HSET %S %S %I", &key, &name, value);
        call_changed(call, key, EVENT_HASH, "hset");
    }
    buffer_release(&buf);
}

/* ---- removing ---- */

void scache_drop_vector(struct redis_call *call, struct kith_str id)
{
    struct entry *entry = cache_write(call->cache, call->db, call->argv[1]);
    if (!entry || entry_type(entry) != VALUE_VECTORS) return;
    struct vector_set *set = vector_set_of(entry);
    struct vset_element *element = vset_find(set, id);
    if (!element) return;
    call_logf(call, "VREM %S %S", &call->argv[1], &id);
    vset_remove(set, element);
    vector_upkeep(call->redis, set);
    call_changed(call, call->argv[1], EVENT_MODULE, "vrem");
    call_delete_empty(call, entry, vset_count(set) == 0);
}

bool scache_drop_entry(struct redis_call *call, struct kith_str id)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], id);
    struct entry *entry = buffer_failed(&buf) ? NULL : cache_write(call->cache, call->db, key);
    const bool there = entry && entry_type(entry) == VALUE_HASH;
    if (there) {
        call_logf(call, "DEL %S", &key);
        cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
        call_changed(call, key, EVENT_GENERIC, "del");
    }
    buffer_release(&buf);
    return there;
}

/* SCACHE.DEL cache [FALSEHIT] id ...: FALSEHIT says that the entry was a wrong answer. */
static void run_scache_del(struct redis_call *call)
{
    const bool wrong = call_is(call, 2, "falsehit");
    int64_t gone = 0;
    if (wrong && call->argc == 3) {
        call_arity_error(call);
        return;
    }
    (void)call_write(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    for (size_t i = 2u + wrong; i < call->argc; i++) {
        const struct kith_str id = call->argv[i];
        if (id.len != SCACHE_ID_LEN) continue; /* "stats" is no entry */
        scache_drop_vector(call, id);
        if (!scache_drop_entry(call, id)) continue;
        gone++;
        if (wrong) scache_count(call, "false_hits");
    }
    resp_integer(call->reply, gone);
}

/* ---- statistics ---- */

static void run_scache_stats(struct redis_call *call)
{
    static const char *const names[] = {"exact_hits", "semantic_hits", "misses", "guard_refused",
                                        "false_hits"};
    struct entry *vectors = call_read(call, call->argv[1], VALUE_VECTORS);
    if (call->failed) return;
    const struct vector_set *set = vectors ? vector_set_of(vectors) : NULL;
    const int64_t count = set ? (int64_t)vset_count(set) : 0;
    const int64_t dim = set ? (int64_t)vset_params(set)->dim : 0;
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], str_of("stats"));
    struct entry *entry = buffer_failed(&buf) ? NULL : call_read(call, key, VALUE_HASH);
    buffer_release(&buf);
    if (call->failed) return;
    const struct hash *hash = entry ? entry_value(entry) : NULL;
    resp_map(call->reply, 7);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        resp_cstr(call->reply, names[i]);
        resp_integer(call->reply, counter_value(hash, str_of(names[i])));
    }
    resp_cstr(call->reply, "vectors");
    resp_integer(call->reply, count);
    resp_cstr(call->reply, "dimension");
    resp_integer(call->reply, dim);
}

/* ---- the table ---- */

#define COMMAND(text, function, words, flag_bits)                                        \
    {.name = (text), .run = (function), .arity = (words), .categories = CAT_VECTORSET,   \
     .flags = (flag_bits) | CMD_UPPER_NAME, .first_key = 1, .last_key = 1, .key_step = 1}

const struct command scache_commands[] = {
    COMMAND("scache.set", run_scache_set, -4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("scache.get", run_scache_get, -3, CMD_WRITE), /* counts, and clears away */
    COMMAND("scache.del", run_scache_del, -3, CMD_WRITE),
    COMMAND("scache.stats", run_scache_stats, 2, CMD_READ | CMD_FAST),
    {.name = NULL},
};
