/*
 * Every kind of scalar index, every probe, against the naive answer row by row; over random columns
 * of every type with nulls, duplicates, extremes, NaN, empty texts, zero bytes and UTF-8.
 */
#include "index/scalar_ask.h"

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

static void grams(void **state)
{
    static const char *const kinds[] = { "NGRAM", NULL };
    (void)state;
    check_all(kinds, (struct column_opts){ .type = KITH_VARCHAR }, 4000);
    check_all(kinds, (struct column_opts){ .type = KITH_JSON, .cast = KITH_VARCHAR }, 4100);
    check_all(kinds, (struct column_opts){ .type = KITH_VARCHAR, .min_gram = 1, .max_gram = 4 },
              4200);
}

static void count_one(struct column *c, const char *kind, const struct probe *probe,
                      uint64_t expected)
{
    struct opened o;
    struct bitset yes;
    opened_make(&o, kind, c);
    assert_int_equal(bitset_init(&yes, c->rows, false), 0);
    struct probe_answer answer = { .yes = &yes };
    assert_int_equal(o.index->ops->probe(o.index, probe, &answer), 0);
    assert_int_equal(bitset_count(&yes), expected);
    bitset_release(&yes);
    opened_release(&o);
}

/* What is asked of BOOL columns as numbers; what is another path, kind or number is refused. */
static void edges(void **state)
{
    struct column c;
    struct opened o;
    struct bitset yes;
    (void)state;
    column_empty(&c, &(struct column_opts){ .type = KITH_BOOL, .rows = 10 }, 1);
    for (size_t i = 0; i < 10; i++)
        column_cell(&c, i, (struct cell){ .kind = CELL_BOOL, .i = i < 3 });
    struct probe p = { .kind = PROBE_RANGE, .has_low = true, .low_inclusive = true,
                       .low = { .type = KITH_INT64, .i = 1 } };
    count_one(&c, "BITMAP", &p, 3);
    count_one(&c, "STL_SORT", &p, 3);
    p.has_low = false; /* all that are there */
    count_one(&c, "BITMAP", &p, 10);

    opened_make(&o, "INVERTED", &c);
    assert_int_equal(bitset_init(&yes, c.rows, false), 0);
    struct probe_answer answer = { .yes = &yes };
    p.path = str_of("/a");
    assert_int_equal(o.index->ops->probe(o.index, &p, &answer), KITH_EUNSUPPORTED);
    p.path = str_of("");
    p.has_low = true;
    p.low = (struct kith_value){ .type = KITH_VARCHAR, .s = str_of("x") };
    assert_int_equal(o.index->ops->probe(o.index, &p, &answer), KITH_EUNSUPPORTED);
    p.kind = PROBE_MATCH;
    assert_int_equal(o.index->ops->probe(o.index, &p, &answer), KITH_EUNSUPPORTED);
    bitset_release(&yes);
    opened_release(&o);
    column_release(&c);
}

/* An n-gram of whole characters, no matter where signs cut; patterns too short say nothing. */
static void gram_patterns(void **state)
{
    static const char *const texts[] = { "hello world", "h\xc3\xa4llo", "\xe6\xbc\xa2\xe5\xad\x97",
                                         "\xbc\xa2x", "", "world hello", "\xe6\xbc" };
    static const struct { const char *text; uint64_t rows; } asks[] = {
        { "%hello%", 2 }, { "hello%world", 2 }, { "h_llo", 2 }, { "%\xc3\xa4%", 0 },
        { "%\xe6\xbc\xa2\xe5\xad\x97%", 1 }, { "%h\xc3\xa4%", 1 }, { "%orl%ell%", 2 },
        { "%nothing%", 0 },
    };
    struct column c;
    (void)state;
    column_empty(&c, &(struct column_opts){ .type = KITH_VARCHAR, .rows = 7 }, 1);
    for (size_t i = 0; i < 7; i++)
        column_cell(&c, i, (struct cell){ .kind = CELL_TEXT, .s = str_of(texts[i]) });
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        uint16_t like[40];
        size_t n = 0;
        for (const char *at = asks[i].text; *at; at++)
            like[n++] = *at == '%' ? PROBE_LIKE_RUN : *at == '_' ? PROBE_LIKE_ONE
                                                                 : (unsigned char)*at;
        const struct probe p = { .kind = PROBE_LIKE, .like = like, .like_count = n };
        if (i == 3 || i == 2) { /* shorter than an n-gram, or only "llo" is one */
            struct opened o;
            struct bitset yes;
            opened_make(&o, "NGRAM", &c);
            assert_int_equal(bitset_init(&yes, c.rows, false), 0);
            struct probe_answer answer = { .yes = &yes, .exact = true };
            const int rc = o.index->ops->probe(o.index, &p, &answer);
            assert_int_equal(rc, i == 3 ? KITH_EUNSUPPORTED : 0);
            if (i == 2) assert_int_equal(bitset_count(&yes), 3);
            if (i == 2) assert_false(answer.exact);
            bitset_release(&yes);
            opened_release(&o);
        } else {
            count_one(&c, "NGRAM", &p, asks[i].rows);
        }
    }
    column_release(&c);
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
        cmocka_unit_test(arrays),  cmocka_unit_test(json_paths), cmocka_unit_test(grams),
        cmocka_unit_test(edges),   cmocka_unit_test(gram_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
