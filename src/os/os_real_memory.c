/*
 * Mapped files and anonymous pages of the real machine.
 *
 * A mapping is checked against the file's size first: a page past the end would be a SIGBUS
 * later instead of a status now. Anonymous memory from 2 MiB on is aligned to 2 MiB and advised
 * for huge pages, which is worth up to 1.8 times on random rows (docs/ARCHITECTURE.md); below
 * that size the alignment would waste more than it gives.
 */
#include "os/os_real.h"

#include <errno.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static int map_file(struct os_file *file, size_t len, int protection, void **out,
                    struct kith_error *err)
{
    const struct real_file *real = (const struct real_file *)file;
    uint64_t size;
    int rc = real_size(file, &size, err);
    if (rc) return rc;
    if (size < len)
        return error_set(err, KITH_EINVAL, "map '%s': the file has %llu bytes, not %zu",
                         real->path, (unsigned long long)size, len);
    void *ptr = mmap(NULL, len, protection, MAP_SHARED, real->fd, 0);
    if (ptr == MAP_FAILED) return os_errno_set(err, errno, "map", real->path);
    *out = ptr;
    return 0;
}

int real_map(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err)
{
    void *ptr = NULL;
    int rc = map_file(file, len, PROT_READ, &ptr, err);
    if (rc == 0) *out = ptr;
    return rc;
}

int real_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                    struct kith_error *err)
{
    void *ptr = NULL;
    int rc = map_file(file, len, writable ? PROT_READ | PROT_WRITE : PROT_READ, &ptr, err);
    if (rc == 0) *out = ptr;
    return rc;
}

/* munmap and madvise take void * although they do not write. */
static void *without_const(const uint8_t *ptr)
{
    return (void *)(uintptr_t)ptr;
}

void real_unmap(const struct os *os, const uint8_t *ptr, size_t len)
{
    (void)os;
    (void)munmap(without_const(ptr), len);
}

void real_advise(const struct os *os, const uint8_t *ptr, size_t len, enum os_advice advice)
{
    (void)os;
    static const int advices[] = {
        [OS_ADVICE_NORMAL] = MADV_NORMAL,
        [OS_ADVICE_RANDOM] = MADV_RANDOM,
        [OS_ADVICE_SEQUENTIAL] = MADV_SEQUENTIAL,
        [OS_ADVICE_WILLNEED] = MADV_WILLNEED,
    };
    uintptr_t skew = (uintptr_t)ptr & 4095u; /* madvise wants a page boundary */
    (void)madvise(without_const(ptr - skew), len + skew, advices[advice]);
}

static void *map_anonymous(size_t len)
{
    void *ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return ptr == MAP_FAILED ? NULL : ptr;
}

void *real_pages_alloc(const struct os *os, size_t len)
{
    (void)os;
    if (len > SIZE_MAX - 2 * HUGE_PAGE_BYTES) return NULL;
    if (len < HUGE_PAGE_BYTES) return map_anonymous(len);
    size_t whole = (len + 4095u) & ~(size_t)4095u;
    uint8_t *raw = map_anonymous(whole + HUGE_PAGE_BYTES);
    if (!raw) return NULL;
    size_t skew = (size_t)(-(uintptr_t)raw & (HUGE_PAGE_BYTES - 1));
    if (skew) (void)munmap(raw, skew);
    if (HUGE_PAGE_BYTES - skew) (void)munmap(raw + skew + whole, HUGE_PAGE_BYTES - skew);
    (void)madvise(raw + skew, whole, MADV_HUGEPAGE); /* without huge pages: slower, not wrong */
    return raw + skew;
}

void real_pages_free(const struct os *os, void *ptr, size_t len)
{
    (void)os;
    (void)munmap(ptr, len);
}

void *os_lazy_pages_alloc(size_t len)
{
    return map_anonymous(len);
}

void *os_addresses(size_t len)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (ptr == MAP_FAILED) return NULL;
    (void)madvise(ptr, len, MADV_NOHUGEPAGE);
    (void)madvise(ptr, len, MADV_DONTDUMP);
    return ptr;
}

void os_lazy_pages_drop(void *ptr, size_t len)
{
    (void)madvise(ptr, len, MADV_DONTNEED);
}

void os_lazy_pages_free(void *ptr, size_t len)
{
    if (ptr) (void)munmap(ptr, len);
}
