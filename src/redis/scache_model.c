/*
 * The model of a semantic cache and the threshold that belongs to it: the hash `c:model`.
 *
 * Cosines of different models are not comparable, so a threshold without its model is a guess, and
 * vectors of two models in one set are nonsense. The first vector that names a model fixes it while
 * there are vectors; vectors that name none are taken as they come. When the cache has no vectors
 * any more, another model may come, and the threshold of the old one goes with it.
 */
#include <stdio.h>
#include <string.h>

#include "redis/redis_internal.h"
#include "redis/scache.h"

#define FIELDS 7u

static struct entry *model_entry(struct redis_call *call, struct buffer *buf)
{
    const struct kith_str key = scache_key(buf, call->argv[1], str_of("model"));
    struct entry *entry = buffer_failed(buf) ? NULL : cache_read(call->cache, call->db, key, 0);
    return entry && entry_type(entry) == VALUE_HASH ? entry : NULL;
}

static struct kith_str field_of(const struct entry *entry, const char *name, char digits[24])
{
    struct hash_field field;
    if (!hash_get(entry_value(entry), str_of(name), &field)) return (struct kith_str){NULL, 0};
    if (field.value.len < 24) { /* an integer's digits lie in the scratch of the look-up */
        memcpy(digits, field.value.data, field.value.len);
        return (struct kith_str){digits, field.value.len};
    }
    return field.value;
}

void scache_model_read(struct redis_call *call, struct scache_model *out)
{
    struct buffer buf;
    char digits[24];
    *out = (struct scache_model){.threshold = -1};
    buffer_init(&buf);
    const struct entry *entry = model_entry(call, &buf);
    if (entry) {
        double threshold;
        out->id = field_of(entry, "model", out->digits);
        const struct kith_str text = field_of(entry, "threshold", digits);
        if (text.data && text_double(text, &threshold) && threshold >= 0 && threshold <= 2)
            out->threshold = threshold;
    }
    buffer_release(&buf);
}

/* ---- writing ---- */

struct fields {
    struct kith_str words[2 + 2 * FIELDS]; /* HSET key field value ... */
    size_t count;
    char numbers[FIELDS][40];
    size_t number_count;
};

static void put(struct fields *fields, const char *name, struct kith_str value)
{
    fields->words[fields->count++] = str_of(name);
    fields->words[fields->count++] = value;
}

static void put_number(struct fields *fields, const char *name, double value)
{
    char *text = fields->numbers[fields->number_count++];
    const size_t len = resp_double_text(value, text);
    put(fields, name, (struct kith_str){text, len});
}

/* In place of what was there. */
static bool replace(struct redis_call *call, struct fields *fields)
{
    struct hash *hash = scache_hash(call, fields->words, fields->count);
    const struct kith_str key = fields->words[1];
    if (!hash || cache_add(call->cache, call->db, key, VALUE_HASH, hash, CACHE_NO_DEADLINE, NULL)) {
        call_no_memory(call);
        return false;
    }
    call_logf(call, "DEL %S", &key);
    call_log(call, fields->words, fields->count);
    call_changed(call, key, EVENT_HASH, "hset");
    return true;
}

static bool store(struct redis_call *call, struct fields *fields)
{
    struct buffer buf;
    buffer_init(&buf);
    fields->words[0] = str_of("HSET");
    fields->words[1] = scache_key(&buf, call->argv[1], str_of("model"));
    bool done = false;
    if (buffer_failed(&buf)) call_no_memory(call);
    else (void)call_write(call, fields->words[1], VALUE_HASH);
    if (!call->failed) done = replace(call, fields);
    buffer_release(&buf);
    return done;
}

bool scache_model_fits(struct redis_call *call, struct kith_str id, bool write)
{
    struct scache_model model;
    if (id.len == 0) return true;
    scache_model_read(call, &model);
    if (model.id.data && str_same(model.id, id)) return true;
    const struct entry *vectors = cache_read(call->cache, call->db, call->argv[1],
                                             CACHE_NO_TOUCH | CACHE_NO_STATS);
    if (model.id.data && vectors) {
        call_errorf(call, "ERR the cache holds vectors of the model '%.*s', not of '%.*s'",
                    (int)(model.id.len < 100 ? model.id.len : 100), model.id.data,
                    (int)(id.len < 100 ? id.len : 100), id.data);
        return false;
    }
    if (!write) return true;
    struct fields fields = {.count = 2};
    put(&fields, "model", id);
    if (!model.id.data && model.threshold >= 0) put_number(&fields, "threshold", model.threshold);
    return store(call, &fields);
}

bool scache_model_store(struct redis_call *call, const struct scache_calibration *found)
{
    struct fields fields = {.count = 2};
    char name[SCACHE_MODEL_MAX];
    struct kith_str id = found->model;
    struct scache_model model;
    if (!scache_model_fits(call, id, false)) return false;
    scache_model_read(call, &model);
    if (id.len == 0 && model.id.data && model.id.len <= sizeof name) {
        memcpy(name, model.id.data, model.id.len); /* the hash it lies in is about to go */
        id = (struct kith_str){name, model.id.len};
    }
    if (id.len) put(&fields, "model", id);
    put_number(&fields, "threshold", found->threshold);
    put_number(&fields, "rate", found->rate);
    put_number(&fields, "false_hit_rate", found->false_hits);
    put_number(&fields, "hit_rate", found->hits);
    put_number(&fields, "pairs", (double)found->pairs);
    put_number(&fields, "calibrated_at", (double)(cache_now_ms(call->cache) / 1000));
    return store(call, &fields);
}
