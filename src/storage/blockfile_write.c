/*
 * Writing a sealed file: bytes go through one buffer of 64 pages; each page's checksum is taken as
 * it leaves. Checksums, directory and trailer follow the last section. The name appears only when
 * everything is on disk: temporary name, sync, rename, sync of the directory. A failed sync is not
 * tried again.
 */
#include <string.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "storage/blockfile.h"
#include "storage/blockfile_format.h"

#define WRITE_BLOCK_BYTES ((size_t)64 * PAGE_BYTES)
#define SECTION_ALIGN 64u
#define LARGE_SECTION_BYTES ((uint64_t)256 << 10) /* these begin at a page */

static void writer_release(struct blockfile_writer *w)
{
    os_close(w->file);
    mem_free(w->temp_path);
    mem_free(w->path);
    mem_free(w->dir);
    mem_free(w->block);
    buffer_release(&w->sums);
    buffer_release(&w->directory);
    *w = (struct blockfile_writer){0};
}

void blockfile_abort(struct blockfile_writer *w)
{
    if (!w->file) return;
    os_close(w->file);
    w->file = NULL;
    const int rc = os_unlink(w->os, w->temp_path, NULL);
    (void)rc; /* a leftover .tmp is swept at the next start */
    writer_release(w);
}

static int make_paths(struct blockfile_writer *w, const char *dir, const struct file_name *name)
{
    struct file_name temporary = *name;
    temporary.temporary = true;
    char path[OS_PATH_MAX];
    w->dir = mem_strdup(dir);
    if (file_name_path(&temporary, dir, path, sizeof path)) return KITH_EINVAL;
    w->temp_path = mem_strdup(path);
    if (file_name_path(name, dir, path, sizeof path)) return KITH_EINVAL;
    w->path = mem_strdup(path);
    w->block = mem_alloc(WRITE_BLOCK_BYTES);
    return w->dir && w->temp_path && w->path && w->block ? 0 : KITH_ENOMEM;
}

static int put_header(struct blockfile_writer *w, const struct file_name *name,
                      struct kith_error *err)
{
    uint8_t header[BLOCKFILE_HEADER_BYTES] = {0};
    le32_put(header + HEADER_AT_MAGIC, HEADER_MAGIC);
    le32_put(header + HEADER_AT_KIND, (uint32_t)name->kind);
    le64_put(header + HEADER_AT_DATABASE, w->database_id);
    le64_put(header + HEADER_AT_ID, name->id);
    le64_put(header + HEADER_AT_PART, name->part);
    le32_put(header + HEADER_AT_VERSION, BLOCKFILE_VERSION);
    memcpy(header + HEADER_AT_WRITER, KITH_VERSION_TEXT, sizeof KITH_VERSION_TEXT);
    const uint64_t seed = checksum_seed(w->database_id, w->file_id, SEED_HEADER);
    le32_put(header + HEADER_AT_CHECKSUM, checksum32(header, HEADER_AT_CHECKSUM, seed));
    return blockfile_put(w, header, sizeof header, err);
}

int blockfile_create(struct blockfile_writer *w, const struct os *os, const char *dir,
                     const struct file_name *name, uint64_t database_id, struct kith_error *err)
{
    *w = (struct blockfile_writer){.os = os, .database_id = database_id};
    w->file_id = blockfile_identity(name);
    buffer_init(&w->sums);
    buffer_init(&w->directory);
    int rc = make_paths(w, dir, name);
    if (rc) {
        writer_release(w);
        return error_set(err, rc, "cannot name a new file in '%s'", dir);
    }
    rc = os_open(os, w->temp_path, OS_WRITE | OS_CREATE, &w->file, err);
    if (rc) {
        writer_release(w);
        return rc;
    }
    rc = os_truncate(w->file, 0, err); /* a leftover of a killed process */
    if (!rc) rc = put_header(w, name, err);
    if (rc) blockfile_abort(w);
    return rc;
}

/* Writes the buffer; whole pages, but for the end of the data. */
static int flush(struct blockfile_writer *w, struct kith_error *err)
{
    for (size_t at = 0; at < w->block_len; at += PAGE_BYTES) {
        const size_t left = w->block_len - at;
        const uint64_t page = (w->block_offset + at) / PAGE_BYTES;
        buffer_put_u32(&w->sums, checksum32(w->block + at, left < PAGE_BYTES ? left : PAGE_BYTES,
                                            checksum_seed(w->database_id, w->file_id, page)));
    }
    if (buffer_failed(&w->sums)) return error_set(err, KITH_ENOMEM, "no memory for checksums");
    if (w->block_len == 0) return 0;
    const int rc = os_pwrite(w->file, w->block, w->block_len, w->block_offset, err);
    w->block_offset += w->block_len;
    w->block_len = 0;
    return rc;
}

int blockfile_put(struct blockfile_writer *w, const void *data, size_t len, struct kith_error *err)
{
    const uint8_t *from = data;
    while (len > 0) {
        const size_t left = WRITE_BLOCK_BYTES - w->block_len;
        const size_t count = len < left ? len : left;
        memcpy(w->block + w->block_len, from, count);
        w->block_len += count;
        from += count;
        len -= count;
        if (w->block_len < WRITE_BLOCK_BYTES) continue;
        const int rc = flush(w, err);
        if (rc) return rc;
    }
    return 0;
}

