/*
 * Sizes that nobody could send (N3), against the Milvus door: what is announced costs nothing, what
 * unpacks is not unpacked for strangers, and every one of them gets a plain answer. While each
 * lasts, the process must not have grown by more than what was sent and 1 MiB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "milvus/rest_server.h"
#include "net/hostile.h"
#include "proto/grpc.h"

#define SLACK_BYTES (1u << 20)
#define SEARCH      "/milvus.proto.milvus.MilvusService/Search"
#define ROOT        "Authorization: Bearer root:Milvus\r\n"

struct sizes {
    struct rest_server server;
    uint16_t port;
    size_t before; /* resident */
};

static void begin(struct sizes *sizes) { sizes->before = hostile_peak_begin(); }

static void check(const struct sizes *sizes, const char *what, size_t sent)
{
    const size_t growth = hostile_peak(sizes->before);
    print_message("N3 %-34s %9zu bytes sent, peak + %zu KiB\n", what, sent, growth / 1024);
    if (HOSTILE_MEASURES && growth > sent + SLACK_BYTES) fail_msg("%s", what);
}

static int open_sizes(void **state)
{
    struct sizes *sizes = test_calloc(1, sizeof *sizes);
    server_open(&sizes->server, true);
    sizes->port = net_port(sizes->server.net, 0);
    (void)server_ask(&sizes->server, "collections/list", ROOT, "{}"); /* everything is there */
    assert_int_equal(sizes->server.status, 200);
    *state = sizes;
    return 0;
}

static int close_sizes(void **state)
{
    struct sizes *sizes = *state;
    server_close(&sizes->server);
    test_free(sizes);
    return 0;
}

/* ---- HTTP/2 ---- */

/* Sends, and gives back how the first call ends; H2_LATE: not at all, and it waits. */
static int say_h2(struct sizes *sizes, const char *what, const struct buffer *bytes, bool ends)
{
    struct h2_reader *reader = test_malloc(sizeof *reader);
    memset(reader, 1, sizeof *reader); /* ours, and not counted */
    begin(sizes);
    h2_reader_init(reader, hostile_dial(sizes->port));
    const struct timeval soon = { .tv_usec = 300000 };
    if (!ends)
        (void)setsockopt(reader->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    (void)hostile_send(reader->fd, bytes->data, bytes->len);
    const int status = h2_status(reader, NULL);
    check(sizes, what, bytes->len);
    h2_reader_release(reader);
    test_free(reader);
    assert_true(hostile_left(&(struct hostile){ .net = sizes->server.net }, 1, 20000));
    return status;
}

static void test_frames(void **state)
{
    struct sizes *sizes = *state;
    static const uint8_t two_gib[] = { 0, 0x80, 0, 0, 0, 'x' }, most[] = { 0, 4, 0, 0, 0, 'x' };
    struct buffer bytes;
    buffer_init(&bytes);
    h2_preface(&bytes);
    h2_call(&bytes, 1, SEARCH, NULL, NULL);
    h2_frame(&bytes, H2_DATA, 0, 1, two_gib, sizeof two_gib);
    assert_int_equal(say_h2(sizes, "a message of 2 GiB", &bytes, true), GRPC_RESOURCE_EXHAUSTED);
    buffer_clear(&bytes);
    h2_preface(&bytes);
    for (uint32_t i = 0; i < 100; i++) {
        h2_call(&bytes, 2 * i + 1, SEARCH, NULL, NULL);
        h2_frame(&bytes, H2_DATA, 0, 2 * i + 1, most, sizeof most);
    }
    assert_int_equal(say_h2(sizes, "100 messages of 64 MiB", &bytes, false), H2_LATE);
    buffer_release(&bytes);
}

/* A header of 4,000 bytes into HPACK's table, then one byte for each copy of it, in every stream
 * that a stranger may have, and more. */
static void test_hpack_bomb(void **state)
{
    struct sizes *sizes = *state;
    struct buffer bytes, block;
    char value[4001];
    memset(value, 'a', 4000);
    value[4000] = 0;
    buffer_init(&bytes);
    buffer_init(&block);
    h2_preface(&bytes);
    for (uint32_t i = 0; i < 1000; i++) {
        buffer_clear(&block);
        hpack_put(&block, ":method", "POST");
        hpack_put(&block, ":scheme", "http");
        hpack_put(&block, ":authority", "x");
        hpack_put(&block, ":path", SEARCH);
        if (i == 0) {
            buffer_put_u8(&block, 0x40); /* literal, into the table */
            hpack_len(&block, 1);
            buffer_put_u8(&block, 'x');
            hpack_len(&block, 4000);
            buffer_put(&block, value, 4000);
        }
        for (int copies = 0; copies < 15; copies++) buffer_put_u8(&block, 0x80 | 62);
        h2_frame(&bytes, H2_HEADERS, H2_END_HEADERS, 2 * i + 1, block.data, block.len);
    }
    (void)say_h2(sizes, "HPACK: 1,000 x 60 KB", &bytes, false);
    buffer_release(&bytes);
    buffer_release(&block);
}

/* 64 MiB of zeros as 64 KB, from somebody without credentials. */
static void test_gzip_bomb(void **state)
{
    struct sizes *sizes = *state;
    static uint8_t packed[1 << 17], zeros[1 << 16];
    z_stream stream = { .next_out = packed + 5, .avail_out = sizeof packed - 5 };
    struct buffer bytes;
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i < 1000; i++) {
        stream.next_in = zeros;
        stream.avail_in = sizeof zeros;
        assert_int_equal(deflate(&stream, i == 999 ? Z_FINISH : Z_NO_FLUSH),
                         i == 999 ? Z_STREAM_END : Z_OK);
    }
    (void)deflateEnd(&stream);
    const size_t len = sizeof packed - 5 - stream.avail_out;
    packed[0] = 1;
    packed[2] = (uint8_t)(len >> 16);
    packed[3] = (uint8_t)(len >> 8);
    packed[4] = (uint8_t)len;
    buffer_init(&bytes);
    h2_preface(&bytes);
    h2_call(&bytes, 1, SEARCH, "grpc-encoding", "gzip");
    for (size_t at = 0; at < len + 5; at += 16384) {
        const size_t slice = len + 5 - at < 16384 ? len + 5 - at : 16384;
        h2_frame(&bytes, H2_DATA, at + slice == len + 5 ? H2_END_STREAM : 0, 1, packed + at, slice);
    }
    assert_int_equal(say_h2(sizes, "gzip: 64 MB as 64 KB", &bytes, true), GRPC_UNAUTHENTICATED);
    buffer_release(&bytes);
}

