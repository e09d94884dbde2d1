/*
 * SCACHE.SET cache prompt response [FP32 blob | VALUES n v ...] [TTL s] [ATTR json] [MODEL m].
 *
 * The vector goes first: it is what may be refused, and a vector without its entry is nothing to
 * anybody. A prompt that comes without a vector has none afterwards. All of it is one unit of the
 * log.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "redis/cmd_hash.h"
#include "redis/cmd_vector.h"
#include "redis/redis_internal.h"
#include "redis/scache.h"
#include "redis/scache_book.h"

#define TTL_MAX_S (INT64_MAX / 4000)
#define SWEEP 2 /* elements a SET looks at, so that less than half are without an entry */

struct set {
    struct kith_str prompt, response, attribute, model;
    struct vector_arg vector; /* owns; values NULL: none */
    int64_t deadline;
    struct scache_id id;
};

static struct kith_str id_text(const struct scache_id *id)
{
    return (struct kith_str){id->text, SCACHE_ID_LEN};
}

/* ---- words ---- */

static bool read_ttl(struct redis_call *call, size_t at, struct set *set)
{
    int64_t seconds;
    if (!call_range(call, at, 1, TTL_MAX_S, &seconds,
                    "ERR invalid expire time in 'SCACHE.SET' command"))
        return false;
    set->deadline = cache_now_ms(call->cache) + seconds * 1000;
    return true;
}

static bool read_attribute(struct redis_call *call, size_t at, struct set *set)
{
    set->attribute = call->argv[at];
    if (set->attribute.len > 0 && set->attribute.data[0] == '{' &&
        json_validate(set->attribute.data, set->attribute.len, NULL) == 0)
        return true;
    call_error(call, "ERR ATTR is not a JSON object");
    return false;
}

static bool read_model(struct redis_call *call, size_t at, struct set *set)
{
    set->model = call->argv[at];
    if (set->model.len > 0 && set->model.len <= SCACHE_MODEL_MAX) return true;
    call_error(call, "ERR MODEL is empty or longer than 256 bytes");
    return false;
}

static bool read_words(struct redis_call *call, struct set *set)
{
    size_t at = 4;
    while (at < call->argc) {
        const bool more = at + 1 < call->argc;
        bool fine;
        if (!set->vector.values && (call_is(call, at, "fp32") || call_is(call, at, "values"))) {
            fine = vector_arg_read(call, at, false, &set->vector);
            at = set->vector.next;
        } else if (more && call_is(call, at, "ttl")) {
            fine = read_ttl(call, at + 1, set);
            at += 2;
        } else if (more && call_is(call, at, "attr")) {
            fine = read_attribute(call, at + 1, set);
            at += 2;
        } else if (more && call_is(call, at, "model")) {
            fine = read_model(call, at + 1, set);
            at += 2;
        } else {
            call_syntax_error(call);
            fine = false;
        }
        if (!fine) return false;
    }
    return true;
}

/* ---- the vector: as VADD does it ---- */

static void pass_error(struct redis_call *call, struct buffer *reply)
{
    if (reply->len < 3) {
        call_no_memory(call);
        return;
    }
    call_errorf(call, "%.*s", (int)(reply->len - 3), (const char *)reply->data + 1);
}

static bool put_vector(struct redis_call *call, const struct set *set)
{
    const struct kith_str argv[] = {
        str_of("VADD"), call->argv[1], str_of("FP32"), {NULL, 0}, id_text(&set->id),
        str_of("NOQUANT"), str_of("SETATTR"), set->attribute};
    struct kith_str words[8];
    memcpy(words, argv, sizeof words);
    words[3] = (struct kith_str){(const char *)set->vector.values, 4 * (size_t)set->vector.dim};
    struct buffer reply;
    struct resp unread = {&reply, 2};
    buffer_init(&reply);
    struct redis_call inner = *call;
    inner.argv = words;
    inner.argc = 8;
    inner.reply = &unread;
    run_vadd(&inner);
    call->changes += inner.changes;
    call->log_replaced |= inner.log_replaced;
    if (inner.failed) pass_error(call, &reply);
    buffer_release(&reply);
    return !inner.failed;
}

/* A first vector cannot be refused for its length, so its model is written before it; of another
 * one that is refused nothing may be heard. */
static bool put_with_model(struct redis_call *call, const struct set *set)
{
    const bool first = !cache_read(call->cache, call->db, call->argv[1],
                                   CACHE_NO_TOUCH | CACHE_NO_STATS);
    if (first) return scache_model_fits(call, set->model, true) && put_vector(call, set);
    return scache_model_fits(call, set->model, false) && put_vector(call, set) &&
           scache_model_fits(call, set->model, true);
}

/* ---- the entry ---- */

#define FIELDS 5u

struct fields {
    struct kith_str words[2 + 2 * FIELDS]; /* HSET key field value ... */
    size_t count;
    char inserted[24], updated[24];
};

