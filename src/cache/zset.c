/*
 * Sorted sets: see zset.h.
 *
 *     OFFSET SIZE MEANING (of a cell)
 *     0      8    f64 score
 *     8      n    name, a text as cell.h has it
 */
#include "cache/zset.h"

#include "cache/cell.h"
#include "cache/zset_internal.h"

/* ---- cells ---- */

static struct kith_str cell_name(const void *cell) { return cell_text((const uint8_t *)cell + 8); }

static double cell_score(const void *cell) { return lef64_get(cell); }

static int compare_cells(const void *a, const void *b)
{
    return text_compare(cell_name(a), cell_name(b));
}

void zset_member_of_cell(const void *cell, struct zset_member *out)
{
    out->name = cell_name(cell);
    out->score = cell_score(cell);
}

/* ---- the table ---- */

static struct zset_table *table_new(struct heap *heap)
{
    struct zset_table *table = heap_alloc(heap, sizeof *table);
    if (!table) return NULL;
    dict_init(&table->dict, heap, cell_name, heap->seed);
    order_init(&table->order, heap, compare_cells);
    return table;
}

static void table_free(struct heap *heap, struct zset_table *table)
{
    order_release(&table->order);
    struct dict_iter it = { 0 };
    void *cell;
    while ((cell = dict_next(&table->dict, &it)) != NULL) heap_free(heap, cell);
    dict_release(&table->dict);
    heap_free(heap, table);
}

static int table_add(struct heap *heap, struct zset_table *table, uint64_t hash,
                     struct kith_str name, double score)
{
    if (name.len > CELL_TEXT_MAX) return KITH_ENOMEM;
    uint8_t *cell = heap_alloc(heap, 8 + cell_text_size(name.len));
    if (!cell) return KITH_ENOMEM;
    lef64_put(cell, score);
    cell_text_put(cell + 8, name);
    int rc = order_add(&table->order, score, cell);
    if (rc == 0) {
        rc = dict_add(&table->dict, hash, cell);
        if (rc != 0) order_remove(&table->order, score, cell);
    }
    if (rc != 0) heap_free(heap, cell);
    return rc;
}

static int table_put(struct zset *zset, struct kith_str name, double score)
{
    struct zset_table *table = zset->table;
    const uint64_t hash = dict_hash(&table->dict, name);
    void **place = dict_find_by(&table->dict, name, hash, cell_name);
    if (!place) return table_add(zset->heap, table, hash, name, score);
    void *cell = *place;
    const double old = cell_score(cell);
    if (old == score) return 0;
    const int rc = order_add(&table->order, score, cell);
    if (rc != 0) return rc;
    order_remove(&table->order, old, cell);
    dict_touch(&table->dict, hash, cell);
    lef64_put(cell, score);
    return 0;
}

static void table_drop(struct zset *zset, void **place, uint64_t hash)
{
    void *cell = *place;
    order_remove(&zset->table->order, cell_score(cell), cell);
    dict_remove(&zset->table->dict, hash, place);
    heap_free(zset->heap, cell);
}

/* ---- the pack ---- */

/* Fills `out` from the entry at `at`; returns the place behind it. */
static uint32_t pack_member(const struct pack *pack, uint32_t at, struct zset_member *out)
{
    struct pack_item score;
    out->name = pack_text(pack, at, &out->scratch);
    at = pack_next(pack, at);
    pack_get(pack, at, &score);
    out->score = pack_item_number(&score);
    return pack_next(pack, at);
}

static uint32_t pack_lookup(const struct pack *pack, struct kith_str name)
{
    const struct pack_item item = pack_item_of(name);
    return pack_find(pack, pack_first(pack), 2, &item);
}

static double pack_score(const struct pack *pack, uint32_t at)
{
    struct pack_item score;
    pack_get(pack, pack_next(pack, at), &score);
    return pack_item_number(&score);
}

/* Where (score, name) stands or would stand. */
static uint32_t pack_slot(const struct pack *pack, struct kith_str name, double score)
{
    uint32_t at = pack_first(pack);
    while (at < pack->end) {
        struct zset_member member;
        const uint32_t behind = pack_member(pack, at, &member);
        if (member.score > score) break;
        if (member.score == score && text_compare(member.name, name) >= 0) break;
        at = behind;
    }
    return at;
}

static int pack_put(struct zset *zset, struct kith_str name, double score)
{
    const struct pack_item items[] = { pack_item_of(name), pack_item_real(score) };
    uint32_t at = pack_slot(zset->pack, name, score);
    const uint32_t old = pack_lookup(zset->pack, name);
    const bool there = old < zset->pack->end;
    if (there && pack_score(zset->pack, old) == score) return 0;
    uint32_t lead = old - zset->pack->start;
    const bool shifted = old >= at;
    const size_t added = pack_item_bytes(&items[0]) + pack_item_bytes(&items[1]);
    const int rc = pack_insert(zset->heap, &zset->pack, &at, items, 2);
    if (rc != 0 || !there) return rc;
    lead += zset->pack->start + (shifted ? (uint32_t)added : 0);
    pack_remove(zset->pack, &lead, 2);
    return 0;
}

