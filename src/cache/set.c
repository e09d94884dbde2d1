/*
 * Sets: see set.h. The integers of an intset become a pack when the first other text comes and both
 * limits of a pack hold, else a table.
 */
#include "cache/set.h"

#include "cache/cell.h"

static struct kith_str member_key(const void *cell) { return cell_text(cell); }

struct set *set_new(struct heap *heap)
{
    struct set *set = heap_zalloc(heap, sizeof *set);
    if (!set) return NULL;
    set->heap = heap;
    set->ints = intset_new(heap);
    if (set->ints) return set;
    heap_free(heap, set);
    return NULL;
}

static void free_dict(struct heap *heap, struct dict *dict)
{
    struct dict_iter it = { 0 };
    void *cell;
    while ((cell = dict_next(dict, &it)) != NULL) heap_free(heap, cell);
    dict_release(dict);
    heap_free(heap, dict);
}

void set_free(struct set *set)
{
    if (!set) return;
    if (set->form == SET_INTS) heap_free(set->heap, set->ints);
    else if (set->form == SET_PACK) heap_free(set->heap, set->pack);
    else free_dict(set->heap, set->dict);
    heap_free(set->heap, set);
}

uint64_t set_count(const struct set *set)
{
    if (set->form == SET_INTS) return set->ints->count;
    return set->form == SET_PACK ? set->pack->count : dict_count(set->dict);
}

bool set_has(const struct set *set, struct kith_str member)
{
    if (set->form == SET_DICT) {
        return dict_find_by(set->dict, member, dict_hash(set->dict, member), member_key) != NULL;
    }
    const struct pack_item item = pack_item_of(member);
    uint32_t index;
    if (set->form == SET_INTS) {
        return item.kind == PACK_INTEGER && intset_find(set->ints, item.integer, &index);
    }
    return pack_find(set->pack, pack_first(set->pack), 1, &item) < set->pack->end;
}

/* ---- adding ---- */

static int dict_put(struct heap *heap, struct dict *dict, struct kith_str member)
{
    if (member.len > CELL_TEXT_MAX) return KITH_ENOMEM;
    uint8_t *cell = heap_alloc(heap, cell_text_size(member.len));
    if (!cell) return KITH_ENOMEM;
    cell_text_put(cell, member);
    const int rc = dict_add(dict, dict_hash(dict, member), cell);
    if (rc != 0) heap_free(heap, cell);
    return rc;
}

static int become_dict(struct set *set)
{
    struct dict *dict = heap_alloc(set->heap, sizeof *dict);
    if (!dict) return KITH_ENOMEM;
    dict_init(dict, set->heap, member_key, set->heap->seed);
    struct set_iter it = { 0 };
    struct kith_str member;
    while (set_next(set, &it, &member)) {
        if (dict_put(set->heap, dict, member) == 0) continue;
        free_dict(set->heap, dict);
        return KITH_ENOMEM;
    }
    if (set->form == SET_INTS) heap_free(set->heap, set->ints);
    else heap_free(set->heap, set->pack);
    set->dict = dict;
    set->form = SET_DICT;
    return 0;
}

static int become_pack(struct set *set)
{
    struct pack *pack = pack_new(set->heap, (size_t)set->ints->count * 4 + 16);
    if (!pack) return KITH_ENOMEM;
    for (uint32_t i = 0; i < set->ints->count; i++) {
        const struct pack_item item = pack_item_integer(intset_at(set->ints, i));
        if (pack_append(set->heap, &pack, &item, 1) == 0) continue;
        heap_free(set->heap, pack);
        return KITH_ENOMEM;
    }
    heap_free(set->heap, set->ints);
    set->pack = pack;
    set->form = SET_PACK;
    return 0;
}

/* The longest text of an integer that is there: the least or the greatest one's. */
static size_t longest_integer(const struct intset *ints)
{
    if (ints->count == 0) return 0;
    struct pack_item low = pack_item_integer(intset_at(ints, 0));
    struct pack_item high = pack_item_integer(intset_at(ints, ints->count - 1));
    const size_t a = pack_item_text(&low).len, b = pack_item_text(&high).len;
    return a > b ? a : b;
}

/* The form that can take one more member. */
static int make_form(struct set *set, const struct cache_settings *settings,
                     const struct pack_item *item, size_t len)
{
    const bool fits = set_count(set) < settings->pack_entries_set &&
                      len <= settings->pack_value_set;
    if (set->form == SET_PACK) return fits ? 0 : become_dict(set);
    if (item->kind == PACK_INTEGER) {
        return set->ints->count < settings->intset_entries ? 0 : become_dict(set);
    }
    return fits && longest_integer(set->ints) <= settings->pack_value_set ? become_pack(set)
                                                                         : become_dict(set);
}

