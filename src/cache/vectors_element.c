/*
 * Elements of a vector set: the directory of their numbers, their attributes, their order, and what
 * happens to those that went while a search was running.
 *
 * Garbage is collected in two bags, after the epochs of Fraser (Practical lock-freedom, 2004) with
 * the keyspace lock instead of atomics: a view belongs to the bag that was current when it was
 * pinned, what is removed goes into the current bag, and a bag is emptied when neither it nor the
 * one before has views. The bags change places when the older one has none.
 */
#include <string.h>

#include "base/checksum.h"
#include "cache/vectors_internal.h"

#define LEVEL_SEED UINT64_C(0x6c6576656c)

/* ---- the directory ---- */

static unsigned segment_of(uint32_t id)
{
    return 63u - (unsigned)__builtin_clzll((uint64_t)id / DIRECTORY_FIRST + 1);
}

static _Atomic uintptr_t *slot_of(const struct vset_directory *directory, uint32_t id)
{
    const unsigned segment = segment_of(id);
    const uint64_t first = DIRECTORY_FIRST * ((UINT64_C(1) << segment) - 1);
    return &directory->segments[segment][id - first];
}

struct vset_element *vset_directory_get(const struct vset_directory *directory, uint32_t id)
{
    const uintptr_t slot = atomic_load_explicit(slot_of(directory, id), memory_order_acquire);
    return slot & 1 ? NULL : (struct vset_element *)slot;
}

/* A number for the element: one that was given back, or a new one. KITH_ENOMEM, KITH_ELIMIT. */
static int directory_add(struct heap *heap, struct vset_directory *directory,
                         struct vset_element *element)
{
    uint32_t id = directory->free;
    if (id > 0) {
        id--;
        const uintptr_t slot = atomic_load_explicit(slot_of(directory, id), memory_order_relaxed);
        directory->free = (uint32_t)(slot / 2);
    } else {
        if (directory->used == UINT32_MAX - 1) return KITH_ELIMIT;
        id = directory->used;
        const unsigned segment = segment_of(id);
        if (!directory->segments[segment]) {
            const size_t slots = (size_t)DIRECTORY_FIRST << segment;
            directory->segments[segment] = heap_zalloc(heap, slots * sizeof(uintptr_t));
            if (!directory->segments[segment]) return KITH_ENOMEM;
        }
        directory->used++;
    }
    element->id = id;
    atomic_store_explicit(slot_of(directory, id), (uintptr_t)element, memory_order_release);
    return 0;
}

static void directory_remove(struct vset_directory *directory, uint32_t id)
{
    atomic_store_explicit(slot_of(directory, id), (uintptr_t)directory->free * 2 + 1,
                          memory_order_release);
    directory->free = id + 1;
}

/* ---- garbage ---- */

static void empty_bag(struct vector_set *set, struct vset_bag *bag)
{
    while (bag->elements) {
        struct vset_element *element = bag->elements;
        bag->elements = element->next;
        heap_free(set->heap, atomic_load_explicit(&element->attribute, memory_order_relaxed));
        heap_free(set->heap, element);
    }
    while (bag->attributes) {
        struct vector_attribute *attribute = bag->attributes;
        bag->attributes = attribute->next;
        heap_free(set->heap, attribute);
    }
}

void vset_collect(struct vector_set *set)
{
    struct vset_bag *now = &set->bags[set->current], *before = &set->bags[!set->current];
    if (before->views > 0) return;
    empty_bag(set, before);
    if (now->views == 0) empty_bag(set, now);
    else if (now->elements || now->attributes) set->current = !set->current;
}

static void discard_attribute(struct vector_set *set, struct vector_attribute *attribute)
{
    if (!attribute) return;
    set->element_bytes -= heap_size(attribute);
    attribute->next = set->bags[set->current].attributes;
    set->bags[set->current].attributes = attribute;
}

/* ---- elements ---- */

static struct vector_attribute *attribute_of(const struct vset_element *element)
{
    return atomic_load_explicit(&element->attribute, memory_order_relaxed);
}

struct kith_str vset_name(const struct vset_element *element)
{
    return (struct kith_str){element->name, element->name_len};
}

unsigned vset_level(const struct vset_element *element) { return element->level; }

struct kith_str vset_attribute(const struct vset_element *element)
{
    const struct vector_attribute *attribute = attribute_of(element);
    if (!attribute) return (struct kith_str){NULL, 0};
    return (struct kith_str){attribute_text(attribute), attribute->len};
}

/* One in four is on the next level: two bits of a hash each. */
static uint8_t level_of(struct kith_str name)
{
    const uint64_t hash = hash64(name.data, name.len, LEVEL_SEED) | UINT64_C(1) << 63;
    const unsigned level = (unsigned)__builtin_ctzll(hash) / 2;
    return (uint8_t)(level < VSET_LEVEL_MAX ? level : VSET_LEVEL_MAX);
}

/* The first six bytes as a number: most names are told apart by it. */
static double rank_of(struct kith_str name)
{
    uint64_t rank = 0;
    for (size_t i = 0; i < 6; i++) {
        rank = rank << 8 | (i < name.len ? (uint8_t)name.data[i] : 0u);
    }
    return (double)rank;
}

