/*
 * The protobuf wire format and gRPC frames: round trips, malformed input, limits, cuts anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/grpc.h"
#include "proto/wire.h"

static void test_round_trip(void **state)
{
    (void)state;
    static const uint64_t values[] = { 1, 127, 128, 16383, 16384, 1ull << 63, UINT64_MAX };
    struct buffer out;
    buffer_init(&out);
    wire_put_varint(&out, 9, 0); /* left out */
    for (size_t i = 0; i < 7; i++) {
        const size_t before = out.len;
        wire_put_varint(&out, 3, values[i]);
        assert_int_equal(out.len - before, wire_tag_size(3) + wire_varint_size(values[i]));
    }
    const size_t before = out.len;
    wire_put_bytes(&out, 536870911, "abc", 3);
    assert_int_equal(out.len - before, wire_bytes_size(536870911, 3));
    struct wire wire;
    struct wire_field field;
    wire_init(&wire, out.data, out.len);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(wire_next(&wire, &field), 1);
        assert_true(field.number == 3 && field.type == WIRE_VARINT && field.value == values[i]);
    }
    assert_int_equal(wire_next(&wire, &field), 1);
    assert_true(field.number == 536870911 && field.len == 3);
    assert_memory_equal(field.data, "abc", 3);
    assert_int_equal(wire_next(&wire, &field), 0);
    for (size_t cut = 0; cut < out.len; cut++) { /* every prefix ends well or with an error */
        wire_init(&wire, out.data, cut);
        int rc;
        while ((rc = wire_next(&wire, &field)) == 1) continue;
        assert_true(rc == 0 || rc == KITH_EINVAL);
    }
    buffer_release(&out);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        { "\x00\x01", 2 },                                      /* field 0 */
        { "\x0b", 1 },                                          /* a group */
        { "\x0a\x05""abc", 5 },                                 /* longer than the message */
        { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* 2^64 - 1 bytes */
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 }, /* more than 64 bits */
        { "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12 },
        { "\x0d\x01\x02\x03", 4 },
        { "\x09\x01\x02\x03\x04\x05\x06\x07", 8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire wire;
        struct wire_field field;
        wire_init(&wire, cases[i].bytes, cases[i].len);
        assert_int_equal(wire_next(&wire, &field), KITH_EINVAL);
    }
}

static void test_grpc_message(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c' };
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct grpc_message message = { .len = 0 };
        assert_int_equal(grpc_message_feed(&message, bytes, cut), 0);
        assert_int_equal(grpc_message_feed(&message, bytes + cut, sizeof bytes - cut), 0);
        assert_true(grpc_message_whole(&message) && !message.compressed);
        assert_memory_equal(message.body.data, "abc", 3);
        assert_int_equal(grpc_message_feed(&message, bytes, 1), KITH_EINVAL);
        grpc_message_release(&message);
    }
    static const uint8_t most[] = { 0, 4, 0, 0, 0 }, past[] = { 0, 4, 0, 0, 1 }, flag[] = { 2, 0, 0, 0, 0 };
    struct grpc_message message = { .len = 0 };
    assert_int_equal(grpc_message_feed(&message, most, 5), 0);
    assert_int_equal(message.body.cap, 0); /* nothing is taken on the announcement */
    message = (struct grpc_message){ .len = 0 };
    assert_int_equal(grpc_message_feed(&message, past, 5), KITH_ELIMIT);
    message = (struct grpc_message){ .len = 0 };
    assert_int_equal(grpc_message_feed(&message, flag, 5), KITH_EINVAL);
}

static void test_grpc_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = { { "1H", 3600000000 }, { "2M", 120000000 }, { "3S", 3000000 }, { "250m", 250000 },
                  { "7u", 7 },          { "1500n", 2 },      { "99999999H", 359999996400000000 },
                  { "1", -1 },          { "m", -1 },         { "123456789S", -1 },
                  { "1s", -1 },         { "-1S", -1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = -1;
        assert_int_equal(grpc_timeout_parse(cases[i].text, strlen(cases[i].text), &us), cases[i].us >= 0);
        assert_int_equal(us, cases[i].us);
    }
    struct buffer out;
    buffer_init(&out);
    grpc_text_encode(&out, "50% \xc3\xa9\n~");
    assert_int_equal(out.len, strlen("50%25 %C3%A9%0A~"));
    assert_memory_equal(out.data, "50%25 %C3%A9%0A~", out.len);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_grpc_message),
        cmocka_unit_test(test_grpc_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
