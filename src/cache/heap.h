/*
 * The memory of a keyspace, counted: what `used_memory` says and `maxmemory` bounds. Every byte
 * that
 * a key, a value or a table of the cache holds is taken through here; the count is of what the
 * allocator really gave (its usable size and its header), so it follows RssAnon.
 *
 * A container keeps a pointer to its heap. The count is atomic (relaxed): values are also freed by
 * a background thread, without the keyspace lock.
 */
#ifndef KITH_CACHE_HEAP_H
#define KITH_CACHE_HEAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heap {
    _Atomic size_t used;
    uint64_t seed; /* of the hash tables inside values; set once, when the heap is made */
};

KITH_NODISCARD void *heap_alloc(struct heap *heap, size_t size);
KITH_NODISCARD void *heap_zalloc(struct heap *heap, size_t size);
/* old stays on failure */
KITH_NODISCARD void *heap_realloc(struct heap *heap, void *ptr, size_t size);
void heap_free(struct heap *heap, void *ptr); /* NULL is a no-op */
/* Aligned to 64 bytes; heap_free. */
KITH_NODISCARD void *heap_alloc_line(struct heap *heap, size_t size);
/* Zeroed memory that costs nothing until it is touched, of a size known to its owner. It is counted
 * by who touches it, with heap_count. */
KITH_NODISCARD void *heap_pages_alloc(size_t size);
void heap_pages_free(void *ptr, size_t size);
#define HEAP_PAGES_MIN ((size_t)256 << 10) /* smaller ones are ordinary memory */
/* Of one that is not smaller: a part that is not used for now, in multiples of 4 KiB, which is zero
 * afterwards. */
void heap_pages_drop(void *ptr, size_t size);
static inline void heap_count(struct heap *heap, size_t more)
{
    atomic_fetch_add_explicit(&heap->used, more, memory_order_relaxed);
}
static inline void heap_uncount(struct heap *heap, size_t less)
{
    atomic_fetch_sub_explicit(&heap->used, less, memory_order_relaxed);
}
size_t heap_size(const void *ptr); /* what ptr counts for; 0 for NULL */
size_t heap_room(const void *ptr); /* the bytes that may be used: at least what was asked for */
static inline size_t heap_used(const struct heap *heap)
{
    return atomic_load_explicit(&heap->used, memory_order_relaxed);
}

#endif
