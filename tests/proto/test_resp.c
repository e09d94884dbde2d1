/*
 * The RESP codec: commands whole, in pieces and wrong; replies in both protocols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "proto/resp.h"

static const struct resp_limits open_limits = { INT32_MAX, RESP_BULK_BYTES_MAX, true };
static const struct resp_limits closed_limits = { 10, 16384, false };

/* The arguments with '|' between them, or "more", or the error. */
static const char *parse(const char *text, size_t len, const struct resp_limits *limits)
{
    static char out[70000];
    struct resp_parser parser;
    size_t used = 0, at = 0;
    resp_parser_init(&parser);
    const enum resp_result got =
        resp_parse(&parser, limits, (const uint8_t *)text, len, &used);
    out[0] = 0;
    if (got == RESP_MORE) strcpy(out, "more");
    if (got == RESP_HTTP) strcpy(out, "http");
    if (got == RESP_ERROR) strcpy(out, parser.error);
    for (size_t i = 0; got == RESP_COMMAND && i < parser.arg_count; i++) {
        memcpy(out + at, parser.args[i].data, parser.args[i].len);
        at += parser.args[i].len;
        out[at++] = '|';
        out[at] = 0;
    }
    if (got == RESP_COMMAND) assert_int_equal(used, len);
    resp_parser_release(&parser);
    return out;
}

#define PARSE(text) parse(text, sizeof(text) - 1, &open_limits)
#define PARSE_CLOSED(text) parse(text, sizeof(text) - 1, &closed_limits)