int zset_become_table(struct zset *zset)
{
    struct zset_table *table = table_new(zset->heap);
    if (!table) return KITH_ENOMEM;
    int rc = 0;
    for (uint32_t at = pack_first(zset->pack); at < zset->pack->end && rc == 0;) {
        struct zset_member member;
        at = pack_member(zset->pack, at, &member);
        const uint64_t hash = dict_hash(&table->dict, member.name);
        if (dict_find(&table->dict, member.name, hash)) rc = KITH_ECORRUPT;
        else rc = table_add(zset->heap, table, hash, member.name, member.score);
    }
    if (rc != 0) {
        table_free(zset->heap, table);
        return rc;
    }
    heap_free(zset->heap, zset->pack);
    zset->table = table;
    zset->form = ZSET_TABLE;
    return 0;
}

/* ---- the set ---- */

struct zset *zset_new(struct heap *heap)
{
    struct zset *zset = heap_zalloc(heap, sizeof *zset);
    if (!zset) return NULL;
    zset->heap = heap;
    zset->pack = pack_new(heap, 32);
    if (zset->pack) return zset;
    heap_free(heap, zset);
    return NULL;
}

void zset_free(struct zset *zset)
{
    if (!zset) return;
    if (zset->form == ZSET_TABLE) table_free(zset->heap, zset->table);
    else heap_free(zset->heap, zset->pack);
    heap_free(zset->heap, zset);
}

uint64_t zset_count(const struct zset *zset)
{
    return zset->form == ZSET_TABLE ? dict_count(&zset->table->dict) : zset->pack->count / 2;
}

bool zset_score(const struct zset *zset, struct kith_str name, double *score)
{
    if (zset->form == ZSET_TABLE) {
        const struct dict *dict = &zset->table->dict;
        void **place = dict_find_by(dict, name, dict_hash(dict, name), cell_name);
        if (place) *score = cell_score(*place);
        return place != NULL;
    }
    const uint32_t at = pack_lookup(zset->pack, name);
    if (at == zset->pack->end) return false;
    *score = pack_score(zset->pack, at);
    return true;
}

int zset_put(struct zset *zset, const struct cache_settings *settings, struct kith_str name,
             double score)
{
    score += 0.0; /* -0 becomes 0 */
    if (zset->form == ZSET_PACK && (name.len > settings->pack_value_zset ||
                                    zset->pack->count / 2 >= settings->pack_entries_zset)) {
        double old;
        const int rc = zset_score(zset, name, &old) ? 0 : zset_become_table(zset);
        if (rc != 0) return rc;
    }
    return zset->form == ZSET_TABLE ? table_put(zset, name, score) : pack_put(zset, name, score);
}

bool zset_remove(struct zset *zset, struct kith_str name)
{
    if (zset->form == ZSET_TABLE) {
        const uint64_t hash = dict_hash(&zset->table->dict, name);
        void **place = dict_find_by(&zset->table->dict, name, hash, cell_name);
        if (place) table_drop(zset, place, hash);
        return place != NULL;
    }
    uint32_t at = pack_lookup(zset->pack, name);
    if (at == zset->pack->end) return false;
    pack_remove(zset->pack, &at, 2);
    return true;
}

void zset_cut(struct zset *zset, uint64_t first, uint64_t count)
{
    const uint64_t all = zset_count(zset);
    if (first >= all) return;
    if (count > all - first) count = all - first;
    if (zset->form == ZSET_PACK) {
        uint32_t at = pack_at(zset->pack, (uint32_t)first * 2);
        pack_remove(zset->pack, &at, (uint32_t)count * 2);
        return;
    }
    struct zset_table *table = zset->table;
    for (; count > 0; count--) {
        void *cell = order_key(order_at(&table->order, first))->cell;
        const uint64_t hash = dict_hash(&table->dict, cell_name(cell));
        table_drop(zset, dict_place(&table->dict, hash, cell), hash);
    }
}

bool zset_rank(const struct zset *zset, struct kith_str name, uint64_t *rank, double *score)
{
    if (zset->form == ZSET_TABLE) {
        const struct dict *dict = &zset->table->dict;
        void **place = dict_find_by(dict, name, dict_hash(dict, name), cell_name);
        if (!place) return false;
        *score = cell_score(*place);
        *rank = order_rank(&zset->table->order, *score, *place);
        return true;
    }
    const struct pack *pack = zset->pack;
    const struct pack_item item = pack_item_of(name);
    uint64_t seen = 0;
    for (uint32_t at = pack_first(pack); at < pack->end; seen++) {
        if (pack_equals(pack, at, &item)) {
            *rank = seen;
            *score = pack_score(pack, at);
            return true;
        }
        at = pack_next(pack, pack_next(pack, at));
    }
    return false;
}

