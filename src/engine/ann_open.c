/*
 * Opening a bare index file (docs/formats/ann.md) by mapping it. The file is untrusted: every
 * position is computed from counts that are compared with the file's size, in arithmetic that
 * cannot wrap, and then only compared with what the file says. Sections stay unverified until a
 * search touches their pages, or are verified and copied when `pin` asks for it.
 *
 * A file that another process shortens while it is mapped ends this one by a signal; files are
 * replaced by renaming, never changed, so that does not happen among users of Kith.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "engine/ann_file.h"

#define COPY_BYTES ((size_t)1 << 20)
#define FILE_BYTES_MAX ((uint64_t)1 << 47) /* what an address space holds; sums below cannot wrap */

static const uint8_t magic[8] = {'K', 'I', 'T', 'H', 'A', 'N', 'N', '\n'};

struct layout { /* of a file whose header holds together */
    uint64_t file_id;
    uint64_t pages;
    uint64_t checksums;
    uint64_t directory;
    uint64_t sections;
    uint64_t checksums_sum;
    uint64_t directory_sum;
};

static int damaged(struct kith_error *err, uint64_t offset, const char *what)
{
    return error_set_at(err, KITH_ECORRUPT, offset, "index file: %s; restore or rebuild it", what);
}

/* ---- header ---- */

static int check_identity(const uint8_t *map, size_t len, struct kith_error *err)
{
    if (len < PAGE_BYTES) return damaged(err, len, "it ends before its header does");
    if (memcmp(map, magic, sizeof magic) != 0) return damaged(err, 0, "it does not begin as one");
    if (hash64(map, 120, 0) != le64_get(map + 120)) {
        return damaged(err, 120, "the header's checksum is wrong");
    }
    if (le32_get(map + 8) != ANN_VERSION) {
        return error_set_at(err, KITH_EVERSION, 8, "index file: version %u; this program reads %u",
                            le32_get(map + 8), ANN_VERSION);
    }
    if (le32_get(map + 12) != PAGE_BYTES) return damaged(err, 12, "pages of an unknown size");
    for (size_t i = ANN_HEADER_BYTES; i < PAGE_BYTES; i++) {
        if (map[i] != 0) return damaged(err, i, "bytes after the header are not zero");
    }
    return 0;
}

static int read_spec(const uint8_t *map, struct ann_spec *spec, struct kith_error *err)
{
    *spec = (struct ann_spec){
        .n = le64_get(map + 24),
        .dim = le32_get(map + 32),
        .type = (enum kith_type)le32_get(map + 36),
        .metric = (enum kith_metric)le32_get(map + 40),
        .m = le32_get(map + 44),
        .ef_construction = le32_get(map + 48),
    };
    memcpy(spec->kind, map + 56, ANN_KIND_BYTES);
    if (spec->kind[ANN_KIND_BYTES - 1] != '\0') return damaged(err, 56, "the kind has no end");
    if (spec->metric == KITH_METRIC_DEFAULT) return damaged(err, 40, "it names no metric");
    if (ann_spec_check(spec, err)) {
        return error_wrap(err, KITH_ECORRUPT, "index file: the header makes no sense");
    }
    return 0;
}

static int read_layout(const uint8_t *map, size_t len, struct layout *out, struct kith_error *err)
{
    struct layout l = {
        .file_id = le64_get(map + 16),
        .sections = le32_get(map + 52),
        .pages = le64_get(map + 72),
        .checksums_sum = le64_get(map + 104),
        .directory_sum = le64_get(map + 112),
    };
    if (l.sections < 1 || l.sections > ANN_SECTIONS_MAX) {
        return damaged(err, 52, "an impossible number of sections");
    }
    if (len > FILE_BYTES_MAX || l.pages > len / PAGE_BYTES) {
        return damaged(err, 72, "it is shorter than its header says");
    }
    l.checksums = PAGE_BYTES * (1 + l.pages);
    l.directory = l.checksums + (4 * l.pages + 7) / 8 * 8;
    if (l.directory + ANN_ENTRY_BYTES * l.sections != len || le64_get(map + 80) != l.checksums ||
        le64_get(map + 88) != l.directory || le64_get(map + 96) != len) {
        return damaged(err, 80, "its size is not what its header says");
    }
    *out = l;
    return 0;
}

static int check_tail(const uint8_t *map, const struct layout *l, size_t len,
                      struct kith_error *err)
{
    if (hash64(map + l->checksums, (size_t)(l->directory - l->checksums),
               checksum_seed(0, l->file_id, l->checksums)) != l->checksums_sum) {
        return damaged(err, l->checksums, "the page checksums are damaged");
    }
    if (hash64(map + l->directory, len - (size_t)l->directory,
               checksum_seed(0, l->file_id, l->directory)) != l->directory_sum) {
        return damaged(err, l->directory, "the directory is damaged");
    }
    return 0;
}

/* ---- sections ---- */

