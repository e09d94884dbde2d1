/*
 * The table of value types, and the portable form of a whole value: what the snapshot, the log and
 * COPY write.
 *
 *     OFFSET SIZE     MEANING
 *     0      1        type (enum value_type)
 *     1      1        of strings: 0 bytes, 1 bytes that are "raw", 2 an integer
 *            varint   its length, and the bytes; or 8 bytes little-endian
 *     1      ...      of other types: what value_ops.encode writes
 */
#include "base/buffer.h"
#include "cache/cache_internal.h"
#include "cache/hash.h"
#include "cache/json_value.h"
#include "cache/list.h"
#include "cache/set.h"
#include "cache/vectors.h"
#include "cache/zset.h"

static const struct value_ops *const types[VALUE_TYPES] = {
    [VALUE_LIST] = &list_ops,       [VALUE_SET] = &set_ops,   [VALUE_ZSET] = &zset_ops,
    [VALUE_HASH] = &hash_ops,       [VALUE_VECTORS] = &vset_ops,
    [VALUE_JSON] = &json_value_ops,
};

const struct value_ops *value_of_type(enum value_type type)
{
    return types[type];
}

const struct value_ops *const *value_ops_place(enum value_type type)
{
    return &types[type];
}

enum { FORM_TEXT, FORM_RAW, FORM_INTEGER };

void entry_encode(const struct entry *entry, struct buffer *out)
{
    enum value_type type = entry_type_of(entry);
    buffer_put_u8(out, (uint8_t)type);
    if (type != VALUE_STRING) {
        types[type]->encode(entry_value(entry), out);
        return;
    }
    int64_t integer;
    if (entry_text_kind(entry) == TEXT_INTEGER && entry_integer(entry, &integer)) {
        buffer_put_u8(out, FORM_INTEGER);
        buffer_put_u64(out, (uint64_t)integer);
        return;
    }
    struct kith_str text = entry_text(entry, NULL);
    buffer_put_u8(out, entry_is_raw(entry) ? FORM_RAW : FORM_TEXT);
    buffer_put_bytes(out, text.data, text.len);
}

static int decode_string(struct cache *cache, unsigned db, struct kith_str key, struct cursor *in,
                         int64_t deadline, struct entry **out)
{
    uint8_t form = cursor_u8(in);
    char digits[ENTRY_TEXT_MAX];
    struct kith_str text;
    if (form == FORM_INTEGER) {
        text = (struct kith_str){digits, text_of_integer((int64_t)cursor_u64(in), digits)};
    } else {
        text.data = (const char *)cursor_bytes(in, &text.len);
    }
    if (form > FORM_INTEGER || cursor_failed(in)) return KITH_ECORRUPT;
    if (form == FORM_TEXT) return cache_set_text(cache, db, key, text, deadline, out);
    return cache_set_string(cache, db, key, text, deadline, form == FORM_RAW, out);
}

int cache_decode(struct cache *cache, unsigned db, struct kith_str key, struct cursor *in,
                 int64_t deadline, struct entry **out)
{
    uint8_t type = cursor_u8(in);
    if (cursor_failed(in) || type >= VALUE_TYPES) return KITH_ECORRUPT;
    if (type == VALUE_STRING) return decode_string(cache, db, key, in, deadline, out);
    if (!types[type]) return KITH_ECORRUPT;
    void *value;
    const int rc = types[type]->decode(&cache->heap, &cache->settings, in, &value);
    if (rc) return rc;
    return cache_add_decoded(cache, db, key, (enum value_type)type, value, deadline, out);
}

int cache_add_decoded(struct cache *cache, unsigned db, struct kith_str key, enum value_type type,
                      void *value, int64_t deadline, struct entry **out)
{
    struct entry *entry;
    const int rc = cache_add(cache, db, key, type, value, deadline, &entry);
    if (rc) return rc;
    if (type == VALUE_HASH && hash_next_deadline(value) != CACHE_NO_DEADLINE)
        (void)!cache_watch_fields(cache, db, entry, hash_next_deadline(value));
    if (out) *out = entry;
    return 0;
}
