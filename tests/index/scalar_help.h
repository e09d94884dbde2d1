/*
 * Random columns for tests of scalar indexes, and the naive answer to a probe: each row's value is
 * kept in a form of the test's own and compared one by one, numbers as long double (which holds
 * every int64 and every double).
 */
#ifndef TESTS_INDEX_SCALAR_HELP_H
#define TESTS_INDEX_SCALAR_HELP_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/json.h"
#include "base/rng.h"
#include "index/scalar_index.h"
#include "os/os.h"

enum cell_kind { CELL_NONE, CELL_NULL, CELL_BOOL, CELL_INT, CELL_DOUBLE, CELL_TEXT, CELL_ARRAY,
                 CELL_OBJECT };

struct cell {
    enum cell_kind kind;
    int64_t i;
    double d;
    struct kith_str s;
    struct cell *items;
    size_t count;
};

struct column { /* one field of random rows */
    struct schema_field field;
    struct scalar_index_params params;
    struct cell *cells;
    size_t rows;
    uint8_t *data;
    uint64_t *valid;
    struct kith_str *strs;
    struct arena arena;
    struct chunk_source source;
    struct rng rng;
    unsigned distinct; /* values are drawn from about as many */
};

#define PATH_TEXT "/a/b~1c/1"

static inline struct kith_str str_of(const char *text)
{
    return (struct kith_str){ text, strlen(text) };
}

static inline struct kith_str keep(struct column *c, const void *data, size_t len)
{
    char *copy = arena_strndup(&c->arena, len > 0 ? data : "", len);
    assert_non_null(copy);
    return (struct kith_str){ copy, len };
}

/* ---- random values ---- */

static inline struct kith_str random_text(struct column *c)
{
    static const char *const parts[] = { "a", "ab", "b", "\xc3\xa4", "\xe6\xbc\xa2", "%", "_", "" };
    char text[200];
    size_t n = 0, pieces = (size_t)rng_below(&c->rng, 7);
    struct rng rng;
    rng_init(&rng, 1000 + rng_below(&c->rng, c->distinct));
    pieces = (size_t)rng_below(&rng, 7) + (rng_below(&rng, 9) == 0 ? 12 : 0);
    for (size_t i = 0; i < pieces; i++) {
        const uint64_t pick = rng_below(&rng, 10);
        if (pick < 8) n += (size_t)snprintf(text + n, sizeof text - n, "%s", parts[pick]);
        else if (pick == 8) text[n++] = '\0';
        else text[n++] = (char)(1 + rng_below(&rng, 126));
    }
    return keep(c, text, n);
}

static inline int64_t random_int(struct column *c)
{
    switch (rng_below(&c->rng, 12)) {
    case 0: return INT64_MIN;
    case 1: return INT64_MAX;
    case 2: return (INT64_C(1) << 53) + (int64_t)rng_below(&c->rng, 4);
    case 3: return INT64_MAX - (int64_t)rng_below(&c->rng, 1025);
    default: return (int64_t)rng_below(&c->rng, c->distinct) - (int64_t)(c->distinct / 2);
    }
}

static inline double random_double(struct column *c, bool json)
{
    switch (rng_below(&c->rng, 14)) {
    case 0: return json ? 1e300 : (double)INFINITY;
    case 1: return json ? -1e300 : -(double)INFINITY;
    case 2: return json ? 9007199254740992.0 : (double)NAN;
    case 3: return -0.0;
    case 4: return 0.0;
    case 5: return 9223372036854775808.0;
    default: return (double)random_int(c) / (rng_below(&c->rng, 2) ? 4.0 : 1.0);
    }
}

static inline struct cell random_of(struct column *c, enum kith_type type, bool json)
{
    struct cell v = { .kind = CELL_INT };
    switch (type) {
    case KITH_BOOL: v.kind = CELL_BOOL; v.i = (int64_t)rng_below(&c->rng, 2); break;
    case KITH_INT8: v.i = (int8_t)random_int(c); break;
    case KITH_INT16: v.i = (int16_t)random_int(c); break;
    case KITH_INT32: v.i = (int32_t)random_int(c); break;
    case KITH_FLOAT: v.kind = CELL_DOUBLE; v.d = (double)(float)random_double(c, json); break;
    case KITH_DOUBLE:
        if (json && rng_below(&c->rng, 2)) v.i = random_int(c);
        else { v.kind = CELL_DOUBLE; v.d = random_double(c, json); }
        break;
    case KITH_VARCHAR: v.kind = CELL_TEXT; v.s = random_text(c); break;
    default: v.i = random_int(c);
    }
    return v;
}