static void field(struct fields *fields, const char *name, struct kith_str value)
{
    fields->words[fields->count++] = str_of(name);
    fields->words[fields->count++] = value;
}

/* Seconds with a fraction, as redisvl has them. */
static struct kith_str time_text(char out[24], int64_t ms)
{
    const int len = snprintf(out, 24, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
    return (struct kith_str){out, (size_t)len};
}

static void list_fields(struct redis_call *call, const struct set *set, const struct entry *old,
                        struct fields *out)
{
    struct hash_field was;
    struct kith_str inserted = time_text(out->inserted, cache_now_ms(call->cache));
    if (old && hash_get(entry_value(old), str_of("inserted_at"), &was) &&
        was.value.len < sizeof out->inserted) {
        memcpy(out->inserted, was.value.data, was.value.len);
        inserted.len = was.value.len;
    }
    field(out, "prompt", set->prompt);
    field(out, "response", set->response);
    field(out, "inserted_at", inserted);
    field(out, "updated_at", time_text(out->updated, cache_now_ms(call->cache)));
    if (set->attribute.len > 0) field(out, "metadata", set->attribute);
}

static bool put_entry(struct redis_call *call, const struct set *set, struct kith_str key)
{
    const struct entry *old = call_write(call, key, VALUE_HASH);
    struct fields fields = {.words = {str_of("HSET"), key}, .count = 2};
    list_fields(call, set, old, &fields);
    struct hash *hash = scache_hash(call, fields.words, fields.count);
    if (!hash || cache_add(call->cache, call->db, key, VALUE_HASH, hash, set->deadline, NULL)) {
        call_no_memory(call);
        return false;
    }
    call_logf(call, "DEL %S", &key);
    call_log(call, fields.words, fields.count);
    if (set->deadline != CACHE_NO_DEADLINE) call_logf(call, "PEXPIREAT %S %I", &key, set->deadline);
    call_changed(call, key, EVENT_HASH, "hset");
    return true;
}

/* ---- all of it ---- */

static bool has_entry(struct redis_call *call, struct kith_str id)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], id);
    const bool there = buffer_failed(&buf) || cache_read(call->cache, call->db, key,
                                                         CACHE_NO_TOUCH | CACHE_NO_STATS);
    buffer_release(&buf);
    return there;
}

/* Elements whose entry expired or was evicted. */
static void sweep(struct redis_call *call)
{
    for (int i = 0; i < SWEEP; i++) {
        struct entry *entry = cache_write(call->cache, call->db, call->argv[1]);
        if (!entry || entry_type(entry) != VALUE_VECTORS) return;
        const struct vset_element *element =
            vset_random(vector_set_of(entry), cache_rng(call->cache));
        if (!element || vset_name(element).len != SCACHE_ID_LEN) return;
        struct scache_id id;
        memcpy(id.text, vset_name(element).data, SCACHE_ID_LEN);
        if (!has_entry(call, id_text(&id))) scache_drop_vector(call, id_text(&id));
    }
}

/* The counters: with them a cache is there. Without memory it is not counted. */
static void make_stats(struct redis_call *call)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], str_of("stats"));
    const struct kith_str name = str_of(scache_counter_names[0]), zero = str_of("0");
    const bool there = buffer_failed(&buf) || cache_read(call->cache, call->db, key,
                                                         CACHE_NO_TOUCH | CACHE_NO_STATS);
    struct hash *hash = there ? NULL : hash_new(cache_heap(call->cache));
    if (hash && hash_set(hash, cache_settings(call->cache), name, zero, CACHE_NO_DEADLINE, NULL)) {
        hash_free(hash);
        hash = NULL;
    }
    if (hash && cache_add(call->cache, call->db, key, VALUE_HASH, hash, CACHE_NO_DEADLINE,
                          NULL) == 0) {
        call_logf(call, "HSET %S %S %S", &key, &name, &zero);
        call_changed(call, key, EVENT_HASH, "hset");
    }
    buffer_release(&buf);
}

static void store(struct redis_call *call, const struct set *set)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], id_text(&set->id));
    if (buffer_failed(&buf)) {
        call_no_memory(call);
        return;
    }
    (void)call_write(call, call->argv[1], VALUE_VECTORS);
    if (!call->failed) (void)call_write(call, key, VALUE_HASH);
    if (!call->failed && (!set->vector.values || put_with_model(call, set)) &&
        put_entry(call, set, key)) {
        if (!set->vector.values) scache_drop_vector(call, id_text(&set->id));
        sweep(call);
        make_stats(call);
        resp_str(call->reply, id_text(&set->id));
    }
    buffer_release(&buf);
}

void run_scache_set(struct redis_call *call)
{
    struct set set = {.prompt = call->argv[2], .response = call->argv[3],
                      .deadline = CACHE_NO_DEADLINE};
    if (scache_permits(call, true) && read_words(call, &set)) {
        if (scache_id_of(set.prompt, &set.id)) call_no_memory(call);
        else store(call, &set);
    }
    vector_arg_release(&set.vector);
}
