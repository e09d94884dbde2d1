/*
 * HTTP/1.1 requests: whole and byte by byte, bodies of both kinds, limits at and one past, and what
 * two readers could understand in two ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/http1.h"

#define BODY_MAX 64

static void feed(struct http1 *http, const char *text, size_t len, size_t step)
{
    for (size_t at = 0; at < len && http->state != HTTP1_ERROR && http->state != HTTP1_DONE;) {
        size_t used, piece = len - at < step ? len - at : step;
        assert_int_equal(http1_feed(http, (const uint8_t *)text + at, piece, &used), 0);
        at += used;
    }
}

static bool is(struct kith_str text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

static void test_requests(void **state)
{
    (void)state;
    static const char text[] = "\r\nPOST /v2/x?y HTTP/1.1\r\nHost: a\r\nContent-Length:  5 \r\n"
                               "X-Long-Name:\t b c\t\r\n\r\nhello";
    for (size_t step = 1; step < sizeof text; step++) {
        struct http1 http;
        http1_init(&http, BODY_MAX);
        feed(&http, text, strlen(text), step);
        assert_int_equal(http.state, HTTP1_DONE);
        assert_true(is(http.method, "POST") && is(http.target, "/v2/x?y") && http.keep_alive);
        assert_true(is(http1_header_get(&http, "x-long-name"), "b c"));
        assert_int_equal(http1_header_get(&http, "absent").len, 0);
        assert_int_equal(http.body.len, 5);
        assert_memory_equal(http.body.data, "hello", 5);
        http1_release(&http);
    }
}

static void test_chunked(void **state)
{
    (void)state;
    static const char text[] = "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
                               "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n";
    for (size_t step = 1; step < sizeof text; step++) {
        struct http1 http;
        http1_init(&http, BODY_MAX);
        feed(&http, text, strlen(text), step);
        assert_int_equal(http.state, HTTP1_DONE);
        assert_int_equal(http.body.len, 13);
        assert_memory_equal(http.body.data, "abc0123456789", 13);
        http1_release(&http);
    }
}

static void test_pipelined(void **state)
{
    (void)state;
    static const char text[] = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nConnection: x, Close\r\n\r\n";
    struct http1 http;
    http1_init(&http, BODY_MAX);
    size_t used;
    assert_int_equal(http1_feed(&http, (const uint8_t *)text, strlen(text), &used), 0);
    assert_int_equal(http.state, HTTP1_DONE);
    assert_int_equal(used, 19);
    http1_next(&http);
    size_t more;
    const size_t rest = strlen(text) - used;
    assert_int_equal(http1_feed(&http, (const uint8_t *)text + used, rest, &more), 0);
    assert_int_equal(more, rest);
    assert_true(http.state == HTTP1_DONE && is(http.target, "/b") && !http.keep_alive);
    http1_release(&http);
}

static int status_of(const char *text, size_t len)
{
    struct http1 http;
    http1_init(&http, BODY_MAX);
    feed(&http, text, len, len);
    const int status = http.state == HTTP1_ERROR ? http.status : http.state == HTTP1_DONE ? 200 : 0;
    http1_release(&http);
    return status;
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        { "GET / HTTP/1.1\r\nA: 1\r\n\r\n", 200 },
        { "GET / HTTP/1.1\nA: 1\n\n", 200 },
        { "GET / HTTP/2.0\r\n\r\n", 505 },
        { "GET /\r\n\r\n", 400 },
        { "GE\x01T / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA : 1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: \x01\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n", 413 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 413 },
        { "POST / HTTP/1.1\r\nContent-Length: 65\r\n\r\n", 413 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int status = status_of(cases[i].text, strlen(cases[i].text));
        if (status != cases[i].status) print_message("case %zu: %s\n", i, cases[i].text);
        assert_int_equal(status, cases[i].status);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[HTTP1_HEAD_BYTES_MAX + 64];
    int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nA: ");
    for (size_t past = 0; past < 2; past++) {
        const size_t len = HTTP1_HEAD_BYTES_MAX + past;
        memset(text + n, 'x', len - (size_t)n - 4);
        memcpy(text + len - 4, "\r\n\r\n", 4);
        assert_int_equal(status_of(text, len), past ? 431 : 200);
    }
    for (size_t count = HTTP1_HEADERS_MAX; count <= HTTP1_HEADERS_MAX + 1; count++) {
        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");
        for (size_t i = 0; i < count; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "H%zu: v\r\n", i);
        n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        assert_int_equal(status_of(text, (size_t)n), count > HTTP1_HEADERS_MAX ? 431 : 200);
    }
    n = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n", BODY_MAX);
    memset(text + n, 'b', BODY_MAX);
    assert_int_equal(status_of(text, (size_t)n + BODY_MAX), 200);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct http1 http;
        http1_init(&http, BODY_MAX);
        size_t used;
        alloc_fault_arm(nth, false);
        const int rc = http1_feed(&http, (const uint8_t *)text, strlen(text), &used);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        done = rc == 0;
        assert_true(!done || http.state == HTTP1_DONE);
        http1_release(&http);
        assert_true(nth < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests), cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_pipelined), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