static inline struct cell random_array(struct column *c, enum kith_type type, bool json)
{
    struct cell v = { .kind = CELL_ARRAY, .count = (size_t)rng_below(&c->rng, 6) };
    v.items = arena_zalloc(&c->arena, (v.count + 1) * sizeof *v.items);
    assert_non_null(v.items);
    for (size_t i = 0; i < v.count; i++) v.items[i] = random_of(c, type, json);
    return v;
}

static inline struct cell random_json(struct column *c)
{
    static const enum kith_type types[] = { KITH_BOOL, KITH_DOUBLE, KITH_VARCHAR };
    const uint64_t pick = rng_below(&c->rng, 20);
    if (pick < 3)
        return (struct cell){ .kind = pick == 2 ? CELL_OBJECT : pick ? CELL_NULL : CELL_NONE };
    const enum kith_type type = pick < 6 ? types[rng_below(&c->rng, 3)] : c->params.cast;
    const bool array = pick == 7 ? !c->params.cast_array : c->params.cast_array;
    if (!array) return random_of(c, type, true);
    struct cell v = random_array(c, type, true);
    if (v.count > 2) v.items[1] = random_of(c, types[rng_below(&c->rng, 3)], true);
    return v;
}

/* ---- columns ---- */

static inline void write_json(struct buffer *out, const struct cell *v)
{
    switch (v->kind) {
    case CELL_NULL: buffer_printf(out, "null"); break;
    case CELL_BOOL: buffer_printf(out, v->i ? "true" : "false"); break;
    case CELL_INT: buffer_printf(out, "%lld", (long long)v->i); break;
    case CELL_DOUBLE:
        if (v->d == 9223372036854775808.0) buffer_printf(out, "9223372036854775808");
        else if (v->d == 0) buffer_printf(out, signbit(v->d) ? "-0.0" : "0.0");
        else buffer_printf(out, "%.17e", v->d); /* an exponent: no integer */
        break;
    case CELL_TEXT: json_write_string(out, v->s.data, v->s.len); break;
    case CELL_ARRAY:
        buffer_printf(out, "[");
        for (size_t i = 0; i < v->count; i++) {
            if (i > 0) buffer_printf(out, ", ");
            write_json(out, &v->items[i]);
        }
        buffer_printf(out, "]");
        break;
    default: buffer_printf(out, "{\"x\": 1}");
    }
}

/* The value stands at PATH_TEXT. */
static inline struct kith_str json_text(struct column *c, const struct cell *v)
{
    struct buffer out;
    buffer_init(&out);
    if (v->kind == CELL_NONE) {
        buffer_printf(&out, "%s", rng_below(&c->rng, 2) ? "{\"a\": [1]}"
                                                        : "{\"a\": {\"b/c\": [7]}}");
    } else {
        buffer_printf(&out, "{\"z\": [1, {}], \"a\": {\"b/c\": [0, ");
        write_json(&out, v);
        buffer_printf(&out, ", 5]}}");
    }
    assert_false(buffer_failed(&out));
    const struct kith_str text = keep(c, out.data, out.len);
    buffer_release(&out);
    return text;
}

static inline void put_fixed(uint8_t *at, enum kith_type type, const struct cell *v)
{
    switch (type) {
    case KITH_BOOL: case KITH_INT8: *at = (uint8_t)v->i; break;
    case KITH_INT16: le16_put(at, (uint16_t)v->i); break;
    case KITH_INT32: le32_put(at, (uint32_t)v->i); break;
    case KITH_FLOAT: lef32_put(at, (float)v->d); break;
    case KITH_DOUBLE: lef64_put(at, v->d); break;
    default: le64_put(at, (uint64_t)v->i);
    }
}

static inline struct kith_str packed_array(struct column *c, const struct cell *v)
{
    const size_t width = type_width(c->field.element_type, 0);
    struct buffer out;
    uint8_t fixed[8];
    buffer_init(&out);
    for (size_t i = 0; i < v->count; i++) {
        if (width > 0) {
            put_fixed(fixed, c->field.element_type, &v->items[i]);
            buffer_put(&out, fixed, width);
        } else {
            buffer_put_u32(&out, (uint32_t)v->items[i].s.len);
            buffer_put(&out, v->items[i].s.data, v->items[i].s.len);
        }
    }
    const struct kith_str text = keep(c, out.data, out.len);
    buffer_release(&out);
    return text;
}

static inline int column_get(void *ctx, size_t field, size_t number, struct chunk *out)
{
    struct column *c = ctx;
    const size_t first = number * c->source.chunk_rows, left = c->rows - first;
    (void)field;
    *out = (struct chunk){ .type = c->field.type, .width = c->field.width,
                           .rows = left < c->source.chunk_rows ? left : c->source.chunk_rows,
                           .data = c->data + first * c->field.width, .valid = c->valid + first / 64,
                           .strs = c->strs + first };
    if (c->field.width > 0) out->strs = NULL;
    return 0;
}

