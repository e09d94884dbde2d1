/*
 * Hashes as values: their bytes.
 *
 *     u8 version 1 · u8 form (0 pack, 1 pack with deadlines, 2 table)
 *     a pack; or varint count, and of each field: name and value (varint length, bytes), and a
 *     varint:
 *     0 for none, else the deadline + 1
 */
#include "cache/hash.h"
#include "cache/hash_internal.h"

enum { HASH_VERSION = 1 };
#define DEADLINE_MAX ((int64_t)1 << 53) /* exact as a double, which the order of deadlines needs */

static void free_value(void *value) { hash_free(value); }

static size_t parts_of(const void *value)
{
    const struct hash *hash = value;
    return hash->form == HASH_TABLE ? 2 + dict_count(&hash->table->dict) : 2;
}

static size_t bytes_of(const void *value)
{
    const struct hash *hash = value;
    if (hash->form != HASH_TABLE) return heap_size(hash) + heap_size(hash->pack);
    const struct hash_table *table = hash->table;
    return heap_size(hash) + heap_size(table) + dict_bytes(&table->dict) +
           order_bytes(&table->deadlines) + dict_element_bytes(&table->dict);
}

static const char *encoding_of(const struct cache_settings *settings, const void *value)
{
    static const char *const names[] = { "listpack", "listpackex", "hashtable" };
    (void)settings;
    return names[((const struct hash *)value)->form];
}

static void encode_field(const struct hash_field *field, struct buffer *out)
{
    buffer_put_bytes(out, field->name.data, field->name.len);
    buffer_put_bytes(out, field->value.data, field->value.len);
    buffer_put_varint(out, field->deadline == CACHE_NO_DEADLINE ? 0
                                                                : (uint64_t)field->deadline + 1);
}

static void encode(const void *value, struct buffer *out)
{
    const struct hash *hash = value;
    buffer_put_u8(out, HASH_VERSION);
    buffer_put_u8(out, (uint8_t)hash->form);
    if (hash->form != HASH_TABLE) {
        pack_encode(hash->pack, out);
        return;
    }
    buffer_put_varint(out, hash_count(hash));
    struct hash_iter it = { 0 };
    struct hash_field field;
    while (hash_next(hash, &it, &field)) encode_field(&field, out);
}

/* Whole entries, each with a deadline that makes sense, and no name twice. */
static int check_pack(struct hash *hash)
{
    const struct pack *pack = hash->pack;
    const unsigned stride = hash->form == HASH_PACK ? 2 : 3;
    if (pack->count == 0 || pack->count % stride != 0) return KITH_ECORRUPT;
    for (uint32_t at = pack_first(pack); at < pack->end;) {
        struct pack_item name, deadline;
        pack_get(pack, at, &name);
        at = pack_next(pack, pack_next(pack, at));
        if (stride == 3) {
            pack_get(pack, at, &deadline);
            if (deadline.kind != PACK_INTEGER || deadline.integer < 0 ||
                deadline.integer > DEADLINE_MAX) {
                return KITH_ECORRUPT;
            }
            if (deadline.integer > 0 && deadline.integer < hash->next) {
                hash->next = deadline.integer;
            }
            at = pack_next(pack, at);
        }
        if (pack_find(pack, at, stride, &name) < pack->end) return KITH_ECORRUPT;
    }
    return 0;
}

/* Takes the pack. A search for doubles is square, so a large pack goes into a table, which sees
 * them too. */
static int decode_pack(struct hash *hash, const struct cache_settings *settings,
                       struct cursor *in)
{
    struct pack *pack = NULL;
    int rc = pack_decode(hash->heap, in, false, &pack);
    if (rc != 0) return rc;
    heap_free(hash->heap, hash->pack);
    hash->pack = pack;
    const uint32_t stride = hash->form == HASH_PACK ? 2 : 3;
    const bool large = pack->count / stride > settings->pack_entries_hash;
    if (!large) return check_pack(hash);
    if (pack->count % stride != 0) return KITH_ECORRUPT;
    for (uint32_t at = 0; at < pack->end && stride == 3;) {
        struct pack_item deadline;
        at = pack_next(pack, pack_next(pack, at));
        pack_get(pack, at, &deadline);
        if (deadline.kind != PACK_INTEGER || deadline.integer < 0 ||
            deadline.integer > DEADLINE_MAX) {
            return KITH_ECORRUPT;
        }
        at = pack_next(pack, at);
    }
    return hash_become_table(hash);
}

static int decode_field(void *into, const struct cache_settings *settings, struct cursor *in)
{
    struct kith_str name, value;
    bool added = false;
    name.data = (const char *)cursor_bytes(in, &name.len);
    value.data = (const char *)cursor_bytes(in, &value.len);
    const uint64_t due = cursor_varint(in);
    if (cursor_failed(in) || due > (uint64_t)DEADLINE_MAX) return KITH_ECORRUPT;
    const int rc = hash_set(into, settings, name, value,
                            due ? (int64_t)due - 1 : CACHE_NO_DEADLINE, &added);
    return rc == 0 && !added ? KITH_ECORRUPT : rc;
}

static int decode_fields(struct hash *hash, const struct cache_settings *settings,
                         struct cursor *in)
{
    int rc = hash_become_table(hash);
    const uint64_t count = cursor_varint(in);
    for (uint64_t i = 0; i < count && rc == 0; i++) rc = decode_field(hash, settings, in);
    if (rc == 0 && hash_count(hash) == 0) rc = KITH_ECORRUPT;
    return rc;
}

static int decode(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                  void **out)
{
    const uint8_t version = cursor_u8(in), form = cursor_u8(in);
    if (cursor_failed(in) || version != HASH_VERSION || form > HASH_TABLE) return KITH_ECORRUPT;
    struct hash *hash = hash_new(heap);
    if (!hash) return KITH_ENOMEM;
    int rc;
    if (form == HASH_TABLE) {
        rc = decode_fields(hash, settings, in);
    } else {
        hash->form = form;
        rc = decode_pack(hash, settings, in);
    }
    if (rc == 0) *out = hash;
    else hash_free(hash);
    return rc;
}

/* ---- in pieces ---- */

static uint64_t members_of(const void *value)
{
    const struct hash *hash = value;
    return hash->form == HASH_TABLE ? dict_count(&hash->table->dict) : 0;
}

static struct dict *table_of(void *value) { return &((struct hash *)value)->table->dict; }

static void encode_head(const void *value, struct buffer *out)
{
    (void)value;
    buffer_put_u8(out, HASH_VERSION);
}

static void encode_member(const void *value, const void *cell, struct buffer *out)
{
    struct hash_field field;
    (void)value;
    hash_field_of_cell(cell, &field);
    encode_field(&field, out);
}

static int decode_head(struct heap *heap, const struct cache_settings *settings,
                       struct cursor *in, void **out)
{
    (void)settings;
    if (cursor_u8(in) != HASH_VERSION) return KITH_ECORRUPT;
    struct hash *hash = hash_new(heap);
    if (hash && hash_become_table(hash) == 0) {
        *out = hash;
        return 0;
    }
    hash_free(hash);
    return KITH_ENOMEM;
}

static const struct value_pieces pieces = {
    .members = members_of, .table = table_of, .encode_head = encode_head,
    .encode_member = encode_member, .decode_head = decode_head, .decode_member = decode_field,
};

const struct value_ops hash_ops = {
    .name = "hash", .free = free_value, .parts = parts_of, .bytes = bytes_of,
    .encoding = encoding_of, .encode = encode, .decode = decode, .pieces = &pieces,
};
