/*
 * Lists: see list.h. The row of nodes is an array with free room at both ends; when one end is
 * reached it is moved to the middle, or doubled when it is more than half full.
 */
#include "cache/list.h"

#include <string.h>

#include "cache/list_row.h"

#define PACK_ROOM_MIN 32u

/* ---- limits ---- */

/* Negative sizes are -1: 4 KiB, -2: 8 KiB ... -5: 64 KiB. */
static size_t bytes_limit(const struct cache_settings *settings)
{
    const int64_t size = settings->list_pack_size;
    if (size >= 0) return 8192; /* counted in elements, but never more bytes than this */
    return (size_t)4096 << (size < -5 ? 4 : -size - 1);
}

static uint64_t count_limit(const struct cache_settings *settings)
{
    const int64_t size = settings->list_pack_size;
    if (size < 0) return UINT64_MAX;
    return size == 0 ? 1 : (uint64_t)size;
}

/* Whether so many more bytes and one more element may go into a pack. An empty one takes all. */
static bool fits(const struct cache_settings *settings, const struct list_node *node, size_t bytes)
{
    return node->count < count_limit(settings) &&
           pack_bytes(node->pack) + bytes <= bytes_limit(settings);
}

/* ---- the row of nodes ---- */

static struct list_node *node_at(const struct list *list, uint32_t node)
{
    return &list->nodes[list->first + node];
}

struct list *list_new(struct heap *heap)
{
    struct list *list = heap_zalloc(heap, sizeof *list);
    if (!list) return NULL;
    list->heap = heap;
    list->nodes = &list->one;
    list->node_cap = 1;
    return list;
}

void list_free(struct list *list)
{
    if (!list) return;
    for (uint32_t i = 0; i < list->node_count; i++) heap_free(list->heap, node_at(list, i)->pack);
    if (list->nodes != &list->one) heap_free(list->heap, list->nodes);
    heap_free(list->heap, list);
}

/* Room for one more node at either end. */
static int make_row(struct list *list)
{
    uint32_t cap = list->node_cap;
    if (list->node_count * 2 >= cap) {
        if (cap > UINT32_MAX / 32) return KITH_ENOMEM;
        cap = cap < 4 ? 4 : cap * 2;
    }
    struct list_node *row = list->nodes;
    const uint32_t first = (cap - list->node_count) / 2;
    if (cap != list->node_cap) {
        row = heap_alloc(list->heap, cap * sizeof *row);
        if (!row) return KITH_ENOMEM;
        memcpy(row + first, node_at(list, 0), list->node_count * sizeof *row);
        if (list->nodes != &list->one) heap_free(list->heap, list->nodes);
    } else {
        memmove(row + first, node_at(list, 0), list->node_count * sizeof *row);
    }
    list->nodes = row;
    list->node_cap = cap;
    list->first = first;
    return 0;
}

/* A new node in front of number `node`; takes pack when it succeeds. */
static int add_node(struct list *list, uint32_t node, struct pack *pack)
{
    const bool front = node < list->node_count - node;
    const bool room = front ? list->first > 0
                            : list->first + list->node_count < list->node_cap;
    if (!room) {
        const int rc = make_row(list);
        if (rc != 0) return rc;
    }
    /* make_row leaves room at both ends, except in a row of one, which is empty. */
    if (front && list->first > 0) {
        list->first--;
        memmove(node_at(list, 0), node_at(list, 1), node * sizeof *list->nodes);
    } else {
        memmove(node_at(list, node + 1), node_at(list, node),
                (list->node_count - node) * sizeof *list->nodes);
    }
    *node_at(list, node) = (struct list_node){ pack, pack->count };
    list->node_count++;
    return 0;
}

static void drop_pack(const struct list *list, struct pack *pack)
{
    if (!list_row_takes(list->row, pack)) heap_free(list->heap, pack);
}

static void drop_nodes(struct list *list, uint32_t node, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) drop_pack(list, node_at(list, node + i)->pack);
    const uint32_t behind = list->node_count - node - count;
    if (node < behind) {
        memmove(node_at(list, count), node_at(list, 0), node * sizeof *list->nodes);
        list->first += count;
    } else {
        memmove(node_at(list, node), node_at(list, node + count), behind * sizeof *list->nodes);
    }
    list->node_count -= count;
    if (list->node_count == 0) list->first = 0;
}

/* ---- places ---- */

