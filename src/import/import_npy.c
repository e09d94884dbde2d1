/*
 * NumPy's .npy, versions 1 to 3.
 *
 *     0  6  magic 0x93 "NUMPY"
 *     6  1  major version; 7  1  minor
 *     8  2  header bytes (version 1), or 8 4 (versions 2 and 3)
 *     .. .  header: a Python dict literal
 *           {'descr': '<f4', 'fortran_order': False, 'shape': (n, d), }
 *     .. .  the values
 *
 * The dict is read by a scanner for exactly these three keys in any order; a record type (descr as
 * a list), big-endian or Fortran order is refused with the numpy call that converts it.
 */
#include <string.h>

#include "base/endian.h"
#include "import/import_internal.h"

#define HEADER_MAX 65536

struct npy {
    char descr[16];
    bool has_descr, has_order, has_shape, fortran;
    size_t dims;
    uint64_t shape[2];
};

struct text {
    const char *pos, *end; /* borrows */
};

static void skip_blanks(struct text *t)
{
    while (t->pos < t->end && (*t->pos == ' ' || *t->pos == '\n' || *t->pos == '\t')) t->pos++;
}

static bool accept(struct text *t, const char *token)
{
    size_t len = strlen(token);
    skip_blanks(t);
    if ((size_t)(t->end - t->pos) < len || memcmp(t->pos, token, len) != 0) return false;
    t->pos += len;
    return true;
}

static bool quoted(struct text *t, char *out, size_t cap)
{
    skip_blanks(t);
    if (t->pos == t->end || (*t->pos != '\'' && *t->pos != '"')) return false;
    char quote = *t->pos++;
    size_t len = 0;
    while (t->pos < t->end && *t->pos != quote) {
        if (len + 1 == cap) return false;
        out[len++] = *t->pos++;
    }
    out[len] = 0;
    return t->pos++ < t->end;
}

static bool number(struct text *t, uint64_t *out)
{
    uint64_t value = 0;
    skip_blanks(t);
    const char *start = t->pos;
    for (; t->pos < t->end && *t->pos >= '0' && *t->pos <= '9'; t->pos++) {
        if (__builtin_mul_overflow(value, 10u, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(*t->pos - '0'), &value)) return false;
    }
    *out = value;
    return t->pos > start;
}

static bool shape(struct text *t, struct npy *npy)
{
    if (!accept(t, "(")) return false;
    while (!accept(t, ")")) {
        if (npy->dims == 2 || !number(t, &npy->shape[npy->dims])) return false;
        npy->dims++;
        accept(t, "L"); /* Python 2 */
        if (!accept(t, ",") && !(accept(t, ")") && t->pos--)) return false;
    }
    return npy->dims > 0;
}

static bool entry(struct text *t, struct npy *npy)
{
    char key[16];
    if (!quoted(t, key, sizeof key) || !accept(t, ":")) return false;
    if (strcmp(key, "descr") == 0) {
        npy->has_descr = true;
        return quoted(t, npy->descr, sizeof npy->descr);
    }
    if (strcmp(key, "fortran_order") == 0) {
        npy->has_order = true;
        npy->fortran = accept(t, "True");
        return npy->fortran || accept(t, "False");
    }
    if (strcmp(key, "shape") != 0 || npy->has_shape) return false;
    npy->has_shape = true;
    return shape(t, npy);
}

static bool parse(const char *header, size_t len, struct npy *npy)
{
    struct text t = {header, header + len};
    if (!accept(&t, "{")) return false;
    while (!accept(&t, "}")) {
        if (!entry(&t, npy)) return false;
        if (!accept(&t, ",") && !(accept(&t, "}") && t.pos--)) return false;
    }
    return npy->has_descr && npy->has_order && npy->has_shape;
}

static bool element_of(const char *descr, enum import_element *out)
{
    static const struct {
        const char *descr;
        enum import_element element;
    } known[] = {{"<f2", ELEMENT_F16}, {"<f4", ELEMENT_F32}, {"<f8", ELEMENT_F64},
                 {"|u1", ELEMENT_U8},  {"|i1", ELEMENT_I8},  {"<u1", ELEMENT_U8},
                 {"<i1", ELEMENT_I8},  {"<i4", ELEMENT_I32}, {"<i8", ELEMENT_I64},
                 {"|b1", ELEMENT_BOOL}, {"<i2", ELEMENT_I16}, {"<u2", ELEMENT_U16},
                 {"<u4", ELEMENT_U32}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(descr, known[i].descr) == 0) return *out = known[i].element, true;
    }
    return false;
}

