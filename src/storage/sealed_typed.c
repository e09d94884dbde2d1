/*
 * Reading typed columns of JSON paths: see sealed_typed.h. The list of paths is searched from its
 * start: it is short, and asked for once a chunk and condition.
 */
#include "storage/sealed_typed.h"

#include <string.h>

#include "base/endian.h"

struct typed_place {
    size_t slot;   /* of the field among those that have paths */
    size_t number; /* of the path among those of the field */
    size_t count;  /* of paths of the field */
    enum kith_type type;
};

static int bad(const struct section *section)
{
    if (section->guard) {
        atomic_store_explicit(&section->guard->damaged, true, memory_order_relaxed);
    }
    return KITH_ECORRUPT;
}

/* KITH_EUNSUPPORTED: there is no column of the path. */
static int find_path(const struct section *paths, size_t field, struct kith_str path,
                     struct typed_place *out)
{
    if (section_touch(paths, 0, paths->len) || paths->len < 4) return KITH_ECORRUPT;
    const uint32_t count = le32_get(paths->data);
    size_t at = 4;
    uint32_t last = UINT32_MAX;
    bool found = false;
    *out = (struct typed_place){.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        if (paths->len - at < 12) return bad(paths);
        const uint8_t *entry = paths->data + at;
        const size_t len = le32_get(entry + 8);
        if (paths->len - at - 12 < len) return bad(paths);
        const uint32_t of = le32_get(entry);
        if (of > field) break;
        if (of != field && of != last) out->slot++;
        last = of;
        if (of == field && !found && len == path.len && memcmp(entry + 12, path.data, len) == 0) {
            found = true;
            out->number = out->count;
            out->type = (enum kith_type)le32_get(entry + 4);
        }
        out->count += of == field;
        at += 12 + len;
    }
    return found ? 0 : KITH_EUNSUPPORTED;
}

static bool type_valid(enum kith_type type)
{
    return type == KITH_INT64 || type == KITH_DOUBLE || type == KITH_BOOL || type == KITH_VARCHAR;
}

/* The block of one path in a group's section: within it, verified, and described by `out`. */
static int read_block(const struct section *group, const struct typed_place *place, size_t rows,
                      struct chunk *out, bool *rest)
{
    const size_t entry = place->number * TYPED_ENTRY_BYTES;
    if (section_touch(group, entry, TYPED_ENTRY_BYTES)) return KITH_ECORRUPT;
    const uint64_t from = le64_get(group->data + entry + TYPED_AT_OFFSET);
    const size_t texts = le32_get(group->data + entry + TYPED_AT_BYTES);
    const size_t width = typed_width(place->type);
    const size_t valid = typed_valid_bytes(rows);
    const size_t len = valid + (width > 0 ? rows * width : 4 * (rows + 1) + texts);
    if (from % TYPED_ALIGN != 0 || from > group->len) return bad(group);
    if (section_touch(group, (size_t)from, len)) return bad(group);
    const uint8_t *block = group->data + from;
    *out = (struct chunk){.type = place->type, .rows = rows, .width = width};
    out->valid = (const uint64_t *)(const void *)block; /* sections and blocks align to 64 */
    if (width > 0) {
        out->data = block + valid;
    } else {
        out->offsets = block + valid;
        out->bytes = block + valid + 4 * (rows + 1);
        out->bytes_len = texts;
    }
    *rest = (le32_get(group->data + entry + TYPED_AT_FLAGS) & TYPED_HAS_REST) != 0;
    return 0;
}

int sealed_typed(const struct segment *segment, size_t field, struct kith_str path, size_t number,
                 struct chunk *out, bool *rest)
{
    struct sealed *s = (struct sealed *)(uintptr_t)segment; /* only the guard of pages changes */
    const size_t groups = sealed_groups(s->rows);
    if (!s->paths.data || !segment_holds(segment, field) || number >= groups) {
        return KITH_EUNSUPPORTED;
    }
    struct typed_place place;
    const int rc = find_path(&s->paths, field, path, &place);
    if (rc) return rc;
    struct section group;
    if (!type_valid(place.type) ||
        !blockfile_find(&s->file, SECTION_TYPED, place.slot * groups + number, &group)) {
        return bad(&s->paths);
    }
    return read_block(&group, &place, sealed_group_rows(s->rows, number), out, rest);
}
