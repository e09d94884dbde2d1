/*
 * The value of an operand in one row, in the form of a constant, and elements of packed arrays.
 * Packed arrays and offsets may come from a damaged file: every read is bounded.
 */
#include <math.h>

#include "query/filter_internal.h"

static struct literal of_int(int64_t i)
{
    return (struct literal){ .kind = LITERAL_INT, .integer = i, .number = (double)i };
}
static struct literal of_float(double d)
{
    return (struct literal){ .kind = LITERAL_FLOAT, .number = d };
}

static size_t element_width(enum kith_type type)
{
    switch (type) {
    case KITH_BOOL: case KITH_INT8: return 1;
    case KITH_INT16: return 2;
    case KITH_INT32: case KITH_FLOAT: return 4;
    case KITH_INT64: case KITH_DOUBLE: return 8;
    default: return 0;
    }
}

static struct literal fixed_value(enum kith_type type, const uint8_t *at)
{
    switch (type) {
    case KITH_BOOL: return (struct literal){ .kind = LITERAL_BOOL, .boolean = *at != 0 };
    case KITH_INT8: return of_int((int8_t)*at);
    case KITH_INT16: return of_int((int16_t)le16_get(at));
    case KITH_INT32: return of_int((int32_t)le32_get(at));
    case KITH_INT64: return of_int((int64_t)le64_get(at));
    case KITH_FLOAT: return of_float((double)lef32_get(at));
    default: return of_float(lef64_get(at));
    }
}

/* ------------------------------------------------------------------ arrays */

void array_iter_init(struct array_iter *iter, struct kith_str packed, enum kith_type element)
{
    const uint8_t *data = (const uint8_t *)packed.data;
    *iter = (struct array_iter){ data, packed.len > 0 ? data + packed.len : data, element };
}

bool array_iter_next(struct array_iter *iter, struct literal *out)
{
    size_t left = (size_t)(iter->end - iter->pos), width = element_width(iter->element);
    if (width > 0) {
        if (left < width) return false;
        *out = fixed_value(iter->element, iter->pos);
        iter->pos += width;
        return true;
    }
    if (left < sizeof(uint32_t)) return false;
    size_t len = le32_get(iter->pos);
    if (len > left - sizeof(uint32_t)) return false;
    const char *text = (const char *)iter->pos + sizeof(uint32_t);
    *out = (struct literal){ .kind = LITERAL_STRING, .s = { text, len } };
    iter->pos += sizeof(uint32_t) + len;
    return true;
}

size_t array_length(struct kith_str packed, enum kith_type element)
{
    size_t width = element_width(element), count = 0;
    if (width > 0) return packed.len / width;
    struct array_iter iter;
    struct literal item;
    array_iter_init(&iter, packed, element);
    while (array_iter_next(&iter, &item)) count++;
    return count;
}

static bool array_element(struct kith_str packed, enum kith_type element, size_t index,
                          struct literal *out)
{
    struct array_iter iter;
    size_t width = element_width(element);
    array_iter_init(&iter, packed, element);
    if (width > 0) {
        if (index >= packed.len / width) return false;
        iter.pos += index * width;
        return array_iter_next(&iter, out);
    }
    for (size_t i = 0; i <= index; i++)
        if (!array_iter_next(&iter, out)) return false;
    return true;
}

static void array_value(const struct operand *operand, struct kith_str packed,
                        struct row_value *out)
{
    out->kind = VALUE_LITERAL;
    if (operand->length) {
        out->literal = of_int((int64_t)array_length(packed, operand->element));
    } else if (operand->form == OPERAND_ELEMENT) {
        if (!array_element(packed, operand->element, operand->index, &out->literal))
            out->kind = VALUE_NONE;
    } else {
        out->kind = VALUE_ARRAY;
        out->packed = packed;
        out->element = operand->element;
    }
}

/* ------------------------------------------------------------------ one arithmetic step */

/* false: no such integer (overflow); the row is then unknown. */
static bool int_step(enum filter_token op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case TOKEN_ADD: return !__builtin_add_overflow(a, b, out);
    case TOKEN_SUB: return !__builtin_sub_overflow(a, b, out);
    case TOKEN_MUL: return !__builtin_mul_overflow(a, b, out);
    default:
        if (b == 0 || (a == INT64_MIN && b == -1)) return false;
        *out = op == TOKEN_DIV ? a / b : a % b;
        return true;
    }
}

static bool float_step(enum filter_token op, double a, double b, double *out)
{
    switch (op) {
    case TOKEN_ADD: *out = a + b; return true;
    case TOKEN_SUB: *out = a - b; return true;
    case TOKEN_MUL: *out = a * b; return true;
    case TOKEN_DIV: *out = a / b; return b != 0;
    default: return false; /* % of a JSON number that is no integer */
    }
}

static void arithmetic(const struct operand *operand, struct row_value *value)
{
    const struct literal *by = &operand->by;
    int64_t i = 0;
    double d = 0;
    bool integers = by->kind == LITERAL_INT && value->literal.kind == LITERAL_INT, ok = false;
    if (value->kind == VALUE_LITERAL && literal_is_number(&value->literal))
        ok = integers ? int_step(operand->arith, value->literal.integer, by->integer, &i)
                      : float_step(operand->arith, value->literal.number, by->number, &d);
    if (!ok) value->kind = VALUE_NONE;
    else value->literal = integers ? of_int(i) : of_float(d);
}

/* ------------------------------------------------------------------ any operand */

void row_value_get(const struct operand *operand, const struct chunk *chunk, size_t row,
                   struct buffer *unescaped, struct row_value *out)
{
    out->kind = VALUE_NONE;
    if (!chunk_valid(chunk, row)) return;
    if (operand->type == KITH_JSON) {
        json_row_value(operand, chunk_str(chunk, row), unescaped, out);
    } else if (operand->type == KITH_ARRAY) {
        array_value(operand, chunk_str(chunk, row), out);
    } else if (operand->type == KITH_VARCHAR) {
        out->kind = VALUE_LITERAL;
        out->literal = (struct literal){ .kind = LITERAL_STRING, .s = chunk_str(chunk, row) };
    } else {
        out->kind = VALUE_LITERAL;
        out->literal = fixed_value(operand->type, chunk->data + row * chunk->width);
    }
    if (operand->arith != TOKEN_END && out->kind != VALUE_NONE) arithmetic(operand, out);
}

bool row_is_present(const struct operand *operand, const struct chunk *chunk, size_t row)
{
    struct literal element;
    if (!chunk_valid(chunk, row)) return false;
    struct kith_str text = chunk_str(chunk, row);
    if (operand->form == OPERAND_JSON) return json_row_present(operand, text);
    return array_element(text, operand->element, operand->index, &element);
}