static void test_commands(void **state)
{
    (void)state;
    assert_string_equal(PARSE("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), "GET|a|");
    assert_string_equal(PARSE("*1\r\n$0\r\n\r\n"), "|");
    assert_string_equal(PARSE("*0\r\n"), "");
    assert_string_equal(PARSE("*-1\r\n"), "");
    assert_string_equal(PARSE("\r\n"), "");
    assert_string_equal(PARSE("PING\n"), "PING|");
    assert_string_equal(PARSE("  set k\t'a b' \"x\\x41\\n\"\r\n"), "set|k|a b|xA\n|");
    assert_string_equal(PARSE("set k ''\r\n"), "set|k||");
    assert_string_equal(PARSE("''\n"), "|");
    assert_string_equal(PARSE("POST / HTTP/1.1\r\n"), "http");
    assert_string_equal(PARSE("host: x\r\n"), "http");
    assert_string_equal(PARSE("*2\r\n$3\r\nGET\r\n$1\r\na\r"), "more");
    assert_string_equal(PARSE("PING"), "more");
}

static void test_protocol_errors(void **state)
{
    (void)state;
#define E "ERR Protocol error: "
    assert_string_equal(PARSE("*1\r\n:1\r\n"), E "expected '$', got ':'");
    assert_string_equal(PARSE("*x\r\n"), E "invalid multibulk length");
    assert_string_equal(PARSE("*+1\r\n"), E "invalid multibulk length");
    assert_string_equal(PARSE("*2147483648\r\n"), E "invalid multibulk length");
    assert_string_equal(PARSE("*99999999999999999999999\r\n"), E "invalid multibulk length");
    assert_string_equal(PARSE("*1\r\n$-1\r\n"), E "invalid bulk length");
    assert_string_equal(PARSE("*1\r\n$536870913\r\n"), E "invalid bulk length");
    assert_string_equal(PARSE("*1\r\n$x\r\n"), E "invalid bulk length");
    assert_string_equal(PARSE("set 'a\r\n"), E "unbalanced quotes in request");
    assert_string_equal(PARSE("set 'a'b\r\n"), E "unbalanced quotes in request");
    assert_string_equal(PARSE_CLOSED("*11\r\n"), E "unauthenticated multibulk length");
    assert_string_equal(PARSE_CLOSED("*1\r\n$16385\r\n"), E "unauthenticated bulk length");
    assert_string_equal(PARSE_CLOSED("*10\r\n$16384\r\n"), "more");
    char *line = malloc(RESP_INLINE_BYTES_MAX + 2);
    memset(line, 'a', RESP_INLINE_BYTES_MAX + 2);
    assert_string_equal(parse(line, RESP_INLINE_BYTES_MAX, &open_limits), "more");
    assert_string_equal(parse(line, RESP_INLINE_BYTES_MAX + 1, &open_limits),
                        E "too big inline request");
    line[0] = '*';
    assert_string_equal(parse(line, RESP_INLINE_BYTES_MAX + 1, &open_limits),
                        E "too big mbulk count string");
    memcpy(line, "*1\r\n$", 5);
    assert_string_equal(parse(line, RESP_INLINE_BYTES_MAX + 2, &open_limits), "more");
    free(line);
}

/* A stream of commands, cut anywhere and moved at each cut, gives the same commands. */
static void test_pieces(void **state)
{
    (void)state;
    static const char text[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nva\r\nl\r\n"
                               "PING x 'y z'\r\n\r\n"
                               "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*0\r\nQUIT\n";
    static const size_t want[] = { 3, 3, 0, 2, 0, 1 };
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 200; round++) {
        struct resp_parser parser;
        size_t have = 0, begin = 0, commands = 0, used;
        resp_parser_init(&parser);
        while (have < sizeof text - 1) {
            have += 1 + rng_below(&rng, (uint64_t)(round % 7) + 1);
            if (have > sizeof text - 1) have = sizeof text - 1;
            enum resp_result got;
            do {
                uint8_t *copy = malloc(have - begin + 1); /* elsewhere each time */
                memcpy(copy, text + begin, have - begin);
                got = resp_parse(&parser, &open_limits, copy, have - begin, &used);
                if (got == RESP_COMMAND) {
                    assert_int_equal(parser.arg_count, want[commands]);
                    if (commands == 0) assert_memory_equal(parser.args[2].data, "va\r\nl", 5);
                    if (commands == 3) assert_memory_equal(parser.args[1].data, "key", 3);
                    commands++;
                    begin += used;
                }
                free(copy);
            } while (got == RESP_COMMAND);
            assert_int_equal(got, RESP_MORE);
        }
        assert_int_equal(commands, 6);
        resp_parser_release(&parser);
    }
}

/* What is announced is not allocated. */
static void test_announced(void **state)
{
    (void)state;
    struct resp_parser parser;
    size_t used;
    resp_parser_init(&parser);
    static const uint8_t text[] = "*2147483647\r\n$536870912\r\nabc";
    alloc_fault_arm(UINT64_MAX, false);
    assert_int_equal(resp_parse(&parser, &open_limits, text, sizeof text - 1, &used), RESP_MORE);
    assert_int_equal(alloc_fault_count(), 0);
    alloc_fault_disarm();
    resp_parser_release(&parser);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "set a 'b c' d\r\n";
    for (uint64_t nth = 1;; nth++) {
        struct resp_parser parser;
        size_t used;
        resp_parser_init(&parser);
        alloc_fault_arm(nth, false);
        const enum resp_result got = resp_parse(&parser, &open_limits, (const uint8_t *)text,
                                                sizeof text - 1, &used);
        const bool hit = alloc_fault_count() >= nth;
        alloc_fault_disarm();
        resp_parser_release(&parser);
        assert_int_equal(got, hit ? RESP_ENOMEM : RESP_COMMAND);
        if (!hit) return;
    }
}

static void expect(struct resp *resp, const char *text)
{
    assert_int_equal(resp->out->len, strlen(text));
    assert_memory_equal(resp->out->data, text, strlen(text));
    buffer_clear(resp->out);
}

static void test_replies(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    struct resp two = { &out, 2 }, three = { &out, 3 };
    resp_ok(&two);
    resp_error(&two, "ERR a\r\nb");
    resp_integer(&two, INT64_MIN);
    resp_bulk(&two, "a\0b", 3);
    assert_int_equal(out.len, 5 + 11 + 23 + 9);
    buffer_clear(&out);
    resp_error(&two, "ERR a\r\nb");
    expect(&two, "-ERR a  b\r\n");
    resp_integer(&two, INT64_MIN);
    resp_bulk_integer(&two, -7);
    expect(&two, ":-9223372036854775808\r\n$2\r\n-7\r\n");
    resp_null(&two), resp_null_array(&two), resp_bool(&two, true), resp_double(&two, 1.5);
    expect(&two, "$-1\r\n*-1\r\n:1\r\n$3\r\n1.5\r\n");
    resp_null(&three), resp_null_array(&three), resp_bool(&three, true), resp_double(&three, 1.5);
    expect(&three, "_\r\n_\r\n#t\r\n,1.5\r\n");
    resp_map(&two, 2), resp_set(&two, 2), resp_push(&two, 2), resp_verbatim(&two, "ab", 2);
    expect(&two, "*4\r\n*2\r\n*2\r\n$2\r\nab\r\n");
    resp_map(&three, 2), resp_set(&three, 2), resp_push(&three, 2), resp_verbatim(&three, "ab", 2);
    expect(&three, "%2\r\n~2\r\n>2\r\n=6\r\ntxt:ab\r\n");
    resp_ok(&two);
    const size_t place = resp_open(&two);
    resp_integer(&two, 1), resp_integer(&two, 2);
    resp_close(&two, place, '%', 1);
    expect(&two, "+OK\r\n*2\r\n:1\r\n:2\r\n");
    const size_t empty = resp_open(&three);
    resp_close(&three, empty, '~', 0);
    expect(&three, "~0\r\n");
    buffer_release(&out);
}

/* A reply that nobody can be meant to read ends, whatever the command goes on to say. */
static void test_too_much(void **state)
{
    (void)state;
    struct buffer out = { .len = RESP_OUTPUT_BYTES_MAX };
    struct resp resp = { &out, 2 };
    out.len++;
    resp_bulk(&resp, "x", 1);
    assert_true(buffer_failed(&out));
    assert_int_equal(out.len, RESP_OUTPUT_BYTES_MAX + 1);
    assert_null(out.data);
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 100, "100" }, { 0.1, "0.1" }, { 0.00001, "0.00001" }, { 1e-7, "1e-7" },
        { 1e20, "1e+20" }, { 123456789012345680.0, "123456789012345680" },
        { 1.5e300, "1.5e+300" }, { -2.5, "-2.5" }, { INFINITY, "inf" }, { -INFINITY, "-inf" },
        { 3.0000000000000004, "3.0000000000000004" }, { 0, "0" }, { -0.0, "-0" },
        { 4503599627370496.0, "4503599627370496" }, { 5e-324, "5e-324" }, { 1e21, "1e+21" },
        { 0.000123456789012, "1.23456789012e-4" }, { 1234.5, "1234.5" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[RESP_DOUBLE_TEXT_MAX + 1];
        text[resp_double_text(cases[i].value, text)] = 0;
        assert_string_equal(text, cases[i].text);
    }
}

static size_t put_drawn_command(struct rng *rng, char *out, size_t room)
{
    static const char *const names[] = { "GET", "SET", "get", "GETRANGE", "X", "ABCDEFGHIJKLM",
                                         "ABCDEFGHIJKLMN", "", "a\r\nb" };
    const char *name = names[rng_below(rng, sizeof names / sizeof names[0])];
    const unsigned words = 1 + (unsigned)rng_below(rng, 4);
    size_t len = (size_t)snprintf(out, room, "*%u\r\n$%zu\r\n%s\r\n", words, strlen(name), name);
    for (unsigned i = 1; i < words; i++)
        len += (size_t)snprintf(out + len, room - len, "$2\r\nk%u\r\n",
                                (unsigned)rng_below(rng, 9));
    return len;
}

/* From text[at] on, as a batch is read; how many commands were known by their heads. */
static size_t read_both_ways(const uint8_t *text, size_t len)
{
    struct resp_head head = { 0 };
    struct kith_str words[16], last = { "", 0 };
    size_t alike = 0, last_count = 0;
    for (size_t at = 0; at < len;) {
        struct resp_parser parser;
        size_t used = 0;
        resp_parser_init(&parser);
        const enum resp_result got = resp_parse(&parser, &open_limits, text + at, len - at, &used);
        const size_t took =
            resp_parse_short(&open_limits, text + at, len - at, &head, words, 16);
        if (took) {
            assert_int_equal(got, RESP_COMMAND);
            assert_int_equal(took, used);
            assert_int_equal(head.words, parser.arg_count);
            for (size_t i = 0; i < head.words; i++) {
                assert_int_equal(words[i].len, parser.args[i].len);
                assert_ptr_equal(words[i].data, parser.args[i].data);
            }
            if (head.alike) {
                assert_int_equal(head.words, last_count);
                assert_int_equal(words[0].len, last.len);
                assert_memory_equal(words[0].data, last.data, last.len);
            }
            alike += head.alike;
            last = words[0];
            last_count = head.words;
        } else {
            head.len = 0;
        }
        resp_parser_release(&parser);
        if (got != RESP_COMMAND) break;
        at += used;
    }
    return alike;
}

/* What is known by its first bytes is what the long way reads, also where a byte is another. */
static void test_heads(void **state)
{
    static const char others[] = "*$\r\n0123456789GETSx";
    char text[4096];
    struct rng rng;
    size_t alike = 0;
    (void)state;
    rng_init(&rng, 7);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = 0;
        for (unsigned i = 0; i < 6; i++) {
            const size_t from = len;
            len += put_drawn_command(&rng, text + len, sizeof text - len);
            for (size_t more = rng_below(&rng, 3); more; more--) {
                memcpy(text + len, text + from, len - from);
                len += len - from;
            }
        }
        uint8_t *exact = malloc(len); /* where sanitizers see a byte too many */
        assert_non_null(exact);
        memcpy(exact, text, len);
        if (round % 2) exact[rng_below(&rng, len)] = (uint8_t)others[rng_below(&rng, 19)];
        alike += read_both_ways(exact, round % 5 ? len : rng_below(&rng, len + 1));
        free(exact);
    }
    assert_true(alike > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands), cmocka_unit_test(test_protocol_errors),
        cmocka_unit_test(test_pieces),   cmocka_unit_test(test_announced),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_doubles),  cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
