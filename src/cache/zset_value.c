/*
 * Sorted sets as values: their bytes.
 *
 *     u8 version 1 · u8 form (0 pack, 1 table)
 *     a pack of (member, score) in order; or varint count, and of each member, in order: its name
 *     (varint length, bytes) and f64 score
 */
#include "cache/cell.h"
#include "cache/zset.h"
#include "cache/zset_internal.h"

enum { ZSET_VERSION = 1 };

static void free_value(void *value) { zset_free(value); }

static size_t parts_of(const void *value)
{
    const struct zset *zset = value;
    return zset->form == ZSET_TABLE ? 2 + dict_count(&zset->table->dict) : 2;
}

static size_t bytes_of(const void *value)
{
    const struct zset *zset = value;
    if (zset->form == ZSET_PACK) return heap_size(zset) + heap_size(zset->pack);
    const struct zset_table *table = zset->table;
    return heap_size(zset) + heap_size(table) + dict_bytes(&table->dict) +
           order_bytes(&table->order) + dict_element_bytes(&table->dict);
}

static const char *encoding_of(const struct cache_settings *settings, const void *value)
{
    (void)settings;
    return ((const struct zset *)value)->form == ZSET_PACK ? "listpack" : "skiplist";
}

static void encode(const void *value, struct buffer *out)
{
    const struct zset *zset = value;
    buffer_put_u8(out, ZSET_VERSION);
    buffer_put_u8(out, (uint8_t)zset->form);
    if (zset->form == ZSET_PACK) {
        pack_encode(zset->pack, out);
        return;
    }
    buffer_put_varint(out, zset_count(zset));
    struct zset_walk walk;
    struct zset_member member;
    zset_walk_from(&walk, zset, 0, false);
    while (zset_walk_next(&walk, &member)) {
        buffer_put_bytes(out, member.name.data, member.name.len);
        buffer_put_f64(out, member.score);
    }
}

/* Strictly ascending by (score, name), and every score a number. A name with two scores is found by
 * whoever looks for doubles. */
static bool pack_is_ordered(const struct pack *pack)
{
    struct pack_item items[2];
    struct kith_str last = { "", 0 };
    double last_score = 0;
    unsigned turn = 0;
    for (uint32_t at = pack_first(pack); at < pack->end; turn ^= 1) {
        struct pack_item *item = &items[turn];
        const struct kith_str name = pack_text(pack, at, item);
        const bool real = item->kind == PACK_REAL;
        const bool first = at == pack_first(pack);
        at = pack_next(pack, at);
        struct pack_item score;
        pack_get(pack, at, &score);
        at = pack_next(pack, at);
        const double value = pack_item_number(&score);
        if (real || score.kind == PACK_STRING || pack_item_real(value).kind != score.kind) {
            return false;
        }
        if (!first && (value < last_score || (value == last_score &&
                                              text_compare(last, name) >= 0))) {
            return false;
        }
        last = name;
        last_score = value;
    }
    return true;
}

static bool pack_has_double(const struct pack *pack)
{
    for (uint32_t at = pack_first(pack); at < pack->end;) {
        struct pack_item name;
        pack_get(pack, at, &name);
        at = pack_next(pack, pack_next(pack, at));
        if (pack_find(pack, at, 2, &name) < pack->end) return true;
    }
    return false;
}

static int decode_pack(struct zset *zset, const struct cache_settings *settings, struct cursor *in)
{
    struct pack *pack = NULL;
    const int rc = pack_decode(zset->heap, in, true, &pack);
    if (rc != 0) return rc;
    heap_free(zset->heap, zset->pack);
    zset->pack = pack;
    if (pack->count == 0 || pack->count % 2 != 0 || !pack_is_ordered(pack)) return KITH_ECORRUPT;
    if (pack->count / 2 > settings->pack_entries_zset) return zset_become_table(zset);
    return pack_has_double(pack) ? KITH_ECORRUPT : 0;
}

static int decode_member(void *value, const struct cache_settings *settings, struct cursor *in)
{
    struct kith_str name;
    double old;
    name.data = (const char *)cursor_bytes(in, &name.len);
    const double score = cursor_f64(in);
    if (cursor_failed(in) || score != score || zset_score(value, name, &old)) return KITH_ECORRUPT;
    return zset_put(value, settings, name, score);
}

static int decode_members(struct zset *zset, const struct cache_settings *settings,
                          struct cursor *in)
{
    int rc = zset_become_table(zset);
    const uint64_t count = cursor_varint(in);
    for (uint64_t i = 0; i < count && rc == 0; i++) rc = decode_member(zset, settings, in);
    if (rc == 0 && zset_count(zset) == 0) rc = KITH_ECORRUPT;
    return rc;
}

static int decode(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                  void **out)
{
    const uint8_t version = cursor_u8(in), form = cursor_u8(in);
    if (cursor_failed(in) || version != ZSET_VERSION || form > ZSET_TABLE) return KITH_ECORRUPT;
    struct zset *zset = zset_new(heap);
    if (!zset) return KITH_ENOMEM;
    const int rc = form == ZSET_TABLE ? decode_members(zset, settings, in)
                                      : decode_pack(zset, settings, in);
    if (rc == 0) *out = zset;
    else zset_free(zset);
    return rc;
}

/* ---- in pieces ---- */

static uint64_t members_of(const void *value)
{
    const struct zset *zset = value;
    return zset->form == ZSET_TABLE ? dict_count(&zset->table->dict) : 0;
}

static struct dict *table_of(void *value) { return &((struct zset *)value)->table->dict; }

static void encode_head(const void *value, struct buffer *out)
{
    (void)value;
    buffer_put_u8(out, ZSET_VERSION);
}

static void encode_member(const void *value, const void *cell, struct buffer *out)
{
    struct zset_member member;
    (void)value;
    zset_member_of_cell(cell, &member);
    buffer_put_bytes(out, member.name.data, member.name.len);
    buffer_put_f64(out, member.score);
}

static int decode_head(struct heap *heap, const struct cache_settings *settings,
                       struct cursor *in, void **out)
{
    (void)settings;
    if (cursor_u8(in) != ZSET_VERSION) return KITH_ECORRUPT;
    struct zset *zset = zset_new(heap);
    if (zset && zset_become_table(zset) == 0) {
        *out = zset;
        return 0;
    }
    zset_free(zset);
    return KITH_ENOMEM;
}

static const struct value_pieces pieces = {
    .members = members_of, .table = table_of, .encode_head = encode_head,
    .encode_member = encode_member, .decode_head = decode_head, .decode_member = decode_member,
};

const struct value_ops zset_ops = {
    .name = "zset", .free = free_value, .parts = parts_of, .bytes = bytes_of,
    .encoding = encoding_of, .encode = encode, .decode = decode, .pieces = &pieces,
};
