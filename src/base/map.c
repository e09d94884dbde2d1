/*
 * bytes -> uintptr_t by linear probing.
 *
 * Each slot keeps its key's hash: most probes that miss are settled without touching the key, and
 * growing needs no key at all. A slot is empty when its key is NULL; the capacity is a power of two
 * and at least a quarter of it is empty, so probing ends. Removal shifts the following run back
 * (Knuth 6.4, algorithm R), which leaves no tombstones.
 *
 * Keys may be chosen by somebody who wants all of them in one run of slots, where n keys cost n^2/2
 * probes (Crosby, Wallach 2003). So the hash has a seed that he does not know: that of the process,
 * which a map takes when it gets its first slots.
 */
#include "base/map.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"

#define CAP_MIN 8

struct map_slot {
    uint64_t hash;
    uint8_t *key; /* owns; NULL: empty */
    size_t len;
    uintptr_t value;
};

static _Atomic uint64_t process_seed; /* 0 where nobody set it: a simulation, which must repeat */

void map_set_seed(uint64_t seed)
{
    atomic_store_explicit(&process_seed, seed, memory_order_relaxed);
}

uint64_t map_seed(void) { return atomic_load_explicit(&process_seed, memory_order_relaxed); }

void map_init(struct map *map) { *map = (struct map){0}; }

void map_release(struct map *map)
{
    for (size_t i = 0; i < map->cap; i++) mem_free(map->slots[i].key);
    mem_free(map->slots);
    map_init(map);
}

static bool slot_matches(const struct map_slot *slot, uint64_t hash, const void *key, size_t len)
{
    return slot->hash == hash && slot->len == len && (len == 0 || memcmp(slot->key, key, len) == 0);
}

/* The slot that holds the key, or the empty one where it belongs. cap must not be 0. */
static size_t find_slot(const struct map *map, uint64_t hash, const void *key, size_t len)
{
    size_t mask = map->cap - 1;
    size_t i = (size_t)hash & mask;
    while (map->slots[i].key && !slot_matches(&map->slots[i], hash, key, len)) i = (i + 1) & mask;
    return i;
}

static int grow(struct map *map)
{
    size_t cap = map->cap ? map->cap * 2 : CAP_MIN;
    struct map_slot *slots = mem_zalloc_array(cap, sizeof *slots);
    if (!slots) return KITH_ENOMEM;
    for (size_t i = 0; i < map->cap; i++) {
        if (!map->slots[i].key) continue;
        size_t at = (size_t)map->slots[i].hash & (cap - 1);
        while (slots[at].key) at = (at + 1) & (cap - 1);
        slots[at] = map->slots[i];
    }
    mem_free(map->slots);
    map->slots = slots;
    map->cap = cap;
    return 0;
}

static int insert_new(struct map *map, const struct map_slot *entry, const void *key)
{
    if (map->count >= map->cap / 4 * 3 && grow(map) != 0) return KITH_ENOMEM;
    uint8_t *copy = mem_alloc(entry->len);
    if (!copy) return KITH_ENOMEM;
    if (entry->len > 0) memcpy(copy, key, entry->len);
    struct map_slot *slot = &map->slots[find_slot(map, entry->hash, key, entry->len)];
    *slot = *entry;
    slot->key = copy;
    map->count++;
    return 0;
}

int map_put(struct map *map, const void *key, size_t len, uintptr_t value)
{
    if (map->cap == 0) map->seed = map_seed();
    struct map_slot entry = {.hash = hash64(key, len, map->seed), .len = len, .value = value};
    if (map->cap > 0) {
        struct map_slot *slot = &map->slots[find_slot(map, entry.hash, key, len)];
        if (slot->key) {
            slot->value = value;
            return 0;
        }
    }
    return insert_new(map, &entry, key);
}

bool map_get(const struct map *map, const void *key, size_t len, uintptr_t *value)
{
    if (map->count == 0) return false;
    const uint64_t hash = hash64(key, len, map->seed);
    const struct map_slot *slot = &map->slots[find_slot(map, hash, key, len)];
    if (!slot->key) return false;
    if (value) *value = slot->value;
    return true;
}

/* Closes the hole at i: every later slot of the run whose home is not between the hole and itself
 * moves into the hole, which moves on. */
static void close_hole(struct map *map, size_t hole)
{
    size_t mask = map->cap - 1;
    for (size_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
        size_t home = (size_t)map->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        map->slots[hole] = map->slots[i];
        hole = i;
    }
    map->slots[hole] = (struct map_slot){0};
}

bool map_remove(struct map *map, const void *key, size_t len)
{
    if (map->count == 0) return false;
    size_t i = find_slot(map, hash64(key, len, map->seed), key, len);
    if (!map->slots[i].key) return false;
    mem_free(map->slots[i].key);
    close_hole(map, i);
    map->count--;
    return true;
}

bool map_next(const struct map *map, size_t *it, const void **key, size_t *len, uintptr_t *value)
{
    for (; *it < map->cap; ++*it) {
        const struct map_slot *slot = &map->slots[*it];
        if (!slot->key) continue;
        if (key) *key = slot->key;
        if (len) *len = slot->len;
        if (value) *value = slot->value;
        ++*it;
        return true;
    }
    return false;
}
