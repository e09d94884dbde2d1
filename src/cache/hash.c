/*
 * Hashes: see hash.h.
 *
 *     OFFSET SIZE MEANING (of a cell)
 *     0      1    1: a deadline follows; 0: none
 *     1      8    i64 deadline, only then
 *     ...    n    name, then value: texts as cell.h has them
 *
 * Cells with equal deadlines are ordered by their addresses: any order will do, as long as it
 * stays.
 */
#include "cache/hash.h"

#include "cache/cell.h"
#include "cache/hash_internal.h"

/* ---- cells ---- */

static int64_t cell_deadline(const uint8_t *cell)
{
    return cell[0] ? (int64_t)le64_get(cell + 1) : CACHE_NO_DEADLINE;
}

static struct kith_str cell_name(const void *cell)
{
    const uint8_t *at = cell;
    return cell_text(at + (at[0] ? 9 : 1));
}

static struct kith_str cell_value(const void *cell)
{
    const struct kith_str name = cell_name(cell);
    return cell_text((const uint8_t *)name.data + name.len);
}

static uint8_t *cell_new(struct heap *heap, struct kith_str name, struct kith_str value,
                         int64_t deadline)
{
    const bool timed = deadline != CACHE_NO_DEADLINE;
    if (name.len > CELL_TEXT_MAX || value.len > CELL_TEXT_MAX) return NULL;
    uint8_t *cell = heap_alloc(heap, 1 + (timed ? 8u : 0u) + cell_text_size(name.len) +
                                         cell_text_size(value.len));
    if (!cell) return NULL;
    cell[0] = timed;
    if (timed) le64_put(cell + 1, (uint64_t)deadline);
    cell_text_put(cell_text_put(cell + (timed ? 9 : 1), name), value);
    return cell;
}

void hash_field_of_cell(const void *cell, struct hash_field *out)
{
    out->name = cell_name(cell);
    out->value = cell_value(cell);
    out->deadline = cell_deadline(cell);
}

static int compare_cells(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b ? -1 : (uintptr_t)a > (uintptr_t)b;
}

/* ---- the table ---- */

static struct hash_table *table_new(struct heap *heap)
{
    struct hash_table *table = heap_alloc(heap, sizeof *table);
    if (!table) return NULL;
    dict_init(&table->dict, heap, cell_name, heap->seed);
    order_init(&table->deadlines, heap, compare_cells);
    return table;
}

static void table_free(struct heap *heap, struct hash_table *table)
{
    struct dict_iter it = { 0 };
    void *cell;
    while ((cell = dict_next(&table->dict, &it)) != NULL) heap_free(heap, cell);
    dict_release(&table->dict);
    order_release(&table->deadlines);
    heap_free(heap, table);
}

static void forget_deadline(struct hash_table *table, const uint8_t *cell)
{
    if (cell[0]) order_remove(&table->deadlines, (double)cell_deadline(cell), cell);
}

static int note_deadline(struct hash_table *table, uint8_t *cell)
{
    return cell[0] ? order_add(&table->deadlines, (double)cell_deadline(cell), cell) : 0;
}

static int table_add(struct heap *heap, struct hash_table *table, uint64_t hash,
                     struct kith_str name, struct kith_str value, int64_t deadline)
{
    uint8_t *cell = cell_new(heap, name, value, deadline);
    if (!cell) return KITH_ENOMEM;
    int rc = note_deadline(table, cell);
    if (rc == 0) {
        rc = dict_add(&table->dict, hash, cell);
        if (rc != 0) forget_deadline(table, cell);
    }
    if (rc != 0) heap_free(heap, cell);
    return rc;
}

/* Whether the new value and deadline went into the cell as it is. */
static bool edit_cell(uint8_t *cell, struct kith_str value, int64_t deadline)
{
    const struct kith_str old = cell_value(cell);
    if (old.len != value.len || deadline != cell_deadline(cell)) return false;
    uint8_t *to = cell + ((const uint8_t *)old.data - cell);
    if (value.len) memmove(to, value.data, value.len);
    return true;
}

