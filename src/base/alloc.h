/*
 * Every heap allocation of Kith goes through here, so that "fail the n-th allocation, for every n"
 * is a loop in a test (alloc_fault_*), and so that sizes from outside are multiplied with a check.
 *
 * Out of memory is an error (KITH_ENOMEM), never an abort. mem_free(NULL) is a no-op.
 * The fault counter is process-wide state: one of the few permitted globals, inert (one relaxed
 * load per allocation) unless a test arms it.
 */
#ifndef KITH_BASE_ALLOC_H
#define KITH_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

KITH_NODISCARD void *mem_alloc(size_t size);             /* uninitialised; NULL when exhausted */
KITH_NODISCARD void *mem_zalloc(size_t size);            /* zeroed */
KITH_NODISCARD void *mem_realloc(void *ptr, size_t size); /* as realloc; old stays on failure */
/* align: power of two; mem_free */
KITH_NODISCARD void *mem_alloc_aligned(size_t size, size_t align);
KITH_NODISCARD char *mem_strdup(const char *text);
KITH_NODISCARD char *mem_strndup(const char *text, size_t len);
void mem_free(void *ptr);
/* What the allocator spends on ptr: its usable bytes and, where it has one, the header in front of
 * them. 0 for NULL. */
size_t mem_size(const void *ptr);
size_t mem_room(const void *ptr); /* its usable bytes: at least what was asked for */
/* For a program that frees millions of small blocks and must answer meanwhile: from now on the
 * allocator does its housekeeping at each release and puts none off. Of the whole process. */
void mem_put_nothing_off(void);
/* Returns whole free pages to the system. Others that want memory wait meanwhile: about 75 ns for
 * each hole, 0.25 ms for each MiB returned. */
void mem_give_back(void);

/* count * size in one checked step. */
KITH_NODISCARD void *mem_alloc_array(size_t count, size_t size);
KITH_NODISCARD void *mem_zalloc_array(size_t count, size_t size);

/* false on overflow, *out untouched. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

/* Test hooks. Arm: the n-th allocation from now (1 = next) fails, once or from then on. */
void alloc_fault_arm(uint64_t nth, bool sticky);
void alloc_fault_disarm(void);
bool alloc_fault_is_armed(void); /* for those who have memory of another kind: not now */
uint64_t alloc_fault_count(void); /* allocations seen since arm */

#endif
