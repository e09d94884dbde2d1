/*
 * SCACHE.DEL, SCACHE.STATS, the table, who may, and what the commands of the semantic cache share.
 * The layout is in scache.h. Whatever is changed is logged as the ordinary command that does it.
 */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "redis/acl.h"
#include "redis/scache.h"
#include "redis/scache_book.h"
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

struct hash *scache_hash(struct redis_call *call, const struct kith_str *words, size_t count)
{
    struct hash *hash = hash_new(cache_heap(call->cache));
    for (size_t i = 2; hash && i < count; i += 2) {
        if (hash_set(hash, cache_settings(call->cache), words[i], words[i + 1], CACHE_NO_DEADLINE,
                     NULL) == 0)
            continue;
        hash_free(hash);
        hash = NULL;
    }
    return hash;
}

struct kith_str scache_key(struct buffer *buf, struct kith_str cache, struct kith_str suffix)
{
    buffer_clear(buf);
    buffer_put(buf, cache.data, cache.len);
    buffer_put_u8(buf, ':');
    buffer_put(buf, suffix.data, suffix.len);
    return (struct kith_str){(const char *)buf->data, buf->len};
}

/* ---- rights ---- */

bool scache_permits(struct redis_call *call, bool write)
{
    const struct session *session = call->session;
    const bool ours = !session || (call->redis->running->flags & CMD_RAW_REPLY);
    if (ours || (session->user && session->user->unlimited)) return true;
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str prefix = scache_key(&buf, call->argv[1], str_of(""));
    const bool failed = buffer_failed(&buf);
    const bool may =
        !failed && session->user && acl_may_use_prefix(session->user, prefix, true, write);
    buffer_release(&buf);
    if (failed) call_no_memory(call);
    else if (!may)
        call_error(call, "NOPERM No permissions to access a key: a cache needs those to every key "
                         "that begins with its name and ':'");
    return may;
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
void run_scache_del(struct redis_call *call)
{
    const bool wrong = call_is(call, 2, "falsehit");
    int64_t gone = 0;
    if (!scache_permits(call, true)) return;
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
        if (wrong) scache_count(call, SCACHE_FALSE_HITS);
    }
    resp_integer(call->reply, gone);
}

/* ---- statistics ---- */

static void put_counters(struct redis_call *call, const struct hash *hash)
{
    for (int i = 0; i < SCACHE_COUNTERS; i++) {
        const enum scache_counter counter = (enum scache_counter)i;
        resp_cstr(call->reply, scache_counter_names[i]);
        resp_integer(call->reply, scache_counter_value(hash, counter) +
                                      scache_pending(call->redis, call->db, call->argv[1],
                                                     counter));
    }
}

static void put_model(struct redis_call *call)
{
    struct scache_model model;
    scache_model_read(call, &model);
    resp_cstr(call->reply, "model");
    if (model.id.data) resp_str(call->reply, model.id);
    else resp_null(call->reply);
    resp_cstr(call->reply, "threshold");
    resp_double(call->reply, model.threshold >= 0 ? model.threshold : SCACHE_THRESHOLD);
}

void run_scache_stats(struct redis_call *call)
{
    if (!scache_permits(call, false)) return;
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
    resp_map(call->reply, SCACHE_COUNTERS + 4);
    put_counters(call, entry ? entry_value(entry) : NULL);
    resp_cstr(call->reply, "vectors");
    resp_integer(call->reply, count);
    resp_cstr(call->reply, "dimension");
    resp_integer(call->reply, dim);
    put_model(call);
}

/* ---- the table ---- */

#define COMMAND(text, function, words, flag_bits)                                        \
    {.name = (text), .run = (function), .arity = (words), .categories = CAT_VECTORSET,   \
     .flags = (flag_bits) | CMD_UPPER_NAME, .first_key = 1, .last_key = 1, .key_step = 1}

const struct command scache_commands[] = {
    COMMAND("scache.set", run_scache_set, -4, CMD_WRITE | CMD_DENY_OOM),
    COMMAND("scache.get", run_scache_get, -3, CMD_READ),
    COMMAND("scache.del", run_scache_del, -3, CMD_WRITE),
    COMMAND("scache.stats", run_scache_stats, 2, CMD_READ | CMD_FAST),
    COMMAND("scache.calibrate", run_scache_calibrate, -4, CMD_WRITE | CMD_DENY_OOM),
    {.name = NULL},
};
