/*
 * Page verification at first touch. The checksum of page i of the guarded range is
 *
 *     checksum32(its bytes, its length, checksum_seed(database_id, file_id, first_page + i))
 *
 * where the last page may be short. Identity and position are in the seed, so a page of another
 * file or another place does not verify even when it is intact.
 *
 * Threading: a bit goes from 0 to 1 once its page was found intact and never back. Relaxed order
 * suffices: the bit publishes nothing but the fact itself, the bytes are an immutable file's. A
 * damaged page keeps its bit at 0 and fails at every touch.
 */
#include "base/pages.h"

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"

static size_t page_count(size_t len) { return len / PAGE_BYTES + (len % PAGE_BYTES != 0); }

int page_guard_init(struct page_guard *guard, const uint8_t *base, size_t len,
                    const uint8_t *checksums, uint64_t database_id, uint64_t file_id,
                    uint64_t first_page)
{
    _Atomic uint64_t *seen = mem_zalloc_array(page_count(len) / 64 + 1, sizeof *seen);
    if (!seen) return KITH_ENOMEM;
    *guard = (struct page_guard){
        .base = base,
        .len = len,
        .checksums = checksums,
        .database_id = database_id,
        .file_id = file_id,
        .first_page = first_page,
        .seen = seen,
    };
    return 0;
}

void page_guard_release(struct page_guard *guard)
{
    mem_free(guard->seen);
    *guard = (struct page_guard){0};
}

static bool page_is_intact(const struct page_guard *guard, size_t page)
{
    size_t offset = page * PAGE_BYTES;
    size_t left = guard->len - offset;
    uint64_t seed = checksum_seed(guard->database_id, guard->file_id, guard->first_page + page);
    uint32_t sum = checksum32(guard->base + offset, left < PAGE_BYTES ? left : PAGE_BYTES, seed);
    return sum == le32_get(guard->checksums + page * sizeof(uint32_t));
}

static int verify_page(struct page_guard *guard, size_t page)
{
    _Atomic uint64_t *word = &guard->seen[page / 64];
    uint64_t bit = 1ull << (page % 64);
    if (atomic_load_explicit(word, memory_order_relaxed) & bit) return 0;
    if (!page_is_intact(guard, page)) {
        atomic_store_explicit(&guard->damaged, true, memory_order_relaxed);
        return KITH_ECORRUPT;
    }
    atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    return 0;
}

int page_guard_verify(struct page_guard *guard, size_t page, size_t count)
{
    size_t pages = page_count(guard->len);
    if (page > pages || count > pages - page) return KITH_ECORRUPT;
    for (size_t i = page; i < page + count; i++) {
        int rc = verify_page(guard, i);
        if (rc != 0) return rc;
    }
    return 0;
}
