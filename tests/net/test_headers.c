/*
 * Headers of a request: each that was sent is there for the handler, whatever their number, up to
 * the maximum; one more is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/hostile.h"

enum { MOST = 100 };

/* "first,last" of the headers h0, h1, ...; how many there are is in the query. */
static void answer(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    const int count = atoi(exchange_query(exchange).data);
    struct buffer *reply = exchange_reply(exchange);
    for (int i = 0; i < count; i++) {
        char name[16], value[16];
        (void)snprintf(name, sizeof name, "h%d", i);
        (void)snprintf(value, sizeof value, "v%d", i);
        const struct kith_str got = exchange_header(exchange, name);
        if (got.len != strlen(value) || memcmp(got.data, value, got.len) != 0)
            buffer_printf(reply, "[%s is wrong]", name);
    }
    buffer_printf(reply, "all %d", count);
    exchange_end(exchange);
}

static void test_numbers(void **state)
{
    (void)state;
    static const int counts[] = { 1, 15, 16, 17, 32, 33, 64, 65, MOST, MOST + 1 };
    struct hostile hostile = { .door = { .handle = answer } };
    const uint16_t port = hostile_start(&hostile, (struct net_limits){ 0 });
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct buffer request;
        char text[4096], expected[32];
        const int fd = hostile_dial(port);
        buffer_init(&request);
        buffer_printf(&request, "GET /?%d HTTP/1.1\r\n", counts[c]);
        for (int i = 0; i < counts[c]; i++) buffer_printf(&request, "H%d: v%d\r\n", i, i);
        buffer_put(&request, "\r\n", 2);
        assert_true(hostile_send(fd, request.data, request.len));
        const bool most = counts[c] <= MOST;
        (void)snprintf(expected, sizeof expected, "\r\n\r\nall %d", counts[c]);
        assert_true(hostile_hear(fd, text, sizeof text, most ? expected : "\r\n\r\n"));
        if (!most) assert_memory_equal(text, "HTTP/1.1 431 ", 13);
        (void)close(fd);
        buffer_release(&request);
    }
    hostile_stop(&hostile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
