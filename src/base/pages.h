/*
 * Verified at first touch: a section of a file, its page checksums, and one bit per page that
 * says "seen intact". What a mapped file holds is untrusted until its page's bit is set.
 *
 * `struct section` is the way every reader above gets at file bytes: pointer, length, guard.
 * guard == NULL means the bytes are already verified (heap memory or a hot copy) and the check
 * is free. Threading: bits are set with relaxed atomic OR; two threads may verify one page twice.
 */
#ifndef KITH_BASE_PAGES_H
#define KITH_BASE_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PAGE_BYTES 4096u

struct page_guard {
    const uint8_t *base;      /* borrows: first byte of the page-aligned range it covers */
    size_t len;               /* bytes covered; the last page may be short */
    const uint8_t *checksums; /* borrows: u32 LE per page */
    uint64_t database_id;
    uint64_t file_id;
    uint64_t first_page;      /* page number of base within the file */
    _Atomic uint64_t *seen;   /* owns: one bit per page */
    atomic_bool damaged;      /* set once a page failed */
};

struct section {
    const uint8_t *data; /* borrows */
    size_t len;
    struct page_guard *guard; /* borrows; NULL: verified */
};

KITH_NODISCARD int page_guard_init(struct page_guard *guard, const uint8_t *base, size_t len,
                                   const uint8_t *checksums, uint64_t database_id,
                                   uint64_t file_id, uint64_t first_page);
void page_guard_release(struct page_guard *guard);
/* Verifies pages [page, page + count) not yet seen. 0 or KITH_ECORRUPT. */
int page_guard_verify(struct page_guard *guard, size_t page, size_t count);

/* 0 when bytes [offset, offset + len) of the section are inside it and verified. */
static inline int section_touch(const struct section *section, size_t offset, size_t len)
{
    if (len > section->len || offset > section->len - len) return KITH_ECORRUPT;
    struct page_guard *guard = section->guard;
    if (!guard || len == 0) return 0;
    size_t at = (size_t)(section->data - guard->base) + offset;
    size_t first = at / PAGE_BYTES;
    size_t last = (at + len - 1) / PAGE_BYTES;
    if (first == last) {
        uint64_t word = atomic_load_explicit(&guard->seen[first / 64], memory_order_relaxed);
        if ((word >> (first % 64)) & 1) return 0;
    }
    return page_guard_verify(guard, first, last - first + 1);
}

#endif
