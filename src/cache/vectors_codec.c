/*
 * A vector set as bytes, for snapshots, the log and COPY, and what else the keyspace asks of a
 * value. All numbers are little-endian or LEB128; rows are written as they are stored, so they come
 * back the same to the bit. Runs, levels and graphs are not written: levels follow from names, and
 * graphs are built again in the background.
 *
 *   SIZE      MEANING
 *   1         version: 1
 *   1         quantization: 0 f32, 1 int8, 2 bits
 *   varint    dimension
 *   varint    dimension before the projection, 0: there is none
 *   varint    M
 *   varint    the largest EF that was asked for, 0: none
 *   8         identity of the set
 *   8         vectors ever added, at least as many as elements
 *   varint    elements; then each, in order of names:
 *     varint+n  name
 *     4         norm, f32
 *     4         range, f32; int8 only
 *     code      f32: 4 a dimension; int8: 1; bits: 8 a 64 dimensions
 *     varint+n  attribute; empty: none
 */
#include <math.h>
#include <string.h>

#include "base/endian.h"
#include "cache/vectors_internal.h"

#define VERSION 1u

/* ---- encoding ---- */

static void encode_element(const struct vector_set *set, const struct vset_element *element,
                           struct buffer *out)
{
    const struct kith_str name = vset_name(element), attribute = vset_attribute(element);
    const struct vset_raw raw = vset_raw(set, element);
    buffer_put_bytes(out, name.data, name.len);
    buffer_put_f32(out, raw.norm);
    if (set->params.quant == VSET_Q8) buffer_put_f32(out, raw.range);
    buffer_put(out, raw.code, raw.len);
    buffer_put_bytes(out, attribute.data, attribute.len);
}

static void encode_member(const void *value, const void *member, struct buffer *out)
{
    encode_element(value, member, out);
}

static void encode_head(const void *value, struct buffer *out)
{
    const struct vector_set *set = value;
    buffer_put_u8(out, VERSION);
    buffer_put_u8(out, (uint8_t)set->params.quant);
    buffer_put_varint(out, set->params.dim);
    buffer_put_varint(out, set->params.input_dim);
    buffer_put_varint(out, set->params.m);
    buffer_put_varint(out, set->ef);
    buffer_put_u64(out, set->uid);
    buffer_put_u64(out, set->next_row);
    buffer_put_varint(out, vset_count(set));
}

static void encode(const void *value, struct buffer *out)
{
    const struct vector_set *set = value;
    encode_head(set, out);
    if (vset_count(set) == 0) return;
    struct order_place place = order_at(&set->order, 0);
    for (; order_key(place); place = order_next(place)) {
        encode_element(set, order_key(place)->cell, out);
    }
}

/* ---- decoding ---- */

static bool read_params(struct cursor *in, struct vset_params *params)
{
    if (cursor_u8(in) != VERSION) return false;
    const uint8_t quant = cursor_u8(in);
    const uint64_t dim = cursor_varint(in), input_dim = cursor_varint(in), m = cursor_varint(in);
    *params = (struct vset_params){(enum vset_quant)quant, (uint32_t)dim, (uint32_t)input_dim,
                                   (uint32_t)m};
    return !cursor_failed(in) && quant <= VSET_BIN && dim >= 1 && dim <= VSET_DIM_MAX &&
           (input_dim == 0 || (input_dim >= dim && input_dim <= VSET_DIM_MAX)) &&
           m >= VSET_M_MIN && m <= VSET_M_MAX;
}

static bool code_is_sound(const struct vset_params *params, const struct vset_code *code)
{
    if (!(code->norm >= 0) || !isfinite(code->norm) || !(code->range >= 0) ||
        !isfinite(code->range)) {
        return false;
    }
    switch (params->quant) {
    case VSET_F32:
        for (uint32_t i = 0; i < params->dim; i++) {
            if (!isfinite(lef32_get(code->data + 4 * (size_t)i))) return false;
        }
        return true;
    case VSET_Q8: return memchr(code->data, 0x80, params->dim) == NULL; /* -128 */
    case VSET_BIN: break;
    }
    const unsigned used = params->dim % 64;
    const uint64_t last = le64_get(code->data + vset_code_bytes(params) - 8);
    return used == 0 || last >> used == 0;
}

static int decode_element(void *value, const struct cache_settings *settings, struct cursor *in)
{
    struct vector_set *set = value;
    (void)settings;
    struct vset_new_row row = {.set_attribute = true};
    const struct vset_params *params = &set->params;
    struct vset_code code = {.data = (uint8_t *)(set->scratch + params->dim)};
    row.name.data = (const char *)cursor_bytes(in, &row.name.len);
    code.norm = cursor_f32(in);
    if (params->quant == VSET_Q8) code.range = cursor_f32(in);
    const uint8_t *bytes = cursor_take(in, vset_code_bytes(params));
    row.attribute.data = (const char *)cursor_bytes(in, &row.attribute.len);
    if (cursor_failed(in)) return KITH_ECORRUPT;
    memset(code.data, 0, vset_code_stride(params));
    memcpy(code.data, bytes, vset_code_bytes(params));
    if (!code_is_sound(params, &code) || vset_find(set, row.name)) return KITH_ECORRUPT;
    bool added;
    row.code = &code;
    const int rc = vset_put_code(set, &row, &added);
    return rc == KITH_ELIMIT ? KITH_ECORRUPT : rc;
}