static int compare_names(struct kith_str a, struct kith_str b)
{
    const size_t least = a.len < b.len ? a.len : b.len;
    const int order = least > 0 ? memcmp(a.data, b.data, least) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

int vset_element_compare(const void *a, const void *b)
{
    return compare_names(vset_name(a), vset_name(b));
}

struct kith_str vset_element_key(const void *element) { return vset_name(element); }

static struct vset_element *element_new(struct heap *heap, struct kith_str name)
{
    struct vset_element *element = heap_alloc(heap, sizeof *element + name.len);
    if (!element) return NULL;
    *element = (struct vset_element){.name_len = (uint32_t)name.len, .level = level_of(name)};
    memcpy(element->name, name.data, name.len);
    return element;
}

int vset_element_add(struct vector_set *set, struct kith_str name, struct vset_element **out)
{
    if (name.len > UINT32_MAX) return KITH_ELIMIT;
    struct vset_element *element = element_new(set->heap, name);
    if (!element) return KITH_ENOMEM;
    int rc = directory_add(set->heap, &set->directory, element);
    if (rc) goto no_place;
    rc = order_add(&set->order, rank_of(name), element);
    if (rc) goto no_order;
    rc = dict_add(&set->names, dict_hash(&set->names, name), element);
    if (rc) goto no_name;
    element->first_row = set->next_row;
    set->level_counts[element->level]++;
    set->element_bytes += heap_size(element);
    *out = element;
    return 0;
no_name:
    order_remove(&set->order, rank_of(name), element);
no_order:
    directory_remove(&set->directory, element->id);
no_place:
    heap_free(set->heap, element);
    return rc;
}

void vset_element_remove(struct vector_set *set, struct vset_element *element)
{
    const struct kith_str name = vset_name(element);
    const uint64_t hash = dict_hash(&set->names, name);
    dict_remove(&set->names, hash, dict_place(&set->names, hash, element));
    order_remove(&set->order, rank_of(name), element);
    directory_remove(&set->directory, element->id);
    set->level_counts[element->level]--;
    set->attribute_count -= attribute_of(element) != NULL;
    set->element_bytes -= heap_size(element) + heap_size(attribute_of(element));
    element->next = set->bags[set->current].elements;
    set->bags[set->current].elements = element;
    vset_collect(set);
}

void vset_element_touch(const struct vector_set *set, const struct vset_element *element)
{
    const struct dict *names = &set->names;
    if (names->watch) dict_touch(names, dict_hash(names, vset_name(element)), element);
}

void vset_element_take(struct vector_set *set, struct vset_element *element,
                       struct vector_attribute *attribute)
{
    struct vector_attribute *old = attribute_of(element);
    vset_element_touch(set, element);
    set->attribute_count += (size_t)(attribute != NULL) - (size_t)(old != NULL);
    set->element_bytes += heap_size(attribute);
    atomic_store_explicit(&element->attribute, attribute, memory_order_release);
    discard_attribute(set, old);
    vset_collect(set);
}

int vset_set_attribute(struct vector_set *set, struct vset_element *element, struct kith_str text)
{
    struct vector_attribute *attribute = NULL;
    if (text.len > 0) {
        const int rc = vector_attribute_new(set->heap, text.data, text.len, &attribute);
        if (rc) return rc;
    }
    vset_element_take(set, element, attribute);
    return 0;
}

struct vset_element *vset_random(const struct vector_set *set, struct rng *rng)
{
    return dict_random(&set->names, rng);
}

/* ---- ranges of names ---- */

struct edge {
    struct kith_str name;
    double rank;
    bool after; /* names equal to it stand before the edge */
};

static bool before_edge(const void *ctx, const struct order_key *key)
{
    const struct edge *edge = ctx;
    if (key->score != edge->rank) return key->score < edge->rank;
    const int order = compare_names(vset_name(key->cell), edge->name);
    return order < 0 || (order == 0 && edge->after);
}

static uint64_t count_before(const struct vector_set *set, const struct vset_bound *bound,
                             bool after)
{
    const struct edge edge = {bound->name, rank_of(bound->name), after};
    return order_count_while(&set->order, before_edge, &edge);
}

static uint64_t first_of(const struct vector_set *set, const struct vset_bound *from)
{
    return from->open ? 0 : count_before(set, from, !from->inclusive);
}

uint64_t vset_range_count(const struct vector_set *set, const struct vset_bound *from,
                          const struct vset_bound *to)
{
    const uint64_t first = first_of(set, from);
    const uint64_t end = to->open ? vset_count(set) : count_before(set, to, to->inclusive);
    return end > first ? end - first : 0;
}

void vset_range(const struct vector_set *set, const struct vset_bound *from,
                const struct vset_bound *to, uint64_t count,
                void (*fn)(void *ctx, struct vset_element *element), void *ctx)
{
    const uint64_t there = vset_range_count(set, from, to);
    if (count > there) count = there;
    if (count == 0) return;
    struct order_place place = order_at(&set->order, first_of(set, from));
    for (; count > 0; count--, place = order_next(place)) fn(ctx, order_key(place)->cell);
}