static int table_set(struct heap *heap, struct hash_table *table, struct kith_str name,
                     struct kith_str value, int64_t deadline, bool *added)
{
    const uint64_t hash = dict_hash(&table->dict, name);
    void **place = dict_find_by(&table->dict, name, hash, cell_name);
    *added = !place;
    if (!place) {
        if (deadline == CACHE_KEEP_DEADLINE) deadline = CACHE_NO_DEADLINE;
        return table_add(heap, table, hash, name, value, deadline);
    }
    uint8_t *old = *place;
    if (deadline == CACHE_KEEP_DEADLINE) deadline = cell_deadline(old);
    dict_touch(&table->dict, hash, old);
    if (edit_cell(old, value, deadline)) return 0;
    uint8_t *cell = cell_new(heap, cell_name(old), value, deadline);
    if (!cell) return KITH_ENOMEM;
    if (note_deadline(table, cell) != 0) {
        heap_free(heap, cell);
        return KITH_ENOMEM;
    }
    forget_deadline(table, old);
    *place = cell;
    heap_free(heap, old);
    return 0;
}

static void table_drop(struct heap *heap, struct hash_table *table, void **place, uint64_t hash)
{
    uint8_t *cell = *place;
    forget_deadline(table, cell);
    dict_remove(&table->dict, hash, place);
    heap_free(heap, cell);
}

/* ---- the packs ---- */

static unsigned stride_of(const struct hash *hash) { return hash->form == HASH_PACK ? 2 : 3; }

/* Fills `out` from the entry at `at`; returns the place behind it. */
static uint32_t pack_field(const struct hash *hash, uint32_t at, struct hash_field *out)
{
    const struct pack *pack = hash->pack;
    out->name = pack_text(pack, at, &out->name_scratch);
    at = pack_next(pack, at);
    out->value = pack_text(pack, at, &out->value_scratch);
    at = pack_next(pack, at);
    out->deadline = CACHE_NO_DEADLINE;
    if (hash->form == HASH_PACK) return at;
    struct pack_item item;
    pack_get(pack, at, &item);
    if (item.integer != 0) out->deadline = item.integer;
    return pack_next(pack, at);
}

static uint32_t pack_lookup(const struct hash *hash, struct kith_str name)
{
    const struct pack_item item = pack_item_of(name);
    return pack_find(hash->pack, pack_first(hash->pack), stride_of(hash), &item);
}

static struct pack_item deadline_item(int64_t deadline)
{
    return pack_item_integer(deadline == CACHE_NO_DEADLINE ? 0 : deadline);
}

static int become_timed(struct hash *hash)
{
    struct pack *pack = pack_new(hash->heap, pack_bytes(hash->pack) + hash->pack->count + 16);
    if (!pack) return KITH_ENOMEM;
    for (uint32_t at = pack_first(hash->pack); at < hash->pack->end;) {
        struct pack_item items[3];
        pack_get(hash->pack, at, &items[0]);
        at = pack_next(hash->pack, at);
        pack_get(hash->pack, at, &items[1]);
        at = pack_next(hash->pack, at);
        items[2] = pack_item_integer(0);
        if (pack_append(hash->heap, &pack, items, 3) == 0) continue;
        heap_free(hash->heap, pack);
        return KITH_ENOMEM;
    }
    heap_free(hash->heap, hash->pack);
    hash->pack = pack;
    hash->form = HASH_TIMED_PACK;
    hash->next = CACHE_NO_DEADLINE;
    return 0;
}

int hash_become_table(struct hash *hash)
{
    struct hash_table *table = table_new(hash->heap);
    if (!table) return KITH_ENOMEM;
    int rc = 0;
    for (uint32_t at = pack_first(hash->pack); at < hash->pack->end && rc == 0;) {
        struct hash_field field;
        at = pack_field(hash, at, &field);
        const uint64_t code = dict_hash(&table->dict, field.name);
        if (dict_find(&table->dict, field.name, code)) rc = KITH_ECORRUPT;
        else rc = table_add(hash->heap, table, code, field.name, field.value, field.deadline);
    }
    if (rc != 0) {
        table_free(hash->heap, table);
        return rc;
    }
    heap_free(hash->heap, hash->pack);
    hash->table = table;
    hash->form = HASH_TABLE;
    return 0;
}

static int pack_set_value(struct hash *hash, uint32_t at, struct kith_str value)
{
    const struct pack_item item = pack_item_of(value);
    at = pack_next(hash->pack, at);
    return pack_replace(hash->heap, &hash->pack, &at, &item);
}

static int pack_set_deadline(struct hash *hash, uint32_t at, int64_t deadline)
{
    const struct pack_item item = deadline_item(deadline);
    at = pack_next(hash->pack, pack_next(hash->pack, at));
    const int rc = pack_replace(hash->heap, &hash->pack, &at, &item);
    if (rc == 0 && deadline < hash->next) hash->next = deadline;
    return rc;
}

