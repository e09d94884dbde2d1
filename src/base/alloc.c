/*
 * The only caller of malloc. What it adds to the C library: sizes that overflow are refused, size
 * zero yields a valid pointer (so NULL means exhausted and nothing else), and a test may make the
 * n-th allocation fail.
 *
 * The fault state is global so that it reaches every allocation of every thread; it is inert until
 * armed. Arming is for tests that have no other thread allocating at that moment: the fields are
 * atomic, but (nth, sticky) is not set in one step. What is armed before a thread starts is seen by
 * that thread.
 */
#include "base/alloc.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool fault_armed;
static atomic_bool fault_sticky;
static _Atomic uint64_t fault_nth;
static _Atomic uint64_t fault_seen;

void alloc_fault_arm(uint64_t nth, bool sticky)
{
    atomic_store(&fault_nth, nth);
    atomic_store(&fault_sticky, sticky);
    atomic_store(&fault_seen, 0);
    atomic_store(&fault_armed, true);
}

void alloc_fault_disarm(void) { atomic_store(&fault_armed, false); }

uint64_t alloc_fault_count(void) { return atomic_load(&fault_seen); }

bool alloc_fault_is_armed(void)
{
    return atomic_load_explicit(&fault_armed, memory_order_relaxed);
}

static bool counted_fault(void)
{
    uint64_t seen = atomic_fetch_add(&fault_seen, 1) + 1;
    uint64_t nth = atomic_load(&fault_nth);
    return seen == nth || (seen > nth && atomic_load(&fault_sticky));
}

static inline bool must_fail(void)
{
    return atomic_load_explicit(&fault_armed, memory_order_relaxed) && counted_fault();
}

void *mem_alloc(size_t size) { return must_fail() ? NULL : malloc(size ? size : 1); }

void *mem_zalloc(size_t size) { return must_fail() ? NULL : calloc(1, size ? size : 1); }

void *mem_realloc(void *ptr, size_t size)
{
    return must_fail() ? NULL : realloc(ptr, size ? size : 1);
}

void *mem_alloc_aligned(size_t size, size_t align)
{
    if (must_fail()) return NULL;
    if (align < sizeof(void *)) align = sizeof(void *);
    void *ptr = NULL;
    return posix_memalign(&ptr, align, size ? size : 1) == 0 ? ptr : NULL;
}

void mem_free(void *ptr) { free(ptr); }

/* Of jemalloc, where the program is linked with it: then no block has a header. */
extern __attribute__((weak)) int mallctl(const char *name, void *old, size_t *old_len, void *fresh,
                                         size_t fresh_len);

size_t mem_room(const void *ptr) { return malloc_usable_size((void *)(uintptr_t)ptr); }

size_t mem_size(const void *ptr)
{
    if (!ptr) return 0;
    return mem_room(ptr) + (mallctl ? 0 : sizeof(size_t));
}

/* glibc keeps small blocks apart when they are freed and joins them all when somebody wants a large
 * one: 0.4 s after a million keys have expired. And it returns the end of its heap when that has
 * become large, which takes long, too. */
void mem_put_nothing_off(void)
{
#ifdef M_MXFAST
    (void)mallopt(M_MXFAST, 0);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

void mem_give_back(void)
{
#ifdef M_MXFAST
    if (!mallctl) (void)malloc_trim(0);
#endif
}

char *mem_strndup(const char *text, size_t len)
{
    size_t size;
    if (!size_add(len, 1, &size)) return NULL;
    char *copy = mem_alloc(size);
    if (!copy) return NULL;
    if (len > 0) memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

char *mem_strdup(const char *text) { return mem_strndup(text, strlen(text)); }

void *mem_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    return size_mul(count, size, &bytes) ? mem_alloc(bytes) : NULL;
}

void *mem_zalloc_array(size_t count, size_t size)
{
    size_t bytes;
    return size_mul(count, size, &bytes) ? mem_zalloc(bytes) : NULL;
}
