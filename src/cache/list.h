/*
 * A list: a row of packs of about 8 KiB (`list_pack_size` of the settings), each with its count
 * beside it. Pushing and popping at both ends is O(1); reaching an index reads 16 bytes a pack, so
 * a million short elements are a few microseconds away; within a pack everything is a short
 * memmove.
 *
 * A list is never seen empty by others: who takes the last element removes the key.
 */
#ifndef KITH_CACHE_LIST_H
#define KITH_CACHE_LIST_H

#include "cache/cache.h"
#include "cache/pack.h"

struct list_row;
struct list_node {
    struct pack *pack; /* owns; never empty */
    uint64_t count;
};

struct list {
    struct heap *heap;       /* borrows */
    struct list_node *nodes; /* owns, unless it is &one */
    struct list_node one;
    uint32_t first, node_count, node_cap;
    bool quick;     /* it was longer than one pack: encoding "quicklist" */
    uint64_t count; /* elements */
    struct list_row *row; /* borrows: a snapshot looks (list_row.h); NULL: none does */
};

extern const struct value_ops list_ops;

KITH_NODISCARD struct list *list_new(struct heap *heap); /* NULL: no memory */
void list_free(struct list *list);
static inline uint64_t list_count(const struct list *list) { return list->count; }

/* KITH_ENOMEM changes nothing. tail: behind the last, else in front of the first. */
KITH_NODISCARD int list_push(struct list *list, const struct cache_settings *settings, bool tail,
                             struct kith_str text);
/* Removes `count` elements from `index` on. */
void list_cut(struct list *list, uint64_t index, uint64_t count);
/* After removals: the encoding may go back, spare room is returned. */
void list_settle(struct list *list, const struct cache_settings *settings);

struct list_place { /* good until the list changes, except as said below */
    uint32_t node; /* counted from the first */
    uint32_t at;   /* in its pack */
};
struct list_place list_place(const struct list *list, uint64_t index); /* index < count */
void list_forward(const struct list *list, struct list_place *place);
/* Not from the first element. */
void list_back(const struct list *list, struct list_place *place);
struct kith_str list_text(const struct list *list, struct list_place place,
                          struct pack_item *scratch);
bool list_equals(const struct list *list, struct list_place place, const struct pack_item *item);

KITH_NODISCARD int list_set(struct list *list, const struct cache_settings *settings,
                            uint64_t index, struct kith_str text);
/* In front of the element there, or behind it. */
KITH_NODISCARD int list_insert(struct list *list, const struct cache_settings *settings,
                               struct list_place place, bool behind, struct kith_str text);
/* Removes the first max elements that equal text, seen from the head or the tail; 0: all. Returns
 * how many there were. */
uint64_t list_remove(struct list *list, struct kith_str text, bool from_tail, uint64_t max);

#endif