static int pack_add(struct hash *hash, struct kith_str name, struct kith_str value,
                    int64_t deadline)
{
    const struct pack_item items[] = { pack_item_of(name), pack_item_of(value),
                                       deadline_item(deadline) };
    const int rc = pack_append(hash->heap, &hash->pack, items, stride_of(hash));
    if (rc == 0 && hash->form == HASH_TIMED_PACK && deadline < hash->next) hash->next = deadline;
    return rc;
}

/* ---- the hash ---- */

struct hash *hash_new(struct heap *heap)
{
    struct hash *hash = heap_zalloc(heap, sizeof *hash);
    if (!hash) return NULL;
    hash->heap = heap;
    hash->next = CACHE_NO_DEADLINE;
    hash->pack = pack_new(heap, 32);
    if (hash->pack) return hash;
    heap_free(heap, hash);
    return NULL;
}

void hash_free(struct hash *hash)
{
    if (!hash) return;
    if (hash->form == HASH_TABLE) table_free(hash->heap, hash->table);
    else heap_free(hash->heap, hash->pack);
    heap_free(hash->heap, hash);
}

uint64_t hash_count(const struct hash *hash)
{
    if (hash->form == HASH_TABLE) return dict_count(&hash->table->dict);
    return hash->pack->count / stride_of(hash);
}

bool hash_get(const struct hash *hash, struct kith_str name, struct hash_field *out)
{
    if (hash->form == HASH_TABLE) {
        const struct dict *dict = &hash->table->dict;
        void **place = dict_find_by(dict, name, dict_hash(dict, name), cell_name);
        if (place) hash_field_of_cell(*place, out);
        return place != NULL;
    }
    const uint32_t at = pack_lookup(hash, name);
    if (at == hash->pack->end) return false;
    pack_field(hash, at, out);
    return true;
}

/* The form that can hold this field and deadline. */
static int make_form(struct hash *hash, const struct cache_settings *settings, bool new,
                     size_t longest, int64_t deadline)
{
    if (hash->form == HASH_TABLE) return 0;
    const uint64_t count = hash_count(hash) + new;
    if (longest > settings->pack_value_hash || count > settings->pack_entries_hash) {
        return hash_become_table(hash);
    }
    const bool timed = deadline != CACHE_NO_DEADLINE && deadline != CACHE_KEEP_DEADLINE;
    return timed && hash->form == HASH_PACK ? become_timed(hash) : 0;
}

/* As hash_set, in a pack. A changed deadline makes a new entry at the end, and then the old one
 * goes: that cannot fail halfway. */
static int pack_set(struct hash *hash, struct kith_str name, struct kith_str value,
                    int64_t deadline, bool *added)
{
    const uint32_t at = pack_lookup(hash, name);
    *added = at == hash->pack->end;
    if (*added) {
        return pack_add(hash, name, value,
                        deadline == CACHE_KEEP_DEADLINE ? CACHE_NO_DEADLINE : deadline);
    }
    if (hash->form == HASH_TIMED_PACK && deadline != CACHE_KEEP_DEADLINE) {
        struct hash_field field;
        pack_field(hash, at, &field);
        if (field.deadline != deadline) {
            uint32_t lead = at - hash->pack->start;
            const int rc = pack_add(hash, name, value, deadline);
            if (rc != 0) return rc;
            lead += hash->pack->start;
            pack_remove(hash->pack, &lead, 3);
            return 0;
        }
    }
    return pack_set_value(hash, at, value);
}

int hash_set(struct hash *hash, const struct cache_settings *settings, struct kith_str name,
             struct kith_str value, int64_t deadline, bool *added)
{
    bool ignored;
    if (!added) added = &ignored;
    *added = false;
    if (hash->form != HASH_TABLE) {
        const bool new = pack_lookup(hash, name) == hash->pack->end;
        const size_t longest = name.len > value.len ? name.len : value.len;
        const int rc = make_form(hash, settings, new, longest, deadline);
        if (rc != 0) return rc;
    }
    if (hash->form == HASH_TABLE) {
        return table_set(hash->heap, hash->table, name, value, deadline, added);
    }
    return pack_set(hash, name, value, deadline, added);
}

