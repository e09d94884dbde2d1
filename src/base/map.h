/*
 * Open-addressing hash maps for names and ids (not for rows: those have the key index). Linear
 * probing, load <= 3/4, backward-shift deletion. Not thread-safe. Values are pointers or integers
 * in a uintptr_t; the map owns neither.
 *
 * Keys may come from a hostile client: places depend on a seed of the process, which the real
 * machine draws (os_real). So the order of map_next is another in every run.
 */
#ifndef KITH_BASE_MAP_H
#define KITH_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Of maps that get their first slots from now on; 0 at first. For os_real, and for tests. */
void map_set_seed(uint64_t seed);
uint64_t map_seed(void); /* for other tables in memory, too */

struct map_slot;
struct map { /* bytes -> uintptr_t; copies its keys */
    struct map_slot *slots; /* owns */
    size_t cap;
    size_t count;
    uint64_t seed; /* of the hash; the process's when cap was 0 */
};

void map_init(struct map *map);
void map_release(struct map *map);
/* replaces */
KITH_NODISCARD int map_put(struct map *map, const void *key, size_t len, uintptr_t value);
/* value may be NULL */
bool map_get(const struct map *map, const void *key, size_t len, uintptr_t *value);
bool map_remove(struct map *map, const void *key, size_t len);
/* Iterates in slot order: *it starts at 0; false at the end. key borrows until the next change. */
bool map_next(const struct map *map, size_t *it, const void **key, size_t *len, uintptr_t *value);

struct map64 { /* u64 -> u64 */
    uint64_t *keys; /* owns */
    uint64_t *values; /* owns */
    uint8_t *used;  /* owns */
    size_t cap;
    size_t count;
    uint64_t seed;
};

void map64_init(struct map64 *map);
void map64_release(struct map64 *map);
KITH_NODISCARD int map64_put(struct map64 *map, uint64_t key, uint64_t value);
bool map64_get(const struct map64 *map, uint64_t key, uint64_t *value);
bool map64_remove(struct map64 *map, uint64_t key);

#endif