struct list_place list_place(const struct list *list, uint64_t index)
{
    struct list_place place = { 0, 0 };
    if (index < list->count / 2) {
        while (index >= node_at(list, place.node)->count) {
            index -= node_at(list, place.node++)->count;
        }
    } else {
        uint64_t behind = list->count - index; /* elements from there to the end */
        place.node = list->node_count - 1;
        while (behind > node_at(list, place.node)->count) {
            behind -= node_at(list, place.node--)->count;
        }
        index = node_at(list, place.node)->count - behind;
    }
    place.at = pack_at(node_at(list, place.node)->pack, (uint32_t)index);
    return place;
}

void list_forward(const struct list *list, struct list_place *place)
{
    const struct pack *pack = node_at(list, place->node)->pack;
    place->at = pack_next(pack, place->at);
    if (place->at < pack->end || place->node + 1 == list->node_count) return;
    place->node++;
    place->at = pack_first(node_at(list, place->node)->pack);
}

void list_back(const struct list *list, struct list_place *place)
{
    const struct pack *pack = node_at(list, place->node)->pack;
    if (place->at == pack_first(pack)) {
        pack = node_at(list, --place->node)->pack;
        place->at = pack->end;
    }
    place->at = pack_previous(pack, place->at);
}

struct kith_str list_text(const struct list *list, struct list_place place,
                          struct pack_item *scratch)
{
    return pack_text(node_at(list, place.node)->pack, place.at, scratch);
}

bool list_equals(const struct list *list, struct list_place place, const struct pack_item *item)
{
    return pack_equals(node_at(list, place.node)->pack, place.at, item);
}

/* ---- adding ---- */

/* Whether the encoding is a long list's once `bytes` more are in. */
static void note_growth(struct list *list, const struct cache_settings *settings, size_t bytes)
{
    if (list->quick) return;
    size_t used = bytes;
    for (uint32_t i = 0; i < list->node_count; i++) used += pack_bytes(node_at(list, i)->pack);
    if (list->node_count > 1 || list->count > count_limit(settings) ||
        used > bytes_limit(settings)) {
        list->quick = true;
    }
}

static int add_alone(struct list *list, uint32_t node, const struct pack_item *item)
{
    struct pack *pack = pack_new(list->heap, pack_item_bytes(item));
    if (!pack) return KITH_ENOMEM;
    int rc = pack_append(list->heap, &pack, item, 1);
    if (rc == 0) rc = add_node(list, node, pack);
    if (rc != 0) heap_free(list->heap, pack);
    return rc;
}

int list_push(struct list *list, const struct cache_settings *settings, bool tail,
              struct kith_str text)
{
    const struct pack_item item = pack_item_of(text);
    if (text.len > PACK_BYTES_MAX - 16) return KITH_ENOMEM;
    struct list_node *end =
        list->node_count == 0 ? NULL : node_at(list, tail ? list->node_count - 1 : 0);
    int rc;
    if (end) list_row_keep(list->row, end->pack);
    if (end && fits(settings, end, pack_item_bytes(&item))) {
        uint32_t at = tail ? end->pack->end : end->pack->start;
        rc = pack_insert(list->heap, &end->pack, &at, &item, 1);
        if (rc == 0) end->count++;
    } else {
        if (end) pack_shrink(list->heap, &end->pack);
        rc = add_alone(list, tail ? list->node_count : 0, &item);
    }
    if (rc != 0) return rc;
    list->count++;
    note_growth(list, settings, 0);
    return 0;
}

int list_insert(struct list *list, const struct cache_settings *settings, struct list_place place,
                bool behind, struct kith_str text)
{
    const struct pack_item item = pack_item_of(text);
    if (text.len > PACK_BYTES_MAX - 16) return KITH_ENOMEM;
    struct list_node *node = node_at(list, place.node);
    if (behind) place.at = pack_next(node->pack, place.at);
    const size_t bytes = pack_item_bytes(&item);
    list_row_keep(list->row, node->pack);
    int rc;
    if (fits(settings, node, bytes)) {
        rc = pack_insert(list->heap, &node->pack, &place.at, &item, 1);
        if (rc == 0) node->count++;
    } else if (place.at == node->pack->start || place.at == node->pack->end) {
        rc = add_alone(list, place.node + (place.at == node->pack->end), &item);
    } else { /* its pack is cut in two, and the element goes between them, or to the first half */
        struct pack *rest = pack_split(list->heap, node->pack, place.at);
        if (!rest) return KITH_ENOMEM;
        node->count = node->pack->count;
        rc = add_node(list, place.node + 1, rest);
        node = node_at(list, place.node);
        if (rc == 0 && fits(settings, node, bytes)) {
            rc = pack_append(list->heap, &node->pack, &item, 1);
            if (rc == 0) node->count++;
        } else if (rc == 0) {
            rc = add_alone(list, place.node + 1, &item);
        } else { /* together again: the room is still there */
            const int joined = pack_join(list->heap, &node->pack, rest);
            node->count = node->pack->count;
            heap_free(list->heap, rest);
            if (joined != 0) return joined;
        }
    }
    if (rc != 0) return rc;
    list->count++;
    note_growth(list, settings, 0);
    return 0;
}