int set_add(struct set *set, const struct cache_settings *settings, struct kith_str member,
            bool *added)
{
    *added = false;
    if (set_has(set, member)) return 0;
    const struct pack_item item = pack_item_of(member);
    int rc = set->form == SET_DICT ? 0 : make_form(set, settings, &item, member.len);
    if (rc != 0) return rc;
    bool new = true;
    if (set->form == SET_INTS) {
        rc = intset_add(set->heap, &set->ints, item.integer, &new);
    } else if (set->form == SET_PACK) {
        rc = pack_append(set->heap, &set->pack, &item, 1);
    } else {
        rc = dict_put(set->heap, set->dict, member);
    }
    if (rc == 0) *added = true;
    return rc;
}

bool set_remove(struct set *set, struct kith_str member)
{
    if (set->form == SET_DICT) {
        const uint64_t hash = dict_hash(set->dict, member);
        void **place = dict_find_by(set->dict, member, hash, member_key);
        if (!place) return false;
        void *cell = *place;
        dict_remove(set->dict, hash, place);
        heap_free(set->heap, cell);
        return true;
    }
    const struct pack_item item = pack_item_of(member);
    if (set->form == SET_INTS) {
        return item.kind == PACK_INTEGER && intset_remove(set->ints, item.integer);
    }
    uint32_t at = pack_find(set->pack, pack_first(set->pack), 1, &item);
    if (at == set->pack->end) return false;
    pack_remove(set->pack, &at, 1);
    return true;
}

/* ---- walking ---- */

bool set_next(const struct set *set, struct set_iter *it, struct kith_str *member)
{
    if (set->form == SET_DICT) {
        const void *cell = dict_next(set->dict, &it->dict);
        if (!cell) return false;
        *member = cell_text(cell);
        return true;
    }
    if (it->index >= set_count(set)) return false;
    if (set->form == SET_INTS) {
        it->item = pack_item_integer(intset_at(set->ints, (uint32_t)it->index));
        *member = pack_item_text(&it->item);
    } else {
        if (it->index == 0) it->at = pack_first(set->pack);
        *member = pack_text(set->pack, it->at, &it->item);
        it->at = pack_next(set->pack, it->at);
    }
    it->index++;
    return true;
}

struct kith_str set_random(const struct set *set, struct rng *rng, struct pack_item *scratch)
{
    if (set->form == SET_DICT) return cell_text(dict_random(set->dict, rng));
    const uint32_t index = (uint32_t)rng_below(rng, set_count(set));
    if (set->form == SET_PACK) return pack_text(set->pack, pack_at(set->pack, index), scratch);
    *scratch = pack_item_integer(intset_at(set->ints, index));
    return pack_item_text(scratch);
}

struct scan {
    void (*fn)(void *ctx, struct kith_str member);
    void *ctx;
};

static void scan_cell(void *ctx, void **place)
{
    const struct scan *scan = ctx;
    scan->fn(scan->ctx, cell_text(*place));
}

uint64_t set_scan(const struct set *set, uint64_t cursor,
                  void (*fn)(void *ctx, struct kith_str member), void *ctx)
{
    if (set->form == SET_DICT) {
        struct scan scan = { fn, ctx };
        return dict_scan(set->dict, cursor, scan_cell, &scan);
    }
    struct set_iter it = { 0 };
    struct kith_str member;
    while (set_next(set, &it, &member)) fn(ctx, member);
    return 0;
}

/* ---- as a value ---- */

enum { SET_VERSION = 1 };

static void free_value(void *value) { set_free(value); }

static size_t parts_of(const void *value)
{
    const struct set *set = value;
    return set->form == SET_DICT ? 2 + dict_count(set->dict) : 2;
}

static size_t bytes_of(const void *value)
{
    const struct set *set = value;
    if (set->form == SET_INTS) return heap_size(set) + heap_size(set->ints);
    if (set->form == SET_PACK) return heap_size(set) + heap_size(set->pack);
    return heap_size(set) + heap_size(set->dict) + dict_bytes(set->dict) +
           dict_element_bytes(set->dict);
}

static const char *encoding_of(const struct cache_settings *settings, const void *value)
{
    static const char *const names[] = { "intset", "listpack", "hashtable" };
    (void)settings;
    return names[((const struct set *)value)->form];
}

static void encode_member(const void *value, const void *cell, struct buffer *out)
{
    const struct kith_str member = cell_text(cell);
    (void)value;
    buffer_put_bytes(out, member.data, member.len);
}

