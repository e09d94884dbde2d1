/*
 * The binary formats: vecs, bin, npy and the words sample; right ones, every truncation of them,
 * headers that lie, and going on from a saved position.
 */
#include "import_help.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static void put_vecs(struct buffer *b, uint32_t rows, uint32_t dim)
{
    for (uint32_t r = 0; r < rows; r++) {
        buffer_put_u32(b, dim);
        for (uint32_t d = 0; d < dim; d++) buffer_put_f32(b, (float)(r * 100 + d));
    }
}

static void test_fvecs(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    put_vecs(&b, 5, 3);
    struct import_reader *reader = open_ok(b.data, b.len, "x.fvecs");
    const struct import_description *about = import_describe(reader);
    assert_int_equal(about->rows, 5);
    assert_int_equal(about->column_count, 1);
    assert_int_equal(about->columns[0].kind, IMPORT_VECTOR_F32);
    assert_int_equal(about->columns[0].dim, 3);
    struct import_batch batch = next_ok(reader, 2);
    assert_int_equal(batch.rows, 2);
    const float *values = batch.columns[0].values;
    assert_true(values[5] == 102.0f && batch.columns[0].nulls == NULL);
    struct import_position position = import_position(reader);
    batch = next_ok(reader, 100);
    assert_int_equal(batch.rows, 3);
    assert_int_equal(batch.first_row, 2);
    assert_int_equal(next_ok(reader, 100).rows, 0);
    assert_int_equal(import_seek(reader, position, NULL), 0);
    batch = next_ok(reader, 1);
    values = batch.columns[0].values;
    assert_true(values[0] == 200.0f);
    position.offset++;
    assert_int_equal(import_seek(reader, position, NULL), KITH_EINVAL);
    import_close(reader);
    buffer_release(&b);
}

static void test_vecs_refuses(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    put_vecs(&b, 3, 4);
    for (size_t len = 0; len < b.len; len++) {
        if (len && len % 20 == 0) continue; /* a whole number of rows is a file */
        open_fails(b.data, len, "t.fvecs", KITH_ECORRUPT, "");
    }
    b.data[20] = 9; /* the second row's dimension */
    struct import_reader *reader = open_ok(b.data, b.len, "t.fvecs");
    next_fails(reader, 10, KITH_ECORRUPT, "row 1 has dimension 9");
    assert_int_equal(next_ok(reader, 1).rows, 1);
    import_close(reader);
    memset(b.data, 0, 4);
    open_fails(b.data, b.len, "t.fvecs", KITH_ECORRUPT, "dimension 0");
    memset(b.data, 255, 4);
    open_fails(b.data, b.len, "t.fvecs", KITH_ECORRUPT, "dimension 4294967295");
    open_fails(b.data, b.len, "t.bin", KITH_EINVAL, "cannot tell");
    buffer_release(&b);
}

static void test_bytes_and_ints(void **state)
{
    (void)state;
    const uint8_t bvecs[] = {2, 0, 0, 0, 7, 255, 2, 0, 0, 0, 1, 2};
    struct import_reader *reader = open_ok(bvecs, sizeof bvecs, "x.bvecs");
    struct import_batch batch = next_ok(reader, 9);
    assert_int_equal(batch.rows, 2);
    assert_memory_equal(batch.columns[0].values, "\x07\xff\x01\x02", 4);
    import_close(reader);
    const uint8_t ivecs[] = {1, 0, 0, 0, 254, 255, 255, 255};
    reader = open_ok(ivecs, sizeof ivecs, "x.ivecs");
    batch = next_ok(reader, 9);
    assert_int_equal(*(const int32_t *)batch.columns[0].values, -2);
    import_close(reader);
    const uint8_t i8bin[] = {2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 255, 254, 128};
    reader = open_ok(i8bin, sizeof i8bin, "x.i8bin");
    batch = next_ok(reader, 9);
    assert_int_equal(import_describe(reader)->columns[0].kind, IMPORT_VECTOR_I8);
    assert_int_equal(((const int8_t *)batch.columns[0].values)[5], -128);
    import_close(reader);
    for (size_t len = 0; len < sizeof i8bin; len++) {
        open_fails(i8bin, len, "x.i8bin", KITH_ECORRUPT, "");
    }
    const uint8_t liar[] = {255, 255, 255, 255, 0, 0, 1, 0, 1, 2};
    open_fails(liar, sizeof liar, "x.fbin", KITH_ECORRUPT, "do not make a file of 10 bytes");
}

static size_t put_npy(uint8_t *out, int version, const char *dict, const void *data, size_t len)
{
    size_t text = strlen(dict), at = version == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (uint8_t)version;
    out[7] = 0;
    memset(out + 8, 0, 4);
    out[8] = (uint8_t)text;
    memcpy(out + at, dict, text);
    memcpy(out + at + text, data, len);
    return at + text + len;
}