int list_set(struct list *list, const struct cache_settings *settings, uint64_t index,
             struct kith_str text)
{
    if (text.len > PACK_BYTES_MAX - 16) return KITH_ENOMEM;
    const struct pack_item item = pack_item_of(text);
    struct list_place place = list_place(list, index);
    struct list_node *node = node_at(list, place.node);
    const size_t had = pack_next(node->pack, place.at) - place.at;
    const size_t bytes = pack_item_bytes(&item);
    if (node->count == 1 || bytes <= had ||
        pack_bytes(node->pack) - had + bytes <= bytes_limit(settings)) {
        list_row_keep(list->row, node->pack);
        const int rc = pack_replace(list->heap, &node->pack, &place.at, &item);
        if (rc == 0) note_growth(list, settings, 0);
        return rc;
    }
    /* Too large for its pack: a new one, then the old element goes. */
    const int rc = list_insert(list, settings, place, false, text);
    if (rc == 0) list_cut(list, index + 1, 1);
    return rc;
}

/* ---- removing ---- */

/* One element; *place becomes the one behind it, of which there may be none. */
static void remove_at(struct list *list, struct list_place *place)
{
    struct list_node *node = node_at(list, place->node);
    list_row_keep(list->row, node->pack);
    pack_remove(node->pack, &place->at, 1);
    list->count--;
    if (--node->count == 0) {
        drop_nodes(list, place->node, 1);
        if (place->node < list->node_count) place->at = node_at(list, place->node)->pack->start;
    } else if (place->at == node->pack->end && place->node + 1 < list->node_count) {
        place->node++;
        place->at = node_at(list, place->node)->pack->start;
    }
}

void list_cut(struct list *list, uint64_t index, uint64_t count)
{
    if (index >= list->count) return;
    if (count > list->count - index) count = list->count - index;
    struct list_place place = list_place(list, index);
    while (count > 0) {
        struct list_node *node = node_at(list, place.node);
        uint32_t whole = 0;
        if (place.at == node->pack->start) { /* whole packs go without a look inside */
            for (; place.node + whole < list->node_count; whole++) {
                const uint64_t inside = node_at(list, place.node + whole)->count;
                if (inside > count) break;
                count -= inside;
                list->count -= inside;
            }
        }
        if (whole > 0) {
            drop_nodes(list, place.node, whole);
        } else {
            const uint64_t had = node->count;
            const uint32_t most = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
            list_row_keep(list->row, node->pack);
            pack_remove(node->pack, &place.at, most);
            node->count = node->pack->count;
            count -= had - node->count;
            list->count -= had - node->count;
            place.node++;
        }
        if (count > 0) place.at = node_at(list, place.node)->pack->start;
    }
}

static uint64_t remove_forward(struct list *list, const struct pack_item *item, uint64_t max)
{
    struct list_place place = { 0, list->count ? node_at(list, 0)->pack->start : 0 };
    uint64_t removed = 0;
    while (removed < max && place.node < list->node_count) {
        struct list_node *node = node_at(list, place.node);
        place.at = pack_find(node->pack, place.at, 1, item);
        if (place.at < node->pack->end) {
            remove_at(list, &place);
            removed++;
        } else if (++place.node < list->node_count) {
            place.at = node_at(list, place.node)->pack->start;
        }
    }
    return removed;
}

static uint64_t remove_backward(struct list *list, const struct pack_item *item, uint64_t max)
{
    uint64_t removed = 0;
    for (uint32_t n = list->node_count; n-- > 0 && removed < max;) {
        struct list_place place = { n, node_at(list, n)->pack->end };
        for (uint64_t left = node_at(list, n)->count; left > 0 && removed < max; left--) {
            const struct pack *pack = node_at(list, n)->pack;
            place.at = pack_previous(pack, place.at);
            if (!pack_equals(pack, place.at, item)) continue;
            removed++;
            const bool last = node_at(list, n)->count == 1;
            const bool end = pack_next(pack, place.at) == pack->end;
            remove_at(list, &place);
            if (last) break;
            if (end) place = (struct list_place){ n, node_at(list, n)->pack->end };
        }
    }
    return removed;
}