static inline void column_cell(struct column *c, size_t row, struct cell v)
{
    const enum kith_type type = c->field.type;
    if (v.kind == CELL_NONE && type != KITH_JSON) {
        c->valid[row / 64] &= ~(UINT64_C(1) << (row % 64));
        return;
    }
    c->cells[row] = v;
    if (type == KITH_JSON) c->strs[row] = json_text(c, &v);
    else if (type == KITH_ARRAY) c->strs[row] = packed_array(c, &v);
    else if (c->field.width == 0) c->strs[row] = v.s;
    else put_fixed(c->data + row * c->field.width, type, &v);
}

struct column_opts {
    enum kith_type type, element, cast;
    bool cast_array, nulls;
    size_t rows;
    unsigned distinct;
    uint32_t min_gram, max_gram;
};

static inline void column_empty(struct column *c, const struct column_opts *o, uint64_t seed)
{
    memset(c, 0, sizeof *c);
    rng_init(&c->rng, seed);
    arena_init(&c->arena);
    c->field = (struct schema_field){ .type = o->type, .element_type = o->element,
                                      .width = type_width(o->type, 0) };
    c->params = (struct scalar_index_params){ .field = &c->field, .cast = o->cast,
                                              .cast_array = o->cast_array,
                                              .min_gram = o->min_gram,
                                              .max_gram = o->max_gram };
    if (o->type == KITH_JSON) c->params.path = str_of(PATH_TEXT);
    c->rows = o->rows;
    c->distinct = o->distinct;
    c->cells = calloc(o->rows + 1, sizeof *c->cells);
    c->data = calloc(o->rows + 1, 8);
    c->valid = calloc(o->rows / 64 + 2, 8);
    c->strs = calloc(o->rows + 1, sizeof *c->strs);
    memset(c->valid, 0xff, (o->rows / 64 + 1) * 8);
    c->source = (struct chunk_source){ .ctx = c, .rows = o->rows, .chunk_rows = 256,
                                       .get = column_get };
}

static inline void column_make(struct column *c, const struct column_opts *o, uint64_t seed)
{
    column_empty(c, o, seed);
    for (size_t row = 0; row < o->rows; row++) {
        struct cell v = { .kind = CELL_NONE };
        if (!o->nulls || rng_below(&c->rng, 5) > 0) {
            v = o->type == KITH_JSON    ? random_json(c)
                : o->type == KITH_ARRAY ? random_array(c, o->element, false)
                                        : random_of(c, o->type, false);
        }
        column_cell(c, row, v);
    }
}

static inline void column_release(struct column *c)
{
    free(c->cells);
    free(c->data);
    free(c->valid);
    free(c->strs);
    arena_release(&c->arena);
}

/* ---- the naive answer: 1 true, 0 false, -1 unknown ---- */

static inline bool cell_number(const struct cell *v, long double *out)
{
    *out = v->kind == CELL_DOUBLE ? (long double)v->d : (long double)v->i;
    return v->kind == CELL_INT || v->kind == CELL_DOUBLE;
}

static inline struct cell cell_of(const struct kith_value *value, bool json)
{
    switch (value->type) {
    case KITH_BOOL: return (struct cell){ .kind = CELL_BOOL, .i = value->i };
    case KITH_DOUBLE: return (struct cell){ .kind = CELL_DOUBLE, .d = value->d };
    case KITH_VARCHAR: return (struct cell){ .kind = CELL_TEXT, .s = value->s };
    default: (void)json; return (struct cell){ .kind = CELL_INT, .i = value->i };
    }
}

/* false: they do not compare. *nan: they do, but are in no order. */
static inline bool cells_compare(const struct cell *a, const struct cell *b, int *order, bool *nan)
{
    long double x, y;
    *nan = false;
    if (cell_number(a, &x) && cell_number(b, &y)) {
        *nan = isnan(x) || isnan(y);
        *order = (x > y) - (x < y);
        return true;
    }
    const bool a_bool = a->kind == CELL_BOOL, b_bool = b->kind == CELL_BOOL;
    if (a_bool && b_bool) {
        *order = (int)(a->i - b->i);
        return true;
    }
    if (a->kind != CELL_TEXT || b->kind != CELL_TEXT) return false;
    const size_t len = a->s.len < b->s.len ? a->s.len : b->s.len;
    *order = memcmp(a->s.data, b->s.data, len);
    if (*order == 0) *order = (a->s.len > b->s.len) - (a->s.len < b->s.len);
    return true;
}