/* ---- HTTP/1.1 ---- */

static void say_h1(struct sizes *sizes, const char *what, const char *head, const char *status)
{
    char text[1024];
    begin(sizes);
    const int fd = hostile_dial(sizes->port);
    (void)hostile_say(fd, head);
    assert_true(hostile_hear(fd, text, sizeof text, "\r\n\r\n"));
    check(sizes, what, strlen(head));
    if (!strstr(text, status)) fail_msg("%s: %s", what, text);
    (void)close(fd);
}

#define POST "POST /v2/vectordb/entities/search HTTP/1.1\r\n"

static void test_lengths(void **state)
{
    struct sizes *sizes = *state;
    say_h1(sizes, "Content-Length 2^63", POST "Content-Length: 9223372036854775808\r\n\r\nx", " 4");
    say_h1(sizes, "Content-Length 2^64", POST "Content-Length: 18446744073709551616\r\n\r\nx", " 4");
    say_h1(sizes, "Content-Length 64 MiB + 1", POST "Content-Length: 67108865\r\n\r\nx", " 413 ");
    say_h1(sizes, "a chunk of 2^63",
           POST "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx", " 4");
    say_h1(sizes, "a chunk of 2^64",
           POST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx", " 4");
}

/* With a right password: the body is read, and that is all. */
static void say_rest(struct sizes *sizes, const char *what, const char *path, const char *headers,
                     const char *body, int status, const char *part)
{
    begin(sizes);
    const char *reply = server_ask(&sizes->server, path, headers, body);
    check(sizes, what, strlen(body));
    if (sizes->server.status != status || !strstr(reply, part))
        fail_msg("%s: %d %.300s", what, sizes->server.status, reply);
}

static void test_depth(void **state)
{
    struct sizes *sizes = *state;
    const size_t deep = 100000;
    char *body = test_malloc(2 * deep + 64);
    strcpy(body, "{\"collectionName\":");
    const size_t head = strlen(body);
    memset(body + head, '[', deep);
    memset(body + head + deep, ']', deep);
    strcpy(body + head + 2 * deep, "}");
    say_rest(sizes, "JSON 10^5 deep, nobody", "entities/search", "", body, 401, "\"code\":1800");
    say_rest(sizes, "JSON 10^5 deep, root", "entities/search", ROOT, body, 200, "\"code\":1801");
    test_free(body);
}

static void test_numbers(void **state)
{
    struct sizes *sizes = *state;
    static const char *const dims[] = { "2147483647", "2147483648", "4294967297",
                                        "9223372036854775807", "99999999999999999999", "-1" };
    static const char *const limits[] = { "2147483647", "2147483648", "4294967296",
                                          "9223372036854775807", "-1" };
    char body[512];
    say_rest(sizes, "a collection", "collections/create", ROOT,
             "{\"collectionName\":\"c\",\"dimension\":4}", 200, "\"code\":0");
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        (void)snprintf(body, sizeof body, "{\"collectionName\":\"d\",\"dimension\":%s}", dims[i]);
        say_rest(sizes, "dim", "collections/create", ROOT, body, 200, "\"message\":");
    }
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        (void)snprintf(body, sizeof body, "{\"collectionName\":\"c\",\"data\":[[1,2,3,4]],"
                       "\"annsField\":\"vector\",\"limit\":%s}", limits[i]);
        say_rest(sizes, "top-k", "entities/search", ROOT, body, 200, "\"message\":");
        (void)snprintf(body, sizeof body, "{\"collectionName\":\"c\",\"data\":[[1,2,3,4]],"
                       "\"annsField\":\"vector\",\"limit\":10,\"offset\":%s}", limits[i]);
        say_rest(sizes, "offset", "entities/search", ROOT, body, 200, "\"message\":");
        if (limits[i][0] == '-') continue; /* of a query it is none */
        (void)snprintf(body, sizeof body, "{\"collectionName\":\"c\",\"filter\":\"id >= 0\","
                       "\"limit\":%s}", limits[i]);
        say_rest(sizes, "limit of a query", "entities/query", ROOT, body, 200, "\"message\":");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames, open_sizes, close_sizes),
        cmocka_unit_test_setup_teardown(test_hpack_bomb, open_sizes, close_sizes),
        cmocka_unit_test_setup_teardown(test_gzip_bomb, open_sizes, close_sizes),
        cmocka_unit_test_setup_teardown(test_lengths, open_sizes, close_sizes),
        cmocka_unit_test_setup_teardown(test_depth, open_sizes, close_sizes),
        cmocka_unit_test_setup_teardown(test_numbers, open_sizes, close_sizes),
    };
    (void)mallopt(M_MMAP_THRESHOLD, 131072);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