/* '<U20', '|S8': so many characters, or bytes. */
static bool text_of(const char *descr, struct import_layout *out)
{
    uint64_t len = 0;
    struct text digits = {descr + 2, descr + strlen(descr)};
    const bool wide = strncmp(descr, "<U", 2) == 0;
    if (!wide && strncmp(descr, "|S", 2) != 0) return false;
    if (!number(&digits, &len) || digits.pos != digits.end) return false;
    if (len == 0 || len > IMPORT_RECORD_MAX / 4) return false;
    out->element = wide ? ELEMENT_UCS4 : ELEMENT_BYTES;
    out->text_len = (uint32_t)len;
    return true;
}

/* Of these there are scalars only. */
static bool is_scalar(enum import_element element) { return element >= ELEMENT_BOOL; }

static int layout_of(const struct import_reader *reader, const struct npy *npy,
                     struct import_layout *layout, struct kith_error *err)
{
    if (!text_of(npy->descr, layout) && !element_of(npy->descr, &layout->element)) {
        return error_set(err, KITH_EUNSUPPORTED,
                         "%s: element type '%s'; save it with .astype('<f4')", reader->path,
                         npy->descr);
    }
    if (npy->dims == 2 && is_scalar(layout->element)) {
        return error_set(err, KITH_EUNSUPPORTED,
                         "%s: rows of element type '%s'; save it with .astype('<i4')",
                         reader->path, npy->descr);
    }
    if (npy->fortran && npy->dims == 2) {
        return error_set(err, KITH_EUNSUPPORTED,
                         "%s: columns first; save it with numpy.ascontiguousarray()",
                         reader->path);
    }
    layout->rows = npy->shape[0];
    if (npy->dims == 1) return 0;
    if (npy->shape[1] < 1 || npy->shape[1] > IMPORT_DIM_MAX) {
        return error_set(err, KITH_ELIMIT, "%s: dimension %llu, 1 to %d are possible",
                         reader->path, (unsigned long long)npy->shape[1], IMPORT_DIM_MAX);
    }
    layout->dim = (uint32_t)npy->shape[1];
    return 0;
}

/* Finds where the dict is. */
static int read_head(struct import_reader *reader, uint64_t *offset, size_t *len,
                     struct kith_error *err)
{
    uint8_t head[12] = {0};
    int rc = import_read_exact(reader, head, 10, 0, err);
    if (rc) return rc;
    if (memcmp(head, "\x93NUMPY", 6) != 0 || head[6] < 1 || head[6] > 3) {
        return error_set(err, KITH_EVERSION, "%s: not a .npy file of version 1 to 3",
                         reader->path);
    }
    *offset = head[6] == 1 ? 10 : 12;
    rc = import_read_exact(reader, head, (size_t)*offset, 0, err);
    if (rc) return rc;
    *len = head[6] == 1 ? le16_get(head + 8) : le32_get(head + 8);
    if (*len <= HEADER_MAX && *offset + *len <= reader->size) return 0;
    return error_set(err, KITH_ECORRUPT, "%s: its header claims %zu bytes; the file is damaged",
                     reader->path, *len);
}

int import_open_npy(struct import_reader *reader, struct kith_error *err)
{
    struct buffer header;
    struct npy npy = {0};
    uint64_t offset = 0;
    size_t len = 0;
    int rc = read_head(reader, &offset, &len, err);
    if (rc) return rc;
    buffer_init(&header);
    uint8_t *room = buffer_extend(&header, len);
    rc = room || len == 0 ? 0 : import_no_memory(reader, err);
    if (!rc && len) rc = import_read_exact(reader, room, len, offset, err);
    if (!rc && (len == 0 || !parse((const char *)room, len, &npy))) {
        rc = error_set_at(err, KITH_EUNSUPPORTED, offset,
                          "%s: its header is not one of a plain array of 1 or 2 dimensions; save "
                          "rows of vectors with numpy.save()", reader->path);
    }
    buffer_release(&header);
    if (rc) return rc;
    struct import_layout layout = {.data_offset = offset + len};
    rc = layout_of(reader, &npy, &layout, err);
    return rc ? rc : import_open_fixed(reader, &layout, err);
}