int hash_set_deadline(struct hash *hash, struct kith_str name, int64_t deadline)
{
    if (hash->form == HASH_PACK) {
        if (deadline == CACHE_NO_DEADLINE) return 0;
        const int rc = become_timed(hash);
        if (rc != 0) return rc;
    }
    if (hash->form == HASH_TIMED_PACK) {
        const uint32_t at = pack_lookup(hash, name);
        return at == hash->pack->end ? KITH_ENOTFOUND : pack_set_deadline(hash, at, deadline);
    }
    struct hash_field field;
    bool added;
    if (!hash_get(hash, name, &field)) return KITH_ENOTFOUND;
    return table_set(hash->heap, hash->table, name, field.value, deadline, &added);
}

bool hash_remove(struct hash *hash, struct kith_str name)
{
    if (hash->form == HASH_TABLE) {
        const uint64_t code = dict_hash(&hash->table->dict, name);
        void **place = dict_find_by(&hash->table->dict, name, code, cell_name);
        if (place) table_drop(hash->heap, hash->table, place, code);
        return place != NULL;
    }
    uint32_t at = pack_lookup(hash, name);
    if (at == hash->pack->end) return false;
    pack_remove(hash->pack, &at, stride_of(hash));
    return true;
}

/* ---- deadlines ---- */

int64_t hash_next_deadline(const struct hash *hash)
{
    if (hash->form != HASH_TABLE) return hash->next;
    const struct order_key *first = order_key(order_at(&hash->table->deadlines, 0));
    return first ? cell_deadline(first->cell) : CACHE_NO_DEADLINE;
}

static size_t expire_pack(struct hash *hash, int64_t now_ms, size_t max,
                          void (*gone)(void *ctx, struct kith_str name), void *ctx)
{
    size_t count = 0;
    int64_t next = CACHE_NO_DEADLINE;
    for (uint32_t at = pack_first(hash->pack); at < hash->pack->end;) {
        struct hash_field field;
        const uint32_t behind = pack_field(hash, at, &field);
        if (field.deadline <= now_ms && count < max) {
            if (gone) gone(ctx, field.name);
            pack_remove(hash->pack, &at, 3);
            count++;
        } else {
            if (field.deadline < next) next = field.deadline;
            at = behind;
        }
    }
    hash->next = next;
    return count;
}

size_t hash_expire(struct hash *hash, int64_t now_ms, size_t max,
                   void (*gone)(void *ctx, struct kith_str name), void *ctx)
{
    if (hash_next_deadline(hash) > now_ms) return 0;
    if (hash->form != HASH_TABLE) return expire_pack(hash, now_ms, max, gone, ctx);
    size_t count = 0;
    for (; count < max && hash_next_deadline(hash) <= now_ms; count++) {
        void *cell = order_key(order_at(&hash->table->deadlines, 0))->cell;
        const struct kith_str name = cell_name(cell);
        if (gone) gone(ctx, name);
        const uint64_t code = dict_hash(&hash->table->dict, name);
        table_drop(hash->heap, hash->table, dict_place(&hash->table->dict, code, cell), code);
    }
    return count;
}

/* ---- walking ---- */

bool hash_next(const struct hash *hash, struct hash_iter *it, struct hash_field *out)
{
    if (hash->form == HASH_TABLE) {
        const void *cell = dict_next(&hash->table->dict, &it->dict);
        if (cell) hash_field_of_cell(cell, out);
        return cell != NULL;
    }
    if (!it->begun) it->at = pack_first(hash->pack);
    it->begun = true;
    if (it->at >= hash->pack->end) return false;
    it->at = pack_field(hash, it->at, out);
    return true;
}

void hash_random(const struct hash *hash, struct rng *rng, struct hash_field *out)
{
    if (hash->form == HASH_TABLE) {
        hash_field_of_cell(dict_random(&hash->table->dict, rng), out);
        return;
    }
    const uint64_t index = rng_below(rng, hash_count(hash)) * stride_of(hash);
    pack_field(hash, pack_at(hash->pack, (uint32_t)index), out);
}

struct scan {
    void (*fn)(void *ctx, const struct hash_field *field);
    void *ctx;
};

static void scan_cell(void *ctx, void **place)
{
    const struct scan *scan = ctx;
    struct hash_field field;
    hash_field_of_cell(*place, &field);
    scan->fn(scan->ctx, &field);
}

uint64_t hash_scan(const struct hash *hash, uint64_t cursor,
                   void (*fn)(void *ctx, const struct hash_field *field), void *ctx)
{
    if (hash->form == HASH_TABLE) {
        struct scan scan = { fn, ctx };
        return dict_scan(&hash->table->dict, cursor, scan_cell, &scan);
    }
    struct hash_iter it = { 0 };
    struct hash_field field;
    while (hash_next(hash, &it, &field)) fn(ctx, &field);
    return 0;
}