/* u8 version, u8 form, then an intset, a pack, or a varint count and the members */
static void encode(const void *value, struct buffer *out)
{
    const struct set *set = value;
    buffer_put_u8(out, SET_VERSION);
    buffer_put_u8(out, (uint8_t)set->form);
    if (set->form == SET_INTS) {
        intset_encode(set->ints, out);
    } else if (set->form == SET_PACK) {
        pack_encode(set->pack, out);
    } else {
        buffer_put_varint(out, dict_count(set->dict));
        struct dict_iter it = { 0 };
        const void *cell;
        while ((cell = dict_next(set->dict, &it)) != NULL) encode_member(set, cell, out);
    }
}

static int decode_member(void *value, const struct cache_settings *settings, struct cursor *in)
{
    struct set *set = value;
    struct kith_str member;
    (void)settings;
    member.data = (const char *)cursor_bytes(in, &member.len);
    if (!member.data || set_has(set, member)) return KITH_ECORRUPT;
    return dict_put(set->heap, set->dict, member);
}

static int decode_members(struct set *set, struct cursor *in)
{
    int rc = become_dict(set);
    const uint64_t count = cursor_varint(in);
    for (uint64_t i = 0; i < count && rc == 0; i++) rc = decode_member(set, NULL, in);
    return rc;
}

static int decode_form(struct set *set, const struct cache_settings *settings, uint8_t form,
                       struct cursor *in)
{
    if (form == SET_DICT) return decode_members(set, in);
    if (form == SET_INTS) {
        struct intset *ints = NULL;
        const int rc = intset_decode(set->heap, in, &ints);
        if (rc != 0) return rc;
        heap_free(set->heap, set->ints);
        set->ints = ints;
        return ints->count > settings->intset_entries ? become_dict(set) : 0;
    }
    struct pack *pack = NULL;
    const int rc = pack_decode(set->heap, in, false, &pack);
    if (rc != 0) return rc;
    heap_free(set->heap, set->ints);
    set->pack = pack;
    set->form = SET_PACK;
    return 0;
}

/* A pack is small, and stays one only while no member occurs twice. */
static int check_pack(struct set *set, const struct cache_settings *settings)
{
    struct set *copy = set_new(set->heap);
    if (!copy) return KITH_ENOMEM;
    struct set_iter it = { 0 };
    struct kith_str member;
    bool added = true;
    int rc = set->pack->count > settings->pack_entries_set ? become_dict(copy) : 0;
    while (rc == 0 && set_next(set, &it, &member)) {
        rc = set_add(copy, settings, member, &added);
        if (rc == 0 && !added) rc = KITH_ECORRUPT;
    }
    if (rc == 0 && copy->form == SET_DICT) { /* the limits are lower than they were */
        const struct set old = *set;
        *set = *copy;
        *copy = old;
    }
    set_free(copy);
    return rc;
}

static int decode(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                  void **out)
{
    const uint8_t version = cursor_u8(in), form = cursor_u8(in);
    if (cursor_failed(in) || version != SET_VERSION || form > SET_DICT) return KITH_ECORRUPT;
    struct set *set = set_new(heap);
    if (!set) return KITH_ENOMEM;
    int rc = decode_form(set, settings, form, in);
    if (rc == 0 && set->form == SET_PACK) rc = check_pack(set, settings);
    if (rc == 0 && set_count(set) == 0) rc = KITH_ECORRUPT;
    if (rc == 0) *out = set;
    else set_free(set);
    return rc;
}

/* ---- in pieces ---- */

static uint64_t members_of(const void *value)
{
    const struct set *set = value;
    return set->form == SET_DICT ? dict_count(set->dict) : 0;
}

static struct dict *table_of(void *value) { return ((struct set *)value)->dict; }

static void encode_head(const void *value, struct buffer *out)
{
    (void)value;
    buffer_put_u8(out, SET_VERSION);
}

static int decode_head(struct heap *heap, const struct cache_settings *settings,
                       struct cursor *in, void **out)
{
    (void)settings;
    if (cursor_u8(in) != SET_VERSION) return KITH_ECORRUPT;
    struct set *set = set_new(heap);
    if (set && become_dict(set) == 0) {
        *out = set;
        return 0;
    }
    set_free(set);
    return KITH_ENOMEM;
}

static const struct value_pieces pieces = {
    .members = members_of, .table = table_of, .encode_head = encode_head,
    .encode_member = encode_member, .decode_head = decode_head, .decode_member = decode_member,
};

const struct value_ops set_ops = {
    .name = "set", .free = free_value, .parts = parts_of, .bytes = bytes_of,
    .encoding = encoding_of, .encode = encode, .decode = decode, .pieces = &pieces,
};
