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
#include "os/os.h"

#define LINE_BYTES 64u

static void *counted(struct heap *heap, void *ptr)
{
    if (ptr) heap_count(heap, mem_size(ptr));
    return ptr;
}

void *heap_alloc(struct heap *heap, size_t size)
{
    return counted(heap, mem_alloc(size));
}

void *heap_zalloc(struct heap *heap, size_t size)
{
    return counted(heap, mem_zalloc(size));
}

void *heap_alloc_line(struct heap *heap, size_t size)
{
    return counted(heap, mem_alloc_aligned(size, LINE_BYTES));
}

void *heap_realloc(struct heap *heap, void *ptr, size_t size)
{
    size_t before = mem_size(ptr);
    void *fresh = mem_realloc(ptr, size);
    if (!fresh) return NULL;
    heap_uncount(heap, before);
    return counted(heap, fresh);
}

void heap_free(struct heap *heap, void *ptr)
{
    if (!ptr) return;
    heap_uncount(heap, mem_size(ptr));
    mem_free(ptr);
}

size_t heap_size(const void *ptr)
{
    return mem_size(ptr);
}

size_t heap_room(const void *ptr)
{
    return mem_room(ptr);
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