/* What stands before the elements. */
static int decode_numbers(struct vector_set *set, uint64_t *elements, struct cursor *in)
{
    const uint64_t ef = cursor_varint(in);
    set->uid = cursor_u64(in);
    const uint64_t rows = cursor_u64(in), count = cursor_varint(in);
    if (cursor_failed(in) || ef > VSET_EF_MAX || rows < count || rows > INT64_MAX / 2) {
        return KITH_ECORRUPT;
    }
    set->ef = (uint32_t)ef;
    set->next_row = rows - count;
    *elements = count;
    return 0;
}

static int decode_empty(struct heap *heap, struct cursor *in, uint64_t *elements,
                        struct vector_set **out)
{
    struct vset_params params;
    struct vector_set *set;
    if (!read_params(in, &params)) return KITH_ECORRUPT;
    int rc = vset_new(heap, &params, 0, &set);
    if (rc) return rc;
    rc = decode_numbers(set, elements, in);
    if (rc) vset_free(set);
    else *out = set;
    return rc;
}

static int decode(struct heap *heap, const struct cache_settings *settings, struct cursor *in,
                  void **out)
{
    uint64_t count = 0;
    struct vector_set *set = NULL;
    int rc = decode_empty(heap, in, &count, &set);
    for (uint64_t i = 0; rc == 0 && i < count; i++) rc = decode_element(set, settings, in);
    if (rc == 0) *out = set;
    else vset_free(set);
    return rc;
}

/* ---- in pieces ---- */

static uint64_t members(const void *value) { return vset_count(value); }

static struct dict *table(void *value) { return &((struct vector_set *)value)->names; }

static int decode_head(struct heap *heap, const struct cache_settings *settings,
                       struct cursor *in, void **out)
{
    uint64_t count;
    struct vector_set *set;
    const int rc = decode_empty(heap, in, &count, &set);
    (void)settings;
    if (rc == 0) *out = set;
    return rc;
}

static const struct value_pieces pieces = {
    .members = members, .table = table, .encode_head = encode_head,
    .encode_member = encode_member, .decode_head = decode_head, .decode_member = decode_element,
};

/* ---- the rest ---- */

static size_t parts(const void *value)
{
    const struct vector_set *set = value;
    return 2 * vset_count(set) + set->run_count;
}

static size_t bytes(const void *value)
{
    const struct vector_set *set = value;
    size_t sum = heap_size(set) + heap_size(set->scratch) + heap_size(set->runs) +
                 set->element_bytes + dict_bytes(&set->names) + order_bytes(&set->order);
    for (unsigned i = 0; i < DIRECTORY_SEGMENTS; i++) {
        sum += heap_size((const void *)(uintptr_t)set->directory.segments[i]);
    }
    for (uint32_t i = 0; i < set->run_count; i++) sum += vset_run_bytes(set->runs[i]);
    return sum;
}

static const char *encoding(const struct cache_settings *settings, const void *value)
{
    (void)settings;
    (void)value;
    return "raw";
}

const struct value_ops vset_ops = {
    .name = "vectorset", .free = vset_free, .parts = parts, .bytes = bytes, .encoding = encoding,
    .encode = encode, .decode = decode, .pieces = &pieces};

/* ---- for tests ---- */

static bool element_is_valid(const struct vector_set *set, const struct vset_element *element)
{
    uint32_t row;
    const struct vset_run *run = vset_run_of(set, element->row, &row);
    return run && !vset_run_is_dead(run, row) && run->elements[row] == element->id &&
           vset_directory_get(&set->directory, element->id) == element &&
           element->first_row <= element->row && element->row < set->next_row;
}

static bool runs_are_valid(const struct vector_set *set)
{
    uint64_t next = 0;
    size_t alive = 0;
    for (uint32_t i = 0; i < set->run_count; i++) {
        const struct vset_run *run = set->runs[i];
        size_t dead = 0;
        if (run->base < next || run->count > run->cap || run->vectors.count != run->count) {
            return false;
        }
        for (uint32_t row = 0; row < run->count; row++) {
            dead += vset_run_is_dead(run, row);
            if (vset_run_number(run, row) < next) return false;
            next = vset_run_number(run, row) + 1;
        }
        if (dead != vset_run_dead(run)) return false;
        alive += run->count - dead;
    }
    return alive == vset_count(set) && next <= set->next_row;
}

bool vset_is_valid(const struct vector_set *set)
{
    struct dict_iter it = {0};
    const struct vset_element *element;
    size_t attributes = 0, elements = 0;
    while ((element = dict_next(&set->names, &it)) != NULL) {
        if (!element_is_valid(set, element)) return false;
        attributes += vset_attribute(element).data != NULL;
        elements++;
    }
    return elements == vset_count(set) && set->order.count == elements &&
           attributes == set->attribute_count && order_is_valid(&set->order) &&
           runs_are_valid(set);
}
