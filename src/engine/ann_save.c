/*
 * Writing a bare index (docs/formats/ann.md): sections, their page checksums, directory, header
 * last, into a file of another name; then sync, rename, sync of the directory. Nothing is visible
 * under the asked name before all of it is durable, and after a failure nothing is left behind.
 *
 * Sections of an opened index are verified on their way, so that damage is not given new, matching
 * checksums.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "engine/ann_file.h"

#define WRITE_BYTES ((size_t)1 << 20) /* a multiple of PAGE_BYTES */

static const uint8_t magic[8] = {'K', 'I', 'T', 'H', 'A', 'N', 'N', '\n'};

struct writer {
    struct os_file *file; /* owns */
    uint64_t file_id;
    uint64_t offset;         /* where the next page goes */
    struct buffer checksums;
    struct buffer directory;
    uint32_t section_count;
};

static int put_pages(struct writer *w, const uint8_t *data, size_t len, struct kith_error *err)
{
    for (size_t at = 0; at < len; at += PAGE_BYTES) {
        const uint64_t seed = checksum_seed(0, w->file_id, (w->offset + at) / PAGE_BYTES);
        buffer_put_u32(&w->checksums, checksum32(data + at, PAGE_BYTES, seed));
    }
    const int rc = os_pwrite(w->file, data, len, w->offset, err);
    if (rc == 0) w->offset += len;
    return rc;
}

static int put_last_page(struct writer *w, const uint8_t *data, size_t len, struct kith_error *err)
{
    uint8_t page[PAGE_BYTES] = {0};
    memcpy(page, data, len);
    return put_pages(w, page, sizeof page, err);
}

static int put_bytes(struct writer *w, const struct section *section, struct kith_error *err)
{
    const size_t whole = section->len / PAGE_BYTES * PAGE_BYTES;
    for (size_t at = 0; at < section->len; at += WRITE_BYTES) {
        const size_t left = section->len - at;
        const size_t len = left < WRITE_BYTES ? left : WRITE_BYTES;
        if (section_touch(section, at, len)) {
            return error_set(err, KITH_ECORRUPT, "the opened index is damaged; it is not saved");
        }
        const size_t pages = at + len <= whole ? len : whole - at;
        int rc = pages > 0 ? put_pages(w, section->data + at, pages, err) : 0;
        if (rc == 0 && pages < len) {
            rc = put_last_page(w, section->data + at + pages, len - pages, err);
        }
        if (rc) return rc;
    }
    return 0;
}

static int put_section(struct writer *w, uint32_t id, bool hot, const struct section *section,
                       struct kith_error *err)
{
    buffer_put_u32(&w->directory, id);
    buffer_put_u32(&w->directory, hot ? 1 : 0);
    buffer_put_u64(&w->directory, w->offset);
    buffer_put_u64(&w->directory, section->len);
    buffer_put_u64(&w->directory, 0);
    w->section_count++;
    return put_bytes(w, section, err);
}

static int put_sections(struct writer *w, const struct kith_ann *ann, struct kith_error *err)
{
    for (size_t i = 0; i < ann->view_count; i++) {
        const struct index_view_section *view = &ann->views[i];
        const int rc = put_section(w, view->id, ann->hot[i], &view->bytes, err);
        if (rc) return rc;
    }
    return put_section(w, ANN_VECTORS_ID, true, &ann->vectors.rows, err);
}

static void encode_header(const struct writer *w, const struct ann_spec *spec, uint64_t directory,
                          uint8_t *out)
{
    memcpy(out, magic, sizeof magic);
    le32_put(out + 8, ANN_VERSION);
    le32_put(out + 12, PAGE_BYTES);
    le64_put(out + 16, w->file_id);
    le64_put(out + 24, spec->n);
    le32_put(out + 32, spec->dim);
    le32_put(out + 36, (uint32_t)spec->type);
    le32_put(out + 40, (uint32_t)spec->metric);
    le32_put(out + 44, spec->m);
    le32_put(out + 48, spec->ef_construction);
    le32_put(out + 52, w->section_count);
    memcpy(out + 56, spec->kind, strlen(spec->kind));
    le64_put(out + 72, w->offset / PAGE_BYTES - 1);
    le64_put(out + 80, w->offset);
    le64_put(out + 88, directory);
    le64_put(out + 96, directory + w->directory.len);
    le64_put(out + 104, hash64(w->checksums.data, w->checksums.len,
                               checksum_seed(0, w->file_id, w->offset)));
    le64_put(out + 112, hash64(w->directory.data, w->directory.len,
                               checksum_seed(0, w->file_id, directory)));
    le64_put(out + 120, hash64(out, 120, 0));
}

static int put_tail(struct writer *w, const struct ann_spec *spec, struct kith_error *err)
{
    uint8_t page[PAGE_BYTES] = {0};
    while (w->checksums.len % 8 != 0 && !buffer_failed(&w->checksums)) {
        buffer_put_u8(&w->checksums, 0);
    }
    if (buffer_failed(&w->checksums) || buffer_failed(&w->directory)) {
        return error_set(err, KITH_ENOMEM, "no memory for the checksums of an index");
    }
    const uint64_t directory = w->offset + w->checksums.len;
    int rc = w->checksums.len == 0
                 ? 0
                 : os_pwrite(w->file, w->checksums.data, w->checksums.len, w->offset, err);
    if (rc == 0) rc = os_pwrite(w->file, w->directory.data, w->directory.len, directory, err);
    if (rc) return rc;
    encode_header(w, spec, directory, page);
    rc = os_pwrite(w->file, page, sizeof page, 0, err);
    return rc ? rc : os_sync(w->file, err);
}

static int write_file(const struct kith_ann *ann, const struct os *os, const char *path,
                      struct kith_error *err)
{
    struct writer w = {.offset = PAGE_BYTES};
    os_random(os, &w.file_id, sizeof w.file_id);
    buffer_init(&w.checksums);
    buffer_init(&w.directory);
    int rc = os_open(os, path, OS_WRITE | OS_CREATE | OS_EXCL, &w.file, err);
    if (rc) return rc;
    rc = put_sections(&w, ann, err);
    if (rc == 0) rc = put_tail(&w, &ann->spec, err);
    os_close(w.file);
    buffer_release(&w.checksums);
    buffer_release(&w.directory);
    if (rc) {
        const int ignored = os_unlink(os, path, NULL);
        (void)ignored; /* the first error is the one to report */
    }
    return rc;
}

/* "a/b" gives "a", "/b" gives "/", "b" gives ".". */
static void parent_of(const char *path, char *out)
{
    const char *slash = strrchr(path, '/');
    const size_t len = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(out, slash ? path : ".", slash ? len : 1);
    out[slash ? len : 1] = '\0';
}

static int publish(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    char parent[OS_PATH_MAX];
    parent_of(to, parent);
    const int rc = os_rename(os, from, to, err);
    if (rc) {
        const int ignored = os_unlink(os, from, NULL);
        (void)ignored;
        return rc;
    }
    return os_sync_dir(os, parent, err);
}

int ann_save(const struct kith_ann *ann, const struct os *os, const char *path,
             struct kith_error *err)
{
    char other[OS_PATH_MAX];
    uint64_t unique;
    os_random(os, &unique, sizeof unique);
    const int len = snprintf(other, sizeof other, "%s.%016llx.tmp", path,
                             (unsigned long long)unique);
    if (len < 0 || (size_t)len >= sizeof other) {
        return error_set(err, KITH_EINVAL, "the path of the index is too long");
    }
    const int rc = write_file(ann, os, other, err);
    return rc ? rc : publish(os, other, path, err);
}
