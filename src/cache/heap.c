/*
 * Counted memory: base/alloc.h plus one relaxed atomic addition. What is counted is mem_size(), the
 * bytes that the allocator really spends, so that `maxmemory` bounds what the system sees and not
 * what was asked for; an allocation and its release count the same.
 *
 * Pages are for arrays that grow in place: from 256 KiB on they come straight from the system,
 * which zeroes a page when it is first touched, so that reserving a large array takes no time and
 * its cost is spread over those who fill it. They are small pages: a huge one is 2 MiB to be zeroed
 * at once, 4 ms were seen on a virtual machine, and saved 7 % of a lookup among 3 million keys.
 * Below 256 KiB they are ordinary zeroed memory aligned to a cache line.
 *
 * Threading: the counter may be changed by any thread; nothing else is shared.
 */
#include "cache/heap.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/block.h"
#include "os/os.h"

#define LINE_BYTES 64u

/* Who looks for errors of memory sees them in the system's allocations. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KITH_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KITH_BLOCKS 0
#endif
#endif
#ifndef KITH_BLOCKS
#define KITH_BLOCKS 1
#endif

static void *counted(struct heap *heap, void *ptr)
{
    if (ptr) heap_count(heap, heap_size(ptr));
    return ptr;
}

/* A block when the size is one of theirs. Failing allocations are the system's. */
static void *block_or_not(size_t size)
{
    if (!KITH_BLOCKS || size < BLOCK_BYTES_MIN || size > BLOCK_BYTES_MAX) return NULL;
    return alloc_fault_is_armed() ? NULL : block_alloc(size);
}

void *heap_alloc(struct heap *heap, size_t size)
{
    void *block = block_or_not(size);
    return counted(heap, block ? block : mem_alloc(size));
}

void *heap_zalloc(struct heap *heap, size_t size)
{
    return counted(heap, mem_zalloc(size));
}

void *heap_alloc_line(struct heap *heap, size_t size)
{
    return counted(heap, mem_alloc_aligned(size, LINE_BYTES));
}

/* To, from, or between blocks. */
static void *move(struct heap *heap, void *ptr, size_t size)
{
    const size_t room = heap_room(ptr);
    if (block_is_one(ptr) && size <= room && size >= room - room / 4) return ptr;
    void *fresh = heap_alloc(heap, size);
    if (!fresh) return NULL;
    memcpy(fresh, ptr, room < size ? room : size);
    heap_free(heap, ptr);
    return fresh;
}

void *heap_realloc(struct heap *heap, void *ptr, size_t size)
{
    const bool blocks = KITH_BLOCKS && size >= BLOCK_BYTES_MIN && size <= BLOCK_BYTES_MAX;
    if (ptr && (blocks || block_is_one(ptr))) return move(heap, ptr, size);
    size_t before = mem_size(ptr);
    void *fresh = mem_realloc(ptr, size);
    if (!fresh) return NULL;
    heap_uncount(heap, before);
    return counted(heap, fresh);
}

void heap_free(struct heap *heap, void *ptr)
{
    if (!ptr) return;
    heap_uncount(heap, heap_size(ptr));
    if (block_is_one(ptr)) block_free(ptr);
    else mem_free(ptr);
}

size_t heap_size(const void *ptr)
{
    return ptr && block_is_one(ptr) ? block_size(ptr) : mem_size(ptr);
}

size_t heap_room(const void *ptr)
{
    return ptr && block_is_one(ptr) ? block_size(ptr) : mem_room(ptr);
}

void *heap_pages_alloc(size_t size)
{
    if (size >= HEAP_PAGES_MIN) return os_lazy_pages_alloc(size);
    void *ptr = mem_alloc_aligned(size, LINE_BYTES);
    if (ptr) memset(ptr, 0, size);
    return ptr;
}

void heap_pages_drop(void *ptr, size_t size)
{
    os_lazy_pages_drop(ptr, size);
}

void heap_pages_free(void *ptr, size_t size)
{
    if (size >= HEAP_PAGES_MIN) {
        os_lazy_pages_free(ptr, size);
    } else {
        mem_free(ptr);
    }
}
