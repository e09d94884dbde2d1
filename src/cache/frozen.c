/*
 * See frozen.h.
 *
 * Invariant of a table: every member of the instant is written already, or is in `early`, or is in
 * the table as it was and neither scanned nor remembered.
 */
#include "cache/frozen.h"

#include "base/alloc.h"
#include "cache/cell.h"
#include "cache/dict.h"
#include "cache/list_row.h"

#define PACK_WEIGHT 16u /* a pack is as much work as so many members */

struct frozen {
    enum value_type type;
    void *value; /* borrows */
    const struct value_pieces *pieces;
    uint64_t count, given;
    bool failed;

    struct dict *table; /* borrows; NULL: a list */
    struct dict_watch watch;
    uint64_t cursor;
    bool scanned;        /* to the end */
    struct heap heap;    /* what is remembered is not the keyspace's */
    struct dict changed; /* owns: cells (cell.h) of names */
    struct buffer early; /* members that were about to change */
    uint32_t early_count;

    struct list_row *row; /* owns; of a list */
};

bool value_is_large(const struct cache_settings *settings, enum value_type type,
                    const void *value)
{
    const struct value_ops *ops = type == VALUE_STRING ? NULL : value_of_type(type);
    if (!ops || !ops->pieces) return false;
    const uint64_t weight = ops->pieces->table ? 1 : PACK_WEIGHT;
    return ops->pieces->members(value) > settings->piece_members / weight;
}

/* ---- the watch ---- */

static struct kith_str name_of_cell(const void *cell) { return cell_text(cell); }

static void remember(struct frozen *frozen, uint64_t hash, struct kith_str name)
{
    uint8_t *cell = heap_alloc(&frozen->heap, cell_text_size(name.len));
    if (cell) {
        cell_text_put(cell, name);
        if (dict_add(&frozen->changed, hash, cell) == 0) return;
    }
    heap_free(&frozen->heap, cell);
    frozen->failed = true;
}

static bool is_remembered(const struct frozen *frozen, uint64_t hash, struct kith_str name)
{
    return dict_find_by(&frozen->changed, name, hash, name_of_cell) != NULL;
}

static void changing(void *ctx, uint64_t hash, const void *member, bool added)
{
    struct frozen *frozen = ctx;
    if (frozen->scanned || dict_scanned(frozen->table, frozen->cursor, hash)) return;
    const struct kith_str name = frozen->table->key(member);
    if (is_remembered(frozen, hash, name)) return;
    if (!added) {
        frozen->pieces->encode_member(frozen->value, member, &frozen->early);
        frozen->early_count++;
    }
    remember(frozen, hash, name);
}

/* ---- life ---- */

static int begin_table(struct frozen *frozen)
{
    frozen->table = frozen->pieces->table(frozen->value);
    dict_init(&frozen->changed, &frozen->heap, name_of_cell, frozen->table->seed);
    frozen->watch = (struct dict_watch){changing, frozen};
    frozen->table->watch = &frozen->watch;
    return 0;
}

static int begin_list(struct frozen *frozen)
{
    frozen->row = list_row_new(frozen->value);
    return frozen->row ? 0 : KITH_ENOMEM;
}

int frozen_begin(enum value_type type, void *value, struct frozen **out)
{
    struct frozen *frozen = mem_zalloc(sizeof *frozen);
    if (!frozen) return KITH_ENOMEM;
    frozen->type = type;
    frozen->value = value;
    frozen->pieces = value_of_type(type)->pieces;
    frozen->count = frozen->pieces->members(value);
    const int rc = frozen->pieces->table ? begin_table(frozen) : begin_list(frozen);
    if (rc) mem_free(frozen);
    else *out = frozen;
    return rc;
}

void frozen_end(struct frozen *frozen)
{
    struct dict_iter it = {0};
    if (!frozen) return;
    if (frozen->table) frozen->table->watch = NULL;
    for (void *cell; frozen->table && (cell = dict_next(&frozen->changed, &it)) != NULL;)
        heap_free(&frozen->heap, cell);
    if (frozen->table) dict_release(&frozen->changed);
    list_row_free(frozen->row);
    buffer_release(&frozen->early);
    mem_free(frozen);
}

const void *frozen_value(const struct frozen *frozen) { return frozen->value; }
enum value_type frozen_type(const struct frozen *frozen) { return frozen->type; }
uint64_t frozen_count(const struct frozen *frozen) { return frozen->count; }

void frozen_head(const struct frozen *frozen, struct buffer *out)
{
    frozen->pieces->encode_head(frozen->value, out);
}

/* ---- pieces ---- */

struct visit {
    struct frozen *frozen;
    struct buffer *out;
    uint32_t *count;
};

static void visit(void *ctx, void **place)
{
    const struct visit *visit = ctx;
    struct frozen *frozen = visit->frozen;
    if (frozen->changed.count > 0) {
        const struct kith_str name = frozen->table->key(*place);
        if (is_remembered(frozen, dict_hash(frozen->table, name), name)) return;
    }
    frozen->pieces->encode_member(frozen->value, *place, visit->out);
    ++*visit->count;
}

static void put_early(struct frozen *frozen, struct buffer *out, uint32_t *count)
{
    if (buffer_failed(&frozen->early)) frozen->failed = true;
    buffer_put(out, frozen->early.data, frozen->early.len);
    *count += frozen->early_count;
    frozen->early_count = 0;
    buffer_clear(&frozen->early);
}

static bool next_of_table(struct frozen *frozen, size_t until, struct buffer *out,
                          uint32_t *count)
{
    struct visit call = {frozen, out, count};
    if (frozen->early_count) put_early(frozen, out, count);
    while (!frozen->scanned && out->len < until && !buffer_failed(out)) {
        frozen->cursor = dict_scan(frozen->table, frozen->cursor, visit, &call);
        frozen->scanned = frozen->cursor == 0;
    }
    return !frozen->scanned;
}

static bool next_of_list(struct frozen *frozen, size_t until, struct buffer *out, uint32_t *count)
{
    while (out->len < until && !frozen->row->lost && !buffer_failed(out)) {
        const struct pack *pack = list_row_next(frozen->row);
        if (!pack) return false;
        frozen->pieces->encode_member(frozen->value, pack, out);
        ++*count;
    }
    return true;
}

int frozen_next(struct frozen *frozen, size_t bytes, struct buffer *out, uint32_t *count)
{
    *count = 0;
    const size_t until = out->len + bytes;
    const bool more = frozen->table ? next_of_table(frozen, until, out, count)
                                    : next_of_list(frozen, until, out, count);
    frozen->given += *count;
    if (frozen->failed || buffer_failed(out) || (frozen->row && frozen->row->lost))
        return KITH_ENOMEM;
    if (!more && frozen->given != frozen->count) return KITH_ECORRUPT;
    return more;
}

int pieces_read_head(struct cache *cache, enum value_type type, struct cursor *in, void **value)
{
    const struct value_ops *ops = type < VALUE_TYPES ? value_of_type(type) : NULL;
    if (!ops || !ops->pieces) return KITH_ECORRUPT;
    return ops->pieces->decode_head(cache_heap(cache), cache_settings(cache), in, value);
}

int pieces_read_member(struct cache *cache, enum value_type type, void *value, struct cursor *in)
{
    return value_of_type(type)->pieces->decode_member(value, cache_settings(cache), in);
}
