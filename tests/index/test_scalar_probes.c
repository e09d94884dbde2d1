/*
 * Every kind of scalar index, every probe, against the naive answer row by row; over random columns
 * of every type with nulls, duplicates, extremes, NaN, empty texts, zero bytes and UTF-8.
 */
#include "index/scalar_help.h"

#define TERMS_MAX 6
#define PATTERN_MAX 12

static struct kith_value value_of(const struct cell *v)
{
    switch (v->kind) {
    case CELL_BOOL: return (struct kith_value){ .type = KITH_BOOL, .i = v->i };
    case CELL_DOUBLE: return (struct kith_value){ .type = KITH_DOUBLE, .d = v->d };
    case CELL_TEXT: return (struct kith_value){ .type = KITH_VARCHAR, .s = v->s };
    default: return (struct kith_value){ .type = KITH_INT64, .i = v->i };
    }
}

/* A value of the column, or near one. */
static struct kith_value pick(struct column *c)
{
    const bool json = c->field.type == KITH_JSON;
    const enum kith_type type = json ? c->params.cast
                                : c->field.type == KITH_ARRAY ? c->field.element_type
                                                              : c->field.type;
    struct cell v = random_of(c, type, json);
    if (v.kind == CELL_INT && rng_below(&c->rng, 4) == 0) v.i ^= 1;
    return value_of(&v);
}

static int order_of(const struct kith_value *a, const struct kith_value *b)
{
    const struct cell x = cell_of(a, false), y = cell_of(b, false);
    int order = 0;
    bool nan;
    (void)cells_compare(&x, &y, &order, &nan);
    return nan ? 0 : order;
}

static size_t pick_terms(struct column *c, struct kith_value *terms)
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

static size_t pick_pattern(struct column *c, uint16_t *like)
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

static void ask_make(struct column *c, struct ask *ask)
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

/* Compares one answer with the rows; true: it was answered. */
static bool check_answer(const struct column *c, const struct scalar_index *index,
                         const struct probe *probe, uint64_t seed)
{
    struct bitset yes, present;
    assert_int_equal(bitset_init(&yes, c->rows, false), 0);
    assert_int_equal(bitset_init(&present, c->rows, false), 0);
    struct probe_answer answer = { .yes = &yes, .present = &present };
    uint64_t estimate = 0, found = 0;
    const int rc = index->ops->probe(index, probe, &answer);
    const int guess = index->ops->estimate(index, probe, &estimate);
    if (rc != 0) assert_int_equal(rc, KITH_EUNSUPPORTED);
    for (size_t row = 0; rc == 0 && row < c->rows; row++) {
        const int naive = naive_test(&c->cells[row], probe);
        const bool is = bitset_get(&yes, row), there = bitset_get(&present, row);
        found += is;
        const bool right = answer.exact ? is == (naive == 1) && there == (naive != -1)
                                        : is || naive != 1;
        if (right) continue;
        fail_msg("seed %llu, %s, probe %d, row %zu: naive %d, answer %d, present %d",
                 (unsigned long long)seed, index->ops->kind, (int)probe->kind, row, naive, is,
                 there);
    }
    if (rc == 0 && guess == 0 && answer.exact) {
        if (probe->kind != PROBE_LIKE && probe->kind != PROBE_CONTAINS_ANY &&
            probe->kind != PROBE_CONTAINS_ALL) {
            assert_int_equal(estimate, found);
        }
        assert_true(estimate <= c->rows);
    }
    bitset_release(&yes);
    bitset_release(&present);
    return rc == 0;
}

static void check_kind(const char *kind, const struct column_opts *opts, uint64_t seed)
{
    struct column c;
    struct opened o;
    struct ask ask;
    struct kith_error err = { 0 };
    size_t answered = 0;
    column_make(&c, opts, seed);
    assert_int_equal(scalar_index_check(kind, &c.params, &err), 0);
    opened_make(&o, kind, &c);
    if (o.index->ops->validate(o.index, &err)) fail_msg("seed %llu: %s", (unsigned long long)seed,
                                                        err.text);
    for (int i = 0; i < 60; i++) {
        ask_make(&c, &ask);
        answered += check_answer(&c, o.index, &ask.probe, seed);
    }
    assert_true(answered > 5);
    opened_release(&o);
    column_release(&c);
}

static void check_all(const char *const *kinds, struct column_opts opts, uint64_t seed)
{
    static const size_t rows[] = { 0, 1, 63, 1000, 1500 };
    for (size_t k = 0; kinds[k]; k++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            opts.rows = rows[i];
            for (unsigned pass = 0; pass < 2; pass++) {
                opts.nulls = pass;
                opts.distinct = pass ? 7 : 5000;
                check_kind(kinds[k], &opts, seed++);
            }
        }
    }
}

static void numbers(void **state)
{
    static const enum kith_type types[] = { KITH_INT8, KITH_INT16, KITH_INT32, KITH_INT64,
                                            KITH_TIMESTAMPTZ, KITH_BOOL };
    static const char *const kinds[] = { "STL_SORT", "INVERTED", "BITMAP", NULL };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        check_all(kinds, (struct column_opts){ .type = types[i] }, 100 + 100 * i);
}

static void floats(void **state)
{
    static const char *const kinds[] = { "STL_SORT", "INVERTED", NULL };
    (void)state;
    check_all(kinds, (struct column_opts){ .type = KITH_FLOAT }, 1000);
    check_all(kinds, (struct column_opts){ .type = KITH_DOUBLE }, 1100);
}

static void texts(void **state)
{
    static const char *const kinds[] = { "STL_SORT", "INVERTED", "BITMAP", "TRIE", NULL };
    (void)state;
    check_all(kinds, (struct column_opts){ .type = KITH_VARCHAR }, 1200);
}

static void arrays(void **state)
{
    static const enum kith_type types[] = { KITH_INT8, KITH_INT64, KITH_VARCHAR, KITH_BOOL };
    static const char *const kinds[] = { "INVERTED", "BITMAP", NULL };
    static const char *const inverted[] = { "INVERTED", NULL };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        check_all(kinds, (struct column_opts){ .type = KITH_ARRAY, .element = types[i] },
                  1300 + 100 * i);
    check_all(inverted, (struct column_opts){ .type = KITH_ARRAY, .element = KITH_DOUBLE }, 1900);
}

static void json_paths(void **state)
{
    static const enum kith_type casts[] = { KITH_BOOL, KITH_DOUBLE, KITH_VARCHAR };
    static const char *const inverted[] = { "INVERTED", NULL };
    (void)state;
    for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) {
        struct column_opts opts = { .type = KITH_JSON, .cast = casts[i] };
        check_all(inverted, opts, 2000 + 200 * i);
        opts.cast_array = true;
        check_all(inverted, opts, 2100 + 200 * i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(floats), cmocka_unit_test(texts),
        cmocka_unit_test(arrays),  cmocka_unit_test(json_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