static inline size_t character_len(struct kith_str text)
{
    const unsigned char c = (unsigned char)text.data[0];
    const size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    size_t n = 1;
    while (n < text.len && n < want && ((unsigned char)text.data[n] & 0xc0) == 0x80) n++;
    return n;
}

static inline struct kith_str text_behind(struct kith_str text, size_t n)
{
    return (struct kith_str){ text.data + n, text.len - n };
}

static inline bool naive_like(const uint16_t *p, size_t n, struct kith_str text)
{
    if (n == 0) return text.len == 0;
    if (p[0] == PROBE_LIKE_RUN) {
        for (;; text = text_behind(text, character_len(text))) {
            if (naive_like(p + 1, n - 1, text)) return true;
            if (text.len == 0) return false;
        }
    }
    if (text.len == 0) return false;
    if (p[0] == PROBE_LIKE_ONE)
        return naive_like(p + 1, n - 1, text_behind(text, character_len(text)));
    return p[0] == (unsigned char)text.data[0] && naive_like(p + 1, n - 1, text_behind(text, 1));
}

static inline int naive_side(const struct cell *v, const struct kith_value *bound, bool inclusive,
                             int side)
{
    const struct cell b = cell_of(bound, false);
    int order;
    bool nan;
    if (!cells_compare(v, &b, &order, &nan)) return -1;
    if (nan) return 0;
    return order == 0 ? inclusive : order * side > 0;
}

static inline bool cell_is(const struct cell *v, const struct kith_value *value, bool *compares)
{
    const struct cell b = cell_of(value, false);
    int order;
    bool nan;
    *compares = cells_compare(v, &b, &order, &nan);
    return *compares && !nan && order == 0;
}

static inline int naive_terms(const struct cell *v, const struct probe *p)
{
    int result = -1;
    bool compares;
    for (size_t i = 0; i < p->term_count; i++) {
        if (cell_is(v, &p->terms[i], &compares)) return 1;
        if (compares) result = 0;
    }
    return result;
}

static inline int naive_contains(const struct cell *v, const struct probe *p)
{
    const bool all = p->kind == PROBE_CONTAINS_ALL;
    if (v->kind != CELL_ARRAY) return -1;
    for (size_t t = 0; t < p->term_count; t++) {
        bool has = false, compares;
        for (size_t i = 0; i < v->count; i++) has |= cell_is(&v->items[i], &p->terms[t], &compares);
        if (has != all) return !all;
    }
    return all;
}

static inline int naive_test(const struct cell *v, const struct probe *p)
{
    int low = 1, high = 1;
    if (p->kind == PROBE_PRESENT) return v->kind != CELL_NONE && v->kind != CELL_NULL;
    if (v->kind == CELL_NONE || v->kind == CELL_NULL) return -1;
    switch (p->kind) {
    case PROBE_TERMS: return naive_terms(v, p);
    case PROBE_CONTAINS_ANY: case PROBE_CONTAINS_ALL: return naive_contains(v, p);
    case PROBE_LIKE: return v->kind == CELL_TEXT ? naive_like(p->like, p->like_count, v->s) : -1;
    default: break;
    }
    if (p->has_low) low = naive_side(v, &p->low, p->low_inclusive, 1);
    if (p->has_high) high = naive_side(v, &p->high, p->high_inclusive, -1);
    if (low < 0 || high < 0) return -1;
    return low && high && !(v->kind == CELL_DOUBLE && isnan(v->d));
}

/* ---- an opened index ---- */

struct opened {
    struct index_image image;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    struct scalar_index *index;
};

static const struct index_job plain_job = { .threads = 1 };

static inline void opened_make(struct opened *o, const char *kind, struct column *c)
{
    struct kith_error err = { 0 };
    struct index_job job = plain_job;
    job.os = os_real();
    const struct scalar_index_ops *ops = scalar_index_ops_find(kind);
    memset(o, 0, sizeof *o);
    assert_non_null(ops);
    if (ops->build(&c->source, 0, &c->params, &job, &o->image, &err)) fail_msg("%s", err.text);
    for (size_t i = 0; i < o->image.count; i++) {
        o->views[i].id = o->image.sections[i].id;
        o->views[i].bytes = (struct section){ .data = o->image.sections[i].data,
                                              .len = o->image.sections[i].len };
    }
    if (ops->open(os_real(), o->views, o->image.count, c->rows, &c->params, &o->index, &err))
        fail_msg("%s", err.text);
    assert_string_equal(o->index->ops->kind, kind);
}

static inline void opened_release(struct opened *o)
{
    if (o->index) o->index->ops->close(o->index);
    index_image_release(os_real(), &o->image);
}

#endif
