/*
 * Key hash to row: see key_table.h. The place comes from the low bits of the hash, the tag from the
 * high 32, so that both are independent.
 */
#include "storage/key_table.h"

#include "base/alloc.h"

#define SLOTS_LEAST 64u

struct key_slots {
    struct key_slots *older; /* owns */
    size_t cap;              /* a power of two */
    uint64_t *hashes;        /* the writer's: whole hash of each slot, for growing */
    _Atomic uint64_t slot[];
};

void key_table_release(struct key_table *table)
{
    struct key_slots *slots = atomic_load(&table->slots);
    while (slots) {
        struct key_slots *older = slots->older;
        mem_free(slots->hashes);
        mem_free(slots);
        slots = older;
    }
    *table = (struct key_table){.count = 0};
}

static struct key_slots *slots_new(size_t cap)
{
    size_t bytes;
    if (!size_mul(cap, sizeof(uint64_t), &bytes)) return NULL;
    if (!size_add(bytes, sizeof(struct key_slots), &bytes)) return NULL;
    struct key_slots *slots = mem_zalloc(bytes);
    if (!slots) return NULL;
    slots->hashes = mem_alloc_array(cap, sizeof *slots->hashes);
    if (!slots->hashes) {
        mem_free(slots);
        return NULL;
    }
    slots->cap = cap;
    return slots;
}

static void put(struct key_slots *slots, uint64_t hash, uint32_t row)
{
    size_t at = hash & (slots->cap - 1);
    while (atomic_load_explicit(&slots->slot[at], memory_order_relaxed) != 0) {
        at = (at + 1) & (slots->cap - 1);
    }
    slots->hashes[at] = hash;
    const uint64_t value = (hash & ~(uint64_t)UINT32_MAX) | ((uint64_t)row + 1);
    atomic_store_explicit(&slots->slot[at], value, memory_order_release);
}

int key_table_reserve(struct key_table *table, size_t more)
{
    struct key_slots *old = atomic_load_explicit(&table->slots, memory_order_relaxed);
    size_t need;
    if (!size_add(table->count, more, &need) || need > SIZE_MAX / 32) return KITH_ENOMEM;
    size_t cap = old ? old->cap : SLOTS_LEAST;
    while (cap / 4 * 3 < need) cap *= 2;
    if (old && cap == old->cap) return 0;
    struct key_slots *slots = slots_new(cap);
    if (!slots) return KITH_ENOMEM;
    for (size_t i = 0; old && i < old->cap; i++) {
        const uint64_t value = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
        if (value != 0) put(slots, old->hashes[i], (uint32_t)value - 1);
    }
    if (old) {
        mem_free(old->hashes); /* readers do not look at them */
        old->hashes = NULL;
    }
    slots->older = old;
    atomic_store_explicit(&table->slots, slots, memory_order_release);
    return 0;
}

void key_table_put(struct key_table *table, uint64_t hash, uint32_t row)
{
    put(atomic_load_explicit(&table->slots, memory_order_relaxed), hash, row);
    table->count++;
}

int key_table_find(const struct key_table *table, uint64_t hash, int (*fn)(void *ctx, uint32_t row),
                   void *ctx)
{
    const struct key_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
    if (!slots) return 0;
    for (size_t at = hash & (slots->cap - 1);; at = (at + 1) & (slots->cap - 1)) {
        const uint64_t value = atomic_load_explicit(&slots->slot[at], memory_order_acquire);
        if (value == 0) return 0;
        if ((value ^ hash) >> 32) continue;
        const int rc = fn(ctx, (uint32_t)value - 1);
        if (rc) return rc;
    }
}