static void test_npy(void **state)
{
    (void)state;
    const struct {
        const char *dict;
        const void *data;
        size_t bytes, rows;
        enum import_kind kind;
        double second; /* element 1 */
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
         (const float[]){1.5f, -2.5f}, 8, 1, IMPORT_VECTOR_F32, -2.5},
        {"{'shape': (2, 1), 'fortran_order': False, 'descr': '<f8'}",
         (const double[]){1, 0.25}, 16, 2, IMPORT_VECTOR_F32, 0.25},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2)}",
         (const uint16_t[]){0x3c00, 0xc500}, 4, 1, IMPORT_VECTOR_F32, -5},
        {"{'descr': '|i1', 'fortran_order': False, 'shape': (1, 2)}",
         (const int8_t[]){1, -7}, 2, 1, IMPORT_VECTOR_I8, -7},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (1, 2)}",
         (const int64_t[]){1, -9}, 16, 1, IMPORT_VECTOR_I32, -9},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}",
         (const int64_t[]){1, INT64_MIN}, 16, 2, IMPORT_I64, (double)INT64_MIN},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}",
         (const float[]){1, 3}, 8, 2, IMPORT_F64, 3},
    };
    for (size_t i = 0; i < 3 * sizeof cases / sizeof *cases; i++) {
        size_t c = i / 3;
        uint8_t file[256];
        size_t len = put_npy(file, (int)(i % 3) + 1, cases[c].dict, cases[c].data, cases[c].bytes);
        struct import_reader *reader = open_ok(file, len, "anything");
        struct import_batch batch = next_ok(reader, 10);
        assert_int_equal(batch.rows, cases[c].rows);
        assert_int_equal(import_describe(reader)->columns[0].kind, cases[c].kind);
        const void *values = batch.columns[0].values;
        double got = 0;
        if (cases[c].kind == IMPORT_VECTOR_F32) got = (double)((const float *)values)[1];
        if (cases[c].kind == IMPORT_VECTOR_I8) got = ((const int8_t *)values)[1];
        if (cases[c].kind == IMPORT_VECTOR_I32) got = ((const int32_t *)values)[1];
        if (cases[c].kind == IMPORT_I64) got = (double)((const int64_t *)values)[1];
        if (cases[c].kind == IMPORT_F64) got = ((const double *)values)[1];
        assert_true(got == cases[c].second);
        import_close(reader);
        for (size_t cut = 0; cut < len; cut++) {
            struct import_reader *none;
            assert_true(import_open_bytes(file, cut, "x.npy", NULL, &none, NULL) < 0);
        }
    }
}

static void test_npy_refuses(void **state)
{
    (void)state;
    uint8_t file[256];
    float data[2] = {1, 2};
    static const struct {
        const char *dict;
        int code;
        const char *part;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1, 2)}", KITH_EUNSUPPORTED, "astype"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2)}", KITH_EUNSUPPORTED,
         "ascontiguousarray"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2)}", KITH_EUNSUPPORTED, "1 or 2"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", KITH_EUNSUPPORTED, "1 or 2"},
        {"{'descr': [('a','<f4')], 'shape': (2,)}", KITH_EUNSUPPORTED, "1 or 2"},
        {"{'descr': '<f4', 'shape': (2,)}", KITH_EUNSUPPORTED, "1 or 2"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 2)}",
         KITH_ECORRUPT, "do not make"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}",
         KITH_EUNSUPPORTED, "1 or 2"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999)}", KITH_ELIMIT,
         "dimension"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 0)}", KITH_ELIMIT, "dimension"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = put_npy(file, 1, cases[i].dict, data, sizeof data);
        open_fails(file, len, "x.npy", cases[i].code, cases[i].part);
    }
    int64_t wide[2] = {1, 1LL << 40};
    size_t len = put_npy(file, 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 1)}", wide,
                         sizeof wide);
    struct import_reader *reader = open_ok(file, len, "x.npy");
    next_fails(reader, 10, KITH_EINVAL, "row 1 has a value beyond 32 bits");
    import_close(reader);
}

static void sample_path(char *out, size_t cap)
{
    const char *root = getenv("KITH_SOURCE_DIR");
    snprintf(out, cap, "%s/tests/data/words-sample.bin", root ? root : ".");
}

static void test_sample(void **state)
{
    (void)state;
    char path[4096];
    struct import_reader *reader;
    struct kith_error err;
    sample_path(path, sizeof path);
    if (import_open(os_real(), path, NULL, &reader, &err)) fail_msg("%s", err.text);
    assert_int_equal(import_describe(reader)->rows, 20000);
    assert_int_equal(import_describe(reader)->columns[1].dim, 100);
    uint64_t rows = 0;
    for (struct import_batch b; (b = next_ok(reader, 777)).rows; rows += b.rows) {
        const struct import_text *words = b.columns[0].values;
        const float *vectors = b.columns[1].values;
        if (b.first_row == 0) assert_memory_equal(words[0].text, "the", words[0].len);
        for (size_t i = 0; i < b.rows; i++) {
            double norm2 = 0;
            for (int d = 0; d < 100; d++) {
                double x = (double)vectors[i * 100 + (size_t)d];
                norm2 += x * x;
            }
            assert_true(words[i].len > 0 && fabs(sqrt(norm2) - 1) < 0.02);
        }
    }
    assert_int_equal(rows, 20000);
    assert_int_equal(import_position(reader).offset, import_describe(reader)->bytes);
    import_close(reader);
}

/* Sizes that do not add up, and a checksum that does not match. */
static void test_sample_damaged(void **state)
{
    (void)state;
    uint8_t file[32 + 2 * 4 + 2 * 3 + 6];
    memset(file, 0, sizeof file);
    memcpy(file, "KITHWS1\n", 8);
    file[8] = 2, file[12] = 3, file[16] = 6;
    memcpy(file + sizeof file - 6, "ab\ncd\n", 6);
    open_fails(file, sizeof file, "s", KITH_ECORRUPT, "checksum");
    for (size_t cut = 8; cut < sizeof file; cut++) {
        open_fails(file, cut, "s", KITH_ECORRUPT, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fvecs),      cmocka_unit_test(test_vecs_refuses),
        cmocka_unit_test(test_bytes_and_ints), cmocka_unit_test(test_npy),
        cmocka_unit_test(test_npy_refuses), cmocka_unit_test(test_sample),
        cmocka_unit_test(test_sample_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
