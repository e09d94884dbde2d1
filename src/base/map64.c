/*
 * u64 -> u64 by linear probing; map.c explains the scheme. Keys, values and the used flags are
 * three arrays, so that a probe reads keys and flags only. Keys are hashed by the splitmix64
 * finaliser, a bijection: two keys never share a whole hash. The seed goes in before it.
 */
#include "base/map.h"

#include "base/alloc.h"
#include "base/rng.h"

#define CAP_MIN 16

void map64_init(struct map64 *map) { *map = (struct map64){0}; }

static void release_arrays(struct map64 *map)
{
    mem_free(map->keys);
    mem_free(map->values);
    mem_free(map->used);
}

void map64_release(struct map64 *map)
{
    release_arrays(map);
    map64_init(map);
}

static size_t home_of(const struct map64 *map, uint64_t key)
{
    return (size_t)rng_mix(key ^ map->seed) & (map->cap - 1);
}

/* The slot that holds the key, or the empty one where it belongs. cap must not be 0. */
static size_t find_slot(const struct map64 *map, uint64_t key)
{
    size_t i = home_of(map, key);
    while (map->used[i] && map->keys[i] != key) i = (i + 1) & (map->cap - 1);
    return i;
}

static void place(struct map64 *map, size_t i, uint64_t key, uint64_t value)
{
    map->keys[i] = key;
    map->values[i] = value;
    map->used[i] = 1;
    map->count++;
}

static int grow(struct map64 *map)
{
    size_t cap = map->cap ? map->cap * 2 : CAP_MIN;
    struct map64 next = {.cap = cap, .seed = map->cap ? map->seed : map_seed()};
    next.keys = mem_alloc_array(cap, sizeof *next.keys);
    next.values = mem_alloc_array(cap, sizeof *next.values);
    next.used = mem_zalloc(cap);
    if (!next.keys || !next.values || !next.used) {
        release_arrays(&next);
        return KITH_ENOMEM;
    }
    for (size_t i = 0; i < map->cap; i++) {
        if (!map->used[i]) continue;
        place(&next, find_slot(&next, map->keys[i]), map->keys[i], map->values[i]);
    }
    release_arrays(map);
    *map = next;
    return 0;
}

int map64_put(struct map64 *map, uint64_t key, uint64_t value)
{
    size_t i = 0;
    if (map->cap > 0) {
        i = find_slot(map, key);
        if (map->used[i]) {
            map->values[i] = value;
            return 0;
        }
    }
    if (map->count >= map->cap / 4 * 3) {
        if (grow(map) != 0) return KITH_ENOMEM;
        i = find_slot(map, key);
    }
    place(map, i, key, value);
    return 0;
}

bool map64_get(const struct map64 *map, uint64_t key, uint64_t *value)
{
    if (map->count == 0) return false;
    size_t i = find_slot(map, key);
    if (!map->used[i]) return false;
    if (value) *value = map->values[i];
    return true;
}

static void close_hole(struct map64 *map, size_t hole)
{
    size_t mask = map->cap - 1;
    for (size_t i = (hole + 1) & mask; map->used[i]; i = (i + 1) & mask) {
        if (((i - home_of(map, map->keys[i])) & mask) < ((i - hole) & mask)) continue;
        map->keys[hole] = map->keys[i];
        map->values[hole] = map->values[i];
        hole = i;
    }
    map->used[hole] = 0;
}

bool map64_remove(struct map64 *map, uint64_t key)
{
    if (map->count == 0) return false;
    size_t i = find_slot(map, key);
    if (!map->used[i]) return false;
    close_hole(map, i);
    map->count--;
    return true;
}
