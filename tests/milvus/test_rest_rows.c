/*
 * Rows of JSON as columns of bytes and back, without a server: values come out as they went in, the
 * texts of what is refused, and no memory at every allocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/rest_rows_fixture.h"

/* Reads rows and writes them again; returns what stands between the brackets. */
static const char *round_trip(struct rest_fixture *f, const char *data)
{
    struct buffer bytes;
    struct json_value value;
    size_t used, rows = 0;
    fixture_reset(f);
    buffer_init(&bytes);
    assert_int_equal(json_read(data, strlen(data), &value, &used, NULL), 0);
    if (rest_rows_in(&f->rest, &f->collection, &value, false, &bytes, &rows))
        fixture_render(f, &bytes, rows);
    buffer_release(&bytes);
    buffer_put_u8(&f->out, 0);
    return buffer_failed(&f->out) ? "" : (const char *)f->out.data;
}

static void same(struct rest_fixture *f, const char *rows)
{
    const char *got = round_trip(f, rows);
    if (f->rest.failed) print_message("%s\n  %s\n", rows, got);
    assert_false(f->rest.failed);
    assert_string_equal(got, rows);
}

static void refused(struct rest_fixture *f, const char *rows, const char *part)
{
    const char *got = round_trip(f, rows);
    if (!f->rest.failed || !strstr(got, part)) print_message("%s\n  %s\n", rows, got);
    assert_true(f->rest.failed);
    assert_non_null(strstr(got, part));
}

#define TAIL "\"v\":[1,2],\"s\":{\"1\":1}"

static void test_round_trip(void **state)
{
    (void)state;
    struct rest_fixture f;
    fixture_init(&f);
    /* A column of nulls alone is not sent. */
    f.fields[1].nullable = true;
    same(&f, "[{\"id\":1,\"x\":1.5,\"t\":\"a\",\"v\":[1,2],\"s\":{\"1\":0.25}}]");
    same(&f, "[{\"id\":-9223372036854775808,\"n\":-128,\"x\":1e-300,\"t\":\"\\u0001\\\"\","
             "\"v\":[-0.1,3e38],\"s\":{\"0\":1,\"4294967294\":2},\"k\":{\"a\":[]},\"l\":\"b\"},"
             "{\"id\":9223372036854775807,\"n\":0,\"x\":0,\"t\":\"\",\"v\":[0,1],\"s\":{}}]");
    /* Another way of writing the same. */
    assert_string_equal(
        round_trip(&f, "{\"t\":\"\\u00e9\",\"id\":\" 7\",\"x\":\"2\",\"n\":1,\"n\":2,"
                       "\"v\":\"[1,2]\",\"s\":{\"indices\":[2,1],\"values\":[3,4]},"
                       "\"\\u0074\":\"z\",\"k\":1,\"k\":2}"),
        "[{\"id\":7,\"n\":2,\"x\":2,\"t\":\"z\",\"v\":[1,2],\"s\":{\"1\":4,\"2\":3},"
        "\"k\":2}]");
    f.rest.int64_text = true;
    same(&f, "[{\"id\":\"1\",\"n\":5,\"x\":1,\"t\":\"\",\"v\":[0,1],\"s\":{}}]");
    fixture_release(&f);
}

static void test_refused(void **state)
{
    (void)state;
    struct rest_fixture f;
    fixture_init(&f);
    f.fields[1].nullable = true;
    refused(&f, "[{\"id\":1}]", "fieldSchema(x) has no corresponding fieldData pass in");
    refused(&f, "[{\"id\":1.5,\"x\":1,\"t\":\"\"," TAIL "}]", "an integer is expected: field id");
    refused(&f, "[{\"id\":1,\"n\":128,\"x\":1,\"t\":\"\"," TAIL "}]", "out of range");
    refused(&f, "[{\"id\":1,\"x\":\"one\",\"t\":\"\"," TAIL "}]", "a number is expected");
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":[1]," TAIL "}]", "a string is expected");
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":\"\",\"v\":[1],\"s\":{}}]", "the dimension is not");
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":\"\",\"v\":[1,null],\"s\":{}}]", "an array of numbers");
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":\"\",\"v\":[1,1e39],\"s\":{}}]", "not a number");
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":\"\",\"v\":[1,1],\"s\":{\"-1\":1}}]", "invalid index");
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":\"\",\"v\":[1,1],\"s\":{\"indices\":[1],\"values\":[]}}]",
            "differ in length");
    f.schema.enable_dynamic_field = false;
    refused(&f, "[{\"id\":1,\"x\":1,\"t\":\"\",\"k\":1," TAIL "}]",
            "has pass more field without dynamic schema, please check it");
    fixture_release(&f);
}