/* Copies and verifies, so that what is pinned can be trusted without its guard. */
static int pin_section(struct kith_ann *ann, struct section *section, struct kith_error *err)
{
    if (section->len == 0) return 0;
    uint8_t *copy = os_pages_alloc(ann->os, section->len);
    if (!copy) return error_set(err, KITH_ENOMEM, "no memory to pin %zu bytes", section->len);
    ann->pinned[ann->pinned_count++] = (struct ann_pinned){copy, section->len};
    for (size_t at = 0; at < section->len; at += COPY_BYTES) {
        const size_t left = section->len - at;
        const size_t len = left < COPY_BYTES ? left : COPY_BYTES;
        if (section_touch(section, at, len)) {
            return damaged(err, (uint64_t)(section->data - ann->map) + at, "a page is damaged");
        }
        memcpy(copy + at, section->data + at, len);
    }
    *section = (struct section){.data = copy, .len = section->len};
    return 0;
}

/* Reads entry i; *at is where its section has to begin, and then where the next one has to. */
static int read_entry(struct kith_ann *ann, const struct layout *l, size_t i, uint64_t *at,
                      struct index_view_section *out, struct kith_error *err)
{
    const uint64_t position = l->directory + ANN_ENTRY_BYTES * i;
    const uint8_t *entry = ann->map + position;
    const uint64_t len = le64_get(entry + 16);
    const bool last = i + 1 == l->sections;
    if (le64_get(entry + 8) != *at || len > l->checksums - *at || le64_get(entry + 24) != 0) {
        return damaged(err, position, "a section is not where it has to be");
    }
    if (le32_get(entry + 4) > 1 || (le32_get(entry) == ANN_VECTORS_ID) != last) {
        return damaged(err, position, "a section's number or flags are unknown");
    }
    out->id = le32_get(entry);
    out->bytes = (struct section){ann->map + *at, (size_t)len, &ann->guard};
    *at += (len + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    return 0;
}

static int place_vectors(struct kith_ann *ann, struct section rows, struct kith_error *err)
{
    const size_t len = rows.len;
    const int rc = ann_vectors_set(ann, rows, err);
    if (rc) return error_wrap(err, KITH_ECORRUPT, "index file");
    if (ann->vectors.rows.len != len) return damaged(err, 24, "it does not hold n vectors");
    return 0;
}

static int read_sections(struct kith_ann *ann, const struct layout *l, bool pin,
                         struct kith_error *err)
{
    uint64_t at = PAGE_BYTES;
    for (size_t i = 0; i < l->sections; i++) {
        struct index_view_section view;
        const bool hot = le32_get(ann->map + l->directory + ANN_ENTRY_BYTES * i + 4) & 1;
        int rc = read_entry(ann, l, i, &at, &view, err);
        if (rc == 0 && pin && hot) rc = pin_section(ann, &view.bytes, err);
        if (rc == 0 && view.id == ANN_VECTORS_ID) rc = place_vectors(ann, view.bytes, err);
        if (rc) return rc;
        if (view.id == ANN_VECTORS_ID) continue;
        ann->hot[ann->view_count] = hot;
        ann->views[ann->view_count++] = view;
    }
    return at == l->checksums ? 0 : damaged(err, at, "there are pages of no section");
}

/* ---- open ---- */

static int map_file(struct kith_ann *ann, const char *path, struct kith_error *err)
{
    struct os_file *file = NULL;
    uint64_t size = 0;
    int rc = os_open(ann->os, path, OS_READ, &file, err);
    if (rc) return rc;
    rc = os_size(file, &size, err);
    if (rc == 0 && (size < PAGE_BYTES || size > FILE_BYTES_MAX)) {
        rc = damaged(err, size, "it is too short or too long to be one");
    }
    if (rc == 0) rc = os_map(file, (size_t)size, &ann->map, err);
    if (rc == 0) ann->map_len = (size_t)size;
    os_close(file);
    return rc;
}

static int open_map(struct kith_ann *ann, bool pin, struct kith_error *err)
{
    struct layout l = {0};
    int rc = check_identity(ann->map, ann->map_len, err);
    if (rc == 0) rc = read_spec(ann->map, &ann->spec, err);
    if (rc == 0) rc = read_layout(ann->map, ann->map_len, &l, err);
    if (rc == 0) rc = check_tail(ann->map, &l, ann->map_len, err);
    if (rc) return rc;
    if (page_guard_init(&ann->guard, ann->map + PAGE_BYTES, (size_t)(l.pages * PAGE_BYTES),
                        ann->map + l.checksums, 0, l.file_id, 1)) {
        return error_set(err, KITH_ENOMEM, "no memory to open an index file");
    }
    rc = read_sections(ann, &l, pin, err);
    return rc ? rc : ann_index_open(ann, err);
}

int ann_open(const struct os *os, const char *path, bool pin, struct kith_ann **out,
             struct kith_error *err)
{
    struct kith_ann *ann = mem_zalloc(sizeof *ann);
    if (!ann) return error_set(err, KITH_ENOMEM, "no memory to open an index file");
    ann->os = os;
    int rc = map_file(ann, path, err);
    if (rc == 0) rc = open_map(ann, pin, err);
    if (rc) {
        kith_ann_free(ann);
        return error_wrap(err, rc, "%s", path);
    }
    *out = ann;
    return 0;
}
