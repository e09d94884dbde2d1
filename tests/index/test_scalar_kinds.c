/*
 * Which kind fits which field, names in any case, and what AUTO chooses.
 */
#include "index/scalar_help.h"

static int check(const char *kind, enum kith_type type, enum kith_type element, unsigned flags)
{
    const struct schema_field field = { .type = type, .element_type = element, .flags = flags };
    const struct scalar_index_params params = { .field = &field };
    return scalar_index_check(kind, &params, NULL);
}

static void fits(void **state)
{
    (void)state;
    static const char *const names[] = { "STL_SORT", "stl_sort", "Trie", "INVERTED", "bitmap",
                                         "Ngram", "RTREE", "TEXT" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(scalar_index_ops_find(names[i]));
    assert_null(scalar_index_ops_find("HNSW"));
    assert_null(scalar_index_ops_find(NULL));
    assert_int_equal(check("STL_SORT", KITH_INT8, 0, 0), 0);
    assert_int_equal(check("STL_SORT", KITH_TIMESTAMPTZ, 0, 0), 0);
    assert_int_equal(check("STL_SORT", KITH_ARRAY, KITH_INT8, 0), KITH_EINVAL);
    assert_int_equal(check("STL_SORT", KITH_JSON, 0, 0), KITH_EINVAL);
    assert_int_equal(check("INVERTED", KITH_ARRAY, KITH_FLOAT, 0), 0);
    assert_int_equal(check("Trie", KITH_VARCHAR, 0, 0), 0);
    assert_int_equal(check("TRIE", KITH_INT64, 0, 0), KITH_EINVAL);
    assert_int_equal(check("BITMAP", KITH_DOUBLE, 0, 0), KITH_EINVAL);
    assert_int_equal(check("BITMAP", KITH_ARRAY, KITH_FLOAT, 0), KITH_EINVAL);
    assert_int_equal(check("BITMAP", KITH_INT64, 0, KITH_FIELD_PRIMARY), KITH_EINVAL);
    assert_int_equal(check("BITMAP", KITH_INT64, 0, 0), 0);
    assert_int_equal(check("RTREE", KITH_GEOMETRY, 0, 0), 0);
    assert_int_equal(check("RTREE", KITH_VARCHAR, 0, 0), KITH_EINVAL);
    assert_int_equal(check("INVERTED", KITH_FLOAT_VECTOR, 0, 0), KITH_EINVAL);
    assert_int_equal(check("nothing", KITH_INT64, 0, 0), KITH_EINVAL);
}

static void paths_and_grams(void **state)
{
    struct schema_field field = { .type = KITH_JSON };
    struct scalar_index_params p = { .field = &field, .path = str_of("/a") };
    struct kith_error err = { 0 };
    (void)state;
    assert_int_equal(scalar_index_check("INVERTED", &p, &err), KITH_EINVAL);
    assert_string_equal(err.text, "json index must specify cast type: missing parameter");
    p.cast = KITH_DOUBLE;
    assert_int_equal(scalar_index_check("INVERTED", &p, NULL), 0);
    assert_int_equal(scalar_index_check("NGRAM", &p, NULL), KITH_EINVAL);
    p.cast = KITH_VARCHAR;
    assert_int_equal(scalar_index_check("NGRAM", &p, NULL), 0);
    p.path = str_of("a");
    assert_int_equal(scalar_index_check("INVERTED", &p, NULL), KITH_EINVAL);
    field.type = KITH_VARCHAR;
    p = (struct scalar_index_params){ .field = &field, .min_gram = 1, .max_gram = 16 };
    assert_int_equal(scalar_index_check("NGRAM", &p, NULL), 0);
    p.max_gram = 17;
    assert_int_equal(scalar_index_check("NGRAM", &p, NULL), KITH_EINVAL);
    p.max_gram = 0;
    assert_int_equal(scalar_index_check("NGRAM", &p, NULL), KITH_EINVAL);
    p.min_gram = 3;
    p.max_gram = 2;
    assert_int_equal(scalar_index_check("NGRAM", &p, NULL), KITH_EINVAL);
}

static const char *chosen(enum kith_type type, unsigned values, bool source)
{
    struct column c;
    column_empty(&c, &(struct column_opts){ .type = type, .rows = 3000 }, 1);
    for (size_t row = 0; row < c.rows && type != KITH_JSON; row++) {
        char text[20];
        const int64_t value = (int64_t)(row % values);
        const int len = snprintf(text, sizeof text, "t%d", (int)value);
        const bool is_text = c.field.width == 0;
        column_cell(&c, row, is_text ? (struct cell){ .kind = CELL_TEXT,
                                                      .s = keep(&c, text, (size_t)len) }
                                     : (struct cell){ .kind = CELL_INT, .i = value });
    }
    const char *kind = scalar_index_choose(&c.params, source ? &c.source : NULL, 0);
    column_release(&c);
    return kind;
}

static void automatic(void **state)
{
    (void)state;
    assert_string_equal(chosen(KITH_BOOL, 2, true), "BITMAP");
    assert_string_equal(chosen(KITH_INT64, 100, true), "BITMAP");
    assert_string_equal(chosen(KITH_INT64, 101, true), "STL_SORT");
    assert_string_equal(chosen(KITH_INT64, 10, false), "STL_SORT");
    assert_string_equal(chosen(KITH_VARCHAR, 50, true), "BITMAP");
    assert_string_equal(chosen(KITH_VARCHAR, 3000, true), "INVERTED");
    assert_string_equal(chosen(KITH_DOUBLE, 3, true), "INVERTED");
    assert_string_equal(chosen(KITH_TIMESTAMPTZ, 3, true), "STL_SORT");
    assert_string_equal(chosen(KITH_GEOMETRY, 3, true), "RTREE");
    assert_string_equal(chosen(KITH_JSON, 3, true), "INVERTED");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(fits), cmocka_unit_test(paths_and_grams),
                                        cmocka_unit_test(automatic) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
