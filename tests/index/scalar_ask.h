/*
 * Random probes about a random column (scalar_help.h): its values, values near them, patterns made
 * of its texts.
 */
#ifndef TESTS_INDEX_SCALAR_ASK_H
#define TESTS_INDEX_SCALAR_ASK_H

#include "index/scalar_help.h"

#define TERMS_MAX 6
#define PATTERN_MAX 12

static inline struct kith_value value_of(const struct cell *v)
{
    switch (v->kind) {
    case CELL_BOOL: return (struct kith_value){ .type = KITH_BOOL, .i = v->i };
    case CELL_DOUBLE: return (struct kith_value){ .type = KITH_DOUBLE, .d = v->d };
    case CELL_TEXT: return (struct kith_value){ .type = KITH_VARCHAR, .s = v->s };
    default: return (struct kith_value){ .type = KITH_INT64, .i = v->i };
    }
}

/* A value of the column, or near one. */
static inline struct kith_value pick(struct column *c)
{
    const bool json = c->field.type == KITH_JSON;
    const enum kith_type type = json ? c->params.cast
                                : c->field.type == KITH_ARRAY ? c->field.element_type
                                                              : c->field.type;
    struct cell v = random_of(c, type, json);
    if (v.kind == CELL_INT && rng_below(&c->rng, 4) == 0) v.i ^= 1;
    if (v.kind == CELL_INT && rng_below(&c->rng, 4) == 0)
        v = (struct cell){ .kind = CELL_DOUBLE, .d = random_double(c, false) };
    return value_of(&v);
}

static inline int order_of(const struct kith_value *a, const struct kith_value *b)
{
    const struct cell x = cell_of(a, false), y = cell_of(b, false);
    int order = 0;
    bool nan;
    (void)cells_compare(&x, &y, &order, &nan);
    return nan ? 0 : order;
}

static inline size_t pick_terms(struct column *c, struct kith_value *terms)
{
    size_t n = 0;
    const size_t want = 1 + (size_t)rng_below(&c->rng, TERMS_MAX - 1);
    for (size_t tries = 0; n == 0 || (n < want && tries < 10); tries++) {
        const struct kith_value v = pick(c);
        size_t at = 0;
        if (v.type == KITH_DOUBLE && isnan(v.d)) continue;
        while (at < n && order_of(&terms[at], &v) < 0) at++;
        if (at < n && order_of(&terms[at], &v) == 0) continue;
        memmove(terms + at + 1, terms + at, (n - at) * sizeof *terms);
        terms[at] = v;
        n++;
    }
    return n;
}

static inline size_t pick_pattern(struct column *c, uint16_t *like)
{
    const struct kith_str text = random_text(c);
    size_t n = 0;
    for (size_t i = 0; i < text.len && n + 5 < PATTERN_MAX;) { /* signs stand for characters */
        const uint64_t what = rng_below(&c->rng, 12);
        size_t len = 1;
        while (i + len < text.len && ((unsigned char)text.data[i + len] & 0xc0) == 0x80) len++;
        if (what < 2) like[n++] = what == 0 ? PROBE_LIKE_ONE : PROBE_LIKE_RUN;
        for (size_t k = 0; what >= 2 && k < len; k++) like[n++] = (unsigned char)text.data[i + k];
        i += len;
    }
    if (rng_below(&c->rng, 2)) like[n++] = PROBE_LIKE_RUN;
    return n;
}

struct ask {
    struct probe probe;
    struct kith_value terms[TERMS_MAX + 1];
    uint16_t like[PATTERN_MAX];
};

static inline void ask_make(struct column *c, struct ask *ask)
{
    static const enum probe_kind kinds[] = { PROBE_PRESENT, PROBE_RANGE, PROBE_TERMS, PROBE_LIKE,
                                             PROBE_CONTAINS_ANY, PROBE_CONTAINS_ALL };
    struct probe *p = &ask->probe;
    *p = (struct probe){ .kind = kinds[rng_below(&c->rng, 6)], .path = c->params.path,
                         .terms = ask->terms, .like = ask->like };
    p->has_low = rng_below(&c->rng, 3) > 0;
    p->has_high = rng_below(&c->rng, 3) > 0 || !p->has_low;
    p->low_inclusive = rng_below(&c->rng, 2);
    p->high_inclusive = rng_below(&c->rng, 2);
    p->low = pick(c);
    p->high = rng_below(&c->rng, 4) ? pick(c) : p->low;
    p->term_count = pick_terms(c, ask->terms);
    p->like_count = pick_pattern(c, ask->like);
}

#endif
