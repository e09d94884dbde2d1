/*
 * The journal's map: an array sorted by key. There are a few entries a collection and a change
 * costs a sync anyway, so moving the tail of an array is never what is waited for.
 *
 * An entry is one allocation, made before the transaction is written; applying it cannot fail, so a
 * durable transaction is always in memory too.
 */
#include <string.h>

#include "base/alloc.h"
#include "log/journal_internal.h"

#define ENTRY_OVERHEAD_BYTES 8u /* at least what journal_encode_change adds to key and value */

int journal_entry_init(struct journal_entry *entry, const char *key, size_t key_len,
                       const void *value, size_t len)
{
    size_t bytes;
    if (!size_add(key_len + 1, value ? len : 0, &bytes)) return KITH_ENOMEM;
    char *block = mem_alloc(bytes);
    if (!block) return KITH_ENOMEM;
    memcpy(block, key, key_len);
    block[key_len] = 0;
    *entry = (struct journal_entry){.key = block};
    if (value) {
        entry->value = (uint8_t *)block + key_len + 1;
        entry->len = len;
        if (len > 0) memcpy(entry->value, value, len);
    }
    return 0;
}

void journal_map_release(struct journal_map *map)
{
    for (size_t i = 0; i < map->count; i++) mem_free(map->entries[i].key);
    mem_free(map->entries);
    *map = (struct journal_map){0};
}

int journal_map_reserve(struct journal_map *map, size_t more)
{
    size_t need, bytes;
    if (!size_add(map->count, more, &need)) return KITH_ENOMEM;
    if (need <= map->cap) return 0;
    const size_t cap = need > map->cap * 2 ? need : map->cap * 2;
    if (!size_mul(cap, sizeof *map->entries, &bytes)) return KITH_ENOMEM;
    struct journal_entry *entries = mem_realloc(map->entries, bytes);
    if (!entries) return KITH_ENOMEM;
    map->entries = entries;
    map->cap = cap;
    return 0;
}

size_t journal_map_find(const struct journal_map *map, const char *key)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(map->entries[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint64_t entry_bytes(const struct journal_entry *entry)
{
    return strlen(entry->key) + entry->len + ENTRY_OVERHEAD_BYTES;
}

void journal_map_apply(struct journal_map *map, struct journal_entry entry)
{
    const size_t i = journal_map_find(map, entry.key);
    struct journal_entry *at = map->entries + i;
    const bool found = i < map->count && strcmp(at->key, entry.key) == 0;
    if (found) {
        map->bytes -= entry_bytes(at);
        mem_free(at->key);
    }
    if (entry.value) {
        if (!found) memmove(at + 1, at, (map->count++ - i) * sizeof *at);
        map->bytes += entry_bytes(&entry);
        *at = entry;
        return;
    }
    mem_free(entry.key);
    if (found) memmove(at, at + 1, (--map->count - i) * sizeof *at);
}
