/*
 * A call that is no longer wanted ends: a search over gRPC whose time is over, and one whose client
 * went away, both in the middle of much work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milvus/rest_server.h"
#include "net/hostile.h"
#include "proto/wire.h"

enum { DIM = 128, ROWS = 4000, BATCH = 500, QUERIES = 4000 };

static void fill(struct rest_server *server)
{
    struct buffer body;
    uint64_t seed = 1;
    buffer_init(&body);
    const char *reply =
        server_ask(server, "collections/create", "",
                   "{\"collectionName\":\"c\",\"dimension\":128,\"metricType\":\"L2\"}");
    assert_non_null(strstr(reply, "\"code\":0"));
    for (int row = 0; row < ROWS; row++) {
        if (row % BATCH == 0) {
            buffer_clear(&body);
            buffer_printf(&body, "{\"collectionName\":\"c\",\"data\":[");
        }
        buffer_printf(&body, "%s{\"id\":%d,\"vector\":[", row % BATCH ? "," : "", row);
        for (int i = 0; i < DIM; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            buffer_printf(&body, "%s%d", i ? "," : "", (int)(seed >> 56));
        }
        buffer_printf(&body, "]}");
        if (row % BATCH != BATCH - 1) continue;
        buffer_printf(&body, "]}");
        buffer_put_u8(&body, 0);
        assert_false(buffer_failed(&body));
        reply = server_ask(server, "entities/insert", "", (const char *)body.data);
        assert_non_null(strstr(reply, "\"code\":0"));
    }
    buffer_release(&body);
}

static void put_pair(struct buffer *out, const char *key, const char *value)
{
    wire_put_head(out, 9, wire_bytes_size(1, strlen(key)) + wire_bytes_size(2, strlen(value)));
    wire_put_text(out, 1, key);
    wire_put_text(out, 2, value);
}

/* SearchRequest with thousands of queries. */
static void put_search(struct buffer *out)
{
    static float vector[DIM];
    struct buffer holder;
    buffer_init(&holder);
    wire_put_text(&holder, 1, "$0");
    wire_put_varint(&holder, 2, 101);
    for (int i = 0; i < QUERIES; i++) {
        vector[i % DIM] += 1;
        wire_put_bytes(&holder, 3, vector, sizeof vector);
    }
    wire_put_text(out, 3, "c");
    wire_put_head(out, 6, wire_bytes_size(1, holder.len)); /* one placeholder */
    wire_put_bytes(out, 1, holder.data, holder.len);
    wire_put_varint(out, 7, 1);
    put_pair(out, "anns_field", "vector");
    put_pair(out, "topk", "100");
    wire_put_varint(out, 12, QUERIES);
    assert_false(buffer_failed(out) || buffer_failed(&holder));
    buffer_release(&holder);
}

static uint64_t running(const struct rest_server *server)
{
    struct net_stats stats;
    net_stats_get(server->net, &stats);
    return stats.exchanges;
}

/* How long until the answer is there, and the answer. timeout NULL: as long as it takes. reply NULL:
 * goes away once it runs. */
static int64_t search(const struct rest_server *server, const struct buffer *request,
                      const char *timeout, struct buffer *reply, int *status)
{
    static const uint8_t more[] = { 0x7f, 0, 0, 0 };
    static const uint8_t wide[] = { 0, 4, 0x7f, 0xff, 0xff, 0xff };
    struct h2_reader *reader = test_malloc(sizeof *reader);
    struct buffer bytes;
    buffer_init(&bytes);
    h2_preface(&bytes);
    h2_frame(&bytes, H2_SETTINGS, 0, 0, wide, sizeof wide);
    h2_frame(&bytes, 8, 0, 0, more, sizeof more);
    h2_call(&bytes, 1, "/milvus.proto.milvus.MilvusService/Search",
            timeout ? "grpc-timeout" : NULL, timeout);
    h2_message(&bytes, 1, request->data, request->len);
    h2_reader_init(reader, hostile_dial(net_port(server->net, 0)));
    const struct timeval patience = { .tv_sec = 60 };
    (void)setsockopt(reader->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int64_t start_us = os_now_us(os_real());
    assert_true(hostile_send(reader->fd, bytes.data, bytes.len));
    if (reply) *status = h2_status(reader, reply);
    while (!reply && running(server) == 0) os_sleep_us(os_real(), 500);
    if (!reply) os_sleep_us(os_real(), 20000);
    assert_true(reply || running(server) == 1);
    const int64_t us = os_now_us(os_real()) - start_us;
    h2_reader_release(reader);
    buffer_release(&bytes);
    test_free(reader);
    return us;
}

/* A search that goes on to its end does so each time; one of these is fast on a busy machine too. */
enum { TRIES = 8 };

static void test_deadline_and_departure(void **state)
{
    (void)state;
    struct rest_server *server = test_malloc(sizeof *server);
    struct buffer request, reply;
    char timeout[32];
    int status;
    buffer_init(&request);
    buffer_init(&reply);
    server_open(server, false);
    fill(server);
    put_search(&request);
    const int64_t whole_us = search(server, &request, NULL, &reply, &status);
    assert_int_equal(status, 0);
    assert_true(reply.len > QUERIES * 100 * 4); /* scores of all */
    buffer_clear(&reply);
    (void)snprintf(timeout, sizeof timeout, "%lldu", (long long)whole_us / 8);
    int64_t cut_us = INT64_MAX, gone_us = INT64_MAX;
    for (int i = 0; i < TRIES && (cut_us >= whole_us / 2 || gone_us >= whole_us / 2); i++) {
        buffer_clear(&reply);
        const int64_t us = search(server, &request, timeout, &reply, &status);
        assert_true(status == 4 || reply.len < 1000);
        if (us < cut_us) cut_us = us;
        const int ended = status;
        (void)search(server, &request, NULL, NULL, &status);
        status = ended;
        const int64_t left_us = os_now_us(os_real());
        while (running(server) > 0) os_sleep_us(os_real(), 500);
        if (os_now_us(os_real()) - left_us < gone_us) gone_us = os_now_us(os_real()) - left_us;
    }
    print_message("%d queries: %lld ms; with a time of %lld ms: %lld ms, gRPC status %d, %zu bytes; "
                  "after the client left: %lld ms\n", QUERIES, (long long)whole_us / 1000,
                  (long long)whole_us / 8000, (long long)cut_us / 1000, status, reply.len,
                  (long long)gone_us / 1000);
    assert_true(cut_us < whole_us / 2);
    assert_true(gone_us < whole_us / 2);
    buffer_release(&request);
    buffer_release(&reply);
    server_close(server);
    test_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_deadline_and_departure) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