/* ---- bounds ---- */

struct bound {
    double score;
    struct kith_str text;
    bool past;
};

static bool below_score(const void *ctx, const struct order_key *key)
{
    const struct bound *bound = ctx;
    return bound->past ? key->score <= bound->score : key->score < bound->score;
}

static bool text_below(const struct bound *bound, struct kith_str text)
{
    const int order = text_compare(text, bound->text);
    return bound->past ? order <= 0 : order < 0;
}

static bool below_text(const void *ctx, const struct order_key *key)
{
    return text_below(ctx, cell_name(key->cell));
}

uint64_t zset_below_score(const struct zset *zset, double score, bool past)
{
    const struct bound bound = { .score = score, .past = past };
    if (zset->form == ZSET_TABLE) {
        return order_count_while(&zset->table->order, below_score, &bound);
    }
    uint64_t count = 0;
    for (uint32_t at = pack_first(zset->pack); at < zset->pack->end; count++) {
        const struct order_key key = { pack_score(zset->pack, at), NULL };
        if (!below_score(&bound, &key)) break;
        at = pack_next(zset->pack, pack_next(zset->pack, at));
    }
    return count;
}

uint64_t zset_below_text(const struct zset *zset, struct kith_str text, bool past)
{
    const struct bound bound = { .text = text, .past = past };
    if (zset->form == ZSET_TABLE) {
        return order_count_while(&zset->table->order, below_text, &bound);
    }
    uint64_t count = 0;
    for (uint32_t at = pack_first(zset->pack); at < zset->pack->end; count++) {
        struct zset_member member;
        at = pack_member(zset->pack, at, &member);
        if (!text_below(&bound, member.name)) break;
    }
    return count;
}

/* ---- walking ---- */

void zset_walk_from(struct zset_walk *walk, const struct zset *zset, uint64_t rank, bool backwards)
{
    *walk = (struct zset_walk){ .zset = zset, .backwards = backwards };
    walk->over = rank >= zset_count(zset);
    if (walk->over) return;
    if (zset->form == ZSET_TABLE) walk->place = order_at(&zset->table->order, rank);
    else walk->at = pack_at(zset->pack, (uint32_t)rank * 2);
}

static void walk_pack(struct zset_walk *walk, struct zset_member *out)
{
    const struct pack *pack = walk->zset->pack;
    const uint32_t behind = pack_member(pack, walk->at, out);
    if (!walk->backwards) {
        walk->at = behind;
        walk->over = behind >= pack->end;
    } else if (walk->at == pack_first(pack)) {
        walk->over = true;
    } else {
        walk->at = pack_previous(pack, pack_previous(pack, walk->at));
    }
}

bool zset_walk_next(struct zset_walk *walk, struct zset_member *out)
{
    if (walk->over) return false;
    if (walk->zset->form == ZSET_PACK) {
        walk_pack(walk, out);
        return true;
    }
    zset_member_of_cell(order_key(walk->place)->cell, out);
    walk->place = walk->backwards ? order_previous(walk->place) : order_next(walk->place);
    const struct order_key *next = order_key(walk->place);
    walk->over = !next;
    if (next) __builtin_prefetch(next->cell);
    return true;
}

void zset_random(const struct zset *zset, struct rng *rng, struct zset_member *out)
{
    if (zset->form == ZSET_TABLE) {
        zset_member_of_cell(dict_random(&zset->table->dict, rng), out);
        return;
    }
    const uint64_t index = rng_below(rng, zset_count(zset)) * 2;
    pack_member(zset->pack, pack_at(zset->pack, (uint32_t)index), out);
}

struct scan {
    void (*fn)(void *ctx, const struct zset_member *member);
    void *ctx;
};

static void scan_cell(void *ctx, void **place)
{
    const struct scan *scan = ctx;
    struct zset_member member;
    zset_member_of_cell(*place, &member);
    scan->fn(scan->ctx, &member);
}

uint64_t zset_scan(const struct zset *zset, uint64_t cursor,
                   void (*fn)(void *ctx, const struct zset_member *member), void *ctx)
{
    if (zset->form == ZSET_TABLE) {
        struct scan scan = { fn, ctx };
        return dict_scan(&zset->table->dict, cursor, scan_cell, &scan);
    }
    for (uint32_t at = pack_first(zset->pack); at < zset->pack->end;) {
        struct zset_member member;
        at = pack_member(zset->pack, at, &member);
        fn(ctx, &member);
    }
    return 0;
}
