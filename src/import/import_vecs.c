/*
 * The headers of the vecs family (TEXMEX) and the bin family (big-ann-benchmarks).
 *
 *     vecs: every row   0 u32 dimension, then the values        fvecs f32, bvecs u8, ivecs i32
 *     bin:  once        0 u32 rows, 4 u32 dimension, 8 values   fbin f32, u8bin, i8bin, ibin i32
 */
#include "base/endian.h"
#include "import/import_internal.h"

static enum import_element element_of(enum import_format format)
{
    switch (format) {
    case IMPORT_BVECS:
    case IMPORT_U8BIN: return ELEMENT_U8;
    case IMPORT_I8BIN: return ELEMENT_I8;
    case IMPORT_IVECS:
    case IMPORT_IBIN: return ELEMENT_I32;
    default: return ELEMENT_F32;
    }
}

static int check_dim(const struct import_reader *reader, uint32_t dim, struct kith_error *err)
{
    if (dim >= 1 && dim <= IMPORT_DIM_MAX) return 0;
    return error_set(err, KITH_ECORRUPT,
                     "%s: dimension %u at the start, 1 to %d are possible; is it really %s?",
                     reader->path, dim, IMPORT_DIM_MAX,
                     import_format_name(reader->description.format));
}

int import_open_vecs(struct import_reader *reader, struct kith_error *err)
{
    uint8_t head[4];
    int rc = import_read_exact(reader, head, sizeof head, 0, err);
    if (!rc) rc = check_dim(reader, le32_get(head), err);
    if (rc) return rc;
    struct import_layout layout = {.dim = le32_get(head), .prefixed = true,
                                   .element = element_of(reader->description.format)};
    uint64_t stride = 4 + (uint64_t)layout.dim * import_element_bytes(layout.element);
    layout.rows = reader->size / stride;
    return import_open_fixed(reader, &layout, err);
}

int import_open_bin(struct import_reader *reader, struct kith_error *err)
{
    uint8_t head[8];
    int rc = import_read_exact(reader, head, sizeof head, 0, err);
    if (!rc) rc = check_dim(reader, le32_get(head + 4), err);
    if (rc) return rc;
    struct import_layout layout = {.data_offset = sizeof head, .rows = le32_get(head),
                                   .dim = le32_get(head + 4),
                                   .element = element_of(reader->description.format)};
    return import_open_fixed(reader, &layout, err);
}