/* ties to even, subnormals, overflow: against the bits that IEEE 754 asks for */
static void test_halves(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint16_t f16, bf16;
    } cases[] = {
        { "[0]", 0, 0 },
        { "[-0.0]", 0x8000, 0x8000 },
        { "[1]", 0x3c00, 0x3f80 },
        { "[-1.5]", 0xbe00, 0xbfc0 },
        { "[65504]", 0x7bff, 0x4780 },
        { "[6.103515625e-05]", 0x0400, 0x3880 },
        { "[5.960464477539063e-08]", 0x0001, 0x3380 },
        { "[2.9802322387695312e-08]", 0x0000, 0x3300 }, /* half of the smallest: to even */
        { "[2.9802326e-08]", 0x0001, 0x3300 },
        { "[1.00048828125]", 0x3c00, 0x3f80 }, /* between 1 and the next: to even */
        { "[1.00146484375]", 0x3c02, 0x3f80 },
        { "[0.1]", 0x2e66, 0x3dcd },
        { "[2049]", 0x6800, 0x4500 },
    };
    struct rest_fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_value value;
        struct buffer out;
        size_t used;
        buffer_init(&out);
        assert_int_equal(json_read(cases[i].text, strlen(cases[i].text), &value, &used, NULL), 0);
        assert_null(rest_vector_in(&f.rest, &value, KITH_FLOAT16_VECTOR, 1, &out));
        assert_null(rest_vector_in(&f.rest, &value, KITH_BFLOAT16_VECTOR, 1, &out));
        if ((out.data[0] | out.data[1] << 8) != cases[i].f16)
            fail_msg("%s as f16: %02x%02x", cases[i].text, out.data[1], out.data[0]);
        if ((out.data[2] | out.data[3] << 8) != cases[i].bf16)
            fail_msg("%s as bf16: %02x%02x", cases[i].text, out.data[3], out.data[2]);
        buffer_clear(&out);
        const struct json_value large = { .kind = JSON_ARRAY, .text = "[65520]", .len = 7 };
        assert_non_null(rest_vector_in(&f.rest, &large, KITH_FLOAT16_VECTOR, 1, &out));
        buffer_release(&out);
    }
    fixture_release(&f);
}

static void test_base64(void **state)
{
    (void)state;
    struct buffer text, back;
    buffer_init(&text);
    buffer_init(&back);
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        buffer_clear(&text);
        buffer_clear(&back);
        rest_base64(&text, bytes, len);
        const struct json_value value = { .kind = JSON_STRING, .text = (const char *)text.data,
                                          .len = text.len };
        assert_true(rest_base64_in(&value, &back));
        assert_int_equal(back.len, len);
        if (len) assert_memory_equal(back.data, bytes, len);
    }
    static const char *const bad[] = { "\"A\"", "\"A===\"", "\"AA=A\"", "\"A*AA\"" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct json_value value = { .kind = JSON_STRING, .text = bad[i],
                                          .len = strlen(bad[i]) };
        assert_false(rest_base64_in(&value, &back));
    }
    buffer_release(&text);
    buffer_release(&back);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char rows[] =
        "[{\"id\":1,\"n\":1,\"x\":1.5,\"t\":\"a\\n\",\"v\":[1,2],\"s\":{\"1\":0.25},\"k\":[1]}]";
    for (uint64_t nth = 1;; nth++) {
        struct rest_fixture f;
        fixture_init(&f);
        alloc_fault_arm(nth, true);
        (void)round_trip(&f, rows);
        const bool failed = f.rest.failed || buffer_failed(&f.out);
        const uint64_t count = alloc_fault_count();
        alloc_fault_disarm();
        fixture_release(&f);
        if (count < nth) {
            assert_false(failed);
            break;
        }
        assert_true(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_halves),     cmocka_unit_test(test_base64),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
