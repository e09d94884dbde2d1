/*
 * See reader_page.h.
 */
#include "engine/reader_page.h"

#include <stdatomic.h>
#include <string.h>

#include "engine/identity.h"

enum { AT_MAGIC = 0, AT_DATABASE = 8, AT_BOOT = 16, AT_CHANGES = 64, AT_JOURNAL = 72, AT_LOG = 80 };
static const char magic[8] = { 'K', 'I', 'T', 'H', 'P', 'A', 'G', 'E' };

static _Atomic uint64_t *cell(const struct reader_page *page, size_t at)
{
    return (_Atomic uint64_t *)(void *)(page->map + at);
}

static uint64_t cell_get(const struct reader_page *page, size_t at)
{
    return atomic_load_explicit(cell(page, at), memory_order_acquire);
}

static void cell_set(struct reader_page *page, size_t at, uint64_t value)
{
    atomic_store_explicit(cell(page, at), value, memory_order_release);
}

/* Written, not only reserved: a store into a mapped page must not find the disk full. */
static int make_whole(struct os_file *file, struct kith_error *err)
{
    static const uint8_t zeros[READER_PAGE_BYTES];
    uint64_t size;
    int rc = os_size(file, &size, err);
    if (rc || size >= READER_PAGE_BYTES) return rc;
    return os_pwrite(file, zeros + size, (size_t)(READER_PAGE_BYTES - size), size, err);
}

int reader_page_open(struct reader_page *page, const struct os *os, const char *dir, bool writable,
                     struct kith_error *err)
{
    char path[OS_PATH_MAX];
    struct os_file *file;
    int rc = path_join(path, dir, READER_PAGE_NAME, err);
    if (rc == 0) rc = os_open(os, path, writable ? OS_WRITE | OS_CREATE : OS_READ, &file, err);
    if (rc) return rc;
    uint64_t size = READER_PAGE_BYTES;
    rc = writable ? make_whole(file, err) : os_size(file, &size, err);
    if (rc == 0 && size < READER_PAGE_BYTES)
        rc = error_set(err, KITH_ENOTFOUND, "'%.300s' is being made", path);
    uint8_t *map = NULL;
    if (rc == 0) rc = os_map_shared(file, READER_PAGE_BYTES, writable, &map, err);
    os_close(file);
    if (rc == 0) *page = (struct reader_page){ os, map, os_boot_id(os) };
    return rc;
}

void reader_page_close(struct reader_page *page)
{
    if (page->map) os_unmap(page->os, page->map, READER_PAGE_BYTES);
    page->map = NULL;
}

static uint64_t pack(uint64_t number, uint64_t offset)
{
    return number << 32 | (offset / 8 & UINT32_MAX);
}

static void changed(struct reader_page *page)
{
    atomic_fetch_add_explicit(cell(page, AT_CHANGES), 1, memory_order_release);
}

void reader_page_set_journal(struct reader_page *page, struct journal_place place)
{
    cell_set(page, AT_JOURNAL, pack(place.number, place.end));
    changed(page);
}

void reader_page_set_log(struct reader_page *page, struct wal_place place)
{
    cell_set(page, AT_LOG, pack(place.number, place.offset));
    changed(page);
}

void reader_page_begin(struct reader_page *page, uint64_t database_id)
{
    uint64_t text;
    memcpy(&text, magic, sizeof text);
    cell_set(page, AT_DATABASE, database_id);
    cell_set(page, AT_MAGIC, text);
    cell_set(page, AT_BOOT, page->boot_id);
    changed(page);
}

bool reader_page_valid(const struct reader_page *page, uint64_t database_id)
{
    uint64_t text;
    memcpy(&text, magic, sizeof text);
    return page->map && cell_get(page, AT_BOOT) == page->boot_id &&
           cell_get(page, AT_MAGIC) == text && cell_get(page, AT_DATABASE) == database_id;
}

uint64_t reader_page_changes(const struct reader_page *page) { return cell_get(page, AT_CHANGES); }

struct journal_place reader_page_journal(const struct reader_page *page)
{
    const uint64_t packed = cell_get(page, AT_JOURNAL);
    return (struct journal_place){ packed >> 32, (packed & UINT32_MAX) * 8 };
}

struct wal_place reader_page_log(const struct reader_page *page)
{
    const uint64_t packed = cell_get(page, AT_LOG);
    return (struct wal_place){ packed >> 32, (packed & UINT32_MAX) * 8 };
}
