/*
 * Large values in a snapshot: written in pieces (cache/frozen.h), between which the keyspace lock
 * is let go; and put together again when it is loaded.
 *
 * A value is frozen when the walk comes to it, or when it is about to change, whichever is first;
 * the record that says so has its key and deadline. Pieces of several values may stand between each
 * other's and between other records, told apart by a number. A value that is removed before it is
 * written to its end is kept here until then.
 *
 * Everything under the keyspace lock.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "cache/frozen.h"
#include "redis/keep_internal.h"

#define PIECE_BYTES (16u << 10)

/* ---- writing ---- */

struct keep_large {
    struct keep_large *next;
    struct frozen *frozen; /* owns */
    void *value;           /* borrows; owns when `removed` */
    enum value_type type;
    uint64_t id;
    bool removed;          /* nobody else has the value any more */
};

bool keep_large_begin(struct keep *keep, unsigned db, const struct entry *entry)
{
    struct saving *saving = &keep->saving;
    const enum value_type type = entry_type(entry);
    if (type == VALUE_STRING ||
        !value_is_large(cache_settings(keep->opts.cache), type, entry_value(entry)))
        return false;
    struct keep_large *large = mem_zalloc(sizeof *large);
    if (!large || frozen_begin(type, entry_value(entry), &large->frozen)) {
        mem_free(large);
        return false; /* whole, then */
    }
    large->type = type;
    large->value = entry_value(entry);
    large->id = saving->large_count++;
    large->next = saving->large;
    saving->large = large;
    const struct kith_str key = entry_key(entry);
    buffer_put_u8(&saving->block, RECORD_LARGE);
    buffer_put_varint(&saving->block, large->id);
    buffer_put_varint(&saving->block, db);
    buffer_put_u64(&saving->block, (uint64_t)entry_deadline(entry));
    buffer_put_bytes(&saving->block, key.data, key.len);
    buffer_put_u8(&saving->block, (uint8_t)type);
    buffer_put_varint(&saving->block, frozen_count(large->frozen));
    frozen_head(large->frozen, &saving->block);
    return true;
}

static void end_large(struct keep *keep, struct keep_large *large)
{
    frozen_end(large->frozen);
    if (large->removed) cache_free_kept(keep->opts.cache, large->type, large->value);
    mem_free(large);
}

void keep_large_step(struct keep *keep)
{
    struct saving *saving = &keep->saving;
    struct keep_large *large = saving->large;
    const size_t before = saving->block.len;
    uint32_t count = 0;
    buffer_put_u8(&saving->block, RECORD_PIECE);
    buffer_put_varint(&saving->block, large->id);
    const size_t at = saving->block.len;
    buffer_put_u32(&saving->block, 0);
    const int more = frozen_next(large->frozen, PIECE_BYTES, &saving->block, &count);
    if (!buffer_failed(&saving->block)) {
        if (count) le32_put(saving->block.data + at, count);
        else saving->block.len = before;
    }
    if (more < 0) saving->lost = more;
    if (more > 0) return;
    saving->large = large->next;
    end_large(keep, large);
}

void keep_large_drop(struct keep *keep)
{
    for (struct keep_large *large; (large = keep->saving.large) != NULL;) {
        keep->saving.large = large->next;
        end_large(keep, large);
    }
}

bool keep_keeping(void *ctx, enum value_type type, void *value)
{
    struct keep *keep = ctx;
    (void)type;
    for (struct keep_large *large = keep->saving.large; large; large = large->next) {
        if (large->value != value || large->removed) continue;
        large->removed = true;
        return true;
    }
    return false;
}

/* ---- reading ---- */

struct keep_arriving { /* a value of which not all pieces were read */
    struct keep_arriving *next;
    uint64_t id, members; /* so many are to come */
    unsigned db;
    int64_t deadline;
    char *key; /* owns */
    size_t key_len;
    enum value_type type;
    void *value; /* owns */
};

static void free_arriving(struct keep_arriving *arriving)
{
    if (arriving->value) value_of_type(arriving->type)->free(arriving->value);
    mem_free(arriving->key);
    mem_free(arriving);
}

static int read_large(struct keep *keep, struct keep_arriving *arriving, struct cursor *in)
{
    arriving->id = cursor_varint(in);
    const uint64_t db = cursor_varint(in);
    arriving->deadline = (int64_t)cursor_u64(in);
    const uint8_t *key = cursor_bytes(in, &arriving->key_len);
    arriving->type = (enum value_type)cursor_u8(in);
    arriving->members = cursor_varint(in);
    if (cursor_failed(in) || db >= cache_databases(keep->opts.cache) || arriving->members == 0)
        return KITH_ECORRUPT;
    arriving->db = (unsigned)db;
    arriving->key = mem_alloc(arriving->key_len + 1);
    if (!arriving->key) return KITH_ENOMEM;
    memcpy(arriving->key, key, arriving->key_len);
    return pieces_read_head(keep->opts.cache, arriving->type, in, &arriving->value);
}

int keep_large_arrives(struct keep *keep, struct cursor *in)
{
    struct keep_arriving *arriving = mem_zalloc(sizeof *arriving);
    if (!arriving) return KITH_ENOMEM;
    const int rc = read_large(keep, arriving, in);
    if (rc) {
        free_arriving(arriving);
        return rc;
    }
    arriving->next = keep->arriving;
    keep->arriving = arriving;
    return 0;
}

/* It is whole: under its key. */
static int settle(struct keep *keep, struct keep_arriving **place)
{
    struct keep_arriving *arriving = *place;
    const struct kith_str key = {arriving->key, arriving->key_len};
    void *value = arriving->value;
    arriving->value = NULL;
    const int rc = cache_add_decoded(keep->opts.cache, arriving->db, key, arriving->type, value,
                                     arriving->deadline, NULL);
    *place = arriving->next;
    free_arriving(arriving);
    return rc;
}

int keep_piece_arrives(struct keep *keep, struct cursor *in)
{
    const uint64_t id = cursor_varint(in);
    const uint32_t count = cursor_u32(in);
    struct keep_arriving **place = &keep->arriving;
    while (*place && (*place)->id != id) place = &(*place)->next;
    struct keep_arriving *arriving = *place;
    if (cursor_failed(in) || !arriving || count == 0 || count > arriving->members)
        return KITH_ECORRUPT;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = cursor_left(in) == 0 ? KITH_ECORRUPT
                                  : pieces_read_member(keep->opts.cache, arriving->type,
                                                       arriving->value, in);
    arriving->members -= count;
    return rc == 0 && arriving->members == 0 ? settle(keep, place) : rc;
}

void keep_arriving_drop(struct keep *keep)
{
    for (struct keep_arriving *arriving; (arriving = keep->arriving) != NULL;) {
        keep->arriving = arriving->next;
        free_arriving(arriving);
    }
}