static uint64_t position(const struct blockfile_writer *w)
{
    return w->block_offset + w->block_len;
}

static int align(struct blockfile_writer *w, uint64_t boundary, struct kith_error *err)
{
    static const uint8_t zeros[PAGE_BYTES];
    return blockfile_put(w, zeros, (size_t)((0 - position(w)) & (boundary - 1)), err);
}

int blockfile_begin(struct blockfile_writer *w, uint32_t id, size_t field, uint32_t flags,
                    uint64_t len, struct kith_error *err)
{
    const int rc = align(w, len > LARGE_SECTION_BYTES ? PAGE_BYTES : SECTION_ALIGN, err);
    if (rc) return rc;
    w->open = (struct blockfile_section){id, (uint32_t)field, flags, position(w), 0};
    return 0;
}

int blockfile_end(struct blockfile_writer *w, struct kith_error *err)
{
    if (w->directory.len / BLOCKFILE_ENTRY_BYTES >= BLOCKFILE_SECTIONS_MAX) {
        return error_set(err, KITH_ELIMIT, "a file has at most %u sections",
                         BLOCKFILE_SECTIONS_MAX);
    }
    buffer_put_u32(&w->directory, w->open.id);
    buffer_put_u32(&w->directory, w->open.field);
    buffer_put_u64(&w->directory, w->open.offset);
    buffer_put_u64(&w->directory, position(w) - w->open.offset);
    buffer_put_u32(&w->directory, w->open.flags);
    buffer_put_u32(&w->directory, 0);
    return buffer_failed(&w->directory) ? error_set(err, KITH_ENOMEM, "no memory for a directory")
                                        : 0;
}

int blockfile_add(struct blockfile_writer *w, uint32_t id, size_t field, uint32_t flags,
                  const void *data, size_t len, struct kith_error *err)
{
    int rc = blockfile_begin(w, id, field, flags, len, err);
    if (!rc) rc = blockfile_put(w, data, len, err);
    if (!rc) rc = blockfile_end(w, err);
    return rc;
}

static uint32_t sum_of(const struct blockfile_writer *w, const void *data, size_t len,
                       uint64_t where)
{
    return checksum32(data, len, checksum_seed(w->database_id, w->file_id, where));
}

/* Page checksums, directory and trailer, in one write behind the data. */
static int write_end(struct blockfile_writer *w, struct kith_error *err)
{
    const uint64_t directory = w->data_end + w->sums.len;
    const uint64_t end = directory + w->directory.len + BLOCKFILE_TRAILER_BYTES;
    uint8_t trailer[BLOCKFILE_TRAILER_BYTES] = {0};
    le32_put(trailer + TRAILER_AT_MAGIC, TRAILER_MAGIC);
    le32_put(trailer + TRAILER_AT_COUNT, (uint32_t)(w->directory.len / BLOCKFILE_ENTRY_BYTES));
    le64_put(trailer + TRAILER_AT_FILE_BYTES, end);
    le64_put(trailer + TRAILER_AT_SUMS, w->data_end);
    le64_put(trailer + TRAILER_AT_SUMS_BYTES, w->sums.len);
    le64_put(trailer + TRAILER_AT_DIRECTORY, directory);
    le32_put(trailer + TRAILER_AT_SUMS_CHECKSUM,
             sum_of(w, w->sums.data, w->sums.len, SEED_SUMS));
    le32_put(trailer + TRAILER_AT_DIRECTORY_CHECKSUM,
             sum_of(w, w->directory.data, w->directory.len, SEED_DIRECTORY));
    le32_put(trailer + TRAILER_AT_CHECKSUM,
             sum_of(w, trailer, TRAILER_AT_CHECKSUM, SEED_TRAILER));
    buffer_put(&w->sums, w->directory.data, w->directory.len);
    buffer_put(&w->sums, trailer, sizeof trailer);
    if (buffer_failed(&w->sums)) return error_set(err, KITH_ENOMEM, "no memory for checksums");
    return os_pwrite(w->file, w->sums.data, w->sums.len, w->data_end, err);
}

static int publish(struct blockfile_writer *w, struct kith_error *err)
{
    int rc = align(w, SECTION_ALIGN, err);
    if (!rc) rc = flush(w, err);
    w->data_end = position(w);
    if (!rc) rc = write_end(w, err);
    if (!rc) rc = os_sync(w->file, err);
    if (!rc) rc = os_rename(w->os, w->temp_path, w->path, err);
    return rc;
}

int blockfile_commit(struct blockfile_writer *w, struct kith_error *err)
{
    int rc = publish(w, err);
    if (rc) {
        blockfile_abort(w);
        return rc;
    }
    rc = os_sync_dir(w->os, w->dir, err);
    if (rc) {
        const int ignored = os_unlink(w->os, w->path, NULL); /* its name may not last: no file */
        (void)ignored;
    }
    writer_release(w);
    return rc;
}