uint64_t list_remove(struct list *list, struct kith_str text, bool from_tail, uint64_t max)
{
    const struct pack_item item = pack_item_of(text);
    if (max == 0) max = UINT64_MAX;
    return from_tail ? remove_backward(list, &item, max) : remove_forward(list, &item, max);
}

void list_settle(struct list *list, const struct cache_settings *settings)
{
    if (list->node_count != 1) return;
    struct list_node *node = node_at(list, 0);
    const size_t used = pack_bytes(node->pack);
    if (list->quick && used <= bytes_limit(settings) / 2 &&
        list->count <= count_limit(settings) / 2) {
        list->quick = false;
    }
    if (node->pack->cap > 256 && used < node->pack->cap / 4) {
        list_row_keep(list->row, node->pack);
        pack_shrink(list->heap, &node->pack);
    }
}

/* ---- as a value ---- */

enum { LIST_VERSION = 1 };

static void free_value(void *value) { list_free(value); }

static size_t parts_of(const void *value)
{
    const struct list *list = value;
    return 1 + list->node_count;
}

static size_t bytes_of(const void *value)
{
    const struct list *list = value;
    size_t bytes = heap_size(list);
    if (list->nodes != &list->one) bytes += heap_size(list->nodes);
    for (uint32_t i = 0; i < list->node_count; i++) bytes += heap_size(node_at(list, i)->pack);
    return bytes;
}

static const char *encoding_of(const struct cache_settings *settings, const void *value)
{
    (void)settings;
    const struct list *list = value;
    return list->quick ? "quicklist" : "listpack";
}

/* u8 version, u8 quick, varint nodes, a pack each */
static void encode(const void *value, struct buffer *out)
{
    const struct list *list = value;
    buffer_put_u8(out, LIST_VERSION);
    buffer_put_u8(out, list->quick);
    buffer_put_varint(out, list->node_count);
    for (uint32_t i = 0; i < list->node_count; i++) pack_encode(node_at(list, i)->pack, out);
}

static int decode_node(struct list *list, struct cursor *in)
{
    struct pack *pack = NULL;
    int rc = pack_decode(list->heap, in, false, &pack);
    if (rc == 0 && pack->count == 0) rc = KITH_ECORRUPT;
    if (rc == 0) rc = add_node(list, list->node_count, pack);
    if (rc == 0) list->count += pack->count;
    else heap_free(list->heap, pack);
    return rc;
}

static int decode_nodes(struct list *list, uint64_t nodes, struct cursor *in)
{
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < nodes; i++) rc = decode_node(list, in);
    return rc == 0 && list->count == 0 ? KITH_ECORRUPT : rc;
}

static int decode(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                  void **out)
{
    const uint8_t version = cursor_u8(in), quick = cursor_u8(in);
    const uint64_t nodes = cursor_varint(in);
    if (cursor_failed(in) || version != LIST_VERSION || quick > 1) return KITH_ECORRUPT;
    struct list *list = list_new(heap);
    if (!list) return KITH_ENOMEM;
    const int rc = decode_nodes(list, nodes, in);
    if (rc != 0) {
        list_free(list);
        return rc;
    }
    list->quick = quick != 0;
    note_growth(list, settings, 0);
    *out = list;
    return 0;
}

/* ---- in pieces: of packs ---- */

static uint64_t members_of(const void *value) { return ((const struct list *)value)->node_count; }

static void encode_head(const void *value, struct buffer *out)
{
    buffer_put_u8(out, LIST_VERSION);
    buffer_put_u8(out, ((const struct list *)value)->quick);
}

static void encode_member(const void *value, const void *member, struct buffer *out)
{
    (void)value;
    pack_encode(member, out);
}

static int decode_head(struct heap *heap, const struct cache_settings *settings,
                       struct cursor *in, void **out)
{
    const uint8_t version = cursor_u8(in), quick = cursor_u8(in);
    (void)settings;
    if (cursor_failed(in) || version != LIST_VERSION || quick > 1) return KITH_ECORRUPT;
    struct list *list = list_new(heap);
    if (!list) return KITH_ENOMEM;
    list->quick = quick != 0;
    *out = list;
    return 0;
}

static int decode_member(void *value, const struct cache_settings *settings, struct cursor *in)
{
    const int rc = decode_node(value, in);
    if (rc == 0) note_growth(value, settings, 0);
    return rc;
}

static const struct value_pieces pieces = {
    .members = members_of, .encode_head = encode_head, .encode_member = encode_member,
    .decode_head = decode_head, .decode_member = decode_member,
};

const struct value_ops list_ops = {
    .name = "list", .free = free_value, .parts = parts_of, .bytes = bytes_of,
    .encoding = encoding_of, .encode = encode, .decode = decode, .pieces = &pieces,
};
